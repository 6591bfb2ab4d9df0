//! What is in the cache folder, for people, and its clearing.

use std::path::Path;
use std::path::PathBuf;

use rusqlite::Connection;

use super::database::forget;
use super::limit::limit;
use super::own::{Kind, cache_folder};
use super::place::{ASIDE, DATABASE, Place};
use super::problem::Problem;
use crate::model::identity::short_id;

/// What can go wrong when the cache itself is asked for.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error("there is no folder for a cache")]
    NoFolder,
    #[error("{}: cannot be cleared: {problem}", path.display())]
    Clear { path: PathBuf, problem: String },
    #[error("{model}: the cache has no vectors of this model")]
    NoVectors { model: String, kept: Vec<String> },
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::NoFolder => Some("set POKEDEX_CACHE to a folder".into()),
            Error::Clear { .. } => Some("it may help to wait until no other process is using the cache".into()),
            Error::NoVectors { kept, .. } if kept.is_empty() => Some("it is empty".into()),
            Error::NoVectors { kept, .. } => Some(format!("it has vectors of {}", kept.join(", "))),
        }
    }
}

/// The user's cache folder: the vectors, and what other parts of the program keep beside them.
pub struct Folder(pub(super) PathBuf);

/// What is in the cache folder, for people.
#[derive(Debug)]
pub struct Contents {
    /// Where it is.
    pub folder: PathBuf,
    /// Bytes that the vectors take on disk, and may take.
    pub bytes: u64,
    /// See `bytes`.
    pub limit: u64,
    /// What is kept of each model.
    pub models: Vec<Kept>,
    /// Files and folders beside the vectors, and their bytes.
    pub others: Vec<(String, u64)>,
    /// What the user should know besides: `THING: what is wrong`.
    pub trouble: Vec<String>,
}

/// What was removed.
#[derive(Debug)]
pub struct Cleared {
    /// So many were given back to the disk.
    pub bytes: u64,
    /// What has a name of the cache's, and is somebody's or holds something that is.
    pub stay: Vec<PathBuf>,
}

/// The vectors that are kept of one model.
#[derive(Debug)]
pub struct Kept {
    id: i64,
    full: String,
    variant: String,
    /// How many.
    pub vectors: u64,
    /// What they take.
    pub bytes: u64,
}

impl Kept {
    /// `name@` and the first 16 hex digits, and what else sets its vectors apart.
    pub fn name(&self) -> String {
        format!("{}{}", short_id(&self.full), self.variant)
    }

    /// Whether the user means this one by a name, or by a name and the first digits.
    fn is_meant(&self, model: &str) -> bool {
        let name = self.full.rsplit_once('@').map_or(&*self.full, |(name, _)| name);
        name == model
            || (model.len() > name.len() + 1 && format!("{}{}", self.full, self.variant).starts_with(model))
            || model == self.name()
    }
}

impl Folder {
    /// The folder of this user.
    ///
    /// # Errors
    /// The system has none.
    pub fn of_user() -> Result<Folder, Error> {
        cache_folder().map(Folder).ok_or(Error::NoFolder)
    }

    /// What is there. Makes nothing and mends nothing.
    pub fn contents(&self) -> Contents {
        let mut trouble = Vec::new();
        let limit = limit(&mut trouble);
        let models = match self.open().and_then(|(database, _place)| Ok(kept(&database)?)) {
            Ok(models) => models,
            Err(problem) => {
                if !problem.is_wanted() {
                    trouble.push(format!("{}: {problem}", self.0.join(DATABASE).display()));
                }
                Vec::new()
            }
        };
        let aside = format!("{DATABASE}{ASIDE}");
        let others = Kind::ALL.map(|kind| (kind.name().to_string(), self.bytes_of(kind)));
        let others = others.into_iter().chain([(aside.clone(), size(&self.0.join(aside)))]);
        let others = others.filter(|(_, bytes)| *bytes > 0).collect();
        Contents { folder: self.0.clone(), bytes: self.bytes(), limit, models, others, trouble }
    }

    /// Removes everything that is the program's own. A process that is using the cache goes on.
    ///
    /// # Errors
    /// The system refuses, or another process is using a cache that is damaged.
    pub fn clear(&self) -> Result<Cleared, Error> {
        let everything = || self.bytes() + Kind::ALL.map(|kind| self.bytes_of(kind)).iter().sum::<u64>();
        let before = everything();
        let mut stay = Vec::new();
        let mut clear = || -> Result<(), Problem> {
            if let Some(place) = self.place()? {
                match place.empty() {
                    Err(Problem::Foreign) => stay.push(self.0.join(DATABASE)),
                    emptied => emptied?,
                }
            }
            for kind in Kind::ALL {
                if kind.clear(&self.0)? {
                    stay.push(self.0.join(kind.name()));
                }
            }
            Ok(())
        };
        clear().map_err(|problem| self.not_cleared(&problem))?;
        Ok(Cleared { bytes: before.saturating_sub(everything()), stay })
    }

    fn bytes_of(&self, kind: Kind) -> u64 {
        let files = kind.own(&self.0).into_iter().filter_map(|path| path.symlink_metadata().ok());
        files.filter(std::fs::Metadata::is_file).map(|about| about.len()).sum()
    }

    /// Removes the vectors of the models that are meant by `NAME` or `NAME@FIRST-DIGITS`, and says which those were.
    ///
    /// # Errors
    /// There are none, or the cache is damaged, or the system refuses.
    pub fn clear_model(&self, model: &str) -> Result<Vec<Kept>, Error> {
        let clear = || {
            let (database, place) = match self.open() {
                Err(Problem::Missing) => return Ok((Vec::new(), Vec::new())),
                opened => opened?,
            };
            let (meant, others): (Vec<Kept>, Vec<Kept>) = kept(&database)?.into_iter().partition(|k| k.is_meant(model));
            if others.is_empty() {
                drop(database);
                place.empty()?;
            } else {
                meant.iter().try_for_each(|kept| forget(&database, Some(kept.id)))?;
            }
            Ok((meant, others))
        };
        let (meant, others) = clear().map_err(|problem| self.not_cleared(&problem))?;
        if meant.is_empty() {
            return Err(Error::NoVectors { model: model.into(), kept: others.iter().map(Kept::name).collect() });
        }
        Ok(meant)
    }

    /// Bytes of the database with its journal.
    fn bytes(&self) -> u64 {
        ["", "-wal", "-shm"].iter().map(|suffix| size(&self.0.join(format!("{DATABASE}{suffix}")))).sum()
    }

    fn place(&self) -> Result<Option<Place>, Problem> {
        // Where nothing is, nothing is made.
        if self.bytes() == 0 && !self.0.join(DATABASE).exists() {
            return Ok(None);
        }
        Place::new(&self.0).map(Some)
    }

    fn open(&self) -> Result<(Connection, Place), Problem> {
        let place = self.place()?.ok_or(Problem::Missing)?;
        Ok((place.open()?, place))
    }

    fn not_cleared(&self, problem: &Problem) -> Error {
        Error::Clear { path: self.0.clone(), problem: problem.to_string() }
    }
}

fn kept(database: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut statement = database.prepare(
        "SELECT id, model, variant, dimension, (SELECT count(*) FROM vectors WHERE vectors.model = models.id)
        FROM models ORDER BY model, variant",
    )?;
    let rows = statement.query_map([], |row| {
        let (dimension, vectors) = (u64::from(row.get::<_, u32>(3)?), u64::from(row.get::<_, u32>(4)?));
        Ok(Kept {
            id: row.get(0)?,
            full: row.get(1)?,
            variant: row.get(2)?,
            vectors,
            bytes: vectors.saturating_mul(4 * dimension),
        })
    })?;
    rows.filter(|kept| !kept.as_ref().is_ok_and(|kept| kept.vectors == 0)).collect()
}

/// Bytes of a file, or of all files below a folder; nothing where there is neither.
fn size(path: &Path) -> u64 {
    match std::fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => {
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
        }
        Ok(about) => about.len(),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_meant_by_name_and_first_digits() {
        let kept = |full: &str, variant: &str| Kept {
            id: 0,
            full: full.into(),
            variant: variant.into(),
            vectors: 0,
            bytes: 0,
        };
        let digits = "0123456789abcdef".repeat(4);
        let (plain, batched) = (kept(&format!("m@{digits}"), ""), kept(&format!("m@{digits}"), "-batched"));
        assert_eq!(batched.name(), "m@0123456789abcdef-batched");
        for model in ["m", "m@0", "m@0123456789abcdef", &format!("m@{digits}")] {
            assert!(plain.is_meant(model) && batched.is_meant(model), "{model}");
        }
        assert!(batched.is_meant("m@0123456789abcdef-batched") && !plain.is_meant("m@0123456789abcdef-batched"));
        for model in ["", "M", "m@", "m@1", "mm"] {
            assert!(!plain.is_meant(model), "{model}");
        }
    }
}
