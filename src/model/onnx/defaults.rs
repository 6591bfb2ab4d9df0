//! What the specification lets a node leave out and rten 0.27 wants to be told, written out: the strides, borders and
//! dilations of convolutions and pools; and names, which errors are told by.

use std::collections::HashMap;

use super::proto::{INITIALIZER, NODE, graph_of, ints_of, is_empty_attribute, outputs_of, plain_inputs_of, sizes_of};
use super::wire::{Fields, Value, name_of, put};

const NAME: u64 = 3;
const ATTRIBUTE: u64 = 5;
/// A list of whole numbers in `AttributeProto.AttributeType`.
const INTS: u64 = 7;

/// A convolution's weights are not behind more operators that leave their shape as it is.
const MOST_STEPS: usize = 8;

/// What is known of a graph's values: the sizes of weights, and where a value comes from that has the sizes of another.
pub(super) struct Shapes<'a> {
    sizes: HashMap<&'a [u8], Vec<u64>>,
    like: HashMap<&'a [u8], &'a [u8]>,
}

impl<'a> Shapes<'a> {
    /// Of the weights of a model.
    ///
    /// # Errors
    /// The bytes are no ONNX model.
    pub(super) fn of(model: &'a [u8]) -> Result<Shapes<'a>, String> {
        let mut shapes = Shapes { sizes: HashMap::new(), like: HashMap::new() };
        for field in Fields(graph_of(model)?) {
            match field? {
                (INITIALIZER, Value::Bytes(tensor)) => {
                    shapes.sizes.insert(name_of(tensor, 8)?, sizes_of(tensor)?);
                }
                (NODE, Value::Bytes(node)) => {
                    let outputs = outputs_of(node)?;
                    let Some(&output) = outputs.first() else { continue };
                    match (name_of(node, 4)?, plain_inputs_of(node)?.first()) {
                        (b"Constant", _) => {
                            // An attribute's tensor.
                            let tensor = name_of(name_of(node, ATTRIBUTE)?, 5)?;
                            shapes.sizes.insert(output, sizes_of(tensor)?);
                        }
                        (b"Identity" | b"Cast" | b"DequantizeLinear" | b"QuantizeLinear", Some(&input)) => {
                            shapes.like.insert(output, input);
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        Ok(shapes)
    }

    fn get(&self, mut name: &'a [u8]) -> Option<&[u64]> {
        for _ in 0..MOST_STEPS {
            match self.sizes.get(name) {
                Some(sizes) => return Some(sizes),
                None => name = self.like.get(name)?,
            }
        }
        None
    }
}

/// A node with all that it may leave out.
///
/// # Errors
/// The bytes are no node.
pub(super) fn completed<'a>(node: &'a [u8], shapes: &Shapes<'a>) -> Result<Vec<u8>, String> {
    let operator = name_of(node, 4)?;
    let mut given = Vec::new();
    let mut pads_itself = false;
    let mut kernel = None;
    let mut out = Vec::with_capacity(node.len() + 64);
    for field in Fields(node) {
        match field? {
            (ATTRIBUTE, Value::Bytes(attribute)) => {
                let name = name_of(attribute, 1)?;
                if is_a_window(operator) && name != b"auto_pad" && is_empty_attribute(attribute)? {
                    continue;
                }
                match name {
                    b"auto_pad" => pads_itself = name_of(attribute, 4)? != b"NOTSET",
                    b"kernel_shape" => kernel = Some(ints_of(attribute)?),
                    _ => {}
                }
                given.push(name);
                put(&mut out, ATTRIBUTE, &Value::Bytes(attribute));
            }
            (NAME, Value::Bytes(b"")) => {}
            (number, value) => put(&mut out, number, &value),
        }
    }
    if name_of(node, NAME)?.is_empty() {
        let outputs = outputs_of(node)?;
        let made = outputs.first().copied().unwrap_or_default();
        let name = [operator, b" giving ", made].concat();
        put(&mut out, NAME, &Value::Bytes(&name));
    }
    if !is_a_window(operator) {
        return Ok(out);
    }
    let place = if operator == b"QLinearConv" { 3 } else { 1 };
    let inputs = plain_inputs_of(node)?;
    let weights = inputs.get(place).and_then(|weights| shapes.get(weights));
    let kernel = match (kernel, weights) {
        (Some(kernel), _) => kernel,
        (None, Some([_, _, kernel @ ..])) if !is_a_pool(operator) => kernel.to_vec(),
        // Nothing tells: the engine may know.
        _ => return Ok(out),
    };
    let axes = kernel.len();
    for (name, numbers) in [
        ("kernel_shape", kernel),
        ("strides", vec![1; axes]),
        ("dilations", vec![1; axes]),
        ("pads", vec![0; 2 * axes]),
    ] {
        // Not every pool has dilations, and none needs to be told of them.
        let has_none = (name == "dilations" && is_a_pool(operator)) || (name == "pads" && pads_itself);
        if has_none || given.contains(&name.as_bytes()) {
            continue;
        }
        let mut attribute = Vec::new();
        put(&mut attribute, 1, &Value::Bytes(name.as_bytes()));
        numbers.iter().for_each(|number| put(&mut attribute, 8, &Value::Varint(*number)));
        put(&mut attribute, 20, &Value::Varint(INTS));
        put(&mut out, ATTRIBUTE, &Value::Bytes(&attribute));
    }
    Ok(out)
}

fn is_a_pool(operator: &[u8]) -> bool {
    matches!(operator, b"MaxPool" | b"AveragePool" | b"LpPool")
}

/// Operators that look at a picture through a window.
fn is_a_window(operator: &[u8]) -> bool {
    is_a_pool(operator) || matches!(operator, b"Conv" | b"ConvTranspose" | b"ConvInteger" | b"QLinearConv")
}
