//! The log of runs: one row for each training and each evaluation, so that figures can be compared months later.
//!
//! Hides: the layout of the log's table, and how a row is added while nobody sees half a file. Promises: a log only
//! grows, by one row a time, and numbers its rows 1, 2, …; two processes that append at once both have their row; a
//! file that is no log is never overwritten.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int32Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use serde_json::Value;

use crate::io::{self, Sink};
use crate::table::{self, Provenance, StreamFormat, Table, Writer, column};

/// `pokedex.schema` of a log.
const SCHEMA: &str = "runs";
/// Columns that hold one figure each, null where a run has none.
pub const NUMBERS: [&str; 7] = ["top1", "top5", "macro_f1", "ece", "aurc", "loss", "seconds"];

/// What can be wrong with a log.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error(transparent)]
    Table(#[from] table::Error),
    #[error("{name}: not a log of runs ({problem})")]
    NotALog { name: String, problem: String },
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Table(error.into())
    }
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Table(e) => e.hint(),
            Error::NotALog { .. } => Some("name a file that does not exist yet: --log runs.parquet".into()),
        }
    }
}

/// One run: what was done, with what, and what came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// `train` or `evaluate`; `finetune` of the package in `training/`.
    pub command: String,
    /// Identity of the head, where there is one.
    pub head: Option<String>,
    /// What the run read, as it was named.
    pub input: String,
    /// An object of settings by their flags' names.
    pub settings: Value,
    /// An object of figures by the names that `evaluate --format json` gives them.
    pub figures: Value,
    /// The share of rows whose best class is right.
    pub top1: Option<f64>,
    /// The share of rows whose class is among the best five.
    pub top5: Option<f64>,
    /// The mean F1 over the classes.
    pub macro_f1: Option<f64>,
    /// The expected calibration error.
    pub ece: Option<f64>,
    /// The area under the risk–coverage curve.
    pub aurc: Option<f64>,
    /// Of the validation rows, in nats a row.
    pub loss: Option<f64>,
    /// How long the run took.
    pub seconds: Option<f64>,
    /// How training went, where the run trained.
    pub curve: Option<Vec<Point>>,
}

/// A point of a training curve.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// Steps so far, over all penalties.
    pub iteration: i32,
    /// Mean log-loss of the rows that are learnt from, in nats.
    pub train_loss: Option<f64>,
    /// Mean log-loss of the validation rows, in nats.
    pub validation_loss: Option<f64>,
    /// The share of the validation rows that are right.
    pub validation_top1: Option<f64>,
}

impl Run {
    /// The figures in the order of [`NUMBERS`].
    pub fn numbers(&self) -> [Option<f64>; NUMBERS.len()] {
        [self.top1, self.top5, self.macro_f1, self.ece, self.aurc, self.loss, self.seconds]
    }
}

/// What sets each run apart from the others of its command: the settings that differ, as `name=value`.
pub fn distinctions(runs: &[&Run]) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => {
            let texts = values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_string));
            Some(texts.collect::<Vec<_>>().join(","))
        }
        other => Some(other.to_string()),
    };
    let of = |run: &Run| {
        let alike = |name: &String, value: &Value| {
            let same = |other: &&&Run| other.settings.get(name).unwrap_or(&Value::Null) == value;
            runs.iter().filter(|other| other.command == run.command).all(|other| same(&other))
        };
        let settings = run.settings.as_object().into_iter().flatten().filter(|(name, value)| !alike(name, value));
        let words = settings.filter_map(|(name, value)| Some(format!("{name}={}", text(value)?)));
        words.collect::<Vec<_>>().join(" ")
    };
    runs.iter().map(|run| of(run)).collect()
}

/// Whether a table is a log of runs, by its footer.
pub fn is_log(table: &Table) -> bool {
    table.provenance.get("schema") == Some(SCHEMA)
}

/// Adds a run to the log at `path`, making it where it does not exist, and returns the run's number. The file is
/// written anew and renamed, so a reader sees all of the run or none of it.
///
/// # Errors
/// The file is there and no log, or cannot be read or written.
pub fn append(path: &Path, run: &Run) -> Result<i32, Error> {
    let _alone = lock_folder(path)?;
    let mut runs = earlier(path)?;
    let number = runs.iter().map(|(number, _)| *number).max().unwrap_or(0) + 1;
    runs.push((number, run.clone()));
    let mut provenance = Provenance::default();
    provenance.set("schema", SCHEMA);
    let mut writer = Writer::new(Sink::create(path)?, &schema(), &provenance, StreamFormat::Parquet)?;
    writer.write(&batch(&runs))?;
    writer.finish()?;
    Ok(number)
}

/// As [`read`], and none where the log is yet to be made: worth a look before long work that will be logged.
///
/// # Errors
/// The file is there and no log, or cannot be read.
pub fn earlier(path: &Path) -> Result<Vec<(i32, Run)>, Error> {
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        // An empty file is what `mktemp` leaves for somebody to fill.
        Ok(file) if file.is_file() && file.len() == 0 => Ok(Vec::new()),
        _ => read(path),
    }
}

/// All runs of a log with their numbers, the oldest first.
///
/// # Errors
/// The file cannot be read or is no log.
pub fn read(path: &Path) -> Result<Vec<(i32, Run)>, Error> {
    read_table(Table::open(path)?)
}

/// As [`read`], from a table that is already open.
///
/// # Errors
/// It is no log.
pub fn read_table(table: Table) -> Result<Vec<(i32, Run)>, Error> {
    let not_a_log = |problem: String| Error::NotALog { name: table.name.clone(), problem };
    if !is_log(&table) {
        let found = table.provenance.get("schema").map_or("of another program".into(), |s| format!("a table of {s}"));
        return Err(not_a_log(format!("it is {found}")));
    }
    let expected = schema();
    for field in expected.fields() {
        match table.schema.field_with_name(field.name()) {
            Ok(found) if found.data_type().equals_datatype(field.data_type()) => {}
            Ok(found) => return Err(not_a_log(format!("its column `{}` is {}", field.name(), found.data_type()))),
            Err(_) => return Err(not_a_log(format!("it has no column `{}`", field.name()))),
        }
    }
    if let Some(field) = table.schema.fields().iter().find(|f| expected.field_with_name(f.name()).is_err()) {
        // Adding a row would drop the column.
        return Err(not_a_log(format!("it has a column `{}`, which no log has", field.name())));
    }
    let name = table.name.clone();
    let mut runs = Vec::new();
    for batch in table {
        let batch = batch?;
        for i in 0..batch.num_rows() {
            let run = run_of(&batch, i).map_err(|problem| Error::NotALog { name: name.clone(), problem })?;
            runs.push(run);
        }
    }
    Ok(runs)
}

/// Keeps other processes from appending to a log of the same folder; the file itself cannot be locked, since every
/// append replaces it. Where the system knows no locks, there are none.
fn lock_folder(path: &Path) -> Result<Option<File>, Error> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let folder = File::open(&folder).map_err(|source| io::Error::Write { path: path.to_path_buf(), source })?;
    Ok(folder.lock().is_ok().then_some(folder))
}

fn point_fields() -> Fields {
    Fields::from(vec![
        column::field("iteration", DataType::Int32),
        column::field("train_loss", DataType::Float64),
        column::field("validation_loss", DataType::Float64),
        column::field("validation_top1", DataType::Float64),
    ])
}

fn point_field() -> Arc<Field> {
    Arc::new(column::field("item", DataType::Struct(point_fields())))
}

/// The columns of a log.
fn schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let mut fields = vec![
        Field::new("run", DataType::Int32, false),
        text("command", false),
        text("head", true),
        text("input", false),
        text("settings", false),
        text("figures", false),
    ];
    fields.extend(NUMBERS.map(|name| column::field(name, DataType::Float64)));
    fields.push(column::field("curve", DataType::List(point_field())));
    Arc::new(Schema::new(fields))
}

fn batch(runs: &[(i32, Run)]) -> RecordBatch {
    let text = |of: fn(&Run) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(runs.iter().map(|(_, run)| of(run))))
    };
    let heads: StringArray = runs.iter().map(|(_, run)| run.head.as_deref()).collect();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(runs.iter().map(|(number, _)| *number))),
        text(|run| run.command.clone()),
        Arc::new(heads),
        text(|run| run.input.clone()),
        text(|run| run.settings.to_string()),
        text(|run| run.figures.to_string()),
    ];
    columns.extend((0..NUMBERS.len()).map(|at| {
        let numbers: Float64Array = runs.iter().map(|(_, run)| run.numbers()[at]).collect();
        Arc::new(numbers) as ArrayRef
    }));
    columns.push(Arc::new(curves(runs)));
    RecordBatch::try_new(schema(), columns).expect("columns of the schema")
}

fn curves(runs: &[(i32, Run)]) -> ListArray {
    let curve = |run: &Run| run.curve.as_ref().map_or(0, Vec::len);
    let offsets = OffsetBuffer::from_lengths(runs.iter().map(|(_, run)| curve(run)));
    let present: NullBuffer = runs.iter().map(|(_, run)| run.curve.is_some()).collect();
    let points = || runs.iter().filter_map(|(_, run)| run.curve.as_ref()).flatten();
    let numbers = |of: fn(&Point) -> Option<f64>| -> ArrayRef { Arc::new(points().map(of).collect::<Float64Array>()) };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(points().map(|p| p.iteration))),
        numbers(|p| p.train_loss),
        numbers(|p| p.validation_loss),
        numbers(|p| p.validation_top1),
    ];
    let points = StructArray::new(point_fields(), columns, None);
    ListArray::new(point_field(), offsets, Arc::new(points), Some(present))
}

/// Row `i` of a batch that has the columns of [`schema`].
fn run_of(batch: &RecordBatch, i: usize) -> Result<(i32, Run), String> {
    let text = |name: &str| {
        let column = batch[name].as_string::<i32>();
        column.is_valid(i).then(|| column.value(i).to_string())
    };
    let needed = |name: &str| text(name).ok_or_else(|| format!("row {i} has no `{name}`"));
    let json = |name: &str| {
        serde_json::from_str(&needed(name)?).map_err(|_| format!("the `{name}` of row {i} are no JSON object"))
    };
    let number = |name: &str| valid(batch[name].as_primitive::<Float64Type>(), i);
    let numbered = batch["run"].as_primitive::<Int32Type>();
    let curves = batch["curve"].as_list::<i32>();
    let curve = curves.is_valid(i).then(|| points_of(curves.value(i).as_struct()));
    let run = Run {
        command: needed("command")?,
        head: text("head"),
        input: needed("input")?,
        settings: json("settings")?,
        figures: json("figures")?,
        top1: number("top1"),
        top5: number("top5"),
        macro_f1: number("macro_f1"),
        ece: number("ece"),
        aurc: number("aurc"),
        loss: number("loss"),
        seconds: number("seconds"),
        curve,
    };
    Ok((if numbered.is_valid(i) { numbered.value(i) } else { 0 }, run))
}

fn points_of(points: &StructArray) -> Vec<Point> {
    let number = |at: usize, i: usize| valid(points.column(at).as_primitive::<Float64Type>(), i);
    let iterations = points.column(0).as_primitive::<Int32Type>();
    let point = |i| Point {
        iteration: if iterations.is_valid(i) { iterations.value(i) } else { 0 },
        train_loss: number(1, i),
        validation_loss: number(2, i),
        validation_top1: number(3, i),
    };
    (0..points.len()).map(point).collect()
}

fn valid(numbers: &Float64Array, i: usize) -> Option<f64> {
    numbers.is_valid(i).then(|| numbers.value(i))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(top1: f64) -> Run {
        Run {
            command: "train".into(),
            input: "e.parquet".into(),
            settings: serde_json::json!({"seed": 7}),
            figures: serde_json::json!({"top1": top1}),
            top1: Some(top1),
            curve: Some(vec![
                Point { iteration: 1, train_loss: Some(2.5), ..Point::default() },
                Point { iteration: 2, train_loss: Some(1.5), validation_loss: Some(2.0), validation_top1: Some(0.5) },
            ]),
            ..Run::default()
        }
    }

    #[test]
    fn runs_come_back_as_they_were_logged_and_are_numbered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("runs.parquet");
        let plain = Run { curve: None, head: Some("head@0123".into()), command: "evaluate".into(), ..run(0.25) };
        assert_eq!(append(&path, &run(0.5)).expect("appended"), 1);
        assert_eq!(append(&path, &plain).expect("appended"), 2);
        assert_eq!(append(&path, &run(0.75)).expect("appended"), 3);
        assert_eq!(read(&path).expect("a log"), [(1, run(0.5)), (2, plain), (3, run(0.75))]);
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
    }

    #[test]
    fn those_who_append_at_once_all_have_their_row() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("runs.parquet");
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || append(path, &run(f64::from(n))).expect("appended"));
            }
        });
        let numbers: Vec<i32> = read(&path).expect("a log").into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn what_is_no_log_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("other.parquet");
        let schema: SchemaRef = Arc::new(Schema::new(vec![column::key_field()]));
        let sink = Sink::create(&path).expect("writable");
        let writer = Writer::new(sink, &schema, &Provenance::default(), StreamFormat::Parquet).expect("a writer");
        writer.finish().expect("written");
        let before = std::fs::read(&path).expect("readable");
        let error = append(&path, &run(0.5)).expect_err("not a log");
        assert!(matches!(error, Error::NotALog { .. }), "{error}");
        assert_eq!(std::fs::read(&path).expect("readable"), before);
        std::fs::write(&path, "text").expect("writable");
        assert!(append(&path, &run(0.5)).is_err());
        assert_eq!(std::fs::read(&path).expect("readable"), b"text");
    }
}
