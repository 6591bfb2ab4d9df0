//! Models: two towers into one space, what makes them the same model or another, and where they are found.
//!
//! Hides: engines, file layouts, tokenizers, preprocessing. Promises: vectors are L2-normalised and finite; a row's
//! vector never depends on its neighbours in a batch or on the number of threads; two models that could give
//! different vectors have different [`ModelId`]s.

mod builtin;
pub mod cache;
mod choice;
pub mod classifier;
mod configuration;
mod digest;
mod engine;
mod eye;
mod fixed;
pub mod hub;
mod layout;
mod literal;
mod lone;
mod onnx;
mod ort;
mod prepare;
mod preprocess;
mod processor;
mod rten;
mod spelling;
mod tokenizer;
pub mod trial;
mod wordpiece;
mod yolo;

pub use cache::Cache;
pub use classifier::Classifier;
pub use engine::{Device, Engine, Use};
pub use fixed::Fixed;
pub use layout::split_variant;
pub use ort::how_to_install;
pub use preprocess::Preprocess;
pub use spelling::{Known, correct, slips_forgiven};

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::image::{Colour, Fit, Rgb};
use crate::{matrix, notes};
use choice::Choice;
use engine::{Batch, Ends, Output, Role, Tower};
use layout::{Found, Part, Vocabulary, Words};
use lone::{Lone, Purpose};
use onnx::{Kind, Port};
use preprocess::Form;
use tokenizer::{Cleaning, Length, Tokenizer};
use trial::Sample;

/// What says that a folder is a model of this project.
const CONFIG: &str = "model.json";

/// All that may be in such a folder: [`CONFIG`], towers, the vocabulary.
const OWN_FILES: [&str; 5] = [CONFIG, "image.rten", "image.safetensors", "text.rten", "vocab.txt"];

/// Tokens of the text that a text tower is tried with.
const SAMPLE_TOKENS: usize = 8;

/// What can go wrong with a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{name}: no such model")]
    Unknown { name: String, installed: Vec<String> },
    #[error("{}: not a model folder: {problem}", path.display())]
    NotAModel { path: PathBuf, problem: String },
    #[error("{}: not a model of pictures: {problem}", path.display())]
    File { path: PathBuf, problem: String },
    #[error("{}: which of its values is the vector? its outputs are {}", path.display(), outputs.join(", "))]
    NoVector { path: PathBuf, outputs: Vec<String> },
    #[error("{file}: cannot load: {problem}")]
    Load { file: String, problem: String },
    #[error("model {model}: has no {tower} tower")]
    NoTower { model: String, tower: &'static str },
    #[error("model {model}: {problem}")]
    Run { model: String, problem: String },
    #[error("model {model}: its vector of {of} {problem}")]
    NoDirection { model: String, of: String, problem: &'static str },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Unknown { name, installed } => Some(unknown_model(name, installed)),
            Error::NotAModel { path, .. } | Error::File { path, .. } if !path.exists() => {
                Some("check the spelling; `pokedex model list` shows the models that are installed by name".into())
            }
            Error::NotAModel { path, .. } | Error::File { path, .. } if is_parquet(path) => {
                Some("a table is no model; what `train` learnt is a head: pokedex classify photos/ --head HEAD".into())
            }
            Error::NotAModel { .. } => Some("`pokedex model --help` tells which folders are understood".into()),
            Error::NoVector { path, .. } => {
                Some(format!("--model {}#NAME, of an output or of a value inside its graph", path.display()))
            }
            Error::NoTower { tower: "text", .. } => {
                Some("search by pictures: an argument that begins with ./ or img: is one".into())
            }
            _ => None,
        }
    }
}

/// Whether a file is called what heads are called.
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// What helps who named a model that is not here: how it comes here, or which one was probably meant.
fn unknown_model(name: &str, installed: &[String]) -> String {
    let (name, _) = split_variant(name);
    if let Some(known) = hub::short_name(name) {
        return format!("pokedex model pull {known}");
    }
    let folder = "a folder is given with a slash: --model ./FOLDER";
    let slips = |known: &str| strsim::osa_distance(&name.to_lowercase(), &known.to_lowercase());
    let near = installed.iter().map(String::as_str).min_by_key(|known| slips(known));
    let near = near.filter(|known| slips(known) <= known.len() / 4 + 1).map(|known| format!("--model {known}"));
    let near = near.or_else(|| hub::nearest_short_name(name).map(|known| format!("pokedex model pull {known}")));
    let near = near.map_or(String::new(), |near| format!("did you mean: {near}; "));
    format!("{near}installed models: {}; {folder}", installed.join(", "))
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

/// Hexadecimal digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
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

/// What the image tower is: a graph, or the weights of the network that [`eye`] computes.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
enum ImageFile {
    #[default]
    #[serde(rename = "image.rten")]
    Graph,
    #[serde(rename = "image.safetensors")]
    Eye,
}

impl ImageFile {
    fn name(self) -> &'static str {
        match self {
            ImageFile::Graph => "image.rten",
            ImageFile::Eye => "image.safetensors",
        }
    }
}

#[derive(Debug, Clone, serde::Deserialize)]
struct ImageConfig {
    #[serde(default)]
    file: ImageFile,
    input: String,
    output: String,
    size: u32,
    fit: Fit,
    /// Is background cut away first, and but for which margin (a share of the longer side of what remains)?
    #[serde(default)]
    crop: Option<f32>,
    /// How a picture whose corners differ, a scene, fills the frame, where otherwise than others.
    #[serde(default)]
    scene: Option<Fit>,
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
    found: Found,
    location: Location,
    engine: Engine,
    /// What had to be assumed, where nothing told it.
    note: Option<String>,
}

/// Facts about a model, for people.
#[derive(Debug)]
pub struct Info {
    pub id: ModelId,
    pub location: String,
    pub kind: &'static str,
    pub dimension: usize,
    pub image: Option<String>,
    pub text: Option<String>,
    pub variants: Vec<&'static str>,
    pub license: Option<String>,
    /// Which engine would run it, for many pictures and for one query.
    pub engines: String,
    /// Bytes of each file.
    pub files: Vec<(String, u64)>,
}

impl Model {
    /// The model in the binary: no file is read.
    pub fn builtin() -> Model {
        let config: Config = serde_json::from_slice(builtin::CONFIG).expect("the shipped configuration is valid");
        let digest = parse_digest(builtin::IDENTITY).expect("the shipped identity is 64 hex digits");
        let id = ModelId { name: config.name.clone(), digest };
        let found = config.found().expect("the shipped configuration is valid");
        Model { id, found, location: Location::Binary, engine: Engine::Rten, note: None }
    }

    /// A model in a folder; of several variants the one that is asked for, else the most exact. The engine is part of
    /// the identity of a model of 8-bit integers: engines round them differently.
    ///
    /// # Errors
    /// The folder lacks a file, or what is in it is not understood.
    pub fn open(folder: &Path, variant: Option<&str>, engine: Engine) -> Result<Model, Error> {
        let fail = |problem: String| Error::NotAModel { path: folder.to_path_buf(), problem };
        if folder.join(CONFIG).is_file() {
            return Model::open_own(folder, engine).map_err(fail);
        }
        if folder.is_file() {
            return Err(fail("it is a file; a model is a folder, or one .onnx file".into()));
        }
        if !folder.is_dir() {
            return Err(fail("there is no such folder".into()));
        }
        let found = layout::recognise(folder, variant).map_err(fail)?;
        let engine = settled(engine, found.quantised);
        let mut name = name_of(folder);
        if let Some(variant) = variant.filter(|variant| found.variants.first() != Some(variant)) {
            name = format!("{name}:{variant}");
        }
        let digest = identity(folder, &found, engine).map_err(|e| fail(e.to_string()))?;
        let id = ModelId { name, digest };
        Ok(Model { id, found, location: Location::Folder(folder.to_path_buf()), engine, note: None })
    }

    /// The model that is one ONNX file, whatever it was made for: its vector is an output or a value inside the graph
    /// (of `[batch, channels, height, width]` the mean over the picture), whose name is part of its own.
    ///
    /// # Errors
    /// It is no ONNX file, takes something else than pixels, or computes nothing of that name.
    pub fn open_file(file: &Path, layer: Option<&str>, engine: Engine) -> Result<Model, Error> {
        let fail = |problem: String| Error::File { path: file.to_path_buf(), problem };
        let lone = Lone::read(file, Purpose::Vectors).map_err(fail)?;
        let outputs = &lone.graph.outputs;
        let named = || layout::IMAGE_VECTORS.into_iter().find(|name| lone.graph.output(name).is_some());
        // Three axes are boxes or tokens: who wants those says so.
        let only =
            || outputs.first().filter(|port| outputs.len() == 1 && port.shape.len() != 3).map(|port| &*port.name);
        let output = layer.or_else(named).or_else(only).map(String::from).ok_or_else(|| {
            let outputs = outputs.iter().map(|port| port.name.clone()).collect();
            Error::NoVector { path: file.to_path_buf(), outputs }
        })?;
        let name = clean(&format!("{}#{output}", lone.name()));
        let kind = lone.graph.output(&output).map_or(Kind::Other(None), |port| port.kind);
        if !kind.is_float() && kind != Kind::Other(None) {
            return Err(fail(format!("its output `{output}` is of {kind}, not of floating-point numbers")));
        }
        let mut model = Model::of_lone(lone, &output, name, 0, engine).map_err(fail)?;
        let shape = model.found.image.as_ref().map_or(&[][..], |(part, _)| &part.output.shape);
        let dimension = match *shape {
            [_, dimension] | [_, _, dimension] | [_, dimension, _, _] => dimension,
            _ => None,
        };
        model.found.dimension = match dimension {
            Some(dimension) => dimension,
            None => model.image_tower(Use::Once, Device::Cpu)?.length_of_vectors(model.at_once().unwrap_or(1))?,
        };
        match model.found.dimension {
            1..=65536 => Ok(model),
            dimension => Err(fail(format!("`{output}` would be vectors of {dimension} numbers"))),
        }
    }

    /// The model of an ONNX file of one input whose output of this name has this many numbers.
    fn of_lone(lone: Lone, output: &str, name: String, dimension: usize, engine: Engine) -> Result<Model, String> {
        let part = lone.part(output)?;
        let Lone { folder, graph, preprocess, note, .. } = lone;
        let found = Found {
            kind: "ONNX file",
            dimension,
            image: Some((part, preprocess)),
            text: None,
            quantised: graph.quantised,
            variants: Vec::new(),
            license: None,
        };
        let engine = settled(engine, found.quantised);
        let digest = identity(&folder, &found, engine).map_err(|e| e.to_string())?;
        Ok(Model { id: ModelId { name, digest }, found, location: Location::Folder(folder), engine, note })
    }

    /// A model of this project, in a folder.
    fn open_own(folder: &Path, engine: Engine) -> Result<Model, String> {
        let text = configuration::read(&folder.join(CONFIG)).map_err(|e| format!("{}: {e}", CONFIG))?;
        let config: Config = serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", CONFIG))?;
        let found = config.found().map_err(|e| format!("{}: {e}", CONFIG))?;
        if clean(&config.name) != config.name || config.name.is_empty() {
            let name = config.name.escape_debug();
            return Err(format!("{}: the name `{name}` has characters that no name of a model has", CONFIG));
        }
        let mut hasher = Sha256::new();
        for file in config.files() {
            match std::fs::read(folder.join(file)) {
                Ok(bytes) => digest_file(&mut hasher, file, &bytes),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && !config.needs(file) => {}
                Err(e) => return Err(format!("{file}: {e}")),
            }
        }
        let id = ModelId { name: config.name.clone(), digest: hasher.finalize().into() };
        Ok(Model { id, found, location: Location::Folder(folder.to_path_buf()), engine, note: None })
    }

    /// The model of this name (the built-in one, or a folder of the models folder), or in this folder where it
    /// contains a `/`. A variant may follow: `clip:int8`. What ends in `.onnx` is a file, and the name of one of its
    /// values may follow: `yolo.onnx#output0`.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn find(name: &str, engine: Engine) -> Result<Model, Error> {
        let builtin = Model::builtin();
        if name == builtin.id.name || name == "builtin" {
            return Ok(Model { engine, ..builtin });
        }
        if let Some((file, layer)) = split_layer(name) {
            return Model::open_file(Path::new(file), layer, engine);
        }
        let (name, variant) = split_variant(name);
        if name.contains('/') {
            return Model::open(Path::new(name), variant, engine);
        }
        match models_folder().map(|folder| folder.join(name)).filter(|folder| folder.is_dir()) {
            Some(folder) => Model::open(&folder, variant, engine),
            None => {
                let mut installed = vec![builtin.id.name];
                let opens = |folder: &&PathBuf| Model::open(folder, None, Engine::Auto).is_ok();
                installed.extend(installed_folders().iter().filter(opens).map(|folder| name_in(folder)));
                let file = Path::new(name);
                match is_parquet(file) && file.is_file() {
                    true => Err(Error::NotAModel { path: file.into(), problem: "it is a table".into() }),
                    false => Err(Error::Unknown { name: name.into(), installed }),
                }
            }
        }
    }

    /// The installed model of this short identity, whichever variant and engine made it.
    pub fn of(id: &str) -> Option<Model> {
        // The built-in one is compared first, since others must be read to be known.
        let builtin = Model::builtin();
        if builtin.id.to_string() == id {
            return Some(builtin);
        }
        let (name, _) = id.split_once('@')?;
        let (_, variant) = split_variant(name);
        installed_folders().iter().find_map(|folder| {
            let open = |engine| Model::open(folder, variant, engine).ok();
            let is_it = |model: &Model| model.id.to_string() == id;
            let model = open(Engine::Auto)?;
            // Only 8-bit models are another one in each engine.
            let quantised = model.is_quantised();
            let others = || [Engine::Rten, Engine::Ort].into_iter().filter_map(open).find(is_it);
            Some(model).filter(is_it).or_else(|| if quantised { others() } else { None })
        })
    }

    /// The built-in model and those in the models folder that can be opened.
    pub fn list() -> Vec<Model> {
        let mut models = vec![Model::builtin()];
        models.extend(installed_folders().iter().filter_map(|folder| {
            let broken = |error: Error| notes::say(&format!("model {}", folder.display()), error.to_string());
            Model::open(folder, None, Engine::Auto).map_err(broken).ok()
        }));
        models
    }

    /// Its identity.
    pub fn id(&self) -> &ModelId {
        &self.id
    }

    /// Length of its vectors.
    pub fn dimension(&self) -> usize {
        self.found.dimension
    }

    /// Does it compute with 8-bit integers? Then a batch of several images is quantised as a whole, and an image's
    /// vector depends on its neighbours.
    pub fn is_quantised(&self) -> bool {
        self.found.quantised
    }

    /// For how many images at once its graph is made, where it is not made for any number.
    pub fn at_once(&self) -> Option<usize> {
        self.found.image.as_ref().and_then(|(part, _)| part.input.shape.first().copied().flatten())
    }

    /// What had to be assumed of it, for a warning.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Is it one of this project's own, for which a batch of one image is the fastest?
    pub fn is_small(&self) -> bool {
        self.found.kind == layout::OWN
    }

    /// Loads the image tower.
    ///
    /// # Errors
    /// It has none, its weights are damaged, or the engine is not there.
    pub fn image_tower(&self, use_: Use, device: Device) -> Result<ImageTower, Error> {
        let (part, preprocess) = self.found.image.as_ref().ok_or_else(|| self.lacks("image"))?;
        let (height, width) = (preprocess.height as usize, preprocess.width as usize);
        let sample = Sample::Pixels(part.form.shape(self.at_once().unwrap_or(1), height, width));
        let tower = self.tower(part, builtin::IMAGE, sample, use_, device)?;
        let (id, dimension) = (self.id.clone(), self.found.dimension);
        Ok(ImageTower { id, dimension, preprocess: *preprocess, form: part.form, tower })
    }

    /// Loads the text tower.
    ///
    /// # Errors
    /// It has none, its weights or its vocabulary are damaged, or the engine is not there.
    pub fn text_tower(&self, use_: Use, device: Device) -> Result<TextTower, Error> {
        let (part, words) = self.found.text.as_ref().ok_or_else(|| self.lacks("text"))?;
        let (tower, tokenizer) = std::thread::scope(|scope| {
            // A vocabulary of 50,000 words takes longer than mapped weights.
            let tokenizer = scope.spawn(|| self.tokenizer(words));
            let tokens = if words.length.padded { words.length.most } else { words.length.most.min(SAMPLE_TOKENS) };
            let tower = self.tower(part, builtin::TEXT.bytes(), Sample::Tokens([1, tokens]), use_, device);
            (tower, tokenizer.join().unwrap_or_else(|_| Err("the tokenizer gave up on it".into())))
        });
        let tokenizer = tokenizer.map_err(|problem| self.load_error(&words.file, problem))?;
        let tower = tower?;
        let (id, dimension) = (self.id.clone(), self.found.dimension);
        Ok(TextTower { id, dimension, corrects_spelling: words.corrects_spelling, tokenizer, tower })
    }

    fn lacks(&self, tower: &'static str) -> Error {
        Error::NoTower { model: self.id.to_string(), tower }
    }

    fn load_error(&self, file: &Path, problem: String) -> Error {
        let file = match &self.location {
            Location::Folder(folder) => folder.join(file),
            Location::Binary => file.to_path_buf(),
        };
        Error::Load { file: file.display().to_string(), problem }
    }

    fn tower(
        &self,
        part: &Part,
        builtin: &'static [u8],
        sample: Sample,
        use_: Use,
        device: Device,
    ) -> Result<Box<dyn Tower>, Error> {
        let choice = Choice { engine: self.engine, device, use_ };
        let is_a = |kind: &str| part.file.extension().is_some_and(|extension| extension == kind);
        let own = is_a("rten") || is_a(eye::FILES);
        let tower = match &self.location {
            _ if own && (self.engine == Engine::Ort || device != Device::Cpu) => {
                Err("its weights are in a format that only the engine in the binary reads".into())
            }
            Location::Binary if is_a(eye::FILES) => eye::load(builtin, use_),
            Location::Folder(folder) if is_a(eye::FILES) => {
                let bytes = crate::io::map(&folder.join(&part.file)).map_err(|e| e.to_string());
                bytes.and_then(|bytes| eye::load(&bytes, use_))
            }
            Location::Binary => rten::load_static(builtin, &part.ends),
            Location::Folder(folder) if own => {
                let (file, mark) = (folder.join(&part.file), prepare::place(&self.id.digest));
                let choice = Choice { engine: Engine::Rten, ..choice };
                let tried = trial::pass(&file, &part.ends, choice, sample, mark.as_deref());
                tried.and_then(|()| rten::load_file(&file, &part.ends, use_))
            }
            Location::Folder(_) if self.found.quantised && choice.engine != Engine::Ort && !matrix::bytes_are_exact() => Err(
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
        let bytes = configuration::read(&folder.join(&words.file)).map_err(|e| e.to_string())?;
        match words.vocabulary {
            Vocabulary::WordPiece => {
                let text = String::from_utf8(bytes).map_err(|e| e.to_string())?;
                Tokenizer::wordpiece(Cow::Owned(text), words.length.most)
            }
            Vocabulary::Json => Tokenizer::from_json(&bytes, words.length, words.pad.as_deref(), words.cleaning),
            Vocabulary::Merges => Tokenizer::from_merges(&bytes, words.length, words.cleaning),
        }
    }

    /// Facts for `model info`.
    pub fn info(&self) -> Info {
        let size = |file: &Path| match &self.location {
            Location::Binary => builtin::size(&file.display().to_string()),
            Location::Folder(folder) => std::fs::metadata(folder.join(file)).map(|m| m.len()).ok(),
        };
        let files = files_of(&self.found);
        let files = files.iter().filter_map(|file| Some((file.display().to_string(), size(file)?))).collect();
        Info {
            id: self.id.clone(),
            location: match &self.location {
                Location::Binary => "built in".into(),
                Location::Folder(folder) => folder.display().to_string(),
            },
            kind: self.found.kind,
            dimension: self.found.dimension,
            image: self.found.image.as_ref().map(|(_, preprocess)| preprocess.to_string()),
            text: self.found.text.as_ref().map(|(_, words)| words.to_string()),
            variants: self.found.variants.clone(),
            license: self.found.license.clone(),
            engines: self.engines(),
            files,
        }
    }

    fn engines(&self) -> String {
        let rten = "rten (in the binary)";
        let parts = [self.found.image.as_ref().map(|(part, _)| part), self.found.text.as_ref().map(|(part, _)| part)];
        if parts.into_iter().flatten().any(|part| part.file.extension().is_some_and(|e| e == "rten" || e == eye::FILES))
        {
            return rten.into();
        }
        match ort::library() {
            Ok(library) => {
                let ort = format!("ONNX Runtime {} ({})", library.version, library.path.display());
                match self.found.quantised {
                    true => ort,
                    false => format!("{ort} for many inputs, {rten} for one"),
                }
            }
            Err(problem) => format!("{rten}; {problem}: {}", how_to_install()),
        }
    }
}

/// The engine that must be part of the identity of a model of 8-bit integers.
fn settled(engine: Engine, quantised: bool) -> Engine {
    match (engine, quantised) {
        (Engine::Auto, true) if ort::library().is_ok() => Engine::Ort,
        (Engine::Auto, true) => Engine::Rten,
        (engine, _) => engine,
    }
}

/// Whether a name is that of an ONNX file, and the value of its graph that is named after it: `yolo.onnx#output0`.
pub fn split_layer(name: &str) -> Option<(&str, Option<&str>)> {
    match name.split_once(".onnx#") {
        Some((file, layer)) => Some((&name[..file.len() + ".onnx".len()], Some(layer))),
        None => name.ends_with(".onnx").then_some((name, None)),
    }
}

/// Files of a model, relative to its folder.
fn files_of(found: &Found) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let parts = [found.image.as_ref().map(|(part, _)| part), found.text.as_ref().map(|(part, _)| part)];
    for part in parts.into_iter().flatten() {
        files.push(part.file.clone());
        files.extend(part.external.iter().map(|name| part.file.with_file_name(name)));
    }
    files.extend(found.text.iter().map(|(_, words)| words.file.clone()));
    files.sort();
    files.dedup();
    files
}

/// SHA-256 over the weights of the towers, the vocabulary, and what is done to pictures and words before.
fn identity(folder: &Path, found: &Found, engine: Engine) -> std::io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut put = |role: &str, bytes: &[u8]| digest_file(&mut hasher, role, bytes);
    let digest = |file: &Path| {
        digest::of_file(&folder.join(file))
            .map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", file.display())))
    };
    let weights = |role: &str, part: &Part, put: &mut dyn FnMut(&str, &[u8])| -> std::io::Result<()> {
        put(role, &digest(&part.file)?);
        for name in &part.external {
            prepare::beside(&folder.join(&part.file), name)
                .map_err(|e| std::io::Error::new(e.kind(), format!("{name}: {e}")))?;
            put("weights", &digest(&part.file.with_file_name(name))?);
        }
        put("output", part.output.name.as_bytes());
        Ok(())
    };
    if let Some((part, preprocess)) = &found.image {
        weights("image", part, &mut put)?;
        put("pixels", format!("{preprocess:?}").as_bytes());
    }
    if let Some((part, words)) = &found.text {
        weights("text", part, &mut put)?;
        put("vocabulary", &digest(&words.file)?);
        put("words", format!("{:?} {:?} {:?}", words.cleaning, words.length, words.pad).as_bytes());
    }
    if found.quantised {
        put("engine", format!("{engine:?}").as_bytes());
    }
    Ok(hasher.finalize().into())
}

/// What a model in a folder is called: as the folder; in the hub's cache as the repository.
fn name_of(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let mut names = folder.components().rev().map(|part| part.as_os_str().to_string_lossy());
    let repository = names.find_map(|name| name.strip_prefix("models--").map(str::to_string));
    match repository {
        Some(repository) => clean(repository.rsplit("--").next().unwrap_or_default()),
        None => clean(&name_in(&folder)),
    }
}

fn name_in(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A name as it may stand in tables and on terminals: without the `@` that parts it from the digest, and without what
/// moves a cursor or turns the direction of writing.
fn clean(name: &str) -> String {
    let turns = ['\u{200e}', '\u{200f}', '\u{61c}', '\u{2028}', '\u{2029}'];
    let is_bad = |c: char| {
        c == '@'
            || c.is_control()
            || turns.contains(&c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    name.chars().map(|c| if is_bad(c) { '_' } else { c }).collect()
}

/// The folders of the models folder, by name.
fn installed_folders() -> Vec<PathBuf> {
    let entries = models_folder().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir() && !name_in(path).starts_with('.')).collect();
    folders.sort();
    folders
}

impl Config {
    /// The same facts as any other layout has.
    fn found(&self) -> Result<Found, String> {
        if self.format != 1 {
            return Err(format!("format {} is not known to this version", self.format));
        }
        if self.dimension == 0 || self.dimension > 1 << 16 {
            return Err(format!("dimension {} is out of range", self.dimension));
        }
        let part = |file: &str, role: Role, input: &str, output: &str| {
            let port = |name: &str| Port { name: name.into(), kind: Kind::Float32, shape: Vec::new() };
            let ends = Ends::single(input, role, output);
            let (file, input, output) = (file.into(), port(input), port(output));
            Part { file, ends, input, form: Form::USUAL, output, shared: false, external: Vec::new() }
        };
        let image = self.image.as_ref().map(|image| {
            if image.size == 0 || image.size > 4096 {
                return Err(format!("image size {} is out of range", image.size));
            }
            let preprocess = Preprocess {
                fit: image.fit,
                crop: image.crop,
                scene: image.scene,
                background: image.background.parse().map_err(|e| format!("background: {e}"))?,
                mean: image.mean,
                std: image.std,
                ..Preprocess::plain(image.size, image.size)
            };
            Ok((part(image.file.name(), Role::Pixels, &image.input, &image.output), preprocess))
        });
        let text = self.text.as_ref().map(|text| {
            let words = Words {
                vocabulary: Vocabulary::WordPiece,
                file: "vocab.txt".into(),
                cleaning: Cleaning::None,
                length: Length { most: text.max_tokens.max(1), padded: false, padding: None },
                pad: None,
                corrects_spelling: text.corrects_spelling,
            };
            (part("text.rten", Role::Ids, &text.input, &text.output), words)
        });
        Ok(Found {
            kind: layout::OWN,
            dimension: self.dimension,
            image: image.transpose()?,
            text,
            quantised: false,
            variants: Vec::new(),
            license: self.license.clone(),
        })
    }

    /// The files of the model, in the order in which its identity is computed.
    fn files(&self) -> [&'static str; 4] {
        let image = self.image.as_ref().map_or(ImageFile::default(), |image| image.file);
        [CONFIG, image.name(), "text.rten", "vocab.txt"]
    }

    fn needs(&self, file: &str) -> bool {
        match file {
            CONFIG => true,
            "text.rten" | "vocab.txt" => self.text.is_some(),
            _ => self.image.is_some(),
        }
    }
}

/// ONNX Runtime as it is found on this machine: its version and its file.
///
/// # Errors
/// There is none that can be used, and why.
pub fn onnx_runtime() -> Result<(&'static str, &'static Path), &'static str> {
    ort::library().map(|library| (library.version.as_str(), library.path.as_path()))
}

/// Where `--model NAME` looks: `$POKEDEX_MODELS`, else `pokedex/models` in the user's data folder.
pub fn models_folder() -> Option<PathBuf> {
    match std::env::var_os("POKEDEX_MODELS") {
        Some(folder) => Some(folder.into()),
        None => dirs::data_dir().map(|folder| folder.join("pokedex/models")),
    }
}

/// Where what can be made again is kept: `$POKEDEX_CACHE`, else `pokedex` in the user's cache folder.
pub fn cache_folder() -> Option<PathBuf> {
    match std::env::var_os("POKEDEX_CACHE").filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(folder.into()),
        None => dirs::cache_dir().map(|folder| folder.join("pokedex")),
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
    preprocess: Preprocess,
    form: Form,
    tower: Box<dyn Tower>,
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
    fn shape(&self, batch: usize) -> [usize; 4] {
        self.form.shape(batch, self.preprocess.height as usize, self.preprocess.width as usize)
    }

    /// Preprocesses one image into `out`, which has [`ImageTower::input_len`] numbers.
    pub fn preprocess(&self, image: &Rgb, out: &mut [f32]) {
        self.preprocess.fill(self.form, image, out);
    }

    /// How long its vectors are, where the graph does not tell: a blank picture shows it.
    fn length_of_vectors(&self, batch: usize) -> Result<usize, Error> {
        let shape = self.shape(batch);
        let blank = Batch::Pixels { data: vec![0.0; shape.iter().product()], shape };
        let numbers = self.tower.run(blank).and_then(|output| output.into_rows(batch));
        let fail = |problem: String| Error::Run { model: self.id.to_string(), problem };
        Ok(numbers.map_err(fail)?.len() / batch)
    }

    /// Embeds preprocessed images: of each of the first `count` a vector of length 1, or why it has none. What follows
    /// them only fills the batch, and is not looked at.
    ///
    /// # Errors
    /// The model's graph does not fit its configuration.
    pub fn embed(&self, pixels: Vec<f32>, count: usize) -> Result<Vec<Result<Vec<f32>, &'static str>>, Error> {
        let batch = pixels.len() / self.input_len();
        let output = self.tower.run(Batch::Pixels { data: pixels, shape: self.shape(batch) });
        let vectors = rows_of(output, batch, self.dimension, &self.id)?;
        Ok(vectors.chunks_exact(self.dimension).take(count).map(|vector| direction(vector.to_vec())).collect())
    }

    /// Embeds the one preprocessed image of a query.
    ///
    /// # Errors
    /// As [`ImageTower::embed`], or its vector has no direction.
    pub fn embed_one(&self, pixels: Vec<f32>) -> Result<Vec<f32>, Error> {
        let vector = self.embed(pixels, 1)?.pop().expect("one image has one vector");
        let model = self.id.to_string();
        vector.map_err(|problem| Error::NoDirection { model, of: "the picture".into(), problem })
    }
}

/// The half of a model that reads text.
pub struct TextTower {
    id: ModelId,
    dimension: usize,
    corrects_spelling: bool,
    tokenizer: Tokenizer,
    tower: Box<dyn Tower>,
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

/// A vector of length 1; why there is none, where it points nowhere.
fn direction(mut vector: Vec<f32>) -> Result<Vec<f32>, &'static str> {
    match normalise(&mut vector) {
        true => Ok(vector),
        false if vector.iter().all(|x| x.is_finite()) => Err("is zero"),
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
        let config: Config = serde_json::from_slice(builtin::CONFIG).expect("the shipped configuration is valid");
        for file in config.files() {
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
