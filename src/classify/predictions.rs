//! Predictions, shown to people and to programs as they come.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use serde_json::{Map, Value};

use super::{ROLLED_UP, ROLLED_UP_LEVEL, ROLLED_UP_SCORE, SECONDS};
use crate::failure::Failure;
use crate::io::Sink;
use crate::output::format::{Format, number};
use crate::table::{Provenance, StreamFormat, Writer, column};
use crate::words::{cell, printable};

/// What a rejected row is called in text.
const UNKNOWN: &str = "unknown";

/// Where predictions go, in one of the formats.
pub struct Predictions {
    to: To,
    rejected: u64,
}

enum To {
    Parquet(Box<Writer>),
    Text { sink: Sink, format: Format, null: bool, top: usize, rows: u64, widths: Option<[usize; 3]> },
}

impl Predictions {
    /// Starts a table of this schema and footer, or a text; `null`: paths end with NUL bytes.
    ///
    /// # Errors
    /// The sink cannot be written.
    pub fn start(
        mut sink: Sink,
        format: Format,
        null: bool,
        schema: &SchemaRef,
        provenance: &Provenance,
    ) -> Result<Predictions, Failure> {
        if format == Format::Parquet {
            let writer = Writer::new(sink, schema, provenance, StreamFormat::Parquet)?;
            return Ok(Predictions { to: To::Parquet(Box::new(writer)), rejected: 0 });
        }
        let top = (1..).take_while(|&place| schema.index_of(&column::prediction(place)).is_ok()).count();
        let rolled_up = schema.index_of(ROLLED_UP).is_ok();
        head(&mut sink, format, top, rolled_up)?;
        Ok(Predictions { to: To::Text { sink, format, null, top, rows: 0, widths: None }, rejected: 0 })
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// It lacks a column of predictions, or the sink cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let rejected = batch.column_by_name(column::REJECTED).and_then(|c| c.as_boolean_opt());
        let errors = batch.column_by_name(column::ERROR);
        let unknown = |i: usize| rejected.is_some_and(|r| r.value(i)) && errors.is_none_or(|e| e.is_null(i));
        self.rejected += (0..batch.num_rows()).filter(|&i| unknown(i)).count() as u64;
        match &mut self.to {
            To::Parquet(writer) => writer.write(batch)?,
            To::Text { sink, format, null, top, rows, widths } => {
                let batch = Rows::of(batch, *top)?;
                if *format == Format::Table && widths.is_none() {
                    *widths = Some(batch.widths());
                    let failed = sink.failure();
                    batch.title(sink, widths.unwrap_or_default()).map_err(failed)?;
                }
                for row in 0..batch.len {
                    batch.write(row, *format, *null, *rows == 0, widths.unwrap_or_default(), sink)?;
                    *rows += 1;
                }
            }
        }
        Ok(())
    }

    /// Completes the output; how many rows are rejected, though nothing is wrong with them.
    ///
    /// # Errors
    /// The sink cannot be written.
    pub fn finish(self) -> Result<u64, Failure> {
        match self.to {
            To::Parquet(writer) => writer.finish()?,
            To::Text { mut sink, format, rows, .. } => {
                if format == Format::Json {
                    let failed = sink.failure();
                    writeln!(sink, "{}]", if rows > 0 { "\n" } else { "" }).map_err(failed)?;
                }
                sink.finish()?;
            }
        }
        Ok(self.rejected)
    }
}

/// What a text begins with.
fn head(sink: &mut Sink, format: Format, top: usize, rolled_up: bool) -> Result<(), Failure> {
    let failure = sink.failure();
    let failed = |e| Failure::from(failure(e));
    let mut names = vec![column::KEY.to_string()];
    names.extend((1..=top).flat_map(|place| [column::prediction(place), column::score(place)]));
    if rolled_up {
        names.extend([ROLLED_UP, ROLLED_UP_LEVEL, ROLLED_UP_SCORE].map(str::to_string));
    }
    match format {
        Format::Tsv => writeln!(sink, "{}", names.join("\t")).map_err(failed),
        Format::Csv => {
            names.push(column::REJECTED.into());
            names.push(column::ERROR.into());
            csv_line(sink, &names)
        }
        Format::Json => write!(sink, "[").map_err(failed),
        _ => Ok(()),
    }
}

fn csv_line(sink: &mut Sink, cells: &[String]) -> Result<(), Failure> {
    let failed = sink.failure();
    let mut writer = csv::Writer::from_writer(sink);
    writer.write_record(cells).map_err(|e| failed(e.into()))?;
    Ok(writer.flush().map_err(failed)?)
}

/// The columns of a batch that text shows.
struct Rows {
    len: usize,
    keys: StringArray,
    paths: Option<StringArray>,
    errors: Option<StringArray>,
    rejected: Option<BooleanArray>,
    best: Vec<(StringArray, Float32Array)>,
    /// What is answered, its level and its score, where classes are rolled up.
    rolled_up: Option<(StringArray, StringArray, Float32Array)>,
    boxes: Option<arrow_array::ListArray>,
    seconds: Option<Float32Array>,
}

impl Rows {
    fn of(batch: &RecordBatch, top: usize) -> Result<Rows, Failure> {
        let missing = |name: &str| column::missing(&batch.schema(), name, "predictions");
        let floats = |name: &str| batch.column_by_name(name).and_then(|c| c.as_primitive_opt().cloned());
        let mut best = Vec::with_capacity(top);
        for place in 1..=top {
            let (prediction, score) = (column::prediction(place), column::score(place));
            let names = column::text(batch, &prediction)?.ok_or_else(|| missing(&prediction))?;
            best.push((names, floats(&score).ok_or_else(|| missing(&score))?));
        }
        let rolled_up = column::text(batch, ROLLED_UP)?.zip(column::text(batch, ROLLED_UP_LEVEL)?);
        Ok(Rows {
            rolled_up: rolled_up.zip(floats(ROLLED_UP_SCORE)).map(|((name, level), score)| (name, level, score)),
            len: batch.num_rows(),
            keys: column::text(batch, column::KEY)?.ok_or_else(|| missing(column::KEY))?,
            paths: column::text(batch, column::PATH)?,
            errors: column::text(batch, column::ERROR)?,
            rejected: batch.column_by_name(column::REJECTED).and_then(|c| c.as_boolean_opt().cloned()),
            best,
            boxes: batch.column_by_name(column::BOXES).and_then(|c| c.as_list_opt().cloned()),
            seconds: floats(SECONDS),
        })
    }

    /// The label and score at a place; `None` where there is none.
    fn best(&self, row: usize, place: usize) -> Option<(&str, f32)> {
        let (names, scores) = self.best.get(place)?;
        names.is_valid(row).then(|| (names.value(row), scores.value(row)))
    }

    fn error(&self, row: usize) -> Option<&str> {
        self.errors.as_ref().filter(|e| e.is_valid(row)).map(|e| e.value(row))
    }

    /// A row with an error is accepted by nobody.
    fn is_rejected(&self, row: usize) -> bool {
        self.error(row).is_some() || self.rejected.as_ref().is_some_and(|r| r.is_valid(row) && r.value(row))
    }

    /// What a row that is rolled up is answered with: the name, the level, the score.
    fn rolled_up(&self, row: usize) -> Option<(&str, &str, f32)> {
        let (names, levels, scores) = self.rolled_up.as_ref()?;
        names.is_valid(row).then(|| (names.value(row), levels.value(row), scores.value(row)))
    }

    /// What text calls a row.
    fn answer(&self, row: usize) -> &str {
        match self.is_rejected(row) {
            true if self.error(row).is_none() => UNKNOWN,
            _ => self.best(row, 0).map_or("", |(label, _)| label),
        }
    }

    /// What people are shown for a row: a group with its level, else the class or that it is unknown; and the score of that.
    fn shown(&self, row: usize) -> (String, Option<f32>) {
        match self.rolled_up(row).filter(|_| self.is_rejected(row)) {
            Some((group, level, score)) => (printable(&format!("{group} ({level})")), Some(score)),
            None => (printable(self.answer(row)), self.best(row, 0).map(|(_, score)| score)),
        }
    }

    fn widths(&self) -> [usize; 3] {
        let width =
            |title: &str, cell: &dyn Fn(usize) -> usize| (0..self.len).map(cell).max().unwrap_or(0).max(title.len());
        let chars = |text: &str| printable(text).chars().count();
        let (keys, said) = (|row| chars(self.keys.value(row)), |row| self.shown(row).0.chars().count());
        [width(column::KEY, &keys), width("prediction", &said), 6]
    }

    fn title(&self, sink: &mut Sink, [key, answer, score]: [usize; 3]) -> std::io::Result<()> {
        let others = if self.best.len() > 1 { "  others" } else { "" };
        writeln!(sink, "{:<key$}  {:<answer$}  {:>score$}{others}", column::KEY, "prediction", "score")
    }

    fn write(
        &self,
        row: usize,
        format: Format,
        null: bool,
        first: bool,
        [key, answer, score]: [usize; 3],
        sink: &mut Sink,
    ) -> Result<(), Failure> {
        let failure = sink.failure();
        let failed = |e| Failure::from(failure(e));
        let four = |x: f32| format!("{x:.4}");
        let name = self.keys.value(row);
        match format {
            Format::Table => {
                let (shown, likely) = self.shown(row);
                let best = likely.map_or(String::new(), four);
                let from = usize::from(!self.is_rejected(row));
                let others = (from..self.best.len()).filter_map(|place| self.best(row, place));
                let others: Vec<String> = others.map(|(label, x)| format!("{} {x:.2}", printable(label))).collect();
                let said = self.error(row).map_or(shown, |_| "error".into());
                let line = format!("{:<key$}  {said:<answer$}  {best:>score$}  {}", printable(name), others.join(", "));
                writeln!(sink, "{}", line.trim_end()).map_err(failed)
            }
            Format::Tsv | Format::Csv => {
                let mut cells = vec![name.to_string()];
                for place in 0..self.best.len() {
                    let (label, x) = self.best(row, place).map_or(("", String::new()), |(label, x)| (label, four(x)));
                    let label = if place == 0 && format == Format::Tsv { self.answer(row) } else { label };
                    cells.extend([label.to_string(), x]);
                }
                if self.rolled_up.is_some() {
                    let said = self.rolled_up(row).map(|(name, level, x)| [name.into(), level.into(), four(x)]);
                    cells.extend(said.unwrap_or_default());
                }
                if format == Format::Csv {
                    cells.push(self.is_rejected(row).to_string());
                    cells.push(self.error(row).unwrap_or_default().into());
                    return csv_line(sink, &cells);
                }
                let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
                writeln!(sink, "{}", cells.join("\t")).map_err(failed)
            }
            Format::Json => {
                let comma = if first { "" } else { "," };
                write!(sink, "{comma}\n  {}", Value::Object(self.object(row))).map_err(failed)
            }
            Format::Jsonl => writeln!(sink, "{}", Value::Object(self.object(row))).map_err(failed),
            Format::Paths if self.is_rejected(row) => Ok(()),
            Format::Paths => {
                let path = self.paths.as_ref().filter(|p| p.is_valid(row)).map_or(name, |p| p.value(row));
                write!(sink, "{path}{}", if null { '\0' } else { '\n' }).map_err(failed)
            }
            Format::Parquet => unreachable!("it is no text"),
        }
    }

    fn object(&self, row: usize) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert(column::KEY.into(), self.keys.value(row).into());
        if let Some(paths) = self.paths.as_ref().filter(|p| p.is_valid(row)) {
            object.insert(column::PATH.into(), paths.value(row).into());
        }
        if let Some(error) = self.error(row) {
            object.insert(column::REJECTED.into(), true.into());
            object.insert(column::ERROR.into(), error.into());
            return object;
        }
        let best = (0..self.best.len()).filter_map(|place| self.best(row, place));
        let best = best.map(|(label, x)| serde_json::json!({ "label": label, "score": number(x) }));
        object.insert("predictions".into(), best.collect());
        object.insert(column::REJECTED.into(), self.is_rejected(row).into());
        if self.rolled_up.is_some() {
            let said = self.rolled_up(row);
            let said =
                said.map(|(label, level, x)| serde_json::json!({ "label": label, "level": level, "score": number(x) }));
            object.insert(ROLLED_UP.into(), said.into());
        }
        if let Some(boxes) = &self.boxes {
            let found = boxes.value(row);
            let found = found.as_struct();
            let text = found.column(0).as_string::<i32>();
            let floats = |at: usize| found.column(at).as_primitive::<arrow_array::types::Float32Type>();
            let of = |i: usize| {
                let corners: Vec<Value> = (3..7).map(|at| number(floats(at).value(i))).collect();
                serde_json::json!({ "label": text.value(i), "score": number(floats(2).value(i)), "xyxy": corners })
            };
            object.insert(column::BOXES.into(), (0..found.len()).map(of).collect());
        }
        if let Some(seconds) = self.seconds.as_ref().filter(|s| s.is_valid(row)) {
            object.insert(SECONDS.into(), number(seconds.value(row)));
        }
        object
    }
}
