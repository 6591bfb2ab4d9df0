//! `sample`: a few rows of many.

use std::path::PathBuf;

use clap::Args;

use super::args::{TableInputs, TableOutput, Work};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::output::ensure_no_input;
use crate::progress::Progress;
use crate::sample::{self, By, Count, Options};
use crate::table::column;

/// Choose which rows to look at, to label or to keep
///
/// By what their vectors and predictions say: `diverse` takes whatever is farthest from all that was taken (farthest-first
/// traversal, Gonzalez 1985), `typical` what stands for most others (facility location; of tables of more than 4,096 rows so
/// many by lot are to be stood for), `rare` what has its ten nearest neighbours far away (among 16,384 by lot at most),
/// `uncertain` what `classify` could hardly decide (the smallest margin between its first two scores), `balanced` as many of
/// each class as of any other, `random` what the seed says. Several are added with their weights: --by uncertain=2,diverse.
///
/// Rows keep the table's order; the columns `sample_order` (1 is what was chosen first: without classes that have shares, the
/// first hundred of a thousand are what -n 100 would give) and `sample_reason` are new. Rows with an error are never chosen. `docs/sample.md` says which is
/// good for what, with figures.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex sample photos.parquet -n 500 -o to-label.parquet
  pokedex sample predictions.parquet -n 200 --by uncertain=2,diverse --already labelled.parquet -o next.parquet
  pokedex sample photos.parquet -n 1000 --by balanced --class label -o even.parquet
  pokedex sample photos.parquet --prune 0.3 --stratify label -o core.parquet
  pokedex sample pokedex: -n 10 | pokedex export - --format csv --columns sample_order,label,sample_reason")]
pub(super) struct SampleArgs {
    #[command(flatten)]
    inputs: TableInputs,

    /// How many rows
    #[arg(short = 'n', long = "rows", help_heading = "Choice", value_name = "N", conflicts_with = "prune",
        required_unless_present = "prune", value_parser = clap::value_parser!(u32).range(1..))]
    rows: Option<u32>,

    /// All but this share of the rows: 0.3 keeps 70 %
    #[arg(long, help_heading = "Choice", value_name = "SHARE", value_parser = share)]
    prune: Option<f64>,

    /// What makes a row worth choosing: diverse, typical, rare, uncertain, balanced, random, or several with weights
    #[arg(long, help_heading = "Choice", default_value = "diverse", value_delimiter = ',', value_name = "WHAT[=WEIGHT]",
        value_parser = weighted)]
    by: Vec<(By, f32)>,

    /// Give every value of this column the share of rows that it has in the table
    #[arg(long, help_heading = "Choice", value_name = "COLUMN")]
    stratify: Option<String>,

    /// The column of the class, for --by balanced [default: label]
    #[arg(long, help_heading = "Choice", value_name = "COLUMN")]
    class: Option<String>,

    /// A table of rows that were chosen before, known by `key` or `content_hash`: they are not chosen again, and what is like
    /// them is not `diverse`
    #[arg(long, help_heading = "Choice", value_name = "TABLE")]
    already: Option<PathBuf>,

    /// Another number gives another choice between equals
    #[arg(long, help_heading = "Choice", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// The column that holds the vectors
    #[arg(long, help_heading = "Input", default_value = column::EMBEDDING, value_name = "NAME")]
    vector_column: String,

    /// Write the rows that are not chosen as well, without an order
    #[arg(long, help_heading = "Output")]
    all: bool,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl SampleArgs {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let inputs = self.inputs.to_inputs();
        let table = inputs.rows(|input| format!("pokedex embed {input} -o embeddings.parquet"))?;
        let output = self.output.output.as_deref();
        ensure_no_input(output, inputs.paths.iter().map(|path| &**path), "only some of its rows")?;
        ensure_no_input(output, self.already.as_deref(), "a table without its rows")?;
        let sink = self.output.open()?;
        let start = |schema: &_, footer: &_| self.output.start(sink, schema, footer);
        let sampled = sample::sample(table, &self.options(), &self.work.work(), start, ui)?;
        ui.done(&format!("sample: {sampled}"));
        Ok(Exit::Done)
    }

    fn options(&self) -> Options {
        let count = match (self.rows, self.prune) {
            (_, Some(share)) => Count::AllBut(share),
            (rows, None) => Count::Rows(rows.unwrap_or(0) as usize),
        };
        Options {
            count,
            by: self.by.clone(),
            stratify: self.stratify.clone(),
            class: self.class.clone(),
            already: self.already.clone(),
            vectors: self.vector_column.clone(),
            seed: self.seed,
            all: self.all,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "expected a number from 0 to 1")?;
    if (0.0..1.0).contains(&share) { Ok(share) } else { Err("expected a number from 0 to 1".into()) }
}

fn weighted(text: &str) -> Result<(By, f32), String> {
    let (name, weight) = text.split_once('=').map_or((text, "1"), |(name, weight)| (name, weight));
    let by = <By as clap::ValueEnum>::from_str(name.trim(), true)
        .map_err(|_| "expected diverse, typical, rare, uncertain, balanced or random")?;
    let weight: f32 =
        weight.trim().parse().ok().filter(|x: &f32| x.is_finite() && *x > 0.0).ok_or("expected a weight above 0")?;
    Ok((by, weight))
}
