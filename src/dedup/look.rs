//! One picture: its content, its looks, and what decides whether it is kept.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use arrow_array::{Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, SchemaRef};

use super::rows::{Facts, FileId};
use super::storage::Storage;
use crate::camera::{self, Shot};
use crate::duplicates::{Appearance, Sketch};
use crate::failure::Failure;
use crate::guard;
use crate::image::{self, Colour, Format};
use crate::io;
use crate::stage::Skipped;
use crate::table::column::{self, hashes, read_hashes};
use crate::table::{Error, Images};

/// A JPEG need not be decoded larger than this.
const EDGE: u32 = 128;

/// How pictures are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Whether it matters what they look like, or only their bytes.
    pub looks: bool,
    /// Whether they may be parts of one another.
    pub parts: bool,
}

/// What was seen of a row.
#[derive(Default)]
pub(super) struct Seen {
    pub key: String,
    /// Where its picture is, if that is not in the table.
    pub path: Option<String>,
    /// `None`: it takes no part.
    pub content: Option<[u8; 32]>,
    /// `None`: it is nobody's copy but by its bytes.
    pub appearance: Option<Appearance>,
    /// `None`: it is nobody's part.
    pub sketch: Option<Sketch>,
    pub facts: Facts,
    pub file: Option<FileId>,
    pub is_link: bool,
}

/// What was seen of some rows.
pub(super) struct Slice {
    /// The rows, with their hashes and errors.
    pub batch: RecordBatch,
    pub seen: Vec<Seen>,
    pub skipped: Vec<Skipped>,
    pub flawed: Vec<Skipped>,
}

impl Look {
    /// The columns of a table of which rows were looked at.
    pub(super) fn schema(self, input: &SchemaRef) -> SchemaRef {
        let mut schema = column::put_field(input, column::field(column::CONTENT_HASH, column::HASH_TYPE));
        if self.looks {
            schema = column::put_field(&schema, column::field(column::PERCEPTUAL_HASH, column::HASH_TYPE));
        }
        column::put_field(&schema, column::field(column::ERROR, DataType::Utf8))
    }

    /// Looks at some rows.
    ///
    /// # Errors
    /// A column is of a wrong type.
    pub(super) fn at(self, batch: &RecordBatch, schema: &SchemaRef) -> Result<Slice, Failure> {
        let images = Images::of(batch)?;
        let contents = read_hashes(batch, column::CONTENT_HASH)?;
        let said = Said::of(batch)?;
        let (mut rows, mut errors): (Vec<Seen>, Vec<Option<String>>) = (Vec::new(), Vec::new());
        let (mut skipped, mut flawed) = (Vec::new(), Vec::new());
        for (i, content) in contents.into_iter().enumerate() {
            let is_inside = images.bytes(i).is_some();
            let path = images.path(i).filter(|_| !is_inside).map(str::to_string);
            let mut seen = Seen { key: images.key(i).into(), path, content, ..Seen::default() };
            if let Some(error) = images.error(i) {
                seen.content = None;
                errors.push(Some(error.into()));
                rows.push(seen);
                continue;
            }
            seen.facts = said.facts(i);
            seen.stat();
            let mut problem = None;
            if self.looks || content.is_none() {
                let flaw = images.read(i).and_then(|bytes| seen.look(&bytes, self));
                match flaw {
                    Ok(flaw) => flawed.extend(flaw.map(|flaw| Skipped { key: seen.key.clone(), problem: flaw })),
                    Err(why) => {
                        skipped.push(Skipped { key: seen.key.clone(), problem: why.clone() });
                        seen.content = None;
                        problem = Some(why);
                    }
                }
            }
            errors.push(problem);
            rows.push(seen);
        }
        let contents: Vec<_> = rows.iter().map(|seen| seen.content).collect();
        let mut new = vec![
            (column::CONTENT_HASH, hashes(&contents)),
            (column::ERROR, Arc::new(StringArray::from(errors)) as arrow_array::ArrayRef),
        ];
        if self.looks {
            let looks: Vec<_> =
                rows.iter().map(|seen| seen.appearance.as_ref().map(|looks| looks.hash.to_bytes())).collect();
            new.push((column::PERCEPTUAL_HASH, hashes(&looks)));
        }
        Ok(Slice { batch: column::put(batch, schema, &new), seen: rows, skipped, flawed })
    }
}

impl Seen {
    /// Which file it is, and since when.
    fn stat(&mut self) {
        let Some(path) = self.path.as_deref().and_then(io::local_file) else { return };
        let Ok(about) = std::fs::metadata(&path) else { return };
        if about.is_file() {
            self.file = Some(FileId { device: about.dev(), inode: about.ino() });
            self.is_link = path.is_symlink();
            self.facts.bytes = about.len();
            self.facts.modified = Some(about.mtime());
        }
    }

    /// Looks at its bytes; says what is wrong with a picture that can be seen all the same.
    fn look(&mut self, bytes: &[u8], wanted: Look) -> Result<Option<String>, String> {
        self.content = Some(*blake3::hash(bytes).as_bytes());
        let mut facts = facts_of(bytes).map_err(|e| e.to_string())?;
        facts.modified = self.facts.modified;
        self.facts = facts;
        // Of an animation only the first frame would be compared, of a raw file the preview, which may lie beside it.
        let is_still = image::frames(bytes) == 1 && image::format(bytes) != Ok(Format::Raw);
        if !wanted.looks || !is_still {
            return Ok(None);
        }
        let decoded = image::decode_with_flaw(bytes, Colour::WHITE, Some(EDGE));
        let (picture, flaw) = decoded.map_err(|e| e.to_string())?;
        self.facts.is_flawed |= flaw.is_some();
        self.appearance = Appearance::of(&picture);
        self.sketch = (wanted.parts && self.appearance.is_some()).then(|| Sketch::of(&picture));
        Ok(flaw.map(|flaw| flaw.to_string()))
    }
}

/// What a file's bytes say of it.
pub(super) fn facts_of(bytes: &[u8]) -> Result<Facts, image::Error> {
    let (width, height) = image::dimensions(bytes)?;
    let shot = guard::catch(|| camera::read(bytes, None)).unwrap_or_default();
    Ok(Facts {
        width,
        height,
        bytes: bytes.len() as u64,
        format: Storage::of(bytes),
        is_flawed: image::is_truncated(bytes),
        has_shot: shot != Shot::default(),
        taken: shot.taken.map(|micros| micros.div_euclid(1_000_000)),
        modified: None,
        is_known: true,
    })
}

/// What a table says of its pictures.
struct Said {
    sides: [Option<Int32Array>; 2],
    taken: Option<TimestampMicrosecondArray>,
}

impl Said {
    fn of(batch: &RecordBatch) -> Result<Said, Error> {
        let sides = [column::ints(batch, column::WIDTH)?, column::ints(batch, column::HEIGHT)?];
        Ok(Said { sides, taken: column::taken(batch) })
    }

    fn facts(&self, i: usize) -> Facts {
        let side = |side: &Option<Int32Array>| {
            side.as_ref().filter(|side| side.is_valid(i)).map_or(0, |side| side.value(i).cast_unsigned())
        };
        let taken = self.taken.as_ref().filter(|taken| taken.is_valid(i));
        let taken = taken.map(|taken| taken.value(i).div_euclid(1_000_000));
        let [width, height] = [&self.sides[0], &self.sides[1]].map(side);
        Facts { width, height, taken, has_shot: taken.is_some(), ..Facts::default() }
    }
}
