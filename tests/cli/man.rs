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

#[test]
fn every_page_has_the_sections_that_readers_of_manuals_know() {
    let dir = Workdir::new();
    dir.pokedex("man -o pages").ok();
    for name in dir.files("pages") {
        let page = String::from_utf8(dir.read(&format!("pages/{name}"))).expect("text");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "\"EXIT STATUS\"", "ENVIRONMENT", "\"SEE ALSO\""]
        {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{name} has no {section}");
        }
        assert!(!page.contains("EXTRA"), "{name}");
        let see_also = page.split("\"SEE ALSO\"").nth(1).expect("it is there");
        for other in see_also.lines().filter(|line| line.contains("(1)")) {
            let other = other.replace("\\fB", "").replace("\\fR", "").replace("\\-", "-");
            let other = other.trim_end_matches(',').trim_end_matches("(1)").to_string();
            assert!(dir.path(&format!("pages/{other}.1")).exists(), "{name} points to {other}");
        }
    }
}

#[test]
fn examples_of_a_page_can_be_pasted() {
    let dir = Workdir::new();
    let page = dir.shell("pokedex man query > q.1; man -l q.1 2>/dev/null | col -b || true").ok().text();
    if !page.is_empty() {
        let wanted = "printf 'fire dog\\nid:25\\n' | pokedex query --queries - --format jsonl";
        assert!(page.contains(wanted), "{page}");
    }
}
