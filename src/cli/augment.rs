//! `augment`: more pictures out of those of train.

use std::path::PathBuf;

use clap::Args;

use super::args::{Size, Work, print};
use crate::augment::{self, By, DEFAULT_RECIPE, Options, Outputs, Strength};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::image::{Colour, Encoding};
use crate::progress::Progress;
use crate::table::{Inputs, StreamFormat};

/// Make more pictures of the train split: moved, recoloured, blurred, on other backgrounds
///
/// Reads a table with a column `split` and makes copies of its train pictures, each changed by chance as the recipe
/// says; boxes follow. All other rows pass through and are never augmented, nor are copies of an earlier run. A copy
/// depends on the seed, the recipe, the content of its parent and its number, not on other rows or on -j. Its row has
/// the id and label of its parent, parent_hash, and in augmentation what was drawn. --floor brings every class to N
/// pictures, from its own in turn; --copies makes N of every picture (1, where neither is given).
///
/// Into a folder (-o DIR/) it writes the pictures under augmented/ and manifest.parquet, which lists the originals where
/// they are; copies of an earlier run that this one did not make are removed, nothing else is; a run that was killed goes
/// on. No source may lie there. Copies that show several pictures have soft_labels, or the boxes of all.
/// Into a table (-o FILE.parquet, or a pipe) the new pictures travel inside, in the column `image`.
#[derive(Debug, Args)]
#[command(
    name = "augment",
    after_help = "\
Examples:
  pokedex augment split.parquet --floor 20 --preview sheet.png
  pokedex augment split.parquet --floor 20 --size 416 -o train/
  pokedex augment --print-recipe > recipe.toml
  pokedex augment split.parquet --copies 8 --strength 0.2..1 -o train/
  pokedex split artwork/ | pokedex augment - --copies 5 --recipe recipe.toml \
      | pokedex embed - --keep-images -o e.parquet"
)]
pub(super) struct AugmentArgs {
    /// Tables with a column `split`, or - for standard input
    #[arg(required_unless_present = "print_recipe", value_name = "TABLE")]
    inputs: Vec<PathBuf>,

    /// Write to this table, or to this folder when it ends in / or exists [default: a table on standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE|DIR/")]
    output: Option<PathBuf>,

    /// Format of a table on standard output; arrow (an IPC stream) never touches the disk
    #[arg(long, help_heading = "Output", value_enum, default_value_t, value_name = "FORMAT")]
    stdout_format: StreamFormat,

    /// Bring every class of train to at least N pictures
    #[arg(long, help_heading = "Copies", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    floor: Option<u32>,

    /// Make N copies of every picture of train [default: 1, or 0 with --floor]
    #[arg(long, help_heading = "Copies", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    copies: Option<u32>,

    /// What is done to pictures, as --print-recipe shows it
    #[arg(long, help_heading = "Copies", value_name = "FILE")]
    recipe: Option<PathBuf>,

    /// How strongly the recipe is applied: 1 as it is, 0 not at all; a range gives copies different ones, for a curriculum
    #[arg(long, help_heading = "Copies", default_value_t, value_name = "S|LEAST..MOST")]
    strength: Strength,

    /// Print the default recipe, to be edited, and end
    #[arg(long, help_heading = "Output")]
    print_recipe: bool,

    /// Another number draws other changes
    #[arg(long, help_heading = "Copies", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// The column that holds the class [default: id where there is one, else label]
    #[arg(long, help_heading = "Copies", value_enum, value_name = "COLUMN")]
    by: Option<By>,

    /// The colour behind transparent pixels and around what was moved: white, black, grey or #rrggbb
    #[arg(long, help_heading = "Pictures", default_value = "white", value_name = "COLOUR")]
    background: Colour,

    /// Put pictures with transparency before pictures of this folder too
    #[arg(long, help_heading = "Copies", value_name = "DIR")]
    background_images: Option<PathBuf>,

    /// Make copies of N x N or W x H pixels [default: the size of their parents]
    #[arg(long, help_heading = "Pictures", value_name = "N|WxH")]
    size: Option<Size>,

    /// How copies are written
    #[arg(long, help_heading = "Pictures", value_enum, default_value = "jpeg", value_name = "FORMAT")]
    encode: Encoding,

    /// Leave out the rows that were read: write the copies alone
    #[arg(long, help_heading = "Output")]
    only_new: bool,

    /// Draw a contact sheet (PNG): the first pictures of train and their copies, with boxes; without -o nothing else
    #[arg(long, help_heading = "Output", value_name = "PNG")]
    preview: Option<PathBuf>,

    #[command(flatten)]
    work: Work,
}

impl AugmentArgs {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        if self.print_recipe {
            print(DEFAULT_RECIPE.as_bytes())?;
            return Ok(Exit::Done);
        }
        let inputs = Inputs { paths: self.inputs, ..Inputs::default() };
        let options = Options {
            floor: self.floor,
            copies: self.copies,
            recipe: self.recipe,
            strength: self.strength,
            seed: self.seed,
            by: self.by,
            background: self.background,
            background_images: self.background_images,
            size: self.size.map(|Size(width, height)| (width, height)),
            encoding: self.encode,
        };
        let outputs =
            Outputs { output: self.output, stream: self.stdout_format, only_new: self.only_new, preview: self.preview };
        let tally = augment::augment(inputs, &options, &outputs, &self.work.work(), ui)?;
        Ok(self.work.exit(&tally))
    }
}
