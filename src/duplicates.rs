//! Which images show the same thing: perceptual hashes, pairs that are near each other, pictures that are parts of others,
//! and the groups these make.
//!
//! Hides: what a hash is made of, how near ones are found without comparing all with all. Promises: results depend on
//! the hashes (or vectors) and their order alone, not on how many threads there are. Pure functions; work is spread over
//! the current pool.

mod appearance;
mod groups;
mod hash;
mod landmarks;
mod near;
mod orientation;
mod shared;
mod sketch;
mod vectors;

pub(crate) use appearance::{Appearance, Thumbnail};
pub(crate) use groups::Groups;
pub(crate) use hash::PerceptualHash;
pub(crate) use near::{MAX_REACH, REACH, near};
pub(crate) use orientation::Orientation;
pub(crate) use shared::Shared;
pub(crate) use sketch::{Fitting, Sketch};
pub(crate) use vectors::near_vectors;
