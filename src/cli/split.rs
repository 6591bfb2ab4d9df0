//! `split`: adds train, validation or test to every row.

use std::path::PathBuf;

use clap::Args;

use super::args::{ImageInputs, TableOutput, Work, number};
use crate::cli::exit::Exit;
use crate::duplicates::{MAX_REACH, REACH};
use crate::failure::Failure;
use crate::output::{ensure_no_input, ensure_whole_in_place};
use crate::progress::Progress;
use crate::split::{Divider, Keep, NearCopies, Options, Ratios};

/// Divide images into train, validation and test
///
/// Every class is divided by itself, by the largest remainders, so that each is present in train: a class of one, two or
/// three images gives train the first, test the second, validation the third. The division depends on the seed and on
/// what the images contain, not on their order or names, and identical images are always on one side. Rows with an
/// error get no split, and neither do those with a reason in the column `excluded`.
///
/// --group and --near-duplicates keep more on one side. Such units go where their classes lack them most, the largest
/// first, so that a class can miss its ratio by what its units force. With --keep, what belongs to images that have a
/// split goes to their side; images that have one never move, even where they belong together. --keep=TABLE counts the
/// pictures of TABLE that are not among the new ones too, and knows near copies of them by its column `perceptual_hash`.
///
/// Pictures that `pokedex augment` made (rows with `parent_hash`) are always of train, and so are those they were made of.
///
/// Near copies are found by perceptual hashes of 256 bits, which go to the column `perceptual_hash`: resized, recompressed
/// and slightly changed pictures, and the same drawing on another background of one colour. Not found are crops, turned
/// and mirrored pictures, and other drawings or photographs of the same thing: --group keeps those together. Where the
/// table has vectors, images whose vectors nearly agree are near copies too; comparing them takes four times as long for
/// twice the rows.
#[derive(Debug, Args)]
#[command(
    name = "split",
    after_help = "\
Examples:
  pokedex split manifest.parquet -o split.parquet
  pokedex split artwork/ --ratios 80/10/10 --seed 7 --by label -o split.parquet
  pokedex split photos/ --near-duplicates --min-size 224 -o split.parquet
  pokedex split frames.parquet --group video -o split.parquet
  pokedex split more-photos/ --keep=split.parquet --near-duplicates -o split-2.parquet
  pokedex scan photos/ | pokedex split - | pokedex embed - -o embeddings.parquet"
)]
pub(super) struct SplitArgs {
    #[command(flatten)]
    inputs: ImageInputs,

    /// Shares of train, validation and test
    #[arg(long, help_heading = "Division", default_value = "70/15/15", value_name = "T/V/T")]
    ratios: Ratios,

    /// Another number gives another division
    #[arg(long, help_heading = "Division", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// The column that holds the class [default: id where there is one, else label]
    #[arg(long, help_heading = "Division", value_name = "COLUMN")]
    by: Option<String>,

    /// Keep rows with the same value in this column on one side
    #[arg(long, help_heading = "Division", value_name = "COLUMN")]
    group: Option<String>,

    /// Keep near copies on one side
    #[arg(long, help_heading = "Near copies")]
    near_duplicates: bool,

    /// Do not look for near copies, as it does not anyway
    #[arg(long, hide = true, overrides_with = "near_duplicates")]
    no_near_duplicates: bool,

    /// In how many bits of 256 the perceptual hashes of near copies may differ, from 0 to 31; half of it where the whole
    /// pictures are compared, background and all
    #[arg(long, help_heading = "Near copies", default_value_t = REACH, value_name = "N", requires = "near_duplicates",
        value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_REACH)))]
    hash_distance: u32,

    /// The cosine that the vectors of near copies have at least [default: 0.999 for vectors of the built-in model, to
    /// which another style is no other picture; those of others are compared only if this is given]
    #[arg(long, help_heading = "Near copies", value_name = "X", requires = "near_duplicates", value_parser = cosine)]
    min_cosine: Option<f32>,

    /// The column that holds the vectors, if there are any [default: embedding]
    #[arg(long, help_heading = "Near copies", value_name = "NAME", requires = "near_duplicates")]
    vector_column: Option<String>,

    /// Exclude images whose shorter side has fewer pixels; the column `excluded` says so
    #[arg(long, help_heading = "Division", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    min_size: Option<u32>,

    /// Images that have a split keep it, and new ones fill what their classes lack: the splits of the column `split`, or,
    /// by content, those of an earlier TABLE
    #[arg(long, help_heading = "Division", value_name = "TABLE", num_args = 0..=1, require_equals = true)]
    keep: Option<Option<PathBuf>>,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl SplitArgs {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let inputs = self.inputs.to_inputs();
        let table = inputs.images()?.with_unique_keys();
        let divider = Divider::new(self.options(), &table)?;
        let output = self.output.output.as_deref();
        let sink = self.output.open()?;
        ensure_whole_in_place(output, &inputs.paths, &table.schema, &table.schema)?;
        if let Some(earlier) = divider.earlier()
            && !inputs.paths.iter().any(|path| path == earlier)
        {
            ensure_no_input(output, [earlier], "a table without its rows")?;
        }
        let start = |schema: &_, footer: &_| self.output.start(sink, schema, footer);
        let division = divider.divide(table, &self.work.work(), start, ui)?;
        ui.done(&format!("split: {division}"));
        Ok(self.work.exit(&division.tally))
    }

    fn options(&self) -> Options {
        let near_copies = NearCopies {
            hash_distance: self.hash_distance,
            min_cosine: self.min_cosine,
            vector_column: self.vector_column.clone(),
        };
        Options {
            ratios: self.ratios,
            seed: self.seed,
            by: self.by.clone(),
            group: self.group.clone(),
            near_copies: self.near_duplicates.then_some(near_copies),
            min_size: self.min_size,
            keep: self.keep.clone().map(|table| table.map_or(Keep::Own, Keep::Earlier)),
        }
    }
}

/// A cosine, for clap.
fn cosine(text: &str) -> Result<f32, String> {
    number(text, |x: &f32| *x > 0.0 && *x <= 1.0, "a number above 0 and up to 1")
}
