//! Models: two towers into one space, what makes them the same model or another, and where they are found.
//!
//! Hides: engines, file layouts, tokenizers, preprocessing. Promises: vectors are L2-normalised and finite; a row's
//! vector never depends on its neighbours in a batch or on the number of threads; two models that could give
//! different vectors have different [`ModelId`]s.

mod adapter;
mod builtin;
pub mod cache;
mod choice;
pub mod classifier;
mod configuration;
mod digest;
mod engine;
mod english;
mod error;
mod eye;
mod find;
mod fixed;
pub mod hub;
mod identity;
mod info;
mod layout;
mod literal;
mod load;
mod lone;
mod making;
mod merges;
pub mod ocr;
mod onnx;
mod ort;
mod own;
mod packed;
mod places;
mod prepare;
mod preprocess;
mod processor;
mod quantised;
mod rten;
mod spelling;
mod text_weights;
mod tokenizer;
mod towers;
pub mod trial;
mod unit;
mod wordpiece;
mod yolo;

pub use adapter::Adapter;
pub use cache::Cache;
pub use digest::hex;
pub use engine::{Device, Engine, Use};
pub use english::has as is_english;
pub use error::{Error, is_parquet};
pub use fixed::{Answer, Fixed};
pub use identity::{ModelId, short_id};
pub use info::Info;
pub use layout::is_adapter;
pub use making::Making;
pub use onnx::Scales;
pub use places::models_folder;
pub use preprocess::Preprocess;
pub use quantised::{Draft, RECORD, Ranges, Watch};
pub use spelling::{Known, among_english, correct, slips_forgiven};
pub use text_weights::{TextWeights, Weights};
pub use towers::{ImageTower, TextTower};
pub use unit::normalise;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use find::name_of;
use identity::{clean, identity};
use layout::{Found, split_variant};
use lone::{Lone, Purpose};
use onnx::Kind;
use ort::how_to_install;
use own::CONFIG;

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
    /// The one that was asked for, which computes what is not made of 8-bit integers.
    asked: Engine,
    /// What had to be assumed, where nothing told it.
    note: Option<String>,
    /// What its pictures' vectors go through, where it is made of another model.
    adapter: Option<Arc<Adapter>>,
}

impl Model {
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
        if making::is_unfinished(folder) {
            return Err(fail("it is being written, or was left by a run that was killed".into()));
        }
        if is_adapter(folder) {
            return Model::open_adapter(folder, engine);
        }
        let found = layout::recognise(folder, variant).map_err(fail)?;
        let (asked, engine) = (engine, settled(engine, found.quantised));
        let mut name = quantised::name(folder, name_of(folder));
        if let Some(variant) = variant.filter(|variant| found.variants.first() != Some(variant)) {
            name = format!("{name}:{variant}");
        }
        let digest = identity(folder, &found, engine).map_err(|e| fail(e.to_string()))?;
        let id = ModelId { name, digest };
        let location = Location::Folder(folder.to_path_buf());
        Ok(Model { id, found, location, engine, asked, note: None, adapter: None })
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
            by_batch: graph.by_batch,
            variants: Vec::new(),
            license: None,
        };
        let (asked, engine) = (engine, settled(engine, found.quantised));
        let digest = identity(&folder, &found, engine).map_err(|e| e.to_string())?;
        let location = Location::Folder(folder);
        Ok(Model { id: ModelId { name, digest }, found, location, engine, asked, note, adapter: None })
    }

    /// Its identity.
    pub fn id(&self) -> &ModelId {
        &self.id
    }

    /// What its pictures' vectors go through, where it is another model with a map.
    pub fn adapter(&self) -> Option<&Arc<Adapter>> {
        self.adapter.as_ref()
    }

    /// The model that looks at the pictures: itself, or the base of an adapter.
    pub fn base(&self) -> &ModelId {
        self.adapter.as_ref().map_or(&self.id, |adapter| &adapter.base)
    }

    /// Whether it reads words.
    pub fn has_text(&self) -> bool {
        self.found.text.is_some()
    }

    /// Whether it sees pictures.
    pub fn has_image(&self) -> bool {
        self.found.image.is_some()
    }

    /// Length of its vectors.
    pub fn dimension(&self) -> usize {
        self.found.dimension
    }

    /// Does it compute with 8-bit integers?
    pub fn is_quantised(&self) -> bool {
        self.found.quantised
    }

    /// Is a batch of several images quantised as a whole, so that an image's vector would depend on its neighbours?
    pub fn rounds_by_batch(&self) -> bool {
        self.found.by_batch
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
}

/// The engine that must be part of the identity of a model of 8-bit integers.
fn settled(engine: Engine, quantised: bool) -> Engine {
    match (engine, quantised) {
        (Engine::Auto, true) if ort::library().is_ok() => Engine::Ort,
        (Engine::Auto, true) => Engine::Rten,
        (engine, _) => engine,
    }
}

/// ONNX Runtime as it is found on this machine: its version and its file.
///
/// # Errors
/// There is none that can be used, and why.
pub fn onnx_runtime() -> Result<(&'static str, &'static Path), &'static str> {
    ort::library().map(|library| (library.version.as_str(), library.path.as_path()))
}
