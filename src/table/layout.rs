//! Folders as other tools lay them out: which pictures are there, of which class and split, with which boxes, and what
//! those tools would stumble over.
//!
//! Hides: the layouts of Ultralytics, torchvision, COCO and WebDataset, and how lenient their readers are. Promises: a row
//! for each picture, whose label file is read when the row is; nothing is opened that is no regular file; what is wrong is
//! a finding about a file, never a panic.

mod coco;
mod huggingface;
mod imagefolder;
mod labels;
mod webdataset;
mod yaml;
mod yolo;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::boxes::{self, Bounds};
use super::inputs::IdSource;
use super::split::Split;
use super::{Error, Table, column, dataset};
use crate::io::{self, Listing};
use crate::notes;
use crate::species;

/// What is wrong with a file of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The layout wants it otherwise.
    Layout,
    /// Its tools read it otherwise than a person does.
    Misread,
    /// Nobody reads it.
    Stray,
    /// It cannot be read.
    Unreadable,
    /// Classes have other numbers than in train.
    Numbering,
    /// A picture without labels.
    LabelMissing,
    /// Labels without a picture.
    LabelOrphan,
    LabelSyntax,
    /// A box outside the picture, for which a tool leaves the picture out.
    LabelRange,
    /// A box that reaches beyond the picture, or is none, which a tool takes.
    LabelBeyond,
    LabelClass,
    LabelRepeated,
    /// A number in a name, and another in the labels.
    LabelAndId,
    Box,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub fault: Fault,
    /// The file, named from the data set's folder.
    pub file: String,
    /// What exactly is wrong.
    pub detail: String,
}

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
    /// The layout that a folder seems to have, or the folder of a `data.yaml`; `None`: just pictures.
    pub fn of(path: &Path) -> Option<Profile> {
        if !path.is_dir() {
            return yolo::is_data(path).then_some(Profile::Yolo);
        }
        // A folder may hold a million pictures: its names are read once.
        let children = children(path);
        if yolo::is_one(path, &children) {
            return Some(Profile::Yolo);
        }
        if path.join("annotations").is_dir() || !coco::annotations(path, &children).is_empty() {
            return Some(Profile::Coco);
        }
        if !webdataset::shards(path, &children).is_empty() {
            return Some(Profile::Webdataset);
        }
        (!imagefolder::splits(&folders_among(&children)).is_empty()).then_some(Profile::Imagefolder)
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
pub struct Findings(Arc<Mutex<Vec<Found>>>);

impl Findings {
    /// Adds one about a file, named from the data set's folder.
    pub(super) fn file(&self, fault: Fault, file: impl Into<String>, detail: impl Into<String>) {
        let found = Found { fault, file: file.into(), detail: detail.into() };
        self.0.lock().expect("no thread panics with this lock").push(found);
    }

    /// Whether nothing was found so far.
    fn is_empty(&self) -> bool {
        self.0.lock().expect("no thread panics with this lock").is_empty()
    }

    /// How many things are wrong that change what the rows say, and the first of them.
    pub fn serious(&self) -> Option<(usize, Found)> {
        use Fault::{LabelBeyond, LabelMissing, LabelRepeated, Numbering, Stray};
        let all = self.0.lock().expect("no thread panics with this lock");
        let passes =
            |found: &&Found| ![LabelBeyond, LabelMissing, LabelRepeated, Numbering, Stray].contains(&found.fault);
        let mut serious = all.iter().filter(passes);
        let first = serious.next()?.clone();
        Some((1 + serious.count(), first))
    }

    /// What was found since the last time.
    pub fn take(&self) -> Vec<Found> {
        std::mem::take(&mut *self.0.lock().expect("no thread panics with this lock"))
    }
}

/// Reads a folder of this layout, or the folder of a `data.yaml`, to see what its tool would. Where there is no picture, the
/// findings say why. Boxes are in parts of their pictures, which need not be opened for it.
///
/// # Errors
/// It cannot be read, or there is nothing of the layout.
pub fn open(path: &Path, profile: Profile) -> Result<Layout, Error> {
    dataset::require_finished(path)?;
    let findings = Findings::default();
    let table = match profile {
        Profile::Webdataset => webdataset::open(path, &findings)?,
        _ => {
            let (folder, pictures) = pictures(path, profile, Frame::Parts, &findings)?;
            pictures.table(&folder, Frame::Parts)
        }
    };
    match table.rows {
        Some(0) if findings.is_empty() => Err(Error::NoImages { name: path.display().to_string() }),
        _ => Ok(Layout { table, findings }),
    }
}

/// The rows of a folder that somebody else laid out, or of that of a `data.yaml`: every picture below it, and what the
/// layout says of those it knows; `None` of a folder of pictures. What lies in the folder `except` is passed over, what is
/// wrong is for `findings`, and for [`Table::findings`].
///
/// # Errors
/// It cannot be read, or `ids` finds no number in a name.
pub fn find(path: &Path, ids: IdSource, except: Option<&Path>, findings: &Findings) -> Result<Option<Table>, Error> {
    let listed = |folder: &Path| Listing::of_all_but(&[folder.to_path_buf()], except);
    let Some(profile) = Profile::of(path) else {
        // Tables are what is meant where there is nothing else.
        let shards = huggingface::shards(path);
        let is_bare = !shards.is_empty() && listed(path)?.is_empty();
        let mut table = if is_bare { Some(huggingface::open(path, &shards)?) } else { None };
        table.iter_mut().for_each(|table| table.name = path.display().to_string());
        return Ok(table);
    };
    let mut table = match profile {
        // Pictures beside shards are what was meant.
        Profile::Webdataset if !listed(path)?.is_empty() => return Ok(None),
        Profile::Webdataset => webdataset::open(path, findings)?,
        _ => {
            let (folder, mut pictures) = pictures(path, profile, Frame::Pixels, findings)?;
            if pictures.stubs.is_empty() {
                return Ok(None);
            }
            let listing = listed(&folder)?;
            pictures.add(&listing);
            pictures.number(&listing, ids)?;
            pictures.table(&folder, Frame::Pixels)
        }
    };
    table.name = path.display().to_string();
    table.findings = findings.clone();
    Ok(Some(table))
}

/// The names of classes that a file lists: a name a line, or those of a `data.yaml`.
///
/// # Errors
/// Why there are none.
pub fn class_names(path: &Path) -> Result<Vec<String>, String> {
    let is_yaml =
        path.extension().is_some_and(|end| end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml"));
    let names = if is_yaml { yolo::class_names(path)? } else { read_text(path)?.lines().map(str::to_string).collect() };
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(format!("two classes are called {}", twice[0])),
        None if names.is_empty() => Err("names no class".into()),
        None => Ok(names),
    }
}

fn pictures(path: &Path, profile: Profile, frame: Frame, found: &Findings) -> Result<(PathBuf, Pictures), Error> {
    match profile {
        Profile::Yolo => yolo::open(path, frame, found),
        Profile::Imagefolder => Ok((path.into(), imagefolder::open(path, found)?)),
        Profile::Coco => Ok((path.into(), coco::open(path, found))),
        Profile::Webdataset => unreachable!("its pictures lie in its table"),
    }
}

/// What the numbers of boxes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// Parts of the picture, 0 to 1.
    Parts,
    /// Pixels: the picture is opened for its size.
    Pixels,
}

/// A picture, as far as its place tells.
#[derive(Debug)]
struct Stub {
    key: String,
    path: PathBuf,
    split: Option<Split>,
    id: Option<i32>,
    /// Its number for `describe`; none where the layout does not know it.
    number: Option<usize>,
}

/// What a layout says of a picture.
#[derive(Debug, Default)]
struct Facts {
    id: Option<i32>,
    label: Option<String>,
    /// Width and height, where the layout says them.
    size: Option<(u32, u32)>,
    /// `None`: nobody has looked.
    boxes: Option<Vec<Bounds>>,
    /// Whether somebody has, and be it in vain.
    labelled: bool,
}

/// Says what the layout knows of a picture, by its number.
type Describe = dyn FnMut(usize, &Stub) -> Facts + Send;

/// The pictures of a layout, described one after the other.
struct Pictures {
    stubs: Vec<Stub>,
    have_boxes: bool,
    describe: Box<Describe>,
    /// What is found when all were described.
    finish: Box<dyn FnMut() + Send>,
}

impl Pictures {
    fn new(have_boxes: bool, describe: impl FnMut(usize, &Stub) -> Facts + Send + 'static) -> Pictures {
        Pictures { stubs: Vec::new(), have_boxes, describe: Box::new(describe), finish: Box::new(|| {}) }
    }

    fn push(&mut self, key: String, path: PathBuf, split: Option<Split>) {
        let number = Some(self.stubs.len());
        self.stubs.push(Stub { key, path, split, id: None, number });
    }

    /// Adds pictures that the layout does not know; then all stand in the order of a listing.
    fn add(&mut self, listing: &Listing) {
        let known: HashSet<&str> = self.stubs.iter().map(|stub| stub.key.as_str()).collect();
        let others: Vec<Stub> = listing
            .entries()
            .iter()
            .map(|entry| (listing.key(entry), entry))
            .filter(|(key, _)| !known.contains(key.as_str()))
            .map(|(key, entry)| Stub { key, path: listing.path(entry), split: None, id: None, number: None })
            .collect();
        self.stubs.extend(others);
        self.stubs.sort_by(|a, b| a.key.cmp(&b.key));
        // A list may name a picture twice.
        self.stubs.dedup_by(|a, b| a.key == b.key);
    }

    /// Numbers the pictures by their names, where that is asked for, or where they all have numbers and no classes.
    fn number(&mut self, listing: &Listing, ids: IdSource) -> Result<(), Error> {
        let source = match ids {
            IdSource::None => return Ok(()),
            ids => ids.resolve(listing)?,
        };
        let numbers: HashMap<String, i32> = listing
            .entries()
            .iter()
            .filter_map(|entry| Some((listing.key(entry), source.of(listing, entry)?)))
            .collect();
        self.stubs.iter_mut().for_each(|stub| stub.id = numbers.get(&stub.key).copied());
        Ok(())
    }

    /// The table of the pictures.
    fn table(mut self, folder: &Path, frame: Frame) -> Table {
        let mut fields = vec![
            column::key_field(),
            column::field(column::PATH, DataType::Utf8),
            column::field(column::ID, DataType::Int32),
            column::field(column::LABEL, DataType::Utf8),
            column::field(column::SPLIT, DataType::Utf8),
        ];
        fields.extend(self.have_boxes.then(boxes::field));
        // What a layout says of sizes is a claim, to be held against the pictures.
        if frame == Frame::Parts {
            fields.extend([column::WIDTH, column::HEIGHT].map(|name| column::field(name, DataType::UInt32)));
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let rows = self.stubs.len();
        let batch_schema = schema.clone();
        let mut at = 0;
        let batches = std::iter::from_fn(move || {
            let some = self.stubs.get(at..rows.min(at + BATCH_ROWS)).filter(|some| !some.is_empty());
            let Some(some) = some else {
                (self.finish)();
                return None;
            };
            at += some.len();
            let describe = &mut self.describe;
            let facts: Vec<Facts> = some
                .iter()
                .map(|stub| stub.number.map_or_else(Facts::default, |number| describe(number, stub)))
                .collect();
            // A number in a picture's name is that of its class only where the class is called so.
            let id = |(stub, facts): (&Stub, &Facts)| {
                let is_its = |id: &i32| match facts.label.as_deref() {
                    None => facts.boxes.is_none(),
                    Some(label) => species::name(*id) == Some(label) || super::inputs::number(label) == Some(*id),
                };
                facts.id.or(stub.id.filter(is_its))
            };
            let label = |pair: (&Stub, &Facts)| match id(pair) {
                Some(id) => species::name(id).map(str::to_string),
                None => pair.1.label.clone(),
            };
            let all = || some.iter().zip(&facts);
            let path = |stub: &Stub| io::escape_bytes(stub.path.as_os_str().as_encoded_bytes());
            let mut columns: Vec<ArrayRef> = vec![
                Arc::new(StringArray::from_iter_values(some.iter().map(|stub| &stub.key))),
                Arc::new(StringArray::from_iter_values(some.iter().map(path))),
                Arc::new(all().map(id).collect::<Int32Array>()),
                Arc::new(all().map(label).collect::<StringArray>()),
                Arc::new(some.iter().map(|stub| stub.split.map(Split::name)).collect::<StringArray>()),
            ];
            if self.have_boxes {
                columns.push(boxes::array(facts.iter().map(|facts| facts.boxes.as_deref())));
            }
            if frame == Frame::Parts {
                let side = |side: fn((u32, u32)) -> u32| -> ArrayRef {
                    Arc::new(facts.iter().map(|facts| facts.size.map(side)).collect::<UInt32Array>())
                };
                columns.extend([side(|size| size.0), side(|size| size.1)]);
            }
            Some(Ok(RecordBatch::try_new(batch_schema.clone(), columns).expect("the columns of the schema above")))
        });
        Table::new(folder.display().to_string(), schema, Some(rows as u64), Box::new(batches))
    }
}

const BATCH_ROWS: usize = 256;

/// What lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Child {
    name: OsString,
    /// A folder, or a link to one.
    is_folder: bool,
    is_link: bool,
}

impl Child {
    /// Its name as it stands in tables.
    fn text(&self) -> String {
        io::escape_bytes(self.name.as_encoded_bytes())
    }

    fn ends_with(&self, end: &str) -> bool {
        self.name.as_encoded_bytes().ends_with(end.as_bytes())
    }

    fn is_hidden(&self) -> bool {
        self.name.as_encoded_bytes().starts_with(b".")
    }
}

/// What lies in a folder, sorted, hidden files too; nothing where it cannot be read.
fn all_children(folder: &Path) -> Vec<Child> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let child = |entry: std::fs::DirEntry| {
        let kind = entry.file_type().ok();
        let is_link = kind.is_some_and(|kind| kind.is_symlink());
        let is_folder = if is_link { entry.path().is_dir() } else { kind.is_some_and(|kind| kind.is_dir()) };
        Child { name: entry.file_name(), is_folder, is_link }
    };
    let mut children: Vec<Child> = entries.flatten().map(child).collect();
    children.sort();
    children
}

/// What lies in a folder, sorted, without hidden files.
fn children(folder: &Path) -> Vec<Child> {
    let mut children = all_children(folder);
    children.retain(|child| !child.is_hidden());
    children
}

/// Names of the folders in a folder, sorted.
fn folders(folder: &Path) -> Vec<String> {
    folders_among(&children(folder))
}

fn folders_among(children: &[Child]) -> Vec<String> {
    children.iter().filter(|child| child.is_folder).map(Child::text).collect()
}

/// The pictures below a folder. Folders that cannot be read are found, and passed over.
fn listing(folder: &Path, root: &Path, found: &Findings) -> Result<Listing, Error> {
    let (listing, unreadable) = Listing::of_readable(&[folder.to_path_buf()], None)?;
    for (path, problem) in unreadable {
        found.file(Fault::Unreadable, below(root, &path), format!("the folder cannot be read: {problem}"));
    }
    Ok(listing)
}

/// Says of labels that are more than boxes what becomes of them.
fn say_outlined(folder: &str, count: u64, what: &str) {
    if count > 0 {
        let line = format!("{folder}: {count} labels are {what}: their boxes are read, and no more of them");
        notes::say(&format!("{folder} outlines"), line);
    }
}

/// Paths in the spelling of the data set's folder: a picture that a file names from the root, through a link or by way of
/// `..` is the one that lies below the folder.
struct Spelled<'f> {
    folder: &'f Path,
    real: Option<PathBuf>,
    /// Folders that were looked at.
    seen: HashMap<PathBuf, PathBuf>,
}

impl<'f> Spelled<'f> {
    fn new(folder: &'f Path) -> Spelled<'f> {
        Spelled { folder, real: folder.canonicalize().ok(), seen: HashMap::new() }
    }

    fn own(&mut self, path: PathBuf) -> PathBuf {
        self.respelled(&path).unwrap_or(path)
    }

    fn respelled(&mut self, path: &Path) -> Option<PathBuf> {
        let plain = |rest: &Path| rest.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if path.strip_prefix(self.folder).is_ok_and(plain) {
            return None;
        }
        let (real, parent, name) = (self.real.as_ref()?, path.parent()?, path.file_name()?);
        let folder = self.seen.entry(parent.to_path_buf()).or_insert_with(|| {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            parent.canonicalize().unwrap_or_else(|_| parent.to_path_buf())
        });
        Some(self.folder.join(folder.join(name).strip_prefix(real).ok()?))
    }
}

/// A path as it is named from the data set's folder.
fn below(folder: &Path, path: &Path) -> String {
    use std::path::Component::Normal;
    let path = path.strip_prefix(folder).unwrap_or(path);
    let parts = path.components().filter_map(|part| match part {
        Normal(part) => Some(io::escape_bytes(part.as_encoded_bytes())),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The bytes of a file of text, of at most 64 megabytes.
fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    const MOST: u64 = 64 << 20;
    let about = std::fs::metadata(path).map_err(|e| e.to_string())?;
    match about.len() {
        // Reading a pipe could wait for ever.
        _ if !about.is_file() => Err("is no file".into()),
        length if length > MOST => Err(format!("{length} bytes are more than the {} megabytes allowed", MOST >> 20)),
        _ => std::fs::read(path).map_err(|e| e.to_string()),
    }
}

/// A longer part of a file is no picture.
const MOST_BYTES: u64 = 256 << 20;
/// So many first bytes tell whether it is one.
const LOOK: u64 = 4096;

/// A picture that lies in another file.
///
/// # Errors
/// Why it is none; what is long is looked at before it is read.
pub(super) fn picture_in(file: &std::fs::File, offset: u64, length: u64) -> Result<Vec<u8>, String> {
    use std::os::unix::fs::FileExt;
    let bytes = |length: u64| -> Result<Vec<u8>, String> {
        let end = offset.checked_add(length).ok_or("lies beyond its file")?;
        if end > file.metadata().map_err(|e| e.to_string())?.len() {
            return Err("is cut short".into());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|e| e.to_string())?];
        file.read_exact_at(&mut bytes, offset).map_err(|e| e.to_string())?;
        Ok(bytes)
    };
    match length {
        _ if length > MOST_BYTES => Err(format!("{length} bytes are too many")),
        _ if length > LOOK && crate::image::format(&bytes(LOOK)?).is_err() => Err("is no picture".into()),
        _ => bytes(length),
    }
}

/// A text file of at most 64 megabytes.
fn read_text(path: &Path) -> Result<String, String> {
    let text = String::from_utf8(read_bytes(path)?).map_err(|_| "is no UTF-8 text".to_string())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
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
