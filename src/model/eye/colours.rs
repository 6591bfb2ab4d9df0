//! The colours of a picture as words: how much more there is of each basic colour than is usual.

use super::layers::{Layer, Map, add};
use crate::matrix;

/// The words of the basic colours, and what is usual of each.
pub(super) struct Colours {
    pub(super) lab: Vec<f32>,
    pub(super) mean: Vec<f32>,
    pub(super) spread: Vec<f32>,
    pub(super) words: Layer,
}

/// A picture is averaged to so many cells along a side to see its colours,
pub(super) const CELLS: usize = 24;
/// of which those in the middle count most: the deviation of a bell, in cells.
const MIDDLE_CELLS: f32 = 7.0;
/// Squared distance in Lab, lightness counting half, at which a colour is e times less likely.
const NEAR: f32 = 400.0;

/// CIE Lab (D65) of sRGB of 0 to 1.
fn lab(rgb: [f32; 3]) -> [f32; 3] {
    let linear = rgb.map(|x| if x > 0.04045 { ((x + 0.055) / 1.055).powf(2.4) } else { x / 12.92 });
    let of = |weights: [f32; 3]| {
        let x = linear[0] * weights[0] + linear[1] * weights[1] + linear[2] * weights[2];
        if x > 0.008856 { x.cbrt() } else { 7.787 * x + 16.0 / 116.0 }
    };
    let (x, y, z) = (of([0.4339, 0.3762, 0.1899]), of([0.2126, 0.7152, 0.0722]), of([0.0178, 0.1095, 0.8727]));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

impl Colours {
    /// What its colours add to a picture's vector.
    pub(super) fn of(&self, picture: &Map) -> Vec<f32> {
        let (side, mut amounts) = (picture.side / CELLS, vec![0.0; self.mean.len()]);
        let along =
            |at: usize| (-(at as f32 - (CELLS as f32 - 1.0) / 2.0).powi(2) / (2.0 * MIDDLE_CELLS * MIDDLE_CELLS)).exp();
        let total: f32 = (0..CELLS).map(along).sum();
        for (row, column) in (0..CELLS).flat_map(|row| (0..CELLS).map(move |column| (row, column))) {
            let mut sums = [0.0; 3];
            for line in row * side..(row + 1) * side {
                let pixels = &picture.data[(line * picture.side + column * side) * 3..][..side * 3];
                pixels.as_chunks::<3>().0.iter().for_each(|pixel| (0..3).for_each(|c| sums[c] += pixel[c]));
            }
            // Back from (x - 127) / 128.
            let seen = lab(sums.map(|sum| ((sum / (side * side) as f32 * 128.0 + 127.0) / 255.0).clamp(0.0, 1.0)));
            let apart = self.lab.as_chunks::<3>().0.iter();
            let apart =
                apart.map(|c| (seen[0] - c[0]).powi(2) / 2.0 + (seen[1] - c[1]).powi(2) + (seen[2] - c[2]).powi(2));
            let mut likely: Vec<f32> = apart.map(|apart| -apart / NEAR).collect();
            matrix::softmax(&mut likely);
            add(&mut amounts, along(row) * along(column) / (total * total), &likely);
        }
        let usual = amounts.iter().zip(&self.mean).zip(&self.spread);
        let more: Vec<f32> =
            usual.map(|((amount, mean), spread)| ((amount.sqrt() - mean) / spread).clamp(-3.0, 3.0)).collect();
        self.words.of_vector(&more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_standard() {
        let close = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.5);
        assert!(close(lab([1.0; 3]), [100.0, 0.0, 0.0]), "{:?}", lab([1.0; 3]));
        assert!(close(lab([1.0, 0.0, 0.0]), [53.2, 80.1, 67.2]), "{:?}", lab([1.0, 0.0, 0.0]));
        assert!(close(lab([0.0, 0.0, 1.0]), [32.3, 79.2, -107.9]), "{:?}", lab([0.0, 0.0, 1.0]));
    }
}
