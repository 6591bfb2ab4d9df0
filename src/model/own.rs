//! This project's own models: a folder with a `model.json`, and the one in the binary.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::digest::parse_digest;
use super::engine::{Ends, Engine, Role};
use super::identity::clean;
use super::identity::{ModelId, digest_file};
use super::layout::{self, Found, Part, Vocabulary, Words};
use super::onnx::{Kind, Port};
use super::preprocess::{Form, Preprocess};
use super::tokenizer::{Cleaning, Length};
use super::{Location, Model, builtin, configuration};
use crate::image::Fit;

/// What says that a folder is a model of this project.
pub(super) const CONFIG: &str = "model.json";

/// All that may be in such a folder: [`CONFIG`], towers, the vocabulary.
pub(super) const OWN_FILES: [&str; 5] = [CONFIG, "image.rten", "image.safetensors", "text.rten", "vocab.txt"];

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

/// What the image tower is: a graph, or the weights of the network that [`super::eye`] computes.
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

impl Model {
    /// The model in the binary: no file is read.
    pub fn builtin() -> Model {
        let config: Config = serde_json::from_slice(builtin::CONFIG).expect("the shipped configuration is valid");
        let digest = parse_digest(builtin::IDENTITY).expect("the shipped identity is 64 hex digits");
        let id = ModelId { name: config.name.clone(), digest };
        let found = config.found().expect("the shipped configuration is valid");
        let (location, engine) = (Location::Binary, Engine::Rten);
        Model { id, found, location, engine, asked: engine, note: None, adapter: None }
    }

    /// A model of this project, in a folder.
    pub(super) fn open_own(folder: &Path, engine: Engine) -> Result<Model, String> {
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
        let location = Location::Folder(folder.to_path_buf());
        Ok(Model { id, found, location, engine, asked: engine, note: None, adapter: None })
    }
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
            Part { file, ends, input, form: Form::USUAL, output, shared: false, external: Vec::new(), quantised: false }
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
            by_batch: false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hex;

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
}
