//! Layers of a graph that can be computed with 8-bit integers, and the graph in which some of them are.
//!
//! A layer becomes what ONNX Runtime knows as one operator: its input and its weights go through `QuantizeLinear` and
//! `DequantizeLinear` (QDQ), and the product between them stays what it was. Every other engine computes the same from the
//! same graph, if not as fast. Weights are signed and symmetric, one scale for each output channel (or one for all);
//! inputs are unsigned, of one scale that is fixed: what a picture becomes does not depend on its neighbours in a batch.
//! The arithmetic is that of Jacob et al., "Quantization and Training of Neural Networks for Efficient
//! Integer-Arithmetic-Only Inference" (arXiv 1712.05877), section 2.
//!
//! Three habits of ONNX Runtime shape the graph: signed weights are the fast ones (unsigned weights run at the speed of 32
//! bits on AVX-512 VNNI); a product with a bias is fused only if the bias is whole numbers, too; and a convolution is fused only if
//! its output is made whole numbers again.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::graph::opset_of;
use super::proto::{
    DATA_LOCATION, EXTERNAL_DATA, GRAPH, INITIALIZER, NODE, OUTPUT, graph_of, outputs_of, plain_inputs_of, sizes_of,
};
use super::tensor::Tensor;
use super::wire::{Fields, Value, name_of, numbers_of, put};

// Types of numbers in onnx.proto.
const FLOAT: u64 = 1;
const UINT8: u64 = 2;
const INT8: u64 = 3;
const INT32: u64 = 6;
const INT64: u64 = 7;

/// The first operator set in which a tensor may have a scale for each channel.
const LEAST_OPSET: u64 = 13;

/// What the graph of [`with_ranges`] gives.
pub(crate) const RANGES: &str = "pokedex.ranges";
/// What the names of new values begin with.
const OWN: &str = "pokedex.q";

/// How many scales the weights of a layer have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Scales {
    /// One for each output channel
    #[default]
    Channel,
    /// One for the layer
    Tensor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    MatMul,
    Gemm,
    Conv,
}

/// A layer that can be computed with 8-bit integers: a product with weights that are part of the file.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// The value that it gives, which is its name here.
    pub output: String,
    /// The value that it reads.
    pub input: String,
    /// Does each channel see only itself?
    pub is_depthwise: bool,
    weights: String,
    bias: Option<String>,
    /// The axis of the weights that runs over output channels.
    axis: usize,
    /// What is made whole numbers again after a convolution: its output, or that of the `Relu` or `Clip` behind it.
    end: Option<String>,
}

impl Layer {
    /// The values whose ranges must be known before it can be quantised.
    pub(crate) fn watched(&self) -> impl Iterator<Item = &str> {
        [Some(self.input.as_str()), self.end.as_deref()].into_iter().flatten()
    }
}

/// The weights of a layer as whole numbers, and where they lie in a file of such.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// Of each output channel, or of all.
    scales: Vec<f32>,
    sizes: Vec<u64>,
    bias: Vec<f32>,
    offset: u64,
    length: u64,
}

/// The layers of a graph that can be quantised, in the order in which it computes them.
///
/// # Errors
/// The bytes are no ONNX model, or its operators are too old.
pub(crate) fn layers(bytes: &[u8]) -> Result<Vec<Layer>, String> {
    let opset = opset_of(bytes)?;
    if opset < LEAST_OPSET {
        return Err(format!("its operator set is {opset}; scales for each channel came with {LEAST_OPSET}"));
    }
    let graph = graph_of(bytes)?;
    // Sizes of the weights of 32 bits, and who reads each value.
    let (mut weights, mut readers) = (HashMap::new(), HashMap::<&[u8], Vec<&[u8]>>::new());
    for field in Fields(graph) {
        match field? {
            (INITIALIZER, Value::Bytes(tensor)) if numbers_of(tensor, 2)? == [FLOAT] => {
                weights.insert(Tensor::read(tensor)?.name, sizes_of(tensor)?);
            }
            (NODE, Value::Bytes(node)) => {
                for input in plain_inputs_of(node)? {
                    readers.entry(input).or_default().push(node);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for field in Fields(graph) {
        let (NODE, Value::Bytes(node)) = field? else { continue };
        let (inputs, outputs) = (plain_inputs_of(node)?, outputs_of(node)?);
        let ([input, of, rest @ ..], [output]) = (&inputs[..], &outputs[..]) else { continue };
        let Some(sizes) = weights.get(of).filter(|sizes| !sizes.contains(&0)) else { continue };
        let about = Attributes::of(node)?;
        let (operator, axis) = match (name_of(node, 4)?, sizes.len()) {
            (b"MatMul", 2) => (Operator::MatMul, 1),
            (b"Gemm", 2) if about.is_plain_product() => (Operator::Gemm, if about.int("transB") == 1 { 0 } else { 1 }),
            (b"Conv", 3..) => (Operator::Conv, 0),
            _ => continue,
        };
        // The place of a bias may be left empty.
        let bias = rest.first().filter(|bias| !bias.is_empty());
        if bias.is_some_and(|bias| weights.get(bias).is_none_or(|own| own[..] != sizes[axis..axis + 1])) {
            continue;
        }
        let end = match (operator, readers.get(output).map(Vec::as_slice)) {
            (Operator::Conv, Some([next])) if matches!(name_of(next, 4)?, b"Relu" | b"Clip") => outputs_of(next)?.pop(),
            (Operator::Conv, _) => Some(*output),
            _ => None,
        };
        let group = about.int("group");
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        found.push(Layer {
            output: text(output),
            input: text(input),
            is_depthwise: operator == Operator::Conv && group > 1,
            weights: text(of),
            bias: bias.map(|bias| text(bias)),
            axis,
            end: end.map(text),
        });
    }
    Ok(found)
}

/// The attributes of a node that matter here.
struct Attributes {
    ints: HashMap<Vec<u8>, i64>,
    floats: HashMap<Vec<u8>, f32>,
}

impl Attributes {
    fn of(node: &[u8]) -> Result<Attributes, String> {
        let mut found = Attributes { ints: HashMap::new(), floats: HashMap::new() };
        for field in Fields(node) {
            let (5, Value::Bytes(attribute)) = field? else { continue };
            let name = name_of(attribute, 1)?.to_vec();
            for field in Fields(attribute) {
                match field? {
                    (2, Value::Fixed32(bytes)) => _ = found.floats.insert(name.clone(), f32::from_le_bytes(bytes)),
                    (3, Value::Varint(int)) => _ = found.ints.insert(name.clone(), int.cast_signed()),
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    fn int(&self, name: &str) -> i64 {
        self.ints.get(name.as_bytes()).copied().unwrap_or(0)
    }

    /// Is a `Gemm` no more than a product and a bias?
    fn is_plain_product(&self) -> bool {
        let is_one = |name: &str| self.floats.get(name.as_bytes()).is_none_or(|&factor| factor == 1.0);
        is_one("alpha") && is_one("beta") && self.int("transA") == 0
    }
}

/// The weights of each layer as whole numbers; their bytes are appended to `out`. `external` gives the bytes of a file that
/// the graph keeps weights in.
///
/// # Errors
/// The weights are not where the graph says.
pub(crate) fn weights<'a>(
    bytes: &'a [u8],
    layers: &[Layer],
    scales: Scales,
    external: &dyn Fn(&str) -> Option<&'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<Vec<Weights>, String> {
    let mut tensors = HashMap::new();
    for field in Fields(graph_of(bytes)?) {
        if let (INITIALIZER, Value::Bytes(tensor)) = field? {
            let tensor = Tensor::read(tensor)?;
            tensors.insert(tensor.name, tensor);
        }
    }
    let numbers_of = |name: &str| -> Result<(Vec<u64>, Vec<f32>), String> {
        let tensor = tensors.get(name.as_bytes()).ok_or_else(|| format!("it has no weights `{name}`"))?;
        let (sizes, numbers) = (sizes_of(tensor.bytes)?, floats_of(tensor, external)?);
        let count = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
        match count == Some(numbers.len() as u64) {
            true => Ok((sizes, numbers)),
            false => Err(format!("its weights `{name}` are cut short")),
        }
    };
    let mut made = Vec::new();
    for layer in layers {
        let (sizes, numbers) = numbers_of(&layer.weights)?;
        let bias = layer.bias.as_deref().map(&numbers_of).transpose()?.map(|(_, bias)| bias);
        let channels = sizes[layer.axis] as usize;
        let inner = sizes[layer.axis + 1..].iter().product::<u64>() as usize;
        let channel = |at: usize| at / inner.max(1) % channels;
        let mut most = vec![0f32; channels];
        for (at, x) in numbers.iter().enumerate() {
            let most = &mut most[channel(at)];
            *most = most.max(x.abs());
        }
        if scales == Scales::Tensor {
            most = vec![most.into_iter().fold(0.0, f32::max)];
        }
        // A channel of zeros is zero whatever its scale.
        let scales: Vec<f32> = most.iter().map(|&most| if most > 0.0 { most / 127.0 } else { 1.0 }).collect();
        let offset = out.len().next_multiple_of(64);
        out.resize(offset, 0);
        let scale = |at: usize| scales[if scales.len() == 1 { 0 } else { channel(at) }];
        out.extend(numbers.iter().enumerate().map(|(at, x)| (x / scale(at)).round().clamp(-127.0, 127.0) as i8 as u8));
        let length = numbers.len() as u64;
        made.push(Weights { scales, sizes, bias: bias.unwrap_or_default(), offset: offset as u64, length });
    }
    Ok(made)
}

/// The numbers of a weight of 32 bits, wherever they are.
fn floats_of<'a>(tensor: &Tensor<'a>, external: &dyn Fn(&str) -> Option<&'a [u8]>) -> Result<Vec<f32>, String> {
    let floats = |raw: &[u8]| raw.chunks_exact(4).map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]])).collect();
    if let Some(at) = tensor.location()? {
        let file = external(&at.file).ok_or_else(|| format!("{}: no such file", at.file))?;
        let end = at.length.map_or(file.len() as u64, |length| at.offset.saturating_add(length));
        let range = usize::try_from(at.offset).ok().zip(usize::try_from(end).ok());
        let raw = range.and_then(|(from, to)| file.get(from..to));
        return Ok(floats(raw.ok_or_else(|| format!("{}: too short", at.file))?));
    }
    if let Some(raw) = tensor.raw {
        return Ok(floats(raw));
    }
    // `float_data`, packed or not.
    let mut numbers = Vec::new();
    for field in Fields(tensor.bytes) {
        match field? {
            (4, Value::Bytes(packed)) => numbers.extend(floats(packed)),
            (4, Value::Fixed32(bytes)) => numbers.push(f32::from_le_bytes(bytes)),
            _ => {}
        }
    }
    Ok(numbers)
}

/// The graph that gives, of each of these values, its least and its greatest number: [`RANGES`], one after the other.
///
/// # Errors
/// The bytes are no ONNX model.
pub(crate) fn with_ranges(bytes: &[u8], values: &[&str]) -> Result<Vec<u8>, String> {
    let mut added = Added::default();
    let one = added.tensor("one", INT64, &[1], &1i64.to_le_bytes());
    let mut ends = Vec::new();
    for (at, value) in values.iter().enumerate() {
        for operator in ["ReduceMin", "ReduceMax"] {
            let (number, listed) = (format!("{OWN}.{operator}.{at}"), format!("{OWN}.{operator}.{at}.1"));
            added.node(operator, &[value], &number, &[("keepdims", 0)]);
            added.node("Reshape", &[&number, &one], &listed, &[]);
            ends.push(listed);
        }
    }
    added.node("Concat", &ends.iter().map(String::as_str).collect::<Vec<_>>(), RANGES, &[("axis", 0)]);
    let mut kept = Vec::new();
    for field in Fields(graph_of(bytes)?) {
        let (number, value) = field?;
        if number != OUTPUT {
            put(&mut kept, number, &value);
        }
    }
    let mut port = Vec::new();
    put(&mut port, 1, &Value::Bytes(RANGES.as_bytes()));
    put(&mut kept, OUTPUT, &Value::Bytes(&port));
    added.write(&mut kept);
    with_graph(bytes, &kept)
}

/// The graph in which the layers for which `chosen` says so are quantised. `file` is where the graph finds what [`weights`]
/// wrote; `ranges` has the least and the greatest number of each value that they watch.
///
/// # Errors
/// The bytes are no ONNX model.
pub(crate) fn quantised(
    bytes: &[u8],
    layers: &[Layer],
    weights: &[Weights],
    chosen: &dyn Fn(usize) -> bool,
    ranges: &BTreeMap<String, (f32, f32)>,
    file: &str,
) -> Result<Vec<u8>, String> {
    let chosen: HashMap<&[u8], usize> =
        (0..layers.len()).filter(|&at| chosen(at)).map(|at| (layers[at].output.as_bytes(), at)).collect();
    let ends: HashSet<&str> = chosen.values().filter_map(|&at| layers[at].end.as_deref()).collect();
    let mut maker = Maker { added: Added::default(), ranges, steps: HashMap::new(), ends: &ends };
    let mut kept = Vec::new();
    for field in Fields(graph_of(bytes)?) {
        let (number, value) = field?;
        let (NODE, Value::Bytes(node)) = (number, &value) else {
            put(&mut kept, number, &value);
            continue;
        };
        let outputs = outputs_of(node)?;
        let at = outputs.first().and_then(|output| chosen.get(output)).copied();
        let inputs = match at {
            Some(at) => Some(maker.inputs(at, &layers[at], &weights[at], file)?),
            None => None,
        };
        let end = outputs.iter().find_map(|output| std::str::from_utf8(output).ok().filter(|name| ends.contains(name)));
        let node = renamed(node, inputs.as_deref(), end)?;
        maker.added.nodes.push(node);
        if let Some(end) = end {
            let before = float_of(end);
            maker.step(&before, end, end)?;
        }
    }
    maker.added.write(&mut kept);
    with_graph(bytes, &kept)
}

/// The name of what becomes whole numbers and is called as before afterwards.
fn float_of(end: &str) -> String {
    format!("{OWN}.float.{end}")
}

/// Makes the steps to whole numbers and back.
struct Maker<'a> {
    added: Added,
    ranges: &'a BTreeMap<String, (f32, f32)>,
    /// The scale of each value that was made whole numbers, and what it is called afterwards.
    steps: HashMap<String, (String, f32)>,
    ends: &'a HashSet<&'a str>,
}

impl Maker<'_> {
    /// What a layer reads instead: its input and its weights, and its bias, as whole numbers that are brought back.
    fn inputs(&mut self, at: usize, layer: &Layer, weights: &Weights, file: &str) -> Result<Vec<String>, String> {
        let (input, scale) = match self.steps.get(&layer.input) {
            Some(step) => step.clone(),
            None => {
                let to = format!("{OWN}.back.{}", layer.input);
                self.step(&layer.input, &to, &layer.input)?
            }
        };
        let axis = layer.axis as i64;
        let (name, shape) = (format!("{at}.weights"), shape_of(&weights.scales));
        let numbers = self.added.elsewhere(&name, weights, file);
        let scales = self.added.tensor(&format!("{name}.scale"), FLOAT, shape, &bytes_of(&weights.scales));
        let zeros = self.added.tensor(&format!("{name}.zero"), INT8, shape, &vec![0; weights.scales.len()]);
        let back = format!("{OWN}.{name}.back");
        self.added.node("DequantizeLinear", &[&numbers, &scales, &zeros], &back, &[("axis", axis)]);
        let mut inputs = vec![input, back];
        if layer.bias.is_some() {
            let (name, count) = (format!("{at}.bias"), weights.bias.len() as u64);
            // Of the scale that the sums of products have.
            let products: Vec<f32> = weights.scales.iter().map(|of| of * scale).collect();
            let of = |at: usize| products[if products.len() == 1 { 0 } else { at }];
            // What does not fit is cut off, and the gate sees what that costs.
            let numbers = weights.bias.iter().enumerate().map(|(at, x)| (x / of(at)).round() as i32);
            let numbers: Vec<u8> = numbers.flat_map(i32::to_le_bytes).collect();
            let numbers = self.added.tensor(&name, INT32, &[count], &numbers);
            let scales = self.added.tensor(&format!("{name}.scale"), FLOAT, shape, &bytes_of(&products));
            let zeros = vec![0; 4 * products.len()];
            let zeros = self.added.tensor(&format!("{name}.zero"), INT32, shape, &zeros);
            let back = format!("{OWN}.{name}.back");
            self.added.node("DequantizeLinear", &[&numbers, &scales, &zeros], &back, &[("axis", 0)]);
            inputs.push(back);
        }
        Ok(inputs)
    }

    /// Makes a value 8-bit integers and brings it back under another name; of `watched` the range is known.
    fn step(&mut self, from: &str, to: &str, watched: &str) -> Result<(String, f32), String> {
        let range = self.ranges.get(watched).ok_or_else(|| format!("nothing was seen of `{watched}`"))?;
        // Zero must be among the numbers: borders and what `Relu` leaves are zeros.
        let (least, most) = (range.0.min(0.0), range.1.max(0.0));
        let scale = if most > least { (most - least) / 255.0 } else { 1.0 };
        let zero = (-least / scale).round().clamp(0.0, 255.0) as u8;
        let scale_name = self.added.tensor(&format!("{watched}.scale"), FLOAT, &[], &scale.to_le_bytes());
        let zero_name = self.added.tensor(&format!("{watched}.zero"), UINT8, &[], &[zero]);
        let bytes = format!("{OWN}.bytes.{watched}");
        self.added.node("QuantizeLinear", &[from, &scale_name, &zero_name], &bytes, &[]);
        self.added.node("DequantizeLinear", &[&bytes, &scale_name, &zero_name], to, &[]);
        let step = (to.to_string(), scale);
        self.steps.insert(watched.into(), step.clone());
        debug_assert!(to != watched || self.ends.contains(watched));
        Ok(step)
    }
}

/// One scale is a number, several are a list.
fn shape_of(scales: &[f32]) -> &'static [u64] {
    // The list's length is what [`Added::tensor`] counts.
    if scales.len() == 1 { &[] } else { &[0] }
}

fn bytes_of(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// A node with other inputs, or whose output of this name is called otherwise.
fn renamed(node: &[u8], inputs: Option<&[String]>, end: Option<&str>) -> Result<Vec<u8>, String> {
    let (mut made, mut at) = (Vec::new(), 0);
    for field in Fields(node) {
        match field? {
            (1, Value::Bytes(own)) => {
                let other = inputs.and_then(|inputs| inputs.get(at)).map_or(own, |name| name.as_bytes());
                put(&mut made, 1, &Value::Bytes(other));
                at += 1;
            }
            (2, Value::Bytes(own)) => match end.filter(|end| end.as_bytes() == own) {
                Some(end) => put(&mut made, 2, &Value::Bytes(float_of(end).as_bytes())),
                None => put(&mut made, 2, &Value::Bytes(own)),
            },
            (number, value) => put(&mut made, number, &value),
        }
    }
    Ok(made)
}

/// What a graph gets.
#[derive(Default)]
struct Added {
    nodes: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
}

impl Added {
    fn node(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) {
        const INT: u64 = 2;
        let mut node = Vec::new();
        inputs.iter().for_each(|input| put(&mut node, 1, &Value::Bytes(input.as_bytes())));
        put(&mut node, 2, &Value::Bytes(output.as_bytes()));
        put(&mut node, 4, &Value::Bytes(operator.as_bytes()));
        for (name, value) in attributes {
            let mut attribute = Vec::new();
            put(&mut attribute, 1, &Value::Bytes(name.as_bytes()));
            put(&mut attribute, 3, &Value::Varint(value.cast_unsigned()));
            put(&mut attribute, 20, &Value::Varint(INT));
            put(&mut node, 5, &Value::Bytes(&attribute));
        }
        self.nodes.push(node);
    }

    /// A small tensor; a size of 0 is what the bytes have room for. Gives its name.
    fn tensor(&mut self, name: &str, kind: u64, sizes: &[u64], raw: &[u8]) -> String {
        let each = match kind {
            FLOAT | INT32 => 4,
            INT64 => 8,
            _ => 1,
        };
        let sizes: Vec<u64> =
            sizes.iter().map(|&size| if size == 0 { raw.len() as u64 / each } else { size }).collect();
        let (mut tensor, name) = head_of_tensor(name, kind, &sizes);
        put(&mut tensor, super::proto::RAW_DATA, &Value::Bytes(raw));
        self.tensors.push(tensor);
        name
    }

    /// Weights in a file of their own.
    fn elsewhere(&mut self, name: &str, weights: &Weights, file: &str) -> String {
        let (mut tensor, name) = head_of_tensor(name, INT8, &weights.sizes);
        let (offset, length) = (weights.offset.to_string(), weights.length.to_string());
        for (key, value) in [("location", file), ("offset", &offset), ("length", &length)] {
            let mut entry = Vec::new();
            put(&mut entry, 1, &Value::Bytes(key.as_bytes()));
            put(&mut entry, 2, &Value::Bytes(value.as_bytes()));
            put(&mut tensor, EXTERNAL_DATA, &Value::Bytes(&entry));
        }
        put(&mut tensor, DATA_LOCATION, &Value::Varint(1));
        self.tensors.push(tensor);
        name
    }

    fn write(&self, graph: &mut Vec<u8>) {
        self.nodes.iter().for_each(|node| put(graph, NODE, &Value::Bytes(node)));
        self.tensors.iter().for_each(|tensor| put(graph, INITIALIZER, &Value::Bytes(tensor)));
    }
}

fn head_of_tensor(name: &str, kind: u64, sizes: &[u64]) -> (Vec<u8>, String) {
    let (mut tensor, name) = (Vec::new(), format!("{OWN}.{name}"));
    sizes.iter().for_each(|size| put(&mut tensor, 1, &Value::Varint(*size)));
    put(&mut tensor, 2, &Value::Varint(kind));
    put(&mut tensor, 8, &Value::Bytes(name.as_bytes()));
    (tensor, name)
}

/// The model with another graph.
fn with_graph(bytes: &[u8], graph: &[u8]) -> Result<Vec<u8>, String> {
    let mut model = Vec::new();
    for field in Fields(bytes) {
        match field? {
            (GRAPH, _) => put(&mut model, GRAPH, &Value::Bytes(graph)),
            (number, value) => put(&mut model, number, &value),
        }
    }
    Ok(model)
}
