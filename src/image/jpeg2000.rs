//! JPEG 2000 (ISO/IEC 15444-1), by `hayro-jpeg2000`: in its container, and bare.

use ::image::metadata::Orientation;
use hayro_jpeg2000::{ColorSpace, DecodeError, DecodeSettings, DecoderContext, Image};

use super::colour::of_channels;
use super::profile::Space;
use super::{Error, Format, Frame, Header, Opened};

/// A file whose header is read.
pub(super) struct Jpeg2000<'a> {
    image: Image<'a>,
    channels: u8,
    inks: bool,
}

impl<'a> Jpeg2000<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is damaged, or says that the picture is of a kind that cannot be read.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Jpeg2000<'a>, Error> {
        let image = Image::new(bytes, &DecodeSettings::default()).map_err(problem)?;
        let colours = image.color_space().num_channels();
        let inks = match image.color_space() {
            ColorSpace::CMYK => true,
            ColorSpace::Icc { num_channels, .. } => *num_channels == 4,
            _ => false,
        };
        if !(colours == 1 || colours == 3 || inks) || inks && image.has_alpha() {
            return Err(Error::Unsupported(format!("JPEG 2000 ({colours} channels of colour)")));
        }
        let channels = colours + u8::from(image.has_alpha());
        Ok(Jpeg2000 { image, channels, inks })
    }
}

impl Opened for Jpeg2000<'_> {
    fn header(&self) -> Header {
        let (width, height) = (self.image.width(), self.image.height());
        // A channel is computed in numbers of 32 bits.
        Header { width, height, pixel_bytes: 4 * u64::from(self.channels), orientation: Orientation::NoTransforms }
    }

    fn space(&self) -> Option<Space> {
        match self.image.color_space() {
            ColorSpace::Icc { profile, .. } => Some(Space::Profile(profile.clone())),
            _ => None,
        }
    }

    fn frame(self: Box<Self>, _: Option<u32>) -> Result<Frame, Error> {
        let Header { width, height, .. } = self.header();
        let mut context = DecoderContext::default();
        let pixels = self.image.decode(&mut context).map_err(problem)?.data_u8();
        drop(context);
        let channels = usize::from(self.channels);
        if pixels.len() != width as usize * height as usize * channels {
            return Err(Error::damaged(Format::Jpeg2000, "its channels are of several sizes"));
        }
        Ok(Frame { inks: self.inks, ..Frame::of(of_channels(width, height, channels, pixels)) })
    }
}

/// What the decoder says, in our words.
fn problem(error: DecodeError) -> Error {
    Error::damaged(Format::Jpeg2000, &error.to_string())
}
