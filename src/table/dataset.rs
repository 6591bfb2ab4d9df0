//! A folder that `export` or `augment` wrote, read back: the rows of its manifest, with their pictures.
//!
//! Hides: how each format keeps pictures (files, members of tar shards, rows of Parquet shards). Promises: keys, ids,
//! labels and splits are those of the table that was exported; pictures that somebody put into the folder since are rows
//! of their own; one that is gone, or lies where it should not, is for its reader to name; a folder that an export has
//! not finished is never taken for one that is whole; memory is bounded.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray, StructArray, new_null_array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

pub use super::dialect::FOLDER;
use super::images::picture_in;
pub use super::source::folder_of;
use super::source::is_table;
use super::{Error, Images, Source, Table, column};
use crate::io::{self, JOURNAL, Listing, lies_below};

/// The manifest's name in the folder.
pub const MANIFEST: &str = "manifest.parquet";
/// The footer's key for what augmented the pictures.
const AUGMENT: &str = "augment";
/// The footer's key for the format and what it was told.
pub const EXPORT: &str = "export";
/// The footer's key for the files beside those of the pictures: one a line, after the BLAKE3 of its bytes.
pub const FILES: &str = "export_files";
/// The file below the folder that the picture is, or lies in.
pub const FILE: &str = "file";
/// The picture's name inside that file, where it is a tar shard.
pub const MEMBER: &str = "member";
/// Where its bytes begin.
pub const OFFSET: &str = "offset";
/// How many there are.
pub const LENGTH: &str = "length";
/// The text file that goes with the picture.
pub const LABEL_FILE: &str = "label_file";
/// The BLAKE3 of that.
pub const LABEL_HASH: &str = "label_hash";

/// The columns that are the manifest's own.
pub const OWN: &[&str] = &[FILE, MEMBER, OFFSET, LENGTH, LABEL_FILE, LABEL_HASH];

/// Rows of a batch with pictures, and without.
const IMAGE_BATCH_ROWS: usize = 16;
const BATCH_ROWS: usize = 256;
/// Pictures of so many bytes are a batch.
const BATCH_BYTES: u64 = 32 << 20;

/// Whether a folder is a data set that `export` wrote, to its end.
pub fn is_one(folder: &Path) -> bool {
    matches!(manifest(folder), Ok(Some(manifest)) if is_export(&manifest))
}

/// The rows of a folder that `export` or `augment` wrote; `None` of any other. Pictures in the folder `except`, which is
/// being written, are none of its own.
///
/// # Errors
/// An export was not finished there, or the manifest cannot be read.
pub(super) fn find(folder: &Path, except: Option<&Path>) -> Result<Option<Table>, Error> {
    match manifest(folder)? {
        Some(manifest) if is_export(&manifest) => open(folder, except).map(Some),
        // Its paths are those that `augment` was given, and may have been carried elsewhere with it.
        Some(manifest) if manifest.provenance.get(AUGMENT).is_some() && manifest.has(column::PATH) => {
            Source::open(&folder.join(MANIFEST), "")?.table(None).map(Some)
        }
        _ => Ok(None),
    }
}

/// Whether no run is under way in a folder, or was killed there.
///
/// # Errors
/// One is, or was.
pub(super) fn require_finished(folder: &Path) -> Result<(), Error> {
    if folder.join(JOURNAL).is_file() { Err(Error::Unfinished { folder: folder.into() }) } else { Ok(()) }
}

/// The table that a folder has for a manifest, whoever wrote it.
fn manifest(folder: &Path) -> Result<Option<Table>, Error> {
    require_finished(folder)?;
    // A pipe of that name is none: who waits for it waits for ever.
    let manifest = folder.join(MANIFEST);
    let start = io::open_file(&manifest).and_then(|file| io::At::new(file)?.part(0, 8));
    if start.is_ok_and(|start| is_table(&start)) { Table::found(&manifest, None).map(Some) } else { Ok(None) }
}

fn is_export(manifest: &Table) -> bool {
    manifest.provenance.get(EXPORT).is_some() && manifest.has(FILE) && manifest.has(column::KEY)
}

/// The manifest of an earlier run of a command, for who writes the folder again; `None` where it is another table.
pub fn record(manifest: &Path, command: &str) -> Option<Table> {
    (folder_of(manifest)? == command).then(|| Table::found(manifest, None).ok()).flatten()
}

/// The rows of a data set.
///
/// # Errors
/// Its manifest cannot be read.
fn open(folder: &Path, except: Option<&Path>) -> Result<Table, Error> {
    let manifest = Table::found(&folder.join(MANIFEST), None)?;
    let name = folder.display().to_string();
    let packed = manifest.has(MEMBER);
    let mut fields: Vec<Arc<Field>> =
        vec![column::key_field().into(), column::field(column::PATH, DataType::Utf8).into()];
    if packed {
        fields.push(column::image_field().into());
    }
    let replaced = |name: &str| OWN.contains(&name) || [column::KEY, column::PATH, column::IMAGE].contains(&name);
    // Whatever the table was, a picture that was added since has nothing but a name.
    let others = manifest.schema.fields().iter().filter(|f| !replaced(f.name()));
    fields.extend(others.map(|f| Arc::new(f.as_ref().clone().with_nullable(true))));
    let schema: SchemaRef = Arc::new(Schema::new(fields));

    let (rows, mut provenance) = (manifest.rows, manifest.provenance.clone());
    provenance.0.retain(|key, _| ![EXPORT, FILES].iter().any(|own| key == &format!("pokedex.{own}")));
    let mut reader = Reader {
        folder: folder.into(),
        except: except.map(Path::to_path_buf),
        schema: schema.clone(),
        packed,
        known: HashSet::new(),
        shards: Shards::default(),
    };
    let mut batches = manifest.flat_map(move |batch| {
        let rows = if packed { IMAGE_BATCH_ROWS } else { BATCH_ROWS };
        let pieces: Vec<Result<RecordBatch, Error>> = match batch {
            Ok(batch) => pieces(&batch, rows).into_iter().map(|(at, rows)| Ok(batch.slice(at, rows))).collect(),
            Err(e) => vec![Err(e)],
        };
        pieces
    });
    let mut strangers: Option<Box<dyn Iterator<Item = RecordBatch> + Send>> = None;
    let all = std::iter::from_fn(move || {
        if let Some(batch) = batches.next() {
            return Some(batch.and_then(|batch| reader.read(&batch)));
        }
        if strangers.is_none() {
            match reader.strangers() {
                Ok(found) => strangers = Some(found),
                Err(e) => {
                    strangers = Some(Box::new(std::iter::empty()));
                    return Some(Err(e));
                }
            }
        }
        strangers.as_mut()?.next().map(Ok)
    });
    let mut table = Table::new(name, schema, rows, Box::new(all));
    table.provenance = provenance;
    Ok(table)
}

/// Where a batch is cut: at so many rows, and at so many bytes of pictures.
fn pieces(batch: &RecordBatch, most: usize) -> Vec<(usize, usize)> {
    let lengths = batch.column_by_name(LENGTH).and_then(|column| arrow_cast::cast(column, &DataType::UInt64).ok());
    let lengths = lengths.as_ref().map(|column| column.as_primitive::<arrow_array::types::UInt64Type>());
    let side = |name: &str| column::ints(batch, name).ok().flatten();
    let (widths, heights) = (side(column::WIDTH), side(column::HEIGHT));
    let pixels =
        |side: &Option<Int32Array>, i: usize| side.as_ref().map_or(0, |s| u64::from(s.value(i).unsigned_abs()));
    // Of rows of Parquet shards only the pixels are known.
    let packed = batch.column_by_name(MEMBER).is_some();
    let length = |i: usize| match lengths.filter(|lengths| lengths.is_valid(i)) {
        Some(lengths) => lengths.value(i),
        None if packed => pixels(&widths, i).saturating_mul(pixels(&heights, i)).saturating_mul(4),
        None => 0,
    };
    let (mut pieces, mut from, mut bytes) = (Vec::new(), 0, 0u64);
    for i in 0..batch.num_rows() {
        if i > from && (i - from == most || bytes.saturating_add(length(i)) > BATCH_BYTES) {
            pieces.push((from, i - from));
            (from, bytes) = (i, 0);
        }
        bytes = bytes.saturating_add(length(i));
    }
    pieces.extend((batch.num_rows() > from).then(|| (from, batch.num_rows() - from)));
    pieces
}

/// Reads the rows of a manifest.
struct Reader {
    folder: PathBuf,
    except: Option<PathBuf>,
    schema: SchemaRef,
    packed: bool,
    /// Files that the manifest knows, by the hashes of their names.
    known: HashSet<u64>,
    shards: Shards,
}

impl Reader {
    fn read(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let none = || StringArray::new_null(batch.num_rows());
        let keys = column::text(batch, column::KEY)?.unwrap_or_else(none);
        let files = column::text(batch, FILE)?.unwrap_or_else(none);
        if let Some(row) = (0..keys.len()).find(|&row| keys.is_null(row)) {
            return Err(Error::NullKey { name: self.folder.join(MANIFEST).display().to_string(), row: row as u64 });
        }
        let file = |i: usize| Some(files.value(i)).filter(|file| files.is_valid(i) && lies_below(file));
        self.known.extend((0..batch.num_rows()).filter_map(file).map(hash));
        let path = |file: &Path| io::escape_bytes(self.folder.join(file).as_os_str().as_encoded_bytes());
        let mut new: Vec<(&str, ArrayRef)> = vec![(column::KEY, Arc::new(keys.clone()))];
        if self.packed {
            let members = column::text(batch, MEMBER)?;
            let numbers = |name: &str| -> Result<Option<ArrayRef>, Error> {
                let column = batch.column_by_name(name);
                Ok(column.and_then(|column| arrow_cast::cast(column, &DataType::UInt64).ok()))
            };
            let (offsets, lengths) = (numbers(OFFSET)?, numbers(LENGTH)?);
            let number = |column: &Option<ArrayRef>, i: usize| {
                let column = column.as_ref()?.as_primitive::<arrow_array::types::UInt64Type>();
                column.is_valid(i).then(|| column.value(i))
            };
            let (mut pictures, mut names, mut paths) = (Vec::new(), Vec::new(), Vec::new());
            for i in 0..batch.num_rows() {
                let member = members.as_ref().filter(|m| m.is_valid(i)).map(|m| m.value(i));
                let picture = file(i).and_then(|file| match number(&offsets, i).zip(number(&lengths, i)) {
                    Some((offset, length)) => self.shards.bytes(&self.folder.join(file), offset, length),
                    None => self.shards.next_row(&self.folder.join(file)),
                });
                let name = member.unwrap_or(keys.value(i)).to_string();
                // Where the picture cannot be read, its path says where it should be.
                paths.push(picture.is_none().then(|| file(i).map(|file| path(&Path::new(file).join(&name)))).flatten());
                names.push(picture.is_some().then_some(name));
                pictures.push(picture);
            }
            new.push((column::IMAGE, images(&pictures, names)));
            new.push((column::PATH, Arc::new(StringArray::from(paths))));
        } else {
            let paths: StringArray = (0..batch.num_rows()).map(|i| file(i).map(|file| path(Path::new(file)))).collect();
            new.push((column::PATH, Arc::new(paths)));
        }
        Ok(column::put(batch, &self.schema, &new))
    }

    /// Rows of pictures that the manifest does not know.
    fn strangers(&self) -> Result<Box<dyn Iterator<Item = RecordBatch> + Send>, Error> {
        let listing = Listing::of_all_but(std::slice::from_ref(&self.folder), self.except.as_deref())?;
        let unknown: Vec<(String, String)> = listing
            .entries()
            .iter()
            .map(|entry| (listing.key(entry), entry))
            .filter(|(key, _)| !self.known.contains(&hash(key)))
            .map(|(key, entry)| (key, io::escape_bytes(listing.path(entry).as_os_str().as_encoded_bytes())))
            .collect();
        let schema = self.schema.clone();
        let starts = (0..unknown.len()).step_by(BATCH_ROWS);
        Ok(Box::new(starts.map(move |at| {
            let rows = &unknown[at..unknown.len().min(at + BATCH_ROWS)];
            let columns = schema.fields().iter().map(|field| -> ArrayRef {
                match field.name().as_str() {
                    column::KEY => Arc::new(StringArray::from_iter_values(rows.iter().map(|(key, _)| key))),
                    column::PATH => Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, path)| path))),
                    _ => new_null_array(field.data_type(), rows.len()),
                }
            });
            RecordBatch::try_new(schema.clone(), columns.collect()).expect("all columns but the key may be null")
        })))
    }
}

/// A column `image`.
fn images(pictures: &[Option<Vec<u8>>], names: Vec<Option<String>>) -> ArrayRef {
    let DataType::Struct(fields) = column::image_field().data_type().clone() else { unreachable!("it is a struct") };
    let bytes: BinaryArray = pictures.iter().map(|picture| picture.as_deref()).collect();
    let valid = NullBuffer::from_iter(pictures.iter().map(Option::is_some));
    Arc::new(StructArray::new(fields, vec![Arc::new(bytes), Arc::new(StringArray::from(names))], Some(valid)))
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Shards that are being read: the tar that was last looked at, and one Parquet file for each split.
#[derive(Default)]
struct Shards {
    tar: HashMap<PathBuf, File>,
    rows: HashMap<PathBuf, Option<Rows>>,
}

/// The rows of a Parquet shard, one after the other.
struct Rows {
    table: Table,
    batch: Option<RecordBatch>,
    at: usize,
}

/// So many shards are open at a time: a few for each split.
const MOST_OPEN: usize = 8;

impl Shards {
    /// A part of a file.
    fn bytes(&mut self, path: &Path, offset: u64, length: u64) -> Option<Vec<u8>> {
        if !self.tar.contains_key(path) {
            if self.tar.len() >= MOST_OPEN {
                self.tar.clear();
            }
            self.tar.insert(path.into(), io::open_file(path).ok()?);
        }
        picture_in(self.tar.get(path)?, offset, length).ok()
    }

    /// The picture of the next row of a Parquet file: a manifest names the rows of each file in their order.
    fn next_row(&mut self, path: &Path) -> Option<Vec<u8>> {
        if !self.rows.contains_key(path) {
            if self.rows.len() >= MOST_OPEN {
                // What was read to its end is not asked for again.
                self.rows.retain(|_, rows| rows.is_some());
            }
            let open = || {
                let table = Table::found(path, Some(&|name| name == column::IMAGE)).ok()?;
                table.has(column::IMAGE).then(|| Rows { table: table.with_keys(), batch: None, at: 0 })
            };
            self.rows.insert(path.into(), open());
        }
        let slot = self.rows.get_mut(path)?;
        let rows = slot.as_mut()?;
        while rows.batch.as_ref().is_none_or(|batch| rows.at >= batch.num_rows()) {
            match rows.table.next() {
                Some(Ok(batch)) => (rows.batch, rows.at) = (Some(batch), 0),
                _ => {
                    *slot = None;
                    return None;
                }
            }
        }
        rows.at += 1;
        let images = Images::of(rows.batch.as_ref()?).ok()?;
        images.read(rows.at - 1).ok().map(std::borrow::Cow::into_owned)
    }
}
