//! What is kept of every row until all have been seen: some 200 bytes and its name, and some 8 bytes a landmark; thumbnails
//! and sketches lie in temporary files.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::storage::Storage;
use crate::duplicates::{Appearance, PerceptualHash, Sketch, Thumbnail};
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
    thumbnails: Kept,
    /// Where each row's landmarks begin, and the end; nothing where parts are not looked for.
    marks: Vec<u32>,
    signs: Vec<u64>,
    sketches: Kept,
}

impl Looks {
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub(super) fn new() -> Result<Looks, io::Error> {
        Ok(Looks {
            starts: vec![0],
            hashes: Vec::new(),
            thumbnails: Kept::new()?,
            marks: vec![0],
            signs: Vec::new(),
            sketches: Kept::new()?,
        })
    }

    /// Adds the looks of the next row: with the hashes of its orientations, if wished.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub(super) fn push(
        &mut self,
        appearance: Option<&Appearance>,
        sketch: Option<&Sketch>,
        any_orientation: bool,
    ) -> Result<(), io::Error> {
        if let Some(appearance) = appearance {
            let first = self.hashes.len();
            self.hashes.push(appearance.hash);
            self.hashes.extend(appearance.unframed);
            if any_orientation {
                self.hashes.extend(&appearance.canonical);
            }
            let mut hashes = self.hashes.split_off(first);
            hashes.sort_unstable();
            hashes.dedup();
            self.hashes.append(&mut hashes);
        }
        self.thumbnails.push(&appearance.map(|appearance| appearance.thumbnail.to_bytes()).unwrap_or_default())?;
        self.signs.extend(sketch.iter().flat_map(|sketch| sketch.signs()));
        self.sketches.push(&sketch.map(Sketch::to_bytes).unwrap_or_default())?;
        self.starts.push(u32::try_from(self.hashes.len()).expect("fewer than 2^32 hashes"));
        self.marks.push(u32::try_from(self.signs.len()).expect("fewer than 2^32 landmarks"));
        Ok(())
    }

    /// All hashes of a row.
    pub(super) fn hashes(&self, row: u32) -> &[PerceptualHash] {
        &self.hashes[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize]
    }

    /// The signs of a row's landmarks.
    pub(super) fn signs(&self, row: u32) -> &[u64] {
        &self.signs[self.marks[row as usize] as usize..self.marks[row as usize + 1] as usize]
    }

    /// A row's picture in little.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(super) fn thumbnail(&self, row: u32) -> Result<Option<Thumbnail>, io::Error> {
        Ok(self.thumbnails.read(row)?.map(|bytes| Thumbnail::from_bytes(&bytes)))
    }

    /// By what a row's picture is found in others.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(super) fn sketch(&self, row: u32) -> Result<Option<Sketch>, io::Error> {
        Ok(self.sketches.read(row)?.map(|bytes| Sketch::from_bytes(&bytes)))
    }
}

/// Bytes of rows in a temporary file.
#[derive(Debug)]
struct Kept {
    file: File,
    /// Where those of each row begin, and the end.
    starts: Vec<u64>,
}

impl Kept {
    fn new() -> Result<Kept, io::Error> {
        Ok(Kept { file: tempfile::tempfile().map_err(io::Error::temporary)?, starts: vec![0] })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), io::Error> {
        let at = *self.starts.last().expect("there is an end");
        self.file.write_all_at(bytes, at).map_err(io::Error::temporary)?;
        self.starts.push(at + bytes.len() as u64);
        Ok(())
    }

    /// A row's bytes with zeros behind them, if it has some.
    fn read<const BYTES: usize>(&self, row: u32) -> Result<Option<[u8; BYTES]>, io::Error> {
        let (start, end) = (self.starts[row as usize], self.starts[row as usize + 1]);
        let mut bytes = [0; BYTES];
        self.file.read_exact_at(&mut bytes[..(end - start) as usize], start).map_err(io::Error::temporary)?;
        Ok((start < end).then_some(bytes))
    }
}
