//! Which vectors can be compared: those that have a direction, and were made by one model.

use arrow_array::{Array, RecordBatch};

use super::Error;
use super::cosine::norm;
use crate::table::{self, column};

/// Rows whose vectors have no direction: they are left out, counted, and the first is named.
#[derive(Debug, Default)]
pub struct Unfit {
    /// How many.
    pub count: u64,
    first: Option<(String, &'static str)>,
}

impl Unfit {
    /// What is wrong with a vector that has no direction.
    pub(crate) const ZERO: &str = "is zero";

    /// Why a vector cannot be compared, if it cannot.
    pub(crate) fn problem(vector: &[f32]) -> Option<&'static str> {
        match norm(vector) {
            _ if vector.is_empty() => Some("is empty"),
            norm if !norm.is_finite() => Some("holds a number that is not finite"),
            norm if norm < 1e-12 => Some(Unfit::ZERO),
            _ => None,
        }
    }

    /// Takes note of a row.
    pub(crate) fn add(&mut self, key: &str, problem: &'static str) {
        self.count += 1;
        self.first.get_or_insert_with(|| (key.into(), problem));
    }

    /// `2 rows were left out, the first is a.png: its vector is zero`, where there are any.
    pub(crate) fn message(&self) -> Option<String> {
        let (key, problem) = self.first.as_ref()?;
        Some(match self.count {
            1 => format!("1 row was left out: the vector of {key} {problem}"),
            count => format!("{count} rows were left out: the vector of the first, {key}, {problem}"),
        })
    }
}

/// Fails where a row with a vector names another model than the rows before it. `None`: no row was seen yet;
/// `Some(None)`: the rows so far name no model.
pub(crate) fn one_model(
    batch: &RecordBatch,
    vectors: &table::Vectors,
    column: &str,
    name: &str,
    model: &mut Option<Option<String>>,
) -> Result<(), Error> {
    let names = column::text(batch, &column::model_column(column))?;
    let Some(names) = names else { return Ok(()) };
    for i in (0..batch.num_rows()).filter(|&i| vectors.get(i).is_some()) {
        let own = names.is_valid(i).then(|| names.value(i));
        match model {
            None => *model = Some(own.map(str::to_string)),
            Some(first) if first.as_deref() != own => {
                let say = |id: Option<&str>| id.unwrap_or("unknown").to_string();
                return Err(Error::TwoModels { name: name.into(), first: say(first.as_deref()), other: say(own) });
            }
            Some(_) => {}
        }
    }
    Ok(())
}
