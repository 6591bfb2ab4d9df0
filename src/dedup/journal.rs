//! The journal: what is about to be done to a file, on the disk before it is done, and what came of it.
//!
//! A line is an object of JSON. After a run that was killed some acts have no end; what lies where tells how far each came.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What becomes of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Another name of the file that is kept; of identical files only.
    Hardlink,
    /// A link to the file that is kept; of identical files only.
    Symlink,
    /// Another folder.
    Move,
    /// The trash of the desktop.
    Trash,
}

/// What can be wrong with a journal.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error("{}: cannot read or write the journal: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: is no journal of `pokedex dedup`", path.display())]
    Foreign { path: PathBuf },
    #[error("{}: line {line} of the journal cannot be read", path.display())]
    Damaged { path: PathBuf, line: usize },
    #[error("{}: another run is acting with this journal", path.display())]
    Busy { path: PathBuf },
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Io { .. } => Some("without a journal no file is touched: --journal FILE names another place".into()),
            Error::Foreign { .. } => Some("--journal FILE names another".into()),
            Error::Damaged { .. } => Some("each line is an object of JSON: mend it, or take files back by hand".into()),
            Error::Busy { .. } => Some("wait until it is done".into()),
        }
    }
}

/// A path in a journal: as text, with `%XX` for what is not UTF-8 and for `%` itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) struct Name(pub PathBuf);

impl From<Name> for String {
    fn from(name: Name) -> String {
        let mut text = String::new();
        for chunk in name.0.as_os_str().as_bytes().utf8_chunks() {
            text.push_str(&chunk.valid().replace('%', "%25"));
            chunk.invalid().iter().for_each(|byte| text.push_str(&format!("%{byte:02X}")));
        }
        text
    }
}

impl From<String> for Name {
    fn from(text: String) -> Name {
        let bytes = text.as_bytes();
        let (mut path, mut at) = (Vec::with_capacity(bytes.len()), 0);
        while let Some(&byte) = bytes.get(at) {
            let escaped = text.get(at + 1..at + 3).filter(|_| byte == b'%');
            let escaped = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok());
            path.push(escaped.unwrap_or(byte));
            at += if escaped.is_some() { 3 } else { 1 };
        }
        Name(std::ffi::OsString::from_vec(path).into())
    }
}

/// What is about to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub number: u64,
    pub action: Action,
    pub file: Name,
    pub keeper: Name,
    /// BLAKE3 of both, in hexadecimal digits.
    pub content: String,
    pub keeper_content: String,
    /// Of the file, for who makes it again.
    pub mode: u32,
    pub modified: (i64, i64),
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// What the trash notes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Name>,
    /// Names that are used meanwhile.
    pub parts: [Name; 2],
    /// Folders that are made for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<Name>,
}

impl Intent {
    pub(super) fn content(&self) -> Option<[u8; 32]> {
        blake3::Hash::from_hex(&self.content).ok().map(|hash| *hash.as_bytes())
    }

    pub(super) fn keeper_content(&self) -> Option<[u8; 32]> {
        blake3::Hash::from_hex(&self.keeper_content).ok().map(|hash| *hash.as_bytes())
    }
}

/// A line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// Of the file: its version.
    PokedexDedupJournal(u32),
    Begin(Box<Intent>),
    Done(u64),
    Failed(u64, String),
    Undone(u64),
}

/// How far an act has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody knows.
    Begun,
    Done,
    /// Everything is as it was.
    Failed,
    /// It was taken back.
    Undone,
}

/// A journal that only this run writes to.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    acts: BTreeMap<u64, (Intent, State)>,
}

impl Journal {
    /// Opens it, or begins one.
    ///
    /// # Errors
    /// It is none, another run writes to it, or it cannot be written.
    pub(super) fn open(path: &Path, must_exist: bool) -> Result<Journal, Error> {
        let fail = |source| Error::Io { path: path.into(), source };
        let mut file = File::options().read(true).append(true).create(!must_exist).open(path).map_err(fail)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: path.into() }),
            // On a file system without locks one has to take care oneself.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        // A run that was killed has written a part of its last line: nothing was done of what it says.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let foreign = || Error::Foreign { path: path.into() };
        if whole == 0 && !HEAD.as_bytes().starts_with(&bytes) {
            return Err(foreign());
        }
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|_| foreign())?;
        let mut journal = Journal { path: path.into(), file, acts: BTreeMap::new() };
        for (number, line) in (1..).zip(text.lines()) {
            match (number, serde_json::from_str(line)) {
                (1, Ok(Line::PokedexDedupJournal(1))) => {}
                (1, _) => return Err(foreign()),
                (_, Ok(line)) => journal.take(line),
                (line, Err(_)) => return Err(Error::Damaged { path: path.into(), line }),
            }
        }
        journal.file.set_len(whole as u64).map_err(fail)?;
        if whole == 0 {
            journal.write(&Line::PokedexDedupJournal(1))?;
            super::files::sync_folder(path).map_err(fail)?;
        }
        Ok(journal)
    }

    fn take(&mut self, line: Line) {
        let (number, state) = match line {
            Line::Begin(intent) => {
                self.acts.insert(intent.number, (*intent, State::Begun));
                return;
            }
            Line::Done(number) => (number, State::Done),
            Line::Failed(number, _) => (number, State::Failed),
            Line::Undone(number) => (number, State::Undone),
            Line::PokedexDedupJournal(_) => return,
        };
        if let Some((_, known)) = self.acts.get_mut(&number) {
            *known = state;
        }
    }

    fn write(&mut self, line: &Line) -> Result<(), Error> {
        let text = serde_json::to_string(line).expect("a line is plain data");
        self.append(format!("{text}\n").as_bytes())?;
        self.take(line.clone());
        Ok(())
    }

    /// What is returned from is on the disk.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        written.map_err(|source| Error::Io { path: self.path.clone(), source })
    }

    /// The number of the next act.
    pub(super) fn next(&self) -> u64 {
        self.acts.last_key_value().map_or(1, |(number, _)| number + 1)
    }

    pub(super) fn begin(&mut self, intent: &Intent) -> Result<(), Error> {
        self.write(&Line::Begin(Box::new(intent.clone())))
    }

    pub(super) fn done(&mut self, number: u64) -> Result<(), Error> {
        self.write(&Line::Done(number))
    }

    pub(super) fn failed(&mut self, number: u64, why: &str) -> Result<(), Error> {
        self.write(&Line::Failed(number, why.into()))
    }

    pub(super) fn undone(&mut self, number: u64) -> Result<(), Error> {
        self.write(&Line::Undone(number))
    }

    /// The acts in this state, in their order.
    pub(super) fn acts(&self, state: State) -> Vec<Intent> {
        self.acts.values().filter(|(_, own)| *own == state).map(|(intent, _)| intent.clone()).collect()
    }
}

/// The first line.
const HEAD: &str = "{\"pokedex_dedup_journal\":1}";

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(number: u64) -> Intent {
        let name = |name: &str| Name(name.into());
        Intent {
            number,
            action: Action::Trash,
            file: Name(std::ffi::OsString::from_vec(b"/a/100%25 \xff.png".to_vec()).into()),
            keeper: name("/b"),
            content: blake3::hash(b"a").to_hex().to_string(),
            keeper_content: blake3::hash(b"b").to_hex().to_string(),
            mode: 0o644,
            modified: (-5, 7),
            to: Some(name("/c")),
            info: None,
            parts: [name("/d"), name("/e")],
            folders: vec![name("/f")],
        }
    }

    #[test]
    fn what_was_written_is_read_back_wherever_the_last_line_was_torn() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, false).expect("a journal");
        (1..=3).for_each(|number| journal.begin(&intent(number)).expect("written"));
        journal.done(1).expect("written");
        journal.failed(2, "no").expect("written");
        assert!(matches!(Journal::open(&path, true), Err(Error::Busy { .. })));
        drop(journal);
        let whole = std::fs::read(&path).expect("there");
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).expect("written");
            let mut journal = Journal::open(&path, true).expect("a journal");
            let number = journal.next();
            journal.begin(&intent(number)).expect("written");
            drop(journal);
            let journal = Journal::open(&path, true).expect("a journal");
            assert!(journal.acts(State::Begun).contains(&intent(number)), "{length}");
            if length == whole.len() {
                assert_eq!(journal.acts(State::Begun), [intent(3), intent(4)]);
                assert_eq!(journal.acts(State::Done), [intent(1)]);
            }
        }
    }

    #[test]
    fn other_files_are_no_journals() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.txt");
        for text in ["dear diary\n", "{}\n", "dear", "{\"done\":1}\n"] {
            std::fs::write(&path, text).expect("written");
            assert!(matches!(Journal::open(&path, false), Err(Error::Foreign { .. })), "{text}");
            assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
        }
        assert!(Journal::open(&folder.path().join("nowhere"), true).is_err());
    }
}
