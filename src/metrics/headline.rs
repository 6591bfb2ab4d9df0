//! The figures that a sample is known by, in one pass over its rows: each resample of the bootstrap takes one.

use super::Sample;
use super::calibration::{BINS, Bin, Descent};
use super::classes::Counts;
use super::risk::expected_risks;

/// The figures that are given with an interval. Those of scores are `None` where there are none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Headline {
    /// Top-1 accuracy: the share of rows whose best prediction is the truth (also micro-averaged F1).
    pub top1: f64,
    /// Top-5 accuracy: the share of rows that have the truth among their first five predictions.
    pub top5: f64,
    /// The mean over classes of F1 = 2·right / (support + predicted), over the classes that occur as truth or as
    /// prediction.
    pub macro_f1: f64,
    /// Expected calibration error (Naeini et al., AAAI 2015): Σ over bins of rows/all · |accuracy − mean score|, in
    /// [`BINS`] bins of equal width, each open on the left and closed on the right.
    pub ece: Option<f64>,
    /// Area under the risk–coverage curve (Geifman, Uziel and El-Yaniv, ICLR 2019): the mean over k = 1 … n of the
    /// share of errors among the k rows of the highest scores. Rows of one score are in no order: each k that ends
    /// within them counts with the share to be expected when they are shuffled.
    pub aurc: Option<f64>,
}

impl Sample {
    /// The figures that have intervals; `None` without rows.
    pub fn headline(&self) -> Option<Headline> {
        (!self.is_empty()).then(|| self.measure(&mut Counts::new(self.classes), |_| 1))
    }

    /// The figures of the sample in which row `i` occurs `times(i)` times, at least one of them once.
    pub(super) fn measure(&self, counts: &mut Counts, times: impl Fn(usize) -> u64) -> Headline {
        counts.clear();
        let (mut rows, mut right, mut among_five) = (0, 0, 0);
        let (mut bins, mut descent) = ([Bin::default(); BINS], Descent::new());
        // The rows of one score, and the errors among them and before them.
        let (mut tied, mut tied_errors, mut errors, mut before) = (0u64, 0u64, 0u64, 0u64);
        let (mut tied_score, mut area) = (f64::NAN, 0.0);
        for (i, row) in self.rows.iter().enumerate() {
            let times = times(i);
            if times == 0 {
                continue;
            }
            let is_right = row.is_right();
            let wrong = if is_right { 0 } else { times };
            rows += times;
            right += times - wrong;
            among_five += if (1..=5).contains(&row.rank) { times } else { 0 };
            counts.add(row, times);
            if !self.scored {
                continue;
            }
            let score = row.score();
            bins[descent.bin_of(score)].add(score, is_right, times);
            if score != tied_score {
                area += expected_risks(before, errors, tied, tied_errors);
                (before, errors) = (before + tied, errors + tied_errors);
                (tied, tied_errors, tied_score) = (0, 0, score);
            }
            (tied, tied_errors) = (tied + times, tied_errors + wrong);
        }
        area += expected_risks(before, errors, tied, tied_errors);
        let of_all = |count: u64| count as f64 / rows as f64;
        let ece = || bins.iter().map(|bin| (bin.right as f64 - bin.score).abs()).sum::<f64>() / rows as f64;
        Headline {
            top1: of_all(right),
            top5: of_all(among_five),
            macro_f1: counts.macro_f1(),
            ece: self.scored.then(ece),
            aurc: self.scored.then_some(area / rows as f64),
        }
    }

    /// The area under the risk–coverage curve in excess of the least that so many errors allow, which all have the
    /// lowest scores (E-AURC of Geifman et al., exactly instead of in the limit).
    pub fn excess_aurc(&self) -> Option<f64> {
        let errors = self.rows.iter().filter(|row| !row.is_right()).count();
        let right = self.len() - errors;
        let least = (1..=errors).map(|e| e as f64 / (right + e) as f64).sum::<f64>() / self.len() as f64;
        Some(self.headline()?.aurc? - least)
    }
}
