//! A model that is loaded once and called from many threads, and the vectors that it makes.

use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema};
use pokedex::embed::{Embed, Options};
use pokedex::model::{Engine, Model as Loaded, Use};
use pokedex::table::column;
use pokedex::{Failure, Table, Work};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::pictures::{self, Picture};
use crate::watch::{Watch, work};

/// A model: pictures and texts to vectors. Threads may share one.
#[pyclass(frozen, module = "pokedex")]
pub(crate) struct Model {
    /// As it was asked for, so that it can be sent to another process.
    asked: String,
    work: Work,
    cache: bool,
    name: String,
    dimension: usize,
    images: OnceLock<Arc<Embed>>,
    texts: OnceLock<Arc<Embed>>,
}

/// The column of texts that are embedded.
const TEXT: &str = "text";

impl Model {
    fn load(&self, text: Option<&str>) -> Result<Arc<Embed>, Failure> {
        let slot = if text.is_some() { &self.texts } else { &self.images };
        if let Some(stage) = slot.get() {
            return Ok(stage.clone());
        }
        let model = Loaded::find(&self.asked, Engine::Auto)?;
        let options = Options { text: text.map(str::to_string), cache: self.cache, ..Options::of(&model) };
        let stage = Arc::new(Embed::load(model, options, Use::Bulk { calls: self.work.threads })?);
        Ok(slot.get_or_init(|| stage).clone())
    }

    fn vectors(&self, table: Table, stage: &Arc<Embed>, watch: &mut Watch) -> Result<Vectors, Failure> {
        let mut made = Vectors::of(self.dimension);
        let mut numbers = Vec::new();
        let quiet = &mut Quiet(watch);
        self.work.run(table, stage, quiet, |rows| {
            let vectors = column::vectors(&rows, column::EMBEDDING, "pictures")?;
            let errors = column::text(&rows, column::ERROR)?;
            let hashes = column::read_hashes(&rows, column::CONTENT_HASH).unwrap_or_default();
            for row in 0..rows.num_rows() {
                match vectors.get(row) {
                    Some(vector) => numbers.extend_from_slice(vector),
                    None => numbers.resize(numbers.len() + self.dimension, f32::NAN),
                }
                made.errors.push(column::cell(errors.as_ref(), row).map(str::to_string));
                made.content_hashes.push(hashes.get(row).copied().flatten());
            }
            Ok(())
        })?;
        made.numbers = Float32Array::from(numbers);
        Ok(made)
    }
}

/// What is wrong with a picture is in [`Vectors`], and need not be logged as well.
struct Quiet<'w>(&'w mut Watch);

impl pokedex::progress::Progress for Quiet<'_> {
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (name = "pokedex-mini", *, threads = None, cache = false))]
    fn new(py: Python<'_>, name: &str, threads: Option<usize>, cache: bool) -> PyResult<Model> {
        let threads = threads.unwrap_or(Work::default().threads).max(1);
        work(py, |_| {
            let model = Loaded::find(name, Engine::Auto)?;
            Ok(Model {
                asked: name.into(),
                work: Work { threads, ..Work::default() },
                cache,
                name: model.id().to_string(),
                dimension: model.dimension(),
                images: OnceLock::new(),
                texts: OnceLock::new(),
            })
        })
    }

    /// The model's name and the first digits of its hash, as in the column `embedding_model`.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    #[getter]
    fn dimension(&self) -> usize {
        self.dimension
    }

    /// The vectors of pictures: bytes, paths, or those of PIL. One that cannot be read is a row of `nan` with its error.
    fn embed(&self, py: Python<'_>, images: &Bound<'_, PyAny>) -> PyResult<Vectors> {
        let pictures = Picture::all(images)?;
        work(py, |watch| self.vectors(pictures::table(pictures), &self.load(None)?, watch))
    }

    /// The vectors of texts.
    fn embed_text(&self, py: Python<'_>, texts: Vec<String>) -> PyResult<Vectors> {
        work(py, |watch| {
            let schema = Arc::new(Schema::new(vec![column::key_field(), column::field(TEXT, DataType::Utf8)]));
            let keys = StringArray::from_iter_values((0..texts.len()).map(|at| at.to_string()));
            let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(StringArray::from_iter_values(&texts))];
            let rows = RecordBatch::try_new(schema.clone(), columns).expect("two columns");
            let table = Table::new("texts", schema, Some(texts.len() as u64), Box::new(std::iter::once(Ok(rows))));
            self.vectors(table, &self.load(Some(TEXT))?, watch)
        })
    }

    /// What makes it again in another process.
    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<((String,), Bound<'py, PyDict>)> {
        let options = PyDict::new(py);
        options.set_item("threads", self.work.threads)?;
        options.set_item("cache", self.cache)?;
        Ok(((self.asked.clone(),), options))
    }

    fn __repr__(&self) -> String {
        format!("<pokedex.Model: {}, {} numbers>", self.name, self.dimension)
    }
}

/// Vectors of length 1, a row each: an array for NumPy, which copies nothing.
#[pyclass(frozen, module = "pokedex")]
pub(crate) struct Vectors {
    numbers: Float32Array,
    dimension: usize,
    errors: Vec<Option<String>>,
    content_hashes: Vec<Option<[u8; 32]>>,
}

impl Vectors {
    fn of(dimension: usize) -> Vectors {
        let numbers = Float32Array::from(Vec::<f32>::new());
        Vectors { numbers, dimension, errors: Vec::new(), content_hashes: Vec::new() }
    }

    /// Those of a column; they are those of the table itself, where it has them in one piece and every row has one.
    pub(crate) fn of_column(batches: &[RecordBatch], name: &str) -> Result<Vectors, Failure> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let none = vec![None; rows];
        if let [batch] = batches
            && let Some(column) = batch.column_by_name(name)
            && let DataType::FixedSizeList(item, size) = column.data_type()
            && item.data_type() == &DataType::Float32
            && column.null_count() == 0
        {
            let (list, dimension) = (column.as_fixed_size_list(), usize::try_from(*size).unwrap_or(0));
            let from = list.value_offset_at(0);
            let numbers = list.values().as_primitive::<Float32Type>().slice(from, rows * dimension);
            return Ok(Vectors { numbers, dimension, errors: none, content_hashes: vec![None; rows] });
        }
        let all = batches.iter().map(|batch| column::vectors(batch, name, "table")).collect::<Result<Vec<_>, _>>()?;
        let dimension = all.iter().map(|vectors| vectors.dimension).max().unwrap_or(0);
        let mut numbers = Vec::with_capacity(rows * dimension);
        for (batch, vectors) in batches.iter().zip(&all) {
            for row in 0..batch.num_rows() {
                match vectors.get(row).filter(|vector| vector.len() == dimension) {
                    Some(vector) => numbers.extend_from_slice(vector),
                    None => numbers.resize(numbers.len() + dimension, f32::NAN),
                }
            }
        }
        Ok(Vectors { numbers: numbers.into(), dimension, errors: none, content_hashes: vec![None; rows] })
    }

    fn rows(&self) -> usize {
        self.errors.len()
    }
}

#[pymethods]
impl Vectors {
    /// Why a row has no vector, or `None`.
    #[getter]
    fn errors(&self) -> Vec<Option<String>> {
        self.errors.clone()
    }

    /// BLAKE3 of each picture's bytes.
    #[getter]
    fn content_hashes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.content_hashes.iter().map(|hash| hash.map(|hash| PyBytes::new(py, &hash))))
    }

    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.rows(), self.dimension)
    }

    fn __len__(&self) -> usize {
        self.rows()
    }

    /// <https://numpy.org/doc/stable/reference/arrays.interface.html>
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", (self.rows(), self.dimension))?;
        interface.set_item("typestr", if cfg!(target_endian = "little") { "<f4" } else { ">f4" })?;
        // Nobody writes into what others may look at.
        interface.set_item("data", (self.numbers.values().as_ptr() as usize, true))?;
        Ok(interface)
    }

    fn __repr__(&self) -> String {
        format!("<pokedex.Vectors: {} × {}>", self.rows(), self.dimension)
    }
}
