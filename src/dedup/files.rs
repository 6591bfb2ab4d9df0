//! What is done to files so that at no moment anything is lost: a name appears whole, nothing is replaced unseen.

use std::fs::{File, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};

use super::rows::FileId;
use crate::io::keep_attributes;

/// A file at a moment: which it is, and whether somebody has written to it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub id: FileId,
    pub length: u64,
    /// Seconds and nanoseconds.
    pub modified: (i64, i64),
    pub mode: u32,
    pub owner: (u32, u32),
}

impl Stamp {
    fn of(about: &Metadata) -> Stamp {
        Stamp {
            id: FileId { device: about.dev(), inode: about.ino() },
            length: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
            mode: about.mode() & 0o7777,
            owner: (about.uid(), about.gid()),
        }
    }

    /// What lies under a name; a link is not followed.
    pub(super) fn at(path: &Path) -> io::Result<Stamp> {
        Ok(Stamp::of(&std::fs::symlink_metadata(path)?))
    }
}

/// Which file lies under a name, if one does; a link is not followed.
pub(super) fn id_at(path: &Path) -> Option<FileId> {
    Stamp::at(path).ok().map(|stamp| stamp.id)
}

/// Whether there is anything under a name, and be it a link that leads nowhere.
pub(super) fn is_taken(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Reads a file that is no link to its end, and says what it was: nobody has written to it meanwhile.
///
/// # Errors
/// It cannot be read, is no plain file, or is being written.
pub(super) fn read(path: &Path) -> io::Result<([u8; 32], Stamp)> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let mut file = File::options().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("no plain file"));
    }
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher)?;
    let stamp = Stamp::of(&about);
    if Stamp::of(&file.metadata()?) != stamp || Stamp::at(path)? != stamp {
        return Err(io::Error::other("somebody writes to it"));
    }
    Ok((*hasher.finalize().as_bytes(), stamp))
}

/// Whether a plain file of this content lies under a name.
pub(super) fn holds(path: &Path, content: &[u8; 32]) -> bool {
    read(path).is_ok_and(|(found, _)| found == *content)
}

/// Whether one reads this content under a name, through a link if it is one.
pub(super) fn shows(path: &Path, content: &[u8; 32]) -> bool {
    content_of(path).is_ok_and(|found| found == *content)
}

fn content_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(*hasher.finalize().as_bytes())
}

/// Gives a file another name, which must be free.
///
/// # Errors
/// It is not, or the other name lies on another file system.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            // Where the system knows no such call: a link refuses a name that is taken as well.
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        result => Ok(result?),
    }
}

/// Puts what is under `new` in the place of the file under `old`, which is this one, at once. What was there is under `held`
/// afterwards: the name that is given back.
///
/// # Errors
/// The file system can do no such thing, or `old` is another file now; then everything is as it was.
pub(super) fn replace<'a>(new: &'a Path, old: &Path, was: Stamp, held: &'a Path) -> io::Result<&'a Path> {
    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            std::fs::hard_link(old, held)?;
            if Stamp::at(held)? != was {
                std::fs::remove_file(held)?;
                return Err(changed());
            }
            std::fs::rename(new, old)?;
            Ok(held)
        }
        Err(e) => Err(e.into()),
        Ok(()) if Stamp::at(new).is_ok_and(|now| now == was) => Ok(new),
        Ok(()) => {
            renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE)?;
            Err(changed())
        }
    }
}

/// What is said of a file that is no longer what was compared.
pub(super) fn changed() -> io::Error {
    io::Error::other("was changed since it was looked at")
}

/// Copies a file to a name that must not be taken, with its mode, times and attributes; it appears when it is whole and on
/// the disk.
///
/// # Errors
/// It cannot be read or written, the copy is not of this content, or the name is taken.
pub(super) fn copy_new(from: &Path, part: &Path, to: &Path, content: &[u8; 32]) -> io::Result<()> {
    let written = || -> io::Result<()> {
        let mut old = File::open(from)?;
        let mut new = File::options().write(true).create_new(true).mode(0o600).open(part)?;
        io::copy(&mut old, &mut new)?;
        keep_attributes(&old, &new)?;
        let about = old.metadata()?;
        set_modified(&new, (about.mtime(), about.mtime_nsec()))?;
        new.sync_all()?;
        if !holds(part, content) {
            return Err(changed());
        }
        rename_new(part, to)?;
        sync_folder(to)
    };
    written().inspect_err(|_| {
        let _ = std::fs::remove_file(part);
    })
}

/// Sets when a file was changed last.
pub(super) fn set_modified(file: &File, (seconds, nanos): (i64, i64)) -> io::Result<()> {
    let length = Duration::from_secs(seconds.unsigned_abs());
    let second = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(length)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(length)
    };
    let moment = second.and_then(|second| second.checked_add(Duration::from_nanos(nanos.unsigned_abs())));
    file.set_times(FileTimes::new().set_modified(moment.ok_or_else(|| io::Error::other("a time out of range"))?))
}

/// Makes a name of a folder last.
pub(super) fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), "a").expect("written");
        std::fs::write(at("b"), "b").expect("written");
        assert!(rename_new(&at("a"), &at("b")).is_err());
        let content = *blake3::hash(b"a").as_bytes();
        assert!(copy_new(&at("a"), &at("part"), &at("b"), &content).is_err());
        assert!(!is_taken(&at("part")) && holds(&at("a"), &content));
        copy_new(&at("a"), &at("part"), &at("c"), &content).expect("a copy");
        let stamp = |name| Stamp::at(&at(name)).expect("there");
        assert_eq!((stamp("a").modified, stamp("a").mode), (stamp("c").modified, stamp("c").mode));
    }

    #[test]
    fn what_was_changed_is_put_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("old"), "old").expect("written");
        let was = Stamp::at(&at("old")).expect("there");
        std::fs::write(at("old"), "changed").expect("written");
        std::fs::write(at("new"), "new").expect("written");
        let (new, old, held) = (at("new"), at("old"), at("held"));
        assert!(replace(&new, &old, was, &held).is_err());
        assert_eq!(std::fs::read(&old).expect("there"), b"changed");
        let was = Stamp::at(&old).expect("there");
        let kept = replace(&new, &old, was, &held).expect("replaced");
        assert_eq!(std::fs::read(&old).expect("there"), b"new");
        assert_eq!(std::fs::read(kept).expect("there"), b"changed");
    }

    #[test]
    fn links_are_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a"), "a").expect("written");
        std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("link")).expect("a link");
        assert!(read(&folder.path().join("link")).is_err());
        assert!(read(folder.path()).is_err());
    }
}
