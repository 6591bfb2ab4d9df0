//! All pictures of a file that holds several: the pages of a TIFF, the frames of an animation (WebP, PNG, JPEG XL).
//!
//! One is held at a time. A page that cannot be read is told, and the next one read; of an animation nothing follows what is damaged,
//! since every frame is drawn over those before it.

use std::io::Cursor;
use std::ops::ControlFlow;

use ::image::codecs::png::PngDecoder;
use ::image::codecs::webp::WebPDecoder;
use ::image::metadata::Orientation;
use ::image::{AnimationDecoder, DynamicImage, Frames, Limits};

use super::Colour;
use super::directory::Directory;
use super::tiff::{self, Tiff};
use super::{
    Colours, Error, Flaw, Format, Frame, Header, MAX_BYTES, Rgb, admitted, by_image, format, guarded, jpeg_xl,
    laid_over, open, turned,
};

/// One picture of a file.
#[derive(Debug)]
pub struct Page {
    /// Counted from 1 for pages, from 0 for frames.
    pub number: u32,
    /// When it begins to be shown, in seconds; `None`: the file has pages, or one picture.
    pub time: Option<f64>,
    /// How long it is shown, in seconds; 0 for pages.
    pub lasts: f64,
    /// Upright, over the background, with what is wrong with it; or why it cannot be read.
    pub picture: Result<(Rgb, Option<Flaw>), Error>,
}

/// Whether files of this format are read here.
pub fn has_pages(format: Format) -> bool {
    matches!(format, Format::Tiff | Format::WebP | Format::Png | Format::JpegXl)
}

/// Hands on all pictures of a file, until one breaks.
///
/// # Errors
/// The bytes are no image, or of a format of which only one picture is read ([`has_pages`]).
pub fn pages(bytes: &[u8], background: Colour, take: &mut dyn FnMut(Page) -> ControlFlow<()>) -> Result<(), Error> {
    let format = format(bytes)?;
    if !has_pages(format) {
        return Err(Error::Unsupported(format!("pages of {}", format.name())));
    }
    if format == Format::Tiff {
        return pages_of_tiff(bytes, background, take);
    }
    // Of a decoder that gave up, what came before is handed on already.
    guarded(bytes, |format| match format {
        Format::JpegXl => {
            let header = open(bytes, format)?.header();
            let _turn = header.turn();
            animated(jpeg_xl::frames(bytes)?, header, background, take);
            Ok(())
        }
        _ => match frames_of(bytes, format)? {
            Some(frames) => {
                let header = open(bytes, format)?.header();
                let _turn = header.turn();
                let frame = |frame: ::image::ImageResult<::image::Frame>| {
                    let frame = frame.map_err(|e| by_image::problem(format, &e))?;
                    let (milliseconds, parts) = frame.delay().numer_denom_ms();
                    let delay = f64::from(milliseconds) / f64::from(parts.max(1)) / 1000.0;
                    Ok((Frame::of(DynamicImage::ImageRgba8(frame.into_buffer())), delay))
                };
                animated(frames.map(frame), header, background, take);
                Ok(())
            }
            None => {
                let picture = turned(open(bytes, format)?, None, Colours::Stored);
                let _ = take(Page {
                    number: 0,
                    time: None,
                    lasts: 0.0,
                    picture: picture.map(|frame| laid_over(frame, background)),
                });
                Ok(())
            }
        },
    })
}

/// The picture of this number; `None`: the file has fewer. Other pages of a TIFF are not decoded for it.
///
/// # Errors
/// As [`pages`], or that picture cannot be read.
pub fn page(bytes: &[u8], background: Colour, number: u32) -> Result<Option<(Rgb, Option<Flaw>)>, Error> {
    if format(bytes)? == Format::Tiff {
        let before = number.checked_sub(1).map(|before| before as usize);
        let directory = guarded(bytes, |_| Ok(before.and_then(|before| tiff::pages(bytes).nth(before))))?;
        return directory.map(|directory| page_of_tiff(bytes, directory, background)).transpose();
    }
    let mut found = None;
    pages(bytes, background, &mut |page| match page.number == number {
        false => ControlFlow::Continue(()),
        true => {
            found = Some(page.picture);
            ControlFlow::Break(())
        }
    })?;
    found.transpose()
}

/// The pages of a TIFF.
fn pages_of_tiff(bytes: &[u8], background: Colour, take: &mut dyn FnMut(Page) -> ControlFlow<()>) -> Result<(), Error> {
    let mut directories = guarded(bytes, |_| Ok(tiff::pages(bytes)))?;
    let mut number = 0;
    while let Some(directory) = guarded(bytes, |_| Ok(directories.next()))? {
        number += 1;
        let picture = page_of_tiff(bytes, directory, background);
        if take(Page { number, time: None, lasts: 0.0, picture }).is_break() {
            break;
        }
    }
    Ok(())
}

/// The page of a directory; `None`: the file ends before it. A decoder that gives up does so over this page alone.
fn page_of_tiff(bytes: &[u8], directory: Option<Directory>, background: Colour) -> Result<(Rgb, Option<Flaw>), Error> {
    guarded(bytes, |format| {
        let directory = directory.ok_or_else(|| Error::damaged(format, "the file ends before this page"))?;
        let opened = admitted(Box::new(Tiff::of(bytes, directory)?), format)?;
        turned(opened, None, Colours::Stored).map(|frame| laid_over(frame, background))
    })
}

/// The frames of an animation, as they are shown; `None`: it is a still picture.
fn frames_of(bytes: &[u8], format: Format) -> Result<Option<Frames<'_>>, Error> {
    let problem = |e| by_image::problem(format, &e);
    if format == Format::WebP {
        let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(problem)?;
        if !decoder.has_animation() {
            return Ok(None);
        }
        decoder.set_background_color(::image::Rgba([0; 4])).map_err(problem)?;
        return Ok(Some(decoder.into_frames()));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    // What reads stills reads some that this decoder refuses.
    let Ok(decoder) = PngDecoder::with_limits(Cursor::new(bytes), limits) else { return Ok(None) };
    match decoder.is_apng() {
        Ok(true) => Ok(Some(decoder.apng().map_err(problem)?.into_frames())),
        _ => Ok(None),
    }
}

/// Hands on frames with their times; each comes with how long it is shown, in seconds.
fn animated(
    frames: impl Iterator<Item = Result<(Frame, f64), Error>>,
    Header { orientation, .. }: Header,
    background: Colour,
    take: &mut dyn FnMut(Page) -> ControlFlow<()>,
) {
    let mut time = 0.0;
    for (number, frame) in (0..).zip(frames) {
        let (picture, lasts) = match frame {
            Ok((mut frame, delay)) => {
                if orientation != Orientation::NoTransforms {
                    frame.image.apply_orientation(orientation);
                }
                (Ok(laid_over(frame, background)), delay)
            }
            Err(e) => (Err(e), 0.0),
        };
        let is_last = picture.is_err();
        if take(Page { number, time: Some(time), lasts, picture }).is_break() || is_last {
            return;
        }
        // In microseconds, so that tenths that are added up stay tenths.
        time = ((time + lasts) * 1e6).round() / 1e6;
    }
}
