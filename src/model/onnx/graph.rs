//! What must be known of a graph before it is loaded: its ends, and where an engine computes it otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::port::Port;
use super::proto::{INITIALIZER, INPUT, METADATA, NODE, OUTPUT, VALUE_INFO, graph_of, outputs_of, plain_inputs_of};
use super::tensor::Tensor;
use super::wire::{Fields, Value, name_of, numbers_of};

const CUBIC: &str = "rten computes its cubic interpolation as linear";
const SUPPRESSION: &str = "rten's NonMaxSuppression lets boxes of all classes compete";
const FLOOR: &str = "rten rounds its nearest_mode floor otherwise";
const SOFTMAX: &str = "rten takes its softmax of an operator set before 13 for one over a single axis";
const LOWER: &str = "rten computes its auto_pad SAME_LOWER as SAME_UPPER";

/// A graph's ends, and what else must be known before it is loaded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    /// Does it compute with 8-bit integers? Then engines differ by more than rounding.
    pub quantised: bool,
    /// Is the scale of its integers found out anew for each batch? Then an input's result depends on its neighbours.
    pub by_batch: bool,
    /// What rten 0.27 computes otherwise than ONNX says, without saying so.
    pub not_for_rten: Option<&'static str>,
    /// Is a border laid around the input of a `MaxPool`, as in YOLOv3-tiny? ONNX Runtime 1.31 makes one step of the two,
    /// in which a border of zeros is less than any number.
    pub pads_a_pool: bool,
    /// Names of the files beside it that hold weights.
    pub external: BTreeSet<String>,
    /// What the exporter wrote about it.
    pub metadata: BTreeMap<String, String>,
}

impl Graph {
    /// Reads the ends of a graph; weights are skipped.
    ///
    /// # Errors
    /// The bytes are no ONNX model.
    pub(crate) fn read(bytes: &[u8]) -> Result<Graph, String> {
        if bytes.starts_with(b"PAR1") || bytes.starts_with(b"ARROW1") {
            return Err("it is a table, not an ONNX model".into());
        }
        let graph = graph_of(bytes)?;
        let mut found = Graph::default();
        let (opset, mut softmaxes, mut shapes) = (opset_of(bytes)?, Vec::new(), HashMap::new());
        let mut weights = HashSet::new();
        let mut same = HashMap::new();
        let mut inputs = Vec::new();
        let (mut padded, mut pooled) = (HashSet::new(), HashSet::new());
        for field in Fields(graph) {
            match field? {
                (NODE, Value::Bytes(node)) => {
                    found.quantised |= is_integer_arithmetic(node)?;
                    found.by_batch |= name_of(node, 4)?.starts_with(b"DynamicQuantize");
                    match name_of(node, 4)? {
                        // As DINOv2 does with its positions.
                        b"Resize" if has_word(node, b"mode", b"cubic")? => found.not_for_rten = Some(CUBIC),
                        b"Resize"
                            if has_word(node, b"nearest_mode", b"floor")?
                                && !has_word(node, b"coordinate_transformation_mode", b"asymmetric")? =>
                        {
                            found.not_for_rten = Some(FLOOR);
                        }
                        b"Softmax" | b"LogSoftmax" if opset < 13 => softmaxes.push(node),
                        b"Conv" | b"ConvTranspose" | b"MaxPool" | b"AveragePool"
                            if has_word(node, b"auto_pad", b"SAME_LOWER")? =>
                        {
                            found.not_for_rten = Some(LOWER);
                        }
                        b"Identity" => same.extend(plain_inputs_of(node)?.into_iter().zip(outputs_of(node)?)),
                        b"NonMaxSuppression" => found.not_for_rten = Some(SUPPRESSION),
                        b"Pad" => padded.extend(outputs_of(node)?),
                        _ => {}
                    }
                    // Whether it is one of those above or not.
                    if name_of(node, 4)? == b"MaxPool" {
                        pooled.insert(name_of(node, 1)?);
                    }
                }
                (INITIALIZER, Value::Bytes(tensor)) => {
                    let tensor = Tensor::read(tensor)?;
                    found.external.extend(tensor.location()?.map(|at| at.file));
                    weights.insert(tensor.name);
                }
                (INPUT, Value::Bytes(port)) => inputs.push(Port::read(port)?),
                (OUTPUT, Value::Bytes(port)) => {
                    shapes.insert(name_of(port, 1)?, port);
                    found.outputs.push(Port::read(port)?);
                }
                (VALUE_INFO, Value::Bytes(port)) => _ = shapes.insert(name_of(port, 1)?, port),
                _ => {}
            }
        }
        for node in softmaxes {
            let mut ends = [plain_inputs_of(node)?, outputs_of(node)?].concat();
            ends.extend(outputs_of(node)?.iter().filter_map(|output| same.get(output)).copied());
            let port = ends.iter().find_map(|name| shapes.get(name)).map(|port| Port::read(port)).transpose()?;
            if !is_of_last_axis(node, port.as_ref())? {
                found.not_for_rten = Some(SOFTMAX);
            }
        }
        // Old files list their weights among the inputs.
        inputs.retain(|input| !weights.contains(input.name.as_bytes()));
        found.inputs = inputs;
        found.pads_a_pool = !padded.is_disjoint(&pooled);
        for field in Fields(bytes) {
            if let (METADATA, Value::Bytes(entry)) = field? {
                let text = |number| name_of(entry, number).map(|text| String::from_utf8_lossy(text).into_owned());
                found.metadata.insert(text(1)?, text(2)?);
            }
        }
        if found.outputs.is_empty() {
            return Err("not an ONNX model: it has no output".into());
        }
        Ok(found)
    }

    pub(crate) fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|port| port.name == name)
    }
}

fn is_integer_arithmetic(node: &[u8]) -> Result<bool, String> {
    let operator = name_of(node, 4)?;
    Ok([&b"DynamicQuantizeLinear"[..], b"QuantizeLinear", b"MatMulInteger", b"ConvInteger", b"QLinearMatMul"]
        .contains(&operator)
        || operator.starts_with(b"DynamicQuantize")
        || operator.starts_with(b"MatMulNBits"))
}

/// The version of the operators without a domain.
pub(super) fn opset_of(bytes: &[u8]) -> Result<u64, String> {
    let mut version = 1;
    for field in Fields(bytes) {
        if let (8, Value::Bytes(operators)) = field?
            && matches!(name_of(operators, 1)?, b"" | b"ai.onnx")
        {
            version = numbers_of(operators, 2)?.last().copied().unwrap_or(version);
        }
    }
    Ok(version)
}

/// Before version 13 a softmax was over its axis and all after it: is that one axis alone? Without a shape, the first axes
/// are taken for not the last.
fn is_of_last_axis(node: &[u8], port: Option<&Port>) -> Result<bool, String> {
    let mut axis = 1i64;
    for field in Fields(node) {
        if let (5, Value::Bytes(own)) = field?
            && name_of(own, 1)? == b"axis"
        {
            axis = numbers_of(own, 3)?.last().map_or(axis, |axis| axis.cast_signed());
        }
    }
    Ok(match port.map(|port| &port.shape[..]) {
        Some(shape) if !shape.is_empty() => {
            let axis = if axis < 0 { axis + shape.len() as i64 } else { axis };
            shape.iter().skip(usize::try_from(axis).unwrap_or(0) + 1).all(|size| *size == Some(1))
        }
        _ => axis > 1 || axis == -1,
    })
}

/// Has a node an attribute with this text?
fn has_word(node: &[u8], attribute: &[u8], word: &[u8]) -> Result<bool, String> {
    let mut found = false;
    for field in Fields(node) {
        if let (5, Value::Bytes(own)) = field? {
            found |= name_of(own, 1)? == attribute && name_of(own, 4)? == word;
        }
    }
    Ok(found)
}
