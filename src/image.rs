//! Pixels: from the bytes of any image file to upright RGB, and on to the tensor that a model wants.
//!
//! Hides: formats, bit depths, colour types, orientation, transparency, resizing. Promises: whatever the bytes are,
//! [`decode`] returns within bounded memory an image or an error, and never panics; the pixels are those that
//! Pillow's `paste` over the background gives, to within one step of 255.

mod jpeg;
mod linear;

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Cursor;
use std::num::NonZeroU64;
use std::sync::Mutex;

use ::image::metadata::Orientation;
use ::image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, RgbImage,
    RgbaImage,
};
use fast_image_resize as resize;

use crate::guard;

/// No image may have more pixels than this. 179 megapixels is where Pillow refuses too; the largest camera sensors
/// have 150.
pub const MAX_PIXELS: u64 = 178_956_970;

/// Nor more decoded bytes than this: 16 bits a channel take twice as many.
const MAX_BYTES: u64 = 1 << 30;

/// Why bytes are not a usable image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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

/// An RGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
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

/// An upright image of 8 bits a channel, three channels, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    pub width: u32,
    pub height: u32,
    /// `3 × width × height` bytes.
    pub pixels: Vec<u8>,
}

/// Images of more pixels than this are decoded one at a time, so that memory does not grow with the threads.
const LARGE: u64 = 16_000_000;
static ONE_LARGE_IMAGE: Mutex<()> = Mutex::new(());

/// An upright image of 8 bits a channel with transparency, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgba {
    pub width: u32,
    pub height: u32,
    /// `4 × width × height` bytes; the colours are multiplied by alpha.
    pub pixels: Vec<u8>,
}

/// Decodes the first frame of an image of any supported format, turned upright, over a background.
///
/// # Errors
/// The bytes are no image, of a format that is not built in, damaged, or have more than [`MAX_PIXELS`].
pub fn decode(bytes: &[u8], background: Colour) -> Result<Rgb, Error> {
    upright(bytes, |image, premultiplied| composite(image, background, premultiplied))
}

/// Decodes as [`decode`] does, and keeps what is transparent.
///
/// # Errors
/// As [`decode`].
pub fn decode_rgba(bytes: &[u8]) -> Result<Rgba, Error> {
    upright(bytes, |image, premultiplied| {
        let (width, height) = (image.width(), image.height());
        let multiply = image.color().has_alpha() && !premultiplied;
        let mut pixels = image.into_rgba8().into_raw();
        if multiply {
            for [r, g, b, a] in pixels.as_chunks_mut().0 {
                [*r, *g, *b] = [*r, *g, *b].map(|colour| blend(colour, 0, *a));
            }
        }
        Rgba { width, height, pixels }
    })
}

/// Decodes the first frame, turns it upright and hands it on, with whether its colours are multiplied by alpha already.
fn upright<T>(bytes: &[u8], finish: impl FnOnce(DynamicImage, bool) -> T) -> Result<T, Error> {
    guarded(bytes, |format| {
        if format == ImageFormat::Gif {
            return Ok(finish(first_gif_frame(bytes)?, false));
        }
        let mut decoder = open(bytes, format)?;
        let (width, height) = decoder.dimensions();
        let large = u64::from(width) * u64::from(height) > LARGE;
        let _turn = large.then(|| ONE_LARGE_IMAGE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(|e| damaged(format, &e))?;
        image.apply_orientation(orientation);
        let premultiplied = format == ImageFormat::Tiff && image.color().has_alpha() && has_associated_alpha(bytes);
        Ok(finish(image, premultiplied))
    })
}

/// Decodes as [`decode`] does, but a JPEG that is much larger than needed at a half, a quarter or an eighth of its size,
/// as long as the shorter edge stays twice `edge`: the frequencies that a reduction throws away anyway are not
/// computed. `None`: always in full.
///
/// # Errors
/// As [`decode`].
pub fn decode_for(bytes: &[u8], background: Colour, edge: Option<u32>) -> Result<Rgb, Error> {
    match edge.and_then(|edge| reduced_jpeg(bytes, edge)) {
        Some(rgb) => Ok(rgb),
        None => decode(bytes, background),
    }
}

/// Decodes as [`decode_rgba`] does, a large JPEG as [`decode_for`] does.
///
/// # Errors
/// As [`decode`].
pub fn decode_rgba_for(bytes: &[u8], edge: Option<u32>) -> Result<Rgba, Error> {
    match edge.and_then(|edge| reduced_jpeg(bytes, edge)) {
        Some(Rgb { width, height, pixels }) => {
            let opaque = pixels.as_chunks().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]);
            Ok(Rgba { width, height, pixels: opaque.collect() })
        }
        None => decode_rgba(bytes),
    }
}

/// How much larger than the target a reduced JPEG still is. At 2, vectors agree with those of the full picture to a
/// cosine of 0.9999.
const SPARE: u32 = 2;

/// A JPEG of usual colours, reduced, or `None` where that is not possible or not worth it.
fn reduced_jpeg(bytes: &[u8], edge: u32) -> Option<Rgb> {
    if !bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return None;
    }
    let reduce = || {
        let mut decoder = open(bytes, ImageFormat::Jpeg).ok()?;
        let (width, height) = decoder.dimensions();
        let short = width.min(height);
        let wanted = edge.checked_mul(SPARE)?;
        if short < wanted * 2 {
            return None;
        }
        let large = u64::from(width) * u64::from(height) > LARGE;
        let _turn = large.then(|| ONE_LARGE_IMAGE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut decoder = jpeg_decoder::Decoder::new(bytes);
        let scaled = |side: u32| u64::from(side) * u64::from(wanted) / u64::from(short);
        let wanted = (u16::try_from(scaled(width)).ok()?, u16::try_from(scaled(height)).ok()?);
        let (width, height) = decoder.scale(wanted.0, wanted.1).ok()?;
        let pixels = decoder.decode().ok()?;
        let (width, height) = (width.into(), height.into());
        let mut image = match decoder.info()?.pixel_format {
            jpeg_decoder::PixelFormat::RGB24 => DynamicImage::from(RgbImage::from_raw(width, height, pixels)?),
            jpeg_decoder::PixelFormat::L8 => DynamicImage::from(GrayImage::from_raw(width, height, pixels)?),
            _ => return None,
        };
        image.apply_orientation(orientation);
        Some(composite(image, Colour::WHITE, false))
    };
    guard::catch(reduce).flatten()
}

/// A decoder of a GIF. `image` refuses extension blocks that it does not know, which the format says are to be
/// skipped (GIF89a, section 12), so GIFs go past it.
fn open_gif(bytes: &[u8]) -> Result<gif::Decoder<&[u8]>, Error> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    options.allow_unknown_blocks(true);
    options.set_memory_limit(gif::MemoryLimit::Bytes(NonZeroU64::new(MAX_BYTES).expect("not zero")));
    let decoder = options.read_info(bytes).map_err(|e| damaged_gif(&e.to_string()))?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    match u64::from(width) * u64::from(height) {
        0 => Err(damaged_gif("it has no pixels")),
        pixels if pixels > MAX_PIXELS => Err(Error::TooLarge { width, height }),
        _ => Ok(decoder),
    }
}

/// The first frame of a GIF on its logical screen; what the frame does not cover is transparent.
fn first_gif_frame(bytes: &[u8]) -> Result<DynamicImage, Error> {
    let mut decoder = open_gif(bytes)?;
    let mut screen = RgbaImage::new(decoder.width().into(), decoder.height().into());
    let frame = decoder.read_next_frame().map_err(|e| damaged_gif(&e.to_string()))?;
    let frame = frame.ok_or_else(|| damaged_gif("it has no frame"))?;
    let (left, top) = (i64::from(frame.left), i64::from(frame.top));
    let picture = RgbaImage::from_raw(frame.width.into(), frame.height.into(), frame.buffer.to_vec());
    let picture = picture.ok_or_else(|| damaged_gif("its frame is incomplete"))?;
    ::image::imageops::replace(&mut screen, &picture, left, top);
    Ok(screen.into())
}

fn damaged_gif(problem: &str) -> Error {
    Error::Damaged { format: "GIF", problem: plain(problem) }
}

/// Whether a TIFF's colours are multiplied by its alpha already (ExtraSamples = 1, TIFF 6.0 section 18).
fn has_associated_alpha(bytes: &[u8]) -> bool {
    let tag = tiff::decoder::Decoder::new(Cursor::new(bytes))
        .and_then(|mut d| d.get_tag_u16_vec(tiff::tags::Tag::ExtraSamples));
    tag.is_ok_and(|samples| samples.first() == Some(&1))
}

/// A format, as far as it matters to who passes the bytes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Png,
    Jpeg,
    WebP,
    Bmp,
    Gif,
    Other,
}

impl Format {
    /// The usual extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpeg => "jpg",
            Format::WebP => "webp",
            Format::Bmp => "bmp",
            Format::Gif => "gif",
            Format::Other => "bin",
        }
    }
}

/// The format of an image, by its first bytes.
///
/// # Errors
/// The bytes are no image, or of a format that is not built in.
pub fn format(bytes: &[u8]) -> Result<Format, Error> {
    Ok(match sniff(bytes)? {
        ImageFormat::Png => Format::Png,
        ImageFormat::Jpeg => Format::Jpeg,
        ImageFormat::WebP => Format::WebP,
        ImageFormat::Bmp => Format::Bmp,
        ImageFormat::Gif => Format::Gif,
        _ => Format::Other,
    })
}

/// Whether the pixels are upright as they are stored: EXIF says nothing else.
///
/// # Errors
/// As [`decode`], as far as the header shows it.
pub fn is_upright(bytes: &[u8]) -> Result<bool, Error> {
    guarded(bytes, |format| {
        if format == ImageFormat::Gif {
            return Ok(true);
        }
        let mut decoder = open(bytes, format)?;
        Ok(decoder.orientation().unwrap_or(Orientation::NoTransforms) == Orientation::NoTransforms)
    })
}

/// Width and height of the upright image, from its header alone.
///
/// # Errors
/// As [`decode`], as far as the header shows it.
pub fn dimensions(bytes: &[u8]) -> Result<(u32, u32), Error> {
    guarded(bytes, |format| {
        if format == ImageFormat::Gif {
            return open_gif(bytes).map(|decoder| (decoder.width().into(), decoder.height().into()));
        }
        let mut decoder = open(bytes, format)?;
        let (width, height) = decoder.dimensions();
        Ok(match decoder.orientation().unwrap_or(Orientation::NoTransforms) {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => (height, width),
            _ => (width, height),
        })
    })
}

/// Finds the format from the content, and turns a panic inside a decoder into an error: the bytes are hostile, and
/// one file must not end a run over a million.
fn guarded<T>(bytes: &[u8], decode: impl FnOnce(ImageFormat) -> Result<T, Error>) -> Result<T, Error> {
    let format = sniff(bytes)?;
    let gave_up = || Error::Damaged { format: format_name(format), problem: "the decoder gave up".into() };
    guard::catch(|| decode(format)).unwrap_or_else(|| Err(gave_up()))
}

fn open(bytes: &[u8], format: ImageFormat) -> Result<impl ImageDecoder + '_, Error> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = ::image::Limits::default();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|e| damaged(format, &e))?;
    let (width, height) = decoder.dimensions();
    match u64::from(width) * u64::from(height) {
        0 => Err(Error::Damaged { format: format_name(format), problem: "it has no pixels".into() }),
        pixels if pixels > MAX_PIXELS || decoder.total_bytes() > MAX_BYTES => Err(Error::TooLarge { width, height }),
        _ => Ok(decoder),
    }
}

fn sniff(bytes: &[u8]) -> Result<ImageFormat, Error> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    if let Ok(format) = ::image::guess_format(bytes) {
        return if format.reading_enabled() { Ok(format) } else { Err(Error::Unsupported(format_name(format).into())) };
    }
    let start = &bytes[..bytes.len().min(512)];
    let box_type = bytes.get(4..8);
    let text = String::from_utf8_lossy(start).trim_start().to_ascii_lowercase();
    let unsupported = |name: &str| Err(Error::Unsupported(name.into()));
    match () {
        () if bytes.starts_with(b"version https://git-lfs") => {
            Err(Error::NotAnImage("a git-lfs pointer; `git lfs pull` fetches the image"))
        }
        () if text.starts_with("<!doctype html") || text.starts_with("<html") => Err(Error::NotAnImage("an HTML page")),
        () if text.starts_with("<svg") || (text.starts_with("<?xml") && text.contains("<svg")) => unsupported("SVG"),
        () if text.starts_with("<?xml") => Err(Error::NotAnImage("an XML file")),
        () if bytes.starts_with(b"%PDF") => Err(Error::NotAnImage("a PDF")),
        () if box_type == Some(b"jP  ") || bytes.starts_with(&[0xff, 0x4f, 0xff, 0x51]) => unsupported("JPEG 2000"),
        () if box_type == Some(b"ftyp") => unsupported("HEIC/HEIF"),
        () if bytes.starts_with(&[0xff, 0x0a]) || box_type == Some(b"JXL ") => unsupported("JPEG XL"),
        () if looks_like_tga(bytes) => Ok(ImageFormat::Tga),
        () => Err(Error::NotAnImage("its first bytes are of no known format")),
    }
}

/// TGA has no signature; a header whose every field makes sense is taken for one.
fn looks_like_tga(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..18) else {
        return false;
    };
    let depth_fits = match header[2] {
        1 | 9 => header[1] == 1 && header[16] == 8,
        2 | 10 => header[1] == 0 && [16, 24, 32].contains(&header[16]),
        3 | 11 => header[1] == 0 && [8, 16].contains(&header[16]),
        _ => false,
    };
    depth_fits && header[12..14] != [0, 0] && header[14..16] != [0, 0] && header[17] & 0xc0 == 0
}

/// The format of an image's bytes, by its usual name; `None`: not an image.
pub fn format_of(bytes: &[u8]) -> Option<&'static str> {
    sniff(bytes).ok().map(format_name)
}

/// The format that files with this extension have; `None`: not an extension of images.
pub fn format_of_extension(extension: &str) -> Option<&'static str> {
    // The crate does not know all names that cameras and older programs give.
    let extension = match extension.to_ascii_lowercase().as_str() {
        "jpe" | "jfif" => "jpg".to_string(),
        "dib" => "bmp".to_string(),
        other => other.to_string(),
    };
    ImageFormat::from_extension(extension).map(format_name)
}

fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Pnm => "PNM",
        ImageFormat::Qoi => "QOI",
        ImageFormat::Ico => "ICO",
        ImageFormat::Tga => "TGA",
        ImageFormat::Avif => "AVIF",
        ImageFormat::Hdr => "Radiance HDR",
        ImageFormat::OpenExr => "OpenEXR",
        ImageFormat::Farbfeld => "farbfeld",
        ImageFormat::Dds => "DDS",
        _ => "image",
    }
}

fn damaged(format: ImageFormat, error: &::image::ImageError) -> Error {
    match error {
        ::image::ImageError::Unsupported(e) => Error::Unsupported(format!("{} ({e})", format_name(format))),
        ::image::ImageError::Limits(_) => Error::Damaged {
            format: format_name(format),
            problem: format!("it claims more than the {} million pixels allowed", MAX_PIXELS / 1_000_000),
        },
        other => {
            let text = other.to_string();
            // `image` puts "Format error decoding Png: " before what the codec says.
            let problem = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
            Error::Damaged { format: format_name(format), problem: plain(problem) }
        }
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

/// Over the background, as Pillow does it: `(alpha × colour + (255 − alpha) × background) / 255`, rounded.
fn composite(image: DynamicImage, background: Colour, premultiplied: bool) -> Rgb {
    let (width, height) = (image.width(), image.height());
    let has_alpha = image.color().has_alpha();
    let pixels = if has_alpha {
        let rgba = image.into_rgba8().into_raw();
        let mut pixels = Vec::with_capacity(rgba.len() / 4 * 3);
        for &[r, g, b, a] in rgba.as_chunks().0 {
            let [red, green, blue] = background.0;
            pixels.extend_from_slice(&match a {
                255 => [r, g, b],
                _ if premultiplied => [add(r, red, a), add(g, green, a), add(b, blue, a)],
                0 => background.0,
                _ => [blend(r, red, a), blend(g, green, a), blend(b, blue, a)],
            });
        }
        pixels
    } else {
        image.into_rgb8().into_raw()
    };
    Rgb { width, height, pixels }
}

fn blend(colour: u8, background: u8, alpha: u8) -> u8 {
    let (c, b, a) = (u32::from(colour), u32::from(background), u32::from(alpha));
    u8::try_from((c * a + b * (255 - a) + 127) / 255).expect("a mean of two bytes is a byte")
}

/// As [`blend`], of a colour that is multiplied by alpha already.
fn add(colour: u8, background: u8, alpha: u8) -> u8 {
    colour.saturating_add(blend(0, background, alpha))
}

/// How a picture is made to fill a frame of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Scaled as it is, its shape lost.
    Stretch,
    /// Scaled to lie inside, the rest is background.
    Pad,
    /// As YOLO models are fed: scaled by OpenCV's `INTER_LINEAR` (whatever the filter) to lie inside, grey around it.
    #[serde(skip)]
    Letterbox,
    /// Scaled until its shorter edge has so many pixels; the frame is cut out of the middle. What the frame has more
    /// than the picture is black.
    #[serde(skip)]
    Cover { edge: u32, middle: Middle },
    /// Scaled until it covers the frame, which is cut out of the middle, to a fraction of a pixel.
    #[serde(skip)]
    Crop,
}

/// Where the middle is when an odd number of pixels is left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Middle {
    /// Rounded down, as Hugging Face's processors have it.
    Down,
    /// Rounded to the even number, as torchvision has it.
    Even,
}

/// A resampling filter, by the name that Pillow has for it; all but `Nearest` antialias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    Nearest,
    Box,
    #[default]
    Bilinear,
    Hamming,
    Bicubic,
    Lanczos,
}

/// More memory than this is not kept for the next picture.
const MOST_LEFT: usize = 1 << 22;

// What the system would have to clear again for each picture, page by page: what lies between the two passes of a
// resizer, and a picture that nobody needs any more.
thread_local! {
    static RESIZER: RefCell<resize::Resizer> = RefCell::default();
    static LEFT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What surrounds the picture in a letterbox.
const LETTERBOX_GREY: Colour = Colour([114; 3]);

/// Width and height of a picture in a letterbox: the scale in 64 bits, halves rounded to the even number, one pixel at
/// least (`LetterBox` of Ultralytics 8.4). Where an odd number of pixels is left over, the first side has one less.
pub fn letterboxed((width, height): (u32, u32), (frame_width, frame_height): (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(frame_height) / f64::from(height)).min(f64::from(frame_width) / f64::from(width));
    let scaled = |side: u32, most: u32| ((f64::from(side) * scale).round_ties_even() as u32).clamp(1, most);
    (scaled(width, frame_width), scaled(height, frame_height))
}

/// Width and height of a picture that lies in a frame with its shape kept; one pixel at least.
pub fn padded((width, height): (u32, u32), (frame_width, frame_height): (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(frame_width) / f64::from(width)).min(f64::from(frame_height) / f64::from(height));
    let scaled = |side: u32, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
    (scaled(width, frame_width), scaled(height, frame_height))
}

/// The largest part (left, top, width, height) of a picture that has the shape of a frame, in its middle.
fn middle((width, height): (u32, u32), (frame_width, frame_height): (u32, u32)) -> (f64, f64, f64, f64) {
    let (width, height) = (f64::from(width), f64::from(height));
    let (frame_width, frame_height) = (f64::from(frame_width), f64::from(frame_height));
    let scale = (frame_width / width).max(frame_height / height);
    let (part_width, part_height) = ((frame_width / scale).min(width), (frame_height / scale).min(height));
    ((width - part_width) / 2.0, (height - part_height) / 2.0, part_width, part_height)
}

fn algorithm(filter: Filter) -> resize::ResizeAlg {
    match filter {
        Filter::Nearest => resize::ResizeAlg::Nearest,
        Filter::Box => resize::ResizeAlg::Convolution(resize::FilterType::Box),
        Filter::Bilinear => resize::ResizeAlg::Convolution(resize::FilterType::Bilinear),
        Filter::Hamming => resize::ResizeAlg::Convolution(resize::FilterType::Hamming),
        Filter::Bicubic => resize::ResizeAlg::Convolution(resize::FilterType::CatmullRom),
        Filter::Lanczos => resize::ResizeAlg::Convolution(resize::FilterType::Lanczos3),
    }
}

impl Rgb {
    /// Cuts away what is background: all around that is nearly of the one colour that all four corners have, but for a
    /// margin (a share of what remains' longer side). Unchanged where the corners differ or nothing else is there.
    pub fn crop_to_content(&self, margin: f32) -> Cow<'_, Rgb> {
        const NEARLY: u8 = 12;
        let (width, height) = (self.width as usize, self.height as usize);
        let pixel = |x: usize, y: usize| &self.pixels[(y * width + x) * 3..][..3];
        let corner = pixel(0, 0);
        let differs = |pixel: &[u8]| pixel.iter().zip(corner).any(|(a, b)| a.abs_diff(*b) > NEARLY);
        if [(width - 1, 0), (0, height - 1), (width - 1, height - 1)].iter().any(|&(x, y)| differs(pixel(x, y))) {
            return Cow::Borrowed(self);
        }
        let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
        for (y, line) in self.pixels.chunks_exact(width * 3).enumerate() {
            let mut columns = line.chunks_exact(3);
            if let Some(first) = columns.position(differs) {
                let last = first + 1 + columns.rposition(differs).map_or(0, |after| after + 1);
                (left, right) = (left.min(first), right.max(last));
                (top, bottom) = (top.min(y), y + 1);
            }
        }
        if right <= left {
            return Cow::Borrowed(self);
        }
        let margin = (margin * (right - left).max(bottom - top) as f32) as usize;
        let (left, top) = (left.saturating_sub(margin), top.saturating_sub(margin));
        let (right, bottom) = (right.saturating_add(margin).min(width), bottom.saturating_add(margin).min(height));
        if (right - left, bottom - top) == (width, height) {
            return Cow::Borrowed(self);
        }
        let lines = (top..bottom).flat_map(|y| &self.pixels[(y * width + left) * 3..(y * width + right) * 3]);
        let pixels = lines.copied().collect();
        Cow::Owned(Rgb { width: (right - left) as u32, height: (bottom - top) as u32, pixels })
    }

    /// Makes it `width × height`; what `fit` leaves free shows the background.
    pub fn resize(&self, width: u32, height: u32, fit: Fit, filter: Filter, background: Colour) -> Rgb {
        let all = (0.0, 0.0, f64::from(self.width), f64::from(self.height));
        match fit {
            Fit::Stretch => self.scale(all, width, height, filter),
            Fit::Pad => {
                let (inner_width, inner_height) = padded((self.width, self.height), (width, height));
                self.scale(all, inner_width, inner_height, filter).framed(width, height, background)
            }
            Fit::Crop => self.scale(middle((self.width, self.height), (width, height)), width, height, filter),
            Fit::Letterbox => {
                let (inner_width, inner_height) = letterboxed((self.width, self.height), (width, height));
                linear::resize(self, inner_width, inner_height).framed(width, height, LETTERBOX_GREY)
            }
            Fit::Cover { edge, middle } => self.cover(width, height, edge, middle, filter),
        }
    }

    /// As [`Rgb::resize`], in a third of the time: one step of 255 off in a pixel of seven, which no JPEG keeps anyway.
    pub fn resize_quickly(&self, width: u32, height: u32, fit: Fit, filter: Filter, background: Colour) -> Rgb {
        let all = (0.0, 0.0, f64::from(self.width), f64::from(self.height));
        let (part, inner) = match fit {
            Fit::Stretch => (all, (width, height)),
            Fit::Pad => (all, padded((self.width, self.height), (width, height))),
            Fit::Crop => (middle((self.width, self.height), (width, height)), (width, height)),
            other => return self.resize(width, height, other, filter, background),
        };
        if part == all && inner == (self.width, self.height) {
            return self.clone().framed(width, height, background);
        }
        let options = resize::ResizeOptions::new().resize_alg(algorithm(filter)).crop(part.0, part.1, part.2, part.3);
        let kind = resize::PixelType::U8x3;
        let source = resize::images::ImageRef::new(self.width, self.height, &self.pixels, kind);
        let source = source.expect("three bytes a pixel");
        let mut pixels = LEFT.take();
        pixels.resize(inner.0 as usize * inner.1 as usize * 3, 0);
        let target = resize::images::Image::from_slice_u8(inner.0, inner.1, &mut pixels, kind);
        let mut target = target.expect("three bytes a pixel");
        let resized = RESIZER.with_borrow_mut(|resizer| resizer.resize(&source, &mut target, &options));
        resized.expect("the part lies in the picture");
        Rgb { width: inner.0, height: inner.1, pixels }.framed(width, height, background)
    }

    /// Keeps the memory for this thread's next [`Rgb::resize_quickly`].
    pub fn give_back(self) {
        if self.pixels.capacity() <= MOST_LEFT {
            LEFT.set(self.pixels);
        }
    }

    /// Only what the frame shows is computed: a picture of extreme shape would fill the memory otherwise.
    fn cover(&self, width: u32, height: u32, edge: u32, middle: Middle, filter: Filter) -> Rgb {
        // The longer edge is cut off, not rounded, by both reference implementations.
        let longer = |long: u32, short: u32| u64::from(edge) * u64::from(long) / u64::from(short);
        let (full_width, full_height) = match self.width < self.height {
            true => (u64::from(edge), longer(self.height, self.width)),
            false => (longer(self.width, self.height), u64::from(edge)),
        };
        // Of one axis: how much is shown, and which part of the picture that is.
        let part = |full: u64, shown: u32, side: u32| -> (u32, f64, f64) {
            let free = full.saturating_sub(shown.into());
            let start = match middle {
                Middle::Even if free % 4 == 3 => free / 2 + 1,
                _ => free / 2,
            };
            let shown = full.min(shown.into()) as u32;
            let step = f64::from(side) / full as f64;
            let from = start as f64 * step;
            (shown, from, (f64::from(shown) * step).min(f64::from(side) - from))
        };
        let (inner_width, left, from_width) = part(full_width, width, self.width);
        let (inner_height, top, from_height) = part(full_height, height, self.height);
        let inner = self.scale((left, top, from_width, from_height), inner_width, inner_height, filter);
        inner.framed(width, height, Colour([0; 3]))
    }

    /// In the middle of a frame of one colour.
    fn framed(self, width: u32, height: u32, colour: Colour) -> Rgb {
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let mut framed = Rgb { width, height, pixels: colour.0.repeat(width as usize * height as usize) };
        let (left, top) = ((width - self.width) / 2, (height - self.height) / 2);
        let row = self.width as usize * 3;
        for (y, line) in self.pixels.chunks_exact(row).enumerate() {
            let start = ((top as usize + y) * width as usize + left as usize) * 3;
            framed.pixels[start..start + row].copy_from_slice(line);
        }
        framed
    }

    /// Scales a part (left, top, width, height) of it.
    fn scale(&self, part: (f64, f64, f64, f64), width: u32, height: u32, filter: Filter) -> Rgb {
        let (left, top, part_width, part_height) = part;
        if (0.0, 0.0, f64::from(width), f64::from(height)) == part && (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let options = resize::ResizeOptions::new().resize_alg(algorithm(filter));
        // Along the rows first, as Pillow does it (13 no longer always): what overshoots is cut off between the two passes, so their order
        // shows. The library begins with the columns, and of 8-bit pixels it computes with coefficients of 16 bits,
        // which shows in one pixel of seven; of 16-bit pixels it is exact.
        let rows = options.crop(left, 0.0, part_width, f64::from(self.height));
        let columns = options.crop(0.0, top, f64::from(width), part_height);
        let pass = |picture: &Rgb, width: u32, height: u32, options: &resize::ResizeOptions| {
            let kind = resize::PixelType::U16x3;
            let mut source = resize::images::Image::new(picture.width, picture.height, kind);
            // Of 8 bits to 16: times 257, which is the byte twice.
            let wide = source.buffer_mut().as_chunks_mut::<2>().0;
            wide.iter_mut().zip(&picture.pixels).for_each(|(wide, byte)| *wide = [*byte; 2]);
            let mut target = resize::images::Image::new(width, height, kind);
            resize::Resizer::new().resize(&source, &mut target, options).expect("the part lies in the picture");
            let byte = |wide: &[u8; 2]| ((u32::from(u16::from_ne_bytes(*wide)) + 128) / 257) as u8;
            Rgb { width, height, pixels: target.buffer().as_chunks().0.iter().map(byte).collect() }
        };
        pass(&pass(self, width, self.height, &rows), width, height, &columns)
    }

    /// Writes `(pixel × factor − mean) / deviation` as three planes of `width × height` numbers to `out`.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn to_planes(&self, factor: f32, mean: [f32; 3], deviation: [f32; 3], out: &mut [f32]) {
        let plane = self.width as usize * self.height as usize;
        assert_eq!(out.len(), 3 * plane, "three planes");
        // Divided, not multiplied: then the last bit too is that of the pipelines that do no more than this.
        let only_divides = factor == 1.0 / 255.0 && mean == [0.0; 3] && deviation == [1.0; 3];
        for channel in 0..3 {
            let (scale, shift) = (factor / deviation[channel], mean[channel] / deviation[channel]);
            let planes = out[channel * plane..(channel + 1) * plane].iter_mut();
            for (value, pixel) in planes.zip(self.pixels.as_chunks::<3>().0) {
                let byte = f32::from(pixel[channel]);
                *value = if only_divides { byte / 255.0 } else { byte * scale - shift };
            }
        }
    }
}

impl Rgba {
    /// Scaled to `width × height`, antialiased, its shape lost. No side may be 0.
    pub fn scale(&self, width: u32, height: u32) -> Rgba {
        let kind = resize::PixelType::U8x4;
        let source = resize::images::ImageRef::new(self.width, self.height, &self.pixels, kind);
        let mut target = resize::images::Image::new(width, height, kind);
        let filter = resize::ResizeAlg::Convolution(resize::FilterType::Bilinear);
        let options = resize::ResizeOptions::new().resize_alg(filter).use_alpha(false);
        let scaled = source.map_err(|e| e.to_string()).and_then(|source| {
            resize::Resizer::new().resize(&source, &mut target, &options).map_err(|e| e.to_string())
        });
        scaled.expect("four bytes a pixel, of both");
        Rgba { width, height, pixels: target.into_vec() }
    }
}

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
    use ::image::codecs::{png, webp};
    let mut out = Vec::new();
    let (pixels, width, height, rgb) = (&image.pixels, image.width, image.height, ExtendedColorType::Rgb8);
    let result = match encoding {
        Encoding::Png => {
            let (compression, filter) = (png::CompressionType::Level(4), png::FilterType::Adaptive);
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
    let averaged = jpeg::Averaged::of(image).ok_or_else(|| problem("at most 65535 pixels a side".into()))?;
    let mut out = Vec::with_capacity(image.pixels.len() / 8);
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.encode_image(averaged).map_err(|e| problem(e.to_string()))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(image: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).expect("encodable");
        bytes.into_inner()
    }

    #[test]
    fn background_is_cut_away_but_for_a_margin() {
        let mut picture = Rgb { width: 50, height: 40, pixels: vec![250; 50 * 40 * 3] };
        let paint = |picture: &mut Rgb, x: usize, y: usize, value: u8| picture.pixels[(y * 50 + x) * 3 + 1] = value;
        assert!(matches!(picture.crop_to_content(0.1), Cow::Borrowed(_)), "nothing there");
        paint(&mut picture, 3, 3, 245);
        assert!(matches!(picture.crop_to_content(0.1), Cow::Borrowed(_)), "nearly background");
        paint(&mut picture, 10, 5, 0);
        paint(&mut picture, 29, 24, 0);
        let cut = picture.crop_to_content(0.0);
        assert_eq!((cut.width, cut.height), (20, 20));
        assert_eq!((cut.pixels[1], cut.pixels[20 * 20 * 3 - 2]), (0, 0));
        let cut = picture.crop_to_content(0.1);
        assert_eq!((cut.width, cut.height), (24, 24));
        assert_eq!(picture.crop_to_content(f32::INFINITY).width, 50, "no margin beyond the picture");
        paint(&mut picture, 49, 39, 0);
        assert!(matches!(picture.crop_to_content(0.1), Cow::Borrowed(_)), "corners differ");
        let dot = Rgb { width: 1, height: 1, pixels: vec![7; 3] };
        assert!(matches!(dot.crop_to_content(0.1), Cow::Borrowed(_)));
    }

    #[test]
    fn transparency_is_composited_not_dropped() {
        let mut image = ::image::RgbaImage::new(3, 1);
        image.put_pixel(0, 0, ::image::Rgba([200, 0, 0, 255]));
        image.put_pixel(1, 0, ::image::Rgba([200, 0, 0, 0]));
        image.put_pixel(2, 0, ::image::Rgba([200, 0, 0, 128]));
        let rgb = decode(&png(&image.clone().into()), Colour::WHITE).expect("decoded");
        assert_eq!(rgb.pixels, [200, 0, 0, 255, 255, 255, 227, 127, 127]);
        let rgba = decode_rgba(&png(&image.into())).expect("decoded");
        assert_eq!(rgba.pixels, [200, 0, 0, 255, 0, 0, 0, 0, 100, 0, 0, 128], "multiplied by alpha");
    }

    #[test]
    fn sixteen_bit_grey_with_alpha_becomes_rgb() {
        let image = ::image::ImageBuffer::from_pixel(2, 2, ::image::LumaA([0x8080u16, 0xffff]));
        let rgb = decode(&png(&DynamicImage::ImageLumaA16(image)), Colour::WHITE).expect("decoded");
        assert_eq!(rgb.pixels, [0x80; 12]);
    }

    #[test]
    fn every_prefix_of_every_format_is_an_image_or_an_error() {
        let image = DynamicImage::ImageRgb8(::image::RgbImage::from_fn(9, 7, |x, y| {
            ::image::Rgb([x as u8 * 20, y as u8 * 30, 7])
        }));
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
            ImageFormat::Pnm,
            ImageFormat::Qoi,
            ImageFormat::Ico,
            ImageFormat::Tga,
        ] {
            let mut bytes = Cursor::new(Vec::new());
            let picture =
                if format == ImageFormat::Ico { DynamicImage::ImageRgba8(image.to_rgba8()) } else { image.clone() };
            picture.write_to(&mut bytes, format).expect("encodable");
            let bytes = bytes.into_inner();
            assert_eq!(decode(&bytes, Colour::WHITE).map(|i| (i.width, i.height)), Ok((9, 7)), "{format:?}");
            for end in 0..bytes.len() {
                let _ = decode(&bytes[..end], Colour::WHITE);
            }
        }
    }

    #[test]
    fn a_header_that_claims_too_much_is_refused() {
        let mut bytes = png(&DynamicImage::new_rgb8(1, 1));
        bytes[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
        // The CRC of the header no longer fits; either complaint will do, an allocation will not.
        assert!(decode(&bytes, Colour::WHITE).is_err());
    }

    #[test]
    fn what_is_no_image_is_named() {
        let message = |bytes: &[u8]| decode(bytes, Colour::WHITE).expect_err("no image").to_string();
        assert_eq!(message(b""), "the file is empty");
        assert!(message(b"<!DOCTYPE html><p>404").contains("HTML"));
        assert!(message(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
        assert!(message(b"\0\0\0\x0cjP  \r\n\x87\n").contains("JPEG 2000"));
        assert!(message(b"\0\0\0\x18ftypheic").contains("HEIC"));
    }

    #[test]
    fn padding_centres_the_picture() {
        let image = Rgb { width: 4, height: 2, pixels: vec![0; 24] };
        let framed = image.resize(4, 4, Fit::Pad, Filter::Bilinear, Colour::WHITE);
        assert_eq!(&framed.pixels[..12], &[255; 12]);
        assert_eq!(&framed.pixels[12..36], &[0; 24]);
        assert_eq!(&framed.pixels[36..], &[255; 12]);
    }

    #[test]
    fn colours_parse() {
        assert_eq!("#102030".parse(), Ok(Colour([16, 32, 48])));
        assert_eq!("White".parse(), Ok(Colour::WHITE));
        for wrong in ["#12", "reddish", "#gggggg", "#+12345", "102030"] {
            assert!(wrong.parse::<Colour>().is_err(), "{wrong}");
        }
    }
}
