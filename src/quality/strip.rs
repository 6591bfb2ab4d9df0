//! A strip along an edge that is no part of the photograph: a bar of one colour with writing in it, as agencies, phones and those
//! who make jokes add.

use super::{Grey, NEARLY};

/// A strip has at least so many lines, and takes at most this share.
const LEAST_LINES: usize = 6;
const MOST: f32 = 0.35;
/// The part of a strip's pixels that its writing takes.
const WRITING: std::ops::Range<f32> = 0.004..0.5;
/// The part of a line that has the strip's colour: at its edges, where there may be writing, and at most beyond it.
const PLAIN: f32 = 0.98;
const WRITTEN: f32 = 0.3;
const BEYOND: f32 = 0.25;
/// How many lines beyond it are looked at.
const LINES_BEYOND: usize = 4;

/// The share that the broadest such strip takes; 0: there is none.
pub(super) fn share(grey: &Grey) -> f32 {
    let (width, height) = (grey.width, grey.height);
    let above = strip((0..height).map(|y| grey.row(y)));
    let below = strip((0..height).rev().map(|y| grey.row(y)));
    let left = strip((0..width).map(|x| grey.column(x)));
    let right = strip((0..width).rev().map(|x| grey.column(x)));
    let lines = (above.max(below), left.max(right));
    (lines.0 as f32 / height as f32).max(lines.1 as f32 / width as f32)
}

/// How many lines from the edge on are a strip.
fn strip<I: ExactSizeIterator<Item = u8> + Clone>(lines: impl ExactSizeIterator<Item = I> + Clone) -> usize {
    let all = lines.len();
    let Some(edge) = lines.clone().next() else { return 0 };
    let colour = middle(edge);
    let own = |line: I| {
        let length = line.len();
        line.filter(|pixel| pixel.abs_diff(colour) <= NEARLY).count() as f32 / length as f32
    };
    let (mut within, mut beyond) = (Vec::new(), Vec::new());
    for line in lines {
        let own = own(line);
        let is_strip = own >= WRITTEN && beyond.is_empty();
        if is_strip {
            within.push(own)
        } else {
            beyond.push(own)
        }
        // Most pictures end here, at their first lines.
        if within.len() as f32 > MOST * all as f32 || beyond.len() == LINES_BEYOND {
            break;
        }
    }
    // The picture begins at once: one line may be of both.
    let begins = beyond.len() == LINES_BEYOND && beyond[1..].iter().all(|&own| own <= BEYOND);
    let count = within.len();
    if count < LEAST_LINES || !begins {
        return 0;
    }
    let plain = |own: &f32| *own >= PLAIN;
    // Writing keeps away from the edge and from the picture.
    let around = within.first().is_some_and(plain) && within[..count - 1].last().is_some_and(plain);
    let writing = within.iter().map(|own| 1.0 - own).sum::<f32>() / count as f32;
    if around && WRITING.contains(&writing) { count } else { 0 }
}

/// The middle one of some numbers.
fn middle(numbers: impl Iterator<Item = u8>) -> u8 {
    let mut numbers: Vec<u8> = numbers.collect();
    let half = numbers.len() / 2;
    if numbers.is_empty() { 0 } else { *numbers.select_nth_unstable(half).1 }
}
