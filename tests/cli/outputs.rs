//! What every command does with the file that it writes.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field};

use crate::workdir::{Run, Workdir};

/// Commands that write a Parquet table to a file, and nothing else.
const TABLES: [&str; 6] = [
    "scan pics",
    "split m.parquet",
    "embed pics --no-cache",
    "index e.parquet",
    "train e.parquet --no-cache",
    "classify m.parquet --format parquet",
];

/// Commands whose results are text or tables.
const RESULTS: [&str; 4] = ["classify m.parquet", "query fire", "evaluate p.parquet --bootstrap 0", "export m.parquet"];

/// Pictures of two classes, and the tables of every stage.
fn workdir() -> Workdir {
    let dir = Workdir::new();
    dir.pictures("pics/a", 6);
    (6..12).for_each(|n| dir.picture(&format!("pics/b/{n:03}.png"), n));
    dir.pokedex("scan pics -o m.parquet").ok();
    dir.pokedex("split pics -o s.parquet").ok();
    dir.pokedex("embed s.parquet -o e.parquet").ok();
    dir.pokedex("train e.parquet -q -o h.parquet").ok();
    dir.pokedex("classify e.parquet --head h.parquet -o p.parquet").ok();
    dir
}

/// No part of a file is left.
#[track_caller]
fn nothing_unfinished(dir: &Workdir) {
    let left: Vec<String> = dir.files("").into_iter().filter(|name| name.ends_with(".part")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_name_that_says_something_else_than_the_command_writes_is_refused() {
    let dir = workdir();
    for command in TABLES {
        for extension in ["csv", "tsv", "json", "jsonl", "npy", "zip", "txt", "arrow", "png", "csv.gz"] {
            let name = format!("new.{extension}");
            dir.write(&name, "what was there before");
            let said = dir.pokedex(&format!("{command} -o {name}")).failed(2);
            assert!(said.contains(&format!("{name}: its name says ")) && said.contains("hint: "), "{command}: {said}");
            assert_eq!(dir.read(&name), b"what was there before", "{command} {name}");
        }
    }
    let said = dir.pokedex("scan pics -o x.csv").failed(2);
    assert!(said.contains("hint: -o x.parquet, then: pokedex export x.parquet -o x.csv"), "{said}");
    for command in RESULTS {
        for (name, format) in
            [("x.zip", "csv"), ("x.parquet", "csv"), ("x.csv", "tsv"), ("x.json", "parquet"), ("x.xlsx", "")]
        {
            let format = if format.is_empty() { String::new() } else { format!("--format {format}") };
            let said = dir.pokedex(&format!("{command} {format} -o {name}")).failed(2);
            assert!(said.contains(&format!("{name}: its name says ")), "{command}: {said}");
            assert!(!dir.path(name).exists(), "{command} {name}");
        }
    }
    for format in ["yolo", "imagefolder", "webdataset"] {
        assert!(
            dir.pokedex(&format!("export s.parquet --format {format} -o x.zip"))
                .failed(2)
                .contains("a folder is written")
        );
    }
    nothing_unfinished(&dir);
}

#[test]
fn the_name_decides_the_format() {
    let dir = workdir();
    for command in RESULTS {
        for (extension, starts) in [
            ("csv", ""),
            ("tsv", ""),
            ("json", ""),
            ("jsonl", "{\""),
            ("parquet", "PAR1"),
            ("PARQUET", "PAR1"),
            ("ndjson", "{\""),
        ] {
            let name = format!("r.{extension}");
            let run = dir.pokedex(&format!("{command} -o {name}")).ok();
            assert_eq!(run.text(), "", "{command}");
            let bytes = dir.read(&name);
            assert!(
                bytes.starts_with(starts.as_bytes()),
                "{command} {name}: {:?}",
                String::from_utf8_lossy(&bytes[..9])
            );
            let text = String::from_utf8_lossy(&bytes);
            let first = text.lines().next().unwrap_or_default();
            match extension {
                "csv" => assert!(first.contains(',') && !first.contains('\t'), "{command}: {first}"),
                "tsv" => assert!(first.contains('\t'), "{command}: {first}"),
                "json" => drop(serde_json::from_slice::<serde_json::Value>(&bytes).expect("JSON")),
                _ => {}
            }
        }
    }
    for (name, starts) in
        [("v.npy", &b"\x93NUMPY"[..]), ("v.faiss", b"IxFI"), ("v.arrow", b"ARROW1"), ("v.arrows", b"\xff\xff\xff\xff")]
    {
        dir.pokedex(&format!("export e.parquet -o {name}")).ok();
        assert!(dir.read(name).starts_with(starts), "{name}");
    }
    // The same rows, whatever carries them.
    let csv = dir.pokedex("export e.parquet --format csv").ok().text();
    dir.pokedex("export e.parquet -o copy.parquet").ok();
    assert_eq!(dir.pokedex("export copy.parquet --format csv").ok().text(), csv);
    assert_eq!(dir.shell("pokedex export e.parquet --format arrow | pokedex export - --format csv").ok().text(), csv);
    let table = dir.pokedex("export e.parquet --format table --columns key,label").ok().text();
    assert!(table.starts_with("key        label\na/000.png  a\n"), "{table}");
    assert_eq!(dir.pokedex("export e.parquet --columns key").ok().text().lines().nth(1), Some("a/000.png"));
    dir.pokedex("export e.parquet --columns embedding,key -o some.parquet").ok();
    assert_eq!(dir.table("some.parquet").schema().field(1).name(), "key");
}

#[test]
fn an_output_in_the_place_of_an_input_loses_nothing() {
    let dir = workdir();
    dir.pokedex("convert-rgb pics -o img.parquet").ok();
    let inputs = ["m.parquet", "s.parquet", "e.parquet", "p.parquet", "img.parquet", "csv"];
    dir.shell("pokedex export p.parquet --columns key,label,prediction_1 --format csv > csv; cp e.parquet bare").ok();
    let before = inputs.map(|name| dir.read(name));
    for (command, output) in [
        ("export m.parquet --format csv", "m.parquet"),
        ("export bare --format csv", "bare"),
        ("export e.parquet --where id=1", "e.parquet"),
        ("export e.parquet --columns key", "e.parquet"),
        ("index e.parquet", "e.parquet"),
        ("embed img.parquet", "img.parquet"),
        ("classify img.parquet", "img.parquet"),
        ("classify bare --format csv", "bare"),
        ("train e.parquet", "e.parquet"),
        ("train e.parquet --log runs.parquet", "runs.parquet"),
        ("query key:a/000.png --index e.parquet", "e.parquet"),
        ("query key:a/000.png --index bare --format tsv", "bare"),
        ("evaluate csv --format csv", "csv"),
        ("evaluate p.parquet", "p.parquet"),
        ("evaluate p.parquet --log runs.parquet", "runs.parquet"),
        ("evaluate p.parquet", "./p.parquet"),
    ] {
        let said = dir.pokedex(&format!("{command} -o {output}")).failed(2);
        assert!(
            said.contains("is what is read") || said.contains("its name says") || said.contains("two outputs"),
            "{command}: {said}"
        );
    }
    for (name, bytes) in inputs.iter().zip(&before) {
        assert!(dir.read(name) == *bytes, "{name} changed");
    }
    assert!(!dir.path("runs.parquet").exists());
    // A stage that adds columns may do so in place.
    dir.shell("cp m.parquet own.parquet; ln -s own.parquet link.parquet").ok();
    for command in
        ["split own.parquet -o own.parquet", "embed own.parquet -o link.parquet", "classify own.parquet -o own.parquet"]
    {
        dir.pokedex(command).ok();
    }
    assert_eq!(dir.keys("own.parquet"), dir.keys("m.parquet"));
    let schema = dir.table("own.parquet").schema();
    for column in ["split", "embedding", "prediction_1", "width"] {
        assert!(schema.index_of(column).is_ok(), "{column}");
    }
    assert!(dir.path("link.parquet").symlink_metadata().expect("there").is_symlink());
}

#[test]
fn a_run_that_fails_for_want_of_room_leaves_the_old_file_whole() {
    let dir = workdir();
    let outputs = TABLES.map(|command| (command, "old.parquet"));
    let results = RESULTS.map(|command| (command, "old.csv"));
    let others = [("export e.parquet", "old.npy"), ("export e.parquet", "old.arrow")];
    for (command, output) in outputs.into_iter().chain(results).chain(others) {
        dir.write(output, "what was there before");
        let said = dir.shell(&format!("ulimit -f 0; pokedex {command} -o {output}")).failed(1);
        assert!(said.contains("File too large") && said.contains("hint: "), "{command}: {said}");
        assert_eq!(dir.read(output), b"what was there before", "{command}");
        nothing_unfinished(&dir);
    }
    let said = dir.shell("ulimit -f 0; pokedex query fire > out.tsv").failed(1);
    assert!(said.contains("standard output: File too large"), "{said}");
}

#[test]
fn a_place_that_cannot_be_written_is_named_in_the_words_of_the_system() {
    let dir = workdir();
    for command in TABLES.iter().chain(&RESULTS) {
        let said = dir.pokedex(&format!("{command} -o missing/x")).failed(1);
        let expected = "missing/x: cannot write: No such file or directory (os error 2)\nhint: create the folder first: mkdir -p missing";
        assert!(said.contains(expected), "{command}: {said}");
        let said = dir.pokedex(&format!("{command} -o m.parquet/x")).failed(1);
        assert!(said.contains("m.parquet/x: cannot write: Not a directory"), "{command}: {said}");
    }
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode() {
    let dir = workdir();
    let outputs = TABLES.map(|command| (command, "private.parquet")).into_iter();
    for (command, output) in outputs.chain(RESULTS.map(|command| (command, "private.csv"))) {
        for mode in [0o600, 0o640, 0o664] {
            dir.write(output, "");
            std::fs::set_permissions(dir.path(output), PermissionsExt::from_mode(mode)).expect("ours");
            dir.pokedex(&format!("{command} -o {output}")).ok();
            let bytes = dir.read(output);
            assert!(!bytes.is_empty(), "{command}");
            let kept = std::fs::metadata(dir.path(output)).expect("there").permissions().mode() & 0o777;
            assert_eq!(kept, mode, "{command}");
        }
    }
    let run = dir.shell("umask 027; pokedex scan pics -o new.parquet; stat -c %a new.parquet").ok();
    assert_eq!(run.text(), "640\n");
}

#[test]
fn parts_of_killed_runs_go_and_those_of_others_stay() {
    let dir = workdir();
    let part = |random: &str| format!("out/.x.parquet.pokedex-{random}.part");
    let (abandoned, alive) = (part("aBc123"), part("dEf456"));
    let foreign =
        ["out/.x.parquet.aBc123.part", "out/x.part", "out/.pokedex-aBc123.part.txt", "out/.y.pokedex-toolong.part"];
    for name in [&abandoned[..], &alive].iter().chain(&foreign) {
        dir.write(name, "half");
    }
    let held = std::fs::File::open(dir.path(&alive)).expect("there");
    held.lock().expect("locked");
    dir.pokedex("scan pics -o out/x.parquet").ok();
    assert!(!dir.path(&abandoned).exists());
    assert!(foreign.iter().all(|name| dir.path(name).exists()) && dir.path(&alive).exists());
    drop(held);
    // Other tests start processes, which share the lock for a moment.
    let gone = || {
        dir.pokedex("scan pics -o out/z.parquet").ok();
        !dir.path(&alive).exists()
    };
    assert!((0..50).any(|_| gone()));
    // What a process leaves that was killed while it wrote.
    dir.pictures("many", 200);
    dir.shell(
        "pokedex embed many -j1 --no-cache -o out/x.parquet & while ! ls -A out | grep -q x.parquet.pokedex-; do :; done; \
         kill -9 $!; wait $!; ls -A out | grep -c x.parquet.pokedex-",
    )
    .ok();
    dir.pokedex("scan pics -o out/x.parquet").ok();
    assert_eq!(dir.files("out").iter().filter(|name| name.contains(".x.parquet.pokedex-")).count(), 0);
}

#[test]
fn what_goes_beside_an_output_replaces_nothing_of_somebodys() {
    let dir = workdir();
    for (command, beside) in [
        ("index e.parquet --kind exact -o i.parquet", "i.arrow"),
        ("index e.parquet --kind annoy -o i.parquet", "i.ann"),
        ("index e.parquet --kind graph -o i.parquet", "i.graph"),
        ("export e.parquet -o v.npy", "v.npy.keys.csv"),
        ("export e.parquet --format web-json -o v.json", "v_metadata.json"),
    ] {
        dir.write(beside, "somebody's");
        let said = dir.pokedex(command).failed(2);
        assert_eq!(dir.read(beside), b"somebody's", "{command}: {said}");
        std::fs::remove_file(dir.path(beside)).expect("there");
    }
    // Their own they replace.
    for _ in 0..2 {
        dir.pokedex("index e.parquet --kind graph -o i.parquet").ok();
        dir.pokedex("export e.parquet -o v.npy").ok();
    }
    // What was made with the table that is replaced goes with it, and the way back is open.
    let beside = || ["arrow", "ann", "graph"].map(|extension| dir.path(&format!("i.{extension}")).exists());
    for (kind, files) in [
        ("annoy", [true, true, false]),
        ("graph", [true, false, true]),
        ("annoy", [true, true, false]),
        ("exact", [true, false, false]),
        ("graph", [true, false, true]),
        ("table", [false, false, false]),
    ] {
        let said = dir.pokedex(&format!("index e.parquet --kind {kind} -o i.parquet")).ok().stderr;
        assert_eq!((beside(), said.contains("belongs to")), (files, false), "{kind}: {said}");
    }
    // What belongs to another table stays, and is named; somebody's Arrow file is none of them.
    dir.pokedex("index e.parquet --kind graph -o other.parquet").ok();
    std::fs::copy(dir.path("other.graph"), dir.path("i.graph")).expect("copied");
    let said = dir.pokedex("index e.parquet --kind table -o i.parquet").ok().stderr;
    assert!(said.contains("i.graph: belongs to an index") && beside() == [false, false, true], "{said}");
    dir.pokedex("export e.parquet -o j.arrow").ok();
    assert_eq!(dir.pokedex("index e.parquet --kind table -o j.parquet").ok().stderr, "");
}

#[test]
fn no_table_is_replaced_by_fewer_rows() {
    let dir = workdir();
    dir.pokedex("split pics --ratios 100/0/0 -q -o s.parquet").ok();
    let before = dir.read("s.parquet");
    dir.pictures("new", 1);
    for command in ["split new --keep=s.parquet -o s.parquet", "augment s.parquet --only-new -o s.parquet"] {
        let said = dir.pokedex(command).failed(2);
        assert!(said.contains("s.parquet: is what is read") && dir.read("s.parquet") == before, "{command}: {said}");
    }
    dir.pokedex("split s.parquet --keep=s.parquet -o s.parquet").ok();
    dir.pokedex("convert-rgb pics -o t.parquet").ok();
    let before = dir.read("t.parquet");
    let said = dir.pokedex("convert-rgb t.parquet --size 8 -o t.parquet").failed(2);
    assert!(said.contains("t.parquet: is what is read") && dir.read("t.parquet") == before, "{said}");
}

#[test]
fn what_is_written_again_into_a_private_folder_stays_private() {
    let dir = workdir();
    dir.pokedex("split pics --ratios 100/0/0 -q -o s.parquet").ok();
    for (command, more) in [
        ("export s.parquet --format huggingface -o hf/", "--size 20"),
        ("export s.parquet --format webdataset -o wds/", "--size 20"),
        ("convert-rgb pics -o rgb/", "--size 20"),
    ] {
        let folder = command.rsplit(' ').next().expect("a folder");
        dir.pokedex(command).ok();
        dir.shell(&format!("chmod -R go= {folder}")).ok();
        dir.pokedex(&format!("{command} {more}")).ok();
        let open = dir.shell(&format!("find {folder} -type f -perm /044")).ok().text();
        assert_eq!(open, "", "{command}");
    }
}

#[test]
fn nothing_that_is_shown_on_a_terminal_drives_it() {
    let dir = Workdir::new();
    let name = "pics/\u{1b}]0;title\u{7}\u{202e}gnp.png";
    dir.picture(name, 1);
    dir.picture("pics/b.png", 2);
    dir.pokedex("embed pics -o e.parquet").ok();
    // `script` gives the command a terminal.
    let terminal = |arguments: &str| -> Run { dir.shell(&format!("script -qec 'pokedex {arguments}' /dev/null")) };
    for command in ["query key:b.png --index e.parquet", "export e.parquet", "classify pics"] {
        for format in ["table", "tsv", "csv", "json", "jsonl", "paths"] {
            if command.starts_with("export") && format == "paths" {
                continue;
            }
            let shown = String::from_utf8(terminal(&format!("{command} --format {format}")).ok().stdout).expect("text");
            assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{command} {format}: {shown:?}");
        }
    }
    // In a pipe data stays what it is.
    let paths = dir.pokedex("query key:b.png --index e.parquet --format paths").ok().text();
    assert_eq!(paths, format!("{name}\n"));
    assert!(dir.pokedex("export e.parquet --format csv").ok().text().contains('\u{202e}'));
}

#[test]
fn nested_values_are_json_and_nulls_are_null() {
    let dir = Workdir::new();
    let text = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let inner: ArrayRef = Arc::new(StructArray::from(vec![(
        Arc::new(Field::new("c", DataType::Utf8, true)),
        text(vec![Some("x"), None]),
    )]));
    let nested =
        |name: &str, array: &ArrayRef| (Arc::new(Field::new(name, array.data_type().clone(), true)), array.clone());
    let st: ArrayRef = Arc::new(StructArray::from(vec![nested("b", &inner)]));
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("key", text(vec![Some("k"), Some("l")]), false),
        ("st", st, true),
        ("nul", text(vec![None, None]), true),
    ]);
    dir.foreign("t.parquet", &batch.expect("a batch"));
    let lines = "{\"key\":\"k\",\"st\":{\"b\":{\"c\":\"x\"}},\"nul\":null}\n{\"key\":\"l\",\"st\":{\"b\":{\"c\":null}},\"nul\":null}\n";
    assert_eq!(dir.pokedex("export t.parquet --format jsonl").ok().text(), lines);
    assert_eq!(dir.pokedex("export t.parquet --format jsonl --columns key,st,nul").ok().text(), lines);
    let csv = dir.pokedex("export t.parquet --format csv --columns key,st").ok().text();
    assert_eq!(csv, "key,st\nk,\"{\"\"b\"\":{\"\"c\"\":\"\"x\"\"}}\"\nl,\"{\"\"b\"\":{\"\"c\"\":null}}\"\n");
    assert_eq!(dir.pokedex("export t.parquet --format csv").ok().text(), "key,nul\nk,\nl,\n");
    let json: serde_json::Value =
        serde_json::from_str(&dir.pokedex("export t.parquet --format json").ok().text()).expect("JSON");
    assert_eq!(json[0]["st"]["b"]["c"], "x");
}

#[test]
fn nothing_is_written_through_a_link_to_a_file_whose_name_says_something_else() {
    let dir = workdir();
    dir.write("notes.csv", "key,note\n000.png,mine\n");
    for (link, target) in [("l.csv", "pics/a/000.png"), ("l.parquet", "notes.csv"), ("l.json", "notes.csv")] {
        std::os::unix::fs::symlink(target, dir.path(link)).expect("a link");
    }
    // A link to what is not there yet makes it; one in a circle leads nowhere.
    std::os::unix::fs::symlink("made.parquet", dir.path("ahead.parquet")).expect("a link");
    dir.pokedex("scan pics -o ahead.parquet").ok();
    assert!(dir.path("ahead.parquet").is_symlink() && dir.path("made.parquet").is_file());
    std::os::unix::fs::symlink("circle.parquet", dir.path("circle.parquet")).expect("a link");
    dir.pokedex("scan pics -o circle.parquet").failed(1);
    assert!(dir.path("circle.parquet").is_symlink());
    std::os::unix::fs::symlink("e.parquet", dir.path("latest")).expect("a link");
    let (picture, notes) = (dir.read("pics/a/000.png"), dir.read("notes.csv"));
    for command in [
        "check m.parquet --findings l.csv",
        "check m.parquet -o l.csv",
        "scan pics -o l.parquet",
        "export m.parquet -o l.json",
        "export m.parquet -o latest --format csv",
    ] {
        let said = dir.pokedex(command).failed(2);
        assert!(said.contains("name says"), "{command}: {said}");
    }
    dir.pokedex("check pics --findings l.csv").failed(2);
    assert_eq!(dir.read("pics/a/000.png"), picture);
    assert_eq!(dir.read("notes.csv"), notes);
}

#[test]
fn a_sheet_replaces_only_sheets() {
    let dir = workdir();
    let picture = dir.read("pics/a/000.png");
    let said = dir.pokedex("augment s.parquet --preview pics/a/000.png").failed(2);
    assert!(said.contains("was not made by pokedex"), "{said}");
    assert_eq!(dir.read("pics/a/000.png"), picture);
    dir.pokedex("augment s.parquet --preview sheet.png").ok();
    image::load_from_memory_with_format(&dir.read("sheet.png"), image::ImageFormat::Png).expect("a sound PNG");
    dir.pokedex("augment s.parquet --seed 7 --preview sheet.png").ok();
}

#[test]
fn a_report_replaces_nothing_of_the_data_set_that_is_checked() {
    let dir = workdir();
    dir.pokedex("export s.parquet --format yolo -o yolo/ -q");
    dir.pokedex("export s.parquet --format coco -o coco/ -q");
    let label = dir.files("yolo/labels/train").into_iter().next().expect("a label file");
    let label = if label.starts_with("yolo") { label } else { format!("yolo/labels/train/{label}") };
    for (folder, file) in [
        ("yolo", label.as_str()),
        ("yolo", "yolo/classes.txt"),
        ("yolo", "yolo/manifest.parquet"),
        ("coco", "coco/annotations/instances_train.json"),
    ] {
        let before = dir.read(file);
        dir.pokedex(&format!("check {folder} --fail-on never -o {file}")).failed(2);
        assert_eq!(dir.read(file), before, "{file}");
    }
    for report in ["report.txt", "report.json", "report.jsonl", "report.csv", "report.tsv", "report.parquet"] {
        for _ in 0..2 {
            dir.pokedex(&format!("check yolo --fail-on never -o yolo/{report}")).ok();
        }
    }
}

#[test]
fn no_table_replaces_the_manifest_of_a_folder() {
    let dir = workdir();
    dir.pokedex("export s.parquet --format coco -o coco/ -q");
    let before = dir.read("coco/manifest.parquet");
    for command in ["scan coco", "embed coco --no-cache", "split coco", "export coco/manifest.parquet"] {
        let said = dir.pokedex(&format!("{command} -o coco/manifest.parquet")).failed(2);
        assert!(said.contains("is the manifest of its folder"), "{command}: {said}");
    }
    assert_eq!(dir.read("coco/manifest.parquet"), before);
    // A table of that name without such a folder is one as any other.
    dir.pokedex("scan pics -o pics/manifest.parquet").ok();
    dir.pokedex("scan pics -o pics/manifest.parquet").ok();
}

#[test]
fn what_standard_input_is_redirected_from_is_an_input() {
    let dir = workdir();
    dir.write("list.csv", "pics/a/000.png\n");
    dir.write("q.txt", "fire\n");
    for line in [
        "check - -o list.csv < list.csv",
        "classify - --head h.parquet -o list.csv < list.csv",
        "query --queries - -o q.txt < q.txt",
        "index - -o e.parquet < e.parquet",
    ] {
        let before = ["list.csv", "q.txt", "e.parquet"].map(|file| dir.read(file));
        let run = dir.shell(&format!("pokedex {line}"));
        assert_eq!((run.code, run.stderr.contains("is what is read")), (2, true), "{line}: {}", run.stderr);
        assert_eq!(["list.csv", "q.txt", "e.parquet"].map(|file| dir.read(file)), before, "{line}");
    }
}
