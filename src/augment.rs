//! Augmentation: more pictures out of few, for training.
//!
//! Hides: how pictures are moved, recoloured, blurred, mixed and put before other backgrounds, and how chance is
//! made repeatable. Promises: a copy follows from the seed, the recipe, the content of its parent and its number alone
//! (and from its partners and its background, where it has any, which follow from the same); its boxes lie where what
//! they bound lies; what was drawn can be written down and made again.
//!
//! [`augment()`] reads a table that was split, and writes it with the copies.
//!
//! ```no_run
//! use pokedex::augment::{Options, Outputs, augment};
//! use pokedex::progress::Silent;
//! use pokedex::{Inputs, Work};
//!
//! let inputs = Inputs { paths: vec!["split.parquet".into()], ..Inputs::default() };
//! let options = Options { floor: Some(20), ..Options::default() };
//! let outputs = Outputs { output: Some("augmented.parquet".into()), ..Outputs::default() };
//! let tally = augment(inputs, &options, &outputs, &Work::default(), &mut Silent)?;
//! println!("{tally}");
//! # Ok::<(), pokedex::Failure>(())
//! ```

mod backdrop;
mod copy;
mod draw;
mod earlier;
mod effects;
mod geometry;
mod hash;
mod make;
mod options;
mod output;
mod partners;
mod plan;
mod random;
mod recipe;
mod rows;
mod sheet;
mod strength;
mod surface;
mod survey;
mod tabletop;
mod warp;
mod write;

pub use options::Options;
pub use output::Outputs;
pub use recipe::DEFAULT_RECIPE;
pub use strength::Strength;
pub use survey::By;

use std::path::PathBuf;
use std::sync::Arc;

use hash::Hash;
use make::Maker;
use partners::Gathering;
use plan::Plan;
use survey::Survey;

use crate::failure::Failure;
use crate::io::{self, Target};
use crate::output::folder::refuse_inputs;
use crate::progress::Progress;
use crate::stage::{Tally, Work};
use crate::table::{Inputs, Table, column};
use crate::words;

/// Why pictures cannot be augmented.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error("{place}: {problem}")]
    Recipe { place: String, problem: String },
    #[error("{}: no image found", folder.display())]
    NoBackgrounds { folder: PathBuf },
    #[error(transparent)]
    Io(#[from] io::Error),
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Recipe { .. } => Some("pokedex augment --print-recipe > recipe.toml".into()),
            Error::NoBackgrounds { .. } => Some("without --background-images colours and textures are painted".into()),
            Error::Io(e) => e.hint(),
        }
    }
}

/// Makes copies of the pictures of train: all rows are looked at, then it is planned how many of which, then they are made
/// and written after the rows that they are copies of.
///
/// # Errors
/// The table has no split, or no picture of train; an output would replace what is read; something cannot be read or
/// written; or a picture is skipped that may not be.
pub fn augment(
    mut inputs: Inputs,
    options: &Options,
    outputs: &Outputs,
    work: &Work,
    progress: &mut dyn Progress,
) -> Result<Tally, Failure> {
    let target = outputs.target()?;
    let others: Vec<&PathBuf> = [&options.recipe, &options.background_images].into_iter().flatten().collect();
    let within = match &target {
        Target::Directory(folder) => Some(refuse_inputs(&mut inputs, folder, &others, progress)?),
        _ => None,
    };
    let augmenter = Arc::new(options.augmenter(inputs.except.as_deref())?);
    let table = inputs.images()?.with_unique_keys();
    let name = table.name.clone();
    ensure_split(&table, &inputs)?;
    let sheet = outputs.open_sheet()?;
    let output = outputs.open(target, &inputs, &table, &augmenter, options.described(&augmenter))?;

    let partners = if augmenter.recipe.needs_partners() { Some(Gathering::new()?) } else { None };
    let samples = if outputs.preview.is_some() { sheet::LINES } else { 0 };
    let mut survey = Survey::new(samples, partners, within);
    let (table, mut tally) = work.survey_through(table, &Arc::new(Hash), &mut survey, progress)?;
    let classes = survey.classes(options.by)?;
    let plan = options.plan(&classes.rows, &name)?;
    warn_of_broken_boxes(&name, &inputs, &survey, &plan, progress);
    let partners = Arc::new(survey.partners.take().map(Gathering::finish).transpose()?.unwrap_or_default());
    if augmenter.recipe.needs_partners() && partners.is_empty() {
        let message = format!("{name}: no picture of train has `boxes` or a `label`, and mosaic and mixup need either");
        let hint = "nobody could say what mixtures show; set the probability of [mosaic] and [mixup] to 0";
        return Err(Failure::failed(message, Some(hint.into())));
    }

    if let (Some(path), Some(sheet)) = (&outputs.preview, sheet) {
        let samples = std::mem::take(&mut survey.samples);
        sheet::draw((path, sheet), samples, &augmenter, &partners, work, progress)?;
    }
    if let Some(mut output) = output {
        let keys = survey.keys.of_copies(&plan.shares, options.encoding.extension(), &name)?;
        let maker =
            Maker::new(augmenter, partners, options.encoding, output.folder.clone(), std::mem::take(&mut output.notes));
        tally.skipped += write::write(table, output, maker, plan, (&classes, keys), work, progress)?.skipped;
    }
    Ok(tally)
}

/// Without a split nobody could tell what must not be augmented.
fn ensure_split(table: &Table, inputs: &Inputs) -> Result<(), Failure> {
    let input = inputs.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
    if table.schema.index_of(column::SPLIT).is_err() {
        let message =
            format!("{}: has no column `{}`, and only pictures of train are augmented", table.name, column::SPLIT);
        return Err(Failure::failed(message, Some(format!("pokedex split {input} | pokedex augment -"))));
    }
    Ok(())
}

/// Boxes that are none cannot follow their picture.
fn warn_of_broken_boxes(name: &str, inputs: &Inputs, survey: &Survey, plan: &Plan, progress: &dyn Progress) {
    let broken = survey.broken.iter().filter(|(row, _)| plan.shares[*row].count > 0);
    let broken: u64 = broken.map(|(_, boxes)| *boxes as u64).sum();
    if broken > 0 {
        let none = words::several(broken, "box is none and was", "boxes are none and were");
        let table = if inputs.is_stdin() { "TABLE" } else { name };
        progress.warn(&format!("{name}: {none} left out of the copies; `pokedex check {table}` names them"));
    }
}
