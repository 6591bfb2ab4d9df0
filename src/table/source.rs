//! A table of this or another program: Parquet, an Arrow stream, CSV or TSV; read as often as one likes.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::{Error, Table, column};
use crate::io::{self, Stdin};

/// Rows of a batch that is read from a CSV.
const BATCH_ROWS: usize = 1024;
/// A text of this many first bytes without a NUL is taken for one.
const LOOK: u64 = 4096;

/// Where a table can be read from again and again: a file, or standard input (and pipes), spooled to an unlinked file.
#[derive(Debug)]
pub struct Source {
    /// What to call it in a message.
    pub name: String,
    file: File,
    format: Format,
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Parquet,
    Arrow,
    /// Text with this byte between cells.
    Delimited(u8),
}

impl Source {
    /// Opens a file, or `-`. What is neither Parquet nor an Arrow stream is CSV, or TSV where its first line has a tab.
    ///
    /// # Errors
    /// It cannot be read, is empty, a folder, or no text either; then `hint` is the command that makes a table of it.
    pub fn open(path: &Path, hint: &str) -> Result<Source, Error> {
        let (name, file) = if path == Path::new("-") {
            let name = "standard input".to_string();
            let file = match io::read_stdin()? {
                Stdin::Empty => return Err(Error::Empty { name }),
                Stdin::Parquet(file) => file,
                Stdin::ArrowStream(reader) | Stdin::Bytes(reader) => io::spool(reader)?,
            };
            (name, file)
        } else {
            let name = path.display().to_string();
            let read = |source| io::Error::Read { path: path.to_path_buf(), source };
            let file = File::open(path).map_err(read)?;
            let about = file.metadata().map_err(read)?;
            if about.is_dir() {
                return Err(Error::NeedsTable { name, found: "a folder", hint: hint.into() });
            }
            (name, if about.is_file() { file } else { io::spool(file)? })
        };
        let format = match format_of(&file).map_err(|source| io::Error::Read { path: path.to_path_buf(), source })? {
            Some(format) => format,
            None if file.metadata().is_ok_and(|about| about.len() == 0) => return Err(Error::Empty { name }),
            None => {
                let found = "neither Parquet, an Arrow stream nor CSV";
                return Err(Error::NeedsTable { name, found, hint: hint.into() });
            }
        };
        Ok(Source { name, file, format })
    }

    /// The table, from its first row; only the columns for which `wanted` says so, where the format allows it. One at
    /// a time: tables of one source share its place in the file.
    ///
    /// # Errors
    /// It is damaged, or a column's name occurs twice.
    pub fn table(&self, wanted: Option<&dyn Fn(&str) -> bool>) -> Result<Table, Error> {
        let name = self.name.clone();
        let again = || {
            let mut file = self.file.try_clone()?;
            file.rewind()?;
            Ok(file)
        };
        let file: File = again().map_err(io::Error::temporary)?;
        match self.format {
            Format::Parquet => Table::parquet(name, file, wanted),
            Format::Arrow => Table::arrow_stream(name, Box::new(BufReader::with_capacity(1 << 16, file))),
            Format::Delimited(delimiter) => delimited(name, file, delimiter),
        }
    }
}

/// What the first bytes say; `None` where they are no text either.
fn format_of(mut file: &File) -> std::io::Result<Option<Format>> {
    let mut start = Vec::new();
    file.rewind()?;
    file.take(LOOK).read_to_end(&mut start)?;
    Ok(match start.as_slice() {
        [b'P', b'A', b'R', b'1', ..] => Some(Format::Parquet),
        [0xff, 0xff, 0xff, 0xff, ..] => Some(Format::Arrow),
        text if text.is_empty() || text.contains(&0) => None,
        text => {
            let header = text.split(|&b| b == b'\n').next().unwrap_or_default();
            // Where the comma stands in numbers, spreadsheets put semicolons between cells.
            let delimiter = match (header.contains(&b'\t'), header.contains(&b','), header.contains(&b';')) {
                (true, ..) => b'\t',
                (_, false, true) => b';',
                _ => b',',
            };
            Some(Format::Delimited(delimiter))
        }
    })
}

/// A CSV with a header as a table of text: cells trimmed, blank ones null, names as they stand there.
fn delimited(name: String, file: File, delimiter: u8) -> Result<Table, Error> {
    let broken = {
        let name = name.clone();
        move |e: csv::Error| match e.is_io_error() {
            true => Error::Io(io::Error::Read { path: name.clone().into(), source: e.into() }),
            false => Error::Csv { name: name.clone(), problem: e.to_string() },
        }
    };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(file);
    let header = reader.headers().map_err(&broken)?.clone();
    let mut names: Vec<String> = Vec::new();
    for (at, cell) in header.iter().enumerate() {
        let cell = cell.trim_start_matches('\u{feff}').trim_matches('"');
        let column = if cell.is_empty() { format!("column_{}", at + 1) } else { cell.to_string() };
        if names.contains(&column) {
            return Err(Error::DuplicateColumn { name, column });
        }
        names.push(column);
    }
    let fields: Vec<_> = names.iter().map(|name| column::field(name, DataType::Utf8)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let batch_schema = schema.clone();
    let mut records = reader.into_records();
    let mut failed = false;
    let batches = std::iter::from_fn(move || {
        let mut columns: Vec<StringBuilder> = batch_schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let mut rows = 0;
        while rows < BATCH_ROWS && !failed {
            match records.next() {
                None => break,
                Some(Err(e)) => {
                    failed = true;
                    return Some(Err(broken(e)));
                }
                Some(Ok(record)) => {
                    for (column, cell) in columns.iter_mut().zip(&record) {
                        column.append_option((!cell.is_empty()).then_some(cell));
                    }
                    rows += 1;
                }
            }
        }
        let arrays = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        let batch = RecordBatch::try_new(batch_schema.clone(), arrays).expect("a cell of every column in every row");
        (rows > 0).then_some(Ok(batch))
    });
    Ok(Table::new(name, schema, None, Box::new(batches)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &[u8]) -> (tempfile::NamedTempFile, Result<Source, Error>) {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("writable");
        let source = Source::open(file.path(), "a hint");
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
