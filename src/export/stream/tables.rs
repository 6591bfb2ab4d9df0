//! A table as another table: all of it, or what was chosen.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::{Format, Selection};
use crate::failure::Failure;
use crate::io::{Sink, Target};
use crate::progress::Progress;
use crate::stage::go_on;
use crate::table::{StreamFormat, Table, Writer, unwritable};

/// Writes Parquet, an Arrow stream to standard output, or a file that is Feather to others.
pub(super) fn write(
    table: Table,
    selection: &Selection,
    target: &Target,
    sink: Sink,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let is_stream = |target: &Target| match target {
        Target::File(path) => path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("arrows")),
        Target::Stdout | Target::Directory(_) => true,
    };
    let format = match selection.format {
        Format::Arrow if is_stream(target) => StreamFormat::Arrow,
        Format::Arrow => StreamFormat::ArrowFile,
        _ => StreamFormat::Parquet,
    };
    let columns = selection.chosen(&table.schema, |_| true);
    let mut schema: SchemaRef = selection.kept(&table.schema).into();
    if format == StreamFormat::ArrowFile {
        // Such a file has one dictionary for all rows, and which words that needs is known at its end.
        schema = Schema::new(schema.fields().iter().map(|field| plain(field)).collect::<Vec<_>>()).into();
    }
    let mut provenance = table.provenance.clone();
    if !selection.columns.is_empty() {
        // What pandas and `datasets` would look for is no longer all there.
        ["pandas", "huggingface"].iter().for_each(|key| drop(provenance.0.remove(*key)));
    }
    let name = sink.name();
    let failed = |e| Failure::from(unwritable(&name, e));
    let mut writer = Writer::new(sink, &schema, &provenance, format)?;
    for batch in table {
        let batch = batch?;
        go_on(progress)?;
        let arrays = columns.iter().zip(schema.fields()).map(|(&i, field)| {
            let column = batch.column(i);
            match column.data_type() == field.data_type() {
                true => Ok(column.clone()),
                false => arrow_cast::cast(column, field.data_type()),
            }
        });
        let arrays = arrays.collect::<Result<Vec<ArrayRef>, _>>().map_err(failed)?;
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map_err(failed)?;
        writer.write(&batch)?;
        progress.advance(batch.num_rows() as u64);
    }
    Ok(writer.finish()?)
}

fn plain(field: &Field) -> Field {
    match field.data_type() {
        DataType::Dictionary(_, values) => field.clone().with_data_type(values.as_ref().clone()),
        _ => field.clone(),
    }
}
