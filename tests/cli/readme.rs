//! Every console block of the README is run, in order, in one folder with the examples of a clone; what it prints must be what stands there.
//! `[..]` stands for anything within a line, `...` on its own line for any lines.

use std::path::Path;

use crate::workdir::Workdir;

#[test]
fn the_tour_in_the_readme_is_true() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a README");
    let dir = Workdir::new();
    dir.shell(&format!("mkdir examples && cp -r '{}/examples/creatures' examples/", env!("CARGO_MANIFEST_DIR"))).ok();
    let blocks: Vec<&str> = readme.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 3, "the README has lost its tour");
    for block in blocks {
        for step in block.split("$ ").skip(1) {
            let (line, expected) = step.split_once('\n').unwrap_or((step, ""));
            let run = dir.shell(&format!("({line}) 2>&1"));
            let printed = format!("$ {line}\n{}", run.text());
            // The comparison takes a backslash for part of a path of Windows.
            let expected = format!("$ {line}\n{expected}").replace('\\', "/");
            snapbox::assert_data_eq!(printed, expected);
        }
    }
}
