//! Whether scores are what they say: how often those of about a height are right.

use super::{Row, Sample, share};

/// Bins of the reliability diagram and of the calibration error, as in Guo et al., "On Calibration of Modern Neural
/// Networks", ICML 2017.
pub const BINS: usize = 15;

/// Rows whose score lies in one of the bins.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bin {
    /// How many.
    pub rows: u64,
    /// How many of them are right.
    pub right: u64,
    pub(super) score: f64,
}

impl Bin {
    /// The mean score of its rows.
    pub fn mean_score(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.score / self.rows as f64)
    }

    /// The share of its rows that is right.
    pub fn accuracy(&self) -> Option<f64> {
        (self.rows > 0).then(|| share(self.right, self.rows))
    }

    pub(super) fn add(&mut self, score: f64, right: bool, times: u64) {
        self.rows += times;
        self.right += if right { times } else { 0 };
        self.score += score * times as f64;
    }
}

impl Sample {
    /// The reliability diagram: the rows of each bin of scores; `None` without scores.
    pub fn reliability(&self) -> Option<[Bin; BINS]> {
        let (mut bins, mut descent) = ([Bin::default(); BINS], Descent::new());
        for row in &self.rows {
            bins[descent.bin_of(row.score())].add(row.score(), row.is_right(), 1);
        }
        self.scored.then_some(bins)
    }

    /// Brier score (1950) of the best prediction: the mean of (score − right)², right being 1 or 0; `None` without
    /// rows or scores.
    pub fn brier(&self) -> Option<f64> {
        let square = |row: &Row| (row.score() - if row.is_right() { 1.0 } else { 0.0 }).powi(2);
        (self.scored && !self.is_empty()).then(|| self.rows.iter().map(square).sum::<f64>() / self.len() as f64)
    }
}

/// Finds the bins of scores that never rise: the `i` for which `i/BINS < score ≤ (i+1)/BINS`; 0 is in the first.
pub(super) struct Descent {
    bin: usize,
    floor: f64,
}

impl Descent {
    pub(super) fn new() -> Descent {
        Descent { bin: BINS - 1, floor: Descent::floor(BINS - 1) }
    }

    fn floor(bin: usize) -> f64 {
        bin as f64 / BINS as f64
    }

    pub(super) fn bin_of(&mut self, score: f64) -> usize {
        while score <= self.floor && self.bin > 0 {
            self.bin -= 1;
            self.floor = Descent::floor(self.bin);
        }
        self.bin
    }
}
