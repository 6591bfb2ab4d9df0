//! What candidates are worth, and how that falls.

use rayon::prelude::*;

use super::rows::{Gathered, Matrix};
use super::{By, Options};
use crate::index::dot;
use crate::matrix;

/// So many rows stand for all where each is compared with all.
const SPOKESMEN: usize = 4096;
const NEIGHBOURHOOD: usize = 16_384;
/// Neighbours by which a row's surroundings are told.
const NEIGHBOURS: usize = 10;
/// Rows whose products with others are made at once.
const TILE: usize = 256;

/// All that counts of a candidate, added up.
pub(super) struct Worths<'a> {
    parts: Vec<(f32, Part<'a>)>,
}

enum Part<'a> {
    /// Does not change: from 0 to 1, with what it was made of, and the word for that.
    Fixed {
        values: Vec<f32>,
        measures: Vec<f32>,
        say: fn(f32) -> String,
    },
    Far(Far<'a>),
    Covers(Covers<'a>),
    /// The quotas see to it.
    Balanced,
    Random,
}

/// How far a candidate is from all that are chosen: half the chord between their directions, from 0 to 1.
struct Far<'a> {
    vectors: &'a Matrix,
    chosen: Vec<f32>,
    nearest: Vec<f32>,
    /// With how many of the chosen a candidate was compared.
    seen: Vec<u32>,
}

/// How much nearer candidates bring what is chosen to all (facility location), as a part of the most that any did at first.
struct Covers<'a> {
    vectors: &'a Matrix,
    spokesmen: Vec<f32>,
    /// The greatest cosine of each spokesman to a chosen row.
    covered: Vec<f32>,
    gains: Vec<f64>,
    most: f64,
    /// Whose greatest cosine rose, from what, to what, in the order of the choice; without so many of the first.
    rises: Vec<(u32, f32, f32)>,
    forgotten: usize,
    /// How many of the rises a candidate's gain knows of.
    seen: Vec<usize>,
}

/// More rises than this are not remembered: 200 MB.
const RISES: usize = 1 << 24;

impl<'a> Worths<'a> {
    pub(super) fn new(options: &Options, rows: &'a Gathered) -> Worths<'a> {
        let vectors = &rows.vectors;
        let parts = options.by.iter().map(|&(by, weight)| {
            let part = match by {
                By::Diverse => Part::Far(Far::new(vectors, &rows.chosen_before)),
                By::Typical => Part::Covers(Covers::new(vectors, &rows.chosen_before, &rows.lots)),
                By::Rare => {
                    let measures = surroundings(vectors, &rows.lots);
                    let say = |distance: f32| format!("rare: {distance:.3} from its ten nearest");
                    Part::Fixed { values: ranks(&measures), measures, say }
                }
                By::Uncertain => {
                    let measures = rows.margins.clone();
                    let values = ranks(&measures).into_iter().map(|rank| 1.0 - rank).collect();
                    Part::Fixed { values, measures, say: |margin| format!("uncertain: a margin of {margin:.3}") }
                }
                By::Balanced => Part::Balanced,
                By::Random => Part::Random,
            };
            (weight, part)
        });
        Worths { parts: parts.filter(|(weight, _)| *weight > 0.0).collect() }
    }

    /// Whether nothing that is chosen changes what others are worth.
    pub(super) fn is_fixed(&self) -> bool {
        !self.parts.iter().any(|(_, part)| matches!(part, Part::Far(_) | Part::Covers(_)))
    }

    /// So many candidates are weighed at a time: few where weighing one is work for all threads. What is chosen does not depend
    /// on it.
    pub(super) fn at_once(&self) -> usize {
        if self.parts.iter().any(|(_, part)| matches!(part, Part::Covers(_))) { 8 } else { 128 }
    }

    pub(super) fn has_radius(&self) -> bool {
        matches!(self.parts[..], [(_, Part::Far(_))])
    }

    /// What a candidate was worth when it was weighed last.
    pub(super) fn now(&self, candidate: u32) -> f32 {
        let i = candidate as usize;
        let value = |part: &Part| match part {
            Part::Fixed { values, .. } => values[i],
            Part::Far(far) => far.nearest[i],
            Part::Covers(covers) => (covers.gains[i] / covers.most) as f32,
            Part::Balanced | Part::Random => 0.0,
        };
        self.parts.iter().map(|(weight, part)| weight * value(part)).sum()
    }

    /// Weighs candidates again.
    pub(super) fn weigh(&mut self, candidates: &[u32]) {
        for (_, part) in &mut self.parts {
            match part {
                Part::Far(far) => far.weigh(candidates),
                Part::Covers(covers) => covers.weigh(candidates),
                Part::Fixed { .. } | Part::Balanced | Part::Random => {}
            }
        }
    }

    /// A candidate is chosen.
    pub(super) fn take(&mut self, candidate: u32) {
        for (_, part) in &mut self.parts {
            match part {
                Part::Far(far) => far.chosen.extend_from_slice(far.vectors.row(candidate)),
                Part::Covers(covers) => covers.take(candidate),
                Part::Fixed { .. } | Part::Balanced | Part::Random => {}
            }
        }
    }

    /// One less the cosine to the nearest that is chosen.
    pub(super) fn distance(&self, candidate: u32) -> f32 {
        let far = self.parts.iter().find_map(|(_, part)| match part {
            Part::Far(far) => Some(far.nearest[candidate as usize]),
            _ => None,
        });
        far.map_or(0.0, |half| 2.0 * half * half)
    }

    /// Why a candidate is chosen, whose class is so called.
    pub(super) fn reason(&self, candidate: u32, class: Option<&str>) -> String {
        let i = candidate as usize;
        let say = |part: &Part| match part {
            Part::Fixed { measures, say, .. } => say(measures[i]),
            Part::Far(far) if far.chosen.is_empty() => "diverse: the first".into(),
            Part::Far(far) => format!("diverse: {:.3} from the nearest chosen", 2.0 * far.nearest[i] * far.nearest[i]),
            Part::Covers(covers) => {
                let gain = covers.gains[i] / covers.covered.len().max(1) as f64;
                format!("typical: brings all nearer by {gain:.4}")
            }
            Part::Balanced => format!("balanced: of {}", class.unwrap_or("no class")),
            Part::Random => "random".into(),
        };
        self.parts.iter().map(|(_, part)| say(part)).collect::<Vec<_>>().join("; ")
    }
}

/// Half the chord between two directions of this cosine.
fn half_chord(cosine: f32) -> f32 {
    ((1.0 - cosine.clamp(-1.0, 1.0)) / 2.0).sqrt()
}

impl<'a> Far<'a> {
    fn new(vectors: &'a Matrix, before: &[f32]) -> Far<'a> {
        let rows = vectors.len();
        Far { vectors, chosen: before.to_vec(), nearest: vec![1.0; rows], seen: vec![0; rows] }
    }

    fn weigh(&mut self, candidates: &[u32]) {
        let dimension = self.vectors.dimension;
        let count = (self.chosen.len() / dimension) as u32;
        let fresh = |&candidate: &u32| {
            let i = candidate as usize;
            let others = self.chosen[self.seen[i] as usize * dimension..].chunks_exact(dimension);
            let own = self.vectors.row(candidate);
            let nearest = others.map(|other| dot(own, other)).fold(f32::NEG_INFINITY, f32::max);
            self.nearest[i].min(if nearest > f32::NEG_INFINITY { half_chord(nearest) } else { 1.0 })
        };
        let fresh: Vec<f32> = candidates.par_iter().with_min_len(8).map(fresh).collect();
        for (&candidate, nearest) in candidates.iter().zip(fresh) {
            self.nearest[candidate as usize] = nearest;
            self.seen[candidate as usize] = count;
        }
    }
}

impl<'a> Covers<'a> {
    fn new(vectors: &'a Matrix, before: &[f32], lots: &[u64]) -> Covers<'a> {
        let spokesmen = drawn(vectors, lots, SPOKESMEN).1;
        let dimension = vectors.dimension.max(1);
        let covered = vec![0.0; spokesmen.len() / dimension];
        let (rises, seen) = (Vec::new(), vec![0; vectors.len()]);
        let mut covers =
            Covers { vectors, spokesmen, covered, gains: Vec::new(), most: 1.0, rises, forgotten: 0, seen };
        before.chunks_exact(dimension).for_each(|chosen| covers.cover(chosen));
        (covers.rises, covers.forgotten) = (Vec::new(), 0);
        covers.gains = tiles(vectors, &covers.spokesmen, |_, cosines| covers.gain(cosines.iter().copied()));
        covers.most = covers.gains.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        covers
    }

    fn gain(&self, cosines: impl Iterator<Item = f32>) -> f64 {
        cosines.zip(&self.covered).map(|(cosine, covered)| f64::from((cosine - covered).max(0.0))).sum()
    }

    fn cosines(&self, vector: &[f32]) -> impl Iterator<Item = f32> {
        self.spokesmen.chunks_exact(self.vectors.dimension).map(move |other| dot(vector, other))
    }

    fn cover(&mut self, chosen: &[f32]) {
        let cosines: Vec<f32> = self.cosines(chosen).collect();
        if self.rises.len() > RISES {
            self.forgotten += self.rises.len();
            self.rises.clear();
        }
        for ((number, covered), cosine) in (0..).zip(&mut self.covered).zip(cosines) {
            if cosine > *covered {
                self.rises.push((number, *covered, cosine));
                *covered = cosine;
            }
        }
    }

    fn take(&mut self, candidate: u32) {
        self.cover(self.vectors.row(candidate));
    }

    /// What a candidate would gain: what it would have gained, less what others gained there since, where that is less work.
    fn fresh(&self, candidate: u32) -> f64 {
        let (own, known) = (self.vectors.row(candidate), self.gains[candidate as usize]);
        let since = self.seen[candidate as usize].checked_sub(self.forgotten).and_then(|seen| self.rises.get(seen..));
        let Some(since) = since.filter(|since| since.len() < self.covered.len()) else {
            return self.gain(self.cosines(own)).min(known);
        };
        let dimension = self.vectors.dimension;
        let lost = since.iter().map(|&(number, from, to)| {
            let at = number as usize * dimension;
            let cosine = dot(own, &self.spokesmen[at..at + dimension]);
            f64::from((cosine - from).max(0.0)) - f64::from((cosine - to).max(0.0))
        });
        (known - lost.sum::<f64>()).max(0.0)
    }

    fn weigh(&mut self, candidates: &[u32]) {
        let fresh: Vec<f64> = candidates.par_iter().map(|&candidate| self.fresh(candidate)).collect();
        let all = self.forgotten + self.rises.len();
        for (&candidate, gain) in candidates.iter().zip(fresh) {
            self.gains[candidate as usize] = gain;
            self.seen[candidate as usize] = all;
        }
    }
}

/// So many candidates by lot, in their order, and their vectors.
fn drawn(vectors: &Matrix, lots: &[u64], most: usize) -> (Vec<u32>, Vec<f32>) {
    let mut order: Vec<u32> = (0..vectors.len() as u32).collect();
    order.sort_unstable_by_key(|&candidate| (lots[candidate as usize], candidate));
    order.truncate(most);
    order.sort_unstable();
    let numbers = order.iter().flat_map(|&candidate| vectors.row(candidate)).copied().collect();
    (order, numbers)
}

/// What `of` makes of each row and its cosines to all of `others`.
fn tiles<T: Send + Clone>(vectors: &Matrix, others: &[f32], of: impl Fn(u32, &[f32]) -> T + Sync) -> Vec<T> {
    let (rows, dimension) = (vectors.len(), vectors.dimension);
    let width = others.len() / dimension.max(1);
    let tile = |first: usize| {
        let own = vectors.rows(first, rows.min(first + TILE));
        let mut cosines = vec![0.0; own.len() / dimension * width];
        matrix::by_transposed(own, others, dimension, &mut cosines);
        (first as u32..).zip(cosines.chunks_exact(width)).map(|(row, cosines)| of(row, cosines)).collect::<Vec<_>>()
    };
    let firsts: Vec<usize> = (0..rows).step_by(TILE).collect();
    firsts.par_iter().map(|&first| tile(first)).collect::<Vec<_>>().concat()
}

/// The mean distance of each candidate to its ten nearest (Angiulli and Pizzuti 2002), among all or so many by lot: one less the
/// cosine.
fn surroundings(vectors: &Matrix, lots: &[u64]) -> Vec<f32> {
    let (order, others) = drawn(vectors, lots, NEIGHBOURHOOD);
    tiles(vectors, &others, |row, cosines| {
        let own = order.binary_search(&row).ok();
        let mut best = [f32::NEG_INFINITY; NEIGHBOURS];
        for (i, &cosine) in cosines.iter().enumerate() {
            if cosine > best[NEIGHBOURS - 1] && Some(i) != own {
                let at = best.iter().position(|&other| cosine > other).expect("it is above the last");
                best[at..].rotate_right(1);
                best[at] = cosine;
            }
        }
        let found = best.iter().filter(|&&cosine| cosine > f32::NEG_INFINITY);
        let (count, sum) = found.fold((0, 0.0), |(count, sum), &cosine| (count + 1, sum + f64::from(1.0 - cosine)));
        (sum / f64::from(count.max(1))).max(0.0) as f32
    })
}

/// The place of each among all, from 0 to 1; equal ones share the lowest.
fn ranks(values: &[f32]) -> Vec<f32> {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]).then(a.cmp(&b)));
    let mut ranks = vec![0.0; values.len()];
    let last = values.len().saturating_sub(1).max(1) as f32;
    let mut shared = 0;
    for (place, &row) in order.iter().enumerate() {
        if place > 0 && values[row as usize] > values[order[place - 1] as usize] {
            shared = place;
        }
        ranks[row as usize] = shared as f32 / last;
    }
    ranks
}
