//! A model that is one ONNX file of one input, pixels: what it and the files beside it say of the input.
//!
//! Hides: where each exporter writes how pictures are prepared. Promises: what is not told is not guessed in silence;
//! [`Lone::note`] says what was taken for granted.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::configuration::json;
use super::engine::{Ends, Role};
use super::layout::{self, Part};
use super::onnx::{self, Graph, Kind, Port};
use super::preprocess::{Form, Preprocess};
use super::processor;
use super::yolo::Told;
use crate::image::{Fit, Middle};
use crate::io::map;

/// What a file of this kind is called.
const EXTENSION: &str = "onnx";

/// Graphs may be made for so many pictures at once.
const MOST_AT_ONCE: usize = 64;

/// No side of an input may be longer.
const LONGEST: usize = 4096;

/// Nor an input have more numbers than this: 256 MB.
const MOST_NUMBERS: usize = 1 << 26;

/// One file, read but for its weights.
pub(super) struct Lone {
    /// Where the file is.
    pub folder: PathBuf,
    /// Its name there.
    pub file: PathBuf,
    pub graph: Graph,
    pub preprocess: Preprocess,
    /// What the exporter of a YOLO model says; `None` where it is no such model.
    pub yolo: Option<Told>,
    /// `config.json` beside it.
    pub config: Value,
    /// What nothing told.
    pub note: Option<String>,
    input: Port,
    form: Form,
}

/// What a lone file is made to give.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Classes or boxes: an output that can only be boxes shows a YOLO model, even if it says nothing of itself.
    Classes,
    Vectors,
}

impl Lone {
    /// Reads a file, or the one ONNX file of a folder.
    ///
    /// # Errors
    /// It is no ONNX file, or takes something else than pixels.
    pub(super) fn read(path: &Path, purpose: Purpose) -> Result<Lone, String> {
        let path = if path.is_dir() { only_file(path)? } else { path.to_path_buf() };
        let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else {
            return Err("there is no such file".into());
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let graph = Graph::read(&map(&path).map_err(|e| e.to_string())?)?;
        let (input, form) = input_of(&graph)?;
        // Optimum puts graphs into a folder of that name, beside which the configuration is.
        let is_inner = folder.file_name().is_some_and(|name| name == "onnx") && !folder.join("config.json").is_file();
        let about = if is_inner { folder.join("..") } else { folder.to_path_buf() };
        let config = json(&about, "config.json")?.unwrap_or_default();
        let told = Told::read(&graph.metadata);
        let has_boxes = match &told {
            Some(told) => told.task.as_deref() != Some("classify") && graph.outputs[0].shape.len() != 2,
            None => purpose == Purpose::Classes && graph.outputs[0].shape.len() == 3,
        };
        let (preprocess, note) = preprocess(&about, &config, (&input, form), told.as_ref(), has_boxes)?;
        let batch = input.shape[0].unwrap_or(1);
        if batch * 3 * preprocess.width as usize * preprocess.height as usize > MOST_NUMBERS {
            return Err(format!("its input of shape {:?} is too large", input.shape));
        }
        let (folder, file) = (folder.to_path_buf(), PathBuf::from(file));
        let lone = Lone { folder, file, graph, preprocess, yolo: told, config, note, input, form };
        layout::check_size(&lone.preprocess, &lone.part_to(lone.graph.outputs[0].clone()))?;
        Ok(lone)
    }

    /// The part of the graph that ends at an output or at a value inside.
    ///
    /// # Errors
    /// Nothing in it computes that.
    pub(super) fn part(&self, output: &str) -> Result<Part, String> {
        let bytes = map(&self.folder.join(&self.file)).map_err(|e| e.to_string())?;
        let found = match onnx::value(&bytes, output)? {
            Some(found) => found,
            None => {
                let mut like = onnx::values_like(&bytes, output, 8)?;
                if like.is_empty() {
                    like = self.graph.outputs.iter().map(|port| port.name.clone()).collect();
                }
                return Err(format!("nothing in it computes `{output}`; there is {}", like.join(", ")));
            }
        };
        Ok(self.part_to(found))
    }

    fn part_to(&self, output: Port) -> Part {
        let inputs = vec![(self.input.name.clone(), Role::Pixels, self.input.kind)];
        let (needs_ort, keeps_borders) = (self.graph.not_for_rten, self.graph.pads_a_pool);
        let ends = Ends { inputs, output: output.name.clone(), needs_ort, keeps_borders };
        // An engine shows only what a graph ends with: for a value inside another graph must be made.
        let shared = self.graph.output(&output.name).is_none();
        let external = self.graph.external.iter().cloned().collect();
        let (file, input, quantised) = (self.file.clone(), self.input.clone(), self.graph.quantised);
        Part { file, ends, input, form: self.form, output, shared, external, quantised }
    }

    /// Where pixels go, and in which order.
    pub(super) fn input(&self) -> (&Port, Form) {
        (&self.input, self.form)
    }

    /// What the model is called: as the file, or as its folder where every file is called so.
    pub(super) fn name(&self) -> String {
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let folder = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        let folder = if folder.ends_with("onnx") { folder.parent().map(Path::to_path_buf) } else { Some(folder) };
        match (stem == "model", folder.as_deref().and_then(Path::file_name)) {
            (true, Some(_)) => super::name_of(&folder.expect("it has a name")),
            _ => stem.into_owned(),
        }
    }
}

/// The graph of a folder: `model.onnx`, with or without `onnx/` before it, or the only one.
fn only_file(folder: &Path) -> Result<PathBuf, String> {
    let usual = ["model.onnx", "onnx/model.onnx"].map(|file| folder.join(file)).into_iter().find(|file| file.is_file());
    if let Some(file) = usual {
        return Ok(file);
    }
    let entries = std::fs::read_dir(folder).map_err(|e| e.to_string())?.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == EXTENSION)).collect();
    files.sort();
    match (files.pop(), files.is_empty()) {
        (Some(file), true) => Ok(file),
        (Some(_), false) => Err("there are several .onnx files in it: name one".into()),
        (None, _) => Err("there is no .onnx file in it".into()),
    }
}

fn input_of(graph: &Graph) -> Result<(Port, Form), String> {
    let [input] = &graph.inputs[..] else {
        let names: Vec<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
        return Err(format!("it wants {} inputs ({}), not pixels alone", names.len(), names.join(", ")));
    };
    let form = Form::of(input)?;
    let fail = |what: String| Err(format!("its input `{}` {what}, not [batch, 3, height, width] pixels", input.name));
    if form.sides(input).into_iter().flatten().any(|side| side > LONGEST) {
        return fail(format!("has a side of more than {LONGEST}"));
    }
    match input.shape[0].filter(|&batch| batch > MOST_AT_ONCE) {
        Some(batch) => fail(format!("is for {batch} pictures at once")),
        None => Ok((input.clone(), form)),
    }
}

fn preprocess(
    folder: &Path,
    config: &Value,
    (input, form): (&Port, Form),
    told: Option<&Told>,
    has_boxes: bool,
) -> Result<(Preprocess, Option<String>), String> {
    let side = |side: Option<usize>| side.and_then(|side| u32::try_from(side).ok());
    let [height, width] = form.sides(input).map(side);
    let allowed = |side: &u32| (1..=LONGEST as u32).contains(side);
    let said = told.and_then(|told| told.size).filter(|(height, width)| allowed(height) && allowed(width));
    // Whole numbers are the steps of 255 as they are.
    let factor = if input.kind == Kind::UInt8 { 1.0 } else { 1.0 / 255.0 };
    let plain = |height: u32, width: u32, fit: Fit| Preprocess { fit, factor, ..Preprocess::plain(height, width) };
    let is_told_to_classify = told.is_some_and(|told| told.task.as_deref() == Some("classify"));
    if !has_boxes && !is_told_to_classify {
        if processor::FILES.iter().any(|file| folder.join(file).is_file()) {
            return Ok((processor::preprocessor(folder, config)?, None));
        }
        let fixed = height.zip(width);
        if let Some(config) = json(folder, "preprocess_cfg.json")? {
            let told = processor::open_clip(&config, fixed, Middle::Down)
                .map_err(|problem| format!("preprocess_cfg.json: {problem}"));
            return Ok((told?, None));
        }
        if let Some(config) =
            json(folder, "open_clip_config.json")?.and_then(|config| config.get("preprocess_cfg").cloned())
        {
            let told = processor::open_clip(&config, fixed, Middle::Even);
            return Ok((told.map_err(|problem| format!("open_clip_config.json: {problem}"))?, None));
        }
        if let Some(config) = config.get("pretrained_cfg").filter(|config| config.is_object()) {
            return Ok((processor::timm(config).map_err(|problem| format!("config.json: {problem}"))?, None));
        }
    }
    let (height, width) = height.zip(width).or(said).ok_or("nothing tells how many pixels its input has")?;
    if has_boxes {
        return Ok((plain(height, width, Fit::Letterbox), None));
    }
    if is_told_to_classify {
        // `classify_transforms` of Ultralytics 8.4: torchvision's `Resize` and `CenterCrop`, and no more.
        let fit = if height == width { Fit::Cover { edge: height, middle: Middle::Even } } else { Fit::Stretch };
        return Ok((plain(height, width, fit), None));
    }
    let most = if input.kind == Kind::UInt8 { 255 } else { 1 };
    let note = format!(
        "nothing beside it tells how pictures are prepared: they are stretched to {width} x {height} pixels of 0 to \
        {most}; a preprocessor_config.json would tell"
    );
    Ok((plain(height, width, Fit::Stretch), Some(note)))
}
