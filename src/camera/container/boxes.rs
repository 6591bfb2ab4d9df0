//! Files of boxes (ISO 14496-12): HEIF and AVIF (ISO 23008-12), Canon's CR3, JPEG XL (ISO 18181-2), JPEG 2000.

use std::borrow::Cow;
use std::io::Read;

use super::{Parts, bare};

/// Of a compressed box so many bytes are unfolded.
const MOST_BYTES: u64 = 64 << 20;
/// Items and pieces of one file that are looked at.
const MOST_ITEMS: u64 = 1 << 16;
/// Boxes of one level that are looked at.
const MOST_BOXES: usize = 1 << 16;

const XMP_UUID: &[u8; 16] = b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";
/// Canon's, in which CR3 keeps directories of TIFF.
const CANON_UUID: &[u8; 16] = b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
/// What programs put EXIF into where there is no better place: JPEG 2000.
const EXIF_UUID: &[u8; 16] = b"JpgTiffExif->JP2";
const IPTC_UUID: &[u8; 16] = b"\x33\xc7\xa4\xd2\xb8\x1d\x47\x23\xa0\xba\xf1\xa3\xe0\x97\xad\x38";

pub(super) fn parts(bytes: &[u8]) -> Parts<'_> {
    let (mut parts, mut meta) = (Parts::default(), None);
    for (name, data) in boxes(bytes) {
        match &name {
            b"meta" => meta = meta.or(data.get(4..)),
            b"moov" => boxes(data).for_each(|(name, data)| of_uuid(name, data, &mut parts)),
            b"uuid" => of_uuid(name, data, &mut parts),
            // The place of the TIFF header comes first.
            b"Exif" => parts.tiff = parts.tiff.or_else(|| exif(data.into())),
            b"xml " => parts.xmp = parts.xmp.or(Some(data.into())),
            b"brob" => match data.split_first_chunk::<4>() {
                // One is unfolded, whatever comes of it.
                Some((b"Exif", data)) => {
                    parts.tiff = parts.tiff.or_else(|| exif(unfolded(data).into()).or(Some(Cow::default())))
                }
                Some((b"xml ", data)) => parts.xmp = parts.xmp.or_else(|| Some(unfolded(data).into())),
                _ => {}
            },
            _ => {}
        }
    }
    if let Some(meta) = meta {
        items(bytes, meta, &mut parts);
    }
    parts
}

/// The boxes that follow one another; one that says it is longer than the file ends with it.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    let next = move || {
        let (&[s0, s1, s2, s3, n0, n1, n2, n3], after) = rest.split_first_chunk::<8>()?;
        let (size, head) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 => (rest.len(), 8),
            1 => (usize::try_from(u64::from_be_bytes(*after.first_chunk()?)).ok()?, 16),
            size => (size as usize, 8),
        };
        let data = rest.get(head..size.min(rest.len()))?;
        rest = rest.get(size..).unwrap_or_default();
        Some(([n0, n1, n2, n3], data))
    };
    std::iter::from_fn(next).take(MOST_BOXES)
}

fn of_uuid<'a>(name: [u8; 4], data: &'a [u8], parts: &mut Parts<'a>) {
    let Some((uuid, data)) = data.split_first_chunk::<16>().filter(|_| &name == b"uuid") else { return };
    match uuid {
        XMP_UUID if parts.xmp.is_none() => parts.xmp = Some(data.into()),
        EXIF_UUID if parts.tiff.is_none() => parts.tiff = Some(bare(data).into()),
        IPTC_UUID if parts.iptc.is_none() => parts.iptc = Some(data.into()),
        CANON_UUID => {
            for (name, data) in boxes(data) {
                match &name {
                    b"CMT1" => parts.tiff = Some(data.into()),
                    b"CMT2" => parts.camera = Some(data),
                    b"CMT4" => parts.gps = Some(data),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// EXIF behind the number of bytes that come before it (ISO 23008-12, A.2.1).
fn exif(data: Cow<'_, [u8]>) -> Option<Cow<'_, [u8]>> {
    let skipped = |data: &[u8]| -> Option<usize> {
        let (&before, rest) = data.split_first_chunk::<4>()?;
        let exif = rest.get(u32::from_be_bytes(before) as usize..).unwrap_or(rest);
        Some(data.len() - bare(exif).len())
    };
    let at = skipped(&data)?;
    Some(match data {
        Cow::Borrowed(data) => data[at..].into(),
        Cow::Owned(mut data) => data.split_off(at).into(),
    })
}

/// What a box of Brotli unfolds to, as far as it is sound.
fn unfolded(data: &[u8]) -> Vec<u8> {
    let mut unfolded = Vec::new();
    let _ = brotli_decompressor::Decompressor::new(data, 4096).take(MOST_BYTES).read_to_end(&mut unfolded);
    unfolded
}

/// A number of so many bytes at the front, which is then gone.
fn take(bytes: &mut &[u8], size: usize) -> Option<u64> {
    let (number, rest) = bytes.split_at_checked(size)?;
    *bytes = rest;
    Some(number.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

/// The items of HEIF that are EXIF and XMP.
fn items<'a>(file: &'a [u8], meta: &'a [u8], parts: &mut Parts<'a>) {
    let find = |wanted: &[u8; 4]| boxes(meta).find(|(name, _)| name == wanted).map(|(_, data)| data);
    let Some((exif_item, xmp_item)) = find(b"iinf").and_then(wanted) else { return };
    let (places, inside) = (find(b"iloc"), find(b"idat").unwrap_or_default());
    let item = |number: Option<u64>| located(places?, number?, file, inside);
    parts.tiff = parts.tiff.take().or_else(|| item(exif_item).and_then(exif));
    parts.xmp = parts.xmp.take().or_else(|| item(xmp_item));
}

/// The numbers of the first items of EXIF and of XMP (`iinf`, `infe` of version 2 and later).
fn wanted(mut iinf: &[u8]) -> Option<(Option<u64>, Option<u64>)> {
    let version = take(&mut iinf, 4)? >> 24;
    take(&mut iinf, if version == 0 { 2 } else { 4 })?;
    let (mut exif, mut xmp) = (None, None);
    for (_, mut entry) in boxes(iinf).filter(|(name, _)| name == b"infe") {
        let Some(version) = take(&mut entry, 4).map(|number| number >> 24).filter(|version| *version >= 2) else {
            continue;
        };
        let Some(number) = take(&mut entry, if version == 2 { 2 } else { 4 }) else { continue };
        let (Some(_protection), Some((kind, rest))) = (take(&mut entry, 2), entry.split_first_chunk::<4>()) else {
            continue;
        };
        // A name, then the type of what is in it.
        let mime = rest.split(|&byte| byte == 0).nth(1);
        match kind {
            b"Exif" => exif = exif.or(Some(number)),
            b"mime" if mime == Some(b"application/rdf+xml") => xmp = xmp.or(Some(number)),
            _ => {}
        }
    }
    Some((exif, xmp))
}

/// The bytes of an item (`iloc` of versions 0 to 2): in the file, or in the box `idat`.
fn located<'a>(mut iloc: &[u8], wanted: u64, file: &'a [u8], inside: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let version = take(&mut iloc, 4)? >> 24;
    let sizes = take(&mut iloc, 2)?;
    let nibble = |at: u64| (sizes >> at & 15) as usize;
    let (offset_size, length_size, base_size) = (nibble(12), nibble(8), nibble(4));
    let index_size = if version == 0 { 0 } else { nibble(0) };
    if [offset_size, length_size, base_size, index_size].iter().any(|size| ![0, 4, 8].contains(size)) {
        return None;
    }
    let wide = if version < 2 { 2 } else { 4 };
    for _ in 0..take(&mut iloc, wide)?.min(MOST_ITEMS) {
        let number = take(&mut iloc, wide)?;
        let method = if version == 0 { 0 } else { take(&mut iloc, 2)? & 15 };
        let _data_reference = take(&mut iloc, 2)?;
        let base = take(&mut iloc, base_size)?;
        let extents = take(&mut iloc, 2)?;
        if number != wanted {
            let size = extents as usize * (index_size + offset_size + length_size);
            iloc = iloc.get(size..)?;
            continue;
        }
        let home = match method {
            0 => file,
            1 => inside,
            _ => return None,
        };
        let mut pieces = Vec::new();
        for _ in 0..extents {
            take(&mut iloc, index_size)?;
            let at = usize::try_from(base.checked_add(take(&mut iloc, offset_size)?)?).ok()?;
            let length = usize::try_from(take(&mut iloc, length_size)?).ok()?;
            let rest = home.get(at..)?;
            // No length: all that follows.
            pieces.push(if length == 0 { rest } else { &rest[..length.min(rest.len())] });
        }
        // Pieces may lie over one another: all of them together are no longer than the file.
        return match pieces.as_slice() {
            [one] => Some((*one).into()),
            several => {
                let whole = several.iter().map(|piece| piece.len()).sum::<usize>();
                (whole <= home.len()).then(|| several.concat().into())
            }
        };
    }
    None
}
