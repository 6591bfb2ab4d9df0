//! Data sets: what is in the folder, what is found again, and what comes back.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use image::{DynamicImage, ImageFormat};
use pokedex::table::boxes::{self, Bounds};

use crate::workdir::{Workdir, encode, pattern, pixels};

const FORMATS: [&str; 5] = ["yolo", "imagefolder", "coco", "webdataset", "huggingface"];

/// A table of pictures that are there, of three splits and two labels.
pub fn labelled(dir: &Workdir) {
    let rows: Vec<(String, &str, &str)> = (0..8u32)
        .map(|n| {
            let split = ["train", "train", "validation", "test"][n as usize % 4];
            (format!("{}/{n:02}.png", ["a", "b"][n as usize % 2]), ["apple", "Birne"][n as usize % 2], split)
        })
        .collect();
    for (n, (key, _, _)) in (0..).zip(&rows) {
        dir.picture(&format!("pics/{key}"), n);
    }
    let text = |of: fn(&(String, &str, &str)) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("key", text(|row| row.0.clone())),
        ("path", text(|row| format!("pics/{}", row.0))),
        ("label", text(|row| row.1.into())),
        ("split", text(|row| row.2.into())),
        ("note", text(|row| format!("of {}", row.0))),
    ];
    dir.foreign("t.parquet", &RecordBatch::try_from_iter(columns).expect("a batch"));
}

/// A table of one picture of 40 × 30 pixels with these boxes.
fn boxed(dir: &Workdir, rows: &[(&str, Option<Vec<Bounds>>)]) {
    for (n, (key, _)) in (0..).zip(rows) {
        dir.picture(&format!("pics/{key}"), n);
    }
    let text = |of: fn(&str) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(key, _)| of(key))))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("key", text(str::to_string)),
        ("path", text(|key| format!("pics/{key}"))),
        ("label", text(|_| "scene".into())),
        ("split", text(|_| "train".into())),
        ("boxes", boxes::array(rows.iter().map(|(_, boxes)| boxes.as_deref()))),
    ];
    dir.foreign(
        "t.parquet",
        &RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).expect("a batch"),
    );
}

pub fn bounds(label: Option<&str>, xyxy: [f32; 4]) -> Bounds {
    Bounds { label: label.map(str::to_string), class: None, score: None, xyxy }
}

fn text(dir: &Workdir, file: &str) -> String {
    String::from_utf8(dir.read(file)).expect("text")
}

/// Every file of a folder with its bytes.
pub fn contents(dir: &Workdir, folder: &str) -> BTreeMap<String, Vec<u8>> {
    dir.files(folder).into_iter().map(|file| (file.clone(), dir.read(&format!("{folder}/{file}")))).collect()
}

/// Key, id, label and split of every row.
fn rows(dir: &Workdir, table: &str) -> Vec<String> {
    let mut rows: Vec<String> = dir
        .pokedex(&format!("export {table} --format csv --columns key,label,split"))
        .ok()
        .text()
        .lines()
        .skip(1)
        .map(str::to_string)
        .collect();
    rows.sort();
    rows
}

#[test]
fn yolo_has_the_layout_that_ultralytics_reads() {
    let dir = Workdir::new();
    labelled(&dir);
    dir.pokedex("export t.parquet --format yolo -o out").ok();
    let names = ["0000_001", "0000_002", "0000_003", "0000_004", "0001_001", "0001_002", "0001_003", "0001_004"];
    let splits = ["train", "validation", "train", "validation", "train", "test", "train", "test"];
    // `Birne` comes before `apple`, and has 01, 03, 05 and 07, which are train, test, train, test.
    let splits = [&splits[4..], &splits[..4]].concat();
    let mut expected = vec!["classes.txt".to_string(), "data.yaml".into(), "manifest.parquet".into()];
    for (name, split) in names.iter().zip(splits) {
        expected.push(format!("images/{split}/{name}.jpg"));
        expected.push(format!("labels/{split}/{name}.txt"));
    }
    expected.sort();
    assert_eq!(dir.files("out"), expected);
    assert_eq!(text(&dir, "out/classes.txt"), "Birne\napple\n");
    let data = text(&dir, "out/data.yaml");
    let lines: Vec<&str> = data.lines().skip(1).collect();
    let expected = [
        "train: \"images/train\"",
        "val: \"images/validation\"",
        "test: \"images/test\"",
        "nc: 2",
        "names:",
        "  0: \"Birne\"",
        "  1: \"apple\"",
    ];
    assert_eq!(lines, expected, "and no path: that would be taken for one below the working directory");
    assert_eq!(text(&dir, "out/labels/train/0001_001.txt"), "1 0.5 0.5 1.0 1.0\n");
    let picture = dir.read("out/images/train/0000_001.jpg");
    assert!(picture.starts_with(&[0xff, 0xd8, 0xff]));
    assert_eq!(pixels(&picture).dimensions(), (416, 416));
    dir.pokedex("export t.parquet --format yolo -o val --val-name val --size 32x16").ok();
    assert!(dir.files("val").contains(&"images/val/0001_002.jpg".to_string()));
    assert_eq!(pixels(&dir.read("val/images/train/0000_001.jpg")).dimensions(), (32, 16));
}

#[test]
fn numbers_of_the_pokedex_are_classes_and_names_whatever_the_order_of_the_rows() {
    let dir = Workdir::new();
    for (n, name) in (0..).zip(["0025_b", "0025_a", "0001_x", "1025_z"]) {
        dir.picture(&format!("pics/{name}.png"), n);
    }
    dir.pokedex("split pics --ratios 1/0/0 -o s.parquet").ok();
    dir.pokedex("export s.parquet --format yolo -o out").ok();
    let labels: Vec<String> = dir.files("out/labels/train");
    assert_eq!(labels, ["0001_001.txt", "0025_001.txt", "0025_002.txt", "1025_001.txt"]);
    assert_eq!(text(&dir, "out/labels/train/1025_001.txt"), "1024 0.5 0.5 1.0 1.0\n");
    assert_eq!(text(&dir, "out/classes.txt").lines().count(), 1025);
    assert_eq!(text(&dir, "out/classes.txt").lines().nth(24), Some("Pikachu"));
    assert!(text(&dir, "out/data.yaml").contains("  771: \"Type: Null\"\n"));
    dir.shell("printf 'pics/1025_z.png\\npics/0025_b.png\\npics/0025_a.png\\npics/0001_x.png\\n' | pokedex split - --ratios 1/0/0 --ids name -o r.parquet")
        .ok();
    dir.pokedex("export r.parquet --format yolo -o again").ok();
    for file in dir.files("out").iter().filter(|file| *file != "manifest.parquet") {
        assert_eq!(dir.read(&format!("out/{file}")), dir.read(&format!("again/{file}")), "{file}");
    }
}

#[test]
fn boxes_follow_their_pictures() {
    let dir = Workdir::new();
    let drawn = vec![
        bounds(Some("dog"), [10.0, 0.0, 30.0, 15.0]),
        bounds(Some("cat"), [0.0, 0.0, 4.0, 30.0]),
        bounds(None, [0.0, 0.0, 40.0, 30.0]),
    ];
    boxed(&dir, &[("a.png", Some(drawn)), ("b.png", Some(vec![])), ("c.png", None)]);
    let label = |n: u32| format!("labels/train/0002_{n:03}.txt");
    for (fit, lines) in [
        ("stretch", "1 0.5 0.25 0.5 0.5\n0 0.05 0.5 0.1 1.0\n2 0.5 0.5 1.0 1.0\n"),
        ("pad", "1 0.5 0.3125 0.5 0.375\n0 0.05 0.5 0.1 0.75\n2 0.5 0.5 1.0 0.75\n"),
        ("crop", "1 0.5 0.25 0.666667 0.5\n2 0.5 0.5 1.0 1.0\n"),
    ] {
        let run = dir.pokedex(&format!("export t.parquet --format yolo -o {fit} --size 80 --fit {fit}")).ok();
        assert_eq!(text(&dir, &format!("{fit}/classes.txt")), "cat\ndog\nscene\n");
        assert_eq!(text(&dir, &format!("{fit}/{}", label(1))), lines, "{fit}");
        assert_eq!(text(&dir, &format!("{fit}/{}", label(2))), "", "{fit}");
        assert_eq!(text(&dir, &format!("{fit}/{}", label(3))), "2 0.5 0.5 1.0 1.0\n", "{fit}");
        assert_eq!(run.stderr.contains("1 box lies outside"), fit == "crop", "{}", run.stderr);
    }
    // The boxes of the manifest are those of the new pictures.
    dir.pokedex("scan crop -o back.parquet").ok();
    let back = boxes::Boxes::of(&dir.table("back.parquet")).expect("boxes").expect("the column");
    let first = back.get(0).expect("boxes");
    assert_eq!((first[0].label.as_deref(), first[0].xyxy.map(f32::round)), (Some("dog"), [13.0, 0.0, 67.0, 40.0]));
    assert_eq!((back.get(1), back.get(2)), (Some(vec![]), None));

    // Where classes are those of whole pictures, boxes keep what they are called.
    dir.pokedex("export t.parquet --format huggingface -o hf").ok();
    dir.pokedex("scan hf -o back.parquet").ok();
    let back = boxes::Boxes::of(&dir.table("back.parquet")).expect("boxes").expect("the column");
    assert_eq!(back.get(0).expect("boxes")[0], bounds(Some("dog"), [10.0, 0.0, 30.0, 15.0]));

    dir.pokedex("export t.parquet --format coco -o coco").ok();
    let coco: serde_json::Value =
        serde_json::from_slice(&dir.read("coco/annotations/instances_train.json")).expect("JSON");
    assert_eq!(coco["images"].as_array().map(Vec::len), Some(3));
    assert_eq!(coco["annotations"].as_array().map(Vec::len), Some(4), "three boxes, none, the whole picture");
    assert_eq!(coco["annotations"][0]["bbox"], serde_json::json!([10.0, 0.0, 20.0, 15.0]));
    assert_eq!((&coco["annotations"][0]["area"], &coco["annotations"][0]["category_id"]), (&300.0.into(), &2.into()));
    assert_eq!(coco["categories"][1]["name"], "dog");
    assert!(dir.path("coco/images/train").join(coco["images"][2]["file_name"].as_str().expect("text")).is_file());
}

#[test]
fn what_is_exported_comes_back_from_every_format() {
    let dir = Workdir::new();
    labelled(&dir);
    let expected = rows(&dir, "t.parquet");
    for format in FORMATS {
        dir.pokedex(&format!("export t.parquet --format {format} -o {format}")).ok();
        dir.pokedex(&format!("scan {format} -o {format}.parquet")).ok();
        assert_eq!(rows(&dir, &format!("{format}.parquet")), expected, "{format}");
        let notes = dir.texts(&format!("{format}.parquet"), "note");
        assert!(notes.contains(&Some("of a/00.png".into())), "{format}: other columns come back too");
        // A stage that reads the pictures finds them, and what it reads is what is there.
        dir.pokedex(&format!("convert-rgb {format} -o {format}-rgb.parquet")).ok();
        assert_eq!(rows(&dir, &format!("{format}-rgb.parquet")), expected, "{format}");
        if format != "yolo" {
            let hashes =
                dir.pokedex(&format!("export {format}.parquet --format csv --columns key,content_hash")).ok().text();
            let hash = blake3::hash(&dir.read("pics/a/00.png")).to_hex();
            assert!(hashes.contains(hash.as_str()), "{format}: the bytes of a PNG are kept: {hashes}");
        }
        dir.pokedex(&format!("export {format} --format yolo --size 16 -o again-{format}")).ok();
        assert_eq!(dir.files(&format!("again-{format}")).len(), 19, "{format}: an export can be exported");
    }
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let dir = Workdir::new();
    dir.pictures("pics", 40);
    dir.pokedex("split pics -o s.parquet").ok();
    dir.shell("pokedex scan pics | pokedex split - | pokedex convert-rgb - -o s.parquet").ok();
    let label: ArrayRef = Arc::new(StringArray::from_iter_values((0..40).map(|n| format!("class {}", n % 3))));
    let batch = dir.table("s.parquet");
    let mut columns: Vec<(String, ArrayRef)> =
        batch.schema().fields().iter().zip(batch.columns()).map(|(f, c)| (f.name().clone(), c.clone())).collect();
    columns.iter_mut().find(|(name, _)| name == "label").expect("a label").1 = label;
    dir.foreign("t.parquet", &RecordBatch::try_from_iter(columns).expect("a batch"));
    for format in FORMATS {
        let shards = if ["webdataset", "huggingface"].contains(&format) { "--shard-size 5kB" } else { "" };
        dir.pokedex(&format!("export t.parquet --format {format} {shards} -j 1 -o one-{format}")).ok();
        dir.shell(&format!("cat t.parquet | pokedex export - --format {format} {shards} -j 4 -o four-{format}")).ok();
        assert!(contents(&dir, &format!("one-{format}")) == contents(&dir, &format!("four-{format}")), "{format}");
    }
    assert!(dir.files("one-webdataset").len() > 5, "{:?}", dir.files("one-webdataset"));
    assert!(dir.files("one-huggingface/data").len() > 3, "{:?}", dir.files("one-huggingface/data"));
}

#[test]
fn samples_are_never_torn_between_shards() {
    let dir = Workdir::new();
    labelled(&dir);
    dir.pokedex("export t.parquet --format webdataset --shard-size 5kB -o out").ok();
    let shards: Vec<String> = dir.files("out").into_iter().filter(|file| file.ends_with(".tar")).collect();
    assert!(shards.len() >= 4, "{shards:?}");
    let mut samples = 0;
    for shard in &shards {
        let bytes = dir.read(&format!("out/{shard}"));
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in archive.entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            let header = entry.header();
            assert_eq!((header.mtime().ok(), header.uid().ok(), header.mode().ok()), (Some(0), Some(0), Some(0o644)));
            let name = entry.path().expect("a path").display().to_string();
            let (key, extension) = name.split_once('.').expect("an extension");
            members.entry(key.into()).or_default().push(extension.into());
            if extension == "json" {
                let mut json = String::new();
                entry.read_to_string(&mut json).expect("text");
                let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
                assert!(shard.starts_with(json["split"].as_str().expect("text")));
            }
        }
        assert!(!members.is_empty());
        samples += members.len();
        assert!(members.values().all(|parts| parts == &["png", "cls", "json"]), "{members:?}");
    }
    assert_eq!(samples, 8);
}

#[test]
fn a_run_that_was_cut_short_goes_on_where_it_was() {
    let dir = Workdir::new();
    labelled(&dir);
    let export = "export t.parquet --format yolo -o out -v";
    dir.pokedex(export).ok();
    let whole = contents(&dir, "out");
    let again = || dir.pokedex(export).ok().stderr;
    assert!(again().contains("; 8 were there"));
    let gone = ["images/train/0000_001.jpg", "labels/train/0000_002.txt", "images/train/0001_001.jpg", "data.yaml"];
    for file in gone {
        std::fs::remove_file(dir.path(&format!("out/{file}"))).ok();
    }
    assert!(again().contains("; 6 were there"));
    assert!(contents(&dir, "out") == whole);

    // Killed before there was a manifest: the journal and the manifest of the run before are there.
    std::fs::rename(dir.path("out/manifest.parquet"), dir.path("out/.pokedex.previous")).expect("renamed");
    let token = "0123456789abcdef";
    let made = blake3::hash(b"of a run that was killed");
    let journal = format!("# {token} 0 export another\n+ {made} \"images/train/0009_001.jpg\" \n+ {made} \"labels/tr");
    dir.write("out/.pokedex.journal", journal);
    dir.write("out/images/train/0009_001.jpg", "of a run that was killed");
    dir.write(&format!("out/images/train/.0009_001.jpg.{token}-7.part"), "half of it");
    let said = again();
    assert!(said.contains("; 8 were there; 1 file of an earlier export removed"), "{said}");
    assert!(contents(&dir, "out") == whole);

    // A source that has changed is made again, and what was made otherwise too.
    dir.picture("pics/a/00.png", 77);
    assert!(again().contains("; 7 were there"));
    assert!(contents(&dir, "out") != whole);
    let run = dir.pokedex("export t.parquet --format yolo -o out -v --quality 50").ok();
    assert!(!run.stderr.contains("were there"), "{}", run.stderr);
}

#[test]
fn shards_of_a_run_that_was_killed_are_made_again_without_looking_at_every_picture() {
    let dir = Workdir::new();
    labelled(&dir);
    for format in ["webdataset", "huggingface"] {
        let export = format!("export t.parquet --format {format} --shard-size 3kB -o {format} -v");
        dir.pokedex(&export).ok();
        let whole = contents(&dir, format);
        std::fs::remove_file(dir.path(format).join("manifest.parquet")).expect("removed");
        let made: Vec<String> =
            whole.iter().map(|(file, bytes)| format!("+ {} \"{file}\" \n", blake3::hash(bytes))).collect();
        dir.write(&format!("{format}/.pokedex.journal"), format!("# 0123456789abcdef 0 export x\n{}", made.concat()));
        dir.pokedex(&export).ok();
        assert!(contents(&dir, format) == whole, "{format}: by the names in its journal");
        let run = dir.pokedex(&export).ok();
        assert!(run.stderr.contains("; 8 were there"), "{format}: {}", run.stderr);
        assert!(contents(&dir, format) == whole, "{format}");
        // With fewer rows there are fewer shards, and the old ones go.
        dir.pokedex_args(&[&export.split(' ').collect::<Vec<_>>()[..], &["--where", "split = 'train'"]].concat()).ok();
        assert!(dir.files(format).len() < whole.len() && !dir.files(format).iter().any(|f| f.contains("validation")));
    }
}

#[test]
fn nothing_that_no_export_made_is_touched() {
    let dir = Workdir::new();
    labelled(&dir);
    dir.write("out/mine.txt", "precious");
    let said = dir.pokedex("export t.parquet --format yolo -o out").failed(1);
    assert!(said.contains("out: holds files that no earlier run made, or that were changed since: mine.txt"), "{said}");
    assert!(said.contains("hint: ") && said.contains("--force"), "{said}");
    assert_eq!(dir.files("out"), ["mine.txt"]);
    dir.pokedex("export t.parquet --format yolo -o out --force").ok();
    dir.pokedex("export t.parquet --format yolo -o other").ok();
    dir.write("other/labels/train.cache", "of Ultralytics");
    dir.pokedex("export t.parquet --format imagefolder -o other").ok();
    let files = dir.files("other");
    assert!(
        files.contains(&"labels/train.cache".into()) && !files.iter().any(|f| f.starts_with("images/")),
        "{files:?}"
    );
    assert_eq!(dir.read("out/mine.txt"), b"precious");
    let said = dir.pokedex("export other --format yolo -o other").failed(1);
    assert!(said.contains("lies in the folder that is being written"), "{said}");
}

#[test]
fn strangers_in_the_folder_are_rows_and_what_is_gone_is_named() {
    let dir = Workdir::new();
    labelled(&dir);
    for format in FORMATS {
        dir.pokedex(&format!("export t.parquet --format {format} -o {format}")).ok();
        dir.picture(&format!("{format}/added/new.png"), 99);
        dir.pokedex(&format!("scan {format} -o s.parquet")).ok();
        let keys = dir.keys("s.parquet");
        assert_eq!((keys.len(), keys.last().map(String::as_str)), (9, Some("added/new.png")), "{format}");
    }
    for (format, gone) in [
        ("yolo", "images/train/0000_001.jpg"),
        ("webdataset", "validation-000000.tar"),
        ("huggingface", "data/validation-00000-of-00001.parquet"),
    ] {
        std::fs::remove_file(dir.path(&format!("{format}/{gone}"))).expect("removed");
        let run = dir.pokedex(&format!("scan {format} -o s.parquet"));
        assert_eq!(run.code, 3, "{format}: {}", run.stderr);
        assert!(run.stderr.contains(&format!("cannot read {format}/{gone}")), "{}", run.stderr);
        assert_eq!(dir.keys("s.parquet").len(), 9, "{format}");
    }
}

#[test]
fn labels_become_folders_that_every_file_system_takes() {
    let dir = Workdir::new();
    let labels = ["Type: Null", "Farfetch'd", "Nidoran♀", "..", "a/b", "CASE", "case", "con", "", "x.", ".hid"];
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    for n in 0..labels.len() as u32 {
        dir.picture(&format!("pics/{n}.png"), n);
    }
    let numbers = || 0..labels.len();
    columns.push(("key", Arc::new(StringArray::from_iter_values(numbers().map(|n| format!("deep/../{n}.png"))))));
    columns.push(("path", Arc::new(StringArray::from_iter_values(numbers().map(|n| format!("pics/{n}.png"))))));
    columns.push(("label", Arc::new(StringArray::from_iter_values(labels))));
    columns.push(("split", Arc::new(StringArray::from_iter_values(numbers().map(|_| "train")))));
    dir.foreign("t.parquet", &RecordBatch::try_from_iter(columns).expect("a batch"));
    dir.pokedex("export t.parquet --format imagefolder -o out").ok();
    let mut folders: Vec<String> =
        dir.files("out/train").iter().map(|file| file.split('/').next().expect("a folder").to_string()).collect();
    folders.sort();
    assert_eq!(folders.len(), labels.len());
    for folder in ["Type_ Null", "Farfetch'd", "Nidoran♀", "a_b", "con_", "x", "_hid"] {
        assert!(folders.iter().any(|f| f == folder), "{folder}: {folders:?}");
    }
    let lower: std::collections::HashSet<String> = folders.iter().map(|f| f.to_lowercase()).collect();
    assert_eq!(lower.len(), labels.len(), "{folders:?}");
    let names = text(&dir, "out/classes.txt");
    let at = folders.iter().position(|f| f == "Type_ Null").expect("there");
    assert_eq!(names.lines().nth(at), Some("Type: Null"), "classes.txt is in the order of the folders");
    dir.pokedex("scan out -o s.parquet").ok();
    let back: Vec<String> = dir.texts("s.parquet", "label").into_iter().flatten().collect();
    assert_eq!(back, labels);
    for format in ["yolo", "coco", "webdataset", "huggingface"] {
        dir.pokedex(&format!("export t.parquet --format {format} -o {format}")).ok();
        assert_eq!(dir.pokedex(&format!("scan {format} -o s.parquet")).ok().code, 0);
        let back: Vec<String> = dir.texts("s.parquet", "label").into_iter().flatten().collect();
        assert_eq!(back, labels, "{format}");
    }
}

#[test]
fn pictures_with_one_name_stay_apart() {
    let dir = Workdir::new();
    for (n, name) in (0..).zip(["a/1.v2.png", "b/1.v2.png", "b/1_v2.png", "c/other.png"]) {
        dir.picture(&format!("pics/{name}"), n);
    }
    dir.pokedex("split pics --ratios 1/0/0 -o s.parquet").ok();
    for format in ["coco", "webdataset", "imagefolder"] {
        dir.pokedex(&format!("export s.parquet --format {format} -o {format}")).ok();
        dir.pokedex(&format!("scan {format} -o back.parquet")).ok();
        assert_eq!(dir.keys("back.parquet"), ["a/1.v2.png", "b/1.v2.png", "b/1_v2.png", "c/other.png"], "{format}");
    }
    assert!(dir.files("coco/images/train").contains(&"other.png".to_string()));
    assert!(dir.files("imagefolder/train").contains(&"a/1.v2.png".to_string()));
}

#[test]
fn rows_that_cannot_be_exported_are_counted_or_named() {
    let dir = Workdir::new();
    dir.pictures("pics", 4);
    dir.write("pics/torn.png", &dir.read("pics/000.png")[..200]);
    dir.pokedex("scan pics -o m.parquet").ok();
    let said = dir.pokedex("export m.parquet --format yolo -o out").failed(1);
    assert!(said.contains("m.parquet: has no column `split`"), "{said}");
    assert!(said.contains("hint: pokedex split m.parquet | pokedex export - --format yolo -o OUT/"), "{said}");
    let text = |values: [Option<&str>; 5]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let train = Some("train");
    let paths = ["000", "001", "002", "003", "torn"].map(|name| format!("pics/{name}.png"));
    let ids: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5]));
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("path", text([0, 1, 2, 3, 4].map(|n| Some(paths[n].as_str()))), true),
        ("id", ids, true),
        ("split", text([train, None, train, Some("holdout"), train]), true),
        ("error", text([None, None, Some("broken"), None, None]), true),
        ("excluded", text([None, Some("too small"), None, None, None]), true),
    ];
    dir.foreign("t.parquet", &RecordBatch::try_from_iter_with_nullable(columns).expect("a batch"));
    let said = dir.pokedex("export t.parquet --format yolo -o out").failed(3);
    let left = "3 rows were left out: 1 with an error, 1 excluded, 1 of another split than train, validation and test";
    assert!(said.contains(left), "{said}");
    assert!(said.contains("pics/torn.png: damaged PNG"), "{said}");
    assert_eq!(dir.files("out/images"), ["train/0001_001.jpg"]);
    assert_eq!(dir.keys("out/manifest.parquet"), ["pics/000.png"]);
    dir.pokedex("export t.parquet --format yolo -o strict --strict").failed(1);
    assert!(!dir.path("strict/manifest.parquet").exists());
    let said = dir.pokedex("export t.parquet --format coco -o none --where id>9").failed(1);
    assert!(said.contains("no row can be exported"), "{said}");
    assert!(!dir.path("none").exists());
}

#[test]
fn only_pictures_that_tools_read_as_they_are_are_kept() {
    let dir = Workdir::new();
    let picture = || DynamicImage::from(pattern(20, 10, 1));
    dir.write("pics/a.gif", encode(&picture(), ImageFormat::Gif));
    dir.write("pics/b.jpg", encode(&picture(), ImageFormat::Jpeg));
    dir.write("pics/c.png", encode(&picture(), ImageFormat::Bmp));
    dir.pokedex("export pics --format coco -o out").ok();
    assert_eq!(dir.files("out/images/train"), ["a.png", "b.jpg", "c.bmp"], "named by what they are");
    assert_eq!(dir.read("out/images/train/b.jpg"), dir.read("pics/b.jpg"));
    dir.pokedex("export pics --format coco -o webp --encode webp --size 8").ok();
    assert_eq!(dir.files("webp/images/train"), ["a.webp", "b.webp", "c.webp"]);
    assert_eq!(pixels(&dir.read("webp/images/train/a.webp")).dimensions(), (8, 8));
}

#[test]
fn flags_that_change_nothing_are_refused() {
    let dir = Workdir::new();
    labelled(&dir);
    for (flags, part) in [
        ("--format csv --size 9", "--size: does not suit --format csv"),
        ("--format yolo --columns key -o out", "--columns: does not suit"),
        ("--format yolo --encode png -o out", "--encode: does not suit"),
        ("--format coco --val-name val -o out", "hint: it is for yolo"),
        ("--format coco --fit pad -o out", "hint: say the size"),
        ("--format coco --background red -o out", "expected white, black, grey"),
        ("--format yolo --shard-size 1MB -o out", "webdataset and huggingface"),
        ("--format yolo --val-name train -o out", "is the name of another split"),
        ("--format yolo --val-name Train -o out", "is the name of another split"),
        ("--format yolo --val-name test. -o out", "is the name of another split"),
        ("--format yolo --val-name a/b -o out", "is not the name of a folder"),
        ("--format yolo --val-name= -o out", "is not the name of a folder"),
        ("--format yolo", "a data set is a folder"),
        ("--format yolo -o t.parquet", "is a file, and a data set is a folder"),
    ] {
        let said = dir.pokedex(&format!("export t.parquet {flags}")).failed(2);
        assert!(said.contains(part), "{flags}: {said}");
    }
}

#[test]
fn classes_are_those_that_are_asked_for() {
    let dir = Workdir::new();
    for (n, name) in (0..).zip(["0025_b", "0025_a", "0001_x", "1025_z"]) {
        dir.picture(&format!("pics/{name}.png"), n);
    }
    dir.pokedex("split pics --ratios 1/0/0 -o s.parquet").ok();
    dir.pokedex("export s.parquet --format yolo --classes present -o present").ok();
    assert_eq!(text(&dir, "present/classes.txt"), "Bulbasaur\nPikachu\nPecharunt\n");
    assert_eq!(text(&dir, "present/labels/train/0025_001.txt"), "1 0.5 0.5 1.0 1.0\n", "the name keeps the id");
    // Parts that are exported one by one have the numbers of the whole.
    let export = ["export", "s.parquet", "--format", "yolo", "--where", "id = 25", "--classes", "present/classes.txt"];
    dir.pokedex_args(&[&export[..], &["-o", "part/"]].concat()).ok();
    assert_eq!(text(&dir, "part/labels/train/0025_001.txt"), "1 0.5 0.5 1.0 1.0\n");
    dir.pokedex_args(&[&export[..7], &["present/data.yaml", "-o", "yaml/"]].concat()).ok();
    assert_eq!(text(&dir, "yaml/classes.txt"), text(&dir, "present/classes.txt"));
    dir.write("few.txt", "Pikachu\n");
    let said = dir.pokedex("export s.parquet --format yolo --classes few.txt -o few/").failed(1);
    assert!(said.contains("is in no list of classes: Bulbasaur, Pecharunt\nhint: "), "{said}");
    labelled(&dir);
    dir.write("list.txt", "cherry\napple\nBirne\n");
    dir.pokedex("export t.parquet --format coco --classes list.txt -o coco/").ok();
    assert!(text(&dir, "coco/annotations/instances_train.json").contains(r#"{"id":1,"name":"cherry","#));
    assert!(dir.pokedex("export t.parquet --format imagefolder --classes all -o x/").failed(2).contains("--classes"));
}

#[test]
fn what_readers_would_make_of_it_is_said() {
    let dir = Workdir::new();
    labelled(&dir);
    let said = dir.pokedex("export t.parquet --format yolo -o yolo/").ok().stderr;
    assert!(said.contains("t.parquet: 8 pictures have no boxes: the box of its class is the whole picture"), "{said}");
    let said = dir.pokedex("export t.parquet --format webdataset -o shards/").ok().stderr;
    assert!(!said.contains("formats"), "{said}");
    dir.write("pics/a/00.png", encode(&pattern(40, 30, 90).into(), ImageFormat::Jpeg));
    let said = dir.pokedex("export t.parquet --format webdataset -o mixed/").ok().stderr;
    assert!(said.contains("several formats (1 .jpg, 7 .png)") && said.contains("--encode png"), "{said}");
    let said = dir.pokedex("export t.parquet --format webdataset --encode png -o alike/").ok().stderr;
    assert!(!said.contains("formats"), "{said}");
}

#[test]
fn splits_of_other_names_are_understood_and_unknown_ones_listed() {
    let dir = Workdir::new();
    dir.pictures("pics", 5);
    let splits = ["TRAIN", "val", "Dev", "holdout", "testing"];
    let keys = (0..5).map(|n| format!("{n:03}.png"));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("key", Arc::new(StringArray::from_iter_values(keys.clone()))),
        ("path", Arc::new(StringArray::from_iter_values(keys.map(|key| format!("pics/{key}"))))),
        ("label", Arc::new(StringArray::from_iter_values(["a"; 5]))),
        ("split", Arc::new(StringArray::from_iter_values(splits))),
    ];
    dir.foreign("t.parquet", &RecordBatch::try_from_iter(columns).expect("a batch"));
    let said = dir.pokedex("export t.parquet --format imagefolder -o out/").ok().stderr;
    assert!(said.contains("column `split` holds holdout; the splits are train, validation"), "{said}");
    let files: Vec<String> = dir.files("out").into_iter().filter(|file| file.ends_with(".png")).collect();
    assert_eq!(files, ["test/a/004.png", "train/a/000.png", "validation/a/001.png", "validation/a/002.png"]);
    dir.pokedex("split t.parquet --keep -o s.parquet").failed(1);
}
