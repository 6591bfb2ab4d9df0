//! Dividing images into train, validation and test. Pure functions.
//!
//! An image's place follows from the seed, its contents and the contents of its class, never from the order in
//! which the images come. Identical contents are one unit, so that they cannot end up on two sides.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    Train,
    Validation,
    Test,
}

/// In the order of the ratios.
pub const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];
/// Who gets the images of a class that is too small to divide, and who wins ties.
const PRIORITY: [Split; 3] = [Split::Train, Split::Test, Split::Validation];

impl Split {
    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }
}

/// Shares of train, validation and test, which sum to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratios([f64; 3]);

impl FromStr for Ratios {
    type Err = String;

    /// `70/15/15`, `0.8/0.1/0.1` or `80/0/20`: any three numbers, scaled to sum to 1.
    fn from_str(text: &str) -> Result<Ratios, String> {
        let parts: Vec<f64> = text.split('/').map(|p| p.trim().parse().unwrap_or(f64::NAN)).collect();
        let [a, b, c] = parts[..] else {
            return Err("expected TRAIN/VALIDATION/TEST, as 70/15/15".into());
        };
        let total = a + b + c;
        if [a, b, c].iter().all(|p| p.is_finite() && *p >= 0.0) && total > 0.0 && total.is_finite() {
            Ok(Ratios([a / total, b / total, c / total]))
        } else {
            Err("expected three numbers that are not negative and not all 0, as 70/15/15".into())
        }
    }
}

impl fmt::Display for Ratios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0.map(|r| (r * 1e6).round() / 1e4);
        write!(f, "{a}/{b}/{c}")
    }
}

/// What is known of one image: its content's hash, of which 64 bits do (equal ones would only stay together), and its
/// class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item {
    pub content: u64,
    pub class: u32,
}

/// The split of every content.
#[derive(Debug, PartialEq, Eq)]
pub struct Assignment(Vec<(u64, Split)>);

impl Assignment {
    /// The split of a content that was among the items.
    pub fn get(&self, content: u64) -> Option<Split> {
        self.0.binary_search_by_key(&content, |(content, _)| *content).ok().map(|at| self.0[at].1)
    }
}

/// Assigns every content to a split.
///
/// Each class is divided by itself: its images, in the order of a hash of seed and content, fill quotas that the
/// largest remainder method (Hamilton) makes of the ratios; a class of one to three images gives train the first,
/// test the second and validation the third. A content that occurs in several classes is placed before the others,
/// and so is one that occurs often: what is hard to place is placed while there is room.
pub fn assign(mut items: Vec<Item>, ratios: Ratios, seed: u64) -> Assignment {
    items.sort_unstable();
    let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
    items.iter().for_each(|item| *sizes.entry(item.class).or_default() += 1);
    let mut room: BTreeMap<u32, [isize; 3]> =
        sizes.iter().map(|(&class, &size)| (class, quotas(size, ratios))).collect();

    // Equal contents lie side by side now; a unit is where they begin and end.
    let mut units: Vec<(u32, u32)> = Vec::new();
    for run in items.chunk_by(|a, b| a.content == b.content) {
        let start = units.last().map_or(0, |(_, end)| *end);
        units.push((start, start + u32::try_from(run.len()).expect("fewer than 2^32 images")));
    }
    let of = |&(start, end): &(u32, u32)| &items[start as usize..end as usize];
    units.sort_by_cached_key(|unit| {
        let run = of(unit);
        let classes = run.chunk_by(|a, b| a.class == b.class).count();
        (Reverse(classes), Reverse(run.len()), shuffled(run[0].content, seed))
    });
    let mut assigned = Vec::with_capacity(units.len());
    for unit in &units {
        let run = of(unit);
        let classes = || run.chunk_by(|a, b| a.class == b.class);
        let free = |split: Split| -> isize { classes().map(|own| room[&own[0].class][split as usize]).sum() };
        // `max_by_key` keeps the last of equals, so the preferred one must come last.
        let split = PRIORITY.into_iter().rev().max_by_key(|&split| free(split)).expect("there are three splits");
        for own in classes() {
            let room = room.get_mut(&own[0].class).expect("every class has a quota");
            room[split as usize] -= own.len() as isize;
        }
        assigned.push((run[0].content, split));
    }
    assigned.sort_unstable();
    Assignment(assigned)
}

/// How many of `size` images train, validation and test get: whole numbers by the largest remainder.
pub fn quotas(size: usize, ratios: Ratios) -> [isize; 3] {
    let mut quotas = [0isize; 3];
    let wanted = PRIORITY.into_iter().filter(|&s| ratios.0[s as usize] > 0.0);
    if size <= wanted.clone().count() {
        wanted.take(size).for_each(|s| quotas[s as usize] += 1);
        return quotas;
    }
    let exact = ratios.0.map(|r| r * size as f64);
    for (quota, exact) in quotas.iter_mut().zip(exact) {
        // A hair above a whole number is that number; 0.7 × 10 must not become 6.
        *quota = (exact + 1e-9).floor() as isize;
    }
    let left = size as isize - quotas.iter().sum::<isize>();
    let mut by_remainder = PRIORITY;
    by_remainder.sort_by(|&a, &b| {
        let remainder = |s: Split| ((exact[s as usize] - quotas[s as usize] as f64) * 1e9).round() as i64;
        remainder(b).cmp(&remainder(a))
    });
    by_remainder.iter().take(left.max(0) as usize).for_each(|&s| quotas[s as usize] += 1);
    // Whatever the ratios, a class that may be trained on is.
    if quotas[0] == 0 && ratios.0[0] > 0.0 {
        let richest = if quotas[1] > quotas[2] { 1 } else { 2 };
        quotas[richest] -= 1;
        quotas[0] += 1;
    }
    quotas
}

/// A position in the seed's shuffle.
fn shuffled(content: u64, seed: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(&content.to_le_bytes());
    u64::from_le_bytes(hasher.finalize().as_bytes()[..8].try_into().expect("a digest is longer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratios(text: &str) -> Ratios {
        text.parse().expect("valid ratios")
    }

    fn items(class: u32, count: u64) -> impl Iterator<Item = Item> {
        (0..count).map(move |n| Item { class, content: u64::from(class) * 1_000_003 + n * 7919 })
    }

    fn sizes(splits: &Assignment, items: impl Iterator<Item = Item>) -> [usize; 3] {
        let found: Vec<Split> = items.map(|i| splits.get(i.content).expect("every item has a split")).collect();
        SPLITS.map(|split| found.iter().filter(|&&s| s == split).count())
    }

    #[test]
    fn quotas_are_exact_and_small_classes_feed_train_first() {
        for (size, expected) in [
            (1, [1, 0, 0]),
            (2, [1, 0, 1]),
            (3, [1, 1, 1]),
            (4, [3, 0, 1]),
            (10, [7, 1, 2]),
            (20, [14, 3, 3]),
            (100, [70, 15, 15]),
        ] {
            assert_eq!(quotas(size, ratios("70/15/15")), expected, "{size}");
        }
        assert_eq!(quotas(2, ratios("80/0/20")), [1, 0, 1]);
        assert_eq!(quotas(1, ratios("0/0/1")), [0, 0, 1]);
    }

    #[test]
    fn every_class_is_divided_by_itself_so_no_class_is_missing_from_train() {
        let all: Vec<Item> = (0..50).flat_map(|class| items(class, 20)).collect();
        let splits = assign(all, ratios("70/15/15"), 7);
        for class in 0..50 {
            assert_eq!(sizes(&splits, items(class, 20)), [14, 3, 3]);
        }
        for size in 1..20 {
            assert!(quotas(size, ratios("10/45/45"))[0] > 0, "{size}");
        }
    }

    #[test]
    fn the_order_of_the_images_does_not_matter_and_the_seed_does() {
        let mut all: Vec<Item> = items(1, 101).chain(items(2, 13)).collect();
        let forward = assign(all.clone(), ratios("70/15/15"), 1);
        all.reverse();
        assert_eq!(assign(all.clone(), ratios("70/15/15"), 1), forward);
        assert_ne!(assign(all, ratios("70/15/15"), 2), forward);
    }

    #[test]
    fn copies_count_as_often_as_they_occur_and_stay_together() {
        let copies = std::iter::repeat_n(Item { class: 1, content: 5 }, 6).chain(items(1, 4));
        let splits = assign(copies.collect(), ratios("60/20/20"), 3);
        assert_eq!(splits.get(5), Some(Split::Train));
        assert_eq!(sizes(&splits, items(1, 4)), [0, 2, 2]);
    }

    #[test]
    fn a_content_of_two_classes_has_one_split() {
        let shared = [Item { class: 1, content: 9 }, Item { class: 2, content: 9 }];
        let all = shared.into_iter().chain(items(1, 9)).chain(items(2, 9)).collect();
        let splits = assign(all, ratios("50/25/25"), 0);
        assert_eq!(splits.0.len(), 19);
    }

    #[test]
    fn ratios_parse() {
        assert_eq!(ratios("70/15/15"), ratios("0.7/0.15/0.15"));
        assert_eq!(ratios("70/15/15").to_string(), "70/15/15");
        for wrong in ["", "70", "70/30", "a/b/c", "-1/1/1", "0/0/0", "1/2/3/4", "inf/1/1"] {
            assert!(wrong.parse::<Ratios>().is_err(), "{wrong}");
        }
    }
}
