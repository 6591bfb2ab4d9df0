//! Names of files and folders that every file system takes, that no tool stumbles over, and that stay apart where case
//! or accents are not told apart.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path};

use unicode_normalization::UnicodeNormalization;

/// No longer than this many bytes, with what is added to make names differ: file systems take 255.
const MOST_BYTES: usize = 120;
/// Names that Windows gives to devices.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt"];

/// A text as the name of a file or folder. `/ \ : * ? " < > |` and control characters are `_`, and so is a dot at the
/// beginning, where several `_` are one (Hugging Face's reader skips `__`); dots and spaces at the ends fall away; names
/// of devices get a `_`; what is too long is cut.
pub(crate) fn safe(text: &str) -> String {
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
        name.truncate(cut(&name, MOST_BYTES).len());
    }
    name
}

/// What two names have in common that a file system may take for one.
pub(crate) fn folded(name: &str) -> String {
    name.nfkc().flat_map(char::to_lowercase).collect()
}

/// As many hexadecimal digits as there are, up to 64, that follow from a text.
fn digits(text: &str, count: usize) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..count].to_string()
}

/// How many digits tell two texts apart: few, unless others have the same.
const DIGITS: [usize; 4] = [8, 16, 32, 64];

/// A name for every text: of its candidates (the first, the second, …) the first that no other text has for one up to
/// there, and that `taken` does not hold, folded. So a name depends on which texts there are, and not on their order;
/// equal texts have equal names. `candidate` makes the last one unique.
fn settle(
    texts: &[&str],
    taken: impl Iterator<Item = String>,
    candidates: usize,
    candidate: impl Fn(&str, usize) -> String,
) -> Vec<Box<str>> {
    let hash =
        |text: &str| u64::from_le_bytes(blake3::hash(text.as_bytes()).as_bytes()[..8].try_into().expect("eight bytes"));
    let mut taken: HashSet<u64> = taken.map(|name| hash(&name)).collect();
    let mut names: Vec<Option<Box<str>>> = vec![None; texts.len()];
    for at in 0..candidates {
        let waiting: Vec<usize> = (0..texts.len()).filter(|&i| names[i].is_none()).collect();
        // Of every folded name: the text that has it, or none where several have.
        let mut owners: HashMap<u64, Option<u64>> = HashMap::new();
        for &i in &waiting {
            let own = hash(texts[i]);
            let owner = owners.entry(hash(&folded(&candidate(texts[i], at)))).or_insert(Some(own));
            if *owner != Some(own) {
                *owner = None;
            }
        }
        for &i in &waiting {
            let name = candidate(texts[i], at);
            let folded = hash(&folded(&name));
            if at + 1 == candidates || owners[&folded].is_some() && !taken.contains(&folded) {
                names[i] = Some(name.into());
            }
        }
        if waiting.iter().all(|&i| names[i].is_some()) {
            break;
        }
        taken.extend(owners.into_keys());
    }
    names.into_iter().map(|name| name.expect("the last candidate is taken in any case")).collect()
}

/// A name for every text, made by `base` and [`safe`]: those that a file system could take for one (and what was
/// cut) get a `-` and eight digits that follow from the text, or more where it takes more.
pub(crate) fn apart<'a>(texts: impl Iterator<Item = &'a str>, base: impl Fn(&str) -> String) -> Vec<Box<str>> {
    let texts: Vec<&str> = texts.collect();
    settle(&texts, std::iter::empty(), 1 + DIGITS.len(), |text, at| {
        let raw = base(text);
        let name = safe(&raw);
        match at {
            0 if raw.len() <= MOST_BYTES => name,
            _ => format!("{name}-{}", digits(text, DIGITS[at.saturating_sub(1)])),
        }
    })
}

/// File systems take names of so many bytes.
const MOST_FILE: usize = 255;

/// Names below a folder for pictures that are made from those of these keys: `STEM.EXTENSION` in the same subfolder.
/// Where several would get one name, or a folder has it, `STEM_OWN.EXTENSION` says what they were made from, and else
/// digits do. `room` bytes are left for what is added to a name; what is too long is cut and gets digits. Of a key that
/// leaves the folder there is none.
///
/// # Errors
/// The first key that leaves the folder.
pub(crate) fn beside<'a>(
    keys: impl Iterator<Item = &'a str>,
    extension: &str,
    room: usize,
) -> Result<Vec<Box<str>>, &'a str> {
    let keys: Vec<&str> = keys.collect();
    if let Some(wrong) = keys.iter().find(|key| plain(key).is_none()) {
        return Err(wrong);
    }
    let mut folders = HashSet::new();
    for key in &keys {
        let plain = plain(key).unwrap_or_default();
        for (at, _) in plain.match_indices('/') {
            folders.insert(folded(&plain[..at]));
        }
    }
    Ok(settle(&keys, folders.into_iter(), 2 + DIGITS.len(), |key, at| {
        let plain = plain(key).unwrap_or_default();
        let (folder, file) =
            plain.rsplit_once('/').map_or(("", &*plain), |(_, file)| (&plain[..plain.len() - file.len()], file));
        let (stem, own) = match file.rsplit_once('.') {
            Some((stem, own)) if !stem.is_empty() => (stem, own),
            _ => (file, ""),
        };
        let most = MOST_FILE - room - extension.len();
        let with_digits = |count: usize| {
            let kept = cut(stem, most - count - 1);
            format!("{folder}{kept}-{}{extension}", digits(key, count))
        };
        let fitting = |stem: &str| {
            if stem.len() <= most { format!("{folder}{stem}{extension}") } else { with_digits(DIGITS[0]) }
        };
        match at {
            0 => fitting(stem),
            1 if own.is_empty() => with_digits(DIGITS[0]),
            1 => fitting(&format!("{stem}_{own}")),
            _ => with_digits(DIGITS[at - 2]),
        }
    }))
}

/// A key as a path of plain parts; `None` where it leaves its folder.
fn plain(key: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in Path::new(key).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (!parts.is_empty() && !key.contains('\0')).then(|| parts.join("/"))
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// The last part of a key, without the extension of an image.
pub(crate) fn stem(key: &str) -> String {
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
    fn names_whose_digits_are_equal_get_more_of_them() {
        // One text is called what the other would be called with its digits.
        let long = "x".repeat(200);
        let texts = ["a?", "a:", &format!("a_-{}", digits("a?", 8)), &long];
        let names = apart(texts.iter().copied(), str::to_string);
        let all: HashSet<String> = names.iter().map(|name| folded(name)).collect();
        assert_eq!(all.len(), 4, "{names:?}");
    }

    #[test]
    fn pictures_made_from_others_have_names_of_their_own() {
        let named = |keys: &[&str]| -> Vec<String> {
            let names = beside(keys.iter().copied(), ".png", 0).expect("keys below the folder");
            names.into_iter().map(String::from).collect()
        };
        assert_eq!(named(&["a/x.jpg", "b/x.jpg", ".png"]), ["a/x.png", "b/x.png", ".png.png"]);
        assert_eq!(named(&["x.jpg", "x.png", "y.gif"]), ["x_jpg.png", "x_png.png", "y.png"]);
        assert_eq!(named(&["./a//x.jpg", "v1.2/x"]), ["a/x.png", "v1.2/x.png"]);
        // A folder is called as a picture would be, and another picture as it would be then.
        let names = named(&["c.png/in.jpg", "c.jpg", "c_jpg.gif"]);
        assert_eq!((&*names[0], &*names[2]), ("c.png/in.png", "c_jpg.png"));
        assert!(names[1].starts_with("c-") && names[1].len() == 14, "{names:?}");
        // Where case is not told apart, and where names were equal but for the part that was cut.
        let long = "n".repeat(250);
        for keys in [["A.jpg", "a.jpg"], ["x", "./x"], [&format!("{long}1.jpg"), &format!("{long}2.jpg")]] {
            let names = named(&keys);
            assert_ne!(folded(&names[0]), folded(&names[1]));
            assert!(names.iter().all(|name| name.len() <= 255), "{names:?}");
        }
        assert_eq!(beside(["a", "../a"].into_iter(), ".png", 0), Err("../a"));
    }

    #[test]
    fn the_stem_of_a_key_has_no_folder_and_no_extension() {
        assert_eq!(stem("a/b.c/0025_x.png"), "0025_x");
        assert_eq!(stem("a/.png"), ".png");
        assert_eq!(stem("v1.2 final"), "v1.2 final");
    }
}
