//! Stills of films. The tests make their own films: frames that carry their numbers as black and white blocks.

use std::io::Write;
use std::process::{Command, Stdio};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt32Type};

use crate::workdir::{Workdir, pixels};

const SIDE: usize = 16;
const BITS: usize = 8;
const WIDTH: usize = SIDE * BITS;
const HEIGHT: usize = 48;

/// Whether films can be made and read here; where not, that is said, and with POKEDEX_REQUIRE_TOOLS=1 it is a failure.
fn there_is_ffmpeg() -> bool {
    let is_there = |name: &str| Command::new(name).arg("-version").output().is_ok_and(|run| run.status.success());
    let all = is_there("ffmpeg") && is_there("ffprobe");
    if !all {
        assert!(std::env::var_os("POKEDEX_REQUIRE_TOOLS").is_none_or(|v| v != "1"), "ffmpeg and ffprobe are missing");
        skip("ffmpeg and ffprobe are not here");
    }
    all
}

fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// A frame whose first line of blocks is a number, the lowest bit on the left.
fn frame(number: usize) -> Vec<u8> {
    let pixel = |at: usize| {
        let (x, y) = (at % WIDTH, at / WIDTH);
        let is_set = y < SIDE && number >> (x / SIDE) & 1 == 1;
        [if is_set { 255 } else { 0 }; 3]
    };
    (0..WIDTH * HEIGHT).flat_map(pixel).collect()
}

/// The number of a still.
fn number(still: &[u8]) -> usize {
    let still = pixels(still);
    assert_eq!(still.dimensions(), (WIDTH as u32, HEIGHT as u32));
    (0..BITS).filter(|bit| still.get_pixel((bit * SIDE + SIDE / 2) as u32, 8).0[1] > 127).map(|bit| 1 << bit).sum()
}

/// Runs ffmpeg on frames of these numbers; `None` where this ffmpeg lacks the encoder.
fn film(dir: &Workdir, rate: &str, frames: usize, arguments: &str) -> Option<()> {
    let size = format!("{WIDTH}x{HEIGHT}");
    let mut ffmpeg = dir.command("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", rate, "-i", "pipe:0"]);
    let mut child =
        ffmpeg.args(arguments.split(' ')).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut pipe = child.stdin.take().expect("piped");
    for number in 0..frames {
        if pipe.write_all(&frame(number)).is_err() {
            break;
        }
    }
    drop(pipe);
    let run = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    if said.contains("Unknown encoder") {
        skip(&format!("{arguments}: {said}"));
        return None;
    }
    assert!(run.status.success(), "{arguments}: {said}");
    Some(())
}

fn ffmpeg(dir: &Workdir, line: &str) {
    let run = dir.shell(&format!("ffmpeg -nostdin -v error -y {line}"));
    assert_eq!(run.code, 0, "{line}: {}", run.stderr);
}

/// How this ffmpeg is told to leave times as they are.
fn as_they_are(dir: &Workdir) -> &'static str {
    match dir.shell("ffmpeg -hide_banner -h long").text().contains("-fps_mode") {
        true => "-fps_mode passthrough",
        false => "-vsync passthrough",
    }
}

/// What ffprobe says of the times of a film's frames.
fn told(dir: &Workdir, film: &str) -> Vec<f64> {
    let line = format!(
        "ffprobe -v error -select_streams V:0 -show_entries frame=best_effort_timestamp_time -of csv=p=0 file:{film}"
    );
    let text = dir.shell(&line).ok().text();
    text.lines()
        .map(|line| line.trim_matches(','))
        .filter(|l| !l.is_empty())
        .map(|l| l.parse().expect("a time"))
        .collect()
}

/// Times and burnt-in numbers of the stills of a table.
fn stills(dir: &Workdir, table: &str) -> Vec<(f64, usize)> {
    let table = dir.table(table);
    let times = table["timestamp"].as_primitive::<Float64Type>();
    let images = table["image"].as_struct().column(0).as_binary::<i32>().clone();
    (0..table.num_rows()).filter(|&i| times.is_valid(i)).map(|i| (times.value(i), number(images.value(i)))).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.001
}

#[test]
fn every_frame_has_its_own_time_in_every_container() {
    if !there_is_ffmpeg() {
        return;
    }
    let dir = Workdir::new();
    let sync = as_they_are(&dir);
    let vfr = format!("-vf settb=1/1000,setpts=N*N*7 -enc_time_base 1:1000 {sync}");
    let mpeg4 = "-c:v mpeg4 -q:v 2 -bf 2 -g 12 -pix_fmt yuv420p";
    let clips = [
        ("cfr.mp4", "25", mpeg4.to_string()),
        ("ntsc.mp4", "30000/1001", mpeg4.to_string()),
        ("vfr.mp4", "25", format!("{vfr} {mpeg4}")),
        ("cfr.mkv", "24000/1001", mpeg4.to_string()),
        ("vfr.mkv", "25", format!("{vfr} {mpeg4}")),
        ("cfr.webm", "30", "-c:v libvpx -b:v 2M -pix_fmt yuv420p".to_string()),
        ("offset.mov", "25", format!("{mpeg4} -output_ts_offset 1.5")),
        ("cfr.ts", "30000/1001", "-c:v mpeg2video -q:v 2 -bf 2 -pix_fmt yuv420p".to_string()),
        ("cfr.gif", "10", String::new()),
        ("cfr.avi", "25", mpeg4.replace("-bf 2 ", "")),
    ];
    let mut made: Vec<&str> = Vec::new();
    for (name, rate, arguments) in &clips {
        if film(&dir, rate, 60, format!("{arguments} {name}").trim()).is_some() {
            made.push(name);
        }
    }
    // An edit list that leaves out the frames before a time within a group of pictures.
    ffmpeg(&dir, "-ss 0.6 -i cfr.mp4 -c copy edit.mov");
    made.push("edit.mov");
    for name in made {
        let told = told(&dir, name);
        dir.pokedex(&format!("frames {name} --fps 1000 -o all.parquet")).ok();
        let all = stills(&dir, "all.parquet");
        assert_eq!(all.len(), told.len(), "{name}");
        let first = all[0].1;
        for (at, ((time, number), told)) in all.iter().zip(&told).enumerate() {
            assert!(near(*time, *told), "{name}: frame {at}: {time} and not {told}");
            assert_eq!(*number, first + at, "{name}: the frame at {time}");
        }
        assert!(name == "edit.mov" || first == 0, "{name} begins with {first}");
        let numbers: Vec<i64> = dir.table("all.parquet")["frame"].as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(numbers, (0..told.len() as i64).collect::<Vec<_>>(), "{name}");

        dir.pokedex(&format!("frames {name} --every 500ms -o half.parquet")).ok();
        let mut last = None;
        let firsts: Vec<f64> = told
            .iter()
            .copied()
            .filter(|t| last.replace((t / 0.5 + 1e-6).floor()) != Some((t / 0.5 + 1e-6).floor()))
            .collect();
        let half = stills(&dir, "half.parquet");
        assert_eq!(half.len(), firsts.len(), "{name}: {half:?} and not {firsts:?}");
        assert!(half.iter().zip(&firsts).all(|((time, _), first)| near(*time, *first)), "{name}: {half:?}");
        assert!(half.iter().all(|still| all.contains(still)), "{name}: a still of another time");

        for share in [0.0, 0.8] {
            let time = told[0] + share * (told[told.len() - 1] - told[0]);
            dir.pokedex(&format!("frames {name} --at {time:.6} -o at.parquet")).ok();
            let shown = told.iter().copied().rfind(|t| *t <= time + 1e-6).unwrap_or(told[0]);
            let at = stills(&dir, "at.parquet");
            assert!(at.len() == 1 && near(at[0].0, shown), "{name} at {time}: {at:?} and not {shown}");
            assert!(all.contains(&at[0]), "{name} at {time}: {at:?} is another frame");
        }
    }
}

#[test]
fn a_row_has_the_still_and_what_is_known_of_it() {
    if !there_is_ffmpeg() {
        return;
    }
    let dir = Workdir::new();
    film(&dir, "25", 60, "-c:v mpeg4 -q:v 2 -pix_fmt yuv420p a.mp4").expect("mpeg4 is always there");
    for folder in ["films/cats", "films/dogs"] {
        dir.write(&format!("{folder}/a b.mp4"), dir.read("a.mp4"));
    }
    dir.write("films/notes.txt", "nothing");
    dir.picture("films/dogs/b.png", 1);
    let one = dir.shell("pokedex frames films -j 1 --stdout-format arrow").ok().stdout;
    assert_eq!(one, dir.shell("pokedex frames films -j 3 --stdout-format arrow").ok().stdout);
    dir.pokedex("frames films --encode png -o f.parquet").ok();
    let (a, b) = ("cats/a b.mp4#t=", "dogs/a b.mp4#t=");
    let keys = [(a, "0.000"), (a, "1.000"), (a, "2.000"), (b, "0.000"), (b, "1.000"), (b, "2.000")];
    assert_eq!(dir.keys("f.parquet"), keys.map(|(film, time)| format!("{film}{time}")));
    assert_eq!(dir.texts("f.parquet", "label")[3].as_deref(), Some("dogs"));
    assert_eq!(dir.texts("f.parquet", "video_key")[0].as_deref(), Some("cats/a b.mp4"));
    assert_eq!(dir.texts("f.parquet", "video_path")[0].as_deref(), Some("films/cats/a b.mp4"));
    let table = dir.table("f.parquet");
    assert_eq!(table["frame"].as_primitive::<Int64Type>().values()[..3], [0, 25, 50]);
    assert!(near(table["duration"].as_primitive::<Float64Type>().value(0), 2.4));
    assert_eq!(table["width"].as_primitive::<UInt32Type>().value(0), WIDTH as u32);
    let image = table["image"].as_struct().column(0).as_binary::<i32>().value(1).to_vec();
    assert!(image.starts_with(b"\x89PNG"));
    assert_eq!(table["content_hash"].as_fixed_size_binary().value(1), blake3::hash(&image).as_bytes());

    dir.shell("pokedex frames films -q | pokedex embed - -q -o e.parquet").ok();
    let found = dir.pokedex("query dark --index e.parquet --top 1 --format csv").ok().text();
    assert!(found.contains(".mp4#t="), "{found}");

    dir.pokedex("frames films --size 64 -o small.parquet").ok();
    assert_eq!(dir.table("small.parquet")["height"].as_primitive::<UInt32Type>().value(0), 24);
    let said = dir.shell("pokedex scan films -o m.parquet").ok().stderr;
    assert!(said.contains("2 .mp4 passed over; of films: pokedex frames films | pokedex embed -"), "{said}");
    dir.shell("pokedex frames films/cats/*.mp4 --at 0,50%,100%,1.99 -o at.parquet").ok();
    assert_eq!(stills(&dir, "at.parquet").iter().map(|s| s.1).collect::<Vec<_>>(), [0, 30, 49, 59]);
}

#[test]
fn turned_films_are_upright_and_flat_pixels_are_square() {
    if !there_is_ffmpeg() {
        return;
    }
    let dir = Workdir::new();
    film(&dir, "25", 30, "-c:v mpeg4 -q:v 2 -pix_fmt yuv420p a.mp4").expect("mpeg4 is always there");
    match dir.shell("ffmpeg -hide_banner -h full").text().contains("display_rotation") {
        true => ffmpeg(&dir, "-display_rotation 90 -i a.mp4 -c copy turned.mp4"),
        false => ffmpeg(&dir, "-i a.mp4 -c copy -metadata:s:v rotate=90 turned.mp4"),
    }
    ffmpeg(&dir, "-i a.mp4 -vf setsar=2 -c:v mpeg4 -q:v 2 flat.mp4");
    dir.pokedex("frames turned.mp4 flat.mp4 --at 1.04 -o t.parquet").ok();
    let table = dir.table("t.parquet");
    let side = |name: &str| table[name].as_primitive::<UInt32Type>().values().to_vec();
    assert_eq!((side("width"), side("height")), (vec![48, 256], vec![128, 48]));
    // Turned counterclockwise: what was on top is on the left, and what was left at the bottom.
    let still = pixels(table["image"].as_struct().column(0).as_binary::<i32>().value(0));
    let bit = |bit: usize| still.get_pixel(8, (127 - bit * SIDE - SIDE / 2) as u32).0[1] > 127;
    assert_eq!((0..BITS).filter(|b| bit(*b)).map(|b| 1 << b).sum::<usize>(), 26);
}

#[test]
fn scenes_and_what_is_alike_are_told_apart() {
    if !there_is_ffmpeg() {
        return;
    }
    let dir = Workdir::new();
    let scenes = "-f lavfi -i testsrc=s=160x120:d=1:r=10 -f lavfi -i color=red:s=160x120:d=2:r=10 -f lavfi -i mandelbrot=s=160x120:r=10";
    ffmpeg(&dir, &format!("{scenes} -t 4 -filter_complex concat=n=3 -c:v mpeg4 -q:v 2 s.mp4"));
    dir.pokedex("frames s.mp4 --scenes -o s.parquet").ok();
    assert_eq!(dir.keys("s.parquet"), ["s.mp4#t=0.000", "s.mp4#t=1.000", "s.mp4#t=3.000"]);
    dir.pokedex("frames s.mp4 --fps 2 --distinct=10 -o d.parquet").ok();
    let keys = dir.keys("d.parquet");
    assert!(
        keys.contains(&"s.mp4#t=1.000".into()) && !keys.iter().any(|k| k.ends_with("1.500") || k.ends_with("2.000")),
        "{keys:?}"
    );
}

#[test]
fn what_is_cut_short_or_no_film_is_named_and_has_a_row() {
    if !there_is_ffmpeg() {
        return;
    }
    let dir = Workdir::new();
    film(&dir, "25", 100, "-c:v mpeg4 -q:v 2 -pix_fmt yuv420p a.mkv").expect("mpeg4 is always there");
    ffmpeg(&dir, "-i a.mkv -c copy -movflags +faststart a.mp4");
    for name in ["a.mkv", "a.mp4"] {
        let whole = dir.read(name);
        dir.write(&format!("cut/{name}"), &whole[..whole.len() * 6 / 10]);
        dir.write(&format!("in/{name}"), whole);
    }
    let said = dir.pokedex("frames cut -o c.parquet").failed(3);
    assert!(
        said.contains("pokedex: a.mkv: the file is cut short")
            && said.contains("pokedex: a.mp4: the file is cut short"),
        "{said}"
    );
    let keys = dir.keys("c.parquet");
    assert!(
        keys.contains(&"a.mkv#t=1.000".into())
            && keys.contains(&"a.mkv".into())
            && !keys.contains(&"a.mkv#t=3.000".into()),
        "{keys:?}"
    );
    dir.write("in/text.mp4", "no film");
    // A list of files and a playlist, which must lead nowhere.
    dir.write("in/list.mp4", "ffconcat version 1.0\nfile a.mkv\n");
    dir.write("in/play.ts", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\na.mkv\n#EXT-X-ENDLIST\n");
    let said = dir.pokedex("frames in -o n.parquet").failed(3);
    for name in ["text.mp4", "list.mp4", "play.ts"] {
        assert!(said.contains(&format!("pokedex: {name}: not a film that ffmpeg can read")), "{said}");
        assert!(dir.keys("n.parquet").contains(&name.into()));
    }
    assert_eq!(said.matches("(not of a kind that films are read from)").count(), 2, "{said}");
    dir.pokedex("frames in --strict -o n.parquet").failed(1);
    dir.write("-i.mp4", dir.read("a.mp4"));
    dir.write("http:a.mp4", dir.read("a.mp4"));
    dir.pokedex("frames -o o.parquet -- -i.mp4 http:a.mp4").ok();
    assert_eq!(dir.keys("o.parquet").len(), 8);
    let said = dir.pokedex("frames a.mp4 --at 1,9 -o l.parquet").failed(3);
    assert!(said.contains("a.mp4#t=9.000: the film ends at 4.000 s"), "{said}");
}

#[test]
fn a_still_is_found_again_in_its_film() {
    if !there_is_ffmpeg() {
        return;
    }
    let dir = Workdir::new();
    film(&dir, "25", 100, "-c:v mpeg4 -q:v 1 clip.mp4").expect("every ffmpeg has this encoder");
    dir.pokedex("frames clip.mp4 --at 0,1.2,3.96 -o s.parquet").ok();
    for (time, expected) in stills(&dir, "s.parquet") {
        let film = dir.path("clip.mp4").display().to_string();
        let again = pokedex::frames::still(&film, Some(time), None).expect("it is there");
        let png = pokedex::image::encode(&again, pokedex::image::Encoding::Png).expect("a PNG");
        assert_eq!(number(&png), expected, "{time}");
    }
    let film = dir.path("clip.mp4").display().to_string();
    let problem = pokedex::frames::still(&film, Some(9.0), None).expect_err("it is over");
    assert!(problem.contains("there is no frame at 9.000 s any more"), "{problem}");
    assert!(pokedex::frames::still("gone.mp4", Some(1.0), None).is_err());
}

#[test]
fn no_program_outlives_the_run() {
    if !there_is_ffmpeg() {
        return;
    }
    let dir = Workdir::new();
    ffmpeg(&dir, "-f lavfi -i testsrc=s=640x360:r=25 -t 60 -c:v mpeg4 long-and-unique.mp4");
    let running = || dir.shell("ps -eo args | grep -c '[f]ile:long-and-unique.mp4'").text().trim().to_string();
    let gone = || {
        let mut rounds = 0..100;
        rounds.any(|_| {
            running() == "0" || {
                std::thread::sleep(std::time::Duration::from_millis(50));
                false
            }
        })
    };
    dir.shell("pokedex frames long-and-unique.mp4 --fps 25 --stdout-format arrow | head -c 100000 > /dev/null");
    assert!(gone(), "the reader went away");
    for signal in ["TERM", "KILL"] {
        let line = format!(
            "pokedex frames long-and-unique.mp4 --fps 25 -o out.parquet & pid=$!; sleep 1; kill -{signal} $pid; wait $pid"
        );
        dir.command("bash").args(["-mc", &line]).output().expect("bash runs");
        assert!(gone(), "{signal}");
        assert!(!dir.path("out.parquet").exists(), "{signal}");
    }
}

#[test]
fn without_ffmpeg_it_says_what_brings_it() {
    let dir = Workdir::new();
    dir.write("a.mp4", "x");
    let run = dir
        .command(env!("CARGO_BIN_EXE_pokedex"))
        .args(["frames", "a.mp4", "-o", "o.parquet"])
        .env("PATH", "")
        .output();
    let said = crate::workdir::Run::from(run.expect("it runs")).failed(1);
    assert!(
        said.contains("pokedex: ffmpeg: not found") && said.contains("apt install ffmpeg, or brew install ffmpeg"),
        "{said}"
    );
    assert!(!dir.path("o.parquet").exists());
    for wrong in ["--every 0", "--fps x", "--scenes=2", "--at 1,x", "--every 1s --fps 2"] {
        dir.pokedex(&format!("frames a.mp4 {wrong}")).failed(2);
    }
}

/// A picture of one colour.
fn plain(colour: [u8; 3]) -> image::RgbImage {
    image::RgbImage::from_pixel(6, 4, image::Rgb(colour))
}

pub const COLOURS: [[u8; 3]; 3] = [[250, 10, 20], [20, 240, 30], [40, 30, 230]];

/// A TIFF of pages of one colour each, without compression; a copy at half the size after each.
pub fn pages(colours: &[[u8; 3]]) -> Vec<u8> {
    let mut bytes = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    let pictures = colours.iter().flat_map(|&colour| [(6u32, 4u32, 0u32, colour), (3, 2, 1, colour)]);
    for (width, height, kind, colour) in pictures {
        let pixels = bytes.len() as u32;
        bytes.extend((0..width * height).flat_map(|_| colour));
        let bits = bytes.len() as u32;
        bytes.extend([8u16; 3].iter().flat_map(|b| b.to_le_bytes()));
        let directory = bytes.len() as u32;
        bytes[link..link + 4].copy_from_slice(&directory.to_le_bytes());
        let fields: [(u16, u16, u32, u32); 9] = [
            (254, 4, 1, kind),
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, 3, bits),
            (259, 3, 1, 1),
            (262, 3, 1, 2),
            (273, 4, 1, pixels),
            (277, 3, 1, 3),
            (279, 4, 1, width * height * 3),
        ];
        bytes.extend((fields.len() as u16).to_le_bytes());
        for (tag, of, count, value) in fields {
            bytes.extend([tag.to_le_bytes(), of.to_le_bytes()].concat());
            bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        link = bytes.len();
        bytes.extend([0; 4]);
    }
    bytes
}

/// An animated PNG whose frames are shown for 100, 200, … milliseconds.
fn animated_png(colours: &[[u8; 3]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 6, 4);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(colours.len() as u32, 0).expect("frames");
    let mut writer = encoder.write_header().expect("memory");
    for (n, colour) in (1..).zip(colours) {
        writer.set_frame_delay(n, 10).expect("animated");
        writer.write_image_data(plain(*colour).as_raw()).expect("memory");
    }
    writer.finish().expect("memory");
    bytes
}

/// An animated WebP of the same, its frames without loss.
fn animated_webp(colours: &[[u8; 3]]) -> Vec<u8> {
    let chunk =
        |name: &[u8], data: &[u8]| [name, &(data.len() as u32).to_le_bytes(), data, &[0][..data.len() % 2]].concat();
    let mut chunks = chunk(b"VP8X", &[2, 0, 0, 0, 5, 0, 0, 3, 0, 0]);
    chunks.extend(chunk(b"ANIM", &[0; 6]));
    for (n, colour) in (1u32..).zip(colours) {
        let mut still = std::io::Cursor::new(Vec::new());
        image::codecs::webp::WebPEncoder::new_lossless(&mut still)
            .encode(plain(*colour).as_raw(), 6, 4, image::ExtendedColorType::Rgb8)
            .expect("memory");
        let frame =
            [&[0; 6][..], &[5, 0, 0, 3, 0, 0], &(n * 100).to_le_bytes()[..3], &[0], &still.get_ref()[12..]].concat();
        chunks.extend(chunk(b"ANMF", &frame));
    }
    chunk(b"RIFF", &[b"WEBP", &chunks[..]].concat())
}

/// Key, time, number and a pixel of a still; rows with an error have no pixel.
type Taken = (String, Option<f64>, Option<i64>, Option<[u8; 3]>);

fn taken(dir: &Workdir, table: &str) -> Vec<Taken> {
    let rows = dir.table(table);
    let times = rows["timestamp"].as_primitive::<Float64Type>();
    let numbers = rows["frame"].as_primitive::<Int64Type>();
    let images = rows["image"].as_struct();
    let bytes = images.column(0).as_binary::<i32>();
    let row = |i: usize| {
        let pixel = images.is_valid(i).then(|| pixels(bytes.value(i)).get_pixel(2, 2).0);
        let of = |valid: bool| valid.then_some(i);
        (
            dir.keys(table)[i].clone(),
            of(times.is_valid(i)).map(|i| times.value(i)),
            of(numbers.is_valid(i)).map(|i| numbers.value(i)),
            pixel,
        )
    };
    (0..rows.num_rows()).map(row).collect()
}

#[test]
fn pages_and_frames_of_pictures_are_rows_without_ffmpeg() {
    let dir = Workdir::new();
    dir.write("letter.tif", pages(&COLOURS));
    dir.write("a.png", animated_png(&COLOURS));
    dir.write("b.webp", animated_webp(&COLOURS));
    dir.write("still.png", crate::workdir::png(&plain(COLOURS[2]).into()));
    let run = |line: &str| {
        let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
        crate::workdir::Run::from(command.args(line.split(' ')).env("PATH", "").output().expect("it runs"))
    };
    run("frames letter.tif a.png b.webp still.png --all --encode png -j 3 -o f.parquet").ok();
    let mut expected: Vec<Taken> = Vec::new();
    for name in ["a.png", "b.webp"] {
        for (n, time) in [0.0, 0.1, 0.3].into_iter().enumerate() {
            expected.push((format!("{name}#t={time:.3}"), Some(time), Some(n as i64), Some(COLOURS[n])));
        }
    }
    for (page, colour) in (1..).zip(COLOURS) {
        expected.push((format!("letter.tif#page={page}"), None, Some(page), Some(colour)));
    }
    expected.push(("still.png".into(), None, Some(0), Some(COLOURS[2])));
    let mut found = taken(&dir, "f.parquet");
    found.sort_by(|a, b| a.0.cmp(&b.0));
    // `image-webp` makes an opaque 250 one of 249.
    for (_, _, _, pixel) in found.iter_mut().filter(|row| row.0.starts_with("b.webp")) {
        *pixel = pixel.map(|pixel| pixel.map(|value| value + 1));
    }
    assert_eq!(found, expected);
    let keys = |line: &str| {
        run(&format!("frames {line} --encode png -o k.parquet")).ok();
        dir.keys("k.parquet")
    };
    assert_eq!(keys("a.png --every 0.25"), ["a.png#t=0.000", "a.png#t=0.300"]);
    assert_eq!(keys("b.webp --at 0.25,100%"), ["b.webp#t=0.100", "b.webp#t=0.300"]);
    assert_eq!(keys("letter.tif --at 0.25").len(), 3, "pages have no time");
    // A folder of scans; other stages read the first, and that is said.
    dir.write("scans/one.tiff", pages(&COLOURS[..1]));
    dir.write("scans/two.tif", pages(&COLOURS[..2]));
    assert_eq!(keys("scans"), ["one.tiff#page=1", "two.tif#page=1", "two.tif#page=2"]);
    let said = run("scan letter.tif a.png b.webp still.png -o s.parquet").ok().stderr;
    assert!(
        said.contains("3 files hold several pictures, of which the first is read: `pokedex frames --all`"),
        "{said}"
    );
    // Stills go on like any other pictures.
    run("frames letter.tif --size 3 --encode png -o small.parquet").ok();
    assert_eq!(dir.table("small.parquet")["width"].as_primitive::<UInt32Type>().values(), &[3, 3, 3]);
    run("embed small.parquet -o e.parquet").ok();
    assert_eq!(dir.keys("e.parquet").len(), 3);
}

#[test]
fn pages_that_cannot_be_read_are_told_and_those_after_them_read() {
    let dir = Workdir::new();
    let sound = pages(&COLOURS);
    // The second page's colours are of a kind that there is none of.
    let mut odd = sound.clone();
    let at = odd.windows(8).enumerate().filter(|(_, w)| w[..4] == [6, 1, 3, 0] && w[4] == 1).nth(2).expect("a third").0;
    odd[at + 8] = 77;
    dir.write("odd.tif", &odd);
    let said = dir.pokedex("frames odd.tif --encode png -o f.parquet").failed(3);
    assert!(said.contains("odd.tif#page=2: unsupported format: TIFF"), "{said}");
    let found = taken(&dir, "f.parquet");
    assert_eq!(found.iter().map(|row| row.3.is_some()).collect::<Vec<_>>(), [true, false, true]);
    // Cut anywhere, each page is there or told, and nothing panics; but for the few places where a directory ends with the file, as some
    // writers have it.
    for length in (0..sound.len()).step_by(5) {
        dir.write("cut.tif", &sound[..length]);
        let run = dir.pokedex("frames cut.tif --encode png -o g.parquet");
        assert!([0, 1, 3].contains(&run.code) && !run.stderr.contains("panicked"), "{length}: {}", run.stderr);
        if run.code == 0 {
            let whole = taken(&dir, "g.parquet").len() == 3;
            assert!(
                whole || run.stderr.contains("truncated") || run.stderr.contains("damaged"),
                "{length}: {}",
                run.stderr
            );
        }
    }
    let animation = animated_png(&COLOURS);
    for length in (40..animation.len() - 12).step_by(11) {
        dir.write("cut.png", &animation[..length]);
        let run = dir.pokedex("frames cut.png --all --encode png -o g.parquet");
        assert!([0, 1, 3].contains(&run.code) && !run.stderr.contains("panicked"), "{length}: {}", run.stderr);
        assert!(run.code != 0 || !run.stderr.is_empty(), "{length}: nothing is said");
    }
    // Directories that lead round in a circle come to an end.
    let mut circle = sound.clone();
    let end = circle.len() - 4;
    let first = circle[4..8].to_vec();
    circle[end..].copy_from_slice(&first);
    dir.write("circle.tif", &circle);
    dir.pokedex("frames circle.tif --encode png -o c.parquet").ok();
    assert!((3..=6).contains(&dir.keys("c.parquet").len()));
    let said = dir.pokedex("frames circle.tif --all --scenes");
    assert!(said.failed(2).contains("cannot be used with"));
}
