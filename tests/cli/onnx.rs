//! Models as they are published: accepted, told apart, and never mixed. Their vectors are tested in `tests/models.rs`.

use crate::workdir::{Workdir, encode, pattern};

fn has_onnx_runtime() -> bool {
    let found = pokedex::model::onnx_runtime().is_ok();
    assert!(found || std::env::var_os("POKEDEX_REQUIRE_ORT").is_none(), "CI has ONNX Runtime");
    found
}

fn model_of(dir: &Workdir, table: &str) -> String {
    dir.texts(table, "embedding_model")[0].clone().expect("a model")
}

#[test]
fn an_installed_model_embeds_and_is_found_again_by_its_identity() {
    let dir = Workdir::new();
    dir.pictures("in", 9);
    dir.model("clip", ".models/tiny");
    dir.pokedex("embed in --model tiny --engine rten -o e.parquet").ok();
    assert!(model_of(&dir, "e.parquet").starts_with("tiny@"));
    let rows = dir.pokedex("query a red bird --index e.parquet --top 3").ok().text();
    assert_eq!(rows.lines().count(), 4, "{rows}");
    let same = dir.pokedex("query ./in/004.png --index e.parquet --top 1").ok().text();
    assert!(same.contains("\t004.png"), "{same}");
    assert!(dir.pokedex("model list").ok().text().contains("\ntiny\ttiny@"));
}

#[test]
fn a_folder_anywhere_is_a_model() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    for (model, said) in [("clip_combined", "Hugging Face"), ("openclip", "OpenCLIP"), ("siglip", "Hugging Face")] {
        dir.model(model, model);
        dir.pokedex(&format!("embed in --model ./{model} --engine rten -o e.parquet")).ok();
        dir.pokedex(&format!("query a red bird --index e.parquet --model ./{model}")).ok();
        let info = dir.pokedex(&format!("model info ./{model}")).ok().text();
        assert!(info.contains(said), "{info}");
    }
}

#[test]
fn the_bytes_depend_neither_on_threads_nor_on_what_was_cached() {
    let dir = Workdir::new();
    dir.pictures("in", 21);
    dir.model("clip", "clip");
    let engines: &[&str] = if has_onnx_runtime() { &["rten", "ort"] } else { &["rten"] };
    for engine in engines {
        for (jobs, options) in [(1, "--no-cache"), (2, ""), (3, "")] {
            dir.pokedex(&format!("embed in --model ./clip --engine {engine} -j {jobs} {options} -o {jobs}.parquet"))
                .ok();
        }
        assert_eq!(dir.read("1.parquet"), dir.read("2.parquet"), "{engine}");
        assert_eq!(dir.read("1.parquet"), dir.read("3.parquet"), "{engine}");
    }
}

#[test]
fn what_the_engine_packed_is_kept_until_it_changes_and_computes_the_same() {
    if !has_onnx_runtime() {
        return;
    }
    for model in ["clip", "clip_int8", "dinov2"] {
        let dir = Workdir::new();
        dir.pictures("in", 5);
        dir.model(model, "model");
        let embed = |limit: &str, output: &str| {
            let line = format!(
                "POKEDEX_CACHE_LIMIT={limit} pokedex embed in --model ./model --engine ort -j 2 --no-cache -o {output}"
            );
            dir.shell(&line).ok();
            dir.read(output)
        };
        let packed = || -> Vec<String> {
            let files = dir.files(".cache");
            files.iter().filter(|file| file.ends_with("tried-packed")).map(|file| format!(".cache/{file}")).collect()
        };
        let without = embed("0", "without.parquet");
        assert_eq!(packed(), [""; 0], "nothing is to be kept");
        assert!(embed("1G", "made.parquet") == without, "{model}");
        let [stamp] = &packed()[..] else { panic!("{:?}", packed()) };
        let graph = dir.path(&stamp.replace("tried-packed", "tower.onnx"));
        let made = std::fs::metadata(&graph).expect("there").modified().expect("a time");
        assert!(embed("1G", "found.parquet") == without, "{model}");
        assert_eq!(std::fs::metadata(&graph).expect("there").modified().expect("a time"), made, "made once");
        let whole = std::fs::read(&graph).expect("readable");
        std::fs::write(&graph, &whole[..whole.len() / 2]).expect("cut short");
        assert!(embed("1G", "renewed.parquet") == without, "{model}");
        assert!(std::fs::read(&graph).expect("readable").len() == whole.len(), "made again");
        dir.pokedex("cache clear").ok();
        assert_eq!(packed(), [""; 0]);
    }
}

#[test]
fn what_a_second_run_computed_and_what_it_found_is_told() {
    let dir = Workdir::new();
    dir.pictures("in", 9);
    dir.model("clip", "clip");
    let embed = "embed in --model ./clip --engine rten -v -o e.parquet";
    assert!(dir.pokedex(embed).ok().stderr.contains("9 computed, 0 from the cache"));
    // Three more, two others, one renamed, one gone.
    (20..23).for_each(|n| dir.picture(&format!("in/{n:03}.png"), n));
    (0..2).for_each(|n| dir.picture(&format!("in/{n:03}.png"), n + 30));
    std::fs::rename(dir.path("in/002.png"), dir.path("in/other.png")).expect("renamed");
    std::fs::remove_file(dir.path("in/003.png")).expect("removed");
    let said = dir.pokedex(embed).ok().stderr;
    assert!(said.contains("5 computed, 6 from the cache"), "{said}");
}

#[test]
fn an_image_only_model_says_why_it_does_not_take_words() {
    if !has_onnx_runtime() {
        return;
    }
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.model("dinov2", ".models/dino");
    dir.pokedex("embed in --model dino -o e.parquet").ok();
    assert!(dir.pokedex("query ./in/001.png --index e.parquet --top 1").ok().text().contains("001.png"));
    let said = dir.pokedex("query a bird --index e.parquet").failed(1);
    assert!(said.contains("has no text tower") && said.contains("hint: search by pictures"), "{said}");
    let said = dir.pokedex("embed in --model dino --engine rten -o r.parquet").failed(1);
    assert!(said.contains("cubic interpolation") && said.contains("--engine ort"), "{said}");
    assert!(!dir.path("r.parquet").exists());
}

#[test]
fn eight_bit_models_of_two_engines_are_two_models() {
    if !has_onnx_runtime() {
        return;
    }
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.model("clip_int8", ".models/small");
    if !pokedex::matrix::bytes_are_exact() {
        let said = dir.pokedex("embed in --model small --engine rten -o rten.parquet").failed(1);
        assert!(said.contains("rounds 8-bit products"), "{said}");
        return;
    }
    dir.pokedex("embed in --model small --engine rten -o rten.parquet").ok();
    dir.pokedex("embed in --model small --engine ort -o ort.parquet").ok();
    assert_ne!(model_of(&dir, "rten.parquet"), model_of(&dir, "ort.parquet"));
    // Each is queried by the engine that made it, unless another one is asked for.
    dir.pokedex("query a bird --index rten.parquet").ok();
    dir.pokedex("query a bird --index ort.parquet").ok();
    let said = dir.pokedex("query a bird --index ort.parquet --model small --engine rten").failed(1);
    assert!(said.contains("small@"), "{said}");
    let said = dir.pokedex("embed in --model small --batch 4 -o b.parquet").failed(2);
    assert!(said.contains("would depend on its neighbours"), "{said}");
}

#[test]
fn variants_are_chosen_by_name() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.model("clip", ".models/clip");
    dir.model("clip_int8", "int8");
    for tower in ["vision", "text"] {
        let name = format!("{tower}_model_quantized.onnx");
        std::fs::rename(dir.path(&format!("int8/onnx/{name}")), dir.path(&format!(".models/clip/onnx/{name}")))
            .expect("moved");
    }
    dir.pokedex("embed in --model clip --engine rten -o full.parquet").ok();
    let engine = if pokedex::matrix::bytes_are_exact() { "rten" } else { "ort" };
    if engine == "ort" && !has_onnx_runtime() {
        return;
    }
    dir.pokedex(&format!("embed in --model clip:int8 --engine {engine} -o small.parquet")).ok();
    assert!(model_of(&dir, "full.parquet").starts_with("clip@"));
    assert!(model_of(&dir, "small.parquet").starts_with("clip:int8@"));
    dir.pokedex("query a bird --index small.parquet").ok();
    let said = dir.pokedex("embed in --model clip:fp16 -o x.parquet").failed(1);
    assert!(said.contains("has no fp16 variant; it has fp32, int8"), "{said}");
}

#[test]
fn the_identity_follows_weights_and_preprocessing_and_nothing_else() {
    let dir = Workdir::new();
    dir.model("clip", "clip");
    let identity = || dir.pokedex("model info ./clip").ok().text().lines().next().expect("a line").to_string();
    let first = identity();
    dir.write("clip/README.md", "words");
    assert_eq!(identity(), first);
    let config = String::from_utf8(dir.read("clip/preprocessor_config.json")).expect("text");
    dir.write("clip/preprocessor_config.json", config.replace("\"resample\": 3", "\"resample\": 2"));
    let second = identity();
    assert_ne!(second, first);
    let mut weights = dir.read("clip/onnx/vision_model.onnx");
    let middle = weights.len() / 2;
    weights[middle] ^= 1;
    dir.write("clip/onnx/vision_model.onnx", weights);
    assert_ne!(identity(), second);
}

#[test]
fn a_missing_runtime_is_explained() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    dir.model("clip", "clip");
    let run = |options: &str, library: &str| {
        let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
        command.env("ORT_DYLIB_PATH", dir.path(library)).args(["embed", "in", "--model", "./clip", "-o", "e.parquet"]);
        crate::workdir::Run::from(command.args(options.split_whitespace()).output().expect("the binary runs"))
    };
    dir.write("libonnxruntime.so", "not a library");
    for library in ["nowhere.so", "libonnxruntime.so"] {
        let said = run("--engine ort", library).failed(1);
        assert!(said.contains(library) && said.contains("pip install --no-deps --target"), "{said}");
        run("", library).ok();
    }
    let said = run("--engine rten --device cuda", "nowhere.so").failed(1);
    assert!(said.contains("rten computes on processors only"), "{said}");
}

#[test]
fn a_folder_that_is_no_model_says_what_was_looked_for() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    let embed = |model: &str| dir.pokedex(&format!("embed in --model ./{model} --engine rten -o e.parquet")).failed(1);
    for wanted in ["model.json", "onnx/vision_model.onnx", "visual.onnx"] {
        assert!(embed("in").contains(wanted));
    }
    assert!(embed("nowhere").contains("there is no such folder"));
    let cases: [(&str, &str, Option<&str>, &str); 9] = [
        ("clip", "preprocessor_config.json", None, "preprocessor_config.json is missing"),
        ("clip", "preprocessor_config.json", Some("{"), "preprocessor_config.json: EOF"),
        ("clip", "preprocessor_config.json", Some("{\"size\":\"9\"}"), "size: \"9\" is not a whole"),
        ("clip", "tokenizer.json", None, "tokenizer.json is missing"),
        ("clip", "onnx/vision_model.onnx", Some("no protocol buffer"), "vision_model.onnx: not an ONNX model"),
        ("openclip", "bpe_simple_vocab_16e6.txt.gz", None, "bpe_simple_vocab_16e6.txt.gz is missing"),
        ("openclip", "open_clip_config.json", Some("[]"), "e.parquet"),
        ("siglip", "preprocessor_config.json", Some("{\"size\":{\"height\":0,\"width\":9}}"), "size: 0 is not"),
        ("clip_combined", "onnx/model.onnx_data", None, "model.onnx_data"),
    ];
    for (model, file, content, wanted) in cases {
        dir.model(model, "model");
        match content {
            Some(content) => dir.write(&format!("model/{file}"), content),
            None => std::fs::remove_file(dir.path(&format!("model/{file}"))).expect("it was there"),
        }
        let run = dir.pokedex("embed in --model ./model --engine rten -o e.parquet");
        if wanted == "e.parquet" {
            // Without a configuration the usual one is taken.
            run.ok();
        } else {
            let said = run.failed(1);
            assert!(said.contains(wanted), "{model}/{file}: {said}");
        }
        std::fs::remove_dir_all(dir.path("model")).expect("removed");
    }
}

#[test]
fn damaged_tokenizers_are_an_error() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    dir.model("clip", "clip");
    dir.pokedex("embed in --model ./clip --engine rten -o e.parquet").ok();
    dir.write("clip/tokenizer.json", "{\"model\": {}}");
    let said = dir.pokedex("query a bird --index e.parquet --model ./clip").failed(1);
    // Another tokenizer is another model.
    assert!(said.contains("clip@"), "{said}");
    dir.pokedex("embed in --model ./clip --engine rten -o e.parquet").ok();
    let said = dir.pokedex("query a bird --index e.parquet --model ./clip").failed(1);
    assert!(said.contains("tokenizer.json: cannot load"), "{said}");
}

#[test]
fn towers_that_are_made_in_the_cache_are_made_again() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.model("clip_combined", ".models/both");
    dir.pokedex("embed in --model both --engine rten -o e.parquet").ok();
    let first = dir.pokedex("query a bird --index e.parquet").ok().text();
    let towers: Vec<String> = dir.files(".cache").into_iter().filter(|f| f.contains("/tower.")).collect();
    assert_eq!(towers.len(), 4, "{towers:?}");
    std::fs::remove_file(dir.path(&format!(".cache/{}", towers[0]))).expect("removed");
    std::fs::remove_file(dir.path(&format!(".cache/{}", towers[2]))).expect("removed");
    assert_eq!(dir.pokedex("query a bird --index e.parquet").ok().text(), first);
    // Without a place to keep them they are made for the moment.
    let line = "POKEDEX_CACHE=/dev/null/none pokedex query a bird --index e.parquet";
    assert_eq!(dir.shell(line).ok().text(), first);
}

#[test]
fn a_large_photo_is_embedded_as_its_full_pixels_are() {
    let dir = Workdir::new();
    let mut picture = pattern(1600, 1200, 3);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let wave = |a: f64, b: f64| (127.5 * (1.0 + (f64::from(x) * a + f64::from(y) * b).sin())) as u8;
        pixel.0 = [wave(0.01, 0.002), wave(0.004, 0.013), wave(0.02, 0.001)];
    }
    dir.write("in/a.jpg", encode(&picture.into(), image::ImageFormat::Jpeg));
    let full = image::open(dir.path("in/a.jpg")).expect("readable");
    dir.write("in/b.png", encode(&full, image::ImageFormat::Png));
    dir.model("clip", "clip");
    dir.pokedex("embed in --model ./clip --engine rten -o e.parquet").ok();
    let rows = dir.pokedex("query key:a.jpg --index e.parquet --top 1").ok().text();
    let score: f32 = rows.lines().nth(1).and_then(|row| row.split('\t').nth(1)).expect("a score").parse().expect("one");
    assert!(score >= 0.9999, "{rows}");
}

/// A detector of `tests/data/yolo`, and a value inside its graph.
fn detector(dir: &Workdir, name: &str) -> &'static str {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/yolo/columns.onnx");
    dir.write(name, std::fs::read(path).expect("a fixture"));
    "/body/pool/MaxPool_output_0"
}

#[test]
fn what_a_detector_computes_on_the_way_is_a_vector() {
    let dir = Workdir::new();
    dir.pictures("in", 5);
    let layer = detector(&dir, "columns.onnx");
    let embed = format!("embed in --model columns.onnx --layer {layer} --engine rten");
    dir.pokedex(&format!("{embed} -o e.parquet")).ok();
    assert!(model_of(&dir, "e.parquet").starts_with(&format!("columns#{layer}@")));
    // The graph is made for one picture at once, so threads and the cache change nothing.
    dir.pokedex(&format!("{embed} -j 3 --no-cache -o again.parquet")).ok();
    assert_eq!(dir.read("e.parquet"), dir.read("again.parquet"));
    let rows = dir.pokedex(&format!("query ./in/003.png --index e.parquet --model columns.onnx#{layer} --top 1"));
    assert!(rows.ok().text().contains("\t003.png"));
    // Beside the vectors of another model, in a column of their own.
    dir.pokedex("embed in -o both.parquet").ok();
    let embed = format!("embed both.parquet --model ./columns.onnx --layer {layer} --as yolo --engine rten");
    dir.pokedex(&format!("{embed} -o both.parquet")).ok();
    let models = dir.texts("both.parquet", "yolo_model");
    assert!(models.iter().all(|model| model.as_deref().is_some_and(|m| m.starts_with("columns#"))), "{models:?}");
    assert!(model_of(&dir, "both.parquet").starts_with("pokedex-mini@"));
    let info = dir.pokedex(&format!("model info columns.onnx#{layer}")).ok().text();
    assert!(info.contains("64 x 64 pixels, letterboxed") && info.contains("ONNX file"), "{info}");
}

#[test]
fn a_layer_that_cannot_be_a_vector_is_refused_with_what_there_is() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    detector(&dir, "columns.onnx");
    let embed = |options: &str| dir.pokedex(&format!("embed in --engine rten -o e.parquet {options}"));
    let said = embed("--model columns.onnx").failed(1);
    assert!(said.contains("which of its values is the vector? its outputs are output0"), "{said}");
    assert!(said.contains("hint: --model columns.onnx#NAME"), "{said}");
    let said = embed("--model columns.onnx --layer MaxPool").failed(1);
    assert!(said.contains("nothing in it computes `MaxPool`; there is /body/pool/MaxPool_output_0"), "{said}");
    let said = embed("--model pokedex-mini --layer x").failed(2);
    assert!(said.contains("`--layer` names a value of an .onnx file"), "{said}");
    let said = embed("--model columns.onnx --layer output0 --batch 4").failed(2);
    assert!(said.contains("made for 1 at once, not for 4") && said.contains("--batch 1"), "{said}");
    let said = embed("--model nowhere.onnx --layer x").failed(1);
    assert!(said.contains("nowhere.onnx: not a model of pictures"), "{said}");
    assert!(!dir.path("e.parquet").exists());
}

#[test]
fn a_file_that_does_not_say_how_pictures_are_prepared_is_used_with_a_warning() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/yolo/plain/model.onnx");
    dir.write("bare.onnx", std::fs::read(path).expect("a fixture"));
    let said = dir.pokedex("embed in --model bare.onnx --engine rten -o e.parquet").ok().stderr;
    assert!(said.contains("they are stretched to 32 x 32 pixels of 0 to 1"), "{said}");
    assert!(model_of(&dir, "e.parquet").starts_with("bare#logits@"));
}
