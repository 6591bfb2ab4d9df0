//! Comparisons, lists, and what else is true, false or unknown.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_arith::boolean;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_ord::cmp;
use arrow_schema::DataType;

use super::types::{Class, class, kind_of};
use super::{Binder, Typed, value};
use crate::filter::evaluate::{Binary, Plan, Set, Unary, Values, constant};
use crate::filter::parse::{Comparison, Expr};
use crate::filter::{Error, Span};

/// Lists of constants that are longer are looked up rather than compared one by one.
const SHORT_LIST: usize = 8;

impl Binder<'_> {
    pub(super) fn conditions(&self, terms: &[Expr]) -> Result<Vec<Plan>, Error> {
        terms.iter().map(|term| Ok(self.condition(self.bind(term)?)?.plan)).collect()
    }

    /// The expression as something true, false or unknown.
    pub(super) fn condition(&self, typed: Typed) -> Result<Typed, Error> {
        match class(&typed.data_type) {
            Class::Bool => Ok(typed),
            Class::Null => Ok(self.cast(typed, DataType::Boolean)),
            found => {
                let piece = self.piece(&typed.span);
                let problem = format!("a condition is needed, and `{piece}` is {}", kind_of(&typed.data_type));
                let hint = match found {
                    Class::Number => format!("compare it with something: {piece} > 0"),
                    Class::Text => format!("compare it with something: {piece} = 'a text'"),
                    _ if typed.data_type.is_list() => format!("what can be asked of lists: 'beach' in {piece}"),
                    _ => format!("compare it with something, or ask whether it is there: {piece} is not null"),
                };
                Err(self.wrong(problem, &typed.span, Some(hint)))
            }
        }
    }

    pub(super) fn compare(&self, op: Comparison, left: Typed, right: Typed, span: &Span) -> Result<Typed, Error> {
        let (left, right) = match (class(&left.data_type), class(&right.data_type)) {
            (Class::Null, _) | (_, Class::Null) => {
                let other = if class(&left.data_type) == Class::Null { right } else { left };
                let is_null = |this: &Self| this.unary(|a| Ok(Arc::new(boolean::is_null(a)?)), other.clone(), span);
                return match op {
                    Comparison::NotDistinct => is_null(self),
                    Comparison::Distinct => {
                        self.unary(|a| Ok(Arc::new(boolean::not(a.as_boolean())?)), is_null(self)?, span)
                    }
                    _ => Ok(value(Arc::new(BooleanArray::from(vec![None])), span)),
                };
            }
            (Class::Bool, Class::Bool) => (left, right),
            (Class::Number, Class::Number) => self.same_number(left, right)?,
            (Class::Text, Class::Text) => self.same_text(left, right)?,
            (Class::Time, Class::Time | Class::Text) | (Class::Text, Class::Time) => self.same_time(left, right)?,
            (Class::Binary, Class::Binary | Class::Text) | (Class::Text, Class::Binary) => {
                self.same_binary(left, right)?
            }
            _ => return Err(self.mismatch(&left, &right)),
        };
        let is_float = left.data_type.is_floating();
        let (left, right) = match is_float {
            true => (self.plain_floats(left)?, self.plain_floats(right)?),
            false => (left, right),
        };
        let kernel: Binary = match op {
            Comparison::Equal => |a, b| Ok(Arc::new(cmp::eq(a, b)?)),
            Comparison::NotEqual => |a, b| Ok(Arc::new(cmp::neq(a, b)?)),
            Comparison::Less => |a, b| Ok(Arc::new(cmp::lt(a, b)?)),
            Comparison::LessOrEqual => |a, b| Ok(Arc::new(cmp::lt_eq(a, b)?)),
            Comparison::Greater => |a, b| Ok(Arc::new(cmp::gt(a, b)?)),
            Comparison::GreaterOrEqual => |a, b| Ok(Arc::new(cmp::gt_eq(a, b)?)),
            Comparison::Distinct => |a, b| Ok(Arc::new(cmp::distinct(a, b)?)),
            Comparison::NotDistinct => |a, b| Ok(Arc::new(cmp::not_distinct(a, b)?)),
        };
        self.binary(kernel, left, right, span)
    }

    /// The kernels order floating-point numbers by their bits; SQL has one zero and one NaN, above all numbers.
    fn plain_floats(&self, typed: Typed) -> Result<Typed, Error> {
        let span = typed.span.clone();
        let kernel: Unary = match typed.data_type {
            DataType::Float32 => |a| {
                let plain = |x: f32| if x.is_nan() { f32::NAN } else { x + 0.0 };
                Ok(Arc::new(a.as_primitive::<Float32Type>().unary::<_, Float32Type>(plain)))
            },
            _ => |a| {
                let plain = |x: f64| if x.is_nan() { f64::NAN } else { x + 0.0 };
                Ok(Arc::new(a.as_primitive::<Float64Type>().unary::<_, Float64Type>(plain)))
            },
        };
        self.unary(kernel, typed, &span)
    }

    pub(super) fn one_of(&self, inner: Typed, list: &[Expr], span: &Span) -> Result<Typed, Error> {
        let items: Vec<Typed> = list.iter().map(|item| self.bind(item)).collect::<Result<_, _>>()?;
        if let [list] = items.as_slice()
            && list.data_type.is_list()
        {
            return self.list_contains(list.clone(), inner, span);
        }
        let truth = |plan| Typed { plan, data_type: DataType::Boolean, span: span.clone() };
        if items.len() > SHORT_LIST
            && let Some((data_type, set)) = set_of(&inner, &items)
        {
            let span = inner.span.clone();
            let inner = Plan::Cast(Box::new(inner.plan), data_type, span);
            return Ok(truth(Plan::OneOf(Box::new(inner), Arc::new(set))));
        }
        let mut items = self.meet(std::iter::once(inner).chain(items).collect()).into_iter();
        let inner = items.next().expect("it went in first");
        let equals = items.map(|item| Ok(self.compare(Comparison::Equal, inner.clone(), item, span)?.plan));
        Ok(truth(Plan::Any(equals.collect::<Result<_, Error>>()?)))
    }
}

/// The constants of a list that are all text or all whole numbers, for a column of that kind, and the type in which
/// the column is looked up.
fn set_of(column: &Typed, items: &[Typed]) -> Option<(DataType, Set)> {
    let constants: Option<Vec<&ArrayRef>> = items.iter().map(|item| constant(&item.plan)).collect();
    let constants = constants?;
    let given: Vec<&&ArrayRef> = constants.iter().filter(|c| c.data_type() != &DataType::Null).collect();
    let has_null = given.len() < constants.len();
    if class(&column.data_type) == Class::Text {
        let texts = given.iter().map(|c| Some(c.as_string_opt::<i32>()?.value(0).to_string()));
        let set = texts.collect::<Option<HashSet<_>>>()?;
        return Some((DataType::Utf8View, Set { values: Values::Text(set), has_null }));
    }
    if column.data_type.is_integer() && column.data_type != DataType::UInt64 {
        let numbers = given.iter().map(|c| c.as_primitive_opt::<Int64Type>().map(|number| number.value(0)));
        let set = numbers.collect::<Option<HashSet<_>>>()?;
        return Some((DataType::Int64, Set { values: Values::Whole(set), has_null }));
    }
    None
}
