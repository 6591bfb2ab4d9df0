//! The trash of desktops (freedesktop.org, Trash specification 1.0): where a file goes, and what is noted of it.
//!
//! The crate `trash` does not say where a file went, which an undo has to know. A file never leaves its file system: what lies
//! on the one of the user's home goes to the trash there, else to `.Trash/UID` or `.Trash-UID` at the top of its own.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder that keeps what was thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trash {
    folder: PathBuf,
    /// Notes name files relative to it; `None`: as they are.
    top: Option<PathBuf>,
}

impl Trash {
    /// The one for a file, whose path is absolute.
    ///
    /// # Errors
    /// There is none on its file system, and none can be made.
    pub(super) fn of(file: &Path) -> io::Result<Trash> {
        if cfg!(target_os = "macos") {
            return Err(io::Error::other("the trash of this system is not known"));
        }
        let device = std::fs::symlink_metadata(file)?.dev();
        let home = dirs::data_dir().map(|data| data.join("Trash"));
        if let Some(folder) = home.filter(|folder| device_of(folder) == Some(device)) {
            let trash = Trash { folder, top: None };
            trash.make()?;
            return Ok(trash);
        }
        let is_same = |folder: &&Path| std::fs::metadata(folder).is_ok_and(|about| about.dev() == device);
        let top = file.ancestors().skip(1).take_while(is_same).last();
        let top = top.ok_or_else(|| io::Error::other("its file system has no top"))?;
        let user = rustix::process::getuid().as_raw();
        // One for all users has to be made by their administrator, so that none can take another's.
        let common = top.join(".Trash");
        let is_fit = |about: std::fs::Metadata| about.is_dir() && about.mode() & 0o1000 != 0;
        let folder = match std::fs::symlink_metadata(&common).is_ok_and(is_fit) {
            true => common.join(user.to_string()),
            false => top.join(format!(".Trash-{user}")),
        };
        let trash = Trash { folder, top: Some(top.into()) };
        trash.make()?;
        Ok(trash)
    }

    fn make(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(self.folder.join("files"))?;
        builder.create(self.folder.join("info"))?;
        match std::fs::symlink_metadata(&self.folder)?.is_dir() {
            true => Ok(()),
            false => Err(io::Error::other("its trash is a link")),
        }
    }

    /// A name there that is free: of the file, and of the note on it. The first is that of the file itself.
    pub(super) fn place(&self, file: &Path) -> (PathBuf, PathBuf) {
        let name = file.file_name().unwrap_or_default();
        let (stem, extension) = (Path::new(name).file_stem().unwrap_or_default(), Path::new(name).extension());
        let places = (1u32..).map(|number| {
            let mut own = std::ffi::OsString::from(if number == 1 { name } else { stem });
            if number > 1 {
                own.push(format!(".{number}"));
                if let Some(extension) = extension {
                    own.push(".");
                    own.push(extension);
                }
            }
            let mut note = own.clone();
            note.push(".trashinfo");
            (self.folder.join("files").join(own), self.folder.join("info").join(note))
        });
        let is_free =
            |(file, note): &(PathBuf, PathBuf)| ![file, note].into_iter().any(|path| super::files::is_taken(path));
        places.into_iter().find(is_free).expect("there are more numbers than files")
    }

    /// Notes where a file came from, under a name that must be free.
    pub(super) fn note(&self, file: &Path, note: &Path) -> io::Result<()> {
        let from = self.top.as_deref().and_then(|top| file.strip_prefix(top).ok()).unwrap_or(file);
        let mut path = String::new();
        for &byte in from.as_os_str().as_bytes() {
            match byte {
                b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                    path.push(char::from(byte))
                }
                _ => path.push_str(&format!("%{byte:02X}")),
            }
        }
        let now = chrono::Local::now().format("%Y-%m-%dT%H:%M:%S");
        let mut note = File::options().write(true).create_new(true).mode(0o600).open(note)?;
        write!(note, "[Trash Info]\nPath={path}\nDeletionDate={now}\n")?;
        note.sync_all()
    }
}

/// The file system of a folder, or of the first above it that is there.
fn device_of(folder: &Path) -> Option<u64> {
    folder.ancestors().find_map(|folder| std::fs::metadata(folder).ok()).map(|about| about.dev())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_trash_are_free_and_notes_say_where_from() {
        let folder = tempfile::tempdir().expect("a folder");
        let trash = Trash { folder: folder.path().join("Trash"), top: Some(folder.path().into()) };
        trash.make().expect("made");
        let file = folder.path().join("a b/100%.tar.png");
        let (place, note) = trash.place(&file);
        assert!(place.ends_with("Trash/files/100%.tar.png") && note.ends_with("info/100%.tar.png.trashinfo"));
        trash.note(&file, &note).expect("noted");
        assert!(trash.note(&file, &note).is_err(), "a note is never replaced");
        let text = std::fs::read_to_string(&note).expect("there");
        assert!(text.starts_with("[Trash Info]\nPath=a%20b/100%25.tar.png\nDeletionDate=20"), "{text}");
        assert!(trash.place(&file).0.ends_with("100%.tar.2.png"));
        assert_eq!(std::fs::metadata(folder.path().join("Trash")).expect("there").mode() & 0o777, 0o700);
    }
}
