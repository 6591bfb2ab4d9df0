//! From rows to truth: a tree of kernels, applied to a batch at a time.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType};

use super::{Error, Span, character, piece};

/// A function of one column.
pub(super) type Unary = fn(&ArrayRef) -> Result<ArrayRef, ArrowError>;
/// A function of two columns of one length, or of a column and a constant.
pub(super) type Binary = fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>;

/// A function of several columns and constants.
pub(super) type Several = fn(&[&dyn Datum]) -> Result<ArrayRef, ArrowError>;

/// What is computed; types were checked when it was made.
#[derive(Debug, Clone)]
pub(super) enum Plan {
    Column {
        name: String,
        /// The way into a struct.
        fields: Vec<String>,
        data_type: DataType,
        span: Span,
    },
    /// One value, in an array of its own.
    Constant(ArrayRef),
    Cast(Box<Plan>, DataType, Span),
    Unary(Unary, Box<Plan>, Span),
    Binary(Binary, Box<Plan>, Box<Plan>, Span),
    Several(Several, Vec<Plan>, Span),
    All(Vec<Plan>),
    Any(Vec<Plan>),
    OneOf(Box<Plan>, Arc<Set>),
}

/// Constants that a column's values are looked up in.
#[derive(Debug)]
pub(super) struct Set {
    pub values: Values,
    /// Whether null is among them: then nothing is certainly not.
    pub has_null: bool,
}

#[derive(Debug)]
pub(super) enum Values {
    /// For columns of `utf8view`.
    Text(HashSet<String>),
    /// For columns of `int64`.
    Whole(HashSet<i64>),
}

/// A column, or a constant that stands for one.
struct Value {
    array: ArrayRef,
    is_constant: bool,
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array.as_ref(), self.is_constant)
    }
}

/// The truth of a condition for every row; null where it is unknown.
pub(super) fn evaluate(text: &str, plan: &Plan, batch: &RecordBatch) -> Result<BooleanArray, Error> {
    Evaluator { text, batch }.truth(plan)
}

/// The value of a plan without columns.
pub(super) fn constant(plan: &Plan) -> Option<&ArrayRef> {
    match plan {
        Plan::Constant(array) => Some(array),
        _ => None,
    }
}

/// A strict cast: what does not fit is an error, not null.
pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
}

struct Evaluator<'a> {
    text: &'a str,
    batch: &'a RecordBatch,
}

impl Evaluator<'_> {
    fn truth(&self, plan: &Plan) -> Result<BooleanArray, Error> {
        let value = self.value(plan)?;
        let truth = value.array.as_boolean();
        if !value.is_constant {
            return Ok(truth.clone());
        }
        let one = truth.is_valid(0).then(|| truth.value(0));
        Ok(BooleanArray::from_iter(std::iter::repeat_n(one, self.batch.num_rows())))
    }

    fn value(&self, plan: &Plan) -> Result<Value, Error> {
        let computed = |array, is_constant| Value { array, is_constant };
        Ok(match plan {
            Plan::Column { name, fields, data_type, span } => {
                computed(self.column(name, fields, data_type, span)?, false)
            }
            Plan::Constant(array) => computed(array.clone(), true),
            Plan::Cast(inner, to, span) => {
                let value = self.value(inner)?;
                computed(cast(&value.array, to).map_err(self.failed(span))?, value.is_constant)
            }
            Plan::Unary(kernel, inner, span) => {
                let value = self.value(inner)?;
                computed(kernel(&value.array).map_err(self.failed(span))?, value.is_constant)
            }
            Plan::Binary(kernel, left, right, span) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                let is_constant = left.is_constant && right.is_constant;
                computed(kernel(&left, &right).map_err(self.failed(span))?, is_constant)
            }
            Plan::Several(kernel, inner, span) => {
                let values = inner.iter().map(|inner| self.value(inner)).collect::<Result<Vec<_>, _>>()?;
                let is_constant = values.iter().all(|value| value.is_constant);
                let values: Vec<&dyn Datum> = values.iter().map(|value| value as &dyn Datum).collect();
                computed(kernel(&values).map_err(self.failed(span))?, is_constant)
            }
            Plan::All(terms) => self.fold(terms, arrow_arith::boolean::and_kleene)?,
            Plan::Any(terms) => self.fold(terms, arrow_arith::boolean::or_kleene)?,
            Plan::OneOf(inner, set) => {
                let value = self.value(inner)?;
                computed(Arc::new(set.look_up(&value.array)), value.is_constant)
            }
        })
    }

    /// Every term is evaluated, even where those before it decide: whether a filter fails must not depend on how rows
    /// are cut into batches.
    fn fold(
        &self,
        terms: &[Plan],
        join: fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, ArrowError>,
    ) -> Result<Value, Error> {
        let mut all = self.truth(&terms[0])?;
        for term in &terms[1..] {
            all = join(&all, &self.truth(term)?).expect("truths of the rows of one batch");
        }
        Ok(Value { array: Arc::new(all), is_constant: false })
    }

    fn column(&self, name: &str, fields: &[String], data_type: &DataType, span: &Span) -> Result<ArrayRef, Error> {
        let wrong = || {
            let other = format!("the rows have no column `{name}` of {data_type}");
            self.failed(span)(ArrowError::SchemaError(other))
        };
        let mut array = self.batch.column_by_name(name).ok_or_else(wrong)?.clone();
        for field in fields {
            let parent = array.as_struct_opt().ok_or_else(wrong)?;
            let child = parent.column_by_name(field).ok_or_else(wrong)?;
            // A field of a missing struct is missing, whatever lies there.
            array = match parent.null_count() {
                0 => child.clone(),
                _ => {
                    let missing = arrow_arith::boolean::is_null(parent).map_err(self.failed(span))?;
                    arrow_select::nullif::nullif(child, &missing).map_err(self.failed(span))?
                }
            };
        }
        if array.data_type() == data_type { Ok(array) } else { Err(wrong()) }
    }

    fn failed(&self, span: &Span) -> impl Fn(ArrowError) -> Error {
        let (piece, at) = (piece(self.text, span), character(self.text, span));
        move |source| Error::Evaluate { piece: piece.clone(), at, source }
    }
}

impl Set {
    fn look_up(&self, array: &ArrayRef) -> BooleanArray {
        let truth = |found: bool| if self.has_null && !found { None } else { Some(found) };
        match &self.values {
            Values::Text(set) => {
                let texts = array.as_string_view();
                texts.iter().map(|text| text.and_then(|text| truth(set.contains(text)))).collect()
            }
            Values::Whole(set) => {
                let numbers = array.as_primitive::<Int64Type>();
                numbers.iter().map(|number| number.and_then(|number| truth(set.contains(&number)))).collect()
            }
        }
    }
}
