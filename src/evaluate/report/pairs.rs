//! The classes that were most often taken for others, and a picture of each.

use std::collections::HashMap;

use crate::evaluate::Evaluation;
use crate::evaluate::answers::Answer;
use crate::failure::Failure;
use crate::image::{self, Colour, Encoding, Filter, Fit};
use crate::metrics::{NO_CLASS, Sample};
use crate::table::{Images, column};

/// Confused pairs that the page shows, and the edge of their pictures in pixels.
const PAIRS: usize = 12;
const EDGE: u32 = 120;

/// A class taken for another, with a picture of each.
pub(super) struct Pair {
    pub truth: u32,
    pub prediction: u32,
    pub count: u64,
    /// A row of the one class that was taken for the other, the surest of them.
    pub mistake: Option<Shown>,
    /// A row that is of the other class.
    pub example: Option<Shown>,
}

/// A row to show.
pub(super) struct Shown {
    pub key: String,
    pub score: Option<f64>,
    /// A small JPEG, where the picture can be read.
    pub picture: Option<Vec<u8>>,
    row: u64,
    right: bool,
}

/// The classes that were most often taken for others.
pub(super) fn worst(sample: &Sample) -> Vec<Pair> {
    let wrong = |&((truth, prediction), _): &((u32, u32), u64)| truth != prediction && prediction != NO_CLASS;
    let mut worst: Vec<((u32, u32), u64)> = sample.confusion().into_iter().filter(wrong).collect();
    worst.sort_by_key(|&(pair, count)| (std::cmp::Reverse(count), pair));
    let pair = |((truth, prediction), count)| Pair { truth, prediction, count, mistake: None, example: None };
    worst.into_iter().take(PAIRS).map(pair).collect()
}

/// Picks a mistake of every pair, and an example of every class that something was taken for.
pub(super) struct Picker<'a> {
    names: &'a [String],
    pairs: &'a mut [Pair],
    /// Where a pair is, and which pairs end in a class.
    mistakes: HashMap<(u32, u32), usize>,
    examples: HashMap<u32, Vec<usize>>,
}

impl<'a> Picker<'a> {
    pub(super) fn new(names: &'a [String], pairs: &'a mut [Pair]) -> Picker<'a> {
        let mut mistakes = HashMap::new();
        let mut examples: HashMap<u32, Vec<usize>> = HashMap::new();
        for (at, pair) in pairs.iter().enumerate() {
            mistakes.insert((pair.truth, pair.prediction), at);
            examples.entry(pair.prediction).or_default().push(at);
        }
        Picker { names, pairs, mistakes, examples }
    }

    /// Looks at a row of this number.
    pub(super) fn look(&mut self, row: u64, answer: &Answer) {
        let place = |name: &str| self.names.binary_search_by(|own| own.as_str().cmp(name)).ok();
        let number = |name: &str| place(name).and_then(|at| u32::try_from(at).ok());
        let (Some(truth), best) = (answer.truth.and_then(number), answer.best.and_then(number)) else { return };
        let right = best == Some(truth);
        let score = answer.score;
        let shown = || Shown { key: answer.key.into(), score, picture: None, row, right };
        let better = |old: &Option<Shown>| old.as_ref().is_none_or(|old| (right, score) > (old.right, old.score));
        if let Some(&at) = best.and_then(|best| self.mistakes.get(&(truth, best)))
            && better(&self.pairs[at].mistake)
        {
            self.pairs[at].mistake = Some(shown());
        }
        for &at in self.examples.get(&truth).into_iter().flatten() {
            if better(&self.pairs[at].example) {
                self.pairs[at].example = Some(shown());
            }
        }
    }
}

/// Gives the rows that were picked their pictures; one that cannot be read goes without. Rows are numbered as they were
/// when they were picked: those of the split alone, where one was asked for.
///
/// # Errors
/// The predictions cannot be read again.
pub(super) fn read_pictures(evaluation: &Evaluation, pairs: &mut [Pair]) -> Result<(), Failure> {
    let predictions = &evaluation.predictions;
    let mut wanted: HashMap<u64, Vec<&mut Shown>> = HashMap::new();
    for shown in pairs.iter_mut().flat_map(|pair| [&mut pair.mistake, &mut pair.example]).flatten() {
        wanted.entry(shown.row).or_default().push(shown);
    }
    let needed = [column::KEY, column::PATH, column::IMAGE, column::SPLIT];
    let table = predictions.source.table(Some(&|name| needed.contains(&name)))?;
    if wanted.is_empty() || !(table.has(column::PATH) || table.has(column::IMAGE)) {
        return Ok(());
    }
    let mut first = 0;
    for batch in table.with_keys() {
        let batch = predictions.columns.chosen(&batch?)?;
        for i in 0..batch.num_rows() {
            let Some(shown) = wanted.remove(&(first + i as u64)) else { continue };
            // A column `image` of another program may be anything.
            let Ok(images) = Images::of(&batch) else { return Ok(()) };
            let picture = images.read(i).ok().and_then(|bytes| thumbnail(&bytes));
            shown.into_iter().for_each(|shown| shown.picture = picture.clone());
        }
        first += batch.num_rows() as u64;
        if wanted.is_empty() {
            break;
        }
    }
    Ok(())
}

/// A picture made small, as JPEG.
fn thumbnail(bytes: &[u8]) -> Option<Vec<u8>> {
    let rgb = image::decode_for(bytes, Colour::WHITE, Some(EDGE)).ok()?;
    let small = rgb.resize(EDGE, EDGE, Fit::Pad, Filter::Lanczos, Colour::WHITE);
    image::encode(&small, Encoding::Jpeg).ok()
}
