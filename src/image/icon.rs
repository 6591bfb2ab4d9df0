//! Icons and cursors of Windows: a directory of pictures, each a PNG of any kind, or a bitmap with a mask.

mod directory;

use std::io::Cursor;

use super::by_image::ByImage;
use super::png::Png;
use super::{Error, Format, Opened};
pub(super) use directory::is_cursor;
use directory::{Entry, PNG, entries};

/// Opens the largest picture, and of equally large ones that of the most colours.
///
/// # Errors
/// There is none, or it is damaged.
pub(super) fn open(bytes: &[u8]) -> Result<Box<dyn Opened + '_>, Error> {
    // 256 is written as 0.
    let side = |side: u8| if side == 0 { 256 } else { u32::from(side) };
    let size = |entry: &Entry| (side(entry.width) * side(entry.height), entry.depth);
    let best = entries(bytes).into_iter().max_by_key(size);
    let Entry { data, .. } = best.ok_or_else(|| Error::damaged(Format::Ico, "it holds no picture"))?;
    if data.starts_with(PNG) {
        return Ok(Box::new(Png::open(data)?));
    }
    // An icon of this picture alone: `image` would choose another, and believes what a cursor has in other places.
    let bitmap = data.get(4..12).ok_or_else(|| Error::damaged(Format::Ico, "its bitmap is too short"))?;
    let number = |at: usize| i32::from_le_bytes([bitmap[at], bitmap[at + 1], bitmap[at + 2], bitmap[at + 3]]);
    // The bitmap's height is that of picture and mask.
    let byte = |side: u32| if side >= 256 { 0 } else { side as u8 };
    let (width, height) = (byte(number(0).unsigned_abs()), byte(number(4).unsigned_abs() / 2));
    let mut icon = vec![0, 0, 1, 0, 1, 0, width, height, 0, 0, 1, 0, 32, 0];
    icon.extend((data.len() as u32).to_le_bytes());
    icon.extend(22u32.to_le_bytes());
    icon.extend(data);
    Ok(Box::new(ByImage::of_reader(Cursor::new(icon), Format::Ico)?))
}

#[cfg(test)]
mod tests {
    use crate::image::{Colour, Encoding, Rgb, decode, encode};

    /// An icon (kind 1) or cursor (kind 2) of these pictures, with their sides.
    fn directory(kind: u8, pictures: &[(u8, &[u8])]) -> Vec<u8> {
        let mut out = vec![0, 0, kind, 0, pictures.len() as u8, 0];
        let mut at = 6 + 16 * pictures.len();
        for (side, data) in pictures {
            out.extend([*side, *side, 0, 0, 1, 0, 0, 2]);
            out.extend((data.len() as u32).to_le_bytes());
            out.extend((at as u32).to_le_bytes());
            at += data.len();
        }
        pictures.iter().for_each(|(_, data)| out.extend(*data));
        out
    }

    fn bitmap() -> Vec<u8> {
        // 2 x 2 pixels of 24 bits, from the bottom, rows filled up to four bytes; then the mask: the last is transparent.
        let mut out = vec![40, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 24, 0];
        out.resize(40, 0);
        out.extend([3, 2, 1, 6, 5, 4, 0, 0, 9, 8, 7, 12, 11, 10, 0, 0]);
        out.extend([0, 0, 0, 0, 0b0100_0000, 0, 0, 0]);
        out
    }

    #[test]
    fn the_largest_picture_of_any_kind_is_read() {
        let rgb = Rgb { width: 3, height: 3, pixels: (0..27).collect() };
        let png = encode(&rgb, Encoding::Png).expect("a PNG");
        for kind in [1, 2] {
            let found = decode(&directory(kind, &[(2, &bitmap()), (3, &png)]), Colour::WHITE);
            assert_eq!(found.as_ref(), Ok(&rgb), "a PNG without transparency");
            let found = decode(&directory(kind, &[(2, &bitmap())]), Colour::WHITE).expect("a picture");
            assert_eq!(found.pixels, [7, 8, 9, 255, 255, 255, 1, 2, 3, 4, 5, 6]);
        }
        let problem = decode(&[0, 0, 1, 0, 0, 0, 0, 0], Colour::WHITE).expect_err("no picture").to_string();
        assert_eq!(problem, "damaged ICO: it holds no picture");
    }
}
