use std::path::Path;

use arrow_array::cast::AsArray;
use image::{Rgb, RgbImage};
use serde_json::Value;

use super::train::{clouds, embeddings};
use crate::workdir::{Workdir, pattern, png};

/// Pictures of one colour each with a speck that differs: two classes that any model tells apart.
fn colours(dir: &Workdir, folder: &str, each: u32) {
    for (label, colour) in [("red", [220, 30, 20]), ("blue", [20, 40, 230])] {
        for n in 0..each {
            let mut image = RgbImage::from_pixel(48, 48, Rgb(colour));
            for i in 0..12 {
                image.put_pixel((n * 7 + i * 5) % 48, (n * 11 + i * 3) % 48, Rgb([255, 255, (n % 256) as u8]));
            }
            dir.write(&format!("{folder}/{label}/{n:02}.png"), png(&image.into()));
        }
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn yolo(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/yolo").join(name).display().to_string()
}

#[test]
fn what_is_no_pokemon_is_unknown_in_text_and_keeps_its_predictions() {
    let dir = Workdir::new();
    dir.write("noise.png", png(&pattern(64, 64, 3).into()));
    let text = dir.pokedex("classify noise.png --top 2").ok().text();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["key", "prediction_1", "score_1", "prediction_2", "score_2"]);
    assert_eq!(rows[1][..2], ["noise.png", "unknown"]);
    let found = &lines(&dir.pokedex("classify noise.png --format jsonl").ok().text())[0];
    assert_eq!(found["rejected"], true);
    let predictions = found["predictions"].as_array().expect("a list");
    assert_eq!(predictions.len(), 5);
    assert!(pokedex::species::names().any(|name| predictions[0]["label"] == name), "{found}");
    let found = &lines(&dir.pokedex("classify noise.png --min-score 0 --format jsonl").ok().text())[0];
    assert_eq!(found["rejected"], false);
    assert_eq!(dir.pokedex("classify noise.png --format paths").ok().text(), "");
    assert_eq!(
        dir.shell("classify() { pokedex classify noise.png --min-score 0 --format paths -0; }; classify | xargs -0 ls")
            .ok()
            .text(),
        "noise.png\n"
    );
}

#[test]
fn images_their_table_and_their_vectors_are_judged_alike() {
    let dir = Workdir::new();
    colours(&dir, "in", 9);
    dir.pokedex("scan in -o m.parquet").ok();
    dir.pokedex("embed in -o e.parquet").ok();
    let of = |input: &str| {
        let run = dir.pokedex(&format!("classify {input} --format jsonl")).ok().text();
        lines(&run).into_iter().map(|row| (row["key"].clone(), row["predictions"].clone())).collect::<Vec<_>>()
    };
    let images = of("in");
    assert_eq!(images.len(), 18);
    assert!(images == of("m.parquet") && images == of("e.parquet") && images == of("in --no-cache -j 3"));
    let piped = dir
        .shell("cat e.parquet | pokedex classify - --format parquet | pokedex classify - --format jsonl")
        .ok()
        .text();
    assert_eq!(lines(&piped)[0]["key"], images[0].0);
    let table = dir.shell("pokedex classify e.parquet --record-time -o p.parquet").ok();
    assert_eq!(table.stderr, "");
    assert!(dir.table("p.parquet").column_by_name("seconds").is_some());
    assert!(dir.table("p.parquet").column_by_name("embedding").is_some(), "columns pass through");
}

#[test]
fn a_head_learns_and_judges_pictures() {
    let dir = Workdir::new();
    colours(&dir, "in", 20);
    dir.shell("pokedex split in | pokedex embed - -o e.parquet && pokedex train e.parquet -o h.parquet").ok();
    colours(&dir, "new", 30);
    dir.pokedex("classify new --head h.parquet -o p.parquet").ok();
    let json: Value =
        serde_json::from_str(&dir.pokedex("evaluate p.parquet --format json --bootstrap 0").ok().text()).expect("JSON");
    assert_eq!(json["rows"], 60);
    assert!(json["top1"].as_f64().expect("there") > 0.9, "{json}");
    // Who takes the head for a model is told what it is.
    let said = dir.pokedex("classify new --model h.parquet").failed(2);
    assert!(said.contains("hint: what `train` learnt is a head: --head h.parquet"), "{said}");
    let said = dir.pokedex("embed new --model h.parquet").failed(1);
    assert!(said.contains("h.parquet: not a model folder: it is a table") && said.contains("--head HEAD"), "{said}");
    // The footer says what judged, and which classes it knows.
    let footer = pokedex::table::Table::open(&dir.path("p.parquet")).expect("a table").provenance;
    assert_eq!(footer.get("classes"), Some(r#"["blue","red"]"#));
    assert!(footer.get("head").is_some_and(|head| head.starts_with("linear@")));
    let table = dir.table("p.parquet");
    let best = table["score_1"].as_primitive::<arrow_array::types::Float32Type>();
    assert!(best.iter().flatten().all(|score| (0.5..=1.0).contains(&score)), "of two classes");
}

#[test]
fn rows_whose_vectors_cannot_be_compared_do_not_vote() {
    let dir = Workdir::new();
    let mut rows = clouds(&["ant", "bee"], 20, 0.5);
    let query = rows.clone();
    for (row, number) in [(3, f32::NAN), (25, f32::INFINITY)] {
        rows[row].3[0] = number;
    }
    rows[30].3.fill(0.0);
    dir.foreign("votes.parquet", &embeddings(&rows, "embedding"));
    dir.foreign("q.parquet", &embeddings(&query, "embedding"));
    let run = dir.pokedex("classify q.parquet --index votes.parquet --top 1 --format tsv").ok();
    assert!(
        run.stderr.contains("votes.parquet: 3 rows were left out: the vector of the first, ant/003, "),
        "{}",
        run.stderr
    );
    let text = run.text();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert!(cells.iter().any(|cell| cells[0].starts_with(&format!("{cell}/"))), "{line}");
    }
}

#[test]
fn vectors_of_another_model_are_refused() {
    let dir = Workdir::new();
    colours(&dir, "in", 6);
    dir.other_model("other");
    dir.pokedex("embed in -o e.parquet").ok();
    dir.pokedex("embed in --model ./other -o o.parquet").ok();
    dir.pokedex("train e.parquet -o h.parquet").ok();
    for input in ["o.parquet --head h.parquet", "o.parquet", "o.parquet --index e.parquet"] {
        let said = dir.pokedex(&format!("classify {input} -o p.parquet")).failed(1);
        assert!(said.contains("its vectors were made by other@") && said.contains("by pokedex-mini@"), "{said}");
        assert!(said.contains("hint: pokedex embed INPUT --model pokedex-mini"), "{said}");
        assert!(!dir.path("p.parquet").exists());
    }
    // Vectors that nobody has signed.
    dir.foreign("f.parquet", &embeddings(&clouds(&["a", "b"], 10, 1.0), "vectors"));
    let said = dir.pokedex("classify f.parquet --head h.parquet").failed(1);
    assert!(said.contains("has no column `embedding`"), "{said}");
}

#[test]
fn words_are_classes_too() {
    let dir = Workdir::new();
    colours(&dir, "in", 4);
    dir.write("labels.txt", "red\nblue\n\n");
    let text = dir.pokedex_args(&[
        "classify",
        "in",
        "--labels",
        "labels.txt",
        "--prompt",
        "{}",
        "--prompt",
        "something {}",
        "--format",
        "jsonl",
    ]);
    let rows = lines(&text.ok().text());
    assert_eq!(rows.len(), 8);
    for row in &rows {
        let scores: Vec<f64> = row["predictions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|p| p["score"].as_f64().expect("a number"))
            .collect();
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row}");
    }
    // A greater scale is surer, and says the same.
    let sure = lines(&dir.pokedex("classify in --labels labels.txt --scale 1000 --format jsonl").ok().text());
    let unsure = lines(&dir.pokedex("classify in --labels labels.txt --scale 0.001 --format jsonl").ok().text());
    for (a, b) in sure.iter().zip(&unsure) {
        assert_eq!(a["predictions"][0]["label"], b["predictions"][0]["label"]);
        assert!(b["predictions"][0]["score"].as_f64() < a["predictions"][0]["score"].as_f64());
    }
    let said = dir.pokedex_args(&["classify", "in", "--labels", "labels.txt", "--prompt", "a photo"]).failed(2);
    assert!(said.contains("has no {}"), "{said}");
    dir.write("twice.txt", "red\nblue\nred\n");
    assert!(dir.pokedex("classify in --labels twice.txt").failed(1).contains("`red` stands there twice"));
    dir.write("empty.txt", "\n\n");
    assert!(dir.pokedex("classify in --labels empty.txt").failed(1).contains("holds no label"));
    dir.write("binary.txt", [0x89, 0x00, 0xff, 0x41]);
    assert!(dir.pokedex("classify in --labels binary.txt").failed(1).contains("no text"));
}

#[test]
fn the_nearest_rows_of_a_table_vote() {
    let dir = Workdir::new();
    colours(&dir, "in", 8);
    colours(&dir, "new", 10);
    dir.shell("pokedex embed in | pokedex index - -o i.parquet").ok();
    let rows = lines(&dir.pokedex("classify new --index i.parquet --neighbours 3 --format jsonl").ok().text());
    let right = rows.iter().filter(|row| {
        let label = row["key"].as_str().expect("a key").split('/').next().expect("a folder");
        row["predictions"][0]["label"] == label
    });
    assert!(right.count() >= 18, "{rows:?}");
    dir.pokedex("embed new/red -o unlabelled.parquet").ok();
    let said = dir.pokedex("classify new --index unlabelled.parquet").failed(1);
    assert!(said.contains("no row has a vector and a label"), "{said}");
}

#[test]
fn rows_vote_alike_whether_their_index_has_a_packed_copy_or_not() {
    let dir = Workdir::new();
    let mut rows = clouds(&["ant", "bee", "cat", "dog"], 40, 1.5);
    // Rows without a label lie between those that vote.
    rows.iter_mut().step_by(9).for_each(|row| row.1 = None);
    dir.foreign("e.parquet", &embeddings(&rows, "embedding"));
    dir.pokedex("index e.parquet --kind table -o plain.parquet").ok();
    dir.pokedex("index e.parquet --kind exact -o packed.parquet").ok();
    let classify = "classify e.parquet --neighbours 7 --top 4 --format jsonl --index";
    let said = |index: &str| dir.pokedex(&format!("{classify} {index}")).ok().text();
    let plain = said("plain.parquet");
    assert_eq!(plain.lines().count(), rows.len());
    assert_eq!(said("packed.parquet"), plain);
    let whole = std::fs::read(dir.path("packed.arrow")).expect("a packed copy");
    for damaged in [&whole[..whole.len() / 2], b"no index", b""] {
        dir.write("packed.arrow", damaged);
        assert_eq!(said("packed.parquet"), plain);
    }
}

#[test]
fn where_the_class_is_in_doubt_its_group_is_answered() {
    let dir = Workdir::new();
    dir.foreign("e.parquet", &embeddings(&clouds(&["ant", "bee", "cat", "dog"], 40, 2.2), "embedding"));
    dir.pokedex("train e.parquet -o h.parquet").ok();
    dir.write("kinds.csv", "label,kind,legs\nant,insect,6\nbee,insect,6\ncat,beast,4\ndog,beast,4\nelk,beast,4\n");
    let classify = "classify e.parquet --head h.parquet --roll-up kind,legs --groups kinds.csv --min-score 0.8 --top 4";
    dir.pokedex(&format!("{classify} --min-group-score 0.7 -o p.parquet")).ok();
    dir.pokedex(&format!("{classify} --min-group-score 0.7 -j 3 -o q.parquet")).ok();
    assert_eq!(dir.read("p.parquet"), dir.read("q.parquet"), "on any number of threads");
    let text = |name: &str| dir.texts("p.parquet", name);
    let table = dir.table("p.parquet");
    let number = |name: &str| table[name].as_primitive::<arrow_array::types::Float32Type>().clone();
    let (answers, levels, said) = (text("rolled_up"), text("rolled_up_level"), number("rolled_up_score"));
    let best: Vec<_> = (1..=4).map(|n| (text(&format!("prediction_{n}")), number(&format!("score_{n}")))).collect();
    let insect = |label: &str| ["ant", "bee"].contains(&label);
    let mut met = [0; 3];
    for row in 0..answers.len() {
        let sum = |wanted: bool| -> f32 {
            let of = |(labels, scores): &(Vec<Option<String>>, arrow_array::Float32Array)| {
                let label = labels[row].as_deref().expect("four classes");
                if insect(label) == wanted { scores.value(row) } else { 0.0 }
            };
            best.iter().map(of).sum()
        };
        let (likely, kind) = if sum(true) > sum(false) { (sum(true), "insect") } else { (sum(false), "beast") };
        let expected = match (table["rejected"].as_boolean().value(row), likely >= 0.7) {
            (false, _) => (best[0].0[row].as_deref(), Some("label"), Some(best[0].1.value(row))),
            (true, true) => (Some(kind), Some("kind"), Some(likely)),
            (true, false) => (None, None, None),
        };
        met[expected.1.map_or(2, |level| usize::from(level == "kind"))] += 1;
        assert_eq!((answers[row].as_deref(), levels[row].as_deref()), (expected.0, expected.1), "row {row}");
        let found = said.iter().nth(row).expect("a row");
        assert!(
            (found.unwrap_or(-1.0) - expected.2.unwrap_or(-1.0)).abs() < 1e-5,
            "row {row}: {found:?}, {expected:?}"
        );
    }
    assert!(met.iter().all(|rows| *rows > 5), "classes, groups, neither: {met:?}");
    // People see the group in place of `unknown`; other predictions take the answers away.
    let shown = dir.pokedex(&format!("{classify} --format table")).ok().text();
    assert!(shown.contains("insect (kind)") && shown.contains("beast (kind)"), "{shown}");
    let rows = lines(&dir.pokedex(&format!("{classify} --format jsonl")).ok().text());
    assert!(rows.iter().any(|row| row["rolled_up"]["level"] == "kind"), "{}", rows[0]);
    let few = classify.replace("--top 4", "--top 1");
    let tsv = dir.pokedex(&format!("{few} --format tsv")).ok().text();
    assert!(tsv.starts_with("key\tprediction_1\tscore_1\trolled_up\trolled_up_level\trolled_up_score\n"), "{tsv}");
    dir.pokedex("classify p.parquet --head h.parquet -o r.parquet").ok();
    assert!(dir.table("r.parquet").column_by_name("rolled_up").is_none());
    // The table whose rows vote says itself what they are kinds of.
    let said = dir.pokedex("classify e.parquet --index e.parquet --roll-up label --min-score 0.9 --format jsonl").ok();
    assert!(said.text().contains("\"level\":\"label\""));

    for (arguments, wanted) in [
        ("--roll-up kind --min-score 0.8", "nothing says what these classes are kinds of"),
        ("--roll-up kind --groups kinds.csv --min-score 0", "these classes are never in doubt"),
    ] {
        let said = dir.pokedex(&format!("classify e.parquet --head h.parquet {arguments}")).failed(2);
        assert!(said.contains(wanted) && said.contains("hint: "), "{said}");
    }
    let failing = |table: &str, column: &str| {
        let arguments = format!("--head h.parquet --min-score 0.8 --roll-up {column} --groups {table}");
        dir.pokedex(&format!("classify e.parquet {arguments} -o x.parquet")).failed(1)
    };
    assert!(failing("kinds.csv", "order").contains("has no column `order`"));
    assert!(failing("e.parquet", "embedding").contains("expected names of groups"));
    dir.write("others.csv", "label,kind\nelk,beast\n");
    assert!(failing("others.csv", "kind").contains("none of the classes stands in its column `label`"));
    dir.write("both.csv", "label,kind\nant,insect\nant,beast\n");
    assert!(failing("both.csv", "kind").contains("`ant` is of kind `insect` in one row and of `beast` in another"));
    assert!(!dir.path("x.parquet").exists());
}

#[test]
fn a_species_in_doubt_is_of_a_line_or_of_a_type() {
    let dir = Workdir::new();
    dir.write("noise.png", png(&pattern(64, 64, 3).into()));
    let run = |more: &str| dir.pokedex(&format!("classify noise.png --roll-up line,type {more} --format jsonl")).ok();
    let row = &lines(&run("--min-group-score 0").text())[0];
    assert_eq!(row["rejected"], true);
    assert_eq!(row["rolled_up"]["level"], "line");
    assert_eq!(lines(&run("--min-group-score 1").text())[0]["rolled_up"], Value::Null);
    let said = dir.pokedex("classify noise.png --roll-up lines").failed(1);
    assert!(said.contains("has no column `lines`"), "{said}");
    let said =
        dir.pokedex(&format!("classify noise.png --model {} --roll-up line --groups pokedex:", yolo("corners.onnx")));
    assert!(said.failed(2).contains("a detector's scores are no probabilities"));
}

#[test]
fn a_picture_that_cannot_be_read_is_a_row_with_an_error() {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    dir.write("in/001.png", b"no picture");
    let run = dir.pokedex("classify in -o p.parquet");
    let said = run.failed(3);
    assert!(said.contains("001.png: not an image"), "{said}");
    assert_eq!(dir.keys("p.parquet"), ["000.png", "001.png", "002.png", "003.png"]);
    let errors: Vec<bool> = dir.texts("p.parquet", "error").iter().map(Option::is_some).collect();
    assert_eq!(errors, [false, true, false, false]);
    assert!(dir.table("p.parquet")["rejected"].as_boolean().value(1));
    let rows = lines(&dir.shell("pokedex classify in --skip-ok --format jsonl").ok().text());
    assert_eq!((&rows[1]["rejected"], rows[1]["error"].is_string()), (&true.into(), true));
    let csv = dir.shell("pokedex classify in --skip-ok -o p.csv; cat p.csv").ok().text();
    assert!(csv.lines().nth(2).is_some_and(|line| line.contains(",true,")), "{csv}");
    assert!(dir.texts("p.parquet", "prediction_1")[1].is_none());
    dir.pokedex("classify in --strict -o q.parquet").failed(1);
    assert!(!dir.path("q.parquet").exists());
    let csv = dir.pokedex("classify in --format csv --top 1 --skip-ok").ok().text();
    assert!(csv.lines().nth(2).expect("a row").starts_with("001.png,,,true,not an image"), "{csv}");
    // Rows that failed before are not this stage's.
    dir.pokedex("embed in --skip-ok -o e.parquet").ok();
    assert_eq!(dir.pokedex("classify e.parquet -o r.parquet").ok().stderr, "");
}

#[test]
fn ready_made_models_say_what_they_see_and_where() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    let model = yolo("corners.onnx");
    let run = dir.pokedex(&format!("classify in --model {model} --boxes --confidence 0.001 --format jsonl")).ok();
    let rows = lines(&run.text());
    assert_eq!(rows.len(), 3);
    let boxes: usize = rows.iter().map(|row| row["boxes"].as_array().expect("a list").len()).sum();
    assert!(boxes > 0, "{rows:?}");
    for row in &rows {
        let best = row["boxes"].as_array().expect("a list").first();
        let said = row["predictions"].as_array().expect("a list").first();
        assert_eq!(best.map(|b| &b["label"]), said.map(|p| &p["label"]), "the best box is the prediction");
    }
    dir.pokedex(&format!("classify in --model {model} --boxes --confidence 1 -o p.parquet")).ok();
    assert!(dir.texts("p.parquet", "prediction_1").iter().all(Option::is_none), "nothing was seen");
    assert!(dir.table("p.parquet")["rejected"].as_boolean().iter().all(|r| r == Some(true)));

    let plain = yolo("plain/model.onnx");
    let rows = lines(&dir.pokedex(&format!("classify in --model {plain} --format jsonl")).ok().text());
    assert!(rows.iter().all(|row| row["predictions"][0]["score"].as_f64().expect("a number") > 0.0));
    let folder = plain.strip_suffix("/model.onnx").expect("a folder");
    assert!(rows == lines(&dir.pokedex(&format!("classify in --model {folder} --format jsonl")).ok().text()));
    let said = dir.pokedex("classify in --model clip").failed(2);
    assert!(said.contains("--model clip: has no classes of its own") && said.contains("--labels FILE"), "{said}");
    let said = dir.pokedex(&format!("classify in --model {plain} --boxes")).failed(2);
    assert!(said.contains("only a detector has boxes"), "{said}");
    dir.foreign("v.parquet", &embeddings(&clouds(&["a", "b"], 4, 1.0), "embedding"));
    let said = dir.pokedex(&format!("classify v.parquet --model {plain}")).failed(1);
    assert!(said.contains("has no images"), "{said}");
}

#[test]
fn heads_that_are_none_or_damaged_are_refused() {
    let dir = Workdir::new();
    dir.foreign("e.parquet", &embeddings(&clouds(&["a", "b"], 20, 1.0), "embedding"));
    let said = dir.pokedex("classify e.parquet --head e.parquet").failed(1);
    assert!(said.contains("not a head") && said.contains("hint: `pokedex train"), "{said}");
    dir.pokedex("train e.parquet -o h.parquet").ok();
    let sound = dir.read("h.parquet");
    for at in (0..sound.len()).step_by(sound.len() / 60) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x55;
        dir.write("bad.parquet", &bytes);
        let run = dir.pokedex("classify e.parquet --head bad.parquet -o p.parquet");
        assert!([0, 1].contains(&run.code) && !run.stderr.contains("panicked"), "{at}: {}", run.stderr);
    }
    for length in [0, 4, sound.len() / 2, sound.len() - 1] {
        dir.write("short.parquet", &sound[..length]);
        dir.pokedex("classify e.parquet --head short.parquet").failed(1);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = Workdir::new();
    dir.foreign("e.parquet", &embeddings(&clouds(&["a", "b"], 4000, 1.0), "embedding"));
    dir.pokedex("train e.parquet --method centroid -o h.parquet").ok();
    let run = dir.shell("set -o pipefail; pokedex classify e.parquet --head h.parquet | head -1").ok();
    assert_eq!(run.text(), "key\tprediction_1\tscore_1\tprediction_2\tscore_2\n");
    let json = dir.pokedex("classify e.parquet --head h.parquet --format json").ok().text();
    assert_eq!(serde_json::from_str::<Vec<Value>>(&json).expect("one array").len(), 8000);
}
