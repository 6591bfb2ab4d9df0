//! `images/SPLIT/*.jpg`, `labels/SPLIT/*.txt` and `data.yaml`, as Ultralytics reads them.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, YamlOwned as Yaml};

use super::{Findings, Layout, Picture, children, read_text, split_of, table};
use crate::check::Rule;
use crate::io::Listing;
use crate::species;
use crate::table::Error;

/// What `data.yaml` says.
#[derive(Debug, Default)]
struct Data {
    /// Folders of pictures, and their splits.
    folders: Vec<(PathBuf, &'static str)>,
    names: Vec<String>,
}

pub fn open(folder: &Path) -> Result<Layout, Error> {
    let findings = Findings::default();
    let data = read_data(folder, &findings);
    let mut pictures = Vec::new();
    for (images, split) in &data.folders {
        if images.extension().is_some_and(|extension| extension == "txt") && images.is_file() {
            pictures.extend(listed(folder, images, &findings).into_iter().map(|path| (path, *split)));
            continue;
        }
        if !images.is_dir() {
            let name = below(folder, images);
            findings.file(Rule::Layout, name, "the folder of pictures is not there");
            continue;
        }
        let listing = Listing::of(std::slice::from_ref(images))?;
        pictures.extend(listing.entries().iter().map(|entry| (listing.path(entry), *split)));
    }
    orphans(folder, &data, &pictures, &findings);
    let pokedex = data.names.iter().map(String::as_str).eq(species::names());
    let (root, found, rows) = (folder.to_path_buf(), findings.clone(), pictures.len());
    let pictures = pictures.into_iter().map(move |(path, split)| {
        let key = below(&root, &path);
        let classes = label_file(&path).and_then(|labels| read_labels(&root, &labels, &key, &data.names, &found));
        let one = classes.as_ref().filter(|classes| classes.len() == 1).and_then(|classes| classes.first().copied());
        let id = one.filter(|_| pokedex).and_then(|class| i32::try_from(class + 1).ok());
        if let Some(id) = id {
            check_number(&path, id, &key, &found);
        }
        let name = |class: u32| data.names.get(class as usize).cloned().unwrap_or_else(|| format!("class {class}"));
        let label = one.map(name);
        // A picture of one class has that class; of several, or of none (background), the boxes say it.
        let inside = classes.filter(|_| one.is_none()).map(|classes| classes.into_iter().map(name).collect());
        Picture { key, id, label, split: Some(split), path, inside, size: None }
    });
    Ok(Layout { table: table(folder, rows, pictures), findings })
}

/// The pictures that a list names, a path in each line, from the list's folder.
fn listed(folder: &Path, list: &Path, findings: &Findings) -> Vec<PathBuf> {
    let text = read_text(list).unwrap_or_else(|problem| {
        findings.file(Rule::Layout, below(folder, list), problem);
        String::new()
    });
    let beside = list.parent().unwrap_or(folder);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| beside.join(line)).collect()
}

/// A path as it is named from the data set's folder.
fn below(folder: &Path, path: &Path) -> String {
    let path = path.strip_prefix(folder).unwrap_or(path);
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn read_data(folder: &Path, findings: &Findings) -> Data {
    let usual = || {
        let images = folder.join("images");
        let splits = children(&images).into_iter().filter_map(|name| Some((images.join(&name), split_of(&name)?)));
        splits.collect::<Vec<_>>()
    };
    let name = ["data.yaml", "data.yml"].into_iter().find(|name| folder.join(name).exists());
    let Some(name) = name else {
        findings.file(Rule::Layout, "data.yaml", "is not there");
        return Data { folders: usual(), names: classes_txt(folder).unwrap_or_default() };
    };
    let wrong = |detail: String| findings.file(Rule::Layout, name, detail);
    let document = read_text(&folder.join(name)).and_then(|text| parse(&text));
    let document = match document {
        Ok(document) => document,
        Err(problem) => {
            wrong(problem);
            return Data { folders: usual(), names: classes_txt(folder).unwrap_or_default() };
        }
    };
    let text = |key: &str| document.as_mapping_get(key).and_then(|value| value.as_str());
    let root = text("path").map_or(folder.to_path_buf(), |path| folder.join(path));
    // Where `path` leads nowhere, it is one of another machine or below a folder of the tool's own.
    let root = if root.is_dir() { root } else { folder.to_path_buf() };
    // As Ultralytics does: a `../` that leads out of the data set is left off.
    let join = |part: &str| match part.strip_prefix("../") {
        Some(inside) if !root.join(part).exists() => root.join(inside),
        _ => root.join(part),
    };
    let mut folders = Vec::new();
    for (key, split) in [("train", "train"), ("val", "validation"), ("validation", "validation"), ("test", "test")] {
        match document.as_mapping_get(key) {
            None => {}
            Some(Yaml::Sequence(parts)) => {
                folders.extend(parts.iter().filter_map(|part| Some((join(part.as_str()?), split))));
            }
            Some(value) => folders.extend(value.as_str().map(|part| (join(part), split))),
        }
    }
    for wanted in ["train", "val"] {
        let split = split_of(wanted);
        if !folders.iter().any(|(_, found)| Some(*found) == split) {
            wrong(format!("has no `{wanted}`"));
        }
    }
    let names = names(&document, &wrong);
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        wrong(format!("two classes are called {}", twice[0]));
    }
    // A list has a name a line, so it cannot hold all that a name can.
    let plain: Vec<String> = names.iter().map(|name| name.replace(char::is_control, " ")).collect();
    let listed =
        classes_txt(folder).map(|listed| listed.iter().map(|name| name.replace(char::is_control, " ")).collect());
    if let Some(listed) = listed.filter(|listed: &Vec<String>| !names.is_empty() && *listed != plain) {
        let at = listed.iter().zip(&plain).position(|(a, b)| a != b).unwrap_or(listed.len().min(names.len()));
        findings.file(Rule::Layout, "classes.txt", format!("differs from the names of {name} at class {at}"));
    }
    if folders.is_empty() {
        folders = usual();
    }
    Data { folders, names }
}

/// Anything deeper than this is no list of classes, and would be read by a function that calls itself.
const MOST_NESTED: usize = 64;

fn parse(text: &str) -> Result<Yaml, String> {
    let mut quote = None;
    let depth = text.bytes().fold((0usize, 0usize), |(depth, most), byte| match (quote, byte) {
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            (depth, most)
        }
        (Some(open), _) => {
            // Quotes end with their line at the latest, for an apostrophe may be none.
            quote = Some(open).filter(|open| *open != byte && byte != b'\n');
            (depth, most)
        }
        (None, b'[' | b'{') => (depth + 1, most.max(depth + 1)),
        (None, b']' | b'}') => (depth.saturating_sub(1), most),
        _ => (depth, most),
    });
    let indented = text.lines().map(|line| line.len() - line.trim_start_matches([' ', '-']).len()).max();
    if depth.1 > MOST_NESTED || indented.unwrap_or(0) > 4 * MOST_NESTED {
        return Err("is nested too deeply".into());
    }
    let documents = Yaml::load_from_str(text).map_err(|e| format!("is no YAML: {e}"))?;
    documents.into_iter().next().filter(|document| document.is_mapping()).ok_or_else(|| "holds no keys".into())
}

/// The names of the classes: a list, or a mapping from 0, 1, 2, ….
fn names(document: &Yaml, wrong: &impl Fn(String)) -> Vec<String> {
    let text = |value: &Yaml| match value {
        Yaml::Value(scalar) if scalar.as_str().is_none() => {
            value.as_integer().map_or_else(|| "?".into(), |number| number.to_string())
        }
        value => value.as_str().unwrap_or("?").to_string(),
    };
    let names: Vec<String> = match document.as_mapping_get("names") {
        Some(Yaml::Sequence(names)) => names.iter().map(text).collect(),
        Some(Yaml::Mapping(names)) => {
            let mut numbered: Vec<(i64, String)> =
                names.iter().map(|(number, name)| (number.as_integer().unwrap_or(-1), text(name))).collect();
            numbered.sort();
            if let Some((at, (number, _))) = (0..).zip(&numbered).find(|(at, (number, _))| at != number) {
                wrong(format!("`names` has no class {at} (but {number})"));
            }
            numbered.into_iter().map(|(_, name)| name).collect()
        }
        _ => {
            wrong("has no `names`".into());
            Vec::new()
        }
    };
    if let Some(count) = document.as_mapping_get("nc").and_then(Yaml::as_integer)
        && !names.is_empty()
        && usize::try_from(count) != Ok(names.len())
    {
        wrong(format!("`nc` is {count}, and there are {} names", names.len()));
    }
    names
}

fn classes_txt(folder: &Path) -> Option<Vec<String>> {
    let text = read_text(&folder.join("classes.txt")).ok()?;
    Some(text.lines().map(str::to_string).collect())
}

/// `images` becomes `labels` in the last folder of that name, the extension `.txt`.
fn label_file(image: &Path) -> Option<PathBuf> {
    let parts: Vec<_> = image.iter().collect();
    let at = parts.iter().rposition(|part| *part == "images")?;
    let mut labels: PathBuf = parts[..at].iter().collect();
    labels.push("labels");
    labels.extend(&parts[at + 1..]);
    labels.set_extension("txt");
    Some(labels)
}

/// Reads a picture's labels; gives the classes of its boxes, or `None` where nothing can be read.
fn read_labels(root: &Path, labels: &Path, image: &str, names: &[String], found: &Findings) -> Option<Vec<u32>> {
    let name = below(root, labels);
    if !labels.exists() {
        found.file(Rule::LabelMissing, image, format!("{name} is not there"));
        return None;
    }
    let text = match read_text(labels) {
        Ok(text) => text,
        Err(problem) => {
            found.file(Rule::LabelSyntax, name, problem);
            return None;
        }
    };
    let mut classes = BTreeSet::new();
    let mut lines = HashSet::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |rule, detail: String| found.file(rule, &name, format!("line {number}: {detail}"));
        if !lines.insert(line.trim().to_string()) {
            wrong(Rule::LabelRepeated, format!("`{line}` once more"));
        }
        match parse_label(line) {
            Err(problem) => wrong(Rule::LabelSyntax, problem),
            Ok((class, _)) if !names.is_empty() && class as usize >= names.len() => {
                wrong(Rule::LabelClass, format!("class {class}, and there are {}", names.len()));
            }
            Ok((class, numbers)) => {
                classes.insert(class);
                if let Some(problem) = out_of_range(&numbers) {
                    wrong(Rule::LabelRange, problem);
                }
            }
        }
    }
    Some(classes.into_iter().collect())
}

/// A class and four numbers of a box, or the corners of a polygon.
fn parse_label(line: &str) -> Result<(u32, Vec<f64>), String> {
    let mut cells = line.split_whitespace();
    let class = cells.next().unwrap_or_default();
    let class = class.parse::<u32>().map_err(|_| format!("the class `{class}` is no whole number"))?;
    let number =
        |cell: &str| cell.parse::<f64>().ok().filter(|x| x.is_finite()).ok_or(format!("`{cell}` is no number"));
    let numbers = cells.map(number).collect::<Result<Vec<f64>, String>>()?;
    match numbers.len() {
        4 => Ok((class, numbers)),
        n if n >= 6 && n % 2 == 0 => Ok((class, numbers)),
        n => Err(format!("a class and {n} numbers, where a box has 4 (x y w h) and a polygon 6 or more")),
    }
}

/// What is wrong with the numbers of a label. Half a millionth is what rounding to six decimals leaves.
fn out_of_range(numbers: &[f64]) -> Option<String> {
    const ROUNDING: f64 = 2e-6;
    if let Some(outside) = numbers.iter().find(|x| !(0.0..=1.0).contains(*x)) {
        return Some(format!("{outside} is not between 0 and 1"));
    }
    let &[x, y, w, h] = numbers else { return None };
    if w <= 0.0 || h <= 0.0 {
        return Some(format!("a box of {w} x {h}"));
    }
    let sides = [x - w / 2.0, y - h / 2.0, 1.0 - x - w / 2.0, 1.0 - y - h / 2.0];
    sides.iter().any(|&side| side < -ROUNDING).then(|| format!("the box {x} {y} {w} {h} leaves the picture"))
}

/// A picture that is named by a Pokédex number shows that species.
fn check_number(path: &Path, id: i32, key: &str, found: &Findings) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    let named = digits.parse::<i32>().ok().filter(|_| digits.len() == 4 && name[4..].starts_with(['_', '-', '.']));
    if let Some(named) = named.filter(|&named| named != id) {
        found.file(Rule::LabelAndId, key, format!("named {named:04}, and its class is that of {id:04}"));
    }
}

/// Label files to which no picture belongs.
fn orphans(root: &Path, data: &Data, pictures: &[(PathBuf, &'static str)], found: &Findings) {
    let known: HashSet<PathBuf> = pictures.iter().filter_map(|(path, _)| label_file(path)).collect();
    for (images, _) in data.folders.iter().filter(|(images, _)| !images.is_file()) {
        let Some(labels) = label_file(&images.join("x.txt")).and_then(|file| Some(file.parent()?.to_path_buf())) else {
            let detail = "no folder of its path is called `images`, so nobody finds its labels";
            found.file(Rule::Layout, below(root, images), detail);
            continue;
        };
        let mut folders = vec![labels];
        while let Some(folder) = folders.pop() {
            for name in children(&folder) {
                let path = folder.join(&name);
                // A link to a folder may lead back up.
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else if name.ends_with(".txt") && name != "classes.txt" && !known.contains(&path) {
                    found.file(Rule::LabelOrphan, below(root, &path), "");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_boxes_or_polygons() {
        assert_eq!(parse_label("3 0.5 0.5 1 1"), Ok((3, vec![0.5, 0.5, 1.0, 1.0])));
        assert!(parse_label("3 0 0 0 1 1 1").is_ok());
        for wrong in ["", "a 1 1 1 1", "-1 0 0 1 1", "1.5 0 0 1 1", "0 0.5 0.5 1", "0 x 0 0 0", "0 nan 0 0 0"] {
            assert!(parse_label(wrong).is_err(), "{wrong}");
        }
        assert_eq!(out_of_range(&[0.5, 0.5, 1.0, 1.0]), None);
        assert_eq!(out_of_range(&[0.333333, 0.5, 0.666667, 1.0]), None);
        for wrong in [[0.5, 0.5, 1.2, 1.0], [0.9, 0.5, 0.5, 0.5], [0.5, 0.5, 0.0, 0.5], [-0.1, 0.5, 0.1, 0.1]] {
            assert!(out_of_range(&wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn hostile_yaml_is_an_error() {
        for text in ["", "[", "a: [", "- 1", "&a [*a, *a]", "a: &b *b", "? ? ? ?", "\u{0}"] {
            assert!(parse(text).is_err() || parse(text).is_ok());
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&"{a: ".repeat(100_000)).is_err());
        assert!(parse(&"- ".repeat(100_000)).is_err());
        assert!(parse("names: [a, b]").is_ok());
    }

    #[test]
    fn label_files_lie_where_ultralytics_looks_for_them() {
        let file = label_file(Path::new("set/images/train/a.b.jpg")).expect("below images");
        assert_eq!(file, Path::new("set/labels/train/a.b.txt"));
        assert_eq!(label_file(Path::new("images/x/images/a.png")), Some("images/x/labels/a.txt".into()));
        assert_eq!(label_file(Path::new("pictures/a.png")), None);
    }
}
