//! `train --method adapter`: a folder that is a model, made of another one.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};

use crate::train::{clouds, embeddings, noise};
use crate::workdir::Workdir;

const FOUR: [&str; 4] = ["ant", "bee", "cat", "dog"];

/// A model of eight numbers, a table of its vectors, and an adapter learnt from that.
pub(crate) fn adapted() -> Workdir {
    let dir = Workdir::new();
    dir.model("clip", "clip");
    table(&dir, "e.parquet", "clip");
    dir.pokedex("train e.parquet --method adapter --model ./clip -o mine/").ok();
    dir
}

/// Vectors that a model might have made: those of its own length, around corners.
fn table(dir: &Workdir, name: &str, model: &str) {
    dir.pictures("seen", 1);
    dir.pokedex(&format!("embed seen --engine rten --model ./{model} -o seen.parquet")).ok();
    let id = dir.texts("seen.parquet", "embedding_model")[0].clone().expect("a model");
    let length = vectors(dir, "seen.parquet")[0].len();
    let mut rows = clouds(&FOUR, 30, 3.0);
    for (n, row) in rows.iter_mut().enumerate() {
        row.3.extend((8..length).map(|i| 2.0 * noise(n * 4096 + i)));
        row.3.truncate(length);
    }
    let table = embeddings(&rows, "embedding");
    let models: ArrayRef = Arc::new(StringArray::from(vec![id.as_str(); table.num_rows()]));
    let words = |label: Option<&str>| label.map(|label| format!("a photo of a {label}"));
    let captions: ArrayRef = Arc::new(rows.iter().map(|row| words(row.1)).collect::<StringArray>());
    let schema = table.schema();
    let columns = schema.fields().iter().zip(table.columns()).map(|(field, column)| {
        let column = if field.name() == "embedding_model" { models.clone() } else { column.clone() };
        (field.name().clone(), column, true)
    });
    let columns = columns.chain([("caption".to_string(), captions, true)]);
    dir.foreign(name, &RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length"));
}

fn vectors(dir: &Workdir, table: &str) -> Vec<Vec<f32>> {
    let column = dir.table(table)["embedding"].as_fixed_size_list().clone();
    (0..column.len()).map(|row| column.value(row).as_primitive::<Float32Type>().values().to_vec()).collect()
}

#[test]
fn an_adapter_is_a_model_wherever_one_is_asked_for() {
    let dir = adapted();
    let info = dir.pokedex("model info ./mine").ok().text();
    assert!(info.starts_with("model       mine@") && info.contains("adapts      clip@"), "{info}");
    assert!(info.contains("validation top1 before") && info.contains("l2   "), "{info}");

    // Pictures that are embedded by it have the vectors that the base's become in an index, to the last bit.
    dir.pictures("new", 5);
    dir.pokedex("embed new --engine rten --model ./clip -o base.parquet").ok();
    dir.pokedex("embed new --engine rten --model ./mine -o own.parquet").ok();
    dir.pokedex("embed new --engine rten --model ./mine --no-cache -o anew.parquet").ok();
    dir.pokedex("index base.parquet --model ./mine -o mapped.parquet").ok();
    dir.pokedex("index own.parquet --model ./mine -o own-index.parquet").ok();
    assert!(vectors(&dir, "own.parquet") == vectors(&dir, "anew.parquet"));
    assert!(vectors(&dir, "own.parquet") == vectors(&dir, "mapped.parquet"));
    assert!(vectors(&dir, "own.parquet") != vectors(&dir, "base.parquet"));
    assert_eq!(dir.read("mapped.parquet"), dir.read("own-index.parquet"));
    assert!(dir.texts("mapped.parquet", "embedding_model")[0].as_ref().is_some_and(|id| id.starts_with("mine@")));

    // Words have the base's vectors; questions by words and by pictures are answered.
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a cat", "a dog"]));
    let batch = RecordBatch::try_from_iter([("key", texts.clone()), ("text", texts)]).expect("columns");
    dir.foreign("t.parquet", &batch);
    for model in ["clip", "mine"] {
        dir.pokedex(&format!("embed t.parquet --text text --engine rten --model ./{model} -o {model}.parquet")).ok();
    }
    assert!(vectors(&dir, "clip.parquet") == vectors(&dir, "mine.parquet"));
    let found = dir.pokedex("query cat --index mapped.parquet --model ./mine --format jsonl").ok().text();
    assert_eq!(found.lines().count(), 5, "{found}");
    let first = dir.keys("own.parquet")[2].clone();
    let question = format!("query ./new/{first} --index mapped.parquet --model ./mine --format paths --top 1");
    assert_eq!(dir.pokedex(&question).ok().text().trim(), format!("new/{first}"));

    // Its vectors teach heads, and words are classes.
    dir.pokedex("index e.parquet --model ./mine --columns split -o adapted.parquet").ok();
    dir.pokedex("train adapted.parquet --method centroid -o head.parquet").ok();
    dir.pokedex("classify new --engine rten --head head.parquet --model ./mine -o p.parquet").ok();
    dir.write("labels.txt", "cat\ndog\n");
    dir.pokedex("classify mapped.parquet --labels labels.txt --model ./mine -o w.parquet").ok();
}

#[test]
fn the_folder_is_the_same_on_any_number_of_threads_and_may_be_made_again() {
    let dir = adapted();
    let first = (dir.read("mine/adapter.json"), dir.read("mine/adapter.safetensors"));
    for jobs in [1, 3] {
        let log = "--captions caption --log runs.parquet";
        dir.pokedex(&format!("train e.parquet --method adapter --model ./clip -j {jobs} -o mine")).ok();
        assert!((dir.read("mine/adapter.json"), dir.read("mine/adapter.safetensors")) == first);
        dir.pokedex(&format!("train e.parquet --method adapter --model ./clip {log} -j {jobs} -o told{jobs}")).ok();
    }
    assert_eq!(dir.read("told1/adapter.safetensors"), dir.read("told3/adapter.safetensors"));
    assert_ne!(dir.read("told1/adapter.safetensors"), first.1);
    let log = dir.texts("runs.parquet", "settings");
    assert!(log.len() == 2 && log[0].as_ref().is_some_and(|s| s.contains("\"method\":\"adapter\"")), "{log:?}");
    let said = String::from_utf8(dir.read("told1/adapter.json")).expect("text");
    assert!(said.contains("validation_mrr_before") && said.contains("\"train_captions\": 72"), "{said}");
}

#[test]
fn vectors_of_a_base_and_of_its_adapter_are_never_mixed() {
    let dir = adapted();
    let said = dir.pokedex("query cat --index e.parquet --model ./mine").failed(1);
    assert!(said.contains("which adapts it") && said.contains("pokedex index e.parquet --model ./mine -o "), "{said}");
    dir.pokedex("index e.parquet --model ./mine -o adapted.parquet").ok();
    let said = dir.pokedex("query cat --index adapted.parquet --model ./clip").failed(1);
    assert!(said.contains("mine@") && said.contains("query with --model of the index"), "{said}");
    let said = dir.pokedex("index adapted.parquet --model ./clip -o no.parquet").failed(1);
    assert!(said.contains("mine@") && said.contains("clip@"), "{said}");
    dir.pokedex("train e.parquet -o head.parquet").ok();
    let said = dir.pokedex("classify adapted.parquet --head head.parquet").failed(1);
    assert!(said.contains("its vectors were made by mine@"), "{said}");
    // Where nobody knows whose vectors they are, they are not taken for the base's.
    dir.foreign("whose.parquet", &embeddings(&clouds(&FOUR, 3, 1.0), "other"));
    let said = dir.pokedex("index whose.parquet --vector-column other --model ./mine -o no.parquet").failed(1);
    assert!(said.contains("mine@") && said.contains("m@0123456789abcdef"), "{said}");
}

#[test]
fn an_adapter_without_its_base_is_no_model() {
    let dir = adapted();
    // Both may move together.
    std::fs::create_dir(dir.path("elsewhere")).expect("a folder");
    for folder in ["clip", "mine"] {
        std::fs::rename(dir.path(folder), dir.path(&format!("elsewhere/{folder}"))).expect("moved");
    }
    dir.pokedex("model info ./elsewhere/mine").ok();
    std::fs::rename(dir.path("elsewhere/clip"), dir.path("clip")).expect("moved");
    let said = dir.pokedex("model info ./elsewhere/mine").failed(1);
    assert!(said.contains("its base clip@") && said.contains("hint: put that model back"), "{said}");
    // Another model in its place is not taken for it.
    dir.model("openclip", "elsewhere/clip");
    let said = dir.pokedex("embed seen --model ./elsewhere/mine -o no.parquet").failed(1);
    assert!(said.contains("is not what lies in") && said.contains("that is clip@"), "{said}");
    assert!(!dir.path("no.parquet").exists());
}

#[test]
fn what_is_damaged_or_half_written_is_said() {
    let dir = adapted();
    let (json, weights) = (dir.read("mine/adapter.json"), dir.read("mine/adapter.safetensors"));
    let text = String::from_utf8(json.clone()).expect("text");
    let says = |file: &str, bytes: &[u8], what: &str| {
        dir.write(&format!("mine/{file}"), bytes);
        let said = dir.pokedex("model info ./mine").failed(1);
        assert!(said.contains(what), "{what}: {said}");
        dir.write("mine/adapter.json", &json);
        dir.write("mine/adapter.safetensors", &weights);
    };
    says("adapter.json", b"{", "adapter.json: EOF");
    says("adapter.json", text.replace("\"format\": 1", "\"format\": 9").as_bytes(), "format 9 is not known");
    says("adapter.json", text.replace("clip@", "clip@z").as_bytes(), "`base` is no name with 64 hex digits");
    says("adapter.json", text.replace("\"mine\"", "\"a@b\"").as_bytes(), "has characters that no name");
    says("adapter.json", text.replace("\"dimension\": ", "\"dimension\": 9").as_bytes(), "its `image.weight` is");
    says("adapter.safetensors", &weights[..weights.len() - 4], "it is damaged");
    says("adapter.safetensors", b"", "adapter.safetensors: ");
    let mut infinite = weights.clone();
    infinite.splice(weights.len() - 4.., f32::INFINITY.to_le_bytes());
    says("adapter.safetensors", &infinite, "not finite");
    dir.pokedex("model info ./mine").ok();
}

#[test]
fn what_cannot_be_learnt_from_is_said_and_no_folder_is_left() {
    let dir = adapted();
    dir.pokedex("index e.parquet --model ./mine --columns split -o adapted.parquet").ok();
    for (arguments, code, what) in [
        ("e.parquet -o new", 1, "which is not installed"),
        ("adapted.parquet --model ./mine -o new", 1, "adapts clip@"),
        ("adapted.parquet --model ./clip -o new", 1, "its vectors were made by mine@"),
        ("e.parquet --model ./clip --captions nothing -o new", 1, "`nothing`"),
        ("e.parquet --model ./clip --balance -o new", 2, "--balance has no meaning for an adapter"),
        ("e.parquet --model ./clip --validation 0 -o new", 2, "nothing to choose by"),
        ("e.parquet --model ./clip -o new.parquet", 2, "a folder is written here"),
        ("e.parquet --model ./clip -o seen", 1, "seen"),
    ] {
        let said = dir.pokedex(&format!("train {arguments} --method adapter")).failed(code);
        assert!(said.contains(what), "{arguments}: {said}");
        assert!(!dir.path("new").exists(), "{arguments}");
    }
    let said = dir.pokedex("train e.parquet --captions caption -o h.parquet").failed(2);
    assert!(said.contains("--captions has no meaning for a head"), "{said}");
    assert_eq!(dir.files("seen").len(), 1);
}
