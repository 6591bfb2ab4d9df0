//! Chance that can be repeated: numbers that follow from a seed, a picture and the number of a copy.

/// Xoshiro256++ (Blackman and Vigna 2019), its state the BLAKE3 of what the numbers follow from.
#[derive(Debug, Clone)]
pub(super) struct Random([u64; 4]);

impl Random {
    /// The numbers for one purpose: `stream` names it, so that no purpose changes the numbers of another.
    pub(super) fn new(seed: u64, content: &[u8; 32], copy: u32, stream: &str) -> Random {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(content).update(&copy.to_le_bytes()).update(stream.as_bytes());
        let digest = *hasher.finalize().as_bytes();
        let words = digest.as_chunks::<8>().0;
        Random([0, 1, 2, 3].map(|n: usize| u64::from_le_bytes(words[n])))
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// From 0 up to, and without, 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number of a range, to four decimal places: so it is written down as it is.
    pub(super) fn within(&mut self, [least, most]: [f64; 2]) -> f64 {
        let number = least + self.unit() * (most - least);
        ((number * 1e4).round() / 1e4).clamp(least, most)
    }

    /// A whole number below `n`, which is not 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Whether something of this probability happens.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Any colour.
    pub(super) fn colour(&mut self) -> [u8; 3] {
        let [r, g, b, ..] = self.bits().to_le_bytes();
        [r, g, b]
    }

    /// A number of the normal distribution (Box and Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_repeat_and_differ_with_everything_they_follow_from() {
        let first = |seed, content: u8, copy, stream: &str| Random::new(seed, &[content; 32], copy, stream).bits();
        let one = first(1, 2, 3, "a");
        assert_eq!(one, first(1, 2, 3, "a"));
        for other in [first(2, 2, 3, "a"), first(1, 3, 3, "a"), first(1, 2, 4, "a"), first(1, 2, 3, "b")] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn numbers_spread_over_their_range() {
        let mut random = Random::new(0, &[0; 32], 0, "");
        let mut counts = [0; 10];
        (0..10_000).for_each(|_| counts[random.below(10)] += 1);
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        let normal: Vec<f64> = (0..10_000).map(|_| random.normal()).collect();
        let mean = normal.iter().sum::<f64>() / 1e4;
        let variance = normal.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
        assert!((0..1000).all(|_| (-2.0..=3.0).contains(&random.within([-2.0, 3.0]))));
    }
}
