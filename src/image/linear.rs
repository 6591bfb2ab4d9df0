//! OpenCV's `resize` with `INTER_LINEAR` of 8-bit pixels, to the last bit.
//!
//! It does not antialias: of a picture made smaller, most pixels are never looked at. Models that were trained on such
//! pictures want them so. Hides: the fixed-point arithmetic of `resize.cpp` (`HResizeLinear`, `VResizeLinear`), which is
//! the same in OpenCV 3 to 5. `tests/yolo.rs` compares it with OpenCV.

use super::Rgb;

/// Of one output pixel along one axis: the two input pixels that it lies between, and their weights.
#[derive(Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    weights: [i32; 2],
}

/// Weights are whole numbers of so many parts.
const PARTS: f32 = 2048.0;

/// `is_row`: along a row the last pixel stands alone; along a column it is mixed with itself, which rounds otherwise.
fn taps(from: usize, to: u32, is_row: bool) -> Vec<Tap> {
    let last = from - 1;
    // The reciprocal of the scale, not the quotient the other way round: they differ in the last bit.
    let step = 1.0 / (f64::from(to) / from as f64);
    let tap = |i: u32| {
        let at = ((f64::from(i) + 0.5) * step - 0.5) as f32;
        let (mut whole, mut part) = (at.floor() as i64, at - at.floor());
        if is_row && (whole < 0 || whole >= last as i64) {
            (whole, part) = (whole.clamp(0, last as i64), 0.0);
        }
        let place = |at: i64| at.clamp(0, last as i64) as usize;
        let weight = |share: f32| (share * PARTS).round_ties_even() as i32;
        Tap { first: place(whole), second: place(whole + 1), weights: [weight(1.0 - part), weight(part)] }
    };
    (0..to).map(tap).collect()
}

/// Scales a picture. No side may be 0.
pub(super) fn resize(picture: &Rgb, width: u32, height: u32) -> Rgb {
    if (picture.width, picture.height) == (width, height) {
        return picture.clone();
    }
    let columns = taps(picture.width as usize, width, true);
    let rows = taps(picture.height as usize, height, false);
    let line = picture.width as usize * 3;
    let scaled = |y: usize, out: &mut Vec<i32>| {
        let source = &picture.pixels[y * line..(y + 1) * line];
        out.clear();
        for Tap { first, second, weights } in &columns {
            let (a, b) = (&source[first * 3..][..3], &source[second * 3..][..3]);
            out.extend((0..3).map(|k| i32::from(a[k]) * weights[0] + i32::from(b[k]) * weights[1]));
        }
    };
    // Two lines scaled along the row, and which they are: neighbours share them.
    let mut lines = [(usize::MAX, Vec::new()), (usize::MAX, Vec::new())];
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for Tap { first, second, weights } in rows {
        if lines[0].0 != first {
            lines.swap(0, 1);
        }
        for (slot, y) in [(0, first), (1, second)] {
            if lines[slot].0 != y {
                let (is, values) = &mut lines[slot];
                scaled(y, values);
                *is = y;
            }
        }
        // As OpenCV has it for vectors of 16 bits: each product is cut off, not rounded, before the sum.
        let mix = |(a, b): (&i32, &i32)| ((((a >> 4) * weights[0]) >> 16) + (((b >> 4) * weights[1]) >> 16) + 2) >> 2;
        let values = lines[0].1.iter().zip(&lines[1].1).map(mix);
        pixels.extend(values.map(|value| value.clamp(0, 255) as u8));
    }
    Rgb { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_flat() {
        for (from, to) in [((3, 5), (40, 7)), ((40, 7), (3, 5)), ((1, 1), (9, 9)), ((9, 9), (1, 1))] {
            let picture =
                Rgb { width: from.0, height: from.1, pixels: vec![201; from.0 as usize * from.1 as usize * 3] };
            let scaled = resize(&picture, to.0, to.1);
            assert_eq!((scaled.width, scaled.height), to);
            assert!(scaled.pixels.iter().all(|&byte| byte == 201), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn halving_is_the_mean_of_four() {
        let picture = Rgb { width: 2, height: 2, pixels: [[10; 3], [20; 3], [31; 3], [42; 3]].concat() };
        assert_eq!(resize(&picture, 1, 1).pixels, [26; 3]);
    }
}
