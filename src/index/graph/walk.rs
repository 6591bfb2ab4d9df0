//! The greedy search of a graph, which both building and searching are made of.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{CHUNK, Lists, SHIFT};

/// What fills a list of neighbours that has room.
pub(super) const NONE: u32 = u32::MAX;

/// A row and how near it is: ordered by falling similarity, then by row, and packed into one number to be compared fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near(u64);

impl Near {
    pub(super) fn new(similarity: f32, row: u32) -> Near {
        let bits = similarity.to_bits();
        // The order of the bits of floats is that of the numbers where they are positive, and reversed where not.
        let rising = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        Near(u64::from(!rising) << 32 | u64::from(row))
    }

    pub(super) fn row(self) -> u32 {
        self.0 as u32
    }

    pub(super) fn similarity(self) -> f32 {
        let rising = !((self.0 >> 32) as u32);
        f32::from_bits(if rising >> 31 == 1 { rising ^ 1 << 31 } else { !rising })
    }
}

/// A set of rows: a table of the rows themselves, open to the next free slot. It is far smaller than a flag for every row
/// of a large graph, and stays in the processor's cache.
#[derive(Debug)]
pub(crate) struct Seen {
    slots: Vec<u32>,
    count: usize,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { slots: vec![NONE; 1 << 12], count: 0 }
    }
}

impl Seen {
    fn clear(&mut self) {
        self.slots.fill(NONE);
        self.count = 0;
    }

    /// Whether the row is new to the set.
    fn insert(&mut self, row: u32) -> bool {
        if self.count * 2 >= self.slots.len() {
            let rows = std::mem::take(&mut self.slots);
            self.slots = vec![NONE; rows.len() * 4];
            self.count = 0;
            for row in rows.into_iter().filter(|row| *row != NONE) {
                self.insert(row);
            }
        }
        let mask = self.slots.len() - 1;
        // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): neighbouring rows spread.
        let mut slot = (row.wrapping_mul(0x9E37_79B1) >> 7) as usize & mask;
        loop {
            match self.slots[slot] {
                NONE => {
                    self.slots[slot] = row;
                    self.count += 1;
                    return true;
                }
                same if same == row => return false,
                _ => slot = (slot + 1) & mask,
            }
        }
    }
}

/// A node whose list names a node that there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Astray(pub u32);

/// What a walk goes over.
pub(super) trait Ground {
    /// The neighbours of a row; [`NONE`] ends the list early.
    ///
    /// # Errors
    /// One of them does not exist.
    fn neighbours(&self, row: u32) -> Result<&[u32], Astray>;
    /// Says that the row will soon be scored.
    fn prepare(&self, row: u32);
    /// How similar the row is to what is looked for.
    fn score(&self, row: u32) -> f32;
}

/// A level of a graph, on the same way as below.
struct Level<'a, G> {
    ground: &'a G,
    level: &'a Lists,
    order: &'a Lists,
}

impl<G> Level<'_, G> {
    fn row(&self, node: u32) -> u32 {
        self.order.chunks[node as usize >> SHIFT][node as usize & (CHUNK - 1)]
    }
}

impl<G: Ground> Ground for Level<'_, G> {
    fn neighbours(&self, node: u32) -> Result<&[u32], Astray> {
        let list = self.level.get(node)?;
        // What is scored without a further look must be a row.
        for node in list.iter().take_while(|node| **node != NONE) {
            self.order.one(*node)?.ok_or(Astray(*node))?;
        }
        Ok(list)
    }

    fn prepare(&self, node: u32) {
        self.ground.prepare(self.row(node));
    }

    fn score(&self, node: u32) -> f32 {
        self.ground.score(self.row(node))
    }
}

/// What a walk needs memory for; kept, so that the next one need not ask for it.
#[derive(Debug, Default)]
pub(super) struct Walk {
    seen: Seen,
    fresh: Vec<u32>,
    /// The best rows met, best first, and whether their neighbours were looked at.
    pub beam: Vec<Near>,
    open: Vec<bool>,
    /// The rows whose neighbours were looked at.
    pub expanded: Vec<Near>,
}

impl Walk {
    /// Looks at the neighbours of the best row not yet looked at, until that of all `width` best rows met were (the
    /// GreedySearch of Subramanya et al., DiskANN, 2019).
    ///
    /// # Errors
    /// Those of `neighbours`.
    pub(super) fn run<G: Ground>(&mut self, ground: &G, entries: &[u32], width: usize) -> Result<(), Astray> {
        self.start();
        self.fresh.extend(entries.iter().filter(|row| self.seen.insert(**row)));
        let mut next = 0;
        self.take(ground, width, &mut next);
        while next < self.beam.len() {
            if !self.open[next] {
                next += 1;
                continue;
            }
            self.open[next] = false;
            let here = self.beam[next];
            self.expanded.push(here);
            self.meet(ground, here)?;
            self.take(ground, width, &mut next);
        }
        Ok(())
    }

    /// Walks the levels of a graph, the smallest first, with so many nodes in sight; gives the rows at which to begin
    /// below them all. A level begins at its first node.
    ///
    /// # Errors
    /// Those of the levels.
    pub(super) fn descend<G: Ground>(
        &mut self,
        ground: &G,
        levels: &[Lists],
        order: &Lists,
        width: usize,
    ) -> Result<Vec<u32>, Astray> {
        order.one(0)?.ok_or(Astray(0))?;
        let mut nodes = vec![0];
        for level in levels.iter().rev() {
            self.run(&Level { ground, level, order }, &nodes, width)?;
            nodes.clear();
            nodes.extend(self.beam.iter().map(|near| near.row()));
        }
        nodes.into_iter().map(|node| order.one(node)?.ok_or(Astray(node))).collect()
    }

    fn start(&mut self) {
        self.seen.clear();
        self.fresh.clear();
        self.beam.clear();
        self.open.clear();
        self.expanded.clear();
    }

    /// Lists the neighbours that are new.
    fn meet<G: Ground>(&mut self, ground: &G, here: Near) -> Result<(), Astray> {
        self.fresh.clear();
        for &row in ground.neighbours(here.row())? {
            if row == NONE {
                break;
            }
            if self.seen.insert(row) {
                ground.prepare(row);
                self.fresh.push(row);
            }
        }
        Ok(())
    }

    /// Scores the new rows into the beam; `next` goes back to the first of them.
    fn take<G: Ground>(&mut self, ground: &G, width: usize, next: &mut usize) {
        for &row in &self.fresh {
            let near = Near::new(ground.score(row), row);
            if self.beam.len() == width && self.beam.last().is_some_and(|worst| near > *worst) {
                continue;
            }
            let place = self.beam.partition_point(|other| *other < near);
            if self.beam.len() == width {
                self.beam.pop();
                self.open.pop();
            }
            self.beam.insert(place, near);
            self.open.insert(place, true);
            *next = place.min(*next);
        }
    }

    /// As [`Walk::run`], but only rows that pass are kept in the beam: it ends where the best row not yet looked at is
    /// farther than the `width` nearest that pass.
    ///
    /// # Errors
    /// Those of `neighbours`.
    pub(super) fn run_filtered<G: Ground>(
        &mut self,
        ground: &G,
        entries: &[u32],
        width: usize,
        passes: impl Fn(u32) -> Result<bool, Astray>,
    ) -> Result<(), Astray> {
        self.start();
        self.fresh.extend(entries.iter().filter(|row| self.seen.insert(**row)));
        let mut ahead: BinaryHeap<Reverse<Near>> = BinaryHeap::new();
        let mut best: BinaryHeap<Near> = BinaryHeap::new();
        loop {
            for &row in &self.fresh {
                let near = Near::new(ground.score(row), row);
                if best.len() == width && best.peek().is_some_and(|worst| near > *worst) {
                    continue;
                }
                ahead.push(Reverse(near));
                if passes(row)? {
                    best.push(near);
                    if best.len() > width {
                        best.pop();
                    }
                }
            }
            let Some(Reverse(here)) = ahead.pop() else { break };
            if best.len() == width && best.peek().is_some_and(|worst| here > *worst) {
                break;
            }
            self.meet(ground, here)?;
        }
        self.beam = best.into_sorted_vec();
        Ok(())
    }
}

/// Asks for the cache lines of numbers that are needed soon.
#[inline]
pub(super) fn prefetch<T>(numbers: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(64 / size_of::<T>().clamp(1, 64)) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(unsafe_code, reason = "a hint that reads nothing and cannot fault, whatever the address")]
        // SAFETY: the pointer is to a slice's own element, and prefetching has no effect that a program can see.
        unsafe {
            _mm_prefetch(line.as_ptr().cast(), _MM_HINT_T0);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}
