//! What holds of every subcommand.

use std::path::Path;

use crate::workdir::Workdir;

fn repository(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn subcommands() -> Vec<String> {
    pokedex::cli::command().get_subcommands().map(|c| c.get_name().to_string()).collect()
}

#[test]
fn every_subcommand_has_examples_a_row_in_the_readme_and_a_test_file() {
    let readme = repository("README.md");
    let tests = repository("tests/cli/main.rs");
    for name in subcommands() {
        let help = Workdir::new().pokedex(&format!("{name} --help")).ok().text();
        assert!(help.contains("Examples:\n  "), "`{name} --help` has no examples");
        assert!(readme.contains(&format!("| `{name}` |")), "README has no row for `{name}`");
        let file = name.replace('-', "_");
        assert!(tests.contains(&format!("mod {file};")), "no tests for `{name}`");
    }
}

#[test]
fn every_flag_has_a_help_text() {
    fn walk(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{} has no description", command.get_name());
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} {} has no help", command.get_name(), argument.get_id());
        }
        command.get_subcommands().for_each(walk);
    }
    walk(&pokedex::cli::command());
}

#[test]
fn the_command_line_definition_is_sound() {
    pokedex::cli::command().debug_assert();
}

#[test]
fn alone_it_shows_where_to_begin() {
    let text = Workdir::new().pokedex("").ok().text();
    assert!(text.contains("pokedex query \"fire dog\""), "{text}");
    for name in subcommands() {
        assert!(text.contains(&format!("  {name} ")), "{text}");
    }
}

#[test]
fn wrong_usage_exits_with_2_and_suggests() {
    let dir = Workdir::new();
    assert!(dir.pokedex("querry x").failed(2).contains("query"));
    assert!(dir.pokedex("query x --fromat csv").failed(2).contains("--format"));
    assert!(dir.pokedex("embed x --batch 0").failed(2).contains("1..=1024"));
    assert!(dir.pokedex("scan").failed(2).contains("INPUT"));
}

#[test]
fn what_is_not_there_is_named_with_a_hint() {
    let dir = Workdir::new();
    for command in ["scan", "convert-rgb", "split", "embed", "index", "export"] {
        let said = dir.pokedex(&format!("{command} nowhere -o out.parquet")).failed(1);
        assert!(said.starts_with("pokedex: nowhere: cannot read: No such file"), "{command}: {said}");
        assert!(said.contains("\nhint: "), "{command}: {said}");
        assert_eq!(dir.files(""), [] as [&str; 0], "{command} left something behind");
    }
}

#[test]
fn stages_that_need_vectors_name_the_command_that_makes_them() {
    let dir = Workdir::new();
    dir.pictures("pics", 2);
    let said = dir.pokedex("index pics -o i.parquet").failed(1);
    assert!(said.contains("hint: pokedex embed pics | pokedex index - -o index.parquet"), "{said}");
    dir.pokedex("scan pics -o m.parquet").ok();
    let said = dir.pokedex("index m.parquet -o i.parquet").failed(1);
    assert!(said.contains("has no column `embedding`") && said.contains("pokedex embed"), "{said}");
}

#[test]
fn unwritable_outputs_fail_before_any_work() {
    let dir = Workdir::new();
    dir.pictures("pics", 2);
    for command in ["scan", "embed", "split", "convert-rgb"] {
        let said = dir.pokedex(&format!("{command} pics -o missing/out.parquet")).failed(1);
        assert!(said.contains("missing/out.parquet: cannot write"), "{said}");
        assert!(said.contains("hint: "), "{said}");
    }
}

#[test]
fn options_of_large_commands_stand_below_headings_that_mean_the_same_everywhere() {
    const HEADINGS: [&str; 19] = [
        "Input",
        "Model",
        "Network",
        "Search",
        "Training",
        "Rejection",
        "Detectors",
        "Figures",
        "Findings",
        "Division",
        "Choice",
        "Map",
        "Plot",
        "Text",
        "Near copies",
        "Copies",
        "Pictures",
        "Output",
        "Work",
    ];
    let mut places = std::collections::HashMap::<String, (String, String)>::new();
    for command in pokedex::cli::command().get_subcommands() {
        let own = |a: &&clap::Arg| !a.is_positional() && !a.is_hide_set() && !a.is_global_set();
        let options: Vec<&clap::Arg> = command.get_arguments().filter(own).collect();
        for option in &options {
            let (command, name) = (command.get_name(), option.get_long().unwrap_or_default());
            let Some(heading) = option.get_help_heading() else {
                assert!(options.len() <= 8, "`{command} --{name}` stands below no heading");
                continue;
            };
            let special = command == "export" && ["Data sets", "Device toolchains"].contains(&heading);
            assert!(special || HEADINGS.contains(&heading), "`{command} --{name}`: {heading}");
            if ["output", "format", "jobs", "strict", "size", "engine", "ids"].contains(&name) {
                let (first, other) = places.entry(name.into()).or_insert((command.into(), heading.into()));
                assert_eq!(other, heading, "--{name} of {first} and of {command}");
            }
        }
    }
}

#[test]
fn one_meaning_has_one_name_and_the_old_names_still_do() {
    for (command, name, old) in [
        ("train", "vector-column", "features"),
        ("train", "by", "target"),
        ("index", "vector-column", "features"),
        ("query", "vector-column", "features"),
        ("check", "layout", "profile"),
        ("check", "warn-below", "min-size"),
    ] {
        let commands = pokedex::cli::command();
        let command = commands.find_subcommand(command).expect("a command");
        let option = command.get_arguments().find(|a| a.get_long() == Some(name)).expect("an option");
        assert!(option.get_all_aliases().is_some_and(|all| all.contains(&old)), "--{old} for --{name}");
        assert!(option.get_visible_aliases().is_none_or(|all| all.is_empty()), "--{old} is shown");
    }
}

#[test]
fn hints_about_files_that_are_not_there_fit_every_command() {
    let dir = Workdir::new();
    dir.pictures("pics", 1);
    for (command, hint) in [
        ("embed nowhere", "hint: check the spelling: ls ."),
        ("scan pics/nowhere.png", "hint: check the spelling: ls pics"),
        ("check no/such/folder", "hint: there is no folder no\n"),
        ("query x --index nowhere.parquet", "hint: check the spelling: ls ."),
        ("query ./no/picture.png", "hint: there is no folder ./no\n"),
        ("classify pics --labels nowhere", "hint: check the spelling: ls ."),
        ("embed pics --model ./nowhere", "hint: check the spelling; `pokedex model list`"),
        ("export pokedex: --columns lable", "hint: did you mean `label`?"),
    ] {
        let said = dir.pokedex(command).failed(1);
        assert!(said.contains(hint), "{command}: {said}");
    }
}
