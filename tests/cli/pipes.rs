//! Whole pipes, and what goes wrong in them.

use std::process::Stdio;
use std::time::Duration;

use crate::workdir::Workdir;

#[test]
fn one_pipe_gives_the_same_bytes_as_separate_commands() {
    let dir = Workdir::new();
    dir.pictures("in", 60);
    dir.write("in/broken.png", "nothing");
    for jobs in [1, 2] {
        dir.shell(&format!("mkdir s{jobs}; pokedex scan in -j{jobs} -o s{jobs}/m.parquet")).failed(3);
        dir.shell(&format!(
            "cd s{jobs} && ln -s ../in in && pokedex convert-rgb m.parquet -j{jobs} -o c.parquet && pokedex split c.parquet \
             -j{jobs} -o s.parquet && pokedex embed s.parquet -j{jobs} --no-cache -o e.parquet && pokedex index e.parquet -o i.parquet"
        ))
        .ok();
        dir.shell(&format!(
            "pokedex scan in -j{jobs} | pokedex convert-rgb - -j{jobs} | pokedex split - -j{jobs} | \
             pokedex embed - -j{jobs} --no-cache | pokedex index - -o p{jobs}.parquet"
        ))
        .ok();
        dir.shell(&format!(
            "pokedex scan in --stdout-format arrow | pokedex convert-rgb - --stdout-format arrow | pokedex split - \
             --stdout-format arrow | pokedex embed - --no-cache --stdout-format arrow | pokedex index - -o a{jobs}.parquet"
        ))
        .ok();
    }
    let expected = dir.read("p1.parquet");
    for name in ["s1/i.parquet", "s2/i.parquet", "p2.parquet", "a1.parquet", "a2.parquet"] {
        assert!(dir.read(name) == expected, "{name} differs");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = Workdir::new();
    dir.pictures("in", 100);
    for line in [
        "pokedex query fire --top 1000 | head -1",
        "pokedex query fire --top 1000 --format json | head -1",
        "pokedex scan in | head -c 1",
        "pokedex scan in | pokedex export - --format csv | head -1",
        "pokedex completions bash | head -1",
        "pokedex man | head -1",
        "pokedex --help | head -1",
    ] {
        let run = dir.shell(&format!("set -o pipefail; {line}")).ok();
        assert_eq!(run.stderr, "", "{line}");
    }
}

#[test]
fn binary_is_not_written_to_a_terminal() {
    let dir = Workdir::new();
    dir.pictures("in", 1);
    // `script` gives the command a terminal.
    let run = dir.shell("script -qec 'pokedex scan in' /dev/null");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(said.contains("refusing to write a binary table to a terminal"), "{said}");
    assert!(said.contains("hint: ") && !said.contains("PAR1"), "{said}");
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let dir = Workdir::new();
    dir.pictures("in", 400);
    dir.write("old.parquet", "what was there before");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for (command, output) in [("embed in --no-cache -j1", "old.parquet"), ("convert-rgb in -j1", "out/")] {
            // Whoever runs the tests may ignore the signals, as nohup and background jobs do.
            let mut child = dir
                .command("env")
                .args(["--default-signal=INT,TERM", env!("CARGO_BIN_EXE_pokedex")])
                .args(command.split(' '))
                .args(["-o", output])
                .stderr(Stdio::piped())
                .spawn()
                .expect("the binary runs");
            std::thread::sleep(Duration::from_millis(if output == "out/" { 60 } else { 250 }));
            dir.shell(&format!("kill -{signal} {}", child.id()));
            let status = child.wait().expect("it ends");
            // A folder may have been finished before the signal came.
            assert!(status.code() == Some(code) || output == "out/" && status.success(), "{command}: {status}");
        }
        assert_eq!(dir.read("old.parquet"), b"what was there before");
        let left: Vec<_> = dir.files("").into_iter().filter(|name| name.ends_with(".part")).collect();
        assert!(left.is_empty(), "{left:?}");
        let _ = std::fs::remove_dir_all(dir.path("out"));
    }
}

#[test]
fn damaged_tables_are_errors_wherever_they_are_cut() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("embed in -o e.parquet").ok();
    let whole = dir.read("e.parquet");
    for end in [4, 8, 100, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        dir.write("cut.parquet", &whole[..end]);
        for command in
            ["index cut.parquet -o i.parquet", "query red --index cut.parquet", "export cut.parquet --format csv"]
        {
            let said = dir.pokedex(command).failed(1);
            assert!(said.contains("cut.parquet: not a readable table"), "{command} at {end}: {said}");
            assert!(said.contains("hint: "), "{command} at {end}: {said}");
        }
    }
    for at in (0..whole.len()).step_by(whole.len() / 97) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x5a;
        dir.write("flipped.parquet", &bytes);
        let run = dir.pokedex("query key:001.png --index flipped.parquet");
        assert!([0, 1].contains(&run.code) && !run.stderr.contains("panicked"), "byte {at}: {}", run.stderr);
    }
    dir.shell("pokedex scan in --stdout-format arrow > whole.arrow").ok();
    let arrow = dir.read("whole.arrow");
    for end in [4, 50, arrow.len() / 2] {
        dir.write("cut.arrow", &arrow[..end]);
        assert!(dir.shell("pokedex export - --format csv < cut.arrow").failed(1).contains("not a readable table"));
    }
}

#[test]
fn rows_with_an_error_pass_through_every_stage_untouched() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.write("in/broken.png", "nothing");
    dir.shell("pokedex scan in --skip-ok | pokedex convert-rgb - | pokedex split - | pokedex embed - -o e.parquet")
        .ok();
    let errors: Vec<String> = dir.texts("e.parquet", "error").into_iter().flatten().collect();
    assert_eq!(errors, ["not an image (its first bytes are of no known format)"]);
    assert_eq!(dir.keys("e.parquet").len(), 3);
}

#[test]
fn columns_that_nobody_knows_pass_through() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.write("m.csv", "key,Mood,Weight (kg)\n000.png,happy,1.5\n001.png,sad,\n");
    dir.shell("pokedex scan in --meta m.csv --on key | pokedex convert-rgb - | pokedex split - | pokedex embed - -o e.parquet").ok();
    assert_eq!(dir.texts("e.parquet", "mood"), [Some("happy".into()), Some("sad".into())]);
    assert!(dir.table("e.parquet")["weight_kg"].data_type().is_floating());
}

#[test]
fn tables_of_other_columns_are_not_glued_together() {
    let dir = Workdir::new();
    dir.pictures("in", 2);
    dir.pokedex("scan in -o m.parquet").ok();
    dir.pokedex("embed in -o e.parquet").ok();
    let said = dir.pokedex("export m.parquet e.parquet --format csv").failed(1);
    assert!(said.contains("e.parquet: its columns differ from those of m.parquet"), "{said}");
    let said = dir.pokedex("embed m.parquet in -o x.parquet").failed(1);
    assert!(said.contains("tables and image files in one call"), "{said}");
}

#[test]
fn a_full_disk_is_named_with_a_hint() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    for line in ["pokedex scan in -o /dev/full", "pokedex scan in > /dev/full", "pokedex query fire > /dev/full"] {
        let said = dir.shell(line).failed(1);
        assert!(said.contains("No space left") && said.contains("hint: "), "{line}: {said}");
    }
    let said = dir.shell("TMPDIR=/nonexistent pokedex split in -o s.parquet").failed(1);
    assert!(said.contains("temporary file in /nonexistent: No such file") && said.contains("TMPDIR"), "{said}");
}
