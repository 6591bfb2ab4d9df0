//! Arrow's types as they matter here: what can be compared with what, and where numbers meet.

use arrow_schema::DataType;

/// Digits of the widest whole number, which is what room is left for where one meets a decimal fraction.
pub(super) const WHOLE_DIGITS: u8 = 20;
const DECIMAL_DIGITS: u8 = 38;

/// What matters of a type where things are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Null,
    Bool,
    Number,
    Text,
    Time,
    Binary,
    Other,
}

pub(super) fn class(data_type: &DataType) -> Class {
    use DataType as D;
    match data_type {
        D::Null => Class::Null,
        D::Boolean => Class::Bool,
        D::Utf8 | D::LargeUtf8 | D::Utf8View => Class::Text,
        D::Date32 | D::Date64 | D::Timestamp(..) | D::Time32(_) | D::Time64(_) => Class::Time,
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => Class::Binary,
        number if number.is_numeric() => Class::Number,
        _ => Class::Other,
    }
}

/// A type in words.
pub(super) fn kind_of(data_type: &DataType) -> &'static str {
    match class(data_type) {
        Class::Null => "null",
        Class::Bool => "true or false",
        Class::Number => "a number",
        Class::Text => "text",
        Class::Time => match data_type {
            DataType::Date32 | DataType::Date64 => "a date",
            DataType::Timestamp(..) => "a point in time",
            _ => "a time of day",
        },
        Class::Binary => "binary",
        Class::Other => match data_type {
            DataType::Struct(_) => "a struct",
            t if t.is_list() => "a list",
            _ => "of a type that has no comparisons here",
        },
    }
}

/// The type in which two numbers meet, which is DuckDB's: floating point wins, 64 bits over 32; whole numbers and
/// decimal fractions meet exactly, where 38 digits are enough.
pub(super) fn common_number(a: &DataType, b: &DataType) -> DataType {
    use DataType as D;
    let either = |t: D| *a == t || *b == t;
    if a == b {
        return a.clone();
    }
    if either(D::Float64) {
        return D::Float64;
    }
    if either(D::Float32) {
        return D::Float32;
    }
    let is_decimal = |t: &D| matches!(t, D::Decimal128(..));
    let mixes_sign = either(D::UInt64) && (a.is_signed_integer() || b.is_signed_integer());
    if !is_decimal(a) && !is_decimal(b) && !mixes_sign {
        return if either(D::UInt64) { D::UInt64 } else { D::Int64 };
    }
    let digits = |t: &D| match t {
        D::Decimal128(precision, scale) => (i16::from(*precision) - i16::from(*scale), *scale),
        _ => (i16::from(WHOLE_DIGITS), 0),
    };
    let ((a, a_scale), (b, b_scale)) = (digits(a), digits(b));
    let scale = a_scale.max(b_scale);
    match u8::try_from(a.max(b) + i16::from(scale)) {
        Ok(precision) if precision <= DECIMAL_DIGITS => D::Decimal128(precision.max(1), scale),
        _ => D::Float64,
    }
}
