//! `evaluate`: how good predictions are.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{default_format, threads};
use crate::cli::exit::Exit;
use crate::evaluate::{self, Format, Options, Predictions, Report};
use crate::failure::Failure;
use crate::io::{Sink, Target};
use crate::output;
use crate::progress::Progress;
use crate::runs;
use crate::table::column;
use crate::words::{rows, several};

/// Say how good predictions are
///
/// Compares predictions with the truth: accuracy, precision, recall and F1 by class and on average, agreement beyond
/// chance, calibration, and what rejecting the unsure ones is worth, with 95 % bootstrap intervals. Reads the tables of
/// `pokedex classify`, and tables and CSVs of other programs whose columns --truth, --prediction and --score name. Rows
/// with an error are left out; rows without a truth are strangers, of which only the share that was accepted counts;
/// rows of classes that the classifier does not know count as wrong and are named. --format json has a key for every
/// figure, null where there is none; docs/tables.md explains them.
#[derive(Debug, Args)]
#[command(
    name = "evaluate",
    after_help = "\
Examples:
  pokedex evaluate predictions.parquet
  pokedex evaluate predictions.parquet --format json | jq .top1
  pokedex evaluate predictions.parquet -o figures.csv
  pokedex evaluate predictions.parquet --split test --report report/ --log runs.parquet
  pokedex evaluate new.parquet --compare old.parquet
  pokedex evaluate predictions.parquet --by style --format tsv
  pokedex evaluate theirs.csv --truth true --prediction predicted --score confidence"
)]
pub(super) struct EvaluateArgs {
    /// A table with predictions and truth (Parquet, Arrow, CSV or TSV), or - for standard input
    #[arg(value_name = "PREDICTIONS")]
    predictions: PathBuf,

    /// The column that holds the true class
    #[arg(long, help_heading = "Input", default_value = column::LABEL, value_name = "COLUMN")]
    truth: String,

    /// The column that holds the best prediction [default: prediction_1; further ones are prediction_2, …]
    #[arg(long, help_heading = "Input", value_name = "COLUMN")]
    prediction: Option<String>,

    /// The column that holds its score, a probability [default: score_1, where there is one]
    #[arg(long, help_heading = "Input", value_name = "COLUMN")]
    score: Option<String>,

    /// One group of figures for every value of this column, then all
    #[arg(long, help_heading = "Figures", value_name = "COLUMN")]
    by: Option<String>,

    /// Look only at the rows of this split
    #[arg(long, help_heading = "Input", value_name = "SPLIT")]
    split: Option<String>,

    /// Write tables, figures and a page with plots and pictures to this folder
    #[arg(long, help_heading = "Output", value_name = "DIR")]
    report: Option<PathBuf>,

    /// Test against other predictions of the same keys, or list the runs of a log
    #[arg(long, help_heading = "Figures", value_name = "OTHER")]
    compare: Option<PathBuf>,

    /// Add the figures to this log of runs; its training curve goes into the report
    #[arg(long, help_heading = "Output", value_name = "RUNS")]
    log: Option<PathBuf>,

    /// How to show the figures [default: what the file's name says, else an aligned table on a terminal, else tsv]
    #[arg(long, help_heading = "Output", value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// Write the figures to this file [default: standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Another number draws other resamples
    #[arg(long, help_heading = "Figures", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Resamples for the intervals; 0 gives none
    #[arg(long, help_heading = "Figures", default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    bootstrap: u32,

    /// Number of threads [default: the number of processors]
    #[arg(short, long, help_heading = "Work", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl EvaluateArgs {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let target = Target::parse(self.output.as_deref());
        let format = output::format(&target, self.format, default_format(&target, Format::Table, Format::Tsv))?;
        let inputs: Vec<&Path> = [&self.predictions].into_iter().chain(&self.compare).map(|path| &**path).collect();
        output::ensure_no_input(self.output.as_deref(), inputs.iter().copied(), "figures")?;
        output::ensure_apart(&[self.output.as_deref(), self.log.as_deref()])?;
        self.log.as_ref().map_or(Ok(()), |log| output::ensure_parquet(&Target::File(log.clone())))?;
        let predictions = Predictions::open(&self.predictions, self.options())?;
        let sink = Sink::open(&target, format == Format::Parquet)?;
        let beside: Vec<&Path> = self.log.iter().chain(&self.output).map(|path| &**path).collect();
        let report = self.report.as_deref().map(|path| Report::open(path, &inputs, &beside)).transpose()?;
        let earlier = self.log.as_deref().map(runs::earlier).transpose()?.unwrap_or_default();
        let evaluation = predictions.evaluate(ui)?;
        if let Some(report) = report {
            report.write(&evaluation, &earlier, ui)?;
        }
        if let Some(log) = &self.log {
            let number = evaluate::log(&evaluation, log)?;
            ui.note(&format!("evaluate: run {number} of {}", log.display()));
        }
        evaluate::write(&evaluation, format, sink)?;
        let classes = several(evaluation.classes.len() as u64, "class", "classes");
        ui.note(&format!("evaluate: {} of {classes}", rows(evaluation.sample.len() as u64)));
        Ok(Exit::Done)
    }

    fn options(&self) -> Options {
        Options {
            truth: self.truth.clone(),
            prediction: self.prediction.clone(),
            score: self.score.clone(),
            by: self.by.clone(),
            split: self.split.clone(),
            compare: self.compare.clone(),
            bootstrap: self.bootstrap,
            seed: self.seed,
            threads: threads(self.jobs),
        }
    }
}
