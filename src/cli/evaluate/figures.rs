//! Figures by name, and the formats in which they are shown.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Map, Value as Json};

use super::compare::Comparison;
use crate::failure::Failure;
use crate::io::Sink;
use crate::metrics::{Interval, Intervals, Sample, balanced_accuracy, macro_average, quantile, weighted_average};
use crate::runs;
use crate::table::{Provenance, StreamFormat, Writer, column};
use crate::words::{cell, printable};

/// How figures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, for people
    Table,
    /// A line for each figure: its name, its value, the bounds of its interval
    Tsv,
    Csv,
    /// One object with a key for every figure
    Json,
    /// One object a line: one for each group, then all
    Jsonl,
    /// The object as a row; one for each group, then all
    Parquet,
}

/// What is counted beside the rows that have a truth.
#[derive(Debug, Default)]
pub struct Tally {
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
    pub fn add(&mut self, other: &Tally) {
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
    pub name: Cow<'static, str>,
    pub value: Value,
    /// Whether it comes with an interval, and that interval.
    pub interval: Option<Option<Interval>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    Count(u64),
    /// `None` where there is nothing to compute it from.
    Number(Option<f64>),
}

impl Value {
    fn number(self) -> Option<f64> {
        match self {
            Value::Count(count) => Some(count as f64),
            Value::Number(number) => number,
        }
    }

    fn json(self) -> Json {
        match self {
            Value::Count(count) => count.into(),
            Value::Number(number) => number.into(),
        }
    }

    /// In full, or nothing.
    fn text(self) -> String {
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

/// Figures in the order in which they are shown.
#[derive(Debug, Clone, Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// All figures of a sample; those of five predictions only where rows have more than one.
    pub fn of(sample: &Sample, tally: &Tally, top5: bool, intervals: Option<&Intervals>) -> Figures {
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

    pub fn count(&mut self, name: impl Into<Cow<'static, str>>, count: u64) {
        self.0.push(Figure { name: name.into(), value: Value::Count(count), interval: None });
    }

    pub fn number(&mut self, name: impl Into<Cow<'static, str>>, number: Option<f64>) {
        self.0.push(Figure { name: name.into(), value: Value::Number(number), interval: None });
    }

    pub fn ranged(&mut self, name: &'static str, number: Option<f64>, interval: Option<Interval>) {
        self.0.push(Figure { name: name.into(), value: Value::Number(number), interval: Some(interval) });
    }

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

/// Writes the figures of all groups, then of all rows.
pub fn write(
    format: Format,
    name: &str,
    by: Option<&str>,
    groups: &[(String, Figures)],
    all: &Figures,
    comparison: Option<&Comparison>,
    mut sink: Sink,
) -> Result<(), Failure> {
    let failure = sink.failure();
    let failed = |e| Failure::from(failure(e));
    // Groups, then all, whose group is null.
    let every = || groups.iter().map(|(group, figures)| (Some(group.as_str()), figures)).chain([(None, all)]);
    match format {
        Format::Table => table(name, by, groups, all, comparison, &mut sink).map_err(failed)?,
        Format::Tsv => {
            let by = by.map(cell);
            writeln!(sink, "{}", header(by.as_deref()).join("\t")).map_err(failed)?;
            for cells in every().flat_map(|(group, figures)| lines(by.is_some(), group, figures)) {
                let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
                writeln!(sink, "{}", cells.join("\t")).map_err(failed)?;
            }
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(&mut sink);
            let lost = |e: csv::Error| failed(e.into());
            writer.write_record(header(by)).map_err(lost)?;
            for cells in every().flat_map(|(group, figures)| lines(by.is_some(), group, figures)) {
                writer.write_record(cells).map_err(lost)?;
            }
            writer.flush().map_err(failed)?;
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut sink, &object(by, groups, all)).map_err(|e| failed(e.into()))?;
            writeln!(sink).map_err(failed)?;
        }
        Format::Jsonl => {
            for (group, figures) in every() {
                let object = if by.is_some() { grouped(group, figures) } else { figures.to_json() };
                writeln!(sink, "{}", Json::Object(object)).map_err(failed)?;
            }
        }
        Format::Parquet => return parquet(by.is_some(), &every().collect::<Vec<_>>(), all, sink),
    }
    Ok(sink.finish()?)
}

fn header(by: Option<&str>) -> Vec<&str> {
    by.into_iter().chain(["metric", "value", "low", "high"]).collect()
}

/// A line for each figure; what all groups have together is called `all`.
fn lines(grouped: bool, group: Option<&str>, figures: &Figures) -> Vec<Vec<String>> {
    let line = |figure: &Figure| {
        let bound = |of: fn(Interval) -> f64| figure.interval.flatten().map(|i| of(i).to_string()).unwrap_or_default();
        let group = grouped.then(|| group.unwrap_or("all").to_string());
        let cells = [figure.name.to_string(), figure.value.text(), bound(|i| i.low), bound(|i| i.high)];
        group.into_iter().chain(cells).collect()
    };
    figures.iter().map(line).collect()
}

/// The figures of all rows by their names, those of each group in `groups`.
pub fn object(by: Option<&str>, groups: &[(String, Figures)], all: &Figures) -> Map<String, Json> {
    let mut object = all.to_json();
    if by.is_some() {
        let groups = groups.iter().map(|(group, figures)| Json::Object(grouped(Some(group), figures)));
        object.insert("groups".into(), groups.collect());
    }
    object
}

fn grouped(group: Option<&str>, figures: &Figures) -> Map<String, Json> {
    let mut object = Map::new();
    object.insert("group".into(), group.into());
    object.extend(figures.to_json());
    object
}

fn parquet(by: bool, every: &[(Option<&str>, &Figures)], all: &Figures, sink: Sink) -> Result<(), Failure> {
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    if by {
        let names: StringArray = every.iter().map(|(group, _)| *group).collect();
        columns.push((column::field("group", DataType::Utf8), Arc::new(names)));
    }
    for figure in all.iter() {
        let of = |figures: &Figures| figures.find(&figure.name).cloned();
        let own: Vec<Option<Figure>> = every.iter().map(|(_, figures)| of(figures)).collect();
        if let Value::Count(_) = figure.value {
            let counts = own.iter().map(|f| match f.as_ref().map(|f| f.value) {
                Some(Value::Count(count)) => i64::try_from(count).ok(),
                _ => None,
            });
            let counts: Int64Array = counts.collect();
            columns.push((column::field(&figure.name, DataType::Int64), Arc::new(counts)));
            continue;
        }
        let mut push = |name: &str, of: fn(&Figure) -> Option<f64>| {
            let numbers: Float64Array = own.iter().map(|figure| figure.as_ref().and_then(of)).collect();
            columns.push((column::field(name, DataType::Float64), Arc::new(numbers)));
        };
        push(&figure.name, |f| f.value.number());
        if figure.interval.is_some() {
            push(&format!("{}_low", figure.name), |f| f.interval.flatten().map(|i| i.low));
            push(&format!("{}_high", figure.name), |f| f.interval.flatten().map(|i| i.high));
        }
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    Ok(write_table(sink, "figures", fields, vec![arrays])?.finish()?)
}

/// Writes a table of our own with its name in the footer, and leaves it to the caller to give the file its name.
pub fn write_table(sink: Sink, name: &str, fields: Vec<Field>, batches: Vec<Vec<ArrayRef>>) -> Result<Sink, Failure> {
    let schema = Arc::new(Schema::new(fields));
    let mut provenance = Provenance::default();
    provenance.set("schema", name);
    let mut writer = Writer::new(sink, &schema, &provenance, StreamFormat::Parquet)?;
    for arrays in batches {
        writer.write(&RecordBatch::try_new(schema.clone(), arrays).expect("columns of the schema"))?;
    }
    Ok(writer.close()?)
}

/// Figures that a line of a group shows.
pub const GROUP_COLUMNS: [&str; 8] =
    ["rows", "top1", "top5", "macro_f1", "ece", "aurc", "coverage", "accepted_accuracy"];

/// For people: a line for each group, then a line for each figure there is, with what it says.
fn table(
    name: &str,
    by: Option<&str>,
    groups: &[(String, Figures)],
    all: &Figures,
    comparison: Option<&Comparison>,
    out: &mut Sink,
) -> std::io::Result<()> {
    if let Some(by) = by {
        let short = |figures: &Figures, name| figures.find(name).map(|f| f.value.short()).unwrap_or_default();
        let line = |group: &str, figures: &Figures| {
            std::iter::once(printable(group)).chain(GROUP_COLUMNS.map(|name| short(figures, name))).collect()
        };
        let mut lines: Vec<Vec<String>> = vec![std::iter::once(by).chain(GROUP_COLUMNS).map(str::to_string).collect()];
        lines.extend(groups.iter().map(|(group, figures)| line(group, figures)));
        lines.push(line("all", all));
        aligned(&lines, &[0], out)?;
        writeln!(out)?;
    }
    if let Some(Comparison::Runs(runs)) = comparison {
        let short = |value: Option<f64>| Value::Number(value).short();
        let titles = ["run", "command"].into_iter().chain(runs::NUMBERS[..5].iter().copied());
        let mut lines: Vec<Vec<String>> =
            vec![titles.chain(["head", "input", "settings"]).map(str::to_string).collect()];
        let apart = runs::distinctions(&runs.iter().map(|(_, run)| run).collect::<Vec<_>>());
        lines.extend(runs.iter().zip(apart).map(|((number, run), apart)| {
            let words = [run.head.clone().unwrap_or_default(), run.input.clone(), apart];
            let start = [number.to_string(), printable(&run.command)].into_iter();
            start
                .chain(run.numbers().into_iter().take(5).map(short))
                .chain(words.map(|word| printable(&word)))
                .collect()
        }));
        let ours = ["this".to_string(), "evaluate".to_string()].into_iter();
        let ours = ours.chain(runs::NUMBERS[..5].iter().map(|name| short(all.get(name))));
        lines.push(ours.chain([String::new(), printable(name), String::new()]).collect());
        aligned(&lines, &[0, 1, 7, 8, 9], out)?;
        writeln!(out)?;
    }
    let title = match comparison {
        Some(Comparison::Predictions { name: other, .. }) => {
            format!("{} against {}", printable(name), printable(other))
        }
        _ => printable(name),
    };
    writeln!(out, "{title}\n")?;
    let there = |figure: &&Figure| {
        let says_nothing = ["errors", "strangers", "unknown_truth"].contains(&&*figure.name);
        let same = figure.name == "top1_known" && all.get("unknown_truth") == Some(0.0);
        let listed = figure.name.starts_with("run_");
        !(same || listed || figure.value.number().is_none() || (says_nothing && figure.value == Value::Count(0)))
    };
    let figures: Vec<&Figure> = all.iter().filter(there).collect();
    let bounds = |figure: &Figure| match figure.interval.flatten() {
        Some(Interval { low, high }) => format!("{low:.4} … {high:.4}"),
        None => String::new(),
    };
    let lines: Vec<Vec<String>> = figures
        .iter()
        .map(|f| vec![f.name.to_string(), f.value.short(), bounds(f), meaning(&f.name).to_string()])
        .collect();
    aligned(&lines, &[0, 3], out)
}

/// Lines of cells in columns: those at `left` are aligned to the left, the others to the right.
fn aligned(lines: &[Vec<String>], left: &[usize], out: &mut Sink) -> std::io::Result<()> {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| match left.contains(&at) {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
