//! `evaluate --report`: the folder with tables, figures and a page.
use super::*;

#[test]
fn a_report_holds_tables_and_one_page_with_pictures() {
    let dir = Workdir::new();
    (0..5).for_each(|n| dir.picture(&format!("pics/{n}.png"), n));
    let paths = texts(&[
        Some("pics/0.png"),
        Some("pics/1.png"),
        Some("pics/2.png"),
        Some("gone.png"),
        Some("pics/4.png"),
        None,
    ]);
    let rows = predictions();
    let mut columns: Vec<(String, ArrayRef)> =
        rows.schema().fields().iter().map(|f| f.name().clone()).zip(rows.columns().iter().cloned()).collect();
    columns.push(("path".into(), paths));
    dir.foreign("p.parquet", &table(columns.iter().map(|(name, array)| (name.as_str(), array.clone())).collect()));
    dir.pokedex("evaluate p.parquet --report out/report/").ok();
    assert_eq!(
        dir.files("out/report"),
        [
            "classes.csv",
            "classes.parquet",
            "confusion.parquet",
            "files.json",
            "metrics.json",
            "predictions.csv",
            "reliability.parquet",
            "report.html",
            "risk_coverage.parquet"
        ]
    );
    let text = |name: &str| String::from_utf8(dir.read(&format!("out/report/{name}"))).expect("UTF-8");
    let metrics: Value = serde_json::from_str(&text("metrics.json")).expect("JSON");
    assert_eq!(metrics, json(&dir, "p.parquet"));
    assert_eq!(
        text("predictions.csv"),
        "file,true,predicted,confidence,correct\npics/0.png,a,a,0.9,true\npics/1.png,a,a,0.8,true\n\
         pics/2.png,b,b,0.7,true\ngone.png,b,b,0.95,true\npics/4.png,b,a,0.6,false\nx,,b,0.55,\n"
    );
    assert!(
        text("classes.csv").starts_with("label,precision,recall,f1,support,predicted\na,0.666"),
        "{}",
        text("classes.csv")
    );
    assert_eq!(dir.texts("out/report/classes.parquet", "label"), [Some("a".into()), Some("b".into())]);
    assert_eq!(dir.table("out/report/confusion.parquet").num_rows(), 3);
    assert_eq!(dir.table("out/report/reliability.parquet").num_rows(), 15);
    assert_eq!(dir.table("out/report/risk_coverage.parquet").num_rows(), 5);
    let page = text("report.html");
    assert_eq!(page.matches("<img ").count(), 2, "a mistake and an example");
    assert!(page.contains("<b>b</b> taken for <b>a</b>") && page.contains("<svg"), "{page}");
    assert!(!page.contains("http") && !page.contains("<script"), "something from elsewhere");

    // What is written again replaces what was there, and twice the same is the same.
    let before = dir.read("out/report/report.html");
    dir.pokedex("evaluate p.parquet --report out/report -j 1").ok();
    assert!(before == dir.read("out/report/report.html"));
    dir.write("file", "");
    assert!(dir.pokedex("evaluate p.parquet --report file/report").failed(1).contains("cannot write"));
}

#[test]
fn the_training_curve_of_the_log_is_in_the_report() {
    let dir = workdir();
    let point = |iteration, loss| pokedex::runs::Point {
        iteration,
        train_loss: Some(loss),
        validation_loss: Some(loss + 0.1),
        validation_top1: Some(0.5),
    };
    let run = pokedex::runs::Run {
        command: "train".into(),
        input: "e.parquet".into(),
        settings: serde_json::json!({}),
        figures: serde_json::json!({}),
        curve: Some(vec![point(1, 2.0), point(2, 1.0), point(3, 0.5)]),
        ..Default::default()
    };
    assert_eq!(pokedex::runs::append(&dir.path("runs.parquet"), &run).expect("appended"), 1);
    dir.pokedex("evaluate p.parquet --log runs.parquet --report report").ok();
    let page = String::from_utf8(dir.read("report/report.html")).expect("UTF-8");
    assert!(page.contains("<h2>Training</h2>") && page.contains("Run 1 of the log"), "{page}");
}

/// Rows are numbered in the split; pictures lie where they lie.
#[test]
fn the_pictures_of_a_report_of_one_split_are_those_of_their_captions() {
    use base64::Engine as _;
    let dir = Workdir::new();
    let colour = |n: u32| [(n * 23 % 256) as u8, (n * 71 % 256) as u8, (255 - n * 19 % 256) as u8];
    let (mut rows, count) = (String::from("key,path,label,prediction_1,score_1,split\n"), 12);
    for n in 0..count {
        let picture = image::RgbImage::from_pixel(30, 30, image::Rgb(colour(n)));
        dir.write(&format!("{n}.png"), crate::workdir::png(&picture.into()));
        let split = if n % 3 == 1 { "test" } else { "train" };
        rows.push_str(&format!("{n},{n}.png,c{},c{},0.{},{split}\n", n, (n + 3) % count, 10 + n));
    }
    dir.write("p.csv", rows);
    dir.pokedex("evaluate p.csv --split test --report report --bootstrap 0").ok();
    let page = String::from_utf8(dir.read("report/report.html")).expect("UTF-8");
    let mut seen = 0;
    for shown in page.split("data:image/jpeg;base64,").skip(1) {
        let (jpeg, rest) = shown.split_once('"').expect("a quoted address");
        let key: u32 = rest.split("<code>").nth(1).and_then(|r| r.split('<').next()?.parse().ok()).expect("a key");
        let jpeg = base64::engine::general_purpose::STANDARD.decode(jpeg).expect("base64");
        let middle = *crate::workdir::pixels(&jpeg).get_pixel(60, 60);
        let far = middle.0.iter().zip(colour(key)).map(|(a, b)| a.abs_diff(b)).max();
        assert!(far < Some(12), "{key}: {middle:?} {:?}", colour(key));
        seen += 1;
    }
    assert!(seen >= 4, "{seen} pictures");
}

#[test]
fn a_report_replaces_nothing_but_an_earlier_report() {
    let dir = Workdir::new();
    let csv = "image,label,prediction_1,score_1,notes\na.png,cat,cat,0.9,checked by hand\nb.png,dog,cat,0.6,blurred\n";
    dir.write("predictions.csv", csv);
    dir.write("used/metrics.json", "somebody's");
    dir.write("linked/data.csv", csv);
    dir.shell("ln -s linked link").ok();
    for (arguments, why) in [
        ("predictions.csv --report .", "lies in the folder"),
        ("predictions.csv --report used", "holds files that no earlier run made"),
        ("linked/data.csv --report link", "lies in the folder"),
        ("predictions.csv --report report.html", "a folder is written here"),
        ("predictions.csv --report predictions.csv", "a folder is written here"),
    ] {
        let run = dir.pokedex(&format!("evaluate {arguments} --bootstrap 0"));
        assert!(
            [1, 2].contains(&run.code) && run.stderr.contains(why) && run.stderr.contains("hint: "),
            "{arguments}: {}",
            run.stderr
        );
    }
    assert_eq!(
        dir.files(""),
        ["linked/data.csv", "link/data.csv", "predictions.csv", "used/metrics.json"]
            .map(String::from)
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    assert_eq!((dir.read("predictions.csv"), dir.read("used/metrics.json")), (csv.into(), b"somebody's".into()));

    let said = dir.pokedex("evaluate predictions.csv --report report --log report/runs.parquet").ok().stderr;
    assert!(said.contains("report/report.html: the report"), "{said}");
    dir.pokedex("evaluate predictions.csv --report report --log report/runs.parquet -o report/figures.csv").ok();
    // One that was changed since is somebody's work; a run that finds no room leaves the old ones.
    let before: Vec<Vec<u8>> = dir.files("report").iter().map(|name| dir.read(&format!("report/{name}"))).collect();
    dir.shell(
        "ulimit -f 4; pokedex evaluate predictions.csv --report report --log report/runs.parquet -o report/figures.csv",
    )
    .failed(1);
    let after: Vec<Vec<u8>> = dir.files("report").iter().map(|name| dir.read(&format!("report/{name}"))).collect();
    assert!(before == after);
    dir.write("report/classes.csv", "my notes");
    let said = dir
        .pokedex("evaluate predictions.csv --report report --log report/runs.parquet -o report/figures.csv")
        .failed(1);
    assert!(
        said.contains("report: holds files that no earlier run made, or that were changed since: classes.csv"),
        "{said}"
    );
    assert_eq!(dir.read("report/classes.csv"), b"my notes");
}
