//! What the parts of a text mean.

use super::lexicon::Table;
use crate::index::Order;

/// A part of a text that means one thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// The words, by their numbers.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    pub(super) weight: Weight,
    /// Whether it is written in another language.
    pub(super) foreign: bool,
}

/// How much a part tells of whether conditions are meant at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Everyday English is full of it.
    None,
    /// Where all other words are known, too.
    Some,
    /// Nobody says it who means something else.
    Strong,
}

/// What a part means.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Free,
    Filler,
    Pokemon,
    Shiny,
    Not,
    But,
    Or,
    Type {
        name: &'static str,
        typed: bool,
    },
    Color {
        name: &'static str,
    },
    /// A species or form: several where two are called alike.
    Name {
        keys: Vec<&'static str>,
        english: bool,
    },
    Condition(String),
    /// A stage of evolution stands among the conditions.
    Stage,
    /// A condition on other forms than the usual.
    Forms(String),
    Order(Order),
    /// Taller than what is named beside it: a column, and whether more is meant.
    Compared(&'static str, bool),
    Like,
    Evolve,
    Evolution,
    Family,
    Before,
    After,
    Into,
    From,
    /// Becomes what is named.
    Become,
    /// By what a species evolves.
    Way(String),
    /// Good against what is named.
    Against,
    /// That forms are meant: several, or one.
    FormWord {
        many: bool,
    },
}

/// A part that was recognised: how many words it is.
pub(super) type Found = (usize, Kind, Weight);

/// So many words, written in one.
pub(super) fn joined(words: &[&str], length: usize) -> String {
    words[..length].concat()
}

/// The longest beginning that stands in a table, in the singular or plural.
pub(super) fn longest(words: &[&str], most: usize, table: Table) -> Option<(usize, &'static str)> {
    (1..=most.min(words.len())).rev().find_map(|length| {
        let text = joined(words, length);
        let one = || text.strip_suffix('s').filter(|one| one.len() > 3).and_then(|one| table.find(one));
        Some((length, table.find(&text).or_else(one)?))
    })
}

/// That a row is one of these, by their keys.
pub(crate) fn keys_are(keys: &[&str]) -> String {
    format!("key in ({})", listed(keys))
}

/// That a row has one of these types.
pub(super) fn one_of_types(types: &[&str]) -> String {
    let list = listed(types);
    format!("(type1 in ({list}) or type2 in ({list}))")
}

/// Texts as a list in SQL.
fn listed(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(", ")
}

/// The region that a condition asks for, where that is all it asks for.
pub(super) fn region_in(condition: &str) -> Option<&str> {
    condition.strip_prefix("region = '")?.strip_suffix('\'')
}

/// That a form is one of a region; Pikachu's cap of Alola is none.
pub(super) fn regional(region: &str) -> String {
    let condition = format!("has_word(form, '{region}')");
    if region == "alola" { format!("{condition} and form <> 'alola cap'") } else { condition }
}
