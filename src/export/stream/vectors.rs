//! The vectors of a table, one after the other, with what is said of them.

use arrow_array::{Array, RecordBatch};

use crate::failure::Failure;
use crate::index::one_model;
use crate::progress::Progress;
use crate::stage::go_on;
use crate::table::{Table, column};

/// What is said of a vector beside its numbers.
pub(crate) struct Row<'a> {
    pub key: &'a str,
    pub id: Option<i32>,
    pub label: Option<&'a str>,
    pub model: Option<&'a str>,
}

/// Shows every row that has a vector in a column; gives the number of those that have none.
///
/// # Errors
/// The column is not there, its vectors are of several models, or `see` fails.
pub(super) fn each_vector(
    table: Table,
    vector_column: &str,
    progress: &mut dyn Progress,
    mut see: impl FnMut(&Row, &[f32]) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut without = 0;
    // Vectors of two models have nothing to do with each other, and an array does not say which is whose.
    let (name, mut model) = (table.name.clone(), None);
    for batch in table {
        let batch: RecordBatch = batch?;
        go_on(progress)?;
        let vectors = column::vectors(&batch, vector_column, &name)?;
        one_model(&batch, &vectors, vector_column, &name, &mut model)?;
        let keys = column::text(&batch, column::KEY)?.expect("a table with keys");
        let labels = column::text(&batch, column::LABEL)?;
        let models = column::text(&batch, &column::model_column(vector_column))?;
        let ids = column::ints(&batch, column::ID)?;
        for i in 0..batch.num_rows() {
            let row = Row {
                key: keys.value(i),
                id: ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i)),
                label: column::cell(labels.as_ref(), i),
                model: column::cell(models.as_ref(), i),
            };
            match vectors.get(i) {
                Some(vector) => see(&row, vector)?,
                None => without += 1,
            }
        }
        progress.advance(batch.num_rows() as u64);
    }
    Ok(without)
}
