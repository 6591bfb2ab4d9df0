//! Ranked rows, shown to people and to programs.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::{Array, ArrayRef, Float32Array, Int32Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema};

use super::args::open_sink;
use super::failure::Failure;
use crate::index::{Hit, Weighted};
use crate::io::{Sink, Target};
use crate::table::{Provenance, StreamFormat, Writer, column};
use crate::ui::printable;

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, for people
    Table,
    /// Tab-separated, with a header
    Tsv,
    Csv,
    /// One array of objects
    Json,
    /// One object a line
    Jsonl,
    Parquet,
    /// Paths only (keys where there is no path), one a line
    Paths,
}

/// One query's hits.
#[derive(Debug)]
pub struct Group {
    pub query: String,
    pub terms: Vec<Weighted>,
    /// The rank of the first hit.
    pub first_rank: u32,
    pub hits: Vec<Hit>,
}

/// What else is shown of hits, and how.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// Paths end with NUL bytes.
    pub null: bool,
    /// Each row says which query found it.
    pub many: bool,
    /// Each row says what the terms add to its score.
    pub explain: bool,
}

/// Writes all groups to standard output.
pub fn write_results(groups: &[Group], format: Option<Format>, looks: Looks) -> Result<(), Failure> {
    let terminal = std::io::stdout().is_terminal();
    let format = format.unwrap_or(if terminal { Format::Table } else { Format::Tsv });
    let mut sink = open_sink(&Target::Stdout, format == Format::Parquet)?;
    let failed = |e| Failure::from(crate::io::Error::Stdout(e));
    match format {
        Format::Table => table(groups, looks, &mut sink).map_err(failed)?,
        Format::Tsv => tsv(groups, looks, &mut sink).map_err(failed)?,
        Format::Csv => csv(groups, looks, &mut sink)?,
        Format::Json => {
            let all: Vec<_> = rows(groups).map(|row| object(row, looks)).collect();
            serde_json::to_writer_pretty(&mut sink, &all).map_err(|e| failed(e.into()))?;
            writeln!(sink).map_err(failed)?;
        }
        Format::Jsonl => {
            for row in rows(groups) {
                writeln!(sink, "{}", serde_json::Value::Object(object(row, looks))).map_err(failed)?;
            }
        }
        Format::Parquet => return parquet(groups, looks, sink),
        Format::Paths => {
            let end = if looks.null { '\0' } else { '\n' };
            for Row { hit, .. } in rows(groups) {
                write!(sink, "{}{end}", hit.path.as_ref().unwrap_or(&hit.key)).map_err(failed)?;
            }
        }
    }
    Ok(sink.finish()?)
}

/// A hit, its rank and its query.
#[derive(Clone, Copy)]
struct Row<'a> {
    group: &'a Group,
    rank: u32,
    hit: &'a Hit,
}

impl<'a> Row<'a> {
    /// The terms of the query, and what each adds to the score.
    fn parts(self) -> impl Iterator<Item = (&'a Weighted, f32)> {
        self.group.terms.iter().zip(self.hit.parts.iter().copied())
    }

    /// `+0.5120 golden retriever; -0.0340 fruit`
    fn why(self) -> String {
        let parts = self.parts().map(|(weighted, adds)| format!("{adds:+.4} {}", weighted.term));
        parts.collect::<Vec<_>>().join("; ")
    }
}

fn rows(groups: &[Group]) -> impl Iterator<Item = Row<'_>> {
    groups
        .iter()
        .flat_map(|group| (group.first_rank..).zip(&group.hits).map(move |(rank, hit)| Row { group, rank, hit }))
}

fn cells(row: Row, looks: Looks) -> Vec<String> {
    let Row { group, rank, hit } = row;
    let mut cells: Vec<String> = looks.many.then(|| group.query.clone()).into_iter().collect();
    let id = hit.id.map(|id| id.to_string()).unwrap_or_default();
    let label = hit.label.clone().unwrap_or_default();
    cells.extend([rank.to_string(), format!("{:.4}", hit.score), id, label, hit.key.clone()]);
    cells.extend(looks.explain.then(|| row.why()));
    cells
}

fn header(looks: Looks) -> Vec<&'static str> {
    let query = looks.many.then_some("query");
    let why = looks.explain.then_some("parts");
    query.into_iter().chain(["rank", "score", "id", "label", "key"]).chain(why).collect()
}

fn tsv(groups: &[Group], looks: Looks, out: &mut Sink) -> std::io::Result<()> {
    writeln!(out, "{}", header(looks).join("\t"))?;
    for row in rows(groups) {
        // A tab or a line break inside a cell would break the table; file names may hold both.
        let cells: Vec<String> = cells(row, looks).iter().map(|c| printable(c)).collect();
        writeln!(out, "{}", cells.join("\t"))?;
    }
    Ok(())
}

fn csv(groups: &[Group], looks: Looks, out: &mut Sink) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_writer(out);
    let failed = |e: csv::Error| Failure::from(crate::io::Error::Stdout(e.into()));
    writer.write_record(header(looks)).map_err(failed)?;
    for row in rows(groups) {
        writer.write_record(cells(row, looks)).map_err(failed)?;
    }
    Ok(writer.flush().map_err(crate::io::Error::Stdout)?)
}

fn object(row: Row, looks: Looks) -> serde_json::Map<String, serde_json::Value> {
    let Row { group, rank, hit } = row;
    let mut object = serde_json::Map::new();
    if looks.many {
        object.insert("query".into(), group.query.clone().into());
    }
    object.insert("rank".into(), rank.into());
    object.insert("score".into(), number(hit.score));
    object.insert("id".into(), hit.id.into());
    object.insert("label".into(), hit.label.clone().into());
    object.insert("key".into(), hit.key.clone().into());
    if let Some(path) = &hit.path {
        object.insert("path".into(), path.clone().into());
    }
    if looks.explain {
        let part = |(weighted, adds): (&Weighted, f32)| serde_json::json!({ "term": weighted.term.to_string(), "weight": number(weighted.weight), "adds": number(adds) });
        object.insert("parts".into(), row.parts().map(part).collect());
    }
    object
}

/// A number through its shortest decimal form: 0.7 is 0.7, not 0.699999988079071.
pub fn number(x: f32) -> serde_json::Value {
    x.to_string().parse::<f64>().unwrap_or(f64::NAN).into()
}

fn parquet(groups: &[Group], looks: Looks, sink: Sink) -> Result<(), Failure> {
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    if looks.many {
        let queries = StringArray::from_iter_values(rows(groups).map(|row| &row.group.query));
        columns.push((column::field("query", DataType::Utf8), Arc::new(queries)));
    }
    let hits = || rows(groups).map(|row| row.hit);
    let ranks: UInt32Array = rows(groups).map(|row| Some(row.rank)).collect();
    let scores: Float32Array = hits().map(|hit| Some(hit.score)).collect();
    let ids: Int32Array = hits().map(|hit| hit.id).collect();
    let labels: StringArray = hits().map(|hit| hit.label.as_deref()).collect();
    columns.push((column::field("rank", DataType::UInt32), Arc::new(ranks)));
    columns.push((column::field("score", DataType::Float32), Arc::new(scores)));
    columns.push((column::field(column::ID, DataType::Int32), Arc::new(ids)));
    columns.push((column::field(column::LABEL, DataType::Utf8), Arc::new(labels)));
    columns.push((column::key_field(), Arc::new(StringArray::from_iter_values(hits().map(|hit| &hit.key)))));
    let paths: StringArray = hits().map(|hit| hit.path.as_deref()).collect();
    columns.push((column::field(column::PATH, DataType::Utf8), Arc::new(paths)));
    if looks.explain {
        // In the order of the query's terms.
        let mut parts = ListBuilder::new(Float32Builder::new());
        hits().for_each(|hit| parts.append_value(hit.parts.iter().map(|part| Some(*part))));
        let parts = parts.finish();
        columns.push((column::field("parts", parts.data_type().clone()), Arc::new(parts)));
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let mut provenance = Provenance::default();
    provenance.set("schema", "hits");
    let mut writer = Writer::new(sink, &schema, &provenance, StreamFormat::Parquet)?;
    writer.write(&RecordBatch::try_new(schema, arrays).expect("columns of the schema"))?;
    Ok(writer.finish()?)
}

/// Aligned columns.
fn table(groups: &[Group], looks: Looks, out: &mut Sink) -> std::io::Result<()> {
    let (many, looks) = (looks.many, Looks { many: false, ..looks });
    for (number, group) in groups.iter().enumerate() {
        if many {
            writeln!(out, "{}{}", if number > 0 { "\n" } else { "" }, printable(&group.query))?;
        }
        let titles = header(looks).into_iter().map(str::to_string).collect();
        let shown =
            rows(std::slice::from_ref(group)).map(|row| cells(row, looks).iter().map(|c| printable(c)).collect());
        let lines: Vec<Vec<String>> = std::iter::once(titles).chain(shown).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
        for line in &lines {
            // Numbers to the right, words to the left.
            let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column < 3 {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
    }
    Ok(())
}
