//! The journal of a run: its lines, and the token that is in the names of a run's unfinished files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::files::hash;
use super::{Digest, JOURNAL, guard};
use crate::io::Error;

/// The journal of this run, once it has begun.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) file: Mutex<Option<File>>,
    /// Whether it names anything that this run made.
    pub(super) used: AtomicBool,
    /// What was made beside the many files of rows.
    pub(super) others: Mutex<BTreeMap<String, Digest>>,
}

impl Journal {
    /// Notes that a file of these bytes is about to appear.
    pub(super) fn made(&self, path: &Path, file: &str, content: &Digest, note: &str) -> Result<(), Error> {
        // A name may hold a line break.
        let name = serde_json::Value::from(file);
        self.write(path, &format!("+ {} {name} {note}\n", blake3::Hash::from_bytes(*content).to_hex()))?;
        self.used.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn write(&self, path: &Path, line: &str) -> Result<(), Error> {
        let mut journal = guard(&self.file);
        let journal = journal.as_mut().expect("a run begins before it writes");
        journal.write_all(line.as_bytes()).map_err(|source| Error::Write { path: path.join(JOURNAL), source })
    }
}

/// A text that no other run has, of 16 hexadecimal digits.
pub(super) fn token() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:016x}", hash(&format!("{} {}", std::process::id(), now.as_nanos())))
}

pub(super) fn is_token(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a file is one that the run of this token did not finish: `.NAME.TOKEN-NUMBER.part`.
pub(super) fn is_part(file: &str, token: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    let number = name.strip_prefix('.').and_then(|name| name.strip_suffix(".part")?.rsplit_once('-'));
    number.is_some_and(|(name, number)| {
        name.strip_suffix(token).is_some_and(|name| name.ends_with('.')) && number.parse::<u64>().is_ok()
    })
}

/// The command of a run, from its version and settings.
pub(super) fn command_of(settings: &str) -> &str {
    settings.split(' ').nth(1).unwrap_or_default()
}

pub(super) fn parse_digest(line: &str) -> Option<(Digest, &str)> {
    let (content, rest) = line.split_once(' ')?;
    Some((*blake3::Hash::from_hex(content).ok()?.as_bytes(), rest))
}

pub(super) fn parse_made(line: &str) -> Option<(String, Digest, &str)> {
    let (content, rest) = parse_digest(line)?;
    let mut names = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let file = names.next()?.ok()?;
    Some((file, content, rest[names.byte_offset()..].trim()))
}
