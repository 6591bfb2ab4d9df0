//! What an earlier run left in the output folder: the copies that its manifest lists.

use std::path::Path;

use crate::io::{Digest, Record};
use crate::table::column::{self, read_hashes};
use crate::table::dataset::{MANIFEST, record};

/// What the manifest of an output folder is known by.
pub(super) const COMMAND: &str = "augment";
/// The folder of the copies.
pub(super) const PICTURES: &str = "augmented";

/// Reads manifests of `augment`.
pub(super) struct Earlier;

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
}
