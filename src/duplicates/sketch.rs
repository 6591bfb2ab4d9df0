//! Whether a picture shows a part of another: where landmarks say that it lies, both are laid over each other and compared.

use super::Orientation;
use super::landmarks::{self, Landmark};
use crate::image::{Colour, Filter, Fit, Rgb};

/// Longer sides of the small copies of brightness and of colours.
const SIDE: usize = 64;
const COARSE: usize = 32;

/// Of 63 signs so many may differ between a place and the same place in a crop.
pub(super) const SIGNS: u32 = 14;
/// Places that agree on where the part lies, at least, and how far each may be off, as a share of the longer side.
const AGREE: usize = 4;
const OFF: f32 = 0.02;
/// The part's longer side is at least so much of the whole's.
const LEAST_SCALE: f32 = 0.6;

/// By how much a part is moved and scaled to lie better, and how often at most.
const FIRST_STEP: f32 = 0.012;
const LAST_STEP: f32 = 0.001;
const MOST_STEPS: usize = 40;
/// A part correlates at least so much with what it lies upon.
const LEAST_CORRELATION: f32 = 0.97;
/// And at most so much of it does not look like that.
const MOST_ODD: f32 = 0.022;
/// Its colours are at most so far from those, in steps of 255 and on the average; and at most such a share is further than that.
const MOST_COLOUR: f32 = 8.0;
const MOST_FAR: f32 = 0.05;
const FAR: f32 = 30.0;
/// Points are compared that have so much of a colour, in either picture; if they are fewer than this share, as if they were so many.
const COLOURED: f32 = 6.0;
const LEAST_COLOURED: f32 = 0.05;
/// Around a part is a frame where so much of it is nearly of one brightness.
const PLAIN: f32 = 0.97;
const NEARLY: u8 = 16;

/// What is kept of a picture to find it in others.
#[derive(Clone, PartialEq)]
pub(crate) struct Sketch {
    brightness: Plane,
    colours: [Plane; 2],
    landmarks: Vec<Landmark>,
}

#[derive(Clone, PartialEq)]
struct Plane {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

/// Where a picture lies in another: a point of it, in shares of its longer side, is scaled and moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placement {
    pub scale: [f32; 2],
    pub start: [f32; 2],
}

impl Placement {
    fn map(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [self.start[0] + self.scale[0] * x, self.start[1] + self.scale[1] * y]
    }
}

/// How well a part fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fitting {
    /// How the part has to be mirrored or turned.
    pub orientation: Orientation,
    /// Which share of the whole's area it is.
    pub share: f32,
    /// Whether what is around it is a frame of one colour.
    pub is_framed: bool,
    /// Of the brightness of both, 1 at best.
    pub correlation: f32,
    /// Which share of its cells does not look like what they lie upon.
    pub odd: f32,
    /// How far the colours are from each other on the average, and which share of them is far.
    pub colour: (f32, f32),
}

impl Fitting {
    /// Whether it shows what is at its place in the whole.
    pub(crate) fn is_part(&self) -> bool {
        self.correlation >= LEAST_CORRELATION
            && self.odd <= MOST_ODD
            && self.colour.0 <= MOST_COLOUR
            && self.colour.1 <= MOST_FAR
    }
}

impl Plane {
    fn size(&self) -> [f32; 2] {
        let longer = self.width.max(self.height) as f32;
        [self.width as f32 / longer, self.height as f32 / longer]
    }

    /// The value at a point, between four of the plane; the border's go on outside.
    fn between(&self, [x, y]: [f32; 2]) -> f32 {
        let longer = self.width.max(self.height) as f32;
        let inside = |value: f32, side: usize| (value * longer - 0.5).clamp(0.0, (side - 1) as f32);
        let (x, y) = (inside(x, self.width), inside(y, self.height));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (dx, dy) = (x - left as f32, y - top as f32);
        let value = |x: usize, y: usize| f32::from(self.values[y * self.width + x]);
        let row = |y: usize| value(left, y) * (1.0 - dx) + value(right, y) * dx;
        row(top) * (1.0 - dy) + row(bottom) * dy
    }

    fn oriented(&self, orientation: Orientation) -> Plane {
        let (width, height) = match orientation.transposed {
            true => (self.height, self.width),
            false => (self.width, self.height),
        };
        let mut values = Vec::with_capacity(self.values.len());
        for row in 0..height {
            for column in 0..width {
                let row = if orientation.flipped { height - 1 - row } else { row };
                let column = if orientation.mirrored { width - 1 - column } else { column };
                let (row, column) = if orientation.transposed { (column, row) } else { (row, column) };
                values.push(self.values[row * self.width + column]);
            }
        }
        Plane { width, height, values }
    }
}

impl Sketch {
    pub(crate) fn of(picture: &Rgb) -> Sketch {
        let longer = picture.width.max(picture.height);
        let small = |side: usize| {
            let scaled = |length: u32| {
                ((f64::from(length) * side as f64 / f64::from(longer)).round() as u32).clamp(1, side as u32)
            };
            let (width, height) = (scaled(picture.width), scaled(picture.height));
            picture.resize(width, height, Fit::Stretch, Filter::Bilinear, Colour::WHITE)
        };
        let plane = |small: &Rgb, [r, g, b]: [f32; 3], middle: f32| {
            let mixed = |pixel: &[u8; 3]| {
                let [red, green, blue] = pixel.map(f32::from);
                (middle + r * red + g * green + b * blue).round().clamp(0.0, 255.0) as u8
            };
            let values = small.pixels.as_chunks::<3>().0.iter().map(mixed).collect();
            Plane { width: small.width as usize, height: small.height as usize, values }
        };
        let (fine, coarse) = (small(SIDE), small(COARSE));
        Sketch {
            brightness: plane(&fine, [0.299, 0.587, 0.114], 0.0),
            colours: [
                plane(&coarse, [-0.168_736, -0.331_264, 0.5], 128.0),
                plane(&coarse, [0.5, -0.418_688, -0.081_312], 128.0),
            ],
            landmarks: landmarks::landmarks(picture),
        }
    }

    /// How many bytes it takes at most.
    pub(crate) const BYTES: usize = 5 + SIDE * SIDE + 2 * COARSE * COARSE + landmarks::MOST * Landmark::BYTES;

    /// The signs around its landmarks.
    pub(crate) fn signs(&self) -> impl Iterator<Item = u64> {
        self.landmarks.iter().map(|landmark| landmark.signs)
    }

    /// For a file of them.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.landmarks.len() as u8];
        for plane in [&self.brightness, &self.colours[0]] {
            bytes.extend([plane.width as u8, plane.height as u8]);
        }
        for plane in [&self.brightness].into_iter().chain(&self.colours) {
            bytes.extend(&plane.values);
        }
        bytes.extend(self.landmarks.iter().flat_map(|landmark| landmark.to_bytes()));
        bytes
    }

    /// What [`Sketch::to_bytes`] made these of; what follows them is passed over.
    pub(crate) fn from_bytes(bytes: &[u8; Sketch::BYTES]) -> Sketch {
        let [count, fine @ .., wide, high] = *bytes.first_chunk::<5>().expect("as many as these");
        let mut rest = &bytes[5..];
        let mut plane = |[width, height]: [u8; 2]| {
            let (width, height) = (usize::from(width), usize::from(height));
            let (values, after) = rest.split_at(width * height);
            rest = after;
            Plane { width, height, values: values.into() }
        };
        let brightness = plane(fine);
        let colours = [plane([wide, high]), plane([wide, high])];
        let landmarks = rest.as_chunks().0.iter().take(usize::from(count)).map(Landmark::from_bytes).collect();
        Sketch { brightness, colours, landmarks }
    }

    fn oriented(&self, orientation: Orientation) -> Sketch {
        let [width, height] = self.brightness.size();
        Sketch {
            brightness: self.brightness.oriented(orientation),
            colours: self.colours.each_ref().map(|plane| plane.oriented(orientation)),
            landmarks: self.landmarks.iter().map(|mark| mark.oriented(orientation, (width, height))).collect(),
        }
    }

    /// How it fits into another, as it is or, if wished, in the best of all orientations.
    pub(crate) fn inside(&self, whole: &Sketch, any_orientation: bool) -> Option<Fitting> {
        let orientations = if any_orientation { &Orientation::ALL[..] } else { &Orientation::ALL[..1] };
        let mut best: Option<Fitting> = None;
        for &orientation in orientations {
            let oriented;
            let part = if orientation == Orientation::default() {
                self
            } else {
                oriented = self.oriented(orientation);
                &oriented
            };
            let Some(placement) = part.placed(whole) else { continue };
            let Some(fitting) = part.fitted(whole, placement, orientation) else { continue };
            if best.is_none_or(|best| fitting.correlation > best.correlation) {
                best = Some(fitting);
            }
        }
        best
    }

    /// Where the landmarks say that it lies.
    fn placed(&self, whole: &Sketch) -> Option<Placement> {
        let mut pairs: Vec<([f32; 3], [f32; 3])> = Vec::new();
        for own in &self.landmarks {
            for other in &whole.landmarks {
                let (a, b) = (own.at(), other.at());
                if (own.signs ^ other.signs).count_ones() <= SIGNS
                    && b[2] < 1.3 * a[2]
                    && b[2] > 0.75 * LEAST_SCALE * a[2]
                {
                    pairs.push((a, b));
                }
            }
        }
        let off = |placement: &Placement, (own, other): &([f32; 3], [f32; 3])| {
            let [x, y] = placement.map([own[0], own[1]]);
            (x - other[0]).abs().max((y - other[1]).abs())
        };
        let mut best: Option<(Placement, usize)> = None;
        for (i, (own, other)) in pairs.iter().enumerate() {
            for (second, its) in &pairs[i + 1..] {
                let (dx, dy) = (second[0] - own[0], second[1] - own[1]);
                let (ex, ey) = (its[0] - other[0], its[1] - other[1]);
                let length = dx * dx + dy * dy;
                if length < 0.01 {
                    continue;
                }
                let scale = (dx * ex + dy * ey) / length;
                let placement =
                    Placement { scale: [scale; 2], start: [other[0] - scale * own[0], other[1] - scale * own[1]] };
                if !self.is_within(whole, &placement, 2.0 * OFF) || off(&placement, &(*second, *its)) > OFF {
                    continue;
                }
                let agreeing = pairs.iter().filter(|pair| off(&placement, pair) <= OFF).count();
                if best.is_none_or(|(_, most)| agreeing > most) {
                    best = Some((placement, agreeing));
                }
            }
        }
        best.filter(|(_, agreeing)| *agreeing >= AGREE).map(|(placement, _)| placement)
    }

    /// Whether it lies inside, but for so much.
    fn is_within(&self, whole: &Sketch, placement: &Placement, off: f32) -> bool {
        let [x, y] = placement.map(self.brightness.size());
        let [width, height] = whole.brightness.size();
        placement.scale.iter().all(|scale| *scale >= LEAST_SCALE)
            && placement.start.iter().all(|start| *start >= -off)
            && x <= width + off
            && y <= height + off
    }

    /// How it fits about there; `None` where it lies partly outside.
    fn fitted(&self, whole: &Sketch, placement: Placement, orientation: Orientation) -> Option<Fitting> {
        let (mut placement, mut best) = (placement, self.laid(whole, &placement));
        let size = self.brightness.size();
        // Moved and scaled by less and less, as long as that helps.
        let mut step = FIRST_STEP;
        for _ in 0..MOST_STEPS {
            let before = best;
            for axis in [0, 1] {
                for (shift, growth) in [(step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step)] {
                    let mut other = placement;
                    other.scale[axis] += growth;
                    other.start[axis] += shift - growth * size[axis] / 2.0;
                    let laid = self.laid(whole, &other);
                    if laid > best {
                        (placement, best) = (other, laid);
                    }
                }
            }
            if best == before {
                step /= 2.0;
            }
            if step < LAST_STEP {
                break;
            }
        }
        let area = |[width, height]: [f32; 2]| width * height;
        let share = area(size) * area(placement.scale) / area(whole.brightness.size());
        let end = placement.map(size);
        self.is_within(whole, &placement, OFF).then(|| Fitting {
            orientation,
            share,
            is_framed: whole.is_plain_outside(placement.start, end),
            correlation: best,
            odd: self.odd(whole, &placement),
            colour: self.colour(whole, &placement),
        })
    }

    /// Whether all but what is between these points is nearly of one brightness.
    fn is_plain_outside(&self, start: [f32; 2], end: [f32; 2]) -> bool {
        let plane = &self.brightness;
        let unit = 1.0 / plane.width.max(plane.height) as f32;
        // Without the points that are mixed with what is inside.
        let is_inside = |at: f32, axis: usize| (start[axis] - unit..end[axis] + unit).contains(&at);
        let mut outside: Vec<u8> = Vec::new();
        for (y, row) in plane.values.chunks_exact(plane.width).enumerate() {
            let is_beside =
                |x: usize| !(is_inside((x as f32 + 0.5) * unit, 0) && is_inside((y as f32 + 0.5) * unit, 1));
            outside.extend(row.iter().enumerate().filter(|(x, _)| is_beside(*x)).map(|(_, value)| value));
        }
        let Some(middle) = outside.len().checked_sub(1).map(|last| *outside.select_nth_unstable(last / 2).1) else {
            return false;
        };
        let plain = outside.iter().filter(|value| value.abs_diff(middle) <= NEARLY).count();
        plain as f32 >= PLAIN * outside.len() as f32
    }

    /// Values of brightness that lie upon each other, four of each taken together, and how many of them are in a row;
    /// without the border, which is mixed with what is outside.
    fn overlaid(&self, whole: &Sketch, placement: &Placement) -> (Vec<(f32, f32)>, usize) {
        let own = &self.brightness;
        let longer = own.width.max(own.height) as f32;
        let mut both = Vec::with_capacity(own.values.len() / 4);
        let pairs = |side: usize| (1..side.saturating_sub(2)).step_by(2);
        for y in pairs(own.height) {
            for x in pairs(own.width) {
                let (mut a, mut b) = (0.0, 0.0);
                for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
                    a += f32::from(own.values[y * own.width + x]);
                    b +=
                        whole.brightness.between(placement.map([(x as f32 + 0.5) / longer, (y as f32 + 0.5) / longer]));
                }
                both.push((a / 4.0, b / 4.0));
            }
        }
        (both, pairs(own.width).count())
    }

    fn laid(&self, whole: &Sketch, placement: &Placement) -> f32 {
        Line::through(&self.overlaid(whole, placement).0).correlation
    }

    /// Which share of the cells does not look like what it lies upon.
    fn odd(&self, whole: &Sketch, placement: &Placement) -> f32 {
        let (both, columns) = self.overlaid(whole, placement);
        let line = Line::through(&both);
        let rows = both.len().checked_div(columns).unwrap_or(0);
        let (mut odd, mut cells) = (0, 0);
        for top in (0..rows).step_by(4) {
            for left in (0..columns).step_by(4) {
                let places =
                    (top..rows.min(top + 4)).flat_map(|y| (left..columns.min(left + 4)).map(move |x| y * columns + x));
                let cell: Vec<(f32, f32)> = places.map(|at| both[at]).collect();
                let n = cell.len() as f32;
                let mean = cell.iter().map(|(a, _)| a).sum::<f32>() / n;
                let spread = cell.iter().map(|(a, _)| (a - mean) * (a - mean)).sum::<f32>() / n;
                let off = cell
                    .iter()
                    .map(|(a, b)| ((line.slope * b + line.start).clamp(0.0, 255.0) - a).powi(2))
                    .sum::<f32>()
                    / n;
                cells += 1;
                odd += u32::from(off > 0.1 * spread + 0.01 * line.spread + 9.0);
            }
        }
        odd as f32 / cells.max(1) as f32
    }

    /// How far the colours are from each other on the average, and which share of them is far.
    fn colour(&self, whole: &Sketch, placement: &Placement) -> (f32, f32) {
        let own = &self.colours[0];
        let longer = own.width.max(own.height) as f32;
        let mut both = Vec::new();
        // What lies at the border is mixed with what is outside.
        for y in 1..own.height.saturating_sub(1) {
            for x in 1..own.width.saturating_sub(1) {
                let point = placement.map([(x as f32 + 0.5) / longer, (y as f32 + 0.5) / longer]);
                let at = y * own.width + x;
                both.push([0, 1].map(|channel| {
                    let value = f32::from(self.colours[channel].values[at]);
                    (value - 128.0, whole.colours[channel].between(point) - 128.0)
                }));
            }
        }
        let count = both.len().max(1) as f32;
        let strength = |of: fn(&(f32, f32)) -> f32| {
            (both.iter().flatten().map(|pair| of(pair).powi(2)).sum::<f32>() / count).sqrt()
        };
        let (ours, theirs) = (strength(|pair| pair.0), strength(|pair| pair.1));
        // Less saturated colours are the same colours; none at all are others.
        let factor = if ours.min(theirs) < 4.0 { 1.0 } else { (ours / theirs).clamp(0.5, 2.0) };
        let off = |pair: &[(f32, f32); 2]| pair[0].0 - factor * pair[0].1;
        let other = |pair: &[(f32, f32); 2]| pair[1].0 - factor * pair[1].1;
        // A background without colours tells nothing of them.
        let is_coloured =
            |pair: &&[(f32, f32); 2]| pair[0].0.hypot(pair[1].0).max(factor * pair[0].1.hypot(pair[1].1)) >= COLOURED;
        let offs: Vec<f32> = both.iter().filter(is_coloured).map(|pair| off(pair).hypot(other(pair))).collect();
        let count = (LEAST_COLOURED * count).max(offs.len() as f32);
        let far = offs.iter().filter(|off| **off > FAR).count();
        (offs.iter().sum::<f32>() / count, far as f32 / count)
    }
}

/// The line that says one value by the other best.
struct Line {
    slope: f32,
    start: f32,
    correlation: f32,
    spread: f32,
}

impl Line {
    fn through(both: &[(f32, f32)]) -> Line {
        let n = both.len().max(1) as f32;
        let (a, b) = both.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        let (a, b) = (a / n, b / n);
        let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
        for (x, y) in both {
            let (x, y) = (x - a, y - b);
            (aa, bb, ab) = (aa + x * x, bb + y * y, ab + x * y);
        }
        let slope = ab / bb.max(1.0);
        Line { slope, start: a - slope * b, correlation: ab / (aa * bb).sqrt().max(1.0), spread: aa / n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many small squares of several colours, others for every number.
    fn picture(number: u32, (width, height): (u32, u32)) -> Rgb {
        let value =
            |n: u32| (number * 131 + n).wrapping_mul(0x9e37_79b1).rotate_left(13).wrapping_mul(0x85eb_ca6b) >> 16;
        let mut pixels = vec![128; (3 * width * height) as usize];
        for square in 0..90 {
            let of = |i: u32| value(square * 8 + i);
            let (left, top, side) = (of(0) % width, of(1) % height, 4 + of(2) % 16);
            for (y, x) in
                (top..height.min(top + side)).flat_map(|y| (left..width.min(left + side)).map(move |x| (y, x)))
            {
                let at = 3 * (y * width + x) as usize;
                [0, 1, 2].iter().for_each(|&c| pixels[at + c] = of(3 + c as u32) as u8);
            }
        }
        Rgb { width, height, pixels }
    }

    fn cut(picture: &Rgb, [left, top, width, height]: [u32; 4]) -> Rgb {
        let places = (top..top + height).flat_map(|y| (left..left + width).map(move |x| 3 * (y * picture.width + x)));
        let pixels = places.flat_map(|at| picture.pixels[at as usize..at as usize + 3].to_vec()).collect();
        Rgb { width, height, pixels }
    }

    #[test]
    fn parts_are_found_where_they_lie_and_others_are_not() {
        for number in 0..4 {
            let whole = picture(number, (160, 120));
            let sketch = Sketch::of(&whole);
            let part = |place| Sketch::of(&cut(&whole, place)).inside(&sketch, false).filter(Fitting::is_part);
            let fitting = part([10, 14, 140, 100]).expect("a part");
            assert!((fitting.share - 0.729).abs() < 0.02 && !fitting.is_framed, "{fitting:?}");
            assert!(part([0, 0, 150, 90]).is_some(), "of another shape");
            assert_eq!(
                sketch.inside(&Sketch::of(&cut(&whole, [10, 14, 140, 100])), false),
                None,
                "the whole in its part"
            );
            let other = Sketch::of(&picture(number + 10, (160, 120)));
            assert_eq!(other.inside(&sketch, true), None);
        }
    }

    #[test]
    fn what_is_around_a_part_may_be_a_frame() {
        let inside = picture(5, (160, 120));
        let framed = inside.resize(200, 200, Fit::Pad, Filter::Bilinear, Colour([20, 90, 30]));
        let fitting = Sketch::of(&inside).inside(&Sketch::of(&framed), false).expect("it lies there");
        assert!(fitting.is_part() && fitting.is_framed && (fitting.share - 0.75).abs() < 0.02, "{fitting:?}");
    }

    #[test]
    fn pictures_of_any_shape_have_a_sketch() {
        for (width, height) in [(1, 1), (1, 2), (2, 1), (1, 5000), (5000, 1), (7, 3)] {
            let pixels =
                (0..width * height * 3).map(|i: u32| (i.wrapping_mul(i).wrapping_mul(31) % 251) as u8).collect();
            let sketch = Sketch::of(&Rgb { width, height, pixels });
            let mut bytes = sketch.to_bytes();
            bytes.resize(Sketch::BYTES, 9);
            assert!(Sketch::from_bytes(&bytes.try_into().expect("so many")) == sketch, "{width} x {height}");
            sketch.inside(&sketch, true);
        }
    }
}
