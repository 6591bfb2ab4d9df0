//! Stills as rows of a table.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray, StructArray, UInt32Array,
};
use arrow_schema::{DataType, SchemaRef};

use super::out::{Item, What};
use crate::failure::Failure;
use crate::image::{self, Encoding};
use crate::stage::{Done, Skipped};
use crate::table::column::{self, hashes};

/// The columns that a table of films has as a table of stills: those it has, but for `path`, which leads to a picture.
pub fn schema(input: &SchemaRef) -> SchemaRef {
    [
        column::image_field(),
        column::field(column::VIDEO_KEY, DataType::Utf8),
        column::field(column::VIDEO_PATH, DataType::Utf8),
        column::field(column::TIMESTAMP, DataType::Float64),
        column::field(column::FRAME, DataType::Int64),
        column::field(column::DURATION, DataType::Float64),
        column::field(column::WIDTH, DataType::UInt32),
        column::field(column::HEIGHT, DataType::UInt32),
        column::field(column::CONTENT_HASH, column::HASH_TYPE),
        column::field(column::ERROR, DataType::Utf8),
    ]
    .into_iter()
    .fold(column::drop_field(input, column::PATH), |schema, field| column::put_field(&schema, field))
}

/// Encodes stills and lays them out.
pub(super) struct Maker {
    schema: SchemaRef,
    encoding: Encoding,
}

/// What a row of a still holds beyond what its film's does.
#[derive(Default)]
struct Row<'r> {
    bytes: Option<&'r [u8]>,
    time: Option<f64>,
    number: Option<i64>,
    size: Option<(u32, u32)>,
    problem: Option<&'r str>,
}

impl Maker {
    pub(super) fn new(schema: SchemaRef, encoding: Encoding) -> Maker {
        Maker { schema, encoding }
    }

    /// The row of a still, or that of a film that cannot be read.
    ///
    /// # Errors
    /// A still is too large for the format.
    pub(super) fn make(&self, item: Item) -> Result<Done, Failure> {
        let skip = |key: &str, problem: &str| vec![Skipped { key: key.into(), problem: problem.into() }];
        let (mut skipped, mut flawed) = (Vec::new(), Vec::new());
        let batch = match &item.what {
            What::Still { picture, time, number, key } => {
                let bytes = image::encode(picture, self.encoding)
                    .map_err(|e| Failure::failed(format!("{key}: {e}"), Some("--size makes it smaller".into())))?;
                let size = Some((picture.width, picture.height));
                self.row(&item, key, &Row { bytes: Some(&bytes), time: *time, number: *number, size, problem: None })
            }
            What::Problem { key, problem } => {
                skipped = skip(key, problem);
                self.row(&item, key, &Row { problem: Some(problem), ..Row::default() })
            }
            What::Damaged(problem) => {
                flawed = skip(&item.film.key, problem);
                RecordBatch::new_empty(self.schema.clone())
            }
            What::Passed => self.row(&item, &item.film.key, &Row::default()),
        };
        Ok(Done { batch, skipped, flawed })
    }

    fn row(&self, item: &Item, key: &str, row: &Row) -> RecordBatch {
        let film = &item.film;
        let text = |text: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
        let number = |number: Option<f64>| -> ArrayRef { Arc::new(Float64Array::from(vec![number])) };
        let side = |side: Option<u32>| -> ArrayRef { Arc::new(UInt32Array::from(vec![side])) };
        let DataType::Struct(fields) = column::image_field().data_type().clone() else {
            unreachable!("it is a struct")
        };
        let parts: Vec<ArrayRef> = vec![Arc::new(BinaryArray::from(vec![row.bytes])), text(row.bytes.map(|_| key))];
        let valid = arrow_buffer::NullBuffer::from(vec![row.bytes.is_some()]);
        let mut new: Vec<(&str, ArrayRef)> = vec![
            (column::KEY, text(Some(key))),
            (column::IMAGE, Arc::new(StructArray::new(fields, parts, Some(valid)))),
            (column::VIDEO_KEY, text(Some(&film.key))),
            (column::VIDEO_PATH, text(film.path.as_deref())),
            (column::TIMESTAMP, number(row.time)),
            (column::FRAME, Arc::new(Int64Array::from(vec![row.number]))),
            (column::DURATION, number(film.duration)),
            (column::WIDTH, side(row.size.map(|(width, _)| width))),
            (column::HEIGHT, side(row.size.map(|(_, height)| height))),
            (column::CONTENT_HASH, hashes(&[row.bytes.map(|bytes| *blake3::hash(bytes).as_bytes())])),
        ];
        if !matches!(item.what, What::Passed) || film.row.column_by_name(column::ERROR).is_none_or(|e| e.is_null(0)) {
            new.push((column::ERROR, text(row.problem)));
        }
        column::put(&film.row, &self.schema, &new)
    }
}
