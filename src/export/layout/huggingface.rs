//! A data set for the Hugging Face hub: `data/SPLIT-00000-of-00002.parquet` with pictures inside, and `README.md`.
//!
//! What a column is for `datasets` stands twice: in the Parquet files' key `huggingface` (as `datasets` itself writes it)
//! and in the card (huggingface.co/docs/hub/datasets-cards). Columns of types that `datasets` has no name for stay in the
//! manifest only. Rows stand in the order of the table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, SchemaRef};
use serde_json::{Map, Value, json};

use super::{Finished, Item, Layout, Packer, Whereabouts};
use crate::export::Error;
use crate::export::classes::{Classes, yaml_text};
use crate::export::plan::{Names, Naming, Place, Plan};
use crate::image;
use crate::io::Folder;
use crate::split::{SPLITS, Split};
use crate::table::boxes;
use crate::table::{self, Provenance, StreamFormat, Writer, column};

/// What the pictures are called.
pub(crate) const NAMING: Naming = Naming { names: Names::Stem, boxes: false, classified: false };

/// The footer's key in which `datasets` looks for its features.
const FEATURES: &str = "huggingface";

/// The layout.
#[derive(Debug)]
pub(crate) struct HuggingFace {
    /// A picture that would make a shard larger than this begins the next one.
    pub shard_bytes: u64,
}

impl Layout for HuggingFace {
    fn file(&self, _: &Place, _: &str) -> Option<String> {
        None
    }

    fn folders(&self) -> Vec<String> {
        vec!["data".into()]
    }

    fn packer<'a>(&self, folder: &'a Folder, plan: &'a Plan, table: &SchemaRef) -> Box<dyn Packer + 'a> {
        let schema = schema(table, &plan.classes);
        let mut provenance = Provenance::default();
        let info = json!({"info": {"features": features(&schema, &plan.classes)}});
        provenance.0.insert(FEATURES.into(), info.to_string());
        let shard_bytes = self.shard_bytes;
        Box::new(Shards { folder, plan, schema, provenance, shard_bytes, open: [None, None, None], begun: [0; 3] })
    }
}

/// The columns of the shards.
fn schema(table: &SchemaRef, classes: &Classes) -> SchemaRef {
    let mut fields = vec![column::image_field()];
    if !classes.names().is_empty() {
        fields.push(column::field(column::LABEL, DataType::Int64));
    }
    fields.push(column::field(column::KEY, DataType::Utf8));
    let own = [column::IMAGE, column::LABEL, column::KEY, column::SPLIT, column::BOXES, column::WIDTH, column::HEIGHT];
    fields.extend([column::WIDTH, column::HEIGHT].map(|name| column::field(name, DataType::UInt32)));
    if table.index_of(column::BOXES).is_ok() {
        fields.push(boxes::field());
    }
    for field in table.fields().iter().filter(|f| !own.contains(&f.name().as_str())) {
        let to = match field.data_type() {
            DataType::Dictionary(_, value) => value,
            other => other,
        };
        if dtype(to).is_some() {
            fields.push(column::field(field.name(), to.clone()));
        }
    }
    Arc::new(arrow_schema::Schema::new(fields))
}

/// What `datasets` calls a type.
fn dtype(data_type: &DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::Utf8 => "string",
        DataType::LargeUtf8 => "large_string",
        DataType::Boolean => "bool",
        DataType::Int8 => "int8",
        DataType::Int16 => "int16",
        DataType::Int32 => "int32",
        DataType::Int64 => "int64",
        DataType::UInt8 => "uint8",
        DataType::UInt16 => "uint16",
        DataType::UInt32 => "uint32",
        DataType::UInt64 => "uint64",
        DataType::Float32 => "float32",
        DataType::Float64 => "float64",
        DataType::Date32 => "date32",
        _ => return None,
    })
}

/// The fields of a box, and what `datasets` calls their types.
fn box_fields(data_type: &DataType) -> Vec<(&str, &'static str)> {
    let DataType::List(item) = data_type else { return vec![] };
    let DataType::Struct(fields) = item.data_type() else { return vec![] };
    fields.iter().filter_map(|f| Some((f.name().as_str(), dtype(f.data_type())?))).collect()
}

/// The features of the columns, as `datasets` writes them to JSON.
fn features(schema: &SchemaRef, classes: &Classes) -> Value {
    let value = |dtype: &str| json!({"dtype": dtype, "_type": "Value"});
    let feature = |name: &str, data_type: &DataType| match name {
        column::IMAGE => json!({"_type": "Image"}),
        column::LABEL => json!({"names": classes.names(), "_type": "ClassLabel"}),
        column::BOXES => {
            let fields: Map<String, Value> =
                box_fields(data_type).into_iter().map(|(name, dtype)| (name.into(), value(dtype))).collect();
            json!([fields])
        }
        _ => value(dtype(data_type).expect("other columns were left out")),
    };
    let features = schema.fields().iter().map(|f| (f.name().clone(), feature(f.name(), f.data_type())));
    Value::Object(features.collect())
}

/// The shards of all splits. How many there are is known at the end, so they have hidden names until then.
struct Shards<'a> {
    folder: &'a Folder,
    plan: &'a Plan,
    schema: SchemaRef,
    provenance: Provenance,
    shard_bytes: u64,
    open: [Option<Shard>; 3],
    begun: [u32; 3],
}

struct Shard {
    file: String,
    writer: Writer,
    bytes: u64,
}

fn hidden(split: Split, number: u32) -> String {
    format!("data/.{}-{number:05}.parquet", split.name())
}

impl Packer for Shards<'_> {
    fn take(&mut self, item: &Item, bytes: &[u8], row: &RecordBatch) -> Result<Option<Whereabouts>, Error> {
        let at = item.place.split as usize;
        let size = bytes.len() as u64;
        if self.open[at].as_ref().is_some_and(|shard| shard.bytes + size > self.shard_bytes)
            && let Some(shard) = self.open[at].take()
        {
            shard.writer.finish()?;
        }
        if self.open[at].is_none() {
            let file = hidden(item.place.split, self.begun[at]);
            self.begun[at] += 1;
            let sink = self.folder.create(&file)?;
            let writer = Writer::new(sink, &self.schema, &self.provenance, StreamFormat::Parquet)?;
            self.open[at] = Some(Shard { file, writer, bytes: 0 });
        }
        let shard = self.open[at].as_mut().expect("it was opened above");
        shard.bytes += size;
        shard.writer.write(&columns(&self.schema, item, bytes, row)?)?;
        Ok(Some(Whereabouts { file: shard.file.clone(), member: None }))
    }

    fn finish(self: Box<Self>) -> Result<Finished, Error> {
        for shard in self.open.into_iter().flatten() {
            shard.writer.finish()?;
        }
        let mut renamed = Vec::new();
        for split in SPLITS {
            let shards = self.begun[split as usize];
            for number in 0..shards {
                let (from, to) =
                    (hidden(split, number), format!("data/{}-{number:05}-of-{shards:05}.parquet", split.name()));
                self.folder.rename(&from, &to)?;
                renamed.push((from, to));
            }
        }
        self.folder.write("README.md", card(self.plan, &self.schema).as_bytes())?;
        Ok(Finished { renamed, ..Finished::default() })
    }
}

/// A row of a shard.
fn columns(schema: &SchemaRef, item: &Item, bytes: &[u8], row: &RecordBatch) -> Result<RecordBatch, Error> {
    let DataType::Struct(fields) = column::image_field().data_type().clone() else { unreachable!("it is a struct") };
    let name = format!("{}.{}", item.place.name, image::format(bytes)?.extension());
    let picture: Vec<ArrayRef> =
        vec![Arc::new(BinaryArray::from_iter_values([bytes])), Arc::new(StringArray::from_iter_values([name]))];
    let side = |side: u32| -> ArrayRef { Arc::new(arrow_array::UInt32Array::from_iter_values([side])) };
    let own: BTreeMap<&str, ArrayRef> = BTreeMap::from([
        (column::IMAGE, Arc::new(StructArray::new(fields, picture, None)) as ArrayRef),
        (column::LABEL, Arc::new(Int64Array::from(vec![item.place.class.map(i64::from)]))),
        (column::KEY, Arc::new(StringArray::from_iter_values([item.key]))),
        (column::WIDTH, side(item.made.width)),
        (column::HEIGHT, side(item.made.height)),
        (column::BOXES, boxes::array([item.boxes])),
    ]);
    let other = |name: &str, to: &DataType| -> Result<ArrayRef, Error> {
        let old = row.column_by_name(name).expect("the schema was made from the table's");
        let broken = |source| table::Error::Arrow { name: name.into(), source };
        Ok(arrow_cast::cast(old, to).map_err(broken)?)
    };
    let columns = schema.fields().iter().map(|f| match own.get(f.name().as_str()) {
        Some(own) => Ok(own.clone()),
        None => other(f.name(), f.data_type()),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(schema.clone(), columns).expect("the columns of the schema"))
}

/// The card of the data set.
fn card(plan: &Plan, schema: &SchemaRef) -> String {
    let mut text = String::from("---\nconfigs:\n- config_name: default\n  data_files:\n");
    let counts = SPLITS.map(|split| (split.name(), plan.places().filter(|place| place.split == split).count()));
    for (split, _) in counts.iter().filter(|(_, count)| *count > 0) {
        let _ = write!(text, "  - split: {split}\n    path: data/{split}-*\n");
    }
    text.push_str("dataset_info:\n  features:\n");
    for field in schema.fields() {
        let _ = writeln!(text, "  - name: {}", yaml_text(field.name()));
        match field.name().as_str() {
            column::IMAGE => text.push_str("    dtype: image\n"),
            column::LABEL => {
                text.push_str("    dtype:\n      class_label:\n        names:\n");
                for (number, name) in plan.classes.names().iter().enumerate() {
                    let _ = writeln!(text, "          '{number}': {}", yaml_text(name));
                }
            }
            column::BOXES => {
                text.push_str("    list:\n");
                for (name, dtype) in box_fields(field.data_type()) {
                    let _ = write!(text, "    - name: {name}\n      dtype: {dtype}\n");
                }
            }
            _ => {
                let _ = writeln!(text, "    dtype: {}", dtype(field.data_type()).expect("others were left out"));
            }
        }
    }
    text.push_str("---\n\n# Data set\n\n| split | pictures |\n| --- | ---: |\n");
    for (split, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "| {split} | {count} |");
    }
    text.push_str("\n`manifest.parquet` says of every picture where it is and what it was made from.\n");
    text
}
