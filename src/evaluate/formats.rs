//! The formats in which figures are shown: aligned for people, the others for programs.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Map, Value as Json};

use super::Evaluation;
use super::compare::Comparison;
use super::figures::{Figure, Figures, GROUP_COLUMNS, Value, meaning};
use crate::failure::Failure;
use crate::io::Sink;
use crate::metrics::Interval;
use crate::runs;
use crate::table::{Provenance, StreamFormat, Writer, column};
use crate::words::{cell, printable};

/// How figures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[expect(missing_docs, reason = "the help shows a value's name, which says all")]
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

/// Writes the figures of all groups, then of all rows.
///
/// # Errors
/// The sink cannot be written.
pub fn write(evaluation: &Evaluation, format: Format, mut sink: Sink) -> Result<(), Failure> {
    let (all, by) = (&evaluation.figures, evaluation.by());
    let failure = sink.failure();
    let failed = |e| Failure::from(failure(e));
    // Groups, then all, whose group is null.
    let groups = || evaluation.groups.iter().map(|(group, figures)| (Some(group.as_str()), figures));
    let every = || groups().chain([(None, all)]);
    match format {
        Format::Table => table(evaluation, &mut sink).map_err(failed)?,
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
            serde_json::to_writer_pretty(&mut sink, &object(evaluation)).map_err(|e| failed(e.into()))?;
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
pub(super) fn object(evaluation: &Evaluation) -> Map<String, Json> {
    let mut object = evaluation.figures.to_json();
    if evaluation.by().is_some() {
        let groups = evaluation.groups.iter().map(|(group, figures)| Json::Object(grouped(Some(group), figures)));
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
pub(super) fn write_table(
    sink: Sink,
    name: &str,
    fields: Vec<Field>,
    batches: Vec<Vec<ArrayRef>>,
) -> Result<Sink, Failure> {
    let schema = Arc::new(Schema::new(fields));
    let mut provenance = Provenance::default();
    provenance.set("schema", name);
    let mut writer = Writer::new(sink, &schema, &provenance, StreamFormat::Parquet)?;
    for arrays in batches {
        writer.write(&RecordBatch::try_new(schema.clone(), arrays).expect("columns of the schema"))?;
    }
    Ok(writer.close()?)
}

/// For people: a line for each group, then a line for each figure there is, with what it says.
fn table(evaluation: &Evaluation, out: &mut Sink) -> std::io::Result<()> {
    let Evaluation { figures: all, groups, comparison, .. } = evaluation;
    let name = evaluation.name();
    if let Some(by) = evaluation.by() {
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
