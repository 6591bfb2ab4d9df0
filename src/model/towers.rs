//! The two halves of a model, loaded: pictures and texts to vectors of length 1.

use std::sync::Arc;

use super::adapter::Adapter;
use super::engine::{Batch, Output, Tower};
use super::error::Error;
use super::identity::ModelId;
use super::preprocess::{Form, Preprocess};
use super::spelling::Known;
use super::tokenizer::Tokenizer;
use super::unit::normalise;
use crate::image::{Colour, Fit, Rgb};

/// The half of a model that reads images.
pub struct ImageTower {
    pub(super) id: ModelId,
    pub(super) dimension: usize,
    pub(super) preprocess: Preprocess,
    pub(super) form: Form,
    pub(super) tower: Box<dyn Tower>,
    pub(super) adapter: Option<Arc<Adapter>>,
}

impl ImageTower {
    /// The colour that transparent pixels show, part of the model's preprocessing.
    pub fn background(&self) -> Colour {
        self.preprocess.background
    }

    /// The shorter edge below which a picture must not be scaled before [`ImageTower::preprocess`], if it may be scaled
    /// at all.
    pub fn edge(&self) -> Option<u32> {
        // A letterbox does not antialias: what it looks at must be what it was trained to look at.
        let bears_it = self.preprocess.crop.is_none() && self.preprocess.fit != Fit::Letterbox;
        bears_it.then(|| self.preprocess.edge())
    }

    /// Which engine runs it, with its version.
    pub fn engine(&self) -> String {
        self.tower.engine()
    }

    /// Numbers of one preprocessed image: a plane for each channel.
    pub fn input_len(&self) -> usize {
        self.form.channels * self.preprocess.width as usize * self.preprocess.height as usize
    }

    /// The shape of so many preprocessed images.
    pub(super) fn shape(&self, batch: usize) -> [usize; 4] {
        self.form.shape(batch, self.preprocess.height as usize, self.preprocess.width as usize)
    }

    /// Preprocesses one image into `out`, which has [`ImageTower::input_len`] numbers.
    pub fn preprocess(&self, image: &Rgb, out: &mut [f32]) {
        self.preprocess.fill(self.form, image, out);
    }

    /// How long its vectors are, where the graph does not tell: a blank picture shows it.
    pub(super) fn length_of_vectors(&self, batch: usize) -> Result<usize, Error> {
        let shape = self.shape(batch);
        let blank = Batch::Pixels { data: vec![0.0; shape.iter().product()], shape };
        let numbers = self.tower.run(blank).and_then(|output| output.into_rows(batch));
        let fail = |problem: String| Error::Run { model: self.id.to_string(), problem };
        Ok(numbers.map_err(fail)?.len() / batch)
    }

    /// Embeds preprocessed images: of each of the first `count` a vector of length 1, or why it has none. What follows
    /// them only fills the batch, and is not looked at. They are the vectors of the model's base, which
    /// [`ImageTower::adapt`] makes its own: they can be kept for both.
    ///
    /// # Errors
    /// The model's graph does not fit its configuration.
    pub fn embed(&self, pixels: Vec<f32>, count: usize) -> Result<Vec<Result<Vec<f32>, &'static str>>, Error> {
        let batch = pixels.len() / self.input_len();
        let output = self.tower.run(Batch::Pixels { data: pixels, shape: self.shape(batch) });
        let vectors = rows_of(output, batch, self.dimension, &self.id)?;
        Ok(vectors.chunks_exact(self.dimension).take(count).map(|vector| direction(vector.to_vec())).collect())
    }

    /// What the model makes of a vector of its base; where it is no adapter, the vector itself.
    ///
    /// # Errors
    /// Why there is none.
    pub fn adapt(&self, mut vector: Vec<f32>) -> Result<Vec<f32>, &'static str> {
        match &self.adapter {
            Some(adapter) if !adapter.apply(&mut vector) => Err(ZERO),
            _ => Ok(vector),
        }
    }

    /// Embeds the one preprocessed image of a query.
    ///
    /// # Errors
    /// As [`ImageTower::embed`], or its vector has no direction.
    pub fn embed_one(&self, pixels: Vec<f32>) -> Result<Vec<f32>, Error> {
        let vector =
            self.embed(pixels, 1)?.pop().expect("one image has one vector").and_then(|vector| self.adapt(vector));
        let model = self.id.to_string();
        vector.map_err(|problem| Error::NoDirection { model, of: "the picture".into(), problem })
    }
}

/// The half of a model that reads text.
pub struct TextTower {
    pub(super) id: ModelId,
    pub(super) dimension: usize,
    pub(super) corrects_spelling: bool,
    pub(super) tokenizer: Tokenizer,
    pub(super) tower: Box<dyn Tower>,
}

impl TextTower {
    /// Which engine runs it, with its version.
    pub fn engine(&self) -> String {
        self.tower.engine()
    }

    /// Embeds one text: `dimension` numbers of length 1.
    ///
    /// # Errors
    /// The model's graph does not fit its configuration.
    pub fn embed(&self, text: &str) -> Result<Vec<f32>, Error> {
        let tokens = self.tokenizer.encode(text);
        let tokens = tokens.map_err(|problem| Error::Run { model: self.id.to_string(), problem })?;
        let shape = [1, tokens.ids.len()];
        let output = self.tower.run(Batch::Tokens { ids: tokens.ids, mask: tokens.mask, shape });
        let vector = direction(rows_of(output, 1, self.dimension, &self.id)?);
        let model = self.id.to_string();
        vector.map_err(|problem| Error::NoDirection { model, of: format!("\"{}\"", short(text)), problem })
    }

    /// Whether the vocabulary is meant to hold all words, so that others say nothing to it.
    pub fn knows_words(&self) -> bool {
        self.corrects_spelling
    }

    /// Whether the tower knows this lower-case word as a whole, or which word it may be a slip of; the latter only
    /// for models whose vocabulary is meant to hold all words.
    pub fn look_up(&self, word: &str) -> Known<'_> {
        match self.tokenizer.look_up(word) {
            Known::Slips(..) if !self.corrects_spelling => Known::No,
            known => known,
        }
    }
}

/// The vectors of a batch one after the other, as the engine gave them.
fn rows_of(output: Result<Output, String>, batch: usize, dimension: usize, id: &ModelId) -> Result<Vec<f32>, Error> {
    let fail = |problem: String| Error::Run { model: id.to_string(), problem };
    let vectors = output.and_then(|output| output.into_rows(batch)).map_err(fail)?;
    match vectors.len() == batch * dimension {
        true => Ok(vectors),
        false => Err(fail(format!("gave {} numbers for {batch} rows of {dimension}", vectors.len()))),
    }
}

/// Why a vector has no direction.
const ZERO: &str = "is zero";

/// A vector of length 1; why there is none, where it points nowhere.
fn direction(mut vector: Vec<f32>) -> Result<Vec<f32>, &'static str> {
    match normalise(&mut vector) {
        true => Ok(vector),
        false if vector.iter().all(|x| x.is_finite()) => Err(ZERO),
        false => Err("holds a number that is not finite"),
    }
}

/// The beginning of a text, for a message.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
