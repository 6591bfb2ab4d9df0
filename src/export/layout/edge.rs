//! A bundle for the toolchains of devices (nncase for the K210 and K230, tpu-mlir for MaixCam, and their like): the model with
//! a fixed shape, its classes and anchors, pictures to calibrate its rounding with and others that judge, prepared as the
//! model is fed, and a script that compiles it by each toolchain and compares what that made with the model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Finished, Item, Layout, Packer, Whereabouts};
use crate::export::Error;
use crate::export::classes::{Classes, lines};
use crate::export::device::{Device, Target};
use crate::export::manifest::MANIFEST;
use crate::export::picture::Recipe;
use crate::export::plan::{Names, Naming, Place, Plan};
use crate::image::Encoding;
use crate::io::{Error as IoError, Folder, map};
use crate::model::{Answer, Fixed, hex};
use crate::names::folded;

/// What the pictures are called.
pub(crate) const NAMING: Naming = Naming { names: Names::Stem, boxes: false, classified: false };

/// The pictures' folders.
const CALIBRATION: &str = "calibration";
const HELD_OUT: &str = "held-out";
/// What toolchains are told.
const TARGETS: &str = "targets";
/// What the script makes lies here.
pub(crate) const BUILD: &str = "build";
/// The bundle's own files and folders, beside which the weights lie.
const OWN: &[&str] = &[
    "model.onnx",
    "manifest.json",
    "classes.txt",
    "anchors.txt",
    "calibration.txt",
    "held-out.txt",
    "device.py",
    CALIBRATION,
    HELD_OUT,
    TARGETS,
    BUILD,
    MANIFEST,
];
/// Longer files of anchors hold something else.
const MOST_ANCHORS: u64 = 1 << 20;

/// Compiles and compares, for any toolchain.
const SCRIPT: &str = include_str!("edge/device.py");

impl Target {
    const ALL: [Target; 6] = [Target::Onnx, Target::Litert, Target::K210, Target::K230, Target::Maixcam, Target::Rknn];

    /// Its name, what is said to its toolchain, and the packages of that, with their versions.
    fn recipe(self) -> (&'static str, &'static str, &'static str) {
        macro_rules! recipe {
            ($name:literal) => {
                (
                    $name,
                    include_str!(concat!("edge/targets/", $name, ".py")),
                    include_str!(concat!("edge/targets/", $name, ".txt")),
                )
            };
        }
        match self {
            Target::Onnx => recipe!("onnx"),
            Target::Litert => recipe!("litert"),
            Target::K210 => recipe!("k210"),
            Target::K230 => recipe!("k230"),
            Target::Maixcam => recipe!("maixcam"),
            Target::Rknn => recipe!("rknn"),
        }
    }
}

/// The layout.
pub(crate) struct Edge {
    model: Fixed,
    anchors: Option<String>,
    /// Names of classes; none where nobody knows those of the outputs.
    classes: Vec<String>,
    targets: Vec<Target>,
    notes: Vec<String>,
}

impl Edge {
    /// Reads the model, and the anchors: a file, or what the model says of itself.
    ///
    /// # Errors
    /// The model takes something else than pixels, its files have names of the bundle's own, or one cannot be read.
    pub(crate) fn open(device: &Device, table: &Classes) -> Result<Edge, Error> {
        let path = device.model.as_path();
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
        let anchors = match &device.anchors {
            Some(path) => Some(read_anchors(path)?),
            None => model.anchors.clone(),
        };
        const LACKS: &str =
            "says no shapes of values inside, which nncase wants: onnx.shape_inference or onnxsim adds them";
        let mut notes: Vec<String> = model.note.iter().cloned().collect();
        notes.extend((model.inner_shapes == 0).then(|| LACKS.to_string()));
        let mut classes = if model.labels.is_empty() { table.names() } else { &model.labels }.to_vec();
        if let Answer::Classes(Some(outputs), _) = model.answer
            && outputs.max(2) != classes.len()
            && !classes.is_empty()
        {
            let (whose, count) = (if model.labels.is_empty() { "the table" } else { "its list" }, classes.len());
            notes.push(format!(
                "has {outputs} outputs, and {whose} {count} classes, so no classes.txt is written: one beside the model would tell"
            ));
            classes.clear();
        }
        let targets: BTreeSet<Target> = device.targets.iter().copied().collect();
        let targets = Target::ALL.into_iter().filter(|target| targets.is_empty() || targets.contains(target));
        Ok(Edge { targets: targets.collect(), model, anchors, classes, notes })
    }

    /// What nothing told of the model, and what a toolchain may ask for and the file does not say.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
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
        let folder = if place.held_out { HELD_OUT } else { CALIBRATION };
        Some(format!("{folder}/{}.{extension}", place.name))
    }

    fn folders(&self) -> Vec<String> {
        vec![TARGETS.into()]
    }

    fn packer<'a>(&self, folder: &'a Folder, _: &'a Plan, _: &arrow_schema::SchemaRef) -> Box<dyn Packer + 'a> {
        let mut texts: Vec<(String, String)> = vec![("device.py".into(), SCRIPT.into())];
        for (name, script, packages) in self.targets.iter().map(|target| target.recipe()) {
            texts.push((format!("{TARGETS}/{name}.py"), script.into()));
            texts.push((format!("{TARGETS}/{name}.txt"), packages.into()));
        }
        if self.targets.contains(&Target::Maixcam) {
            texts.push((format!("{TARGETS}/maixcam.mud"), description(&self.model, !self.classes.is_empty())));
        }
        Box::new(Bundle {
            folder,
            bytes: self.model.bytes.clone(),
            weights: self.model.weights.clone(),
            about: about(&self.model),
            classes: lines(&self.classes),
            anchors: self.anchors.clone(),
            texts,
            calibration: BTreeMap::new(),
            held_out: BTreeMap::new(),
        })
    }
}

/// Of every colour what toolchains take off and multiply by, (pixel − mean) × scale, in steps of 255.
fn mean_and_scale(model: &Fixed) -> ([f32; 3], [f32; 3]) {
    let preprocess = &model.preprocess;
    let mean = preprocess.mean.map(|mean| mean / preprocess.factor);
    (mean, preprocess.std.map(|deviation| preprocess.factor / deviation))
}

/// What MaixPy reads beside a compiled model (MUD, an INI file): `nn.Classifier` and `nn.NN` take what this says. Detectors
/// get no `model_type`: MaixPy's own read values inside of certain networks.
fn description(model: &Fixed, classes: bool) -> String {
    let listed = |numbers: [f32; 3]| numbers.map(|x| x.to_string()).join(", ");
    let (mean, scale) = mean_and_scale(model);
    let mut text = "[basic]\ntype = cvimodel\nmodel = model_int8.cvimodel\n\n[extra]\n".to_string();
    if let Answer::Classes(..) = model.answer {
        text.push_str("model_type = classifier\n");
    }
    text.push_str(&format!("input_type = rgb\nmean = {}\nscale = {}\n", listed(mean), listed(scale)));
    if classes {
        text.push_str("labels = classes.txt\n");
    }
    text
}

/// What a toolchain must be told of the model.
fn about(model: &Fixed) -> Value {
    let preprocess = &model.preprocess;
    let (mean, scale) = mean_and_scale(model);
    let answers = match model.answer {
        Answer::Classes(_, probability) => {
            json!({ "kind": "classes", "output": model.output, "probability": probability })
        }
        Answer::Boxes(layout) => json!({ "kind": "boxes", "output": model.output, "layout": layout }),
        Answer::Vector => json!({ "kind": "vectors", "output": model.output }),
    };
    let ports: Vec<Value> = model.outputs.iter().map(|(name, shape)| json!({ "name": name, "shape": shape })).collect();
    json!({
        "input": { "name": model.input, "shape": model.shape, "layout": "NCHW", "colour": "RGB",
                   "mean": mean, "scale": scale, "prepared": preprocess.to_string() },
        "outputs": ports, "answers": answers, "inner_shapes": model.inner_shapes,
    })
}

struct Bundle<'a> {
    folder: &'a Folder,
    bytes: bytes::Bytes,
    weights: Vec<PathBuf>,
    about: Value,
    classes: String,
    anchors: Option<String>,
    /// Names of other files, and what they say.
    texts: Vec<(String, String)>,
    /// File → what it shows.
    calibration: BTreeMap<String, Value>,
    held_out: BTreeMap<String, Value>,
}

impl Bundle<'_> {
    /// Pictures, their sums, and what they show.
    fn listed(&self, pictures: &BTreeMap<String, Value>) -> Result<Value, Error> {
        let listed = pictures.iter().map(|(file, shows)| {
            let path = self.folder.join(file);
            let bytes = std::fs::read(&path).map_err(|source| IoError::Read { path, source })?;
            let mut picture = described(&bytes);
            picture["file"] = file.as_str().into();
            picture["shows"] = shows.clone();
            Ok(picture)
        });
        listed.collect()
    }
}

impl Packer for Bundle<'_> {
    fn take(&mut self, item: &Item, _: &[u8], _: &arrow_array::RecordBatch) -> Result<Option<Whereabouts>, Error> {
        let file = item.file.expect("every picture has a file of its own").to_string();
        let pictures = if item.place.held_out { &mut self.held_out } else { &mut self.calibration };
        pictures.insert(file, json!({ "key": item.key, "label": item.label, "id": item.id }));
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
        for (name, pictures) in [("calibration.txt", &self.calibration), ("held-out.txt", &self.held_out)] {
            let list: String = pictures.keys().map(|file| format!("{file}\n")).collect();
            write(name, list.as_bytes())?;
        }
        for (name, text) in &self.texts {
            write(name, text.as_bytes())?;
        }
        let mut manifest = self.about.clone();
        manifest["files"] = files.iter().map(|(name, described)| (name.clone(), described.clone())).collect();
        manifest["calibration"] = self.listed(&self.calibration)?;
        manifest["held_out"] = self.listed(&self.held_out)?;
        manifest["made_by"] = concat!("pokedex ", env!("CARGO_PKG_VERSION")).into();
        self.folder.write("manifest.json", format!("{manifest:#}\n").as_bytes())?;
        Ok(Finished::default())
    }
}

fn described(bytes: &[u8]) -> Value {
    json!({ "bytes": bytes.len(), "sha256": hex(&Sha256::digest(bytes)) })
}
