//! What was found, for people and for programs.

use std::io::Write;

use super::found::{Found, with_verdicts};
use crate::failure::Failure;
use crate::io::Sink;
use crate::progress::Progress;
use crate::stage::go_on;
use crate::table::cells::{Cells, showable};
use crate::table::{StreamFormat, Writer, column};
use crate::words::{bytes, cell, printable};

/// How copies are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Group by group, for people
    #[default]
    Text,
    /// The rows of groups, with their columns
    Parquet,
    /// Comma-separated, with a header
    Csv,
    /// Tab-separated, with a header
    Tsv,
    /// One object a line
    Jsonl,
    /// Paths of the copies that are not kept (keys where there is no path), one a line
    Paths,
}

/// Writes what was found; tables have the rows outside groups too where `all` of them are wanted.
///
/// # Errors
/// The sink cannot be written, or the temporary file with the rows cannot be read.
pub fn write(
    found: Found,
    format: Format,
    all: bool,
    sink: Sink,
    progress: &mut dyn Progress,
) -> Result<Found, Failure> {
    match format {
        Format::Text => text(found, sink),
        Format::Paths => paths(found, sink),
        _ => table(found, format, all, sink, progress),
    }
}

fn text(found: Found, mut sink: Sink) -> Result<Found, Failure> {
    let failed = sink.failure();
    let mut say = |line: String| writeln!(sink, "{}", printable(&line)).map_err(|e| Failure::from(failed(e)));
    for (number, star) in (1..).zip(&found.stars) {
        if number > 1 {
            say(String::new())?;
        }
        say(format!("group {number}"))?;
        let members = std::iter::once(star.keeper).chain(star.copies.iter().map(|(row, _)| *row));
        let members: Vec<u32> = members.collect();
        let names = members.iter().map(|row| found.rows[*row as usize].key.chars().count());
        let width = names.max().unwrap_or(0).min(60);
        for row in members {
            let (own, verdict) = (&found.rows[row as usize], &found.verdicts[&row]);
            let kept = if verdict.keep == Some(true) { "keep" } else { "copy" };
            let size = format!("{} x {}", own.facts.width, own.facts.height);
            let size = if own.facts.width == 0 { String::new() } else { size };
            let (key, length, reason) = (&own.key, bytes(own.facts.bytes), &verdict.reason);
            say(format!("  {kept}  {key:<width$}  {size:>13}  {length:>10}  {reason}"))?;
        }
    }
    if found.groups() > 0 {
        say(String::new())?;
    }
    say(found.to_string())?;
    Ok(sink.finish().map(|()| found)?)
}

fn paths(found: Found, mut sink: Sink) -> Result<Found, Failure> {
    let failed = sink.failure();
    for (row, _) in found.stars.iter().flat_map(|star| &star.copies) {
        let row = &found.rows[*row as usize];
        writeln!(sink, "{}", row.path.as_ref().unwrap_or(&row.key)).map_err(|e| Failure::from(failed(e)))?;
    }
    Ok(sink.finish().map(|()| found)?)
}

/// Where rows go.
enum Out {
    Table(Writer),
    Cells(Box<csv::Writer<Sink>>),
    Objects(Sink),
}

fn table(
    mut found: Found,
    format: Format,
    all: bool,
    sink: Sink,
    progress: &mut dyn Progress,
) -> Result<Found, Failure> {
    let schema = found.schema();
    let failed = sink.failure();
    let lost = |e: csv::Error| Failure::from(failed(e.into()));
    let is_shown = |&i: &usize| {
        let data_type = schema.field(i).data_type();
        !data_type.is_nested() || format == Format::Jsonl && !column::holds_binary(data_type)
    };
    let shown: Vec<usize> = (0..schema.fields().len()).filter(is_shown).collect();
    let names: Vec<&str> = shown.iter().map(|&i| schema.field(i).name().as_str()).collect();
    let as_is = |text: String| if format == Format::Tsv { cell(&text) } else { text };
    let mut out = match format {
        Format::Parquet => {
            let mut footer = found.table.provenance.clone();
            footer.set("schema", "duplicates");
            Out::Table(Writer::new(sink, &schema, &footer, StreamFormat::Parquet)?)
        }
        Format::Jsonl => Out::Objects(sink),
        _ => {
            let (delimiter, quotes) = match format {
                Format::Tsv => (b'\t', csv::QuoteStyle::Never),
                _ => (b',', csv::QuoteStyle::Necessary),
            };
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).quote_style(quotes).from_writer(sink);
            writer.write_record(names.iter().map(|name| as_is(name.to_string()))).map_err(lost)?;
            Out::Cells(Box::new(writer))
        }
    };
    let mut first = 0;
    for batch in &mut found.table {
        let batch = batch?;
        go_on(progress)?;
        let rows = with_verdicts(&batch, first, &found.verdicts, &schema, all);
        first += batch.num_rows() as u32;
        if let Out::Table(writer) = &mut out {
            writer.write(&rows)?;
            continue;
        }
        let arrays = shown.iter().map(|&i| showable(rows.column(i))).collect::<Result<Vec<_>, _>>()?;
        let cells = arrays.iter().map(Cells::of).collect::<Result<Vec<_>, _>>()?;
        for at in 0..rows.num_rows() {
            match &mut out {
                Out::Cells(writer) => {
                    let texts = cells.iter().map(|cells| as_is(cells.text(at).unwrap_or_default()));
                    writer.write_record(texts).map_err(lost)?;
                }
                Out::Objects(sink) => {
                    let values = names.iter().map(|name| name.to_string()).zip(cells.iter().map(|c| c.json(at)));
                    let object = serde_json::Value::Object(values.collect());
                    writeln!(sink, "{object}").map_err(|e| Failure::from(failed(e)))?;
                }
                Out::Table(_) => {}
            }
        }
    }
    match out {
        Out::Table(writer) => writer.finish()?,
        Out::Objects(sink) => sink.finish()?,
        Out::Cells(writer) => writer.into_inner().map_err(|e| failed(e.into_error()))?.finish()?,
    }
    Ok(found)
}
