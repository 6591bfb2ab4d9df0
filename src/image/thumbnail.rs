//! Small JPEGs of pictures, for people to look at.

use super::{Colour, Error, Filter, Fit, Rgb, decode_srgb, encode_jpeg};

/// Of what nobody prints.
const QUALITY: u8 = 85;

/// A JPEG of a picture, upright, in sRGB, over white, no side longer than `size`, no larger than it is.
///
/// # Errors
/// As [`decode`](super::decode).
pub fn thumbnail(picture: &[u8], size: u32) -> Result<Vec<u8>, Error> {
    let (rgb, _) = decode_srgb(picture, Colour::WHITE, Some(size))?;
    thumbnail_of(&rgb, size)
}

/// A JPEG of it, no side longer than `size`, no larger than it is.
///
/// # Errors
/// It is larger than a JPEG can be.
pub fn thumbnail_of(rgb: &Rgb, size: u32) -> Result<Vec<u8>, Error> {
    let longest = rgb.width.max(rgb.height).max(1);
    let side = |side: u32| match longest > size {
        true => (u64::from(side) * u64::from(size)).div_ceil(u64::from(longest)).clamp(1, size.into()) as u32,
        false => side,
    };
    let (width, height) = (side(rgb.width), side(rgb.height));
    let small = rgb.resize_quickly(width, height, Fit::Stretch, Filter::Lanczos, Colour([255; 3]));
    encode_jpeg(&small, QUALITY)
}
