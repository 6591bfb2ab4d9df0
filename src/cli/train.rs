//! `train`: learns a head, or a model that adapts another, from vectors with classes or captions.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::args::{TableInputs, Work, number};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::head::{self, Accept, Course, Plan};
use crate::io::{Sink, Target};
use crate::output::{ensure_apart, ensure_folder, ensure_no_input, ensure_parquet};
use crate::progress::Progress;
use crate::runs;
use crate::table::{StreamFormat, Writer, column};
use crate::train::{self, AdapterOptions, Method, Options};

/// Learn to classify, or a better model, from a table of embeddings
///
/// Learns from the rows of the split `train`, chooses its settings and calibrates its scores on those of `validation`,
/// and never looks at those of `test`. Where there is no validation, 15 % of each class are set aside, and a note says so. Rows without a class teach the head, where they are in the validation, when to say that it does not know.
///
/// Several vector columns are scaled and read as one: --vector-column embedding,yolo_embedding. A head is one small table
/// that names its classes, its features' models, its temperature and its threshold; `pokedex model info HEAD` explains
/// it. Training that was killed goes on where it stood.
///
/// --cross-predict deals all rows with a class, whatever their split, into K folds, copies into one, and judges each fold by a
/// head that learnt from the others: `prediction_1`, `score_1`, `prediction_2`, `score_2`, `label_score` (the probability of the
/// row's own class), `fold`, and `probabilities` of all classes.
///
/// --method adapter writes a folder that is a model: the one that made the vectors, and one linear map of what its pictures
/// have, which brings them nearer to their classes, or to their captions (--captions), and changes no more than serves the
/// validation. `pokedex index TABLE --model DIR` maps the vectors of a table; embed, query, serve and classify take
/// --model DIR.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex split photos/ | pokedex embed - -o embeddings.parquet
  pokedex train embeddings.parquet -o head.parquet
  pokedex train embeddings.parquet --method knn --accuracy 0.95 -o head.parquet
  pokedex train clip.parquet --with yolo.parquet --vector-column embedding,yolo -o hybrid.parquet
  pokedex train embeddings.parquet --cross-predict 5 -o predictions.parquet
  pokedex train embeddings.parquet --l2 0.001 --log runs.parquet -o head.parquet
  pokedex train embeddings.parquet --method adapter -o my-model/
  pokedex train embeddings.parquet --method adapter --captions caption --model ./clip -o my-clip/")]
pub(super) struct Train {
    #[command(flatten)]
    inputs: TableInputs,

    /// How the head decides, or that a model is learnt
    #[arg(long, help_heading = "Training", value_enum, default_value = "linear", value_name = "METHOD")]
    method: Method,

    /// The column that holds the class
    #[arg(
        long = "by",
        alias = "target",
        help_heading = "Input",
        value_enum,
        default_value = "label",
        value_name = "COLUMN"
    )]
    target: train::Target,

    /// The column that holds the vectors, or several, side by side: names separated by commas
    #[arg(long = "vector-column", alias = "features", help_heading = "Input", value_delimiter = ',', default_value = column::EMBEDDING, value_name = "NAMES")]
    features: Vec<String>,

    /// A table with the same keys and more vector columns; may be repeated
    #[arg(long, help_heading = "Input", value_name = "TABLE")]
    with: Vec<PathBuf>,

    /// Penalty on the weights of a linear head, 1 / (C · rows) in scikit-learn's terms, or on what an adapter changes [default: the best on validation]
    #[arg(long, help_heading = "Training", value_name = "X", value_parser = positive)]
    l2: Option<f64>,

    /// Let small classes of a linear head weigh as much as large ones
    #[arg(long, help_heading = "Training")]
    balance: bool,

    /// Leave features as they are [default: scaled to mean 0 and deviation 1 where linear or of several columns]
    #[arg(long, help_heading = "Training")]
    no_scale: bool,

    /// How many neighbours vote in a k-NN head [default: the best on validation]
    #[arg(long, help_heading = "Training", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    neighbours: Option<u32>,

    /// Most steps of a linear head or an adapter for one penalty
    #[arg(long, help_heading = "Training", default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    steps: u32,

    /// Relative decrease of their objective that is not worth another step
    #[arg(long, help_heading = "Training", default_value_t = 3e-4, value_name = "X", value_parser = positive)]
    tolerance: f64,

    /// Reject so many rows that this share of the validation is accepted
    #[arg(long, help_heading = "Rejection", value_name = "SHARE", value_parser = share, conflicts_with = "accuracy")]
    coverage: Option<f64>,

    /// Reject so many rows that this share of those accepted in the validation is right
    #[arg(long, help_heading = "Rejection", value_name = "SHARE", value_parser = share)]
    accuracy: Option<f64>,

    /// Share of each class that is set aside to choose by, where the table has no validation; 0: none
    #[arg(long, help_heading = "Training", default_value_t = 0.15, value_name = "SHARE", value_parser = part)]
    validation: f64,

    /// Another number sets other rows aside
    #[arg(long, help_heading = "Training", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// The column that holds a caption of each picture, for an adapter
    #[arg(long, help_heading = "Input", value_name = "COLUMN")]
    captions: Option<String>,

    /// The model that made the vectors, where an adapter is learnt and it is not installed by name
    #[arg(long, help_heading = "Model", value_name = "NAME|DIR")]
    model: Option<String>,

    /// Instead of a head, write the table with what K heads say of rows that they did not learn from, for `check --labels`
    #[arg(long, help_heading = "Training", value_name = "K", value_parser = clap::value_parser!(u8).range(2..=100),
        conflicts_with_all = ["log", "coverage", "accuracy"])]
    cross_predict: Option<u8>,

    /// Write the head to this file, or the adapter to this folder
    #[arg(short, long, help_heading = "Output", value_name = "HEAD|DIR")]
    output: PathBuf,

    /// Replace files in the folder of an adapter that no earlier run made
    #[arg(long, help_heading = "Output")]
    force: bool,

    /// Add settings, figures and the training curve to this table of runs
    #[arg(long, help_heading = "Output", value_name = "FILE")]
    log: Option<PathBuf>,

    /// Neither go on with a training that was killed nor keep what one could go on with
    #[arg(long, help_heading = "Work")]
    no_cache: bool,

    #[command(flatten)]
    work: Work,
}

impl Train {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let started = Instant::now();
        self.ensure_meant()?;
        let Some(method) = self.method.of_head() else { return self.adapt(started, ui) };
        let options = self.options(method);
        options.ensure_sound()?;
        ensure_parquet(&Target::File(self.output.clone()))?;
        self.log.as_ref().map_or(Ok(()), |log| ensure_parquet(&Target::File(log.clone())))?;
        ensure_apart(&[Some(self.output.as_path()), self.log.as_deref()])?;
        let paths = self.inputs.to_inputs().paths.into_iter().chain(self.with.iter().cloned()).collect::<Vec<_>>();
        ensure_no_input(Some(&self.output), paths.iter().map(|path| &**path), "a head")?;
        let table = self.inputs.to_inputs().rows(|name| {
            format!("pokedex embed {name} -o embeddings.parquet, then pokedex train embeddings.parquet")
        })?;
        if let Some(log) = &self.log {
            runs::earlier(log)?;
        }
        let sink = Sink::open(&Target::File(self.output.clone()), true)?;
        if let Some(folds) = self.cross_predict {
            let start = |schema: &_, footer: &_| Ok(Writer::new(sink, schema, footer, StreamFormat::Parquet)?);
            let done = train::cross_predict(table, &options, folds.into(), start, ui)?;
            ui.done(&format!("train: {done}"));
            return Ok(Exit::Done);
        }
        let learnt = train::learn(table, &options, ui)?;
        learnt.write(sink)?;
        if let Some(log) = &self.log {
            runs::append(log, &learnt.run(&options, started.elapsed().as_secs_f64()))?;
        }
        ui.done(&format!("train: {learnt}"));
        Ok(Exit::Done)
    }

    fn adapt(self, started: Instant, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        ensure_folder(&self.output)?;
        self.log.as_ref().map_or(Ok(()), |log| ensure_parquet(&Target::File(log.clone())))?;
        let inputs = self.inputs.to_inputs();
        let table = inputs.rows(|name| {
            format!(
                "pokedex embed {name} -o embeddings.parquet, then pokedex train embeddings.parquet --method adapter"
            )
        })?;
        if let Some(log) = &self.log {
            runs::earlier(log)?;
        }
        let options = AdapterOptions {
            target: self.target,
            column: self.features[0].clone(),
            captions: self.captions.clone(),
            model: self.model.clone(),
            validation: self.validation,
            seed: self.seed,
            course: Course { l2: self.l2, iterations: self.steps as usize, tolerance: self.tolerance },
            force: self.force,
            threads: self.work.threads(),
        };
        let adapted = train::adapt(table, &options, &self.output, ui)?;
        if let Some(log) = &self.log {
            runs::append(log, &adapted.run(&options, started.elapsed().as_secs_f64()))?;
        }
        ui.done(&format!("train: {adapted}"));
        Ok(Exit::Done)
    }

    /// Options that would be without effect are mistakes.
    fn ensure_meant(&self) -> Result<(), Failure> {
        let of_heads = [
            ("--with", !self.with.is_empty()),
            ("--vector-column of several", self.features.len() > 1),
            ("--balance", self.balance),
            ("--no-scale", self.no_scale),
            ("--neighbours", self.neighbours.is_some()),
            ("--coverage", self.coverage.is_some()),
            ("--accuracy", self.accuracy.is_some()),
            ("--cross-predict", self.cross_predict.is_some()),
            ("--no-cache", self.no_cache),
        ];
        let of_adapters =
            [("--captions", self.captions.is_some()), ("--model", self.model.is_some()), ("--force", self.force)];
        let (what, hint, options) = match self.method {
            Method::Adapter => ("an adapter", "leave it out", &of_heads[..]),
            _ => ("a head", "leave it out, or use --method adapter", &of_adapters[..]),
        };
        match options.iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Failure::usage(format!("{option} has no meaning for {what}"), hint)),
            None => Ok(()),
        }
    }

    fn options(&self, method: head::Method) -> Options {
        Options {
            target: self.target,
            columns: self.features.clone(),
            with: self.with.clone(),
            validation: self.validation,
            seed: self.seed,
            plan: self.plan(method),
            resume: !self.no_cache,
            threads: self.work.threads(),
        }
    }

    fn plan(&self, method: head::Method) -> Plan {
        Plan {
            method,
            l2: self.l2,
            balance: self.balance,
            scale: self.no_scale.then_some(false),
            neighbours: self.neighbours.map(|n| n as usize),
            iterations: self.steps as usize,
            tolerance: self.tolerance,
            accept: match (self.coverage, self.accuracy) {
                (Some(share), _) => Accept::Coverage(share),
                (None, Some(share)) => Accept::Accuracy(share),
                (None, None) => Accept::Default,
            },
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |x: &f64| *x > 0.0 && x.is_finite(), "a number above 0")
}

fn part(text: &str) -> Result<f64, String> {
    number(text, |x| (0.0..1.0).contains(x), "a share from 0 to below 1, as 0.15")
}

fn share(text: &str) -> Result<f64, String> {
    number(text, |x| *x > 0.0 && *x <= 1.0, "a share above 0 and up to 1, as 0.95")
}
