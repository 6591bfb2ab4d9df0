//! How a picture must be turned to stand upright: as Pillow 13 reads it (`Image.getexif`, `ImageOps.exif_transpose`), so
//! that who trains with Pillow sees the same pictures.
//!
//! EXIF first, whatever the type of its number; XMP where EXIF says nothing. XMP is searched, not parsed, and attributes in
//! single quotes do not count: those too are Pillow's ways.

use ::image::metadata::Orientation;

use super::directory::Directory;

/// EXIF 2.3, table 4; TIFF 6.0, page 36.
pub(super) const ORIENTATION: u16 = 274;

/// The orientation that EXIF and XMP say together.
pub(super) fn of(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Orientation {
    let exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    let exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    of_directory(exif.and_then(Directory::read).as_ref(), xmp)
}

/// As [`of`], for a directory that is read already.
pub(super) fn of_directory(directory: Option<&Directory>, xmp: Option<&[u8]>) -> Orientation {
    let value = match directory.filter(|directory| directory.has(ORIENTATION)) {
        Some(directory) => match directory.numbers(ORIENTATION).as_deref() {
            Some(&[number, ..]) if number.fract() == 0.0 => Some(number as u8),
            _ => None,
        },
        None => xmp.and_then(in_xmp),
    };
    value.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

/// The digit after the first `tiff:Orientation="` or `tiff:Orientation>`.
fn in_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut ends = (0..xmp.len()).filter(|&at| xmp[at..].starts_with(NAME)).map(|at| &xmp[at + NAME.len()..]);
    let digit = |rest: &[u8]| {
        let rest = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
        rest.first().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0')
    };
    ends.find_map(digit)
}

/// Whether width and height change places.
pub(super) fn swaps(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(kind: u16, count: u32, value: [u8; 4]) -> Vec<u8> {
        let mut bytes = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01".to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value);
        bytes.extend([0; 4]);
        bytes
    }

    #[test]
    fn numbers_of_any_type_turn_and_texts_do_not() {
        for kind in [3, 4, 8, 9] {
            assert_eq!(of(Some(&exif(kind, 1, [6, 0, 0, 0])), None), Orientation::Rotate90, "{kind}");
        }
        assert_eq!(of(Some(&exif(11, 1, 6.0f32.to_le_bytes())), None), Orientation::Rotate90);
        for (kind, count, value) in [(2, 2, *b"6\0\0\0"), (3, 1, [9, 0, 0, 0]), (1, 1, [6; 4]), (7, 1, [6; 4])] {
            assert_eq!(of(Some(&exif(kind, count, value)), None), Orientation::NoTransforms, "{kind}");
        }
        let mut twice = b"Exif\0\0".to_vec();
        twice.extend(exif(3, 1, [3, 0, 0, 0]));
        assert_eq!(of(Some(&twice), None), Orientation::Rotate180);
    }

    #[test]
    fn xmp_counts_where_exif_says_nothing() {
        let attribute = br#"<rdf:Description tiff:Orientation="6"/>"#;
        let element = b"<tiff:Orientation>8</tiff:Orientation>";
        assert_eq!(of(None, Some(attribute)), Orientation::Rotate90);
        assert_eq!(of(None, Some(element)), Orientation::Rotate270);
        assert_eq!(of(Some(&exif(3, 1, [3, 0, 0, 0])), Some(element)), Orientation::Rotate180);
        assert_eq!(of(Some(b"Exif\0\0II*\0\x08\0\0\0\0\0"), Some(element)), Orientation::Rotate270);
        assert_eq!(of(None, Some(b"tiff:Orientation = 6")), Orientation::NoTransforms);
    }
}
