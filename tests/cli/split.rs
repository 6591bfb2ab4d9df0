use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use pokedex::table::column::{hashes, read_hashes};

use crate::workdir::{Workdir, encode, png};

fn splits(dir: &Workdir, table: &str) -> HashMap<String, String> {
    let splits = dir.texts(table, "split").into_iter().map(|s| s.expect("every row has a split"));
    dir.keys(table).into_iter().zip(splits).collect()
}

fn count(splits: &HashMap<String, String>, start: &str) -> [usize; 3] {
    let of = |name: &str| splits.iter().filter(|(key, split)| key.starts_with(start) && *split == name).count();
    [of("train"), of("validation"), of("test")]
}

/// Blobs on a background, another drawing for every number.
fn drawing(number: u32, background: [u8; 3], (width, height): (u32, u32)) -> DynamicImage {
    let value = |n: u32| {
        let x = (number * 97 + n).wrapping_mul(0x9e37_79b1);
        f64::from((x ^ (x >> 15)).wrapping_mul(0x85eb_ca6b) >> 8) / f64::from(1 << 24)
    };
    let blob = |b: u32| {
        let of = |i| value(b * 7 + i);
        let size = |i| 0.06 + 0.12 * of(i);
        let colour = [4, 5, 6].map(|i| (60.0 + 130.0 * of(i)) as u8);
        (0.25 + 0.5 * of(0), 0.25 + 0.5 * of(1), size(2), size(3), colour)
    };
    let blobs: Vec<_> = (0..9).map(blob).collect();
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let inside =
            |(x, y, a, b, _): &&(f64, f64, f64, f64, [u8; 3])| ((u - x) / a).powi(2) + ((v - y) / b).powi(2) < 1.0;
        Rgb(blobs.iter().find(inside).map_or(background, |blob| blob.4))
    });
    picture.into()
}

const WHITE: [u8; 3] = [255; 3];

/// `DIR/nn.png` and copies of every second of them, in another folder: smaller, as JPEG, on another background.
fn planted(dir: &Workdir, folder: &str, numbers: std::ops::Range<u32>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for n in numbers {
        let picture = drawing(n, WHITE, (160, 120));
        dir.write(&format!("{folder}/a/{n:03}.png"), png(&picture));
        let (name, bytes) = match n % 8 {
            0 => ("png", png(&picture.resize_exact(80, 60, FilterType::Triangle))),
            2 => ("png", png(&picture.resize_exact(272, 204, FilterType::CatmullRom))),
            4 => ("jpg", encode(&picture, ImageFormat::Jpeg)),
            6 => ("png", png(&drawing(n, [250, 5, 250], (160, 120)))),
            _ => continue,
        };
        dir.write(&format!("{folder}/b/{n:03}.{name}"), bytes);
        pairs.push((format!("a/{n:03}.png"), format!("b/{n:03}.{name}")));
    }
    pairs
}

#[test]
fn every_class_is_divided_and_none_is_missing_from_train() {
    let dir = Workdir::new();
    for class in 0..3 {
        (0..20).for_each(|n| dir.picture(&format!("in/class{class}/{n:02}.png"), class * 100 + n));
    }
    dir.pokedex("split in -o s.parquet").ok();
    let splits = splits(&dir, "s.parquet");
    for class in 0..3 {
        assert_eq!(count(&splits, &format!("class{class}")), [14, 3, 3]);
    }
}

#[test]
fn the_order_of_the_rows_does_not_matter_and_the_seed_does() {
    let dir = Workdir::new();
    dir.pictures("in", 30);
    dir.shell("find in -name '*.png' | sort | pokedex split - -o a.parquet").ok();
    dir.shell("find in -name '*.png' | sort -r | pokedex split - -o b.parquet").ok();
    assert_eq!(splits(&dir, "a.parquet"), splits(&dir, "b.parquet"));
    dir.shell("find in -name '*.png' | pokedex split - --seed 1 -o c.parquet").ok();
    assert_ne!(splits(&dir, "a.parquet"), splits(&dir, "c.parquet"));
}

#[test]
fn identical_images_are_on_one_side_whatever_they_are_called() {
    let dir = Workdir::new();
    for n in 0..12 {
        dir.picture(&format!("in/a/{n:02}.png"), n);
        dir.picture(&format!("in/b/copy-{n:02}.png"), n);
    }
    dir.pokedex("split in --ratios 50/25/25 -o s.parquet").ok();
    let splits = splits(&dir, "s.parquet");
    for n in 0..12 {
        assert_eq!(splits[&format!("a/{n:02}.png")], splits[&format!("b/copy-{n:02}.png")]);
    }
}

#[test]
fn near_copies_are_on_one_side_whatever_the_seed_order_and_threads() {
    let dir = Workdir::new();
    let pairs = planted(&dir, "in", 0..48);
    let mut torn_without = 0;
    for seed in 0..6 {
        let said = dir.pokedex(&format!("split in --near-duplicates --seed {seed} -v -o s.parquet")).ok().stderr;
        let near = splits(&dir, "s.parquet");
        pairs.iter().for_each(|(a, b)| assert_eq!(near[a], near[b], "{a} {b}"));
        assert!(said.contains("48 near copies in 24 groups, of 2 at most"), "{said}");
        dir.pokedex(&format!("split in --seed {seed} -o plain.parquet")).ok();
        let plain = splits(&dir, "plain.parquet");
        torn_without += pairs.iter().filter(|(a, b)| plain[a] != plain[b]).count();
    }
    assert!(torn_without > 20, "{torn_without}");
    dir.shell("find in -type f | sort -r | pokedex split - --root in --near-duplicates --seed 5 -j1 -o r.parquet").ok();
    let reversed = splits(&dir, "r.parquet");
    assert!(splits(&dir, "s.parquet").iter().all(|(key, split)| reversed.get(key) == Some(split)));
    dir.pokedex("split in --near-duplicates --seed 5 -j1 -o s1.parquet").ok();
    assert_eq!(dir.read("s1.parquet"), dir.read("s.parquet"));
}

#[test]
fn perceptual_hashes_are_read_from_the_table_where_it_has_them() {
    let dir = Workdir::new();
    planted(&dir, "in", 0..16);
    dir.pokedex("split in --near-duplicates -o a.parquet").ok();
    dir.shell("mv in elsewhere").ok();
    dir.pokedex("split a.parquet --near-duplicates -o b.parquet").ok();
    assert_eq!(dir.read("a.parquet"), dir.read("b.parquet"));
    let said = dir.pokedex("split a.parquet --near-duplicates --hash-distance 32 -o b.parquet").failed(2);
    assert!(said.contains("--hash-distance"), "{said}");
    dir.pokedex("split a.parquet --hash-distance 3 -o b.parquet").failed(2);
    let said = dir.pokedex("split a.parquet --near-duplicates --min-cosine 0.9 -o b.parquet").failed(1);
    assert!(said.contains("no column `embedding`") && said.contains("hint: "), "{said}");
}

#[test]
fn vectors_that_agree_keep_images_together() {
    let dir = Workdir::new();
    planted(&dir, "in", 0..24);
    dir.pokedex("embed in -o e.parquet").ok();
    let say = |cosine: &str| {
        dir.pokedex(&format!("split e.parquet --near-duplicates --hash-distance 0 {cosine} -v -o s.parquet"))
            .ok()
            .stderr
    };
    // The model was not made for such drawings; whatever it thinks of them, less than any cosine is near.
    assert!(say("--min-cosine 0.0001").contains("36 near copies in 1 groups, of 36 at most"));
    assert!(!say("--min-cosine 1").contains("of 36 at most"));
    assert!(dir.pokedex("split e.parquet --near-duplicates --min-cosine 0 -o s.parquet").failed(2).contains("above 0"));
    let said = dir.pokedex("split e.parquet --near-duplicates --vector-column v -o s.parquet").failed(1);
    assert!(said.contains("no column `v`"), "{said}");
}

#[test]
fn groups_stay_on_one_side_and_classes_are_divided_all_the_same() {
    let dir = Workdir::new();
    dir.pictures("in", 60);
    dir.pokedex("scan in -o m.parquet").ok();
    let scanned = dir.table("m.parquet");
    // Twenty videos of three frames; every tenth image belongs to none.
    let videos = (0..60).map(|n| (n % 10 > 0).then_some(n / 3)).collect::<Int64Array>();
    let names: StringArray = videos.iter().map(|video| video.map(|video| format!("video {video}"))).collect();
    let with = |name: &str, column: arrow_array::ArrayRef| {
        let columns = [("key", scanned["key"].clone()), ("path", scanned["path"].clone()), (name, column)];
        RecordBatch::try_from_iter(columns).expect("columns of one length")
    };
    dir.foreign("names.parquet", &with("video", Arc::new(names)));
    dir.foreign("numbers.parquet", &with("video", Arc::new(videos.clone())));
    let said = dir.pokedex("split names.parquet --group video -v -o s.parquet").ok().stderr;
    assert!(said.contains("20 groups by video"), "{said}");
    let splits = splits(&dir, "s.parquet");
    let mut of: HashMap<i64, &String> = HashMap::new();
    for (key, video) in dir.keys("s.parquet").iter().zip(&videos) {
        if let Some(video) = video {
            assert_eq!(*of.entry(video).or_insert(&splits[key]), &splits[key]);
        }
    }
    let [train, validation, test] = count(&splits, "");
    assert!(train.abs_diff(42) <= 2 && validation.abs_diff(9) <= 2 && test.abs_diff(9) <= 2, "{train} {validation}");
    dir.pokedex("split numbers.parquet --group video -o n.parquet").ok();
    assert_eq!(crate::split::splits(&dir, "n.parquet"), splits);
    let said = dir.pokedex("split names.parquet --group film -o s.parquet").failed(1);
    assert!(said.contains("no column `film`") && said.contains("hint: "), "{said}");
}

#[test]
fn small_images_are_excluded_and_stay_so_and_no_file_is_touched() {
    let dir = Workdir::new();
    dir.pictures("in", 8);
    dir.write("in/small.png", png(&drawing(1, WHITE, (61, 29))));
    let said = dir.pokedex("split in --min-size 30 -v -o s.parquet").ok().stderr;
    assert!(said.contains("1 excluded"), "{said}");
    let check = |table: &str| {
        let keys = dir.keys(table);
        for ((key, excluded), split) in keys.iter().zip(dir.texts(table, "excluded")).zip(dir.texts(table, "split")) {
            let expected = (key == "small.png").then(|| "61 x 29 pixels, and 30 are the least".to_string());
            assert_eq!((split.is_none(), excluded), (expected.is_some(), expected), "{key}");
        }
    };
    check("s.parquet");
    assert_eq!(dir.files("in").len(), 9);
    dir.pokedex("split s.parquet --seed 4 -o again.parquet").ok();
    check("again.parquet");
    // Sizes in the table are believed; files need not be there.
    dir.pokedex("scan in -o m.parquet").ok();
    dir.shell("rm -r in").ok();
    dir.pokedex("split m.parquet --min-size 30 -o m2.parquet").ok();
    check("m2.parquet");
    assert!(dir.pokedex("split m.parquet --min-size 0 -o s.parquet").failed(2).contains("--min-size"));
}

#[test]
fn what_has_a_split_keeps_it_when_images_are_added() {
    let dir = Workdir::new();
    planted(&dir, "old", 0..40);
    dir.pokedex("split old --near-duplicates -o old.parquet").ok();
    let before = splits(&dir, "old.parquet");
    // As many new ones, and copies of old ones under other names.
    let pairs = planted(&dir, "new", 0..80);
    dir.shell("cd new && mkdir c && cp a/00*.png c").ok();
    dir.pokedex("split new --near-duplicates --keep=old.parquet --seed 9 -o new.parquet").ok();
    let after = splits(&dir, "new.parquet");
    assert!(before.iter().all(|(key, split)| after[key] == *split));
    pairs.iter().for_each(|(a, b)| assert_eq!(after[a], after[b]));
    (0..10).for_each(|n| assert_eq!(after[&format!("c/{n:03}.png")], before[&format!("a/{n:03}.png")]));
    let [train, validation, test] = count(&after, "");
    let rows = (train + validation + test) as f64;
    assert!((train as f64 / rows - 0.7).abs() < 0.05, "{train} {validation} {test}");

    // In place: with --keep nothing moves, without it the seed decides again.
    dir.pokedex("split new.parquet --keep --seed 3 -o kept.parquet").ok();
    assert_eq!(splits(&dir, "kept.parquet"), after);
    dir.pokedex("split new.parquet --seed 3 -o anew.parquet").ok();
    assert_ne!(splits(&dir, "anew.parquet"), after);

    // Divided without regard to copies: they stay apart, and are named.
    let said = dir.pokedex("split anew.parquet --keep --near-duplicates -o torn.parquet").ok().stderr;
    assert!(said.contains("splits on several sides, as ") && said.contains(" in train"), "{said}");
    assert_eq!(splits(&dir, "torn.parquet"), splits(&dir, "anew.parquet"));
}

#[test]
fn a_table_to_keep_must_have_splits_that_are_known() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("scan in -o m.parquet").ok();
    let said = dir.pokedex("split in --keep=m.parquet -o s.parquet").failed(1);
    assert!(said.contains("no column `split`") && said.contains("hint: "), "{said}");
    let said = dir.pokedex("split in --keep=in -o s.parquet").failed(1);
    assert!(said.contains("a folder"), "{said}");
    let scanned = dir.table("m.parquet");
    let columns = [
        ("key", scanned["key"].clone()),
        ("path", scanned["path"].clone()),
        ("split", Arc::new(StringArray::from(vec!["train", "holdout", "test"])) as arrow_array::ArrayRef),
    ];
    dir.foreign("dev.parquet", &RecordBatch::try_from_iter(columns).expect("columns of one length"));
    let said = dir.pokedex("split dev.parquet --keep -o s.parquet").failed(1);
    assert!(said.contains("`holdout` is none of train, validation, test") && said.contains("hint: "), "{said}");
    dir.pokedex("split dev.parquet -o s.parquet").ok();
}

#[test]
fn any_column_can_be_the_class() {
    let dir = Workdir::new();
    dir.pictures("in", 40);
    dir.pokedex("scan in -o m.parquet").ok();
    let scanned = dir.table("m.parquet");
    let kinds: StringArray = (0..40).map(|n| Some(if n < 20 { "cat" } else { "dog" })).collect();
    let columns = [("key", scanned["key"].clone()), ("path", scanned["path"].clone()), ("kind", Arc::new(kinds) as _)];
    dir.foreign("kinds.parquet", &RecordBatch::try_from_iter(columns).expect("columns of one length"));
    dir.pokedex("split kinds.parquet --by kind -o s.parquet").ok();
    let splits = splits(&dir, "s.parquet");
    let first = |from: usize| {
        let of = |name: &str| (from..from + 20).filter(|n| splits[&format!("{n:03}.png")] == name).count();
        [of("train"), of("validation"), of("test")]
    };
    assert_eq!((first(0), first(20)), ([14, 3, 3], [14, 3, 3]));
    assert!(dir.pokedex("split kinds.parquet --by species -o s.parquet").failed(1).contains("no column `species`"));
}

#[test]
fn rows_with_an_error_have_no_split() {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    dir.write("in/broken.png", "nothing");
    dir.pokedex("scan in -o m.parquet").failed(3);
    dir.pokedex("split m.parquet -o s.parquet").ok();
    let keys = dir.keys("s.parquet");
    let at = keys.iter().position(|k| k == "broken.png").expect("the row is kept");
    assert_eq!(dir.texts("s.parquet", "split")[at], None);
    let said = dir.pokedex("split in --near-duplicates -o s.parquet").failed(3);
    assert!(said.contains("broken.png: not an image"), "{said}");
    assert_eq!(dir.texts("s.parquet", "split")[at], None);
}

#[test]
fn the_footer_says_how_it_was_divided() {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    let said = |arguments: &str| {
        dir.pokedex(&format!("split in {arguments} -o s.parquet")).ok();
        let table = pokedex::table::Table::open(&dir.path("s.parquet")).expect("a table");
        table.provenance.get("split").expect("noted").to_string()
    };
    assert_eq!(said(""), "ratios=70/15/15 seed=0");
    assert_eq!(
        said("--by key --group path --near-duplicates --min-size 9 --keep"),
        "ratios=70/15/15 seed=0 by=key group=path hash_distance=23 min_size=9 keep=own"
    );
}

#[test]
fn wrong_ratios_and_missing_classes_are_explained() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    assert!(dir.pokedex("split in --ratios 70/30 -o s.parquet").failed(2).contains("TRAIN/VALIDATION/TEST"));
    let said = dir.pokedex("split in --by id -o s.parquet").failed(1);
    assert!(said.contains("no row has a value in column `id`") && said.contains("hint: "), "{said}");
}

/// The table with another column in the place of that of this name, or behind the others.
fn with_column(dir: &Workdir, table: &str, name: &str, column: ArrayRef) -> RecordBatch {
    let batch = dir.table(table);
    let schema = batch.schema();
    let own = schema.fields().iter().map(|f| f.name().as_str()).zip(batch.columns().iter().cloned());
    let columns: Vec<(&str, ArrayRef)> = own.filter(|(own, _)| *own != name).chain([(name, column)]).collect();
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

#[test]
fn a_missing_perceptual_hash_is_computed_row_by_row() {
    let dir = Workdir::new();
    planted(&dir, "in", 0..16);
    dir.write("in/flat.png", png(&RgbImage::from_pixel(9, 9, Rgb([7; 3])).into()));
    dir.pokedex("split in --near-duplicates -o a.parquet").ok();
    let whole = read_hashes(&dir.table("a.parquet"), "perceptual_hash").expect("hashes");
    let some: Vec<_> = whole.iter().enumerate().map(|(i, hash)| hash.filter(|_| i % 3 > 0)).collect();
    dir.foreign("some.parquet", &with_column(&dir, "a.parquet", "perceptual_hash", hashes(&some)));
    let said = dir.pokedex("split some.parquet --near-duplicates -v -o b.parquet").ok().stderr;
    assert!(said.contains("16 near copies in 8 groups"), "{said}");
    assert_eq!(read_hashes(&dir.table("b.parquet"), "perceptual_hash").expect("hashes"), whole);
    assert_eq!(splits(&dir, "b.parquet"), splits(&dir, "a.parquet"));
    // What is gone is said, and no row is lost for it.
    dir.shell("mv in elsewhere").ok();
    let said = dir.pokedex("split a.parquet --near-duplicates -o b.parquet").ok().stderr;
    assert!(said.contains("no perceptual hash"), "{said}");
    assert_eq!(splits(&dir, "b.parquet"), splits(&dir, "a.parquet"));
}

#[test]
fn augmented_copies_and_their_parents_are_always_of_train() {
    let dir = Workdir::new();
    for class in ["a", "b"] {
        (0..12).for_each(|n| dir.picture(&format!("in/{class}/{n:02}.png"), n + if class == "a" { 0 } else { 50 }));
    }
    dir.pokedex("split in -o s.parquet").ok();
    dir.pokedex("augment s.parquet --copies 2 -o t.parquet").ok();
    for arguments in ["", "--near-duplicates", "--ratios 20/40/40", "--keep", "--keep=s.parquet"] {
        for seed in 0..4 {
            dir.pokedex(&format!("split t.parquet --seed {seed} {arguments} -o again.parquet")).ok();
            let table = dir.table("again.parquet");
            let parents = read_hashes(&table, "parent_hash").expect("hashes");
            let contents = read_hashes(&table, "content_hash").expect("hashes");
            let own = dir.texts("again.parquet", "split");
            let is_parent = |i: usize| parents.contains(&contents[i]);
            let bound: Vec<usize> = (0..own.len()).filter(|&i| parents[i].is_some() || is_parent(i)).collect();
            assert_eq!(bound.len(), 3 * 16);
            assert!(bound.iter().all(|&i| own[i].as_deref() == Some("train")), "{arguments} {seed}");
            assert!(arguments == "--near-duplicates" || own.iter().any(|own| own.as_deref() == Some("test")));
        }
    }
}

#[test]
fn new_pictures_join_those_of_an_earlier_table_that_are_not_among_them() {
    let dir = Workdir::new();
    // Both have nothing but their own pictures; those of `new/b` are near copies of `old/a`.
    let pairs = planted(&dir, "both", 0..40);
    dir.shell("mkdir old new && cp -r both/a old && cp -r both/b new").ok();
    dir.pokedex("split old --near-duplicates --ratios 40/30/30 -o old.parquet").ok();
    let old = splits(&dir, "old.parquet");
    let run = dir.pokedex("split new --keep=old.parquet --near-duplicates -v -o new.parquet").ok();
    assert!(run.stderr.contains("20 near copies in 20 groups, of 2 at most"), "{}", run.stderr);
    let new = splits(&dir, "new.parquet");
    assert_eq!(new.len(), 20);
    pairs.iter().for_each(|(a, b)| assert_eq!(new[b], old[a], "{a} {b}"));
    assert!(count(&new, "")[1..].iter().all(|&own| own > 0), "{new:?}");

    // Without hashes it cannot be known, and that is said.
    dir.pokedex("split old --ratios 40/30/30 -o plain.parquet").ok();
    let said = dir.pokedex("split new --keep=plain.parquet --near-duplicates -o n.parquet").ok().stderr;
    assert!(said.contains("plain.parquet: has no column `perceptual_hash`"), "{said}");
    assert!(said.contains("hint: pokedex split plain.parquet --keep --near-duplicates"), "{said}");
    let said = dir.pokedex("split both --keep=plain.parquet --near-duplicates -o n.parquet").ok().stderr;
    assert!(!said.contains("perceptual_hash"), "{said}");
}

#[test]
fn quotas_and_groups_count_what_an_earlier_table_holds() {
    let dir = Workdir::new();
    (0..10).for_each(|n| dir.picture(&format!("old/x/{n:02}.png"), n));
    (0..10).for_each(|n| dir.picture(&format!("new/x/{n:02}.png"), 100 + n));
    let grouped = |folder: &str, name: &str, splits: Option<&str>| {
        dir.pokedex(&format!("scan {folder} -o m.parquet")).ok();
        let videos: StringArray = (0..10).map(|n| (n < 2).then_some("v")).collect();
        dir.foreign(name, &with_column(&dir, "m.parquet", "video", Arc::new(videos)));
        if let Some(split) = splits {
            let splits: StringArray = (0..10).map(|_| Some(split)).collect();
            dir.foreign(name, &with_column(&dir, name, "split", Arc::new(splits)));
        }
    };
    grouped("old", "old.parquet", Some("train"));
    grouped("new", "new.parquet", None);
    // Train has what it is to get of the class already.
    dir.pokedex("split new.parquet --keep=old.parquet --ratios 50/25/25 -o n.parquet").ok();
    assert_eq!(count(&splits(&dir, "n.parquet"), ""), [0, 5, 5]);
    let said = dir.pokedex("split new.parquet --keep=old.parquet --ratios 50/25/25 --group video -v -o n.parquet").ok();
    let new = splits(&dir, "n.parquet");
    assert_eq!((new["x/00.png"].as_str(), new["x/01.png"].as_str()), ("train", "train"));
    assert_eq!(count(&new, "")[0], 2);
    assert!(said.stderr.contains("1 groups by video"), "{}", said.stderr);
}

#[test]
fn what_is_missing_from_a_split_is_said() {
    let dir = Workdir::new();
    for class in ["a", "b", "c"] {
        (0..2).for_each(|n| dir.picture(&format!("in/{class}/{n}.png"), n + 10 * u32::from(class.as_bytes()[0])));
    }
    let said = dir.pokedex("split in -o s.parquet").ok().stderr;
    assert!(said.contains("no picture is in validation") && !said.contains("in test"), "{said}");
    let kept: StringArray = dir.keys("s.parquet").iter().map(|key| key.starts_with('b').then_some("test")).collect();
    dir.foreign("k.parquet", &with_column(&dir, "s.parquet", "split", Arc::new(kept)));
    let said = dir.pokedex("split k.parquet --keep -o t.parquet").ok().stderr;
    assert!(said.contains("1 class has no picture in train: b\n"), "{said}");
    let said = dir.pokedex("split k.parquet --keep --ratios 0/50/50 -o t.parquet").ok().stderr;
    assert!(!said.contains("in train"), "{said}");
}

#[test]
fn rows_without_an_id_beside_some_that_have_one_are_named_as_one_class() {
    let dir = Workdir::new();
    (0..3).for_each(|n| dir.picture(&format!("in/a/{n}.png"), n));
    (0..3).for_each(|n| dir.picture(&format!("in/b/{n}.png"), 10 + n));
    dir.pokedex("scan in -o m.parquet").ok();
    let ids: Int32Array = (0..6).map(|n| (n < 2).then_some(n)).collect();
    assert_eq!(ids.null_count(), 4);
    dir.foreign("i.parquet", &with_column(&dir, "m.parquet", "id", Arc::new(ids)));
    let said = dir.pokedex("split i.parquet -o s.parquet").ok().stderr;
    let expected = "4 rows have no value in column `id` and are one class; --by label divides by label";
    assert!(said.contains(expected), "{said}");
    assert!(!dir.pokedex("split i.parquet --by label -o s.parquet").ok().stderr.contains("no value"));
}
