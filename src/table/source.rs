//! The one place where a table comes in: whatever carries it, it can be read as often as one likes.
//!
//! Hides: which file, pipe or part of the program holds it, and in which format. Promises: what another program wrote is
//! put into one dialect (`dialect.rs`) before anybody sees it; a stream that ends too early is an error.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::Block;
use arrow_ipc::reader::FileDecoder;
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::ChunkReader;

use super::dataset::FOLDER;
use super::dialect::{self, Anchor};
use super::limits::{self, Chunks, MOST_COLUMNS};
use super::messages::Messages;
use super::{Error, Table, column, foreign, wide};
use crate::guard;
use crate::io::{self, At, Input};
use crate::species;

/// Rows of a batch that is read from a table without images, and from one with.
const BATCH_ROWS: usize = 1024;
const IMAGE_BATCH_ROWS: usize = 16;
/// Bytes that a batch may take where its rows are all null: values of a fixed size take room all the same.
const MOST_BATCH: usize = 64 << 20;
/// Bytes of a batch as the file's footer gives them.
const MOST_BYTES: i64 = 256 << 20;
/// A text of this many first bytes without a NUL is taken for one.
const LOOK: usize = 4096;

/// Which columns are read.
pub type Wanted<'w> = Option<&'w dyn Fn(&str) -> bool>;

/// Where a table can be read from again and again: a file, or a pipe, spooled to an unlinked file.
#[derive(Debug)]
pub struct Source {
    /// What to call it in a message.
    pub name: String,
    bytes: Bytes,
    format: Format,
    /// Where its pictures may be, other than where their paths say.
    anchor: Option<Anchor>,
}

#[derive(Debug, Clone)]
enum Bytes {
    File(At),
    /// Part of the program.
    Own(&'static [u8]),
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
pub enum Found {
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
    pub fn find(path: &Path, root: Option<&Path>) -> Result<Found, Error> {
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
                let file = At::new(file).map_err(read)?;
                let start = file.part(0, LOOK).map_err(read)?;
                Ok(match Format::of(&start) {
                    Some(format) => Found::Table(Source { name, bytes: Bytes::File(file), format, anchor }),
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
                        Found::Table(Source { name, bytes: Bytes::File(file), format, anchor })
                    }
                })
            }
        }
    }

    /// A table that is part of the program.
    pub fn own(name: &str, bytes: &'static [u8]) -> Source {
        Source { name: name.into(), bytes: Bytes::Own(bytes), format: Format::Parquet, anchor: None }
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
            Input::Pipe(pipe) => io::spool(pipe)?,
        };
        let anchor = Some(Anchor::new(path.parent().filter(|_| !stdin), None));
        Ok(Source { anchor, ..Self::of_file(&name, file, hint, csv)? })
    }

    /// A table in a file that was opened.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn of(name: &str, file: File, hint: &str) -> Result<Source, Error> {
        Self::of_file(name, file, hint, false)
    }

    fn of_file(name: &str, file: File, hint: &str, csv: bool) -> Result<Source, Error> {
        let read = |source| Error::Io(io::Error::Read { path: name.into(), source });
        let mut file = At::new(file).map_err(read)?;
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
        Ok(Source { name: name.into(), bytes: Bytes::File(file), format, anchor: None })
    }

    /// As it is: its paths are not looked for elsewhere.
    pub fn unanchored(self) -> Source {
        Source { anchor: None, ..self }
    }

    /// The table, from its first row; only the columns for which `wanted` says so, where the format allows it.
    ///
    /// # Errors
    /// It is damaged, or a column's name occurs twice.
    pub fn table(&self, wanted: Wanted) -> Result<Table, Error> {
        let (name, anchor) = (self.name.clone(), self.anchor.clone());
        let file = match &self.bytes {
            Bytes::Own(bytes) => return parquet(name, bytes::Bytes::from_static(bytes), wanted, anchor),
            Bytes::File(file) => file.from(0),
        };
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

const GAVE_UP: &str = "it is damaged";

fn gave_up() -> ParquetError {
    ParquetError::General(GAVE_UP.into())
}

fn parquet<R: ChunkReader + 'static>(
    name: String,
    reader: R,
    wanted: Wanted,
    anchor: Option<Anchor>,
) -> Result<Table, Error> {
    let fail = |source| Error::Parquet { name: name.clone(), source };
    let open = || ParquetRecordBatchReaderBuilder::try_new(reader);
    let builder = guard::catch(open).unwrap_or_else(|| Err(gave_up())).map_err(fail)?;
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
    let footer = builder.schema().metadata().clone();
    let builder = match wanted {
        None => builder,
        Some(wanted) => {
            let fields = builder.schema().fields().iter().enumerate();
            let roots: Vec<usize> = fields.filter(|(_, field)| wanted(field.name())).map(|(at, _)| at).collect();
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
            builder.with_projection(mask)
        }
    };
    // Rows of large pictures come one at a time, where so many of them would not fit into a column of bytes.
    let row = |group: &RowGroupMetaData| group.total_byte_size().max(0) / group.num_rows().max(1);
    let most = builder.metadata().row_groups().iter().map(row).max().unwrap_or(0);
    let fit = usize::try_from(MOST_BYTES / most.max(1)).unwrap_or(1).max(1);
    let rows_a_batch = rows_a_batch(builder.schema()).ok_or_else(|| fail(ParquetError::General(TOO_WIDE.into())))?;
    let rows_a_batch = rows_a_batch.min(fit);
    let build = || builder.with_batch_size(rows_a_batch).build();
    let reader = guard::catch(build).unwrap_or_else(|| Err(gave_up())).map_err(fail)?;
    let schema = arrow_array::RecordBatchReader::schema(&reader);
    let schema = Schema::new_with_metadata(schema.fields().clone(), footer);
    finish(name, &schema, rows, anchor, reader)
}

const TOO_WIDE: &str = "it has values that are too large";

/// How many rows of a schema are read at once; `None` where even one would be too large. Where all of them are null, a
/// value of fixed size takes its room in memory without being in the file.
fn rows_a_batch(schema: &Schema) -> Option<usize> {
    fn width(t: &DataType) -> usize {
        match t {
            DataType::FixedSizeBinary(size) => usize::try_from(*size).unwrap_or(0),
            DataType::FixedSizeList(item, size) => {
                usize::try_from(*size).unwrap_or(0).saturating_mul(width(item.data_type()))
            }
            DataType::Struct(fields) => fields.iter().map(|f| width(f.data_type())).fold(0, usize::saturating_add),
            _ => 16,
        }
    }
    let width = schema.fields().iter().map(|f| width(f.data_type())).fold(1, usize::saturating_add);
    let most = if column::is_heavy(schema) { IMAGE_BATCH_ROWS } else { BATCH_ROWS };
    (width <= MOST_BATCH).then(|| most.min(MOST_BATCH / width))
}

/// Reads an Arrow IPC stream.
pub(super) fn stream(name: String, reader: Box<dyn Read + Send>, anchor: Option<Anchor>) -> Result<Table, Error> {
    // What is wrong with the stream is no fault of the disk.
    fn plain(error: ArrowError) -> ArrowError {
        match error {
            ArrowError::IoError(_, e) if e.kind() == ErrorKind::InvalidData => ArrowError::IpcError(e.to_string()),
            error => error,
        }
    }
    let open = || {
        let (messages, wide) = Messages::new(reader)?;
        Ok((arrow_ipc::reader::StreamReader::try_new(messages, None)?, wide))
    };
    let opened = guard::catch(open).unwrap_or_else(|| Err(ArrowError::IpcError(GAVE_UP.into())));
    let (reader, wide) = opened.map_err(|e| Error::Arrow { name: name.clone(), source: plain(e) })?;
    let schema = wide::mark(&reader.schema(), &wide);
    finish(name, &schema, None, anchor, reader.map(|batch| batch.map_err(plain)))
}

/// Reads an Arrow IPC file by its footer: between its ends it is not always a stream (Polars writes the schema there without
/// its length).
fn arrow_file(name: String, file: At, wanted: Wanted, anchor: Option<Anchor>) -> Result<Table, Error> {
    let open = || -> Result<_, ArrowError> {
        let short = || ArrowError::IpcError("its footer is damaged, or it was cut short".into());
        let part = |place: u64, length: usize| -> Result<Vec<u8>, ArrowError> {
            let part = file.part(place, length)?;
            if part.len() == length { Ok(part) } else { Err(short()) }
        };
        let end = file.len().checked_sub(10).ok_or_else(short)?;
        let tail: [u8; 10] = part(end, 10)?.try_into().map_err(|_| short())?;
        let length = arrow_ipc::reader::read_footer_length(tail).map_err(|_| short())?;
        let mut footer = part(end.checked_sub(length as u64).ok_or_else(short)?, length)?;
        let wide = wide::in_footer(&mut footer);
        let footer = arrow_ipc::root_as_footer(&footer).map_err(|_| short())?;
        let schema = arrow_ipc::convert::try_fb_to_schema(footer.schema().ok_or_else(short)?)?;
        let fields = schema.fields().iter().enumerate();
        let places: Vec<usize> =
            fields.filter(|(_, f)| wanted.is_none_or(|wanted| wanted(f.name()))).map(|(at, _)| at).collect();
        let marked = wide::mark(&schema.project(&places)?, &wide);
        let decoder = FileDecoder::new(Arc::new(schema), footer.version());
        let mut decoder = decoder.with_projection(places);
        let file = file.clone();
        let read = move |block: &Block| -> Result<Buffer, ArrowError> {
            let whole = |n: i64| u64::try_from(n).map_err(|_| short());
            let length =
                whole(block.metaDataLength().into())?.checked_add(whole(block.bodyLength())?).ok_or_else(short)?;
            let bytes = file.part(whole(block.offset())?, usize::try_from(length).map_err(|_| short())?)?;
            if bytes.len() as u64 != length {
                return Err(short());
            }
            limits::check_message(&bytes, block.metaDataLength()).map_err(|what| ArrowError::IpcError(what.into()))?;
            Ok(Buffer::from_vec(bytes))
        };
        for block in footer.dictionaries().into_iter().flatten() {
            decoder.read_dictionary(block, &read(block)?)?;
        }
        let blocks: Vec<Block> = footer.recordBatches().into_iter().flatten().copied().collect();
        let batches = blocks.into_iter().filter_map(move |block| {
            read(&block).and_then(|bytes| decoder.read_record_batch(&block, &bytes)).transpose()
        });
        Ok((marked, batches))
    };
    let opened = guard::catch(open).unwrap_or_else(|| Err(ArrowError::IpcError(GAVE_UP.into())));
    let (schema, batches) = opened.map_err(|source| Error::Arrow { name: name.clone(), source })?;
    finish(name, &schema, None, anchor, batches)
}

/// The batches of a reader in the dialect of this program, with panics in the reader as errors; nothing follows an error.
fn finish(
    name: String,
    schema: &Schema,
    rows: Option<u64>,
    anchor: Option<Anchor>,
    mut reader: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
) -> Result<Table, Error> {
    if schema.fields().len() > MOST_COLUMNS {
        let problem = format!("it has {} columns, and more than {MOST_COLUMNS} are not read", schema.fields().len());
        return Err(Error::Arrow { name, source: ArrowError::SchemaError(problem) });
    }
    let mut names = HashSet::new();
    if let Some(twice) = schema.fields().iter().find(|field| !names.insert(field.name())) {
        return Err(Error::DuplicateColumn { name, column: twice.name().clone() });
    }
    let rows_at_once = rows_a_batch(schema)
        .ok_or_else(|| Error::Arrow { name: name.clone(), source: ArrowError::SchemaError(TOO_WIDE.into()) })?;
    let (mut reading, provenance) = dialect::of(&name, schema, anchor);
    let plain = reading.schema.clone();
    let broken = name.clone();
    let mut failed = false;
    let mut whole: Option<(RecordBatch, usize)> = None;
    let batches = std::iter::from_fn(move || {
        while !failed {
            // A batch of a stream may be of any size; what follows wants few rows at a time.
            if let Some((batch, at)) = whole.take_if(|(batch, at)| *at < batch.num_rows() || batch.num_rows() == 0) {
                let count = rows_at_once.min(batch.num_rows() - at);
                let piece = guard::catch(|| reading.put(&batch.slice(at, count)));
                let piece = piece.unwrap_or_else(|| Err(damaged(&broken)));
                failed = piece.is_err();
                if at + count < batch.num_rows() {
                    whole = Some((batch, at + count));
                }
                return Some(piece);
            }
            let next = guard::catch(|| reader.next()).unwrap_or_else(|| Some(Err(gave_up().into())));
            match next? {
                Ok(batch) => whole = Some((batch, 0)),
                Err(source) => {
                    failed = true;
                    return Some(Err(Error::Arrow { name: broken.clone(), source }));
                }
            }
        }
        None
    });
    let mut table = Table::new(name, plain, rows, Box::new(batches));
    table.provenance = provenance;
    Ok(table)
}

fn damaged(name: &str) -> Error {
    Error::Arrow { name: name.into(), source: ArrowError::ExternalError(GAVE_UP.into()) }
}

/// A CSV with a header as a table of text: cells trimmed, blank ones null, names as they stand there.
fn delimited(name: String, file: At, delimiter: u8) -> Result<Table, Error> {
    let broken = {
        let name = name.clone();
        move |e: csv::Error| match e.is_io_error() {
            true => Error::Io(io::Error::Read { path: name.clone().into(), source: e.into() }),
            false => Error::Csv { name: name.clone(), problem: e.to_string() },
        }
    };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(file);
    let header = reader.headers().map_err(&broken)?.clone();
    if header.len() > MOST_COLUMNS {
        let problem = format!("it has {} columns, and more than {MOST_COLUMNS} are not read", header.len());
        return Err(Error::Csv { name, problem });
    }
    let mut names: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for (at, cell) in header.iter().enumerate() {
        let cell = cell.trim_start_matches('\u{feff}').trim_matches('"');
        let column = if cell.is_empty() { format!("column_{}", at + 1) } else { cell.to_string() };
        if !seen.insert(column.clone()) {
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
