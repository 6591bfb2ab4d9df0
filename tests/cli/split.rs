use std::collections::HashMap;

use crate::workdir::Workdir;

fn splits(dir: &Workdir, table: &str) -> HashMap<String, String> {
    let splits = dir.texts(table, "split").into_iter().map(|s| s.expect("every row has a split"));
    dir.keys(table).into_iter().zip(splits).collect()
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
        let count = |split: &str| {
            splits.iter().filter(|(key, s)| key.starts_with(&format!("class{class}")) && *s == split).count()
        };
        assert_eq!((count("train"), count("validation"), count("test")), (14, 3, 3));
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
fn rows_with_an_error_have_no_split() {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    dir.write("in/broken.png", "nothing");
    dir.pokedex("scan in -o m.parquet").failed(3);
    dir.pokedex("split m.parquet -o s.parquet").ok();
    let keys = dir.keys("s.parquet");
    let at = keys.iter().position(|k| k == "broken.png").expect("the row is kept");
    assert_eq!(dir.texts("s.parquet", "split")[at], None);
}

#[test]
fn wrong_ratios_and_missing_classes_are_explained() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    assert!(dir.pokedex("split in --ratios 70/30 -o s.parquet").failed(2).contains("TRAIN/VALIDATION/TEST"));
    let said = dir.pokedex("split in --by id -o s.parquet").failed(1);
    assert!(said.contains("no row has a value in column `id`") && said.contains("hint: "), "{said}");
}
