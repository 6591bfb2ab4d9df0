//! How sure a head may be: a temperature, and below which score it had better say nothing.
//!
//! One temperature divides all logits (Guo et al., On Calibration of Modern Neural Networks, 2017): it changes how sure a
//! head is, not what it says. It is the one of the least log-loss on rows that the head was not trained on.

use rayon::prelude::*;

use super::{Doubt, Error, Head, Rows};
use crate::matrix;

/// Logits that are kept in memory: of more rows, every so many.
const MOST_LOGITS: usize = 1 << 23;

/// The class of a row that is none of the classes, and of one whose class the head does not know.
pub const STRANGER: u32 = u32::MAX;
/// The class of a row whose class the head does not know.
pub const UNSEEN: u32 = u32::MAX - 1;

/// Which scores are to be believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Accept {
    /// All, unless there are strangers among the rows: then so many that at most a tenth of the strangers pass.
    Default,
    /// So many that this share of the rows is accepted.
    Coverage(f64),
    /// As many as can be so that this share of those accepted is right.
    Accuracy(f64),
}

/// What a head says of rows that it was not trained on.
#[derive(Debug)]
pub(super) struct Calibration {
    classes: usize,
    logits: Vec<f32>,
    truths: Vec<u32>,
}

impl Calibration {
    /// Asks the head.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub(super) fn of(head: &Head, rows: &Rows) -> Result<Calibration, Error> {
        let (features, truths) = Calibration::sample(head, rows)?;
        let mut logits = Vec::with_capacity(truths.len() * head.classes.len());
        for mut block in features {
            logits.extend(head.logits(&mut block));
        }
        Ok(Calibration { classes: head.classes.len(), logits, truths })
    }

    /// The features of as many rows as their logits may cost, in blocks, and their classes.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub(super) fn sample(head: &Head, rows: &Rows) -> Result<(Vec<Vec<f32>>, Vec<u32>), Error> {
        let every = (rows.len() * head.classes.len()).div_ceil(MOST_LOGITS).max(1);
        let (mut blocks, mut truths) = (Vec::new(), Vec::new());
        rows.blocks(|first, features| {
            let mut block = Vec::new();
            for (row, vector) in
                (first..).zip(features.chunks_exact(rows.dimension)).filter(|(row, _)| row % every == 0)
            {
                block.extend_from_slice(vector);
                truths.push(rows.classes[row]);
            }
            blocks.push(block);
            Ok::<(), Error>(())
        })?;
        Ok((blocks, truths))
    }

    /// What was said already: logits [rows, classes], and the classes.
    pub(super) fn new(classes: usize, logits: Vec<f32>, truths: Vec<u32>) -> Calibration {
        Calibration { classes, logits, truths }
    }

    /// Rows with a class, rightly judged or not.
    fn known(&self) -> usize {
        self.truths.iter().filter(|&&truth| truth != STRANGER).count()
    }

    fn strangers(&self) -> usize {
        self.truths.len() - self.known()
    }

    /// Mean of `-ln` of what was to be said: of the class, or of being none. Rows of classes that the head does not know
    /// cannot be right and are left out.
    pub(super) fn log_loss(&self, temperature: f64, unknown: Option<f64>) -> f64 {
        let losses = self.logits.par_chunks_exact(self.classes).zip(&self.truths).map(|(logits, &truth)| {
            if truth == UNSEEN || (truth == STRANGER && unknown.is_none()) {
                return (0.0, 0.0);
            }
            let most = f64::from(matrix::greatest(logits).1);
            let at = |logit: f64| (logit - most) / temperature;
            let mut sum: f64 = logits.iter().map(|&logit| at(logit.into()).exp()).sum();
            sum += unknown.map_or(0.0, |unknown| at(unknown).exp());
            let own = match truth {
                STRANGER => unknown.unwrap_or(0.0),
                class => logits[class as usize].into(),
            };
            (sum.ln() - at(own), 1.0)
        });
        let losses: Vec<(f64, f64)> = losses.collect();
        let (sum, rows) = losses.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        if rows > 0.0 { sum / rows } else { 0.0 }
    }

    /// The temperature of the least log-loss, and where there are strangers the logit of being one.
    pub(super) fn fit(&self) -> (f64, Option<f64>) {
        if self.known() == 0 {
            return (1.0, None);
        }
        let spread = self.spread();
        let (mut temperature, mut unknown) = (spread, None);
        let rounds = if self.strangers() > 0 { 4 } else { 1 };
        for _ in 0..rounds {
            let loss = |log: f64| self.log_loss(log.exp(), unknown);
            temperature = least(loss, (spread * 1e-3).ln(), (spread * 1e2).ln()).exp();
            if self.strangers() > 0 {
                let (low, high) = self.range();
                let loss = |logit: f64| self.log_loss(temperature, Some(logit));
                unknown = Some(least(loss, low, high + 10.0 * temperature));
            }
        }
        (temperature, unknown)
    }

    /// Standard deviation of all logits: what a temperature is measured by.
    fn spread(&self) -> f64 {
        let n = self.logits.len() as f64;
        let mean = self.logits.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let square = self.logits.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
        square.sqrt().max(1e-6)
    }

    fn range(&self) -> (f64, f64) {
        let (low, high) = self.logits.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
        (low.into(), high.into())
    }

    /// The best score of every row, and whether it is that of its class.
    fn scores(&self, doubt: &Doubt) -> Vec<(f32, bool)> {
        let rows = self.logits.par_chunks_exact(self.classes).zip(&self.truths);
        rows.map(|(logits, &truth)| {
            let mut scores = logits.to_vec();
            doubt.probabilities(&mut scores);
            let (class, score) = doubt.rank(&scores, 1).best[0];
            (score, class == truth)
        })
        .collect()
    }

    /// Share of the rows of a class (known or not) whose class has the best score.
    pub(super) fn top1(&self) -> f64 {
        let right = self.scores(&Doubt::NONE).iter().filter(|(_, right)| *right).count();
        right as f64 / self.known().max(1) as f64
    }

    /// The least score that is accepted.
    pub(super) fn threshold(&self, doubt: &Doubt, accept: Accept) -> f32 {
        let mut scores = self.scores(doubt);
        match accept {
            Accept::Default => {
                let strangers = scores.iter().zip(&self.truths).filter(|(_, truth)| **truth == STRANGER);
                let mut strangers: Vec<f32> = strangers.map(|((score, _), _)| *score).collect();
                strangers.sort_unstable_by(|a, b| b.total_cmp(a));
                // The first of those that are kept out is just below the threshold.
                strangers.get(strangers.len() / 10).map_or(0.0, |score| score.next_up())
            }
            Accept::Coverage(share) => {
                scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
                let wanted = ((share * scores.len() as f64).ceil() as usize).clamp(1, scores.len().max(1));
                scores.get(wanted - 1).map_or(0.0, |(score, _)| *score)
            }
            Accept::Accuracy(share) => {
                scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
                let (mut right, mut threshold) = (0usize, 1.0f32.next_up());
                for (accepted, (score, correct)) in (1..).zip(&scores) {
                    right += usize::from(*correct);
                    let last_of_equals = scores.get(accepted).is_none_or(|(next, _)| next < score);
                    if last_of_equals && right as f64 >= share * accepted as f64 {
                        threshold = *score;
                    }
                }
                threshold
            }
        }
    }
}

/// Where a function of one minimum is least, by golden section.
fn least(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = (5.0f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut fa, mut fb) = (f(a), f(b));
    for _ in 0..40 {
        if fa <= fb {
            (high, b, fb) = (b, a, fa);
            a = high - ratio * (high - low);
            fa = f(a);
        } else {
            (low, a, fa) = (a, b, fb);
            b = low + ratio * (high - low);
            fb = f(b);
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows whose class has a logit 1 above the others in so many of a hundred cases.
    fn calibration(right: usize) -> Calibration {
        let logits = (0..100).flat_map(|_| [1.0, 0.0]).collect();
        let truths = (0..100).map(|row| u32::from(row >= right)).collect();
        Calibration { classes: 2, logits, truths }
    }

    #[test]
    fn a_temperature_makes_scores_true() {
        for right in [60, 75, 90] {
            let calibration = calibration(right);
            let (temperature, unknown) = calibration.fit();
            let doubt = Doubt { temperature: temperature as f32, ..Doubt::NONE };
            let (score, _) = calibration.scores(&doubt)[0];
            assert!((score - right as f32 / 100.0).abs() < 1e-3, "{right}: {score}");
            assert_eq!(unknown, None);
        }
    }

    #[test]
    fn strangers_get_their_share() {
        let mut calibration = calibration(100);
        for _ in 0..50 {
            calibration.logits.extend([0.2, 0.0]);
            calibration.truths.push(STRANGER);
        }
        let (temperature, unknown) = calibration.fit();
        let doubt = Doubt { temperature: temperature as f32, unknown: unknown.map(|u| u as f32), ..Doubt::NONE };
        let scores = calibration.scores(&doubt);
        assert!(scores[0].0 > 0.9 && scores[149].0 < 0.1, "{scores:?}");
        let threshold = calibration.threshold(&doubt, Accept::Default);
        assert!(scores[0].0 > threshold && scores[149].0 < threshold);
    }

    #[test]
    fn thresholds_do_what_they_say() {
        // Ten rows whose scores fall; the last three are wrong.
        let logits = (0..10).flat_map(|i| [5.0 - 0.4 * i as f32, 0.0]).collect();
        let truths = (0..10).map(|row| u32::from(row >= 7)).collect();
        let calibration = Calibration { classes: 2, logits, truths };
        let scores = calibration.scores(&Doubt::NONE);
        let accepted = |accept| {
            let threshold = calibration.threshold(&Doubt::NONE, accept);
            scores.iter().filter(|(score, _)| *score >= threshold).count()
        };
        assert_eq!(accepted(Accept::Coverage(0.5)), 5);
        assert_eq!(accepted(Accept::Coverage(1.0)), 10);
        assert_eq!(accepted(Accept::Accuracy(1.0)), 7);
        assert_eq!(accepted(Accept::Accuracy(0.8)), 8);
        assert_eq!(accepted(Accept::Accuracy(0.5)), 10);
        assert_eq!(accepted(Accept::Default), 10);
    }
}
