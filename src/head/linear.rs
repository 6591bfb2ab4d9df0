//! Multinomial logistic regression: the objective, and how its minimum is found.
//!
//! The objective is the mean, over the rows, of the weighted log-loss `-ln p(class | x)` with `p = softmax(W x + b)`,
//! plus `l2 / 2 · |W|²`; `b` is not penalised. It is scikit-learn's at `C = 1 / (l2 · n)`. It is minimised by L-BFGS
//! (Nocedal & Wright, Numerical Optimization, 2006, algorithms 7.4 and 7.5). The first step goes along the gradient,
//! towards the classes' means, as far as is best for the first rows: there the logits are linear in the step's length,
//! so that many lengths cost one product. (A first guess at the inverse Hessian from the covariance of the features was
//! tried: on scaled features it needs more steps, not fewer.)

use std::collections::VecDeque;

use rayon::prelude::*;

use super::Error;
use super::rows::{Rows, Scaling};
use crate::matrix::{self, dot};

/// Steps that are remembered.
const MEMORY: usize = 10;

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

/// Where a minimisation stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Steps so far.
    pub iteration: usize,
    /// The objective: log-loss and penalty.
    pub value: f64,
    /// The mean log-loss alone.
    pub loss: f64,
    /// The greatest number of the gradient.
    pub slope: f64,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub iterations: usize,
    /// Stop where no number of the gradient is greater (scikit-learn's criterion).
    pub slope: f64,
    /// Stop after two steps that each lowered the objective by no greater share.
    pub decrease: f64,
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
        let mut gradient = vec![0.0; theta.len()];
        let mut now = self.evaluate(theta, l2, &mut gradient)?;
        if !now.value.is_finite() {
            return Err(Error::Diverged { iteration: 0 });
        }
        let mut past: VecDeque<(Vec<f32>, Vec<f32>, f64)> = VecDeque::new();
        let mut tried = theta.clone();
        let mut tried_gradient = gradient.clone();
        let mut small_steps = 0;
        for iteration in 1..=limits.iterations {
            let mut direction = descent(&gradient, &past);
            let mut slope = dot(&direction, &gradient);
            if slope >= 0.0 {
                past.clear();
                direction = gradient.iter().map(|g| -g).collect();
                slope = dot(&direction, &gradient);
            }
            let mut length = if past.is_empty() { self.first_length(theta, &direction, l2)? } else { 1.0 };
            let (mut shortest, mut longest) = (0.0f64, f64::INFINITY);
            let mut found = None;
            let mut last = length;
            // A step that makes the objective smaller by enough and flattens the slope (weak Wolfe conditions), by
            // bisection (Lewis & Overton, 2013).
            for _ in 0..30 {
                let step = tried.par_iter_mut().zip(theta.par_iter().zip(direction.par_iter())).with_min_len(1 << 14);
                step.for_each(|(t, (x, d))| *t = x + length as f32 * d);
                let next = self.evaluate(&tried, l2, &mut tried_gradient)?;
                last = length;
                if !next.value.is_finite() || next.value > now.value + 1e-4 * length * slope {
                    longest = length;
                } else {
                    found = Some((next, length));
                    if dot(&direction, &tried_gradient) >= 0.9 * slope {
                        break;
                    }
                    shortest = length;
                }
                // One that is good enough is kept rather than measured by ever smaller differences.
                if found.is_some() && longest.is_finite() {
                    break;
                }
                length = if longest.is_finite() { (shortest + longest) / 2.0 } else { 2.0 * length };
            }
            let Some((next, length)) = found else {
                // No step is better: the rounding of the numbers is reached. At the very beginning it is a failure.
                return if iteration > 1 || slope.abs() < 1e-6 { Ok(now) } else { Err(Error::Diverged { iteration }) };
            };
            if last != length {
                // The last trial went beyond the step that was found.
                let step = tried.iter_mut().zip(theta.iter().zip(&direction));
                step.for_each(|(t, (x, d))| *t = x + length as f32 * d);
                self.evaluate(&tried, l2, &mut tried_gradient)?;
            }
            let moved: Vec<f32> = tried.iter().zip(theta.iter()).map(|(t, x)| t - x).collect();
            let turned: Vec<f32> = tried_gradient.iter().zip(&gradient).map(|(t, g)| t - g).collect();
            let curvature = dot(&moved, &turned);
            if curvature > 1e-12 * dot(&turned, &turned).max(1e-30) {
                if past.len() == MEMORY {
                    past.pop_front();
                }
                past.push_back((moved, turned, curvature));
            }
            std::mem::swap(theta, &mut tried);
            std::mem::swap(&mut gradient, &mut tried_gradient);
            let decrease = (now.value - next.value) / now.value.abs().max(1e-12);
            now = Step { iteration, ..next };
            small_steps = if decrease < limits.decrease { small_steps + 1 } else { 0 };
            if small_steps == 2 || now.slope <= limits.slope {
                break;
            }
        }
        Ok(now)
    }
}

/// The direction of the next step: minus the inverse Hessian times the gradient, as the past steps tell it.
fn descent(gradient: &[f32], past: &VecDeque<(Vec<f32>, Vec<f32>, f64)>) -> Vec<f32> {
    let add = |to: &mut [f32], factor: f64, what: &[f32]| {
        to.iter_mut().zip(what).for_each(|(to, x)| *to += factor as f32 * x);
    };
    let mut direction: Vec<f32> = gradient.iter().map(|g| -g).collect();
    let mut factors = Vec::with_capacity(past.len());
    for (moved, turned, curvature) in past.iter().rev() {
        let factor = dot(moved, &direction) / curvature;
        add(&mut direction, -factor, turned);
        factors.push(factor);
    }
    if let Some((_, turned, curvature)) = past.back() {
        let scale = (curvature / dot(turned, turned)) as f32;
        direction.iter_mut().for_each(|x| *x *= scale);
    }
    for ((moved, turned, curvature), factor) in past.iter().zip(factors.into_iter().rev()) {
        let back = dot(turned, &direction) / curvature;
        add(&mut direction, factor - back, moved);
    }
    direction
}

/// Makes probabilities of a row of logits and returns `-ln` of the one of `class`, which stays finite however small it
/// is.
fn log_loss(row: &mut [f32], class: usize) -> f64 {
    let (place, most) = matrix::greatest(row);
    let below = f64::from(most) - f64::from(row[class]);
    matrix::softmax(row);
    below - f64::from(row[place]).ln()
}
