//! The rows held against each other: what is found, in order, and what there is to say of all.

use super::rows::{Keys, LEFT_OUT, Rows, SPLITS};
use super::{Finding, Rule, Settings, Span, Subject, Summary, bursts, classes, copies, several};

impl Rows {
    /// Holds the rows against each other.
    pub(super) fn finish(mut self) -> Report {
        if self.is_empty() {
            self.findings.push(Finding::new(Rule::Layout, Subject::Set, "there is no row"));
        }
        for (row, first) in self.keys.repeated() {
            self.findings.push(Finding::pair(Rule::DuplicateKey, row, first, ""));
        }
        for (split, (row, rows)) in std::mem::take(&mut self.unknown_splits) {
            let detail = format!("`{split}` ({})", several(rows));
            self.findings.push(Finding::new(Rule::UnknownSplit, Subject::Row(row), detail));
        }
        let Settings { hash_distance, ratios, max_imbalance, .. } = self.settings;
        bursts::find(&mut self);
        let copies = copies::find(&mut self, hash_distance);
        let classes = classes::find(&mut self, ratios, max_imbalance);
        let mut formats: Vec<(&str, u64)> = self.formats.into_iter().collect();
        formats.sort_by_key(|&(format, count)| (std::cmp::Reverse(count), format));
        let count = |place: u8| self.splits.iter().filter(|&&split| split % LEFT_OUT == place).count() as u64;
        let summary = Summary {
            rows: self.splits.len() as u64,
            failed: self.failed,
            unreadable: self.unreadable,
            excluded: self.excluded,
            splits: [0, 1, 2, 3, 4].map(count),
            formats,
            widths: Span::of(self.sizes.iter().map(|(&(width, _), &count)| (width.into(), count))),
            heights: Span::of(self.sizes.iter().map(|(&(_, height), &count)| (height.into(), count))),
            classes,
            copies,
        };
        let mut findings = self.findings;
        findings.sort_unstable();
        findings.dedup();
        Report {
            findings,
            summary,
            keys: self.keys,
            splits: self.splits,
            labels: self.labels,
            names: self.names.into(),
        }
    }
}

/// What was found, and the names of the rows that it speaks of.
#[derive(Debug)]
pub struct Report {
    /// In the order of the rules, then of rows and files.
    pub findings: Vec<Finding>,
    /// The data set in figures.
    pub summary: Summary,
    keys: Keys,
    splits: Vec<u8>,
    labels: Vec<u32>,
    names: Vec<String>,
}

impl Report {
    /// How many rows there are.
    pub fn rows(&self) -> u32 {
        self.splits.len() as u32
    }

    /// The key of a row.
    pub fn key(&self, row: u32) -> &str {
        self.keys.get(row as usize)
    }

    /// The split of a row, where it is in one of the three.
    pub fn split(&self, row: u32) -> Option<&'static str> {
        Some(SPLITS[usize::from(self.splits[row as usize] % LEFT_OUT)]).filter(|split| split.len() > 1)
    }

    /// The label of a row.
    pub fn label(&self, row: u32) -> Option<&str> {
        self.names.get(self.labels[row as usize] as usize).map(String::as_str)
    }
}
