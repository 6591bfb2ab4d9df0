//! Reading tables: Parquet files, Arrow IPC streams, and several of them as one.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;

use super::{Error, Provenance, column};

/// Rows of a batch that is read from a table without images, and from one with.
const BATCH_ROWS: usize = 1024;
const IMAGE_BATCH_ROWS: usize = 16;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send>;

/// A stream of record batches with a schema and a provenance.
pub struct Table {
    /// What to call it in a message: its path or `standard input`.
    pub name: String,
    pub schema: SchemaRef,
    pub provenance: Provenance,
    /// Number of rows, where it is known before reading.
    pub rows: Option<u64>,
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
        Table { name: name.into(), schema, provenance: Provenance::default(), rows, batches }
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
        let builder = ParquetRecordBatchReaderBuilder::try_new(reader).map_err(fail)?;
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
        let heavy = builder.schema().fields().iter().any(|f| f.name() == column::IMAGE || f.data_type().is_binary());
        let reader =
            builder.with_batch_size(if heavy { IMAGE_BATCH_ROWS } else { BATCH_ROWS }).build().map_err(fail)?;
        let schema = bare(&arrow_array::RecordBatchReader::schema(&reader));
        let (batch_schema, batch_name) = (schema.clone(), name.clone());
        let batches = reader.map(move |batch| {
            let batch = batch.and_then(|batch| RecordBatch::try_new(batch_schema.clone(), batch.columns().to_vec()));
            batch.map_err(|source| Error::Arrow { name: batch_name.clone(), source })
        });
        Ok(Table { name, schema, provenance, rows, batches: Box::new(batches) })
    }

    /// Reads an Arrow IPC stream.
    ///
    /// # Errors
    /// It is no such stream.
    pub fn arrow_stream(name: String, reader: Box<dyn Read + Send>) -> Result<Table, Error> {
        let fail = |source| Error::Arrow { name: name.clone(), source };
        let reader = arrow_ipc::reader::StreamReader::try_new(reader, None).map_err(fail)?;
        let provenance = provenance_of(&reader.schema());
        let schema = bare(&reader.schema());
        let (batch_schema, batch_name) = (schema.clone(), name.clone());
        let batches = reader.map(move |batch| {
            let batch = batch.and_then(|batch| RecordBatch::try_new(batch_schema.clone(), batch.columns().to_vec()));
            batch.map_err(|source| Error::Arrow { name: batch_name.clone(), source })
        });
        Ok(Table { name, schema, provenance, rows: None, batches: Box::new(batches) })
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

    /// The table with a `key` for every row: one that has none gets its `path`, else the number of the row.
    ///
    /// # Errors
    /// `key` or `path` holds something else than text.
    pub fn with_keys(self) -> Result<Table, Error> {
        if self.has(column::KEY) {
            return Ok(self);
        }
        let mut fields: Vec<_> = vec![Arc::new(column::key_field())];
        fields.extend(self.schema.fields().iter().cloned());
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let batch_schema = schema.clone();
        let mut row = 0u64;
        let batches = self.batches.map(move |batch| {
            let batch = batch?;
            let paths = column::text(&batch, column::PATH)?;
            let keys = StringArray::from_iter_values((0..batch.num_rows()).map(|i| {
                let path = paths.as_ref().filter(|p| p.is_valid(i)).map(|p| p.value(i).trim_start_matches('/'));
                path.map_or_else(|| format!("{:07}", row + i as u64), str::to_string)
            }));
            row += batch.num_rows() as u64;
            let mut columns: Vec<ArrayRef> = vec![Arc::new(keys)];
            columns.extend(batch.columns().iter().cloned());
            Ok(RecordBatch::try_new(batch_schema.clone(), columns).expect("the columns of the schema above"))
        });
        Ok(Table { schema, batches: Box::new(batches), ..self })
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

/// The schema without metadata, which lives in [`Provenance`]; so schemas compare equal when their columns do.
fn bare(schema: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().clone()))
}

fn provenance_of(schema: &SchemaRef) -> Provenance {
    let ours = schema.metadata().iter().filter(|(key, _)| key.starts_with("pokedex."));
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
