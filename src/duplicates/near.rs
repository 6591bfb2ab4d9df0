//! Pairs of hashes that differ in few bits, without comparing all with all.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

use super::PerceptualHash;

/// The distance that copies stay within: see [`PerceptualHash::distance`].
pub(crate) const REACH: u32 = 23;
/// The greatest distance that can be asked for.
pub(crate) const MAX_REACH: u32 = 31;

/// Words that a half of a hash is cut into, and the values that each can have.
const WORDS: u32 = 8;
const VALUES: usize = 1 << 16;
/// Rows that a thread compares with others at a time; few, so that little is kept where everything is near everything.
const BLOCK: usize = 64;
/// From this many pairs on that can be near, no more are looked at before those found are handed on.
const PAIRS: usize = 1 << 22;

/// Calls `found(a, b, distance)` for the pairs `a < b` of hashes within `reach` of each other (at most [`MAX_REACH`]),
/// each pair once.
///
/// No pair is missed, but of pictures whose hashes (or halves of hashes) are equal, only each and the next are given,
/// and the first stands for them all: a million equal pictures make a million pairs. So whatever is connected through
/// all pairs within reach is connected through those given.
///
/// If two halves of 128 bits differ in at most `reach` bits, then one of their eight words of 16 bits differs in at most
/// `reach / 8`; only those are compared. A million random hashes take a second of one processor up to a reach of 15, eight
/// up to 23, forty up to 31, and 50 bytes each. What costs more time is many pictures that are all alike but not equal.
pub(crate) fn near(hashes: &[Option<PerceptualHash>], reach: u32, mut found: impl FnMut(u32, u32, u32)) {
    let reach = reach.min(MAX_REACH);
    let hash = |row: u32| hashes[row as usize].expect("only rows with a hash are compared");
    for half in [Half::Whole, Half::Content] {
        // What the first half has connected already needs no second pair.
        let known =
            |a: u32, b: u32| half == Half::Content && Half::Whole.differs(hash(a), hash(b)) <= Half::Whole.reach(reach);
        let (values, rows) = distinct(hashes, half, |a, b| {
            if !known(a, b) {
                found(a, b, hash(a).distance(hash(b)));
            }
        });
        join(&values, half.reach(reach), |a, b| {
            let (a, b) = (rows[a as usize], rows[b as usize]);
            if !known(a, b) {
                found(a.min(b), a.max(b), hash(a).distance(hash(b)));
            }
        });
    }
}

/// A half of a hash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Whole,
    Content,
}

impl Half {
    fn of(self, hash: PerceptualHash) -> u128 {
        match self {
            Half::Whole => hash.whole(),
            Half::Content => hash.content(),
        }
    }

    fn differs(self, a: PerceptualHash, b: PerceptualHash) -> u32 {
        (self.of(a) ^ self.of(b)).count_ones()
    }

    /// In how many bits it may differ for the distance to be within `reach`.
    fn reach(self, reach: u32) -> u32 {
        match self {
            Half::Whole => reach / PerceptualHash::WHOLE_WEIGHT,
            Half::Content => reach,
        }
    }
}

/// The different values, each with its first row; `equal` is told of each row and the next with the same value.
fn distinct(hashes: &[Option<PerceptualHash>], half: Half, mut equal: impl FnMut(u32, u32)) -> (Vec<u128>, Vec<u32>) {
    let number = |row: usize| u32::try_from(row).expect("fewer than 2^32 rows");
    let present = hashes.iter().enumerate().filter_map(|(row, hash)| hash.map(|_| number(row)));
    let mut rows: Vec<u32> = present.collect();
    let value = |row: u32| hashes[row as usize].map_or(0, |hash| half.of(hash));
    rows.par_sort_unstable_by_key(|&row| (value(row), row));
    for pair in rows.windows(2).filter(|pair| value(pair[0]) == value(pair[1])) {
        equal(pair[0], pair[1]);
    }
    rows.dedup_by_key(|row| value(*row));
    (rows.iter().map(|&row| value(row)).collect(), rows)
}

/// All pairs of these different values that differ in at most `reach` bits, each once.
fn join(values: &[u128], reach: u32, mut found: impl FnMut(u32, u32)) {
    // If all words differed in more bits than this, the values would differ in more than `reach`.
    let radius = reach / WORDS;
    let masks: Vec<u16> = (0..=u16::MAX).filter(|mask| mask.count_ones() <= radius).collect();
    for word in 0..WORDS {
        let sorted = Sorted::by(values, word);
        let mut start = 0;
        while start < values.len() {
            // As many blocks as there is work for all threads, but few where there are many pairs to be kept.
            let (mut wave, mut pairs) = (Vec::new(), 0);
            while start < values.len() && pairs < PAIRS && wave.len() < 64 * rayon::current_num_threads() {
                let block = start..values.len().min(start + BLOCK);
                pairs += sorted.most(block.clone(), &masks);
                start = block.end;
                wave.push(block);
            }
            let compare = |block: &Range<usize>| {
                let mut near = Vec::new();
                sorted.compare(block.clone(), &masks, reach, &mut near);
                near.retain(|&(a, b)| {
                    let differs = values[a as usize] ^ values[b as usize];
                    (0..word).all(|earlier| part(differs, earlier).count_ones() > radius)
                });
                near
            };
            let near: Vec<_> = wave.par_iter().map(compare).collect();
            near.into_iter().flatten().for_each(|(a, b)| found(a, b));
        }
    }
}

/// A word of a value.
fn part(value: u128, word: u32) -> u16 {
    (value >> (16 * word)) as u16
}

/// Values in the order of one of their words.
struct Sorted {
    word: u32,
    values: Vec<u128>,
    /// Where each of them was before.
    places: Vec<u32>,
    /// Where the values of each word begin, and the end.
    starts: Vec<u32>,
}

impl Sorted {
    fn by(values: &[u128], word: u32) -> Sorted {
        let mut starts = vec![0u32; VALUES + 1];
        values.iter().for_each(|value| starts[usize::from(part(*value, word)) + 1] += 1);
        (0..VALUES).for_each(|i| starts[i + 1] += starts[i]);
        let mut next = starts.clone();
        let (mut sorted, mut places) = (vec![0; values.len()], vec![0; values.len()]);
        for (place, value) in (0..).zip(values) {
            let at = &mut next[usize::from(part(*value, word))];
            (sorted[*at as usize], places[*at as usize]) = (*value, place);
            *at += 1;
        }
        Sorted { word, values: sorted, places, starts }
    }

    /// How many pairs there can be of which the first lies in `block`.
    fn most(&self, block: Range<usize>, masks: &[u16]) -> usize {
        let (mut start, mut most) = (block.start, 0);
        while start < block.end {
            let word = part(self.values[start], self.word);
            let end = block.end.min(self.starts[usize::from(word) + 1] as usize);
            let others = masks.iter().map(|mask| usize::from(word ^ mask)).filter(|other| *other >= usize::from(word));
            let others: u32 = others.map(|other| self.starts[other + 1] - self.starts[other]).sum();
            most += (end - start) * others as usize;
            start = end;
        }
        most
    }

    /// Adds the places of all near pairs of which the first lies in `block`, and whose words differ by one of the masks.
    fn compare(&self, block: Range<usize>, masks: &[u16], reach: u32, near: &mut Vec<(u32, u32)>) {
        let mut start = block.start;
        while start < block.end {
            let word = part(self.values[start], self.word);
            let end = block.end.min(self.starts[usize::from(word) + 1] as usize);
            for mask in masks {
                let other = usize::from(word ^ mask);
                // Two words meet once: the smaller one looks for the greater.
                if other < usize::from(word) {
                    continue;
                }
                let others = self.starts[other] as usize..self.starts[other + 1] as usize;
                within(&self.values, &self.places, start..end, others, reach, near);
            }
            start = end;
        }
    }
}

/// Adds all pairs of one of `own` and a later one of `others` that differ in at most `reach` bits.
#[multiversion(targets("x86_64+popcnt"))]
fn within(
    values: &[u128],
    places: &[u32],
    own: Range<usize>,
    others: Range<usize>,
    reach: u32,
    near: &mut Vec<(u32, u32)>,
) {
    for a in own {
        let from = others.start.max(a + 1);
        if from >= others.end {
            continue;
        }
        let value = values[a];
        for (b, other) in values[from..others.end].iter().enumerate() {
            if (value ^ other).count_ones() <= reach {
                near.push((places[a], places[from + b]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, from a seed.
    fn random(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
    }

    /// Some hashes, with near ones at every distance among them, equal ones, equal halves and none.
    fn hashes(count: usize, seed: u64) -> Vec<Option<PerceptualHash>> {
        let mut next = random(seed);
        let mut hashes: Vec<Option<PerceptualHash>> = Vec::new();
        for i in 0..count {
            let mut words = [next(), next(), next(), next()];
            if i > 0
                && !next().is_multiple_of(3)
                && let Some(PerceptualHash(other)) = hashes[(next() % i as u64) as usize]
            {
                let half = (next() % 2) as usize * 2;
                words[half..half + 2].copy_from_slice(&other[half..half + 2]);
                for _ in 0..next() % 40 {
                    let bit = next() % 128;
                    words[half + (bit / 64) as usize] ^= 1 << (bit % 64);
                }
                if next() % 5 < 1 {
                    words = other;
                }
            }
            hashes.push((!next().is_multiple_of(50)).then_some(PerceptualHash(words)));
        }
        hashes
    }

    fn pairs(hashes: &[Option<PerceptualHash>], reach: u32) -> Vec<(u32, u32, u32)> {
        let mut pairs = Vec::new();
        near(hashes, reach, |a, b, distance| pairs.push((a, b, distance)));
        pairs
    }

    #[test]
    fn what_all_pairs_connect_is_connected() {
        for (seed, reach) in (0..).zip([0, 1, 7, 8, 15, 16, 22, 23, 24, 31]) {
            let hashes = hashes(600, seed);
            let (mut expected, mut actual) = (super::super::Groups::new(600), super::super::Groups::new(600));
            let mut all = std::collections::HashSet::new();
            for b in 0..600u32 {
                for a in 0..b {
                    if let (Some(x), Some(y)) = (hashes[a as usize], hashes[b as usize])
                        && x.distance(y) <= reach
                    {
                        expected.join(a, b);
                        all.insert((a, b, x.distance(y)));
                    }
                }
            }
            let found = pairs(&hashes, reach);
            found.iter().for_each(|&(a, b, _)| actual.join(a, b));
            assert!((0..600).all(|a| actual.root(a) == expected.root(a)), "{reach}");
            assert!(found.iter().all(|pair| all.contains(pair)), "{reach}");
            let once: std::collections::HashSet<_> = found.iter().collect();
            assert_eq!(once.len(), found.len(), "{reach}");
        }
    }

    #[test]
    fn pairs_do_not_depend_on_the_threads() {
        let hashes = hashes(3000, 5);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| pairs(&hashes, REACH))
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn equal_pictures_are_chained() {
        let hashes = vec![Some(PerceptualHash([7, 8, 9, 10])); 100_000];
        let found = pairs(&hashes, REACH);
        assert_eq!(found, (1..100_000).map(|b| (b - 1, b, 0)).collect::<Vec<_>>());
    }

    #[test]
    fn rows_without_a_hash_are_near_nothing() {
        assert_eq!(pairs(&[None, None, Some(PerceptualHash([0; 4])), None], MAX_REACH), []);
    }
}
