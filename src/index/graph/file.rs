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

use super::walk::NONE;
use super::{CHUNK, Error, Graph, Lists};
use crate::guard;
use crate::index::arrow::{ArrowFile, DAMAGED, MARK};

const NEIGHBOURS: &str = "neighbours";
/// Beside the neighbours of a row the next row of the same code; beside those of a level's node the row that it is.
const ROW: &str = "row";
/// Keys of the schema's metadata. The identity is that of the packed index whose rows these are; the levels are the
/// numbers of their nodes, the largest first.
const SCHEMA: &str = "pokedex.schema";
const IDENTITY: &str = MARK;
const ENTRIES: &str = "pokedex.entries";
const LEVELS: &str = "pokedex.levels";

impl Graph {
    /// Writes the graph of the packed index that has this identity: columns `neighbours`, lists of the same length, and
    /// `row`, whose unused places hold 4294967295, in batches of 8192 rows: first the rows of the table, then each level.
    ///
    /// # Errors
    /// `out` fails.
    pub(crate) fn write(&self, out: &mut impl Write, identity: &str) -> Result<(), Error> {
        let item = Arc::new(Field::new("item", DataType::UInt32, false));
        let size = i32::try_from(self.rows.width).map_err(|e| ArrowError::InvalidArgumentError(e.to_string()))?;
        let lists = Field::new(NEIGHBOURS, DataType::FixedSizeList(item.clone(), size), false);
        let row = Field::new(ROW, DataType::UInt32, false);
        let joined = |numbers: Vec<String>| numbers.join(" ");
        let entries = joined(self.entries.iter().map(u32::to_string).collect());
        let levels = joined(self.levels.iter().map(|level| level.len.to_string()).collect());
        let metadata = [(SCHEMA, "graph"), (IDENTITY, identity), (ENTRIES, &entries), (LEVELS, &levels)];
        let metadata: Metadata =
            metadata.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let schema = Arc::new(Schema::new_with_metadata(vec![lists, row], metadata));
        let options = IpcWriteOptions::try_new(64, false, MetadataVersion::V5)?;
        let mut writer = FileWriter::try_new_with_options(out, &schema, options)?;
        let levels = self.levels.iter().map(|level| (level, &self.order));
        for (lists, rows) in std::iter::once((&self.rows, &self.next)).chain(levels) {
            for (chunk, rows) in lists.chunks.iter().zip(&rows.chunks) {
                let numbers = Arc::new(UInt32Array::new(chunk.clone(), None));
                let lists = FixedSizeListArray::try_new(item.clone(), size, numbers, None)?;
                // The rows of a smaller level are the first of those of the largest.
                let rows = UInt32Array::new(rows.slice(0, lists.len()), None);
                writer.write(&RecordBatch::try_new(schema.clone(), vec![Arc::new(lists), Arc::new(rows)])?)?;
            }
        }
        Ok(writer.finish()?)
    }

    /// Maps the graph of the packed index that has this identity.
    ///
    /// # Errors
    /// The file cannot be read, is no graph, or that of another table. Neighbours that there are not are found by the
    /// searches that meet them.
    pub(crate) fn open(path: &Path, identity: &str) -> Result<Graph, Error> {
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
    let numbers = |text: &str| text.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>();
    let entries = numbers(text(ENTRIES)?).map_err(|_| DAMAGED)?;
    // Graphs of earlier versions have no levels, and a node for every row.
    let levels = schema.metadata().get(LEVELS).map_or(Ok(Vec::new()), |levels| numbers(levels)).map_err(|_| DAMAGED)?;
    let place = schema.index_of(NEIGHBOURS).map_err(|_| DAMAGED)?;
    let row = schema.index_of(ROW).ok();
    let DataType::FixedSizeList(_, degree) = schema.field(place).data_type() else { return Err(DAMAGED.into()) };
    let degree = usize::try_from(*degree).ok().filter(|degree| *degree > 0).ok_or(DAMAGED)?;
    let mut chunks: Vec<(ScalarBuffer<u32>, ScalarBuffer<u32>)> = Vec::new();
    for number in 0..file.len() {
        let batch = file.decode(number, std::iter::once(place).chain(row).collect())?;
        let lists = batch.column_by_name(NEIGHBOURS).and_then(|lists| lists.as_fixed_size_list_opt()).ok_or(DAMAGED)?;
        let numbers = lists.values().as_primitive_opt::<UInt32Type>().ok_or(DAMAGED)?;
        let rows = batch.column_by_name(ROW).map(|rows| rows.as_primitive_opt::<UInt32Type>().ok_or(DAMAGED));
        let rows = rows.transpose()?.cloned().unwrap_or_else(|| UInt32Array::new(vec![NONE; lists.len()].into(), None));
        let nulls = lists.null_count() + numbers.null_count() + rows.null_count();
        if nulls > 0 || numbers.len() != lists.len() * degree || !(1..=CHUNK).contains(&lists.len()) {
            return Err(DAMAGED.into());
        }
        chunks.push((numbers.values().clone(), rows.values().clone()));
    }
    let above: usize = levels.iter().map(|level| *level as usize).sum();
    let all: usize = chunks.iter().map(|(_, rows)| rows.len()).sum();
    let rows = all.checked_sub(above).ok_or(DAMAGED)?;
    let known = |row: &u32| (*row as usize) < rows;
    if u32::try_from(rows).is_err() || entries.is_empty() != (rows == 0) || !entries.iter().all(known) {
        return Err(DAMAGED.into());
    }
    let mut chunks = chunks.into_iter();
    // Lists, and the rows beside them, of the next so many nodes.
    let mut take = |nodes: usize, below: usize| -> Result<(Lists, Lists), String> {
        let (lists, beside): (Vec<_>, Vec<_>) = chunks.by_ref().take(nodes.div_ceil(CHUNK)).unzip();
        let full = beside.iter().rev().skip(1).all(|rows| rows.len() == CHUNK);
        match full && beside.iter().map(|rows| rows.len()).sum::<usize>() == nodes {
            true => Ok((
                Lists { chunks: lists, len: nodes, width: degree, below },
                Lists { chunks: beside, len: nodes, width: 1, below: rows },
            )),
            false => Err(DAMAGED.into()),
        }
    };
    let (lists, next) = take(rows, rows)?;
    let (mut above, mut order) = (Vec::new(), Lists::default());
    let mut larger = rows;
    for level in levels {
        let nodes = Some(level as usize).filter(|nodes| (1..=larger).contains(nodes)).ok_or(DAMAGED)?;
        let (lists, rows) = take(nodes, nodes)?;
        if above.is_empty() {
            order = rows;
        }
        above.push(lists);
        larger = nodes;
    }
    Ok(Some(Graph { name: name.into(), rows: lists, next, levels: above, order, entries }))
}
