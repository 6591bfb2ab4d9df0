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

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use super::sink::Seal;
use super::{Error, Sink, table_path};

/// What a folder holds while a run is under way, and after one that was killed.
pub const JOURNAL: &str = ".pokedex.journal";
const PREVIOUS: &str = ".pokedex.previous";
/// So many folders of sources are remembered.
const MOST_PLACES: usize = 1024;
/// So many foreign files are named.
const NAMED: usize = 3;

/// The BLAKE3 of a file's bytes.
pub type Digest = [u8; 32];

/// How the owner of a folder keeps its manifest: the file that is written last and names all others.
pub trait Record {
    /// The manifest's name in the folder.
    fn manifest(&self) -> &'static str;

    /// Tells `made` of the files that a manifest names, below the folder, with the digests of their bytes. `false` where
    /// the file is no manifest of this owner's.
    fn read(&mut self, manifest: &Path, made: &mut dyn FnMut(&str, Digest)) -> bool;

    /// Hears what a killed run of the same settings noted of bytes that it made: a file's ([`Folder::put`]), or some that
    /// lie in a larger one ([`Folder::remark`]).
    fn note(&mut self, _file: Option<&str>, _content: Digest, _note: &str) {}
}

/// Tells which inputs lie in a folder that is to be written, and could be overwritten before they are read.
#[derive(Debug)]
pub struct Within {
    /// The folder as the system names it; `None` where there is none yet.
    canonical: Option<PathBuf>,
    /// Folders of inputs, and whether they lie in this one.
    places: HashMap<PathBuf, bool>,
}

impl Within {
    pub fn new(folder: &Path) -> Within {
        Within { canonical: folder.canonicalize().ok(), places: HashMap::new() }
    }

    /// Refuses an input that lies in the folder, be it by links, or is the folder.
    ///
    /// # Errors
    /// It does.
    pub fn refuse(&mut self, input: &Path) -> Result<(), Error> {
        if self.holds(input) { Err(Error::InputInside { path: input.into() }) } else { Ok(()) }
    }

    /// As [`Within::refuse`], of a path as it stands in a table.
    ///
    /// # Errors
    /// It lies in the folder.
    pub fn refuse_row(&mut self, path: &str) -> Result<(), Error> {
        if self.canonical.is_none() { Ok(()) } else { self.refuse(&table_path(path)) }
    }

    fn holds(&mut self, input: &Path) -> bool {
        let Some(folder) = &self.canonical else { return false };
        let lies_in = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(folder));
        // Whatever else is known of a folder, a link or a folder in it may be anywhere.
        let is_file = fs::symlink_metadata(input).is_ok_and(|about| about.is_file());
        if !is_file {
            return lies_in(input);
        }
        let parent = input.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Some(&inside) = self.places.get(parent) {
            return inside;
        }
        let inside = lies_in(parent);
        if self.places.len() >= MOST_PLACES {
            self.places.clear();
        }
        self.places.insert(parent.into(), inside);
        inside
    }
}

/// What earlier runs made: some thirty bytes a file.
#[derive(Debug, Default)]
struct Earlier {
    /// Hashes of names: who has none of these need not be read.
    names: HashSet<u64>,
    /// Names with the digests of their bytes.
    deeds: HashSet<u128>,
    /// What the unfinished files of killed runs have in their names.
    tokens: Vec<String>,
    /// Whether some lie in hidden folders.
    hidden: bool,
}

impl Earlier {
    /// Names that leave the folder are passed over: a manifest may come from anybody.
    fn insert(&mut self, file: &str, content: &Digest) {
        if lies_below(file) {
            self.names.insert(hash(file));
            self.deeds.insert(deed(file, content));
            self.hidden |= parent(file).split('/').any(|part| part.starts_with('.'));
        }
    }
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

/// The journal of this run, once it has begun.
#[derive(Debug, Default)]
struct Journal {
    file: Mutex<Option<File>>,
    /// Whether it names anything that this run made.
    used: AtomicBool,
    /// What was made beside the many files of rows.
    others: Mutex<BTreeMap<String, Digest>>,
}

impl Journal {
    /// Notes that a file of these bytes is about to appear.
    fn made(&self, path: &Path, file: &str, content: &Digest, note: &str) -> Result<(), Error> {
        // A name may hold a line break.
        let name = serde_json::Value::from(file);
        self.write(path, &format!("+ {} {name} {note}\n", blake3::Hash::from_bytes(*content).to_hex()))?;
        self.used.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn write(&self, path: &Path, line: &str) -> Result<(), Error> {
        let mut journal = guard(&self.file);
        let journal = journal.as_mut().expect("a run begins before it writes");
        journal.write_all(line.as_bytes()).map_err(|source| Error::Write { path: path.join(JOURNAL), source })
    }
}

/// A folder that is being written; who drops it before it is complete has failed.
#[derive(Debug)]
pub struct Folder {
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
    pub fn open(path: &Path, settings: &str, force: Option<bool>, record: &mut dyn Record) -> Result<Folder, Error> {
        let fail = |source| Error::Write { path: path.to_path_buf(), source };
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

    fn read_earlier(&mut self, record: &mut dyn Record) -> Result<(), Error> {
        for name in [PREVIOUS, self.manifest] {
            let path = self.join(name);
            let Ok(about) = fs::symlink_metadata(&path) else { continue };
            let earlier = &mut self.earlier;
            let is_ours = about.is_file() && record.read(&path, &mut |file, content| earlier.insert(file, &content));
            if !is_ours && (self.force != Some(true) || about.is_dir()) {
                return Err(self.foreign(vec![name.into()], 0));
            }
        }
        if !self.before.journal {
            return Ok(());
        }
        let path = self.join(JOURNAL);
        if !fs::symlink_metadata(&path).is_ok_and(|about| about.is_file()) {
            return Err(self.foreign(vec![JOURNAL.into()], 0));
        }
        let journal = File::open(&path).map_err(|source| Error::Read { path, source })?;
        let mut same = false;
        // It is read as far as it goes; its last line may be torn.
        for (at, line) in BufReader::new(journal).split(b'\n').map_while(Result::ok).enumerate() {
            let line = String::from_utf8_lossy(&line);
            if let Some(run) = line.strip_prefix("# ") {
                let (token, settings) = run.split_once(' ').unwrap_or((run, ""));
                if command_of(settings) != command_of(&self.settings) {
                    return Err(self.foreign(vec![JOURNAL.into()], 0));
                }
                same = settings == self.settings;
                self.earlier.tokens.extend(is_token(token).then(|| token.to_string()));
            } else if at == 0 && !line.is_empty() {
                return Err(self.foreign(vec![JOURNAL.into()], 0));
            } else if let Some((file, content, note)) = line.strip_prefix("+ ").and_then(parse_made) {
                self.earlier.insert(&file, &content);
                if same {
                    record.note(Some(&file), content, note);
                }
            } else if let Some((content, note)) = line.strip_prefix("~ ").filter(|_| same).and_then(parse_digest) {
                record.note(None, content, note);
            }
        }
        Ok(())
    }

    fn foreign(&self, files: Vec<String>, more: usize) -> Error {
        Error::Foreign { folder: self.path.clone(), files, more, force: self.force == Some(false) }
    }

    /// The folder as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of this name.
    pub fn join(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// Looks at files that this run may write, before it writes any.
    ///
    /// # Errors
    /// One is there and was not made by an earlier run, or would lie behind a link.
    pub fn claim<S: AsRef<str> + Sync>(&self, files: &[S], threads: usize) -> Result<(), Error> {
        let mut last = "";
        for file in files.iter().map(AsRef::as_ref) {
            if !lies_below(file) {
                return Err(Error::Outside { file: file.into() });
            }
            let parent = file.rsplit_once('/').map_or("", |(parent, _)| parent);
            if parent != last {
                self.refuse_links(parent)?;
                last = parent;
            }
        }
        let there = |file: &str| fs::symlink_metadata(self.join(file)).is_ok();
        self.refuse_foreign(files, threads, |file| there(file) && self.force != Some(true))
    }

    /// Looks at the whole folder: all files but hidden ones have to be those of earlier runs, or harmless.
    ///
    /// # Errors
    /// It holds others.
    pub fn require_alone(&self, harmless: impl Fn(&str) -> bool, threads: usize) -> Result<(), Error> {
        let mut files = Vec::new();
        let mut see = |file: &str| {
            let is_hidden = file.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
            if file != self.manifest && !is_hidden && !harmless(file) {
                files.push(file.to_string());
            }
            Ok(())
        };
        walk(&self.path, true, false, &mut see).map_err(|source| Error::Read { path: self.path.clone(), source })?;
        self.refuse_foreign(&files, threads, |_| true)
    }

    /// Refuses those of the files for which `is_there` says so and that no earlier run made; remembers the others.
    fn refuse_foreign<S: AsRef<str> + Sync>(
        &self,
        files: &[S],
        threads: usize,
        is_there: impl Fn(&str) -> bool + Sync,
    ) -> Result<(), Error> {
        let next = AtomicUsize::new(0);
        let foreign = Mutex::new(Vec::new());
        let look = || {
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let file = file.as_ref();
                match self.content(file) {
                    Some(content) => {
                        guard(&self.found).insert(hash(file), start(&content));
                    }
                    None if is_there(file) => guard(&foreign).push(file.to_string()),
                    None => {}
                }
            }
        };
        std::thread::scope(|scope| {
            (1..threads.min(files.len())).for_each(|_| drop(scope.spawn(look)));
            look();
        });
        let mut foreign = foreign.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        foreign.sort_unstable();
        let more = foreign.len().saturating_sub(NAMED);
        foreign.truncate(NAMED);
        if foreign.is_empty() { Ok(()) } else { Err(self.foreign(foreign, more)) }
    }

    /// The digest of a file that an earlier run made and that is still what it was.
    fn content(&self, file: &str) -> Option<Digest> {
        if !self.earlier.names.contains(&hash(file)) || self.refuse_links(parent(file)).is_err() {
            return None;
        }
        let content = digest_of(&self.join(file))?;
        self.earlier.deeds.contains(&deed(file, &content)).then_some(content)
    }

    /// Refuses a folder below this one that is a link, or lies behind one.
    ///
    /// # Errors
    /// It does, or is no folder.
    pub fn refuse_links(&self, below: &str) -> Result<(), Error> {
        for end in below.match_indices('/').map(|(at, _)| at).chain((!below.is_empty()).then_some(below.len())) {
            let part = &below[..end];
            if guard(&self.sound).contains(part) {
                continue;
            }
            match fs::symlink_metadata(self.join(part)) {
                Ok(about) if about.is_symlink() => return Err(Error::Link { path: self.join(part) }),
                Ok(about) if about.is_dir() => {
                    guard(&self.sound).insert(part.into());
                }
                Ok(_) => return Err(self.foreign(vec![part.into()], 0)),
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Begins: from here on the folder is unfinished.
    ///
    /// # Errors
    /// The journal cannot be written, or another run has begun.
    pub fn begin(&self) -> Result<(), Error> {
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
    pub fn has(&self, file: &str, content: &Digest) -> Option<u64> {
        let path = self.join(file);
        let found = guard(&self.found).get(&hash(file)).copied();
        let is_it = match found {
            Some(found) => found == start(content),
            None => self.refuse_links(parent(file)).is_ok() && digest_of(&path).as_ref() == Some(content),
        };
        is_it.then(|| fs::metadata(path).ok()).flatten().map(|about| about.len())
    }

    /// A file belongs to this run, too.
    pub fn keep(&self, file: &str) {
        guard(&self.own).insert(hash(file));
    }

    /// Writes a file of a row, unless it is there with these bytes; `note`, a line, is what [`Record::note`] hears where
    /// this run is killed.
    ///
    /// # Errors
    /// It cannot be written, or somebody else's file is in the way.
    pub fn put(&self, file: &str, bytes: &[u8], content: &Digest, note: &str) -> Result<(), Error> {
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
    pub fn remark(&self, content: &Digest, note: &str) -> Result<(), Error> {
        self.journal.write(&self.path, &format!("~ {} {note}\n", blake3::Hash::from_bytes(*content).to_hex()))
    }

    /// Writes a file that goes with all rows, unless it is there with these bytes; [`Folder::others`] names it.
    ///
    /// # Errors
    /// As [`Folder::put`].
    pub fn write(&self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        let content = *blake3::hash(bytes).as_bytes();
        self.put(file, bytes, &content, "")?;
        guard(&self.journal.others).insert(file.into(), content);
        Ok(())
    }

    /// Opens a file that gets its name when it is whole; [`Folder::others`] names it then.
    ///
    /// # Errors
    /// It cannot be made, or somebody else's file is in the way.
    pub fn create(&self, file: &str) -> Result<Sink, Error> {
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
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
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
    pub fn others(&self) -> Vec<(String, Digest)> {
        guard(&self.journal.others).iter().map(|(file, content)| (file.clone(), *content)).collect()
    }

    /// Removes what earlier runs made, is still what it was, and is none of this one's; says how many files.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove_stale(&self) -> Result<u64, Error> {
        let (own, earlier) = (guard(&self.own), &self.earlier);
        let mut removed = 0;
        if earlier.names.is_empty() && earlier.tokens.is_empty() {
            return Ok(0);
        }
        let mut see = |file: &str| -> std::io::Result<()> {
            let is_stale = || ![self.manifest, PREVIOUS, JOURNAL].contains(&file) && self.content(file).is_some();
            let stale = earlier.names.contains(&hash(file)) && !own.contains(&hash(file)) && is_stale();
            if stale || earlier.tokens.iter().any(|token| is_part(file, token)) {
                fs::remove_file(self.join(file))?;
                removed += u64::from(stale);
                // A folder that is not empty stays.
                let mut folder = parent(file);
                while !folder.is_empty() && fs::remove_dir(self.join(folder)).is_ok() {
                    folder = parent(folder);
                }
            }
            Ok(())
        };
        walk(&self.path, false, earlier.hidden, &mut see)
            .map_err(|source| Error::Write { path: self.path.clone(), source })?;
        Ok(removed)
    }

    /// The manifest is there: what was kept for a run that is killed goes.
    pub fn complete(&self) {
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

/// A text that no other run has, of 16 hexadecimal digits.
fn token() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:016x}", hash(&format!("{} {}", std::process::id(), now.as_nanos())))
}

fn is_token(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a file is one that the run of this token did not finish: `.NAME.TOKEN-NUMBER.part`.
fn is_part(file: &str, token: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    let number = name.strip_prefix('.').and_then(|name| name.strip_suffix(".part")?.rsplit_once('-'));
    number.is_some_and(|(name, number)| {
        name.strip_suffix(token).is_some_and(|name| name.ends_with('.')) && number.parse::<u64>().is_ok()
    })
}

/// The command of a run, from its version and settings.
fn command_of(settings: &str) -> &str {
    settings.split(' ').nth(1).unwrap_or_default()
}

fn parse_digest(line: &str) -> Option<(Digest, &str)> {
    let (content, rest) = line.split_once(' ')?;
    Some((*blake3::Hash::from_hex(content).ok()?.as_bytes(), rest))
}

fn parse_made(line: &str) -> Option<(String, Digest, &str)> {
    let (content, rest) = parse_digest(line)?;
    let mut names = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let file = names.next()?.ok()?;
    Some((file, content, rest[names.byte_offset()..].trim()))
}

/// Whether a name stays in its folder: it is of plain parts, with one `/` between them.
pub fn lies_below(file: &str) -> bool {
    let mut parts = Path::new(file).components();
    let mut length = 0;
    let plain = parts.all(|part| match part {
        Component::Normal(part) => {
            length += part.len() + 1;
            true
        }
        _ => false,
    });
    plain && length == file.len() + 1 && !file.contains('\0')
}

fn parent(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The digest of a regular file; of nothing else, not even through a link.
fn digest_of(path: &Path) -> Option<Digest> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path).ok()?).ok()?;
    Some(*hasher.finalize().as_bytes())
}

fn deed(file: &str, content: &Digest) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(content).update(file.as_bytes());
    u128::from_le_bytes(hasher.finalize().as_bytes()[..16].try_into().expect("a part of 32 bytes"))
}

fn start(content: &Digest) -> u64 {
    u64::from_le_bytes(content[..8].try_into().expect("a part of 32 bytes"))
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Shows every file below a folder by its name below it, links as files; what lies in `hidden` folders too, or not. A
/// folder that cannot be read is an error where it is `strict`: nothing of ours is in it.
fn walk(
    folder: &Path,
    strict: bool,
    hidden: bool,
    see: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut waiting = vec![String::new()];
    while let Some(prefix) = waiting.pop() {
        let entries = fs::read_dir(folder.join(&prefix)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match entries {
            Err(_) if !strict => continue,
            entries => entries?,
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.file_type()?.is_dir() {
                true if name.starts_with('.') && !hidden => {}
                true => waiting.push(format!("{prefix}{name}/")),
                false => see(&format!("{prefix}{name}"))?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
