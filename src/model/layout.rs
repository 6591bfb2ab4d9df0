//! Models as they are published: what is in a folder, read from its files and never assumed.
//!
//! Four layouts are known, by their files: Hugging Face's (Optimum's `onnx/…` with `preprocessor_config.json` and
//! `tokenizer.json`), OpenCLIP's (`visual.onnx`, `textual.onnx`), immich's (`visual/model.onnx`, `textual/model.onnx`),
//! and this project's own (`model.json`), which [`super`] reads itself.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::io::map;
use serde_json::Value;

use super::engine::{Ends, Role};
use super::onnx::{Graph, Kind, Port};
use super::processor::{self, preprocessor};
use super::tokenizer::{Cleaning, Length};
use crate::image::{Colour, Filter, Fit, Middle, Rgb};

/// From pixels to numbers.
#[derive(Clone, Copy, PartialEq)]
pub struct Preprocess {
    pub width: u32,
    pub height: u32,
    pub fit: Fit,
    pub filter: Filter,
    /// Is background cut away first, and but for which margin (a share of the longer side of what remains)?
    pub crop: Option<f32>,
    /// How a picture that has no background around it, whose corners differ, fills the frame, where otherwise.
    pub scene: Option<Fit>,
    pub background: Colour,
    /// `(pixel × factor − mean) / std`
    pub factor: f32,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    /// Does blue come first? Mean and deviation are those of red, green and blue all the same.
    pub bgr: bool,
    /// Is the picture scaled in floating point, where others round to steps of 255?
    pub float: bool,
}

impl std::fmt::Debug for Preprocess {
    /// Part of a model's identity: what came later is named only where it is not as it always was.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut all = f.debug_struct("Preprocess");
        all.field("width", &self.width).field("height", &self.height).field("fit", &self.fit);
        all.field("filter", &self.filter).field("crop", &self.crop).field("background", &self.background);
        all.field("factor", &self.factor).field("mean", &self.mean).field("std", &self.std);
        if let Some(scene) = self.scene {
            all.field("scene", &scene);
        }
        for (name, is_so) in [("bgr", self.bgr), ("float", self.float)] {
            if is_so {
                all.field(name, &is_so);
            }
        }
        all.finish()
    }
}

impl Preprocess {
    /// Stretched to so many pixels of 0 to 1.
    pub fn plain(height: u32, width: u32) -> Preprocess {
        Preprocess {
            width,
            height,
            fit: Fit::Stretch,
            filter: Filter::Bilinear,
            crop: None,
            scene: None,
            background: Colour::WHITE,
            factor: 1.0 / 255.0,
            mean: [0.0; 3],
            std: [1.0; 3],
            bgr: false,
            float: false,
        }
    }

    /// Prepares a picture for an input of this form.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn fill(&self, form: Form, image: &Rgb, out: &mut [f32]) {
        let Preprocess { width, height, fit, filter, crop, scene, background, factor, mean, std, bgr, float } = *self;
        let fit = scene.filter(|_| !image.is_on_background()).unwrap_or(fit);
        let mut image = match crop {
            Some(margin) => image.crop_to_content(margin),
            None => Cow::Borrowed(image),
        };
        if form.channels == 1 {
            image = Cow::Owned(image.grey());
        }
        let planes = |out: &mut [f32]| match float {
            true => image.resize_in_floats(width, height, fit, filter).to_planes(factor, mean, std, out),
            false => image.resize(width, height, fit, filter, background).to_planes(factor, mean, std, out),
        };
        if form == Form::USUAL && !bgr {
            return planes(out);
        }
        let plane = width as usize * height as usize;
        let mut all = vec![0.0; 3 * plane];
        planes(&mut all);
        for channel in 0..form.channels {
            let source = if bgr { form.channels - 1 - channel } else { channel };
            let source = &all[source * plane..(source + 1) * plane];
            match form.channels_last {
                true => {
                    let places = out.iter_mut().skip(channel).step_by(form.channels);
                    places.zip(source).for_each(|(place, number)| *place = *number);
                }
                false => out[channel * plane..(channel + 1) * plane].copy_from_slice(source),
            }
        }
    }

    /// The shorter edge that a picture is scaled down to.
    pub fn edge(&self) -> u32 {
        match self.fit {
            Fit::Cover { edge, .. } => edge,
            Fit::StretchCut { width, height } | Fit::Share { width, height } => width.max(height),
            Fit::Stretch | Fit::Pad | Fit::Trim | Fit::Letterbox | Fit::Crop => self.width.max(self.height),
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
            Fit::Pad if self.scene == Some(Fit::Trim) => write!(f, ", padded, scenes trimmed")?,
            Fit::Pad => write!(f, ", padded")?,
            Fit::Trim => write!(f, ", trimmed")?,
            Fit::Crop => write!(f, ", the middle")?,
            Fit::Letterbox => write!(f, ", letterboxed")?,
            Fit::StretchCut { width, height } => write!(f, ", the middle of all, stretched to {width} x {height}")?,
            Fit::Share { width, height } => {
                let shares = [self.width, self.height].map(f64::from);
                let (across, down) = (shares[0] / f64::from(width), shares[1] / f64::from(height));
                write!(f, ", {across:.3} x {down:.3} of the shorter edge, from the middle")?;
            }
            Fit::Cover { edge, .. } if edge == self.width.min(self.height) => write!(f, ", the middle")?,
            Fit::Cover { edge, .. } => write!(f, ", the middle of {edge} along the shorter edge")?,
        }
        write!(f, ", {}, over {}", format!("{:?}", self.filter).to_lowercase(), self.background)?;
        if self.bgr {
            write!(f, ", blue first")?;
        }
        Ok(())
    }
}

/// In which order a graph takes the numbers of a picture: `[batch, channels, height, width]`, or the channels last; grey
/// has one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    pub channels: usize,
    pub channels_last: bool,
}

impl Form {
    /// As nearly all have it.
    pub const USUAL: Form = Form { channels: 3, channels_last: false };

    /// The form of an input.
    ///
    /// # Errors
    /// It is not of pictures of colours or of grey.
    pub fn of(port: &Port) -> Result<Form, String> {
        let fail =
            |what: String| Err(format!("its input `{}` {what}, not [batch, 3, height, width] pixels", port.name));
        let &[_, second, _, last] = &port.shape[..] else {
            return fail(format!("has {} axes", port.shape.len()));
        };
        if !port.kind.is_float() && port.kind != Kind::UInt8 {
            return fail(format!("is of {}", port.kind));
        }
        let is_colour = |axis: Option<usize>| matches!(axis, Some(1 | 3));
        match (second, last) {
            (Some(channels), _) if is_colour(second) => Ok(Form { channels, channels_last: false }),
            (_, Some(channels)) if is_colour(last) => Ok(Form { channels, channels_last: true }),
            (None, _) => Ok(Form::USUAL),
            (Some(channels), _) => fail(format!("has {channels} channels")),
        }
    }

    /// Height and width, where the graph tells them.
    pub fn sides(self, port: &Port) -> [Option<usize>; 2] {
        let first = if self.channels_last { 1 } else { 2 };
        [first, first + 1].map(|axis| port.shape.get(axis).copied().flatten())
    }

    /// The shape of a batch.
    pub fn shape(self, batch: usize, height: usize, width: usize) -> [usize; 4] {
        match self.channels_last {
            true => [batch, height, width, self.channels],
            false => [batch, self.channels, height, width],
        }
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
    /// How it takes pixels.
    pub form: Form,
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
    bpe_simple_vocab_16e6.txt.gz (OpenCLIP), visual/model.onnx and textual/model.onnx (immich)";

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
        let preprocess = preprocessor(folder, &config)?;
        check_size(&preprocess, &part)?;
        Ok::<_, String>((part, preprocess))
    });
    let text = text.map(|part| {
        let words = words(folder, &config, &part.input)?;
        Ok::<_, String>((part, words))
    });
    let (image, text) = (image.transpose()?, text.transpose()?);
    Ok(Found { kind: "Hugging Face ONNX", dimension, image, text, quantised, variants, license: None })
}

/// Where a folder of OpenCLIP's towers keeps what.
struct Places {
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

const OPEN_CLIP: Places = Places {
    kind: "OpenCLIP ONNX",
    visual: "visual.onnx",
    textual: "textual.onnx",
    config: "open_clip_config.json",
    pictures: None,
    tokenizer: "",
    middle: Middle::Even,
};

const IMMICH: Places = Places {
    kind: "immich ONNX",
    visual: "visual/model.onnx",
    textual: "textual/model.onnx",
    config: "config.json",
    pictures: Some("visual/preprocess_cfg.json"),
    tokenizer: "textual/",
    middle: Middle::Down,
};

fn open_clip(folder: &Path, variant: Option<&str>, places: &Places) -> Result<Found, String> {
    if let Some(wanted) = variant.filter(|wanted| *wanted != "fp32") {
        return Err(format!("has no {wanted} variant"));
    }
    let config = json(folder, places.config)?.unwrap_or_default();
    // immich's files have the model's part alone, or what OpenCLIP has.
    let model = config.get("model_cfg").unwrap_or(&config);
    let at = |path: &str| model.pointer(path).filter(|value| !value.is_null());
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
    Ok(Found { kind: places.kind, dimension, image, text, quantised, variants: vec!["fp32"], license: None })
}

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
    Ok(Some(Part { file: file.into(), ends, input, form, output: output.clone(), shared, external }))
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

/// Whether what pictures become is what the graph takes.
pub fn check_size(preprocess: &Preprocess, part: &Part) -> Result<(), String> {
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

/// What tells of a model, without the byte order mark that editors on Windows put there.
///
/// # Errors
/// It cannot be read, or is larger than any such file is.
pub fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    const MOST: u64 = 256 << 20;
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(std::io::Error::other("is larger than 256 MB, as no such file is"));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok(bytes)
}

/// A file of a folder; `None` where there is none.
pub fn json(folder: &Path, file: &str) -> Result<Option<Value>, String> {
    match read(&folder.join(file)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| format!("{file}: {e}")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{file}: {e}")),
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0)
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
