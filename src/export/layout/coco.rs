//! COCO's layout (cocodataset.org/#format-data): `images/SPLIT/NAME.png` and `annotations/instances_SPLIT.json`.
//!
//! Images and annotations have numbers from 1 in the order of the rows; a category's number is its class's + 1, which is
//! the Pokédex's where classes are species. `file_name` is relative to `images/SPLIT`, as torchvision and pycocotools
//! want it. Without boxes, a picture of a class is one box.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use serde_json::json;

use super::{Finished, Item, Layout, Packer, Whereabouts};
use crate::export::Error;
use crate::export::classes::class_of;
use crate::export::plan::{Names, Naming, Place, Plan};
use crate::io::{self, Folder, Sink};
use crate::split::{SPLITS, Split};

/// What the pictures are called.
pub(crate) const NAMING: Naming = Naming { names: Names::Stem, boxes: true, classified: false };

/// The layout.
#[derive(Debug)]
pub(crate) struct Coco;

impl Layout for Coco {
    fn file(&self, place: &Place, extension: &str) -> Option<String> {
        Some(format!("images/{}/{}.{extension}", place.split.name(), place.name))
    }

    fn folders(&self) -> Vec<String> {
        vec!["annotations".into()]
    }

    fn packer<'a>(&self, folder: &'a Folder, plan: &'a Plan, _: &arrow_schema::SchemaRef) -> Box<dyn Packer + 'a> {
        Box::new(Annotations { folder, plan, splits: [None, None, None], images: 0, annotations: 0 })
    }
}

/// The annotations of all splits. Both lists of a file grow at once, so the second waits in a temporary file.
struct Annotations<'a> {
    folder: &'a Folder,
    plan: &'a Plan,
    splits: [Option<Instances>; 3],
    images: u64,
    annotations: u64,
}

struct Instances {
    file: String,
    sink: Sink,
    annotations: BufWriter<File>,
    images: u64,
    boxes: u64,
}

fn file(split: Split) -> String {
    format!("annotations/instances_{}.json", split.name())
}

impl Packer for Annotations<'_> {
    fn take(&mut self, item: &Item, _: &[u8], _: &arrow_array::RecordBatch) -> Result<Option<Whereabouts>, Error> {
        let at = item.place.split as usize;
        if self.splits[at].is_none() {
            let file = file(item.place.split);
            let mut sink = self.folder.create(&file)?;
            write(&mut sink, &file, b"{\"info\":{},\"licenses\":[],\"images\":[\n")?;
            let annotations = BufWriter::new(tempfile::tempfile().map_err(io::Error::temporary)?);
            self.splits[at] = Some(Instances { file, sink, annotations, images: 0, boxes: 0 });
        }
        let open = self.splits[at].as_mut().expect("it was opened above");
        self.images += 1;
        let (width, height) = (item.made.width, item.made.height);
        let name = item.file.and_then(|file| file.rsplit('/').next());
        let image = json!({"id": self.images, "file_name": name, "width": width, "height": height, "key": item.key});
        let comma = if open.images > 0 { ",\n" } else { "" };
        open.images += 1;
        write(&mut open.sink, &open.file, format!("{comma}{image}").as_bytes())?;

        let whole = [0.0, 0.0, width as f32, height as f32];
        let boxes: Vec<(Option<u32>, [f32; 4])> = match item.boxes {
            Some(boxes) => boxes
                .iter()
                .map(|b| (class_of(b.label.as_deref(), item.place.class, &self.plan.classes), b.xyxy))
                .collect(),
            None => vec![(item.place.class, whole)],
        };
        for (class, [left, top, right, bottom]) in boxes {
            let Some(class) = class else { continue };
            self.annotations += 1;
            // Sides of whole pixels are written as such; no more than a thousandth of a pixel is meant otherwise.
            let short = |x: f32| (f64::from(x) * 1000.0).round() / 1000.0;
            let (x, y, w, h) = (short(left), short(top), short(right - left), short(bottom - top));
            let annotation = json!({
                "id": self.annotations, "image_id": self.images, "category_id": class + 1,
                "bbox": [x, y, w, h], "area": short((right - left) * (bottom - top)), "iscrowd": 0, "segmentation": [],
            });
            let comma = if open.boxes > 0 { ",\n" } else { "" };
            open.boxes += 1;
            write!(open.annotations, "{comma}{annotation}").map_err(io::Error::temporary)?;
        }
        Ok(None)
    }

    fn finish(self: Box<Self>) -> Result<Finished, Error> {
        let categories: Vec<serde_json::Value> = (1..)
            .zip(self.plan.classes.names())
            .map(|(id, name)| json!({"id": id, "name": name, "supercategory": ""}))
            .collect();
        let categories = serde_json::Value::Array(categories).to_string();
        for split in SPLITS.into_iter().zip(self.splits).filter_map(|(_, open)| open) {
            let Instances { file, mut sink, annotations, .. } = split;
            let mut annotations = annotations.into_inner().map_err(|e| io::Error::temporary(e.into_error()))?;
            annotations.rewind().map_err(io::Error::temporary)?;
            write(&mut sink, &file, b"\n],\"annotations\":[\n")?;
            std::io::copy(&mut annotations, &mut sink).map_err(|source| failed(&file, source))?;
            write(&mut sink, &file, format!("\n],\"categories\":{categories}}}\n").as_bytes())?;
            sink.finish()?;
        }
        self.folder.write("classes.txt", self.plan.classes.lines().as_bytes())?;
        Ok(Finished::default())
    }
}

fn write(sink: &mut Sink, file: &str, bytes: &[u8]) -> Result<(), Error> {
    sink.write_all(bytes).map_err(|source| failed(file, source))
}

fn failed(file: &str, source: std::io::Error) -> Error {
    io::Error::Write { path: file.into(), source }.into()
}
