use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};

use crate::workdir::Workdir;

const CLASSES: [&str; 3] = ["cat", "dog", "fox"];

/// 40 rows a class, around a middle each; every twentieth has the label of another class. The keys of those.
fn planted(dir: &Workdir) -> BTreeSet<String> {
    let number = |i: usize| ((i as u32 + 1).wrapping_mul(0x9e37_79b1) ^ 0x5bd1_e995).wrapping_mul(0x85eb_ca6b) >> 8;
    let noise = |i: usize| number(i) as f32 / (1 << 24) as f32 - 0.5;
    let (mut keys, mut labels, mut numbers, mut wrong) = (vec![], vec![], vec![], BTreeSet::new());
    for row in 0..120 {
        let class = row % 3;
        let is_wrong = row % 20 == 7;
        keys.push(format!("{row:03}.png"));
        labels.push(CLASSES[(class + usize::from(is_wrong)) % 3]);
        numbers.extend((0..4).map(|d| f32::from(u8::from(d == class)) + 0.5 * noise(row * 4 + d)));
        if is_wrong {
            wrong.insert(format!("{row:03}.png"));
        }
    }
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let vectors = FixedSizeListArray::new(item, 4, Arc::new(Float32Array::from(numbers)), None);
    let columns: [(&str, ArrayRef); 3] = [
        ("key", Arc::new(StringArray::from(keys))),
        ("label", Arc::new(StringArray::from(labels))),
        ("embedding", Arc::new(vectors)),
    ];
    dir.foreign("embeddings.parquet", &RecordBatch::try_from_iter(columns).expect("equal lengths"));
    wrong
}

#[test]
fn labels_that_others_would_not_give_are_named_worst_first() {
    let dir = Workdir::new();
    let wrong = planted(&dir);
    let run = dir.pokedex("train embeddings.parquet --cross-predict 4 -o predictions.parquet -v").ok();
    assert!(run.stderr.contains("120 rows judged by 4 heads"), "{}", run.stderr);
    dir.pokedex("train embeddings.parquet --cross-predict 4 -j 3 -o again.parquet").ok();
    assert_eq!(dir.read("again.parquet"), dir.read("predictions.parquet"));

    let table = dir.table("predictions.parquet");
    let probabilities = table["probabilities"].as_fixed_size_list();
    let own = table["label_score"].as_primitive::<Float32Type>();
    let labels = dir.texts("predictions.parquet", "label");
    for (row, label) in labels.iter().enumerate() {
        let all = probabilities.value(row);
        let all = all.as_primitive::<Float32Type>().values().to_vec();
        assert!((all.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        let class = CLASSES.iter().position(|class| Some(*class) == label.as_deref()).expect("a class");
        assert_eq!(all[class], own.value(row));
    }

    let report = dir.pokedex("check embeddings.parquet --labels predictions.parquet --no-pictures --format jsonl").ok();
    let findings: Vec<serde_json::Value> =
        report.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let doubtful = findings.iter().filter(|finding| finding["rule"] == "doubtful-label");
    let keys: Vec<&str> = doubtful.map(|finding| finding["key"].as_str().expect("a key")).collect();
    let first: BTreeSet<String> = keys.iter().take(wrong.len()).map(|key| key.to_string()).collect();
    assert_eq!(first, wrong, "{keys:?}");
    let text = dir.pokedex("check embeddings.parquet --labels predictions.parquet --no-pictures --limit 1").ok().text();
    assert!(text.contains("its label has a probability of 0.0"), "{text}");
}

#[test]
fn what_says_nothing_of_labels_is_refused() {
    let dir = Workdir::new();
    planted(&dir);
    let said = dir.pokedex("check embeddings.parquet --labels embeddings.parquet --no-pictures").failed(2);
    assert!(said.contains("--cross-predict 5"), "{said}");
    let said = dir.pokedex("train embeddings.parquet --cross-predict 1 -o x.parquet").failed(2);
    assert!(said.contains("--cross-predict"), "{said}");
    let said = dir.pokedex("train embeddings.parquet --by prediction --cross-predict 3 -o x.parquet").failed(2);
    assert!(said.contains("does not go together with --by prediction"), "{said}");
}
