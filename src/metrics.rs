//! How good predictions are. Pure functions, no IO.
//!
//! Hides: how ties, absent classes and missing answers count, and how a million rows are resampled a thousand times in
//! twenty bytes a row. Promises: every figure is that of scikit-learn where it has one, with its `zero_division=0`; no
//! figure depends on the order of the rows or on the number of threads. Shares, precision, recall and F1 are in [0, 1].
//!
//! A class is a number, its place among all class names in the order of their bytes ([`Labels`]).

mod bootstrap;
mod calibration;
mod classes;
mod headline;
mod mcnemar;
mod risk;

use std::collections::HashMap;

use rayon::prelude::*;

pub use bootstrap::{Interval, Intervals, paired_difference, quantile};
pub use calibration::{BINS, Bin};
pub use classes::{Average, Class, balanced_accuracy, macro_average, weighted_average};
pub use headline::Headline;
pub use mcnemar::McNemar;
pub use risk::RiskPoint;

/// The class of a row for which the classifier named none.
pub const NO_CLASS: u32 = u32::MAX;

/// Class names, numbered as they appear.
#[derive(Debug, Default)]
pub struct Labels {
    numbers: HashMap<Box<str>, u32>,
}

impl Labels {
    /// The number of a name, which it keeps.
    pub fn number(&mut self, name: &str) -> u32 {
        match self.numbers.get(name) {
            Some(&number) => number,
            None => {
                let number = u32::try_from(self.numbers.len()).expect("fewer than 2^32 class names fit in memory");
                self.numbers.insert(name.into(), number);
                number
            }
        }
    }

    /// The number of a name that has one.
    pub fn get(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The names in the order of their bytes, and the place of each number among them.
    pub fn sorted(&self) -> (Vec<&str>, Vec<u32>) {
        let mut names: Vec<(&str, u32)> = self.numbers.iter().map(|(name, number)| (&**name, *number)).collect();
        names.sort_unstable();
        let mut places = vec![0; names.len()];
        (0..).zip(&names).for_each(|(place, (_, number))| places[*number as usize] = place);
        (names.into_iter().map(|(name, _)| name).collect(), places)
    }
}

/// What is known of one row: 20 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The number of its class.
    pub truth: u32,
    /// The best prediction, or [`NO_CLASS`].
    pub prediction: u32,
    /// The score's bits in two halves, which need no alignment to 8 bytes.
    score: [u32; 2],
    /// The place of the truth among the predictions, from 1; 0 where it is not there.
    pub rank: u8,
    /// Whether the prediction was not rejected.
    pub accepted: bool,
}

impl Row {
    /// A row with a score in [0, 1]; tables without scores have 0 everywhere.
    pub fn new(truth: u32, prediction: u32, score: f64, rank: u8, accepted: bool) -> Row {
        let bits = score.to_bits();
        Row { truth, prediction, score: [(bits >> 32) as u32, bits as u32], rank, accepted }
    }

    fn score(&self) -> f64 {
        f64::from_bits(u64::from(self.score[0]) << 32 | u64::from(self.score[1]))
    }

    fn is_right(&self) -> bool {
        self.truth == self.prediction
    }

    /// Puts [`Labels::sorted`]'s places in the stead of numbers.
    pub fn renumber(&mut self, places: &[u32]) {
        self.truth = places[self.truth as usize];
        self.prediction = places.get(self.prediction as usize).copied().unwrap_or(NO_CLASS);
    }
}

/// Rows of known truth with what was predicted for them.
#[derive(Debug)]
pub struct Sample {
    /// The highest score first; what else a row holds settles ties, so that the order they came in is forgotten.
    rows: Vec<Row>,
    /// Class numbers are below this.
    classes: usize,
    scored: bool,
}

impl Sample {
    /// Rows whose class numbers are below `classes`, but for [`NO_CLASS`] as a prediction.
    pub fn new(mut rows: Vec<Row>, classes: usize, scored: bool) -> Sample {
        let rest = |row: &Row| (row.truth, row.prediction, row.rank, row.accepted);
        rows.par_sort_unstable_by(|a, b| b.score().total_cmp(&a.score()).then_with(|| rest(a).cmp(&rest(b))));
        Sample { rows, classes, scored }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// `part / whole`, or 0 where the whole is 0.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
