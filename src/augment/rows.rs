//! The rows that `augment` writes: those it read, and after each the copies that were drawn from it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, RecordBatch, StringArray, StructArray, UInt32Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::table::boxes::{self, Bounds, Boxes};
use crate::table::column::{self, hashes, read_hashes};
use crate::table::soft_labels::{self, SoftLabel, SoftLabels};
use crate::table::{Error, Images};

/// A copy, as a row.
pub(super) struct New {
    pub key: String,
    /// Its file, or its bytes where it has none.
    pub path: Option<String>,
    pub bytes: Option<Vec<u8>>,
    pub content: [u8; 32],
    pub parent: [u8; 32],
    pub facts: Facts,
}

/// What the row of a copy says beside its name, its place and its digests: what a run that is killed notes of it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Facts {
    pub width: u32,
    pub height: u32,
    /// What was drawn, as JSON.
    pub augmentation: String,
    /// How strongly the recipe was applied.
    pub strength: f32,
    pub boxes: Option<Vec<Bounds>>,
    /// What it shows, where it is a mixture.
    pub labels: Option<Vec<SoftLabel>>,
}

/// What copies have columns for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    /// They lie in files, and not in the table itself.
    pub in_files: bool,
    /// They may be mixtures.
    pub soft_labels: bool,
    /// The recipe is not applied as it is.
    pub strength: bool,
}

/// The table's columns, and those that copies need.
pub(super) fn schema(input: &Schema, columns: Columns) -> SchemaRef {
    let Columns { in_files, soft_labels, strength } = columns;
    let place = if in_files { column::field(column::PATH, DataType::Utf8) } else { column::image_field() };
    let known = [
        column::key_field(),
        place,
        column::field(column::WIDTH, DataType::UInt32),
        column::field(column::HEIGHT, DataType::UInt32),
        column::field(column::CONTENT_HASH, column::HASH_TYPE),
        column::field(column::PARENT_HASH, column::HASH_TYPE),
        column::field(column::AUGMENTATION, DataType::Utf8),
        column::field(column::ERROR, DataType::Utf8),
    ];
    let more = [
        soft_labels.then(soft_labels::field),
        strength.then(|| column::field(column::AUGMENTATION_STRENGTH, DataType::Float32)),
    ];
    let known = known.into_iter().chain(more.into_iter().flatten());
    let mut schema = known.fold(Arc::new(input.clone()), |schema, field| column::put_field(&schema, field));
    for field in [
        column::field(column::PATH, DataType::Utf8),
        column::image_field(),
        column::field(column::SOURCE_HASH, column::HASH_TYPE),
        boxes::field(),
        soft_labels::field(),
        column::field(column::AUGMENTATION_STRENGTH, DataType::Float32),
    ] {
        if schema.index_of(field.name()).is_ok() {
            schema = column::put_field(&schema, field);
        }
    }
    let describes: Vec<Arc<Field>> =
        schema.fields().iter().filter(|field| describes(field, &schema)).cloned().collect();
    describes
        .into_iter()
        .fold(schema, |schema, field| column::put_field(&schema, field.as_ref().clone().with_nullable(true)))
}

/// Whether a column says what a picture looks like, which is not true of its copies: vectors, hashes, predictions.
fn describes(field: &Field, schema: &Schema) -> bool {
    let is_vector = |field: &Field| match field.data_type() {
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item) => {
            item.data_type().is_floating()
        }
        _ => false,
    };
    let name = field.name().as_str();
    let numbered = |prefix: &str| name.strip_prefix(prefix).is_some_and(|end| end.parse::<u32>().is_ok());
    let of_a_vector = |vectors: &str| schema.field_with_name(vectors).is_ok_and(is_vector);
    is_vector(field)
        || name.strip_suffix("_model").is_some_and(of_a_vector)
        || [column::PERCEPTUAL_HASH, column::REJECTED].contains(&name)
        || numbered("prediction_")
        || numbered("score_")
}

/// The rows of a batch (where `keep`), and after them the copies of its only row, laid out as `schema`. `problem` says
/// why there are none.
pub(super) fn assemble(
    batch: &RecordBatch,
    keep: bool,
    problem: Option<&str>,
    new: &[New],
    schema: &SchemaRef,
) -> Result<RecordBatch, Error> {
    let old = if keep { batch.num_rows() } else { 0 };
    let rows: UInt32Array = (0..old as u32).chain(new.iter().map(|_| 0)).collect();
    let is_new = BooleanArray::from_iter((0..rows.len()).map(|row| Some(row >= old)));
    let column = |field: &Arc<Field>| -> Result<ArrayRef, Error> {
        let name = field.name().as_str();
        let own = batch.column_by_name(name);
        if let Some(own) = own.filter(|own| new.is_empty() && own.data_type() == field.data_type()) {
            let is_changed = problem.is_some() && name == column::ERROR;
            if !is_changed {
                return Ok(own.slice(0, old));
            }
        }
        Ok(match name {
            column::KEY => text(batch, name, old, new, |new| Some(&new.key))?,
            column::PATH => text(batch, name, old, new, |new| new.path.as_deref())?,
            column::AUGMENTATION => text(batch, name, old, new, |new| Some(&new.facts.augmentation))?,
            column::ERROR => match problem {
                Some(problem) => Arc::new(StringArray::from(vec![Some(problem); old])),
                None => text(batch, name, old, new, |_| None)?,
            },
            column::WIDTH => side(own, old, new, |new| new.facts.width),
            column::HEIGHT => side(own, old, new, |new| new.facts.height),
            column::CONTENT_HASH => digests(batch, name, old, new, |new| new.content)?,
            column::PARENT_HASH | column::SOURCE_HASH => digests(batch, name, old, new, |new| new.parent)?,
            column::IMAGE => images(batch, old, new)?,
            column::BOXES => {
                let own = Boxes::of(batch)?;
                let own = (0..old).map(|row| own.as_ref().and_then(|boxes| boxes.get(row)));
                let all: Vec<Option<Vec<Bounds>>> = own.chain(new.iter().map(|new| new.facts.boxes.clone())).collect();
                boxes::array(all.iter().map(|boxes| boxes.as_deref()))
            }
            // A copy that is no mixture shows what its parent does.
            column::SOFT_LABELS => {
                let own = SoftLabels::of(batch)?;
                let of = |row: usize| own.as_ref().and_then(|soft| soft.get(row));
                let copies = new.iter().map(|new| new.facts.labels.clone().or_else(|| of(0)));
                let all: Vec<Option<Vec<SoftLabel>>> = (0..old).map(of).chain(copies).collect();
                soft_labels::array(all.iter().map(|soft| soft.as_deref()))
            }
            column::AUGMENTATION_STRENGTH => {
                let own = own.and_then(|own| arrow_cast::cast(own, &DataType::Float32).ok());
                let own = own.as_ref().map(|own| own.as_primitive::<Float32Type>());
                let own = (0..old).map(|row| own.filter(|own| own.is_valid(row)).map(|own| own.value(row)));
                Arc::new(own.chain(new.iter().map(|new| Some(new.facts.strength))).collect::<Float32Array>())
            }
            _ => {
                let own = own.expect("the schema was made from the table's");
                let taken = arrow_select::take::take(own, &rows, None).expect("the rows are those of the batch");
                match describes(field, schema) {
                    true => arrow_select::nullif::nullif(&taken, &is_new).expect("one answer a row"),
                    false => taken,
                }
            }
        })
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(schema.clone(), columns).expect("columns of the schema's types, of one length"))
}

fn text(
    batch: &RecordBatch,
    name: &str,
    old: usize,
    new: &[New],
    of: impl Fn(&New) -> Option<&str>,
) -> Result<ArrayRef, Error> {
    let own = column::text(batch, name)?;
    let own = (0..old).map(|row| own.as_ref().filter(|own| own.is_valid(row)).map(|own| own.value(row)));
    Ok(Arc::new(own.chain(new.iter().map(of)).collect::<StringArray>()))
}

fn side(own: Option<&ArrayRef>, old: usize, new: &[New], of: impl Fn(&New) -> u32) -> ArrayRef {
    let own = own.and_then(|own| arrow_cast::cast(own, &DataType::UInt32).ok());
    let own = own.as_ref().map(|own| own.as_primitive::<UInt32Type>());
    let own = (0..old).map(|row| own.filter(|own| own.is_valid(row)).map(|own| own.value(row)));
    Arc::new(own.chain(new.iter().map(|new| Some(of(new)))).collect::<UInt32Array>())
}

fn digests(
    batch: &RecordBatch,
    name: &str,
    old: usize,
    new: &[New],
    of: impl Fn(&New) -> [u8; 32],
) -> Result<ArrayRef, Error> {
    let mut all = read_hashes(batch, name)?;
    all.truncate(old);
    all.extend(new.iter().map(|new| Some(of(new))));
    Ok(hashes(&all))
}

/// The column `image`, which only rows have whose picture is in the table.
fn images(batch: &RecordBatch, old: usize, new: &[New]) -> Result<ArrayRef, Error> {
    let own = Images::of(batch)?;
    let names =
        batch.column_by_name(column::IMAGE).and_then(|image| image.as_struct_opt()?.column_by_name("path").cloned());
    let names = names.and_then(|names| arrow_cast::cast(&names, &DataType::Utf8).ok());
    let names = names.as_ref().map(|names| names.as_string::<i32>());
    let name = |row: usize| names.filter(|names| names.is_valid(row)).map(|names| names.value(row));
    let bytes: BinaryArray =
        (0..old).map(|row| own.bytes(row)).chain(new.iter().map(|new| new.bytes.as_deref())).collect();
    let of_new = new.iter().map(|new| new.bytes.as_ref().map(|_| new.key.as_str()));
    let names: StringArray = (0..old).map(name).chain(of_new).collect();
    let valid = NullBuffer::from_iter((0..bytes.len()).map(|row| bytes.is_valid(row) || names.is_valid(row)));
    let DataType::Struct(fields) = column::image_field().data_type().clone() else { unreachable!("it is a struct") };
    Ok(Arc::new(StructArray::new(fields, vec![Arc::new(bytes), Arc::new(names)], Some(valid))))
}
