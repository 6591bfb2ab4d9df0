//! Which inputs lie in a folder that is to be written.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::io::{Error, table_path};

/// So many folders of sources are remembered.
const MOST_PLACES: usize = 1024;

/// Tells which inputs lie in a folder that is to be written, and could be overwritten before they are read.
#[derive(Debug)]
pub(crate) struct Within {
    /// The folder as the system names it; `None` where there is none yet.
    canonical: Option<PathBuf>,
    /// Folders of inputs, and whether they lie in this one.
    places: HashMap<PathBuf, bool>,
}

impl Within {
    pub(crate) fn new(folder: &Path) -> Within {
        Within { canonical: folder.canonicalize().ok(), places: HashMap::new() }
    }

    /// Refuses an input that lies in the folder, be it by links, or is the folder.
    ///
    /// # Errors
    /// It does.
    pub(crate) fn refuse(&mut self, input: &Path) -> Result<(), Error> {
        if self.holds(input) { Err(Error::InputInside { path: input.into() }) } else { Ok(()) }
    }

    /// As [`Within::refuse`], of a path as it stands in a table.
    ///
    /// # Errors
    /// It lies in the folder.
    pub(crate) fn refuse_row(&mut self, path: &str) -> Result<(), Error> {
        if self.canonical.is_none() { Ok(()) } else { self.refuse(&table_path(path)) }
    }

    fn holds(&mut self, input: &Path) -> bool {
        let Some(folder) = &self.canonical else { return false };
        let lies_in = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(folder));
        // Whatever else is known of a folder, a link or a folder in it may be anywhere.
        let is_file = fs::symlink_metadata(input).is_ok_and(|about| about.is_file());
        if !is_file {
            return lies_in(input);
        }
        let parent = input.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Some(&inside) = self.places.get(parent) {
            return inside;
        }
        let inside = lies_in(parent);
        if self.places.len() >= MOST_PLACES {
            self.places.clear();
        }
        self.places.insert(parent.into(), inside);
        inside
    }
}
