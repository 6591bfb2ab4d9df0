//! Powers, logarithms and chance that are the same on every machine: the mathematical library of a system need not be.

/// Added to a number of less than four million, it leaves the nearest whole one in the last bits.
const ROUNDER: f32 = 12_582_912.0;

/// Two to the power of a number from -126 to 127, to within some 2e-7 of itself.
#[inline(always)]
pub(super) fn exp2(x: f32) -> f32 {
    let x = x.clamp(-126.0, 127.0);
    let rounded = x + ROUNDER;
    let part = x - (rounded - ROUNDER);
    // The series of 2^part, for parts from -1/2 to 1/2.
    let series = 1.540_353e-4 * part + 1.333_356e-3;
    let series = series * part + 9.618_129e-3;
    let series = series * part + 5.550_411e-2;
    let series = series * part + 2.402_265e-1;
    let series = series * part + 6.931_472e-1;
    let series = series * part + 1.0;
    // The whole part goes to the exponent.
    f32::from_bits(series.to_bits().wrapping_add(rounded.to_bits().wrapping_sub(ROUNDER.to_bits()) << 23))
}

/// Binary logarithm of a positive normal number.
#[inline(always)]
pub(super) fn log2(x: f32) -> f32 {
    // The mantissa from sqrt(1/2) to sqrt(2), and the exponent that goes with it.
    let moved = x.to_bits().wrapping_sub(0x3f35_04f3);
    let exponent = (moved as i32 >> 23) as f32;
    let mantissa = f32::from_bits((moved & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let square = t * t;
    let series = 0.320_599 * square + 0.412_198_6;
    let series = series * square + 0.577_078;
    let series = series * square + 0.961_796_7;
    let series = series * square + 2.885_39;
    series * t + exponent
}

/// The exponential of a number.
pub(super) fn exp(x: f32) -> f32 {
    exp2(x * std::f32::consts::LOG2_E)
}

/// Mixes the bits of a number (the finaliser of SplitMix64, Steele et al., OOPSLA 2014).
pub(super) fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Chance: as many numbers as are asked for, from a seed.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    #[inline(always)]
    pub(super) fn new(seed: u64, stream: u64) -> Chance {
        Chance(mixed(seed ^ mixed(stream.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// For a place that is never asked.
    pub(super) const fn none() -> Chance {
        Chance(0)
    }

    /// A number below `end`.
    #[inline(always)]
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bits = (self.0 >> 32) as u32;
        ((u64::from(bits) * end as u64) >> 32) as usize
    }

    /// A number from -1 to 1.
    pub(super) fn signed(&mut self) -> f32 {
        self.below(1 << 24) as f32 / (1 << 23) as f32 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_and_logarithms_agree_with_the_library() {
        for i in -6000..6000 {
            let x = i as f32 / 100.0;
            let (own, real) = (exp2(x), f64::from(x).exp2());
            assert!((f64::from(own) / real - 1.0).abs() < 5e-7, "2^{x}");
            let (own, real) = (log2(own), real.log2());
            assert!((f64::from(own) - real).abs() < 1e-5, "log2 of 2^{x}");
        }
        assert_eq!((exp2(0.0), log2(1.0), exp(0.0)), (1.0, 0.0, 1.0));
        assert!(log2(1e-38).is_finite() && exp(-1000.0) < 1e-30);
    }

    #[test]
    fn chance_is_spread_evenly() {
        let mut counts = [0; 10];
        (0..1000).for_each(|stream| (0..10).for_each(|_| counts[Chance::new(7, stream).below(10)] += 1));
        let mut chance = Chance::new(1, 2);
        (0..10_000).for_each(|_| counts[chance.below(10)] += 1);
        assert!(counts.iter().all(|count| (1700..2300).contains(count)), "{counts:?}");
    }
}
