//! Pictures to a manifest: a row a file, with its size, its hash, and what is wrong with it.
//!
//! Hides: how little of a file has to be read. Promises: a row's size and hash are those of its bytes, whatever its name says; a
//! file that is no picture is a row with an `error`, and what its camera wrote is there all the same. [`Scan`] is a [`Stage`]: [`Work`](crate::stage::Work) runs it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use pokedex::image::{Encoding, Rgb, encode};
//! use pokedex::io::Sink;
//! use pokedex::progress::Silent;
//! use pokedex::scan::Scan;
//! use pokedex::table::{StreamFormat, Writer};
//! use pokedex::{Inputs, Table, Work};
//!
//! let folder = tempfile::tempdir()?;
//! let grey = Rgb { width: 40, height: 30, pixels: vec![128; 3 * 40 * 30] };
//! std::fs::write(folder.path().join("grey.png"), encode(&grey, Encoding::Png)?)?;
//!
//! let pictures = Inputs { paths: vec![folder.path().into()], ..Inputs::default() }.images()?.with_unique_keys();
//! let manifest = folder.path().join("manifest.parquet");
//! let sink = Sink::create(&manifest)?;
//! let tally = Work::default().write(
//!     pictures,
//!     &Arc::new(Scan::default()),
//!     |schema, footer| Ok(Writer::new(sink, schema, footer, StreamFormat::Parquet)?),
//!     &mut Silent,
//! )?;
//! assert_eq!(tally.to_string(), "1 row, 0 skipped");
//! assert!(Table::open(&manifest)?.has("content_hash"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod measured;
mod shots;

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, SchemaRef};

use crate::camera::{self, Shot};
use crate::failure::Failure;
use crate::guard;
use crate::image::{self, Colour};
use crate::notes;
use crate::progress::Progress;
use crate::quality::Quality;
use crate::stage::{Done, Skipped, Stage};
use crate::table::column::{self, hashes};
use crate::table::{Error, Images, Metadata, OnDuplicate, Provenance};
use crate::words::{rows, several};

/// Adds the size and the hash of every picture, and what is wrong with it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scan {
    /// Decode every picture instead of reading its header.
    pub verify: bool,
    /// Read what the camera wrote into it, and people into it and beside it; see [`camera`].
    pub exif: bool,
    /// Measure how good it is to look at, for which it is decoded; see [`crate::quality`].
    pub quality: bool,
}

impl Stage for Scan {
    const NAME: &'static str = "scan";

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        [
            column::field(column::WIDTH, DataType::UInt32),
            column::field(column::HEIGHT, DataType::UInt32),
            column::field(column::CONTENT_HASH, column::HASH_TYPE),
            column::field(column::ERROR, DataType::Utf8),
        ]
        .into_iter()
        .chain(self.exif.then(shots::fields).into_iter().flatten())
        .chain(self.quality.then(measured::fields).into_iter().flatten())
        .fold(input.clone(), |schema, field| column::put_field(&schema, field))
    }

    fn describe(&self, footer: &mut Provenance) {
        footer.set("schema", "manifest");
    }

    fn slice(&self) -> usize {
        // Large pictures that are decoded keep a thread busy.
        if self.verify || self.quality { 4 } else { 32 }
    }

    fn rows(&self, rows: &RecordBatch, schema: &SchemaRef) -> Result<Done, Failure> {
        Ok(self.look_at(rows, schema)?)
    }
}

impl Scan {
    /// Hash, size and shot of every image in a slice.
    fn look_at(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<Done, Error> {
        let images = Images::of(batch)?;
        let (mut skipped, mut flawed) = (Vec::new(), Vec::new());
        let (mut sizes, mut contents, mut errors, mut shots) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut qualities, mut pages) = (Vec::new(), 0);
        for i in 0..batch.num_rows() {
            if let Some(error) = images.error(i) {
                sizes.push(None);
                contents.push(None);
                errors.push(Some(error.to_string()));
                shots.push(Shot::default());
                qualities.push(None);
                continue;
            }
            let bytes = images.read(i);
            pages += u64::from(bytes.as_ref().is_ok_and(|bytes| image::frames(bytes) > 1));
            contents.push(bytes.as_ref().ok().map(|bytes| *blake3::hash(bytes).as_bytes()));
            shots.push(match &bytes {
                Ok(bytes) if self.exif => shot(&images, i, bytes),
                _ => Shot::default(),
            });
            let mut quality = None;
            let size = bytes.and_then(|bytes| {
                if self.verify || self.quality {
                    let decoded = image::decode_with_flaw(&bytes, Colour::WHITE, None);
                    let (image, flaw) = decoded.map_err(|e| e.to_string())?;
                    flawed.extend(flaw.map(|flaw| Skipped { key: images.key(i).into(), problem: flaw.to_string() }));
                    quality = self.quality.then(|| Quality::of(&image));
                    return Ok((image.width, image.height));
                }
                image::dimensions(&bytes).map_err(|e| e.to_string())
            });
            qualities.push(quality);
            sizes.push(size.as_ref().ok().copied());
            errors.push(size.as_ref().err().cloned());
            if let Err(problem) = size {
                skipped.push(Skipped { key: images.key(i).into(), problem });
            }
        }
        if pages > 0 {
            notes::count("pages", pages, None, |count, _| {
                let files = several(count, "file holds", "files hold");
                format!("{files} several pictures, of which the first is read: `pokedex frames --all` reads all")
            });
        }
        let widths: UInt32Array = sizes.iter().map(|size| size.map(|(width, _)| width)).collect();
        let heights: UInt32Array = sizes.iter().map(|size| size.map(|(_, height)| height)).collect();
        let mut new: Vec<(&str, ArrayRef)> = vec![
            (column::WIDTH, Arc::new(widths)),
            (column::HEIGHT, Arc::new(heights)),
            (column::CONTENT_HASH, hashes(&contents)),
            (column::ERROR, Arc::new(StringArray::from(errors))),
        ];
        if self.exif {
            new.extend(shots::columns(&shots));
        }
        if self.quality {
            new.extend(measured::columns(&qualities));
        }
        Ok(Done { batch: column::put(batch, schema, &new), skipped, flawed })
    }
}

/// What is known of how a picture was taken. One that travels in the table has no sidecar.
fn shot(images: &Images, i: usize, bytes: &[u8]) -> Shot {
    let path = images.path(i).filter(|_| images.bytes(i).is_none());
    let sidecar = path.and_then(shots::sidecar);
    guard::catch(|| camera::read(bytes, sidecar.as_deref())).unwrap_or_default()
}

/// Says which lines of a CSV found no row, and which rows no line.
pub fn report_join(csv: &Path, on_duplicate: OnDuplicate, metadata: &Metadata, progress: &dyn Progress) {
    let csv = csv.display();
    let report = metadata.report();
    if !report.duplicates.is_empty() {
        let lines: usize = report.duplicates.iter().map(|(_, rows)| rows).sum();
        let first: Vec<&str> = report.duplicates.iter().take(5).map(|(key, _)| key.as_str()).collect();
        let settled = match on_duplicate {
            OnDuplicate::All => "there is a row for each",
            _ => "the first line of each was taken (--on-duplicate)",
        };
        let keys = several(report.duplicates.len() as u64, "join key", "join keys");
        let more = if report.duplicates.len() > 5 { ", …" } else { "" };
        progress.warn(&format!("{csv}: {lines} lines share {keys} ({}{more}); {settled}", first.join(", ")));
    }
    let (own, theirs) = &report.examples;
    let like = |example: &Option<String>| example.as_ref().map(|e| format!(" (`{e}`)")).unwrap_or_default();
    if report.matched < report.rows {
        let missing = report.rows - report.matched;
        let what = if report.matched == 0 {
            "no line matches a row".to_string()
        } else {
            format!("{missing} of {} {} no line", rows(report.rows), if missing == 1 { "matches" } else { "match" })
        };
        progress.warn(&format!(
            "{csv}: {what}{}; {} no row{}",
            like(own),
            several(report.unused as u64, "line matches", "lines match"),
            like(theirs)
        ));
        if report.matched == 0 {
            progress.hint("--on id, --on label or --on key says which column is compared with the CSV's");
        }
    } else if report.unused > 0 {
        let keys = several(report.unused as u64, "join key matches", "join keys match");
        progress.note(&format!("{csv}: {keys} no row"));
    }
}
