//! The built-in model gives the vectors that another engine gave when it was made (`tests/data/golden.json`).

use pokedex::image::Rgb;
use pokedex::model::{Device, Model, Use};

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("data/golden.json")).expect("JSON")
}

fn vector(value: &serde_json::Value) -> Vec<f32> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number") as f32).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn texts_in_any_script_have_the_vectors_of_the_reference() {
    let tower = Model::builtin().text_tower(Use::Bulk { calls: 2 }, Device::Cpu).expect("a text tower");
    let texts = golden()["texts"].as_array().expect("texts").clone();
    assert!(texts.len() >= 8);
    for case in texts {
        let text = case["text"].as_str().expect("a text");
        let similarity = cosine(&tower.embed(text).expect("embedded"), &vector(&case["embedding"]));
        assert!(similarity > 0.99999, "{text:?}: {similarity}");
    }
}

#[test]
fn images_have_the_vectors_of_the_reference() {
    let tower = Model::builtin().image_tower(Use::Bulk { calls: 2 }, Device::Cpu).expect("an image tower");
    let images = golden()["images"].as_array().expect("images").clone();
    assert!(images.len() >= 2);
    for case in images {
        let [a, b, c] = ["x", "y", "c"].map(|name| case[name].as_u64().expect("a multiplier") as usize);
        let side = (tower.input_len() / 3).isqrt();
        let of = |i: usize| (a * (i / 3 % side) + b * (i / 3 / side) + c * (i % 3)) % 256;
        let pixels = (0..tower.input_len()).map(|i| of(i) as u8).collect();
        let mut input = vec![0.0; tower.input_len()];
        tower.preprocess(&Rgb { width: side as u32, height: side as u32, pixels }, &mut input);
        let similarity = cosine(&tower.embed_one(input).expect("embedded"), &vector(&case["embedding"]));
        // On pictures the engines agree to 0.99999. These patterns are like no picture: they lie between species, and
        // the soft look-up at the end of the tower magnifies what rounding leaves.
        assert!(similarity > 0.999, "{}: {similarity}", case["generator"]);
    }
}
