//! A table in one stream: as text, as a table or as an array.

mod arrays;
mod tables;
mod text;
mod vectors;
mod web;

use std::path::Path;

use arrow_schema::{DataType, Schema};

use crate::failure::Failure;
use crate::filter::Filter;
use crate::io::{Sink, Target};
use crate::output::{ensure_no_input, ensure_whole_in_place};
use crate::progress::Progress;
use crate::table::{Inputs, column};

/// What a table is written as, in one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Cells separated by commas
    Csv,
    /// Cells separated by tabs, nothing quoted
    Tsv,
    /// One JSON object a line
    Jsonl,
    /// One JSON array of objects
    Json,
    /// The table again, with the columns and rows that are chosen
    Parquet,
    /// The table as an Arrow file (Feather); to standard output as a stream
    Arrow,
    /// Aligned columns, for people
    Table,
    /// The vectors as a NumPy array: float32, rows × dimension; FILE.keys.csv says which row is which
    Npy,
    /// The vectors as a flat inner-product index of FAISS; FILE.keys.csv says which row is which
    Faiss,
    /// The vectors as a JSON array by Pokédex number, for web pages: the first is of id 1
    WebJson,
}

/// What is chosen of a table.
#[derive(Debug, Clone)]
pub struct Selection {
    /// What it is written as.
    pub format: Format,
    /// These columns, in this order; where none is named, all that suit the format.
    pub columns: Vec<String>,
    /// The rows for which this is true.
    pub filter: Option<Filter>,
    /// The column that holds the vectors, where those are written.
    pub vectors: String,
}

impl Selection {
    /// All of it.
    pub fn all(format: Format) -> Selection {
        Selection { format, columns: Vec::new(), filter: None, vectors: column::EMBEDDING.into() }
    }

    /// The columns to write.
    fn chosen(&self, schema: &Schema, suits: fn(&DataType) -> bool) -> Vec<usize> {
        if self.columns.is_empty() {
            return (0..schema.fields().len()).filter(|&i| suits(schema.field(i).data_type())).collect();
        }
        self.columns.iter().map(|name| schema.index_of(name).expect("the columns were checked")).collect()
    }

    /// The schema of what is kept of a table.
    fn kept(&self, schema: &Schema) -> Schema {
        schema.project(&self.chosen(schema, |_| true)).expect("the columns are there")
    }
}

/// Writes what is chosen of a table to a file, or to standard output.
///
/// # Errors
/// A column or the vectors are not there, what is read would be lost, or something cannot be read or written.
pub fn stream(
    inputs: &Inputs,
    selection: &Selection,
    output: Option<&Path>,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let mut table = inputs.rows(|name| format!("pokedex scan {name} | pokedex export - --format csv"))?;
    for name in &selection.columns {
        table.require(name)?;
    }
    let (format, target) = (selection.format, &Target::parse(output));
    match format == Format::Parquet && selection.filter.is_none() {
        true => ensure_whole_in_place(output, &inputs.paths, &table.schema, &selection.kept(&table.schema))?,
        false => ensure_no_input(output, inputs.paths.iter().map(|path| &**path), "what is chosen of it")?,
    }
    if let Some(filter) = &selection.filter {
        table = table.filtered(filter)?;
    }
    let binary = matches!(format, Format::Npy | Format::Faiss | Format::Parquet | Format::Arrow);
    let sink = Sink::open(target, binary)?;
    progress.start("export", table.rows);
    match format {
        Format::Npy | Format::Faiss => arrays::write(table, selection, target, sink, progress),
        Format::WebJson => web::write(table, selection, target, sink, progress),
        Format::Parquet | Format::Arrow => tables::write(table, selection, target, sink, progress),
        Format::Json | Format::Jsonl => text::json(table, selection, sink, progress),
        Format::Table => text::aligned(table, selection, sink, progress),
        Format::Csv | Format::Tsv => text::delimited(table, selection, sink, progress),
    }
}
