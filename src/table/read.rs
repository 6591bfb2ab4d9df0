//! Reading tables: Parquet files, Arrow IPC streams, and several of them as one.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;

use super::dataset::FOLDER;
use super::layout::Findings;
use super::{Error, Provenance, column};
use crate::filter::Filter;
use crate::guard;

/// Rows of a batch that is read from a table without images, and from one with.
const BATCH_ROWS: usize = 1024;
const IMAGE_BATCH_ROWS: usize = 16;
/// A batch with images holds about so many bytes at the most, unless a single row does: an Arrow array holds 2 GiB.
const IMAGE_BATCH_BYTES: i64 = 512 << 20;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send>;

/// The command whose folder a Parquet file is the manifest of; `None` where this program did not write it as it is: who
/// writes a file anew, even with its metadata, leaves a name of its own.
pub fn folder_of(path: &Path) -> Option<String> {
    let footer = || ParquetMetaDataReader::new().parse_and_finish(&File::open(path)?);
    let footer = guard::catch(footer)?.ok()?;
    let footer = footer.file_metadata();
    let is_own = footer.created_by().is_some_and(|by| by.starts_with("pokedex "));
    let key = format!("pokedex.{FOLDER}");
    let entry = footer.key_value_metadata()?.iter().find(|entry| entry.key == key && is_own);
    entry?.value.clone()
}

/// How many rows of a Parquet file are of so many bytes, by its row groups' own account.
fn rows_within(footer: &ParquetMetaData, bytes: i64) -> usize {
    let a_row = footer.row_groups().iter().map(|group| group.total_byte_size() / group.num_rows().max(1)).max();
    usize::try_from(bytes / a_row.unwrap_or(1).max(1)).unwrap_or(1).max(1)
}

/// A stream of record batches with a schema and a provenance.
pub struct Table {
    /// What to call it in a message: its path or `standard input`.
    pub name: String,
    pub schema: SchemaRef,
    pub provenance: Provenance,
    /// Number of rows, where it is known before reading.
    pub rows: Option<u64>,
    /// What is wrong with the folder that it was made from: complete when it has been read to its end.
    pub findings: Findings,
    batches: Batches,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("name", &self.name).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Iterator for Table {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}

impl Table {
    /// A table from batches made elsewhere.
    pub fn new(name: impl Into<String>, schema: SchemaRef, rows: Option<u64>, batches: Batches) -> Table {
        let (name, provenance, findings) = (name.into(), Provenance::default(), Findings::default());
        Table { name, schema, provenance, rows, findings, batches }
    }

    /// Opens a Parquet file or a file that holds an Arrow IPC stream.
    ///
    /// # Errors
    /// The file cannot be read or is no table.
    pub fn open(path: &Path) -> Result<Table, Error> {
        Self::open_columns(path, None)
    }

    /// Opens a table and reads only the columns for which `wanted` says so.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub fn open_columns(path: &Path, wanted: Option<&dyn Fn(&str) -> bool>) -> Result<Table, Error> {
        let name = path.display().to_string();
        let read = |source| crate::io::Error::Read { path: path.to_path_buf(), source };
        let mut file = File::open(path).map_err(read)?;
        let mut magic = [0; 4];
        let length = file.read(&mut magic).map_err(read)?;
        file.rewind().map_err(read)?;
        match &magic[..length] {
            b"PAR1" => Self::parquet(name, file, wanted),
            [0xff, 0xff, 0xff, 0xff] => Self::arrow_stream(name, Box::new(std::io::BufReader::new(file))),
            _ => Err(Error::NotATable { name }),
        }
    }

    /// Reads Parquet from anything that can be read at random.
    ///
    /// # Errors
    /// It is no Parquet file.
    pub fn parquet<R: ChunkReader + 'static>(
        name: String,
        reader: R,
        wanted: Option<&dyn Fn(&str) -> bool>,
    ) -> Result<Table, Error> {
        let fail = |source| Error::Parquet { name: name.clone(), source };
        let open = || ParquetRecordBatchReaderBuilder::try_new(reader);
        let gave_up = || ParquetError::General(GAVE_UP.into());
        let builder = guard::catch(open).unwrap_or_else(|| Err(gave_up())).map_err(fail)?;
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
        let provenance = provenance_of(builder.schema());
        let builder = match wanted {
            None => builder,
            Some(wanted) => {
                let roots: Vec<usize> = (0..builder.schema().fields().len())
                    .filter(|&i| wanted(builder.schema().field(i).name()))
                    .collect();
                let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
                builder.with_projection(mask)
            }
        };
        let rows_a_batch = match column::is_heavy(builder.schema()) {
            true => IMAGE_BATCH_ROWS.min(rows_within(builder.metadata(), IMAGE_BATCH_BYTES)),
            false => BATCH_ROWS,
        };
        let build = || builder.with_batch_size(rows_a_batch).build();
        let reader = guard::catch(build).unwrap_or_else(|| Err(gave_up())).map_err(fail)?;
        let schema = bare(&arrow_array::RecordBatchReader::schema(&reader));
        let batches = guarded(name.clone(), &schema, reader)?;
        Ok(Table { batches, name, schema, provenance, rows, findings: Findings::default() })
    }

    /// Reads an Arrow IPC stream.
    ///
    /// # Errors
    /// It is no such stream.
    pub fn arrow_stream(name: String, reader: Box<dyn Read + Send>) -> Result<Table, Error> {
        let fail = |source| Error::Arrow { name: name.clone(), source };
        let open = || arrow_ipc::reader::StreamReader::try_new(reader, None);
        let reader = guard::catch(open).unwrap_or_else(|| Err(ArrowError::IpcError(GAVE_UP.into()))).map_err(fail)?;
        let provenance = provenance_of(&reader.schema());
        let schema = bare(&reader.schema());
        let batches = guarded(name.clone(), &schema, reader)?;
        Ok(Table { batches, name, schema, provenance, rows: None, findings: Findings::default() })
    }

    /// Several tables with the same columns, one after the other.
    ///
    /// # Errors
    /// One cannot be opened, or their columns differ.
    pub fn concatenate(mut tables: Vec<Table>) -> Result<Table, Error> {
        let mut first = tables.remove(0);
        for table in &tables {
            if table.schema.fields() != first.schema.fields() {
                return Err(Error::DifferentColumns {
                    first: first.name.clone(),
                    second: table.name.clone(),
                    difference: difference(&first.schema, &table.schema),
                });
            }
            // What the tables agree on still holds of the whole.
            first.provenance.0.retain(|key, value| table.provenance.0.get(key) == Some(value));
            first.rows = first.rows.zip(table.rows).map(|(a, b)| a + b);
        }
        first.batches = Box::new(first.batches.chain(tables.into_iter().flat_map(|t| t.batches)));
        Ok(first)
    }

    /// The table with a `key` of plain text for every row: one that has none gets its `path`, else the number of the
    /// row.
    ///
    /// # Errors
    /// While reading: a key is null or no text.
    pub fn with_keys(self) -> Table {
        let mut fields: Vec<Arc<Field>> = self.schema.fields().to_vec();
        match self.schema.index_of(column::KEY) {
            Ok(at) => fields[at] = Arc::new(column::key_field()),
            Err(_) => fields.insert(0, Arc::new(column::key_field())),
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let (batch_schema, name) = (schema.clone(), self.name.clone());
        let mut row = 0u64;
        let batches = self.batches.map(move |batch| {
            let batch = batch?;
            let keys: ArrayRef = Arc::new(keys_of(&batch, &name, row)?);
            row += batch.num_rows() as u64;
            let columns = batch_schema.fields().iter().map(|field| match field.name().as_str() {
                column::KEY => keys.clone(),
                other => batch.column_by_name(other).expect("the schema was made from the table's").clone(),
            });
            Ok(RecordBatch::try_new(batch_schema.clone(), columns.collect()).expect("the columns of the schema above"))
        });
        Table { schema, batches: Box::new(batches), ..self }
    }

    /// As [`Table::with_keys`], and no key occurs twice. Costs some 16 bytes a row.
    ///
    /// # Errors
    /// While reading: a key is null, no text, or occurs twice.
    pub fn with_unique_keys(self) -> Table {
        let mut table = self.with_keys();
        let name = table.name.clone();
        let mut seen: HashSet<u64> = HashSet::new();
        table.batches = Box::new(table.batches.map(move |batch| {
            let batch = batch?;
            for key in column::text(&batch, column::KEY)?.iter().flat_map(|keys| keys.iter().flatten()) {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                if !seen.insert(hasher.finish()) {
                    return Err(Error::DuplicateKey { name: name.clone(), key: key.into() });
                }
            }
            Ok(batch)
        }));
        table
    }

    /// The rows that pass a filter.
    ///
    /// # Errors
    /// The table does not have the filter's columns, or not of fitting types.
    pub fn filtered(self, filter: &Filter) -> Result<Table, Error> {
        let bound = filter.bind(&self.schema)?;
        let batches = self.batches.map(move |batch| Ok(bound.select(&batch?)?));
        Ok(Table { rows: None, batches: Box::new(batches), ..self })
    }

    /// The first batch, and the table as if it had not been looked at.
    ///
    /// # Errors
    /// The batch cannot be read.
    pub fn peek(mut self) -> Result<(Option<RecordBatch>, Table), Error> {
        let first = self.batches.next().transpose()?;
        let again = first.clone().map(Ok).into_iter();
        let batches: Batches = Box::new(again.chain(self.batches));
        Ok((first, Table { batches, ..self }))
    }

    /// Fails unless the table has this column.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] with the columns there are.
    pub fn require(&self, column: &str) -> Result<(), Error> {
        match self.schema.index_of(column) {
            Ok(_) => Ok(()),
            Err(_) => Err(column::missing(&self.schema, column, &self.name)),
        }
    }

    /// Whether it has this column.
    pub fn has(&self, column: &str) -> bool {
        self.schema.index_of(column).is_ok()
    }
}

const GAVE_UP: &str = "it is damaged";

/// The batches of a reader under one schema, with panics in the reader as errors; nothing follows an error. Two
/// columns of one name are refused: nobody could say which is meant.
fn guarded(
    name: String,
    schema: &SchemaRef,
    mut reader: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
) -> Result<Batches, Error> {
    for (at, field) in schema.fields().iter().enumerate() {
        if schema.fields()[..at].iter().any(|other| other.name() == field.name()) {
            return Err(Error::DuplicateColumn { name, column: field.name().clone() });
        }
    }
    let schema = schema.clone();
    let mut failed = false;
    Ok(Box::new(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let next = guard::catch(|| {
            let batch = reader.next()?;
            Some(batch.and_then(|batch| RecordBatch::try_new(schema.clone(), batch.columns().to_vec())))
        });
        let next = next.unwrap_or_else(|| Some(Err(ArrowError::ExternalError(GAVE_UP.into()))));
        let next = next?.map_err(|source| Error::Arrow { name: name.clone(), source });
        failed = next.is_err();
        Some(next)
    })))
}

/// The keys of a batch, or what stands in for them.
fn keys_of(batch: &RecordBatch, name: &str, first_row: u64) -> Result<StringArray, Error> {
    if let Some(keys) = column::text(batch, column::KEY)? {
        return match (0..keys.len()).find(|&i| keys.is_null(i)) {
            Some(i) => Err(Error::NullKey { name: name.into(), row: first_row + i as u64 }),
            None => Ok(keys),
        };
    }
    let paths = column::text(batch, column::PATH)?;
    Ok(StringArray::from_iter_values((0..batch.num_rows()).map(|i| match &paths {
        Some(paths) if paths.is_valid(i) => {
            let parts = paths.value(i).split('/').filter(|part| !["", ".", ".."].contains(part));
            parts.collect::<Vec<_>>().join("/")
        }
        _ => format!("{:07}", first_row + i as u64),
    })))
}

/// The schema without metadata, which lives in [`Provenance`]; so schemas compare equal when their columns do.
fn bare(schema: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().clone()))
}

fn provenance_of(schema: &SchemaRef) -> Provenance {
    let is_ours = |key: &str| key.strip_prefix("pokedex.").is_some_and(|key| key != FOLDER);
    let ours = schema.metadata().iter().filter(|(key, _)| is_ours(key));
    Provenance(ours.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn difference(a: &SchemaRef, b: &SchemaRef) -> String {
    let describe = |name: &str, t: &DataType| format!("`{name}` ({t})");
    for field in a.fields() {
        match b.field_with_name(field.name()) {
            Err(_) => return format!("{} is missing", describe(field.name(), field.data_type())),
            Ok(other) if other != &**field => {
                let (was, is) = (describe(field.name(), field.data_type()), other.data_type());
                return format!("{was} is {is}{}", if other.is_nullable() { "" } else { " not null" });
            }
            Ok(_) => {}
        }
    }
    match b.fields().iter().find(|f| a.field_with_name(f.name()).is_err()) {
        Some(field) => format!("{} is new", describe(field.name(), field.data_type())),
        None => "their order differs".into(),
    }
}
