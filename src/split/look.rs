//! What dividing has to know of every picture, read from its file only where the table does not say it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};

use super::Options;
use crate::duplicates::PerceptualHash;
use crate::failure::Failure;
use crate::image::{self, Colour};
use crate::progress::Progress;
use crate::stage::{Done, Skipped, Stage};
use crate::table::column::{self, hashes, read_hashes};
use crate::table::{Images, Provenance, Table};
use crate::words;

/// A JPEG need not be decoded larger than this for its perceptual hash.
const EDGE: u32 = 128;

/// What is wanted beside the hash of its content.
#[derive(Debug)]
pub(super) struct Look {
    /// Rows whose shorter side has fewer pixels are excluded.
    least: Option<u32>,
    /// The perceptual hash is computed where there is none.
    perceptual: bool,
    /// Whether the table has a column of them: then a row without one whose file cannot be read is no error.
    is_hashed: bool,
    /// How many such rows there are.
    unseen: AtomicU64,
}

/// What a row's file says.
struct Facts {
    content: Option<[u8; 32]>,
    perceptual: Option<[u8; 32]>,
    excluded: Option<String>,
    error: Option<String>,
}

impl Stage for Look {
    const NAME: &'static str = "read";

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        let mut schema = column::put_field(input, column::field(column::CONTENT_HASH, column::HASH_TYPE));
        if self.perceptual {
            schema = column::put_field(&schema, column::field(column::PERCEPTUAL_HASH, column::HASH_TYPE));
        }
        if self.least.is_some() {
            schema = column::put_field(&schema, column::field(column::EXCLUDED, DataType::Utf8));
        }
        column::put_field(&schema, column::field(column::ERROR, DataType::Utf8))
    }

    fn describe(&self, footer: &mut Provenance) {
        if footer.get("schema").is_none() {
            footer.set("schema", "manifest");
        }
    }

    fn rows(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<Done, Failure> {
        let images = Images::of(batch)?;
        let contents = read_hashes(batch, column::CONTENT_HASH)?;
        let (widths, heights) = (column::ints(batch, column::WIDTH)?, column::ints(batch, column::HEIGHT)?);
        let excluded = column::text(batch, column::EXCLUDED)?;
        let perceptuals = if self.perceptual { Some(read_hashes(batch, column::PERCEPTUAL_HASH)?) } else { None };
        let mut skipped = Vec::new();
        let mut rows = Vec::with_capacity(contents.len());
        for (i, content) in contents.into_iter().enumerate() {
            let reason = excluded.as_ref().filter(|e| e.is_valid(i)).map(|e| e.value(i).to_string());
            let error = images.error(i).map(str::to_string);
            let perceptual = perceptuals.as_ref().and_then(|hashes| hashes[i]);
            let mut facts = Facts { content, perceptual, excluded: reason, error };
            let side = |sides: &Option<arrow_array::Int32Array>| {
                sides.as_ref().filter(|s| s.is_valid(i)).map(|s| s.value(i).cast_unsigned())
            };
            if facts.error.is_none()
                && let Err(problem) = self.look(&images, i, side(&widths).zip(side(&heights)), &mut facts)
            {
                skipped.push(Skipped { key: images.key(i).into(), problem: problem.clone() });
                facts.error = Some(problem);
            }
            rows.push(facts);
        }
        let contents: Vec<_> = rows.iter().map(|row| row.content).collect();
        let perceptual: Vec<_> = rows.iter().map(|row| row.perceptual).collect();
        let text =
            |of: fn(&Facts) -> Option<&str>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
        let mut new = vec![
            (column::CONTENT_HASH, hashes(&contents)),
            (column::EXCLUDED, text(|row| row.excluded.as_deref())),
            (column::ERROR, text(|row| row.error.as_deref())),
        ];
        if self.perceptual {
            new.push((column::PERCEPTUAL_HASH, hashes(&perceptual)));
        }
        Ok(Done { batch: column::put(batch, schema, &new), skipped, flawed: Vec::new() })
    }
}

impl Look {
    /// What the options ask for, of a table that is still to be read.
    pub(super) fn new(options: &Options, table: &Table) -> Look {
        Look {
            least: options.min_size,
            perceptual: options.near_copies.is_some(),
            is_hashed: table.has(column::PERCEPTUAL_HASH),
            unseen: AtomicU64::new(0),
        }
    }

    /// Says how many pictures nobody can look at any more, when the table has been read to its end.
    pub(super) fn warn_of_unseen(&self, progress: &dyn Progress) {
        let unseen = self.unseen.load(Ordering::Relaxed);
        if unseen > 0 {
            let rows = words::rows(unseen);
            progress
                .warn(&format!("split: no perceptual hash for {rows} that cannot be read: near copies are not found"));
        }
    }

    /// Reads the file of row `i` if something is missing.
    fn look(&self, images: &Images, i: usize, size: Option<(u32, u32)>, facts: &mut Facts) -> Result<(), String> {
        let mut file: Option<Cow<[u8]>> = None;
        let mut bytes = || -> Result<Cow<[u8]>, String> {
            if file.is_none() {
                file = Some(images.read(i)?);
            }
            Ok(file.clone().expect("it was read"))
        };
        if facts.content.is_none() {
            facts.content = Some(*blake3::hash(&bytes()?).as_bytes());
        }
        if let Some(least) = self.least {
            let (width, height) = match size {
                Some(size) => size,
                None => image::dimensions(&bytes()?).map_err(|e| e.to_string())?,
            };
            if width.min(height) < least && facts.excluded.is_none() {
                facts.excluded = Some(format!("{width} x {height} pixels, and {least} are the least"));
            }
        }
        // The picture of a table that was hashed before may be gone; that it is of one colour is no reason to lose it.
        if self.perceptual && self.is_hashed && facts.perceptual.is_none() && bytes().is_err() {
            self.unseen.fetch_add(1, Ordering::Relaxed);
        } else if self.perceptual && facts.perceptual.is_none() {
            let picture = image::decode_for(&bytes()?, Colour::WHITE, Some(EDGE)).map_err(|e| e.to_string())?;
            facts.perceptual = PerceptualHash::of(&picture).map(PerceptualHash::to_bytes);
        }
        Ok(())
    }
}
