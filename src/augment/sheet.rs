//! The contact sheet: a picture a line, and to its right what becomes of it.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::copy::{Augmenter, Shown};
use super::partners::Partners;
use crate::failure::Failure;
use crate::image::{self, Colour, Encoding, Filter, Fit, Rgb};
use crate::io::{self, Sink};
use crate::progress::Progress;
use crate::stage::{Work, in_order, pool};
use crate::table::Images;
use crate::table::boxes::{Bounds, Boxes};
use crate::table::soft_labels::Shows;

/// Pictures, and cells a line: the picture itself and its copies.
pub(super) const LINES: usize = 8;
const CELLS: usize = 8;
/// Sides of a cell and of what lies between them, in pixels.
const CELL: u32 = 160;
const GAP: u32 = 4;
const FRAME: Colour = Colour([40; 3]);
const BOX: [u8; 3] = [255, 45, 85];

/// Draws the sheet of some rows of one picture each.
///
/// # Errors
/// None of the pictures can be read, or the sheet cannot be written.
pub(super) fn draw(
    (path, mut sink): (&Path, Sink),
    samples: Vec<RecordBatch>,
    augmenter: &Arc<Augmenter>,
    partners: &Arc<Partners>,
    work: &Work,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    progress.start("preview", Some(samples.len() as u64));
    let (augmenter, partners) = (augmenter.clone(), partners.clone());
    let drawn = in_order(pool(work.threads)?, samples.into_iter(), move |sample| line(&sample, &augmenter, &partners));
    let mut lines = Vec::new();
    for line in drawn {
        progress.advance(1);
        lines.extend(line?);
    }
    progress.finish();
    if lines.is_empty() {
        return Err(Failure::failed("no picture of train can be read", Some("pokedex scan --verify INPUT".into())));
    }
    let fail = |source| io::Error::Write { path: path.into(), source };
    sink.write_all(&sheet(&lines)?).map_err(fail)?;
    sink.finish()?;
    progress.done(&format!("{}: {} pictures and their copies", path.display(), lines.len()));
    Ok(())
}

/// A line of the sheet: the picture of a batch's only row and its first copies; `None` where it cannot be read.
fn line(batch: &RecordBatch, augmenter: &Augmenter, partners: &Arc<Partners>) -> Result<Option<Vec<Rgb>>, Failure> {
    let images = Images::of(batch)?;
    let boxes = Boxes::of(batch)?.and_then(|boxes| boxes.get(0));
    let labels = Shows::of(batch)?.get(0);
    let Ok(bytes) = images.read(0) else { return Ok(None) };
    let content = *blake3::hash(&bytes).as_bytes();
    let (Ok(own), Ok(picture)) = (image::decode(&bytes, augmenter.background), augmenter.decode(&bytes)) else {
        return Ok(None);
    };
    let mut cells = vec![cell(&own, boxes.as_deref())];
    for copy in 1..CELLS as u32 {
        let shown = Shown { content: &content, boxes: boxes.as_deref(), labels: &labels };
        let made = augmenter.copy(&picture, shown, copy, partners);
        cells.push(cell(&made.picture, made.boxes.as_deref()));
    }
    Ok(Some(cells))
}

/// A picture made to fit, with its boxes drawn.
fn cell(picture: &Rgb, boxes: Option<&[Bounds]>) -> Rgb {
    let mut cell = picture.resize(CELL, CELL, Fit::Pad, Filter::Bilinear, FRAME);
    let (width, height, side) = (f64::from(picture.width), f64::from(picture.height), f64::from(CELL));
    let factor = (side / width).min(side / height);
    let (left, top) = ((side - width * factor) / 2.0, (side - height * factor) / 2.0);
    for Bounds { xyxy, .. } in boxes.unwrap_or_default() {
        let place = |at: f32, free: f64| (f64::from(at) * factor + free).clamp(1.0, side - 1.0) as u32;
        let ([x1, x2], [y1, y2]) =
            ([xyxy[0], xyxy[2]].map(|x| place(x, left)), [xyxy[1], xyxy[3]].map(|y| place(y, top)));
        let mut paint = |x: u32, y: u32| {
            let at = ((y * CELL + x) * 3) as usize;
            cell.pixels[at..at + 3].copy_from_slice(&BOX);
        };
        // Lines are two pixels wide.
        let line = |at: u32| [at.saturating_sub(1), at];
        for x in x1.saturating_sub(1)..=x2 {
            line(y1).into_iter().chain(line(y2)).for_each(|y| paint(x, y));
        }
        for y in y1.saturating_sub(1)..=y2 {
            line(x1).into_iter().chain(line(x2)).for_each(|x| paint(x, y));
        }
    }
    cell
}

/// Says in a sheet (as a PNG's chunk, with its length and check) that it is one, so that only sheets are replaced by sheets.
const MARK: &[u8] = b"\0\0\0\x22tEXtSoftware\0pokedex augment --preview\x3f\x76\xb1\x03";

/// Whether a file that begins so is a sheet.
pub(super) fn is_one(start: &[u8]) -> bool {
    start.windows(MARK.len()).any(|window| window == MARK)
}

/// Where the header of a PNG ends: after its signature and its chunk `IHDR`.
const AFTER_HEADER: usize = 8 + 25;

/// The whole sheet as a PNG.
fn sheet(lines: &[Vec<Rgb>]) -> Result<Vec<u8>, Failure> {
    let side = |cells: usize| cells as u32 * (CELL + GAP) + GAP;
    let (width, height) = (side(CELLS), side(lines.len()));
    let mut sheet = Rgb { width, height, pixels: FRAME.0.repeat(width as usize * height as usize) };
    for (down, line) in lines.iter().enumerate() {
        for (across, cell) in line.iter().enumerate() {
            let (left, top) = (side(across) as usize, side(down) as usize);
            for (y, row) in cell.pixels.chunks_exact(CELL as usize * 3).enumerate() {
                let at = ((top + y) * width as usize + left) * 3;
                sheet.pixels[at..at + row.len()].copy_from_slice(row);
            }
        }
    }
    let mut png = image::encode(&sheet, Encoding::Png).map_err(|e| Failure::failed(e.to_string(), None))?;
    png.splice(AFTER_HEADER..AFTER_HEADER, MARK.iter().copied());
    Ok(png)
}
