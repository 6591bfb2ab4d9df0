mod report;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int64Array, LargeStringArray,
    RecordBatch, StringArray, StringViewArray,
};
use serde_json::Value;

use crate::workdir::Workdir;

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<StringArray>())
}

fn some(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn floats(values: &[f32]) -> ArrayRef {
    Arc::new(Float32Array::from(values.to_vec()))
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .expect("columns of one length")
}

/// Six rows as `classify` writes them: four right, one wrong, one stranger.
fn predictions() -> RecordBatch {
    table(vec![
        ("key", some(&["a/0", "a/1", "b/0", "b/1", "b/2", "x"])),
        ("label", texts(&[Some("a"), Some("a"), Some("b"), Some("b"), Some("b"), None])),
        ("style", some(&["photo", "icon", "photo", "icon", "icon", "photo"])),
        ("prediction_1", some(&["a", "a", "b", "b", "a", "b"])),
        ("prediction_2", some(&["b", "b", "a", "a", "b", "a"])),
        ("score_1", floats(&[0.9, 0.8, 0.7, 0.95, 0.6, 0.55])),
        ("rejected", Arc::new(BooleanArray::from(vec![false, false, false, false, true, false]))),
        ("seconds", floats(&[0.5, 0.5, 0.5, 0.5, 0.5, 1.0])),
    ])
}

#[test]
fn classes_are_the_same_however_truths_and_numbers_of_classes_are_written() {
    let dir = Workdir::new();
    let top1 = |file: &str| {
        let run = dir.pokedex(&format!("evaluate {file} --format json --bootstrap 0")).ok();
        let json: Value = serde_json::from_str(&run.text()).expect("JSON");
        (json["top1"].as_f64().expect("a share"), json["classes"].as_u64().expect("a count"), run.stderr)
    };
    let keys = || ("key", some(&["a", "b", "c", "d"]));
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true, false]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 0, 0, 0]));
    for predictions in [some(&["True", "False", "False", "False"]), some(&["TRUE", "0", "false", "0.0"]), numbers] {
        dir.foreign("t.parquet", &table(vec![keys(), ("label", truths.clone()), ("prediction_1", predictions)]));
        assert_eq!(top1("t.parquet"), (0.75, 2, String::new()));
    }
    // What `datasets` writes where a model's numbers of classes stand beside a ClassLabel.
    let features =
        serde_json::json!({"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}});
    let numbers = |values: [i64; 4]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
    let rows = table(vec![keys(), ("label", numbers([1, 0, 1, 0])), ("prediction_1", numbers([1, 0, 0, 0]))]);
    dir.foreign("c.parquet", &with_footer(&rows, &[("huggingface", &features.to_string())]));
    assert_eq!(top1("c.parquet"), (0.75, 2, String::new()));
    // What Excel calls Unicode text.
    let csv = "key\tlabel\tprediction_1\na\tcat\tcat\nb\tdog\tcat\n";
    let wide: Vec<u8> = std::iter::once(0xfeff).chain(csv.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    dir.write("unicode.txt", wide);
    assert_eq!(top1("unicode.txt"), (0.5, 2, String::new()));
    // Two lists of classes are probably none that belong together.
    let names = some(&["cat", "dog", "cat", "dog"]);
    dir.foreign("n.parquet", &table(vec![keys(), ("label", names), ("prediction_1", numbers([1, 0, 0, 0]))]));
    let (share, _, said) = top1("n.parquet");
    assert!(
        share == 0.0 && said.contains("no class that a row has was predicted for any: `cat` is true, `1` was"),
        "{said}"
    );
}

fn with_footer(batch: &RecordBatch, footer: &[(&str, &str)]) -> RecordBatch {
    let metadata: HashMap<String, String> = footer.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let schema = Arc::new(batch.schema().as_ref().clone().with_metadata(metadata));
    RecordBatch::try_new(schema, batch.columns().to_vec()).expect("the same columns")
}

fn with_column(batch: &RecordBatch, name: &str, array: ArrayRef) -> RecordBatch {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let own = columns.map(|(f, c)| (f.name().as_str(), if f.name() == name { array.clone() } else { c.clone() }));
    table(own.collect())
}

fn json(dir: &Workdir, arguments: &str) -> Value {
    serde_json::from_str(&dir.pokedex(&format!("evaluate {arguments} --format json")).ok().text()).expect("JSON")
}

/// A workdir with `p.parquet`.
fn workdir() -> Workdir {
    let dir = Workdir::new();
    dir.foreign("p.parquet", &predictions());
    dir
}

#[test]
fn the_figures_are_those_of_the_definitions() {
    let dir = workdir();
    let figures = json(&dir, "p.parquet");
    for (name, value) in [
        ("rows", 5.0),
        ("errors", 0.0),
        ("classes", 2.0),
        ("strangers", 1.0),
        ("strangers_accepted", 1.0),
        ("unknown_truth", 0.0),
        ("top1", 0.8),
        ("top5", 1.0),
        ("macro_f1", 0.8),
        ("balanced_accuracy", 5.0 / 6.0),
        ("coverage", 0.8),
        ("accepted_accuracy", 1.0),
        ("aurc", 0.04),
        ("eaurc", 0.0),
        ("latency_mean", 3.5 / 6.0),
        ("latency_p95", 0.875),
        ("throughput", 6.0 / 3.5),
    ] {
        let ours = figures[name].as_f64().unwrap_or_else(|| panic!("{name}: {}", figures[name]));
        assert!((ours - value).abs() < 1e-9, "{name} is {ours}, not {value}");
    }
    let bound = |name: &str| figures[name].as_f64().expect("a bound");
    assert!(bound("top1_low") < 0.8 && bound("top1_high") == 1.0, "{figures}");
    assert!(figures["top5_low"] == 1.0 && figures["aurc_low"].is_number() && figures["ece_high"].is_number());
}

#[test]
fn a_pipe_gets_a_line_for_each_figure() {
    let dir = workdir();
    let text = dir.pokedex("evaluate p.parquet").ok().text();
    assert!(text.starts_with("metric\tvalue\tlow\thigh\nrows\t5\t\t\n"), "{text}");
    assert!(text.contains("\ntop1\t0.8\t0."), "{text}");
    assert!(text.lines().all(|line| line.split('\t').count() == 4), "{text}");
    let table = dir.pokedex("evaluate p.parquet --format table").ok().text();
    assert!(table.contains("\ntop1 ") && table.contains("the best prediction is right"), "{table}");
    assert_eq!(dir.shell("pokedex evaluate p.parquet | head -1; exit ${PIPESTATUS[0]}").ok().text().lines().count(), 1);
    let csv = dir.pokedex("evaluate p.parquet --format csv").ok().text();
    assert_eq!(csv.replace(',', "\t"), text);
    let lines = dir.pokedex("evaluate p.parquet --format jsonl").ok().text();
    assert_eq!(serde_json::from_str::<Value>(lines.trim()).expect("JSON"), json(&dir, "p.parquet"));
}

#[test]
fn a_table_of_the_figures_has_one_row() {
    let dir = workdir();
    dir.shell("pokedex evaluate p.parquet --format parquet > f.parquet").ok();
    let figures = dir.table("f.parquet");
    assert_eq!(figures.num_rows(), 1);
    let column = |name: &str| figures.column_by_name(name).unwrap_or_else(|| panic!("no {name}")).clone();
    assert_eq!(column("top1").as_any().downcast_ref::<Float64Array>().expect("float64").value(0), 0.8);
    assert_eq!(column("rows").as_any().downcast_ref::<Int64Array>().expect("int64").value(0), 5);
    assert!(figures.column_by_name("ece_low").is_some());
}

#[test]
fn threads_and_the_order_of_rows_change_nothing_and_the_seed_changes_the_intervals_only() {
    let dir = workdir();
    let one = dir.pokedex("evaluate p.parquet -j 1").ok().text();
    assert_eq!(one, dir.pokedex("evaluate p.parquet -j 3").ok().text());
    let rows = predictions();
    let order = arrow_array::UInt32Array::from(vec![5, 3, 0, 2, 4, 1]);
    let columns = rows.columns().iter().map(|c| arrow_select::take::take(c, &order, None).expect("rows"));
    dir.foreign("turned.parquet", &RecordBatch::try_new(rows.schema(), columns.collect()).expect("the same columns"));
    assert_eq!(one, dir.pokedex("evaluate turned.parquet").ok().text());
    let (a, b) = (json(&dir, "p.parquet --seed 1 --bootstrap 50"), json(&dir, "p.parquet --seed 2 --bootstrap 50"));
    assert_eq!(a["top1"], b["top1"]);
    assert_ne!(a, b);
    let none = json(&dir, "p.parquet --bootstrap 0");
    assert!(none["top1_low"].is_null() && none["top1"] == 0.8);
}

#[test]
fn groups_come_before_all() {
    let dir = workdir();
    let text = dir.pokedex("evaluate p.parquet --by style").ok().text();
    let top1: Vec<&str> = text.lines().filter(|line| line.contains("\ttop1\t")).collect();
    assert!(text.starts_with("style\tmetric\tvalue\tlow\thigh\n"), "{text}");
    assert_eq!(top1.len(), 3);
    assert!(top1[0].starts_with("icon\ttop1\t0.666"), "{text}");
    assert!(top1[1].starts_with("photo\ttop1\t1\t") && top1[2].starts_with("all\ttop1\t0.8\t"), "{text}");
    let object = json(&dir, "p.parquet --by style");
    assert_eq!(object["top1"], 0.8);
    assert_eq!(object["groups"][1]["group"], "photo");
    assert_eq!(object["groups"][1]["strangers"], 1);
    let table = dir.pokedex("evaluate p.parquet --by style --format table").ok().text();
    assert!(table.starts_with("style") && table.contains("\nphoto "), "{table}");
    dir.shell("pokedex evaluate p.parquet --by style --format parquet > f.parquet").ok();
    assert_eq!(dir.texts("f.parquet", "group"), [Some("icon".into()), Some("photo".into()), None]);
    assert!(dir.pokedex("evaluate p.parquet --by colour").failed(1).contains("has no column `colour`"));
}

#[test]
fn text_of_any_type_and_wide_scores_are_read_alike() {
    let dir = workdir();
    let expected = json(&dir, "p.parquet");
    let labels = [Some("a"), Some("a"), Some("b"), Some("b"), Some("b"), None];
    let dictionary: DictionaryArray<Int32Type> = labels.into_iter().collect();
    let first = ["a", "a", "b", "b", "a", "b"];
    let wide = predictions();
    let wide = with_column(&wide, "label", Arc::new(dictionary));
    let wide = with_column(&wide, "prediction_1", Arc::new(LargeStringArray::from(first.to_vec())));
    let wide = with_column(&wide, "prediction_2", Arc::new(StringViewArray::from(vec!["b", "b", "a", "a", "b", "a"])));
    let scores = predictions()["score_1"].clone();
    let wide = with_column(&wide, "score_1", arrow_cast_f64(&scores));
    dir.foreign("wide.parquet", &wide);
    assert_eq!(json(&dir, "wide.parquet"), expected);
}

fn arrow_cast_f64(array: &ArrayRef) -> ArrayRef {
    let narrow = array.as_any().downcast_ref::<Float32Array>().expect("float32");
    Arc::new(narrow.iter().map(|x| x.map(f64::from)).collect::<Float64Array>())
}

#[test]
fn standard_input_may_be_parquet_or_csv() {
    let dir = workdir();
    let expected = dir.pokedex("evaluate p.parquet").ok().text();
    assert_eq!(dir.shell("cat p.parquet | pokedex evaluate -").ok().text(), expected);
    assert_eq!(dir.shell("pokedex evaluate <(cat p.parquet)").ok().text(), expected);
    // In text, 0.9 is 0.9; in 32 bits it is a little less.
    let text = |format: &str| {
        let pipe = format!("pokedex export p.parquet --format {format} | pokedex evaluate - --format json");
        serde_json::from_str::<Value>(&dir.shell(&pipe).ok().text()).expect("JSON")
    };
    assert_eq!(text("csv"), text("tsv"));
    for name in ["rows", "strangers", "top1", "top5_low", "coverage", "aurc_high", "latency_p95"] {
        assert_eq!(text("csv")[name], json(&dir, "p.parquet")[name], "{name}");
    }
    assert!(dir.shell("pokedex evaluate - < /dev/null").failed(1).contains("standard input: is empty"));
}

#[test]
fn a_csv_of_another_program_needs_only_the_names_of_its_columns() {
    let dir = Workdir::new();
    dir.write(
        "theirs.csv",
        "\u{feff}file, true , predicted,confidence\nx.png, cat ,cat,0.9\ny.png,dog,\"cat\", 0.4\nz.png,dog,,\n",
    );
    let figures = json(&dir, "theirs.csv --truth true --prediction predicted --score confidence");
    assert_eq!((&figures["rows"], &figures["classes"]), (&3.into(), &2.into()));
    assert!((figures["top1"].as_f64().expect("a number") - 1.0 / 3.0).abs() < 1e-12);
    assert!(figures["top5"].is_null() && figures["ece"].is_number() && figures["coverage"] == 1.0);
    let figures = json(&dir, "theirs.csv --truth true --prediction predicted");
    assert!(figures["ece"].is_null() && figures["aurc"].is_null() && figures["brier"].is_null());
    assert!(figures["aurc_low"].is_null() && figures["macro_f1_low"].is_number());

    let said = dir.pokedex("evaluate theirs.csv").failed(1);
    assert!(said.contains("has no column `label` (it has file, true, predicted, confidence)"), "{said}");
    assert!(said.contains("hint: --truth COLUMN"), "{said}");
    let said = dir.pokedex("evaluate theirs.csv --truth true").failed(1);
    assert!(said.contains("has no column `prediction_1`") && said.contains("hint: --prediction COLUMN"), "{said}");
    dir.write("words.csv", "label,prediction_1,score_1\na,a,high\n");
    let said = dir.pokedex("evaluate words.csv").failed(1);
    assert!(said.contains("column `score_1`: expected numbers, found \"high\""), "{said}");
    dir.write("short.csv", "label,prediction_1\na,a\nb\n");
    assert!(dir.pokedex("evaluate short.csv").failed(1).contains("line: 3"));
}

#[test]
fn numbers_are_classes_too() {
    let dir = Workdir::new();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(25), Some(4_000_000_000), None]));
    dir.foreign("p.parquet", &table(vec![("number", ids), ("prediction_1", some(&["25", "7", "7"]))]));
    let figures = json(&dir, "p.parquet --truth number");
    assert_eq!((&figures["rows"], &figures["top1"], &figures["strangers"]), (&2.into(), &0.5.into(), &1.into()));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(25.0), Some(7.0), None]));
    dir.foreign("q.parquet", &table(vec![("id", floats), ("prediction_1", some(&["25", "7", "7"]))]));
    assert_eq!(json(&dir, "q.parquet --truth id")["top1"], 1.0);
}

#[test]
fn scores_that_are_no_probabilities_are_refused_by_row() {
    let dir = workdir();
    for (score, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (1.5, "1.5"), (-0.25, "-0.25")] {
        let scores = floats(&[0.9, 0.8, 0.7, score, 0.6, 0.5]);
        dir.foreign("bad.parquet", &with_column(&predictions(), "score_1", scores));
        let said = dir.pokedex("evaluate bad.parquet").failed(1);
        let problem = format!("bad.parquet: row b/1: the score {shown} of column `score_1` is not in [0, 1]");
        assert!(said.contains(&problem) && said.contains("hint: "), "{said}");
    }
    let scores: ArrayRef = Arc::new(Float32Array::from(vec![Some(0.5), None, Some(0.5), Some(0.5), None, None]));
    dir.foreign("bad.parquet", &with_column(&predictions(), "score_1", scores));
    assert!(dir.pokedex("evaluate bad.parquet").failed(1).contains("row a/1: has a prediction, and no score"));
    let flags: ArrayRef = Arc::new(StringArray::from(vec!["maybe"; 6]));
    dir.foreign("bad.parquet", &with_column(&predictions(), "rejected", flags));
    assert!(dir.pokedex("evaluate bad.parquet").failed(1).contains("column `rejected`: expected true or false"));
}

#[test]
fn rows_with_an_error_are_left_out_and_a_missing_prediction_is_wrong() {
    let dir = Workdir::new();
    let rows = table(vec![
        ("key", some(&["0", "1", "2"])),
        ("label", some(&["a", "a", "b"])),
        ("prediction_1", texts(&[Some("a"), None, None])),
        ("score_1", Arc::new(Float32Array::from(vec![Some(0.5), None, None]))),
        ("error", texts(&[None, None, Some("torn")])),
    ]);
    dir.foreign("p.parquet", &rows);
    let run = dir.pokedex("evaluate p.parquet --format json").ok();
    assert!(run.stderr.contains("p.parquet: 1 row with an error was left out"), "{}", run.stderr);
    let figures = json(&dir, "p.parquet");
    assert_eq!((&figures["rows"], &figures["errors"], &figures["top1"]), (&2.into(), &1.into(), &0.5.into()));
    assert_eq!(figures["classes"], 1);
}

#[test]
fn classes_that_the_classifier_does_not_know_are_named() {
    let dir = Workdir::new();
    dir.foreign("p.parquet", &with_footer(&predictions(), &[("pokedex.classes", "[\"a\"]")]));
    let run = dir.pokedex("evaluate p.parquet --format json").ok();
    let said = "p.parquet: 3 rows are of a class that the classifier does not know (b); they count as wrong";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert_eq!(json(&dir, "p.parquet")["unknown_truth"], 3);
    dir.foreign("q.parquet", &with_footer(&predictions(), &[("pokedex.classes", "nonsense")]));
    assert!(dir.pokedex("evaluate q.parquet").failed(1).contains("list of classes is damaged"));
    dir.foreign("r.parquet", &with_footer(&predictions(), &[("pokedex.classes", "[\"a\",\"b\"]")]));
    assert_eq!(dir.pokedex("evaluate r.parquet").ok().stderr, "");
}

#[test]
fn what_holds_nothing_to_measure_is_explained() {
    let dir = workdir();
    dir.foreign("empty.parquet", &predictions().slice(0, 0));
    assert!(dir.pokedex("evaluate empty.parquet").failed(1).contains("empty.parquet: has no rows"));
    dir.foreign("strangers.parquet", &predictions().slice(5, 1));
    let said = dir.pokedex("evaluate strangers.parquet").failed(1);
    assert!(said.contains("no row has a true class in column `label`") && said.contains("hint: "), "{said}");
    dir.foreign("one.parquet", &predictions().slice(0, 1));
    let figures = json(&dir, "one.parquet");
    assert!(figures["top1"] == 1.0 && figures["kappa"].is_null() && figures["top1_low"] == 1.0, "{figures}");
    dir.pictures("pics", 1);
    let said = dir.pokedex("evaluate pics").failed(1);
    assert!(said.contains("this is a folder") && said.contains("pokedex classify pics"), "{said}");
    assert!(dir.pokedex("evaluate pics/000.png").failed(1).contains("neither Parquet"));
    assert!(dir.pokedex("evaluate nowhere.parquet").failed(1).contains("nowhere.parquet: cannot read"));
}

#[test]
fn a_thousand_classes_with_strange_names_go_through() {
    let dir = Workdir::new();
    let names: Vec<String> = (0..1025).map(|n| format!("<{n}>\t\"&\n")).collect();
    let labels: ArrayRef = Arc::new(StringArray::from(names.clone()));
    let mut turned = names;
    turned.rotate_left(1);
    let rows = table(vec![("label", labels), ("prediction_1", Arc::new(StringArray::from(turned)))]);
    dir.foreign("p.parquet", &rows);
    dir.pokedex("evaluate p.parquet --bootstrap 20 --report report").ok();
    let page = String::from_utf8(dir.read("report/report.html")).expect("UTF-8");
    assert!(page.contains("&lt;7&gt;\\t&quot;&amp;\\n") && !page.contains("<7>"), "not escaped");
    let text = dir.pokedex("evaluate p.parquet --by label --bootstrap 0").ok().text();
    assert!(text.lines().all(|line| line.split('\t').count() == 5));
}

#[test]
fn two_tables_of_the_same_rows_are_tested_against_each_other() {
    let dir = workdir();
    let order = arrow_array::UInt32Array::from(vec![5, 3, 0, 2, 4, 1]);
    let other = with_column(&predictions(), "prediction_1", some(&["b", "a", "b", "a", "a", "b"]));
    let columns = other.columns().iter().map(|c| arrow_select::take::take(c, &order, None).expect("rows"));
    let other = RecordBatch::try_new(other.schema(), columns.collect()).expect("the same columns");
    dir.foreign("q.parquet", &other);
    let figures = json(&dir, "p.parquet --compare q.parquet");
    let expected = [
        ("compared_rows", 5.0),
        ("other_top1", 0.4),
        ("top1_difference", 0.4),
        ("only_ours", 2.0),
        ("only_theirs", 0.0),
        ("mcnemar_p", 0.5),
        ("mcnemar_chi2", 0.5),
    ];
    for (name, value) in expected {
        let ours = figures[name].as_f64().expect("a number");
        assert!((ours - value).abs() < 1e-12, "{name} is {ours}, not {value}");
    }
    assert!(figures["top1_difference_low"].is_number() && figures["top1"] == 0.8);
    let shown = dir.pokedex("evaluate p.parquet --compare q.parquet --format table").ok().text();
    assert!(shown.starts_with("p.parquet against q.parquet") && shown.contains("mcnemar_p"), "{shown}");

    dir.foreign("fewer.parquet", &predictions().slice(0, 4));
    let said = dir.pokedex("evaluate p.parquet --compare fewer.parquet").failed(1);
    assert!(
        said.contains("fewer.parquet: its keys differ from those of p.parquet: 2 are missing, 0 are new"),
        "{said}"
    );
    assert!(said.contains("hint: "), "{said}");
    let twice = with_column(&predictions(), "key", some(&["a/0", "a/0", "b/0", "b/1", "b/2", "x"]));
    dir.foreign("twice.parquet", &twice);
    let said = dir.pokedex("evaluate p.parquet --compare twice.parquet").failed(1);
    assert!(said.contains("twice.parquet: two rows have the key a/0"), "{said}");
    assert!(dir.shell("cat p.parquet | pokedex evaluate - --compare -").failed(2).contains("standard input"));
}

#[test]
fn runs_are_logged_and_set_beside_others() {
    let dir = workdir();
    dir.pokedex("evaluate p.parquet --log runs.parquet --seed 3").ok();
    dir.pokedex("evaluate p.parquet --log runs.parquet --bootstrap 0").ok();
    let runs = pokedex::runs::read(&dir.path("runs.parquet")).expect("a log");
    assert_eq!(runs.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
    let (_, run) = &runs[0];
    assert_eq!((run.command.as_str(), run.input.as_str(), run.top1), ("evaluate", "p.parquet", Some(0.8)));
    assert_eq!((&run.settings["seed"], &run.figures["top5"]), (&3.into(), &1.0.into()));
    let figures = json(&dir, "p.parquet --compare runs.parquet");
    assert_eq!((&figures["run_1_top1"], &figures["run_2_top5"]), (&0.8.into(), &1.0.into()));
    let shown = dir.pokedex("evaluate p.parquet --compare runs.parquet --format table").ok().text();
    assert!(shown.starts_with("run ") && shown.contains("\nthis "), "{shown}");

    let before = dir.read("p.parquet");
    let said = dir.pokedex("evaluate p.parquet --log p.parquet").failed(1);
    assert!(said.contains("p.parquet: not a log of runs") && said.contains("hint: "), "{said}");
    assert!(before == dir.read("p.parquet"));
}

#[test]
fn whole_numbers_are_the_same_classes_however_they_are_spelled() {
    let dir = Workdir::new();
    let top1 = |arguments: &str| json(&dir, arguments)["top1"].as_f64();
    dir.write("t.csv", "key,label,prediction_1\na,1,1.0\nb,0,0.0\nc,2,1.0\nd,,\ne,0,0.0\n");
    assert_eq!(top1("t.csv"), Some(0.75));
    let figures = json(&dir, "t.csv");
    assert_eq!((&figures["classes"], &figures["strangers"]), (&3.into(), &1.into()));
    dir.write("t.tsv", "key\tlabel\tprediction_1\na\t1.0\t 1\nb\t0.0\t+0\nc\tNaN\t1e0\n");
    assert_eq!(top1("t.tsv"), Some(1.0));
    dir.write("padded.csv", "key,label,prediction_1\na,0001,1\nb,0025,25\nc,0025,1\n");
    assert!((top1("padded.csv").expect("a number") - 2.0 / 3.0).abs() < 1e-9);
    // Words are words, and what is spelled alike is shown as it is.
    dir.write("words.csv", "key,label,prediction_1\na,1.0,1\nb,cat,cat\n");
    assert_eq!(top1("words.csv"), Some(0.5));
    dir.write("alike.csv", "key,label,prediction_1\na,0001,0001\nb,0025,0001\n");
    dir.pokedex("evaluate alike.csv --report report --bootstrap 0").ok();
    assert!(String::from_utf8(dir.read("report/classes.csv")).expect("text").contains("\n0001,"));
    let numbers = table(vec![
        ("key", some(&["a", "b", "c"])),
        ("label", Arc::new(Int64Array::from(vec![1, 0, 2]))),
        ("prediction_1", Arc::new(Float64Array::from(vec![1.0, 0.0, f64::NAN]))),
    ]);
    dir.foreign("numbers.parquet", &numbers);
    assert!((top1("numbers.parquet").expect("a number") - 2.0 / 3.0).abs() < 1e-9);
    dir.foreign("text.parquet", &with_column(&numbers, "prediction_1", some(&["1.0", "0.0", "2.0"])));
    assert_eq!(top1("text.parquet"), Some(1.0));
    dir.write("other.csv", "key,prediction_1\na,1.0\nb,0.0\nc,1.0\n");
    assert_eq!(json(&dir, "text.parquet --compare other.csv")["other_top1"].as_f64(), Some(2.0 / 3.0));
}

#[test]
fn figures_go_to_a_file_and_runs_of_a_log_can_be_told_apart() {
    let dir = workdir();
    dir.pokedex("evaluate p.parquet -o figures.json --log runs.parquet").ok();
    let figures: Value = serde_json::from_slice(&dir.read("figures.json")).expect("JSON");
    assert_eq!(figures["top1"], 0.8);
    dir.pokedex("evaluate p.parquet --by style -o figures.jsonl --log runs.parquet").ok();
    assert_eq!(dir.read("figures.jsonl").split(|&b| b == b'\n').count(), 4);
    dir.foreign("q.parquet", &with_footer(&predictions(), &[("pokedex.head", "linear@0123456789abcdef")]));
    dir.pokedex("evaluate q.parquet --log runs.parquet --seed 9").ok();
    let shown = dir.pokedex("evaluate p.parquet --compare runs.parquet --format table").ok().text();
    let lines: Vec<&str> = shown.lines().take(4).collect();
    assert!(lines[0].ends_with(&format!("  {:<23}  {:<9}  settings", "head", "input")), "{shown}");
    assert!(lines[1].ends_with("p.parquet  seed=0"), "{shown}");
    assert!(lines[2].ends_with("p.parquet  by=style seed=0"), "{shown}");
    assert!(lines[3].ends_with("linear@0123456789abcdef  q.parquet  seed=9"), "{shown}");
}
