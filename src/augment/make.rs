//! The work: rows are handed on, copies are named and made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::copy::{Augmenter, Picture, Shown};
use super::draw::{Backdrop, Draw};
use super::earlier::{Notes, PICTURES};
use super::partners::Partners;
use super::plan::Share;
use super::rows::{self, Facts, New};
use crate::failure::Failure;
use crate::image::{self, Encoding};
use crate::io::{Folder, escape_bytes};
use crate::stage::{Done, Skipped};
use crate::table::boxes::Boxes;
use crate::table::column::{self, read_hashes};
use crate::table::soft_labels::Shows;
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
    /// What a run that was killed noted of the copies that it made.
    notes: Notes,
    /// How many copies of that run were taken over.
    found: AtomicU64,
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
        notes: Notes,
    ) -> Maker {
        Maker { augmenter, partners, encoding, folder, notes, found: AtomicU64::new(0), lost: Mutex::default() }
    }

    /// How many copies of a run that was killed were taken over.
    pub(super) fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
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
        let labels = Shows::of(batch)?.get(0);
        let recorded = read_hashes(batch, column::CONTENT_HASH)?[0];
        let mut known = Vec::new();
        let made = images.read(0).and_then(|bytes| {
            let content = *blake3::hash(&bytes).as_bytes();
            if recorded.is_some_and(|recorded| recorded != content) {
                return Err("the file has changed since its content_hash was written".to_string());
            }
            let shown = Shown { content: &content, boxes: boxes.as_deref(), labels: &labels };
            known = copies.iter().map(|copy| self.known(shown, copy)).collect();
            // What was made before is decoded for nothing.
            let picture = match known.iter().all(Option::is_some) {
                true => None,
                false => Some(self.augmenter.decode(&bytes).map_err(|e| e.to_string())?),
            };
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
        let flaw = picture
            .as_ref()
            .and_then(|picture| picture.flaw.as_ref())
            .filter(|_| item.is_first)
            .map(ToString::to_string);
        let flawed = flaw.map(|problem| Skipped { key: images.key(0).into(), problem }).into_iter().collect();
        let shown = Shown { content: &content, boxes: boxes.as_deref(), labels: &labels };
        let new = copies.iter().zip(known).map(|(copy, known)| match (known, &picture) {
            (Some(known), _) => Ok(known),
            (None, picture) => self.copy(picture.as_ref().expect("decoded where one is unknown"), shown, copy),
        });
        let new = new.collect::<Result<Vec<_>, Failure>>()?;
        Ok(Done { batch: rows::assemble(batch, *keep, None, &new, schema)?, skipped: Vec::new(), flawed })
    }

    fn copy(&self, picture: &Picture, shown: Shown, copy: &Copy) -> Result<New, Failure> {
        let made = self.augmenter.copy(picture, shown, copy.number, &self.partners);
        let bytes = image::encode(&made.picture, self.encoding).map_err(|e| {
            Failure::failed(format!("{}: {e}", copy.key), Some("choose another --encode or --size".into()))
        })?;
        let content = *blake3::hash(&bytes).as_bytes();
        let facts = Facts {
            width: made.picture.width,
            height: made.picture.height,
            augmentation: serde_json::to_string(&made.draw).expect("numbers and texts"),
            strength: made.draw.strength.unwrap_or(1.0) as f32,
            boxes: made.boxes,
            labels: made.labels,
        };
        let path = match &self.folder {
            None => None,
            Some(folder) => {
                let file = format!("{PICTURES}/{}", copy.key);
                // What is wrong with a picture has to be said again, and a picture behind it may be another next time.
                let is_repeatable = picture.flaw.is_none() && !shows_a_file(&made.draw);
                let note = if is_repeatable { Notes::line(&self.origin(shown), &facts) } else { String::new() };
                folder.put(&file, &bytes, &content, &note)?;
                Some(path(folder, &file))
            }
        };
        let bytes = path.is_none().then_some(bytes);
        Ok(New { key: copy.key.to_string(), bytes, path, content, parent: *shown.content, facts })
    }

    /// A copy that a run which was killed has made, from the same, and that is still there.
    fn known(&self, shown: Shown, copy: &Copy) -> Option<New> {
        let folder = self.folder.as_ref().filter(|_| !self.notes.is_empty())?;
        let file = format!("{PICTURES}/{}", copy.key);
        let (content, facts) = self.notes.get(&file, &self.origin(shown))?;
        folder.has(&file, &content)?;
        folder.keep(&file);
        self.found.fetch_add(1, Ordering::Relaxed);
        let path = Some(path(folder, &file));
        Some(New { key: copy.key.to_string(), bytes: None, path, content, parent: *shown.content, facts })
    }

    /// What a copy follows from beside the settings and its number, in short.
    fn origin(&self, shown: Shown) -> String {
        let Shown { content, boxes, labels } = shown;
        let mut hasher = blake3::Hasher::new();
        hasher.update(content).update(self.partners.identity());
        hasher.update(format!("{boxes:?} {labels:?}").as_bytes());
        hasher.finalize().to_hex()[..32].into()
    }
}

fn path(folder: &Folder, file: &str) -> String {
    escape_bytes(folder.join(file).as_os_str().as_encoded_bytes())
}

/// Whether a copy has pixels of a file that is in no table.
fn shows_a_file(draw: &Draw) -> bool {
    let surface = draw.card.table.as_ref().map(|lying| &lying.surface);
    draw.background.iter().chain(surface).any(|backdrop| matches!(backdrop, Backdrop::Picture { .. }))
}
