//! What becomes of copies: links, another folder, the trash.
//!
//! Hides: in which order names are made and given up. Promises: what is done to a file is in the journal before; it and the
//! one that is kept are read once more before, and are what was compared; the name of a file that becomes a link is never
//! missing; nothing is replaced that was not looked at; at any moment a kill leaves each content somewhere, and the next
//! run with that journal ends what was begun.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use super::files::{self, Stamp, holds, id_at, is_taken, read, rename_new, replace};
use super::found::Found;
use super::journal::{Action, Intent, Journal, Name, State};
use super::relation::Relation;
use super::rows::Row;
use super::trash::Trash;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stage::go_on;
use crate::words::several;

/// How copies are acted on.
#[derive(Debug, Clone)]
pub struct Means {
    /// What becomes of them.
    pub action: Action,
    /// Where moved files go.
    pub to: Option<PathBuf>,
    /// What is below these is never touched.
    pub references: Vec<PathBuf>,
    /// Where everything is written down.
    pub journal: PathBuf,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acted {
    /// Files that were acted on.
    pub done: u64,
    /// Acts of an earlier run that were ended.
    pub settled: u64,
    /// Files that were left alone, each of which was named or counted.
    pub left: u64,
}

/// The journal of a run that names none: beside its output, else here.
pub fn default_journal(output: Option<&Path>) -> PathBuf {
    match output.filter(|output| *output != Path::new("-")) {
        Some(output) => output.with_extension("journal"),
        None => "dedup.journal".into(),
    }
}

/// Acts on the copies that were found, one after the other; what is not as it was found is left alone, and said.
///
/// # Errors
/// The journal cannot be written; then nothing more is touched.
pub fn act(found: &Found, means: &Means, progress: &mut dyn Progress) -> Result<Acted, Failure> {
    let mut journal = Journal::open(&means.journal, false)?;
    let mut acted = Acted::default();
    settle_all(&mut journal, &mut acted, progress)?;
    let references: Vec<PathBuf> = means.references.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    let mut different = 0;
    progress.start("dedup", Some(found.copies()));
    for star in &found.stars {
        let keeper = &found.rows[star.keeper as usize];
        for &(row, relation) in &star.copies {
            go_on(progress)?;
            let row = &found.rows[row as usize];
            let is_link = matches!(means.action, Action::Hardlink | Action::Symlink);
            if is_link && relation != Relation::Identical {
                different += 1;
                acted.left += 1;
            } else {
                match Act::new(row, keeper, means, &references).and_then(|act| act.run(&mut journal)) {
                    Ok(()) => acted.done += 1,
                    Err(Stop::LeftAlone(why)) => {
                        acted.left += 1;
                        progress.warn(&format!("{}: left alone: {why}", row.key));
                    }
                    Err(Stop::Journal(failure)) => return Err(failure),
                }
            }
            progress.advance(1);
        }
    }
    progress.finish();
    if different > 0 {
        let files = several(different, "near copy was", "near copies were");
        progress.warn(&format!("{files} left alone: a link would lose what is different in them"));
        progress.hint("--action trash or --action move keep it; --identical leaves near copies out");
    }
    Ok(acted)
}

/// Ends what earlier runs with this journal have begun and not ended.
pub(super) fn settle_all(journal: &mut Journal, acted: &mut Acted, progress: &mut dyn Progress) -> Result<(), Failure> {
    for intent in journal.acts(State::Begun) {
        match finish(&intent) {
            Ok(true) => {
                journal.done(intent.number)?;
                acted.settled += 1;
            }
            Ok(false) => journal.failed(intent.number, "the run was ended before")?,
            Err(e) => {
                acted.left += 1;
                progress.warn(&format!("{}: left alone: {e}", intent.file.0.display()));
                journal.failed(intent.number, &e.to_string())?;
            }
        }
    }
    Ok(())
}

/// Why a file is not acted on.
pub(super) enum Stop {
    LeftAlone(String),
    Journal(Failure),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::LeftAlone(error.to_string())
    }
}

impl From<super::journal::Error> for Stop {
    fn from(error: super::journal::Error) -> Stop {
        Stop::Journal(error.into())
    }
}

fn alone<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::LeftAlone(why.into()))
}

/// One file and the one that is kept in its place.
struct Act<'a> {
    means: &'a Means,
    /// Its name below the inputs.
    key: &'a str,
    /// Absolute, and links only as the last component.
    file: PathBuf,
    keeper: PathBuf,
    content: [u8; 32],
    keeper_content: [u8; 32],
}

impl<'a> Act<'a> {
    fn new(row: &'a Row, keeper: &Row, means: &'a Means, references: &[PathBuf]) -> Result<Act<'a>, Stop> {
        let Some(file) = row.local() else { return alone("it is no file of this machine") };
        let Some(kept) = keeper.local() else { return alone("what is kept is no file of this machine") };
        let (Some(content), Some(keeper_content)) = (row.content, keeper.content) else {
            return alone("its content is not known");
        };
        if row.is_link || file.is_symlink() {
            return alone("it is a link, and those are never followed to change anything");
        }
        let Some((folder, name)) = file.parent().zip(file.file_name()) else { return alone("it has no name") };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let (file, keeper) = (folder.canonicalize()?.join(name), kept.canonicalize()?);
        if references.iter().any(|reference| file.starts_with(reference)) {
            return alone("it lies in the reference");
        }
        Ok(Act { means, key: &row.key, file, keeper, content, keeper_content })
    }

    fn run(&self, journal: &mut Journal) -> Result<(), Stop> {
        let (own, kept) = self.check()?;
        let number = journal.next();
        let name = |end: &str| {
            let name = format!(".pokedex-dedup-{}-{number}.{end}", &blake3::hash(self.key.as_bytes()).to_hex()[..8]);
            Name(self.file.with_file_name(name))
        };
        let hex = |content: &[u8; 32]| blake3::Hash::from_bytes(*content).to_hex().to_string();
        let mut intent = Intent {
            number,
            action: self.means.action,
            file: Name(self.file.clone()),
            keeper: Name(self.keeper.clone()),
            content: hex(&self.content),
            keeper_content: hex(&self.keeper_content),
            mode: own.mode,
            modified: own.modified,
            to: None,
            info: None,
            parts: [name("new"), name("old")],
            folders: Vec::new(),
        };
        let trash = match self.means.action {
            Action::Trash => {
                let trash = Trash::of(&self.file)?;
                let (to, info) = trash.place(&self.file);
                (intent.to, intent.info) = (Some(Name(to)), Some(Name(info)));
                Some(trash)
            }
            Action::Move => {
                let to = self.target()?;
                intent.folders = missing(&to).into_iter().map(Name).collect();
                intent.parts[0] = Name(to.with_file_name(intent.parts[0].0.file_name().unwrap_or_default()));
                intent.to = Some(Name(to));
                None
            }
            Action::Hardlink | Action::Symlink => None,
        };
        journal.begin(&intent)?;
        let done = match &trash {
            Some(trash) => self.throw_away(&intent, trash, own, kept),
            None if self.means.action == Action::Move => self.carry(&intent, own, kept),
            None => self.link(&intent, own, kept),
        };
        match done {
            Ok(()) => Ok(journal.done(number)?),
            Err(e) => {
                journal.failed(number, &e.to_string())?;
                Err(e.into())
            }
        }
    }

    /// That both still are what was compared, and two files.
    fn check(&self) -> Result<(Stamp, Stamp), Stop> {
        let look = |path: &Path, content: &[u8; 32], what: &str| match read(path) {
            Ok((found, stamp)) if found == *content => Ok(stamp),
            Ok(_) => alone(format!("{what} was changed since it was looked at")),
            Err(e) => alone(format!("{what} cannot be read any more: {e}")),
        };
        let own = look(&self.file, &self.content, "it")?;
        let kept = look(&self.keeper, &self.keeper_content, "what is kept")?;
        if own.id == kept.id {
            return alone("it is the file that is kept, under another name");
        }
        if own.mode & 0o222 == 0 {
            return alone("it is write-protected");
        }
        if self.means.action == Action::Hardlink {
            if own.id.device != kept.id.device {
                return alone("what is kept lies on another file system: --action symlink");
            }
            if (own.mode, own.owner) != (kept.mode, kept.owner) {
                return alone("what is kept has another owner or mode, and a hard link has one for all names");
            }
        }
        Ok((own, kept))
    }

    /// Where a moved file goes: below the folder as it is below its input.
    fn target(&self) -> Result<PathBuf, Stop> {
        let Some(to) = &self.means.to else { return alone("nobody said where to: --to DIR") };
        let key = Path::new(self.key);
        let is_plain = key.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain {
            return alone("its key is no relative path");
        }
        let to = std::path::absolute(to)?.join(key.with_file_name(self.file.file_name().unwrap_or_default()));
        match is_taken(&to) {
            true => alone(format!("{} is there already", to.display())),
            false => Ok(to),
        }
    }

    fn throw_away(&self, intent: &Intent, trash: &Trash, own: Stamp, kept: Stamp) -> io::Result<()> {
        let (Some(Name(to)), Some(Name(info))) = (&intent.to, &intent.info) else { return Err(unplanned()) };
        trash.note(&self.file, info)?;
        let moved = rename_new(&self.file, to).map_err(|e| match e.kind() {
            io::ErrorKind::CrossesDevices => io::Error::other("its file system has no trash: --action move --to DIR"),
            _ => e,
        });
        moved.and_then(|()| self.see_moved(to, own, kept)).inspect_err(|_| {
            if !is_taken(to) {
                let _ = std::fs::remove_file(info);
            }
        })?;
        files::sync_folder(to)?;
        files::sync_folder(&self.file)
    }

    fn carry(&self, intent: &Intent, own: Stamp, kept: Stamp) -> io::Result<()> {
        self.carry_to(intent, own, kept).inspect_err(|_| remove_folders(intent))
    }

    fn carry_to(&self, intent: &Intent, own: Stamp, kept: Stamp) -> io::Result<()> {
        let Some(Name(to)) = &intent.to else { return Err(unplanned()) };
        for Name(folder) in &intent.folders {
            match std::fs::create_dir(folder) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
        }
        match rename_new(&self.file, to) {
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
                files::copy_new(&self.file, &intent.parts[0].0, to, &self.content)?;
                let is_as_before = Stamp::at(&self.file).is_ok_and(|now| now == own);
                if !is_as_before || !Stamp::at(&self.keeper).is_ok_and(|now| now == kept) {
                    std::fs::remove_file(to)?;
                    return Err(files::changed());
                }
                std::fs::remove_file(&self.file)?;
            }
            Err(e) => return Err(e),
            Ok(()) => self.see_moved(to, own, kept)?,
        }
        files::sync_folder(to)?;
        files::sync_folder(&self.file)
    }

    /// That the file that was moved is the one that was looked at, and that the one that is kept did not go with it, as
    /// where a file system is mounted twice; else it goes back.
    fn see_moved(&self, to: &Path, own: Stamp, kept: Stamp) -> io::Result<()> {
        let is = |path: &Path, was: Stamp| Stamp::at(path).is_ok_and(|now| now == was);
        if is(to, own) && is(&self.keeper, kept) {
            return Ok(());
        }
        rename_new(to, &self.file)?;
        Err(files::changed())
    }

    fn link(&self, intent: &Intent, own: Stamp, kept: Stamp) -> io::Result<()> {
        let [Name(new), Name(held)] = &intent.parts;
        match intent.action {
            Action::Hardlink => std::fs::hard_link(&self.keeper, new)?,
            _ => symlink(&self.keeper, new)?,
        }
        // A link that was made of something else than what was looked at.
        let is_it = || match intent.action {
            Action::Hardlink => Stamp::at(new).is_ok_and(|now| now == kept),
            _ => Stamp::at(&self.keeper).is_ok_and(|now| now == kept),
        };
        let replaced = if is_it() { replace(new, &self.file, own, held) } else { Err(files::changed()) };
        let old = replaced.inspect_err(|_| {
            let _ = std::fs::remove_file(new);
        })?;
        // Read through the new name, before the old content is given up.
        let shows = files::shows(&self.file, &self.content);
        if !shows || !Stamp::at(old).is_ok_and(|now| now == own) {
            std::fs::rename(old, &self.file)?;
            return Err(files::changed());
        }
        files::sync_folder(&self.file)?;
        std::fs::remove_file(old)?;
        files::sync_folder(&self.file)
    }
}

fn unplanned() -> io::Error {
    io::Error::other("nothing was planned")
}

/// Removes the folders that were made for a file, as far as they are empty.
pub(super) fn remove_folders(intent: &Intent) {
    intent.folders.iter().rev().for_each(|Name(folder)| {
        let _ = std::fs::remove_dir(folder);
    });
}

/// The folders above a place that are not there, the highest first.
fn missing(place: &Path) -> Vec<PathBuf> {
    let above = place.ancestors().skip(1).take_while(|folder| !is_taken(folder));
    let mut missing: Vec<PathBuf> = above.map(Path::to_path_buf).collect();
    missing.reverse();
    missing
}

/// Ends an act that was begun; whether it is done, or all is as it was.
fn finish(intent: &Intent) -> io::Result<bool> {
    let (Some(content), Some(keeper_content)) = (intent.content(), intent.keeper_content()) else {
        return Err(io::Error::other("its content is not known"));
    };
    let (Name(file), Name(keeper)) = (&intent.file, &intent.keeper);
    if let Some(Name(to)) = &intent.to {
        let [Name(part), _] = &intent.parts;
        if intent.action == Action::Move && is_taken(part) {
            std::fs::remove_file(part)?;
        }
        let arrived = holds(to, &content);
        match (arrived, is_taken(file)) {
            (true, false) => return Ok(true),
            // It was copied, or linked, and its old name is still there.
            (true, true) if holds(file, &content) && id_at(file) != id_at(keeper) && holds(keeper, &keeper_content) => {
                std::fs::remove_file(file)?;
                return Ok(true);
            }
            (true, true) => return Err(io::Error::other(format!("a copy of it lies at {}", to.display()))),
            (false, _) => {}
        }
        if let Some(Name(info)) = intent.info.as_ref().filter(|_| !is_taken(to))
            && is_taken(info)
        {
            std::fs::remove_file(info)?;
        }
        remove_folders(intent);
        return Ok(false);
    }
    for Name(part) in &intent.parts {
        let Some(id) = id_at(part) else { continue };
        let is_new_link = part.is_symlink() || Some(id) == id_at(keeper) || Some(id) == id_at(file);
        if is_new_link || holds(part, &content) && files::shows(file, &content) {
            std::fs::remove_file(part)?;
        } else if !is_taken(file) {
            rename_new(part, file)?;
        } else if file.is_symlink() && holds(part, &content) {
            std::fs::rename(part, file)?;
        } else {
            return Err(io::Error::other(format!("what it was lies at {}", part.display())));
        }
    }
    Ok(match intent.action {
        Action::Symlink => std::fs::read_link(file).is_ok_and(|target| target == *keeper),
        _ => id_at(file).is_some() && id_at(file) == id_at(keeper),
    })
}
