//! The pictures of a layout as a table: each is described when its row is read.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Schema, SchemaRef};

use crate::io::{self, Listing};
use crate::notes;
use crate::species;
use crate::table::boxes::{self, Bounds};
use crate::table::ids::{IdSource, number};
use crate::table::split::Split;
use crate::table::{Error, Table, column};

/// What the numbers of boxes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// Parts of the picture, 0 to 1.
    Parts,
    /// Pixels: the picture is opened for its size.
    Pixels,
}

/// A picture, as far as its place tells.
#[derive(Debug)]
pub(super) struct Stub {
    pub(super) key: String,
    pub(super) path: PathBuf,
    pub(super) split: Option<Split>,
    pub(super) id: Option<i32>,
    /// Its number for `describe`; none where the layout does not know it.
    pub(super) number: Option<usize>,
}

/// What a layout says of a picture.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) id: Option<i32>,
    pub(super) label: Option<String>,
    /// Width and height, where the layout says them.
    pub(super) size: Option<(u32, u32)>,
    /// `None`: nobody has looked.
    pub(super) boxes: Option<Vec<Bounds>>,
    /// Whether somebody has, and be it in vain.
    pub(super) labelled: bool,
}

/// Says what the layout knows of a picture, by its number.
pub(super) type Describe = dyn FnMut(usize, &Stub) -> Facts + Send;

/// The pictures of a layout, described one after the other.
pub(super) struct Pictures {
    pub(super) stubs: Vec<Stub>,
    pub(super) have_boxes: bool,
    pub(super) describe: Box<Describe>,
    /// What is found when all were described.
    pub(super) finish: Box<dyn FnMut() + Send>,
}

impl Pictures {
    pub(super) fn new(have_boxes: bool, describe: impl FnMut(usize, &Stub) -> Facts + Send + 'static) -> Pictures {
        Pictures { stubs: Vec::new(), have_boxes, describe: Box::new(describe), finish: Box::new(|| {}) }
    }

    pub(super) fn push(&mut self, key: String, path: PathBuf, split: Option<Split>) {
        let number = Some(self.stubs.len());
        self.stubs.push(Stub { key, path, split, id: None, number });
    }

    /// Adds pictures that the layout does not know; then all stand in the order of a listing.
    pub(super) fn add(&mut self, listing: &Listing) {
        let known: HashSet<&str> = self.stubs.iter().map(|stub| stub.key.as_str()).collect();
        let others: Vec<Stub> = listing
            .entries()
            .iter()
            .map(|entry| (listing.key(entry), entry))
            .filter(|(key, _)| !known.contains(key.as_str()))
            .map(|(key, entry)| Stub { key, path: listing.path(entry), split: None, id: None, number: None })
            .collect();
        self.stubs.extend(others);
        self.stubs.sort_by(|a, b| a.key.cmp(&b.key));
        // A list may name a picture twice.
        self.stubs.dedup_by(|a, b| a.key == b.key);
    }

    /// Numbers the pictures by their names, where that is asked for, or where they all have numbers and no classes.
    pub(super) fn number(&mut self, listing: &Listing, ids: IdSource) -> Result<(), Error> {
        let source = match ids {
            IdSource::None => return Ok(()),
            ids => ids.resolve(listing)?,
        };
        let numbers: HashMap<String, i32> = listing
            .entries()
            .iter()
            .filter_map(|entry| Some((listing.key(entry), source.of(listing, entry)?)))
            .collect();
        self.stubs.iter_mut().for_each(|stub| stub.id = numbers.get(&stub.key).copied());
        Ok(())
    }

    /// The table of the pictures.
    pub(super) fn table(mut self, folder: &Path, frame: Frame) -> Table {
        let mut fields = vec![
            column::key_field(),
            column::field(column::PATH, DataType::Utf8),
            column::field(column::ID, DataType::Int32),
            column::field(column::LABEL, DataType::Utf8),
            column::field(column::SPLIT, DataType::Utf8),
        ];
        fields.extend(self.have_boxes.then(boxes::field));
        // What a layout says of sizes is a claim, to be held against the pictures.
        if frame == Frame::Parts {
            fields.extend([column::WIDTH, column::HEIGHT].map(|name| column::field(name, DataType::UInt32)));
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let rows = self.stubs.len();
        let batch_schema = schema.clone();
        let mut at = 0;
        let batches = std::iter::from_fn(move || {
            let some = self.stubs.get(at..rows.min(at + BATCH_ROWS)).filter(|some| !some.is_empty());
            let Some(some) = some else {
                (self.finish)();
                return None;
            };
            at += some.len();
            let describe = &mut self.describe;
            let facts: Vec<Facts> = some
                .iter()
                .map(|stub| stub.number.map_or_else(Facts::default, |number| describe(number, stub)))
                .collect();
            // A number in a picture's name is that of its class only where the class is called so.
            let id = |(stub, facts): (&Stub, &Facts)| {
                let is_its = |id: &i32| match facts.label.as_deref() {
                    None => facts.boxes.is_none(),
                    Some(label) => species::name(*id) == Some(label) || number(label) == Some(*id),
                };
                facts.id.or(stub.id.filter(is_its))
            };
            let label = |pair: (&Stub, &Facts)| match id(pair) {
                Some(id) => species::name(id).map(str::to_string),
                None => pair.1.label.clone(),
            };
            let all = || some.iter().zip(&facts);
            let path = |stub: &Stub| io::escape_bytes(stub.path.as_os_str().as_encoded_bytes());
            let mut columns: Vec<ArrayRef> = vec![
                Arc::new(StringArray::from_iter_values(some.iter().map(|stub| &stub.key))),
                Arc::new(StringArray::from_iter_values(some.iter().map(path))),
                Arc::new(all().map(id).collect::<Int32Array>()),
                Arc::new(all().map(label).collect::<StringArray>()),
                Arc::new(some.iter().map(|stub| stub.split.map(Split::name)).collect::<StringArray>()),
            ];
            if self.have_boxes {
                columns.push(boxes::array(facts.iter().map(|facts| facts.boxes.as_deref())));
            }
            if frame == Frame::Parts {
                let side = |side: fn((u32, u32)) -> u32| -> ArrayRef {
                    Arc::new(facts.iter().map(|facts| facts.size.map(side)).collect::<UInt32Array>())
                };
                columns.extend([side(|size| size.0), side(|size| size.1)]);
            }
            Some(Ok(RecordBatch::try_new(batch_schema.clone(), columns).expect("the columns of the schema above")))
        });
        Table::new(folder.display().to_string(), schema, Some(rows as u64), Box::new(batches))
    }
}

const BATCH_ROWS: usize = 256;

/// Says of labels that are more than boxes what becomes of them.
pub(super) fn say_outlined(folder: &str, count: u64, what: &str) {
    if count > 0 {
        let line = format!("{folder}: {count} labels are {what}: their boxes are read, and no more of them");
        notes::say(&format!("{folder} outlines"), line);
    }
}
