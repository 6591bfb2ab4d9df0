//! PNG: `eXIf`, texts in `iTXt`, and what ImageMagick writes as hexadecimal digits into texts.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{Parts, bare, jpeg};

/// A text that unfolds to more is none.
const MOST_BYTES: u64 = 16 << 20;
/// So many texts are unfolded.
const MOST_TEXTS: usize = 16;

pub(super) fn parts(bytes: &[u8]) -> Parts<'_> {
    let mut parts = Parts::default();
    let (mut rest, mut texts) = (bytes.get(8..).unwrap_or_default(), 0);
    let (mut raw_exif, mut raw_xmp) = (None, None);
    while let Some((&[s0, s1, s2, s3, n0, n1, n2, n3], after)) = rest.split_first_chunk::<8>() {
        let size = u32::from_be_bytes([s0, s1, s2, s3]) as usize;
        let data = &after[..size.min(after.len())];
        rest = after.get(size.saturating_add(4)..).unwrap_or_default();
        let name = &[n0, n1, n2, n3];
        if name == b"eXIf" {
            parts.tiff = parts.tiff.or(Some(bare(data).into()));
            continue;
        }
        let Some((keyword, text)) = text(name, data).filter(|_| texts < MOST_TEXTS) else { continue };
        texts += 1;
        match keyword {
            b"XML:com.adobe.xmp" => parts.xmp = parts.xmp.or_else(|| text.unfolded()),
            b"Raw profile type exif" | b"Raw profile type APP1" => {
                let Some(raw) = text.unfolded().and_then(|text| profile(&text)) else { continue };
                match raw.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                    Some(xmp) => raw_xmp = raw_xmp.or(Some(xmp.to_vec())),
                    None => raw_exif = raw_exif.or(Some(bare(&raw).to_vec())),
                }
            }
            b"Raw profile type xmp" => raw_xmp = raw_xmp.or_else(|| profile(&text.unfolded()?)),
            b"Raw profile type iptc" => {
                let raw = text.unfolded().and_then(|text| profile(&text));
                let iptc = raw.map(|raw| jpeg::iptc_of(&raw).unwrap_or(&raw).to_vec());
                parts.iptc = parts.iptc.or(iptc.map(Cow::Owned));
            }
            _ => {}
        }
    }
    parts.tiff = parts.tiff.or(raw_exif.map(Cow::Owned));
    parts.xmp = parts.xmp.or(raw_xmp.map(Cow::Owned));
    parts
}

/// A text that may be compressed.
struct Text<'a> {
    is_folded: bool,
    data: &'a [u8],
}

impl<'a> Text<'a> {
    fn unfolded(&self) -> Option<Cow<'a, [u8]>> {
        if !self.is_folded {
            return Some(self.data.into());
        }
        let mut unfolded = Vec::new();
        // What comes before a damaged place counts.
        let _ = ZlibDecoder::new(self.data).take(MOST_BYTES).read_to_end(&mut unfolded);
        Some(unfolded.into()).filter(|unfolded: &Cow<[u8]>| (unfolded.len() as u64) < MOST_BYTES)
    }
}

/// The keyword and the text of a chunk, if it is one of those that are looked for (PNG 3, 11.3.3).
fn text<'a>(chunk: &[u8; 4], data: &'a [u8]) -> Option<(&'a [u8], Text<'a>)> {
    let (keyword, data) = split(data)?;
    if keyword != b"XML:com.adobe.xmp" && !keyword.starts_with(b"Raw profile type ") {
        return None;
    }
    let text = match (chunk, data) {
        (b"tEXt", data) => Text { is_folded: false, data },
        (b"zTXt", [0, data @ ..]) => Text { is_folded: true, data },
        (b"iTXt", [is_folded, _, data @ ..]) => {
            let (_language, data) = split(data)?;
            let (_translated, data) = split(data)?;
            Text { is_folded: *is_folded == 1, data }
        }
        _ => return None,
    };
    Some((keyword, text))
}

/// What is before and behind the first NUL.
fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, data)?;
    Some((&data[..end], &data[end + 1..]))
}

/// A profile as ImageMagick writes it: a line with its name, one with its length, and digits.
fn profile(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_start();
    let digits = text.iter().position(|&c| c == b'\n').and_then(|end| {
        let rest = text[end..].trim_ascii_start();
        rest.iter().position(|&c| c == b'\n').map(|end| &rest[end..])
    })?;
    let digits = digits.iter().filter_map(|&c| char::from(c).to_digit(16)).map(|digit| digit as u8);
    let digits: Vec<u8> = digits.collect();
    Some(digits.as_chunks::<2>().0.iter().map(|&[high, low]| high * 16 + low).collect())
}
