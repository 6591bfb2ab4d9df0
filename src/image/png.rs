//! PNG, by the `png` crate itself: what `image` would read of profiles and texts can be made to fill the memory, and it
//! finds no EXIF behind the pixels.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use ::image::metadata::Orientation;
use png::{BitDepth, DecodeOptions, DecodingError, Limits, Transformations};

use super::colour::of_channels;
use super::profile::{LONGEST, Space};
use super::{Error, Format, Frame, Header, MAX_BYTES, Opened, orientation};

/// EXIF in a text, and XMP, are no longer than this. Pillow has the same limit.
const LONGEST_TEXT: u64 = 1 << 20;

/// The last chunk.
const END: &[u8] = b"\0\0\0\0IEND\xaeB`\x82";

/// What the chunks beside the pixels say.
#[derive(Debug, Default)]
struct Chunks<'a> {
    exif: Option<Vec<u8>>,
    /// `Raw profile type exif`, as ImageMagick writes it: counts where there is no other EXIF.
    raw_exif: Option<Vec<u8>>,
    xmp: Option<Vec<u8>>,
    /// `cICP`.
    coded: Option<Space>,
    /// `iCCP`.
    profile: Option<&'a [u8]>,
    is_apple: bool,
    has_end: bool,
    /// Where the last whole chunk ends, if one of them holds pixels.
    whole: Option<usize>,
}

impl<'a> Chunks<'a> {
    fn read(bytes: &'a [u8]) -> Chunks<'a> {
        let mut chunks = Chunks::default();
        let mut rest = bytes.get(8..).unwrap_or_default();
        while let Some((&[a, b, c, d, ref name @ ..], after)) = rest.split_first_chunk::<8>() {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let Some(data) = after.get(..length) else { break };
            match name {
                b"CgBI" => chunks.is_apple = true,
                b"eXIf" => chunks.exif = Some(data.into()),
                b"cICP" => {
                    if let [primaries, transfer, 0, 1] = *data {
                        chunks.coded = Some(Space::Coded { primaries, transfer });
                    }
                }
                b"iCCP" => chunks.profile = chunks.profile.or(Some(data)),
                b"tEXt" | b"zTXt" | b"iTXt" => chunks.text(name, data),
                b"IEND" => {
                    chunks.has_end = true;
                    break;
                }
                _ => {}
            }
            rest = after.get(length + 4..).unwrap_or_default();
            if after.len() >= length + 4 && (name == b"IDAT" || chunks.whole.is_some()) {
                chunks.whole = Some(bytes.len() - rest.len());
            }
        }
        chunks
    }

    fn text(&mut self, kind: &[u8; 4], data: &[u8]) {
        let Some(end) = data.iter().position(|&byte| byte == 0) else { return };
        let (key, text) = (&data[..end], &data[end + 1..]);
        match key {
            b"exif" if kind == b"tEXt" => self.exif = Some(text.into()),
            b"Raw profile type exif" => self.raw_exif = value(kind, text).and_then(|text| from_hex(&text)),
            b"XML:com.adobe.xmp" => self.xmp = value(kind, text),
            _ => {}
        }
    }

    fn orientation(&self) -> Orientation {
        orientation::of(self.exif.as_deref().or(self.raw_exif.as_deref()), self.xmp.as_deref())
    }
}

/// What a text chunk says after its key (PNG, third edition, 11.3.3).
fn value(kind: &[u8; 4], text: &[u8]) -> Option<Vec<u8>> {
    let (compressed, text) = match kind {
        b"tEXt" => (false, text),
        b"zTXt" => (true, text.get(1..)?),
        _ => {
            let mut parts = text.get(2..)?.splitn(3, |&byte| byte == 0);
            (text[0] != 0, parts.nth(2)?)
        }
    };
    if compressed { inflated(text, LONGEST_TEXT) } else { Some(text.into()) }
}

/// The bytes of a profile, which stand after its name and the number of their compression (11.3.2.3).
fn profile(data: &[u8]) -> Option<Vec<u8>> {
    let name = data.iter().position(|&byte| byte == 0)?;
    inflated(data.get(name + 2..)?, LONGEST)
}

fn inflated(data: &[u8], most: u64) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    flate2::read::ZlibDecoder::new(data).take(most).read_to_end(&mut out).ok()?;
    Some(out)
}

/// The bytes after the third line break, two digits each.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.split(|&byte| byte == b'\n').skip(3).flatten();
    let digits: Vec<u8> = digits.filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    digits.as_chunks().0.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

/// A PNG whose header is read.
pub(super) struct Png<'a> {
    reader: png::Reader<Cursor<Cow<'a, [u8]>>>,
    orientation: Orientation,
    coded: Option<Space>,
    profile: Option<&'a [u8]>,
    has_end: bool,
}

impl<'a> Png<'a> {
    /// Reads what stands before the pixels, and finds out what stands behind.
    ///
    /// # Errors
    /// As far as that is damaged.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Png<'a>, Error> {
        let chunks = Chunks::read(bytes);
        if chunks.is_apple {
            return Err(Error::Unsupported("PNG as Apple packs it into apps (CgBI)".into()));
        }
        let mut options = DecodeOptions::default();
        options.set_ignore_iccp_chunk(true);
        options.set_ignore_text_chunk(true);
        // The decoder wants an end where Pillow does without one.
        let bytes = match chunks.whole.filter(|_| !chunks.has_end) {
            Some(whole) => Cow::Owned([&bytes[..whole], END].concat()),
            None => Cow::Borrowed(bytes),
        };
        let mut decoder = png::Decoder::new_with_options(Cursor::new(bytes), options);
        decoder.set_limits(Limits { bytes: MAX_BYTES as usize });
        decoder.set_transformations(Transformations::EXPAND);
        let reader = decoder.read_info().map_err(|e| problem(&e))?;
        let orientation = chunks.orientation();
        let Chunks { coded, profile, has_end, .. } = chunks;
        Ok(Png { reader, orientation, coded, profile, has_end })
    }
}

impl Opened for Png<'_> {
    fn header(&self) -> Header {
        let (width, height) = self.reader.info().size();
        let (colours, depth) = self.reader.output_color_type();
        let pixel_bytes = colours.samples() as u64 * if depth == BitDepth::Sixteen { 2 } else { 1 };
        Header { width, height, pixel_bytes, orientation: self.orientation }
    }

    fn has_end(&self) -> bool {
        self.has_end
    }

    /// Code points count before a profile.
    fn space(&self) -> Option<Space> {
        self.coded.clone().or_else(|| profile(self.profile?).map(Space::Profile))
    }

    fn frame(mut self: Box<Self>, _: Option<u32>) -> Result<Frame, Error> {
        let Header { width, height, pixel_bytes, .. } = self.header();
        let mut pixels = vec![0; width as usize * height as usize * pixel_bytes as usize];
        self.reader.next_frame(&mut pixels).map_err(|e| problem(&e))?;
        let (colours, depth) = self.reader.output_color_type();
        if depth == BitDepth::Sixteen {
            to_eight_bits(&mut pixels);
        }
        let image = of_channels(width, height, colours.samples(), pixels);
        Ok(Frame::of(image))
    }
}

/// Of 16 bits a channel, the higher byte first, to 8, in place.
fn to_eight_bits(pixels: &mut Vec<u8>) {
    for at in 0..pixels.len() / 2 {
        let deep = u16::from_be_bytes([pixels[2 * at], pixels[2 * at + 1]]);
        pixels[at] = ((u32::from(deep) + 128) / 257) as u8;
    }
    pixels.truncate(pixels.len() / 2);
}

fn problem(error: &DecodingError) -> Error {
    match error {
        DecodingError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::damaged(Format::Png, "the file ends within it")
        }
        other => Error::damaged(Format::Png, &other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::Flaw;
    use super::*;
    use crate::image::{Colour, Encoding, Rgb, decode, decode_with_flaw, dimensions, encode};

    fn png() -> Vec<u8> {
        let pixels = (0..60).map(|byte| byte * 4).collect();
        encode(&Rgb { width: 5, height: 4, pixels }, Encoding::Png).expect("a PNG")
    }

    /// With a chunk before or behind the pixels; nobody looks at the sum of such chunks.
    fn with(name: &[u8; 4], data: &[u8], late: bool) -> Vec<u8> {
        let png = png();
        let at = if late { png.len() - 12 } else { 33 };
        let length = (data.len() as u32).to_be_bytes();
        [&png[..at], &length, name, data, &[0; 4], &png[at..]].concat()
    }

    fn deflated(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).expect("memory");
        encoder.finish().expect("memory")
    }

    const EXIF: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

    #[test]
    fn orientation_is_found_wherever_it_stands() {
        let hex: String = [b"Exif\0\0", EXIF].concat().iter().map(|byte| format!("{byte:02x}")).collect();
        let raw = format!("\nexif\n      32\n{}\n{}\n", &hex[..40], &hex[40..]);
        let plain = [b"Raw profile type exif\0", raw.as_bytes()].concat();
        let packed = [b"Raw profile type exif\0\0", &deflated(raw.as_bytes())[..]].concat();
        let xmp = b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation=\"6\"/>";
        for late in [false, true] {
            for (name, data) in [(b"eXIf", EXIF), (b"tEXt", &plain), (b"zTXt", &packed), (b"iTXt", xmp)] {
                assert_eq!(dimensions(&with(name, data, late)), Ok((4, 5)), "{name:?} {late}");
            }
        }
        let comment = with(b"tEXt", b"Comment\0tiff:Orientation=\"6\"", false);
        assert_eq!(dimensions(&comment), Ok((5, 4)));
    }

    #[test]
    fn profiles_and_texts_take_no_memory() {
        let bomb = deflated(&vec![b'\n'; 40_000_000]);
        let profile = with(b"iCCP", &[b"x\0\0", &bomb[..]].concat(), false);
        let text = with(b"zTXt", &[b"Raw profile type exif\0\0", &bomb[..]].concat(), false);
        for bytes in [profile, text] {
            assert_eq!(decode(&bytes, Colour::WHITE), decode(&png(), Colour::WHITE));
        }
        assert_eq!(value(b"zTXt", &[b"\0", &bomb[..]].concat()).map(|text| text.len() as u64), Some(LONGEST_TEXT));
    }

    #[test]
    fn a_file_without_its_end_is_named_and_apples_kind_is_unsupported() {
        let png = png();
        let flaw = |bytes: &[u8]| decode_with_flaw(bytes, Colour::WHITE, None).map(|(_, flaw)| flaw);
        assert_eq!(flaw(&png), Ok(None));
        assert_eq!(flaw(&png[..png.len() - 12]), Ok(Some(Flaw::Truncated)));
        assert_eq!(dimensions(&png[..png.len() - 20]), Ok((5, 4)), "the header is there");
        let problem = decode(&with(b"CgBI", &[0; 4], false), Colour::WHITE).expect_err("no picture").to_string();
        assert!(problem.starts_with("unsupported format: PNG as Apple"), "{problem}");
    }

    #[test]
    fn sixteen_bits_are_rounded_to_eight() {
        let mut pixels = vec![0x80, 0x80, 0x00, 0x80, 0x00, 0x81, 0xff, 0xff];
        to_eight_bits(&mut pixels);
        assert_eq!(pixels, [0x80, 0, 1, 0xff]);
    }
}
