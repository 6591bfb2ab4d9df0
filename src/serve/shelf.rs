//! The index that is served, and what takes its place.
//!
//! An index that is replaced on disk is opened beside the one that is served, and takes its place when it is whole. Answers
//! that are under way go on with the one they began with, whose files stay open; a replacement that is broken is reported,
//! and the old one goes on.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::Server;
use crate::failure::Failure;
use crate::gallery::{Gallery, Options};
use crate::progress::{Progress, Silent};
use crate::query::Session;

/// How often the index's files are looked at. A replacement is opened when it looks the same twice.
const LOOK: Duration = Duration::from_millis(300);

pub(super) struct Shelf {
    options: Options,
    files: Vec<PathBuf>,
    gallery: RwLock<Arc<Gallery>>,
    trouble: Mutex<Option<String>>,
}

/// Device, inode, length and time of each file, as far as it is there.
type Stamp = Vec<Option<(u64, u64, u64, i64, i64)>>;

impl Shelf {
    /// Opens what is served.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn open(options: &Options, progress: &dyn Progress) -> Result<Shelf, Failure> {
        let gallery = Gallery::open(options.clone(), progress)?;
        let files = options.table()?.iter().flat_map(|path| Session::files_of(path)).collect();
        Ok(Shelf {
            options: options.clone(),
            files,
            gallery: RwLock::new(Arc::new(gallery)),
            trouble: Mutex::default(),
        })
    }

    /// What is served now.
    pub(super) fn gallery(&self) -> Arc<Gallery> {
        self.gallery.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why a replacement was not taken over.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn stamp(&self) -> Stamp {
        let about = |path: &PathBuf| {
            let about = path.metadata().ok()?;
            Some((about.dev(), about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
        };
        self.files.iter().map(about).collect()
    }

    /// Opens the replacement and puts it in the place of what was served.
    fn replace(&self) -> Result<(), Failure> {
        let gallery = Arc::new(Gallery::open(self.options.clone(), &Silent)?);
        *self.gallery.write().unwrap_or_else(PoisonError::into_inner) = gallery;
        Ok(())
    }

    fn say(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Looks for replacements as long as the server runs.
pub(super) async fn renew(server: Arc<Server>, progress: &dyn Progress) {
    if server.shelf.files.is_empty() {
        return std::future::pending().await;
    }
    let mut served = server.shelf.stamp();
    let mut before = served.clone();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = server.shelf.stamp();
        let changed = now != served && now == before;
        before = now;
        if !changed {
            continue;
        }
        served = before.clone();
        let shelf = server.clone();
        let replaced = tokio::task::spawn_blocking(move || shelf.shelf.replace()).await;
        let replaced = replaced.unwrap_or_else(|_| Err(Failure::failed("it could not be opened", None)));
        server.metrics.renewed(replaced.is_ok());
        match replaced {
            Ok(()) => {
                server.shelf.say(None);
                let about = server.shelf.gallery().about().clone();
                progress.note(&format!("{}: was replaced, {} rows are served now", about.name, about.rows));
            }
            Err(failure) => {
                let name = server.shelf.gallery().about().name.clone();
                server.shelf.say(Some(server.shelf.gallery().discreet(&failure.to_string())));
                progress
                    .warn(&format!("{name}: was replaced by what cannot be served ({failure}); the old one goes on"));
            }
        }
    }
}
