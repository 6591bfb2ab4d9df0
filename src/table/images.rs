//! The images of a batch's rows, wherever they are.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BinaryArray, RecordBatch, StringArray};
use arrow_schema::DataType;

use super::{Error, column};
use crate::io::read_image;

/// Access to the images of a batch: the bytes in the table where there are some, else the file at `path`.
pub struct Images {
    keys: StringArray,
    paths: Option<StringArray>,
    bytes: Option<BinaryArray>,
    errors: Option<StringArray>,
}

impl Images {
    /// # Errors
    /// A column of the program's own has another type than it should.
    pub fn of(batch: &RecordBatch) -> Result<Images, Error> {
        let keys =
            column::text(batch, column::KEY)?.ok_or_else(|| column::missing(&batch.schema(), column::KEY, "table"))?;
        let bytes = match batch.column_by_name(column::IMAGE) {
            None => None,
            Some(image) => {
                let wrong = || {
                    let (found, expected) = (image.data_type().to_string(), "struct<bytes: binary, path: utf8>");
                    Error::ColumnType { column: column::IMAGE.into(), expected, found }
                };
                let bytes = match image.as_struct_opt() {
                    Some(fields) => fields.column_by_name("bytes").ok_or_else(wrong)?.clone(),
                    None => image.clone(),
                };
                if !bytes.data_type().is_binary() && bytes.data_type() != &DataType::Null {
                    return Err(wrong());
                }
                let bytes = arrow_cast::cast(&bytes, &DataType::Binary).map_err(|_| wrong())?;
                Some(bytes.as_binary::<i32>().clone())
            }
        };
        Ok(Images {
            keys,
            paths: column::text(batch, column::PATH)?,
            bytes,
            errors: column::text(batch, column::ERROR)?,
        })
    }

    /// The row's name.
    pub fn key(&self, i: usize) -> &str {
        self.keys.value(i)
    }

    /// Where the row's file is, if it is one.
    pub fn path(&self, i: usize) -> Option<&str> {
        self.paths.as_ref().filter(|p| p.is_valid(i)).map(|p| p.value(i))
    }

    /// The bytes of the image inside the table, if it is there.
    pub fn bytes(&self, i: usize) -> Option<&[u8]> {
        self.bytes.as_ref().filter(|b| b.is_valid(i) && !b.value(i).is_empty()).map(|b| b.value(i))
    }

    /// Why an earlier stage could not process the row.
    pub fn error(&self, i: usize) -> Option<&str> {
        self.errors.as_ref().filter(|e| e.is_valid(i)).map(|e| e.value(i))
    }

    /// The bytes of the image file.
    ///
    /// # Errors
    /// Why there are none, for the row's `error`.
    pub fn read(&self, i: usize) -> Result<Cow<'_, [u8]>, String> {
        if let Some(bytes) = self.bytes(i) {
            return Ok(Cow::Borrowed(bytes));
        }
        let path = self.path(i).ok_or("the row has neither an image nor a path")?;
        read_image(path).map(Cow::Owned).map_err(|e| format!("cannot read {path}: {e}"))
    }
}
