//! Pictures that share landmarks, without comparing all with all.

use rayon::prelude::*;

use super::Orientation;
use super::landmarks::oriented;
use super::sketch::SIGNS;

/// Landmarks that two pictures share at least: one is often chance.
const LEAST: usize = 2;
/// Pictures that one is compared with at most: those that share most with it.
const MOST: usize = 16;
/// Of a key that very many landmarks have, so many are looked at.
const CROWD: usize = 1024;

/// The signs that make a key: those of frequencies of which down and across together are no less and no more than this, so
/// that a transposed landmark has the same ones.
const fn mask(least: u32, most: u32) -> u64 {
    let (mut mask, mut bit) = (0, 1);
    while bit < 64 {
        let together = bit / 8 + bit % 8;
        if least <= together && together <= most {
            mask |= 1u64 << bit;
        }
        bit += 1;
    }
    mask
}

/// Landmarks are near that have all signs of one of these in common.
const KEYS: [u64; 2] = [mask(1, 5), mask(3, 6)];

/// The landmarks of many pictures: 24 bytes each.
pub(crate) struct Shared<'a> {
    orientations: &'static [Orientation],
    /// Where those of each picture begin, and the end.
    starts: &'a [u32],
    signs: &'a [u64],
    /// Landmarks by each of their keys.
    sorted: [Vec<(u32, u32)>; KEYS.len()],
}

impl<'a> Shared<'a> {
    /// Of pictures whose landmarks have these signs, each with those from one start to the next.
    pub(crate) fn new(starts: &'a [u32], signs: &'a [u64], any_orientation: bool) -> Shared<'a> {
        let orientations = if any_orientation { &Orientation::ALL[..] } else { &Orientation::ALL[..1] };
        let sorted = KEYS.map(|mask| {
            let keyed = |(landmark, signs): (u32, &u64)| (key(*signs, mask, orientations), landmark);
            let mut sorted: Vec<(u32, u32)> = (0..).zip(signs).map(keyed).collect();
            sorted.par_sort_unstable();
            sorted
        });
        Shared { orientations, starts, signs, sorted }
    }

    /// The later pictures that share most with this one, in their order.
    pub(crate) fn with(&self, picture: u32) -> Vec<u32> {
        let mut others: Vec<u32> = Vec::new();
        for landmark in self.starts[picture as usize]..self.starts[picture as usize + 1] {
            let signs = self.signs[landmark as usize];
            let variants: Vec<u64> = self.orientations.iter().map(|own| oriented(signs, *own)).collect();
            let is_near =
                |other: u32| variants.iter().any(|signs| (signs ^ self.signs[other as usize]).count_ones() <= SIGNS);
            let mut shared: Vec<u32> = Vec::new();
            for (mask, sorted) in KEYS.into_iter().zip(&self.sorted) {
                let key = key(signs, mask, self.orientations);
                let later = sorted.partition_point(|place| *place <= (key, landmark));
                let same = sorted[later..].iter().take(CROWD).take_while(|(other, _)| *other == key);
                shared.extend(same.filter(|(_, other)| is_near(*other)).map(|(_, other)| self.owner(*other)));
            }
            // A landmark is one, by however many keys it is found.
            shared.sort_unstable();
            shared.dedup();
            others.extend(shared.into_iter().filter(|other| *other != picture));
        }
        others.sort_unstable();
        let counted = others.chunk_by(|a, b| a == b).map(|same| (same.len(), same[0]));
        let mut best: Vec<(usize, u32)> = counted.filter(|(count, _)| *count >= LEAST).collect();
        best.sort_by_key(|&(count, other)| (usize::MAX - count, other));
        best.truncate(MOST);
        let mut best: Vec<u32> = best.into_iter().map(|(_, other)| other).collect();
        best.sort_unstable();
        best
    }

    fn owner(&self, landmark: u32) -> u32 {
        self.starts.partition_point(|start| *start <= landmark) as u32 - 1
    }
}

/// What landmarks have in common that are the same, mirrored and turned as they may be.
fn key(signs: u64, mask: u64, orientations: &[Orientation]) -> u32 {
    let least = orientations.iter().map(|&orientation| oriented(signs, orientation) & mask).min();
    // Fewer than 2²⁴ of them, spread over 64 bits.
    (least.unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_that_share_landmarks_are_found_however_they_are_turned() {
        let value =
            |n: u64| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        // Of 40 pictures 39 has five landmarks of 3, two signs of each changed, and one of 7.
        let mut pictures: Vec<Vec<u64>> =
            (0..40).map(|picture| (0..20).map(|mark| value(picture * 20 + mark) & !1).collect()).collect();
        let turned = Orientation { transposed: true, flipped: false, mirrored: true };
        for orientation in [Orientation::default(), turned] {
            let shared: Vec<u64> =
                pictures[3][..5].iter().map(|&signs| oriented(signs, orientation) ^ (3 << 62)).collect();
            pictures[39][..5].copy_from_slice(&shared);
            pictures[39][9] = oriented(pictures[7][9], orientation);
            let mut starts = vec![0];
            starts.extend(pictures.iter().scan(0, |sum, marks| {
                *sum += marks.len() as u32;
                Some(*sum)
            }));
            let signs: Vec<u64> = pictures.iter().flatten().copied().collect();
            let found = |any| {
                let shared = Shared::new(&starts, &signs, any);
                (0..40).map(|picture| (picture, shared.with(picture))).filter(|(_, with)| !with.is_empty()).collect()
            };
            let pairs: Vec<(u32, Vec<u32>)> = found(true);
            assert_eq!(pairs, [(3, vec![39])], "{orientation:?}");
            let upright: Vec<(u32, Vec<u32>)> = found(false);
            assert_eq!(upright.len(), usize::from(orientation == Orientation::default()));
        }
    }
}
