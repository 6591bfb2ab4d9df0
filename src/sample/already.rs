//! Rows that were chosen before.

use std::collections::HashSet;
use std::path::Path;

use crate::failure::Failure;
use crate::index::{Check, Error, Unfit};
use crate::table::{Source, column};

/// What is known of them.
pub(super) struct Already {
    keys: HashSet<String>,
    contents: HashSet<[u8; 32]>,
    /// Their vectors, where the table has any.
    pub(super) vectors: Vec<f32>,
    pub(super) count: u64,
    name: String,
    check: Check,
}

impl Already {
    /// Reads a table of them; its vectors, if they are wanted and it has them.
    ///
    /// # Errors
    /// It cannot be read, has neither keys nor contents, or its vectors are no good.
    pub(super) fn read(path: &Path, vectors: &str, wanted: bool) -> Result<Already, Failure> {
        let source = Source::open_or_csv(path, "--already takes a table with a column `key`")?;
        let known = [column::KEY, column::CONTENT_HASH];
        let own = column::model_column(vectors);
        let table =
            source.table(Some(&|name: &str| known.contains(&name) || wanted && [vectors, &own].contains(&name)))?;
        if !known.iter().any(|name| table.has(name)) {
            table.require(column::KEY)?;
        }
        let has_vectors = wanted && table.has(vectors);
        let name = table.name.clone();
        let check = Check::new(&name, vectors);
        let mut already =
            Already { keys: HashSet::new(), contents: HashSet::new(), vectors: Vec::new(), count: 0, name, check };
        for batch in table {
            let batch = batch?;
            already.count += batch.num_rows() as u64;
            if let Some(keys) = column::text(&batch, column::KEY)? {
                already.keys.extend(keys.iter().flatten().map(str::to_string));
            }
            if batch.column_by_name(column::CONTENT_HASH).is_some() {
                already.contents.extend(column::read_hashes(&batch, column::CONTENT_HASH)?.into_iter().flatten());
            }
            if has_vectors {
                already.check.look(&batch)?;
                let column = column::vectors(&batch, vectors, &already.name)?;
                let fit = (0..batch.num_rows()).filter_map(|i| column.get(i)).filter(|v| Unfit::problem(v).is_none());
                already.vectors.extend(fit.flat_map(unit));
            }
        }
        Ok(already)
    }

    /// Whether a row is one of them: by its key, or by what it shows.
    pub(super) fn has(&self, key: &str, content: Option<[u8; 32]>) -> bool {
        self.keys.contains(key) || content.is_some_and(|content| self.contents.contains(&content))
    }

    /// # Errors
    /// Their vectors are of another model than those of the table, or of another length.
    pub(super) fn ensure_same_model(&self, name: &str, check: &Check) -> Result<(), Failure> {
        if self.vectors.is_empty() || check.dimension == 0 {
            return Ok(());
        }
        if self.check.model() != check.model() {
            let say = |check: &Check| check.model().unwrap_or("unknown").to_string();
            let (first, other) = (say(check), say(&self.check));
            return Err(Error::TwoModels { name: format!("{name} and {}", self.name), first, other }.into());
        }
        if self.check.dimension != check.dimension {
            let message = format!(
                "{}: its vectors have {} numbers, those of {name} {}",
                self.name, self.check.dimension, check.dimension
            );
            return Err(Failure::usage(message, "compare vectors of one model"));
        }
        Ok(())
    }
}

/// The same direction, of length 1.
pub(super) fn unit(vector: &[f32]) -> Vec<f32> {
    let length = crate::matrix::dot(vector, vector).sqrt();
    vector.iter().map(|&x| (f64::from(x) / length) as f32).collect()
}
