//! `classify`: says which class each image is of, and when it does not know.

mod judge;
mod make;
mod output;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, BooleanArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};
use clap::Args;

use super::args::{Engines, ImageInputs, Work, default_format, number};
use super::results::Format;
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::head::Verdict;
use crate::io::Sink;
use crate::io::Target;
use crate::model;
use crate::output as names;
use crate::progress::Progress;
use crate::stage::Origin;
use crate::stage::{Done, Skipped, slices};
use crate::table::boxes::{self, Bounds};
use crate::table::{Error, Table, column};
use judge::{Found, Judge};

/// Rows that one thread works on at a time: where images are looked at, and where vectors are there already.
const SLICE_OF_IMAGES: usize = 8;
const SLICE_OF_VECTORS: usize = 512;

/// Say which class each image is of
///
/// With no option: which of the 1025 Pokémon, by the built-in model. --head uses what `train` learnt, --labels compares
/// images with words, --index lets the nearest rows of a table vote, and --model FILE.onnx runs a ready-made classifier
/// or a YOLO detector. Reads images, and tables that have images or the right model's vectors already.
///
/// Every row keeps its columns and gets its best classes with their probabilities, prediction_1 and score_1 first, and
/// `rejected` where the best score or its lead is too small to be believed: text output then says unknown. What is too
/// small is part of a head, and of the built-in classes; --min-score and --min-margin override it. --format paths lists the
/// images that are not rejected; -0 ends paths with NUL bytes, those that are read and those that are written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex classify drawing.png
  pokedex classify embeddings.parquet --head head.parquet -o predictions.parquet
  pokedex classify photos/ -o predictions.csv
  pokedex classify photos/ --model clip-vit-b32 --labels animals.txt --prompt \"a photo of a {}\" --prompt \"a {}\"
  pokedex classify new/ --index labelled.parquet --neighbours 5
  pokedex classify photos/ --model yolo11n.onnx --boxes --format jsonl
  pokedex classify photos/ --format paths -0 | xargs -0 ls -l
  pokedex classify embeddings.parquet --format parquet | pokedex evaluate -")]
pub struct Classify {
    #[command(flatten)]
    inputs: ImageInputs,

    /// A head that `train` made
    #[arg(long, help_heading = "Model", value_name = "HEAD", conflicts_with_all = ["labels", "index"])]
    head: Option<PathBuf>,

    /// A file with one label a line, to compare images with (of an ONNX classifier: the names of its classes)
    #[arg(long, help_heading = "Model", value_name = "FILE", conflicts_with = "index")]
    labels: Option<PathBuf>,

    /// What to say of a label, {} being the label; of several the mean counts [default: {}]
    #[arg(long = "prompt", help_heading = "Model", value_name = "TEXT", requires = "labels")]
    prompts: Vec<String>,

    /// What a cosine is multiplied by before softmax [default: 100; of the built-in model 20]
    #[arg(long, help_heading = "Model", value_name = "X", value_parser = positive, requires = "labels")]
    scale: Option<f32>,

    /// A table of labelled vectors, whose nearest rows vote
    #[arg(long, help_heading = "Model", value_name = "TABLE")]
    index: Option<PathBuf>,

    /// How many rows of the index vote
    #[arg(long, help_heading = "Model", default_value_t = 10, value_name = "N", requires = "index", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    neighbours: u32,

    /// A ready-made classifier (an .onnx file, or a folder with one); or with --labels the model that reads them, by name or folder
    #[arg(long, help_heading = "Model", value_name = "NAME|FILE|DIR")]
    model: Option<String>,

    /// Of a detector: boxes with a lower score are none
    #[arg(long, help_heading = "Detectors", default_value_t = 0.25, value_name = "X", value_parser = share)]
    confidence: f32,

    /// Of a detector: of two boxes that overlap by more than this share the better one stays
    #[arg(long, help_heading = "Detectors", default_value_t = 0.7, value_name = "X", value_parser = share)]
    iou: f32,

    /// Of a detector: keep all boxes, in a column `boxes` (pixels of the upright image)
    #[arg(long, help_heading = "Detectors")]
    boxes: bool,

    /// The column that holds the vectors
    #[arg(long, help_heading = "Input", default_value = column::EMBEDDING, value_name = "NAME")]
    vector_column: String,

    /// How many of the best classes to keep
    #[arg(short = 'n', long, help_heading = "Output", default_value_t = 5, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,

    /// Reject a row whose best score is lower [default: what the head says]
    #[arg(long, help_heading = "Rejection", value_name = "X", value_parser = share)]
    min_score: Option<f32>,

    /// Reject a row whose best score is not this much above the second [default: what the head says]
    #[arg(long, help_heading = "Rejection", value_name = "X", value_parser = share)]
    min_margin: Option<f32>,

    #[command(flatten)]
    engines: Engines,

    /// Neither use nor fill the cache of vectors
    #[arg(long, help_heading = "Work")]
    no_cache: bool,

    /// Add a column `seconds`: how long each row took
    #[arg(long, help_heading = "Output")]
    record_time: bool,

    /// How to show the result [default: what the file's name says, parquet where it says nothing; an aligned table on a terminal, else tsv]
    #[arg(long, help_heading = "Output", value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// Write to this file [default: standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    work: Work,
}

impl Classify {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let target = Target::parse(self.output.as_deref());
        let default = if target == Target::Stdout {
            default_format(&target, Format::Table, Format::Tsv)
        } else {
            Format::Parquet
        };
        let format = names::format(&target, self.format, default)?;
        let inputs = self.inputs.to_inputs();
        let others = [&self.head, &self.labels, &self.index].into_iter().flatten().map(|path| &**path);
        names::ensure_no_input(self.output.as_deref(), others, "predictions")?;
        if format != Format::Parquet {
            let paths = inputs.paths.iter().map(|path| &**path);
            names::ensure_no_input(self.output.as_deref(), paths, "predictions")?;
        }
        let table = inputs.images_or_vectors()?.with_unique_keys();
        let origin = Origin::of(&table);
        let (first, table) = table.peek()?;
        let (judge, name) = (self.judge(&table, first.as_ref(), ui)?, table.name.clone());
        let schema = self.schema(&table, &judge);
        names::ensure_whole_in_place(self.output.as_deref(), &inputs.paths, &table.schema, &schema)?;
        let sink = Sink::open(&target, format == Format::Parquet)?;
        let stage = Arc::new(Stage {
            schema,
            top: usize::from(self.top).min(judge.labels().len()),
            boxes: self.boxes,
            record_time: self.record_time,
            name,
            judge,
        });
        let mut provenance = table.provenance.clone();
        provenance.set("schema", "predictions");
        provenance.set("head", stage.judge.identity());
        provenance.set("classes", serde_json::to_string(stage.judge.labels()).expect("texts"));
        let mut output = output::Output::start(sink, format, self.inputs.null(), &stage.schema, &provenance)?;
        ui.start("classify", table.rows);
        let rows =
            if stage.judge.looks_at_images() { stage.judge.batch().max(SLICE_OF_IMAGES) } else { SLICE_OF_VECTORS };
        let worker = stage.clone();
        let work = move |batch: Result<RecordBatch, Error>| worker.classify(&batch?);
        let mut rejected = 0;
        let tally = self.work.work().drive(slices(table, rows), work, ui, |batch| {
            rejected += output.write(&batch)?;
            Ok(())
        })?;
        output.finish()?;
        origin.report(ui);
        stage.judge.finish().iter().for_each(|trouble| ui.warn(trouble));
        ui.done(&format!("classify: {tally}, {rejected} unknown, by {}", stage.judge.identity()));
        Ok(self.work.exit(&tally))
    }

    /// What decides, loaded and ready.
    fn judge(&self, table: &Table, first: Option<&RecordBatch>, ui: &dyn Progress) -> Result<Judge, Failure> {
        let is_ready = |model: &&String| {
            model.ends_with(".onnx")
                || (self.labels.is_none() && model.contains('/') && !model::is_parquet(model.as_ref()))
        };
        let ready = self.model.as_ref().filter(is_ready);
        let wishes = make::Wishes {
            table,
            first,
            column: &self.vector_column,
            model: self.model.as_deref(),
            engine: self.engines.engine,
            device: self.engines.device,
            threads: self.work.threads(),
            with_cache: !self.no_cache,
        };
        let judge = match (&self.head, &self.labels, &self.index, ready) {
            (Some(head), ..) => make::trained(&wishes, head)?,
            (_, labels, None, Some(file)) => {
                if !self.prompts.is_empty() || self.scale.is_some() {
                    return Err(Failure::usage(
                        "--prompt and --scale are for models that read words",
                        "leave them out, or name such a model: --model clip-vit-b32",
                    ));
                }
                make::ready(&wishes, file.as_ref(), labels.as_deref(), (self.confidence, self.iou), ui)?
            }
            (_, Some(labels), ..) => make::zero_shot(&wishes, labels, &self.prompts, self.scale)?,
            (_, _, Some(index), _) => make::index(&wishes, index, self.neighbours as usize)?,
            _ => match self.model.as_deref() {
                None | Some("pokedex-mini" | "builtin" | "unknown") => make::pokedex(&wishes)?,
                Some(model) => {
                    if model::is_parquet(model.as_ref()) {
                        let hint = format!("what `train` learnt is a head: --head {model}");
                        return Err(Failure::usage(format!("--model {model}: a table is no model"), hint));
                    }
                    let hint = format!(
                        "--labels FILE says which: pokedex classify photos/ --model {model} --labels labels.txt"
                    );
                    return Err(Failure::usage(format!("--model {model}: has no classes of its own"), hint));
                }
            },
        };
        if self.boxes && !judge.detects() {
            return Err(Failure::usage(
                "--boxes: only a detector has boxes",
                "pokedex classify photos/ --model yolo11n.onnx --boxes --format jsonl",
            ));
        }
        let mut judge = judge;
        let doubt = judge.doubt_mut();
        doubt.min_score = self.min_score.unwrap_or(doubt.min_score);
        doubt.min_margin = self.min_margin.unwrap_or(doubt.min_margin);
        Ok(judge)
    }

    fn schema(&self, table: &Table, judge: &Judge) -> SchemaRef {
        let mut schema = column::drop_field(&table.schema, column::IMAGE);
        schema = column::put_field(&schema, column::field(column::ERROR, DataType::Utf8));
        for place in 1..=usize::from(self.top).min(judge.labels().len()) {
            schema = column::put_field(&schema, column::field(&column::prediction(place), DataType::Utf8));
            schema = column::put_field(&schema, column::field(&column::score(place), DataType::Float32));
        }
        schema = column::put_field(&schema, column::field(column::REJECTED, DataType::Boolean));
        if self.boxes {
            schema = column::put_field(&schema, boxes::field());
        }
        if self.record_time {
            schema = column::put_field(&schema, column::field(SECONDS, DataType::Float32));
        }
        schema
    }
}

const SECONDS: &str = "seconds";

/// Everything that a thread needs to classify a slice of rows.
struct Stage {
    judge: Judge,
    schema: SchemaRef,
    top: usize,
    boxes: bool,
    record_time: bool,
    name: String,
}

impl Stage {
    fn classify(&self, batch: &RecordBatch) -> Result<Done, Failure> {
        let started = Instant::now();
        let keys = column::text(batch, column::KEY)?
            .ok_or_else(|| column::missing(&batch.schema(), column::KEY, &self.name))?;
        let rows = self.judge.rows(batch, self.top, &self.name)?;
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
        Ok(Done { skipped: skipped.collect(), flawed, batch: column::put(batch, &self.schema, &new) })
    }
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

fn positive(text: &str) -> Result<f32, String> {
    number(text, |x: &f32| *x > 0.0 && x.is_finite(), "a number above 0")
}

fn share(text: &str) -> Result<f32, String> {
    number(text, |x| (0.0..=1.0).contains(x), "a number from 0 to 1")
}
