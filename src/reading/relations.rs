//! The type chart: weak to, resistant to, immune to, strong against.

use super::items::{Found, Kind, Weight, one_of_types};
use super::lexicon::type_named;

/// How types meet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Weak,
    Resists,
    Immune,
    /// Weak to nothing else.
    Only,
    /// Neither weak nor resistant.
    Neutral,
    /// Their own attacks hurt.
    Against,
}

/// How much is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Factor {
    Any,
    Twice,
    FourTimes,
}

/// A part that speaks of the type chart.
pub(super) fn recognise(words: &[&str]) -> Option<Found> {
    let only = words.starts_with(&["only", "weak"]);
    let (skipped, factor) = if only { (1, Factor::Any) } else { factor(words).unwrap_or((0, Factor::Any)) };
    let rest = words.get(skipped..).filter(|rest| !rest.is_empty())?;
    // Jackets are water resistant, too.
    let (found, weight) = match with_types_after(rest) {
        Some(found) => (found, Weight::Strong),
        None => (with_type_before(rest)?, Weight::Some),
    };
    let (length, relation, types, either) = found;
    let relation = if only { Relation::Only } else { relation };
    let end = skipped + length;
    // "takes 4x damage from ice", "weak to ice four times".
    let inner =
        rest.get(1..).and_then(self::factor).filter(|_| rest[0].starts_with("tak")).map(|(_, factor)| (0, factor));
    let (more, factor) = match inner.or_else(|| words.get(end..).and_then(self::factor)) {
        Some((more, other)) if factor == Factor::Any => (more, other),
        _ => (0, factor),
    };
    let each: Vec<String> = types.iter().map(|name| condition(relation, factor, name)).collect();
    let condition = match either {
        true if each.len() > 1 => format!("({})", each.join(" or ")),
        _ => each.join(" and "),
    };
    Some((end + more, Kind::Condition(condition), weight))
}

fn condition(relation: Relation, factor: Factor, name: &str) -> String {
    match (relation, factor) {
        (Relation::Weak, Factor::Any) => format!("has_item(weak_to, '{name}')"),
        (Relation::Weak, Factor::FourTimes) => format!("has_item(weak_to_4x, '{name}')"),
        (Relation::Weak, Factor::Twice) => {
            format!("has_item(weak_to, '{name}') and has_item(weak_to_4x, '{name}') is not true")
        }
        (Relation::Only, _) => format!("weak_to = '{name}'"),
        (Relation::Neutral, _) => format!(
            "(has_item(weak_to, '{name}') or has_item(resists, '{name}') or has_item(immune_to, '{name}')) is not true"
        ),
        (Relation::Resists, Factor::FourTimes) => format!("has_item(resists_4x, '{name}')"),
        (Relation::Resists, _) => format!("has_item(resists, '{name}')"),
        (Relation::Immune, _) => format!("has_item(immune_to, '{name}')"),
        (Relation::Against, _) => {
            let strong = super::lore::STRONG_AGAINST.iter().find(|(own, _)| *own == name).map(|(_, types)| *types);
            one_of_types(strong.unwrap_or_default())
        }
    }
}

/// `weak to fire and rock`, `resists water`, `takes double damage from ice`.
fn with_types_after(words: &[&str]) -> Option<(usize, Relation, Vec<&'static str>, bool)> {
    let next = words.get(1).copied().unwrap_or_default();
    let (at, relation) = match words[0] {
        "weakest" if ["to", "against"].contains(&next) => (1, Relation::Weak),
        "weak" | "weakness" | "weaknesses" | "vulnerable" | "vulnerability" | "susceptible" | "hurt" => {
            (1, Relation::Weak)
        }
        "take" | "takes" | "taking" => {
            let more = words.iter().position(|word| *word == "damage").filter(|at| *at <= 4)?;
            let relation = match next {
                "no" => Relation::Immune,
                "normal" | "neutral" => Relation::Neutral,
                "half" | "less" | "reduced" | "quarter" => Relation::Resists,
                _ => Relation::Weak,
            };
            (more + 1, relation)
        }
        "resist" | "resists" | "resisting" | "resistant" | "resistance" | "resistances" => (1, Relation::Resists),
        "cant" | "cannot" if words[1..].starts_with(&["be", "hit", "by"]) => (4, Relation::Immune),
        "not" if words[1..].starts_with(&["affected", "by"]) => (3, Relation::Immune),
        "immune" | "immunity" | "immunities" | "unaffected" => (1, Relation::Immune),
        "fear" | "fears" | "hate" | "hates" | "mind" | "minds" => (1, Relation::Weak),
        "half" | "quarter" if next == "damage" => (2, Relation::Resists),
        "normal" | "neutral" if next == "damage" => (2, Relation::Neutral),
        "double" if next == "damage" => (2, Relation::Weak),
        "no" if next == "damage" => (2, Relation::Immune),
        "super" if next == "effective" => (2, Relation::Against),
        "supereffective" | "effective" => (1, Relation::Against),
        "strong" | "good" | "great" | "advantage" if ["against", "over", "vs"].contains(&next) => {
            (1, Relation::Against)
        }
        "beat" | "beats" | "counter" | "counters" => (1, Relation::Against),
        _ => return None,
    };
    let (length, types, either) = types(words.get(at..)?)?;
    Some((at + length, relation, types, either))
}

/// `a grass weakness`, `fire resistant`, `ground immunity`.
fn with_type_before(words: &[&str]) -> Option<(usize, Relation, Vec<&'static str>, bool)> {
    let name = type_named(words[0])?;
    let at = 1 + usize::from(words.get(1).is_some_and(|word| *word == "type"));
    let cannot = words.get(at).is_some_and(|word| ["cant", "cannot"].contains(word));
    if cannot && words.get(at + 1).is_some_and(|word| ["hurt", "hit", "touch", "damage", "harm"].contains(word)) {
        let more = usize::from(words.get(at + 2).is_some_and(|word| ["it", "them"].contains(word)));
        return Some((at + 2 + more, Relation::Immune, vec![name], false));
    }
    let relation = match words.get(at)? {
        &"weakness" | &"weaknesses" | &"weak" => Relation::Weak,
        &"resistance" | &"resistances" | &"resistant" | &"resisting" => Relation::Resists,
        &"immunity" | &"immunities" | &"immune" => Relation::Immune,
        _ => return None,
    };
    // "fire weak to water" says it of water.
    let goes_on = words.get(at + 1).is_some_and(|word| ["to", "against"].contains(word));
    (!goes_on).then(|| (at + 1, relation, vec![name], false))
}

/// Types one after the other: how many words, which, and whether one of them is enough.
fn types(words: &[&str]) -> Option<(usize, Vec<&'static str>, bool)> {
    const BEFORE: [&str; 11] = ["to", "against", "by", "from", "over", "vs", "for", "any", "a", "the", "both"];
    const AFTER: [&str; 7] = ["type", "types", "attacks", "attack", "moves", "pokemon", "damage"];
    let mut at = words.iter().take_while(|word| BEFORE.contains(word)).count();
    let (mut found, mut either) = (vec![words.get(at).and_then(|word| type_named(word))?], false);
    at += 1;
    loop {
        let joint = words.get(at).copied().unwrap_or_default();
        let again = usize::from(words.get(at + 1).is_some_and(|word| ["to", "against"].contains(word)));
        let next = match joint {
            "and" | "or" => words.get(at + 1 + again).and_then(|word| type_named(word)).map(|name| (name, 2 + again)),
            _ => None,
        };
        // "weak to fire and dragon type" goes on with something else.
        let is_other = words.get(at + 2).is_some_and(|word| ["type", "types"].contains(word)) && joint == "and";
        match next {
            Some((name, length)) if !is_other => {
                found.push(name);
                either |= joint == "or";
                at += length;
            }
            _ => break,
        }
    }
    at += words[at..].iter().take_while(|word| AFTER.contains(word)).count();
    Some((at, found, either))
}

/// `four times`, `4x`, `x4`, `doubly`, `twice`.
fn factor(words: &[&str]) -> Option<(usize, Factor)> {
    let next = words.get(1).copied().unwrap_or_default();
    match (*words.first()?, next) {
        ("four" | "4", "times" | "x") | ("x", "4") => Some((2, Factor::FourTimes)),
        ("two" | "2", "times" | "x") | ("x", "2") => Some((2, Factor::Twice)),
        ("quarter", "damage") => Some((0, Factor::FourTimes)),
        ("quad" | "quadruple" | "quadruply" | "doubly" | "extremely" | "4x", _) => Some((1, Factor::FourTimes)),
        ("double", "weak" | "weakness" | "weaknesses") => Some((1, Factor::FourTimes)),
        ("twice" | "double" | "2x", _) => Some((1, Factor::Twice)),
        _ => None,
    }
}
