//! `index`: keeps what searching needs, checked and sorted, and makes searching it quick.

mod info;

use std::num::NonZeroUsize;

use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum};

use super::args::{TableInputs, TableOutput, threads};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::index::Kind;
use crate::indexing::{Maker, Options};
use crate::progress::Progress;
use crate::stage::Work;
use crate::table::column;

/// Make a searchable index of an embedding table
///
/// Keeps keys, ids, labels, paths, the vectors, what `read` read in the pictures, the places of a `map`, and the columns that --columns names; checks that all vectors are of one
/// model and that no key occurs twice; scales vectors to length 1; sorts by key. Rows without a vector, or with one that
/// is zero or not finite, are left out and counted. The index is an ordinary Parquet table; what makes searching it quicker lies beside
/// it under the same name: .arrow (a packed copy, mapped), .ann (Annoy's trees), .graph.
///
/// An index is made anew when rows come or go: from an embedding table that takes seconds for a hundred thousand rows,
/// and embed keeps the vectors of all pictures that it has seen.
#[derive(Debug, Args)]
#[command(
    name = "index",
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  pokedex index embeddings.parquet -o photos.parquet
  pokedex scan photos/ | pokedex embed - | pokedex index - --columns width,height -o photos.parquet
  pokedex index from-pandas.parquet --vector-column vec --model unknown -o index.parquet
  pokedex index embeddings.parquet --kind annoy --trees 20 --check-recall -o photos.parquet
  pokedex index info photos.parquet"
)]
pub(super) struct IndexArgs {
    #[command(subcommand)]
    command: Option<IndexCommand>,

    #[command(flatten)]
    make: Make,
}

#[derive(Debug, Subcommand)]
enum IndexCommand {
    Info(info::Info),
}

/// What making an index takes.
#[derive(Debug, Args)]
struct Make {
    #[command(flatten)]
    inputs: TableInputs,

    /// Columns to keep beside keys, ids, labels and paths: names separated by commas, or all
    #[arg(long, help_heading = "Output", value_delimiter = ',', value_name = "NAMES")]
    columns: Vec<String>,

    /// The column that holds the vectors
    #[arg(long, help_heading = "Input", alias = "features", default_value = column::EMBEDDING, value_name = "NAME")]
    vector_column: String,

    /// The model that made the vectors, for tables that do not say; unknown: search by stored rows only
    #[arg(long, help_heading = "Model", value_name = "NAME|unknown")]
    model: Option<String>,

    /// What makes searching quick [default: auto, by the number of rows]
    #[arg(long, help_heading = "Search", value_enum, default_value_t, hide_default_value = true)]
    kind: Choice,

    /// Annoy's trees: more find more and take more room
    #[arg(long, help_heading = "Search", default_value_t = NonZeroUsize::new(10).expect("not zero"), value_name = "N")]
    trees: NonZeroUsize,

    /// Seed of Annoy's planes
    #[arg(long, help_heading = "Search", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Neighbours of a row in a graph: more find more and take more room
    #[arg(long, help_heading = "Search", default_value_t = 48, value_name = "N", value_parser = clap::value_parser!(u16).range(4..=256))]
    degree: u16,

    /// Measure, on a thousand rows, how many of the ten nearest an approximate kind finds, and note it in the index
    ///
    /// Of a graph it is always measured, on 200 rows: one that finds less than 90 % is not kept, and the index is exact.
    #[arg(long, help_heading = "Search")]
    check_recall: bool,

    /// Number of threads [default: the number of processors]
    #[arg(short, long, help_heading = "Work", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    #[command(flatten)]
    output: TableOutput,
}

/// A [`Kind`], or the one that suits the number of rows.
#[derive(Debug, Clone, Copy, Default)]
struct Choice(Option<Kind>);

impl ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Choice] {
        &[
            Choice(None),
            Choice(Some(Kind::Table)),
            Choice(Some(Kind::Exact)),
            Choice(Some(Kind::Annoy)),
            Choice(Some(Kind::Graph)),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        const AUTO: &str =
            "table below ten thousand rows, exact below three million, graph above; table for standard output";
        self.0.map_or_else(|| Some(PossibleValue::new("auto").help(AUTO)), |kind| kind.to_possible_value())
    }
}

impl IndexArgs {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        match self.command {
            Some(IndexCommand::Info(info)) => info.run(ui),
            None => self.make.run(ui),
        }
    }
}

impl Make {
    fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let inputs = self.inputs.to_inputs();
        let table = inputs.rows(|name| format!("pokedex embed {name} | pokedex index - -o index.parquet"))?;
        let options = Options {
            columns: self.columns,
            vector_column: self.vector_column,
            model: self.model,
            kind: self.kind.0,
            trees: self.trees,
            seed: self.seed,
            degree: self.degree.into(),
            check_recall: self.check_recall,
        };
        let maker = Maker::new(options, table, &inputs.paths, self.output.output.as_deref())?;
        let sink = self.output.open()?;
        let start = |schema: &_, footer: &_| self.output.start(sink, schema, footer);
        let work = Work { threads: threads(self.jobs), ..Work::default() };
        let made = maker.make(&work, start, ui)?;
        ui.note(&format!("index: {made}"));
        Ok(Exit::Done)
    }
}
