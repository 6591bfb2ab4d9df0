use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray};

use crate::workdir::Workdir;

/// A table as pandas writes it: a list of floats, perhaps a key.
fn foreign(rows: &[(&str, &[f32])]) -> RecordBatch {
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|(key, _)| key)));
    let mut lists = ListBuilder::new(Float32Builder::new());
    for (_, vector) in rows {
        lists.values().append_slice(vector);
        lists.append(true);
    }
    let lists: ArrayRef = Arc::new(lists.finish());
    RecordBatch::try_from_iter([("key", keys), ("embedding", lists)]).expect("two columns")
}

#[test]
fn an_index_is_sorted_normalised_and_keeps_what_is_asked_for() {
    let dir = Workdir::new();
    dir.foreign("f.parquet", &foreign(&[("b", &[3.0, 4.0]), ("c", &[0.0, 2.0]), ("a", &[1.0, 0.0])]));
    dir.pokedex("index f.parquet --model unknown -o i.parquet").ok();
    assert_eq!(dir.keys("i.parquet"), ["a", "b", "c"]);
    let table = dir.table("i.parquet");
    let values = table["embedding"].as_fixed_size_list().values().as_primitive::<Float32Type>().values().to_vec();
    assert_eq!(values, [1.0, 0.0, 0.6, 0.8, 0.0, 1.0]);

    dir.pictures("in", 3);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.pokedex("index e.parquet --columns content_hash -o kept.parquet").ok();
    assert!(dir.table("kept.parquet").column_by_name("content_hash").is_some());
    dir.pokedex("index e.parquet -o bare.parquet").ok();
    assert!(dir.table("bare.parquet").column_by_name("content_hash").is_none());
    let said = dir.pokedex("index e.parquet --columns colour -o x.parquet").failed(1);
    assert!(said.contains("has no column `colour`"), "{said}");
}

#[test]
fn the_order_of_the_rows_does_not_show_in_the_index() {
    let dir = Workdir::new();
    dir.pictures("in", 40);
    for order in ["sort", "sort -r"] {
        let name = order.replace([' ', '-'], "");
        dir.shell(&format!("find in -name '*.png' | {order} | pokedex embed - | pokedex index - -o {name}.parquet"))
            .ok();
    }
    assert_eq!(dir.read("sort.parquet"), dir.read("sortr.parquet"));
}

#[test]
fn rows_without_a_vector_are_left_out_and_said_so() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.write("in/broken.png", "nothing");
    dir.pokedex("embed in -o e.parquet").failed(3);
    let run = dir.pokedex("index e.parquet -o i.parquet").ok();
    assert!(run.stderr.contains("1 row without a vector was left out"), "{}", run.stderr);
    assert_eq!(dir.keys("i.parquet"), ["000.png", "001.png"]);
}

#[test]
fn unsound_vectors_are_left_out_and_named_whatever_the_kind() {
    let dir = Workdir::new();
    for (vector, problem) in [
        (&[f32::NAN, 1.0][..], "the vector of bad holds a number that is not finite"),
        (&[f32::INFINITY, 1.0], "the vector of bad holds a number that is not finite"),
        (&[0.0, 0.0], "the vector of bad is zero"),
    ] {
        dir.foreign("f.parquet", &foreign(&[("bad", vector), ("good", &[1.0, 0.0]), ("other", &[0.0, 1.0])]));
        let run = dir.pokedex("query key:good --index f.parquet").ok();
        assert!(run.stderr.contains(&format!("f.parquet: 1 row was left out: {problem}")), "{}", run.stderr);
        for kind in ["table", "exact", "annoy", "graph"] {
            let made = dir.pokedex(&format!("index f.parquet --model unknown --kind {kind} -o i.parquet")).ok();
            assert!(made.stderr.contains(&format!("f.parquet: 1 row was left out: {problem}")), "{}", made.stderr);
            assert_eq!(dir.keys("i.parquet"), ["good", "other"]);
            assert_eq!(dir.pokedex("query key:good --index i.parquet").ok().text(), run.text(), "{kind}");
        }
    }
    dir.foreign("f.parquet", &foreign(&[("a", &[0.0, 0.0]), ("b", &[f32::NAN, 0.0])]));
    let said = dir.pokedex("index f.parquet --model unknown -o none.parquet").failed(1);
    assert!(said.contains("2 rows were left out: the vector of the first, a, is zero"), "{said}");
    assert!(said.contains("no row has a vector") && !dir.path("none.parquet").exists(), "{said}");
    dir.foreign("f.parquet", &foreign(&[("good", &[1.0, 0.0]), ("bad", &[1.0, 2.0, 3.0])]));
    let said = dir.pokedex("index f.parquet --model unknown -o none.parquet").failed(1);
    assert!(said.contains("vectors of 2 and of 3 numbers in one table") && said.contains("hint: "), "{said}");
    assert!(!dir.path("none.parquet").exists());
    dir.foreign("f.parquet", &foreign(&[("same", &[1.0, 0.0]), ("same", &[0.0, 1.0])]));
    let said = dir.pokedex("index f.parquet --model unknown -o i.parquet").failed(1);
    assert!(said.contains("two rows have the key same"), "{said}");
}

#[test]
fn a_table_that_does_not_name_its_model_needs_one() {
    let dir = Workdir::new();
    dir.foreign("f.parquet", &foreign(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0])]));
    let said = dir.pokedex("index f.parquet -o i.parquet").failed(1);
    assert!(said.contains("does not say which model made its vectors") && said.contains("--model NAME"), "{said}");
    let said = dir.pokedex("index f.parquet --model pokedex-mini -o i.parquet").failed(1);
    assert!(said.contains("its vectors have 2 numbers, those of pokedex-mini@"), "{said}");
    dir.pokedex("index f.parquet --model unknown -o i.parquet").ok();
    let said = dir.pokedex("query red --index i.parquet").failed(1);
    assert!(said.contains("does not say which model"), "{said}");
    let text = dir.pokedex("query key:a --index i.parquet").ok().text();
    assert_eq!(text, "rank\tscore\tid\tlabel\tkey\n1\t0.0000\t\t\tb\n");
}

#[test]
fn two_models_are_never_mixed() {
    let dir = Workdir::new();
    dir.pictures("x", 2);
    dir.pictures("y", 2);
    dir.other_model("other");
    dir.shell("find x | grep png | pokedex embed - -o a.parquet; find y | grep png | pokedex embed - --model ./other -o b.parquet").ok();
    let said = dir.pokedex("index a.parquet b.parquet -o i.parquet").failed(1);
    assert!(said.contains("holds vectors of two models, pokedex-mini@") && said.contains("and other@"), "{said}");
    assert!(said.contains("hint: embed all rows by one model: pokedex embed"), "{said}");
    dir.pokedex("index b.parquet -o b-index.parquet").ok();
    let said = dir.pokedex("query red --index b-index.parquet").failed(1);
    assert!(said.contains("other@") && said.contains("pokedex-mini@") && said.contains("hint: "), "{said}");
    dir.pokedex("query red --index b-index.parquet --model ./other").ok();
}

#[test]
fn rows_that_do_not_name_their_model_are_not_those_of_another() {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    dir.pokedex("embed in -o e.parquet").ok();
    let table = dir.table("e.parquet");
    let names: Vec<Option<&str>> = (0..4).map(|i| (i < 2).then_some("pokedex-mini@0123456789abcdef")).collect();
    let schema = table.schema();
    let columns = table.columns().iter().zip(schema.fields()).map(|(column, field)| {
        let named: ArrayRef = Arc::new(StringArray::from(names.clone()));
        (field.name().clone(), if field.name() == "embedding_model" { named } else { column.clone() })
    });
    let half = RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).expect("the same columns");
    dir.foreign("half.parquet", &half);
    let said = dir.pokedex("index half.parquet -o i.parquet").failed(1);
    assert!(said.contains("two models, pokedex-mini@0123456789abcdef and unknown"), "{said}");
    let said = dir.pokedex("query key:000.png --index half.parquet").failed(1);
    assert!(said.contains("two models"), "{said}");
}

#[test]
fn the_footer_speaks_of_its_own_column_only() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.pokedex("embed in -o e.parquet").ok();
    let table = dir.table("e.parquet");
    let foreign = RecordBatch::try_from_iter([
        ("key", table["key"].clone()),
        ("path", table["path"].clone()),
        ("vec", table["embedding"].clone()),
    ])
    .expect("three columns");
    dir.foreign("f.parquet", &foreign);
    dir.pokedex("embed f.parquet -o both.parquet").ok();
    let said = dir.pokedex("index both.parquet --vector-column vec -o i.parquet").failed(1);
    assert!(said.contains("does not say which model made its vectors"), "{said}");
    dir.pokedex("index both.parquet -o i.parquet").ok();
    let said = dir.pokedex("query red --index both.parquet --vector-column vec").failed(1);
    assert!(said.contains("does not say which model"), "{said}");
}

#[test]
fn missing_numbers_and_missing_keys_are_found() {
    let dir = Workdir::new();
    let mut lists = ListBuilder::new(Float32Builder::new());
    for row in [[Some(1.0), Some(2.0)], [Some(1.0), None]] {
        row.iter().for_each(|x| lists.values().append_option(*x));
        lists.append(true);
    }
    let lists: ArrayRef = Arc::new(lists.finish());
    dir.foreign("f.parquet", &RecordBatch::try_from_iter([("embedding", lists.clone())]).expect("a column"));
    let run = dir.pokedex("index f.parquet --model unknown -o i.parquet").ok();
    assert!(run.stderr.contains("the vector of 0000001 holds a number that is not finite"), "{}", run.stderr);
    let keys: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    dir.foreign("f.parquet", &RecordBatch::try_from_iter([("key", keys), ("embedding", lists)]).expect("two columns"));
    let said = dir.pokedex("index f.parquet --model unknown -o i.parquet").failed(1);
    assert!(said.contains("f.parquet: row 1 has no key") && said.contains("hint: "), "{said}");
}
