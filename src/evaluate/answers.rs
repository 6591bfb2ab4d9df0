//! Predictions row by row, whoever wrote the table.

use std::path::Path;

use arrow_array::{Array, BooleanArray, Float64Array, RecordBatch, StringArray};

use super::Options;
use super::cells::{booleans, names, numbers};
use super::spelling::Spelled;
use crate::failure::Failure;
use crate::table::split::Split;
use crate::table::{Error, Source, Table, column};

/// The prediction's and the score's column where none is named.
const PREDICTION: &str = "prediction_1";
const SCORE: &str = "score_1";
/// How long the row took.
const SECONDS: &str = "seconds";
/// Predictions that are looked at.
const MOST: usize = 5;

/// Opens a table of predictions, whoever wrote it.
///
/// # Errors
/// It cannot be read, or is no table.
pub(super) fn open(path: &Path) -> Result<Source, Failure> {
    let hint = format!("pokedex classify {} --format parquet | pokedex evaluate -", path.display());
    Ok(Source::open_all_or_csv(path, &hint)?)
}

/// Which columns say what.
#[derive(Debug)]
pub(super) struct Columns {
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
    pub(super) fn find(table: &Table, options: &Options) -> Result<Columns, Failure> {
        needed(table, &options.truth, "--truth COLUMN names the column that holds the true class")?;
        for column in options.by.as_deref().into_iter().chain(options.split.as_ref().map(|_| column::SPLIT)) {
            table.require(column)?;
        }
        let columns = Columns::find_other(table, options)?;
        Ok(Columns { truth: Some(options.truth.clone()), by: options.by.clone(), ..columns })
    }

    /// Finds the columns in a table whose truth another table holds.
    ///
    /// # Errors
    /// As [`Columns::find`].
    pub(super) fn find_other(table: &Table, options: &Options) -> Result<Columns, Failure> {
        let first = options.prediction.as_deref().unwrap_or(PREDICTION);
        let hint = "--prediction COLUMN names the column that holds the best prediction; `pokedex classify` writes one";
        needed(table, first, hint)?;
        let stem = first.strip_suffix('1').filter(|stem| stem.ends_with('_')).unwrap_or("prediction_");
        let further = (2..=MOST).map(|n| format!("{stem}{n}")).take_while(|name| table.has(name));
        let predictions = std::iter::once(first.to_string()).chain(further).collect();
        let score = match &options.score {
            Some(score) => {
                needed(table, score, "--score COLUMN names the column that holds the best prediction's probability")?;
                Some(score.clone())
            }
            // The score of another column than the one that is evaluated would say nothing.
            None => Some(SCORE.to_string()).filter(|score| first == PREDICTION && table.has(score)),
        };
        let own = [column::KEY, column::PATH, column::ERROR, column::REJECTED, column::SPLIT, SECONDS];
        let own = own.into_iter().filter(|name| table.has(name)).collect();
        let split = options.split.clone().filter(|_| table.has(column::SPLIT));
        Ok(Columns { truth: None, predictions, score, by: None, split, own, spelled: Spelled::AsTheyAre })
    }

    /// The columns that hold classes.
    pub(super) fn classes(&self) -> impl Iterator<Item = &str> {
        self.truth.iter().chain(&self.predictions).map(String::as_str)
    }

    /// Whether a column is worth reading.
    pub(super) fn wants(&self, name: &str) -> bool {
        let named = [&self.truth, &self.score, &self.by].into_iter().flatten().chain(&self.predictions);
        named.into_iter().any(|column| column == name) || self.own.contains(&name)
    }

    /// The rows of the split that is asked for.
    pub(super) fn chosen(&self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
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
    pub(super) fn has_top5(&self) -> bool {
        self.predictions.len() > 1
    }
}

fn needed(table: &Table, name: &str, hint: &str) -> Result<(), Failure> {
    table.require(name).map_err(|e| Failure::failed(e.to_string(), Some(hint.into())))
}

/// What a table says about one row.
pub(super) struct Answer<'a> {
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

impl<'a> Answer<'a> {
    /// The answer, unless an earlier stage could not process the row.
    pub(super) fn sound(self) -> Option<Answer<'a>> {
        (!self.failed).then_some(self)
    }
}

/// Shows every row of a table to `look`, and the number of rows of each batch to `done`.
///
/// # Errors
/// The table cannot be read, a column is of a wrong type, a score is no probability, or `look` fails.
pub(super) fn each(
    table: Table,
    columns: &Columns,
    mut look: impl FnMut(Answer) -> Result<(), Failure>,
    mut done: impl FnMut(u64) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let name = table.name.clone();
    for batch in table.with_keys() {
        let batch = columns.chosen(&batch?)?;
        let cells = Cells::of(&batch, &name, columns)?;
        for i in 0..cells.keys.len() {
            look(cells.answer(i)?)?;
        }
        done(cells.keys.len() as u64)?;
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
