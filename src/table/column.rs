//! Names, types and typed access of the columns that the program knows.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, Float32Array, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use super::{Error, types};

/// The row's name: unique, `/`-separated, never absolute.
pub const KEY: &str = "key";
/// Where to open the file, relative to the working directory at the time of writing.
pub const PATH: &str = "path";
/// The image itself: `struct<bytes: binary, path: utf8>`, the Hugging Face `Image` layout.
pub const IMAGE: &str = "image";
/// Class number.
pub const ID: &str = "id";
/// Class name.
pub const LABEL: &str = "label";
/// Width of the decoded, upright image.
pub const WIDTH: &str = "width";
/// Height of the decoded, upright image.
pub const HEIGHT: &str = "height";
/// BLAKE3 of the bytes that this row points to.
pub const CONTENT_HASH: &str = "content_hash";
/// BLAKE3 of the bytes that this row's image was made from.
pub const SOURCE_HASH: &str = "source_hash";
/// `train`, `validation` or `test`.
pub const SPLIT: &str = "split";
/// L2-normalised vector; null where `error` is set.
pub const EMBEDDING: &str = "embedding";
/// Why a row could not be processed; null where all is well.
pub const ERROR: &str = "error";

/// What is where in the picture; see [`boxes`](super::boxes).
pub const BOXES: &str = "boxes";
/// What the picture looks like, in 256 bits; see [`duplicates`](crate::duplicates).
pub const PERCEPTUAL_HASH: &str = "perceptual_hash";
/// The words in the picture, a line each; see `read`.
pub const TEXT: &str = "text";
/// What a footer calls the model that read such a column.
pub const OCR: &str = "ocr";
/// Why a row belongs to no split.
pub const EXCLUDED: &str = "excluded";
/// BLAKE3 of the bytes of the image that this one was drawn from, by `augment`.
pub const PARENT_HASH: &str = "parent_hash";
/// How this image was drawn from its parent: a JSON object, by `augment`.
pub const AUGMENTATION: &str = "augmentation";
/// How strongly the recipe was applied to such an image.
pub const AUGMENTATION_STRENGTH: &str = "augmentation_strength";
/// What the image shows of several classes; see [`soft_labels`](super::soft_labels).
pub const SOFT_LABELS: &str = "soft_labels";
/// Of a still: the key of its film.
pub const VIDEO_KEY: &str = "video_key";
/// Of a still: where its film is.
pub const VIDEO_PATH: &str = "video_path";
/// Of a still: its time in seconds, on the film's own clock.
pub const TIMESTAMP: &str = "timestamp";
/// Of a still: its number in the order in which frames are shown.
pub const FRAME: &str = "frame";
/// Of a still: how long its film is, in seconds.
pub const DURATION: &str = "duration";

/// When the picture was taken, on the camera's clock; this and the next are what `scan --exif` finds.
pub const TAKEN: &str = "taken";
/// How many minutes that clock was ahead of UTC.
pub const TAKEN_OFFSET: &str = "taken_offset";
/// Degrees north.
pub const LAT: &str = "lat";
/// Degrees east.
pub const LON: &str = "lon";
/// Metres above the sea.
pub const ALTITUDE: &str = "altitude";
/// Maker and model.
pub const CAMERA: &str = "camera";
/// The lens's model.
pub const LENS: &str = "lens";
/// Sensitivity.
pub const ISO: &str = "iso";
/// Seconds.
pub const EXPOSURE: &str = "exposure";
/// The f-number.
pub const F_NUMBER: &str = "f_number";
/// Millimetres.
pub const FOCAL_LENGTH: &str = "focal_length";
/// What the picture shows, in somebody's words.
pub const CAPTION: &str = "caption";
/// Words that somebody gave it.
pub const KEYWORDS: &str = "keywords";
/// Stars, -1 to 5.
pub const RATING: &str = "rating";

/// The probability of a row's own label, by a head that did not learn from the row.
pub const LABEL_SCORE: &str = "label_score";
/// In which of the parts of a table a row was when those heads were learnt.
pub const FOLD: &str = "fold";
/// The probabilities of all classes, in the order in which the footer names them.
pub const PROBABILITIES: &str = "probabilities";
/// Where the footer names the classes of [`PROBABILITIES`], as a JSON array.
pub const PROBABILITIES_CLASSES: &str = "probabilities_classes";
/// Whether a row's predictions had better not be believed.
pub const REJECTED: &str = "rejected";

/// The column of the class at this place, 1 being the best.
pub fn prediction(place: usize) -> String {
    format!("prediction_{place}")
}

/// The column of the probability of the class at this place.
pub fn score(place: usize) -> String {
    format!("score_{place}")
}

/// The columns above that hold one thing only.
pub const RESERVED: &[&str] = &[KEY, PATH, IMAGE, ID, LABEL, WIDTH, HEIGHT, CONTENT_HASH, SOURCE_HASH, SPLIT, ERROR];

/// The column that names the model of a vector column's rows.
pub fn model_column(vectors: &str) -> String {
    format!("{vectors}_model")
}

/// The footer's key for a fact about a vector column: plain for `embedding`, else with the column's name before it.
pub fn footer_key(vectors: &str, what: &str) -> String {
    if vectors == EMBEDDING { what.to_string() } else { format!("{vectors}.{what}") }
}

/// A BLAKE3 digest's type in a table.
pub const HASH_TYPE: DataType = DataType::FixedSizeBinary(32);

/// A nullable field.
pub fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// The required field `key`.
pub fn key_field() -> Field {
    Field::new(KEY, DataType::Utf8, false)
}

/// The field `image`.
pub fn image_field() -> Field {
    let fields = Fields::from(vec![field("bytes", DataType::Binary), field("path", DataType::Utf8)]);
    field(IMAGE, DataType::Struct(fields))
}

/// The field of a vector column of `dimension` numbers.
pub fn vector_field(name: &str, dimension: usize) -> Field {
    field(name, vector_type(dimension))
}

/// The type of a vector column of `dimension` numbers.
pub fn vector_type(dimension: usize) -> DataType {
    let size = i32::try_from(dimension).expect("a model's dimension fits in 31 bits");
    DataType::FixedSizeList(Arc::new(field("item", DataType::Float32)), size)
}

/// The type of a model column: a dictionary, since a table usually has one model.
pub fn model_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Whether rows of this schema may be large: they carry images, under whatever name.
pub fn is_heavy(schema: &Schema) -> bool {
    schema.fields().iter().any(|f| holds_binary(f.data_type()))
}

/// Whether there are bytes of any length in values of this type, as those of pictures are.
pub fn holds_binary(t: &DataType) -> bool {
    match t {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        DataType::Struct(fields) => fields.iter().any(|f| holds_binary(f.data_type())),
        DataType::List(f) | DataType::LargeList(f) => holds_binary(f.data_type()),
        _ => false,
    }
}

/// The schema with `field` put in the place of the field of that name, or at the end.
pub fn put_field(schema: &Schema, field: Field) -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = schema.fields().to_vec();
    match schema.index_of(field.name()) {
        Ok(at) => fields[at] = Arc::new(field),
        Err(_) => fields.push(Arc::new(field)),
    }
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The schema without the field of that name.
pub fn drop_field(schema: &Schema, name: &str) -> SchemaRef {
    let fields: Vec<Arc<Field>> = schema.fields().iter().filter(|f| f.name() != name).cloned().collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The batch laid out as `schema`: its columns come from `new` by name, else from `batch`. Rows that arrived with an
/// error keep what they had.
pub fn put(batch: &RecordBatch, schema: &SchemaRef, new: &[(&str, ArrayRef)]) -> RecordBatch {
    let failed = batch.column_by_name(ERROR).filter(|errors| errors.null_count() < errors.len());
    let failed = failed.map(|errors| BooleanArray::from_iter((0..errors.len()).map(|i| Some(errors.is_valid(i)))));
    // Columns mostly keep their places; looking each up by its name takes long where there are thousands.
    let given = batch.schema();
    let own = |at: usize, name: &str| match given.fields().get(at) {
        Some(field) if field.name() == name => Some(batch.column(at)),
        _ => batch.column_by_name(name),
    };
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(at, f)| match (new.iter().find(|(name, _)| name == f.name()), own(at, f.name()), &failed) {
            (Some((_, new)), Some(old), Some(failed)) if new.data_type() == old.data_type() => {
                arrow_select::zip::zip(failed, old, new).expect("two columns of one type and length")
            }
            (Some((_, new)), _, _) => new.clone(),
            (None, old, _) => old.expect("the schema was derived from the batch's").clone(),
        })
        .collect();
    RecordBatch::try_new(schema.clone(), columns).expect("new columns have the types and lengths of their fields")
}

/// A column of digests.
pub fn hashes(digests: &[Option<[u8; 32]>]) -> ArrayRef {
    let digests = digests.iter().map(|d| d.as_ref().map(|d| d.as_slice()));
    Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(digests, 32).expect("every digest has 32 bytes"))
}

/// The digests of a column of [`HASH_TYPE`] (or of plain binary, as DuckDB writes it back), row by row.
///
/// # Errors
/// The column holds something else than digests of 32 bytes.
pub fn read_hashes(batch: &RecordBatch, name: &str) -> Result<Vec<Option<[u8; 32]>>, Error> {
    let Some(column) = batch.column_by_name(name) else { return Ok(vec![None; batch.num_rows()]) };
    let wrong = || Error::ColumnType {
        column: name.into(),
        expected: "digests of 32 bytes",
        found: column.data_type().to_string(),
    };
    if !column.data_type().is_binary() && column.data_type() != &DataType::Null {
        return Err(wrong());
    }
    let binary = arrow_cast::cast(column, &DataType::Binary).map_err(|_| wrong())?;
    let digest = |d: Option<&[u8]>| d.map(|d| d.try_into().map_err(|_| wrong())).transpose();
    binary.as_binary::<i32>().iter().map(digest).collect()
}

/// What each picture shows, for who keeps apart what shows the same: the content of the picture that it was drawn from
/// ([`PARENT_HASH`]), else its own.
///
/// # Errors
/// As [`read_hashes`].
pub fn read_origins(batch: &RecordBatch) -> Result<Vec<Option<[u8; 32]>>, Error> {
    let parents = read_hashes(batch, PARENT_HASH)?;
    Ok(parents.into_iter().zip(read_hashes(batch, CONTENT_HASH)?).map(|(parent, own)| parent.or(own)).collect())
}

fn cast(batch: &RecordBatch, name: &str, to: &DataType, expected: &'static str) -> Result<Option<ArrayRef>, Error> {
    let Some(column) = batch.column_by_name(name) else {
        return Ok(None);
    };
    if column.data_type() == to {
        return Ok(Some(column.clone()));
    }
    let found = || Error::ColumnType { column: name.into(), expected, found: column.data_type().to_string() };
    let strict = arrow_cast::CastOptions { safe: false, ..Default::default() };
    arrow_cast::cast_with_options(column, to, &strict).map(Some).map_err(|_| found())
}

/// Whether a column of this type can be read as text.
pub fn is_text(t: &DataType) -> bool {
    match t {
        DataType::Dictionary(_, value) => is_text(value),
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null),
    }
}

/// A text column in any of Arrow's text types (plain, large, view, dictionary), or `None` where there is none.
///
/// # Errors
/// The column holds something else than text.
pub fn text(batch: &RecordBatch, name: &str) -> Result<Option<StringArray>, Error> {
    if let Some(column) = batch.column_by_name(name).filter(|column| !is_text(column.data_type())) {
        let found = column.data_type().to_string();
        return Err(Error::ColumnType { column: name.into(), expected: "text", found });
    }
    Ok(cast(batch, name, &DataType::Utf8, "text")?.map(|a| a.as_string::<i32>().clone()))
}

/// The text of row `i` of a column that may be missing, or `None` where it is null.
pub fn cell(column: Option<&StringArray>, i: usize) -> Option<&str> {
    column.filter(|column| column.is_valid(i)).map(|column| column.value(i))
}

/// An integer column of any width as 32 bits, or `None` where there is none. Whole floating-point numbers, which is
/// what pandas makes of integers beside nulls, are taken too.
///
/// # Errors
/// The column is not numeric, or a number does not fit.
pub fn ints(batch: &RecordBatch, name: &str) -> Result<Option<Int32Array>, Error> {
    if let Some(column) = batch.column_by_name(name)
        && !(column.data_type().is_numeric() || column.data_type() == &DataType::Null)
    {
        let found = column.data_type().to_string();
        return Err(Error::ColumnType { column: name.into(), expected: "whole numbers", found });
    }
    if let Some(numbers) = batch.column_by_name(name).filter(|c| c.data_type().is_floating()) {
        let numbers = arrow_cast::cast(numbers, &DataType::Float64).ok();
        let whole = numbers.is_none_or(|n| n.as_primitive::<Float64Type>().iter().flatten().all(|x| x.fract() == 0.0));
        if !whole {
            return Err(Error::ColumnType {
                column: name.into(),
                expected: "whole numbers",
                found: "fractions".into(),
            });
        }
    }
    Ok(cast(batch, name, &DataType::Int32, "whole numbers")?
        .map(|a| a.as_primitive::<arrow_array::types::Int32Type>().clone()))
}

/// When pictures were taken ([`TAKEN`]): microseconds on the camera's clock, `None` where nothing says so in points in time.
pub fn taken(batch: &RecordBatch) -> Option<TimestampMicrosecondArray> {
    let column = batch.column_by_name(TAKEN).filter(|column| matches!(column.data_type(), DataType::Timestamp(..)))?;
    let micros = arrow_cast::cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).ok()?;
    Some(micros.as_primitive::<TimestampMicrosecondType>().clone())
}

/// A vector column of a batch: `float32` rows of one length.
pub struct Vectors {
    values: Float32Array,
    spans: Spans,
    /// Numbers a row; 0 where every row is null.
    pub dimension: usize,
}

pub(super) enum Spans {
    Fixed(arrow_array::FixedSizeListArray),
    Offsets(Vec<Option<(usize, usize)>>),
}

impl Vectors {
    /// Where each row's numbers are.
    pub(super) fn spans(&self) -> &Spans {
        &self.spans
    }

    /// The numbers of all rows, and maybe others.
    pub(super) fn numbers(&self) -> &[f32] {
        self.values.values()
    }

    /// The vector of row `i`, or `None` where it is null.
    pub fn get(&self, i: usize) -> Option<&[f32]> {
        match &self.spans {
            Spans::Fixed(list) => list.is_valid(i).then(|| {
                let start = list.value_offset_at(i);
                &self.values.values()[start..start + self.dimension]
            }),
            Spans::Offsets(spans) => spans[i].map(|(start, end)| &self.values.values()[start..end]),
        }
    }
}

/// Where in a column's numbers a row's begin and end; `None` where the row is null.
type Span = Option<(usize, usize)>;

/// The numbers of a column of vectors, and where in them each row's are: lists, lists of lists (`datasets` writes its
/// Array2D so), and structs of `data` and `shape` (Daft's tensors).
fn spans(column: &ArrayRef) -> Option<(ArrayRef, Vec<Span>)> {
    let inside = |values: &ArrayRef, rows: Vec<Option<(usize, usize)>>| match values.data_type() {
        t if t.is_list() => {
            let (leaf, inner) = spans(values)?;
            let row = |(start, end): (usize, usize)| {
                let parts = inner.get(start..end)?.iter().copied().collect::<Option<Vec<_>>>()?;
                let joined = parts.windows(2).all(|pair| pair[0].1 == pair[1].0);
                joined.then(|| parts.first().zip(parts.last()).map_or((0, 0), |(first, last)| (first.0, last.1)))
            };
            Some((leaf, rows.into_iter().map(|span| span.and_then(row)).collect()))
        }
        _ => Some((values.clone(), rows)),
    };
    let valid = |i: usize, span: (usize, usize)| column.is_valid(i).then_some(span);
    match column.data_type() {
        DataType::Struct(_) => {
            let (leaf, rows) = spans(column.as_struct().column_by_name("data")?)?;
            Some((leaf, rows.into_iter().enumerate().map(|(i, span)| span.and_then(|span| valid(i, span))).collect()))
        }
        DataType::FixedSizeList(_, size) => {
            let (list, size) = (column.as_fixed_size_list(), usize::try_from(*size).ok()?);
            let start = |i: usize| list.value_offset_at(i);
            inside(list.values(), (0..list.len()).map(|i| valid(i, (start(i), start(i) + size))).collect())
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            let at = |i: usize| list.value_offsets()[i] as usize;
            inside(list.values(), (0..list.len()).map(|i| valid(i, (at(i), at(i + 1)))).collect())
        }
        other if other.is_list() => spans(&types::conform(column, &types::plain(other)?).ok()?),
        _ => None,
    }
}

/// The vectors of a column of lists of any float or integer type, also in Daft's and `datasets`' tensors.
///
/// # Errors
/// The column is missing or of another type, or its rows differ in length.
pub fn vectors(batch: &RecordBatch, name: &str, table: &str) -> Result<Vectors, Error> {
    let column = batch.column_by_name(name).ok_or_else(|| missing(&batch.schema(), name, table))?;
    let rows = batch.num_rows();
    let wrong = || {
        let found = column.data_type().to_string();
        Error::ColumnType { column: name.into(), expected: "a list of numbers", found }
    };
    let numbers = |values: &ArrayRef| -> Result<Float32Array, Error> {
        if values.data_type() == &DataType::Null {
            return Ok(Float32Array::from(vec![f32::NAN; values.len()]));
        }
        if !values.data_type().is_numeric() {
            return Err(wrong());
        }
        let cast = arrow_cast::cast(values, &DataType::Float32).map_err(|_| wrong())?;
        let numbers = cast.as_primitive::<Float32Type>();
        if numbers.null_count() == 0 {
            return Ok(numbers.clone());
        }
        // A missing number inside a vector is what pandas makes of NaN: it is no number, not whatever lies there.
        Ok(Float32Array::from_iter_values(numbers.iter().map(|x| x.unwrap_or(f32::NAN))))
    };
    if column.data_type() == &DataType::Null {
        return Ok(Vectors {
            values: Float32Array::from(Vec::<f32>::new()),
            spans: Spans::Offsets(vec![None; rows]),
            dimension: 0,
        });
    }
    if let Some(list) = column.as_fixed_size_list_opt().filter(|list| !list.values().data_type().is_list()) {
        let dimension = usize::try_from(list.value_length()).map_err(|_| wrong())?;
        return Ok(Vectors { values: numbers(list.values())?, spans: Spans::Fixed(list.clone()), dimension });
    }
    let (values, spans) = spans(column).ok_or_else(wrong)?;
    let mut lengths = spans.iter().flatten().map(|(start, end)| end - start);
    let dimension = lengths.next().unwrap_or(0);
    match lengths.find(|&other| other != dimension) {
        Some(other) => Err(Error::RaggedVectors { column: name.into(), first: dimension, other }),
        None => Ok(Vectors { values: numbers(&values)?, spans: Spans::Offsets(spans), dimension }),
    }
}

/// The error for a column that is not there, naming those that are.
pub fn missing(schema: &Schema, column: &str, table: &str) -> Error {
    let columns = schema.fields().iter().map(|f| f.name().clone()).collect();
    Error::MissingColumn { name: table.into(), column: column.into(), columns }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drawn_from_a_picture_shows_what_that_shows() {
        let columns =
            [(CONTENT_HASH, [Some([1; 32]), Some([2; 32]), None]), (PARENT_HASH, [None, Some([1; 32]), None])];
        let columns = columns.map(|(name, digests)| (name, hashes(&digests), true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
        assert_eq!(read_origins(&batch).expect("digests"), [Some([1; 32]), Some([1; 32]), None]);
    }
}
