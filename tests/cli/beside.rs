//! What lies beside an index: the same answers as without it, or a warning.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder};
use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};

use crate::workdir::Workdir;

const ROWS: usize = 700;
const WIDTH: usize = 24;

/// Numbers from -1 to 1, the same in every run.
fn numbers(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f32 / (1u64 << 30) as f32 - 1.0
    }
}

/// Rows in twenty clusters, with ids and labels.
fn table(dir: &Workdir, name: &str, seed: u64) {
    let mut random = numbers(seed);
    let centres: Vec<Vec<f32>> = (0..20).map(|_| (0..WIDTH).map(|_| random()).collect()).collect();
    let mut vectors = FixedSizeListBuilder::new(Float32Builder::new(), WIDTH as i32);
    for row in 0..ROWS {
        centres[row % 20].iter().for_each(|x| vectors.values().append_value(x + 0.6 * random()));
        vectors.append(true);
    }
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| format!("{row:04}.png"))));
    let ids: ArrayRef = Arc::new(Int32Array::from_iter_values((0..ROWS as i32).map(|row| row % 20 + 1)));
    let labels: ArrayRef = Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| format!("class {}", row % 20))));
    let vectors: ArrayRef = Arc::new(vectors.finish());
    let batch = RecordBatch::try_from_iter([("key", keys), ("id", ids), ("label", labels), ("embedding", vectors)]);
    dir.foreign(name, &batch.expect("four columns"));
}

/// A NumPy file of `rows` queries.
fn queries(dir: &Workdir, name: &str, rows: usize) {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {WIDTH}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    let mut random = numbers(99);
    bytes.extend((0..rows * WIDTH).flat_map(|_| random().to_le_bytes()));
    dir.write(name, bytes);
}

fn indexed(kinds: &[&str]) -> Workdir {
    let dir = Workdir::new();
    table(&dir, "f.parquet", 7);
    queries(&dir, "q.npy", 40);
    for kind in kinds {
        dir.pokedex(&format!("index f.parquet --model unknown --kind {kind} --columns id -o {kind}.parquet")).ok();
    }
    dir
}

const SEARCHES: [&str; 8] = [
    "--id 3 --top 25",
    "key:0005.png --top 3 --offset 2",
    "key:0005.png + 0.5:key:0006.png - id:4 --explain",
    "--id 3 --where \"label like 'class 1%' and id <> 3\"",
    "--id 3 --where \"key = '0699.png'\"",
    "--id 3 --diverse --min-score 0.2",
    "--queries q.npy --model unknown --top 7",
    "--queries q.npy --model unknown --where 'id < 4' --format csv",
];

#[test]
fn a_packed_copy_gives_the_same_answers_as_the_table() {
    let dir = indexed(&["table", "exact"]);
    assert!(dir.path("exact.arrow").exists() && !dir.path("table.arrow").exists());
    for search in SEARCHES {
        let [plain, packed] =
            ["table", "exact"].map(|kind| dir.shell(&format!("pokedex query --index {kind}.parquet {search}")).ok());
        assert!(plain.text().lines().count() > 1, "{search}");
        assert_eq!(plain.text(), packed.text(), "{search}");
        assert_eq!(packed.stderr, "", "{search}");
    }
}

#[test]
fn approximate_kinds_find_nearly_all_and_say_how_many() {
    let dir = indexed(&["table"]);
    for (kind, extension) in [("annoy --trees 30", "ann"), ("graph", "graph")] {
        let run =
            dir.pokedex(&format!("index f.parquet --model unknown --kind {kind} --check-recall -o a.parquet")).ok();
        assert!(run.stderr.contains("of the ten nearest rows"), "{}", run.stderr);
        assert!(dir.path(&format!("a.{extension}")).exists());
        let info = dir.pokedex("index info a.parquet --json --verify").ok().text();
        let info: serde_json::Value = serde_json::from_str(&info).expect("JSON");
        assert!(info["recall"].as_f64().expect("measured") >= 0.9, "{info}");
        assert_eq!((info["rows"].as_u64(), info["dimension"].as_u64()), (Some(ROWS as u64), Some(WIDTH as u64)));
        for search in SEARCHES {
            let plain = dir.shell(&format!("pokedex query --index table.parquet {search}")).ok().text();
            let exact = dir.shell(&format!("pokedex query --index a.{extension} --exact {search}")).ok().text();
            assert_eq!(plain, exact, "{search}");
        }
        // Few rows pass a filter, so all of them are compared.
        let search = "--id 3 --where 'id = 4' --top 30";
        let plain = dir.shell(&format!("pokedex query --index table.parquet {search}")).ok().text();
        assert_eq!(dir.shell(&format!("pokedex query --index a.parquet {search}")).ok().text(), plain);
        dir.pokedex("query --index a.parquet --id 3 --top 700").ok();
    }
}

#[test]
fn what_belongs_to_another_table_is_not_used_and_said() {
    let dir = indexed(&["table", "exact", "annoy", "graph"]);
    table(&dir, "other.parquet", 8);
    for kind in ["exact", "annoy", "graph"] {
        dir.pokedex(&format!("index other.parquet --model unknown --kind {kind} -o o{kind}.parquet")).ok();
    }
    let search = "--queries q.npy --model unknown";
    let plain = dir.pokedex(&format!("query --index table.parquet {search}")).ok().text();
    for (kind, extension) in [("exact", "arrow"), ("annoy", "arrow"), ("annoy", "ann"), ("graph", "graph")] {
        let own = dir.read(&format!("{kind}.{extension}"));
        let foreign = dir.read(&format!("o{kind}.{extension}"));
        for (bytes, what) in [(foreign, "foreign"), (own[..own.len() / 2].to_vec(), "cut"), (Vec::new(), "empty")] {
            dir.write(&format!("{kind}.{extension}"), bytes);
            let run = dir.pokedex(&format!("query --index {kind}.parquet {search}")).ok();
            assert_eq!(run.text(), plain, "{kind}.{extension} {what}");
            assert!(run.stderr.contains("; searching without it"), "{kind}.{extension} {what}: {}", run.stderr);
            assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
            let said = dir.pokedex(&format!("index info {kind}.parquet")).failed(1);
            assert!(said.contains("hint: make the index again"), "{said}");
        }
        dir.write(&format!("{kind}.{extension}"), &own);
    }
    std::fs::remove_file(dir.path("exact.arrow")).expect("it is there");
    let run = dir.pokedex(&format!("query --index exact.parquet {search}")).ok();
    assert!(run.stderr.contains("exact.arrow: cannot read"), "{}", run.stderr);
    assert_eq!(run.text(), plain);
}

#[test]
fn no_flipped_bit_ends_the_program() {
    let dir = indexed(&["exact", "annoy", "graph"]);
    for (kind, extension) in [("exact", "arrow"), ("annoy", "ann"), ("graph", "graph")] {
        let name = format!("{kind}.{extension}");
        let own = dir.read(&name);
        let mut random = numbers(5);
        for i in 0..60 {
            let mut bytes = own.clone();
            // Half of them where the file describes itself.
            let far = if i % 2 == 0 { own.len() } else { 3000.min(own.len()) };
            let at = own.len() - 1 - ((random().abs() * far as f32) as usize).min(own.len() - 1);
            bytes[at] ^= 1 << (i % 8);
            dir.write(&name, bytes);
            let run = dir.pokedex(&format!("query --index {kind}.parquet --queries q.npy --model unknown"));
            assert!([0, 1].contains(&run.code), "{name} at {at}: {:?} {}", run.code, run.stderr);
            assert!(!run.stderr.contains("panicked"), "{name} at {at}: {}", run.stderr);
        }
        dir.write(&name, &own);
        let mut bytes = own.clone();
        bytes[own.len() / 2] ^= 4;
        dir.write(&name, bytes);
        if extension == "arrow" {
            let said = dir.pokedex("index info exact.parquet --verify").failed(1);
            assert!(said.contains("its contents are not those of its digest"), "{said}");
        }
        dir.write(&name, own);
    }
}

#[test]
fn an_index_is_the_same_whatever_the_number_of_threads() {
    let dir = indexed(&[]);
    for (kind, files) in [("annoy", &["parquet", "arrow", "ann"][..]), ("graph", &["parquet", "arrow", "graph"])] {
        for jobs in [1, 3] {
            dir.pokedex(&format!("index f.parquet --model unknown --kind {kind} -j {jobs} -o j{jobs}.parquet")).ok();
        }
        for file in files {
            assert_eq!(dir.read(&format!("j1.{file}")), dir.read(&format!("j3.{file}")), "{kind} {file}");
        }
    }
    for seed in [1, 2] {
        dir.pokedex(&format!("index f.parquet --model unknown --kind annoy --seed {seed} -o s{seed}.parquet")).ok();
    }
    assert_ne!(dir.read("s1.ann"), dir.read("s2.ann"));
}

#[test]
fn a_small_index_has_nothing_beside_it_unless_told_so() {
    let dir = indexed(&["auto"]);
    assert!(!dir.path("auto.arrow").exists());
    let piped = dir.shell("pokedex index f.parquet --model unknown | pokedex query --index - --id 3").ok().text();
    assert_eq!(dir.pokedex("query --index auto.parquet --id 3").ok().text(), piped);
    let said = dir.shell("pokedex index f.parquet --model unknown --kind exact > x.parquet").failed(2);
    assert!(said.contains("several files") && said.contains("hint: -o INDEX.parquet"), "{said}");
    let said = dir.pokedex("index f.parquet --model unknown --kind exact -o x.arrow").failed(2);
    assert!(said.contains("hint: -o x.parquet"), "{said}");
    assert!(!dir.path("x.arrow").exists());
}

#[test]
fn a_failed_build_leaves_the_old_index_whole() {
    let dir = indexed(&["exact"]);
    let before: Vec<Vec<u8>> = ["exact.parquet", "exact.arrow"].iter().map(|name| dir.read(name)).collect();
    dir.foreign(
        "bad.parquet",
        &RecordBatch::try_from_iter([("key", Arc::new(StringArray::from(vec!["a"])) as ArrayRef)]).expect("a column"),
    );
    dir.pokedex("index bad.parquet --model unknown --kind exact -o exact.parquet").failed(1);
    let after: Vec<Vec<u8>> = ["exact.parquet", "exact.arrow"].iter().map(|name| dir.read(name)).collect();
    assert_eq!(before, after);
    assert!(dir.files(".").iter().all(|name| !name.ends_with(".part")));
}

#[test]
fn an_annoy_file_without_a_table_answers_with_item_numbers() {
    let dir = indexed(&["annoy", "table"]);
    std::fs::rename(dir.path("annoy.ann"), dir.path("theirs.ann")).expect("it is there");
    let said = dir.pokedex("query id:0 --index theirs.ann").failed(2);
    assert!(said.contains("hint: ") && said.contains("--dim N --metric"), "{said}");
    let run = dir
        .pokedex(&format!("query id:5 --index theirs.ann --dim {WIDTH} --metric angular --top 3 --search-k 700"))
        .ok();
    let found = run.text();
    let plain = dir.pokedex("query key:0005.png --index table.parquet --top 3").ok().text();
    let column = |text: &str, at: usize| -> Vec<String> {
        text.lines().skip(1).map(|line| line.split('\t').nth(at).expect("five columns").to_string()).collect()
    };
    let keys: Vec<String> = column(&found, 4).iter().map(|item| format!("{item:0>4}.png")).collect();
    assert_eq!(keys, column(&plain, 4));
    for (ours, theirs) in column(&plain, 1).iter().zip(column(&found, 1)) {
        let [a, b]: [f64; 2] = [ours, &theirs].map(|score| score.parse().expect("a number"));
        assert!((a - b).abs() < 2e-4, "{ours} {theirs}");
    }
    let said = dir.pokedex(&format!("query id:700 --index theirs.ann --dim {WIDTH} --metric angular")).failed(1);
    assert!(said.contains("id:700"), "{said}");
    for (dim, metric) in [(WIDTH + 1, "angular"), (WIDTH, "euclidean"), (1, "dot")] {
        let run = dir.pokedex(&format!("query id:5 --index theirs.ann --dim {dim} --metric {metric}"));
        assert!(run.code != 101 && !run.stderr.contains("panicked"), "{}", run.stderr);
    }
}
