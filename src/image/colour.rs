//! Colours, and what shines through a transparent picture.

use ::image::DynamicImage;

use super::{Frame, Rgb, Rgba};

/// An RGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// What stands behind pictures if nobody says otherwise.
    pub const WHITE: Colour = Colour([255; 3]);
}

impl std::str::FromStr for Colour {
    type Err = String;

    /// `white`, `black`, `grey` or `#rrggbb`.
    fn from_str(text: &str) -> Result<Colour, String> {
        match text.to_ascii_lowercase().as_str() {
            "white" => return Ok(Colour::WHITE),
            "black" => return Ok(Colour([0; 3])),
            "grey" | "gray" => return Ok(Colour([128; 3])),
            _ => {}
        }
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let [_, r, g, b] = value.ok_or("expected white, black, grey or #rrggbb")?.to_be_bytes();
        Ok(Colour([r, g, b]))
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

/// Over the background, as Pillow does it: `(alpha × colour + (255 − alpha) × background) / 255`, rounded.
pub(super) fn over(frame: Frame, background: Colour) -> Rgb {
    let Frame { image, premultiplied, .. } = frame;
    let (width, height) = (image.width(), image.height());
    if !image.color().has_alpha() {
        return Rgb { width, height, pixels: image.into_rgb8().into_raw() };
    }
    let [red, green, blue] = background.0;
    // In place: a second picture beside a large one is what the memory has no room for.
    let mut pixels = image.into_rgba8().into_raw();
    let mut end = 0;
    for at in (0..pixels.len()).step_by(4) {
        let [r, g, b, a] = *pixels[at..].first_chunk().expect("four bytes a pixel");
        let colour = match a {
            255 => [r, g, b],
            _ if premultiplied => [add(r, red, a), add(g, green, a), add(b, blue, a)],
            0 => background.0,
            _ => [blend(r, red, a), blend(g, green, a), blend(b, blue, a)],
        };
        pixels[end..end + 3].copy_from_slice(&colour);
        end += 3;
    }
    pixels.truncate(end);
    Rgb { width, height, pixels }
}

/// White behind what is dark, black behind what is bright: the mean luma (ITU-R BT.601) of what is not transparent decides.
pub(super) fn contrast(frame: &Frame) -> Colour {
    if !frame.image.color().has_alpha() {
        return Colour::WHITE;
    }
    let (mut luma, mut alpha) = (0u64, 0u64);
    for (_, _, pixel) in ::image::GenericImageView::pixels(&frame.image) {
        let [r, g, b, a] = pixel.0.map(u64::from);
        let own = 299 * r + 587 * g + 114 * b;
        luma += if frame.premultiplied { own * 255 } else { own * a };
        alpha += a;
    }
    if luma < alpha * 128 * 1000 { Colour::WHITE } else { Colour([0; 3]) }
}

/// With its transparency, the colours multiplied by it.
pub(super) fn multiplied(frame: Frame) -> Rgba {
    let Frame { image, premultiplied, .. } = frame;
    let (width, height) = (image.width(), image.height());
    let multiply = image.color().has_alpha() && !premultiplied;
    let mut pixels = image.into_rgba8().into_raw();
    if multiply {
        for [r, g, b, a] in pixels.as_chunks_mut().0 {
            [*r, *g, *b] = [*r, *g, *b].map(|colour| blend(colour, 0, *a));
        }
    }
    Rgba { width, height, pixels }
}

fn blend(colour: u8, background: u8, alpha: u8) -> u8 {
    let (c, b, a) = (u32::from(colour), u32::from(background), u32::from(alpha));
    u8::try_from((c * a + b * (255 - a) + 127) / 255).expect("a mean of two bytes is a byte")
}

/// As [`blend`], of a colour that is multiplied by alpha already.
fn add(colour: u8, background: u8, alpha: u8) -> u8 {
    colour.saturating_add(blend(0, background, alpha))
}

/// Inks to light, as Pillow does it (`Convert.c`, `cmyk2rgb`), in place.
pub(super) fn inks_to_rgb(image: DynamicImage) -> DynamicImage {
    let (width, height, mut inks) = (image.width(), image.height(), image.into_rgba8().into_raw());
    let product = |a: u8, b: u8| {
        let product = u32::from(a) * u32::from(b) + 128;
        (((product >> 8) + product) >> 8) as u8
    };
    let mut end = 0;
    for at in (0..inks.len()).step_by(4) {
        let [c, m, y, k] = *inks[at..].first_chunk().expect("four bytes a pixel");
        let light = 255 - k;
        let rgb = [c, m, y].map(|ink| light - product(ink, light));
        inks[end..end + 3].copy_from_slice(&rgb);
        end += 3;
    }
    inks.truncate(end);
    of_channels(width, height, 3, inks)
}

/// A picture of 8 bits a channel: grey, grey and alpha, RGB, or RGBA (or four inks).
///
/// # Panics
/// If there are other than `width × height × channels` bytes.
pub(super) fn of_channels(width: u32, height: u32, channels: usize, pixels: Vec<u8>) -> DynamicImage {
    let image = match channels {
        1 => ::image::GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        2 => ::image::GrayAlphaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        3 => ::image::RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        _ => ::image::RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
    };
    image.expect("as many bytes as the picture has")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_parse() {
        assert_eq!("#102030".parse(), Ok(Colour([16, 32, 48])));
        assert_eq!("White".parse(), Ok(Colour::WHITE));
        for wrong in ["#12", "reddish", "#gggggg", "#+12345", "102030"] {
            assert!(wrong.parse::<Colour>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn inks_darken_one_another() {
        let inks = vec![0, 0, 0, 0, 255, 0, 0, 0, 0, 128, 255, 0, 10, 20, 30, 128, 0, 0, 0, 255];
        let rgb = inks_to_rgb(of_channels(5, 1, 4, inks)).into_rgb8().into_raw();
        assert_eq!(rgb, [255, 255, 255, 0, 255, 255, 255, 127, 0, 122, 117, 112, 0, 0, 0]);
    }
}
