//! From a table of vectors to an index.

use std::fmt;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::Options;
use super::files::{Earlier, Files};
use crate::failure::Failure;
use crate::index::{self, Check, Error, Index, Kind, PackedWriter, Packer};
use crate::io::{self, Target};
use crate::map::{self, View};
use crate::model::{Adapter, Engine, Model, short_id};
use crate::output::{ensure_no_input, ensure_whole_in_place};
use crate::progress::Progress;
use crate::stage::{Survey, Work, go_on, pool};
use crate::table::{self, Provenance, Table, Writer, column};
use crate::words::{left_out, several};

/// An index that can be made: the table has the columns that the options name, and its place suits its kind.
#[derive(Debug)]
pub struct Maker {
    options: Options,
    table: Table,
    /// What the table is read from.
    sources: Vec<PathBuf>,
    output: Option<PathBuf>,
    /// The file beside which others may lie, if the index goes to one.
    file: Option<PathBuf>,
}

/// An index that was made; shown as what is said of it at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Rows of the index.
    pub vectors: u64,
    /// Numbers of a vector.
    pub dimension: usize,
    /// What makes searching it quick.
    pub kind: Kind,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vectors = several(self.vectors, "vector", "vectors");
        let numbers = several(self.dimension as u64, "number", "numbers");
        write!(f, "{vectors} of {numbers}, kind {}", self.kind.name())
    }
}

impl Survey for Check {
    const NAME: &'static str = "check";

    fn look(&mut self, rows: &RecordBatch) -> Result<(), Failure> {
        Ok(Check::look(self, rows)?)
    }
}

impl Maker {
    /// Looks whether an index of a table can be made at `output` (`None`: standard output), before the table is read from
    /// its `sources`.
    ///
    /// # Errors
    /// The table lacks a column that the options name, or an index of several files is to go to standard output.
    pub fn new(options: Options, table: Table, sources: &[PathBuf], output: Option<&Path>) -> Result<Maker, Failure> {
        table.require(&options.vector_column)?;
        let table = table.with_keys();
        for name in options.columns.iter().filter(|name| *name != "all") {
            table.require(name)?;
        }
        let file = match Target::parse(output) {
            Target::File(path) if io::is_address(&path) => None,
            Target::File(path) if path.metadata().map_or(true, |about| about.is_file()) => Some(path),
            _ => None,
        };
        if file.is_none() && options.kind.is_some_and(|kind| kind != Kind::Table) {
            return Err(Failure::usage(
                "an index of this kind is several files, and standard output or an object of a bucket is one",
                "-o INDEX.parquet on a disk; or --kind table",
            ));
        }
        Ok(Maker { options, table, sources: sources.to_vec(), output: output.map(Path::to_path_buf), file })
    }

    /// Makes it; `start` starts its table, of such a schema and footer, at the output.
    ///
    /// # Errors
    /// The table cannot be read, no row has a sound vector, they are of several models or of one that nobody names, two
    /// rows have one key, a file that is no index's would be replaced, or a file cannot be written.
    pub fn make(
        self,
        work: &Work,
        start: impl FnOnce(&SchemaRef, &Provenance) -> Result<Writer, Failure> + Send,
        progress: &mut dyn Progress,
    ) -> Result<Made, Failure> {
        pool(work.threads)?.install(|| self.make_here(work, start, progress))
    }

    /// Makes it on the current pool of threads.
    fn make_here(
        self,
        work: &Work,
        start: impl FnOnce(&SchemaRef, &Provenance) -> Result<Writer, Failure>,
        progress: &mut dyn Progress,
    ) -> Result<Made, Failure> {
        let Maker { options, table, sources, output, file } = self;
        let (name, output) = (table.name.clone(), output.as_deref());
        let (table, check) = checked(table, &options.vector_column, work, progress)?;
        if check.without_vector + check.unfit.count > 0 {
            let sources = sources.iter().map(|path| &**path);
            ensure_no_input(output, sources, "an index without all its rows")?;
        }
        let (model, adapter) = options.model_of(&name, &check, &table.provenance)?;
        let packer = options.packer(&table, &check, model.as_deref()).through(adapter);
        ensure_whole_in_place(output, &sources, &table.schema, &packer.schema)?;
        let mut writer = start(&packer.schema, &provenance(&table, model.as_deref(), check.dimension))?;

        let kind = options.kind_for(file.is_some(), check.rows);
        let earlier = Earlier::at(file.as_deref(), kind)?;
        let mut files = match file.filter(|_| kind != Kind::Table) {
            Some(file) => Some(Files::start(file, kind, &packer.schema, check.dimension)?),
            None => None,
        };
        progress.start("pack", Some(check.rows));
        packer.pack(table, check.sorted, |batch| {
            go_on(progress)?;
            progress.advance(batch.num_rows() as u64);
            let Some(files) = &mut files else { return Ok(writer.write(&batch)?) };
            let (table, beside) = rayon::join(|| writer.write(&batch), || files.write(&batch));
            table.map_err(Failure::from).and(beside)
        })?;
        progress.finish();
        let kind = match files {
            Some(files) => files.finish(&options, writer, progress)?,
            None => writer.finish().map(|()| kind)?,
        };
        earlier.remove_stale(kind, progress);
        if check.without_vector > 0 {
            progress.warn(&format!("{name}: {}", left_out(check.without_vector)));
        }
        Ok(Made { vectors: check.rows, dimension: check.dimension, kind })
    }
}

/// An index of a table in a temporary file that has no name: nothing of it is left when nobody searches it any more. Every
/// row is compared, as in an index of kind `exact`; the kind, trees and degree of the options do not matter.
///
/// # Errors
/// The table cannot be read, no row has a sound vector, they are of several models or of one that nobody names, two rows have
/// one key, or there is no room in `TMPDIR`.
pub fn temporary(table: Table, options: &Options, work: &Work, progress: &mut dyn Progress) -> Result<Index, Failure> {
    table.require(&options.vector_column)?;
    let (table, check) = checked(table.with_keys(), &options.vector_column, work, progress)?;
    let (name, full) = (table.name.clone(), |source| Failure::from(io::Error::temporary(source)));
    let unwritable = |source| Failure::from(table::Error::WriteArrow { name: name.clone(), source });
    let (model, adapter) = options.model_of(&name, &check, &table.provenance)?;
    let packer = options.packer(&table, &check, model.as_deref()).through(adapter);
    let file = tempfile::tempfile().map_err(full)?;
    let out = BufWriter::new(file.try_clone().map_err(full)?);
    let mut packed = PackedWriter::new(out, &packer.schema, check.dimension).map_err(unwritable)?;
    packer.pack(table, check.sorted, |batch| packed.write(&batch).map_err(unwritable))?;
    packed.finish().map_err(unwritable)?.0.flush().map_err(full)?;
    Ok(Index::of_packed(&name, file, model.as_deref())?)
}

/// Reads the table once, and gives it back with what its vectors are like.
fn checked(table: Table, column: &str, work: &Work, progress: &mut dyn Progress) -> Result<(Table, Check), Failure> {
    let mut check = Check::new(&table.name, column);
    let table = work.survey(table, &mut check, progress)?;
    if let Some(unfit) = check.unfit.message() {
        progress.warn(&format!("{}: {unfit}", table.name));
    }
    if check.rows == 0 {
        return Err(check.no_vectors().into());
    }
    Ok((table, check))
}

impl Options {
    fn kind_for(&self, to_file: bool, rows: u64) -> Kind {
        match self.kind {
            Some(kind) => kind,
            None if to_file => Kind::for_rows(rows),
            None => Kind::Table,
        }
    }

    fn packer(&self, table: &Table, check: &Check, model: Option<&str>) -> Packer {
        let all = self.columns.iter().any(|column| column == "all");
        // Of stills what they were taken from, so that they can be shown.
        let stills = if table.has(column::VIDEO_PATH) { &OF_STILLS[..] } else { &[] };
        // Of a map all of it, so that it can be shown.
        let map = if View::is_in(&table.schema) { &OF_MAPS[..] } else { &[] };
        let own = |name: &str| stills.contains(&name) || map.contains(&name);
        let wanted = |name: &str| self.columns.iter().any(|column| column == name) || own(name);
        let more = |name: &str| all || wanted(name) || ocr(table, name).is_some();
        Packer::new(table, &self.vector_column, check.dimension, model.map(short_id), more)
    }

    /// The full identity of the index's model, or `None` where it is unknown on purpose; and what the table's vectors go
    /// through, where they are of its base.
    fn model_of(&self, name: &str, check: &Check, footer: &Provenance) -> Result<(Option<String>, Through), Failure> {
        let footer = footer.get(&column::footer_key(&self.vector_column, "model"));
        // The rows know better than the footer, which another program may have carried over from somewhere else.
        let footer = footer.filter(|full| check.model().is_none_or(|rows| short_id(full) == rows));
        let found = footer.or(check.model()).filter(|id| *id != "unknown");
        match (&self.model, found) {
            (None, Some(found)) => Ok((Some(found.into()), None)),
            (None, None) => Err(Error::NoModel { name: name.into() }.into()),
            (Some(given), None) if given == "unknown" => Ok((None, None)),
            (Some(given), found) => {
                let model = Model::find(given, Engine::Auto)?;
                let (query, base) = (model.id().to_string(), model.base().to_string());
                let through = match (found.map(short_id), model.adapter()) {
                    (Some(found), _) if found == query => None,
                    (Some(found), Some(adapter)) if found == base => Some(adapter.clone()),
                    (Some(found), _) => return Err(index::other_model(name, &found, &model).into()),
                    (None, None) => None,
                    (None, Some(_)) => {
                        let base = model.base().full();
                        return Err(Error::NotKnownToBeAdapted { name: name.into(), query, base }.into());
                    }
                };
                if model.dimension() != check.dimension {
                    let (index, dimension) = (check.dimension, model.dimension());
                    return Err(Error::OtherDimension { name: name.into(), index, query, dimension }.into());
                }
                Ok((Some(model.id().full()), through))
            }
        }
    }
}

/// What the vectors of a base go through.
type Through = Option<Arc<Adapter>>;

/// The model that read a column of a table in its pictures, if it was read there: such columns are kept, for `query` searches them.
fn ocr<'a>(table: &'a Table, column: &str) -> Option<&'a str> {
    table.provenance.get(&column::footer_key(column, column::OCR))
}

/// What a map adds.
const OF_MAPS: [&str; 4] = [map::X, map::Y, map::CLUSTER, map::CLUSTER_LABEL];

/// What says where a still was taken from.
const OF_STILLS: [&str; 3] = [column::VIDEO_PATH, column::TIMESTAMP, column::FRAME];

fn provenance(table: &Table, model: Option<&str>, dimension: usize) -> Provenance {
    let mut provenance = Provenance::default();
    for field in table.schema.fields() {
        if let Some(id) = ocr(table, field.name()) {
            provenance.set(&column::footer_key(field.name(), column::OCR), id);
        }
    }
    provenance.set("schema", "index");
    provenance.set("model", model.unwrap_or("unknown"));
    provenance.set("dimension", dimension.to_string());
    provenance.set("metric", "cosine");
    provenance
}
