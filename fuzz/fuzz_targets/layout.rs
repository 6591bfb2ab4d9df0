//! The files of other tools' data sets, and recipes: whatever they hold, they are read or refused.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pokedex::check::layout::{self, Profile};

/// A data set of one picture, of which one file at a time is replaced.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    pokedex::guard::install(|| ());
    let folder = std::env::temp_dir().join(format!("pokedex-fuzz-{}", std::process::id()));
    for below in ["yolo/images/train", "yolo/labels/train", "coco/annotations", "coco/images/train", "shards"] {
        fs::create_dir_all(folder.join(below)).expect("writable");
    }
    let picture = pokedex::image::Rgb { width: 2, height: 2, pixels: vec![7; 12] };
    let png = pokedex::image::encode(&picture, pokedex::image::Encoding::Png).expect("a picture");
    fs::write(folder.join("yolo/images/train/a.png"), &png).expect("writable");
    fs::write(folder.join("coco/images/train/a.png"), &png).expect("writable");
    folder
});

fn read(name: &str, profile: Profile, file: &str, bytes: &[u8]) {
    let folder = FOLDER.join(name);
    fs::write(folder.join(file), bytes).expect("writable");
    if let Ok(layout) = layout::open(Path::new(&folder), profile) {
        layout.table.for_each(drop);
        layout.findings.take();
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    match kind % 5 {
        0 => read("yolo", Profile::Yolo, "data.yaml", bytes),
        1 => read("yolo", Profile::Yolo, "labels/train/a.txt", bytes),
        2 => read("coco", Profile::Coco, "annotations/instances_train.json", bytes),
        3 => read("shards", Profile::Webdataset, "train-000000.tar", bytes),
        _ => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                let _ = pokedex::augment::Recipe::parse(text, "fuzz");
            }
        }
    }
});
