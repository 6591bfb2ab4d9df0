//! How large a picture is and what work it is, by what the container says, before anything is decoded.

use heifer_isobmff::ItemId;
use heifer_isobmff::boxes::Property;

use super::{DEEPEST, Heif, problem};
use crate::image::{Error, MAX_PIXELS};

/// The pixels that tiles may have beyond those of the picture: a row and a column of them may stand over its edge.
const SPARE: u64 = 4;
/// What a tile costs however small it is.
const LEAST: u64 = 64 * 64;

impl Heif<'_> {
    /// Width and height of an item as it is stored.
    pub(super) fn size(&self, id: ItemId) -> Result<(u32, u32), Error> {
        let size = self.file.image_size(id).map_err(|e| problem(self.format, e))?;
        match size.filter(|(width, height)| *width > 0 && *height > 0) {
            Some((width, height)) if u64::from(width) * u64::from(height) > MAX_PIXELS => {
                Err(Error::TooLarge { width, height })
            }
            Some(size) => Ok(size),
            None => Err(self.damaged("it does not say how large it is")),
        }
    }

    /// Width and height of an item upright, and whether it must be turned for that.
    pub(super) fn upright_size(&self, id: ItemId) -> Result<(u32, u32, bool), Error> {
        let (mut width, mut height) = self.size(id)?;
        let mut left = u64::from(width) * u64::from(height) * SPARE + 256 * LEAST;
        self.spend(id, 0, &mut left)?;
        for alpha in self.alpha_of(id)?.into_iter().chain(self.alphas_of_tiles(id)?) {
            self.spend(alpha, 0, &mut left)?;
        }
        let mut turned = false;
        for property in self.properties(id)? {
            match property {
                Property::CleanAperture { .. } => {
                    let (_, _, across, down) = aperture(property, width, height)
                        .ok_or_else(|| self.damaged("what is to be cut off is more than there is"))?;
                    (width, height) = (across, down);
                }
                Property::Rotation(quarters) => {
                    turned |= *quarters > 0;
                    if quarters % 2 == 1 {
                        (width, height) = (height, width);
                    }
                }
                Property::Mirror(_) => turned = true,
                _ => {}
            }
        }
        Ok((width, height, turned))
    }

    /// Counts the pixels that must be decoded for an item, and refuses what is made of far more than it shows.
    fn spend(&self, id: ItemId, depth: u32, left: &mut u64) -> Result<(), Error> {
        let (width, height) = self.size(id)?;
        let sources = self.file.referenced_items(id, b"dimg");
        if depth > DEEPEST {
            return Err(self.damaged("its pictures are made of one another"));
        }
        if sources.is_empty() {
            let pixels = (u64::from(width) * u64::from(height)).max(LEAST);
            *left = left.checked_sub(pixels).ok_or_else(|| self.damaged("it is made of more than it shows"))?;
        }
        sources.iter().try_for_each(|&source| self.spend(source, depth + 1, left))
    }
}

/// Left, top, width and height of what remains, about the middle of what there is (ISO/IEC 14496-12, 12.1.4.2). `None`: it
/// lies outside.
pub(super) fn aperture(property: &Property, width: u32, height: u32) -> Option<(u32, u32, u32, u32)> {
    let Property::CleanAperture { width: across, height: down, horiz_offset, vert_offset } = property else {
        return None;
    };
    let part = |(above, below): (u32, u32)| (below > 0).then(|| f64::from(above) / f64::from(below));
    let offset = |(above, below): (i32, u32)| (below > 0).then(|| f64::from(above) / f64::from(below));
    let span = |all: u32, kept: f64, moved: f64| {
        let start = ((f64::from(all) - kept) / 2.0 + moved).round();
        let fits = kept >= 1.0 && start >= 0.0 && start + kept.round() <= f64::from(all);
        fits.then_some((start as u32, kept.round() as u32))
    };
    let (left, width) = span(width, part(*across)?, offset(*horiz_offset)?)?;
    let (top, height) = span(height, part(*down)?, offset(*vert_offset)?)?;
    Some((left, top, width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_lies_about_the_middle() {
        let kept = |width, height, horiz_offset, vert_offset| {
            aperture(&Property::CleanAperture { width, height, horiz_offset, vert_offset }, 100, 60)
        };
        assert_eq!(kept((50, 1), (30, 1), (0, 1), (0, 1)), Some((25, 15, 50, 30)));
        assert_eq!(kept((100, 2), (60, 2), (-25, 1), (30, 2)), Some((0, 30, 50, 30)));
        for (width, offset) in [((101, 1), (0, 1)), ((50, 0), (0, 1)), ((50, 1), (26, 1)), ((0, 1), (0, 1))] {
            assert_eq!(kept(width, (60, 1), offset, (0, 1)), None, "{width:?} {offset:?}");
        }
    }
}
