use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, ListBuilder};
use arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray};

use crate::workdir::Workdir;

/// One row: key, label, split, vector.
pub type Row<'a> = (String, Option<&'a str>, Option<&'a str>, Vec<f32>);

/// A table of vectors of a model called `m`.
pub fn embeddings(rows: &[Row], column: &str) -> RecordBatch {
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.0)));
    let labels: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>());
    let mut vectors = FixedSizeListBuilder::new(Float32Builder::new(), rows[0].3.len() as i32);
    for row in rows {
        vectors.values().append_slice(&row.3);
        vectors.append(true);
    }
    let vectors: ArrayRef = Arc::new(vectors.finish());
    let models: ArrayRef = Arc::new(StringArray::from(vec!["m@0123456789abcdef"; rows.len()]));
    let model_column = format!("{column}_model");
    let mut columns = vec![("key", keys), ("label", labels), (column, vectors), (model_column.as_str(), models)];
    if rows.iter().any(|row| row.2.is_some()) {
        let splits: ArrayRef = Arc::new(rows.iter().map(|row| row.2).collect::<StringArray>());
        columns.push(("split", splits));
    }
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .expect("columns of one length")
}

/// A number in [-1, 1] that looks like chance and is the same everywhere.
pub fn noise(seed: usize) -> f32 {
    let mut x = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// Clouds around corners of a cube in eight dimensions, `each` rows a class, divided 6 : 2 : 2.
pub fn clouds<'a>(labels: &[&'a str], each: usize, spread: f32) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for (class, label) in labels.iter().enumerate() {
        for n in 0..each {
            let corner = |bit: usize| if class >> bit & 1 == 1 { 1.0 } else { -1.0 };
            let vector = (0..8).map(|i| corner(i % 3) + spread * noise(class * 100_000 + n * 8 + i)).collect();
            let split = ["train", "train", "validation", "train", "test"][n % 5];
            rows.push((format!("{label}/{n:03}"), Some(*label), Some(split), vector));
        }
    }
    rows
}

const FOUR: [&str; 4] = ["ant", "bee", "cat", "dog"];

#[test]
fn every_method_tells_classes_apart() {
    let dir = Workdir::new();
    dir.foreign("e.parquet", &embeddings(&clouds(&FOUR, 50, 1.2), "embedding"));
    for method in ["linear", "centroid", "knn"] {
        dir.pokedex(&format!("train e.parquet --method {method} -o h.parquet")).ok();
        let info = dir.pokedex("model info h.parquet").ok().text();
        assert!(info.contains("classes     4, by label") && info.contains("train rows  120"), "{info}");
        dir.pokedex("classify e.parquet --head h.parquet -o p.parquet").ok();
        let run = dir.pokedex("evaluate p.parquet --split test --format tsv --bootstrap 0").ok().text();
        let top1: f64 =
            run.lines().find_map(|l| l.strip_prefix("top1\t")).expect("there").trim().parse().expect("a number");
        assert!(top1 > 0.95, "{method}: {top1}");
    }
}

#[test]
fn the_same_bytes_come_out_on_any_number_of_threads() {
    let dir = Workdir::new();
    dir.foreign("e.parquet", &embeddings(&clouds(&FOUR, 700, 2.0), "embedding"));
    for method in ["linear", "centroid", "knn"] {
        for jobs in [1, 2, 5] {
            dir.pokedex(&format!("train e.parquet --method {method} -j {jobs} -o {jobs}.parquet")).ok();
            dir.pokedex(&format!("classify e.parquet --head {jobs}.parquet -j {jobs} -o p{jobs}.parquet")).ok();
        }
        assert!(dir.read("1.parquet") == dir.read("2.parquet") && dir.read("1.parquet") == dir.read("5.parquet"));
        assert!(dir.read("p1.parquet") == dir.read("p2.parquet") && dir.read("p1.parquet") == dir.read("p5.parquet"));
    }
}

#[test]
fn rows_of_the_test_teach_nothing() {
    let dir = Workdir::new();
    let mut rows = clouds(&FOUR, 30, 1.0);
    dir.foreign("a.parquet", &embeddings(&rows, "embedding"));
    for row in rows.iter_mut().filter(|row| row.2 == Some("test")) {
        row.3.iter_mut().for_each(|x| *x = 100.0 - *x);
        row.1 = Some("ant");
    }
    dir.foreign("b.parquet", &embeddings(&rows, "embedding"));
    dir.pokedex("train a.parquet -o a.head").ok();
    dir.pokedex("train b.parquet -o b.head").ok();
    assert_eq!(dir.read("a.head"), dir.read("b.head"));

    rows.retain(|row| row.2 == Some("test"));
    dir.foreign("c.parquet", &embeddings(&rows, "embedding"));
    let said = dir.pokedex("train c.parquet -o c.head").failed(1);
    assert!(said.contains("no row of the split `train`: a head does not learn from the test"), "{said}");
    assert!(!dir.path("c.head").exists());
}

#[test]
fn a_table_without_splits_gets_a_validation_and_a_note_says_so() {
    let dir = Workdir::new();
    let mut rows = clouds(&FOUR, 40, 1.0);
    rows.iter_mut().for_each(|row| row.2 = None);
    dir.foreign("e.parquet", &embeddings(&rows, "embedding"));
    let said = dir.pokedex("train e.parquet -o h.parquet").ok().stderr;
    assert!(
        said.contains("e.parquet: has no validation rows; learns from 136 rows and sets 24 aside to choose by"),
        "{said}"
    );
    rows.reverse();
    dir.foreign("r.parquet", &embeddings(&rows, "embedding"));
    let said = dir.pokedex("train r.parquet --seed 1 -o other.parquet").ok().stderr;
    assert!(said.contains("learns from 136 rows"), "{said}");
    assert_ne!(dir.read("h.parquet"), dir.read("other.parquet"));

    // Splits without a validation are treated alike, and one can do without.
    let mut rows = clouds(&FOUR, 40, 1.0);
    rows.retain(|row| row.2 != Some("validation"));
    dir.foreign("t.parquet", &embeddings(&rows, "embedding"));
    let said = dir.pokedex("train t.parquet -o h.parquet").ok().stderr;
    assert!(said.contains("learns from 80 rows and sets 16 aside"), "{said}");
    let said = dir.pokedex("train t.parquet --validation 0 --l2 0.01 -o h.parquet").ok().stderr;
    assert!(said.contains("no rows to choose by: scores are not calibrated"), "{said}");
    assert!(dir.pokedex("train t.parquet --validation 0 -o h.parquet").failed(2).contains("nothing to choose by"));
}

#[test]
fn predictions_that_are_believed_are_classes_to_learn_from() {
    let dir = Workdir::new();
    dir.foreign("e.parquet", &embeddings(&clouds(&FOUR, 60, 1.2), "embedding"));
    dir.pokedex("train e.parquet --method centroid -o first.parquet").ok();
    dir.pokedex("classify e.parquet --head first.parquet --min-score 0.9 -o p.parquet").ok();
    let rejected = dir.table("p.parquet");
    let rejected = arrow_array::cast::AsArray::as_boolean(rejected["rejected"].as_ref());
    assert!(rejected.true_count() > 0 && rejected.true_count() < 120, "{}", rejected.true_count());
    let said = dir.pokedex("train p.parquet --by prediction -o second.parquet").ok().stderr;
    let splits = dir.texts("p.parquet", "split");
    let doubtful = (0..splits.len()).filter(|&i| rejected.value(i) && splits[i].as_deref() != Some("test")).count();
    assert!(said.contains(&format!("{doubtful} rows without a class left out")), "{said}");
    let info = dir.pokedex("model info second.parquet").ok().text();
    assert!(info.contains("by prediction_1"), "{info}");
}

#[test]
fn classes_that_are_only_judged_are_named_and_divided_classes_are_refused() {
    let dir = Workdir::new();
    let mut rows = clouds(&FOUR, 30, 1.0);
    rows.retain(|row| row.1 != Some("dog") || row.2 != Some("train"));
    dir.foreign("e.parquet", &embeddings(&rows, "embedding"));
    let said = dir.pokedex("train e.parquet -o h.parquet").ok().stderr;
    assert!(said.contains("12 rows of validation and test have 1 classes that no row of train has: dog"), "{said}");

    // The classes divided instead of the images: nothing that is judged was ever learnt.
    let mut rows = clouds(&FOUR, 30, 1.0);
    for row in &mut rows {
        let side = if ["ant", "bee"].contains(&row.1.expect("labelled")) { "train" } else { "validation" };
        row.2 = Some(side);
    }
    dir.foreign("d.parquet", &embeddings(&rows, "embedding"));
    let said = dir.pokedex("train d.parquet -o d.head").failed(1);
    assert!(said.contains("none has one that can be learnt") && said.contains("were the classes divided"), "{said}");
    assert!(!dir.path("d.head").exists());
}

#[test]
fn features_of_two_models_are_joined_by_key_and_read_as_one() {
    let dir = Workdir::new();
    // The first three numbers tell four classes in two pairs, the other table's tell which of a pair it is.
    let rows = clouds(&FOUR, 40, 0.5);
    let part = |rows: &[Row<'static>], bit: usize| -> Vec<Row<'static>> {
        rows.iter().map(|(k, l, s, v)| (k.clone(), *l, *s, vec![v[bit], 1.0])).collect()
    };
    dir.foreign("one.parquet", &embeddings(&part(&rows, 0), "embedding"));
    let mut other = part(&rows, 1);
    other.reverse();
    dir.foreign("two.parquet", &embeddings(&other, "yolo"));
    let top1 = |dir: &Workdir, arguments: &str| -> f64 {
        dir.pokedex(&format!("train {arguments} -o h.parquet")).ok();
        let info = dir.pokedex("model info h.parquet").ok().text();
        let share = info.lines().find_map(|line| line.strip_prefix("validation top1 ")).expect("a share");
        share.parse().expect("a number")
    };
    assert!(top1(&dir, "one.parquet") < 0.6);
    assert!(top1(&dir, "one.parquet --with two.parquet --vector-column embedding,yolo") > 0.99);
    let info = dir.pokedex("model info h.parquet").ok().text();
    assert!(info.contains("reads       yolo: 2 numbers by m@0123456789abcdef"), "{info}");
    let said =
        dir.pokedex("train one.parquet --with two.parquet --vector-column embedding,nothing -o x.parquet").failed(1);
    assert!(said.contains("has none of the columns that --vector-column still needs"), "{said}");
    let said = dir.pokedex("train one.parquet --vector-column embedding,yolo -o x.parquet").failed(1);
    assert!(said.contains("has no column `yolo`"), "{said}");
}

#[test]
fn thresholds_do_what_they_say() {
    let dir = Workdir::new();
    dir.foreign("e.parquet", &embeddings(&clouds(&FOUR, 400, 3.0), "embedding"));
    let figures = |options: &str| -> (f64, f64) {
        dir.pokedex(&format!("train e.parquet {options} -o h.parquet")).ok();
        dir.pokedex("classify e.parquet --head h.parquet -o p.parquet").ok();
        let text = dir.pokedex("evaluate p.parquet --split validation --format json --bootstrap 0").ok().text();
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        (json["coverage"].as_f64().expect("there"), json["accepted_accuracy"].as_f64().expect("there"))
    };
    let (coverage, plain) = figures("");
    assert_eq!(coverage, 1.0);
    assert!((0.5..0.95).contains(&plain), "the task is neither easy nor hopeless: {plain}");
    let (coverage, _) = figures("--coverage 0.8");
    assert!((coverage - 0.8).abs() < 0.01, "{coverage}");
    let (coverage, accuracy) = figures("--accuracy 0.97");
    assert!(accuracy >= 0.97 && coverage > 0.1 && coverage < 1.0, "{accuracy} {coverage}");
}

#[test]
fn rows_without_a_class_teach_doubt() {
    let dir = Workdir::new();
    let mut rows = clouds(&FOUR, 60, 0.6);
    for n in 0..100 {
        let vector = (0..8).map(|i| 0.15 * noise(7_000_000 + n * 8 + i)).collect();
        rows.push((format!("none/{n:03}"), None, Some(["validation", "test"][n % 2]), vector));
    }
    dir.foreign("e.parquet", &embeddings(&rows, "embedding"));
    dir.pokedex("train e.parquet -o h.parquet").ok();
    dir.pokedex("classify e.parquet --head h.parquet -o p.parquet").ok();
    let text = dir.pokedex("evaluate p.parquet --split test --format json --bootstrap 0").ok().text();
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["strangers"], 50);
    assert!(json["strangers_accepted"].as_f64().expect("there") <= 0.15, "{json}");
    assert!(json["coverage"].as_f64().expect("there") > 0.85, "{json}");
}

#[test]
fn ids_can_be_classes_and_stand_in_their_order() {
    let dir = Workdir::new();
    let rows = clouds(&FOUR, 20, 0.5);
    let batch = embeddings(&rows, "embedding");
    let ids: ArrayRef = Arc::new(Int32Array::from_iter((0..rows.len()).map(|i| Some([10, 9, 100, 2][i / 20]))));
    let mut columns: Vec<(String, ArrayRef)> =
        batch.schema().fields().iter().zip(batch.columns()).map(|(f, c)| (f.name().clone(), c.clone())).collect();
    columns.push(("id".into(), ids));
    dir.foreign("e.parquet", &RecordBatch::try_from_iter(columns).expect("columns of one length"));
    dir.pokedex("train e.parquet --by id -o h.parquet").ok();
    let labels: Vec<String> = dir.texts("h.parquet", "label").into_iter().flatten().collect();
    assert_eq!(labels, ["2", "9", "10", "100"]);
    dir.pokedex("classify e.parquet --head h.parquet -o p.parquet").ok();
    let top1 = dir.pokedex("evaluate p.parquet --truth id --bootstrap 0 --format tsv").ok().text();
    assert!(top1.contains("top1\t1\t"), "{top1}");
}

#[test]
fn a_run_is_logged_and_a_head_explained() {
    let dir = Workdir::new();
    dir.foreign("e.parquet", &embeddings(&clouds(&FOUR, 30, 1.0), "embedding"));
    dir.pokedex("train e.parquet --log runs.parquet -o h.parquet").ok();
    dir.pokedex("train e.parquet --method knn --log runs.parquet -o k.parquet").ok();
    let runs = dir.table("runs.parquet");
    assert_eq!(runs.num_rows(), 2);
    let curves = runs.column_by_name("curve").expect("there");
    assert!(curves.is_valid(0) && curves.is_null(1));
    let info = dir.pokedex("model info h.parquet").ok().text();
    assert!(info.starts_with("head        linear@") && info.contains("classes     4, by label"), "{info}");
    let info = dir.pokedex("model info k.parquet").ok().text();
    assert!(info.contains("neighbours  "), "{info}");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_hint() {
    let dir = Workdir::new();
    let mut rows = clouds(&FOUR, 20, 1.0);
    dir.foreign("e.parquet", &embeddings(&rows, "embedding"));
    let said = dir.pokedex("train e.parquet --method knn --l2 1 -o h.parquet").failed(2);
    assert!(said.contains("--l2 has no meaning for a knn head"), "{said}");
    dir.pokedex("train e.parquet --coverage 1.5 -o h.parquet").failed(2);
    dir.pokedex("train e.parquet --vector-column embedding,embedding -o h.parquet").failed(2);
    // Lists of no numbers are no vectors.
    let mut lists = ListBuilder::new(Float32Builder::new());
    (0..4).for_each(|_| lists.append(true));
    let lists: ArrayRef = Arc::new(lists.finish());
    let labels: ArrayRef = Arc::new(StringArray::from(FOUR.to_vec()));
    let empty = RecordBatch::try_from_iter([("key", labels.clone()), ("label", labels), ("embedding", lists)]);
    dir.foreign("empty.parquet", &empty.expect("three columns"));
    let said = dir.pokedex("train empty.parquet -o h.parquet").failed(1);
    assert!(said.contains("empty.parquet: no row has a vector in every column"), "{said}");
    dir.pictures("pics", 2);
    let said = dir.pokedex("train pics -o h.parquet").failed(1);
    assert!(said.contains("hint: pokedex embed pics -o embeddings.parquet"), "{said}");

    rows[3].3[2] = f32::NAN;
    dir.foreign("nan.parquet", &embeddings(&rows, "embedding"));
    let said = dir.pokedex("train nan.parquet -o h.parquet").failed(1);
    assert!(said.contains("row ant/003") && said.contains("not finite"), "{said}");
    rows[3].3[2] = 1e38;
    rows[4].3[2] = -1e38;
    dir.foreign("huge.parquet", &embeddings(&rows, "embedding"));
    let said = dir.pokedex("train huge.parquet --no-scale -o h.parquet").failed(1);
    assert!(said.contains("training diverged") && said.contains("hint: "), "{said}");

    let mut one = clouds(&["ant"], 20, 1.0);
    dir.foreign("one.parquet", &embeddings(&one, "embedding"));
    assert!(dir.pokedex("train one.parquet -o h.parquet").failed(1).contains("all rows of train are ant"));
    one.iter_mut().for_each(|row| row.1 = None);
    dir.foreign("none.parquet", &embeddings(&one, "embedding"));
    assert!(dir.pokedex("train none.parquet -o h.parquet").failed(1).contains("no row to learn from has a class"));
    one[0].2 = Some("holdout");
    dir.foreign("odd.parquet", &embeddings(&one, "embedding"));
    assert!(dir.pokedex("train odd.parquet -o h.parquet").failed(1).contains("split `holdout`"));
    assert!(!dir.path("h.parquet").exists());
}
