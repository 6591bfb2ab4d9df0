//! The pictures of a slice of rows: made on a thread, written where they have files of their own.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;

use super::Error;
use super::classes::class_of;
use super::layout::{Item, Layout};
use super::picture::Recipe;
use super::plan::{Place, Plan};
use crate::failure::Failure;
use crate::image::{self, Flaw};
use crate::io::{Digest, Folder};
use crate::output::made::{Known, Made};
use crate::stage::Skipped;
use crate::table::boxes::{Bounds, Boxes};
use crate::table::{Images, column};

/// What every thread needs.
pub(super) struct Job {
    pub plan: Arc<Plan>,
    pub folder: Arc<Folder>,
    pub known: Known,
    pub layout: Arc<dyn Layout>,
    pub recipe: Recipe,
    pub kept: SchemaRef,
    /// Whether boxes have the numbers of classes.
    pub numbered: bool,
    /// Whether a text file lies beside a picture.
    pub labels: bool,
    /// What makes the same files again.
    pub settings: String,
}

/// What became of a slice of rows.
pub(super) struct Slice {
    /// The rows whose pictures were made, without what no export keeps.
    pub rows: RecordBatch,
    pub pictures: Vec<Picture>,
    pub skipped: Vec<Skipped>,
    /// Rows whose pictures were made, though something is wrong with them.
    pub flawed: Vec<Skipped>,
    pub seen: usize,
    pub vanished: u64,
    /// What boxes are called that are of no class of the data set, box by box.
    pub classless: Vec<String>,
    pub found: u64,
}

/// A picture that was made.
pub(super) struct Picture {
    /// Number of its row.
    pub row: usize,
    pub made: Made,
    /// Empty where it is in its file.
    pub bytes: Vec<u8>,
    pub file: Option<String>,
    pub label_file: Option<(String, Digest)>,
    pub boxes: Option<Vec<Bounds>>,
}

impl Job {
    /// Makes the pictures of rows, the first of which has this number.
    pub(super) fn slice(&self, from: usize, batch: &RecordBatch) -> Result<Slice, Failure> {
        let images = Images::of(batch)?;
        let boxes = Boxes::of(batch)?;
        let labels = column::text(batch, column::LABEL)?;
        let ids = column::ints(batch, column::ID)?;
        let mut slice = Slice {
            rows: RecordBatch::new_empty(self.kept.clone()),
            pictures: Vec::new(),
            skipped: Vec::new(),
            flawed: Vec::new(),
            seen: batch.num_rows(),
            vanished: 0,
            classless: Vec::new(),
            found: 0,
        };
        for i in 0..batch.num_rows() {
            let Some(place) = self.plan.place(from + i) else { continue };
            let row = Row {
                number: from + i,
                place,
                key: images.key(i),
                id: ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i)),
                label: labels.as_ref().filter(|labels| labels.is_valid(i)).map(|labels| labels.value(i)),
                boxes: boxes.as_ref().and_then(|boxes| boxes.get(i)),
            };
            let bytes = match images.read(i) {
                Ok(bytes) => bytes,
                Err(problem) => {
                    slice.skipped.push(Skipped { key: row.key.into(), problem });
                    continue;
                }
            };
            match self.picture(&row, &bytes, &mut slice) {
                Ok(picture) => slice.pictures.push(picture),
                Err(Error::Image(problem)) => {
                    slice.skipped.push(Skipped { key: row.key.into(), problem: problem.to_string() });
                }
                Err(fatal) => return Err(fatal.into()),
            }
        }
        let mut made = vec![false; batch.num_rows()];
        slice.pictures.iter().for_each(|picture| made[picture.row - from] = true);
        let kept = column::put(batch, &self.kept, &[]);
        let rows = arrow_select::filter::filter_record_batch(&kept, &BooleanArray::from(made));
        slice.rows = rows.expect("as many marks as rows");
        Ok(slice)
    }

    /// Makes one picture, and its files where it has some of its own.
    fn picture(&self, row: &Row, bytes: &[u8], slice: &mut Slice) -> Result<Picture, Error> {
        let source = *blake3::hash(bytes).as_bytes();
        let file = self.layout.file(row.place, self.recipe.extension(bytes)?);
        let known = file.as_ref().and_then(|file| self.known.up_to_date(&self.folder, file, &source));
        let sound = self.known.sound(&source).filter(|_| known.is_none());
        // Where nothing is decoded, the end of the file tells.
        let flaw = || image::is_truncated(bytes).then_some(Flaw::Truncated);
        let (made, new, from, flaw) = match known {
            None if sound.is_some() && self.recipe.keeps(bytes)? => {
                slice.found += 1;
                let (width, height) = sound.unwrap_or_default();
                let made = Made { source, content: source, width, height, length: bytes.len() as u64 };
                (made, Some(Cow::Borrowed(bytes)), (width, height), flaw())
            }
            Some(made) => {
                slice.found += 1;
                let from = if row.boxes.is_some() { image::dimensions(bytes)? } else { (made.width, made.height) };
                (made, None, from, flaw())
            }
            None => {
                let picture = self.recipe.apply(bytes, source)?;
                (picture.made, Some(picture.bytes), picture.from, picture.flaw)
            }
        };
        slice.flawed.extend(flaw.map(|flaw| Skipped { key: row.key.into(), problem: flaw.to_string() }));
        let boxes = row.boxes.as_ref().map(|boxes| {
            let mut moved = self.recipe.move_boxes(from, boxes);
            slice.vanished += (boxes.len() - moved.len()) as u64;
            for bounds in moved.iter_mut().filter(|_| self.numbered) {
                bounds.class = class_of(bounds.label.as_deref(), row.place.class, &self.plan.classes);
                if bounds.class.is_none() {
                    slice.classless.extend(bounds.label.clone());
                }
            }
            moved
        });
        let item = Item {
            place: row.place,
            key: row.key,
            id: row.id,
            label: row.label,
            made: &made,
            file: file.as_deref(),
            boxes: boxes.as_deref(),
        };
        let label = self.layout.beside(&item, &self.plan.classes).filter(|_| file.is_some());
        let mut bytes = Vec::new();
        match (&file, new) {
            (Some(file), Some(new)) => self.folder.put(file, &new, &made.content, &made.note())?,
            (Some(file), None) => self.folder.keep(file),
            (None, Some(new)) => {
                self.folder.remark(&made.content, &made.note())?;
                bytes = new.into_owned();
            }
            (None, None) => {}
        }
        let mut label_file = None;
        if let Some((name, text)) = label {
            let content = *blake3::hash(text.as_bytes()).as_bytes();
            self.folder.put(&name, text.as_bytes(), &content, "")?;
            label_file = Some((name, content));
        }
        Ok(Picture { row: row.number, made, bytes, file, label_file, boxes })
    }
}

/// A row that is exported.
struct Row<'a> {
    number: usize,
    place: &'a Place,
    key: &'a str,
    id: Option<i32>,
    label: Option<&'a str>,
    boxes: Option<Vec<Bounds>>,
}
