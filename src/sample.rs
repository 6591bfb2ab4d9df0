//! Which rows of a table to look at, to label or to keep: a few of many, by what their vectors and predictions say.
//!
//! Hides: where vectors lie while they are compared, how often a row is weighed again. Promises: the same rows for the same
//! table, options and seed, whatever the number of threads; a row that cannot be judged is never chosen, and is counted.
//! Memory is some fifty bytes a row; many vectors lie in a temporary file.
//!
//! ```
//! use pokedex::io::Sink;
//! use pokedex::progress::Silent;
//! use pokedex::sample::{By, Count, Options, sample};
//! use pokedex::table::{StreamFormat, Writer};
//! use pokedex::{Table, Work};
//!
//! let folder = tempfile::tempdir()?;
//! let options = Options { count: Count::Rows(20), by: vec![(By::Diverse, 1.0)], ..Options::default() };
//! let sink = Sink::create(&folder.path().join("few.parquet"))?;
//! let start = |schema: &_, footer: &_| Ok(Writer::new(sink, schema, footer, StreamFormat::Parquet)?);
//! let species = Table::open("pokedex:".as_ref())?;
//! let sampled = sample(species, &options, &Work::default(), start, &mut Silent)?;
//! assert_eq!((sampled.chosen, sampled.rows), (20, 1025));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod already;
mod choose;
mod quotas;
mod rows;
mod worth;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, SchemaRef};

use crate::failure::Failure;
use crate::progress::Progress;
use crate::stage::{Work, pool};
use crate::table::{Provenance, Table, Writer, column};
use crate::words;
use already::Already;
use choose::{Chooser, Pick};
use quotas::{Quotas, Shares};
use rows::{Needs, Rows};
use worth::Worths;

/// The place of a row among those that were chosen, from 1.
pub const ORDER: &str = "sample_order";
/// Why it was.
pub const REASON: &str = "sample_reason";

/// What makes a row worth choosing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum By {
    /// It is far from all that are chosen (farthest-first traversal)
    Diverse,
    /// It stands for many (facility location)
    Typical,
    /// It is far from its ten nearest neighbours
    Rare,
    /// Its first two predictions have nearly the same score (margin)
    Uncertain,
    /// Its class has few so far
    Balanced,
    /// Chance
    Random,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            By::Diverse => "diverse",
            By::Typical => "typical",
            By::Rare => "rare",
            By::Uncertain => "uncertain",
            By::Balanced => "balanced",
            By::Random => "random",
        }
    }
}

/// How many rows are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Count {
    /// So many.
    Rows(usize),
    /// All but this share of those that could be.
    AllBut(f64),
}

/// What is chosen, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How many.
    pub count: Count,
    /// What counts, and how much; several are added, each from 0 to 1.
    pub by: Vec<(By, f32)>,
    /// A column of whose values each gets the share that it has in the table.
    pub stratify: Option<String>,
    /// The column of the class, for [`By::Balanced`].
    pub class: Option<String>,
    /// A table of rows that were chosen before: they are not chosen again, and count as chosen.
    pub already: Option<PathBuf>,
    /// The column of the vectors.
    pub vectors: String,
    /// Decides where nothing else does.
    pub seed: u64,
    /// Write the rows that are not chosen, too.
    pub all: bool,
}

impl Default for Options {
    /// A hundred rows that differ from each other.
    fn default() -> Options {
        Options {
            count: Count::Rows(100),
            by: vec![(By::Diverse, 1.0)],
            stratify: None,
            class: None,
            already: None,
            vectors: column::EMBEDDING.into(),
            seed: 0,
            all: false,
        }
    }
}

impl Options {
    fn has(&self, by: By) -> bool {
        self.by.iter().any(|&(other, weight)| other == by && weight > 0.0)
    }

    /// The column whose values have quotas, and whether all get the same.
    fn quotas(&self, table: &Table) -> Result<Option<(String, Shares)>, Failure> {
        match (self.has(By::Balanced), &self.stratify) {
            (true, Some(_)) => Err(Failure::usage(
                "--by balanced and --stratify want different shares of the classes",
                "--by balanced --class COLUMN gives every value of COLUMN the same number of rows",
            )),
            (true, None) => {
                let column = self.class.clone().unwrap_or_else(|| column::LABEL.into());
                table.require(&column)?;
                Ok(Some((column, Shares::Equal)))
            }
            (false, Some(column)) => {
                table.require(column)?;
                Ok(Some((column.clone(), Shares::AsTheyAre)))
            }
            (false, None) => Ok(None),
        }
    }

    /// All that the choice depends on, for the footer.
    fn settings(&self) -> String {
        let by = self.by.iter().map(|(by, weight)| format!("{}={weight}", by.name()));
        format!("by={} seed={}", by.collect::<Vec<_>>().join(","), self.seed)
    }
}

/// What was chosen; shown as what is said of it at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// Rows that were chosen.
    pub chosen: u64,
    /// Rows of the table.
    pub rows: u64,
    /// Rows that were chosen before.
    pub before: u64,
    /// Of vectors that were to be diverse, how far the farthest row is from the nearest chosen one: one less the cosine.
    pub radius: Option<f32>,
}

impl fmt::Display for Sampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.chosen, words::rows(self.rows))?;
        if self.before > 0 {
            write!(f, ", beside {} chosen before", self.before)?;
        }
        if let Some(radius) = self.radius {
            write!(f, "; all others are within a cosine of {:.3} of one of them", 1.0 - radius)?;
        }
        Ok(())
    }
}

/// Chooses rows of a table, and writes them to where `start` starts a table of such a schema and footer: in the table's order,
/// with their places in that of the choice.
///
/// # Errors
/// The table lacks a column that the options need, its vectors are no good or of two models, it or the table of rows that
/// were chosen before cannot be read, or the output cannot be written.
pub fn sample(
    table: Table,
    options: &Options,
    work: &Work,
    start: impl FnOnce(&SchemaRef, &Provenance) -> Result<Writer, Failure>,
    progress: &mut dyn Progress,
) -> Result<Sampled, Failure> {
    let quotas = options.quotas(&table)?;
    let needs = Needs::new(options, &table, quotas.as_ref().map(|(column, _)| column.as_str()))?;
    let already =
        options.already.as_ref().map(|path| Already::read(path, &options.vectors, needs.vectors)).transpose()?;
    let mut rows = Rows::new(needs, already, &table.name);
    let mut footer = table.provenance.clone();
    let table = work.survey(table.with_keys(), &mut rows, progress)?;
    let rows = rows.finish(progress)?;

    progress.start("choose", None);
    let wanted = match options.count {
        Count::Rows(rows) => rows,
        Count::AllBut(share) => (rows.candidates.len() as f64 * (1.0 - share)).round() as usize,
    };
    let (picks, radius) = pool(work.threads)?.install(|| {
        let quotas = quotas.map(|(_, shares)| Quotas::new(&rows.strata, wanted, shares));
        let worths = Worths::new(options, &rows);
        Chooser::new(worths, quotas, &rows).choose(wanted, progress)
    })?;
    progress.finish();
    if picks.len() < wanted {
        let there = words::rows(picks.len() as u64);
        progress.warn(&format!("sample: only {there} can be chosen, not {wanted}"));
    }

    footer.set("sample", options.settings());
    let (chosen, rows_seen) = (picks.len() as u64, rows.count);
    let schema = [column::field(ORDER, DataType::UInt32), column::field(REASON, DataType::Utf8)]
        .into_iter()
        .fold(table.schema.clone(), |schema, field| column::put_field(&schema, field));
    let writer = start(&schema, &footer)?;
    write(table, writer, &schema, picks, &rows.candidates, options.all)?;
    Ok(Sampled { chosen, rows: rows_seen, before: rows.before, radius })
}

/// Writes the rows that were chosen, or all of them.
fn write(
    table: Table,
    mut writer: Writer,
    schema: &SchemaRef,
    picks: Vec<Pick>,
    candidates: &[u32],
    all: bool,
) -> Result<(), Failure> {
    let mut places: Vec<(u32, u32, String)> =
        (1..).zip(picks).map(|(order, pick)| (candidates[pick.candidate as usize], order, pick.reason)).collect();
    places.sort_unstable();
    let mut places = places.into_iter().peekable();
    let mut first = 0;
    for batch in table {
        let batch = batch?;
        let end = first + batch.num_rows() as u32;
        let mut own: Vec<Option<(u32, String)>> = Vec::with_capacity(batch.num_rows());
        for row in first..end {
            own.push(places.next_if(|&(place, ..)| place == row).map(|(_, order, reason)| (order, reason)));
        }
        first = end;
        let wanted: BooleanArray = own.iter().map(|row| Some(all || row.is_some())).collect();
        if wanted.true_count() == 0 {
            continue;
        }
        let orders: UInt32Array = own.iter().map(|row| row.as_ref().map(|(order, _)| *order)).collect();
        let reasons: StringArray = own.iter().map(|row| row.as_ref().map(|(_, reason)| reason.as_str())).collect();
        let batch = column::put(
            &batch,
            schema,
            &[(ORDER, Arc::new(orders) as ArrayRef), (REASON, Arc::new(reasons) as ArrayRef)],
        );
        let batch: RecordBatch =
            arrow_select::filter::filter_record_batch(&batch, &wanted).expect("as many flags as rows");
        writer.write(&batch)?;
    }
    Ok(writer.finish()?)
}
