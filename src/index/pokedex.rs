//! The built-in Pokédex: one row a species, searched by pictures, by facts and by name at once.
//!
//! The score of a species for a text is, on the scale of a cosine,
//!
//! > max(name, [`COSINE`] · cosine + [`FACTS`] · facts)
//!
//! where `cosine` compares the text with the species' vector, `facts` is the share of the query's words, weighted by
//! how rare they are among the species (Spärck Jones, 1972), that its facts contain, and `name` is 1 for its name,
//! 0.95 for a query that contains it and less for a misspelt one. For an image or a stored row it is the cosine.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Error;
use super::cosine::dot;
use super::exact::Index;
use super::names::Names;
use super::search::{Hit, Order, Stored};
use super::terms::Term;
use crate::filter::Filter;
use crate::model::Known;
use crate::species;
use crate::table::column;

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
const FLAG_COLUMNS: &[(&str, &str)] =
    &[("is_legendary", "legendary"), ("is_mythical", "mythical"), ("is_baby", "baby")];

/// Plurals that no rule makes.
const IRREGULAR: &[(&str, &str)] = &[
    ("mice", "mouse"),
    ("geese", "goose"),
    ("teeth", "tooth"),
    ("feet", "foot"),
    ("oxen", "ox"),
    ("people", "person"),
    ("men", "man"),
    ("women", "woman"),
    ("children", "child"),
    ("fungi", "fungus"),
    ("cacti", "cactus"),
    ("octopi", "octopus"),
];

/// Words that say nothing about a species.
const STOP_WORDS: &[&str] = &[
    "a",
    "an",
    "and",
    "are",
    "as",
    "at",
    "be",
    "by",
    "for",
    "from",
    "has",
    "have",
    "in",
    "is",
    "it",
    "its",
    "like",
    "look",
    "looks",
    "looking",
    "me",
    "my",
    "of",
    "on",
    "or",
    "pokemon",
    "show",
    "some",
    "something",
    "that",
    "the",
    "their",
    "thing",
    "this",
    "to",
    "with",
    "who",
    "which",
    "kind",
    "type",
    "can",
    "very",
    "who's",
    "there",
];

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

/// The built-in Pokédex in memory.
pub struct Pokedex {
    rows: Vec<Row>,
    names: Names,
    /// The words of all facts in the singular, collected when a word is first asked for.
    words: OnceLock<HashSet<String>>,
    /// How often its facts were asked for, and the rows and weights of each of their words, once it is more than once.
    asked: AtomicU64,
    sorted: OnceLock<HashMap<String, Vec<Fact>>>,
    vectors: Vec<f32>,
    dimension: usize,
}

struct Row {
    hit: Hit,
    facts: Vec<(Box<str>, f32)>,
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
        self.rows.len()
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
        let facts = || FACT_COLUMNS.iter().map(|(name, _)| *name).chain(FLAG_COLUMNS.iter().map(|(name, _)| *name));
        let mut pokedex = Pokedex {
            rows: Vec::new(),
            names: Names::default(),
            words: OnceLock::new(),
            asked: AtomicU64::new(0),
            sorted: OnceLock::new(),
            vectors: Vec::new(),
            dimension: 0,
        };
        let tables = Self::tables(forms).map(|index| index.scan(&|name| facts().any(|fact| fact == name)));
        for batch in tables.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
            let batch = batch?;
            let vectors = column::vectors(&batch, column::EMBEDDING, Self::NAME)?;
            pokedex.dimension = vectors.dimension;
            let keys = column::text(&batch, column::KEY)?.ok_or_else(|| missing(&batch, column::KEY))?;
            let labels = column::text(&batch, column::LABEL)?.ok_or_else(|| missing(&batch, column::LABEL))?;
            let ids = column::ints(&batch, column::ID)?.ok_or_else(|| missing(&batch, column::ID))?;
            let mut facts: Vec<Vec<(Box<str>, f32)>> = vec![Vec::new(); batch.num_rows()];
            for (name, weight) in FACT_COLUMNS {
                let Some(texts) = column::text(&batch, name)? else {
                    continue;
                };
                for (facts, text) in facts.iter_mut().zip(&texts) {
                    facts.extend(text.map(|text| (text.into(), *weight)));
                }
            }
            for (name, word) in FLAG_COLUMNS {
                let Some(flags) = batch.column_by_name(name).and_then(|c| c.as_boolean_opt()) else {
                    continue;
                };
                for (facts, flag) in facts.iter_mut().zip(flags) {
                    facts.extend((flag == Some(true)).then(|| ((*word).into(), 0.9)));
                }
            }
            for (i, facts) in facts.into_iter().enumerate() {
                let row = pokedex.rows.len() as u64;
                let (key, label) = (keys.value(i).to_string(), Some(labels.value(i).to_string()));
                let hit = Hit { row, key, id: Some(ids.value(i)), label, ..Hit::default() };
                pokedex.vectors.extend_from_slice(vectors.get(i).ok_or_else(|| missing(&batch, column::EMBEDDING))?);
                pokedex.rows.push(Row { hit, facts });
            }
        }
        pokedex.names = Names::new(pokedex.rows.iter().map(|row| row.hit.label.as_deref().unwrap_or_default()));
        Ok(pokedex)
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
        let passes = |row: &Row| passing.iter().flatten().all(|passing| passing.value(row.hit.row as usize));
        let allowed = self.rows.iter().filter(|row| passes(row) && !without.contains(&(row.hit.row as u32)));
        let mut found: Vec<(f32, usize)> =
            allowed.map(|row| (sum(row.hit.row as usize), row.hit.row as usize)).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(place(a.1).cmp(&place(b.1))).then(a.1.cmp(&b.1)));
        found.truncate(top);
        let hit = |(score, row): (f32, usize)| Hit {
            score,
            parts: scores.iter().map(|part| part[row]).collect(),
            vector: self.vectors[row * self.dimension..(row + 1) * self.dimension].to_vec(),
            ..self.rows[row].hit.clone()
        };
        found.into_iter().map(hit).collect()
    }

    fn cosines(&self, query: &[f32]) -> Vec<f32> {
        self.vectors.chunks_exact(self.dimension).map(|vector| dot(query, vector).clamp(-1.0, 1.0)).collect()
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
        let facts = || self.rows.iter().flat_map(|row| &row.facts).flat_map(|(text, _)| words(text));
        self.words.get_or_init(|| facts().map(|word| singular(&word)).collect()).contains(&singular(word))
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
        let species = self.rows.len() as f32;
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

/// What a word and its singular share, but for those as feet and mice, which are no plurals here.
fn beginning(word: &str) -> Option<[u8; 2]> {
    word.as_bytes().first_chunk().copied()
}

impl Pokedex {
    /// For every row how much each word counts in its facts, read now.
    fn facts_with(&self, wanted: &[String]) -> Vec<Vec<f32>> {
        let place: HashMap<&str, usize> = wanted.iter().enumerate().map(|(i, w)| (w.as_str(), i)).collect();
        let weights = self.rows.iter().map(|row| {
            let mut weights = vec![0.0f32; wanted.len()];
            for (text, weight) in &row.facts {
                for word in words(text) {
                    // Most words share no beginning with the query's, and need not be put in the singular.
                    if wanted.iter().any(|w| beginning(w) == beginning(&word))
                        && let Some(&at) = place.get(singular(&word).as_str())
                    {
                        weights[at] = weights[at].max(*weight);
                    }
                }
            }
            weights
        });
        weights.collect()
    }

    /// The same, from the rows of each word.
    fn facts_sorted(&self, wanted: &[String]) -> Vec<Vec<f32>> {
        let sorted = self.sorted.get_or_init(|| {
            let mut sorted: HashMap<String, Vec<Fact>> = HashMap::new();
            for (at, row) in self.rows.iter().enumerate() {
                for (text, weight) in &row.facts {
                    words(text).for_each(|word| {
                        let fact = Fact { row: at, weight: *weight, beginning: beginning(&word) };
                        sorted.entry(singular(&word)).or_default().push(fact);
                    });
                }
            }
            sorted
        });
        let mut found = vec![vec![0.0f32; wanted.len()]; self.rows.len()];
        for (at, word) in wanted.iter().enumerate() {
            let facts = sorted.get(word).into_iter().flatten();
            for fact in facts.filter(|fact| wanted.iter().any(|w| beginning(w) == fact.beginning)) {
                found[fact.row][at] = found[fact.row][at].max(fact.weight);
            }
        }
        found
    }
}

fn missing(batch: &RecordBatch, name: &str) -> crate::table::Error {
    column::missing(&batch.schema(), name, Pokedex::NAME)
}

/// Lower-case words without accents; borrowed where they are that already, as nearly all facts are.
fn words(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let parts = text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || is_combining_mark(c)));
    parts.filter(|word| !word.is_empty()).map(|word| {
        if word.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
            Cow::Borrowed(word)
        } else {
            Cow::Owned(word.to_lowercase().nfd().filter(|&c| !is_combining_mark(c)).collect())
        }
    })
}

/// `dogs` → `dog`, `butterflies` → `butterfly`, `foxes` → `fox`, `wolves` → `wolf`; words that are no plural may lose
/// an `s` too, in the facts as well as in the query.
fn singular(word: &str) -> String {
    let drop = |ending: &str, instead: &str| {
        word.strip_suffix(ending).filter(|stem| stem.len() >= 2).map(|stem| format!("{stem}{instead}"))
    };
    if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_string();
    }
    if let Some((_, one)) = IRREGULAR.iter().find(|(many, _)| *many == word) {
        return (*one).to_string();
    }
    drop("ies", "y")
        .or_else(|| drop("ves", "f"))
        .or_else(|| ["s", "x", "z", "ch", "sh"].iter().find_map(|sound| drop(&format!("{sound}es"), sound)))
        .or_else(|| drop("s", ""))
        .unwrap_or_else(|| word.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_fold_to_singulars() {
        for (plural, one) in [
            ("dogs", "dog"),
            ("butterflies", "butterfly"),
            ("foxes", "fox"),
            ("wolves", "wolf"),
            ("witches", "witch"),
            ("grass", "grass"),
            ("cactus", "cactus"),
            ("mice", "mouse"),
        ] {
            assert_eq!(singular(plural), one);
        }
    }

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
        let names: Vec<_> = pokedex.rows.iter().map(|row| row.hit.label.clone().expect("named")).collect();
        assert_eq!(names, crate::species::names().collect::<Vec<_>>());
        assert!(pokedex.rows.iter().zip(1..).all(|(row, id)| row.hit.id == Some(id)));
        for vector in pokedex.vectors.chunks_exact(pokedex.dimension) {
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
