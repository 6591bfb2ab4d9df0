//! Vectors that nearly agree: kept in a temporary file while the rows are read, and compared afterwards.

use std::fs::File;
use std::io::{BufWriter, Write};

use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, ScalarBuffer};

use crate::duplicates::{Groups, near_vectors};
use crate::failure::Failure;
use crate::index::Check;
use crate::table::column;

/// Vectors of rows, in an unlinked temporary file.
pub(super) struct Vectors {
    column: String,
    check: Check,
    file: BufWriter<File>,
    rows: Vec<u32>,
}

impl Vectors {
    pub(super) fn new(table: &str, column: &str) -> Result<Vectors, Failure> {
        let file = tempfile::tempfile().map_err(crate::io::Error::temporary)?;
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(Vectors { column: column.into(), check: Check::new(table, column), file, rows: Vec::new() })
    }

    /// Keeps the vectors at these places of a batch, whose first is row `first`.
    pub(super) fn look(&mut self, batch: &RecordBatch, places: &[usize], first: usize) -> Result<(), Failure> {
        self.check.look(batch)?;
        let vectors = column::vectors(batch, &self.column, "table")?;
        for (row, &i) in (first..).zip(places) {
            let Some(vector) = vectors.get(i) else { continue };
            for x in vector {
                self.file.write_all(&x.to_ne_bytes()).map_err(crate::io::Error::temporary)?;
            }
            self.rows.push(u32::try_from(row).expect("fewer than 2^32 rows"));
        }
        Ok(())
    }

    /// Joins rows in `groups` whose vectors have at least the cosine that `cosine` makes of the model's name; gives that.
    pub(super) fn join(
        self,
        cosine: impl FnOnce(Option<&str>) -> Option<f32>,
        groups: &mut Groups,
    ) -> Result<Option<f32>, Failure> {
        let Some(at_least) = cosine(self.check.model()).filter(|_| !self.rows.is_empty()) else { return Ok(None) };
        let file = self.file.into_inner().map_err(|e| crate::io::Error::temporary(e.into_error()))?;
        let bytes = crate::io::map_file(&file).map_err(crate::io::Error::temporary)?;
        let numbers = ScalarBuffer::<f32>::new(Buffer::from(bytes), 0, self.rows.len() * self.check.dimension);
        near_vectors(&numbers, self.check.dimension, at_least, |a, b, _| {
            groups.join(self.rows[a as usize], self.rows[b as usize]);
        });
        Ok(Some(at_least))
    }
}
