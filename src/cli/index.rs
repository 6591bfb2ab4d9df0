//! `index`: keeps what searching needs, checked and sorted, and makes searching it quick.

mod build;
mod info;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::{TableInputs, TableOutput};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::index::{Check, Error, Kind, Packer, beside, files_of, files_of_an_index};
use crate::io::Target;
use crate::model::{Engine, Model, short_id};
use crate::output::{ensure_no_input, ensure_ours, ensure_whole_in_place};
use crate::progress::Progress;
use crate::table::{Provenance, column};
use crate::words::{left_out, several};
use build::Build;

/// Make a searchable index of an embedding table
///
/// Keeps keys, ids, labels, paths, the vectors and the columns that --columns names; checks that all vectors are of one
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
pub struct IndexArgs {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Choice {
    /// table below ten thousand rows, exact below three million, graph above; table for standard output
    #[default]
    Auto,
    /// Nothing beside the table, which is read from end to end
    Table,
    /// A packed copy: the same results, many times as fast
    Exact,
    /// The packed copy and Annoy's trees: approximate; spotify's annoy reads them too
    Annoy,
    /// The packed copy and a graph of near rows: approximate, the fastest for millions of rows
    Graph,
}

impl IndexArgs {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        match self.command {
            Some(IndexCommand::Info(info)) => info.run(ui),
            None => {
                let pool = crate::stage::pool(super::args::threads(self.make.jobs))?;
                let make = self.make;
                pool.install(|| make.run(ui))
            }
        }
    }
}

impl Make {
    fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let inputs = self.inputs.to_inputs();
        let table = inputs.rows(|name| format!("pokedex embed {name} | pokedex index - -o index.parquet"))?;
        table.require(&self.vector_column)?;
        let table = table.with_keys();
        for name in self.columns.iter().filter(|name| *name != "all") {
            table.require(name)?;
        }
        let file = self.file()?;
        let sink = self.output.open()?;

        ui.start("check", table.rows);
        let footer = table.provenance.clone();
        let mut check = Check::new(&table.name, &self.vector_column);
        let table = table.spool(|batch| {
            ui.advance(batch.num_rows() as u64);
            check.look(batch).map_err(Failure::from)
        })?;
        ui.finish();
        let name = table.name.clone();
        if let Some(unfit) = check.unfit.message() {
            ui.warn(&format!("{name}: {unfit}"));
        }
        if check.rows == 0 {
            return Err(check.no_vectors().into());
        }
        if check.without_vector + check.unfit.count > 0 {
            let paths = inputs.paths.iter().map(|path| &**path);
            ensure_no_input(self.output.output.as_deref(), paths, "an index without all its rows")?;
        }
        let model = self.model(&name, &check, &footer)?;

        let all = self.columns.iter().any(|column| column == "all");
        let more = |name: &str| all || self.columns.iter().any(|column| column == name);
        let packer = Packer::new(&table, &self.vector_column, check.dimension, model.as_deref().map(short_id), more);
        ensure_whole_in_place(self.output.output.as_deref(), &inputs.paths, &table.schema, &packer.schema)?;
        let mut writer = self.output.start(sink, &packer.schema, &provenance(&model, check.dimension))?;
        let mut kind = self.kind(file.is_some(), check.rows);
        let earlier = file.as_deref().map(files_of_an_index).unwrap_or_default();
        let replaced = file.as_deref().map(files_of).unwrap_or_default();
        for path in file.iter().flat_map(|file| kind.extensions().into_iter().map(|extension| beside(file, extension)))
        {
            ensure_ours(&path, |path| earlier.iter().any(|earlier| earlier == path))?;
        }
        let mut build = match file.clone().filter(|_| kind != Kind::Table) {
            Some(file) => Some(Build::start(file, kind, &packer.schema, check.dimension)?),
            None => None,
        };
        ui.start("pack", Some(check.rows));
        packer.pack(table, check.sorted, |batch| {
            ui.advance(batch.num_rows() as u64);
            writer.write(&batch)?;
            build.as_mut().map_or(Ok(()), |build| build.write(&batch))
        })?;
        ui.finish();
        match build {
            Some(build) => kind = build.finish(&self, writer, ui)?,
            None => writer.finish()?,
        }
        let own = |path: &PathBuf| kind.extensions().iter().any(|own| path.extension().is_some_and(|e| e == *own));
        for stale in earlier.iter().filter(|path| !own(path)) {
            if replaced.contains(stale) && std::fs::remove_file(stale).is_ok() {
                continue;
            }
            ui.warn(&format!("{}: belongs to an index that was here before, and can be deleted", stale.display()));
        }
        if check.without_vector > 0 {
            ui.warn(&format!("{name}: {}", left_out(check.without_vector)));
        }
        let vectors = several(check.rows, "vector", "vectors");
        let numbers = several(check.dimension as u64, "number", "numbers");
        ui.note(&format!("index: {vectors} of {numbers}, kind {}", kind.name()));
        Ok(Exit::Done)
    }

    /// The file beside which others may lie, if the table goes to one.
    fn file(&self) -> Result<Option<PathBuf>, Failure> {
        let file = match Target::parse(self.output.output.as_deref()) {
            Target::File(path) if path.metadata().map_or(true, |about| about.is_file()) => Some(path),
            _ => None,
        };
        match (&file, self.kind) {
            (None, Choice::Exact | Choice::Annoy | Choice::Graph) => Err(Failure::usage(
                "an index of this kind is several files, and standard output is one",
                "-o INDEX.parquet; or --kind table",
            )),
            _ => Ok(file),
        }
    }

    fn kind(&self, to_file: bool, rows: u64) -> Kind {
        match self.kind {
            Choice::Auto if to_file => Kind::for_rows(rows),
            Choice::Auto | Choice::Table => Kind::Table,
            Choice::Exact => Kind::Exact,
            Choice::Annoy => Kind::Annoy,
            Choice::Graph => Kind::Graph,
        }
    }

    /// The full identity of the model, or `None` where it is unknown on purpose.
    fn model(&self, name: &str, check: &Check, footer: &Provenance) -> Result<Option<String>, Failure> {
        let footer = footer.get(&column::footer_key(&self.vector_column, "model"));
        // The rows know better than the footer, which another program may have carried over from somewhere else.
        let footer = footer.filter(|full| check.model().is_none_or(|rows| short_id(full) == rows));
        let found = footer.or(check.model()).filter(|id| *id != "unknown");
        match (&self.model, found) {
            (None, Some(found)) => Ok(Some(found.into())),
            (None, None) => Err(Error::NoModel { name: name.into() }.into()),
            (Some(given), None) if given == "unknown" => Ok(None),
            (Some(given), found) => {
                let model = Model::find(given, Engine::Auto)?;
                let query = model.id().to_string();
                if let Some(index) = found.map(short_id).filter(|index| *index != query) {
                    return Err(Error::OtherModel { name: name.into(), index, query }.into());
                }
                if model.dimension() != check.dimension {
                    let (index, dimension) = (check.dimension, model.dimension());
                    return Err(Error::OtherDimension { name: name.into(), index, query, dimension }.into());
                }
                Ok(Some(model.id().full()))
            }
        }
    }
}

fn provenance(model: &Option<String>, dimension: usize) -> Provenance {
    let mut provenance = Provenance::default();
    provenance.set("schema", "index");
    provenance.set("model", model.as_deref().unwrap_or("unknown"));
    provenance.set("dimension", dimension.to_string());
    provenance.set("metric", "cosine");
    provenance
}
