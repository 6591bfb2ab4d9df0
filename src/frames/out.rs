//! What is found in a film, on its way to the rows.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use arrow_array::RecordBatch;

use super::Options;
use super::distinct::Distinct;
use crate::failure::Failure;
use crate::image::Rgb;

/// A still, or what else there is to say of a film.
pub(super) struct Item {
    pub(super) film: Arc<Source>,
    pub(super) what: What,
}

/// A film of a table.
pub(super) struct Source {
    /// Its row.
    pub(super) row: RecordBatch,
    pub(super) key: String,
    pub(super) path: Option<String>,
    pub(super) duration: Option<f64>,
}

pub(super) enum What {
    Still {
        picture: Rgb,
        /// In seconds on the film's own clock; pages have none.
        time: Option<f64>,
        number: Option<i64>,
        key: String,
    },
    /// It cannot be read, or no further; the key is the film's or that of a time.
    Problem {
        key: String,
        problem: String,
    },
    Damaged(String),
    /// An earlier stage could not read it.
    Passed,
}

/// What is found, or why nothing more can be.
pub(super) type Sent = Result<Item, Failure>;

/// Nobody wants any more.
pub(super) struct Unwanted;

/// The stills of one film on their way out.
pub(super) struct Out<'r> {
    film: Arc<Source>,
    sender: &'r SyncSender<Sent>,
    keys: Keys,
    distinct: Option<Distinct>,
}

impl<'r> Out<'r> {
    pub(super) fn new(film: Source, options: &Options, sender: &'r SyncSender<Sent>) -> Out<'r> {
        let distinct = options.distinct.map(Distinct::new);
        Out { film: Arc::new(film), sender, keys: Keys::default(), distinct }
    }

    fn send(&self, what: What) -> Result<(), Unwanted> {
        self.sender.send(Ok(Item { film: self.film.clone(), what })).map_err(|_| Unwanted)
    }

    /// The film's own key.
    pub(super) fn key(&self) -> &str {
        &self.film.key
    }

    /// The key of a time.
    pub(super) fn key_at(&mut self, time: f64) -> String {
        format!("{}#t={}", self.film.key, self.keys.of(time))
    }

    /// An earlier stage could not read it.
    pub(super) fn passed(&self) -> Result<(), Unwanted> {
        self.send(What::Passed)
    }

    /// The film cannot be read, or no further.
    pub(super) fn problem(&self, problem: String) -> Result<(), Unwanted> {
        self.problem_of(self.film.key.clone(), problem)
    }

    /// What this key stands for cannot be read.
    pub(super) fn problem_of(&self, key: String, problem: String) -> Result<(), Unwanted> {
        self.send(What::Problem { key, problem })
    }

    /// Something is wrong with what was handed on.
    pub(super) fn damaged(&self, problem: String) -> Result<(), Unwanted> {
        self.send(What::Damaged(problem))
    }

    /// Hands on a picture, unless it looks like the one before it and that is not wanted.
    pub(super) fn picture(
        &mut self,
        picture: Rgb,
        time: Option<f64>,
        number: Option<i64>,
        key: String,
    ) -> Result<(), Unwanted> {
        if self.distinct.as_mut().is_some_and(|distinct| !distinct.is_new(&picture)) {
            return Ok(());
        }
        self.send(What::Still { picture, time, number, key })
    }
}

/// Times as they stand in keys: in milliseconds, or more exactly where that was there before.
#[derive(Default)]
struct Keys(HashSet<String>);

impl Keys {
    fn of(&mut self, time: f64) -> String {
        let plain = [format!("{time:.3}"), format!("{time:.6}")];
        let numbered = (2..).map(|n| format!("{time:.6},{n}"));
        let mut all = plain.into_iter().chain(numbered);
        all.find(|key| self.0.insert(key.clone())).expect("there is always one more number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_frames_are_as_exact_as_they_must_be() {
        let mut keys = Keys::default();
        let keys = [1.0, 1.0004, 1.0004, 12.04].map(|time| keys.of(time));
        assert_eq!(keys, ["1.000", "1.000400", "1.000400,2", "12.040"]);
    }
}
