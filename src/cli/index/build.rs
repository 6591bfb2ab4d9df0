//! The files beside an index's table.

use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};

use super::Make;
use crate::failure::Failure;
use crate::index::{
    Annoy, Approximate, Beside, Error, Graph, IDENTITY, KIND, Kind, Metric, PACKED, Packed, PackedWriter, RECALL,
    TREES, annoy, beside, fingerprint, graph,
};
use crate::io::{Sink, Target};
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
pub struct Build {
    table: PathBuf,
    kind: Kind,
    packed: PackedWriter<Sink>,
    /// Trees or a graph: opened at once, so that a wrong path costs nothing.
    approximate: Option<Sink>,
}

impl Build {
    pub fn start(table: PathBuf, kind: Kind, schema: &Schema, dimension: usize) -> Result<Build, Failure> {
        let open = |extension| Sink::open(&Target::File(beside(&table, extension)), true);
        let path = beside(&table, PACKED);
        let packed = PackedWriter::new(open(PACKED)?, schema, dimension).map_err(|e| unwritable(&path, e))?;
        let approximate = kind.approximate().map(open).transpose()?;
        Ok(Build { packed, approximate, kind, table })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.packed.write(batch).map_err(|e| unwritable(&beside(&self.table, PACKED), e))
    }

    /// Finishes all files, `writer`'s last; gives the kind that the index has become.
    pub fn finish(self, make: &Make, mut writer: Writer, ui: &mut dyn Progress) -> Result<Kind, Failure> {
        let path = beside(&self.table, PACKED);
        let (mut sink, identity) = self.packed.finish().map_err(|e| unwritable(&path, e))?;
        let packed = Packed::new(path.display().to_string(), sink.map()?)?;
        writer.set(IDENTITY, identity);
        let (mut approximate, mut kind) = (self.approximate, self.kind);
        if let Some(sink) = &mut approximate {
            let found = match self.kind {
                Kind::Annoy => trees(make, &packed, sink, &mut writer, ui)?,
                _ => neighbours(make, &packed, sink, ui)?,
            };
            if make.check_recall || kind == Kind::Graph {
                let look = if make.check_recall { CLOSE_LOOK } else { LOOK };
                let recall = Beside { packed, approximate: Some(found) }.recall(look)?;
                let said = format!("{}: finds {:.1} % of the ten nearest rows", self.table.display(), 100.0 * recall);
                writer.set(RECALL, format!("{recall:.4}"));
                if kind == Kind::Graph && recall < LEAST_RECALL {
                    let least = 100.0 * LEAST_RECALL;
                    ui.warn(&format!("{said}, and a graph is kept from {least} % on; the index is of kind exact (--degree 96 may find more)"));
                    kind = Kind::Exact;
                } else if make.check_recall {
                    ui.warn(&said);
                }
            }
        } else if make.check_recall {
            ui.warn(&format!(
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
    make: &Make,
    packed: &Packed,
    sink: &mut Sink,
    writer: &mut Writer,
    ui: &mut dyn Progress,
) -> Result<Approximate, Failure> {
    let options = annoy::Options { metric: Metric::Angular, trees: make.trees, seed: make.seed };
    ui.start("trees", Some(make.trees.get() as u64));
    let mut last = 0;
    let mut grown = |trees: usize| {
        ui.advance((trees - last) as u64);
        last = trees;
    };
    let start = Instant::now();
    let failed = sink.failure();
    annoy::build(&packed.vectors(), options, sink, &mut grown).map_err(|e| match e {
        annoy::Error::Write(source) => Failure::from(failed(source)),
        other => Error::from(other).into(),
    })?;
    ui.finish();
    let trees = several(make.trees.get() as u64, "tree", "trees");
    ui.note(&format!("index: {trees} in {:.2} s", start.elapsed().as_secs_f64()));
    let bytes = sink.map()?;
    writer.set(TREES, fingerprint(&bytes));
    let annoy = Annoy::new(Path::new(&sink.name()), bytes, packed.dimension(), Metric::Angular).map_err(Error::from)?;
    Ok(Approximate::Annoy(annoy))
}

/// Grows a graph.
fn neighbours(make: &Make, packed: &Packed, sink: &mut Sink, ui: &mut dyn Progress) -> Result<Approximate, Failure> {
    let options = graph::Options { degree: make.degree.into(), ..graph::Options::default() };
    ui.start("graph", Some(packed.len() as u64));
    let start = Instant::now();
    let graph = Graph::build(&packed.codes(), options, |rows| ui.advance(rows as u64));
    ui.finish();
    let seconds = start.elapsed().as_secs_f64();
    ui.note(&format!("index: a graph of {} in {seconds:.2} s", rows(packed.len() as u64)));
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
