//! Misspelt words: the known word that was probably meant.

use super::english;

/// What a vocabulary makes of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'a> {
    /// It is in the vocabulary.
    Whole,
    /// It is so many slips away from a word of the vocabulary.
    Slips(usize, &'a str),
    /// It is like no word of the vocabulary.
    No,
}

/// A slip is a letter more, less, other or swapped. One is forgiven from four letters on, two from `long` on.
pub fn slips_forgiven(letters: usize, long: usize) -> usize {
    match letters {
        0..4 => 0,
        n if n < long => 1,
        _ => 2,
    }
}

/// Three letters or more, from a to z.
fn is_plain(word: &str) -> bool {
    word.len() >= 3 && word.bytes().all(|b| b.is_ascii_lowercase())
}

/// The word of a vocabulary of (word, rank) that an unknown lower-case word is nearest to; the lowest rank among equals.
/// Only words of three letters or more from a to z count, on both sides. The first letter must be right, which nearly
/// every misspelling has: it keeps rare words from becoming others.
pub(super) fn nearest<'a>(word: &str, vocabulary: impl Iterator<Item = (&'a str, i32)>) -> Known<'a> {
    let slips = slips_forgiven(word.len(), 8);
    if slips == 0 || !is_plain(word) {
        return Known::No;
    }
    vocabulary
        .filter(|(known, _)| known.bytes().next() == word.bytes().next() && known.len().abs_diff(word.len()) <= slips)
        .filter(|(known, _)| is_plain(known))
        .map(|(known, rank)| {
            let is_plural = word.strip_suffix('s') == Some(known);
            (strsim::osa_distance(word, known), !is_plural, rank, known)
        })
        .min()
        .filter(|(distance, ..)| *distance <= slips)
        .map_or(Known::No, |(distance, .., known)| Known::Slips(distance, known))
}

/// What a vocabulary makes of a word, where a word of English is no slip: it is known as such, though the vocabulary lacks it.
/// What is nearer to a word of English than to any of the vocabulary is none of its words either. But a plural is no word of
/// its own, nor is one that is spelt otherwise elsewhere (`sabre`); and among other words (`beside`) a rare one is rather a
/// common one that lacks a letter: a blue wale is a whale.
pub fn among_english<'a>(word: &str, known: Known<'a>, beside: bool) -> Known<'a> {
    match known {
        Known::Slips(_, meant) if is_variant(word, meant) => known,
        Known::Slips(1, meant) if beside && oddity(word, meant) <= 1 && english::is_rare(word) => known,
        Known::Slips(..) | Known::No if english::has(word) => Known::Whole,
        // A short word alone in which one letter is quite another may be anything.
        Known::Slips(1, meant) if !beside && word.len() <= 4 && oddity(word, meant) == 2 => Known::No,
        Known::Slips(slips, _) if slips > 1 && english::has_within(word, slips - 1) => Known::No,
        known => known,
    }
}

/// Whether two words are one: a plural, or letters in another order.
fn is_variant(word: &str, meant: &str) -> bool {
    let plural = ["s", "es"].iter().any(|end| word.strip_suffix(end) == Some(meant));
    plural || word.len() == meant.len() && oddity(word, meant) == 1
}

/// How odd a slip is: letters are left out more often than swapped or doubled, and those more often than typed for others.
fn oddity(word: &str, known: &str) -> u8 {
    let letters = |word: &str| {
        let mut letters: Vec<u8> = word.bytes().collect();
        letters.sort_unstable();
        letters
    };
    match word.len().cmp(&known.len()) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal if letters(word) == letters(known) => 1,
        // They sound alike.
        std::cmp::Ordering::Equal if word.replace('c', "k") == known.replace('c', "k") => 1,
        std::cmp::Ordering::Equal => 2,
    }
}

/// A text whose misspelt words are put right, and what was changed: (as written, as read). No word is touched that
/// holds other letters than a to z.
pub fn correct<'a>(text: &str, look_up: impl Fn(&str) -> Known<'a>) -> (String, Vec<(String, &'a str)>) {
    let mut changes = Vec::new();
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        let known = if word.is_ascii() { look_up(&word.to_ascii_lowercase()) } else { Known::No };
        if let Known::Slips(_, meant) = known {
            out.push_str(meant);
            out.push_str(&part[word.len()..]);
            changes.push((word.to_string(), meant));
        } else {
            out.push_str(part);
        }
    }
    (out, changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(word: &str) -> Known<'static> {
        let words = ["ghost", "goat", "sword", "penguin", "coats", "coal", "vulture", "art", "ant", "haunted"];
        if words.contains(&word) { Known::Whole } else { nearest(word, words.into_iter().zip(0..)) }
    }

    #[test]
    fn slips_find_the_word_that_was_meant() {
        for (word, meant) in
            [("gost", "ghost"), ("sowrd", "sword"), ("pengiun", "penguin"), ("vulchure", "vulture"), ("coals", "coal")]
        {
            assert!(matches!(look_up(word), Known::Slips(_, known) if known == meant), "{word}: {:?}", look_up(word));
        }
        assert_eq!(look_up("sword"), Known::Whole);
    }

    #[test]
    fn words_of_english_are_no_slips() {
        let words = ["flinch", "pie", "hand", "strong", "spanner", "stallion"];
        let look_up = |word: &str| among_english(word, nearest(word, words.into_iter().zip(0..)), false);
        for word in ["finch", "pier", "sarong", "hind"] {
            assert_eq!(look_up(word), Known::Whole, "{word}");
        }
        let beside = |word: &str| among_english(word, nearest(word, ["whale", "skull"].into_iter().zip(0..)), true);
        assert_eq!((beside("wale"), beside("scull")), (Known::Slips(1, "whale"), Known::Slips(1, "skull")));
        assert_eq!(look_up("spanners"), Known::Slips(1, "spanner"), "a plural is no word of its own");
        assert_eq!(look_up("scallionn"), Known::No, "nearer to a scallion than to a stallion");
        assert_eq!(look_up("hund"), Known::No, "it may be anything");
        assert_eq!(look_up("strogn"), Known::Slips(1, "strong"));
    }

    #[test]
    fn short_foreign_and_far_words_stay() {
        for word in ["act", "boat", "x", "", "zzzzzzzz", "gööst", "gh0st", "vulcher"] {
            assert_eq!(look_up(word), Known::No, "{word}");
        }
    }

    #[test]
    fn a_text_keeps_everything_but_its_slips() {
        assert_eq!(correct("A  Haunted sowrd, (gost)!", look_up).0, "A  Haunted sword, (ghost)!");
        assert_eq!(correct("flabébé 火の犬 mew2 ", look_up), ("flabébé 火の犬 mew2 ".to_string(), vec![]));
        assert_eq!(correct("pengiun", look_up).1, [("pengiun".to_string(), "penguin")]);
    }
}
