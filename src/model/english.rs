//! Which words English has, beside those that a model knows.

use std::sync::LazyLock;

use crate::sorted;

/// The words, sorted, one a line, rare ones with a question mark. Read when a word is first asked for that the model does not know.
static WORDS: LazyLock<String> = LazyLock::new(|| {
    let words = zstd::decode_all(include_bytes!("../../assets/english.txt.zst").as_slice());
    words.ok().and_then(|words| String::from_utf8(words).ok()).expect("the list in the binary is sound")
});

/// Whether a lower-case word is one, of three letters or more.
pub fn has(word: &str) -> bool {
    find(word).is_some()
}

/// Whether it is one that few people write.
pub(super) fn is_rare(word: &str) -> bool {
    find(word) == Some(true)
}

/// Whether a word is rare, where it is one.
fn find(word: &str) -> Option<bool> {
    let line = sorted::from_line(&WORDS, |line| line.trim_end_matches('?') < word).lines().next()?;
    (line.trim_end_matches('?') == word).then(|| line.ends_with('?'))
}

/// Whether one is so many slips away, or fewer, and begins alike.
pub(super) fn has_within(word: &str, slips: usize) -> bool {
    let first = word.chars().next();
    let near = |known: &str| known.len().abs_diff(word.len()) <= slips && known.chars().next() == first;
    WORDS
        .lines()
        .map(|line| line.trim_end_matches('?'))
        .filter(|known| near(known))
        .any(|known| strsim::osa_distance(word, known) <= slips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_and_others_not() {
        for word in ["finch", "pier", "sarong", "aardvark", "zoom", "the"] {
            assert!(has(word), "{word}");
        }
        for word in ["", "hund", "zzzz", "aaaa", "pikachu", "ff"] {
            assert!(!has(word), "{word}");
        }
        let words = || WORDS.lines().map(|line| line.trim_end_matches('?'));
        assert!(words().is_sorted() && words().all(has));
        assert!(is_rare("wale") && !is_rare("whale") && !is_rare("zzzz"));
        assert!(has_within("finchh", 1) && !has_within("qwrtz", 1));
    }
}
