//! The formats in which is written what was found, for people and for programs.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value, json};

use super::dataset::Checked;
use super::finding::{self, COLUMNS, cells, sentence};
use super::{Report, Rule, Severity, Span};
use crate::failure::Failure;
use crate::io::Sink;
use crate::output;
use crate::table::{Provenance, StreamFormat, Table, Writer};
use crate::words::{cell, printable, several};

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One object: a summary, and all findings
    Json,
    /// The findings, one object a line
    Jsonl,
    /// The findings, tab-separated, with a header
    Tsv,
    /// The findings
    Csv,
    /// The findings
    Parquet,
}

impl Format {
    /// The format of a table of this name.
    ///
    /// # Errors
    /// The name says none that findings are written in.
    pub fn of(path: &Path) -> Result<Format, Failure> {
        match path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).as_deref() {
            Some("csv") => Ok(Format::Csv),
            Some("tsv") => Ok(Format::Tsv),
            Some("jsonl") => Ok(Format::Jsonl),
            Some("parquet") => Ok(Format::Parquet),
            _ => Err(Failure::usage(
                format!("--findings {}: its name says no format", path.display()),
                "call it .csv, .tsv, .jsonl or .parquet",
            )),
        }
    }
}

/// A report in the place of what it is about is a slip, and so is one in the place of a label file of its data set. Below
/// a folder that is checked only what begins as a report does is replaced by another.
///
/// # Errors
/// One of the outputs is such, or two are one file.
pub fn refuse_to_overwrite(inputs: &[PathBuf], outputs: &[Option<&Path>]) -> Result<(), Failure> {
    for output in outputs.iter().copied().flatten() {
        output::ensure_no_input(Some(output), inputs.iter().map(|input| &**input), "what is found in it")?;
        let Ok(place) = output.canonicalize() else { continue };
        let mut folders = inputs.iter().filter_map(|input| input.canonicalize().ok());
        if place.is_file() && folders.any(|folder| place.starts_with(folder)) && !is_report(&place) {
            let message = format!("{}: lies in what is to be checked, and is no report", output.display());
            return Err(Failure::usage(message, "write the report to another file"));
        }
    }
    output::ensure_apart(outputs)
}

/// Whether a file is empty or begins as one of the reports does (a table of findings has all their columns).
fn is_report(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(4096).read_to_end(&mut start));
    let starts = |text: &str| start.starts_with(text.as_bytes());
    let columns = |separator: &str| starts(&COLUMNS.join(separator));
    let object = |key: &str| start.starts_with(b"{") && String::from_utf8_lossy(&start).contains(key);
    let known = start.is_empty()
        || starts(TITLE)
        || columns(",")
        || columns("\t")
        || object("\"pictures_opened\"")
        || object("\"other_split\"");
    read.is_ok() && (known || (starts("PAR1") && table_has_columns(path)))
}

fn table_has_columns(path: &Path) -> bool {
    Table::open(path).is_ok_and(|table| COLUMNS.iter().all(|name| table.has(name)))
}

/// What the text begins with.
const TITLE: &str = "data set      ";

/// Writes what was found; the text shows so many findings of a rule, all others show every one.
///
/// # Errors
/// The sink cannot be written.
pub fn write(checked: &Checked, format: Format, limit: usize, mut sink: Sink) -> Result<(), Failure> {
    let report = &checked.report;
    let name = sink.name();
    let failed = |source| Failure::from(crate::io::Error::Write { path: name.clone().into(), source });
    match format {
        Format::Text => text(checked, limit, &mut sink).map_err(failed)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut sink, &object(checked)).map_err(|e| failed(e.into()))?;
            writeln!(sink).map_err(failed)?;
        }
        Format::Jsonl => {
            for finding in &report.findings {
                writeln!(sink, "{}", finding::object(report, finding)).map_err(failed)?;
            }
        }
        Format::Tsv => {
            writeln!(sink, "{}", COLUMNS.join("\t")).map_err(failed)?;
            for finding in &report.findings {
                let cells = cells(report, finding).map(|text| cell(&text.unwrap_or_default()));
                writeln!(sink, "{}", cells.join("\t")).map_err(failed)?;
            }
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(&mut sink);
            writer.write_record(COLUMNS).map_err(|e| failed(e.into()))?;
            for finding in &report.findings {
                let cells = cells(report, finding).map(Option::unwrap_or_default);
                writer.write_record(cells).map_err(|e| failed(e.into()))?;
            }
            writer.flush().map_err(failed)?;
        }
        Format::Parquet => return parquet(report, sink),
    }
    Ok(sink.finish()?)
}

fn object(checked: &Checked) -> Value {
    let report = &checked.report;
    let summary = &report.summary;
    let span = |span: Option<Span>| {
        span.map_or(Value::Null, |s| json!({ "least": s.least, "median": s.median, "most": s.most }))
    };
    let splits = |[none, train, validation, test, other]: [u64; 5]| json!({ "train": train, "validation": validation, "test": test, "none": none, "other": other });
    let classes: Vec<Value> = summary
        .classes
        .iter()
        .map(|class| {
            json!({
                "label": class.name, "id": class.id, "pictures": class.pictures(), "augmented": class.augmented,
                "splits": splits(class.counts),
            })
        })
        .collect();
    let findings: Vec<Value> = report.findings.iter().map(|finding| finding::object(report, finding)).collect();
    let count = |severity| report.findings.iter().filter(|f| f.rule.severity() == severity).count();
    let rules: serde_json::Map<String, Value> = report
        .findings
        .chunk_by(|a, b| a.rule == b.rule)
        .map(|same| (same[0].rule.name().into(), same.len().into()))
        .collect();
    json!({
        "input": checked.name,
        "profile": checked.layout.map(|profile| profile.name()),
        "pictures_opened": checked.opened,
        "errors": count(Severity::Error),
        "warnings": count(Severity::Warning),
        "notes": count(Severity::Note),
        "rules": rules,
        "summary": {
            "rows": summary.rows,
            "failed": summary.failed,
            "unreadable": summary.unreadable,
            "excluded": summary.excluded,
            "splits": splits(summary.splits),
            "formats": summary.formats.iter().map(|(name, count)| (name.to_string(), Value::from(*count))).collect::<serde_json::Map<_, _>>(),
            "widths": span(summary.widths),
            "heights": span(summary.heights),
            "identical_copies": summary.copies.identical,
            "near_copies": summary.copies.near,
            "pictures_of_a_class": span(Span::of(summary.classes.iter().map(|class| (class.pictures(), 1)))),
            "classes": classes,
        },
        "findings": findings,
    })
}

fn text(checked: &Checked, limit: usize, out: &mut impl Write) -> std::io::Result<()> {
    let report = &checked.report;
    let summary = &report.summary;
    let mut line = |name: &str, value: String| writeln!(out, "{name:<14}{value}");
    let layout = checked.layout.map(|profile| format!(" ({})", profile.name())).unwrap_or_default();
    line("data set", format!("{}{layout}, {}", checked.name, several(summary.rows, "row", "rows")))?;
    if !checked.opened {
        line("pictures", "not opened".into())?;
    }
    let missing =
        [("failed before", summary.failed), ("unreadable", summary.unreadable), ("excluded", summary.excluded)];
    for (name, count) in missing.into_iter().filter(|(_, count)| *count > 0) {
        line(name, several(count, "row", "rows"))?;
    }
    if !summary.formats.is_empty() {
        let formats: Vec<String> = summary.formats.iter().map(|(name, count)| format!("{name} {count}")).collect();
        line("formats", formats.join(", "))?;
    }
    if let (Some(w), Some(h)) = (summary.widths, summary.heights) {
        let median = format!("median {} x {}", w.median, h.median);
        line("pixels", format!("{} x {} to {} x {}, {median}", w.least, h.least, w.most, h.most))?;
    }
    let [none, train, validation, test, other] = summary.splits;
    if train + validation + test + other > 0 {
        let mut parts = vec![format!("train {train}, validation {validation}, test {test}")];
        parts.extend((other > 0).then(|| format!("others {other}")));
        parts.extend((none > 0).then(|| format!("none {none}")));
        line("splits", parts.join(", "))?;
    }
    let sizes = Span::of(summary.classes.iter().map(|class| (class.pictures(), 1)));
    if let Some(sizes) = sizes {
        let each = format!("{} to {} pictures each, median {}", sizes.least, sizes.most, sizes.median);
        line("classes", format!("{}, {each}", summary.classes.len()))?;
    }
    let near = match summary.copies.near {
        Some(near) => several(near, "near one", "near ones"),
        None => "near ones not looked for".into(),
    };
    line("copies", format!("{} identical, {near}", summary.copies.identical))?;

    for same in report.findings.chunk_by(|a, b| a.rule == b.rule) {
        let rule: Rule = same[0].rule;
        writeln!(out, "\n{} {} ({}): {}", rule.severity().name(), rule.name(), same.len(), rule.meaning())?;
        for finding in same.iter().take(limit) {
            writeln!(out, "  {}", printable(&sentence(report, finding)))?;
        }
        if same.len() > limit {
            writeln!(out, "  and {} more", same.len() - limit)?;
        }
    }
    let count = |severity| report.findings.iter().filter(|f| f.rule.severity() == severity).count() as u64;
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    let notes = if notes > 0 { format!(", {}", several(notes, "note", "notes")) } else { String::new() };
    match (errors, warnings) {
        (0, 0) => writeln!(out, "\nnothing is wrong{notes}"),
        _ => {
            let (errors, warnings) = (several(errors, "error", "errors"), several(warnings, "warning", "warnings"));
            writeln!(out, "\n{errors}, {warnings}{notes}")
        }
    }
}

fn parquet(report: &Report, sink: Sink) -> Result<(), Failure> {
    let schema =
        Arc::new(Schema::new(COLUMNS.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>()));
    let mut provenance = Provenance::default();
    provenance.set("schema", "findings");
    let mut writer = Writer::new(sink, &schema, &provenance, StreamFormat::Parquet)?;
    for some in report.findings.chunks(1024) {
        let rows: Vec<[Option<String>; 9]> = some.iter().map(|finding| cells(report, finding)).collect();
        let array =
            |at: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| row[at].as_deref()).collect::<StringArray>()) };
        let columns = (0..COLUMNS.len()).map(array).collect();
        writer.write(&RecordBatch::try_new(schema.clone(), columns).expect("columns of the schema above"))?;
    }
    Ok(writer.finish()?)
}
