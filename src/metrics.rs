//! How good predictions are. Pure functions, no IO.
//!
//! Hides: how ties, absent classes and missing answers count, and how a million rows are resampled a thousand times in
//! twenty bytes a row. Promises: every figure is that of scikit-learn where it has one, with its `zero_division=0`; no
//! figure depends on the order of the rows or on the number of threads. Shares, precision, recall and F1 are in [0, 1].
//!
//! A class is a number, its place among all class names in the order of their bytes ([`Labels`]).

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

/// The class of a row for which the classifier named none.
pub const NO_CLASS: u32 = u32::MAX;
/// Bins of the reliability diagram and of the calibration error, as in Guo et al., "On Calibration of Modern Neural
/// Networks", ICML 2017.
pub const BINS: usize = 15;
/// The share of resamples that lies outside an interval.
const OUTSIDE: f64 = 0.05;

/// Class names, numbered as they appear.
#[derive(Debug, Default)]
pub struct Labels {
    numbers: HashMap<Box<str>, u32>,
}

impl Labels {
    /// The number of a name, which it keeps.
    pub fn number(&mut self, name: &str) -> u32 {
        match self.numbers.get(name) {
            Some(&number) => number,
            None => {
                let number = u32::try_from(self.numbers.len()).expect("fewer than 2^32 class names fit in memory");
                self.numbers.insert(name.into(), number);
                number
            }
        }
    }

    /// The number of a name that has one.
    pub fn get(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The names in the order of their bytes, and the place of each number among them.
    pub fn sorted(&self) -> (Vec<&str>, Vec<u32>) {
        let mut names: Vec<(&str, u32)> = self.numbers.iter().map(|(name, number)| (&**name, *number)).collect();
        names.sort_unstable();
        let mut places = vec![0; names.len()];
        (0..).zip(&names).for_each(|(place, (_, number))| places[*number as usize] = place);
        (names.into_iter().map(|(name, _)| name).collect(), places)
    }
}

/// What is known of one row: 20 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub truth: u32,
    /// The best prediction, or [`NO_CLASS`].
    pub prediction: u32,
    /// The score's bits in two halves, which need no alignment to 8 bytes.
    score: [u32; 2],
    /// The place of the truth among the predictions, from 1; 0 where it is not there.
    pub rank: u8,
    pub accepted: bool,
}

impl Row {
    /// A row with a score in [0, 1]; tables without scores have 0 everywhere.
    pub fn new(truth: u32, prediction: u32, score: f64, rank: u8, accepted: bool) -> Row {
        let bits = score.to_bits();
        Row { truth, prediction, score: [(bits >> 32) as u32, bits as u32], rank, accepted }
    }

    pub fn score(&self) -> f64 {
        f64::from_bits(u64::from(self.score[0]) << 32 | u64::from(self.score[1]))
    }

    pub fn is_right(&self) -> bool {
        self.truth == self.prediction
    }

    /// Puts [`Labels::sorted`]'s places in the stead of numbers.
    pub fn renumber(&mut self, places: &[u32]) {
        self.truth = places[self.truth as usize];
        self.prediction = places.get(self.prediction as usize).copied().unwrap_or(NO_CLASS);
    }
}

/// Rows of known truth with what was predicted for them.
#[derive(Debug)]
pub struct Sample {
    /// The highest score first; what else a row holds settles ties, so that the order they came in is forgotten.
    rows: Vec<Row>,
    /// Class numbers are below this.
    classes: usize,
    scored: bool,
}

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

/// Bounds that hold 95 % of the resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// The intervals of a [`Headline`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intervals {
    pub top1: Interval,
    pub top5: Interval,
    pub macro_f1: Interval,
    pub ece: Option<Interval>,
    pub aurc: Option<Interval>,
}

/// How one class fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    pub class: u32,
    /// Rows of this class.
    pub support: u64,
    /// Rows taken for this class.
    pub predicted: u64,
    /// Rows of this class that were taken for it.
    pub right: u64,
}

impl Class {
    /// Of the rows taken for this class, the share that is of it; 0 where there are none.
    pub fn precision(&self) -> f64 {
        share(self.right, self.predicted)
    }

    /// Of the rows of this class, the share that was taken for it; 0 where there are none.
    pub fn recall(&self) -> f64 {
        share(self.right, self.support)
    }

    /// The harmonic mean of precision and recall; 0 where nothing is right.
    pub fn f1(&self) -> f64 {
        share(2 * self.right, self.support + self.predicted)
    }
}

/// Precision, recall and F1 over all classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

/// The mean over classes, each counting once; `None` without classes.
pub fn macro_average(classes: &[Class]) -> Option<Average> {
    average(classes, |_| 1.0)
}

/// The mean over classes, each counting as often as it has rows; `None` without rows.
pub fn weighted_average(classes: &[Class]) -> Option<Average> {
    average(classes, |class| class.support as f64)
}

fn average(classes: &[Class], weight: impl Fn(&Class) -> f64) -> Option<Average> {
    let total: f64 = classes.iter().map(&weight).sum();
    let mean = |of: fn(&Class) -> f64| classes.iter().map(|c| weight(c) * of(c)).sum::<f64>() / total;
    (total > 0.0).then(|| Average {
        precision: mean(Class::precision),
        recall: mean(Class::recall),
        f1: mean(Class::f1),
    })
}

/// Balanced accuracy (Brodersen et al., ICPR 2010): the mean recall of the classes that have rows.
pub fn balanced_accuracy(classes: &[Class]) -> Option<f64> {
    let recalls: Vec<f64> = classes.iter().filter(|c| c.support > 0).map(Class::recall).collect();
    (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
}

/// Rows whose score lies in one of the bins.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bin {
    pub rows: u64,
    pub right: u64,
    score: f64,
}

impl Bin {
    /// The mean score of its rows.
    pub fn mean_score(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.score / self.rows as f64)
    }

    /// The share of its rows that is right.
    pub fn accuracy(&self) -> Option<f64> {
        (self.rows > 0).then(|| share(self.right, self.rows))
    }

    fn add(&mut self, score: f64, right: bool, times: u64) {
        self.rows += times;
        self.right += if right { times } else { 0 };
        self.score += score * times as f64;
    }
}

/// Finds the bins of scores that never rise: the `i` for which `i/BINS < score ≤ (i+1)/BINS`; 0 is in the first.
struct Descent {
    bin: usize,
    floor: f64,
}

impl Descent {
    fn new() -> Descent {
        Descent { bin: BINS - 1, floor: Descent::floor(BINS - 1) }
    }

    fn floor(bin: usize) -> f64 {
        bin as f64 / BINS as f64
    }

    fn bin_of(&mut self, score: f64) -> usize {
        while score <= self.floor && self.bin > 0 {
            self.bin -= 1;
            self.floor = Descent::floor(self.bin);
        }
        self.bin
    }
}

/// A point of the risk–coverage curve: what would come of accepting all scores from this one on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiskPoint {
    pub score: f64,
    /// The share of rows that would be accepted.
    pub coverage: f64,
    /// The share of errors among them.
    pub risk: f64,
}

impl Sample {
    /// Rows whose class numbers are below `classes`, but for [`NO_CLASS`] as a prediction.
    pub fn new(mut rows: Vec<Row>, classes: usize, scored: bool) -> Sample {
        let rest = |row: &Row| (row.truth, row.prediction, row.rank, row.accepted);
        rows.par_sort_unstable_by(|a, b| b.score().total_cmp(&a.score()).then_with(|| rest(a).cmp(&rest(b))));
        Sample { rows, classes, scored }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The figures that have intervals; `None` without rows.
    pub fn headline(&self) -> Option<Headline> {
        (!self.is_empty()).then(|| self.measure(&mut Counts::new(self.classes), |_| 1))
    }

    /// The figures of the sample in which row `i` occurs `times(i)` times, at least one of them once.
    fn measure(&self, counts: &mut Counts, times: impl Fn(usize) -> u64) -> Headline {
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

    /// The classes that occur as truth or as prediction, in order.
    pub fn classes(&self) -> Vec<Class> {
        let mut counts = Counts::new(self.classes);
        self.rows.iter().for_each(|row| counts.add(row, 1));
        (0..).zip(&counts.0).map(|(class, count)| count.of(class)).filter(|c| c.support + c.predicted > 0).collect()
    }

    /// How often each truth was taken for each class, where that is not 0.
    pub fn confusion(&self) -> BTreeMap<(u32, u32), u64> {
        let mut counts = BTreeMap::new();
        self.rows.iter().for_each(|row| *counts.entry((row.truth, row.prediction)).or_insert(0) += 1);
        counts
    }

    /// Cohen's kappa (1960): the agreement of truth and prediction beyond that of chance,
    /// (p_o − p_e) / (1 − p_e). Rows without a prediction are taken for a class of their own. `None` where chance agrees
    /// fully: all rows are of one class and taken for it.
    pub fn kappa(&self) -> Option<f64> {
        let Margins { rows, right, chance, .. } = self.margins();
        let disagreement = rows * rows - chance;
        (disagreement > 0).then(|| 1.0 - (rows * (rows - right)) as f64 / disagreement as f64)
    }

    /// Matthews' correlation of truth and prediction for several classes (Gorodkin 2004), in [−1, 1]; 0 where all
    /// rows are of one class or taken for one. Rows without a prediction are taken for a class of their own.
    pub fn matthews(&self) -> Option<f64> {
        let Margins { rows, right, chance, truths, predictions } = self.margins();
        let (of_truths, of_predictions) = (rows * rows - truths, rows * rows - predictions);
        if of_truths == 0 || of_predictions == 0 {
            return (rows > 0).then_some(0.0);
        }
        let covariance = (right * rows) as f64 - chance as f64;
        Some(covariance / (of_truths as f64 * of_predictions as f64).sqrt())
    }

    fn margins(&self) -> Margins {
        let classes = self.classes();
        let sum = |of: fn(&Class) -> u128| classes.iter().map(of).sum::<u128>();
        let square = |n: u64| u128::from(n) * u128::from(n);
        let unanswered = self.rows.iter().filter(|row| row.prediction == NO_CLASS).count() as u64;
        Margins {
            rows: self.len() as u128,
            right: sum(|c| c.right.into()),
            chance: sum(|c| u128::from(c.support) * u128::from(c.predicted)),
            truths: sum(|c| u128::from(c.support) * u128::from(c.support)),
            predictions: sum(|c| u128::from(c.predicted) * u128::from(c.predicted)) + square(unanswered),
        }
    }

    /// The reliability diagram: the rows of each bin of scores; `None` without scores.
    pub fn reliability(&self) -> Option<[Bin; BINS]> {
        let (mut bins, mut descent) = ([Bin::default(); BINS], Descent::new());
        for row in &self.rows {
            bins[descent.bin_of(row.score())].add(row.score(), row.is_right(), 1);
        }
        self.scored.then_some(bins)
    }

    /// Brier score (1950) of the best prediction: the mean of (score − right)², right being 1 or 0; `None` without
    /// rows or scores.
    pub fn brier(&self) -> Option<f64> {
        let square = |row: &Row| (row.score() - if row.is_right() { 1.0 } else { 0.0 }).powi(2);
        (self.scored && !self.is_empty()).then(|| self.rows.iter().map(square).sum::<f64>() / self.len() as f64)
    }

    /// The risk–coverage curve, a point for every score that occurs, the highest first; empty without scores.
    pub fn risk_coverage(&self) -> impl Iterator<Item = RiskPoint> {
        let rows = if self.scored { &self.rows[..] } else { &[] };
        let (mut accepted, mut errors) = (0u64, 0u64);
        rows.chunk_by(|a, b| a.score() == b.score()).map(move |tied| {
            accepted += tied.len() as u64;
            errors += tied.iter().filter(|row| !row.is_right()).count() as u64;
            let (coverage, risk) = (accepted as f64 / rows.len() as f64, share(errors, accepted));
            RiskPoint { score: tied[0].score(), coverage, risk }
        })
    }

    /// The area under the risk–coverage curve in excess of the least that so many errors allow, which all have the
    /// lowest scores (E-AURC of Geifman et al., exactly instead of in the limit).
    pub fn excess_aurc(&self) -> Option<f64> {
        let errors = self.rows.iter().filter(|row| !row.is_right()).count();
        let right = self.len() - errors;
        let least = (1..=errors).map(|e| e as f64 / (right + e) as f64).sum::<f64>() / self.len() as f64;
        Some(self.headline()?.aurc? - least)
    }

    /// The share of rows that were not rejected.
    pub fn coverage(&self) -> Option<f64> {
        (!self.is_empty()).then(|| share(self.accepted().count() as u64, self.len() as u64))
    }

    /// The share of those that is right; `None` where all were rejected.
    pub fn accepted_accuracy(&self) -> Option<f64> {
        let accepted = self.accepted().count() as u64;
        (accepted > 0).then(|| share(self.accepted().filter(|row| row.is_right()).count() as u64, accepted))
    }

    fn accepted(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.accepted)
    }
}

/// Sums over a table of truths and predictions.
struct Margins {
    rows: u128,
    right: u128,
    /// Σ support · predicted.
    chance: u128,
    /// Σ support².
    truths: u128,
    /// Σ predicted².
    predictions: u128,
}

/// The expected number of errors among the first k rows over k, summed over those k that end within `tied` rows in no
/// order of which `tied_errors` are errors, after `before` rows with `errors`.
fn expected_risks(before: u64, errors: u64, tied: u64, tied_errors: u64) -> f64 {
    if tied == 1 {
        // By far the most frequent case, and this is the innermost loop of the bootstrap.
        return (errors + tied_errors) as f64 / (before + 1) as f64;
    }
    let rate = tied_errors as f64 / tied as f64;
    (1..=tied).map(|j| (errors as f64 + rate * j as f64) / (before + j) as f64).sum()
}

/// Support, predictions and right ones of every class.
struct Counts(Vec<Count>);

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    support: u64,
    predicted: u64,
    right: u64,
}

impl Count {
    fn of(self, class: u32) -> Class {
        Class { class, support: self.support, predicted: self.predicted, right: self.right }
    }
}

impl Counts {
    fn new(classes: usize) -> Counts {
        Counts(vec![Count::default(); classes])
    }

    fn clear(&mut self) {
        self.0.fill(Count::default());
    }

    fn add(&mut self, row: &Row, times: u64) {
        self.0[row.truth as usize].support += times;
        if let Some(predicted) = self.0.get_mut(row.prediction as usize) {
            predicted.predicted += times;
            predicted.right += if row.is_right() { times } else { 0 };
        }
    }

    fn macro_f1(&self) -> f64 {
        let occurring = self.0.iter().filter(|c| c.support + c.predicted > 0);
        let (classes, sum) = occurring.fold((0u64, 0.0), |(n, sum), c| (n + 1, sum + c.of(0).f1()));
        sum / classes as f64
    }
}

/// `part / whole`, or 0 where the whole is 0.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
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

/// Two classifiers on the same rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Rows that only the first, and only the second, has right.
    pub only_first: u64,
    pub only_second: u64,
    /// Two-sided exact p-value: the chance that discordant rows split at least so unevenly when either is as likely.
    pub exact_p: f64,
    /// (|b − c| − 1)² / (b + c), Edwards' continuity correction (1948); 0 where the counts are equal.
    pub chi_square: f64,
    /// The chance of such a value under the χ² distribution with one degree of freedom.
    pub chi_square_p: f64,
}

impl McNemar {
    /// McNemar's test (1947) of whether two classifiers err equally often.
    pub fn new(only_first: u64, only_second: u64) -> McNemar {
        let discordant = only_first + only_second;
        let beyond_one = only_first.abs_diff(only_second).saturating_sub(1) as f64;
        let chi_square = if discordant == 0 { 0.0 } else { beyond_one * beyond_one / discordant as f64 };
        McNemar {
            only_first,
            only_second,
            exact_p: (2.0 * binomial_tail(only_first.min(only_second), discordant)).min(1.0),
            chi_square,
            chi_square_p: erfc((chi_square / 2.0).sqrt()),
        }
    }
}

/// The chance of at most `k` heads in `n` fair tosses, k ≤ n/2: the largest term from logarithms, the others from it
/// by their ratios.
fn binomial_tail(k: u64, n: u64) -> f64 {
    let mut sum = Sum::default();
    (1..=k).for_each(|i| sum.add(((n - k + i) as f64 / i as f64).ln()));
    sum.add(-(n as f64) * std::f64::consts::LN_2);
    let largest = sum.value().exp();
    let (mut total, mut term) = (1.0, 1.0);
    for i in (1..=k).rev() {
        term *= i as f64 / (n - i + 1) as f64;
        total += term;
        if term < total * f64::EPSILON / 8.0 {
            break;
        }
    }
    largest * total
}

/// A sum that keeps what rounding loses (Neumaier 1974).
#[derive(Debug, Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        self.lost += if self.sum.abs() >= x.abs() { (self.sum - sum) + x } else { (x - sum) + self.sum };
        self.sum = sum;
    }

    fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

/// The complementary error function for x ≥ 0, to 14 digits: a power series near 0, a continued fraction beyond
/// (Abramowitz and Stegun, 7.1.6 and 7.1.14).
fn erfc(x: f64) -> f64 {
    let scale = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x < 2.0 {
        let (mut term, mut sum, mut n) = (2.0 * x, 2.0 * x, 0.0);
        while term > sum * f64::EPSILON / 8.0 {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        1.0 - scale * sum
    } else {
        // 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))), from the inside; 100 levels are enough from 2 on.
        scale / (1..=100).rev().fold(x, |inner, n| x + f64::from(n) / 2.0 / inner)
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// A figure of the program equals the oracle's to 1e-9; `None` is null.
    #[track_caller]
    fn same(case: &str, name: &str, ours: Option<f64>, oracle: &Value) {
        let close = match (ours, oracle.as_f64()) {
            (Some(ours), Some(oracle)) => (ours - oracle).abs() <= 1e-9,
            (None, None) => oracle.is_null(),
            _ => false,
        };
        assert!(close, "{case}: {name} is {ours:?}, and should be {oracle}");
    }

    fn oracle() -> Value {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/metrics/cases.json");
        serde_json::from_slice(&std::fs::read(file).expect("tests/data/metrics/make.py wrote it")).expect("JSON")
    }

    fn list(value: &Value) -> &[Value] {
        value.as_array().expect("a list")
    }

    /// The rows of a case with the names of its classes; `turned`: from the last to the first.
    fn sample(case: &Value, turned: bool) -> (Sample, Vec<String>) {
        let mut labels = Labels::default();
        let mut order: Vec<usize> = (0..list(&case["truth"]).len()).collect();
        if turned {
            order.reverse();
        }
        let name = |value: &Value| value.as_str().expect("a name").to_string();
        for &i in &order {
            labels.number(&name(&case["truth"][i]));
            list(&case["predictions"][i]).iter().filter(|p| !p.is_null()).for_each(|p| {
                labels.number(&name(p));
            });
        }
        let (names, places) = labels.sorted();
        let number = |value: &Value| match value {
            Value::Null => NO_CLASS,
            value => places[labels.get(&name(value)).expect("numbered above") as usize],
        };
        let rows = order.iter().map(|&i| {
            let truth = number(&case["truth"][i]);
            let predictions: Vec<u32> = list(&case["predictions"][i]).iter().map(number).collect();
            let rank = predictions.iter().position(|&p| p == truth).map_or(0, |at| at as u8 + 1);
            let score = case["score"].get(i).map_or(0.0, |score| score.as_f64().expect("a number"));
            let rejected = case["rejected"][i].as_bool().expect("true or false");
            Row::new(truth, predictions[0], score, rank, !rejected)
        });
        let rows = rows.collect();
        (Sample::new(rows, names.len(), !case["score"].is_null()), names.into_iter().map(str::to_string).collect())
    }

    #[test]
    fn every_figure_is_that_of_the_oracle_in_any_order_of_the_rows() {
        for case in list(&oracle()["cases"]) {
            for turned in [false, true] {
                let (sample, names) = sample(case, turned);
                let name = case["name"].as_str().expect("a name");
                let expected = &case["expected"];
                let same = |figure: &str, ours| same(name, figure, ours, &expected[figure]);
                let headline = sample.headline().expect("rows");
                same("top1", Some(headline.top1));
                same("top5", Some(headline.top5));
                same("macro_f1", Some(headline.macro_f1));
                same("ece", headline.ece);
                same("aurc", headline.aurc);
                same("eaurc", sample.excess_aurc());
                same("brier", sample.brier());
                same("kappa", sample.kappa());
                same("mcc", sample.matthews());
                same("coverage", sample.coverage());
                same("accepted_accuracy", sample.accepted_accuracy());
                let classes = sample.classes();
                same("balanced_accuracy", balanced_accuracy(&classes));
                for (kind, average) in [("macro", macro_average(&classes)), ("weighted", weighted_average(&classes))] {
                    let average = average.expect("classes");
                    same(&format!("{kind}_precision"), Some(average.precision));
                    same(&format!("{kind}_recall"), Some(average.recall));
                    same(&format!("{kind}_f1"), Some(average.f1));
                }
                assert_eq!(classes.len(), list(&expected["classes"]).len(), "{name}");
                for (at, class) in classes.iter().enumerate() {
                    let expected_class = &expected["classes"][at];
                    assert_eq!(names[class.class as usize], expected_class[0].as_str().expect("a name"), "{name}");
                    let ours = [class.precision(), class.recall(), class.f1(), class.support as f64];
                    for (column, ours) in (1..).zip(ours) {
                        super::tests::same(name, "of a class", Some(ours), &expected_class[column]);
                    }
                    assert_eq!(expected["predicted"][at], class.predicted, "{name}");
                }
                let confusion = sample.confusion();
                assert_eq!(confusion.len(), list(&expected["confusion"]).len(), "{name}");
                for entry in list(&expected["confusion"]) {
                    let place = |label: &Value| match label.as_str() {
                        Some(label) => names.iter().position(|n| n == label).expect("a class") as u32,
                        None => NO_CLASS,
                    };
                    assert_eq!(entry[2], confusion[&(place(&entry[0]), place(&entry[1]))], "{name}");
                }
                match sample.reliability() {
                    None => assert!(expected["bins"].is_null(), "{name}"),
                    Some(bins) => {
                        for (bin, expected) in bins.iter().zip(list(&expected["bins"])) {
                            assert_eq!(expected[0], bin.rows, "{name}");
                            super::tests::same(name, "mean score", bin.mean_score(), &expected[1]);
                            super::tests::same(name, "bin's accuracy", bin.accuracy(), &expected[2]);
                        }
                    }
                }
                let curve: Vec<RiskPoint> = sample.risk_coverage().collect();
                assert_eq!(curve.is_empty(), headline.ece.is_none(), "{name}");
                if let Some(end) = curve.last() {
                    assert!(end.coverage == 1.0 && (end.risk + headline.top1 - 1.0).abs() < 1e-9, "{name}");
                }
            }
        }
    }

    #[test]
    fn intervals_are_those_of_the_oracle_on_any_number_of_threads() {
        for case in list(&oracle()["cases"]) {
            let expected = &case["expected"]["intervals"];
            for threads in [1, 3] {
                let (sample, _) = sample(case, threads == 3);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let number = |name: &str| case[name].as_u64().expect("a number");
                let resamples = u32::try_from(number("resamples")).expect("few");
                let Some(ours) = sample.bootstrap(resamples, number("seed"), &pool) else {
                    assert!(expected.is_null());
                    continue;
                };
                let figures = [
                    ("top1", Some(ours.top1)),
                    ("top5", Some(ours.top5)),
                    ("macro_f1", Some(ours.macro_f1)),
                    ("ece", ours.ece),
                    ("aurc", ours.aurc),
                ];
                for (name, interval) in figures {
                    let case = case["name"].as_str().expect("a name");
                    same(case, name, interval.map(|i| i.low), &expected[name][0]);
                    same(case, name, interval.map(|i| i.high), &expected[name][1]);
                }
            }
        }
    }

    #[test]
    fn mcnemars_test_is_that_of_scipy() {
        for row in list(&oracle()["mcnemar"]) {
            let count = |at: usize| row[at].as_u64().expect("a count");
            let test = McNemar::new(count(0), count(1));
            same("mcnemar", &format!("exact p of {row}"), Some(test.exact_p), &row[2]);
            same("mcnemar", "chi-square", Some(test.chi_square), &row[3]);
            same("mcnemar", "p of chi-square", Some(test.chi_square_p), &row[4]);
            let oracle = row[2].as_f64().expect("a number");
            assert!((test.exact_p / oracle - 1.0).abs() < 1e-9, "{row}: {}", test.exact_p);
        }
    }

    #[test]
    fn no_rows_have_no_figures() {
        let sample = Sample::new(Vec::new(), 0, true);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        assert!(sample.headline().is_none() && sample.excess_aurc().is_none() && sample.brier().is_none());
        assert!(sample.kappa().is_none() && sample.matthews().is_none() && sample.coverage().is_none());
        assert!(sample.accepted_accuracy().is_none() && sample.bootstrap(10, 0, &pool).is_none());
        assert!(macro_average(&[]).is_none() && weighted_average(&[]).is_none() && balanced_accuracy(&[]).is_none());
        assert_eq!(sample.risk_coverage().count(), 0);
        assert_eq!(paired_difference(&McNemar::new(0, 0), 0, 10, 0, &pool), None);
    }

    #[test]
    fn the_paired_difference_lies_in_its_interval() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
        let interval = paired_difference(&McNemar::new(60, 30), 1000, 1000, 0, &pool).expect("rows");
        // Its standard error is √(0.09 − 0.03²)/√1000 = 0.0094.
        assert!((interval.low - (0.03 - 1.96 * 0.0094)).abs() < 0.002, "{interval:?}");
        assert!((interval.high - (0.03 + 1.96 * 0.0094)).abs() < 0.002, "{interval:?}");
    }

    #[test]
    fn a_row_is_twenty_bytes() {
        assert_eq!(size_of::<Row>(), 20);
    }
}
