//! A model whose sizes are left to the caller, with numbers for them.

use std::collections::HashMap;

use super::proto::{GRAPH, INPUT, OUTPUT, VALUE_INFO, graph_of};
use super::wire::{Fields, Value, name_of, put};

/// The model with its input of these sizes, as toolchains of devices want it: a size that had a name has its number at
/// the outputs too, and at values inside where the graph says their shapes; of those that have other names besides
/// nothing is said any more.
///
/// # Errors
/// The bytes are no ONNX model, or its input has another number of axes.
pub(crate) fn with_shape(bytes: &[u8], input: &str, sizes: &[usize]) -> Result<Vec<u8>, String> {
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
pub(crate) fn inner_shapes(bytes: &[u8]) -> Result<usize, String> {
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
