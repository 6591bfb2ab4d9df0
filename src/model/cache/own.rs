//! What of the cache folder is the program's own: `$POKEDEX_CACHE` may name a folder in which people have other things.
//!
//! A folder that the program makes, or finds empty, gets a mark (`CACHEDIR.TAG`, which backup programs know too). Nothing
//! but files with the names that the program gives is ever listed or removed, and links are not followed.

use std::fs::{DirEntry, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::io::write_file;

const TAG: &str = "CACHEDIR.TAG";

/// The first line is that of <https://bford.info/cachedir/>.
const MARK: &str = "Signature: 8a477f597d28d172789f06886806bc55
# This folder is a cache of pokedex. What `pokedex cache clear` removes of it is made again when it is needed.
";

/// Where what can be made again is kept: `$POKEDEX_CACHE`, else `pokedex` in the user's cache folder.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    match std::env::var_os("POKEDEX_CACHE").filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(folder.into()),
        None => dirs::cache_dir().map(|folder| folder.join("pokedex")),
    }
}

/// A folder of the cache, for what one part of the program keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Digests of model files: `HEX`.
    Digests,
    /// Models made ready to be loaded: `HEX/tower.onnx`, `HEX/tower.onnx_data`, `HEX/tried-ENGINE`.
    Towers,
    /// Trainings that can go on: `HEX.json`.
    Training,
    /// Pictures of the web: `HEX`.
    Web,
    /// Vocabularies in the order in which they are searched: `HEX`.
    Vocabularies,
}

/// Hex digits of a name.
const DIGITS: usize = 32;

impl Kind {
    pub(super) const ALL: [Kind; 5] = [Kind::Digests, Kind::Towers, Kind::Training, Kind::Vocabularies, Kind::Web];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Digests => "digests",
            Kind::Towers => "towers",
            Kind::Training => "training",
            Kind::Vocabularies => "vocabularies",
            Kind::Web => "web",
        }
    }

    /// The folder, whether it is there or not; `None` where the system has no place for a cache.
    pub(crate) fn folder(self) -> Option<PathBuf> {
        cache_folder().map(|folder| folder.join(self.name()))
    }

    /// The folder, made if need be.
    pub(crate) fn make(self) -> io::Result<PathBuf> {
        let cache = cache_folder().ok_or_else(|| io::Error::other("there is no cache folder"))?;
        make(&cache)?;
        let folder = cache.join(self.name());
        make(&folder)?;
        Ok(folder)
    }

    /// The name of the file or folder of these digits.
    pub(crate) fn entry(self, hash: &blake3::Hash) -> String {
        let digits = &hash.to_hex()[..DIGITS];
        if self == Kind::Training { format!("{digits}.json") } else { digits.into() }
    }

    /// Whether a file or folder of this kind may have this name.
    pub(super) fn is_entry(self, name: &str) -> bool {
        let digits = if self == Kind::Training { name.strip_suffix(".json") } else { Some(name) };
        digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// The program's own files in the folder of this kind in a cache, and the folders that they lie in, after them.
    pub(super) fn own(self, cache: &Path) -> Vec<PathBuf> {
        let mut own = Vec::new();
        for entry in entries(&cache.join(self.name())) {
            let (name, path) = (entry.file_name(), entry.path());
            let kind = entry.file_type();
            let is = |what: fn(&std::fs::FileType) -> bool| kind.as_ref().is_ok_and(what);
            let name = name.to_string_lossy();
            match self {
                Kind::Towers if is(std::fs::FileType::is_dir) && (self.is_entry(&name) || name.starts_with(MAKING)) => {
                    let files = entries(&path).filter(|file| {
                        let name = file.file_name();
                        TOWER.iter().any(|own| name == **own) || name.to_string_lossy().starts_with(TRIED)
                    });
                    own.extend(files.map(|file| file.path()).filter(|file| is_file(file)));
                    own.push(path);
                }
                Kind::Digests | Kind::Training | Kind::Vocabularies | Kind::Web
                    if is(std::fs::FileType::is_file) && self.is_entry(&name) =>
                {
                    own.push(path)
                }
                _ => {}
            }
        }
        own
    }

    /// Removes them; whether something is left in the folder that is not the program's.
    pub(super) fn clear(self, cache: &Path) -> io::Result<bool> {
        let folder = cache.join(self.name());
        for path in self.own(cache) {
            let removed = if is_file(&path) { std::fs::remove_file(&path) } else { std::fs::remove_dir(&path) };
            match removed {
                Err(e) if is_file(&path) || e.kind() == io::ErrorKind::PermissionDenied => return Err(e),
                // A folder in which somebody has something else.
                _ => {}
            }
        }
        if entries(&folder).all(|entry| entry.file_name() == TAG) && is_marked(&folder) {
            std::fs::remove_file(folder.join(TAG))?;
        }
        let _ = std::fs::remove_dir(&folder);
        Ok(folder.symlink_metadata().is_ok())
    }
}

/// In a model made ready: by which engine it has run.
pub(crate) const TRIED: &str = "tried-";

/// Files of a tower (rten maps weights only from files whose names end like the second), and what the name of the folder begins with in which it is being made.
pub(crate) const TOWER: [&str; 2] = ["tower.onnx", "tower.onnx_data"];
pub(crate) const MAKING: &str = ".making-";

/// What is in a folder; nothing where it is a link to one.
fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    let own = folder.symlink_metadata().is_ok_and(|about| about.is_dir());
    own.then(|| std::fs::read_dir(folder)).into_iter().flatten().flatten().flatten()
}

fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|about| about.is_file())
}

/// Makes a folder of the cache. One that is new, or empty, is marked; in others there may be somebody's things.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    if std::fs::read_dir(folder)?.next().is_none() {
        // Without a mark less is cleared.
        let _ = write_file(&folder.join(TAG), MARK.as_bytes());
    }
    Ok(())
}

/// Whether the program made a folder, or found it empty.
pub(super) fn is_marked(folder: &Path) -> bool {
    let mut start = Vec::new();
    let path = folder.join(TAG);
    let read = is_file(&path) && File::open(&path).and_then(|file| file.take(1 << 10).read_to_end(&mut start)).is_ok();
    read && start == MARK.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef";

    const OTHERS: [&str; 6] = [
        "digests/notes.txt",
        "training/train.py",
        "training/run.json",
        "towers/a/tower.onnx",
        "vocabularies/mine",
        "web/mine.png",
    ];

    #[test]
    fn only_what_has_the_programs_names_is_its_own() {
        let cache = tempfile::tempdir().expect("a folder");
        let write = |name: &str| {
            let path = cache.path().join(name);
            std::fs::create_dir_all(path.parent().expect("below")).expect("made");
            std::fs::write(path, "x").expect("written");
        };
        let own = [
            format!("digests/{DIGEST}"),
            format!("training/{DIGEST}.json"),
            format!("towers/{DIGEST}/tower.onnx"),
            format!("towers/{DIGEST}/tower.onnx_data"),
            format!("vocabularies/{DIGEST}"),
            format!("web/{DIGEST}"),
        ];
        own.iter().for_each(|name| write(name));
        for name in OTHERS {
            write(name);
        }
        write(&format!("towers/{DIGEST}/mine"));
        std::os::unix::fs::symlink(
            "/etc/hosts",
            cache.path().join(format!("training/{}.json", DIGEST.replace('0', "1"))),
        )
        .expect("linked");
        for kind in Kind::ALL {
            assert!(kind.clear(cache.path()).expect("cleared"), "{kind:?}");
        }
        assert!(own.iter().all(|name| !cache.path().join(name).exists()));
        for name in OTHERS {
            assert!(cache.path().join(name).exists(), "{name}");
        }
        assert!(cache.path().join(format!("towers/{DIGEST}/mine")).exists());
        assert_eq!(std::fs::read_dir(cache.path().join("training")).expect("there").count(), 3);
    }

    #[test]
    fn a_folder_behind_a_link_is_somebodys() {
        let (cache, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let file = other.path().join(DIGEST);
        std::fs::write(&file, "x").expect("written");
        std::os::unix::fs::symlink(other.path(), cache.path().join("digests")).expect("linked");
        assert!(Kind::Digests.own(cache.path()).is_empty());
        assert!(Kind::Digests.clear(cache.path()).expect("left alone"));
        assert!(file.exists());
    }

    #[test]
    fn a_folder_is_marked_only_if_it_was_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        make(folder.path()).expect("made");
        assert!(is_marked(folder.path()));
        let used = folder.path().join("used");
        std::fs::create_dir(&used).expect("made");
        std::fs::write(used.join("mine"), "x").expect("written");
        make(&used).expect("there");
        assert!(!is_marked(&used));
        std::fs::write(used.join(TAG), "Signature: 8a477f597d28d172789f06886806bc55").expect("written");
        assert!(!is_marked(&used), "somebody else's mark");
    }
}
