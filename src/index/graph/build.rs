//! Making a graph, the same whatever the number of threads.

use rayon::prelude::*;

use super::walk::{Ground, NONE, Near, Walk};
use super::{Graph, Options};
use crate::index::codes::{Codes, dot};

/// Rows are inserted in batches of at most this share of those already in the graph once it has grown: those of one batch
/// do not see each other.
const BATCH_SHARE: usize = 50;
const MOST_IN_BATCH: usize = 16384;

/// Cosines of rows' codes. The codes' own lengths are divided by, so that a row is nothing but itself.
struct Cosines<'a> {
    codes: &'a Codes<'a>,
    inverse_lengths: Vec<f32>,
}

/// A row to which many are compared.
struct Pivot {
    numbers: Vec<i16>,
    inverse_length: f32,
}

impl Cosines<'_> {
    fn pivot(&self, row: u32) -> Pivot {
        let numbers = self.codes.codes.row(row as usize).iter().map(|x| i16::from(*x)).collect();
        Pivot { numbers, inverse_length: self.inverse_lengths[row as usize] }
    }

    fn of(&self, pivot: &Pivot, row: u32) -> f32 {
        let product = dot(&pivot.numbers, self.codes.codes.row(row as usize));
        product as f32 * pivot.inverse_length * self.inverse_lengths[row as usize]
    }
}

/// A graph while it grows: lists of `room` places.
struct Growing<'a> {
    cosines: Cosines<'a>,
    lists: Vec<u32>,
    room: usize,
    options: Options,
    entries: Vec<u32>,
}

struct From<'g, 'a> {
    graph: &'g Growing<'a>,
    pivot: Pivot,
}

impl Ground for From<'_, '_> {
    type Error = std::convert::Infallible;

    fn neighbours(&self, row: u32) -> Result<&[u32], Self::Error> {
        Ok(self.graph.list(row))
    }

    fn prepare(&self, row: u32) {
        super::walk::prefetch(self.graph.cosines.codes.codes.row(row as usize));
    }

    fn score(&self, row: u32) -> f32 {
        self.graph.cosines.of(&self.pivot, row)
    }
}

impl Growing<'_> {
    fn list(&self, row: u32) -> &[u32] {
        let list = &self.lists[row as usize * self.room..][..self.room];
        &list[..list.iter().position(|row| *row == NONE).unwrap_or(self.room)]
    }

    fn set(&mut self, row: u32, list: &[u32]) {
        let place = &mut self.lists[row as usize * self.room..][..self.room];
        place[..list.len()].copy_from_slice(list);
        place[list.len()..].fill(NONE);
    }

    /// Of candidates, nearest first, those that no nearer kept one stands before (the RobustPrune of Subramanya et al.):
    /// a candidate goes where a kept one is `alpha` times nearer to it than the row is.
    fn prune(&self, row: u32, candidates: &[Near], most: usize) -> Vec<u32> {
        let mut kept: Vec<u32> = Vec::with_capacity(most);
        for near in candidates {
            let candidate = near.row();
            if candidate == row || kept.contains(&candidate) {
                continue;
            }
            let apart = 1.0 - near.similarity();
            let pivot = self.cosines.pivot(candidate);
            if kept.iter().all(|other| self.options.alpha * (1.0 - self.cosines.of(&pivot, *other)) > apart) {
                kept.push(candidate);
                if kept.len() == most {
                    break;
                }
            }
        }
        kept
    }

    /// The list of a row to which others point now.
    fn joined(&self, row: u32, more: &[(u32, u32)]) -> Vec<u32> {
        let mut all = self.list(row).to_vec();
        for (_, from) in more {
            if !all.contains(from) {
                all.push(*from);
            }
        }
        if all.len() <= self.room {
            return all;
        }
        self.shortened(row, &all)
    }

    fn shortened(&self, row: u32, all: &[u32]) -> Vec<u32> {
        all.iter().for_each(|other| super::walk::prefetch(self.cosines.codes.codes.row(*other as usize)));
        let pivot = self.cosines.pivot(row);
        let mut nearest: Vec<Near> = all.iter().map(|other| Near::new(self.cosines.of(&pivot, *other), *other)).collect();
        nearest.sort_unstable();
        self.prune(row, &nearest, self.options.degree)
    }
}

pub fn build(codes: &Codes, options: Options, mut progress: impl FnMut(usize)) -> Graph {
    let rows = codes.codes.len();
    let room = options.degree + options.degree / 2;
    let inverse_lengths: Vec<f32> = (0..rows)
        .into_par_iter()
        .map(|row| {
            let square: i64 = codes.codes.row(row).iter().map(|x| i64::from(*x) * i64::from(*x)).sum();
            if square > 0 { 1.0 / (square as f32).sqrt() } else { 0.0 }
        })
        .collect();
    let cosines = Cosines { codes, inverse_lengths };
    let order = shuffled(rows as u32);
    let entries: Vec<u32> = order.iter().take(options.entries).copied().collect();
    let mut graph = Growing { cosines, lists: vec![NONE; rows * room], room, options, entries };
    let mut done = order.len().min(1);
    progress(done);
    while done < order.len() {
        let size = done.min((rows / BATCH_SHARE).max(64)).min(MOST_IN_BATCH).min(order.len() - done);
        let batch = &order[done..done + size];
        let known = graph.entries.len().min(done);
        let lists: Vec<Vec<u32>> = batch
            .par_iter()
            .map_init(Walk::new, |walk, &row| {
                let Ok(()) = walk.run(&From { graph: &graph, pivot: graph.cosines.pivot(row) }, &graph.entries[..known], options.beam);
                let mut met = std::mem::take(&mut walk.expanded);
                met.sort_unstable();
                let list = graph.prune(row, &met, options.degree);
                walk.expanded = met;
                list
            })
            .collect();
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for (&row, list) in batch.iter().zip(&lists) {
            graph.set(row, list);
            edges.extend(list.iter().map(|to| (*to, row)));
        }
        edges.par_sort_unstable();
        let groups: Vec<&[(u32, u32)]> = edges.chunk_by(|a, b| a.0 == b.0).collect();
        for groups in groups.chunks(MOST_IN_BATCH) {
            let joined: Vec<Vec<u32>> = groups.par_iter().map(|group| graph.joined(group[0].0, group)).collect();
            for (group, list) in groups.iter().zip(&joined) {
                graph.set(group[0].0, list);
            }
        }
        done += size;
        progress(done);
    }
    let degree = options.degree;
    let mut lists = vec![NONE; rows * degree];
    lists.par_chunks_mut(degree).enumerate().for_each(|(row, place)| {
        let all = graph.list(row as u32);
        if all.len() <= degree {
            place[..all.len()].copy_from_slice(all);
        } else {
            let kept = graph.shortened(row as u32, all);
            place[..kept.len()].copy_from_slice(&kept);
        }
    });
    Graph::of(lists, rows, options, graph.entries)
}

/// All rows in an order that has nothing to do with theirs, always the same one (Fisher and Yates, with SplitMix64).
fn shuffled(rows: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows).collect();
    let mut state = 0u64;
    for i in (1..order.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        order.swap(i, ((u128::from(z) * (i as u128 + 1)) >> 64) as usize);
    }
    order
}
