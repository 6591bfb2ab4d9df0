//! Pictures to files.

use image::{ExtendedColorType, ImageEncoder};

use super::averaged::Averaged;
use super::{Error, Rgb};

/// A format that images are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Encoding {
    /// Lossless, and as small as other programs' PNG
    #[default]
    Png,
    /// Lossy, quality 90
    Jpeg,
    /// Lossless WebP, smaller than PNG
    Webp,
}

impl Encoding {
    /// The usual extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Encoding::Png => "png",
            Encoding::Jpeg => "jpg",
            Encoding::Webp => "webp",
        }
    }
}

/// Encodes an image.
///
/// # Errors
/// The format cannot hold an image of this size (JPEG: 65535 pixels a side, WebP: 16384).
pub fn encode(image: &Rgb, encoding: Encoding) -> Result<Vec<u8>, Error> {
    use image::codecs::{png, webp};
    let mut out = Vec::new();
    let (pixels, width, height, rgb) = (&image.pixels, image.width, image.height, ExtendedColorType::Rgb8);
    let result = match encoding {
        Encoding::Png => {
            // A twentieth more bytes than level 4, for a tenth less time; level 1 makes a third more.
            let (compression, filter) = (png::CompressionType::Level(2), png::FilterType::Adaptive);
            png::PngEncoder::new_with_quality(&mut out, compression, filter).write_image(pixels, width, height, rgb)
        }
        Encoding::Jpeg => return encode_jpeg(image, JPEG_QUALITY),
        Encoding::Webp => webp::WebPEncoder::new_lossless(&mut out).write_image(pixels, width, height, rgb),
    };
    result.map_err(|e| Error::Unsupported(format!("{width} x {height} pixels as {}: {e}", encoding.extension())))?;
    Ok(out)
}

/// The quality of a JPEG that nobody asked another of.
pub const JPEG_QUALITY: u8 = 90;

/// Encodes a baseline JPEG as Pillow does: quality from 1 to 100, chroma at half the resolution, each the mean of four.
///
/// # Errors
/// The format cannot hold more than 65535 pixels a side.
pub fn encode_jpeg(image: &Rgb, quality: u8) -> Result<Vec<u8>, Error> {
    let (width, height) = (image.width, image.height);
    let problem = |e: String| Error::Unsupported(format!("{width} x {height} pixels as jpg: {e}"));
    let averaged = Averaged::of(image).ok_or_else(|| problem("at most 65535 pixels a side".into()))?;
    let mut out = Vec::with_capacity(image.pixels.len() / 8);
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.encode_image(averaged).map_err(|e| problem(e.to_string()))?;
    Ok(out)
}
