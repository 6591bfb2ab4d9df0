//! The cells of a column, where more than its type is changed.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BinaryArray, FixedSizeListArray, StringArray, StructArray, UInt32Array};
use arrow_buffer::NullBuffer;
use arrow_cast::CastOptions;
use arrow_schema::{ArrowError, DataType, Field};

use crate::table::types::{STRICT, conform, plain_inside};
use crate::table::{Error, column};

/// A list of vectors of one length as one of fixed size.
pub(super) fn fixed(lists: &ArrayRef, item: &Arc<Field>, size: i32, name: &str) -> Result<ArrayRef, Error> {
    let (lists, width) = (lists.as_list::<i32>(), size as usize);
    let offsets = lists.value_offsets();
    let mut rows: Vec<Option<u32>> = Vec::with_capacity(lists.len() * width);
    for i in 0..lists.len() {
        let (start, end) = (offsets[i] as usize, offsets[i + 1] as usize);
        match lists.is_valid(i) {
            true if end - start != width => {
                return Err(Error::RaggedVectors { column: name.into(), first: width, other: end - start });
            }
            true => rows.extend((start..end).map(|at| Some(at as u32))),
            false => rows.extend(std::iter::repeat_n(None, width)),
        }
    }
    let values =
        arrow_select::take::take(lists.values(), &UInt32Array::from(rows), None).expect("numbers inside of the list");
    Ok(Arc::new(FixedSizeListArray::new(item.clone(), size, values, lists.nulls().cloned())))
}

/// Numbers, truths and text as text, as a person writes them: whole numbers without a point. Numbers of classes become
/// their names; -1 is no class.
pub(super) fn text(array: &ArrayRef, names: Option<&[Option<String>]>) -> Result<ArrayRef, ArrowError> {
    let value = plain_inside(array.data_type()).unwrap_or(DataType::Utf8);
    let array = conform(array, &value)?;
    let whole = match &value {
        t if t.is_integer() => true,
        // What pandas makes of whole numbers beside nulls.
        t if t.is_floating() => {
            let numbers = arrow_cast::cast(&array, &DataType::Float64)?;
            let whole = |x: f64| x.fract() == 0.0 && x.abs() < 9e15;
            let texts = numbers.as_primitive::<Float64Type>().iter().map(|x| {
                x.filter(|x| !x.is_nan()).map(|x| if whole(x) { (x as i64).to_string() } else { x.to_string() })
            });
            let short: Vec<Option<String>> = match value {
                // The shortest text that is the number in its own precision.
                DataType::Float32 => {
                    let own = array.as_primitive::<arrow_array::types::Float32Type>();
                    texts
                        .zip(own)
                        .map(|(text, own)| {
                            text.map(|text| if text.contains('.') { own.unwrap_or_default().to_string() } else { text })
                        })
                        .collect()
                }
                _ => texts.collect(),
            };
            return Ok(match names {
                Some(names) => {
                    Arc::new(short.iter().map(|text| class(text.as_deref()?, names)).collect::<StringArray>())
                }
                None => Arc::new(StringArray::from(short)),
            });
        }
        _ => false,
    };
    match names.filter(|_| whole) {
        Some(names) => {
            let numbers = arrow_cast::cast_with_options(&array, &DataType::Int64, &STRICT)?;
            let numbers = numbers.as_primitive::<Int64Type>().iter();
            Ok(Arc::new(numbers.map(|number| class(&number?.to_string(), names)).collect::<StringArray>()))
        }
        None => arrow_cast::cast_with_options(&array, &DataType::Utf8, &STRICT),
    }
}

fn class(number: &str, names: &[Option<String>]) -> Option<String> {
    match number.parse::<usize>() {
        Ok(place) => Some(names.get(place).cloned().flatten().unwrap_or_else(|| number.into())),
        Err(_) => (number != "-1").then(|| number.into()),
    }
}

/// Numbers under a type of whole numbers, digests under theirs; what does not fit is null.
pub(super) fn fitting(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let value = plain_inside(array.data_type()).unwrap_or(DataType::Null);
    let array = conform(array, &value)?;
    let lenient = CastOptions { safe: true, ..STRICT };
    Ok(match &value {
        DataType::Binary => {
            let digests =
                array.as_binary::<i32>().iter().map(|digest| digest.and_then(|digest| digest.try_into().ok()));
            column::hashes(&digests.collect::<Vec<Option<[u8; 32]>>>())
        }
        t if t.is_floating() => {
            let numbers = arrow_cast::cast(&array, &DataType::Float64)?;
            let whole = numbers.as_primitive::<Float64Type>().iter().map(|x| x.filter(|x| x.fract() == 0.0));
            let whole: ArrayRef = Arc::new(whole.collect::<arrow_array::Float64Array>());
            arrow_cast::cast_with_options(&whole, to, &lenient)?
        }
        _ => arrow_cast::cast_with_options(&array, to, &lenient)?,
    })
}

/// Images of bytes, or of paths.
pub(super) fn image(bytes: Option<ArrayRef>, paths: Option<ArrayRef>) -> ArrayRef {
    let DataType::Struct(fields) = column::image_field().data_type().clone() else { unreachable!("it is a struct") };
    let one = bytes.as_ref().or(paths.as_ref()).expect("one of them is there");
    let (length, nulls): (usize, Option<NullBuffer>) = (one.len(), one.nulls().cloned());
    let bytes = bytes.unwrap_or_else(|| Arc::new(BinaryArray::new_null(length)));
    let paths = paths.unwrap_or_else(|| Arc::new(StringArray::new_null(length)));
    Arc::new(StructArray::new(fields, vec![bytes, paths], nulls))
}

/// The paths of rows, and of the images without bytes where a row has none.
pub(super) fn paths_of(images: &ArrayRef, paths: &ArrayRef) -> ArrayRef {
    let (images, own) = (images.as_struct(), paths.as_string::<i32>());
    let (bytes, beside) = (images.column(0).as_binary::<i32>(), images.column(1).as_string::<i32>());
    let held = |i: usize| images.is_null(i) || bytes.is_valid(i) && !bytes.value(i).is_empty();
    let path = |i: usize| column::cell(Some(own), i).or_else(|| column::cell(Some(beside), i).filter(|_| !held(i)));
    Arc::new((0..own.len()).map(path).collect::<StringArray>())
}
