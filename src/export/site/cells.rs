//! The cells of rows for a script, and what type each column is of: for a page that shows them, and for conditions.

use arrow_array::{RecordBatch, new_empty_array};
use arrow_schema::DataType;
use serde_json::{Map, Value, json};

use super::super::manifest::is_vector;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::table::cells::{Cells, showable};
use crate::table::{Table, column};

/// Whole numbers up to here are exact in JavaScript.
const MOST_EXACT: u64 = 1 << 53;

/// The columns that a site has of a table: all but vectors and their models, pictures, and where those were.
#[derive(Debug)]
pub(super) struct Columns {
    places: Vec<usize>,
    names: Vec<String>,
    types: Vec<DataType>,
}

impl Columns {
    /// Those of a table. What cannot be shown is left out, which is said.
    pub(super) fn of(table: &Table, progress: &dyn Progress) -> Columns {
        let mut columns = Columns { places: Vec::new(), names: Vec::new(), types: Vec::new() };
        let vectors = table.schema.fields().iter().filter(|field| is_vector(field.data_type()));
        let models: Vec<String> = vectors.map(|field| column::model_column(field.name())).collect();
        for (place, field) in table.schema.fields().iter().enumerate() {
            let (name, own) = (field.name(), field.data_type());
            if name == column::PATH || is_vector(own) || column::holds_binary(own) || models.contains(name) {
                continue;
            }
            let empty = new_empty_array(own);
            if showable(&empty).and_then(|shown| Cells::of(&shown).map(|_| ())).is_err() {
                progress.warn(&format!("{}: column `{name}` cannot be shown, and is left out", table.name));
                continue;
            }
            columns.places.push(place);
            columns.names.push(name.clone());
            columns.types.push(own.clone());
        }
        columns
    }

    /// The names and types for a page.
    pub(super) fn described(&self) -> Value {
        let column = |(name, own): (&String, &DataType)| json!({ "name": name, "type": plain_type(own) });
        self.names.iter().zip(&self.types).map(column).collect()
    }

    /// The types for conditions.
    pub(super) fn types(&self) -> Value {
        self.types.iter().map(exact_type).collect()
    }

    /// Every row as an array in JSON.
    ///
    /// # Errors
    /// A value cannot be shown.
    pub(super) fn rows(&self, batch: &RecordBatch) -> Result<Vec<String>, Failure> {
        let arrays = self.places.iter().map(|&at| showable(batch.column(at))).collect::<Result<Vec<_>, _>>()?;
        let cells = arrays.iter().map(Cells::of).collect::<Result<Vec<_>, _>>()?;
        let row = |at: usize| cells.iter().map(|cells| exact(cells.json(at))).collect::<Value>().to_string();
        Ok((0..batch.num_rows()).map(row).collect())
    }
}

/// Whole numbers that JavaScript would round are texts.
fn exact(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let size = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            if size.is_some_and(|size| size > MOST_EXACT) {
                Value::String(number.to_string())
            } else {
                Value::Number(number)
            }
        }
        Value::Array(values) => values.into_iter().map(exact).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, exact(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// The values of dictionaries and runs are what counts.
fn values_of(own: &DataType) -> &DataType {
    match own {
        DataType::Dictionary(_, values) => values_of(values),
        DataType::RunEndEncoded(_, values) => values_of(values.data_type()),
        other => other,
    }
}

fn plain_type(own: &DataType) -> &'static str {
    match values_of(own) {
        DataType::Boolean => "boolean",
        number if number.is_numeric() => "number",
        nested if nested.is_nested() => "other",
        _ => "text",
    }
}

/// As `truth.js` reads it.
fn exact_type(own: &DataType) -> Value {
    use DataType as D;
    let name = match values_of(own) {
        D::Null => "null".into(),
        D::Boolean => "bool".into(),
        D::Int8 => "int8".into(),
        D::Int16 => "int16".into(),
        D::Int32 => "int32".into(),
        D::Int64 => "int64".into(),
        D::UInt8 => "uint8".into(),
        D::UInt16 => "uint16".into(),
        D::UInt32 => "uint32".into(),
        D::UInt64 => "uint64".into(),
        D::Float16 | D::Float32 => "float32".into(),
        D::Float64 | D::Decimal256(..) => "float64".into(),
        D::Decimal32(digits, scale) | D::Decimal64(digits, scale) | D::Decimal128(digits, scale) if *scale >= 0 => {
            format!("decimal({digits},{scale})")
        }
        D::Utf8 | D::LargeUtf8 | D::Utf8View => "text".into(),
        D::Date32 | D::Date64 => "date".into(),
        D::Timestamp(..) => "timestamp".into(),
        D::Time32(_) | D::Time64(_) => "time".into(),
        D::Binary | D::LargeBinary | D::BinaryView => "binary".into(),
        D::FixedSizeBinary(size) => format!("binary({size})"),
        D::Struct(fields) => {
            let field = |field: &arrow_schema::FieldRef| (field.name().clone(), exact_type(field.data_type()));
            return json!({ "struct": fields.iter().map(field).collect::<Map<_, _>>() });
        }
        D::List(item) | D::LargeList(item) | D::FixedSizeList(item, _) => match exact_type(item.data_type()) {
            Value::String(items) => format!("list({items})"),
            _ => "list".into(),
        },
        list if list.is_list() => "list".into(),
        _ => String::from("other"),
    };
    Value::String(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray, UInt64Array};

    use super::*;
    use crate::progress::Silent;

    #[test]
    fn numbers_that_javascript_would_round_are_texts() {
        let columns: [(&str, ArrayRef); 4] = [
            ("key", Arc::new(StringArray::from(vec!["a\"b", "</script>"]))),
            ("path", Arc::new(StringArray::from(vec!["/home/me/a.png", "/home/me/b.png"]))),
            ("whole", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
            ("large", Arc::new(UInt64Array::from(vec![1 << 53, u64::MAX]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).expect("a batch");
        let table = Table::new("t", batch.schema(), None, Box::new(std::iter::empty()));
        let columns = Columns::of(&table, &Silent);
        let rows = columns.rows(&batch).expect("rows");
        assert_eq!(rows[0], "[\"a\\\"b\",\"-9223372036854775808\",9007199254740992]");
        assert_eq!(rows[1], "[\"</script>\",null,\"18446744073709551615\"]");
        assert_eq!(columns.types(), json!(["text", "int64", "uint64"]));
        assert_eq!(columns.described()[2], json!({ "name": "large", "type": "number" }));
    }
}
