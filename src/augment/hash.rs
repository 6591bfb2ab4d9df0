//! The stage before the others: every picture of train has a hash of its content, or an error.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};

use crate::failure::Failure;
use crate::split::Split;
use crate::stage::{Done, Skipped, Stage};
use crate::table::column::{self, hashes, read_hashes};
use crate::table::{Error, Images, Provenance};

/// Adds the hash of every picture of train that has none.
pub(super) struct Hash;

impl Stage for Hash {
    const NAME: &'static str = "read";

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        let schema = column::put_field(input, column::field(column::CONTENT_HASH, column::HASH_TYPE));
        column::put_field(&schema, column::field(column::ERROR, DataType::Utf8))
    }

    fn describe(&self, _: &mut Provenance) {}

    fn rows(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<Done, Failure> {
        let images = Images::of(batch)?;
        let mut digests = read_hashes(batch, column::CONTENT_HASH)?;
        let mut errors: Vec<Option<String>> =
            (0..batch.num_rows()).map(|row| images.error(row).map(str::to_string)).collect();
        let mut skipped = Vec::new();
        for (row, is_train) in train(batch)?.into_iter().enumerate() {
            if is_train && errors[row].is_none() && digests[row].is_none() {
                match images.read(row) {
                    Ok(bytes) => digests[row] = Some(*blake3::hash(&bytes).as_bytes()),
                    Err(problem) => {
                        skipped.push(Skipped { key: images.key(row).into(), problem: problem.clone() });
                        errors[row] = Some(problem);
                    }
                }
            }
        }
        let errors: ArrayRef = Arc::new(StringArray::from(errors));
        let batch = column::put(batch, schema, &[(column::CONTENT_HASH, hashes(&digests)), (column::ERROR, errors)]);
        Ok(Done { batch, skipped, flawed: Vec::new() })
    }
}

/// Which rows are of train.
pub(super) fn train(batch: &RecordBatch) -> Result<Vec<bool>, Error> {
    let splits = column::text(batch, column::SPLIT)?;
    let splits = splits.ok_or_else(|| column::missing(&batch.schema(), column::SPLIT, "table"))?;
    // Pictures of no other split are augmented.
    Ok(splits.iter().map(|split| split.and_then(Split::named) == Some(Split::Train)).collect())
}
