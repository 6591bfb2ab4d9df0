//! What ONNX Runtime makes of a tower before it runs it, kept: the graph that it works out, and the weights in the order in
//! which its products read them. Sessions map that file and share its pages, where each would sort the weights for itself.
//!
//! Hides: where it is and when it is good. Promises: what is found was made here, of this tower, by this version for this
//! processor, and has not been touched since; else it is made again. Whoever cannot keep it does without.

use std::io;
use std::path::{Path, PathBuf};

use super::cache::own::{Kind, MAKING, TOWER, TRIED};
use super::cache::room;
use super::digest::key_of;

const GRAPH: &str = TOWER[0];
const DATA: &str = TOWER[1];

/// The file of which the name begins as those of trials: what the tower was made from, and how the files looked then.
fn stamp(folder: &Path) -> PathBuf {
    folder.join(format!("{TRIED}packed"))
}

/// Where a tower is kept as an engine packed it.
pub(super) struct Packed {
    folder: PathBuf,
    origin: String,
    /// Bytes of the weights that it is made from.
    weights: u64,
}

impl Packed {
    /// Of a tower that was made ready (its graph), by an engine that is told apart by `engine`; `None` where nothing can be
    /// kept, or nobody knows this processor.
    pub(super) fn of(tower: &Path, engine: &str) -> Option<Packed> {
        let own = tower.parent()?;
        let (origin, towers) = (own.file_name()?.to_str()?, Kind::Towers.folder()?);
        if own.parent()? != towers {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        for part in [origin, engine, &processor()?] {
            hasher.update(part.as_bytes()).update(&[0]);
        }
        let weights = own.join(DATA).metadata().map_or(0, |about| about.len());
        let folder = towers.join(Kind::Towers.entry(&hasher.finalize()));
        Some(Packed { folder, origin: origin.into(), weights })
    }

    /// Its graph, if it is there and as it was made.
    pub(super) fn graph(&self) -> Option<PathBuf> {
        let found = std::fs::read_to_string(stamp(&self.folder)).ok()?;
        (found == self.seal(&self.folder).ok()?).then(|| self.folder.join(GRAPH))
    }

    /// Its graph, once `save` has written it to the path that it is given, and the weights beside it to a file of the name
    /// that it is given.
    ///
    /// # Errors
    /// There is no room for it, or it cannot be written.
    pub(super) fn make(&self, save: impl FnOnce(&Path, &str) -> io::Result<()>) -> io::Result<PathBuf> {
        let towers = Kind::Towers.make()?;
        self.forget_others(&towers);
        // In the order of products weights take up to twice as much, with the others beside them.
        let needed = self.weights.saturating_mul(2).saturating_add(1 << 20);
        if needed > room(&towers)? {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let place = tempfile::Builder::new().prefix(MAKING).tempdir_in(&towers)?;
        save(&place.path().join(GRAPH), DATA)?;
        if !place.path().join(DATA).exists() {
            std::fs::write(place.path().join(DATA), [])?;
        }
        std::fs::write(stamp(place.path()), self.seal(place.path())?)?;
        if self.folder.exists() && self.graph().is_none() {
            remove(&self.folder);
        }
        if std::fs::rename(place.path(), &self.folder).is_ok() {
            let _ = place.keep();
        }
        // Another process may have been faster.
        self.graph().ok_or_else(|| io::ErrorKind::AlreadyExists.into())
    }

    fn seal(&self, folder: &Path) -> io::Result<String> {
        let [graph, data] = [GRAPH, DATA].map(|name| folder.join(name).metadata());
        Ok(format!("{}\n{}\n{}\n", self.origin, key_of(&graph?), key_of(&data?)))
    }

    /// Removes what another version, or another processor, made of the same tower: nobody asks for it any more.
    fn forget_others(&self, towers: &Path) {
        for folder in std::fs::read_dir(towers).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let made_from = std::fs::read_to_string(stamp(&folder)).unwrap_or_default();
            if made_from.lines().next() == Some(&self.origin) && folder != self.folder {
                remove(&folder);
            }
        }
    }
}

/// Removes files of the program's names, and their folder if nothing else is in it.
fn remove(folder: &Path) {
    for file in [stamp(folder), folder.join(GRAPH), folder.join(DATA)] {
        let _ = std::fs::remove_file(file);
    }
    let _ = std::fs::remove_dir(folder);
}

/// What the order of the weights depends on: the processor, with all that it can do. `None` where the system does not tell.
fn processor() -> Option<String> {
    let about = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let tells = ["vendor_id", "cpu family", "model", "model name", "flags", "CPU implementer", "CPU part", "Features"];
    let first = about.split("\n\n").next()?;
    let lines = first.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default().trim();
        tells.contains(&name)
    });
    let lines: Vec<&str> = lines.collect();
    (!lines.is_empty()).then(|| format!("{} {}", std::env::consts::ARCH, lines.join("\n")))
}
