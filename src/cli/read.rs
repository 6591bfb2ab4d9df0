//! `read`: the words in pictures.

use std::sync::Arc;

use clap::Args;

use super::args::{Engines, ImageInputs, Part, TableOutput, Work, free_name, number};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::model::Use;
use crate::model::ocr::{MIN_SCORE, MOST_SIDE, Ocr};
use crate::output::ensure_whole_in_place;
use crate::progress::Progress;
use crate::read::{Options, Read};
use crate::table::column;

/// Read the words in pictures
///
/// Adds `text`, the lines that a picture shows in the order in which they are read, and `text_boxes`: each line's text, how sure
/// the model is of it, and its four corners in pixels of the upright picture. A picture without text has an empty text; one that
/// cannot be read is named, and stays as a row with an error. `query` finds pictures by these words.
///
/// The model is a folder with ONNX files as PP-OCR has them, *det*.onnx, *rec*.onnx and perhaps *cls*.onnx: a folder of the
/// models folder, any other, or what the Python package rapidocr brings, which is found where it is installed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex read screenshots/ -o screenshots.parquet
  pokedex read photos/ | pokedex embed - -o photos.parquet
  pokedex query \"happy birthday\" --index photos.parquet
  pokedex read scans/ --model ./my-ocr --min-score 0.8 -o scans.parquet")]
pub(super) struct ReadArgs {
    #[command(flatten)]
    inputs: ImageInputs,

    #[command(flatten)]
    part: Part,

    /// A folder of the models folder, or any (with a slash) [default: the first that is installed, else that of rapidocr]
    #[arg(long, help_heading = "Model", value_name = "NAME|DIR")]
    model: Option<String>,

    /// Leave out lines of which the model is less sure
    #[arg(long, help_heading = "Text", default_value_t = MIN_SCORE, value_name = "X", value_parser = share)]
    min_score: f32,

    /// Look at pictures with their longer side no longer than N pixels: more finds smaller letters and takes more time and memory
    #[arg(long, help_heading = "Text", default_value_t = MOST_SIDE, value_name = "N", value_parser = clap::value_parser!(u32).range(64..=10_000))]
    max_side: u32,

    /// Name of the new column; that of the lines is NAME_boxes
    #[arg(long = "as", help_heading = "Output", default_value = column::TEXT, value_name = "NAME", value_parser = free_name)]
    name: String,

    #[command(flatten)]
    engines: Engines,

    /// Keep the images themselves in the table
    #[arg(long, help_heading = "Output")]
    keep_images: bool,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl ReadArgs {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let ocr = Ocr::find(self.model.as_deref(), self.engines.engine)?;
        let inputs = self.part.of(self.inputs.to_inputs());
        let table = inputs.images()?.with_unique_keys();
        let sink = self.output.open()?;
        let options = self.options();
        ensure_whole_in_place(
            self.output.output.as_deref(),
            &inputs.paths,
            &table.schema,
            &options.schema(&table.schema),
        )?;
        let most = table.rows.map_or(usize::MAX, |rows| usize::try_from(rows).unwrap_or(usize::MAX));
        let use_ = Use::Bulk { calls: self.work.threads().min(most.max(1)) };
        let stage = Arc::new(Read::load(ocr, options, use_)?);
        let start = |schema: &_, footer: &_| self.output.start(sink, schema, footer);
        let tally = self.work.work().write(table, &stage, start, ui)?;
        ui.done(&format!("read: {tally}, by {}, {}", stage.reader().id(), stage.reader().engine()));
        Ok(self.work.exit(&tally))
    }

    fn options(&self) -> Options {
        Options {
            column: self.name.clone(),
            min_score: self.min_score,
            most_side: self.max_side,
            keep_images: self.keep_images,
            device: self.engines.device,
        }
    }
}

fn share(text: &str) -> Result<f32, String> {
    number(text, |x| (0.0..=1.0).contains(x), "a number from 0 to 1")
}
