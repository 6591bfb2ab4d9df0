//! Hugging Face's layout: Optimum's `onnx/…` with `config.json`, `preprocessor_config.json` and `tokenizer.json`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Found, Part, Vocabulary, Words, check_size, graph, one_dimension, pad_token, part, size};
use crate::model::configuration::json;
use crate::model::engine::Role;
use crate::model::onnx::Port;
use crate::model::processor::preprocessor;
use crate::model::tokenizer::{Cleaning, Length};

pub(super) fn hugging_face(
    folder: &Path,
    [vision, text, both]: [Option<PathBuf>; 3],
    variants: Vec<&'static str>,
) -> Result<Found, String> {
    let config = json(folder, "config.json")?.unwrap_or_default();
    let (mut quantised, mut by_batch) = (false, false);
    let mut tower = |file: &Option<PathBuf>, role: Role| -> Result<Option<Part>, String> {
        let Some(file) = file.as_ref().or(both.as_ref()) else { return Ok(None) };
        let graph = graph(folder, file)?;
        let found = part(file, &graph, role)?;
        quantised |= found.is_some() && graph.quantised;
        by_batch |= found.is_some() && graph.by_batch;
        Ok(found)
    };
    let vision = tower(&vision, Role::Pixels)?;
    let text = tower(&text, Role::Ids)?;
    if vision.is_none() && text.is_none() {
        return Err("its graph has neither an input of pixels [batch, 3, height, width] nor one of tokens".into());
    }
    let width = |part: &Option<Part>, role| part.as_ref().map(|part| width_of(&part.output, &config, role));
    let dimension = one_dimension(width(&vision, Role::Pixels).into_iter().chain(width(&text, Role::Ids)))?;
    let image = vision.map(|part| {
        let preprocess = preprocessor(folder, &config)?;
        check_size(&preprocess, &part)?;
        Ok::<_, String>((part, preprocess))
    });
    let text = text.map(|part| {
        let words = words(folder, &config, &part.input)?;
        Ok::<_, String>((part, words))
    });
    let (image, text) = (image.transpose()?, text.transpose()?);
    Ok(Found { kind: "Hugging Face ONNX", dimension, image, text, quantised, by_batch, variants, license: None })
}

/// The length of a tower's vectors: as the graph says, else as `config.json` says.
fn width_of(output: &Port, config: &Value, role: Role) -> Option<usize> {
    let tower = if role == Role::Pixels { "/vision_config/hidden_size" } else { "/text_config/hidden_size" };
    let pooled = ["pooler_output", "last_hidden_state"].contains(&output.name.as_str());
    let told =
        if pooled { config.pointer(tower).or_else(|| config.get("hidden_size")) } else { config.get("projection_dim") };
    output.shape.last().copied().flatten().or(told.and_then(size))
}

/// How texts become tokens, from `tokenizer.json`, `tokenizer_config.json` and `config.json`.
fn words(folder: &Path, config: &Value, input: &Port) -> Result<Words, String> {
    let file = PathBuf::from("tokenizer.json");
    if !folder.join(&file).is_file() {
        return Err("tokenizer.json is missing, which its text tower needs".into());
    }
    let told = json(folder, "tokenizer_config.json")?.unwrap_or_default();
    // Tokenizers without a limit say 10^30.
    let limit = told.get("model_max_length").and_then(size).filter(|&n| n < 1 << 20);
    let positions = config.pointer("/text_config/max_position_embeddings").or(config.get("max_position_embeddings"));
    let fixed = input.shape.get(1).copied().flatten();
    let most = [limit, positions.and_then(size), fixed].into_iter().flatten().min();
    let most = most.ok_or("neither tokenizer_config.json nor config.json tells how long a text may be")?;
    // SigLIP's text tower has no mask, and was trained on texts of full length.
    let siglip = config.get("model_type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("siglip"));
    let length = Length { most: fixed.unwrap_or(most), padded: siglip || fixed.is_some(), padding: None };
    let (cleaning, pad) = (Cleaning::None, pad_token(folder)?);
    Ok(Words { vocabulary: Vocabulary::Json, file, cleaning, length, pad, corrects_spelling: false })
}
