//! `SPLIT/CLASS/picture` or `CLASS/picture`, as torchvision's `ImageFolder` and Keras read it.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Findings, Layout, Picture, children, split_of, table};
use crate::check::Rule;
use crate::io::Listing;
use crate::table::Error;

/// The folders of splits: more than one of them, or nothing else, for a class may be called `train`.
pub fn splits(folder: &Path) -> Vec<String> {
    let tops: Vec<String> = children(folder).into_iter().filter(|name| folder.join(name).is_dir()).collect();
    let splits: Vec<String> = tops.iter().filter(|name| split_of(name).is_some()).cloned().collect();
    let kinds: BTreeSet<_> = splits.iter().filter_map(|name| split_of(name)).collect();
    if kinds.len() > 1 || splits.len() == tops.len() { splits } else { Vec::new() }
}

pub fn open(folder: &Path) -> Result<Layout, Error> {
    let findings = Findings::default();
    let is_folder = |name: &String| folder.join(name).is_dir();
    let tops: Vec<String> = children(folder).into_iter().filter(is_folder).collect();
    let splits = splits(folder);
    let classes_of = |below: &Path| -> BTreeSet<String> {
        children(below).into_iter().filter(|name| below.join(name).is_dir()).collect()
    };
    if !splits.is_empty() {
        for stray in tops.iter().filter(|name| !splits.contains(name)) {
            findings.file(Rule::Stray, stray, "a folder beside the splits that is none");
        }
        let all: Vec<(&String, BTreeSet<String>)> =
            splits.iter().map(|split| (split, classes_of(&folder.join(split)))).collect();
        let train = all.iter().find(|(split, _)| split_of(split) == Some("train"));
        for (split, classes) in &all {
            // Readers number the classes of each split by themselves, in the order of their names.
            if let Some((first, wanted)) = train.filter(|(_, wanted)| wanted != classes)
                && let Some(missing) = wanted.symmetric_difference(classes).next()
            {
                let detail = format!("its classes are not those of {first} ({missing}), so their numbers differ");
                findings.file(Rule::Numbering, split.as_str(), detail);
            }
        }
    }
    let listing = Listing::of(&[folder.to_path_buf()])?;
    let has_splits = !splits.is_empty();
    let rows = listing.len();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let found = findings.clone();
    let mut entries = Some(0..rows);
    let root = folder.to_path_buf();
    let pictures = std::iter::from_fn(move || {
        let Some(at) = entries.as_mut()?.next() else {
            entries = None;
            empty_classes(&root, has_splits, &seen, &found);
            return None;
        };
        let entry = &listing.entries()[at];
        let key = listing.key(entry);
        let parts: Vec<&str> = key.split('/').collect();
        let split = parts.first().filter(|_| has_splits).and_then(|name| split_of(name));
        let class_at = usize::from(split.is_some());
        let label = (parts.len() > class_at + 1).then(|| parts[class_at].to_string());
        match &label {
            None => found.file(Rule::Stray, &key, "lies in no folder of a class"),
            Some(_) => {
                seen.insert(parts[..=class_at].join("/"));
            }
        }
        Some(Picture { path: listing.path(entry), label, split, key, ..Picture::default() })
    });
    Ok(Layout { table: table(folder, rows, pictures), findings })
}

/// A folder of a class without a picture stops torchvision.
fn empty_classes(root: &Path, has_splits: bool, seen: &BTreeSet<String>, found: &Findings) {
    let below = |folder: &str| -> Vec<String> {
        let path = root.join(folder);
        children(&path).into_iter().filter(|name| path.join(name).is_dir()).collect()
    };
    let classes: Vec<String> = match has_splits {
        false => below(""),
        true => {
            let splits = below("").into_iter().filter(|name| split_of(name).is_some());
            splits.flat_map(|split| below(&split).into_iter().map(move |class| format!("{split}/{class}"))).collect()
        }
    };
    for class in classes.iter().filter(|class| !seen.contains(*class)) {
        found.file(Rule::Layout, class, "a class without a picture, at which torchvision stops");
    }
}
