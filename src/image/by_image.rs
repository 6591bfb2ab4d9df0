//! The formats that `image` reads well enough as it is: BMP, PNM, QOI, TGA, and the bitmaps in icons.

use std::io::Cursor;

use ::image::error::ImageError;
use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::{Error, Format, Frame, Header, MAX_BYTES, Opened, plain};

/// A picture whose header is read.
pub(super) struct ByImage<'a> {
    format: Format,
    decoder: Box<dyn ImageDecoder + 'a>,
}

impl<'a> ByImage<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is damaged, or of a kind that cannot be read.
    pub(super) fn open(bytes: &'a [u8], format: Format) -> Result<ByImage<'a>, Error> {
        ByImage::of_reader(Cursor::new(bytes), format)
    }

    /// As [`ByImage::open`], of bytes that were put together.
    ///
    /// # Errors
    /// As [`ByImage::open`].
    pub(super) fn of_reader(
        bytes: impl std::io::BufRead + std::io::Seek + 'a,
        format: Format,
    ) -> Result<ByImage<'a>, Error> {
        let its = match format {
            Format::Bmp => ImageFormat::Bmp,
            Format::Pnm => ImageFormat::Pnm,
            Format::Qoi => ImageFormat::Qoi,
            Format::Tga => ImageFormat::Tga,
            _ => ImageFormat::Ico,
        };
        let mut reader = ImageReader::with_format(bytes, its);
        let mut limits = ::image::Limits::default();
        limits.max_alloc = Some(MAX_BYTES);
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(|e| problem(format, &e))?;
        Ok(ByImage { format, decoder: Box::new(decoder) })
    }
}

impl Opened for ByImage<'_> {
    fn header(&self) -> Header {
        let (width, height) = self.decoder.dimensions();
        let pixel_bytes = self.decoder.color_type().bytes_per_pixel().into();
        Header { width, height, pixel_bytes, orientation: Orientation::NoTransforms }
    }

    fn frame(self: Box<Self>, _: Option<u32>) -> Result<Frame, Error> {
        let image = DynamicImage::from_decoder(self.decoder).map_err(|e| problem(self.format, &e))?;
        Ok(Frame::of(image))
    }
}

/// What `image` says, in our words.
pub(super) fn problem(format: Format, error: &ImageError) -> Error {
    match error {
        ImageError::Unsupported(e) => Error::Unsupported(format!("{} ({e})", format.name())),
        ImageError::Limits(_) => Error::damaged(format, "it claims more pixels than are allowed"),
        ImageError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::damaged(format, "the file ends within it")
        }
        other => {
            let text = other.to_string();
            // `image` puts "Format error decoding Png: " before what the codec says.
            let problem = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
            Error::damaged(format, &plain(problem))
        }
    }
}
