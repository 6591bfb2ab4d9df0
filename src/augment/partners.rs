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
use crate::table::soft_labels::{Shows, SoftLabel};
use crate::table::{Error, Images, column};

/// Another picture of the table.
pub(super) struct Partner {
    pub content: [u8; 32],
    pub bytes: Vec<u8>,
    /// None where nobody has looked.
    pub boxes: Vec<Bounds>,
    /// None where it has no class.
    pub labels: Vec<SoftLabel>,
}

/// What is known of partners: what is where in them, or of which class they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Boxes,
    Class,
}

/// Where a row lies in the file.
struct Place {
    content: [u8; 32],
    start: u64,
    length: u64,
    has_boxes: bool,
    has_class: bool,
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
    /// The places of those that have boxes, and of those that have a class.
    boxed: Vec<u32>,
    classed: Vec<u32>,
    /// What all of them are, in 16 bytes.
    identity: [u8; 16],
}

impl Gathering {
    /// # Errors
    /// There is no room for a temporary file.
    pub(super) fn new() -> Result<Gathering, Error> {
        let file = tempfile::tempfile().map_err(io::Error::temporary)?;
        Ok(Gathering { file: BufWriter::with_capacity(1 << 16, file), end: 0, places: Vec::new() })
    }

    /// Puts a row away, of which boxes or a class are known, or both.
    ///
    /// # Errors
    /// There is no room in the temporary file.
    pub(super) fn add(
        &mut self,
        batch: &RecordBatch,
        row: usize,
        content: [u8; 32],
        known: &[Known],
    ) -> Result<(), Error> {
        let broken = |source| Error::Arrow { name: "temporary file".into(), source };
        let wanted =
            [column::KEY, column::PATH, column::IMAGE, column::BOXES, column::LABEL, column::ID, column::SOFT_LABELS];
        let columns: Vec<usize> = wanted.iter().filter_map(|name| batch.schema().index_of(name).ok()).collect();
        let row = batch.project(&columns).map_err(broken)?.slice(row, 1);
        let mut writer = StreamWriter::try_new(Vec::new(), &row.schema()).map_err(broken)?;
        writer.write(&row).map_err(broken)?;
        let bytes = writer.into_inner().map_err(broken)?;
        self.file.write_all(&bytes).map_err(io::Error::temporary)?;
        let (has_boxes, has_class) = (known.contains(&Known::Boxes), known.contains(&Known::Class));
        self.places.push(Place { content, start: self.end, length: bytes.len() as u64, has_boxes, has_class });
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
        let mut identity = blake3::Hasher::new();
        for place in &self.places {
            identity.update(&place.content).update(blake3::hash(row(place)).as_bytes());
        }
        let those = |is_one: fn(&Place) -> bool| {
            (0..).zip(&self.places).filter(|(_, place)| is_one(place)).map(|(n, _)| n).collect()
        };
        let (boxed, classed) = (those(|place| place.has_boxes), those(|place| place.has_class));
        let identity = *identity.finalize().as_bytes().first_chunk().expect("16 of 32 bytes");
        Ok(Partners { file, places: self.places, boxed, classed, identity })
    }
}

impl Partners {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What copies that may be mixed with any of them follow from, beside their own parent.
    pub(super) fn identity(&self) -> &[u8; 16] {
        &self.identity
    }

    fn of(&self, known: Known) -> &[u32] {
        match known {
            Known::Boxes => &self.boxed,
            Known::Class => &self.classed,
        }
    }

    /// How many there are of which this is known.
    pub(super) fn count(&self, known: Known) -> usize {
        self.of(known).len()
    }

    /// One of those, or `None` where it cannot be read or is not what it was.
    pub(super) fn get(&self, known: Known, n: usize) -> Option<Partner> {
        let Place { content, start, length, .. } = self.places[self.of(known)[n] as usize];
        let row = self.file.slice(start as usize..(start + length) as usize);
        let batch = StreamReader::try_new(Cursor::new(row), None).ok()?.next()?.ok()?;
        let bytes = Images::of(&batch).ok()?.read(0).ok()?.into_owned();
        let boxes = Boxes::of(&batch).ok()?.and_then(|boxes| boxes.get(0)).unwrap_or_default();
        let labels = Shows::of(&batch).ok()?.get(0);
        let sound = *blake3::hash(&bytes).as_bytes() == content && image::dimensions(&bytes).is_ok();
        sound.then_some(Partner { content, bytes, boxes, labels })
    }
}
