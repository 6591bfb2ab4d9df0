//! What the columns of a batch say of its rows: which are divided, their contents, the splits they have, any values.

use std::hash::{DefaultHasher, Hash, Hasher};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::Split;
use crate::failure::Failure;
use crate::table::column::{self, read_hashes};
use crate::table::{self, Error};

/// Which rows get a split: those without an error that are not excluded.
pub(super) fn divided(batch: &RecordBatch) -> Result<Vec<bool>, Error> {
    let excluded = column::text(batch, column::EXCLUDED)?;
    let sound = contents(batch)?.into_iter().enumerate();
    Ok(sound.map(|(i, content)| content.is_some() && excluded.as_ref().is_none_or(|e| e.is_null(i))).collect())
}

/// The contents of sound rows, by the first bytes of their hashes.
pub(super) fn contents(batch: &RecordBatch) -> Result<Vec<Option<u64>>, Error> {
    let errors = column::text(batch, column::ERROR)?;
    let sound = |i: usize| errors.as_ref().is_none_or(|e| e.is_null(i));
    let starts = starts(batch, column::CONTENT_HASH)?.into_iter().enumerate();
    Ok(starts.map(|(i, start)| start.filter(|_| sound(i))).collect())
}

/// The first bytes of the digests of a column.
pub(super) fn starts(batch: &RecordBatch, name: &str) -> Result<Vec<Option<u64>>, Error> {
    let start = |digest: [u8; 32]| u64::from_le_bytes(digest[..8].try_into().expect("a part of 32 bytes"));
    Ok(read_hashes(batch, name)?.into_iter().map(|digest| digest.map(start)).collect())
}

/// The splits that rows have already.
pub(super) fn own_splits(batch: &RecordBatch) -> Result<Vec<Option<Split>>, Failure> {
    let Some(names) = column::text(batch, column::SPLIT)? else { return Ok(vec![None; batch.num_rows()]) };
    let split = |name: Option<&str>| match name.map(|name| (name, Split::named(name))) {
        None => Ok(None),
        Some((_, Some(split))) => Ok(Some(split)),
        Some((name, None)) => Err(Failure::failed(
            format!("column `{}`: `{name}` is none of train, validation, test", column::SPLIT),
            Some(format!("{}; rename it, or leave out --keep to divide anew", crate::table::split::KNOWN)),
        )),
    };
    names.iter().map(split).collect()
}

/// A hash of each value of a column of text, numbers, or bytes; `None` where there is no such column.
pub(super) fn values(batch: &RecordBatch, name: &str) -> Result<Option<Vec<Option<u64>>>, Error> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    let wrong = || {
        let found = column.data_type().to_string();
        table::Error::ColumnType { column: name.into(), expected: "text or whole numbers", found }
    };
    fn hash(value: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }
    if column.data_type().is_nested() {
        return Err(wrong());
    }
    if column.data_type().is_binary() {
        let bytes = arrow_cast::cast(column, &DataType::Binary).map_err(|_| wrong())?;
        return Ok(Some(bytes.as_binary::<i32>().iter().map(|value| value.map(hash)).collect()));
    }
    let text = arrow_cast::cast(column, &DataType::Utf8).map_err(|_| wrong())?;
    Ok(Some(text.as_string::<i32>().iter().map(|value| value.map(hash)).collect()))
}
