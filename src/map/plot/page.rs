//! A map as a page in one file: the points are numbers in it, drawn by its own script; nothing is asked of anybody.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use htmlize::escape_all_quotes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Drawing, Place};
use crate::words::printable;

/// What it shares with the page of an index, and its own.
const STYLE: &str = concat!(include_str!("../../page/base.css"), include_str!("page.css"));
const SCRIPT: &str = concat!(include_str!("../../page/points.js"), include_str!("page.js"));
const DOCUMENT: &str = include_str!("page.html");

/// The whole page.
pub(super) fn html(drawing: &Drawing) -> String {
    let data = data(drawing).to_string().replace('<', "\\u003c");
    let title = escape_all_quotes(printable(&drawing.title)).into_owned();
    // Only this style and this script, and nothing from anywhere.
    let policy = format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    let mut html = String::with_capacity(DOCUMENT.len() + STYLE.len() + SCRIPT.len() + data.len());
    let mut rest = DOCUMENT;
    for (mark, text) in [
        ("{{policy}}", policy.as_str()),
        ("{{title}}", &title),
        ("{{style}}", STYLE),
        ("{{data}}", &data),
        ("{{script}}", SCRIPT),
    ] {
        let (before, after) = rest.split_once(mark).expect("the document has each mark once, in this order");
        html.push_str(before);
        html.push_str(text);
        rest = after;
    }
    html.push_str(rest);
    html
}

fn digest(text: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(text))
}

fn data(drawing: &Drawing) -> Value {
    let floats = |places: &mut dyn Iterator<Item = Place>| {
        let bytes: Vec<u8> = places.flatten().flat_map(f32::to_le_bytes).collect();
        BASE64_STANDARD.encode(bytes)
    };
    let numbers = |numbers: &mut dyn Iterator<Item = Option<u32>>| {
        let number = |number: Option<u32>| number.and_then(|n| u16::try_from(n).ok()).unwrap_or(u16::MAX);
        let bytes: Vec<u8> = numbers.flat_map(|n| number(n).to_le_bytes()).collect();
        BASE64_STANDARD.encode(bytes)
    };
    let points = drawing.points;
    let keys: Vec<&str> = points.iter().map(|point| drawing.rows.keys[point.row].as_str()).collect();
    let label = drawing.rows.words.iter().find(|words| words.column == crate::table::column::LABEL);
    let labels = label.map(|words| {
        let word = |row: usize| words.of_row[row].map(|word| &words.values[word]);
        points.iter().map(|point| word(point.row)).collect::<Vec<_>>()
    });
    let picture = |row| drawing.pictures.get(row).map(|picture| picture.address.as_str());
    let pictures: Vec<Option<&str>> = points.iter().map(|point| picture(point.row)).collect();
    json!({
        "pictures": if drawing.pictures.is_empty() { Value::Null } else { pictures.into() },
        "title": drawing.title,
        "by": drawing.by,
        "places": floats(&mut points.iter().map(|point| point.place)),
        "behind": floats(&mut drawing.behind.iter().copied()),
        "group": numbers(&mut drawing.of_point.iter().copied()),
        "cluster": numbers(&mut points.iter().map(|point| point.cluster)),
        "keys": keys,
        "names": labels,
        "groups": drawing.groups,
        "clusters": drawing.names,
        "labels": drawing.labels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_its_marks_and_nothing_of_others() {
        for text in [DOCUMENT, STYLE, SCRIPT] {
            assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("//cdn"));
        }
        assert_eq!(DOCUMENT.matches("{{").count(), 5);
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style") && !SCRIPT.contains("innerHTML"));
    }
}
