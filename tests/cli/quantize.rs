//! `model quantize`: what is written has passed a gate, and is a model of its own. Needs ONNX Runtime.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;

use crate::graph::{Attribute, FLOAT, floats, model, node, port};
use crate::workdir::Workdir;

fn has_onnx_runtime() -> bool {
    let found = pokedex::model::onnx_runtime().is_ok();
    assert!(found || std::env::var_os("POKEDEX_REQUIRE_ORT").is_none(), "CI has ONNX Runtime");
    found
}

fn vectors(dir: &Workdir, table: &str) -> Vec<Vec<f32>> {
    let column = dir.table(table)["embedding"].as_fixed_size_list().clone();
    (0..column.len()).map(|row| column.value(row).as_primitive::<Float32Type>().values().to_vec()).collect()
}

/// The least cosine of the vectors of two tables.
fn least_cosine(dir: &Workdir, one: &str, other: &str) -> f32 {
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let (one, other) = (vectors(dir, one), vectors(dir, other));
    one.iter().zip(&other).map(|(a, b)| cosine(a, b)).fold(1.0, f32::min)
}

fn model_of(dir: &Workdir, table: &str) -> String {
    dir.texts(table, "embedding_model")[0].clone().expect("a model")
}

#[test]
fn a_quantised_model_is_another_model_whose_words_are_exact() {
    if !has_onnx_runtime() {
        return;
    }
    let dir = Workdir::new();
    dir.pictures("in", 40);
    for (name, image, text) in [
        ("clip", "onnx/vision_model.onnx", "onnx/text_model.onnx"),
        ("clip_combined", "onnx/vision_model.onnx", "onnx/text_model.onnx"),
        ("openclip", "visual.onnx", "textual.onnx"),
    ] {
        dir.model(name, name);
        let run = format!("model quantize ./{name} --calibrate in --least-overlap 0.6 -o {name}-small");
        let said = dir.pokedex(&run).ok().text();
        assert!(said.starts_with(&format!("model       {name}-small-int8@")), "{said}");
        assert!(said.contains(" in 8 bits\n") && said.contains("same answers"), "{said}");
        assert!(said.contains("27 pictures") && said.contains("13 pictures"), "{said}");
        for file in [image, text, "quantised.json"] {
            assert!(dir.path(&format!("{name}-small/{file}")).is_file(), "{name}: {file}");
        }
        let info = dir.pokedex(&format!("model info ./{name}-small")).ok().text();
        assert!(info.contains(&format!("made from   {name}@")) && info.contains("others      pictures 13"), "{info}");

        for (model, table) in [(name.to_string(), "a"), (format!("{name}-small"), "b")] {
            dir.pokedex(&format!("embed in --model ./{model} --engine ort -o {table}.parquet")).ok();
        }
        let cosine = least_cosine(&dir, "a.parquet", "b.parquet");
        assert!(cosine > 0.97 && cosine < 0.9999999, "{name}: {cosine}");
        assert!(model_of(&dir, "b.parquet").starts_with(&format!("{name}-small-int8@")));
        // Pictures of the one are never compared with those of the other.
        let said = dir.pokedex(&format!("query a dog --index b.parquet --model ./{name}")).failed(1);
        assert!(said.contains("-small-int8@"), "{said}");
        let rows = dir.pokedex(&format!("query a dog --index b.parquet --model ./{name}-small --top 3")).ok().text();
        assert_eq!(rows.lines().count(), 4, "{rows}");

        // Its scales are fixed: a picture's vector does not depend on its neighbours, so a batch may have several.
        dir.pokedex(&format!("embed in --model ./{name}-small --engine ort --batch 1 --no-cache -o c.parquet")).ok();
        assert!(least_cosine(&dir, "b.parquet", "c.parquet") > 0.99999, "{name}");
        // The engine in the binary computes the same, as another model.
        if pokedex::matrix::bytes_are_exact() {
            dir.pokedex(&format!("embed in --model ./{name}-small --engine rten -o d.parquet")).ok();
            assert!(least_cosine(&dir, "b.parquet", "d.parquet") > 0.999, "{name}");
            assert_ne!(model_of(&dir, "b.parquet"), model_of(&dir, "d.parquet"));
        }
    }
    let words = |model: &str| dir.read(&format!("{model}/onnx/text_model.onnx"));
    assert_eq!(words("clip"), words("clip-small"));
}

#[test]
fn the_same_pictures_make_the_same_model_and_files_of_others_stay() {
    if !has_onnx_runtime() {
        return;
    }
    let dir = Workdir::new();
    dir.pictures("in", 40);
    dir.model("dinov2", "m");
    let run = |folder: &str| format!("model quantize ./m --calibrate in --least-overlap 0.5 -j 2 -o {folder}");
    dir.pokedex(&run("one/m8")).ok();
    dir.pokedex(&run("two/m8")).ok();
    let files = dir.files("one/m8");
    assert_eq!(files, dir.files("two/m8"));
    for file in &files {
        assert_eq!(dir.read(&format!("one/m8/{file}")), dir.read(&format!("two/m8/{file}")), "{file}");
    }
    // What an earlier run made is replaced; what is somebody's is not.
    dir.pokedex(&run("one/m8")).ok();
    dir.write("one/m8/mine.txt", "mine");
    let said = dir.pokedex(&run("one/m8")).failed(1);
    assert!(said.contains("mine.txt") && said.contains("--force"), "{said}");
    dir.pokedex(&format!("{} --force", run("one/m8"))).ok();
    assert_eq!(dir.read("one/m8/mine.txt"), b"mine");
    let said = dir.pokedex("model quantize ./one/m8 --calibrate in -o three").failed(1);
    assert!(said.contains("8-bit integers already") && !dir.path("three").exists(), "{said}");
    // A folder that a killed run left is no model.
    dir.write("one/m8/.pokedex.journal", "# 0123456789abcdef 0.1.0 model quantize\n");
    assert!(dir.pokedex("model info ./one/m8").failed(1).contains("killed"));
}

#[test]
fn what_cannot_be_judged_or_quantised_is_refused_before_anything_is_written() {
    if !has_onnx_runtime() {
        return;
    }
    let dir = Workdir::new();
    dir.pictures("in", 12);
    dir.model("clip", "clip");
    let said = dir.pokedex("model quantize ./clip --calibrate in -o out").failed(1);
    assert!(said.contains("12 different pictures are too few") && !dir.path("out").exists(), "{said}");
    let said = dir.pokedex("model quantize pokedex-mini --calibrate in -o out").failed(1);
    assert!(said.contains("only folders with ONNX files") && !dir.path("out").exists(), "{said}");
    dir.pokedex("model quantize ./clip -o out").failed(2);
    dir.pokedex("model quantize ./clip --calibrate in --least-overlap 2 -o out").failed(2);
}

/// Numbers around zero that look random.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A network as those for telephones: each channel of a depthwise convolution has a size of its own, over three orders of
/// magnitude, and what follows evens that out.
fn depthwise() -> Vec<u8> {
    const CHANNELS: usize = 16;
    let size = |channel: usize| 2f32.powf(-(channel as f32) * 0.7);
    let kernels = noise(CHANNELS * 9, 2).into_iter().enumerate().map(|(at, x)| x * size(at / 9)).collect::<Vec<_>>();
    let evens = (0..CHANNELS).map(|channel| 1.0 / size(channel)).collect::<Vec<_>>();
    let stride = |strides| ("strides", Attribute::Ints(strides));
    let nodes = [
        node("Conv", &["pixel_values", "K1"], &["c1"], &[stride(&[2, 2])]),
        node("Relu", &["c1"], &["r1"], &[]),
        node("Conv", &["r1", "K2"], &["c2"], &[("group", Attribute::Int(16)), stride(&[1, 1])]),
        node("Mul", &["c2", "E"], &["m2"], &[]),
        node("Relu", &["m2"], &["r2"], &[]),
        node("Conv", &["r2", "K3", "B3"], &["c3"], &[stride(&[1, 1])]),
        node("Relu", &["c3"], &["r3"], &[]),
        node("GlobalAveragePool", &["r3"], &["p"], &[]),
        node("Flatten", &["p"], &["f"], &[]),
        node("MatMul", &["f", "P"], &["image_embeds"], &[]),
    ];
    let weights = [
        floats("K1", &[16, 3, 2, 2], &noise(16 * 12, 1)),
        floats("K2", &[16, 1, 3, 3], &kernels),
        floats("E", &[1, 16, 1, 1], &evens),
        floats("K3", &[16, 16, 1, 1], &noise(256, 3)),
        floats("B3", &[16], &noise(16, 4)),
        floats("P", &[16, 12], &noise(192, 5)),
    ];
    model(&nodes, &weights, port("pixel_values", FLOAT, &[0, 3, 24, 24]), &[port("image_embeds", FLOAT, &[0, 12])])
}

#[test]
fn depthwise_convolutions_with_one_scale_for_all_channels_are_refused_with_their_figures() {
    if !has_onnx_runtime() {
        return;
    }
    let dir = Workdir::new();
    dir.pictures("in", 60);
    dir.write("m/onnx/model.onnx", depthwise());
    dir.write(
        "m/preprocessor_config.json",
        r#"{"image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 24},
            "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}"#,
    );
    let said = dir.pokedex("model quantize ./m --calibrate in --scales tensor -o m8").failed(1);
    assert!(said.contains("not written") && said.contains("least overlap 0.9"), "{said}");
    assert!(said.contains("others: overlap of ten neighbours 0.") && said.contains("20 pictures"), "{said}");
    assert!(said.contains("hint: --scales channel") && !dir.path("m8").exists(), "{said}");
    // Who wants it, gets it.
    dir.pokedex("model quantize ./m --calibrate in --scales tensor --least-overlap 0 -o m8").ok();
    // The layers that suffer are left alone.
    let said = dir.pokedex("model quantize ./m --calibrate in -o good").ok().text();
    assert!(said.contains("layers      1 of 4 in 8 bits"), "{said}");
}
