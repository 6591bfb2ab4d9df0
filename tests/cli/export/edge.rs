//! Bundles for devices: what is in them, and what their script lets through.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::Value;

use crate::workdir::Workdir;

const COLOURS: [&str; 3] = ["red", "green", "blue"];

/// Pictures of one colour in folders of its name, and a classifier of colours: `calm`, or `loud`, which 8 bits destroy.
fn colours(dir: &Workdir, model: &str) {
    for (class, name) in COLOURS.into_iter().enumerate() {
        for n in 0..8u8 {
            let mut pixel = [40 + 5 * n; 3];
            pixel[class] = 200 + 6 * n;
            let picture = DynamicImage::ImageRgb8(RgbImage::from_pixel(8, 8, Rgb(pixel)));
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, ImageFormat::Png).expect("a picture");
            dir.write(&format!("pics/{name}/{n}.png"), bytes.into_inner());
        }
    }
    dir.write("net/model.onnx", std::fs::read(data(&format!("{model}.onnx"))).expect("a model"));
    dir.write("net/classes.txt", "red\ngreen\nblue\n");
    dir.write("net/preprocess_cfg.json", r#"{"size": 8, "mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "bilinear", "resize_mode": "squash", "mode": "RGB"}"#);
    dir.shell("pokedex split pics/ --ratios 50/0/50 -o t.parquet").ok();
}

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/edge").join(file)
}

fn manifest(dir: &Workdir) -> Value {
    serde_json::from_slice(&dir.read("out/manifest.json")).expect("JSON")
}

/// The values of an INI file's section, as `configparser` reads them.
fn section(text: &str, name: &str) -> Vec<(String, String)> {
    let mut at = "";
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(section) => at = section,
            None if at == name => {
                let (key, value) = line.split_once(" = ").expect("key = value");
                found.push((key.to_string(), value.to_string()));
            }
            None => assert!(!at.is_empty(), "{line}"),
        }
    }
    found
}

#[test]
fn a_bundle_has_pictures_that_calibrate_others_that_judge_and_what_every_toolchain_is_told() {
    let dir = Workdir::new();
    colours(&dir, "calm");
    let said = dir.pokedex("export t.parquet --format edge --model net/model.onnx -o out/ -v").ok().stderr;
    assert!(said.contains("12 pictures to calibrate with, not 200"), "{said}");
    assert!(said.contains("12 pictures to judge by, not 500"), "{said}");
    let about = manifest(&dir);
    assert_eq!(about["answers"]["kind"], "classes");
    assert_eq!(about["answers"]["output"], "logits");
    assert_eq!(about["input"]["shape"], serde_json::json!([1, 3, 8, 8]));
    let files = |list: &str| -> Vec<String> {
        let list = about[list].as_array().expect("a list");
        list.iter().map(|picture| picture["file"].as_str().expect("a file").to_string()).collect()
    };
    let (calibration, held) = (files("calibration"), files("held_out"));
    assert_eq!((calibration.len(), held.len()), (12, 12));
    assert!(calibration.iter().all(|file| file.starts_with("calibration/")), "{calibration:?}");
    assert!(held.iter().all(|file| file.starts_with("held-out/")), "{held:?}");
    let sums = |list: &str| -> Vec<String> {
        about[list].as_array().expect("a list").iter().map(|p| p["sha256"].to_string()).collect()
    };
    assert!(
        sums("calibration").iter().all(|sum| !sums("held_out").contains(sum)),
        "a picture both calibrates and judges"
    );
    for target in ["onnx", "litert", "k210", "k230", "maixcam", "rknn"] {
        for end in ["py", "txt"] {
            let file = format!("targets/{target}.{end}");
            assert!(about["files"][&file]["bytes"].as_u64() > Some(0), "{file}");
        }
    }
    // A compiled model is no stranger in the folder; what is exported again is as it was.
    let before: Vec<(String, Vec<u8>)> =
        dir.files("out").into_iter().map(|f| (f.clone(), dir.read(&format!("out/{f}")))).collect();
    dir.write("out/build/onnx/model_int8.onnx", "compiled");
    dir.pokedex("export t.parquet --format edge --model net/model.onnx -o out/ -j 1").ok();
    for (file, bytes) in before {
        assert_eq!(dir.read(&format!("out/{file}")), bytes, "{file}");
    }
    assert_eq!(dir.read("out/build/onnx/model_int8.onnx"), b"compiled");
}

#[test]
fn the_description_for_maixcam_says_how_pictures_are_prepared() {
    let dir = Workdir::new();
    colours(&dir, "calm");
    dir.write("net/preprocess_cfg.json", r#"{"size": 8, "mean": [0.5, 0.25, 0.1], "std": [0.5, 0.2, 0.25], "interpolation": "bilinear", "resize_mode": "squash", "mode": "RGB"}"#);
    dir.pokedex("export t.parquet --format edge --model net/model.onnx --target maixcam -o out/").ok();
    let text = String::from_utf8(dir.read("out/targets/maixcam.mud")).expect("text");
    let of = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
    };
    assert_eq!(section(&text, "basic"), of(&[("type", "cvimodel"), ("model", "model_int8.cvimodel")]));
    let extra = section(&text, "extra");
    assert_eq!(extra[0], ("model_type".into(), "classifier".into()));
    assert_eq!(extra[1], ("input_type".into(), "rgb".into()));
    assert_eq!(extra[4], ("labels".into(), "classes.txt".into()));
    let numbers = |at: usize| -> Vec<f32> { extra[at].1.split(", ").map(|x| x.parse().expect("a number")).collect() };
    let near = |found: Vec<f32>, wanted: [f32; 3]| found.iter().zip(wanted).all(|(a, b)| (a / b - 1.0).abs() < 1e-5);
    assert_eq!((extra[2].0.as_str(), extra[3].0.as_str()), ("mean", "scale"));
    assert!(near(numbers(2), [127.5, 63.75, 25.5]), "{text}");
    assert!(near(numbers(3), [1.0 / 127.5, 1.0 / 51.0, 1.0 / 63.75]), "{text}");
    assert!(!dir.files("out").iter().any(|file| file.contains("litert")), "only what was asked for");
}

#[test]
fn classes_of_a_table_that_are_not_the_models_are_left_out() {
    let dir = Workdir::new();
    colours(&dir, "calm");
    std::fs::remove_file(dir.path("net/classes.txt")).expect("removed");
    dir.pokedex("export t.parquet --format edge --model net/model.onnx -o out/").ok();
    assert_eq!(dir.read("out/classes.txt"), b"blue\ngreen\nred\n");
    let said = dir
        .pokedex_args(&[
            "export",
            "t.parquet",
            "--where",
            "label <> 'red'",
            "--format",
            "edge",
            "--model",
            "net/model.onnx",
            "-o",
            "two/",
        ])
        .ok()
        .stderr;
    assert!(said.contains("has 3 outputs, and the table 2 classes, so no classes.txt is written"), "{said}");
    assert!(!dir.files("two").contains(&"classes.txt".to_string()));
}

#[test]
fn flags_of_devices_suit_no_other_format() {
    let dir = Workdir::new();
    colours(&dir, "calm");
    let said = dir.pokedex("export t.parquet --format coco --target litert -o out/").failed(2);
    assert!(said.contains("--target: does not suit --format coco"), "{said}");
    let said = dir.pokedex("export t.parquet --format edge --model net/model.onnx --target tflite -o out/").failed(2);
    assert!(said.contains("tflite") && said.contains("litert"), "{said}");
}

/// Python with NumPy, Pillow and ONNX Runtime, where there is one; with `POKEDEX_REQUIRE_PYTHON` there must be.
#[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
fn python() -> Option<Command> {
    let program = std::env::var_os("POKEDEX_PYTHON").unwrap_or_else(|| "python3".into());
    // The library lies in `onnxruntime/capi` of where pip put the package.
    let library = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    let packages = library.as_deref().and_then(|path| path.ancestors().find(|path| path.join("onnxruntime").is_dir()));
    let command = || {
        let mut command = Command::new(&program);
        command.env_remove("PYTHONDONTWRITEBYTECODE");
        if let Some(path) = packages {
            command.env("PYTHONPATH", path);
        }
        command
    };
    if command().args(["-c", "import numpy, PIL, onnxruntime"]).output().is_ok_and(|run| run.status.success()) {
        return Some(command());
    }
    let required = std::env::var_os("POKEDEX_REQUIRE_PYTHON").is_some() && library.is_some();
    assert!(!required, "no Python with numpy, Pillow and onnxruntime");
    eprintln!("not run: {} has no numpy, Pillow and onnxruntime", Path::new(&program).display());
    None
}

#[test]
fn a_network_that_collapses_in_8_bits_is_refused_with_its_figures() {
    for (model, passes) in [("calm", true), ("loud", false)] {
        let Some(mut python) = python() else { return };
        let dir = Workdir::new();
        colours(&dir, model);
        dir.pokedex("export t.parquet --format edge --model net/model.onnx --target onnx -o out/").ok();
        let run =
            python.arg(dir.path("out/device.py")).args(["onnx", "--judge"]).arg(data(&format!("{model}_int8.onnx")));
        let run = run.output().expect("Python runs");
        let (said, told) = (String::from_utf8_lossy(&run.stderr), String::from_utf8_lossy(&run.stdout));
        assert_eq!(run.status.success(), passes, "{model}: {said}{told}");
        let figures: Value = serde_json::from_slice(&dir.read("out/build/onnx/figures.json")).expect("JSON");
        let figures = &figures["files"][format!("{model}_int8")];
        assert_eq!(figures["pictures"], 12);
        if passes {
            assert_eq!(figures["agreement"], 1.0, "{figures}");
            assert_eq!(figures["right"], 1.0, "{figures}");
            assert!(figures["refused"].is_null(), "{figures}");
        } else {
            assert!(said.contains("loud_int8.onnx: refused: answers as model.onnx on 0."), "{said}");
            assert!(said.contains("1 different answers where model.onnx has 3"), "{said}");
            assert!(figures["agreement"].as_f64() < Some(0.5), "{figures}");
        }
        assert!(!dir.files("out").iter().any(|file| file.ends_with(".pyc")), "nothing is left beside the scripts");
    }
}
