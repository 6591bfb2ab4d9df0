//! A strip along an edge that is no part of the photograph: a bar of one colour with writing in it, as agencies, phones and those
//! who make jokes add.

use super::{Grey, NEARLY};

/// A strip has at least so many lines, and takes at most this share.
const LEAST_LINES: usize = 6;
const MOST: f32 = 0.35;
/// The part of its pixels that have the strip's colour: of a line without writing, of one with it, and of those beyond the strip.
const PLAIN: f32 = 0.98;
const WRITTEN: f32 = 0.3;
const BEYOND: f32 = 0.25;
/// How many lines beyond the strip are looked at, and how many may be of both.
const LINES_BEYOND: usize = 4;
const OF_BOTH: usize = 3;
/// Writing is at least so many lines high and changes its colour so often along each, and is not most of the strip.
const HEIGHT: usize = 3;
const CHANGES: usize = 8;
const MOST_WRITING: f32 = 0.5;

/// The share that the broadest such strip takes; 0: there is none.
pub(super) fn share(grey: &Grey) -> f32 {
    let (width, height) = (grey.width, grey.height);
    let above = strip((0..height).map(|y| grey.row(y)));
    let below = strip((0..height).rev().map(|y| grey.row(y)));
    let left = strip((0..width).map(|x| grey.column(x)));
    let right = strip((0..width).rev().map(|x| grey.column(x)));
    (above.max(below) as f32 / height as f32).max(left.max(right) as f32 / width as f32)
}

/// A line of a strip.
#[derive(Clone, Copy)]
struct Line {
    /// The part of its pixels that have the strip's colour.
    own: f32,
    /// How often it changes between that and others.
    changes: usize,
}

impl Line {
    fn of(line: impl ExactSizeIterator<Item = u8>, colour: u8) -> Line {
        let length = line.len() as f32;
        let (mut own, mut changes, mut before) = (0, 0, true);
        for pixel in line {
            let is_own = pixel.abs_diff(colour) <= NEARLY;
            own += usize::from(is_own);
            changes += usize::from(is_own != before);
            before = is_own;
        }
        Line { own: own as f32 / length, changes }
    }

    fn is_plain(&self) -> bool {
        self.own >= PLAIN
    }
}

/// How many lines from the edge on are a strip.
fn strip<I: ExactSizeIterator<Item = u8> + Clone>(lines: impl ExactSizeIterator<Item = I> + Clone) -> usize {
    let all = lines.len();
    let Some(edge) = lines.clone().next() else { return 0 };
    let colour = middle(edge);
    let (mut within, mut beyond): (Vec<Line>, usize) = (Vec::new(), 0);
    for line in lines {
        let line = Line::of(line, colour);
        // Beyond the strip the picture begins at once, and does not end.
        let is_strip = line.own >= if beyond == 0 { WRITTEN } else { BEYOND };
        match (is_strip, beyond) {
            (true, 0) => within.push(line),
            (true, _) => return 0,
            (false, _) => beyond += 1,
        }
        // Most pictures end here, at their first lines.
        if within.len() as f32 > MOST * all as f32 || beyond == LINES_BEYOND {
            break;
        }
    }
    let count = within.len();
    let of_both = within.iter().rev().take_while(|line| !line.is_plain()).count();
    if beyond < LINES_BEYOND || count < LEAST_LINES || of_both > OF_BOTH || !within[0].is_plain() {
        return 0;
    }
    within.truncate(count - of_both);
    let is_writing = |line: &Line| !line.is_plain() && line.changes >= CHANGES;
    let writing = within.chunk_by(|a, b| is_writing(a) == is_writing(b));
    let is_written = writing.filter(|lines| is_writing(&lines[0])).any(|lines| lines.len() >= HEIGHT);
    let others = within.iter().map(|line| 1.0 - line.own).sum::<f32>();
    if is_written && others < MOST_WRITING * within.len() as f32 { count } else { 0 }
}

/// The middle one of some numbers.
fn middle(numbers: impl Iterator<Item = u8>) -> u8 {
    let mut numbers: Vec<u8> = numbers.collect();
    let half = numbers.len() / 2;
    if numbers.is_empty() { 0 } else { *numbers.select_nth_unstable(half).1 }
}
