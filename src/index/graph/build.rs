//! Growing a graph, the same one whatever the number of threads.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rayon::prelude::*;

use super::walk::{Astray, Ground, NONE, Near, Walk, prefetch};
use super::{Graph, Lists, Options, SIGHT};
use crate::index::codes::{Codes, dot};

/// The rows of one batch do not see each other: a batch is no larger than the graph, nor than this part of all rows.
const PART: usize = 50;
/// A small table is no larger a part than this.
const LEAST_IN_BATCH: usize = 64;
const MOST_IN_BATCH: usize = 16384;

/// A level of the graph has this many times as many nodes as the next.
const STEP: usize = 8;
/// Levels of fewer nodes than this are not worth a walk.
const LEAST_IN_LEVEL: usize = 16;

/// After each batch one in so many of its rows, but no fewer than the next number, is looked for: where more than one in
/// fifty is not found there are islands, and from then on walks begin in the levels. In the end so many are looked for
/// with so many in sight, and levels stay where more than one in a hundred is not found: they cost a search as much time
/// again, and where nothing is lost without them they are left out.
const LOOKED_FOR: usize = 32;
const LEAST_LOOKED_FOR: usize = 16;
const LOOKED_FOR_AT_LAST: usize = 512;
const SIGHT_AT_LAST: usize = 64;

/// The graph of all rows.
pub(super) fn build(codes: &Codes, options: Options, mut progress: impl FnMut(usize)) -> Graph {
    let rows = u32::try_from(codes.codes.len()).ok().filter(|rows| *rows < NONE).expect("rows are counted in 32 bits");
    let options = Options { degree: options.degree.max(2), beam: options.beam.max(1), alpha: options.alpha.max(1.0) };
    let next = next_alike(codes);
    let mut later = vec![false; rows as usize];
    next.iter().filter(|row| **row != NONE).for_each(|row| later[*row as usize] = true);
    let order = shuffled((0..rows).filter(|row| !later[*row as usize]).collect());
    progress(rows as usize - order.len());
    let entries: Vec<u32> = order.first().copied().into_iter().collect();
    let mut graph = Growing::new(codes, options, &order);
    let sizes = std::iter::successors(Some(order.len()), |size| Some(size / STEP)).skip(1);
    let mut sizes: Vec<usize> = sizes.take_while(|size| *size >= LEAST_IN_LEVEL).collect();
    let mut done = order.len().min(1);
    while done < order.len() {
        if sizes.last() == Some(&done) {
            sizes.pop();
            graph.keep_level(done);
        }
        let end = sizes.last().copied().unwrap_or(order.len());
        let size = done.min((order.len() / PART).clamp(LEAST_IN_BATCH, MOST_IN_BATCH)).min(end - done);
        graph.insert(&order[done..done + size], &entries);
        done += size;
        let looked_for = (size / LOOKED_FOR).max(LEAST_LOOKED_FOR);
        graph.islands =
            graph.islands || graph.missed(&order[..done], looked_for, &entries, options.beam) * 50 > looked_for;
        progress(size);
    }
    graph.finish(next, &order, entries)
}

/// For each row the next one of the same code, or [`NONE`].
fn next_alike(codes: &Codes) -> Vec<u32> {
    let rows = codes.codes.len() as u32;
    let digest = |row: u32| {
        let mut hasher = DefaultHasher::new();
        codes.codes.row(row as usize).hash(&mut hasher);
        hasher.finish()
    };
    let digests: Vec<u64> = (0..rows).into_par_iter().map(digest).collect();
    let mut next = vec![NONE; rows as usize];
    // Later rows are put in first, so that each meets the nearest one after it. Rows of one digest and different codes are
    // as good as impossible; those that are met go without.
    let mut after: HashMap<u64, u32> = HashMap::with_capacity(rows as usize);
    for row in (0..rows).rev() {
        if let Some(later) = after.insert(digests[row as usize], row)
            && codes.codes.row(later as usize) == codes.codes.row(row as usize)
        {
            next[row as usize] = later;
        }
    }
    next
}

/// A graph while it grows. Cosines are those of the codes divided by the codes' own lengths: what is nearest to a row is
/// the row itself.
struct Growing<'a> {
    codes: &'a Codes<'a>,
    /// One over the length of each row's code, 0 of a code of zeros.
    inverse_lengths: Vec<f32>,
    options: Options,
    /// Lists of `room` neighbours: half as many again as in the end, so that they are shortened seldom.
    lists: Vec<u32>,
    room: usize,
    /// The rows in the order in which they are added, as far as there are levels of them.
    order: Lists,
    /// The largest first.
    levels: Vec<Lists>,
    /// The place of each row in that order.
    places: Vec<u32>,
    /// Whether there are rows to which no walk from the first one comes.
    islands: bool,
}

/// A row to which others are compared.
struct Pivot {
    row: u32,
    numbers: Vec<i16>,
}

/// A row on its way to its neighbours.
struct From<'a> {
    graph: &'a Growing<'a>,
    pivot: Pivot,
}

impl Ground for From<'_> {
    fn neighbours(&self, row: u32) -> Result<&[u32], Astray> {
        Ok(self.graph.list(row))
    }

    fn prepare(&self, row: u32) {
        prefetch(self.graph.codes.codes.row(row as usize));
    }

    fn score(&self, row: u32) -> f32 {
        self.graph.cosine(&self.pivot, row)
    }
}

impl<'a> Growing<'a> {
    fn new(codes: &'a Codes<'a>, options: Options, order: &[u32]) -> Growing<'a> {
        let rows = codes.codes.len();
        let inverse_length = |row: usize| {
            let square: i64 = codes.codes.row(row).iter().map(|x| i64::from(*x).pow(2)).sum();
            if square > 0 { 1.0 / (square as f32).sqrt() } else { 0.0 }
        };
        let inverse_lengths = (0..rows).into_par_iter().map(inverse_length).collect();
        let room = options.degree + options.degree / 2;
        let mut places = vec![NONE; rows];
        (0..).zip(order).for_each(|(place, row)| places[*row as usize] = place);
        let order = Lists::new(order[..order.len() / STEP].to_vec(), 1, rows);
        Growing {
            codes,
            inverse_lengths,
            options,
            lists: vec![NONE; rows * room],
            room,
            order,
            levels: Vec::new(),
            places,
            islands: false,
        }
    }

    fn pivot(&self, row: u32) -> Pivot {
        Pivot { row, numbers: self.codes.codes.row(row as usize).iter().map(|x| i16::from(*x)).collect() }
    }

    fn cosine(&self, pivot: &Pivot, row: u32) -> f32 {
        let product = dot(&pivot.numbers, self.codes.codes.row(row as usize));
        product as f32 * self.inverse_lengths[pivot.row as usize] * self.inverse_lengths[row as usize]
    }

    fn list(&self, row: u32) -> &[u32] {
        let list = &self.lists[row as usize * self.room..][..self.room];
        &list[..list.iter().position(|row| *row == NONE).unwrap_or(self.room)]
    }

    fn set(&mut self, row: u32, list: &[u32]) {
        let place = &mut self.lists[row as usize * self.room..][..self.room];
        place[..list.len()].copy_from_slice(list);
        place[list.len()..].fill(NONE);
    }

    /// Adds rows that are not in the graph yet, with edges to and from them.
    fn insert(&mut self, batch: &[u32], entries: &[u32]) {
        let graph = &*self;
        let neighbours = |walk: &mut Walk, row: &u32| {
            let from = From { graph, pivot: graph.pivot(*row) };
            let sound = "a graph in memory is sound";
            if graph.islands && !graph.levels.is_empty() {
                let entries = walk.descend(&from, &graph.levels, &graph.order, SIGHT).expect(sound);
                walk.run(&from, &entries, graph.options.beam).expect(sound);
            } else {
                walk.run(&from, entries, graph.options.beam).expect(sound);
            }
            walk.expanded.sort_unstable();
            graph.prune(*row, &walk.expanded)
        };
        let lists: Vec<Vec<u32>> = batch.par_iter().map_init(Walk::default, neighbours).collect();
        let mut back: Vec<(u32, u32)> = Vec::new();
        for (row, list) in batch.iter().zip(&lists) {
            self.set(*row, list);
            back.extend(list.iter().map(|from| (*from, *row)));
        }
        back.par_sort_unstable();
        let groups: Vec<&[(u32, u32)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
        for groups in groups.chunks(MOST_IN_BATCH) {
            let lists: Vec<Vec<u32>> = groups.par_iter().map(|edges| self.with(edges)).collect();
            for (edges, list) in groups.iter().zip(&lists) {
                self.set(edges[0].0, list);
            }
        }
    }

    /// The list of a row with new edges from it.
    fn with(&self, edges: &[(u32, u32)]) -> Vec<u32> {
        let row = edges[0].0;
        let mut list = self.list(row).to_vec();
        list.extend(edges.iter().map(|(_, to)| *to));
        match list.len() > self.room {
            true => self.shortened(row, &list),
            false => list,
        }
    }

    fn shortened(&self, row: u32, list: &[u32]) -> Vec<u32> {
        list.iter().for_each(|other| prefetch(self.codes.codes.row(*other as usize)));
        let pivot = self.pivot(row);
        let mut nearest: Vec<Near> = list.iter().map(|other| Near::new(self.cosine(&pivot, *other), *other)).collect();
        nearest.sort_unstable();
        self.prune(row, &nearest)
    }

    /// Of candidates, nearest first, those that no nearer kept one stands before: a candidate goes where `alpha` times
    /// its distance from a kept one is not more than that from the row (the RobustPrune of Subramanya et al.).
    fn prune(&self, row: u32, candidates: &[Near]) -> Vec<u32> {
        let mut kept: Vec<u32> = Vec::with_capacity(self.options.degree);
        let mut gone: Vec<Near> = Vec::new();
        for near in candidates.iter().filter(|near| near.row() != row) {
            if kept.len() == self.options.degree {
                break;
            }
            let apart = 1.0 - near.similarity();
            let pivot = self.pivot(near.row());
            match kept.iter().all(|other| self.options.alpha * (1.0 - self.cosine(&pivot, *other)) > apart) {
                true => kept.push(near.row()),
                false => gone.push(*near),
            }
        }
        // Of rows that are all alike only one would be kept, and few would be reached at all. Which of equals come back
        // differs from row to row, or all would come back to the same ones.
        let missing = (self.options.degree / 4).saturating_sub(kept.len()).min(gone.len());
        if missing > 0 {
            gone.sort_by_key(|near| {
                (Near::new(near.similarity(), 0), mixed(u64::from(row) << 32 | u64::from(near.row())))
            });
            kept.extend(gone[..missing].iter().map(|near| near.row()));
        }
        kept
    }

    /// Lists of `degree` places, those of rows that have too many shortened.
    fn shortened_lists(&self, rows: impl IndexedParallelIterator<Item = u32>) -> Vec<u32> {
        let degree = self.options.degree;
        let mut lists = vec![NONE; rows.len() * degree];
        lists.par_chunks_mut(degree).zip(rows).for_each(|(place, row)| {
            let list = self.list(row);
            match list.len() > degree {
                true => {
                    let kept = self.shortened(row, list);
                    place[..kept.len()].copy_from_slice(&kept);
                }
                false => place[..list.len()].copy_from_slice(list),
            }
        });
        lists
    }

    /// Keeps the graph as it is, with its first `nodes` rows, as a level.
    fn keep_level(&mut self, nodes: usize) {
        let row = |node: usize| self.order.chunks[node >> super::SHIFT][node & (super::CHUNK - 1)];
        let mut lists = self.shortened_lists((0..nodes).into_par_iter().map(row));
        lists.par_iter_mut().filter(|to| **to != NONE).for_each(|to| *to = self.places[*to as usize]);
        self.levels.insert(0, Lists::new(lists, self.options.degree, nodes));
    }

    /// Of so many rows, spread evenly, how many a walk from the entries does not come to.
    fn missed(&self, rows: &[u32], of: usize, entries: &[u32], width: usize) -> usize {
        let count = of.min(rows.len());
        let missed = |walk: &mut Walk, number: usize| {
            let row = rows[number * rows.len() / count];
            let from = From { graph: self, pivot: self.pivot(row) };
            walk.run(&from, entries, width).expect("a graph in memory is sound");
            usize::from(walk.beam.first().is_none_or(|nearest| nearest.row() != row))
        };
        (0..count).into_par_iter().map_init(Walk::default, missed).sum()
    }

    fn finish(mut self, next: Vec<u32>, order: &[u32], entries: Vec<u32>) -> Graph {
        let (rows, degree) = (self.codes.codes.len(), self.options.degree);
        self.lists = self.shortened_lists((0..rows as u32).into_par_iter());
        self.room = degree;
        let looked_for = LOOKED_FOR_AT_LAST.min(order.len());
        if self.missed(order, looked_for, &entries, SIGHT_AT_LAST) * 100 <= looked_for {
            self.levels.clear();
            self.order = Lists::default();
        }
        Graph {
            name: "graph".into(),
            rows: Lists::new(self.lists, degree, rows),
            next: Lists::new(next, 1, rows),
            levels: self.levels,
            order: self.order,
            entries,
        }
    }
}

/// Rows in an order that has nothing to do with theirs, always the same one (Fisher and Yates).
fn shuffled(mut order: Vec<u32>) -> Vec<u32> {
    for i in (1..order.len()).rev() {
        order.swap(i, ((u128::from(mixed(i as u64)) * (i as u128 + 1)) >> 64) as usize);
    }
    order
}

/// A number that looks random (the SplitMix64 of Steele, Lea and Flood, 2014).
pub(super) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
