//! A table as text, or its vectors: one stream to a file or to standard output.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Schema};
use serde_json::Value;

use super::super::args::open_sink;
use super::super::failure::{Exit, Failure};
use super::{Export, Format};
use crate::filter::Filter;
use crate::io::{Error, Sink, Target};
use crate::table::Table;
use crate::ui::{Ui, printable};

impl Export {
    /// Writes the table as text or as an array.
    pub(super) fn to_stream(&self, ui: &mut Ui) -> Result<Exit, Failure> {
        let filter = self.condition.as_deref().map(Filter::parse).transpose()?;
        let mut table =
            self.inputs.to_inputs().rows(|name| format!("pokedex scan {name} | pokedex export - --format csv"))?;
        for name in &self.columns {
            table.require(name)?;
        }
        if let Some(filter) = &filter {
            table = table.filtered(filter)?;
        }
        let target = Target::parse(self.output.as_deref());
        let sink = open_sink(&target, matches!(self.format, Format::Npy | Format::Faiss))?;
        ui.start("export", table.rows);
        match self.format {
            Format::Tsv => self.delimited(table, b'\t', sink, ui),
            Format::Jsonl => self.json_lines(table, sink, ui),
            Format::Npy | Format::Faiss => self.array(table, &target, sink, ui),
            Format::WebJson => self.web_json(table, &target, sink, ui),
            _ => self.delimited(table, b',', sink, ui),
        }?;
        Ok(Exit::Done)
    }

    /// The columns to write.
    fn chosen(&self, schema: &Schema, suits: fn(&DataType) -> bool) -> Vec<usize> {
        if self.columns.is_empty() {
            return (0..schema.fields().len()).filter(|&i| suits(schema.field(i).data_type())).collect();
        }
        self.columns.iter().map(|name| schema.index_of(name).expect("the columns were checked")).collect()
    }

    fn delimited(&self, table: Table, delimiter: u8, sink: Sink, ui: &mut Ui) -> Result<(), Failure> {
        let columns = self.chosen(&table.schema, |t| !t.is_nested());
        let name = sink.name();
        // In TSV nothing is quoted, as cut and awk want it; tabs and line breaks inside cells are escaped instead.
        let quotes = if delimiter == b'\t' { csv::QuoteStyle::Never } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).quote_style(quotes).from_writer(sink);
        let failed = |e: csv::Error| failure(&name, e.into());
        writer.write_record(columns.iter().map(|&i| table.schema.field(i).name())).map_err(failed)?;
        for batch in table {
            let batch = batch?;
            let arrays = columns.iter().map(|&i| showable(batch.column(i))).collect::<Result<Vec<_>, _>>()?;
            let cells = arrays.iter().map(Cells::of).collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                let cells = cells.iter().map(|c| c.text(row).unwrap_or_default());
                match delimiter {
                    b'\t' => writer.write_record(cells.map(|c| printable(&c))),
                    _ => writer.write_record(cells),
                }
                .map_err(failed)?;
            }
            ui.advance(batch.num_rows() as u64);
        }
        let sink = writer.into_inner().map_err(|e| failure(&name, e.into_error()))?;
        Ok(sink.finish()?)
    }

    fn json_lines(&self, table: Table, mut sink: Sink, ui: &mut Ui) -> Result<(), Failure> {
        let columns = self.chosen(&table.schema, |t| !matches!(t, DataType::Struct(_)));
        let name = sink.name();
        let names: Vec<String> = columns.iter().map(|&i| table.schema.field(i).name().clone()).collect();
        for batch in table {
            let batch = batch?;
            let arrays = columns.iter().map(|&i| showable(batch.column(i))).collect::<Result<Vec<_>, _>>()?;
            let cells = arrays.iter().map(Cells::of).collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                let object = names.iter().cloned().zip(cells.iter().map(|c| c.json(row))).collect();
                serde_json::to_writer(&mut sink, &Value::Object(object)).map_err(|e| failure(&name, e.into()))?;
                sink.write_all(b"\n").map_err(|e| failure(&name, e))?;
            }
            ui.advance(batch.num_rows() as u64);
        }
        Ok(sink.finish()?)
    }
}

/// Something could not be written.
pub(super) fn failure(name: &str, source: std::io::Error) -> Failure {
    Error::Write { path: name.into(), source }.into()
}

/// A column as text or JSON.
struct Cells<'a> {
    array: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
}

impl<'a> Cells<'a> {
    fn of(array: &'a ArrayRef) -> Result<Cells<'a>, Failure> {
        const OPTIONS: FormatOptions = FormatOptions::new();
        let formatter = ArrayFormatter::try_new(array.as_ref(), &OPTIONS).map_err(|e| {
            Failure::failed(
                format!("a column of {}: {e}", array.data_type()),
                Some("leave it out with --columns".into()),
            )
        })?;
        Ok(Cells { array, formatter })
    }

    fn text(&self, row: usize) -> Option<String> {
        self.array.is_valid(row).then(|| self.formatter.value(row).to_string())
    }

    fn json(&self, row: usize) -> Value {
        let Some(text) = self.text(row) else {
            return Value::Null;
        };
        match self.array.data_type() {
            t if t.is_integer() => text
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| text.parse::<u64>().map(Value::from))
                .unwrap_or(Value::String(text)),
            t if t.is_floating() => text.parse::<f64>().map_or(Value::Null, Value::from),
            DataType::Boolean => Value::Bool(self.array.as_boolean().value(row)),
            DataType::FixedSizeList(..) => list(&self.array.as_fixed_size_list().value(row)),
            DataType::List(_) => list(&self.array.as_list::<i32>().value(row)),
            DataType::LargeList(_) => list(&self.array.as_list::<i64>().value(row)),
            _ => Value::String(text),
        }
    }
}

/// A column whose values can be shown: times of a named zone, of which the program has no list, are shown in UTC.
fn showable(array: &ArrayRef) -> Result<ArrayRef, Failure> {
    match array.data_type() {
        DataType::Timestamp(unit, Some(zone)) if zone.parse::<Tz>().is_err() => {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            let failed = |e| Failure::failed(format!("a column of {}: {e}", array.data_type()), None);
            arrow_cast::cast(array, &utc).map_err(failed)
        }
        _ => Ok(array.clone()),
    }
}

fn list(values: &ArrayRef) -> Value {
    if let Some(numbers) = values.as_primitive_opt::<Float32Type>() {
        let number =
            |x: Option<f32>| x.map_or(Value::Null, |x| x.to_string().parse::<f64>().map_or(Value::Null, Value::from));
        return numbers.iter().map(number).collect();
    }
    let Ok(values) = showable(values) else { return Value::Null };
    match Cells::of(&values) {
        Ok(cells) => (0..values.len()).map(|i| cells.json(i)).collect(),
        Err(_) => Value::Null,
    }
}
