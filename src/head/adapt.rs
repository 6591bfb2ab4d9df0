//! One linear map of a model's vectors, learnt from rows with classes, with captions, or with both.
//!
//! A vector x becomes `W x / |W x|`. Of rows with classes the log-loss is taken of the class among all, by the cosines with an
//! anchor of each; of pictures with captions that of the caption among those of 1024 rows, and of the picture among these
//! (InfoNCE, Radford et al., 2021). Cosines are multiplied by a scale that suits the model as it is, so that nothing is gained
//! by being surer. The mean of the terms plus `l2 / 2 · |W - I|²` is what is minimised (ProLIP, Fahes et al., 2024,
//! arXiv 2410.05270, whose map is the last layer of the tower): texts and anchors stay where they are, as they do when the
//! model is asked. Blocks are always the same, so that the objective is one function, and L-BFGS suits it.

use std::collections::HashMap;

use rayon::prelude::*;

use super::Error;
use super::descent::{self, Function, Limits, Step};
use super::linear::log_loss;
use super::rows::Rows;
use crate::matrix::{self, dot};
use crate::model::normalise;

/// Penalties that are tried, from the strongest on: each is learnt from where the one before ended.
const PENALTIES: [f64; 9] = [3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003];
/// Penalties in a row that may make the validation worse before the search ends.
const PATIENCE: usize = 2;
/// How much nearer to the minimum the last walk goes, with the penalty that was chosen.
const CLOSER: f64 = 0.1;
/// Rows whose captions are told apart.
const PAIRS: usize = 1024;
/// The greatest scale is 2 to the power of so many halves: 91; CLIP's own goes to 100.
const HALVES: i32 = 13;
/// How far a first step goes, in lengths of the matrix.
const FIRST_STEP: f64 = 0.02;

/// What a map is learnt from, or chosen by; all vectors are of length 1.
#[derive(Clone, Copy)]
pub enum Term<'a> {
    /// Rows, each of a class.
    Labelled {
        /// The rows' vectors.
        rows: &'a Rows,
        /// A vector for each class, one after the other.
        anchors: &'a [f32],
    },
    /// Pictures and their captions, side by side.
    Captioned {
        /// The pictures' vectors.
        pictures: &'a Rows,
        /// The captions' vectors; equal captions have equal numbers as their classes.
        captions: &'a Rows,
    },
}

/// Terms that count the same, each with the scale of its cosines.
pub type Lesson<'a> = &'a [(Term<'a>, f64)];

/// What was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// The mean of the terms, without a penalty.
    pub loss: f64,
    /// The share of the rows with classes whose anchor is nearest.
    pub top1: Option<f64>,
    /// The mean reciprocal rank of a caption's picture among those of the same 1024 rows.
    pub mrr: Option<f64>,
}

/// How a map is learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// The penalty; `None`: the best on the validation rows.
    pub l2: Option<f64>,
    /// Most steps for one penalty.
    pub iterations: usize,
    /// The relative decrease of the objective that is not worth another step.
    pub tolerance: f64,
}

/// A map that was learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Taught {
    /// `W`, row after row.
    pub weights: Vec<f32>,
    /// The penalty.
    pub l2: f64,
    /// Steps, over all penalties.
    pub steps: usize,
    /// The objective at the end.
    pub objective: f64,
    /// Of the validation, before and afterwards.
    pub before: Figures,
    /// See `before`.
    pub after: Figures,
    /// For each penalty that was tried: steps so far, and what was measured of the rows to learn from and of the validation.
    pub curve: Vec<(usize, f64, Figures)>,
}

/// Learns a map, calling `watch` now and then.
///
/// # Errors
/// The rows cannot be read, the objective is not finite, or `watch` fails.
pub fn adapt<E: From<Error>>(
    dimension: usize,
    (train, validation): (Lesson, Lesson),
    course: Course,
    watch: &mut dyn FnMut() -> Result<(), E>,
) -> Result<Taught, E> {
    let identity = identity(dimension);
    let limits = |decrease| Limits { iterations: course.iterations, slope: 1e-9, decrease };
    let before = measure(validation, &identity, None)?;
    let mut taught = Taught {
        weights: identity.clone(),
        l2: 0.0,
        steps: 0,
        objective: 0.0,
        before,
        after: before,
        curve: Vec::new(),
    };
    let (mut weights, mut least, mut worse) = (identity, f64::INFINITY, 0);
    for l2 in course.l2.map_or(PENALTIES.to_vec(), |l2| vec![l2]) {
        watch()?;
        let end = descent::minimise(&Penalised { lesson: train, l2 }, &mut weights, limits(course.tolerance))?;
        taught.steps += end.iteration;
        let after = measure(validation, &weights, None)?;
        taught.curve.push((taught.steps, end.loss, after));
        if after.loss < least || taught.l2 == 0.0 {
            (least, worse, taught.l2) = (after.loss, 0, l2);
            taught.weights.clone_from(&weights);
        } else {
            worse += 1;
        }
        if worse == PATIENCE {
            break;
        }
    }
    watch()?;
    let objective = Penalised { lesson: train, l2: taught.l2 };
    let end = descent::minimise(&objective, &mut taught.weights, limits(course.tolerance * CLOSER))?;
    (taught.steps, taught.objective) = (taught.steps + end.iteration, end.value);
    taught.after = measure(validation, &taught.weights, None)?;
    Ok(taught)
}

/// The scale of a term's cosines by which they tell most while nothing is mapped, and the loss then.
///
/// # Errors
/// The rows cannot be read.
pub fn suited(dimension: usize, term: Term) -> Result<(f64, f64), Error> {
    let identity = identity(dimension);
    let mut best = (1.0, f64::INFINITY);
    // The loss is convex in the scale. Where all are right it would grow without end, and nothing be left to learn.
    for scale in (0..=HALVES).map(|halves| 2f64.powf(f64::from(halves) / 2.0)) {
        let loss = measure(&[(term, scale)], &identity, None)?.loss;
        if loss >= best.1 {
            break;
        }
        best = (scale, loss);
    }
    Ok(best)
}

/// What is measured with a map, its gradient being added to `gradient`.
fn measure(lesson: Lesson, weights: &[f32], mut gradient: Option<&mut [f32]>) -> Result<Figures, Error> {
    let mut figures = Figures::default();
    let terms = lesson.iter().filter(|(term, _)| !term.rows().is_empty());
    let share = 1.0 / terms.clone().count().max(1) as f64;
    for (term, scale) in terms {
        let rows = term.rows();
        let per_row = share / rows.len() as f64;
        let sums = term.sums(weights, *scale, per_row, gradient.as_deref_mut())?;
        figures.loss += sums.loss * per_row;
        let mean = Some(sums.right / rows.len() as f64);
        match term {
            Term::Labelled { .. } => figures.top1 = mean,
            Term::Captioned { .. } => figures.mrr = mean,
        }
    }
    Ok(figures)
}

/// Sums over rows: of the log-loss, and of how right the answers are.
#[derive(Default)]
struct Sums {
    loss: f64,
    right: f64,
}

impl Term<'_> {
    /// The rows that are mapped.
    fn rows(&self) -> &Rows {
        match self {
            Term::Labelled { rows, .. } => rows,
            Term::Captioned { pictures, .. } => pictures,
        }
    }

    /// Sums over all rows; the gradient of `per_row` times the loss is added to `gradient`.
    fn sums(&self, weights: &[f32], scale: f64, per_row: f64, mut gradient: Option<&mut [f32]>) -> Result<Sums, Error> {
        let dimension = self.rows().dimension;
        let mut sums = Sums::default();
        match self {
            Term::Labelled { rows, anchors } => {
                let across = transposed(anchors, dimension);
                rows.blocks(|first, x| {
                    let mapped = Mapped::of(x, weights, dimension);
                    let own = &rows.classes[first..first + x.len() / dimension];
                    let mut scores = mapped.scores(anchors);
                    sums.add(classes(&mut scores, own, scale));
                    if let Some(gradient) = gradient.as_deref_mut() {
                        mapped.back(&scores, &across, scale * per_row, x, gradient);
                    }
                    Ok::<(), Error>(())
                })?;
            }
            Term::Captioned { pictures, captions } => {
                for first in (0..pictures.len()).step_by(PAIRS) {
                    let count = PAIRS.min(pictures.len() - first);
                    let x = pictures.some(first, count)?;
                    let (texts, own) = distinct(&captions.some(first, count)?, &captions.classes[first..first + count]);
                    let mapped = Mapped::of(&x, weights, dimension);
                    let mut scores = mapped.scores(&texts);
                    sums.add(pairs(&mut scores, &own, scale));
                    if let Some(gradient) = gradient.as_deref_mut() {
                        mapped.back(&scores, &transposed(&texts, dimension), scale * per_row, &x, gradient);
                    }
                }
            }
        }
        Ok(sums)
    }
}

impl Sums {
    fn add(&mut self, (losses, right): (f64, f64)) {
        self.loss += losses;
        self.right += right;
    }
}

/// Vectors that went through a map, and how long each was before it was scaled to length 1.
struct Mapped {
    vectors: Vec<f32>,
    lengths: Vec<f32>,
    dimension: usize,
}

impl Mapped {
    fn of(x: &[f32], weights: &[f32], dimension: usize) -> Mapped {
        let mut vectors = vec![0.0; x.len()];
        matrix::by_transposed(x, weights, dimension, &mut vectors);
        let scale = |vector: &mut [f32]| {
            let length = dot(vector, vector).sqrt() as f32;
            normalise(vector);
            length
        };
        let lengths = vectors.par_chunks_exact_mut(dimension).with_min_len(64).map(scale).collect();
        Mapped { vectors, lengths, dimension }
    }

    /// The cosines of all vectors with all of others: [vectors, others].
    fn scores(&self, others: &[f32]) -> Vec<f32> {
        let mut scores = vec![0.0; self.lengths.len() * (others.len() / self.dimension)];
        matrix::by_transposed(&self.vectors, others, self.dimension, &mut scores);
        scores
    }

    /// Adds to the gradient of the map, where `slopes` are those of the scores, `across` the vectors that these were scored
    /// with [dimension, others], and `x` what was mapped.
    fn back(&self, slopes: &[f32], across: &[f32], factor: f64, x: &[f32], gradient: &mut [f32]) {
        let dimension = self.dimension;
        let mut back = vec![0.0; self.vectors.len()];
        matrix::by_transposed(slopes, across, across.len() / dimension, &mut back);
        let rows =
            back.par_chunks_exact_mut(dimension).zip(self.vectors.par_chunks_exact(dimension)).zip(&self.lengths);
        rows.with_min_len(64).for_each(|((back, vector), length)| {
            // What points along the vector only makes it longer.
            let along = dot(back, vector) as f32;
            let factor = factor as f32 / length.max(1e-12);
            back.iter_mut().zip(vector).for_each(|(b, v)| *b = factor * (*b - along * v));
        });
        matrix::add_transposed_by(&back, x, dimension, dimension, gradient);
    }
}

/// Makes the slopes of the log-loss of scores [rows, classes], and sums up the losses, and the rows whose class is best.
fn classes(scores: &mut [f32], own: &[u32], scale: f64) -> (f64, f64) {
    let count = scores.len() / own.len().max(1);
    let rows = scores.par_chunks_exact_mut(count).zip(own).with_min_len(64);
    let told: Vec<(f64, bool)> = rows
        .map(|(row, &class)| {
            let right = matrix::greatest(row).0 == class as usize;
            row.iter_mut().for_each(|x| *x *= scale as f32);
            let loss = log_loss(row, class as usize);
            row[class as usize] -= 1.0;
            (loss, right)
        })
        .collect();
    told.iter().fold((0.0, 0.0), |(losses, all), (loss, right)| (losses + loss, all + f64::from(u8::from(*right))))
}

/// The same of scores [pictures, captions], `own` being the caption of each picture: of the caption among all, and of the
/// picture among all. What is right is the reciprocal rank of a caption's picture, summed over the pictures.
fn pairs(scores: &mut [f32], own: &[u32], scale: f64) -> (f64, f64) {
    let (pictures, captions) = (own.len(), scores.len() / own.len().max(1));
    let mut across = transposed(scores, captions);
    let (losses, _) = classes(scores, own, scale);
    let told: Vec<(f64, f64)> = across
        .par_chunks_exact_mut(pictures)
        .enumerate()
        .map(|(caption, row)| {
            let its: Vec<usize> = (0..pictures).filter(|&picture| own[picture] as usize == caption).collect();
            let best = its.iter().map(|&picture| row[picture]).fold(f32::NEG_INFINITY, f32::max);
            let rank = 1 + row.iter().filter(|score| **score > best).count();
            row.iter_mut().for_each(|x| *x *= scale as f32);
            let scores: Vec<f32> = its.iter().map(|&picture| row[picture]).collect();
            let first = log_loss(row, its[0]);
            let loss = scores.iter().map(|score| first + f64::from(scores[0]) - f64::from(*score)).sum::<f64>();
            row.iter_mut().for_each(|p| *p *= its.len() as f32);
            its.iter().for_each(|&picture| row[picture] -= 1.0);
            (loss, its.len() as f64 / rank as f64)
        })
        .collect();
    let (others, ranks) = told.iter().fold((0.0, 0.0), |(a, b), (loss, rank)| (a + loss, b + rank));
    let across = transposed(&across, pictures);
    scores.par_iter_mut().zip(across).for_each(|(slope, other)| *slope = (*slope + other) / 2.0);
    ((losses + others) / 2.0, ranks)
}

/// Captions that are there once, and which of them is each row's.
fn distinct(captions: &[f32], names: &[u32]) -> (Vec<f32>, Vec<u32>) {
    let dimension = captions.len() / names.len().max(1);
    let mut places = HashMap::new();
    let mut texts = Vec::with_capacity(captions.len());
    let own = names.iter().zip(captions.chunks_exact(dimension)).map(|(name, caption)| {
        let next = places.len() as u32;
        *places.entry(*name).or_insert_with(|| {
            texts.extend_from_slice(caption);
            next
        })
    });
    let own = own.collect();
    (texts, own)
}

/// The columns of a matrix, one after another.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns;
    let mut out = vec![0.0; matrix.len()];
    out.par_chunks_exact_mut(rows.max(1)).enumerate().for_each(|(column, out)| {
        out.iter_mut().zip(matrix.chunks_exact(columns)).for_each(|(x, row)| *x = row[column]);
    });
    out
}

/// The mean of the terms, and the penalty on what differs from the identity.
struct Penalised<'a> {
    lesson: Lesson<'a>,
    l2: f64,
}

impl Function for Penalised<'_> {
    fn evaluate(&self, theta: &[f32], gradient: &mut [f32]) -> Result<Step, Error> {
        gradient.fill(0.0);
        let loss = measure(self.lesson, theta, Some(gradient))?.loss;
        let step = theta.len().isqrt() + 1;
        let mut square = 0.0;
        for (i, (slope, weight)) in gradient.iter_mut().zip(theta).enumerate() {
            let change = weight - f32::from(u8::from(i % step == 0));
            square += f64::from(change) * f64::from(change);
            *slope += self.l2 as f32 * change;
        }
        let slope = gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs().into()));
        Ok(Step { iteration: 0, value: loss + self.l2 / 2.0 * square, loss, slope })
    }

    fn first_length(&self, theta: &[f32], direction: &[f32]) -> Result<f64, Error> {
        Ok(FIRST_STEP * (dot(theta, theta) / dot(direction, direction).max(1e-30)).sqrt())
    }
}

/// The matrix that changes nothing.
fn identity(dimension: usize) -> Vec<f32> {
    (0..dimension * dimension).map(|i| f32::from(u8::from(i % (dimension + 1) == 0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{RowsBuilder, means};

    const DIMENSION: usize = 6;

    fn noise(seed: usize) -> f32 {
        ((seed as f32 + 1.0) * 12.9898).sin() * 43_758.547 % 1.0
    }

    /// Rows of length 1 around three corners; of every fifth the class is that of the one before.
    fn rows(count: usize, seed: usize, spread: f32) -> Rows {
        let mut rows = RowsBuilder::new(DIMENSION).expect("a temporary file");
        for i in 0..count {
            let class = (i - usize::from(i % 5 == 4)) % 3;
            let near = |j: usize| f32::from(u8::from(j % 3 == class)) + spread * noise((i + seed) * DIMENSION + j);
            let mut vector: Vec<f32> = (0..DIMENSION).map(near).collect();
            assert!(normalise(&mut vector));
            rows.push(&vector, class as u32).expect("room");
        }
        rows.finish().expect("room")
    }

    /// Captions that are not the pictures, some of them there twice.
    fn captions(count: usize) -> Rows {
        let mut all = rows(count, 900, 1.0);
        all.classes = (0..count as u32).map(|row| row - u32::from(row % 5 == 4)).collect();
        all.chosen((0..count).map(|row| all.classes[row] as usize)).expect("room")
    }

    #[test]
    fn the_gradient_is_that_of_small_steps() {
        let (rows, captions) = (rows(40, 0, 0.7), captions(40));
        let anchors = means(&rows, 3, |_| ()).expect("room");
        let labelled = (Term::Labelled { rows: &rows, anchors: &anchors }, 5.0);
        let captioned = (Term::Captioned { pictures: &rows, captions: &captions }, 3.0);
        for lesson in [&[labelled][..], &[captioned], &[labelled, captioned]] {
            let function = Penalised { lesson, l2: 0.2 };
            let theta: Vec<f32> =
                identity(DIMENSION).iter().enumerate().map(|(i, x)| x + 0.2 * noise(i + 5000)).collect();
            let mut gradient = vec![0.0; theta.len()];
            function.evaluate(&theta, &mut gradient).expect("room");
            for i in 0..theta.len() {
                let value = |step: f32| {
                    let mut theta = theta.clone();
                    theta[i] += step;
                    function.evaluate(&theta, &mut vec![0.0; theta.len()]).expect("room").value
                };
                let slope = (value(0.005) - value(-0.005)) / 0.01;
                assert!((slope - f64::from(gradient[i])).abs() < 2e-3, "{i}: {slope} {}", gradient[i]);
            }
        }
    }

    #[test]
    fn what_was_turned_is_turned_back_the_same_on_any_number_of_threads() {
        // Captions are the pictures' vectors, and pictures are seen through a map that mixes neighbours.
        let (seen, mut captions) = (rows(120, 7, 1.0), rows(120, 7, 1.0));
        let mut mixed = RowsBuilder::new(DIMENSION).expect("a temporary file");
        for row in 0..120 {
            let x = seen.some(row, 1).expect("room");
            let mut turned: Vec<f32> = (0..DIMENSION).map(|j| x[j] + 0.9 * x[(j + 1) % DIMENSION]).collect();
            assert!(normalise(&mut turned));
            mixed.push(&turned, row as u32).expect("room");
        }
        let mixed = mixed.finish().expect("room");
        captions.classes = (0..120).collect();
        let term = Term::Captioned { pictures: &mixed, captions: &captions };
        let (scale, loss) = suited(DIMENSION, term).expect("room");
        let lesson = [(term, scale)];
        let course = Course { l2: None, iterations: 40, tolerance: 1e-3 };
        let learn = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| adapt(DIMENSION, (&lesson, &lesson), course, &mut || Ok::<(), Error>(())))
                .expect("it learns")
        };
        let one = learn(1);
        assert!(one == learn(3));
        assert!((one.before.loss - loss).abs() < 1e-9);
        let (before, after) = (one.before.mrr.expect("captions"), one.after.mrr.expect("captions"));
        assert!(after > before + 0.2 && one.after.loss < 0.5 * loss, "{before} {after}");
    }

    #[test]
    fn a_strong_penalty_changes_nothing() {
        let rows = rows(60, 3, 0.5);
        let anchors = means(&rows, 3, |_| ()).expect("room");
        let lesson = [(Term::Labelled { rows: &rows, anchors: &anchors }, 4.0)];
        let course = Course { l2: Some(1e4), iterations: 50, tolerance: 1e-6 };
        let taught = adapt(DIMENSION, (&lesson, &[]), course, &mut || Ok::<(), Error>(())).expect("it learns");
        let change = taught.weights.iter().zip(identity(DIMENSION)).map(|(w, i)| (w - i).abs()).fold(0.0, f32::max);
        assert!(change < 1e-3 && taught.l2 == 1e4, "{change}");
    }
}
