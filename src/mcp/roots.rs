//! The folders below which files may be named.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::gallery::Refusal;
use crate::io;

/// Folders, without links in them.
pub(super) struct Roots(Vec<PathBuf>);

impl Roots {
    /// Opens them.
    ///
    /// # Errors
    /// One is not there, or is no folder.
    pub(super) fn open(folders: &[PathBuf]) -> Result<Roots, Failure> {
        let folder = |path: &PathBuf| {
            let found = path.canonicalize().map_err(|source| io::Error::Read { path: path.clone(), source })?;
            match found.is_dir() {
                true => Ok(found),
                false => Err(Failure::usage(format!("{}: is no folder", path.display()), "--root names a folder")),
            }
        };
        Ok(Roots(folders.iter().map(folder).collect::<Result<_, Failure>>()?))
    }

    /// What a name leads to below one of them, links followed.
    ///
    /// # Errors
    /// It leads nowhere, or elsewhere: which of the two is not told.
    pub(super) fn find(&self, name: &str) -> Result<PathBuf, Refusal> {
        let hint = match self.0.is_empty() {
            true => "no folder was given on the command line: pokedex mcp --root DIR",
            false => "paths are relative to the folders that were given on the command line",
        };
        let within =
            |path: PathBuf| path.canonicalize().ok().filter(|path| self.0.iter().any(|root| path.starts_with(root)));
        let found = self.0.iter().find_map(|root| within(root.join(Path::new(name))));
        found.ok_or_else(|| Refusal {
            hint: Some(hint.into()),
            ..Refusal::missing(format!("{name}: is not there, or lies outside the folders that were given"))
        })
    }
}
