//! A table that is being read, and several of them as one.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{Field, Metadata, Schema, SchemaRef};

use super::findings::Findings;
use super::{Error, Provenance, column, types};
use crate::filter::Filter;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send>;

/// A stream of record batches with a schema and a provenance.
pub struct Table {
    /// What to call it in a message: its path or `standard input`.
    pub name: String,
    /// The columns of every batch.
    pub schema: SchemaRef,
    /// What its footer says of how it was made.
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

    /// Several tables with the same columns, in any order, one after the other. Where programs differ in the width of
    /// their numbers, or one has a column of nulls where another has text, the type is one that holds both.
    ///
    /// # Errors
    /// One cannot be opened, or their columns differ.
    pub(super) fn concatenate(mut tables: Vec<Table>) -> Result<Table, Error> {
        if tables.len() == 1 {
            return Ok(tables.remove(0));
        }
        let mut fields: Vec<Field> = tables[0].schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        for table in &tables[1..] {
            for field in &mut fields {
                let other = table.schema.field_with_name(field.name()).ok();
                let common = other.and_then(|other| types::common(field.data_type(), other.data_type()));
                let Some(common) = common else {
                    return Err(differ(&tables[0], table, field, other));
                };
                if other.is_some_and(|other| other.metadata() != field.metadata()) {
                    field.set_metadata(Metadata::default());
                }
                field.set_data_type(common);
            }
            if let Some(new) = table.schema.fields().iter().find(|new| fields.iter().all(|f| f.name() != new.name())) {
                return Err(differ(table, &tables[0], new, None));
            }
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let mut provenance = tables[0].provenance.clone();
        // What the tables agree on still holds of the whole.
        provenance.0.retain(|key, value| tables.iter().all(|table| table.provenance.0.get(key) == Some(value)));
        let rows = tables.iter().map(|table| table.rows).sum();
        let name = tables[0].name.clone();
        let common = schema.clone();
        let batches = tables.into_iter().flat_map(move |table| {
            let (schema, name) = (common.clone(), table.name.clone());
            let places: Vec<usize> =
                schema.fields().iter().filter_map(|f| table.schema.index_of(f.name()).ok()).collect();
            table.batches.map(move |batch| {
                let batch = batch?;
                let fail = |source| Error::Arrow { name: name.clone(), source };
                let columns = schema.fields().iter().zip(&places);
                let columns = columns.map(|(field, &at)| types::conform(batch.column(at), field.data_type()));
                let columns = columns.collect::<Result<Vec<_>, _>>().map_err(fail)?;
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(fail)
            })
        });
        Ok(Table { name, schema, provenance, rows, findings: Findings::default(), batches: Box::new(batches) })
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
        let has = fields.len() == self.schema.fields().len();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let (batch_schema, name) = (schema.clone(), self.name.clone());
        let mut row = 0u64;
        let batches = self.batches.map(move |batch| {
            let batch = batch?;
            let keys: ArrayRef = Arc::new(keys_of(&batch, &name, row)?);
            row += batch.num_rows() as u64;
            let mut columns = batch.columns().to_vec();
            match batch_schema.index_of(column::KEY) {
                Ok(at) if has => columns[at] = keys,
                _ => columns.insert(0, keys),
            }
            Ok(RecordBatch::try_new(batch_schema.clone(), columns).expect("the columns of the schema above"))
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

/// The error for two tables of which the second lacks a column of the first, or has values of another kind there.
fn differ(first: &Table, second: &Table, field: &Field, other: Option<&Field>) -> Error {
    let (column, is) = (field.name(), field.data_type());
    let difference = match other {
        None => format!("it has no column `{column}` ({is})"),
        Some(other) => format!("`{column}` is {} in it, and {is} there", other.data_type()),
    };
    Error::DifferentColumns { first: first.name.clone(), second: second.name.clone(), difference }
}
