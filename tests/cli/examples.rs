//! The Makefiles of `examples/`, run as they stand.

use std::time::{Duration, SystemTime};

use crate::workdir::{Workdir, pattern, png};

fn make(dir: &Workdir, file: &str, variables: &str) -> String {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let line = format!("make -f {examples}/{file} POKEDEX={} {variables}", env!("CARGO_BIN_EXE_pokedex"));
    let run = dir.shell(&line);
    assert_eq!(run.code, 0, "{}\n{}", String::from_utf8_lossy(&run.stdout), run.stderr);
    run.text()
}

/// A picture whose file says that it is older than anything.
fn old(dir: &Workdir, name: &str, number: u32) {
    dir.write(name, png(&pattern(64, 48, number).into()));
    let file = std::fs::File::options().write(true).open(dir.path(name)).expect("there");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)).expect("a date");
}

#[test]
fn a_data_set_follows_its_pictures() {
    let dir = Workdir::new();
    for number in 0..12 {
        let name = format!("my pictures/{}/{number} $x#.png", ["a b", "c's"][number as usize % 2]);
        dir.write(&name, png(&pattern(64, 48, number * 5).into()));
    }
    let variables = "PICTURES='my pictures' FLOOR=1";
    make(&dir, "dataset.mk", variables);
    assert!(dir.path("build/dataset/data.yaml").exists());
    let again = make(&dir, "dataset.mk", variables);
    assert!(!again.contains(" augment ") && !again.contains(" export "), "nothing changed: {again}");
    let pictures = |dir: &Workdir| dir.files("build/dataset/images").len();
    let before = pictures(&dir);
    old(&dir, "my pictures/a b/new.png", 999);
    make(&dir, "dataset.mk", variables);
    assert_eq!(pictures(&dir), before + 1, "an old date");
    std::fs::remove_file(dir.path("my pictures/a b/new.png")).expect("there");
    make(&dir, "dataset.mk", variables);
    assert_eq!(pictures(&dir), before, "a removed picture");
    make(&dir, "dataset.mk", &format!("{variables} FORMAT=imagefolder"));
    assert!(dir.path("build/dataset/train").is_dir() && !dir.path("build/dataset/data.yaml").exists());
}

#[test]
fn an_index_follows_its_pictures() {
    let dir = Workdir::new();
    for number in 0..3 {
        dir.picture(&format!("my pictures/{number} x.png"), number * 7);
    }
    make(&dir, "Makefile", "PICTURES='my pictures'");
    assert_eq!(dir.keys("build/index.parquet").len(), 3);
    let again = make(&dir, "Makefile", "PICTURES='my pictures'");
    assert!(!again.contains(" embed "), "nothing changed: {again}");
    std::fs::remove_file(dir.path("my pictures/1 x.png")).expect("there");
    old(&dir, "my pictures/old.png", 99);
    make(&dir, "Makefile", "PICTURES='my pictures'");
    let keys = dir.keys("build/index.parquet");
    assert!(keys.len() == 3 && keys.iter().any(|key| key.starts_with("old")), "{keys:?}");
    let found = make(&dir, "Makefile", "-s query PICTURES='my pictures' QUERY='a red bird'");
    assert!(found.contains("old"), "{found}");
}
