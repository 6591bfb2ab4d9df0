use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;

use crate::workdir::{Run, Workdir};

const DATABASE: &str = ".cache/embeddings.sqlite";
const DIGEST: &str = "0123456789abcdef0123456789abcdef";

/// A folder with so many pictures, and the table that the cache must not change.
fn workdir(pictures: u32) -> (Workdir, Vec<u8>) {
    let dir = Workdir::new();
    dir.pictures("in", pictures);
    dir.pokedex("embed in --no-cache -o plain.parquet").ok();
    let plain = dir.read("plain.parquet");
    (dir, plain)
}

/// Vectors of all models that are in the cache.
fn kept(dir: &Workdir) -> u64 {
    let info = dir.pokedex("cache info").ok().text();
    let counts = info.lines().filter(|line| line.starts_with("model")).map(|line| {
        let count = line.split(", ").nth(1).and_then(|field| field.split(' ').next());
        count.and_then(|count| count.parse::<u64>().ok()).unwrap_or_else(|| panic!("{info}"))
    });
    counts.sum()
}

/// Runs `embed` over the pictures, which must give the table that it gives without a cache.
#[track_caller]
fn embed(dir: &Workdir, plain: &[u8]) -> Run {
    let run = dir.pokedex("embed in -o e.parquet").ok();
    assert!(dir.read("e.parquet") == plain, "the cache changed the table");
    run
}

/// The database with all that is in its journal.
fn database(dir: &Workdir) -> Vec<u8> {
    let connection = rusqlite::Connection::open(dir.path(DATABASE)).expect("a database");
    connection.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(())).expect("merged");
    drop(connection);
    dir.read(DATABASE)
}

/// Puts something in the place of the database.
fn replace_database(dir: &Workdir, bytes: &[u8]) {
    dir.shell("rm -rf .cache/embeddings.sqlite*").ok();
    dir.write(DATABASE, bytes);
}

#[test]
fn what_was_computed_once_is_not_computed_again() {
    let (dir, plain) = workdir(20);
    embed(&dir, &plain);
    assert_eq!(kept(&dir), 20);
    dir.shell("mv in moved && mkdir in && mv moved/00* in && mv moved in").ok();
    dir.picture("in/new.png", 99);
    let said = dir.pokedex("embed in -v -o e.parquet").ok().stderr;
    assert!(said.contains(" 1 computed, 20 from the cache"), "{said}");
    assert_eq!(kept(&dir), 21);
    dir.pokedex("embed in --no-cache -o f.parquet").ok();
    assert!(dir.read("e.parquet") == dir.read("f.parquet"));
    assert_eq!(dir.files(".cache").iter().filter(|name| name.ends_with(".sqlite")).count(), 1);
}

/// Batches have other last bits.
#[test]
fn vectors_of_batches_are_kept_apart() {
    let (dir, plain) = workdir(3);
    dir.pokedex("embed in --batch 2 -o batched.parquet").ok();
    embed(&dir, &plain);
    assert_eq!(kept(&dir), 6);
    assert!(dir.pokedex("cache info").ok().text().contains("-batched, 3 vectors"));
}

#[test]
fn a_run_that_is_killed_at_any_moment_loses_nothing_that_was_kept() {
    let (dir, plain) = workdir(500);
    let mut before = 0;
    for number in 0..50u64 {
        // Half a second at most, less as a rule: a process that has just begun is as interesting as one that works.
        let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        let pause = (random * random) >> 11;
        let line = format!("pokedex embed in -j1 -o e.parquet & sleep 0.{pause:03}; kill -9 $!; wait $!");
        let said = dir.shell(&line).stderr;
        assert!(!said.contains("pokedex:"), "{said}");
        let now = kept(&dir);
        assert!(now >= before, "of {before} vectors {now} are left");
        before = now;
    }
    assert!(before > 0, "nothing was kept");
    assert_eq!(embed(&dir, &plain).stderr, "");
    assert_eq!(kept(&dir), 500);
}

#[test]
fn several_processes_fill_one_cache_and_write_one_output() {
    let (dir, plain) = workdir(150);
    let line = "for i in 1 2 3; do pokedex embed in -j2 -o e.parquet & pids=\"$pids $!\"; done
                for pid in $pids; do wait $pid || exit; done";
    assert_eq!(dir.shell(line).ok().stderr, "");
    assert!(dir.read("e.parquet") == plain);
    assert_eq!(kept(&dir), 150);
}

#[test]
fn a_process_that_is_stopped_stops_no_other() {
    let (dir, plain) = workdir(100);
    for pause in ["0.005", "0.05", "0.1"] {
        let line = format!(
            "pokedex embed in -j1 -o stopped.parquet & sleep {pause}; kill -STOP $!; \
             timeout 20 pokedex embed in -o e.parquet; code=$?; kill -9 $!; exit $code"
        );
        dir.shell(&line).ok();
        assert!(dir.read("e.parquet") == plain);
    }
}

#[test]
fn a_damaged_cache_is_slower_not_wrong_and_heals() {
    let (dir, plain) = workdir(60);
    embed(&dir, &plain);
    let sound = database(&dir);
    let middle = sound.len() / 2;
    let noise: Vec<u8> = (0..9000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let over = |at: usize| [&sound[..at], &noise, &sound[at + noise.len()..]].concat();
    for (bytes, expected) in [
        (over(middle), ""),
        (over(0), "this was no cache; it is now embeddings.sqlite.aside"),
        (over(100), "the cache was damaged; a new one was started"),
        (sound[..middle].to_vec(), "the cache was damaged; a new one was started"),
        (sound[..1].to_vec(), "this was no cache"),
        (Vec::new(), ""),
        (b"a text of somebody's\n".repeat(500), "this was no cache"),
    ] {
        replace_database(&dir, &bytes);
        let said = embed(&dir, &plain).stderr;
        assert!(said.contains(expected) && said.lines().count() <= 1, "{expected}: {said}");
        embed(&dir, &plain);
        assert_eq!(embed(&dir, &plain).stderr, "");
        assert_eq!(kept(&dir), 60);
    }
    dir.shell(&format!("rm -r .cache/embeddings*; mkdir -p {DATABASE}/something")).ok();
    let said = embed(&dir, &plain).stderr;
    assert!(said.contains("this was no cache; it is now embeddings.sqlite.aside"), "{said}");
    assert!(dir.path(".cache/embeddings.sqlite.aside/something").is_dir());
    assert_eq!(kept(&dir), 60);
}

#[test]
fn a_flipped_bit_in_a_vector_is_found_and_put_right() {
    let (dir, plain) = workdir(12);
    embed(&dir, &plain);
    let vectors = dir.table("plain.parquet")["embedding"].as_fixed_size_list().value(5);
    let vector: Vec<u8> = vectors.as_primitive::<Float32Type>().values().iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut bytes = database(&dir);
    let at = bytes.windows(vector.len()).position(|window| window == vector).expect("the vector is in the file");
    bytes[at + 501] ^= 0x10;
    replace_database(&dir, &bytes);
    assert_eq!(embed(&dir, &plain).stderr, "");
    let bytes = database(&dir);
    assert!(bytes.windows(vector.len()).any(|window| window == vector), "it was not put right");
}

#[test]
fn the_limit_is_kept() {
    let (dir, plain) = workdir(300);
    let run = dir.shell("POKEDEX_CACHE_LIMIT=150k pokedex embed in -o e.parquet").ok();
    assert_eq!(run.stderr, "");
    assert!(dir.read("e.parquet") == plain);
    let bytes = dir.read(DATABASE).len();
    assert!(bytes < 200 << 10, "{bytes}");
    assert!((20..150).contains(&kept(&dir)), "{}", kept(&dir));
    assert!(dir.shell("POKEDEX_CACHE_LIMIT=150k pokedex cache info").ok().text().contains(" of 150.0 KiB at most\n"));
}

#[test]
fn a_limit_of_nothing_makes_no_cache() {
    let (dir, plain) = workdir(3);
    dir.shell("POKEDEX_CACHE_LIMIT=0 pokedex embed in -o e.parquet").ok();
    let said = dir.shell("POKEDEX_CACHE=/dev/null pokedex embed in -o e.parquet").ok().stderr;
    assert!(said.contains("/dev/null: cannot keep vectors (") && said.contains("computes them again"), "{said}");
    assert!(dir.read("e.parquet") == plain);
    assert!(!dir.path(".cache").exists());
}

#[test]
fn a_limit_that_is_no_size_is_named() {
    let (dir, _) = workdir(1);
    for command in ["embed in -o e.parquet", "cache info"] {
        let run = dir.shell(&format!("POKEDEX_CACHE_LIMIT=lots pokedex {command}")).ok();
        assert_eq!(
            run.stderr,
            "pokedex: POKEDEX_CACHE_LIMIT: `lots` is no size (500M, 10G, 0 to keep nothing); 10G is used\n"
        );
    }
}

#[test]
fn what_is_in_the_cache_is_shown() {
    let dir = Workdir::new();
    let empty = dir.pokedex("cache info").ok();
    assert_eq!(
        empty.text(),
        format!("where       {}\nsize        0 bytes of 10.0 GiB at most\n", dir.path(".cache").display())
    );
    assert_eq!((empty.stderr.as_str(), dir.path(".cache").exists()), ("", false));
    dir.pictures("in", 4);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.write(&format!(".cache/towers/{DIGEST}/tower.onnx"), [0; 3000]);
    let info = dir.pokedex("cache info").ok().text();
    let model = dir.texts("e.parquet", "embedding_model")[0].clone().expect("a model");
    assert!(info.contains(&format!("\nmodel       {model}, 4 vectors, 4.0 KiB\n")), "{info}");
    assert!(info.ends_with("\nbesides     towers, 2.9 KiB\n"), "{info}");
}

#[test]
fn everything_is_cleared_but_what_is_somebodys() {
    let (dir, plain) = workdir(30);
    embed(&dir, &plain);
    dir.write(&format!(".cache/towers/{DIGEST}/tower.onnx"), [0; 3000]);
    dir.write(".cache/mine.txt", "mine");
    let run = dir.pokedex("cache clear -v").ok();
    assert!(run.stderr.starts_with("pokedex: cache: ") && run.stderr.ends_with(" KiB removed\n"), "{}", run.stderr);
    assert_eq!(dir.files(".cache"), ["CACHEDIR.TAG", "embeddings.lock", "mine.txt"]);
    assert_eq!(kept(&dir), 0);
    assert_eq!(dir.pokedex("cache clear -v").ok().stderr, "pokedex: cache: 0 bytes removed\n");
    embed(&dir, &plain);
    assert_eq!(kept(&dir), 30);
}

#[test]
fn one_model_is_cleared_by_its_name_or_first_digits() {
    let (dir, plain) = workdir(30);
    dir.other_model(".models/other");
    embed(&dir, &plain);
    dir.pokedex("embed in --model other -o other.parquet").ok();
    let model = dir.texts("other.parquet", "embedding_model")[0].clone().expect("a model");
    assert_eq!(kept(&dir), 60);
    let said = dir.pokedex("cache clear clip").failed(1);
    assert!(
        said.starts_with("pokedex: clip: the cache has no vectors of this model\nhint: it has vectors of "),
        "{said}"
    );
    assert!(said.contains(&model), "{said}");
    let said = dir.pokedex_args(&["cache", "clear", "-v", &model[..12]]).ok().stderr;
    assert_eq!(said, format!("pokedex: cache: 30 vectors of {model} removed\n"));
    assert_eq!(kept(&dir), 30);
    dir.pokedex("cache clear pokedex-mini").ok();
    assert_eq!(kept(&dir), 0);
    assert!(dir.pokedex("cache clear pokedex-mini").failed(1).contains("hint: it is empty"));
}

#[test]
fn a_cache_that_is_cleared_or_removed_during_a_run_is_no_failure_of_it() {
    let (dir, plain) = workdir(120);
    for line in ["pokedex cache clear", "pokedex cache clear pokedex-mini", "rm -rf .cache"] {
        let line = format!("pokedex embed in -j1 -o e.parquet & sleep 0.3; {line} && wait $!");
        assert_eq!(dir.shell(&line).ok().stderr, "", "{line}");
        assert!(dir.read("e.parquet") == plain);
    }
    embed(&dir, &plain);
    assert_eq!(kept(&dir), 120);
}

/// Permissions would not stop the tests where they run as root; a file where a folder should be does.
#[test]
fn without_a_place_for_a_cache_there_is_none() {
    let (dir, plain) = workdir(5);
    dir.write("file", "");
    for cache in ["file", "file/below", "/proc/nowhere"] {
        let run = dir.shell(&format!("POKEDEX_CACHE={cache} pokedex embed in -o e.parquet")).ok();
        assert!(run.stderr.starts_with(&format!("pokedex: {cache}: cannot keep vectors (")), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1);
        assert!(dir.read("e.parquet") == plain);
        for command in ["info", "clear"] {
            assert_eq!(dir.shell(&format!("POKEDEX_CACHE={cache} pokedex cache {command}")).ok().stderr, "");
        }
    }
}

/// No file may grow beyond what the table needs; the cache needs more.
#[test]
fn a_full_disk_ends_the_keeping_but_not_the_run() {
    let (dir, plain) = workdir(40);
    let run = dir.shell("trap '' XFSZ; ulimit -f 100; pokedex embed in -j1 -o e.parquet").ok();
    assert!(dir.read("e.parquet") == plain);
    let path = dir.path(DATABASE).display().to_string();
    assert!(
        run.stderr.starts_with(&format!("pokedex: {path}: the cache cannot be written any more (")),
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    let before = kept(&dir);
    assert!((1..40).contains(&before), "{before}");
    assert_eq!(embed(&dir, &plain).stderr, "");
    assert_eq!(kept(&dir), 40);
}

/// The variable names a folder, and there is no telling what people have in it.
#[test]
fn a_folder_of_somebodys_that_the_cache_is_put_in_loses_nothing() {
    let (dir, _) = workdir(3);
    let files = ["embeddings/all.npy", "towers/plan.txt", "digests/notes", "training/train.py", "training/run.json"];
    for name in files {
        dir.write(&format!("proj/{name}"), "months of work");
    }
    dir.shell("mkdir other; ln -s ../other proj/digests2; ln -s ../../in/000.png proj/towers/0.png").ok();
    let clear = || dir.shell("POKEDEX_CACHE=proj pokedex cache clear").ok().stderr;
    let whole = || files.iter().all(|name| dir.read(&format!("proj/{name}")) == b"months of work");
    clear();
    assert!(whole() && !dir.path("proj/CACHEDIR.TAG").exists());
    dir.shell("POKEDEX_CACHE=proj pokedex embed in -o e.parquet").ok();
    assert!(dir.path("proj/embeddings.sqlite").exists());
    let said = clear();
    assert!(said.contains("proj/training: is not, or not only, the cache's own, and stays"), "{said}");
    assert!(whole() && !dir.path("proj/CACHEDIR.TAG").exists() && !dir.path("proj/embeddings.sqlite").exists());
    // Somebody's database of that name is neither used nor removed nor moved away.
    dir.write("proj/embeddings.sqlite", b"SQLite format 3\0 and so on".repeat(100));
    let before = dir.read("proj/embeddings.sqlite");
    let said = dir.shell("POKEDEX_CACHE=proj pokedex embed in -o e.parquet").ok().stderr;
    assert!(said.contains("this is no cache; this run does without the cache"), "{said}");
    assert!(clear().contains("proj/embeddings.sqlite: is not"));
    assert!(dir.read("proj/embeddings.sqlite") == before);
}

/// Caches that were made before there were marks are known by their database.
#[test]
fn a_cache_without_a_mark_is_used_and_cleared() {
    let (dir, plain) = workdir(5);
    embed(&dir, &plain);
    std::fs::remove_file(dir.path(".cache/CACHEDIR.TAG")).expect("marked");
    dir.write(&format!(".cache/digests/{DIGEST}"), "x");
    assert_eq!(kept(&dir), 5);
    assert_eq!(dir.pokedex("cache clear").ok().stderr, "");
    assert_eq!(dir.files(".cache"), ["embeddings.lock"]);
}
