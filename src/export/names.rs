//! Names of files and folders that every file system takes, that no tool stumbles over, and that stay apart where case
//! or accents are not told apart.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

/// No longer than this many bytes, with what is added to make names differ: file systems take 255.
const MOST_BYTES: usize = 120;
/// Names that Windows gives to devices.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt"];

/// A text as the name of a file or folder. `/ \ : * ? " < > |` and control characters are `_`, and so is a dot at the
/// beginning, where several `_` are one (Hugging Face's reader skips `__`); dots and spaces at the ends fall away; names
/// of devices get a `_`; what is too long is cut.
pub fn safe(text: &str) -> String {
    let clean: String = text.nfc().map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c }).collect();
    let trimmed = clean.trim_start().trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    let mut name = if trimmed.is_empty() { "_".to_string() } else { trimmed.to_string() };
    if name.starts_with('.') {
        name.replace_range(..1, "_");
    }
    if name.starts_with("__") {
        name = format!("_{}", name.trim_start_matches('_'));
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    if DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        name.push('_');
    }
    if name.len() > MOST_BYTES {
        let end = (0..=MOST_BYTES).rev().find(|&at| name.is_char_boundary(at)).unwrap_or_default();
        name.truncate(end);
    }
    name
}

/// What two names have in common that a file system may take for one.
pub fn folded(name: &str) -> String {
    name.nfkc().flat_map(char::to_lowercase).collect()
}

/// Eight digits that follow from a text.
fn digits(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..8].to_string()
}

/// A name for every text, made by `base` and [`safe`]: those that a file system could take for one (and what was
/// cut) get a `-` and eight digits that follow from the text. So a name depends on which texts there are, and not on
/// their order. Equal texts have equal names.
pub fn apart<'a>(texts: impl Iterator<Item = &'a str> + Clone, base: impl Fn(&str) -> String) -> Vec<Box<str>> {
    let hash =
        |text: &str| u64::from_le_bytes(blake3::hash(text.as_bytes()).as_bytes()[..8].try_into().expect("eight bytes"));
    // Of every folded name: the text that has it, or none where several have.
    let mut owners: HashMap<u64, Option<u64>> = HashMap::new();
    for text in texts.clone() {
        let own = hash(text);
        let owner = owners.entry(hash(&folded(&safe(&base(text))))).or_insert(Some(own));
        if *owner != Some(own) {
            *owner = None;
        }
    }
    let name = |text: &str| {
        let raw = base(text);
        let name = safe(&raw);
        match owners[&hash(&folded(&name))] {
            Some(_) if raw.len() <= MOST_BYTES => name.into_boxed_str(),
            _ => format!("{name}-{}", digits(text)).into_boxed_str(),
        }
    };
    texts.map(name).collect()
}

/// The last part of a key, without the extension of an image.
pub fn stem(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && end.len() <= 5 && end.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            stem.into()
        }
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_on_every_file_system() {
        for (text, name) in [
            ("Type: Null", "Type_ Null"),
            ("Farfetch'd", "Farfetch'd"),
            ("Nidoran♀", "Nidoran♀"),
            ("..", "_"),
            (".hidden", "_hidden"),
            ("a/b\\c", "a_b_c"),
            ("", "_"),
            (" . ", "_"),
            (" .hid", "_hid"),
            ("__init__", "_init__"),
            ("._x", "_x"),
            ("_x", "_x"),
            ("con", "con_"),
            ("COM1.x", "COM1.x_"),
            ("Mr. Mime", "Mr. Mime"),
            ("end.", "end"),
            ("Flabe\u{301}be\u{301}", "Flabébé"),
            ("tab\there", "tab_here"),
        ] {
            assert_eq!(safe(text), name, "{text:?}");
        }
        assert_eq!(safe(&"é".repeat(200)).len(), 120);
    }

    #[test]
    fn names_that_could_be_one_stay_apart_in_any_order() {
        let texts = ["a?", "a:", "b", "B", "c", "c"];
        let names = apart(texts.iter().copied(), str::to_string);
        assert!(names[0].starts_with("a_-") && names[1].starts_with("a_-") && names[0] != names[1], "{names:?}");
        assert!(names[2].starts_with("b-") && names[3].starts_with("B-"), "{names:?}");
        assert_eq!((&*names[4], &*names[5]), ("c", "c"));
        let reversed = apart(texts.iter().rev().copied(), str::to_string);
        assert_eq!(names, reversed.into_iter().rev().collect::<Vec<_>>());
    }

    #[test]
    fn the_stem_of_a_key_has_no_folder_and_no_extension() {
        assert_eq!(stem("a/b.c/0025_x.png"), "0025_x");
        assert_eq!(stem("a/.png"), ".png");
        assert_eq!(stem("v1.2 final"), "v1.2 final");
    }
}
