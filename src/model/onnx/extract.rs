//! The part of a model that one output needs, its weights in a file of their own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};

use super::defaults;
use super::proto::{
    DATA_LOCATION, EXTERNAL_DATA, GRAPH, INITIALIZER, INPUT, NODE, OUTPUT, RAW_DATA, VALUE_INFO, graph_of, outputs_of,
};
use super::tensor::Tensor;
use super::wire::{Fields, Value, name_of, put};

/// Writes what `output`, which may be a value inside the graph, needs of a model: a graph without weights, and the
/// weights one after the other, each at a multiple of 64 bytes in a file that the graph calls `data_name`. `external`
/// gives the bytes of a file that the model itself keeps weights in.
///
/// # Errors
/// The bytes are no ONNX model, have no such output, or a file cannot be written.
pub(crate) fn extract<'a>(
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

/// Graphs within graphs deeper than this are no towers.
const DEEPEST: usize = 16;

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
