//! One type for each kind of values, whichever of Arrow's many another program chose for it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, ListArray, StructArray, UInt32Array, new_null_array};
use arrow_cast::CastOptions;
use arrow_schema::{ArrowError, DataType, Field, TimeUnit};

/// The dialect's type for values of a type; `None` where no program but its own reads them.
pub(super) fn plain(t: &DataType) -> Option<DataType> {
    use DataType as T;
    Some(match t {
        T::Dictionary(_, value) => match plain(value)? {
            T::Utf8 => T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8)),
            value => value,
        },
        other => plain_inside(other)?,
    })
}

/// As [`plain`], where dictionaries have no place.
pub(super) fn plain_inside(t: &DataType) -> Option<DataType> {
    use DataType as T;
    let item = |field: &Field| Some(Arc::new(Field::new("item", plain_inside(field.data_type())?, true)));
    Some(match t {
        T::Utf8 | T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Binary | T::LargeBinary | T::BinaryView => T::Binary,
        T::Dictionary(_, value) => plain_inside(value)?,
        T::RunEndEncoded(_, values) => plain_inside(values.data_type())?,
        T::List(field) | T::LargeList(field) | T::ListView(field) | T::LargeListView(field) => T::List(item(field)?),
        T::FixedSizeList(field, size) => T::FixedSizeList(item(field)?, *size),
        T::Struct(fields) if !fields.is_empty() => {
            let plain = |f: &Arc<Field>| Some(Field::new(f.name(), plain_inside(f.data_type())?, true));
            T::Struct(fields.iter().map(plain).collect::<Option<Vec<_>>>()?.into())
        }
        T::Map(entries, _) => match entries.data_type() {
            T::Struct(pair) if pair.iter().all(|f| plain_inside(f.data_type()).as_ref() == Some(f.data_type())) => {
                t.clone()
            }
            _ => T::List(item(entries)?),
        },
        T::Decimal32(precision, scale) | T::Decimal64(precision, scale) => T::Decimal128(*precision, *scale),
        T::Interval(_) => T::Utf8,
        T::Union(..) | T::Struct(_) => return None,
        other => other.clone(),
    })
}

pub(super) const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };

/// The values under another type.
pub(super) fn conform(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType as T;
    if array.data_type() == to {
        return Ok(array.clone());
    }
    Ok(match (array.data_type(), to) {
        (T::Null, _) => new_null_array(to, array.len()),
        (T::Struct(_), T::Struct(fields)) => {
            let own = array.as_struct();
            let column = |field: &Arc<Field>| match own.column_by_name(field.name()) {
                Some(column) => conform(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), array.len())),
            };
            let columns = fields.iter().map(column).collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, own.nulls().cloned(), own.len())?)
        }
        (T::FixedSizeList(_, size), T::FixedSizeList(item, other)) if size == other => {
            let own = array.as_fixed_size_list();
            let values = conform(own.values(), item.data_type())?;
            Arc::new(FixedSizeListArray::try_new_with_length(
                item.clone(),
                *size,
                values,
                own.nulls().cloned(),
                own.len(),
            )?)
        }
        (T::Map(..), T::List(item)) => {
            let own = array.as_map();
            let values = conform(&(Arc::new(own.entries().clone()) as ArrayRef), item.data_type())?;
            Arc::new(ListArray::try_new(item.clone(), own.offsets().clone(), values, own.nulls().cloned())?)
        }
        (
            T::List(own) | T::LargeList(own) | T::ListView(own) | T::LargeListView(own) | T::FixedSizeList(own, _),
            T::List(item),
        ) => {
            let lists = arrow_cast::cast_with_options(array, &T::List(own.clone()), &STRICT)?;
            let lists = lists.as_list::<i32>();
            let values = conform(lists.values(), item.data_type())?;
            Arc::new(ListArray::try_new(item.clone(), lists.offsets().clone(), values, lists.nulls().cloned())?)
        }
        (T::RunEndEncoded(_, values), _) => {
            let array = arrow_cast::cast_with_options(array, values.data_type(), &STRICT)?;
            conform(&array, to)?
        }
        (T::Dictionary(_, value), to) if !matches!(to, T::Dictionary(..)) && value.as_ref() != to => {
            let array = arrow_cast::cast_with_options(array, value, &STRICT)?;
            conform(&array, to)?
        }
        (T::Int64 | T::UInt64, T::Float64) => {
            let numbers = arrow_cast::cast_with_options(array, to, &STRICT)?;
            let exact = |x: f64| x.abs() <= 9_007_199_254_740_992.0;
            if !numbers.as_primitive::<Float64Type>().iter().flatten().all(exact) {
                return Err(ArrowError::CastError("a whole number is too large to stand among fractions".into()));
            }
            numbers
        }
        (T::LargeUtf8 | T::LargeBinary, _) => arrow_cast::cast_with_options(&near(array), to, &STRICT)?,
        _ => arrow_cast::cast_with_options(array, to, &STRICT)?,
    })
}

/// Long offsets that fit into short ones: those of a slice count from the beginning of what it is a slice of.
fn near(array: &ArrayRef) -> ArrayRef {
    let last = match array.data_type() {
        DataType::LargeUtf8 => array.as_string::<i64>().value_offsets().last().copied(),
        _ => array.as_binary::<i64>().value_offsets().last().copied(),
    };
    if last.is_none_or(|last| i32::try_from(last).is_ok()) {
        return array.clone();
    }
    let rows = UInt32Array::from_iter_values(0..array.len() as u32);
    arrow_select::take::take(array, &rows, None).expect("its own rows")
}

/// A type for the values of two tables that are read as one; `None` where there is none.
pub(super) fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    if a == b {
        return Some(a.clone());
    }
    let signed = |bits: u32| match bits {
        0..=8 => T::Int8,
        9..=16 => T::Int16,
        17..=32 => T::Int32,
        _ => T::Int64,
    };
    let bits = |t: &T| t.primitive_width().map_or(64, |bytes| 8 * bytes as u32);
    let item = |a: &Field, b: &Field| Some(Arc::new(Field::new("item", common(a.data_type(), b.data_type())?, true)));
    Some(match (a, b) {
        (T::Null, other) | (other, T::Null) => other.clone(),
        (T::Dictionary(_, value), other) | (other, T::Dictionary(_, value)) => common(value, other)?,
        (a, b) if a.is_signed_integer() && b.is_signed_integer() => signed(bits(a).max(bits(b))),
        (a, b) if a.is_unsigned_integer() && b.is_unsigned_integer() => {
            if bits(a) > bits(b) {
                a.clone()
            } else {
                b.clone()
            }
        }
        (a, b) if a.is_integer() && b.is_integer() => {
            let (unsigned, other) = if a.is_unsigned_integer() { (a, b) } else { (b, a) };
            signed((bits(unsigned) + 1).max(bits(other)))
        }
        (a, b) if a.is_floating() && b.is_floating() => {
            if bits(a) > bits(b) {
                a.clone()
            } else {
                b.clone()
            }
        }
        (a, b) if a.is_floating() && b.is_integer() || a.is_integer() && b.is_floating() => T::Float64,
        (T::Decimal128(p, s), T::Decimal128(q, t)) => {
            let (scale, whole) = (*s.max(t), (i16::from(*p) - i16::from(*s)).max(i16::from(*q) - i16::from(*t)));
            let precision = u8::try_from(whole + i16::from(scale)).ok().filter(|precision| *precision <= 38)?;
            T::Decimal128(precision, scale)
        }
        (T::Binary | T::FixedSizeBinary(_), T::Binary | T::FixedSizeBinary(_)) => T::Binary,
        (T::Date32, T::Date64) | (T::Date64, T::Date32) => T::Date64,
        (T::Timestamp(a, zone), T::Timestamp(b, other)) if zone.is_some() == other.is_some() => {
            T::Timestamp(finer(a, b), zone.clone())
        }
        (T::Duration(a), T::Duration(b)) => T::Duration(finer(a, b)),
        (T::List(a), T::List(b) | T::FixedSizeList(b, _)) | (T::FixedSizeList(a, _), T::List(b)) => {
            T::List(item(a, b)?)
        }
        (T::FixedSizeList(a, n), T::FixedSizeList(b, m)) if n == m => T::FixedSizeList(item(a, b)?, *n),
        (T::FixedSizeList(a, _), T::FixedSizeList(b, _)) => T::List(item(a, b)?),
        (T::Struct(a), T::Struct(b)) if a.len() == b.len() => {
            let field = |field: &Arc<Field>| {
                let (_, other) = b.find(field.name())?;
                Some(Field::new(field.name(), common(field.data_type(), other.data_type())?, true))
            };
            T::Struct(a.iter().map(field).collect::<Option<Vec<_>>>()?.into())
        }
        _ => return None,
    })
}

fn finer(a: &TimeUnit, b: &TimeUnit) -> TimeUnit {
    *a.max(b)
}
