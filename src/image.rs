//! Pixels: from the bytes of any image file to upright RGB, and on to the tensor that a model wants.
//!
//! Hides: formats, bit depths, colour types, orientation, transparency, resizing. Promises: whatever the bytes are,
//! [`decode`] returns within bounded memory an image or an error, and never panics; the pixels are those that
//! Pillow's `paste` over the background gives, to within one step of 255 (`docs/formats.md` has where it is more). What is
//! damaged or cut short and shows a picture all the same is read, with a [`Flaw`]; what is sound and cannot be read is
//! [`Error::Unsupported`], not damaged.
//!
//! A format is a module that opens its files (`Opened`): first the header, from which size and memory are known, then the
//! pixels.

mod averaged;
mod by_image;
mod colour;
pub(crate) mod directory;
mod encode;
mod float;
mod formats;
mod gif;
mod heif;
mod icon;
mod jpeg;
mod jpeg2000;
mod jpeg_xl;
mod linear;
mod orientation;
mod pages;
mod placement;
mod png;
mod profile;
mod raw;
mod resize;
mod sensor;
mod several;
mod thumbnail;
mod tiff;
mod webp;

use std::sync::{Mutex, MutexGuard, PoisonError};

use ::image::DynamicImage;
use ::image::metadata::Orientation;

pub use colour::Colour;
pub use encode::{Encoding, JPEG_QUALITY, encode, encode_jpeg};
pub use formats::{Format, format, format_of_extension};
pub use pages::{Page, has_pages, page, pages};
pub use placement::Placement;
pub use resize::{Filter, Fit, Middle, letterboxed};
pub use several::frames;
pub use thumbnail::{thumbnail, thumbnail_of};

use self::profile::Space;
use crate::guard;

/// No image may have more pixels than this. 179 megapixels is where Pillow refuses too; the largest camera sensors
/// have 150.
pub const MAX_PIXELS: u64 = 178_956_970;

/// Nor more decoded bytes than this: 16 bits a channel take twice as many.
const MAX_BYTES: u64 = 1 << 30;

/// Why bytes are not a usable image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error("the file is empty")]
    Empty,
    #[error("not an image ({0})")]
    NotAnImage(&'static str),
    #[error("unsupported format: {0}")]
    Unsupported(String),
    #[error("{width} x {height} pixels are more than the {} million allowed", MAX_PIXELS / 1_000_000)]
    TooLarge { width: u32, height: u32 },
    #[error("damaged {format}: {problem}")]
    Damaged { format: &'static str, problem: String },
}

impl Error {
    fn damaged(format: Format, problem: &str) -> Error {
        Error::Damaged { format: format.name(), problem: plain(problem) }
    }
}

/// What is wrong with a file that shows a picture all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Flaw {
    #[error("truncated: the file ends early, and was read as far as it goes")]
    Truncated,
    #[error("damaged, and read as far as it goes: {0}")]
    Damaged(String),
}

/// An upright image of 8 bits a channel, three channels, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    /// Pixels of a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// `3 × width × height` bytes.
    pub pixels: Vec<u8>,
}

/// An upright image of 8 bits a channel with transparency, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgba {
    /// Pixels of a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// `4 × width × height` bytes; the colours are multiplied by alpha.
    pub pixels: Vec<u8>,
}

/// Which numbers stand for a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Colours {
    /// Those in the file: what the pipelines take that CLIP and its kin were trained with.
    #[default]
    Stored,
    /// Those of sRGB, as the file's profile says.
    Srgb,
}

/// What a header says.
#[derive(Debug, Clone, Copy)]
struct Header {
    /// As the pixels are stored.
    width: u32,
    height: u32,
    /// What a decoded pixel takes.
    pixel_bytes: u64,
    orientation: Orientation,
}

/// The pixels of a file's first picture, as they are stored.
struct Frame {
    image: DynamicImage,
    /// Whether the colours are multiplied by alpha already.
    premultiplied: bool,
    /// Whether the four channels are cyan, magenta, yellow and black, not light and transparency.
    inks: bool,
    flaw: Option<Flaw>,
}

impl Frame {
    /// A sound one, of light, or light and transparency.
    fn of(image: DynamicImage) -> Frame {
        Frame { image, premultiplied: false, inks: false, flaw: None }
    }
}

/// A file whose header is read.
trait Opened {
    fn header(&self) -> Header;

    /// Whether the file goes on to its end, as far as that shows without decoding.
    fn has_end(&self) -> bool {
        true
    }

    /// What the file says of its colours.
    fn space(&self) -> Option<Space> {
        None
    }

    /// Whether the pixels stand as they are stored.
    fn is_upright(&self) -> bool {
        self.header().orientation == Orientation::NoTransforms
    }

    /// Decodes. Where the shorter edge is not needed to be longer than `edge`, the picture may come at a half, a quarter or
    /// an eighth of its size.
    fn frame(self: Box<Self>, edge: Option<u32>) -> Result<Frame, Error>;
}

/// Images of more pixels than this are decoded one at a time, so that memory does not grow with the threads.
const LARGE: u64 = 16_000_000;
static ONE_LARGE_IMAGE: Mutex<()> = Mutex::new(());

impl Header {
    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// A large picture's turn.
    fn turn(&self) -> Option<MutexGuard<'static, ()>> {
        (self.pixels() > LARGE).then(|| ONE_LARGE_IMAGE.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Decodes the first frame of an image of any supported format, turned upright, over a background.
///
/// # Errors
/// The bytes are no image, of a format that is not built in, damaged, or have more than [`MAX_PIXELS`].
pub fn decode(bytes: &[u8], background: Colour) -> Result<Rgb, Error> {
    decode_for(bytes, background, None)
}

/// Decodes as [`decode`] does, but a JPEG that is much larger than needed at a half, a quarter or an eighth of its size,
/// as long as the shorter edge stays twice `edge`: the frequencies that a reduction throws away anyway are not
/// computed. `None`: always in full.
///
/// # Errors
/// As [`decode`].
pub fn decode_for(bytes: &[u8], background: Colour, edge: Option<u32>) -> Result<Rgb, Error> {
    decode_with_flaw(bytes, background, edge).map(|(rgb, _)| rgb)
}

/// Decodes as [`decode_for`] does, and says what is wrong with a file that is not sound.
///
/// # Errors
/// As [`decode`].
pub fn decode_with_flaw(bytes: &[u8], background: Colour, edge: Option<u32>) -> Result<(Rgb, Option<Flaw>), Error> {
    upright(bytes, edge, Colours::Stored, |frame| laid_over(frame, background))
}

/// Decodes as [`decode_with_flaw`] does, and brings the colours to sRGB as the file's profile means them: as people see them,
/// and not as models were taught to.
///
/// # Errors
/// As [`decode`].
pub fn decode_srgb(bytes: &[u8], background: Colour, edge: Option<u32>) -> Result<(Rgb, Option<Flaw>), Error> {
    upright(bytes, edge, Colours::Srgb, |frame| laid_over(frame, background))
}

/// Decodes as [`decode_with_flaw`] does; behind what is transparent stands white or black, from which the rest stands out.
///
/// # Errors
/// As [`decode`].
pub fn decode_in_contrast(bytes: &[u8], edge: Option<u32>) -> Result<(Rgb, Option<Flaw>), Error> {
    upright(bytes, edge, Colours::Stored, |frame| {
        let background = colour::contrast(&frame);
        laid_over(frame, background)
    })
}

/// Decodes as [`decode`] does, and keeps what is transparent.
///
/// # Errors
/// As [`decode`].
pub fn decode_rgba(bytes: &[u8]) -> Result<Rgba, Error> {
    decode_rgba_with_flaw(bytes, None).map(|(rgba, _)| rgba)
}

/// Decodes as [`decode_rgba`] does, a large JPEG as [`decode_for`] does, and says what is wrong with a file that is not
/// sound.
///
/// # Errors
/// As [`decode`].
pub fn decode_rgba_with_flaw(bytes: &[u8], edge: Option<u32>) -> Result<(Rgba, Option<Flaw>), Error> {
    upright(bytes, edge, Colours::Stored, |mut frame| {
        let flaw = frame.flaw.take();
        (colour::multiplied(frame), flaw)
    })
}

/// A frame over a background, and what is wrong with it.
fn laid_over(mut frame: Frame, background: Colour) -> (Rgb, Option<Flaw>) {
    let flaw = frame.flaw.take();
    (colour::over(frame, background), flaw)
}

/// Decodes the first frame, turns it upright and hands it on.
fn upright<T>(bytes: &[u8], edge: Option<u32>, colours: Colours, finish: impl FnOnce(Frame) -> T) -> Result<T, Error> {
    guarded(bytes, |format| turned(open(bytes, format)?, edge, colours).map(finish))
}

/// The picture of an opened file, upright.
fn turned(opened: Box<dyn Opened + '_>, edge: Option<u32>, colours: Colours) -> Result<Frame, Error> {
    let header = opened.header();
    let has_end = opened.has_end();
    let _turn = header.turn();
    let space = if colours == Colours::Srgb { opened.space() } else { None };
    let mut frame = opened.frame(edge)?;
    if let Some(space) = space {
        frame = profile::to_srgb(frame, &space);
    }
    if frame.inks {
        frame.image = colour::inks_to_rgb(frame.image);
    }
    if !has_end {
        frame.flaw = Some(Flaw::Truncated);
    }
    frame.image.apply_orientation(header.orientation);
    Ok(frame)
}

/// Whether the file ends early, as far as that shows without decoding.
pub fn is_truncated(bytes: &[u8]) -> bool {
    guarded(bytes, |format| Ok(!open(bytes, format)?.has_end())).unwrap_or(false)
}

/// Whether the pixels are upright as they are stored: nothing says otherwise.
///
/// # Errors
/// As [`decode`], as far as the header shows it.
pub fn is_upright(bytes: &[u8]) -> Result<bool, Error> {
    guarded(bytes, |format| Ok(open(bytes, format)?.is_upright()))
}

/// Width and height of the upright image, from its header alone.
///
/// # Errors
/// As [`decode`], as far as the header shows it.
pub fn dimensions(bytes: &[u8]) -> Result<(u32, u32), Error> {
    guarded(bytes, |format| {
        let Header { width, height, orientation, .. } = open(bytes, format)?.header();
        Ok(if orientation::swaps(orientation) { (height, width) } else { (width, height) })
    })
}

/// Finds the format from the content, and turns a panic inside a decoder into an error: the bytes are hostile, and
/// one file must not end a run over a million.
fn guarded<T>(bytes: &[u8], decode: impl FnOnce(Format) -> Result<T, Error>) -> Result<T, Error> {
    let format = format(bytes)?;
    let gave_up = || Error::damaged(format, "the decoder gave up");
    guard::catch(|| decode(format)).unwrap_or_else(|| Err(gave_up()))
}

/// Reads the header, and refuses what would take too much memory.
fn open(bytes: &[u8], format: Format) -> Result<Box<dyn Opened + '_>, Error> {
    let opened: Box<dyn Opened> = match format {
        Format::Jpeg => Box::new(jpeg::Jpeg::open(bytes)?),
        Format::Png => Box::new(png::Png::open(bytes)?),
        Format::Gif => Box::new(gif::Gif::open(bytes)?),
        Format::WebP => Box::new(webp::WebP::open(bytes)?),
        Format::Tiff => Box::new(tiff::Tiff::open(bytes)?),
        Format::Ico => icon::open(bytes)?,
        Format::Raw => Box::new(raw::Raw::open(bytes)?),
        Format::Heic | Format::Avif => Box::new(heif::Heif::open(bytes, format)?),
        Format::JpegXl => Box::new(jpeg_xl::JpegXl::open(bytes)?),
        Format::Jpeg2000 => Box::new(jpeg2000::Jpeg2000::open(bytes)?),
        Format::Bmp | Format::Pnm | Format::Qoi | Format::Tga => Box::new(by_image::ByImage::open(bytes, format)?),
    };
    admitted(opened, format)
}

/// Refuses what would take too much memory.
fn admitted(opened: Box<dyn Opened + '_>, format: Format) -> Result<Box<dyn Opened + '_>, Error> {
    let header = opened.header();
    let Header { width, height, .. } = header;
    match header.pixels() {
        0 => Err(Error::damaged(format, "it has no pixels")),
        pixels if pixels > MAX_PIXELS || pixels * header.pixel_bytes > MAX_BYTES => {
            Err(Error::TooLarge { width, height })
        }
        _ => Ok(opened),
    }
}

/// What a codec says, without the quotes and structures of debug output.
fn plain(problem: &str) -> String {
    let text = problem.replace("\\n", " ").replace('"', "");
    let text = match text.split_once("ChunkType { type: ") {
        Some((before, after)) => {
            format!("{before}{}", after.replacen(", critical: true", "", 1).replace(['{', '}'], ""))
        }
        None => text,
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
