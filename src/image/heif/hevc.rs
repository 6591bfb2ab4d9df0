//! HEVC, by `heifer-hevc-dec`: pictures of one frame, as HEIC has them.

use heifer_hevc_dec::decoder::{DecodeOptions, decode_picture};
use heifer_isobmff::{HeifFile, ItemId};

use super::planes::{Meaning, Planes};
use super::problem;
use crate::image::{Error, Format};

/// The planes of a coded item, of at most so many pixels.
///
/// # Errors
/// The stream is damaged, larger, or of a kind that cannot be read.
pub(super) fn decode(file: &HeifFile<'_>, id: ItemId, pixels: u32) -> Result<Planes, Error> {
    let stream = file.hevc_bitstream(id).map_err(|e| problem(Format::Heic, e))?;
    let options = DecodeOptions { max_pixels: pixels.into(), ..DecodeOptions::default() };
    let frame = decode_picture(&stream, options).map_err(|e| match e {
        heifer_hevc_dec::Error::Unimplemented(what) => Error::Unsupported(format!("HEIC ({what})")),
        other => problem(Format::Heic, other),
    })?;
    let [bits, chroma_bits] = frame.bit_depth;
    if frame.chroma_format > 0 && bits != chroma_bits {
        return Err(Error::Unsupported("HEIC (colours of another depth than the brightness)".into()));
    }
    let (count, across, down) = match frame.chroma_format {
        0 => (1, 1, 1),
        1 => (3, 2, 2),
        2 => (3, 2, 1),
        _ => (3, 1, 1),
    };
    Ok(Planes {
        width: frame.widths[0] as usize,
        height: frame.heights[0] as usize,
        bits: bits.into(),
        across,
        down,
        blended: false,
        samples: frame.planes.into_iter().take(count).collect(),
        meaning: Meaning { matrix: frame.matrix_coeffs.into(), full_range: frame.full_range },
    })
}
