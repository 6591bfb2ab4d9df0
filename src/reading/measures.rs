//! Numbers: the greatest and the least, more and less, over and under.

use super::items::{Found, Kind, Weight, longest};
use super::lexicon::{Table, column_and_order, unit};
use crate::index::Order;

/// A part that speaks of a number of species.
pub(super) fn recognise(words: &[&str]) -> Option<Found> {
    greatest(words).or_else(|| compared(words)).or_else(|| measured(words))
}

/// The number that words name, which may be called base.
fn stat(words: &[&str]) -> Option<(usize, &'static str)> {
    let skipped =
        usize::from(words.first() == Some(&"base") && words.get(1) != Some(&"stat") && words.get(1) != Some(&"stats"));
    let (length, column) = longest(words.get(skipped..)?, 3, Table::Stat)?;
    Some((skipped + length, column))
}

fn order(column: &str, descending: bool) -> Kind {
    Kind::Order(Order { column: column.into(), descending })
}

/// `tallest`, `most hit points`, `lowest base speed`, `best at attack`.
fn greatest(words: &[&str]) -> Option<Found> {
    if words[0] == "weakest" && words.get(1).is_some_and(|word| ["to", "against"].contains(word)) {
        return None;
    }
    let more = Table::Most.has(words[0]);
    if more || Table::Least.has(words[0]) {
        let at = 1 + words[1..]
            .iter()
            .take_while(|word| ["amount", "number", "of", "overall", "the", "total"].contains(word))
            .count();
        // "top 5 special attack"
        let at = at + usize::from(words.get(at).is_some_and(|word| word.parse::<u16>().is_ok()));
        let named = [at, 1]
            .into_iter()
            .find_map(|at| words.get(at..).and_then(stat).map(|(length, column)| (at + length, column)));
        if let Some((length, column)) = named {
            // Nobody but players speaks of these.
            let jargon = ["hp", "total", "special_attack", "special_defense", "capture_rate"].contains(&column)
                || words[..length].iter().any(|word| ["atk", "base"].contains(word));
            return Some((length, order(column, more), if jargon { Weight::Strong } else { Weight::Some }));
        }
    }
    let (length, meaning) = longest(words, 4, Table::Superlative)?;
    let (column, descending) = column_and_order(meaning);
    Some((length, order(column, descending), Weight::Some))
}

/// `heavier than 900 kg`, `faster than` a name, `more attack than`.
fn compared(words: &[&str]) -> Option<Found> {
    let by_stat = || {
        let more = Table::More.has(words[0]);
        let (length, column) = (more || Table::Less.has(words[0])).then(|| words.get(1..).and_then(stat)).flatten()?;
        Some((length + 1, (column, more)))
    };
    // "weighs more than", "attack stat higher than"
    let after_stat = || {
        let (length, column) = match words[0] {
            "weighs" | "weigh" | "weighing" => (1, "weight_kg"),
            _ => stat(words)?,
        };
        let at = length
            + words[length..].iter().take_while(|word| ["stat", "is", "that", "are", "value"].contains(word)).count();
        let word = words.get(at)?;
        // A number that follows is no name.
        let than = usize::from(words.get(at + 1).is_some_and(|word| ["than", "then"].contains(word)));
        if words.get(at + 1 + than..).and_then(quantity).is_some() {
            return None;
        }
        let more = Table::More.has(word) || ["over", "above"].contains(word);
        let less = Table::Less.has(word) || ["under", "below"].contains(word);
        (more || less).then_some((at + 1, (column, more)))
    };
    let (length, (column, more)) = by_stat()
        .or_else(|| {
            let (length, meaning) = longest(words, 5, Table::Comparative)?;
            Some((length, column_and_order(meaning)))
        })
        .or_else(after_stat)?;
    let than = usize::from(words.get(length).is_some_and(|word| ["than", "then"].contains(word)));
    if than > 0
        && let Some((more_words, value, unit)) = words.get(length + 1..).and_then(quantity)
    {
        let column = unit.unwrap_or(column);
        let sign = if more { ">" } else { "<" };
        return Some((length + 1 + more_words, Kind::Condition(format!("{column} {sign} {value}")), Weight::Strong));
    }
    Some((length + than, Kind::Compared(column, more), Weight::None))
}

/// `speed over 130`, `over 500 kg`, `600 base stats`, `weighs at most 2 lbs`, `10 m tall`.
fn measured(words: &[&str]) -> Option<Found> {
    if let Some(found) = between(words) {
        return Some(found);
    }
    let said = |length: usize, column: &str, sign: &str, value: &str| {
        Some((length, Kind::Condition(format!("{column} {sign} {value}")), Weight::Some))
    };
    if let Some((length, column)) = stat(words) {
        let at = length
            + words[length..].iter().take_while(|word| ["is", "of", "are", "that", "stat"].contains(word)).count();
        let (more, sign) = words.get(at..).and_then(|rest| longest(rest, 2, Table::Sign)).unwrap_or((0, "="));
        let at = at + more;
        let (length, value, unit) = words.get(at..).and_then(quantity)?;
        let sign = later_sign(words, at + length).unwrap_or(sign);
        let tail = if later_sign(words, at + length).is_some() { 2 } else { 0 };
        return said(at + length + tail, unit.unwrap_or(column), sign, &value);
    }
    let weighs = ["weighs", "weigh", "weighing"].contains(&words[0]);
    let at = usize::from(weighs);
    let (more, sign) = words.get(at..).and_then(|rest| longest(rest, 2, Table::Sign)).unwrap_or((0, "="));
    let at = at + more;
    let (length, value, unit) = words.get(at..).and_then(quantity)?;
    let at = at + length;
    let tail = words.get(at).is_some_and(|word| ["tall", "high", "long", "heavy", "big"].contains(word));
    match (unit, words.get(at..).and_then(stat)) {
        (Some(column), _) => said(at + usize::from(tail), column, sign, &value),
        (None, Some((length, column))) => said(at + length, column, sign, &value),
        (None, None) if weighs => said(at, "weight_kg", sign, &value),
        _ => None,
    }
}

/// `weighs between 100 and 105 kg`, `speed between 90 and 100`.
fn between(words: &[&str]) -> Option<Found> {
    let (at, column) = match stat(words) {
        Some((length, column)) => (length, Some(column)),
        None => (usize::from(["weighs", "weighing"].contains(&words[0])), None),
    };
    if words.get(at) != Some(&"between") {
        return None;
    }
    let (first, _, _) = words.get(at + 1..).and_then(quantity)?;
    let joint = at + 1 + first;
    (words.get(joint)? == &"and").then_some(())?;
    let (second, high, unit) = words.get(joint + 1..).and_then(quantity)?;
    let end = joint + 1 + second;
    let later = words.get(end..).and_then(stat);
    let column = unit.or(column).or(later.map(|(_, column)| column))?;
    let factor = words.get(end - 1).and_then(|word| super::lexicon::unit(word)).map_or(1.0, |(_, factor)| factor);
    let low: f64 = words[at + 1].parse().ok()?;
    let length = if unit.is_none() { end + later.map_or(0, |(length, _)| length) } else { end };
    let condition = format!("{column} between {} and {high}", plain(if first == 2 { low } else { low * factor }));
    Some((length, Kind::Condition(condition), Weight::Some))
}

/// `or more`, `or less`, after a number.
fn later_sign(words: &[&str], at: usize) -> Option<&'static str> {
    match words.get(at..at + 2)? {
        ["or", "more" | "higher" | "above" | "over"] => Some(">="),
        ["or", "less" | "lower" | "fewer" | "below" | "under"] => Some("<="),
        _ => None,
    }
}

/// Words after a number that make it one of something else.
const MEASURES: [&str; 8] = ["percent", "years", "hours", "minutes", "mph", "kmh", "dollars", "x"];

/// A number and its unit: how many words, the number in our unit, and the column that the unit belongs to.
fn quantity(words: &[&str]) -> Option<(usize, String, Option<&'static str>)> {
    let number: f64 = words.first()?.parse().ok().filter(|number: &f64| number.is_finite())?;
    match words.get(1).and_then(|word| unit(word)) {
        Some((column, factor)) => Some((2, plain(number * factor), Some(column))),
        // A number of something that is not known is none of ours.
        None if words.get(1).is_some_and(|word| *word == "e" || MEASURES.contains(word)) => None,
        None => Some((1, plain(number), None)),
    }
}

/// A number without noise in its last digits.
pub(super) fn plain(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
