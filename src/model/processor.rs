//! How pictures are prepared, as the files beside a model tell it: `transformers`' image processors (5.24), `timm`'s and
//! OpenCLIP's configurations.
//!
//! Hides: which class of processors takes what for granted, and what it does with its keys. Promises: a class that is not
//! in [`CLASSES`] and a key that is not understood are refused, never guessed; what is left out means the default of its
//! class. The tests compare every class with the original.

use std::path::Path;

use serde_json::{Map, Value};

use super::layout::{Preprocess, json};
use crate::image::{Colour, Filter, Fit, Middle};

pub const OPENAI_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
pub const OPENAI_STD: [f32; 3] = [0.268_629_55, 0.261_302_6, 0.275_777_1];
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];
const HALF: [f32; 3] = [0.5; 3];

/// No side of what a model is fed, or of what that is cut from, is longer.
const LONGEST: u32 = 4096;

/// What a class of processors does, and what it takes for granted where its configuration does not say it.
struct Class {
    /// As in `NAMEImageProcessor`, `NAMEImageProcessorFast`, `NAMEFeatureExtractor`.
    name: &'static str,
    /// Models whose configuration does not name a processor have this one.
    models: &'static [&'static str],
    way: Way,
    size: Usual,
    /// Is a size of one number that of a square, or of the shorter edge?
    is_square: bool,
    /// What is cut out of the middle, and whether that is done unasked.
    crop: Option<u32>,
    crops: bool,
    filter: Filter,
    mean: [f32; 3],
    std: [f32; 3],
}

/// What a class does otherwise than the others, which scale, cut out the middle, and scale the numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    /// Scaled in floating point, nothing rounded.
    Float,
    /// The shorter edge is longer by 256 / 224.
    Levit,
    /// A share of the middle; of 384 pixels and more everything, stretched.
    ConvNext,
    /// The size is divided by the share that the middle is.
    PoolFormer,
    /// A share of the middle is cut out first.
    Perceiver,
    /// Numbers may begin at -1, and are divided by the deviation a second time.
    EfficientNet,
    /// Blue comes first, and numbers stay between 0 and 1.
    MobileVit,
    /// The middle is never cut out.
    Segformer,
}

enum Usual {
    Exact(u32),
    Shorter(u32),
}

const PLAIN: Class = Class {
    name: "",
    models: &[],
    way: Way::Plain,
    size: Usual::Exact(224),
    is_square: true,
    crop: None,
    crops: false,
    filter: Filter::Bicubic,
    mean: HALF,
    std: HALF,
};

/// As CLIP has it, and many since.
const SHORTER: Class = Class {
    size: Usual::Shorter(224),
    is_square: false,
    crop: Some(224),
    crops: true,
    mean: OPENAI_MEAN,
    std: OPENAI_STD,
    ..PLAIN
};

/// The classes that are imitated: what they take for granted is read in `models/*/image_processing_*.py`.
const CLASSES: [Class; 22] = [
    Class { name: "Beit", models: &["beit", "data2vec-vision"], crop: Some(224), ..PLAIN },
    Class { name: "Bit", models: &["bit", "dinov2", "dinov2_with_registers", "focalnet", "hiera", "pixio"], ..SHORTER },
    Class {
        name: "Blip",
        models: &["blip", "blip-2", "instructblip"],
        size: Usual::Exact(384),
        mean: OPENAI_MEAN,
        std: OPENAI_STD,
        ..PLAIN
    },
    Class { name: "ChineseCLIP", models: &["chinese_clip"], ..SHORTER },
    Class {
        name: "CLIP",
        models: &["clip", "clip_vision_model", "aimv2", "altclip", "git", "groupvit", "metaclip_2", "mlcd", "xclip"],
        ..SHORTER
    },
    Class {
        name: "ConvNext",
        models: &["convnext", "convnextv2", "cvt", "regnet", "resnet"],
        way: Way::ConvNext,
        size: Usual::Shorter(384),
        is_square: false,
        ..PLAIN
    },
    Class { name: "DeiT", models: &["deit"], size: Usual::Exact(256), crop: Some(224), crops: true, ..PLAIN },
    Class {
        name: "DINOv3ViT",
        models: &["dinov3_vit", "dinov3_convnext"],
        way: Way::Float,
        filter: Filter::Bilinear,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        ..PLAIN
    },
    Class {
        name: "EfficientNet",
        models: &["efficientnet", "align"],
        way: Way::EfficientNet,
        size: Usual::Exact(346),
        crop: Some(289),
        ..PLAIN
    },
    Class {
        name: "Flava",
        models: &["flava"],
        crop: Some(224),
        crops: true,
        mean: OPENAI_MEAN,
        std: OPENAI_STD,
        ..PLAIN
    },
    Class { name: "Levit", models: &["levit"], way: Way::Levit, mean: IMAGENET_MEAN, std: IMAGENET_STD, ..SHORTER },
    Class {
        name: "MobileNetV1",
        models: &["mobilenet_v1"],
        size: Usual::Shorter(256),
        filter: Filter::Bilinear,
        mean: HALF,
        std: HALF,
        ..SHORTER
    },
    Class {
        name: "MobileNetV2",
        models: &["mobilenet_v2"],
        size: Usual::Shorter(256),
        filter: Filter::Bilinear,
        mean: HALF,
        std: HALF,
        ..SHORTER
    },
    Class { name: "MobileViT", models: &["mobilevit", "mobilevitv2"], way: Way::MobileVit, crop: Some(256), ..SHORTER },
    Class {
        name: "OwlViT",
        models: &["owlvit"],
        size: Usual::Exact(768),
        crop: Some(768),
        mean: OPENAI_MEAN,
        std: OPENAI_STD,
        ..PLAIN
    },
    Class {
        name: "Perceiver",
        models: &["perceiver"],
        way: Way::Perceiver,
        crop: Some(256),
        crops: true,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        ..PLAIN
    },
    Class {
        name: "PoolFormer",
        models: &["poolformer"],
        way: Way::PoolFormer,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        ..SHORTER
    },
    Class { name: "Pvt", models: &["pvt", "pvt_v2"], mean: IMAGENET_MEAN, std: IMAGENET_STD, ..PLAIN },
    Class {
        name: "Segformer",
        models: &["segformer", "upernet"],
        way: Way::Segformer,
        size: Usual::Exact(512),
        filter: Filter::Bilinear,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        ..PLAIN
    },
    Class { name: "Siglip", models: &["siglip", "siglip_vision_model"], is_square: false, ..PLAIN },
    Class {
        name: "VideoMAE",
        models: &["videomae", "timesformer"],
        filter: Filter::Bilinear,
        mean: HALF,
        std: HALF,
        ..SHORTER
    },
    Class {
        name: "ViT",
        models: &["vit", "clipseg", "dinat", "ijepa", "swiftformer", "swin", "swinv2", "vit_mae", "vit_msn"],
        filter: Filter::Bilinear,
        ..PLAIN
    },
];

/// Keys that every class understands.
const KEYS: [&str; 12] = [
    "do_resize",
    "size",
    "default_to_square",
    "resample",
    "do_center_crop",
    "crop_size",
    "do_rescale",
    "rescale_factor",
    "do_normalize",
    "image_mean",
    "image_std",
    "do_pad",
];

/// Keys that do not show in the pixels of one picture: names, and what is done to masks, batches and bytes.
const HARMLESS: [&str; 20] = [
    "_name_or_path",
    "_processor_class",
    "_valid_processor_keys",
    "auto_map",
    "device",
    "disable_grouping",
    "do_convert_rgb",
    "do_reduce_labels",
    "feature_extractor_type",
    "image_processor_type",
    "image_seq_length",
    "input_data_format",
    "model_input_names",
    "num_channels",
    "pad_size",
    "patch_size",
    "processor_class",
    "reduce_labels",
    "return_tensors",
    "transformers_version",
];

/// The files that `transformers` keeps a processor's configuration in.
pub const FILES: [&str; 2] = ["preprocessor_config.json", "processor_config.json"];

/// `preprocessor_config.json` or `processor_config.json` of a folder; `model` is its `config.json`.
pub fn preprocessor(folder: &Path, model: &Value) -> Result<Preprocess, String> {
    let [own, shared] = FILES;
    let nested = json(folder, shared)?;
    let (file, config) = match (nested, json(folder, own)?) {
        // As `transformers` has it: what the processor of words and pictures says goes first.
        (Some(Value::Object(mut config)), _) if config.contains_key("image_processor") => {
            (shared, config.remove("image_processor").expect("it is there"))
        }
        (_, Some(config)) => (own, config),
        (Some(config), None) => (shared, config),
        (None, None) => return Err(format!("{own} is missing, which tells what its image tower is fed")),
    };
    let Value::Object(config) = config else { return Err(format!("{file}: not an object")) };
    read(&config, model).map_err(|problem| format!("{file}: {problem}"))
}

fn read(config: &Map<String, Value>, model: &Value) -> Result<Preprocess, String> {
    let given = Given(config);
    let kinds = ["image_processor_type", "feature_extractor_type"];
    let full = kinds.iter().find_map(|key| given.value(key)).map(|kind| kind.as_str().unwrap_or_default());
    if full == Some("TimmWrapperImageProcessor") {
        let timm_config = given.value("pretrained_cfg").or_else(|| model.get("pretrained_cfg"));
        return timm(timm_config.ok_or("pretrained_cfg is missing, which tells what its model is fed")?);
    }
    let class = match full {
        Some(full) => {
            let name = ["Pil", "Fast", "ImageProcessor", "FeatureExtractor"]
                .iter()
                .fold(full, |name, end| name.strip_suffix(end).unwrap_or(name));
            Some(CLASSES.iter().find(|class| class.name == name).ok_or_else(|| unknown(full))?)
        }
        None => {
            let kind = model.get("model_type").and_then(Value::as_str);
            CLASSES.iter().find(|class| kind.is_some_and(|kind| class.models.contains(&kind)))
        }
    };
    given.check_keys(class)?;
    // What nobody names must say all that it does.
    let told = class.is_some();
    let class = class.unwrap_or(&PLAIN);
    let says = |key: &str| match told || given.value(key).is_some() {
        true => Ok(()),
        false => Err(format!("does not say `{key}`, and not which image_processor_type it is")),
    };
    says("size")?;
    says("resample")?;
    if !given.flag("do_resize", true)? {
        return Err("without do_resize pictures of different sizes cannot be compared".into());
    }
    let (fit, (height, width)) = given.fit(class, told)?;
    if given.flag("do_pad", false)?
        && let Some(size) = given.value("pad_size")
        && frame("pad_size", size)? != (height, width)
    {
        return Err("pad_size differs from the size of what is padded: not supported".into());
    }
    let (factor, mean, std) = given.scale(class, says)?;
    Ok(Preprocess {
        width,
        height,
        fit,
        filter: given.value("resample").map_or(Ok(class.filter), filter)?,
        crop: None,
        scene: None,
        background: Colour::WHITE,
        factor,
        mean,
        std,
        bgr: class.way == Way::MobileVit && given.flag("do_flip_channel_order", true)?,
        float: class.way == Way::Float,
    })
}

fn unknown(name: &str) -> String {
    if name.starts_with("Siglip2") {
        return format!("{name} cuts pictures of any shape into patches, which is not supported");
    }
    let known: Vec<&str> = CLASSES.iter().map(|class| class.name).collect();
    format!("the processor `{name}` is not known; known are those of {}", known.join(", "))
}

/// What a configuration gives.
struct Given<'a>(&'a Map<String, Value>);

impl Given<'_> {
    /// The value of a key; null is as good as nothing.
    fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn flag(&self, key: &str, usual: bool) -> Result<bool, String> {
        self.value(key).map_or(Ok(usual), |value| value.as_bool().ok_or_else(|| not_a("true or false", key, value)))
    }

    /// Refuses keys whose meaning is not known. What is switched off means nothing.
    fn check_keys(&self, class: Option<&Class>) -> Result<(), String> {
        let own: &[&str] = match class.map(|class| class.way) {
            Some(Way::ConvNext | Way::PoolFormer) => &["crop_pct"],
            Some(Way::EfficientNet) => &["rescale_offset", "include_top"],
            Some(Way::MobileVit) => &["do_flip_channel_order"],
            _ => &[],
        };
        for (key, value) in self.0 {
            let is_off = value.is_null() || value == &Value::Bool(false);
            let is_first = key == "data_format" && ["channels_first", "FIRST"].iter().any(|first| value == first);
            let is_flava = class.is_some_and(|class| class.name == "Flava")
                && ["codebook_", "return_", "mask_group_", "total_mask_", "input_size_"]
                    .iter()
                    .any(|start| key.starts_with(start));
            let key = key.as_str();
            let is_known = KEYS.contains(&key) || own.contains(&key) || HARMLESS.contains(&key);
            if !is_known && !is_off && !is_first && !is_flava {
                return Err(format!("`{key}` is not supported"));
            }
        }
        Ok(())
    }

    /// How a picture becomes one of `(height, width)`.
    fn fit(&self, class: &Class, told: bool) -> Result<(Fit, (u32, u32)), String> {
        let middle = Middle::Down;
        let is_square = self.flag("default_to_square", class.is_square)?;
        let size = match (self.value("size"), &class.size) {
            (Some(size), _) => Size::of(size, is_square)?,
            (None, Usual::Exact(side)) => Size::Exact(*side, *side),
            (None, Usual::Shorter(edge)) => Size::Shorter(*edge),
        };
        let crop = match self.value("crop_size") {
            Some(crop) => Some(frame("crop_size", crop)?),
            None => class.crop.map(|side| (side, side)),
        };
        // Old files say what is cut out, and not that it is.
        let crops = if told { class.crops } else { crop.is_some() };
        let crops = self.flag("do_center_crop", crops)? && class.way != Way::Segformer;
        let crop = match (crops, crop) {
            (true, None) => return Err("does not say `crop_size`".into()),
            (true, crop) => crop,
            (false, _) => None,
        };
        let share = || match self.value("crop_pct") {
            Some(share) => share
                .as_f64()
                .filter(|share| (0.1..=1.0).contains(share))
                .ok_or_else(|| not_a("a share", "crop_pct", share)),
            None if class.way == Way::ConvNext => Ok(224.0 / 256.0),
            None => Ok(0.9),
        };
        let stretched = |(height, width): (u32, u32), crop: Option<(u32, u32)>| match crop {
            Some(crop) if crop != (height, width) => (Fit::StretchCut { width, height }, crop),
            _ => (Fit::Stretch, (height, width)),
        };
        let middle_of = |edge: u32, crop: Option<(u32, u32)>| match crop {
            Some(crop) => Ok((Fit::Cover { edge, middle }, crop)),
            None => Err("shortest_edge without do_center_crop gives pictures of different sizes".to_string()),
        };
        match (class.way, size) {
            (Way::ConvNext, Size::Exact(..)) => Err("its size must be a shortest_edge".into()),
            (Way::ConvNext, Size::Shorter(edge)) if crop.is_some_and(|crop| crop != (edge, edge)) => {
                Err("do_center_crop to another crop_size than its size: not supported".into())
            }
            (Way::ConvNext, Size::Shorter(edge)) if edge < 384 => {
                middle_of(checked(f64::from(edge) / share()?)?, Some((edge, edge)))
            }
            (Way::ConvNext, Size::Shorter(edge)) => Ok((Fit::Stretch, (edge, edge))),
            (Way::PoolFormer, Size::Exact(height, width)) if height != width => {
                let share = share()?;
                Ok(stretched((checked(f64::from(height) / share)?, checked(f64::from(width) / share)?), crop))
            }
            (Way::PoolFormer, Size::Exact(edge, _) | Size::Shorter(edge)) => {
                middle_of(checked(f64::from(edge) / share()?)?, crop)
            }
            // As the original has it: 256 / 224 is computed first.
            (Way::Levit, Size::Shorter(edge)) => middle_of(checked(256.0 / 224.0 * f64::from(edge))?, crop),
            (Way::Perceiver, Size::Exact(height, width)) => match crop {
                Some((of_height, of_width)) if height <= of_height && width <= of_width => {
                    Ok((Fit::Share { width: of_width, height: of_height }, (height, width)))
                }
                Some(_) => Err("a size of more than the crop_size is not supported".into()),
                None => Ok((Fit::Stretch, (height, width))),
            },
            (_, Size::Exact(height, width)) => Ok(stretched((height, width), crop)),
            (_, Size::Shorter(edge)) => middle_of(edge, crop),
        }
    }

    /// Factor, mean and deviation.
    fn scale(
        &self,
        class: &Class,
        says: impl Fn(&str) -> Result<(), String>,
    ) -> Result<(f32, [f32; 3], [f32; 3]), String> {
        let rescales = self.flag("do_rescale", true)?;
        let factor = match self.value("rescale_factor") {
            _ if !rescales => 1.0,
            Some(factor) => {
                factor.as_f64().filter(|x| x.is_finite()).ok_or_else(|| not_a("a number", "rescale_factor", factor))?
            }
            None => 1.0 / 255.0,
        };
        let normalises = self.flag("do_normalize", class.way != Way::MobileVit)? && class.way != Way::MobileVit;
        let numbers = |key: &str, usual: [f32; 3]| match self.value(key) {
            Some(value) => three(value).ok_or_else(|| not_a("three numbers", key, value)),
            None => says(key).map(|()| usual),
        };
        let includes_top = class.way == Way::EfficientNet && self.flag("include_top", true)?;
        let (mut mean, mut std) = ([0.0; 3], [1.0; 3]);
        if normalises {
            (mean, std) = (numbers("image_mean", class.mean)?, numbers("image_std", class.std)?);
        }
        if class.way == Way::EfficientNet && rescales && self.flag("rescale_offset", false)? {
            mean = mean.map(|mean| mean + 1.0);
        }
        if includes_top {
            let again = numbers("image_std", class.std)?;
            (0..3).for_each(|i| std[i] *= again[i]);
        }
        match std.contains(&0.0) {
            true => Err("image_std must not be 0".into()),
            false => Ok((factor as f32, mean, std)),
        }
    }
}

enum Size {
    /// Height and width.
    Exact(u32, u32),
    Shorter(u32),
}

impl Size {
    fn of(value: &Value, is_square: bool) -> Result<Size, String> {
        let Value::Object(sides) = value else {
            return match value {
                Value::Array(_) => frame("size", value).map(|(height, width)| Size::Exact(height, width)),
                _ if is_square => side("size", value).map(|side| Size::Exact(side, side)),
                _ => side("size", value).map(Size::Shorter),
            };
        };
        let given: Vec<&str> =
            sides.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.as_str()).collect();
        match given[..] {
            ["shortest_edge"] => side("size", &sides["shortest_edge"]).map(Size::Shorter),
            ["height", "width"] | ["width", "height"] => {
                Ok(Size::Exact(side("size", &sides["height"])?, side("size", &sides["width"])?))
            }
            _ => Err(format!("a size of {} gives pictures of different sizes: not supported", given.join(" and "))),
        }
    }
}

/// Height and width: of one number, of a list, or by name.
pub fn frame(key: &str, value: &Value) -> Result<(u32, u32), String> {
    match value {
        Value::Array(list) if list.len() == 2 => Ok((side(key, &list[0])?, side(key, &list[1])?)),
        Value::Object(sides) if sides.contains_key("height") && sides.contains_key("width") => {
            Ok((side(key, &sides["height"])?, side(key, &sides["width"])?))
        }
        Value::Array(_) | Value::Object(_) => Err(not_a("a height and a width", key, value)),
        one => side(key, one).map(|side| (side, side)),
    }
}

fn side(key: &str, value: &Value) -> Result<u32, String> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0);
    let number = number.filter(|number| (1.0..=f64::from(LONGEST)).contains(number));
    number.map(|number| number as u32).ok_or_else(|| not_a(&format!("a whole number from 1 to {LONGEST}"), key, value))
}

/// A length that was computed: cut off, not rounded.
fn checked(edge: f64) -> Result<u32, String> {
    match (1.0..f64::from(LONGEST) + 1.0).contains(&edge) {
        true => Ok(edge as u32),
        false => Err(format!("pictures of {edge} pixels are too large")),
    }
}

fn not_a(what: &str, key: &str, value: &Value) -> String {
    let text: String = value.to_string().chars().take(60).collect();
    format!("{key}: {text} is not {what}")
}

/// A filter by Pillow's number or name.
fn filter(value: &Value) -> Result<Filter, String> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..6.0).contains(number));
    let name = value.as_str().map(str::to_ascii_lowercase);
    match (number.map(|number| number as u8), name.as_deref()) {
        (Some(0), _) | (_, Some("nearest")) => Ok(Filter::Nearest),
        (Some(1), _) | (_, Some("lanczos")) => Ok(Filter::Lanczos),
        (Some(2), _) | (_, Some("bilinear")) => Ok(Filter::Bilinear),
        (Some(3), _) | (_, Some("bicubic")) => Ok(Filter::Bicubic),
        (Some(4), _) | (_, Some("box")) => Ok(Filter::Box),
        (Some(5), _) | (_, Some("hamming")) => Ok(Filter::Hamming),
        _ => Err(not_a("a known filter", "resample", value)),
    }
}

/// One number a channel, or one for all.
pub fn three(value: &Value) -> Option<[f32; 3]> {
    let numbers: Vec<f32> = match value {
        Value::Array(list) => list.iter().map(|x| x.as_f64().map(|x| x as f32)).collect::<Option<_>>()?,
        number => vec![number.as_f64()? as f32; 3],
    };
    let numbers = if let [one] = numbers[..] { vec![one; 3] } else { numbers };
    numbers.try_into().ok().filter(|numbers: &[f32; 3]| numbers.iter().all(|x| x.is_finite()))
}

/// How timm prepares pictures (`create_transform` for evaluation), from its `pretrained_cfg`.
pub fn timm(config: &Value) -> Result<Preprocess, String> {
    let fail = |problem: String| format!("pretrained_cfg: {problem}");
    let at = |key: &str| config.get(key).filter(|value| !value.is_null());
    let size = at("input_size").and_then(Value::as_array).filter(|size| size.len() == 3 && size[1] == size[2]);
    let size = size.ok_or_else(|| fail("input_size is not understood".into()))?;
    let side = side("input_size", &size[1]).map_err(fail)?;
    let share = at("crop_pct").map_or(Some(0.875), Value::as_f64).filter(|share| (0.1..=1.0).contains(share));
    let share = share.ok_or_else(|| fail("crop_pct is not understood".into()))?;
    let filter = match at("interpolation") {
        Some(name @ Value::String(_)) => {
            filter(name).map_err(|_| fail(format!("interpolation {name} is not known")))?
        }
        None => Filter::Bilinear,
        Some(other) => return Err(fail(format!("interpolation {other} is not known"))),
    };
    let fit = match at("crop_mode").and_then(Value::as_str).unwrap_or("center") {
        "center" => Fit::Cover { edge: (f64::from(side) / share).floor() as u32, middle: Middle::Even },
        "squash" => Fit::Stretch,
        other => return Err(fail(format!("crop_mode `{other}` is not known"))),
    };
    // ImageNet's mean and deviation, which timm takes where a model says none.
    let triple = |key: &str, usual: [f32; 3]| match at(key) {
        Some(value) => three(value).ok_or_else(|| fail(format!("{key} is not understood"))),
        None => Ok(usual),
    };
    let (mean, std) = (triple("mean", IMAGENET_MEAN)?, triple("std", IMAGENET_STD)?);
    if std.contains(&0.0) {
        return Err(fail("std must not be 0".into()));
    }
    Ok(Preprocess { fit, filter, mean, std, ..Preprocess::plain(side, side) })
}

/// How OpenCLIP prepares pictures (`image_transform_v2` for inference), from its `preprocess_cfg`; what is left out is
/// what OpenAI trained with, and what rclip has for this layout. immich rounds the middle down. `size` is height and width, where the configuration tells
/// none.
pub fn open_clip(config: &Value, size: Option<(u32, u32)>, middle: Middle) -> Result<Preprocess, String> {
    let at = |key: &str| config.get(key).filter(|value| !value.is_null());
    let told = at("size").map(|size| frame("size", size)).transpose()?;
    let (height, width) = told.or(size).ok_or("nothing tells how many pixels its input has")?;
    let triple = |key: &str, usual: [f32; 3]| match at(key) {
        Some(value) => three(value).ok_or_else(|| not_a("three numbers", key, value)),
        None => Ok(usual),
    };
    let (mean, std) = (triple("mean", OPENAI_MEAN)?, triple("std", OPENAI_STD)?);
    if std.contains(&0.0) {
        return Err("std must not be 0".into());
    }
    let word = |key: &str, usual: &'static str| match at(key) {
        Some(value) => value.as_str().ok_or_else(|| not_a("a word", key, value)),
        None => Ok(usual),
    };
    let filter = match word("interpolation", "bicubic")? {
        "bicubic" => Filter::Bicubic,
        "bilinear" => Filter::Bilinear,
        other => return Err(format!("interpolation `{other}` is not known")),
    };
    if let other @ ("L" | "RGBA" | "CMYK") = word("mode", "RGB")? {
        return Err(format!("mode `{other}` is not supported"));
    }
    let edge = width.min(height);
    let fit = match word("resize_mode", "shortest")? {
        "shortest" if width == height => Fit::Cover { edge, middle },
        "squash" => Fit::Stretch,
        "longest" => Fit::Pad,
        other => return Err(format!("resize_mode `{other}` is not known")),
    };
    let grey = at("fill_color").and_then(Value::as_u64).unwrap_or(0).min(255) as u8;
    let background = if fit == Fit::Pad { Colour([grey; 3]) } else { Colour::WHITE };
    Ok(Preprocess { fit, filter, background, mean, std, ..Preprocess::plain(height, width) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::layout::Form;
    use super::*;
    use crate::image::Rgb;

    /// As in `tests/data/processors/make.py`.
    fn picture(width: u32, height: u32) -> Rgb {
        let at = |x: u32, y: u32, k: u32| (x * (3 + 2 * k) + y * (7 - k) + (x * y) % 11 * 9 + k * 40) as u8;
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Rgb { width, height, pixels: places.flat_map(|(x, y)| (0..3).map(move |k| at(x, y, k))).collect() }
    }

    fn reads(config: &Value) -> Result<Preprocess, String> {
        read(config.as_object().expect("an object"), config)
    }

    #[test]
    fn every_class_gives_the_pixels_of_the_original() {
        let path = format!("{}/tests/data/processors/golden.json", env!("CARGO_MANIFEST_DIR"));
        let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).expect("golden.json")).expect("JSON");
        let mut tried: Vec<&str> = Vec::new();
        for case in &cases {
            let mut config = case["config"].clone();
            let model = config.as_object_mut().and_then(|config| config.remove("model_type"));
            let given = config.as_object().expect("an object");
            let found = read(given, &json!({ "model_type": model }));
            let found = found.unwrap_or_else(|problem| panic!("{config}: {problem}"));
            assert_eq!(
                (json!(found.width), json!(found.height)),
                (case["width"].clone(), case["height"].clone()),
                "{config}"
            );
            tried.extend(
                CLASSES
                    .iter()
                    .map(|class| class.name)
                    .find(|name| config["image_processor_type"].as_str() == Some(&format!("{name}ImageProcessor"))),
            );
            // A step of 255 is what Pillow's rounding and ours differ by now and then.
            let step = if found.float { 0.02 } else { 1.02 };
            let step =
                step * found.factor / found.std.iter().fold(f32::MAX, |least, std| least.min(*std)) * 1000.0 + 0.51;
            let (width, height) = (found.width as usize, found.height as usize);
            let (mut worst, mut sum, mut count) = (0f32, 0f32, 0f32);
            for ((width_of, height_of), wanted) in
                [(40, 30), (33, 47), (100, 20), (9, 14)].into_iter().zip(case["pictures"].as_array().expect("a list"))
            {
                let mut planes = vec![0.0; 3 * width * height];
                found.fill(Form::USUAL, &picture(width_of, height_of), &mut planes);
                let wanted: Vec<f32> =
                    wanted.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number") as f32).collect();
                let places = wanted.len() / 3;
                for (i, wanted) in wanted.as_chunks::<3>().0.iter().enumerate() {
                    let (y, x) = ((i * 7 % places) * (height - 1) / (places - 1), i * (width - 1) / (places - 1));
                    for (k, wanted) in wanted.iter().enumerate() {
                        let is = planes[k * width * height + y * width + x] * 1000.0;
                        let differs = (is - wanted).abs();
                        assert!(
                            differs <= step,
                            "{config}, {width_of} x {height_of}, {x}, {y}, {k}: {is}, not {wanted}"
                        );
                        (worst, sum, count) = (worst.max(differs), sum + differs, count + 1.0);
                    }
                }
            }
            // Golden numbers are rounded to whole thousandths.
            assert!(sum / count <= step / 5.0 + 0.3, "{config}: {} off on average, {worst} at most", sum / count);
        }
        tried.sort_unstable();
        tried.dedup();
        assert_eq!(tried.len(), CLASSES.len(), "every class is tried: {tried:?}");
    }

    #[test]
    fn what_is_not_known_is_refused_and_named() {
        let vit = |key: &str, value: Value| json!({ "image_processor_type": "ViTImageProcessor", key: value });
        let clip = |key: &str, value: Value| json!({ "image_processor_type": "CLIPImageProcessor", key: value });
        for (config, wanted) in [
            (
                json!({ "image_processor_type": "DonutImageProcessor" }),
                "`DonutImageProcessor` is not known; known are those of Beit,",
            ),
            (json!({ "image_processor_type": "Siglip2ImageProcessor" }), "cuts pictures of any shape into patches"),
            (json!({ "size": 24 }), "does not say `resample`"),
            (json!({ "resample": 2, "size": 24 }), "does not say `image_mean`"),
            (vit("crop_pct", json!(0.9)), "`crop_pct` is not supported"),
            (vit("do_thumbnail", json!(true)), "`do_thumbnail` is not supported"),
            (vit("data_format", json!("channels_last")), "`data_format` is not supported"),
            (vit("do_resize", json!(false)), "without do_resize"),
            (vit("size", json!("224")), "size: \"224\" is not a whole number from 1 to 4096"),
            (vit("size", json!({ "longest_edge": 224 })), "a size of longest_edge"),
            (
                vit("size", json!({ "shortest_edge": 224, "longest_edge": 300 })),
                "a size of shortest_edge and longest_edge",
            ),
            (vit("size", json!([1, 2, 3])), "is not a height and a width"),
            (vit("size", json!(0)), "size: 0 is not"),
            (vit("size", json!(224.5)), "size: 224.5 is not"),
            (vit("resample", json!(9)), "resample: 9 is not a known filter"),
            (vit("resample", json!("sharp")), "resample: \"sharp\" is not a known filter"),
            (vit("image_mean", json!([0.5, 0.5])), "image_mean: [0.5,0.5] is not three numbers"),
            (vit("image_std", json!(0)), "image_std must not be 0"),
            (vit("do_center_crop", json!(true)), "does not say `crop_size`"),
            (vit("do_normalize", json!("no")), "do_normalize: \"no\" is not true or false"),
            (vit("rescale_factor", json!("1/255")), "rescale_factor: \"1/255\" is not a number"),
            (clip("do_center_crop", json!(false)), "gives pictures of different sizes"),
            (
                clip("crop_size", json!({ "shortest_edge": 224 })),
                "crop_size: {\"shortest_edge\":224} is not a height and a width",
            ),
        ] {
            let said = reads(&config).expect_err(&config.to_string());
            assert!(said.contains(wanted), "{config}: {said}");
        }
    }

    #[test]
    fn keys_that_do_not_show_in_the_pixels_are_passed_over() {
        let plain = reads(&json!({ "image_processor_type": "ViTImageProcessor" }));
        let more = json!({
            "image_processor_type": "ViTImageProcessor", "_valid_processor_keys": ["images"], "processor_class": "X",
            "do_convert_rgb": true, "crop_pct": null, "do_flip_channel_order": false, "do_pad": false, "size": 224.0,
            "resample": "Bilinear", "image_mean": [0.5, 0.5, 0.5], "rescale_factor": null, "data_format": "channels_first",
        });
        assert_eq!(reads(&more), plain);
    }

    #[test]
    fn a_step_more_in_the_preparation_is_another_identity_and_nothing_else_is() {
        let plain = Preprocess::plain(4, 5);
        assert_eq!(
            format!("{plain:?}"),
            "Preprocess { width: 5, height: 4, fit: Stretch, filter: Bilinear, crop: None, background: Colour([255, 255, \
             255]), factor: 0.003921569, mean: [0.0, 0.0, 0.0], std: [1.0, 1.0, 1.0] }"
        );
        assert!(format!("{:?}", Preprocess { bgr: true, ..plain }).ends_with("std: [1.0, 1.0, 1.0], bgr: true }"));
    }
}
