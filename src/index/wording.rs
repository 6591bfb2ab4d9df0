//! The words of facts and questions: how they are told apart, and put in the singular.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Plurals that no rule makes.
const IRREGULAR: &[(&str, &str)] = &[
    ("mice", "mouse"),
    ("geese", "goose"),
    ("teeth", "tooth"),
    ("feet", "foot"),
    ("oxen", "ox"),
    ("people", "person"),
    ("men", "man"),
    ("women", "woman"),
    ("children", "child"),
    ("fungi", "fungus"),
    ("cacti", "cactus"),
    ("octopi", "octopus"),
];

/// Words that say nothing about a species.
pub(super) const STOP_WORDS: &[&str] = &[
    "a",
    "an",
    "and",
    "are",
    "as",
    "at",
    "be",
    "by",
    "for",
    "from",
    "has",
    "have",
    "in",
    "is",
    "it",
    "its",
    "like",
    "look",
    "looks",
    "looking",
    "me",
    "my",
    "of",
    "on",
    "or",
    "pokemon",
    "show",
    "some",
    "something",
    "that",
    "the",
    "their",
    "thing",
    "this",
    "to",
    "with",
    "who",
    "which",
    "kind",
    "type",
    "can",
    "very",
    "who's",
    "there",
];

/// Lower-case words without accents; borrowed where they are that already, as nearly all facts are.
pub(super) fn words(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let is_letter = |c: char| match c.is_ascii() {
        true => is_ascii_letter(c as u8),
        false => c.is_alphanumeric() || is_combining_mark(c),
    };
    text.split(move |c: char| !is_letter(c)).filter(|word| !word.is_empty()).map(plain)
}

fn is_ascii_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'\''
}

fn plain(word: &str) -> Cow<'_, str> {
    match word.is_ascii() {
        true if word.bytes().all(|b| !b.is_ascii_uppercase()) => Cow::Borrowed(word),
        true => Cow::Owned(word.to_ascii_lowercase()),
        false => Cow::Owned(word.to_lowercase().nfd().filter(|&c| !is_combining_mark(c)).collect()),
    }
}

/// Calls `found` with those of the [`words`] of a text that begin as one of these. The others, which are nearly all, are only
/// passed over.
pub(super) fn words_beginning(text: &str, beginnings: &[Option<[u8; 2]>], mut found: impl FnMut(&str)) {
    if !text.is_ascii() {
        words(text).filter(|word| beginnings.contains(&beginning(word))).for_each(|word| found(&word));
        return;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && is_ascii_letter(bytes[at]) {
            at += 1;
        }
        let own = bytes[start..at].first_chunk().map(|first: &[u8; 2]| first.map(|b| b.to_ascii_lowercase()));
        if at > start && beginnings.contains(&own) {
            found(&plain(&text[start..at]));
        }
        at += 1;
    }
}

/// `dogs` → `dog`, `butterflies` → `butterfly`, `foxes` → `fox`, `wolves` → `wolf`; words that are no plural may lose
/// an `s` too, in the facts as well as in the query.
pub(super) fn singular(word: &str) -> String {
    let drop = |ending: &str, instead: &str| {
        word.strip_suffix(ending).filter(|stem| stem.len() >= 2).map(|stem| format!("{stem}{instead}"))
    };
    if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_string();
    }
    if let Some((_, one)) = IRREGULAR.iter().find(|(many, _)| *many == word) {
        return (*one).to_string();
    }
    drop("ies", "y")
        .or_else(|| drop("ves", "f"))
        .or_else(|| ["s", "x", "z", "ch", "sh"].iter().find_map(|sound| drop(&format!("{sound}es"), sound)))
        .or_else(|| drop("s", ""))
        .unwrap_or_else(|| word.to_string())
}

/// What a word and its singular share, but for those as feet and mice, which are no plurals here.
pub(super) fn beginning(word: &str) -> Option<[u8; 2]> {
    word.as_bytes().first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_beginning_are_those_among_all() {
        for text in ["", "fire-dog, a Fox", "Flabébé's flower", "x", "don't DO it", "do", " do ", "é", "a b c d"] {
            for beginnings in [vec![beginning("dog"), beginning("fla")], vec![beginning("a")], vec![]] {
                let all: Vec<String> =
                    words(text).filter(|word| beginnings.contains(&beginning(word))).map(Cow::into_owned).collect();
                let mut found = Vec::new();
                words_beginning(text, &beginnings, |word| found.push(word.to_string()));
                assert_eq!(found, all, "{text}");
            }
        }
    }

    #[test]
    fn plurals_fold_to_singulars() {
        for (plural, one) in [
            ("dogs", "dog"),
            ("butterflies", "butterfly"),
            ("foxes", "fox"),
            ("wolves", "wolf"),
            ("witches", "witch"),
            ("grass", "grass"),
            ("cactus", "cactus"),
            ("mice", "mouse"),
        ] {
            assert_eq!(singular(plural), one);
        }
    }
}
