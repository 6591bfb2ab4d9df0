//! Building an index: a table of vectors, checked, and packed in the order of its keys.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::Error;
use super::unfit::{Unfit, one_model};
use crate::model::{Adapter, normalise};
use crate::table::{self, Table, column};

/// Columns that every index has, if the table does, and their types.
const ALWAYS: [(&str, DataType); 4] = [
    (column::KEY, DataType::Utf8),
    (column::PATH, DataType::Utf8),
    (column::ID, DataType::Int32),
    (column::LABEL, DataType::Utf8),
];
/// The column that names the model of each row.
pub(super) const MODEL: &str = "embedding_model";

/// What a table's vectors are like, learnt by looking at every batch.
#[derive(Debug, Default)]
pub(crate) struct Check {
    name: String,
    column: String,
    model: Option<Option<String>>,
    last_key: Option<String>,
    /// Numbers in every vector.
    pub dimension: usize,
    /// Rows with a vector.
    pub rows: u64,
    /// Rows without one.
    pub without_vector: u64,
    /// Rows whose vectors cannot be compared.
    pub unfit: Unfit,
    /// Whether the keys ascend.
    pub sorted: bool,
}

impl Check {
    pub(crate) fn new(table: &str, column: &str) -> Check {
        Check { name: table.into(), column: column.into(), sorted: true, ..Check::default() }
    }

    /// The model that the rows name.
    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_ref().and_then(Option::as_deref)
    }

    /// Looks at a batch.
    ///
    /// # Errors
    /// A vector is of another length or of another model than those before it.
    pub(crate) fn look(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let vectors = column::vectors(batch, &self.column, &self.name)?;
        one_model(batch, &vectors, &self.column, &self.name, &mut self.model)?;
        let keys = keys(batch, &self.name)?;
        for i in 0..batch.num_rows() {
            let Some(vector) = vectors.get(i) else {
                self.without_vector += 1;
                continue;
            };
            let key = keys.value(i);
            if let Some(problem) = Unfit::problem(vector) {
                self.unfit.add(key, problem);
                continue;
            }
            if self.rows > 0 && vector.len() != self.dimension {
                let (column, first, other) = (self.column.clone(), self.dimension, vector.len());
                return Err(table::Error::RaggedVectors { column, first, other }.into());
            }
            self.dimension = vector.len();
            self.sorted &= self.last_key.as_deref().is_none_or(|last| last < key);
            key.clone_into(self.last_key.get_or_insert_default());
            self.rows += 1;
        }
        Ok(())
    }

    /// The error for a table in which no row has a vector.
    pub(crate) fn no_vectors(&self) -> Error {
        Error::NoVectors { name: self.name.clone(), column: self.column.clone() }
    }
}

fn keys(batch: &RecordBatch, name: &str) -> Result<arrow_array::StringArray, Error> {
    let keys = column::text(batch, column::KEY)?;
    Ok(keys.ok_or_else(|| column::missing(&batch.schema(), column::KEY, name))?)
}

/// How rows are laid out in an index.
#[derive(Debug)]
pub(crate) struct Packer {
    name: String,
    column: String,
    dimension: usize,
    model: Option<String>,
    adapter: Option<Arc<Adapter>>,
    pub schema: SchemaRef,
}

impl Packer {
    /// `more` columns are kept beside the usual ones; `model` is the short identity that every row will carry.
    pub(crate) fn new(
        table: &Table,
        column: &str,
        dimension: usize,
        model: Option<String>,
        more: impl Fn(&str) -> bool,
    ) -> Packer {
        let companion = column::model_column(column);
        let special = [column, &companion, column::EMBEDDING, MODEL, column::ERROR, column::IMAGE];
        let mut fields: Vec<Field> = Vec::new();
        for (name, data_type) in ALWAYS.iter().filter(|(name, _)| table.has(name)) {
            fields.push(Field::new(*name, data_type.clone(), *name != column::KEY));
        }
        let others = table.schema.fields().iter().filter(|f| !special.contains(&f.name().as_str()) && more(f.name()));
        fields.extend(others.filter(|f| ALWAYS.iter().all(|(name, _)| name != f.name())).map(|f| f.as_ref().clone()));
        fields.push(column::vector_field(column::EMBEDDING, dimension));
        fields.push(column::field(MODEL, column::model_type()));
        let schema = Arc::new(Schema::new(fields));
        Packer { name: table.name.clone(), column: column.into(), dimension, model, adapter: None, schema }
    }

    /// Maps the vectors, which are of the adapter's base.
    pub(crate) fn through(self, adapter: Option<Arc<Adapter>>) -> Packer {
        Packer { adapter, ..self }
    }

    /// Hands on all rows that have a sound vector in the order of their keys, scaled to length 1. While some are written, the
    /// next are read.
    ///
    /// Rows that are not sorted yet cost memory for everything but their vectors, which wait in a temporary file.
    ///
    /// # Errors
    /// The table cannot be read, or `write` fails.
    pub(crate) fn pack<E>(
        &self,
        table: Table,
        sorted: bool,
        mut write: impl FnMut(RecordBatch) -> Result<(), E> + Send,
    ) -> Result<(), E>
    where
        E: From<Error> + Send,
    {
        if sorted {
            let mut batches = table.map(|batch| -> Result<RecordBatch, Error> {
                let (facts, numbers) = self.rows(&batch?)?;
                Ok(self.assemble(&facts, numbers))
            });
            let mut next = batches.next();
            while let Some(batch) = next {
                let batch = batch?;
                let written;
                (next, written) = rayon::join(|| batches.next(), || write(batch));
                written?;
            }
            return Ok(());
        }
        let full = |source| Error::from(table::Error::Io(crate::io::Error::temporary(source)));
        let mut vectors = BufWriter::new(tempfile::tempfile().map_err(full)?);
        let mut facts = Vec::new();
        for batch in table {
            let (own, numbers) = self.rows(&batch.map_err(Error::from)?)?;
            facts.push(own);
            numbers.iter().try_for_each(|x| vectors.write_all(&x.to_le_bytes())).map_err(full)?;
        }
        let vectors: File = vectors.into_inner().map_err(|e| full(e.into_error()))?;
        let broken = |source| Error::from(table::Error::Arrow { name: self.name.clone(), source });
        let facts = arrow_select::concat::concat_batches(&self.facts_schema(), &facts).map_err(broken)?;
        let keys = keys(&facts, &self.name)?;
        let mut order: Vec<u32> = (0..u32::try_from(keys.len()).expect("fewer than 2^32 rows")).collect();
        order.sort_by_key(|&row| keys.value(row as usize));
        let key = |row: u32| keys.value(row as usize);
        if let Some(pair) = order.windows(2).find(|pair| key(pair[0]) == key(pair[1])) {
            return Err(
                Error::from(table::Error::DuplicateKey { name: self.name.clone(), key: key(pair[0]).into() }).into()
            );
        }
        for rows in order.chunks(1024) {
            let mut bytes = vec![0; rows.len() * self.dimension * 4];
            for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(self.dimension * 4)) {
                vectors.read_exact_at(bytes, u64::from(*row) * bytes.len() as u64).map_err(full)?;
            }
            let numbers = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let rows = UInt32Array::from(rows.to_vec());
            let facts = arrow_select::take::take_record_batch(&facts, &rows).map_err(broken)?;
            write(self.assemble(&facts, numbers))?;
        }
        Ok(())
    }

    /// The index's schema without vectors and models.
    fn facts_schema(&self) -> SchemaRef {
        column::drop_field(&column::drop_field(&self.schema, column::EMBEDDING), MODEL)
    }

    /// The facts of the rows that have a sound vector, and their vectors.
    fn rows(&self, batch: &RecordBatch) -> Result<(RecordBatch, Vec<f32>), Error> {
        let vectors = column::vectors(batch, &self.column, &self.name)?;
        let mut numbers = Vec::with_capacity(batch.num_rows() * self.dimension);
        let fit = |i: usize| vectors.get(i).filter(|vector| Unfit::problem(vector).is_none());
        let has: BooleanArray = (0..batch.num_rows()).map(|i| Some(fit(i).is_some())).collect();
        for vector in (0..batch.num_rows()).filter_map(fit) {
            let start = numbers.len();
            numbers.extend_from_slice(vector);
            normalise(&mut numbers[start..]);
        }
        if self.adapter.as_ref().is_some_and(|adapter| !adapter.apply(&mut numbers)) {
            let problem = "the adapter maps one of its vectors to zero".into();
            return Err(Error::Vectors { name: self.name.clone(), problem });
        }
        let schema = self.facts_schema();
        let broken = |source| table::Error::Arrow { name: self.name.clone(), source };
        let mut columns: Vec<ArrayRef> = Vec::new();
        for field in schema.fields() {
            let own: ArrayRef = match field.name().as_str() {
                column::KEY => Arc::new(keys(batch, &self.name)?),
                column::ID => Arc::new(column::ints(batch, column::ID)?.expect("the schema was made from the table's")),
                name if [column::LABEL, column::PATH].contains(&name) => {
                    Arc::new(column::text(batch, name)?.expect("the schema was made from the table's"))
                }
                name => batch.column_by_name(name).expect("the schema was made from the table's").clone(),
            };
            columns.push(arrow_select::filter::filter(&own, &has).map_err(broken)?);
        }
        Ok((RecordBatch::try_new(schema, columns).map_err(broken)?, numbers))
    }

    fn assemble(&self, facts: &RecordBatch, numbers: Vec<f32>) -> RecordBatch {
        let DataType::FixedSizeList(item, size) = column::vector_type(self.dimension) else {
            unreachable!("it is a list")
        };
        let mut models = StringDictionaryBuilder::<Int32Type>::new();
        (0..facts.num_rows()).for_each(|_| models.append_option(self.model.as_deref()));
        let mut columns = facts.columns().to_vec();
        columns.push(Arc::new(FixedSizeListArray::new(item, size, Arc::new(Float32Array::from(numbers)), None)));
        columns.push(Arc::new(models.finish()));
        RecordBatch::try_new(self.schema.clone(), columns).expect("the columns of the schema above")
    }
}
