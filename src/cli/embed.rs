//! `embed`: adds a vector to every row.

use std::sync::Arc;

use clap::Args;

use super::args::{Engines, ImageInputs, Part, TableOutput, Work, free_name};
use crate::cli::exit::Exit;
use crate::embed::{self, Embedder, Options};
use crate::failure::Failure;
use crate::model::{Model, Use};
use crate::output::ensure_whole_in_place;
use crate::progress::Progress;
use crate::table::column;

/// Add the vectors of a model to images, or to a text column
///
/// Adds `embedding` (of length 1) and `embedding_model`. An image that cannot be read is named, and stays as a row
/// with an error and no vector. Vectors are kept in a cache by content and model: a run that was killed continues,
/// and files that were moved or renamed cost nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex embed photos/ -o embeddings.parquet
  pokedex embed photos/ --model clip-vit-b32 -o embeddings.parquet
  pokedex embed s3://bucket/photos/ --shard 3/100 -o s3://bucket/shards/3.parquet
  pokedex convert-rgb artwork/ | pokedex embed - -j 4 -o embeddings.parquet
  pokedex embed photos/ --model yolo11n.onnx --layer NAME --as yolo -o embeddings.parquet
  pokedex embed books.parquet --text title --as title_embedding -o books-embedded.parquet
  find . -name '*.png' | pokedex embed - --model ./my-model -o embeddings.parquet")]
pub(super) struct Embed {
    #[command(flatten)]
    inputs: ImageInputs,

    #[command(flatten)]
    part: Part,

    /// A model's name, or its folder (with a slash), and perhaps a variant (clip:int8); or an .onnx file; see
    /// `pokedex model`
    #[arg(long, help_heading = "Model", default_value = "pokedex-mini", value_name = "NAME|DIR|FILE")]
    model: String,

    /// The output of an .onnx file, or a value inside its graph, that is the vector; the mean of one with a height and a
    /// width (the same as FILE.onnx#NAME)
    #[arg(long, help_heading = "Model", value_name = "NAME")]
    layer: Option<String>,

    /// Embed this text column instead of images
    #[arg(long, help_heading = "Input", value_name = "COLUMN")]
    text: Option<String>,

    /// Name of the new column
    #[arg(long = "as", help_heading = "Output", default_value = column::EMBEDDING, value_name = "NAME", value_parser = free_name)]
    name: String,

    /// Images that go through the model at once [default: 1 for small models, 4 for ONNX models]
    #[arg(long, help_heading = "Model", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: Option<u16>,

    #[command(flatten)]
    engines: Engines,

    /// Keep the images themselves in the table
    #[arg(long, help_heading = "Output")]
    keep_images: bool,

    /// Neither use nor fill the cache
    #[arg(long, help_heading = "Work")]
    no_cache: bool,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl Embed {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let model = self.model()?;
        let batch = self.batch_size(&model)?;
        if let Some(note) = model.note() {
            ui.warn(&format!("{}: {note}", model.id()));
        }
        let inputs = self.part.of(self.inputs.to_inputs());
        let table = match &self.text {
            None => inputs.images()?,
            Some(_) => inputs.rows(|_| "`--text` embeds a column of a table; without it images are embedded".into())?,
        };
        let table = table.with_unique_keys();
        let sink = self.output.open()?;
        let options = self.options(batch);
        let schema = options.schema(&table.schema, &model);
        ensure_whole_in_place(self.output.output.as_deref(), &inputs.paths, &table.schema, &schema)?;
        // No more calls at once than there are slices.
        let most = table.rows.map_or(usize::MAX, |rows| rows.div_ceil(batch as u64).try_into().unwrap_or(usize::MAX));
        let use_ = Use::Bulk { calls: self.work.threads().min(most) };
        let stage = Arc::new(embed::Embed::load(model, options, use_)?);
        let start = |schema: &_, footer: &_| self.output.start(sink, schema, footer);
        let tally = self.work.work().write(table, &stage, start, ui)?;
        stage.finish().iter().for_each(|trouble| ui.warn(trouble));
        let counts = match stage.counts() {
            Some((computed, cached)) => format!("{computed} computed, {cached} from the cache"),
            None => format!("{} computed", tally.rows - tally.skipped),
        };
        ui.done(&format!("embed: {tally}, {counts}, by {}, {}", stage.model().id(), stage.engine()));
        Ok(self.work.exit(&tally))
    }

    fn model(&self) -> Result<Model, Failure> {
        let engine = self.engines.engine;
        match &self.layer {
            None => Ok(Model::find(&self.model, engine)?),
            Some(layer) if self.model.ends_with(".onnx") => {
                Ok(Model::find(&format!("{}#{layer}", self.model), engine)?)
            }
            Some(_) => Err(Failure::usage(
                "`--layer` names a value of an .onnx file, which `--model` is not",
                "--model FILE.onnx --layer NAME",
            )),
        }
    }

    fn options(&self, batch: usize) -> Options {
        Options {
            column: self.name.clone(),
            text: self.text.clone(),
            keep_images: self.keep_images,
            batch,
            device: self.engines.device,
            cache: !self.no_cache,
        }
    }

    /// How many images go through the model at once.
    fn batch_size(&self, model: &Model) -> Result<usize, Failure> {
        match (self.batch.map(usize::from), model.at_once()) {
            (Some(2..), _) if model.rounds_by_batch() => Err(Failure::usage(
                "this model of 8-bit integers rounds a batch as a whole: an image's vector would depend on its neighbours",
                "--batch 1",
            )),
            (Some(batch), Some(fixed)) if batch != fixed => Err(Failure::usage(
                format!("the model's graph is made for {fixed} at once, not for {batch}"),
                format!("--batch {fixed}"),
            )),
            (Some(batch), _) => Ok(batch),
            (None, _) => Ok(Embedder::batch_of(model)),
        }
    }
}
