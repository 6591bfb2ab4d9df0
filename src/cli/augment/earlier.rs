//! What an earlier run left in the output folder: its manifest, and the pictures that this lists.
//!
//! Promises: no manifest lists pictures that were replaced since, and only what a manifest of `augment` lists is ever
//! removed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow_array::{Array, RecordBatch};

use crate::cli::failure::Failure;
use crate::io::{self, find_image};
use crate::table::column::{self, read_hashes};
use crate::table::{Error, Table};

/// The copies that an earlier manifest lists and nobody has asked for so far.
#[derive(Debug, Default)]
pub struct Earlier {
    manifest: PathBuf,
    listed: BTreeSet<PathBuf>,
}

impl Earlier {
    /// Reads the manifest; one that cannot be read, or was not written by `augment`, lists nothing.
    pub fn of(manifest: &Path) -> Earlier {
        let mut earlier = Earlier { manifest: manifest.into(), listed: BTreeSet::new() };
        let wanted = |name: &str| [column::PATH, column::PARENT_HASH].contains(&name);
        let Ok(table) = Table::open_columns(manifest, Some(&wanted)) else { return earlier };
        if table.provenance.get("augment").is_none() {
            return earlier;
        }
        for batch in table.map_while(Result::ok) {
            let (Ok(Some(paths)), Ok(parents)) =
                (column::text(&batch, column::PATH), read_hashes(&batch, column::PARENT_HASH))
            else {
                continue;
            };
            let copies = (0..batch.num_rows()).filter(|&row| parents[row].is_some() && paths.is_valid(row));
            earlier.listed.extend(copies.filter_map(|row| place(paths.value(row))));
        }
        earlier
    }

    /// The pictures of these rows are needed.
    ///
    /// # Errors
    /// The column of the paths holds something else.
    pub fn spare(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if self.listed.is_empty() {
            return Ok(());
        }
        for path in column::text(batch, column::PATH)?.iter().flat_map(|paths| paths.iter().flatten()) {
            if let Some(place) = place(path) {
                self.listed.remove(&place);
            }
        }
        Ok(())
    }

    /// Removes the manifest if it lists pictures that may be replaced now.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_manifest(&self) -> Result<(), Failure> {
        if !self.listed.is_empty() {
            std::fs::remove_file(&self.manifest)
                .map_err(|source| io::Error::Write { path: self.manifest.clone(), source })?;
        }
        Ok(())
    }

    /// Removes the pictures in this folder that it listed and nobody needs; how many these are.
    pub fn remove_pictures(&self, folder: &Path) -> u64 {
        let Ok(folder) = folder.canonicalize() else { return 0 };
        let stale = self.listed.iter().filter(|path| path.starts_with(&folder));
        stale.filter(|path| std::fs::remove_file(path).is_ok()).count() as u64
    }
}

/// The one name of a file that a path in a table names, whether it is there or not.
fn place(path: &str) -> Option<PathBuf> {
    let file = find_image(path).and_then(|file| file.canonicalize());
    file.or_else(|_| std::path::absolute(path)).ok()
}
