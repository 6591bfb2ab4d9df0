//! Where the database is, and whose it is at the moment: the lock beside it, and what becomes of a file that is damaged, of
//! another version, or somebody's.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::database::{PATIENCE, create, forget, is_ours, open};
use super::own;
use super::problem::Problem;

pub(super) const DATABASE: &str = "embeddings.sqlite";

/// What is appended to the name of a file that was found in the database's place and is none of ours.
pub(super) const ASIDE: &str = ".aside";

/// Where the database is, and the lock that says who may do what with the file.
pub(super) struct Place {
    pub(super) database: PathBuf,
    lock: File,
}

impl Place {
    pub(super) fn new(folder: &Path) -> Result<Place, Problem> {
        let lock = File::options().create(true).append(true).open(folder.join("embeddings.lock"))?;
        // SQLite takes a name that begins with `file:` for an address.
        Ok(Place { database: std::path::absolute(folder.join(DATABASE))?, lock })
    }

    /// Shares the lock, unless another process has it alone.
    fn try_shared(&self) -> Result<bool, Problem> {
        locked(self.lock.try_lock_shared())
    }

    /// Takes the lock alone, unless another process has it or shares it. Lets go of a share.
    pub(super) fn try_alone(&self) -> Result<bool, Problem> {
        self.lock.unlock()?;
        locked(self.lock.try_lock())
    }

    /// Opens the database that is there.
    pub(super) fn open(&self) -> Result<Connection, Problem> {
        let waiting = Waiting::start();
        while !self.try_shared()? {
            if !waiting.goes_on() {
                return Err(Problem::InUse);
            }
        }
        open(&self.database)
    }

    /// Opens the database; where there is none that can be used, a new one. Of several processes that need a new one
    /// at the same time one makes it, and the others find it.
    pub(super) fn open_or_renew(&self, may_write: bool, trouble: &mut Vec<String>) -> Result<Connection, Problem> {
        let waiting = Waiting::start();
        loop {
            let problem = match self.try_shared()? {
                true => match open(&self.database) {
                    Err(problem) if problem.is_curable() && may_write => problem,
                    opened => return opened,
                },
                false => Problem::InUse,
            };
            if self.try_alone()? {
                let renewed = self.renew(trouble);
                self.lock.unlock()?;
                renewed?;
            }
            if !waiting.goes_on() {
                return Err(problem);
            }
        }
    }

    /// Makes a new database, unless another process has just done so. Needs the lock alone.
    fn renew(&self, trouble: &mut Vec<String>) -> Result<(), Problem> {
        let problem = match open(&self.database) {
            Err(problem) if problem.is_curable() => problem,
            opened => return opened.map(drop),
        };
        let path = self.database.display();
        // In a folder that was not the program's from the start, what it does not know stays where it is.
        if !is_ours(&self.database) && !self.database.parent().is_some_and(own::is_marked) {
            return Err(Problem::Foreign);
        }
        match (self.remove()?, problem) {
            (Some(aside), _) => trouble.push(format!(
                "{path}: this was no cache; it is now {}, and a new cache was started",
                aside.file_name().unwrap_or_default().display()
            )),
            (None, Problem::Missing) => {}
            (None, Problem::OtherVersion) => {
                trouble.push(format!("{path}: the cache was of another version of pokedex; a new one was started"));
            }
            (None, _) => trouble.push(format!("{path}: the cache was damaged; a new one was started")),
        }
        // A process that is killed here leaves a half-made file, but not under this name.
        let unfinished = with_suffix(&self.database, ".new");
        for suffix in ["", "-journal", "-wal", "-shm"] {
            remove_if_there(&with_suffix(&unfinished, suffix))?;
        }
        create(&unfinished)?;
        Ok(std::fs::rename(unfinished, &self.database)?)
    }

    /// Removes what is in the database; the database itself, unless another process has it open.
    pub(super) fn empty(&self) -> Result<(), Problem> {
        match self.try_alone()? {
            true if is_ours(&self.database) => self.remove().map(drop),
            true => Err(Problem::Foreign),
            false => Ok(forget(&self.open()?, None)?),
        }
    }

    /// Removes the database, or sets aside what is in its place and may be somebody's. Needs the lock alone.
    pub(super) fn remove(&self) -> Result<Option<PathBuf>, Problem> {
        let aside = (!is_ours(&self.database)).then(|| with_suffix(&self.database, ASIDE));
        // The database last: without its journal it is old, a journal without its database is another's.
        for suffix in ["-shm", "-wal", ""] {
            let file = with_suffix(&self.database, suffix);
            match &aside {
                None => remove_if_there(&file)?,
                Some(aside) if file.exists() => std::fs::rename(&file, with_suffix(aside, suffix))?,
                Some(_) => {}
            }
        }
        Ok(aside)
    }
}

fn locked(attempt: Result<(), TryLockError>) -> Result<bool, Problem> {
    match attempt {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(Problem::File(e)),
    }
}

/// Patience with other processes.
struct Waiting(Instant);

impl Waiting {
    fn start() -> Waiting {
        Waiting(Instant::now() + PATIENCE)
    }

    /// Sleeps a moment, or says that it has been long enough.
    fn goes_on(&self) -> bool {
        // Two processes that wait for each other should not do so in step.
        std::thread::sleep(Duration::from_millis(5 + u64::from(std::process::id() % 11)));
        Instant::now() < self.0
    }
}

fn remove_if_there(path: &Path) -> Result<(), Problem> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        removed => Ok(removed?),
    }
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
