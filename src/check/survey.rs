//! All rows of a table: what their columns and their pictures say, on several threads.

use arrow_array::{Array, Int32Array, RecordBatch};

use super::{Claims, Depth, Looking, Report, Row, Rows, Rule, Seen, Settings, look};
use crate::duplicates::PerceptualHash;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stage::{go_on, in_order, pool, slices};
use crate::table::boxes::{Bounds, Boxes};
use crate::table::column::{self, read_hashes};
use crate::table::{Error, Images, Table};

/// Rows that one thread works on at a time, with their pictures and without.
const SLICE_ROWS: usize = 16;
const TABLE_SLICE_ROWS: usize = 1024;

/// Looks at all rows on so many threads, then holds them against each other.
///
/// # Errors
/// The table cannot be read, or a column is of a wrong type.
pub(super) fn look_at_all(
    table: Table,
    settings: Settings,
    depth: Depth,
    threads: usize,
    progress: &mut dyn Progress,
) -> Result<Report, Failure> {
    let table = table.with_keys();
    // Pictures of a burst look alike.
    let near = settings.hash_distance.is_some() || settings.quality.is_some();
    let looking = Looking { depth, near, min_size: settings.min_size, quality: settings.quality };
    let mut rows = Rows::new(settings);
    progress.start("check", table.rows);
    let slice = if depth == Depth::Table { TABLE_SLICE_ROWS } else { SLICE_ROWS };
    let work = move |batch: Result<RecordBatch, Error>| {
        let batch = batch?;
        let seen = looking.at(&batch)?;
        Ok::<_, Error>((batch, seen))
    };
    for done in in_order(pool(threads)?, slices(table, slice), work) {
        let (batch, seen) = done?;
        go_on(progress)?;
        push(&mut rows, &batch, seen)?;
        progress.advance(batch.num_rows() as u64);
    }
    progress.finish();
    Ok(rows.finish())
}

impl Looking {
    /// Looks at the pictures of a slice; what the table says already is not computed again.
    fn at(self, batch: &RecordBatch) -> Result<Vec<Seen>, Error> {
        let contents = read_hashes(batch, column::CONTENT_HASH)?;
        let looks = read_looks(batch)?;
        let taken = column::taken(batch);
        let sides = (column::ints(batch, column::WIDTH)?, column::ints(batch, column::HEIGHT)?);
        let side = |side: &Option<Int32Array>, i: usize| {
            side.as_ref().filter(|side| side.is_valid(i)).map(|side| side.value(i).cast_unsigned())
        };
        let size = |i: usize| side(&sides.0, i).zip(side(&sides.1, i));
        let boxes = Boxes::of(batch)?;
        let images = (self.depth != Depth::Table).then(|| Images::of(batch)).transpose()?;
        let look_at = |i: usize| {
            let claims = Claims { name: "", content: contents[i], size: size(i) };
            let mut seen = match &images {
                None => Seen { content: claims.content, size: claims.size, ..Seen::default() },
                Some(images) if images.error(i).is_some() => Seen::default(),
                Some(images) => match images.read(i) {
                    Ok(bytes) => {
                        let name = images.path(i).unwrap_or(images.key(i));
                        let near = self.near && looks[i].is_none();
                        look(&bytes, Claims { name, ..claims }, Looking { near, ..self })
                    }
                    Err(problem) => Seen { problems: vec![(Rule::Missing, problem)], ..Seen::default() },
                },
            };
            // A changed picture looks as it does now.
            let changed = seen.problems.iter().any(|(rule, _)| *rule == Rule::Changed);
            seen.looks = seen.looks.or(looks[i].filter(|_| self.near && !changed));
            // A stage that wrote the picture anew did not write when it was taken.
            let told = taken.as_ref().filter(|taken| self.quality.is_some() && taken.is_valid(i));
            seen.taken = told.map(|taken| taken.value(i)).or(seen.taken);
            for bounds in boxes.as_ref().and_then(|boxes| boxes.get(i)).unwrap_or_default() {
                seen.problems.extend(outside(&bounds, seen.size).map(|problem| (Rule::Box, problem)));
            }
            seen
        };
        Ok((0..batch.num_rows()).map(look_at).collect())
    }
}

fn read_looks(batch: &RecordBatch) -> Result<Vec<Option<PerceptualHash>>, Error> {
    let hashes = read_hashes(batch, column::PERCEPTUAL_HASH)?;
    Ok(hashes.into_iter().map(|hash| hash.map(PerceptualHash::from_bytes)).collect())
}

/// What is wrong with a box in a picture of this size.
fn outside(bounds: &Bounds, size: Option<(u32, u32)>) -> Option<String> {
    const ROUNDING: f32 = 0.01;
    let [x1, y1, x2, y2] = bounds.xyxy;
    let is_one = x1 < x2 && y1 < y2 && bounds.xyxy.iter().all(|side| side.is_finite());
    if !is_one {
        return Some(format!("[{x1}, {y1}, {x2}, {y2}] is no box"));
    }
    let (width, height) = size?;
    let inside = x1 >= -ROUNDING && y1 >= -ROUNDING;
    let inside = inside && x2 <= width as f32 + ROUNDING && y2 <= height as f32 + ROUNDING;
    (!inside).then(|| format!("the box [{x1}, {y1}, {x2}, {y2}] leaves {width} x {height} pixels"))
}

/// Hands the rows of a slice on.
fn push(rows: &mut Rows, batch: &RecordBatch, seen: Vec<Seen>) -> Result<(), Error> {
    let text = |name| column::text(batch, name);
    let keys = text(column::KEY)?.expect("a table with keys");
    let (labels, splits, errors) = (text(column::LABEL)?, text(column::SPLIT)?, text(column::ERROR)?);
    let excluded = text(column::EXCLUDED)?;
    let ids = column::ints(batch, column::ID)?;
    let parents = read_hashes(batch, column::PARENT_HASH)?;
    let boxes = Boxes::of(batch)?;
    for (i, seen) in seen.into_iter().enumerate() {
        rows.push(Row {
            key: keys.value(i),
            id: ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i)),
            label: column::cell(labels.as_ref(), i),
            split: column::cell(splits.as_ref(), i),
            excluded: column::cell(excluded.as_ref(), i).is_some(),
            error: column::cell(errors.as_ref(), i),
            parent: parents[i],
            inside: inside(boxes.as_ref(), column::cell(labels.as_ref(), i), i),
            seen,
        });
    }
    Ok(())
}

/// The classes of a picture's boxes; `None` where the whole picture is of the row's class.
fn inside(boxes: Option<&Boxes>, label: Option<&str>, i: usize) -> Option<Vec<String>> {
    let boxes = boxes?.get(i)?;
    // A box without a label is of the row's class.
    let inside: Vec<String> = boxes.into_iter().map(|bounds| bounds.label).collect::<Option<_>>()?;
    let is_all = label.is_some_and(|label| !inside.is_empty() && inside.iter().all(|inside| inside == label));
    Some(inside).filter(|_| !is_all)
}
