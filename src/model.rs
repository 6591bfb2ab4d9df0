//! Models: two towers into one space, what makes them the same model or another, and where they are found.
//!
//! Hides: engines, file layouts, tokenizers, preprocessing. Promises: vectors are L2-normalised and finite; a row's
//! vector never depends on its neighbours in a batch or on the number of threads; two models that could give
//! different vectors have different [`ModelId`]s.

mod builtin;
mod cache;
mod engine;
mod rten;
mod spelling;
mod wordpiece;

pub use cache::Cache;
pub use spelling::{Known, correct, slips_forgiven};

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::image::{Colour, Fit, Rgb};
use engine::{Batch, Tower};
use wordpiece::WordPiece;

/// The files that make up a model, in the order in which its identity is computed.
const FILES: [&str; 4] = ["model.json", "image.rten", "text.rten", "vocab.txt"];

/// What can go wrong with a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{name}: no such model")]
    Unknown { name: String, installed: Vec<String> },
    #[error("{}: not a model folder: {problem}", path.display())]
    NotAModel { path: PathBuf, problem: String },
    #[error("{file}: cannot load: {problem}")]
    Load { file: String, problem: String },
    #[error("model {model}: has no {tower} tower")]
    NoTower { model: String, tower: &'static str },
    #[error("model {model}: {problem}")]
    Run { model: String, problem: String },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Unknown { installed, .. } => Some(format!(
                "installed models: {}; a folder is given with a slash: --model ./FOLDER",
                installed.join(", ")
            )),
            Error::NotAModel { .. } => Some(format!("a model folder holds {}", FILES.join(", "))),
            _ => None,
        }
    }
}

/// Name and SHA-256 over weights and preprocessing: what must be equal for two vectors to be comparable.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ModelId {
    pub name: String,
    pub digest: [u8; 32],
}

impl ModelId {
    /// `name@` and all 64 hex digits, as it stands in footers.
    pub fn full(&self) -> String {
        format!("{}@{}", self.name, hex(&self.digest))
    }
}

impl fmt::Display for ModelId {
    /// `name@` and the first 16 hex digits, as it stands in every row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, &hex(&self.digest)[..16])
    }
}

impl fmt::Debug for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelId({})", self.full())
    }
}

/// `name@` and 16 of the digits of a full identity, as it stands in every row.
pub fn short_id(full: &str) -> String {
    match full.split_once('@') {
        Some((name, digest)) => format!("{name}@{}", digest.chars().take(16).collect::<String>()),
        None => full.to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// `model.json`.
#[derive(Debug, Clone, serde::Deserialize)]
struct Config {
    format: u32,
    name: String,
    dimension: usize,
    image: Option<ImageConfig>,
    text: Option<TextConfig>,
    #[serde(default)]
    license: Option<String>,
}

#[derive(Debug, Clone, serde::Deserialize)]
struct ImageConfig {
    input: String,
    output: String,
    size: u32,
    fit: Fit,
    /// Is background cut away first, and but for which margin (a share of the longer side of what remains)?
    #[serde(default)]
    crop: Option<f32>,
    background: String,
    mean: [f32; 3],
    std: [f32; 3],
}

#[derive(Debug, Clone, serde::Deserialize)]
struct TextConfig {
    input: String,
    output: String,
    max_tokens: usize,
    /// Are unknown words better read as the known words that they are slips of?
    #[serde(default)]
    corrects_spelling: bool,
}

/// Where a model's files are.
enum Location {
    Binary,
    Folder(PathBuf),
}

/// A model that is known but whose weights are not loaded yet.
pub struct Model {
    id: ModelId,
    config: Config,
    location: Location,
}

/// Facts about a model, for people.
#[derive(Debug)]
pub struct Info {
    pub id: ModelId,
    pub location: String,
    pub dimension: usize,
    pub image: Option<String>,
    pub text: Option<String>,
    pub license: Option<String>,
    /// Bytes of each file.
    pub files: Vec<(&'static str, u64)>,
}

impl Model {
    /// The model in the binary: no file is read.
    pub fn builtin() -> Model {
        let config: Config = serde_json::from_slice(builtin::CONFIG).expect("the shipped configuration is valid");
        let digest = parse_digest(builtin::IDENTITY).expect("the shipped identity is 64 hex digits");
        Model { id: ModelId { name: config.name.clone(), digest }, config, location: Location::Binary }
    }

    /// A model in a folder.
    ///
    /// # Errors
    /// The folder lacks a file or `model.json` is not understood.
    pub fn open(folder: &Path) -> Result<Model, Error> {
        let fail = |problem: String| Error::NotAModel { path: folder.to_path_buf(), problem };
        let text = std::fs::read(folder.join(FILES[0])).map_err(|e| fail(format!("{}: {e}", FILES[0])))?;
        let config: Config = serde_json::from_slice(&text).map_err(|e| fail(format!("{}: {e}", FILES[0])))?;
        if config.format != 1 {
            return Err(fail(format!("{}: format {} is not known to this version", FILES[0], config.format)));
        }
        if config.dimension == 0 || config.dimension > 1 << 16 {
            return Err(fail(format!("{}: dimension {} is out of range", FILES[0], config.dimension)));
        }
        if let Some(image) = &config.image {
            let _: Colour = image.background.parse().map_err(|e| fail(format!("{}: background: {e}", FILES[0])))?;
            if image.size == 0 || image.size > 4096 {
                return Err(fail(format!("{}: image size {} is out of range", FILES[0], image.size)));
            }
        }
        let mut hasher = Sha256::new();
        for file in FILES {
            let path = folder.join(file);
            match std::fs::read(&path) {
                Ok(bytes) => digest_file(&mut hasher, file, &bytes),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && !config.needs(file) => {}
                Err(e) => return Err(fail(format!("{file}: {e}"))),
            }
        }
        let id = ModelId { name: config.name.clone(), digest: hasher.finalize().into() };
        Ok(Model { id, config, location: Location::Folder(folder.to_path_buf()) })
    }

    /// The model of this name (the built-in one, or a folder of the models folder), or in this folder where it
    /// contains a `/`.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn find(name: &str) -> Result<Model, Error> {
        let builtin = Model::builtin();
        if name == builtin.id.name || name == "builtin" {
            return Ok(builtin);
        }
        let path = Path::new(name);
        if name.contains('/') {
            return Model::open(path);
        }
        match models_folder().map(|folder| folder.join(name)).filter(|folder| folder.is_dir()) {
            Some(folder) => Model::open(&folder),
            None => {
                let installed = Model::list().into_iter().map(|m| m.id.name).collect();
                Err(Error::Unknown { name: name.into(), installed })
            }
        }
    }

    /// The built-in model and those in the models folder that can be opened.
    pub fn list() -> Vec<Model> {
        let mut models = vec![Model::builtin()];
        let folders = models_folder().and_then(|f| std::fs::read_dir(f).ok()).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
        folders.sort();
        models.extend(folders.iter().filter_map(|folder| Model::open(folder).ok()));
        models
    }

    /// Its identity.
    pub fn id(&self) -> &ModelId {
        &self.id
    }

    /// Length of its vectors.
    pub fn dimension(&self) -> usize {
        self.config.dimension
    }

    /// Loads the image tower.
    ///
    /// # Errors
    /// It has none, or its weights are damaged.
    pub fn image_tower(&self) -> Result<ImageTower, Error> {
        let config = self.config.image.clone();
        let config = config.ok_or_else(|| Error::NoTower { model: self.id.to_string(), tower: "image" })?;
        let background = config.background.parse().map_err(|_| Error::Load {
            file: FILES[0].into(),
            problem: format!("`{}` is no colour", config.background),
        })?;
        let tower = match &self.location {
            Location::Binary => rten::load_static(builtin::IMAGE.bytes(), &config.input, &config.output),
            Location::Folder(folder) => rten::load_file(&folder.join(FILES[1]), &config.input, &config.output),
        };
        let tower = tower.map_err(|problem| Error::Load { file: FILES[1].into(), problem })?;
        Ok(ImageTower { id: self.id.clone(), dimension: self.config.dimension, config, background, tower })
    }

    /// Loads the text tower.
    ///
    /// # Errors
    /// It has none, or its weights or its vocabulary are damaged.
    pub fn text_tower(&self) -> Result<TextTower, Error> {
        let config = self.config.text.clone();
        let config = config.ok_or_else(|| Error::NoTower { model: self.id.to_string(), tower: "text" })?;
        let load = |file: &str, problem: String| Error::Load { file: file.into(), problem };
        let (tower, vocabulary) = match &self.location {
            Location::Binary => (
                rten::load_static(builtin::TEXT.bytes(), &config.input, &config.output),
                Cow::Borrowed(builtin::VOCABULARY),
            ),
            Location::Folder(folder) => {
                let text = std::fs::read_to_string(folder.join(FILES[3])).map_err(|e| load(FILES[3], e.to_string()))?;
                (rten::load_file(&folder.join(FILES[2]), &config.input, &config.output), Cow::Owned(text))
            }
        };
        let tower = tower.map_err(|problem| load(FILES[2], problem))?;
        let tokenizer = WordPiece::new(vocabulary).map_err(|problem| load(FILES[3], problem))?;
        let (id, dimension) = (self.id.clone(), self.config.dimension);
        let TextConfig { max_tokens, corrects_spelling, .. } = config;
        Ok(TextTower { id, dimension, max_tokens, corrects_spelling, tokenizer, tower })
    }

    /// Facts for `model info`.
    pub fn info(&self) -> Info {
        let size = |file: &&str| match &self.location {
            Location::Binary => builtin::size(file),
            Location::Folder(folder) => std::fs::metadata(folder.join(file)).map(|m| m.len()).ok(),
        };
        Info {
            id: self.id.clone(),
            location: match &self.location {
                Location::Binary => "built in".into(),
                Location::Folder(folder) => folder.display().to_string(),
            },
            dimension: self.config.dimension,
            image: self.config.image.as_ref().map(|i| {
                let fit = match i.fit {
                    Fit::Pad => "padded",
                    Fit::Stretch => "stretched",
                };
                let crop = if i.crop.is_some() { "cropped to what is there, " } else { "" };
                format!("{0} x {0} pixels, {crop}{fit}, over {1}", i.size, i.background)
            }),
            text: self.config.text.as_ref().map(|t| format!("WordPiece, up to {} tokens", t.max_tokens)),
            license: self.config.license.clone(),
            files: FILES.iter().filter_map(|file| size(file).map(|bytes| (*file, bytes))).collect(),
        }
    }
}

impl Config {
    fn needs(&self, file: &str) -> bool {
        match file {
            "image.rten" => self.image.is_some(),
            "text.rten" | "vocab.txt" => self.text.is_some(),
            _ => true,
        }
    }
}

/// Where `--model NAME` looks: `$POKEDEX_MODELS`, else `pokedex/models` in the user's data folder.
pub fn models_folder() -> Option<PathBuf> {
    match std::env::var_os("POKEDEX_MODELS") {
        Some(folder) => Some(folder.into()),
        None => dirs::data_dir().map(|folder| folder.join("pokedex/models")),
    }
}

fn digest_file(hasher: &mut Sha256, name: &str, bytes: &[u8]) {
    hasher.update(name.as_bytes());
    hasher.update([0]);
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let mut digest = [0; 32];
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    (text.len() == 64).then_some(digest)
}

/// The half of a model that reads images.
pub struct ImageTower {
    id: ModelId,
    dimension: usize,
    config: ImageConfig,
    background: Colour,
    tower: Box<dyn Tower>,
}

impl ImageTower {
    /// The colour that transparent pixels show, part of the model's preprocessing.
    pub fn background(&self) -> Colour {
        self.background
    }

    /// Numbers of one preprocessed image: three planes.
    pub fn input_len(&self) -> usize {
        3 * self.config.size as usize * self.config.size as usize
    }

    /// Preprocesses one image into `out`, which has [`ImageTower::input_len`] numbers.
    pub fn preprocess(&self, image: &Rgb, out: &mut [f32]) {
        let size = self.config.size;
        let image = match self.config.crop {
            Some(margin) => image.crop_to_content(margin),
            None => Cow::Borrowed(image),
        };
        image.resize(size, size, self.config.fit, self.background).to_planes(self.config.mean, self.config.std, out);
    }

    /// Embeds preprocessed images: `batch × dimension` numbers, each row of length 1.
    ///
    /// # Errors
    /// The model's graph does not fit its configuration.
    pub fn embed(&self, pixels: Vec<f32>) -> Result<Vec<f32>, Error> {
        let size = self.config.size as usize;
        let batch = pixels.len() / self.input_len();
        let output = self.tower.run(Batch::Pixels { data: pixels, shape: [batch, 3, size, size] });
        finish(output, batch, self.dimension, &self.id)
    }
}

/// The half of a model that reads text.
pub struct TextTower {
    id: ModelId,
    dimension: usize,
    max_tokens: usize,
    corrects_spelling: bool,
    tokenizer: WordPiece,
    tower: Box<dyn Tower>,
}

impl TextTower {
    /// Embeds one text: `dimension` numbers of length 1.
    ///
    /// # Errors
    /// The model's graph does not fit its configuration.
    pub fn embed(&self, text: &str) -> Result<Vec<f32>, Error> {
        let mut ids = self.tokenizer.encode(text);
        ids.truncate(self.max_tokens);
        if ids.is_empty() {
            ids.push(wordpiece::PAD);
        }
        let shape = [1, ids.len()];
        finish(self.tower.run(Batch::Tokens { data: ids, shape }), 1, self.dimension, &self.id)
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

/// Checks the engine's output and normalises it.
fn finish(output: Result<Vec<f32>, String>, batch: usize, dimension: usize, id: &ModelId) -> Result<Vec<f32>, Error> {
    let fail = |problem: String| Error::Run { model: id.to_string(), problem };
    let mut vectors = output.map_err(fail)?;
    if vectors.len() != batch * dimension {
        return Err(fail(format!("gave {} numbers for {batch} rows of {dimension}", vectors.len())));
    }
    for vector in vectors.chunks_exact_mut(dimension) {
        if !normalise(vector) {
            return Err(fail("gave a vector that is zero or not finite".into()));
        }
    }
    Ok(vectors)
}

/// Scales a vector to length 1; false where it is zero or not finite.
pub fn normalise(vector: &mut [f32]) -> bool {
    let norm = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    let usable = norm.is_finite() && norm > 1e-12;
    if usable {
        // Exactly 1 stays exactly what it is, so that normalising twice changes nothing.
        let scale = 1.0 / norm;
        if (norm - 1.0).abs() > 1e-7 {
            vector.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
        }
    }
    usable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_identity_is_that_of_the_shipped_files() {
        let mut hasher = Sha256::new();
        for file in FILES {
            digest_file(&mut hasher, file, builtin::bytes(file).expect("every file is built in"));
        }
        let digest: [u8; 32] = hasher.finalize().into();
        assert_eq!(hex(&digest), hex(&Model::builtin().id.digest));
    }

    #[test]
    fn identities_print_short_and_full() {
        let id = ModelId { name: "m".into(), digest: [0xab; 32] };
        assert_eq!(id.to_string(), format!("m@{}", "ab".repeat(8)));
        assert_eq!(id.full(), format!("m@{}", "ab".repeat(32)));
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        let mut once = vec![3.0, 4.0, 1e-3];
        assert!(normalise(&mut once));
        let mut twice = once.clone();
        assert!(normalise(&mut twice));
        assert_eq!(once, twice);
        assert!(!normalise(&mut [0.0, 0.0]));
        assert!(!normalise(&mut [f32::NAN, 1.0]));
    }
}
