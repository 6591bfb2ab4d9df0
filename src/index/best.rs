//! The best of many rows, as they come along.

use std::collections::BinaryHeap;

/// The best rows so far, each with what is worth knowing of it: a heap whose top is the worst of them.
pub(super) struct Best<T> {
    top: usize,
    heap: BinaryHeap<Ranked<T>>,
}

pub(super) struct Ranked<T> {
    pub(super) score: f32,
    pub(super) row: u64,
    pub(super) what: T,
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The greatest is the worst: the lowest score, and among equals the last row.
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Ranked<T> {}

impl<T> Best<T> {
    pub(super) fn new(top: usize) -> Best<T> {
        Best { top, heap: BinaryHeap::new() }
    }

    /// The lowest score, once there are as many rows as are wanted.
    pub(super) fn worst(&self) -> Option<f32> {
        self.heap.peek().filter(|_| self.heap.len() >= self.top).map(|worst| worst.score)
    }

    /// Takes a row in if it is among the best.
    pub(super) fn offer(&mut self, score: f32, row: u64, what: impl FnOnce() -> T) {
        if self.heap.len() < self.top {
            self.heap.push(Ranked { score, row, what: what() });
        } else if let Some(mut worst) = self.heap.peek_mut()
            && (score > worst.score || (score == worst.score && row < worst.row))
        {
            *worst = Ranked { score, row, what: what() };
        }
    }

    pub(super) fn merge(&mut self, other: Best<T>) {
        for Ranked { score, row, what } in other.heap {
            self.offer(score, row, || what);
        }
    }

    pub(super) fn into_sorted(self) -> impl Iterator<Item = Ranked<T>> {
        self.heap.into_sorted_vec().into_iter()
    }

    /// The numbers of the rows and their scores, best first.
    pub(super) fn into_rows(self) -> Vec<(u32, f32)> {
        self.into_sorted().map(|ranked| (ranked.row as u32, ranked.score)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_ties_keep_the_order_of_the_table() {
        let mut best = Best::new(3);
        for (row, score) in [(0, 0.5), (1, 0.9), (2, 0.5), (3, 0.1), (5, 0.5), (4, 0.9)] {
            best.offer(score, row, || ());
        }
        assert_eq!(best.worst(), Some(0.5));
        assert_eq!(best.into_rows(), [(1, 0.9), (4, 0.9), (0, 0.5)]);
    }
}
