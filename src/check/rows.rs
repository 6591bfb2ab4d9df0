//! What is remembered of every row.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Finding, Rule, Seen, Settings, Subject};
use crate::duplicates::PerceptualHash;
use crate::numbered::Numbered;
use crate::table::split::Split;

/// A row, as far as its columns and its picture tell.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    pub key: &'a str,
    pub id: Option<i32>,
    pub label: Option<&'a str>,
    pub split: Option<&'a str>,
    /// Why it belongs to no split.
    pub excluded: bool,
    /// The classes of its boxes, where somebody has drawn them: then these count, and not that of the whole picture.
    pub inside: Option<Vec<String>>,
    /// What an earlier stage says is wrong with it.
    pub error: Option<&'a str>,
    /// BLAKE3 of the picture that this one was drawn from.
    pub parent: Option<[u8; 32]>,
    pub seen: Seen,
}

/// The splits of a row: none, train, validation, test, and what nobody knows.
pub(super) const SPLITS: [&str; 5] = ["", "train", "validation", "test", "?"];
pub(super) const NO_SPLIT: u8 = 0;
pub(super) const TRAIN: u8 = 1;
const UNKNOWN: u8 = 4;
/// In none on purpose, or because it has failed.
pub(super) const LEFT_OUT: u8 = 5;

/// Whether a row is in a split.
pub(super) fn is_divided(split: u8) -> bool {
    split != NO_SPLIT && split != LEFT_OUT
}

/// No class: neither id nor label.
pub(super) const NO_CLASS: u32 = u32::MAX;

/// When a picture was taken, in microseconds on the camera's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub taken: i64,
    pub row: u32,
    pub sharpness: f32,
}

/// All rows, some hundred bytes each.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) settings: Settings,
    pub(super) findings: Vec<Finding>,
    pub(super) keys: Keys,
    pub(super) contents: Vec<Option<u64>>,
    pub(super) looks: Vec<Option<PerceptualHash>>,
    /// Pictures that say when they were taken, as far as that was asked.
    pub(super) moments: Vec<Moment>,
    pub(super) splits: Vec<u8>,
    pub(super) ids: Vec<Option<i32>>,
    /// Numbers of labels, in the order of their first rows.
    pub(super) labels: Vec<u32>,
    pub(super) names: Numbered,
    /// Classes of boxes: the row, and the number of the label.
    pub(super) inside: Vec<(u32, u32)>,
    /// Rows whose boxes are known.
    pub(super) boxed: Vec<bool>,
    pub(super) parents: Vec<(u64, u32)>,
    pub(super) unknown_splits: HashMap<String, (u32, u64)>,
    pub(super) formats: HashMap<&'static str, u64>,
    pub(super) sizes: HashMap<(u32, u32), u64>,
    pub(super) excluded: u64,
    pub(super) failed: u64,
    pub(super) unreadable: u64,
}

impl Rows {
    pub(super) fn new(settings: Settings) -> Rows {
        Rows {
            settings,
            findings: Vec::new(),
            keys: Keys::default(),
            contents: Vec::new(),
            looks: Vec::new(),
            moments: Vec::new(),
            splits: Vec::new(),
            ids: Vec::new(),
            labels: Vec::new(),
            names: Numbered::default(),
            inside: Vec::new(),
            boxed: Vec::new(),
            parents: Vec::new(),
            unknown_splits: HashMap::new(),
            formats: HashMap::new(),
            sizes: HashMap::new(),
            excluded: 0,
            failed: 0,
            unreadable: 0,
        }
    }

    /// Number of rows so far.
    pub(super) fn len(&self) -> usize {
        self.splits.len()
    }

    /// Whether there is no row yet.
    pub(super) fn is_empty(&self) -> bool {
        self.splits.is_empty()
    }

    /// Takes the next row.
    pub(super) fn push(&mut self, row: Row) {
        let number = u32::try_from(self.len()).expect("fewer than 2^32 rows");
        self.keys.push(row.key);
        for (rule, detail) in row.seen.problems {
            self.unreadable += u64::from(matches!(rule, Rule::Unreadable | Rule::Missing));
            self.findings.push(Finding::new(rule, Subject::Row(number), detail));
        }
        if let Some(error) = row.error {
            self.failed += 1;
            self.findings.push(Finding::new(Rule::Failed, Subject::Row(number), error));
        }
        self.contents.push(row.seen.content.map(start));
        self.looks.push(row.seen.looks);
        self.moments.extend(row.seen.taken.map(|taken| Moment { taken, row: number, sharpness: row.seen.sharpness }));
        self.ids.push(row.id);
        let label = row.label.map_or(NO_CLASS, |label| self.label(label));
        self.labels.push(label);
        self.boxed.push(row.inside.is_some());
        let mut inside: Vec<u32> = row.inside.unwrap_or_default().iter().map(|label| self.label(label)).collect();
        inside.sort_unstable();
        inside.dedup();
        self.inside.extend(inside.into_iter().map(|label| (number, label)));
        self.parents.extend(row.parent.map(|parent| (start(parent), number)));
        self.excluded += u64::from(row.excluded);
        let place = match row.split {
            // A row that failed, or was left out, trains and tests nothing.
            _ if row.error.is_some() || row.excluded => LEFT_OUT,
            None => NO_SPLIT,
            Some(split) => Split::named(split).map_or(UNKNOWN, |split| split as u8 + TRAIN),
        };
        if let (UNKNOWN, Some(split)) = (place, row.split) {
            self.unknown_splits.entry(split.into()).or_insert((number, 0)).1 += 1;
        }
        self.splits.push(place);
        if let Some(format) = row.seen.format {
            *self.formats.entry(format).or_default() += 1;
        }
        if let Some(size) = row.seen.size {
            *self.sizes.entry(size).or_default() += 1;
        }
    }

    fn label(&mut self, label: &str) -> u32 {
        self.names.number(label)
    }

    /// Whether any row is in a split.
    pub(super) fn are_divided(&self) -> bool {
        self.splits.iter().any(|&split| is_divided(split))
    }

    /// The class of a row, by number: of its id where rows have ids, else of its label.
    pub(super) fn class(&self, by_id: bool, row: usize) -> u32 {
        if by_id { self.ids[row].map_or(NO_CLASS, i32::cast_unsigned) } else { self.labels[row] }
    }

    /// Of every row whether it was drawn from another.
    pub(super) fn augmented(&self) -> Vec<bool> {
        let mut augmented = vec![false; self.len()];
        self.parents.iter().for_each(|&(_, row)| augmented[row as usize] = true);
        augmented
    }

    /// Whether ids are the classes.
    pub(super) fn by_id(&self) -> bool {
        self.ids.iter().any(Option::is_some)
    }
}

/// Many keys, one after the other.
#[derive(Debug, Default)]
pub(super) struct Keys {
    text: String,
    ends: Vec<usize>,
}

impl Keys {
    fn push(&mut self, key: &str) {
        self.text.push_str(key);
        self.ends.push(self.text.len());
    }

    pub(super) fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[at]]
    }

    /// Rows whose key another row has before them, each with the first of that key.
    pub(super) fn repeated(&self) -> Vec<(u32, u32)> {
        let hash = |row: u32| {
            let mut hasher = DefaultHasher::new();
            self.get(row as usize).hash(&mut hasher);
            (hasher.finish(), row)
        };
        let mut hashes: Vec<(u64, u32)> = (0..self.ends.len() as u32).map(hash).collect();
        hashes.sort_unstable();
        let mut repeated = Vec::new();
        for same in hashes.chunk_by(|a, b| a.0 == b.0) {
            let first = same[0].1;
            let equal = |&&(_, row): &&(u64, u32)| self.get(row as usize) == self.get(first as usize);
            repeated.extend(same[1..].iter().filter(equal).map(|&(_, row)| (row, first)));
        }
        repeated
    }
}

/// The first bytes of a digest.
pub(super) fn start(digest: [u8; 32]) -> u64 {
    u64::from_le_bytes(digest[..8].try_into().expect("a part of 32 bytes"))
}
