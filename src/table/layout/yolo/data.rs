//! `data.yaml`: which folders hold the pictures of which split, and what the classes are called.

use std::path::{Path, PathBuf};

use crate::table::findings::{Fault, Findings};
use crate::table::layout::files::{folders, read_bytes, read_text};
use crate::table::layout::labels::KeyPoints;
use crate::table::layout::yaml::{Document, Value};
use crate::table::split::Split;

/// What `data.yaml` says.
#[derive(Debug, Default)]
pub(super) struct Data {
    /// Folders of pictures and lists of them, and their splits.
    pub(super) sources: Vec<(PathBuf, Split)>,
    /// The classes; `None`: nobody says which there are.
    pub(super) names: Option<Vec<String>>,
    pub(super) points: Option<KeyPoints>,
}

/// Whether a file describes a data set.
pub(crate) fn is_data(path: &Path) -> bool {
    let is_yaml =
        path.extension().is_some_and(|end| end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml"));
    let says = |document: Document| {
        document.get("train").is_some() && (document.get("names").is_some() || document.get("nc").is_some())
    };
    is_yaml && path.is_file() && read_bytes(path).is_ok_and(|bytes| Document::parse(&bytes).is_ok_and(says))
}

/// The names of the classes of a `data.yaml`.
pub(crate) fn class_names(path: &Path) -> Result<Vec<String>, String> {
    let document = Document::parse(&read_bytes(path)?)?;
    let wrong = std::cell::RefCell::new(None);
    let names = names(&document, &|problem| _ = wrong.borrow_mut().get_or_insert(problem));
    wrong.into_inner().map_or_else(|| Ok(names.unwrap_or_default()), Err)
}

/// Folders `SPLIT/images` beside `SPLIT/labels`.
pub(super) fn by_split(folder: &Path, names: &[String]) -> Vec<(PathBuf, Split)> {
    let of = |name: &String| {
        let (images, labels) = (folder.join(name).join("images"), folder.join(name).join("labels"));
        Some((images, Split::named(name)?)).filter(|(images, _)| images.is_dir() && labels.is_dir())
    };
    names.iter().filter_map(of).collect()
}

/// Folders of pictures where nobody names them.
pub(super) fn usual(folder: &Path) -> Vec<(PathBuf, Split)> {
    let images = folder.join("images");
    let below_images: Vec<(PathBuf, Split)> =
        folders(&images).iter().filter_map(|name| Some((images.join(name), Split::named(name)?))).collect();
    match (below_images.is_empty(), by_split(folder, &folders(folder))) {
        (false, _) => below_images,
        (true, splits) if !splits.is_empty() => splits,
        _ if images.is_dir() => vec![(images, Split::Train)],
        _ => Vec::new(),
    }
}

pub(super) fn read_data(folder: &mut PathBuf, file: &Path, is_folder: bool, findings: &Findings) -> Data {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let wrong = |detail: String| findings.file(Fault::Layout, &name, detail);
    let document = match read_bytes(file).and_then(|bytes| Document::parse(&bytes)) {
        Ok(document) => document,
        Err(problem) => {
            wrong(problem);
            return Data { sources: usual(folder), names: classes_txt(folder), points: None };
        }
    };
    document.odd.iter().for_each(|odd| findings.file(Fault::Misread, &name, odd));
    let root = match document.get("path") {
        None => folder.clone(),
        Some(Value::Text(path)) => root(folder, path, &name, findings),
        Some(_) => {
            wrong("`path` is no text".into());
            folder.clone()
        }
    };
    // The keys of a data set that lies elsewhere begin where it does.
    if !is_folder && root.is_dir() {
        folder.clone_from(&root);
    }
    let mut sources = Vec::new();
    for (key, split) in
        [("train", Split::Train), ("val", Split::Validation), ("validation", Split::Validation), ("test", Split::Test)]
    {
        match document.get(key) {
            // As Ultralytics does: a `../` that leads out of the data set is left off.
            Some(Value::Text(part)) => sources.push((
                match part.strip_prefix("../") {
                    Some(inside) if !root.join(part).exists() => root.join(inside),
                    _ => root.join(part),
                },
                split,
            )),
            Some(Value::List(parts)) => {
                sources.extend(parts.iter().filter_map(|part| Some((root.join(part.text()?), split))));
            }
            Some(_) => wrong(format!("`{key}` is neither text nor a list")),
            None => {}
        }
    }
    for (wanted, split) in [("train", Split::Train), ("val", Split::Validation)] {
        if !sources.iter().any(|(_, found)| *found == split) {
            wrong(format!("has no `{wanted}`"));
        }
    }
    let names = names(&document, &wrong);
    let mut sorted: Vec<&String> = names.iter().flatten().collect();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        findings.file(Fault::Misread, &name, format!("two classes are called {}", twice[0]));
    }
    compare_with_classes_txt(folder, &name, names.as_deref().unwrap_or_default(), findings);
    if sources.is_empty() {
        sources = usual(folder);
    }
    Data { sources, names, points: key_points(&document, &wrong) }
}

/// The folder that `path` means: below the working directory, else below the data set's own or a folder of the tool's.
fn root(folder: &Path, path: &str, name: &str, findings: &Findings) -> PathBuf {
    let given = Path::new(path);
    let there = [given.to_path_buf(), folder.join(given)].into_iter().filter(|path| path.is_dir());
    let own = std::path::absolute(folder).unwrap_or_default();
    let is_own = given.is_relative() && own.ends_with(given.strip_prefix("./").unwrap_or(given));
    // `.` is the working directory only by chance.
    let mut there = there.filter(|path| !matches!(given.to_str(), Some("." | "./")) || path.starts_with(folder));
    match there.next() {
        Some(root) => root,
        None if is_own || matches!(path, "." | "./") => folder.to_path_buf(),
        None => {
            let detail = format!(
                "`path: {path}` leads nowhere, so Ultralytics finds no picture; without `path` the file's folder is meant"
            );
            findings.file(Fault::Misread, name, detail);
            folder.to_path_buf()
        }
    }
}

/// `kpt_shape: [count, 2 or 3]`.
fn key_points(document: &Document, wrong: &impl Fn(String)) -> Option<KeyPoints> {
    let shape = document.get("kpt_shape")?;
    let number = |value: &Value| value.int().and_then(|number| usize::try_from(number).ok());
    let shape = match shape {
        Value::List(shape) => shape.iter().map(number).collect::<Option<Vec<usize>>>(),
        _ => None,
    };
    match shape.as_deref() {
        Some(&[count, numbers @ (2 | 3)]) if (1..10_000).contains(&count) => {
            if let Some(Value::List(flipped)) = document.get("flip_idx")
                && flipped.len() != count
            {
                wrong(format!("`flip_idx` has {} numbers, and there are {count} key points", flipped.len()));
            }
            Some(KeyPoints { count, numbers })
        }
        _ => {
            wrong("`kpt_shape` is not [number of key points, 2 or 3]".into());
            None
        }
    }
}

/// The names of the classes: a list, a mapping from 0, 1, 2, …, or as many as `nc` says.
fn names(document: &Document, wrong: &impl Fn(String)) -> Option<Vec<String>> {
    /// More are a slip.
    const MOST: i64 = 1_000_000;
    let count = document.get("nc").and_then(|value| match value.int() {
        // Ultralytics takes what is whole as a number.
        Some(count)
            if value.text().and_then(|text| text.trim().parse::<f64>().ok()).is_none_or(|x| x.fract() == 0.0) =>
        {
            Some(count)
        }
        _ => {
            wrong(format!("`nc` is no whole number ({})", value.text().unwrap_or("a list")));
            None
        }
    });
    if document.has("nc") && document.get("nc").is_none() {
        wrong("`nc` is empty".into());
    }
    let text = |(at, value): (usize, &Value)| match value.text() {
        Some(text) => text.to_string(),
        None => {
            wrong(format!("the name of class {at} is no text"));
            format!("class_{at}")
        }
    };
    let names: Vec<String> = match document.get("names") {
        Some(Value::List(names)) => names.iter().enumerate().map(text).collect(),
        Some(Value::Map(names)) => {
            let mut numbered: Vec<(i64, &Value)> = Vec::new();
            for (number, name) in names {
                match number.int() {
                    Some(number) => numbered.push((number, name)),
                    None => {
                        wrong(format!("`names` has a class `{}`, which is no number", number.text().unwrap_or("?")))
                    }
                }
            }
            // Of a number that occurs twice, `0` and `'0'`, the last counts.
            numbered.reverse();
            numbered.sort_by_key(|(number, _)| *number);
            numbered.dedup_by_key(|(number, _)| *number);
            if let Some((at, (number, _))) = (0..).zip(&numbered).find(|(at, (number, _))| at != number) {
                wrong(format!("`names` has no class {at} (but {number})"));
            }
            numbered.into_iter().enumerate().map(|(at, (_, name))| text((at, name))).collect()
        }
        None => match count.filter(|count| (1..=MOST).contains(count)) {
            Some(count) => return Some((0..count).map(|number| format!("class_{number}")).collect()),
            None => {
                wrong("has neither `names` nor `nc`".into());
                return None;
            }
        },
        Some(_) => {
            wrong("`names` is neither a list nor a mapping".into());
            return None;
        }
    };
    if names.is_empty() {
        wrong("`names` is empty".into());
    }
    if let Some(count) = count.filter(|count| usize::try_from(*count) != Ok(names.len())) {
        wrong(format!("`nc` is {count}, and there are {} names", names.len()));
    }
    Some(names)
}

/// `classes.txt` is no file of Ultralytics, but of tools that draw boxes, and numbers the same classes.
fn compare_with_classes_txt(folder: &Path, name: &str, names: &[String], findings: &Findings) {
    // A list has a name a line, so it cannot hold all that a name can.
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let plain = |names: &[String]| names.iter().map(|name| name.replace(is_break, " ")).collect::<Vec<_>>();
    let (names, Some(listed)) = (plain(names), classes_txt(folder).map(|listed| plain(&listed))) else { return };
    if !names.is_empty() && listed != names {
        let at = listed.iter().zip(&names).position(|(a, b)| a != b).unwrap_or(listed.len().min(names.len()));
        findings.file(Fault::Layout, "classes.txt", format!("differs from the names of {name} at class {at}"));
    }
}

pub(super) fn classes_txt(folder: &Path) -> Option<Vec<String>> {
    let text = read_text(&folder.join("classes.txt")).ok()?;
    Some(text.lines().map(str::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(yaml: &str) -> (Option<Vec<String>>, Vec<String>) {
        let document = Document::parse(yaml.as_bytes()).expect("YAML");
        let said = std::cell::RefCell::new(Vec::new());
        let names = names(&document, &|detail| said.borrow_mut().push(detail));
        (names, said.into_inner())
    }

    #[test]
    fn names_are_what_ultralytics_makes_of_them() {
        for (yaml, expected) in [
            ("names: [a, b]", ["a", "b"]),
            ("names: {'0': a, '1': b}", ["a", "b"]),
            ("names: {1: b, 0: a}\nnc: '2'", ["a", "b"]),
            ("names:\n  0: a\n  1: b\nnc: 2.0", ["a", "b"]),
            ("nc: 2", ["class_0", "class_1"]),
            ("names:\nnc: 2", ["class_0", "class_1"]),
            ("names: [no, 7]", ["False", "7"]),
            ("names: {0: x, '0': a, 1: b}", ["a", "b"]),
        ] {
            let (names, said) = data(yaml);
            assert_eq!((names.as_deref(), said.len()), (Some(&expected.map(String::from)[..]), 0), "{yaml}: {said:?}");
        }
        for yaml in [
            "a: 1",
            "names: []",
            "names: {0: a, 2: b}",
            "names: {x: a}",
            "names: a",
            "names: [a]\nnc: 2",
            "nc: 1.5",
            "names: [a]\nnc:",
        ] {
            assert!(!data(yaml).1.is_empty(), "{yaml}");
        }
    }
}
