//! Embeddings that have been computed once, found again by content and model: one database for all models.
//!
//! Hides: SQLite, the limit of its size, what becomes of a damaged file. Promises: a vector that is found is the one
//! that was kept, bit for bit; what was kept survives the death of the process; several threads and processes use one
//! cache at once; memory does not grow with it. A failure of the cache is never a failure of the run, only a message
//! ([`Cache::trouble`]). Only home of `rusqlite`.
//!
//! Every process that has the database open shares the lock of a file beside it; who removes or replaces the database
//! holds that lock alone. So what one process uses no other takes away.

mod database;
mod folder;
mod limit;
pub mod own;
mod part;
mod place;
mod problem;

use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::Connection;

use super::identity::ModelId;
use crate::{io, notes};
use database::{PAGE, PATIENCE, merge_journal, open};
use limit::limit;
pub(super) use limit::room;
use part::Part;
use place::Place;
use problem::Problem;

pub use folder::{Cleared, Contents, Error, Folder, Kept};

/// Pictures of the web may take so many bytes.
const MOST_OF_THE_WEB: u64 = 1 << 30;

/// From now on pictures of the web are kept in the user's cache, with what tells whether they have changed.
pub fn keep_pictures_of_the_web() {
    io::keep_pictures(io::Shelf {
        folder: || own::Kind::Web.make(),
        name: |hash| own::Kind::Web.entry(hash),
        is_name: |name| own::Kind::Web.is_entry(name),
        room: || limit(&mut Vec::new()).min(MOST_OF_THE_WEB),
    });
}

/// The vectors of one model.
pub struct Cache {
    part: Part,
    limit: u64,
    /// Two connections, so that who looks up does not wait for who writes. `None` once it has failed.
    reader: Mutex<Option<Connection>>,
    writer: Mutex<Option<Connection>>,
    /// The lock under which they are open, therefore dropped after them. `None` once the database was found damaged.
    place: Mutex<Option<Place>>,
    trouble: Mutex<Vec<String>>,
}

impl Cache {
    /// Opens the user's cache (`$POKEDEX_CACHE`, else `pokedex` in the user's cache folder) for vectors of this model,
    /// or `None` where there is no such folder and none can be made: computing again is slower, not wrong. What the
    /// identity does not tell and yet shows in the last bits of a vector is the `variant`.
    pub fn open(model: &ModelId, dimension: usize, variant: &str) -> Option<Cache> {
        let mut trouble = Vec::new();
        let limit = limit(&mut trouble);
        Cache::open_in(&Folder::of_user().ok()?.0, limit, Part::new(model, dimension, variant), trouble)
    }

    fn open_in(folder: &Path, limit: u64, part: Part, mut trouble: Vec<String>) -> Option<Cache> {
        let unusable = |problem: &dyn std::fmt::Display| {
            let shown = folder.display();
            notes::say("cache", format!("{shown}: cannot keep vectors ({problem}); the next run computes them again"));
        };
        if limit > 0 {
            own::make(folder).inspect_err(|problem| unusable(problem)).ok()?;
        }
        let place = Place::new(folder).inspect_err(|problem| unusable(problem)).ok()?;
        let connections = place.open_or_renew(limit > 0, &mut trouble).and_then(|reader| {
            let writer = open(&place.database)?;
            // The journal counts too: it is at most a small part of a small cache.
            writer.pragma_update(None, "wal_autocheckpoint", (limit / PAGE / 32).clamp(8, 1000) as i64)?;
            Ok((reader, writer))
        });
        let (reader, writer) = match connections {
            Ok((reader, writer)) => (Some(reader), Some(writer)),
            Err(problem) if problem.is_wanted() => return None,
            Err(problem) => {
                trouble.push(format!("{}: {problem}; this run does without the cache", place.database.display()));
                (None, None)
            }
        };
        let [reader, writer] = [reader, writer].map(Mutex::new);
        Some(Cache { part, limit, reader, writer, place: Mutex::new(Some(place)), trouble: Mutex::new(trouble) })
    }

    /// The vector of this content, if it was ever kept.
    pub fn get(&self, content: &[u8; 32]) -> Option<Vec<f32>> {
        self.with(&self.reader, "the cache cannot be read any more", |database| self.part.find(database, content))?
    }

    /// Keeps vectors, of the model's dimension, for the next run. A failure (a full disk) is no failure of the run.
    pub fn put(&self, vectors: &[([u8; 32], &[f32])]) {
        if self.limit > 0 && !vectors.is_empty() {
            let failed = "the cache cannot be written any more (`pokedex cache clear` makes room, POKEDEX_CACHE names \
                          another place)";
            self.with(&self.writer, failed, |database| self.part.keep(database, vectors, self.limit));
        }
    }

    /// What the user should know about the cache when the run is over, each thing once: `THING: what is wrong`.
    pub fn trouble(&self) -> Vec<String> {
        lock(&self.trouble).clone()
    }

    /// Leaves one file with everything in it, when the run is over. A process that is killed leaves a journal beside
    /// it, which the next one reads.
    pub fn finish(&self) {
        if let Some(writer) = &*lock(&self.writer) {
            let _ = writer.busy_timeout(Duration::ZERO);
            let _ = merge_journal(writer);
        }
    }

    /// Uses a connection, if it has not failed before.
    fn with<T>(
        &self,
        connection: &Mutex<Option<Connection>>,
        failed: &str,
        work: impl FnOnce(&mut Connection) -> Result<T, Problem>,
    ) -> Option<T> {
        let mut guard = lock(connection);
        let database = guard.as_mut()?;
        let result = work(database);
        // Who waited in vain does not wait again before it went well once: a process that was stopped while it held a
        // lock must not stop this one too.
        let patience = if let Err(Problem::InUse) = result { Duration::ZERO } else { PATIENCE };
        let _ = database.busy_timeout(patience);
        match result {
            Ok(value) => return Some(value),
            Err(Problem::InUse) => {}
            Err(Problem::Damaged) => {
                drop(guard);
                self.give_up();
            }
            Err(problem) => {
                *guard = None;
                drop(guard);
                self.say(failed, &problem);
            }
        }
        None
    }

    /// The database turned out to be damaged: this run goes on without it. The next starts a new one, unless another
    /// process has the damaged one open still.
    fn give_up(&self) {
        // In this order: when the last connection is gone, no thread can come by another.
        *lock(&self.reader) = None;
        *lock(&self.writer) = None;
        let Some(place) = lock(&self.place).take() else { return };
        let path = place.database.display();
        lock(&self.trouble).push(format!("{path}: the cache is damaged; this run goes on without it"));
        if let Ok(true) = place.try_alone() {
            // Where it cannot be removed now, whoever opens it next sees to it.
            let _ = place.remove();
        }
    }

    fn say(&self, failed: &str, problem: &Problem) {
        if let Some(place) = &*lock(&self.place) {
            lock(&self.trouble).push(format!("{}: {failed}: {problem}", place.database.display()));
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What a thread that panicked left behind is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests;
