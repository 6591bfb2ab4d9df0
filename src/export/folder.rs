//! The folder of an export: whose its files are, and which of them an earlier run has made already.
//!
//! While a run is under way its folder has a journal, `.export.journal`: a line `+ FILE` before a file is begun, a line
//! `= …` when a picture's file is there, with the hashes of its source and of itself. The manifest of the run before is
//! `.export-previous.parquet` for so long. So a run that was killed at any moment knows on the next time what is its
//! own, and what it need not do again; a folder with a manifest and no journal is one that is complete. The run that
//! writes holds a lock on the journal. A run that fails before it has made anything leaves the folder as it was.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::manifest::{self, MANIFEST};
use super::{Error, Made};
use crate::io;
use crate::table::dataset::JOURNAL;

const PREVIOUS: &str = ".export-previous.parquet";
/// So many folders of sources are remembered.
const MOST_PLACES: usize = 1024;
/// So many foreign files are named.
const NAMED: usize = 3;
/// Files that others leave in a data set and that are in nobody's way: Ultralytics' lists of labels, and file managers'.
const HARMLESS: &[&str] = &["Thumbs.db", "desktop.ini"];

/// What earlier runs of the same settings made.
#[derive(Debug, Default)]
struct Known {
    /// Pictures by the hashes of their files' names.
    files: HashMap<u64, Made>,
    /// Pictures whose bytes were kept, so that they are known to be sound: by the first bytes of their hashes.
    sound: HashMap<u64, (u32, u32)>,
}

impl Known {
    fn insert(&mut self, file: &str, made: Made) {
        if made.source == made.content {
            self.sound.insert(start(&made.source), (made.width, made.height));
        }
        self.files.insert(hash(file), made);
    }
}

fn start(digest: &[u8; 32]) -> u64 {
    u64::from_le_bytes(digest[..8].try_into().expect("a part of 32 bytes"))
}

/// Tells which sources lie in a folder that is to be written, and could be overwritten before they are read.
#[derive(Debug)]
pub struct Within {
    /// The folder as the system names it; `None` where there is none yet.
    canonical: Option<PathBuf>,
    /// Folders of sources, and whether they lie in this one.
    places: HashMap<PathBuf, bool>,
}

impl Within {
    pub fn new(folder: &Path) -> Within {
        Within { canonical: folder.canonicalize().ok(), places: HashMap::new() }
    }

    /// Refuses a source that lies in the folder, be it by links, or is the folder.
    ///
    /// # Errors
    /// It does.
    pub fn refuse(&mut self, source: &Path) -> Result<(), Error> {
        if self.holds(source) { Err(Error::SourceInside { path: source.into() }) } else { Ok(()) }
    }

    fn holds(&mut self, source: &Path) -> bool {
        let Some(folder) = &self.canonical else { return false };
        let lies_in = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(folder));
        // Whatever else is known of a folder, a link or a folder in it may be anywhere.
        let is_file = fs::symlink_metadata(source).is_ok_and(|about| about.is_file());
        if !is_file {
            return lies_in(source);
        }
        let parent = source.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
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

/// A folder that is being written.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Locked for as long as it is open.
    journal: Mutex<File>,
    /// What this run has done so far, and undoes where it makes nothing.
    before: Before,
    /// What earlier runs made: hashes of names.
    earlier: HashSet<u64>,
    known: Known,
    /// What this run has made.
    own: Mutex<HashSet<u64>>,
}

/// What was there before this run.
#[derive(Debug, Clone, Copy)]
struct Before {
    folder: bool,
    /// Of a run that was killed.
    journal: bool,
    /// A manifest, which was put aside.
    manifest: bool,
}

impl Folder {
    /// Opens a folder for an export of these settings, making it where it is not there.
    ///
    /// # Errors
    /// It holds files that no export made (unless `force`), another export writes to it, or it cannot be read or
    /// written. Then it is as it was.
    pub fn open(path: &Path, settings: &str, force: bool) -> Result<Folder, Error> {
        let fail = |source| io::Error::Write { path: path.to_path_buf(), source };
        let journal_path = path.join(JOURNAL);
        let mut before = Before { folder: path.exists(), journal: journal_path.exists(), manifest: false };
        fs::create_dir_all(path).map_err(fail)?;
        // Where a run was killed or is under way, this is settled before anything is read.
        let journal = before.journal.then(|| lock(path)).transpose()?;
        let settings = format!("{} {settings}", env!("CARGO_PKG_VERSION"));
        let (mut earlier, mut known) = (HashSet::new(), Known::default());
        for name in [PREVIOUS, MANIFEST] {
            let Some(manifest) = manifest::Record::read(&path.join(name)) else { continue };
            let same = manifest.settings == settings;
            manifest.files(|file, made| {
                earlier.insert(hash(file));
                if let Some(made) = made.filter(|_| same) {
                    known.insert(file, made);
                }
            });
        }
        if let Some(journal) = &journal {
            read_journal(journal, &settings, &mut earlier, &mut known);
        }
        if !force {
            let mut foreign = Vec::new();
            walk(path, false, &mut |file| {
                if !earlier.contains(&hash(file)) && !is_harmless(file) && foreign.len() < NAMED {
                    foreign.push(file.to_string());
                }
                Ok(())
            })?;
            if !foreign.is_empty() {
                return Err(Error::Foreign { folder: path.into(), files: foreign });
            }
        }
        let mut journal = journal.map_or_else(|| lock(path), Ok)?;
        let mut begin = || -> std::io::Result<()> {
            writeln!(journal, "# {settings}")?;
            if path.join(MANIFEST).exists() && !path.join(PREVIOUS).exists() {
                fs::rename(path.join(MANIFEST), path.join(PREVIOUS))?;
                before.manifest = true;
            }
            Ok(())
        };
        let begun = begin().map_err(fail);
        let journal = Mutex::new(journal);
        let folder = Folder { path: path.into(), journal, before, earlier, known, own: Mutex::default() };
        if let Err(e) = begun {
            folder.abandon();
            return Err(e.into());
        }
        Ok(folder)
    }

    /// The run has failed: where it has made nothing, the folder is as it was before; else its journal stays, for the
    /// next run.
    pub fn abandon(&self) {
        if !self.own.lock().expect("no thread panics with this lock").is_empty() {
            return;
        }
        // What cannot be undone is found by the next run.
        if self.before.manifest {
            let _ = fs::rename(self.path.join(PREVIOUS), self.path.join(MANIFEST));
        }
        if !self.before.journal {
            let _ = fs::remove_file(self.path.join(JOURNAL));
        }
        if !self.before.folder {
            let _ = fs::remove_dir(&self.path);
        }
    }

    /// The file of this name.
    pub fn join(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// The facts of a picture's file that was made from these bytes and is still what it was.
    pub fn up_to_date(&self, file: &str, source: &[u8; 32]) -> Option<Made> {
        let made = self.known.files.get(&hash(file)).filter(|made| made.source == *source)?;
        let bytes = fs::read(self.join(file)).ok()?;
        (*blake3::hash(&bytes).as_bytes() == made.content).then_some(Made { length: bytes.len() as u64, ..*made })
    }

    /// Width and height of a picture whose bytes were kept by an earlier run, which found it sound.
    pub fn sound(&self, source: &[u8; 32]) -> Option<(u32, u32)> {
        self.known.sound.get(&start(source)).copied()
    }

    /// Notes that these files are about to be made.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn begin<'a>(&self, files: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
        let mut lines = String::new();
        let mut own = self.own.lock().expect("no thread panics with this lock");
        for file in files {
            own.insert(hash(file));
            lines.push_str(&format!("+ {file}\n"));
        }
        self.note(&lines)
    }

    /// Notes that these files of pictures are there; of pictures that lie in a shard, that they are sound.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn made<'a>(&self, files: impl IntoIterator<Item = (&'a str, &'a Made)>) -> Result<(), Error> {
        let line = |(file, made): (&str, &Made)| {
            let hex = |digest: [u8; 32]| blake3::Hash::from_bytes(digest).to_hex();
            format!("= {} {} {} {} {file}\n", hex(made.source), hex(made.content), made.width, made.height)
        };
        self.note(&files.into_iter().map(line).collect::<String>())
    }

    fn note(&self, lines: &str) -> Result<(), Error> {
        let write = || self.journal.lock().expect("no thread panics with this lock").write_all(lines.as_bytes());
        Ok(write().map_err(|source| io::Error::Write { path: self.path.join(JOURNAL), source })?)
    }

    /// Writes a file, unless it is there with these bytes.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        self.begin([file])?;
        self.write_begun(file, bytes)
    }

    /// As [`Folder::write`], of a file that was begun already.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_begun(&self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.join(file);
        if self.earlier.contains(&hash(file)) && fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        Ok(io::write_file(&path, bytes)?)
    }

    /// Opens a file that gets its name when it is whole.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(&self, file: &str) -> Result<io::Sink, Error> {
        self.begin([file])?;
        let path = self.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| io::Error::Write { path: folder.into(), source })?;
        }
        Ok(io::Sink::create(&path)?)
    }

    /// A file gets another name.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        self.begin([to])?;
        self.own.lock().expect("no thread panics with this lock").remove(&hash(from));
        Ok(fs::rename(self.join(from), self.join(to))
            .map_err(|source| io::Error::Write { path: self.join(to), source })?)
    }

    /// Removes what earlier runs made and this one did not; says how many files.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove_stale(&self) -> Result<u64, Error> {
        let own = self.own.lock().expect("no thread panics with this lock");
        let mut removed = 0;
        walk(&self.path, true, &mut |file| {
            let is_ours = |file: &str| self.earlier.contains(&hash(file)) && file != MANIFEST;
            let stale = is_ours(file) && !own.contains(&hash(file));
            let torn = unfinished(file).is_some_and(|file| file == MANIFEST || is_ours(&file));
            if stale || torn {
                fs::remove_file(self.join(file))?;
                removed += u64::from(stale);
                // A folder that is not empty stays.
                let mut folder = Path::new(file).parent();
                while let Some(empty) = folder.filter(|f| !f.as_os_str().is_empty()) {
                    if fs::remove_dir(self.path.join(empty)).is_err() {
                        break;
                    }
                    folder = empty.parent();
                }
            }
            Ok(())
        })?;
        Ok(removed)
    }

    /// The manifest is there: what was kept for a run that is killed goes.
    pub fn complete(&self) {
        let _ = fs::remove_file(self.path.join(PREVIOUS));
        let _ = fs::remove_file(self.path.join(JOURNAL));
    }
}

/// Opens the journal of a folder for this run alone, making it where it is not there. File systems without locks have
/// none to take.
fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(JOURNAL);
    let open = File::options().read(true).create(true).append(true).open(&path);
    let journal = open.map_err(|source| io::Error::Write { path: path.clone(), source })?;
    let is_taken = matches!(journal.try_lock(), Err(TryLockError::WouldBlock));
    // Gone meanwhile: another run is just done with it.
    if is_taken || !path.exists() { Err(Error::Busy { folder: folder.into() }) } else { Ok(journal) }
}

/// Reads a journal as far as it goes; its last line may be torn.
fn read_journal(file: &File, settings: &str, earlier: &mut HashSet<u64>, known: &mut Known) {
    let mut same = false;
    for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(run) = line.strip_prefix("# ") {
            same = run == settings;
        } else if let Some(file) = line.strip_prefix("+ ") {
            earlier.insert(hash(file));
        } else if let Some((file, made)) = line.strip_prefix("= ").filter(|_| same).and_then(parse_made) {
            known.insert(file, made);
        }
    }
}

fn parse_made(line: &str) -> Option<(&str, Made)> {
    let mut parts = line.splitn(5, ' ');
    let mut digest = || Some(*blake3::Hash::from_hex(parts.next()?).ok()?.as_bytes());
    let (source, content) = (digest()?, digest()?);
    let (width, height) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((parts.next()?, Made { source, content, width, height, length: 0 }))
}

fn is_harmless(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    name.ends_with(".cache") || HARMLESS.contains(&name)
}

/// What a sink that was killed would have been renamed to: `.NAME.XXXXXX.part` is left of it.
fn unfinished(file: &str) -> Option<String> {
    let (folder, name) = file.rsplit_once('/').map_or(("", file), |(folder, name)| (&file[..=folder.len()], name));
    let (name, _random) = name.strip_prefix('.')?.strip_suffix(".part")?.rsplit_once('.')?;
    Some(format!("{folder}{name}"))
}

/// Shows every file below a folder by its name below it; of hidden ones none, or only those that lie in no hidden folder.
fn walk(folder: &Path, hidden: bool, see: &mut impl FnMut(&str) -> std::io::Result<()>) -> Result<(), Error> {
    fn below(
        folder: &Path,
        prefix: &str,
        hidden: bool,
        see: &mut impl FnMut(&str) -> std::io::Result<()>,
    ) -> Result<(), std::io::Error> {
        let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_folder = entry.file_type()?.is_dir();
            match is_folder {
                _ if name.starts_with('.') && (is_folder || !hidden) => {}
                true => below(&entry.path(), &format!("{prefix}{name}/"), hidden, see)?,
                false => see(&format!("{prefix}{name}"))?,
            }
        }
        Ok(())
    }
    Ok(below(folder, "", hidden, see).map_err(|source| io::Error::Read { path: folder.into(), source })?)
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
