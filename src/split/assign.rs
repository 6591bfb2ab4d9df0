//! Which split every image gets. Pure functions.
//!
//! An image's place follows from the seed, its contents and the contents of its class, never from the order in
//! which the images come. Identical contents, and whatever else belongs together, are one unit, so that they cannot end
//! up on two sides.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::duplicates::Groups;
use crate::table::split::Split;

/// Who gets the images of a class that is too small to divide, and who wins ties.
const PRIORITY: [Split; 3] = [Split::Train, Split::Test, Split::Validation];

/// Shares of train, validation and test, which sum to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratios([f64; 3]);

impl Ratios {
    /// Whether the split is to get anything.
    pub(super) fn has(self, split: Split) -> bool {
        self.0[split as usize] > 0.0
    }
}

impl Default for Ratios {
    /// 70/15/15.
    fn default() -> Ratios {
        Ratios([0.7, 0.15, 0.15])
    }
}

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

/// What is known of one image: its content's hash, of which 64 bits do (equal ones would only stay together), its class,
/// and the split that it has already and keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub content: u64,
    pub class: u32,
    pub kept: Option<Split>,
}

/// The splits of items.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The split of each item, in their order.
    pub splits: Vec<Split>,
    /// Units whose items keep splits on several sides.
    pub torn: usize,
    /// Two items of such a unit, by their places.
    pub example: Option<(usize, usize)>,
}

/// Assigns every item to a split.
///
/// Items of one group (by their places), and those of equal content, are a unit and stay on one side. Each class is
/// divided by itself: its units fill quotas that the largest remainder method (Hamilton) makes of the ratios; a class of
/// one to three images gives train the first, test the second and validation the third. Large units are placed before
/// small ones, since they are hard to place, those of several classes before those of one, and then in the order of a
/// hash of seed and content; each goes where its classes lack it most, except that the last unit of a class of which
/// nothing is in train goes there, if train has a share. So every class is within one image of its ratio where units are
/// single images, and else as near to it as the units allow.
///
/// What is kept stays where it is; the rest of its unit goes to it (to most of it, where a unit is torn), and other units
/// fill what their classes then lack.
///
/// # Panics
/// There are not as many items as numbers in `groups`.
pub(crate) fn assign(items: &[Item], mut groups: Groups, ratios: Ratios, seed: u64) -> Assignment {
    let mut order: Vec<u32> = (0..u32::try_from(items.len()).expect("fewer than 2^32 images")).collect();
    let item = |place: u32| &items[place as usize];
    order.sort_unstable_by_key(|&place| item(place).content);
    for pair in order.windows(2).filter(|pair| item(pair[0]).content == item(pair[1]).content) {
        groups.join(pair[0], pair[1]);
    }
    // The items of a unit lie side by side, and in it those of a class.
    let roots: Vec<u32> = (0..order.len() as u32).map(|place| groups.root(place)).collect();
    drop(groups);
    order.sort_unstable_by_key(|&place| (roots[place as usize], item(place).class, item(place).content));
    let units = order.chunk_by(|&a, &b| roots[a as usize] == roots[b as usize]);

    let mut room = Room::of(items, ratios);
    let mut assigned = Assignment { splits: vec![Split::Train; items.len()], torn: 0, example: None };
    let mut free = Vec::new();
    for unit in units {
        if unit.iter().all(|&place| item(place).kept.is_none()) {
            free.push(unit);
            continue;
        }
        let kept = Kept::of(items, unit);
        for &place in unit {
            let split = item(place).kept.unwrap_or_else(|| kept.side(item(place).content));
            assigned.splits[place as usize] = split;
            if item(place).kept.is_none() {
                room.take(item(place).class, split, 1);
            }
        }
        if let Some(pair) = kept.torn() {
            assigned.torn += 1;
            assigned.example.get_or_insert(pair);
        }
    }
    free.sort_by_cached_key(|unit| {
        let classes = unit.chunk_by(|&a, &b| item(a).class == item(b).class).count();
        let first = unit.iter().map(|&place| item(place).content).min().expect("a unit has an item");
        (Reverse(unit.len()), Reverse(classes), shuffled(first, seed), first)
    });
    let mut left: BTreeMap<u32, usize> = BTreeMap::new();
    for unit in &free {
        let classes = unit.chunk_by(|&a, &b| item(a).class == item(b).class);
        classes.for_each(|own| *left.entry(item(own[0]).class).or_default() += 1);
    }
    for unit in free {
        let classes = unit.chunk_by(|&a, &b| item(a).class == item(b).class);
        let needs: Vec<(u32, usize)> = classes.map(|own| (item(own[0]).class, own.len())).collect();
        let mut is_last = false;
        for (class, _) in &needs {
            let left = left.get_mut(class).expect("its units were counted");
            *left -= 1;
            is_last |= *left == 0 && !room.trained.contains(class);
        }
        let may_train = room.ratios.has(Split::Train);
        let split = if is_last && may_train { Split::Train } else { room.best(&needs) };
        needs.iter().for_each(|&(class, count)| room.take(class, split, count));
        unit.iter().for_each(|&place| assigned.splits[place as usize] = split);
    }
    assigned
}

/// How many images more each split of each class is to get.
struct Room {
    ratios: Ratios,
    classes: BTreeMap<u32, [isize; 3]>,
    /// Classes of which something is in train.
    trained: BTreeSet<u32>,
}

impl Room {
    /// What is kept has taken its place already.
    fn of(items: &[Item], ratios: Ratios) -> Room {
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        items.iter().for_each(|item| *sizes.entry(item.class).or_default() += 1);
        let classes = sizes.iter().map(|(&class, &size)| (class, quotas(size, ratios))).collect();
        let mut room = Room { ratios, classes, trained: BTreeSet::new() };
        for item in items {
            if let Some(split) = item.kept {
                room.take(item.class, split, 1);
            }
        }
        room
    }

    fn take(&mut self, class: u32, split: Split, count: usize) {
        if split == Split::Train {
            self.trained.insert(class);
        }
        self.classes.get_mut(&class).expect("every class has a quota")[split as usize] -= count as isize;
    }

    /// The split for so many images of these classes: where the fewest are too many, then where most is free.
    fn best(&self, needs: &[(u32, usize)]) -> Split {
        let score = |split: Split| {
            let own = needs.iter().map(|(class, count)| (self.classes[class][split as usize], *count as isize));
            let excess: isize = own.clone().map(|(room, count)| (count - room.max(0)).max(0)).sum();
            (Reverse(excess), own.map(|(room, _)| room).sum::<isize>())
        };
        // `max_by_key` keeps the last of equals, so the preferred one must come last.
        let wanted = PRIORITY.into_iter().rev().filter(|&split| self.ratios.has(split));
        wanted.max_by_key(|&split| score(split)).expect("a ratio is more than 0")
    }
}

/// The items of a unit that keep their splits.
struct Kept {
    /// Content, split and place, in that order.
    items: Vec<(u64, Split, usize)>,
    most: Split,
}

impl Kept {
    fn of(items: &[Item], unit: &[u32]) -> Kept {
        let kept = unit.iter().map(|&place| (items[place as usize], place as usize));
        let mut kept: Vec<_> =
            kept.filter_map(|(item, place)| item.kept.map(|split| (item.content, split, place))).collect();
        kept.sort_unstable();
        let count = |split: Split| kept.iter().filter(|(_, own, _)| *own == split).count();
        let most = PRIORITY.into_iter().rev().max_by_key(|&split| count(split)).expect("there are three splits");
        Kept { items: kept, most }
    }

    /// Where a new item of this content goes: to its copies, else to most.
    fn side(&self, content: u64) -> Split {
        let at = self.items.partition_point(|(own, _, _)| *own < content);
        self.items.get(at).filter(|(own, _, _)| *own == content).map_or(self.most, |(_, split, _)| *split)
    }

    /// The first two that are not on one side.
    fn torn(&self) -> Option<(usize, usize)> {
        let (_, split, first) = self.items.first()?;
        let other = self.items.iter().find(|(_, other, _)| other != split)?;
        Some((*first, other.2))
    }
}

/// How many of `size` images train, validation and test get: whole numbers by the largest remainder.
pub(crate) fn quotas(size: usize, ratios: Ratios) -> [isize; 3] {
    let mut quotas = [0isize; 3];
    let wanted = PRIORITY.into_iter().filter(|&s| ratios.has(s));
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
pub(crate) fn shuffled(content: u64, seed: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(&content.to_le_bytes());
    u64::from_le_bytes(hasher.finalize().as_bytes()[..8].try_into().expect("a digest is longer"))
}

#[cfg(test)]
mod tests;
