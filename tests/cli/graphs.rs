//! Graphs of others: what they may leave out, what they may take and give, and what they may not do.

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::graph::{Attribute, FLOAT, INT64, UINT8, elsewhere, floats, ints, model, node, port};
use crate::workdir::{Workdir, png};

const COLOURS: [(&str, [u8; 3]); 4] =
    [("black", [0, 0, 0]), ("blue", [0, 0, 255]), ("pink", [255, 128, 192]), ("red", [255, 0, 0])];

fn colours(dir: &Workdir) {
    for (name, colour) in COLOURS {
        dir.write(&format!("in/{name}.png"), png(&RgbImage::from_pixel(20, 20, Rgb(colour)).into()));
    }
}

/// The mean of each channel, of any number of pictures.
fn mean_colour() -> Vec<u8> {
    let nodes = [
        node("GlobalAveragePool", &["x"], &["p"], &[]),
        node("Flatten", &["p"], &["feat"], &[("axis", Attribute::Int(1))]),
    ];
    model(&nodes, &[], port("x", FLOAT, &[0, 3, 8, 8]), &[port("feat", FLOAT, &[0, 3])])
}

fn vectors(dir: &Workdir, table: &str, row: usize) -> Vec<f32> {
    let column = dir.table(table);
    let column = column["embedding"].as_fixed_size_list().clone();
    column.value(row).as_primitive::<Float32Type>().values().to_vec()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_picture_whose_vector_is_zero_is_a_row_with_an_error_and_padding_is_none() {
    let dir = Workdir::new();
    colours(&dir);
    dir.write("mean.onnx", mean_colour());
    for batch in ["", "--batch 1", "--batch 3", "--batch 16"] {
        for _ in 0..2 {
            let embed = format!("embed in --ids none --model mean.onnx --engine rten {batch} -o e.parquet");
            let said = dir.pokedex(&embed).failed(3);
            assert!(said.contains("black.png: the model's vector of it is zero"), "{said}");
            let errors: Vec<bool> = dir.texts("e.parquet", "error").iter().map(Option::is_some).collect();
            assert_eq!(errors, [true, false, false, false], "{batch}");
            assert_eq!(vectors(&dir, "e.parquet", 3), [1.0, 0.0, 0.0], "{batch}");
        }
    }
    dir.pokedex("embed in/red.png --ids none --model mean.onnx --engine rten -o r.parquet").ok();
    let said = dir.pokedex("query ./in/black.png --index e.parquet --model mean.onnx#feat").failed(1);
    assert!(said.contains("black.png: ") && said.contains("its vector of the picture is zero"), "{said}");
}

/// As `mean_colour`, divided by its sum, and four classes.
fn not_a_number_of_black() -> Vec<u8> {
    let nodes = [
        node("GlobalAveragePool", &["x"], &["p"], &[]),
        node("Flatten", &["p"], &["f"], &[("axis", Attribute::Int(1))]),
        node("ReduceSum", &["f", "axes"], &["s"], &[("keepdims", Attribute::Int(1))]),
        node("Div", &["f", "s"], &["feat"], &[]),
        node("MatMul", &["feat", "A"], &["logits"], &[]),
    ];
    let weights =
        [ints("axes", &[1], &[1]), floats("A", &[3, 4], &[6.0, 0.0, 0.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0, 0.0, 6.0, 0.0])];
    model(&nodes, &weights, port("x", FLOAT, &[0, 3, 8, 8]), &[port("logits", FLOAT, &[0, 4])])
}

#[test]
fn a_picture_of_which_a_classifier_gives_no_numbers_is_a_row_with_an_error() {
    let dir = Workdir::new();
    colours(&dir);
    dir.write("nan.onnx", not_a_number_of_black());
    let run = dir.pokedex("classify in --ids none --model nan.onnx --engine rten --format csv --top 1");
    let text = String::from_utf8(run.stdout.clone()).expect("text");
    let said = run.failed(3);
    assert!(said.contains("black.png: the model gives numbers of it that are not finite"), "{said}");
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 5, "{text}");
    assert!(rows[1].starts_with("black.png,,,true,"), "{text}");
    assert!(rows[4].starts_with("red.png,class_0,0.99"), "{text}");
    let said = dir.pokedex("embed in --ids none --model nan.onnx#feat --engine rten -o e.parquet").failed(3);
    assert!(said.contains("black.png: the model's vector of it holds a number that is not finite"), "{said}");
    assert_eq!(vectors(&dir, "e.parquet", 3), [1.0, 0.0, 0.0]);
}

#[test]
fn what_the_specification_lets_a_window_leave_out_is_its_default() {
    let dir = Workdir::new();
    colours(&dir);
    let kernel = floats("K", &[4, 3, 2, 2], &(0..48).map(|i| i as f32 / 24.0 - 1.0).collect::<Vec<_>>());
    let window = |conv: &[(&str, Attribute)], pool: &[(&str, Attribute)]| {
        let nodes = [
            node("Identity", &["K"], &["K2"], &[]),
            node("Conv", &["x", "K2"], &["c"], conv),
            node("MaxPool", &["c"], &["m"], pool),
            node("GlobalAveragePool", &["m"], &["p"], &[]),
            node("Flatten", &["p"], &["logits"], &[]),
        ];
        model(&nodes, std::slice::from_ref(&kernel), port("x", FLOAT, &[0, 3, 8, 8]), &[port("logits", FLOAT, &[0, 4])])
    };
    let two = || ("kernel_shape", Attribute::Ints(&[2, 2]));
    let ones = |name| (name, Attribute::Ints(&[1, 1]));
    let pads = || ("pads", Attribute::Ints(&[0, 0, 0, 0]));
    dir.write(
        "all.onnx",
        window(&[two(), ones("strides"), ones("dilations"), pads()], &[two(), ones("strides"), pads()]),
    );
    dir.write("none.onnx", window(&[], &[two()]));
    dir.write("empty.onnx", window(&[("strides", Attribute::Ints(&[])), pads()], &[two()]));
    let scores = |file: &str| {
        let run = dir.pokedex(&format!("classify in --ids none --model {file} --engine rten --format jsonl"));
        lines(&run.ok().text())
    };
    assert_eq!(scores("none.onnx"), scores("all.onnx"));
    assert_eq!(scores("empty.onnx"), scores("all.onnx"));
    // What is wrong is told by operator and value, whether it has a name or not.
    dir.write("wrong.onnx", window(&[("strides", Attribute::Ints(&[1, 1, 1]))], &[two()]));
    let said = dir.pokedex("classify in --ids none --model wrong.onnx --engine rten").failed(1);
    assert!(said.contains("Conv giving c"), "{said}");
}

/// One number or more of the mean brightness, which `ends` brings into its form: values `mean` to `out`.
fn ending(ends: &[Vec<u8>], output: Vec<u8>) -> Vec<u8> {
    let mut nodes = vec![
        node("ReduceMean", &["x"], &["m"], &[("axes", Attribute::Ints(&[1, 2, 3])), ("keepdims", Attribute::Int(0))]),
        node("Unsqueeze", &["m", "axes"], &["mean"], &[]),
    ];
    nodes.extend_from_slice(ends);
    model(&nodes, &[ints("axes", &[1], &[1])], port("x", FLOAT, &[0, 3, 8, 8]), &[output])
}

#[test]
fn one_number_is_two_classes_where_that_is_what_it_is_and_is_else_refused() {
    let dir = Workdir::new();
    colours(&dir);
    let one = || port("out", FLOAT, &[0, 1]);
    dir.write("sigmoid.onnx", ending(&[node("Sigmoid", &["mean"], &["out"], &[])], one()));
    dir.write("plain.onnx", ending(&[node("Identity", &["mean"], &["out"], &[])], one()));
    dir.write("softmax.onnx", ending(&[node("Softmax", &["mean"], &["out"], &[])], one()));
    dir.write("two.txt", "dark\nlight\n");
    dir.write("one.txt", "light\n");
    let classify =
        |options: &str| dir.pokedex(&format!("classify in/red.png --ids none --engine rten --format jsonl {options}"));
    let found = |options: &str| lines(&classify(options).ok().text())[0]["predictions"].clone();
    let score = |found: &Value, place: usize| found[place]["score"].as_f64().expect("a number");
    let wanted = 1.0 / (1.0 + (-1.0f64 / 3.0).exp());
    let both = found("--model sigmoid.onnx");
    assert_eq!((&both[0]["label"], &both[1]["label"]), (&"class_1".into(), &"class_0".into()));
    assert!(
        (score(&both, 0) - wanted).abs() < 1e-5 && (score(&both, 0) + score(&both, 1) - 1.0).abs() < 1e-6,
        "{both}"
    );
    for model in ["sigmoid.onnx", "plain.onnx"] {
        let both = found(&format!("--model {model} --labels two.txt"));
        assert!(both[0]["label"] == "light" && (score(&both, 0) - wanted).abs() < 1e-5, "{model}: {both}");
        let one = found(&format!("--model {model} --labels one.txt"));
        assert!(one[0]["label"] == "light" && (score(&one, 0) - wanted).abs() < 1e-5, "{model}: {one}");
    }
    let said = classify("--model plain.onnx").failed(1);
    assert!(said.contains("one number a picture, and nothing tells of what"), "{said}");
    let said = classify("--model softmax.onnx").failed(1);
    assert!(said.contains("a softmax of one number, which is always 1"), "{said}");
    let regression = r#"{"problem_type": "regression", "id2label": {"0": "age"}}"#;
    dir.write("age/model.onnx", dir.read("plain.onnx"));
    dir.write("age/config.json", regression);
    assert!(classify("--model ./age").failed(1).contains("knows no classes"));
}

#[test]
fn an_output_of_places_or_whole_numbers_is_no_classifier() {
    let dir = Workdir::new();
    colours(&dir);
    let best = node("ArgMax", &["feat"], &["best"], &[("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))]);
    let pooled = [node("GlobalAveragePool", &["x"], &["p"], &[]), node("Flatten", &["p"], &["feat"], &[])];
    let whole = [&pooled[..], std::slice::from_ref(&best)].concat();
    let cast = node("Cast", &["best"], &["out"], &[("to", Attribute::Int(1))]);
    let hidden = [&whole[..], &[cast]].concat();
    let input = || port("x", FLOAT, &[0, 3, 8, 8]);
    dir.write("whole.onnx", model(&whole, &[], input(), &[port("best", INT64, &[0])]));
    dir.write("hidden.onnx", model(&hidden, &[], input(), &[port("out", FLOAT, &[0])]));
    // Beside scores the best class is no obstacle.
    dir.write("both.onnx", model(&whole, &[], input(), &[port("best", INT64, &[0]), port("feat", FLOAT, &[0, 3])]));
    let classify = |model: &str| dir.pokedex(&format!("classify in/red.png --ids none --model {model} --engine rten"));
    let said = classify("whole.onnx").failed(1);
    assert!(said.contains("its output `best` is of int64"), "{said}");
    let said = classify("hidden.onnx").failed(1);
    assert!(said.contains("its output `out` is the place of the best class"), "{said}");
    assert!(classify("both.onnx").ok().text().contains("class_0"));
    let said = dir.pokedex("embed in --model whole.onnx#best --engine rten -o e.parquet").failed(1);
    assert!(said.contains("its output `best` is of int64, not of floating-point numbers"), "{said}");
}

#[test]
fn pixels_may_be_bytes_grey_or_with_the_channels_last() {
    let dir = Workdir::new();
    colours(&dir);
    let mean = |axes: &'static [i64]| {
        [
            node("Cast", &["x"], &["f"], &[("to", Attribute::Int(1))]),
            node("ReduceMean", &["f"], &["feat"], &[("axes", Attribute::Ints(axes)), ("keepdims", Attribute::Int(0))]),
        ]
    };
    let feat = || [port("feat", FLOAT, &[0, 3])];
    dir.write("bytes.onnx", model(&mean(&[1, 2]), &[], port("x", UINT8, &[0, 8, 8, 3]), &feat()));
    dir.write("last.onnx", model(&mean(&[1, 2]), &[], port("x", FLOAT, &[0, 8, 8, 3]), &feat()));
    let pink = [255.0f32, 128.0, 192.0];
    let norm = pink.iter().map(|x| x * x).sum::<f32>().sqrt();
    for (file, most) in [("bytes.onnx", 255), ("last.onnx", 1)] {
        let said = dir.pokedex(&format!("embed in --ids none --model {file} --engine rten -o e.parquet")).failed(3);
        assert!(said.contains(&format!("stretched to 8 x 8 pixels of 0 to {most}")), "{said}");
        let vector = vectors(&dir, "e.parquet", 2);
        assert!(vector.iter().zip(pink).all(|(a, b)| (a - b / norm).abs() < 1e-6), "{file}: {vector:?}");
    }
    // Grey is as bright as Pillow has it: of red 76.
    let nodes = [
        node("ReduceMean", &["x"], &["m"], &[("axes", Attribute::Ints(&[2, 3])), ("keepdims", Attribute::Int(0))]),
        node("Sigmoid", &["m"], &["out"], &[]),
    ];
    dir.write("grey.onnx", model(&nodes, &[], port("x", FLOAT, &[0, 1, 8, 8]), &[port("out", FLOAT, &[0, 1])]));
    let run = dir.pokedex("classify in/red.png --ids none --model grey.onnx --engine rten --format jsonl").ok();
    let score = lines(&run.text())[0]["predictions"][0]["score"].as_f64().expect("a number");
    assert!((score - 1.0 / (1.0 + (-76.0f64 / 255.0).exp())).abs() < 1e-5, "{score}");
    // What is none of these is named.
    dir.write("five.onnx", model(&nodes, &[], port("x", FLOAT, &[0, 5, 8, 8]), &[port("out", FLOAT, &[0, 5])]));
    dir.write("longs.onnx", model(&nodes, &[], port("x", INT64, &[0, 3, 8, 8]), &[port("out", FLOAT, &[0, 3])]));
    for (file, wanted) in [("five.onnx", "has 5 channels"), ("longs.onnx", "is of int64")] {
        let said = dir.pokedex(&format!("embed in --model {file} -o e.parquet")).failed(1);
        assert!(said.contains(wanted), "{said}");
    }
    // A preparation whose fractions would all become 0.
    dir.write("fractions/model.onnx", dir.read("bytes.onnx"));
    dir.write("fractions/preprocessor_config.json", r#"{"image_processor_type": "ViTImageProcessor", "size": 8}"#);
    let said = dir.pokedex("embed in --model fractions/model.onnx -o e.parquet").failed(1);
    assert!(said.contains("takes whole numbers (uint8)"), "{said}");
}

#[test]
fn a_graph_that_wants_endless_memory_is_an_error_of_its_file() {
    let dir = Workdir::new();
    colours(&dir);
    let nodes = [
        node("ConstantOfShape", &["shape"], &["huge"], &[]),
        node("ReduceMean", &["huge"], &["zero"], &[("keepdims", Attribute::Int(0))]),
        node("GlobalAveragePool", &["x"], &["p"], &[]),
        node("Flatten", &["p"], &["f"], &[]),
        node("Add", &["f", "zero"], &["feat"], &[]),
    ];
    for size in [1 << 14, 1 << 20] {
        let weights = [ints("shape", &[2], &[size, size])];
        dir.write(
            "huge.onnx",
            model(&nodes, &weights, port("x", FLOAT, &[0, 3, 8, 8]), &[port("feat", FLOAT, &[0, 3])]),
        );
        for command in ["embed in --model huge.onnx -o e.parquet", "classify in --model huge.onnx -o e.parquet"] {
            let said = dir.pokedex(&format!("{command} --ids none --engine rten")).failed(1);
            assert!(said.contains("huge.onnx: cannot load: ") && said.contains("tried alone"), "{said}");
            assert!(!dir.path("e.parquet").exists());
        }
    }
}

#[test]
fn weights_behind_a_link_to_elsewhere_are_refused() {
    let dir = Workdir::new();
    colours(&dir);
    let nodes = [
        node("GlobalAveragePool", &["x"], &["p"], &[]),
        node("Flatten", &["p"], &["f"], &[]),
        node("Add", &["f", "w"], &["feat"], &[]),
    ];
    let weights = [elsewhere("w", &[3], "w.bin")];
    dir.write("m/m.onnx", model(&nodes, &weights, port("x", FLOAT, &[0, 3, 8, 8]), &[port("feat", FLOAT, &[0, 3])]));
    dir.write("other/w.bin", [0; 12]);
    std::os::unix::fs::symlink(dir.path("other/w.bin"), dir.path("m/w.bin")).expect("linked");
    let embed = "embed in --ids none --model m/m.onnx --engine rten --skip-ok -o e.parquet";
    let said = dir.pokedex(embed).failed(1);
    assert!(said.contains("`w.bin`, a link to another folder"), "{said}");
    // As the hub's cache has it: both are links into one folder.
    std::fs::rename(dir.path("m/m.onnx"), dir.path("other/m.onnx")).expect("moved");
    std::os::unix::fs::symlink(dir.path("other/m.onnx"), dir.path("m/m.onnx")).expect("linked");
    dir.pokedex(embed).ok();
}

#[test]
fn the_folders_of_immich_are_models() {
    let dir = Workdir::new();
    colours(&dir);
    dir.model("clip", "clip");
    for (from, to) in [
        ("onnx/vision_model.onnx", "visual/model.onnx"),
        ("onnx/text_model.onnx", "textual/model.onnx"),
        ("tokenizer.json", "textual/tokenizer.json"),
        ("tokenizer_config.json", "textual/tokenizer_config.json"),
    ] {
        dir.write(&format!("immich/{to}"), dir.read(&format!("clip/{from}")));
    }
    let pictures = r#"{"size": [32, 32], "mode": "RGB", "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711], "interpolation": "bicubic", "resize_mode": "shortest", "fill_color": 0}"#;
    dir.write("immich/visual/preprocess_cfg.json", pictures);
    dir.write("immich/config.json", r#"{"embed_dim": 16, "text_cfg": {"context_length": 20}}"#);
    let info = dir.pokedex("model info ./immich").ok().text();
    assert!(info.contains("immich ONNX") && info.contains("up to 20 tokens"), "{info}");
    dir.pokedex("embed in --ids none --model ./immich --engine rten -o i.parquet").ok();
    dir.pokedex("embed in --ids none --model ./clip --engine rten -o c.parquet").ok();
    for row in 0..COLOURS.len() {
        assert_eq!(vectors(&dir, "i.parquet", row), vectors(&dir, "c.parquet", row));
    }
    dir.pokedex("query a red bird --index i.parquet --model ./immich").ok();
}

#[test]
fn how_pictures_are_prepared_is_read_beside_a_file_too() {
    let dir = Workdir::new();
    colours(&dir);
    dir.write("m/model.onnx", mean_colour());
    let embed = "embed in/red.png --ids none --model m/model.onnx --engine rten -o e.parquet";
    // A byte order mark, a filter by name, one number for all channels.
    let config = "\u{feff}{\"image_processor_type\": \"ViTImageProcessorFast\", \"size\": 8, \"resample\": \"bilinear\", \
        \"image_mean\": 0.0, \"image_std\": 1.0}";
    dir.write("m/preprocessor_config.json", config);
    assert_eq!(dir.pokedex(embed).ok().stderr, "");
    dir.write("m/preprocessor_config.json", "{\"image_processor_type\": \"DonutImageProcessor\", \"size\": 8}");
    let said = dir.pokedex(embed).failed(1);
    assert!(said.contains("the processor `DonutImageProcessor` is not known; known are those of"), "{said}");
}

#[test]
fn names_that_drive_a_terminal_are_no_names() {
    let dir = Workdir::new();
    dir.other_model("other");
    let config = String::from_utf8(dir.read("other/model.json")).expect("text");
    for name in ["\\u001b[31mred", "a\\u202eb", "a@b", ""] {
        dir.write("other/model.json", config.replace("\"other\"", &format!("\"{name}\"")));
        let said = dir.pokedex("model info ./other").failed(1);
        assert!(said.contains("has characters that no name of a model has") && !said.contains('\u{1b}'), "{said}");
    }
    dir.write("a\u{1b}@b.onnx", mean_colour());
    let info = dir.pokedex_args(&["model", "info", "a\u{1b}@b.onnx"]).ok().text();
    assert!(info.starts_with("model       a__b#feat@"), "{info}");
}
