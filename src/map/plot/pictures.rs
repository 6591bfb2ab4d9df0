//! Small pictures of rows: which rows have one, and how these are read.

use std::collections::HashSet;

use arrow_array::RecordBatch;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rayon::prelude::*;

use super::{Place, Point, bounds};
use crate::image;
use crate::table::{Error, Images};

/// A page has no more small pictures; of more rows they are those that have room when one is near.
const MOST: usize = 4096;

/// The small pictures of some rows.
#[derive(Default)]
pub(in crate::map) struct Pictures {
    /// No side is longer, in pixels.
    side: u32,
    wanted: HashSet<usize>,
    /// By row; empty where no row has one.
    of_row: Vec<Option<Picture>>,
    /// So many could not be read.
    pub missing: u64,
}

/// A small picture.
pub(super) struct Picture {
    /// A JPEG as an address of the `data` scheme.
    pub address: String,
    pub width: u32,
    pub height: u32,
}

impl Pictures {
    /// Pictures of these points with sides of so many pixels.
    pub(super) fn of(points: &[Point], side: u32) -> Pictures {
        let parts = MOST.isqrt();
        let [low, high] = bounds(points.iter().map(|point| &point.place));
        let part = |place: &Place, axis: usize| {
            let share = (place[axis] - low[axis]) / (high[axis] - low[axis]);
            ((share * parts as f32) as usize).min(parts - 1)
        };
        let mut taken = HashSet::new();
        let has_room =
            |point: &&Point| points.len() <= MOST || taken.insert((part(&point.place, 0), part(&point.place, 1)));
        let wanted = points.iter().filter(has_room).map(|point| point.row).collect();
        Pictures { side, wanted, ..Pictures::default() }
    }

    /// Reads those of the next rows of the table.
    ///
    /// # Errors
    /// The table has columns of pictures that hold something else.
    pub(in crate::map) fn read(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let first = self.of_row.len();
        let images = Images::of(batch)?;
        let row = |i: usize| {
            if !self.wanted.contains(&(first + i)) || images.error(i).is_some() {
                return Some(None);
            }
            let bytes = images.read(i).ok()?;
            let jpeg = image::thumbnail(&bytes, self.side).ok()?;
            let (width, height) = image::dimensions(&jpeg).ok()?;
            Some(Some(Picture {
                address: format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg)),
                width,
                height,
            }))
        };
        let read: Vec<Option<Option<Picture>>> = (0..batch.num_rows()).into_par_iter().map(row).collect();
        self.missing += read.iter().filter(|picture| picture.is_none()).count() as u64;
        self.of_row.extend(read.into_iter().map(Option::flatten));
        Ok(())
    }

    /// That of a row.
    pub(super) fn get(&self, row: usize) -> Option<&Picture> {
        self.of_row.get(row)?.as_ref()
    }

    /// Whether no row has one.
    pub(super) fn is_empty(&self) -> bool {
        self.of_row.iter().all(Option::is_none)
    }
}
