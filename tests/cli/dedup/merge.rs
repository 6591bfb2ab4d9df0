//! What a kept row is given of its copies' metadata.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray};
use image::imageops::{FilterType, resize};

use super::{SIZE, jpeg, photo};
use crate::workdir::{Workdir, png};

fn words(rows: &[Option<&[&str]>]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in rows {
        row.iter().for_each(|words| words.iter().for_each(|word| lists.values().append_value(word)));
        lists.append(row.is_some());
    }
    Arc::new(lists.finish())
}

#[test]
fn kept_rows_are_given_what_they_lack_and_nothing_is_replaced() {
    let dir = Workdir::new();
    let picture = photo(120, SIZE);
    dir.write("big.png", png(&picture.clone().into()));
    dir.write("middle.jpg", jpeg(&resize(&picture, 160, 120, FilterType::Lanczos3)));
    dir.write("other.jpg", jpeg(&photo(121, SIZE)));
    dir.write("small.jpg", jpeg(&resize(&picture, 100, 75, FilterType::Lanczos3)));
    let texts = |values: [Option<&str>; 4]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let floats = |values: [Option<f64>; 4]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("path", texts([Some("big.png"), Some("middle.jpg"), Some("other.jpg"), Some("small.jpg")])),
        ("lat", floats([None, Some(1.0), None, Some(2.0)])),
        ("lon", floats([None, None, None, Some(3.0)])),
        ("caption", texts([None, None, None, Some("of the small one")])),
        ("note", texts([Some("mine"), Some("theirs"), None, None])),
        ("keywords", words(&[Some(&["a", "b"]), Some(&["c", "b"]), None, Some(&["d"])])),
        ("tags", words(&[None, Some(&["x"]), Some(&["y"]), None])),
        ("sharpness", Arc::new(Float32Array::from(vec![None, Some(0.5), None, Some(0.5)]))),
    ];
    dir.foreign("in.parquet", &RecordBatch::try_from_iter(columns).expect("columns of one length"));
    let run = dir.pokedex("dedup in.parquet -v --merge --all -o out.parquet").ok();
    assert!(run.stderr.contains("merge: 4 cells of 1 row filled from copies"), "{}", run.stderr);
    let table = dir.table("out.parquet");
    let float = |name: &str| table[name].as_primitive::<Float64Type>().iter().collect::<Vec<_>>();
    // A place is that of one picture, though another knew more of it.
    assert_eq!(float("lat"), [Some(1.0), Some(1.0), None, Some(2.0)]);
    assert_eq!(float("lon"), [None, None, None, Some(3.0)]);
    let text = |name: &str| dir.texts("out.parquet", name);
    assert_eq!(text("caption")[0].as_deref(), Some("of the small one"));
    assert_eq!(text("caption")[1], None);
    assert_eq!(text("note")[0].as_deref(), Some("mine"));
    let list = |name: &str, row: usize| {
        let list = table[name].as_list::<i32>();
        let words = list.is_valid(row).then(|| list.value(row));
        words.map(|words| words.as_string::<i32>().iter().flatten().map(String::from).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(list("keywords", 0).as_deref(), Some("a b c d"));
    assert_eq!((list("keywords", 1).as_deref(), list("keywords", 2)), (Some("c b"), None));
    assert_eq!((list("tags", 0).as_deref(), list("tags", 3)), (Some("x"), None));
    assert!(table["sharpness"].is_null(0), "what was measured of another picture says nothing of this one");
    // Nothing is left to be given.
    let run = dir.pokedex("dedup out.parquet -v --merge --all -o again.parquet").ok();
    assert!(run.stderr.contains("merge: 0 cells"), "{}", run.stderr);
    assert!(dir.pokedex("dedup in.parquet --merge").failed(2).contains("hint: --merge -o"));
}
