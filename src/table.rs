//! Tables: what every stage reads and writes.
//!
//! Hides: Parquet and Arrow IPC, the many physical types in which other programs write text and vectors, and where
//! a folder of images and a table differ. Tables come in by [`Source`] alone, whatever carries them, and go out by
//! [`Writer`] alone. Promises: a [`Table`] streams record batches and never holds more than a
//! few; a [`Writer`] gives the same bytes for the same batches; columns nobody here knows pass through unchanged.
//!
//! The column names and their meaning are the contract of the whole program; see [`mod@column`].

mod arrays;
pub mod boxes;
pub mod cells;
pub mod column;
pub mod dataset;
mod dialect;
mod findings;
mod foreign;
mod ids;
mod images;
mod inputs;
pub mod layout;
mod limits;
pub mod meanings;
mod messages;
mod metadata;
mod read;
mod shard;
mod shards;
pub mod soft_labels;
mod source;
pub mod split;
mod spool;
mod structs;
mod types;
mod wide;
mod write;

pub use column::{Vectors, text};
pub use ids::IdSource;
pub use images::Images;
pub use inputs::Inputs;
pub use metadata::{JoinOn, Metadata, MetadataReport, OnDuplicate};
pub use read::Table;
pub use shard::Shard;
pub use source::{Source, is_table};
pub use write::{StreamFormat, Writer, unwritable};

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a table was made from: `pokedex.*` key-value pairs of its footer. Nothing in it changes from run to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance(pub BTreeMap<String, String>);

impl Provenance {
    /// The value of `pokedex.KEY`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(&format!("pokedex.{key}")).map(String::as_str)
    }

    /// Sets `pokedex.KEY`.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(format!("pokedex.{key}"), value.into());
    }
}

/// What can be wrong with a table.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error(transparent)]
    Io(#[from] crate::io::Error),
    #[error("{name}: not a readable table: {source}")]
    Parquet { name: String, source: parquet::errors::ParquetError },
    #[error("{name}: not a readable table: {source}")]
    Arrow { name: String, source: arrow_schema::ArrowError },
    #[error("{name}: cannot write the table: {source}")]
    WriteParquet { name: String, source: parquet::errors::ParquetError },
    #[error("{name}: cannot write the table: {source}")]
    WriteArrow { name: String, source: arrow_schema::ArrowError },
    #[error("{name}: has no column `{column}` ({})", it_has(columns))]
    MissingColumn { name: String, column: String, columns: Vec<String> },
    #[error("column `{column}`: expected {expected}, found {found}")]
    ColumnType { column: String, expected: &'static str, found: String },
    #[error("column `{column}`: vectors of {first} and of {other} numbers in one table")]
    RaggedVectors { column: String, first: usize, other: usize },
    #[error("{name}: row {row} has no key")]
    NullKey { name: String, row: u64 },
    #[error("{name}: two rows have the key {key}")]
    DuplicateKey { name: String, key: String },
    #[error("{name}: two columns are called `{column}`")]
    DuplicateColumn { name: String, column: String },
    #[error("{name}: is empty")]
    Empty { name: String },
    #[error("{second}: its columns differ from those of {first}: {difference}")]
    DifferentColumns { first: String, second: String, difference: String },
    #[error("tables and image files in one call: {}", path.display())]
    MixedInputs { path: PathBuf },
    #[error("-: standard input cannot be read beside other inputs")]
    StdinBesideOthers,
    #[error("{}: a run was not finished here", folder.display())]
    Unfinished { folder: PathBuf },
    #[error("{name}: was changed while it was read")]
    Changed { name: String },
    #[error("{name}: no image found")]
    NoImages { name: String },
    #[error("{name}: no film found")]
    NoFilms { name: String },
    #[error("{name}: this command reads a table, and this is {found}")]
    NeedsTable { name: String, found: String, hint: String },
    #[error("{}: {problem}", path.display())]
    Metadata { path: PathBuf, problem: String, hint: Option<String> },
    #[error("{name}: not a readable CSV: {problem}")]
    Csv { name: String, problem: String },
    #[error("{file}: neither this nor another name begins with a Pokédex number (1 to 1025) or is that of a species")]
    NoId { file: String },
    #[error(transparent)]
    Filter(#[from] crate::filter::Error),
    /// What made the rows while they were read, could not go on.
    #[error(transparent)]
    Stage(#[from] Box<crate::failure::Failure>),
}

crate::failure::hinted!(Error);

fn it_has(columns: &[String]) -> String {
    if columns.is_empty() { "nor any other".into() } else { format!("it has {}", columns.join(", ")) }
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Io(e) => e.hint(),
            Error::Filter(e) => e.hint(),
            Error::Stage(failure) => failure.hints.first().cloned(),
            Error::Unfinished { folder } => Some(format!(
                "run that command again, or delete {} to read the files as they are",
                folder.join(crate::io::JOURNAL).display()
            )),
            Error::Changed { .. } => Some("run this again when nobody writes there".into()),
            Error::NoImages { .. } => Some(
                "hidden files and what is no picture are skipped; name such a file itself to learn why it is none"
                    .into(),
            ),
            Error::NoFilms { .. } => Some(
                "hidden files and files without the extension of a film are skipped; name such a file itself to read it"
                    .into(),
            ),
            Error::MixedInputs { .. } => {
                Some("`pokedex scan FOLDER -o manifest.parquet` turns image files into a table".into())
            }
            Error::NeedsTable { hint, .. } => Some(hint.clone()),
            Error::Metadata { hint, .. } => hint.clone(),
            Error::Csv { .. } => Some("a CSV has a header line, and as many cells in every line".into()),
            Error::MissingColumn { column, .. } if column == column::EMBEDDING => Some(
                "`pokedex embed INPUT -o embeddings.parquet` adds it; another column is chosen by --vector-column"
                    .into(),
            ),
            Error::StdinBesideOthers => Some("write it to a file first: cat > piped.parquet".into()),
            Error::NullKey { .. } => {
                Some("give every row a key, or drop the column: paths or row numbers stand in for it".into())
            }
            Error::DuplicateKey { .. } => {
                Some("keys must be unique; scan the folders in one call, or rename rows".into())
            }
            Error::DuplicateColumn { .. } => Some("rename one of them".into()),
            Error::Empty { .. } => Some("did the command before it in the pipe fail?".into()),
            Error::ColumnType { column, .. } => Some(format!(
                "convert the column `{column}`, in DuckDB or pandas for example, or rename it if it means something else"
            )),
            Error::DifferentColumns { .. } => {
                Some("tables that are read as one must have the same columns; in DuckDB, `union all by name` of a select from each makes one table".into())
            }
            Error::MissingColumn { column, columns, .. } => Some(match crate::filter::nearest(column, columns) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "choose one of these columns, or make the table again with that one".into(),
            }),
            Error::Parquet { .. } | Error::Arrow { .. } => {
                Some("it may have been cut short or damaged: run the command that made it again".into())
            }
            Error::WriteParquet { .. } | Error::WriteArrow { .. } => {
                Some("is there room on the disk (and in TMPDIR)?".into())
            }
            Error::NoId { .. } => Some("--ids none reads no numbers from names".into()),
            Error::RaggedVectors { .. } => Some("a table holds the vectors of one model; embed the rows again".into()),
        }
    }
}
