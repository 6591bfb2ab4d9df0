//! Dividing images into train, validation and test, so that what belongs together is on one side.
//!
//! Hides: how units are placed, what is read of every picture and what is kept of it, how near copies are found. Promises:
//! an image's place follows from the seed, its contents and the contents of its class, never from the order in which the
//! images come; identical contents, and whatever else belongs together, never end up on two sides; images that have a
//! split and keep it never move. Memory is some hundred bytes a row, whatever the pictures.
//!
//! A [`Divider`] looks at all rows of a table and writes them with a column `split`.
//!
//! ```
//! use pokedex::image::{Encoding, Rgb, encode};
//! use pokedex::io::Sink;
//! use pokedex::progress::Silent;
//! use pokedex::split::{Divider, Options};
//! use pokedex::table::{StreamFormat, Writer};
//! use pokedex::{Inputs, Work};
//!
//! let folder = tempfile::tempdir()?;
//! for shade in 0..10 {
//!     let grey = Rgb { width: 40, height: 30, pixels: vec![25 * shade; 3 * 40 * 30] };
//!     std::fs::write(folder.path().join(format!("{shade}.png")), encode(&grey, Encoding::Png)?)?;
//! }
//!
//! let pictures = Inputs { paths: vec![folder.path().into()], ..Inputs::default() }.images()?.with_unique_keys();
//! let divider = Divider::new(Options::default(), &pictures)?;
//! let sink = Sink::create(&folder.path().join("split.parquet"))?;
//! let division = divider.divide(
//!     pictures,
//!     &Work::default(),
//!     |schema, footer| Ok(Writer::new(sink, schema, footer, StreamFormat::Parquet)?),
//!     &mut Silent,
//! )?;
//! assert_eq!(division.splits.iter().sum::<u64>(), 10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assign;
mod classes;
mod columns;
mod divide;
mod look;
mod rows;
mod vectors;

pub use crate::table::split::{SPLITS, Split};
pub use assign::Ratios;
pub(crate) use assign::{Item, assign, quotas, shuffled};
pub use divide::{Divider, Division};
pub use rows::Copies;

use std::path::PathBuf;

use crate::duplicates::REACH;

/// How images are divided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Shares of train, validation and test.
    pub ratios: Ratios,
    /// Another number gives another division.
    pub seed: u64,
    /// The column that holds the class; `None`: `id` where there is one, else `label`.
    pub by: Option<String>,
    /// The column whose values stay on one side.
    pub group: Option<String>,
    /// Near copies stay on one side; `None`: nobody looks for them.
    pub near_copies: Option<NearCopies>,
    /// Images whose shorter side has fewer pixels are excluded.
    pub min_size: Option<u32>,
    /// Images that have a split keep it, and new ones fill what their classes lack.
    pub keep: Option<Keep>,
}

/// Which images are near copies of each other.
#[derive(Debug, Clone, PartialEq)]
pub struct NearCopies {
    /// In how many bits of 256 their perceptual hashes may differ, up to 31.
    pub hash_distance: u32,
    /// The cosine that their vectors have at least; `None`: one for vectors of the built-in model, and those of others are
    /// not compared.
    pub min_cosine: Option<f32>,
    /// The column of the vectors; `None`: `embedding`, if there is one.
    pub vector_column: Option<String>,
}

impl Default for NearCopies {
    fn default() -> NearCopies {
        NearCopies { hash_distance: REACH, min_cosine: None, vector_column: None }
    }
}

/// Which splits stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// Those of the column `split`.
    Own,
    /// By content, those of an earlier table, whose other pictures are counted too.
    Earlier(PathBuf),
}

/// The cosine that vectors of near copies have at least, where the built-in model made them. It sees what is shown more
/// than how: drawings of one species in two styles reach 0.99 and more.
const COSINE: f32 = 0.999;
const BUILTIN: &str = "pokedex-mini";

impl NearCopies {
    /// The cosine of near copies among the vectors of a model; without one they are not compared.
    fn cosine(&self, model: Option<&str>) -> Option<f32> {
        let builtin = model.is_some_and(|id| id.split('@').next() == Some(BUILTIN));
        self.min_cosine.or(builtin.then_some(COSINE))
    }
}

impl Options {
    /// All that the division depends on, for the footer; `cosine` is that from which on vectors made near copies.
    fn settings(&self, cosine: Option<f32>) -> String {
        let mut settings = format!("ratios={} seed={}", self.ratios, self.seed);
        let mut note = |what: &str, value: &dyn std::fmt::Display| settings += &format!(" {what}={value}");
        if let Some(by) = &self.by {
            note("by", by);
        }
        if let Some(group) = &self.group {
            note("group", group);
        }
        if let Some(near) = &self.near_copies {
            note("hash_distance", &near.hash_distance);
        }
        if let Some(cosine) = cosine {
            note("min_cosine", &cosine);
        }
        if let Some(least) = self.min_size {
            note("min_size", &least);
        }
        match &self.keep {
            None => {}
            Some(Keep::Own) => note("keep", &"own"),
            Some(Keep::Earlier(_)) => note("keep", &"table"),
        }
        settings
    }
}
