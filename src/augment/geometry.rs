//! Where things go: plane homographies, and boxes that follow them.
//!
//! Coordinates are in pixels from the upper left corner of the picture; the middle of its first pixel is (0.5, 0.5).

use crate::table::boxes::Bounds;

/// A projective map of the plane, row by row; columns are (x, y, 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Homography(pub [[f64; 3]; 3]);

impl Homography {
    #[cfg(test)]
    pub(super) const IDENTITY: Homography = Homography([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    pub(super) fn translation(x: f64, y: f64) -> Homography {
        Homography([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
    }

    pub(super) fn scale(x: f64, y: f64) -> Homography {
        Homography([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]])
    }

    /// Clockwise as one sees it, since y points downward.
    pub(super) fn rotation(degrees: f64) -> Homography {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Homography([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    }

    /// Upright lines lean by the first angle, level lines by the second.
    pub(super) fn shear(horizontal: f64, vertical: f64) -> Homography {
        let (x, y) = (horizontal.to_radians().tan(), vertical.to_radians().tan());
        Homography([[1.0, x, 0.0], [y, 1.0, 0.0], [0.0, 0.0, 1.0]])
    }

    /// Divides by `1 + x·x' + y·y'`.
    pub(super) fn perspective(x: f64, y: f64) -> Homography {
        Homography([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [x, y, 1.0]])
    }

    /// First this one, then `next`.
    #[must_use]
    pub(super) fn then(&self, next: &Homography) -> Homography {
        let cell = |row: usize, column: usize| (0..3).map(|k| next.0[row][k] * self.0[k][column]).sum();
        Homography([0, 1, 2].map(|row| [0, 1, 2].map(|column| cell(row, column))))
    }

    /// The way back, or `None` where there is none. Its last coordinate is above 0 for images of points before the
    /// horizon.
    pub(super) fn inverse(&self) -> Option<Homography> {
        let m = &self.0;
        let minor = |a: usize, b: usize, c: usize, d: usize| m[a][c] * m[b][d] - m[a][d] * m[b][c];
        let adjoint = [
            [minor(1, 2, 1, 2), -minor(0, 2, 1, 2), minor(0, 1, 1, 2)],
            [-minor(1, 2, 0, 2), minor(0, 2, 0, 2), -minor(0, 1, 0, 2)],
            [minor(1, 2, 0, 1), -minor(0, 2, 0, 1), minor(0, 1, 0, 1)],
        ];
        let determinant: f64 = (0..3).map(|k| m[0][k] * adjoint[k][0]).sum();
        (determinant.is_finite() && determinant.abs() > 1e-12)
            .then(|| Homography(adjoint.map(|row| row.map(|cell| cell / determinant))))
    }

    /// Where a point goes, and what its coordinates were divided by.
    pub(super) fn apply(&self, x: f64, y: f64) -> (f64, f64, f64) {
        let [a, b, c] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        (a / c, b / c, c)
    }
}

/// Of a box less than this share of what it covered is no box any more.
const LEAST_LEFT: f64 = 0.1;
/// Nor is one with a side shorter than this, in pixels.
const LEAST_SIDE: f64 = 2.0;

/// The boxes where the map puts them: the box around the four corners, cut off at the frame. Those of which the frame
/// shows too little are left out, and so is what is no box.
pub(super) fn moved(boxes: &[Bounds], map: &Homography, (width, height): (u32, u32)) -> Vec<Bounds> {
    boxes.iter().filter_map(|bounds| moved_one(bounds, map, (width.into(), height.into()))).collect()
}

/// Whether it is a box at all: of numbers, and not inside out.
pub(super) fn is_box(bounds: &Bounds) -> bool {
    let [x1, y1, x2, y2] = bounds.xyxy;
    bounds.xyxy.iter().all(|x| x.is_finite()) && x1 < x2 && y1 < y2
}

/// The boxes of a picture that `map` puts into a frame, which `next` then puts elsewhere in another of its size: they
/// are cut off at both, and as narrow as the two maps in one would have them.
pub(super) fn moved_twice(
    boxes: &[Bounds],
    map: &Homography,
    next: &Homography,
    (width, height): (u32, u32),
) -> Vec<Bounds> {
    let frame = (f64::from(width), f64::from(height));
    let both = map.then(next);
    let twice = |bounds: &Bounds| {
        let cut = moved_one(&moved_one(bounds, map, frame)?, next, frame)?;
        let [x1, y1, x2, y2] = around(bounds, &both)?.map(hundredth);
        let [left, top, right, bottom] = cut.xyxy;
        let bounds = Bounds { xyxy: [x1.max(left), y1.max(top), x2.min(right), y2.min(bottom)], ..cut };
        is_box(&bounds).then_some(bounds)
    };
    boxes.iter().filter_map(twice).collect()
}

fn moved_one(bounds: &Bounds, map: &Homography, (width, height): (f64, f64)) -> Option<Bounds> {
    let [x1, y1, x2, y2] = around(bounds, map)?;
    let (cut_x1, cut_x2) = (x1.clamp(0.0, width), x2.clamp(0.0, width));
    let (cut_y1, cut_y2) = (y1.clamp(0.0, height), y2.clamp(0.0, height));
    let (wide, high) = (cut_x2 - cut_x1, cut_y2 - cut_y1);
    let enough = wide >= LEAST_SIDE && high >= LEAST_SIDE && wide * high >= LEAST_LEFT * (x2 - x1) * (y2 - y1);
    enough.then(|| Bounds { xyxy: [cut_x1, cut_y1, cut_x2, cut_y2].map(hundredth), ..bounds.clone() })
}

/// To a hundredth of a pixel: what a rotation by 90 degrees is off by is no news.
fn hundredth(x: f64) -> f32 {
    ((x * 100.0).round() / 100.0) as f32
}

/// Left, top, right and bottom of the corners of a box where a map puts them.
fn around(bounds: &Bounds, map: &Homography) -> Option<[f64; 4]> {
    if !is_box(bounds) {
        return None;
    }
    let [left, top, right, bottom] = bounds.xyxy.map(f64::from);
    let corners = [(left, top), (right, top), (left, bottom), (right, bottom)].map(|(x, y)| map.apply(x, y));
    if corners.iter().any(|&(x, y, depth)| !(x.is_finite() && y.is_finite() && depth > 0.0)) {
        return None;
    }
    let span = |along: fn(&(f64, f64, f64)) -> f64| {
        let values = corners.iter().map(along);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| (least.min(x), most.max(x)))
    };
    let ((x1, x2), (y1, y2)) = (span(|c| c.0), span(|c| c.1));
    Some([x1, y1, x2, y2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(xyxy: [f32; 4]) -> Bounds {
        Bounds { label: Some("x".into()), class: Some(3), score: None, xyxy }
    }

    fn about_centre(map: Homography, width: f64, height: f64) -> Homography {
        let there = Homography::translation(-width / 2.0, -height / 2.0);
        there.then(&map).then(&Homography::translation(width / 2.0, height / 2.0))
    }

    fn near(a: &Homography, b: &Homography) -> bool {
        a.0.iter().flatten().zip(b.0.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    #[test]
    fn a_map_and_its_inverse_are_the_identity() {
        let map = Homography::rotation(33.0)
            .then(&Homography::shear(5.0, -7.0))
            .then(&Homography::scale(1.5, 0.7))
            .then(&Homography::perspective(0.001, -0.0005))
            .then(&Homography::translation(12.0, -3.0));
        assert!(near(&map.then(&map.inverse().expect("it has one")), &Homography::IDENTITY));
        assert!(Homography::scale(0.0, 1.0).inverse().is_none());
    }

    #[test]
    fn maps_are_applied_in_the_order_in_which_they_are_chained() {
        let map = Homography::translation(10.0, 0.0).then(&Homography::scale(2.0, 2.0));
        assert_eq!(map.apply(1.0, 1.0), (22.0, 2.0, 1.0));
        let map = Homography::scale(2.0, 2.0).then(&Homography::translation(10.0, 0.0));
        assert_eq!(map.apply(1.0, 1.0), (12.0, 2.0, 1.0));
    }

    #[test]
    fn a_quarter_turn_takes_a_box_from_the_upper_left_to_the_upper_right() {
        let turn = about_centre(Homography::rotation(90.0), 100.0, 100.0);
        let turned = moved(&[bounds([0.0, 10.0, 20.0, 40.0])], &turn, (100, 100));
        assert_eq!(turned, [bounds([60.0, 0.0, 90.0, 20.0])]);
    }

    #[test]
    fn two_flips_leave_a_box_where_it_was() {
        let flip = about_centre(Homography::scale(-1.0, 1.0), 64.0, 48.0);
        let there = moved(&[bounds([3.0, 4.0, 20.5, 30.0])], &flip, (64, 48));
        assert_eq!(there, [bounds([43.5, 4.0, 61.0, 30.0])]);
        assert_eq!(moved(&there, &flip, (64, 48)), [bounds([3.0, 4.0, 20.5, 30.0])]);
        assert!(near(&flip.then(&flip), &Homography::IDENTITY));
    }

    #[test]
    fn two_turns_that_cancel_leave_a_box_as_narrow_as_it_was() {
        let (there, back) = (Homography::rotation(30.0), Homography::rotation(-30.0));
        let (there, back) = (about_centre(there, 100.0, 100.0), about_centre(back, 100.0, 100.0));
        let own = [bounds([40.0, 45.0, 60.0, 55.0])];
        assert_eq!(moved_twice(&own, &there, &back, (100, 100)), own);
        // What the first frame cuts off does not come back.
        let (right, left) = (Homography::translation(50.0, 0.0), Homography::translation(-50.0, 0.0));
        let cut = moved_twice(&[bounds([30.0, 0.0, 70.0, 40.0])], &right, &left, (100, 100));
        assert_eq!(cut, [bounds([30.0, 0.0, 50.0, 40.0])]);
    }

    #[test]
    fn boxes_are_cut_off_at_the_frame_and_dropped_where_little_is_left() {
        let right = Homography::translation(50.0, 0.0);
        let cut = moved(&[bounds([30.0, 0.0, 70.0, 40.0])], &right, (100, 100));
        assert_eq!(cut, [bounds([80.0, 0.0, 100.0, 40.0])]);
        assert_eq!(moved(&[bounds([47.0, 0.0, 97.0, 40.0])], &right, (100, 100)), []);
        assert_eq!(moved(&[bounds([10.0, 10.0, 11.5, 40.0])], &Homography::IDENTITY, (100, 100)), []);
        assert_eq!(moved(&[bounds([f32::NAN, 0.0, 9.0, 9.0])], &Homography::IDENTITY, (100, 100)), []);
        assert_eq!(moved(&[bounds([30.0, 9.0, 10.0, 40.0])], &Homography::IDENTITY, (100, 100)), []);
    }
}
