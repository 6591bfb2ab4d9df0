use std::io::Cursor;

use serde_json::{Value, json};

use super::*;
use crate::progress::Silent;

/// What these lines are answered.
fn ask(lines: &[Value]) -> Vec<Value> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    ask_text(text.into_bytes())
}

fn ask_text(text: Vec<u8>) -> Vec<Value> {
    let mut out = Vec::new();
    serve(Options::default(), Cursor::new(text), &mut out, &Silent).expect("it answers");
    let lines = String::from_utf8(out).expect("UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn call(name: &str, arguments: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": arguments } })
}

fn one(name: &str, arguments: Value) -> Value {
    ask(&[call(name, arguments)]).remove(0)["result"].clone()
}

#[test]
fn old_clients_begin_with_initialize_and_new_ones_do_not() {
    for (asked, settled) in [("2024-11-05", "2024-11-05"), ("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25")] {
        let hello =
            json!({ "jsonrpc": "2.0", "id": "a", "method": "initialize", "params": { "protocolVersion": asked } });
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let answers = ask(&[hello, ready, call("search", json!({ "q": "fire dog", "top": 1 }))]);
        assert_eq!(answers.len(), 2, "a notification is not answered");
        assert_eq!(answers[0]["result"]["protocolVersion"], settled);
        assert_eq!(answers[1]["result"]["structuredContent"].is_object(), settled >= "2025-06-18");
        assert!(answers[1]["result"].get("resultType").is_none());
    }
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    let discover = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": { "_meta": meta } });
    let found = ask(std::slice::from_ref(&discover)).remove(0)["result"].clone();
    assert_eq!((&found["resultType"], &found["supportedVersions"]), (&json!("complete"), &json!(["2026-07-28"])));
    let mut other = discover;
    other["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2031-01-01".into();
    let refused = &ask(&[other])[0]["error"];
    assert_eq!((&refused["code"], &refused["data"]["supported"]), (&json!(-32022), &json!(["2026-07-28"])));
}

#[test]
fn answers_go_on_by_a_cursor() {
    let whole = one("search", json!({ "q": "fire dog", "top": 6 }))["structuredContent"]["hits"].clone();
    let first = one("search", json!({ "q": "fire dog", "top": 3 }))["structuredContent"].clone();
    let next =
        one("search", json!({ "q": "fire dog", "top": 3, "cursor": first["next"] }))["structuredContent"].clone();
    let both: Vec<Value> =
        [&first, &next].iter().flat_map(|part| part["hits"].as_array().expect("hits").clone()).collect();
    assert_eq!(Value::Array(both), whole);
    let other = one("search", json!({ "q": "water dog", "top": 3, "cursor": first["next"] }));
    assert_eq!(other["isError"], true);
    assert!(other["content"][0]["text"].as_str().is_some_and(|text| text.contains("another question")));
    assert_eq!(one("search", json!({ "q": "fire dog", "cursor": "%%" }))["isError"], true);
}

#[test]
fn rows_are_named_by_number_key_or_class() {
    let of = |arguments: Value| one("describe", arguments)["structuredContent"]["label"].clone();
    for arguments in [json!({ "row": 24 }), json!({ "key": "pikachu" }), json!({ "id": 25 })] {
        assert_eq!(of(arguments), "Pikachu");
    }
    let similar = one("similar", json!({ "key": "pikachu", "top": 2 }))["structuredContent"].clone();
    assert_eq!(similar["hits"].as_array().map(Vec::len), Some(2));
    for (name, arguments, problem) in [
        ("describe", json!({ "row": 5000 }), "there is no row 5000"),
        ("describe", json!({ "key": "it's" }), "there is no row of key it's"),
        ("describe", json!({ "rwo": 1 }), "rwo: there is no such argument"),
        ("describe", json!({}), "a row is expected"),
        ("search", json!({ "q": 5 }), "q: is no text"),
        ("search", json!({ "q": "" }), "words are expected"),
        ("search", json!({ "q": "./a.png" }), "files of this machine"),
        ("search", json!({ "q": "fire", "top": 1000 }), "out of range"),
        ("search", json!({ "q": "fire", "where": "hp >" }), "--where"),
        ("classify", json!({ "path": "/etc/passwd" }), "outside the folders"),
        ("classify", json!({ "picture": "%" }), "no base64"),
        ("classify", json!({ "picture": "aGVsbG8=" }), "picture"),
        ("check", json!({ "path": "/" }), "outside the folders"),
    ] {
        let answer = one(name, arguments.clone());
        let text = answer["content"][0]["text"].as_str().unwrap_or_default();
        assert!(answer["isError"] == true && text.contains(problem), "{name} {arguments}: {answer}");
    }
    let nothing = one("search", json!({ "q": "fire", "where": "hp > 100000" }));
    assert_eq!(nothing["content"][0]["text"], "nothing was found");
}

#[test]
fn whatever_a_line_holds_ends_nothing() {
    let ping = json!({ "jsonrpc": "2.0", "id": 9, "method": "ping" }).to_string();
    let lines = [
        "{",
        "[]",
        "5",
        "null",
        "{}",
        "{\"jsonrpc\":\"2.0\",\"id\":1}",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}",
        "\u{feff}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"nothing\"}}",
    ];
    for line in lines {
        let answers = ask_text(format!("{line}\n{ping}\n").into_bytes());
        assert_eq!(answers.len(), 2, "{line}");
        assert!(answers[0]["error"]["code"].is_i64(), "{line}: {}", answers[0]);
        assert_eq!(answers[1], json!({ "jsonrpc": "2.0", "id": 9, "result": {} }));
    }
    let deep = "[".repeat(200_000);
    assert_eq!(ask_text([deep.as_bytes(), &[0xff, b'\n'], ping.as_bytes()].concat()).len(), 2);
    // Blank lines, answers and notifications are passed over; the last line needs no end.
    let passed = format!(
        "\n  \r\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{}}}}\n{{\"jsonrpc\":\"2.0\",\"method\":\"x\"}}\n{ping}"
    );
    assert_eq!(ask_text(passed.into_bytes()).len(), 1);
    let batch = format!("[{ping},{{\"jsonrpc\":\"2.0\",\"method\":\"x\"}},{ping}]\n");
    assert_eq!(ask_text(batch.into_bytes())[0].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_was_withdrawn_is_not_answered_and_not_remembered_for_ever() {
    let cancelled = Cancelled::default();
    (0..10_000).for_each(|id| cancelled.add(&json!(id)));
    assert!(cancelled.has(&json!(9_999)) && !cancelled.has(&json!(1)));
    cancelled.forget(&json!(9_999));
    assert!(!cancelled.has(&json!(9_999)));
    assert_eq!(cancelled.0.lock().expect("nobody panicked").len(), MOST_CANCELLED - 1);
}

#[test]
fn every_tool_says_what_it_takes_and_only_reads() {
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let tools = ask(&[list]).remove(0)["result"]["tools"].clone();
    let names: Vec<&str> = tools.as_array().expect("tools").iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["search", "similar", "describe", "about", "check", "classify"]);
    for tool in tools.as_array().expect("tools") {
        assert_eq!(
            (&tool["annotations"]["readOnlyHint"], &tool["inputSchema"]["type"]),
            (&json!(true), &json!("object"))
        );
        assert!(tool["outputSchema"]["type"] == "object" && tool["description"].is_string(), "{tool}");
    }
    assert_eq!(one("about", json!({}))["structuredContent"]["rows"], 1025);
}
