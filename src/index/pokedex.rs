//! The built-in Pokédex: one row a species, searched by pictures, by facts and by name at once.
//!
//! The score of a species for a text is, on the scale of a cosine,
//!
//! > max(name, [`COSINE`] · cosine + [`FACTS`] · facts)
//!
//! where `cosine` compares the text with the species' vector, `facts` is the share of the query's words, weighted by
//! how rare they are among the species (Spärck Jones, 1972), that its facts contain, and `name` is 1 for its name,
//! 0.95 for a query that contains it and less for a misspelt one. For an image or a stored row it is the cosine.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Error;
use super::cosine::dot;
use super::exact::Index;
use super::names::Names;
use super::search::{Hit, Order, Stored};
use super::terms::Term;
use super::wording::{STOP_WORDS, beginning, singular, words, words_beginning};
use crate::filter::Filter;
use crate::model::Known;
use crate::species;
use crate::table::{Vectors, column};
use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, Int32Array, RecordBatch, StringArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

/// Weights of the two parts of a text's score; chosen on every other query of `benches/queries.csv`; any from 0.6 to 0.9 do.
const COSINE: f32 = 0.8;
const FACTS: f32 = 0.2;

/// Text columns with facts, and how much a word in each says about what the species is.
const FACT_COLUMNS: &[(&str, f32)] = &[
    ("label", 1.0),
    ("looks_like", 1.0),
    ("type1", 1.0),
    ("type2", 1.0),
    ("color", 0.9),
    ("genus", 0.8),
    ("features", 0.7),
    ("themes", 0.7),
    ("habitat", 0.4),
    ("shape", 0.4),
    ("egg_groups", 0.3),
];
const FLAG_WEIGHT: f32 = 0.9;
const FLAG_COLUMNS: &[(&str, &str)] =
    &[("is_legendary", "legendary"), ("is_mythical", "mythical"), ("is_baby", "baby")];

/// Which rows may be found, and which of equals come first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Among<'a> {
    /// For each row whether it may; all must allow it.
    pub passing: [Option<&'a BooleanBuffer>; 2],
    /// For each row its place in an order.
    pub places: Option<&'a [u32]>,
    /// Rows that are not to be found again, by their numbers.
    pub without: &'a [u32],
}

/// One term of a query, ready to be scored.
#[derive(Debug)]
pub enum Part {
    /// An image or a stored row.
    Vector(Vec<f32>),
    /// Words, and their vector by the built-in model.
    Text(String, Vec<f32>),
}

/// What a model's vocabulary makes of a word.
pub(super) type LookUp<'a> = dyn Fn(&str) -> Known<'a> + 'a;

/// The built-in Pokédex. Its columns are read where they lie.
pub struct Pokedex {
    parts: Vec<Rows>,
    names: Names,
    /// The words of all facts in the singular, collected when a word is first asked for.
    words: OnceLock<HashSet<String>>,
    /// How often its facts were asked for, and the rows and weights of each of their words, once it is more than once.
    asked: AtomicU64,
    sorted: OnceLock<HashMap<String, Vec<Fact>>>,
}

/// Some of its rows, one after the other.
struct Rows {
    first: usize,
    keys: StringArray,
    labels: StringArray,
    ids: Int32Array,
    vectors: Vectors,
    texts: Vec<(StringArray, f32)>,
    flags: Vec<(BooleanArray, &'static str)>,
}

impl Rows {
    fn of(batch: &RecordBatch, first: usize) -> Result<Rows, Error> {
        let vectors = column::vectors(batch, column::EMBEDDING, Pokedex::NAME)?;
        let missing = |name: &str| column::missing(&batch.schema(), name, Pokedex::NAME);
        if (0..batch.num_rows()).any(|i| vectors.get(i).is_none()) {
            return Err(missing(column::EMBEDDING).into());
        }
        let texts = FACT_COLUMNS.iter().filter_map(|(name, weight)| {
            let texts = column::text(batch, name).transpose()?;
            Some(texts.map(|texts| (texts, *weight)))
        });
        let flags = FLAG_COLUMNS.iter().filter_map(|(name, word)| {
            let flags = batch.column_by_name(name).and_then(|column| column.as_boolean_opt())?;
            Some((flags.clone(), *word))
        });
        Ok(Rows {
            first,
            keys: column::text(batch, column::KEY)?.ok_or_else(|| missing(column::KEY))?,
            labels: column::text(batch, column::LABEL)?.ok_or_else(|| missing(column::LABEL))?,
            ids: column::ints(batch, column::ID)?.ok_or_else(|| missing(column::ID))?,
            vectors,
            texts: texts.collect::<Result<_, _>>()?,
            flags: flags.collect(),
        })
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    /// The vector of each row.
    fn vectors(&self) -> impl Iterator<Item = &[f32]> {
        (0..self.len()).map(|i| self.vectors.get(i).unwrap_or_default())
    }

    /// What is known of them: the number of a row, a text and how much a word in it counts.
    fn facts(&self) -> impl Iterator<Item = (usize, &str, f32)> {
        let texts = self.texts.iter().flat_map(|(texts, weight)| {
            texts.iter().enumerate().filter_map(|(i, text)| Some((self.first + i, text?, *weight)))
        });
        let flags = self.flags.iter().flat_map(|(flags, word)| {
            let set = flags.iter().enumerate().filter(|(_, flag)| *flag == Some(true));
            set.map(|(i, _)| (self.first + i, *word, FLAG_WEIGHT))
        });
        texts.chain(flags)
    }
}

impl Pokedex {
    /// What to call it in a message.
    pub const NAME: &str = "built-in Pokédex";

    /// The Pokédex as an index, to look up stored rows and the model.
    pub fn index() -> Index {
        Index::in_memory(Self::NAME, species::TABLE)
    }

    /// The other forms of species as an index.
    pub fn other_forms() -> Index {
        Index::in_memory(Self::NAME, species::FORMS)
    }

    /// The tables that hold its rows, in their order.
    fn tables(forms: bool) -> impl Iterator<Item = Index> {
        std::iter::once(Self::index()).chain(forms.then(Self::other_forms))
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.parts.iter().map(Rows::len).sum()
    }

    /// The table of a row, and the row's number there.
    fn at(row: &u64) -> (usize, u64) {
        match row.checked_sub(species::COUNT as u64) {
            None => (0, *row),
            Some(form) => (1, form),
        }
    }

    /// The cells of these columns in rows of these numbers, forms among them.
    ///
    /// # Errors
    /// There is no such column.
    pub fn cells(columns: &[String], rows: &[u64]) -> Result<RecordBatch, Error> {
        let mut each = [Vec::new(), Vec::new()];
        let places: Vec<(usize, usize)> = rows
            .iter()
            .map(|row| {
                let (table, own) = Self::at(row);
                each[table].push(own);
                (table, each[table].len() - 1)
            })
            .collect();
        let [species, forms] = each;
        if forms.is_empty() {
            return Self::index().cells(columns, &species);
        }
        let batches = [Self::index().cells(columns, &species)?, Self::other_forms().cells(columns, &forms)?];
        let schema = batches[0].schema();
        let cells = (0..columns.len()).map(|at| {
            let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(at).as_ref()).collect();
            arrow_select::interleave::interleave(&arrays, &places)
        });
        let cells = cells.collect::<Result<Vec<_>, _>>();
        let batch = cells.and_then(|cells| RecordBatch::try_new(schema, cells));
        batch.map_err(|e| Error::Vectors { name: Self::NAME.into(), problem: e.to_string() })
    }

    /// For every row its place in an order.
    ///
    /// # Errors
    /// There is no such column, or it has no order.
    pub fn places(order: &Order, forms: bool) -> Result<Vec<u32>, Error> {
        let count = species::COUNT as u64 + if forms { Self::other_forms().count()? } else { 0 };
        let cells = Self::cells(std::slice::from_ref(&order.column), &(0..count).collect::<Vec<_>>())?;
        order.places(cells.column(0))
    }

    /// The stored rows of these terms, forms among them.
    ///
    /// # Errors
    /// One of them does not exist.
    pub fn stored(terms: &[&Term]) -> Result<Vec<Stored>, Error> {
        let one = |term: &&Term| match Self::index().stored(&[term]) {
            Err(Error::NoSuchRow { .. }) if matches!(term, Term::Key(_)) => {
                let mut stored = Self::other_forms().stored(&[term])?;
                stored[0].rows.iter_mut().for_each(|row| *row += species::COUNT as u32);
                Ok(stored)
            }
            stored => stored,
        };
        match Self::index().stored(terms) {
            Err(Error::NoSuchRow { .. }) => terms.iter().map(|term| Ok(one(term)?.remove(0))).collect(),
            stored => stored,
        }
    }

    /// For every species, and with `forms` for every other form, whether a condition holds for it.
    ///
    /// # Errors
    /// The condition does not suit the table.
    pub fn passing(filter: &Filter, forms: bool) -> Result<BooleanBuffer, Error> {
        let mut passing = BooleanBufferBuilder::new(0);
        for index in Self::tables(forms) {
            passing.append_buffer(&index.passing(filter)?);
        }
        Ok(passing.finish())
    }

    /// Reads the tables in the binary: the species, and with `forms` their other forms after them.
    ///
    /// # Errors
    /// They are damaged.
    pub fn open(forms: bool) -> Result<Pokedex, Error> {
        let is_fact = |name: &str| {
            FACT_COLUMNS.iter().any(|(fact, _)| *fact == name) || FLAG_COLUMNS.iter().any(|(fact, _)| *fact == name)
        };
        let (mut parts, mut first) = (Vec::new(), 0);
        for table in Self::tables(forms) {
            for batch in table.scan(&is_fact)? {
                parts.push(Rows::of(&batch?, first)?);
                first += parts.last().map_or(0, Rows::len);
            }
        }
        let labels = parts.iter().flat_map(|part| part.labels.iter().map(Option::unwrap_or_default));
        let names = Names::new(labels);
        Ok(Pokedex { parts, names, words: OnceLock::new(), asked: AtomicU64::new(0), sorted: OnceLock::new() })
    }

    /// What is known of all rows.
    fn facts(&self) -> impl Iterator<Item = (usize, &str, f32)> {
        self.parts.iter().flat_map(Rows::facts)
    }

    /// A row that was found.
    fn hit(&self, row: usize) -> Hit {
        let part = self.parts.iter().rfind(|part| part.first <= row).expect("a row of some part");
        let i = row - part.first;
        Hit {
            row: row as u64,
            key: part.keys.value(i).into(),
            id: Some(part.ids.value(i)),
            label: Some(part.labels.value(i).into()),
            vector: part.vectors.get(i).unwrap_or_default().to_vec(),
            ..Hit::default()
        }
    }

    /// The `top` species for weighted parts, with what each part adds to the score; rows that do not pass, and those whose
    /// numbers are in `without`, are left out. Without parts all rows that pass score 1. Where `places` are given, those of
    /// equal score come in their order. `look_up` knows English.
    pub fn search(&self, parts: &[(f32, Part)], among: &Among, top: usize, look_up: &LookUp) -> Vec<Hit> {
        let Among { passing, places, without } = *among;
        let place = |row: usize| places.map_or(0, |places| places[row]);
        let total: f32 = parts.iter().map(|(weight, _)| weight.abs()).sum();
        let scores = parts.iter().map(|(weight, part)| {
            let scores = match part {
                Part::Vector(vector) => self.cosines(vector),
                Part::Text(text, vector) => self.text_scores(text, vector, look_up),
            };
            scores.into_iter().map(|score| weight / total * score).collect()
        });
        let scores: Vec<Vec<f32>> = scores.collect();
        let sum = |row: usize| match scores.is_empty() {
            true => 1.0,
            false => scores.iter().fold(0.0, |sum, part| sum + part[row]),
        };
        let passes =
            |row: usize| passing.iter().flatten().all(|passing| passing.value(row)) && !without.contains(&(row as u32));
        let mut found: Vec<(f32, usize)> =
            (0..self.rows()).filter(|&row| passes(row)).map(|row| (sum(row), row)).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(place(a.1).cmp(&place(b.1))).then(a.1.cmp(&b.1)));
        found.truncate(top);
        let hit = |(score, row): (f32, usize)| Hit {
            score,
            parts: scores.iter().map(|part| part[row]).collect(),
            ..self.hit(row)
        };
        found.into_iter().map(hit).collect()
    }

    fn cosines(&self, query: &[f32]) -> Vec<f32> {
        self.parts.iter().flat_map(Rows::vectors).map(|vector| dot(query, vector).clamp(-1.0, 1.0)).collect()
    }

    /// Whether a text names a species, rightly or nearly.
    pub fn names(&self, text: &str, look_up: &LookUp) -> bool {
        self.names.scores(text, look_up).iter().any(|&score| score > 0.0)
    }

    /// What is known of a lower-case word, given what a vocabulary makes of it: a word of the facts is no slip.
    pub fn look_up<'a>(&self, word: &str, known: Known<'a>) -> Known<'a> {
        match known {
            Known::Slips(..) if self.has_word(word) => Known::Whole,
            known => known,
        }
    }

    /// Whether a lower-case word stands in the facts, or says nothing anywhere.
    pub fn knows(&self, word: &str) -> bool {
        STOP_WORDS.contains(&word) || self.has_word(word)
    }

    /// Whether a lower-case word says nothing of a species.
    pub fn is_stop_word(word: &str) -> bool {
        STOP_WORDS.contains(&word)
    }

    fn has_word(&self, word: &str) -> bool {
        let all = || self.facts().flat_map(|(_, text, _)| words(text)).map(|word| singular(&word)).collect();
        self.words.get_or_init(all).contains(&singular(word))
    }

    fn text_scores(&self, text: &str, vector: &[f32], look_up: &LookUp) -> Vec<f32> {
        let names = self.names.scores(text, look_up);
        let cosines = self.cosines(vector);
        let facts = self.fact_scores(text);
        let fused = cosines.iter().zip(facts).map(|(cosine, facts)| COSINE * cosine + FACTS * facts);
        // A name that matches lies above all else; among equals the rest of the score decides.
        names
            .iter()
            .zip(fused)
            .map(|(&name, fused)| if name > 0.0 { name.max(fused) } else { fused.min(0.9) })
            .collect()
    }

    /// For every species the share of the query's words that its facts contain, weighted by rarity and by column.
    fn fact_scores(&self, text: &str) -> Vec<f32> {
        let mut wanted: Vec<String> =
            words(text).filter(|w| !STOP_WORDS.contains(&&**w)).map(|w| singular(&w)).collect();
        wanted.sort();
        wanted.dedup();
        // Who asks once reads the facts; who asks again has them sorted by words first.
        let found = match self.asked.fetch_add(1, Ordering::Relaxed) {
            0 => self.facts_with(&wanted),
            _ => self.facts_sorted(&wanted),
        };
        let species = self.rows() as f32;
        let rarity: Vec<f32> = (0..wanted.len())
            .map(|word| (species / (1.0 + found.iter().filter(|f| f[word] > 0.0).count() as f32)).ln())
            .collect();
        let total: f32 = rarity.iter().sum();
        let share =
            |weights: Vec<f32>| weights.iter().zip(&rarity).map(|(w, r)| w * r).sum::<f32>() / total.max(f32::EPSILON);
        found.into_iter().map(share).collect()
    }
}

/// A word in the facts of a row.
struct Fact {
    row: usize,
    weight: f32,
    beginning: Option<[u8; 2]>,
}

impl Pokedex {
    /// For every row how much each word counts in its facts, read now.
    fn facts_with(&self, wanted: &[String]) -> Vec<Vec<f32>> {
        let place: HashMap<&str, usize> = wanted.iter().enumerate().map(|(i, w)| (w.as_str(), i)).collect();
        let mut found = vec![vec![0.0f32; wanted.len()]; self.rows()];
        // Words that share no beginning with the query's need not be put in the singular.
        let beginnings: Vec<_> = wanted.iter().map(|word| beginning(word)).collect();
        for (row, text, weight) in self.facts() {
            words_beginning(text, &beginnings, |word| {
                if let Some(&at) = place.get(singular(word).as_str()) {
                    found[row][at] = found[row][at].max(weight);
                }
            });
        }
        found
    }

    /// The same, from the rows of each word.
    fn facts_sorted(&self, wanted: &[String]) -> Vec<Vec<f32>> {
        let sorted = self.sorted.get_or_init(|| {
            let mut sorted: HashMap<String, Vec<Fact>> = HashMap::new();
            for (row, text, weight) in self.facts() {
                for word in words(text) {
                    let fact = Fact { row, weight, beginning: beginning(&word) };
                    sorted.entry(singular(&word)).or_default().push(fact);
                }
            }
            sorted
        });
        let mut found = vec![vec![0.0f32; wanted.len()]; self.rows()];
        for (at, word) in wanted.iter().enumerate() {
            let facts = sorted.get(word).into_iter().flatten();
            for fact in facts.filter(|fact| wanted.iter().any(|w| beginning(w) == fact.beginning)) {
                found[fact.row][at] = found[fact.row][at].max(fact.weight);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_sorted_by_words_say_what_the_facts_say() {
        let pokedex = Pokedex::open(true).expect("the built-in Pokédex");
        for text in [
            "fire dog",
            "a blue bird",
            "wolves and mice",
            "legendary",
            "people with feet",
            "feet, few of them",
            "a",
            "",
        ] {
            let mut wanted: Vec<String> = words(text).map(|word| singular(&word)).collect();
            wanted.sort();
            wanted.dedup();
            assert_eq!(pokedex.facts_with(&wanted), pokedex.facts_sorted(&wanted), "{text}");
        }
    }

    #[test]
    fn the_pokedex_has_every_species_once_and_in_order() {
        let pokedex = Pokedex::open(false).expect("a sound build");
        let hits: Vec<Hit> = (0..pokedex.rows()).map(|row| pokedex.hit(row)).collect();
        let names: Vec<_> = hits.iter().map(|hit| hit.label.as_deref().expect("named")).collect();
        assert_eq!(names, crate::species::names().collect::<Vec<_>>());
        assert!(hits.iter().zip(1..).all(|(hit, id)| hit.id == Some(id)));
        for vector in pokedex.parts.iter().flat_map(Rows::vectors) {
            assert!((super::super::cosine::norm(vector) - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn the_pokedex_was_made_by_the_built_in_model() {
        let model = crate::model::Model::builtin();
        let (made_by, dimension) = Pokedex::index().model().expect("a sound build");
        assert_eq!(made_by, Some(model.id().to_string()));
        assert_eq!(dimension, model.dimension());
    }
}
