//! What lies in the folder of a layout, in order, and how its files are named; nothing is opened that is no regular file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::io::{self, Kind, Listing};
use crate::table::Error;
use crate::table::findings::{Fault, Findings};

/// What lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Child {
    pub(super) name: OsString,
    /// A folder, or a link to one.
    pub(super) is_folder: bool,
    pub(super) is_link: bool,
}

impl Child {
    /// Its name as it stands in tables.
    pub(super) fn text(&self) -> String {
        io::escape_bytes(self.name.as_encoded_bytes())
    }

    pub(super) fn ends_with(&self, end: &str) -> bool {
        self.name.as_encoded_bytes().ends_with(end.as_bytes())
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.name.as_encoded_bytes().starts_with(b".")
    }
}

/// What lies in a folder, sorted, hidden files too; nothing where it cannot be read.
pub(super) fn all_children(folder: &Path) -> Vec<Child> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let child = |entry: std::fs::DirEntry| {
        let kind = entry.file_type().ok();
        let is_link = kind.is_some_and(|kind| kind.is_symlink());
        let is_folder = if is_link { entry.path().is_dir() } else { kind.is_some_and(|kind| kind.is_dir()) };
        Child { name: entry.file_name(), is_folder, is_link }
    };
    let mut children: Vec<Child> = entries.flatten().map(child).collect();
    children.sort();
    children
}

/// What lies in a folder, sorted, without hidden files.
pub(super) fn children(folder: &Path) -> Vec<Child> {
    let mut children = all_children(folder);
    children.retain(|child| !child.is_hidden());
    children
}

/// Names of the folders in a folder, sorted.
pub(super) fn folders(folder: &Path) -> Vec<String> {
    folders_among(&children(folder))
}

pub(super) fn folders_among(children: &[Child]) -> Vec<String> {
    children.iter().filter(|child| child.is_folder).map(Child::text).collect()
}

/// The pictures below a folder. Folders that cannot be read are found, and passed over.
pub(super) fn listing(folder: &Path, root: &Path, found: &Findings) -> Result<Listing, Error> {
    let (listing, unreadable) = Listing::of_readable(&[folder.to_path_buf()], None, Kind::Pictures)?;
    for (path, problem) in unreadable {
        found.file(Fault::Unreadable, below(root, &path), format!("the folder cannot be read: {problem}"));
    }
    Ok(listing)
}

/// Paths in the spelling of the data set's folder: a picture that a file names from the root, through a link or by way of
/// `..` is the one that lies below the folder.
pub(super) struct Spelled<'f> {
    folder: &'f Path,
    real: Option<PathBuf>,
    /// Folders that were looked at.
    seen: HashMap<PathBuf, PathBuf>,
}

impl<'f> Spelled<'f> {
    pub(super) fn new(folder: &'f Path) -> Spelled<'f> {
        Spelled { folder, real: folder.canonicalize().ok(), seen: HashMap::new() }
    }

    pub(super) fn own(&mut self, path: PathBuf) -> PathBuf {
        self.respelled(&path).unwrap_or(path)
    }

    fn respelled(&mut self, path: &Path) -> Option<PathBuf> {
        let plain = |rest: &Path| rest.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if path.strip_prefix(self.folder).is_ok_and(plain) {
            return None;
        }
        let (real, parent, name) = (self.real.as_ref()?, path.parent()?, path.file_name()?);
        let folder = self.seen.entry(parent.to_path_buf()).or_insert_with(|| {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            parent.canonicalize().unwrap_or_else(|_| parent.to_path_buf())
        });
        Some(self.folder.join(folder.join(name).strip_prefix(real).ok()?))
    }
}

/// A path as it is named from the data set's folder.
pub(super) fn below(folder: &Path, path: &Path) -> String {
    use std::path::Component::Normal;
    let path = path.strip_prefix(folder).unwrap_or(path);
    let parts = path.components().filter_map(|part| match part {
        Normal(part) => Some(io::escape_bytes(part.as_encoded_bytes())),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The bytes of a file of text, of at most 64 megabytes.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    const MOST: u64 = 64 << 20;
    let about = std::fs::metadata(path).map_err(|e| e.to_string())?;
    match about.len() {
        // Reading a pipe could wait for ever.
        _ if !about.is_file() => Err("is no file".into()),
        length if length > MOST => Err(format!("{length} bytes are more than the {} megabytes allowed", MOST >> 20)),
        _ => std::fs::read(path).map_err(|e| e.to_string()),
    }
}

/// A text file of at most 64 megabytes.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let text = String::from_utf8(read_bytes(path)?).map_err(|_| "is no UTF-8 text".to_string())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
}
