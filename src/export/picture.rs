//! A picture of a data set: the original bytes where tools read them, else new ones; and where its boxes come to lie.

use std::borrow::Cow;

use crate::image::{self, Colour, Encoding, Filter, Flaw, Format, Placement};
use crate::output::made::Made;
use crate::table::boxes::{self, Bounds};

/// Where a PNG says the bits of a sample: in its first chunk, which is IHDR.
const PNG_DEPTH: usize = 24;

/// How a picture is made to fill its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Fit {
    /// Its shape is lost
    #[default]
    Stretch,
    /// Scaled to lie inside, the rest is background
    Pad,
    /// Scaled until the frame is covered, the middle cut out
    Crop,
}

impl From<Fit> for image::Fit {
    fn from(fit: Fit) -> image::Fit {
        match fit {
            Fit::Stretch => image::Fit::Stretch,
            Fit::Pad => image::Fit::Pad,
            Fit::Crop => image::Fit::Crop,
        }
    }
}

/// What is done to every picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Recipe {
    /// Width and height of the frame; `None` keeps the size.
    pub size: Option<(u32, u32)>,
    /// How the frame is filled: [`image::Fit::Stretch`], [`image::Fit::Pad`] or [`image::Fit::Crop`].
    pub fit: image::Fit,
    /// How it is written; `None` keeps the bytes, where the size is kept and tools read them.
    pub encoding: Option<Encoding>,
    /// Of JPEGs, 1 to 100.
    pub quality: u8,
    pub background: Colour,
}

/// A picture that was made.
#[derive(Debug)]
pub(super) struct Picture<'a> {
    pub made: Made,
    pub bytes: Cow<'a, [u8]>,
    /// Width and height of the upright original.
    pub from: (u32, u32),
    /// What is wrong with the original, though it shows a picture.
    pub flaw: Option<Flaw>,
}

impl Recipe {
    /// The extension of the file of a picture of these bytes.
    ///
    /// # Errors
    /// The bytes are no image.
    pub(super) fn extension(&self, bytes: &[u8]) -> Result<&'static str, image::Error> {
        match self.encoding(bytes)? {
            Some(encoding) => Ok(encoding.extension()),
            None => Ok(image::format(bytes)?.extension()),
        }
    }

    /// Whether the bytes of this picture stay as they are.
    ///
    /// # Errors
    /// The bytes are no image.
    pub(super) fn keeps(&self, bytes: &[u8]) -> Result<bool, image::Error> {
        Ok(self.encoding(bytes)?.is_none())
    }

    /// How a picture of these bytes is written; `None`: as it is. Bytes stay, but those of a picture that lies on its
    /// side until EXIF is heeded, which most training tools do not, of PNGs of 16 bits, which Pillow and torchvision clip
    /// to white, and of formats that one of them does not list. Else a JPEG stays one, and all others are written without
    /// loss, in 8 bits.
    fn encoding(&self, bytes: &[u8]) -> Result<Option<Encoding>, image::Error> {
        if self.encoding.is_some() {
            return Ok(self.encoding);
        }
        let format = image::format(bytes)?;
        let common = matches!(format, Format::Png | Format::Jpeg | Format::WebP | Format::Bmp);
        let deep = format == Format::Png && bytes.get(PNG_DEPTH) == Some(&16);
        if self.size.is_none() && common && !deep && image::is_upright(bytes)? {
            return Ok(None);
        }
        Ok(Some(if format == Format::Jpeg { Encoding::Jpeg } else { Encoding::Png }))
    }

    /// Makes the picture. It is decoded even where its bytes stay, so that no damaged one gets into a data set.
    ///
    /// # Errors
    /// The bytes are no sound image.
    pub(super) fn apply<'a>(&self, bytes: &'a [u8], source: [u8; 32]) -> Result<Picture<'a>, image::Error> {
        let encoding = self.encoding(bytes)?;
        let (mut rgb, flaw) = image::decode_with_flaw(bytes, self.background, None)?;
        let from = (rgb.width, rgb.height);
        if let Some((width, height)) = self.size {
            rgb = rgb.resize_quickly(width, height, self.fit, Filter::Bilinear, self.background);
        }
        let new = match encoding {
            None => Cow::Borrowed(bytes),
            Some(Encoding::Jpeg) => Cow::Owned(image::encode_jpeg(&rgb, self.quality)?),
            Some(other) => Cow::Owned(image::encode(&rgb, other)?),
        };
        let content = if encoding.is_none() { source } else { *blake3::hash(&new).as_bytes() };
        let made = Made { source, content, width: rgb.width, height: rgb.height, length: new.len() as u64 };
        rgb.give_back();
        Ok(Picture { made, bytes: new, from, flaw })
    }

    /// Boxes of an upright picture of this size, moved along with it into the frame and cut off at its edges. Those
    /// that are not seen any more are left out.
    pub(super) fn move_boxes(&self, from: (u32, u32), boxes: &[Bounds]) -> Vec<Bounds> {
        boxes::moved(boxes, &Placement::of(from, self.size, self.fit))
    }

    /// The recipe in words, for a footer.
    pub(super) fn describe(&self) -> String {
        let Some(encoding) = self.encoding.map(Encoding::extension).or(self.size.map(|_| "own")) else {
            return format!("size=original encode=keep quality={} background={}", self.quality, self.background);
        };
        let size = self.size.map_or("original".into(), |(width, height)| format!("{width}x{height}"));
        let fit = match self.fit {
            image::Fit::Pad => "pad",
            image::Fit::Crop => "crop",
            _ => "stretch",
        };
        format!("size={size} fit={fit} encode={encoding} quality={} background={}", self.quality, self.background)
    }
}
