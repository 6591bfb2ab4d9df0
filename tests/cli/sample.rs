use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, Float32Array, RecordBatch, StringArray};

use crate::workdir::Workdir;

/// The rows that were chosen, in the order of the choice.
fn order(dir: &Workdir, table: &str) -> Vec<String> {
    let places = dir.table(table)["sample_order"].as_primitive::<UInt32Type>().clone();
    let mut rows: Vec<_> = places.iter().zip(dir.keys(table)).filter_map(|(place, key)| Some((place?, key))).collect();
    rows.sort();
    assert!(rows.iter().zip(1..).all(|((place, _), number)| *place == number), "{rows:?}");
    rows.into_iter().map(|(_, key)| key).collect()
}

#[test]
fn a_few_of_the_species_and_the_next_few() {
    let dir = Workdir::new();
    let run = dir.pokedex("sample pokedex: -n 12 -o few.parquet -v").ok();
    assert!(run.stderr.contains("sample: 12 of 1025 rows; all others are within a cosine of 0."), "{}", run.stderr);
    let few = order(&dir, "few.parquet");
    assert_eq!(few.len(), 12);
    // The same for any number of threads; fewer are the first of more.
    dir.pokedex("sample pokedex: -n 12 -j 3 -o again.parquet").ok();
    assert_eq!(dir.read("again.parquet"), dir.read("few.parquet"));
    dir.pokedex("sample pokedex: -n 5 -o five.parquet").ok();
    assert_eq!(order(&dir, "five.parquet"), few[..5]);
    // What was chosen before is not chosen again, and counts: whether the table has vectors, or only keys.
    dir.pokedex("sample pokedex: -n 7 --already five.parquet -o next.parquet").ok();
    assert_eq!(order(&dir, "next.parquet"), few[5..]);
    dir.write("five.csv", format!("key\n{}\n", few[..5].join("\n")));
    dir.pokedex("sample pokedex: -n 7 --already five.csv -o next.parquet").ok();
    let sorted = |keys: &[String]| keys.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(sorted(&order(&dir, "next.parquet")), sorted(&few[5..]));
    // All rows, those that are not chosen without an order.
    dir.pokedex("sample pokedex: -n 12 --all -o all.parquet").ok();
    assert_eq!((dir.keys("all.parquet").len(), order(&dir, "all.parquet")), (1025, few));
}

#[test]
fn classes_get_their_shares() {
    let dir = Workdir::new();
    let counts = |table: &str, column: &str| {
        let mut counts = HashMap::new();
        dir.texts(table, column).into_iter().for_each(|value| *counts.entry(value.expect("a class")).or_insert(0) += 1);
        counts
    };
    dir.pokedex("sample pokedex: -n 90 --by balanced,diverse --class type1 -o even.parquet").ok();
    let even = counts("even.parquet", "type1");
    assert!(even.len() == 18 && even.values().all(|&count| count == 5), "{even:?}");
    assert!(dir.texts("even.parquet", "sample_reason")[0].as_deref().is_some_and(|r| r.starts_with("balanced: of ")));
    dir.pokedex("sample pokedex: --prune 0.5 --by random --stratify type1 -o half.parquet").ok();
    dir.pokedex("sample pokedex: -n 1 --by random --all -o all.parquet").ok();
    let (all, half) = (counts("all.parquet", "type1"), counts("half.parquet", "type1"));
    assert_eq!(half.values().sum::<i32>(), 513);
    assert!(all.iter().all(|(class, count)| (half[class] - count / 2).abs() <= 1), "{half:?}");
    let said = dir.pokedex("sample pokedex: -n 9 --by balanced --stratify type1 -o x.parquet").failed(2);
    assert!(said.contains("want different shares"), "{said}");
}

#[test]
fn what_was_hardly_decided_comes_first() {
    let dir = Workdir::new();
    let column = |values: [Option<f32>; 5]| Arc::new(Float32Array::from(values.to_vec())) as ArrayRef;
    let keys = Arc::new(StringArray::from(vec!["sure", "hardly", "failed", "even", "half"])) as ArrayRef;
    let first = column([Some(0.99), Some(0.4), None, Some(0.5), Some(0.5)]);
    let second = column([Some(0.01), Some(0.39), None, Some(0.25), Some(0.42)]);
    let batch = RecordBatch::try_from_iter([("key", keys), ("score_1", first), ("score_2", second)]);
    dir.foreign("predictions.parquet", &batch.expect("equal lengths"));
    dir.pokedex("sample predictions.parquet -n 2 --by uncertain -o first.parquet").ok();
    assert_eq!(order(&dir, "first.parquet"), ["hardly", "half"]);
    let said = dir.pokedex("sample predictions.parquet -n 9 --by uncertain -o all.parquet").ok().stderr;
    assert!(said.contains("only 4 rows can be chosen, not 9"), "{said}");
    let said = dir.pokedex("sample pokedex: -n 3 --by uncertain -o x.parquet").failed(2);
    assert!(said.contains("no column `score_1`") && said.contains("pokedex classify"), "{said}");
    let said = dir.pokedex("sample pokedex: -n 3 --by unsure").failed(2);
    assert!(said.contains("expected diverse, typical, rare, uncertain, balanced or random"), "{said}");
    dir.pokedex("sample predictions.parquet -n 2 --by random -o first.parquet").ok();
    let said = dir.pokedex("sample first.parquet -n 1 --by random -o first.parquet").failed(2);
    assert!(said.contains("first.parquet"), "{said}");
}
