//! What the tables of the Pokédex say, for questions that name a species or compare numbers. Read when first needed.

use std::collections::HashMap;
use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

use super::lexicon::NUMBERS;
use crate::index::Pokedex;

/// Which types hurt a type twice as much as others do: the chart of the games since the sixth generation.
pub(super) const STRONG_AGAINST: [(&str, &[&str]); 18] = [
    ("normal", &["fighting"]),
    ("fire", &["water", "ground", "rock"]),
    ("water", &["grass", "electric"]),
    ("grass", &["fire", "ice", "poison", "flying", "bug"]),
    ("electric", &["ground"]),
    ("ice", &["fire", "fighting", "rock", "steel"]),
    ("fighting", &["flying", "psychic", "fairy"]),
    ("poison", &["ground", "psychic"]),
    ("ground", &["water", "grass", "ice"]),
    ("flying", &["electric", "ice", "rock"]),
    ("psychic", &["bug", "ghost", "dark"]),
    ("bug", &["fire", "flying", "rock"]),
    ("rock", &["water", "grass", "fighting", "ground", "steel"]),
    ("ghost", &["ghost", "dark"]),
    ("dragon", &["ice", "dragon", "fairy"]),
    ("dark", &["fighting", "bug", "fairy"]),
    ("steel", &["fire", "fighting", "ground"]),
    ("fairy", &["poison", "steel"]),
];

/// What is known of a row.
pub(super) struct Fact {
    pub(super) key: String,
    pub(super) label: String,
    pub(super) id: i32,
    pub(super) family: String,
    region: String,
    form: String,
    pub(super) stage: f64,
    parent: Option<i32>,
    pub(super) is_form: bool,
    pub(super) types: Vec<String>,
    pub(super) weak_to: String,
    looks_like: String,
    /// In the order of [`NUMBERS`].
    numbers: Vec<Option<f64>>,
}

/// All rows, the species first.
pub(super) struct Lore {
    rows: Vec<Fact>,
    by_key: HashMap<String, usize>,
}

static LORE: LazyLock<Lore> = LazyLock::new(|| Lore::read().expect("the tables in the binary are sound"));

impl Lore {
    pub(super) fn get() -> &'static Lore {
        &LORE
    }

    fn read() -> Option<Lore> {
        let texts = ["key", "label", "form", "family", "region", "type1", "type2", "weak_to", "looks_like"];
        let names: Vec<&str> = texts.into_iter().chain(["id", "stage", "evolves_from_id"]).chain(NUMBERS).collect();
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        let mut rows = Vec::new();
        for batch in [Pokedex::index(), Pokedex::other_forms()].map(|index| index.columns_of_all(&unique)) {
            facts(&batch.ok()?, &mut rows)?;
        }
        let by_key = rows.iter().enumerate().map(|(at, row): (usize, &Fact)| (row.key.clone(), at)).collect();
        Some(Lore { rows, by_key })
    }

    pub(super) fn of(&self, key: &str) -> Option<&Fact> {
        self.by_key.get(key).map(|&at| &self.rows[at])
    }

    /// The English name of the species of a number.
    pub(super) fn label_of(&self, number: i32) -> Option<&str> {
        self.rows.iter().find(|row| row.id == number).map(|row| row.label.as_str())
    }

    /// The key of the species of a number.
    pub(super) fn key_of(&self, number: i32) -> Option<&str> {
        self.species().find(|row| row.id == number).map(|row| row.key.as_str())
    }

    pub(super) fn labels(&self, keys: &[&str]) -> Vec<String> {
        keys.iter().filter_map(|key| self.of(key)).map(|row| row.label.clone()).collect()
    }

    pub(super) fn is_form(&self, key: &str) -> bool {
        self.of(key).is_some_and(|row| row.is_form)
    }

    /// Whether a word tells forms of several species.
    pub(super) fn has_form(&self, word: &str) -> bool {
        self.rows.iter().filter(|row| row.form.split(' ').any(|own| own == word)).count() > 1
    }

    /// A number of a row, by the name of its column.
    pub(super) fn number(&self, key: &str, column: &str) -> Option<f64> {
        let at = NUMBERS.iter().position(|name| *name == column)?;
        self.of(key)?.numbers[at]
    }

    /// The species.
    fn species(&self) -> impl Iterator<Item = &Fact> {
        self.rows.iter().filter(|row| !row.is_form)
    }

    /// The keys of what comes of a species, and of what comes of that.
    pub(super) fn descendants(&self, id: i32) -> Vec<&str> {
        let comes_of = |row: &&Fact| self.ancestors(row.id).iter().any(|other| other.id == id);
        self.species().filter(comes_of).map(|row| row.key.as_str()).collect()
    }

    /// What a species comes of, the nearest first.
    pub(super) fn ancestors(&self, id: i32) -> Vec<&Fact> {
        let mut line = Vec::new();
        let mut parent = self.species().find(|row| row.id == id).and_then(|row| row.parent);
        while let Some(row) = parent.and_then(|id| self.species().find(|row| row.id == id)) {
            line.push(row);
            parent = row.parent;
        }
        line
    }

    /// The numbers of the species that came with a region, ascending.
    pub(super) fn ids_of_region(&self, region: &str) -> Vec<i32> {
        self.species().filter(|row| row.region == region).map(|row| row.id).collect()
    }

    /// Whether a species has all these types.
    pub(super) fn has_types(&self, types: &[&str]) -> bool {
        self.species().any(|row| types.iter().all(|name| row.types.iter().any(|own| own == name)))
    }

    /// How many species look like what a word says.
    pub(super) fn look_like(&self, word: &str) -> usize {
        let one = word.strip_suffix('s').unwrap_or(word);
        let says = |row: &&Fact| row.looks_like.split([',', ' ']).any(|own| own == word || own == one);
        self.species().filter(says).count()
    }
}

fn facts(batch: &RecordBatch, rows: &mut Vec<Fact>) -> Option<()> {
    let text = |name: &str| -> Option<ArrayRef> { arrow_cast::cast(batch.column_by_name(name)?, &DataType::Utf8).ok() };
    let number =
        |name: &str| -> Option<ArrayRef> { arrow_cast::cast(batch.column_by_name(name)?, &DataType::Float64).ok() };
    let (key, label, form, family) = (text("key")?, text("label")?, text("form")?, text("family")?);
    let region = text("region")?;
    let (type1, type2, weak_to, looks) = (text("type1")?, text("type2")?, text("weak_to")?, text("looks_like")?);
    let (id, stage, parent) = (number("id")?, number("stage")?, number("evolves_from_id")?);
    let numbers: Vec<ArrayRef> = NUMBERS.iter().map(|name| number(name)).collect::<Option<_>>()?;
    let at = |array: &ArrayRef, i: usize| array.is_valid(i).then(|| array.as_string::<i32>().value(i).to_string());
    let value = |array: &ArrayRef, i: usize| array.is_valid(i).then(|| array.as_primitive::<Float64Type>().value(i));
    // A form without a name of its own is one all the same.
    let is_form = !rows.is_empty();
    for i in 0..batch.num_rows() {
        rows.push(Fact {
            key: at(&key, i)?,
            label: at(&label, i)?,
            id: value(&id, i)? as i32,
            family: at(&family, i)?,
            region: at(&region, i)?,
            form: at(&form, i).unwrap_or_default(),
            stage: value(&stage, i)?,
            parent: value(&parent, i).map(|id| id as i32),
            is_form: is_form || form.is_valid(i),
            types: [at(&type1, i), at(&type2, i)].into_iter().flatten().collect(),
            weak_to: at(&weak_to, i).unwrap_or_default(),
            looks_like: at(&looks, i).unwrap_or_default(),
            numbers: numbers.iter().map(|array| value(array, i)).collect(),
        });
    }
    Some(())
}
