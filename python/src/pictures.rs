//! Pictures as Python has them: paths, bytes, and those of PIL.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Schema, SchemaRef};
use pokedex::Table;
use pokedex::table::column;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

/// Rows of a batch: they are cut smaller where they are worked on.
const BATCH_ROWS: usize = 256;

/// A picture, wherever it is.
pub(crate) enum Picture {
    Bytes(Vec<u8>),
    File(String),
    None,
}

impl Picture {
    /// Takes bytes, a path, or a picture of PIL, which is written as PNG.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Picture> {
        if object.is_none() {
            return Ok(Picture::None);
        }
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Picture::Bytes(bytes.as_bytes().to_vec()));
        }
        if let Ok(path) = object.extract::<PathBuf>() {
            let path = path.into_os_string().into_string();
            return path
                .map(Picture::File)
                .map_err(|_| PyTypeError::new_err("the path is no text: open it and give its bytes"));
        }
        if let Ok(bytes) = object.extract::<Vec<u8>>() {
            return Ok(Picture::Bytes(bytes));
        }
        if object.hasattr("save")? && object.hasattr("mode")? {
            let buffer = object.py().import("io")?.call_method0("BytesIO")?;
            let options = PyDict::new(object.py());
            options.set_item("compress_level", 1)?;
            object.call_method("save", (&buffer, "PNG"), Some(&options))?;
            return Ok(Picture::Bytes(buffer.call_method0("getvalue")?.extract()?));
        }
        let kind = object.get_type().name()?;
        Err(PyTypeError::new_err(format!("{kind} is no picture: give bytes, a path or a picture of PIL")))
    }

    /// All pictures of a list.
    pub(crate) fn all(objects: &Bound<'_, PyAny>) -> PyResult<Vec<Picture>> {
        objects.try_iter()?.map(|object| Picture::of(&object?)).collect()
    }
}

/// The columns of such pictures.
pub(crate) fn schema() -> SchemaRef {
    let path = column::field(column::PATH, DataType::Utf8);
    Arc::new(Schema::new(vec![column::key_field(), path, column::image_field()]))
}

/// A table of pictures, a row each; their keys are their numbers.
pub(crate) fn table(pictures: Vec<Picture>) -> Table {
    let (schema, rows) = (schema(), pictures.len() as u64);
    let batch_schema = schema.clone();
    let mut first = 0;
    let mut pictures = pictures.into_iter();
    let batches = std::iter::from_fn(move || {
        let some: Vec<Picture> = pictures.by_ref().take(BATCH_ROWS).collect();
        let batch = batch(&batch_schema, first, &some);
        first += some.len();
        (!some.is_empty()).then_some(Ok(batch))
    });
    Table::new("pictures", schema, Some(rows), Box::new(batches))
}

fn batch(schema: &SchemaRef, first: usize, pictures: &[Picture]) -> RecordBatch {
    let keys = StringArray::from_iter_values((first..).take(pictures.len()).map(|at| at.to_string()));
    let paths: StringArray = pictures
        .iter()
        .map(|picture| match picture {
            Picture::File(path) => Some(path.as_str()),
            Picture::Bytes(_) | Picture::None => None,
        })
        .collect();
    let bytes: BinaryArray = pictures
        .iter()
        .map(|picture| match picture {
            Picture::Bytes(bytes) => Some(bytes.as_slice()),
            Picture::File(_) | Picture::None => None,
        })
        .collect();
    let DataType::Struct(fields) = column::image_field().data_type().clone() else { unreachable!("it is a struct") };
    let there = NullBuffer::from_iter(pictures.iter().map(|picture| matches!(picture, Picture::Bytes(_))));
    let names: ArrayRef = Arc::new(StringArray::new_null(pictures.len()));
    let images = StructArray::new(fields, vec![Arc::new(bytes), names], Some(there));
    RecordBatch::try_new(schema.clone(), vec![Arc::new(keys), Arc::new(paths), Arc::new(images)]).expect("its columns")
}
