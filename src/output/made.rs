//! Pictures that are made into a folder: what is known of each, and which of them need not be made again.
//!
//! Hides: how what was made is noted in a manifest's columns and in a journal. Promises: nothing is taken for made that was
//! made in another way, of other bytes, or is not what it was.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow_array::{Int32Array, RecordBatch};

use crate::io::{Digest, Folder};
use crate::table::Provenance;
use crate::table::column::{self, read_hashes};

/// Facts about a picture that was made of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// BLAKE3 of the original bytes.
    pub source: Digest,
    /// BLAKE3 of the new bytes.
    pub content: Digest,
    /// Of the new picture, in pixels.
    pub width: u32,
    /// Of the new picture, in pixels.
    pub height: u32,
    /// Number of the new bytes.
    pub length: u64,
}

impl Made {
    /// All but the hash of the new bytes, for a journal.
    pub(crate) fn note(&self) -> String {
        format!("{} {} {}", blake3::Hash::from_bytes(self.source).to_hex(), self.width, self.height)
    }

    /// Reads a note of an image of these bytes.
    fn parse(note: &str, content: Digest) -> Option<Made> {
        let mut parts = note.split(' ');
        let source = *blake3::Hash::from_hex(parts.next()?).ok()?.as_bytes();
        let (width, height) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Made { source, content, width, height, length: 0 })
    }
}

/// Pictures that earlier runs made in the same way.
#[derive(Debug)]
pub(crate) struct Known {
    /// The footer's key for how pictures were made, and what it must say.
    key: &'static str,
    settings: String,
    /// By the hashes of their files' names.
    files: HashMap<u64, Made>,
    /// Those whose bytes were kept, so that they are known to be sound: by the first bytes of their hashes.
    sound: HashMap<u64, (u32, u32)>,
}

impl Known {
    /// Knows nothing so far; `settings` are what a manifest has in its footer for `key`.
    pub(crate) fn new(key: &'static str, settings: impl Into<String>) -> Known {
        Known { key, settings: settings.into(), files: HashMap::new(), sound: HashMap::new() }
    }

    /// Whether what a manifest with this footer names was made in the same way.
    pub(crate) fn is_alike(&self, footer: &Provenance) -> bool {
        let is = |key: &str, value: &str| footer.get(key) == Some(value);
        is("version", env!("CARGO_PKG_VERSION")) && is(self.key, &self.settings)
    }

    /// Learns of a picture, and of its file where it has one of its own.
    pub(crate) fn insert(&mut self, file: Option<&str>, made: Made) {
        if made.source == made.content {
            self.sound.insert(start(&made.source), (made.width, made.height));
        }
        if let Some(file) = file {
            self.files.insert(hash(file), made);
        }
    }

    /// Learns of a picture of these bytes from a journal.
    pub(crate) fn note(&mut self, file: Option<&str>, content: Digest, note: &str) {
        if let Some(made) = Made::parse(note, content) {
            self.insert(file, made);
        }
    }

    /// The facts of a picture's file that was made from these bytes and is still what it was.
    pub(crate) fn up_to_date(&self, folder: &Folder, file: &str, source: &Digest) -> Option<Made> {
        let made = self.files.get(&hash(file)).filter(|made| made.source == *source)?;
        folder.has(file, &made.content).map(|length| Made { length, ..*made })
    }

    /// Width and height of a picture whose bytes were kept by an earlier run, which found it sound.
    pub(crate) fn sound(&self, source: &Digest) -> Option<(u32, u32)> {
        self.sound.get(&start(source)).copied()
    }
}

/// What the columns of a manifest say of its pictures.
pub(crate) struct Facts {
    sources: Vec<Option<Digest>>,
    contents: Vec<Option<Digest>>,
    widths: Int32Array,
    heights: Int32Array,
}

impl Facts {
    /// Of some rows, where they have sizes.
    pub(crate) fn of(rows: &RecordBatch) -> Option<Facts> {
        let ints = |name| column::ints(rows, name).ok().flatten();
        let hashes = |name| read_hashes(rows, name).unwrap_or_else(|_| vec![None; rows.num_rows()]);
        Some(Facts {
            widths: ints(column::WIDTH)?,
            heights: ints(column::HEIGHT)?,
            sources: hashes(column::SOURCE_HASH),
            contents: hashes(column::CONTENT_HASH),
        })
    }

    /// The digest of a picture's bytes.
    pub(crate) fn content(&self, row: usize) -> Option<Digest> {
        self.contents[row]
    }

    /// All of a picture, but the number of its bytes.
    pub(crate) fn made(&self, row: usize) -> Option<Made> {
        let (source, content) = self.sources[row].zip(self.contents[row])?;
        let (width, height) = (self.widths.value(row).cast_unsigned(), self.heights.value(row).cast_unsigned());
        Some(Made { source, content, width, height, length: 0 })
    }
}

fn start(digest: &Digest) -> u64 {
    u64::from_le_bytes(digest[..8].try_into().expect("a part of 32 bytes"))
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
