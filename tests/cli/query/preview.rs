//! `query --preview` and `--open`: pictures in the terminal, and on the desktop.
use super::*;

/// An index `e.parquet` of four pictures, one of them damaged since, one gone.
fn index_with_gaps() -> Workdir {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.write("in/001.png", &png(&pattern(9, 9, 0).into())[..30]);
    std::fs::remove_file(dir.path("in/002.png")).expect("it was there");
    dir
}

#[test]
fn a_preview_is_for_terminals_unless_a_protocol_is_named() {
    let dir = Workdir::new();
    dir.pictures("in", 4);
    dir.pokedex("embed in -o e.parquet").ok();
    let plain = dir.pokedex("query key:000.png --index e.parquet").ok();
    let piped = dir.pokedex("query key:000.png --index e.parquet --preview").ok();
    assert_eq!(piped.stdout, plain.stdout, "no escapes in a pipe");
    assert!(piped.stderr.contains("no pictures are drawn: standard output is not a terminal"), "{}", piped.stderr);
    let table = dir.pokedex("query key:000.png --index e.parquet --format table").ok().text();
    let indexed = dir.pokedex("query key:000.png --index e.parquet --preview=blocks").ok();
    assert_eq!(indexed.stderr, "");
    assert!(indexed.text().starts_with(&table), "the table comes first");
    assert!(indexed.text().contains("\x1b[38;5;") && indexed.text().contains("▀"), "{}", indexed.text());
    let full = dir.shell("COLORTERM=truecolor NO_COLOR=1 pokedex query key:000.png --index e.parquet --preview=blocks");
    assert!(full.ok().text().contains("\x1b[38;2;"));
    for (protocol, begin) in [("kitty", "\x1b_Ga=T,"), ("iterm2", "\x1b]1337;File="), ("sixel", "\x1bP0;1;0q")] {
        let text = dir.pokedex(&format!("query key:000.png --index e.parquet --preview={protocol}")).ok().text();
        assert_eq!(text.matches(begin).count(), 3, "{protocol}");
        assert!(text.lines().last().expect("captions").contains("  2 0."), "{text}");
    }
    let said = dir.pokedex("query key:000.png --index e.parquet --preview=sixel --format json").failed(2);
    assert!(said.contains("pictures are drawn below a table only"), "{said}");
}

#[test]
fn hits_without_a_picture_are_named_below_the_others() {
    let dir = index_with_gaps();
    let text = dir.pokedex("query key:000.png --index e.parquet --preview=blocks").ok().text();
    assert!(text.contains(" 001.png (no picture: ") && text.contains("in/001.png: damaged PNG"), "{text}");
    assert!(
        text.contains(" 002.png (no picture: ") && text.contains("in/002.png: cannot read: No such file"),
        "{text}"
    );
    assert_eq!(text.matches("no picture").count(), 2, "{text}");
    let run = dir.shell("cd .. && pokedex query key:000.png --index \"$HOME/e.parquet\" --preview=kitty").ok();
    // Paths are found again from the table's place.
    assert!(run.text().contains('\x1b') && run.text().matches("no picture").count() == 2, "{}", run.text());
}

#[test]
fn captions_cannot_drive_the_terminal() {
    let dir = Workdir::new();
    dir.picture("in/a.png", 1);
    dir.picture("in/b\x1b[2J.png", 2);
    dir.pokedex("embed in -o e.parquet").ok();
    std::fs::remove_file(dir.path("in/b\x1b[2J.png")).expect("it was there");
    let text = dir.pokedex("query key:a.png --index e.parquet --preview=blocks").ok().text();
    assert!(!text.contains("\x1b[2J") && text.contains("(no picture: in/b\\u{1b}[2J.png: cannot read"), "{text}");
}

#[test]
fn the_built_in_pokedex_says_that_it_has_no_pictures() {
    let dir = Workdir::new();
    let run = dir.pokedex("query pikachu --preview=kitty").ok();
    assert_eq!(run.text(), dir.pokedex("query pikachu --format table").ok().text());
    let expected = "pokedex: no pictures are drawn: the built-in Pokédex holds no pictures; search pictures of yours with --index FILE\n";
    assert_eq!(run.stderr, expected);
    let said = dir.pokedex("query pikachu --open").failed(1);
    assert!(said.contains("nothing to open: the built-in Pokédex holds no pictures"), "{said}");
}

/// Runs `query` with a desktop that notes what it is asked to open, a line each.
fn opened(dir: &Workdir, arguments: &str, count: usize) -> (Vec<String>, crate::workdir::Run) {
    dir.write("bin/xdg-open", "#!/bin/sh\nprintf '%s %s\\n' $# \"$1\" >> \"$HOME/opened\"\n");
    let _ = std::fs::remove_file(dir.path("opened"));
    let run = dir.shell(&format!("chmod +x bin/xdg-open && PATH=\"$PWD/bin:$PATH\" pokedex query {arguments} --open"));
    let lines = || std::fs::read_to_string(dir.path("opened")).unwrap_or_default();
    // The desktop is not waited for.
    for _ in 0..100 {
        if lines().lines().count() >= count {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    (lines().lines().map(str::to_string).collect(), run)
}

#[test]
fn open_hands_the_pictures_to_the_desktop_and_nothing_else() {
    let dir = index_with_gaps();
    dir.write("in/000.png", std::fs::read(dir.path("in/003.png")).expect("there"));
    let (files, run) = opened(&dir, "key:002.png --index e.parquet", 2);
    let mut expected = ["in/000.png", "in/003.png"].map(|name| format!("1 {}", dir.path(name).display()));
    expected.sort();
    let mut files = files;
    files.sort();
    assert_eq!(files, expected);
    assert!(run.stderr.contains("in/001.png: damaged PNG"), "{}", run.stderr);
    run.ok();
    // A link of the web and a program are no pictures, whatever a table says; a name may look like an option.
    dir.picture("-n.png", 1);
    dir.picture("starter.desktop", 2);
    let vectors = dir.table("e.parquet");
    let names = ["-n.png", "https://example.org/a.png", "starter.desktop", "in"];
    let paths = std::sync::Arc::new(arrow_array::StringArray::from(names.to_vec()));
    let mut columns = vectors.columns().to_vec();
    columns[vectors.schema().index_of("path").expect("a column")] = paths;
    let table = arrow_array::RecordBatch::try_new(vectors.schema(), columns).expect("a column for another");
    dir.foreign("hostile.parquet", &table);
    let (files, run) = opened(&dir, "red --index hostile.parquet", 1);
    assert_eq!(files, [format!("1 {}", dir.path("-n.png").display())], "{}", run.stderr);
    assert!(run.ok().stderr.contains("starter.desktop: cannot open: its name is not that of an image"));
}

#[test]
fn open_opens_twenty_at_most_unless_more_are_asked_for() {
    let dir = Workdir::new();
    dir.pictures("in", 25);
    dir.pokedex("embed in -o e.parquet").ok();
    dir.write("queries.txt", "key:000.png\nkey:010.png\nkey:015.png\nkey:020.png\n");
    let (files, run) = opened(&dir, "--queries queries.txt --index e.parquet", 20);
    let many = run.stderr.contains("only the first 20 of ");
    assert!(many && files.len() == 20 || !many && files.len() <= 20, "{} {}", files.len(), run.stderr);
    let (files, run) = opened(&dir, "key:000.png --top 24 --index e.parquet", 24);
    assert_eq!(files.len(), 24, "{}", run.stderr);
    let (files, run) = opened(&dir, "key:000.png --index e.parquet", 10);
    assert_eq!(files.len(), 10, "{}", run.stderr);
    std::fs::rename(dir.path("in"), dir.path("out")).expect("renamed");
    let (files, run) = opened(&dir, "key:000.png --index e.parquet", 0);
    assert!(files.is_empty());
    assert!(run.failed(1).contains("nothing to open: no hit's picture can be read"));
}

#[test]
fn stills_are_drawn_from_their_films_and_films_open_at_their_times() {
    let dir = Workdir::new();
    dir.write("letter.tif", crate::frames::pages(&crate::frames::COLOURS));
    dir.shell("pokedex frames letter.tif | pokedex embed - | pokedex index - -o i.parquet").ok();
    let text = dir.pokedex("query key:letter.tif#page=1 --index i.parquet --top 2 --preview=blocks").ok().text();
    assert!(text.contains('\u{2580}') && !text.contains("no picture"), "{text}");
    let (files, run) = opened(&dir, "key:letter.tif#page=1 --index i.parquet --top 2", 1);
    run.ok();
    assert_eq!(files, [format!("1 {}", dir.path("letter.tif").display())], "one file, though two pages of it");
    // As `frames` writes it of a film, whose pictures an index does not hold.
    let table = dir.table("i.parquet");
    let rows = table.num_rows();
    let mut columns = table.columns().to_vec();
    let mut put = |name: &str, column: arrow_array::ArrayRef| {
        columns[table.schema().index_of(name).expect("a column")] = column;
    };
    put("video_path", std::sync::Arc::new(arrow_array::StringArray::from(vec!["a film.mp4"; rows])));
    put("timestamp", std::sync::Arc::new(arrow_array::Float64Array::from(vec![12.04; rows])));
    let films = arrow_array::RecordBatch::try_new(table.schema(), columns).expect("columns for others");
    dir.foreign("films.parquet", &films);
    dir.write("a film.mp4", "whatever it is");
    let (files, run) = opened(&dir, "key:letter.tif#page=1 --index films.parquet", 1);
    assert_eq!(files, [format!("1 {}", dir.path("a film.mp4").display())]);
    assert!(run.ok().stderr.contains("a film.mp4: opened at its beginning; the still is at 12.040 s"));
    dir.write("bin/mpv", "#!/bin/sh\nprintf '%s|' \"$@\" >> \"$HOME/opened\"\n");
    dir.shell("chmod +x bin/mpv").ok();
    let (files, run) = opened(&dir, "key:letter.tif#page=1 --index films.parquet", 1);
    assert_eq!(files, [format!("--start=12.040|{}|", dir.path("a film.mp4").display())], "{}", run.stderr);
    std::fs::rename(dir.path("a film.mp4"), dir.path("a film.desktop")).expect("it was there");
    let run = opened(&dir, "key:letter.tif#page=1 --index films.parquet", 0).1;
    assert!(run.failed(1).contains("a film.mp4: cannot open: there is no such file"));
}
