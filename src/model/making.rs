//! A folder that is going to be a model: it appears whole or not at all.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::io::{self, Digest, Folder, JOURNAL, Record};

/// The commands that make models, by which an unfinished folder is known.
pub(super) const QUANTIZE: &str = "model quantize";
pub(super) const ADAPT: &str = "train --method adapter";

/// A folder that is being made, or what a killed run left of one, is no model.
pub(super) fn is_unfinished(folder: &Path) -> bool {
    let journal = std::fs::read_to_string(folder.join(JOURNAL)).unwrap_or_default();
    journal.lines().any(|line| line.starts_with('#') && [QUANTIZE, ADAPT].iter().any(|command| line.contains(command)))
}

/// A folder that is going to be a model; dropped before that, it is as it was.
pub struct Making {
    folder: Folder,
    record: &'static str,
}

impl Making {
    /// Opens the folder before the work begins. `record` is the file that is written last and names the others.
    ///
    /// # Errors
    /// It holds somebody's files (unless `force` says that they may be replaced), or cannot be written.
    pub(super) fn at(
        path: &Path,
        command: &str,
        record: &'static str,
        force: bool,
        threads: usize,
    ) -> Result<Making, Failure> {
        let folder = Folder::open(path, command, Some(force), &mut Earlier(record))?;
        if !force {
            folder.require_alone(|_| false, threads)?;
        }
        ["onnx", "visual", "textual", "tokenizer"].into_iter().try_for_each(|place| folder.refuse_links(place))?;
        folder.begin()?;
        Ok(Making { folder, record })
    }

    /// Where its files go.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Writes the record, which gets the names and digests of the files that were written, and removes those of an earlier
    /// run.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(self, record: &mut Value) -> Result<(), Failure> {
        let folder = self.folder;
        let mut files = folder.others();
        files.sort();
        let files =
            files.into_iter().map(|(file, digest)| (file, json!(blake3::Hash::from_bytes(digest).to_hex().as_str())));
        record["files"] = Value::Object(files.collect());
        folder.remove_stale()?;
        let mut sink = folder.create(self.record)?;
        let text = serde_json::to_string_pretty(record).expect("names and numbers can be written as JSON");
        let path = folder.join(self.record);
        sink.write_all(format!("{text}\n").as_bytes()).map_err(|source| io::Error::Write { path, source })?;
        sink.finish()?;
        folder.complete();
        Ok(())
    }
}

/// The record of an earlier run names its files.
struct Earlier(&'static str);

impl Record for Earlier {
    fn manifest(&self) -> &'static str {
        self.0
    }

    fn read(&mut self, manifest: &Path, made: &mut dyn FnMut(&str, Digest)) -> bool {
        let bytes = std::fs::read(manifest).unwrap_or_default();
        let record: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let Some(files) = record.get("files").and_then(Value::as_object) else { return false };
        for (file, digest) in files {
            if let Some(digest) = digest.as_str().and_then(|digest| blake3::Hash::from_hex(digest).ok()) {
                made(file, *digest.as_bytes());
            }
        }
        true
    }
}
