//! From names to columns, and from pieces of text to types: what can be compared with what.

mod calls;
mod columns;
mod lists;
mod literals;
mod numbers;
mod text;
mod times;
mod truth;
mod types;

use std::sync::Arc;

use arrow_arith::boolean;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, NullArray, Scalar, StringArray, new_empty_array};
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};

use super::evaluate::{Binary, Plan, Unary, cast, constant};
use super::parse::{Comparison, Expr, Kind};
use super::{Error, Span, character, piece};
use types::{Class, class, kind_of};

/// A plan whose type is known.
#[derive(Debug, Clone)]
struct Typed {
    plan: Plan,
    data_type: DataType,
    span: Span,
}

pub(super) fn bind(text: &str, root: &Expr, schema: &Schema) -> Result<Plan, Error> {
    let binder = Binder { text, schema };
    let root = binder.bind(root)?;
    Ok(binder.condition(root)?.plan)
}

struct Binder<'a> {
    text: &'a str,
    schema: &'a Schema,
}

impl Binder<'_> {
    fn bind(&self, expr: &Expr) -> Result<Typed, Error> {
        let span = &expr.span;
        Ok(match &expr.kind {
            Kind::Column(name) => self.column(name, span)?,
            Kind::Null => value(Arc::new(NullArray::new(1)), span),
            Kind::Bool(truth) => value(Arc::new(BooleanArray::from(vec![*truth])), span),
            Kind::Number(digits) => value(self.number(digits, span)?, span),
            Kind::Text(text) => value(Arc::new(StringArray::from(vec![text.as_str()])), span),
            Kind::Hex(bytes) => value(Arc::new(BinaryArray::from(vec![bytes.as_slice()])), span),
            Kind::Date(text) => value(self.time(text, &DataType::Date32, span)?, span),
            Kind::Timestamp(text) => {
                value(self.time(text, &DataType::Timestamp(TimeUnit::Microsecond, None), span)?, span)
            }
            Kind::Not(inner) => {
                let inner = self.condition(self.bind(inner)?)?;
                self.unary(|a| Ok(Arc::new(boolean::not(a.as_boolean())?)), inner, span)?
            }
            Kind::Negate(inner) => self.negate(inner, span)?,
            Kind::All(terms) => {
                Typed { plan: Plan::All(self.conditions(terms)?), data_type: DataType::Boolean, span: span.clone() }
            }
            Kind::Any(terms) => {
                Typed { plan: Plan::Any(self.conditions(terms)?), data_type: DataType::Boolean, span: span.clone() }
            }
            Kind::Compare(op, left, right) => self.compare(*op, self.bind(left)?, self.bind(right)?, span)?,
            Kind::Arithmetic(op, left, right) => self.arithmetic(*op, self.bind(left)?, self.bind(right)?, span)?,
            Kind::Between(inner, low, high) => {
                let all = self.meet([inner, low, high].into_iter().map(|e| self.bind(e)).collect::<Result<_, _>>()?);
                let [inner, low, high] = all.try_into().expect("three went in");
                let low = self.compare(Comparison::GreaterOrEqual, inner.clone(), low, span)?;
                let high = self.compare(Comparison::LessOrEqual, inner, high, span)?;
                Typed { plan: Plan::All(vec![low.plan, high.plan]), data_type: DataType::Boolean, span: span.clone() }
            }
            Kind::In(inner, list) => self.one_of(self.bind(inner)?, list, span)?,
            Kind::Like { expr, pattern, escape, any_case } => {
                self.like(self.bind(expr)?, pattern, *escape, *any_case, span)?
            }
            Kind::IsNull(inner) => self.unary(|a| Ok(Arc::new(boolean::is_null(a)?)), self.bind(inner)?, span)?,
            Kind::Is(inner, truth) => {
                let inner = self.condition(self.bind(inner)?)?;
                let kernel: Unary = match truth {
                    Some(true) => |a| Ok(is(a, true)),
                    Some(false) => |a| Ok(is(a, false)),
                    None => |a| Ok(Arc::new(boolean::is_null(a)?)),
                };
                self.unary(kernel, inner, span)?
            }
            Kind::Call(function, args) => self.call(*function, args, span)?,
        })
    }

    // Building

    fn cast(&self, typed: Typed, to: DataType) -> Typed {
        if typed.data_type == to {
            return typed;
        }
        let span = typed.span.clone();
        if let Some(array) = constant(&typed.plan)
            && let Ok(array) = cast(array, &to)
        {
            return value(array, &span);
        }
        Typed { plan: Plan::Cast(Box::new(typed.plan), to.clone(), span.clone()), data_type: to, span }
    }

    fn unary(&self, kernel: Unary, inner: Typed, span: &Span) -> Result<Typed, Error> {
        if let Some(array) = constant(&inner.plan) {
            return Ok(value(kernel(array).map_err(self.failed(span))?, span));
        }
        let result = kernel(&new_empty_array(&inner.data_type)).map_err(self.failed(span))?;
        let plan = Plan::Unary(kernel, Box::new(inner.plan), span.clone());
        Ok(Typed { plan, data_type: result.data_type().clone(), span: span.clone() })
    }

    fn binary(&self, kernel: Binary, left: Typed, right: Typed, span: &Span) -> Result<Typed, Error> {
        if let (Some(a), Some(b)) = (constant(&left.plan), constant(&right.plan)) {
            return Ok(value(
                kernel(&Scalar::new(a.clone()), &Scalar::new(b.clone())).map_err(self.failed(span))?,
                span,
            ));
        }
        let empty = |typed: &Typed| new_empty_array(&typed.data_type);
        let result = kernel(&empty(&left), &empty(&right)).map_err(self.failed(span))?;
        let plan = Plan::Binary(kernel, Box::new(left.plan), Box::new(right.plan), span.clone());
        Ok(Typed { plan, data_type: result.data_type().clone(), span: span.clone() })
    }

    // Complaints

    fn piece(&self, span: &Span) -> String {
        piece(self.text, span)
    }

    fn failed(&self, span: &Span) -> impl Fn(ArrowError) -> Error {
        let (piece, at) = (self.piece(span), character(self.text, span));
        move |source| Error::Evaluate { piece: piece.clone(), at, source }
    }

    fn wrong(&self, problem: String, span: &Span, hint: Option<String>) -> Error {
        Error::Type { problem, at: character(self.text, span), hint }
    }

    fn mismatch(&self, left: &Typed, right: &Typed) -> Error {
        let (a, b) = (self.piece(&left.span), self.piece(&right.span));
        let problem = format!(
            "`{a}` is {} and cannot be compared with {}: `{b}`",
            kind_of(&left.data_type),
            kind_of(&right.data_type)
        );
        let unquoted = |text: &Typed| {
            let text = constant(&text.plan)?.as_string_opt::<i32>()?.value(0).trim();
            text.parse::<f64>().is_ok().then(|| format!("write the number without quotes: {text}"))
        };
        let hint = match (class(&left.data_type), class(&right.data_type)) {
            (Class::Number, Class::Text) => unquoted(right),
            (Class::Text, Class::Number) if constant(&left.plan).is_some() => unquoted(left),
            (Class::Text, Class::Number) if constant(&right.plan).is_some() => Some(format!("put it in quotes: '{b}'")),
            (Class::Bool, _) => Some(format!("{a} is a condition by itself; its opposite is: not {a}")),
            (_, Class::Bool) => Some(format!("{b} is a condition by itself; its opposite is: not {b}")),
            (Class::Other, _) if left.data_type.is_list() => {
                Some(format!("what can be asked of lists: 'beach' in {a}"))
            }
            (Class::Other, _) => Some(format!("what can be asked: {a} is not null")),
            _ => None,
        };
        self.wrong(problem, &right.span, hint)
    }
}

fn value(array: ArrayRef, span: &Span) -> Typed {
    Typed { data_type: array.data_type().clone(), plan: Plan::Constant(array), span: span.clone() }
}

fn is(array: &ArrayRef, wanted: bool) -> ArrayRef {
    Arc::new(array.as_boolean().iter().map(|truth| Some(truth == Some(wanted))).collect::<BooleanArray>())
}
