//! Text as files hold it.

/// So many bytes of a text are kept; longer ones are no captions, and a table's column has room for 2 GiB.
pub(super) const MOST_TEXT: usize = 1 << 16;

/// Windows-1252 from 0x80 to 0x9f, where Latin-1 has nothing to show (WHATWG Encoding, index windows-1252).
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text without blanks and NULs around it, and not longer than is kept; `None` where nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let text = &text[..text.floor_char_boundary(MOST_TEXT)];
    (!text.is_empty()).then(|| text.replace('\0', ""))
}

/// Latin-1, as Windows writes it.
pub(super) fn latin(bytes: &[u8]) -> String {
    let character = |&byte: &u8| match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    };
    bytes.iter().take(MOST_TEXT).map(character).collect()
}

/// A text up to its NUL: UTF-8 where it is, else Latin-1.
pub(super) fn of_bytes(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    match str::from_utf8(bytes) {
        Ok(text) => clean(text),
        Err(_) => clean(&latin(bytes)),
    }
}
