//! WordPiece, uncased, as BERT has it (Devlin et al., 2018; Schuster and Nakajima, 2012): lower case, accents
//! stripped, split at white space and punctuation, then the longest known piece again and again.

use std::borrow::Cow;
use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::spelling::{self, Known};

/// The id that counts for nothing.
const PAD: i32 = 0;
/// The id of a word that no pieces make up.
const UNKNOWN: i32 = 1;
/// A longer word is unknown; it is no word, and looking for its pieces would take quadratic time.
const LONGEST_WORD: usize = 100;

/// A tokenizer over a vocabulary of one piece a line, where the line number is the id.
pub(super) struct WordPiece {
    ids: HashMap<Cow<'static, str>, i32>,
}

impl WordPiece {
    pub(super) fn new(vocabulary: Cow<'static, str>) -> Result<WordPiece, String> {
        // One allocation for the whole table: building it is a good part of a short query's time.
        let mut ids: HashMap<Cow<'static, str>, i32> = HashMap::with_capacity(vocabulary.len() / 7);
        match vocabulary {
            Cow::Borrowed(text) => ids.extend(text.lines().map(Cow::Borrowed).zip(0..)),
            Cow::Owned(text) => ids.extend(text.lines().map(|line| Cow::Owned(line.to_string())).zip(0..)),
        }
        match (ids.get("[PAD]"), ids.get("[UNK]")) {
            (Some(&PAD), Some(&UNKNOWN)) => Ok(WordPiece { ids }),
            _ => Err("does not begin with [PAD] and [UNK]".into()),
        }
    }

    /// The ids of a text's pieces.
    pub(super) fn encode(&self, text: &str) -> Vec<i32> {
        let mut ids = Vec::new();
        for word in words(text) {
            self.encode_word(&word, &mut ids);
        }
        ids
    }

    /// Whether this lower-case word is one piece, or which one it may be a slip of.
    pub(super) fn look_up(&self, word: &str) -> Known<'_> {
        match self.ids.contains_key(word) {
            true => Known::Whole,
            false => spelling::nearest(word, self.ids.iter().map(|(word, id)| (word.as_ref(), *id))),
        }
    }

    fn encode_word(&self, word: &str, ids: &mut Vec<i32>) {
        let before = ids.len();
        let mut piece = String::with_capacity(word.len() + 2);
        let mut start = 0;
        while start < word.len() && word.chars().count() <= LONGEST_WORD {
            let ends = word[start..].char_indices().map(|(at, c)| start + at + c.len_utf8());
            let longest = ends.rev().find_map(|end| {
                piece.clear();
                piece.push_str(if start > 0 { "##" } else { "" });
                piece.push_str(&word[start..end]);
                self.ids.get(piece.as_str()).map(|&id| (id, end))
            });
            let Some((id, end)) = longest else { break };
            ids.push(id);
            start = end;
        }
        if start < word.len() {
            ids.truncate(before);
            ids.push(UNKNOWN);
        }
    }
}

/// Lower-case words without accents; every punctuation mark is a word of its own.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in text.to_lowercase().nfd().filter(|&c| !is_combining_mark(c)) {
        if c.is_whitespace() || c.is_control() {
            words.push(String::new());
        } else if is_punctuation(c) {
            words.push(c.to_string());
            words.push(String::new());
        } else {
            words.last_mut().expect("there is always a last word").push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// ASCII symbols and the punctuation blocks of Unicode; letters, digits, symbols such as ♀ and emoji are not.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}')
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> WordPiece {
        WordPiece::new(Cow::Borrowed("[PAD]\n[UNK]\nfire\ndog\n##s\nun\n##aff\n##able\n-\nho\noh")).expect("valid")
    }

    #[test]
    fn words_split_into_their_longest_pieces() {
        assert_eq!(tokenizer().encode("Fire DOGS"), [2, 3, 4]);
        assert_eq!(tokenizer().encode("unaffable"), [5, 6, 7]);
        assert_eq!(tokenizer().encode("Ho-Oh"), [9, 8, 10]);
    }

    #[test]
    fn a_word_that_is_not_made_of_pieces_is_unknown_as_a_whole() {
        assert_eq!(tokenizer().encode("firex dog"), [1, 3]);
        assert_eq!(tokenizer().encode("鳥"), [1]);
        assert_eq!(tokenizer().encode(&"dog".repeat(1000)), [1]);
    }

    #[test]
    fn accents_and_spaces_do_not_matter() {
        assert_eq!(tokenizer().encode("  fíre\t\ndög "), [2, 3]);
        assert_eq!(tokenizer().encode(""), [] as [i32; 0]);
    }
}
