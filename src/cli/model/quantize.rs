//! `model quantize`: a model with 8-bit weights, made of another and held against it.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{fact, number, print, threads};
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::failure::Failure;
use crate::model::{Engine, Model};
use crate::progress::Progress;
use crate::quantise::{Made, Options, Scales, quantise};
use crate::table::Inputs;

/// Make a model with 8-bit weights, about twice as fast, if it finds the same neighbours
///
/// The image tower of a folder with ONNX files gets 8-bit weights and inputs; ranges are taken from pictures of the kind that
/// the model is for (at most 256 are used; a third of them only judges). The text tower stays exact. The new folder is a
/// model of its own: its name and identity differ, so its vectors are never compared with those of the original.
///
/// Before anything is written, both models embed all these pictures. Shown are the share of the ten nearest neighbours that
/// stays, the share of best words that stays, and the cosines of a picture's two vectors. Where too few neighbours stay, the
/// layers that cost most are kept in 32 bits (up to half of them); where that does not help, nothing is written. Needs
/// ONNX Runtime, also to be fast: rten computes the same model no faster than the original.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex model quantize clip-vit-b32 --calibrate photos/ -o clip-int8
  pokedex embed photos/ --model ./clip-int8 -o embeddings.parquet
  pokedex model quantize ./my-model --calibrate photos/ --least-overlap 0.95 -o my-model-int8")]
pub(super) struct Quantize {
    /// A model's name or its folder
    #[arg(value_name = "NAME|DIR")]
    model: String,

    /// Pictures of the kind that the model is for: files, folders, tables; some hundred
    #[arg(long, required = true, num_args = 1.., value_name = "INPUT")]
    calibrate: Vec<PathBuf>,

    /// The folder of the new model
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// The least share of the ten nearest neighbours that must stay, from 0 to 1
    #[arg(long, default_value_t = Options::default().least_overlap, value_name = "SHARE",
        value_parser = |text: &str| number(text, |x: &f64| (0.0..=1.0).contains(x), "a number from 0 to 1"))]
    least_overlap: f64,

    /// How many scales a layer's weights have; with one for each layer, none is kept in 32 bits
    #[arg(long, value_enum, default_value_t, value_name = "SCALES")]
    scales: Scales,

    /// Replace files in the folder that no earlier run made
    #[arg(long)]
    force: bool,

    /// Number of threads [default: the number of processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Quantize {
    pub(super) fn run(self, ui: &mut Ui) -> Result<Exit, Failure> {
        // The gate must see what ONNX Runtime makes of either model.
        let model = Model::find(&self.model, Engine::Ort)?;
        let inputs = Inputs { paths: self.calibrate, ..Inputs::default() };
        let Quantize { least_overlap, scales, force, .. } = self;
        let options = Options { least_overlap, scales, force, threads: threads(self.jobs) };
        let made = quantise(&model, &inputs, &options, &self.output, ui)?;
        print(told(&made).as_bytes())?;
        let folder = self.output.display();
        let slash = if self.output.components().count() > 1 { "" } else { "./" };
        ui.done(&format!("{folder}: use it with: pokedex embed photos --model {slash}{folder}"));
        Ok(if made.skipped > 0 { Exit::Skipped } else { Exit::Done })
    }
}

/// What was made, for people.
fn told(made: &Made) -> String {
    let mut text = String::new();
    let (all, kept) = made.layers;
    fact(&mut text, "model", made.id.full());
    fact(&mut text, "layers", format!("{} of {all} in 8 bits", all - kept));
    fact(&mut text, "calibration", &made.calibration);
    fact(&mut text, "others", &made.others);
    text
}
