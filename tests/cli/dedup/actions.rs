//! Links, moves, the trash, and back.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use image::imageops::{FilterType, resize};

use super::{SIZE, jpeg, photo, tree};
use crate::workdir::{Workdir, png};

/// Three pictures with identical copies, and one with a smaller copy.
fn copies(dir: &Workdir) {
    for n in 0..3 {
        let bytes = jpeg(&photo(50 + n, SIZE));
        dir.write(&format!("in/a/{n}.jpg"), &bytes);
        dir.write(&format!("in/b/copy {n}%.jpg"), &bytes);
        let old =
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_000_000_123_456 + u64::from(n));
        let file = std::fs::File::options().write(true).open(dir.path(&format!("in/b/copy {n}%.jpg"))).expect("there");
        file.set_modified(old + std::time::Duration::from_secs(1 << 30)).expect("set");
    }
    let picture = photo(60, SIZE);
    dir.write("in/large.jpg", jpeg(&picture));
    dir.write("in/small.jpg", jpeg(&resize(&picture, 100, 75, FilterType::Lanczos3)));
}

fn inode(dir: &Workdir, name: &str) -> u64 {
    dir.path(name).symlink_metadata().expect("there").ino()
}

#[test]
fn what_was_done_is_taken_back() {
    for action in ["trash", "move --to away/deep", "hardlink --identical", "symlink --identical"] {
        let dir = Workdir::new();
        copies(&dir);
        let before = tree(&dir.path("in"));
        let run = dir.pokedex(&format!("dedup in --action {action} --journal j -v")).ok();
        assert!(run.stderr.contains("pokedex dedup --undo j"), "{action}: {}", run.stderr);
        assert!(tree(&dir.path("in")) != before, "{action}");
        match action.split(' ').next().expect("a word") {
            "hardlink" => assert_eq!(inode(&dir, "in/a/1.jpg"), inode(&dir, "in/b/copy 1%.jpg")),
            "symlink" => {
                let target = std::fs::read_link(dir.path("in/b/copy 1%.jpg")).expect("a link");
                assert_eq!(target, dir.path("in/a/1.jpg").canonicalize().expect("there"));
            }
            "move" => assert_eq!(
                dir.files("away"),
                ["deep/b/copy 0%.jpg", "deep/b/copy 1%.jpg", "deep/b/copy 2%.jpg", "deep/small.jpg"]
            ),
            _ => {
                assert_eq!(dir.files("in"), ["a/0.jpg", "a/1.jpg", "a/2.jpg", "large.jpg"]);
                let note = String::from_utf8(dir.read(".local/share/Trash/info/copy 1%.jpg.trashinfo")).expect("text");
                assert!(note.contains("/in/b/copy%201%25.jpg\nDeletionDate="), "{note}");
            }
        }
        dir.pokedex("dedup --undo j").ok();
        assert_eq!(tree(&dir.path("in")), before, "{action}");
        assert!(!dir.path("away").exists());
        dir.pokedex("dedup --undo j").ok();
        assert_eq!(tree(&dir.path("in")), before, "{action}: once more");
        if dir.path(".local/share/Trash").exists() {
            assert_eq!(dir.files(".local/share/Trash"), [] as [&str; 0]);
        }
    }
}

#[test]
fn near_copies_are_never_linked() {
    for action in ["hardlink", "symlink"] {
        let dir = Workdir::new();
        copies(&dir);
        let run = dir.pokedex(&format!("dedup in --action {action}"));
        assert_eq!(run.code, 3);
        assert!(run.stderr.contains("1 near copy was left alone: a link would lose"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: --action trash"), "{}", run.stderr);
        let (large, small) = (dir.read("in/large.jpg"), dir.read("in/small.jpg"));
        assert!(large != small && dir.path("in/small.jpg").symlink_metadata().expect("there").is_file());
        assert_eq!(dir.pokedex(&format!("dedup in --identical --action {action} --skip-ok")).code, 0);
    }
}

#[test]
fn what_was_changed_since_is_left_alone() {
    for action in ["trash", "move --to away", "hardlink", "symlink"] {
        for (changed, what) in [("in/b.jpg", "it was changed"), ("in/a.jpg", "what is kept was changed")] {
            let dir = Workdir::new();
            let bytes = jpeg(&photo(70, SIZE));
            dir.write("in/a.jpg", &bytes);
            dir.write("in/b.jpg", &bytes);
            dir.pokedex("scan in -o m.parquet").ok();
            dir.write(changed, jpeg(&photo(71, SIZE)));
            let before = tree(&dir.path("in"));
            let run = dir.pokedex(&format!("dedup m.parquet --identical --keep path:a.jpg --action {action}"));
            assert_eq!(run.code, 3, "{}", run.stderr);
            assert!(run.stderr.contains("b.jpg: left alone") && run.stderr.contains(what), "{}", run.stderr);
            assert_eq!(tree(&dir.path("in")), before, "{action}");
            std::fs::remove_file(dir.path("in/a.jpg")).expect("removed");
            let run = dir.pokedex(&format!("dedup m.parquet --identical --keep path:a.jpg --action {action}"));
            assert!(run.code == 3 && dir.path("in/b.jpg").is_file(), "{action}: what is kept is gone");
        }
    }
}

#[test]
fn undo_leaves_alone_what_was_changed_since() {
    let dir = Workdir::new();
    copies(&dir);
    dir.pokedex("dedup in --action move --to away --journal j").ok();
    dir.write("away/b/copy 0%.jpg", "changed");
    dir.write("in/b/copy 1%.jpg", "in its place");
    let said = dir.pokedex("dedup --undo j").failed(3);
    assert!(said.contains("copy 0%.jpg: left alone") && said.contains("copy 1%.jpg: left alone"), "{said}");
    assert_eq!(dir.read("in/b/copy 1%.jpg"), b"in its place");
    assert_eq!(dir.files("away"), ["b/copy 0%.jpg", "b/copy 1%.jpg"]);
    assert!(dir.path("in/b/copy 2%.jpg").is_file() && dir.path("in/small.jpg").is_file());
}

#[test]
fn links_protected_files_and_what_is_no_file_are_left_alone() {
    let dir = Workdir::new();
    let bytes = jpeg(&photo(80, SIZE));
    dir.write("in/a.jpg", &bytes);
    dir.write("in/protected.jpg", &bytes);
    dir.write("elsewhere/target.jpg", &bytes);
    std::os::unix::fs::symlink("../elsewhere/target.jpg", dir.path("in/link.jpg")).expect("a link");
    let protect = |mode| std::fs::set_permissions(dir.path("in/protected.jpg"), std::fs::Permissions::from_mode(mode));
    protect(0o444).expect("protected");
    let script = "import zipfile; z = zipfile.ZipFile('in.zip', 'w'); z.write('in/a.jpg', 'inner.jpg')";
    let zipped = dir.command("python3").args(["-c", script]).status().is_ok_and(|status| status.success());
    let inputs = if zipped { "in in.zip" } else { "in" };
    let before = tree(&dir.path("."));
    for action in ["trash", "move --to away", "hardlink", "symlink"] {
        let run = dir.pokedex(&format!(
            "dedup {inputs} --identical --keep path:*a.jpg --action {action} --journal /dev/shm/no/j"
        ));
        assert_eq!(run.code, 1, "without a journal nothing is touched: {}", run.stderr);
        let run = dir.pokedex(&format!("dedup {inputs} --identical --keep path:*a.jpg --action {action}"));
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert!(run.stderr.contains("link.jpg: left alone: it is a link"), "{}", run.stderr);
        assert!(run.stderr.contains("protected.jpg: left alone: it is write-protected"), "{}", run.stderr);
        assert!(
            !zipped || run.stderr.contains("inner.jpg: left alone: it is no file of this machine"),
            "{}",
            run.stderr
        );
        let mut after = tree(&dir.path("."));
        after.retain(|name, _| before.contains_key(name));
        assert_eq!(after, before, "{action}");
    }
    protect(0o644).expect("opened");
    std::fs::set_permissions(dir.path("in/a.jpg"), std::fs::Permissions::from_mode(0o600)).expect("closed");
    let said = dir.pokedex("dedup in --identical --keep path:a.jpg --action hardlink").failed(3);
    assert!(said.contains("protected.jpg: left alone: what is kept has another owner or mode"), "{said}");
}

#[test]
fn pictures_inside_a_table_are_reported_and_not_touched() {
    let dir = Workdir::new();
    copies(&dir);
    dir.pokedex("convert-rgb in -o inside.parquet").ok();
    let text = dir.pokedex("dedup inside.parquet").ok().text();
    assert!(text.contains("4 copies of 4 pictures"), "{text}");
    let said = dir.pokedex("dedup inside.parquet --action trash").failed(3);
    assert!(said.contains("left alone: it is no file of this machine"), "{said}");
}

#[test]
fn moving_never_replaces_and_works_across_file_systems() {
    let dir = Workdir::new();
    copies(&dir);
    dir.write("away/small.jpg", "something else");
    let said = dir.pokedex("dedup in --action move --to away").failed(3);
    assert!(said.contains("small.jpg: left alone") && said.contains("is there already"), "{said}");
    assert_eq!(dir.read("away/small.jpg"), b"something else");
    assert!(dir.path("in/small.jpg").is_file());

    let dir = Workdir::new();
    copies(&dir);
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
    let device = |path: &Path| path.metadata().expect("there").dev();
    if device(other.path()) == device(dir.folder()) {
        return;
    }
    let before = tree(&dir.path("in"));
    let to = other.path().join("away");
    dir.pokedex(&format!("dedup in --action move --journal j --to {}", to.display())).ok();
    assert!(to.join("b/copy 2%.jpg").is_file() && !dir.path("in/b/copy 2%.jpg").exists());
    let moved = tree(&to);
    assert!(["b/copy 2%.jpg", "small.jpg"].iter().all(|name| moved[*name] == before[*name]), "modes and times, too");
    dir.pokedex("dedup --undo j").ok();
    assert_eq!(tree(&dir.path("in")), before);
    assert!(!to.exists());
}

#[test]
fn what_moved_away_is_not_found_again() {
    let dir = Workdir::new();
    copies(&dir);
    dir.pokedex("dedup in --action move --to in/copies").ok();
    assert_eq!(dir.files("in/copies").len(), 4);
    let text = dir.pokedex("dedup in --action move --to in/copies").ok().text();
    assert_eq!(text, "4 rows: no copies\n");
}

#[test]
fn a_file_that_is_no_journal_is_not_written_to() {
    let dir = Workdir::new();
    copies(&dir);
    dir.write("notes.txt", "dear diary\n");
    let said = dir.pokedex("dedup in --action trash --journal notes.txt").failed(1);
    assert!(said.contains("notes.txt: is no journal") && said.contains("hint: --journal FILE"), "{said}");
    assert_eq!(dir.read("notes.txt"), b"dear diary\n");
    assert!(dir.pokedex("dedup --undo notes.txt").failed(1).contains("is no journal"));
    assert!(dir.pokedex("dedup --undo nowhere").failed(1).contains("No such file"));
    assert_eq!(dir.files("in").len(), 8);
    for wrong in ["in --action move", "in --to away", "--undo j in", "in --identical --any-orientation", ""] {
        dir.pokedex(&format!("dedup {wrong}")).failed(2);
    }
    dir.write("in/png.png", png(&photo(1, SIZE).into()));
    assert!(dir.pokedex("dedup in -o in/png.png").failed(2).contains("a picture"));
}
