//! From the parts of a text to conditions in SQL: what `not`, `or` and `and` make of them.

use super::Reading;
use super::items::{Item, Kind, region_in};
use super::lexicon::STARTER;
use super::lore::Lore;
use crate::filter::Filter;
use crate::index::Pokedex;

/// Columns of which a row has one value: of two that are asked for one is enough.
const SINGLE: [&str; 6] = ["region", "generation", "color", "habitat", "shape", "gender"];

/// Adds what the parts say. Types and colours become conditions where no words are left to search for (`all`), and words for
/// what a species looks like where `looks` has them.
pub(super) fn of(rest: &[&Item], all: bool, looks: &[&str], reading: &mut Reading) {
    let has = |wanted: fn(&Kind) -> bool| rest.iter().any(|item| wanted(&item.kind));
    let is_family = !reading.conditions.is_empty() || reading.like.is_some();
    let is_of_forms = has(|kind| matches!(kind, Kind::Forms(_)));
    let mut types: Vec<&str> = Vec::new();
    let (mut not, mut or) = (false, false);
    for (at, item) in rest.iter().enumerate() {
        let joined = or;
        let condition = match &item.kind {
            Kind::Not => {
                not = true;
                continue;
            }
            Kind::Or => {
                or = true;
                continue;
            }
            Kind::But => {
                (not, or) = (false, false);
                continue;
            }
            Kind::Type { name, typed } if all || *typed || not => match not {
                false => {
                    types.push(name);
                    continue;
                }
                true => type_is(name),
            },
            Kind::Color { name } if all || not => format!("color = '{name}'"),
            Kind::Way(way) if has(|kind| *kind == Kind::Evolve) => format!("has_item(evolves_by, '{way}')"),
            Kind::Way(way) if has(|kind| *kind == Kind::Evolution) => format!("has_item(evolution, '{way}')"),
            Kind::Condition(condition) if not && condition == "is_legendary" => "is_legendary or is_mythical".into(),
            Kind::Condition(condition) if is_of_forms => of_species(condition),
            Kind::Condition(condition) => condition.clone(),
            // The usual rows are no such forms anyway.
            Kind::Forms(_) if not => {
                not = false;
                continue;
            }
            Kind::Forms(condition) => {
                reading.forms = true;
                condition.clone()
            }
            Kind::Filler | Kind::Pokemon => continue,
            // What is not meant was words.
            _ => {
                not = false;
                continue;
            }
        };
        match not {
            true => add(format!("({condition}) is not true"), reading),
            false if joined => add_either(condition, reading),
            false => add(condition, reading),
        }
        // "not fire or water" is neither.
        let next = rest[at + 1..].iter().find(|item| item.kind != Kind::Filler);
        not &= next.is_some_and(|item| item.kind == Kind::Or);
        or = false;
    }
    if !types.is_empty() {
        let either = has(|kind| *kind == Kind::Or);
        let at = usize::from(is_family && !reading.conditions.is_empty());
        reading.conditions.insert(at, types_are(&types, either));
    }
    for word in looks {
        add(format!("has_word(looks_like, '{word}')"), reading);
    }
    // Of a family that begins with a starter its first, unless another is asked for.
    let starters = reading.conditions.iter().any(|condition| condition == STARTER);
    if starters && !is_of_forms && !has(|kind| *kind == Kind::Stage) {
        add("stage = 1".into(), reading);
    }
}

/// Adds a condition, once; one of two values of a column that has one is enough.
fn add(condition: String, reading: &mut Reading) {
    let single = |text: &str| {
        SINGLE.iter().find_map(|name| Some((*name, text.strip_prefix(name)?.strip_prefix(" = ")?.to_string())))
    };
    if let Some((column, value)) = single(&condition) {
        for own in &mut reading.conditions {
            if let Some((_, first)) = single(own).filter(|(name, first)| *name == column && *first != value) {
                *own = format!("{column} in ({first}, {value})");
                return;
            }
            if let Some(values) = own.strip_prefix(&format!("{column} in (")).and_then(|rest| rest.strip_suffix(')')) {
                *own = format!("{column} in ({values}, {value})");
                return;
            }
        }
    }
    if !reading.conditions.contains(&condition) {
        reading.conditions.push(condition);
    }
}

/// Adds a condition that holds instead of the last one.
fn add_either(condition: String, reading: &mut Reading) {
    let before = reading.conditions.len();
    match reading.conditions.last().cloned() {
        Some(last) if !last.ends_with("is not true") => {
            let count = {
                add(condition.clone(), reading);
                reading.conditions.len()
            };
            // Another value of the same column was added there.
            if count > before {
                reading.conditions.truncate(before - 1);
                reading.conditions.push(format!("({last} or {condition})"));
            }
        }
        _ => add(condition, reading),
    }
}

pub(super) fn type_is(name: &str) -> String {
    format!("'{name}' in (type1, type2)")
}

/// Two types are asked for at once where a species has both, and else one of them.
fn types_are(types: &[&str], either: bool) -> String {
    let each: Vec<String> = types.iter().map(|name| type_is(name)).collect();
    match types {
        [_] => each.concat(),
        _ if either || !Lore::get().has_types(types) => format!("({})", each.join(" or ")),
        _ => each.join(" and "),
    }
}

/// A condition on where forms are from, as one on their species: a Mega of Kanto came with Kalos.
fn of_species(condition: &str) -> String {
    let ids = region_in(condition).map(|region| Lore::get().ids_of_region(region)).unwrap_or_default();
    match (ids.first(), ids.last()) {
        (Some(first), Some(last)) => format!("id between {first} and {last}"),
        _ => condition.into(),
    }
}

/// Whether a condition holds for some row.
pub(super) fn holds_for_some(condition: &str, forms: bool) -> bool {
    let filter = Filter::parse(condition).ok();
    filter.and_then(|filter| Pokedex::passing(&filter, forms).ok()).is_some_and(|passing| passing.count_set_bits() > 0)
}
