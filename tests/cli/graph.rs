//! Small ONNX files, written by hand: what the specification allows and exporters seldom write.

/// An attribute of a node.
pub enum Attribute {
    Int(i64),
    Ints(&'static [i64]),
}

pub const FLOAT: u64 = 1;
pub const UINT8: u64 = 2;
pub const INT64: u64 = 7;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

pub fn node(operator: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, Attribute)]) -> Vec<u8> {
    let mut node = Vec::new();
    inputs.iter().for_each(|input| bytes(&mut node, 1, input.as_bytes()));
    outputs.iter().for_each(|output| bytes(&mut node, 2, output.as_bytes()));
    bytes(&mut node, 4, operator.as_bytes());
    for (name, value) in attributes {
        let mut own = Vec::new();
        bytes(&mut own, 1, name.as_bytes());
        match value {
            Attribute::Int(value) => {
                number(&mut own, 3, *value as u64);
                number(&mut own, 20, 2);
            }
            Attribute::Ints(values) => {
                values.iter().for_each(|value| number(&mut own, 8, *value as u64));
                number(&mut own, 20, 7);
            }
        }
        bytes(&mut node, 5, &own);
    }
    node
}

/// A weight of whole numbers.
pub fn ints(name: &str, sizes: &[u64], values: &[i64]) -> Vec<u8> {
    tensor(name, INT64, sizes, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A weight.
pub fn floats(name: &str, sizes: &[u64], values: &[f32]) -> Vec<u8> {
    tensor(name, FLOAT, sizes, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn tensor(name: &str, kind: u64, sizes: &[u64], raw: Vec<u8>) -> Vec<u8> {
    let mut tensor = Vec::new();
    sizes.iter().for_each(|size| number(&mut tensor, 1, *size));
    number(&mut tensor, 2, kind);
    bytes(&mut tensor, 8, name.as_bytes());
    bytes(&mut tensor, 9, &raw);
    tensor
}

/// A weight that is in a file beside the model.
pub fn elsewhere(name: &str, sizes: &[u64], file: &str) -> Vec<u8> {
    let mut tensor = Vec::new();
    sizes.iter().for_each(|size| number(&mut tensor, 1, *size));
    number(&mut tensor, 2, FLOAT);
    bytes(&mut tensor, 8, name.as_bytes());
    let mut entry = Vec::new();
    bytes(&mut entry, 1, b"location");
    bytes(&mut entry, 2, file.as_bytes());
    bytes(&mut tensor, 13, &entry);
    number(&mut tensor, 14, 1);
    tensor
}

/// An input or output; a size of 0 is left open.
pub fn port(name: &str, kind: u64, sizes: &[u64]) -> Vec<u8> {
    let mut shape = Vec::new();
    for size in sizes {
        let mut own = Vec::new();
        match size {
            0 => bytes(&mut own, 2, b"N"),
            size => number(&mut own, 1, *size),
        }
        bytes(&mut shape, 1, &own);
    }
    let (mut of, mut what, mut port) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut of, 1, kind);
    bytes(&mut of, 2, &shape);
    bytes(&mut what, 1, &of);
    bytes(&mut port, 1, name.as_bytes());
    bytes(&mut port, 2, &what);
    port
}

/// A model of operator set 17.
pub fn model(nodes: &[Vec<u8>], weights: &[Vec<u8>], input: Vec<u8>, outputs: &[Vec<u8>]) -> Vec<u8> {
    let mut graph = Vec::new();
    nodes.iter().for_each(|node| bytes(&mut graph, 1, node));
    bytes(&mut graph, 2, b"graph");
    weights.iter().for_each(|weight| bytes(&mut graph, 5, weight));
    bytes(&mut graph, 11, &input);
    outputs.iter().for_each(|output| bytes(&mut graph, 12, output));
    let (mut model, mut operators) = (Vec::new(), Vec::new());
    number(&mut model, 1, 8);
    bytes(&mut model, 7, &graph);
    number(&mut operators, 2, 17);
    bytes(&mut model, 8, &operators);
    model
}
