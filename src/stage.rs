//! What a stage is, and the one driver that runs any: rows in, rows out, in order, on several threads, in bounded memory.
//!
//! There are two kinds. Of a [`Stage`] every row's result depends on that row alone: `scan`, `convert-rgb`, `embed`,
//! `classify`. [`Work::write`] runs one from a table to a sink; [`Work::through`] makes a table of it, so that stages
//! compose in memory, with no Parquet between them. A [`Survey`] must see all rows before it can say anything, as `split`
//! and `index` must; [`Work::survey`] shows them to it. Neither knows of files, threads or terminals.

mod order;
#[cfg(test)]
mod tests;
mod told;
mod work;

pub use order::{in_order, pool, slices};
pub use told::{Origin, Tally, Told};
pub use work::go_on;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::failure::Failure;
use crate::table::Provenance;

/// A stage of which every row's result depends on that row alone.
///
/// Several threads call it at once, each with a slice of the table's rows; what comes out is in the order of what went in.
pub trait Stage: Send + Sync + 'static {
    /// What it is called while it works, and in messages.
    const NAME: &'static str;

    /// The columns that a table of these has afterwards.
    fn schema(&self, input: &SchemaRef) -> SchemaRef;

    /// Notes in a table's footer what it does.
    fn describe(&self, footer: &mut Provenance);

    /// How many rows a thread works on at a time.
    fn slice(&self) -> usize {
        32
    }

    /// What becomes of some rows; `schema` is that of the whole output.
    ///
    /// # Errors
    /// The stage cannot go on. What is wrong with one row alone goes into its column `error` and into
    /// [`Done::skipped`].
    fn rows(&self, rows: &RecordBatch, schema: &SchemaRef) -> Result<Done, Failure>;
}

/// A stage that must see all rows before it can say anything of the first.
pub trait Survey {
    /// What it is called while it reads.
    const NAME: &'static str;

    /// Looks at some rows, in order.
    ///
    /// # Errors
    /// They lack what is needed.
    fn look(&mut self, rows: &RecordBatch) -> Result<(), Failure>;
}

/// A row and what is wrong with it, for a message; where it could not be processed, it carries the same words in `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The row's key.
    pub key: String,
    /// A sentence without a full stop.
    pub problem: String,
}

/// What a stage made of a slice of rows.
#[derive(Debug)]
pub struct Done {
    /// As many rows as went in, in their order, of the output's schema.
    pub batch: RecordBatch,
    /// Rows that could not be processed, and have an `error` now.
    pub skipped: Vec<Skipped>,
    /// Rows that were processed, though something is wrong with their pictures.
    pub flawed: Vec<Skipped>,
}

/// On how many threads, and what to do about inputs that cannot be processed: the driver of stages.
///
/// ```
/// use std::sync::Arc;
///
/// use pokedex::image::{Encoding, Rgb, encode};
/// use pokedex::progress::Silent;
/// use pokedex::scan::Scan;
/// use pokedex::{Inputs, Work};
///
/// let folder = tempfile::tempdir()?;
/// let grey = Rgb { width: 40, height: 30, pixels: vec![128; 3 * 40 * 30] };
/// std::fs::write(folder.path().join("grey.png"), encode(&grey, Encoding::Png)?)?;
/// std::fs::write(folder.path().join("torn.png"), "no picture")?;
/// let pictures = || Inputs { paths: vec![folder.path().into()], ..Inputs::default() }.images();
///
/// let tally = Work::default().run(pictures()?, &Arc::new(Scan::default()), &mut Silent, |rows| {
///     assert!(rows.column_by_name("content_hash").is_some());
///     Ok(())
/// })?;
/// assert_eq!((tally.rows, tally.skipped), (2, 1));
///
/// let strict = Work { strict: true, ..Work::default() };
/// assert!(strict.run(pictures()?, &Arc::new(Scan::default()), &mut Silent, |_| Ok(())).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// At least one; results do not depend on it.
    pub threads: usize,
    /// Fail at the first input that cannot be processed, instead of naming it and going on.
    pub strict: bool,
}

impl Default for Work {
    /// All processors, and what cannot be processed is named and kept as a row with an error.
    fn default() -> Work {
        Work { threads: processors(), strict: false }
    }
}

/// How many threads can run at once.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
