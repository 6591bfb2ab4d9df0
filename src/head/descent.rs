//! How the minimum of a smooth function of many numbers is found: L-BFGS (Nocedal & Wright, Numerical Optimization, 2006,
//! algorithms 7.4 and 7.5).

use std::collections::VecDeque;

use rayon::prelude::*;

use super::Error;
use crate::matrix::dot;

/// Steps that are remembered.
const MEMORY: usize = 10;

/// What is minimised.
pub(super) trait Function {
    /// The function at `theta`, and its gradient in `gradient`.
    ///
    /// # Errors
    /// The rows that it is a sum over cannot be read.
    fn evaluate(&self, theta: &[f32], gradient: &mut [f32]) -> Result<Step, Error>;

    /// How long a first step along `direction` should be, when nothing is known of how the function is bent.
    ///
    /// # Errors
    /// As [`Function::evaluate`].
    fn first_length(&self, theta: &[f32], direction: &[f32]) -> Result<f64, Error>;
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

/// Goes from `theta` to the minimum.
///
/// # Errors
/// The rows cannot be read, or the objective is not finite or cannot be made smaller at the start.
pub(super) fn minimise(function: &impl Function, theta: &mut Vec<f32>, limits: Limits) -> Result<Step, Error> {
    let mut gradient = vec![0.0; theta.len()];
    let mut now = function.evaluate(theta, &mut gradient)?;
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
        let mut length = if past.is_empty() { function.first_length(theta, &direction)? } else { 1.0 };
        let (mut shortest, mut longest) = (0.0f64, f64::INFINITY);
        let mut found = None;
        let mut last = length;
        // A step that makes the objective smaller by enough and flattens the slope (weak Wolfe conditions), by
        // bisection (Lewis & Overton, 2013).
        for _ in 0..30 {
            let step = tried.par_iter_mut().zip(theta.par_iter().zip(direction.par_iter())).with_min_len(1 << 14);
            step.for_each(|(t, (x, d))| *t = x + length as f32 * d);
            let next = function.evaluate(&tried, &mut tried_gradient)?;
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
            function.evaluate(&tried, &mut tried_gradient)?;
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
