//! Folders as other tools lay them out: which pictures are there, of which class and split, and what those tools would
//! stumble over.

mod coco;
mod imagefolder;
mod webdataset;
mod yolo;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::{Finding, Rule, Subject};
use crate::io;
use crate::table::{Error, Table, column, dataset};

/// How a folder is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// images/ and labels/ with a text file for each picture, and data.yaml
    Yolo,
    /// A folder for each class, in a folder for each split
    Imagefolder,
    /// annotations/*.json and their pictures
    Coco,
    /// Shards: tar files in which the files of a sample share a name
    Webdataset,
}

impl Profile {
    /// The layout that a folder seems to have; `None`: just a folder of pictures.
    pub fn of(folder: &Path) -> Option<Profile> {
        let has = |name: &str| folder.join(name).exists();
        let ends = |end: &str| children(folder).iter().any(|name| name.ends_with(end));
        if has("data.yaml") || has("data.yml") || (has("images") && has("labels")) {
            return Some(Profile::Yolo);
        }
        if has("annotations") || !coco::annotations(folder).is_empty() {
            return Some(Profile::Coco);
        }
        if ends(".tar") {
            return Some(Profile::Webdataset);
        }
        (!imagefolder::splits(folder).is_empty()).then_some(Profile::Imagefolder)
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Yolo => "yolo",
            Profile::Imagefolder => "imagefolder",
            Profile::Coco => "coco",
            Profile::Webdataset => "webdataset",
        }
    }
}

/// A folder that is being read.
#[derive(Debug)]
pub struct Layout {
    /// A row for each picture.
    pub table: Table,
    /// What was found so far: complete when the table has been read to its end.
    pub findings: Findings,
}

/// Findings that come up while a table is read.
#[derive(Debug, Clone, Default)]
pub struct Findings(Arc<Mutex<Vec<Finding>>>);

impl Findings {
    /// Adds one about a file, named from the data set's folder.
    fn file(&self, rule: Rule, file: impl Into<String>, detail: impl Into<String>) {
        self.0.lock().expect("no thread panics with this lock").push(Finding::new(
            rule,
            Subject::File(file.into()),
            detail,
        ));
    }

    /// Whether nothing was found so far.
    fn is_empty(&self) -> bool {
        self.0.lock().expect("no thread panics with this lock").is_empty()
    }

    /// What was found since the last time.
    pub fn take(&self) -> Vec<Finding> {
        std::mem::take(&mut *self.0.lock().expect("no thread panics with this lock"))
    }
}

/// Reads a folder of this layout. Where there is no picture, the findings say why.
///
/// # Errors
/// It cannot be read, or there is nothing of the layout.
pub fn open(folder: &Path, profile: Profile) -> Result<Layout, Error> {
    dataset::require_finished(folder)?;
    let layout = match profile {
        Profile::Yolo => yolo::open(folder),
        Profile::Imagefolder => imagefolder::open(folder),
        Profile::Coco => coco::open(folder),
        Profile::Webdataset => webdataset::open(folder),
    }?;
    match layout.table.rows {
        Some(0) if layout.findings.is_empty() => Err(Error::NoImages { name: folder.display().to_string() }),
        _ => Ok(layout),
    }
}

/// A picture of a layout.
#[derive(Debug, Default)]
struct Picture {
    key: String,
    path: PathBuf,
    id: Option<i32>,
    label: Option<String>,
    split: Option<&'static str>,
    /// Width and height, where the layout says them.
    size: Option<(u32, u32)>,
    /// The classes of its boxes, in layouts that have boxes.
    inside: Option<Vec<String>>,
}

/// The column of the classes of a picture's boxes: `list<utf8>`, null where nobody has looked.
pub const INSIDE: &str = "classes_inside";

const BATCH_ROWS: usize = 256;

/// The table of pictures that come one after the other.
fn table(folder: &Path, rows: usize, pictures: impl Iterator<Item = Picture> + Send + 'static) -> Table {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        column::key_field(),
        column::field(column::PATH, DataType::Utf8),
        column::field(column::ID, DataType::Int32),
        column::field(column::LABEL, DataType::Utf8),
        column::field(column::SPLIT, DataType::Utf8),
        column::field(column::WIDTH, DataType::UInt32),
        column::field(column::HEIGHT, DataType::UInt32),
        column::field(INSIDE, DataType::List(Arc::new(column::field("item", DataType::Utf8)))),
    ]));
    let mut pictures = pictures;
    let batch_schema = schema.clone();
    let batches = std::iter::from_fn(move || {
        let some: Vec<Picture> = pictures.by_ref().take(BATCH_ROWS).collect();
        if some.is_empty() {
            return None;
        }
        let path = |picture: &Picture| io::escape_bytes(picture.path.as_os_str().as_encoded_bytes());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(some.iter().map(|p| &p.key))),
            Arc::new(StringArray::from_iter_values(some.iter().map(path))),
            Arc::new(some.iter().map(|p| p.id).collect::<Int32Array>()),
            Arc::new(some.iter().map(|p| p.label.as_deref()).collect::<StringArray>()),
            Arc::new(some.iter().map(|p| p.split).collect::<StringArray>()),
            Arc::new(some.iter().map(|p| p.size.map(|(width, _)| width)).collect::<UInt32Array>()),
            Arc::new(some.iter().map(|p| p.size.map(|(_, height)| height)).collect::<UInt32Array>()),
            inside(&some),
        ];
        Some(Ok(RecordBatch::try_new(batch_schema.clone(), columns).expect("the columns of the schema above")))
    });
    Table::new(folder.display().to_string(), schema, Some(rows as u64), Box::new(batches))
}

fn inside(pictures: &[Picture]) -> ArrayRef {
    let mut list = ListBuilder::new(StringBuilder::new());
    for picture in pictures {
        picture.inside.iter().flatten().for_each(|class| list.values().append_value(class));
        list.append(picture.inside.is_some());
    }
    Arc::new(list.finish())
}

/// The split that a folder of this name holds.
fn split_of(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "train" | "training" => Some("train"),
        "val" | "valid" | "validation" | "dev" => Some("validation"),
        "test" | "testing" => Some("test"),
        _ => None,
    }
}

/// Names of what lies in a folder, sorted, without hidden files; none where it cannot be read.
fn children(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// A text file of at most 64 megabytes.
fn read_text(path: &Path) -> Result<String, String> {
    const MOST: u64 = 64 << 20;
    let about = std::fs::metadata(path).map_err(|e| e.to_string())?;
    match about.len() {
        // Reading a pipe could wait for ever.
        _ if !about.is_file() => Err("is no file".into()),
        length if length > MOST => Err(format!("{length} bytes are more than the {} megabytes allowed", MOST >> 20)),
        _ => {
            let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
            let text = String::from_utf8(bytes).map_err(|_| "is no UTF-8 text".to_string())?;
            Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a folder to its end: nothing may panic, whatever its files hold.
    fn read(folder: &Path, profile: Profile) {
        if let Ok(layout) = open(folder, profile) {
            layout.table.for_each(drop);
            layout.findings.take();
        }
    }

    #[test]
    fn damaged_files_are_findings_or_errors_and_never_a_panic() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
            std::fs::write(path, bytes).expect("writable");
        };
        let picture = crate::image::Rgb { width: 2, height: 2, pixels: vec![7; 12] };
        let png = crate::image::encode(&picture, crate::image::Encoding::Png).expect("a picture");
        write("yolo/images/train/a.png", &png);
        write("coco/images/train/a.png", &png);
        let mut shard = tar::Builder::new(Vec::new());
        for (name, bytes) in [("a.png", png.as_slice()), ("a.cls", b"1"), ("a.json", br#"{"id":1,"label":"b"}"#)] {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            shard.append_data(&mut header, name, bytes).expect("written");
        }
        let yaml = b"path: .\ntrain: images/train\nval: [images/train]\nnc: 2\nnames: {0: 'a', 1: \"b\"}\n";
        let json = br#"{"images":[{"id":1,"file_name":"a.png","width":2,"height":2}],
            "annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,2,2]}],"categories":[{"id":1,"name":"a"}]}"#;
        let sound: [(&str, &str, Profile, Vec<u8>); 4] = [
            ("yolo", "data.yaml", Profile::Yolo, yaml.to_vec()),
            ("yolo", "labels/train/a.txt", Profile::Yolo, b"0 0.5 0.5 1 1\n1 0 0 1 0 1 1\n".to_vec()),
            ("coco", "annotations/instances_train.json", Profile::Coco, json.to_vec()),
            ("shards", "train-0.tar", Profile::Webdataset, shard.into_inner().expect("written")),
        ];
        let mut state = 7u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for (set, file, profile, sound) in sound {
            for _ in 0..400 {
                let mut bytes = sound.clone();
                for _ in 0..=next(4) {
                    let at = next(bytes.len().min(1 << 12));
                    match next(4) {
                        0 => bytes[at] = next(256) as u8,
                        1 => bytes[at] ^= 1 << next(8),
                        2 => bytes.truncate(at + 1),
                        _ => bytes.insert(at, b"[]{}:,'\"&*!|>-0 9e\n"[next(18)]),
                    }
                }
                write(&format!("{set}/{file}"), &bytes);
                read(&folder.path().join(set), profile);
            }
        }
    }
}
