//! Tables in many files: a pattern of names or a folder stands for all of them.

use std::path::{Path, PathBuf};

use super::source::Found;
use super::{Error, Source, Table, dataset, layout};
use crate::io;

/// What patterns are made of.
const WILD: [char; 3] = ['*', '?', '['];

/// The inputs with patterns and folders of tables replaced by the files that they stand for, in the order of their names.
///
/// # Errors
/// Nothing has a name of the pattern, or a folder cannot be read.
pub(super) fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        let is_web = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        let is_pattern = |text: &&str| text.contains(WILD) && !is_web(text) && path.symlink_metadata().is_err();
        match path.to_str().filter(is_pattern) {
            Some(pattern) => all.extend(matching(path, pattern)?),
            None => match in_folder(path) {
                Some(tables) => all.extend(tables),
                None => all.push(path.clone()),
            },
        }
    }
    Ok(all)
}

impl Source {
    /// As [`Source::open`]; all tables of a pattern or a folder are one, which is spooled.
    ///
    /// # Errors
    /// As there; nothing has a name of the pattern, or the columns of the tables differ.
    pub fn open_all(path: &Path, hint: &str) -> Result<Source, Error> {
        as_one(path)?.map_or_else(|| Source::open(path, hint), |all| spooled(path, all))
    }

    /// As [`Source::open_or_csv`]; all tables of a pattern or a folder are one, which is spooled.
    ///
    /// # Errors
    /// As there; nothing has a name of the pattern, or the columns of the tables differ.
    pub fn open_all_or_csv(path: &Path, hint: &str) -> Result<Source, Error> {
        as_one(path)?.map_or_else(|| Source::open_or_csv(path, hint), |all| spooled(path, all))
    }
}

fn as_one(path: &Path) -> Result<Option<Table>, Error> {
    match expand(&[path.to_path_buf()])?.as_slice() {
        [one] if one == path => Ok(None),
        all => Table::concatenate(all.iter().map(|table| in_turn(table, None)).collect::<Result<_, _>>()?).map(Some),
    }
}

fn spooled(path: &Path, all: Table) -> Result<Source, Error> {
    let file = all.spool_file(|_| Ok::<(), Error>(()))?;
    Source::of(&path.display().to_string(), file, "")
}

fn matching(path: &Path, pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let nothing = |problem: &str| {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, problem);
        Error::Io(io::Error::Read { path: path.into(), source })
    };
    let mut found = match io::matching(path) {
        Some(objects) => objects.map_err(|source| Error::Io(io::Error::Read { path: path.into(), source }))?,
        None => {
            let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::default() };
            let names = glob::glob_with(pattern, options).map_err(|e| nothing(&format!("is no pattern: {e}")))?;
            names.filter_map(Result::ok).collect()
        }
    };
    found.sort();
    match found.is_empty() {
        true => Err(nothing("no file has a name of this pattern")),
        false => Ok(found),
    }
}

/// The tables of a folder that holds such, and no picture beside them.
fn in_folder(folder: &Path) -> Option<Vec<PathBuf>> {
    if !folder.is_dir() || folder.join(dataset::MANIFEST).exists() {
        return None;
    }
    let mut tables = Vec::new();
    for entry in folder.read_dir().ok()? {
        let (path, name) = entry.ok().map(|entry| (entry.path(), entry.file_name()))?;
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let is_table = path.extension().is_some_and(|extension| extension == "parquet" || extension == "arrows");
        match is_table && path.is_file() {
            true => tables.push(path),
            // A folder of something else, in which there are tables, too.
            false if path.is_dir() || io::is_picture_name(&name) => return None,
            false => {}
        }
    }
    tables.sort();
    (!tables.is_empty() && !layout::is_of_tables(folder)).then_some(tables)
}

/// A table that is opened again when its rows are wanted, and holds no file until then.
///
/// # Errors
/// It cannot be read or is no table.
pub(super) fn in_turn(path: &Path, root: Option<&Path>) -> Result<Table, Error> {
    let open = {
        let (path, root) = (path.to_path_buf(), root.map(Path::to_path_buf));
        move || match Source::find(&path, root.as_deref())? {
            Found::Table(source) => source.table(None),
            Found::Stream(table) => Ok(table),
            _ => Err(Error::Changed { name: path.display().to_string() }),
        }
    };
    let now = open()?;
    let (name, schema, rows) = (now.name.clone(), now.schema.clone(), now.rows);
    let (provenance, expected) = (now.provenance.clone(), schema.clone());
    drop(now);
    let mut later: Option<Result<Table, Error>> = None;
    let mut failed = false;
    let called = name.clone();
    let batches = std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let table = later.get_or_insert_with(|| match open() {
            Ok(table) if table.schema == expected => Ok(table),
            Ok(_) => Err(Error::Changed { name: called.clone() }),
            Err(e) => Err(e),
        });
        match table {
            Ok(table) => table.next(),
            Err(_) => {
                failed = true;
                later.take().and_then(Result::err).map(Err)
            }
        }
    });
    let mut table = Table::new(name, schema, rows, Box::new(batches));
    table.provenance = provenance;
    Ok(table)
}
