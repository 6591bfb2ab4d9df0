//! Which format a file has: by its first bytes, never by its name.

use ::image::ImageFormat;

use super::Error;
use super::icon::is_cursor;

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
            ImageFormat::Avif => return Err("AVIF"),
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
        () if box_type == Some(b"jP  ") || bytes.starts_with(&[0xff, 0x4f, 0xff, 0x51]) => unsupported("JPEG 2000"),
        () if box_type == Some(b"ftyp") => unsupported("HEIC/HEIF"),
        () if bytes.starts_with(&[0xff, 0x0a]) || box_type == Some(b"JXL ") => unsupported("JPEG XL"),
        () if looks_like_tga(bytes) => Ok(Format::Tga),
        () => Err(Error::NotAnImage("its first bytes are of no known format")),
    }
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
        assert!(message(b"\0\0\0\x0cjP  \r\n\x87\n").contains("JPEG 2000"));
        assert!(message(b"\0\0\0\x18ftypheic").contains("HEIC"));
    }
}
