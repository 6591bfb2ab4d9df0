//! How OpenCLIP prepares pictures.

use serde_json::Value;

use super::values::{frame, not_a, three};
use super::{OPENAI_MEAN, OPENAI_STD};
use crate::image::{Colour, Filter, Fit, Middle};
use crate::model::preprocess::Preprocess;

/// How OpenCLIP prepares pictures (`image_transform_v2` for inference), from its `preprocess_cfg`; what is left out is
/// what OpenAI trained with, and what rclip has for this layout. immich rounds the middle down. `size` is height and width, where the configuration tells
/// none.
pub(crate) fn open_clip(config: &Value, size: Option<(u32, u32)>, middle: Middle) -> Result<Preprocess, String> {
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
