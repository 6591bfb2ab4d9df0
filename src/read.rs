//! `read`: the words in pictures, by a model that reads text.
//!
//! Hides: decoding, transparency, the layout of what was read. Promises: a row's text depends on its picture and the model
//! alone; a picture without text has an empty text, one that cannot be read a null and a problem of its row.
//!
//! [`Read`] is the stage. [`crate::model::ocr`] has what finds and reads lines.

mod lines;

pub use lines::{boxes_column, boxes_field};

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};

use crate::failure::Failure;
use crate::image::{self, Flaw, Rgb};
use crate::model::ocr::{Line, MIN_SCORE, MOST_SIDE, Ocr, Reader};
use crate::model::{self, Device, Use};
use crate::stage::{Done, Skipped, Stage};
use crate::table::column::{self, hashes};
use crate::table::{Images, Provenance};

/// Rows that one thread works on at a time: a picture takes long.
const SLICE_ROWS: usize = 1;

/// What is read, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The name of the new column; that of the lines' places follows from it.
    pub column: String,
    /// Lines of which the model is less sure are left out.
    pub min_score: f32,
    /// Pictures are looked at with their longer side no longer than this.
    pub most_side: u32,
    /// Keep the pictures themselves in the table.
    pub keep_images: bool,
    /// Where the model runs.
    pub device: Device,
}

impl Default for Options {
    fn default() -> Options {
        let (column, device) = (column::TEXT.into(), Device::default());
        Options { column, min_score: MIN_SCORE, most_side: MOST_SIDE, keep_images: false, device }
    }
}

impl Options {
    /// The columns that a table of these has afterwards.
    pub fn schema(&self, input: &SchemaRef) -> SchemaRef {
        let schema = match self.keep_images {
            true => input.clone(),
            false => column::drop_field(input, column::IMAGE),
        };
        let fields = [
            column::field(column::CONTENT_HASH, column::HASH_TYPE),
            column::field(&self.column, DataType::Utf8),
            boxes_field(&boxes_column(&self.column)),
            column::field(column::ERROR, DataType::Utf8),
        ];
        fields.into_iter().fold(schema, |schema, field| column::put_field(&schema, field))
    }
}

/// Adds what a loaded model reads in pictures.
pub struct Read {
    reader: Reader,
    options: Options,
}

/// What became of a row.
enum Row {
    /// It arrived with an error.
    Earlier(String),
    Failed(Option<[u8; 32]>, String),
    Read([u8; 32], Vec<Line>, Option<Flaw>),
}

impl Read {
    /// Loads a model, for so many calls at once as `use_` says.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub fn load(ocr: Ocr, options: Options, use_: Use) -> Result<Read, model::Error> {
        Ok(Read { reader: ocr.load(use_, options.device)?, options })
    }

    /// The loaded model.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    fn row(&self, images: &Images, i: usize) -> Result<Row, model::Error> {
        if let Some(error) = images.error(i) {
            return Ok(Row::Earlier(error.into()));
        }
        let bytes = match images.read(i) {
            Ok(bytes) => bytes,
            Err(problem) => return Ok(Row::Failed(None, problem)),
        };
        let content = *blake3::hash(&bytes).as_bytes();
        let (options, mut lines) = (&self.options, Vec::new());
        let (picture, flaw) = match image::decode_in_contrast(&bytes, Some(options.most_side)) {
            Ok(decoded) => decoded,
            Err(problem) => return Ok(Row::Failed(Some(content), problem.to_string())),
        };
        let own = image::dimensions(&bytes).unwrap_or((picture.width, picture.height));
        for line in self.reader.read(&picture, options.most_side, options.min_score)? {
            lines.push(of_own_size(line, &picture, own));
        }
        Ok(Row::Read(content, lines, flaw))
    }
}

/// A line's place in a picture that may have been decoded at a part of its size.
fn of_own_size(line: Line, decoded: &Rgb, (width, height): (u32, u32)) -> Line {
    let scale = [width as f32 / decoded.width as f32, height as f32 / decoded.height as f32];
    Line { corners: line.corners.map(|[x, y]| [x * scale[0], y * scale[1]]), ..line }
}

impl Stage for Read {
    const NAME: &'static str = "read";

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        self.options.schema(input)
    }

    fn describe(&self, footer: &mut Provenance) {
        let about = |what: &str| column::footer_key(&self.options.column, what);
        footer.set(&about(column::OCR), self.reader.id().full());
        footer.set(&about("ocr_engine"), self.reader.engine());
        footer.set(&about("ocr_min_score"), self.options.min_score.to_string());
        footer.set(&about("ocr_max_side"), self.options.most_side.to_string());
    }

    fn slice(&self) -> usize {
        SLICE_ROWS
    }

    fn rows(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<Done, Failure> {
        let images = Images::of(batch)?;
        let rows: Vec<Row> = (0..batch.num_rows()).map(|i| self.row(&images, i)).collect::<Result<_, _>>()?;
        let texts: StringArray = rows.iter().map(Row::text).collect();
        let errors: StringArray = rows.iter().map(Row::error).collect();
        let new: [(&str, ArrayRef); 4] = [
            (column::CONTENT_HASH, hashes(&rows.iter().map(Row::content).collect::<Vec<_>>())),
            (&self.options.column, Arc::new(texts)),
            (&boxes_column(&self.options.column), lines::array(rows.iter().map(Row::lines))),
            (column::ERROR, Arc::new(errors)),
        ];
        let (mut skipped, mut flawed) = (Vec::new(), Vec::new());
        for (i, row) in rows.iter().enumerate() {
            let said = |problem: String| Skipped { key: images.key(i).into(), problem };
            match row {
                Row::Failed(_, problem) => skipped.push(said(problem.clone())),
                Row::Read(_, _, Some(flaw)) => flawed.push(said(flaw.to_string())),
                Row::Earlier(_) | Row::Read(..) => {}
            }
        }
        Ok(Done { batch: column::put(batch, schema, &new), skipped, flawed })
    }
}

impl Row {
    fn lines(&self) -> Option<&[Line]> {
        match self {
            Row::Read(_, lines, _) => Some(lines),
            Row::Earlier(_) | Row::Failed(..) => None,
        }
    }

    fn text(&self) -> Option<String> {
        let texts = self.lines()?.iter().map(|line| line.text.as_str());
        Some(texts.collect::<Vec<_>>().join("\n"))
    }

    fn error(&self) -> Option<&str> {
        match self {
            Row::Earlier(problem) | Row::Failed(_, problem) => Some(problem),
            Row::Read(..) => None,
        }
    }

    fn content(&self) -> Option<[u8; 32]> {
        match self {
            Row::Earlier(_) => None,
            Row::Failed(content, _) => *content,
            Row::Read(content, ..) => Some(*content),
        }
    }
}
