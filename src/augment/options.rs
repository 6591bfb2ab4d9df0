//! What copies follow from: the recipe, the seed, how many of which class.

use std::path::{Path, PathBuf};

use super::backdrop::BackgroundImages;
use super::copy::Augmenter;
use super::plan::{Candidate, Plan};
use super::recipe::Recipe;
use super::strength::Strength;
use super::survey::By;
use crate::failure::Failure;
use crate::image::{Colour, Encoding};
use crate::io;

/// What copies follow from.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bring every class of train to at least so many pictures.
    pub floor: Option<u32>,
    /// Make so many copies of every picture of train; `None`: 1, or 0 with a floor.
    pub copies: Option<u32>,
    /// What is done to pictures: a TOML file; `None`: the default recipe.
    pub recipe: Option<PathBuf>,
    /// How strongly the recipe is applied.
    pub strength: Strength,
    /// Another number draws other changes.
    pub seed: u64,
    /// The column that holds the class; `None`: the id where there is one, else the label.
    pub by: Option<By>,
    /// The colour behind transparent pixels and around what was moved.
    pub background: Colour,
    /// Put pictures with transparency before pictures of this folder too.
    pub background_images: Option<PathBuf>,
    /// Width and height of the copies; `None`: those of their parents.
    pub size: Option<(u32, u32)>,
    /// How copies are written.
    pub encoding: Encoding,
}

impl Default for Options {
    /// A copy of every picture, by the default recipe, as JPEGs of the same size.
    fn default() -> Options {
        Options {
            floor: None,
            copies: None,
            recipe: None,
            strength: Strength::default(),
            seed: 0,
            by: None,
            background: Colour::WHITE,
            background_images: None,
            size: None,
            encoding: Encoding::Jpeg,
        }
    }
}

impl Options {
    /// How many copies of which row of the table of this name.
    pub(super) fn plan(&self, rows: &[Candidate], name: &str) -> Result<Plan, Failure> {
        let copies = self.copies.unwrap_or(u32::from(self.floor.is_none()));
        let plan = Plan::new(rows, self.floor.unwrap_or(0).into(), copies, self.seed);
        if plan.classes.is_empty() {
            let hint = "pokedex split INPUT | pokedex augment -";
            return Err(Failure::failed(format!("{name}: no row of train has a picture"), Some(hint.into())));
        }
        Ok(plan)
    }

    /// Reads the recipe, and lists the pictures for backgrounds but for those in the folder `except`.
    pub(super) fn augmenter(&self, except: Option<&Path>) -> Result<Augmenter, Failure> {
        let recipe = match &self.recipe {
            None => Recipe::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|source| io::Error::Read { path: path.clone(), source })?;
                Recipe::parse(&text, &path.display().to_string())?
            }
        };
        if recipe.needs_background_images() && self.background_images.is_none() {
            let name = self.recipe.as_ref().map_or("recipe".into(), |path| path.display().to_string());
            let message = format!("{name}: background.kinds: only `picture`, and there are no pictures to choose from");
            let hint =
                "name a folder of them with --background-images DIR, or add \"solid\", \"gradient\" or \"noise\"";
            return Err(Failure::failed(message, Some(hint.into())));
        }
        let background_images = self.background_images.as_deref();
        let background_images = background_images.map(|folder| BackgroundImages::of(folder, except)).transpose()?;
        Ok(Augmenter {
            recipe,
            seed: self.seed,
            strength: self.strength,
            size: self.size,
            background: self.background,
            background_images: background_images.unwrap_or_default(),
        })
    }

    /// What the copies follow from, for the table's footer.
    pub(super) fn described(&self, augmenter: &Augmenter) -> String {
        let size = augmenter.size.map_or("original".into(), |(width, height)| format!("{width}x{height}"));
        let recipe = blake3::hash(format!("{:?}", augmenter.recipe).as_bytes()).to_hex();
        let strength = match self.strength.is_full() {
            true => String::new(),
            false => format!(" strength={}", self.strength),
        };
        let number = |number: Option<u32>| number.map_or("none".into(), |number| number.to_string());
        format!(
            "seed={} floor={} copies={} recipe={} size={size} background={} encode={}{strength}",
            self.seed,
            number(self.floor),
            number(self.copies),
            &recipe[..16],
            self.background,
            self.encoding.extension(),
        )
    }
}
