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

/// Has another program press the tab key, where it is installed.
fn what_a_shell_offers(dir: &Workdir, shell: &str, line: &str) -> Option<String> {
    let is_there = std::process::Command::new(shell).arg("-c").arg("true").output().is_ok();
    is_there.then(|| dir.shell(line).ok().text())
}

#[test]
fn bash_completes_names_of_models_and_of_pages() {
    let dir = Workdir::new();
    let offer = |words: &str, count: usize, last: &str, before: &str| {
        let line = format!(
            "source <(pokedex completions bash); COMP_WORDS=({words}); COMP_CWORD={count}; \
             _pokedex pokedex '{last}' '{before}'; echo \"${{COMPREPLY[@]}}\""
        );
        dir.shell(&line).ok().text()
    };
    assert_eq!(offer("pokedex embed photos --model pok", 4, "pok", "--model"), "pokedex-mini\n");
    assert_eq!(offer("pokedex man evalu", 2, "evalu", "man"), "evaluate\n");
}

#[test]
fn fish_completes_names_of_models_and_of_pages() {
    let dir = Workdir::new();
    let offer = |words: &str| {
        let line = format!("fish -c 'pokedex completions fish | source; complete -C \"{words}\"'");
        what_a_shell_offers(&dir, "fish", &line)
    };
    if let Some(text) = offer("pokedex embed photos --model pok") {
        assert!(text.contains("pokedex-mini"), "{text}");
        assert!(offer("pokedex man evalu").expect("fish is there").contains("evaluate"));
    }
}

#[test]
fn the_zsh_script_goes_on_after_the_first_input() {
    let dir = Workdir::new();
    let script = dir.pokedex("completions zsh").ok().text();
    assert!(script.contains("'*:inputs -- ") && !script.contains("'*::inputs"), "inputs end the options");
    assert!(script.contains(":_pokedex_models'") && script.contains("\n_pokedex_models() {"));
    if let Some(text) =
        what_a_shell_offers(&dir, "zsh", "pokedex completions zsh > _pokedex; zsh -n _pokedex && echo fine")
    {
        assert_eq!(text, "fine\n");
    }
}
