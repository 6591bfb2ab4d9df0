//! Multinomial logistic regression: the objective, and how its minimum is found.
//!
//! The objective is the mean, over the rows, of the weighted log-loss `-ln p(class | x)` with `p = softmax(W x + b)`,
//! plus `l2 / 2 · |W|²`; `b` is not penalised. It is scikit-learn's at `C = 1 / (l2 · n)`. It is minimised by
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
            by_row.for_each(|((row, &class), loss)| {
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
                    .map(|((start, change), &class)| {
                        let mut row: Vec<f32> = start.iter().zip(change).map(|(s, c)| s + length as f32 * c).collect();
                        log_loss(&mut row, class as usize)
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

/// Makes probabilities of a row of logits and returns `-ln` of the one of `class`, which stays finite however small it
/// is.
pub(super) fn log_loss(row: &mut [f32], class: usize) -> f64 {
    let (place, most) = matrix::greatest(row);
    let below = f64::from(most) - f64::from(row[class]);
    matrix::softmax(row);
    below - f64::from(row[place]).ln()
}
