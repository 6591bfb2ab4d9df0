//! From names to columns, and from pieces of text to types: what can be compared with what.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_arith::{boolean, numeric};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Datum, Decimal128Array, Float64Array, Int64Array, NullArray, Scalar,
    StringArray, StringViewArray, new_empty_array,
};
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DataType, Fields, Schema, TimeUnit};
use arrow_string::like;

use super::evaluate::{Binary, Plan, Set, Unary, Values, cast, constant};
use super::parse::{Comparison, Expr, Function, Kind, Name, Operator};
use super::{Error, SYNONYMS, Span, character, piece};

/// Lists of constants that are longer are looked up rather than compared one by one.
const SHORT_LIST: usize = 8;
/// Digits of the widest whole number, which is what room is left for where one meets a decimal fraction.
const WHOLE_DIGITS: u8 = 20;
const DECIMAL_DIGITS: u8 = 38;
const UTC: &str = "+00:00";

/// A plan whose type is known.
#[derive(Debug, Clone)]
struct Typed {
    plan: Plan,
    data_type: DataType,
    span: Span,
}

/// What matters of a type where things are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Null,
    Bool,
    Number,
    Text,
    Time,
    Binary,
    Other,
}

pub(super) fn bind(text: &str, root: &Expr, schema: &Schema) -> Result<Plan, Error> {
    let binder = Binder { text, schema };
    let root = binder.bind(root)?;
    Ok(binder.condition(root)?.plan)
}

/// Bytes from hexadecimal digits.
pub(super) fn hex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |d: u8| char::from(d).to_digit(16);
    let byte = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
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

    // Columns

    fn column(&self, name: &Name, span: &Span) -> Result<Typed, Error> {
        let whole = name.to_string();
        let (mut field, mut rest) = match self.find(self.schema.fields(), &whole, span)? {
            Some(field) => (field, [].as_slice()),
            None => match (self.find(self.schema.fields(), &name.parts[0], span)?, self.synonym(&whole)) {
                (Some(field), _) => (field, &name.parts[1..]),
                (None, Some(field)) => (field, [].as_slice()),
                (None, None) => return Err(self.no_column(&whole, "", self.schema.fields(), span)),
            },
        };
        let (column, mut fields, mut path) = (field.0, Vec::new(), field.0.to_string());
        while let [part, others @ ..] = rest {
            let DataType::Struct(inner) = field.1 else {
                let problem = format!("`{path}` has no field `{part}`, since it is {}", kind_of(field.1));
                return Err(self.wrong(problem, span, None));
            };
            let Some(found) = self.find(inner, part, span)? else {
                return Err(self.no_column(&whole, &format!("{path}."), inner, span));
            };
            (field, rest) = (found, others);
            fields.push(field.0.to_string());
            path = format!("{path}.{}", field.0);
        }
        let data_type = field.1.clone();
        let plan = Plan::Column { name: column.into(), fields, data_type: data_type.clone(), span: span.clone() };
        let typed = Typed { plan, data_type, span: span.clone() };
        Ok(self.plain(typed))
    }

    /// Types that the kernels do not know are read as those that they stand for; dictionaries too, since a kernel panics
    /// at one without values, which is what a column of nothing but nulls may have.
    fn plain(&self, typed: Typed) -> Typed {
        let to = match &typed.data_type {
            DataType::Dictionary(_, values) if class(values) == Class::Text => DataType::Utf8View,
            DataType::Dictionary(_, values) => values.as_ref().clone(),
            DataType::RunEndEncoded(_, values) => values.data_type().clone(),
            DataType::Float16 => DataType::Float32,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
            DataType::Decimal256(..) => DataType::Float64,
            DataType::Timestamp(unit, Some(zone)) if zone.as_ref() != UTC => {
                DataType::Timestamp(*unit, Some(UTC.into()))
            }
            _ => return typed,
        };
        // The values of a dictionary or of runs may be of such a type themselves.
        let typed = self.cast(typed, to);
        self.plain(typed)
    }

    /// The field of that name: as it stands, else without regard to case.
    fn find<'s>(&self, fields: &'s Fields, name: &str, span: &Span) -> Result<Option<(&'s str, &'s DataType)>, Error> {
        if let Some((_, field)) = fields.find(name) {
            return Ok(Some((field.name(), field.data_type())));
        }
        let lower = name.to_lowercase();
        let alike: Vec<_> = fields.iter().filter(|field| field.name().to_lowercase() == lower).collect();
        match alike.as_slice() {
            [] => Ok(None),
            [field] => Ok(Some((field.name(), field.data_type()))),
            several => Err(Error::AmbiguousColumn {
                name: name.into(),
                at: character(self.text, span),
                columns: several.iter().map(|field| field.name().clone()).collect(),
            }),
        }
    }

    fn synonym(&self, name: &str) -> Option<(&str, &DataType)> {
        let (_, to) = SYNONYMS.iter().find(|(from, _)| from.eq_ignore_ascii_case(name))?;
        let (_, field) = self.schema.fields().find(to)?;
        Some((field.name(), field.data_type()))
    }

    fn no_column(&self, name: &str, prefix: &str, fields: &Fields, span: &Span) -> Error {
        let columns: Vec<String> = fields.iter().map(|field| format!("{prefix}{}", field.name())).collect();
        let meant = super::nearest(name, &columns).cloned();
        Error::NoColumn { name: name.into(), at: character(self.text, span), meant, columns }
    }

    // Constants

    fn number(&self, digits: &str, span: &Span) -> Result<ArrayRef, Error> {
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

    /// A text as a point in time. Timestamps have a resolution of a microsecond at least, dates no time of day.
    fn time(&self, text: &str, data_type: &DataType, span: &Span) -> Result<ArrayRef, Error> {
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

    // Truth

    fn conditions(&self, terms: &[Expr]) -> Result<Vec<Plan>, Error> {
        terms.iter().map(|term| Ok(self.condition(self.bind(term)?)?.plan)).collect()
    }

    /// The expression as something true, false or unknown.
    fn condition(&self, typed: Typed) -> Result<Typed, Error> {
        match class(&typed.data_type) {
            Class::Bool => Ok(typed),
            Class::Null => Ok(self.cast(typed, DataType::Boolean)),
            found => {
                let piece = self.piece(&typed.span);
                let problem = format!("a condition is needed, and `{piece}` is {}", kind_of(&typed.data_type));
                let hint = match found {
                    Class::Number => format!("compare it with something: {piece} > 0"),
                    Class::Text => format!("compare it with something: {piece} = 'a text'"),
                    _ => format!("compare it with something, or ask whether it is there: {piece} is not null"),
                };
                Err(self.wrong(problem, &typed.span, Some(hint)))
            }
        }
    }

    fn compare(&self, op: Comparison, left: Typed, right: Typed, span: &Span) -> Result<Typed, Error> {
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

    fn one_of(&self, inner: Typed, list: &[Expr], span: &Span) -> Result<Typed, Error> {
        let items: Vec<Typed> = list.iter().map(|item| self.bind(item)).collect::<Result<_, _>>()?;
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

    // Numbers

    fn arithmetic(&self, op: Operator, left: Typed, right: Typed, span: &Span) -> Result<Typed, Error> {
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
    fn meet(&self, all: Vec<Typed>) -> Vec<Typed> {
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

    fn negate(&self, inner: &Expr, span: &Span) -> Result<Typed, Error> {
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

    fn same_number(&self, left: Typed, right: Typed) -> Result<(Typed, Typed), Error> {
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

    // Text

    fn same_text(&self, left: Typed, right: Typed) -> Result<(Typed, Typed), Error> {
        if constant(&right.plan).is_some() {
            let to = left.data_type.clone();
            return Ok((left, self.cast(right, to)));
        }
        if constant(&left.plan).is_some() {
            let to = right.data_type.clone();
            return Ok((self.cast(left, to), right));
        }
        if left.data_type == right.data_type {
            return Ok((left, right));
        }
        Ok((self.cast(left, DataType::Utf8View), self.cast(right, DataType::Utf8View)))
    }

    fn text(&self, typed: Typed, function: &str) -> Result<Typed, Error> {
        match class(&typed.data_type) {
            Class::Text => Ok(typed),
            Class::Null => Ok(self.cast(typed, DataType::Utf8)),
            _ => {
                let piece = self.piece(&typed.span);
                let problem = format!("`{function}` wants text, and `{piece}` is {}", kind_of(&typed.data_type));
                Err(self.wrong(problem, &typed.span, None))
            }
        }
    }

    fn like(
        &self,
        inner: Typed,
        pattern: &Expr,
        escape: Option<char>,
        any_case: bool,
        span: &Span,
    ) -> Result<Typed, Error> {
        let name = if any_case { "ilike" } else { "like" };
        let inner = self.text(inner, name)?;
        let text = match &pattern.kind {
            Kind::Text(text) => text,
            Kind::Null => return Ok(value(Arc::new(BooleanArray::from(vec![None])), span)),
            _ => {
                let problem = format!("`{name}` wants a pattern in quotes, found `{}`", self.piece(&pattern.span));
                let hint = Some(format!("{} {name} 'C%'", self.piece(&inner.span)));
                return Err(self.wrong(problem, &pattern.span, hint));
            }
        };
        let Some(text) = plain_pattern(text, escape) else {
            let problem = "the pattern ends where an escaped character should follow".into();
            return Err(self.wrong(problem, &pattern.span, None));
        };
        let pattern = value(Arc::new(StringArray::from(vec![text])), &pattern.span);
        let (inner, pattern) = self.same_text(inner, pattern)?;
        let kernel: Binary = match any_case {
            true => |a, b| Ok(Arc::new(like::ilike(a, b)?)),
            false => |a, b| Ok(Arc::new(like::like(a, b)?)),
        };
        self.binary(kernel, inner, pattern, span)
    }

    fn call(&self, function: Function, args: &[Expr], span: &Span) -> Result<Typed, Error> {
        let name = self.text[span.clone()].split('(').next().unwrap_or_default().trim();
        let texts = args.iter().map(|arg| self.text(self.bind(arg)?, name));
        let mut texts = texts.collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut next = || texts.next().expect("the arguments were counted");
        let views = |typed: Typed| self.cast(typed, DataType::Utf8View);
        match function {
            Function::Lower => self.unary(|a| Ok(map_text(a, lower)), views(next()), span),
            Function::Upper => self.unary(|a| Ok(map_text(a, upper)), views(next()), span),
            Function::Length => self.unary(|a| Ok(length(a)), views(next()), span),
            Function::StartsWith | Function::EndsWith | Function::Contains => {
                let (text, part) = self.same_text(next(), next())?;
                let kernel: Binary = match function {
                    Function::StartsWith => |a, b| Ok(Arc::new(like::starts_with(a, b)?)),
                    Function::EndsWith => |a, b| Ok(Arc::new(like::ends_with(a, b)?)),
                    _ => |a, b| Ok(Arc::new(like::contains(a, b)?)),
                };
                self.binary(kernel, text, part, span)
            }
        }
    }

    // Times and bytes

    fn same_time(&self, left: Typed, right: Typed) -> Result<(Typed, Typed), Error> {
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

    fn same_binary(&self, left: Typed, right: Typed) -> Result<(Typed, Typed), Error> {
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

    fn no_number(&self, typed: &Typed) -> Error {
        let problem = format!("a number is needed, and `{}` is {}", self.piece(&typed.span), kind_of(&typed.data_type));
        self.wrong(problem, &typed.span, None)
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
            (Class::Other, _) => Some(format!("what can be asked: {a} is not null")),
            _ => None,
        };
        self.wrong(problem, &right.span, hint)
    }
}

fn value(array: ArrayRef, span: &Span) -> Typed {
    Typed { data_type: array.data_type().clone(), plan: Plan::Constant(array), span: span.clone() }
}

fn class(data_type: &DataType) -> Class {
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
fn kind_of(data_type: &DataType) -> &'static str {
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
fn common_number(a: &DataType, b: &DataType) -> DataType {
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

/// A constant such as `2.5` or `18446744073709551615`, exactly; `None` where it has an exponent or too many digits.
fn decimal(digits: &str) -> Option<Decimal128Array> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = u8::try_from(fraction.len()).ok()?;
    let precision = u8::try_from(number.unsigned_abs().checked_ilog10().unwrap_or(0) + 1).ok()?.max(scale).max(1);
    let array = Decimal128Array::from(vec![number]);
    array.with_precision_and_scale(precision, i8::try_from(scale).ok()?).ok()
}

/// A pattern for Arrow's kernels, where `\` escapes; in SQL nothing does, unless `escape` says so.
fn plain_pattern(pattern: &str, escape: Option<char>) -> Option<String> {
    let mut plain = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        let (c, is_escaped) = if Some(c) == escape { (characters.next()?, true) } else { (c, false) };
        if c == '\\' || (is_escaped && "%_".contains(c)) {
            plain.push('\\');
        }
        plain.push(c);
    }
    Some(plain)
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

fn is(array: &ArrayRef, wanted: bool) -> ArrayRef {
    Arc::new(array.as_boolean().iter().map(|truth| Some(truth == Some(wanted))).collect::<BooleanArray>())
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

fn map_text(array: &ArrayRef, map: fn(char) -> char) -> ArrayRef {
    let texts = array.as_string_view().iter();
    Arc::new(texts.map(|text| text.map(|text| text.chars().map(map).collect::<String>())).collect::<StringViewArray>())
}

/// Characters, not bytes.
fn length(array: &ArrayRef) -> ArrayRef {
    let count = |text: &str| i64::try_from(text.chars().count()).expect("a text in memory");
    Arc::new(array.as_string_view().iter().map(|text| text.map(count)).collect::<Int64Array>())
}

/// One character for each, as in DuckDB.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn upper(c: char) -> char {
    let mut characters = c.to_uppercase();
    match (characters.next(), characters.next()) {
        _ if c == 'ß' => 'ẞ',
        (Some(one), None) => one,
        _ => c,
    }
}
