//! The values inside a graph: which there are, and what the operators before one make of it.

use std::collections::HashMap;

use super::port::{Kind, Port};
use super::proto::{NODE, OUTPUT, VALUE_INFO, graph_of, outputs_of, plain_inputs_of};
use super::wire::{Fields, Value, name_of};

/// A value inside a graph or at its end, as far as the graph tells its type and its shape; `None` where nothing
/// computes a value of this name.
///
/// # Errors
/// The bytes are no ONNX model.
pub(crate) fn value(bytes: &[u8], name: &str) -> Result<Option<Port>, String> {
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

/// Names of values that a graph computes and that contain this text, at most so many, the last first: what is near the
/// end is what people look for.
///
/// # Errors
/// The bytes are no ONNX model.
pub(crate) fn values_like(bytes: &[u8], text: &str, most: usize) -> Result<Vec<String>, String> {
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
pub(crate) enum Ending {
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
pub(crate) fn ending(bytes: &[u8], output: &str) -> Result<Ending, String> {
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
