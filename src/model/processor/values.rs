//! What a configuration's values stand for: sides, filters, a number for each channel.

use serde_json::Value;

use crate::image::Filter;

/// No side of what a model is fed, or of what that is cut from, is longer.
pub(super) const LONGEST: u32 = 4096;

/// Height and width: of one number, of a list, or by name.
pub(crate) fn frame(key: &str, value: &Value) -> Result<(u32, u32), String> {
    match value {
        Value::Array(list) if list.len() == 2 => Ok((side(key, &list[0])?, side(key, &list[1])?)),
        Value::Object(sides) if sides.contains_key("height") && sides.contains_key("width") => {
            Ok((side(key, &sides["height"])?, side(key, &sides["width"])?))
        }
        Value::Array(_) | Value::Object(_) => Err(not_a("a height and a width", key, value)),
        one => side(key, one).map(|side| (side, side)),
    }
}

pub(super) fn side(key: &str, value: &Value) -> Result<u32, String> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0);
    let number = number.filter(|number| (1.0..=f64::from(LONGEST)).contains(number));
    number.map(|number| number as u32).ok_or_else(|| not_a(&format!("a whole number from 1 to {LONGEST}"), key, value))
}

pub(super) fn not_a(what: &str, key: &str, value: &Value) -> String {
    let text: String = value.to_string().chars().take(60).collect();
    format!("{key}: {text} is not {what}")
}

/// A filter by Pillow's number or name.
pub(super) fn filter(value: &Value) -> Result<Filter, String> {
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
pub(super) fn three(value: &Value) -> Option<[f32; 3]> {
    let numbers: Vec<f32> = match value {
        Value::Array(list) => list.iter().map(|x| x.as_f64().map(|x| x as f32)).collect::<Option<_>>()?,
        number => vec![number.as_f64()? as f32; 3],
    };
    let numbers = if let [one] = numbers[..] { vec![one; 3] } else { numbers };
    numbers.try_into().ok().filter(|numbers: &[f32; 3]| numbers.iter().all(|x| x.is_finite()))
}
