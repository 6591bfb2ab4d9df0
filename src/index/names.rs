//! Names as people write them: `nidoran f`, `mr mime`, `flabebe`, `pikachoo`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::model::{Known, slips_forgiven};

/// The score of a name that is the whole query, and of one that is part of it.
const WHOLE: f32 = 1.0;
const PART: f32 = 0.95;
/// No name of a species is more words than this ("Tapu Koko", "Iron Valiant", "Mr. Rime", with room for "nidoran the female").
const LONGEST_NAME: usize = 3;

/// The names of all rows, folded for comparison.
#[derive(Default)]
pub(super) struct Names {
    rows: Vec<Vec<Name>>,
    /// How many words the longest has.
    longest: usize,
}

/// One spelling of a name.
struct Name {
    folded: String,
    is_one_word: bool,
}

/// A query, folded: the spellings that could be a name, and whether the query is nothing else.
struct Spelling {
    folded: String,
    whole: bool,
    /// How many slips from English words: a query for a horse is no typo of Horsea, nor is a chamelion a Charmeleon, nor
    /// "a litle" a Flittle.
    slips_from_words: usize,
    /// Several words may be the typo of a name that has several, whatever words they are: "mr rhime" is Mr. Rime.
    is_phrase: bool,
}

impl Names {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Names {
        let mut longest = LONGEST_NAME;
        let rows =
            names.inspect(|name| longest = longest.max(name.split_whitespace().count())).map(spellings_of).collect();
        Names { rows, longest }
    }

    /// For every row how well its name matches the query, in [0, 1]; 0 where it does not. `look_up` knows English.
    pub(super) fn scores<'a>(&self, query: &str, look_up: impl Fn(&str) -> Known<'a>) -> Vec<f32> {
        let spellings = candidates(query, self.longest, look_up);
        let exact: Vec<f32> = self.rows.iter().map(|names| best(&spellings, names, exact_score)).collect();
        if exact.iter().any(|&score| score > 0.0) {
            return exact;
        }
        self.rows.iter().map(|names| best(&spellings, names, typo_score)).collect()
    }
}

fn best(spellings: &[Spelling], names: &[Name], score: fn(&Spelling, &Name) -> f32) -> f32 {
    let pairs = names.iter().flat_map(|name| spellings.iter().map(move |spelling| score(spelling, name)));
    pairs.fold(0.0, f32::max)
}

fn exact_score(spelling: &Spelling, name: &Name) -> f32 {
    match (spelling.folded == name.folded, spelling.whole) {
        (true, true) => WHOLE,
        (true, false) => PART,
        (false, _) => 0.0,
    }
}

/// A name that is misspelt, where it is not rather an English word.
fn typo_score(spelling: &Spelling, name: &Name) -> f32 {
    let length = name.folded.chars().count();
    let mut slips = slips_forgiven(length, 7);
    if name.is_one_word || !spelling.is_phrase {
        // As near to words as to a name: alone it is the name, in a longer query the words.
        slips = slips.min(spelling.slips_from_words.saturating_sub(usize::from(!spelling.whole)));
    }
    if slips == 0 || spelling.folded.len().abs_diff(name.folded.len()) > slips {
        return 0.0;
    }
    match strsim::osa_distance(&spelling.folded, &name.folded) {
        distance if distance > slips => 0.0,
        distance => {
            let similarity = 1.0 - distance as f32 / length as f32;
            similarity * if spelling.whole { WHOLE } else { PART }
        }
    }
}

/// Lower case, no accents, letters and digits only; ♀ and ♂ as `f` and `m`.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    }
    text.replace('♀', "f")
        .replace('♂', "m")
        .to_lowercase()
        .nfd()
        .filter(|&c| !is_combining_mark(c) && c.is_alphanumeric())
        .collect()
}

fn spellings_of(name: &str) -> Vec<Name> {
    let is_one_word = name.chars().all(char::is_alphabetic);
    let mut spellings = vec![fold(name)];
    for (sign, word) in [('♀', "female"), ('♂', "male")] {
        if name.contains(sign) {
            spellings.push(fold(&name.replace(sign, word)));
        }
    }
    spellings.into_iter().map(|folded| Name { folded, is_one_word }).collect()
}

fn candidates<'a>(query: &str, longest: usize, look_up: impl Fn(&str) -> Known<'a>) -> Vec<Spelling> {
    let words: Vec<&str> = query.split_whitespace().collect();
    let folded: Vec<String> = words.iter().map(|word| fold(word)).collect();
    let slips: Vec<usize> = folded
        .iter()
        .map(|word| match look_up(word) {
            Known::Whole => 0,
            Known::Slips(slips, _) => slips,
            Known::No => usize::MAX,
        })
        .collect();
    let mut spellings = Vec::new();
    for length in 1..=longest.min(words.len()) {
        for (folded, slips) in folded.windows(length).zip(slips.windows(length)) {
            let folded = folded.concat();
            let slips_from_words = slips.iter().fold(0, |sum: usize, &slips| sum.saturating_add(slips));
            if !folded.is_empty() {
                spellings.push(Spelling {
                    folded,
                    whole: length == words.len(),
                    slips_from_words,
                    is_phrase: length > 1,
                });
            }
        }
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::species;

    fn find(query: &str) -> Option<&'static str> {
        let names = Names::new(species::names());
        let words = [
            "horse", "fire", "dog", "mouse", "bird", "monkey", "a", "in", "little", "row", "mr", "shield", "on",
            "table",
        ];
        let scores = names.scores(query, |w| match w {
            "chamelion" => Known::Slips(1, "chameleon"),
            "litle" => Known::Slips(1, "little"),
            "golbet" => Known::Slips(1, "goblet"),
            w if words.contains(&w) => Known::Whole,
            _ => Known::No,
        });
        let (best, score) = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        (*score > 0.0).then(|| species::names().nth(best)).flatten()
    }

    #[test]
    fn every_name_finds_itself_however_it_is_written() {
        for name in species::names() {
            assert_eq!(find(name), Some(name));
            assert_eq!(find(&name.to_uppercase()), Some(name));
        }
        for (query, name) in [
            ("nidoran f", "Nidoran♀"),
            ("nidoran male", "Nidoran♂"),
            ("mr mime", "Mr. Mime"),
            ("MrMime", "Mr. Mime"),
            ("flabebe", "Flabébé"),
            ("farfetchd", "Farfetch’d"),
            ("ho oh", "Ho-Oh"),
            ("type null", "Type: Null"),
            ("a picture of Pikachu please", "Pikachu"),
        ] {
            assert_eq!(find(query), Some(name), "{query}");
        }
    }

    #[test]
    fn a_slip_is_forgiven_but_english_words_are_words() {
        for (query, name) in
            [("pikachoo", "Pikachu"), ("charzard", "Charizard"), ("bulbasuar", "Bulbasaur"), ("gengr", "Gengar")]
        {
            assert_eq!(find(query), Some(name), "{query}");
        }
        assert_eq!(find("golbet"), Some("Golbat"), "as near to the name as to a word");
        assert_eq!(find("a golbet on a table"), None, "in a longer query the word");
        assert_eq!(find("mr rhime"), Some("Mr. Rime"));
        assert_eq!(find("pika choo"), Some("Pikachu"), "words that are no English");
        for query in [
            "a little mouse",
            "a litle shield",
            "in a row",
            "chamelion",
            "horse",
            "fire dog",
            "monkey",
            "zzzzzzzz",
            "♀",
        ] {
            assert_eq!(find(query), None, "{query}");
        }
    }
}
