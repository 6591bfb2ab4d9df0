//! Runs that are killed: no content is lost, and the next run ends the work.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{jpeg, photo, tree};
use crate::workdir::Workdir;

const PICTURES: u32 = 12;
const ROUNDS: u32 = 20;

/// The contents of all files below a folder, wherever they lie; journals and notes apart.
fn contents(dir: &Workdir) -> BTreeSet<String> {
    let files = tree(dir.folder()).into_iter();
    let files = files.filter(|(name, what)| {
        what != "folder" && !what.starts_with("link") && !name.ends_with(".journal") && !name.contains("/info/")
    });
    files.map(|(_, what)| what[..64].to_string()).collect()
}

#[test]
fn a_run_that_is_killed_loses_nothing_and_the_next_ends_its_work() {
    let pictures: Vec<Vec<u8>> = (0..PICTURES).map(|n| jpeg(&photo(100 + n, (40, 30)))).collect();
    let actions = ["trash", "hardlink", "move --to away", "symlink"];
    let mut killed = 0;
    let mut took = Duration::from_millis(400);
    for round in 0..ROUNDS {
        let action = actions[(round % 4) as usize];
        let dir = Workdir::new();
        for (n, bytes) in pictures.iter().enumerate() {
            dir.write(&format!("in/{n}.jpg"), bytes);
            dir.write(&format!("in/more/{n}.jpg"), bytes);
        }
        let (before, all) = (tree(&dir.path("in")), contents(&dir));
        let line = format!("dedup in --identical --keep path:[0-9]*.jpg --action {action}");
        let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
        command.args(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let mut run = command.spawn().expect("it runs");
        // All over the time that a whole run takes, which the rounds find out.
        std::thread::sleep(took.mul_f64(f64::from(round * 7 % ROUNDS) / f64::from(ROUNDS)));
        let ended = run.try_wait().expect("it can be asked").is_some();
        run.kill().expect("it can be killed");
        run.wait().expect("it ends");
        match ended {
            true => took = took.min(start.elapsed()),
            false => killed += 1,
        }
        assert_eq!(contents(&dir), all, "{action}, round {round}");
        let second = dir.pokedex(&line);
        assert_eq!(second.code, 0, "{action}: {}", second.stderr);
        assert_eq!(contents(&dir), all, "{action}: after the second run");
        let third = dir.pokedex(&line).ok().text();
        assert!(third.contains("no copies"), "{action}: {third}");
        let leftovers: Vec<String> = dir.files("in").into_iter().filter(|name| name.contains(".pokedex-")).collect();
        assert_eq!(leftovers, [] as [&str; 0], "{action}");
        if dir.path("dedup.journal").exists() {
            dir.pokedex("dedup --undo dedup.journal").ok();
        }
        assert_eq!(tree(&dir.path("in")), before, "{action}: taken back");
    }
    assert!(killed > 0, "every run was quicker than its killer");
}
