//! The words in pictures. Most tests read with the tiny model of `tests/data/ocr`, to which a dark block is a line and a coloured
//! stripe a letter; one reads letters, with the model of the Python package rapidocr where POKEDEX_OCR_MODELS names it.

use std::io::Write;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, RecordBatch};
use image::{DynamicImage, Rgb, RgbImage};

use crate::workdir::{Workdir, png};

const RED: [u8; 3] = [160, 0, 0];
const GREEN: [u8; 3] = [0, 160, 0];
const BLUE: [u8; 3] = [0, 0, 160];

/// A white picture with blocks of stripes of 40 × 40 pixels.
fn stripes(width: u32, height: u32, blocks: &[(u32, u32, &str)]) -> DynamicImage {
    let mut picture = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    for &(left, top, letters) in blocks {
        for (place, letter) in (0..).zip(letters.chars()) {
            let colour = match letter {
                'r' => RED,
                'g' => GREEN,
                _ => BLUE,
            };
            for (x, y) in (0..40).flat_map(|x| (0..40).map(move |y| (x, y))) {
                picture.put_pixel(left + place * 40 + x, top + y, Rgb(colour));
            }
        }
    }
    picture.into()
}

fn with_model() -> Workdir {
    let dir = Workdir::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ocr");
    for file in ["tiny_det.onnx", "tiny_rec.onnx"] {
        dir.write(&format!(".models/tiny/{file}"), std::fs::read(fixtures.join(file)).expect("a fixture"));
    }
    dir
}

fn texts(table: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let texts = table.column_by_name(column).expect("the column").as_string::<i32>().clone();
    texts.iter().map(|text| text.map(String::from)).collect()
}

#[test]
fn lines_are_read_in_order_with_their_places() {
    let dir = with_model();
    let blocks = [(400, 60, "rg"), (60, 64, "brb"), (60, 200, "gr")];
    dir.write("pictures/a.png", png(&stripes(760, 740, &blocks)));
    dir.write("pictures/blank.png", png(&stripes(760, 740, &[])));
    dir.write("pictures/torn.png", "no picture");
    let said = dir.pokedex("read pictures -o read.parquet -v").failed(3);
    assert!(said.contains("torn.png: not an image"), "{said}");
    assert!(said.contains("by tiny_rec@"), "{said}");
    let table = dir.table("read.parquet");
    assert_eq!(texts(&table, "text"), [Some("brb\nrg\ngr".into()), Some(String::new()), None]);
    let boxes = table.column_by_name("text_boxes").expect("boxes").as_list::<i32>().clone();
    assert_eq!([0, 1, 2].map(|i| boxes.is_null(i)), [false, false, true]);
    assert_eq!(boxes.value_length(1), 0);
    let first = boxes.value(0);
    let first = first.as_struct();
    assert_eq!(first.column_by_name("text").expect("text").as_string::<i32>().value(0), "brb");
    let numbers = ["x0", "y0", "x1", "y1", "x2", "y2", "x3", "y3"];
    let corners = numbers.map(|name| first.column_by_name(name).expect(name).as_primitive::<Float32Type>().value(0));
    // 120 × 40 from (60, 64), grown by 24 on each side.
    for (corner, expected) in corners.iter().zip([36.0, 40.0, 204.0, 40.0, 204.0, 128.0, 36.0, 128.0]) {
        assert!((corner - expected).abs() <= 3.0, "{corners:?}");
    }
    let score = first.column_by_name("score").expect("scores").as_primitive::<Float32Type>().value(0);
    assert!((0.9..=1.0).contains(&score), "{score}");
    assert!(texts(&table, "error")[2].as_deref().expect("an error").contains("not an image"));
}

#[test]
fn what_is_read_depends_neither_on_threads_nor_on_neighbours() {
    let dir = with_model();
    for (number, letters) in ["r", "gb", "rgbr", "bgr", "rb"].into_iter().enumerate() {
        let (width, height) = [(640, 480), (300, 500), (1200, 90), (25, 400)][number % 4];
        let left = if width < 200 { 0 } else { 40 };
        let letters = if width < 200 { "" } else { letters };
        dir.write(&format!("pictures/{number}.png"), png(&stripes(width, height, &[(left, 30, letters)])));
    }
    dir.pokedex("read pictures -j 1 -o one.parquet").ok();
    dir.pokedex("read pictures -j 3 -o three.parquet").ok();
    assert_eq!(dir.read("one.parquet"), dir.read("three.parquet"));
    assert_eq!(texts(&dir.table("one.parquet"), "text")[1].as_deref(), Some("gb"));
    dir.pokedex("read pictures/1.png --as words -o alone.parquet").ok();
    let alone = dir.table("alone.parquet");
    assert_eq!(texts(&alone, "words"), [Some("gb".into())]);
    assert!(alone.column_by_name("words_boxes").is_some());
}

#[test]
fn unsure_lines_are_left_out_and_transparent_pictures_are_read() {
    let dir = with_model();
    let mut picture = stripes(760, 740, &[(60, 60, "rg")]).into_rgba8();
    for pixel in picture.pixels_mut().filter(|pixel| pixel.0 == [255; 4]) {
        pixel.0 = [0; 4];
    }
    dir.write("transparent.png", png(&picture.into()));
    dir.pokedex("read transparent.png -o read.parquet").ok();
    assert_eq!(texts(&dir.table("read.parquet"), "text"), [Some("rg".into())], "white is behind what is dark");
    dir.pokedex("read transparent.png --min-score 1 -o read.parquet").ok();
    assert_eq!(texts(&dir.table("read.parquet"), "text"), [Some(String::new())]);
}

#[test]
fn a_model_is_found_by_name_by_folder_and_alone() {
    let dir = with_model();
    dir.write("a.png", png(&stripes(760, 740, &[(60, 60, "rg")])));
    dir.pokedex("read a.png -o first.parquet").ok();
    dir.pokedex("read a.png --model tiny -o named.parquet").ok();
    assert_eq!(dir.read("first.parquet"), dir.read("named.parquet"));
    dir.shell("cp -r .models/tiny ocr && mkdir -p packaged && cp -r .models/tiny packaged/models").ok();
    dir.pokedex("read a.png --model ./ocr -o folder.parquet").ok();
    dir.pokedex("read a.png --model ./packaged -o packaged.parquet").ok();
    assert_eq!(dir.read("folder.parquet"), dir.read("packaged.parquet"));
    assert!(dir.pokedex("model list").ok().text().contains("tiny\ttiny_rec@"));
    dir.shell("rm ocr/tiny_det.onnx").ok();
    let said = dir.pokedex("read a.png --model ./ocr -o none.parquet").failed(1);
    assert!(said.contains("not a model that reads text: there is no *det*.onnx in it"), "{said}");
    assert!(said.contains("hint: ") && said.contains("rapidocr"), "{said}");
    dir.shell("echo nothing > ocr/tiny_det.onnx").ok();
    dir.pokedex("read a.png --model ./ocr -o none.parquet").failed(1);
    dir.pokedex("read a.png --model ./nowhere -o none.parquet").failed(1);
    assert!(!dir.path("none.parquet").exists());
}

/// Letters of five by seven dots.
const LETTERS: &[(char, [&str; 7])] = &[
    ('E', ["#####", "#....", "#....", "####.", "#....", "#....", "#####"]),
    ('H', ["#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"]),
    ('L', ["#....", "#....", "#....", "#....", "#....", "#....", "#####"]),
    ('O', [".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."]),
    ('T', ["#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#.."]),
];

#[test]
fn letters_are_read_by_the_model_of_rapidocr() {
    let Some(models) = std::env::var("POKEDEX_OCR_MODELS").ok() else {
        let required = std::env::var_os("POKEDEX_REQUIRE_OCR").is_some_and(|v| v == "1");
        assert!(!required, "POKEDEX_OCR_MODELS names no model");
        let _ = writeln!(std::io::stderr(), "skipped: POKEDEX_OCR_MODELS names no model");
        return;
    };
    let dir = Workdir::new();
    let mut picture = RgbImage::from_pixel(640, 480, Rgb([250, 248, 240]));
    for (row, word) in [(100, "HELLO"), (260, "HOTEL")] {
        for (place, letter) in (0..).zip(word.chars()) {
            let (_, dots) = LETTERS.iter().find(|(own, _)| *own == letter).expect("a letter");
            for (y, x) in (0..70).flat_map(|y| (0..50).map(move |x| (y, x))) {
                if dots[y / 10].as_bytes()[x / 10] == b'#' {
                    picture.put_pixel(80 + place * 70 + x as u32, row + y as u32, Rgb([20, 20, 60]));
                }
            }
        }
    }
    let upright = DynamicImage::from(picture);
    dir.write("upright.png", png(&upright));
    dir.write("head.png", png(&upright.rotate180()));
    dir.pokedex_args(&["read", "upright.png", "head.png", "--model", &models, "-o", "read.parquet"]).ok();
    let read = texts(&dir.table("read.parquet"), "text");
    let mut by_key = read.iter().map(|text| text.clone().expect("a text"));
    let (head, upright) = (by_key.next().expect("two"), by_key.next().expect("two"));
    let (head, upright) = if upright.starts_with("HELLO") { (head, upright) } else { (upright, head) };
    assert_eq!(upright, "HELLO\nHOTEL");
    assert_eq!(head, "HOTEL\nHELLO", "each line is turned, and what stood last comes first");
}

#[test]
fn an_index_keeps_what_was_read_and_is_searched_for_it() {
    let dir = with_model();
    for (name, letters) in [("a", "rgbrg"), ("b", "brgbr"), ("c", "")] {
        dir.write(&format!("pictures/{name}.png"), png(&stripes(760, 740, &[(60, 60, letters)])));
    }
    dir.shell("pokedex read pictures -q | pokedex embed - -q | pokedex index - -q -o index.parquet").ok();
    let index = dir.table("index.parquet");
    assert_eq!(texts(&index, "text"), ["rgbrg", "brgbr", ""].map(|text| Some(String::from(text))));
    assert!(index.column_by_name("text_boxes").is_none());
    let found = dir.pokedex("query brgbr --literal --index index.parquet --top 1 --format csv").ok().text();
    assert!(found.ends_with(",b.png\n"), "{found}");
}
