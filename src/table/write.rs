//! The one place where a table goes out: Parquet, or an Arrow IPC stream for pipes that must not touch the disk.
//!
//! Promises that other programs open it. pyarrow up to 25 cannot read a null in a list of fixed size, and pandas,
//! `datasets`, Ray and Lance read through it; but whether a vector is missing is only known when the last row is written.
//! The file's bytes do not differ: that a list is of fixed size stands in the Arrow schema of the footer alone. So that
//! schema is written last, and calls a list with a null in it a list of any length.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::coalesce::BatchCoalescer;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, encode_arrow_schema};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::{Error, Provenance, column};
use crate::io::Sink;

/// A row group is closed at this many rows or bytes, whichever comes first: memory stays bounded, and a reader that
/// wants few rows reads few.
const ROW_GROUP_ROWS: usize = 8192;
const ROW_GROUP_BYTES: usize = 2 << 20;
/// Tables with images need fewer, larger groups: each costs some memory until the footer is written.
const IMAGE_ROW_GROUP_BYTES: usize = 4 << 20;
/// Rows are handed to the format in blocks of this many, counted from the first row: so the bytes do not depend on
/// the batches in which the rows arrived, and a pipe gives the same file as separate commands.
const BLOCK_ROWS: usize = 256;
const IMAGE_BLOCK_ROWS: usize = 16;
/// A block with images is closed before it holds more bytes, unless one row does: an Arrow array of binary holds 2 GiB.
const IMAGE_BLOCK_BYTES: usize = 256 << 20;

/// How a table travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
#[expect(missing_docs, reason = "the help shows a value's name, which says all")]
pub enum StreamFormat {
    #[default]
    Parquet,
    /// An IPC stream.
    Arrow,
    /// An IPC file, which pandas and Polars call Feather.
    #[value(skip)]
    ArrowFile,
}

/// Writes batches of one schema to a [`Sink`].
pub struct Writer {
    name: String,
    blocks: Blocks,
    /// Bytes at which a row group is closed.
    group: usize,
    format: Format,
}

enum Format {
    Parquet { writer: Box<ArrowWriter<Sink>>, schema: Schema, has_null: Vec<bool> },
    Arrow(Box<StreamWriter<Sink>>, Dictionaries),
    ArrowFile(Box<FileWriter<Sink>>),
}

impl Writer {
    /// Starts a table.
    ///
    /// # Errors
    /// The schema cannot be written in this format, or the sink fails.
    pub fn new(sink: Sink, schema: &SchemaRef, provenance: &Provenance, format: StreamFormat) -> Result<Writer, Error> {
        let name = sink.name();
        let mut provenance = provenance.clone();
        provenance.set("version", env!("CARGO_PKG_VERSION"));
        provenance.set("schema_version", "1");
        let provenance = &provenance;
        let format = match format {
            StreamFormat::Parquet => {
                let properties = properties(schema, provenance);
                // What others look for in the footer, they look for in the Arrow schema that is stored there.
                let foreign = provenance.0.iter().filter(|(key, _)| !key.starts_with("pokedex."));
                let foreign: HashMap<_, _> = foreign.map(|(key, value)| (key.clone(), value.clone())).collect();
                let stored = schema.as_ref().clone().with_metadata(foreign);
                let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
                let writer = ArrowWriter::try_new_with_options(sink, schema.clone(), options)
                    .map_err(|source| parquet_error(&name, source))?;
                let has_null = vec![false; stored.fields().len()];
                Format::Parquet { writer: Box::new(writer), schema: stored, has_null }
            }
            StreamFormat::Arrow | StreamFormat::ArrowFile => {
                let metadata: HashMap<_, _> = provenance.0.clone().into_iter().collect();
                let schema = schema.as_ref().clone().with_metadata(metadata);
                let fail = |source| unwritable(&name, source);
                match format {
                    StreamFormat::ArrowFile => {
                        Format::ArrowFile(Box::new(FileWriter::try_new(sink, &schema).map_err(fail)?))
                    }
                    _ => {
                        let writer = StreamWriter::try_new(sink, &schema).map_err(fail)?;
                        Format::Arrow(Box::new(writer), Dictionaries::default())
                    }
                }
            }
        };
        let (block, group) = match column::is_heavy(schema) {
            true => (IMAGE_BLOCK_ROWS, IMAGE_ROW_GROUP_BYTES),
            false => (BLOCK_ROWS, ROW_GROUP_BYTES),
        };
        Ok(Writer { name, blocks: Blocks::new(schema, block, IMAGE_BLOCK_BYTES), group, format })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// The sink fails.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.blocks.push(batch).map_err(|source| unwritable(&self.name, source))?;
        self.write_blocks()
    }

    fn write_blocks(&mut self) -> Result<(), Error> {
        while let Some(block) = self.blocks.whole.next_completed_batch() {
            self.write_block(&block)?;
        }
        Ok(())
    }

    fn write_block(&mut self, block: &RecordBatch) -> Result<(), Error> {
        match &mut self.format {
            Format::Parquet { writer, has_null, .. } => {
                let fail = |source| parquet_error(&self.name, source);
                for (has_null, column) in has_null.iter_mut().zip(block.columns()) {
                    *has_null = *has_null || misses_a_list(column);
                }
                writer.write(block).map_err(fail)?;
                if writer.in_progress_size() >= self.group {
                    writer.flush().map_err(fail)?;
                }
                Ok(())
            }
            Format::Arrow(writer, dictionaries) => dictionaries
                .shared(block)
                .and_then(|block| writer.write(&block))
                .map_err(|source| unwritable(&self.name, source)),
            Format::ArrowFile(writer) => writer.write(block).map_err(|source| unwritable(&self.name, source)),
        }
    }

    /// Adds a fact that was learnt while writing to a Parquet file's footer; an Arrow stream's is long gone.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        if let Format::Parquet { writer, .. } = &mut self.format {
            writer.append_key_value_metadata(KeyValue::new(format!("pokedex.{key}"), value.into()));
        }
    }

    /// Writes the footer and gives the file its name.
    ///
    /// # Errors
    /// The sink fails.
    pub fn finish(self) -> Result<(), Error> {
        Ok(self.close()?.finish()?)
    }

    /// Writes the footer, and leaves it to the caller to give the file its name, together with others.
    ///
    /// # Errors
    /// The sink fails.
    pub fn close(mut self) -> Result<Sink, Error> {
        let name = self.name.clone();
        let fail = |source| unwritable(&name, source);
        self.blocks.whole.finish_buffered_batch().map_err(fail)?;
        self.write_blocks()?;
        match self.format {
            Format::Parquet { mut writer, schema, has_null } => {
                let fields = schema.fields().iter().zip(has_null);
                let fields = fields.map(|(field, has_null)| if has_null { loose(field) } else { field.clone() });
                let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata);
                writer.append_key_value_metadata(KeyValue::new(
                    ARROW_SCHEMA_META_KEY.into(),
                    encode_arrow_schema(&schema),
                ));
                // Not `into_inner`, whose errors have forgotten what the system said.
                writer.finish().map_err(|source| parquet_error(&name, source))?;
                Ok(std::mem::replace(writer.inner_mut(), Sink::drawing()))
            }
            Format::Arrow(mut writer, _) => writer.finish().and_then(|()| writer.into_inner()).map_err(fail),
            Format::ArrowFile(mut writer) => writer.finish().and_then(|()| writer.into_inner()).map_err(fail),
        }
    }
}

/// A dictionary with more values than this is not worth growing.
const DICTIONARY_VALUES: usize = 1024;

/// What the dictionaries of an Arrow stream have held so far, by column. A block holds the values once for every batch it was
/// made of; a stream carries a dictionary again only where it differs from the one before.
#[derive(Default)]
struct Dictionaries(HashMap<usize, StringDictionaryBuilder<Int32Type>>);

impl Dictionaries {
    /// The same rows, with dictionaries of text that only grow.
    fn shared(&mut self, block: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut columns = block.columns().to_vec();
        for (at, column) in columns.iter_mut().enumerate() {
            let texts = column.as_dictionary_opt::<Int32Type>().and_then(|d| d.downcast_dict::<StringArray>());
            let Some(texts) = texts else { continue };
            let mut builder = self.0.remove(&at).unwrap_or_default();
            for text in texts {
                builder.append_option(text);
            }
            let array = builder.finish_preserve_values();
            if array.values().len() <= DICTIONARY_VALUES {
                self.0.insert(at, builder);
            }
            *column = Arc::new(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(block.num_rows()));
        RecordBatch::try_new_with_options(block.schema(), columns, &options)
    }
}

/// Rows in blocks of so many rows, and with images of so many bytes: where a block ends follows from the rows alone.
struct Blocks {
    whole: BatchCoalescer,
    rows: usize,
    /// `None` where no row is large.
    most_bytes: Option<usize>,
    /// What the block that is not closed yet holds.
    held: (usize, usize),
}

impl Blocks {
    fn new(schema: &SchemaRef, rows: usize, most_bytes: usize) -> Blocks {
        let whole = BatchCoalescer::new(schema.clone(), rows);
        Blocks { whole, rows, most_bytes: column::is_heavy(schema).then_some(most_bytes), held: (0, 0) }
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let Some(most) = self.most_bytes else { return self.whole.push_batch(batch.clone()) };
        let mut start = 0;
        for row in 0..batch.num_rows() {
            let size = batch.slice(row, 1).columns().iter().map(heavy_bytes).sum::<usize>();
            if self.held.0 > 0 && self.held.1 + size > most {
                self.whole.push_batch(batch.slice(start, row - start))?;
                self.whole.finish_buffered_batch()?;
                (start, self.held) = (row, (0, 0));
            }
            self.held = (self.held.0 + 1, self.held.1 + size);
            if self.held.0 == self.rows {
                self.held = (0, 0);
            }
        }
        self.whole.push_batch(batch.slice(start, batch.num_rows() - start))
    }
}

/// The bytes of the binary values of a column, at any depth.
fn heavy_bytes(column: &ArrayRef) -> usize {
    match column.data_type() {
        DataType::Binary => column.as_binary::<i32>().iter().flatten().map(<[u8]>::len).sum(),
        DataType::LargeBinary => column.as_binary::<i64>().iter().flatten().map(<[u8]>::len).sum(),
        DataType::BinaryView => column.as_binary_view().iter().flatten().map(<[u8]>::len).sum(),
        DataType::Struct(_) => column.as_struct().columns().iter().map(heavy_bytes).sum(),
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            (0..list.len()).map(|i| heavy_bytes(&list.value(i))).sum()
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            (0..list.len()).map(|i| heavy_bytes(&list.value(i))).sum()
        }
        _ => 0,
    }
}

/// Whether a list of fixed size is null, at any depth.
fn misses_a_list(column: &ArrayRef) -> bool {
    let fixed = |t: &DataType| matches!(t, DataType::FixedSizeList(..));
    fixed(column.data_type()) && column.null_count() > 0
        || match column.data_type() {
            DataType::FixedSizeList(..) => misses_a_list(column.as_fixed_size_list().values()),
            DataType::List(_) => misses_a_list(column.as_list::<i32>().values()),
            // A list in a struct that is null is null as well.
            DataType::Struct(fields) => {
                column.null_count() > 0 && fields.iter().any(|field| fixed(field.data_type()))
                    || column.as_struct().columns().iter().any(misses_a_list)
            }
            _ => false,
        }
}

/// A field in which lists of fixed size are lists of any length.
fn loose(field: &Arc<Field>) -> Arc<Field> {
    let data_type = match field.data_type() {
        DataType::FixedSizeList(item, _) | DataType::List(item) => DataType::List(loose(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(loose).collect()),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// What the system says of a file is said as of any other file.
fn parquet_error(name: &str, source: ParquetError) -> Error {
    match source {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(source) => io_error(name, *source),
            Err(inner) => Error::WriteParquet { name: name.into(), source: ParquetError::External(inner) },
        },
        source => Error::WriteParquet { name: name.into(), source },
    }
}

/// As [`Writer`] says that Arrow could not be written.
pub fn unwritable(name: &str, source: ArrowError) -> Error {
    match source {
        ArrowError::IoError(_, source) => io_error(name, source),
        source => Error::WriteArrow { name: name.into(), source },
    }
}

fn io_error(name: &str, source: std::io::Error) -> Error {
    Error::Io(crate::io::Error::Write { path: name.into(), source })
}

/// Vectors, hashes and image bytes do not compress: they are stored plain, without dictionary or statistics, which
/// is also the fastest to read. Text and numbers get Snappy, which every Parquet reader has.
fn properties(schema: &SchemaRef, provenance: &Provenance) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("pokedex ", env!("CARGO_PKG_VERSION")).into())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_enabled(false)
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None);
    for field in schema.fields() {
        let path = ColumnPath::new(vec![field.name().clone()]);
        let repeats = match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                ![column::KEY, column::PATH].contains(&field.name().as_str())
            }
            DataType::Dictionary(..) | DataType::Boolean => true,
            t if t.is_primitive() => false,
            _ => continue,
        };
        builder = builder
            .set_column_dictionary_enabled(path.clone(), repeats)
            .set_column_compression(path.clone(), Compression::SNAPPY)
            .set_column_statistics_enabled(path, EnabledStatistics::Chunk);
    }
    let metadata = provenance.0.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    builder.set_key_value_metadata(Some(metadata)).build()
}

#[cfg(test)]
mod tests {
    use arrow_array::{BinaryArray, DictionaryArray};
    use arrow_schema::Schema;

    use super::*;

    #[test]
    fn dictionaries_of_a_stream_stay_the_same_while_nothing_new_comes() {
        let field = column::field("model", column::model_type());
        let schema = Arc::new(Schema::new(vec![field]));
        let mut dictionaries = Dictionaries::default();
        let mut seen = Vec::new();
        for names in [vec![None, Some("a")], vec![Some("a"); 3], vec![Some("b"), Some("a")], vec![Some("b"), None]] {
            let array: DictionaryArray<Int32Type> = names.iter().copied().collect();
            let block = RecordBatch::try_new(schema.clone(), vec![Arc::new(array)]).expect("a column");
            let shared = dictionaries.shared(&block).expect("the same type");
            let shared = shared.column(0).as_dictionary::<Int32Type>();
            let texts = shared.downcast_dict::<StringArray>().expect("text");
            assert_eq!(texts.into_iter().collect::<Vec<_>>(), names);
            seen.push(shared.values().len());
        }
        assert_eq!(seen, [1, 1, 2, 2]);
    }

    #[test]
    fn blocks_with_images_end_by_rows_and_bytes_wherever_batches_do() {
        let sizes = [3, 3, 3, 20, 1, 9, 1, 1, 1, 1, 1, 1];
        let bytes: BinaryArray = sizes.iter().map(|&size| Some(vec![7u8; size])).collect();
        let schema = Arc::new(Schema::new(vec![column::field("image", DataType::Binary)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(bytes)]).expect("a column");
        for piece in [1, 2, 5, 12] {
            let mut blocks = Blocks::new(&schema, 4, 10);
            let mut rows = Vec::new();
            for at in (0..12).step_by(piece) {
                blocks.push(&batch.slice(at, piece.min(12 - at))).expect("room");
            }
            blocks.whole.finish_buffered_batch().expect("room");
            while let Some(block) = blocks.whole.next_completed_batch() {
                rows.push(block.num_rows());
            }
            assert_eq!(rows, [3, 1, 2, 4, 2], "in pieces of {piece}");
        }
    }
}
