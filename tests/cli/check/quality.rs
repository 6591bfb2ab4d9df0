//! `check --quality`: poor pictures, and bursts.

use serde_json::Value;

use super::report;
use crate::workdir::{Workdir, jpeg_with_exif, pattern, png};

#[test]
fn poor_pictures_are_named_with_their_figures() {
    let dir = Workdir::new();
    let plain = |name: &str, side: (u32, u32), shade: u8| {
        dir.write(name, png(&image::RgbImage::from_pixel(side.0, side.1, image::Rgb([shade; 3])).into()));
    };
    dir.write("in/sound.png", png(&pattern(120, 90, 1).into()));
    plain("in/plain.png", (120, 90), 130);
    dir.write("in/long.png", png(&pattern(400, 60, 2).into()));
    let mut barred = pattern(120, 90, 3);
    for (_, y, pixel) in barred.enumerate_pixels_mut() {
        if !(15..75).contains(&y) {
            *pixel = image::Rgb([0; 3]);
        }
    }
    dir.write("in/barred.png", png(&barred.into()));
    let mut caption = pattern(120, 90, 4);
    for (x, y, pixel) in caption.enumerate_pixels_mut().filter(|(_, y, _)| *y >= 76) {
        *pixel = image::Rgb([if (20..50).contains(&x) && (80..85).contains(&y) && x % 3 == 0 { 0 } else { 255 }; 3]);
    }
    dir.write("in/caption.png", png(&caption.into()));
    let rules = |options: &str| {
        let (_, report) = report(&dir, &format!("in --no-near-duplicates {options}"));
        let findings = report["findings"].as_array().expect("findings");
        let finding =
            |f: &Value| format!("{} {}", f["key"].as_str().expect("a key"), f["rule"].as_str().expect("a rule"));
        findings.iter().map(finding).collect::<Vec<_>>()
    };
    assert_eq!(rules(""), [""; 0]);
    assert_eq!(rules("--quality"), ["plain.png empty", "long.png odd-aspect", "barred.png bars", "caption.png strip"]);
    assert_eq!(rules("--quality --limits bars=0.5,odd-aspect=0.1,strip=0.2"), ["plain.png empty"]);
    let said = dir.pokedex("check in --quality --limits ugly=0.5").failed(2);
    assert!(said.contains("there is no `ugly`") && said.contains("tiny-subject"), "{said}");

    dir.pokedex("scan in --quality -o scan.parquet").ok();
    let condition = ["export", "scan.parquet", "--where", "bars > 0.1", "--format", "csv", "--columns", "key,bars"];
    let few = dir.pokedex_args(&condition).ok().text();
    assert_eq!(few, "key,bars\nbarred.png,0.33333334\n");
}

#[test]
fn of_a_burst_the_sharpest_stands_for_the_others() {
    let dir = Workdir::new();
    let taken = |name: &str, seed: u32, blur: f32, second: u32| {
        let picture = image::imageops::blur(&pattern(160, 120, seed), blur);
        dir.write(&format!("in/{name}"), jpeg_with_exif(picture, &format!("2025:06:07 23:00:{second:02}"), (12, 77)));
    };
    taken("a.jpg", 1, 2.0, 1);
    taken("b.jpg", 1, 0.3, 2);
    taken("c.jpg", 1, 1.0, 4);
    // Another thing at the same time, and the same thing a while later.
    taken("d.jpg", 2, 0.3, 3);
    taken("e.jpg", 1, 0.3, 20);
    let text = |cell: &Value| cell.as_str().expect("a text").to_string();
    let bursts = |options: &str| {
        let (_, report) = report(&dir, &format!("in {options}"));
        let findings = report["findings"].as_array().expect("findings").clone();
        let bursts = findings.into_iter().filter(|f| f["rule"] == "burst");
        bursts.map(|f| format!("{} {}", text(&f["key"]), text(&f["other_key"]))).collect::<Vec<_>>()
    };
    assert_eq!(bursts("--quality"), ["a.jpg b.jpg", "c.jpg b.jpg"]);
    assert_eq!(bursts("--quality --no-near-duplicates --jobs 1"), ["a.jpg b.jpg", "c.jpg b.jpg"]);
    assert_eq!(bursts(""), [""; 0]);
    // A table that knows the times says the same without looking for them.
    dir.pokedex("scan in --exif -o scan.parquet").ok();
    dir.pokedex("convert-rgb scan.parquet -o rgb.parquet").ok();
    let (_, report) = report(&dir, "rgb.parquet --quality");
    let count = report["findings"].as_array().expect("findings").iter().filter(|f| f["rule"] == "burst").count();
    assert_eq!(count, 2, "{report}");
}
