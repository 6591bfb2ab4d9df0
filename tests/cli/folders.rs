//! Commands that write folders, in folders that somebody else has been in: whole trees before and after.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::export::dataset::labelled;
use crate::workdir::Workdir;

/// Every command that writes a folder, without `-o out/`.
const COMMANDS: [&str; 9] = [
    "convert-rgb pics",
    "augment t.parquet --size 16",
    "export t.parquet --no-check --format yolo --size 16",
    "export t.parquet --no-check --format imagefolder",
    "export t.parquet --no-check --format coco",
    "export t.parquet --no-check --format webdataset",
    "export t.parquet --no-check --format huggingface",
    "export t.parquet --no-check --format edge --model model.onnx",
    "export t.parquet --format site --size 16",
];

/// All that a folder holds, by name: what it is, its mode, and its bytes or where it leads.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    fn below(folder: &Path, prefix: &str, all: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            // What the cache of vectors and models does is its own.
            if [".cache", ".models"].contains(&name.as_str()) {
                continue;
            }
            let about = entry.path().symlink_metadata().expect("there");
            let what = match about.file_type() {
                kind if kind.is_symlink() => format!("link to {:?}", fs::read_link(entry.path()).expect("a link")),
                kind if kind.is_dir() => "folder".to_string(),
                _ => format!("{} {}", about.ino(), blake3::hash(&fs::read(entry.path()).expect("readable"))),
            };
            all.insert(name.clone(), format!("{:o} {what}", about.permissions().mode()));
            if about.is_dir() {
                below(&entry.path(), &format!("{name}/"), all);
            }
        }
    }
    let mut all = BTreeMap::new();
    below(folder, "", &mut all);
    all
}

/// What is no longer what it was, and what is new.
fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> (Vec<String>, Vec<String>) {
    let changed = before.iter().filter(|(name, what)| after.get(*name) != Some(what));
    let new = after.keys().filter(|name| !before.contains_key(*name));
    (changed.map(|(name, _)| name.clone()).collect(), new.cloned().collect())
}

fn prepared() -> Workdir {
    let dir = Workdir::new();
    labelled(&dir);
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    fs::copy(models.join("openclip/visual.onnx"), dir.path("model.onnx")).expect("a fixture");
    dir.write("outside/precious.txt", "precious");
    dir.write("outside/00.png", "precious");
    dir
}

/// The names of what a command writes into an empty folder, but for its manifest.
fn outputs(dir: &Workdir, command: &str) -> Vec<String> {
    dir.pokedex(&format!("{command} -o plain/")).ok();
    let files = dir.files("plain").into_iter().filter(|file| file != "manifest.parquet").collect();
    fs::remove_dir_all(dir.path("plain")).expect("removable");
    files
}

#[test]
fn nothing_of_others_is_touched_whatever_lies_in_the_folder() {
    type Prepare = fn(&Workdir, &[String], &str);
    let states: [(&str, Prepare); 12] = [
        ("a file at a wanted name", |dir, files, _| dir.write(&format!("out/{}", files[0]), "mine")),
        ("a folder at a wanted name", |dir, files, _| dir.write(&format!("out/{}/mine", files[0]), "mine")),
        ("a file where a folder is wanted", |dir, files, _| {
            dir.write(&format!("out/{}", files[0].split('/').next().expect("a name")), "mine");
        }),
        ("a link at a wanted name", |dir, files, _| {
            let path = dir.path(&format!("out/{}", files[0]));
            fs::create_dir_all(path.parent().expect("below out")).expect("writable");
            symlink(dir.path("outside/precious.txt"), path).expect("a link");
        }),
        ("a link where a folder is wanted", |dir, files, _| {
            fs::create_dir(dir.path("out")).expect("writable");
            let (folder, _) = files.iter().find_map(|file| file.split_once('/')).unwrap_or(("x", ""));
            symlink("../outside", dir.path(&format!("out/{folder}"))).expect("a link");
        }),
        ("a manifest of something else", |dir, _, _| {
            dir.write("out/mine.txt", "mine");
            dir.pokedex("scan pics -o out/manifest.parquet").ok();
        }),
        ("a manifest that is a link", |dir, _, _| {
            fs::create_dir(dir.path("out")).expect("writable");
            symlink("../t.parquet", dir.path("out/manifest.parquet")).expect("a link");
        }),
        ("a journal that is a link", |dir, _, _| {
            fs::create_dir(dir.path("out")).expect("writable");
            symlink("../outside/precious.txt", dir.path("out/.pokedex.journal")).expect("a link");
        }),
        ("a journal that is none", |dir, _, _| dir.write("out/.pokedex.journal", "mine")),
        ("a manifest of before that is none", |dir, _, _| dir.write("out/.pokedex.previous", "mine")),
        ("a forged journal", |dir, files, command| {
            let precious = blake3::hash(b"precious");
            let absolute = dir.path("outside/precious.txt").display().to_string();
            fs::create_dir(dir.path("out")).expect("writable");
            symlink("../outside", dir.path("out/away")).expect("a link");
            dir.write("out/mine.txt", "not what it says");
            dir.write("out/.mine.part", "mine");
            let names = ["../outside/precious.txt", "away/precious.txt", "mine.txt", &absolute, &files[0], "."];
            let lines: String = names.iter().map(|name| format!("+ {precious} {name:?} \n")).collect();
            dir.write("out/.pokedex.journal", format!("# x 0 {command} 1\n# mine 0 {command} 1\n{lines}"));
        }),
        ("an input at a wanted name", |dir, files, _| {
            let path = dir.path(&format!("out/{}", files[0]));
            fs::create_dir_all(path.parent().expect("below out")).expect("writable");
            fs::hard_link(dir.path("pics/a/00.png"), path).expect("a link");
        }),
    ];
    let dir = prepared();
    for command in COMMANDS {
        let files = outputs(&dir, command);
        for (state, prepare) in &states {
            prepare(&dir, &files, command.split(' ').next().expect("a word"));
            let before = tree(dir.folder());
            let mut runs = vec![format!("{command} -o out/")];
            runs.push(runs[0].clone());
            for run in runs {
                let ended = dir.pokedex(&run);
                let what = format!("{state}: {run}: {} {}", ended.code, ended.stderr);
                assert!([0, 1].contains(&ended.code), "{what}");
                assert!(ended.code == 0 || ended.stderr.contains("hint: "), "{what}");
                let (mut changed, new) = changes(&before, &tree(dir.folder()));
                if ended.code == 0 {
                    // It was able to do without what is there; its journal, forged or not, is gone.
                    changed.retain(|name| name != "out/.pokedex.journal");
                    assert!(new.iter().all(|name| name.starts_with("out/")), "{what}: {new:?}");
                } else {
                    assert!(new.is_empty(), "{what}: {new:?}");
                }
                assert!(changed.is_empty(), "{what}: {changed:?}");
            }
            fs::remove_dir_all(dir.path("out")).expect("removable");
        }
    }
}

#[test]
fn force_replaces_what_is_in_the_way_and_removes_nothing_else() {
    let dir = prepared();
    for command in COMMANDS.into_iter().filter(|command| command.starts_with("export")) {
        let files = outputs(&dir, command);
        dir.write("out/mine.txt", "mine");
        dir.write(&format!("out/{}", files[0]), "in the way");
        fs::set_permissions(dir.path(&format!("out/{}", files[0])), fs::Permissions::from_mode(0o600)).expect("mine");
        symlink("../outside/precious.txt", dir.path(&format!("out/{}", files[files.len() - 1]))).ok();
        dir.pokedex(&format!("{command} -o out/")).failed(1);
        let before = tree(dir.folder());
        dir.pokedex(&format!("{command} -o out/ --force")).ok();
        let (changed, new) = changes(&before, &tree(dir.folder()));
        assert!(changed.iter().all(|name| files.iter().any(|file| *name == format!("out/{file}"))), "{changed:?}");
        assert!(new.iter().all(|name| name.starts_with("out/")), "{new:?}");
        let mode = fs::metadata(dir.path(&format!("out/{}", files[0]))).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{command}");
        fs::remove_dir_all(dir.path("out")).expect("removable");
        // A link is not followed even so.
        if let Some((folder, _)) = files.iter().find_map(|file| file.split_once('/')) {
            fs::create_dir(dir.path("out")).expect("writable");
            symlink("../outside", dir.path(&format!("out/{folder}"))).expect("a link");
            let before = tree(dir.folder());
            let said = dir.pokedex(&format!("{command} -o out/ --force")).failed(1);
            assert!(said.contains(&format!("out/{folder}: is a link")), "{said}");
            let (changed, _) = changes(&before, &tree(dir.folder()));
            assert!(changed.is_empty(), "{changed:?}");
            fs::remove_dir_all(dir.path("out")).expect("removable");
        }
    }
}

#[test]
fn a_second_run_is_the_first_and_what_was_edited_stops_it() {
    let dir = prepared();
    for command in COMMANDS {
        let run = format!("{command} -o out/");
        dir.pokedex(&run).ok();
        let whole = tree(&dir.path("out"));
        dir.pokedex(&run).ok();
        let again = tree(&dir.path("out"));
        let contents = |tree: &BTreeMap<String, String>| -> Vec<String> {
            tree.iter().map(|(name, what)| format!("{name} {}", what.rsplit(' ').next().unwrap_or_default())).collect()
        };
        assert_eq!(contents(&whole), contents(&again), "{command}");
        for file in dir.files("out").into_iter().filter(|file| file != "manifest.parquet") {
            let own = dir.read(&format!("out/{file}"));
            dir.write(&format!("out/{file}"), "edited by hand");
            let before = tree(dir.folder());
            let said = dir.pokedex(&run).failed(1);
            assert!(said.contains(&format!("that were changed since: {file}")), "{command}: {said}");
            assert_eq!(before, tree(dir.folder()), "{command}");
            dir.write(&format!("out/{file}"), own);
        }
        // An edited manifest is nobody's.
        let batch = dir.table("out/manifest.parquet");
        dir.foreign("out/manifest.parquet", &batch);
        let before = tree(dir.folder());
        dir.pokedex(&run).failed(1);
        assert_eq!(before, tree(dir.folder()), "{command}");
        fs::remove_dir_all(dir.path("out")).expect("removable");
    }
}

#[test]
fn what_a_folder_holds_is_no_input() {
    let dir = Workdir::new();
    dir.pictures("n", 3);
    for command in ["convert-rgb n -o n/rgb/", "export n --format coco --no-check -o n/set/"] {
        let first = dir.pokedex(command).ok().stderr;
        assert!(!first.contains("is no input"), "{first}");
        let whole = tree(dir.folder());
        let said = dir.pokedex(command).ok().stderr;
        assert!(said.contains("is written to, so what it holds is no input"), "{said}");
        let (changed, new) = changes(&whole, &tree(dir.folder()));
        let changed: Vec<_> = changed.iter().filter(|name| !name.ends_with("manifest.parquet")).collect();
        assert!(new.is_empty() && changed.iter().all(|name| !name.ends_with(".png")), "{new:?} {changed:?}");
        fs::remove_dir_all(dir.path("n")).expect("removable");
        dir.pictures("n", 3);
    }
    // What is named itself is meant.
    dir.pokedex("convert-rgb n -o n/rgb/").ok();
    dir.pokedex("split n -o s.parquet").ok();
    for command in [
        "convert-rgb n/rgb -o n/rgb/",
        "convert-rgb n/000.png -o n/",
        "convert-rgb n/rgb/manifest.parquet -o n/rgb/",
        "convert-rgb s.parquet -o n/",
        "augment s.parquet -o n/",
        "export s.parquet --format coco -o n/ --force",
    ] {
        let before = tree(dir.folder());
        let said = dir.pokedex(command).failed(1);
        assert!(said.contains("lies in the folder that is being written"), "{command}: {said}");
        assert_eq!(before, tree(dir.folder()), "{command}");
    }
}

#[test]
fn an_input_is_never_replaced_whatever_names_and_keys_are() {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};

    let dir = Workdir::new();
    dir.pictures("d", 2);
    let text = |cells: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    let columns = [("key", text(["001.png", "000.png"])), ("path", text(["d/000.png", "d/001.png"]))];
    dir.foreign("crossed.parquet", &RecordBatch::try_from_iter(columns).expect("a batch"));
    // A folder whose name is no UTF-8, and a table of what it holds.
    dir.shell("mkdir $'r\\xff' && cp d/000.png $'r\\xff'/x.png && pokedex scan $'r\\xff' -o r.parquet").ok();
    for command in [
        "pokedex convert-rgb crossed.parquet -o d/",
        "pokedex convert-rgb $'r\\xff' -o $'r\\xff'/",
        "pokedex convert-rgb r.parquet -o $'r\\xff'/",
        "pokedex convert-rgb d/000.png -o d/",
    ] {
        let before = tree(dir.folder());
        dir.shell(command).failed(1);
        assert_eq!(before, tree(dir.folder()), "{command}");
    }
    // Keys that leave the folder are refused before anything is written.
    let columns = [("key", text(["a.png", "../b.png"])), ("path", text(["d/000.png", "d/001.png"]))];
    dir.foreign("outside.parquet", &RecordBatch::try_from_iter(columns).expect("a batch"));
    let said = dir.pokedex("convert-rgb outside.parquet -o out/").failed(1);
    assert!(said.contains("../b.png: would be written outside the folder"), "{said}");
    assert!(!dir.path("out").exists());
}

#[test]
fn a_run_that_is_killed_at_any_moment_is_taken_up() {
    let dir = Workdir::new();
    for n in 0..12 {
        dir.picture(&format!("pics/{}/{n:02}.png", n % 2), n);
    }
    dir.pokedex("split pics --ratios 80/10/10 -o t.parquet").ok();
    for command in [
        "convert-rgb pics",
        "augment t.parquet --copies 2",
        "export t.parquet --no-check --format yolo --size 16",
        "export t.parquet --no-check --format huggingface --shard-size 3kB",
        "export t.parquet --format site --size 16",
    ] {
        dir.pokedex(&format!("{command} -o whole/")).ok();
        let whole: BTreeMap<String, Vec<u8>> = contents(&dir, "whole");
        for files in 1..6 {
            // Half of the runs begin where an earlier one of other settings ended.
            if files % 2 == 0 {
                let other = if command.contains("--size") {
                    command.replace("16", "20")
                } else {
                    command.replace("pics", "pics/0")
                };
                dir.pokedex(&format!("{other} -o out/")).ok();
            }
            let arguments = format!("{command} -j 1 -o out/");
            let mut child = dir
                .command(env!("CARGO_BIN_EXE_pokedex"))
                .args(arguments.split_whitespace())
                .spawn()
                .expect("the binary runs");
            // So many files have appeared, finished or not, or it has ended.
            let journal = dir.path("out/.pokedex.journal");
            let lines = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
            while lines() < files && child.try_wait().expect("a child").is_none() {
                std::thread::yield_now();
            }
            child.kill().ok();
            child.wait().expect("a child");
            dir.pokedex(&format!("{command} -o out/")).ok();
            let mut made = contents(&dir, "out");
            // It says where its pictures are.
            if command.starts_with("export") {
                assert!(made == whole, "{command}: {:?} {:?}", made.keys(), whole.keys());
            } else {
                made.remove("manifest.parquet");
                let mut whole = whole.clone();
                whole.remove("manifest.parquet");
                assert!(made == whole, "{command}: {:?} {:?}", made.keys(), whole.keys());
            }
            fs::remove_dir_all(dir.path("out")).expect("removable");
        }
        fs::remove_dir_all(dir.path("whole")).expect("removable");
    }
}

fn contents(dir: &Workdir, folder: &str) -> BTreeMap<String, Vec<u8>> {
    dir.files(folder).into_iter().map(|file| (file.clone(), dir.read(&format!("{folder}/{file}")))).collect()
}

#[test]
fn what_another_command_left_is_not_taken_up() {
    let dir = prepared();
    for (first, second) in [(COMMANDS[0], COMMANDS[1]), (COMMANDS[1], COMMANDS[0]), (COMMANDS[0], COMMANDS[3])] {
        for killed in [false, true] {
            dir.pokedex(&format!("{first} -o out/")).ok();
            if killed {
                let made = contents(&dir, "out").into_iter();
                let lines: String =
                    made.map(|(name, bytes)| format!("+ {} {name:?} \n", blake3::hash(&bytes))).collect();
                let command = first.split(' ').next().expect("a word");
                dir.write("out/.pokedex.journal", format!("# 0123456789abcdef 0.1.0 {command} x\n{lines}"));
                fs::remove_file(dir.path("out/manifest.parquet")).expect("removable");
            }
            let before = tree(dir.folder());
            let said = dir.pokedex(&format!("{second} -o out/")).failed(1);
            let left = if killed { ".pokedex.journal" } else { "manifest.parquet" };
            assert!(said.contains(&format!("that were changed since: {left}")), "{second}: {said}");
            assert_eq!(before, tree(dir.folder()), "{second}");
            fs::remove_dir_all(dir.path("out")).expect("removable");
        }
    }
}

#[test]
fn a_data_set_gets_no_name_of_a_file() {
    let dir = prepared();
    for name in ["x.zip", "p.csv", "SET.TAR"] {
        let said = dir.pokedex(&format!("export t.parquet --format coco -o {name}")).failed(2);
        assert!(said.contains("a folder is written here"), "{said}");
        assert!(!dir.path(name).exists());
        dir.pokedex(&format!("export t.parquet --format coco -o {name}/")).ok();
        dir.pokedex(&format!("export t.parquet --format coco -o {name}")).ok();
    }
    dir.pokedex("export t.parquet --format coco -o set.v2").ok();
}

#[test]
fn two_runs_do_not_write_one_folder() {
    let dir = prepared();
    for command in COMMANDS {
        dir.pokedex(&format!("{command} -o out/")).ok();
        let open = fs::File::open(dir.path("out")).expect("a folder");
        open.lock().expect("a lock");
        let before = tree(dir.folder());
        let said = dir.pokedex(&format!("{command} -o out/")).failed(1);
        assert!(said.contains("out/: another run is writing here"), "{said}");
        assert_eq!(before, tree(dir.folder()), "{command}");
        drop(open);
        fs::remove_dir_all(dir.path("out")).expect("removable");
    }
}
