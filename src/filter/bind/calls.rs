//! Functions: who knows which, and distances on the earth.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, Scalar};
use arrow_schema::{ArrowError, DataType};

use super::types::{Class, class, kind_of};
use super::{Binder, Typed, value};
use crate::filter::evaluate::{Plan, Several, constant};
use crate::filter::parse::{Expr, Function};
use crate::filter::{Error, Span};

/// The mean radius of the earth in kilometres (IUGG, R₁ of GRS 80).
const RADIUS: f64 = 6371.0088;

impl Binder<'_> {
    pub(super) fn call(&self, function: Function, args: &[Expr], span: &Span) -> Result<Typed, Error> {
        let name = self.text[span.clone()].split('(').next().unwrap_or_default().trim();
        let mut args = args.iter().map(|arg| self.bind(arg)).collect::<Result<Vec<_>, _>>()?;
        let of_list = args[0].data_type.is_list();
        match function {
            Function::Year | Function::Month | Function::Day | Function::Hour => {
                self.date_part(function, name, args.swap_remove(0), span)
            }
            Function::Near => self.near(args, span),
            Function::Length if of_list => self.list_length(args.swap_remove(0), span),
            Function::ListContains => self.contained(args, span),
            Function::Contains if of_list => self.contained(args, span),
            _ => self.of_text(function, name, args, span),
        }
    }

    fn contained(&self, args: Vec<Typed>, span: &Span) -> Result<Typed, Error> {
        let [list, item] = args.try_into().expect("the arguments were counted");
        self.list_contains(list, item, span)
    }

    /// `near(lat, lon, 48.2, 16.4, 5)`: whether a place is within so many kilometres of another.
    fn near(&self, args: Vec<Typed>, span: &Span) -> Result<Typed, Error> {
        const LIMITS: [f64; 5] = [90.0, 180.0, 90.0, 180.0, f64::INFINITY];
        let hint = || Some("near(lat, lon, 48.2, 16.4, 5): within 5 km of 48.2 north, 16.4 east".to_string());
        let number = |(arg, limit): (Typed, f64)| match class(&arg.data_type) {
            Class::Number | Class::Null => {
                let arg = self.cast(arg, DataType::Float64);
                let fixed = constant(&arg.plan).map(|number| number.as_primitive::<Float64Type>());
                if fixed.is_some_and(|number| number.is_valid(0) && number.value(0).abs() > limit) {
                    let problem = format!("`{}` is beyond {limit} degrees", self.piece(&arg.span));
                    return Err(self.wrong(problem, &arg.span, hint()));
                }
                Ok(arg)
            }
            _ => {
                let problem =
                    format!("`near` wants numbers, and `{}` is {}", self.piece(&arg.span), kind_of(&arg.data_type));
                Err(self.wrong(problem, &arg.span, hint()))
            }
        };
        let args = args.into_iter().zip(LIMITS).map(number).collect::<Result<Vec<_>, _>>()?;
        self.several(near, args, span)
    }

    fn several(&self, kernel: Several, args: Vec<Typed>, span: &Span) -> Result<Typed, Error> {
        let constants: Option<Vec<Scalar<ArrayRef>>> =
            args.iter().map(|arg| constant(&arg.plan).map(|array| Scalar::new(array.clone()))).collect();
        if let Some(constants) = constants {
            let constants: Vec<&dyn Datum> = constants.iter().map(|constant| constant as &dyn Datum).collect();
            return Ok(value(kernel(&constants).map_err(self.failed(span))?, span));
        }
        let empty: Vec<ArrayRef> = args.iter().map(|arg| arrow_array::new_empty_array(&arg.data_type)).collect();
        let empty: Vec<&dyn Datum> = empty.iter().map(|array| array as &dyn Datum).collect();
        let data_type = kernel(&empty).map_err(self.failed(span))?.data_type().clone();
        let plans = args.into_iter().map(|arg| arg.plan).collect();
        Ok(Typed { plan: Plan::Several(kernel, plans, span.clone()), data_type, span: span.clone() })
    }
}

/// The great circle by the haversine formula (R. W. Sinnott, *Virtues of the Haversine*, 1984); null where a number is.
fn near(parts: &[&dyn Datum]) -> Result<ArrayRef, ArrowError> {
    let parts: Vec<(&dyn Array, bool)> = parts.iter().map(|part| part.get()).collect();
    let rows = parts.iter().find(|(_, one)| !one).map_or(1, |(array, _)| array.len());
    let number = |part: usize, row: usize| {
        let (array, one) = parts[part];
        let (array, row) = (array.as_primitive::<Float64Type>(), if one { 0 } else { row });
        array.is_valid(row).then(|| array.value(row))
    };
    let is_near = |row: usize| {
        let radians = |part: usize| number(part, row).map(f64::to_radians);
        let (lat, lon, lat2, lon2) = (radians(0)?, radians(1)?, radians(2)?, radians(3)?);
        let half = |a: f64, b: f64| ((a - b) / 2.0).sin().powi(2);
        let share = half(lat, lat2) + lat.cos() * lat2.cos() * half(lon, lon2);
        Some(2.0 * RADIUS * share.min(1.0).sqrt().asin() <= number(4, row)?)
    };
    Ok(Arc::new((0..rows).map(is_near).collect::<BooleanArray>()))
}
