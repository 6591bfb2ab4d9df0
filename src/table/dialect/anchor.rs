//! Paths that lead nowhere from here: the pictures of a table that was carried elsewhere with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray, StructArray};
use arrow_schema::SchemaRef;

use crate::table::column;
use crate::{io, notes};

/// Where the files are that a table names: paths are relative to the folder in which the table was written, and it may
/// have been carried elsewhere with its pictures.
#[derive(Debug, Clone)]
pub(crate) struct Anchor {
    /// Where it is looked for first: what somebody said.
    root: Option<PathBuf>,
    /// The table's own.
    folder: Option<PathBuf>,
    found: Place,
    /// Rows so far whose files are there.
    moved: u64,
}

#[derive(Debug, Clone)]
enum Place {
    /// Nothing was found yet, in so many rows.
    Unknown(u32),
    /// Paths are right as they stand, or nobody can tell.
    AsItStands,
    /// So many components of a path are left out, and the rest is below this folder. Paths of Windows have backslashes.
    Below(PathBuf, usize, char),
}

/// After so many files that are nowhere, no other place is tried.
const TRIED: u32 = 64;

impl Anchor {
    pub(crate) fn new(folder: Option<&Path>, root: Option<&Path>) -> Anchor {
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_path_buf);
        Anchor { root: root.map(Path::to_path_buf), folder, found: Place::Unknown(0), moved: 0 }
    }

    /// Puts the paths of a batch right.
    pub(super) fn put(&mut self, name: &str, schema: &SchemaRef, columns: &mut [ArrayRef]) {
        if matches!(self.found, Place::AsItStands) || self.root.is_none() && self.folder.is_none() {
            return;
        }
        let at = |name: &str| schema.index_of(name).ok();
        if let Some(image) = at(column::IMAGE)
            && let Some(images) = columns[image].as_struct_opt()
            && let [bytes, paths] = images.columns()
        {
            let held = |i: usize| bytes.is_valid(i) && !bytes.as_binary::<i32>().value(i).is_empty();
            if let Some(paths) = self.moved(paths.as_string(), &held) {
                let parts = vec![bytes.clone(), Arc::new(paths) as ArrayRef];
                columns[image] = Arc::new(StructArray::new(images.fields().clone(), parts, images.nulls().cloned()));
            }
        }
        if let Some(path) = at(column::PATH)
            && let Some(paths) = self.moved(columns[path].as_string(), &|_| false)
        {
            columns[path] = Arc::new(paths);
        }
        if let Place::Below(folder, ..) = &self.found {
            let (count, folder) = (self.moved, folder.display());
            let rows = if count == 1 { "the path of 1 row was" } else { &format!("the paths of {count} rows were") };
            notes::say(
                &format!("{name} moved"),
                format!("{name}: {rows} found below {folder}, not where they lead from here"),
            );
        }
    }

    /// The paths where they are; `None` where they stay as they are.
    fn moved(&mut self, paths: &StringArray, held: &dyn Fn(usize) -> bool) -> Option<StringArray> {
        let wanted = |i: usize| paths.is_valid(i) && !held(i) && !paths.value(i).contains("://");
        for i in (0..paths.len()).filter(|&i| wanted(i)) {
            let Place::Unknown(tried) = self.found else { break };
            self.found = self.find(paths.value(i)).unwrap_or(match tried + 1 {
                TRIED.. => Place::AsItStands,
                tried => Place::Unknown(tried),
            });
        }
        let Place::Below(folder, left_out, between) = &self.found else { return None };
        let moved = paths.iter().enumerate().map(|(i, path)| match path {
            Some(path) if wanted(i) => {
                self.moved += 1;
                Some(below(folder, path, *left_out, *between).unwrap_or_else(|| path.into()))
            }
            path => path.map(str::to_string),
        });
        Some(moved.collect())
    }

    /// Where the file of this path is.
    fn find(&self, path: &str) -> Option<Place> {
        if let place @ Some(_) = self.find_parted(path, '/') {
            return place;
        }
        // No file here has such a name: it was written on Windows.
        if path.contains('\\') { self.find_parted(path, '\\') } else { None }
    }

    fn find_parted(&self, path: &str, between: char) -> Option<Place> {
        let parts = path.split(between).filter(|part| !["", "."].contains(part)).count();
        let there =
            |folder: &PathBuf, left_out| below(folder, path, left_out, between).is_some_and(|path| io::exists(&path));
        if let Some(root) = self.root.as_ref().filter(|root| there(root, 0)) {
            return Some(Place::Below(root.clone(), 0, between));
        }
        if io::exists(path) {
            return Some(Place::AsItStands);
        }
        let here = PathBuf::from(".");
        let folders = || self.root.iter().chain(&self.folder).chain((between == '\\').then_some(&here));
        let places = (0..parts).flat_map(|left_out| folders().map(move |folder| (folder, left_out)));
        let place = places.into_iter().find(|(folder, left_out)| there(folder, *left_out));
        place.map(|(folder, left_out)| Place::Below(folder.clone(), left_out, between))
    }
}

/// A path without so many of its first components, below a folder. One that climbs out of the folder is none, but for
/// the whole of it: tables name what lies beside them.
fn below(folder: &Path, path: &str, left_out: usize, between: char) -> Option<String> {
    let parts: Vec<&str> = path.split(between).filter(|part| !["", "."].contains(part)).collect();
    let rest = parts.get(left_out..).filter(|rest| !rest.is_empty())?;
    if left_out > 0 && rest.contains(&"..") {
        return None;
    }
    let folder = io::escape_bytes(folder.as_os_str().as_encoded_bytes());
    Some(format!("{}/{}", folder.trim_end_matches('/'), rest.join("/")))
}
