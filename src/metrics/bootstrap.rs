//! How far figures would vary among other samples of as many rows: resampling, the same on any number of threads.

use rayon::prelude::*;

use super::Sample;
use super::classes::Counts;
use super::headline::Headline;
use super::mcnemar::McNemar;

/// The share of resamples that lies outside an interval.
const OUTSIDE: f64 = 0.05;

/// Bounds that hold 95 % of the resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// The intervals of a [`Headline`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intervals {
    /// Of the share of rows whose best class is right.
    pub top1: Interval,
    /// Of the share of rows whose class is among the best five.
    pub top5: Interval,
    /// Of the mean F1 over the classes.
    pub macro_f1: Interval,
    /// Of the expected calibration error; `None` without scores.
    pub ece: Option<Interval>,
    /// Of the area under the risk–coverage curve; `None` without scores.
    pub aurc: Option<Interval>,
}

impl Sample {
    /// 95 % percentile intervals (Efron 1981) of the headline figures, of so many samples drawn from the rows with
    /// replacement; bounds between two resamples are interpolated linearly. The draws of a resample follow from the
    /// seed and its number alone. `None` without rows or resamples. Costs a byte a row and thread.
    pub fn bootstrap(&self, resamples: u32, seed: u64, pool: &rayon::ThreadPool) -> Option<Intervals> {
        if self.is_empty() || resamples == 0 {
            return None;
        }
        let scratch = || (Counts::new(self.classes), vec![0u8; self.len()]);
        let all: Vec<Headline> = pool.install(|| {
            let resamples = (0..u64::from(resamples)).into_par_iter();
            let one = resamples.map_init(scratch, |(counts, times), number| {
                times.fill(0);
                let mut random = Random::new(seed, number);
                for _ in 0..times.len() {
                    let drawn = &mut times[random.below(self.len())];
                    // Drawing one row 255 times out of any number of rows has a chance below 10^-400, or, where there
                    // are no more than 255 draws, cannot overflow.
                    *drawn = drawn.saturating_add(1);
                }
                self.measure(counts, |i| times[i].into())
            });
            one.collect()
        });
        let interval = |of: fn(&Headline) -> f64| interval(all.iter().map(of).collect());
        Some(Intervals {
            top1: interval(|h| h.top1),
            top5: interval(|h| h.top5),
            macro_f1: interval(|h| h.macro_f1),
            ece: self.scored.then(|| interval(|h| h.ece.unwrap_or(f64::NAN))),
            aurc: self.scored.then(|| interval(|h| h.aurc.unwrap_or(f64::NAN))),
        })
    }
}

/// The 95 % interval of the difference of two top-1 accuracies on the same rows, by resampling the rows.
pub fn paired_difference(
    test: &McNemar,
    rows: u64,
    resamples: u32,
    seed: u64,
    pool: &rayon::ThreadPool,
) -> Option<Interval> {
    if rows == 0 || resamples == 0 {
        return None;
    }
    let (first, both) = (test.only_first, test.only_first + test.only_second);
    let count = usize::try_from(rows).expect("the rows were in memory");
    let one = |number: u64| {
        let mut random = Random::new(seed, number);
        let mut difference = 0i64;
        for _ in 0..rows {
            let drawn = random.below(count) as u64;
            difference += i64::from(drawn < first) - i64::from(drawn >= first && drawn < both);
        }
        difference as f64 / rows as f64
    };
    Some(interval(pool.install(|| (0..u64::from(resamples)).into_par_iter().map(one).collect())))
}

/// The bounds outside which 2.5 % of the values lie on either side.
fn interval(mut values: Vec<f64>) -> Interval {
    values.sort_unstable_by(f64::total_cmp);
    Interval { low: quantile(&values, OUTSIDE / 2.0), high: quantile(&values, 1.0 - OUTSIDE / 2.0) }
}

/// The quantile of sorted values, interpolated linearly between the two nearest (Hyndman and Fan's type 7, which is
/// NumPy's); NaN without values.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[(at.floor() as usize + 1).min(last)]);
    below + (above - below) * at.fract()
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), a stream for each number.
struct Random(u64);

impl Random {
    fn new(seed: u64, number: u64) -> Random {
        Random(mix(mix(seed) ^ number))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `n`, none of them likelier than another by more than one part in 2⁶⁴/n.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
