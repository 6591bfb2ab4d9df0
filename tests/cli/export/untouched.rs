//! What an export leaves alone, and what of it is never taken for whole.

use std::fs::{self, File};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use image::{DynamicImage, ImageFormat};
use pokedex::table::boxes;

use super::dataset::{bounds, contents, labelled};
use crate::workdir::{Workdir, encode};

/// A table of these columns of text.
fn texts(dir: &Workdir, name: &str, columns: &[(&str, &[&str])]) {
    let array = |cells: &[&str]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    let columns = columns.iter().map(|(name, cells)| (*name, array(cells)));
    dir.foreign(name, &RecordBatch::try_from_iter(columns).expect("a batch"));
}

#[test]
fn a_data_set_stays_where_none_of_its_sources_can_be_read() {
    let dir = Workdir::new();
    labelled(&dir);
    for format in ["yolo", "webdataset"] {
        dir.pokedex(&format!("export t.parquet --format {format} -o {format}")).ok();
    }
    fs::rename(dir.path("pics"), dir.path("away")).expect("renamed");
    for format in ["yolo", "webdataset"] {
        let whole = contents(&dir, format);
        let said = dir.pokedex(&format!("export t.parquet --format {format} -o {format}")).failed(1);
        assert!(said.contains("t.parquet: no picture could be read"), "{said}");
        assert!(said.contains("relative to the working directory at the time of writing"), "{said}");
        assert!(contents(&dir, format) == whole, "{format}: {:?}", dir.files(format));
        dir.pokedex(&format!("export t.parquet --format {format} -o new")).failed(1);
        assert!(!dir.path("new").exists(), "{format}");
    }
}

#[test]
fn sources_in_the_folder_are_found_before_anything_is_written() {
    let dir = Workdir::new();
    labelled(&dir);
    let refused = |command: &str, folder: &str| {
        let whole = contents(&dir, folder);
        let said = dir.pokedex(command).failed(1);
        assert!(said.contains("lies in the folder that is being written"), "{command}: {said}");
        assert!(contents(&dir, folder) == whole, "{command}: {:?}", dir.files(folder));
    };
    refused("export t.parquet --format yolo -o pics --force", "pics");
    for format in ["webdataset", "huggingface"] {
        dir.pokedex(&format!("export t.parquet --format {format} -o {format}")).ok();
        refused(&format!("export {format} --format {format} -o {format}"), format);
    }
    #[cfg(unix)]
    {
        // By a link to the folder, and by one to a picture in it.
        std::os::unix::fs::symlink(dir.path("pics"), dir.path("link")).expect("a link");
        refused("export t.parquet --format yolo -o link --force", "pics");
        dir.pokedex("export t.parquet --format coco -o out").ok();
        fs::create_dir(dir.path("links")).expect("a folder");
        std::os::unix::fs::symlink(dir.path("out/images/train/00.png"), dir.path("links/00.png")).expect("a link");
        texts(&dir, "l.parquet", &[("path", &["links/00.png"])]);
        refused("export l.parquet --format coco -o out", "out");
    }
}

#[test]
fn what_was_not_finished_is_not_read() {
    let dir = Workdir::new();
    labelled(&dir);
    dir.pokedex("export t.parquet --format yolo -o out").ok();
    dir.write("out/.pokedex.journal", "# 0123456789abcdef 0.1.0 export that was killed\n");
    for command in ["scan out -o s.parquet", "scan out pics -o s.parquet", "embed out -o s.parquet"] {
        let said = dir.pokedex(command).failed(1);
        assert!(said.contains("out: a run was not finished here"), "{command}: {said}");
        assert!(said.contains("delete out/.pokedex.journal"), "{command}: {said}");
    }
    dir.pokedex("export t.parquet --format yolo -o out").ok();
    dir.pokedex("scan out -o s.parquet").ok();
    dir.write("out/manifest.parquet", b"PAR1 and no more");
    let said = dir.pokedex("scan out -o s.parquet").failed(1);
    assert!(said.contains("out/manifest.parquet: not a readable table"), "{said}");
}

#[test]
fn a_folder_that_augment_made_is_the_table_in_it() {
    let dir = Workdir::new();
    labelled(&dir);
    dir.pokedex("augment t.parquet --copies 1 -o more/").ok();
    let keys = dir.keys("more/manifest.parquet");
    assert_eq!(keys.len(), 12, "eight pictures, and one more of each of the four for training");
    dir.pokedex("scan more -o s.parquet").ok();
    assert_eq!(dir.keys("s.parquet"), keys);
    let csv = dir.pokedex("export more --format csv --columns key,label").ok().text();
    assert_eq!(csv.lines().count(), 13);
    dir.pokedex("export more --format yolo --size 16 -o out").ok();
    assert_eq!(dir.files("out/images").len(), 12);
}

#[test]
fn two_exports_do_not_write_to_one_folder() {
    let dir = Workdir::new();
    labelled(&dir);
    dir.pokedex("export t.parquet --format yolo -o out").ok();
    let open = File::open(dir.path("out")).expect("a folder");
    open.lock().expect("a lock");
    let whole = contents(&dir, "out");
    let said = dir.pokedex("export t.parquet --format coco -o out").failed(1);
    assert!(said.contains("out: another run is writing here"), "{said}");
    assert!(contents(&dir, "out") == whole, "{:?}", dir.files("out"));
    drop(open);
    dir.pokedex("export t.parquet --format yolo -o out").ok();
}

#[test]
fn boxes_of_no_class_are_left_out_and_counted() {
    let dir = Workdir::new();
    dir.picture("pics/a.png", 1);
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values([text])) };
    let drawn = [
        bounds(Some("person"), [0.0, 0.0, 10.0, 10.0]),
        bounds(Some("Mew"), [10.0, 0.0, 30.0, 15.0]),
        bounds(None, [0.0, 0.0, 40.0, 30.0]),
    ];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("key", text("a.png")),
        ("path", text("pics/a.png")),
        ("id", Arc::new(Int32Array::from(vec![25]))),
        ("label", text("Pikachu")),
        ("split", text("train")),
        ("boxes", boxes::array([Some(drawn.as_slice())])),
    ];
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    dir.foreign("t.parquet", &RecordBatch::try_from_iter_with_nullable(columns).expect("a batch"));
    for format in ["yolo", "coco"] {
        let run = dir.pokedex(&format!("export t.parquet --format {format} -o {format}")).ok();
        assert!(run.stderr.contains("1 box is of no class of the data set: person"), "{}", run.stderr);
    }
    let lines = String::from_utf8(dir.read("yolo/labels/train/0025_001.txt")).expect("text");
    assert_eq!(lines, "150 0.5 0.25 0.5 0.5\n24 0.5 0.5 1.0 1.0\n");
    let coco: serde_json::Value =
        serde_json::from_slice(&dir.read("coco/annotations/instances_train.json")).expect("JSON");
    assert_eq!(coco["annotations"].as_array().map(Vec::len), Some(2));
}

#[test]
fn splits_are_taken_for_what_they_mean() {
    let dir = Workdir::new();
    dir.pictures("pics", 6);
    let paths: Vec<String> = (0..6).map(|n| format!("pics/{n:03}.png")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    texts(
        &dir,
        "t.parquet",
        &[("path", &paths), ("label", &["a"; 6]), ("split", &["Train", "VAL", "valid", "dev", "Test", "holdout"])],
    );
    let run = dir.pokedex("export t.parquet --format imagefolder -o out").ok();
    assert!(run.stderr.contains("1 row was left out: 1 of another split"), "{}", run.stderr);
    let files = dir.files("out");
    let of = |split: &str| files.iter().filter(|file| file.starts_with(split)).count();
    assert_eq!((of("train/"), of("validation/"), of("test/")), (1, 3, 1), "{files:?}");
}

#[test]
fn pngs_of_16_bits_are_written_in_8() {
    let dir = Workdir::new();
    let deep = DynamicImage::ImageLuma16(image::ImageBuffer::from_pixel(4, 4, image::Luma([0x8000])));
    dir.write("pics/deep.png", encode(&deep, ImageFormat::Png));
    dir.pokedex("export pics --format coco -o out").ok();
    let picture = dir.read("out/images/train/deep.png");
    assert_eq!(picture[24], 8);
    assert_eq!(crate::workdir::pixels(&picture).get_pixel(1, 1).0, [128; 3]);
}
