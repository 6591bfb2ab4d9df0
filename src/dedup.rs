//! Copies and near copies of pictures: which there are, which of them stays, and what becomes of the others.
//!
//! Hides: how copies are found without comparing all with all, how a second look keeps chance out, what is written down
//! before a file is touched. Promises: a group is a star, every copy in it one of the picture that is kept; the same rows
//! and flags give the same groups on any number of threads; some 300 bytes of memory a row and its name, and a kilobyte more
//! where crops are looked for. Nothing is touched by [`find`]; [`act()`] touches a file only where it and the one that is
//! kept still are what was compared, and [`undo()`] takes it back. `docs/dedup.md` has the rules.
//!
//! ```
//! use pokedex::dedup::{Options, find};
//! use pokedex::image::{Encoding, Rgb, encode};
//! use pokedex::progress::Silent;
//! use pokedex::{Inputs, Work};
//!
//! let folder = tempfile::tempdir()?;
//! let pixels: Vec<u8> = (0..3 * 64 * 48u32).map(|i| (i * i / 700 % 251) as u8).collect();
//! let picture = encode(&Rgb { width: 64, height: 48, pixels }, Encoding::Png)?;
//! std::fs::write(folder.path().join("a.png"), &picture)?;
//! std::fs::write(folder.path().join("b.png"), &picture)?;
//!
//! let inputs = Inputs { paths: vec![folder.path().into()], ..Inputs::default() };
//! let found = find(inputs.images()?.with_unique_keys(), &Options::default(), &Work::default(), &mut Silent)?;
//! assert_eq!((found.groups(), found.copies()), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod act;
mod files;
mod found;
mod journal;
mod keep;
mod look;
mod merge;
mod relation;
mod report;
mod rows;
mod stars;
mod storage;
mod trash;
mod undo;

pub use act::{Acted, Means, act, default_journal};
pub use found::Found;
pub use journal::{Action, Error as JournalError};
pub use keep::Keep;
pub use merge::{Merged, merge};
pub use relation::Similar;
pub use report::{Format, write};
pub use stars::Again;
pub use undo::undo;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use rayon::prelude::*;

use crate::duplicates::REACH;
use crate::failure::Failure;
use crate::filter::Bound;
use crate::io::{self, read_image};
use crate::progress::Progress;
use crate::stage::{Origin, Skipped, Tally, Work, go_on, in_order, pool, slices};
use crate::table::{self, Table};
use look::{Look, Slice, facts_of};
use relation::Alike;
use rows::{Looks, Row};

/// Rows that one thread looks at at a time.
const SLICE_ROWS: usize = 8;

/// What is looked for, and what is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// What makes looks alike; `None`: only identical bytes are copies.
    pub similar: Option<Similar>,
    /// What lies below these folders is kept, and never touched.
    pub references: Vec<PathBuf>,
    /// Which copy is kept elsewhere.
    pub keep: Keep,
}

impl Default for Options {
    /// Near copies as `split` finds them, upright; the best is kept.
    fn default() -> Options {
        let similar = Some(Similar { hash_distance: REACH, any_orientation: false, crops: false });
        Options { similar, references: Vec::new(), keep: Keep::default() }
    }
}

/// What can be wrong with the question.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error("--reference {}: cannot read: {source}", path.display())]
    Reference { path: PathBuf, source: std::io::Error },
    #[error("--reference {}: no row of the table lies below it", path.display())]
    NoReference { path: PathBuf },
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Reference { path, .. } => Some(format!("check the spelling: ls -d {}", path.display())),
            Error::NoReference { path } => Some(format!(
                "a table has to hold the rows of the reference too: pokedex scan {} FOLDER -o both.parquet",
                path.display()
            )),
        }
    }
}

/// The folders to read: the inputs, and references that lie in none of them.
pub fn with_references(inputs: &[PathBuf], references: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = inputs.to_vec();
    if inputs.iter().any(|input| input != Path::new("-") && input.is_dir()) {
        let places: Vec<PathBuf> = inputs.iter().filter_map(|input| input.canonicalize().ok()).collect();
        let is_inside = |folder: &Path| folder.canonicalize().is_ok_and(|at| places.iter().any(|p| at.starts_with(p)));
        all.extend(references.iter().filter(|folder| !is_inside(folder)).cloned());
    }
    all
}

/// Finds the copies among a table's rows, whose keys are unique.
///
/// # Errors
/// The table cannot be read, a condition does not fit it, a reference is not there, or an input is skipped that may not be.
pub fn find(table: Table, options: &Options, work: &Work, progress: &mut dyn Progress) -> Result<Found, Failure> {
    let references = References::open(&options.references)?;
    let look = Look { looks: options.similar.is_some(), parts: options.similar.is_some_and(|similar| similar.crops) };
    let schema = look.schema(&table.schema);
    let conditions = options.keep.filters().iter().map(|f| f.bind(&schema)).collect::<Result<Vec<_>, _>>()?;
    let any_orientation = options.similar.is_some_and(|similar| similar.any_orientation);
    let seen = Arc::new(Mutex::new(Told::default()));
    let (origin, mut tally) = (Origin::of(&table), Tally::default());
    let mut all = All { rows: Vec::new(), looks: Looks::new()?, conditions, references };
    progress.start("dedup", table.rows);
    let table = looked_at(table, look, work, &seen)?.spool(|batch| {
        go_on(progress)?;
        let told = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        work.report(&told.skipped, progress)?;
        tally.skipped += told.skipped.len() as u64;
        tally.rows += batch.num_rows() as u64;
        tally.report_flaws(&told.flawed, progress);
        progress.advance(batch.num_rows() as u64);
        all.push(batch, told.seen, any_orientation)
    })?;
    progress.finish();
    tally.report_other_flaws(progress);
    origin.report(progress);
    all.references.refuse_unused()?;
    let All { mut rows, looks, .. } = all;
    let (stars, again) = pool(work.threads)?.install(|| -> Result<_, io::Error> {
        complete(&mut rows, &options.keep);
        let (others, again) = stars::of_one_file(&rows, &options.keep);
        let takes_part = |row: u32| others.binary_search_by_key(&row, |(other, _)| *other).is_err();
        let nodes = stars::nodes(&rows, takes_part);
        let alike = options.similar.map(|similar| Alike { looks: &looks, similar });
        let connected = stars::connected(&nodes, alike)?;
        let stars = stars::stars(&rows, &nodes, &connected, alike, &options.keep)?;
        Ok((stars, (others, again)))
    })?;
    Ok(Found::new(table, rows, stars, again, tally, &options.keep))
}

/// What was seen of rows on their way to the temporary file.
#[derive(Default)]
struct Told {
    seen: Vec<look::Seen>,
    skipped: Vec<Skipped>,
    flawed: Vec<Skipped>,
}

/// The table of which all rows are looked at while it is read; what was seen of a batch is told when it is given out.
fn looked_at(table: Table, look: Look, work: &Work, told: &Arc<Mutex<Told>>) -> Result<Table, Failure> {
    let (name, rows, provenance) = (table.name.clone(), table.rows, table.provenance.clone());
    let schema = look.schema(&table.schema);
    let output = schema.clone();
    let at = move |batch: Result<RecordBatch, table::Error>| look.at(&batch?, &output);
    let told = told.clone();
    let batches = in_order(pool(work.threads)?, slices(table, SLICE_ROWS), at).map(move |slice| {
        let Slice { batch, seen, skipped, flawed } = slice.map_err(|failure| table::Error::from(Box::new(failure)))?;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.seen.extend(seen);
        told.skipped.extend(skipped);
        told.flawed.extend(flawed);
        Ok(batch)
    });
    let mut table = Table::new(name, schema, rows, Box::new(batches));
    table.provenance = provenance;
    Ok(table)
}

/// All rows, while they come in.
struct All {
    rows: Vec<Row>,
    looks: Looks,
    conditions: Vec<Bound>,
    references: References,
}

impl All {
    fn push(&mut self, batch: &RecordBatch, seen: Vec<look::Seen>, any_orientation: bool) -> Result<(), Failure> {
        let passes: Vec<_> = self.conditions.iter().map(|c| c.evaluate(batch)).collect::<Result<_, _>>()?;
        for (i, seen) in seen.into_iter().enumerate() {
            let bits = passes.iter().enumerate().filter(|(_, passes)| passes.value(i)).map(|(bit, _)| 1u64 << bit);
            let mut row = Row {
                key: seen.key.into(),
                path: seen.path.map(Into::into),
                content: seen.content,
                facts: seen.facts,
                file: seen.file,
                is_link: seen.is_link,
                in_reference: false,
                passes: bits.sum(),
            };
            row.in_reference = row.local().is_some_and(|path| self.references.hold(&path));
            self.rows.push(row);
            self.looks.push(seen.appearance.as_ref(), seen.sketch.as_ref(), any_orientation)?;
        }
        Ok(())
    }
}

/// Folders whose files are never touched.
#[derive(Debug, Clone, Default)]
struct References {
    /// As they were given, as the system names them, and whether anything was found there.
    folders: Vec<(PathBuf, PathBuf, bool)>,
}

impl References {
    fn open(folders: &[PathBuf]) -> Result<References, Error> {
        let open = |path: &PathBuf| match path.canonicalize() {
            Ok(place) => Ok((path.clone(), place, false)),
            Err(source) => Err(Error::Reference { path: path.clone(), source }),
        };
        Ok(References { folders: folders.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// Whether a file lies below one of them: its name, or what it is a link to.
    fn hold(&mut self, file: &Path) -> bool {
        if self.folders.is_empty() {
            return false;
        }
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let places = [parent.canonicalize(), file.canonicalize()];
        let mut found = false;
        for (_, folder, is_used) in &mut self.folders {
            if places.iter().flatten().any(|place| place.starts_with(&*folder)) {
                (*is_used, found) = (true, true);
            }
        }
        found
    }

    fn refuse_unused(&self) -> Result<(), Error> {
        match self.folders.iter().find(|(_, _, used)| !used) {
            Some((path, ..)) => Err(Error::NoReference { path: path.clone() }),
            None => Ok(()),
        }
    }
}

/// Reads, of rows whose bytes nobody has looked at and that have copies, what decides which is kept.
fn complete(rows: &mut [Row], keep: &Keep) {
    if !keep.needs_shots() && !keep.needs_formats() {
        return;
    }
    let nodes = stars::nodes(rows, |_| true);
    let mut wanted: Vec<u32> = nodes.into_iter().filter(|node| node.len() > 1).flatten().collect();
    wanted.retain(|&row| !rows[row as usize].facts.is_known);
    let read = |&row: &u32| {
        let bytes = read_image(rows[row as usize].path.as_deref()?).ok()?;
        Some((row, facts_of(&bytes).ok()?))
    };
    let known: Vec<_> = wanted.par_iter().filter_map(read).collect();
    for (row, facts) in known {
        let own = &mut rows[row as usize].facts;
        *own = rows::Facts { modified: own.modified, ..facts };
    }
}
