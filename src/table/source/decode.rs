//! From the bytes of each format to batches in the dialect: few rows at a time, and no panic of a reader.

use std::collections::HashSet;
use std::io::{ErrorKind, Read};
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
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::ChunkReader;

use super::Wanted;
use crate::guard;
use crate::io::{self, At};
use crate::table::dialect::{self, Anchor};
use crate::table::limits::{self, MOST_COLUMNS};
use crate::table::messages::Messages;
use crate::table::{Error, Table, column, wide};

/// Rows of a batch that is read from a table without images, and from one with.
const BATCH_ROWS: usize = 1024;
const IMAGE_BATCH_ROWS: usize = 16;
/// Bytes that a batch may take where its rows are all null: values of a fixed size take room all the same.
const MOST_BATCH: usize = 64 << 20;
/// Bytes of a batch as the file's footer gives them.
const MOST_BYTES: i64 = 256 << 20;

const GAVE_UP: &str = "it is damaged";

const TOO_WIDE: &str = "it has values that are too large";

pub(super) fn gave_up() -> ParquetError {
    ParquetError::General(GAVE_UP.into())
}

pub(super) fn parquet<R: ChunkReader + 'static>(
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
pub(super) fn arrow_file(name: String, file: At, wanted: Wanted, anchor: Option<Anchor>) -> Result<Table, Error> {
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
            let bytes = file.shared(whole(block.offset())?, usize::try_from(length).map_err(|_| short())?)?;
            if bytes.len() as u64 != length {
                return Err(short());
            }
            limits::check_message(&bytes, block.metaDataLength()).map_err(|what| ArrowError::IpcError(what.into()))?;
            Ok(bytes.into())
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
pub(super) fn delimited(name: String, file: At, delimiter: u8) -> Result<Table, Error> {
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
