//! The manifest of an export: every row, where it is in the folder, and what it was in the table.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};

use super::Error;
use super::layout::Whereabouts;
use crate::io::{self, Digest, Record, Sink};
use crate::output::made::{Facts, Known, Made};
use crate::table::boxes::{self, Bounds};
use crate::table::column::{self, hashes, read_hashes};
use crate::table::{Provenance, StreamFormat, Table, Writer};

pub(super) use crate::table::dataset::{EXPORT, FILES, MANIFEST};
use crate::table::dataset::{FILE, LABEL_FILE, LABEL_HASH, LENGTH, MEMBER, OFFSET, OWN, record};

/// What an export keeps of a table: not where pictures were, and nothing that holds only of the old bytes.
pub(super) fn kept(schema: &Schema) -> SchemaRef {
    let dropped = |name: &str| {
        [column::PATH, column::IMAGE, column::ERROR, column::EXCLUDED, column::PERCEPTUAL_HASH].contains(&name)
            || OWN.contains(&name)
    };
    let vectors: Vec<&str> =
        schema.fields().iter().filter(|f| is_vector(f.data_type())).map(|f| f.name().as_str()).collect();
    let models: Vec<String> = vectors.iter().map(|name| column::model_column(name)).collect();
    let stays = |name: &str, t: &DataType| {
        !dropped(name)
            && !vectors.contains(&name)
            && !models.iter().any(|model| model == name)
            && (name == column::BOXES || !column::is_heavy(&Schema::new(vec![column::field("any", t.clone())])))
    };
    let fields = schema.fields().iter().filter(|f| stays(f.name(), f.data_type())).cloned().collect::<Vec<_>>();
    Arc::new(Schema::new(fields))
}

/// Whether values of this type are vectors.
pub(super) fn is_vector(t: &DataType) -> bool {
    match t {
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item) => {
            item.data_type().is_floating()
        }
        _ => false,
    }
}

/// What a manifest says beside the file of a picture, its size and its digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Says {
    /// Where in a larger file the picture lies.
    pub members: bool,
    /// The text file that goes with it.
    pub labels: bool,
    /// The split that it is in.
    pub splits: bool,
}

/// The columns of a manifest of a table of these columns.
fn schema(table: &Schema, says: Says) -> SchemaRef {
    let mut fields = vec![column::field(FILE, DataType::Utf8)];
    if says.members {
        fields.push(column::field(MEMBER, DataType::Utf8));
        fields.extend([OFFSET, LENGTH].map(|name| column::field(name, DataType::UInt64)));
    }
    if says.labels {
        fields.push(column::field(LABEL_FILE, DataType::Utf8));
        fields.push(column::field(LABEL_HASH, column::HASH_TYPE));
    }
    fields.extend([column::WIDTH, column::HEIGHT].map(|name| column::field(name, DataType::UInt32)));
    fields.extend([column::CONTENT_HASH, column::SOURCE_HASH].map(|name| column::field(name, column::HASH_TYPE)));
    fields.extend(says.splits.then(|| column::field(column::SPLIT, DataType::Utf8)));
    if table.index_of(column::BOXES).is_ok() {
        fields.push(boxes::field());
    }
    fields.into_iter().fold(kept(table), |schema, field| column::put_field(&schema, field))
}

/// What a row has become.
#[derive(Debug)]
pub(super) struct Entry {
    pub made: Made,
    pub split: Option<&'static str>,
    pub whereabouts: Whereabouts,
    /// The text file beside it, and the digest of that.
    pub label_file: Option<(String, Digest)>,
    pub boxes: Option<Vec<Bounds>>,
}

/// A manifest that is being written: to a temporary file until all names are final.
pub(super) struct Manifest {
    schema: SchemaRef,
    says: Says,
    spool: StreamWriter<BufWriter<File>>,
}

impl Manifest {
    /// Begins the manifest of a table of these columns.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub(super) fn new(table: &Schema, says: Says) -> Result<Manifest, Error> {
        let schema = schema(table, says);
        let file = tempfile::tempfile().map_err(io::Error::temporary)?;
        let spool = StreamWriter::try_new(BufWriter::with_capacity(1 << 16, file), &schema).map_err(full)?;
        Ok(Manifest { schema, says, spool })
    }

    /// Appends rows: what the table says of them, and what they have become.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub(super) fn write(&mut self, rows: &RecordBatch, entries: &[Entry]) -> Result<(), Error> {
        let text = |text: fn(&Entry) -> Option<&str>| -> ArrayRef {
            Arc::new(entries.iter().map(text).collect::<StringArray>())
        };
        let side = |side: fn(&Made) -> u32| -> ArrayRef {
            Arc::new(entries.iter().map(|e| Some(side(&e.made))).collect::<UInt32Array>())
        };
        let digest =
            |digest: fn(&Made) -> [u8; 32]| hashes(&entries.iter().map(|e| Some(digest(&e.made))).collect::<Vec<_>>());
        let number = |number: fn(&Entry) -> u64| -> ArrayRef {
            Arc::new(entries.iter().map(|e| e.whereabouts.member.is_some().then(|| number(e))).collect::<UInt64Array>())
        };
        let boxes = boxes::array(entries.iter().map(|e| e.boxes.as_deref()));
        let labels = hashes(&entries.iter().map(|e| e.label_file.as_ref().map(|(_, d)| *d)).collect::<Vec<_>>());
        let new: [(&str, ArrayRef); 12] = [
            (FILE, text(|e| Some(&e.whereabouts.file))),
            (MEMBER, text(|e| e.whereabouts.member.as_ref().map(|(name, _)| name.as_str()))),
            (OFFSET, number(|e| e.whereabouts.member.as_ref().map_or(0, |(_, at)| *at))),
            (LENGTH, number(|e| e.made.length)),
            (LABEL_FILE, text(|e| e.label_file.as_ref().map(|(file, _)| file.as_str()))),
            (LABEL_HASH, labels),
            (column::SPLIT, text(|e| e.split)),
            (column::WIDTH, side(|made| made.width)),
            (column::HEIGHT, side(|made| made.height)),
            (column::CONTENT_HASH, digest(|made| made.content)),
            (column::SOURCE_HASH, digest(|made| made.source)),
            (column::BOXES, boxes),
        ];
        // A table keeps a column `split` of its own.
        let new = new.into_iter().filter(|(name, _)| self.says.splits || *name != column::SPLIT).collect::<Vec<_>>();
        self.spool.write(&column::put(rows, &self.schema, &new)).map_err(full)
    }

    /// Writes it to `sink`; `renamed` are files that have got another name meanwhile.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(
        mut self,
        sink: Sink,
        provenance: &Provenance,
        renamed: &[(String, String)],
    ) -> Result<(), Error> {
        self.spool.finish().map_err(full)?;
        let mut buffer = self.spool.into_inner().map_err(full)?;
        buffer.flush().map_err(io::Error::temporary)?;
        let mut file = buffer.into_inner().map_err(|e| io::Error::temporary(e.into_error()))?;
        file.rewind().map_err(io::Error::temporary)?;
        let rows = Table::spooled("temporary file", BufReader::new(file))?;
        let mut writer = Writer::new(sink, &self.schema, provenance, StreamFormat::Parquet)?;
        for batch in rows {
            let mut batch = batch?;
            if !renamed.is_empty() {
                let files = column::text(&batch, FILE)?.expect("every manifest has it");
                let name = |file: &str| renamed.iter().find(|(from, _)| from == file).map(|(_, to)| to.clone());
                let files: StringArray =
                    files.iter().map(|file| file.map(|file| name(file).unwrap_or_else(|| file.into()))).collect();
                batch = column::put(&batch, &self.schema, &[(FILE, Arc::new(files))]);
            }
            writer.write(&batch)?;
        }
        Ok(writer.finish()?)
    }
}

fn full(source: ArrowError) -> Error {
    match source {
        ArrowError::IoError(_, source) => io::Error::temporary(source).into(),
        other => crate::table::Error::Arrow { name: "temporary file".into(), source: other }.into(),
    }
}

/// What earlier runs left in the folder: the pictures of their manifests, with what goes with them.
#[derive(Debug)]
pub(super) struct Earlier(pub Known);

impl Earlier {
    /// Knows nothing so far; `settings` are what a manifest has in its footer for [`EXPORT`].
    pub(super) fn new(settings: &str) -> Earlier {
        Earlier(Known::new(EXPORT, settings))
    }
}

impl Record for Earlier {
    fn manifest(&self) -> &'static str {
        MANIFEST
    }

    fn read(&mut self, manifest: &Path, made: &mut dyn FnMut(&str, Digest)) -> bool {
        let Some(table) = record(manifest, EXPORT) else { return false };
        let same = self.0.is_alike(&table.provenance);
        for (content, file) in table.provenance.get(FILES).into_iter().flat_map(str::lines).filter_map(listed) {
            made(file, content);
        }
        let packed = table.has(MEMBER);
        for batch in table.map_while(Result::ok) {
            let text = |name| column::text(&batch, name).ok().flatten();
            let (Some(files), Some(facts)) = (text(FILE), Facts::of(&batch)) else { continue };
            let labels = text(LABEL_FILE);
            let label_hashes = read_hashes(&batch, LABEL_HASH).unwrap_or_else(|_| vec![None; batch.num_rows()]);
            for i in (0..batch.num_rows()).filter(|&i| files.is_valid(i)) {
                if let Some((label, content)) = column::cell(labels.as_ref(), i).zip(label_hashes[i]) {
                    made(label, content);
                }
                let Some(content) = facts.content(i) else { continue };
                let file = (!packed).then(|| files.value(i));
                if let Some(file) = file {
                    made(file, content);
                }
                if let Some(found) = facts.made(i).filter(|_| same) {
                    self.0.insert(file, found);
                }
            }
        }
        true
    }

    fn note(&mut self, file: Option<&str>, content: Digest, note: &str) {
        self.0.note(file, content, note);
    }
}

/// A line of the footer's list of files.
pub(super) fn list(files: &[(String, Digest)]) -> String {
    let line = |(file, content): &(String, Digest)| format!("{} {file}\n", blake3::Hash::from_bytes(*content).to_hex());
    files.iter().map(line).collect()
}

fn listed(line: &str) -> Option<(Digest, &str)> {
    let (content, file) = line.split_once(' ')?;
    Some((*blake3::Hash::from_hex(content).ok()?.as_bytes(), file))
}
