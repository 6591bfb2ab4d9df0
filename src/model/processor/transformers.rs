//! How `transformers` prepares pictures: a processor's configuration, and its class for what that leaves out.

use serde_json::{Map, Value};

use super::classes::{CLASSES, Class, PLAIN, Usual, Way};
use super::timm::timm;
use super::values::{LONGEST, filter, frame, not_a, side, three};
use crate::image::{Colour, Fit, Middle};
use crate::model::preprocess::Preprocess;

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

pub(super) fn read(config: &Map<String, Value>, model: &Value) -> Result<Preprocess, String> {
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

/// A length that was computed: cut off, not rounded.
fn checked(edge: f64) -> Result<u32, String> {
    match (1.0..f64::from(LONGEST) + 1.0).contains(&edge) {
        true => Ok(edge as u32),
        false => Err(format!("pictures of {edge} pixels are too large")),
    }
}

#[cfg(test)]
mod tests;
