//! Converting images to upright RGB files: the recipe, and what need not be done again.

mod folder;
mod stage;

pub use folder::into_folder;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::image::{self, Colour, Encoding, Filter, Fit, Flaw};
use crate::io::{self, Digest, Folder, Record};
use crate::table::Error as TableError;
use crate::table::column::{self, read_hashes};
use crate::table::dataset::{MANIFEST, record};

/// What the manifest of an output folder is known by.
pub const COMMAND: &str = "convert-rgb";

/// Why an image was not converted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image cannot be read: one row's fault.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The output cannot be written: the run cannot go on.
    #[error(transparent)]
    Write(#[from] io::Error),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("{name}: changed while it was read")]
    Changed { name: String },
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Image(_) => None,
            Error::Write(e) => e.hint(),
            Error::Table(e) => e.hint(),
            Error::Changed { .. } => Some("run it again when nothing writes to it".into()),
        }
    }
}

/// What is done to every image.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    pub background: Colour,
    /// Width and height to fit into; `None` keeps the size.
    pub size: Option<(u32, u32)>,
    pub encoding: Encoding,
}

/// Facts about a converted image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// BLAKE3 of the original bytes.
    pub source: Digest,
    /// BLAKE3 of the new bytes.
    pub content: Digest,
    pub width: u32,
    pub height: u32,
    /// Number of the new bytes.
    pub length: u64,
}

impl Recipe {
    /// Converts the bytes of an image file.
    ///
    /// # Errors
    /// The bytes are no image that can be read.
    pub fn apply(self, bytes: &[u8]) -> Result<(Made, Option<Flaw>, Vec<u8>), image::Error> {
        let (mut rgb, flaw) = image::decode_with_flaw(bytes, self.background, None)?;
        if let Some((width, height)) = self.size {
            rgb = rgb.resize(width, height, Fit::Pad, Filter::Bilinear, self.background);
        }
        let encoded = image::encode(&rgb, self.encoding)?;
        let (source, content) = (*blake3::hash(bytes).as_bytes(), *blake3::hash(&encoded).as_bytes());
        let length = encoded.len() as u64;
        Ok((Made { source, content, width: rgb.width, height: rgb.height, length }, flaw, encoded))
    }

    /// Converts the bytes of an image file into a file of a folder, unless that is there already.
    ///
    /// # Errors
    /// The bytes are no image that can be read, or the file cannot be written.
    pub fn apply_to_file(
        self,
        bytes: &[u8],
        folder: &Folder,
        file: &str,
        known: &Known,
    ) -> Result<(Made, Option<Flaw>), Error> {
        if let Some(made) = known.up_to_date(folder, file, blake3::hash(bytes).as_bytes()) {
            folder.keep(file);
            return Ok((made, image::is_truncated(bytes).then_some(Flaw::Truncated)));
        }
        let (made, flaw, encoded) = self.apply(bytes)?;
        folder.put(file, &encoded, &made.content, &made.note())?;
        Ok((made, flaw))
    }
}

impl std::fmt::Display for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.size.map_or("original".into(), |(width, height)| format!("{width}x{height}"));
        write!(f, "background={} size={size} encode={}", self.background, self.encoding.extension())
    }
}

impl Made {
    /// All but the hash of the new bytes, for a journal.
    pub fn note(&self) -> String {
        format!("{} {} {}", blake3::Hash::from_bytes(self.source).to_hex(), self.width, self.height)
    }

    /// Reads a note of an image of these bytes.
    pub fn parse(note: &str, content: Digest) -> Option<Made> {
        let mut parts = note.split(' ');
        let source = *blake3::Hash::from_hex(parts.next()?).ok()?.as_bytes();
        let (width, height) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Made { source, content, width, height, length: 0 })
    }
}

/// What earlier runs made in the same way.
#[derive(Debug)]
pub struct Known {
    recipe: String,
    files: HashMap<u64, Made>,
}

impl Known {
    /// Knows nothing so far.
    pub fn new(recipe: Recipe) -> Known {
        Known { recipe: recipe.to_string(), files: HashMap::new() }
    }

    /// The facts of a file that was made from these bytes and is still what it was.
    fn up_to_date(&self, folder: &Folder, file: &str, source: &Digest) -> Option<Made> {
        let made = self.files.get(&hash(file)).filter(|made| made.source == *source)?;
        folder.has(file, &made.content).map(|length| Made { length, ..*made })
    }
}

impl Record for Known {
    fn manifest(&self) -> &'static str {
        MANIFEST
    }

    fn read(&mut self, manifest: &Path, made: &mut dyn FnMut(&str, Digest)) -> bool {
        let Some(table) = record(manifest, COMMAND) else { return false };
        let is = |key: &str, value: &str| table.provenance.get(key) == Some(value);
        let same = is("version", env!("CARGO_PKG_VERSION")) && is("convert_rgb", &self.recipe);
        for batch in table.map_while(Result::ok) {
            let ints = |name| column::ints(&batch, name).ok().flatten();
            let text = |name| column::text(&batch, name).ok().flatten();
            let (Some(keys), Some(widths), Some(heights)) =
                (text(column::KEY), ints(column::WIDTH), ints(column::HEIGHT))
            else {
                continue;
            };
            let errors = text(column::ERROR);
            let hashes = |name| read_hashes(&batch, name).unwrap_or_else(|_| vec![None; batch.num_rows()]);
            let (sources, contents) = (hashes(column::SOURCE_HASH), hashes(column::CONTENT_HASH));
            for i in 0..batch.num_rows() {
                let failed = column::cell(errors.as_ref(), i).is_some();
                let Some(content) = contents[i].filter(|_| !failed) else { continue };
                made(keys.value(i), content);
                if let Some(source) = sources[i].filter(|_| same) {
                    let (width, height) = (widths.value(i).cast_unsigned(), heights.value(i).cast_unsigned());
                    self.files.insert(hash(keys.value(i)), Made { source, content, width, height, length: 0 });
                }
            }
        }
        true
    }

    fn note(&mut self, file: Option<&str>, content: Digest, note: &str) {
        if let Some((file, made)) = file.zip(Made::parse(note, content)) {
            self.files.insert(hash(file), made);
        }
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
