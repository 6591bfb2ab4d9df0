//! WebP: the pixels by `image`; what stands beside them by its container (RIFF).

use std::io::Cursor;

use ::image::codecs::webp::WebPDecoder;
use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageDecoder};

use super::profile::Space;
use super::{Error, Format, Frame, Header, Opened, by_image, orientation};

/// A WebP whose header is read.
pub(super) struct WebP<'a> {
    decoder: WebPDecoder<Cursor<&'a [u8]>>,
    orientation: Orientation,
    profile: Option<&'a [u8]>,
    has_end: bool,
}

impl<'a> WebP<'a> {
    /// Reads the container.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn open(bytes: &'a [u8]) -> Result<WebP<'a>, Error> {
        let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|e| by_image::problem(Format::WebP, &e))?;
        let length = bytes.get(4..8).map_or(0, |length| u32_of(length) as usize + 8);
        let (orientation, profile) = beside(bytes);
        Ok(WebP { decoder, orientation, profile, has_end: bytes.len() >= length })
    }
}

/// How it is turned, and its profile. What the header does not say to be there does not count, as libwebp has it.
fn beside(bytes: &[u8]) -> (Orientation, Option<&[u8]>) {
    let (mut exif, mut xmp, mut profile, mut flags) = (None, None, None, 0);
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((&[ref name @ .., a, b, c, d], after)) = rest.split_first_chunk::<8>() {
        let length = u32_of(&[a, b, c, d]) as usize;
        let Some(data) = after.get(..length) else { break };
        match name {
            b"VP8X" => flags = data.first().copied().unwrap_or(0),
            b"EXIF" if flags & 8 != 0 => exif = exif.or(Some(data)),
            b"ICCP" if flags & 0x20 != 0 => profile = profile.or(Some(data)),
            b"XMP " if flags & 4 != 0 => xmp = xmp.or(Some(data)),
            _ => {}
        }
        rest = after.get(length + length % 2..).unwrap_or_default();
    }
    (orientation::of(exif, xmp), profile)
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

impl Opened for WebP<'_> {
    fn header(&self) -> Header {
        let (width, height) = self.decoder.dimensions();
        let pixel_bytes = self.decoder.color_type().bytes_per_pixel().into();
        Header { width, height, pixel_bytes, orientation: self.orientation }
    }

    fn has_end(&self) -> bool {
        self.has_end
    }

    fn space(&self) -> Option<Space> {
        self.profile.map(|bytes| Space::Profile(bytes.into()))
    }

    fn frame(self: Box<Self>, _: Option<u32>) -> Result<Frame, Error> {
        let image = DynamicImage::from_decoder(self.decoder).map_err(|e| by_image::problem(Format::WebP, &e))?;
        Ok(Frame::of(image))
    }
}
