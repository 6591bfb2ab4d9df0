//! The work: rows are handed on, copies are named and made.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::copy::{Augmenter, Picture};
use super::earlier::PICTURES;
use super::partners::Partners;
use super::plan::Share;
use super::rows::{self, New};
use crate::failure::Failure;
use crate::image::{self, Encoding};
use crate::io::{Folder, escape_bytes};
use crate::stage::{Done, Skipped};
use crate::table::boxes::{Bounds, Boxes};
use crate::table::column::{self, read_hashes};
use crate::table::{Images, Table};

/// Copies of one picture that are made and held at a time.
const COPIES_AT_ONCE: usize = 8;

/// A piece of work: rows that are handed on, or some copies of one.
pub(super) struct Item {
    batch: RecordBatch,
    /// Whether the rows themselves are written.
    keep: bool,
    /// The number of its first row in the table.
    row: usize,
    copies: Vec<Copy>,
    /// Whether it is the one to say what is wrong with the picture.
    is_first: bool,
}

/// A copy to be made.
struct Copy {
    number: u32,
    key: Box<str>,
}

/// Turns rows into pieces of work, and names the copies.
pub(super) struct Planner {
    /// The keys of all copies, in their order.
    pub keys: std::vec::IntoIter<Box<str>>,
    /// Whether the rows themselves are written.
    pub keep: bool,
}

impl Planner {
    /// The pieces of work, in the order of the rows.
    pub(super) fn items(
        mut self,
        table: Table,
        shares: Arc<Vec<Share>>,
    ) -> impl Iterator<Item = Result<Item, Failure>> {
        let mut start = 0;
        table.flat_map(move |batch| {
            let items = batch.map(|batch| {
                let own = &shares[start..start + batch.num_rows()];
                let items = self.items_of(&batch, own, start);
                start += batch.num_rows();
                items
            });
            match items {
                Ok(items) => items.into_iter().map(Ok).collect(),
                Err(e) => vec![Err(e.into())],
            }
        })
    }

    fn items_of(&mut self, batch: &RecordBatch, shares: &[Share], start: usize) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut passed = 0;
        let pass = |items: &mut Vec<Item>, from: usize, to: usize| {
            if self.keep && to > from {
                let batch = batch.slice(from, to - from);
                items.push(Item { batch, keep: true, row: start + from, copies: Vec::new(), is_first: false });
            }
        };
        for (row, share) in shares.iter().enumerate().filter(|(_, share)| share.count > 0) {
            pass(&mut items, passed, row);
            passed = row + 1;
            let numbers: Vec<u32> = (share.first..share.first + share.count).collect();
            for (n, numbers) in numbers.chunks(COPIES_AT_ONCE).enumerate() {
                let copies = numbers.iter().zip(&mut self.keys).map(|(&number, key)| Copy { number, key }).collect();
                let batch = batch.slice(row, 1);
                items.push(Item { batch, keep: self.keep && n == 0, row: start + row, copies, is_first: n == 0 });
            }
        }
        pass(&mut items, passed, shares.len());
        items
    }
}

/// Makes the copies.
pub(crate) struct Maker {
    augmenter: Arc<Augmenter>,
    partners: Arc<Partners>,
    encoding: Encoding,
    /// Where copies go; `None` puts them into the table.
    folder: Option<Arc<Folder>>,
    /// The rows whose pictures could not be read.
    lost: Mutex<Vec<usize>>,
}

impl Maker {
    /// Makes copies of this encoding, into the table or into a folder.
    pub(super) fn new(
        augmenter: Arc<Augmenter>,
        partners: Arc<Partners>,
        encoding: Encoding,
        folder: Option<Arc<Folder>>,
    ) -> Maker {
        Maker { augmenter, partners, encoding, folder, lost: Mutex::default() }
    }

    /// The numbers of the rows whose pictures could not be read.
    pub(super) fn lost(&self) -> Vec<usize> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the copies of a piece, and lays it out as rows.
    ///
    /// # Errors
    /// The rows lack what is needed, or a copy cannot be encoded or written.
    pub(super) fn make(&self, item: &Item, schema: &SchemaRef) -> Result<Done, Failure> {
        let Item { batch, keep, copies, .. } = item;
        if copies.is_empty() {
            return Ok(Done {
                batch: rows::assemble(batch, *keep, None, &[], schema)?,
                skipped: Vec::new(),
                flawed: Vec::new(),
            });
        }
        let images = Images::of(batch)?;
        let boxes = Boxes::of(batch)?.and_then(|boxes| boxes.get(0));
        let recorded = read_hashes(batch, column::CONTENT_HASH)?[0];
        let made = images.read(0).and_then(|bytes| {
            let content = *blake3::hash(&bytes).as_bytes();
            if recorded.is_some_and(|recorded| recorded != content) {
                return Err("the file has changed since its content_hash was written".to_string());
            }
            let picture = self.augmenter.decode(&bytes).map_err(|e| e.to_string())?;
            Ok((picture, content))
        });
        let (picture, content) = match made {
            Ok(made) => made,
            Err(problem) => {
                let batch = rows::assemble(batch, *keep, Some(&problem), &[], schema)?;
                let mut skipped = Vec::new();
                if item.is_first {
                    self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(item.row);
                    skipped.push(Skipped { key: images.key(0).into(), problem });
                }
                return Ok(Done { batch, skipped, flawed: Vec::new() });
            }
        };
        let flaw = picture.flaw.as_ref().filter(|_| item.is_first).map(ToString::to_string);
        let flawed = flaw.map(|problem| Skipped { key: images.key(0).into(), problem }).into_iter().collect();
        let new = copies.iter().map(|copy| self.copy(&picture, &content, boxes.as_deref(), copy));
        let new = new.collect::<Result<Vec<_>, Failure>>()?;
        Ok(Done { batch: rows::assemble(batch, *keep, None, &new, schema)?, skipped: Vec::new(), flawed })
    }

    fn copy(
        &self,
        picture: &Picture,
        parent: &[u8; 32],
        boxes: Option<&[Bounds]>,
        copy: &Copy,
    ) -> Result<New, Failure> {
        let made = self.augmenter.copy(picture, parent, boxes, copy.number, &self.partners);
        let bytes = image::encode(&made.picture, self.encoding).map_err(|e| {
            Failure::failed(format!("{}: {e}", copy.key), Some("choose another --encode or --size".into()))
        })?;
        let content = *blake3::hash(&bytes).as_bytes();
        let path = match &self.folder {
            None => None,
            Some(folder) => {
                let file = format!("{PICTURES}/{}", copy.key);
                folder.put(&file, &bytes, &content, "")?;
                Some(escape_bytes(folder.join(&file).as_os_str().as_encoded_bytes()))
            }
        };
        Ok(New {
            key: copy.key.to_string(),
            bytes: path.is_none().then_some(bytes),
            path,
            width: made.picture.width,
            height: made.picture.height,
            content,
            parent: *parent,
            augmentation: serde_json::to_string(&made.draw).expect("numbers and texts"),
            boxes: made.boxes,
        })
    }
}
