//! `classify`: says which class each image is of, and when it does not know.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::args::{Engines, ImageInputs, Part, Work, default_format, number};
use crate::classify::{self, Classes, Options, Predictions, RollUp};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::io::{Sink, Target};
use crate::model;
use crate::model::classifier::Detection;
use crate::output::format::Format;
use crate::output::{self, ensure_no_input, ensure_whole_in_place};
use crate::progress::Progress;
use crate::stage::Stage;
use crate::table::column;

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
  pokedex classify photos/ --roll-up line,type --min-score 0.9
  pokedex classify new/ --head head.parquet --roll-up family,order --groups taxa.csv
  pokedex classify photos/ --format paths -0 | xargs -0 ls -l
  pokedex classify embeddings.parquet --format parquet | pokedex evaluate -")]
pub(super) struct Classify {
    #[command(flatten)]
    inputs: ImageInputs,

    #[command(flatten)]
    part: Part,

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

    /// Where a class is rejected, answer its group, of the first of these levels where one is likely enough: line,type, or columns of --groups
    #[arg(long, help_heading = "Rejection", value_name = "COLUMNS", value_delimiter = ',', num_args = 1)]
    roll_up: Vec<String>,

    /// What classes are kinds of: a table or CSV with `label` and a column a level [default: the Pokédex; with --index that table]
    #[arg(long, help_heading = "Rejection", value_name = "TABLE", requires = "roll_up")]
    groups: Option<PathBuf>,

    /// A group that is less likely is no answer
    #[arg(long, help_heading = "Rejection", default_value_t = 0.65, value_name = "X", requires = "roll_up", value_parser = share)]
    min_group_score: f32,

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
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let target = Target::parse(self.output.as_deref());
        let format = self.format(&target)?;
        let inputs = self.part.of(self.inputs.to_inputs());
        let others = [&self.head, &self.labels, &self.index, &self.groups].into_iter().flatten().map(|path| &**path);
        ensure_no_input(self.output.as_deref(), others, "predictions")?;
        if format != Format::Parquet {
            let paths = inputs.paths.iter().map(|path| &**path);
            ensure_no_input(self.output.as_deref(), paths, "predictions")?;
        }
        let (first, table) = inputs.images_or_vectors()?.with_unique_keys().peek()?;
        let stage = classify::Classify::load(&self.classes()?, &table, first.as_ref(), &self.options(), ui)?;
        let schema = stage.schema(&table.schema);
        ensure_whole_in_place(self.output.as_deref(), &inputs.paths, &table.schema, &schema)?;
        let sink = Sink::open(&target, format == Format::Parquet)?;
        let mut footer = table.provenance.clone();
        stage.describe(&mut footer);
        let mut predictions = Predictions::start(sink, format, self.inputs.null(), &schema, &footer)?;
        let stage = Arc::new(stage);
        let tally = self.work.work().run(table, &stage, ui, |batch| predictions.write(&batch))?;
        let rejected = predictions.finish()?;
        stage.finish().iter().for_each(|trouble| ui.warn(trouble));
        ui.done(&format!("classify: {tally}, {rejected} unknown, by {}", stage.identity()));
        Ok(self.work.exit(&tally))
    }

    fn format(&self, target: &Target) -> Result<Format, Failure> {
        let default = match target {
            Target::Stdout => default_format(target, Format::Table, Format::Tsv),
            _ => Format::Parquet,
        };
        output::format(target, self.format, default)
    }

    fn options(&self) -> Options {
        Options {
            column: self.vector_column.clone(),
            model: self.model.clone(),
            engine: self.engines.engine,
            device: self.engines.device,
            threads: self.work.threads(),
            cache: !self.no_cache,
            top: self.top.into(),
            min_score: self.min_score,
            min_margin: self.min_margin,
            roll_up: (!self.roll_up.is_empty()).then(|| RollUp {
                levels: self.roll_up.clone(),
                groups: self.groups.clone(),
                least: self.min_group_score,
            }),
            boxes: self.boxes,
            record_time: self.record_time,
        }
    }

    /// What decides.
    fn classes(&self) -> Result<Classes, Failure> {
        let adapts = |model: &&String| model.contains('/') && model::is_adapter(model.as_str().as_ref());
        let is_ready = |model: &&String| {
            let other = self.labels.is_none() && model.contains('/') && !model::is_parquet(model.as_ref());
            model.ends_with(".onnx") || (other && !adapts(model))
        };
        let ready = self.model.as_ref().filter(is_ready);
        Ok(match (&self.head, &self.labels, &self.index, ready) {
            (Some(head), ..) => Classes::Head(head.clone()),
            (_, labels, None, Some(file)) => {
                if !self.prompts.is_empty() || self.scale.is_some() {
                    return Err(Failure::usage(
                        "--prompt and --scale are for models that read words",
                        "leave them out, or name such a model: --model clip-vit-b32",
                    ));
                }
                let detection = Detection { confidence: self.confidence, iou: self.iou, ..Detection::default() };
                Classes::Ready { file: file.into(), labels: labels.clone(), detection }
            }
            (_, Some(labels), ..) => {
                Classes::Words { labels: labels.clone(), prompts: self.prompts.clone(), scale: self.scale }
            }
            (_, _, Some(table), _) => Classes::Neighbours { table: table.clone(), count: self.neighbours as usize },
            _ => match self.model.as_deref() {
                None | Some("pokedex-mini" | "builtin" | "unknown") => Classes::Pokedex,
                Some(_) if self.model.as_ref().is_some_and(|model| adapts(&model)) => Classes::Pokedex,
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
        })
    }
}

fn positive(text: &str) -> Result<f32, String> {
    number(text, |x: &f32| *x > 0.0 && x.is_finite(), "a number above 0")
}

fn share(text: &str) -> Result<f32, String> {
    number(text, |x| (0.0..=1.0).contains(x), "a number from 0 to 1")
}
