//! Making an index of a table of vectors, and saying what an index is.
//!
//! Hides: which files lie beside an index's table, when they may be replaced, and how they get their names. Promises: all
//! vectors of an index are of one model and of length 1, no key occurs twice, rows are in the order of their keys; a file
//! that is no index's is never replaced; no file of an index has its name before all are whole. What searches it is
//! [`index`](crate::index).
//!
//! A [`Maker`] makes an index of files, [`temporary`] one that nobody sees; [`Info`] says what is in one.
//!
//! ```
//! use ndarray::array;
//! use pokedex::index::Kind;
//! use pokedex::indexing::{Maker, Options};
//! use pokedex::io::Sink;
//! use pokedex::progress::Silent;
//! use pokedex::query::{self, Session};
//! use pokedex::table::{StreamFormat, Writer};
//! use pokedex::{Table, Work};
//!
//! let folder = tempfile::tempdir()?;
//! let output = folder.path().join("index.parquet");
//! let vectors = array![[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]];
//! let table = Table::of_vectors("mine", ["east", "between", "north"], vectors.view())?;
//!
//! let options = Options { model: Some("unknown".into()), kind: Some(Kind::Exact), ..Options::default() };
//! let maker = Maker::new(options, table, &[], Some(&output))?;
//! let sink = Sink::create(&output)?;
//! let made = maker.make(
//!     &Work::default(),
//!     |schema, footer| Ok(Writer::new(sink, schema, footer, StreamFormat::Parquet)?),
//!     &mut Silent,
//! )?;
//! assert_eq!((made.vectors, made.dimension), (3, 2));
//!
//! let session = Session::open(&output, &query::Options::default(), &Silent)?;
//! assert!(session.compares_directions());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod files;
mod info;
mod make;

pub use info::Info;
pub use make::{Made, Maker, temporary};

use std::num::NonZeroUsize;

use crate::index::Kind;
use crate::table::column;

/// What is kept in an index, and what makes searching it quick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Columns that are kept beside keys, ids, labels and paths: their names, or `all`.
    pub columns: Vec<String>,
    /// The column that holds the vectors.
    pub vector_column: String,
    /// The model that made the vectors, for tables that do not say; `unknown`: nobody knows, and only stored rows can be
    /// asked for.
    pub model: Option<String>,
    /// What makes searching quick; `None`: what suits the number of rows.
    pub kind: Option<Kind>,
    /// Annoy's trees.
    pub trees: NonZeroUsize,
    /// Seed of Annoy's planes.
    pub seed: u64,
    /// Neighbours of a row in a graph.
    pub degree: usize,
    /// Measure, on a thousand rows, how many of the ten nearest an approximate kind finds, and note it in the index. Of a
    /// graph it is always measured, on fewer rows.
    pub check_recall: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            columns: Vec::new(),
            vector_column: column::EMBEDDING.into(),
            model: None,
            kind: None,
            trees: NonZeroUsize::new(10).expect("not zero"),
            seed: 0,
            degree: 48,
            check_recall: false,
        }
    }
}
