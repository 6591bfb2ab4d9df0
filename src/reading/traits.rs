//! Egg groups, abilities, habitats and shapes.

use super::items::{Found, Kind, Weight, joined, longest};
use super::lexicon::Table;
use crate::species::{self, Meaning, fold};

/// Egg groups, abilities, habitats and shapes.
pub(super) fn recognise(words: &[&str]) -> Option<Found> {
    let strong = |length: usize, condition: String| Some((length, Kind::Condition(condition), Weight::Strong));
    let group = |words: &[&str]| longest(words, 2, Table::Egg);
    let is_group =
        |at: usize| words.get(at) == Some(&"egg") && words.get(at + 1).is_some_and(|word| word.starts_with("group"));
    if is_group(0) {
        let at = 2 + usize::from(words.get(2).is_some_and(|word| ["is", "of"].contains(word)));
        if let Some((length, name)) = words.get(at..).and_then(group) {
            return strong(at + length, format!("has_item(egg_groups, '{name}')"));
        }
    }
    if let Some((length, name)) = group(words).filter(|(length, _)| is_group(*length)) {
        return strong(length + 2, format!("has_item(egg_groups, '{name}')"));
    }
    if ["breeds", "breed", "breeding"].contains(&words[0]) || words.starts_with(&["in", "the"]) {
        let at = 1 + words[1..].iter().take_while(|word| ["in", "the", "with"].contains(word)).count();
        if let Some((length, name)) = words.get(at..).and_then(group)
            && words.get(at + length).is_some_and(|word| ["group", "groups"].contains(word))
        {
            return strong(at + length + 1, format!("has_item(egg_groups, '{name}')"));
        }
    }
    if let Some(found) = ability(words) {
        return Some(found);
    }
    let lives = ["live", "lives", "living", "habitat", "habitats", "dwelling", "found", "inhabits"];
    if lives.contains(&words[0]) {
        let at = 1 + words[1..]
            .iter()
            .take_while(|word| ["in", "on", "at", "the", "is", "near", "a", "an", "by"].contains(word))
            .count();
        if let Some((length, name)) = words.get(at..).and_then(|rest| longest(rest, 2, Table::Habitat)) {
            let more = usize::from(words.get(at + length) == Some(&"edge"));
            return Some((at + length + more, Kind::Condition(format!("habitat = '{name}'")), Weight::Some));
        }
    }
    if let Some((length, name)) = longest(words, 2, Table::Habitat)
        && words.get(length).is_some_and(|word| ["habitat", "dwelling", "dwellers", "dweller"].contains(word))
    {
        return strong(length + 1, format!("habitat = '{name}'"));
    }
    if ["shape", "bodyshape"].contains(&words[0])
        && let Some((length, name)) = words.get(1..).and_then(|rest| longest(rest, 2, Table::Shape))
    {
        return strong(1 + length, format!("shape = '{name}'"));
    }
    if words.starts_with(&["shaped", "like"]) {
        let at = 2 + words[2..].iter().take_while(|word| ["a", "an"].contains(word)).count();
        let (length, name) = words.get(at..).and_then(|rest| longest(rest, 2, Table::Shape))?;
        return strong(at + length, format!("shape = '{name}'"));
    }
    let (length, name) =
        longest(words, 2, Table::Shape).or_else(|| Some((1, Table::Shape.find(&format!("{}s", words[0]))?)))?;
    let length = length + usize::from(words.get(length) == Some(&"body"));
    let shaped = words.get(length).is_some_and(|word| ["shape", "shaped", "bodied"].contains(word));
    shaped.then(|| (length + 1, Kind::Condition(format!("shape = '{name}'")), Weight::Strong))
}

/// `ability levitate`, `with the levitate ability`, `has levitate`, `flash fire mons`.
fn ability(words: &[&str]) -> Option<Found> {
    let named = |words: &[&str]| {
        let name = |length: usize| {
            species::written(&fold(&joined(words, length))).find_map(|(meaning, _)| match meaning {
                Meaning::Ability(name) => Some((length, name)),
                _ => None,
            })
        };
        (1..=4.min(words.len())).rev().find_map(name)
    };
    let is_ability = |word: &str| ["ability", "abilities"].contains(&word);
    let said = |length: usize, name: &str, weight| {
        Some((length, Kind::Condition(format!("has_item(abilities, '{name}')")), weight))
    };
    if is_ability(words[0]) {
        let at = 1 + usize::from(words.get(1).is_some_and(|word| ["is", "of", "called", "named"].contains(word)));
        let (length, name) = words.get(at..).and_then(named)?;
        return said(at + length, name, Weight::Strong);
    }
    if ["with", "has", "have", "having", "knows"].contains(&words[0]) {
        let at = 1 + usize::from(words.get(1).is_some_and(|word| ["the", "ability"].contains(word)));
        let (length, name) = words.get(at..).and_then(named)?;
        let more = usize::from(words.get(at + length).is_some_and(|word| is_ability(word)));
        return said(at + length + more, name, if more > 0 { Weight::Strong } else { Weight::Some });
    }
    let (length, name) = named(words)?;
    match words.get(length)? {
        word if is_ability(word) => said(length + 1, name, Weight::Strong),
        &"pokemon" | &"mons" | &"mon" | &"setter" | &"setters" | &"users" | &"user" => said(length, name, Weight::Some),
        _ => None,
    }
}
