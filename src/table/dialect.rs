//! One dialect for the tables of all programs.
//!
//! Hides: that text is `string`, `large_string`, `string_view` or a dictionary; that DuckDB calls a column required where it
//! holds no null, and Polars calls one an Enum; that `datasets` writes classes as numbers and keeps their names in the
//! footer; that a column may have a type which no other program reads. Promises: behind it there is one type for each kind
//! of values, so that no stage can differ from another in what it accepts; a column of this program's names has the type
//! of the contract, or another name (`meta_label`); what cannot be read is passed over, and said.

mod anchor;
mod cells;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{DataType, Field, Fields, Metadata, Schema, SchemaRef};

use super::types::{conform, plain};
use super::{Error, Provenance, column, wide};
use crate::notes;
pub(super) use anchor::Anchor;
use cells::{fitting, fixed, image, paths_of, text};

/// The footer's key for the command whose folder the table is the manifest of. Who reads the table does not inherit it:
/// what follows from a manifest is none.
pub const FOLDER: &str = "folder";

/// How batches of a table are put into the dialect.
pub(super) struct Reading {
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
pub(super) fn of(name: &str, raw: &Schema, anchor: Option<Anchor>) -> (Reading, Provenance) {
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
    pub(super) fn put(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
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
        c::SOFT_LABELS => {
            let is_one = |fields: &Fields| {
                let has = |name: &str| fields.find(name).map(|(_, field)| field.data_type());
                has("weight").is_some_and(DataType::is_numeric) && (has("label").is_some() || has("id").is_some())
            };
            kept(
                nothing
                    || matches!(plain, DataType::List(item) if matches!(item.data_type(), DataType::Struct(fields) if is_one(fields))),
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
