//! What an earlier run left in the output folder: the copies that its manifest lists, and what a run that was killed noted
//! of those that it made.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::rows::Facts;
use crate::io::{Digest, Record};
use crate::table::column::{self, read_hashes};
use crate::table::dataset::{MANIFEST, record};

/// What the manifest of an output folder is known by.
pub(super) const COMMAND: &str = "augment";
/// The folder of the copies.
pub(super) const PICTURES: &str = "augmented";

/// Reads manifests of `augment`, and hears its notes.
#[derive(Default)]
pub(super) struct Earlier {
    notes: Gathered,
}

impl Earlier {
    /// What a run that was killed noted.
    pub(super) fn notes(self) -> Notes {
        let Gathered { file, places, .. } = self.notes;
        Notes { file: file.and_then(|file| file.into_inner().ok()), places }
    }
}

/// Notes on their way into a temporary file: of each some 30 bytes are in memory.
#[derive(Default)]
struct Gathered {
    file: Option<BufWriter<File>>,
    end: u64,
    /// By the hash of a file's name: where its note lies.
    places: HashMap<u64, (u64, u32)>,
}

/// What a run that was killed noted of its copies.
#[derive(Debug, Default)]
pub(super) struct Notes {
    file: Option<File>,
    places: HashMap<u64, (u64, u32)>,
}

impl Notes {
    /// A note, in a line: what the copy follows from, and what its row says.
    pub(super) fn line(origin: &str, facts: &Facts) -> String {
        serde_json::to_string(&(origin, facts)).expect("numbers and texts")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.file.is_none()
    }

    /// The digest of a file's bytes and what its row says, where it follows from `origin`.
    pub(super) fn get(&self, file: &str, origin: &str) -> Option<(Digest, Facts)> {
        let notes = self.file.as_ref()?;
        let &(start, length) = self.places.get(&hash(file))?;
        let mut line = vec![0; length as usize];
        notes.read_exact_at(&mut line, start).ok()?;
        let (name, content, (from, facts)): (String, Digest, (String, Facts)) = serde_json::from_slice(&line).ok()?;
        (name == file && from == origin).then_some((content, facts))
    }
}

fn hash(file: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    file.hash(&mut hasher);
    hasher.finish()
}

impl Record for Earlier {
    fn manifest(&self) -> &'static str {
        MANIFEST
    }

    fn read(&mut self, manifest: &Path, made: &mut dyn FnMut(&str, Digest)) -> bool {
        let Some(table) = record(manifest, COMMAND) else { return false };
        for batch in table.map_while(Result::ok) {
            let hashes = |name| read_hashes(&batch, name).unwrap_or_else(|_| vec![None; batch.num_rows()]);
            let (parents, contents) = (hashes(column::PARENT_HASH), hashes(column::CONTENT_HASH));
            let Ok(Some(keys)) = column::text(&batch, column::KEY) else { continue };
            for (row, content) in contents.iter().enumerate().filter(|(row, _)| parents[*row].is_some()) {
                if let Some(content) = content {
                    made(&format!("{PICTURES}/{}", keys.value(row)), *content);
                }
            }
        }
        true
    }

    /// A note that cannot be kept is as none: its copy is made again.
    fn note(&mut self, file: Option<&str>, content: Digest, note: &str) {
        let Some(file) = file.filter(|_| note.starts_with('[')) else { return };
        let Gathered { file: notes, end, places } = &mut self.notes;
        if notes.is_none() {
            *notes = tempfile::tempfile().ok().map(BufWriter::new);
        }
        let Some(notes) = notes else { return };
        let (name, content) = (serde_json::Value::from(file), serde_json::to_string(&content).unwrap_or_default());
        let line = format!("[{name},{content},{note}]");
        if notes.write_all(line.as_bytes()).is_ok() {
            places.insert(hash(file), (*end, line.len() as u32));
            *end += line.len() as u64;
        }
    }
}
