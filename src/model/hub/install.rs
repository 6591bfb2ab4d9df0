//! Pulled models under their names in the models folder.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::repo::{Repo, is_plain};
use super::store::{CachedRepo, put_link};
use super::{ORIGIN, Origin, Pulled, Variant};
use crate::io::write_file;
use crate::model::{Model, models_folder};

/// Folders of links, `.hub/models--ORG--NAME/RANDOM`, that the names in the models folder are links to.
const STORE: &str = ".hub";

/// What the models folder has under a name.
enum Standing {
    Free,
    Pulled(PathBuf, Origin),
    Link(PathBuf),
    Folder,
}

/// A name in the models folder.
pub struct Place {
    models: PathBuf,
    name: String,
}

/// A model's folder, before it has its name.
pub struct Staged {
    folder: tempfile::TempDir,
    place: Place,
}

/// What is left after a model was removed.
pub enum Removed {
    /// So many bytes stay in this folder of the hub cache.
    Stays(PathBuf, u64),
    /// So many bytes were deleted.
    Purged(u64),
    /// Only a link to this folder was removed.
    Unlinked(PathBuf),
}

impl Place {
    /// A name under which a model may be installed or removed.
    ///
    /// # Errors
    /// It cannot be a file's name, or is that of the built-in model.
    pub fn new(name: &str) -> Result<Place, Error> {
        let bad = |problem| Err(Error::BadName { name: name.into(), problem });
        if name.is_empty() || name.starts_with(['.', '-']) || !is_plain(name) {
            return bad("it has letters, digits, -, _ and . only");
        }
        if name == Model::builtin().id().name || name == "builtin" {
            return bad("it is that of the built-in model");
        }
        let models = models_folder().ok_or(Error::NoFolder("models"))?;
        let models = std::path::absolute(&models).map_err(Error::disk(&models))?;
        Ok(Place { models, name: name.into() })
    }

    fn path(&self) -> PathBuf {
        self.models.join(&self.name)
    }

    fn standing(&self) -> Standing {
        match fs::read_link(self.path()) {
            Ok(target) => {
                let target = self.models.join(target);
                match Origin::of(&target).filter(|_| target.starts_with(self.models.join(STORE))) {
                    Some(origin) => Standing::Pulled(target, origin),
                    None => Standing::Link(target),
                }
            }
            Err(_) if self.path().exists() => Standing::Folder,
            Err(_) => Standing::Free,
        }
    }

    /// The variants of a repo that are installed under the name. Checks, before anything is fetched, that no other
    /// model has it.
    ///
    /// # Errors
    /// One has.
    pub fn variants_of(&self, repo: &Repo) -> Result<BTreeSet<Variant>, Error> {
        let what = match self.standing() {
            Standing::Free => return Ok(BTreeSet::new()),
            Standing::Pulled(_, origin) if origin.repo == repo.id => return Ok(origin.variants.into_iter().collect()),
            Standing::Pulled(_, origin) => format!("from {}", origin.repo),
            Standing::Link(target) => format!("a link to {}", target.display()),
            Standing::Folder => "a folder that was put there by hand".into(),
        };
        Err(Error::Taken { name: self.name.clone(), what })
    }

    /// Makes the model's folder. It has links to the files that were picked and to no others: the snapshot in the
    /// cache may hold further variants, now or later, and would be another model then.
    ///
    /// # Errors
    /// The models folder cannot be written.
    pub fn stage(self, pulled: &Pulled) -> Result<Staged, Error> {
        let repo = pulled.origin.cache.file_name().expect("a repo has a folder of its own in the cache");
        let store = self.models.join(STORE).join(repo);
        fs::create_dir_all(&store).map_err(Error::disk(&store))?;
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("").permissions(fs::Permissions::from_mode(0o777));
        let folder = builder.tempdir_in(&store).map_err(Error::disk(&store))?;
        let staged = Staged { folder, place: self };
        let snapshot = CachedRepo { folder: pulled.origin.cache.clone() }.snapshot(&pulled.origin.commit);
        for (name, path) in &pulled.files {
            put_link(&snapshot.join(path), &staged.folder().join(name))?;
        }
        let origin = serde_json::to_vec_pretty(&pulled.origin).expect("text and paths can be written as JSON");
        write_file(&staged.folder().join(ORIGIN), &origin)?;
        Ok(staged)
    }

    /// Takes the model away; its files in the hub cache too, if asked.
    ///
    /// # Errors
    /// There is none, it was put there by hand, or another model shares its files.
    pub fn remove(&self, purge: bool) -> Result<Removed, Error> {
        let path = self.path();
        let delete = |folder: &Path| fs::remove_dir_all(folder).map_err(Error::disk(folder));
        match self.standing() {
            Standing::Free => {
                let installed = names_in(&self.models);
                Err(Error::NotInstalled { name: self.name.clone(), installed })
            }
            Standing::Folder if !purge => Err(Error::ByHand { name: self.name.clone() }),
            Standing::Folder => {
                let bytes = size_of(&path);
                delete(&path)?;
                Ok(Removed::Purged(bytes))
            }
            Standing::Link(target) => {
                fs::remove_file(&path).map_err(Error::disk(&path))?;
                Ok(Removed::Unlinked(target))
            }
            Standing::Pulled(folder, origin) => {
                if let Some(other) = self.other_user_of(&origin.cache).filter(|_| purge) {
                    return Err(Error::Shared { name: self.name.clone(), other });
                }
                fs::remove_file(&path).map_err(Error::disk(&path))?;
                delete(&folder)?;
                // The folders above it too, where nothing else is in them.
                folder.ancestors().skip(1).take(2).for_each(|above| drop(fs::remove_dir(above)));
                let bytes = size_of(&origin.cache);
                if !purge {
                    return Ok(Removed::Stays(origin.cache, bytes));
                }
                if origin.cache.is_dir() {
                    delete(&origin.cache)?;
                }
                Ok(Removed::Purged(bytes))
            }
        }
    }

    /// Another installed model with files in this folder of the cache.
    fn other_user_of(&self, cache: &Path) -> Option<String> {
        names_in(&self.models).into_iter().filter(|name| *name != self.name).find(|name| {
            let other = Place { models: self.models.clone(), name: name.clone() };
            matches!(other.standing(), Standing::Pulled(_, origin) if origin.cache == cache)
        })
    }
}

impl Staged {
    /// The folder, for a last check.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Gives it its name, at once; an older one of the same name goes away.
    ///
    /// # Errors
    /// The models folder cannot be written.
    pub fn install(self) -> Result<(), Error> {
        let Staged { folder, place } = self;
        let before = place.standing();
        let target = folder.path().strip_prefix(&place.models).expect("it was made below the models folder");
        put_link(target, &place.path())?;
        let _kept = folder.keep();
        if let Standing::Pulled(old, _) = before {
            let _ = fs::remove_dir_all(old);
        }
        Ok(())
    }
}

/// Names in the models folder; what begins with a dot is none.
fn names_in(models: &Path) -> Vec<String> {
    let entries = fs::read_dir(models).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// Bytes of the files below a folder; links count nothing.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(m) if m.is_dir() => size_of(&entry.path()),
            Ok(m) if m.is_file() => m.len(),
            _ => 0,
        })
        .sum()
}
