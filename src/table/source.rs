//! The one place where a table comes in: whatever carries it, it can be read as often as one likes.
//!
//! Hides: which file, pipe or part of the program holds it, and in which format. Promises: what another program wrote is
//! put into one dialect (`dialect.rs`) before anybody sees it; a stream that ends too early is an error.

mod decode;

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use parquet::file::metadata::ParquetMetaDataReader;

use super::dialect::{Anchor, FOLDER};
use super::limits::Chunks;
use super::{Error, Table, foreign};
use crate::guard;
use crate::io::{self, At, Input};
use crate::species;
use decode::{arrow_file, delimited, gave_up, parquet, stream};

/// A text of this many first bytes without a NUL is taken for one.
const LOOK: usize = 4096;

/// Which columns are read.
type Wanted<'w> = Option<&'w dyn Fn(&str) -> bool>;

/// Where a table can be read from again and again: a file, or a pipe, spooled to an unlinked file.
#[derive(Debug)]
pub struct Source {
    /// What to call it in a message.
    pub name: String,
    file: At,
    format: Format,
    /// Where its pictures may be, other than where their paths say.
    anchor: Option<Anchor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Parquet,
    /// An Arrow IPC stream.
    Stream,
    /// An Arrow IPC file, which Feather is today.
    ArrowFile,
    /// Text with this byte between cells.
    Delimited(u8),
}

/// What a name leads to.
pub(super) enum Found {
    Table(Source),
    /// A stream that nobody has read yet, which costs no disk where it is read but once.
    Stream(Table),
    Folder,
    /// A pipe that holds no table, with all that came through it.
    Pipe(Box<dyn Read + Send>),
    /// A file that is no table, and its first bytes.
    File(Vec<u8>),
}

impl Source {
    /// Looks at what a name leads to: a file, a pipe, `-` or `pokedex:`. Paths in a table are tried from its own folder
    /// too, and from `root` first.
    ///
    /// # Errors
    /// It cannot be read, or is empty.
    pub(super) fn find(path: &Path, root: Option<&Path>) -> Result<Found, Error> {
        if path == Path::new(species::TABLE_NAME) {
            return Ok(Found::Table(Source::own(species::TABLE_NAME, species::TABLE)));
        }
        let name = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
        let read = |source| Error::Io(io::Error::Read { path: path.to_path_buf(), source });
        let folder = path.parent().filter(|_| path != Path::new("-"));
        let anchor = Some(Anchor::new(folder, root));
        match io::open(path)? {
            Input::Folder => Ok(Found::Folder),
            Input::File(file) => {
                let start = file.part(0, LOOK).map_err(read)?;
                Ok(match Format::of(&start) {
                    Some(format) => Found::Table(Source { name, file, format, anchor }),
                    None => Found::File(start),
                })
            }
            Input::Pipe(mut pipe) => {
                let mut start = Vec::new();
                let broken = |source| match path == Path::new("-") {
                    true => Error::Io(io::Error::Stdin(source)),
                    false => read(source),
                };
                pipe.by_ref().take(8).read_to_end(&mut start).map_err(broken)?;
                let format = Format::of(&start);
                if start.is_empty() {
                    return Err(Error::Empty { name });
                }
                let whole = Cursor::new(start).chain(pipe);
                Ok(match format {
                    None => Found::Pipe(Box::new(BufReader::with_capacity(1 << 16, whole))),
                    Some(Format::Stream) => {
                        let reader = Box::new(BufReader::with_capacity(1 << 16, whole));
                        let anchor = Some(Anchor::new(None, root));
                        Found::Stream(stream(name, reader, anchor)?)
                    }
                    Some(format) => {
                        let file = At::new(io::spool(whole)?).map_err(io::Error::temporary)?;
                        Found::Table(Source { name, file, format, anchor })
                    }
                })
            }
        }
    }

    /// A table that is part of the program, as an Arrow IPC file.
    pub fn own(name: &str, bytes: &'static [u8]) -> Source {
        Source { name: name.into(), file: At::own(bytes), format: Format::ArrowFile, anchor: None }
    }

    /// Opens a table; a pipe is spooled.
    ///
    /// # Errors
    /// It cannot be read, is empty, or no table; then `hint` says what makes a table of it.
    pub fn open(path: &Path, hint: &str) -> Result<Source, Error> {
        Self::open_as(path, hint, false)
    }

    /// As [`Source::open`]; what is no other table is CSV, or TSV where its first line has a tab.
    ///
    /// # Errors
    /// It cannot be read, is empty, or no text either; then `hint` says what makes a table of it.
    pub fn open_or_csv(path: &Path, hint: &str) -> Result<Source, Error> {
        Self::open_as(path, hint, true)
    }

    fn open_as(path: &Path, hint: &str, csv: bool) -> Result<Source, Error> {
        if path == Path::new(species::TABLE_NAME) {
            return Ok(Source::own(species::TABLE_NAME, species::TABLE));
        }
        let stdin = path == Path::new("-");
        let name = if stdin { "standard input".to_string() } else { path.display().to_string() };
        let file = match io::open(path)? {
            Input::Folder => return Err(Error::NeedsTable { name, found: "a folder".into(), hint: hint.into() }),
            Input::File(file) => file,
            Input::Pipe(pipe) => At::new(io::spool(pipe)?).map_err(io::Error::temporary)?,
        };
        let anchor = Some(Anchor::new(path.parent().filter(|_| !stdin), None));
        Ok(Source { anchor, ..Self::of_file(&name, file, hint, csv)? })
    }

    /// A table in a file that was opened.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn of(name: &str, file: File, hint: &str) -> Result<Source, Error> {
        let read = |source| Error::Io(io::Error::Read { path: name.into(), source });
        Self::of_file(name, At::new(file).map_err(read)?, hint, false)
    }

    fn of_file(name: &str, mut file: At, hint: &str, csv: bool) -> Result<Source, Error> {
        let read = |source| Error::Io(io::Error::Read { path: name.into(), source });
        let mut start = file.part(0, LOOK).map_err(read)?;
        // What Excel calls Unicode text.
        if csv && (start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff])) {
            let text = file.part(0, usize::try_from(file.len()).unwrap_or(usize::MAX)).map_err(read)?;
            let text = io::decode(text).map_err(|problem| Error::Csv { name: name.into(), problem: problem.into() })?;
            file = At::new(io::spool(text.as_bytes())?).map_err(read)?;
            start = file.part(0, LOOK).map_err(read)?;
        }
        let format = Format::of(&start).or_else(|| Format::delimited(&start).filter(|_| csv));
        let format = format.ok_or_else(|| foreign::not_a_table(name, &start, hint))?;
        Ok(Source { name: name.into(), file, format, anchor: None })
    }

    /// As it is: its paths are not looked for elsewhere.
    fn unanchored(self) -> Source {
        Source { anchor: None, ..self }
    }

    /// The table, from its first row; only the columns for which `wanted` says so, where the format allows it.
    ///
    /// # Errors
    /// It is damaged, or a column's name occurs twice.
    pub fn table(&self, wanted: Wanted) -> Result<Table, Error> {
        let (name, anchor) = (self.name.clone(), self.anchor.clone());
        let file = self.file.from(0);
        match self.format {
            Format::Parquet => {
                let checked = guard::catch(|| Chunks::new(file)).unwrap_or_else(|| Err(gave_up()));
                let checked = checked.map_err(|source| Error::Parquet { name: name.clone(), source })?;
                parquet(name, checked, wanted, anchor)
            }
            Format::Stream => stream(name, Box::new(BufReader::with_capacity(1 << 16, file)), anchor),
            Format::ArrowFile => arrow_file(name, file, wanted, anchor),
            Format::Delimited(delimiter) => delimited(name, file, delimiter),
        }
    }
}

impl Table {
    /// Opens a file, or a pipe, that holds a table.
    ///
    /// # Errors
    /// It cannot be read or is no table.
    pub fn open(path: &Path) -> Result<Table, Error> {
        Self::open_columns(path, None)
    }

    /// Opens a table and reads only the columns for which `wanted` says so.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub fn open_columns(path: &Path, wanted: Wanted) -> Result<Table, Error> {
        Source::open(path, &format!("pokedex embed {} -o embeddings.parquet", path.display()))?
            .unanchored()
            .table(wanted)
    }

    /// Opens a table that nobody named, but that lies in a folder: a pipe there is none, since who waits for one may wait for
    /// ever.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub(super) fn found(path: &Path, wanted: Wanted) -> Result<Table, Error> {
        let file = io::open_file(path).map_err(|source| io::Error::Read { path: path.to_path_buf(), source })?;
        Source::of(&path.display().to_string(), file, "")?.table(wanted)
    }
}

impl Format {
    /// What the first bytes of a table say.
    fn of(start: &[u8]) -> Option<Format> {
        match start {
            [b'P', b'A', b'R', b'1' | b'E', ..] => Some(Format::Parquet),
            [0xff, 0xff, 0xff, 0xff, ..] => Some(Format::Stream),
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some(Format::ArrowFile),
            _ => None,
        }
    }

    /// What separates the cells of a text.
    fn delimited(start: &[u8]) -> Option<Format> {
        let header = start.split(|&b| b == b'\n').next().unwrap_or_default();
        // Where the comma stands in numbers, spreadsheets put semicolons between cells.
        let delimiter = match (header.contains(&b'\t'), header.contains(&b','), header.contains(&b';')) {
            (true, ..) => b'\t',
            (_, false, true) => b';',
            _ => b',',
        };
        (!start.is_empty() && !start.contains(&0)).then_some(Format::Delimited(delimiter))
    }
}

/// The command whose folder a Parquet file is the manifest of; `None` where this program did not write it as it is: who
/// writes a file anew, even with its metadata, leaves a name of its own.
pub fn folder_of(path: &Path) -> Option<String> {
    let file = At::new(io::open_file(path).ok()?).ok()?;
    let footer = || ParquetMetaDataReader::new().parse_and_finish(&Chunks::new(file)?);
    let footer = guard::catch(footer)?.ok()?;
    let footer = footer.file_metadata();
    let is_own = footer.created_by().is_some_and(|by| by.starts_with("pokedex "));
    let key = format!("pokedex.{FOLDER}");
    let entry = footer.key_value_metadata()?.iter().find(|entry| entry.key == key && is_own);
    entry?.value.clone()
}

/// Whether these first bytes are those of a table.
pub fn is_table(start: &[u8]) -> bool {
    Format::of(start).is_some()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch};
    use arrow_schema::{DataType, Schema};

    use super::*;
    use crate::table::column;

    fn source(text: &[u8]) -> (tempfile::NamedTempFile, Result<Source, Error>) {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("writable");
        let source = Source::open_or_csv(file.path(), "a hint");
        (file, source)
    }

    #[test]
    fn a_csv_is_a_table_of_trimmed_text_that_can_be_read_twice() {
        let (_file, source) = source(b"\xef\xbb\xbfkey, truth ,\na,\" x, y\",1\nb,  ,2\n");
        let source = source.expect("a CSV");
        for _ in 0..2 {
            let table = source.table(None).expect("a table");
            let names: Vec<&String> = table.schema.fields().iter().map(|f| f.name()).collect();
            assert_eq!(names, ["key", "truth", "column_3"]);
            let batches: Vec<RecordBatch> = table.map(|batch| batch.expect("readable")).collect();
            let truths = column::text(&batches[0], "truth").expect("text").expect("there");
            assert_eq!(truths.iter().collect::<Vec<_>>(), [Some("x, y"), None]);
        }
    }

    #[test]
    fn a_compressed_part_that_claims_too_much_is_an_error_and_no_end_of_the_process() {
        use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
        let schema = Arc::new(Schema::new(vec![column::field("note", DataType::Utf8)]));
        let notes: ArrayRef = Arc::new(arrow_array::StringArray::from(vec!["n".repeat(5000)]));
        let rows = RecordBatch::try_new(schema.clone(), vec![notes]).expect("one column");
        let options = IpcWriteOptions::default().try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME));
        let mut writer =
            FileWriter::try_new_with_options(Vec::new(), &schema, options.expect("lz4")).expect("a writer");
        writer.write(&rows).expect("written");
        let mut bytes = writer.into_inner().expect("finished");
        let read = |bytes: &[u8]| source(bytes).1?.table(None)?.collect::<Result<Vec<_>, _>>();
        assert_eq!(read(&bytes).expect("readable")[0].num_rows(), 1);
        // The offsets, which come first, hold the same number.
        let at = bytes.windows(8).rposition(|part| part == 5000i64.to_le_bytes()).expect("the text's length");
        bytes[at..at + 8].copy_from_slice(&(1i64 << 40).to_le_bytes());
        assert!(read(&bytes).expect_err("damaged").to_string().contains("claims what cannot be"));
    }

    #[test]
    fn tabs_in_the_header_make_it_tsv_and_nul_bytes_make_it_nothing() {
        let (_file, tsv) = source(b"a\tb\n1,2\t3\n");
        let table = tsv.expect("a TSV").table(None).expect("a table");
        let batch = table.last().expect("a batch").expect("readable");
        assert_eq!(column::text(&batch, "a").expect("text").expect("there").value(0), "1,2");
        let (_file, semicolons) = source(b"a;b\n1,2;3\n");
        let table = semicolons.expect("a CSV").table(None).expect("a table");
        assert_eq!(table.schema.fields().len(), 2);
        assert!(matches!(source(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").1, Err(Error::NeedsTable { .. })));
        assert!(matches!(source(b"").1, Err(Error::Empty { .. })));
    }

    #[test]
    fn a_line_of_another_length_is_named() {
        let (_file, csv) = source(b"a,b\n1,2\n3\n");
        let error = csv.expect("a CSV").table(None).expect("a header").find_map(Result::err).expect("a short line");
        assert!(error.to_string().contains("line: 3"), "{error}");
        let (_file, twice) = source(b"a,a\n1,2\n");
        assert!(matches!(twice.expect("a CSV").table(None), Err(Error::DuplicateColumn { .. })));
    }
}
