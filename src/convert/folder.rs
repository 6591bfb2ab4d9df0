//! Into a folder, of which only what changed is made again.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::DataType;

use super::stage::{convert, output_schema};
use super::{COMMAND, Earlier, Error, Recipe};
use crate::failure::Failure;
use crate::io::{self, Folder};
use crate::names;
use crate::output::folder::{read_twice, refuse_inputs, refuse_row};
use crate::progress::Progress;
use crate::stage::{Stage, Tally, Work, slices};
use crate::table::dataset::{FOLDER, MANIFEST};
use crate::table::{Images, Inputs, StreamFormat, Table, Writer, column};
use crate::words;

/// Rows that one thread works on at a time.
const SLICE_ROWS: usize = 4;

/// Converts the pictures of all rows into files of a folder, and writes its manifest.
///
/// Files whose source has not changed are left alone, and those whose source is gone are removed; nothing else is.
///
/// # Errors
/// A source lies in the folder, two files would have one name, or something cannot be read or written.
pub fn into_folder(
    recipe: Recipe,
    inputs: Inputs,
    path: &Path,
    work: &Work,
    progress: &mut dyn Progress,
) -> Result<Tally, Failure> {
    let (table, files) = survey(recipe, inputs, path, progress)?;
    let mut provenance = table.provenance.clone();
    recipe.describe(&mut provenance);
    let mut earlier = Earlier::new(recipe);
    let folder = Arc::new(Folder::open(path, &format!("{COMMAND} {recipe}"), None, &mut earlier)?);
    folder.claim(&files, work.threads)?;
    folder.begin()?;
    provenance.set("schema", "manifest");
    provenance.set(FOLDER, COMMAND);
    let mut schema = column::drop_field(&output_schema(&table.schema, recipe), column::IMAGE);
    schema = column::put_field(&schema, column::field(column::PATH, DataType::Utf8));
    let mut writer = Writer::new(folder.create(MANIFEST)?, &schema, &provenance, StreamFormat::Parquet)?;

    progress.start("convert", table.rows);
    let (name, rows) = (table.name.clone(), files.len() as u64);
    let mut files = files.into_iter();
    let planned = slices(table, SLICE_ROWS).map(move |batch| {
        let batch = batch?;
        let files: Vec<Box<str>> = files.by_ref().take(batch.num_rows()).collect();
        if files.len() == batch.num_rows() { Ok((batch, files)) } else { Err(changed(&name)) }
    });
    let place = (folder.clone(), earlier.0);
    let convert_some = move |planned: Result<(RecordBatch, Vec<Box<str>>), Failure>| {
        let (batch, files) = planned?;
        convert(&batch, recipe, Some((&*place.0, &place.1, &*files)), &schema)
    };
    let tally = work.drive(planned, convert_some, progress, |batch| Ok(writer.write(&batch)?))?;
    if tally.rows != rows {
        return Err(changed(&path.display().to_string()));
    }
    let removed = folder.remove_stale()?;
    writer.finish()?;
    folder.complete();
    let removed = match removed {
        0 => String::new(),
        _ => format!("; {} removed", words::several(removed, "file of an earlier run", "files of an earlier run")),
    };
    progress.note(&format!("{}: {tally}{removed}", path.display()));
    Ok(tally)
}

/// Reads all rows once, gives them back to be read again, and the names of their files.
fn survey(
    recipe: Recipe,
    mut inputs: Inputs,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<(Table, Vec<Box<str>>), Failure> {
    let mut within = refuse_inputs(&mut inputs, folder, &[], progress)?;
    let mut keys: Vec<Box<str>> = Vec::new();
    let table = read_twice(&inputs, None, progress, |batch| {
        let images = Images::of(batch)?;
        for row in 0..batch.num_rows() {
            keys.push(images.key(row).into());
            refuse_row(&mut within, &images, row)?;
        }
        Ok(())
    })?;
    let extension = format!(".{}", recipe.encoding.extension());
    let files = names::beside(keys.iter().map(|key| &**key), &extension, 0);
    let files = files.map_err(|key| io::Error::Outside { file: key.into() })?;
    Ok((table, files))
}

/// The rows are not those that were looked at.
fn changed(name: &str) -> Failure {
    Error::Changed { name: name.into() }.into()
}
