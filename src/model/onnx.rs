//! What an ONNX file says of itself, read without its weights; and the part of it that one output needs, written so
//! that the weights can be mapped.
//!
//! Hides: protocol buffers (the wire format and the few fields of onnx.proto that matter here). Promises: whatever the
//! bytes are, a result or an error; nothing is read outside the bytes.

mod defaults;
mod extract;
mod graph;
mod port;
mod proto;
mod quantise;
mod shape;
mod tensor;
mod values;
mod wire;

pub(super) use extract::extract;
pub(super) use graph::Graph;
pub(super) use port::{Kind, Port};
pub use quantise::Scales;
pub(super) use quantise::{Layer, RANGES, Weights, layers, quantised, weights, with_ranges};
pub(super) use shape::{inner_shapes, with_shape};
pub(super) use values::{Ending, ending, value, values_like};

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
}
