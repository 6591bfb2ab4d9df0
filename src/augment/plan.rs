//! How many copies of which picture: enough for every class, from every parent in turn.

use std::collections::HashMap;

use super::random::Random;

/// What a row of a table is to augmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    /// Not a sound picture of train.
    Other,
    /// Made by an earlier augmentation, as the copy of this number: it counts, and is never a parent.
    Copy { class: u32, parent: [u8; 32], number: u32 },
    /// A parent. `key` (a hash) settles the order of those with the same content.
    Parent { class: u32, content: [u8; 32], key: u64 },
}

/// The copies of a row: so many, numbered from `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Share {
    pub first: u32,
    pub count: u32,
}

/// What is to be made.
#[derive(Debug)]
pub(crate) struct Plan {
    /// One for every row.
    pub shares: Vec<Share>,
    /// Pictures of train before and after, by class.
    pub classes: Vec<(u64, u64)>,
    /// How many pictures every class was to have.
    pub floor: u64,
}

impl Plan {
    /// Gives every parent so many copies, and every class that has fewer than `floor` pictures then so many more as it
    /// lacks, from its parents in turn. Whose turn it is first follows from the seed and the contents, not from the
    /// order of the rows. Numbers go on where an earlier augmentation ended, and rows of the same content do not share
    /// any: they would be the same picture.
    pub(super) fn new(rows: &[Candidate], floor: u64, copies: u32, seed: u64) -> Plan {
        // Class, turn and row of every parent.
        let mut parents: Vec<(u32, u64, u32)> = Vec::new();
        let mut classes: Vec<(u64, u64)> = Vec::new();
        // By the first bytes of the contents: where two share them, some numbers are left out, and no harm is done.
        let mut next: HashMap<u64, u32> = HashMap::new();
        let start = |content: &[u8; 32]| u64::from_le_bytes(*content.first_chunk().expect("a part of 32 bytes"));
        let mut count = |class: u32| {
            classes.resize(classes.len().max(class as usize + 1), (0, 0));
            classes[class as usize].0 += 1;
        };
        for (row, candidate) in (0..).zip(rows) {
            match *candidate {
                Candidate::Other => {}
                Candidate::Copy { class, parent, number } => {
                    count(class);
                    let next = next.entry(start(&parent)).or_insert(1);
                    *next = (*next).max(number.saturating_add(1));
                }
                Candidate::Parent { class, content, .. } => {
                    count(class);
                    parents.push((class, Random::new(seed, &content, 0, "turn").bits(), row));
                }
            }
        }
        let identity = |row: u32| match &rows[row as usize] {
            Candidate::Parent { content, key, .. } => (*content, *key),
            _ => unreachable!("the row of a parent"),
        };
        parents.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| identity(a.2).cmp(&identity(b.2))));
        let mut shares = vec![Share::default(); rows.len()];
        classes.iter_mut().for_each(|class| class.1 = class.0);
        for parents in parents.chunk_by(|a, b| a.0 == b.0) {
            let (before, after) = &mut classes[parents[0].0 as usize];
            let own = parents.len() as u64;
            let lacking = floor.saturating_sub(*before + own * u64::from(copies));
            for (turn, &(.., row)) in (0..).zip(parents) {
                let more = lacking / own + u64::from(turn < lacking % own);
                let count = copies.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
                if count == 0 {
                    continue;
                }
                let next = next.entry(start(&identity(row).0)).or_insert(1);
                shares[row as usize] = Share { first: *next, count };
                *next = next.saturating_add(count);
                *after += u64::from(count);
            }
        }
        Plan { shares, classes, floor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(class: u32, content: u8) -> Candidate {
        Candidate::Parent { class, content: [content; 32], key: content.into() }
    }

    fn counts(plan: &Plan) -> Vec<u32> {
        plan.shares.iter().map(|share| share.count).collect()
    }

    #[test]
    fn every_class_reaches_the_floor_and_parents_take_turns() {
        let rows = [parent(0, 1), parent(1, 2), parent(0, 3), Candidate::Other, parent(0, 4)];
        let plan = Plan::new(&rows, 7, 0, 0);
        assert_eq!(plan.classes, [(3, 7), (1, 7)]);
        let counts = counts(&plan);
        assert_eq!((counts[1], counts[3], counts[0] + counts[2] + counts[4]), (6, 0, 4));
        assert!([counts[0], counts[2], counts[4]].iter().all(|count| (1..=2).contains(count)), "{counts:?}");
    }

    #[test]
    fn copies_are_made_of_every_parent_and_count_for_the_floor() {
        let rows = [parent(0, 1), parent(0, 2), parent(1, 3)];
        assert_eq!(counts(&Plan::new(&rows, 0, 2, 0)), [2, 2, 2]);
        let plan = Plan::new(&rows, 5, 2, 0);
        assert_eq!(plan.classes, [(2, 6), (1, 5)]);
        assert_eq!(counts(&plan), [2, 2, 4]);
    }

    #[test]
    fn the_order_of_the_rows_does_not_matter() {
        let rows: Vec<Candidate> = (0..20).map(|n| parent(n % 3, n as u8)).collect();
        let turned: Vec<Candidate> = rows.iter().rev().copied().collect();
        let (plan, other) = (Plan::new(&rows, 11, 0, 5), Plan::new(&turned, 11, 0, 5));
        assert!(plan.shares.iter().eq(other.shares.iter().rev()));
        assert_ne!(plan.shares, Plan::new(&rows, 11, 0, 6).shares);
    }

    #[test]
    fn twins_and_later_runs_get_numbers_of_their_own() {
        let twin = Candidate::Parent { class: 0, content: [1; 32], key: 9 };
        let plan = Plan::new(&[parent(0, 1), twin], 0, 3, 0);
        assert_eq!(plan.shares, [Share { first: 1, count: 3 }, Share { first: 4, count: 3 }]);
        let copy = Candidate::Copy { class: 0, parent: [1; 32], number: 2 };
        let plan = Plan::new(&[parent(0, 1), copy], 3, 0, 0);
        assert_eq!(plan.shares, [Share { first: 3, count: 1 }, Share::default()]);
        assert_eq!(plan.classes, [(2, 3)]);
    }
}
