//! The pictures of rows: where they lie, who may see them, and how they become small.
//!
//! Promises: no file is opened that lies, links followed, outside the folders that were given; what is handed out was made
//! here from pixels, so no file's bytes leave as they are.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow_array::Array;

use super::recent::Recent;
use super::rows::{Cells, Names};
use crate::failure::Failure;
use crate::frames;
use crate::image;
use crate::index::StillOf;
use crate::io::{self, Kind};
use crate::table::{IdSource, Inputs, column};

/// A small picture.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// A JPEG.
    pub jpeg: Arc<[u8]>,
    /// Tells it from every other: made of the contents of its picture and its size.
    pub tag: String,
}

/// Bytes of thumbnails that are kept, and pictures whose digests are.
const ROOM: usize = 64 << 20;
const KNOWN: usize = 100_000;

/// What tells a file from what was there before: length, time, inode.
type Stamp = (u64, i64, i64, u64);

pub(super) struct Pictures {
    /// Folders, without links in them.
    roots: Vec<PathBuf>,
    /// Those that were given.
    given: Vec<PathBuf>,
    /// Whether rows say where their pictures are, at least some of them.
    named: bool,
    /// For rows that do not: files by their names and by the species that these say.
    listed: OnceLock<Listed>,
    made: Recent<([u8; 32], u32), Arc<[u8]>>,
    digests: Recent<(PathBuf, Stamp), [u8; 32]>,
}

#[derive(Default)]
struct Listed {
    by_key: HashMap<String, PathBuf>,
    by_id: HashMap<i32, PathBuf>,
}

impl Pictures {
    /// Pictures in these folders; without any in the working directory and the folder of the index.
    ///
    /// # Errors
    /// A folder is not there.
    pub(super) fn open(index: Option<&Path>, given: &[PathBuf], cells: &Cells) -> Result<Pictures, Failure> {
        let folder = |path: &PathBuf| {
            let found = path.canonicalize().map_err(|source| io::Error::Read { path: path.clone(), source })?;
            match found.is_dir() {
                true => Ok(found),
                false => Err(Failure::usage(
                    format!("{}: is no folder", path.display()),
                    "--images names the folder in which pictures are",
                )),
            }
        };
        let given: Vec<PathBuf> = given.iter().map(folder).collect::<Result<_, _>>()?;
        let mut roots = given.clone();
        if given.is_empty() {
            let beside =
                index.map(|path| path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")));
            roots.extend([Some(Path::new(".")), beside].into_iter().flatten().filter_map(|p| p.canonicalize().ok()));
        }
        Ok(Pictures {
            roots,
            given,
            named: cells.have_pictures(),
            listed: OnceLock::new(),
            made: Recent::new(ROOM),
            digests: Recent::new(KNOWN),
        })
    }

    /// Whether a row may have a picture.
    pub(super) fn may_be_there(&self) -> bool {
        self.named || !self.given.is_empty()
    }

    /// A small JPEG of a row's picture, which is in the table or in a file; `None` where there is none that may be seen.
    ///
    /// # Errors
    /// It cannot be read or is damaged.
    pub(super) fn thumbnail(
        &self,
        row: u64,
        size: u32,
        names: &Names,
        in_table: impl FnOnce() -> Result<Option<Vec<u8>>, Failure>,
    ) -> Result<Option<Thumbnail>, String> {
        let named = || format!("row {row}");
        if let Some(bytes) = in_table().map_err(|e| e.to_string())? {
            let digest = *blake3::hash(&bytes).as_bytes();
            return self.small(digest, size, || Ok(bytes)).map_err(|e| format!("{}: {e}", named())).map(Some);
        }
        let Some((file, stamp)) = self.file_of(names) else {
            let still = names.still.as_ref().and_then(|still| self.still(still, size));
            return still.transpose().map_err(|e| format!("{}: {e}", named()));
        };
        let read = || io::read_image(&file.to_string_lossy()).map_err(|e| e.to_string());
        let known = self.digests.get(&(file.clone(), stamp));
        let made = match known {
            Some(digest) => self.small(digest, size, read),
            None => read().and_then(|bytes| {
                let digest = *blake3::hash(&bytes).as_bytes();
                self.digests.put((file.clone(), stamp), digest, 1);
                self.small(digest, size, || Ok(bytes))
            }),
        };
        made.map(Some).map_err(|e| format!("{}: {e}", named()))
    }

    /// A still of a film, or a page; `None` where its file may not be seen.
    fn still(&self, still: &StillOf, size: u32) -> Option<Result<Thumbnail, String>> {
        let is_named = |path: &Path| Kind::Films.is_of(path.as_os_str()) || Kind::Pictures.is_of(path.as_os_str());
        let (file, stamp) = self.at(&still.path, &|path| is_named(path).then(|| path.to_path_buf()))?;
        let named = format!("{}\0{stamp:?}\0{:?}\0{:?}", file.display(), still.time, still.number);
        let digest = *blake3::hash(named.as_bytes()).as_bytes();
        let make = || frames::still(file.to_str().ok_or("its name is no text")?, still.time, still.number);
        Some(self.made_small(digest, size, || image::thumbnail_of(&make()?, size).map_err(|e| e.to_string())))
    }

    fn small(
        &self,
        digest: [u8; 32],
        size: u32,
        read: impl FnOnce() -> Result<Vec<u8>, String>,
    ) -> Result<Thumbnail, String> {
        self.made_small(digest, size, || image::thumbnail(&read()?, size).map_err(|e| e.to_string()))
    }

    fn made_small(
        &self,
        digest: [u8; 32],
        size: u32,
        make: impl FnOnce() -> Result<Vec<u8>, String>,
    ) -> Result<Thumbnail, String> {
        let hex = blake3::Hash::from_bytes(digest).to_hex();
        let tag = format!("{}-{size}", &hex[..24]);
        if let Some(jpeg) = self.made.get(&(digest, size)) {
            return Ok(Thumbnail { jpeg, tag });
        }
        let jpeg: Arc<[u8]> = make()?.into();
        self.made.put((digest, size), jpeg.clone(), jpeg.len());
        Ok(Thumbnail { jpeg, tag })
    }

    /// The file of a row's picture, if it lies where it may be seen.
    fn file_of(&self, names: &Names) -> Option<(PathBuf, Stamp)> {
        let picture = |path: &Path| io::find_image(path.to_str()?).ok();
        let found = names.path.as_deref().and_then(|path| self.at(path, &picture));
        found.or_else(|| self.seen(&picture(self.listed_file(names)?)?))
    }

    /// The file at a path of a table, if it lies where it may be seen and `file` finds that it is one of those that are shown.
    fn at(&self, path: &str, file: &dyn Fn(&Path) -> Option<PathBuf>) -> Option<(PathBuf, Stamp)> {
        let path = path.strip_prefix("file://").unwrap_or(path);
        // The table, or the pictures, may have moved: with fewer and fewer of the first folders.
        let parts: Vec<&str> = path.split('/').filter(|part| !["", ".", ".."].contains(part)).collect();
        let shorter = |root: &PathBuf| (0..parts.len()).map(|at| root.join(parts[at..].join("/"))).collect::<Vec<_>>();
        let all = std::iter::once(PathBuf::from(path)).chain(self.roots.iter().flat_map(shorter));
        all.into_iter().find_map(|path| self.seen(&file(&path)?))
    }

    /// A file, if it may be seen.
    fn seen(&self, file: &Path) -> Option<(PathBuf, Stamp)> {
        let file = file.canonicalize().ok()?;
        let about = file.metadata().ok()?;
        let inside = self.roots.iter().any(|root| file.starts_with(root));
        (inside && about.is_file()).then(|| (file, stamp(&about)))
    }

    /// Of rows that do not say where their pictures are: the file of the same name, or of the same species.
    fn listed_file(&self, names: &Names) -> Option<&Path> {
        if self.given.is_empty() {
            return None;
        }
        let listed = self.listed.get_or_init(|| list(&self.given).unwrap_or_default());
        let found = listed.by_key.get(&names.key).or_else(|| listed.by_id.get(&names.id?));
        found.map(PathBuf::as_path)
    }
}

/// The pictures in folders, by the names that `scan` gives them.
fn list(folders: &[PathBuf]) -> Result<Listed, Failure> {
    let mut listed = Listed::default();
    for batch in (Inputs { paths: folders.to_vec(), ids: IdSource::Name, ..Inputs::default() }).images()? {
        let batch = batch?;
        let (keys, paths) = (column::text(&batch, column::KEY)?, column::text(&batch, column::PATH)?);
        let ids = column::ints(&batch, column::ID)?;
        for row in 0..batch.num_rows() {
            let Some(path) = column::cell(paths.as_ref(), row).map(PathBuf::from) else { continue };
            if let Some(id) = ids.as_ref().filter(|ids| ids.is_valid(row)).map(|ids| ids.value(row)) {
                listed.by_id.entry(id).or_insert_with(|| path.clone());
            }
            if let Some(key) = column::cell(keys.as_ref(), row) {
                let stem = Path::new(key).file_stem().and_then(|stem| stem.to_str()).unwrap_or(key);
                listed.by_key.entry(stem.into()).or_insert_with(|| path.clone());
                listed.by_key.entry(key.into()).or_insert(path);
            }
        }
    }
    Ok(listed)
}

fn stamp(about: &Metadata) -> Stamp {
    (about.len(), about.mtime(), about.mtime_nsec(), about.ino())
}
