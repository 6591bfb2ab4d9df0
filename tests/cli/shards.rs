//! Several runs that share an input, and tables in many files.

use crate::workdir::Workdir;

#[test]
fn the_shards_of_a_folder_are_what_one_run_gives() {
    let dir = Workdir::new();
    for number in 0..24 {
        dir.picture(&format!("pics/{}/{number}.png", number % 3), number);
    }
    dir.write("pics/0/torn.png", "no picture");
    dir.pokedex("embed pics -o whole.parquet --no-cache").failed(3);
    std::fs::create_dir(dir.path("shards")).expect("writable");
    let mut torn = 0;
    for shard in 1..=3 {
        let arguments = format!("embed pics --shard {shard}/3 -o shards/{shard}.parquet --no-cache");
        let run = dir.pokedex(&arguments);
        torn += usize::from(!run.text().contains("1 skipped") && run.text().is_empty());
        // Run again, it writes the same bytes.
        let bytes = dir.read(&format!("shards/{shard}.parquet"));
        dir.pokedex(&arguments);
        assert_eq!(dir.read(&format!("shards/{shard}.parquet")), bytes);
    }
    assert!(torn <= 3);
    let shard = |n: u32| dir.keys(&format!("shards/{n}.parquet"));
    let mut union: Vec<String> = (1..=3).flat_map(shard).collect();
    assert!((1..=3).all(|n| !shard(n).is_empty()), "25 keys leave no shard of three empty");
    union.sort();
    let mut whole = dir.keys("whole.parquet");
    whole.sort();
    assert_eq!(union, whole);

    // A pattern and a folder stand for all of them, in every stage.
    dir.pokedex("index whole.parquet -o whole-index.parquet").ok();
    for input in ["shards/*.parquet", "shards", "shards/[1-3].parquet"] {
        dir.pokedex_args(&["index", input, "-o", "index.parquet"]).ok();
        let answer = |index: &str| dir.pokedex(&format!("query red --index {index} --top 25")).ok().text();
        assert_eq!(answer("index.parquet"), answer("whole-index.parquet"), "{input}");
    }
    let answer =
        |index: &str| dir.pokedex_args(&["query", "red", "--index", index, "--top", "25", "--columns", "score,key"]);
    assert_eq!(answer("shards/*.parquet").ok().text(), answer("whole.parquet").ok().text());
    dir.pokedex("split shards -o split.parquet").ok();
    assert_eq!(dir.keys("split.parquet").len(), 25);
    // Labels are those of the folders, whichever of them a shard has seen.
    let labels = dir.texts("shards/1.parquet", "label");
    assert!(labels.iter().all(Option::is_some), "{labels:?}");
}

#[test]
fn files_that_are_added_move_none() {
    let dir = Workdir::new();
    dir.pictures("pics", 20);
    let keys = |name: &str| {
        dir.pokedex(&format!("scan pics --shard 2/4 -o {name}")).ok();
        dir.keys(name)
    };
    let before = keys("before.parquet");
    for number in 0..20 {
        dir.picture(&format!("pics/new{number}.png"), number);
    }
    let after = keys("after.parquet");
    assert!(before.iter().all(|key| after.contains(key)));
    assert!(after.iter().all(|key| before.contains(key) || key.starts_with("new")));
}

#[test]
fn what_a_whole_folder_decides_a_shard_does_not() {
    let dir = Workdir::new();
    for number in 1..=12 {
        dir.picture(&format!("dex/{number:04}.png"), number);
    }
    let ids = |dir: &Workdir| {
        let shards = (1..=3).map(|shard| {
            dir.pokedex(&format!("scan dex --shard {shard}/3 -o {shard}.parquet")).ok();
            dir.texts(&format!("{shard}.parquet"), "label")
        });
        shards.flatten().filter(Option::is_some).count()
    };
    assert_eq!(ids(&dir), 12);
    // One file without a number, and none of any shard is one.
    dir.picture("dex/holiday.png", 1);
    assert_eq!(ids(&dir), 0);
}

#[test]
fn shards_of_tables_and_lists_are_by_their_keys_too() {
    let dir = Workdir::new();
    dir.pictures("pics", 9);
    dir.pokedex("scan pics -o m.parquet").ok();
    let from = |what: &str| {
        dir.shell(&format!("{what} --shard 1/2 -o out.parquet")).ok();
        dir.keys("out.parquet")
    };
    let folder = from("pokedex scan pics");
    assert_eq!(from("pokedex scan m.parquet"), folder);
    assert_eq!(from("ls pics/*.png | pokedex scan - --root pics"), folder);
    dir.pokedex("convert-rgb pics --shard 1/2 -o out.parquet").ok();
    assert_eq!(dir.keys("out.parquet"), folder);
    dir.pokedex("classify pics --shard 1/2 -o out.parquet").ok();
    assert_eq!(dir.keys("out.parquet"), folder);
    let said = dir.pokedex("scan pics --shard 0/2 -o out.parquet").failed(2);
    assert!(said.contains("the first of N is 1/N"), "{said}");
}

#[test]
fn a_shard_without_rows_is_a_table_without_rows() {
    let dir = Workdir::new();
    dir.pictures("pics", 1);
    for shard in 1..=3 {
        dir.pokedex(&format!("embed pics --shard {shard}/3 -o shards-{shard}.parquet")).ok();
    }
    dir.pokedex_args(&["index", "shards-*.parquet", "-o", "index.parquet"]).ok();
    assert_eq!(dir.keys("index.parquet").len(), 1);
}

#[test]
fn a_few_open_files_suffice_for_many_shards() {
    let dir = Workdir::new();
    dir.pictures("pics", 12);
    std::fs::create_dir(dir.path("shards")).expect("writable");
    dir.shell("for n in $(seq 120); do pokedex embed pics --shard $n/120 -o shards/$n.parquet -q || exit 1; done").ok();
    dir.shell("ulimit -n 64; pokedex index 'shards/*.parquet' -o index.parquet").ok();
    assert_eq!(dir.keys("index.parquet").len(), 12);
    let said = dir.pokedex_args(&["index", "nothing/*.parquet", "-o", "index.parquet"]).failed(1);
    assert!(said.contains("no file has a name of this pattern"), "{said}");
}
