//! The images of a batch's rows, wherever they are.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BinaryArray, RecordBatch, StringArray};

use super::types::conform;
use super::{Error, column};
use crate::image;
use crate::io::{read_image, sayable};
use crate::notes;

/// Access to the images of a batch: the bytes in the table where there are some, else the file at the path beside them or
/// at `path`.
pub struct Images {
    keys: StringArray,
    paths: Option<StringArray>,
    /// The column `image`: bytes and paths.
    images: Option<(BinaryArray, StringArray)>,
    errors: Option<StringArray>,
}

impl Images {
    /// # Errors
    /// A column of the program's own has another type than it should.
    pub fn of(batch: &RecordBatch) -> Result<Images, Error> {
        let keys =
            column::text(batch, column::KEY)?.ok_or_else(|| column::missing(&batch.schema(), column::KEY, "table"))?;
        let images = match batch.column_by_name(column::IMAGE) {
            None => None,
            Some(image) => {
                let (field, found) = (column::image_field(), image.data_type().to_string());
                let wrong = |_| Error::ColumnType {
                    column: column::IMAGE.into(),
                    expected: "struct<bytes: binary, path: utf8>",
                    found,
                };
                let image = conform(image, field.data_type()).map_err(wrong)?;
                let parts = image.as_struct();
                Some((parts.column(0).as_binary().clone(), parts.column(1).as_string().clone()))
            }
        };
        Ok(Images {
            keys,
            paths: column::text(batch, column::PATH)?,
            images,
            errors: column::text(batch, column::ERROR)?,
        })
    }

    /// The row's name.
    pub fn key(&self, i: usize) -> &str {
        self.keys.value(i)
    }

    /// Where the row's file is, if it is one.
    pub fn path(&self, i: usize) -> Option<&str> {
        let beside =
            || column::cell(self.images.as_ref().map(|(_, paths)| paths), i).filter(|_| self.bytes(i).is_none());
        column::cell(self.paths.as_ref(), i).or_else(beside)
    }

    /// The bytes of the image inside the table, if it is there.
    pub fn bytes(&self, i: usize) -> Option<&[u8]> {
        let (bytes, _) = self.images.as_ref()?;
        (bytes.is_valid(i) && !bytes.value(i).is_empty()).then(|| bytes.value(i))
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
        read_image(path).map(Cow::Owned).map_err(|e| {
            if e.kind() == std::io::ErrorKind::NotFound && !path.contains("://") {
                // A single one has vanished; where several are missing, the table may have moved.
                notes::count("pictures that are not there", 1, Some(path), |count, named| match count {
                    1 => String::new(),
                    _ => format!(
                        "{count} pictures are not where the table says ({named}); paths are relative to the folder in which a table was made: run there, or say --root DIR"
                    ),
                });
            }
            format!("cannot read {}: {e}", sayable(path))
        })
    }
}

/// A longer part of a file is no picture.
const MOST_BYTES: u64 = 256 << 20;
/// So many first bytes tell whether it is one.
const LOOK: u64 = 4096;

/// A picture that lies in another file.
///
/// # Errors
/// Why it is none; what is long is looked at before it is read.
pub(super) fn picture_in(file: &std::fs::File, offset: u64, length: u64) -> Result<Vec<u8>, String> {
    use std::os::unix::fs::FileExt;
    let bytes = |length: u64| -> Result<Vec<u8>, String> {
        let end = offset.checked_add(length).ok_or("lies beyond its file")?;
        if end > file.metadata().map_err(|e| e.to_string())?.len() {
            return Err("is cut short".into());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|e| e.to_string())?];
        file.read_exact_at(&mut bytes, offset).map_err(|e| e.to_string())?;
        Ok(bytes)
    };
    match length {
        _ if length > MOST_BYTES => Err(format!("{length} bytes are too many")),
        _ if length > LOOK && image::format(&bytes(LOOK)?).is_err() => Err("is no picture".into()),
        _ => bytes(length),
    }
}
