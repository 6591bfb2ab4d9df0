//! What was found, for people and for programs.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value, json};

use super::What;
use crate::check::{Finding, Report, Rule, Severity, Span, Subject};
use crate::failure::Failure;
use crate::io::Sink;
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

/// Whether a file is empty or begins as one of the reports does (a table of findings has all their columns).
pub fn is_report(path: &Path) -> bool {
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

pub fn write(report: &Report, what: &What, format: Format, limit: usize, mut sink: Sink) -> Result<(), Failure> {
    let name = sink.name();
    let failed = |source| Failure::from(crate::io::Error::Write { path: name.clone().into(), source });
    match format {
        Format::Text => text(report, what, limit, &mut sink).map_err(failed)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut sink, &object(report, what)).map_err(|e| failed(e.into()))?;
            writeln!(sink).map_err(failed)?;
        }
        Format::Jsonl => {
            for finding in &report.findings {
                writeln!(sink, "{}", finding_object(report, finding)).map_err(failed)?;
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

/// The columns of a table of findings.
const COLUMNS: [&str; 9] =
    ["severity", "rule", "key", "split", "label", "other_key", "other_split", "other_label", "detail"];

fn cells(report: &Report, finding: &Finding) -> [Option<String>; 9] {
    let row = match finding.subject {
        Subject::Row(row) => Some(row),
        _ => None,
    };
    let key = match &finding.subject {
        Subject::Row(row) => Some(report.key(*row).to_string()),
        Subject::File(file) => Some(file.clone()),
        Subject::Class(_) | Subject::Set => None,
    };
    let label = match &finding.subject {
        Subject::Class(class) => Some(class.clone()),
        _ => row.and_then(|row| report.label(row)).map(str::to_string),
    };
    let split = |row: Option<u32>| row.and_then(|row| report.split(row)).map(str::to_string);
    let other = finding.other;
    [
        Some(finding.rule.severity().name().into()),
        Some(finding.rule.name().into()),
        key,
        split(row),
        label,
        other.map(|row| report.key(row).to_string()),
        split(other),
        other.and_then(|row| report.label(row)).map(str::to_string),
        Some(finding.detail.clone()).filter(|detail| !detail.is_empty()),
    ]
}

fn finding_object(report: &Report, finding: &Finding) -> Value {
    COLUMNS.iter().map(|name| name.to_string()).zip(cells(report, finding).map(Value::from)).collect()
}

fn object(report: &Report, what: &What) -> Value {
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
    let findings: Vec<Value> = report.findings.iter().map(|finding| finding_object(report, finding)).collect();
    let count = |severity| report.findings.iter().filter(|f| f.rule.severity() == severity).count();
    let rules: serde_json::Map<String, Value> = report
        .findings
        .chunk_by(|a, b| a.rule == b.rule)
        .map(|same| (same[0].rule.name().into(), same.len().into()))
        .collect();
    json!({
        "input": what.name,
        "profile": what.profile.map(|profile| profile.name()),
        "pictures_opened": what.opened,
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

fn text(report: &Report, what: &What, limit: usize, out: &mut impl Write) -> std::io::Result<()> {
    let summary = &report.summary;
    let mut line = |name: &str, value: String| writeln!(out, "{name:<14}{value}");
    let layout = what.profile.map(|profile| format!(" ({})", profile.name())).unwrap_or_default();
    line("data set", format!("{}{layout}, {}", what.name, several(summary.rows, "row", "rows")))?;
    if !what.opened {
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

/// A finding in a line.
pub fn sentence(report: &Report, finding: &Finding) -> String {
    let row = |row: u32| match (report.split(row), report.label(row)) {
        (Some(split), Some(label)) => format!("{} ({split}, {label})", report.key(row)),
        (Some(one), None) | (None, Some(one)) => format!("{} ({one})", report.key(row)),
        (None, None) => report.key(row).to_string(),
    };
    let mut text = match &finding.subject {
        Subject::Row(number) => row(*number),
        Subject::File(name) | Subject::Class(name) => name.clone(),
        Subject::Set => String::new(),
    };
    if let Some(other) = finding.other {
        text = format!("{text} and {}", row(other));
    }
    match (text.is_empty(), finding.detail.is_empty()) {
        (true, _) => finding.detail.clone(),
        (false, true) => text,
        (false, false) => format!("{text}: {}", finding.detail),
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
