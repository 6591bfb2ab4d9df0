//! The database's tables, and the pages that they take: how it is made, opened, kept small and emptied.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, params};

use super::problem::Problem;

/// `pkdx`, by which a file is known to be ours, whatever else is wrong with it.
const APPLICATION: i32 = 0x706b_6478;

/// Version of the tables below, and of the page.
pub(super) const VERSION: i32 = 1;

/// Large enough that several vectors share a page.
pub(super) const PAGE: u64 = 8192;

/// `content` is the hash of an image file. Rows are numbered as they come, so the lowest is the oldest.
const TABLES: &str = "
    CREATE TABLE models (
        id INTEGER PRIMARY KEY, model TEXT NOT NULL, variant TEXT NOT NULL, dimension INTEGER NOT NULL);
    CREATE TABLE vectors (
        id INTEGER PRIMARY KEY, model INTEGER NOT NULL, content BLOB NOT NULL, vector BLOB NOT NULL,
        digest INTEGER NOT NULL, UNIQUE (model, content));";

pub(super) const NAME: &str = "INSERT OR IGNORE INTO models VALUES (?1, ?2, ?3, ?4)";

/// What is there already is damaged: a sound row is not written again.
pub(super) const KEEP: &str = "INSERT OR REPLACE INTO vectors (model, content, vector, digest) VALUES (?1, ?2, ?3, ?4)";

pub(super) const FIND: &str = "SELECT vector, digest FROM vectors WHERE model = ?1 AND content = ?2";

const FORGET_OLDEST: &str = "DELETE FROM vectors WHERE id IN (SELECT id FROM vectors ORDER BY id LIMIT ?1)";

/// How long to wait for other processes, which hold a lock for milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// Rows or pages that are removed at once where there are many, so that other processes get their turn.
const STEP: u64 = 1000;

/// Forgets the oldest vectors where the database is too large, some more than have just come in. Their pages are used
/// again.
pub(super) fn make_room(database: &Connection, limit: u64, new: u64) -> rusqlite::Result<()> {
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
pub(super) fn merge_journal(database: &Connection) -> rusqlite::Result<()> {
    database.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))
}

/// Opens the database, if it is one of ours. Needs the lock, shared at least.
pub(super) fn open(path: &Path) -> Result<Connection, Problem> {
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
pub(super) fn create(path: &Path) -> Result<(), Problem> {
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
pub(super) fn is_ours(path: &Path) -> bool {
    let mut header = Vec::new();
    if path.symlink_metadata().is_ok_and(|about| !about.is_file()) {
        return false;
    }
    match File::open(path).and_then(|file| file.take(72).read_to_end(&mut header)) {
        Ok(length) => length == 0 || header.get(68..72) == Some(&APPLICATION.to_be_bytes()),
        Err(e) => e.kind() == ErrorKind::NotFound,
    }
}

/// Removes the vectors of a model, or all, and gives their room back to the system, in steps between which other
/// processes get their turn.
pub(super) fn forget(database: &Connection, model: Option<i64>) -> rusqlite::Result<()> {
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
