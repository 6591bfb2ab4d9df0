use crate::workdir::Workdir;

#[test]
fn the_built_in_model_is_listed_and_explained() {
    let dir = Workdir::new();
    let list = dir.pokedex("model list").ok().text();
    assert!(list.starts_with("name\tmodel\tdimension\twhere\npokedex-mini\tpokedex-mini@"), "{list}");
    let info = dir.pokedex("model info").ok().text();
    for fact in [
        "model       pokedex-mini@",
        "dimension   256, cosine",
        "licence     MIT OR Apache-2.0",
        "file        text.rten",
    ] {
        assert!(info.contains(fact), "{info}");
    }
}

#[test]
fn what_a_model_says_of_itself_drives_no_terminal() {
    let dir = Workdir::new();
    dir.other_model(".models/m");
    let config = String::from_utf8(dir.read(".models/m/model.json")).expect("text");
    let drives = |text: &str| text.contains(['\u{1b}', '\u{7}', '\u{202e}']);
    dir.write(".models/m/model.json", config.replace("MIT", "MIT\\u001b[31m\\n"));
    let shown = dir.pokedex("model info m").ok().text();
    assert!(shown.contains("MIT\\u{1b}[31m") && !drives(&shown), "{shown}");
    // A name like that is none, and the list says which model is left out.
    dir.write(".models/m/model.json", config.replace("\"other\"", "\"other\\u001b]0;title\\u0007\\u202e\""));
    let listed = dir.pokedex("model list").ok();
    assert!(listed.stderr.contains("other\\u{1b}]0;title") && !drives(&listed.stderr), "{}", listed.stderr);
    for command in ["model info m", "model info ./.models/m"] {
        let said = dir.pokedex(command).failed(1);
        assert!(said.contains("other\\u{1b}]0;title") && !drives(&said), "{said}");
    }
}

#[test]
fn models_in_folders_are_listed_by_name() {
    let dir = Workdir::new();
    dir.other_model(".models/other");
    dir.write(".models/broken/model.json", "{");
    let list = dir.pokedex("model list").ok().text();
    assert!(list.contains("\nother\tother@"), "{list}");
    let said = dir.pokedex("model info broken").failed(1);
    assert!(said.contains("not a model folder: model.json: EOF"), "{said}");
    assert!(dir.pokedex("model info nope").failed(1).contains("installed models: pokedex-mini, other"));
}

#[test]
fn damaged_weights_are_an_error() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    dir.other_model("other");
    let config = std::fs::read_to_string(dir.path("other/model.json")).expect("a configuration");
    for file in ["image.safetensors", "image.rten"] {
        dir.write("other/model.json", config.replace("image.safetensors", file));
        for bytes in [&b""[..], b"RTEN", b"not a model at all"] {
            dir.write(&format!("other/{file}"), bytes);
            let said = dir.pokedex("embed in --model ./other -o e.parquet").failed(1);
            assert!(said.contains(&format!("{file}: cannot load")), "{said}");
        }
    }
}
