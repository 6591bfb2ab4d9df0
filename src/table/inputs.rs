//! From a stage's arguments to a table of rows: image files, folders, lists of paths, tables, and `-`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema};

use super::layout::{self, Fault, Findings};
use super::{Error, Table, column, dataset};
use crate::io::{self, Listing, Stdin};
use crate::species;

/// Rows of a batch made from a listing.
const BATCH_ROWS: usize = 256;

/// Where class numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum IdSource {
    /// From names, if every file or every folder begins with a Pokédex number (0001 to 1025)
    #[default]
    Auto,
    /// From the file's name; one without a number is an error
    Name,
    /// From the folder's name; one without a number is an error
    Dir,
    /// No class numbers
    None,
}

/// A stage's arguments, not yet looked at.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    pub paths: Vec<PathBuf>,
    pub ids: IdSource,
    /// Keys of a list of paths are relative to this folder.
    pub root: Option<PathBuf>,
    /// Lists of paths are separated by NUL bytes instead of newlines.
    pub nul_separated: bool,
    /// A folder that is being written: what it holds is passed over where a folder around it is read.
    pub except: Option<PathBuf>,
    /// Folders that cannot be read are told here, where they do not end the run.
    pub passed_over: Option<Findings>,
}

impl Inputs {
    /// Rows that have images: from a table that has `path` or `image`, or one row a file with `key`, `path`, `id`
    /// and `label`.
    ///
    /// # Errors
    /// Nothing is found, an input cannot be read, or tables and image files are mixed.
    pub fn images(&self) -> Result<Table, Error> {
        let table = match self.tables()? {
            Some(table) => table,
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
            Some(table) => Ok(table),
            None => self.pictures(),
        }
    }

    /// The image files of the arguments; of a folder that somebody laid out as a data set with what that says of them.
    fn pictures(&self) -> Result<Table, Error> {
        let (except, found) = (self.except.as_deref(), Findings::default());
        if let [path] = self.paths.as_slice()
            && let Some(table) = layout::find(path, self.ids, except, &found)?
        {
            return Ok(table);
        }
        let Some(findings) = &self.passed_over else {
            let mut table = self.list(Listing::of_all_but(&self.paths, except)?)?;
            // Why a layout has no pictures, where it has none.
            table.findings = found;
            return Ok(table);
        };
        let (listing, unreadable) = Listing::of_readable(&self.paths, except)?;
        for (path, problem) in unreadable {
            findings.file(
                Fault::Unreadable,
                path.display().to_string(),
                format!("the folder cannot be read: {problem}"),
            );
        }
        self.list(listing)
    }

    /// Rows of tables only; `hint` is the command that makes a table from what was given instead.
    ///
    /// # Errors
    /// An input is a folder, an image or a list of paths, or cannot be read.
    pub fn rows(&self, hint: impl Fn(&str) -> String) -> Result<Table, Error> {
        let needs = |name: String, found| Error::NeedsTable { hint: hint(&name), name, found };
        if self.is_stdin() {
            return match io::read_stdin()? {
                Stdin::Empty => Err(Error::Empty { name: "standard input".into() }),
                Stdin::Bytes(_) => Err(needs("-".into(), "a list of paths")),
                other => Self::stdin_table(other),
            };
        }
        match self.tables()? {
            Some(table) => Ok(table),
            None => {
                let path = &self.paths[0];
                let found = if path.is_dir() { "a folder" } else { "no table" };
                Err(needs(path.display().to_string(), found))
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

    /// The inputs as one table, or `None` where they are image files and folders. A folder that `export` or `augment`
    /// made is the table of its rows.
    fn tables(&self) -> Result<Option<Table>, Error> {
        if self.is_stdin() {
            return match io::read_stdin()? {
                Stdin::Bytes(list) => {
                    let listing = Listing::from_list(BufReader::new(list), self.nul_separated, self.root.as_deref())?;
                    self.list(listing).map(Some)
                }
                Stdin::Empty => Err(Error::Empty { name: "standard input".into() }),
                other => Self::stdin_table(other).map(Some),
            };
        }
        self.paths.iter().try_for_each(|path| dataset::require_finished(path))?;
        if let [folder] = self.paths.as_slice()
            && let Some(table) = dataset::find(folder, self.except.as_deref())?
        {
            return Ok(Some(table));
        }
        let mut tables = Vec::new();
        let mut images = None;
        for path in &self.paths {
            if path == Path::new("-") {
                return Err(Error::StdinBesideOthers);
            }
            if path == Path::new(species::TABLE_NAME) {
                let bytes = bytes::Bytes::from_static(species::TABLE);
                tables.push(Table::parquet(species::TABLE_NAME.into(), bytes, None)?);
            } else if let Err(source) = std::fs::metadata(path) {
                return Err(io::Error::Read { path: path.clone(), source }.into());
            } else if is_table(path) {
                tables.push(Table::open(path)?);
            } else {
                images = Some(path)
            }
        }
        match images {
            None => Table::concatenate(tables).map(Some),
            Some(_) if tables.is_empty() => Ok(None),
            Some(path) => Err(Error::MixedInputs { path: path.clone() }),
        }
    }

    fn stdin_table(stdin: Stdin) -> Result<Table, Error> {
        let name = "standard input".to_string();
        match stdin {
            Stdin::Parquet(file) => Table::parquet(name, file, None),
            Stdin::ArrowStream(reader) => Table::arrow_stream(name, reader),
            Stdin::Bytes(_) | Stdin::Empty => Err(Error::NotATable { name }),
        }
    }

    fn list(&self, listing: Listing) -> Result<Table, Error> {
        let name = self.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" ");
        if listing.is_empty() {
            return Err(Error::NoImages { name });
        }
        let ids = self.ids.resolve(&listing)?;
        let folders = matches!(ids, IdSource::None) && several_folders(&listing);
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

impl IdSource {
    /// Settles `Auto` by looking at every name, and checks that a forced source serves every file.
    pub(super) fn resolve(self, listing: &Listing) -> Result<IdSource, Error> {
        let all = |source: IdSource| listing.entries().iter().all(|e| source.of(listing, e).is_some());
        match self {
            IdSource::None => Ok(IdSource::None),
            IdSource::Auto => {
                Ok([IdSource::Name, IdSource::Dir].into_iter().find(|&s| all(s)).unwrap_or(IdSource::None))
            }
            IdSource::Name | IdSource::Dir => match listing.entries().iter().find(|e| self.of(listing, e).is_none()) {
                None => Ok(self),
                Some(entry) => Err(Error::NoId { file: listing.path(entry).display().to_string() }),
            },
        }
    }

    pub(super) fn of(self, listing: &Listing, entry: &io::Entry) -> Option<i32> {
        let (folder, name) = listing.folder_and_name(entry);
        match self {
            IdSource::Name => number(&name),
            IdSource::Dir => number(&folder),
            IdSource::Auto | IdSource::None => None,
        }
    }
}

/// Four digits in 1–1025 at the beginning, followed by `_`, `.`, `-` or the end.
pub(super) fn number(name: &str) -> Option<i32> {
    let digits = name.get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    let id: i32 = digits.parse().ok()?;
    let follows = name.as_bytes().get(4).is_none_or(|b| b"_.-".contains(b));
    (follows && (1..=species::COUNT).contains(&id)).then_some(id)
}

fn several_folders(listing: &Listing) -> bool {
    let mut folders = HashSet::new();
    listing.entries().iter().any(|e| {
        folders.insert(listing.folder_and_name(e).0);
        folders.len() > 1
    })
}

/// Whether a file is a Parquet file or an Arrow IPC stream, by its first bytes.
pub fn is_table(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read(&mut magic));
    matches!(read, Ok(4)) && matches!(&magic, b"PAR1" | [0xff, 0xff, 0xff, 0xff])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_only_where_they_are_meant() {
        assert_eq!(number("0025_front.png"), Some(25));
        assert_eq!(number("1025"), Some(1025));
        assert_eq!(number("0001.png"), Some(1));
        assert_eq!(number("0001-a.png"), Some(1));
        assert_eq!(number("2024_summer.jpg"), None);
        assert_eq!(number("0000_x.png"), None);
        assert_eq!(number("00251.png"), None);
        assert_eq!(number("025.png"), None);
        assert_eq!(number("é25.png"), None);
    }

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
        assert!(matches!(forced.images(), Err(Error::NoId { .. })));
    }
}
