//! The values of a column as text and as JSON.
//!
//! Hides: Arrow's types. Promises: nulls, numbers, lists and structs stay what they are in JSON, however deep; in text a
//! nested value is its JSON. A number that JSON does not have (NaN) is null, bytes are hexadecimal.

use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Float32Array};
use arrow_buffer::NullBuffer;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, FieldRef};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// A column whose values can be shown, made by [`showable`].
pub struct Cells<'a> {
    nulls: Option<NullBuffer>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Bool(&'a BooleanArray),
    Integer(ArrayFormatter<'a>),
    Float(ArrayFormatter<'a>),
    /// Vectors are many of these.
    Float32(&'a Float32Array, ArrayFormatter<'a>),
    Text(ArrayFormatter<'a>),
    /// Where the values of a row lie in the cells of all.
    List(Ranges<'a>, Box<Cells<'a>>),
    Struct(Vec<(&'a str, Cells<'a>)>),
    /// Keys and values.
    Map(Ranges<'a>, Box<[Cells<'a>; 2]>),
}

enum Ranges<'a> {
    Short(&'a [i32]),
    Long(&'a [i64]),
    Fixed(usize),
}

impl Ranges<'_> {
    fn of(&self, row: usize) -> std::ops::Range<usize> {
        match self {
            Ranges::Short(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            Ranges::Long(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            Ranges::Fixed(length) => row * length..(row + 1) * length,
        }
    }
}

impl<'a> Cells<'a> {
    /// # Errors
    /// The type is one that nothing here can show.
    pub fn of(array: &'a ArrayRef) -> Result<Cells<'a>, Failure> {
        const OPTIONS: FormatOptions = FormatOptions::new();
        let format = || {
            ArrayFormatter::try_new(array.as_ref(), &OPTIONS)
                .map_err(|e| cannot_show(array.data_type(), &e.to_string()))
        };
        let child = |array: &'a ArrayRef| Ok::<_, Failure>(Box::new(Cells::of(array)?));
        let kind = match array.data_type() {
            DataType::Boolean => Kind::Bool(array.as_boolean()),
            DataType::Float32 => Kind::Float32(array.as_primitive::<Float32Type>(), format()?),
            t if t.is_integer() => Kind::Integer(format()?),
            t if t.is_floating() => Kind::Float(format()?),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Kind::List(Ranges::Short(list.value_offsets()), child(list.values())?)
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                Kind::List(Ranges::Long(list.value_offsets()), child(list.values())?)
            }
            DataType::FixedSizeList(..) => {
                let list = array.as_fixed_size_list();
                Kind::List(Ranges::Fixed(list.value_length() as usize), child(list.values())?)
            }
            DataType::Struct(_) => {
                let all = array.as_struct();
                let cells = all.column_names().into_iter().zip(all.columns());
                Kind::Struct(
                    cells.map(|(name, column)| Ok((name, Cells::of(column)?))).collect::<Result<_, Failure>>()?,
                )
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let ends = Box::new([Cells::of(map.keys())?, Cells::of(map.values())?]);
                Kind::Map(Ranges::Short(map.value_offsets()), ends)
            }
            _ => Kind::Text(format()?),
        };
        // Columns of the type null have no bits that say so.
        Ok(Cells { nulls: array.logical_nulls(), kind })
    }

    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// `None` where the cell is null.
    pub fn text(&self, row: usize) -> Option<String> {
        (!self.is_null(row)).then(|| match &self.kind {
            Kind::Integer(cells) | Kind::Float(cells) | Kind::Float32(_, cells) | Kind::Text(cells) => {
                cells.value(row).to_string()
            }
            Kind::Bool(cells) => cells.value(row).to_string(),
            Kind::List(..) | Kind::Struct(_) | Kind::Map(..) => self.json(row).to_string(),
        })
    }

    /// A cell as JSON: lists are arrays, structs and maps are objects, and what is missing or no finite number is null.
    pub fn json(&self, row: usize) -> Value {
        if self.is_null(row) {
            return Value::Null;
        }
        match &self.kind {
            Kind::Bool(cells) => Value::Bool(cells.value(row)),
            Kind::Integer(cells) => {
                let text = cells.value(row).to_string();
                let small = text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from));
                small.unwrap_or(Value::String(text))
            }
            Kind::Float(cells) => cells.value(row).to_string().parse::<f64>().map_or(Value::Null, Value::from),
            // Its shortest decimal form: 0.7 is 0.7, not 0.699999988079071.
            Kind::Float32(cells, _) => cells.value(row).to_string().parse::<f64>().map_or(Value::Null, Value::from),
            Kind::Text(cells) => Value::String(cells.value(row).to_string()),
            Kind::List(ranges, cells) => ranges.of(row).map(|at| cells.json(at)).collect(),
            Kind::Struct(fields) => {
                Value::Object(fields.iter().map(|(name, cells)| (name.to_string(), cells.json(row))).collect())
            }
            Kind::Map(ranges, ends) => {
                let [keys, values] = &**ends;
                let pair = |at| (keys.text(at).unwrap_or_default(), values.json(at));
                Value::Object(ranges.of(row).map(pair).collect::<Map<_, _>>())
            }
        }
    }
}

fn cannot_show(what: &DataType, problem: &str) -> Failure {
    Failure::failed(format!("a column of {what}: {problem}"), Some("leave it out with --columns".into()))
}

/// A column as [`Cells`] can show it: without dictionaries and run ends; times of a named zone, of which the program has no
/// list, in UTC.
///
/// # Errors
/// The type is one that nothing here can show.
pub fn showable(array: &ArrayRef) -> Result<ArrayRef, Failure> {
    let shown = shown_type(array.data_type());
    if shown == *array.data_type() {
        return Ok(array.clone());
    }
    arrow_cast::cast(array, &shown).map_err(|e| cannot_show(array.data_type(), &e.to_string()))
}

fn shown_type(own: &DataType) -> DataType {
    let within =
        |field: &FieldRef| -> FieldRef { field.as_ref().clone().with_data_type(shown_type(field.data_type())).into() };
    match own {
        DataType::Timestamp(unit, Some(zone)) if zone.parse::<Tz>().is_err() => {
            DataType::Timestamp(*unit, Some("+00:00".into()))
        }
        DataType::Dictionary(_, values) => shown_type(values),
        DataType::RunEndEncoded(_, values) => shown_type(values.data_type()),
        DataType::List(field) | DataType::ListView(field) => DataType::List(within(field)),
        DataType::LargeList(field) | DataType::LargeListView(field) => DataType::LargeList(within(field)),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(within(field), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(within).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
    use arrow_array::types::Int8Type;
    use arrow_array::{DictionaryArray, Float64Array, Int64Array, NullArray, StringArray, StructArray, UInt64Array};
    use arrow_schema::Field;
    use serde_json::json;

    use super::*;

    fn json_of(array: ArrayRef) -> Value {
        let array = showable(&array).expect("showable");
        let cells = Cells::of(&array).expect("showable");
        (0..array.len()).map(|row| cells.json(row)).collect()
    }

    #[test]
    fn json_keeps_what_is_nested_null_and_a_number() {
        let inner = StructArray::from(vec![(
            Arc::new(Field::new("c", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some("x"), None])) as ArrayRef,
        )]);
        let outer: ArrayRef = Arc::new(StructArray::from(vec![
            (Arc::new(Field::new("a", DataType::Int64, true)), Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
            (Arc::new(Field::new("b", inner.data_type().clone(), true)), Arc::new(inner) as ArrayRef),
        ]));
        assert_eq!(json_of(outer.clone()), json!([{"a": 1, "b": {"c": "x"}}, {"a": 2, "b": {"c": null}}]));
        assert_eq!(json_of(outer.slice(1, 1)), json!([{"a": 2, "b": {"c": null}}]));
        let cells = Cells::of(&outer).expect("showable");
        assert_eq!(cells.text(0).as_deref(), Some("{\"a\":1,\"b\":{\"c\":\"x\"}}"));

        assert_eq!(json_of(Arc::new(NullArray::new(2))), json!([null, null]));
        assert_eq!(json_of(Arc::new(UInt64Array::from(vec![u64::MAX]))), json!([u64::MAX]));
        assert_eq!(json_of(Arc::new(Float64Array::from(vec![0.1, f64::NAN]))), json!([0.1, null]));
        assert_eq!(json_of(Arc::new(Float32Array::from(vec![0.7]))), json!([0.7]));
        let words: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
        assert_eq!(json_of(Arc::new(words)), json!(["a", null, "a"]));

        let mut lists = ListBuilder::new(Int32Builder::new());
        lists.append_value([Some(1), None]);
        lists.append_null();
        lists.append_value([Some(3)]);
        let lists: ArrayRef = Arc::new(lists.finish());
        assert_eq!(json_of(lists.clone()), json!([[1, null], null, [3]]));
        assert_eq!(json_of(lists.slice(1, 2)), json!([null, [3]]));

        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        maps.keys().append_value("k");
        maps.values().append_value(7);
        maps.append(true).expect("a pair");
        assert_eq!(json_of(Arc::new(maps.finish())), json!([{"k": 7}]));
    }
}
