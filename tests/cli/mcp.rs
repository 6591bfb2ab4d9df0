use std::io::Write;
use std::process::Stdio;

use base64::Engine;
use serde_json::{Value, json};

use crate::workdir::{Workdir, pixels};

/// What the binary answers these lines.
fn ask(dir: &Workdir, arguments: &[&str], lines: &[Value]) -> Vec<Value> {
    let mut child = dir
        .command(env!("CARGO_BIN_EXE_pokedex"))
        .args([&["mcp"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!out.contains(&dir.folder().display().to_string()), "{out}");
    out.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn call(name: &str, arguments: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": arguments } })
}

#[test]
fn its_answers_are_those_of_query() {
    let dir = Workdir::new();
    let answers = ask(&dir, &[], &[call("search", json!({ "q": "fire dog", "top": 8 }))]);
    let hits = answers[0]["result"]["structuredContent"]["hits"].as_array().expect("hits").clone();
    let told = dir.pokedex_args(&["query", "fire dog", "--top", "8", "--format", "json"]).ok().text();
    let told: Vec<Value> = serde_json::from_str(&told).expect("JSON");
    let pair = |hit: &Value| (hit["key"].clone(), hit["score"].clone());
    assert_eq!(hits.iter().map(pair).collect::<Vec<_>>(), told.iter().map(pair).collect::<Vec<_>>());
}

#[test]
fn pictures_come_and_go_only_from_folders_that_were_given() {
    let dir = Workdir::new();
    dir.pictures("photos", 3);
    dir.picture("private/secret.png", 7);
    std::os::unix::fs::symlink(dir.path("private/secret.png"), dir.path("photos/link.png")).expect("a link");
    dir.pictures("sound/set", 3);
    dir.pokedex("embed photos/000.png photos/001.png -o e.parquet").ok();
    let answers = ask(
        &dir,
        &["--index", "e.parquet", "--images", "photos", "--root", "sound"],
        &[
            call("describe", json!({ "row": 0, "picture": true })),
            call("check", json!({ "path": "set" })),
            call("check", json!({ "path": "." })),
            call("check", json!({ "path": "../private" })),
            call("check", json!({ "path": "link.png" })),
        ],
    );
    let image = &answers[0]["result"]["content"][1];
    assert_eq!((&image["type"], &image["mimeType"]), (&json!("image"), &json!("image/jpeg")));
    let bytes = base64::engine::general_purpose::STANDARD.decode(image["data"].as_str().expect("a text"));
    assert_eq!(pixels(&bytes.expect("base64")).dimensions(), (40, 30));
    assert_eq!(answers[1]["result"]["structuredContent"]["rows"], 3);
    for refused in &answers[2..] {
        assert_eq!(refused["result"]["isError"], true, "{refused}");
    }
    let answers = ask(
        &dir,
        &["--root", "photos"],
        &[call("classify", json!({ "path": "001.png" })), call("classify", json!({ "path": "link.png" }))],
    );
    assert!(answers[0]["result"]["structuredContent"]["predictions"].is_array(), "{}", answers[0]);
    assert_eq!(answers[1]["result"]["isError"], true);
    assert!(dir.pokedex("mcp --root nowhere").failed(1).contains("nowhere"));
}

#[test]
fn a_data_set_does_not_lead_a_check_to_other_folders() {
    let dir = Workdir::new();
    dir.pictures("private", 1);
    dir.write("private/notes.txt", "a secret\n");
    let private = dir.path("private").canonicalize().expect("it is there").display().to_string();
    let yaml = |train: &str| format!("train: {train}\nval: {train}\nnames: [a]\n");
    dir.write("root/list/data.yaml", yaml(&format!("{private}/notes.txt")));
    dir.write("root/folder/data.yaml", yaml(&private));
    dir.write("root/path/data.yaml", format!("path: {private}\n{}", yaml(".")));
    dir.write("root/lines/data.yaml", yaml("list.txt"));
    dir.write("root/lines/list.txt", format!("{private}/000.png\n"));
    dir.write("root/above/data.yaml", yaml("../../private"));
    let image = |id: u32, file: &str| json!({ "id": id, "file_name": file, "width": 40, "height": 30 });
    let coco = json!({ "images": [image(1, &format!("{private}/000.png"))], "annotations": [], "categories": [] });
    dir.write("root/coco/annotations/instances_train.json", coco.to_string());
    dir.pictures("root/labels/images/train", 1);
    dir.write("root/labels/data.yaml", yaml("images/train"));
    std::fs::create_dir_all(dir.path("root/labels/labels")).expect("a folder");
    std::os::unix::fs::symlink(&private, dir.path("root/labels/labels/train")).expect("a link");
    // Labels of a folder of that name lie beside it.
    dir.pictures("images/train", 1);
    dir.write("labels/train/000.txt", "a secret\n");
    dir.write("images/data.yaml", yaml("train"));
    dir.pictures("root/sound/images/train", 2);
    dir.write("root/sound/labels/train/000.txt", "0 0.5 0.5 0.1 0.1\n");
    dir.write("root/sound/data.yaml", yaml("images/train"));
    let names = ["list", "folder", "path", "path/data.yaml", "lines", "above", "coco", "labels"];
    let mut lines: Vec<Value> = names.iter().map(|name| call("check", json!({ "path": name }))).collect();
    lines.push(call("check", json!({ "path": "." })));
    let answers = ask(&dir, &["--root", "images", "--root", "root"], &lines);
    assert_eq!(answers.len(), lines.len());
    for answer in &answers {
        let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
        assert!(answer["result"]["isError"] == true && text.contains("outside the folders"), "{answer}");
        assert!(!answer.to_string().contains("secret"), "{answer}");
    }
    let sound = ask(&dir, &["--root", "root"], &[call("check", json!({ "path": "sound" }))]);
    assert_eq!(sound[0]["result"]["structuredContent"]["rows"], 4, "{}", sound[0]);
    // Reading a pipe could wait for ever.
    dir.shell("mkfifo root/pipe").ok();
    let pipe = ask(&dir, &["--root", "root"], &[call("check", json!({ "path": "pipe" }))]);
    assert_eq!(pipe[0]["result"]["isError"], true, "{}", pipe[0]);
}
