//! What a training that was killed can go on with.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::sample::Sample;
use crate::head::Saved;
use crate::io;
use crate::model::cache::own::Kind;

/// Where a training that may be killed keeps what it can go on with: a file in the user's cache, named by a digest over
/// all that the head follows from.
pub(super) struct Checkpoint {
    file: Option<PathBuf>,
    last: Instant,
}

/// A checkpoint is not written more often.
const EVERY: Duration = Duration::from_secs(10);

impl Checkpoint {
    /// Keeps nothing.
    pub(super) fn none() -> Checkpoint {
        Checkpoint { file: None, last: Instant::now() }
    }

    /// The place for this sample and plan.
    pub(super) fn of(sample: &Sample, plan: &str) -> Checkpoint {
        let name = || -> Result<String, io::Error> {
            let mut hasher = blake3::Hasher::new();
            let mut bytes = Vec::new();
            hasher.update(env!("CARGO_PKG_VERSION").as_bytes()).update(plan.as_bytes());
            for rows in [&sample.train, &sample.validation] {
                hasher.update(&(rows.len() as u64).to_le_bytes());
                rows.classes.iter().for_each(|class| {
                    hasher.update(&class.to_le_bytes());
                });
                for (row, shares) in &rows.soft {
                    hasher.update(format!("{row} {shares:?}").as_bytes());
                }
                rows.blocks(|_, numbers| {
                    bytes.clear();
                    bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
                    hasher.update(&bytes);
                    Ok::<(), io::Error>(())
                })?;
            }
            Ok(Kind::Training.entry(&hasher.finalize()))
        };
        let file = Kind::Training.folder().and_then(|folder| Some(folder.join(name().ok()?)));
        Checkpoint { file, last: Instant::now() }
    }

    /// What an earlier run left, if anything.
    pub(super) fn open(self) -> (Option<Saved>, Checkpoint) {
        let saved = self.file.as_ref().and_then(|file| std::fs::read(file).ok());
        (saved.and_then(|bytes| serde_json::from_slice(&bytes).ok()), self)
    }

    /// Keeps where a training stands; a failure to do so is none of the training.
    pub(super) fn keep(&mut self, state: &Saved) {
        let Some(file) = self.file.as_ref().filter(|_| self.last.elapsed() >= EVERY) else { return };
        self.last = Instant::now();
        if let (Ok(_), Ok(bytes)) = (Kind::Training.make(), serde_json::to_vec(state)) {
            let _ = io::write_file(file, &bytes);
        }
    }

    /// Removes what is kept.
    pub(super) fn remove(&self) {
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
    }
}
