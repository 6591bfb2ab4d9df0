//! Columns in the types that they have here, whatever types another program gave them.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow_schema::DataType;

use crate::table::{Error, column};

/// A column of class names: text, or whole numbers as text.
pub(super) fn names(batch: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    let column = batch.column_by_name(name).expect("the columns were found");
    let column = match column.data_type() {
        DataType::Dictionary(_, values) => arrow_cast::cast(column, values).expect("a dictionary has values"),
        _ => column.clone(),
    };
    if column.data_type().is_integer() || column.data_type() == &DataType::Boolean {
        let text = arrow_cast::cast(&column, &DataType::Utf8).expect("every whole number has a text");
        return Ok(text.as_string::<i32>().clone());
    }
    if column.data_type().is_floating() {
        // What pandas makes of whole numbers beside missing ones, which are NaN where they are not null.
        let numbers = arrow_cast::cast(&column, &DataType::Float64).expect("no number is too large");
        let numbers = numbers.as_primitive::<Float64Type>();
        if numbers.iter().flatten().any(|x| !x.is_nan() && x.fract() != 0.0) {
            return Err(wrong_type(name, "whole numbers", "fractions".into()));
        }
        return Ok(numbers.iter().map(|x| x.filter(|x| !x.is_nan()).map(|x| (x + 0.0).to_string())).collect());
    }
    Ok(column::text(batch, name)?.expect("the column is there"))
}

/// A column of numbers: of any type of number, or their text.
pub(super) fn numbers(batch: &RecordBatch, name: &str) -> Result<Float64Array, Error> {
    let column = batch.column_by_name(name).expect("the columns were found");
    let numeric = column.data_type().is_numeric() || column.data_type() == &DataType::Null;
    let text = if numeric { None } else { column::text(batch, name).ok().flatten() };
    if !numeric && text.is_none() {
        return Err(wrong_type(name, "numbers", column.data_type().to_string()));
    }
    let column: ArrayRef = match text {
        Some(text) => std::sync::Arc::new(text),
        None => column.clone(),
    };
    let strict = arrow_cast::CastOptions { safe: false, ..Default::default() };
    let numbers = arrow_cast::cast_with_options(&column, &DataType::Float64, &strict)
        .map_err(|_| wrong_type(name, "numbers", first_that_is_not(&column, |t| t.parse::<f64>().is_ok())))?;
    Ok(numbers.as_primitive::<Float64Type>().clone())
}

/// A column of truths: booleans, or what stands for them.
pub(super) fn booleans(column: &ArrayRef, name: &str) -> Result<BooleanArray, Error> {
    let wrong = || wrong_type(name, "true or false", column.data_type().to_string());
    if column.data_type().is_nested() || column.data_type().is_binary() {
        return Err(wrong());
    }
    let strict = arrow_cast::CastOptions { safe: false, ..Default::default() };
    let booleans = arrow_cast::cast_with_options(column, &DataType::Boolean, &strict).map_err(|_| wrong())?;
    Ok(booleans.as_boolean().clone())
}

fn wrong_type(column: &str, expected: &'static str, found: String) -> Error {
    Error::ColumnType { column: column.into(), expected, found }
}

/// The first cell of a text column that fails a test, quoted, or the column's type.
fn first_that_is_not(column: &ArrayRef, test: fn(&str) -> bool) -> String {
    let cell = column.as_string_opt::<i32>().and_then(|text| text.iter().flatten().find(|cell| !test(cell)));
    cell.map_or_else(|| column.data_type().to_string(), |cell| format!("\"{cell}\""))
}
