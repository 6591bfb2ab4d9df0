//! A bundle for the toolchain of a device (nncase for the K210, tpu-mlir for MaixCam, and their like): the model with a
//! fixed shape, its classes and anchors, and pictures to calibrate its rounding with, prepared as the model is fed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Finished, Item, Layout, Packer, Whereabouts};
use crate::export::Error;
use crate::export::classes::lines;
use crate::export::manifest::MANIFEST;
use crate::export::picture::Recipe;
use crate::export::plan::{Names, Naming, Place, Plan};
use crate::image::Encoding;
use crate::io::{Error as IoError, Folder, map};
use crate::model::{Fixed, hex};
use crate::names::folded;

/// What the pictures are called.
pub(crate) const NAMING: Naming = Naming { names: Names::Stem, boxes: false, classified: false };

/// The pictures' folder.
const CALIBRATION: &str = "calibration";
/// The bundle's own files and folders, beside which the weights lie.
const OWN: &[&str] =
    &["model.onnx", "manifest.json", "classes.txt", "anchors.txt", "calibration.txt", CALIBRATION, MANIFEST];
/// Longer files of anchors hold something else.
const MOST_ANCHORS: u64 = 1 << 20;

/// The layout.
pub(crate) struct Edge {
    model: Fixed,
    anchors: Option<String>,
}

impl Edge {
    /// Reads the model, and the anchors: a file, or what the model says of itself.
    ///
    /// # Errors
    /// The model takes something else than pixels, its files have names of the bundle's own, or one cannot be read.
    pub(crate) fn open(path: &Path, anchors: Option<&Path>) -> Result<Edge, Error> {
        let model = Fixed::open(path).map_err(|problem| Error::Model { path: path.into(), problem })?;
        let mut taken: Vec<String> = OWN.iter().map(|name| (*name).to_string()).collect();
        for file in &model.weights {
            let name = file.file_name().map(|name| folded(&name.to_string_lossy())).unwrap_or_default();
            if taken.contains(&name) {
                let problem = format!("its weights file {} has the name of another file of the bundle", file.display());
                return Err(Error::Model { path: path.into(), problem });
            }
            taken.push(name);
        }
        let anchors = match anchors {
            Some(path) => Some(read_anchors(path)?),
            None => model.anchors.clone(),
        };
        Ok(Edge { model, anchors })
    }

    /// What nothing told of the model.
    pub(crate) fn note(&self) -> Option<&str> {
        self.model.note.as_deref()
    }

    /// What a toolchain may ask for and the file does not say.
    pub(crate) fn lacks(&self) -> Option<&'static str> {
        const LACKS: &str =
            "says no shapes of values inside, which nncase wants: onnx.shape_inference or onnxsim adds them";
        (self.model.inner_shapes == 0).then_some(LACKS)
    }

    /// What the bundle's model and anchors are known by.
    pub(crate) fn digest(&self) -> String {
        let anchors = self.anchors.as_deref().unwrap_or_default();
        let digest = Sha256::new().chain_update(&self.model.bytes).chain_update(anchors).finalize();
        hex(&digest)[..16].to_string()
    }

    /// How pictures are prepared: as the model is fed, but for the numbers that toolchains scale pixels by themselves.
    pub(crate) fn recipe(&self, encoding: Option<Encoding>, quality: u8) -> Recipe {
        let preprocess = &self.model.preprocess;
        Recipe {
            size: Some((preprocess.width, preprocess.height)),
            fit: preprocess.fit,
            encoding: Some(encoding.unwrap_or(Encoding::Png)),
            quality,
            background: preprocess.background,
        }
    }
}

fn read_anchors(path: &Path) -> Result<String, Error> {
    let problem = |problem: String| Error::Model { path: path.into(), problem };
    let length = std::fs::metadata(path).map_err(|source| IoError::Read { path: path.into(), source })?.len();
    if length > MOST_ANCHORS {
        return Err(problem("is too long for anchors".into()));
    }
    let text = std::fs::read_to_string(path).map_err(|source| IoError::Read { path: path.into(), source })?;
    let numbers = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|cell| !cell.is_empty());
    let wrong = numbers.clone().find(|cell| !cell.parse::<f32>().is_ok_and(f32::is_finite));
    match (wrong, numbers.count()) {
        (Some(wrong), _) => Err(problem(format!("`{wrong}` is no finite number"))),
        (None, 0) => Err(problem("holds no anchors".into())),
        (None, count) if count % 2 == 1 => Err(problem(format!("holds {count} numbers, and anchors are pairs"))),
        _ => Ok(text),
    }
}

impl Layout for Edge {
    fn file(&self, place: &Place, extension: &str) -> Option<String> {
        Some(format!("{CALIBRATION}/{}.{extension}", place.name))
    }

    fn packer<'a>(&self, folder: &'a Folder, plan: &'a Plan, _: &arrow_schema::SchemaRef) -> Box<dyn Packer + 'a> {
        let names = if self.model.labels.is_empty() { plan.classes.names() } else { &self.model.labels };
        let classes = lines(names);
        Box::new(Bundle {
            folder,
            bytes: self.model.bytes.clone(),
            weights: self.model.weights.clone(),
            about: about(&self.model),
            classes,
            anchors: self.anchors.clone(),
            pictures: BTreeMap::new(),
        })
    }
}

/// What a toolchain must be told of the model.
fn about(model: &Fixed) -> Value {
    let preprocess = &model.preprocess;
    // Toolchains have (pixel − mean) × scale, in steps of 255.
    let mean = preprocess.mean.map(|mean| mean / preprocess.factor);
    let scale = preprocess.std.map(|deviation| preprocess.factor / deviation);
    let ports: Vec<Value> = model.outputs.iter().map(|(name, shape)| json!({ "name": name, "shape": shape })).collect();
    json!({
        "input": { "name": model.input, "shape": model.shape, "layout": "NCHW", "colour": "RGB",
                   "mean": mean, "scale": scale, "prepared": preprocess.to_string() },
        "outputs": ports, "inner_shapes": model.inner_shapes,
    })
}

struct Bundle<'a> {
    folder: &'a Folder,
    bytes: bytes::Bytes,
    weights: Vec<PathBuf>,
    about: Value,
    classes: String,
    anchors: Option<String>,
    /// File → what it shows.
    pictures: BTreeMap<String, Value>,
}

impl Packer for Bundle<'_> {
    fn take(&mut self, item: &Item, _: &[u8], _: &arrow_array::RecordBatch) -> Result<Option<Whereabouts>, Error> {
        let file = item.file.expect("every picture has a file of its own").to_string();
        self.pictures.insert(file, json!({ "key": item.key, "label": item.label, "id": item.id }));
        Ok(None)
    }

    fn finish(self: Box<Self>) -> Result<Finished, Error> {
        let mut files: Vec<(String, Value)> = Vec::new();
        let mut write = |name: &str, bytes: &[u8]| -> Result<(), Error> {
            self.folder.write(name, bytes)?;
            files.push((name.into(), described(bytes)));
            Ok(())
        };
        write("model.onnx", &self.bytes)?;
        for path in &self.weights {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            write(&name, &map(path).map_err(|source| IoError::Read { path: path.clone(), source })?)?;
        }
        if !self.classes.is_empty() {
            write("classes.txt", self.classes.as_bytes())?;
        }
        if let Some(anchors) = &self.anchors {
            write("anchors.txt", anchors.as_bytes())?;
        }
        let list: String = self.pictures.keys().map(|file| format!("{file}\n")).collect();
        write("calibration.txt", list.as_bytes())?;
        let mut calibration = Vec::new();
        for (file, shows) in &self.pictures {
            let path = self.folder.join(file);
            let bytes = std::fs::read(&path).map_err(|source| IoError::Read { path, source })?;
            let mut picture = described(&bytes);
            picture["file"] = file.as_str().into();
            picture["shows"] = shows.clone();
            calibration.push(picture);
        }
        let mut manifest = self.about.clone();
        manifest["files"] = files.iter().map(|(name, described)| (name.clone(), described.clone())).collect();
        manifest["calibration"] = calibration.into();
        manifest["made_by"] = concat!("pokedex ", env!("CARGO_PKG_VERSION")).into();
        self.folder.write("manifest.json", format!("{manifest:#}\n").as_bytes())?;
        Ok(Finished::default())
    }
}

fn described(bytes: &[u8]) -> Value {
    json!({ "bytes": bytes.len(), "sha256": hex(&Sha256::digest(bytes)) })
}
