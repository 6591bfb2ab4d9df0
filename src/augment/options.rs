//! What copies follow from: the recipe, the seed, how many of which class.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::backdrop::BackgroundImages;
use super::copy::Augmenter;
use super::plan::{Candidate, Plan};
use super::random::Random;
use super::recipe::Recipe;
use super::survey::By;
use crate::failure::Failure;
use crate::image::{Colour, Encoding};
use crate::io;

/// How strongly the recipe is applied: always the same, or from copy to copy another of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    least: f64,
    most: f64,
}

impl Default for Strength {
    /// The recipe as it is.
    fn default() -> Strength {
        Strength { least: 1.0, most: 1.0 }
    }
}

impl FromStr for Strength {
    type Err = String;

    fn from_str(text: &str) -> Result<Strength, String> {
        let wrong = || "expected a number from 0 to 1, or a range as 0.2..1".to_string();
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| (0.0..=1.0).contains(x)).ok_or_else(wrong);
        let strength = Strength { least: number(least)?, most: number(most)? };
        if strength.least > strength.most { Err(wrong()) } else { Ok(strength) }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.least == self.most {
            true => write!(f, "{}", self.least),
            false => write!(f, "{}..{}", self.least, self.most),
        }
    }
}

impl Strength {
    /// Whether it is the recipe as it is, for every copy.
    pub(super) fn is_full(&self) -> bool {
        *self == Strength::default()
    }

    /// The strength for the copy of this number of a picture. Copies of one picture are spread evenly over the range
    /// however many there are (multiples of the golden ratio, without their whole parts), and begin at a point that
    /// follows from the picture: so a copy does not follow from how many others are made.
    pub(super) fn of(&self, content: &[u8; 32], copy: u32) -> f64 {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let start = Random::new(0, content, 0, "strength").unit();
        let at = (start + f64::from(copy) * GOLDEN).fract();
        ((self.least + (self.most - self.least) * at) * 1e4).round() / 1e4
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_is_a_number_or_a_range() {
        for (text, shown) in [("1", "1"), ("0.5", "0.5"), ("0.2..1", "0.2..1"), ("0.3..0.3", "0.3")] {
            assert_eq!(text.parse::<Strength>().map(|strength| strength.to_string()), Ok(shown.to_string()));
        }
        for text in ["", "2", "-0.1", "nan", "1..0.2", "0.2..", "0.2...1", "a"] {
            assert!(text.parse::<Strength>().is_err(), "{text}");
        }
    }

    #[test]
    fn strengths_of_a_picture_are_spread_over_the_range_whatever_their_number() {
        let strength: Strength = "0.2..1".parse().expect("a range");
        for count in [4, 10, 40] {
            let mut own: Vec<f64> = (1..=count).map(|copy| strength.of(&[3; 32], copy)).collect();
            own.sort_by(f64::total_cmp);
            let gap = own.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
            assert!(own[0] >= 0.2 && own[count as usize - 1] <= 1.0 && gap < 2.2 * 0.8 / f64::from(count), "{own:?}");
        }
        assert!((1..99).all(|copy| "0.4".parse::<Strength>().expect("one").of(&[1; 32], copy) == 0.4));
    }
}
