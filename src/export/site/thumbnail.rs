//! Small pictures: upright, as JPEGs, in the shape of their originals.

use std::fmt;

use crate::image::{self, Colour, Filter, Fit, Flaw};
use crate::output::made::Made;

/// How small pictures are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thumbnails {
    /// What they fit into.
    pub size: (u32, u32),
    /// Of the JPEGs, 1 to 100.
    pub quality: u8,
    /// Behind transparent pixels.
    pub background: Colour,
}

impl Thumbnails {
    /// Makes the small picture of these bytes, and tells what is wrong with them.
    ///
    /// # Errors
    /// They are no image.
    pub(super) fn make(&self, bytes: &[u8], source: [u8; 32]) -> Result<(Made, Vec<u8>, Option<Flaw>), image::Error> {
        let (most_across, most_down) = self.size;
        let edge = most_across.max(most_down);
        let (mut rgb, flaw) = image::decode_srgb(bytes, self.background, Some(edge))?;
        let (width, height) = inside((rgb.width, rgb.height), self.size);
        if (width, height) != (rgb.width, rgb.height) {
            rgb = rgb.resize_quickly(width, height, Fit::Stretch, Filter::Lanczos, self.background);
        }
        let small = image::encode_jpeg(&rgb, self.quality)?;
        let content = *blake3::hash(&small).as_bytes();
        let made = Made { source, content, width, height, length: small.len() as u64 };
        rgb.give_back();
        Ok((made, small, flaw))
    }
}

impl fmt::Display for Thumbnails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.size;
        write!(f, "size={width}x{height} quality={} background={} colours=srgb", self.quality, self.background)
    }
}

/// The size of a picture that is made to fit: its shape stays, and it never grows.
fn inside((width, height): (u32, u32), (most_across, most_down): (u32, u32)) -> (u32, u32) {
    if width <= most_across && height <= most_down {
        return (width, height);
    }
    // As many times too wide as the one side, or too high as the other, whichever is more.
    let is_wide = u64::from(width) * u64::from(most_down) >= u64::from(height) * u64::from(most_across);
    let (most, longest) = if is_wide { (most_across, width) } else { (most_down, height) };
    let side = |side: u32, room: u32| {
        let side = (u64::from(side) * u64::from(most)).div_ceil(u64::from(longest));
        side.clamp(1, room.into()) as u32
    };
    (side(width, most_across), side(height, most_down))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_fit_keep_their_shape_and_never_grow() {
        for (size, most, wanted) in [
            ((475, 475), (256, 256), (256, 256)),
            ((40, 30), (256, 256), (40, 30)),
            ((1000, 500), (256, 256), (256, 128)),
            ((500, 1000), (200, 100), (50, 100)),
            ((100_000, 1), (256, 256), (256, 1)),
        ] {
            assert_eq!(inside(size, most), wanted);
        }
    }
}
