//! Shards: tar files in which the files of a sample lie side by side and share their name up to the first dot.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::{Findings, Layout, children, split_of};
use crate::check::Rule;
use crate::image;
use crate::table::{Error, Table, column};

/// No member of a shard may be larger.
const MOST_BYTES: u64 = 1 << 30;

/// The files of one sample.
#[derive(Default)]
struct Sample {
    key: String,
    picture: Option<(String, Vec<u8>)>,
    label: Option<String>,
    id: Option<i32>,
}

pub fn open(folder: &Path) -> Result<Layout, Error> {
    let findings = Findings::default();
    let shards: Vec<PathBuf> =
        children(folder).into_iter().filter(|name| name.ends_with(".tar")).map(|name| folder.join(name)).collect();
    if shards.is_empty() {
        return Err(Error::NoImages { name: folder.display().to_string() });
    }
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        column::key_field(),
        column::image_field(),
        column::field(column::ID, DataType::Int32),
        column::field(column::LABEL, DataType::Utf8),
        column::field(column::SPLIT, DataType::Utf8),
    ]));
    let (found, batch_schema) = (findings.clone(), schema.clone());
    let mut shards = shards.into_iter();
    // A shard is read as a whole, its pictures one batch: readers open one shard at a time too.
    let batches = std::iter::from_fn(move || {
        let shard = shards.next()?;
        let name = shard.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let split = name.split(['-', '_', '.']).find_map(split_of);
        let samples = read_shard(&shard, &name, &found);
        Some(Ok(batch(&batch_schema, &name, samples, split)))
    });
    let table = Table::new(folder.display().to_string(), schema, None, Box::new(batches));
    Ok(Layout { table, findings })
}

fn read_shard(shard: &Path, name: &str, found: &Findings) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    let mut read = || -> std::io::Result<()> {
        let mut archive = tar::Archive::new(BufReader::new(File::open(shard)?));
        for member in archive.entries()? {
            let mut member = member?;
            if !member.header().entry_type().is_file() {
                continue;
            }
            let path = String::from_utf8_lossy(&member.path_bytes()).into_owned();
            let (folder, base) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, base)| (folder, base));
            let (stem, extension) = base.split_once('.').unwrap_or((base, ""));
            let key = if folder.is_empty() { stem.to_string() } else { format!("{folder}/{stem}") };
            if samples.last().is_none_or(|sample| sample.key != key) {
                if !known.insert(key.clone()) {
                    found.file(Rule::Layout, name, format!("the sample {key} is torn: its files do not lie together"));
                }
                samples.push(Sample { key: key.clone(), ..Sample::default() });
            }
            if member.size() > MOST_BYTES {
                found.file(Rule::Layout, name, format!("{path}: {} bytes are too many", member.size()));
                continue;
            }
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes)?;
            let sample = samples.last_mut().expect("just pushed");
            take(sample, &path, extension, bytes, name, found);
        }
        Ok(())
    };
    if let Err(problem) = read() {
        found.file(Rule::Layout, name, problem.to_string());
    }
    if samples.is_empty() {
        found.file(Rule::Layout, name, "holds no sample");
    }
    // Where no sample has a class, none is wanted.
    let classified = samples.iter().any(|sample| sample.label.is_some() || sample.id.is_some());
    for sample in &samples {
        if sample.picture.is_none() {
            found.file(Rule::Layout, name, format!("the sample {} has no picture", sample.key));
        } else if classified && sample.label.is_none() && sample.id.is_none() {
            found.file(Rule::LabelMissing, name, format!("the sample {} has no class (.cls or .json)", sample.key));
        }
    }
    samples.retain(|sample| sample.picture.is_some());
    samples
}

fn take(sample: &mut Sample, path: &str, extension: &str, bytes: Vec<u8>, shard: &str, found: &Findings) {
    match extension.to_ascii_lowercase().as_str() {
        "cls" => {
            let text = String::from_utf8_lossy(&bytes).trim().to_string();
            sample.label.get_or_insert(text);
        }
        "json" => match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(facts) => {
                if let Some(label) = facts.get("label").and_then(serde_json::Value::as_str) {
                    sample.label = Some(label.into());
                }
                sample.id = facts.get("id").and_then(serde_json::Value::as_i64).and_then(|id| i32::try_from(id).ok());
            }
            Err(problem) => found.file(Rule::LabelSyntax, shard, format!("{path}: {problem}")),
        },
        other if image::format_of_extension(other).is_some() => sample.picture = Some((path.into(), bytes)),
        _ => {}
    }
}

fn batch(schema: &SchemaRef, shard: &str, samples: Vec<Sample>, split: Option<&str>) -> RecordBatch {
    let pictures: Vec<&(String, Vec<u8>)> = samples.iter().filter_map(|sample| sample.picture.as_ref()).collect();
    let DataType::Struct(fields) = column::image_field().data_type().clone() else { unreachable!("it is a struct") };
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(pictures.iter().map(|(_, bytes)| bytes)));
    let paths: ArrayRef = Arc::new(StringArray::from_iter_values(pictures.iter().map(|(path, _)| path)));
    let columns: Vec<ArrayRef> = vec![
        // Shards may number their samples from the beginning each.
        Arc::new(StringArray::from_iter_values(samples.iter().map(|sample| format!("{shard}/{}", sample.key)))),
        Arc::new(StructArray::new(fields, vec![bytes, paths], None)),
        Arc::new(samples.iter().map(|sample| sample.id).collect::<Int32Array>()),
        Arc::new(samples.iter().map(|sample| sample.label.as_deref()).collect::<StringArray>()),
        Arc::new(samples.iter().map(|_| split).collect::<StringArray>()),
    ];
    RecordBatch::try_new(schema.clone(), columns).expect("the columns of the schema above")
}
