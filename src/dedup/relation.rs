//! How one picture is a copy of another, by its looks.

use super::rows::Looks;
use crate::duplicates::{Fitting, Orientation, PerceptualHash};
use crate::io;

/// A part of so much is all of it, and looks like it or is no copy.
const NEARLY_ALL: f32 = 0.97;

/// How two pictures are copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Identical,
    /// Other bytes that are decoded to the same pixels.
    SamePixels,
    /// Hashes that differ in so many bits.
    Near {
        distance: u32,
        orientation: Orientation,
    },
    /// It shows so many of a hundred parts of what is kept.
    Part {
        percent: u32,
        orientation: Orientation,
    },
    /// One of both is the other in a frame, of which the picture is so many of a hundred parts.
    Framed {
        percent: u32,
        orientation: Orientation,
    },
}

impl Relation {
    /// In how many bits hashes differ, where these tell that it is a copy.
    pub(super) fn distance(self) -> Option<u32> {
        match self {
            Relation::Identical | Relation::SamePixels => Some(0),
            Relation::Near { distance, .. } => Some(distance),
            Relation::Part { .. } | Relation::Framed { .. } => None,
        }
    }

    pub(super) fn reason(self) -> String {
        let upright = Orientation::default();
        let named = |name: &str, orientation: Orientation| match orientation == upright {
            true => name.to_string(),
            false => format!("{name}, {}", orientation.name()),
        };
        match self {
            Relation::Identical => "identical".into(),
            Relation::SamePixels => "same pixels".into(),
            Relation::Near { distance, orientation } => {
                let name = if orientation == upright { "near" } else { orientation.name() };
                format!("{name} ({distance} of 256 bits)")
            }
            Relation::Part { percent, orientation } => format!("{} ({percent} %)", named("crop", orientation)),
            Relation::Framed { percent, orientation } => format!("{} ({percent} %)", named("framed", orientation)),
        }
    }
}

/// When looks make a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Similar {
    /// In how many bits of 256 hashes may differ, half of it where whole pictures are compared.
    pub hash_distance: u32,
    /// Mirrored and turned copies are copies, too.
    pub any_orientation: bool,
    /// Crops are copies of what they are a part of.
    pub crops: bool,
}

/// What rows look like, and when that makes a copy.
#[derive(Clone, Copy)]
pub(super) struct Alike<'a> {
    pub looks: &'a Looks,
    pub similar: Similar,
}

impl Alike<'_> {
    /// How a picture is a copy of one that is kept.
    ///
    /// # Errors
    /// What is kept of looks cannot be read.
    pub(super) fn relation(&self, kept: u32, copy: u32) -> Result<Option<Relation>, io::Error> {
        let distance = distance(self.looks.hashes(kept), self.looks.hashes(copy));
        if let Some(distance) = distance.filter(|distance| *distance <= self.similar.hash_distance)
            && let Some(near) = self.near(kept, copy, distance)?
        {
            return Ok(Some(near));
        }
        match distance {
            Some(distance) if self.similar.crops => self.part(kept, copy, distance),
            _ => Ok(None),
        }
    }

    /// Whether they are the same at the second look.
    fn near(&self, kept: u32, copy: u32, distance: u32) -> Result<Option<Relation>, io::Error> {
        let (Some(one), Some(other)) = (self.looks.thumbnail(kept)?, self.looks.thumbnail(copy)?) else {
            return Ok(None);
        };
        let likeness = one.likeness(&other, self.similar.any_orientation);
        Ok(likeness.is_copy.then_some(Relation::Near { distance, orientation: likeness.orientation }))
    }

    /// Whether the copy lies in what is kept, or that in it and nothing but a frame around.
    fn part(&self, kept: u32, copy: u32, distance: u32) -> Result<Option<Relation>, io::Error> {
        let (Some(whole), Some(part)) = (self.looks.sketch(kept)?, self.looks.sketch(copy)?) else { return Ok(None) };
        let percent = |fitting: &Fitting| (fitting.share * 100.0).round().clamp(1.0, 100.0) as u32;
        if let Some(fitting) = part.inside(&whole, self.similar.any_orientation) {
            if fitting.share >= NEARLY_ALL {
                return self.near(kept, copy, distance);
            }
            if fitting.is_part() {
                let (percent, orientation) = (percent(&fitting), fitting.orientation.inverse());
                return Ok(Some(match fitting.is_framed {
                    true => Relation::Framed { percent, orientation },
                    false => Relation::Part { percent, orientation },
                }));
            }
        }
        let framed = whole.inside(&part, self.similar.any_orientation);
        Ok(framed
            .filter(|fitting| fitting.is_part() && fitting.is_framed)
            .map(|fitting| Relation::Framed { percent: percent(&fitting), orientation: fitting.orientation }))
    }
}

/// The least distance between any two of their hashes.
fn distance(some: &[PerceptualHash], others: &[PerceptualHash]) -> Option<u32> {
    some.iter().flat_map(|a| others.iter().map(|b| a.distance(*b))).min()
}
