//! A text in words.

use super::lexicon::Table;
use crate::species::{fold, written};

/// A word, as it is written and as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) word: String,
}

/// The words of a text: letters, numbers with their signs and points, and signs that mean something; `900kg` is two.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token> = Vec::new();
    let (mut rest, mut before) = (text, ' ');
    while let Some(first) = rest.chars().next() {
        let after_number = before.is_ascii_digit();
        let follows = |sign: char| rest.strip_prefix(sign).and_then(|rest| rest.chars().next()).unwrap_or(' ');
        let length = match numeral(rest, before) {
            Some(length) => {
                let (text, _) = rest.split_at(length);
                tokens.push(Token { text, word: plain_number(text) });
                length
            }
            // "gen 1-3", "speed 100+"
            None if after_number && first == '-' && follows('-').is_ascii_digit() => {
                tokens.push(Token { text: &rest[..1], word: "to".into() });
                1
            }
            None if after_number && first == '+' && !follows('+').is_alphanumeric() => {
                tokens.extend(["or", "more"].map(|word| Token { text: &rest[..1], word: word.into() }));
                1
            }
            None => {
                let kind = Class::of(first);
                let joins =
                    |c: &char| kind != Class::Sign && Class::of(*c) == kind && !(kind == Class::Space && *c == '-');
                let length =
                    first.len_utf8() + rest.chars().skip(1).take_while(joins).map(char::len_utf8).sum::<usize>();
                if kind != Class::Space {
                    add_word(&rest[..length], kind, &mut tokens);
                }
                length
            }
        };
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    tokens
}

fn add_word<'a>(run: &'a str, kind: Class, tokens: &mut Vec<Token<'a>>) {
    let text = run.trim_end_matches(['\'', '’']);
    let text = ["'s", "’s"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
    let word = match text {
        "/" | "&" | "," | "+" => "and".into(),
        _ if kind == Class::Compare => text.into(),
        _ => fold(text),
    };
    match pieces(text) {
        _ if word.is_empty() => {}
        Some(pieces) => tokens.extend(pieces.into_iter().map(|text| Token { text, word: fold(text) })),
        None => tokens.push(Token { text, word }),
    }
}

/// How long the number is that a text begins with: `-5`, `1,000`, `6.5`, `1e5`.
fn numeral(text: &str, before: char) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = usize::from(bytes.first() == Some(&b'-') && before.is_whitespace());
    if !is_digit(at) {
        return None;
    }
    while is_digit(at) || matches!(bytes.get(at), Some(b',' | b'.')) && is_digit(at + 1) {
        at += 1;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) && is_digit(at + 1) {
        at += 1;
        while is_digit(at) {
            at += 1;
        }
    }
    Some(at)
}

/// A number as programs write it: a comma before three digits parts thousands, another stands for the point.
fn plain_number(text: &str) -> String {
    let thousands =
        text.split(',').skip(1).all(|part| part.len() >= 3 && part.as_bytes()[..3].iter().all(u8::is_ascii_digit));
    text.replace(',', if thousands { "" } else { "." })
}

/// What is known in a run of a script that is written without spaces, where that is something; the rest holds it together.
fn pieces(run: &str) -> Option<Vec<&str>> {
    if run.is_ascii() || !run.contains(|c| c >= '\u{3000}') || is_known(run) {
        return None;
    }
    let starts: Vec<usize> = run.char_indices().map(|(at, _)| at).chain([run.len()]).collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at + 1 < starts.len() {
        let longest = (at + 2..starts.len()).rev().find(|&end| is_known(&run[starts[at]..starts[end]]));
        match longest {
            Some(end) => {
                found.push(&run[starts[at]..starts[end]]);
                at = end;
            }
            None => at += 1,
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Whether it is a name or a word for a type, a colour or a region, or one that says that a type or a number is meant.
fn is_known(text: &str) -> bool {
    let folded = fold(text);
    written(&folded).next().is_some() || ["タイプ", "타입"].contains(&&*folded) || Table::NumberWord.has(&folded)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    /// Begins a number, which is read as a whole.
    Digit,
    Compare,
    Sign,
    Space,
}

impl Class {
    fn of(c: char) -> Class {
        match c {
            '\'' | '’' | '♀' | '♂' | 'ー' => Class::Letter,
            '<' | '>' | '=' => Class::Compare,
            '0'..='9' => Class::Digit,
            c if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) => Class::Letter,
            '/' | '&' | ',' | '+' => Class::Sign,
            _ => Class::Space,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_words_numbers_and_signs() {
        let words = |text: &str| tokens(text).into_iter().map(|token| token.word).collect::<Vec<_>>();
        assert_eq!(words("Gen7, Fire/Flying-types"), ["gen", "7", "and", "fire", "and", "flying", "types"]);
        assert_eq!(words("heavier than 6.5kg? (no.)"), ["heavier", "than", "6.5", "kg", "no"]);
        assert_eq!(words("Pikachu's Farfetch’d hp>=100"), ["pikachu", "farfetchd", "hp", ">=", "100"]);
        assert_eq!(words("gen 1-3 speed 100+"), ["gen", "1", "to", "3", "speed", "100", "or", "more"]);
        assert_eq!(words("1,000 kg 5,5 -3 ho-oh 1e5"), ["1000", "kg", "5.5", "-3", "ho", "oh", "1e5"]);
        assert_eq!(words("ピカチュウ 🔥"), ["ピカチュウ"]);
        assert_eq!(words("カビゴンを見せて"), ["カビゴン"]);
        assert_eq!(words("給我看卡比獸"), ["卡比獸"]);
        assert_eq!(words("猫が好き"), ["猫が好き"].map(fold));
    }
}
