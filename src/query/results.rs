//! Ranked rows, shown to people and to programs.

use std::io::Write;
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::{
    Array, ArrayRef, Float32Array, Int32Array, RecordBatch, RecordBatchOptions, StringArray, UInt32Array,
};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::index::{Hit, Weighted, Worded};
use crate::io::Sink;
use crate::output::format::{Format, number};
use crate::species::{self, Language};
use crate::table::cells::{Cells, showable};
use crate::table::{Provenance, StreamFormat, Writer, column};
use crate::words::{cell, printable};

/// One query's hits.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The question as it was written.
    pub query: String,
    /// What it was made of.
    pub terms: Vec<Weighted>,
    /// What it was read as, in the arguments of `query`, where plain words were more than words.
    pub read_as: Option<String>,
    /// The rank of the first hit.
    pub first_rank: u32,
    /// The rows that were found, best first.
    pub hits: Vec<Hit>,
}

/// What is shown of hits, and how.
#[derive(Debug)]
pub struct Looks {
    /// Paths end with NUL bytes.
    pub null: bool,
    /// Each row says which query found it.
    pub many: bool,
    /// Each row says what the terms add to its score.
    pub explain: bool,
    /// Each row says what its species is called in this language, where it is one.
    pub language: Option<Language>,
    /// The columns to show, where they are named.
    pub columns: Option<Columns>,
}

/// Columns that are named: those of results, and of the table that was searched.
#[derive(Debug)]
pub struct Columns {
    /// In the order in which they are shown.
    pub names: Vec<String>,
    /// Those of the table, with a row for each hit in the order of the groups.
    pub table: RecordBatch,
}

impl Columns {
    /// Whether results have a column of this name themselves; the others are the table's.
    pub(super) fn is_own(name: &str) -> bool {
        OWN.contains(&name)
    }

    /// Whether a column is the name in another language.
    pub(super) fn is_name(name: &str) -> bool {
        name == NAME
    }

    /// A table without columns.
    pub(super) fn nothing(rows: usize) -> RecordBatch {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options).expect("nothing is sound")
    }
}

const QUERY: &str = "query";
const RANK: &str = "rank";
const SCORE: &str = "score";
const PARTS: &str = "parts";
/// The name in another language; tables may have a column of this name, which is shown where it is asked for.
const NAME: &str = "name";
const READ_AS: &str = "read_as";
const OWN: [&str; 8] = [QUERY, RANK, SCORE, column::ID, column::LABEL, column::KEY, column::PATH, PARTS];

/// Writes all groups.
///
/// # Errors
/// The sink cannot be written, or a named column cannot be shown.
pub fn write_results(groups: &[Group], format: Format, looks: &Looks, mut sink: Sink) -> Result<(), Failure> {
    let failure = sink.failure();
    let failed = |e| Failure::from(failure(e));
    let shown = Shown::of(groups, looks)?;
    match format {
        Format::Table => shown.table(groups, &mut sink).map_err(failed)?,
        Format::Tsv => {
            // A tab or a line break inside a cell would break the table; file names may hold both.
            let line = |cells: Vec<String>| cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join("\t");
            writeln!(sink, "{}", line(shown.names.clone())).map_err(failed)?;
            for row in rows(groups) {
                writeln!(sink, "{}", line(shown.texts(row))).map_err(failed)?;
            }
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(&mut sink);
            let lost = |e: csv::Error| failed(e.into());
            writer.write_record(&shown.names).map_err(lost)?;
            rows(groups).try_for_each(|row| writer.write_record(shown.texts(row))).map_err(lost)?;
            writer.flush().map_err(failed)?;
        }
        Format::Json => {
            let all: Vec<_> = rows(groups).map(|row| shown.object(row)).collect();
            serde_json::to_writer_pretty(&mut sink, &all).map_err(|e| failed(e.into()))?;
            writeln!(sink).map_err(failed)?;
        }
        Format::Jsonl => {
            for row in rows(groups) {
                writeln!(sink, "{}", Value::Object(shown.object(row))).map_err(failed)?;
            }
        }
        Format::Parquet => return parquet(&shown, groups, sink),
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
    /// Its place among the hits of all groups.
    at: usize,
}

impl<'a> Row<'a> {
    /// The terms of the query, and what each adds to the score.
    fn parts(self) -> impl Iterator<Item = (&'a Weighted, f32)> {
        self.group.terms.iter().zip(self.hit.parts.iter().copied())
    }

    /// `+0.5120 golden retriever; -0.0340 fruit`
    fn why(self) -> String {
        let parts = self.parts().map(|(weighted, adds)| format!("{adds:+.4} {}", weighted.term));
        let written = self.hit.worded.as_ref().map(written);
        parts.chain(written).collect::<Vec<_>>().join("; ")
    }
}

fn rows(groups: &[Group]) -> impl Iterator<Item = Row<'_>> {
    let hits = groups.iter().flat_map(|group| (group.first_rank..).zip(&group.hits).map(move |hit| (group, hit)));
    hits.enumerate().map(|(at, (group, (rank, hit)))| Row { group, rank, hit, at })
}

/// What is shown of each hit.
struct Shown<'a> {
    looks: &'a Looks,
    names: Vec<String>,
    /// The columns of the table among them, as they can be shown.
    table: Vec<(&'a str, ArrayRef)>,
}

impl<'a> Shown<'a> {
    fn of(groups: &[Group], looks: &'a Looks) -> Result<Shown<'a>, Failure> {
        let Some(columns) = &looks.columns else {
            let query = looks.many.then_some(QUERY);
            let parts = looks.explain.then_some(PARTS);
            let name = looks.language.map(|_| NAME);
            let names = [RANK, SCORE, column::ID, column::LABEL].into_iter().chain(name).chain([column::KEY]);
            let names = query.into_iter().chain(names).chain(parts).map(str::to_string).collect();
            return Ok(Shown { looks, names, table: Vec::new() });
        };
        debug_assert_eq!(columns.table.num_rows(), rows(groups).count());
        let schema = columns.table.schema_ref().fields();
        let shown = schema
            .iter()
            .zip(columns.table.columns())
            .map(|(field, array)| Ok((field.name().as_str(), showable(array)?)));
        Ok(Shown { looks, names: columns.names.clone(), table: shown.collect::<Result<_, Failure>>()? })
    }

    /// The cells of a column of the table.
    fn cells(&self, name: &str) -> Option<Cells<'_>> {
        let (_, array) = self.table.iter().find(|(own, _)| *own == name)?;
        Some(Cells::of(array).expect("of a type that can be shown"))
    }

    fn texts(&self, row: Row) -> Vec<String> {
        let Row { group, rank, hit, .. } = row;
        let text = |name: &String| match name.as_str() {
            QUERY => group.query.clone(),
            RANK => rank.to_string(),
            SCORE => format!("{:.4}", hit.score),
            column::ID => hit.id.map(|id| id.to_string()).unwrap_or_default(),
            column::LABEL => hit.label.clone().unwrap_or_default(),
            column::KEY => hit.key.clone(),
            column::PATH => hit.path.clone().unwrap_or_default(),
            PARTS => row.why(),
            NAME if self.looks.language.is_some() => self.name(row).unwrap_or_default().into(),
            other => self.cells(other).and_then(|cells| cells.text(row.at)).unwrap_or_default(),
        };
        self.names.iter().map(text).collect()
    }

    fn object(&self, row: Row) -> Map<String, Value> {
        let Row { group, rank, hit, .. } = row;
        let value = |name: &str| match name {
            QUERY => group.query.clone().into(),
            RANK => rank.into(),
            SCORE => number(hit.score),
            column::ID => hit.id.into(),
            column::LABEL => hit.label.clone().into(),
            column::KEY => hit.key.clone().into(),
            column::PATH => hit.path.clone().into(),
            PARTS => row.parts().map(part).chain(hit.worded.as_ref().map(written_part)).collect(),
            NAME if self.looks.language.is_some() => self.name(row).into(),
            other => self.cells(other).map_or(Value::Null, |cells| cells.json(row.at)),
        };
        let mut object = Map::new();
        for name in &self.names {
            object.insert(name.clone(), value(name));
            // Where nobody chose, paths are told where there are such.
            if name == column::KEY && self.looks.columns.is_none() && hit.path.is_some() {
                object.insert(column::PATH.into(), value(column::PATH));
            }
        }
        if let (Some(read_as), None) = (&group.read_as, &self.looks.columns) {
            object.insert(READ_AS.into(), read_as.clone().into());
        }
        object
    }

    /// What the species of a row is called in the language that is asked for.
    fn name(&self, row: Row) -> Option<&'static str> {
        let language = self.looks.language?;
        species::in_language(&row.hit.key, language).or_else(|| {
            let label = species::fold(row.hit.label.as_deref()?);
            species::written(&label).find_map(|(meaning, _)| match meaning {
                species::Meaning::Name(key) => species::in_language(key, language),
                _ => None,
            })
        })
    }

    /// Aligned columns.
    fn table(&self, groups: &[Group], out: &mut Sink) -> std::io::Result<()> {
        // Many queries are headings instead.
        let heads = self.looks.many && self.looks.columns.is_none();
        let skip = usize::from(heads);
        let right = |name: &str| [RANK, SCORE, column::ID].contains(&name) || self.is_numeric(name);
        let right: Vec<bool> = self.names.iter().skip(skip).map(|name| right(name)).collect();
        let sections: Vec<(Option<&str>, Vec<Row>)> = match heads {
            true => {
                let under = groups.iter().map(std::slice::from_ref);
                under.map(|group| (Some(group[0].query.as_str()), rows(group).collect())).collect()
            }
            false => vec![(None, rows(groups).collect())],
        };
        for (number, (query, rows)) in sections.into_iter().enumerate() {
            if let Some(query) = query {
                writeln!(out, "{}{}", if number > 0 { "\n" } else { "" }, printable(query))?;
            }
            let shown = |cells: &[String]| cells.iter().skip(skip).map(|text| printable(text)).collect();
            let mut lines: Vec<Vec<String>> = vec![shown(&self.names)];
            lines.extend(rows.into_iter().map(|row| shown(&self.texts(row))));
            let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
            let widths: Vec<usize> = (0..right.len()).map(width).collect();
            for line in &lines {
                // Numbers to the right, words to the left.
                let cells = line.iter().zip(&widths).zip(&right).map(|((cell, &width), right)| match right {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:<width$}"),
                });
                writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
            }
        }
        Ok(())
    }

    fn is_numeric(&self, name: &str) -> bool {
        self.table.iter().any(|(own, array)| *own == name && array.data_type().is_numeric())
    }
}

/// `written: happy, birthday (rank 1 by words, 12 by looks)`
fn written(worded: &Worded) -> String {
    let looks = worded.by_looks.map(|rank| format!(", {rank} by looks")).unwrap_or_default();
    format!("written: {} (rank {} by words{looks})", worded.words.join(", "), worded.rank)
}

fn written_part(worded: &Worded) -> Value {
    serde_json::json!({ "written": worded.words, "rank_by_words": worded.rank, "rank_by_looks": worded.by_looks })
}

fn part((weighted, adds): (&Weighted, f32)) -> Value {
    serde_json::json!({ "term": weighted.term.to_string(), "weight": number(weighted.weight), "adds": number(adds) })
}

fn parquet(shown: &Shown, groups: &[Group], sink: Sink) -> Result<(), Failure> {
    let batch = batch(shown, groups);
    let mut provenance = Provenance::default();
    provenance.set("schema", "hits");
    let mut writer = Writer::new(sink, batch.schema_ref(), &provenance, StreamFormat::Parquet)?;
    writer.write(&batch)?;
    Ok(writer.finish()?)
}

/// All groups as a table: a row a hit, with the columns of Parquet results.
///
/// # Errors
/// A named column cannot be shown.
pub fn as_batch(groups: &[Group], looks: &Looks) -> Result<RecordBatch, Failure> {
    Ok(batch(&Shown::of(groups, looks)?, groups))
}

fn batch(shown: &Shown, groups: &[Group]) -> RecordBatch {
    let hits = || rows(groups).map(|row| row.hit);
    let text = |name: &str, array: StringArray| (column::field(name, DataType::Utf8), Arc::new(array) as ArrayRef);
    let column = |name: &str| -> (Field, ArrayRef) {
        match name {
            QUERY => text(name, StringArray::from_iter_values(rows(groups).map(|row| &row.group.query))),
            RANK => {
                let ranks: UInt32Array = rows(groups).map(|row| Some(row.rank)).collect();
                (column::field(name, DataType::UInt32), Arc::new(ranks))
            }
            SCORE => {
                let scores: Float32Array = hits().map(|hit| Some(hit.score)).collect();
                (column::field(name, DataType::Float32), Arc::new(scores))
            }
            column::ID => {
                let ids: Int32Array = hits().map(|hit| hit.id).collect();
                (column::field(name, DataType::Int32), Arc::new(ids))
            }
            column::LABEL => text(name, hits().map(|hit| hit.label.as_deref()).collect()),
            NAME if shown.looks.language.is_some() => text(name, rows(groups).map(|row| shown.name(row)).collect()),
            column::KEY => (column::key_field(), Arc::new(StringArray::from_iter_values(hits().map(|hit| &hit.key)))),
            column::PATH => text(name, hits().map(|hit| hit.path.as_deref()).collect()),
            PARTS => {
                // In the order of the query's terms.
                let mut parts = ListBuilder::new(Float32Builder::new());
                hits().for_each(|hit| parts.append_value(hit.parts.iter().map(|part| Some(*part))));
                let parts = parts.finish();
                (column::field(name, parts.data_type().clone()), Arc::new(parts))
            }
            other => {
                let table = &shown.looks.columns.as_ref().expect("a column that is none of ours was named").table;
                let at = table.schema_ref().index_of(other).expect("the named columns were read");
                (table.schema_ref().field(at).clone(), table.column(at).clone())
            }
        }
    };
    let mut names: Vec<&str> = shown.names.iter().map(String::as_str).collect();
    if shown.looks.columns.is_none() {
        let after = names.iter().position(|name| *name == column::KEY).map_or(names.len(), |key| key + 1);
        names.insert(after, column::PATH);
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = names.into_iter().map(column).unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns of the schema")
}
