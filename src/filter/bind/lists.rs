//! Lists: what is in them, and how many.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, UInt64Array};
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DataType, Field};

use super::types::{Class, class, common_number, kind_of};
use super::{Binder, Typed, value};
use crate::filter::evaluate::cast;
use crate::filter::{Error, Span};

impl Binder<'_> {
    /// Whether a list has an item: false where it has only others and nulls, or nothing; null where either is.
    pub(super) fn list_contains(&self, list: Typed, item: Typed, span: &Span) -> Result<Typed, Error> {
        let unknown = value(Arc::new(BooleanArray::from(vec![None])), span);
        let items = match &list.data_type {
            DataType::Null => return Ok(unknown),
            DataType::List(items) | DataType::LargeList(items) | DataType::FixedSizeList(items, _) => items.data_type(),
            other => {
                let problem = format!("a list is needed, and `{}` is {}", self.piece(&list.span), kind_of(other));
                return Err(self.wrong(problem, &list.span, None));
            }
        };
        let common = match (class(items), class(&item.data_type)) {
            (Class::Other, Class::Null) => return Ok(unknown),
            (Class::Text, Class::Text | Class::Null) => DataType::Utf8View,
            (Class::Number, Class::Number) => match common_number(items, &item.data_type) {
                float if float.is_floating() => DataType::Float64,
                other => other,
            },
            (Class::Other, _) => return Err(self.mismatch(&list, &item)),
            (_, Class::Null) => items.clone(),
            // Lists without any item.
            (Class::Null, _) => item.data_type.clone(),
            _ if *items == item.data_type => items.clone(),
            _ => {
                let (list_piece, piece) = (self.piece(&list.span), self.piece(&item.span));
                let problem = format!(
                    "the items of `{list_piece}` are each {}, and `{piece}` is {}",
                    kind_of(items),
                    kind_of(&item.data_type)
                );
                return Err(self.wrong(problem, &item.span, None));
            }
        };
        let list = self.cast(list, DataType::List(Arc::new(Field::new("item", common.clone(), true))));
        let item = self.cast(item, common);
        self.binary(contains, list, item, span)
    }

    pub(super) fn list_length(&self, list: Typed, span: &Span) -> Result<Typed, Error> {
        self.unary(|a| cast(&arrow_string::length::length(a)?, &DataType::Int64), list, span)
    }
}

/// Numbers as SQL compares them: with one zero and one NaN.
fn plain(array: &dyn Array) -> ArrayRef {
    match array.as_primitive_opt::<Float64Type>() {
        Some(floats) => {
            let plain = |x: f64| if x.is_nan() { f64::NAN } else { x + 0.0 };
            Arc::new(floats.unary::<_, Float64Type>(plain))
        }
        None => array.slice(0, array.len()),
    }
}

/// Compares every item with what is looked for in its list, all at once.
fn contains(lists: &dyn Datum, wanted: &dyn Datum) -> Result<ArrayRef, ArrowError> {
    let ((lists, one_list), (wanted, one_wanted)) = (lists.get(), wanted.get());
    let lists = lists.as_list::<i32>();
    let rows = if one_list { wanted.len() } else { lists.len() };
    let span = |row: usize| {
        let row = if one_list { 0 } else { row };
        (lists.is_valid(row)).then(|| lists.value_offsets()[row] as usize..lists.value_offsets()[row + 1] as usize)
    };
    let place = |row: usize| if one_wanted { 0 } else { row };
    // For each item that is compared where it is, and where what it is compared with is.
    let (mut items, mut sought) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let range = span(row).unwrap_or_default();
        sought.extend(std::iter::repeat_n(place(row) as u64, range.len()));
        items.extend(range.map(|at| at as u64));
    }
    let items = arrow_select::take::take(&plain(lists.values()), &UInt64Array::from(items), None)?;
    let sought = arrow_select::take::take(&plain(wanted), &UInt64Array::from(sought), None)?;
    let equal = cmp::eq(&items, &sought)?;
    let mut equal = equal.iter();
    let truth = (0..rows).map(|row| {
        let length = span(row).map(|range| range.len())?;
        let found = equal.by_ref().take(length).filter(|truth| *truth == Some(true)).count() > 0;
        (length == 0 || wanted.is_valid(place(row))).then_some(found)
    });
    Ok(Arc::new(truth.collect::<BooleanArray>()))
}
