//! The driver: it runs any stage, on so many threads, as strictly as is wished.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::order::{in_order, pool, slices};
use super::told::{Origin, Tally, Told};
use super::{Done, Skipped, Stage, Survey, Work};
use crate::failure::Failure;
use crate::notes;
use crate::progress::Progress;
use crate::table::{self, Provenance, Table, Writer};

impl Work {
    /// Runs a stage from a table to a sink, which `start` opens for the schema and the footer of what comes out.
    ///
    /// # Errors
    /// The table cannot be read, the stage cannot go on, the sink cannot be written, or an input is skipped that may not be.
    pub fn write<S: Stage>(
        &self,
        table: Table,
        stage: &Arc<S>,
        start: impl FnOnce(&SchemaRef, &Provenance) -> Result<Writer, Failure>,
        progress: &mut dyn Progress,
    ) -> Result<Tally, Failure> {
        let mut provenance = table.provenance.clone();
        stage.describe(&mut provenance);
        let mut writer = start(&stage.schema(&table.schema), &provenance)?;
        let tally = self.run(table, stage, progress, |batch| Ok(writer.write(&batch)?))?;
        writer.finish()?;
        Ok(tally)
    }

    /// Runs a stage and hands its rows to `take`, in order.
    ///
    /// # Errors
    /// The table cannot be read, the stage cannot go on, an input is skipped that may not be, or `take` fails.
    pub fn run<S: Stage>(
        &self,
        table: Table,
        stage: &Arc<S>,
        progress: &mut dyn Progress,
        take: impl FnMut(RecordBatch) -> Result<(), Failure>,
    ) -> Result<Tally, Failure> {
        let origin = Origin::of(&table);
        progress.start(S::NAME, table.rows);
        let (stage, schema, rows) = (stage.clone(), stage.schema(&table.schema), stage.slice());
        let work = move |batch: Result<RecordBatch, table::Error>| stage.rows(&batch?, &schema);
        let tally = self.drive(slices(table, rows), work, progress, take)?;
        origin.report(progress);
        Ok(tally)
    }

    /// The table that a stage makes of one, while it is read; what is to be said of its rows is [`Told`].
    ///
    /// # Errors
    /// The system refuses to start a thread.
    pub fn through<S: Stage>(&self, table: Table, stage: &Arc<S>) -> Result<(Table, Told), Failure> {
        let schema = stage.schema(&table.schema);
        let (name, rows, findings) = (table.name.clone(), table.rows, table.findings.clone());
        let mut provenance = table.provenance.clone();
        stage.describe(&mut provenance);
        let (worker, output) = (stage.clone(), schema.clone());
        let work = move |batch: Result<RecordBatch, table::Error>| worker.rows(&batch?, &output);
        let told = Told::default();
        let keep = told.clone();
        let batches = in_order(pool(self.threads)?, slices(table, stage.slice()), work);
        let batches = batches.map(move |done: Result<Done, Failure>| {
            Ok(keep.keep(done.map_err(|failure| table::Error::from(Box::new(failure)))?))
        });
        let mut table = Table::new(name, schema, rows, Box::new(batches));
        (table.provenance, table.findings) = (provenance, findings);
        Ok((table, told))
    }

    /// Shows all rows of a table to a survey and gives them back to be read again, from a temporary file.
    ///
    /// # Errors
    /// The table cannot be read, or the survey fails.
    pub fn survey<S: Survey>(
        &self,
        table: Table,
        survey: &mut S,
        progress: &mut dyn Progress,
    ) -> Result<Table, Failure> {
        show(table, survey, progress, |_| Ok(()))
    }

    /// As [`Work::survey`], of the table that a stage makes of this one; what is to be said of its rows is said meanwhile.
    ///
    /// # Errors
    /// As there, and as for [`Work::run`].
    pub fn survey_through<T: Stage, S: Survey>(
        &self,
        table: Table,
        stage: &Arc<T>,
        survey: &mut S,
        progress: &mut dyn Progress,
    ) -> Result<(Table, Tally), Failure> {
        let (table, told) = self.through(table, stage)?;
        let mut tally = Tally::default();
        let table = show(table, survey, progress, |progress| told.report(self, &mut tally, progress))?;
        tally.report_other_flaws(progress);
        Ok((table, tally))
    }

    /// Runs `work` over items on the threads: what was skipped named, the rows handed on in order.
    ///
    /// # Errors
    /// An item fails, an input is skipped that may not be, or `take` fails.
    pub fn drive<T: Send + 'static>(
        &self,
        items: impl Iterator<Item = T>,
        work: impl Fn(T) -> Result<Done, Failure> + Send + Sync + 'static,
        progress: &mut dyn Progress,
        mut take: impl FnMut(RecordBatch) -> Result<(), Failure>,
    ) -> Result<Tally, Failure> {
        if self.strict && notes::is_left_out() {
            let what = notes::take().join("; ");
            return Err(Failure::failed(what, Some("without --strict what cannot be read is left out".into())));
        }
        let mut tally = Tally::default();
        for done in in_order(pool(self.threads)?, items, work) {
            let done = done?;
            go_on(progress)?;
            self.report(&done.skipped, progress)?;
            tally.skipped += done.skipped.len() as u64;
            tally.report_flaws(&done.flawed, progress);
            tally.rows += done.batch.num_rows() as u64;
            progress.advance(done.batch.num_rows() as u64);
            take(done.batch)?;
        }
        progress.finish();
        tally.report_other_flaws(progress);
        Ok(tally)
    }

    /// Names what was skipped, or fails at it.
    ///
    /// # Errors
    /// Something was, and nothing may be.
    pub fn report(&self, skipped: &[Skipped], progress: &dyn Progress) -> Result<(), Failure> {
        for row in skipped {
            if self.strict {
                let hint = "without --strict such inputs are skipped and kept as rows with an error";
                return Err(Failure::failed(format!("{}: {}", row.key, row.problem), Some(hint.into())));
            }
            progress.warn(&format!("{}: {}", row.key, row.problem));
        }
        Ok(())
    }
}

/// Shows all rows of a table to a survey, after `say` has said what there is to say of them.
fn show<S: Survey>(
    table: Table,
    survey: &mut S,
    progress: &mut dyn Progress,
    mut say: impl FnMut(&dyn Progress) -> Result<(), Failure>,
) -> Result<Table, Failure> {
    let origin = Origin::of(&table);
    progress.start(S::NAME, table.rows);
    let table = table.spool(|batch| {
        go_on(progress)?;
        say(progress)?;
        progress.advance(batch.num_rows() as u64);
        survey.look(batch)
    })?;
    progress.finish();
    origin.report(progress);
    Ok(table)
}

/// Stops where nobody wants the result any more.
///
/// # Errors
/// Nobody does.
pub fn go_on(progress: &dyn Progress) -> Result<(), Failure> {
    if progress.is_cancelled() { Err(Failure::cancelled()) } else { Ok(()) }
}
