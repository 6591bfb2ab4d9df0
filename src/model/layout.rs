//! Models as they are published: what is in a folder, read from its files and never assumed.
//!
//! Four layouts are known, by their files: Hugging Face's (Optimum's `onnx/…` with `preprocessor_config.json` and
//! `tokenizer.json`), OpenCLIP's (`visual.onnx`, `textual.onnx`), immich's (`visual/model.onnx`, `textual/model.onnx`),
//! and this project's own (`model.json`), which [`super::own`] reads.

mod hugging_face;
mod open_clip;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::configuration::json;
use super::engine::{Ends, Role};
use super::onnx::{Graph, Kind, Port};
use super::preprocess::{Form, Preprocess};
use super::tokenizer::{Cleaning, Length};
use crate::io::map;
use hugging_face::hugging_face;
use open_clip::{IMMICH, OPEN_CLIP, open_clip};

/// What says that a folder is an adapter, of which base, and how it was learnt.
pub(super) const ADAPTER: &str = "adapter.json";

/// Whether a folder is an adapter, or was to be one.
pub fn is_adapter(folder: &Path) -> bool {
    folder.join(ADAPTER).is_file()
}

/// A tower as it is found: a file, and what matters of its graph.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Relative to the model's folder.
    pub file: PathBuf,
    pub ends: Ends,
    /// The input of pixels or of ids.
    pub input: Port,
    /// How it takes pixels.
    pub form: Form,
    /// The output that holds the vectors.
    pub output: Port,
    /// Does the graph compute other things as well, from inputs that this tower does not have?
    pub shared: bool,
    /// Files beside it that hold its weights.
    pub external: Vec<String>,
    /// Does it compute with 8-bit integers?
    pub quantised: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// `vocab.txt`, of this project's models
    WordPiece,
    /// `tokenizer.json`
    Json,
    /// `bpe_simple_vocab_16e6.txt.gz`
    Merges,
}

/// From text to numbers.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub vocabulary: Vocabulary,
    pub file: PathBuf,
    pub cleaning: Cleaning,
    pub length: Length,
    /// Name of the padding token.
    pub pad: Option<String>,
    /// Are unknown words better read as the known words that they are slips of?
    pub corrects_spelling: bool,
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.vocabulary {
            Vocabulary::WordPiece => "WordPiece",
            Vocabulary::Json => "tokenizer.json",
            Vocabulary::Merges => "CLIP's byte pairs",
        };
        write!(f, "{name}, up to {} tokens", self.length.most)
    }
}

/// What is in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub kind: &'static str,
    pub dimension: usize,
    pub image: Option<(Part, Preprocess)>,
    pub text: Option<(Part, Words)>,
    /// Does it compute with 8-bit integers?
    pub quantised: bool,
    /// Is the scale of those found out anew for each batch?
    pub by_batch: bool,
    /// The kinds of numbers that its weights are there in: fp32, fp16, int8.
    pub variants: Vec<&'static str>,
    pub license: Option<String>,
}

/// What a variant's files are called, and what is added to their names.
pub(super) const VARIANTS: [(&str, &[&str]); 3] =
    [("fp32", &[""]), ("fp16", &["_fp16"]), ("int8", &["_quantized", "_int8", "_uint8"])];

/// The kind of this project's models.
pub(super) const OWN: &str = "pokedex";

/// What was looked for, for messages.
const LOOKED_FOR: &str = "model.json and adapter.json (this program's own), onnx/vision_model.onnx, onnx/text_model.onnx or \
    onnx/model.onnx with preprocessor_config.json and tokenizer.json (Hugging Face), visual.onnx and textual.onnx with \
    bpe_simple_vocab_16e6.txt.gz (OpenCLIP), visual/model.onnx and textual/model.onnx (immich)";

/// Whether one of the names ends in a variant, as in `clip:int8`, and which.
pub(super) fn split_variant(name: &str) -> (&str, Option<&'static str>) {
    for (variant, _) in VARIANTS {
        if let Some(rest) = name.strip_suffix(variant).and_then(|rest| rest.strip_suffix(':')) {
            return (rest, Some(variant));
        }
    }
    (name, None)
}

/// Recognises what is in a folder; of several variants the one that is asked for, else the most exact.
///
/// # Errors
/// It is none of the layouts, lacks a file, or a file says what this program cannot do.
pub(super) fn recognise(folder: &Path, variant: Option<&str>) -> Result<Found, String> {
    let exists = |file: &str| folder.join(file).is_file();
    if exists("visual.onnx") || exists("textual.onnx") {
        return open_clip(folder, variant, &OPEN_CLIP);
    }
    if exists("visual/model.onnx") || exists("textual/model.onnx") {
        return open_clip(folder, variant, &IMMICH);
    }
    let mut variants = Vec::new();
    let mut chosen = None;
    for (name, suffixes) in VARIANTS {
        for suffix in suffixes {
            for place in ["onnx/", ""] {
                let file = |stem: &str| format!("{place}{stem}{suffix}.onnx");
                let stems = ["vision_model", "text_model", "model"];
                if !stems.iter().any(|stem| exists(&file(stem))) || variants.contains(&name) {
                    continue;
                }
                variants.push(name);
                if chosen.is_none() && variant.is_none_or(|wanted| wanted == name) {
                    chosen = Some(stems.map(|stem| exists(&file(stem)).then(|| PathBuf::from(file(stem)))));
                }
            }
        }
    }
    match (chosen, variant) {
        (Some(files), _) => hugging_face(folder, files, variants),
        (None, Some(wanted)) if !variants.is_empty() => {
            Err(format!("has no {wanted} variant; it has {}", variants.join(", ")))
        }
        _ => Err(format!("it holds none of {LOOKED_FOR}")),
    }
}

/// Reads a graph's ends.
fn graph(folder: &Path, file: &Path) -> Result<Graph, String> {
    let name = file.display();
    let bytes = map(&folder.join(file)).map_err(|e| format!("{name}: {e}"))?;
    Graph::read(&bytes).map_err(|e| format!("{name}: {e}"))
}

/// What outputs that are the vector of a picture are called, the better ones first.
pub(super) const IMAGE_VECTORS: [&str; 5] =
    ["image_embeds", "pooler_output", "image_features", "output", "last_hidden_state"];

/// The tower in a graph that reads pixels or tokens, and the output that is its vector.
fn part(file: &Path, graph: &Graph, role: Role) -> Result<Option<Part>, String> {
    let mut inputs = Vec::new();
    for input in &graph.inputs {
        let own = match (input.name.as_str(), input.shape.len()) {
            (_, 4) => Role::Pixels,
            ("pixel_values", axes) => {
                return Err(format!("{}: its input `pixel_values` has {axes} axes", file.display()));
            }
            ("attention_mask", 2) => Role::Mask,
            ("token_type_ids", 2) => Role::Types,
            ("input_ids" | "input" | "text" | "tokens", 2) => Role::Ids,
            _ if graph.inputs.len() == 1 && input.shape.len() == 2 => Role::Ids,
            (name, _) => return Err(format!("{}: its input `{name}` is not known", file.display())),
        };
        inputs.push((input.name.clone(), own, input.kind));
    }
    let all = inputs.len();
    inputs.retain(|(_, own, _)| (*own == Role::Pixels) == (role == Role::Pixels));
    let Some((name, ..)) = inputs.iter().find(|(_, own, _)| *own == role) else {
        return Ok(None);
    };
    let input = graph.inputs.iter().find(|input| input.name == *name).expect("it was just found there").clone();
    let shared = inputs.len() < all;
    let names: &[&str] = match role {
        Role::Pixels => &IMAGE_VECTORS,
        _ => &["text_embeds", "pooler_output", "text_features", "sentence_embedding", "output", "last_hidden_state"],
    };
    let named = names.iter().find_map(|name| graph.output(name));
    let only = || graph.outputs.first().filter(|_| graph.outputs.len() == 1);
    let output = named.or_else(only).ok_or_else(|| {
        let there: Vec<&str> = graph.outputs.iter().map(|o| o.name.as_str()).collect();
        format!("{}: none of its outputs ({}) is known to be a vector", file.display(), there.join(", "))
    })?;
    let (needs_ort, keeps_borders) = (graph.not_for_rten, graph.pads_a_pool);
    let ends = Ends { inputs, output: output.name.clone(), needs_ort, keeps_borders };
    let external = graph.external.iter().cloned().collect();
    let form = match role {
        Role::Pixels => Form::of(&input).map_err(|problem| format!("{}: {problem}", file.display()))?,
        _ => Form::USUAL,
    };
    let (output, quantised) = (output.clone(), graph.quantised);
    Ok(Some(Part { file: file.into(), ends, input, form, output, shared, external, quantised }))
}

fn one_dimension(widths: impl Iterator<Item = Option<usize>>) -> Result<usize, String> {
    let widths: Vec<usize> = widths.flatten().collect();
    match widths.as_slice() {
        [] => Err("neither its graph nor a configuration file tells how long its vectors are".into()),
        [first, rest @ ..] if rest.iter().all(|width| width == first) => match *first {
            1..=65536 => Ok(*first),
            _ => Err(format!("dimension {first} is out of range")),
        },
        widths => {
            let (image, text) = (widths[0], widths[widths.len() - 1]);
            Err(format!("its towers give vectors of {image} and of {text} numbers, which cannot be compared"))
        }
    }
}

/// Whether what pictures become is what the graph takes.
pub(super) fn check_size(preprocess: &Preprocess, part: &Part) -> Result<(), String> {
    let said = [preprocess.height as usize, preprocess.width as usize];
    let fits =
        part.form.sides(&part.input).iter().zip(said).all(|(wanted, said)| wanted.is_none_or(|wanted| wanted == said));
    if !fits {
        return Err(format!("its preprocessing gives {} x {} pixels, which its graph does not take", said[1], said[0]));
    }
    let is_whole = preprocess.factor == 1.0 && preprocess.mean == [0.0; 3] && preprocess.std == [1.0; 3];
    match part.input.kind == Kind::UInt8 && !is_whole {
        true => Err("its preprocessing gives fractions, and its input takes whole numbers (uint8)".into()),
        false => Ok(()),
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0)
}

fn pad_token(folder: &Path) -> Result<Option<String>, String> {
    let told = json(folder, "tokenizer_config.json")?.unwrap_or_default();
    let token = told.get("pad_token").map(|token| token.get("content").unwrap_or(token));
    Ok(token.and_then(Value::as_str).map(String::from))
}
