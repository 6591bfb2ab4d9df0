//! How `timm` prepares pictures.

use serde_json::Value;

use super::values::{filter, side, three};
use super::{IMAGENET_MEAN, IMAGENET_STD};
use crate::image::{Filter, Fit, Middle};
use crate::model::preprocess::Preprocess;

/// How timm prepares pictures (`create_transform` for evaluation), from its `pretrained_cfg`.
pub(crate) fn timm(config: &Value) -> Result<Preprocess, String> {
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
