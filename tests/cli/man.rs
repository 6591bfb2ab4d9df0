use std::path::Path;

use crate::workdir::Workdir;

#[test]
fn committed_pages_are_fresh() {
    let dir = Workdir::new();
    dir.pokedex("man -o pages").ok();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let mut names: Vec<String> = std::fs::read_dir(&committed)
        .expect("man/")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(dir.files("pages"), names, "man/ is stale: run `just generate`");
    for name in names {
        let page = std::fs::read(committed.join(&name)).expect("a page");
        assert!(dir.read(&format!("pages/{name}")) == page, "man/{name} is stale: run `just generate`");
    }
}

#[test]
fn a_page_is_printed_by_name() {
    let dir = Workdir::new();
    assert!(dir.pokedex("man query").ok().text().contains(".TH pokedex-query 1"));
    assert!(dir.pokedex("man").ok().text().contains(".TH pokedex 1"));
    assert!(dir.pokedex("man nope").failed(2).contains("no manual page for `nope`"));
}
