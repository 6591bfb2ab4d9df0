//! A folder that a run writes: what a run may create, replace and remove there.
//!
//! A file is a run's own only where a manifest or journal of an earlier run names it with the BLAKE3 of its bytes *and it
//! has these bytes now*. Nothing else is ever replaced or removed, whatever a manifest says; nothing is written through a
//! link, or outside the folder. Who writes a folder gives every input to [`Within`], opens a [`Folder`], lets it look at
//! the names it wants ([`Folder::claim`]) or at the whole folder ([`Folder::require_alone`]), and only then begins.
//!
//! While a run is under way its folder has a journal, [`JOURNAL`]: a line before a file appears, with the digest of its
//! bytes. The manifest of the run before is `.pokedex.previous` for so long. So a run that was killed at any moment knows
//! on the next time what is its own, and what it need not do again; a folder with a manifest and no journal is one that is
//! complete. Folder and journal are locked. A run that fails before it has made anything leaves the folder as it was.

mod earlier;
mod files;
mod journal;
mod within;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::sink::Seal;
use super::{Error, Sink, is_address};
use earlier::Earlier;
pub(crate) use files::lies_below;
use files::{digest_of, hash, parent, start};
use journal::{Journal, token};
pub(crate) use within::Within;

/// What a folder holds while a run is under way, and after one that was killed.
pub(crate) const JOURNAL: &str = ".pokedex.journal";
const PREVIOUS: &str = ".pokedex.previous";

/// The BLAKE3 of a file's bytes.
pub type Digest = [u8; 32];

/// How the owner of a folder keeps its manifest: the file that is written last and names all others.
pub(crate) trait Record {
    /// The manifest's name in the folder.
    fn manifest(&self) -> &'static str;

    /// Tells `made` of the files that a manifest names, below the folder, with the digests of their bytes. `false` where
    /// the file is no manifest of this owner's.
    fn read(&mut self, manifest: &Path, made: &mut dyn FnMut(&str, Digest)) -> bool;

    /// Hears what a killed run of the same settings noted of bytes that it made: a file's ([`Folder::put`]), or some that
    /// lie in a larger one ([`Folder::remark`]).
    fn note(&mut self, _file: Option<&str>, _content: Digest, _note: &str) {}
}

/// What was there before this run, and what it did about that.
#[derive(Debug, Default)]
struct Before {
    /// Folders that were made, the innermost first.
    made: Vec<PathBuf>,
    /// A journal of a run that was killed.
    journal: bool,
    /// A manifest was put aside.
    aside: AtomicBool,
}

/// A folder that is being written; who drops it before it is complete has failed.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    manifest: &'static str,
    settings: String,
    /// Whether files of others may be replaced; `None` where nobody can say so.
    force: Option<bool>,
    /// Locked for as long as it is open.
    _lock: File,
    journal: Arc<Journal>,
    before: Before,
    earlier: Earlier,
    /// The beginning of the digest of each file that was found to be what an earlier run made.
    found: Mutex<HashMap<u64, u64>>,
    /// What belongs to this run: hashes of names.
    own: Mutex<HashSet<u64>>,
    /// Folders below this one that are no links, and are there.
    sound: Mutex<HashSet<String>>,
    /// What this run's unfinished files have in their names, and how many there were.
    token: String,
    parts: AtomicU64,
    complete: AtomicBool,
}

impl Folder {
    /// Opens a folder, making it where it is not there, and reads what earlier runs made. Runs of equal `settings` make
    /// the same of the same inputs; their first word is the command, whose folder it then is. `force`: files of others are replaced where they have names that are wanted.
    ///
    /// # Errors
    /// Another run writes to it, its manifest or journal is somebody else's, or it cannot be read or written. Then it is
    /// as it was.
    pub(crate) fn open(
        path: &Path,
        settings: &str,
        force: Option<bool>,
        record: &mut dyn Record,
    ) -> Result<Folder, Error> {
        let fail = |source| Error::Write { path: path.to_path_buf(), source };
        if is_address(path) {
            let why = "a bucket takes tables, and this is a folder of files: write it here and copy it there";
            return Err(fail(std::io::Error::new(std::io::ErrorKind::Unsupported, why)));
        }
        let missing = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists());
        let mut before = Before { made: missing.map(Path::to_path_buf).collect(), ..Before::default() };
        fs::create_dir_all(path).map_err(fail)?;
        let lock = File::open(path).map_err(fail)?;
        // File systems without locks have none to take.
        if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(Error::Busy { folder: path.into() });
        }
        before.journal = fs::symlink_metadata(path.join(JOURNAL)).is_ok();
        let mut folder = Folder {
            path: path.into(),
            manifest: record.manifest(),
            settings: format!("{} {settings}", env!("CARGO_PKG_VERSION")),
            force,
            _lock: lock,
            journal: Arc::default(),
            before,
            earlier: Earlier::default(),
            found: Mutex::default(),
            own: Mutex::default(),
            sound: Mutex::default(),
            token: token(),
            parts: AtomicU64::new(0),
            complete: AtomicBool::new(false),
        };
        folder.read_earlier(record)?;
        Ok(folder)
    }

    fn foreign(&self, files: Vec<String>, more: usize) -> Error {
        Error::Foreign { folder: self.path.clone(), files, more, force: self.force == Some(false) }
    }

    /// The file of this name.
    pub(crate) fn join(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// Begins: from here on the folder is unfinished.
    ///
    /// # Errors
    /// The journal cannot be written, or another run has begun.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        let path = self.join(JOURNAL);
        let fail = |source| Error::Write { path: path.clone(), source };
        let mut journal = File::options().read(true).create(true).append(true).open(&path).map_err(fail)?;
        // Where a folder cannot be locked, a file may.
        if matches!(journal.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(Error::Busy { folder: self.path.clone() });
        }
        // A line that was torn ends here.
        let first = if self.before.journal { "\n" } else { "" };
        let line = format!("{first}# {} {}\n", self.token, self.settings);
        journal.write_all(line.as_bytes()).map_err(fail)?;
        *guard(&self.journal.file) = Some(journal);
        let manifest = self.join(self.manifest);
        if fs::symlink_metadata(&manifest).is_ok() {
            fs::rename(&manifest, self.join(PREVIOUS)).map_err(|source| Error::Write { path: manifest, source })?;
            self.before.aside.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The length of a file that has these bytes.
    pub(crate) fn has(&self, file: &str, content: &Digest) -> Option<u64> {
        let path = self.join(file);
        let found = guard(&self.found).get(&hash(file)).copied();
        let is_it = match found {
            Some(found) => found == start(content),
            None => self.refuse_links(parent(file)).is_ok() && digest_of(&path).as_ref() == Some(content),
        };
        is_it.then(|| fs::metadata(path).ok()).flatten().map(|about| about.len())
    }

    /// A file belongs to this run, too.
    pub(crate) fn keep(&self, file: &str) {
        guard(&self.own).insert(hash(file));
    }

    /// Writes a file of a row, unless it is there with these bytes; `note`, a line, is what [`Record::note`] hears where
    /// this run is killed.
    ///
    /// # Errors
    /// It cannot be written, or somebody else's file is in the way.
    pub(crate) fn put(&self, file: &str, bytes: &[u8], content: &Digest, note: &str) -> Result<(), Error> {
        self.keep(file);
        let there = fs::symlink_metadata(self.join(file)).ok();
        if there.is_some() && self.has(file, content).is_some() {
            return Ok(());
        }
        let mut sink = self.stage(file, there, None)?;
        sink.write_all(bytes).map_err(|source| Error::Write { path: self.join(file), source })?;
        self.journal.made(&self.path, file, content, note)?;
        sink.finish()
    }

    /// Notes of bytes that will lie in a larger file what [`Record::note`] hears where this run is killed.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub(crate) fn remark(&self, content: &Digest, note: &str) -> Result<(), Error> {
        self.journal.write(&self.path, &format!("~ {} {note}\n", blake3::Hash::from_bytes(*content).to_hex()))
    }

    /// Writes a file that goes with all rows, unless it is there with these bytes; [`Folder::others`] names it.
    ///
    /// # Errors
    /// As [`Folder::put`].
    pub(crate) fn write(&self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        let content = *blake3::hash(bytes).as_bytes();
        self.put(file, bytes, &content, "")?;
        guard(&self.journal.others).insert(file.into(), content);
        Ok(())
    }

    /// Opens a file that gets its name when it is whole; [`Folder::others`] names it then.
    ///
    /// # Errors
    /// It cannot be made, or somebody else's file is in the way.
    pub(crate) fn create(&self, file: &str) -> Result<Sink, Error> {
        self.keep(file);
        let (journal, path, name) = (self.journal.clone(), self.path.clone(), file.to_string());
        let seal = move |content: Digest| {
            journal.made(&path, &name, &content, "")?;
            guard(&journal.others).insert(name, content);
            Ok(())
        };
        self.stage(file, fs::symlink_metadata(self.join(file)).ok(), Some(Seal::new(seal)))
    }

    /// Opens a file of another name that becomes this one, where it may; `there` is what has the name now.
    fn stage(&self, file: &str, there: Option<fs::Metadata>, seal: Option<Seal>) -> Result<Sink, Error> {
        if !lies_below(file) {
            return Err(Error::Outside { file: file.into() });
        }
        let parent = parent(file);
        self.refuse_links(parent)?;
        let path = self.join(file);
        if let Some(about) = &there {
            let is_ours = || guard(&self.found).contains_key(&hash(file)) || self.content(file).is_some();
            if about.is_dir() || self.force != Some(true) && !is_ours() {
                return Err(self.foreign(vec![file.into()], 0));
            }
        }
        let folder = self.path.join(parent);
        if !parent.is_empty() && !guard(&self.sound).contains(parent) {
            fs::create_dir_all(&folder).map_err(|source| Error::Write { path: folder.clone(), source })?;
            guard(&self.sound).insert(parent.into());
        }
        // Long names are cut: with what is added they would be too long for the file system.
        let name: String = file[parent.len()..].trim_start_matches('/').chars().take(40).collect();
        let number = self.parts.fetch_add(1, Ordering::Relaxed);
        Sink::staged(folder.join(format!(".{name}.{}-{number}.part", self.token)), &path, self.old(&path, there)?, seal)
    }

    /// Whose mode and owner a file gets: those of the one that it replaces, else of the manifest of the run before, so that
    /// what was private stays so. A file that must not be written must not be replaced either.
    fn old(&self, path: &Path, there: Option<fs::Metadata>) -> Result<Option<File>, Error> {
        match there.filter(fs::Metadata::is_file) {
            Some(_) => {
                let old = File::options().append(true).open(path);
                old.map(Some).map_err(|source| Error::Write { path: path.into(), source })
            }
            None if self.before.aside.load(Ordering::Relaxed) => Ok(File::open(self.join(PREVIOUS)).ok()),
            None => Ok(None),
        }
    }

    /// A file that [`Folder::create`] made gets another name.
    ///
    /// # Errors
    /// It cannot be renamed, or somebody else's file is in the way.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let content = guard(&self.journal.others).get(from).copied().expect("what was created is renamed");
        let path = self.join(to);
        if fs::symlink_metadata(&path).is_ok() && self.force != Some(true) && self.content(to).is_none() {
            return Err(self.foreign(vec![to.into()], 0));
        }
        self.journal.made(&self.path, to, &content, "")?;
        fs::rename(self.join(from), &path).map_err(|source| Error::Write { path, source })?;
        let mut own = guard(&self.own);
        own.remove(&hash(from));
        own.insert(hash(to));
        let mut others = guard(&self.journal.others);
        others.remove(from);
        others.insert(to.into(), content);
        Ok(())
    }

    /// What [`Folder::write`] and [`Folder::create`] made so far, with the digests of the bytes.
    pub(crate) fn others(&self) -> Vec<(String, Digest)> {
        guard(&self.journal.others).iter().map(|(file, content)| (file.clone(), *content)).collect()
    }

    /// The manifest is there: what was kept for a run that is killed goes.
    pub(crate) fn complete(&self) {
        self.complete.store(true, Ordering::Relaxed);
        let _ = fs::remove_file(self.join(PREVIOUS));
        let _ = fs::remove_file(self.join(JOURNAL));
    }
}

impl Drop for Folder {
    /// A run that has failed and made nothing leaves the folder as it was before; else its journal stays, for the next
    /// run.
    fn drop(&mut self) {
        if self.complete.load(Ordering::Relaxed) || self.journal.used.load(Ordering::Relaxed) {
            return;
        }
        // What cannot be undone is found by the next run.
        if self.before.aside.load(Ordering::Relaxed) {
            let _ = fs::rename(self.join(PREVIOUS), self.join(self.manifest));
        }
        if !self.before.journal && guard(&self.journal.file).is_some() {
            let _ = fs::remove_file(self.join(JOURNAL));
        }
        let made = self.before.made.iter();
        let _ = made.map(fs::remove_dir).find(Result::is_err);
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::files::lies_below;
    use super::journal::{is_part, is_token, parse_made};
    use super::*;

    /// A record of a manifest that is a list: a line is a file that holds its own name.
    struct List;

    impl Record for List {
        fn manifest(&self) -> &'static str {
            "list"
        }

        fn read(&mut self, manifest: &Path, made: &mut dyn FnMut(&str, Digest)) -> bool {
            let text = fs::read_to_string(manifest).unwrap_or_default();
            text.lines().for_each(|file| made(file, *blake3::hash(file.as_bytes()).as_bytes()));
            text.starts_with("list")
        }
    }

    fn run(path: &Path, files: &[&str]) -> Result<u64, Error> {
        let folder = Folder::open(path, "test", None, &mut List)?;
        folder.claim(files, 2)?;
        folder.begin()?;
        for file in files {
            folder.put(file, file.as_bytes(), blake3::hash(file.as_bytes()).as_bytes(), "")?;
        }
        let removed = folder.remove_stale()?;
        let mut list = folder.create("list")?;
        let text = format!("list\n{}\n", files.join("\n"));
        list.write_all(text.as_bytes()).map_err(|source| Error::Write { path: "list".into(), source })?;
        list.finish()?;
        folder.complete();
        Ok(removed)
    }

    #[test]
    fn what_an_earlier_run_made_goes_and_nothing_else() {
        let outer = tempfile::tempdir().expect("a temporary folder");
        let path = outer.path().join("new/out");
        run(&path, &["a", "b/c", ".d/e"]).expect("written");
        fs::write(path.join("b/mine"), "mine").expect("writable");
        assert_eq!(run(&path, &["a"]).expect("written"), 2);
        assert!(path.join("b/mine").exists() && !path.join(".d").exists());
        fs::write(path.join("a"), "edited").expect("writable");
        assert_eq!(run(&path, &[]).expect("written"), 0);
        assert!(matches!(run(&path, &["a"]), Err(Error::Foreign { files, .. }) if files == ["a"]));
        // A list of names that lead away names nothing.
        fs::write(outer.path().join("x"), "../../x").expect("writable");
        fs::write(path.join("list"), "list\n../../x\n").expect("writable");
        assert_eq!(run(&path, &["z"]).expect("written"), 0);
        assert!(outer.path().join("x").exists());
        assert!(matches!(run(&path, &["../x"]), Err(Error::Outside { .. })));
        // A run that is refused leaves not even a folder.
        let fresh = outer.path().join("p/q");
        assert!(run(&fresh, &["/x"]).is_err() && !outer.path().join("p").exists());
    }

    #[test]
    fn names_that_leave_the_folder_or_are_written_otherwise_are_none() {
        assert!(["a", "a/b", "..a/b..", ".a"].into_iter().all(lies_below));
        let wrong = ["", "/a", "../a", "a/../b", ".", "./a", "a//b", "a/", "a/.", "a\0"];
        assert!(!wrong.into_iter().any(lies_below));
    }

    #[test]
    fn unfinished_files_are_known_by_their_run() {
        let token = token();
        assert!(is_token(&token));
        assert!(is_part(&format!("a/.b.png.{token}-12.part"), &token));
        for other in
            [format!("a/.b.png.{token}.part"), format!("b.{token}-1.part"), ".b.0123456789abcdef-1.part".into()]
        {
            assert!(!is_part(&other, &token), "{other}");
        }
        let digest = blake3::hash(b"").to_hex();
        let line = format!("{digest} \"a\\nb\" x 1");
        let (file, _, note) = parse_made(&line).expect("whole");
        assert_eq!((&*file, note), ("a\nb", "x 1"));
        assert!(parse_made(&format!("{digest} \"a")).is_none());
    }
}
