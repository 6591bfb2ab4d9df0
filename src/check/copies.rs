//! The same picture twice: byte for byte, nearly, or redrawn.

use super::rows::{NO_CLASS, Rows, SPLITS, TRAIN, is_divided};
use super::{Finding, Rule, Subject};
use crate::duplicates;

/// How many pictures are there twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copies {
    /// Pictures that are identical to one before.
    pub identical: u64,
    /// Pictures that nearly are; `None` where nobody looked.
    pub near: Option<u64>,
    /// Pictures whose looks are known.
    pub looked_at: u64,
}

/// Finds copies, and which of them matter.
pub(super) fn find(rows: &mut Rows, hash_distance: Option<u32>) -> Copies {
    let mut found = Vec::new();
    let by_id = rows.by_id();
    let mut contents: Vec<(u64, u32)> =
        (0..).zip(&rows.contents).filter_map(|(row, content)| content.map(|content| (content, row))).collect();
    contents.sort_unstable();
    let identical = identical(rows, by_id, &contents, &mut found);
    redrawn(rows, &contents, &mut found);
    // Where nobody asked for copies, only bursts were.
    let looked_at = hash_distance.map_or(0, |_| rows.looks.iter().flatten().count() as u64);
    let near = hash_distance.filter(|_| looked_at > 0).map(|reach| near(rows, by_id, reach, &mut found));
    rows.findings.append(&mut found);
    Copies { identical, near, looked_at }
}

fn identical(rows: &Rows, by_id: bool, contents: &[(u64, u32)], found: &mut Vec<Finding>) -> u64 {
    let mut copies = 0;
    for same in contents.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        copies += same.len() as u64 - 1;
        let class = |row: u32| rows.class(by_id, row as usize);
        let split = |row: u32| rows.splits[row as usize];
        // Of each split the first, train's before the others'; all others are held against these.
        let first_of = |wanted: u8| same.iter().map(|&(_, row)| row).find(|&row| split(row) == wanted);
        let first = (1..SPLITS.len() as u8).find_map(first_of).unwrap_or(same[0].1);
        for &(_, row) in same.iter().filter(|&&(_, row)| row != first) {
            if class(row) != class(first) && class(row) != NO_CLASS && class(first) != NO_CLASS {
                found.push(Finding::pair(Rule::TwoClasses, row, first, ""));
            }
            let rule = match (split(row), split(first)) {
                (a, b) if a == b || !is_divided(a) || !is_divided(b) => Rule::Duplicate,
                _ => Rule::Leak,
            };
            found.push(Finding::pair(rule, row, first, ""));
        }
    }
    copies
}

/// Augmented pictures belong to train, and so do those that they were drawn from.
fn redrawn(rows: &Rows, contents: &[(u64, u32)], found: &mut Vec<Finding>) {
    for &(parent, row) in &rows.parents {
        let split = rows.splits[row as usize];
        if is_divided(split) && split != TRAIN {
            let detail = format!("augmented, and in {}", SPLITS[split as usize]);
            found.push(Finding::new(Rule::AugmentedLeak, Subject::Row(row), detail));
        }
        let start = contents.partition_point(|&(content, _)| content < parent);
        let parents = contents[start..].iter().take_while(|&&(content, _)| content == parent);
        let split = |row: u32| rows.splits[row as usize];
        let outside = |&&(_, row): &&(u64, u32)| is_divided(split(row)) && split(row) != TRAIN;
        if let Some(&(_, outside)) = parents.into_iter().find(outside) {
            found.push(Finding::pair(Rule::AugmentedLeak, row, outside, "drawn from a picture outside train"));
        }
    }
}

/// Near copies; of each row the nearest in another split and the nearest in its own are named, not all.
fn near(rows: &Rows, by_id: bool, reach: u32, found: &mut Vec<Finding>) -> u64 {
    let mut nearest: std::collections::BTreeMap<(u32, Rule), (u32, u32)> = std::collections::BTreeMap::new();
    let mut is_copy = vec![false; rows.len()];
    let augmented = rows.augmented();
    duplicates::near(&rows.looks, reach, |a, b, distance| {
        let (i, j) = (a as usize, b as usize);
        if rows.contents[i].is_some() && rows.contents[i] == rows.contents[j] {
            return;
        }
        let (one, other) = (rows.class(by_id, i), rows.class(by_id, j));
        let rule = match (rows.splits[i], rows.splits[j]) {
            (a, b) if a == b || !is_divided(a) || !is_divided(b) => Rule::NearDuplicate,
            _ => Rule::NearLeak,
        };
        let mut note = |rule| {
            let known = nearest.entry((b, rule)).or_insert((distance, a));
            *known = (*known).min((distance, a));
        };
        if one != other && one != NO_CLASS && other != NO_CLASS {
            note(Rule::NearTwoClasses);
        }
        // That augmented pictures look like what they were drawn from is no news.
        if rule == Rule::NearDuplicate && (augmented[i] || augmented[j]) {
            return;
        }
        is_copy[j] = true;
        note(rule);
    });
    for ((row, rule), (distance, other)) in nearest {
        let detail = format!("their hashes differ in {distance} bits");
        found.push(Finding::pair(rule, row, other, detail));
    }
    is_copy.into_iter().filter(|&copy| copy).count() as u64
}
