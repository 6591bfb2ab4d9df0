//! What is kept of every row until all have been seen: some 200 bytes and its name; thumbnails lie in a temporary file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::storage::Storage;
use crate::duplicates::{Appearance, PerceptualHash, Thumbnail};
use crate::io;

/// What decides which copy is kept.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    pub width: u32,
    pub height: u32,
    pub bytes: u64,
    pub format: Storage,
    /// It was read as far as it goes.
    pub is_flawed: bool,
    /// A camera, or a person, wrote something into it.
    pub has_shot: bool,
    /// Seconds: the camera's clock, and when the file was changed.
    pub taken: Option<i64>,
    pub modified: Option<i64>,
    /// Whether the bytes have been looked at.
    pub is_known: bool,
}

/// Which file a row means, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    pub device: u64,
    pub inode: u64,
}

/// A row.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub key: Box<str>,
    /// Where its picture is, if that is not in the table.
    pub path: Option<Box<str>>,
    /// `None`: it takes no part.
    pub content: Option<[u8; 32]>,
    pub facts: Facts,
    /// Of a file of this machine.
    pub file: Option<FileId>,
    pub is_link: bool,
    pub in_reference: bool,
    /// A bit for each condition of `--keep` that it passes.
    pub passes: u64,
}

impl Row {
    pub(super) fn is_local(&self) -> bool {
        self.file.is_some()
    }

    /// The file of this machine, if there is one.
    pub(super) fn local(&self) -> Option<PathBuf> {
        self.file.and(self.path.as_deref()).and_then(io::local_file)
    }
}

/// What pictures look like, row by row.
#[derive(Debug)]
pub(super) struct Looks {
    /// The first of each row, and the end.
    starts: Vec<u32>,
    hashes: Vec<PerceptualHash>,
    thumbnails: File,
    /// Rows that have one there.
    seen: Vec<bool>,
}

impl Looks {
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub(super) fn new() -> Result<Looks, io::Error> {
        let thumbnails = tempfile::tempfile().map_err(io::Error::temporary)?;
        Ok(Looks { starts: vec![0], hashes: Vec::new(), thumbnails, seen: Vec::new() })
    }

    /// Adds the looks of the next row: with the hashes of its orientations, if wished.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub(super) fn push(&mut self, appearance: Option<&Appearance>, any_orientation: bool) -> Result<(), io::Error> {
        if let Some(appearance) = appearance {
            let first = self.hashes.len();
            self.hashes.push(appearance.hash);
            if any_orientation {
                self.hashes.extend(appearance.canonical.iter().filter(|hash| **hash != appearance.hash));
                self.hashes[first + 1..].sort_unstable();
            }
            let at = (self.seen.len() * Thumbnail::BYTES) as u64;
            self.thumbnails.write_all_at(&appearance.thumbnail.to_bytes(), at).map_err(io::Error::temporary)?;
        }
        self.seen.push(appearance.is_some());
        self.starts.push(u32::try_from(self.hashes.len()).expect("fewer than 2^32 hashes"));
        Ok(())
    }

    /// All hashes of a row.
    pub(super) fn hashes(&self, row: u32) -> &[PerceptualHash] {
        &self.hashes[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize]
    }

    /// A row's picture in little.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(super) fn thumbnail(&self, row: u32) -> Result<Option<Thumbnail>, io::Error> {
        if !self.seen[row as usize] {
            return Ok(None);
        }
        let mut bytes = [0; Thumbnail::BYTES];
        let at = row as u64 * Thumbnail::BYTES as u64;
        self.thumbnails.read_exact_at(&mut bytes, at).map_err(io::Error::temporary)?;
        Ok(Some(Thumbnail::from_bytes(&bytes)))
    }
}
