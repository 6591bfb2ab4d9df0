//! Folders as other tools lay them out: which pictures are there, of which class and split, with which boxes, and what
//! those tools would stumble over.
//!
//! Hides: the layouts of Ultralytics, torchvision, COCO and WebDataset, and how lenient their readers are. Promises: a row
//! for each picture, whose label file is read when the row is; nothing is opened that is no regular file; what is wrong is
//! a finding about a file, never a panic.

mod coco;
mod files;
mod huggingface;
mod imagefolder;
mod labels;
mod pictures;
mod webdataset;
mod yaml;
mod yolo;

use std::path::{Path, PathBuf};

pub use super::findings::{Fault, Findings, Found};
use super::ids::IdSource;
use super::{Error, Table, dataset};
use crate::io::Listing;
use files::{children, folders_among, read_text};
use pictures::{Frame, Pictures};

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

/// The first place that the files of a layout name, and that may not be read: a `data.yaml` and a list may name any. None of
/// the pictures and labels is opened.
///
/// # Errors
/// It cannot be read.
pub fn stranger(path: &Path, profile: Profile, may: &dyn Fn(&Path) -> bool) -> Result<Option<PathBuf>, Error> {
    let places = match profile {
        // These have all below their own folder.
        Profile::Imagefolder | Profile::Webdataset => return Ok(None),
        Profile::Yolo => yolo::places(path),
        Profile::Coco => Vec::new(),
    };
    if let Some(place) = places.into_iter().find(|place| !may(place)) {
        return Ok(Some(place));
    }
    let (_, pictures) = pictures(path, profile, Frame::Parts, &Findings::default())?;
    let labels = |picture: &Path| if profile == Profile::Yolo { yolo::label_files(picture) } else { Vec::new() };
    let named = |picture: PathBuf| labels(&picture).into_iter().chain([picture]);
    Ok(pictures.stubs.into_iter().flat_map(|stub| named(stub.path)).find(|place| !may(place)))
}

/// Whether a folder is one of tables, which may name pictures anywhere.
pub fn is_of_tables(folder: &Path) -> bool {
    Profile::of(folder).is_none() && !huggingface::shards(folder).is_empty()
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
