//! All that the program can say, side by side: `just messages` prints the list.

use std::path::{Path, PathBuf};

/// A sentence of the program, and where it stands.
struct Message {
    place: String,
    /// What introduces it in the source: an error, a warning, a hint.
    kind: &'static str,
    text: String,
}

/// What introduces a sentence.
const KINDS: [(&str, &str); 11] = [
    ("#[error(", "error"),
    ("Failure::failed(", "error"),
    ("Failure::usage(", "error"),
    ("ui.warn(", "warning"),
    ("ui.note(", "note"),
    ("ui.done(", "note"),
    ("ui.hint(", "hint"),
    ("progress.warn(", "warning"),
    ("progress.note(", "note"),
    ("progress.done(", "note"),
    ("progress.hint(", "hint"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).expect("readable").flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|e| e == "rs") => found.push(path),
            false => {}
        }
    }
}

/// The first literal behind `at`, if the call begins with one.
fn literal(source: &str) -> Option<String> {
    let start = source.trim_start().trim_start_matches(['&', '\n', ' ']);
    let start = start.strip_prefix("format!(").unwrap_or(start).trim_start();
    let mut text = String::new();
    let mut letters = start.strip_prefix('"')?.chars();
    loop {
        match letters.next()? {
            '"' => return Some(text),
            '\\' => match letters.next()? {
                // A line that goes on in the next.
                '\n' => {
                    let rest = letters.as_str().trim_start();
                    letters = rest.chars();
                }
                'n' => text.push('\n'),
                other => text.push(other),
            },
            letter => text.push(letter),
        }
    }
}

fn messages() -> Vec<Message> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut found = Vec::new();
    for file in files {
        let source = std::fs::read_to_string(&file).expect("text");
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (marker, kind) in KINDS {
            for (at, _) in code.match_indices(marker) {
                if let Some(text) = literal(&code[at + marker.len()..]) {
                    let line = code[..at].matches('\n').count() + 1;
                    let name = file.strip_prefix(root).expect("below it").display().to_string();
                    found.push(Message { place: format!("{name}:{line}"), kind, text });
                }
            }
        }
    }
    found
}

#[test]
#[expect(clippy::print_stdout, reason = "the list is what is asked for")]
fn messages_speak_with_one_voice() {
    let all = messages();
    assert!(all.len() > 150, "only {} messages were found: has their form changed?", all.len());
    let mut wrong = Vec::new();
    for message in &all {
        println!("{:<8} {:<40} {}", message.kind, message.place, message.text);
        let text = message.text.trim();
        let ends_well = !text.ends_with(['.', '!', ':', ',']);
        // Names of things (ONNX, YOLO) are written as they are; sentences begin small.
        let word: String = text.chars().take_while(|c| c.is_alphabetic()).collect();
        let begins_small =
            !word.starts_with(char::is_uppercase) || word.chars().filter(|c| c.is_uppercase()).count() > 1;
        let known = ["Annoy", "Arrow", "Pillow", "Parquet"].contains(&word.as_str());
        if !ends_well || !(begins_small || known) || text.contains("  ") || text.contains("{:?}") {
            wrong.push(format!("{} {}: {text}", message.place, message.kind));
        }
    }
    assert!(
        wrong.is_empty(),
        "lower case, no full stop, no double space, nothing as Rust prints it:\n{}",
        wrong.join("\n")
    );
}
