//! `train`: learns a head, or a model that adapts another, from tables of vectors with classes.
//!
//! Hides: how rows are gathered from several tables, set aside to choose by and kept on the disk, and what a training that
//! was killed goes on with. Promises: rows of the test are never looked at; the same tables and options make the same head,
//! whatever the number of threads and however often it was killed on the way.
//!
//! [`learn`] learns it, [`Learnt::write`] writes it; [`classify`](crate::classify) uses it.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use pokedex::Table;
//! use pokedex::io::Sink;
//! use pokedex::progress::Silent;
//! use pokedex::train::{Options, learn};
//!
//! let table = Table::open(Path::new("embeddings.parquet"))?;
//! let learnt = learn(table, &Options::default(), &mut Silent)?;
//! println!("{learnt}");
//! learnt.write(Sink::create(Path::new("head.parquet"))?)?;
//! # Ok::<(), pokedex::Failure>(())
//! ```

mod adapt;
mod beside;
mod checkpoint;
mod columns;
mod cross;
mod sample;

use std::fmt;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::head::{self, Accept, Head, Plan, Point, train};
use crate::io::Sink;
use crate::progress::Progress;
use crate::runs::{self, Run};
use crate::stage;
use crate::table::{Table, column};
use crate::words::rows;
pub use adapt::{Adapted, AdapterOptions, adapt};
use checkpoint::Checkpoint;
pub use cross::{CrossPredicted, cross_predict};
use sample::Sample;

/// Which column holds the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[expect(missing_docs, reason = "the help shows a value's name, which says all")]
pub enum Target {
    Label,
    Id,
    /// What `classify` said, of rows that it did not reject (pseudo-labels)
    Prediction,
}

impl Target {
    fn column(self) -> String {
        match self {
            Target::Label => column::LABEL.into(),
            Target::Id => column::ID.into(),
            Target::Prediction => column::prediction(1),
        }
    }
}

/// What is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Method {
    /// Multinomial logistic regression
    Linear,
    /// The cosine to the mean of each class
    Centroid,
    /// The votes of the nearest rows
    Knn,
    /// No head but a model: the one that made the vectors, and a linear map of them
    Adapter,
}

impl Method {
    /// How a head decides; `None` where none is learnt.
    pub fn of_head(self) -> Option<head::Method> {
        match self {
            Method::Linear => Some(head::Method::Linear),
            Method::Centroid => Some(head::Method::Centroid),
            Method::Knn => Some(head::Method::Knn),
            Method::Adapter => None,
        }
    }
}

/// What a head learns from, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The column that holds the class.
    pub target: Target,
    /// The columns that hold the vectors, side by side.
    pub columns: Vec<String>,
    /// Tables with the same keys and more vector columns.
    pub with: Vec<PathBuf>,
    /// The share of each class that is set aside to choose by, where the table has no validation; 0: none.
    pub validation: f64,
    /// Another number sets other rows aside.
    pub seed: u64,
    /// The method and its settings.
    pub plan: Plan,
    /// Go on with a training that was killed, and keep what one could go on with.
    pub resume: bool,
    /// On so many threads; the head does not depend on it.
    pub threads: usize,
}

impl Default for Options {
    /// A linear head of `label` from `embedding`, its penalty chosen by the validation, or by 15 % of each class.
    fn default() -> Options {
        Options {
            target: Target::Label,
            columns: vec![column::EMBEDDING.into()],
            with: Vec::new(),
            validation: 0.15,
            seed: 0,
            plan: Plan::default(),
            resume: true,
            threads: stage::processors(),
        }
    }
}

impl Options {
    /// Options that would be without effect are mistakes.
    ///
    /// # Errors
    /// One of them has no meaning for the method, or nothing is left to choose by.
    pub fn ensure_sound(&self) -> Result<(), Failure> {
        let plan = &self.plan;
        let only = |given: bool, option: &str, method: head::Method| match given && plan.method != method {
            true => Err(Failure::usage(
                format!("{option} has no meaning for a {} head", plan.method.name()),
                format!("leave it out, or use --method {}", method.name()),
            )),
            false => Ok(()),
        };
        only(plan.l2.is_some(), "--l2", head::Method::Linear)?;
        only(plan.balance, "--balance", head::Method::Linear)?;
        only(plan.neighbours.is_some(), "--neighbours", head::Method::Knn)?;
        let chosen = match plan.method {
            head::Method::Linear => plan.l2.is_some(),
            head::Method::Centroid => true,
            head::Method::Knn => plan.neighbours.is_some(),
        };
        if self.validation == 0.0 && !chosen {
            return Err(Failure::usage(
                "--validation 0 leaves nothing to choose by",
                "say what is to be chosen: --l2 0.001, or --neighbours 5",
            ));
        }
        Ok(())
    }
}

/// Learns a head from a table.
///
/// # Errors
/// The options make no sense together, a column is missing, vectors are no good or of two models, nothing is there to
/// learn from, the training diverges, or nobody wants the head any more.
pub fn learn(table: Table, options: &Options, progress: &mut dyn Progress) -> Result<Learnt, Failure> {
    options.ensure_sound()?;
    let input = table.name.clone();
    let pool = stage::pool(options.threads)?;
    let sample = Sample::read(table, options, progress)?;
    sample.report(&input, progress)?;

    // Other methods take seconds, and never stand anywhere that one could go on from.
    let plan = &options.plan;
    let saved = match options.resume && plan.method == head::Method::Linear {
        false => Checkpoint::none(),
        true => Checkpoint::of(&sample, &format!("{plan:?}")),
    };
    let (earlier, mut checkpoint) = saved.open();
    if earlier.is_some() {
        progress.note("train: goes on where an earlier run stood");
    }
    progress.start("train", None);
    let target = options.target.column();
    let what = (target.as_str(), sample.features.clone(), sample.classes.clone());
    let (head, curve) = pool.install(|| {
        let mut watch = |state: &_| {
            checkpoint.keep(state);
            progress.advance(1);
            if progress.is_cancelled() { Err(Failure::cancelled()) } else { Ok(()) }
        };
        train(plan, what, (&sample.train, &sample.validation), earlier, &mut watch)
    })?;
    progress.finish();
    let (rows, validation) = (sample.train.len() as u64, sample.validation.len() as u64);
    Ok(Learnt { head, curve, input, rows, validation, checkpoint })
}

/// A head that was learnt, and how that went; shown, it is a line for people.
pub struct Learnt {
    /// Ready to be written, or to judge.
    pub head: Head,
    /// How the training of a linear head went.
    pub curve: Vec<Point>,
    /// What was read, as it was named.
    input: String,
    /// So many rows it was learnt from, and so many it was chosen by.
    rows: u64,
    validation: u64,
    checkpoint: Checkpoint,
}

impl Learnt {
    /// Writes the head; what a training that is killed could go on with is needed no longer.
    ///
    /// # Errors
    /// The sink cannot be written.
    pub fn write(&self, sink: Sink) -> Result<(), Failure> {
        self.head.write(sink)?;
        self.checkpoint.remove();
        Ok(())
    }

    /// A row for the log of runs.
    pub fn run(&self, options: &Options, seconds: f64) -> Run {
        let (head, plan) = (&self.head, &options.plan);
        let (coverage, accuracy) = match plan.accept {
            Accept::Default => (None, None),
            Accept::Coverage(share) => (Some(share), None),
            Accept::Accuracy(share) => (None, Some(share)),
        };
        let figure = |name: &str| head.facts.get(name).and_then(serde_json::Value::as_f64);
        let settings = serde_json::json!({
            "method": head.method.name(),
            "target": head.target,
            "features": head.features.iter().map(|f| &f.column).collect::<Vec<_>>(),
            "models": head.features.iter().map(|f| f.model.as_deref()).collect::<Vec<_>>(),
            "l2": plan.l2,
            "balance": plan.balance,
            "scale": plan.scale != Some(false),
            "neighbours": plan.neighbours,
            "steps": plan.iterations,
            "tolerance": plan.tolerance,
            "coverage": coverage,
            "accuracy": accuracy,
            "validation": options.validation,
            "seed": options.seed,
        });
        let point = |point: &Point| runs::Point {
            iteration: point.iteration as i32,
            train_loss: Some(point.train_loss),
            validation_loss: Some(point.validation_loss),
            validation_top1: Some(point.validation_top1),
        };
        Run {
            command: "train".into(),
            head: Some(head.identity()),
            input: self.input.clone(),
            settings,
            figures: head.facts.clone().into(),
            top1: figure("validation_top1"),
            loss: figure("validation_loss"),
            seconds: Some(seconds),
            curve: (!self.curve.is_empty()).then(|| self.curve.iter().map(point).collect()),
            ..Run::default()
        }
    }
}

impl fmt::Display for Learnt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = |name: &str| self.head.facts.get(name).and_then(serde_json::Value::as_f64);
        let mut text = format!("{} classes from {}", self.head.classes.len(), rows(self.rows));
        if let Some(l2) = figure("l2") {
            text.push_str(&format!(", l2 {l2}, {} steps", figure("steps").unwrap_or(0.0)));
        }
        if let Some(neighbours) = figure("neighbours") {
            text.push_str(&format!(", {neighbours} neighbours"));
        }
        if let (Some(top1), Some(loss)) = (figure("validation_top1"), figure("validation_loss")) {
            let validation = rows(self.validation);
            text.push_str(&format!(
                "; right in {:.1} % of {validation} of the validation, log-loss {loss:.3}",
                100.0 * top1
            ));
        }
        if self.head.doubt.min_score > 0.0 {
            text.push_str(&format!("; below {:.3} it says unknown", self.head.doubt.min_score));
        }
        f.write_str(&text)
    }
}
