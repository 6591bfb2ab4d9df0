//! Tables in the formats of other tools, data sets in the layouts of those that train, and pages without a server: which
//! row goes where, under what name, as what picture.
//!
//! Hides: the layouts of Ultralytics, torchvision, COCO, WebDataset and Hugging Face, and of the page; which names file
//! systems and those tools stumble over; how a run that was killed finds again what it made. Promises: names and class numbers follow from
//! the keys, ids and labels of the rows that are exported, not from their order; a manifest, written last, says of every row
//! where it is.
//!
//! [`stream`](fn@stream) writes a table, or its vectors, to one file. [`data_set`] writes its pictures to a folder: it looks at all rows,
//! plans what becomes of each, makes the pictures on several threads, and packs and lists them in the order of the rows.
//! [`site`](fn@site) writes a page that shows the table and searches it in the browser.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use pokedex::export::{DataSet, Options, data_set};
//! use pokedex::progress::Silent;
//! use pokedex::{Inputs, Work};
//!
//! let inputs = Inputs { paths: vec!["split.parquet".into()], ..Inputs::default() };
//! let options = Options { size: Some((224, 224)), ..Options::of(DataSet::Imagefolder) };
//! let tally = data_set(inputs, &options, Path::new("dataset"), &Work::default(), &mut Silent)?;
//! println!("{tally}");
//! # Ok::<(), pokedex::Failure>(())
//! ```

mod classes;
mod device;
mod folder;
mod layout;
mod make;
mod manifest;
mod options;
mod outcome;
mod picture;
mod plan;
mod site;
mod stream;
mod write;

pub use device::{Device, Target};
pub use folder::data_set;
pub use options::{Choice, DataSet, Options};
pub use picture::Fit;
pub use site::{SiteOptions, site};
pub use stream::{Format, Selection, stream};

use std::path::PathBuf;

use crate::{image, io, table};

/// Why a data set was not exported.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Table(#[from] table::Error),
    /// One row's fault.
    #[error(transparent)]
    Image(#[from] image::Error),
    #[error("{name}: no picture could be read")]
    NothingRead { name: String },
    #[error("{}: {problem}", path.display())]
    Model { path: PathBuf, problem: String },
    #[error("{name}: changed while it was read")]
    Changed { name: String },
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Io(e) => e.hint(),
            Error::Table(e) => e.hint(),
            Error::Image(_) => None,
            Error::NothingRead { .. } => Some(
                "paths in a table are relative to the working directory at the time of writing: run it from there"
                    .into(),
            ),
            Error::Model { .. } => Some("an ONNX model of one input, pixels, can be fixed to a shape".into()),
            Error::Changed { .. } => Some("run the export again when nothing writes to it".into()),
        }
    }
}
