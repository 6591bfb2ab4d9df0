//! Shards: tar files in which the files of a sample lie side by side and share their name up to the first dot.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::files::{Child, children};
use crate::image;
use crate::table::findings::{Fault, Findings};
use crate::table::images::picture_in;
use crate::table::split::Split;
use crate::table::{Error, Table, column};

/// A longer text is no class.
const MOST_TEXT: u64 = 16 << 20;
/// A name or a header of extensions that is longer is none.
const MOST_NAME: u64 = 1 << 20;
/// Pictures of a batch: so many, or so many bytes.
const BATCH_ROWS: usize = 16;
const BATCH_BYTES: usize = 32 << 20;

/// The files of one sample.
#[derive(Default)]
struct Sample {
    key: String,
    picture: Option<(String, Vec<u8>)>,
    label: Option<String>,
    id: Option<i32>,
}

/// The shards of a folder.
pub(super) fn shards(folder: &Path, children: &[Child]) -> Vec<PathBuf> {
    let tars = children.iter().filter(|child| child.ends_with(".tar"));
    // A pipe of that name would wait for ever.
    tars.map(|child| folder.join(&child.name)).filter(|path| path.is_file()).collect()
}

pub(super) fn open(folder: &Path, findings: &Findings) -> Result<Table, Error> {
    let shards = shards(folder, &children(folder));
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
    let batches = shards.into_iter().flat_map(move |path| {
        let name = path.file_name().map(|name| crate::io::escape_bytes(name.as_encoded_bytes())).unwrap_or_default();
        let split = name.split(['-', '_', '.']).find_map(Split::named).map(Split::name);
        let schema = batch_schema.clone();
        let mut shard = Shard::open(&path, name, found.clone());
        std::iter::from_fn(move || {
            let samples = shard.batch();
            (!samples.is_empty()).then(|| Ok(batch(&schema, &shard.name, &samples, split)))
        })
    });
    Ok(Table::new(folder.display().to_string(), schema, None, Box::new(batches)))
}

/// A member of a shard: its name, and where its bytes are.
struct Member {
    path: String,
    offset: u64,
    length: u64,
}

/// A shard that is being read, sample by sample.
struct Shard {
    name: String,
    file: Option<File>,
    members: std::vec::IntoIter<Member>,
    known: HashSet<String>,
    /// The sample whose files are coming.
    open: Option<Sample>,
    /// A sample without a class, until one with a class shows that classes are wanted; and whether one did.
    classless: Vec<String>,
    classified: bool,
    samples: u64,
    found: Findings,
}

impl Shard {
    fn open(path: &Path, name: String, found: Findings) -> Shard {
        let (file, members) = match crate::io::open_file(path).and_then(|file| Ok((file.try_clone()?, members(file)))) {
            Ok((file, (members, problem))) => {
                problem.into_iter().for_each(|problem| found.file(Fault::Layout, &name, problem));
                (Some(file), members)
            }
            Err(problem) => {
                found.file(Fault::Layout, &name, problem.to_string());
                (None, Vec::new())
            }
        };
        Shard {
            name,
            file,
            members: members.into_iter(),
            known: HashSet::new(),
            open: None,
            classless: Vec::new(),
            classified: false,
            samples: 0,
            found,
        }
    }

    /// The next samples with a picture; none at the end.
    fn batch(&mut self) -> Vec<Sample> {
        let (mut samples, mut bytes) = (Vec::new(), 0);
        while samples.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            let Some(sample) = self.sample() else { break };
            bytes += sample.picture.as_ref().map_or(0, |(_, bytes)| bytes.len());
            samples.extend(Some(sample).filter(|sample| sample.picture.is_some()));
        }
        samples
    }

    /// The next sample.
    fn sample(&mut self) -> Option<Sample> {
        while let Some(member) = self.members.next() {
            let path = &member.path;
            let (folder, base) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, base)| (folder, base));
            let (stem, extension) = base.split_once('.').unwrap_or((base, ""));
            // So readers pass over what macOS puts beside files.
            if stem.is_empty() {
                continue;
            }
            let key = if folder.is_empty() { stem.to_string() } else { format!("{folder}/{stem}") };
            let is_next = self.open.as_ref().is_none_or(|sample| sample.key != key);
            let done = if is_next {
                if !self.known.insert(key.clone()) {
                    let detail = format!("the sample {key} is torn: its files do not lie together");
                    self.found.file(Fault::Layout, &self.name, detail);
                }
                self.open.replace(Sample { key, ..Sample::default() })
            } else {
                None
            };
            let extension = extension.to_string();
            let read = self.read(&member, &extension);
            let sample = self.open.as_mut().expect("it was opened above");
            if let Some(bytes) = read {
                take(sample, &member.path, &extension, bytes, &self.name, &self.found);
            }
            if let Some(done) = done {
                return Some(self.judged(done));
            }
        }
        match self.open.take() {
            Some(last) => Some(self.judged(last)),
            None => {
                self.end();
                None
            }
        }
    }

    /// The bytes of a member that somebody reads.
    fn read(&mut self, member: &Member, extension: &str) -> Option<Vec<u8>> {
        let extension = extension.to_ascii_lowercase();
        let is_picture = image::format_of_extension(&extension).is_some();
        if !is_picture && !["cls", "json"].contains(&extension.as_str()) {
            return None;
        }
        let wrong = |detail: String| self.found.file(Fault::Layout, &self.name, format!("{}: {detail}", member.path));
        let file = self.file.as_ref()?;
        let text = || match member.length {
            length if length > MOST_TEXT => Err(format!("{length} bytes are too many")),
            length => {
                let mut bytes = vec![0; length as usize];
                file.read_exact_at(&mut bytes, member.offset).map_err(|_| "is cut short".to_string())?;
                Ok(bytes)
            }
        };
        let read = if is_picture { picture_in(file, member.offset, member.length) } else { text() };
        read.map_err(wrong).ok()
    }

    fn judged(&mut self, sample: Sample) -> Sample {
        self.samples += 1;
        let is_classified = sample.label.is_some() || sample.id.is_some();
        self.classified |= is_classified;
        if sample.picture.is_none() {
            self.found.file(Fault::Layout, &self.name, format!("the sample {} has no picture", sample.key));
        } else if !is_classified {
            self.classless.push(sample.key.clone());
        }
        // Where no sample has a class, none is wanted.
        if self.classified {
            for key in self.classless.drain(..) {
                let detail = format!("the sample {key} has no class (.cls or .json)");
                self.found.file(Fault::LabelMissing, &self.name, detail);
            }
        }
        sample
    }

    fn end(&mut self) {
        if self.samples == 0 && self.file.take().is_some() {
            self.found.file(Fault::Layout, &self.name, "holds no sample");
        }
    }
}

/// The files of a shard, and why there are no more.
fn members(file: File) -> (Vec<Member>, Option<String>) {
    let mut members = Vec::new();
    let mut read = || -> std::io::Result<()> {
        let length = file.metadata()?.len();
        let mut long_names = tar::Archive::new(&file);
        // The reader takes names and headers of extensions whole, whatever their length.
        for entry in long_names.entries_with_seek()?.raw(true) {
            let entry = entry?;
            let kind = entry.header().entry_type();
            let is_header = kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions();
            if (is_header || kind.is_pax_global_extensions()) && entry.size() > MOST_NAME {
                return Err(std::io::Error::other(format!("a name of {} bytes", entry.size())));
            }
        }
        let mut archive = tar::Archive::new(&file);
        let mut last = 0u64;
        std::io::Seek::rewind(&mut &file)?;
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            last = entry.raw_file_position().saturating_add(entry.size());
            if entry.header().entry_type().is_file() {
                let path = crate::io::escape_bytes(&entry.path_bytes());
                members.push(Member { path, offset: entry.raw_file_position(), length: entry.size() });
                if last > length {
                    return Err(std::io::Error::other("it is cut short"));
                }
            }
        }
        // Every program that makes archives ends them with blocks of zeros.
        match last.next_multiple_of(512).saturating_add(512) <= length || last == 0 {
            true => Ok(()),
            false => Err(std::io::Error::other("it is cut short: its end mark is missing")),
        }
    };
    let problem = read().err().map(|problem| problem.to_string());
    (members, problem)
}

fn take(sample: &mut Sample, path: &str, extension: &str, bytes: Vec<u8>, shard: &str, found: &Findings) {
    match extension.to_ascii_lowercase().as_str() {
        "cls" => {
            let text = String::from_utf8_lossy(&bytes).trim().to_string();
            sample.label.get_or_insert(text);
        }
        "json" => match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(facts) => {
                match facts.get("label") {
                    Some(serde_json::Value::String(label)) => sample.label = Some(label.clone()),
                    Some(serde_json::Value::Number(label)) => sample.label = Some(label.to_string()),
                    _ => {}
                }
                sample.id = facts.get("id").and_then(serde_json::Value::as_i64).and_then(|id| i32::try_from(id).ok());
            }
            Err(problem) => found.file(Fault::LabelSyntax, shard, format!("{path}: {problem}")),
        },
        _ => sample.picture = Some((path.into(), bytes)),
    }
}

fn batch(schema: &SchemaRef, shard: &str, samples: &[Sample], split: Option<&str>) -> RecordBatch {
    let pictures = || samples.iter().filter_map(|sample| sample.picture.as_ref());
    let DataType::Struct(fields) = column::image_field().data_type().clone() else { unreachable!("it is a struct") };
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(pictures().map(|(_, bytes)| bytes)));
    let paths: ArrayRef = Arc::new(StringArray::from_iter_values(pictures().map(|(path, _)| path)));
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
