//! The rows to learn from: vectors in an unlinked temporary file, their classes in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;

use rayon::prelude::*;

use crate::io;

/// Rows that are read and worked on at a time, whatever the number of threads: sums over blocks are always the same.
const BLOCK_ROWS: usize = 2048;

/// Classes with their shares of a row, which add up to 1.
pub type Shares = Vec<(u32, f32)>;

/// Collects rows.
pub struct RowsBuilder {
    file: BufWriter<File>,
    dimension: usize,
    classes: Vec<u32>,
    soft: BTreeMap<usize, Shares>,
}

impl RowsBuilder {
    /// Rows of `dimension` numbers.
    ///
    /// # Errors
    /// No temporary file can be made.
    pub fn new(dimension: usize) -> Result<RowsBuilder, io::Error> {
        let file = tempfile::tempfile().map_err(io::Error::temporary)?;
        Ok(RowsBuilder {
            file: BufWriter::with_capacity(1 << 18, file),
            dimension,
            classes: Vec::new(),
            soft: BTreeMap::new(),
        })
    }

    /// Says that the row which was added last is of several classes.
    pub fn soften(&mut self, shares: Shares) {
        self.soft.insert(self.classes.len() - 1, shares);
    }

    /// Adds a row.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub fn push(&mut self, vector: &[f32], class: u32) -> Result<(), io::Error> {
        assert_eq!(vector.len(), self.dimension, "a row of this table");
        self.classes.push(class);
        let mut bytes = [0u8; 4096];
        for part in vector.chunks(bytes.len() / 4) {
            let bytes = &mut bytes[..part.len() * 4];
            bytes.as_chunks_mut::<4>().0.iter_mut().zip(part).for_each(|(b, x)| *b = x.to_le_bytes());
            self.file.write_all(bytes).map_err(io::Error::temporary)?;
        }
        Ok(())
    }

    /// The rows, to be read as often as needed.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub fn finish(self) -> Result<Rows, io::Error> {
        let file = self.file.into_inner().map_err(|e| io::Error::temporary(e.into_error()))?;
        Ok(Rows { file, dimension: self.dimension, classes: self.classes, soft: self.soft })
    }
}

/// Rows of vectors with their classes; memory holds the classes only.
pub struct Rows {
    file: File,
    /// Numbers of a vector.
    pub dimension: usize,
    /// The class of each row.
    pub classes: Vec<u32>,
    /// The classes of those rows that are of several.
    pub soft: BTreeMap<usize, Shares>,
}

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Hands on all rows in blocks of 2048: the number of the first, and their vectors.
    ///
    /// # Errors
    /// The temporary file cannot be read, or `work` fails.
    pub fn blocks<E: From<io::Error>>(
        &self,
        mut work: impl FnMut(usize, &mut [f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut bytes = Vec::new();
        let mut numbers = Vec::new();
        for first in (0..self.len()).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(self.len() - first);
            bytes.resize(rows * self.dimension * 4, 0);
            let at = (first * self.dimension * 4) as u64;
            self.file.read_exact_at(&mut bytes, at).map_err(io::Error::temporary)?;
            numbers.resize(rows * self.dimension, 0.0);
            let numbers_of = numbers.par_chunks_mut(1 << 15).zip(bytes.as_chunks::<4>().0.par_chunks(1 << 15));
            numbers_of.for_each(|(numbers, bytes)| {
                numbers.iter_mut().zip(bytes).for_each(|(x, b)| *x = f32::from_le_bytes(*b));
            });
            work(first, &mut numbers)?;
        }
        Ok(())
    }

    /// The vectors of some rows.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn some(&self, first: usize, count: usize) -> Result<Vec<f32>, io::Error> {
        let mut bytes = vec![0; count * self.dimension * 4];
        let at = (first * self.dimension * 4) as u64;
        self.file.read_exact_at(&mut bytes, at).map_err(io::Error::temporary)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// The rows of these numbers, in this order.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub fn chosen(&self, order: impl IntoIterator<Item = usize>) -> Result<Rows, io::Error> {
        let mut rows = RowsBuilder::new(self.dimension)?;
        for row in order {
            rows.push(&self.some(row, 1)?, self.classes[row])?;
            self.soft.get(&row).into_iter().for_each(|shares| rows.soften(shares.clone()));
        }
        rows.finish()
    }

    /// Rows divided in two by the number of a row.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub fn divide(&self, left: impl Fn(usize) -> bool) -> Result<(Rows, Rows), io::Error> {
        let mut sides = [RowsBuilder::new(self.dimension)?, RowsBuilder::new(self.dimension)?];
        self.blocks(|first, numbers| {
            for (row, vector) in (first..).zip(numbers.chunks_exact(self.dimension)) {
                let side = &mut sides[usize::from(!left(row))];
                side.push(vector, self.classes[row])?;
                self.soft.get(&row).into_iter().for_each(|shares| side.soften(shares.clone()));
            }
            Ok::<(), io::Error>(())
        })?;
        let [a, b] = sides;
        Ok((a.finish()?, b.finish()?))
    }
}

/// Mean and deviation of every number of a vector, by which features of different models are put on one scale.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scaling {
    /// One number for each of a vector's; it is taken away.
    pub mean: Vec<f32>,
    /// One number for each of a vector's; what is left is divided by it.
    pub deviation: Vec<f32>,
}

impl Scaling {
    /// The scaling of these rows; a number that never changes has deviation 1, and so counts for nothing.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(super) fn of(rows: &Rows) -> Result<Scaling, io::Error> {
        let n = rows.len().max(1) as f64;
        let mut mean = vec![0.0f64; rows.dimension];
        rows.blocks(|_, numbers| {
            for vector in numbers.chunks_exact(rows.dimension) {
                mean.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
            }
            Ok::<(), io::Error>(())
        })?;
        mean.iter_mut().for_each(|sum| *sum /= n);
        let mut squares = vec![0.0f64; rows.dimension];
        rows.blocks(|_, numbers| {
            for vector in numbers.chunks_exact(rows.dimension) {
                for ((sum, x), mean) in squares.iter_mut().zip(vector).zip(&mean) {
                    *sum += (f64::from(*x) - mean).powi(2);
                }
            }
            Ok::<(), io::Error>(())
        })?;
        let deviation = squares.iter().zip(&mean).map(|(sum, mean)| {
            let deviation = (sum / n).sqrt();
            if deviation > 1e-7 * mean.abs().max(1e-7) { deviation as f32 } else { 1.0 }
        });
        Ok(Scaling { deviation: deviation.collect(), mean: mean.iter().map(|x| *x as f32).collect() })
    }

    /// Scales vectors in place.
    pub(super) fn apply(&self, numbers: &mut [f32]) {
        for vector in numbers.chunks_exact_mut(self.mean.len()) {
            for ((x, mean), deviation) in vector.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *x = (*x - mean) / deviation;
            }
        }
    }
}
