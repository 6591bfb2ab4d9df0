//! Models as they are published: what is in a folder, read from its files and never assumed.
//!
//! Three layouts are known, by their files: Hugging Face's (Optimum's `onnx/…` with `preprocessor_config.json` and
//! `tokenizer.json`), OpenCLIP's (`visual.onnx`, `textual.onnx`), and this project's own (`model.json`), which
//! [`super`] reads itself.

use std::path::{Path, PathBuf};

use crate::io::map;
use serde_json::Value;

use super::engine::{Ends, Role};
use super::onnx::{Graph, Port};
use super::tokenizer::{Cleaning, Length};
use crate::image::{Colour, Filter, Fit, Middle};

/// From pixels to numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocess {
    pub width: u32,
    pub height: u32,
    pub fit: Fit,
    pub filter: Filter,
    /// Is background cut away first, and but for which margin (a share of the longer side of what remains)?
    pub crop: Option<f32>,
    pub background: Colour,
    /// `(pixel × factor − mean) / std`
    pub factor: f32,
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

impl Preprocess {
    /// The shorter edge that a picture is scaled down to.
    pub fn edge(&self) -> u32 {
        match self.fit {
            Fit::Cover { edge, .. } => edge,
            Fit::Stretch | Fit::Pad | Fit::Letterbox | Fit::Crop => self.width.max(self.height),
        }
    }
}

impl std::fmt::Display for Preprocess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {} pixels", self.width, self.height)?;
        if self.crop.is_some() {
            write!(f, ", cropped to what is there")?;
        }
        match self.fit {
            Fit::Stretch => write!(f, ", stretched")?,
            Fit::Pad => write!(f, ", padded")?,
            Fit::Crop => write!(f, ", the middle")?,
            Fit::Letterbox => write!(f, ", letterboxed")?,
            Fit::Cover { edge, .. } if edge == self.width.min(self.height) => write!(f, ", the middle")?,
            Fit::Cover { edge, .. } => write!(f, ", the middle of {edge} along the shorter edge")?,
        }
        write!(f, ", {}, over {}", format!("{:?}", self.filter).to_lowercase(), self.background)
    }
}

/// A tower as it is found: a file, and what matters of its graph.
#[derive(Debug, Clone)]
pub struct Part {
    /// Relative to the model's folder.
    pub file: PathBuf,
    pub ends: Ends,
    /// The input of pixels or of ids.
    pub input: Port,
    /// The output that holds the vectors.
    pub output: Port,
    /// Does the graph compute other things as well, from inputs that this tower does not have?
    pub shared: bool,
    /// Files beside it that hold its weights.
    pub external: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// `vocab.txt`, of this project's models
    WordPiece,
    /// `tokenizer.json`
    Json,
    /// `bpe_simple_vocab_16e6.txt.gz`
    Merges,
}

/// From text to numbers.
#[derive(Debug, Clone)]
pub struct Words {
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
pub struct Found {
    pub kind: &'static str,
    pub dimension: usize,
    pub image: Option<(Part, Preprocess)>,
    pub text: Option<(Part, Words)>,
    /// Does it compute with 8-bit integers?
    pub quantised: bool,
    /// The kinds of numbers that its weights are there in: fp32, fp16, int8.
    pub variants: Vec<&'static str>,
    pub license: Option<String>,
}

/// What a variant's files are called, and what is added to their names.
pub const VARIANTS: [(&str, &[&str]); 3] =
    [("fp32", &[""]), ("fp16", &["_fp16"]), ("int8", &["_quantized", "_int8", "_uint8"])];

/// The kind of this project's models.
pub const OWN: &str = "pokedex";

/// What was looked for, for messages.
pub const LOOKED_FOR: &str = "model.json (this program's own), onnx/vision_model.onnx, onnx/text_model.onnx or \
    onnx/model.onnx with preprocessor_config.json and tokenizer.json (Hugging Face), visual.onnx and textual.onnx with \
    bpe_simple_vocab_16e6.txt.gz (OpenCLIP)";

/// Whether one of the names ends in a variant, as in `clip:int8`, and which.
pub fn split_variant(name: &str) -> (&str, Option<&'static str>) {
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
pub fn recognise(folder: &Path, variant: Option<&str>) -> Result<Found, String> {
    let exists = |file: &str| folder.join(file).is_file();
    if exists("visual.onnx") || exists("textual.onnx") {
        return open_clip(folder, variant);
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

fn hugging_face(
    folder: &Path,
    [vision, text, both]: [Option<PathBuf>; 3],
    variants: Vec<&'static str>,
) -> Result<Found, String> {
    let config = json(folder, "config.json")?.unwrap_or_default();
    let mut quantised = false;
    let mut tower = |file: &Option<PathBuf>, role: Role| -> Result<Option<Part>, String> {
        let Some(file) = file.as_ref().or(both.as_ref()) else { return Ok(None) };
        let graph = graph(folder, file)?;
        let found = part(file, &graph, role)?;
        quantised |= found.is_some() && graph.quantised;
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
        let preprocess = preprocessor(folder)?;
        check_size(&preprocess, &part.input)?;
        Ok::<_, String>((part, preprocess))
    });
    let text = text.map(|part| {
        let words = words(folder, &config, &part.input)?;
        Ok::<_, String>((part, words))
    });
    let (image, text) = (image.transpose()?, text.transpose()?);
    Ok(Found { kind: "Hugging Face ONNX", dimension, image, text, quantised, variants, license: None })
}

fn open_clip(folder: &Path, variant: Option<&str>) -> Result<Found, String> {
    if let Some(wanted) = variant.filter(|wanted| *wanted != "fp32") {
        return Err(format!("has no {wanted} variant"));
    }
    let config = json(folder, "open_clip_config.json")?;
    let at = |path: &str| config.as_ref().and_then(|config| config.pointer(path)).filter(|value| !value.is_null());
    let mut quantised = false;
    let mut tower = |file: &str, role: Role| -> Result<Option<Part>, String> {
        if !folder.join(file).is_file() {
            return Ok(None);
        }
        let graph = graph(folder, Path::new(file))?;
        quantised |= graph.quantised;
        let part = part(Path::new(file), &graph, role)?;
        part.map(Some).ok_or_else(|| format!("{file}: has no input of the kind that such a tower has"))
    };
    let vision = tower("visual.onnx", Role::Pixels)?;
    let text = tower("textual.onnx", Role::Ids)?;
    let told = at("/model_cfg/embed_dim").and_then(size);
    let widths = [&vision, &text].into_iter().flatten();
    let dimension = one_dimension(widths.map(|part| part.output.shape.last().copied().flatten().or(told)))?;
    let image = match vision {
        None => None,
        Some(part) => {
            let input = &part.input;
            let side = |axis: usize| input.shape.get(axis).copied().flatten();
            let told = at("/preprocess_cfg/size").or(at("/model_cfg/vision_cfg/image_size"));
            let told = told.map(|v| sides(v).ok_or("open_clip_config.json: the image size is not understood"));
            let fixed = side(2).zip(side(3)).and_then(|(h, w)| Some((h.try_into().ok()?, w.try_into().ok()?)));
            let (height, width) = told.transpose()?.or(fixed).ok_or(
                "visual.onnx leaves the image size open; open_clip_config.json with preprocess_cfg would tell it",
            )?;
            let triple = |path: &str, usual: [f32; 3]| at(path).map_or(Ok(usual), |v| three(v).ok_or(path.to_string()));
            let filter = match at("/preprocess_cfg/interpolation").and_then(Value::as_str).unwrap_or("bicubic") {
                "bicubic" => Filter::Bicubic,
                "bilinear" => Filter::Bilinear,
                other => return Err(format!("open_clip_config.json: interpolation `{other}` is not known")),
            };
            let edge = width.min(height);
            let fit = match at("/preprocess_cfg/resize_mode").and_then(Value::as_str).unwrap_or("shortest") {
                "shortest" if width == height => Fit::Cover { edge, middle: Middle::Even },
                "squash" => Fit::Stretch,
                "longest" => Fit::Pad,
                other => return Err(format!("open_clip_config.json: resize_mode `{other}` is not known")),
            };
            let grey = at("/preprocess_cfg/fill_color").and_then(Value::as_u64).unwrap_or(0).min(255) as u8;
            let preprocess = Preprocess {
                width,
                height,
                fit,
                filter,
                crop: None,
                background: if fit == Fit::Pad { Colour([grey; 3]) } else { Colour::WHITE },
                factor: 1.0 / 255.0,
                // Without a file that says otherwise: what OpenAI trained with, and what rclip has for this layout.
                mean: triple("/preprocess_cfg/mean", OPENAI_MEAN)?,
                std: triple("/preprocess_cfg/std", OPENAI_STD)?,
            };
            check_size(&preprocess, input)?;
            Some((part, preprocess))
        }
    };
    let text = match text {
        None => None,
        Some(part) => {
            let length =
                part.input.shape.get(1).copied().flatten().or(at("/model_cfg/text_cfg/context_length").and_then(size));
            let most = length.unwrap_or(77);
            let clean = at("/model_cfg/text_cfg/tokenizer_kwargs/clean").and_then(Value::as_str);
            let own = at("/model_cfg/text_cfg/hf_tokenizer_name").is_some();
            let cleaning = match clean.unwrap_or(if own { "whitespace" } else { "lower" }) {
                "lower" => Cleaning::Lower,
                "whitespace" => Cleaning::Whitespace,
                "canonicalize" => Cleaning::Canonical,
                other => return Err(format!("open_clip_config.json: clean `{other}` is not known")),
            };
            let merges = ["", "tokenizer/", "../tokenizer/"].map(|at| format!("{at}bpe_simple_vocab_16e6.txt.gz"));
            let merges = merges.iter().find(|file| folder.join(file).is_file());
            let json = folder.join("tokenizer.json").is_file();
            let (vocabulary, file) = match (own || merges.is_none(), json, merges) {
                (true, true, _) => (Vocabulary::Json, "tokenizer.json".into()),
                (false, _, Some(merges)) => (Vocabulary::Merges, merges.into()),
                (true, false, _) if own => return Err("tokenizer.json is missing, which its text tower needs".into()),
                _ => return Err("bpe_simple_vocab_16e6.txt.gz is missing, which its text tower needs".into()),
            };
            let pad = pad_token(folder)?;
            let padding = (vocabulary == Vocabulary::Merges).then_some(0);
            let length = Length { most, padded: true, padding };
            Some((part, Words { vocabulary, file, cleaning, length, pad, corrects_spelling: false }))
        }
    };
    Ok(Found { kind: "OpenCLIP ONNX", dimension, image, text, quantised, variants: vec!["fp32"], license: None })
}

const OPENAI_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const OPENAI_STD: [f32; 3] = [0.268_629_55, 0.261_302_6, 0.275_777_1];

/// Reads a graph's ends.
fn graph(folder: &Path, file: &Path) -> Result<Graph, String> {
    let name = file.display();
    let bytes = map(&folder.join(file)).map_err(|e| format!("{name}: {e}"))?;
    Graph::read(&bytes).map_err(|e| format!("{name}: {e}"))
}

/// What outputs that are the vector of a picture are called, the better ones first.
pub const IMAGE_VECTORS: [&str; 5] = ["image_embeds", "pooler_output", "image_features", "output", "last_hidden_state"];

/// The tower in a graph that reads pixels or tokens, and the output that is its vector.
fn part(file: &Path, graph: &Graph, role: Role) -> Result<Option<Part>, String> {
    let mut inputs = Vec::new();
    for input in &graph.inputs {
        let own = match (input.name.as_str(), input.shape.len()) {
            (_, 4) => Role::Pixels,
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
    Ok(Some(Part { file: file.into(), ends, input, output: output.clone(), shared, external }))
}

/// The length of a tower's vectors: as the graph says, else as `config.json` says.
fn width_of(output: &Port, config: &Value, role: Role) -> Option<usize> {
    let tower = if role == Role::Pixels { "/vision_config/hidden_size" } else { "/text_config/hidden_size" };
    let pooled = ["pooler_output", "last_hidden_state"].contains(&output.name.as_str());
    let told =
        if pooled { config.pointer(tower).or_else(|| config.get("hidden_size")) } else { config.get("projection_dim") };
    output.shape.last().copied().flatten().or(told.and_then(size))
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

pub fn check_size(preprocess: &Preprocess, input: &Port) -> Result<(), String> {
    let said = [preprocess.height as usize, preprocess.width as usize];
    let fits = input.shape.iter().skip(2).zip(said).all(|(wanted, said)| wanted.is_none_or(|wanted| wanted == said));
    match fits {
        true => Ok(()),
        false => {
            Err(format!("its preprocessing gives {} x {} pixels, which its graph does not take", said[1], said[0]))
        }
    }
}

pub fn json(folder: &Path, file: &str) -> Result<Option<Value>, String> {
    match std::fs::read(folder.join(file)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| format!("{file}: {e}")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{file}: {e}")),
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0)
}

/// Height and width: of one number, of a list, or by name.
fn sides(value: &Value) -> Option<(u32, u32)> {
    let side = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| (1..=4096).contains(n));
    match value {
        Value::Number(_) => side(value).map(|n| (n, n)),
        Value::Array(list) => side(list.first()?).zip(side(list.get(1)?)),
        _ => side(value.get("height")?).zip(side(value.get("width")?)),
    }
}

pub fn three(value: &Value) -> Option<[f32; 3]> {
    let numbers: Vec<f32> = match value {
        Value::Array(list) => list.iter().map(|x| x.as_f64().map(|x| x as f32)).collect::<Option<_>>()?,
        number => vec![number.as_f64()? as f32; 3],
    };
    numbers.try_into().ok().filter(|numbers: &[f32; 3]| numbers.iter().all(|x| x.is_finite()))
}

/// `preprocessor_config.json`, as `transformers`' image processors read it.
pub fn preprocessor(folder: &Path) -> Result<Preprocess, String> {
    let (file, config) = match json(folder, "preprocessor_config.json")? {
        Some(config) => ("preprocessor_config.json", config),
        None => match json(folder, "processor_config.json")? {
            Some(config) => ("processor_config.json", config.get("image_processor").cloned().unwrap_or(config)),
            None => return Err("preprocessor_config.json is missing, which tells what its image tower is fed".into()),
        },
    };
    let fail = |problem: &str| format!("{file}: {problem}");
    let at = |key: &str| config.get(key).filter(|value| !value.is_null());
    let flag = |key: &str, usual: bool| at(key).and_then(Value::as_bool).unwrap_or(usual);
    let name = at("image_processor_type").or(at("feature_extractor_type")).and_then(Value::as_str).unwrap_or_default();
    let name = name.trim_end_matches("Fast").trim_end_matches("FeatureExtractor").trim_end_matches("ImageProcessor");
    // What each kind of processor takes for granted: is one number the shorter edge, is the middle cut out, the filter.
    let usual = match name {
        "CLIP" | "Bit" | "ChineseCLIP" | "VideoMAE" => Some((true, true, 3)),
        "Siglip" | "Siglip2" | "BlipImage" | "Blip" => Some((false, false, 3)),
        "ViT" | "Beit" => Some((false, false, 2)),
        "DeiT" => Some((false, true, 3)),
        _ => None,
    };
    // What it takes for granted has changed: only its way to crop is known.
    let is_convnext = name == "ConvNext";
    for unknown in ["crop_pct", "do_pad", "do_flip_channel_order", "do_thumbnail"] {
        let is_known = is_convnext && unknown == "crop_pct";
        if !is_known && at(unknown).is_some_and(|value| value.as_bool() != Some(false)) {
            return Err(fail(&format!("`{unknown}` is not supported")));
        }
    }
    let says = |what: &str| fail(&format!("does not say `{what}`, and the processor `{name}` is not known"));
    let crops = match at("do_center_crop").and_then(Value::as_bool).or(usual.map(|(_, crops, _)| crops)) {
        Some(crops) => crops,
        None => at("crop_size").is_some(),
    };
    let resample = at("resample").and_then(Value::as_u64).or(usual.map(|(_, _, resample)| resample));
    let filter = match resample.ok_or_else(|| says("resample"))? {
        0 => Filter::Nearest,
        1 => Filter::Lanczos,
        2 => Filter::Bilinear,
        3 => Filter::Bicubic,
        4 => Filter::Box,
        5 => Filter::Hamming,
        other => return Err(fail(&format!("resample {other} is not known"))),
    };
    let size = at("size");
    let shortest = size.and_then(|size| match size {
        Value::Number(_) if is_convnext || usual.is_some_and(|(shortest, ..)| shortest) => size.as_u64(),
        _ => size.get("shortest_edge").and_then(Value::as_u64),
    });
    let frame =
        at("crop_size").filter(|_| crops).map(|crop| sides(crop).ok_or_else(|| fail("crop_size is not understood")));
    let frame = frame.transpose()?;
    let not_understood = || fail("size is not understood");
    let (fit, (height, width)) = match (flag("do_resize", true), shortest, frame) {
        (false, ..) => return Err(fail("without do_resize pictures of different sizes cannot be compared")),
        (true, Some(edge), frame) => {
            let edge = u32::try_from(edge).ok().filter(|edge| (1..=4096).contains(edge)).ok_or_else(not_understood)?;
            if is_convnext && !crops {
                // A share of the middle, but of large inputs everything, stretched.
                let share = at("crop_pct").map_or(Some(224.0 / 256.0), Value::as_f64);
                let share = share.filter(|share| (0.1..=1.0).contains(share));
                let share = share.ok_or_else(|| fail("crop_pct is not understood"))?;
                let whole = (f64::from(edge) / share) as u32;
                let fit = if edge < 384 { Fit::Cover { edge: whole, middle: Middle::Down } } else { Fit::Stretch };
                (fit, (edge, edge))
            } else if !crops {
                return Err(fail("shortest_edge without do_center_crop gives pictures of different sizes"));
            } else {
                (Fit::Cover { edge, middle: Middle::Down }, frame.unwrap_or((edge, edge)))
            }
        }
        (true, None, frame) => {
            let sides = size.and_then(sides).ok_or_else(not_understood)?;
            match frame {
                Some(frame) if frame != sides => {
                    return Err(fail("crop_size differs from an exact size: not supported"));
                }
                _ => (Fit::Stretch, sides),
            }
        }
    };
    let factor = match flag("do_rescale", true) {
        true => at("rescale_factor").and_then(Value::as_f64).unwrap_or(1.0 / 255.0) as f32,
        false => 1.0,
    };
    let (mean, std) = match flag("do_normalize", true) {
        true => {
            let triple = |key: &str, clip: [f32; 3]| match at(key) {
                Some(value) => three(value).ok_or_else(|| fail(&format!("{key} is not understood"))),
                None if name == "CLIP" => Ok(clip),
                None => Err(says(key)),
            };
            (triple("image_mean", OPENAI_MEAN)?, triple("image_std", OPENAI_STD)?)
        }
        false => ([0.0; 3], [1.0; 3]),
    };
    if std.contains(&0.0) {
        return Err(fail("image_std must not be 0"));
    }
    Ok(Preprocess { width, height, fit, filter, crop: None, background: Colour::WHITE, factor, mean, std })
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

fn pad_token(folder: &Path) -> Result<Option<String>, String> {
    let told = json(folder, "tokenizer_config.json")?.unwrap_or_default();
    let token = told.get("pad_token").map(|token| token.get("content").unwrap_or(token));
    Ok(token.and_then(Value::as_str).map(String::from))
}
