//! From a map of how likely each pixel belongs to a line of text to the lines' places.
//!
//! What is likely enough is put together where pixels touch; around each part the smallest rectangle is laid, at any angle,
//! and grown again by what training made smaller (Liao et al., "Real-time Scene Text Detection with Differentiable
//! Binarization", 2020). Constants are those of rapidocr 3.10 (`config.yaml`).

use std::collections::BTreeMap;

/// Four corners, from the first letter's upper left around with the clock, in pixels.
pub(super) type Quad = [[f64; 2]; 4];

/// A pixel is part of a line from here on.
const LIKELY: f32 = 0.3;
/// The mean of a line is at least this.
const SURE: f64 = 0.5;
/// What is thinner is no line.
const THIN: f64 = 3.0;
/// A rectangle grows by this share of its area over its circumference.
const GROWTH: f64 = 1.6;
/// No picture has more lines.
const MOST: usize = 1000;
/// Lines whose tops are closer than this are one row of the page.
const ROW: f64 = 10.0;

/// `width × height` probabilities.
#[derive(Clone, Copy)]
pub(super) struct Likely<'a> {
    pub width: usize,
    pub height: usize,
    pub data: &'a [f32],
}

impl Likely<'_> {
    /// The lines, in pixels of a picture of this size, in the order in which they are read: by rows from the top, in a row
    /// from the left.
    pub(super) fn quads(&self, (width, height): (u32, u32)) -> Vec<Quad> {
        let scale = [f64::from(width) / self.width as f64, f64::from(height) / self.height as f64];
        let last = [f64::from(width - 1), f64::from(height - 1)];
        let quad = |hull: Vec<[f64; 2]>| -> Option<Quad> {
            let rectangle = Rectangle::around(&hull)?;
            if rectangle.thickness() < THIN || self.mean(&rectangle.corners()) < SURE {
                return None;
            }
            let grown = rectangle.grown();
            if grown.thickness() < THIN + 2.0 {
                return None;
            }
            let place = |corner: [f64; 2]| {
                [0, 1].map(|axis| (corner[axis] * scale[axis]).round_ties_even().clamp(0.0, last[axis]))
            };
            let quad = ordered(grown.corners().map(place));
            let side = |a: usize, b: usize| (quad[a][0] - quad[b][0]).hypot(quad[a][1] - quad[b][1]);
            (side(0, 1) >= THIN + 1.0 && side(0, 3) >= THIN + 1.0).then_some(quad)
        };
        let mut quads: Vec<Quad> = self.hulls().into_iter().take(MOST).filter_map(quad).collect();
        in_reading_order(&mut quads);
        quads
    }

    /// Whether a pixel, or one above or to the left of it, is likely: gaps of one pixel are closed.
    fn is_likely(&self, x: usize, y: usize) -> bool {
        let (left, top) = (x.saturating_sub(1), y.saturating_sub(1));
        let at = |x: usize, y: usize| self.data[y * self.width + x] > LIKELY;
        at(x, y) || at(left, y) || at(x, top) || at(left, top)
    }

    /// For each part of likely pixels that touch, at corners too, the convex hull around their middles.
    fn hulls(&self) -> Vec<Vec<[f64; 2]>> {
        // Runs of a row: first and last pixel, and the part that they belong to so far.
        let mut parents: Vec<usize> = Vec::new();
        let mut runs: Vec<(usize, usize, usize)> = Vec::new();
        let mut above = 0..0;
        for y in 0..self.height {
            let start = runs.len();
            let mut x = 0;
            while x < self.width {
                if !self.is_likely(x, y) {
                    x += 1;
                    continue;
                }
                let first = x;
                while x < self.width && self.is_likely(x, y) {
                    x += 1;
                }
                let run = runs.len();
                parents.push(run);
                for other in above.clone() {
                    let (_, from, to): (usize, usize, usize) = runs[other];
                    if from <= x && to + 1 >= first {
                        let (a, b) = (root(&mut parents, other), root(&mut parents, run));
                        parents[a.max(b)] = a.min(b);
                    }
                }
                runs.push((y, first, x - 1));
            }
            above = start..runs.len();
        }
        let mut parts: BTreeMap<usize, Vec<[i64; 2]>> = BTreeMap::new();
        for (run, &(y, first, last)) in runs.iter().enumerate() {
            let part = parts.entry(root(&mut parents, run)).or_default();
            part.extend([first, last].map(|x| [x as i64, y as i64]));
        }
        parts.into_values().map(hull).collect()
    }

    /// The mean of the pixels within a rectangle, those on its edges included.
    fn mean(&self, corners: &Quad) -> f64 {
        let ends = |axis: usize, most: usize| {
            let all = corners.map(|corner| corner[axis]);
            let least = all.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let within = |at: f64| at.clamp(0.0, (most - 1) as f64);
            (within(least.floor()) as usize, within(greatest.ceil()) as usize)
        };
        let ((left, right), (top, bottom)) = (ends(0, self.width), ends(1, self.height));
        let (mut sum, mut count) = (0.0, 0u64);
        for y in top..=bottom {
            let (mut from, mut to) = (f64::INFINITY, f64::NEG_INFINITY);
            for (a, b) in (0..4).map(|i| (corners[i], corners[(i + 1) % 4])) {
                let (low, high) = (a[1].min(b[1]), a[1].max(b[1]));
                if (y as f64) < low.floor() || (y as f64) > high.ceil() {
                    continue;
                }
                let share = if high > low { ((y as f64 - a[1]) / (b[1] - a[1])).clamp(0.0, 1.0) } else { 0.0 };
                let crossings = if high > low { [a[0] + share * (b[0] - a[0]); 2] } else { [a[0], b[0]] };
                from = crossings.iter().copied().fold(from, f64::min);
                to = crossings.iter().copied().fold(to, f64::max);
            }
            if from > to {
                continue;
            }
            let (from, to) = ((from.round().max(left as f64)) as usize, (to.round().min(right as f64)) as usize);
            for x in from..=to {
                sum += f64::from(self.data[y * self.width + x]);
                count += 1;
            }
        }
        sum / count.max(1) as f64
    }
}

fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}

/// The convex hull of points, with the clock (Andrew's monotone chain).
fn hull(mut points: Vec<[i64; 2]>) -> Vec<[f64; 2]> {
    points.sort_unstable();
    points.dedup();
    if points.len() > 2 {
        let turn =
            |a: [i64; 2], b: [i64; 2], c: [i64; 2]| (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        let half = |points: &mut dyn Iterator<Item = [i64; 2]>| {
            let mut chain: Vec<[i64; 2]> = Vec::new();
            for point in points {
                while let [.., a, b] = chain[..]
                    && turn(a, b, point) <= 0
                {
                    chain.pop();
                }
                chain.push(point);
            }
            chain.pop();
            chain
        };
        let mut lower = half(&mut points.iter().copied());
        lower.extend(half(&mut points.iter().rev().copied()));
        points = lower;
    }
    points.iter().map(|point| point.map(|at| at as f64)).collect()
}

/// A rectangle at any angle: its middle, the direction of one side, and half of its two sides.
#[derive(Debug, Clone, Copy)]
struct Rectangle {
    middle: [f64; 2],
    along: [f64; 2],
    half: [f64; 2],
}

impl Rectangle {
    /// The smallest around a convex hull; one of its sides lies on a side of the hull.
    fn around(hull: &[[f64; 2]]) -> Option<Rectangle> {
        let mut best: Option<(f64, Rectangle)> = None;
        for (i, a) in hull.iter().enumerate() {
            let b = hull[(i + 1) % hull.len()];
            let length = (b[0] - a[0]).hypot(b[1] - a[1]);
            if length == 0.0 {
                continue;
            }
            let along = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
            let across = [-along[1], along[0]];
            let ends = |axis: [f64; 2]| {
                let places = hull.iter().map(|point| point[0] * axis[0] + point[1] * axis[1]);
                places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)))
            };
            let ((u0, u1), (v0, v1)) = (ends(along), ends(across));
            let (u, v) = ((u0 + u1) / 2.0, (v0 + v1) / 2.0);
            let middle = [0, 1].map(|axis| u * along[axis] + v * across[axis]);
            let area = (u1 - u0) * (v1 - v0);
            if best.as_ref().is_none_or(|(least, _)| area < *least) {
                best = Some((area, Rectangle { middle, along, half: [(u1 - u0) / 2.0, (v1 - v0) / 2.0] }));
            }
        }
        best.map(|(_, rectangle)| rectangle)
    }

    /// The shorter side.
    fn thickness(&self) -> f64 {
        2.0 * self.half[0].min(self.half[1])
    }

    /// Larger on all sides by its area over its circumference, times [`GROWTH`].
    fn grown(&self) -> Rectangle {
        let [a, b] = self.half;
        let distance = GROWTH * (4.0 * a * b) / (4.0 * (a + b));
        Rectangle { half: [a + distance, b + distance], ..*self }
    }

    fn corners(&self) -> Quad {
        let Rectangle { middle, along, half } = *self;
        let across = [-along[1], along[0]];
        let corner = |u: f64, v: f64| [0, 1].map(|axis| middle[axis] + u * along[axis] + v * across[axis]);
        let [a, b] = half;
        ordered([corner(-a, -b), corner(a, -b), corner(a, b), corner(-a, b)])
    }
}

/// Upper left, upper right, lower right, lower left: of the two corners on each side the upper comes first.
fn ordered(mut corners: Quad) -> Quad {
    corners.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let by_height = |a: [f64; 2], b: [f64; 2]| if b[1] < a[1] { (b, a) } else { (a, b) };
    let ((top_left, bottom_left), (top_right, bottom_right)) =
        (by_height(corners[0], corners[1]), by_height(corners[2], corners[3]));
    [top_left, top_right, bottom_right, bottom_left]
}

/// By rows from the top, in a row from the left. A row goes on as long as the next top is near.
fn in_reading_order(quads: &mut [Quad]) {
    quads.sort_by(|a, b| a[0][1].total_cmp(&b[0][1]));
    let mut rows = quads.chunk_by_mut(|a, b| b[0][1] - a[0][1] < ROW);
    rows.by_ref().for_each(|row| row.sort_by(|a, b| a[0][0].total_cmp(&b[0][0])));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with probability where `is_in` says so.
    fn map(width: usize, height: usize, is_in: impl Fn(f64, f64) -> bool) -> Vec<f32> {
        let at = |i: usize| is_in((i % width) as f64, (i / width) as f64);
        (0..width * height).map(|i| if at(i) { 0.9 } else { 0.0 }).collect()
    }

    fn quads(width: usize, height: usize, data: &[f32]) -> Vec<Quad> {
        Likely { width, height, data }.quads((width as u32, height as u32))
    }

    #[test]
    fn a_block_is_found_and_grown() {
        let data = map(200, 100, |x, y| (40.0..=139.0).contains(&x) && (30.0..=39.0).contains(&y));
        // With the closing of gaps it ends a pixel later: 100 × 10, which grow by 1.6 × 1000 / 220.
        assert_eq!(quads(200, 100, &data), [[[33.0, 23.0], [147.0, 23.0], [147.0, 47.0], [33.0, 47.0]]]);
        let half = Likely { width: 200, height: 100, data: &data }.quads((100, 50));
        assert_eq!(half, [[[16.0, 11.0], [74.0, 11.0], [74.0, 24.0], [16.0, 24.0]]]);
    }

    #[test]
    fn a_slanted_line_has_a_slanted_place() {
        let (sin, cos) = 20f64.to_radians().sin_cos();
        let data = map(300, 300, |x, y| {
            let (x, y) = (x - 150.0, y - 150.0);
            (x * cos + y * sin).abs() <= 80.0 && (y * cos - x * sin).abs() <= 8.0
        });
        let [quad] = quads(300, 300, &data)[..] else { panic!("one line") };
        let angle = (quad[1][1] - quad[0][1]).atan2(quad[1][0] - quad[0][0]).to_degrees();
        assert!((angle - 20.0).abs() < 1.5, "{angle}");
        assert!(quad[0][0] < quad[2][0] && quad[0][1] < quad[3][1], "{quad:?}");
    }

    #[test]
    fn lines_are_read_by_rows_and_specks_are_none() {
        let boxes = [(110.0, 12.0), (10.0, 15.0), (10.0, 60.0), (110.0, 58.0)];
        let data = map(240, 120, |x, y| {
            let is_speck = (200.0..=201.0).contains(&x) && (90.0..=91.0).contains(&y);
            is_speck || boxes.iter().any(|(left, top)| x >= *left && x < left + 60.0 && y >= *top && y < top + 12.0)
        });
        let tops: Vec<bool> = quads(240, 120, &data).iter().map(|quad| quad[0][0] < 100.0).collect();
        assert_eq!(tops, [true, false, true, false]);
        let faint: Vec<f32> = data.iter().map(|likely| likely * 0.5).collect();
        assert!(quads(240, 120, &faint).is_empty(), "likely, but not sure");
    }

    #[test]
    fn whatever_the_map_is_there_is_a_result() {
        for (width, height) in [(1, 1), (1, 40), (40, 1), (32, 32)] {
            for value in [0.0, 1.0, f32::NAN, f32::INFINITY] {
                let _ = quads(width, height, &vec![value; width * height]);
                let checks: Vec<f32> = (0..width * height).map(|i| if i % 3 == 0 { value } else { 0.0 }).collect();
                let _ = quads(width, height, &checks);
            }
        }
    }
}
