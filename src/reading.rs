//! What plain words ask of the built-in Pokédex: `gen 7 ghost`, `what does magikarp evolve into`, `fastest electric`.
//!
//! Hides: the words that are known (`lexicon`), how they are found in a text (`scan`), and what the tables say of those that
//! are named (`lore`). Promises: no language model and no guess: a text is read only where all its words are known to the
//! grammar or some of them can mean nothing else; what it is read as can be written as flags of `query`, which answer alike.
//! `docs/words.md` tells the grammar.

mod conditions;
mod families;
mod forms;
mod items;
mod lexicon;
mod lore;
mod measures;
mod relations;
mod scan;
mod tokens;
mod traits;

use std::fmt;

use crate::index::Order;
use crate::model::Known;
use conditions::holds_for_some;
use forms::{forms_named, forms_of};
pub(crate) use items::keys_are;
use items::{Item, Kind, Weight};
use lexicon::Table;
use lore::Lore;
use scan::scan;
use tokens::{Token, tokens};

/// What a text asks, in terms of what `query` does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// What is still searched for as words; none where all of them became something else.
    pub words: String,
    /// Words for what is not looked for.
    pub without: String,
    /// The row that others should be like, by its key.
    pub like: Option<String>,
    /// What must hold, in SQL: all of it.
    pub conditions: Vec<String>,
    /// In which order the rows come.
    pub order: Option<Order>,
    /// Whether other forms than the usual are rows, too.
    pub forms: bool,
    /// Forms that are named, by their keys.
    pub named: Vec<&'static str>,
}

impl Reading {
    /// Whether it is words and nothing else: names in English.
    pub fn is_words(&self) -> bool {
        *self == Reading { words: self.words.clone(), named: self.named.clone(), ..Reading::default() }
    }

    /// Whether it asks for nothing.
    fn is_nothing(&self) -> bool {
        self.words.is_empty() && self.like.is_none() && self.conditions.is_empty() && self.order.is_none()
    }

    /// The conditions as one.
    pub fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" and "))
    }
}

impl fmt::Display for Reading {
    /// As arguments of `pokedex query`, ready for a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let quoted = |words: &str| {
            let is_plain = |c: char| c.is_alphanumeric() || " -.".contains(c);
            if words.chars().all(is_plain) {
                words.to_string()
            } else {
                format!("\"{}\"", words.replace(['"', '$', '`', '\\', '!'], ""))
            }
        };
        if !self.words.is_empty() {
            parts.push(quoted(&self.words));
        }
        if !self.without.is_empty() {
            parts.push(format!("- {}", quoted(&self.without)));
        }
        parts.extend(self.like.as_ref().map(|key| format!("key:{key}")));
        parts.extend(self.forms.then(|| "--forms".to_string()));
        parts.extend(self.condition().map(|condition| format!("--where \"{condition}\"")));
        parts.extend(self.order.as_ref().map(|order| format!("--sort {order}")));
        f.write_str(&parts.join(" "))
    }
}

/// What is known of a lower-case word of English.
pub type LookUp<'a> = dyn Fn(&str) -> Known<'a> + 'a;

/// What a text asks, where that is more than words; `look_up` knows English.
pub fn read(text: &str, look_up: &LookUp) -> Option<Reading> {
    let tokens = tokens(text);
    if let Some(number) = number_of(text, &tokens) {
        return Some(match Lore::get().label_of(number) {
            Some(label) => Reading { words: label.into(), ..Reading::default() },
            None => Reading { conditions: vec![format!("id = {number}")], ..Reading::default() },
        });
    }
    let items = scan(&tokens, look_up);
    let mut reading = Reading::default();
    let rest = families::read(&items, &mut reading)
        .or_else(|| families::read_likeness(&items, &mut reading))
        .unwrap_or_else(|| items.iter().collect());
    settle(&rest, reading, &tokens)
}

/// `25`, `#25`, `No. 025`, `which pokemon is number 150`: a number in the national Pokédex and nothing else.
fn number_of(text: &str, tokens: &[Token]) -> Option<i32> {
    let is_number = |token: &&Token| token.word.bytes().all(|b| b.is_ascii_digit());
    let mut numbers = tokens.iter().filter(is_number);
    let number = numbers.next().filter(|token| token.word.len() <= 4)?;
    let says = |word: &str| Table::NumberWord.has(word);
    let adds = |word: &str| Table::Filler.has(word) || Table::FillerAbroad.has(word);
    let others: Vec<&str> = tokens.iter().filter(|token| !is_number(token)).map(|token| token.word.as_str()).collect();
    let is_asked = others.is_empty() && !text.contains(['%', '-', '.', ','])
        || text.contains('#')
        || others.iter().any(|word| says(word));
    (numbers.next().is_none() && is_asked && others.iter().all(|word| says(word) || adds(word)))
        .then(|| number.word.parse().ok())
        .flatten()
}

/// Makes what is left to read of items into conditions, an order and words.
fn settle(rest: &[&Item], mut reading: Reading, tokens: &[Token]) -> Option<Reading> {
    let is_family = reading != Reading::default();
    let has = |wanted: fn(&Kind) -> bool| rest.iter().any(|item| wanted(&item.kind));
    // Comparisons with nothing are words like others.
    let is_free = |item: &&&Item| matches!(item.kind, Kind::Free | Kind::Compared(..) | Kind::Against | Kind::Become);
    let free: Vec<&&Item> = rest.iter().filter(is_free).collect();
    let names: Vec<&&Item> = rest.iter().filter(|item| matches!(item.kind, Kind::Name { .. })).collect();
    let negated = rest
        .windows(2)
        .any(|pair| pair[0].kind == Kind::Not && matches!(pair[1].kind, Kind::Type { .. } | Kind::Color { .. }))
        || rest.windows(3).any(|three| {
            three[0].kind == Kind::Not
                && three[1].kind == Kind::Filler
                && matches!(three[2].kind, Kind::Type { .. } | Kind::Color { .. })
        });
    let is_way = has(|kind| matches!(kind, Kind::Way(_))) && has(|kind| matches!(kind, Kind::Evolve | Kind::Evolution));
    let is_strong = is_family
        || is_way
        // Types and colours in another language, and nothing else.
        || free.is_empty() && names.is_empty() && rest.iter().any(|item| item.foreign && matches!(item.kind, Kind::Type { .. }))
        // Two measures are no accident.
        || rest.iter().filter(|item| item.weight == Weight::Some && matches!(item.kind, Kind::Condition(_))).count() > 1
        || rest.iter().any(|item| item.weight == Weight::Strong)
        || has(|kind| *kind == Kind::Pokemon)
            && rest.iter().any(|item| item.weight == Weight::Some || matches!(item.kind, Kind::Condition(_)));
    let is_asked = is_strong || negated || rest.iter().any(|item| item.weight == Weight::Some);
    let order = rest.iter().find_map(|item| match &item.kind {
        Kind::Order(order) => Some(order.clone()),
        _ => None,
    });
    let pictured = |item: &&&Item| Lore::get().look_like(&tokens[item.start].word) >= 3;
    let sorted_by_looks = order.is_some() && names.is_empty() && !free.is_empty() && free.iter().all(pictured);
    // Of forms their species' names are known, and the words for the form.
    let several = forms_named(rest).len() > 1 || has(|kind| matches!(kind, Kind::FormWord { .. } | Kind::Forms(_)));
    let species: Vec<i32> = names.iter().flat_map(|item| ids_of(&item.kind)).collect();
    if several
        && !is_family
        && !names.is_empty()
        && let Some(reading) = forms_of(rest, &species, tokens)
    {
        return Some(reading);
    }
    // "therian formes"
    if names.is_empty()
        && has(|kind| matches!(kind, Kind::FormWord { .. }))
        && let [item] = free[..]
        && item.end == item.start + 1
        && Lore::get().has_form(&tokens[item.start].word)
    {
        let conditions = vec![format!("has_word(form, '{}')", tokens[item.start].word)];
        return Some(Reading { conditions, forms: true, ..Reading::default() });
    }
    if !is_asked || !(free.is_empty() || is_strong || sorted_by_looks) {
        return translated(rest, tokens);
    }
    if !is_family && !species.is_empty() {
        return forms_of(rest, &species, tokens).or_else(|| translated(rest, tokens));
    }
    let as_conditions = free.is_empty() || order.is_some();
    let looks =
        if sorted_by_looks { free.iter().map(|item| tokens[item.start].word.as_str()).collect() } else { Vec::new() };
    conditions::of(rest, as_conditions, &looks, &mut reading);
    reading.order = order.or(reading.order);
    if !as_conditions {
        (reading.words, reading.without) = words_of(rest, tokens);
    }
    if reading.is_nothing() {
        return None;
    }
    // "galarian legendary birds" are forms.
    let holds = |forms| reading.condition().is_none_or(|text| holds_for_some(&text, forms));
    reading.forms |= !is_family && !holds(false) && holds(true);
    Some(reading)
}

fn ids_of(kind: &Kind) -> Vec<i32> {
    match kind {
        Kind::Name { keys, .. } => keys.iter().filter_map(|key| Lore::get().of(key)).map(|row| row.id).collect(),
        _ => Vec::new(),
    }
}

/// Names and words in other languages, and names of forms, in English; nothing where there are none.
fn translated(rest: &[&Item], tokens: &[Token]) -> Option<Reading> {
    let is_foreign = |item: &&&Item| match &item.kind {
        Kind::Name { keys, english } => !english || keys.iter().any(|key| Lore::get().is_form(key)),
        Kind::Type { .. } | Kind::Color { .. } => item.foreign,
        Kind::Shiny => rest.iter().any(|item| matches!(item.kind, Kind::Name { .. })),
        _ => false,
    };
    rest.iter().find(is_foreign)?;
    let named = forms_named(rest);
    if !named.is_empty() {
        // Beside a form its species and other words of it say nothing more.
        let of_forms: Vec<i32> = named.iter().filter_map(|key| Lore::get().of(key)).map(|row| row.id).collect();
        let names = rest.iter().filter_map(|item| match &item.kind {
            Kind::Name { keys, .. } => Some(keys),
            _ => None,
        });
        let is_wanted =
            |key: &&&str| named.contains(*key) || !Lore::get().of(key).is_some_and(|row| of_forms.contains(&row.id));
        let keys: Vec<&str> = names.flatten().filter(is_wanted).copied().collect();
        return Some(Reading { words: Lore::get().labels(&keys).join(" "), named, ..Reading::default() });
    }
    let mut words: Vec<String> = Vec::new();
    for item in rest {
        match &item.kind {
            Kind::Name { keys, .. } => words.extend(Lore::get().labels(keys)),
            Kind::Type { name, .. } if item.foreign => words.push((*name).into()),
            Kind::Color { name } if item.foreign => words.push((*name).into()),
            Kind::Shiny | Kind::Filler | Kind::Pokemon => {}
            _ => words.extend((item.start..item.end).map(|at| tokens[at].text.to_string())),
        }
    }
    Some(Reading { words: words.join(" "), ..Reading::default() })
}

/// What is left of a text: the words that became nothing else, and those that are said not to be meant.
fn words_of(rest: &[&Item], tokens: &[Token]) -> (String, String) {
    let (mut words, mut without): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut not = false;
    for item in rest {
        let is_number = item.kind == Kind::Free && tokens[item.start].word.parse::<f64>().is_ok();
        let said: Vec<String> = match &item.kind {
            Kind::Name { keys, .. } => Lore::get().labels(keys),
            // A number that counts nothing that is known says nothing.
            Kind::Free | Kind::Compared(..) | Kind::Against | Kind::Become if !is_number => {
                (item.start..item.end).map(|at| tokens[at].text.to_string()).collect()
            }
            Kind::Type { name, typed: false } | Kind::Color { name } if !not => vec![(*name).into()],
            _ => Vec::new(),
        };
        match not && item.kind == Kind::Free {
            true => without.extend(said),
            false => words.extend(said),
        }
        not = item.kind == Kind::Not || not && item.kind == Kind::Filler;
    }
    (words.join(" "), without.join(" "))
}

#[cfg(test)]
mod tests;
