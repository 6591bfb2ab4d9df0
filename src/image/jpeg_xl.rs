//! JPEG XL (ISO/IEC 18181), by `jxl`. The codestream says how the picture is turned, whatever stands beside it.

use ::image::metadata::Orientation;
use jxl::api::{
    AlphaMode, Event, ExtraChannel, JxlColorType, JxlDataFormat, JxlDecoder, JxlDecoderOptions, JxlOutputBuffer,
    JxlPixelFormat, ProfileLevel,
};

use super::colour::of_channels;
use super::profile::Space;
use super::{Error, Flaw, Format, Frame, Header, MAX_PIXELS, Opened};

/// Colours, transparency, and what else a picture may have: depth, heat, spot colours.
const MOST_CHANNELS: u64 = 16;

/// A file whose header is read.
pub(super) struct JpegXl<'a> {
    decoder: JxlDecoder,
    rest: &'a [u8],
    width: usize,
    height: usize,
    alpha: bool,
    /// Whether the codestream says that the picture is turned.
    turned: bool,
    extra: usize,
    /// Whether frames follow.
    more: bool,
}

impl<'a> JpegXl<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is damaged, or says that the picture is of a kind that cannot be read.
    pub(super) fn open(bytes: &'a [u8]) -> Result<JpegXl<'a>, Error> {
        let mut options = JxlDecoderOptions::default();
        options.alpha_mode = AlphaMode::Unpremultiplied;
        options.max_profile_level = ProfileLevel::Main10;
        options.sample_limit = usize::try_from(MAX_PIXELS * MOST_CHANNELS).ok();
        let (mut decoder, mut rest) = (JxlDecoder::new(options), bytes);
        loop {
            match decoder.process(&mut rest, None, None).map_err(|e| problem(&e))? {
                Event::BasicInfo => break,
                Event::NeedMoreInput { .. } => {
                    return Err(Error::damaged(Format::JpegXl, "the file ends within its header"));
                }
                _ => {}
            }
        }
        let info = decoder.basic_info().ok_or_else(|| Error::damaged(Format::JpegXl, "it has no header"))?;
        let has = |kind| info.extra_channels.iter().any(|channel| channel.ec_type == kind);
        if has(ExtraChannel::Black) {
            return Err(Error::Unsupported("JPEG XL (inks)".into()));
        }
        let ((width, height), alpha, extra) = (info.size, has(ExtraChannel::Alpha), info.extra_channels.len());
        let turned = info.orientation as u8 != 1;
        Ok(JpegXl { decoder, rest, width, height, alpha, turned, extra, more: true })
    }

    /// Whether the first frame is one of several.
    pub(super) fn is_animated(&self) -> bool {
        self.decoder.basic_info().is_some_and(|info| info.animation.is_some())
    }
}

impl Opened for JpegXl<'_> {
    fn header(&self) -> Header {
        let [width, height] = [self.width, self.height].map(|edge| u32::try_from(edge).unwrap_or(u32::MAX));
        Header { width, height, pixel_bytes: 4, orientation: Orientation::NoTransforms }
    }

    fn is_upright(&self) -> bool {
        !self.turned
    }

    fn space(&self) -> Option<Space> {
        let profile = self.decoder.output_color_profile()?.try_as_icc()?;
        Some(Space::Profile(profile.into_owned()))
    }

    fn frame(mut self: Box<Self>, _: Option<u32>) -> Result<Frame, Error> {
        self.wants_bytes()?;
        self.next().map(|(frame, _)| frame)
    }
}

/// The frames of a file, each with how long it is shown, in seconds.
///
/// # Errors
/// The header is damaged, or says that the picture is of a kind that cannot be read.
pub(super) fn frames(bytes: &[u8]) -> Result<impl Iterator<Item = Result<(Frame, f64), Error>>, Error> {
    let mut file = JpegXl::open(bytes)?;
    file.wants_bytes()?;
    Ok(std::iter::from_fn(move || file.more.then(|| file.next())))
}

impl JpegXl<'_> {
    fn channels(&self) -> usize {
        if self.alpha { 4 } else { 3 }
    }

    fn wants_bytes(&mut self) -> Result<(), Error> {
        let color_type = if self.alpha { JxlColorType::Rgba } else { JxlColorType::Rgb };
        let format = JxlPixelFormat {
            color_type,
            color_data_format: Some(JxlDataFormat::U8 { bit_depth: 8 }),
            extra_channel_format: vec![None; self.extra],
        };
        self.decoder.set_pixel_format(format).map_err(|e| problem(&e))
    }

    /// The next frame, and how long it is shown.
    fn next(&mut self) -> Result<(Frame, f64), Error> {
        let channels = self.channels();
        let mut pixels = vec![0; self.width * self.height * channels];
        let (mut flaw, mut shown_for) = (None, 0.0);
        self.more = false;
        loop {
            let mut buffers = [JxlOutputBuffer::new(&mut pixels, self.height, self.width * channels)];
            match self.decoder.process(&mut self.rest, Some(&mut buffers), None).map_err(|e| problem(&e))? {
                Event::FrameHeader => {
                    let milliseconds = self.decoder.frame_header().and_then(|header| header.duration);
                    shown_for = milliseconds.unwrap_or(0.0) / 1000.0;
                }
                Event::FrameComplete { has_more_frames } => {
                    self.more = has_more_frames;
                    break;
                }
                Event::Complete => break,
                Event::NeedMoreInput { .. } => {
                    let shown = self.decoder.flush_pixels(&mut buffers, None).map_err(|e| problem(&e))?;
                    if !shown {
                        return Err(Error::damaged(Format::JpegXl, "the file ends before its picture"));
                    }
                    flaw = Some(Flaw::Truncated);
                    break;
                }
                _ => {}
            }
        }
        let Header { width, height, .. } = self.header();
        Ok((Frame { flaw, ..Frame::of(of_channels(width, height, channels, pixels)) }, shown_for))
    }
}

/// What the decoder says, in our words.
fn problem(error: &jxl::error::Error) -> Error {
    Error::damaged(Format::JpegXl, &error.to_string())
}
