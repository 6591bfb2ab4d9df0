//! The packed copy of an index: an Arrow file whose vectors, codes and columns are used where they lie.
//!
//! Hides: the Arrow file format, what is decoded when, and the codes. Promises: opening costs the same for a thousand
//! rows and for ten million but for some microseconds per 8192 rows; nothing is read that a query does not need; a
//! damaged file is an error, never a wild read. Any program that reads Arrow files can read it too.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int8Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, Int8Array, RecordBatch};
use arrow_buffer::ScalarBuffer;
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::coalesce::BatchCoalescer;
use rayon::prelude::*;

use super::arrow::{ArrowFile, DAMAGED, MARK};
use super::codes::{Codes, encode};
use super::pack::MODEL;
use super::{Chunked, Error};
use crate::guard;
use crate::table::column;

/// Binary logarithm of the rows of a record batch: enough to share out work, few enough to be made in 40 MB.
const SHIFT: u32 = 13;
const BATCH_ROWS: usize = 1 << SHIFT;

const CODE: &str = "embedding_code";
const SCALE: &str = "embedding_scale";
const LOST: &str = "embedding_error";
/// The key in the file's footer under which the digest of everything before the footer stands.
const IDENTITY: &str = MARK;

/// Writes the rows of an index, which come in the order of their keys.
pub(crate) struct PackedWriter<W: Write> {
    blocks: BatchCoalescer,
    schema: SchemaRef,
    dimension: usize,
    writer: FileWriter<Digesting<W>>,
}

/// What is written, and its BLAKE3 digest.
struct Digesting<W> {
    out: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> PackedWriter<W> {
    /// Starts a file for rows of an index table's schema.
    ///
    /// # Errors
    /// `out` fails.
    pub(crate) fn new(out: W, index: &Schema, dimension: usize) -> Result<PackedWriter<W>, ArrowError> {
        let kept = index.fields().iter().filter(|field| field.name() != MODEL);
        let mut fields: Vec<Field> = kept.map(|field| plain(field)).collect();
        let size = i32::try_from(dimension).expect("the table's vectors have a length that fits");
        let numbers = Arc::new(column::field("item", DataType::Int8));
        fields.push(column::field(CODE, DataType::FixedSizeList(numbers, size)));
        fields.extend([SCALE, LOST].map(|name| column::field(name, DataType::Float32)));
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let options = IpcWriteOptions::try_new(64, false, MetadataVersion::V5)?;
        let out = Digesting { out, hasher: blake3::Hasher::new() };
        let writer = FileWriter::try_new_with_options(out, &schema, options)?;
        let rows = Arc::new(Schema::new(schema.fields()[..schema.fields().len() - 3].to_vec()));
        Ok(PackedWriter { blocks: BatchCoalescer::new(rows, BATCH_ROWS), schema, dimension, writer })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// `out` fails.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let rows = self.blocks.schema();
        let columns = rows.fields().iter().map(|field| {
            let column = batch.column_by_name(field.name()).expect("the schema was made from the index's");
            arrow_cast::cast(column, field.data_type())
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        self.blocks.push_batch(RecordBatch::try_new(rows, columns)?)?;
        while let Some(block) = self.blocks.next_completed_batch() {
            self.write_block(&block)?;
        }
        Ok(())
    }

    fn write_block(&mut self, block: &RecordBatch) -> Result<(), ArrowError> {
        let vectors = block.column_by_name(column::EMBEDDING).expect("an index has vectors");
        let vectors = vectors.as_fixed_size_list().values().as_primitive::<Float32Type>().values();
        let mut codes = vec![0i8; vectors.len()];
        let rows = vectors.par_chunks_exact(self.dimension).zip(codes.par_chunks_exact_mut(self.dimension));
        let (scales, lost): (Vec<f32>, Vec<f32>) = rows.map(|(vector, code)| encode(vector, code)).unzip();
        let fields = self.schema.fields();
        let DataType::FixedSizeList(item, size) = fields[fields.len() - 3].data_type() else {
            unreachable!("the schema was made with a list of codes")
        };
        let mut columns = block.columns().to_vec();
        columns.push(Arc::new(FixedSizeListArray::try_new(
            item.clone(),
            *size,
            Arc::new(Int8Array::from(codes)),
            None,
        )?));
        columns.push(Arc::new(Float32Array::from(scales)));
        columns.push(Arc::new(Float32Array::from(lost)));
        self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)
    }

    /// Writes the footer; gives the digest of all before it, which names this very file.
    ///
    /// # Errors
    /// `out` fails.
    pub(crate) fn finish(mut self) -> Result<(W, String), ArrowError> {
        self.blocks.finish_buffered_batch()?;
        while let Some(block) = self.blocks.next_completed_batch() {
            self.write_block(&block)?;
        }
        let identity = self.writer.get_ref().hasher.finalize().to_hex().to_string();
        self.writer.write_metadata(IDENTITY, identity.clone());
        self.writer.finish()?;
        Ok((self.writer.into_inner()?.out, identity))
    }
}

/// A dictionary would be spread over messages of its own; in a mapped file a plain column is as quick.
fn plain(field: &Field) -> Field {
    match field.data_type() {
        DataType::Dictionary(_, value) => Field::new(field.name(), value.as_ref().clone(), field.is_nullable()),
        _ => field.clone(),
    }
}

/// A packed index, mapped.
pub struct Packed {
    name: String,
    file: ArrowFile,
    identity: String,
    dimension: usize,
    vectors: Vec<Float32Array>,
    codes: Vec<Int8Array>,
    scales: Vec<Float32Array>,
    lost: Vec<Float32Array>,
    decoded: Mutex<HashMap<(usize, String), RecordBatch>>,
}

/// Batches that stay decoded. They lie where they are mapped; what is saved is to look through their texts again, for who is
/// asked often.
const MOST_DECODED: usize = 4096;

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed").field("name", &self.name).field("rows", &self.len()).finish_non_exhaustive()
    }
}

impl Packed {
    /// Maps a file that a [`PackedWriter`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, or is no packed index.
    pub fn open(path: &Path) -> Result<Packed, Error> {
        let read = |source| crate::table::Error::from(crate::io::Error::Read { path: path.into(), source });
        let file = crate::io::map(path).map_err(read)?;
        Packed::new(path.display().to_string(), file)
    }

    /// As [`Packed::open`], of bytes.
    ///
    /// # Errors
    /// They are no packed index.
    pub fn new(name: String, bytes: bytes::Bytes) -> Result<Packed, Error> {
        let opened = guard::catch(|| Packed::of(&name, bytes)).unwrap_or_else(|| Err(DAMAGED.into()));
        opened.map_err(|problem| Error::Beside { name, problem })
    }

    fn of(name: &str, bytes: bytes::Bytes) -> Result<Packed, String> {
        let file = ArrowFile::new(bytes)?;
        let identity = file.metadata.iter().find(|(key, _)| key == IDENTITY);
        let identity = identity.map(|(_, value)| value.clone()).ok_or("is an Arrow file, and not one of an index")?;
        let mut packed = Packed {
            name: name.into(),
            file,
            identity,
            dimension: 0,
            vectors: Vec::new(),
            codes: Vec::new(),
            scales: Vec::new(),
            lost: Vec::new(),
            decoded: Mutex::default(),
        };
        for number in 0..packed.file.len() {
            let batch = packed.decode(number, &[column::EMBEDDING, CODE, SCALE, LOST])?;
            let list = |i: usize| batch.column(i).as_fixed_size_list_opt().ok_or(DAMAGED);
            let vectors = list(0)?.values().as_primitive_opt::<Float32Type>().ok_or(DAMAGED)?;
            packed.vectors.push(vectors.clone());
            packed.codes.push(list(1)?.values().as_primitive_opt::<Int8Type>().ok_or(DAMAGED)?.clone());
            packed.scales.push(batch.column(2).as_primitive_opt::<Float32Type>().ok_or(DAMAGED)?.clone());
            packed.lost.push(batch.column(3).as_primitive_opt::<Float32Type>().ok_or(DAMAGED)?.clone());
            packed.dimension = usize::try_from(list(0)?.value_length()).map_err(|_| DAMAGED)?;
            if batch.num_rows() == 0 || list(1)?.value_length() != list(0)?.value_length() {
                return Err(DAMAGED.into());
            }
        }
        // From here on `vectors` and `codes` cannot fail.
        let rows = chunked(&packed.vectors, packed.dimension).map(|v| v.len());
        let same = [
            chunked(&packed.codes, packed.dimension).map(|c| c.len()),
            chunked(&packed.scales, 1).map(|s| s.len()),
            chunked(&packed.lost, 1).map(|l| l.len()),
        ];
        match rows.is_some_and(|rows| rows > 0 && u32::try_from(rows).is_ok()) && same.iter().all(|s| *s == rows) {
            true => Ok(packed),
            false => Err(DAMAGED.into()),
        }
    }

    /// What to call it in a message.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.vectors.iter().map(|v| v.len()).sum::<usize>() / self.dimension
    }

    /// Whether it has no rows, which [`Packed::open`] refuses.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The digest of its contents, as its footer has it.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether the contents are still those of the digest. Reads the whole file.
    pub fn is_intact(&self) -> bool {
        blake3::hash(self.file.contents()).to_hex().as_str() == self.identity
    }

    /// The columns of the index that it holds, without those of the codes.
    pub(super) fn columns(&self) -> Schema {
        let own =
            self.file.schema.fields().iter().filter(|field| ![CODE, SCALE, LOST].contains(&field.name().as_str()));
        Schema::new(own.cloned().collect::<Vec<_>>())
    }

    /// The vectors, of length 1.
    pub fn vectors(&self) -> Chunked<'_, f32> {
        chunked(&self.vectors, self.dimension).expect("checked when it was opened")
    }

    /// The vectors in blocks of whole rows, for who has them for longer than this: they stay mapped.
    pub(crate) fn blocks(&self) -> Vec<ScalarBuffer<f32>> {
        self.vectors.iter().map(|vectors| vectors.values().clone()).collect()
    }

    /// The codes of the vectors.
    pub fn codes(&self) -> Codes<'_> {
        let open = "checked when it was opened";
        Codes {
            codes: chunked(&self.codes, self.dimension).expect(open),
            scales: chunked(&self.scales, 1).expect(open),
            errors: chunked(&self.lost, 1).expect(open),
        }
    }

    /// Record batches of the columns for which `wanted` says so, one for every 8192 rows, decoded when asked for.
    pub(super) fn batches<'a>(
        &'a self,
        wanted: impl Fn(&str) -> bool,
    ) -> impl IndexedParallelIterator<Item = Result<RecordBatch, Error>> + 'a {
        let names: Vec<&str> =
            self.file.schema.fields().iter().map(|f| f.name().as_str()).filter(|n| wanted(n)).collect();
        (0..self.file.len()).into_par_iter().map(move |number| self.batch(number, &names))
    }

    /// The number of the batch that holds this row.
    pub(super) fn batch_number(row: usize) -> usize {
        row >> SHIFT
    }

    /// The number of the first row of a batch.
    pub(super) fn first_row(batch: usize) -> usize {
        batch << SHIFT
    }

    /// The row's place in its batch.
    pub(super) fn place(row: usize) -> usize {
        row & (BATCH_ROWS - 1)
    }

    /// The number of the row of this key.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn row_of(&self, key: &str) -> Result<Option<usize>, Error> {
        let keys = |number: usize| -> Result<arrow_array::StringArray, Error> {
            let batch = self.batch(number, &[column::KEY])?;
            column::text(&batch, column::KEY)?.ok_or_else(|| self.damaged())
        };
        // The batch in which the key must stand: the last whose first key is not greater.
        let (mut low, mut high) = (0, self.file.len());
        while low < high {
            let middle = (low + high) / 2;
            match keys(middle)?.value(0) <= key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let Some(number) = low.checked_sub(1) else { return Ok(None) };
        let keys = keys(number)?;
        let (mut low, mut high) = (0, keys.len());
        while low < high {
            let middle = (low + high) / 2;
            match keys.value(middle) < key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok((low < keys.len() && keys.value(low) == key).then_some((number << SHIFT) + low))
    }

    /// The columns of these names, as far as there are such, of a batch.
    ///
    /// # Errors
    /// The file is damaged.
    pub(super) fn batch(&self, number: usize, names: &[&str]) -> Result<RecordBatch, Error> {
        let key = (number, names.join("\0"));
        let kept = || self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = kept().get(&key) {
            return Ok(batch.clone());
        }
        let batch = guard::catch(|| self.decode(number, names)).unwrap_or_else(|| Err(DAMAGED.into()));
        let batch = batch.map_err(|problem| Error::Beside { name: self.name.clone(), problem })?;
        if batch.num_rows() != self.scales[number].len() {
            return Err(self.damaged());
        }
        let mut kept = kept();
        if kept.len() < MOST_DECODED {
            kept.insert(key, batch.clone());
        }
        Ok(batch)
    }

    /// The columns of this name that there are, in the order of the names.
    fn decode(&self, number: usize, names: &[&str]) -> Result<RecordBatch, String> {
        let places = names.iter().filter_map(|name| self.file.schema.index_of(name).ok()).collect();
        self.file.decode(number, places)
    }

    fn damaged(&self) -> Error {
        Error::Beside { name: self.name.clone(), problem: DAMAGED.into() }
    }
}

fn chunked<T: arrow_array::types::ArrowPrimitiveType>(
    arrays: &[arrow_array::PrimitiveArray<T>],
    width: usize,
) -> Option<Chunked<'_, T::Native>> {
    Chunked::new(arrays.iter().map(|array| array.values().as_ref()).collect(), width, SHIFT)
}
