//! `SPLIT/CLASS/picture` or `CLASS/picture`, as torchvision's `ImageFolder` and Keras read it.
//!
//! torchvision takes every folder for a class and every file of its extensions below it for a picture, hidden ones too.

use std::collections::BTreeSet;
use std::path::Path;

use super::files::{all_children, folders, listing};
use super::pictures::{Facts, Pictures};
use crate::table::Error;
use crate::table::findings::{Fault, Findings};
use crate::table::split::Split;

/// What torchvision takes for a picture (`IMG_EXTENSIONS` in its datasets/folder.py).
const EXTENSIONS: &[&str] = &["jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp"];

/// The folders of splits: more than one of them, or nothing else, for a class may be called `train`.
pub(super) fn splits(tops: &[String]) -> Vec<String> {
    let splits: Vec<String> = tops.iter().filter(|name| Split::named(name).is_some()).cloned().collect();
    let kinds: BTreeSet<_> = splits.iter().filter_map(|name| Split::named(name)).collect();
    if kinds.len() > 1 || splits.len() == tops.len() { splits } else { Vec::new() }
}

pub(super) fn open(folder: &Path, findings: &Findings) -> Result<Pictures, Error> {
    let splits = splits(&folders(folder));
    if !splits.is_empty() {
        for stray in folders(folder).iter().filter(|name| !splits.contains(name)) {
            findings.file(Fault::Stray, stray, "a folder beside the splits that is none");
        }
        let classes = |split: &String| folders(&folder.join(split)).into_iter().collect::<BTreeSet<String>>();
        let all: Vec<(&String, BTreeSet<String>)> = splits.iter().map(|split| (split, classes(split))).collect();
        let train = all.iter().find(|(split, _)| Split::named(split) == Some(Split::Train));
        for (split, classes) in &all {
            // Readers number the classes of each split by themselves, in the order of their names.
            if let Some((first, wanted)) = train.filter(|(_, wanted)| wanted != classes)
                && let Some(missing) = wanted.symmetric_difference(classes).next()
            {
                let detail = format!("its classes are not those of {first} ({missing}), so their numbers differ");
                findings.file(Fault::Numbering, split.as_str(), detail);
            }
        }
        splits.iter().for_each(|split| hidden(&folder.join(split), split, true, findings));
    } else {
        hidden(folder, "", true, findings);
    }
    let listing = listing(folder, folder, findings)?;
    let class_at = usize::from(!splits.is_empty());
    let class_of = move |key: &str| {
        let parts: Vec<&str> = key.split('/').collect();
        (parts.len() > class_at + 1).then(|| parts[..=class_at].join("/"))
    };
    let found = findings.clone();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut pictures = Vec::new();
    for entry in listing.entries() {
        let key = listing.key(entry);
        let split = key.split('/').next().filter(|_| class_at > 0).and_then(Split::named);
        let extension = key.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
        match class_of(&key) {
            None => found.file(Fault::Stray, &key, "lies in no folder of a class"),
            Some(class) if EXTENSIONS.contains(&extension.as_str()) => {
                seen.insert(class);
            }
            Some(_) => found.file(Fault::Stray, &key, "torchvision reads no pictures of this extension"),
        }
        pictures.push((key, listing.path(entry), split));
    }
    empty_classes(folder, &splits, &seen, &found);
    let label = move |key: &str| class_of(key).and_then(|class| class.rsplit('/').next().map(str::to_string));
    let mut table = Pictures::new(false, move |_, stub| Facts { label: label(&stub.key), ..Facts::default() });
    pictures.into_iter().for_each(|(key, path, split)| table.push(key, path, split));
    Ok(table)
}

/// Hidden files and folders, which torchvision does not pass over.
fn hidden(folder: &Path, name: &str, holds_classes: bool, found: &Findings) {
    for child in all_children(folder) {
        let below = if name.is_empty() { child.text() } else { format!("{name}/{}", child.text()) };
        if child.is_folder && !child.is_link {
            if child.is_hidden() {
                let what = if holds_classes {
                    "is a class to torchvision, and shifts the numbers of those after it"
                } else {
                    "holds pictures of the class to torchvision"
                };
                // Where it holds no picture, torchvision stops at it as a class, and passes over it else.
                if holds_classes || has_pictures(&folder.join(&child.name)) {
                    found.file(Fault::Layout, below, format!("a hidden folder, which {what}"));
                }
            } else {
                hidden(&folder.join(&child.name), &below, false, found);
            }
        } else if child.is_hidden() && !holds_classes && is_picture(&child.text()) {
            found.file(Fault::Layout, below, "a hidden file, which torchvision takes for a picture");
        }
    }
}

fn is_picture(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| EXTENSIONS.contains(&end.to_ascii_lowercase().as_str()))
}

fn has_pictures(folder: &Path) -> bool {
    all_children(folder).iter().any(|child| match child.is_folder {
        true => !child.is_link && has_pictures(&folder.join(&child.name)),
        false => is_picture(&child.text()),
    })
}

/// A folder of a class without a picture stops torchvision.
fn empty_classes(root: &Path, splits: &[String], seen: &BTreeSet<String>, found: &Findings) {
    let below = |folder: &str| folders(&root.join(folder));
    let classes: Vec<String> = match splits.is_empty() {
        true => below(""),
        false => {
            let of =
                |split: &String| below(split).into_iter().map(|class| format!("{split}/{class}")).collect::<Vec<_>>();
            splits.iter().flat_map(of).collect()
        }
    };
    for class in classes.iter().filter(|class| !seen.contains(*class)) {
        if root.join(class).is_symlink() {
            found.file(Fault::Stray, class, "a link to a folder, which torchvision follows, and this program does not");
            continue;
        }
        found.file(Fault::Layout, class, "a class without a picture, at which torchvision stops");
    }
}
