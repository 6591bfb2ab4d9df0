//! Ready-made image classifiers and detectors: an ONNX file of somebody else's training, run as its authors run it.
//!
//! Hides: exporters, outputs, labels. Promises: scores in [0, 1], one for each label in the order of the outputs;
//! pictures are prepared as the exporter's own pipeline prepares them, or [`Classifier::note`] says what was assumed.

use std::path::Path;

use serde_json::Value;

use super::engine::{Batch, Device, Engine, Output, Use};
use super::lone::{Lone, Purpose};
use super::yolo::{self, Frame, Layout};
use super::{Error, Found, ImageTower, Model, ModelId};
use crate::image::{Colour, Fit, Rgb};
use crate::io::map;
use crate::model::onnx;

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
    Probabilities,
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
        let output = lone.graph.output("logits").unwrap_or(&lone.graph.outputs[0]).clone();
        let has_boxes = lone.preprocess.fit == Fit::Letterbox;
        let labels = match names {
            Some(names) => Some(names),
            None => labels_of(&lone).map_err(fail)?,
        };
        let told = labels.as_ref().map(Vec::len);
        let (head, classes) = if has_boxes {
            let (layout, classes) = yolo::layout(&output.shape, lone.yolo.as_ref(), told).map_err(fail)?;
            (Head::Boxes(layout), classes)
        } else {
            let classes = match output.shape[..] {
                [_, classes] | [_, classes, Some(1), Some(1)] => classes.or(told),
                [] => told,
                _ => return Err(fail(format!("its output `{}` is neither classes nor boxes", output.name))),
            };
            let classes = classes.ok_or_else(|| fail("nothing tells how many classes it has".into()))?;
            let bytes = map(&lone.folder.join(&lone.file)).map_err(|e| fail(e.to_string()))?;
            let is_done = onnx::is_probabilities(&bytes, &output.name).map_err(fail)?;
            (if is_done { Head::Probabilities } else { Head::Logits }, classes)
        };
        if classes > MOST_CLASSES {
            return Err(fail(format!("{classes} classes are too many")));
        }
        let labels = labels.unwrap_or_else(|| (0..classes).map(|class| format!("class_{class}")).collect());
        if labels.len() != classes {
            return Err(fail(format!("there are {} labels for its {classes} classes", labels.len())));
        }
        let name = lone.name();
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

    /// What is in a picture.
    ///
    /// # Errors
    /// The graph gives something else than it said.
    pub fn classify(&self, image: &Rgb, options: &Detection) -> Result<Seen, Error> {
        let fail = |problem: String| Error::Run { model: self.tower.id.to_string(), problem };
        let (width, height) = (self.tower.preprocess.width, self.tower.preprocess.height);
        let length = self.tower.input_len();
        let mut pixels = vec![0.0; self.batch * length];
        self.tower.preprocess(image, &mut pixels[..length]);
        let shape = [self.batch, 3, height as usize, width as usize];
        let output = self.tower.tower.run(Batch::Pixels { data: pixels, shape }).map_err(fail)?;
        let Head::Boxes(layout) = self.head else {
            let scores = self.scores(&output).map_err(fail)?;
            return Ok(Seen { scores, boxes: Vec::new() });
        };
        let (frame, picture) = (Frame { width, height }, (image.width, image.height));
        let boxes = yolo::boxes(&output, (layout, self.classes), options, frame, picture).map_err(fail)?;
        let mut scores = vec![0.0f32; self.classes];
        for found in &boxes {
            scores[found.class] = scores[found.class].max(found.score);
        }
        Ok(Seen { scores, boxes })
    }

    fn scores(&self, output: &Output) -> Result<Vec<f32>, String> {
        let fits = match output.shape[..] {
            [_, classes] | [_, classes, 1, 1] => classes == self.classes,
            _ => false,
        };
        let first = output.data.get(..self.classes).filter(|_| fits);
        let first = first
            .ok_or_else(|| format!("gave an output of shape {:?}, not [batch, {}]", output.shape, self.classes))?;
        if !first.iter().all(|number| number.is_finite()) {
            return Err("gave numbers that are not finite".into());
        }
        match self.head {
            Head::Logits => Ok(softmax(first)),
            _ => Ok(first.to_vec()),
        }
    }
}

/// In 64 bits: of many classes the sum loses digits otherwise.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (f64::from(*logit) - f64::from(most)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
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
