//! Numbers: constants, and the arithmetic of SQL.

use std::sync::Arc;

use arrow_arith::numeric;
use arrow_array::{ArrayRef, Datum, Decimal128Array, Float64Array, Int64Array, Scalar};
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DataType};

use super::types::{Class, WHOLE_DIGITS, class, common_number, kind_of};
use super::{Binder, Typed, value};
use crate::filter::evaluate::{Binary, cast, constant};
use crate::filter::parse::{Expr, Operator};
use crate::filter::{Error, Span};

impl Binder<'_> {
    pub(super) fn number(&self, digits: &str, span: &Span) -> Result<ArrayRef, Error> {
        let broken = || self.wrong(format!("`{}` is no number", self.piece(span)), span, None);
        if let Ok(number) = digits.parse::<i64>() {
            return Ok(Arc::new(Int64Array::from(vec![number])));
        }
        if let Some(decimal) = decimal(digits) {
            return Ok(Arc::new(decimal));
        }
        let number: f64 = digits.parse().map_err(|_| broken())?;
        if number.is_infinite() {
            return Err(self.wrong(format!("`{}` is too large", self.piece(span)), span, None));
        }
        Ok(Arc::new(Float64Array::from(vec![number])))
    }

    pub(super) fn arithmetic(&self, op: Operator, left: Typed, right: Typed, span: &Span) -> Result<Typed, Error> {
        for (side, other) in [(&left, &right), (&right, &left)] {
            match class(&side.data_type) {
                Class::Number => {}
                Class::Null => {
                    if matches!(class(&other.data_type), Class::Number | Class::Null) {
                        return Ok(value(Arc::new(Int64Array::from(vec![None])), span));
                    }
                }
                _ => return Err(self.no_number(side)),
            }
        }
        let common = match common_number(&left.data_type, &right.data_type) {
            DataType::UInt64 => DataType::Decimal128(WHOLE_DIGITS, 0),
            whole if whole.is_integer() => DataType::Int64,
            DataType::Decimal128(_, scale) if op == Operator::Multiply && scale > 18 => DataType::Float64,
            other => other,
        };
        let common = match op {
            Operator::Divide if common != DataType::Float32 => DataType::Float64,
            _ => common,
        };
        let (left, right) = (self.cast(left, common.clone()), self.cast(right, common));
        let kernel: Binary = match op {
            Operator::Add => numeric::add,
            Operator::Subtract => numeric::sub,
            Operator::Multiply => numeric::mul,
            Operator::Divide => numeric::div,
            Operator::Remainder => remainder,
        };
        self.binary(kernel, left, right, span)
    }

    /// Numbers of `between` and `in` are all of one type where one is of floating point: 0.1 in 32 bits is not 0.1 in 64.
    pub(super) fn meet(&self, all: Vec<Typed>) -> Vec<Typed> {
        let numbers = all.iter().map(|typed| &typed.data_type).filter(|t| class(t) == Class::Number);
        match numbers.cloned().reduce(|a, b| common_number(&a, &b)) {
            Some(common) if common.is_floating() => {
                let is_number = |typed: &Typed| class(&typed.data_type) == Class::Number;
                let cast = |typed| if is_number(&typed) { self.cast(typed, common.clone()) } else { typed };
                all.into_iter().map(cast).collect()
            }
            _ => all,
        }
    }

    pub(super) fn negate(&self, inner: &Expr, span: &Span) -> Result<Typed, Error> {
        let inner = self.bind(inner)?;
        let to = match &inner.data_type {
            DataType::Null | DataType::UInt64 => DataType::Decimal128(WHOLE_DIGITS, 0),
            whole if whole.is_integer() => DataType::Int64,
            number if class(number) == Class::Number => number.clone(),
            _ => return Err(self.no_number(&inner)),
        };
        let inner = self.cast(inner, to);
        self.unary(|a| numeric::neg(a), inner, span)
    }

    pub(super) fn same_number(&self, left: Typed, right: Typed) -> Result<(Typed, Typed), Error> {
        // A constant that fits into the type of a column spares the column a change of type.
        let fitted = |column: &Typed, number: &Typed| {
            let whole = column.data_type.is_integer() && number.data_type == DataType::Int64;
            let fits = whole && constant(&column.plan).is_none();
            let number = constant(&number.plan).filter(|_| fits)?;
            cast(number, &column.data_type).ok()
        };
        if let Some(number) = fitted(&left, &right) {
            let right = value(number, &right.span);
            return Ok((left, right));
        }
        if let Some(number) = fitted(&right, &left) {
            let left = value(number, &left.span);
            return Ok((left, right));
        }
        let common = common_number(&left.data_type, &right.data_type);
        Ok((self.cast(left, common.clone()), self.cast(right, common)))
    }

    fn no_number(&self, typed: &Typed) -> Error {
        let problem = format!("a number is needed, and `{}` is {}", self.piece(&typed.span), kind_of(&typed.data_type));
        self.wrong(problem, &typed.span, None)
    }
}

/// A constant such as `2.5` or `18446744073709551615`, exactly; `None` where it has an exponent or too many digits.
fn decimal(digits: &str) -> Option<Decimal128Array> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = u8::try_from(fraction.len()).ok()?;
    let precision = u8::try_from(number.unsigned_abs().checked_ilog10().unwrap_or(0) + 1).ok()?.max(scale).max(1);
    let array = Decimal128Array::from(vec![number]);
    array.with_precision_and_scale(precision, i8::try_from(scale).ok()?).ok()
}

/// As C's `%`, with null for a remainder by zero: so that whether a filter fails does not depend on the order in which
/// its terms are evaluated.
fn remainder(a: &dyn Datum, b: &dyn Datum) -> Result<ArrayRef, ArrowError> {
    let (divisors, is_constant) = b.get();
    let zero: ArrayRef = match divisors.data_type() {
        DataType::Int64 => Arc::new(Int64Array::from(vec![0])),
        DataType::Decimal128(precision, scale) => {
            Arc::new(Decimal128Array::from(vec![0]).with_precision_and_scale(*precision, *scale)?)
        }
        _ => return numeric::rem(a, b),
    };
    let is_zero = cmp::eq(b, &Scalar::new(zero))?;
    let divisors = arrow_select::nullif::nullif(divisors, &is_zero)?;
    match is_constant {
        true => numeric::rem(a, &Scalar::new(divisors)),
        false => numeric::rem(a, &divisors),
    }
}
