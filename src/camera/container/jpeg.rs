//! JPEG: segments before the first scan (ISO 10918-1, B.1.1.4; XMP Specification 3, 1.1.3).

use std::borrow::Cow;

use super::{Parts, bare};

const EXIF: &[u8] = b"Exif\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const MORE_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
/// Photoshop's resource of IPTC's records.
const IPTC: u16 = 0x0404;

pub(super) fn parts(bytes: &[u8]) -> Parts<'_> {
    let (mut parts, mut resources) = (Parts::default(), Vec::new());
    for (marker, data) in segments(bytes) {
        if marker == 0xed
            && let Some(data) = data.strip_prefix(PHOTOSHOP)
        {
            resources.push(data);
        }
        if marker != 0xe1 {
            continue;
        }
        if data.starts_with(EXIF) {
            parts.tiff = parts.tiff.or(Some(bare(data).into()));
        } else if let Some(xmp) = data.strip_prefix(XMP) {
            parts.xmp = parts.xmp.or(Some(xmp.into()));
        } else if let Some((digest, [_, _, _, _, a, b, c, d, piece @ ..])) =
            data.strip_prefix(MORE_XMP).and_then(|data| data.split_at_checked(32))
        {
            let pieces = parts.extensions.entry(digest).or_default();
            pieces.entry(u32::from_be_bytes([*a, *b, *c, *d])).or_insert(piece);
        }
    }
    // What is too long for one segment goes on in the next.
    parts.iptc = match resources.as_slice() {
        [] => None,
        [one] => iptc_of(one).map(Cow::Borrowed),
        several => iptc_of(&several.concat()).map(|iptc| iptc.to_vec().into()),
    };
    parts
}

/// The segments up to the first scan, each with the last byte of its marker.
fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            // Any number of fill bytes may stand before a marker.
            let (&[0xff, marker], after) = rest.split_first_chunk::<2>()? else { return None };
            match marker {
                0xff => rest = &rest[1..],
                // These have no length.
                0x01 | 0xd0..=0xd7 => rest = after,
                0xd9 | 0xda => return None,
                _ => {
                    let (&length, _) = after.split_first_chunk::<2>()?;
                    let length = usize::from(u16::from_be_bytes(length));
                    let data = after.get(2..length)?;
                    rest = &after[length..];
                    return Some((marker, data));
                }
            }
        }
    })
}

/// IPTC's records among Photoshop's resources (Adobe Photoshop File Formats, Image Resource Blocks).
pub(super) fn iptc_of(resources: &[u8]) -> Option<&[u8]> {
    let mut rest = resources;
    while let [b'8', b'B', b'I', b'M', id_high, id_low, name, after @ ..] = rest {
        // The name and its length take an even number of bytes, as the data do.
        let after = after.get(usize::from(*name | 1)..)?;
        let (&size, after) = after.split_first_chunk::<4>()?;
        let size = u32::from_be_bytes(size) as usize;
        let data = &after[..size.min(after.len())];
        if u16::from_be_bytes([*id_high, *id_low]) == IPTC {
            return Some(data);
        }
        rest = after.get(size.saturating_add(size % 2)..)?;
    }
    None
}
