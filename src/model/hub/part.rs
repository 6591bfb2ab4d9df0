//! A file on its way into the hub's cache, which is one process's alone.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::hash::Hasher;
use super::store::CachedRepo;
use super::{Remote, Watch};

/// A file that is being fetched: `blobs/HASH.incomplete`, which is this process's alone as long as it has the lock.
pub(super) struct Part {
    file: File,
    path: PathBuf,
    hasher: Hasher,
    pub(super) len: u64,
    /// What was there of it when it was opened.
    inherited: u64,
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

fn is_same_file(file: &File, path: &Path) -> bool {
    let identity = |m: fs::Metadata| (m.dev(), m.ino());
    file.metadata().map(identity).ok() == fs::metadata(path).map(identity).ok()
}
