//! OpenCLIP's layout (`visual.onnx`, `textual.onnx`), and immich's, which is the same in folders of its own.

use std::path::Path;

use serde_json::Value;

use super::{Found, Part, Vocabulary, Words, check_size, graph, one_dimension, pad_token, part, size};
use crate::image::Middle;
use crate::model::configuration::json;
use crate::model::engine::Role;
use crate::model::processor;
use crate::model::tokenizer::{Cleaning, Length};

/// Where a folder of OpenCLIP's towers keeps what.
pub(super) struct Places {
    kind: &'static str,
    visual: &'static str,
    textual: &'static str,
    config: &'static str,
    /// How pictures are prepared, where a file of its own says it.
    pictures: Option<&'static str>,
    tokenizer: &'static str,
    /// Of an odd number of pixels that is left over; immich has a way of its own.
    middle: Middle,
}

pub(super) const OPEN_CLIP: Places = Places {
    kind: "OpenCLIP ONNX",
    visual: "visual.onnx",
    textual: "textual.onnx",
    config: "open_clip_config.json",
    pictures: None,
    tokenizer: "",
    middle: Middle::Even,
};

pub(super) const IMMICH: Places = Places {
    kind: "immich ONNX",
    visual: "visual/model.onnx",
    textual: "textual/model.onnx",
    config: "config.json",
    pictures: Some("visual/preprocess_cfg.json"),
    tokenizer: "textual/",
    middle: Middle::Down,
};

pub(super) fn open_clip(folder: &Path, variant: Option<&str>, places: &Places) -> Result<Found, String> {
    if let Some(wanted) = variant.filter(|wanted| *wanted != "fp32") {
        return Err(format!("has no {wanted} variant"));
    }
    let config = json(folder, places.config)?.unwrap_or_default();
    // immich's files have the model's part alone, or what OpenCLIP has.
    let model = config.get("model_cfg").unwrap_or(&config);
    let at = |path: &str| model.pointer(path).filter(|value| !value.is_null());
    let (mut quantised, mut by_batch) = (false, false);
    let mut tower = |file: &str, role: Role| -> Result<Option<Part>, String> {
        if !folder.join(file).is_file() {
            return Ok(None);
        }
        let graph = graph(folder, Path::new(file))?;
        quantised |= graph.quantised;
        by_batch |= graph.by_batch;
        let part = part(Path::new(file), &graph, role)?;
        part.map(Some).ok_or_else(|| format!("{file}: has no input of the kind that such a tower has"))
    };
    let vision = tower(places.visual, Role::Pixels)?;
    let text = tower(places.textual, Role::Ids)?;
    let told = at("/embed_dim").and_then(size);
    let widths = [&vision, &text].into_iter().flatten();
    let dimension = one_dimension(widths.map(|part| part.output.shape.last().copied().flatten().or(told)))?;
    let image = match vision {
        None => None,
        Some(part) => {
            let own = places.pictures.map(|file| json(folder, file)).transpose()?.flatten();
            let (file, pictures) = match (own, places.pictures) {
                (Some(pictures), Some(file)) => (file, pictures),
                _ => (places.config, config.get("preprocess_cfg").cloned().unwrap_or_default()),
            };
            let fail = |problem: String| format!("{file}: {problem}");
            let sides = part.form.sides(&part.input).map(|side| side.and_then(|side| u32::try_from(side).ok()));
            let told = at("/vision_cfg/image_size").map(|size| processor::frame("image_size", size).map_err(fail));
            let preprocess =
                processor::open_clip(&pictures, told.transpose()?.or(sides[0].zip(sides[1])), places.middle)
                    .map_err(fail)?;
            check_size(&preprocess, &part)?;
            Some((part, preprocess))
        }
    };
    let text = match text {
        None => None,
        Some(part) => {
            let fixed = part.input.shape.get(1).copied().flatten();
            let most = fixed.or(at("/text_cfg/context_length").and_then(size)).unwrap_or(77);
            let clean = at("/text_cfg/tokenizer_kwargs/clean").and_then(Value::as_str);
            // immich's tokenizers are all Hugging Face's.
            let own = at("/text_cfg/hf_tokenizer_name").is_some() || places.kind == IMMICH.kind;
            let cleaning = match clean.unwrap_or(if own { "whitespace" } else { "lower" }) {
                "lower" => Cleaning::Lower,
                "whitespace" => Cleaning::Whitespace,
                "canonicalize" => Cleaning::Canonical,
                other => return Err(format!("{}: clean `{other}` is not known", places.config)),
            };
            let merges = ["", "tokenizer/", "../tokenizer/"].map(|at| format!("{at}bpe_simple_vocab_16e6.txt.gz"));
            let merges = merges.iter().find(|file| folder.join(file).is_file());
            let tokenizer = format!("{}tokenizer.json", places.tokenizer);
            let json = folder.join(&tokenizer).is_file();
            let (vocabulary, file) = match (own || merges.is_none(), json, merges) {
                (true, true, _) => (Vocabulary::Json, tokenizer.into()),
                (false, _, Some(merges)) => (Vocabulary::Merges, merges.into()),
                (true, false, _) if own => return Err(format!("{tokenizer} is missing, which its text tower needs")),
                _ => return Err("bpe_simple_vocab_16e6.txt.gz is missing, which its text tower needs".into()),
            };
            let pad = pad_token(&folder.join(places.tokenizer))?;
            let padding = (vocabulary == Vocabulary::Merges).then_some(0);
            let length = Length { most, padded: true, padding };
            Some((part, Words { vocabulary, file, cleaning, length, pad, corrects_spelling: false }))
        }
    };
    let variants = vec!["fp32"];
    Ok(Found { kind: places.kind, dimension, image, text, quantised, by_batch, variants, license: None })
}
