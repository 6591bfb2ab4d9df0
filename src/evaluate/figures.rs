//! Figures by name: what each is computed from, and what it says.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::metrics::{Interval, Intervals, Sample, balanced_accuracy, macro_average, quantile, weighted_average};

/// What is counted beside the rows that have a truth.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Rows with an error, left out.
    pub failed: u64,
    /// Rows without a truth.
    pub strangers: u64,
    pub strangers_accepted: u64,
    /// Rows of classes that the classifier does not know.
    pub unknown: u64,
    /// How long rows took, where the table says so.
    pub seconds: Vec<f32>,
}

impl Tally {
    /// Adds what was counted of other rows.
    pub(super) fn add(&mut self, other: &Tally) {
        self.failed += other.failed;
        self.strangers += other.strangers;
        self.strangers_accepted += other.strangers_accepted;
        self.unknown += other.unknown;
        self.seconds.extend_from_slice(&other.seconds);
    }
}

/// A figure: its name is its key everywhere.
#[derive(Debug, Clone)]
pub struct Figure {
    /// As [`meaning`] knows it.
    pub name: Cow<'static, str>,
    /// What was counted or computed.
    pub value: Value,
    /// Whether it comes with an interval, and that interval.
    pub interval: Option<Option<Interval>>,
}

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// So many.
    Count(u64),
    /// `None` where there is nothing to compute it from.
    Number(Option<f64>),
}

impl Value {
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Value::Count(count) => Some(count as f64),
            Value::Number(number) => number,
        }
    }

    pub(super) fn json(self) -> Json {
        match self {
            Value::Count(count) => count.into(),
            Value::Number(number) => number.into(),
        }
    }

    /// In full, or nothing.
    pub(super) fn text(self) -> String {
        match self {
            Value::Count(count) => count.to_string(),
            Value::Number(number) => number.map(|n| n.to_string()).unwrap_or_default(),
        }
    }

    /// For people: shares to four digits, small p-values as powers of ten.
    pub fn short(self) -> String {
        match self {
            Value::Count(count) => count.to_string(),
            Value::Number(None) => String::new(),
            Value::Number(Some(n)) if n != 0.0 && n.abs() < 0.0005 => format!("{n:.1e}"),
            Value::Number(Some(n)) if n.abs() >= 100.0 => format!("{n:.1}"),
            Value::Number(Some(n)) => format!("{n:.4}"),
        }
    }
}

/// What a figure says, for people.
const MEANINGS: [(&str, &str); 35] = [
    ("rows", "rows that have a true class"),
    ("errors", "rows with an error, left out"),
    ("strangers", "rows of no class, left out of all but the next line"),
    ("strangers_accepted", "share of strangers that was not rejected"),
    ("unknown_truth", "rows of classes that the classifier does not know; they count as wrong"),
    ("classes", "classes among the truths and predictions"),
    ("top1", "the best prediction is right"),
    ("top5", "one of the five best is right"),
    ("top1_known", "top1 of the rows whose class the classifier knows"),
    ("macro_precision", "mean over classes"),
    ("macro_recall", "mean over classes"),
    ("macro_f1", "mean over classes"),
    ("weighted_precision", "mean over classes, by rows"),
    ("weighted_recall", "mean over classes, by rows"),
    ("weighted_f1", "mean over classes, by rows"),
    ("balanced_accuracy", "mean recall of the classes that have rows"),
    ("kappa", "agreement beyond chance (Cohen)"),
    ("mcc", "correlation of truth and prediction (Matthews)"),
    ("ece", "expected calibration error; 0 is best"),
    ("brier", "mean square of score against right or wrong; 0 is best"),
    ("aurc", "area under the risk–coverage curve; 0 is best"),
    ("eaurc", "aurc beyond that of the best order of scores"),
    ("coverage", "share that was not rejected"),
    ("accepted_accuracy", "top1 of what was not rejected"),
    ("latency_mean", "seconds a row"),
    ("latency_p95", "seconds within which 95 % of the rows were done"),
    ("throughput", "rows a second, one after another"),
    ("compared_rows", "rows that both tables answer"),
    ("other_top1", "top1 of the other table on those"),
    ("top1_difference", "ours less theirs"),
    ("only_ours", "rows that only we have right"),
    ("only_theirs", "rows that only they have right"),
    ("mcnemar_p", "exact p-value of the difference (McNemar)"),
    ("mcnemar_chi2", "χ² with continuity correction"),
    ("mcnemar_chi2_p", "its p-value"),
];

/// What a figure says, or nothing where its name is all there is to say.
pub fn meaning(name: &str) -> &'static str {
    MEANINGS.iter().find(|(known, _)| *known == name).map_or("", |(_, meaning)| meaning)
}

/// Figures that a line of a group shows.
pub(super) const GROUP_COLUMNS: [&str; 8] =
    ["rows", "top1", "top5", "macro_f1", "ece", "aurc", "coverage", "accepted_accuracy"];

/// Figures in the order in which they are shown.
#[derive(Debug, Clone, Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// All figures of a sample; those of five predictions only where rows have more than one.
    pub(super) fn of(sample: &Sample, tally: &Tally, top5: bool, intervals: Option<&Intervals>) -> Figures {
        let headline = sample.headline();
        let classes = sample.classes();
        let (macros, weighted) = (macro_average(&classes), weighted_average(&classes));
        let right = headline.map(|h| h.top1 * sample.len() as f64);
        let known = sample.len() as u64 - tally.unknown;
        let seconds = Seconds::of(&tally.seconds);

        let mut figures = Figures::default();
        figures.count("rows", sample.len() as u64);
        figures.count("errors", tally.failed);
        figures.count("strangers", tally.strangers);
        let accepted = tally.strangers_accepted as f64 / tally.strangers as f64;
        figures.number("strangers_accepted", (tally.strangers > 0).then_some(accepted));
        figures.count("unknown_truth", tally.unknown);
        figures.count("classes", classes.len() as u64);
        figures.ranged("top1", headline.map(|h| h.top1), intervals.map(|i| i.top1));
        let five = headline.filter(|_| top5).map(|h| h.top5);
        figures.ranged("top5", five, intervals.filter(|_| top5).map(|i| i.top5));
        figures.number("top1_known", right.filter(|_| known > 0).map(|right| right / known as f64));
        figures.number("macro_precision", macros.map(|m| m.precision));
        figures.number("macro_recall", macros.map(|m| m.recall));
        figures.ranged("macro_f1", headline.map(|h| h.macro_f1), intervals.map(|i| i.macro_f1));
        figures.number("weighted_precision", weighted.map(|w| w.precision));
        figures.number("weighted_recall", weighted.map(|w| w.recall));
        figures.number("weighted_f1", weighted.map(|w| w.f1));
        figures.number("balanced_accuracy", balanced_accuracy(&classes));
        figures.number("kappa", sample.kappa());
        figures.number("mcc", sample.matthews());
        figures.ranged("ece", headline.and_then(|h| h.ece), intervals.and_then(|i| i.ece));
        figures.number("brier", sample.brier());
        figures.ranged("aurc", headline.and_then(|h| h.aurc), intervals.and_then(|i| i.aurc));
        figures.number("eaurc", sample.excess_aurc());
        figures.number("coverage", sample.coverage());
        figures.number("accepted_accuracy", sample.accepted_accuracy());
        figures.number("latency_mean", seconds.as_ref().map(|s| s.mean));
        figures.number("latency_p95", seconds.as_ref().map(|s| s.p95));
        figures.number("throughput", seconds.as_ref().filter(|s| s.mean > 0.0).map(|s| 1.0 / s.mean));
        figures
    }

    pub(super) fn count(&mut self, name: impl Into<Cow<'static, str>>, count: u64) {
        self.0.push(Figure { name: name.into(), value: Value::Count(count), interval: None });
    }

    pub(super) fn number(&mut self, name: impl Into<Cow<'static, str>>, number: Option<f64>) {
        self.0.push(Figure { name: name.into(), value: Value::Number(number), interval: None });
    }

    pub(super) fn ranged(&mut self, name: &'static str, number: Option<f64>, interval: Option<Interval>) {
        self.0.push(Figure { name: name.into(), value: Value::Number(number), interval: Some(interval) });
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.0.iter()
    }

    /// The figure of that name.
    pub fn find(&self, name: &str) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.name == name)
    }

    /// The value of the figure of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.find(name)?.value.number()
    }

    /// An object of all figures and the bounds of their intervals.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut object = Map::new();
        for figure in &self.0 {
            object.insert(figure.name.to_string(), figure.value.json());
            if let Some(interval) = figure.interval {
                object.insert(format!("{}_low", figure.name), interval.map(|i| i.low).into());
                object.insert(format!("{}_high", figure.name), interval.map(|i| i.high).into());
            }
        }
        object
    }
}

struct Seconds {
    mean: f64,
    p95: f64,
}

impl Seconds {
    fn of(seconds: &[f32]) -> Option<Seconds> {
        let mut sorted: Vec<f64> = seconds.iter().map(|&s| s.into()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        (!sorted.is_empty()).then(|| Seconds { mean, p95: quantile(&sorted, 0.95) })
    }
}
