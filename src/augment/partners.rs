//! The pictures of a table that copies may be mixed with: found again by number, none of them in memory.

use std::fs::File;
use std::io::{BufWriter, Cursor, Write};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;

use crate::image;
use crate::io;
use crate::table::boxes::{Bounds, Boxes};
use crate::table::{Error, Images, column};

/// Another picture of the table.
pub(super) struct Partner {
    pub content: [u8; 32],
    pub bytes: Vec<u8>,
    pub boxes: Vec<Bounds>,
}

/// Where a row lies in the file.
struct Place {
    content: [u8; 32],
    start: u64,
    length: u64,
}

/// Rows put away in a temporary file, some 50 bytes of memory each.
pub(super) struct Gathering {
    file: BufWriter<File>,
    end: u64,
    places: Vec<Place>,
}

/// The pictures, sorted by their content.
#[derive(Default)]
pub(super) struct Partners {
    file: Bytes,
    places: Vec<Place>,
}

impl Gathering {
    /// # Errors
    /// There is no room for a temporary file.
    pub(super) fn new() -> Result<Gathering, Error> {
        let file = tempfile::tempfile().map_err(io::Error::temporary)?;
        Ok(Gathering { file: BufWriter::with_capacity(1 << 16, file), end: 0, places: Vec::new() })
    }

    /// Puts a row away.
    ///
    /// # Errors
    /// There is no room in the temporary file.
    pub(super) fn add(&mut self, batch: &RecordBatch, row: usize, content: [u8; 32]) -> Result<(), Error> {
        let broken = |source| Error::Arrow { name: "temporary file".into(), source };
        let wanted = [column::KEY, column::PATH, column::IMAGE, column::BOXES];
        let columns: Vec<usize> = wanted.iter().filter_map(|name| batch.schema().index_of(name).ok()).collect();
        let row = batch.project(&columns).map_err(broken)?.slice(row, 1);
        let mut writer = StreamWriter::try_new(Vec::new(), &row.schema()).map_err(broken)?;
        writer.write(&row).map_err(broken)?;
        let bytes = writer.into_inner().map_err(broken)?;
        self.file.write_all(&bytes).map_err(io::Error::temporary)?;
        self.places.push(Place { content, start: self.end, length: bytes.len() as u64 });
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// # Errors
    /// There is no room in the temporary file.
    pub(super) fn finish(mut self) -> Result<Partners, Error> {
        self.file.flush().map_err(io::Error::temporary)?;
        if self.places.is_empty() {
            return Ok(Partners::default());
        }
        let file = io::map_file(self.file.get_ref()).map_err(io::Error::temporary)?;
        // The same picture twice would be drawn twice as often; which row stands for it does not depend on their order.
        let row = |place: &Place| &file[place.start as usize..(place.start + place.length) as usize];
        self.places.sort_unstable_by(|a, b| a.content.cmp(&b.content).then_with(|| row(a).cmp(row(b))));
        self.places.dedup_by(|a, b| a.content == b.content);
        Ok(Partners { file, places: self.places })
    }
}

impl Partners {
    pub(super) fn count(&self) -> usize {
        self.places.len()
    }

    /// One of them, or `None` where it cannot be read or is not what it was.
    pub(super) fn get(&self, n: usize) -> Option<Partner> {
        let Place { content, start, length } = self.places[n];
        let row = self.file.slice(start as usize..(start + length) as usize);
        let batch = StreamReader::try_new(Cursor::new(row), None).ok()?.next()?.ok()?;
        let bytes = Images::of(&batch).ok()?.read(0).ok()?.into_owned();
        let boxes = Boxes::of(&batch).ok()??.get(0)?;
        let sound = *blake3::hash(&bytes).as_bytes() == content && image::dimensions(&bytes).is_ok();
        sound.then_some(Partner { content, bytes, boxes })
    }
}
