//! JPEG (ITU-T T.81): what its markers say, and which decoder can be trusted with it.
//!
//! `zune-jpeg` is quick, and right for what cameras and programs write: all components in one scan, or progressive, the
//! colours at the resolution of the brightness or a half. Of the rest it makes stripes without a word; that goes to
//! `jpeg-decoder`. At a quarter and an eighth `reduced` decodes the usual ones, as libjpeg-turbo does; the rest, and at a half
//! all, go to `jpeg-decoder`. What none can is said by name.

mod dct;
mod huffman;
mod reduced;

use std::borrow::Cow;
use std::ops::Range;

use ::image::DynamicImage;
use ::image::metadata::Orientation;
use jpeg_decoder::{ColorTransform, UnsupportedFeature};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use self::reduced::Reduced;
use super::colour::of_channels;
use super::profile::Space;
use super::{Error, Flaw, Format, Frame, Header, LARGE, Opened, orientation};

/// One of the planes that a picture is made of.
#[derive(Debug, Clone, Copy)]
struct Component {
    id: u8,
    /// How many samples there are, across and down, where the component with the fewest has one.
    across: u8,
    down: u8,
}

/// What the components mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Grey,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

/// A JPEG whose markers are read, up to the first scan.
#[derive(Debug)]
pub(super) struct Jpeg<'a> {
    bytes: &'a [u8],
    /// Bytes between the markers that belong to none, and segments that a decoder should not see.
    junk: Vec<Range<usize>>,
    width: u32,
    height: u32,
    components: Vec<Component>,
    /// The number of the frame's marker (T.81, table B.1).
    process: u8,
    first_scan: usize,
    /// How many components the first scan has.
    scan_components: u8,
    colours: Colours,
    /// Whether `zune-jpeg` comes to the same colours: it believes Adobe's mark before JFIF's, and names before both.
    agreed: bool,
    orientation: Orientation,
    /// The parts of its profile: the number of each and of all, and the bytes (ICC.1, B.4).
    profile: Vec<&'a [u8]>,
}

impl<'a> Jpeg<'a> {
    /// Reads the markers.
    ///
    /// # Errors
    /// They are damaged, or say that the picture is of a kind that cannot be read.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Jpeg<'a>, Error> {
        let (mut exif, mut xmp, mut jfif, mut adobe) = (None, None, false, None);
        let (mut frame, mut junk, mut profile) = (None, Vec::new(), Vec::new());
        let mut at = 2;
        loop {
            let gap = bytes.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0xff)).ok_or_else(ends)?;
            if gap > 0 {
                junk.push(at..at + gap);
            }
            at += gap;
            let fill = bytes[at..].iter().position(|&byte| byte != 0xff).ok_or_else(ends)?;
            let (marker, start) = (bytes[at + fill], at + fill + 1);
            at = start;
            if matches!(marker, 0 | 1 | 0xd0..=0xd8) {
                continue;
            }
            if marker == 0xd9 {
                return Err(damaged("it ends before its picture"));
            }
            let length = bytes.get(start..start + 2).ok_or_else(ends)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let segment = bytes.get(start + 2..start + length.max(2)).ok_or_else(ends)?;
            at = start + length.max(2);
            match marker {
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => frame = Some((marker, segment)),
                0xe0 => jfif |= segment.starts_with(b"JFIF\0"),
                // Of several EXIF segments Pillow reads the first, of several XMP segments the last.
                0xe1 if segment.starts_with(b"Exif\0\0") => exif = exif.or(Some(segment)),
                0xe1 => xmp = segment.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0").or(xmp),
                0xe2 => profile.extend(segment.strip_prefix(b"ICC_PROFILE\0")),
                0xee if segment.starts_with(b"Adobe") => {
                    adobe = segment.get(11).copied();
                    // The decoders refuse what libjpeg takes for YCbCr or YCCK.
                    if adobe.is_none_or(|transform| transform > 2) {
                        junk.push(start - 2..at);
                    }
                }
                0xda => {
                    let (process, frame) = frame.ok_or_else(|| damaged("it has no frame before its first scan"))?;
                    let scan_components = segment.first().copied().unwrap_or(0);
                    let orientation = orientation::of(exif, xmp);
                    let (width, height, components) = read_frame(process, frame)?;
                    let colours = colours(process, &components, jfif, adobe);
                    let agreed = adobe != Some(0) && !is_named_rgb(&components);
                    let first_scan = at;
                    let jpeg = Jpeg {
                        bytes,
                        junk,
                        width,
                        height,
                        components,
                        process,
                        first_scan,
                        scan_components,
                        colours,
                        agreed,
                        orientation,
                        profile,
                    };
                    return jpeg.plausible();
                }
                _ => {}
            }
        }
    }

    /// A block of 64 pixels takes a bit at least: of a large picture that has fewer, a few kilobytes would fill the
    /// memory with nothing. A sixteenth of it is allowed for what is cut off.
    fn plausible(self) -> Result<Jpeg<'a>, Error> {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let rest = (self.bytes.len() - self.first_scan) as u64;
        if pixels > LARGE && pixels / 64 / 8 / 16 > rest {
            let (width, height) = (self.width, self.height);
            return Err(damaged(&format!("{rest} bytes are no picture of {width} x {height} pixels")));
        }
        Ok(self)
    }

    fn inks(&self) -> bool {
        matches!(self.colours, Colours::Cmyk | Colours::Ycck)
    }

    /// Whether `zune-jpeg` decodes it as libjpeg does.
    fn is_usual(&self) -> bool {
        let one_scan = self.process == 0xc2 || usize::from(self.scan_components) == self.components.len();
        let sampling = match self.components[..] {
            [_] => true,
            [brightness, blue, red] => {
                let whole = |c: Component| (c.across, c.down) == (1, 1);
                matches!((brightness.across, brightness.down), (1 | 2, 1 | 2)) && whole(blue) && whole(red)
            }
            _ => false,
        };
        one_scan
            && self.agreed
            && sampling
            && matches!(self.process, 0xc0..=0xc2)
            && matches!(self.colours, Colours::Grey | Colours::YCbCr)
    }

    /// By `zune-jpeg`, which in its strict mode refuses what it would else patch over.
    fn decode(&self, bytes: &[u8], strict: bool) -> Result<DynamicImage, zune_jpeg::errors::DecodeErrors> {
        let (space, channels) =
            if self.colours == Colours::Grey { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
        let options = DecoderOptions::default().set_strict_mode(strict).jpeg_set_out_colorspace(space);
        let options = options.set_max_width(usize::MAX).set_max_height(usize::MAX);
        let mut pixels = vec![0; self.width as usize * self.height as usize * channels];
        zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode_into(&mut pixels)?;
        Ok(of_channels(self.width, self.height, channels, pixels))
    }

    /// By `zune-jpeg`: strictly first, so that what is damaged or cut short is known to be.
    fn decode_usual(&self) -> Result<(DynamicImage, Option<Flaw>), Error> {
        let problem = match self.decode(self.bytes, true) {
            Ok(image) => return Ok((image, None)),
            Err(problem) => problem,
        };
        // Junk harms nobody.
        if !self.junk.is_empty()
            && let Ok(image) = self.decode(&self.without_junk(), true)
        {
            return Ok((image, None));
        }
        let lenient = self.decode(&self.without_junk(), false).or_else(|_| self.decode(&self.with_end(), false));
        let image = lenient.map_err(|e| damaged(&e.to_string()))?;
        Ok((image, Some(Flaw::Damaged(super::plain(&problem.to_string())))))
    }

    /// By `jpeg-decoder`: at its full size, or scaled down to no less than so much.
    fn decode_unusual(&self, bytes: &[u8], scale: Option<(u16, u16)>) -> Result<DynamicImage, jpeg_decoder::Error> {
        let mut decoder = jpeg_decoder::Decoder::new(bytes);
        decoder.set_color_transform(match self.colours {
            Colours::Grey => ColorTransform::Grayscale,
            Colours::YCbCr => ColorTransform::YCbCr,
            Colours::Rgb => ColorTransform::RGB,
            Colours::Cmyk => ColorTransform::CMYK,
            Colours::Ycck => ColorTransform::YCCK,
        });
        if let Some((width, height)) = scale {
            decoder.scale(width, height)?;
        }
        let pixels = decoder.decode()?;
        let info = decoder.info().expect("it is decoded");
        let (width, height) = (u32::from(info.width), u32::from(info.height));
        Ok(match info.pixel_format {
            jpeg_decoder::PixelFormat::L8 => of_channels(width, height, 1, pixels),
            jpeg_decoder::PixelFormat::RGB24 => of_channels(width, height, 3, pixels),
            jpeg_decoder::PixelFormat::CMYK32 => of_channels(width, height, 4, pixels),
            jpeg_decoder::PixelFormat::L16 => {
                let feature = UnsupportedFeature::SamplePrecision(16);
                return Err(jpeg_decoder::Error::Unsupported(feature));
            }
        })
    }

    /// By our own decoder, at the size that `jpeg-decoder` would choose. `None`: it is not for it, or not sound; or it is a half,
    /// which takes it longer.
    fn decode_reduced(&self, (width, height): (u16, u16)) -> Option<DynamicImage> {
        let enough = |size: &u32| {
            (self.width * size).div_ceil(8) >= width.into() || (self.height * size).div_ceil(8) >= height.into()
        };
        let size = [1, 2].into_iter().find(enough).filter(|_| self.is_usual())?;
        let Reduced { width, height, channels, pixels } = reduced::decode(self.bytes, size as usize)?;
        Some(of_channels(width as u32, height as u32, channels, pixels))
    }

    /// As [`Jpeg::decode_usual`], for the others. What is cut short is read as if it went on with nothing.
    fn decode_other(&self) -> Result<DynamicImage, Error> {
        self.decode_unusual(&self.with_end(), None).map_err(|e| self.problem(&e))
    }

    fn problem(&self, error: &jpeg_decoder::Error) -> Error {
        match error {
            jpeg_decoder::Error::Unsupported(UnsupportedFeature::NonIntegerSubsamplingRatio) => {
                let factors = self.components.iter().map(|c| format!("{}x{}", c.across, c.down)).collect::<Vec<_>>();
                unsupported(&format!("sampling factors {}", factors.join(", ")))
            }
            jpeg_decoder::Error::Unsupported(feature) => unsupported(&format!("{feature:?}")),
            jpeg_decoder::Error::Io(_) => ends(),
            jpeg_decoder::Error::Format(problem) => damaged(problem),
            other => damaged(&other.to_string()),
        }
    }

    fn without_junk(&self) -> Cow<'a, [u8]> {
        if self.junk.is_empty() {
            return self.bytes.into();
        }
        let mut clean = Vec::with_capacity(self.bytes.len());
        let mut start = 0;
        for junk in &self.junk {
            clean.extend_from_slice(&self.bytes[start..junk.start]);
            start = junk.end;
        }
        clean.extend_from_slice(&self.bytes[start..]);
        clean.into()
    }

    /// Without junk, and with the mark at its end: decoders would rather stop there than where there is nothing.
    fn with_end(&self) -> Cow<'a, [u8]> {
        let mut bytes = self.without_junk();
        if !self.has_end() {
            bytes.to_mut().extend(END);
        }
        bytes
    }

    /// How large it is to be decoded for a shorter edge of `edge` pixels, where that is worth it.
    fn reduced_size(&self, edge: u32) -> Option<(u16, u16)> {
        let short = self.width.min(self.height);
        let wanted = edge.checked_mul(SPARE)?;
        let dct = matches!(self.process, 0xc0..=0xc2);
        if short < wanted.checked_mul(2)? || !dct || self.inks() {
            return None;
        }
        let scaled = |side: u32| u16::try_from(u64::from(side) * u64::from(wanted) / u64::from(short)).ok();
        Some((scaled(self.width)?, scaled(self.height)?))
    }
}

/// The mark at a picture's end.
const END: [u8; 2] = [0xff, 0xd9];

/// How much larger than the target a reduced JPEG still is. At 2, vectors agree with those of the full picture to a
/// cosine of 0.9999.
const SPARE: u32 = 2;

impl Opened for Jpeg<'_> {
    fn header(&self) -> Header {
        Header { width: self.width, height: self.height, pixel_bytes: 3, orientation: self.orientation }
    }

    /// Whether the end is marked. Within a scan no other bytes look like the mark.
    fn has_end(&self) -> bool {
        self.bytes.ends_with(&END) || self.bytes[self.first_scan..].windows(2).any(|pair| pair == END)
    }

    fn space(&self) -> Option<Space> {
        let number = |part: &&[u8]| part.first().copied();
        let mut parts = self.profile.clone();
        parts.sort_by_key(number);
        let is_whole =
            !parts.is_empty() && parts.iter().enumerate().all(|(i, part)| number(part).map(usize::from) == Some(i + 1));
        is_whole.then(|| Space::Profile(parts.iter().flat_map(|part| &part[part.len().min(2)..]).copied().collect()))
    }

    fn frame(self: Box<Self>, edge: Option<u32>) -> Result<Frame, Error> {
        let reduced = edge.and_then(|edge| self.reduced_size(edge)).filter(|_| self.has_end());
        // What goes wrong at a smaller size is told of when all of it is decoded.
        let reduced = reduced
            .and_then(|size| self.decode_reduced(size).or_else(|| self.decode_unusual(self.bytes, Some(size)).ok()));
        let (image, flaw) = match reduced {
            Some(image) => (image, None),
            None if self.is_usual() => self.decode_usual()?,
            None => (self.decode_other()?, None),
        };
        Ok(Frame { inks: self.inks(), flaw, ..Frame::of(image) })
    }
}

/// Size and components, of a frame's segment (T.81, B.2.2).
fn read_frame(process: u8, segment: &[u8]) -> Result<(u32, u32, Vec<Component>), Error> {
    let [precision, y1, y0, x1, x0, count] = *segment.first_chunk().ok_or_else(|| damaged("its frame is too short"))?;
    match process {
        0xc9..=0xcf => return Err(unsupported("arithmetic coding")),
        0xc5..=0xc7 => return Err(unsupported("hierarchical coding")),
        _ => {}
    }
    if precision != 8 {
        return Err(unsupported(&format!("{precision} bits a channel")));
    }
    if ![1, 3, 4].contains(&count) {
        return Err(unsupported(&format!("{count} channels")));
    }
    let components = segment[6..].as_chunks::<3>().0.iter().take(count.into());
    let components = components.map(|&[id, sampling, _]| Component { id, across: sampling >> 4, down: sampling & 15 });
    let components: Vec<Component> = components.collect();
    let sampled = |c: &Component| (1..=4).contains(&c.across) && (1..=4).contains(&c.down);
    if components.len() < usize::from(count) || !components.iter().all(sampled) {
        return Err(damaged("the sampling of its frame is none"));
    }
    Ok((u16::from_be_bytes([x1, x0]).into(), u16::from_be_bytes([y1, y0]).into(), components))
}

fn is_named_rgb(components: &[Component]) -> bool {
    components.iter().map(|component| component.id).eq(*b"RGB")
}

/// As libjpeg decides it (`jdapimin.c`, `default_decompress_parms`).
fn colours(process: u8, components: &[Component], jfif: bool, adobe: Option<u8>) -> Colours {
    match (components.len(), adobe) {
        (1, _) => Colours::Grey,
        (3, _) if jfif => Colours::YCbCr,
        (3, Some(0)) => Colours::Rgb,
        (3, None) if is_named_rgb(components) || process == 0xc3 => Colours::Rgb,
        (3, _) => Colours::YCbCr,
        (_, None | Some(0)) => Colours::Cmyk,
        (_, Some(_)) => Colours::Ycck,
    }
}

/// The pixels of a JPEG inside a TIFF: its tables stand apart, and the TIFF says what its components mean.
///
/// # Errors
/// As [`Jpeg::open`]; or it has other components than the TIFF.
pub(super) fn decode_in_tiff(
    tables: &[u8],
    data: &[u8],
    meaning: ColorTransform,
) -> Result<(u32, u32, Vec<u8>), Error> {
    let tables = tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(tables);
    let stream = if tables.is_empty() { data.into() } else { [tables, data.get(2..).unwrap_or_default()].concat() };
    let jpeg = Jpeg::open(&stream)?;
    let mut decoder = jpeg_decoder::Decoder::new(&stream[..]);
    decoder.set_color_transform(meaning);
    let mut pixels = decoder.decode().map_err(|e| jpeg.problem(&e))?;
    if meaning == ColorTransform::CMYK {
        // It takes them for Adobe's, which are upside down.
        pixels.iter_mut().for_each(|ink| *ink = 255 - *ink);
    }
    Ok((jpeg.width, jpeg.height, pixels))
}

fn unsupported(kind: &str) -> Error {
    Error::Unsupported(format!("JPEG with {kind}"))
}

fn damaged(problem: &str) -> Error {
    Error::damaged(Format::Jpeg, problem)
}

fn ends() -> Error {
    damaged("the file ends within it")
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::super::{Colour, Rgb, decode, decode_for, decode_with_flaw};
    use super::*;

    fn scene() -> Rgb {
        let pixel = |x: u32, y: u32| [(x * 3) as u8, (y * 4 + 20) as u8, (200 - x - y) as u8];
        let (width, height) = (61, 45);
        Rgb { width, height, pixels: (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect() }
    }

    fn encoded(sampling: SamplingFactor, set: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
        let (scene, mut out) = (scene(), Vec::new());
        let mut encoder = Encoder::new(&mut out, 95);
        encoder.set_sampling_factor(sampling);
        set(&mut encoder);
        encoder.encode(&scene.pixels, scene.width as u16, scene.height as u16, ColorType::Rgb).expect("a JPEG");
        out
    }

    fn error(found: &Rgb) -> f64 {
        let apart = scene().pixels.iter().zip(&found.pixels).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
        apart / found.pixels.len() as f64
    }

    /// The same file with other sampling factors in its frame, so that what is fine and what is coarse change places.
    fn with_factors(mut jpeg: Vec<u8>, factors: [u8; 3]) -> Vec<u8> {
        let frame = jpeg.windows(2).position(|pair| pair[0] == 0xff && (0xc0..=0xc2).contains(&pair[1]));
        let frame = frame.expect("a frame");
        (0..3).for_each(|k| jpeg[frame + 11 + 3 * k] = factors[k]);
        jpeg
    }

    #[test]
    fn every_sampling_in_every_order_of_scans_is_the_picture() {
        use SamplingFactor::*;
        for sampling in [F_1_1, F_2_1, F_1_2, F_2_2, F_4_1, F_4_2, F_1_4, F_2_4] {
            // With tables of their own, the encoder writes one component a scan.
            for (own_tables, progressive, restart) in
                [(false, false, 0), (false, false, 2), (true, false, 0), (false, true, 0)]
            {
                let jpeg = encoded(sampling, |encoder| {
                    encoder.set_optimized_huffman_tables(own_tables);
                    encoder.set_progressive(progressive);
                    encoder.set_restart_interval(restart);
                });
                let (found, flaw) = decode_with_flaw(&jpeg, Colour::WHITE, None).expect("a picture");
                let what = format!("{sampling:?} {own_tables} {progressive} {restart}");
                assert_eq!((found.width, found.height, flaw), (61, 45, None), "{what}");
                assert!(error(&found) < 5.0, "{what}: {}", error(&found));
            }
        }
    }

    #[test]
    fn brightness_coarser_than_the_colours_gives_no_stripes() {
        // All at full resolution, declared as if the brightness had a quarter: blocks go to other places, but
        // every decoder must put them to the same.
        let jpeg = encoded(SamplingFactor::F_1_1, |encoder| encoder.set_optimized_huffman_tables(true));
        let jpeg = Jpeg::open(&jpeg).expect("markers");
        assert!(!jpeg.is_usual(), "one component a scan");
        let coarse = with_factors(encoded(SamplingFactor::F_1_1, |_| ()), [0x11, 0x22, 0x22]);
        assert!(!Jpeg::open(&coarse).expect("markers").is_usual());
        let odd = with_factors(encoded(SamplingFactor::F_1_1, |_| ()), [0x31, 0x21, 0x11]);
        let problem = decode(&odd, Colour::WHITE).expect_err("no picture").to_string();
        assert_eq!(problem, "unsupported format: JPEG with sampling factors 3x1, 2x1, 1x1");
    }

    #[test]
    fn what_is_cut_short_is_read_and_named() {
        for progressive in [false, true] {
            let jpeg = encoded(SamplingFactor::F_2_2, |encoder| encoder.set_progressive(progressive));
            let start = Jpeg::open(&jpeg).expect("markers").first_scan;
            for end in [start + 20, (start + jpeg.len()) / 2, jpeg.len() - 2] {
                let (found, flaw) = decode_with_flaw(&jpeg[..end], Colour::WHITE, None).expect("a part of it");
                assert_eq!((found.width, flaw), (61, Some(Flaw::Truncated)), "{end} of {}", jpeg.len());
            }
            let (_, flaw) = decode_with_flaw(&jpeg, Colour::WHITE, None).expect("a picture");
            assert_eq!(flaw, None);
        }
    }

    #[test]
    fn a_marker_where_none_belongs_is_named() {
        let jpeg = encoded(SamplingFactor::F_2_2, |_| ());
        let start = Jpeg::open(&jpeg).expect("markers").first_scan;
        let mut torn = jpeg.clone();
        torn[(start + jpeg.len()) / 2..][..2].copy_from_slice(&[0xff, 0xc0]);
        let flaw = decode_with_flaw(&torn, Colour::WHITE, None).map(|(_, flaw)| flaw);
        assert!(!matches!(flaw, Ok(None | Some(Flaw::Truncated))), "{flaw:?}");
    }

    #[test]
    fn bytes_around_and_between_the_markers_harm_nobody() {
        let jpeg = encoded(SamplingFactor::F_2_2, |_| ());
        let sound = decode(&jpeg, Colour::WHITE);
        let trailing = [&jpeg[..], b"garbage", &jpeg[..99]].concat();
        let between = [&jpeg[..20], &[0; 9], &jpeg[20..]].concat();
        let strange = [&jpeg[..2], b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x09", &jpeg[2..]].concat();
        for bytes in [trailing, between, strange] {
            let (rgb, flaw) = decode_with_flaw(&bytes, Colour::WHITE, None).expect("a picture");
            assert!(flaw.is_none() && Ok(rgb) == sound, "{flaw:?}");
        }
    }

    #[test]
    fn jfif_goes_before_adobe_and_names() {
        let jpeg = encoded(SamplingFactor::F_1_1, |_| ());
        assert!(jpeg[2..].starts_with(&[0xff, 0xe0]), "JFIF");
        let adobe = [&jpeg[..2], b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0", &jpeg[2..]].concat();
        assert!(error(&decode(&adobe, Colour::WHITE).expect("a picture")) < 3.0);
    }

    #[test]
    fn kinds_that_no_decoder_reads_are_named_and_not_called_damaged() {
        let jpeg = encoded(SamplingFactor::F_1_1, |_| ());
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame");
        for (place, byte, said) in [
            (1, 0xc9, "arithmetic coding"),
            (1, 0xc5, "hierarchical coding"),
            (4, 12, "12 bits a channel"),
            (9, 2, "2 channels"),
        ] {
            let mut other = jpeg.clone();
            other[frame + place] = byte;
            let problem = decode(&other, Colour::WHITE).expect_err("no picture").to_string();
            assert_eq!(problem, format!("unsupported format: JPEG with {said}"));
        }
    }

    #[test]
    fn a_few_bytes_that_claim_a_large_picture_are_refused_before_memory_is_taken() {
        let mut jpeg = encoded(SamplingFactor::F_1_1, |_| ());
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame");
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x0a, 0x00, 0xff, 0x00]);
        let problem = decode(&jpeg, Colour::WHITE).expect_err("no picture").to_string();
        assert!(problem.ends_with("bytes are no picture of 65280 x 2560 pixels"), "{problem}");
    }

    #[test]
    fn a_large_picture_comes_reduced_where_that_is_enough() {
        let large = Rgb { width: 640, height: 480, pixels: vec![90; 640 * 480 * 3] };
        let jpeg = super::super::encode_jpeg(&large, 90).expect("a JPEG");
        let size = |edge| decode_for(&jpeg, Colour::WHITE, edge).map(|rgb| (rgb.width, rgb.height));
        assert_eq!((size(Some(30)), size(None)), (Ok((80, 60)), Ok((640, 480))));
    }
}
