//! Predictions row by row, whoever wrote the table.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow_schema::DataType;

use super::spelling::Spelled;
use crate::failure::Failure;
use crate::split::Split;
use crate::table::{Error, Table, column};

/// The prediction's and the score's column where none is named.
const PREDICTION: &str = "prediction_1";
const SCORE: &str = "score_1";
/// How long the row took.
const SECONDS: &str = "seconds";
/// Predictions that are looked at.
const MOST: usize = 5;

/// The columns that the command line names.
pub struct Wishes<'a> {
    pub truth: &'a str,
    pub prediction: Option<&'a str>,
    pub score: Option<&'a str>,
    pub by: Option<&'a str>,
    /// Only rows of this split are looked at.
    pub split: Option<&'a str>,
}

/// Which columns say what.
#[derive(Debug)]
pub struct Columns {
    truth: Option<String>,
    /// The best first, at most five.
    pub predictions: Vec<String>,
    pub score: Option<String>,
    by: Option<String>,
    split: Option<String>,
    own: Vec<&'static str>,
    /// How classes are compared.
    pub spelled: Spelled,
}

impl Columns {
    /// Finds the columns in a table.
    ///
    /// # Errors
    /// One that is needed or named is missing; the message lists those there are.
    pub fn find(table: &Table, wishes: &Wishes) -> Result<Columns, Failure> {
        needed(table, wishes.truth, "--truth COLUMN names the column that holds the true class")?;
        for column in wishes.by.into_iter().chain(wishes.split.map(|_| column::SPLIT)) {
            table.require(column)?;
        }
        let columns = Columns::find_other(table, wishes)?;
        Ok(Columns { truth: Some(wishes.truth.into()), by: wishes.by.map(str::to_string), ..columns })
    }

    /// Finds the columns in a table whose truth another table holds.
    ///
    /// # Errors
    /// As [`Columns::find`].
    pub fn find_other(table: &Table, wishes: &Wishes) -> Result<Columns, Failure> {
        let first = wishes.prediction.unwrap_or(PREDICTION);
        let hint = "--prediction COLUMN names the column that holds the best prediction; `pokedex classify` writes one";
        needed(table, first, hint)?;
        let stem = first.strip_suffix('1').filter(|stem| stem.ends_with('_')).unwrap_or("prediction_");
        let further = (2..=MOST).map(|n| format!("{stem}{n}")).take_while(|name| table.has(name));
        let predictions = std::iter::once(first.to_string()).chain(further).collect();
        let score = match wishes.score {
            Some(score) => {
                needed(table, score, "--score COLUMN names the column that holds the best prediction's probability")?;
                Some(score.to_string())
            }
            // The score of another column than the one that is evaluated would say nothing.
            None => Some(SCORE.to_string()).filter(|score| first == PREDICTION && table.has(score)),
        };
        let own = [column::KEY, column::PATH, column::ERROR, column::REJECTED, column::SPLIT, SECONDS];
        let own = own.into_iter().filter(|name| table.has(name)).collect();
        let split = wishes.split.filter(|_| table.has(column::SPLIT)).map(str::to_string);
        Ok(Columns { truth: None, predictions, score, by: None, split, own, spelled: Spelled::AsTheyAre })
    }

    /// The columns that hold classes.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.truth.iter().chain(&self.predictions).map(String::as_str)
    }

    /// Whether a column is worth reading.
    pub fn wants(&self, name: &str) -> bool {
        let named = [&self.truth, &self.score, &self.by].into_iter().flatten().chain(&self.predictions);
        named.into_iter().any(|column| column == name) || self.own.contains(&name)
    }

    /// The rows of the split that is asked for.
    pub fn chosen(&self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let Some(wanted) = &self.split else { return Ok(batch.clone()) };
        let splits = column::text(batch, column::SPLIT)?;
        // A split has several names; a value that is none is meant as it stands.
        let meant = Split::named(wanted);
        let is_wanted = |own: &str| own == wanted || meant.is_some() && Split::named(own) == meant;
        let chosen = |i: usize| splits.as_ref().is_some_and(|s| s.is_valid(i) && is_wanted(s.value(i)));
        let chosen: BooleanArray = (0..batch.num_rows()).map(|i| Some(chosen(i))).collect();
        Ok(arrow_select::filter::filter_record_batch(batch, &chosen).expect("as many answers as rows"))
    }

    /// Whether a row has more predictions than one.
    pub fn has_top5(&self) -> bool {
        self.predictions.len() > 1
    }
}

fn needed(table: &Table, name: &str, hint: &str) -> Result<(), Failure> {
    table.require(name).map_err(|e| Failure::failed(e.to_string(), Some(hint.into())))
}

/// What a table says about one row.
pub struct Answer<'a> {
    pub key: &'a str,
    /// Where the row's file is, if the table says so.
    pub path: Option<&'a str>,
    /// An earlier stage could not process the row; what else is here means nothing.
    pub failed: bool,
    pub truth: Option<&'a str>,
    pub best: Option<&'a str>,
    /// The place of the truth among the first five predictions, from 1; 0 where it is not there.
    pub rank: u8,
    /// Of the best prediction, in [0, 1]; `None` where the table has no scores.
    pub score: Option<f64>,
    pub rejected: bool,
    /// Whether the row is of the split `train`.
    pub learnt: bool,
    pub seconds: Option<f64>,
    pub group: Option<&'a str>,
}

/// Shows every row of a table to `look`, and the number of rows of each batch to `done`.
///
/// # Errors
/// The table cannot be read, a column is of a wrong type, a score is no probability, or `look` fails.
pub fn each(
    table: Table,
    columns: &Columns,
    mut look: impl FnMut(Answer) -> Result<(), Failure>,
    mut done: impl FnMut(u64),
) -> Result<(), Failure> {
    let name = table.name.clone();
    for batch in table.with_keys() {
        let batch = columns.chosen(&batch?)?;
        let cells = Cells::of(&batch, &name, columns)?;
        for i in 0..cells.keys.len() {
            look(cells.answer(i)?)?;
        }
        done(cells.keys.len() as u64);
    }
    Ok(())
}

/// A batch's columns in the types that they have here.
struct Cells<'a> {
    name: &'a str,
    columns: &'a Columns,
    keys: StringArray,
    paths: Option<StringArray>,
    errors: Option<StringArray>,
    truths: Option<StringArray>,
    predictions: Vec<StringArray>,
    scores: Option<Float64Array>,
    rejected: Option<BooleanArray>,
    seconds: Option<Float64Array>,
    groups: Option<StringArray>,
    splits: Option<StringArray>,
}

impl<'a> Cells<'a> {
    fn of(batch: &RecordBatch, name: &'a str, columns: &'a Columns) -> Result<Cells<'a>, Error> {
        let classes = |column: &String| {
            let names = names(batch, column)?;
            Ok::<_, Error>(columns.spelled.names(names))
        };
        Ok(Cells {
            name,
            columns,
            keys: column::text(batch, column::KEY)?.expect("every row was given a key"),
            paths: column::text(batch, column::PATH)?,
            errors: column::text(batch, column::ERROR)?,
            truths: columns.truth.as_ref().map(classes).transpose()?,
            predictions: columns.predictions.iter().map(classes).collect::<Result<_, _>>()?,
            scores: columns.score.as_ref().map(|column| numbers(batch, column)).transpose()?,
            rejected: batch
                .column_by_name(column::REJECTED)
                .map(|column| booleans(column, column::REJECTED))
                .transpose()?,
            seconds: batch.column_by_name(SECONDS).map(|_| numbers(batch, SECONDS)).transpose()?,
            groups: columns.by.as_ref().map(|column| names(batch, column)).transpose()?,
            splits: column::text(batch, column::SPLIT)?,
        })
    }

    fn answer(&self, i: usize) -> Result<Answer<'_>, Failure> {
        let at = |column: &'_ Option<StringArray>| column.as_ref().is_some_and(|c| c.is_valid(i));
        let failed = at(&self.errors);
        let truth = self.truths.as_ref().filter(|_| at(&self.truths)).map(|c| c.value(i));
        let mut predictions = self.predictions.iter().map(|p| p.is_valid(i).then(|| p.value(i)));
        let best = self.predictions[0].is_valid(i).then(|| self.predictions[0].value(i));
        let rank = predictions.position(|p| p.is_some() && p == truth).map_or(0, |place| place as u8 + 1);
        let score = if failed { None } else { self.score(i, best)? };
        let seconds = self.seconds.as_ref().filter(|s| !failed && s.is_valid(i)).map(|s| s.value(i));
        if let Some(seconds) = seconds.filter(|s| !(s.is_finite() && *s >= 0.0)) {
            return Err(self.wrong(i, &format!("{seconds} is no time in column `{SECONDS}`"), "drop the column"));
        }
        Ok(Answer {
            key: self.keys.value(i),
            path: self.paths.as_ref().filter(|_| at(&self.paths)).map(|c| c.value(i)),
            failed,
            truth,
            best,
            rank,
            score,
            rejected: self.rejected.as_ref().is_some_and(|r| r.is_valid(i) && r.value(i)),
            learnt: self
                .splits
                .as_ref()
                .is_some_and(|s| s.is_valid(i) && Split::named(s.value(i)) == Some(Split::Train)),
            seconds,
            group: self.groups.as_ref().filter(|_| at(&self.groups)).map(|c| c.value(i)),
        })
    }

    /// The score of a row; one without a prediction may have none, which is 0.
    fn score(&self, i: usize, best: Option<&str>) -> Result<Option<f64>, Failure> {
        let (Some(scores), Some(column)) = (&self.scores, &self.columns.score) else { return Ok(None) };
        if scores.is_null(i) {
            return match best {
                None => Ok(Some(0.0)),
                Some(_) => {
                    let hint = "a prediction without a score cannot be ranked; name no score column, or drop the row";
                    Err(self.wrong(i, &format!("has a prediction, and no score in column `{column}`"), hint))
                }
            };
        }
        let score = scores.value(i);
        if (0.0..=1.0).contains(&score) {
            return Ok(Some(score));
        }
        let hint = "scores are probabilities; turn logits into them by softmax, distances by calibration";
        Err(self.wrong(i, &format!("the score {score} of column `{column}` is not in [0, 1]"), hint))
    }

    fn wrong(&self, i: usize, problem: &str, hint: &str) -> Failure {
        Failure::failed(format!("{}: row {}: {problem}", self.name, self.keys.value(i)), Some(hint.into()))
    }
}

/// A column of class names: text, or whole numbers as text.
pub fn names(batch: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    let column = batch.column_by_name(name).expect("the columns were found");
    let column = match column.data_type() {
        DataType::Dictionary(_, values) => arrow_cast::cast(column, values).expect("a dictionary has values"),
        _ => column.clone(),
    };
    if column.data_type().is_integer() || column.data_type() == &DataType::Boolean {
        let text = arrow_cast::cast(&column, &DataType::Utf8).expect("every whole number has a text");
        return Ok(text.as_string::<i32>().clone());
    }
    if column.data_type().is_floating() {
        // What pandas makes of whole numbers beside missing ones, which are NaN where they are not null.
        let numbers = arrow_cast::cast(&column, &DataType::Float64).expect("no number is too large");
        let numbers = numbers.as_primitive::<Float64Type>();
        if numbers.iter().flatten().any(|x| !x.is_nan() && x.fract() != 0.0) {
            return Err(wrong_type(name, "whole numbers", "fractions".into()));
        }
        return Ok(numbers.iter().map(|x| x.filter(|x| !x.is_nan()).map(|x| (x + 0.0).to_string())).collect());
    }
    Ok(column::text(batch, name)?.expect("the column is there"))
}

/// A column of numbers: of any type of number, or their text.
fn numbers(batch: &RecordBatch, name: &str) -> Result<Float64Array, Error> {
    let column = batch.column_by_name(name).expect("the columns were found");
    let numeric = column.data_type().is_numeric() || column.data_type() == &DataType::Null;
    let text = if numeric { None } else { column::text(batch, name).ok().flatten() };
    if !numeric && text.is_none() {
        return Err(wrong_type(name, "numbers", column.data_type().to_string()));
    }
    let column: ArrayRef = match text {
        Some(text) => std::sync::Arc::new(text),
        None => column.clone(),
    };
    let strict = arrow_cast::CastOptions { safe: false, ..Default::default() };
    let numbers = arrow_cast::cast_with_options(&column, &DataType::Float64, &strict)
        .map_err(|_| wrong_type(name, "numbers", first_that_is_not(&column, |t| t.parse::<f64>().is_ok())))?;
    Ok(numbers.as_primitive::<Float64Type>().clone())
}

fn booleans(column: &ArrayRef, name: &str) -> Result<BooleanArray, Error> {
    let wrong = || wrong_type(name, "true or false", column.data_type().to_string());
    if column.data_type().is_nested() || column.data_type().is_binary() {
        return Err(wrong());
    }
    let strict = arrow_cast::CastOptions { safe: false, ..Default::default() };
    let booleans = arrow_cast::cast_with_options(column, &DataType::Boolean, &strict).map_err(|_| wrong())?;
    Ok(booleans.as_boolean().clone())
}

fn wrong_type(column: &str, expected: &'static str, found: String) -> Error {
    Error::ColumnType { column: column.into(), expected, found }
}

/// The first cell of a text column that fails a test, quoted, or the column's type.
fn first_that_is_not(column: &ArrayRef, test: fn(&str) -> bool) -> String {
    let cell = column.as_string_opt::<i32>().and_then(|text| text.iter().flatten().find(|cell| !test(cell)));
    cell.map_or_else(|| column.data_type().to_string(), |cell| format!("\"{cell}\""))
}
