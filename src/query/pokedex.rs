//! Questions to the built-in Pokédex: plain words are read, and what stays words is looked for in vectors, facts and names at
//! once.

use std::collections::HashMap;

use arrow_buffer::BooleanBuffer;

use super::limits::Limits;
use super::results::Group;
use super::towers::{Lazy, Towers};
use super::vectors::{Heard, Lengths, Space, known_words, looked_up, read, say_weak, stored_rows};
use super::{Asked, Forms, Options, Question};
use crate::failure::Failure;
use crate::filter::Filter;
use crate::index::{Among, Error, Order, Part, Pokedex, Stored, Term, Weighted};
use crate::model::{Known, Model, among_english};
use crate::page::WEAK_SPECIES;
use crate::progress::Progress;
use crate::reading::{self, Reading};
use crate::species;

/// What is compared with the species: the weighted parts of a question, and which rows may be found.
pub(super) struct Sought {
    parts: Vec<(f32, Part)>,
    without: Vec<u32>,
    /// Whether other forms are rows, too.
    forms: bool,
    /// For each row whether the question itself allows it.
    only: Option<BooleanBuffer>,
    order: Option<Order>,
    read_as: Option<String>,
    /// Whether nothing in it is known, so that nothing is found.
    is_nothing: bool,
    /// Whether it is words alone.
    is_words: bool,
    /// Whether its words are several.
    beside: bool,
    /// Whether its words are taken as they are.
    literal: bool,
}

/// The built-in Pokédex and the model that made it.
pub(super) struct BuiltIn {
    species: Lazy<Pokedex>,
    with_forms: Lazy<Pokedex>,
    towers: Towers,
    /// The column of vectors in tables that questions bring.
    column: String,
    forms: Forms,
}

impl BuiltIn {
    /// Opens it.
    ///
    /// # Errors
    /// Another model is asked for.
    pub(super) fn open(options: &Options) -> Result<BuiltIn, Failure> {
        let model = Model::builtin();
        if let Some(name) = options.model.as_ref().filter(|name| *name != "unknown") {
            let other = Model::find(name, options.engine)?.id().to_string();
            if other != model.id().to_string() {
                let (name, index) = (Pokedex::NAME.into(), model.id().to_string());
                return Err(Error::OtherModel { name, index, query: other }.into());
            }
        }
        Ok(BuiltIn {
            species: Lazy::default(),
            with_forms: Lazy::default(),
            towers: Towers::of(model),
            column: options.column.clone(),
            forms: options.forms,
        })
    }

    fn rows(&self, forms: bool) -> Result<&Pokedex, Failure> {
        let rows = if forms { &self.with_forms } else { &self.species };
        rows.get(|| Ok(Pokedex::open(forms)?))
    }

    /// That a condition is one of the table's.
    ///
    /// # Errors
    /// It does not suit the table.
    pub(super) fn suits(limits: &Limits) -> Result<(), Failure> {
        limits.filter.as_ref().map(|filter| Pokedex::passing(filter, false)).transpose()?;
        Ok(())
    }

    /// For which rows a condition holds, where there is one.
    fn passing(
        filter: Option<&Filter>,
        forms: bool,
        progress: &dyn Progress,
    ) -> Result<Option<BooleanBuffer>, Failure> {
        let passing = filter.map(|filter| Pokedex::passing(filter, forms)).transpose()?;
        if let Some(passing) = passing.as_ref().filter(|passing| passing.count_set_bits() == 0) {
            let rows = passing.len();
            progress.warn(&format!("{}: the condition holds for none of its {rows} rows", Pokedex::NAME));
        }
        Ok(passing)
    }

    /// Makes of each question what is compared with the species.
    ///
    /// # Errors
    /// A term cannot be made a vector of, or the terms of a question cancel each other out.
    pub(super) fn prepare(&self, questions: &[Question], progress: &dyn Progress) -> Result<Vec<Sought>, Failure> {
        let (id, dimension) = (self.towers.model().id().to_string(), self.towers.model().dimension());
        let space = Space {
            towers: Some(&self.towers),
            index: Pokedex::NAME,
            dimension,
            column: &self.column,
            made_by: Some(&id),
            lengths: Lengths::One,
        };
        let mut read: Vec<(Question, Option<Reading>)> = Vec::new();
        for question in questions {
            read.push(self.read(question, progress)?);
        }
        let asked: Vec<Question> = read.iter().map(|(question, _)| question.clone()).collect();
        let stored = stored_rows(&asked, &|terms| Ok(Pokedex::stored(terms)?))?;
        let sought =
            read.iter().map(|(question, reading)| self.sought(question, reading.as_ref(), &space, &stored, progress));
        sought.collect()
    }

    /// A question as it is asked once its plain words are read, and what they were read as.
    ///
    /// # Errors
    /// The text tower cannot be loaded.
    fn read(&self, question: &Question, progress: &dyn Progress) -> Result<(Question, Option<Reading>), Failure> {
        let is_text = |weighted: &Weighted| matches!(weighted.term, Term::Text(_));
        if question.literal || question.vector.is_some() || !question.terms.iter().any(is_text) {
            return Ok((question.clone(), None));
        }
        let tower = self.towers.text()?;
        let look_up = |word: &str| among_english(word, tower.look_up(word), false);
        let [Weighted { weight: 1.0, term: Term::Text(text) }] = &question.terms[..] else {
            // Of terms that are joined only names are read.
            let terms = question.terms.iter().map(|weighted| match &weighted.term {
                Term::Text(text) => match reading::read(text, &look_up).filter(Reading::is_words) {
                    Some(reading) => {
                        progress.warn(&format!("{text}: read as {}", reading.words));
                        Weighted { weight: weighted.weight, term: Term::Text(reading.words) }
                    }
                    None => weighted.clone(),
                },
                _ => weighted.clone(),
            });
            return Ok((Question { terms: terms.collect(), ..question.clone() }, None));
        };
        let reading = reading::read(text, &look_up).filter(|reading| !reading.forms || self.forms != Forms::Never);
        let Some(reading) = reading else { return Ok((question.clone(), None)) };
        let words = (!reading.words.is_empty()).then(|| Term::Text(reading.words.clone()));
        let like = reading.like.clone().map(Term::Key);
        let without =
            (!reading.without.is_empty()).then(|| Weighted { weight: -1.0, term: Term::Text(reading.without.clone()) });
        let terms = words.into_iter().chain(like).map(|term| Weighted { weight: 1.0, term }).chain(without).collect();
        if reading.to_string() != *text {
            progress.warn(&format!("read as: {reading}"));
        }
        Ok((Question { terms, ..question.clone() }, Some(reading)))
    }

    /// What is compared with the rows for a question that was read.
    fn sought(
        &self,
        question: &Question,
        reading: Option<&Reading>,
        space: &Space,
        stored: &HashMap<String, Stored>,
        progress: &dyn Progress,
    ) -> Result<Sought, Failure> {
        let named: &[&str] = match (reading, self.forms) {
            (Some(reading), Forms::WhenNamed) => &reading.named,
            _ => &[],
        };
        let all = self.forms == Forms::All || reading.is_some_and(|reading| reading.forms);
        let forms = all || !named.is_empty();
        let condition = reading.and_then(Reading::condition).map(|text| Filter::parse(&text)).transpose()?;
        let mut only = Self::passing(condition.as_ref(), forms, progress)?;
        if forms && !all {
            let wanted = Pokedex::passing(&Filter::parse(&reading::keys_are(named))?, true)?;
            let own =
                BooleanBuffer::collect_bool(wanted.len(), |row| row < species::COUNT as usize || wanted.value(row));
            only = Some(only.map_or(own.clone(), |only| &only & &own));
        }
        let mut without = Vec::new();
        let words = question.terms.iter().all(|weighted| matches!(weighted.term, Term::Text(_)));
        let is_words = words && question.vector.is_none() && !question.is_nothing();
        let parts = self.parts(question, self.rows(forms)?, space, stored, &mut without, progress)?;
        Ok(Sought {
            without,
            forms,
            only,
            order: reading.and_then(|reading| reading.order.clone()),
            read_as: reading.map(ToString::to_string).filter(|text| *text != question.text),
            is_nothing: parts.is_empty() && !question.is_nothing() && condition.is_none(),
            is_words,
            beside: question.text.contains(char::is_whitespace),
            literal: question.literal,
            parts,
        })
    }

    /// Answers questions, of the rows that pass.
    ///
    /// # Errors
    /// The condition or the order does not suit the table.
    pub(super) fn answer(
        &self,
        questions: &[(Asked, &Sought)],
        limits: &Limits,
        progress: &dyn Progress,
    ) -> Result<Vec<Group>, Failure> {
        // The condition that all share is looked at once for the species, and once with other forms.
        let mut passing = [const { None }; 2];
        let groups = questions.iter().map(|(asked, sought)| {
            let passing: &mut Option<Option<BooleanBuffer>> = &mut passing[usize::from(sought.forms)];
            if passing.is_none() {
                *passing = Some(Self::passing(limits.filter.as_ref(), sought.forms, progress)?);
            }
            self.answer_one(*asked, sought, passing.as_ref().and_then(Option::as_ref), limits, progress)
        });
        groups.collect()
    }

    fn answer_one(
        &self,
        asked: Asked,
        sought: &Sought,
        passing: Option<&BooleanBuffer>,
        limits: &Limits,
        progress: &dyn Progress,
    ) -> Result<Group, Failure> {
        if sought.is_nothing {
            return Ok(limits.group(asked, Vec::new()));
        }
        let look_up = |word: &str| match (self.towers.loaded_text(), self.rows(sought.forms)) {
            (Some(tower), Ok(rows)) => rows.look_up(word, looked_up(tower, word, sought.beside, sought.literal)),
            _ => Known::No,
        };
        let order = limits.order.as_ref().or(sought.order.as_ref());
        let places = order.map(|order| Pokedex::places(order, sought.forms)).transpose()?;
        let among =
            Among { passing: [passing, sought.only.as_ref()], places: places.as_deref(), without: &sought.without };
        let mut hits = self.rows(sought.forms)?.search(&sought.parts, &among, limits.pool(), &look_up);
        if let Some(best) = hits.first().filter(|hit| sought.is_words && hit.score < WEAK_SPECIES && limits.offset == 0)
        {
            say_weak(best.score, WEAK_SPECIES, progress);
        }
        if let Some(places) = &places {
            hits.sort_by_key(|hit| places[hit.row as usize]);
        }
        Ok(Group { read_as: sought.read_as.clone(), ..limits.group(asked, hits) })
    }

    /// What embeds questions.
    pub(super) fn towers(&self) -> &Towers {
        &self.towers
    }

    /// The weighted parts of a question, without words of which nothing is known; `without` takes the rows that are not to be
    /// found again.
    fn parts(
        &self,
        question: &Question,
        rows: &Pokedex,
        space: &Space,
        stored: &HashMap<String, Stored>,
        without: &mut Vec<u32>,
        progress: &dyn Progress,
    ) -> Result<Vec<(f32, Part)>, Failure> {
        let mut parts = Vec::new();
        if let Some(vector) = &question.vector {
            parts.push((1.0, Part::Vector(space.brought(question, vector)?)));
        }
        for weighted in &question.terms {
            let part = match &weighted.term {
                Term::Text(text) => {
                    let tower = self.towers.text()?;
                    let beside = text.contains(char::is_whitespace);
                    let look_up = |word: &str| rows.look_up(word, looked_up(tower, word, beside, question.literal));
                    let text = match rows.names(text, &look_up) {
                        true => text.clone(),
                        false => {
                            let text = read(text, look_up, progress);
                            let is_known = |word: &str| tower.look_up(word) == Known::Whole || rows.knows(word);
                            match question.literal {
                                true => text,
                                false => match known_words(&text, &is_known, progress) {
                                    Some(text) => text,
                                    None => continue,
                                },
                            }
                        }
                    };
                    let vector = tower.embed(&text)?;
                    Part::Text(text, vector)
                }
                other => {
                    let mut heard = Heard { without, unknown: &mut 0, literal: question.literal };
                    Part::Vector(space.vector(other, stored, &mut heard, progress)?)
                }
            };
            parts.push((weighted.weight, part));
        }
        let mut weights: HashMap<String, f32> = HashMap::new();
        for weighted in &question.terms {
            *weights.entry(weighted.term.to_string()).or_default() += weighted.weight;
        }
        match !weights.is_empty() && question.vector.is_none() && weights.values().all(|weight| *weight == 0.0) {
            true => Err(Error::NullQuery.into()),
            false => Ok(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn a_tower_is_loaded_when_a_question_needs_it() {
        let pokedex = BuiltIn::open(&Options::default()).expect("the built-in Pokédex");
        let ask = |text: &str| {
            let question = Question::of(&[text]).expect("a question");
            pokedex.prepare(&[question], &Silent).expect("an answer");
            pokedex.towers.loaded()
        };
        assert_eq!(ask("id:25"), [false, false]);
        assert_eq!(ask("fire dog"), [true, false]);
    }
}
