//! GIF, by the `gif` crate itself: `image`, which decodes through it, refuses extension blocks that it does not know,
//! which the format says are to be skipped (GIF89a, section 12).

use std::num::NonZeroU64;

use ::image::RgbaImage;
use ::image::metadata::Orientation;

use super::{Error, Format, Frame, Header, MAX_BYTES, Opened};

/// A GIF whose header is read.
pub(super) struct Gif<'a> {
    bytes: &'a [u8],
    decoder: gif::Decoder<&'a [u8]>,
}

impl<'a> Gif<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Gif<'a>, Error> {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        options.allow_unknown_blocks(true);
        options.set_memory_limit(gif::MemoryLimit::Bytes(NonZeroU64::new(MAX_BYTES).expect("not zero")));
        let decoder = options.read_info(bytes).map_err(|e| damaged(&e.to_string()))?;
        Ok(Gif { bytes, decoder })
    }
}

impl Opened for Gif<'_> {
    fn header(&self) -> Header {
        let (width, height) = (self.decoder.width().into(), self.decoder.height().into());
        Header { width, height, pixel_bytes: 4, orientation: Orientation::NoTransforms }
    }

    fn has_end(&self) -> bool {
        has_end(self.bytes)
    }

    /// The first frame on its logical screen; what the frame does not cover is transparent.
    fn frame(mut self: Box<Self>, _: Option<u32>) -> Result<Frame, Error> {
        let (width, height) = (u32::from(self.decoder.width()), u32::from(self.decoder.height()));
        let frame = self.decoder.read_next_frame().map_err(|e| damaged(&e.to_string()))?;
        let frame = frame.ok_or_else(|| damaged("it has no frame"))?;
        let (left, top) = (i64::from(frame.left), i64::from(frame.top));
        let picture = RgbaImage::from_raw(frame.width.into(), frame.height.into(), frame.buffer.to_vec());
        let picture = picture.ok_or_else(|| damaged("its frame is incomplete"))?;
        let image = if (left, top, picture.width(), picture.height()) == (0, 0, width, height) {
            picture
        } else {
            let mut screen = RgbaImage::new(width, height);
            ::image::imageops::replace(&mut screen, &picture, left, top);
            screen
        };
        Ok(Frame::of(image.into()))
    }
}

/// Whether the blocks lead to the trailer. `true` also where they lead to what is no block.
fn has_end(bytes: &[u8]) -> bool {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + bytes.get(10).map_or(0, |&flags| table(flags));
    loop {
        at += match (bytes.get(at), bytes.get(at + 9)) {
            (Some(0x21), _) => 2,
            (Some(0x2c), Some(&flags)) => 11 + table(flags),
            (None, _) | (Some(0x2c), None) => return false,
            (Some(_), _) => return true,
        };
        // Parts of up to 255 bytes, until an empty one.
        loop {
            match bytes.get(at) {
                None => return false,
                Some(0) => break,
                Some(&length) => at += 1 + usize::from(length),
            }
        }
        at += 1;
    }
}

fn damaged(problem: &str) -> Error {
    Error::damaged(Format::Gif, problem)
}
