//! Text in quotes that stands for something else where it meets it: a point in time, or bytes.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BinaryArray, StringArray};
use arrow_schema::{DataType, TimeUnit};

use super::types::{Class, class, kind_of};
use super::{Binder, Typed, value};
use crate::filter::evaluate::{cast, constant};
use crate::filter::parse::hex;
use crate::filter::{Error, Span};

impl Binder<'_> {
    /// A text as a point in time. Timestamps have a resolution of a microsecond at least, dates no time of day.
    pub(super) fn time(&self, text: &str, data_type: &DataType, span: &Span) -> Result<ArrayRef, Error> {
        let (to, example) = match data_type {
            DataType::Date32 | DataType::Date64 => (DataType::Date32, "2024-12-31"),
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                (DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()), "2024-12-31 23:59:59")
            }
            DataType::Timestamp(_, zone) => {
                (DataType::Timestamp(TimeUnit::Microsecond, zone.clone()), "2024-12-31 23:59:59")
            }
            other => (other.clone(), "23:59:59"),
        };
        let array: ArrayRef = Arc::new(StringArray::from(vec![text.trim()]));
        let has_time = to == DataType::Date32 && text.trim().len() > 10 && text.contains(':');
        match cast(&array, &to) {
            Ok(time) if !has_time => Ok(time),
            _ => {
                let problem = format!("`{}` is not {}", self.piece(span), kind_of(&to));
                Err(self.wrong(problem, span, Some(format!("write it as '{example}'"))))
            }
        }
    }

    pub(super) fn same_time(&self, left: Typed, right: Typed) -> Result<(Typed, Typed), Error> {
        if class(&left.data_type) == Class::Text {
            let (right, left) = self.same_time(right, left)?;
            return Ok((left, right));
        }
        let right = match class(&right.data_type) {
            Class::Text => match constant(&right.plan) {
                Some(text) => {
                    value(self.time(text.as_string::<i32>().value(0), &left.data_type, &right.span)?, &right.span)
                }
                None => return Err(self.mismatch(&left, &right)),
            },
            _ => right,
        };
        use DataType::{Date32, Date64, Time32, Time64, Timestamp};
        let common = match (&left.data_type, &right.data_type) {
            (a, b) if a == b => a.clone(),
            (Date32 | Date64, Date32 | Date64) => Date64,
            (Timestamp(a, zone), Timestamp(b, other)) => Timestamp(*a.max(b), zone.clone().or_else(|| other.clone())),
            (Timestamp(unit, zone), Date32 | Date64) | (Date32 | Date64, Timestamp(unit, zone)) => {
                Timestamp(*unit.max(&TimeUnit::Microsecond), zone.clone())
            }
            (Time32(_) | Time64(_), Time32(_) | Time64(_)) => Time64(TimeUnit::Nanosecond),
            _ => return Err(self.mismatch(&left, &right)),
        };
        Ok((self.cast(left, common.clone()), self.cast(right, common)))
    }

    pub(super) fn same_binary(&self, left: Typed, right: Typed) -> Result<(Typed, Typed), Error> {
        if constant(&left.plan).is_some() && constant(&right.plan).is_none() {
            let (right, left) = self.same_binary(right, left)?;
            return Ok((left, right));
        }
        let right = match (class(&right.data_type), constant(&right.plan)) {
            (Class::Text, Some(text)) => {
                let Some(bytes) = hex(text.as_string::<i32>().value(0)) else {
                    let problem = format!("`{}` is not hexadecimal", self.piece(&right.span));
                    return Err(self.wrong(
                        problem,
                        &right.span,
                        Some("two digits a byte, as `export` writes them: 'ab01…'".into()),
                    ));
                };
                value(Arc::new(BinaryArray::from(vec![bytes.as_slice()])), &right.span)
            }
            (Class::Binary, _) => right,
            _ => return Err(self.mismatch(&left, &right)),
        };
        if class(&left.data_type) != Class::Binary {
            return Err(self.mismatch(&left, &right));
        }
        if let (DataType::FixedSizeBinary(size), Some(bytes)) = (&left.data_type, constant(&right.plan)) {
            let found = bytes.as_binary::<i32>().value(0).len();
            if usize::try_from(*size).is_ok_and(|size| size != found) {
                let problem = format!(
                    "`{}` has {found} bytes, and `{}` has {size}",
                    self.piece(&right.span),
                    self.piece(&left.span)
                );
                return Err(self.wrong(problem, &right.span, None));
            }
        }
        if left.data_type == right.data_type {
            return Ok((left, right));
        }
        Ok((self.cast(left, DataType::Binary), self.cast(right, DataType::Binary)))
    }
}
