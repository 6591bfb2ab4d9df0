//! Which parts of a text are known to the grammar.

use super::items::{Found, Item, Kind, Weight, joined, longest, regional};
use super::lexicon::{self, Table};
use super::tokens::Token;
use super::{LookUp, measures, relations, traits};
use crate::index::Order;
use crate::model::Known;
use crate::species::{self, Meaning, fold};

/// Slips in names are looked for among the last so many words of a text.
const MOST_WORDS: usize = 32;
/// No name is more words than this.
const LONGEST: usize = 6;

/// All parts of a text, in order, and nothing left out.
pub(super) fn scan(tokens: &[Token], look_up: &LookUp) -> Vec<Item> {
    // What is written with accents is no English.
    let accented: Vec<&str> =
        tokens.iter().filter(|token| !token.text.is_ascii()).map(|token| token.word.as_str()).collect();
    let look_up: &LookUp = &|word| if accented.contains(&word) { Known::No } else { look_up(word) };
    let words: Vec<&str> = tokens.iter().map(|token| meant(&token.word, look_up)).collect();
    let mut items: Vec<Item> = Vec::new();
    let mut start = 0;
    while start < words.len() {
        let rest = &words[start..];
        let all = recognise(rest, look_up).unwrap_or((vec![(1, Kind::Free, Weight::None)], false));
        let (found, foreign) = all;
        let length = found.iter().map(|(length, ..)| *length).max().unwrap_or(1).max(1);
        for (_, kind, weight) in found {
            // Full-width letters and others that only look like those of English are read, too.
            let odd = tokens[start..start + length].iter().any(|token| !token.text.is_ascii());
            let foreign = foreign || odd && matches!(kind, Kind::Name { .. });
            let kind = match kind {
                Kind::Name { keys, .. } if odd => Kind::Name { keys, english: false },
                kind => kind,
            };
            items.push(Item { start, end: start + length, kind, weight, foreign });
        }
        start += length;
    }
    items
}

/// A word of the grammar for one that nobody knows and that is a slip away from it.
fn meant<'a>(word: &'a str, look_up: &LookUp) -> &'a str {
    let plain = word.len() >= 5 && word.bytes().all(|b| b.is_ascii_lowercase());
    if !plain || look_up(word) == Known::Whole || is_known(word) || species::written(word).next().is_some() {
        return word;
    }
    let near = |known: &&'static str| {
        known.len() >= 5 && known.as_bytes()[0] == word.as_bytes()[0] && strsim::osa_distance(known, word) == 1
    };
    lexicon::TYPES.into_iter().chain(lexicon::REGIONS).chain(Table::Often.words()).filter(near).min().unwrap_or(word)
}

/// What a text begins with, and whether in another language.
fn recognise(words: &[&str], look_up: &LookUp) -> Option<(Vec<Found>, bool)> {
    if let Some((found, foreign)) = named(words, look_up) {
        return Some((vec![found], foreign));
    }
    let one = phrase(words)
        .or_else(|| generation(words))
        .or_else(|| way(words))
        .or_else(|| measures::recognise(words))
        .or_else(|| traits::recognise(words))
        .or_else(|| relations::recognise(words))
        .or_else(|| kind_of(words))
        .or_else(|| relation_of_names(words))
        .or_else(|| small(words));
    if let Some(found) = one {
        let stage = matches!(&found.1, Kind::Condition(condition) if Table::Stage.means(condition));
        let mut all = vec![found];
        if stage {
            all.push((0, Kind::Stage, Weight::None));
        }
        return Some((all, false));
    }
    foreign(words, look_up).map(|found| (vec![found], true))
}

/// `by trading`, `moon stone`, `at level 16`: by what a species evolves.
fn way(words: &[&str]) -> Option<Found> {
    if words[0] == "level" {
        let level = words.get(1).filter(|word| word.parse::<u8>().is_ok())?;
        return Some((2, Kind::Way(format!("level {level}")), Weight::None));
    }
    let (length, way) = longest(words, 3, Table::Way)?;
    Some((length, Kind::Way(way.into()), Weight::None))
}

/// A species or form by its name, in any language; in another than English only where it is no English word.
fn named(words: &[&str], look_up: &LookUp) -> Option<(Found, bool)> {
    for length in (1..=LONGEST.min(words.len())).rev() {
        let folded = fold(&joined(words, length));
        let (mut keys, mut english) = keys_of(&folded);
        // "Origin Forme Giratina", "Ogerpon with the Wellspring Mask" without its words between.
        let is_form_word = |word: &&&str| Table::FormWord.has(word);
        if keys.is_empty() && length > 2 && words[..length].iter().any(|word| is_form_word(&word)) {
            let telling: Vec<&str> = words[..length].iter().filter(|word| !is_form_word(word)).copied().collect();
            if telling.len() > 1 && !is_form_word(&&words[0]) {
                (keys, english) = keys_of(&fold(&telling.concat()));
            }
        }
        // "Lucarios" is Lucario's, or several.
        if let (true, Some(one)) =
            (keys.is_empty() && folded.is_ascii(), folded.strip_suffix('s').filter(|one| one.len() > 3))
        {
            (keys, english) = keys_of(one);
        }
        let is_english = |word: &&str| word.len() > 1 && look_up(word) == Known::Whole || length == 1 && is_known(word);
        let says_english = || words[..length].iter().all(is_english);
        if keys.is_empty() || !english && says_english() {
            continue;
        }
        return Some(((length, Kind::Name { keys, english }, Weight::None), !english));
    }
    // Each is compared with all names.
    if words.len() > MOST_WORDS { None } else { slip(words, look_up) }
}

/// The species and forms that are called so, and whether in English.
fn keys_of(folded: &str) -> (Vec<&'static str>, bool) {
    let (mut keys, mut english) = (Vec::new(), false);
    for (meaning, own) in species::written(folded) {
        if let Meaning::Name(key) = meaning {
            keys.push(key);
            english |= own;
        }
    }
    (keys, english)
}

/// A name with a slip in it, where the words are none that anybody knows.
fn slip(words: &[&str], look_up: &LookUp) -> Option<(Found, bool)> {
    let first = *words.first()?;
    if species::written(first).any(|(meaning, _)| !matches!(meaning, Meaning::Name(_))) {
        return None;
    }
    if !first.bytes().all(|b| b.is_ascii_alphabetic()) || is_known(first) {
        return None;
    }
    // What is as near to a word is the word.
    let least = match look_up(first) {
        Known::Whole => return None,
        Known::Slips(slips, _) => slips,
        Known::No => usize::MAX,
    };
    let best = (1..=3.min(words.len())).filter_map(|length| {
        let folded = joined(words, length);
        let slips = match folded.len() {
            0..4 => return None,
            4..9 => 1,
            _ => 2,
        };
        let (keys, slips, english) = species::nearly(&folded, slips)?;
        Some((slips, length, keys, english))
    });
    let (slips, length, keys, english) = best.min_by_key(|(slips, length, ..)| (*slips, usize::MAX - length))?;
    (slips > 0 && (slips < least || english) && keys.len() == 1)
        .then_some(((length, Kind::Name { keys, english }, Weight::None), !english))
}

/// Whether the grammar knows a word.
fn is_known(word: &str) -> bool {
    let known = |table: Table| table.has(word);
    Table::Filler.has(word)
        || Table::FormWord.has(word)
        || Table::FillerAbroad.has(word)
        || Table::NumberWord.has(word)
        || TYPE.contains(&word)
        || lexicon::type_named(word).is_some()
        || lexicon::color_named(word).is_some()
        || lexicon::REGIONS.contains(&word)
        || Table::Adjective.has(word)
        || [Table::Condition, Table::Stage, Table::Form, Table::Stat, Table::Group].into_iter().any(known)
        || ["gen", "gens", "pokemon", "shiny", "evolve", "evolves", "evolution", "egg", "ability", "type", "types"]
            .contains(&word)
}

/// Groups, stages and flags.
fn phrase(words: &[&str]) -> Option<Found> {
    if let Some((length, group)) = longest(words, 3, Table::Group) {
        let more = usize::from(words.get(length).is_some_and(|word| ["pokemon", "trio", "forms"].contains(word)));
        return Some((length + more, Kind::Condition(format!("has_item(groups, '{group}')")), Weight::Strong));
    }
    if let Some((length, condition)) = longest(words, 3, Table::Form) {
        return Some((length, Kind::Forms(condition.into()), Weight::Some));
    }
    if let Some((length, condition)) = longest(words, 5, Table::Stage) {
        // Babies are blue, pink and asleep in everyday English.
        let weight = if condition == "is_baby" { Weight::None } else { Weight::Some };
        return Some((length, Kind::Condition(condition.into()), weight));
    }
    let (length, condition) = longest(words, 4, Table::Condition)?;
    // Whoever names a game means its species.
    let is_place = ["generation", "region"].iter().any(|column| condition.starts_with(column));
    Some((length, Kind::Condition(condition.into()), if is_place { Weight::Strong } else { Weight::Some }))
}

/// `gen 7`, `generation VII`, `7th gen`, `gens 1 to 3`, regions.
fn generation(words: &[&str]) -> Option<Found> {
    const GENERATION: [&str; 4] = ["gen", "gens", "generation", "generations"];
    let number = |word: &&str| {
        let number = word.parse().ok().filter(|n| word.len() <= 2 && (0..=99).contains(n));
        number.or_else(|| Table::Ordinal.find(word).and_then(|number| number.parse().ok()))
    };
    let bound = match *words.first()? {
        "before" => Some("<"),
        "after" => Some(">"),
        "since" => Some(">="),
        "until" => Some("<="),
        _ => None,
    };
    if let Some(sign) = bound {
        let (at, n) = match (words.get(1), words.get(2).and_then(number)) {
            (Some(word), Some(n)) if GENERATION.contains(word) => (3, n),
            _ => return None,
        };
        return Some((at, Kind::Condition(format!("generation {sign} {n}")), Weight::Strong));
    }
    if GENERATION.contains(words.first()?) {
        let (mut length, mut numbers) = (1, vec![words.get(1).and_then(number)?]);
        length += 1;
        loop {
            let joint = words.get(length).copied().unwrap_or_default();
            let range = ["to", "through"].contains(&joint);
            let next = match (range || ["and", "or"].contains(&joint), words.get(length + 1)) {
                (true, Some(word)) if GENERATION.contains(word) => {
                    words.get(length + 2).and_then(number).map(|n| (n, 3))
                }
                (true, Some(word)) => number(word).map(|n| (n, 2)),
                _ => None,
            };
            let Some((next, more)) = next else { break };
            match range {
                true => numbers.extend(numbers[numbers.len() - 1] + 1..=next),
                false => numbers.push(next),
            }
            length += more;
        }
        return Some((length, Kind::Condition(one_of("generation", &numbers)), Weight::Strong));
    }
    // "7th gen" is a number, a "th" and "gen".
    let at = 1 + usize::from(words.get(1).is_some_and(|word| ["st", "nd", "rd", "th"].contains(word)));
    if words.get(at).is_some_and(|word| GENERATION.contains(word))
        && !Table::Ordinal.has(words[0]) | words[0].ends_with(['t', 'd', 'h'])
        && let Some(n) = number(words.first()?)
    {
        // People, phones and immigrants have a first generation, too.
        let weight = if words[at].starts_with("generation") { Weight::Some } else { Weight::Strong };
        return Some((at + 1, Kind::Condition(one_of("generation", &[n])), weight));
    }
    let region =
        lexicon::REGIONS.into_iter().find(|region| region == &words[0]).or_else(|| Table::Adjective.find(words[0]))?;
    // "alolan ice types" are the forms, "ice types from alola" the species.
    let is_adjective = ["alola", "galar", "hisui", "paldea"].contains(&region) && Table::Adjective.has(words[0]);
    if is_adjective && words.get(1).is_some_and(|word| lexicon::type_named(word).is_some()) {
        return Some((1, Kind::Forms(regional(region)), Weight::Strong));
    }
    let forms = ["form", "forms", "variant", "variants", "version", "versions"];
    if words.get(1).is_some_and(|word| forms.contains(word)) || words.get(1) == Some(&"regional") {
        let more = usize::from(words.get(2).is_some_and(|word| forms.contains(word)));
        return Some((2 + more, Kind::Forms(regional(region)), Weight::Strong));
    }
    let more = usize::from(words.get(1) == Some(&"region"));
    Some((1 + more, Kind::Condition(format!("region = '{region}'")), Weight::Strong))
}

fn one_of(column: &str, numbers: &[i32]) -> String {
    match numbers {
        [one] => format!("{column} = {one}"),
        more => format!("{column} in ({})", more.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

const TYPE: [&str; 9] = ["type", "types", "typed", "typing", "element", "tipo", "typ", "タイプ", "타입"];

/// Types and colours, with and without the word.
fn kind_of(words: &[&str]) -> Option<Found> {
    let beside = |at: usize| words.get(at).is_some_and(|word| TYPE.contains(word));
    for (first, column) in [("primary", "type1"), ("first", "type1"), ("secondary", "type2"), ("second", "type2")] {
        if words[0] == first {
            let named = |at: usize| words.get(at).and_then(|word| lexicon::type_named(word));
            let (length, name) = match (beside(1), named(1), named(2)) {
                (true, _, Some(name)) => (3, name),
                (false, Some(name), _) if beside(2) => (3, name),
                (true, ..) if words.get(2) == Some(&"is") => (4, named(3)?),
                _ => continue,
            };
            return Some((length, Kind::Condition(format!("{column} = '{name}'")), Weight::Strong));
        }
    }
    if ["pure", "purely", "mono", "only"].contains(&words[0])
        && let Some(name) = words.get(1).and_then(|word| lexicon::type_named(word))
    {
        let condition = format!("type1 = '{name}' and type2 is null");
        return Some((2 + usize::from(beside(2)), Kind::Condition(condition), Weight::Some));
    }
    if let Some(name) = lexicon::type_named(words[0]) {
        let typed = beside(1);
        let weight = if typed { Weight::Strong } else { Weight::None };
        return Some((1 + usize::from(typed), Kind::Type { name, typed }, weight));
    }
    if beside(0)
        && let Some(name) = words.get(1).and_then(|word| lexicon::type_named(word).or_else(|| foreign_type(word)))
    {
        return Some((2, Kind::Type { name, typed: true }, Weight::Strong));
    }
    let colored = ["coloured", "colored", "color", "colour"];
    if let Some(name) = lexicon::color_named(words[0]) {
        let more = usize::from(words.get(1).is_some_and(|word| colored.contains(word)));
        return Some((1 + more, Kind::Color { name }, if more > 0 { Weight::Some } else { Weight::None }));
    }
    match colored.contains(&words[0]) {
        true => {
            let at = 1 + usize::from(words.get(1) == Some(&"is"));
            let name = words.get(at).and_then(|word| lexicon::color_named(word))?;
            Some((at + 1, Kind::Color { name }, Weight::Some))
        }
        false => None,
    }
}

fn foreign_type(word: &str) -> Option<&'static str> {
    species::written(word).find_map(|(meaning, _)| match meaning {
        Meaning::Type(name) => Some(name),
        _ => None,
    })
}

/// Words that relate a species to others.
fn relation_of_names(words: &[&str]) -> Option<Found> {
    let next = words.get(1).copied().unwrap_or_default();
    let kind = match words[0] {
        "evolve" | "evolves" | "evolving" => (1, Kind::Evolve),
        "evolved" if next == "into" || next == "from" => (1, Kind::Evolve),
        "evolved" => (1, Kind::Evolution),
        "before" => (1, Kind::Before),
        "after" => (1, Kind::After),
        "stages" => (1, Kind::Family),
        "preevolution" | "preevolutions" | "prevolution" | "preevo" | "prevo" => (1, Kind::Before),
        "pre" if ["evolution", "evolutions", "evolved", "evo", "evos"].contains(&next) => (2, Kind::Before),
        "previous" | "earlier" | "prior" if ["evolution", "form", "stage", "evolutions", "forms"].contains(&next) => {
            (2, Kind::Before)
        }
        "next" | "later" if ["evolution", "form", "stage", "evolutions", "forms"].contains(&next) => (2, Kind::After),
        "evolutionary" | "evolution" | "evo"
            if ["line", "family", "chain", "tree", "lines", "stages"].contains(&next) =>
        {
            (2, Kind::Family)
        }
        "family" | "evoline" | "relatives" => (1, Kind::Family),
        "line" | "lineage" => (1, Kind::Family),
        "evolution" | "evolutions" | "evos" | "evo" | "evolvution" | "evoluciones" | "evolucion" | "entwicklung"
        | "entwicklungen" | "weiterentwicklung" | "evoluzione" | "evoluzioni" | "進化" | "진화" => {
            (1, Kind::Evolution)
        }
        "turn" | "turns" | "become" | "becomes" | "grow" | "grows" if ["into", "to"].contains(&next) => {
            (2, Kind::Become)
        }
        "become" | "becomes" => (1, Kind::Become),
        "into" | "to" => (1, Kind::Into),
        "from" => (1, Kind::From),
        "looks" if next == "like" => (2, Kind::Like),
        "beat" | "beats" | "counter" | "counters" | "counterpick" => (1, Kind::Against),
        "good" | "strong" | "effective" | "great" | "best" if ["against", "vs"].contains(&next) => (2, Kind::Against),
        "super" if words.get(2) == Some(&"against") => (3, Kind::Against),
        "similar" | "resembles" | "resembling" | "resemble" | "like" | "alike" => (1, Kind::Like),
        _ => return None,
    };
    Some((kind.0, kind.1, Weight::None))
}

/// Joints, and words that add nothing.
fn small(words: &[&str]) -> Option<Found> {
    let next = words.get(1).copied().unwrap_or_default();
    let (length, kind) = match words[0] {
        "not" if words.starts_with(&["not", "very", "effective", "against"]) => (4, Kind::Free),
        "non" | "not" | "no" | "without" | "except" | "excluding" | "isnt" | "arent" | "neither" | "lacking"
        | "doesnt" | "dont" | "nor" | "never" => (1, Kind::Not),
        "top" if next.parse::<u16>().is_ok() => (2, Kind::Filler),
        // "five heaviest"
        word if (word.parse::<u16>().is_ok() || Table::Ordinal.has(word))
            && (Table::Superlative.has(next) || Table::Most.has(next)) =>
        {
            (1, Kind::Filler)
        }
        "other" if next == "than" => (2, Kind::Not),
        "rather" if next == "than" => (2, Kind::Not),
        "or" => (1, Kind::Or),
        "but" | "and" | "though" | "yet" => (1, Kind::But),
        "pokemon" | "pokemons" | "mon" | "mons" | "pkmn" | "pokedex" | "dex" | "species" => (1, Kind::Pokemon),
        // "every gen", "any type", "by height", "(attack stat)"
        "gen" | "gens" | "type" | "types" => (1, Kind::Filler),
        "by" if longest(&words[1..], 3, Table::Stat).is_some() => {
            (1 + longest(&words[1..], 3, Table::Stat).map_or(0, |(length, _)| length), Kind::Filler)
        }
        word if Table::Stat.has(word) && ["stat", "stats"].contains(&next) => (2, Kind::Filler),
        "shiny" | "shinies" => (1, Kind::Shiny),
        word if Table::FormWord.has(word) => (1, Kind::FormWord { many: word.ends_with('s') }),
        word if Table::Filler.has(word) => (1, Kind::Filler),
        _ => return None,
    };
    Some((length, kind, Weight::None))
}

/// `le plus grand`, `el mas pesado`, `schnellstes`: the highest degree in other languages.
fn superlative_abroad(words: &[&str]) -> Option<Found> {
    let begins = |stem: &&'static str| stem.strip_suffix('-').is_some_and(|stem| words[0].starts_with(stem));
    let (length, meaning) = longest(words, 2, Table::Abroad).or_else(|| {
        let stem = Table::Abroad.words().find(begins)?;
        Some((1, Table::Abroad.find(stem)?))
    })?;
    let (column, descending) = lexicon::column_and_order(meaning);
    Some((length, Kind::Order(Order { column: column.into(), descending }), Weight::Some))
}

/// Words for types, colours and regions in other languages.
fn foreign(words: &[&str], look_up: &LookUp) -> Option<Found> {
    if words[0].len() > 1 && look_up(words[0]) == Known::Whole {
        return None;
    }
    if let Some(found) = superlative_abroad(words) {
        return Some(found);
    }
    if Table::FillerAbroad.has(words[0]) {
        return Some((1, Kind::Filler, Weight::None));
    }
    let found = species::written(words[0]).find_map(|(meaning, _)| match meaning {
        Meaning::Type(name) if words.get(1).is_some_and(|word| TYPE.contains(word)) => {
            Some((Kind::Type { name, typed: true }, Weight::Strong))
        }
        Meaning::Type(name) => Some((Kind::Type { name, typed: false }, Weight::None)),
        Meaning::Color(name) => Some((Kind::Color { name }, Weight::None)),
        Meaning::Region(name) if lexicon::REGIONS.contains(&name) => {
            Some((Kind::Condition(format!("region = '{name}'")), Weight::Strong))
        }
        _ => None,
    })?;
    let length = 1 + usize::from(matches!(found.0, Kind::Type { typed: true, .. }));
    Some((length, found.0, found.1))
}
