//! Questions to the built-in Pokédex: words are looked for in vectors, facts and names at once.

use std::collections::HashMap;

use arrow_buffer::BooleanBuffer;

use super::limits::Limits;
use super::results::Group;
use super::towers::Towers;
use super::vectors::{Lengths, Space, read, stored_rows};
use super::{Asked, Options, Question};
use crate::failure::Failure;
use crate::index::{Error, Part, Pokedex, Stored, Term};
use crate::model::{Known, Model};
use crate::progress::Progress;

/// What is compared with the species: the weighted parts of a question, and the rows that are not to be found again.
pub(super) struct Sought {
    parts: Vec<(f32, Part)>,
    without: Vec<u32>,
}

/// The built-in Pokédex and the model that made it.
pub(super) struct BuiltIn {
    pokedex: Pokedex,
    towers: Towers,
    /// The column of vectors in tables that questions bring.
    column: String,
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
        Ok(BuiltIn { pokedex: Pokedex::open()?, towers: Towers::of(model), column: options.column.clone() })
    }

    /// For which species the condition holds, where there is one.
    ///
    /// # Errors
    /// It does not suit the table.
    pub(super) fn passing(&self, limits: &Limits, progress: &dyn Progress) -> Result<Option<BooleanBuffer>, Failure> {
        let passing = limits.filter.as_ref().map(Pokedex::passing).transpose()?;
        if passing.as_ref().is_some_and(|passing| passing.count_set_bits() == 0) {
            let rows = self.pokedex.species();
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
        let stored = stored_rows(questions, &|terms| Ok(Pokedex::index().stored(terms)?))?;
        let sought = questions.iter().map(|question| {
            let mut without = Vec::new();
            let parts = self.parts(question, &space, &stored, &mut without, progress)?;
            Ok(Sought { parts, without })
        });
        sought.collect()
    }

    /// Answers a question, of the species that pass.
    pub(super) fn answer(
        &self,
        asked: Asked,
        sought: &Sought,
        passing: Option<&BooleanBuffer>,
        limits: &Limits,
    ) -> Group {
        let look_up = |word: &str| match self.towers.loaded_text() {
            Some(tower) => self.pokedex.look_up(word, tower.look_up(word)),
            None => Known::No,
        };
        let hits = self.pokedex.search(&sought.parts, passing, &sought.without, limits.pool(), &look_up);
        limits.group(asked, hits)
    }

    /// What embeds questions.
    pub(super) fn towers(&self) -> &Towers {
        &self.towers
    }

    /// The weighted parts of a question; `without` takes the rows that are not to be found again.
    fn parts(
        &self,
        question: &Question,
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
                    let look_up = |word: &str| self.pokedex.look_up(word, tower.look_up(word));
                    let text = match self.pokedex.names(text, &look_up) {
                        true => text.clone(),
                        false => read(text, look_up, progress),
                    };
                    let vector = tower.embed(&text)?;
                    Part::Text(text, vector)
                }
                other => Part::Vector(space.vector(other, stored, without, progress)?),
            };
            parts.push((weighted.weight, part));
        }
        let mut weights: HashMap<String, f32> = HashMap::new();
        for weighted in &question.terms {
            *weights.entry(weighted.term.to_string()).or_default() += weighted.weight;
        }
        match question.vector.is_none() && weights.values().all(|weight| *weight == 0.0) {
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
