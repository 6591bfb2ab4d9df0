//! Ultralytics' layout of a detection data set (docs.ultralytics.com/datasets/detect): `images/SPLIT/NAME.jpg`,
//! `labels/SPLIT/NAME.txt` with a line `class x y width height` for each box, in parts of the picture, and `data.yaml`.

use super::{Finished, Item, Layout, Packer, Whereabouts};
use crate::export::Error;
use crate::export::classes::{Classes, class_of, yaml_text};
use crate::export::plan::{Names, Naming, Place, Plan};
use crate::io::Folder;
use crate::split::{SPLITS, Split};

/// What the pictures are called.
pub(crate) const NAMING: Naming = Naming { names: Names::Numbered, boxes: true, classified: true };

/// The layout.
#[derive(Debug, Clone)]
pub(crate) struct Yolo {
    /// What the split `validation` is called, in folders.
    pub validation: String,
}

impl Yolo {
    fn split(&self, split: Split) -> &str {
        if split == Split::Validation { &self.validation } else { split.name() }
    }

    /// Ultralytics takes a `path` that is relative and there for one below the working directory, and else for one below
    /// its own folder of data sets; only without `path` everything is relative to the file itself.
    fn data(&self, plan: &Plan) -> String {
        let mut yaml = String::from("# Paths are relative to this file.\n");
        let has = |split: Split| plan.places().any(|place| place.split == split);
        for (key, split) in ["train", "val", "test"].into_iter().zip(SPLITS) {
            // Training needs both; without pictures for validation it is better to hear so than to fail.
            let from = match split {
                Split::Validation if !has(split) => Split::Train,
                Split::Test if !has(split) => continue,
                _ => split,
            };
            yaml.push_str(&format!("{key}: {}\n", yaml_text(&format!("images/{}", self.split(from)))));
        }
        yaml.push_str(&format!("nc: {}\nnames:\n", plan.classes.names().len()));
        for (number, name) in plan.classes.names().iter().enumerate() {
            yaml.push_str(&format!("  {number}: {}\n", yaml_text(name)));
        }
        yaml
    }
}

impl Layout for Yolo {
    fn file(&self, place: &Place, extension: &str) -> Option<String> {
        Some(format!("images/{}/{}.{extension}", self.split(place.split), place.name))
    }

    fn folders(&self) -> Vec<String> {
        SPLITS.map(|split| format!("labels/{}", self.split(split))).into()
    }

    fn beside(&self, item: &Item, classes: &Classes) -> Option<(String, String)> {
        let file = format!("labels/{}/{}.txt", self.split(item.place.split), item.place.name);
        Some((file, lines(item, classes)))
    }

    fn packer<'a>(&self, folder: &'a Folder, plan: &'a Plan, _: &arrow_schema::SchemaRef) -> Box<dyn Packer + 'a> {
        Box::new(Lists { folder, data: self.data(plan), classes: plan.classes.lines() })
    }
}

/// The lines of a label file.
fn lines(item: &Item, classes: &Classes) -> String {
    let Some(boxes) = item.boxes else {
        return item.place.class.map_or_else(String::new, |class| format!("{class} 0.5 0.5 1.0 1.0\n"));
    };
    let (width, height) = (f64::from(item.made.width), f64::from(item.made.height));
    let mut lines = String::new();
    for bounds in boxes {
        let Some(class) = class_of(bounds.label.as_deref(), item.place.class, classes) else { continue };
        let [left, top, right, bottom] = bounds.xyxy.map(f64::from);
        let parts = [
            (left + right) / 2.0 / width,
            (top + bottom) / 2.0 / height,
            (right - left) / width,
            (bottom - top) / height,
        ];
        lines.push_str(&format!("{class} {}\n", parts.map(number).join(" ")));
    }
    lines
}

/// Six decimals, a millionth of the picture, without zeros at the end.
fn number(x: f64) -> String {
    let text = format!("{x:.6}");
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_string() }
}

/// The files that all pictures share.
struct Lists<'a> {
    folder: &'a Folder,
    data: String,
    classes: String,
}

impl Packer for Lists<'_> {
    fn take(&mut self, _: &Item, _: &[u8], _: &arrow_array::RecordBatch) -> Result<Option<Whereabouts>, Error> {
        Ok(None)
    }

    fn finish(self: Box<Self>) -> Result<Finished, Error> {
        self.folder.write("classes.txt", self.classes.as_bytes())?;
        self.folder.write("data.yaml", self.data.as_bytes())?;
        Ok(Finished::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        for (x, text) in
            [(0.5, "0.5"), (1.0, "1.0"), (0.0, "0.0"), (1.0 / 3.0, "0.333333"), (0.123_450_000_1, "0.12345")]
        {
            assert_eq!(number(x), text);
        }
    }
}
