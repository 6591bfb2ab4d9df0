//! Where files keep what was said of their picture: by the first bytes, never by the name.

mod boxes;
mod jpeg;
mod png;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::image::directory::Directory;

/// Tags of TIFF's first directory.
const XMP: u16 = 700;
const IPTC: u16 = 33_723;
/// Photoshop's resources, as in a JPEG.
const RESOURCES: u16 = 34_377;

/// What was found in a file, each as it stands there.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    /// A TIFF whose first directory leads to all others.
    pub tiff: Option<Cow<'a, [u8]>>,
    /// TIFFs of their own for the directories of the camera and of GPS, which CR3 has.
    pub camera: Option<&'a [u8]>,
    pub gps: Option<&'a [u8]>,
    pub xmp: Option<Cow<'a, [u8]>>,
    pub iptc: Option<Cow<'a, [u8]>>,
    /// What did not fit into the XMP of a JPEG: by its digest, pieces and where they begin.
    extensions: BTreeMap<&'a [u8], BTreeMap<u32, &'a [u8]>>,
}

impl Parts<'_> {
    /// The extension of this digest, as far as its pieces follow one another.
    pub(super) fn extension(&self, digest: &str) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        for (&at, piece) in self.extensions.get(digest.as_bytes())? {
            if at as usize != whole.len() {
                break;
            }
            whole.extend_from_slice(piece);
        }
        Some(whole)
    }
}

/// Looks for them.
pub(super) fn parts(bytes: &[u8]) -> Parts<'_> {
    match bytes {
        [0xff, 0xd8, ..] => jpeg::parts(bytes),
        [0x89, b'P', b'N', b'G', ..] => png::parts(bytes),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', chunks @ ..] => webp(chunks),
        [b'G', b'I', b'F', ..] => gif(bytes),
        [b'I', b'I', ..] | [b'M', b'M', ..] => tiff(bytes),
        [_, _, _, _, b'f', b't', b'y', b'p', ..]
        | [_, _, _, _, b'J', b'X', b'L', b' ', ..]
        | [_, _, _, _, b'j', b'P', b' ', b' ', ..] => boxes::parts(bytes),
        _ if bytes.starts_with(b"FUJIFILMCCD-RAW ") => raf(bytes).unwrap_or_default(),
        _ => Parts::default(),
    }
}

/// EXIF stands bare, or behind the name that it has in a JPEG.
fn bare(exif: &[u8]) -> &[u8] {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    exif.strip_prefix(b"Exif\0\0").unwrap_or(exif)
}

/// Chunks of a name, a size and as many bytes, at even places (RIFF).
fn webp(chunks: &[u8]) -> Parts<'_> {
    let (mut parts, mut rest) = (Parts::default(), chunks);
    while let Some((&[n0, n1, n2, n3, s0, s1, s2, s3], after)) = rest.split_first_chunk::<8>() {
        let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        let data = &after[..size.min(after.len())];
        match &[n0, n1, n2, n3] {
            b"EXIF" => parts.tiff = parts.tiff.or(Some(bare(data).into())),
            b"XMP " => parts.xmp = parts.xmp.or(Some(data.into())),
            _ => {}
        }
        rest = after.get(size.saturating_add(size % 2)..).unwrap_or_default();
    }
    parts
}

/// TIFF, and raw files that are made like it.
fn tiff(bytes: &[u8]) -> Parts<'_> {
    let Some(directory) = Directory::read_any(bytes) else { return Parts::default() };
    let iptc = directory.bytes(IPTC).map(unswapped);
    let resources = || directory.bytes(RESOURCES).and_then(jpeg::iptc_of).map(Cow::Borrowed);
    Parts {
        tiff: Some(bytes.into()),
        xmp: directory.bytes(XMP).map(Cow::Borrowed),
        iptc: iptc.or_else(resources),
        ..Parts::default()
    }
}

/// Some programs took the records for numbers of 32 bits, and turned their bytes around.
fn unswapped(iptc: &[u8]) -> Cow<'_, [u8]> {
    match iptc {
        [first, _, _, 0x1c, ..] if *first != 0x1c => {
            iptc.as_chunks::<4>().0.iter().flat_map(|&[a, b, c, d]| [d, c, b, a]).collect()
        }
        _ => iptc.into(),
    }
}

/// Fujifilm's raw files: a JPEG within says it all.
fn raf(bytes: &[u8]) -> Option<Parts<'_>> {
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(|four| u32::from_be_bytes(four) as usize);
    let (at, length) = (number(84)?, number(88)?);
    let jpeg = bytes.get(at..)?;
    Some(jpeg::parts(&jpeg[..length.min(jpeg.len())]))
}

/// GIF: an application's extension, whose text goes on over what would be the lengths of blocks (XMP Specification 3, 1.1.2).
fn gif(bytes: &[u8]) -> Parts<'_> {
    const NAME: &[u8] = b"\x21\xff\x0bXMP DataXMP";
    /// Bytes that lead to an end whichever of them is taken for a length.
    const MAGIC: &[u8] = &[1, 0xff, 0xfe];
    let xmp = memchr::memmem::find(bytes, NAME).map(|at| &bytes[at + NAME.len()..]);
    let end = |xmp: &[u8]| memchr::memmem::find(xmp, MAGIC).unwrap_or(xmp.len());
    Parts { xmp: xmp.map(|xmp| xmp[..end(xmp)].into()), ..Parts::default() }
}
