//! `data/SPLIT-00000-of-00002.parquet`, as the hub of Hugging Face has data sets: tables whose names say the split.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use arrow_schema::{DataType, SchemaRef};

use super::files::{below, children};
use crate::table::split::Split;
use crate::table::{Error, Table, column};

/// The tables of a folder, and of `data/` in it; none where one of them has no pictures.
pub(super) fn shards(folder: &Path) -> Vec<PathBuf> {
    let inside = |folder: PathBuf| {
        let tables = children(&folder).into_iter().filter(|child| child.ends_with(".parquet"));
        tables.map(|child| folder.join(child.name)).filter(|path| path.is_file()).collect::<Vec<_>>()
    };
    let tables: Vec<PathBuf> = inside(folder.to_path_buf()).into_iter().chain(inside(folder.join("data"))).collect();
    let has_pictures = |path: &PathBuf| {
        Table::open_columns(path, Some(&|name| name == column::IMAGE)).is_ok_and(|table| table.has(column::IMAGE))
    };
    if tables.iter().all(has_pictures) { tables } else { Vec::new() }
}

/// The rows of all tables, with the splits that their names say.
///
/// # Errors
/// One cannot be read, or their columns differ.
pub(super) fn open(folder: &Path, shards: &[PathBuf]) -> Result<Table, Error> {
    let one = |path: &PathBuf| {
        let name = below(folder, path);
        let stem = name.rsplit('/').next().unwrap_or_default();
        let split = stem.split(['-', '_', '.']).find_map(Split::named);
        Ok(placed(Table::open(path)?, name, split))
    };
    let tables = shards.iter().map(one).collect::<Result<Vec<Table>, Error>>()?;
    Table::concatenate(tables)
}

/// A table with keys of its own, and a split where it has none.
fn placed(table: Table, file: String, split: Option<Split>) -> Table {
    let mut schema: SchemaRef = table.schema.clone();
    let (has_keys, has_splits) = (table.has(column::KEY), table.has(column::SPLIT));
    if !has_keys {
        schema = column::put_field(&schema, column::key_field());
    }
    if !has_splits {
        schema = column::put_field(&schema, column::field(column::SPLIT, DataType::Utf8));
    }
    let (name, rows, provenance) = (table.name.clone(), table.rows, table.provenance.clone());
    let batch_schema = schema.clone();
    let mut row = 0u64;
    let batches = table.map(move |batch| {
        let batch = batch?;
        let count = batch.num_rows();
        let mut new: Vec<(&str, ArrayRef)> = Vec::new();
        if !has_keys {
            let keys = (0..count as u64).map(|i| format!("{file}/{:07}", row + i));
            new.push((column::KEY, Arc::new(StringArray::from_iter_values(keys))));
        }
        if !has_splits {
            new.push((column::SPLIT, Arc::new(StringArray::from(vec![split.map(Split::name); count]))));
        }
        row += count as u64;
        Ok(column::put(&batch, &batch_schema, &new))
    });
    let mut placed = Table::new(name, schema, rows, Box::new(batches));
    placed.provenance = provenance;
    placed
}
