//! From what is known of a model to its towers: weights, engine, vocabulary.

use std::borrow::Cow;
use std::path::Path;

use super::choice::Choice;
use super::engine::{Device, Engine, Tower, Use};
use super::error::Error;
use super::layout::{Part, Vocabulary, Words};
use super::tokenizer::Tokenizer;
use super::towers::{ImageTower, TextTower};
use super::trial::{self, Sample};
use super::{Location, Model, TextWeights, builtin, configuration, eye, prepare, rten};
use crate::matrix;

/// Tokens of the text that a text tower is tried with.
const SAMPLE_TOKENS: usize = 8;

impl Model {
    /// Loads the image tower.
    ///
    /// # Errors
    /// It has none, its weights are damaged, or the engine is not there.
    pub fn image_tower(&self, use_: Use, device: Device) -> Result<ImageTower, Error> {
        let (part, preprocess) = self.found.image.as_ref().ok_or_else(|| self.lacks("image"))?;
        let (height, width) = (preprocess.height as usize, preprocess.width as usize);
        let sample = Sample::Pixels(part.form.shape(self.at_once().unwrap_or(1), height, width));
        let tower = self.tower(part, sample, use_, device)?;
        let (id, dimension) = (self.id.clone(), self.found.dimension);
        let adapter = self.adapter.clone();
        Ok(ImageTower { id, dimension, preprocess: *preprocess, form: part.form, tower, adapter })
    }

    /// Loads the text tower.
    ///
    /// # Errors
    /// It has none, its weights or its vocabulary are damaged, or the engine is not there.
    pub fn text_tower(&self, use_: Use, device: Device) -> Result<TextTower, Error> {
        let (part, words) = self.found.text.as_ref().ok_or_else(|| self.lacks("text"))?;
        let tokens = if words.length.padded { words.length.most } else { words.length.most.min(SAMPLE_TOKENS) };
        let tower = || self.tower(part, Sample::Tokens([1, tokens]), use_, device);
        let (tower, tokenizer) = match self.location {
            Location::Binary => (tower(), self.tokenizer(words)),
            // A vocabulary of 50,000 words takes longer than mapped weights.
            Location::Folder(_) => std::thread::scope(|scope| {
                let tokenizer = scope.spawn(|| self.tokenizer(words));
                (tower(), tokenizer.join().unwrap_or_else(|_| Err("the tokenizer gave up on it".into())))
            }),
        };
        let tokenizer = tokenizer.map_err(|problem| self.load_error(&words.file, problem))?;
        let tower = tower?;
        let (id, dimension) = (self.id.clone(), self.found.dimension);
        Ok(TextTower { id, dimension, corrects_spelling: words.corrects_spelling, tokenizer, tower })
    }

    pub(super) fn lacks(&self, tower: &'static str) -> Error {
        Error::NoTower { model: self.id.to_string(), tower }
    }

    fn load_error(&self, file: &Path, problem: String) -> Error {
        let file = match &self.location {
            Location::Folder(folder) => folder.join(file),
            Location::Binary => file.to_path_buf(),
        };
        Error::Load { file: file.display().to_string(), problem }
    }

    fn tower(&self, part: &Part, sample: Sample, use_: Use, device: Device) -> Result<Box<dyn Tower>, Error> {
        // Only what computes with 8-bit integers is bound to the engine that is part of the identity.
        let engine = if part.quantised { self.engine } else { self.asked };
        let choice = Choice { engine, device, use_, keep: false };
        let is_a = |kind: &str| part.file.extension().is_some_and(|extension| extension == kind);
        let own = is_a("rten") || is_a(eye::FILES);
        let tower = match &self.location {
            _ if own && (self.engine == Engine::Ort || device != Device::Cpu) => {
                Err("its weights are in a format that only the engine in the binary reads".into())
            }
            Location::Binary if is_a(eye::FILES) => eye::load(builtin::IMAGE, use_),
            Location::Binary => TextWeights::builtin().map(|tower| Box::new(tower) as _).map_err(|e| e.to_string()),
            Location::Folder(folder) if is_a(eye::FILES) => {
                let bytes = crate::io::map(&folder.join(&part.file)).map_err(|e| e.to_string());
                bytes.and_then(|bytes| eye::load(&bytes, use_))
            }
            Location::Folder(folder) if own => {
                let (file, mark) = (folder.join(&part.file), prepare::place(&self.id.digest));
                let choice = Choice { engine: Engine::Rten, ..choice };
                let tried = trial::pass(&file, &part.ends, choice, sample, mark.as_deref());
                tried.and_then(|()| rten::load_file(&file, &part.ends, use_))
            }
            Location::Folder(_) if part.quantised && choice.engine != Engine::Ort && !matrix::bytes_are_exact() => Err(
                "rten rounds 8-bit products on this processor, which has no instructions for them; ONNX Runtime does not"
                    .into(),
            ),
            Location::Folder(folder) => prepare::load(folder, part, choice, sample),
        };
        tower.map_err(|problem| self.load_error(&part.file, problem))
    }

    fn tokenizer(&self, words: &Words) -> Result<Tokenizer, String> {
        let Location::Folder(folder) = &self.location else {
            return Tokenizer::wordpiece(Cow::Borrowed(builtin::VOCABULARY), words.length.most);
        };
        let file = folder.join(&words.file);
        let read = || configuration::read(&file).map_err(|e| e.to_string());
        match words.vocabulary {
            Vocabulary::WordPiece => {
                let text = String::from_utf8(read()?).map_err(|e| e.to_string())?;
                Tokenizer::wordpiece(Cow::Owned(text), words.length.most)
            }
            Vocabulary::Json => Tokenizer::from_json(&read()?, words.length, words.pad.as_deref(), words.cleaning),
            Vocabulary::Merges => Tokenizer::from_merges(&file, words.length, words.cleaning),
        }
    }
}
