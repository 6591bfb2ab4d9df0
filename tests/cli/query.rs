use crate::workdir::{Workdir, pattern, png};

/// The names that a query on the built-in Pokédex gives, best first.
fn names(dir: &Workdir, arguments: &[&str]) -> Vec<String> {
    let text = dir.pokedex_args(&[&["query"], arguments].concat()).ok().text();
    text.lines().skip(1).map(|line| line.split('\t').nth(3).expect("a label").to_string()).collect()
}

#[test]
fn the_first_line_everybody_tries_is_answered_rightly() {
    let found = names(&Workdir::new(), &["fire dog", "--top", "5"]);
    assert_eq!(found.len(), 5);
    let dogs = ["Growlithe", "Arcanine", "Houndour", "Houndoom"];
    assert!(found.iter().filter(|name| dogs.contains(&name.as_str())).count() >= 3, "{found:?}");
}

#[test]
fn bare_words_are_one_text() {
    let dir = Workdir::new();
    assert_eq!(names(&dir, &["fire", "dog", "-n", "5"]), names(&dir, &["fire dog", "-n", "5"]));
    let mice = ["Pikachu", "Raichu", "Pichu"];
    assert!(mice.contains(&names(&dir, &["electric", "mouse"])[0].as_str()));
}

#[test]
fn names_come_first_however_awkward_they_are() {
    let dir = Workdir::new();
    let awkward = [
        "Type: Null",
        "Ho-Oh",
        "Porygon-Z",
        "Mr. Mime",
        "Farfetch'd",
        "Nidoran♀",
        "Nidoran♂",
        "Flabébé",
        "Mime Jr.",
        "Tapu Koko",
        "Jangmo-o",
        "Zygarde",
    ];
    for name in awkward {
        let first = &names(&dir, &[name, "-n", "1"])[0];
        assert_eq!(first.replace('’', "'"), name);
    }
    assert_eq!(names(&dir, &["pikachoo", "-n", "1"]), ["Pikachu"]);
}

#[test]
fn every_species_is_found_by_its_name() {
    let dir = Workdir::new();
    let all: Vec<&str> = pokedex::species::names().collect();
    dir.write("names.txt", all.join("\n"));
    let text = dir.pokedex("query --queries names.txt --top 1").ok().text();
    let found: Vec<&str> = text.lines().skip(1).map(|line| line.split('\t').nth(4).expect("a label")).collect();
    let wrong: Vec<_> = all.iter().zip(&found).filter(|(name, found)| name != found).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_misspelt_word_is_read_as_the_known_one_and_a_note_says_so() {
    let dir = Workdir::new();
    for (misspelt, meant, right) in [
        ("haunted sowrd", "haunted sword", "Honedge"),
        ("pengiuns", "penguins", "Piplup"),
        ("a chamelion", "a chameleon", "Kecleon"),
    ] {
        let run = dir.pokedex_args(&["query", misspelt]);
        let meant_run = dir.pokedex_args(&["query", meant]).ok();
        assert_eq!(run.text(), meant_run.text(), "{misspelt}");
        assert!(run.text().contains(right), "{misspelt}: {}", run.text());
        assert!(run.stderr.contains("not a known word; read as"), "{}", run.stderr);
        assert_eq!(meant_run.stderr, "");
    }
    // Names come before words that are as near, and words of an index are read in the same way.
    assert_eq!(names(&dir, &["bulbasuar"])[0], "Bulbasaur");
    dir.pictures("photos", 4);
    dir.pokedex("embed photos -o photos.parquet").ok();
    let asked = |words: &str| dir.pokedex_args(&["query", words, "--index", "photos.parquet"]).ok().text();
    assert_eq!(asked("yelow birb wiht wings"), asked("yellow bird with wings"));
}

#[test]
fn words_in_a_row_are_no_misspelt_name() {
    // "a row" is one letter from Aron, "a little" from Flittle.
    let found = names(&Workdir::new(), &["soldiers marching in a row behind a little shield"]);
    assert!(!found[..3].iter().any(|name| name == "Aron" || name == "Flittle"), "{found:?}");
}

#[test]
fn stored_rows_are_not_their_own_answer() {
    let dir = Workdir::new();
    let found = names(&dir, &["--id", "25", "--top", "6"]);
    assert_eq!(found.len(), 6);
    assert!(!found.contains(&"Pikachu".to_string()));
    assert_eq!(names(&dir, &["id:25", "--top", "6"]), found);
    assert_eq!(names(&dir, &["key:pikachu", "--top", "6"]), found);
    let said = dir.pokedex("query id:4000").failed(1);
    assert!(said.contains("built-in Pokédex: has no row with id:4000"), "{said}");
}

#[test]
fn terms_add_and_subtract() {
    let dir = Workdir::new();
    let plain = names(&dir, &["bird", "-n", "20"]);
    let without = names(&dir, &["bird", "-", "fire", "-n", "20"]);
    assert_ne!(plain, without);
    assert!(dir.pokedex("query bird -").failed(2).contains("a sign with no term after it"));
    assert!(dir.pokedex_args(&["query", ""]).failed(2).contains("the query is empty"));
    assert!(dir.pokedex("query").failed(2).contains("pokedex query \"fire dog\""));
    assert!(dir.pokedex("query 0:fire").failed(2).contains("cancel each other out"));
}

#[test]
fn a_picture_is_searched_by_path() {
    let dir = Workdir::new();
    dir.pictures("in", 5);
    dir.pokedex("embed in -o e.parquet").ok();
    let text = dir.pokedex("query ./in/003.png --index e.parquet -n 1").ok().text();
    assert!(text.contains("\t1.0000\t\t\t003.png"), "{text}");
    let text = dir.pokedex("query img:in/003.png --index e.parquet -n 1").ok().text();
    assert!(text.contains("003.png"), "{text}");
    dir.write("bad.png", &png(&pattern(9, 9, 0).into())[..30]);
    let said = dir.pokedex("query ./bad.png").failed(1);
    assert!(said.contains("./bad.png: damaged PNG"), "{said}");
    let said = dir.pokedex("query ./gone.png").failed(1);
    assert!(said.contains("./gone.png: cannot read"), "{said}");
}

#[test]
fn an_index_may_come_from_the_environment_or_a_pipe() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("embed in -o e.parquet").ok();
    let by_flag = dir.pokedex("query key:000.png --index e.parquet").ok().text();
    assert_eq!(dir.shell("POKEDEX_INDEX=e.parquet pokedex query key:000.png").ok().text(), by_flag);
    assert_eq!(dir.shell("pokedex query key:000.png --index - < e.parquet").ok().text(), by_flag);
    let arrow = "pokedex embed in --stdout-format arrow | pokedex query key:000.png --index -";
    assert_eq!(dir.shell(arrow).ok().text(), by_flag);
}

#[test]
fn the_score_of_an_index_is_the_cosine() {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    dir.pokedex("embed in -o e.parquet").ok();
    let index = pokedex::index::Index::at(dir.path("e.parquet"), "embedding");
    let vectors: Vec<Vec<f32>> = (0..4)
        .map(|n| {
            let term = pokedex::index::Term::Key(format!("{n:03}.png"));
            index.stored(&[&term]).expect("a stored row").remove(0).vector
        })
        .collect();
    let cosine = |other: usize| vectors[0].iter().zip(&vectors[other]).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let model = index.model().expect("a model").0;
    let query = (vectors[0].clone(), Vec::new());
    let hits = index.search(&[query], model.as_deref(), 4).expect("searched").remove(0);
    assert!(hits[0].score <= 1.0);
    for hit in hits {
        assert!((f64::from(hit.score) - cosine(hit.row as usize)).abs() < 1e-6);
    }
}

#[test]
fn every_format_says_the_same() {
    let dir = Workdir::new();
    let tsv = dir.pokedex("query pikachu -n 2").ok().text();
    assert!(tsv.starts_with("rank\tscore\tid\tlabel\tkey\n1\t1.0000\t25\tPikachu\tpikachu\n2\t"), "{tsv}");
    let csv = dir.pokedex("query pikachu -n 2 --format csv").ok().text();
    assert_eq!(csv, tsv.replace('\t', ","));
    let json: serde_json::Value =
        serde_json::from_str(&dir.pokedex("query pikachu -n 2 --format json").ok().text()).expect("JSON");
    assert_eq!(json[0]["label"], "Pikachu");
    assert_eq!(json[0]["score"], 1.0);
    let lines = dir.pokedex("query pikachu -n 2 --format jsonl").ok().text();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(lines.lines().next().expect("a line")).expect("JSON"),
        json[0]
    );
    assert_eq!(dir.pokedex("query pikachu -n 1 --format paths").ok().text(), "pikachu\n");
    assert_eq!(dir.pokedex("query pikachu -n 1 --format paths -0").ok().text(), "pikachu\0");
    let table = dir.pokedex("query pikachu -n 1 --format table").ok().text();
    assert_eq!(table, "rank   score  id  label    key\n   1  1.0000  25  Pikachu  pikachu\n");
    dir.shell("pokedex query pikachu -n 2 --format parquet > hits.parquet").ok();
    assert_eq!(dir.keys("hits.parquet")[0], "pikachu");
    assert!(dir.pokedex("query pikachu --format json -0").failed(2).contains("-0 goes with --format paths"));
}

#[test]
fn many_queries_are_one_run() {
    let dir = Workdir::new();
    let text = dir.shell("printf 'pikachu\\n\\nid:25\\n' | pokedex query --queries - -n 1").ok().text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "query\trank\tscore\tid\tlabel\tkey");
    assert_eq!(lines[1], "pikachu\t1\t1.0000\t25\tPikachu\tpikachu");
    assert!(lines[2].starts_with("id:25\t1\t") && lines.len() == 3, "{text}");
    let said = dir.shell("printf 'a\\nb +\\n' | pokedex query --queries -").failed(2);
    assert!(said.contains("-: line 2: +: a sign with no term"), "{said}");
}

#[test]
fn rows_of_an_index_without_keys_are_numbered_and_not_their_own_answer() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("embed in -o e.parquet").ok();
    let table = dir.table("e.parquet").project(&[5, 6]).expect("vectors and models");
    dir.foreign("nokey.parquet", &table);
    let text = dir.pokedex("query key:0000001 --index nokey.parquet --format tsv").ok().text();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains("0000001"), "{text}");
}

#[test]
fn queries_from_a_file_may_name_paths_with_spaces() {
    let dir = Workdir::new();
    dir.picture("in/my photo.png", 1);
    dir.picture("in/other.png", 2);
    dir.pokedex("embed in -o e.parquet").ok();
    let lines = "./in/my photo.png\nkey:my photo.png + 2:red\n";
    let text = dir.shell(&format!("printf '{lines}' | pokedex query --queries - --index e.parquet -n 1")).ok().text();
    assert!(text.contains("./in/my photo.png\t1\t1.0000\t\t\tmy photo.png"), "{text}");
    let said = dir.shell("pokedex query --queries - --index - < e.parquet").failed(2);
    assert!(said.contains("cannot both come from standard input"), "{said}");
}
