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
fn a_build_that_finds_no_room_leaves_the_old_index_whole() {
    for kind in ["exact", "annoy", "graph"] {
        let dir = indexed(&[kind]);
        let files = || -> Vec<(String, Vec<u8>)> {
            dir.files(".")
                .into_iter()
                .filter(|name| name.starts_with(kind))
                .map(|name| (name.clone(), dir.read(&name)))
                .collect()
        };
        let before = files();
        table(&dir, "g.parquet", 8);
        // Too little for the largest file, for the next, for anything.
        let limits = before.iter().map(|(_, bytes)| bytes.len() / 1024 - 2);
        for limit in limits.chain([0]) {
            let line =
                format!("ulimit -f {limit}; pokedex index g.parquet --model unknown --kind {kind} -o {kind}.parquet");
            let said = dir.shell(&line).failed(1);
            assert!(said.contains("File too large") && said.contains("hint: "), "{kind} {limit}: {said}");
            assert!(files() == before, "{kind} {limit}");
        }
        assert!(dir.files(".").iter().all(|name| !name.ends_with(".part")));
        assert_eq!(dir.pokedex(&format!("query key:0005.png --index {kind}.parquet")).ok().stderr, "");
    }
}

/// The table is named last: until then the new files belong to none, and nothing wrong is answered.
#[test]
fn a_build_that_was_cut_off_between_two_names_is_a_warning() {
    let dir = indexed(&["graph"]);
    let before = dir.pokedex("query key:0005.png --index graph.parquet --exact").ok().text();
    table(&dir, "g.parquet", 8);
    dir.pokedex("index g.parquet --model unknown --kind graph --columns id -o new.parquet").ok();
    for files in [&["arrow"][..], &["arrow", "graph"]] {
        files.iter().for_each(|extension| {
            std::fs::copy(dir.path(&format!("new.{extension}")), dir.path(&format!("graph.{extension}")))
                .expect("copied");
        });
        let run = dir.pokedex("query key:0005.png --index graph.parquet").ok();
        assert!(run.stderr.contains("belongs to another table; searching without it"), "{}", run.stderr);
        assert_eq!(run.text(), before);
    }
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

/// Seven items of two numbers in one tree, as annoy 1.17.3 wrote them by the metrics euclidean and dot, and manhattan.
const ITEMS: [[f32; 2]; 7] = [[1.0, 0.0], [0.0, 1.0], [3.0, 4.0], [-1.0, 0.5], [0.25, -2.0], [1.5, 1.25], [0.0, -1.0]];
const EUCLIDEAN: &[u32] = &[
    2, 0, 2, 5, 0, 0, 2, 0, 1, 3, 0, 0, 3, 0, 0, 4, 6, 0, 5, 0xbdfb1784, 8, 9, 0x3ee7ed91, 0xbf643a8c, 7, 0xbfcd69e6,
    10, 7, 0x3f1de906, 0x3f497ecb, 7, 0xbfcd69e6, 10, 7, 0x3f1de906, 0x3f497ecb,
];
const DOT: &[u32] = &[
    2, 4, 6, 0, 0, 0, 5, 0, 1, 2, 3, 5, 7, 8, 7, 0x3b52ce9c, 0xbdf089bd, 0xbf7e3a11, 7, 8, 7, 0x3b52ce9c, 0xbdf089bd,
    0xbf7e3a11,
];
const LIFTS: [u32; 7] = [0x409cc470, 0x409cc470, 0, 0x409bf2df, 0x40926c8e, 0x40934bae, 0x409cc471];
const ANGULAR: &[u32] =
    &[3, 0, 4, 6, 0, 4, 1, 2, 3, 5, 7, 8, 7, 0x3e3a8c29, 0xbf7bb754, 7, 8, 7, 0x3e3a8c29, 0xbf7bb754];

fn words(words: impl IntoIterator<Item = u32>) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

#[test]
fn an_annoy_file_by_another_program_answers_with_its_own_neighbours_and_distances() {
    let dir = Workdir::new();
    let items = |head: fn(usize) -> Vec<u32>| -> Vec<u32> {
        (0..7).flat_map(|i| [head(i), ITEMS[i].map(f32::to_bits).to_vec()].concat()).collect()
    };
    let squared = |i: usize| (ITEMS[i][0].powi(2) + ITEMS[i][1].powi(2)).to_bits();
    let distances = items(|_| vec![1, 0, 0, 0]);
    dir.write("euclidean.ann", words(distances.iter().chain(EUCLIDEAN).copied()));
    // Its planes are other ones, but all of seven items are looked at.
    dir.write("manhattan.ann", words(distances.iter().chain(EUCLIDEAN).copied()));
    dir.write("dot.ann", words(items(|i| vec![1, 0, 0, LIFTS[i]]).into_iter().chain(DOT.iter().copied())));
    let angular: Vec<u32> =
        (0..7).flat_map(|i| [vec![1, squared(i), 0], ITEMS[i].map(f32::to_bits).to_vec()].concat()).collect();
    dir.write("angular.ann", words(angular.into_iter().chain(ANGULAR.iter().copied())));
    let vector = |name: &str, numbers: [f32; 2]| {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
        dir.write(name, bytes);
    };
    vector("long.npy", [10.0, 5.0]);
    vector("q.npy", [1.0, 0.5]);
    vector("zero.npy", [0.0, 0.0]);
    // What get_nns_by_vector and get_nns_by_item of annoy 1.17.3 say, distances as scores: less is lower.
    for (metric, query, right) in [
        ("euclidean", "vec:q.npy", "0 -0.5000, 5 -0.9014, 1 -1.1180"),
        ("euclidean", "vec:long.npy", "2 -7.0711, 5 -9.2905, 0 -10.2956"),
        ("euclidean", "vec:zero.npy", "0 -1.0000, 1 -1.0000, 6 -1.0000"),
        ("euclidean", "id:2", "5 -3.1325, 1 -4.2426, 0 -4.4721"),
        ("manhattan", "vec:q.npy", "0 -0.5000, 5 -1.2500, 1 -1.5000"),
        ("manhattan", "vec:long.npy", "2 -8.0000, 5 -12.2500, 0 -14.0000"),
        ("dot", "vec:q.npy", "2 5.0000, 5 2.1250, 0 1.0000"),
        ("dot", "vec:long.npy", "2 50.0000, 5 21.2500, 0 10.0000"),
        ("dot", "vec:zero.npy", "0 0.0000, 1 0.0000, 2 0.0000"),
        ("dot", "key:2", "5 9.5000, 1 4.0000, 0 3.0000"),
        ("angular", "key:2", "5 0.9731, 1 0.8000, 0 0.6000"),
        ("angular", "vec:zero.npy", "0 0.0000, 1 0.0000, 2 0.0000"),
    ] {
        let search = format!("query {query} --index {metric}.ann --dim 2 --metric {metric} --top 3 --search-k 100");
        let text = dir.pokedex(&search).ok().text();
        let row = |line: &str| -> String {
            let cells: Vec<&str> = line.split('\t').collect();
            format!("{} {}", cells[4], cells[1])
        };
        let found = text.lines().skip(1).map(row).collect::<Vec<_>>().join(", ");
        assert_eq!(found, right, "{metric} {query}");
    }
    let said = dir.pokedex("query vec:q.npy --index dot.ann --dim 2 --metric hamming").failed(2);
    assert!(said.contains("angular, euclidean, manhattan, dot"), "{said}");
}

#[test]
fn a_graph_of_near_copies_finds_what_is_near() {
    let dir = Workdir::new();
    let mut random = numbers(11);
    let centres: Vec<Vec<f32>> = (0..60).map(|_| (0..WIDTH).map(|_| random()).collect()).collect();
    let mut vectors = FixedSizeListBuilder::new(Float32Builder::new(), WIDTH as i32);
    let rows = 60 * 80;
    for row in 0..rows {
        // Half of the centres have equal copies.
        let noise = if row % 2 == 0 { 0.0 } else { 0.02 };
        centres[row % 60].iter().for_each(|x| vectors.values().append_value(x + noise * random()));
        vectors.append(true);
    }
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{row:05}"))));
    let vectors: ArrayRef = Arc::new(vectors.finish());
    dir.foreign(
        "f.parquet",
        &RecordBatch::try_from_iter([("key", keys), ("embedding", vectors)]).expect("two columns"),
    );
    let run = dir.pokedex("index f.parquet --model unknown --kind graph --check-recall -o g.parquet").ok();
    let said = run.stderr.split("finds ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a recall");
    assert!(said.parse::<f64>().expect("a number") > 97.0, "{}", run.stderr);
    for key in ["00000", "00001", "00059"] {
        let search = format!("query key:{key} --index g.parquet -n 10");
        let [graph, exact] = ["", " --exact"].map(|exact| dir.pokedex(&format!("{search}{exact}")).ok().text());
        assert_eq!(graph, exact, "{key}");
    }
}
