//! The folders below which files may be named.

use std::path::{Component, Path, PathBuf};

use crate::failure::Failure;
use crate::gallery::Refusal;
use crate::io;
use crate::table::layout::{self, Profile};

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

    /// Refuses a data set whose links or files lead outside: nothing of what lies there is told.
    ///
    /// # Errors
    /// One does, it cannot be read, or nobody waits for the answer any more.
    pub(super) fn enclose(&self, name: &str, found: &Path, cancelled: &dyn Fn() -> bool) -> Result<(), Refusal> {
        let about = found.metadata().map_err(|_| Refusal::missing(format!("{name}: cannot be read")))?;
        // Reading a pipe could wait for ever.
        if !about.is_file() && !about.is_dir() {
            return Err(Refusal::question(
                format!("{name}: is neither a file nor a folder"),
                "name a folder or a table",
            ));
        }
        let outside = |what: &str| Refusal {
            hint: Some("copy what is meant there, or give that folder too: --root DIR".into()),
            ..Refusal::missing(format!("{name}: {what} outside the folders that were given"))
        };
        if about.is_dir() && self.leads_out(found, cancelled) {
            return Err(outside("a link in it leads"));
        }
        let Some(profile) = Profile::of(found) else { return Ok(()) };
        match layout::stranger(found, profile, &|place| self.hold(place)) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(outside("its files name something")),
            Err(_) => Err(Refusal::missing(format!("{name}: cannot be read as {}", profile.name()))),
        }
    }

    /// Whether a link below a folder does. When nobody waits any more it is taken for one.
    fn leads_out(&self, folder: &Path, cancelled: &dyn Fn() -> bool) -> bool {
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            if cancelled() {
                return true;
            }
            // What cannot be read here is told by who reads it.
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let kind = entry.file_type();
                if kind.as_ref().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                } else if kind.is_ok_and(|kind| kind.is_symlink()) && !self.hold(&entry.path()) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether a place lies below one of them, links followed; what is not there lies where the nearest folder does that is.
    fn hold(&self, place: &Path) -> bool {
        let Ok(place) = std::path::absolute(place) else { return false };
        let real = place.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
        let Some((part, real)) = real else { return false };
        let is_plain = |rest: &Path| rest.components().all(|part| matches!(part, Component::Normal(_)));
        place.strip_prefix(part).is_ok_and(is_plain) && self.0.iter().any(|root| real.starts_with(root))
    }
}
