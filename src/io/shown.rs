//! Text on its way to people: what could drive a terminal, or turn a line around, is shown as an escape.

use std::io::{self, Write};

/// Names, labels and messages may come from strangers: control characters, and those that change the direction in which
/// text is read (by which one name passes for another), are shown as escapes.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, is_hostile)
}

/// A cell of a tab-separated line, which is data and stays as it is but for what would break the line.
pub(crate) fn cell(text: &str) -> String {
    escaped(text, char::is_control)
}

fn escaped(text: &str, hostile: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match hostile(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// Unicode's control characters (C0, C1), line and paragraph separators, and the marks, embeddings, overrides and isolates
/// of its bidirectional algorithm (UAX 9).
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whatever is written to a terminal, whole lines of [`printable`] text: tabs and line breaks alone are left.
pub(super) struct Shown<W> {
    out: W,
    /// The beginning of a character whose rest is still to come.
    rest: Vec<u8>,
}

impl<W> Shown<W> {
    pub(super) fn new(out: W) -> Shown<W> {
        Shown { out, rest: Vec::new() }
    }
}

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut shown = String::with_capacity(all.len());
        let mut left = &all[..];
        while !left.is_empty() {
            let (valid, wrong) = match std::str::from_utf8(left) {
                Ok(text) => (text.len(), Some(0)),
                Err(e) => (e.valid_up_to(), e.error_len()),
            };
            let text = std::str::from_utf8(&left[..valid]).expect("valid up to here");
            shown.push_str(&escaped(text, |c| is_hostile(c) && c != '\n' && c != '\t'));
            left = &left[valid..];
            // A character that is cut off here goes on in what is written next.
            let Some(length) = wrong else { break };
            left[..length].iter().for_each(|byte| shown.extend(byte.escape_ascii().map(char::from)));
            left = &left[length..];
        }
        self.out.write_all(shown.as_bytes())?;
        self.rest = left.to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_or_turns_text_around_is_shown_as_an_escape() {
        assert_eq!(printable("a\u{1b}[31m\u{9b}\u{202e}gnp.exe\n"), "a\\u{1b}[31m\\u{9b}\\u{202e}gnp.exe\\n");
        assert_eq!(printable("Flabébé ♀ שלום"), "Flabébé ♀ שלום");
        for c in "\u{200e}\u{200f}\u{61c}\u{202a}\u{202d}\u{2066}\u{2069}\u{2029}".chars() {
            assert!(printable(&c.to_string()).starts_with('\\'), "{c:?}");
        }
        assert_eq!(cell("a\tb\u{202e}"), "a\\tb\u{202e}");
    }

    #[test]
    fn what_is_written_in_pieces_is_shown_as_in_one() {
        let text = "é\t♀\u{202e}\n\u{1b}[0m".as_bytes();
        let bytes = [text, b"\xff\xc3(", "é".as_bytes(), b"\xe2\x99"].concat();
        for size in 1..=bytes.len() {
            let mut shown = Shown::new(Vec::new());
            bytes.chunks(size).for_each(|piece| shown.write_all(piece).expect("memory"));
            let expected = "é\t♀\\u{202e}\n\\u{1b}[0m\\xff\\xc3(é";
            assert_eq!(String::from_utf8(shown.out).expect("text"), expected, "{size}");
        }
    }
}
