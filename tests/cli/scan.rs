use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;

use crate::workdir::{Workdir, pattern, png};

#[test]
fn a_folder_becomes_one_row_a_file_in_the_order_of_keys() {
    let dir = Workdir::new();
    dir.picture("art/0025_b.png", 1);
    dir.picture("art/0001_a.png", 2);
    dir.write("art/notes.txt", "no image");
    dir.write("art/.hidden.png", "no image");
    dir.pokedex("scan art -o m.parquet").ok();
    assert_eq!(dir.keys("m.parquet"), ["0001_a.png", "0025_b.png"]);
    assert_eq!(dir.texts("m.parquet", "path")[0].as_deref(), Some("art/0001_a.png"));
    assert_eq!(dir.texts("m.parquet", "label")[1].as_deref(), Some("Pikachu"));
    let table = dir.table("m.parquet");
    assert_eq!(table["width"].as_primitive::<UInt32Type>().values(), &[40, 40]);
    assert_eq!(table["height"].as_primitive::<UInt32Type>().values(), &[30, 30]);
    let hash = table["content_hash"].as_fixed_size_binary().value(0).to_vec();
    assert_eq!(hash, blake3::hash(&dir.read("art/0001_a.png")).as_bytes());
    assert_eq!(table["error"].null_count(), 2);
}

#[test]
fn a_bad_image_is_one_warning_and_one_row() {
    let dir = Workdir::new();
    dir.pictures("pics", 2);
    dir.write("pics/broken.png", &png(&pattern(9, 9, 1).into())[..20]);
    dir.write("pics/page.jpg", "<html>404</html>");
    let said = dir.pokedex("scan pics -o m.parquet").failed(3);
    assert!(said.contains("pokedex: broken.png: damaged PNG"), "{said}");
    assert!(said.contains("pokedex: page.jpg: not an image (an HTML page)"), "{said}");
    let errors = dir.texts("m.parquet", "error");
    assert_eq!(errors.iter().filter(|e| e.is_some()).count(), 2);
    assert_eq!(errors.len(), 4);
    dir.pokedex("scan pics -o m.parquet --skip-ok").ok();
    let before = dir.read("m.parquet");
    dir.pokedex("scan pics -o m.parquet --strict").failed(1);
    assert_eq!(dir.read("m.parquet"), before, "a failed run changed the output");
}

#[test]
fn what_is_a_picture_is_read_whatever_its_name_says() {
    let dir = Workdir::new();
    dir.write("pics/photo.png?w=840", png(&pattern(8, 6, 1).into()));
    dir.write("pics/IMG_0001", png(&pattern(8, 6, 2).into()));
    dir.write("pics/modern.jpg_large", JPEG_XL);
    dir.write("pics/BMW", "BMW is a maker of cars");
    dir.write("pics/notes.old", "no picture");
    dir.write("pics/film.heic", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom");
    let said = dir.pokedex("scan pics -o m.parquet").failed(3);
    assert_eq!(dir.keys("m.parquet"), ["IMG_0001", "film.heic", "modern.jpg_large", "photo.png?w=840"]);
    assert!(said.contains("1 .old passed over"), "{said}");
    assert!(said.contains("film.heic: not an image (a film;"), "{said}");
    let widths = &dir.table("m.parquet")["width"];
    assert_eq!(widths.as_primitive::<UInt32Type>().iter().collect::<Vec<_>>(), [Some(8), None, Some(16), Some(8)]);
}

#[test]
fn pictures_in_archives_are_read_where_they_lie() {
    let dir = Workdir::new();
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, picture) in [("page 2.png", 2), ("cover/1.png", 1)] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("a name");
        std::io::Write::write_all(&mut archive, &png(&pattern(40, 30, picture).into())).expect("written");
    }
    dir.write("books/comic.cbz", archive.finish().expect("finished").into_inner());
    dir.picture("loose.png", 1);
    dir.pokedex("scan books/comic.cbz -o m.parquet").ok();
    assert_eq!(dir.keys("m.parquet"), ["comic.cbz/cover/1.png", "comic.cbz/page 2.png"]);
    assert_eq!(dir.texts("m.parquet", "path")[1].as_deref(), Some("books/comic.cbz/page 2.png"));
    // By the archive, and by the paths in a table, they are the same pictures as loose ones.
    dir.pokedex("embed books/comic.cbz -o a.parquet -q").ok();
    dir.pokedex("embed m.parquet -o b.parquet -q").ok();
    let found = dir.pokedex("query ./loose.png --index a.parquet --format paths").ok().text();
    assert!(found.starts_with("books/comic.cbz/cover/1.png\n"), "{found}");
    assert_eq!(dir.texts("b.parquet", "error"), [None, None]);
    dir.write("books/comic.cbz", "no archive");
    let said = dir.pokedex("scan m.parquet -o n.parquet").failed(3);
    assert!(said.contains("cover/1.png: cannot read books/comic.cbz/cover/1.png"), "{said}");
}

/// 16 x 12 pixels.
const JPEG_XL: [u8; 51] = [
    255, 10, 88, 48, 16, 9, 8, 4, 1, 0, 156, 0, 75, 24, 147, 142, 131, 131, 41, 48, 34, 120, 60, 247, 94, 32, 8, 0,
    138, 78, 154, 9, 60, 184, 89, 96, 161, 91, 198, 69, 249, 251, 240, 234, 111, 112, 111, 14, 8, 46, 1,
];

#[test]
fn verify_finds_damage_behind_a_sound_header() {
    let dir = Workdir::new();
    let whole = png(&pattern(60, 60, 1).into());
    dir.write("pics/cut.png", &whole[..whole.len() / 2]);
    dir.pokedex("scan pics -o m.parquet").ok();
    let said = dir.pokedex("scan pics -o m.parquet --verify").failed(3);
    assert!(said.contains("cut.png: damaged PNG"), "{said}");
}

#[test]
fn folders_are_labels_where_there_are_several() {
    let dir = Workdir::new();
    dir.picture("pets/cat/1.png", 1);
    dir.picture("pets/dog/1.png", 2);
    dir.pokedex("scan pets -o m.parquet").ok();
    assert_eq!(dir.texts("m.parquet", "label"), [Some("cat".into()), Some("dog".into())]);
    dir.pokedex("scan pets/cat -o one.parquet").ok();
    assert_eq!(dir.texts("one.parquet", "label"), [None]);
}

#[test]
fn lists_of_paths_come_from_standard_input() {
    let dir = Workdir::new();
    dir.picture("a b/1.png", 1);
    dir.picture("c/2.png", 2);
    dir.shell("find . -name '*.png' -print0 | sort -z | pokedex scan -0 - -o m.parquet").ok();
    assert_eq!(dir.keys("m.parquet"), ["a b/1.png", "c/2.png"]);
    dir.shell("printf '%s\\n' \"$PWD/c/2.png\" | pokedex scan - --root \"$PWD\" -o abs.parquet").ok();
    assert_eq!(dir.keys("abs.parquet"), ["c/2.png"]);
    let said = dir.shell("printf 'c/2.png\\nc/2.png\\n' | pokedex scan - -o twice.parquet").ok().stderr;
    assert!(said.contains("1 file was named more than once (c/2.png)"), "{said}");
    assert_eq!(dir.keys("twice.parquet"), ["c/2.png"]);
    let said = dir.shell("printf 'c/nope.png\\n' | pokedex scan - -o gone.parquet").failed(3);
    assert!(said.contains("c/nope.png: cannot read"), "{said}");
}

#[test]
fn equal_names_in_two_folders_are_two_rows() {
    let dir = Workdir::new();
    dir.picture("x/1.png", 1);
    dir.picture("y/1.png", 2);
    dir.pokedex("scan x y -o m.parquet").ok();
    assert_eq!(dir.keys("m.parquet"), ["x/1.png", "y/1.png"]);
}

#[test]
fn metadata_is_joined_and_shared_keys_are_reported() {
    let dir = Workdir::new();
    dir.picture("art/0003_a.png", 1);
    dir.picture("art/0004_a.png", 2);
    dir.write(
        "dex.csv",
        "ID,Name,Form,Type2,HP\n3,Venusaur, ,poison,80\n3,Venusaur,Mega,poison,80\n4,Charmander,, ,39\n",
    );
    let run = dir.pokedex("scan art --meta dex.csv --on id -o m.parquet").ok();
    assert!(run.stderr.contains("dex.csv: 2 lines share 1 join key (3)"), "{}", run.stderr);
    assert_eq!(dir.texts("m.parquet", "type2"), [Some("poison".into()), None]);
    assert_eq!(dir.texts("m.parquet", "form"), [None, None]);
    assert!(dir.table("m.parquet")["hp"].data_type().is_integer());
    dir.pokedex("scan art --meta dex.csv --on-duplicate all -o all.parquet").ok();
    assert_eq!(dir.keys("all.parquet"), ["0003_a.png", "0003_a.png#2", "0004_a.png"]);
    let said = dir.pokedex("scan art --meta dex.csv --on-duplicate error -o e.parquet").failed(1);
    assert!(said.contains("2 rows have the id 3") && said.contains("hint: "), "{said}");
    let said = dir.pokedex("scan art --meta dex.csv --on key -o e.parquet").failed(1);
    assert!(said.contains("has no column `key` to join on (it has id, name,"), "{said}");
}

#[test]
fn lists_below_the_working_directory_have_the_keys_of_the_folder() {
    let dir = Workdir::new();
    dir.picture("in/a.png", 1);
    for line in [
        "find ./in -name '*.png' | pokedex scan - --root in -o m.parquet",
        "find in -name '*.png' | pokedex scan - --root ./in -o m.parquet",
        "find \"$PWD/in\" -name '*.png' | pokedex scan - --root in -o m.parquet",
    ] {
        dir.shell(line).ok();
        assert_eq!(dir.keys("m.parquet"), ["a.png"], "{line}");
    }
    dir.shell("find \"$PWD/in\" -name '*.png' | pokedex scan - -o m.parquet").ok();
    assert_eq!(dir.keys("m.parquet"), ["in/a.png"]);
}

#[test]
fn an_output_may_be_a_link_or_a_pipe() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.shell("touch real.parquet; ln -s real.parquet link.parquet; pokedex scan in -o link.parquet").ok();
    assert_eq!(dir.keys("real.parquet").len(), 2);
    assert!(std::fs::symlink_metadata(dir.path("link.parquet")).expect("there").is_symlink());
    dir.shell("mkfifo pipe; cat pipe > copy.parquet & pokedex scan in -o pipe; wait").ok();
    assert_eq!(dir.read("copy.parquet"), dir.read("real.parquet"));
}

#[test]
fn one_row_is_not_read_twice_from_two_tables() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.pokedex("scan in -o m.parquet").ok();
    let said = dir.pokedex("split m.parquet m.parquet -o s.parquet").failed(1);
    assert!(said.contains("two rows have the key 000.png"), "{said}");
}

#[test]
fn empty_standard_input_is_told_from_an_empty_list() {
    let dir = Workdir::new();
    for command in ["scan -", "index -", "export - --format csv", "query x --index -"] {
        let said = dir.shell(&format!("pokedex {command} < /dev/null")).failed(1);
        assert!(said.contains("standard input: is empty") && said.contains("did the command before it"), "{said}");
    }
}
