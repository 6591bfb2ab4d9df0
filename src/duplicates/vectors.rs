//! Vectors that point in nearly the same direction.

use rayon::prelude::*;

use crate::matrix;

/// Rows of a tile, and rows that it is compared with: their products take 1 MB.
const TILE: usize = 256;
const OTHERS: usize = 1024;

/// Calls `found(a, b, cosine)` for all pairs `a < b` of rows whose cosine is at least this, to within the rounding of
/// single precision. `rows` are vectors of `dimension` numbers, one after the other, of any length; those that are zero
/// or not finite are near nothing.
///
/// Every row is compared with every other, so twice the rows take four times as long (11,000 rows of 256 numbers: 0.4
/// seconds of one processor; 100,000: half a minute); memory stays bounded.
///
/// # Panics
/// `rows` holds part of a vector, or 2³² or more of them.
pub(crate) fn near_vectors(rows: &[f32], dimension: usize, at_least: f32, mut found: impl FnMut(u32, u32, f32)) {
    if rows.is_empty() {
        return;
    }
    assert!(dimension > 0 && rows.len().is_multiple_of(dimension), "whole vectors");
    let number = |row: usize| u32::try_from(row).expect("fewer than 2^32 rows");
    let scale = |row: &[f32]| {
        let length = matrix::dot(row, row).sqrt();
        if length > 0.0 && length.is_finite() { (1.0 / length) as f32 } else { f32::NAN }
    };
    let scales: Vec<f32> = rows.par_chunks_exact(dimension).map(scale).collect();
    let tile = |first: usize, other: usize| -> Vec<(u32, u32, f32)> {
        let part = |first: usize, most: usize| &rows[first * dimension..rows.len().min((first + most) * dimension)];
        let (left, right) = (part(first, TILE), part(other, OTHERS));
        let width = right.len() / dimension;
        let mut products = vec![0.0; left.len() / dimension * width];
        matrix::by_transposed(left, right, dimension, &mut products);
        let mut pairs = Vec::new();
        for (a, products) in (first..).zip(products.chunks_exact(width)) {
            for (b, product) in (other..).zip(products) {
                // A NaN is no cosine: neither comparison holds.
                let cosine = product * scales[a] * scales[b];
                if cosine >= at_least && a < b {
                    pairs.push((number(a), number(b), cosine));
                }
            }
        }
        pairs
    };
    for first in (0..scales.len()).step_by(TILE) {
        // From the block on in which the tile itself lies.
        let others: Vec<usize> = (first / OTHERS * OTHERS..scales.len()).step_by(OTHERS).collect();
        for wave in others.chunks(4 * rayon::current_num_threads()) {
            let pairs: Vec<_> = wave.par_iter().map(|&other| tile(first, other)).collect();
            pairs.into_iter().flatten().for_each(|(a, b, cosine)| found(a, b, cosine));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pairs_are_found_that_comparing_each_with_each_finds() {
        let dimension = 5;
        let number = |i: usize| ((i as u32 + 1).wrapping_mul(0x9e37_79b1) ^ 0x5bd1_e995).wrapping_mul(0x85eb_ca6b);
        let mut rows: Vec<f32> = (0..1700 * dimension).map(|i| (number(i) >> 8) as f32 / 1e6 - 8.4).collect();
        rows[3 * dimension..4 * dimension].fill(0.0);
        rows[5 * dimension] = f32::NAN;
        let (copied, factor) = (rows[20..25].to_vec(), 3.0);
        rows[1500 * dimension..1501 * dimension].iter_mut().zip(copied).for_each(|(x, y)| *x = y * factor);
        let row = |i: usize| &rows[i * dimension..(i + 1) * dimension];
        let cosine = |i: usize, j: usize| {
            let length = |i: usize| matrix::dot(row(i), row(i)).sqrt();
            matrix::dot(row(i), row(j)) / (length(i) * length(j))
        };
        let mut expected = Vec::new();
        for i in 0..1700 {
            expected.extend((i + 1..1700).filter(|&j| cosine(i, j) > 0.99).map(|j| (i as u32, j as u32)));
        }
        let mut pairs = Vec::new();
        near_vectors(&rows, dimension, 0.99, |a, b, _| pairs.push((a, b)));
        pairs.sort_unstable();
        assert!(pairs.contains(&(4, 1500)));
        assert!(pairs == expected, "{} pairs instead of {}", pairs.len(), expected.len());
        near_vectors(&[], 5, 0.5, |_, _, _| panic!("nothing is near nothing"));
    }
}
