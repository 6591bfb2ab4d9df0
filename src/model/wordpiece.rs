//! WordPiece, uncased, as BERT has it (Devlin et al., 2018; Schuster and Nakajima, 2012): lower case, accents
//! stripped, split at white space and punctuation, then the longest known piece again and again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use memchr::{memchr_iter, memmem};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::spelling::{self, Known};

/// The id that counts for nothing.
const PAD: i32 = 0;
/// The id of a word that no pieces make up.
const UNKNOWN: i32 = 1;
/// A longer word is unknown; it is no word, and looking for its pieces would take quadratic time.
const LONGEST_WORD: usize = 100;

/// So many pieces are looked for in the text of a vocabulary before it is worth a table: one takes some ten
/// microseconds, the table as long as a hundred.
const FEW: usize = 64;

/// A tokenizer over a vocabulary of one piece a line, where the line number is the id.
pub(super) struct WordPiece(Pieces);

enum Pieces {
    /// Of the program: a text that is searched as it lies there, until somebody asks for many.
    Own { text: &'static str, asked: AtomicUsize, ids: OnceLock<HashMap<&'static str, i32>> },
    /// Of a file.
    Read(HashMap<String, i32>),
}

impl Pieces {
    fn get(&self, piece: &str) -> Option<i32> {
        match self {
            Pieces::Read(ids) => ids.get(piece).copied(),
            Pieces::Own { text, asked, ids } => {
                if asked.load(Relaxed) < FEW {
                    asked.fetch_add(1, Relaxed);
                    return line_of(text, piece);
                }
                ids.get_or_init(|| text.lines().zip(0..).collect()).get(piece).copied()
            }
        }
    }

    fn all(&self) -> Box<dyn Iterator<Item = (&str, i32)> + '_> {
        match self {
            Pieces::Read(ids) => Box::new(ids.iter().map(|(piece, id)| (piece.as_str(), *id))),
            Pieces::Own { text, .. } => Box::new(text.lines().zip(0..)),
        }
    }
}

/// The number of a line of a text.
fn line_of(text: &str, line: &str) -> Option<i32> {
    if line.contains('\n') {
        return None;
    }
    let ends_before = |at: usize| at == 0 || text.as_bytes()[at - 1] == b'\n';
    let at = match memmem::find(text.as_bytes(), format!("\n{line}\n").as_bytes()) {
        Some(before) => before + 1,
        None if text.split('\n').next() == Some(line) => 0,
        None => {
            text.len()
                - text
                    .strip_suffix(line)
                    .filter(|rest| !line.is_empty() && ends_before(rest.len()))
                    .map(|_| line.len())?
        }
    };
    i32::try_from(memchr_iter(b'\n', &text.as_bytes()[..at]).count()).ok()
}

impl WordPiece {
    pub(super) fn new(vocabulary: Cow<'static, str>) -> Result<WordPiece, String> {
        let pieces = match vocabulary {
            Cow::Borrowed(text) => Pieces::Own { text, asked: AtomicUsize::new(0), ids: OnceLock::new() },
            Cow::Owned(text) => Pieces::Read(text.lines().map(str::to_string).zip(0..).collect()),
        };
        match (pieces.get("[PAD]"), pieces.get("[UNK]")) {
            (Some(PAD), Some(UNKNOWN)) => Ok(WordPiece(pieces)),
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
        match self.0.get(word) {
            Some(_) => Known::Whole,
            None => spelling::nearest(word, self.0.all()),
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
                self.0.get(&piece).map(|id| (id, end))
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
    fn a_piece_has_one_id_whether_it_is_looked_for_or_looked_up() {
        let text = "[PAD]\n[UNK]\nfire\ndog\n##s\nlast\n";
        let own = WordPiece::new(Cow::Borrowed(text)).expect("valid");
        let read = WordPiece::new(Cow::Owned(text.into())).expect("valid");
        for _ in 0..FEW {
            for piece in ["[PAD]", "fire", "dog", "##s", "last", "fir", "ire", "s", "", "dog\n##s"] {
                assert_eq!(own.0.get(piece), read.0.get(piece), "{piece}");
            }
        }
        assert!(matches!(own.0, Pieces::Own { ids, .. } if ids.get().is_some()));
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
