//! `annotations/*.json` in COCO's format, as pycocotools and torchvision's `CocoDetection` read it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use super::files::{Child, Spelled, below, children, read_bytes};
use super::pictures::{Facts, Pictures, say_outlined};
use crate::notes;
use crate::table::boxes::Bounds;
use crate::table::findings::{Fault, Findings};
use crate::table::split::Split;

#[derive(Deserialize)]
struct Annotations {
    #[serde(default)]
    images: Vec<Image>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: Id,
    file_name: String,
    width: Option<f64>,
    height: Option<f64>,
}

#[derive(Deserialize)]
struct Annotation {
    id: Id,
    image_id: Id,
    category_id: Id,
    bbox: Option<Vec<f64>>,
    #[serde(default)]
    iscrowd: serde_json::Value,
    #[serde(default)]
    segmentation: Segmentation,
}

#[derive(Deserialize)]
struct Category {
    id: Id,
    name: String,
}

/// What pycocotools takes for an id: whatever can be the key of a Python dictionary. `1` is `1.0`, and not `"1"`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Id {
    Number(i64),
    Text(Box<str>),
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Id, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Whole(i64),
            Real(f64),
            Text(Box<str>),
        }
        match Any::deserialize(from)? {
            Any::Whole(number) => Ok(Id::Number(number)),
            Any::Real(number) if number.fract() == 0.0 && number.abs() < 1e15 => Ok(Id::Number(number as i64)),
            Any::Real(number) => Ok(Id::Text(number.to_string().into())),
            Any::Text(text) => Ok(Id::Text(text)),
        }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Id::Number(number) => write!(f, "{number}"),
            Id::Text(text) => f.write_str(text),
        }
    }
}

/// Polygons, of which only the extent is of interest; of masks by run lengths nothing.
#[derive(Default)]
struct Segmentation(Option<[f64; 4]>);

impl<'de> Deserialize<'de> for Segmentation {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Segmentation, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Polygons(Vec<Vec<f64>>),
            Other(serde::de::IgnoredAny),
        }
        let Any::Polygons(polygons) = Any::deserialize(from)? else { return Ok(Segmentation(None)) };
        let of = |from: usize| polygons.iter().flat_map(move |points| points.iter().skip(from).step_by(2).copied());
        let least = |from| of(from).fold(f64::INFINITY, f64::min);
        let most = |from| of(from).fold(f64::NEG_INFINITY, f64::max);
        let (x, y) = (least(0), least(1));
        Ok(Segmentation((x.is_finite() && y.is_finite()).then(|| [x, y, most(0) - x, most(1) - y])))
    }
}

/// The files of annotations of a folder.
pub(super) fn annotations(folder: &Path, all: &[Child]) -> Vec<PathBuf> {
    let inside = |folder: PathBuf| {
        let files = children(&folder).into_iter().filter(|child| child.ends_with(".json"));
        files.map(move |child| folder.join(child.name)).filter(|path| path.is_file()).collect::<Vec<_>>()
    };
    let mut usual = inside(folder.join("annotations"));
    // Captions and key points lie beside them, of the same pictures.
    let is_instances =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("instances"));
    if usual.iter().any(is_instances) {
        usual.retain(is_instances);
    }
    let below = all.iter().filter(|child| child.is_folder);
    let exported = below.map(|child| folder.join(&child.name).join("_annotations.coco.json"));
    usual.into_iter().chain(exported.filter(|path| path.is_file())).collect()
}

pub(super) fn open(folder: &Path, findings: &Findings) -> Pictures {
    let mut pictures = Vec::new();
    for path in annotations(folder, &children(folder)) {
        let name = below(folder, &path);
        match read(&path) {
            Ok(annotations) => one(folder, &path, &name, annotations, findings, &mut pictures),
            Err(problem) => findings.file(Fault::Layout, name, problem),
        }
    }
    let (places, mut facts): (Vec<_>, Vec<Option<Facts>>) =
        pictures.into_iter().map(|(path, split, facts)| ((path, split), Some(facts))).unzip();
    let mut table = Pictures::new(true, move |number, _| facts[number].take().unwrap_or_default());
    let mut spelled = Spelled::new(folder);
    for (path, split) in places {
        let path = spelled.own(path);
        table.push(below(folder, &path), path, split);
    }
    table
}

/// Reads a file of annotations, as Python's `json` does: with a NaN where it is no number.
fn read(path: &Path) -> Result<Annotations, String> {
    let open = || crate::io::open_file(path).map_err(|e| e.to_string());
    let first = serde_json::from_reader::<_, Annotations>(std::io::BufReader::new(open()?));
    let Err(problem) = first else { return first.map_err(|e| e.to_string()) };
    // Rare enough to be read once more.
    let bytes = read_bytes(path).map_err(|_| problem.to_string())?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(&without_nan(bytes)).map_err(|_| problem.to_string())
}

/// JSON in which null stands for what Python writes of numbers that are none.
fn without_nan(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_text, mut at) = (false, 0);
    while let Some(&byte) = json.get(at) {
        let none = [&b"NaN"[..], b"Infinity", b"-Infinity"].into_iter().find(|none| json[at..].starts_with(none));
        match none.filter(|_| !in_text) {
            Some(none) => {
                out.extend_from_slice(b"null");
                at += none.len();
                continue;
            }
            None if in_text && byte == b'\\' => {
                out.extend(json[at..].iter().take(2));
                at += 2;
                continue;
            }
            None => in_text ^= byte == b'"',
        }
        out.push(byte);
        at += 1;
    }
    out
}

type Place = (PathBuf, Option<Split>, Facts);

fn one(folder: &Path, path: &Path, name: &str, all: Annotations, found: &Findings, pictures: &mut Vec<Place>) {
    let wrong = |fault, detail: String| found.file(fault, name, detail);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let word = |part: &str| Split::named(part.trim_end_matches(|c: char| c.is_ascii_digit()));
    let named = stem.rsplit(['_', '-']).find_map(word);
    let parent = path.parent().and_then(Path::file_name).and_then(|name| Split::named(&name.to_string_lossy()));
    let split = named.or(parent);
    let folders: Vec<PathBuf> = {
        let part = stem.rsplit('_').next().unwrap_or_default();
        let beside = path.parent().unwrap_or(folder).to_path_buf();
        vec![folder.join("images").join(part), folder.join(part), folder.join("images"), folder.to_path_buf(), beside]
    };
    // The folder where most of the first pictures are.
    let there =
        |folder: &&PathBuf| all.images.iter().take(16).filter(|image| folder.join(&image.file_name).exists()).count();
    let pictures_in = folders.iter().rev().max_by_key(there).unwrap_or(&folders[0]);

    let mut categories: HashMap<&Id, &str> = HashMap::new();
    for category in &all.categories {
        if categories.insert(&category.id, &category.name).is_some() {
            wrong(Fault::Layout, format!("two categories have the id {}", category.id));
        }
    }
    let mut sizes: HashMap<&Id, (Option<f64>, Option<f64>)> = HashMap::new();
    for image in &all.images {
        if sizes.insert(&image.id, (image.width, image.height)).is_some() {
            wrong(Fault::Layout, format!("two images have the id {}", image.id));
        }
    }
    let label = |id: &Id| categories.get(id).map_or_else(|| format!("category {id}"), |name| name.to_string());
    let mut inside: HashMap<&Id, Vec<Bounds>> = HashMap::new();
    let mut ids = HashSet::new();
    let (mut crowds, mut outlined) = (0u64, 0u64);
    for annotation in &all.annotations {
        let id = &annotation.id;
        if !ids.insert(id) {
            wrong(Fault::Layout, format!("two annotations have the id {id}"));
        }
        if !categories.contains_key(&annotation.category_id) {
            wrong(Fault::LabelClass, format!("annotation {id}: there is no category {}", annotation.category_id));
        }
        let Some(&size) = sizes.get(&annotation.image_id) else {
            wrong(Fault::LabelOrphan, format!("annotation {id}: there is no image {}", annotation.image_id));
            continue;
        };
        // A crowd is no object, and no trainer takes its box for one.
        if annotation.iscrowd.as_f64().is_some_and(|crowd| crowd != 0.0) || annotation.iscrowd == true {
            crowds += 1;
            continue;
        }
        outlined += u64::from(annotation.segmentation.0.is_some());
        let drawn = annotation.bbox.as_deref().or(annotation.segmentation.0.as_ref().map(|sides| sides.as_slice()));
        if let Some(problem) = annotation.bbox.as_deref().and_then(|bbox| outside(bbox, size)) {
            wrong(Fault::Box, format!("annotation {id}: {problem}"));
        }
        let class = match &annotation.category_id {
            Id::Number(number) => u32::try_from(*number).ok(),
            Id::Text(_) => None,
        };
        if let Some(xyxy) = drawn.and_then(|drawn| sides(drawn, size)) {
            let bounds = Bounds { label: Some(label(&annotation.category_id)), class, score: None, xyxy };
            inside.entry(&annotation.image_id).or_default().push(bounds);
        }
    }
    if crowds > 0 {
        notes::say(
            &format!("{name} crowds"),
            format!("{name}: {crowds} annotations are of crowds (iscrowd), and left out"),
        );
    }
    say_outlined(name, outlined, "outlined by polygons");
    // A picture without a box shows nothing only where others have some.
    let is_drawn = !inside.is_empty() || all.annotations.is_empty();
    for image in &all.images {
        let boxes = inside.remove(&image.id).unwrap_or_default();
        let classes: BTreeSet<&str> = boxes.iter().filter_map(|bounds| bounds.label.as_deref()).collect();
        let label = classes.first().filter(|_| classes.len() == 1).map(|class| class.to_string());
        let side = |side: Option<f64>| side.filter(|side| (1.0..1e9).contains(side)).map(|side| side as u32);
        let size = side(image.width).zip(side(image.height));
        let facts = Facts { label, size, boxes: Some(boxes).filter(|_| is_drawn), ..Facts::default() };
        pictures.push((pictures_in.join(&image.file_name), split, facts));
    }
}

/// Left, top, right and bottom of a box, cut at the picture's border; none of what is no box.
fn sides(bbox: &[f64], (width, height): (Option<f64>, Option<f64>)) -> Option<[f32; 4]> {
    let &[x, y, w, h] = bbox else { return None };
    let within = |at: f64, side: Option<f64>| at.clamp(0.0, side.unwrap_or(f64::MAX).max(0.0)) as f32;
    let xyxy = [within(x, width), within(y, height), within(x + w, width), within(y + h, height)];
    (xyxy[0] < xyxy[2] && xyxy[1] < xyxy[3] && xyxy.iter().all(|side| side.is_finite())).then_some(xyxy)
}

/// What is wrong with a box `[x, y, width, height]` in pixels.
fn outside(bbox: &[f64], (width, height): (Option<f64>, Option<f64>)) -> Option<String> {
    const ROUNDING: f64 = 0.01;
    let &[x, y, w, h] = bbox else { return Some(format!("a box of {} numbers", bbox.len())) };
    if !(w > 0.0 && h > 0.0) {
        return Some(format!("a box of {w} x {h}"));
    }
    let beyond = |from: f64, length: f64, side: Option<f64>| {
        from < -ROUNDING || side.is_some_and(|side| from + length > side + ROUNDING)
    };
    (beyond(x, w, width) || beyond(y, h, height)).then(|| format!("the box [{x}, {y}, {w}, {h}] leaves its picture"))
}
