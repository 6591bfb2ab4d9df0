//! Embeddings that have been computed once, found again by content and model: one database for all models.
//!
//! Hides: SQLite, the limit of its size, what becomes of a damaged file. Promises: a vector that is found is the one
//! that was kept, bit for bit; what was kept survives the death of the process; several threads and processes use one
//! cache at once; memory does not grow with it. A failure of the cache is never a failure of the run, only a message
//! ([`Cache::trouble`]). Only home of `rusqlite`.
//!
//! Every process that has the database open shares the lock of a file beside it; who removes or replaces the database
//! holds that lock alone. So what one process uses no other takes away.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::identity::{ModelId, short_id};
use crate::notes;

pub mod own;

use own::{Kind, cache_folder};

const DATABASE: &str = "embeddings.sqlite";

/// What is appended to the name of a file that was found in the database's place and is none of ours.
const ASIDE: &str = ".aside";

/// `pkdx`, by which a file is known to be ours, whatever else is wrong with it.
const APPLICATION: i32 = 0x706b_6478;

/// Version of the tables below, and of the page.
const VERSION: i32 = 1;

/// Large enough that several vectors share a page.
const PAGE: u64 = 8192;

/// `content` is the hash of an image file. Rows are numbered as they come, so the lowest is the oldest.
const TABLES: &str = "
    CREATE TABLE models (
        id INTEGER PRIMARY KEY, model TEXT NOT NULL, variant TEXT NOT NULL, dimension INTEGER NOT NULL);
    CREATE TABLE vectors (
        id INTEGER PRIMARY KEY, model INTEGER NOT NULL, content BLOB NOT NULL, vector BLOB NOT NULL,
        digest INTEGER NOT NULL, UNIQUE (model, content));";

const NAME: &str = "INSERT OR IGNORE INTO models VALUES (?1, ?2, ?3, ?4)";

/// What is there already is damaged: a sound row is not written again.
const KEEP: &str = "INSERT OR REPLACE INTO vectors (model, content, vector, digest) VALUES (?1, ?2, ?3, ?4)";

const FIND: &str = "SELECT vector, digest FROM vectors WHERE model = ?1 AND content = ?2";

const FORGET_OLDEST: &str = "DELETE FROM vectors WHERE id IN (SELECT id FROM vectors ORDER BY id LIMIT ?1)";

/// How long to wait for other processes, which hold a lock for milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// Rows or pages that are removed at once where there are many, so that other processes get their turn.
const STEP: u64 = 1000;

/// Bytes that the database may take where `$POKEDEX_CACHE_LIMIT` says nothing else.
const DEFAULT_LIMIT: u64 = 10 << 30;

/// What can go wrong when the cache itself is asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no folder for a cache")]
    NoFolder,
    #[error("{}: cannot be cleared: {problem}", path.display())]
    Clear { path: PathBuf, problem: String },
    #[error("{model}: the cache has no vectors of this model")]
    NoVectors { model: String, kept: Vec<String> },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::NoFolder => Some("set POKEDEX_CACHE to a folder".into()),
            Error::Clear { .. } => Some("it may help to wait until no other process is using the cache".into()),
            Error::NoVectors { kept, .. } if kept.is_empty() => Some("it is empty".into()),
            Error::NoVectors { kept, .. } => Some(format!("it has vectors of {}", kept.join(", "))),
        }
    }
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

/// What sets the vectors of one model apart from all others.
struct Part {
    /// Follows from the name: nobody needs to look it up, and nobody gives it to another model.
    id: i64,
    hash: [u8; 32],
    model: String,
    variant: String,
    dimension: usize,
}

impl Part {
    fn new(model: &ModelId, dimension: usize, variant: &str) -> Part {
        let (model, variant) = (model.full(), variant.to_string());
        let hash = *blake3::hash(format!("{model}{variant}").as_bytes()).as_bytes();
        Part { id: first_number(&hash), hash, model, variant, dimension }
    }

    fn find(&self, database: &Connection, content: &[u8; 32]) -> Result<Option<Vec<f32>>, Problem> {
        let mut statement = database.prepare(FIND)?;
        let mut rows = statement.query(params![self.id, content])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        // Damage turns values into such of other types, too.
        let (Ok(vector), Ok(digest)) = (row.get_ref(0)?.as_blob(), row.get_ref(1)?.as_i64()) else { return Ok(None) };
        let sound = vector.len() == 4 * self.dimension && digest == self.digest(content, vector);
        Ok(sound.then(|| vector.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }

    fn keep(&self, database: &mut Connection, vectors: &[([u8; 32], &[f32])], limit: u64) -> Result<(), Problem> {
        // Locked from the start: one that begins to write later may find that another process was faster, and fail.
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(NAME, params![self.id, self.model, self.variant, self.dimension as i64])?;
        let mut keep = transaction.prepare(KEEP)?;
        for (content, vector) in vectors {
            debug_assert_eq!(vector.len(), self.dimension);
            // Another process may have been faster.
            if self.find(&transaction, content)?.is_some() {
                continue;
            }
            let vector: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            keep.execute(params![self.id, content, vector, self.digest(content, &vector)])?;
            // Where the way to a row is damaged, the row would be computed again in every run.
            if self.find(&transaction, content)?.is_none() {
                return Err(Problem::Damaged);
            }
        }
        drop(keep);
        make_room(&transaction, limit, vectors.len() as u64)?;
        Ok(transaction.commit()?)
    }

    /// Shows a row that is not as it was written.
    fn digest(&self, content: &[u8; 32], vector: &[u8]) -> i64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.hash).update(content).update(vector);
        first_number(hasher.finalize().as_bytes())
    }
}

fn first_number(hash: &[u8; 32]) -> i64 {
    i64::from_le_bytes(hash[..8].try_into().expect("a hash is longer than a number"))
}

/// Forgets the oldest vectors where the database is too large, some more than have just come in. Their pages are used
/// again.
fn make_room(database: &Connection, limit: u64, new: u64) -> rusqlite::Result<()> {
    let (pages, free) = (count(database, "page_count")?, count(database, "freelist_count")?);
    let most = limit / PAGE;
    if pages.saturating_sub(free) > most {
        database.execute(FORGET_OLDEST, [(2 * new + 64) as i64])?;
    }
    // Only after the limit was lowered.
    if free > 0 && pages > most + most / 64 + 64 {
        give_back(database, 64)?;
    }
    Ok(())
}

/// Gives free pages back to the system.
fn give_back(database: &Connection, pages: u64) -> rusqlite::Result<()> {
    database.pragma(None, "incremental_vacuum", pages as i64, |_| Ok(()))
}

fn count(database: &Connection, pragma: &str) -> rusqlite::Result<u64> {
    Ok(database.pragma_query_one::<i64>(None, pragma)?.unsigned_abs())
}

/// Writes what is in the journal to the database, and empties it.
fn merge_journal(database: &Connection) -> rusqlite::Result<()> {
    database.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("there is no cache")]
    Missing,
    #[error("the cache is damaged")]
    Damaged,
    #[error("the cache is of another version of pokedex")]
    OtherVersion,
    #[error("this is no cache")]
    Foreign,
    #[error("other processes are using the cache")]
    InUse,
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("{0}")]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Problem {
        use ErrorCode::{
            DatabaseBusy, DatabaseCorrupt, DatabaseLocked, FileLockingProtocolFailed, NotADatabase, Unknown,
        };
        match error.sqlite_error_code() {
            // The unknown: a statement that does not fit the tables, or a header that makes no sense.
            Some(DatabaseCorrupt | NotADatabase | Unknown) => Problem::Damaged,
            Some(DatabaseBusy | DatabaseLocked | FileLockingProtocolFailed) => Problem::InUse,
            _ => Problem::Database(error),
        }
    }
}

impl Problem {
    /// Whether a new database ends it.
    fn is_curable(&self) -> bool {
        matches!(self, Problem::Missing | Problem::Damaged | Problem::OtherVersion | Problem::Foreign)
    }

    /// Whether it comes of a folder in which this user may not write, or of a limit of nothing.
    fn is_wanted(&self) -> bool {
        match self {
            Problem::Missing => true,
            Problem::File(e) => matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem),
            Problem::Database(e) => {
                use ErrorCode::{CannotOpen, PermissionDenied, ReadOnly};
                matches!(e.sqlite_error_code(), Some(CannotOpen | PermissionDenied | ReadOnly))
            }
            _ => false,
        }
    }
}

/// Where the database is, and the lock that says who may do what with the file.
struct Place {
    database: PathBuf,
    lock: File,
}

impl Place {
    fn new(folder: &Path) -> Result<Place, Problem> {
        let lock = File::options().create(true).append(true).open(folder.join("embeddings.lock"))?;
        // SQLite takes a name that begins with `file:` for an address.
        Ok(Place { database: std::path::absolute(folder.join(DATABASE))?, lock })
    }

    /// Shares the lock, unless another process has it alone.
    fn try_shared(&self) -> Result<bool, Problem> {
        locked(self.lock.try_lock_shared())
    }

    /// Takes the lock alone, unless another process has it or shares it. Lets go of a share.
    fn try_alone(&self) -> Result<bool, Problem> {
        self.lock.unlock()?;
        locked(self.lock.try_lock())
    }

    /// Opens the database that is there.
    fn open(&self) -> Result<Connection, Problem> {
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
    fn open_or_renew(&self, may_write: bool, trouble: &mut Vec<String>) -> Result<Connection, Problem> {
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
    fn empty(&self) -> Result<(), Problem> {
        match self.try_alone()? {
            true if is_ours(&self.database) => self.remove().map(drop),
            true => Err(Problem::Foreign),
            false => Ok(forget(&self.open()?, None)?),
        }
    }

    /// Removes the database, or sets aside what is in its place and may be somebody's. Needs the lock alone.
    fn remove(&self) -> Result<Option<PathBuf>, Problem> {
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

/// Opens the database, if it is one of ours. Needs the lock, shared at least.
fn open(path: &Path) -> Result<Connection, Problem> {
    let about = match std::fs::metadata(path) {
        Ok(about) if !about.is_file() => return Err(Problem::Foreign),
        Ok(about) if about.len() == 0 => return Err(Problem::Missing),
        Ok(about) => about,
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(Problem::Missing),
        Err(e) => return Err(e.into()),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    database.busy_timeout(PATIENCE)?;
    // By itself SQLite removes the journal at the end, by its name, which may be that of another one's by then.
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // A crash of the system may lose the last moments, not the database.
    database.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;
        PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 16777216;",
    )?;
    let number = |pragma| database.pragma_query_one::<i32>(None, pragma);
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION, VERSION) => {}
        (APPLICATION, _) => return Err(Problem::OtherVersion),
        _ => return Err(Problem::Foreign),
    }
    // A damaged header can say that nothing may be written.
    if database.is_readonly("main")? && !about.permissions().readonly() {
        return Err(Problem::Damaged);
    }
    for statement in [NAME, KEEP, FIND] {
        database.prepare(statement)?;
    }
    Ok(database)
}

/// Makes an empty database.
fn create(path: &Path) -> Result<(), Problem> {
    let database = Connection::open(path)?;
    // Free pages can be given back some at a time; must be said before there are tables.
    database.execute_batch(&format!(
        "PRAGMA page_size = {PAGE}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = OFF;
        PRAGMA journal_mode = WAL; {TABLES}
        PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    ))?;
    database.close().map_err(|(_, error)| error.into())
}

/// Whether a file is one that [`create`] made, or nothing at all. Must not be asked while this process has it open:
/// closing a file that is open twice ends the locks of both.
fn is_ours(path: &Path) -> bool {
    let mut header = Vec::new();
    if path.symlink_metadata().is_ok_and(|about| !about.is_file()) {
        return false;
    }
    match File::open(path).and_then(|file| file.take(72).read_to_end(&mut header)) {
        Ok(length) => length == 0 || header.get(68..72) == Some(&APPLICATION.to_be_bytes()),
        Err(e) => e.kind() == ErrorKind::NotFound,
    }
}

/// The user's cache folder: the vectors, and what other parts of the program keep beside them.
pub struct Folder(PathBuf);

/// What is in the cache folder, for people.
#[derive(Debug)]
pub struct Contents {
    pub folder: PathBuf,
    /// Bytes that the vectors take on disk, and may take.
    pub bytes: u64,
    pub limit: u64,
    pub models: Vec<Kept>,
    /// Files and folders beside the vectors, and their bytes.
    pub others: Vec<(String, u64)>,
    /// What the user should know besides: `THING: what is wrong`.
    pub trouble: Vec<String>,
}

/// What was removed.
#[derive(Debug)]
pub struct Cleared {
    pub bytes: u64,
    /// What has a name of the cache's, and is somebody's or holds something that is.
    pub stay: Vec<PathBuf>,
}

/// The vectors that are kept of one model.
#[derive(Debug)]
pub struct Kept {
    id: i64,
    full: String,
    variant: String,
    pub vectors: u64,
    pub bytes: u64,
}

impl Kept {
    /// `name@` and the first 16 hex digits, and what else sets its vectors apart.
    pub fn name(&self) -> String {
        format!("{}{}", short_id(&self.full), self.variant)
    }

    /// Whether the user means this one by a name, or by a name and the first digits.
    fn is_meant(&self, model: &str) -> bool {
        let name = self.full.rsplit_once('@').map_or(&*self.full, |(name, _)| name);
        name == model
            || (model.len() > name.len() + 1 && format!("{}{}", self.full, self.variant).starts_with(model))
            || model == self.name()
    }
}

impl Folder {
    /// The folder of this user.
    ///
    /// # Errors
    /// The system has none.
    pub fn of_user() -> Result<Folder, Error> {
        cache_folder().map(Folder).ok_or(Error::NoFolder)
    }

    /// What is there. Makes nothing and mends nothing.
    pub fn contents(&self) -> Contents {
        let mut trouble = Vec::new();
        let limit = limit(&mut trouble);
        let models = match self.open().and_then(|(database, _place)| Ok(kept(&database)?)) {
            Ok(models) => models,
            Err(problem) => {
                if !problem.is_wanted() {
                    trouble.push(format!("{}: {problem}", self.0.join(DATABASE).display()));
                }
                Vec::new()
            }
        };
        let aside = format!("{DATABASE}{ASIDE}");
        let others = Kind::ALL.map(|kind| (kind.name().to_string(), self.bytes_of(kind)));
        let others = others.into_iter().chain([(aside.clone(), size(&self.0.join(aside)))]);
        let others = others.filter(|(_, bytes)| *bytes > 0).collect();
        Contents { folder: self.0.clone(), bytes: self.bytes(), limit, models, others, trouble }
    }

    /// Removes everything that is the program's own. A process that is using the cache goes on.
    ///
    /// # Errors
    /// The system refuses, or another process is using a cache that is damaged.
    pub fn clear(&self) -> Result<Cleared, Error> {
        let everything = || self.bytes() + Kind::ALL.map(|kind| self.bytes_of(kind)).iter().sum::<u64>();
        let before = everything();
        let mut stay = Vec::new();
        let mut clear = || -> Result<(), Problem> {
            if let Some(place) = self.place()? {
                match place.empty() {
                    Err(Problem::Foreign) => stay.push(self.0.join(DATABASE)),
                    emptied => emptied?,
                }
            }
            for kind in Kind::ALL {
                if kind.clear(&self.0)? {
                    stay.push(self.0.join(kind.name()));
                }
            }
            Ok(())
        };
        clear().map_err(|problem| self.not_cleared(&problem))?;
        Ok(Cleared { bytes: before.saturating_sub(everything()), stay })
    }

    fn bytes_of(&self, kind: Kind) -> u64 {
        let files = kind.own(&self.0).into_iter().filter_map(|path| path.symlink_metadata().ok());
        files.filter(std::fs::Metadata::is_file).map(|about| about.len()).sum()
    }

    /// Removes the vectors of the models that are meant by `NAME` or `NAME@FIRST-DIGITS`, and says which those were.
    ///
    /// # Errors
    /// There are none, or the cache is damaged, or the system refuses.
    pub fn clear_model(&self, model: &str) -> Result<Vec<Kept>, Error> {
        let clear = || {
            let (database, place) = match self.open() {
                Err(Problem::Missing) => return Ok((Vec::new(), Vec::new())),
                opened => opened?,
            };
            let (meant, others): (Vec<Kept>, Vec<Kept>) = kept(&database)?.into_iter().partition(|k| k.is_meant(model));
            if others.is_empty() {
                drop(database);
                place.empty()?;
            } else {
                meant.iter().try_for_each(|kept| forget(&database, Some(kept.id)))?;
            }
            Ok((meant, others))
        };
        let (meant, others) = clear().map_err(|problem| self.not_cleared(&problem))?;
        if meant.is_empty() {
            return Err(Error::NoVectors { model: model.into(), kept: others.iter().map(Kept::name).collect() });
        }
        Ok(meant)
    }

    /// Bytes of the database with its journal.
    fn bytes(&self) -> u64 {
        ["", "-wal", "-shm"].iter().map(|suffix| size(&self.0.join(format!("{DATABASE}{suffix}")))).sum()
    }

    fn place(&self) -> Result<Option<Place>, Problem> {
        // Where nothing is, nothing is made.
        if self.bytes() == 0 && !self.0.join(DATABASE).exists() {
            return Ok(None);
        }
        Place::new(&self.0).map(Some)
    }

    fn open(&self) -> Result<(Connection, Place), Problem> {
        let place = self.place()?.ok_or(Problem::Missing)?;
        Ok((place.open()?, place))
    }

    fn not_cleared(&self, problem: &Problem) -> Error {
        Error::Clear { path: self.0.clone(), problem: problem.to_string() }
    }
}

fn kept(database: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut statement = database.prepare(
        "SELECT id, model, variant, dimension, (SELECT count(*) FROM vectors WHERE vectors.model = models.id)
        FROM models ORDER BY model, variant",
    )?;
    let rows = statement.query_map([], |row| {
        let (dimension, vectors) = (u64::from(row.get::<_, u32>(3)?), u64::from(row.get::<_, u32>(4)?));
        Ok(Kept {
            id: row.get(0)?,
            full: row.get(1)?,
            variant: row.get(2)?,
            vectors,
            bytes: vectors.saturating_mul(4 * dimension),
        })
    })?;
    rows.filter(|kept| !kept.as_ref().is_ok_and(|kept| kept.vectors == 0)).collect()
}

/// Removes the vectors of a model, or all, and gives their room back to the system, in steps between which other
/// processes get their turn.
fn forget(database: &Connection, model: Option<i64>) -> rusqlite::Result<()> {
    let mut last = i64::MIN;
    loop {
        // In the order of their numbers, as they lie on the disk; the plus keeps SQLite from using the index.
        let step = "SELECT max(id) FROM (SELECT id FROM vectors WHERE id > ?1 ORDER BY id LIMIT ?2)";
        let Some(next) = database.query_row(step, [last, STEP as i64], |row| row.get::<_, Option<i64>>(0))? else {
            break;
        };
        let range = "DELETE FROM vectors WHERE id > ?1 AND id <= ?2 AND (?3 IS NULL OR +model = ?3)";
        database.execute(range, params![last, next, model])?;
        last = next;
    }
    let mut free = count(database, "freelist_count")?;
    while free > 0 {
        give_back(database, STEP)?;
        let rest = count(database, "freelist_count")?;
        if rest >= free {
            break;
        }
        free = rest;
    }
    merge_journal(database)
}

/// Bytes of a file, or of all files below a folder; nothing where there is neither.
fn size(path: &Path) -> u64 {
    match std::fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => {
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
        }
        Ok(about) => about.len(),
        Err(_) => 0,
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

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Bytes that the database may take.
fn limit(trouble: &mut Vec<String>) -> u64 {
    let Some(text) = std::env::var_os("POKEDEX_CACHE_LIMIT") else { return DEFAULT_LIMIT };
    let text = text.to_string_lossy();
    parse_size(&text).unwrap_or_else(|| {
        trouble.push(format!("POKEDEX_CACHE_LIMIT: `{text}` is no size (500M, 10G, 0 to keep nothing); 10G is used"));
        DEFAULT_LIMIT
    })
}

/// `500M`, `10G`: a number of bytes, and a power of 1024.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_uppercase();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let power = match &text[digits.len()..] {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 1,
        "M" | "MB" | "MIB" => 2,
        "G" | "GB" | "GIB" => 3,
        "T" | "TB" | "TIB" => 4,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << (10 * power))
}

/// What a thread that panicked left behind is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMENSION: usize = 16;

    fn open(folder: &Path) -> Cache {
        open_for(folder, "m", DEFAULT_LIMIT)
    }

    fn open_for(folder: &Path, model: &str, limit: u64) -> Cache {
        let part = Part::new(&ModelId { name: model.into(), digest: [0xab; 32] }, DIMENSION, "");
        Cache::open_in(folder, limit, part, Vec::new()).expect("a cache")
    }

    fn content(number: u32) -> [u8; 32] {
        *blake3::hash(&number.to_le_bytes()).as_bytes()
    }

    fn vector(number: u32) -> Vec<f32> {
        (0..DIMENSION).map(|i| (number as f32 * 0.7 + i as f32).sin()).collect()
    }

    /// A few at a time, as `embed` does.
    fn put(cache: &Cache, numbers: std::ops::Range<u32>) {
        for start in numbers.clone().step_by(8) {
            let slice: Vec<_> = (start..numbers.end.min(start + 8)).map(|n| (content(n), vector(n))).collect();
            cache.put(&slice.iter().map(|(content, vector)| (*content, &vector[..])).collect::<Vec<_>>());
        }
    }

    /// How many of these are found; what is found must be what was put.
    fn found(cache: &Cache, numbers: std::ops::Range<u32>) -> usize {
        let found = numbers.filter_map(|number| cache.get(&content(number)).map(|found| (number, found)));
        found.inspect(|(number, found)| assert_eq!(found, &vector(*number))).count()
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn database(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join(DATABASE)
    }

    /// Numbers without a pattern, the same in each run.
    fn random(seed: u64) -> impl FnMut(usize) -> usize {
        let mut state = seed;
        move |below| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let hash = blake3::hash(&state.to_le_bytes());
            (first_number(hash.as_bytes()).unsigned_abs() % below as u64) as usize
        }
    }

    #[test]
    fn what_was_put_is_found_bit_for_bit() {
        let folder = folder();
        let odd = [f32::NAN, -0.0, f32::MIN_POSITIVE / 2.0, f32::NEG_INFINITY].repeat(DIMENSION / 4);
        let cache = open(folder.path());
        cache.put(&[(content(1), &vector(1)), (content(2), &odd)]);
        for cache in [&cache, &open(folder.path())] {
            let bits = |vector: Vec<f32>| vector.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            assert_eq!(cache.get(&content(1)).map(bits), Some(bits(vector(1))));
            assert_eq!(cache.get(&content(2)).map(bits), Some(bits(odd.clone())));
            assert_eq!(cache.get(&content(3)), None);
        }
    }

    #[test]
    fn models_variants_and_dimensions_are_kept_apart() {
        let folder = folder();
        put(&open(folder.path()), 0..3);
        assert_eq!(found(&open_for(folder.path(), "n", DEFAULT_LIMIT), 0..3), 0);
        for (dimension, variant) in [(DIMENSION, "-batched"), (DIMENSION / 2, "")] {
            let part = Part::new(&ModelId { name: "m".into(), digest: [0xab; 32] }, dimension, variant);
            let cache = Cache::open_in(folder.path(), DEFAULT_LIMIT, part, Vec::new()).expect("a cache");
            assert_eq!(found(&cache, 0..3), 0);
        }
    }

    #[test]
    fn threads_and_processes_use_it_at_once() {
        let folder = folder();
        let caches = [open(folder.path()), open(folder.path())];
        std::thread::scope(|scope| {
            for thread in 0..6u32 {
                let cache = &caches[thread as usize % 2];
                scope.spawn(move || {
                    put(cache, thread * 50..thread * 50 + 100);
                    assert_eq!(found(cache, thread * 50..thread * 50 + 100), 100);
                });
            }
        });
        assert_eq!(found(&caches[0], 0..350), 350);
        assert_eq!(caches.map(|cache| cache.trouble()), [[""; 0]; 2]);
        let kept = Folder(folder.path().into()).contents().models;
        assert_eq!((kept.len(), kept[0].vectors, kept[0].bytes), (1, 350, 350 * 64));
    }

    #[test]
    fn a_flipped_bit_is_passed_over_and_written_again() {
        let folder = folder();
        put(&open(folder.path()), 0..20);
        let mut bytes = std::fs::read(database(&folder)).expect("readable");
        let blob: Vec<u8> = vector(7).iter().flat_map(|x| x.to_le_bytes()).collect();
        let at = bytes.windows(blob.len()).position(|window| window == blob).expect("the vector is in the file");
        bytes[at + 17] ^= 4;
        std::fs::write(database(&folder), bytes).expect("writable");
        let cache = open(folder.path());
        assert_eq!((found(&cache, 0..20), cache.get(&content(7))), (19, None));
        put(&cache, 7..8);
        assert_eq!(found(&cache, 0..20), 20);
        assert_eq!(cache.trouble(), [""; 0]);
    }

    /// Whatever is in the files, the worst is that vectors are computed again: in this run, and never after the next.
    #[test]
    fn no_damage_gives_a_wrong_vector_or_stays() {
        let folder = folder();
        let files = [database(&folder), with_suffix(&database(&folder), "-wal")];
        // So small a limit that there are vectors in the database and in its journal.
        let cache = open_for(folder.path(), "m", 8 << 20);
        put(&cache, 0..300);
        // As a process leaves them that is killed.
        let sound = files.each_ref().map(|file| std::fs::read(file).expect("readable"));
        drop(cache);
        for seed in 0..200 {
            let mut damaged = sound.clone();
            let mut random = random(seed);
            match seed {
                0..100 => damaged[0][seed as usize] ^= 0xff,
                _ => (0..=random(4)).for_each(|_| damage(&mut damaged[random(4) / 3], &mut random)),
            }
            for (file, bytes) in files.iter().zip(damaged) {
                std::fs::write(file, bytes).expect("writable");
            }
            for _ in 0..2 {
                let cache = open(folder.path());
                found(&cache, 0..300);
                put(&cache, 0..310);
                found(&cache, 0..310);
                assert!(cache.trouble().len() <= 1, "{:?}", cache.trouble());
            }
            let cache = open(folder.path());
            put(&cache, 0..310);
            assert_eq!(found(&cache, 0..310), 310, "{seed}: {:?}", cache.trouble());
            drop(cache);
            Folder(folder.path().into()).clear().expect("cleared");
            let _ = std::fs::remove_file(with_suffix(&files[0], ASIDE));
        }
    }

    fn damage(bytes: &mut Vec<u8>, random: &mut impl FnMut(usize) -> usize) {
        let at = random(bytes.len() + 1);
        let length = if random(2) == 0 { 1 + random(4) } else { random(5000) };
        let kind = random(8);
        for byte in bytes.iter_mut().skip(at).take(length) {
            *byte = if kind == 1 { 0 } else { *byte ^ (1 << random(8)) };
        }
        if kind == 0 {
            bytes.truncate(at);
        }
    }

    #[test]
    fn a_damaged_cache_is_renewed_once_by_those_who_find_it_at_the_same_time() {
        for damage in [&b""[..], b"not a database, but long enough to be taken for one", &[0; 100_000]] {
            let folder = folder();
            put(&open(folder.path()), 0..30);
            std::fs::write(database(&folder), damage).expect("writable");
            let trouble: Vec<String> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..6)
                    .map(|thread| {
                        let path = folder.path();
                        scope.spawn(move || {
                            let cache = open(path);
                            put(&cache, thread * 10..thread * 10 + 10);
                            (cache.trouble(), cache)
                        })
                    })
                    .collect();
                threads.into_iter().flat_map(|thread| thread.join().expect("no panic").0).collect()
            });
            assert_eq!(trouble.len(), usize::from(!damage.is_empty()), "{trouble:?}");
            assert_eq!(found(&open(folder.path()), 0..60), 60);
        }
    }

    #[test]
    fn what_is_none_of_ours_is_set_aside() {
        let folder = folder();
        let somebodys = Connection::open(database(&folder)).expect("a database");
        somebodys.execute_batch("CREATE TABLE embeddings (vector BLOB)").expect("a table");
        drop(somebodys);
        let bytes = std::fs::read(database(&folder)).expect("readable");
        let cache = open(folder.path());
        let [trouble] = &cache.trouble()[..] else { panic!("{:?}", cache.trouble()) };
        assert!(trouble.ends_with("this is no cache; this run does without the cache"), "{trouble}");
        drop(cache);
        let cleared = Folder(folder.path().into()).clear().expect("nothing to do");
        assert_eq!(cleared.stay, [database(&folder)]);
        assert_eq!(std::fs::read(database(&folder)).expect("there"), bytes);

        // In the cache's own folder it may have been put by chance, or be a cache whose first page is damaged.
        let folder = self::folder();
        own::make(folder.path()).expect("made");
        std::fs::write(database(&folder), bytes).expect("writable");
        let cache = open(folder.path());
        let [trouble] = &cache.trouble()[..] else { panic!("{:?}", cache.trouble()) };
        assert!(trouble.ends_with("this was no cache; it is now embeddings.sqlite.aside, and a new cache was started"));
        let contents = Folder(folder.path().into()).contents();
        assert!(matches!(&contents.others[..], [(name, 1..)] if name == "embeddings.sqlite.aside"));
        drop(cache);
        Folder(folder.path().into()).clear().expect("cleared");
        assert!(with_suffix(&database(&folder), ASIDE).exists());
    }

    #[test]
    fn another_version_is_renewed_unless_it_is_in_use() {
        let folder = folder();
        let user = open(folder.path());
        put(&user, 0..5);
        let other = Connection::open(database(&folder)).expect("a database");
        other.pragma_update(None, "user_version", VERSION + 1).expect("writable");
        drop(other);
        let cache = open(folder.path());
        assert!(cache.trouble()[0].contains("another version of pokedex; this run does without"));
        assert_eq!(found(&cache, 0..5), 0);
        assert_eq!(found(&user, 0..5), 5);
        drop((user, cache));
        let cache = open(folder.path());
        assert!(cache.trouble()[0].contains("another version of pokedex; a new one was started"));
        put(&cache, 0..5);
        assert_eq!(found(&cache, 0..5), 5);
    }

    #[test]
    fn damage_in_the_middle_of_a_run_silences_it_and_the_next_starts_anew() {
        let folder = folder();
        put(&open(folder.path()), 0..2000);
        let cache = open(folder.path());
        let length = std::fs::metadata(database(&folder)).expect("a file").len() as usize;
        let file = File::options().write(true).open(database(&folder)).expect("writable");
        std::os::unix::fs::FileExt::write_all_at(&file, &vec![0x55; length - 8192], 8192).expect("writable");
        drop(file);
        assert_eq!(found(&cache, 0..2000), 0);
        put(&cache, 0..3);
        assert_eq!(found(&cache, 0..3), 0);
        assert_eq!(cache.trouble().len(), 1);
        assert!(cache.trouble()[0].contains("the cache is damaged; this run goes on without it"));
        let next = open(folder.path());
        assert_eq!(next.trouble(), [""; 0]);
        put(&next, 0..3);
        assert_eq!(found(&next, 0..3), 3);
    }

    #[test]
    fn the_oldest_vectors_go_when_it_is_full() {
        let folder = folder();
        let limit = 1 << 20;
        let cache = open_for(folder.path(), "m", limit);
        put(&cache, 0..20_000);
        let newest = found(&cache, 0..20_000);
        assert!((3000..12_000).contains(&newest), "{newest}");
        assert_eq!(found(&cache, 20_000 - newest as u32..20_000), newest, "they are the last");
        drop(cache);
        let bytes = std::fs::metadata(database(&folder)).expect("a file").len();
        assert!(bytes < limit + limit / 20, "{bytes}");
        // A lower limit shrinks the file, a little with each vector that is put.
        let limit = 1 << 18;
        let cache = open_for(folder.path(), "m", limit);
        put(&cache, 20_000..21_000);
        drop(cache);
        let bytes = std::fs::metadata(database(&folder)).expect("a file").len();
        assert!(bytes < limit + 70 * PAGE, "{bytes}");
    }

    #[test]
    fn a_limit_of_nothing_writes_nothing_and_reads_what_is_there() {
        let folder = folder();
        let nowhere = folder.path().join("nowhere");
        let part = || Part::new(&ModelId { name: "m".into(), digest: [0xab; 32] }, DIMENSION, "");
        assert!(Cache::open_in(&nowhere, 0, part(), Vec::new()).is_none());
        assert!(!nowhere.exists());
        put(&open(folder.path()), 0..3);
        let cache = open_for(folder.path(), "m", 0);
        put(&cache, 3..6);
        assert_eq!(found(&cache, 0..6), 3);
    }

    #[test]
    fn clearing_harms_nobody_who_is_using_it() {
        let folder = folder();
        let (cache, other) = (open(folder.path()), open_for(folder.path(), "n", DEFAULT_LIMIT));
        put(&cache, 0..3000);
        put(&other, 0..3000);
        let (folder, full) =
            (Folder(folder.path().into()), std::fs::metadata(database(&folder)).expect("a file").len());
        assert!(matches!(folder.clear_model("o"), Err(Error::NoVectors { kept, .. }) if kept.len() == 2));
        let removed = folder.clear_model("m").expect("cleared");
        assert_eq!((removed.len(), removed[0].vectors), (1, 3000));
        assert_eq!((found(&cache, 0..3000), found(&other, 0..3000)), (0, 3000));
        let half = std::fs::metadata(folder.0.join(DATABASE)).expect("a file").len();
        assert!(half < full * 6 / 10, "{half} of {full}");
        assert!(folder.clear().expect("cleared").bytes > half / 2);
        put(&cache, 0..10);
        assert_eq!((found(&cache, 0..10), found(&other, 0..3000)), (10, 0));
        assert_eq!(folder.contents().models.len(), 1);
        assert_eq!([cache.trouble(), other.trouble()], [[""; 0]; 2]);
    }

    #[test]
    fn models_are_meant_by_name_and_first_digits() {
        let kept = |full: &str, variant: &str| Kept {
            id: 0,
            full: full.into(),
            variant: variant.into(),
            vectors: 0,
            bytes: 0,
        };
        let digits = "0123456789abcdef".repeat(4);
        let (plain, batched) = (kept(&format!("m@{digits}"), ""), kept(&format!("m@{digits}"), "-batched"));
        assert_eq!(batched.name(), "m@0123456789abcdef-batched");
        for model in ["m", "m@0", "m@0123456789abcdef", &format!("m@{digits}")] {
            assert!(plain.is_meant(model) && batched.is_meant(model), "{model}");
        }
        assert!(batched.is_meant("m@0123456789abcdef-batched") && !plain.is_meant("m@0123456789abcdef-batched"));
        for model in ["", "M", "m@", "m@1", "mm"] {
            assert!(!plain.is_meant(model), "{model}");
        }
    }

    #[test]
    fn sizes_are_numbers_with_a_unit() {
        for (text, size) in [("0", 0), ("1000", 1000), ("2k", 2048), ("500M", 500 << 20), (" 10GiB ", 10 << 30)] {
            assert_eq!(parse_size(text), Some(size), "{text}");
        }
        for text in ["", "G", "1.5G", "-1", "10X", "1 0", "10GG", "99999999999T"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
