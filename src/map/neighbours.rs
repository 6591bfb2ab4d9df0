//! The nearest rows of each row.
//!
//! Hides: how it is done. Few rows are all compared with each other. Many are divided into buckets around centres (spherical
//! k-means), those of near buckets compared, and then what is near to a row's neighbours is compared with it (the step of
//! NN-descent, Dong et al., WWW 2011). Promises: the same for any number of threads; distances (1 - cosine) are the same on
//! every machine; nearest first, the first of equals before the others.

use rayon::prelude::*;

use super::arithmetic::Chance;
use crate::failure::Failure;
use crate::matrix::{self, fast_dots};

/// Up to so many rows are all compared.
const MOST_EXACT: usize = 20_000;
/// How many buckets there are: so many times the root of the number of rows.
const BUCKETS: f64 = 1.5;
/// How many buckets are compared with one, itself among them.
const PROBES: usize = 10;
/// Rows for each bucket from which centres are learnt, and in how many rounds.
const LEARNT_FROM: usize = 40;
const ROUNDS: usize = 5;
/// How many times neighbours of neighbours are looked at.
const JOINS: usize = 2;

/// Rows compared at once, and the others: their products take half a megabyte.
const TILE: usize = 128;
const OTHERS: usize = 1024;
/// How many candidates beyond those wanted are compared once more: products of matrices are rounded in their own way.
const SPARE: usize = 6;

/// Vectors of length 1 in an order in which near ones often lie together.
pub(super) struct Ground {
    /// One after the other.
    pub rows: Vec<f32>,
    pub dimension: usize,
    /// The number that each had before.
    pub order: Vec<u32>,
    /// Where each bucket begins, and the end.
    starts: Vec<usize>,
    centres: Vec<f32>,
}

/// For each of some rows as many others, nearest first.
pub(super) struct Near {
    pub width: usize,
    pub rows: Vec<u32>,
    pub distances: Vec<f32>,
}

impl Near {
    /// The neighbours of a row and how far they are.
    pub(super) fn of(&self, row: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let span = row * self.width..(row + 1) * self.width;
        self.rows[span.clone()].iter().copied().zip(self.distances[span].iter().copied())
    }

    fn from_lists(lists: &[Vec<(f32, u32)>], width: usize) -> Near {
        let all = || lists.iter().flatten();
        Near { width, rows: all().map(|near| near.1).collect(), distances: all().map(|near| near.0).collect() }
    }
}

impl Ground {
    /// Puts rows in order.
    ///
    /// # Errors
    /// `watch` ends it.
    pub(super) fn new(
        rows: Vec<f32>,
        dimension: usize,
        watch: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Ground, Failure> {
        let count = rows.len() / dimension;
        if count <= MOST_EXACT {
            return Ok(whole(rows, dimension));
        }
        let centres = centres(&rows, dimension, watch)?;
        watch()?;
        let buckets: Vec<u32> = rows.par_chunks_exact(dimension).map(|row| nearest(row, &centres).0).collect();
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.sort_by_key(|row| buckets[*row as usize]);
        let row = |row: usize| &rows[row * dimension..(row + 1) * dimension];
        let arranged: Vec<f32> = order.iter().flat_map(|at| row(*at as usize).iter().copied()).collect();
        let mut starts = vec![0; centres.len() / dimension + 1];
        buckets.iter().for_each(|bucket| starts[*bucket as usize + 1] += 1);
        (1..starts.len()).for_each(|at| starts[at] += starts[at - 1]);
        Ok(Ground { rows: arranged, dimension, order, starts, centres })
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The vector of a row.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.rows[row * self.dimension..(row + 1) * self.dimension]
    }

    /// The `count` nearest others of each row, or all others where there are fewer.
    ///
    /// # Errors
    /// `watch` ends it.
    pub(super) fn neighbours(
        &self,
        count: usize,
        watch: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Near, Failure> {
        let count = count.min(self.len().saturating_sub(1));
        if count == 0 {
            return Ok(Near { width: 0, rows: Vec::new(), distances: Vec::new() });
        }
        let buckets = self.starts.len() - 1;
        let mut lists: Vec<Vec<(f32, u32)>> = Vec::with_capacity(self.len());
        for bucket in 0..buckets {
            watch()?;
            let spans = self.beside(bucket);
            let own = self.starts[bucket]..self.starts[bucket + 1];
            let tiles: Vec<usize> = own.clone().step_by(TILE).collect();
            let tile = |first: &usize| {
                let end = own.end.min(first + TILE);
                let found = best(self.span(*first..end), &self.rows, self.dimension, &spans, count + SPARE + 1);
                let ranked = (*first..end).zip(found).map(|(row, found)| self.ranked(row, &found, count));
                ranked.collect::<Vec<_>>()
            };
            lists.extend(tiles.par_iter().map(tile).collect::<Vec<_>>().into_iter().flatten());
        }
        if buckets > 1 {
            for _ in 0..JOINS {
                watch()?;
                lists = self.joined(&lists, count);
            }
        }
        Ok(Near::from_lists(&lists, count))
    }

    fn span(&self, rows: std::ops::Range<usize>) -> &[f32] {
        &self.rows[rows.start * self.dimension..rows.end * self.dimension]
    }

    /// The rows of the buckets that lie nearest to one.
    fn beside(&self, bucket: usize) -> Vec<std::ops::Range<usize>> {
        if self.centres.is_empty() {
            return std::iter::once(0..self.len()).collect();
        }
        let centre = &self.centres[bucket * self.dimension..(bucket + 1) * self.dimension];
        let others: Vec<&[f32]> = self.centres.chunks_exact(self.dimension).collect();
        let mut scores = vec![0.0; others.len()];
        fast_dots(centre, &others, &mut scores);
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| (*b == bucket).cmp(&(*a == bucket)).then(scores[*b].total_cmp(&scores[*a])));
        // Small buckets see more of the others, so that all rows have neighbours enough.
        let (mut spans, mut rows) = (Vec::new(), 0);
        for other in order {
            let span = self.starts[other]..self.starts[other + 1];
            if spans.len() >= PROBES && rows >= 4 * OTHERS.min(self.len() / 4) / 4 {
                break;
            }
            rows += span.len();
            spans.push(span);
        }
        spans.sort_by_key(|span| span.start);
        spans
    }

    /// The nearest of some candidates, by distances that do not depend on the machine.
    fn ranked(&self, row: usize, candidates: &[u32], count: usize) -> Vec<(f32, u32)> {
        let mut near = distances(self.row(row), candidates, |at| self.row(at as usize));
        near.retain(|(_, other)| *other as usize != row);
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        near.truncate(count);
        near
    }

    /// Lists into which neighbours of neighbours were taken.
    fn joined(&self, lists: &[Vec<(f32, u32)>], count: usize) -> Vec<Vec<(f32, u32)>> {
        // Who has a row as neighbour, as far as there is room: the first, which are no better or worse than others.
        let mut back: Vec<u32> = vec![u32::MAX; lists.len() * count];
        let mut filled = vec![0u32; lists.len()];
        for rank in 0..count {
            for (row, list) in (0..).zip(lists) {
                let Some((_, other)) = list.get(rank) else { continue };
                let filled = &mut filled[*other as usize];
                if (*filled as usize) < count {
                    back[*other as usize * count + *filled as usize] = row;
                    *filled += 1;
                }
            }
        }
        let back = |row: usize| &back[row * count..row * count + filled[row] as usize];
        let join = |candidates: &mut Vec<u32>, row: usize| {
            candidates.clear();
            let via = lists[row].iter().map(|near| near.1).chain(back(row).iter().copied());
            for via in via {
                candidates.push(via);
                candidates.extend(lists[via as usize].iter().map(|near| near.1));
            }
            candidates.sort_unstable();
            candidates.dedup();
            self.ranked(row, candidates, count)
        };
        (0..lists.len()).into_par_iter().with_min_len(64).map_init(Vec::new, join).collect()
    }
}

/// Vectors in the order in which they are.
pub(super) fn whole(rows: Vec<f32>, dimension: usize) -> Ground {
    let count = rows.len() / dimension;
    Ground { rows, dimension, order: (0..count as u32).collect(), starts: vec![0, count], centres: Vec::new() }
}

/// The `count` rows of a ground that are nearest to each of some vectors of length 1 that are not of it.
///
/// # Errors
/// `watch` ends it.
pub(super) fn of_others(
    ground: &Ground,
    others: &[f32],
    count: usize,
    watch: &mut dyn FnMut() -> Result<(), Failure>,
) -> Result<Near, Failure> {
    let (count, span) = (count.min(ground.len()), 0..ground.len());
    let mut lists = Vec::with_capacity(others.len() / ground.dimension);
    for wave in others.chunks(TILE * ground.dimension * 4 * rayon::current_num_threads()) {
        watch()?;
        let tile = |tile: &[f32]| {
            let all = std::slice::from_ref(&span);
            let found = best(tile, &ground.rows, ground.dimension, all, count + SPARE);
            let rank = |(vector, found): (&[f32], Vec<u32>)| {
                let mut near = distances(vector, &found, |at| ground.row(at as usize));
                near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                near.truncate(count);
                near
            };
            tile.chunks_exact(ground.dimension).zip(found).map(rank).collect::<Vec<_>>()
        };
        lists.extend(wave.par_chunks(TILE * ground.dimension).map(tile).collect::<Vec<_>>().into_iter().flatten());
    }
    Ok(Near::from_lists(&lists, count))
}

/// How far a vector is from some rows.
fn distances<'a>(vector: &[f32], rows: &[u32], row: impl Fn(u32) -> &'a [f32]) -> Vec<(f32, u32)> {
    let others: Vec<&[f32]> = rows.iter().map(|at| row(*at)).collect();
    let mut cosines = vec![0.0; others.len()];
    fast_dots(vector, &others, &mut cosines);
    cosines.iter().zip(rows).map(|(cosine, row)| ((1.0 - cosine).max(0.0), *row)).collect()
}

/// For each vector of a tile the rows of the spans with the greatest products, in no order.
fn best(tile: &[f32], rows: &[f32], dimension: usize, spans: &[std::ops::Range<usize>], count: usize) -> Vec<Vec<u32>> {
    let mut lists: Vec<Best> = (0..tile.len() / dimension).map(|_| Best::new(count)).collect();
    let mut products = Vec::new();
    let blocks = spans.iter().flat_map(|span| span.clone().step_by(OTHERS).map(|at| at..span.end.min(at + OTHERS)));
    for block in blocks {
        products.clear();
        products.resize(lists.len() * block.len(), 0.0);
        matrix::by_transposed(tile, &rows[block.start * dimension..block.end * dimension], dimension, &mut products);
        for (list, products) in lists.iter_mut().zip(products.chunks_exact(block.len())) {
            list.take(block.start, products);
        }
    }
    lists.into_iter().map(|list| list.kept.into_iter().map(|(_, row)| row).collect()).collect()
}

/// The rows with the greatest scores, in no order.
struct Best {
    count: usize,
    kept: Vec<(f32, u32)>,
    /// What a score must be above.
    least: f32,
}

impl Best {
    fn new(count: usize) -> Best {
        Best { count, kept: Vec::with_capacity(2 * count), least: f32::NEG_INFINITY }
    }

    fn take(&mut self, first: usize, scores: &[f32]) {
        for (row, score) in (first as u32..).zip(scores) {
            if *score > self.least {
                self.kept.push((*score, row));
                if self.kept.len() == 2 * self.count {
                    self.shorten();
                }
            }
        }
        if self.kept.len() > self.count {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        let by = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        self.kept.select_nth_unstable_by(self.count - 1, by);
        self.kept.truncate(self.count);
        self.least = self.kept[self.count - 1].0;
    }
}

/// The nearest centre, and its cosine.
fn nearest(row: &[f32], centres: &[f32]) -> (u32, f32) {
    let others: Vec<&[f32]> = centres.chunks_exact(row.len()).collect();
    let mut scores = vec![0.0; others.len()];
    fast_dots(row, &others, &mut scores);
    let (at, score) = matrix::greatest(&scores);
    (at as u32, score)
}

/// Centres of length 1 around which rows lie.
fn centres(
    rows: &[f32],
    dimension: usize,
    watch: &mut dyn FnMut() -> Result<(), Failure>,
) -> Result<Vec<f32>, Failure> {
    let count = rows.len() / dimension;
    let wanted = ((count as f64).sqrt() * BUCKETS) as usize;
    let mut sample: Vec<u32> = (0..count as u32).collect();
    let mut chance = Chance::new(5, 0);
    let size = count.min(wanted * LEARNT_FROM);
    (0..size).for_each(|at| sample.swap(at, at + chance.below(count - at)));
    sample.truncate(size);
    let row = |at: u32| &rows[at as usize * dimension..(at as usize + 1) * dimension];
    let mut centres: Vec<f32> = sample[..wanted].iter().flat_map(|at| row(*at).iter().copied()).collect();
    for _ in 0..ROUNDS {
        watch()?;
        let own: Vec<u32> = sample.par_iter().map(|at| nearest(row(*at), &centres).0).collect();
        let mut sums = vec![0.0f32; centres.len()];
        for (at, centre) in sample.iter().zip(&own) {
            let sum = &mut sums[*centre as usize * dimension..(*centre as usize + 1) * dimension];
            matrix::blend(sum, 1.0, row(*at), 1.0);
        }
        for (centre, sum) in centres.chunks_exact_mut(dimension).zip(sums.chunks_exact(dimension)) {
            let length = matrix::dot(sum, sum).sqrt();
            if length > 1e-6 {
                centre.iter_mut().zip(sum).for_each(|(centre, x)| *centre = (f64::from(*x) / length) as f32);
            }
        }
    }
    Ok(centres)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(numbers: &[f32]) -> Vec<f32> {
        let length = matrix::dot(numbers, numbers).sqrt() as f32;
        numbers.iter().map(|x| x / length).collect()
    }

    fn clustered(count: usize, dimension: usize, clusters: u64) -> Vec<f32> {
        let row = |row: usize| {
            let (mut own, mut shared) =
                (Chance::new(1, row as u64), Chance::new(2, super::super::arithmetic::mixed(row as u64) % clusters));
            let numbers: Vec<f32> = (0..dimension).map(|_| shared.signed() + 0.7 * own.signed()).collect();
            unit(&numbers)
        };
        (0..count).flat_map(row).collect()
    }

    fn go_on() -> Result<(), Failure> {
        Ok(())
    }

    fn exact(ground: &Ground, row: usize, count: usize) -> Vec<u32> {
        let all: Vec<u32> = (0..ground.len() as u32).collect();
        ground.ranked(row, &all, count).into_iter().map(|near| near.1).collect()
    }

    #[test]
    fn few_rows_have_their_nearest_and_no_more_than_there_are() {
        for count in [0, 1, 2, 3, 10, 200, 1300] {
            let ground = Ground::new(clustered(count, 8, 5), 8, &mut go_on).expect("nobody ends it");
            let near = ground.neighbours(14, &mut go_on).expect("nobody ends it");
            assert_eq!(near.width, 14.min(count.saturating_sub(1)));
            for row in 0..count {
                let found: Vec<u32> = near.of(row).map(|near| near.0).collect();
                assert_eq!(found, exact(&ground, row, near.width), "{count}: {row}");
            }
        }
    }

    #[test]
    fn most_of_the_nearest_of_many_are_found_whatever_the_threads() {
        let rows = clustered(MOST_EXACT + 500, 4, 300);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| {
                let ground = Ground::new(rows.clone(), 4, &mut go_on).expect("nobody ends it");
                let near = ground.neighbours(10, &mut go_on).expect("nobody ends it");
                (ground, near)
            })
        };
        let ((ground, near), (_, other)) = (with(1), with(3));
        assert_eq!((&near.rows, &near.distances), (&other.rows, &other.distances));
        let mut order = ground.order.clone();
        order.sort_unstable();
        assert!(order.iter().zip(0..).all(|(a, b)| *a == b));
        let rows: Vec<usize> = (0..ground.len()).step_by(101).collect();
        let hits: usize = rows
            .iter()
            .map(|row| {
                let truth = exact(&ground, *row, 10);
                near.of(*row).filter(|near| truth.contains(&near.0)).count()
            })
            .sum();
        assert!(hits * 100 > rows.len() * 10 * 95, "{hits} of {}", rows.len() * 10);
    }
}
