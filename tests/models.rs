//! Models as they are published give the vectors of the reference pipelines, by both engines (`tests/data/models`).
//!
//! ONNX Runtime is not part of this program. Where it is not installed, only the engine in the binary is tested; with
//! `POKEDEX_REQUIRE_ORT=1`, as in CI, that is a failure.

mod engines;

use std::path::{Path, PathBuf};

use engines::engines;
use pokedex::image::Rgb;
use pokedex::model::{Device, Engine, Model, Use};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models")
}

fn golden() -> Value {
    let text = std::fs::read(folder().join("golden.json")).expect("golden.json");
    serde_json::from_slice(&text).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn cosine(vector: &[f32], golden: &Value) -> f64 {
    let golden: Vec<f64> = list(golden).iter().map(|x| x.as_f64().expect("a number")).collect();
    assert_eq!(vector.len(), golden.len());
    let norm = golden.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.iter().zip(&golden).map(|(a, b)| f64::from(*a) * b).sum::<f64>() / norm
}

/// As `make.py` has it, not exactly 2π.
#[expect(clippy::approx_constant, reason = "the same numbers as in make.py")]
const TURN: f64 = 6.283;

/// The picture that a formula of `golden.json` describes.
fn picture(formula: &Value) -> Rgb {
    let number = |key: &str| formula[key].as_f64().expect("a number");
    let (width, height) = (number("width"), number("height"));
    let mut pixels = Vec::new();
    for y in 0..height as u32 {
        for x in 0..width as u32 {
            for k in 0..3u32 {
                let at = f64::from(x) * number("a") / width * TURN
                    + f64::from(y) * number("b") / height * TURN
                    + f64::from(k) * number("c");
                pixels.push((127.5 * (1.0 + at.sin())).floor() as u8);
            }
        }
    }
    let sum: u64 = pixels.iter().map(|&byte| u64::from(byte)).sum();
    assert_eq!(sum, formula["byte_sum"].as_u64().expect("a sum"), "the formula is another");
    Rgb { width: width as u32, height: height as u32, pixels }
}

fn open(name: &str, engine: Engine) -> Model {
    let variant = match name {
        "clip_fp16" => Some("fp16"),
        "clip_int8" => Some("int8"),
        _ => None,
    };
    Model::open(&folder().join(name), variant, engine).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn pictures_of_every_shape_have_the_vectors_of_the_reference() {
    let golden = golden();
    let pictures: Vec<Rgb> = list(&golden["images"]).iter().map(picture).collect();
    for (name, wanted) in golden["models"].as_object().expect("models") {
        for engine in engines() {
            if name == "dinov2" && engine == Engine::Rten {
                let said = open(name, engine).image_tower(Use::Once, Device::Cpu).err().expect("refused").to_string();
                assert!(said.contains("cubic interpolation"), "{said}");
                continue;
            }
            if name == "clip_int8" && engine == Engine::Rten && !pokedex::matrix::bytes_are_exact() {
                let said = open(name, engine).image_tower(Use::Once, Device::Cpu).err().expect("refused").to_string();
                assert!(said.contains("rounds 8-bit products"), "{said}");
                continue;
            }
            for use_ in [Use::Bulk { calls: 2 }, Use::Once] {
                let model = open(name, engine);
                let tower = model.image_tower(use_, Device::Cpu).unwrap_or_else(|e| panic!("{name}, {engine:?}: {e}"));
                for (picture, wanted_vector) in pictures.iter().zip(list(&wanted["images"])) {
                    let mut input = vec![0.0; tower.input_len()];
                    tower.preprocess(picture, &mut input);
                    let cosine = cosine(&tower.embed_one(input).expect("embedded"), wanted_vector);
                    // Of a tall picture, Pillow 13, which made the vectors, begins with the columns now and then,
                    // where 12 began with the rows of all: a step of 255 here and there, which tiny random towers
                    // magnify.
                    let least = if picture.height > picture.width { 3e-4 } else { 1e-4 };
                    let tolerance = wanted["tolerance"].as_f64().expect("a number").max(least);
                    let shape = (picture.width, picture.height);
                    assert!(cosine > 1.0 - tolerance, "{name}, {engine:?}, {shape:?}: {cosine}");
                }
            }
        }
    }
}

#[test]
fn texts_in_any_script_have_the_vectors_of_the_reference() {
    let golden = golden();
    for (name, wanted) in golden["models"].as_object().expect("models") {
        for engine in engines() {
            let model = open(name, engine);
            if wanted.get("texts").is_none() {
                let said = model.text_tower(Use::Once, Device::Cpu).err().expect("it has none").to_string();
                assert!(said.contains("has no text tower"), "{said}");
                continue;
            }
            if name == "clip_int8" && engine == Engine::Rten && !pokedex::matrix::bytes_are_exact() {
                continue;
            }
            let towers = [Use::Bulk { calls: 2 }, Use::Once]
                .map(|use_| model.text_tower(use_, Device::Cpu).unwrap_or_else(|e| panic!("{name}, {engine:?}: {e}")));
            for kind in ["texts", "odd_texts"] {
                for (text, wanted_vector) in list(&golden[kind]).iter().zip(list(&wanted[kind])) {
                    let text = text.as_str().expect("a text");
                    // What ftfy makes of mojibake is not imitated.
                    if name == "openclip" && text.starts_with("mojibake") {
                        continue;
                    }
                    for tower in &towers {
                        let cosine = cosine(&tower.embed(text).expect("embedded"), wanted_vector);
                        let tolerance = wanted["tolerance"].as_f64().expect("a number");
                        assert!(cosine > 1.0 - tolerance, "{name}, {engine:?}, {text:?}: {cosine}");
                    }
                }
            }
        }
    }
}
