mod teaching;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema};
use image::{Rgba, RgbaImage};
use pokedex::table::Images;
use pokedex::table::boxes::{self, Bounds, Boxes};
use pokedex::table::column::{self, read_hashes};

use crate::workdir::{Workdir, pixels, png};

/// A manifest of a folder, all of whose rows are of the split that `of` names, with boxes where it is asked for.
fn manifest(dir: &Workdir, folder: &str, name: &str, of: impl Fn(&str) -> &'static str, boxes: Option<[f32; 4]>) {
    dir.pokedex(&format!("scan {folder} -o scanned.parquet")).ok();
    let batch = dir.table("scanned.parquet");
    let splits: StringArray = dir.keys("scanned.parquet").iter().map(|key| Some(of(key))).collect();
    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    let mut columns = batch.columns().to_vec();
    fields.push(Arc::new(column::field("split", DataType::Utf8)));
    columns.push(Arc::new(splits));
    if let Some(xyxy) = boxes {
        let own = [Bounds { label: Some("thing".into()), class: Some(4), score: None, xyxy }];
        fields.push(Arc::new(boxes::field()));
        columns.push(boxes::array((0..batch.num_rows()).map(|_| Some(own.as_slice()))));
    }
    dir.foreign(name, &RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns"));
}

/// Two classes of 8 and 3 pictures, divided by `split`.
fn two_classes(dir: &Workdir) {
    (0..8).for_each(|n| dir.picture(&format!("in/a/{n}.png"), n));
    (0..3).for_each(|n| dir.picture(&format!("in/b/{n}.png"), 100 + n));
    dir.pokedex("split in -o s.parquet").ok();
}

fn digests(dir: &Workdir, table: &str, name: &str) -> Vec<Option<[u8; 32]>> {
    read_hashes(&dir.table(table), name).expect("digests")
}

/// Rows by key, as the text of some columns.
fn rows(dir: &Workdir, table: &str) -> HashMap<String, Vec<Option<String>>> {
    let columns = ["path", "label", "split"].map(|name| dir.texts(table, name));
    let contents = digests(dir, table, "content_hash");
    let row = |i: usize| columns.iter().map(|c| c[i].clone()).chain([contents[i].map(|c| format!("{c:?}"))]).collect();
    dir.keys(table).into_iter().enumerate().map(|(i, key)| (key, row(i))).collect()
}

#[test]
fn every_class_of_train_reaches_the_floor_and_nothing_else_is_touched() {
    let dir = Workdir::new();
    two_classes(&dir);
    dir.pokedex("augment s.parquet --floor 9 -o t.parquet").ok();
    let (before, after) = (rows(&dir, "s.parquet"), rows(&dir, "t.parquet"));
    let train = |rows: &HashMap<String, Vec<Option<String>>>, label: &str| {
        rows.values().filter(|row| row[1].as_deref() == Some(label) && row[2].as_deref() == Some("train")).count()
    };
    assert_eq!((train(&after, "a"), train(&after, "b")), (9, 9));
    for (key, row) in &before {
        assert_eq!(after.get(key), Some(row), "{key}");
    }
    let new = after.iter().filter(|(key, _)| !before.contains_key(*key));
    assert!(new.clone().all(|(_, row)| row[2].as_deref() == Some("train")));
    assert_eq!(new.count(), after.len() - before.len());
}

#[test]
fn a_copy_names_its_parent_and_what_was_drawn() {
    let dir = Workdir::new();
    two_classes(&dir);
    dir.pokedex("augment s.parquet --copies 2 --size 48x32 --seed 5 -o t.parquet").ok();
    let batch = dir.table("t.parquet");
    let (contents, parents) = (digests(&dir, "t.parquet", "content_hash"), digests(&dir, "t.parquet", "parent_hash"));
    let (splits, drawn) = (dir.texts("t.parquet", "split"), dir.texts("t.parquet", "augmentation"));
    let (keys, labels) = (dir.keys("t.parquet"), dir.texts("t.parquet", "label"));
    let images = Images::of(&batch).expect("images");
    let widths = column::ints(&batch, "width").expect("numbers").expect("there");
    let mut copies = 0;
    for row in 0..batch.num_rows() {
        let Some(parent) = parents[row] else {
            assert_eq!((drawn[row].as_deref(), images.bytes(row)), (None, None));
            continue;
        };
        copies += 1;
        let of = contents.iter().position(|content| *content == Some(parent)).expect("the parent's row");
        assert_eq!((splits[of].as_deref(), splits[row].as_deref()), (Some("train"), Some("train")));
        assert_eq!(labels[of], labels[row]);
        let drawn: serde_json::Value = serde_json::from_str(drawn[row].as_deref().expect("drawn")).expect("JSON");
        assert_eq!(drawn["seed"], 5);
        let stem = keys[of].strip_suffix(".png").expect("a PNG");
        assert_eq!(keys[row], format!("{stem}_aug{:02}.jpg", drawn["copy"].as_u64().expect("a number")));
        let bytes = images.bytes(row).expect("the picture is in the table");
        assert_eq!(contents[row], Some(*blake3::hash(bytes).as_bytes()));
        assert_eq!((pixels(bytes).dimensions(), widths.value(row)), ((48, 32), 48));
    }
    assert_eq!(
        copies,
        2 * splits.iter().zip(&parents).filter(|(s, p)| s.as_deref() == Some("train") && p.is_none()).count()
    );
}

#[test]
fn a_table_without_a_split_is_refused_with_the_command_that_makes_one() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("scan in -o m.parquet").ok();
    let said = dir.pokedex("augment m.parquet -o t.parquet").failed(1);
    assert!(said.contains("`split`") && said.contains("hint: pokedex split m.parquet | pokedex augment -"), "{said}");
    assert!(!dir.path("t.parquet").exists());
    manifest(&dir, "in", "test.parquet", |_| "test", None);
    let said = dir.pokedex("augment test.parquet -o t.parquet").failed(1);
    assert!(said.contains("no row of train"), "{said}");
}

#[test]
fn the_same_copies_are_made_whatever_the_order_and_the_number_of_threads() {
    let dir = Workdir::new();
    dir.pictures("in", 12);
    dir.shell("find in -name '*.png' | sort | pokedex split - -o a.parquet").ok();
    dir.shell("find in -name '*.png' | sort -r | pokedex split - -o b.parquet").ok();
    dir.pokedex("augment a.parquet --floor 40 -j 1 -o 1.parquet").ok();
    dir.pokedex("augment a.parquet --floor 40 -j 3 -o 3.parquet").ok();
    assert_eq!(dir.read("1.parquet"), dir.read("3.parquet"));
    dir.pokedex("augment b.parquet --floor 40 -o r.parquet").ok();
    let contents = |table: &str| -> HashMap<String, Option<[u8; 32]>> {
        dir.keys(table).into_iter().zip(digests(&dir, table, "content_hash")).collect()
    };
    assert_eq!(contents("1.parquet"), contents("r.parquet"));
    dir.pokedex("augment a.parquet --floor 40 --seed 1 -o s.parquet").ok();
    assert_ne!(contents("1.parquet"), contents("s.parquet"));
}

#[test]
fn a_folder_holds_the_pictures_and_a_manifest_that_finds_them() {
    let dir = Workdir::new();
    two_classes(&dir);
    dir.pokedex("augment s.parquet --copies 1 --encode png -o out/").ok();
    dir.pokedex("augment s.parquet --copies 1 --encode png -o t.parquet").ok();
    let files = dir.files("out");
    assert!(files.contains(&"manifest.parquet".to_string()));
    let (keys, paths) = (dir.keys("out/manifest.parquet"), dir.texts("out/manifest.parquet", "path"));
    assert_eq!(keys, dir.keys("t.parquet"));
    let table = dir.table("t.parquet");
    let images = Images::of(&table).expect("images");
    let new: Vec<usize> = (0..keys.len()).filter(|&row| images.bytes(row).is_some()).collect();
    assert_eq!(files.len(), new.len() + 1, "{files:?}");
    for row in new {
        assert_eq!(paths[row].as_deref(), Some(format!("out/augmented/{}", keys[row]).as_str()));
        assert_eq!(dir.read(&format!("out/augmented/{}", keys[row])), images.bytes(row).expect("bytes"));
    }
    dir.pokedex("scan out/manifest.parquet --verify -o again.parquet").ok();
}

#[test]
fn a_damaged_picture_keeps_its_row_and_says_why() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    let whole = dir.read("in/001.png");
    dir.write("in/001.png", &whole[..whole.len() / 2]);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    let said = dir.pokedex("augment m.parquet --floor 9 -o t.parquet").failed(3);
    assert!(said.contains("001.png: damaged PNG") && said.contains("stays below 9"), "{said}");
    let errors = dir.texts("t.parquet", "error");
    let row = dir.keys("t.parquet").iter().position(|key| key == "001.png").expect("the row is kept");
    assert!(errors[row].as_deref().is_some_and(|error| error.contains("damaged PNG")));
    assert_eq!(errors.iter().flatten().count(), 1);
    assert!(digests(&dir, "t.parquet", "parent_hash").iter().flatten().count() >= 4);
    dir.picture("in/002.png", 77);
    let said = dir.pokedex("augment m.parquet -o t.parquet").failed(3);
    assert!(said.contains("002.png: the file has changed"), "{said}");
}

#[test]
fn boxes_follow_a_flip() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    manifest(&dir, "in", "m.parquet", |_| "train", Some([2.0, 5.0, 12.0, 25.0]));
    dir.write("flip.toml", "[flip]\nhorizontal = 1\nvertical = 0\n");
    dir.pokedex("augment m.parquet --recipe flip.toml --only-new --encode png -o t.parquet").ok();
    let batch = dir.table("t.parquet");
    let boxes = Boxes::of(&batch).expect("boxes").expect("the column");
    let images = Images::of(&batch).expect("images");
    for row in 0..2 {
        let own = boxes.get(row).expect("boxes");
        assert_eq!(
            (own[0].xyxy, own[0].label.as_deref(), own[0].class),
            ([28.0, 5.0, 38.0, 25.0], Some("thing"), Some(4))
        );
        let mut flipped = pixels(&dir.read(&format!("in/{row:03}.png")));
        image::imageops::flip_horizontal_in_place(&mut flipped);
        assert_eq!(pixels(images.bytes(row).expect("bytes")), flipped);
    }
}

#[test]
fn only_what_is_transparent_gets_another_background() {
    let dir = Workdir::new();
    let half = RgbaImage::from_fn(20, 10, |x, _| if x < 10 { Rgba([200, 30, 30, 255]) } else { Rgba([0, 0, 0, 0]) });
    dir.write("in/half.png", png(&half.into()));
    dir.picture("in/whole.png", 1);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.write("r.toml", "[background]\nprobability = 1\nkinds = [\"solid\"]\n");
    dir.pokedex("augment m.parquet --recipe r.toml --only-new --encode png -o out/").ok();
    let made = pixels(&dir.read("out/augmented/half_aug01.png"));
    assert!((0..10).all(|x| made.get_pixel(x, 5).0 == [200, 30, 30]));
    let behind = made.get_pixel(10, 0).0;
    assert_ne!(behind, [255; 3]);
    assert!((10..20).all(|x| (0..10).all(|y| made.get_pixel(x, y).0 == behind)));
    assert_eq!(pixels(&dir.read("out/augmented/whole_aug01.png")), pixels(&dir.read("in/whole.png")));
    // A folder of pictures, one of which is none.
    dir.write("behind/flat.png", png(&image::RgbImage::from_pixel(9, 9, image::Rgb([7, 8, 9])).into()));
    dir.write("behind/broken.png", "nothing");
    dir.write("r.toml", "[background]\nprobability = 1\nkinds = [\"picture\"]\n");
    dir.pokedex("augment m.parquet --recipe r.toml --background-images behind --encode png -o out/").ok();
    assert_eq!(pixels(&dir.read("out/augmented/half_aug01.png")).get_pixel(15, 5).0, [7, 8, 9]);
}

#[test]
fn mosaic_and_mixup_need_boxes_or_classes_and_name_their_partners() {
    let dir = Workdir::new();
    dir.pictures("in", 6);
    manifest(&dir, "in", "plain.parquet", |_| "train", None);
    let recipe = "[mosaic]\nprobability = 1\ncentre = [0.5, 0.5]\n[mixup]\nprobability = 1\nshare = [0.5, 0.5]\n";
    dir.write("r.toml", recipe);
    let said = dir.pokedex("augment plain.parquet --recipe r.toml -o t.parquet").failed(1);
    assert!(said.contains("`boxes`") && said.contains("hint: "), "{said}");
    manifest(&dir, "in", "m.parquet", |_| "train", Some([0.0, 0.0, 40.0, 30.0]));
    dir.pokedex("augment m.parquet --recipe r.toml --only-new -j 1 -o t.parquet").ok();
    dir.pokedex("augment m.parquet --recipe r.toml --only-new -j 3 -o u.parquet").ok();
    assert_eq!(dir.read("t.parquet"), dir.read("u.parquet"));
    let boxes = Boxes::of(&dir.table("t.parquet")).expect("boxes").expect("the column");
    for (row, drawn) in dir.texts("t.parquet", "augmentation").iter().enumerate() {
        let drawn: serde_json::Value = serde_json::from_str(drawn.as_deref().expect("drawn")).expect("JSON");
        assert_eq!(drawn["mosaic"]["partners"].as_array().map(Vec::len), Some(3));
        assert_eq!(drawn["mixup"]["share"], 0.5);
        assert_eq!(boxes.get(row).expect("boxes").len(), 5);
    }
}

#[test]
fn a_preview_is_a_sheet_of_pictures_and_without_an_output_all_there_is() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    manifest(&dir, "in", "m.parquet", |_| "train", Some([5.0, 5.0, 30.0, 20.0]));
    let run = dir.pokedex("augment m.parquet --preview sheet.png").ok();
    assert!(run.stdout.is_empty());
    assert_eq!(pixels(&dir.read("sheet.png")).dimensions(), (8 * 164 + 4, 3 * 164 + 4));
    dir.pictures("more", 20);
    manifest(&dir, "more", "more.parquet", |_| "train", None);
    dir.pokedex("augment more.parquet --preview sheet.png -o t.parquet").ok();
    assert_eq!(pixels(&dir.read("sheet.png")).dimensions(), (8 * 164 + 4, 8 * 164 + 4));
    assert_eq!(dir.keys("t.parquet").len(), 40);
}

#[test]
fn the_printed_recipe_is_what_is_done_without_one() {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.write("r.toml", dir.pokedex("augment --print-recipe").ok().stdout);
    dir.pokedex("augment m.parquet -o a.parquet").ok();
    dir.pokedex("augment m.parquet --recipe r.toml -o b.parquet").ok();
    assert_eq!(dir.read("a.parquet"), dir.read("b.parquet"));
}

#[test]
fn a_wrong_recipe_is_refused_with_its_line() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.write("r.toml", "[rotation]\nprobability = 1\nangle = 3\n");
    let said = dir.pokedex("augment m.parquet --recipe r.toml -o t.parquet").failed(1);
    assert!(said.contains("r.toml, line 3") && said.contains("`angle`") && said.contains("--print-recipe"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn copies_are_never_augmented_and_a_second_run_goes_on_counting() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.pokedex("augment m.parquet -o one.parquet").ok();
    dir.shell("pokedex augment one.parquet | pokedex augment - --floor 6 -o two.parquet").ok();
    let keys = dir.keys("two.parquet");
    assert_eq!(keys.len(), 9, "{keys:?}");
    for n in 0..3 {
        assert!((1..=2).all(|copy| keys.contains(&format!("{n:03}_aug{copy:02}.jpg"))), "{keys:?}");
    }
    let contents = digests(&dir, "two.parquet", "content_hash");
    assert_eq!(contents.iter().collect::<std::collections::HashSet<_>>().len(), 9);
}

#[test]
fn parents_that_differ_in_their_extension_have_copies_of_their_own() {
    let dir = Workdir::new();
    dir.picture("in/x.png", 1);
    dir.picture("in/x.bmp", 2);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.pokedex("augment m.parquet -o out/").ok();
    let pictures: Vec<String> = dir.files("out/augmented");
    assert_eq!(pictures, ["x_bmp_aug01.jpg", "x_png_aug01.jpg"]);
}

#[test]
fn what_describes_the_parent_is_not_said_of_its_copies() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.pokedex("embed m.parquet -o e.parquet").ok();
    dir.pokedex("augment e.parquet -o t.parquet").ok();
    let batch = dir.table("t.parquet");
    let is_new: Vec<bool> = digests(&dir, "t.parquet", "parent_hash").iter().map(Option::is_some).collect();
    for name in ["embedding", "embedding_model"] {
        let own: &ArrayRef = batch.column_by_name(name).expect("the column stays");
        assert!((0..4).all(|row| own.is_null(row) == is_new[row]), "{name}");
    }
    assert_eq!(batch.column_by_name("embedding").expect("vectors").as_fixed_size_list().len(), 4);
    dir.pokedex("embed t.parquet -o again.parquet").ok();
}

#[test]
fn an_earlier_manifest_goes_before_its_pictures_are_replaced() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.pokedex("augment m.parquet --copies 2 -o out/").ok();
    // A parent that has changed, and no picture is skipped: the second run ends in the middle.
    dir.picture("in/002.png", 99);
    dir.pokedex("augment m.parquet --copies 2 --seed 1 --strict -j 1 -o out/").failed(1);
    assert!(!dir.path("out/manifest.parquet").exists());
    assert!(dir.path("out/augmented/000_aug01.jpg").exists());
    dir.picture("in/002.png", 2);
    dir.pokedex("augment m.parquet -o out/").ok();
    assert_eq!(dir.files("out").len(), 4);
    // What is read is not replaced.
    for table in ["out/manifest.parquet", "out"] {
        let said = dir.pokedex(&format!("augment {table} -o out/")).failed(1);
        assert!(said.contains("lies in the folder that is being written"), "{said}");
    }
    assert_eq!(dir.keys("out/manifest.parquet").len(), 6);
}

#[test]
fn copies_of_an_earlier_run_that_are_not_made_again_are_removed_and_nothing_else() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.pokedex("augment m.parquet --copies 3 -o out/").ok();
    dir.write("out/augmented/mine.jpg", "mine");
    let said = dir.pokedex("augment m.parquet --copies 1 -v -o out/").ok().stderr;
    assert!(said.contains("6 stale copies removed"), "{said}");
    let left = ["000_aug01.jpg", "001_aug01.jpg", "002_aug01.jpg", "mine.jpg"];
    assert_eq!(dir.files("out/augmented"), left);
    assert!((0..3).all(|n| dir.path(&format!("in/{n:03}.png")).exists()));
    // A manifest of something else lists nothing, and is nobody's to replace.
    dir.shell("rm -r out/augmented out/manifest.parquet && pokedex scan in -o out/manifest.parquet").ok();
    let said = dir.pokedex("augment m.parquet -v -o out/").failed(1);
    assert!(said.contains("no earlier run made, or that were changed since: manifest.parquet"), "{said}");
    assert_eq!(dir.keys("out/manifest.parquet").len(), 3);
    assert_eq!(dir.files("in").len(), 3);
}

#[test]
fn copies_have_names_that_fit_and_differ() {
    let dir = Workdir::new();
    let long = "n".repeat(246);
    for (n, name) in (0..).zip([format!("{long}1"), format!("{long}2"), "A".into(), "a".into()]) {
        dir.picture(&format!("in/{name}.png"), n);
    }
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.pokedex("augment m.parquet --copies 12 -o out/").ok();
    dir.pokedex("augment m.parquet --copies 12 -o t.parquet").ok();
    let names = dir.files("out/augmented");
    let folded: std::collections::HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!((names.len(), folded.len()), (48, 48));
    assert_eq!(dir.keys("out/manifest.parquet"), dir.keys("t.parquet"));
}

#[test]
fn boxes_that_are_none_are_left_out_and_counted() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.write("plain.toml", "[grey]\nprobability = 0\n");
    for (xyxy, count) in [([f32::NAN, 5.0, 12.0, 25.0], 0), ([12.0, 5.0, 2.0, 25.0], 0), ([2.0, 5.0, 12.0, 25.0], 1)] {
        manifest(&dir, "in", "m.parquet", |_| "train", Some(xyxy));
        let said = dir.pokedex("augment m.parquet --recipe plain.toml --only-new -o t.parquet").ok().stderr;
        let expected = "2 boxes are none and were left out of the copies; `pokedex check m.parquet` names them";
        assert_eq!(said.contains(expected), count == 0, "{said}");
        let boxes = Boxes::of(&dir.table("t.parquet")).expect("boxes").expect("the column");
        assert!((0..2).all(|row| boxes.get(row).is_some_and(|own| own.len() == count)));
    }
}

#[test]
fn what_a_preview_or_a_recipe_lacks_is_said_before_any_work() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    let said = dir.pokedex("augment m.parquet --preview missing/sheet.png").failed(1);
    assert!(said.contains("missing/sheet.png") && said.contains("hint: "), "{said}");
    assert!(!dir.path("missing").exists());
    dir.write("r.toml", "[background]\nprobability = 1\nkinds = [\"picture\"]\n");
    let said = dir.pokedex("augment m.parquet --recipe r.toml -o t.parquet").failed(1);
    assert!(said.contains("r.toml: background.kinds") && said.contains("--background-images DIR"), "{said}");
}
