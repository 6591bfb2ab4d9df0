//! `classify`: says which class each row is of, and when it does not know.
//!
//! Hides: where classes come from (a head, words, the nearest rows of a table, somebody else's model), where the vectors
//! that are compared with them come from (columns of the table, or pictures that go through a model), and how predictions
//! are written. Promises: what is said of a row depends on that row alone; vectors are compared with those of the same
//! model only; a row keeps its columns.
//!
//! [`Classes`] says what the classes are, [`Classify`] is the stage, made for a table of which it may have seen the first rows;
//! [`Predictions`] writes what comes of it for people and programs.
//!
//! ```
//! use std::sync::Arc;
//!
//! use pokedex::classify::{Classes, Classify, Options};
//! use pokedex::image::{Encoding, Rgb, encode};
//! use pokedex::progress::Silent;
//! use pokedex::table::column;
//! use pokedex::{Inputs, Work};
//!
//! let folder = tempfile::tempdir()?;
//! let grey = Rgb { width: 40, height: 30, pixels: vec![128; 3 * 40 * 30] };
//! std::fs::write(folder.path().join("grey.png"), encode(&grey, Encoding::Png)?)?;
//!
//! let (first, pictures) = Inputs { paths: vec![folder.path().into()], ..Inputs::default() }.images()?.peek()?;
//! let options = Options { top: 3, cache: false, ..Options::default() };
//! let stage = Classify::load(&Classes::Pokedex, &pictures, first.as_ref(), &options, &Silent)?;
//! Work::default().run(pictures, &Arc::new(stage), &mut Silent, |rows| {
//!     let best = column::text(&rows, &column::prediction(1))?.expect("there is a best class");
//!     println!("{}", best.value(0));
//!     Ok(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod classes;
mod groups;
mod judge;
mod neighbours;
mod predictions;
mod sources;
mod stage;

pub use groups::RollUp;
pub use predictions::Predictions;
pub use stage::Classify;

use std::path::PathBuf;

use crate::model::classifier::Detection;
use crate::model::{Device, Engine};
use crate::stage::processors;
use crate::table::column;

/// What the classes are, and what tells them apart.
#[derive(Debug, Clone)]
pub enum Classes {
    /// The 1025 species of Pokémon, by the built-in model.
    Pokedex,
    /// What a head learnt, which lies in this file.
    Head(PathBuf),
    /// Words that pictures are compared with.
    Words {
        /// One label a line.
        labels: PathBuf,
        /// What is said of a label, `{}` being the label; of several the mean counts, of none the label alone.
        prompts: Vec<String>,
        /// What a cosine is multiplied by before softmax; `None`: what suits the model.
        scale: Option<f32>,
    },
    /// The labelled rows of a table, of which the nearest vote.
    Neighbours {
        /// An index or another table of vectors with `label` or `id`.
        table: PathBuf,
        /// How many of the nearest rows vote.
        count: usize,
    },
    /// A classifier or a detector that somebody else trained.
    Ready {
        /// Its ONNX file or its folder.
        file: PathBuf,
        /// The names of its classes, one a line; `None`: what it says itself.
        labels: Option<PathBuf>,
        /// Which boxes of a detector count.
        detection: Detection,
    },
}

/// How rows are classified, and what is said of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The column that holds the vectors.
    pub column: String,
    /// The model that reads words, or that made the vectors, by name or folder; `None`: what the table says.
    pub model: Option<String>,
    /// What runs the model.
    pub engine: Engine,
    /// Where it runs.
    pub device: Device,
    /// How many threads will call the models at once.
    pub threads: usize,
    /// Use and fill the cache of vectors.
    pub cache: bool,
    /// How many of the best classes to keep.
    pub top: usize,
    /// Reject a row whose best score is lower; `None`: what belongs to the classes.
    pub min_score: Option<f32>,
    /// Reject a row whose best score is not this much above the second; `None`: what belongs to the classes.
    pub min_margin: Option<f32>,
    /// What to answer where the class is in doubt; `None`: nothing.
    pub roll_up: Option<RollUp>,
    /// Keep all boxes of a detector.
    pub boxes: bool,
    /// Say how long each row took.
    pub record_time: bool,
}

impl Default for Options {
    /// The five best classes, on all processors, with the cache.
    fn default() -> Options {
        Options {
            column: column::EMBEDDING.into(),
            model: None,
            engine: Engine::default(),
            device: Device::default(),
            threads: processors(),
            cache: true,
            top: 5,
            min_score: None,
            min_margin: None,
            roll_up: None,
            boxes: false,
            record_time: false,
        }
    }
}

/// The column that says how long a row took.
const SECONDS: &str = "seconds";

/// The columns of what is answered where classes are rolled up: the class if it is believed, else a group; of which level; and
/// how likely that is.
const ROLLED_UP: &str = "rolled_up";
const ROLLED_UP_LEVEL: &str = "rolled_up_level";
const ROLLED_UP_SCORE: &str = "rolled_up_score";
