//! The files beside an index's table: those that are made, and those that were there before.

use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};

use super::Options;
use crate::failure::Failure;
use crate::index::{
    Annoy, Approximate, Beside, Error, Graph, IDENTITY, KIND, Kind, Metric, PACKED, Packed, PackedWriter, RECALL,
    TREES, annoy, beside, files_of, files_of_an_index, fingerprint, graph,
};
use crate::io::{Sink, Target};
use crate::output::ensure_ours;
use crate::progress::Progress;
use crate::table::Writer;
use crate::words::{rows, several};

/// A graph that finds a smaller share of the ten nearest rows than this is not kept: the index is exact instead.
const LEAST_RECALL: f64 = 0.9;
/// On how many rows that is measured, and on how many where --check-recall asks for it.
const LOOK: usize = 200;
const CLOSE_LOOK: usize = 1000;

/// Files that are being made. None of them has its name before all are whole; the table comes last, so that what
/// lies beside another table is never taken for what lies beside this one.
pub(super) struct Files {
    table: PathBuf,
    kind: Kind,
    packed: PackedWriter<Sink>,
    /// Trees or a graph: opened at once, so that a wrong path costs nothing.
    approximate: Option<Sink>,
}

impl Files {
    /// Opens them beside `table`, before any work is done.
    ///
    /// # Errors
    /// One of them cannot be written.
    pub(super) fn start(table: PathBuf, kind: Kind, schema: &Schema, dimension: usize) -> Result<Files, Failure> {
        let open = |extension| Sink::open(&Target::File(beside(&table, extension)), true);
        let path = beside(&table, PACKED);
        let packed = PackedWriter::new(open(PACKED)?, schema, dimension).map_err(|e| unwritable(&path, e))?;
        let approximate = kind.approximate().map(open).transpose()?;
        Ok(Files { packed, approximate, kind, table })
    }

    /// Appends rows of the index.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.packed.write(batch).map_err(|e| unwritable(&beside(&self.table, PACKED), e))
    }

    /// Finishes all files, `writer`'s last; gives the kind that the index has become.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn finish(
        self,
        options: &Options,
        mut writer: Writer,
        progress: &mut dyn Progress,
    ) -> Result<Kind, Failure> {
        let path = beside(&self.table, PACKED);
        let (mut sink, identity) = self.packed.finish().map_err(|e| unwritable(&path, e))?;
        let packed = Packed::new(path.display().to_string(), sink.map()?)?;
        writer.set(IDENTITY, identity);
        let (mut approximate, mut kind) = (self.approximate, self.kind);
        if let Some(sink) = &mut approximate {
            let found = match self.kind {
                Kind::Annoy => trees(options, &packed, sink, &mut writer, progress)?,
                _ => neighbours(options, &packed, sink, progress)?,
            };
            if options.check_recall || kind == Kind::Graph {
                let look = if options.check_recall { CLOSE_LOOK } else { LOOK };
                let recall = Beside { packed, approximate: Some(found) }.recall(look)?;
                let said = format!("{}: finds {:.1} % of the ten nearest rows", self.table.display(), 100.0 * recall);
                writer.set(RECALL, format!("{recall:.4}"));
                if kind == Kind::Graph && recall < LEAST_RECALL {
                    let least = 100.0 * LEAST_RECALL;
                    progress.warn(&format!("{said}, and a graph is kept from {least} % on; the index is of kind exact (--degree 96 may find more)"));
                    kind = Kind::Exact;
                } else if options.check_recall {
                    progress.warn(&said);
                }
            }
        } else if options.check_recall {
            progress.warn(&format!(
                "{}: an index of this kind is exact and finds all of the nearest rows",
                self.table.display()
            ));
        }
        writer.set(KIND, kind.name());
        let table = writer.close()?;
        let approximate = approximate.filter(|_| kind == self.kind);
        Sink::finish_all([sink].into_iter().chain(approximate).chain([table]))?;
        Ok(kind)
    }
}

/// Grows Annoy's trees.
fn trees(
    options: &Options,
    packed: &Packed,
    sink: &mut Sink,
    writer: &mut Writer,
    progress: &mut dyn Progress,
) -> Result<Approximate, Failure> {
    let planes = annoy::Options { metric: Metric::Angular, trees: options.trees, seed: options.seed };
    progress.start("trees", Some(options.trees.get() as u64));
    let mut last = 0;
    let mut grown = |trees: usize| {
        progress.advance((trees - last) as u64);
        last = trees;
    };
    let start = Instant::now();
    let failed = sink.failure();
    annoy::build(&packed.vectors(), planes, sink, &mut grown).map_err(|e| match e {
        annoy::Error::Write(source) => Failure::from(failed(source)),
        other => Error::from(other).into(),
    })?;
    progress.finish();
    let trees = several(options.trees.get() as u64, "tree", "trees");
    progress.note(&format!("index: {trees} in {:.2} s", start.elapsed().as_secs_f64()));
    let bytes = sink.map()?;
    writer.set(TREES, fingerprint(&bytes));
    let annoy = Annoy::new(Path::new(&sink.name()), bytes, packed.dimension(), Metric::Angular).map_err(Error::from)?;
    Ok(Approximate::Annoy(annoy))
}

/// Grows a graph.
fn neighbours(
    options: &Options,
    packed: &Packed,
    sink: &mut Sink,
    progress: &mut dyn Progress,
) -> Result<Approximate, Failure> {
    let shape = graph::Options { degree: options.degree, ..graph::Options::default() };
    progress.start("graph", Some(packed.len() as u64));
    let start = Instant::now();
    let graph = Graph::build(&packed.codes(), shape, |rows| progress.advance(rows as u64));
    progress.finish();
    let seconds = start.elapsed().as_secs_f64();
    progress.note(&format!("index: a graph of {} in {seconds:.2} s", rows(packed.len() as u64)));
    let name = sink.name();
    graph.write(sink, packed.identity()).map_err(|e| match e {
        graph::Error::Write(source) => unwritable(name.as_ref(), source),
        other => Error::from(other).into(),
    })?;
    Ok(Approximate::Graph(graph))
}

fn unwritable(path: &Path, source: ArrowError) -> Failure {
    crate::table::unwritable(&path.display().to_string(), source).into()
}

/// The files of an index that lie where another is made.
pub(super) struct Earlier {
    files: Vec<PathBuf>,
    /// Those that belong to the table that is replaced, and to no other.
    replaced: Vec<PathBuf>,
}

impl Earlier {
    /// Looks what lies beside a table that an index of this kind is to replace.
    ///
    /// # Errors
    /// A file in the way is no index's.
    pub(super) fn at(table: Option<&Path>, kind: Kind) -> Result<Earlier, Failure> {
        let earlier = Earlier {
            files: table.map(files_of_an_index).unwrap_or_default(),
            replaced: table.map(files_of).unwrap_or_default(),
        };
        for path in
            table.iter().flat_map(|table| kind.extensions().into_iter().map(|extension| beside(table, extension)))
        {
            ensure_ours(&path, |path| earlier.files.iter().any(|earlier| earlier == path))?;
        }
        Ok(earlier)
    }

    /// Removes those that an index of this kind, which is made now, has not replaced; names those that may be another's.
    pub(super) fn remove_stale(&self, kind: Kind, progress: &dyn Progress) {
        let own = |path: &PathBuf| kind.extensions().iter().any(|own| path.extension().is_some_and(|e| e == *own));
        for stale in self.files.iter().filter(|path| !own(path)) {
            if self.replaced.contains(stale) && std::fs::remove_file(stale).is_ok() {
                continue;
            }
            progress
                .warn(&format!("{}: belongs to an index that was here before, and can be deleted", stale.display()));
        }
    }
}
