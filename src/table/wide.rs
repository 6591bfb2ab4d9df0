//! Whole numbers of 128 bits in Arrow streams.
//!
//! Polars writes them as a width of `Int` that Arrow's specification does not have, and the library refuses the whole schema
//! for it. In a batch they lie as values of 16 bytes do, so the schema's message is made to say that, and the bytes are read as
//! decimal numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Decimal128Array};
use arrow_ipc::{Field, Int, Type};
use arrow_schema::{ArrowError, DataType, Schema};

/// The metadata of a field that holds such numbers.
const MARK: &str = "pokedex.int128";

/// Puts the schema in the first message of a stream right; the columns with such numbers.
pub(super) fn in_message(message: &mut [u8]) -> Vec<String> {
    let places = places(arrow_ipc::root_as_message(message).ok().and_then(|message| message.header_as_schema()));
    rewrite(message, places)
}

/// Puts the schema in the footer of a file right; the columns with such numbers.
pub(super) fn in_footer(footer: &mut [u8]) -> Vec<String> {
    let places = places(arrow_ipc::root_as_footer(footer).ok().and_then(|footer| footer.schema()));
    rewrite(footer, places)
}

/// Of every field of such numbers its name, and where its kind and its width stand.
fn places(schema: Option<arrow_ipc::Schema>) -> Vec<(String, usize, usize)> {
    let fields = schema.and_then(|schema| schema.fields()).into_iter().flatten();
    let place = |field: Field| {
        let int = field.type_as_int().filter(|int| int.bitWidth() == 128)?;
        let kind = field._tab.loc() + usize::from(field._tab.vtable().get(Field::VT_TYPE_TYPE));
        let width = int._tab.loc() + usize::from(int._tab.vtable().get(Int::VT_BITWIDTH));
        Some((field.name()?.to_string(), kind, width))
    };
    fields.filter_map(place).collect()
}

/// Says of these fields that they hold values of 16 bytes.
fn rewrite(schema: &mut [u8], places: Vec<(String, usize, usize)>) -> Vec<String> {
    let rewrite = |(name, kind, width): (String, usize, usize)| {
        *schema.get_mut(kind)? = Type::FixedSizeBinary.0;
        schema.get_mut(width..width + 4)?.copy_from_slice(&16i32.to_le_bytes());
        Some(name)
    };
    places.into_iter().filter_map(rewrite).collect()
}

/// The schema with these fields marked.
pub(super) fn mark(schema: &Schema, wide: &[String]) -> Schema {
    let field = |field: &Arc<arrow_schema::Field>| match wide.contains(field.name()) {
        true => {
            Arc::new(field.as_ref().clone().with_metadata([(MARK, "")].into_iter().collect::<arrow_schema::Metadata>()))
        }
        false => field.clone(),
    };
    Schema::new_with_metadata(schema.fields().iter().map(field).collect::<Vec<_>>(), schema.metadata().clone())
}

/// The type that a marked field is read as.
pub(super) fn of(field: &arrow_schema::Field) -> Option<DataType> {
    field.metadata().contains_key(MARK).then_some(DataType::Decimal128(38, 0))
}

/// The numbers of a marked field.
pub(super) fn numbers(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let bytes = array.as_fixed_size_binary_opt().filter(|bytes| bytes.value_length() == 16);
    let bytes = bytes.ok_or_else(|| ArrowError::SchemaError("no numbers of 128 bits".into()))?;
    let number = |bytes: Option<&[u8]>| Some(i128::from_le_bytes(bytes?.try_into().ok()?));
    Ok(Arc::new(bytes.iter().map(number).collect::<Decimal128Array>().with_precision_and_scale(38, 0)?))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;

    use super::super::Source;
    use super::*;

    #[test]
    fn numbers_of_128_bits_are_read() {
        for file in ["int128.arrows", "int128.arrow"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/polars").join(file);
            let table = Source::open(&path, "").expect("a table").table(None).expect("readable");
            let batch = table.last().expect("a batch").expect("readable");
            let numbers = batch["b"].as_primitive::<arrow_array::types::Decimal128Type>();
            assert_eq!(numbers.values().as_ref(), [1, 2, 3], "{file}");
            assert_eq!(batch["c"].null_count(), 1);
        }
    }
}
