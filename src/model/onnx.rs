//! What an ONNX file says of itself, read without its weights; and the part of it that one output needs, written so
//! that the weights can be mapped.
//!
//! Hides: protocol buffers (the wire format and the few fields of onnx.proto that matter here). Promises: whatever the
//! bytes are, a result or an error; nothing is read outside the bytes.

mod defaults;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{self, Write};

/// A number's type, as far as towers have it at their ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Float32,
    Float16,
    Int32,
    Int64,
    UInt8,
    /// A type that no tower has at its ends, by its name; none where the graph does not tell it.
    Other(Option<&'static str>),
}

impl Kind {
    /// By its number in onnx.proto.
    fn of(number: u64) -> Kind {
        match number {
            1 => Kind::Float32,
            2 => Kind::UInt8,
            6 => Kind::Int32,
            7 => Kind::Int64,
            10 => Kind::Float16,
            number => {
                let others = [(3, "int8"), (4, "uint16"), (5, "int16"), (8, "string"), (9, "bool"), (11, "float64")];
                let rest = [(12, "uint32"), (13, "uint64"), (14, "complex64"), (15, "complex128"), (16, "bfloat16")];
                let name = others.into_iter().chain(rest).find(|(known, _)| *known == number).map(|(_, name)| name);
                Kind::Other(Some(name.unwrap_or("a type that is not known")))
            }
        }
    }

    /// Is it one of floating-point numbers that towers give?
    pub fn is_float(self) -> bool {
        matches!(self, Kind::Float32 | Kind::Float16)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Float32 => "float32",
            Kind::Float16 => "float16",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::UInt8 => "uint8",
            Kind::Other(name) => name.unwrap_or("an unknown type"),
        })
    }
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    pub kind: Kind,
    /// Sizes; `None` where the graph leaves it to the caller.
    pub shape: Vec<Option<usize>>,
}

/// A graph's ends, and what else must be known before it is loaded.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    /// Does it compute with 8-bit integers? Then engines differ by more than rounding.
    pub quantised: bool,
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
    pub fn read(bytes: &[u8]) -> Result<Graph, String> {
        if bytes.starts_with(b"PAR1") || bytes.starts_with(b"ARROW1") {
            return Err("it is a table, not an ONNX model".into());
        }
        let graph = graph_of(bytes)?;
        let mut found = Graph::default();
        let (opset, mut softmaxes, mut shapes) = (opset_of(bytes)?, Vec::new(), HashMap::new());
        let mut weights = HashSet::new();
        let mut inputs = Vec::new();
        let (mut padded, mut pooled) = (HashSet::new(), HashSet::new());
        for field in Fields(graph) {
            match field? {
                (NODE, Value::Bytes(node)) => {
                    found.quantised |= is_integer_arithmetic(node)?;
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
            let ends = [plain_inputs_of(node)?, outputs_of(node)?].concat();
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

    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|port| port.name == name)
    }
}

/// A value inside a graph or at its end, as far as the graph tells its type and its shape; `None` where nothing
/// computes a value of this name.
///
/// # Errors
/// The bytes are no ONNX model.
pub fn value(bytes: &[u8], name: &str) -> Result<Option<Port>, String> {
    let graph = graph_of(bytes)?;
    let mut found = None;
    let mut is_made = false;
    for field in Fields(graph) {
        match field? {
            (NODE, Value::Bytes(node)) => is_made |= outputs_of(node)?.contains(&name.as_bytes()),
            (OUTPUT | VALUE_INFO, Value::Bytes(port)) if name_of(port, 1)? == name.as_bytes() => {
                found = Some(Port::read(port)?);
            }
            _ => {}
        }
    }
    let unknown = || Port { name: name.into(), kind: Kind::Other(None), shape: Vec::new() };
    Ok(is_made.then(|| found.unwrap_or_else(unknown)))
}

/// The model with its input of these sizes, as toolchains of devices want it: a size that had a name has its number at
/// the outputs too, and at values inside where the graph says their shapes; of those that have other names besides
/// nothing is said any more.
///
/// # Errors
/// The bytes are no ONNX model, or its input has another number of axes.
pub fn with_shape(bytes: &[u8], input: &str, sizes: &[usize]) -> Result<Vec<u8>, String> {
    let graph = graph_of(bytes)?;
    let mut named: HashMap<Vec<u8>, usize> = HashMap::new();
    for field in Fields(graph) {
        let (INPUT, Value::Bytes(port)) = field? else { continue };
        if name_of(port, 1)? != input.as_bytes() {
            continue;
        }
        let names = axes(port)?;
        if names.len() != sizes.len() {
            return Err(format!("its input has {} axes, not {}", names.len(), sizes.len()));
        }
        named.extend(names.into_iter().zip(sizes).filter(|(name, _)| !name.is_empty()).map(|(n, s)| (n.to_vec(), *s)));
    }
    let mut fixed = Vec::with_capacity(graph.len());
    for field in Fields(graph) {
        match field? {
            (VALUE_INFO, Value::Bytes(port)) => {
                if let Some(port) = fixed_port(port, &named)? {
                    put(&mut fixed, VALUE_INFO, &Value::Bytes(&port));
                }
            }
            (INPUT, Value::Bytes(port)) if name_of(port, 1)? == input.as_bytes() => {
                put(&mut fixed, INPUT, &Value::Bytes(&port_of_sizes(port, |at, _| Some(sizes[at]))?));
            }
            (OUTPUT, Value::Bytes(port)) => {
                put(&mut fixed, OUTPUT, &Value::Bytes(&port_of_sizes(port, |_, name| named.get(name).copied())?));
            }
            (number, value) => put(&mut fixed, number, &value),
        }
    }
    let mut model = Vec::with_capacity(bytes.len());
    for field in Fields(bytes) {
        match field? {
            (GRAPH, _) => put(&mut model, GRAPH, &Value::Bytes(&fixed)),
            (number, value) => put(&mut model, number, &value),
        }
    }
    Ok(model)
}

/// A value inside with numbers for names; none where a size stays open.
fn fixed_port(port: &[u8], named: &HashMap<Vec<u8>, usize>) -> Result<Option<Vec<u8>>, String> {
    let port = port_of_sizes(port, |_, name| named.get(name).copied())?;
    let shape = name_of(name_of(name_of(&port, 2)?, 1)?, 2)?;
    for field in Fields(shape) {
        if let (1, Value::Bytes(dimension)) = field? {
            let mut has_number = false;
            for part in Fields(dimension) {
                has_number |= matches!(part?, (1, Value::Varint(size)) if size > 0);
            }
            if !has_number {
                return Ok(None);
            }
        }
    }
    Ok((!shape.is_empty()).then_some(port))
}

/// How many values inside a graph have a shape.
///
/// # Errors
/// The bytes are no ONNX model.
pub fn inner_shapes(bytes: &[u8]) -> Result<usize, String> {
    let mut count = 0;
    for field in Fields(graph_of(bytes)?) {
        count += usize::from(field?.0 == VALUE_INFO);
    }
    Ok(count)
}

/// The names of a port's sizes; empty where a size has a number or nothing.
fn axes(port: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut names = Vec::new();
    let shape = name_of(name_of(name_of(port, 2)?, 1)?, 2)?;
    for field in Fields(shape) {
        if let (1, Value::Bytes(dimension)) = field? {
            names.push(name_of(dimension, 2)?);
        }
    }
    Ok(names)
}

/// A port (`ValueInfoProto`) in which sizes are replaced: of each the number of its axis and its name are asked.
fn port_of_sizes(port: &[u8], size: impl Fn(usize, &[u8]) -> Option<usize>) -> Result<Vec<u8>, String> {
    // Through ValueInfoProto.type, TypeProto.tensor_type and Tensor.shape, all of which are kept but for the sizes.
    let shape = |shape: &[u8]| -> Result<Vec<u8>, String> {
        let (mut out, mut at) = (Vec::new(), 0);
        for field in Fields(shape) {
            match field? {
                (1, Value::Bytes(dimension)) => {
                    let mut own = Vec::new();
                    match size(at, name_of(dimension, 2)?) {
                        Some(size) => put(&mut own, 1, &Value::Varint(size as u64)),
                        None => own.extend_from_slice(dimension),
                    }
                    put(&mut out, 1, &Value::Bytes(&own));
                    at += 1;
                }
                (number, value) => put(&mut out, number, &value),
            }
        }
        Ok(out)
    };
    replaced(port, 2, &|kind| replaced(kind, 1, &|tensor| replaced(tensor, 2, &shape)))
}

/// How a field's message is made anew.
type Remake<'a> = &'a dyn Fn(&[u8]) -> Result<Vec<u8>, String>;

/// A message in which the field of this number is made anew.
fn replaced(message: &[u8], field: u64, new: Remake) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(message.len());
    for found in Fields(message) {
        match found? {
            (number, Value::Bytes(bytes)) if number == field => put(&mut out, number, &Value::Bytes(&new(bytes)?)),
            (number, value) => put(&mut out, number, &value),
        }
    }
    Ok(out)
}

/// Names of values that a graph computes and that contain this text, at most so many, the last first: what is near the
/// end is what people look for.
///
/// # Errors
/// The bytes are no ONNX model.
pub fn values_like(bytes: &[u8], text: &str, most: usize) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for field in Fields(graph_of(bytes)?) {
        if let (NODE, Value::Bytes(node)) = field? {
            names.extend(outputs_of(node)?);
        }
    }
    let names = names.iter().rev().map(|name| String::from_utf8_lossy(name).into_owned());
    Ok(names.filter(|name| name.contains(text)).take(most).collect())
}

/// What a value of a graph is, by the operators that it went through last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// What a `Softmax` gave: the probabilities of classes that exclude each other.
    Softmax,
    /// What a `Sigmoid` gave: a probability for each class.
    Sigmoid,
    /// What an `ArgMax` or its like gave: places, no scores.
    Places,
    Other,
}

/// How a value ends, whatever shape and type it was brought into afterwards.
///
/// # Errors
/// The bytes are no ONNX model.
pub fn ending(bytes: &[u8], output: &str) -> Result<Ending, String> {
    // Of each value the operator that makes it, its place among those that it makes, and what it reads.
    type Maker<'a> = (&'a [u8], usize, Vec<&'a [u8]>);
    let mut makers: HashMap<&[u8], Maker> = HashMap::new();
    for field in Fields(graph_of(bytes)?) {
        if let (NODE, Value::Bytes(node)) = field? {
            let (operator, inputs) = (name_of(node, 4)?, plain_inputs_of(node)?);
            for (place, name) in outputs_of(node)?.into_iter().enumerate() {
                makers.insert(name, (operator, place, inputs.clone()));
            }
        }
    }
    let maker = |name: &[u8]| makers.get(name).map(|(operator, place, inputs)| (*operator, *place, &inputs[..]));
    let mut name = output.as_bytes();
    // A graph that goes round in circles is no graph, but it ends here too.
    for _ in 0..LONGEST_END {
        let Some((operator, place, inputs)) = maker(name) else { return Ok(Ending::Other) };
        match (operator, inputs) {
            (b"Softmax", _) => return Ok(Ending::Softmax),
            (b"Sigmoid", _) => return Ok(Ending::Sigmoid),
            (b"ArgMax" | b"ArgMin", _) => return Ok(Ending::Places),
            (b"TopK", _) if place == 1 => return Ok(Ending::Places),
            // A softmax by hand.
            (b"Div", [above, below]) if maker(above).is_some_and(|(operator, ..)| operator == b"Exp") => {
                let is_sum =
                    maker(below).is_some_and(|(operator, _, of)| operator == b"ReduceSum" && of.first() == Some(above));
                return Ok(if is_sum { Ending::Softmax } else { Ending::Other });
            }
            (
                b"Identity" | b"Cast" | b"Reshape" | b"Squeeze" | b"Unsqueeze" | b"Flatten" | b"Transpose" | b"Dropout"
                | b"Clip" | b"QuantizeLinear" | b"DequantizeLinear",
                [before, ..],
            ) => name = before,
            _ => return Ok(Ending::Other),
        }
    }
    Ok(Ending::Other)
}

/// No graph ends in more operators that only change a value's shape.
const LONGEST_END: usize = 64;

/// Where a weight lies that is not in the model's own file.
struct Location {
    file: String,
    offset: u64,
    length: Option<u64>,
}

/// Writes what `output`, which may be a value inside the graph, needs of a model: a graph without weights, and the
/// weights one after the other, each at a multiple of 64 bytes in a file that the graph calls `data_name`. `external`
/// gives the bytes of a file that the model itself keeps weights in.
///
/// # Errors
/// The bytes are no ONNX model, have no such output, or a file cannot be written.
pub fn extract<'a>(
    bytes: &'a [u8],
    output: &str,
    external: &dyn Fn(&str) -> Option<&'a [u8]>,
    data_name: &str,
    data: &mut impl Write,
) -> io::Result<Vec<u8>> {
    // Towers share weights now and then, not many times over.
    const TIMES: u64 = 4;
    let mut files = BTreeMap::new();
    let damaged = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    let graph = graph_of(bytes).map_err(damaged)?;
    for field in Fields(graph) {
        if let (INITIALIZER, Value::Bytes(tensor)) = field.map_err(damaged)?
            && let Some(at) = Tensor::read(tensor).and_then(|tensor| tensor.location()).map_err(damaged)?
        {
            files.entry(at.file).or_insert_with_key(|file| external(file).map_or(0, <[u8]>::len) as u64);
        }
    }
    let most = TIMES * (bytes.len() as u64 + files.values().sum::<u64>());
    let needed = needed_for(graph, output).map_err(damaged)?;
    let shapes = defaults::Shapes::of(bytes).map_err(damaged)?;
    let mut kept = Vec::new();
    let mut end = 0;
    let mut is_declared = false;
    for field in Fields(graph) {
        let (number, value) = field.map_err(damaged)?;
        match (number, &value) {
            (INITIALIZER, Value::Bytes(tensor)) => {
                let tensor = Tensor::read(tensor).map_err(damaged)?;
                if needed.contains(tensor.name) {
                    if end > most {
                        return Err(damaged("its weights are said to be larger than its files".into()));
                    }
                    write_tensor(&tensor, external, data_name, data, &mut end, &mut kept)?;
                }
            }
            (NODE, Value::Bytes(node)) => {
                if outputs_of(node).map_err(damaged)?.iter().any(|name| needed.contains(name)) {
                    let node = defaults::completed(node, &shapes).map_err(damaged)?;
                    put(&mut kept, number, &Value::Bytes(&node));
                }
            }
            (INPUT | OUTPUT | VALUE_INFO, Value::Bytes(port)) => {
                let name = name_of(port, 1).map_err(damaged)?;
                if name == output.as_bytes() {
                    if !std::mem::replace(&mut is_declared, true) {
                        put(&mut kept, OUTPUT, &value);
                    }
                } else if number != OUTPUT && needed.contains(name) {
                    put(&mut kept, number, &value);
                }
            }
            _ => put(&mut kept, number, &value),
        }
    }
    if !is_declared {
        // A value inside the graph, of which it does not tell the type: engines find it out.
        let mut port = Vec::new();
        put(&mut port, 1, &Value::Bytes(output.as_bytes()));
        put(&mut kept, OUTPUT, &Value::Bytes(&port));
    }
    let mut model = Vec::new();
    for field in Fields(bytes) {
        let (number, value) = field.map_err(damaged)?;
        match number {
            GRAPH => put(&mut model, GRAPH, &Value::Bytes(&kept)),
            _ => put(&mut model, number, &value),
        }
    }
    Ok(model)
}

/// Small tensors are shapes and axes, which engines want to see in the graph.
const SMALL: usize = 1024;

fn write_tensor<'a>(
    tensor: &Tensor<'a>,
    external: &dyn Fn(&str) -> Option<&'a [u8]>,
    data_name: &str,
    data: &mut impl Write,
    end: &mut u64,
    kept: &mut Vec<u8>,
) -> io::Result<()> {
    let damaged = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    let name = String::from_utf8_lossy(tensor.name).into_owned();
    let raw = match tensor.location().map_err(damaged)? {
        Some(at) => {
            let file = external(&at.file).ok_or_else(|| damaged(format!("{}: no such file", at.file)))?;
            let length = at.length.unwrap_or((file.len() as u64).saturating_sub(at.offset));
            let range = usize::try_from(at.offset).ok().zip(usize::try_from(at.offset.saturating_add(length)).ok());
            let slice = range.and_then(|(from, to)| file.get(from..to));
            Some(slice.ok_or_else(|| damaged(format!("{}: too short for `{name}`", at.file)))?)
        }
        None => tensor.raw,
    };
    let Some(raw) = raw.filter(|raw| raw.len() >= SMALL) else {
        let mut message = tensor.bytes.to_vec();
        if tensor.is_external {
            message = tensor.without_data();
            put(&mut message, RAW_DATA, &Value::Bytes(raw.unwrap_or_default()));
        }
        put(kept, INITIALIZER, &Value::Bytes(&message));
        return Ok(());
    };
    let padding = end.next_multiple_of(64) - *end;
    data.write_all(&vec![0; padding as usize])?;
    data.write_all(raw)?;
    let offset = *end + padding;
    *end = offset + raw.len() as u64;
    let mut message = tensor.without_data();
    for (key, value) in
        [("location", data_name.to_string()), ("offset", offset.to_string()), ("length", raw.len().to_string())]
    {
        let mut entry = Vec::new();
        put(&mut entry, 1, &Value::Bytes(key.as_bytes()));
        put(&mut entry, 2, &Value::Bytes(value.as_bytes()));
        put(&mut message, EXTERNAL_DATA, &Value::Bytes(&entry));
    }
    put(&mut message, DATA_LOCATION, &Value::Varint(1));
    put(kept, INITIALIZER, &Value::Bytes(&message));
    Ok(())
}

/// Names of all values that an output is computed from, itself included.
fn needed_for<'a>(graph: &'a [u8], output: &str) -> Result<HashSet<&'a [u8]>, String> {
    let mut maker: HashMap<&[u8], usize> = HashMap::new();
    // What each node reads, and what it gives.
    let mut nodes = Vec::new();
    for field in Fields(graph) {
        if let (NODE, Value::Bytes(node)) = field? {
            let mut inputs = Vec::new();
            inputs_of(node, 0, &mut inputs)?;
            let outputs = outputs_of(node)?;
            maker.extend(outputs.iter().map(|name| (*name, nodes.len())));
            nodes.push((inputs, outputs));
        }
    }
    let (&last, _) =
        maker.get_key_value(output.as_bytes()).ok_or_else(|| format!("nothing in it computes `{output}`"))?;
    let mut needed = HashSet::new();
    let mut open = vec![last];
    while let Some(name) = open.pop() {
        if needed.insert(name)
            && let Some(&node) = maker.get(name)
        {
            // All outputs of a node are kept: some operators tell them apart by their place.
            open.extend(nodes[node].0.iter().chain(&nodes[node].1));
        }
    }
    Ok(needed)
}

// Numbers of fields in onnx.proto.
const GRAPH: u64 = 7;
const METADATA: u64 = 14;
const NODE: u64 = 1;
const INITIALIZER: u64 = 5;
const INPUT: u64 = 11;
const OUTPUT: u64 = 12;
const VALUE_INFO: u64 = 13;
const RAW_DATA: u64 = 9;
const EXTERNAL_DATA: u64 = 13;
const DATA_LOCATION: u64 = 14;

/// Graphs within graphs deeper than this are no towers.
const DEEPEST: usize = 16;

fn graph_of(bytes: &[u8]) -> Result<&[u8], String> {
    let mut graph = None;
    for field in Fields(bytes) {
        if let (GRAPH, Value::Bytes(bytes)) = field.map_err(|e| format!("not an ONNX model: {e}"))? {
            graph = Some(bytes);
        }
    }
    graph.ok_or_else(|| "not an ONNX model: it has no graph".into())
}

fn name_of(message: &[u8], number: u64) -> Result<&[u8], String> {
    for field in Fields(message) {
        if let (n, Value::Bytes(name)) = field?
            && n == number
        {
            return Ok(name);
        }
    }
    Ok(&[])
}

fn outputs_of(node: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut names = Vec::new();
    for field in Fields(node) {
        if let (2, Value::Bytes(name)) = field?
            && !name.is_empty()
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whole numbers of a field that may be repeated or packed.
fn numbers_of(message: &[u8], number: u64) -> Result<Vec<u64>, String> {
    let mut numbers = Vec::new();
    for field in Fields(message) {
        match field? {
            (n, Value::Varint(value)) if n == number => numbers.push(value),
            (n, Value::Bytes(packed)) if n == number => {
                let mut packed = Fields(packed);
                while !packed.0.is_empty() {
                    numbers.push(packed.varint().ok_or("it is cut short or damaged")?);
                }
            }
            _ => {}
        }
    }
    Ok(numbers)
}

/// The sizes of a tensor's axes.
fn sizes_of(tensor: &[u8]) -> Result<Vec<u64>, String> {
    numbers_of(tensor, 1)
}

/// The whole numbers of an attribute.
fn ints_of(attribute: &[u8]) -> Result<Vec<u64>, String> {
    numbers_of(attribute, 8)
}

/// Is an attribute a list of nothing, which is as good as not given?
fn is_empty_attribute(attribute: &[u8]) -> Result<bool, String> {
    const LIST: u64 = 7;
    Ok(numbers_of(attribute, 20)? == [LIST] && ints_of(attribute)?.is_empty())
}

/// What a node itself reads, by place.
fn plain_inputs_of(node: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut names = Vec::new();
    for field in Fields(node) {
        if let (1, Value::Bytes(name)) = field? {
            names.push(name);
        }
    }
    Ok(names)
}

/// What a node reads, graphs within it (of `If` and `Loop`) included.
fn inputs_of<'a>(node: &'a [u8], depth: usize, names: &mut Vec<&'a [u8]>) -> Result<(), String> {
    if depth > DEEPEST {
        return Err("its graphs are nested too deeply".into());
    }
    for field in Fields(node) {
        match field? {
            (1, Value::Bytes(name)) => names.push(name),
            (5, Value::Bytes(attribute)) => {
                for field in Fields(attribute) {
                    if let (6 | 11, Value::Bytes(graph)) = field? {
                        for field in Fields(graph) {
                            match field? {
                                (NODE, Value::Bytes(node)) => inputs_of(node, depth + 1, names)?,
                                // An inner graph may hand on an outer value as it is.
                                (OUTPUT, Value::Bytes(port)) => names.push(name_of(port, 1)?),
                                _ => {}
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_integer_arithmetic(node: &[u8]) -> Result<bool, String> {
    let operator = name_of(node, 4)?;
    Ok([&b"DynamicQuantizeLinear"[..], b"QuantizeLinear", b"MatMulInteger", b"ConvInteger", b"QLinearMatMul"]
        .contains(&operator)
        || operator.starts_with(b"DynamicQuantize")
        || operator.starts_with(b"MatMulNBits"))
}

const CUBIC: &str = "rten computes its cubic interpolation as linear";
const SUPPRESSION: &str = "rten's NonMaxSuppression lets boxes of all classes compete";

const FLOOR: &str = "rten rounds its nearest_mode floor otherwise";
const SOFTMAX: &str = "rten takes its softmax of an operator set before 13 for one over a single axis";

/// The version of the operators without a domain.
fn opset_of(bytes: &[u8]) -> Result<u64, String> {
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

const LOWER: &str = "rten computes its auto_pad SAME_LOWER as SAME_UPPER";

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

struct Tensor<'a> {
    bytes: &'a [u8],
    name: &'a [u8],
    raw: Option<&'a [u8]>,
    is_external: bool,
    entries: Vec<&'a [u8]>,
}

impl<'a> Tensor<'a> {
    fn read(bytes: &'a [u8]) -> Result<Tensor<'a>, String> {
        let mut tensor = Tensor { bytes, name: &[], raw: None, is_external: false, entries: Vec::new() };
        for field in Fields(bytes) {
            match field? {
                (8, Value::Bytes(name)) => tensor.name = name,
                (RAW_DATA, Value::Bytes(raw)) => tensor.raw = Some(raw),
                (EXTERNAL_DATA, Value::Bytes(entry)) => tensor.entries.push(entry),
                (DATA_LOCATION, Value::Varint(location)) => tensor.is_external = location == 1,
                _ => {}
            }
        }
        Ok(tensor)
    }

    fn location(&self) -> Result<Option<Location>, String> {
        if !self.is_external {
            return Ok(None);
        }
        let mut at = Location { file: String::new(), offset: 0, length: None };
        for entry in &self.entries {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (key, value) = (name_of(entry, 1)?, text(name_of(entry, 2)?));
            let number = || value.parse::<u64>().map_err(|_| format!("`{value}` is no place in a file"));
            match key {
                b"location" => at.file = value,
                b"offset" => at.offset = number()?,
                b"length" => at.length = Some(number()?),
                _ => {}
            }
        }
        // A model must not reach files other than its own.
        let own = !at.file.is_empty() && !at.file.contains(['/', '\\']) && at.file != "..";
        if own { Ok(Some(at)) } else { Err(format!("its weights are said to be in `{}`, not beside it", at.file)) }
    }

    fn without_data(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for (number, value) in Fields(self.bytes).flatten() {
            if ![RAW_DATA, EXTERNAL_DATA, DATA_LOCATION].contains(&number) {
                put(&mut message, number, &value);
            }
        }
        message
    }
}

impl Port {
    fn read(bytes: &[u8]) -> Result<Port, String> {
        let name = String::from_utf8_lossy(name_of(bytes, 1)?).into_owned();
        let mut port = Port { name, kind: Kind::Other(None), shape: Vec::new() };
        // ValueInfoProto.type → TypeProto.tensor_type → its element type and its shape.
        for field in Fields(name_of(name_of(bytes, 2)?, 1)?) {
            match field? {
                (1, Value::Varint(kind)) => port.kind = Kind::of(kind),
                (2, Value::Bytes(shape)) => {
                    for dimension in Fields(shape) {
                        let (1, Value::Bytes(dimension)) = dimension? else { continue };
                        let mut size = None;
                        for field in Fields(dimension) {
                            if let (1, Value::Varint(n)) = field? {
                                size = usize::try_from(n).ok().filter(|&n| n > 0);
                            }
                        }
                        port.shape.push(size);
                    }
                }
                _ => {}
            }
        }
        Ok(port)
    }
}

/// A field's value, as the wire has it.
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
}

/// The fields of a message: (number, value).
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let (bytes, rest) = self.0.split_first_chunk::<8>()?;
                self.0 = rest;
                Value::Fixed64(*bytes)
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => {
                let (bytes, rest) = self.0.split_first_chunk::<4>()?;
                self.0 = rest;
                Value::Fixed32(*bytes)
            }
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| "it is cut short or damaged".into()))
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put(out: &mut Vec<u8>, number: u64, value: &Value) {
    let wire = match value {
        Value::Varint(_) => 0,
        Value::Fixed64(_) => 1,
        Value::Bytes(_) => 2,
        Value::Fixed32(_) => 5,
    };
    put_varint(out, number << 3 | wire);
    match value {
        Value::Varint(n) => put_varint(out, *n),
        Value::Fixed64(bytes) => out.extend_from_slice(bytes),
        Value::Fixed32(bytes) => out.extend_from_slice(bytes),
        Value::Bytes(bytes) => {
            put_varint(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let path = format!("{}/tests/data/models/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    #[test]
    fn the_ends_of_a_graph_are_read() {
        let graph = Graph::read(&fixture("clip_combined/onnx/model.onnx")).expect("a graph");
        let inputs: Vec<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(inputs, ["input_ids", "pixel_values", "attention_mask"]);
        assert_eq!(graph.output("image_embeds").expect("an output").shape, [None, Some(16)]);
        assert_eq!(graph.external.iter().collect::<Vec<_>>(), ["model.onnx_data"]);
        assert!(!graph.quantised && graph.not_for_rten.is_none());
        assert!(Graph::read(&fixture("clip_int8/onnx/text_model_quantized.onnx")).expect("a graph").quantised);
        assert!(Graph::read(&fixture("dinov2/onnx/model.onnx")).expect("a graph").not_for_rten.is_some());
        let half = Graph::read(&fixture("clip_fp16/onnx/vision_model_fp16.onnx")).expect("a graph");
        assert_eq!(half.inputs[0].kind, Kind::Float16);
    }

    #[test]
    fn one_tower_is_cut_out_of_two() {
        let model = fixture("clip_combined/onnx/model.onnx");
        let weights = fixture("clip_combined/onnx/model.onnx_data");
        let external = |name: &str| (name == "model.onnx_data").then_some(&weights[..]);
        let mut data = Vec::new();
        let image = extract(&model, "image_embeds", &external, "tower.onnx_data", &mut data).expect("a tower");
        let graph = Graph::read(&image).expect("a graph");
        assert_eq!(graph.inputs.len(), 1);
        assert_eq!(graph.outputs.len(), 1);
        assert!(data.len() < weights.len() * 2 / 3, "{} of {}", data.len(), weights.len());
        assert!(extract(&model, "nothing", &external, "d", &mut Vec::new()).is_err());
        let none = |_: &str| None;
        assert!(extract(&model, "image_embeds", &none, "d", &mut Vec::new()).is_err());
        let short = |_: &str| Some(&weights[..100]);
        assert!(extract(&model, "image_embeds", &short, "d", &mut Vec::new()).is_err());
    }

    #[test]
    fn a_value_inside_becomes_the_end() {
        let model = fixture("../yolo/columns.onnx");
        let inner = "/body/pool/MaxPool_output_0";
        assert!(Graph::read(&model).expect("a graph").output(inner).is_none());
        assert_eq!(value(&model, inner).expect("a model").expect("a value").name, inner);
        assert_eq!(value(&model, "output0").expect("a model").expect("a value").shape.len(), 3);
        assert_eq!(value(&model, "images").expect("a model"), None, "nothing computes an input");
        assert_eq!(values_like(&model, "MaxPool", 8), Ok(vec![inner.to_string()]));
        assert_eq!(values_like(&model, "", 2).expect("a model").len(), 2);
        let cut = extract(&model, inner, &|_| None, "d", &mut Vec::new()).expect("a part");
        let graph = Graph::read(&cut).expect("a graph");
        let outputs: Vec<&str> = graph.outputs.iter().map(|port| port.name.as_str()).collect();
        assert_eq!(outputs, [inner]);
        assert!(cut.len() < model.len());
    }

    #[test]
    fn what_matters_of_a_graph_is_found_in_it() {
        let ends = |file: &str, output: &str| ending(&fixture(file), output).expect("a model");
        assert_eq!(ends("../yolo/middle.onnx", "output0"), Ending::Softmax);
        assert_eq!(ends("../yolo/plain/model.onnx", "logits"), Ending::Other);
        assert_eq!(ends("../yolo/plain/model.onnx", "nothing"), Ending::Other);
        assert!(Graph::read(&fixture("../yolo/border.onnx")).expect("a graph").pads_a_pool);
        let graph = Graph::read(&fixture("../yolo/columns.onnx")).expect("a graph");
        assert!(!graph.pads_a_pool);
        assert_eq!(graph.metadata.get("task").map(String::as_str), Some("detect"));
    }

    #[test]
    fn damaged_models_are_errors_or_models() {
        let model = fixture("openclip/visual.onnx");
        for end in (0..model.len()).step_by(97) {
            let _ = Graph::read(&model[..end]);
            let _ = ending(&model[..end], "output");
            let _ = value(&model[..end], "output");
            let _ = values_like(&model[..end], "", 9);
            let _ = extract(&model[..end], "output", &|_| None, "d", &mut Vec::new());
        }
        let mut state = 1u64;
        for _ in 0..2000 {
            let mut bytes = model.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 20) as u8;
            }
            let _ = Graph::read(&bytes);
        }
    }

    #[test]
    fn weights_outside_the_folder_are_refused() {
        for place in ["/etc/passwd", "../secret", "..", "a/b", "a\\b", ""] {
            let mut entry = Vec::new();
            put(&mut entry, 1, &Value::Bytes(b"location"));
            put(&mut entry, 2, &Value::Bytes(place.as_bytes()));
            let mut tensor = Vec::new();
            put(&mut tensor, EXTERNAL_DATA, &Value::Bytes(&entry));
            put(&mut tensor, DATA_LOCATION, &Value::Varint(1));
            assert!(Tensor::read(&tensor).expect("a tensor").location().is_err(), "{place}");
        }
    }
}
