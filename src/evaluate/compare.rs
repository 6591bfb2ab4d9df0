//! The same rows by another classifier, or the figures of earlier runs.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::Options;
use super::answers::{self, Columns};
use super::figures::Figures;
use crate::failure::Failure;
use crate::metrics::{Interval, Labels, McNemar, paired_difference};
use crate::runs::{self, Run};
use crate::table::{Error, Source};

/// What predictions are to be set beside.
pub(super) enum Other {
    Predictions(Box<Source>, Columns),
    Runs(Vec<(i32, Run)>),
}

impl Other {
    /// Looks whether a name leads to predictions or to a log of runs; `ours` is where the own predictions come from.
    ///
    /// # Errors
    /// It is neither, cannot be read, or both come from standard input.
    pub(super) fn open(path: &Path, ours: &Path, options: &Options) -> Result<Other, Failure> {
        if path == Path::new("-") && ours == Path::new("-") {
            let hint = "give one of them as a file";
            return Err(Failure::usage("both tables cannot come from standard input", hint));
        }
        let source = answers::open(path)?;
        let table = source.table(None)?;
        Ok(match runs::is_log(&table) {
            true => Other::Runs(runs::read_table(table)?),
            false => {
                let columns = Columns::find_other(&table, options)?;
                Other::Predictions(Box::new(source), columns)
            }
        })
    }

    /// Sets predictions beside it.
    ///
    /// # Errors
    /// A table cannot be read, a key occurs twice, or the tables do not have the same keys.
    pub(super) fn beside(
        self,
        source: &Source,
        columns: &Columns,
        options: &Options,
        pool: &rayon::ThreadPool,
    ) -> Result<Comparison, Failure> {
        match self {
            Other::Runs(runs) => Ok(Comparison::Runs(runs)),
            Other::Predictions(other, other_columns) => {
                let test = predictions((source, columns), (&other, &other_columns), &options.truth)?;
                Ok(test.into_comparison(other.name.clone(), options, pool))
            }
        }
    }
}

/// What the figures are set beside.
#[derive(Debug)]
pub enum Comparison {
    /// Runs of a log, by their numbers.
    Runs(Vec<(i32, Run)>),
    /// Another table of predictions.
    Predictions {
        /// What to call that table in a message.
        name: String,
        /// The rows that both have an answer for, and how often each is right.
        test: Test,
        /// Whether the two differ by more than chance.
        mcnemar: McNemar,
        /// The difference of their shares of right rows; `None` where nothing was resampled.
        difference: Option<Interval>,
    },
}

/// The rows that both tables have an answer for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Test {
    rows: u64,
    right: u64,
    others_right: u64,
    only_ours: u64,
    only_theirs: u64,
}

/// A row of the first table.
struct Known {
    /// The true class's number; `None` for strangers and rows with an error.
    truth: Option<u32>,
    right: bool,
    met: bool,
}

/// Joins two tables of predictions by their keys. Costs some forty bytes a row.
///
/// # Errors
/// One cannot be read, a key occurs twice, or the tables do not have the same keys.
fn predictions(ours: (&Source, &Columns), theirs: (&Source, &Columns), truth: &str) -> Result<Test, Failure> {
    let ((ours, our_columns), (theirs, their_columns)) = (ours, theirs);
    let twice = |name: &str, key: &str| Failure::from(Error::DuplicateKey { name: name.into(), key: key.into() });
    let mut labels = Labels::default();
    let mut rows: HashMap<u64, Known> = HashMap::new();
    let table = ours.table(Some(&|name| our_columns.wants(name)))?;
    answers::each(
        table,
        our_columns,
        |answer| {
            let truth = answer.truth.filter(|_| !answer.failed).map(|truth| labels.number(truth));
            let known = Known { truth, right: answer.best == answer.truth, met: false };
            match rows.insert(hash(answer.key), known) {
                None => Ok(()),
                Some(_) => Err(twice(&ours.name, answer.key)),
            }
        },
        |_| Ok(()),
    )?;

    let mut test = Test::default();
    let mut unknown = 0u64;
    let table = theirs.table(Some(&|name| their_columns.wants(name)))?;
    answers::each(
        table,
        their_columns,
        |answer| {
            let Some(row) = rows.get_mut(&hash(answer.key)) else {
                unknown += 1;
                return Ok(());
            };
            if std::mem::replace(&mut row.met, true) {
                return Err(twice(&theirs.name, answer.key));
            }
            let Some(truth) = row.truth.filter(|_| !answer.failed) else { return Ok(()) };
            let other_right = answer.best.is_some_and(|best| labels.get(best) == Some(truth));
            test.rows += 1;
            test.right += u64::from(row.right);
            test.others_right += u64::from(other_right);
            test.only_ours += u64::from(row.right && !other_right);
            test.only_theirs += u64::from(other_right && !row.right);
            Ok(())
        },
        |_| Ok(()),
    )?;
    let missing = rows.values().filter(|row| !row.met).count();
    if missing > 0 || unknown > 0 {
        let (ours, theirs) = (&ours.name, &theirs.name);
        let problem =
            format!("{theirs}: its keys differ from those of {ours}: {missing} are missing, {unknown} are new");
        let hint =
            format!("classify the same images twice: `pokedex export {theirs} --format csv --columns key,{truth}`");
        return Err(Failure::failed(problem, Some(hint)));
    }
    Ok(test)
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Test {
    fn into_comparison(self, name: String, options: &Options, pool: &rayon::ThreadPool) -> Comparison {
        let mcnemar = McNemar::new(self.only_ours, self.only_theirs);
        let difference = paired_difference(&mcnemar, self.rows, options.bootstrap, options.seed, pool);
        Comparison::Predictions { name, test: self, mcnemar, difference }
    }
}

impl Comparison {
    /// Adds what came out to the figures: keys that stand for the other table, or for each run of the log.
    pub(super) fn add_to(&self, figures: &mut Figures) {
        match self {
            Comparison::Runs(runs) => {
                for (number, run) in runs {
                    let numbers = runs::NUMBERS.iter().zip(run.numbers()).take(5);
                    numbers.for_each(|(name, value)| figures.number(format!("run_{number}_{name}"), value));
                }
            }
            Comparison::Predictions { test, mcnemar, difference, .. } => {
                let share = |count: u64| (test.rows > 0).then(|| count as f64 / test.rows as f64);
                let by = share(test.right).zip(share(test.others_right)).map(|(ours, theirs)| ours - theirs);
                figures.count("compared_rows", test.rows);
                figures.number("other_top1", share(test.others_right));
                figures.ranged("top1_difference", by, *difference);
                figures.count("only_ours", mcnemar.only_first);
                figures.count("only_theirs", mcnemar.only_second);
                figures.number("mcnemar_p", Some(mcnemar.exact_p));
                figures.number("mcnemar_chi2", Some(mcnemar.chi_square));
                figures.number("mcnemar_chi2_p", Some(mcnemar.chi_square_p));
            }
        }
    }
}
