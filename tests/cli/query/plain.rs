//! Plain words: names in other languages, families, regions, the type chart, numbers; and what is said of them.

use super::names;
use crate::workdir::Workdir;

/// What a query says on standard error and gives, on the built-in Pokédex.
fn asked(dir: &Workdir, arguments: &[&str]) -> (String, Vec<String>) {
    let done = dir.pokedex_args(&[&["query"], arguments].concat()).ok();
    let labels =
        done.text().lines().skip(1).map(|line| line.split('\t').nth(3).expect("a label").to_string()).collect();
    (done.stderr.clone(), labels)
}

#[test]
fn names_in_other_languages_find_the_species_and_a_note_says_so() {
    let dir = Workdir::new();
    for (text, name) in
        [("Glurak", "Charizard"), ("ピカチュウ", "Pikachu"), ("Salamèche", "Charmander"), ("#25", "Pikachu")]
    {
        let (said, found) = asked(&dir, &[text, "-n", "1"]);
        assert_eq!(found, [name], "{text}");
        assert!(said.contains(&format!("read as: {name}")), "{said}");
    }
    let (said, found) = asked(&dir, &["Pikachu", "-n", "1"]);
    assert_eq!((said.as_str(), found.as_slice()), ("", &["Pikachu".to_string()][..]));
}

#[test]
fn forms_are_found_where_they_are_named_and_only_there() {
    let dir = Workdir::new();
    assert_eq!(names(&dir, &["mega charizard x", "-n", "1"]), ["Mega Charizard X"]);
    assert_eq!(names(&dir, &["alolan vulpix", "-n", "1"]), ["Alolan Vulpix"]);
    assert_eq!(names(&dir, &["charizard", "--where", "id = 6"]), ["Charizard"]);
    let forms = names(&dir, &["charizard", "--forms", "--where", "id = 6"]);
    assert_eq!(forms.len(), 4, "{forms:?}");
    let cells =
        dir.pokedex_args(&["query", "alolan vulpix", "-n", "1", "--columns", "id,type1,form,region"]).ok().text();
    assert_eq!(cells.lines().last(), Some("37\tice\talola\talola"));
}

#[test]
fn what_was_read_can_be_pasted() {
    let dir = Workdir::new();
    let questions = [
        "gen 7 ghost",
        "fire but not flying",
        "what does magikarp evolve into",
        "fastest electric",
        "bulkier than snorlax",
        "like pikachu but bigger",
        "dark type fox",
        "alolan forms",
        "Glurak",
    ];
    for text in questions {
        let (said, found) = asked(&dir, &[text, "-n", "5"]);
        let flags = said.lines().find_map(|line| line.split_once("read as: ")).map(|(_, flags)| flags.to_string());
        let script = format!("pokedex query {} -n 5", flags.unwrap_or_else(|| panic!("{text}: {said}")));
        let pasted = dir.shell(&script).ok().text();
        let again: Vec<&str> = pasted.lines().skip(1).map(|line| line.split('\t').nth(3).expect("a label")).collect();
        assert_eq!(again, found, "{script}");
    }
}

#[test]
fn literal_takes_words_as_they_are() {
    let dir = Workdir::new();
    let (said, found) = asked(&dir, &["tallest pokemon", "--literal", "-n", "3"]);
    assert!(!said.contains("read as"), "{said}");
    assert_ne!(found, names(&dir, &["tallest pokemon", "-n", "3"]));
}

#[test]
fn a_query_of_which_nothing_is_known_finds_nothing_and_says_so() {
    let dir = Workdir::new();
    for text in ["猫", "🔥🐶", "zxqvkj wrtlp", "sarong"] {
        let (said, found) = asked(&dir, &[text]);
        assert!(found.is_empty(), "{text}: {found:?}");
        assert!(said.contains("nothing of this is known"), "{text}: {said}");
    }
    // One known word is enough; the others are named.
    let (said, found) = asked(&dir, &["red wrtlpx", "-n", "3"]);
    assert!(said.contains("\"wrtlpx\": not a known word") && found.len() == 3, "{said}");
}

#[test]
fn rows_can_be_listed_and_ordered_without_words() {
    let dir = Workdir::new();
    assert_eq!(names(&dir, &["--sort", "height_m:desc", "-n", "2"]), ["Eternatus", "Wailord"]);
    let babies = names(&dir, &["--where", "is_baby", "--sort", "weight_kg", "-n", "50"]);
    assert_eq!(babies.len(), 19, "{babies:?}");
    // Of what words find, the best are ordered.
    let dragons =
        dir.pokedex_args(&["query", "dragon", "--sort", "speed:desc", "-n", "5", "--columns", "speed"]).ok().text();
    let speeds: Vec<i32> = dragons.lines().skip(1).map(|line| line.parse().expect("a number")).collect();
    assert!(speeds.is_sorted_by(|a, b| a >= b), "{speeds:?}");
    dir.pokedex_args(&["query", "dragon", "--sort", "nothing"]).failed(1);
    dir.pokedex_args(&["query", "dragon", "--sort", ":desc"]).failed(2);
}

#[test]
fn an_index_of_ones_own_is_listed_and_ordered_too() {
    let dir = Workdir::new();
    dir.shell("pokedex export pokedex: --where 'id < 5' -o t.parquet").ok();
    let text = dir.pokedex("query --index t.parquet --sort speed:desc --columns label,speed").ok().text();
    assert_eq!(text, "label\tspeed\nVenusaur\t80\nCharmander\t65\nIvysaur\t60\nBulbasaur\t45\n");
    let text = dir.shell("pokedex query --index t.parquet --where 'speed < 61' --columns label").ok().text();
    assert_eq!(text, "label\nBulbasaur\nIvysaur\n");
}

#[test]
fn an_index_of_ones_own_finds_nothing_for_words_that_nobody_knows() {
    let dir = Workdir::new();
    dir.shell("pokedex export pokedex: --where 'id < 5' -o t.parquet").ok();
    let done = dir.pokedex("query zxqvkj --index t.parquet").ok();
    assert_eq!(done.text().lines().count(), 1);
    assert!(done.stderr.contains("nothing of this is known"), "{}", done.stderr);
    let done = dir.pokedex("query zxqvkj --index t.parquet --literal").ok();
    assert_eq!(done.text().lines().count(), 5);
}

#[test]
fn names_are_shown_in_a_language() {
    let dir = Workdir::new();
    let text = dir.pokedex("query fire lizard -n 50 --lang de").ok().text();
    assert!(text.lines().any(|line| line.contains("\tCharmander\tGlumanda\t")), "{text}");
    assert!(dir.pokedex("query fire --lang tlh").failed(2).contains("is none of"));
}

#[test]
fn a_class_can_be_named() {
    let dir = Workdir::new();
    assert_eq!(names(&dir, &["--id", "Glurak", "-n", "3"]), names(&dir, &["--id", "6", "-n", "3"]));
    assert!(dir.pokedex("query --id nobody").failed(2).contains("neither a number nor a species"));
}

#[test]
fn json_says_what_a_query_was_read_as() {
    let dir = Workdir::new();
    let rows: serde_json::Value =
        serde_json::from_str(&dir.pokedex_args(&["query", "Glurak", "-n", "1", "--format", "json"]).ok().text())
            .expect("JSON");
    assert_eq!(rows[0]["read_as"], "Charizard");
    let rows: serde_json::Value =
        serde_json::from_str(&dir.pokedex_args(&["query", "fire dog", "-n", "1", "--format", "json"]).ok().text())
            .expect("JSON");
    assert!(rows[0].get("read_as").is_none());
}

#[test]
fn many_questions_are_read_one_by_one() {
    let dir = Workdir::new();
    dir.write("q.txt", "Glurak\nfire dog\nfastest electric\nweak to fire\n");
    let text = dir.pokedex("query --queries q.txt -n 1").ok().text();
    let first: Vec<&str> = text.lines().skip(1).map(|line| line.split('\t').nth(4).expect("a label")).collect();
    assert_eq!(first, ["Charizard", "Growlithe", "Regieleki", "Bulbasaur"]);
}
