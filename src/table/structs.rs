//! Columns of lists of structs, by whatever program they were written.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StructArray};
use arrow_schema::DataType;

use super::Error;

/// A column of lists of structs.
#[derive(Debug)]
pub(super) struct Structs {
    list: ListArray,
    parts: StructArray,
    column: &'static str,
    expected: &'static str,
    /// What the column is.
    found: DataType,
}

impl Structs {
    /// The column of this name, or `None` where the batch has none; `expected` says what it should be.
    ///
    /// # Errors
    /// It is no list of structs.
    pub(super) fn of(
        batch: &RecordBatch,
        column: &'static str,
        expected: &'static str,
    ) -> Result<Option<Structs>, Error> {
        let Some(found) = batch.column_by_name(column).filter(|c| c.data_type() != &DataType::Null) else {
            return Ok(None);
        };
        let wrong = || Error::ColumnType { column: column.into(), expected, found: found.data_type().to_string() };
        let list = match found.data_type() {
            DataType::List(_) => found.as_list::<i32>().clone(),
            DataType::LargeList(item) => {
                let list = arrow_cast::cast(found, &DataType::List(item.clone())).map_err(|_| wrong())?;
                list.as_list::<i32>().clone()
            }
            _ => return Err(wrong()),
        };
        let parts = list.values().as_struct_opt().ok_or_else(wrong)?.clone();
        Ok(Some(Structs { list, parts, column, expected, found: found.data_type().clone() }))
    }

    /// A part of all structs as this type, or `None` where they have none of this name.
    ///
    /// # Errors
    /// It is of another type.
    pub(super) fn part(&self, name: &str, to: &DataType) -> Result<Option<ArrayRef>, Error> {
        let cast = |part: &ArrayRef| arrow_cast::cast(part, to).map_err(|_| self.wrong());
        self.parts.column_by_name(name).map(cast).transpose()
    }

    /// That the column is not what was expected.
    pub(super) fn wrong(&self) -> Error {
        Error::ColumnType { column: self.column.into(), expected: self.expected, found: self.found.to_string() }
    }

    /// Which structs are those of row `i`; `None` where it is null.
    pub(super) fn row(&self, i: usize) -> Option<Range<usize>> {
        let ends = self.list.value_offsets();
        self.list.is_valid(i).then(|| ends[i] as usize..ends[i + 1] as usize)
    }
}
