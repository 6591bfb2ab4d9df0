//! From what was written to vectors that can be compared: words and pictures embedded, stored rows looked up, vectors of
//! files checked, and the weighted sum of them.
//!
//! Hides: which tower a term needs, and how a query of several terms becomes one vector. Promises: stored rows of all
//! questions are looked up in one pass; vectors of two models, or of two lengths, never meet.

use std::collections::HashMap;
use std::path::Path;

use super::Question;
use super::towers::Towers;
use crate::failure::Failure;
use crate::index::{Error, QueryVector, Stored, Term, VectorFile, Weighted};
use crate::matrix::dot;
use crate::model::{Known, TextTower, among_english, correct, is_english, normalise};
use crate::notes;
use crate::progress::Progress;
use crate::species::fold;

/// A query whose terms are vectors.
pub(super) struct Resolved {
    /// The weights, over the length of the weighted sum, and the vectors.
    parts: Vec<(f32, Vec<f32>)>,
    sum: Vec<f32>,
    without: Vec<u32>,
    /// Whether it is words alone.
    pub(super) is_words: bool,
    /// Whether nothing in it is known, so that nothing is found.
    pub(super) is_nothing: bool,
}

impl Resolved {
    /// What an index is asked.
    pub(super) fn query(&self) -> QueryVector {
        QueryVector { vector: self.sum.clone(), without: self.without.clone() }
    }

    /// What each term adds to the score of a row.
    pub(super) fn parts(&self, row: &[f32]) -> Vec<f32> {
        self.parts.iter().map(|(weight, vector)| weight * dot(vector, row) as f32).collect()
    }
}

/// What becomes of the lengths of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lengths {
    /// They are scaled to 1, and a vector that is zero is an error: only directions are compared.
    One,
    /// As before, but a vector that is zero is as far from one as from the other.
    OneOrZero,
    /// They stay as they are: distances or inner products are compared.
    Own,
}

impl Lengths {
    /// Scales a vector; whether it can be compared.
    pub(super) fn scale(self, vector: &mut [f32]) -> bool {
        match self {
            Lengths::One => normalise(vector),
            Lengths::OneOrZero => {
                normalise(vector);
                true
            }
            Lengths::Own => true,
        }
    }
}

/// What is noticed while the terms of a question become vectors.
pub(super) struct Heard<'a> {
    /// Rows that are not to be found again.
    pub(super) without: &'a mut Vec<u32>,
    /// How many terms are words of which nothing is known.
    pub(super) unknown: &'a mut usize,
    /// Whether words are taken as they are.
    pub(super) literal: bool,
}

/// Looks up stored rows.
type Lookup<'a> = dyn Fn(&[&Term]) -> Result<Vec<Stored>, Failure> + 'a;

/// The stored rows of all queries, looked up in one pass.
///
/// # Errors
/// As `look_up`.
pub(super) fn stored_rows(questions: &[Question], look_up: &Lookup) -> Result<HashMap<String, Stored>, Failure> {
    let terms = questions.iter().flat_map(|question| &question.terms).map(|weighted| &weighted.term);
    let terms: Vec<&Term> = terms.filter(|term| matches!(term, Term::Id(_) | Term::Key(_))).collect();
    if terms.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = look_up(&terms)?;
    Ok(terms.iter().map(ToString::to_string).zip(rows).collect())
}

/// The vectors of all queries.
///
/// # Errors
/// A row does not exist, a file or a model cannot be read, or the terms of a query cancel each other out.
pub(super) fn resolve(
    questions: &[Question],
    space: &Space,
    look_up: &Lookup,
    progress: &dyn Progress,
) -> Result<Vec<Resolved>, Failure> {
    let stored = stored_rows(questions, look_up)?;
    let resolved = questions.iter().map(|question| {
        let mut without = Vec::new();
        let mut parts: Vec<(f32, Vec<f32>)> = Vec::new();
        if let Some(vector) = &question.vector {
            parts.push((1.0, space.brought(question, vector)?));
        }
        let mut unknown = 0;
        for Weighted { weight, term } in &question.terms {
            let mut heard = Heard { without: &mut without, unknown: &mut unknown, literal: question.literal };
            parts.push((*weight, space.vector(term, &stored, &mut heard, progress)?));
        }
        let is_words = question.terms.iter().all(|weighted| matches!(weighted.term, Term::Text(_)));
        let (is_words, is_nothing) =
            (is_words && question.vector.is_none(), unknown > 0 && unknown == question.terms.len());
        let mut sum = vec![0.0f32; parts.iter().map(|(_, vector)| vector.len()).max().unwrap_or(0)];
        for (weight, vector) in &parts {
            sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
        }
        let mut length = dot(&sum, &sum).sqrt() as f32;
        if space.lengths == Lengths::Own {
            // Their mean: a single term is searched for as it is.
            length = parts.iter().map(|(weight, _)| weight.abs()).sum();
            sum.iter_mut().for_each(|x| *x /= length);
        }
        if length == 0.0 && space.lengths == Lengths::Own || !space.lengths.scale(&mut sum) {
            return Err(Error::NullQuery.into());
        }
        parts.iter_mut().for_each(|(weight, _)| *weight /= length);
        without.sort_unstable();
        without.dedup();
        Ok(Resolved { parts, sum, without, is_words, is_nothing })
    });
    resolved.collect()
}

/// A text as it was probably meant; says what it takes for a slip.
pub(super) fn read<'a>(text: &str, look_up: impl Fn(&str) -> Known<'a>, progress: &dyn Progress) -> String {
    let (text, changes) = correct(text, look_up);
    for (written, meant) in changes {
        progress.warn(&format!("\"{written}\": not a known word; read as \"{meant}\""));
    }
    text
}

/// What is known of a word: in plain words those of English are no slips.
pub(super) fn looked_up<'a>(tower: &'a TextTower, word: &str, beside: bool, literal: bool) -> Known<'a> {
    match literal {
        true => tower.look_up(word),
        false => among_english(word, tower.look_up(word), beside),
    }
}

/// Says that the best score is one that words without sense get, too.
pub(super) fn say_weak(best: f32, least: f32, progress: &dyn Progress) {
    progress
        .warn(&format!("nothing is much like this: the best score is {best:.2}, and words without sense get {least}"));
}

/// A text without words of which nothing is known and that are not English, all of which are named; nothing where no word
/// is known, which is said.
pub(super) fn known_words(text: &str, is_known: &dyn Fn(&str) -> bool, progress: &dyn Progress) -> Option<String> {
    let words: Vec<&str> =
        text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|word| !word.is_empty()).collect();
    let unknown: Vec<&str> = words.iter().filter(|word| !is_known(&fold(word))).copied().collect();
    if unknown.is_empty() && !words.is_empty() {
        return Some(text.into());
    }
    let named = named(&unknown);
    if unknown.len() == words.len() {
        let what = if words.is_empty() { format!("\"{}\"", text.trim()) } else { named };
        progress.warn(&format!("{what}: nothing of this is known"));
        return None;
    }
    progress.warn(&format!("{named}: not {}", if unknown.len() == 1 { "a known word" } else { "known words" }));
    // Parts of English words say a little all the same.
    let stays = |word: &&str| !unknown.contains(word) || is_english(&word.to_lowercase());
    Some(words.into_iter().filter(stays).collect::<Vec<_>>().join(" "))
}

/// The first words of some, in quotes, none of them longer than a line.
fn named(words: &[&str]) -> String {
    const MOST: usize = 8;
    let short = |word: &&str| match word.char_indices().nth(40) {
        Some((end, _)) => format!("\"{}…\"", &word[..end]),
        None => format!("\"{word}\""),
    };
    let mut named: Vec<String> = words.iter().take(MOST).map(short).collect();
    if words.len() > MOST {
        named.push(format!("and {} more", words.len() - MOST));
    }
    named.join(", ")
}

/// The vectors that are searched, and how others are made that can be compared with them.
pub(super) struct Space<'a> {
    /// What embeds words and pictures, if a question has any.
    pub(super) towers: Option<&'a Towers>,
    /// What is searched, for messages, and the numbers of its vectors.
    pub(super) index: &'a str,
    pub(super) dimension: usize,
    /// The column of vectors in tables.
    pub(super) column: &'a str,
    /// The model that made what is searched, which vectors in files must be of too.
    pub(super) made_by: Option<&'a str>,
    pub(super) lengths: Lengths,
}

impl Space<'_> {
    /// The vector of a term; of stored rows their numbers, too, which are not to be found again.
    ///
    /// # Errors
    /// A file or a model cannot be read, or its vector cannot be compared.
    pub(super) fn vector(
        &self,
        term: &Term,
        stored: &HashMap<String, Stored>,
        heard: &mut Heard,
        progress: &dyn Progress,
    ) -> Result<Vec<f32>, Failure> {
        match term {
            Term::Text(text) => {
                let tower = self.towers().text()?;
                let beside = text.contains(char::is_whitespace);
                let look_up = |word: &str| looked_up(tower, word, beside, heard.literal);
                let mut text = read(text, look_up, progress);
                if tower.knows_words() && !heard.literal {
                    let is_known = |word: &str| tower.look_up(word) == Known::Whole;
                    match known_words(&text, &is_known, progress) {
                        Some(known) => text = known,
                        None => *heard.unknown += 1,
                    }
                }
                Ok(tower.embed(&text)?)
            }
            Term::Image(path) => self.image(path),
            Term::Id(_) | Term::Key(_) => {
                let stored = &stored[&term.to_string()];
                heard.without.extend(&stored.rows);
                Ok(stored.vector.clone())
            }
            Term::Vector(path) => {
                let file = VectorFile::open(path, self.column)?;
                self.same_model(&path.display().to_string(), file.model.as_deref())?;
                let count = file.rows.len();
                let one = file.rows.into_iter().next().filter(|_| count == 1);
                let (_, vector) = one.ok_or_else(|| {
                    let hint = format!("--queries {} asks for each of them", path.display());
                    Failure::usage(format!("{}: holds {count} vectors, and a term is one", path.display()), hint)
                })?;
                self.checked(&path.display().to_string(), vector)
            }
        }
    }

    /// The vector of a question that brings one.
    ///
    /// # Errors
    /// It cannot be compared.
    pub(super) fn brought(&self, question: &Question, vector: &[f32]) -> Result<Vec<f32>, Failure> {
        let name = format!("query {}", question.text);
        self.same_model(&name, question.model.as_deref())?;
        self.checked(&name, vector.to_vec())
    }

    fn same_model(&self, name: &str, model: Option<&str>) -> Result<(), Failure> {
        match (self.made_by, model) {
            (Some(first), Some(other)) if first != other => {
                let (name, first, other) = (format!("{name} and {}", self.index), first.to_string(), other.to_string());
                Err(Error::TwoModels { name, first, other }.into())
            }
            _ => Ok(()),
        }
    }

    /// A vector from a file, scaled, if it can be compared with the index's.
    fn checked(&self, name: &str, mut vector: Vec<f32>) -> Result<Vec<f32>, Failure> {
        if vector.len() != self.dimension {
            let (index, query, dimension) = (self.dimension, name.to_string(), vector.len());
            return Err(Error::OtherDimension { name: self.index.to_string(), index, query, dimension }.into());
        }
        match vector.iter().all(|x| x.is_finite()) && self.lengths.scale(&mut vector) {
            true => Ok(vector),
            false => {
                Err(Failure::failed(format!("{name}: the vector is zero or holds a number that is not finite"), None))
            }
        }
    }

    fn towers(&self) -> &Towers {
        self.towers.expect("a query with words or pictures has a model")
    }

    fn image(&self, path: &Path) -> Result<Vec<f32>, Failure> {
        let name = crate::io::escape_bytes(path.as_os_str().as_encoded_bytes());
        self.towers().image()?;
        let bytes =
            crate::io::read_image(&name).map_err(|source| crate::io::Error::Read { path: path.into(), source })?;
        let hint =
            "words that begin with a slash or a dot are taken for pictures; leave it out to search for the words";
        let (vector, flaw) = self.towers().see(&path.display().to_string(), &bytes, Some(hint))?;
        if let Some(flaw) = flaw {
            notes::say(&name, format!("{name}: {flaw}"));
        }
        Ok(vector)
    }
}
