//! All pictures of a data set, what they share, and the manifest, written in the order of the rows.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};

use super::Error;
use super::layout::{Finished, Item, Packer, Whereabouts};
use super::make::{Job, Slice};
use super::manifest::{self, Entry, MANIFEST, Manifest, Says};
use super::outcome::Outcome;
use super::plan::Plan;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stage::{Work, go_on, in_order, pool, slices};
use crate::table::dataset::FOLDER;
use crate::table::{self, Provenance, Table, column};

/// Rows that one thread works on at a time.
const SLICE_ROWS: usize = 4;

/// Makes and writes all pictures, and what goes with them; the manifest last.
///
/// # Errors
/// The table cannot be read or is not what was planned, no picture can be read, one is skipped that may not be, or a file
/// cannot be written.
pub(super) fn write(table: Table, job: Job, work: &Work, progress: &mut dyn Progress) -> Result<Outcome, Failure> {
    let job = Arc::new(job);
    let (name, provenance) = (table.name.clone(), table.provenance.clone());
    let mut writing = Writing::begin(&job, &table)?;
    progress.start("export", Some(job.plan.rows() as u64));
    let mut first = 0;
    let counted = slices(table, SLICE_ROWS).map(move |batch| {
        let from = first;
        first += batch.as_ref().map_or(0, RecordBatch::num_rows);
        (from, batch)
    });
    let maker = job.clone();
    let make = move |(from, batch): (usize, Result<RecordBatch, table::Error>)| maker.slice(from, &batch?);
    let mut seen = 0;
    for slice in in_order(pool(work.threads)?, counted, make) {
        let slice = slice?;
        go_on(progress)?;
        work.report(&slice.skipped, progress)?;
        writing.outcome.tally.report_flaws(&slice.flawed, progress);
        seen += slice.seen;
        progress.advance(slice.seen as u64);
        writing.take(slice)?;
    }
    progress.finish();
    writing.outcome.tally.report_other_flaws(progress);
    if seen != job.plan.rows() {
        return Err(Error::Changed { name }.into());
    }
    if writing.outcome.tally.rows == 0 {
        return Err(Error::NothingRead { name }.into());
    }
    writing.finish(&job, provenance)
}

/// A data set that is being written.
struct Writing<'a> {
    plan: &'a Plan,
    packer: Box<dyn Packer + 'a>,
    manifest: Manifest,
    outcome: Outcome,
}

impl<'a> Writing<'a> {
    fn begin(job: &'a Job, table: &Table) -> Result<Writing<'a>, Failure> {
        let plan = &*job.plan;
        let has_files = job.layout.file(plan.places().next().expect("a row is exported"), "png").is_some();
        Ok(Writing {
            plan,
            manifest: Manifest::new(&table.schema, Says { members: !has_files, labels: job.labels, splits: true })?,
            packer: job.layout.packer(&job.folder, plan, &job.kept),
            outcome: Outcome::default(),
        })
    }

    /// Packs the pictures of a slice, and lists them.
    fn take(&mut self, slice: Slice) -> Result<(), Failure> {
        let outcome = &mut self.outcome;
        outcome.tally.skipped += slice.skipped.len() as u64;
        outcome.vanished += slice.vanished;
        outcome.classless.extend(slice.classless);
        outcome.found += slice.found;
        outcome.tally.rows += slice.pictures.len() as u64;
        let keys = column::text(&slice.rows, column::KEY)?.expect("every table has keys by now");
        let labels = column::text(&slice.rows, column::LABEL)?;
        let ids = column::ints(&slice.rows, column::ID)?;
        let mut entries = Vec::with_capacity(slice.pictures.len());
        for (i, picture) in slice.pictures.into_iter().enumerate() {
            let place = self.plan.place(picture.row).expect("it was planned");
            let item = Item {
                place,
                key: keys.value(i),
                id: ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i)),
                label: labels.as_ref().filter(|labels| labels.is_valid(i)).map(|labels| labels.value(i)),
                made: &picture.made,
                file: picture.file.as_deref(),
                boxes: picture.boxes.as_deref(),
            };
            let packed = self.packer.take(&item, &picture.bytes, &slice.rows.slice(i, 1))?;
            let file = picture.file.clone().map(|file| Whereabouts { file, member: None });
            outcome.counts[place.split as usize] += 1;
            entries.push(Entry {
                made: picture.made,
                split: Some(place.split.name()),
                whereabouts: packed.or(file).unwrap_or_default(),
                label_file: picture.label_file,
                boxes: picture.boxes,
            });
        }
        Ok(self.manifest.write(&slice.rows, &entries)?)
    }

    /// Writes what is left, removes what is no part of the data set any more, and writes the manifest.
    fn finish(self, job: &Job, mut footer: Provenance) -> Result<Outcome, Failure> {
        let Writing { packer, manifest, mut outcome, .. } = self;
        let Finished { renamed, notes } = packer.finish()?;
        outcome.notes = notes;
        outcome.removed = job.folder.remove_stale()?;
        footer.set("schema", "manifest");
        footer.set(FOLDER, manifest::EXPORT);
        footer.set(manifest::EXPORT, &*job.settings);
        footer.set(manifest::FILES, manifest::list(&job.folder.others()));
        manifest.finish(job.folder.create(MANIFEST)?, &footer, &renamed)?;
        job.folder.complete();
        Ok(outcome)
    }
}
