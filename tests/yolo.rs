//! Detectors and classifiers as they are published see what their authors' programs see, by both engines
//! (`tests/data/yolo`).
//!
//! As in `tests/models.rs`: without ONNX Runtime only the engine in the binary is tested, unless
//! `POKEDEX_REQUIRE_ORT=1`. `YOLO_ORACLE=FILE` tests other models, as `benches/peers/yolo.py` writes them down.

mod engines;

use std::path::{Path, PathBuf};

use engines::engines;
use pokedex::image::{Colour, Filter, Fit, Rgb, decode};
use pokedex::model::classifier::{Classifier, Detection, Loaded, Seen};
use pokedex::model::{Device, Engine, Model, Use};
use serde_json::Value;

/// What a box may be off, in pixels, and a score.
const MOST_PIXELS: f64 = 1e-3;
const MOST_SCORE: f64 = 1e-4;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/yolo")
}

fn read(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

fn golden() -> Value {
    read(&folder().join("golden.json"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

/// The picture that a formula of `golden.json` describes: blocks of one colour, each a splitmix64 of its place.
fn picture(formula: &Value) -> Rgb {
    let number = |key: &str| formula[key].as_u64().expect("a number");
    let (width, height, block) = (number("width"), number("height"), number("block"));
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for k in 0..3 {
                let z = (number("seed") << 40) + ((y / block) << 20) + ((x / block) << 2) + k;
                let z = z.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                pixels.push(((z ^ (z >> 31)) >> 56) as u8);
            }
        }
    }
    let sum: u64 = pixels.iter().map(|&byte| u64::from(byte)).sum();
    assert_eq!(sum, number("byte_sum"), "the formula is another");
    Rgb { width: width as u32, height: height as u32, pixels }
}

fn options(told: &Value) -> Detection {
    let usual = Detection::default();
    Detection {
        confidence: told["confidence"].as_f64().map_or(usual.confidence, |x| x as f32),
        iou: told["iou"].as_f64().map_or(usual.iou, |x| x as f32),
        most: told["most"].as_u64().map_or(usual.most, |x| x as usize),
    }
}

fn bytes_contain(path: &Path, text: &str) -> bool {
    let bytes = std::fs::read(path).expect("readable");
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn open(path: &Path, engine: Engine) -> Classifier {
    Classifier::open(path, engine, None).unwrap_or_else(|e| panic!("{e}"))
}

fn load(path: &Path, engine: Engine) -> Loaded {
    let loaded = open(path, engine).load(Use::Bulk { calls: 2 }, Device::Cpu);
    loaded.unwrap_or_else(|e| panic!("{}, {engine:?}: {e}", path.display()))
}

/// How far the boxes are from those of the oracle: in pixels, and in their scores. Order and classes must be the same.
fn difference(seen: &Seen, wanted: &[Value], what: &str) -> (f64, f64) {
    let classes = |classes: Vec<f64>| classes.iter().map(|class| *class as usize).collect::<Vec<_>>();
    let wanted: Vec<Vec<f64>> = wanted.iter().map(numbers).collect();
    let wanted_classes = classes(wanted.iter().map(|row| row[5]).collect());
    assert_eq!(seen.boxes.iter().map(|found| found.class).collect::<Vec<_>>(), wanted_classes, "{what}");
    let (mut pixels, mut score) = (0.0f64, 0.0f64);
    for (found, wanted) in seen.boxes.iter().zip(&wanted) {
        score = score.max((f64::from(found.score) - wanted[4]).abs());
        for (ours, theirs) in found.xyxy.iter().zip(wanted) {
            pixels = pixels.max((f64::from(*ours) - theirs).abs());
        }
    }
    (pixels, score)
}

#[test]
fn letterboxes_are_those_of_ultralytics_to_the_last_bit() {
    let golden = golden();
    let pictures: Vec<Rgb> = list(&golden["images"]).iter().map(picture).collect();
    for wanted in list(&golden["letterboxes"]) {
        let number = |key: &str| wanted[key].as_u64().expect("a number");
        let (width, height) = (number("width") as u32, number("height") as u32);
        let picture = &pictures[number("image") as usize];
        let boxed = picture.resize(width, height, Fit::Letterbox, Filter::Bilinear, Colour::WHITE);
        let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        let sum = boxed.pixels.iter().fold(0xcbf2_9ce4_8422_2325, step);
        assert_eq!(format!("{sum:016x}"), wanted["fnv"].as_str().expect("a sum"), "{wanted}");
    }
}

#[test]
fn pictures_of_every_shape_show_what_the_oracle_sees() {
    let golden = golden();
    let pictures: Vec<Rgb> = list(&golden["images"]).iter().map(picture).collect();
    for (name, model) in golden["models"].as_object().expect("models") {
        for engine in engines() {
            let loaded = load(&folder().join(name), engine);
            for wanted in list(&model["seen"]) {
                let image = wanted["image"].as_u64().expect("a number") as usize;
                let what = format!("{name}, {engine:?}, picture {image}");
                let seen = loaded.classify(&pictures[image], &options(&model["options"])).expect(&what).expect(&what);
                if wanted.get("boxes").is_some() {
                    let (pixels, score) = difference(&seen, list(&wanted["boxes"]), &what);
                    assert!(pixels <= MOST_PIXELS && score <= MOST_SCORE, "{what}: {pixels} pixels, {score}");
                    let best = seen.boxes.iter().map(|found| found.score).fold(0.0, f32::max);
                    assert_eq!(seen.scores.iter().copied().fold(0.0, f32::max), best, "{what}");
                } else {
                    assert!(seen.boxes.is_empty(), "{what}");
                    for (ours, theirs) in seen.scores.iter().zip(numbers(&wanted["scores"])) {
                        // Pictures are scaled as Pillow does it to a step of 255.
                        assert!((f64::from(*ours) - theirs).abs() < 5e-4, "{what}: {:?}", seen.scores);
                    }
                }
            }
        }
    }
}

#[test]
fn labels_and_kinds_are_read_from_the_model() {
    let golden = golden();
    let names: Vec<&str> = list(&golden["names"]).iter().map(|name| name.as_str().expect("a name")).collect();
    for (name, model) in golden["models"].as_object().expect("models") {
        let classifier = open(&folder().join(name), Engine::Rten);
        assert_eq!(classifier.detects(), model.get("options").is_some(), "{name}");
        assert_eq!(classifier.note(), None, "{name}");
        let stem = name.trim_end_matches(".onnx");
        assert!(classifier.id().full().starts_with(&format!("{stem}@")), "{:?}", classifier.id());
        match name.as_str() {
            "many.onnx" => assert_eq!((classifier.labels().len(), &*classifier.labels()[1024]), (1025, "species 1025")),
            _ => assert_eq!(classifier.labels(), names, "{name}"),
        }
    }
}

#[test]
fn labels_come_from_the_caller_or_a_file_where_there_are_none() {
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("plain.onnx");
    std::fs::copy(folder().join("plain/model.onnx"), &file).expect("copied");
    let labels = |names: Option<Vec<String>>| {
        Classifier::open(&file, Engine::Rten, names).map(|classifier| classifier.labels().to_vec())
    };
    let five = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
    assert_eq!(labels(None).expect("opened"), five("class_0 class_1 class_2 class_3 class_4"));
    let note = open(&file, Engine::Rten).note().expect("a note").to_string();
    assert!(note.contains("stretched to 32 x 32"), "{note}");
    std::fs::write(place.path().join("labels.txt"), "a\nb c\r\n d\ne\nf\n\n").expect("written");
    assert_eq!(labels(None).expect("opened"), ["a", "b c", "d", "e", "f"]);
    assert_eq!(labels(Some(five("v w x y z"))).expect("opened"), five("v w x y z"));
    let said = labels(Some(five("v w x"))).expect_err("too few").to_string();
    assert!(said.contains("3 labels for its 5 classes"), "{said}");
    let boxes = Classifier::open(&folder().join("columns.onnx"), Engine::Rten, Some(five("v w x")));
    assert!(boxes.err().expect("too few").to_string().contains("3 labels"));
}

#[test]
fn what_is_no_classifier_is_refused_with_the_reason() {
    let models = folder().parent().expect("data").join("models");
    let refused = |path: &Path| match Classifier::open(path, Engine::Rten, None) {
        Ok(classifier) => panic!("{:?}", classifier.id()),
        Err(e) => e.to_string(),
    };
    assert!(refused(&folder().join("nowhere.onnx")).contains("No such file"));
    assert!(refused(&folder()).contains("several .onnx files"));
    assert!(refused(&folder().join("golden.json")).contains("not an ONNX model"));
    assert!(refused(&models.join("clip_combined")).contains("it wants 3 inputs"));
    assert!(refused(&models.join("openclip/textual.onnx")).contains("[batch, 3, height, width]"));
}

#[test]
fn damaged_files_are_errors_or_models_and_never_panics() {
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("damaged.onnx");
    let picture = Rgb { width: 20, height: 10, pixels: vec![99; 600] };
    let mut state = 1u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    for name in ["columns.onnx", "corners.onnx", "rows.onnx", "middle.onnx"] {
        let whole = std::fs::read(folder().join(name)).expect("a fixture");
        for round in 0..40 {
            let mut bytes = whole.clone();
            match round % 4 {
                0 => bytes.truncate(random(whole.len())),
                // The metadata are at the end.
                1 => (0..8).for_each(|_| bytes[whole.len() - 1 - random(400)] = random(256) as u8),
                _ => (0..4).for_each(|_| bytes[random(whole.len())] = random(256) as u8),
            }
            std::fs::write(&file, bytes).expect("written");
            let Ok(classifier) = Classifier::open(&file, Engine::Rten, None) else { continue };
            let Ok(loaded) = classifier.load(Use::Once, Device::Cpu) else { continue };
            let _ = loaded.classify(&picture, &Detection::default());
        }
    }
}

#[test]
fn features_are_any_value_of_the_graph() {
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("columns.onnx");
    std::fs::copy(folder().join("columns.onnx"), &file).expect("copied");
    let picture = picture(&golden()["images"][6]);
    let inner = "/body/pool/MaxPool_output_0";
    assert!(bytes_contain(&file, inner), "the exporter names it otherwise");
    let mut vectors = Vec::new();
    for engine in engines() {
        let model = Model::open_file(&file, Some(inner), engine).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(model.dimension(), 8);
        assert!(model.id().full().starts_with("columns#/body/pool/MaxPool_output_0@"), "{:?}", model.id());
        let tower = model.image_tower(Use::Once, Device::Cpu).unwrap_or_else(|e| panic!("{engine:?}: {e}"));
        let mut input = vec![0.0; tower.input_len()];
        tower.preprocess(&picture, &mut input);
        vectors.push(tower.embed_one(input).expect("embedded"));
    }
    assert!(vectors.iter().all(|vector| vector.len() == 8));
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(vectors.iter().all(|vector| close(vector, &vectors[0])), "{vectors:?}");
    let other = Model::open_file(&file, Some("output0"), Engine::Rten).unwrap_or_else(|e| panic!("{e}"));
    assert!(other.id().full().starts_with("columns#output0@"));
    let refused = |layer: Option<&str>| match Model::open_file(&file, layer, Engine::Rten) {
        Ok(model) => panic!("{:?}", model.id()),
        Err(e) => e.to_string(),
    };
    assert!(refused(Some("MaxPool")).contains(inner), "{}", refused(Some("MaxPool")));
    assert!(refused(Some("nothing")).contains("nothing in it computes `nothing`; there is output0"));
    assert!(refused(None).contains("which of its values is the vector"));
}

/// The largest differences of sides and of scores, if to every box of the oracle there is one of its class nearby and no
/// other; in which order equal ones are does not matter.
fn matched(seen: &Seen, wanted: &[Value], most_pixels: f64) -> Option<(f64, f64)> {
    let mut left: Vec<_> = seen.boxes.iter().collect();
    let mut worst = (0.0f64, 0.0f64);
    for wanted in wanted.iter().map(numbers) {
        let off = |found: &pokedex::model::classifier::Box| {
            let sides = found.xyxy.iter().zip(&wanted).map(|(a, b)| (f64::from(*a) - b).abs());
            (sides.fold(0.0, f64::max), (f64::from(found.score) - wanted[4]).abs())
        };
        let is_it = |found: &pokedex::model::classifier::Box| {
            let (pixels, score) = off(found);
            found.class == wanted[5] as usize && pixels <= most_pixels && score <= MOST_SCORE
        };
        let (pixels, score) = off(left.swap_remove(left.iter().position(|found| is_it(found))?));
        worst = (worst.0.max(pixels), worst.1.max(score));
    }
    left.is_empty().then_some(worst)
}

/// Models of full size against the oracle that `benches/peers/yolo.py` writes: a list of models, each with its pictures.
#[test]
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
fn other_models_see_what_their_oracle_sees() {
    let Some(oracle) = std::env::var_os("YOLO_ORACLE").map(PathBuf::from) else { return };
    let mut failed = Vec::new();
    for model in list(&read(&oracle)) {
        let file = PathBuf::from(model["file"].as_str().expect("a file"));
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for engine in engines() {
            // The oracle runs ONNX Runtime; another engine rounds otherwise, and large pictures enlarge that.
            let most_pixels = if engine == Engine::Ort { MOST_PIXELS } else { 10.0 * MOST_PIXELS };
            if engine == Engine::Rten && bytes_contain(&file, "NonMaxSuppression") {
                let refused = open(&file, engine).load(Use::Once, Device::Cpu).err().expect("refused").to_string();
                assert!(refused.contains("boxes of all classes compete"), "{refused}");
                continue;
            }
            let loaded = load(&file, engine);
            let (mut worst, mut count, mut same, mut others) = ((0.0f64, 0.0f64), 0, 0, 0);
            for wanted in list(&model["seen"]) {
                let path = wanted["picture"].as_str().expect("a path");
                let picture = decode(&std::fs::read(path).expect("readable"), Colour::WHITE).expect("a picture");
                let what = format!("{name}, {engine:?}, {path}");
                let seen = loaded.classify(&picture, &options(&model["options"])).expect(&what).expect(&what);
                let off = match wanted.get("boxes") {
                    Some(boxes) => matched(&seen, list(boxes), most_pixels),
                    None => {
                        let wanted = numbers(&wanted["scores"]);
                        let off = seen.scores.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - b).abs());
                        Some((0.0, off.fold(0.0, f64::max))).filter(|(_, score)| *score <= MOST_SCORE)
                    }
                };
                match off {
                    Some((pixels, score)) => {
                        worst = (worst.0.max(pixels), worst.1.max(score));
                        same += 1;
                        count += seen.boxes.len();
                    }
                    None if wanted["stable"] == Value::Bool(false) => others += 1,
                    None => failed.push(what),
                }
            }
            let (pixels, score) = worst;
            let unstable =
                if others > 0 { format!(", {others} that hang on the last digits differ") } else { String::new() };
            println!("{name}, {engine:?}: {same} pictures, {count} boxes, {pixels:.6} pixels, {score:.7}{unstable}");
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
