//! Ready-made image classifiers and detectors: an ONNX file of somebody else's training, run as its authors run it.
//!
//! Hides: exporters, outputs, labels. Promises: scores in [0, 1], one for each label in the order of the outputs;
//! pictures are prepared as the exporter's own pipeline prepares them, or [`Classifier::note`] says what was assumed.

use std::path::Path;

use serde_json::Value;

use super::engine::{Batch, Device, Engine, Output, Use};
use super::layout::Found;
use super::lone::{Lone, Purpose};
use super::yolo::{self, Frame, Layout};
use super::{Error, ImageTower, Model, ModelId};
use crate::image::{Colour, Fit, Rgb};
use crate::io::map;
use crate::model::onnx::{self, Ending, Kind, Port};

pub use super::yolo::{Box, Detection};

/// Nobody has more classes; a file that claims so is damaged.
const MOST_CLASSES: usize = 1 << 20;

/// Files with a label a line, beside a model that has none itself.
const LABEL_FILES: [&str; 2] = ["classes.txt", "labels.txt"];

/// A file of labels is not longer.
const MOST_BYTES_OF_LABELS: u64 = 64 << 20;

/// A classifier that is known but whose weights are not loaded yet.
pub struct Classifier {
    model: Model,
    labels: Vec<String>,
    head: Head,
}

/// What the output holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Head {
    /// A number for each class, from which softmax makes probabilities.
    Logits,
    /// A number for each class, of which each is a question of its own: sigmoid makes its probability.
    Questions,
    Probabilities,
    /// One number for two classes: the second's logit.
    SecondLogit,
    /// One number for two classes: the second's probability.
    SecondProbability,
    Boxes(Layout),
}

/// What a classifier saw in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// For each label its probability; of a detector the score of its best box, 0 where there is none.
    pub scores: Vec<f32>,
    /// Of a detector: the best first.
    pub boxes: Vec<Box>,
}

impl Classifier {
    /// The classifier in a file, or in a folder with one. `names` are its labels, whatever it says itself.
    ///
    /// # Errors
    /// It is no ONNX file, does not take pictures, or gives something else than classes or boxes.
    pub fn open(path: &Path, engine: Engine, names: Option<Vec<String>>) -> Result<Classifier, Error> {
        let fail = |problem: String| Error::File { path: path.to_path_buf(), problem };
        let lone = Lone::read(path, Purpose::Classes).map_err(fail)?;
        let has_boxes = lone.preprocess.fit == Fit::Letterbox;
        let output = output_of(&lone, has_boxes).map_err(fail)?.clone();
        let labels = match names {
            Some(names) => Some(names),
            None => labels_of(&lone).map_err(fail)?,
        };
        let told = labels.as_ref().map(Vec::len);
        let (head, classes) = if has_boxes {
            let (layout, classes) = yolo::layout(&output.shape, lone.yolo.as_ref(), told).map_err(fail)?;
            (Head::Boxes(layout), classes)
        } else {
            let numbers = match output.shape[..] {
                [_, numbers] | [_, numbers, Some(1), Some(1)] => numbers.or(told),
                // A batch of one number each.
                [_] => Some(1),
                [] => told,
                _ => return Err(fail(format!("its output `{}` is neither classes nor boxes", output.name))),
            };
            let numbers = numbers.ok_or_else(|| fail("nothing tells how many classes it has".into()))?;
            let bytes = map(&lone.folder.join(&lone.file)).map_err(|e| fail(e.to_string()))?;
            let ending = onnx::ending(&bytes, &output.name).map_err(fail)?;
            head_of(&output.name, ending, numbers, told, &lone.config).map_err(fail)?
        };
        if classes > MOST_CLASSES {
            return Err(fail(format!("{classes} classes are too many")));
        }
        let labels = labels.unwrap_or_else(|| (0..classes).map(|class| format!("class_{class}")).collect());
        if labels.len() != classes {
            let (labels, s) = (labels.len(), if labels.len() == 1 { "" } else { "s" });
            return Err(fail(format!("there are {labels} label{s} for its {classes} classes")));
        }
        let name = super::clean(&lone.name());
        let model = Model::of_lone(lone, &output.name, name, classes, engine).map_err(fail)?;
        Ok(Classifier { model, labels, head })
    }

    /// Its identity: name and SHA-256 over weights and preparation. Labels are not part of it.
    pub fn id(&self) -> &ModelId {
        self.model.id()
    }

    /// The names of its classes, in the order of its outputs.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Does it tell where something is, or only what is there?
    pub fn detects(&self) -> bool {
        matches!(self.head, Head::Boxes(_))
    }

    /// What had to be assumed of it, for a warning.
    pub fn note(&self) -> Option<&str> {
        self.model.note()
    }

    /// Loads the weights.
    ///
    /// # Errors
    /// They are damaged, or the engine is not there.
    pub fn load(&self, use_: Use, device: Device) -> Result<Loaded, Error> {
        let tower = self.model.image_tower(use_, device)?;
        let Found { image, .. } = &self.model.found;
        let (part, _) = image.as_ref().expect("a lone file has an image tower");
        let batch = part.input.shape.first().copied().flatten().unwrap_or(1);
        Ok(Loaded { tower, head: self.head, classes: self.labels.len(), batch })
    }
}

/// A classifier, ready. Several threads may call it at once, as many as [`Use::Bulk`] said without waiting.
pub struct Loaded {
    tower: ImageTower,
    head: Head,
    classes: usize,
    /// So many pictures the graph takes at once; all but the first are blank.
    batch: usize,
}

impl Loaded {
    /// The colour that transparent pixels show.
    pub fn background(&self) -> Colour {
        self.tower.background()
    }

    /// For [`crate::image::decode_for`]: the shorter edge below which a picture must not be scaled before
    /// [`Loaded::classify`], if it may be scaled at all.
    pub fn edge(&self) -> Option<u32> {
        self.tower.edge()
    }

    /// Which engine runs it, with its version.
    pub fn engine(&self) -> String {
        self.tower.engine()
    }

    /// What is in a picture; why nothing can be said of it, where the numbers that the graph gives are none.
    ///
    /// # Errors
    /// The graph gives something else than it said.
    pub fn classify(&self, image: &Rgb, options: &Detection) -> Result<Result<Seen, &'static str>, Error> {
        let fail = |problem: String| Error::Run { model: self.tower.id.to_string(), problem };
        let (width, height) = (self.tower.preprocess.width, self.tower.preprocess.height);
        let length = self.tower.input_len();
        let mut pixels = vec![0.0; self.batch * length];
        self.tower.preprocess(image, &mut pixels[..length]);
        let shape = self.tower.shape(self.batch);
        let output = self.tower.tower.run(Batch::Pixels { data: pixels, shape }).map_err(fail)?;
        let Head::Boxes(layout) = self.head else {
            let scores = self.scores(&output).map_err(fail)?;
            return Ok(scores.map(|scores| Seen { scores, boxes: Vec::new() }));
        };
        // Of a box that is nowhere a side may be infinite; what is no number at all is a fault of the model's.
        if output.data[..output.data.len() / self.batch].iter().any(|number| number.is_nan()) {
            return Ok(Err(NOT_FINITE));
        }
        let (frame, picture) = (Frame { width, height }, (image.width, image.height));
        let boxes = yolo::boxes(&output, (layout, self.classes), options, frame, picture).map_err(fail)?;
        let mut scores = vec![0.0f32; self.classes];
        for found in &boxes {
            scores[found.class] = scores[found.class].max(found.score);
        }
        Ok(Ok(Seen { scores, boxes }))
    }

    fn scores(&self, output: &Output) -> Result<Result<Vec<f32>, &'static str>, String> {
        let numbers = match self.head {
            Head::SecondLogit | Head::SecondProbability => 1,
            _ => self.classes,
        };
        let fits = match output.shape[..] {
            [_, found] | [_, found, 1, 1] => found == numbers,
            [_] => numbers == 1,
            _ => false,
        };
        let first = output.data.get(..numbers).filter(|_| fits);
        let first =
            first.ok_or_else(|| format!("gave an output of shape {:?}, not [batch, {numbers}]", output.shape))?;
        if !first.iter().all(|number| number.is_finite()) {
            return Ok(Err(NOT_FINITE));
        }
        Ok(Ok(match self.head {
            Head::Logits => softmax(first),
            Head::Questions => first.iter().copied().map(sigmoid).collect(),
            Head::SecondLogit => vec![sigmoid(-first[0]), sigmoid(first[0])],
            Head::SecondProbability => vec![1.0 - first[0], first[0]],
            Head::Probabilities | Head::Boxes(_) => first.to_vec(),
        }))
    }
}

/// What is said of a picture for which a model has no answer.
const NOT_FINITE: &str = "the model gives numbers of it that are not finite";

/// The output that a classifier's scores are in: the one that is called so, else the first of floating-point numbers.
pub(super) fn output_of(lone: &Lone, has_boxes: bool) -> Result<&Port, String> {
    let outputs = &lone.graph.outputs;
    if has_boxes {
        return Ok(&outputs[0]);
    }
    let may_be = |port: &&Port| port.kind.is_float() || port.kind == Kind::Other(None);
    let named = ["logits", "probabilities", "scores"].into_iter().find_map(|name| lone.graph.output(name));
    named.into_iter().chain(outputs).find(may_be).ok_or_else(|| {
        let port = &outputs[0];
        format!("its output `{}` is of {}: a class alone, where a score for each class is needed", port.name, port.kind)
    })
}

/// What an output of so many numbers a picture holds, and of how many classes.
fn head_of(
    name: &str,
    ending: Ending,
    numbers: usize,
    labels: Option<usize>,
    config: &Value,
) -> Result<(Head, usize), String> {
    let kind = config.get("problem_type").and_then(Value::as_str);
    let is_regression = kind == Some("regression");
    match (ending, numbers, labels) {
        (Ending::Places, ..) => {
            Err(format!("its output `{name}` is the place of the best class, where a score for each class is needed"))
        }
        _ if is_regression => {
            Err("it measures something (its config.json says `regression`), and knows no classes".into())
        }
        (Ending::Softmax, 1, _) => Err(format!("its output `{name}` is a softmax of one number, which is always 1")),
        (Ending::Sigmoid, 1, Some(1)) | (Ending::Softmax | Ending::Sigmoid, 2.., _) => {
            Ok((Head::Probabilities, numbers))
        }
        (Ending::Sigmoid, 1, None | Some(2)) => Ok((Head::SecondProbability, 2)),
        (Ending::Other, 1, Some(2)) => Ok((Head::SecondLogit, 2)),
        // As transformers' pipeline has it where a model has one label.
        (Ending::Other, 1, Some(1)) => Ok((Head::Questions, 1)),
        (_, 1, None) => Err(format!(
            "its output `{name}` is one number a picture, and nothing tells of what: two labels would make it the logit of \
            the second (--labels FILE)"
        )),
        _ if kind == Some("multi_label_classification") => Ok((Head::Questions, numbers)),
        _ => Ok((Head::Logits, numbers)),
    }
}

/// In 64 bits: of many classes the sum loses digits otherwise.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (f64::from(*logit) - f64::from(most)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
}

fn sigmoid(logit: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(logit)).exp())) as f32
}

/// What a model or a file beside it calls its classes.
pub(super) fn labels_of(lone: &Lone) -> Result<Option<Vec<String>>, String> {
    let folder = &lone.folder;
    if let Some(Value::Object(names)) = lone.config.get("id2label") {
        let text = |name: &Value| name.as_str().map_or_else(|| name.to_string(), String::from);
        let names = yolo::by_number(names.iter().map(|(number, name)| (&**number, text(name))));
        return Ok(Some(names.ok_or("config.json: id2label does not number the classes from 0 on")?));
    }
    if let Some(names) = lone.graph.metadata.get("names") {
        return yolo::names(names).map(Some);
    }
    for file in LABEL_FILES {
        let path = folder.join(file);
        match std::fs::metadata(&path) {
            Ok(about) if about.len() > MOST_BYTES_OF_LABELS => return Err(format!("{file}: too long for labels")),
            Ok(about) if about.is_file() => {
                let text = std::fs::read_to_string(&path).map_err(|e| format!("{file}: {e}"))?;
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                return Ok(Some(text.trim_end().lines().map(|line| line.trim().to_string()).collect()));
            }
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_sums_to_one_at_any_size() {
        for logits in [vec![0.0; 1000], vec![1e30, -1e30, 1e30], vec![-5.0], vec![88.0, 89.0, 1000.0]] {
            let sum: f32 = softmax(&logits).iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{logits:?}: {sum}");
        }
        assert_eq!(softmax(&[0.0, f32::MIN]), [1.0, 0.0]);
    }
}
