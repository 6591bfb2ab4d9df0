//! Questions that name a species and ask for others: what it evolves into, what is like it, what is heavier.

use super::Reading;
use super::items::{Item, Kind, Weight, keys_are, one_of_types};
use super::lore::{Fact, Lore};
use super::measures::plain;
use crate::index::Order;

/// What is asked of a family.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Before,
    After,
    All,
}

/// Reads evolution and comparison of the one species that is named; gives the parts that are left to read.
pub(super) fn read<'a>(items: &'a [Item], reading: &mut Reading) -> Option<Vec<&'a Item>> {
    let name = items.iter().position(|item| matches!(item.kind, Kind::Name { .. }))?;
    let fact = named(&items[name])?;
    if let Some(rest) = compared(items, reading) {
        return Some(rest);
    }
    let names = items.iter().filter(|item| matches!(item.kind, Kind::Name { .. }));
    if !names.clone().filter_map(named).all(|other| other.family == fact.family) {
        return None;
    }
    if let Some(at) = items.iter().position(|item| item.kind == Kind::Against).filter(|at| *at < name) {
        reading.conditions.push(one_of_types(&fact.weak_to.split(", ").collect::<Vec<_>>()));
        return Some(without(items, |i, _| i == name || i == at));
    }
    let asked = relation(items, name)?;
    let stage = items.iter().any(|item| item.kind == Kind::Stage);
    let keys: Vec<&str> = match asked {
        Asked::Before => Lore::get().ancestors(fact.id).into_iter().map(|row| row.key.as_str()).collect(),
        Asked::After => Lore::get().descendants(fact.id),
        Asked::All => Vec::new(),
    };
    let condition = match asked {
        Asked::All => format!("family = '{}'", fact.family),
        Asked::After if fact.stage == 1.0 && !stage => format!("family = '{}' and stage > 1", fact.family),
        Asked::After if stage => format!("family = '{}'", fact.family),
        _ => keys_are(&keys),
    };
    // Of what does not evolve nothing comes.
    let nothing = keys.is_empty() && asked != Asked::All && !stage;
    reading.conditions.push(if nothing { "false".into() } else { condition });
    if asked == Asked::Before {
        reading.order = Some(Order { column: "stage".into(), descending: true });
    }
    let spoken = |item: &Item| {
        matches!(
            item.kind,
            Kind::Evolve
                | Kind::Evolution
                | Kind::Family
                | Kind::Before
                | Kind::After
                | Kind::Into
                | Kind::From
                | Kind::Not
                | Kind::Stage
                | Kind::Become
        )
    };
    let mut rest = without(items, |_, item| matches!(item.kind, Kind::Name { .. }) || spoken(item));
    if stage && reading_of_baby(items) {
        // The baby form of a species is its first.
        rest.retain(|item| item.kind != Kind::Condition("is_baby".into()));
        reading.conditions.push("stage = 1".into());
    }
    Some(rest)
}

fn reading_of_baby(items: &[Item]) -> bool {
    items.iter().any(|item| item.kind == Kind::Condition("is_baby".into()))
}

/// `heavier and faster than snorlax`, `taller than pikachu but not heavier`: each comparison with the name that follows it, or
/// with the one before where none does.
fn compared<'a>(items: &'a [Item], reading: &mut Reading) -> Option<Vec<&'a Item>> {
    if items.iter().any(|item| item.kind == Kind::Like) {
        return None;
    }
    let is_name = |item: &Item| matches!(item.kind, Kind::Name { .. });
    let is_compared = |item: &Item| matches!(item.kind, Kind::Compared(..));
    let joins = |item: &Item| matches!(item.kind, Kind::Filler | Kind::But | Kind::Not);
    let mut gone: Vec<usize> = Vec::new();
    for at in (0..items.len()).filter(|&at| is_compared(&items[at])) {
        let after = items[at + 1..].iter().position(|item| !joins(item) && !is_compared(item)).map(|n| at + 1 + n);
        let name = after.filter(|&n| is_name(&items[n])).or_else(|| {
            let before = gone.iter().copied().filter(|&n| is_name(&items[n])).max();
            before.filter(|_| !gone.is_empty())
        })?;
        let not = (0..at).rev().take_while(|&n| joins(&items[n])).find(|&n| items[n].kind == Kind::Not);
        compare(&items[at], named(&items[name])?, not.is_some(), reading)?;
        gone.extend(not.into_iter().chain([at, name]));
    }
    if gone.is_empty() {
        return None;
    }
    if gone.iter().filter(|&&n| is_compared(&items[n])).count() > 1 {
        reading.order = None;
    }
    Some(without(items, |i, _| gone.contains(&i)))
}

/// Reads `like Pikachu but bigger`: rows like a named one, and how they compare with it.
pub(super) fn read_likeness<'a>(items: &'a [Item], reading: &mut Reading) -> Option<Vec<&'a Item>> {
    let name = items.iter().position(|item| matches!(item.kind, Kind::Name { .. }))?;
    let fact = named(&items[name])?;
    let said = |item: &Item| matches!(item.kind, Kind::Filler | Kind::Like);
    let before = (0..name).rev().take_while(|&at| said(&items[at])).find(|&at| items[at].kind == Kind::Like);
    // "onix but bigger"
    let after = || {
        let but = items.get(name + 1).is_some_and(|item| item.kind == Kind::But);
        let compared = items[name + 1..].iter().any(|item| matches!(item.kind, Kind::Compared(..)));
        (but && compared && name == 0).then_some(name + 1)
    };
    let like = before.or_else(after)?;
    reading.like = Some(fact.key.clone());
    for item in items {
        if let Kind::Compared(..) = item.kind {
            if reading.conditions.is_empty() {
                // What is like another but bigger is of its kind.
                reading.conditions.push(format!("'{}' in (type1, type2)", fact.types[0]));
            }
            compare(item, fact, false, reading)?;
            reading.order = None;
        }
    }
    // Where there is none of its kind, others do.
    if reading.condition().is_some_and(|condition| !super::holds_for_some(&condition, false)) {
        reading.conditions.remove(0);
    }
    Some(without(items, |i, item| {
        i == name || i == like || matches!(item.kind, Kind::Compared(..) | Kind::But | Kind::Shiny)
    }))
}

/// The species that an item names; of a form the species it is of.
fn named(item: &Item) -> Option<&'static Fact> {
    match &item.kind {
        Kind::Name { keys, .. } => keys.first().and_then(|key| Lore::get().of(key)),
        _ => None,
    }
}

fn compare(item: &Item, fact: &Fact, not: bool, reading: &mut Reading) -> Option<()> {
    let Kind::Compared(column, more) = item.kind else { return None };
    let value = Lore::get().number(&fact.key, column)?;
    let sign = match (more, not) {
        (true, false) => ">",
        (false, false) => "<",
        (true, true) => "<=",
        (false, true) => ">=",
    };
    reading.conditions.push(format!("{column} {sign} {}", plain(value)));
    reading.order = Some(Order { column: column.into(), descending: more != not });
    Some(())
}

fn without(items: &[Item], gone: impl Fn(usize, &Item) -> bool) -> Vec<&Item> {
    items.iter().enumerate().filter(|(at, item)| !gone(*at, item)).map(|(_, item)| item).collect()
}

/// What is asked of the family of the one that is named, by the words around it and their order.
fn relation(items: &[Item], name: usize) -> Option<Asked> {
    let place = |kind: Kind| items.iter().position(|item| item.kind == kind);
    if place(Kind::Family).is_some() {
        return Some(Asked::All);
    }
    if place(Kind::Before).is_some() {
        return Some(Asked::Before);
    }
    if place(Kind::After).is_some() {
        return Some(Asked::After);
    }
    let stage = place(Kind::Stage).is_some();
    if let Some(at) = place(Kind::Become) {
        return Some(if at < name { Asked::Before } else { Asked::After });
    }
    if place(Kind::Evolve).is_some() {
        return Some(match (place(Kind::Into), place(Kind::From)) {
            // "what evolves into milotic", "what does kadabra evolve into"
            (Some(into), _) if into < name => Asked::Before,
            (_, Some(from)) if from < name => Asked::After,
            (_, Some(_)) => Asked::Before,
            _ => Asked::After,
        });
    }
    match (place(Kind::Evolution).is_some(), stage) {
        // "Gengar Mega Evolution" is the form.
        (true, _) if named(&items[name]).is_some_and(|fact| fact.is_form) => None,
        (true, _) => Some(Asked::After),
        (false, true) if items.iter().all(|item| item.kind != Kind::Free && item.weight != Weight::Strong) => {
            Some(Asked::All)
        }
        _ => None,
    }
}
