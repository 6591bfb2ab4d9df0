//! The greedy choice: the row that is worth most, again and again.
//!
//! What a row is worth falls while others are chosen, and never rises. So what it was worth when it was weighed last is the most
//! that it can be worth now, and a row is weighed again only when that would bring it to the top (Minoux 1978).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::quotas::Quotas;
use super::rows::Gathered;
use super::worth::Worths;
use crate::failure::Failure;
use crate::progress::Progress;

#[cfg(test)]
mod tests;

/// A row that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pick {
    pub(super) candidate: u32,
    pub(super) reason: String,
}

/// A candidate, and what it is worth at most.
#[derive(Debug, Clone, Copy)]
struct Entry {
    worth: f32,
    /// Decides between equals.
    lot: u64,
    candidate: u32,
    /// How many were chosen when it was weighed; `None`: it never was.
    weighed: Option<u32>,
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        let by_worth = self.worth.total_cmp(&other.worth);
        by_worth.then(other.lot.cmp(&self.lot)).then(other.candidate.cmp(&self.candidate))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

pub(super) struct Chooser<'a> {
    worths: Worths<'a>,
    quotas: Option<Quotas>,
    rows: &'a Gathered,
    heap: BinaryHeap<Entry>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(worths: Worths<'a>, quotas: Option<Quotas>, rows: &'a Gathered) -> Chooser<'a> {
        let weighed = rows.chosen_before.is_empty().then_some(0);
        let entry = |(candidate, &lot): (u32, &u64)| Entry { worth: worths.now(candidate), lot, candidate, weighed };
        let heap = (0..).zip(&rows.lots).map(entry).collect();
        Chooser { worths, quotas, rows, heap }
    }

    /// Chooses so many, or as many as there are; gives them in order, and how far the farthest other is, where that counts.
    pub(super) fn choose(
        mut self,
        wanted: usize,
        progress: &mut dyn Progress,
    ) -> Result<(Vec<Pick>, Option<f32>), Failure> {
        let mut picks = Vec::new();
        while picks.len() < wanted {
            if progress.is_cancelled() {
                return Err(Failure::cancelled());
            }
            let Some(best) = self.next(picks.len() as u32) else { break };
            let class = self.rows.strata.get(best.candidate as usize).copied();
            if let (Some(quotas), Some(class)) = (&mut self.quotas, class)
                && !quotas.take(class)
            {
                continue;
            }
            let name = class.map(|class| &self.rows.names[class]);
            picks.push(Pick { candidate: best.candidate, reason: self.worths.reason(best.candidate, name) });
            self.worths.take(best.candidate);
        }
        let rest = self.worths.has_radius().then(|| self.next(picks.len() as u32)).flatten();
        let radius = rest.map(|entry| self.worths.distance(entry.candidate));
        Ok((picks, radius))
    }

    /// The candidate that is worth most now.
    fn next(&mut self, chosen: u32) -> Option<Entry> {
        loop {
            let top = self.heap.pop()?;
            if top.weighed == Some(chosen) || self.worths.is_fixed() {
                return Some(top);
            }
            let mut stale = vec![top];
            while stale.len() < self.worths.at_once()
                && let Some(next) = self.heap.peek()
                && next.weighed != Some(chosen)
            {
                stale.extend(self.heap.pop());
            }
            let candidates: Vec<u32> = stale.iter().map(|entry| entry.candidate).collect();
            self.worths.weigh(&candidates);
            let worths = &self.worths;
            self.heap.extend(stale.into_iter().map(|entry| Entry {
                worth: worths.now(entry.candidate),
                weighed: Some(chosen),
                ..entry
            }));
        }
    }
}
