//! What is said of the rows that could not be processed, or not without a flaw.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Done, Skipped, Work};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::table::Table;
use crate::table::layout::Findings;
use crate::words::{rows, several};

/// So many pictures with flaws are named, the rest is counted: a folder that was copied badly is full of them.
const NAMED_FLAWS: u64 = 20;

/// How many rows a stage has seen, and how many of them it skipped.
#[derive(Debug, Default)]
pub struct Tally {
    /// All that were seen.
    pub rows: u64,
    /// Those that could not be processed.
    pub skipped: u64,
    /// Processed, though something is wrong with their pictures.
    pub flawed: u64,
}

impl Tally {
    /// Names pictures with flaws, up to so many.
    pub fn report_flaws(&mut self, flawed: &[Skipped], progress: &dyn Progress) {
        for Skipped { key, problem } in flawed {
            self.flawed += 1;
            let line = format!("{key}: {problem}");
            if self.flawed <= NAMED_FLAWS { progress.warn(&line) } else { progress.note(&line) }
        }
    }

    /// Counts the pictures with flaws that were not named.
    pub fn report_other_flaws(&self, progress: &dyn Progress) {
        if let more @ 1.. = self.flawed.saturating_sub(NAMED_FLAWS) {
            let pictures = several(more, "more picture is", "more pictures are");
            progress.warn(&format!("{pictures} truncated or damaged, and were read as far as they go"));
            progress.hint("-v names them all, and so does pokedex check");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} skipped", rows(self.rows), self.skipped)
    }
}

/// What a stage has to say of rows on their way through it, until somebody says it: what comes of
/// [`Work::through`] is read where nobody may print.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<(Vec<Skipped>, Vec<Skipped>)>>);

impl Told {
    /// Keeps what is to be said of a slice, and gives its rows.
    pub(super) fn keep(&self, done: Done) -> arrow_array::RecordBatch {
        if !(done.skipped.is_empty() && done.flawed.is_empty()) {
            let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            told.0.extend(done.skipped);
            told.1.extend(done.flawed);
        }
        done.batch
    }

    /// Says all of it, and counts it.
    ///
    /// # Errors
    /// Something was skipped that may not be: [`Work::strict`].
    pub fn report(&self, work: &Work, tally: &mut Tally, progress: &dyn Progress) -> Result<(), Failure> {
        let (skipped, flawed) = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        work.report(&skipped, progress)?;
        tally.skipped += skipped.len() as u64;
        tally.report_flaws(&flawed, progress);
        Ok(())
    }
}

/// The data set's folder that a table was made from, if it was.
pub struct Origin {
    name: String,
    findings: Findings,
}

impl Origin {
    /// Of a table that is still to be read.
    pub fn of(table: &Table) -> Origin {
        Origin { name: table.name.clone(), findings: table.findings.clone() }
    }

    /// Says what was wrong with the folder, when the table has been read to its end.
    pub fn report(&self, progress: &dyn Progress) {
        let Some((count, first)) = self.findings.serious() else { return };
        let file = if first.file.is_empty() { String::new() } else { format!("{}: ", first.file) };
        let more = if count > 1 {
            format!(" and {} more", several(count as u64 - 1, "fault", "faults"))
        } else {
            String::new()
        };
        progress.warn(&format!("{}: {file}{}{more}", self.name, first.detail));
        progress.hint(&format!("pokedex check {} names them all", self.name));
    }
}
