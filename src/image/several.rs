//! How many pictures a file holds, of which only the first is read.

use super::{Format, format, jpeg_xl};
use crate::guard;

/// Nobody counts on.
const MOST: u32 = 1 << 16;

/// How many frames or pages a file has; where only that there are several is known, 2. A file that is damaged has one.
pub fn frames(bytes: &[u8]) -> u32 {
    let count = || match format(bytes).ok()? {
        Format::Gif => Some(gif(bytes)),
        Format::Png => png(bytes),
        Format::WebP => Some(webp(bytes)),
        Format::Tiff => tiff(bytes),
        Format::JpegXl => jpeg_xl::JpegXl::open(bytes).ok()?.is_animated().then_some(2),
        Format::Heic | Format::Avif => is_sequence(bytes).then_some(2),
        _ => None,
    };
    guard::catch(count).flatten().unwrap_or(1).max(1)
}

/// Blocks of pictures (GIF89a, appendix A).
fn gif(bytes: &[u8]) -> u32 {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + bytes.get(10).map_or(0, |&flags| table(flags));
    let mut count = 0;
    while let Some(kind) = bytes.get(at) {
        at += match (kind, bytes.get(at + 9)) {
            (0x21, _) => 2,
            (0x2c, Some(&flags)) => {
                count += 1;
                11 + table(flags)
            }
            _ => break,
        };
        while let Some(&length @ 1..) = bytes.get(at) {
            at += 1 + usize::from(length);
        }
        at += 1;
    }
    count
}

/// What the animation's control says, which stands before the pixels (PNG, third edition, 11.3.6.1).
fn png(bytes: &[u8]) -> Option<u32> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        match name {
            b"acTL" => return Some(u32::from_be_bytes(*after.first_chunk()?)),
            b"IDAT" => return None,
            _ => rest = after.get(usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(4)?..)?,
        }
    }
}

/// Chunks of frames (RFC 9649, 2.7.1).
fn webp(bytes: &[u8]) -> u32 {
    let mut rest = bytes.get(12..).unwrap_or_default();
    let mut count = 0;
    while let Some((&[ref name @ .., a, b, c, d], after)) = rest.split_first_chunk::<8>() {
        count += u32::from(name == b"ANMF");
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        rest = after.get(length + length % 2..).unwrap_or_default();
    }
    count
}

/// Directories, each of which leads to the next (TIFF 6.0, section 2; BigTIFF has wider numbers).
fn tiff(bytes: &[u8]) -> Option<u32> {
    let big_endian = bytes.starts_with(b"MM");
    let number = |at: u64, size: usize| -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let digits = bytes.get(at..at.checked_add(size)?)?;
        let add = |sum: u64, digit: &u8| sum << 8 | u64::from(*digit);
        Some(if big_endian { digits.iter().fold(0, add) } else { digits.iter().rev().fold(0, add) })
    };
    let (count_size, entry, wide, start) = if number(2, 2)? == 43 { (8, 20, 8, 8) } else { (2, 12, 4, 4) };
    let mut directory = number(start, wide)?;
    let mut count = 0;
    while directory != 0 && count < MOST {
        let Some(fields) = number(directory, count_size) else { break };
        count += 1;
        let end = fields.checked_mul(entry)?.checked_add(directory)?.checked_add(count_size as u64)?;
        directory = number(end, wide).unwrap_or(0);
    }
    Some(count)
}

/// Whether it says that it is a sequence (ISO/IEC 23008-12, 10.3; AVIF, 8).
fn is_sequence(bytes: &[u8]) -> bool {
    let length = bytes.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let names = bytes.get(8..length.min(bytes.len())).unwrap_or_default();
    names.as_chunks::<4>().0.iter().any(|name| matches!(name, b"avis" | b"msf1" | b"hevc" | b"hevx"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Encoding, Rgb, encode};

    fn animation(frames: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = gif::Encoder::new(&mut bytes, 4, 4, &[0, 0, 0, 255, 255, 255]).expect("memory");
        for _ in 0..frames {
            encoder.write_frame(&gif::Frame::from_indexed_pixels(4, 4, vec![0; 16], None)).expect("memory");
        }
        drop(encoder);
        bytes
    }

    #[test]
    fn frames_and_pages_are_counted() {
        assert_eq!(frames(&animation(1)), 1);
        assert_eq!(frames(&animation(7)), 7);
        assert_eq!(frames(&animation(7)[..60]), gif(&animation(7)[..60]).max(1));
        let still = encode(&Rgb { width: 5, height: 4, pixels: vec![9; 60] }, Encoding::Png).expect("a PNG");
        assert_eq!(frames(&still), 1);
        let control = [&[0, 0, 0, 8][..], b"acTL", &[0, 0, 0, 3, 0, 0, 0, 0], &[0; 4]].concat();
        assert_eq!(frames(&[&still[..33], &control, &still[33..]].concat()), 3);
        // Two directories without a field.
        let pages = b"II*\0\x08\0\0\0\0\0\x0e\0\0\0\0\0\0\0\0\0";
        assert_eq!(frames(pages), 2);
        assert_eq!(frames(b"\0\0\0\x14ftypmif1\0\0\0\0avis"), 2);
        for hostile in [&b""[..], b"GIF89a", b"II*\0\xff\xff\xff\xff", b"RIFF\0\0\0\0WEBPANMF\xff\xff\xff\xff"] {
            assert_eq!(frames(hostile), 1);
        }
    }
}
