//! How a stage says what it does while it does it, to whoever wants to know.

/// Somebody who watches a stage: a terminal, a log, a page, or nobody.
///
/// Every method does nothing unless it is written; a stage never prints and never ends the process.
pub trait Progress: Send {
    /// A piece of work begins, of so many rows, where that is known.
    fn start(&mut self, what: &'static str, rows: Option<u64>) {
        let _ = (what, rows);
    }

    /// So many rows more are done.
    fn advance(&mut self, rows: u64) {
        let _ = rows;
    }

    /// The piece of work is done or given up.
    fn finish(&mut self) {}

    /// Something the user should know: `THING: what is wrong`.
    fn warn(&self, message: &str) {
        let _ = message;
    }

    /// What can be done about a warning: a command or a sentence.
    fn hint(&self, hint: &str) {
        let _ = hint;
    }

    /// What was done, for who wants to know everything.
    fn note(&self, message: &str) {
        let _ = message;
    }

    /// What was done, for a person who waited for it.
    fn done(&self, message: &str) {
        let _ = message;
    }

    /// Whether nobody wants the result any more: the stage stops before its next rows, with
    /// [`Failure::cancelled`](crate::failure::Failure::cancelled). Growing an index's trees or graph, resampling for
    /// intervals, comparing two tables of predictions and writing the splits of rows are finished first.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
