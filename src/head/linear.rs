//! Multinomial logistic regression: the objective, and how its minimum is found.
//!
//! The objective is the mean, over the rows, of the weighted log-loss `-ln p(class | x)` with `p = softmax(W x + b)`,
//! plus `l2 / 2 · |W|²`; `b` is not penalised. Of a row of several classes it is the mean of their log-losses by shares. It is scikit-learn's at `C = 1 / (l2 · n)`. It is minimised by
//! [L-BFGS](super::descent). The first step goes along the gradient,
//! towards the classes' means, as far as is best for the first rows: there the logits are linear in the step's length,
//! so that many lengths cost one product. (A first guess at the inverse Hessian from the covariance of the features was
//! tried: on scaled features it needs more steps, not fewer.)

use rayon::prelude::*;

use super::Error;
use super::descent::{self, Function, Limits, Step};
use super::rows::{Rows, Scaling};
use crate::matrix::{self, dot};

/// How much of what a first step could gain it leaves: the best one along the gradient makes the weights so great that
/// later steps must shrink them again.
const SHORT_OF_BEST: f64 = 0.1;

/// Rows that tell how far the first step goes.
const FIRST_ROWS: usize = 512;

/// What is minimised.
pub(super) struct Objective<'a> {
    rows: &'a Rows,
    scaling: Option<&'a Scaling>,
    classes: usize,
    /// Weight of each class, of mean 1 over the rows.
    weights: Option<&'a [f32]>,
}

impl<'a> Objective<'a> {
    pub(super) fn new(
        rows: &'a Rows,
        scaling: Option<&'a Scaling>,
        classes: usize,
        weights: Option<&'a [f32]>,
    ) -> Objective<'a> {
        Objective { rows, scaling, classes, weights }
    }

    /// Numbers of a row: the features and a constant 1, whose weight is `b`.
    pub(super) fn width(&self) -> usize {
        self.rows.dimension + 1
    }

    /// Weights to start from. (From the logarithms of the classes' shares as `b` the walk takes up to twice the steps.)
    pub(super) fn start(&self) -> Vec<f32> {
        vec![0.0; self.classes * self.width()]
    }

    /// Hands on the scaled rows with their constant.
    fn blocks(&self, mut work: impl FnMut(usize, &[f32]) -> Result<(), Error>) -> Result<(), Error> {
        let (dimension, width) = (self.rows.dimension, self.width());
        let mut block = Vec::new();
        self.rows.blocks(|first, numbers| {
            block.resize(numbers.len() / dimension * width, 0.0);
            let rows = block.par_chunks_exact_mut(width).zip(numbers.par_chunks_exact_mut(dimension));
            rows.with_min_len(64).for_each(|(row, vector)| {
                if let Some(scaling) = self.scaling {
                    scaling.apply(vector);
                }
                row[..dimension].copy_from_slice(vector);
                row[dimension] = 1.0;
            });
            work(first, &block)
        })
    }

    /// The objective at `theta` [classes, width], and its gradient in `gradient`.
    fn evaluate(&self, theta: &[f32], l2: f64, gradient: &mut [f32]) -> Result<Step, Error> {
        let (width, classes) = (self.width(), self.classes);
        gradient.fill(0.0);
        let mut loss = 0.0;
        let mut scores = Vec::new();
        let mut losses = Vec::new();
        self.blocks(|first, x| {
            let rows = x.len() / width;
            scores.resize(rows * classes, 0.0);
            losses.resize(rows, 0.0);
            matrix::by_transposed(x, theta, width, &mut scores);
            let own = &self.rows.classes[first..first + rows];
            let by_row = scores.par_chunks_exact_mut(classes).zip(own).zip(&mut losses).with_min_len(64);
            by_row.enumerate().for_each(|(i, ((row, &class), loss))| {
                if let Some(shares) = self.rows.soft.get(&(first + i)) {
                    *loss = soften(row, shares, self.weights);
                    return;
                }
                let class = class as usize;
                *loss = log_loss(row, class);
                row[class] -= 1.0;
                if let Some(weights) = self.weights {
                    *loss *= f64::from(weights[class]);
                    row.iter_mut().for_each(|x| *x *= weights[class]);
                }
            });
            loss += losses.iter().sum::<f64>();
            matrix::add_transposed_by(&scores, x, classes, width, gradient);
            Ok(())
        })?;
        let n = self.rows.len().max(1) as f64;
        loss /= n;
        let mut square = 0.0;
        for (gradient, theta) in gradient.chunks_exact_mut(width).zip(theta.chunks_exact(width)) {
            let (weights, _) = theta.split_at(width - 1);
            square += dot(weights, weights);
            let penalty = weights.iter().map(|w| l2 as f32 * w).chain([0.0]);
            gradient.iter_mut().zip(penalty).for_each(|(g, penalty)| *g = *g / n as f32 + penalty);
        }
        let slope = gradient.par_iter().map(|g| f64::from(g.abs())).reduce(|| 0.0, f64::max);
        Ok(Step { iteration: 0, value: loss + l2 / 2.0 * square, loss, slope })
    }

    /// How long a first step along `direction` is best for the first rows.
    fn first_length(&self, theta: &[f32], direction: &[f32], l2: f64) -> Result<f64, Error> {
        let (width, classes) = (self.width(), self.classes);
        let mut best = None;
        self.blocks(|first, x| {
            if first > 0 {
                return Ok(());
            }
            let rows = (x.len() / width).min(FIRST_ROWS);
            let x = &x[..rows * width];
            let own = &self.rows.classes[..rows];
            let mut start = vec![0.0; rows * classes];
            let mut change = start.clone();
            matrix::by_transposed(x, theta, width, &mut start);
            matrix::by_transposed(x, direction, width, &mut change);
            let square = dot(direction, direction);
            let value = |length: f64| {
                let scores = start.par_chunks_exact(classes).zip(change.par_chunks_exact(classes)).zip(own);
                let losses: Vec<f64> = scores
                    .enumerate()
                    .map(|(i, ((start, change), &class))| {
                        let mut row: Vec<f32> = start.iter().zip(change).map(|(s, c)| s + length as f32 * c).collect();
                        match self.rows.soft.get(&i) {
                            Some(shares) => soften(&mut row, shares, None),
                            None => log_loss(&mut row, class as usize),
                        }
                    })
                    .collect();
                losses.iter().sum::<f64>() / rows as f64 + l2 / 2.0 * length * length * square
            };
            let shortest = (1.0 / square.sqrt().max(1e-30)).min(1.0);
            let powers = (0..40).map(|i| shortest * 2.0f64.powf(f64::from(i) / 2.0));
            let mut values = Vec::new();
            let mut least = f64::INFINITY;
            for length in powers {
                values.push((length, value(length)));
                least = least.min(values[values.len() - 1].1);
                if values[values.len() - 1].1 > 2.0 * least {
                    break;
                }
            }
            let enough = least + SHORT_OF_BEST * (values[0].1 - least);
            best = values.into_iter().find(|(_, value)| *value <= enough).map(|(length, _)| length);
            Ok(())
        })?;
        Ok(best.unwrap_or(1.0))
    }

    /// Goes from `theta` to the minimum.
    ///
    /// # Errors
    /// The rows cannot be read, or the objective is not finite or cannot be made smaller at the start.
    pub(super) fn minimise(&self, theta: &mut Vec<f32>, l2: f64, limits: Limits) -> Result<Step, Error> {
        descent::minimise(&Penalised { objective: self, l2 }, theta, limits)
    }
}

/// An objective with its penalty.
struct Penalised<'a> {
    objective: &'a Objective<'a>,
    l2: f64,
}

impl Function for Penalised<'_> {
    fn evaluate(&self, theta: &[f32], gradient: &mut [f32]) -> Result<Step, Error> {
        self.objective.evaluate(theta, self.l2, gradient)
    }

    fn first_length(&self, theta: &[f32], direction: &[f32]) -> Result<f64, Error> {
        self.objective.first_length(theta, direction, self.l2)
    }
}

/// Makes the gradient of a row of logits whose row is of several classes, and returns its log-loss; `weights` are those of
/// the classes.
fn soften(row: &mut [f32], shares: &[(u32, f32)], weights: Option<&[f32]>) -> f64 {
    let weight = |class: u32, share: f32| share * weights.map_or(1.0, |weights| weights[class as usize]);
    let (place, most) = matrix::greatest(row);
    let below = |class: u32| f64::from(most) - f64::from(row[class as usize]);
    let below: f64 = shares.iter().map(|&(class, share)| f64::from(weight(class, share)) * below(class)).sum();
    matrix::softmax(row);
    let all: f32 = shares.iter().map(|&(class, share)| weight(class, share)).sum();
    let loss = below - f64::from(all) * f64::from(row[place]).ln();
    row.iter_mut().for_each(|x| *x *= all);
    shares.iter().for_each(|&(class, share)| row[class as usize] -= weight(class, share));
    loss
}

/// Makes probabilities of a row of logits and returns `-ln` of the one of `class`, which stays finite however small it
/// is.
pub(super) fn log_loss(row: &mut [f32], class: usize) -> f64 {
    let (place, most) = matrix::greatest(row);
    let below = f64::from(most) - f64::from(row[class]);
    matrix::softmax(row);
    below - f64::from(row[place]).ln()
}

#[cfg(test)]
mod tests {
    use super::super::RowsBuilder;
    use super::*;

    /// The same rows, each of several classes once and then as often as its shares have it.
    fn both(weights: Option<&[f32]>) -> [(Step, Vec<f32>); 2] {
        let (mut soft, mut hard) = (RowsBuilder::new(4).expect("room"), RowsBuilder::new(4).expect("room"));
        for i in 0..200 {
            let vector: Vec<f32> = (0..4).map(|j| ((i * 31 + j * 17) as f32 * 0.7).sin()).collect();
            let shares: Vec<(u32, f32)> = match i % 3 {
                0 => vec![(0, 0.75), (2, 0.25)],
                1 => vec![(1, 0.5), (2, 0.25), (0, 0.25)],
                _ => vec![(2, 1.0)],
            };
            soft.push(&vector, shares[0].0).expect("room");
            soft.soften(shares.clone());
            for (class, share) in shares {
                (0..(share * 4.0) as usize).for_each(|_| hard.push(&vector, class).expect("room"));
            }
        }
        [soft, hard].map(|rows| {
            let rows = rows.finish().expect("room");
            let objective = Objective::new(&rows, None, 3, weights);
            let theta: Vec<f32> = (0..15).map(|n| (n as f32 * 1.3).cos()).collect();
            let mut gradient = vec![0.0; 15];
            let step = objective.evaluate(&theta, 0.01, &mut gradient).expect("finite");
            (step, gradient)
        })
    }

    #[test]
    fn a_row_of_several_classes_counts_as_its_shares_of_rows_would() {
        for weights in [None, Some([0.5, 1.0, 2.0].as_slice())] {
            let [(soft, by_soft), (hard, by_hard)] = both(weights);
            assert!((soft.value - hard.value).abs() < 1e-6, "{} {}", soft.value, hard.value);
            assert!(by_soft.iter().zip(&by_hard).all(|(a, b)| (a - b).abs() < 1e-5), "{by_soft:?} {by_hard:?}");
        }
    }
}
