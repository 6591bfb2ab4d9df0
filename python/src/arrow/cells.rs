//! Values of columns as Python's own.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::array_value_to_string;
use arrow_schema::{ArrowError, DataType};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

/// A row by the names of its columns.
pub(super) fn row<'py>(py: Python<'py>, batch: &RecordBatch, at: usize) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        row.set_item(field.name(), value(py, column, at)?)?;
    }
    Ok(row)
}

/// One value; of a type that Python has no word for its text.
pub(super) fn value<'py>(py: Python<'py>, column: &ArrayRef, at: usize) -> PyResult<Bound<'py, PyAny>> {
    if column.is_null(at) {
        return Ok(py.None().into_bound(py));
    }
    let one = column.slice(at, 1);
    let to = |to: DataType| cast(&one, &to).map_err(wrong);
    match column.data_type() {
        DataType::Null => Ok(py.None().into_bound(py)),
        DataType::Boolean => one.as_boolean().value(0).into_bound_py_any(py),
        t if t.is_signed_integer() => to(DataType::Int64)?.as_primitive::<Int64Type>().value(0).into_bound_py_any(py),
        t if t.is_unsigned_integer() => {
            to(DataType::UInt64)?.as_primitive::<UInt64Type>().value(0).into_bound_py_any(py)
        }
        DataType::Float32 => one.as_primitive::<Float32Type>().value(0).into_bound_py_any(py),
        t if t.is_floating() => to(DataType::Float64)?.as_primitive::<Float64Type>().value(0).into_bound_py_any(py),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            to(DataType::Utf8)?.as_string::<i32>().value(0).into_bound_py_any(py)
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Ok(PyBytes::new(py, to(DataType::LargeBinary)?.as_binary::<i64>().value(0)).into_any())
        }
        DataType::Dictionary(_, values) => value(py, &to(values.as_ref().clone())?, 0),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let items = to(DataType::LargeList(item.clone()))?;
            let items: ArrayRef = Arc::clone(&items.as_list::<i64>().value(0));
            let list = PyList::empty(py);
            (0..items.len()).try_for_each(|i| list.append(value(py, &items, i)?))?;
            Ok(list.into_any())
        }
        DataType::Struct(fields) => {
            let parts = PyDict::new(py);
            for (field, part) in fields.iter().zip(one.as_struct().columns()) {
                parts.set_item(field.name(), value(py, part, 0)?)?;
            }
            Ok(parts.into_any())
        }
        _ => array_value_to_string(&one, 0).map_err(wrong)?.into_bound_py_any(py),
    }
}

fn wrong(error: ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
