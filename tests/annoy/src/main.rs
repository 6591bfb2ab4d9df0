//! Reads an Annoy file that `pokedex index` wrote by `annoy-rs`, and holds its answers against those of `pokedex query`.
//!
//! `cargo run --release --manifest-path tests/annoy/Cargo.toml -- target/release/pokedex`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use annoy_rs::{AnnoyIndex, AnnoyIndexSearchApi, IndexType};

/// Numbers in a vector of the built-in model.
const DIMENSION: usize = 256;
/// So many neighbours are asked for; with this many candidates all of the 1025 rows are looked at.
const TOP: usize = 10;
const CANDIDATES: i32 = 1_000_000;
/// How far two programs may disagree on a cosine: theirs is computed from a distance of 32 bits.
const NEAR: f32 = 1e-4;

fn main() -> ExitCode {
    let Some(pokedex) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: pokedex-annoy-reader POKEDEX");
        return ExitCode::from(2);
    };
    let pokedex = pokedex.canonicalize().expect("the program to try");
    let folder = std::env::temp_dir().join(format!("pokedex-annoy-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder of our own");
    let wrong = compare(&pokedex, &folder);
    std::fs::remove_dir_all(&folder).expect("it was made above");
    for line in &wrong {
        eprintln!("{line}");
    }
    println!("{} rows, {} answers differ", 1025, wrong.len());
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every row's neighbours by both; a line for each that differs.
fn compare(pokedex: &Path, folder: &Path) -> Vec<String> {
    run(pokedex, folder, &["index", "pokedex:", "--kind", "annoy", "--trees", "7", "-o", "dex.parquet"]);
    let keys: Vec<String> =
        lines(&run(pokedex, folder, &["export", "dex.parquet", "--format", "tsv", "--columns", "key"]));
    let file = folder.join("dex.ann");
    let index = AnnoyIndex::load(DIMENSION, file.to_str().expect("a name in ASCII"), IndexType::Angular);
    let index = index.expect("annoy-rs reads the file");
    assert_eq!((index.size, keys.len()), (1025, 1025), "items by annoy-rs, rows by pokedex");

    let queries: String = keys.iter().map(|key| format!("key:{key}\n")).collect();
    std::fs::write(folder.join("queries.txt"), queries).expect("written");
    let top = TOP.to_string();
    let ask = [
        "query",
        "--queries",
        "queries.txt",
        "--index",
        "dex.parquet",
        "--search-k",
        "1000000",
        "--top",
        &top,
        "--format",
        "tsv",
    ];
    let mut ours: BTreeMap<String, Vec<(String, f32)>> = BTreeMap::new();
    for line in lines(&run(pokedex, folder, &ask)) {
        let cells: Vec<&str> = line.split('\t').collect();
        let (query, score, key) = (cells[0], cells[2], cells[5]);
        ours.entry(query.into()).or_default().push((key.into(), score.parse().expect("a number")));
    }

    let mut wrong = Vec::new();
    for (item, key) in keys.iter().enumerate() {
        let found = index.get_nearest_to_item(item as u64, TOP + 1, CANDIDATES, true);
        // Their distance of two vectors is that of their directions: the root of 2 - 2 cos.
        let theirs = found
            .id_list
            .iter()
            .zip(&found.distance_list)
            .map(|(&id, distance)| (id as usize, 1.0 - distance * distance / 2.0));
        let theirs: Vec<(usize, f32)> = theirs.filter(|(id, _)| *id != item).take(TOP).collect();
        let ours = &ours[&format!("key:{key}")];
        let agree = theirs.len() == TOP
            && ours.len() == TOP
            && theirs.iter().zip(ours).all(|((_, one), (_, other))| (one - other).abs() < NEAR)
            // Rows that are equally near may come in another order, and the last of them may be others.
            && theirs.iter().filter(|(id, _)| !ours.iter().any(|(own, _)| *own == keys[*id])).all(|(_, score)| (score - ours[TOP - 1].1).abs() < NEAR);
        if !agree {
            let theirs: Vec<_> = theirs.iter().map(|(id, score)| (&keys[*id], score)).collect();
            wrong.push(format!("{key}: {theirs:?} by annoy-rs, {ours:?} by pokedex"));
        }
    }
    wrong
}

/// The lines after the header.
fn lines(text: &str) -> Vec<String> {
    text.lines().skip(1).map(str::to_string).collect()
}

fn run(pokedex: &Path, folder: &Path, arguments: &[&str]) -> String {
    let done = Command::new(pokedex).args(arguments).current_dir(folder).output().expect("it runs");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}
