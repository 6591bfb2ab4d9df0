//! The hub's cache on the disk, and files on their way into it.

use super::*;

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

    pub(super) fn commit(&self, revision: &str) -> Option<String> {
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

pub(super) fn is_file_of(path: &Path, size: u64) -> bool {
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
pub(super) fn list_folder(folder: &Path, prefix: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list_folder(&entry.path(), &format!("{path}/"), paths),
            _ if entry.path().is_file() => paths.push(path),
            _ => {}
        }
    }
}

/// A file that is being fetched: `blobs/HASH.incomplete`, which is this process's alone as long as it has the lock.
pub(super) struct Part {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) hasher: Hasher,
    pub(super) len: u64,
    /// What was there of it when it was opened.
    pub(super) inherited: u64,
    /// The largest that it ever was.
    pub(super) longest: u64,
    /// Bytes that came over the network.
    pub(super) came: u64,
}

impl Part {
    /// Waits until no other pull has it; `None` if that one has completed the file.
    pub(super) fn open(cached: &CachedRepo, file: &Remote, watch: &mut dyn Watch) -> Result<Option<Part>, Error> {
        let blob = cached.blob(file);
        let path = blob.with_file_name(format!("{}.incomplete", file.hash));
        let folder = cached.folder.join("blobs");
        fs::create_dir_all(&folder).map_err(Error::disk(&folder))?;
        loop {
            let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let mut opened = options.map_err(Error::disk(&path))?;
            match opened.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    watch.waits(&format!("{}: another pull is fetching it; waiting for that", file.path));
                    opened.lock().map_err(Error::disk(&path))?;
                }
                // A file system without locks.
                Err(TryLockError::Error(_)) => {}
            }
            // The other pull may have renamed or deleted what was opened here.
            let is_same = is_same_file(&opened, &path);
            if cached.has_blob(file) {
                if is_same {
                    let _ = fs::remove_file(&path);
                }
                return Ok(None);
            }
            if is_same {
                let mut hasher = Hasher::new(file);
                let len = io::copy(&mut opened, &mut hasher).map_err(Error::disk(&path))?;
                let mut part = Part { file: opened, path, hasher, len, inherited: len, longest: len, came: 0 };
                if len > file.size {
                    part.restart()?;
                }
                return Ok(Some(part));
            }
        }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::disk(&self.path))?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        self.came += bytes.len() as u64;
        self.longest = self.longest.max(self.len);
        Ok(())
    }

    pub(super) fn restart(&mut self) -> Result<(), Error> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(Error::disk(&self.path))?;
        self.hasher.reset();
        (self.len, self.inherited) = (0, 0);
        Ok(())
    }

    /// Gives a file whose bytes are right its name. False if it must be fetched afresh, since what an earlier pull left
    /// of it was no good.
    pub(super) fn finish(&mut self, cached: &CachedRepo, file: &Remote, what: &str) -> Result<bool, Error> {
        let hash = self.hasher.finish();
        if hash == file.hash {
            let blob = cached.blob(file);
            self.file.sync_all().and_then(|()| fs::rename(&self.path, &blob)).map_err(Error::disk(&blob))?;
            return Ok(true);
        }
        if self.inherited > 0 {
            self.restart()?;
            return Ok(false);
        }
        let _ = fs::remove_file(&self.path);
        let problem = format!("its hash is {hash}, the hub states {}", file.hash);
        Err(Error::Damaged { what: what.into(), problem })
    }
}

pub(super) fn is_same_file(file: &File, path: &Path) -> bool {
    let identity = |m: fs::Metadata| (m.dev(), m.ino());
    file.metadata().map(identity).ok() == fs::metadata(path).map(identity).ok()
}

/// The hash by which the hub calls a file.
pub(super) enum Hasher {
    Large(Sha256),
    /// Git hashes a header with the size before the bytes.
    Git {
        size: u64,
        sha: Sha1,
    },
}

impl Hasher {
    pub(super) fn new(file: &Remote) -> Hasher {
        let mut hasher = match file.hash.len() {
            64 => Hasher::Large(Sha256::new()),
            _ => Hasher::Git { size: file.size, sha: Sha1::new() },
        };
        hasher.reset();
        hasher
    }

    pub(super) fn reset(&mut self) {
        match self {
            Hasher::Large(sha) => *sha = Sha256::new(),
            Hasher::Git { size, sha } => *sha = Sha1::new_with_prefix(format!("blob {size}\0")),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Large(sha) => sha.update(bytes),
            Hasher::Git { sha, .. } => sha.update(bytes),
        }
    }

    pub(super) fn finish(&self) -> String {
        match self {
            Hasher::Large(sha) => hex(&sha.clone().finalize()),
            Hasher::Git { sha, .. } => hex(&sha.clone().finalize()),
        }
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
