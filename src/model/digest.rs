//! SHA-256 of large files, computed once: a query must not read half a gigabyte to know which model it uses.
//!
//! What was computed is remembered in the cache folder by the file's place, and forgotten when its size, times or
//! inode change.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::cache::own::Kind;
use crate::io::write_file;

/// Smaller files are read again each time.
const SMALL: u64 = 1 << 16;

/// The SHA-256 of a file.
pub(super) fn of_file(path: &Path) -> io::Result<[u8; 32]> {
    let path = path.canonicalize()?;
    let mut file = File::open(&path)?;
    let facts = file.metadata()?;
    let memo = memo_of(&path).filter(|_| facts.len() >= SMALL);
    let key = key_of(&facts);
    if let Some(digest) = memo.as_ref().and_then(|memo| recall(memo, &key)) {
        return Ok(digest);
    }
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    let digest: [u8; 32] = hasher.finalize().into();
    // A file that changed a moment ago may change again within the resolution of its times.
    let is_settled = facts.modified().is_ok_and(|at| at < SystemTime::now() - Duration::from_secs(2));
    if let Some(memo) = memo.filter(|_| is_settled && file.metadata().is_ok_and(|now| key_of(&now) == key)) {
        // Not remembering is slower, not wrong.
        let _ = remember(&memo, &key, &digest);
    }
    Ok(digest)
}

fn memo_of(path: &Path) -> Option<PathBuf> {
    let name = Kind::Digests.entry(&blake3::hash(path.as_os_str().as_encoded_bytes()));
    Kind::Digests.folder().map(|folder| folder.join(name))
}

/// What a file's content is known by, without reading it.
pub(super) fn key_of(facts: &Metadata) -> String {
    format!(
        "{} {} {}.{} {}.{}",
        facts.ino(),
        facts.len(),
        facts.mtime(),
        facts.mtime_nsec(),
        facts.ctime(),
        facts.ctime_nsec()
    )
}

fn recall(memo: &Path, key: &str) -> Option<[u8; 32]> {
    let text = std::fs::read_to_string(memo).ok()?;
    let (remembered, digest) = text.trim_end().split_once('\n')?;
    if remembered == key { parse_digest(digest) } else { None }
}

fn remember(memo: &Path, key: &str, digest: &[u8; 32]) -> io::Result<()> {
    Kind::Digests.make()?;
    write_file(memo, format!("{key}\n{}\n", hex(digest)).as_bytes()).map_err(io::Error::other)
}

/// Hexadecimal digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A SHA-256 from its 64 hexadecimal digits.
pub(super) fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let mut digest = [0; 32];
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    (text.len() == 64).then_some(digest)
}
