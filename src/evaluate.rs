//! How good predictions are: figures of all rows and of groups, what they are set beside, and a report of it all.
//!
//! Hides: what other programs call their columns and how they spell their classes, which rows count and which are only
//! counted, and how a table is read as often as need be. Promises: every figure has one name in every format, in the log
//! and on the page; strangers and rows with an error are in no figure but those that count them; rows of classes that the
//! classifier does not know count as wrong; a report replaces nothing but an earlier report.
//!
//! [`evaluate`] measures a table of predictions; [`write()`] shows the figures to people and programs, [`Report`] draws them.
//!
//! ```
//! use pokedex::evaluate::{Options, evaluate};
//! use pokedex::progress::Silent;
//!
//! let folder = tempfile::tempdir()?;
//! let predictions = folder.path().join("predictions.csv");
//! std::fs::write(&predictions, "key,label,prediction_1\na.png,cat,cat\nb.png,dog,cat\n")?;
//!
//! let options = Options { bootstrap: 0, ..Options::default() };
//! let evaluation = evaluate(&predictions, options, &mut Silent)?;
//! assert_eq!(evaluation.figures.get("top1"), Some(0.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod cells;
mod compare;
mod figures;
mod formats;
mod log;
mod report;
mod rows;
mod spelling;

pub use compare::{Comparison, Test};
pub use figures::{Figure, Figures, Value, meaning};
pub use formats::{Format, write};
pub use log::log;
pub use report::Report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::failure::Failure;
use crate::metrics::Sample;
use crate::progress::Progress;
use crate::stage::{pool, processors};
use crate::table::{Source, column};
use answers::Columns;
use compare::Other;
use rows::{Measured, Rows};
use spelling::Spelling;

/// Which columns say what, and what is computed of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The column that holds the true class.
    pub truth: String,
    /// The column that holds the best prediction; `None`: `prediction_1`. Further ones are `prediction_2`, ….
    pub prediction: Option<String>,
    /// The column that holds its score, a probability; `None`: `score_1`, where there is one.
    pub score: Option<String>,
    /// One group of figures for every value of this column, then all.
    pub by: Option<String>,
    /// Only rows of this split are looked at.
    pub split: Option<String>,
    /// Other predictions of the same keys, or a log of runs, to set these beside.
    pub compare: Option<PathBuf>,
    /// Resamples for the intervals; 0 gives none.
    pub bootstrap: u32,
    /// Another number draws other resamples.
    pub seed: u64,
    /// At least one; no figure depends on it.
    pub threads: usize,
}

impl Default for Options {
    /// The columns that `classify` writes, all rows in one group, intervals of a thousand resamples.
    fn default() -> Options {
        Options {
            truth: column::LABEL.into(),
            prediction: None,
            score: None,
            by: None,
            split: None,
            compare: None,
            bootstrap: 1000,
            seed: 0,
            threads: processors(),
        }
    }
}

/// How good predictions are.
#[derive(Debug)]
pub struct Evaluation {
    /// The figures of all rows, and what came of the comparison.
    pub figures: Figures,
    /// The figures of each group, in the order of their names' bytes; none where nothing was grouped.
    pub groups: Vec<(String, Figures)>,
    /// What the predictions were set beside.
    pub comparison: Option<Comparison>,
    /// The rows that have a true class, from which curves and counts can be drawn.
    pub sample: Sample,
    /// Names of the sample's classes by their numbers, in the order of their bytes.
    pub classes: Vec<String>,
    /// The identity of the head that made the predictions, where the table says so.
    pub head: Option<String>,
    predictions: Predictions,
}

impl Evaluation {
    /// What to call the predictions in a message.
    pub fn name(&self) -> &str {
        &self.predictions.source.name
    }

    /// The column whose values the groups are.
    pub fn by(&self) -> Option<&str> {
        self.predictions.options.by.as_deref()
    }
}

/// Says how good the predictions of a table are: Parquet, Arrow, CSV or TSV; `-` is standard input.
///
/// # Errors
/// As [`Predictions::open`] and [`Predictions::evaluate`].
pub fn evaluate(path: &Path, options: Options, progress: &mut dyn Progress) -> Result<Evaluation, Failure> {
    Predictions::open(path, options)?.evaluate(progress)
}

/// A table of predictions that has the columns that are needed: it can be evaluated.
#[derive(Debug)]
pub struct Predictions {
    path: PathBuf,
    options: Options,
    started: Instant,
    source: Source,
    columns: Columns,
}

impl Predictions {
    /// Opens a table and finds its columns, before any output is.
    ///
    /// # Errors
    /// It cannot be read, or lacks a column that is needed or named.
    pub fn open(path: &Path, options: Options) -> Result<Predictions, Failure> {
        let started = Instant::now();
        let source = answers::open(path)?;
        let columns = Columns::find(&source.table(None)?, &options)?;
        Ok(Predictions { path: path.into(), options, started, source, columns })
    }

    /// Reads all rows and measures them; what a person should know before believing the figures are warnings.
    ///
    /// # Errors
    /// A table cannot be read, a column is of a wrong type, no row has a true class, or what to compare with has other
    /// keys.
    pub fn evaluate(mut self, progress: &mut dyn Progress) -> Result<Evaluation, Failure> {
        let options = &self.options;
        let mut other = options.compare.as_deref().map(|other| Other::open(other, &self.path, options)).transpose()?;
        self.columns.spelled = spell(&self.source, &self.columns, other.as_mut())?;
        let (rows, head) = read(&self.source, &self.columns, options, progress)?;
        let pool = pool(options.threads)?;
        let Measured { classes, groups, mut figures, sample } = rows.measure(&self.columns, options, &pool);
        let beside = |other: Other| other.beside(&self.source, &self.columns, options, &pool);
        let comparison = other.map(beside).transpose()?;
        if let Some(comparison) = &comparison {
            comparison.add_to(&mut figures);
        }
        Ok(Evaluation { figures, groups, comparison, sample, classes, head, predictions: self })
    }
}

/// How classes have to be compared, in two tables alike where there are two.
fn spell(source: &Source, columns: &Columns, other: Option<&mut Other>) -> Result<spelling::Spelled, Failure> {
    let of = |source: &Source, columns: &Columns| Spelling::of(source, &columns.classes().collect::<Vec<_>>());
    let spelling = of(source, columns)?;
    let Some(Other::Predictions(other, theirs)) = other else { return Ok(spelling.compared()) };
    theirs.spelled = spelling.and(of(other, theirs)?).compared();
    Ok(theirs.spelled)
}

/// All rows, and the head that the table says they were classified by.
fn read(
    source: &Source,
    columns: &Columns,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<(Rows, Option<String>), Failure> {
    let table = source.table(Some(&|name| columns.wants(name)))?;
    let head = table.provenance.get("head").map(str::to_string);
    let mut known = rows::known_classes(&table)?;
    known = known.map(|known| known.iter().map(|name| columns.spelled.name(name)).collect());
    progress.start("read", table.rows);
    let rows = Rows::read(table, columns, known.as_ref(), progress)?;
    progress.finish();
    rows.check(&source.name, &options.truth)?;
    rows.warn(&source.name, columns, known.as_ref(), options, progress);
    Ok((rows, head))
}
