//! A table as text: cells, objects, aligned columns.

use std::io::Write;

use arrow_array::RecordBatch;
use serde_json::Value;

use super::{Format, Selection};
use crate::failure::Failure;
use crate::io::Sink;
use crate::progress::Progress;
use crate::stage::go_on;
use crate::table::cells::{Cells, showable};
use crate::table::{Table, column};
use crate::words::{cell, printable};

/// Rows by which the columns of a table for people are made wide enough, and how wide a column is at most.
const LOOK: usize = 256;
const WIDEST: usize = 60;

/// Cells with something between them.
pub(super) fn delimited(
    table: Table,
    selection: &Selection,
    sink: Sink,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let delimiter = if selection.format == Format::Csv { b',' } else { b'\t' };
    let columns = selection.chosen(&table.schema, |t| !t.is_nested());
    let failed = sink.failure();
    // In TSV nothing is quoted, as cut and awk want it; tabs and line breaks inside cells are escaped instead.
    let quotes = if delimiter == b'\t' { csv::QuoteStyle::Never } else { csv::QuoteStyle::Necessary };
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).quote_style(quotes).from_writer(sink);
    let as_is = |text: String| if delimiter == b'\t' { cell(&text) } else { text };
    let lost = |e: csv::Error| Failure::from(failed(e.into()));
    let names = columns.iter().map(|&i| as_is(table.schema.field(i).name().clone()));
    writer.write_record(names).map_err(lost)?;
    each_row(table, &columns, progress, |row| {
        writer.write_record(row.texts().map(|text| as_is(text.unwrap_or_default()))).map_err(lost)
    })?;
    let sink = writer.into_inner().map_err(|e| failed(e.into_error()))?;
    Ok(sink.finish()?)
}

/// An object a line, or an array of them.
pub(super) fn json(
    table: Table,
    selection: &Selection,
    mut sink: Sink,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let columns = selection.chosen(&table.schema, |t| !(t.is_nested() && column::holds_binary(t)));
    let failed = sink.failure();
    let names: Vec<String> = columns.iter().map(|&i| table.schema.field(i).name().clone()).collect();
    let array = selection.format == Format::Json;
    let mut rows = 0u64;
    each_row(table, &columns, progress, |row| {
        let before = match (array, rows) {
            (false, _) => "",
            (true, 0) => "[\n  ",
            (true, _) => ",\n  ",
        };
        rows += 1;
        let object = Value::Object(names.iter().cloned().zip(row.values()).collect());
        let after = if array { "" } else { "\n" };
        write!(sink, "{before}{object}{after}").map_err(|e| failed(e).into())
    })?;
    if array {
        let end = if rows == 0 { "[]\n" } else { "\n]\n" };
        sink.write_all(end.as_bytes()).map_err(&failed)?;
    }
    Ok(sink.finish()?)
}

/// For people: columns as wide as the first rows want them.
pub(super) fn aligned(
    table: Table,
    selection: &Selection,
    mut sink: Sink,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let columns = selection.chosen(&table.schema, |t| !t.is_nested());
    let failed = sink.failure();
    let titles = columns.iter().map(|&i| printable(table.schema.field(i).name())).collect();
    let right: Vec<bool> = columns.iter().map(|&i| table.schema.field(i).data_type().is_numeric()).collect();
    let mut first: Vec<Vec<String>> = vec![titles];
    let mut widths: Option<Vec<usize>> = None;
    let widths_of = |lines: &[Vec<String>]| -> Vec<usize> {
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0).min(WIDEST);
        (0..columns.len()).map(width).collect()
    };
    let mut write = |line: &[String], widths: &[usize]| -> Result<(), Failure> {
        let cells = line.iter().zip(widths).zip(&right).map(|((cell, &width), right)| match right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(sink, "{}", line.trim_end()).map_err(|e| failed(e).into())
    };
    each_row(table, &columns, progress, |row| {
        let line: Vec<String> = row.texts().map(|text| printable(&text.unwrap_or_default())).collect();
        if let Some(widths) = &widths {
            return write(&line, widths);
        }
        first.push(line);
        if first.len() <= LOOK {
            return Ok(());
        }
        let found = widths_of(&first);
        std::mem::take(&mut first).iter().try_for_each(|line| write(line, &found))?;
        widths = Some(found);
        Ok(())
    })?;
    let found = widths_of(&first);
    first.iter().try_for_each(|line| write(line, &found))?;
    Ok(sink.finish()?)
}

/// A row of the columns that were chosen.
struct Row<'a> {
    cells: &'a [Cells<'a>],
    at: usize,
}

impl Row<'_> {
    fn texts(&self) -> impl Iterator<Item = Option<String>> {
        self.cells.iter().map(|cells| cells.text(self.at))
    }

    fn values(&self) -> impl Iterator<Item = Value> {
        self.cells.iter().map(|cells| cells.json(self.at))
    }
}

fn each_row(
    table: Table,
    columns: &[usize],
    progress: &mut dyn Progress,
    mut see: impl FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for batch in table {
        let batch: RecordBatch = batch?;
        go_on(progress)?;
        let arrays = columns.iter().map(|&i| showable(batch.column(i))).collect::<Result<Vec<_>, _>>()?;
        let cells = arrays.iter().map(Cells::of).collect::<Result<Vec<_>, _>>()?;
        (0..batch.num_rows()).try_for_each(|at| see(Row { cells: &cells, at }))?;
        progress.advance(batch.num_rows() as u64);
    }
    Ok(())
}
