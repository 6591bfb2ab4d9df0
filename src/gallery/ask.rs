//! Questions from outside, and their answers.
//!
//! Promises: a question that names a file of this machine is refused; what is noticed while one is read belongs to its answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ndarray::ArrayView1;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::rows::Cells;
use super::shown::Discreet;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::image::Flaw;
use crate::index::{Hit, Term, Weighted, parse_line};
use crate::matrix::dot;
use crate::output::format::number;
use crate::page::{WEAK_ROWS, WEAK_SPECIES};
use crate::progress::Progress;
use crate::query::{Group, Limits, Question, Ready, Session};

/// What somebody asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Words and stored rows, as in one line of `query --queries`; files are refused.
    pub q: Option<String>,
    /// A picture, as its file's bytes.
    pub picture: Option<Vec<u8>>,
    /// A vector of the index's model.
    pub vector: Option<Vec<f32>>,
    /// The number of a row, which itself is not found.
    pub row: Option<u64>,
    /// Whether words are only words, and no conditions in plain speech.
    pub literal: bool,
    /// Only rows for which this holds are found, in SQL.
    pub condition: Option<String>,
    /// How many rows.
    pub top: u32,
    /// How many of the best are left out.
    pub offset: u32,
    /// Rows with a lower score are left out.
    pub min_score: Option<f32>,
    /// Rows much like those before them are avoided: 0 not at all, 1 whatever their score.
    pub diverse: Option<f32>,
    /// Each hit says what the terms add to its score.
    pub explain: bool,
    /// Of hits whose vectors have a cosine above this, and of chains of such, only the best is wanted.
    pub apart: Option<f32>,
}

impl Default for Ask {
    /// The ten best, of nothing yet.
    fn default() -> Ask {
        Ask {
            q: None,
            picture: None,
            vector: None,
            row: None,
            literal: false,
            condition: None,
            top: 10,
            offset: 0,
            min_score: None,
            diverse: None,
            explain: false,
            apart: None,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// The question, as it was understood to be written.
    pub query: String,
    /// What was noticed while it was read: words that were taken for others, a picture that ends early.
    pub notes: Vec<String>,
    /// Whether nothing is really like what was asked for.
    pub weak: bool,
    /// What is nearest, best first: `rank`, `score`, `row`, the cells of the row, and `parts` where they were asked for.
    pub hits: Vec<Map<String, Value>>,
    /// How long the steps took.
    #[serde(skip)]
    pub took: Took,
}

/// How long the steps of an answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Took {
    /// Words and pictures became vectors.
    pub read: Duration,
    /// Near rows were found, waiting for others included.
    pub search: Duration,
    /// Cells of rows were read.
    pub rows: Duration,
}

/// A question that was read.
pub(super) struct Asked {
    pub(super) ready: Ready,
    pub(super) limits: Limits,
    /// The condition as it was written.
    condition: Option<String>,
    notes: Vec<String>,
    /// Whether it is made of words only.
    words: bool,
    explain: bool,
    weak_below: Option<f32>,
}

impl Asked {
    /// Whether another question wants as many rows under the same condition.
    pub(super) fn wants_alike(&self, other: &Asked) -> bool {
        let wants = |asked: &Asked| {
            let Limits { top, offset, min_score, diverse, explain, .. } = asked.limits;
            (top, offset, min_score.map(f32::to_bits), diverse.map(f32::to_bits), explain)
        };
        self.condition == other.condition && wants(self) == wants(other)
    }
}

/// Terms of a question: each may cost a look through a tower of the model.
const MOST_TERMS: usize = 100;
/// What is said of a hit; cells of columns that are named so are told by [`Gallery::row`](super::Gallery::row).
const OWN: [&str; 3] = ["rank", "score", "parts"];

/// What is said while a question is read.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn warn(&self, message: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message.into());
    }
}

/// Reads a question, whose picture was seen.
///
/// # Errors
/// It is none, names a file, or the index cannot be asked so.
pub(super) fn read(
    session: &Session,
    cells: &Cells,
    ask: &Ask,
    seen: Option<(Vec<f32>, Option<Flaw>)>,
) -> Result<Asked, Failure> {
    let heard = Heard::default();
    let mut parts: Vec<String> = Vec::new();
    let mut terms: Vec<Weighted> = Vec::new();
    if let Some(q) = ask.q.as_deref().filter(|q| !q.trim().is_empty()) {
        terms = parse_line(q)?;
        refuse_files(&terms)?;
        if terms.len() > MOST_TERMS {
            let message = format!("{} terms are more than the {MOST_TERMS} that are answered at once", terms.len());
            return Err(Failure::usage(message, "ask for fewer"));
        }
        parts.push(q.trim().into());
    }
    if let Some(row) = ask.row {
        let key = cells.names(row)?.key;
        parts.push(format!("key:{key}"));
        terms.push(Weighted { weight: 1.0, term: Term::Key(key) });
    }
    let mut vector = None;
    if let Some((seen, flaw)) = seen {
        if let Some(flaw) = flaw {
            heard.warn(&format!("the picture: {flaw}"));
        }
        parts.push("the picture".into());
        vector = Some(seen);
    }
    if let Some(own) = &ask.vector {
        if vector.is_some() {
            return Err(Failure::usage("a picture and a vector: one of them is asked for", "leave the vector out"));
        }
        parts.push("the vector".into());
        vector = Some(own.clone());
    }
    let words = vector.is_none() && terms.iter().all(|weighted| matches!(weighted.term, Term::Text(_)));
    let text = parts.join(" + ");
    let question = match vector {
        Some(vector) => Question { text, terms, ..Question::of_vector("", ArrayView1::from(&vector)) },
        None if terms.is_empty() => {
            return Err(Failure::usage("nothing is asked for", "q=fire+dog, a picture, a row or a vector"));
        }
        None => Question { text, terms, vector: None, model: None, literal: ask.literal },
    };
    let limits = Limits {
        top: ask.top,
        offset: ask.offset,
        min_score: ask.min_score,
        diverse: ask.diverse,
        filter: ask.condition.as_deref().filter(|text| !text.trim().is_empty()).map(Filter::parse).transpose()?,
        // Hits that explain themselves bring their vectors.
        explain: ask.explain || ask.apart.is_some(),
        ..Limits::default()
    };
    let ready = session.prepare(std::slice::from_ref(&question), &heard)?.pop().expect("one question was made ready");
    let own = session.made_by()?.is_some_and(|id| id == crate::model::Model::builtin().id().to_string());
    let weak = if session.is_pokedex() { WEAK_SPECIES } else { WEAK_ROWS };
    Ok(Asked {
        ready,
        limits,
        condition: ask.condition.clone(),
        notes: heard.0.into_inner().unwrap_or_else(PoisonError::into_inner),
        words,
        explain: ask.explain,
        weak_below: own.then_some(weak),
    })
}

/// Whoever asks from outside has no files here.
fn refuse_files(terms: &[Weighted]) -> Result<(), Failure> {
    let file = terms.iter().find(|weighted| matches!(weighted.term, Term::Image(_) | Term::Vector(_)));
    match file {
        None => Ok(()),
        Some(Weighted { term, .. }) => Err(Failure::usage(
            format!("{term}: files of this machine cannot be asked by"),
            "send the picture itself; terms are words, id:25 and key:NAME, joined by + or -",
        )),
    }
}

/// Leaves out hits that are like a better one, or connected to it by others that are alike.
pub(super) fn keep_apart(hits: &mut Vec<Hit>, limit: f32) {
    let mut group: Vec<usize> = (0..hits.len()).collect();
    for at in 0..hits.len() {
        if group[at] != at {
            continue;
        }
        let mut reached = vec![at];
        while let Some(one) = reached.pop() {
            for other in at + 1..hits.len() {
                if group[other] == other && dot(&hits[one].vector, &hits[other].vector) as f32 > limit {
                    group[other] = at;
                    reached.push(other);
                }
            }
        }
    }
    let mut place = 0..;
    hits.retain(|_| place.next().is_some_and(|at| group[at] == at));
}

/// The answer of a group of hits, whose cells are these.
pub(super) fn answer(group: Group, cells: Vec<Map<String, Value>>, asked: &Asked, discreet: &Discreet) -> Answer {
    let best = group.hits.first().map(|hit| hit.score);
    let weak = match best {
        None => true,
        Some(score) => asked.words && asked.limits.offset == 0 && asked.weak_below.is_some_and(|least| score < least),
    };
    let hits = (group.first_rank..).zip(&group.hits).zip(cells).map(|((rank, hit), cells)| {
        let mut all = Map::new();
        all.insert("rank".into(), rank.into());
        all.insert("score".into(), number(hit.score));
        all.extend(cells.into_iter().filter(|(name, _)| !OWN.contains(&name.as_str())));
        if asked.explain {
            let parts = group.terms.iter().zip(&hit.parts).map(|(weighted, adds)| {
                json!({ "term": weighted.term.to_string(), "weight": number(weighted.weight), "adds": number(*adds) })
            });
            all.insert("parts".into(), parts.collect());
        }
        all
    });
    let hits = hits.collect();
    let notes = asked.notes.iter().map(|note| discreet.text(note)).collect();
    Answer { query: group.query, notes, weak, hits, took: Took::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_hits_that_are_alike_the_best_stays() {
        let hit = |row, angle: f32| Hit { row, vector: vec![angle.cos(), angle.sin()], ..Hit::default() };
        // A chain: the first is like the third, the third like the fifth, the second like none.
        let mut hits = vec![hit(0, 0.0), hit(1, 1.5), hit(2, 0.3), hit(3, 3.0), hit(4, 0.6)];
        keep_apart(&mut hits, 0.94);
        assert_eq!(hits.iter().map(|hit| hit.row).collect::<Vec<_>>(), [0, 1, 3]);
    }
}
