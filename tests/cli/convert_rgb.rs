use arrow_array::cast::AsArray;
use image::{DynamicImage, ImageFormat};

use crate::workdir::{Workdir, encode, pattern, pixels, png, translucent};

#[test]
fn a_folder_gets_the_same_names_and_a_manifest() {
    let dir = Workdir::new();
    dir.picture("in/a/1.png", 1);
    dir.write("in/b.JPG", encode(&pattern(20, 20, 2).into(), ImageFormat::Jpeg));
    dir.pokedex("convert-rgb in -o out/").ok();
    assert_eq!(dir.files("out"), ["a/1.png", "b.png", "manifest.parquet"]);
    assert_eq!(dir.keys("out/manifest.parquet"), ["a/1.png", "b.png"]);
    assert_eq!(dir.texts("out/manifest.parquet", "path")[1].as_deref(), Some("out/b.png"));
    let table = dir.table("out/manifest.parquet");
    let digest = |column: &str, row| table[column].as_fixed_size_binary().value(row).to_vec();
    assert_eq!(digest("source_hash", 1), blake3::hash(&dir.read("in/b.JPG")).as_bytes());
    assert_eq!(digest("content_hash", 1), blake3::hash(&dir.read("out/b.png")).as_bytes());
    assert_eq!(pixels(&dir.read("out/a/1.png")), pattern(40, 30, 1));
}

#[test]
fn transparent_pixels_show_the_background() {
    let dir = Workdir::new();
    dir.write("in/t.png", png(&translucent()));
    dir.pokedex("convert-rgb in -o white/").ok();
    assert_eq!(pixels(&dir.read("white/t.png")).into_raw(), [255, 0, 0, 255, 127, 127, 255, 255, 255]);
    dir.pokedex("convert-rgb in -o blue/ --background #0000ff").ok();
    assert_eq!(pixels(&dir.read("blue/t.png")).into_raw(), [255, 0, 0, 128, 0, 127, 0, 0, 255]);
    let said = dir.pokedex("convert-rgb in -o x/ --background blueish").failed(2);
    assert!(said.contains("expected white, black, grey or #rrggbb"), "{said}");
}

#[test]
fn exif_orientation_is_applied() {
    let dir = Workdir::new();
    let upright = pattern(32, 16, 3);
    let plain = encode(&upright.clone().into(), ImageFormat::Jpeg);
    // A minimal EXIF segment that says "turn by 90 degrees": big endian, one entry, tag 0x0112, short, value 6.
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    dir.write("in/turned.jpg", [&plain[..2], exif, &plain[2..]].concat());
    dir.pokedex("convert-rgb in -o out/").ok();
    let turned = pixels(&dir.read("out/turned.png"));
    assert_eq!(turned.dimensions(), (16, 32));
    let expected = DynamicImage::from(pixels(&plain)).rotate90().into_rgb8();
    assert_eq!(turned, expected);
    dir.pokedex("scan in -o m.parquet").ok();
    let run = dir.pokedex("export m.parquet --format csv --columns width,height").ok();
    assert_eq!(run.text(), "width,height\n16,32\n");
}

#[test]
fn sizes_and_encodings() {
    let dir = Workdir::new();
    dir.picture("in/a.png", 1);
    for (encoding, extension) in [("png", "png"), ("jpeg", "jpg"), ("webp", "webp")] {
        dir.pokedex(&format!("convert-rgb in -o {encoding}/ --size 20 --encode {encoding}")).ok();
        let image = pixels(&dir.read(&format!("{encoding}/a.{extension}")));
        assert_eq!(image.dimensions(), (20, 20));
        // 40 x 30 into 20 x 20 leaves a white margin above and below.
        assert!(image.get_pixel(10, 0).0.iter().all(|c| *c > 240));
    }
}

#[test]
fn pictures_that_differ_in_their_extension_are_all_kept() {
    let dir = Workdir::new();
    dir.picture("in/a.png", 1);
    dir.write("in/a.jpg", encode(&pattern(20, 20, 2).into(), ImageFormat::Jpeg));
    dir.picture("in/b.png", 3);
    dir.pokedex("convert-rgb in -o out/").ok();
    assert_eq!(dir.files("out"), ["a_jpg.png", "a_png.png", "b.png", "manifest.parquet"]);
    assert_eq!(pixels(&dir.read("out/a_png.png")), pattern(40, 30, 1));
    // One goes: the name of the other is plain, and nothing stale stays.
    std::fs::remove_file(dir.path("in/a.jpg")).expect("removable");
    let said = dir.pokedex("convert-rgb in -o out/ -v").ok().stderr;
    assert!(said.contains("2 files of an earlier run removed"), "{said}");
    assert_eq!(dir.files("out"), ["a.png", "b.png", "manifest.parquet"]);
}

#[test]
fn a_source_is_never_replaced() {
    let dir = Workdir::new();
    dir.write("in/t.png", png(&translucent()));
    let before = dir.read("in/t.png");
    for command in ["convert-rgb in -o in/", "convert-rgb in/t.png -o in/", "convert-rgb in/t.png -o ."] {
        let said = dir.pokedex(command).failed(1);
        assert!(said.contains("lies in the folder that is being written"), "{command}: {said}");
    }
    assert_eq!(dir.files("in"), ["t.png"]);
    assert_eq!(dir.read("in/t.png"), before);
}

#[test]
fn what_is_up_to_date_is_left_alone_and_the_manifest_stays_complete() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("convert-rgb in -o out/").ok();
    let manifest = dir.read("out/manifest.parquet");
    let modified = |name: &str| std::fs::metadata(dir.path(name)).and_then(|m| m.modified()).expect("a time");
    let times = ["out/000.png", "out/001.png", "out/002.png"].map(modified);
    std::thread::sleep(std::time::Duration::from_millis(20));
    dir.pokedex("convert-rgb in -o out/").ok();
    assert_eq!(["out/000.png", "out/001.png", "out/002.png"].map(modified), times);
    assert_eq!(dir.read("out/manifest.parquet"), manifest);

    dir.picture("in/001.png", 77);
    std::fs::remove_file(dir.path("out/002.png")).expect("removable");
    dir.pokedex("convert-rgb in -o out/").ok();
    assert_eq!(modified("out/000.png"), times[0]);
    assert_eq!(pixels(&dir.read("out/001.png")), pattern(40, 30, 77));
    assert_eq!(pixels(&dir.read("out/002.png")), pattern(40, 30, 2));
    assert_eq!(dir.keys("out/manifest.parquet").len(), 3);

    dir.pokedex("convert-rgb in -o out/ --size 20").ok();
    assert_ne!(modified("out/000.png"), times[0], "another recipe makes other files");
    // What was changed by hand is somebody's.
    dir.write("out/001.png", "retouched");
    let said = dir.pokedex("convert-rgb in -o out/").failed(1);
    assert!(said.contains("that no earlier run made, or that were changed since: 001.png"), "{said}");
    assert_eq!(dir.read("out/001.png"), b"retouched");
}

#[test]
fn a_table_carries_the_images_inside() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.write("in/broken.png", "nothing");
    dir.pokedex("convert-rgb in -o t.parquet").failed(3);
    let table = dir.table("t.parquet");
    let image = table["image"].as_struct();
    let bytes = image.column_by_name("bytes").expect("bytes").as_binary::<i32>().clone();
    assert_eq!(pixels(bytes.value(0)), pattern(40, 30, 0));
    let hash = table["content_hash"].as_fixed_size_binary();
    assert_eq!(hash.value(0), blake3::hash(bytes.value(0)).as_bytes());
    // The images travel: the folder may go.
    std::fs::remove_dir_all(dir.path("in")).expect("removable");
    dir.pokedex("embed t.parquet -o e.parquet").ok();
    assert_eq!(dir.texts("e.parquet", "error").iter().flatten().count(), 1);
    assert!(dir.table("e.parquet").column_by_name("image").is_none());
    dir.pokedex("embed t.parquet --keep-images -o kept.parquet").ok();
    assert!(dir.table("kept.parquet").column_by_name("image").is_some());
}

#[test]
fn a_damaged_manifest_of_an_earlier_run_knows_nothing() {
    let dir = Workdir::new();
    dir.pictures("in", 300);
    dir.pokedex("convert-rgb in -o out/").ok();
    let whole = dir.read("out/manifest.parquet");
    let mut bytes = whole.clone();
    bytes[100..whole.len() / 2].fill(0x5a);
    dir.write("out/manifest.parquet", &bytes);
    let said = dir.pokedex("convert-rgb in -o out/").failed(1);
    assert!(said.contains("no earlier run made") && said.contains(" more"), "{said}");
    assert_eq!(dir.read("out/manifest.parquet"), bytes);
    std::fs::remove_dir_all(dir.path("out")).expect("removable");
    dir.pokedex("convert-rgb in -o out/").ok();
    assert_eq!(dir.read("out/manifest.parquet"), whole);
}

#[test]
fn a_failed_run_leaves_no_unfinished_file() {
    let dir = Workdir::new();
    dir.pictures("in", 40);
    dir.write("in/020a.png", "nothing");
    for _ in 0..5 {
        dir.pokedex("convert-rgb in -o out/ --strict -j8").failed(1);
        let left: Vec<_> = dir.files("out").into_iter().filter(|name| name.ends_with(".part")).collect();
        assert!(left.is_empty(), "{left:?}");
        std::fs::remove_dir_all(dir.path("out")).expect("removable");
    }
}

#[test]
fn rows_that_arrived_with_an_error_keep_what_they_had() {
    let dir = Workdir::new();
    let whole = png(&pattern(60, 60, 1).into());
    dir.write("in/cut.png", &whole[..whole.len() / 2]);
    dir.picture("in/ok.png", 1);
    dir.pokedex("scan in --verify -o m.parquet").failed(3);
    dir.shell("pokedex convert-rgb m.parquet | pokedex embed - -o e.parquet").ok();
    let (before, after) = (dir.table("m.parquet"), dir.table("e.parquet"));
    let hash = |table: &arrow_array::RecordBatch| table["content_hash"].as_fixed_size_binary().value(0).to_vec();
    assert_eq!(hash(&before), hash(&after));
    assert_eq!(dir.texts("m.parquet", "error"), dir.texts("e.parquet", "error"));
}

/// JPEGs that lack their end, and one that is whole.
fn cut_short(dir: &Workdir, count: u32) {
    for number in 0..count {
        let jpeg = encode(&pattern(40, 30, number).into(), ImageFormat::Jpeg);
        dir.write(&format!("in/{number:02}.jpg"), &jpeg[..jpeg.len() * 9 / 10]);
    }
    dir.write("in/whole.jpg", encode(&pattern(40, 30, 99).into(), ImageFormat::Jpeg));
}

#[test]
fn pictures_that_are_cut_short_are_read_and_named_every_time() {
    let dir = Workdir::new();
    cut_short(&dir, 2);
    let named = "truncated: the file ends early, and was read as far as it goes";
    for command in [
        "convert-rgb in -o out/",
        "convert-rgb in -o out/",
        "convert-rgb in -o t.parquet",
        "scan in --verify -o m.parquet",
        "embed in -o e.parquet",
        "embed in -o e.parquet",
        "classify in -o p.parquet",
        "export in --format huggingface -o h/",
        "export in --format huggingface -o h/",
        "export in --format huggingface --size 20 -o small/",
    ] {
        let said = dir.pokedex(command).ok().stderr;
        let expected = format!("pokedex: 00.jpg: {named}\npokedex: 01.jpg: {named}\n");
        assert!(said.contains(&expected) && !said.contains("whole"), "{command}: {said}");
    }
    assert_eq!(dir.texts("t.parquet", "error"), [None, None, None]);
    assert!(!dir.pokedex("scan in -o m.parquet").ok().stderr.contains("truncated"), "only the headers are read");
    let said = dir.shell("pokedex split in --ratios 100/0/0 | pokedex augment - -o a/").ok().stderr;
    assert!(said.contains(named) && !said.contains("whole"), "{said}");
    assert!(dir.pokedex("query ./in/01.jpg").ok().stderr.contains(&format!("in/01.jpg: {named}")));
    assert!(!dir.pokedex("convert-rgb in -q -o out/").ok().stderr.contains("truncated"));
    let found = dir.pokedex("check in").text();
    assert!(found.contains("truncated") && found.contains("pictures that end early"), "{found}");
}

#[test]
fn of_many_flawed_pictures_the_first_are_named_and_the_rest_counted() {
    let dir = Workdir::new();
    cut_short(&dir, 23);
    let said = dir.pokedex("convert-rgb in -o out/ -j 3").ok().stderr;
    assert!(said.contains("pokedex: 19.jpg: truncated") && !said.contains("pokedex: 20.jpg"), "{said}");
    assert!(
        said.contains("pokedex: 3 more pictures are truncated or damaged, and were read as far as they go"),
        "{said}"
    );
    assert!(said.contains("hint: -v names them all, and so does pokedex check"), "{said}");
    assert!(dir.pokedex("convert-rgb in -o other/ -v").ok().stderr.contains("pokedex: 22.jpg: truncated"));
}

#[test]
fn what_is_sound_and_cannot_be_read_is_not_called_damaged() {
    let dir = Workdir::new();
    let mut jpeg = encode(&pattern(40, 30, 1).into(), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame");
    jpeg[frame + 1] = 0xc9;
    dir.write("in/a.jpg", &jpeg);
    for command in ["convert-rgb in -o out/", "scan in -o m.parquet", "embed in -o e.parquet"] {
        let said = dir.pokedex(command).failed(3);
        assert!(said.contains("pokedex: a.jpg: unsupported format: JPEG with arithmetic coding"), "{command}: {said}");
    }
}

#[test]
fn colours_are_brought_to_srgb_where_that_is_asked_for() {
    let dir = Workdir::new();
    let plain = png(&pattern(20, 10, 4).into());
    // Display P3, as code points of a chunk before the pixels: the sum of such a chunk is not looked at.
    let chunk = b"\0\0\0\x04cICP\x0c\x0d\0\x01\0\0\0\0";
    dir.write("in/a.png", [&plain[..33], chunk, &plain[33..]].concat());
    dir.pokedex("convert-rgb in -o stored/").ok();
    assert_eq!(pixels(&dir.read("stored/a.png")), pattern(20, 10, 4));
    dir.pokedex("convert-rgb in -o srgb/ --colours srgb").ok();
    let seen = pixels(&dir.read("srgb/a.png"));
    assert!(seen != pattern(20, 10, 4) && seen.dimensions() == (20, 10));
    // What was made with other colours is made again.
    dir.pokedex("convert-rgb in -o stored/ --colours srgb").ok();
    assert_eq!(pixels(&dir.read("stored/a.png")), seen);
}
