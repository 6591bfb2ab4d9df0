//! A model of pixels with a fixed shape, as toolchains of devices take it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::classifier::{labels_of, output_of};
use super::lone::{Lone, Purpose};
use super::onnx::Ending;
use super::prepare::beside;
use super::preprocess::{Form, Preprocess};
use super::{literal, onnx, yolo};
use crate::image::Fit;
use crate::io::map;

/// What a model says of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A number for each class, of so many where its shape tells; whether they are probabilities.
    Classes(Option<usize>, bool),
    /// Boxes, in a layout of this name.
    Boxes(&'static str),
    /// A vector that is compared with others.
    Vector,
}

/// What exporters call a vector that is compared with others.
const VECTORS: [&str; 5] = ["image_embeds", "pooler_output", "last_hidden_state", "embedding", "features"];

/// A model, and what must be known of it where no ONNX engine reads its metadata.
#[derive(Debug)]
pub struct Fixed {
    /// The ONNX file, its input of one shape.
    pub bytes: bytes::Bytes,
    /// Files beside it that hold its weights.
    pub weights: Vec<PathBuf>,
    /// The input's name.
    pub input: String,
    /// Pictures, channels, height and width.
    pub shape: [usize; 4],
    /// How many values inside the graph have their shape written beside them.
    pub inner_shapes: usize,
    /// Names and shapes of the outputs; `None` where a size follows from inside.
    pub outputs: Vec<(String, Vec<Option<usize>>)>,
    /// What its answer is.
    pub answer: Answer,
    /// The output that holds it.
    pub output: String,
    /// The classes that the model knows itself; none where it does not say.
    pub labels: Vec<String>,
    /// The anchors of its boxes, where it says them.
    pub anchors: Option<String>,
    /// How its pictures are prepared.
    pub preprocess: Preprocess,
    /// What nothing told.
    pub note: Option<String>,
}

impl Fixed {
    /// Reads an ONNX file (or the one of a folder) and fixes its shape: one picture where it leaves that open, of the size
    /// that its exporter tells.
    ///
    /// # Errors
    /// It is no ONNX file, or takes something else than pixels.
    pub fn open(path: &Path) -> Result<Fixed, String> {
        let lone = Lone::read(path, Purpose::Classes)?;
        let ((port, form), preprocess) = (lone.input(), lone.preprocess);
        if form != Form::USUAL || !port.kind.is_float() {
            let (name, kind, shape) = (&port.name, port.kind, &port.shape);
            return Err(format!(
                "its input `{name}` of {kind} and shape {shape:?} is not [batch, 3, height, width] of floating-point numbers"
            ));
        }
        let pictures = port.shape[0].unwrap_or(1);
        let shape = [pictures, 3, preprocess.height as usize, preprocess.width as usize];
        let original = map(&lone.folder.join(&lone.file)).map_err(|e| e.to_string())?;
        let bytes = onnx::with_shape(&original, &port.name, &shape)?;
        let graph = onnx::Graph::read(&bytes)?;
        let labels = labels_of(&lone)?.unwrap_or_default();
        let numbers = |text: &String| -> Option<String> {
            fn flat(value: &Value, out: &mut Vec<f64>) -> Option<()> {
                match value {
                    Value::Array(values) => values.iter().try_for_each(|value| flat(value, out)),
                    value => value.as_f64().map(|x| out.push(x)),
                }
            }
            let mut numbers = Vec::new();
            flat(&literal::parse(text)?, &mut numbers)?;
            let text = numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
            let sound = !numbers.is_empty() && numbers.iter().all(|x| x.is_finite());
            sound.then(|| format!("{text}\n"))
        };
        let (output, answer) = answer(&lone, &graph, &bytes, &labels)?;
        let file = lone.folder.join(&lone.file);
        let weights = lone.graph.external.iter().map(|name| beside(&file, name)).collect::<std::io::Result<_>>();
        Ok(Fixed {
            weights: weights.map_err(|e| e.to_string())?,
            input: port.name.clone(),
            shape,
            inner_shapes: onnx::inner_shapes(&bytes)?,
            answer,
            output,
            outputs: graph.outputs.into_iter().map(|port| (port.name, port.shape)).collect(),
            labels,
            anchors: lone.graph.metadata.get("anchors").and_then(numbers),
            preprocess,
            note: lone.note.clone(),
            bytes: bytes.into(),
        })
    }
}

/// Which output answers, and what it says.
fn answer(lone: &Lone, graph: &onnx::Graph, bytes: &[u8], labels: &[String]) -> Result<(String, Answer), String> {
    let has_boxes = lone.preprocess.fit == Fit::Letterbox;
    if let Some(port) = VECTORS.iter().find_map(|name| graph.output(name)).filter(|_| !has_boxes) {
        return Ok((port.name.clone(), Answer::Vector));
    }
    let port = output_of(lone, has_boxes)?;
    // Its shape, now that it is fixed.
    let shape = graph.output(&port.name).map_or(&port.shape, |port| &port.shape);
    let told = (!labels.is_empty()).then_some(labels.len());
    let answer = match shape[..] {
        _ if has_boxes => match yolo::layout(shape, lone.yolo.as_ref(), told) {
            Ok((layout, _)) => Answer::Boxes(layout.name()),
            Err(_) => Answer::Vector,
        },
        [_, classes] | [_, classes, Some(1), Some(1)] => {
            let ending = onnx::ending(bytes, &port.name)?;
            Answer::Classes(classes, matches!(ending, Ending::Softmax | Ending::Sigmoid))
        }
        _ => Answer::Vector,
    };
    Ok((port.name.clone(), answer))
}
