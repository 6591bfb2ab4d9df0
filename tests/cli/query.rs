mod plain;
mod preview;
mod written;

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
    let (index, _) = pokedex::index::Index::open(dir.path("e.parquet"), "embedding").expect("a table");
    let vectors: Vec<Vec<f32>> = (0..4)
        .map(|n| {
            let term = pokedex::index::Term::Key(format!("{n:03}.png"));
            index.stored(&[&term]).expect("a stored row").remove(0).vector
        })
        .collect();
    let cosine = |other: usize| vectors[0].iter().zip(&vectors[other]).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let model = index.model().expect("a model").0;
    let query = pokedex::index::QueryVector { vector: vectors[0].clone(), without: Vec::new() };
    let search = pokedex::index::Search { top: 4, ..Default::default() };
    let hits = index.search(&[query], model.as_deref(), &search).expect("searched").hits.remove(0);
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

#[test]
fn a_condition_is_held_before_anything_is_scored() {
    let dir = Workdir::new();
    let found = names(&dir, &["dragon", "--where", "type1 = 'fire' and generation < 3 and name like 'C%'"]);
    assert_eq!(found, ["Charizard", "Charmeleon", "Charmander", "Cyndaquil"]);
    let found = names(&dir, &["pikachu", "--where", "is_legendary", "-n", "3"]);
    assert!(found.len() == 3 && !found.contains(&"Pikachu".to_string()), "{found:?}");
    let said = dir.pokedex_args(&["query", "dog", "--where", "typ1 = 'fire'"]).failed(1);
    assert!(said.contains("no column `typ1` at character 1") && said.contains("did you mean `type1`?"), "{said}");
    let said = dir.pokedex_args(&["query", "dog", "--where", "type1 = "]).failed(2);
    assert!(said.contains("--where: ") && said.contains("hint: "), "{said}");

    dir.pictures("in", 6);
    dir.pokedex("embed in -o e.parquet").ok();
    let run = dir.pokedex_args(&["query", "key:000.png", "--index", "e.parquet", "--where", "key < '002'"]).ok();
    assert_eq!(run.text().lines().count(), 2, "{}", run.text());
    let run = dir.pokedex_args(&["query", "key:000.png", "--index", "e.parquet", "--where", "key is null"]).ok();
    assert!(run.stderr.contains("no other row for which the condition holds (of 6 rows)"), "{}", run.stderr);
    let run = dir.pokedex_args(&["query", "dog", "--where", "type1 = 'none'"]).ok();
    assert!(run.stderr.contains("the condition holds for none of its 1025 rows"), "{}", run.stderr);
    assert_eq!(run.text().lines().count(), 1, "{}", run.text());
    // All columns are named, also those that a search does not read.
    dir.pokedex("index e.parquet --columns all -o i.parquet").ok();
    for (index, term, column) in [
        ("e.parquet", "key:000.png", "content_hash"),
        ("i.parquet", "key:000.png", "content_hash"),
        ("pokedex:", "dog", "generation"),
    ] {
        let said = dir.pokedex_args(&["query", term, "--index", index, "--where", "nothing = 1"]).failed(1);
        assert!(said.contains("no column `nothing`") && said.contains(column), "{said}");
    }
}

#[test]
fn a_file_that_would_be_read_as_words_is_told() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.picture("in/my photo.png", 9);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.write("words.txt", "fire dog\n");
    let said = dir.pokedex("query in/000.png").failed(2);
    assert!(said.contains("in/000.png: is a file") && said.contains("hint: pokedex query ./in/000.png"), "{said}");
    let said = dir.pokedex_args(&["query", "in/my photo.png"]).failed(2);
    assert!(said.contains("hint: pokedex query './in/my photo.png'"), "{said}");
    let said = dir.pokedex("query 2:e.parquet").failed(2);
    assert!(said.contains("hint: pokedex query \"red bird\" --index e.parquet"), "{said}");
    let said = dir.pokedex("query words.txt").failed(2);
    assert!(said.contains("--queries words.txt"), "{said}");
    let run = dir.pokedex("query red e.parquet -n 1").ok();
    assert!(run.stderr.contains("e.parquet: is a file") && run.stderr.contains("--index e.parquet"), "{}", run.stderr);
    let run = dir.pokedex("query red + in/000.png --index e.parquet -n 1").ok();
    assert!(run.stderr.contains("./in/000.png"), "{}", run.stderr);
    assert_eq!(dir.pokedex("query red - ./in/000.png --index e.parquet -n 1").ok().stderr, "");
}

#[test]
fn a_folder_and_the_name_of_the_pokedex_are_indexes() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("embed in -o dex/e.parquet").failed(1);
    std::fs::create_dir(dir.path("dex")).expect("a folder");
    dir.pokedex("embed in -o e.parquet").ok();
    dir.pokedex("index e.parquet --kind exact -o dex/e.parquet").ok();
    let text = dir.pokedex("query key:000.png --index dex/e.parquet").ok().text();
    assert_eq!(dir.pokedex("query key:000.png --index dex").ok().text(), text);
    assert_eq!(dir.pokedex("query key:000.png --index dex/").ok().text(), text);
    dir.pokedex("embed in -o dex/f.parquet").ok();
    let said = dir.pokedex("query key:000.png --index dex").failed(2);
    assert!(said.contains("a folder with 2 tables") && said.contains("--index dex/e.parquet"), "{said}");
    let said = dir.pokedex("query key:000.png --index in").failed(2);
    assert!(said.contains("hint: pokedex embed in -o"), "{said}");
    let plain = dir.pokedex("query id:25 -n 3").ok().text();
    assert_eq!(dir.pokedex("query id:25 -n 3 --index pokedex:").ok().text(), plain);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_query() {
    let dir = Workdir::new();
    dir.write("plain.txt", "id:25\nfire dog\n");
    dir.write("marked.txt", "\u{feff}id:25\r\nfire dog\r\n");
    let run = |file: &str| dir.pokedex(&format!("query --queries {file} -n 2")).ok().text();
    assert_eq!(run("marked.txt"), run("plain.txt"));
}

#[test]
fn a_command_by_another_name_is_told_its_own() {
    let dir = Workdir::new();
    for (name, own) in [("search", "query"), ("find", "query"), ("predict", "classify"), ("duplicates", "dedup")] {
        let said = dir.pokedex(&format!("{name} x")).failed(2);
        assert!(said.contains("tip: ") && said.contains(own), "{said}");
    }
    let said = dir.pokedex_args(&["fire dog"]).failed(2);
    assert!(said.contains("pokedex query \"fire dog\""), "{said}");
    let said = dir.pokedex("query dog --top -1").failed(2);
    assert!(said.contains("-1 is not in 1..=1000000"), "{said}");
}

#[test]
fn what_the_terms_add_is_the_score() {
    let dir = Workdir::new();
    dir.pictures("in", 6);
    dir.pokedex("embed in -o e.parquet").ok();
    for index in ["", " --index e.parquet"] {
        let line = format!("query red - 0.5:blue + img:in/003.png --explain --format jsonl{index}");
        for line in dir.pokedex(&line).ok().text().lines() {
            let hit: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let parts = hit["parts"].as_array().expect("parts");
            let sum: f64 = parts.iter().map(|part| part["adds"].as_f64().expect("a number")).sum();
            assert!((sum - hit["score"].as_f64().expect("a number")).abs() < 1e-4, "{line}");
            let weights: Vec<_> = parts.iter().map(|part| part["weight"].as_f64().expect("a number")).collect();
            assert_eq!(weights, [1.0, -0.5, 1.0]);
            assert_eq!(parts[1]["term"], "blue");
        }
    }
    let table = dir.pokedex("query red - blue --explain --format tsv -n 1").ok().text();
    assert!(table.starts_with("rank\tscore\tid\tlabel\tkey\tparts\n") && table.contains(" red; "), "{table}");
    let table = dir.shell("pokedex query red - blue --explain --format parquet -n 2 > x.parquet && pokedex export x.parquet --format jsonl").ok();
    assert!(table.text().contains("\"parts\":["), "{}", table.text());
}

#[test]
fn results_can_be_cut_continued_and_made_diverse() {
    let dir = Workdir::new();
    let ten = dir.pokedex("query fire dog -n 10").ok().text();
    let rest = dir.pokedex("query fire dog -n 6 --offset 4").ok().text();
    assert_eq!(ten.lines().skip(5).collect::<Vec<_>>(), rest.lines().skip(1).collect::<Vec<_>>());
    let fourth: f64 =
        ten.lines().nth(4).and_then(|line| line.split('\t').nth(1)).expect("a score").parse().expect("a number");
    let above = dir.pokedex(&format!("query fire dog --min-score {}", fourth - 1e-4)).ok().text();
    assert!((5..8).contains(&above.lines().count()), "{above}");
    let plain = names(&dir, &["fire dog", "--diverse=0"]);
    assert_eq!(plain, names(&dir, &["fire dog"]));
    let diverse = names(&dir, &["fire dog", "--diverse"]);
    assert_eq!((diverse.len(), &diverse[0]), (10, &plain[0]));
    assert_ne!(diverse, plain);
    assert!(dir.pokedex("query dog --diverse=2").failed(2).contains("is no number from 0 to 1"));
}

#[test]
fn vectors_from_files_are_queries_and_terms() {
    let dir = Workdir::new();
    dir.pictures("in", 5);
    dir.pokedex("embed in -o e.parquet").ok();
    let by_key = dir.pokedex("query key:002.png --index e.parquet -n 3").ok().text();
    dir.pokedex("embed in/002.png -o one.parquet").ok();
    let run = dir.pokedex("query vec:one.parquet --index e.parquet -n 4").ok();
    let below: Vec<_> = run.text().lines().skip(2).map(|line| line.split('\t').nth(4).map(str::to_string)).collect();
    let own: Vec<_> = by_key.lines().skip(1).map(|line| line.split('\t').nth(4).map(str::to_string)).collect();
    assert_eq!(below, own);
    let run = dir.pokedex("query --queries e.parquet --index e.parquet -n 1").ok();
    let first: Vec<String> =
        run.text().lines().skip(1).map(|line| line.split('\t').next().unwrap_or_default().into()).collect();
    assert_eq!((first, run.stderr.as_str()), (dir.keys("e.parquet"), ""));
    let said = dir.pokedex("query vec:e.parquet --index e.parquet").failed(2);
    assert!(said.contains("holds 5 vectors") && said.contains("hint: --queries e.parquet"), "{said}");
    dir.write("bad.npy", b"\x93NUMPY\x01\x00\x02\x00{}");
    let said = dir.pokedex("query vec:bad.npy --index e.parquet").failed(1);
    assert!(said.contains("bad.npy: is no sound NumPy file") && said.contains("hint: "), "{said}");
    dir.other_model("other");
    dir.pokedex("embed in/002.png --model ./other -o other.parquet").ok();
    for query in ["vec:other.parquet", "--queries other.parquet"] {
        let said = dir.pokedex(&format!("query {query} --index e.parquet")).failed(1);
        assert!(said.contains("two models") || said.contains("vectors of"), "{said}");
    }
    let piped = dir.shell("pokedex query --queries - --index e.parquet -n 1 < e.parquet").ok();
    assert_eq!(piped.text(), run.text());
    let piped = dir.shell("cat e.parquet | pokedex query --queries /dev/stdin --index e.parquet -n 1").ok();
    assert_eq!(piped.text(), run.text());
}

#[test]
fn queries_that_cannot_be_compared_are_left_out_and_named() {
    let dir = Workdir::new();
    let mut rows = crate::train::clouds(&["ant", "bee"], 3, 0.5);
    dir.foreign("e.parquet", &crate::train::embeddings(&rows, "embedding"));
    rows[1].3[2] = f32::NAN;
    rows[4].3.fill(0.0);
    dir.foreign("q.parquet", &crate::train::embeddings(&rows, "embedding"));
    let run = dir.pokedex("query --queries q.parquet --index e.parquet -n 1");
    let text = String::from_utf8(run.stdout.clone()).expect("text");
    let said = run.failed(3);
    assert!(said.contains("q.parquet: 1 row was left out: the vector of ant/001 holds a number that is not"), "{said}");
    assert!(said.contains("q.parquet: 1 row was left out: the vector of bee/001 is zero"), "{said}");
    assert_eq!(text.lines().count(), 5, "{text}");
    for (name, text) in
        [("q.json", "[\"a red bird\"]"), ("q.jsonl", "{\"query\": \"a fish\"}"), ("q.CSV", "query\na fish\n")]
    {
        dir.write(name, text);
        let said = dir.pokedex(&format!("query --queries {name}")).failed(2);
        assert!(said.contains(&format!("{name}: is ")) && said.contains("queries are one a line"), "{said}");
    }
    let said = dir.pokedex("query --queries e.parquet --vector-column other --index e.parquet").failed(1);
    assert!(said.contains("has no column `other` (it has key, label"), "{said}");
}

#[test]
fn columns_are_those_that_are_named_in_their_order() {
    let dir = Workdir::new();
    let csv = dir.pokedex("query charizard --top 1 --columns type1,label,rank --format csv").ok().text();
    assert_eq!(csv, "type1,label,rank\nfire,Charizard,1\n");
    let json = dir.pokedex("query charizard --top 1 --columns generation,score,key --format jsonl").ok().text();
    let row: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&row["generation"], row.as_object().expect("an object").len()), (&1.into(), 3));
    assert!(
        dir.pokedex("query fire --columns nope").failed(1).contains("has no column `nope` (it has key, id, label,")
    );

    dir.pictures("in", 120);
    dir.pokedex("scan in -o m.parquet").ok();
    dir.pokedex("embed m.parquet -o e.parquet").ok();
    for kind in ["table", "exact", "graph"] {
        dir.pokedex(&format!("index e.parquet --kind {kind} --columns width,content_hash -o {kind}.parquet")).ok();
    }
    dir.write("queries.txt", "key:001.png\nkey:060.png\nkey:001.png\n");
    let columns = "--columns query,key,width,content_hash,rank";
    let ask = |index: &str, more: &str| {
        dir.pokedex(&format!("query --queries queries.txt --top 30 --exact --index {index} {columns} {more}")).ok()
    };
    let expected = ask("e.parquet", "--format tsv").text();
    assert_eq!(expected.lines().count(), 91);
    let hashes: std::collections::HashMap<String, String> = dir
        .pokedex("export e.parquet --format tsv --columns key,content_hash")
        .ok()
        .text()
        .lines()
        .map(|line| line.split_once('\t').map(|(key, hash)| (key.into(), hash.into())).expect("two cells"))
        .collect();
    for line in expected.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!((cells[2], cells[3]), ("40", hashes[cells[1]].as_str()));
    }
    for index in ["table.parquet", "exact.parquet", "graph.parquet"] {
        assert_eq!(ask(index, "--format tsv").text(), expected, "{index}");
    }
    assert_eq!(
        dir.shell(&format!("cat e.parquet | pokedex query --queries queries.txt --top 30 --index - {columns}"))
            .ok()
            .text(),
        expected
    );
    // The packed copy does not have this one.
    let made_by = dir.pokedex("query key:001.png --index exact.parquet --columns embedding_model -n 1").ok().text();
    assert!(made_by.starts_with("embedding_model\npokedex-mini@"), "{made_by}");
    ask("exact.parquet", "-o hits.parquet");
    assert_eq!(dir.pokedex("export hits.parquet --format tsv").ok().text(), expected);
    let table = ask("exact.parquet", "--format table").text();
    assert_eq!(table.lines().count(), 91);
}
