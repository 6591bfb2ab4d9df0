//! Which format a file has: by its first bytes, never by its name.

use ::image::ImageFormat;

use super::Error;
use super::icon::is_cursor;
use super::sensor::is_raw;

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JFIF and Exif.
    Jpeg,
    /// Lossy or lossless; of an animation the first frame.
    WebP,
    /// Bitmaps of Windows.
    Bmp,
    /// Of an animation the first frame.
    Gif,
    /// The first page.
    Tiff,
    /// Netpbm: PBM, PGM, PPM and PAM.
    Pnm,
    /// The Quite OK Image format.
    Qoi,
    /// Icons and cursors of Windows.
    Ico,
    /// Truevision.
    Tga,
    /// What phones write: HEVC in HEIF. The primary picture.
    Heic,
    /// AV1 in HEIF. The primary picture.
    Avif,
    /// Bare or in its container; of an animation the first frame.
    JpegXl,
    /// JP2 and bare codestreams.
    Jpeg2000,
    /// What a camera's sensor saw: the preview that the camera made of it.
    Raw,
}

impl Format {
    /// The usual extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpeg => "jpg",
            Format::WebP => "webp",
            Format::Bmp => "bmp",
            Format::Gif => "gif",
            Format::Tiff => "tif",
            Format::Pnm => "pnm",
            Format::Qoi => "qoi",
            Format::Ico => "ico",
            Format::Tga => "tga",
            Format::Heic => "heic",
            Format::Avif => "avif",
            Format::JpegXl => "jxl",
            Format::Jpeg2000 => "jp2",
            Format::Raw => "raw",
        }
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
            Format::WebP => "WebP",
            Format::Bmp => "BMP",
            Format::Gif => "GIF",
            Format::Tiff => "TIFF",
            Format::Pnm => "PNM",
            Format::Qoi => "QOI",
            Format::Ico => "ICO",
            Format::Tga => "TGA",
            Format::Heic => "HEIC",
            Format::Avif => "AVIF",
            Format::JpegXl => "JPEG XL",
            Format::Jpeg2000 => "JPEG 2000",
            Format::Raw => "camera raw",
        }
    }

    /// As `image` calls it; `Err`: its name, of one that cannot be read.
    fn of(format: ImageFormat) -> Result<Format, &'static str> {
        Ok(match format {
            ImageFormat::Png => Format::Png,
            ImageFormat::Jpeg => Format::Jpeg,
            ImageFormat::Gif => Format::Gif,
            ImageFormat::WebP => Format::WebP,
            ImageFormat::Bmp => Format::Bmp,
            ImageFormat::Tiff => Format::Tiff,
            ImageFormat::Pnm => Format::Pnm,
            ImageFormat::Qoi => Format::Qoi,
            ImageFormat::Ico => Format::Ico,
            ImageFormat::Tga => Format::Tga,
            ImageFormat::Avif => Format::Avif,
            ImageFormat::Hdr => return Err("Radiance HDR"),
            ImageFormat::OpenExr => return Err("OpenEXR"),
            ImageFormat::Farbfeld => return Err("farbfeld"),
            ImageFormat::Dds => return Err("DDS"),
            _ => return Err("image"),
        })
    }
}

/// The format of an image, by its first bytes.
///
/// # Errors
/// The bytes are no image, or of a format that is not built in.
pub fn format(bytes: &[u8]) -> Result<Format, Error> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    let unsupported = |name: &str| Err(Error::Unsupported(name.into()));
    if is_raw(bytes) {
        return Ok(Format::Raw);
    }
    if let Some(brands) = brands(bytes) {
        return of_brands(&brands);
    }
    if let Ok(format) = ::image::guess_format(bytes) {
        return Format::of(format).or_else(unsupported);
    }
    let start = &bytes[..bytes.len().min(512)];
    let box_type = bytes.get(4..8);
    let text = String::from_utf8_lossy(start).trim_start().to_ascii_lowercase();
    match () {
        () if bytes.starts_with(b"II\x2b\0") || bytes.starts_with(b"MM\0\x2b") => Ok(Format::Tiff),
        () if is_cursor(bytes) => Ok(Format::Ico),
        () if bytes.starts_with(b"version https://git-lfs") => {
            Err(Error::NotAnImage("a git-lfs pointer; `git lfs pull` fetches the image"))
        }
        () if text.starts_with("<!doctype html") || text.starts_with("<html") => Err(Error::NotAnImage("an HTML page")),
        () if text.starts_with("<svg") || (text.starts_with("<?xml") && text.contains("<svg")) => unsupported("SVG"),
        () if text.starts_with("<?xml") => Err(Error::NotAnImage("an XML file")),
        () if bytes.starts_with(b"%PDF") => Err(Error::NotAnImage("a PDF")),
        () if box_type == Some(b"jP  ") || bytes.starts_with(&[0xff, 0x4f, 0xff, 0x51]) => Ok(Format::Jpeg2000),
        () if bytes.starts_with(&[0xff, 0x0a]) || box_type == Some(b"JXL ") => Ok(Format::JpegXl),
        () if looks_like_tga(bytes) => Ok(Format::Tga),
        () => Err(Error::NotAnImage("its first bytes are of no known format")),
    }
}

/// What a file of ISO's base format says it is (ISO/IEC 14496-12, 4.3): the first counts most.
fn brands(bytes: &[u8]) -> Option<Vec<&[u8; 4]>> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    let names = bytes.get(..length.min(bytes.len()).min(512))?.strip_prefix(&bytes[..4])?.strip_prefix(b"ftyp")?;
    let (first, rest) = (names.first_chunk()?, names.get(8..).unwrap_or_default());
    Some(std::iter::once(first).chain(rest.as_chunks().0).collect())
}

fn of_brands(brands: &[&[u8; 4]]) -> Result<Format, Error> {
    let kind = brands.iter().find_map(|brand| match *brand {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Ok(Format::Heic)),
        b"avif" | b"avis" => Some(Ok(Format::Avif)),
        b"crx " => Some(Ok(Format::Raw)),
        b"isom" | b"iso2" | b"mp41" | b"mp42" | b"qt  " | b"avc1" | b"M4V " | b"dash" | b"3gp4" | b"3gp5" => {
            Some(Err(Error::NotAnImage("a film; `pokedex frames` takes stills of it")))
        }
        _ => None,
    });
    // Of HEIF alone (`mif1`): how its pictures are coded shows when it is opened.
    kind.unwrap_or(Ok(Format::Heic))
}

/// TGA has no signature; a header whose every field makes sense is taken for one.
fn looks_like_tga(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..18) else {
        return false;
    };
    let depth_fits = match header[2] {
        1 | 9 => header[1] == 1 && header[16] == 8,
        2 | 10 => header[1] == 0 && [16, 24, 32].contains(&header[16]),
        3 | 11 => header[1] == 0 && [1, 8, 16].contains(&header[16]),
        _ => false,
    };
    depth_fits && header[12..14] != [0, 0] && header[14..16] != [0, 0] && header[17] & 0xc0 == 0
}

/// The format that files with this extension have; `None`: not an extension of images.
pub fn format_of_extension(extension: &str) -> Option<&'static str> {
    // The crate does not know all names that cameras and older programs give.
    let extension = match extension.to_ascii_lowercase().as_str() {
        "jpe" | "jfif" => "jpg".to_string(),
        "dib" => "bmp".to_string(),
        "cur" => "ico".to_string(),
        "heic" | "heif" | "hif" => return Some(Format::Heic.name()),
        "dng" | "cr2" | "cr3" | "nef" | "nrw" | "arw" | "orf" | "rw2" | "raf" | "pef" | "srw" => {
            return Some(Format::Raw.name());
        }
        "jxl" => return Some(Format::JpegXl.name()),
        "jp2" | "j2k" | "j2c" | "jpc" => return Some(Format::Jpeg2000.name()),
        other => other.to_string(),
    };
    ImageFormat::from_extension(extension).map(|format| Format::of(format).map_or_else(|name| name, Format::name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_named() {
        let message = |bytes: &[u8]| format(bytes).expect_err("no image").to_string();
        assert_eq!(message(b""), "the file is empty");
        assert!(message(b"<!DOCTYPE html><p>404").contains("HTML"));
        assert!(message(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
        assert!(message(b"\0\0\0\x18ftypmp42\0\0\0\0isom").contains("a film"));
    }

    #[test]
    fn the_first_brand_that_is_known_counts() {
        let of = |bytes: &[u8]| format(bytes).expect("an image");
        assert_eq!(of(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Format::Heic);
        assert_eq!(of(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif"), Format::Avif);
        assert_eq!(of(b"\0\0\0\x14ftypmif1\0\0\0\0mif1"), Format::Heic);
        assert_eq!(of(b"\0\0\0\x0cjP  \r\n\x87\n"), Format::Jpeg2000);
        assert_eq!(of(b"\xff\x0a\0\0"), Format::JpegXl);
    }
}
