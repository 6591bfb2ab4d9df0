//! `annotations/*.json` in COCO's format, as pycocotools and torchvision's `CocoDetection` read it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Findings, Layout, Picture, children, split_of, table};
use crate::check::Rule;
use crate::table::Error;

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
    id: i64,
    file_name: String,
    width: Option<f64>,
    height: Option<f64>,
}

#[derive(Deserialize)]
struct Annotation {
    id: i64,
    image_id: i64,
    category_id: i64,
    bbox: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// The files of annotations of a folder.
pub fn annotations(folder: &Path) -> Vec<PathBuf> {
    let inside = |folder: PathBuf| {
        let names = children(&folder).into_iter().filter(|name| name.ends_with(".json"));
        names.map(move |name| folder.join(name)).collect::<Vec<_>>()
    };
    let mut usual = inside(folder.join("annotations"));
    // Captions and key points lie beside them, of the same pictures.
    let is_instances =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("instances"));
    if usual.iter().any(is_instances) {
        usual.retain(is_instances);
    }
    let exported = children(folder).into_iter().map(|name| folder.join(name).join("_annotations.coco.json"));
    usual.into_iter().chain(exported.filter(|path| path.exists())).collect()
}

pub fn open(folder: &Path) -> Result<Layout, Error> {
    let findings = Findings::default();
    let mut pictures = Vec::new();
    for path in annotations(folder) {
        let name = below(folder, &path);
        let read = std::fs::File::open(&path).map_err(|e| e.to_string()).and_then(|file| {
            serde_json::from_reader::<_, Annotations>(std::io::BufReader::new(file)).map_err(|e| e.to_string())
        });
        match read {
            Ok(annotations) => one(folder, &path, &name, annotations, &findings, &mut pictures),
            Err(problem) => findings.file(Rule::Layout, name, problem),
        }
    }
    Ok(Layout { table: table(folder, pictures.len(), pictures.into_iter()), findings })
}

fn below(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

fn one(folder: &Path, path: &Path, name: &str, all: Annotations, found: &Findings, pictures: &mut Vec<Picture>) {
    let wrong = |rule, detail: String| found.file(rule, name, detail);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let named = stem.rsplit(['_', '-']).find_map(|part| split_of(part.trim_end_matches(|c: char| c.is_ascii_digit())));
    let parent = path.parent().and_then(Path::file_name).and_then(|name| split_of(&name.to_string_lossy()));
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

    let mut categories: HashMap<i64, &str> = HashMap::new();
    for category in &all.categories {
        if categories.insert(category.id, &category.name).is_some() {
            wrong(Rule::Layout, format!("two categories have the id {}", category.id));
        }
    }
    let mut sizes: HashMap<i64, (Option<f64>, Option<f64>)> = HashMap::new();
    for image in &all.images {
        if sizes.insert(image.id, (image.width, image.height)).is_some() {
            wrong(Rule::Layout, format!("two images have the id {}", image.id));
        }
    }
    let mut classes: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    let mut ids = HashSet::new();
    for annotation in &all.annotations {
        let id = annotation.id;
        if !ids.insert(id) {
            wrong(Rule::Layout, format!("two annotations have the id {id}"));
        }
        if !categories.contains_key(&annotation.category_id) {
            wrong(Rule::LabelClass, format!("annotation {id}: there is no category {}", annotation.category_id));
        }
        let Some(&size) = sizes.get(&annotation.image_id) else {
            wrong(Rule::LabelOrphan, format!("annotation {id}: there is no image {}", annotation.image_id));
            continue;
        };
        classes.entry(annotation.image_id).or_default().insert(annotation.category_id);
        if let Some(problem) = annotation.bbox.as_deref().and_then(|bbox| outside(bbox, size)) {
            wrong(Rule::Box, format!("annotation {id}: {problem}"));
        }
    }
    for image in all.images {
        let path = pictures_in.join(&image.file_name);
        let name = |id: &i64| categories.get(id).map_or_else(|| format!("category {id}"), |name| name.to_string());
        let own: Vec<String> = classes.get(&image.id).into_iter().flatten().map(name).collect();
        let side = |side: Option<f64>| side.filter(|side| (1.0..1e9).contains(side)).map(|side| side as u32);
        pictures.push(Picture {
            key: below(folder, &path),
            path,
            label: own.first().cloned().filter(|_| own.len() == 1),
            split,
            size: side(image.width).zip(side(image.height)),
            inside: (own.len() != 1).then_some(own),
            id: None,
        });
    }
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
