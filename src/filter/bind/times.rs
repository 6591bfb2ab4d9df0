//! Parts of dates and of points in time.

use std::sync::Arc;

use arrow_arith::temporal::{DatePart, date_part};
use arrow_array::Int64Array;
use arrow_schema::{DataType, TimeUnit};

use super::types::{Class, class, kind_of};
use super::{Binder, Typed, value};
use crate::filter::evaluate::{Unary, cast};
use crate::filter::parse::Function;
use crate::filter::{Error, Span};

impl Binder<'_> {
    pub(super) fn date_part(&self, function: Function, name: &str, of: Typed, span: &Span) -> Result<Typed, Error> {
        let is_hour = function == Function::Hour;
        let of = match &of.data_type {
            DataType::Null => return Ok(value(Arc::new(Int64Array::from(vec![None])), span)),
            // Days begin at midnight.
            DataType::Date32 | DataType::Date64 => self.cast(of, DataType::Timestamp(TimeUnit::Second, None)),
            DataType::Timestamp(..) => of,
            DataType::Time32(_) | DataType::Time64(_) if is_hour => of,
            _ => {
                let piece = self.piece(&of.span);
                let problem = format!("`{name}` wants a date, and `{piece}` is {}", kind_of(&of.data_type));
                let hint = (class(&of.data_type) == Class::Text).then(|| format!("{name}(date '2024-12-31')"));
                return Err(self.wrong(problem, &of.span, hint));
            }
        };
        let kernel: Unary = match function {
            Function::Year => |a| cast(&date_part(a, DatePart::Year)?, &DataType::Int64),
            Function::Month => |a| cast(&date_part(a, DatePart::Month)?, &DataType::Int64),
            Function::Day => |a| cast(&date_part(a, DatePart::Day)?, &DataType::Int64),
            _ => |a| cast(&date_part(a, DatePart::Hour)?, &DataType::Int64),
        };
        self.unary(kernel, of, span)
    }
}
