//! How each class fared, what was taken for what, and the averages and agreements that follow from that.

use std::collections::BTreeMap;

use super::{NO_CLASS, Row, Sample, share};

/// How one class fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// Its number.
    pub class: u32,
    /// Rows of this class.
    pub support: u64,
    /// Rows taken for this class.
    pub predicted: u64,
    /// Rows of this class that were taken for it.
    pub right: u64,
}

impl Class {
    /// Of the rows taken for this class, the share that is of it; 0 where there are none.
    pub fn precision(&self) -> f64 {
        share(self.right, self.predicted)
    }

    /// Of the rows of this class, the share that was taken for it; 0 where there are none.
    pub fn recall(&self) -> f64 {
        share(self.right, self.support)
    }

    /// The harmonic mean of precision and recall; 0 where nothing is right.
    pub fn f1(&self) -> f64 {
        share(2 * self.right, self.support + self.predicted)
    }
}

/// Precision, recall and F1 over all classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    /// See [`Class::precision`].
    pub precision: f64,
    /// See [`Class::recall`].
    pub recall: f64,
    /// See [`Class::f1`].
    pub f1: f64,
}

/// The mean over classes, each counting once; `None` without classes.
pub fn macro_average(classes: &[Class]) -> Option<Average> {
    average(classes, |_| 1.0)
}

/// The mean over classes, each counting as often as it has rows; `None` without rows.
pub fn weighted_average(classes: &[Class]) -> Option<Average> {
    average(classes, |class| class.support as f64)
}

fn average(classes: &[Class], weight: impl Fn(&Class) -> f64) -> Option<Average> {
    let total: f64 = classes.iter().map(&weight).sum();
    let mean = |of: fn(&Class) -> f64| classes.iter().map(|c| weight(c) * of(c)).sum::<f64>() / total;
    (total > 0.0).then(|| Average {
        precision: mean(Class::precision),
        recall: mean(Class::recall),
        f1: mean(Class::f1),
    })
}

/// Balanced accuracy (Brodersen et al., ICPR 2010): the mean recall of the classes that have rows.
pub fn balanced_accuracy(classes: &[Class]) -> Option<f64> {
    let recalls: Vec<f64> = classes.iter().filter(|c| c.support > 0).map(Class::recall).collect();
    (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
}

impl Sample {
    /// The classes that occur as truth or as prediction, in order.
    pub fn classes(&self) -> Vec<Class> {
        let mut counts = Counts::new(self.classes);
        self.rows.iter().for_each(|row| counts.add(row, 1));
        (0..).zip(&counts.0).map(|(class, count)| count.of(class)).filter(|c| c.support + c.predicted > 0).collect()
    }

    /// How often each truth was taken for each class, where that is not 0.
    pub fn confusion(&self) -> BTreeMap<(u32, u32), u64> {
        let mut counts = BTreeMap::new();
        self.rows.iter().for_each(|row| *counts.entry((row.truth, row.prediction)).or_insert(0) += 1);
        counts
    }

    /// Cohen's kappa (1960): the agreement of truth and prediction beyond that of chance,
    /// (p_o − p_e) / (1 − p_e). Rows without a prediction are taken for a class of their own. `None` where chance agrees
    /// fully: all rows are of one class and taken for it.
    pub fn kappa(&self) -> Option<f64> {
        let Margins { rows, right, chance, .. } = self.margins();
        let disagreement = rows * rows - chance;
        (disagreement > 0).then(|| 1.0 - (rows * (rows - right)) as f64 / disagreement as f64)
    }

    /// Matthews' correlation of truth and prediction for several classes (Gorodkin 2004), in [−1, 1]; 0 where all
    /// rows are of one class or taken for one. Rows without a prediction are taken for a class of their own.
    pub fn matthews(&self) -> Option<f64> {
        let Margins { rows, right, chance, truths, predictions } = self.margins();
        let (of_truths, of_predictions) = (rows * rows - truths, rows * rows - predictions);
        if of_truths == 0 || of_predictions == 0 {
            return (rows > 0).then_some(0.0);
        }
        let covariance = (right * rows) as f64 - chance as f64;
        Some(covariance / (of_truths as f64 * of_predictions as f64).sqrt())
    }

    fn margins(&self) -> Margins {
        let classes = self.classes();
        let sum = |of: fn(&Class) -> u128| classes.iter().map(of).sum::<u128>();
        let square = |n: u64| u128::from(n) * u128::from(n);
        let unanswered = self.rows.iter().filter(|row| row.prediction == NO_CLASS).count() as u64;
        Margins {
            rows: self.len() as u128,
            right: sum(|c| c.right.into()),
            chance: sum(|c| u128::from(c.support) * u128::from(c.predicted)),
            truths: sum(|c| u128::from(c.support) * u128::from(c.support)),
            predictions: sum(|c| u128::from(c.predicted) * u128::from(c.predicted)) + square(unanswered),
        }
    }
}

/// Sums over a table of truths and predictions.
struct Margins {
    rows: u128,
    right: u128,
    /// Σ support · predicted.
    chance: u128,
    /// Σ support².
    truths: u128,
    /// Σ predicted².
    predictions: u128,
}

/// Support, predictions and right ones of every class.
pub(super) struct Counts(Vec<Count>);

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    support: u64,
    predicted: u64,
    right: u64,
}

impl Count {
    fn of(self, class: u32) -> Class {
        Class { class, support: self.support, predicted: self.predicted, right: self.right }
    }
}

impl Counts {
    pub(super) fn new(classes: usize) -> Counts {
        Counts(vec![Count::default(); classes])
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(Count::default());
    }

    pub(super) fn add(&mut self, row: &Row, times: u64) {
        self.0[row.truth as usize].support += times;
        if let Some(predicted) = self.0.get_mut(row.prediction as usize) {
            predicted.predicted += times;
            predicted.right += if row.is_right() { times } else { 0 };
        }
    }

    pub(super) fn macro_f1(&self) -> f64 {
        let occurring = self.0.iter().filter(|c| c.support + c.predicted > 0);
        let (classes, sum) = occurring.fold((0u64, 0.0), |(n, sum), c| (n + 1, sum + c.of(0).f1()));
        sum / classes as f64
    }
}
