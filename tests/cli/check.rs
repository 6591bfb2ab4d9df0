//! `check`: data sets with planted faults, each of which has to be found, and sound ones, of which nothing may be said.

mod labels;
mod layouts;
mod quality;

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use serde_json::Value;

use pokedex::table::boxes::{self, Bounds};

use crate::workdir::{Workdir, encode, pattern, png};

/// The report as an object.
fn report(dir: &Workdir, arguments: &str) -> (i32, Value) {
    let run = dir.pokedex(&format!("check {arguments} --format json"));
    assert!([0, 4].contains(&run.code), "{}", run.stderr);
    (run.code, serde_json::from_slice(&run.stdout).expect("JSON"))
}

/// How many findings of a rule a report has.
fn count(report: &Value, rule: &str) -> u64 {
    report["rules"][rule].as_u64().unwrap_or(0)
}

/// Rules that are broken.
fn rules(report: &Value) -> Vec<String> {
    report["rules"].as_object().expect("an object").keys().cloned().collect()
}

/// A picture of 160 × 120 pixels that looks like no other number's: a chessboard of 8 × 6 fields in colours by chance.
fn scene(number: u32) -> image::DynamicImage {
    let colour = |field: u32| {
        let mut state = u64::from(number * 48 + field).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state = (state ^ state >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let [r, g, b, ..] = (state ^ state >> 29).to_le_bytes();
        image::Rgb([r, g, b])
    };
    image::RgbImage::from_fn(160, 120, |x, y| colour(x / 20 + y / 20 * 8)).into()
}

/// Twelve pictures of two classes, divided.
fn divided(dir: &Workdir) {
    for number in 0..12 {
        let class = if number % 2 == 0 { "cat" } else { "dog" };
        dir.write(&format!("photos/{class}/{number:02}.png"), png(&scene(number)));
    }
    dir.pokedex("split photos -o split.parquet").ok();
}

#[test]
fn a_sound_data_set_has_nothing_wrong() {
    let dir = Workdir::new();
    divided(&dir);
    let run = dir.pokedex("check split.parquet").ok();
    assert!(run.text().ends_with("\nnothing is wrong\n"), "{}", run.text());
    assert!(run.text().contains("splits        train 8, validation 2, test 2\n"), "{}", run.text());
    assert!(run.text().contains("classes       2, 6 to 6 pictures each, median 6\n"), "{}", run.text());
    let (_, report) = report(&dir, "split.parquet");
    assert_eq!((report["errors"].as_u64(), report["warnings"].as_u64()), (Some(0), Some(0)));
    assert_eq!(report["summary"]["widths"]["median"], 160);
    assert_eq!(report["summary"]["classes"][1]["label"], "dog");
}

#[test]
fn damaged_missing_changed_and_misnamed_pictures_are_told_apart() {
    let dir = Workdir::new();
    divided(&dir);
    dir.write("photos/cat/00.png", encode(&scene(0), image::ImageFormat::Jpeg));
    let whole = png(&scene(1));
    dir.write("photos/dog/01.png", &whole[..whole.len() / 2]);
    std::fs::remove_file(dir.path("photos/cat/02.png")).expect("there");
    dir.write("photos/dog/03.png", png(&pattern(20, 40, 3).into()));
    let (code, report) = report(&dir, "split.parquet --limit 1");
    assert_eq!(code, 4);
    assert_eq!(rules(&report), ["missing", "unreadable", "changed", "format", "small"]);
    assert_eq!(count(&report, "changed"), 3);
    let finding = |rule: &str| {
        let findings = report["findings"].as_array().expect("a list").clone();
        findings.into_iter().find(|finding| finding["rule"] == rule).expect("found")
    };
    assert_eq!(finding("missing")["key"], "cat/02.png");
    assert_eq!(finding("unreadable")["key"], "dog/01.png");
    assert_eq!(finding("format")["detail"], "named .png, is JPEG");
    assert_eq!(finding("small")["detail"], "20 x 40 pixels");
}

#[test]
fn leaks_are_named_in_pairs() {
    let dir = Workdir::new();
    divided(&dir);
    // The same bytes under another name, and the same picture smaller, recompressed, on the other side.
    let rows = dir.pokedex("export split.parquet --format csv --columns key,split").ok().text();
    let key_in = |split: &str| {
        let line = rows.lines().find(|line| line.ends_with(split) && line.starts_with("cat")).expect("a row");
        line.split(',').next().expect("a key").to_string()
    };
    let (train, test) = (key_in("train"), key_in("test"));
    let bytes = dir.read(&format!("photos/{train}"));
    dir.write(&format!("photos/{test}"), &bytes);
    let (_, found) = report(&dir, "split.parquet");
    assert_eq!(count(&found, "leak"), 1, "{found:#}");
    let leak = found["findings"].as_array().expect("a list").iter().find(|f| f["rule"] == "leak").expect("a leak");
    assert_eq!((leak["key"].as_str(), leak["other_key"].as_str()), (Some(test.as_str()), Some(train.as_str())));
    assert_eq!((leak["split"].as_str(), leak["other_split"].as_str()), (Some("test"), Some("train")));

    let picture = image::load_from_memory(&bytes).expect("a picture");
    let smaller = picture.resize(100, 75, image::imageops::FilterType::Triangle);
    dir.write(&format!("photos/{test}"), encode(&smaller, image::ImageFormat::Jpeg));
    let (code, found) = report(&dir, "split.parquet");
    assert_eq!((code, count(&found, "near-leak"), count(&found, "leak")), (4, 1, 0), "{found:#}");
    let (_, found) = report(&dir, "split.parquet --no-near-duplicates");
    assert_eq!(count(&found, "near-leak"), 0);
    assert_eq!(found["summary"]["near_copies"], Value::Null);
}

#[test]
fn a_table_alone_is_held_against_itself() {
    let dir = Workdir::new();
    let rows = [
        ("a", 1, "Bulbasaur", Some("train")),
        ("b", 1, "Ivysaur", Some("train")),
        ("c", 25, "Pikachu", Some("test")),
        ("d", 4, "Charmander", Some("holdout")),
        ("e", 4, "Charmander", Some("train")),
        ("f", 7, "Squirtle", None),
    ];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("key", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0)))),
        ("id", Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.1)))),
        ("label", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.2)))),
        ("split", Arc::new(rows.iter().map(|row| row.3).collect::<StringArray>())),
    ];
    dir.foreign("rows.parquet", &RecordBatch::try_from_iter(columns).expect("a batch"));
    let (code, report) = report(&dir, "rows.parquet");
    assert_eq!(code, 4);
    let expected = [("unknown-split", 1), ("not-in-train", 1), ("label-and-id", 2), ("no-split", 1)];
    for (rule, times) in expected {
        assert_eq!(count(&report, rule), times, "{rule}: {report:#}");
    }
    assert_eq!(rules(&report).len(), expected.len(), "{report:#}");
    let text = dir.pokedex("check rows.parquet").text();
    assert!(
        text.contains("error not-in-train (1): classes that train has no picture of\n  Pikachu: 1 in test\n"),
        "{text}"
    );
    assert!(text.contains("b (train, Ivysaur): id 1 and label Ivysaur, whose number is 2\n"), "{text}");
}

#[test]
fn rules_can_be_left_out_and_warnings_can_count() {
    let dir = Workdir::new();
    dir.picture("photos/a/1.png", 1);
    dir.picture("photos/b/2.png", 1);
    assert_eq!(dir.pokedex("check photos").code, 4, "one picture in two classes");
    dir.pokedex("check photos --ignore two-classes").ok();
    assert_eq!(dir.pokedex("check photos --ignore two-classes --fail-on warning").code, 4);
    dir.pokedex("check photos --fail-on never").ok();
    let said = dir.pokedex("check photos --ignore leeks").failed(2);
    assert!(said.contains("--ignore leeks: no such rule\nhint: rules are layout, missing,"), "{said}");
}

#[test]
fn findings_come_in_every_format_with_the_same_rows() {
    let dir = Workdir::new();
    dir.picture("photos/a/1.png", 1);
    dir.picture("photos/b/2.png", 1);
    dir.pokedex("check photos --findings f.csv -o report.txt").failed(4);
    let csv = String::from_utf8(dir.read("f.csv")).expect("text");
    let expected = "severity,rule,key,split,label,other_key,other_split,other_label,detail\n\
        error,two-classes,b/2.png,,b,a/1.png,,a,\n\
        warning,small,a/1.png,,a,,,,40 x 30 pixels\n\
        warning,small,b/2.png,,b,,,,40 x 30 pixels\n\
        note,duplicate,b/2.png,,b,a/1.png,,a,\n";
    assert_eq!(csv, expected);
    let tsv = dir.pokedex("check photos --format tsv");
    assert_eq!(tsv.text(), expected.replace(',', "\t"));
    dir.pokedex("check photos --format parquet -o f.parquet").failed(4);
    assert_eq!(dir.pokedex("export f.parquet --format csv").ok().text(), expected);
    let jsonl = dir.pokedex("check photos --format jsonl").text();
    assert_eq!(jsonl.lines().count(), 4);
    let said = dir.pokedex("check photos --findings f.xls").failed(2);
    assert!(said.contains("hint: call it .csv"), "{said}");
}

#[test]
fn the_report_does_not_depend_on_threads() {
    let dir = Workdir::new();
    divided(&dir);
    dir.write("photos/cat/02.png", dir.read("photos/cat/04.png"));
    let one = dir.pokedex("check photos -j 1 --format json");
    let four = dir.pokedex("check photos -j 4 --format json");
    assert_eq!(one.text(), four.text());
}

#[test]
fn a_report_does_not_replace_what_it_is_about() {
    let dir = Workdir::new();
    divided(&dir);
    let before = dir.read("split.parquet");
    for arguments in ["-o split.parquet", "--findings split.parquet", "-o x.csv --findings x.csv"] {
        let said = dir.pokedex(&format!("check split.parquet {arguments}")).failed(2);
        assert!(said.contains("\nhint: "), "{said}");
    }
    assert_eq!(dir.read("split.parquet"), before);
}

#[test]
fn near_copies_in_two_splits_are_a_leak_whatever_they_are_called() {
    let dir = Workdir::new();
    dir.write("set/train/a/0.png", png(&scene(0)));
    dir.write("set/train/b/1.png", png(&scene(1)));
    dir.write("set/test/b/0.png", png(&scene(0).resize(100, 75, image::imageops::FilterType::Triangle)));
    let (code, found) = report(&dir, "set");
    assert_eq!((code, count(&found, "near-leak"), count(&found, "near-two-classes")), (4, 1, 1), "{found:#}");
}

#[test]
fn boxes_outside_their_picture_are_found() {
    let dir = Workdir::new();
    dir.write("0.png", png(&scene(0)));
    dir.write("1.png", png(&scene(1)));
    let bounds = |xyxy| Bounds { label: Some("cat".into()), class: None, score: None, xyxy };
    let inside = bounds([0.0, 0.0, 160.0, 120.0]);
    let rows = [vec![inside, bounds([10.0, 0.0, 161.0, 120.0])], vec![bounds([5.0, 5.0, 5.0, 9.0])]];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("path", Arc::new(StringArray::from(vec!["0.png", "1.png"]))),
        ("boxes", boxes::array(rows.iter().map(|row| Some(row.as_slice())))),
    ];
    dir.foreign("boxes.parquet", &RecordBatch::try_from_iter(columns).expect("a batch"));
    let (code, found) = report(&dir, "boxes.parquet");
    assert_eq!((code, count(&found, "box")), (4, 2), "{found:#}");
}
