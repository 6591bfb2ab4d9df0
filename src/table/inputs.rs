//! From a stage's arguments to a table of rows: image files, folders, lists of paths, tables, and `-`.

use std::collections::HashSet;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema};

use super::findings::{Fault, Findings};
use super::ids::IdSource;
use super::layout;
use super::shard::Shard;
use super::shards;
use super::source::{Found, Source};
use super::{Error, Table, column, dataset, foreign};
use crate::io::{self, Kind, Listing};
use crate::notes;
use crate::species;

/// Rows of a batch made from a listing.
const BATCH_ROWS: usize = 256;

/// A stage's arguments, not yet looked at.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Tables, folders, image files, lists of paths, `-` or `pokedex:`, as a person names them.
    pub paths: Vec<PathBuf>,
    /// Where the rows of files get `id` and `label` from.
    pub ids: IdSource,
    /// Keys of a list of paths are relative to this folder.
    pub root: Option<PathBuf>,
    /// Lists of paths are separated by NUL bytes instead of newlines.
    pub nul_separated: bool,
    /// Only the rows of this shard.
    pub shard: Option<Shard>,
    /// A folder that is being written: what it holds is passed over where a folder around it is read.
    pub except: Option<PathBuf>,
    /// Folders that cannot be read are told here, where they do not end the run.
    pub passed_over: Option<Findings>,
}

/// So many tables are open at once, where there are more.
const MOST_OPEN: usize = 16;

/// What the arguments lead to.
enum Given {
    Table(Table),
    /// A list of paths.
    List(Box<dyn Read + Send>),
    /// Image files and folders: of the first, if it is a file, the first bytes.
    Files(Option<Vec<u8>>),
}

impl Inputs {
    /// Rows that have images: from a table that has `path` or `image`, or one row a file with `key`, `path`, `id`
    /// and `label`.
    ///
    /// # Errors
    /// Nothing is found, an input cannot be read, or tables and image files are mixed.
    pub fn images(&self) -> Result<Table, Error> {
        let table = match self.tables()? {
            Some(table) => self.sharded(table),
            None => return self.pictures(),
        };
        if !table.has(column::PATH) && !table.has(column::IMAGE) {
            return Err(column::missing(&table.schema, column::PATH, &table.name));
        }
        Ok(table)
    }

    /// As [`Inputs::images`], and tables without images too.
    ///
    /// # Errors
    /// Nothing is found, an input cannot be read, or tables and image files are mixed.
    pub fn images_or_vectors(&self) -> Result<Table, Error> {
        match self.tables()? {
            Some(table) => Ok(self.sharded(table)),
            None => self.pictures(),
        }
    }

    /// The rows of the shard that is asked for.
    fn sharded(&self, table: Table) -> Table {
        match self.shard {
            Some(shard) => shard.of(table),
            None => table,
        }
    }

    /// The image files of the arguments; of a folder that somebody laid out as a data set with what that says of them.
    fn pictures(&self) -> Result<Table, Error> {
        let (except, found) = (self.except.as_deref(), Findings::default());
        if let [path] = self.paths.as_slice()
            && let Some(table) = layout::find(path, self.ids, except, &found)?
        {
            return Ok(self.sharded(table));
        }
        let mut table = self.list(self.listing(Kind::Pictures)?)?;
        if self.passed_over.is_none() {
            // Why a layout has no pictures, where it has none.
            table.findings = found;
        }
        Ok(table)
    }

    /// Rows of films: from a table that has `path`, or one row a file with `key`, `path`, `id` and `label`.
    ///
    /// # Errors
    /// Nothing is found, an input cannot be read, or tables and files are mixed.
    pub fn films(&self) -> Result<Table, Error> {
        let Some(table) = self.tables()? else {
            let listing = self.listing(Kind::Films)?;
            let name = self.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" ");
            return if listing.is_empty() { Err(Error::NoFilms { name }) } else { self.list(listing) };
        };
        table.require(column::PATH)?;
        Ok(self.sharded(table))
    }

    /// The files of the arguments; folders that cannot be read are told.
    fn listing(&self, kind: Kind) -> Result<Listing, Error> {
        let (listing, unreadable) = Listing::of_readable(&self.paths, self.except.as_deref(), kind)?;
        for (path, problem) in unreadable {
            let path = path.display().to_string();
            match &self.passed_over {
                Some(findings) => {
                    findings.file(Fault::Unreadable, path, format!("the folder cannot be read: {problem}"));
                }
                None => {
                    notes::left_out();
                    notes::count("folders", 1, Some(&format!("{path}: {problem}")), |count, named| match count {
                        1 => format!("left out a folder that cannot be read: {named}"),
                        count => format!("left out {count} folders that cannot be read: {named}"),
                    });
                }
            }
        }
        Ok(listing)
    }

    /// Rows of tables only; `hint` is the command that makes a table from what was given instead.
    ///
    /// # Errors
    /// An input is a folder, an image or a list of paths, or cannot be read.
    pub fn rows(&self, hint: impl Fn(&str) -> String) -> Result<Table, Error> {
        let needs = |name: String, found: &str| Error::NeedsTable { hint: hint(&name), name, found: found.into() };
        match self.find()? {
            Given::Table(table) => Ok(table),
            Given::List(_) => Err(needs(self.paths[0].display().to_string(), "a list of paths")),
            Given::Files(start) => {
                let name = self.paths[0].display().to_string();
                Err(match start {
                    None => needs(name, "a folder"),
                    Some(start) => foreign::not_a_table(&name, &start, &hint(&name)),
                })
            }
        }
    }

    /// Whether the rows can be read but once: they come from standard input or a pipe.
    pub fn is_once(&self) -> bool {
        let is_pipe = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir());
        self.is_stdin() || self.paths.iter().any(is_pipe)
    }

    /// Whether what is passed over lies in one of the inputs.
    pub fn passes_over(&self) -> bool {
        let except = self.except.as_ref().and_then(|folder| folder.canonicalize().ok());
        let holds =
            |path: &PathBuf| except.as_ref().zip(path.canonicalize().ok()).is_some_and(|(e, p)| e.starts_with(p));
        self.paths.iter().any(holds)
    }

    /// Whether the rows come from standard input, which can be read but once.
    pub fn is_stdin(&self) -> bool {
        self.paths.len() == 1 && self.paths[0] == Path::new("-")
    }

    /// The inputs as one table, or `None` where they are image files and folders.
    fn tables(&self) -> Result<Option<Table>, Error> {
        match self.find()? {
            Given::Table(table) => Ok(Some(table)),
            Given::List(list) => {
                let listing = Listing::from_list(BufReader::new(list), self.nul_separated, self.root.as_deref())?;
                self.list(listing).map(Some)
            }
            Given::Files(_) => Ok(None),
        }
    }

    /// What the arguments lead to. A folder that `export` or `augment` made is the table of its rows; a pipe that holds no
    /// table holds a list of paths.
    fn find(&self) -> Result<Given, Error> {
        self.paths.iter().try_for_each(|path| dataset::require_finished(path))?;
        if let [folder] = self.paths.as_slice()
            && let Some(table) = dataset::find(folder, self.except.as_deref())?
        {
            return Ok(Given::Table(table));
        }
        let mut tables = Vec::new();
        let mut others = None;
        let paths = shards::expand(&self.paths)?;
        let many = paths.len() > MOST_OPEN;
        for path in &paths {
            if path == Path::new("-") && self.paths.len() > 1 {
                return Err(Error::StdinBesideOthers);
            }
            match Source::find(path, self.root.as_deref())? {
                // A hundred shards are a hundred open files, unless each is opened when it is its turn.
                Found::Table(_) if many => tables.push(shards::in_turn(path, self.root.as_deref())?),
                Found::Table(source) => tables.push(source.table(None)?),
                Found::Stream(table) => tables.push(table),
                Found::Pipe(list) if paths.len() == 1 => return Ok(Given::List(list)),
                Found::Pipe(_) => return Err(Error::MixedInputs { path: path.clone() }),
                Found::Folder => others = others.or(Some((path.clone(), None))),
                Found::File(start) => others = others.or(Some((path.clone(), Some(start)))),
            }
        }
        match others {
            None => Table::concatenate(tables).map(Given::Table),
            Some((_, start)) if tables.is_empty() => Ok(Given::Files(start)),
            Some((path, _)) => Err(Error::MixedInputs { path }),
        }
    }

    fn list(&self, mut listing: Listing) -> Result<Table, Error> {
        let name = self.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" ");
        if listing.is_empty() {
            return Err(Error::NoImages { name });
        }
        let ids = self.ids.resolve(&listing)?;
        let folders = matches!(ids, IdSource::None) && several_folders(&listing);
        // What is said of a row by all others is decided by now.
        if let Some(shard) = self.shard {
            listing.keep(|key| shard.has(key));
        }
        let schema = Arc::new(Schema::new(vec![
            column::key_field(),
            column::field(column::PATH, DataType::Utf8),
            column::field(column::ID, DataType::Int32),
            column::field(column::LABEL, DataType::Utf8),
        ]));
        let rows = listing.len();
        let batch_schema = schema.clone();
        let batches = (0..rows).step_by(BATCH_ROWS).map(move |start| {
            let entries = &listing.entries()[start..rows.min(start + BATCH_ROWS)];
            let keys = StringArray::from_iter_values(entries.iter().map(|e| listing.key(e)));
            let paths = StringArray::from_iter_values(
                entries.iter().map(|e| io::escape_bytes(listing.path(e).as_os_str().as_encoded_bytes())),
            );
            let numbers: Int32Array = entries.iter().map(|e| ids.of(&listing, e)).collect();
            let labels: StringArray = entries
                .iter()
                .zip(&numbers)
                .map(|(e, id)| match id {
                    Some(id) => species::name(id).map(str::to_string),
                    None => folders.then(|| listing.folder_and_name(e).0).filter(|folder| !folder.is_empty()),
                })
                .collect();
            let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(paths), Arc::new(numbers), Arc::new(labels)];
            Ok(RecordBatch::try_new(batch_schema.clone(), columns).expect("the columns of the schema above"))
        });
        Ok(Table::new(name, schema, Some(rows as u64), Box::new(batches)))
    }
}

fn several_folders(listing: &Listing) -> bool {
    let mut folders = HashSet::new();
    listing.entries().iter().any(|e| {
        folders.insert(listing.folder_and_name(e).0);
        folders.len() > 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_ids_need_every_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["0001_a.png", "0025_b.png"] {
            std::fs::write(folder.path().join(name), "").expect("writable");
        }
        let inputs = Inputs { paths: vec![folder.path().into()], ..Inputs::default() };
        let ids = |inputs: &Inputs| {
            let batch = inputs.images().expect("listed").next().expect("one batch").expect("read");
            let labels = column::text(&batch, column::LABEL).expect("text").expect("there");
            let ids = column::ints(&batch, column::ID).expect("ints").expect("there");
            (ids.iter().collect::<Vec<_>>(), labels.iter().map(|l| l.map(str::to_string)).collect::<Vec<_>>())
        };
        let names = vec![Some("Bulbasaur".to_string()), Some("Pikachu".to_string())];
        assert_eq!(ids(&inputs), (vec![Some(1), Some(25)], names));
        std::fs::write(folder.path().join("holiday.png"), "").expect("writable");
        assert_eq!(ids(&inputs), (vec![None; 3], vec![None; 3]));
        let forced = Inputs { ids: IdSource::Name, ..inputs };
        assert_eq!(ids(&forced).0, vec![Some(1), Some(25), None]);
        let folders = Inputs { ids: IdSource::Dir, ..forced };
        assert!(matches!(folders.images(), Err(Error::NoId { .. })));
    }
}
