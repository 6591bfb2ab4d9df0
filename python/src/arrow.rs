//! Tables that any library of Arrow reads, and that may come from any, by the PyCapsule interface: nothing is copied.
//!
//! <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>

mod cells;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use pokedex::Failure;
use pokedex::table::Source;
use pyo3::exceptions::{PyIndexError, PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList};

use crate::model::Vectors;
use crate::watch::work;

const STREAM: &std::ffi::CStr = c"arrow_array_stream";
const SCHEMA: &std::ffi::CStr = c"arrow_schema";

/// A table in memory: what a stage gave, or another library of Arrow.
#[pyclass(frozen, module = "pokedex")]
pub(crate) struct Table {
    /// With the footer of the table as its metadata.
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Table {
    pub(crate) fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Table {
        Table { schema, batches }
    }

    /// Reads a table to its end.
    pub(crate) fn read(table: pokedex::Table) -> Result<Table, Failure> {
        let metadata: arrow_schema::Metadata =
            table.provenance.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let schema = Arc::new(Schema::new_with_metadata(table.schema.fields().clone(), metadata));
        let batches = table.map(|batch| -> Result<RecordBatch, Failure> {
            Ok(batch?.with_schema(schema.clone()).expect("the same columns"))
        });
        let batches = batches.collect::<Result<Vec<RecordBatch>, Failure>>()?;
        Ok(Table { schema, batches })
    }

    /// Any object that hands out Arrow data.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Table> {
        if let Ok(own) = object.cast::<Table>() {
            return Ok(Table { schema: own.get().schema.clone(), batches: own.get().batches.clone() });
        }
        if !object.hasattr("__arrow_c_stream__")? {
            let kind = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!("{kind} is no table of Arrow: it has no __arrow_c_stream__")));
        }
        let capsule = object.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
        let reader = take_stream(&capsule)?;
        let schema = arrow_array::RecordBatchReader::schema(&reader);
        let batches = reader.collect::<Result<_, _>>().map_err(wrong)?;
        Ok(Table { schema, batches })
    }

    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Its bytes as a stream of Arrow, which every stage reads.
    fn stream(&self, out: impl Write) -> Result<(), ArrowError> {
        let mut writer = StreamWriter::try_new(out, &self.schema)?;
        self.batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.finish()
    }

    /// As a stage reads it.
    pub(crate) fn source(&self) -> Result<pokedex::Table, Failure> {
        let spool = || -> Result<std::fs::File, ArrowError> {
            let mut file = tempfile::tempfile()?;
            self.stream(std::io::BufWriter::new(&mut file))?;
            std::io::Seek::rewind(&mut file)?;
            Ok(file)
        };
        let file = spool().map_err(|e| Failure::failed(format!("temporary file: {e}"), None))?;
        Ok(Source::of("table", file, "")?.table(None)?)
    }
}

#[expect(unsafe_code, reason = "the C data interface hands out pointers; the capsule's name says what it points to")]
fn take_stream(capsule: &Bound<'_, PyCapsule>) -> PyResult<RecordBatchStreamReader> {
    let pointer = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds a stream, which is moved out of it as the interface says.
    unsafe { RecordBatchStreamReader::from_raw(pointer.as_ptr()) }.map_err(wrong)
}

fn wrong(error: ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

#[pymethods]
impl Table {
    /// Reads a table from a file: Parquet, Arrow, CSV, or `pokedex:`.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Table> {
        work(py, |_| {
            let source = Source::open_or_csv(&path, "pokedex embed photos/ -o embeddings.parquet")?;
            Table::read(source.table(None)?)
        })
    }

    /// The table of any object that hands out Arrow data.
    #[staticmethod]
    fn from_arrow(data: &Bound<'_, PyAny>) -> PyResult<Table> {
        Table::of(data)
    }

    /// Writes it as a stream of Arrow, for a stage to read.
    fn _spool(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        work(py, |_| {
            let write = || self.stream(std::io::BufWriter::new(std::fs::File::create(&path)?));
            write().map_err(|e| Failure::failed(format!("{}: {e}", path.display()), None))
        })
    }

    #[getter]
    fn num_rows(&self) -> usize {
        self.rows()
    }

    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// What the footer says of how it was made.
    #[getter]
    fn metadata(&self) -> std::collections::BTreeMap<String, String> {
        self.schema.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn __len__(&self) -> usize {
        self.rows()
    }

    /// A row as a dictionary.
    fn __getitem__<'py>(&self, py: Python<'py>, row: isize) -> PyResult<Bound<'py, PyDict>> {
        let rows = self.rows();
        let at = if row < 0 { row + rows as isize } else { row };
        let mut at = usize::try_from(at).ok().filter(|at| *at < rows).ok_or_else(|| PyIndexError::new_err(row))?;
        let batch = self.batches.iter().find(|batch| {
            let is_here = at < batch.num_rows();
            at -= if is_here { 0 } else { batch.num_rows() };
            is_here
        });
        cells::row(py, batch.expect("there are so many rows"), at)
    }

    /// All rows as dictionaries.
    fn to_pylist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for batch in &self.batches {
            (0..batch.num_rows()).try_for_each(|at| list.append(cells::row(py, batch, at)?))?;
        }
        Ok(list)
    }

    /// The values of a column as a list.
    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let at = self.schema.index_of(name).map_err(|_| PyKeyError::new_err(name.to_string()))?;
        let list = PyList::empty(py);
        for batch in &self.batches {
            let column = batch.column(at);
            (0..column.len()).try_for_each(|row| list.append(cells::value(py, column, row)?))?;
        }
        Ok(list)
    }

    /// The vectors of a column: a row a vector, `nan` where a row has none. `numpy.asarray` of it copies nothing.
    #[pyo3(signature = (column = "embedding"))]
    fn vectors(&self, column: &str) -> PyResult<Vectors> {
        self.schema.index_of(column).map_err(|_| PyKeyError::new_err(column.to_string()))?;
        Vectors::of_column(&self.batches, column).map_err(|e| PyValueError::new_err(e.to_string()))
    }

    /// A stream of its batches; consumers may ask for it as often as they like.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A wish, which the interface lets a producer pass over.
        let _ = requested_schema;
        let batches = self.batches.clone().into_iter().map(Ok);
        let reader = RecordBatchIterator::new(batches, self.schema.clone());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.schema.as_ref()).map_err(wrong)?;
        PyCapsule::new_with_value(py, schema, SCHEMA)
    }

    fn __repr__(&self) -> String {
        format!("<pokedex.Table: {} rows; {}>", self.rows(), self.column_names().join(", "))
    }
}
