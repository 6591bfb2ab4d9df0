//! Where the rows and their copies go, opened before any work is done.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::copy::Augmenter;
use super::earlier::{COMMAND, Earlier, Notes};
use super::rows::Columns;
use super::{rows, sheet};
use crate::failure::Failure;
use crate::io::{Folder, Sink, Target};
use crate::output::{ensure_extension, ensure_no_input, ensure_parquet, ensure_whole_in_place, open_beside};
use crate::table::dataset::FOLDER;
use crate::table::{Inputs, Provenance, StreamFormat, Table};

/// Where the rows and their copies go.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    /// A table, or a folder when it ends in `/` or exists; `None`: a table on standard output, or nothing where there is a
    /// preview.
    pub output: Option<PathBuf>,
    /// Format of a table on standard output.
    pub stream: StreamFormat,
    /// Leave out the rows that were read.
    pub only_new: bool,
    /// A contact sheet: the first pictures of train and their copies.
    pub preview: Option<PathBuf>,
}

/// An opened output: a file, or a folder.
pub(super) struct Output {
    pub sink: Option<Sink>,
    /// Where pictures go; `None` puts them into the table.
    pub folder: Option<Arc<Folder>>,
    /// What a run into this folder that was killed noted.
    pub notes: Notes,
    pub schema: SchemaRef,
    pub footer: Provenance,
    pub format: StreamFormat,
    /// Whether the rows themselves are written.
    pub keep: bool,
}

impl Outputs {
    /// Where the table goes.
    ///
    /// # Errors
    /// The name of an output says something else than it will be.
    pub(super) fn target(&self) -> Result<Target, Failure> {
        let target = Target::parse(self.output.as_deref());
        ensure_parquet(&target)?;
        self.preview.as_deref().map_or(Ok(()), |sheet| ensure_extension(sheet, "png"))?;
        Ok(target)
    }

    /// Opens the contact sheet.
    ///
    /// # Errors
    /// It would replace something else, or cannot be written.
    pub(super) fn open_sheet(&self) -> Result<Option<Sink>, Failure> {
        self.preview.clone().map(|path| open_beside(path, sheet::is_one)).transpose()
    }

    /// Opens the output; `None` where only a preview is wanted. `described` is what copies
    /// follow from.
    ///
    /// # Errors
    /// It would replace what is read, or cannot be written.
    pub(super) fn open(
        &self,
        target: Target,
        inputs: &Inputs,
        table: &Table,
        augmenter: &Augmenter,
        described: String,
    ) -> Result<Option<Output>, Failure> {
        if self.output.is_none() && self.preview.is_some() {
            return Ok(None);
        }
        let mut footer = table.provenance.clone();
        if footer.get("schema").is_none() {
            footer.set("schema", "manifest");
        }
        footer.set("augment", &*described);
        let columns = Columns {
            in_files: matches!(target, Target::Directory(_)),
            soft_labels: augmenter.recipe.needs_partners(),
            strength: !augmenter.strength.is_full(),
        };
        let schema = rows::schema(&table.schema, columns);
        let mut earlier = Earlier::default();
        ensure_whole_in_place(self.output.as_deref(), &inputs.paths, &table.schema, &schema)?;
        if self.only_new {
            ensure_no_input(self.output.as_deref(), inputs.paths.iter().map(|path| &**path), "the copies alone")?;
        }
        let (sink, folder) = match &target {
            Target::Directory(path) => {
                footer.set(FOLDER, COMMAND);
                (None, Some(Arc::new(Folder::open(path, &format!("{COMMAND} {described}"), None, &mut earlier)?)))
            }
            target => (Some(Sink::open(target, true)?), None),
        };
        let format = if target == Target::Stdout { self.stream } else { StreamFormat::Parquet };
        let notes = earlier.notes();
        Ok(Some(Output { sink, folder, notes, schema, footer, format, keep: !self.only_new }))
    }
}
