//! Arrow files that are used where they are mapped. What they hold may make Arrow panic: callers guard themselves.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, MetadataVersion};
use arrow_schema::{ArrowError, SchemaRef};

pub(super) const DAMAGED: &str = "is damaged";

/// The key that stands in the metadata of a packed copy and of a graph.
pub(super) const MARK: &str = "pokedex.identity";

/// An Arrow file whose footer was read.
pub(super) struct ArrowFile {
    file: Buffer,
    pub schema: SchemaRef,
    /// Pairs of the footer's own metadata.
    pub metadata: Vec<(String, String)>,
    blocks: Vec<Block>,
    version: MetadataVersion,
    /// Where the record batches end.
    end: usize,
}

impl ArrowFile {
    /// Reads the footer.
    pub(super) fn new(bytes: bytes::Bytes) -> Result<ArrowFile, String> {
        let damaged = |e: String| format!("{DAMAGED}: {e}");
        let file = Buffer::from(bytes);
        let (start, trailer) = file.split_last_chunk::<10>().ok_or("is too short for an Arrow file")?;
        let length = read_footer_length(*trailer).map_err(|_| "is not an Arrow file, or was cut short")?;
        let begin = start.len().checked_sub(length).ok_or(DAMAGED)?;
        // Between the batches and the footer stands the mark that ends a stream.
        let end = begin.checked_sub(8).ok_or(DAMAGED)?;
        let footer = arrow_ipc::root_as_footer(&start[begin..]).map_err(|e| damaged(e.to_string()))?;
        let schema = arrow_ipc::convert::try_fb_to_schema(footer.schema().ok_or(DAMAGED)?);
        let pairs = footer.custom_metadata().into_iter().flatten();
        Ok(ArrowFile {
            schema: Arc::new(schema.map_err(|e| damaged(e.to_string()))?),
            metadata: pairs.filter_map(|pair| Some((pair.key()?.into(), pair.value()?.into()))).collect(),
            blocks: footer.recordBatches().into_iter().flatten().copied().collect(),
            version: footer.version(),
            end,
            file: file.clone(),
        })
    }

    /// Number of record batches.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// All bytes before the mark that ends the record batches.
    pub(super) fn contents(&self) -> &[u8] {
        &self.file[..self.end]
    }

    /// The columns at these places of a record batch, without a copy.
    pub(super) fn decode(&self, number: usize, places: Vec<usize>) -> Result<RecordBatch, String> {
        let block = &self.blocks[number];
        let whole = |n: i64| usize::try_from(n).map_err(|_| DAMAGED);
        let offset = whole(block.offset())?;
        let length = whole(block.metaDataLength().into())?.checked_add(whole(block.bodyLength())?).ok_or(DAMAGED)?;
        if offset.checked_add(length).is_none_or(|end| end > self.end) {
            return Err(DAMAGED.into());
        }
        let decoder = FileDecoder::new(self.schema.clone(), self.version);
        let decoder = decoder.with_projection(places).with_require_alignment(true);
        let batch = decoder.read_record_batch(block, &self.file.slice_with_length(offset, length));
        batch.map_err(|e: ArrowError| format!("{DAMAGED}: {e}"))?.ok_or_else(|| DAMAGED.into())
    }
}
