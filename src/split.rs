//! Dividing images into train, validation and test. Pure functions.
//!
//! An image's place follows from the seed, its contents and the contents of its class, never from the order in
//! which the images come. Identical contents are one unit, so that they cannot end up on two sides.

use std::collections::{BTreeMap, HashMap};
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

/// What is known of one image: its class (empty for none) and the first half of its content's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item {
    pub class: u32,
    pub content: u128,
}

/// The split of every content.
///
/// Each class is divided by itself: its images, in the order of a hash of seed and content, fill quotas that the
/// largest remainder method (Hamilton) makes of the ratios; a class of one to three images gives train the first,
/// test the second and validation the third. A content that occurs in several classes is placed before the others.
pub fn assign(items: impl IntoIterator<Item = Item>, ratios: Ratios, seed: u64) -> HashMap<u128, Split> {
    let mut counts: HashMap<u128, BTreeMap<u32, usize>> = HashMap::new();
    let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
    for item in items {
        *counts.entry(item.content).or_default().entry(item.class).or_default() += 1;
        *sizes.entry(item.class).or_default() += 1;
    }
    let mut room: BTreeMap<u32, [isize; 3]> =
        sizes.iter().map(|(&class, &size)| (class, quotas(size, ratios))).collect();
    let mut units: Vec<(u128, BTreeMap<u32, usize>)> = counts.into_iter().collect();
    // Contents of several classes first, then large units: what is hard to place is placed while there is room.
    units.sort_by_cached_key(|(content, classes)| {
        let size: usize = classes.values().sum();
        (std::cmp::Reverse(classes.len()), std::cmp::Reverse(size), shuffled(*content, seed))
    });
    let mut splits = HashMap::with_capacity(units.len());
    for (content, classes) in units {
        let free = |split: Split| -> isize { classes.keys().map(|class| room[class][split as usize]).sum() };
        // `max_by_key` keeps the last of equals, so the preferred one must come last.
        let split = PRIORITY.into_iter().rev().max_by_key(|&split| free(split)).expect("there are three splits");
        for (class, count) in &classes {
            room.get_mut(class).expect("every class has a quota")[split as usize] -= *count as isize;
        }
        splits.insert(content, split);
    }
    splits
}

/// How many of `size` images each split gets.
fn quotas(size: usize, ratios: Ratios) -> [isize; 3] {
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
    quotas
}

/// A position in the seed's shuffle.
fn shuffled(content: u128, seed: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(&content.to_le_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratios(text: &str) -> Ratios {
        text.parse().expect("valid ratios")
    }

    fn items(class: u32, count: u128) -> impl Iterator<Item = Item> {
        (0..count).map(move |n| Item { class, content: u128::from(class) * 1_000_003 + n * 7919 })
    }

    fn sizes(splits: &HashMap<u128, Split>) -> [usize; 3] {
        SPLITS.map(|split| splits.values().filter(|&&s| s == split).count())
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
        let splits = assign(all.iter().copied(), ratios("70/15/15"), 7);
        for class in 0..50 {
            let own: HashMap<u128, Split> = items(class, 20).map(|i| (i.content, splits[&i.content])).collect();
            assert_eq!(sizes(&own), [14, 3, 3]);
        }
    }

    #[test]
    fn the_order_of_the_images_does_not_matter_and_the_seed_does() {
        let mut all: Vec<Item> = items(1, 101).chain(items(2, 13)).collect();
        let forward = assign(all.iter().copied(), ratios("70/15/15"), 1);
        all.reverse();
        assert_eq!(assign(all.iter().copied(), ratios("70/15/15"), 1), forward);
        assert_ne!(assign(all.iter().copied(), ratios("70/15/15"), 2), forward);
    }

    #[test]
    fn copies_count_as_often_as_they_occur_and_stay_together() {
        let copies = std::iter::repeat_n(Item { class: 1, content: 5 }, 6).chain(items(1, 4));
        let splits = assign(copies, ratios("60/20/20"), 3);
        assert_eq!(splits[&5], Split::Train);
        assert_eq!(sizes(&splits), [1, 2, 2]);
    }

    #[test]
    fn a_content_of_two_classes_has_one_split() {
        let shared = [Item { class: 1, content: 9 }, Item { class: 2, content: 9 }];
        let splits = assign(shared.into_iter().chain(items(1, 9)).chain(items(2, 9)), ratios("50/25/25"), 0);
        assert_eq!(splits.len(), 19);
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
