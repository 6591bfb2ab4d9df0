//! How a picture is stored: with which loss.

use crate::image::{self, Format};

/// How a picture is stored, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Storage {
    #[default]
    Unknown,
    /// 256 colours.
    Gif,
    LossyWebP,
    Jpeg,
    /// JPEG 2000, HEIC, AVIF and JPEG XL, of which some are without loss.
    Newer,
    Lossless,
    Raw,
}

impl Storage {
    pub(super) fn of(bytes: &[u8]) -> Storage {
        match image::format(bytes) {
            Ok(Format::Gif) => Storage::Gif,
            Ok(Format::WebP) if is_lossless(bytes) => Storage::Lossless,
            Ok(Format::WebP) => Storage::LossyWebP,
            Ok(Format::Jpeg) => Storage::Jpeg,
            Ok(Format::Heic | Format::Avif | Format::JpegXl | Format::Jpeg2000) => Storage::Newer,
            Ok(Format::Raw) => Storage::Raw,
            Ok(_) => Storage::Lossless,
            Err(_) => Storage::Unknown,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Storage::Unknown => "unknown",
            Storage::Gif => "GIF",
            Storage::LossyWebP => "WebP",
            Storage::Jpeg => "JPEG",
            Storage::Newer => "newer than JPEG",
            Storage::Lossless => "without loss",
            Storage::Raw => "raw",
        }
    }
}

/// Whether a WebP's first picture is (RFC 9649, 2.6).
fn is_lossless(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        match &head[..4] {
            b"VP8L" => return true,
            b"VP8 " | b"ANMF" => return false,
            _ => {}
        }
        let length = head[4..].iter().rev().fold(0usize, |number, byte| number << 8 | usize::from(*byte));
        rest = after.get(length + length % 2..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webp_without_loss_is_known() {
        assert!(is_lossless(b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0"));
        assert!(is_lossless(b"RIFF\0\0\0\0WEBPVP8X\x01\0\0\0x\0VP8L\0\0\0\0"));
        assert!(!is_lossless(b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0"));
        assert!(!is_lossless(b"RIFF"));
    }
}
