//! Questions to a file of Annoy by another program, which numbers its items and knows no more of them.

use std::path::Path;

use super::limits::Limits;
use super::results::Group;
use super::towers::{Lazy, Towers};
use super::vectors::{Lengths, Resolved, Space, resolve};
use super::{Asked, Options, Question};
use crate::failure::Failure;
use crate::index::{Annoy, Error, Hit, Metric, Stored, Term};
use crate::progress::Progress;

/// Such a file, and the model that embeds questions for it.
pub(super) struct Numbered {
    annoy: Annoy,
    metric: Metric,
    options: Options,
    towers: Lazy<Towers>,
}

impl Numbered {
    /// Opens a file whose vectors of so many numbers are compared by this metric.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub(super) fn open(path: &Path, dimension: usize, metric: Metric, options: &Options) -> Result<Numbered, Failure> {
        let annoy = Annoy::open(path, dimension, metric).map_err(Error::from)?;
        Ok(Numbered { annoy, metric, options: options.clone(), towers: Lazy::default() })
    }

    /// Makes vectors of questions.
    ///
    /// # Errors
    /// An item does not exist, or a term cannot be made a vector of.
    pub(super) fn prepare(&self, questions: &[Question], progress: &dyn Progress) -> Result<Vec<Resolved>, Failure> {
        let (annoy, name) = (&self.annoy, self.annoy.name());
        let towers = questions
            .iter()
            .any(Question::needs_model)
            .then(|| self.towers.get(|| Towers::for_index(&self.options, &name, None, annoy.dimension())));
        let lengths = if self.metric == Metric::Angular { Lengths::OneOrZero } else { Lengths::Own };
        let space = Space {
            towers: towers.transpose()?,
            index: &name,
            dimension: annoy.dimension(),
            column: &self.options.column,
            made_by: None,
            lengths,
        };
        let stored = |terms: &[&Term]| terms.iter().map(|term| item(annoy, term, lengths)).collect();
        resolve(questions, &space, &stored, progress)
    }

    /// Refuses what only an index of pokedex knows.
    ///
    /// # Errors
    /// Something of that is wanted.
    pub(super) fn suits(&self, limits: &Limits) -> Result<(), Failure> {
        match limits.filter.is_some()
            || limits.explain
            || limits.diverse.is_some()
            || limits.exact
            || limits.order.is_some()
        {
            false => Ok(()),
            true => Err(Failure::usage(
                format!("{}: numbers its items and knows no more of them", self.annoy.name()),
                "--where, --sort, --explain, --diverse and --exact need an index of pokedex",
            )),
        }
    }

    /// Answers questions, in order.
    ///
    /// # Errors
    /// Something is wanted that only an index of pokedex knows, or the file is damaged.
    pub(super) fn answer(&self, ready: &[(Asked, &Resolved)], limits: &Limits) -> Result<Vec<Group>, Failure> {
        self.suits(limits)?;
        let groups = ready.iter().map(|(asked, resolved)| {
            let query = resolved.query();
            let wanted = limits.pool() + query.without.len();
            let candidates = limits.search_k.map(|k| k as usize);
            let found = self.annoy.search(&query.vector, wanted, candidates, None).map_err(Error::from)?;
            let hits = found.into_iter().map(|(item, distance)| Hit {
                row: item.into(),
                key: item.to_string(),
                score: self.metric.score(distance),
                ..Hit::default()
            });
            Ok(limits.group(*asked, hits.filter(|hit| !query.without.contains(&(hit.row as u32))).collect()))
        });
        groups.collect()
    }

    /// That a column is none of the file's.
    pub(super) fn lacks(&self, column: &str) -> Failure {
        let message = format!("{}: numbers its items and has no column `{column}`", self.annoy.name());
        Failure::usage(message, "--columns rank,score,key")
    }
}

/// An item of an Annoy file as a stored row: its number is its key.
fn item(annoy: &Annoy, term: &Term, lengths: Lengths) -> Result<Stored, Failure> {
    let number = match term {
        Term::Id(id) => u32::try_from(*id).ok(),
        Term::Key(key) => key.parse().ok(),
        _ => None,
    };
    let vector = number.and_then(|number| annoy.vector(number));
    let missing = || Error::NoSuchRow { name: annoy.name(), what: format!("{term}: its items are numbers from 0") };
    let mut vector = vector.ok_or_else(missing)?.to_vec();
    lengths.scale(&mut vector);
    Ok(Stored { vector, rows: number.into_iter().collect() })
}
