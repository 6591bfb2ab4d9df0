//! The library as another program sees it: the example, beside the commands that it stands for.

use std::path::Path;

use crate::workdir::Workdir;

#[test]
fn the_example_answers_as_the_commands_do() {
    let dir = Workdir::new();
    for (name, colour) in [("red", [200, 30, 30]), ("green", [30, 160, 40]), ("blue", [20, 40, 200])] {
        let picture = image::RgbImage::from_pixel(48, 40, image::Rgb(colour));
        dir.write(&format!("photos/{name}.png"), crate::workdir::png(&picture.into()));
    }
    dir.pictures("photos/more", 6);
    let questions = ["red", "blue sky", "./photos/green.png", "key:more/003.png"];

    let binaries = Path::new(env!("CARGO_BIN_EXE_pokedex")).parent().expect("a folder");
    let example = binaries.join("examples/search");
    assert!(example.is_file(), "`cargo test` makes it, and so does `cargo build --release --examples`");
    let run = dir.command(&example.display().to_string()).arg("photos").args(questions).output().expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let found = String::from_utf8(run.stdout).expect("UTF-8");
    assert_eq!(found.lines().count(), questions.len());

    dir.pokedex("embed photos -o e.parquet").ok();
    dir.pokedex("index e.parquet --kind exact -o i.parquet").ok();
    for (question, line) in questions.iter().zip(found.lines()) {
        let told = dir.pokedex_args(&["query", question, "--index", "i.parquet", "--top", "3"]).ok().text();
        let hits = told.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            format!("{} {:.2}", cells[4], cells[1].parse::<f32>().expect("a score"))
        });
        assert_eq!(line, format!("{question}: {}", hits.collect::<Vec<_>>().join(", ")));
    }
    assert!(found.starts_with("red: red.png "), "{found}");
}
