//! The scripts in `data/`: each hands its part of the site to a function of `pokedex.data` in `site.js`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::index::{Nearest, Neighbours};
use crate::map::View;
use crate::model::{TextWeights, Weights};

/// Rows in a file.
pub(super) const ROWS_IN_A_FILE: usize = 500;
/// Neighbours of a row.
pub(super) const NEAR: usize = 12;

/// What the numbers of a vector are brought to: three bytes each, with a scale a row. One byte each puts other rows among the
/// first ten of every third question to the Pokédex, two of one in 369, these of none.
const MOST: f64 = 8_388_607.0;

/// A call of a function of `pokedex.data`.
fn call(function: &str, argument: &Value) -> Vec<u8> {
    format!("pokedex.data.{function}({argument});\n").into_bytes()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

fn floats(numbers: &[f32]) -> String {
    base64(numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
}

/// What is known of the site.
pub(super) fn about(about: &Value) -> Vec<u8> {
    call("about", about)
}

/// Some rows, each a text of JSON, and the files of their pictures where any has one.
pub(super) fn rows(number: usize, rows: &[String], files: &[Option<Box<str>>]) -> Vec<u8> {
    let files = match files.iter().any(Option::is_some) {
        true => format!(",\n\"thumbnails\":{}", json!(files)),
        false => String::new(),
    };
    format!("pokedex.data.rows({number},{{\"rows\":[\n{}\n]{files}}});\n", rows.join(",\n")).into_bytes()
}

/// The vectors of all rows.
pub(super) fn vectors(vectors: &Nearest, rows: usize) -> Vec<u8> {
    let dimension = vectors.dimension();
    let mut scales = Vec::with_capacity(rows);
    let mut numbers: Vec<u8> = Vec::with_capacity(rows * dimension * 3);
    for row in 0..rows {
        let Some(vector) = vectors.unit(row) else {
            scales.push(0.0);
            numbers.resize(numbers.len() + dimension * 3, 0);
            continue;
        };
        let vector: Vec<f64> = vector.collect();
        let scale = (vector.iter().fold(0.0, |most: f64, x| most.max(x.abs())) / MOST) as f32;
        scales.push(scale);
        for x in vector {
            let whole = (x / f64::from(scale)).round().clamp(-MOST, MOST) as i32;
            numbers.extend_from_slice(&whole.to_le_bytes()[..3]);
        }
    }
    let numbers = base64(numbers);
    call("vectors", &json!({ "dimension": dimension, "scales": floats(&scales), "numbers": numbers }))
}

/// The neighbours of all rows: for each its number and its score, again and again; null for a row without a vector.
pub(super) fn near(near: &[Option<Neighbours>]) -> Vec<u8> {
    let pairs = |near: &Neighbours| near.iter().map(|(row, score)| format!("{row},{score}")).collect::<Vec<_>>();
    let row = |near: &Option<Neighbours>| match near {
        Some(near) => format!("[{}]", pairs(near).join(",")),
        None => "null".to_string(),
    };
    let rows: Vec<String> = near.iter().map(row).collect();
    format!("pokedex.data.near({{\"rows\":[\n{}\n]}});\n", rows.join(",\n")).into_bytes()
}

/// The map, in the colours of each of these columns.
pub(super) fn map(map: &View, colours: &[String]) -> Vec<u8> {
    let colours = match colours {
        [] => vec![map.coloured(None)],
        colours => colours.iter().map(|by| map.coloured(Some(by))).collect(),
    };
    let mut own = json!(map.places());
    own["colours"] = json!(colours);
    call("map", &own)
}

/// The text tower.
pub(super) fn text(tower: &TextWeights) -> Vec<u8> {
    let bytes = |numbers: &[i8]| base64(numbers.iter().map(|x| x.cast_unsigned()).collect::<Vec<u8>>());
    let linear = |weights: &Weights| {
        json!({
            "numbers": bytes(weights.numbers),
            "scales": floats(weights.scales),
            "bias": floats(weights.bias),
        })
    };
    let tower = json!({
        "vocabulary": tower.vocabulary,
        "most": tower.most_tokens,
        "dimension": tower.dimension,
        "table": bytes(tower.table.numbers),
        "scales": floats(tower.table.scales),
        "bias": floats(tower.table.bias),
        "up": linear(&tower.up),
        "down": linear(&tower.down),
    });
    call("text", &tower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_three_bytes_a_number() {
        let mut rows = Nearest::new(false);
        for vector in [Some([3.0f32, -4.0]), None] {
            rows.push(vector.as_ref().map(<[f32; 2]>::as_slice));
        }
        let script = String::from_utf8(vectors(&rows, 2)).expect("text");
        let json = script.strip_prefix("pokedex.data.vectors(").and_then(|rest| rest.strip_suffix(");\n"));
        let value: Value = serde_json::from_str(json.expect("a call")).expect("JSON");
        let bytes = |name: &str| STANDARD.decode(value[name].as_str().expect("text")).expect("base64");
        assert_eq!(value["dimension"], 2);
        let scale = f32::from_le_bytes(bytes("scales")[..4].try_into().expect("four bytes"));
        assert_eq!(bytes("scales")[4..], [0; 4]);
        let numbers = bytes("numbers");
        let number =
            |at: usize| i32::from_le_bytes([0, numbers[3 * at], numbers[3 * at + 1], numbers[3 * at + 2]]) >> 8;
        assert!((number(0) as f32 * scale - 0.6).abs() < 1e-6 && (number(1) as f32 * scale + 0.8).abs() < 1e-6);
        assert_eq!((numbers.len(), &numbers[6..]), (12, &[0u8; 6][..]));
    }

    #[test]
    fn neighbours_are_numbers_and_scores() {
        let script = near(&[Some(vec![(1, 0.5), (2, -0.25)]), None]);
        assert_eq!(script, b"pokedex.data.near({\"rows\":[\n[1,0.5,2,-0.25],\nnull\n]});\n");
        let script = rows(3, &["[1]".into(), "[2]".into()], &[None, Some("a b.jpg".into())]);
        assert_eq!(script, b"pokedex.data.rows(3,{\"rows\":[\n[1],\n[2]\n],\n\"thumbnails\":[null,\"a b.jpg\"]});\n");
    }
}
