//! Training: from rows with classes to a head, its hyperparameters chosen on rows that it does not learn from.

use super::calibrate::Calibration;
use super::descent::Limits;
use super::linear::Objective;
use super::{Accept, Class, Doubt, Error, Feature, Head, Method, Rows, Scaling};

/// Penalties that are tried, from the strongest on: each is learnt from where the one before ended.
const PENALTIES: [f64; 11] = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6];
/// Penalties in a row that may make the validation worse before the search ends.
const PATIENCE: usize = 2;
/// Steps after which the walk begins anew from where it stands, so that a run that was killed goes on from there and
/// comes to the same end.
const ROUND: usize = 50;
/// Numbers of neighbours and nearnesses that are tried.
const NEIGHBOURS: [usize; 7] = [1, 3, 5, 10, 20, 50, 100];
const NEARNESSES: [f32; 5] = [0.01, 0.02, 0.05, 0.1, 0.2];

/// What is to be trained, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What kind of head.
    pub method: Method,
    /// The penalty; `None`: the best on the validation rows.
    pub l2: Option<f64>,
    /// Whether small classes weigh as much as large ones.
    pub balance: bool,
    /// Whether features are scaled to mean 0 and deviation 1; `None`: where it serves the method.
    pub scale: Option<bool>,
    /// How many neighbours vote; `None`: the best on the validation rows.
    pub neighbours: Option<usize>,
    /// Most steps for one penalty.
    pub iterations: usize,
    /// The relative decrease of the objective that is not worth another step.
    pub tolerance: f64,
    /// Which rows are not to be rejected.
    pub accept: Accept,
}

impl Default for Plan {
    /// A linear head, its penalty chosen by the validation rows.
    fn default() -> Plan {
        Plan {
            method: Method::Linear,
            l2: None,
            balance: false,
            scale: None,
            neighbours: None,
            iterations: 500,
            tolerance: 3e-4,
            accept: Accept::Default,
        }
    }
}

/// A point of the training curve.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Point {
    /// Steps so far, over all penalties.
    pub iteration: usize,
    /// The penalty of this step.
    pub l2: f64,
    /// Mean log-loss of the rows that are learnt from, and of the validation rows.
    pub train_loss: f64,
    /// See `train_loss`.
    pub validation_loss: f64,
    /// The share of the validation rows that are right.
    pub validation_top1: f64,
}

/// Where a training stands, to be gone on with by another process.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Saved {
    /// The penalty that is being learnt with, and the steps made with it.
    penalty: usize,
    steps: usize,
    iteration: usize,
    theta: Vec<f32>,
    /// The best so far: its penalty, its loss on the validation rows, its weights.
    best: Option<(f64, f64, Vec<f32>)>,
    worse: usize,
    curve: Vec<Point>,
}

/// Trains a head. `saved` is where an earlier run stood; `watch` is shown where this one stands, whenever it could be
/// gone on with.
///
/// The head's facts say how it was made: `l2`, `steps`, `train_rows`, `validation_rows`, `validation_top1`,
/// `validation_loss`.
///
/// # Errors
/// The rows cannot be read, the objective is not finite, or `watch` fails.
pub fn train<E: From<Error>>(
    plan: &Plan,
    (target, features, classes): (&str, Vec<Feature>, Vec<Class>),
    (rows, validation): (&Rows, &Rows),
    saved: Option<Saved>,
    watch: &mut dyn FnMut(&Saved) -> Result<(), E>,
) -> Result<(Head, Vec<Point>), E> {
    let scale = plan.scale.unwrap_or(plan.method == Method::Linear || features.len() > 1);
    let scaling = if scale { Some(Scaling::of(rows).map_err(Error::from)?) } else { None };
    let mut head = Head {
        method: plan.method,
        target: target.into(),
        features,
        classes,
        scaling,
        weights: Vec::new(),
        bias: Vec::new(),
        rows: Vec::new(),
        owners: Vec::new(),
        neighbours: 0,
        nearness: 0.0,
        doubt: Doubt::NONE,
        facts: serde_json::Map::new(),
    };
    let mut curve = Vec::new();
    match plan.method {
        Method::Linear => curve = linear(&mut head, plan, rows, validation, saved, watch)?,
        Method::Centroid => centroids(&mut head, rows)?,
        Method::Knn => neighbours(&mut head, plan, rows, validation)?,
    }
    doubt(&mut head, plan, validation)?;
    head.facts.insert("train_rows".into(), rows.len().into());
    head.facts.insert("validation_rows".into(), validation.len().into());
    Ok((head, curve))
}

/// Fits temperature and threshold, and measures what comes of it.
fn doubt(head: &mut Head, plan: &Plan, validation: &Rows) -> Result<(), Error> {
    if validation.is_empty() {
        return Ok(());
    }
    let calibration = Calibration::of(head, validation)?;
    let (temperature, unknown) = calibration.fit();
    head.doubt.temperature = temperature as f32;
    head.doubt.unknown = unknown.map(|unknown| unknown as f32);
    head.doubt.min_score = calibration.threshold(&head.doubt, plan.accept);
    head.facts.insert("validation_top1".into(), calibration.top1().into());
    head.facts.insert("validation_loss".into(), calibration.log_loss(temperature, unknown).into());
    Ok(())
}

fn linear<E: From<Error>>(
    head: &mut Head,
    plan: &Plan,
    rows: &Rows,
    validation: &Rows,
    saved: Option<Saved>,
    watch: &mut dyn FnMut(&Saved) -> Result<(), E>,
) -> Result<Vec<Point>, E> {
    let scaling = head.scaling.take();
    let classes = head.classes.len();
    let weights = plan.balance.then(|| balanced(rows, classes));
    let objective = Objective::new(rows, scaling.as_ref(), classes, weights.as_deref());
    let penalties = plan.l2.map_or(PENALTIES.to_vec(), |l2| vec![l2]);
    let mut state = saved.filter(|s| s.theta.len() == classes * objective.width()).unwrap_or_else(|| Saved {
        penalty: 0,
        steps: 0,
        iteration: 0,
        theta: objective.start(),
        best: None,
        worse: 0,
        curve: Vec::new(),
    });
    while state.penalty < penalties.len() && state.worse < PATIENCE {
        let l2 = penalties[state.penalty];
        let round = ROUND.min(plan.iterations - state.steps);
        let limits = Limits { iterations: round, slope: 1e-7, decrease: plan.tolerance };
        let end = objective.minimise(&mut state.theta, l2, limits)?;
        state.steps += end.iteration.max(1);
        state.iteration += end.iteration;
        fold(head, &state.theta, scaling.as_ref(), objective.width());
        let calibration = Calibration::of(head, validation)?;
        let (loss, top1) = (calibration.log_loss(1.0, None), calibration.top1());
        let (iteration, train_loss) = (state.iteration, end.loss);
        state.curve.push(Point { iteration, l2, train_loss, validation_loss: loss, validation_top1: top1 });
        if end.iteration == round && state.steps < plan.iterations {
            watch(&state)?;
            continue;
        }
        // A validation without a known class cannot choose: then the last is as good as any.
        if state.best.as_ref().is_none_or(|(_, least, _)| loss < *least || validation.is_empty()) {
            state.best = Some((l2, loss, state.theta.clone()));
            state.worse = 0;
        } else {
            state.worse += 1;
        }
        (state.penalty, state.steps) = (state.penalty + 1, 0);
        watch(&state)?;
    }
    let (l2, _, theta) = state.best.expect("at least one penalty was tried");
    fold(head, &theta, scaling.as_ref(), objective.width());
    head.facts.insert("l2".into(), l2.into());
    head.facts.insert("steps".into(), state.iteration.into());
    Ok(state.curve)
}

/// Takes over weights, the scaling made part of them.
fn fold(head: &mut Head, theta: &[f32], scaling: Option<&Scaling>, width: usize) {
    head.weights.clear();
    head.bias.clear();
    for row in theta.chunks_exact(width) {
        let (weights, bias) = row.split_at(width - 1);
        let mut bias = f64::from(bias[0]);
        match scaling {
            None => head.weights.extend_from_slice(weights),
            Some(scaling) => {
                for ((w, mean), deviation) in weights.iter().zip(&scaling.mean).zip(&scaling.deviation) {
                    let weight = f64::from(*w) / f64::from(*deviation);
                    bias -= weight * f64::from(*mean);
                    head.weights.push(weight as f32);
                }
            }
        }
        head.bias.push(bias as f32);
    }
}

/// Weights by which every class counts the same, of mean 1 over the rows.
fn balanced(rows: &Rows, classes: usize) -> Vec<f32> {
    let mut counts = vec![0u64; classes];
    rows.classes.iter().for_each(|&class| counts[class as usize] += 1);
    let weight = |count: u64| rows.len() as f64 / (classes as f64 * count.max(1) as f64);
    counts.into_iter().map(|count| weight(count) as f32).collect()
}

fn centroids(head: &mut Head, rows: &Rows) -> Result<(), Error> {
    head.weights = means(rows, head.classes.len(), |features| head.prepare(features))?;
    Ok(())
}

/// The mean of each class, of length 1, one after the other, once rows are prepared.
///
/// # Errors
/// The rows cannot be read.
pub fn means(rows: &Rows, classes: usize, prepare: impl Fn(&mut [f32])) -> Result<Vec<f32>, Error> {
    let dimension = rows.dimension;
    let mut sums = vec![0.0f64; classes * dimension];
    rows.blocks(|first, features| {
        prepare(features);
        for (row, vector) in (first..).zip(features.chunks_exact(dimension)) {
            let class = rows.classes[row] as usize;
            let sum = &mut sums[class * dimension..(class + 1) * dimension];
            sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        Ok::<(), Error>(())
    })?;
    let mut means: Vec<f32> = sums.iter().map(|x| *x as f32).collect();
    means.chunks_exact_mut(dimension).for_each(|mean| {
        crate::model::normalise(mean);
    });
    Ok(means)
}

fn neighbours(head: &mut Head, plan: &Plan, rows: &Rows, validation: &Rows) -> Result<(), Error> {
    let mut vectors = Vec::with_capacity(rows.len() * rows.dimension);
    rows.blocks(|_, features| {
        head.prepare(features);
        vectors.extend_from_slice(features);
        Ok::<(), Error>(())
    })?;
    head.rows = vec![vectors.into()];
    head.owners = rows.classes.clone();
    let counts: Vec<usize> = match plan.neighbours {
        Some(count) => vec![count],
        None => NEIGHBOURS.into_iter().filter(|count| *count == 1 || *count <= rows.len()).collect(),
    };
    let (blocks, truths) = Calibration::sample(head, validation)?;
    let most = counts[counts.len() - 1];
    let mut nearest = Vec::with_capacity(truths.len());
    for mut block in blocks {
        head.prepare(&mut block);
        nearest.extend(head.nearest(&block, most));
    }
    let mut best = (f64::INFINITY, counts[0], NEARNESSES[2]);
    for &count in counts.iter().filter(|_| !truths.is_empty()) {
        for nearness in NEARNESSES {
            (head.neighbours, head.nearness) = (count, nearness);
            let logits = nearest.iter().flat_map(|nearest| head.vote(nearest)).collect();
            let loss = Calibration::new(head.classes.len(), logits, truths.clone()).log_loss(1.0, None);
            if loss < best.0 {
                best = (loss, count, nearness);
            }
        }
    }
    (_, head.neighbours, head.nearness) = best;
    head.facts.insert("neighbours".into(), head.neighbours.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::RowsBuilder;

    /// Rows around as many corners as there are classes, hard enough to need many steps.
    fn rows(count: usize, seed: usize) -> Rows {
        let mut rows = RowsBuilder::new(6).expect("a temporary file");
        for i in 0..count {
            let class = i % 3;
            let noise = |j: usize| (((i + seed) * 131 + j * 977) as f32 * 12.9898).sin() * 1.5;
            let vector: Vec<f32> = (0..6).map(|j| f32::from(u8::from(j % 3 == class)) + noise(j)).collect();
            rows.push(&vector, class as u32).expect("room");
        }
        rows.finish().expect("room")
    }

    fn plan() -> Plan {
        Plan {
            method: Method::Linear,
            l2: None,
            balance: true,
            scale: None,
            neighbours: None,
            iterations: 120,
            tolerance: 1e-12,
            accept: Accept::Default,
        }
    }

    fn run(saved: Option<Saved>, watch: &mut dyn FnMut(&Saved) -> Result<(), Error>) -> Result<Head, Error> {
        let feature = Feature { column: "embedding".into(), dimension: 6, model: None };
        let classes = ["a", "b", "c"].map(|label| Class { label: label.into(), id: None, rows: 0 });
        let what = ("label", vec![feature], classes.to_vec());
        Ok(train(&plan(), what, (&rows(300, 0), &rows(90, 7)), saved, watch)?.0)
    }

    #[test]
    fn a_training_that_was_cut_off_goes_on_to_the_same_head() {
        let mut states: Vec<Vec<u8>> = Vec::new();
        let whole = run(None, &mut |state| {
            states.push(serde_json::to_vec(state).expect("JSON"));
            Ok(())
        });
        let whole = whole.expect("it learns");
        assert!(states.len() > 4, "rounds and penalties: {}", states.len());
        for state in states {
            let saved = serde_json::from_slice(&state).expect("JSON keeps every bit of a number");
            let resumed = run(Some(saved), &mut |_| Ok(())).expect("it learns");
            assert!(resumed == whole);
        }
    }

    #[test]
    fn the_gradient_leads_to_a_minimum() {
        // At the minimum no small change of a weight makes the objective smaller.
        let rows = rows(300, 0);
        let objective = Objective::new(&rows, None, 3, None);
        let limits = Limits { iterations: 300, slope: 1e-7, decrease: 1e-12 };
        let value = |theta: &[f32]| {
            let still = Limits { iterations: 0, ..limits };
            objective.minimise(&mut theta.to_vec(), 0.01, still).expect("finite").value
        };
        let mut theta = objective.start();
        let end = objective.minimise(&mut theta, 0.01, limits).expect("finite");
        assert!((value(&theta) - end.value).abs() < 1e-6);
        for i in 0..theta.len() {
            for step in [-0.03, 0.03] {
                let mut other = theta.clone();
                other[i] += step;
                assert!(value(&other) > end.value - 1e-7, "weight {i}");
            }
        }
    }
}
