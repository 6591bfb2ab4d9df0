//! An object that is read in ranges, as a file is.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::address::Address;
use super::bucket::{Place, Wanted, place};
use super::patience::patiently;

/// So many bytes are fetched at once, where fewer are asked for.
const BLOCK: u64 = 1 << 20;
/// So many blocks are kept: a reader of several columns goes back and forth among them.
const BLOCKS: usize = 8;

/// An object of which parts can be read, each as often as one likes.
#[derive(Clone)]
pub(crate) struct Object(Arc<Inner>);

struct Inner {
    place: Place,
    name: String,
    length: u64,
    /// What must not change while it is read.
    tag: Option<String>,
    /// The last ones first.
    blocks: Mutex<Vec<(u64, Arc<Vec<u8>>)>>,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Object").field(&self.0.name).finish()
    }
}

impl Object {
    /// Looks for an object.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub(crate) fn open(address: &Address) -> io::Result<Object> {
        let place = place(address)?;
        let first = patiently(|| place.get(Wanted::Part { from: 0, length: BLOCK, tag: None }, BLOCK))?;
        let length = first.length.ok_or_else(|| io::Error::other("the server does not say how long it is"))?;
        let tag = first.version.etag.filter(|tag| !tag.starts_with("W/"));
        let blocks = Mutex::new(vec![(0, Arc::new(first.bytes))]);
        Ok(Object(Arc::new(Inner { place, name: address.to_string(), length, tag, blocks })))
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        self.0.length
    }

    /// Fills a buffer from a place on; fewer bytes where the object or a block ends.
    pub(crate) fn read_at(&self, buffer: &mut [u8], from: u64) -> io::Result<usize> {
        if from >= self.0.length || buffer.is_empty() {
            return Ok(0);
        }
        let number = from / BLOCK;
        let block = self.block(number)?;
        let at = usize::try_from(from - number * BLOCK).expect("below the length of a block");
        let some = buffer.len().min(block.len().saturating_sub(at));
        buffer[..some].copy_from_slice(&block[at..at + some]);
        match some {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            some => Ok(some),
        }
    }

    /// A part that is asked for once, by one request.
    pub(crate) fn part(&self, from: u64, length: u64) -> io::Result<Vec<u8>> {
        let length = length.min(self.0.length.saturating_sub(from));
        if length == 0 {
            return Ok(Vec::new());
        }
        let inner = &self.0;
        let wanted = Wanted::Part { from, length, tag: inner.tag.as_deref() };
        let part = patiently(|| inner.place.get(wanted, length))?.bytes;
        if (part.len() as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(part) }
    }

    fn block(&self, number: u64) -> io::Result<Arc<Vec<u8>>> {
        let mut blocks = self.0.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = blocks.iter().position(|(own, _)| *own == number) {
            let found = blocks.remove(at);
            blocks.insert(0, found.clone());
            return Ok(found.1);
        }
        drop(blocks);
        let block = Arc::new(self.part(number * BLOCK, BLOCK)?);
        let mut blocks = self.0.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.insert(0, (number, block.clone()));
        blocks.truncate(BLOCKS);
        Ok(block)
    }
}
