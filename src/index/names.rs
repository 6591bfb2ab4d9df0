//! Names as people write them: `nidoran f`, `mr mime`, `flabebe`, `pikachoo`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The score of a name that is the whole query, and of one that is part of it.
const WHOLE: f32 = 1.0;
const PART: f32 = 0.95;
/// No name is more words than this ("Tapu Koko", "Iron Valiant", "Mr. Rime", with room for "nidoran the female").
const LONGEST_NAME: usize = 3;

/// The names of all rows, folded for comparison.
pub struct Names(Vec<Vec<String>>);

/// A query, folded: the spellings that could be a name, and whether the query is nothing else.
struct Spelling {
    folded: String,
    whole: bool,
    /// May it be a misspelt name? Not where it is an English word: a query for a horse is no typo of Horsea.
    may_be_typo: bool,
}

impl Names {
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Names {
        Names(names.map(spellings_of).collect())
    }

    /// For every row how well its name matches the query, in [0, 1]; 0 where it does not. `is_word` knows English.
    pub fn scores(&self, query: &str, is_word: impl Fn(&str) -> bool) -> Vec<f32> {
        let spellings = candidates(query, is_word);
        let exact: Vec<f32> = self.0.iter().map(|names| best(&spellings, names, exact_score)).collect();
        if exact.iter().any(|&score| score > 0.0) {
            return exact;
        }
        self.0.iter().map(|names| best(&spellings, names, typo_score)).collect()
    }
}

fn best(spellings: &[Spelling], names: &[String], score: fn(&Spelling, &str) -> f32) -> f32 {
    let pairs = names.iter().flat_map(|name| spellings.iter().map(move |spelling| score(spelling, name)));
    pairs.fold(0.0, f32::max)
}

fn exact_score(spelling: &Spelling, name: &str) -> f32 {
    match (spelling.folded == name, spelling.whole) {
        (true, true) => WHOLE,
        (true, false) => PART,
        (false, _) => 0.0,
    }
}

/// One slip (a letter more, less, other or swapped) is forgiven in a name of four letters or more, two from seven on.
fn typo_score(spelling: &Spelling, name: &str) -> f32 {
    let length = name.chars().count();
    let slips = match length {
        0..4 => return 0.0,
        4..7 => 1,
        _ => 2,
    };
    if !spelling.may_be_typo || spelling.folded.len().abs_diff(name.len()) > slips {
        return 0.0;
    }
    match strsim::osa_distance(&spelling.folded, name) {
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

fn spellings_of(name: &str) -> Vec<String> {
    let mut spellings = vec![fold(name)];
    for (sign, word) in [('♀', "female"), ('♂', "male")] {
        if name.contains(sign) {
            spellings.push(fold(&name.replace(sign, word)));
        }
    }
    spellings
}

fn candidates(query: &str, is_word: impl Fn(&str) -> bool) -> Vec<Spelling> {
    let words: Vec<&str> = query.split_whitespace().collect();
    let mut spellings = Vec::new();
    for length in 1..=LONGEST_NAME.min(words.len()) {
        for window in words.windows(length) {
            let folded = fold(&window.concat());
            // Several words that together are one slip from a name are hardly anything else.
            let may_be_typo = length > 1 || !is_word(&folded);
            if !folded.is_empty() {
                spellings.push(Spelling { folded, whole: length == words.len(), may_be_typo });
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
        let words = ["horse", "fire", "dog", "mouse", "bird", "monkey"];
        let scores = names.scores(query, |w| words.contains(&w));
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
        for query in ["horse", "fire dog", "monkey", "zzzzzzzz", "♀"] {
            assert_eq!(find(query), None, "{query}");
        }
    }
}
