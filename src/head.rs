//! Heads: from vectors to the probabilities of classes.
//!
//! Hides: how a head is trained, calibrated, written and read. Promises: what a head says of a row depends on that row
//! only; scores are probabilities; a head knows which models' vectors it reads, in which order its classes stand, and
//! when to say that it does not know.

mod adapt;
mod calibrate;
mod descent;
mod file;
mod kept;
mod linear;
mod neighbours;
mod rows;
mod train;

pub use adapt::{Course, Figures, Lesson, Taught, Term, adapt, suited};
pub use calibrate::{Accept, STRANGER, UNSEEN};
pub use file::is_head;
pub use kept::Keeper;
pub use neighbours::NOBODY;
pub use rows::{Rows, RowsBuilder, Scaling, Shares};
pub use train::{Plan, Point, Saved, means, train};

use arrow_buffer::ScalarBuffer;
use rayon::prelude::*;

use crate::matrix;
use crate::{io, table};

/// What can go wrong while a head is made, written or read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Table(#[from] table::Error),
    #[error("{name}: not a head: {problem}")]
    NotAHead { name: String, problem: String },
    #[error("training diverged at step {iteration}: the objective is no finite number, or no step makes it smaller")]
    Diverged { iteration: usize },
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Io(e) => return e.hint(),
            Error::Table(e) => return e.hint(),
            Error::NotAHead { .. } => "`pokedex train EMBEDDINGS -o head.parquet` makes one".into(),
            Error::Diverged { .. } => {
                "are there very large numbers among the features? give them one scale, or a greater --l2".into()
            }
        })
    }
}

/// How a head decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Multinomial logistic regression
    Linear,
    /// The cosine to the mean of each class
    Centroid,
    /// The votes of the nearest rows
    Knn,
}

impl Method {
    /// Its name in files and settings.
    pub fn name(self) -> &'static str {
        match self {
            Method::Linear => "linear",
            Method::Centroid => "centroid",
            Method::Knn => "knn",
        }
    }
}

/// A vector column that a head reads.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Feature {
    /// The column's name.
    pub column: String,
    /// Numbers of a vector.
    pub dimension: usize,
    /// The full identity of the model that made it; `None`: unknown.
    pub model: Option<String>,
}

/// A class: what it is called, its number where it has one, and how many rows it was learnt from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// What it is called.
    pub label: String,
    /// Its number, where it has one.
    pub id: Option<i32>,
    /// How many rows it was learnt from.
    pub rows: u64,
}

/// From logits to probabilities, and to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Doubt {
    /// Logits are divided by it.
    pub temperature: f32,
    /// The logit, before it is divided, of being none of the classes.
    #[serde(default)]
    pub unknown: Option<f32>,
    /// A row whose best score is lower is rejected.
    #[serde(default)]
    pub min_score: f32,
    /// A row whose best score is not this much above the second is rejected.
    #[serde(default)]
    pub min_margin: f32,
}

/// Classes, and what tells them apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// What was learnt, and so which of the fields below are in use.
    pub method: Method,
    /// The column of the classes: `label` or `id`.
    pub target: String,
    /// The vector columns, side by side in this order.
    pub features: Vec<Feature>,
    /// In the order of the scores.
    pub classes: Vec<Class>,
    /// Put on the features first; that of a linear head is part of its weights.
    pub scaling: Option<Scaling>,
    /// One row a class: [classes, dimension]. A k-NN head has none.
    pub weights: Vec<f32>,
    /// One number a row of a linear head.
    pub bias: Vec<f32>,
    /// The vectors of a k-NN head's rows, prepared, in blocks of whole rows: their own, or lent by a file that is mapped.
    pub rows: Vec<ScalarBuffer<f32>>,
    /// The class of each row of a k-NN head; of rows that do not vote [`NOBODY`].
    pub owners: Vec<u32>,
    /// How many neighbours vote, and how fast a vote's weight `exp(cosine / nearness)` falls.
    pub neighbours: usize,
    /// See `neighbours`.
    pub nearness: f32,
    /// How scores become probabilities, and which are too low.
    pub doubt: Doubt,
    /// How it was made and what was measured then, for people and logs.
    pub facts: serde_json::Map<String, serde_json::Value>,
}

/// What a head says of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The best classes and their probabilities, best first.
    pub best: Vec<(u32, f32)>,
    /// Whether the best is too low, or too near to the second, to be believed.
    pub rejected: bool,
}

impl Head {
    /// Numbers of a row of features.
    pub fn dimension(&self) -> usize {
        self.features.iter().map(|feature| feature.dimension).sum()
    }

    /// Logits of rows of features, before the temperature: [rows, classes].
    fn logits(&self, features: &mut [f32]) -> Vec<f32> {
        let (dimension, classes) = (self.dimension(), self.classes.len());
        self.prepare(features);
        if self.method == Method::Knn {
            let nearest = self.nearest(features, self.neighbours);
            return nearest.par_iter().flat_map_iter(|nearest| self.vote(nearest)).collect();
        }
        let mut scores = vec![0.0; features.len() / dimension * classes];
        matrix::by_transposed(features, &self.weights, dimension, &mut scores);
        if self.method == Method::Linear {
            scores.par_chunks_exact_mut(classes).for_each(|row| {
                row.iter_mut().zip(&self.bias).for_each(|(score, bias)| *score += bias);
            });
        }
        scores
    }

    /// Scales rows of features as this head wants them.
    fn prepare(&self, features: &mut [f32]) {
        if let Some(scaling) = &self.scaling {
            scaling.apply(features);
        }
        if self.method != Method::Linear {
            features.chunks_exact_mut(self.dimension()).for_each(|row| {
                crate::model::normalise(row);
            });
        }
    }

    /// The probabilities of all classes for each row of features: [rows, classes].
    pub fn probabilities(&self, features: &mut [f32]) -> Vec<f32> {
        let mut logits = self.logits(features);
        logits.par_chunks_exact_mut(self.classes.len()).for_each(|row| self.doubt.probabilities(row));
        logits
    }

    /// The `top` best classes of each row of features, and whether to believe them.
    pub fn judge(&self, features: &mut [f32], top: usize) -> Vec<Verdict> {
        let scores = self.probabilities(features);
        scores.par_chunks_exact(self.classes.len()).map(|row| self.doubt.rank(row, top)).collect()
    }
}

impl Doubt {
    /// Scores that need no calibration.
    pub const NONE: Doubt = Doubt { temperature: 1.0, unknown: None, min_score: 0.0, min_margin: 0.0 };

    /// The `top` best of a row of probabilities, of equals the first; a sum that was rounded up is 1.
    pub fn rank(&self, scores: &[f32], top: usize) -> Verdict {
        let better = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        let most = top.max(2).min(order.len());
        if most < order.len() {
            order.select_nth_unstable_by(most - 1, better);
            order.truncate(most);
        }
        order.sort_unstable_by(better);
        let score = |place: usize| order.get(place).map_or(0.0, |&class| scores[class as usize]);
        let rejected = score(0) < self.min_score || score(0) - score(1) < self.min_margin;
        Verdict {
            best: order.iter().take(top).map(|&class| (class, scores[class as usize].min(1.0))).collect(),
            rejected,
        }
    }

    /// The verdict on scores that are probabilities already: the best classes with a score above 0.
    pub fn of_scores(&self, scores: &[f32], top: usize) -> Verdict {
        let mut verdict = self.rank(scores, top);
        verdict.best.retain(|(_, score)| *score > 0.0);
        verdict.rejected |= verdict.best.is_empty();
        verdict
    }

    /// Makes probabilities of a row of logits, in place. Where being none of the classes is possible they sum to less
    /// than 1; what is missing is its probability.
    fn probabilities(&self, logits: &mut [f32]) {
        logits.iter_mut().for_each(|logit| *logit /= self.temperature);
        let (place, most) = matrix::greatest(logits);
        matrix::softmax(logits);
        if let Some(unknown) = self.unknown {
            // The softmax's sum is known from its greatest term: 1 / p = the sum of exp(logit - greatest).
            let sum = 1.0 / f64::from(logits[place]);
            let share = sum / (sum + f64::from(unknown / self.temperature - most).exp());
            logits.iter_mut().for_each(|p| *p = (f64::from(*p) * share) as f32);
        }
    }
}
