//! Copies of pictures, and what becomes of them. Whatever happens, no content may be lost.

mod actions;
mod kills;
mod merge;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use arrow_array::cast::AsArray;
use image::imageops::{FilterType, resize};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::workdir::{Workdir, encode, png};

/// A picture as of a camera: another for every number, without a background, and no two orientations alike.
pub fn photo(number: u32, size: (u32, u32)) -> RgbImage {
    blobs(number, size, 0)
}

/// Another with many small things in it.
fn scene(number: u32, size: (u32, u32)) -> RgbImage {
    blobs(number, size, 60)
}

fn blobs(number: u32, (width, height): (u32, u32), small: u32) -> RgbImage {
    let value = |n: u32| {
        let x = (number.wrapping_mul(9973) + n).wrapping_mul(0x9e37_79b1);
        f64::from((x ^ (x >> 15)).wrapping_mul(0x85eb_ca6b) >> 8) / f64::from(1 << 24)
    };
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let mut colour = [70.0 + 90.0 * u, 110.0 - 60.0 * v, 60.0 + 80.0 * v];
        for blob in 0..12 + small {
            let of = |i| value(blob * 8 + i);
            let reach = if blob < 12 { 0.08 + 0.2 * of(2) } else { 0.02 + 0.04 * of(2) };
            let near = (-((u - of(0)).powi(2) + (v - of(1)).powi(2)) / (reach * reach)).exp();
            (0..3).for_each(|c| colour[c] += near * (of(3 + c as u32) - 0.5) * 260.0);
        }
        Rgb(colour.map(|c| c.clamp(0.0, 255.0) as u8))
    })
}

const SIZE: (u32, u32) = (200, 150);

pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    encode(&DynamicImage::from(picture.clone()), ImageFormat::Jpeg)
}

/// Key, group, kept or not, reason of the rows of a CSV.
fn lines(text: &str) -> Vec<(String, String, String, String)> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().expect("a header").clone();
    let at = |name: &str| names.iter().position(|n| n == name).unwrap_or_else(|| panic!("no column {name}"));
    let places = ["key", "group", "keep", "reason"].map(at);
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| places.map(|at| row[at].to_string()).into()).collect()
}

fn dedup(dir: &Workdir, arguments: &str) -> BTreeMap<String, (String, String, String)> {
    let text = dir.pokedex(&format!("dedup {arguments} --format csv")).ok().text();
    lines(&text).into_iter().map(|(key, group, keep, reason)| (key, (group, keep, reason))).collect()
}

/// Everything below a folder but journals: kind, content or target, mode, time of files.
pub fn tree(folder: &Path) -> BTreeMap<String, String> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).expect("readable").flatten() {
            let (path, about) = (entry.path(), entry.path().symlink_metadata().expect("there"));
            let name = path.strip_prefix(root).expect("below").display().to_string();
            let what = if about.is_symlink() {
                format!("link to {}", std::fs::read_link(&path).expect("a link").display())
            } else if about.is_dir() {
                walk(&path, root, found);
                "folder".into()
            } else {
                let content = blake3::hash(&std::fs::read(&path).expect("readable"));
                format!("{content} {:o} {}.{}", about.mode(), about.mtime(), about.mtime_nsec())
            };
            found.insert(name, what);
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

#[test]
fn copies_of_every_kind_are_found_and_the_best_is_kept() {
    let dir = Workdir::new();
    let picture = photo(1, SIZE);
    dir.write("in/a.png", png(&picture.clone().into()));
    dir.write("in/b/again.png", png(&picture.clone().into()));
    dir.write("in/c.bmp", encode(&picture.clone().into(), ImageFormat::Bmp));
    dir.write("in/d.jpg", jpeg(&resize(&picture, 100, 75, FilterType::Lanczos3)));
    dir.write("in/e.jpg", jpeg(&picture));
    (2..12).for_each(|n| dir.write(&format!("in/other{n}.jpg"), jpeg(&photo(n, SIZE))));
    let found = dedup(&dir, "in");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a.png", "b/again.png", "c.bmp", "d.jpg", "e.jpg"], "{found:?}");
    assert!(found.values().all(|(group, ..)| group == "1"));
    assert_eq!(found["c.bmp"].2, "kept: most bytes", "{found:?}");
    assert_eq!((&*found["a.png"].2, &*found["b/again.png"].2), ("same pixels", "same pixels"));
    assert!(found["d.jpg"].2.starts_with("near (") && found["e.jpg"].2.ends_with(" of 256 bits)"), "{found:?}");
    let kept = |rules: &str| {
        let found = dedup(&dir, &format!("in --keep {rules}"));
        found.into_iter().find(|(_, (_, keep, _))| keep == "true").map(|(key, (.., reason))| (key, reason))
    };
    let is = |key: &str, why: &str| Some((key.to_string(), format!("kept: {why}")));
    assert_eq!(kept("path:b/*"), is("b/again.png", "its path is b/*"));
    assert_eq!(kept("best-format,path:*.jpg"), is("a.png", "first by name"));
    assert_eq!(kept("path:*.jpg,largest"), is("e.jpg", "most pixels"));
    let identical = dedup(&dir, "in --identical");
    assert_eq!(identical.keys().collect::<Vec<_>>(), ["a.png", "b/again.png"]);
    assert_eq!(identical["b/again.png"].2, "identical");
}

#[test]
fn mirrored_and_turned_copies_are_found_where_they_are_wanted() {
    use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
    let dir = Workdir::new();
    let picture = photo(3, SIZE);
    dir.write("in/a.png", png(&picture.clone().into()));
    for (name, copy) in [
        ("mirrored", flip_horizontal(&picture)),
        ("mirrored and turned 180", flip_vertical(&picture)),
        ("turned 90", rotate90(&picture)),
        ("turned 180", rotate180(&picture)),
        ("turned 270", rotate270(&picture)),
        ("mirrored and turned 90", rotate90(&flip_horizontal(&picture))),
        ("mirrored and turned 270", rotate270(&flip_horizontal(&picture))),
    ] {
        dir.write(&format!("in/{name}.jpg"), jpeg(&copy));
    }
    (4..10).for_each(|n| dir.write(&format!("in/{n}.jpg"), jpeg(&photo(n, SIZE))));
    assert_eq!(dedup(&dir, "in"), BTreeMap::new());
    let found = dedup(&dir, "in --any-orientation");
    assert_eq!(found.len(), 8, "{found:?}");
    for (key, (_, _, reason)) in found.iter().filter(|(key, _)| *key != "a.png") {
        assert!(reason.starts_with(&format!("{} (", key.trim_end_matches(".jpg"))), "{key}: {reason}");
    }
}

/// So much of a picture's sides, from so far on.
fn part(picture: &RgbImage, share: f64, (left, top): (f64, f64)) -> RgbImage {
    let of = |side: u32, share: f64| (f64::from(side) * share).round() as u32;
    let (width, height) = (picture.width(), picture.height());
    image::imageops::crop_imm(picture, of(width, left), of(height, top), of(width, share), of(height, share)).to_image()
}

#[test]
fn crops_are_found_where_they_are_wanted_and_the_whole_is_kept() {
    let dir = Workdir::new();
    let picture = scene(50, SIZE);
    dir.write("in/whole.png", png(&picture.clone().into()));
    for (name, share, from) in [("a", 0.9, (0.03, 0.08)), ("b", 0.89, (0.1, 0.0)), ("c", 0.84, (0.05, 0.16))] {
        dir.write(&format!("in/crop_{name}.jpg"), jpeg(&part(&picture, share, from)));
    }
    let larger = resize(&part(&picture, 0.85, (0.0, 0.12)), 400, 300, FilterType::CatmullRom);
    dir.write("in/crop_larger.jpg", jpeg(&larger));
    (51..61).for_each(|n| dir.write(&format!("in/other{n}.jpg"), jpeg(&scene(n, SIZE))));
    assert_eq!(dedup(&dir, "in"), BTreeMap::new());
    for rules in ["pixels", "path:crop*", "bytes"] {
        let found = dedup(&dir, &format!("in --crops --keep {rules}"));
        let keys: Vec<_> = found.keys().collect();
        assert_eq!(keys, ["crop_a.jpg", "crop_b.jpg", "crop_c.jpg", "crop_larger.jpg", "whole.png"], "{rules}");
        assert_eq!((&*found["whole.png"].0, &*found["whole.png"].1), ("1", "true"), "{rules}: {found:?}");
        assert!(found["crop_a.jpg"].2 == "crop (81 %)" && found["crop_c.jpg"].2.starts_with("crop (7"), "{found:?}");
    }
    let found = dedup(&dir, "in --crops");
    assert_eq!(found["whole.png"].2, "kept: shows more", "a crop has most pixels");
    // What is kept in any case may be a crop; then the whole is no copy of it.
    dir.write("kept/crop.jpg", dir.read("in/crop_a.jpg"));
    dir.write("new/whole.png", dir.read("in/whole.png"));
    assert_eq!(dedup(&dir, "new --reference kept --crops"), BTreeMap::new());
    dir.pokedex("dedup in --crops -j 1 -o one.parquet").ok();
    dir.pokedex("dedup in --crops -j 4 -o four.parquet").ok();
    assert!(dir.read("one.parquet") == dir.read("four.parquet"));
}

#[test]
fn pictures_that_overlap_are_no_crops_of_each_other() {
    let dir = Workdir::new();
    let picture = scene(62, SIZE);
    dir.write("in/left.jpg", jpeg(&part(&picture, 0.85, (0.0, 0.05))));
    dir.write("in/right.jpg", jpeg(&part(&picture, 0.85, (0.15, 0.05))));
    assert_eq!(dedup(&dir, "in --crops"), BTreeMap::new());
    // Nor what shows something that was not there.
    let mut changed = part(&picture, 0.85, (0.05, 0.05));
    let other = resize(&photo(63, SIZE), 40, 40, FilterType::Triangle);
    image::imageops::overlay(&mut changed, &other, 60, 40);
    dir.write("more/changed.jpg", jpeg(&changed));
    dir.write("more/whole.jpg", jpeg(&picture));
    assert_eq!(dedup(&dir, "more --crops"), BTreeMap::new());
}

#[test]
fn mirrored_and_turned_crops_are_found_where_both_are_wanted() {
    use image::imageops::{flip_horizontal, rotate90};
    let dir = Workdir::new();
    let picture = scene(64, SIZE);
    let crop = part(&picture, 0.87, (0.05, 0.1));
    dir.write("in/whole.jpg", jpeg(&picture));
    dir.write("in/mirrored.jpg", jpeg(&flip_horizontal(&crop)));
    dir.write("in/turned.jpg", jpeg(&rotate90(&crop)));
    (65..75).for_each(|n| dir.write(&format!("in/{n}.jpg"), jpeg(&scene(n, SIZE))));
    assert_eq!(dedup(&dir, "in --crops"), BTreeMap::new());
    let found = dedup(&dir, "in --crops --any-orientation");
    let reasons: Vec<_> = found.values().map(|(_, _, reason)| reason.as_str()).collect();
    assert_eq!(reasons, ["crop, mirrored (76 %)", "crop, turned 90 (76 %)", "kept: most pixels"]);
}

#[test]
fn copies_in_a_frame_or_with_a_line_of_text_are_found() {
    let dir = Workdir::new();
    let picture = scene(80, SIZE);
    let framed = |colour: [u8; 3], (side, below): (u32, u32)| {
        let mut framed = RgbImage::from_pixel(SIZE.0 + 2 * side, SIZE.1 + side + below, Rgb(colour));
        image::imageops::overlay(&mut framed, &picture, side.into(), side.into());
        framed
    };
    let written = |top: u32| {
        let mut written = picture.clone();
        for (x, y) in
            (20..150).flat_map(|x| (top..top + 12).map(move |y| (x, y))).filter(|(x, y)| (x / 3 + y / 5) % 2 == 0)
        {
            written.put_pixel(x, y, Rgb([255; 3]));
        }
        written
    };
    dir.write("in/a.png", png(&picture.clone().into()));
    dir.write("in/white.jpg", jpeg(&framed([255; 3], (10, 10))));
    dir.write("in/black.jpg", jpeg(&framed([0; 3], (12, 12))));
    dir.write("in/red.jpg", jpeg(&framed([150, 30, 20], (15, 15))));
    dir.write("in/below.jpg", jpeg(&framed([240, 238, 230], (8, 40))));
    dir.write("in/written.jpg", jpeg(&written(132)));
    dir.write("in/written_above.jpg", jpeg(&written(6)));
    (81..91).for_each(|n| dir.write(&format!("in/other{n}.jpg"), jpeg(&photo(n, SIZE))));
    let found = dedup(&dir, "in --keep path:a.png");
    assert_eq!(found.len(), 7, "{found:?}");
    assert!(found.values().all(|(group, ..)| group == "1"));
    // Something in its middle is more than a text at its side.
    dir.write("other/a.png", png(&picture.clone().into()));
    dir.write("other/b.png", png(&written(70).into()));
    assert_eq!(dedup(&dir, "other --crops"), BTreeMap::new());
}

#[test]
fn of_a_chain_only_copies_of_what_is_kept_are_in_its_group() {
    let dir = Workdir::new();
    let (from, to) = (photo(21, SIZE), photo(22, SIZE));
    let steps = 24;
    for step in 0..=steps {
        let mixed = RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
            let (a, b) = (from.get_pixel(x, y).0, to.get_pixel(x, y).0);
            let mix = |c: usize| (u32::from(a[c]) * (steps - step) + u32::from(b[c]) * step) / steps;
            Rgb([mix(0) as u8, mix(1) as u8, mix(2) as u8])
        });
        dir.write(&format!("in/{step:02}.png"), png(&mixed.into()));
    }
    let found = dedup(&dir, "in --keep path:12.png");
    let keepers: BTreeMap<&str, &str> = found
        .iter()
        .filter(|(_, (_, keep, _))| keep == "true")
        .map(|(key, (group, ..))| (group.as_str(), key.as_str()))
        .collect();
    assert!(keepers.len() > 1, "one group of all would hold what is no copy: {found:?}");
    for (key, (group, keep, _)) in found.iter().filter(|(_, (_, keep, _))| keep == "false") {
        let alone = format!("in/{key} in/{}", keepers[group.as_str()]);
        assert_eq!(dedup(&dir, &alone).len(), 2, "{key} {group} {keep}");
    }
}

#[test]
fn what_lies_in_a_reference_is_kept_and_only_copies_elsewhere_are_named() {
    let dir = Workdir::new();
    let picture = photo(5, SIZE);
    dir.write("archive/small.jpg", jpeg(&resize(&picture, 100, 75, FilterType::Lanczos3)));
    dir.write("archive/twice/small.jpg", dir.read("archive/small.jpg"));
    dir.write("new/large.png", png(&picture.into()));
    dir.write("new/other.jpg", jpeg(&photo(6, SIZE)));
    let found = dedup(&dir, "new --reference archive");
    let keys: Vec<_> = found.keys().collect();
    assert_eq!(keys, ["archive/small.jpg", "new/large.png"]);
    assert_eq!(found["archive/small.jpg"].2, "kept: in the reference");
    let before = tree(&dir.path("archive"));
    dir.pokedex("dedup new --reference archive --action trash").ok();
    assert_eq!(tree(&dir.path("archive")), before);
    assert_eq!(dir.files("new"), ["other.jpg"]);
    // By a link the reference is the reference, too.
    std::os::unix::fs::symlink(dir.path("archive"), dir.path("door")).expect("a link");
    dir.shell("cd door && ls *.jpg | pokedex dedup - --reference ../archive --action trash --journal ../j").ok();
    assert_eq!(tree(&dir.path("archive")), before);
    assert!(dir.pokedex("dedup new --reference nowhere").failed(1).contains("hint: "));
}

#[test]
fn one_file_under_two_names_is_no_copy() {
    let dir = Workdir::new();
    dir.write("in/a.jpg", jpeg(&photo(7, SIZE)));
    std::fs::hard_link(dir.path("in/a.jpg"), dir.path("in/hard.jpg")).expect("a link");
    std::os::unix::fs::symlink("a.jpg", dir.path("in/soft.jpg")).expect("a link");
    std::os::unix::fs::symlink("in", dir.path("door")).expect("a link");
    let text = dir.pokedex("dedup in door --identical").ok().text();
    assert_eq!(text, "6 rows: no copies, 1 hard link not counted, 4 files named again\n");
    let all = dedup(&dir, "in --all");
    assert_eq!(all["hard.jpg"], (String::new(), String::new(), "same file as a.jpg".into()));
    dir.pokedex("dedup in door --action trash").ok();
    dir.pokedex("dedup in door --identical --action hardlink").ok();
    assert_eq!(dir.files("in"), ["a.jpg", "hard.jpg", "soft.jpg"]);
}

#[test]
fn animations_are_copies_by_their_bytes_alone() {
    let dir = Workdir::new();
    let (first, second) = (photo(8, (60, 45)), photo(9, (60, 45)));
    let animation = |frames: &[&RgbImage]| {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        for frame in frames {
            let frame = image::Frame::new(DynamicImage::from((*frame).clone()).into_rgba8());
            encoder.encode_frame(frame).expect("encodable");
        }
        drop(encoder);
        bytes
    };
    dir.write("in/still.gif", animation(&[&first]));
    dir.write("in/moving.gif", animation(&[&first, &second]));
    dir.write("in/other.gif", animation(&[&first, &first]));
    dir.write("in/again.gif", animation(&[&first, &second]));
    dir.write("in/still.png", png(&first.into()));
    let found = dedup(&dir, "in");
    let group = |key: &str| found.get(key).map(|(group, ..)| group.clone());
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(group("again.gif") == group("moving.gif") && group("still.gif") == group("still.png"));
    assert!(group("again.gif") != group("still.gif"));
}

#[test]
fn what_cannot_be_read_is_in_no_group() {
    let dir = Workdir::new();
    for name in ["a", "b"] {
        dir.write(&format!("in/empty_{name}.png"), "");
        dir.write(&format!("in/text_{name}.png"), "no picture");
        dir.write(&format!("in/grey_{name}.png"), png(&RgbImage::from_pixel(40, 40, Rgb([9, 9, 9])).into()));
    }
    dir.write("in/grey_c.png", png(&RgbImage::from_pixel(41, 40, Rgb([9, 9, 9])).into()));
    for how in ["", "--identical"] {
        let run = dir.pokedex(&format!("dedup in {how} -o found.parquet --all"));
        assert_eq!(run.code, 3, "{}", run.stderr);
        let (reasons, errors) = (dir.texts("found.parquet", "reason"), dir.texts("found.parquet", "error"));
        assert_eq!(dir.keys("found.parquet").len(), 7);
        assert_eq!(errors.iter().flatten().count(), 4);
        let of_one_colour = reasons.iter().flatten().collect::<Vec<_>>();
        assert_eq!(of_one_colour, ["kept: first by name", "identical"], "by their bytes alone");
        let table = dir.table("found.parquet");
        assert_eq!(table["keep"].as_boolean().iter().flatten().collect::<Vec<_>>(), [true, false]);
    }
}

#[test]
fn tables_are_believed_and_results_do_not_depend_on_threads() {
    let dir = Workdir::new();
    for n in 0..6 {
        dir.write(&format!("in/{n}.png"), png(&photo(30 + n % 4, SIZE).into()));
    }
    dir.pokedex("scan in -o manifest.parquet").ok();
    dir.pokedex("dedup in -j 1 -o one.parquet").ok();
    dir.pokedex("dedup in -j 4 -o four.parquet").ok();
    assert!(dir.read("one.parquet") == dir.read("four.parquet"));
    // A table of copies is a table: columns are replaced, not added.
    dir.pokedex("dedup one.parquet -o again.parquet").ok();
    assert_eq!(dir.texts("again.parquet", "reason"), dir.texts("one.parquet", "reason"));
    std::fs::rename(dir.path("in"), dir.path("gone")).expect("moved");
    let found = dedup(&dir, "manifest.parquet --identical --keep pixels");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["0.png", "1.png", "4.png", "5.png"]);
    assert_eq!(
        dir.pokedex("dedup manifest.parquet --identical --format paths --keep pixels").ok().text(),
        "in/4.png\nin/5.png\n"
    );
}

#[test]
fn conditions_say_what_is_kept() {
    let dir = Workdir::new();
    dir.write("in/cat/a.png", png(&photo(40, SIZE).into()));
    dir.write("in/dog/b.png", png(&photo(40, SIZE).into()));
    let run = dir.pokedex_args(&["dedup", "in", "--keep", "where:label in ('dog', 'cow')", "--format", "csv"]);
    let found = lines(&run.ok().text());
    assert_eq!(found[1].3, "kept: --keep where", "{found:?}");
    for (rules, hint) in [("where:labl = 'x'", "label"), ("biggest", "rules are largest"), ("where:", "empty")] {
        let run = dir.pokedex_args(&["dedup", "in", "--keep", rules]);
        assert!(run.code != 0 && run.stderr.contains(hint), "{rules}: {}", run.stderr);
    }
}
