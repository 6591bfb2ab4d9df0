//! Pictures of the web that were fetched before, with what their server calls that version (`ETag`, `Last-Modified`): it is asked
//! whether there is another, and sends nothing where there is none (RFC 9110, section 13).
//!
//! A file a picture, called after a hash of its address: a line of JSON, and the bytes. One that is damaged, or of another address, is as
//! none. What cannot be kept is fetched again, and no error.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::version::Version;
use crate::io::write_file;

/// Where pictures are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shelf {
    /// The folder, made if need be; nothing else is in it.
    pub folder: fn() -> io::Result<PathBuf>,
    /// What a file in it is called, by the hash of an address.
    pub name: fn(&blake3::Hash) -> String,
    /// Whether a file has such a name; no other is removed.
    pub is_name: fn(&str) -> bool,
    /// Bytes that may be kept there.
    pub room: fn() -> u64,
}

static SHELF: OnceLock<Shelf> = OnceLock::new();
/// The shelf's folder, once it was made.
static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
/// Bytes that are kept, once that is known.
static KEPT: Mutex<Option<u64>> = Mutex::new(None);

/// From now on pictures of the web are kept there.
pub(crate) fn keep_pictures(shelf: Shelf) {
    let _ = SHELF.set(shelf);
}

#[derive(Serialize, Deserialize)]
struct Head {
    url: String,
    #[serde(flatten)]
    version: Version,
    /// BLAKE3 of the bytes.
    hash: String,
}

/// A picture that was fetched before.
pub(super) struct Kept {
    pub(super) version: Version,
    pub(super) bytes: Vec<u8>,
}

/// What is kept of an address.
pub(super) fn find(url: &str) -> Option<Kept> {
    let path = place(url)?;
    let mut file = std::fs::read(&path).ok()?;
    let end = file.iter().position(|&byte| byte == b'\n')?;
    let head: Head = serde_json::from_slice(&file[..end]).ok()?;
    let bytes = file.split_off(end + 1);
    let is_whole = head.url == url && head.hash == blake3::hash(&bytes).to_hex().as_str();
    // What is in use is the last to go.
    let _ = std::fs::File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    is_whole.then_some(Kept { version: head.version, bytes })
}

/// Keeps what was fetched, if its server tells versions apart.
pub(super) fn keep(url: &str, version: Version, bytes: &[u8]) {
    let Some(path) = place(url).filter(|_| version.is_told()) else { return };
    let head = Head { url: url.into(), version, hash: blake3::hash(bytes).to_hex().to_string() };
    let Ok(mut file) = serde_json::to_vec(&head) else { return };
    file.push(b'\n');
    file.extend(bytes);
    if make_room(&path, file.len() as u64) {
        let _ = write_file(&path, &file);
    }
}

/// The file of an address.
fn place(url: &str) -> Option<PathBuf> {
    let shelf = SHELF.get()?;
    if (shelf.room)() == 0 {
        return None;
    }
    let folder = FOLDER.get_or_init(|| (shelf.folder)().ok()).as_ref()?;
    Some(folder.join((shelf.name)(&blake3::hash(url.as_bytes()))))
}

/// Removes what was not in use for longest until there is room for so many more bytes; whether there is then.
fn make_room(path: &Path, more: u64) -> bool {
    let (Some(shelf), Some(folder)) = (SHELF.get(), path.parent()) else { return false };
    let room = (shelf.room)();
    // A large picture would push out all others.
    if more > room / 8 {
        return false;
    }
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let all = kept.unwrap_or(u64::MAX);
    if all.saturating_add(more) <= room {
        *kept = Some(all + more);
        return true;
    }
    let mut files = files(folder, shelf.is_name);
    files.sort();
    let mut bytes: u64 = files.iter().map(|(_, _, bytes)| bytes).sum();
    let enough = if bytes + more > room { room - room / 8 } else { room };
    for (_, file, own) in files {
        if bytes + more <= enough {
            break;
        }
        if std::fs::remove_file(file).is_ok() {
            bytes -= own;
        }
    }
    *kept = Some(bytes + more);
    bytes + more <= room
}

/// When each file was last in use, its path and its bytes.
fn files(folder: &Path, is_name: fn(&str) -> bool) -> Vec<(SystemTime, PathBuf, u64)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let file = |entry: std::fs::DirEntry| {
        let about = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let is_own = entry.file_name().to_str().is_some_and(is_name);
        is_own.then_some((about.modified().ok()?, entry.path(), about.len()))
    };
    entries.filter_map(file).collect()
}
