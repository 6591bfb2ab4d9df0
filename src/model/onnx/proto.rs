//! The few fields of onnx.proto that matter here: of models, graphs, nodes and attributes.

use super::wire::{Fields, Value, numbers_of};

// Numbers of fields in onnx.proto.
pub(super) const GRAPH: u64 = 7;
pub(super) const METADATA: u64 = 14;
pub(super) const NODE: u64 = 1;
pub(super) const INITIALIZER: u64 = 5;
pub(super) const INPUT: u64 = 11;
pub(super) const OUTPUT: u64 = 12;
pub(super) const VALUE_INFO: u64 = 13;
pub(super) const RAW_DATA: u64 = 9;
pub(super) const EXTERNAL_DATA: u64 = 13;
pub(super) const DATA_LOCATION: u64 = 14;

pub(super) fn graph_of(bytes: &[u8]) -> Result<&[u8], String> {
    let mut graph = None;
    for field in Fields(bytes) {
        if let (GRAPH, Value::Bytes(bytes)) = field.map_err(|e| format!("not an ONNX model: {e}"))? {
            graph = Some(bytes);
        }
    }
    graph.ok_or_else(|| "not an ONNX model: it has no graph".into())
}

pub(super) fn outputs_of(node: &[u8]) -> Result<Vec<&[u8]>, String> {
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

/// The sizes of a tensor's axes.
pub(super) fn sizes_of(tensor: &[u8]) -> Result<Vec<u64>, String> {
    numbers_of(tensor, 1)
}

/// The whole numbers of an attribute.
pub(super) fn ints_of(attribute: &[u8]) -> Result<Vec<u64>, String> {
    numbers_of(attribute, 8)
}

/// Is an attribute a list of nothing, which is as good as not given?
pub(super) fn is_empty_attribute(attribute: &[u8]) -> Result<bool, String> {
    const LIST: u64 = 7;
    Ok(numbers_of(attribute, 20)? == [LIST] && ints_of(attribute)?.is_empty())
}

/// What a node itself reads, by place.
pub(super) fn plain_inputs_of(node: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut names = Vec::new();
    for field in Fields(node) {
        if let (1, Value::Bytes(name)) = field? {
            names.push(name);
        }
    }
    Ok(names)
}
