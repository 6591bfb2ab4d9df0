use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;

use crate::workdir::Workdir;

fn vectors(dir: &Workdir, table: &str, column: &str) -> Vec<f32> {
    dir.table(table)[column].as_fixed_size_list().values().as_primitive::<Float32Type>().values().to_vec()
}

#[test]
fn vectors_have_length_one_and_name_their_model() {
    let dir = Workdir::new();
    dir.pictures("in", 5);
    dir.pokedex("embed in -o e.parquet").ok();
    for vector in vectors(&dir, "e.parquet", "embedding").chunks(256) {
        let norm: f32 = vector.iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1e-5);
    }
    let model = dir.texts("e.parquet", "embedding_model")[0].clone().expect("a model");
    let listed = dir.pokedex("model list").ok().text();
    assert!(listed.contains(&model), "{model} is not in\n{listed}");
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let dir = Workdir::new();
    dir.pictures("in", 70);
    dir.write("in/broken.png", "nothing");
    for jobs in [1, 2, 3] {
        dir.pokedex(&format!("embed in -j {jobs} --no-cache -o e{jobs}.parquet")).failed(3);
    }
    assert_eq!(dir.read("e1.parquet"), dir.read("e2.parquet"));
    assert_eq!(dir.read("e1.parquet"), dir.read("e3.parquet"));
}

#[test]
fn a_vector_does_not_depend_on_its_neighbours() {
    let dir = Workdir::new();
    dir.pictures("in", 11);
    for batch in [1, 4] {
        dir.shell(&format!("find in -name '*.png' | sort | pokedex embed - --no-cache --batch {batch} -o a.parquet"))
            .ok();
        dir.shell(&format!(
            "find in -name '*.png' | sort -r | pokedex embed - --no-cache --batch {batch} -o b.parquet"
        ))
        .ok();
        let (forward, backward) = (vectors(&dir, "a.parquet", "embedding"), vectors(&dir, "b.parquet", "embedding"));
        let reversed: Vec<f32> = backward.chunks(256).rev().flatten().copied().collect();
        assert_eq!(forward, reversed, "batches of {batch}");
    }
}

/// The numbers at which one of the systems that this one answers to runs out of files.
#[test]
fn many_images_need_few_open_files() {
    let dir = Workdir::new();
    for count in [128, 129, 407, 1025] {
        dir.pictures("in", count);
        dir.shell("ulimit -n 40; pokedex embed in -o e.parquet").ok();
        assert_eq!(dir.keys("e.parquet").len(), count as usize);
        assert!(dir.texts("e.parquet", "error").iter().all(Option::is_none));
    }
}

#[test]
fn a_deleted_and_an_added_image_lose_no_vector() {
    let dir = Workdir::new();
    dir.pictures("in", 6);
    dir.pokedex("embed in -o a.parquet").ok();
    std::fs::remove_file(dir.path("in/002.png")).expect("removable");
    dir.picture("in/006.png", 99);
    dir.pokedex("embed in -o b.parquet").ok();
    assert_eq!(dir.keys("b.parquet"), ["000.png", "001.png", "003.png", "004.png", "005.png", "006.png"]);
    let (a, b) = (vectors(&dir, "a.parquet", "embedding"), vectors(&dir, "b.parquet", "embedding"));
    assert_eq!(a[..512], b[..512]);
    assert_eq!(a[3 * 256..], b[2 * 256..5 * 256]);
}

#[test]
fn texts_are_embedded_by_column() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.write("m.csv", "key,title\n000.png,a red bird\n001.png, \n");
    dir.pokedex("scan in --meta m.csv --on key -o m.parquet").ok();
    let said = dir.pokedex("embed m.parquet --text title --as title_vector -o e.parquet").failed(3);
    assert!(said.contains("001.png: column `title` is null"), "{said}");
    assert!(dir.texts("e.parquet", "title_vector_model")[0].is_some());
    let said = dir.pokedex("embed m.parquet --text nope -o e.parquet").failed(1);
    assert!(said.contains("has no column `nope` (it has key,"), "{said}");
}

#[test]
fn an_unknown_model_names_those_there_are() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    let said = dir.pokedex("embed in --model clip -o e.parquet").failed(1);
    assert!(said.contains("clip: no such model") && said.contains("installed models: pokedex-mini"), "{said}");
    let said = dir.pokedex("embed in --model clip-vit-b32 -o e.parquet").failed(1);
    assert!(said.ends_with("clip-vit-b32: no such model\nhint: pokedex model pull clip-vit-b32\n"), "{said}");
    let said = dir.pokedex("embed in --model clip-vit-b23 -o e.parquet").failed(1);
    assert!(said.contains("did you mean: pokedex model pull clip-vit-b32"), "{said}");
    let said = dir.pokedex("embed in --model pokedex-mimi -o e.parquet").failed(1);
    assert!(said.contains("did you mean: --model pokedex-mini"), "{said}");
    let said = dir.pokedex("embed in --model ./in -o e.parquet").failed(1);
    assert!(said.contains("./in: not a model folder: it holds none of model.json"), "{said}");
}

#[test]
fn a_model_in_a_folder_is_another_model() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.other_model(".models/other");
    dir.pokedex("embed in --model other -o other.parquet").ok();
    dir.pokedex("embed in -o own.parquet").ok();
    assert_eq!(vectors(&dir, "other.parquet", "embedding"), vectors(&dir, "own.parquet", "embedding"));
    let model = |table: &str| dir.texts(table, "embedding_model")[0].clone().expect("a model");
    assert!(model("other.parquet").starts_with("other@"));
    assert_ne!(model("other.parquet"), model("own.parquet"));
}

#[test]
fn vectors_do_not_replace_other_columns() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    for name in ["error", "key", "content_hash", "path"] {
        let said = dir.pokedex(&format!("embed in --as {name} -o e.parquet")).failed(2);
        assert!(said.contains("this column means something else"), "{said}");
    }
}

#[test]
fn an_ignored_hang_up_stays_ignored() {
    let dir = Workdir::new();
    dir.pictures("in", 200);
    let line = "trap '' HUP; pokedex embed in --no-cache -j1 -o e.parquet & sleep 0.3; kill -HUP $!; wait $!";
    dir.shell(line).ok();
    assert_eq!(dir.keys("e.parquet").len(), 200);
}

#[test]
fn a_file_that_vanished_is_a_row_with_an_error() {
    let dir = Workdir::new();
    dir.pictures("in", 5);
    dir.pokedex("scan in -o m.parquet").ok();
    std::fs::remove_file(dir.path("in/002.png")).expect("removable");
    let said = dir.pokedex("embed m.parquet -o e.parquet").failed(3);
    assert!(said.contains("002.png: ") && said.lines().count() == 1, "{said}");
    let errors = dir.texts("e.parquet", "error");
    assert_eq!(errors.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, false, false]);
}
