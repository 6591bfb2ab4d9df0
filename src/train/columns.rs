//! What every table that a head learns from is asked: its rows' keys, and which model made a column.

use arrow_array::{RecordBatch, StringArray};

use crate::head::Feature;
use crate::index::Check;
use crate::table::{self, column};

/// A column that was read to its end, as a head remembers it.
pub(super) fn feature(name: &str, check: &Check, provenance: &table::Provenance) -> Feature {
    // The rows know better than the footer, which another program may have carried over from somewhere else.
    let footer = provenance.get(&column::footer_key(name, "model"));
    let footer = footer.filter(|full| check.model().is_none_or(|rows| crate::model::short_id(full) == rows));
    let model = footer.or(check.model()).filter(|id| *id != "unknown");
    Feature { column: name.into(), dimension: check.dimension, model: model.map(str::to_string) }
}

/// The keys of a batch.
pub(super) fn keys(batch: &RecordBatch) -> Result<StringArray, table::Error> {
    column::text(batch, column::KEY)?.ok_or_else(|| column::missing(&batch.schema(), column::KEY, "table"))
}
