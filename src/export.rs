//! Data sets in the layouts that training tools read: which row goes where, under what name, as what picture.
//!
//! Hides: the layouts of Ultralytics, torchvision, COCO, WebDataset and Hugging Face; which names file systems and those
//! tools stumble over; how a run that was killed finds again what it made. Promises: names and class numbers follow from
//! the keys, ids and labels of the rows that are exported, not from their order; a manifest, written last, says of every row where it is.
//!
//! A format is a [`Layout`]: what it says of a row is pure, what it writes into shards or one file for all rows it does
//! in the order of the rows.

pub mod classes;
pub mod coco;
pub mod edge;
pub mod huggingface;
pub mod imagefolder;
pub mod manifest;
pub mod picture;
pub mod plan;
pub mod vectors;
pub mod webdataset;
pub mod yolo;

pub use crate::io::Folder;
pub use classes::Classes;
pub use picture::{Made, Picture, Recipe};
pub use plan::{Place, Plan, Reason, Survey};

use std::path::PathBuf;

use crate::table::boxes::Bounds;
use crate::{image, io, table};

/// Why a data set was not exported.
#[derive(Debug, thiserror::Error)]
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

/// One picture of the data set, made and named.
#[derive(Debug)]
pub struct Item<'a> {
    pub place: &'a Place,
    pub key: &'a str,
    pub id: Option<i32>,
    pub label: Option<&'a str>,
    pub made: &'a Made,
    /// Its file, where it has one of its own.
    pub file: Option<&'a str>,
    /// The boxes of the row, moved along with the picture; `None`: nobody has looked.
    pub boxes: Option<&'a [Bounds]>,
}

/// Where the bytes of a picture lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// The file below the folder.
    pub file: String,
    /// Its name inside the file, where that holds several, and where its bytes begin.
    pub member: Option<(String, u64)>,
}

/// A format: what goes where.
pub trait Layout: Send + Sync {
    /// The file of a picture, where each has one of its own; `None` where they are packed together.
    fn file(&self, place: &Place, extension: &str) -> Option<String>;

    /// Folders of files that are no pictures.
    fn folders(&self) -> Vec<String> {
        Vec::new()
    }

    /// A text file that goes with a picture that has a file of its own.
    fn beside(&self, _item: &Item, _classes: &Classes) -> Option<(String, String)> {
        None
    }

    /// What is written in the order of the rows. `table` is the schema of the table without what no export keeps.
    ///
    /// # Errors
    /// Its files cannot be made.
    fn packer<'a>(&self, folder: &'a Folder, plan: &'a Plan, table: &arrow_schema::SchemaRef) -> Box<dyn Packer + 'a>;
}

/// Writes what several pictures share: shards, annotations, lists of classes.
pub trait Packer {
    /// Takes the next picture; `bytes` is empty where it lies in a file of its own already. `row` are its columns.
    ///
    /// # Errors
    /// A file cannot be written.
    fn take(&mut self, item: &Item, bytes: &[u8], row: &arrow_array::RecordBatch)
    -> Result<Option<Whereabouts>, Error>;

    /// Writes what is left.
    ///
    /// # Errors
    /// A file cannot be written.
    fn finish(self: Box<Self>) -> Result<Finished, Error>;
}

/// What a packer leaves behind.
#[derive(Debug, Default)]
pub struct Finished {
    /// Files that got another name at the end: the name in the [`Whereabouts`], and the final one.
    pub renamed: Vec<(String, String)>,
    /// What a reader of the format would stumble over.
    pub notes: Vec<String>,
}
