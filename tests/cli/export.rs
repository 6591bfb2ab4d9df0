pub mod dataset;
mod edge;
mod untouched;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};

use crate::workdir::Workdir;

#[test]
fn text_formats_leave_out_vectors_unless_they_are_named() {
    let dir = Workdir::new();
    dir.picture("in/a, \"b\".png", 1);
    dir.pokedex("embed in -o e.parquet").ok();
    let csv = dir.pokedex("export e.parquet --format csv").ok().text();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("key,path,id,label,content_hash,embedding_model,error"));
    let row = lines.next().expect("a row");
    let hash = blake3::hash(&dir.read("in/a, \"b\".png")).to_hex();
    assert!(row.starts_with("\"a, \"\"b\"\".png\",\"in/a, \"\"b\"\".png\",,,") && row.contains(hash.as_str()), "{row}");
    let named = dir.pokedex("export e.parquet --format tsv --columns embedding,key").ok().text();
    assert!(named.starts_with("embedding\tkey\n["), "{named}");
    let said = dir.pokedex("export e.parquet --format csv --columns nope").failed(1);
    assert!(said.contains("has no column `nope`"), "{said}");
}

#[test]
fn json_lines_have_types() {
    let dir = Workdir::new();
    dir.picture("in/0025_a.png", 1);
    dir.pokedex("embed in -o e.parquet").ok();
    let line = dir.pokedex("export e.parquet --format jsonl").ok().text();
    let row: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(row["id"], 25);
    assert_eq!(row["error"], serde_json::Value::Null);
    assert_eq!(row["embedding"].as_array().map(Vec::len), Some(256));
    assert!(row["embedding"][0].is_f64());
}

#[test]
fn times_of_a_named_zone_are_shown_in_utc() {
    let dir = Workdir::new();
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC"));
    let dawns: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("Asia/Tokyo"));
    dir.foreign("t.parquet", &RecordBatch::try_from_iter([("time", times), ("dawn", dawns)]).expect("a batch"));
    let csv = dir.pokedex("export t.parquet --format csv").ok().text();
    assert_eq!(csv, "time,dawn\n1970-01-01T00:00:00Z,1970-01-01T00:00:00Z\n");
    let json = dir.pokedex("export t.parquet --format jsonl").ok().text();
    assert!(json.contains("\"time\":\"1970-01-01T00:00:00Z\""), "{json}");
}

#[test]
fn a_numpy_array_holds_the_vectors() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.write("in/broken.png", "nothing");
    dir.pokedex("embed in -o e.parquet").failed(3);
    let run = dir.pokedex("export e.parquet --format npy -o v.npy").ok();
    assert!(run.stderr.contains("1 row without a vector was left out"), "{}", run.stderr);
    let bytes = dir.read("v.npy");
    assert!(bytes.starts_with(b"\x93NUMPY\x01\x00"));
    assert!(String::from_utf8_lossy(&bytes[..128]).contains("'shape': (3, 256)"));
    assert_eq!(bytes.len(), 128 + 3 * 256 * 4);
    assert_eq!(dir.read("v.npy.keys.csv").iter().filter(|&&b| b == b'\n').count(), 4);
}

#[test]
fn the_built_in_pokedex_is_a_table_like_any_other() {
    let dir = Workdir::new();
    let csv = dir.pokedex("export pokedex: --format csv --columns id,label,type1,type2").ok().text();
    assert_eq!(csv.lines().count(), 1026);
    assert_eq!(csv.lines().nth(6), Some("6,Charizard,fire,flying"));
}

#[test]
fn a_condition_chooses_the_rows() {
    let dir = Workdir::new();
    let condition = "type1 = 'fire' and generation < 3 and name like 'C%'";
    let export = ["export", "pokedex:", "--format", "csv", "--columns", "id,label", "--where"];
    let run = |condition: &str| dir.pokedex_args(&[&export[..], &[condition]].concat());
    let csv = run(condition).ok().text();
    assert_eq!(csv, "id,label\n4,Charmander\n5,Charmeleon\n6,Charizard\n155,Cyndaquil\n");
    let said = run("typ1 = 'fire'").failed(1);
    assert!(said.contains("--where: no column `typ1` at character 1"), "{said}");
    assert!(said.contains("did you mean `type1`?"), "{said}");
    let said = run("id = '25'").failed(1);
    assert!(said.contains("write the number without quotes: 25"), "{said}");
    let said = run("id = ").failed(2);
    assert!(said.contains("expected an expression where the condition ends at character 6"), "{said}");
    let none = run("-id > 0").ok().text();
    assert_eq!(none, "id,label\n");
}

#[test]
fn arrays_hold_the_vectors_of_one_model() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.pokedex("embed in -o e.parquet").ok();
    let batch = dir.table("e.parquet");
    let at = batch.schema().index_of("embedding_model").expect("the column");
    for others in [[Some("a@1"), Some("b@2")], [Some("a@1"), None]] {
        let mut columns = batch.columns().to_vec();
        columns[at] = Arc::new(arrow_array::StringArray::from(others.to_vec()));
        let names = batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        let mixed = RecordBatch::try_from_iter_with_nullable(names.iter().zip(columns).map(|(n, c)| (n, c, true)));
        dir.foreign("mixed.parquet", &mixed.expect("a batch"));
        for format in ["npy", "faiss"] {
            let said = dir.pokedex(&format!("export mixed.parquet --format {format} -o v.{format}")).failed(1);
            assert!(said.contains("holds vectors of two models, a@1 and "), "{said}");
            assert!(!dir.path(&format!("v.{format}")).exists());
        }
    }
}
