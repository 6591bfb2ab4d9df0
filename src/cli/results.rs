//! Ranked rows, shown to people and to programs.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int32Array, RecordBatch, StringArray, UInt32Array};
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
        Format::Table => table(groups, many, &mut sink).map_err(failed)?,
        Format::Tsv => tsv(groups, many, &mut sink).map_err(failed)?,
        Format::Csv => csv(groups, many, &mut sink)?,
        Format::Json => {
            let all: Vec<_> = rows(groups).map(|(query, rank, hit)| object(query, rank, hit, many)).collect();
            serde_json::to_writer_pretty(&mut sink, &all).map_err(|e| failed(e.into()))?;
            writeln!(sink).map_err(failed)?;
        }
        Format::Jsonl => {
            for (query, rank, hit) in rows(groups) {
                writeln!(sink, "{}", serde_json::Value::Object(object(query, rank, hit, many))).map_err(failed)?;
            }
        }
        Format::Parquet => return parquet(groups, many, sink),
        Format::Paths => {
            let end = if null { '\0' } else { '\n' };
            for (_, _, hit) in rows(groups) {
                write!(sink, "{}{end}", hit.path.as_ref().unwrap_or(&hit.key)).map_err(failed)?;
            }
        }
    }
    Ok(sink.finish()?)
}

fn rows(groups: &[Group]) -> impl Iterator<Item = (&str, u32, &Hit)> {
    groups.iter().flat_map(|group| (1..).zip(&group.hits).map(|(rank, hit)| (group.query.as_str(), rank, hit)))
}

fn cells(query: &str, rank: u32, hit: &Hit, many: bool) -> Vec<String> {
    let mut cells: Vec<String> = many.then(|| query.to_string()).into_iter().collect();
    let id = hit.id.map(|id| id.to_string()).unwrap_or_default();
    cells.extend([
        rank.to_string(),
        format!("{:.4}", hit.score),
        id,
        hit.label.clone().unwrap_or_default(),
        hit.key.clone(),
    ]);
    cells
}

fn header(many: bool) -> Vec<&'static str> {
    let query = many.then_some("query");
    query.into_iter().chain(["rank", "score", "id", "label", "key"]).collect()
}

fn tsv(groups: &[Group], many: bool, out: &mut Sink) -> std::io::Result<()> {
    writeln!(out, "{}", header(many).join("\t"))?;
    for (query, rank, hit) in rows(groups) {
        // A tab or a line break inside a cell would break the table; file names may hold both.
        let cells: Vec<String> = cells(query, rank, hit, many).iter().map(|c| printable(c)).collect();
        writeln!(out, "{}", cells.join("\t"))?;
    }
    Ok(())
}

fn csv(groups: &[Group], many: bool, out: &mut Sink) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_writer(out);
    let failed = |e: csv::Error| Failure::from(crate::io::Error::Stdout(e.into()));
    writer.write_record(header(many)).map_err(failed)?;
    for (query, rank, hit) in rows(groups) {
        writer.write_record(cells(query, rank, hit, many)).map_err(failed)?;
    }
    Ok(writer.flush().map_err(crate::io::Error::Stdout)?)
}

fn object(query: &str, rank: u32, hit: &Hit, many: bool) -> serde_json::Map<String, serde_json::Value> {
    let mut object = serde_json::Map::new();
    if many {
        object.insert("query".into(), query.into());
    }
    object.insert("rank".into(), rank.into());
    object.insert("score".into(), number(hit.score));
    object.insert("id".into(), hit.id.into());
    object.insert("label".into(), hit.label.clone().into());
    object.insert("key".into(), hit.key.clone().into());
    if let Some(path) = &hit.path {
        object.insert("path".into(), path.clone().into());
    }
    object
}

/// A number through its shortest decimal form: 0.7 is 0.7, not 0.699999988079071.
pub fn number(x: f32) -> serde_json::Value {
    x.to_string().parse::<f64>().unwrap_or(f64::NAN).into()
}

fn parquet(groups: &[Group], many: bool, sink: Sink) -> Result<(), Failure> {
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    if many {
        let queries = StringArray::from_iter_values(rows(groups).map(|(query, _, _)| query));
        columns.push((column::field("query", DataType::Utf8), Arc::new(queries)));
    }
    let hits = || rows(groups).map(|(_, _, hit)| hit);
    let ranks: UInt32Array = rows(groups).map(|(_, rank, _)| Some(rank)).collect();
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
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let mut provenance = Provenance::default();
    provenance.set("schema", "hits");
    let mut writer = Writer::new(sink, &schema, &provenance, StreamFormat::Parquet)?;
    writer.write(&RecordBatch::try_new(schema, arrays).expect("columns of the schema"))?;
    Ok(writer.finish()?)
}

/// Aligned columns without `key` where it says nothing new.
fn table(groups: &[Group], many: bool, out: &mut Sink) -> std::io::Result<()> {
    for (number, group) in groups.iter().enumerate() {
        if many {
            writeln!(out, "{}{}", if number > 0 { "\n" } else { "" }, printable(&group.query))?;
        }
        let lines: Vec<[String; 5]> = (1..)
            .zip(&group.hits)
            .map(|(rank, hit): (u32, _)| {
                let id = hit.id.map(|id| id.to_string()).unwrap_or_default();
                let label = printable(hit.label.as_deref().unwrap_or_default());
                [rank.to_string(), format!("{:.4}", hit.score), id, label, printable(&hit.key)]
            })
            .collect();
        let titles = ["rank", "score", "id", "label", "key"].map(str::to_string);
        let width = |column: usize| {
            std::iter::once(&titles).chain(&lines).map(|line| line[column].chars().count()).max().unwrap_or(0)
        };
        let [rank, score, id, label, _] = [0, 1, 2, 3, 4].map(width);
        for line in std::iter::once(&titles).chain(&lines) {
            let [a, b, c, d, e] = line;
            let text = format!("{a:>rank$}  {b:>score$}  {c:>id$}  {d:<label$}  {e}");
            writeln!(out, "{}", text.trim_end())?;
        }
    }
    Ok(())
}
