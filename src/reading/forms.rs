//! Forms of species that are named.

use super::Reading;
use super::conditions::{holds_for_some, type_is};
use super::items::{Item, Kind, keys_are, region_in, regional};
use super::lore::Lore;
use super::tokens::Token;
use crate::species::{Meaning, fold, written};

/// `mega charizard`, `paldean tauros`, `ice type vulpix form`, `all rotom forms`: the forms of a kind that the named species
/// have.
pub(super) fn forms_of(rest: &[&Item], species: &[i32], tokens: &[Token]) -> Option<Reading> {
    let reading = |conditions: Vec<String>| {
        holds_for_some(&conditions.join(" and "), true).then(|| Reading {
            conditions,
            forms: true,
            ..Reading::default()
        })
    };
    let named = forms_named(rest);
    if named.len() > 1 {
        return reading(vec![keys_are(&named)]);
    }
    // "galar ponyta and rapidash"
    if let [first] = named[..] {
        let of = |key: &&str| Lore::get().of(key).map(|row| row.id);
        let base = species.iter().filter(|id| Some(**id) == of(&first)).find_map(|id| Lore::get().key_of(*id));
        let suffix = base.and_then(|base| first.strip_prefix(base));
        let others = species.iter().filter(|id| Some(**id) != of(&first)).filter_map(|id| Lore::get().key_of(*id));
        let alike: Vec<String> =
            others.filter_map(|key| Some(format!("{key}{}", suffix?))).filter(|key| Lore::get().is_form(key)).collect();
        return match alike.is_empty() {
            true => None,
            false => reading(vec![keys_are(
                &std::iter::once(first).chain(alike.iter().map(String::as_str)).collect::<Vec<_>>(),
            )]),
        };
    }
    // "therian forms of tornadus, thundurus and landorus"
    let names = rest.iter().filter_map(|item| match &item.kind {
        Kind::Name { keys, .. } => Some(keys[0]),
        _ => None,
    });
    let names: Vec<&str> = names.collect();
    let words = rest
        .iter()
        .filter(|item| item.kind == Kind::Free || matches!(item.kind, Kind::Type { .. } | Kind::Color { .. }));
    let mut told: Vec<&'static str> = Vec::new();
    for word in words.map(|item| &tokens[item.start].word) {
        for name in &names {
            told.extend(written(&fold(&format!("{word}{name}"))).filter_map(|(meaning, _)| match meaning {
                Meaning::Name(key) if Lore::get().is_form(key) => Some(key),
                _ => None,
            }));
        }
    }
    if told.len() == names.len() && named.is_empty() {
        return reading(vec![keys_are(&told)]);
    }
    let ids = species.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let which = if species.len() == 1 { format!("id = {ids}") } else { format!("id in ({ids})") };
    let kind = rest.iter().find_map(|item| match &item.kind {
        Kind::Forms(condition) => Some(condition.clone()),
        Kind::Condition(condition) => region_in(condition).map(regional),
        _ => None,
    });
    if let Some(kind) = kind {
        return reading(vec![which, kind]);
    }
    let types: Vec<&str> = rest
        .iter()
        .filter_map(|item| match &item.kind {
            Kind::Type { name, .. } => Some(*name),
            _ => None,
        })
        .collect();
    let many = rest.iter().any(|item| item.kind == Kind::FormWord { many: true });
    if !types.is_empty() {
        let kind = types.iter().map(|name| type_is(name)).collect::<Vec<_>>().join(" and ");
        // A type that the species has itself tells no form.
        return (!holds_for_some(&format!("{which} and {kind}"), false)).then(|| reading(vec![which, kind])).flatten();
    }
    let all_known = rest.iter().all(|item| item.kind != Kind::Free);
    (many && all_known && named.is_empty()).then(|| reading(vec![which])).flatten()
}

/// The other forms among the names.
pub(super) fn forms_named(rest: &[&Item]) -> Vec<&'static str> {
    let keys = rest.iter().filter_map(|item| match &item.kind {
        Kind::Name { keys, .. } => Some(keys),
        _ => None,
    });
    keys.flatten().copied().filter(|key| Lore::get().is_form(key)).collect()
}
