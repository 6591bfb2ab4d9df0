//! `frames`: stills of films as rows of a table.

use clap::Args;

use super::args::{ImageInputs, Part, TableOutput, Work};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::frames::{self, Length, Moment, Options, Pick, Rate};
use crate::image::Encoding;
use crate::output::ensure_no_input;
use crate::progress::Progress;

/// Take stills of films, pages of TIFFs and frames of animations as pictures in a table
///
/// All pages of a TIFF (letter.tif#page=2) and the frames of animated WebP, PNG and JPEG XL are read by this program itself. Films
/// need ffmpeg and ffprobe (4.4 or later), on the path or at $POKEDEX_FFMPEG. A row's key is that of its film and the time
/// (holiday.mp4#t=12.040); timestamp is the frame's own time on the film's clock, as ffprobe tells it. --every takes the first
/// frame of each period, so that what stands still is taken once; --at takes what is shown at that time. Pictures are upright, with
/// square pixels, and not otherwise changed. A film that cannot be read, or that is cut short, is named and has a row with an
/// error. Other columns of a table of films are kept.
#[derive(Debug, Args)]
#[command(
    mut_arg("inputs", |inputs| inputs.help("Films, TIFFs, animations, folders, tables with a column `path`, or - for standard input (a table or a list of paths)")),
    after_help = "\
Examples:
  pokedex frames films/ | pokedex embed - -o films.parquet
  pokedex query \"a dog on a beach\" --index films.parquet
  pokedex frames scans/ --encode png -o pages.parquet
  pokedex frames talk.mp4 --scenes --distinct -o slides.parquet
  pokedex frames talk.mp4 --at 1.5,00:02:03,90% --encode png -o stills.parquet
  find . -name '*.mkv' -print0 | pokedex frames -0 - --every 10s --size 640 -o stills.parquet"
)]
pub(super) struct Frames {
    #[command(flatten)]
    inputs: ImageInputs,

    /// Take every frame
    #[arg(long, help_heading = "Pictures", group = "pick")]
    all: bool,

    /// Take the first frame of every period of this length (1s, 500ms, 2m), counted from 0 on the film's clock [default: 1s]
    #[arg(long, help_heading = "Pictures", value_name = "TIME", group = "pick")]
    every: Option<Length>,

    /// The same, so many times a second: 2, 0.5, 30000/1001
    #[arg(long, help_heading = "Pictures", value_name = "N", group = "pick")]
    fps: Option<Rate>,

    /// Take the first frame and each that differs from the one before it by more than this, from 0 to 1 [default: 0.3]
    #[arg(long, help_heading = "Pictures", value_name = "LEAST", group = "pick", require_equals = true, num_args = 0..=1,
          default_missing_value = "0.3", value_parser = share)]
    scenes: Option<f64>,

    /// Take the frames that are shown at these times: seconds, 00:02:03, 90%
    #[arg(long, help_heading = "Pictures", value_name = "TIMES", group = "pick", value_delimiter = ',')]
    at: Vec<Moment>,

    /// Leave out what looks like the still before it: within so many of 128 bits of a perceptual hash [default: 23]
    #[arg(long, help_heading = "Pictures", value_name = "BITS", require_equals = true, num_args = 0..=1,
          default_missing_value = "23", value_parser = clap::value_parser!(u32).range(0..=128))]
    distinct: Option<u32>,

    /// Make stills smaller until their longer side is N pixels
    #[arg(long, help_heading = "Pictures", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16384))]
    size: Option<u32>,

    /// How stills are written
    #[arg(long, help_heading = "Pictures", value_enum, default_value = "jpeg", value_name = "FORMAT")]
    encode: Encoding,

    #[command(flatten)]
    part: Part,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl Frames {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let options = self.options();
        let inputs = self.part.of(self.inputs.to_inputs());
        let table = inputs.films()?.with_unique_keys();
        let paths = inputs.paths.iter().map(|path| &**path);
        ensure_no_input(self.output.output.as_deref(), paths, "a table of stills")?;
        let sink = self.output.open()?;
        let mut footer = table.provenance.clone();
        options.describe(&mut footer);
        let mut writer = self.output.start(sink, &frames::schema(&table.schema), &footer)?;
        let take = |batch| Ok(writer.write(&batch)?);
        let tally = frames::frames(table, &options, &self.work.work(), ui, take)?;
        writer.finish()?;
        ui.done(&format!("frames: {tally}"));
        Ok(self.work.exit(&tally))
    }

    fn options(&self) -> Options {
        let pick = Pick::of(self.all, self.every, self.fps, self.scenes, &self.at);
        Options { pick, distinct: self.distinct, size: self.size, encoding: self.encode }
    }
}

/// A number from 0 to 1, for clap.
fn share(text: &str) -> Result<f64, String> {
    super::args::number(text, |share| (0.0..=1.0).contains(share), "a number from 0 to 1")
}
