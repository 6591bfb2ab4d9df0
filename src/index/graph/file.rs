//! A graph's file: Arrow, so that other programs can read it, and used where it is mapped.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, FixedSizeListArray, RecordBatch, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, DataType, Field, Metadata, Schema};

use super::{CHUNK, Error, Graph};
use crate::guard;
use crate::index::arrow::{ArrowFile, DAMAGED};

const NEIGHBOURS: &str = "neighbours";
/// Keys of the schema's metadata. The identity is that of the packed index whose rows these are.
const SCHEMA: &str = "pokedex.schema";
const IDENTITY: &str = "pokedex.identity";
const ENTRIES: &str = "pokedex.entries";

impl Graph {
    /// Writes the graph of the packed index that has this identity: a column `neighbours` of lists of the same length,
    /// whose unused places hold 4294967295, in batches of 8192 rows.
    ///
    /// # Errors
    /// `out` fails.
    pub fn write(&self, out: &mut impl Write, identity: &str) -> Result<(), Error> {
        let item = Arc::new(Field::new("item", DataType::UInt32, false));
        let size = i32::try_from(self.degree).map_err(|e| ArrowError::InvalidArgumentError(e.to_string()))?;
        let lists = DataType::FixedSizeList(item.clone(), size);
        let entries: Vec<String> = self.entries.iter().map(u32::to_string).collect();
        let metadata = [(SCHEMA, "graph"), (IDENTITY, identity), (ENTRIES, &entries.join(" "))];
        let metadata: Metadata =
            metadata.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let schema = Arc::new(Schema::new_with_metadata(vec![Field::new(NEIGHBOURS, lists, false)], metadata));
        let options = IpcWriteOptions::try_new(64, false, MetadataVersion::V5)?;
        let mut writer = FileWriter::try_new_with_options(out, &schema, options)?;
        for chunk in &self.chunks {
            let numbers = Arc::new(UInt32Array::new(chunk.clone(), None));
            let lists = FixedSizeListArray::try_new(item.clone(), size, numbers, None)?;
            writer.write(&RecordBatch::try_new(schema.clone(), vec![Arc::new(lists)])?)?;
        }
        Ok(writer.finish()?)
    }

    /// Maps the graph of the packed index that has this identity.
    ///
    /// # Errors
    /// The file cannot be read, is no graph, or that of another table. Neighbours that there are not are found by the
    /// searches that meet them.
    pub fn open(path: &Path, identity: &str) -> Result<Graph, Error> {
        let read = |source| crate::io::Error::Read { path: path.into(), source };
        let file = crate::io::map(path).map_err(read)?;
        Graph::read(path.display().to_string(), file, identity)
    }

    /// As [`Graph::open`], of bytes.
    ///
    /// # Errors
    /// They are no graph, or that of another table.
    pub fn read(name: String, bytes: bytes::Bytes, identity: &str) -> Result<Graph, Error> {
        let graph = guard::catch(|| read(&name, bytes, identity)).unwrap_or_else(|| Err(DAMAGED.into()));
        match graph.map_err(|problem| Error::Damaged { name: name.clone(), problem })? {
            Some(graph) => Ok(graph),
            None => Err(Error::OtherTable { name }),
        }
    }
}

/// `None`: it is the graph of another table.
fn read(name: &str, bytes: bytes::Bytes, identity: &str) -> Result<Option<Graph>, String> {
    let file = ArrowFile::new(bytes)?;
    let schema = &file.schema;
    let text = |key: &str| schema.metadata().get(key).ok_or("is an Arrow file, and not a graph");
    if text(SCHEMA)? != "graph" {
        return Err("is an Arrow file, and not a graph".into());
    }
    if text(IDENTITY)? != identity {
        return Ok(None);
    }
    let entries = text(ENTRIES)?.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>();
    let entries = entries.map_err(|_| DAMAGED)?;
    let place = schema.index_of(NEIGHBOURS).map_err(|_| DAMAGED)?;
    let DataType::FixedSizeList(_, degree) = schema.field(place).data_type() else { return Err(DAMAGED.into()) };
    let degree = usize::try_from(*degree).ok().filter(|degree| *degree > 0).ok_or(DAMAGED)?;
    let mut chunks: Vec<ScalarBuffer<u32>> = Vec::new();
    let mut rows = 0;
    for number in 0..file.len() {
        let batch = file.decode(number, vec![place])?;
        let lists = batch.column(0).as_fixed_size_list_opt().filter(|lists| lists.null_count() == 0).ok_or(DAMAGED)?;
        let numbers = lists.values().as_primitive_opt::<UInt32Type>().ok_or(DAMAGED)?;
        let full = rows % CHUNK == 0 && (1..=CHUNK).contains(&lists.len());
        if !full || numbers.len() != lists.len() * degree || numbers.null_count() > 0 {
            return Err(DAMAGED.into());
        }
        rows += lists.len();
        chunks.push(numbers.values().clone());
    }
    let known = |row: &u32| (*row as usize) < rows;
    if u32::try_from(rows).is_err() || entries.is_empty() != (rows == 0) || !entries.iter().all(known) {
        return Err(DAMAGED.into());
    }
    Ok(Some(Graph { name: name.into(), chunks, rows, degree, entries }))
}
