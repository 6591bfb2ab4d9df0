//! The directions in which vectors differ most, by subspace iteration: the same on every machine.

use rayon::prelude::*;

use super::arithmetic::Chance;
use crate::matrix::{blend, dot, fast_dots};

/// Directions that are iterated beside the two, so that those come out sooner.
const SPARE: usize = 6;
const ROUNDS: usize = 24;
/// Rows whose sums are made by one thread.
const CHUNK: usize = 2048;

/// The mean of some vectors and the two directions in which they differ most.
pub(super) struct Principal {
    mean: Vec<f32>,
    directions: [Vec<f32>; 2],
}

impl Principal {
    /// Of `rows` of `dimension` numbers each.
    pub(super) fn of(rows: &[f32], dimension: usize) -> Principal {
        let count = (rows.len() / dimension).max(1) as f64;
        let sums = |chunk: &[f32]| {
            let mut sums = vec![0.0f64; dimension];
            for row in chunk.chunks_exact(dimension) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
            }
            sums
        };
        let parts: Vec<Vec<f64>> = rows.par_chunks(CHUNK * dimension).map(sums).collect();
        let mut mean = vec![0.0f64; dimension];
        parts.iter().for_each(|part| mean.iter_mut().zip(part).for_each(|(mean, sum)| *mean += sum / count));
        let mean: Vec<f32> = mean.iter().map(|x| *x as f32).collect();

        let mut basis: Vec<Vec<f32>> = (0..(2 + SPARE).min(dimension))
            .map(|i| {
                let mut chance = Chance::new(1, i as u64);
                (0..dimension).map(|_| chance.signed()).collect()
            })
            .collect();
        orthonormalise(&mut basis);
        for _ in 0..ROUNDS {
            basis = spread(rows, &mean, &basis);
            orthonormalise(&mut basis);
        }
        basis.resize(basis.len().max(2), vec![0.0; dimension]);
        let mut directions = basis.into_iter().take(2).map(signed);
        let mut next = || directions.next().expect("there are two");
        Principal { mean, directions: [next(), next()] }
    }

    /// Where a vector lies along the two directions.
    pub(super) fn place(&self, row: &[f32]) -> [f32; 2] {
        self.directions.each_ref().map(|direction| (dot(row, direction) - dot(&self.mean, direction)) as f32)
    }
}

/// The product of the covariance (times the number of rows) and each vector of the basis.
fn spread(rows: &[f32], mean: &[f32], basis: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let dimension = mean.len();
    let vectors: Vec<&[f32]> = basis.iter().map(Vec::as_slice).collect();
    let mut offsets = vec![0.0; basis.len()];
    fast_dots(mean, &vectors, &mut offsets);
    let part = |chunk: &[f32]| {
        let mut sums = vec![vec![0.0f32; dimension]; basis.len()];
        let (mut along, mut total) = (vec![0.0; basis.len()], vec![0.0; basis.len()]);
        for row in chunk.chunks_exact(dimension) {
            fast_dots(row, &vectors, &mut along);
            for ((along, offset), (sum, total)) in along.iter().zip(&offsets).zip(sums.iter_mut().zip(&mut total)) {
                let along = along - offset;
                *total += along;
                blend(sum, 1.0, row, along);
            }
        }
        sums.iter_mut().zip(&total).for_each(|(sum, total)| blend(sum, 1.0, mean, -total));
        sums
    };
    let parts: Vec<Vec<Vec<f32>>> = rows.par_chunks(CHUNK * dimension).map(part).collect();
    let mut sums = vec![vec![0.0f32; dimension]; basis.len()];
    for part in &parts {
        sums.iter_mut().zip(part).for_each(|(sum, part)| blend(sum, 1.0, part, 1.0));
    }
    sums
}

/// Makes vectors orthogonal and of length 1, the first keeping its direction; what is left of nothing is zero.
fn orthonormalise(basis: &mut [Vec<f32>]) {
    for at in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(at);
        let own = &mut rest[0];
        let length = dot(own, own).sqrt();
        // Twice is enough (Giraud et al., 2005).
        for _ in 0..2 {
            for other in before.iter() {
                let along = dot(own, other) as f32;
                blend(own, 1.0, other, -along);
            }
        }
        let left = dot(own, own).sqrt();
        match left > 1e-6 * length && left.is_normal() {
            true => own.iter_mut().for_each(|x| *x = (f64::from(*x) / left) as f32),
            false => own.fill(0.0),
        }
    }
}

/// Of a direction and its opposite the one whose greatest number is positive.
fn signed(mut direction: Vec<f32>) -> Vec<f32> {
    let greatest = direction.iter().copied().fold(0.0f32, |most, x| if x.abs() > most.abs() { x } else { most });
    if greatest < 0.0 {
        direction.iter_mut().for_each(|x| *x = -*x);
    }
    direction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directions_of_greatest_variance_are_found() {
        let mut chance = Chance::new(3, 0);
        let deviations = [0.1, 3.0, 0.2, 1.0, 0.1];
        let rows: Vec<f32> =
            (0..4000).flat_map(|_| deviations.map(|d| 5.0 + d * (chance.signed() + chance.signed()))).collect();
        let principal = Principal::of(&rows, 5);
        assert!(principal.directions[0][1] > 0.999 && principal.directions[1][3] > 0.99, "{:?}", principal.directions);
        let centre: [f32; 5] = [5.0; 5];
        assert!(principal.place(&centre).iter().all(|x| x.abs() < 0.1));
    }

    #[test]
    fn rows_that_differ_in_nothing_lie_at_one_place() {
        for (rows, dimension) in [(vec![1.0; 12], 4), (vec![0.5; 3], 1), (vec![], 2), (vec![1.0, 2.0], 2)] {
            let principal = Principal::of(&rows, dimension);
            rows.chunks_exact(dimension)
                .for_each(|row| assert_eq!(principal.place(row).map(|x| x.abs() < 1e-5), [true; 2]));
        }
    }
}
