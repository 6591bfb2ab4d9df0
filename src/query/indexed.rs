//! Questions to an index: a table of vectors, and what lies beside it to make searching quicker.

use std::time::Instant;

use arrow_array::RecordBatch;

use super::limits::Limits;
use super::results::Group;
use super::towers::{Lazy, Towers};
use super::vectors::{Lengths, Resolved, Space, resolve, say_weak};
use super::{Asked, By, Options, Question, worded};
use crate::failure::Failure;
use crate::index::{Hit, Index, QueryVector, Reach, Search, Text};
use crate::model::Model;
use crate::page::WEAK_ROWS;
use crate::progress::Progress;
use crate::words::rows as counted;

/// An index, and the model that embeds questions for it.
pub(super) struct Indexed {
    index: Index,
    options: Options,
    /// The model that made it, and the length of its vectors.
    made: Lazy<(Option<String>, usize)>,
    towers: Lazy<Towers>,
    /// The columns in which words are looked for.
    texts: Lazy<Option<Vec<String>>>,
}

impl Indexed {
    pub(super) fn of(index: Index, options: &Options) -> Indexed {
        Indexed {
            index,
            options: options.clone(),
            made: Lazy::default(),
            towers: Lazy::default(),
            texts: Lazy::default(),
        }
    }

    /// Whether words alone are looked for, for which nothing is embedded.
    pub(super) fn is_by_words(&self) -> bool {
        self.options.by == By::Words
    }

    /// Makes vectors of questions; stored rows of all are looked up in one pass over the table.
    ///
    /// # Errors
    /// The table cannot be read or has no vectors, or they are of another model than that of the questions.
    pub(super) fn prepare(&self, questions: &[Question], progress: &dyn Progress) -> Result<Vec<Resolved>, Failure> {
        let index = &self.index;
        let (made_by, dimension) = self.made()?;
        let towers = questions.iter().any(Question::needs_model).then(|| self.towers());
        let space = Space {
            towers: towers.transpose()?,
            index: index.name(),
            dimension,
            column: &self.options.column,
            made_by,
            lengths: Lengths::One,
        };
        resolve(questions, &space, &|terms| Ok(index.stored(terms)?), progress)
    }

    /// Answers questions, in order and in one pass over the table.
    ///
    /// # Errors
    /// The table cannot be read, or the condition does not suit it.
    pub(super) fn answer(
        &self,
        ready: &[(Asked, &Resolved)],
        limits: &Limits,
        progress: &dyn Progress,
    ) -> Result<Vec<Group>, Failure> {
        let (index, filter) = (&self.index, limits.filter.as_ref());
        let (made_by, _) = self.made()?;
        let search = Search {
            top: limits.pool(),
            filter,
            exact: limits.exact,
            effort: limits.beam.or(limits.search_k).map(|n| n as usize),
            vectors: limits.explain || limits.diverse.is_some(),
        };
        let queries: Vec<QueryVector> = ready.iter().map(|(_, resolved)| resolved.query()).collect();
        let start = Instant::now();
        let found = index.search(&queries, made_by, &search)?;
        let (count, s) = (queries.len(), if queries.len() == 1 { "y" } else { "ies" });
        progress.note(&format!("query: {count} quer{s} in {:.4} s", start.elapsed().as_secs_f64()));
        if let Some(unfit) = found.unfit.message() {
            progress.warn(&format!("{}: {unfit}", index.name()));
        }
        let mut hits = found.hits;
        let texts = self.texts(ready, limits)?;
        let own = made_by == Some(Model::builtin().id().to_string().as_str());
        for (at, ((_, resolved), hits)) in ready.iter().zip(&mut hits).enumerate() {
            if resolved.is_nothing {
                hits.clear();
            }
            let best = hits.first().map_or(1.0, |hit| hit.score);
            let nothing_is_written = texts.as_ref().is_none_or(|texts| texts[at].is_empty());
            if own && resolved.is_words && limits.offset == 0 && best < WEAK_ROWS && nothing_is_written {
                say_weak(best, WEAK_ROWS, progress);
            }
        }
        if let Some(texts) = texts {
            let both = hits.into_iter().zip(texts);
            hits = both
                .map(|(hits, texts)| worded::fused(index, hits, texts, limits.pool()))
                .collect::<Result<_, Failure>>()?;
        }
        if hits.iter().all(Vec::is_empty) && !ready.iter().any(|(_, resolved)| resolved.is_nothing) {
            let which = if filter.is_some() { "no other row for which the condition holds" } else { "no other row" };
            let of = index.rows()?.map(|count| format!(" (of {})", counted(count))).unwrap_or_default();
            progress.warn(&format!("{}: has {which}{of}", index.name()));
        }
        let groups = ready.iter().zip(hits).map(|((asked, resolved), mut hits)| {
            if limits.explain {
                let seen = hits.iter_mut().filter(|hit| !hit.vector.is_empty());
                seen.for_each(|hit| hit.parts = resolved.parts(&hit.vector));
            }
            self.group(*asked, hits, limits)
        });
        groups.collect()
    }

    /// Answers questions by the words in texts alone.
    ///
    /// # Errors
    /// A question is of something else than words, there are no texts, or the table cannot be read.
    pub(super) fn answer_by_words(
        &self,
        questions: &[Asked],
        limits: &Limits,
        progress: &dyn Progress,
    ) -> Result<Vec<Group>, Failure> {
        questions.iter().try_for_each(|asked| worded::ensure_words(*asked))?;
        if limits.diverse.is_some() {
            return Err(Failure::usage(
                "--diverse: compares looks, and --by words looks at none",
                "leave one of them out",
            ));
        }
        let columns = self.texts.get(|| worded::columns_of(&self.index, &self.options))?;
        let columns = columns.as_deref().unwrap_or_default();
        let found = worded::by_words(&self.index, questions, columns, Reach::Any, limits)?;
        let groups = questions.iter().zip(found).map(|(asked, texts)| {
            if texts.is_empty() {
                progress.warn(&format!("{}: no text has a word of this: {}", self.index.name(), asked.0));
            }
            self.group(*asked, worded::hits(&self.index, texts)?, limits)
        });
        groups.collect()
    }

    /// What questions find by words beside what they find by looks; `None` where that is not asked for.
    fn texts(&self, ready: &[(Asked, &Resolved)], limits: &Limits) -> Result<Option<Vec<Vec<Text>>>, Failure> {
        // Who wants rows that differ in their looks gets them by looks.
        if limits.diverse.is_some() {
            return Ok(None);
        }
        let columns = self.texts.get(|| worded::columns_of(&self.index, &self.options))?;
        let Some(columns) = columns else { return Ok(None) };
        let questions: Vec<Asked> = ready.iter().map(|(asked, _)| *asked).collect();
        worded::by_words(&self.index, &questions, columns, Reach::All, limits).map(Some)
    }

    /// Of what was found, in the order that is asked for, what is to be shown.
    fn group(&self, asked: Asked, mut hits: Vec<Hit>, limits: &Limits) -> Result<Group, Failure> {
        if let Some(order) = &limits.order {
            let rows: Vec<u64> = hits.iter().map(|hit| hit.row).collect();
            let places = order.places(self.index.cells(std::slice::from_ref(&order.column), &rows)?.column(0))?;
            let mut placed: Vec<(u32, Hit)> = places.into_iter().zip(hits).collect();
            placed.sort_by_key(|(place, _)| *place);
            hits = placed.into_iter().map(|(_, hit)| hit).collect();
        }
        Ok(limits.group(asked, hits))
    }

    /// All rows for which the condition holds, in the order that is asked for; they score 1.
    ///
    /// # Errors
    /// The table cannot be read, or has no such column.
    pub(super) fn list(&self, limits: &Limits, progress: &dyn Progress) -> Result<Group, Failure> {
        let index = &self.index;
        let passing = limits.filter.as_ref().map(|filter| index.passing(filter)).transpose()?;
        let count = match &passing {
            Some(passing) => passing.len() as u64,
            None => index.count()?,
        };
        let mut rows: Vec<u64> =
            (0..count).filter(|&row| passing.as_ref().is_none_or(|passing| passing.value(row as usize))).collect();
        if rows.is_empty() {
            progress.warn(&format!(
                "{}: has no row for which the condition holds (of {})",
                index.name(),
                counted(count)
            ));
        }
        if let Some(order) = &limits.order {
            let places = order.places(index.columns_of_all(&[order.column.as_str()])?.column(0))?;
            rows.sort_by_key(|&row| (places[row as usize], row));
        }
        rows.truncate(limits.pool());
        let hits = index.hits(&rows)?.into_iter().map(|hit| Hit { score: 1.0, ..hit }).collect();
        Ok(limits.group(("", &[]), hits))
    }

    /// The model that made the vectors, where it is known, and their length.
    ///
    /// # Errors
    /// The table cannot be read or has no vectors.
    pub(super) fn made(&self) -> Result<(Option<&str>, usize), Failure> {
        let (made_by, dimension) = self.made.get(|| self.index.model())?;
        Ok((made_by.as_deref(), *dimension))
    }

    /// What embeds questions.
    ///
    /// # Errors
    /// The model is not known or not here.
    pub(super) fn towers(&self) -> Result<&Towers, Failure> {
        let (made_by, dimension) = self.made()?;
        self.towers.get(|| Towers::for_index(&self.options, self.index.name(), made_by, dimension))
    }

    /// What is searched.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// The cells of these columns in rows of these numbers.
    ///
    /// # Errors
    /// There is no such column, or the table cannot be read.
    pub(super) fn cells(&self, columns: &[String], rows: &[u64]) -> Result<RecordBatch, Failure> {
        Ok(self.index.cells(columns, rows)?)
    }
}
