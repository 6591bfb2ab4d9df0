//! What teaching needs of copies: soft labels of mixtures, strengths for a curriculum, and that a killed run is taken up.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow_schema::{Field, Schema};
use pokedex::table::Images;
use pokedex::table::soft_labels::SoftLabels;

use super::{manifest, two_classes};
use crate::workdir::{Workdir, pixels};

/// What each row shows, by key; rows of one class are left out.
fn soft(dir: &Workdir, table: &str) -> BTreeMap<String, Vec<(String, f32)>> {
    let soft = SoftLabels::of(&dir.table(table)).expect("soft labels").expect("the column");
    let row = |row: usize| -> Option<Vec<(String, f32)>> {
        Some(soft.get(row)?.into_iter().map(|soft| (soft.label.expect("a label"), soft.weight)).collect())
    };
    dir.keys(table).into_iter().enumerate().filter_map(|(n, key)| Some((key, row(n)?))).collect()
}

#[test]
fn mixtures_of_pictures_with_a_class_say_how_much_they_show_of_each() {
    let dir = Workdir::new();
    two_classes(&dir);
    dir.write("mixup.toml", "[mixup]\nprobability = 1\nshare = [0.7, 0.7]\n");
    dir.pokedex("augment s.parquet --recipe mixup.toml --copies 3 -o t.parquet").ok();
    let shown = soft(&dir, "t.parquet");
    let (labels, drawn) = (dir.texts("t.parquet", "label"), dir.texts("t.parquet", "augmentation"));
    let copies: Vec<usize> = (0..labels.len()).filter(|&row| drawn[row].is_some()).collect();
    assert_eq!(shown.len(), copies.len(), "copies and no others");
    for (row, key) in dir.keys("t.parquet").into_iter().enumerate().filter(|(row, _)| drawn[*row].is_some()) {
        let own = labels[row].clone().expect("a class");
        let other = if own == "a" { "b" } else { "a" };
        let found = &shown[&key];
        match found.as_slice() {
            [(label, weight)] => assert!(*label == own && *weight == 1.0, "{found:?}"),
            [(first, more), (second, less)] => {
                assert!(*first == own && *second == other && (more - 0.7).abs() < 1e-6, "{found:?}");
                assert!((less - 0.3).abs() < 1e-6, "{found:?}");
            }
            _ => panic!("{found:?}"),
        }
    }
    assert!(shown.values().any(|found| found.len() == 2), "{shown:?}");
    dir.write("mosaic.toml", "[mosaic]\nprobability = 1\ncentre = [0.3, 0.7]\n");
    dir.pokedex("augment s.parquet --recipe mosaic.toml --copies 3 -o m.parquet").ok();
    for found in soft(&dir, "m.parquet").values() {
        assert!((found.iter().map(|(_, weight)| weight).sum::<f32>() - 1.0).abs() < 1e-5, "{found:?}");
    }
}

#[test]
fn a_linear_head_learns_from_soft_labels_and_others_leave_mixtures_out() {
    let dir = Workdir::new();
    two_classes(&dir);
    dir.write("r.toml", "[mixup]\nprobability = 1\nshare = [0.5, 0.9]\n");
    dir.pokedex("augment s.parquet --recipe r.toml --copies 4 --encode png -o t.parquet").ok();
    // Vectors that say little: embedding is not what is tested.
    let batch = dir.table("t.parquet");
    let vector = |row: usize| Some((0..4).map(move |n| Some(((row * 31 + n * 17) as f32 * 0.7).sin())));
    let vectors = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>((0..batch.num_rows()).map(vector), 4);
    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("embedding", vectors.data_type().clone(), true)));
    let columns = batch.columns().iter().cloned().chain([Arc::new(vectors) as ArrayRef]).collect();
    dir.foreign("e.parquet", &RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns"));
    dir.pokedex("train e.parquet --l2 0.01 -o soft.parquet").ok();
    dir.pokedex("export e.parquet --columns key,label,split,embedding -o hard_e.parquet").ok();
    dir.pokedex("train hard_e.parquet --l2 0.01 -o hard.parquet").ok();
    let bias = |head: &str| -> Float32Array {
        dir.table(head).column_by_name("bias").expect("the column").as_primitive::<Float32Type>().clone()
    };
    assert_ne!(bias("soft.parquet"), bias("hard.parquet"));
    dir.pokedex("train e.parquet --l2 0.01 -j 1 -o again.parquet").ok();
    assert_eq!(dir.read("soft.parquet"), dir.read("again.parquet"));
    let said = dir.pokedex("train e.parquet --method centroid -o c.parquet").ok().stderr;
    assert!(said.contains("of several classes left out: only a linear head learns from `soft_labels`"), "{said}");
}

#[test]
fn a_strength_of_nothing_copies_and_a_range_is_a_curriculum() {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    manifest(&dir, "in", "m.parquet", |_| "train", None);
    dir.pokedex("augment m.parquet --strength 0 --only-new --encode png -o none.parquet").ok();
    let table = dir.table("none.parquet");
    let images = Images::of(&table).expect("images");
    for row in 0..4 {
        let own = pixels(&dir.read(&format!("in/{row:03}.png")));
        assert_eq!(pixels(images.bytes(row).expect("bytes")), own);
    }
    let strengths = |table: &str| -> Vec<Option<f32>> {
        let table = dir.table(table);
        let column = table.column_by_name("augmentation_strength").expect("the column").as_primitive::<Float32Type>();
        (0..column.len()).map(|row| column.is_valid(row).then(|| column.value(row))).collect()
    };
    assert_eq!(strengths("none.parquet"), [Some(0.0); 4]);
    dir.pokedex("augment m.parquet --strength 0.2..1 --copies 5 -o t.parquet").ok();
    let found = strengths("t.parquet");
    assert_eq!(found.iter().filter(|strength| strength.is_none()).count(), 4, "originals have none");
    assert!(found.iter().flatten().all(|strength| (0.2..=1.0).contains(strength)), "{found:?}");
    // A copy does not follow from how many there are.
    dir.pokedex("augment m.parquet --strength 0.2..1 --copies 2 --only-new -o few.parquet").ok();
    let (keys, few) = (dir.keys("t.parquet"), dir.keys("few.parquet"));
    let of = |key: &String| found[keys.iter().position(|other| other == key).expect("it is there, too")];
    assert_eq!(few.iter().map(of).collect::<Vec<_>>(), strengths("few.parquet"));
    // The recipe as it is needs no column, and a second run keeps those that are there.
    dir.pokedex("augment t.parquet --copies 6 --only-new -o more.parquet").ok();
    assert!(strengths("more.parquet").iter().all(|strength| *strength == Some(1.0)));
    for wrong in ["2", "1..0.2", "a", "0.2.."] {
        let said = dir.pokedex(&format!("augment m.parquet --strength {wrong} -o x.parquet")).failed(2);
        assert!(said.contains("from 0 to 1"), "{said}");
    }
}

#[test]
fn a_killed_run_goes_on_and_takes_over_only_what_is_still_right() {
    let dir = Workdir::new();
    two_classes(&dir);
    dir.write(
        "r.toml",
        "[mixup]\nprobability = 0.5\nshare = [0.5, 0.9]\n[rotation]\nprobability = 1\ndegrees = [-40, 40]\n",
    );
    let command = "augment s.parquet --recipe r.toml --copies 6 --strength 0.3..1 -o out/";
    dir.pokedex(command).ok();
    let read = || -> BTreeMap<String, Vec<u8>> {
        dir.files("out").into_iter().map(|file| (file.clone(), dir.read(&format!("out/{file}")))).collect()
    };
    let whole = read();
    fs::remove_dir_all(dir.path("out")).expect("removable");
    // Ends in the middle as a kill does: manifest and journal as they were then.
    let cut = || {
        let arguments = format!("{command} -j 1");
        let program = env!("CARGO_BIN_EXE_pokedex");
        let mut child = dir.command(program).args(arguments.split_whitespace()).spawn().expect("the binary runs");
        let journal = dir.path("out/.pokedex.journal");
        let lines = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        while lines() < 9 && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        child.kill().ok();
        child.wait().expect("a child");
        assert!(journal.exists(), "it was killed before its end");
    };
    cut();
    let said = dir.pokedex(&format!("{command} -v")).ok().stderr;
    assert!(said.contains("took over") && said.contains("a run which was interrupted"), "{said}");
    assert!(read() == whole);
    // A copy that was changed since, and one whose picture has another class now, are made again.
    fs::remove_dir_all(dir.path("out")).expect("removable");
    cut();
    let first = dir.files("out").into_iter().find(|file| file.ends_with("_aug01.jpg")).expect("a copy");
    fs::remove_file(dir.path(&format!("out/{first}"))).expect("removable");
    dir.pokedex(command).ok();
    assert!(read() == whole);
    fs::remove_dir_all(dir.path("out")).expect("removable");
    cut();
    dir.pokedex("export s.parquet --columns key,path,label,split,content_hash -o other.parquet").ok();
    dir.pokedex(&command.replace("s.parquet", "other.parquet")).ok();
    let resumed = read();
    fs::remove_dir_all(dir.path("out")).expect("removable");
    dir.pokedex(&command.replace("s.parquet", "other.parquet")).ok();
    assert!(read() == resumed);
}
