//! One dialect for the tables of all programs.
//!
//! Hides: that text is `string`, `large_string`, `string_view` or a dictionary; that DuckDB calls a column required where it
//! holds no null, and Polars calls one an Enum; that `datasets` writes classes as numbers and keeps their names in the
//! footer; that a column may have a type which no other program reads. Promises: behind it there is one type for each kind
//! of values, so that no stage can differ from another in what it accepts; a column of this program's names has the type
//! of the contract, or another name (`meta_label`); what cannot be read is passed over, and said.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, FixedSizeListArray, ListArray, RecordBatch, RecordBatchOptions, StringArray,
    StructArray, UInt32Array, new_null_array,
};
use arrow_buffer::NullBuffer;
use arrow_cast::CastOptions;
use arrow_schema::{ArrowError, DataType, Field, Fields, Metadata, Schema, SchemaRef, TimeUnit};

use super::dataset::FOLDER;
use super::{Error, Provenance, column, wide};
use crate::{io, notes};

/// How batches of a table are put into the dialect.
pub struct Reading {
    pub schema: SchemaRef,
    name: String,
    columns: Vec<Column>,
    anchor: Option<Anchor>,
    /// Cells that cannot be what their column is for, by column.
    lost: BTreeMap<String, u64>,
    row: u64,
}

struct Column {
    /// Its place in the table as it came.
    at: usize,
    change: Change,
    field: Arc<Field>,
}

/// What is done to a column.
enum Change {
    /// Nothing but its type, by value.
    Type,
    /// Numbers and truths become text; those of a class its name.
    Text(Option<Vec<Option<String>>>),
    /// Numbers that do not fit, and bytes of another length, become null.
    Fitting,
    /// Bytes, or the path of a file, become an image.
    Bytes,
    Path,
    /// Whole numbers of 128 bits.
    Wide,
    /// There is none: a path for the images that are files, since stages drop images.
    New,
}

/// The dialect's reading of a schema, and what its footer says of where the table came from.
pub fn of(name: &str, raw: &Schema, anchor: Option<Anchor>) -> (Reading, Provenance) {
    let is_ours = |key: &str| key.strip_prefix("pokedex.").is_some_and(|key| key != FOLDER);
    let ours = raw.metadata().iter().filter(|(key, _)| is_ours(key));
    let provenance = Provenance(ours.map(|(key, value)| (key.clone(), value.clone())).collect());
    let classes = classes(raw.metadata());
    let mut columns: Vec<Column> = Vec::new();
    let (mut passed_over, mut renamed) = (Vec::new(), Vec::new());
    for (at, field) in raw.fields().iter().enumerate() {
        let own = field.name().as_str();
        if let Some(to) = wide::of(field) {
            columns.push(Column { at, change: Change::Wide, field: Arc::new(column::field(own, to)) });
            continue;
        }
        let Some(plain) = plain(field.data_type()) else {
            passed_over.push(format!("{own} ({})", field.data_type()));
            continue;
        };
        let has = |name: &str| raw.index_of(name).is_ok();
        let (change, to, called) = match known(own, field.data_type(), &plain, &has) {
            Known::Is(change, to) => (change, to, own.to_string()),
            Known::Not => {
                let called = (1..).map(|n| if n == 1 { format!("meta_{own}") } else { format!("meta_{own}_{n}") });
                let called = called.into_iter().find(|name| !has(name)).expect("one of endlessly many names is free");
                renamed.push(format!("{own} ({})", field.data_type()));
                (Change::Type, plain, called)
            }
        };
        let (change, to) = match (change, dimension(&provenance, own)) {
            // Numbers of classes that a model gave are those of the rows' own classes.
            (Change::Text(None), _) => {
                let others = || classes.get(column::LABEL).filter(|_| is_prediction(own));
                (Change::Text(classes.get(own).or_else(others).cloned()), to)
            }
            // A list of known length, in a table in which a vector is missing; see `write.rs`.
            (Change::Type, Some(size)) => (Change::Type, vector(&to, size).unwrap_or(to)),
            (change, _) => (change, to),
        };
        // What else is known of a column of somebody else's stays with it; but lists that another program calls tensors are
        // lists to all others.
        let same = to == *field.data_type() && matches!(change, Change::Type) && !column::RESERVED.contains(&own);
        let metadata = if same && !to.is_list() { field.metadata().clone() } else { Metadata::default() };
        let field = Field::new(called, to, own != column::KEY).with_metadata(metadata);
        columns.push(Column { at, change, field: Arc::new(field) });
    }
    if columns.iter().any(|column| column.field.name() == column::IMAGE) && raw.index_of(column::PATH).is_err() {
        let field = Arc::new(column::field(column::PATH, DataType::Utf8));
        columns.push(Column { at: 0, change: Change::New, field });
    }
    say_once(name, "passed over", &passed_over, |what| {
        format!("passed over the column {what}, which no other program reads")
    });
    say_once(name, "renamed", &renamed, |what| format!("{what} is not what that name stands for: read as meta_…"));
    let fields: Vec<Arc<Field>> = columns.iter().map(|column| column.field.clone()).collect();
    let schema = Arc::new(Schema::new(fields));
    let reading = Reading { schema, name: name.into(), columns, anchor, lost: BTreeMap::new(), row: 0 };
    (reading, provenance)
}

fn is_prediction(column: &str) -> bool {
    column.strip_prefix("prediction_").is_some_and(|place| place.parse::<u32>().is_ok())
}

fn say_once(name: &str, what: &str, columns: &[String], line: impl FnOnce(String) -> String) {
    if !columns.is_empty() {
        notes::say(&format!("{name} {what}"), format!("{name}: {}", line(columns.join(", "))));
    }
}

impl Reading {
    /// A batch of the table in the dialect.
    pub fn put(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            if matches!(column.change, Change::New) {
                columns.push(new_null_array(&DataType::Utf8, batch.num_rows()));
                continue;
            }
            let (raw, to) = (batch.column(column.at), column.field.data_type());
            let fail = |source| Error::Arrow { name: self.name.clone(), source };
            let array = match &column.change {
                Change::Type => match (to, raw.data_type()) {
                    (DataType::FixedSizeList(item, size), DataType::List(_) | DataType::LargeList(_)) => fixed(
                        &conform(raw, &DataType::List(item.clone())).map_err(fail)?,
                        item,
                        *size,
                        column.field.name(),
                    )?,
                    _ => conform(raw, to).map_err(fail)?,
                },
                Change::Text(names) => text(raw, names.as_deref()).map_err(fail)?,
                Change::Fitting => {
                    let array = fitting(raw, to).map_err(fail)?;
                    let lost = array.null_count().saturating_sub(raw.logical_null_count()) as u64;
                    if lost > 0 {
                        let name = column.field.name();
                        let count = self.lost.entry(name.clone()).or_default();
                        *count += lost;
                        let what = match to {
                            DataType::FixedSizeBinary(_) => "digests of 32 bytes",
                            _ => "whole numbers that fit",
                        };
                        let line =
                            format!("{}: {count} cells of the column {name} are no {what}: read as null", self.name);
                        notes::say(&format!("{} {name} lost", self.name), line);
                    }
                    array
                }
                Change::Bytes => image(Some(conform(raw, &DataType::Binary).map_err(fail)?), None),
                Change::Path => image(None, Some(conform(raw, &DataType::Utf8).map_err(fail)?)),
                Change::Wide => wide::numbers(raw).map_err(fail)?,
                Change::New => unreachable!("it was made above"),
            };
            columns.push(array);
        }
        if let Some(key) = self.columns.iter().position(|column| column.field.name() == column::KEY)
            && columns[key].null_count() > 0
            && let Some(i) = (0..columns[key].len()).find(|&i| columns[key].is_null(i))
        {
            return Err(Error::NullKey { name: self.name.clone(), row: self.row + i as u64 });
        }
        let at = |name: &str| self.schema.index_of(name).ok();
        if let (Some(image), Some(path)) = (at(column::IMAGE), at(column::PATH)) {
            columns[path] = paths_of(&columns[image], &columns[path]);
        }
        if let Some(anchor) = &mut self.anchor {
            anchor.put(&self.name, &self.schema, &mut columns);
        }
        self.row += batch.num_rows() as u64;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|source| Error::Arrow { name: self.name.clone(), source })
    }
}

/// What a column is, by its name.
enum Known {
    Is(Change, DataType),
    /// Something else under a name of this program's.
    Not,
}

fn known(name: &str, raw: &DataType, plain: &DataType, has: &dyn Fn(&str) -> bool) -> Known {
    use column as c;
    let value = match plain {
        DataType::Dictionary(_, value) => value,
        other => other,
    };
    let (text, number) = (matches!(value, DataType::Utf8), value.is_numeric());
    let nothing = matches!(value, DataType::Null);
    let bytes = matches!(value, DataType::Binary);
    let is = |holds: bool, change: Change, to: DataType| if holds { Known::Is(change, to) } else { Known::Not };
    let kept = |holds: bool| is(holds, Change::Type, plain.clone());
    let companion = |name: &str| name.strip_suffix("_model").is_some_and(has);
    match name {
        c::KEY | c::LABEL | c::SPLIT => {
            is(text || number || nothing || matches!(value, DataType::Boolean), Change::Text(None), DataType::Utf8)
        }
        c::PATH | c::ERROR | c::EXCLUDED | c::AUGMENTATION => is(text || nothing, Change::Type, DataType::Utf8),
        c::ID => is(number || nothing, Change::Fitting, DataType::Int32),
        c::WIDTH | c::HEIGHT => is(number || nothing, Change::Fitting, DataType::UInt32),
        c::CONTENT_HASH | c::SOURCE_HASH | c::PARENT_HASH | c::PERCEPTUAL_HASH => {
            is(bytes || nothing || *plain == c::HASH_TYPE, Change::Fitting, c::HASH_TYPE)
        }
        // Who reads it says what is wrong with it: taken for another column, it would let rejected rows through.
        c::REJECTED => kept(true),
        c::IMAGE => {
            let to = c::image_field().data_type().clone();
            match raw {
                DataType::Struct(fields) if fields.iter().any(|f| f.name() == "bytes") => {
                    is(holds_image(fields), Change::Type, to)
                }
                DataType::Struct(fields) => is(holds_image(fields) && fields.len() == 1, Change::Type, to),
                _ if bytes => Known::Is(Change::Bytes, to),
                // Where there is a column of paths, a text of that name may be anything.
                _ if text => is(!has(c::PATH), Change::Path, to),
                _ => is(nothing, Change::Type, to),
            }
        }
        c::BOXES => {
            let sides = |fields: &Fields| {
                ["x1", "y1", "x2", "y2"]
                    .iter()
                    .all(|side| fields.find(side).is_some_and(|(_, f)| f.data_type().is_numeric()))
            };
            kept(
                nothing
                    || matches!(plain, DataType::List(item) if matches!(item.data_type(), DataType::Struct(fields) if sides(fields))),
            )
        }
        _ if is_prediction(name) => match text || number || nothing || matches!(value, DataType::Boolean) {
            true => Known::Is(Change::Text(None), DataType::Utf8),
            false => kept(true),
        },
        // A table has few models: the column costs almost nothing as a dictionary.
        _ if (text || nothing) && companion(name) => Known::Is(Change::Type, c::model_type()),
        _ => kept(true),
    }
}

/// Whether a struct is an image: bytes, or the path of a file, or both.
fn holds_image(fields: &Fields) -> bool {
    let fits = |name: &str, fits: fn(&DataType) -> bool| {
        fields
            .find(name)
            .is_none_or(|(_, field)| plain(field.data_type()).is_some_and(|t| t == DataType::Null || fits(&t)))
    };
    let is_text =
        |t: &DataType| matches!(t, DataType::Utf8) || matches!(t, DataType::Dictionary(_, v) if **v == DataType::Utf8);
    fields.iter().any(|field| ["bytes", "path"].contains(&field.name().as_str()))
        && fits("bytes", |t| matches!(t, DataType::Binary))
        && fits("path", is_text)
}

/// The dialect's type for values of a type; `None` where no program but its own reads them.
pub fn plain(t: &DataType) -> Option<DataType> {
    use DataType as T;
    Some(match t {
        T::Dictionary(_, value) => match plain(value)? {
            T::Utf8 => T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8)),
            value => value,
        },
        other => plain_inside(other)?,
    })
}

/// As [`plain`], where dictionaries have no place.
fn plain_inside(t: &DataType) -> Option<DataType> {
    use DataType as T;
    let item = |field: &Field| Some(Arc::new(Field::new("item", plain_inside(field.data_type())?, true)));
    Some(match t {
        T::Utf8 | T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Binary | T::LargeBinary | T::BinaryView => T::Binary,
        T::Dictionary(_, value) => plain_inside(value)?,
        T::RunEndEncoded(_, values) => plain_inside(values.data_type())?,
        T::List(field) | T::LargeList(field) | T::ListView(field) | T::LargeListView(field) => T::List(item(field)?),
        T::FixedSizeList(field, size) => T::FixedSizeList(item(field)?, *size),
        T::Struct(fields) if !fields.is_empty() => {
            let plain = |f: &Arc<Field>| Some(Field::new(f.name(), plain_inside(f.data_type())?, true));
            T::Struct(fields.iter().map(plain).collect::<Option<Vec<_>>>()?.into())
        }
        T::Map(entries, _) => match entries.data_type() {
            T::Struct(pair) if pair.iter().all(|f| plain_inside(f.data_type()).as_ref() == Some(f.data_type())) => {
                t.clone()
            }
            _ => T::List(item(entries)?),
        },
        T::Decimal32(precision, scale) | T::Decimal64(precision, scale) => T::Decimal128(*precision, *scale),
        T::Interval(_) => T::Utf8,
        T::Union(..) | T::Struct(_) => return None,
        other => other.clone(),
    })
}

/// The dimension that the footer gives a vector column.
fn dimension(provenance: &Provenance, name: &str) -> Option<i32> {
    provenance.get(&column::footer_key(name, "dimension"))?.parse().ok().filter(|&size| size > 0)
}

fn vector(list: &DataType, size: i32) -> Option<DataType> {
    match list {
        DataType::List(item) if item.data_type().is_floating() => Some(DataType::FixedSizeList(item.clone(), size)),
        _ => None,
    }
}

/// A list of vectors of one length as one of fixed size.
fn fixed(lists: &ArrayRef, item: &Arc<Field>, size: i32, name: &str) -> Result<ArrayRef, Error> {
    let (lists, width) = (lists.as_list::<i32>(), size as usize);
    let offsets = lists.value_offsets();
    let mut rows: Vec<Option<u32>> = Vec::with_capacity(lists.len() * width);
    for i in 0..lists.len() {
        let (start, end) = (offsets[i] as usize, offsets[i + 1] as usize);
        match lists.is_valid(i) {
            true if end - start != width => {
                return Err(Error::RaggedVectors { column: name.into(), first: width, other: end - start });
            }
            true => rows.extend((start..end).map(|at| Some(at as u32))),
            false => rows.extend(std::iter::repeat_n(None, width)),
        }
    }
    let values =
        arrow_select::take::take(lists.values(), &UInt32Array::from(rows), None).expect("numbers inside of the list");
    Ok(Arc::new(FixedSizeListArray::new(item.clone(), size, values, lists.nulls().cloned())))
}

const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };

/// The values under another type.
pub fn conform(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType as T;
    if array.data_type() == to {
        return Ok(array.clone());
    }
    Ok(match (array.data_type(), to) {
        (T::Null, _) => new_null_array(to, array.len()),
        (T::Struct(_), T::Struct(fields)) => {
            let own = array.as_struct();
            let column = |field: &Arc<Field>| match own.column_by_name(field.name()) {
                Some(column) => conform(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), array.len())),
            };
            let columns = fields.iter().map(column).collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, own.nulls().cloned(), own.len())?)
        }
        (T::FixedSizeList(_, size), T::FixedSizeList(item, other)) if size == other => {
            let own = array.as_fixed_size_list();
            let values = conform(own.values(), item.data_type())?;
            Arc::new(FixedSizeListArray::try_new_with_length(
                item.clone(),
                *size,
                values,
                own.nulls().cloned(),
                own.len(),
            )?)
        }
        (T::Map(..), T::List(item)) => {
            let own = array.as_map();
            let values = conform(&(Arc::new(own.entries().clone()) as ArrayRef), item.data_type())?;
            Arc::new(ListArray::try_new(item.clone(), own.offsets().clone(), values, own.nulls().cloned())?)
        }
        (
            T::List(own) | T::LargeList(own) | T::ListView(own) | T::LargeListView(own) | T::FixedSizeList(own, _),
            T::List(item),
        ) => {
            let lists = arrow_cast::cast_with_options(array, &T::List(own.clone()), &STRICT)?;
            let lists = lists.as_list::<i32>();
            let values = conform(lists.values(), item.data_type())?;
            Arc::new(ListArray::try_new(item.clone(), lists.offsets().clone(), values, lists.nulls().cloned())?)
        }
        (T::RunEndEncoded(_, values), _) => {
            let array = arrow_cast::cast_with_options(array, values.data_type(), &STRICT)?;
            conform(&array, to)?
        }
        (T::Dictionary(_, value), to) if !matches!(to, T::Dictionary(..)) && value.as_ref() != to => {
            let array = arrow_cast::cast_with_options(array, value, &STRICT)?;
            conform(&array, to)?
        }
        (T::Int64 | T::UInt64, T::Float64) => {
            let numbers = arrow_cast::cast_with_options(array, to, &STRICT)?;
            let exact = |x: f64| x.abs() <= 9_007_199_254_740_992.0;
            if !numbers.as_primitive::<Float64Type>().iter().flatten().all(exact) {
                return Err(ArrowError::CastError("a whole number is too large to stand among fractions".into()));
            }
            numbers
        }
        (T::LargeUtf8 | T::LargeBinary, _) => arrow_cast::cast_with_options(&near(array), to, &STRICT)?,
        _ => arrow_cast::cast_with_options(array, to, &STRICT)?,
    })
}

/// Long offsets that fit into short ones: those of a slice count from the beginning of what it is a slice of.
fn near(array: &ArrayRef) -> ArrayRef {
    let last = match array.data_type() {
        DataType::LargeUtf8 => array.as_string::<i64>().value_offsets().last().copied(),
        _ => array.as_binary::<i64>().value_offsets().last().copied(),
    };
    if last.is_none_or(|last| i32::try_from(last).is_ok()) {
        return array.clone();
    }
    let rows = UInt32Array::from_iter_values(0..array.len() as u32);
    arrow_select::take::take(array, &rows, None).expect("its own rows")
}

/// Numbers, truths and text as text, as a person writes them: whole numbers without a point. Numbers of classes become
/// their names; -1 is no class.
fn text(array: &ArrayRef, names: Option<&[Option<String>]>) -> Result<ArrayRef, ArrowError> {
    let value = plain_inside(array.data_type()).unwrap_or(DataType::Utf8);
    let array = conform(array, &value)?;
    let whole = match &value {
        t if t.is_integer() => true,
        // What pandas makes of whole numbers beside nulls.
        t if t.is_floating() => {
            let numbers = arrow_cast::cast(&array, &DataType::Float64)?;
            let whole = |x: f64| x.fract() == 0.0 && x.abs() < 9e15;
            let texts = numbers.as_primitive::<Float64Type>().iter().map(|x| {
                x.filter(|x| !x.is_nan()).map(|x| if whole(x) { (x as i64).to_string() } else { x.to_string() })
            });
            let short: Vec<Option<String>> = match value {
                // The shortest text that is the number in its own precision.
                DataType::Float32 => {
                    let own = array.as_primitive::<arrow_array::types::Float32Type>();
                    texts
                        .zip(own)
                        .map(|(text, own)| {
                            text.map(|text| if text.contains('.') { own.unwrap_or_default().to_string() } else { text })
                        })
                        .collect()
                }
                _ => texts.collect(),
            };
            return Ok(match names {
                Some(names) => {
                    Arc::new(short.iter().map(|text| class(text.as_deref()?, names)).collect::<StringArray>())
                }
                None => Arc::new(StringArray::from(short)),
            });
        }
        _ => false,
    };
    match names.filter(|_| whole) {
        Some(names) => {
            let numbers = arrow_cast::cast_with_options(&array, &DataType::Int64, &STRICT)?;
            let numbers = numbers.as_primitive::<Int64Type>().iter();
            Ok(Arc::new(numbers.map(|number| class(&number?.to_string(), names)).collect::<StringArray>()))
        }
        None => arrow_cast::cast_with_options(&array, &DataType::Utf8, &STRICT),
    }
}

fn class(number: &str, names: &[Option<String>]) -> Option<String> {
    match number.parse::<usize>() {
        Ok(place) => Some(names.get(place).cloned().flatten().unwrap_or_else(|| number.into())),
        Err(_) => (number != "-1").then(|| number.into()),
    }
}

/// The names of classes by column, as `datasets` keeps them in the schema
/// (<https://huggingface.co/docs/datasets/about_dataset_features>).
fn classes(metadata: &Metadata) -> HashMap<String, Vec<Option<String>>> {
    let parsed = metadata.get("huggingface").and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let features = parsed.as_ref().and_then(|value| value.pointer("/info/features")?.as_object());
    let names = |feature: &serde_json::Value| {
        let feature = feature.get("feature").unwrap_or(feature);
        let names = feature.get("names")?.as_array()?.iter().map(|name| name.as_str().map(str::to_string));
        (feature.get("_type")? == "ClassLabel").then(|| names.collect::<Vec<_>>())
    };
    features.into_iter().flatten().filter_map(|(column, feature)| Some((column.clone(), names(feature)?))).collect()
}

/// Numbers under a type of whole numbers, digests under theirs; what does not fit is null.
fn fitting(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let value = plain_inside(array.data_type()).unwrap_or(DataType::Null);
    let array = conform(array, &value)?;
    let lenient = CastOptions { safe: true, ..STRICT };
    Ok(match &value {
        DataType::Binary => {
            let digests =
                array.as_binary::<i32>().iter().map(|digest| digest.and_then(|digest| digest.try_into().ok()));
            column::hashes(&digests.collect::<Vec<Option<[u8; 32]>>>())
        }
        t if t.is_floating() => {
            let numbers = arrow_cast::cast(&array, &DataType::Float64)?;
            let whole = numbers.as_primitive::<Float64Type>().iter().map(|x| x.filter(|x| x.fract() == 0.0));
            let whole: ArrayRef = Arc::new(whole.collect::<arrow_array::Float64Array>());
            arrow_cast::cast_with_options(&whole, to, &lenient)?
        }
        _ => arrow_cast::cast_with_options(&array, to, &lenient)?,
    })
}

/// Images of bytes, or of paths.
fn image(bytes: Option<ArrayRef>, paths: Option<ArrayRef>) -> ArrayRef {
    let DataType::Struct(fields) = column::image_field().data_type().clone() else { unreachable!("it is a struct") };
    let one = bytes.as_ref().or(paths.as_ref()).expect("one of them is there");
    let (length, nulls): (usize, Option<NullBuffer>) = (one.len(), one.nulls().cloned());
    let bytes = bytes.unwrap_or_else(|| Arc::new(BinaryArray::new_null(length)));
    let paths = paths.unwrap_or_else(|| Arc::new(StringArray::new_null(length)));
    Arc::new(StructArray::new(fields, vec![bytes, paths], nulls))
}

/// The paths of rows, and of the images without bytes where a row has none.
fn paths_of(images: &ArrayRef, paths: &ArrayRef) -> ArrayRef {
    let (images, own) = (images.as_struct(), paths.as_string::<i32>());
    let (bytes, beside) = (images.column(0).as_binary::<i32>(), images.column(1).as_string::<i32>());
    let held = |i: usize| images.is_null(i) || bytes.is_valid(i) && !bytes.value(i).is_empty();
    let path = |i: usize| column::cell(Some(own), i).or_else(|| column::cell(Some(beside), i).filter(|_| !held(i)));
    Arc::new((0..own.len()).map(path).collect::<StringArray>())
}

/// Where the files are that a table names: paths are relative to the folder in which the table was written, and it may
/// have been carried elsewhere with its pictures.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// Where it is looked for first: what somebody said.
    root: Option<PathBuf>,
    /// The table's own.
    folder: Option<PathBuf>,
    found: Place,
    /// Rows so far whose files are there.
    moved: u64,
}

#[derive(Debug, Clone)]
enum Place {
    /// Nothing was found yet, in so many rows.
    Unknown(u32),
    /// Paths are right as they stand, or nobody can tell.
    AsItStands,
    /// So many components of a path are left out, and the rest is below this folder. Paths of Windows have backslashes.
    Below(PathBuf, usize, char),
}

/// After so many files that are nowhere, no other place is tried.
const TRIED: u32 = 64;

impl Anchor {
    pub fn new(folder: Option<&Path>, root: Option<&Path>) -> Anchor {
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_path_buf);
        Anchor { root: root.map(Path::to_path_buf), folder, found: Place::Unknown(0), moved: 0 }
    }

    /// Puts the paths of a batch right.
    fn put(&mut self, name: &str, schema: &SchemaRef, columns: &mut [ArrayRef]) {
        if matches!(self.found, Place::AsItStands) || self.root.is_none() && self.folder.is_none() {
            return;
        }
        let at = |name: &str| schema.index_of(name).ok();
        if let Some(image) = at(column::IMAGE)
            && let Some(images) = columns[image].as_struct_opt()
            && let [bytes, paths] = images.columns()
        {
            let held = |i: usize| bytes.is_valid(i) && !bytes.as_binary::<i32>().value(i).is_empty();
            if let Some(paths) = self.moved(paths.as_string(), &held) {
                let parts = vec![bytes.clone(), Arc::new(paths) as ArrayRef];
                columns[image] = Arc::new(StructArray::new(images.fields().clone(), parts, images.nulls().cloned()));
            }
        }
        if let Some(path) = at(column::PATH)
            && let Some(paths) = self.moved(columns[path].as_string(), &|_| false)
        {
            columns[path] = Arc::new(paths);
        }
        if let Place::Below(folder, ..) = &self.found {
            let (count, folder) = (self.moved, folder.display());
            let rows = if count == 1 { "the path of 1 row was" } else { &format!("the paths of {count} rows were") };
            notes::say(
                &format!("{name} moved"),
                format!("{name}: {rows} found below {folder}, not where they lead from here"),
            );
        }
    }

    /// The paths where they are; `None` where they stay as they are.
    fn moved(&mut self, paths: &StringArray, held: &dyn Fn(usize) -> bool) -> Option<StringArray> {
        let wanted = |i: usize| paths.is_valid(i) && !held(i) && !paths.value(i).contains("://");
        for i in (0..paths.len()).filter(|&i| wanted(i)) {
            let Place::Unknown(tried) = self.found else { break };
            self.found = self.find(paths.value(i)).unwrap_or(match tried + 1 {
                TRIED.. => Place::AsItStands,
                tried => Place::Unknown(tried),
            });
        }
        let Place::Below(folder, left_out, between) = &self.found else { return None };
        let moved = paths.iter().enumerate().map(|(i, path)| match path {
            Some(path) if wanted(i) => {
                self.moved += 1;
                Some(below(folder, path, *left_out, *between).unwrap_or_else(|| path.into()))
            }
            path => path.map(str::to_string),
        });
        Some(moved.collect())
    }

    /// Where the file of this path is.
    fn find(&self, path: &str) -> Option<Place> {
        if let place @ Some(_) = self.find_parted(path, '/') {
            return place;
        }
        // No file here has such a name: it was written on Windows.
        if path.contains('\\') { self.find_parted(path, '\\') } else { None }
    }

    fn find_parted(&self, path: &str, between: char) -> Option<Place> {
        let parts = path.split(between).filter(|part| !["", "."].contains(part)).count();
        let there =
            |folder: &PathBuf, left_out| below(folder, path, left_out, between).is_some_and(|path| io::exists(&path));
        if let Some(root) = self.root.as_ref().filter(|root| there(root, 0)) {
            return Some(Place::Below(root.clone(), 0, between));
        }
        if io::exists(path) {
            return Some(Place::AsItStands);
        }
        let here = PathBuf::from(".");
        let folders = || self.root.iter().chain(&self.folder).chain((between == '\\').then_some(&here));
        let places = (0..parts).flat_map(|left_out| folders().map(move |folder| (folder, left_out)));
        let place = places.into_iter().find(|(folder, left_out)| there(folder, *left_out));
        place.map(|(folder, left_out)| Place::Below(folder.clone(), left_out, between))
    }
}

/// A path without so many of its first components, below a folder. One that climbs out of the folder is none, but for
/// the whole of it: tables name what lies beside them.
fn below(folder: &Path, path: &str, left_out: usize, between: char) -> Option<String> {
    let parts: Vec<&str> = path.split(between).filter(|part| !["", "."].contains(part)).collect();
    let rest = parts.get(left_out..).filter(|rest| !rest.is_empty())?;
    if left_out > 0 && rest.contains(&"..") {
        return None;
    }
    let folder = io::escape_bytes(folder.as_os_str().as_encoded_bytes());
    Some(format!("{}/{}", folder.trim_end_matches('/'), rest.join("/")))
}

/// A type for the values of two tables that are read as one; `None` where there is none.
pub fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    if a == b {
        return Some(a.clone());
    }
    let signed = |bits: u32| match bits {
        0..=8 => T::Int8,
        9..=16 => T::Int16,
        17..=32 => T::Int32,
        _ => T::Int64,
    };
    let bits = |t: &T| t.primitive_width().map_or(64, |bytes| 8 * bytes as u32);
    let item = |a: &Field, b: &Field| Some(Arc::new(Field::new("item", common(a.data_type(), b.data_type())?, true)));
    Some(match (a, b) {
        (T::Null, other) | (other, T::Null) => other.clone(),
        (T::Dictionary(_, value), other) | (other, T::Dictionary(_, value)) => common(value, other)?,
        (a, b) if a.is_signed_integer() && b.is_signed_integer() => signed(bits(a).max(bits(b))),
        (a, b) if a.is_unsigned_integer() && b.is_unsigned_integer() => {
            if bits(a) > bits(b) {
                a.clone()
            } else {
                b.clone()
            }
        }
        (a, b) if a.is_integer() && b.is_integer() => {
            let (unsigned, other) = if a.is_unsigned_integer() { (a, b) } else { (b, a) };
            signed((bits(unsigned) + 1).max(bits(other)))
        }
        (a, b) if a.is_floating() && b.is_floating() => {
            if bits(a) > bits(b) {
                a.clone()
            } else {
                b.clone()
            }
        }
        (a, b) if a.is_floating() && b.is_integer() || a.is_integer() && b.is_floating() => T::Float64,
        (T::Decimal128(p, s), T::Decimal128(q, t)) => {
            let (scale, whole) = (*s.max(t), (i16::from(*p) - i16::from(*s)).max(i16::from(*q) - i16::from(*t)));
            let precision = u8::try_from(whole + i16::from(scale)).ok().filter(|precision| *precision <= 38)?;
            T::Decimal128(precision, scale)
        }
        (T::Binary | T::FixedSizeBinary(_), T::Binary | T::FixedSizeBinary(_)) => T::Binary,
        (T::Date32, T::Date64) | (T::Date64, T::Date32) => T::Date64,
        (T::Timestamp(a, zone), T::Timestamp(b, other)) if zone.is_some() == other.is_some() => {
            T::Timestamp(finer(a, b), zone.clone())
        }
        (T::Duration(a), T::Duration(b)) => T::Duration(finer(a, b)),
        (T::List(a), T::List(b) | T::FixedSizeList(b, _)) | (T::FixedSizeList(a, _), T::List(b)) => {
            T::List(item(a, b)?)
        }
        (T::FixedSizeList(a, n), T::FixedSizeList(b, m)) if n == m => T::FixedSizeList(item(a, b)?, *n),
        (T::FixedSizeList(a, _), T::FixedSizeList(b, _)) => T::List(item(a, b)?),
        (T::Struct(a), T::Struct(b)) if a.len() == b.len() => {
            let field = |field: &Arc<Field>| {
                let (_, other) = b.find(field.name())?;
                Some(Field::new(field.name(), common(field.data_type(), other.data_type())?, true))
            };
            T::Struct(a.iter().map(field).collect::<Option<Vec<_>>>()?.into())
        }
        _ => return None,
    })
}

fn finer(a: &TimeUnit, b: &TimeUnit) -> TimeUnit {
    *a.max(b)
}
