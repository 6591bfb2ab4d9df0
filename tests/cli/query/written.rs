//! Rows that are found by the words in their texts, beside those that look like the question.

use serde_json::Value;

use crate::workdir::Workdir;

/// Pictures whose texts a CSV brings, as `read` would.
fn with_texts() -> Workdir {
    let dir = Workdir::new();
    dir.pictures("pictures", 8);
    dir.write(
        "texts.csv",
        "key,text\n\
        000.png,\"HAPPY\nBIRTHDAY Anna\"\n\
        001.png,Birthdays of the year\n\
        002.png,\"a birthbay cake, happy\"\n\
        003.png,Café noir\n\
        004.png,お誕生日おめでとう\n\
        005.png,\n\
        006.png,birthday happy\n",
    );
    dir.pokedex("scan pictures --meta texts.csv --on key -o scanned.parquet").ok();
    dir
}

fn embedded() -> Workdir {
    let dir = with_texts();
    dir.shell("pokedex embed scanned.parquet -q | pokedex index - -q --columns text -o index.parquet").ok();
    dir
}

/// Keys without their ends, best first.
fn keys(dir: &Workdir, arguments: &[&str]) -> Vec<String> {
    let text = dir.pokedex_args(&[&["query"], arguments, &["--columns", "key"]].concat()).ok().text();
    text.lines().skip(1).map(|line| line.trim_end_matches(".png").to_string()).collect()
}

#[test]
fn words_alone_need_no_vectors() {
    let dir = with_texts();
    let find = |words: &str| keys(&dir, &[words, "--by", "words", "--index", "scanned.parquet"]);
    assert_eq!(find("birthday"), ["006", "000", "001", "002"], "whole words, a part, a slip; the shorter text first");
    assert_eq!(find("\"happy birthday\""), ["000"]);
    assert_eq!(find("CAFE"), ["003"]);
    assert_eq!(find("誕生日"), ["004"]);
    assert_eq!(find("the anna"), ["000"], "`the` says nothing");
    let nothing = dir.pokedex("query zebra --by words --index scanned.parquet").ok();
    assert!(nothing.stderr.contains("no text has a word of this: zebra"), "{}", nothing.stderr);
    let some = dir.pokedex_args(&[
        "query",
        "birthday",
        "--by",
        "words",
        "--index",
        "scanned.parquet",
        "--where",
        "key > '000.png'",
        "--top",
        "1",
        "--format",
        "jsonl",
        "--explain",
    ]);
    let hit: Value = serde_json::from_str(&some.ok().text()).expect("a line of JSON");
    assert_eq!((hit["key"].as_str(), hit["score"].as_f64()), (Some("006.png"), Some(1.0)));
    assert_eq!(hit["parts"][0]["written"][0], "birthday");
    assert_eq!(hit["parts"][0]["rank_by_words"], 1);
    dir.write("questions.txt", "birthday\ncafé\n");
    let both = dir.pokedex("query --queries questions.txt --by words --index scanned.parquet --top 1 --format csv");
    assert!(both.ok().text().ends_with("café,1,1.0000,,,003.png\n"));
}

#[test]
fn what_is_written_comes_up_and_what_only_looks_like_it_stays_in_order() {
    let dir = embedded();
    let ask = |by: &str| -> Vec<Value> {
        let arguments =
            ["query", "anna", "--literal", "--by", by, "--index", "index.parquet", "--format", "json", "--explain"];
        serde_json::from_str(&dir.pokedex_args(&arguments).ok().text()).expect("JSON")
    };
    let (looks, both) = (ask("looks"), ask("both"));
    assert_eq!(both[0]["key"], "000.png");
    assert_eq!(both[0]["score"], looks[0]["score"], "as much as the best by looks");
    let by_looks = looks.iter().position(|hit| hit["key"] == "000.png").expect("all rows are found") as u64 + 1;
    let why = both[0]["parts"].as_array().expect("parts").last().expect("words").clone();
    assert_eq!(why, serde_json::json!({ "written": ["anna"], "rank_by_words": 1, "rank_by_looks": by_looks }));
    let others = |hits: &[Value]| -> Vec<(Value, Value)> {
        let others = hits.iter().filter(|hit| hit["key"] != "000.png");
        others.map(|hit| (hit["key"].clone(), hit["score"].clone())).collect()
    };
    assert_eq!(others(&looks), others(&both));
    assert!(both[1]["parts"].as_array().expect("parts").iter().all(|part| part.get("written").is_none()));
    // All words must be written.
    for question in
        [&["a red picture of anna"][..], &["a red picture"], &["./pictures/003.png"], &["id:1"], &["anna", "-", "red"]]
    {
        let found = |by: &str| {
            let arguments = [&["query"], question, &["--by", by, "--index", "index.parquet"]].concat();
            let run = dir.pokedex_args(&arguments);
            (run.code, run.text())
        };
        assert_eq!(found("looks"), found("both"), "{question:?}");
    }
    assert_eq!(
        keys(&dir, &["anna", "--index", "index.parquet", "--top", "1"]),
        ["000"],
        "both, if nobody says otherwise"
    );
    assert_eq!(keys(&dir, &["birthday", "--index", "index.parquet", "--where", "key < '001'"]), ["000"]);
}

#[test]
fn what_cannot_be_asked_by_words_is_said() {
    let dir = embedded();
    dir.shell("pokedex embed pictures -q -o plain.parquet").ok();
    let said = dir.pokedex("query anna --by words --index plain.parquet").failed(1);
    assert!(said.contains("has no column of text `text`") && said.contains("hint: pokedex read"), "{said}");
    let said = dir.pokedex("query anna --words-in caption --index index.parquet").failed(1);
    assert!(said.contains("has no column of text `caption`"), "{said}");
    let said = dir.pokedex("query ./pictures/000.png --by words --index index.parquet").failed(2);
    assert!(said.contains("looks for words, and for nothing else"), "{said}");
    dir.pokedex("query anna --by words --diverse --index index.parquet").failed(2);
    dir.pokedex("query anna --by words").failed(2);
    assert_eq!(keys(&dir, &["000.png", "--words-in", "key", "--by", "words", "--index", "index.parquet"])[0], "000");
}
