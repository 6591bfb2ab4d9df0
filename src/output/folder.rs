//! What commands that write folders have in common: no input lies in the folder, and rows are looked at before any is
//! written.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;

use crate::failure::Failure;
use crate::filter::Filter;
use crate::io::Within;
use crate::progress::Progress;
use crate::stage::{Origin, go_on};
use crate::table::{self, Images, Inputs, Table, column};

/// Refuses inputs (and `others`) that lie in a folder that is to be written, and passes over what it holds where a folder
/// around it is read.
///
/// # Errors
/// One lies in it.
pub(crate) fn refuse_inputs(
    inputs: &mut Inputs,
    folder: &Path,
    others: &[&PathBuf],
    progress: &dyn Progress,
) -> Result<Within, Failure> {
    let mut within = Within::new(folder);
    inputs.paths.iter().chain(others.iter().copied()).try_for_each(|path| within.refuse(path))?;
    inputs.except = Some(folder.into());
    if inputs.passes_over() {
        progress.warn(&format!("{}: is written to, so what it holds is no input", folder.display()));
    }
    Ok(within)
}

/// Refuses the picture of a row that lies in the folder, unless nobody will read it.
///
/// # Errors
/// It does.
pub(crate) fn refuse_row(within: &mut Within, images: &Images, row: usize) -> Result<(), Failure> {
    match images.path(row) {
        Some(path) if images.bytes(row).is_none() && images.error(row).is_none() => Ok(within.refuse_row(path)?),
        _ => Ok(()),
    }
}

/// Shows all rows with images to `look`, and gives them back to be read again: from a temporary file where they come from
/// a pipe, or are cheap to keep, as those of a folder are, in which files may come and go.
///
/// # Errors
/// They cannot be read, or `look` fails.
pub(crate) fn read_twice(
    inputs: &Inputs,
    filter: Option<&Filter>,
    progress: &mut dyn Progress,
    look: impl FnMut(&RecordBatch) -> Result<(), Failure>,
) -> Result<Table, Failure> {
    twice(inputs, Inputs::images, filter, progress, look)
}

/// As [`read_twice`], of rows without images too.
///
/// # Errors
/// As there.
pub(crate) fn read_any_twice(
    inputs: &Inputs,
    filter: Option<&Filter>,
    progress: &mut dyn Progress,
    look: impl FnMut(&RecordBatch) -> Result<(), Failure>,
) -> Result<Table, Failure> {
    twice(inputs, Inputs::images_or_vectors, filter, progress, look)
}

fn twice(
    inputs: &Inputs,
    find: fn(&Inputs) -> Result<Table, table::Error>,
    filter: Option<&Filter>,
    progress: &mut dyn Progress,
    mut look: impl FnMut(&RecordBatch) -> Result<(), Failure>,
) -> Result<Table, Failure> {
    let open = || -> Result<Table, Failure> {
        let table = find(inputs)?.with_unique_keys();
        Ok(match filter {
            Some(filter) => table.filtered(filter)?,
            None => table,
        })
    };
    let table = open()?;
    let origin = Origin::of(&table);
    progress.start("read", table.rows);
    let mut look = |batch: &RecordBatch| {
        go_on(progress)?;
        progress.advance(batch.num_rows() as u64);
        look(batch)
    };
    let is_flat = table.schema.fields().iter().all(|field| !field.data_type().is_nested());
    let table = if inputs.is_once() || is_flat && !column::is_heavy(&table.schema) {
        table.spool(look)?
    } else {
        for batch in table {
            look(&batch?)?;
        }
        open()?
    };
    progress.finish();
    origin.report(progress);
    Ok(table)
}
