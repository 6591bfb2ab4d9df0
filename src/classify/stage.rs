//! The stage: rows with pictures or vectors to rows with predictions.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, BooleanArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};

use super::groups::{Groups, RollUp};
use super::judge::{Found, Judge};
use super::sources::Wishes;
use super::{Classes, Options, ROLLED_UP, ROLLED_UP_LEVEL, ROLLED_UP_SCORE, SECONDS, classes, neighbours};
use crate::failure::Failure;
use crate::head::Verdict;
use crate::progress::Progress;
use crate::species;
use crate::stage::{Done, Skipped, Stage};
use crate::table::boxes::{self, Bounds};
use crate::table::{Provenance, Table, column};

/// Rows that one thread works on at a time: where images are looked at, and where vectors are there already.
const SLICE_OF_IMAGES: usize = 8;
const SLICE_OF_VECTORS: usize = 512;

/// Adds the best classes of every row, with their probabilities, and whether to believe them.
pub struct Classify {
    judge: Judge,
    top: usize,
    groups: Option<Groups>,
    boxes: bool,
    record_time: bool,
    /// What the table is called.
    name: String,
}

impl Classify {
    /// Makes ready what decides on the classes of this table's rows, of which `first` are the first.
    ///
    /// # Errors
    /// The classes cannot be read or a model cannot be loaded, or the table has neither vectors of the model that is
    /// needed nor pictures.
    pub fn load(
        classes: &Classes,
        table: &Table,
        first: Option<&RecordBatch>,
        options: &Options,
        progress: &dyn Progress,
    ) -> Result<Classify, Failure> {
        let wishes = Wishes { table, first, options };
        let mut judge = match classes {
            Classes::Pokedex => classes::pokedex(&wishes)?,
            Classes::Head(file) => classes::trained(&wishes, file)?,
            Classes::Words { labels, prompts, scale } => classes::zero_shot(&wishes, labels, prompts, *scale)?,
            Classes::Neighbours { table, count } => neighbours::index(&wishes, table, *count)?,
            Classes::Ready { file, labels, detection } => {
                classes::ready(&wishes, file, labels.as_deref(), *detection, progress)?
            }
        };
        if options.boxes && !judge.detects() {
            return Err(Failure::usage(
                "--boxes: only a detector has boxes",
                "pokedex classify photos/ --model yolo11n.onnx --boxes --format jsonl",
            ));
        }
        let doubt = judge.doubt_mut();
        doubt.min_score = options.min_score.unwrap_or(doubt.min_score);
        doubt.min_margin = options.min_margin.unwrap_or(doubt.min_margin);
        let groups = options.roll_up.as_ref().map(|wanted| groups(wanted, classes, &mut judge)).transpose()?;
        Ok(Classify {
            groups,
            top: options.top.min(judge.labels().len()),
            boxes: options.boxes,
            record_time: options.record_time,
            name: table.name.clone(),
            judge,
        })
    }

    /// What decides, and its version.
    pub fn identity(&self) -> &str {
        self.judge.identity()
    }

    /// Ends the work; what the caches have to say.
    pub fn finish(&self) -> Vec<String> {
        self.judge.finish()
    }
}

impl Stage for Classify {
    const NAME: &'static str = "classify";

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        let mut schema = column::drop_field(input, column::IMAGE);
        schema = column::put_field(&schema, column::field(column::ERROR, DataType::Utf8));
        for place in 1..=self.top {
            schema = column::put_field(&schema, column::field(&column::prediction(place), DataType::Utf8));
            schema = column::put_field(&schema, column::field(&column::score(place), DataType::Float32));
        }
        schema = column::put_field(&schema, column::field(column::REJECTED, DataType::Boolean));
        // What was answered by other predictions would not go with these.
        let kinds = [DataType::Utf8, DataType::Utf8, DataType::Float32];
        for (name, kind) in [ROLLED_UP, ROLLED_UP_LEVEL, ROLLED_UP_SCORE].into_iter().zip(kinds) {
            schema = match self.groups {
                Some(_) => column::put_field(&schema, column::field(name, kind)),
                None => column::drop_field(&schema, name),
            };
        }
        if self.boxes {
            schema = column::put_field(&schema, boxes::field());
        }
        if self.record_time {
            schema = column::put_field(&schema, column::field(SECONDS, DataType::Float32));
        }
        schema
    }

    fn describe(&self, footer: &mut Provenance) {
        footer.set("schema", "predictions");
        footer.set("head", self.judge.identity());
        footer.set("classes", serde_json::to_string(self.judge.labels()).expect("texts"));
    }

    fn slice(&self) -> usize {
        if self.judge.looks_at_images() { self.judge.batch().max(SLICE_OF_IMAGES) } else { SLICE_OF_VECTORS }
    }

    fn rows(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<Done, Failure> {
        let started = Instant::now();
        let keys = column::text(batch, column::KEY)?
            .ok_or_else(|| column::missing(&batch.schema(), column::KEY, &self.name))?;
        let rows = self.judge.rows(batch, (self.top, self.groups.as_ref()), &self.name)?;
        let seconds = started.elapsed().as_secs_f32() / rows.len().max(1) as f32;
        let labels = self.judge.labels();
        let mut new: Vec<(String, ArrayRef)> = Vec::new();
        for place in 0..self.top {
            let best =
                |row: &Found| row.verdict.as_ref().ok().and_then(|verdict: &Verdict| verdict.best.get(place)).copied();
            let names: StringArray =
                rows.iter().map(|row| best(row).map(|(class, _)| labels[class as usize].as_str())).collect();
            let scores: Float32Array = rows.iter().map(|row| best(row).map(|(_, score)| score)).collect();
            new.push((column::prediction(place + 1), Arc::new(names)));
            new.push((column::score(place + 1), Arc::new(scores)));
        }
        // A failed row is accepted by nobody who asks for `not rejected`.
        let rejected: BooleanArray =
            rows.iter().map(|row| Some(row.verdict.as_ref().map_or(true, |verdict| verdict.rejected))).collect();
        new.push((column::REJECTED.into(), Arc::new(rejected)));
        let errors: StringArray = rows.iter().map(|row| row.verdict.as_ref().err()).collect();
        new.push((column::ERROR.into(), Arc::new(errors)));
        if let Some(groups) = &self.groups {
            new.extend(answers(&rows, labels, groups));
        }
        if self.boxes {
            new.push((column::BOXES.into(), found_boxes(&rows, labels)));
        }
        if self.record_time {
            let seconds: Float32Array = rows.iter().map(|row| row.verdict.is_ok().then_some(seconds)).collect();
            new.push((SECONDS.into(), Arc::new(seconds)));
        }
        let problem = |row: &Found| row.verdict.as_ref().err().filter(|_| row.new).cloned();
        let skipped = (0..rows.len())
            .filter_map(|i| problem(&rows[i]).map(|problem| Skipped { key: keys.value(i).into(), problem }));
        let flaw = |row: &Found| row.flaw.as_ref().filter(|_| row.verdict.is_ok()).map(ToString::to_string);
        let flawed = (0..rows.len())
            .filter_map(|i| flaw(&rows[i]).map(|problem| Skipped { key: keys.value(i).into(), problem }));
        let flawed = flawed.collect();
        let new: Vec<(&str, ArrayRef)> = new.iter().map(|(name, column)| (name.as_str(), column.clone())).collect();
        Ok(Done { skipped: skipped.collect(), flawed, batch: column::put(batch, schema, &new) })
    }
}

/// What may be answered where these classes are in doubt.
fn groups(wanted: &RollUp, classes: &Classes, judge: &mut Judge) -> Result<Groups, Failure> {
    let table = match (&wanted.groups, classes) {
        (Some(table), _) => table,
        (None, Classes::Pokedex) => Path::new(species::TABLE_NAME),
        (None, Classes::Neighbours { table, .. }) => table,
        _ => {
            let hint = "--groups TABLE: a table or a CSV with a column `label` and a column for each level";
            return Err(Failure::usage("--roll-up: nothing says what these classes are kinds of", hint));
        }
    };
    if judge.detects() {
        let hint = "roll up a classifier of whole pictures, or count its boxes by class: --boxes --format jsonl";
        return Err(Failure::usage("--roll-up: a detector's scores are no probabilities that could be added up", hint));
    }
    let doubt = judge.doubt_mut();
    if doubt.min_score == 0.0 && doubt.min_margin == 0.0 {
        return Err(Failure::usage(
            "--roll-up: these classes are never in doubt",
            "say below what score they are: --min-score 0.5",
        ));
    }
    Groups::read(wanted, table, judge.labels())
}

/// The columns of the answer: the class where it is believed, else a group that is likely enough.
fn answers(rows: &[Found], labels: &[String], groups: &Groups) -> [(String, ArrayRef); 3] {
    let answer = |row: &Found| {
        let verdict = row.verdict.as_ref().ok()?;
        match verdict.best.first() {
            Some(&(class, score)) if !verdict.rejected => {
                Some((labels[class as usize].clone(), column::LABEL.to_string(), score))
            }
            _ => row.group.map(|group| {
                let (name, level) = groups.name(group);
                (name.to_string(), level.to_string(), group.score)
            }),
        }
    };
    let answers: Vec<Option<(String, String, f32)>> = rows.iter().map(answer).collect();
    let texts = |of: fn(&(String, String, f32)) -> &String| -> ArrayRef {
        Arc::new(answers.iter().map(|answer| answer.as_ref().map(of)).collect::<StringArray>())
    };
    let scores: Float32Array = answers.iter().map(|answer| answer.as_ref().map(|(.., score)| *score)).collect();
    [
        (ROLLED_UP.into(), texts(|(name, ..)| name)),
        (ROLLED_UP_LEVEL.into(), texts(|(_, level, _)| level)),
        (ROLLED_UP_SCORE.into(), Arc::new(scores)),
    ]
}

fn found_boxes(rows: &[Found], labels: &[String]) -> ArrayRef {
    let bounds = |found: &crate::model::classifier::Box| Bounds {
        label: Some(labels[found.class].clone()),
        class: Some(found.class as u32),
        score: Some(found.score),
        xyxy: found.xyxy,
    };
    let rows: Vec<Option<Vec<Bounds>>> =
        rows.iter().map(|row| row.verdict.is_ok().then(|| row.boxes.iter().map(bounds).collect())).collect();
    boxes::array(rows.iter().map(Option::as_deref))
}
