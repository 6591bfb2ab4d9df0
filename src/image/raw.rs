//! Raw files of cameras: the largest JPEG that the camera put into them to look at. How the picture is turned is said by the raw
//! file itself, where it says so; what programs make of a preview's own EXIF is not to be trusted.
//!
//! Every maker keeps previews in another way, and all of them as whole JPEGs: they are looked for by their first bytes, and
//! believed where marker follows marker up to the frame.

use ::image::metadata::Orientation;
use memchr::memmem;

use super::directory::Directory;
use super::jpeg::Jpeg;
use super::profile::Space;
use super::sensor::is_tiff;
use super::{Error, Format, Frame, Header, Opened, orientation};

/// A raw file whose preview is known.
pub(super) struct Raw<'a> {
    jpeg: Jpeg<'a>,
    orientation: Option<Orientation>,
}

impl<'a> Raw<'a> {
    /// Looks for the preview.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Raw<'a>, Error> {
        let previews = memmem::find_iter(bytes, b"\xff\xd8\xff").filter_map(|at| {
            let (pixels, scan) = frame(&bytes[at..])?;
            Some((pixels, at, at + scan))
        });
        // Of several that are as large the first.
        let (_, start, scan) = previews
            .max_by_key(|&(pixels, start, _)| (pixels, std::cmp::Reverse(start)))
            .ok_or_else(|| Error::Unsupported("camera raw without a preview".into()))?;
        let end = memmem::find(&bytes[scan..], b"\xff\xd9").map_or(bytes.len(), |end| scan + end + 2);
        let jpeg = Jpeg::open(&bytes[start..end])?;
        // Canon's newer files have a TIFF within for their first directory.
        let tiff = if is_tiff(bytes) || Directory::read_any(bytes).is_some() {
            Some(bytes)
        } else {
            memmem::find(&bytes[..bytes.len().min(1 << 16)], b"CMT1").map(|at| &bytes[at + 4..])
        };
        let directory = tiff.and_then(Directory::read_any);
        let orientation = directory.filter(|directory| directory.has(orientation::ORIENTATION));
        let orientation = orientation.map(|directory| orientation::of_directory(Some(&directory), None));
        Ok(Raw { jpeg, orientation })
    }
}

/// The pixels of a JPEG that begins here, and where its first scan does. `None`: it is none that is meant to be looked at.
fn frame(bytes: &[u8]) -> Option<(u64, usize)> {
    let (mut at, mut pixels) = (2, None);
    loop {
        let &[0xff, marker, high, low] = bytes.get(at..)?.first_chunk()? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let segment = bytes.get(at + 4..at + 2 + length)?;
        match (marker, segment) {
            // Eight bits, one component or three.
            (0xc0..=0xc2, &[8, y1, y0, x1, x0, components @ (1 | 3), ref rest @ ..])
                if rest.len() == 3 * usize::from(components) =>
            {
                pixels = Some(u64::from(u16::from_be_bytes([y1, y0])) * u64::from(u16::from_be_bytes([x1, x0])));
            }
            (0xda, _) => return Some((pixels.filter(|&pixels| pixels > 0)?, at + 2 + length)),
            (0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe, _) => {}
            _ => return None,
        }
        at += 2 + length;
    }
}

impl Opened for Raw<'_> {
    fn header(&self) -> Header {
        let header = self.jpeg.header();
        Header { orientation: self.orientation.unwrap_or(header.orientation), ..header }
    }

    fn has_end(&self) -> bool {
        self.jpeg.has_end()
    }

    fn space(&self) -> Option<Space> {
        self.jpeg.space()
    }

    fn frame(self: Box<Self>, edge: Option<u32>) -> Result<Frame, Error> {
        Box::new(self.jpeg).frame(edge).map_err(|error| match error {
            Error::Damaged { problem, .. } => Error::Damaged { format: Format::Raw.name(), problem },
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::sensor::{DNG_VERSION, PHOTOMETRIC};
    use crate::image::{Colour, Rgb, decode, dimensions, encode_jpeg, format};

    /// A grey picture whose left half is dark.
    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let row: Vec<u8> = (0..width).flat_map(|x| [if x < width / 2 { 20 } else { 220 }; 3]).collect();
        let rgb = Rgb { width, height, pixels: row.repeat(height as usize) };
        encode_jpeg(&rgb, 90).expect("encodable")
    }

    /// A directory of numbers of 16 bits, and what follows it.
    fn tiff(mark: &[u8], fields: &[(u16, u16)], rest: &[&[u8]]) -> Vec<u8> {
        let mut bytes = mark.to_vec();
        bytes.extend(8u32.to_le_bytes());
        bytes.extend((fields.len() as u16).to_le_bytes());
        for (tag, value) in fields {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(3u16.to_le_bytes());
            bytes.extend(1u32.to_le_bytes());
            bytes.extend([value.to_le_bytes(), [0; 2]].concat());
        }
        bytes.extend([0; 4]);
        bytes.extend(rest.concat());
        bytes
    }

    #[test]
    fn the_largest_preview_is_turned_as_the_raw_file_says() {
        let (small, large, noise) = (jpeg(16, 8), jpeg(64, 32), [0xff, 0xd8, 0xff, 0x00, 0xff, 0xd9].repeat(9));
        let turned = [(PHOTOMETRIC, 32_803), (orientation::ORIENTATION, 6)];
        let rest: [&[u8]; 4] = [&noise, &small, &large, &noise];
        for bytes in [
            tiff(b"II*\0", &turned, &rest),
            tiff(b"IIRO", &turned[1..], &rest),
            tiff(b"IIU\0", &turned[1..], &rest),
            [b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom\0\0\0\x20CMT1", &tiff(b"II*\0", &turned[1..], &rest)[..]].concat(),
        ] {
            assert_eq!(format(&bytes), Ok(Format::Raw));
            assert_eq!(dimensions(&bytes), Ok((32, 64)));
            let rgb = decode(&bytes, Colour::WHITE).expect("decoded");
            assert!((rgb.width, rgb.height) == (32, 64) && rgb.pixels[0] < 60 && rgb.pixels[3 * 32 * 63] > 180);
        }
        let raf = [b"FUJIFILMCCD-RAW 0201", &small[..], &large, &noise].concat();
        assert_eq!(dimensions(&raf), Ok((64, 32)), "nothing says that it is turned");
    }

    #[test]
    fn a_raw_file_without_a_preview_is_named_and_other_tiffs_are_none() {
        let bare = tiff(b"II*\0", &[(DNG_VERSION, 1)], &[]);
        let error = decode(&bare, Colour::WHITE).expect_err("nothing to look at");
        assert_eq!(error.to_string(), "unsupported format: camera raw without a preview");
        assert_eq!(format(&tiff(b"II*\0", &[(PHOTOMETRIC, 2)], &[&jpeg(8, 8)])), Ok(Format::Tiff));
    }
}
