//! Vectors that are kept as long as a head lives: in memory while they are few, else in an unlinked temporary file that is
//! mapped.

use std::fs::File;
use std::io::{BufWriter, Write};

use arrow_buffer::{Buffer, ScalarBuffer};

use crate::io;

/// From so many numbers on (32 MB of them) they go to a file.
const MANY: usize = 8 << 20;

/// Collects vectors.
#[derive(Default)]
pub struct Keeper {
    /// Those that are not in the file.
    numbers: Vec<f32>,
    file: Option<BufWriter<File>>,
    count: usize,
}

impl Keeper {
    /// Adds the numbers of a vector.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub fn push(&mut self, vector: &[f32]) -> Result<(), io::Error> {
        self.numbers.extend_from_slice(vector);
        self.count += vector.len();
        if self.file.is_none() && self.numbers.len() > MANY {
            let file = tempfile::tempfile().map_err(io::Error::temporary)?;
            self.file = Some(BufWriter::with_capacity(1 << 18, file));
        }
        match &mut self.file {
            Some(file) => write(file, &mut self.numbers),
            None => Ok(()),
        }
    }

    /// All numbers, in their order.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub fn finish(self) -> Result<ScalarBuffer<f32>, io::Error> {
        let Some(file) = self.file else { return Ok(self.numbers.into()) };
        let file = file.into_inner().map_err(|e| io::Error::temporary(e.into_error()))?;
        let bytes = io::map_file(&file).map_err(io::Error::temporary)?;
        Ok(ScalarBuffer::new(Buffer::from(bytes), 0, self.count))
    }
}

/// Writes numbers as they lie in memory, by which the mapped file holds them again.
fn write(file: &mut BufWriter<File>, numbers: &mut Vec<f32>) -> Result<(), io::Error> {
    for part in numbers.chunks(1024) {
        let mut bytes = [0u8; 4096];
        let bytes = &mut bytes[..part.len() * 4];
        bytes.as_chunks_mut::<4>().0.iter_mut().zip(part).for_each(|(b, x)| *b = x.to_ne_bytes());
        file.write_all(bytes).map_err(io::Error::temporary)?;
    }
    numbers.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_come_back_as_they_were() {
        for rows in [0, 1, 3, 40, 41] {
            let vector = |row: usize| (0..250_000).map(move |at| (row * 7 + at) as f32).collect::<Vec<f32>>();
            let mut keeper = Keeper::default();
            (0..rows).for_each(|row| keeper.push(&vector(row)).expect("room in TMPDIR"));
            assert_eq!(keeper.file.is_some(), rows >= 34);
            let kept = keeper.finish().expect("room in TMPDIR");
            assert_eq!(kept.len(), rows * 250_000);
            assert!(kept.chunks_exact(250_000).enumerate().all(|(row, kept)| kept == vector(row)));
        }
    }
}
