//! ONNX files as engines like them: one tower, its weights in a file of their own that can be mapped.
//!
//! Published files keep weights inside the protocol buffer, where they must be copied out at every start, and some hold
//! both towers. What is made of them once is kept in the cache folder by the SHA-256 of what it was made from, and is
//! the same graph with the same weights.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::cache::own::{Kind, MAKING, TOWER};
use super::choice::{self, Choice};
use super::engine::Tower;
use super::layout::Part;
use super::trial::{self, Sample};
use super::{digest, onnx};
use crate::io::map;

pub(super) const GRAPH: &str = TOWER[0];
pub(super) const DATA: &str = TOWER[1];
/// What is made of the same file has changed so often.
const FORMAT: u8 = 2;

/// Loads a tower of a folder.
///
/// # Errors
/// What the engine says, for a message.
pub(super) fn load(folder: &Path, part: &Part, choice: Choice, sample: Sample) -> Result<Box<dyn Tower>, String> {
    let original = folder.join(&part.file);
    let load = |graph: &Path, folder: Option<&Path>| {
        trial::pass(graph, &part.ends, choice, sample, folder)?;
        choice::load(graph, &part.ends, Choice { keep: folder.is_some(), ..choice })
    };
    match prepared(&original, part) {
        Ok(folder) => load(&folder.join(GRAPH), Some(&folder)),
        Err(problem) if problem.kind() == io::ErrorKind::InvalidData => Err(problem.to_string()),
        Err(problem) => {
            // Without a place to keep it, it is made for the moment.
            let place = tempfile::tempdir().map_err(|_| problem.to_string())?;
            match write(&original, part, place.path()) {
                // Nor a place for the moment: a tower of its own is nearly as good as it was published.
                Err(e) if e.kind() != io::ErrorKind::InvalidData && !part.shared => {
                    return load(&original, None);
                }
                result => result.map_err(|e| e.to_string())?,
            }
            // Engines hold on to what they need; the files go when this returns.
            load(&place.path().join(GRAPH), None)
        }
    }
}

/// Where the cache keeps what belongs to a digest.
pub(super) fn place(digest: &[u8; 32]) -> Option<PathBuf> {
    Kind::Towers.folder().map(|towers| towers.join(Kind::Towers.entry(&blake3::Hash::from_bytes(*digest))))
}

/// A file of weights beside a graph. A link is followed only where the graph is a link into the same folder, as in the
/// hub's cache: a graph must not reach files other than its own.
///
/// # Errors
/// It is not there, or elsewhere.
pub(super) fn beside(graph: &Path, name: &str) -> io::Result<PathBuf> {
    let file = graph.with_file_name(name);
    let (at, own) = (file.canonicalize()?, graph.canonicalize()?);
    let folder = file.parent().map(Path::canonicalize).transpose()?;
    match at.parent() == own.parent() || at.parent() == folder.as_deref() {
        true => Ok(file),
        false => {
            let problem = format!("its weights are said to be in `{name}`, a link to another folder");
            Err(io::Error::new(io::ErrorKind::InvalidData, problem))
        }
    }
}

/// The folder in the cache that holds the tower, made if need be.
fn prepared(original: &Path, part: &Part) -> io::Result<PathBuf> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[FORMAT]);
    hasher.update(&digest::of_file(original)?);
    for name in &part.external {
        hasher.update(&digest::of_file(&beside(original, name)?)?);
    }
    hasher.update(part.output.name.as_bytes());
    let towers = Kind::Towers.folder().ok_or_else(|| io::Error::other("there is no cache folder"))?;
    let folder = towers.join(Kind::Towers.entry(&hasher.finalize()));
    if folder.join(GRAPH).is_file() && folder.join(DATA).is_file() {
        return Ok(folder);
    }
    Kind::Towers.make()?;
    let place = tempfile::Builder::new().prefix(MAKING).tempdir_in(&towers)?;
    write(original, part, place.path())?;
    match std::fs::rename(place.path(), &folder) {
        Ok(()) => {
            let _ = place.keep();
        }
        // Another process was faster, or what is there is not whole.
        Err(_) if folder.join(GRAPH).is_file() && folder.join(DATA).is_file() => {}
        Err(_) => {
            std::fs::remove_dir_all(&folder)?;
            std::fs::rename(place.path(), &folder)?;
            let _ = place.keep();
        }
    }
    Ok(folder)
}

/// Writes a tower that can be mapped into a folder: [`GRAPH`] and [`DATA`].
///
/// # Errors
/// The original is damaged, or the folder cannot be written.
pub(super) fn write(original: &Path, part: &Part, folder: &Path) -> io::Result<()> {
    let bytes = map(original)?;
    let mut others = Vec::new();
    for name in &part.external {
        others.push((name.as_str(), map(&beside(original, name)?)?));
    }
    let external = |name: &str| others.iter().find(|(own, _)| *own == name).map(|(_, bytes)| &bytes[..]);
    let mut data = BufWriter::with_capacity(1 << 20, File::create(folder.join(DATA))?);
    let graph = onnx::extract(&bytes, &part.output.name, &external, DATA, &mut data)?;
    // An empty file cannot be mapped.
    data.write_all(&[0])?;
    data.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::write(folder.join(GRAPH), graph)
}
