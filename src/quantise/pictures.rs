//! The pictures that a model is calibrated and judged with: some of those that were given, preprocessed.
//!
//! Hides: which of many pictures are taken. Promises: the choice depends on keys alone; memory is bounded.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::image;
use crate::model::ImageTower;
use crate::progress::Progress;
use crate::stage::go_on;
use crate::table::{Images, Inputs};

/// More than these say nothing new, and a tensor of each is held: 200 MB at 256 pixels.
const MOST: usize = 256;
/// Of fewer, the ten nearest are no choice.
const LEAST: usize = 30;
/// Every so many-th is kept from the calibration.
const OTHERS: usize = 3;

/// Preprocessed pictures, and what each is for.
pub(super) struct Pictures {
    pub pixels: Vec<Vec<f32>>,
    /// Places of those that show the ranges.
    pub calibration: Vec<usize>,
    /// Places of those that only judge.
    pub others: Vec<usize>,
    /// How many could not be read.
    pub skipped: usize,
}

impl Pictures {
    /// Reads those pictures whose keys have the least hashes. One that is there twice is taken once.
    ///
    /// # Errors
    /// There are too few, or they cannot be listed.
    pub(super) fn read(inputs: &Inputs, tower: &ImageTower, progress: &mut dyn Progress) -> Result<Pictures, Failure> {
        let table = inputs.images()?.with_unique_keys();
        progress.start("read", table.rows);
        // By the hash of its key: the content's hash and the pixels.
        let mut chosen: BTreeMap<[u8; 32], (blake3::Hash, Vec<f32>)> = BTreeMap::new();
        let mut skipped = 0;
        for rows in table {
            let rows = rows?;
            let images = Images::of(&rows)?;
            for row in 0..rows.num_rows() {
                go_on(progress)?;
                progress.advance(1);
                let hash = *blake3::hash(images.key(row).as_bytes()).as_bytes();
                let is_full = chosen.len() >= MOST;
                if images.error(row).is_some()
                    || is_full && chosen.last_key_value().is_some_and(|(last, _)| *last < hash)
                {
                    continue;
                }
                let read = images.read(row).and_then(|bytes| {
                    let rgb = image::decode_for(&bytes, tower.background(), tower.edge()).map_err(|e| e.to_string())?;
                    Ok((blake3::hash(&bytes), rgb))
                });
                let (content, rgb) = match read {
                    Ok(read) => read,
                    Err(problem) => {
                        progress.warn(&format!("{}: {problem}", images.key(row)));
                        skipped += 1;
                        continue;
                    }
                };
                if chosen.values().any(|(known, _)| *known == content) {
                    continue;
                }
                let mut pixels = vec![0.0; tower.input_len()];
                tower.preprocess(&rgb, &mut pixels);
                chosen.insert(hash, (content, pixels));
                if chosen.len() > MOST {
                    chosen.pop_last();
                }
            }
        }
        progress.finish();
        let pixels: Vec<Vec<f32>> = chosen.into_values().map(|(_, pixels)| pixels).collect();
        Pictures { pixels, calibration: Vec::new(), others: Vec::new(), skipped }.divided()
    }

    fn divided(mut self) -> Result<Pictures, Failure> {
        if self.pixels.len() < LEAST {
            let message = format!(
                "{} different pictures are too few to calibrate a model and to judge it: at least {LEAST} are needed",
                self.pixels.len()
            );
            return Err(Failure::failed(
                message,
                Some("--calibrate photos/: some hundred of the kind that it is for".into()),
            ));
        }
        (self.others, self.calibration) = (0..self.pixels.len()).partition(|at| at % OTHERS == OTHERS - 1);
        Ok(self)
    }

    /// Without those of which the model itself gives no vector.
    ///
    /// # Errors
    /// Too few are left.
    pub(super) fn with_vectors(mut self, vectors: &[Option<Vec<f32>>]) -> Result<Pictures, Failure> {
        let mut has = vectors.iter().map(Option::is_some);
        self.pixels.retain(|_| has.next().unwrap_or(false));
        self.divided()
    }
}
