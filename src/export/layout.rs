//! What a layout is: what it says of a picture, and what it writes for all of them.
//!
//! What a layout says of a picture is pure; what it writes into shards or one file for all it does in the order of the rows.

pub(super) mod coco;
pub(super) mod edge;
pub(super) mod huggingface;
pub(super) mod imagefolder;
pub(super) mod webdataset;
pub(super) mod yolo;

use super::Error;
use super::classes::Classes;
use super::plan::{Place, Plan};
use crate::io::Folder;
use crate::output::made::Made;
use crate::table::boxes::Bounds;

/// One picture of the data set, made and named.
#[derive(Debug)]
pub(super) struct Item<'a> {
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
pub(super) struct Whereabouts {
    /// The file below the folder.
    pub file: String,
    /// Its name inside the file, where that holds several, and where its bytes begin.
    pub member: Option<(String, u64)>,
}

/// A format: what goes where.
pub(super) trait Layout: Send + Sync {
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
pub(super) trait Packer {
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
pub(super) struct Finished {
    /// Files that got another name at the end: the name in the [`Whereabouts`], and the final one.
    pub renamed: Vec<(String, String)>,
    /// What a reader of the format would stumble over.
    pub notes: Vec<String>,
}
