use std::path::Path;

use crate::workdir::Workdir;

#[test]
fn committed_scripts_are_fresh() {
    let dir = Workdir::new();
    for (shell, file) in [("bash", "pokedex.bash"), ("zsh", "_pokedex"), ("fish", "pokedex.fish")] {
        let script = dir.pokedex(&format!("completions {shell}")).ok().text();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(file);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(script == committed, "completions/{file} is stale: run `just generate`");
    }
}

#[test]
fn the_bash_script_completes_subcommands() {
    let dir = Workdir::new();
    let line = "source <(pokedex completions bash); COMP_WORDS=(pokedex que); COMP_CWORD=1; \
        _pokedex pokedex que pokedex; echo \"${COMPREPLY[@]}\"";
    assert_eq!(dir.shell(line).ok().text(), "query\n");
}
