//! The hub's cache on the disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::pick::{owned, wanted_of_all};
use super::repo::{Repo, is_hash};
use super::{Origin, Pulled, Remote, Variant};
use crate::io::write_file;

/// A repo's folder in the cache: `blobs/HASH`, `snapshots/COMMIT/PATH` → `blobs/HASH`, `refs/REVISION`.
pub(super) struct CachedRepo {
    pub(super) folder: PathBuf,
}

impl CachedRepo {
    pub(super) fn blob(&self, file: &Remote) -> PathBuf {
        self.folder.join("blobs").join(&file.hash)
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    pub(super) fn has_blob(&self, file: &Remote) -> bool {
        is_file_of(&self.blob(file), file.size)
    }

    /// The Python client keeps files in the snapshot itself where there are no links.
    pub(super) fn has(&self, commit: &str, file: &Remote) -> bool {
        self.has_blob(file) || is_file_of(&self.snapshot(commit).join(&file.path), file.size)
    }

    pub(super) fn link(&self, commit: &str, file: &Remote) -> Result<(), Error> {
        let at = self.snapshot(commit).join(&file.path);
        if is_file_of(&at, file.size) {
            return Ok(());
        }
        let up = "../".repeat(2 + file.path.matches('/').count());
        put_link(&PathBuf::from(format!("{up}blobs/{}", file.hash)), &at)
    }

    /// Remembers what a revision stands for, for when there is no connection.
    pub(super) fn note_revision(&self, revision: &str, commit: &str) -> Result<(), Error> {
        if self.commit(revision).is_none_or(|known| known != commit) {
            write_file(&self.folder.join("refs").join(revision), commit.as_bytes())?;
        }
        Ok(())
    }

    fn commit(&self, revision: &str) -> Option<String> {
        if is_hash(revision, 40) {
            return Some(revision.into());
        }
        let commit = fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        Some(commit.trim().to_string()).filter(|commit| is_hash(commit, 40))
    }

    /// What a pull gives without a connection: what was fetched before, by whatever program.
    pub(super) fn pulled(&self, repo: &Repo, variant: Variant, others: &BTreeSet<Variant>) -> Result<Pulled, Error> {
        let missing = || Error::NotCached { repo: repo.id.clone(), variant, cache: self.folder.clone() };
        let commit = self.commit(&repo.revision).ok_or_else(missing)?;
        let snapshot = self.snapshot(&commit);
        let mut paths = Vec::new();
        list_folder(&snapshot, "", &mut paths);
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let (variants, picks) = wanted_of_all(&paths, variant, others).map_err(|_| missing())?;
        let sizes = picks.iter().filter_map(|pick| fs::metadata(snapshot.join(pick.path)).ok());
        let present = sizes.map(|m| m.len()).sum();
        Ok(Pulled { origin: self.origin(repo, &commit, variants), fetched: 0, present, files: owned(&picks) })
    }

    pub(super) fn origin(&self, repo: &Repo, commit: &str, variants: BTreeSet<Variant>) -> Origin {
        Origin {
            repo: repo.id.clone(),
            revision: repo.revision.clone(),
            commit: commit.into(),
            variants: variants.into_iter().collect(),
            cache: self.folder.clone(),
        }
    }
}

fn is_file_of(path: &Path, size: u64) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() == size)
}

/// Makes a link, or replaces one, at once, with the folders above it.
pub(super) fn put_link(target: &Path, at: &Path) -> Result<(), Error> {
    let (folder, name) = at.parent().zip(at.file_name()).expect("a link has a name in a folder");
    fs::create_dir_all(folder).map_err(Error::disk(folder))?;
    let temporary = folder.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let _ = fs::remove_file(&temporary);
    std::os::unix::fs::symlink(target, &temporary)
        .and_then(|()| fs::rename(&temporary, at))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
        .map_err(Error::disk(at))
}

/// Files below a folder, as paths with `/`. Links to folders are not followed.
fn list_folder(folder: &Path, prefix: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list_folder(&entry.path(), &format!("{path}/"), paths),
            _ if entry.path().is_file() => paths.push(path),
            _ => {}
        }
    }
}
