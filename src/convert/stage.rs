//! The stage: pictures of rows to pictures in the table, or to files of a folder.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray, UInt32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, SchemaRef};

use super::{Error, Recipe};
use crate::failure::Failure;
use crate::image::{self, Flaw, Placement};
use crate::io::{self, Folder};
use crate::output::made::{Known, Made};
use crate::stage::{Done, Skipped, Stage};
use crate::table::boxes::{self, Bounds, Boxes};
use crate::table::column::{self, hashes};
use crate::table::{Images, Provenance};

impl Stage for Recipe {
    const NAME: &'static str = "convert";

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        column::put_field(&output_schema(input, *self), column::image_field())
    }

    fn describe(&self, footer: &mut Provenance) {
        footer.set("convert_rgb", self.to_string());
    }

    fn slice(&self) -> usize {
        // One at a time: an Arrow array holds 2 GiB, and several large ones might not go into it.
        1
    }

    fn rows(&self, rows: &RecordBatch, schema: &SchemaRef) -> Result<Done, Failure> {
        convert(rows, *self, None, schema)
    }
}

/// The columns of a converted table, but for the pictures themselves.
pub(super) fn output_schema(schema: &SchemaRef, recipe: Recipe) -> SchemaRef {
    // Boxes move along with their pictures.
    let boxes = Some(boxes::field()).filter(|_| recipe.size.is_some() && schema.index_of(column::BOXES).is_ok());
    [
        column::field(column::WIDTH, DataType::UInt32),
        column::field(column::HEIGHT, DataType::UInt32),
        column::field(column::CONTENT_HASH, column::HASH_TYPE),
        column::field(column::SOURCE_HASH, column::HASH_TYPE),
        column::field(column::ERROR, DataType::Utf8),
    ]
    .into_iter()
    .chain(boxes)
    .fold(schema.clone(), |schema, field| column::put_field(&schema, field))
}

/// The boxes of a picture of these bytes, moved along with it.
fn moved(bytes: &[u8], recipe: Recipe, drawn: &[Bounds]) -> Vec<Bounds> {
    let place = |from| Placement::of(from, recipe.size, image::Fit::Pad);
    image::dimensions(bytes).map(|from| boxes::moved(drawn, &place(from))).unwrap_or_default()
}

/// What became of a row. `None`: it arrived with an error.
type Row = Option<Result<Converted, String>>;

/// A converted image: its facts, and its bytes where they go into a table.
struct Converted {
    made: Made,
    flaw: Option<Flaw>,
    bytes: Option<Vec<u8>>,
}

/// Where the images of a slice go: the folder, what is known of it, and the name of each row's file.
pub(super) type Place<'a> = (&'a Folder, &'a Known, &'a [Box<str>]);

/// Converts the rows of a slice, into files where it has a place for them.
pub(super) fn convert(
    batch: &RecordBatch,
    recipe: Recipe,
    place: Option<Place>,
    schema: &SchemaRef,
) -> Result<Done, Failure> {
    let images = Images::of(batch)?;
    let mut rows: Vec<Row> = Vec::with_capacity(batch.num_rows());
    let drawn = recipe.size.map(|_| Boxes::of(batch)).transpose()?.flatten();
    let mut boxes: Vec<Option<Vec<Bounds>>> = vec![None; batch.num_rows()];
    for i in 0..batch.num_rows() {
        if images.error(i).is_some() {
            rows.push(None);
            continue;
        }
        let bytes = match images.read(i) {
            Ok(bytes) => bytes,
            Err(problem) => {
                rows.push(Some(Err(problem)));
                continue;
            }
        };
        boxes[i] = drawn.as_ref().and_then(|drawn| drawn.get(i)).map(|drawn| moved(&bytes, recipe, &drawn));
        let converted = match place {
            None => recipe
                .apply(&bytes)
                .map(|(made, flaw, bytes)| Converted { made, flaw, bytes: Some(bytes) })
                .map_err(Error::from),
            Some((folder, known, files)) => recipe
                .apply_to_file(&bytes, folder, &files[i], known)
                .map(|(made, flaw)| Converted { made, flaw, bytes: None }),
        };
        rows.push(match converted {
            Ok(converted) => Some(Ok(converted)),
            Err(Error::Image(problem)) => Some(Err(problem.to_string())),
            Err(fatal) => return Err(fatal.into()),
        });
    }
    let boxes = drawn.map(|_| boxes::array(boxes.iter().map(Option::as_deref)));
    Ok(assemble(batch, &images, &rows, boxes, place, schema))
}

fn assemble(
    batch: &RecordBatch,
    images: &Images,
    rows: &[Row],
    boxes: Option<ArrayRef>,
    place: Option<Place>,
    schema: &SchemaRef,
) -> Done {
    let done: Vec<Option<&Converted>> = rows.iter().map(|row| row.as_ref()?.as_ref().ok()).collect();
    let side = |side: fn(&Made) -> u32| -> ArrayRef {
        Arc::new(done.iter().map(|d| d.map(|d| side(&d.made))).collect::<UInt32Array>())
    };
    let digest =
        |digest: fn(&Made) -> [u8; 32]| hashes(&done.iter().map(|d| d.map(|d| digest(&d.made))).collect::<Vec<_>>());
    let problems: Vec<Option<&str>> = rows
        .iter()
        .enumerate()
        .map(|(i, row)| row.as_ref().map_or(images.error(i), |row| row.as_ref().err().map(String::as_str)))
        .collect();
    let skipped = rows.iter().enumerate().filter_map(|(i, row)| {
        let problem = row.as_ref()?.as_ref().err()?.clone();
        Some(Skipped { key: images.key(i).into(), problem })
    });
    let skipped = skipped.collect();
    let flawed = done.iter().enumerate().filter_map(|(i, done)| {
        let problem = done.as_ref()?.flaw.as_ref()?.to_string();
        Some(Skipped { key: images.key(i).into(), problem })
    });
    let flawed = flawed.collect();
    let mut new: Vec<(&str, ArrayRef)> = vec![
        (column::WIDTH, side(|made| made.width)),
        (column::HEIGHT, side(|made| made.height)),
        (column::CONTENT_HASH, digest(|made| made.content)),
        (column::SOURCE_HASH, digest(|made| made.source)),
        (column::ERROR, Arc::new(StringArray::from(problems))),
    ];
    new.extend(boxes.map(|boxes| (column::BOXES, boxes)));
    if let Some((folder, _, files)) = place {
        let path = |(i, file): (usize, &str)| match done[i] {
            Some(_) => Some(io::escape_bytes(folder.join(file).as_os_str().as_encoded_bytes())),
            None => images.path(i).map(str::to_string),
        };
        let paths: StringArray = files.iter().map(AsRef::as_ref).enumerate().map(path).collect();
        new.push((column::KEY, Arc::new(StringArray::from_iter_values(files))));
        new.push((column::PATH, Arc::new(paths)));
    } else {
        let bytes: BinaryArray = done.iter().map(|d| d.and_then(|d| d.bytes.as_deref())).collect();
        let names: StringArray = done.iter().enumerate().map(|(i, d)| d.map(|_| images.key(i))).collect();
        let DataType::Struct(fields) = column::image_field().data_type().clone() else {
            unreachable!("it is a struct")
        };
        let valid = NullBuffer::from_iter(done.iter().map(Option::is_some));
        new.push((
            column::IMAGE,
            Arc::new(StructArray::new(fields, vec![Arc::new(bytes), Arc::new(names)], Some(valid))),
        ));
    }
    Done { batch: column::put(batch, schema, &new), skipped, flawed }
}
