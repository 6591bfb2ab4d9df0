//! `export --format site`: what is in the folder, under which names, and that it is the same again.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use serde_json::Value;

use crate::workdir::{Workdir, pixels};

const DATA: [&str; 5] = ["data/about.js", "data/near.js", "data/rows-0.js", "data/text.js", "data/vectors.js"];

/// What a script of a site hands over to a function.
fn handed(dir: &Workdir, file: &str, call: &str) -> Value {
    let script = String::from_utf8(dir.read(file)).expect("text");
    let json = script.strip_prefix(&format!("pokedex.data.{call}")).and_then(|rest| rest.strip_suffix(");\n"));
    serde_json::from_str(json.unwrap_or_else(|| panic!("{file}: {script:.200}"))).expect("JSON")
}

fn about(dir: &Workdir, site: &str) -> Value {
    handed(dir, &format!("{site}/data/about.js"), "about(")
}

fn rows(dir: &Workdir, site: &str) -> Value {
    handed(dir, &format!("{site}/data/rows-0.js"), "rows(0,")
}

/// The files of a site that are not the page's own.
fn own(dir: &Workdir, site: &str) -> Vec<String> {
    dir.files(site).into_iter().filter(|file| !file.starts_with("page/")).collect()
}

fn same(dir: &Workdir, one: &str, other: &str) {
    assert_eq!(dir.files(one), dir.files(other));
    for file in dir.files(one) {
        assert!(dir.read(&format!("{one}/{file}")) == dir.read(&format!("{other}/{file}")), "{file}");
    }
}

/// A table of these keys, whose pictures are there.
fn keyed(dir: &Workdir, name: &str, keys: &[&str]) {
    let paths: Vec<String> = (0..keys.len()).map(|n| format!("pics/{n:02}.png")).collect();
    (0..).zip(&paths).for_each(|(n, path)| dir.picture(path, n));
    let text = |cells: &[String]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_string()).collect();
    let columns = [("key", text(&keys)), ("path", text(&paths))];
    dir.foreign(name, &RecordBatch::try_from_iter(columns).expect("a batch"));
}

#[test]
fn a_site_is_a_page_its_data_and_small_pictures() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.pokedex("export e.parquet --format site --size 20 -o site/").ok();
    let pictures = ["thumbnails/000.jpg", "thumbnails/001.jpg", "thumbnails/002.jpg"];
    let mut expected: Vec<&str> = [&DATA[..], &["index.html", "manifest.parquet"], &pictures].concat();
    expected.sort_unstable();
    assert_eq!(own(&dir, "site"), expected);
    let small = dir.read("site/thumbnails/001.jpg");
    assert_eq!((&small[..2], pixels(&small).dimensions()), (&b"\xff\xd8"[..], (20, 15)));

    let html = String::from_utf8(dir.read("site/index.html")).expect("text");
    let scripts: Vec<&str> = html.split("<script src=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(scripts.last(), Some(&"page/site.js"));
    assert!(scripts.iter().all(|script| dir.path(&format!("site/{script}")).is_file()), "{scripts:?}");

    let about = about(&dir, "site");
    assert_eq!((&about["name"], &about["rows"], &about["pokedex"]), (&"e.parquet".into(), &3.into(), &false.into()));
    assert_eq!((&about["words"], &about["pictures"]), (&true.into(), &true.into()));
    assert_eq!(
        (&about["by_picture"], &about["classify"], &about["group"]),
        (&false.into(), &false.into(), &Value::Null)
    );
    let columns: Vec<&str> =
        about["columns"].as_array().into_iter().flatten().filter_map(|c| c["name"].as_str()).collect();
    assert_eq!(columns, ["key", "id", "label", "content_hash", "error"]);
    let rows = rows(&dir, "site");
    assert_eq!(rows["rows"][1][0], "001.png");
    assert_eq!(rows["thumbnails"], serde_json::json!(["000.jpg", "001.jpg", "002.jpg"]));
    let near = handed(&dir, "site/data/near.js", "near(");
    assert_eq!(near["rows"][0].as_array().map(Vec::len), Some(4), "two neighbours and their scores");
    let vectors = handed(&dir, "site/data/vectors.js", "vectors(");
    assert_eq!((&vectors["dimension"], vectors["numbers"].as_str().map(str::len)), (&256.into(), Some(3 * 256 * 4)));
    let text = handed(&dir, "site/data/text.js", "text(");
    assert_eq!(text["dimension"], 256);

    // Where the pictures were is nobody's business.
    for file in dir.files("site").into_iter().filter(|file| file.starts_with("data/")) {
        let bytes = dir.read(&format!("site/{file}"));
        assert!(!String::from_utf8_lossy(&bytes).contains("in/00"), "{file}");
    }
}

#[test]
fn neighbours_are_those_that_a_query_finds() {
    let dir = Workdir::new();
    dir.pictures("in", 20);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.pokedex("export e.parquet --format site -o site/").ok();
    dir.pokedex("export pokedex: --format site -o species/").ok();
    for (site, keys, index) in
        [("site", ["000.png", "013.png"], "--index e.parquet"), ("species", ["pikachu", "mr-mime"], "")]
    {
        let rows = rows(&dir, site);
        let near = handed(&dir, &format!("{site}/data/near.js"), "near(");
        for key in keys {
            let found = dir.pokedex(&format!("query key:{key} --top 12 --format json {index}")).ok().text();
            let found: Value = serde_json::from_str(&found).expect("JSON");
            let at = rows["rows"].as_array().and_then(|rows| rows.iter().position(|row| row[0] == key));
            let near = near["rows"][at.expect("a row")].as_array().expect("neighbours").clone();
            for (pair, hit) in near.chunks(2).zip(found.as_array().expect("hits")) {
                let row = pair[0].as_u64().expect("a number") as usize;
                // Rows of the next file are not looked at.
                if row < 500 {
                    assert_eq!(rows["rows"][row][0], hit["key"], "{key}");
                }
                let score = |value: &Value| value.as_f64().expect("a score");
                assert!((score(&pair[1]) - score(&hit["score"])).abs() < 1e-6, "{key}");
            }
        }
    }
}

#[test]
fn the_same_table_makes_the_same_bytes() {
    let dir = Workdir::new();
    dir.pictures("in", 9);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.pokedex("export e.parquet --format site -j 1 -o one/").ok();
    dir.pokedex("export e.parquet --format site -j 3 -o two/").ok();
    dir.shell("pokedex export - --format site -o three/ < e.parquet").ok();
    same(&dir, "one", "two");
    assert_eq!(dir.files("one"), dir.files("three"));
    let again = dir.pokedex("export e.parquet --format site -o one/").ok();
    assert!(again.stderr.is_empty() || again.stderr.contains("9 were there"), "{}", again.stderr);
    same(&dir, "one", "two");
}

#[test]
fn what_an_earlier_run_made_is_found_again_and_what_is_gone_goes() {
    let dir = Workdir::new();
    dir.pictures("in", 5);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.pokedex("export e.parquet --format site -o site/").ok();
    let written = |name: &str| fs::metadata(dir.path(name)).and_then(|about| about.modified()).expect("there");
    let (kept, remade) = (written("site/thumbnails/002.jpg"), dir.read("site/thumbnails/001.jpg"));

    fs::remove_file(dir.path("in/004.png")).expect("removable");
    dir.picture("in/001.png", 77);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.pokedex("export e.parquet --format site -o site/").ok();
    assert_eq!(written("site/thumbnails/002.jpg"), kept);
    assert!(dir.read("site/thumbnails/001.jpg") != remade);
    assert!(!dir.path("site/thumbnails/004.jpg").exists());
    dir.pokedex("export e.parquet --format site -o fresh/").ok();
    same(&dir, "site", "fresh");

    // Another size, and fewer rows.
    dir.pokedex_args(&[
        "export",
        "e.parquet",
        "--format",
        "site",
        "--size",
        "10",
        "--where",
        "key < '002'",
        "-o",
        "site/",
    ])
    .ok();
    assert_eq!(dir.files("site/thumbnails"), ["000.jpg", "001.jpg"]);
    assert_eq!(pixels(&dir.read("site/thumbnails/000.jpg")).dimensions(), (10, 8));
    assert_eq!(about(&dir, "site")["rows"], 2);
}

#[test]
fn keys_of_any_kind_have_safe_names_and_are_data() {
    let dir = Workdir::new();
    let keys = [
        "../../up.png",
        "<img src=x onerror=alert(1)>.png",
        "a/same.png",
        "b/same.png",
        "_under.png",
        ".hidden.png",
        "100% #1?.png",
        "\"quoted\" \\ 'key'\u{2028}.png",
        "é\u{301} 火.png",
        "con.png",
        "/absolute.png",
        "</script>",
    ];
    keyed(&dir, "t.parquet", &keys);
    dir.pokedex("embed t.parquet -o e.parquet").ok();
    dir.pokedex("export e.parquet --format site -o out/site/").ok();
    let rows = rows(&dir, "out/site");
    let told: Vec<&str> = rows["rows"].as_array().into_iter().flatten().filter_map(|row| row[0].as_str()).collect();
    assert_eq!(told, keys);
    let files: Vec<String> =
        rows["thumbnails"].as_array().into_iter().flatten().filter_map(|f| f.as_str().map(str::to_string)).collect();
    let mut sorted = files.clone();
    sorted.sort();
    assert_eq!(dir.files("out/site/thumbnails"), sorted);
    assert_eq!(files.iter().map(|file| file.to_lowercase()).collect::<HashSet<_>>().len(), keys.len());
    for file in &files {
        assert!(file.ends_with(".jpg") && !file.starts_with(['.', '_', '#']), "{file}");
        assert!(!file.contains(['/', '\\', '<', '>', '"', '?', ':', '*', '|']), "{file}");
    }
    assert_eq!(dir.files("out").len(), dir.files("out/site").len(), "nothing lies beside the site");
    // A script is text of one encoding, which no key ends.
    let script = String::from_utf8(dir.read("out/site/data/rows-0.js")).expect("UTF-8");
    assert!(script.contains("\\\"quoted\\\" \\\\ 'key'"), "{script}");
}

#[test]
fn the_pokedex_is_a_site_of_its_own_kind() {
    let dir = Workdir::new();
    dir.pokedex("export pokedex: --format site -o site/").ok();
    let told = about(&dir, "site");
    assert_eq!(
        (&told["name"], &told["pokedex"], &told["group"]),
        (&"pokedex:".into(), &true.into(), &"generation".into())
    );
    assert_eq!((&told["rows"], &told["pictures"], &told["words"]), (&1025.into(), &false.into(), &true.into()));
    assert_eq!(own(&dir, "site").iter().filter(|file| file.starts_with("data/rows-")).count(), 3);
    assert!(!dir.path("site/thumbnails").exists());
    let run = dir.pokedex_args(&["export", "pokedex:", "--format", "site", "--where", "generation = 1", "-o", "site/"]);
    run.ok();
    assert_eq!(about(&dir, "site")["rows"], 151);
    assert_eq!(own(&dir, "site").iter().filter(|file| file.starts_with("data/rows-")).count(), 1);
}

#[test]
fn words_are_looked_for_where_the_built_in_model_made_the_vectors() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.other_model("m");
    dir.pokedex("embed in --model ./m -o other.parquet").ok();
    let run = dir.pokedex("export other.parquet --format site -o other/").ok();
    assert!(run.stderr.contains("words are not looked for here: its vectors were made by other@"), "{}", run.stderr);
    assert_eq!(about(&dir, "other")["words"], false);
    assert!(!dir.path("other/data/text.js").exists() && dir.path("other/data/near.js").exists());

    dir.pokedex("scan in -o m.parquet").ok();
    let run = dir.pokedex("export m.parquet --format site -o plain/").ok();
    assert!(run.stderr.contains("has no vectors, so nothing can be looked for in it"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: pokedex embed m.parquet | pokedex export - --format site"), "{}", run.stderr);
    assert!(!dir.path("plain/data/vectors.js").exists() && dir.path("plain/thumbnails/000.jpg").exists());
    dir.pokedex("export in --format site -o folder/").ok();
    assert_eq!(dir.files("folder/thumbnails"), dir.files("plain/thumbnails"));
}

#[test]
fn a_picture_that_cannot_be_read_is_named_and_its_row_stays() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.write("in/001.png", "no picture any more");
    let said = dir.pokedex("export e.parquet --format site -o site/").failed(3);
    assert!(said.contains("001.png: not an image"), "{said}");
    let told = rows(&dir, "site");
    assert_eq!(told["rows"].as_array().map(Vec::len), Some(3));
    assert_eq!(told["thumbnails"], serde_json::json!(["000.jpg", null, "002.jpg"]));
    dir.pokedex("export e.parquet --format site --strict -o strict/").failed(1);
    assert!(!dir.path("strict/manifest.parquet").exists());

    // One that an earlier stage could not read is not named again.
    dir.pokedex("embed in -o e.parquet").failed(3);
    let run = dir.pokedex("export e.parquet --format site -o site/").ok();
    assert!(!run.stderr.contains("001.png"), "{}", run.stderr);

    fs::rename(dir.path("in"), dir.path("away")).expect("renamed");
    let said = dir.pokedex("export e.parquet --format site -o none/").failed(1);
    assert!(said.contains("e.parquet: no picture could be read"), "{said}");
    assert!(!dir.path("none").exists());
}

#[test]
fn what_others_have_in_the_folder_stays() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.write("site/index.html", "mine");
    dir.write("site/notes.txt", "mine too");
    let said = dir.pokedex("export e.parquet --format site -o site/").failed(1);
    assert!(said.contains("index.html") && said.contains("hint: "), "{said}");
    assert_eq!((dir.files("site").len(), &dir.read("site/index.html")[..]), (2, &b"mine"[..]));
    dir.pokedex("export e.parquet --format site --force -o site/").ok();
    assert!(dir.read("site/index.html") != b"mine" && dir.read("site/notes.txt") == b"mine too");
    let said = dir.pokedex("export e.parquet --format site -o in/").failed(1);
    assert!(said.contains("lies in the folder that is being written"), "{said}");
}

#[test]
fn a_flag_that_changes_nothing_of_a_site_is_a_mistake() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    for flag in ["--columns key", "--encode png", "--fit pad", "--no-check", "--classes all", "--shard-size 1MB"] {
        let said = dir.pokedex(&format!("export in --format site {flag} -o site/")).failed(2);
        assert!(said.contains("does not suit --format site"), "{said}");
    }
    assert!(dir.pokedex("export in --format site").failed(2).contains("a site is a folder, and none was named"));
    assert!(!dir.path("site").exists());
    dir.pokedex("export in --format site --size 24x12 --quality 50 --background black -o site/").ok();
    assert_eq!(pixels(&dir.read("site/thumbnails/000.jpg")).dimensions(), (16, 12));
}

#[test]
fn a_site_is_read_back_as_its_small_pictures() {
    let dir = Workdir::new();
    keyed(&dir, "t.parquet", &["x/one.png", "y/two.png"]);
    dir.pokedex("export t.parquet --format site -o site/").ok();
    dir.pokedex("scan site -o back.parquet").ok();
    assert_eq!(dir.keys("back.parquet"), ["x/one.png", "y/two.png"]);
}

#[test]
fn a_site_of_a_map_has_its_places_in_each_of_its_colours() {
    let dir = Workdir::new();
    dir.pictures("in", 9);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.pokedex("map e.parquet -o map.parquet").ok();
    dir.pokedex("export map.parquet --format site --size 20 -o site/").ok();
    let map = handed(&dir, "site/data/map.js", "map(");
    assert_eq!((map["total"].as_u64(), map["points"].as_u64(), map["rows"].is_null()), (Some(9), Some(9), true));
    let told: Vec<&str> =
        map["colours"].as_array().expect("colours").iter().filter_map(|own| own["by"].as_str()).collect();
    let about = about(&dir, "site");
    let columns: Vec<&str> =
        about["map"]["colours"].as_array().expect("colours").iter().filter_map(|name| name.as_str()).collect();
    assert!(columns.first() == Some(&"cluster") && columns == told, "{columns:?} {told:?}");
    assert!(columns.len() <= 12);
    dir.pokedex("export e.parquet --format site --size 20 -o plain/").ok();
    assert!(!dir.path("plain/data/map.js").exists());
}
