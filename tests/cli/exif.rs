//! `scan --exif`: what cameras and people wrote, through all stages.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int16Type, TimestampMicrosecondType};

use crate::workdir::{Workdir, jpeg_with_exif, pattern};

/// A JPEG with EXIF: when and where.
fn jpeg(seed: u32, taken: &str, degrees: (u32, u32)) -> Vec<u8> {
    jpeg_with_exif(pattern(24, 24, seed), taken, degrees)
}

fn xmp(words: &[&str]) -> String {
    let words: String = words.iter().map(|word| format!("<rdf:li>{word}</rdf:li>")).collect();
    format!(
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/' \
         xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='5'><dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject></rdf:Description></rdf:RDF>"
    )
}

/// A picture of 2024 in Vienna; one of 2025 on the coast of Peru, with sidecars; one without anything, and one that cannot be
/// decoded.
fn photos() -> Workdir {
    let dir = Workdir::new();
    dir.write("photos/a.jpg", jpeg(1, "2024:05:06 07:08:09", (48, 16)));
    dir.write("photos/b.jpg", jpeg(2, "2025:06:07 23:00:00", (12, 77)));
    dir.write("photos/b.jpg.xmp", xmp(&["beach", "a, b"]));
    dir.write("photos/b.xmp", xmp(&["not this one"]));
    dir.picture("photos/c.png", 3);
    dir.write("photos/d.jpg", &jpeg(4, "2023:01:01 00:00:00", (1, 2))[..200]);
    dir.write("photos/d.xmp", xmp(&["torn"]));
    dir
}

#[test]
fn what_was_written_becomes_columns() {
    let dir = photos();
    let said = dir.pokedex("scan photos --exif -o m.parquet").failed(3);
    assert!(said.contains("d.jpg: damaged JPEG"), "{said}");
    let table = dir.table("m.parquet");
    let taken = table["taken"].as_primitive::<TimestampMicrosecondType>();
    let days = taken.iter().map(|micros| micros.map(|micros| micros / 86_400_000_000)).collect::<Vec<_>>();
    assert_eq!(days, [Some(19_849), Some(20_246), None, Some(19_358)]);
    assert_eq!(table["taken_offset"].as_primitive::<Int16Type>().null_count(), 4);
    let lat = table["lat"].as_primitive::<Float64Type>();
    assert_eq!(lat.iter().collect::<Vec<_>>(), [Some(48.0), Some(12.0), None, Some(1.0)]);
    let keywords = table["keywords"].as_list::<i32>();
    let words = |i: usize| {
        let list = keywords.value(i);
        list.as_string::<i32>().iter().flatten().map(str::to_string).collect::<Vec<_>>()
    };
    assert_eq!((words(1), words(3)), (vec!["beach".to_string(), "a, b".into()], vec!["torn".into()]));
    assert!(keywords.is_null(0) && keywords.is_null(2));
    dir.pokedex("scan photos --skip-ok -o plain.parquet").ok();
    assert!(dir.table("plain.parquet").schema().index_of("taken").is_err());
}

#[test]
fn columns_of_a_table_made_before_are_made_anew() {
    let dir = photos();
    dir.pokedex("scan photos --exif --skip-ok -o m.parquet").ok();
    dir.write("photos/a.xmp", xmp(&["new"]));
    dir.pokedex("scan m.parquet --exif --skip-ok -o again.parquet").ok();
    let table = dir.table("again.parquet");
    let keywords = table["keywords"].as_list::<i32>();
    assert_eq!(keywords.value(0).as_string::<i32>().value(0), "new");
    // A row that came with an error keeps what it had.
    assert_eq!(keywords.value(3).as_string::<i32>().value(0), "torn");
}

#[test]
fn the_columns_travel_to_the_question() {
    let dir = photos();
    dir.shell("pokedex scan photos --exif --skip-ok -q | pokedex embed - --skip-ok -q -o e.parquet").ok();
    let query = |condition: &str, index: &str| {
        let line = format!(
            "pokedex query 'a' --index {index} --where \"{condition}\" --format csv --columns key | tail -n +2 | sort"
        );
        dir.shell(&line).ok().text().lines().map(str::to_string).collect::<Vec<_>>()
    };
    assert_eq!(query("taken >= '2025-01-01' and lat is not null", "e.parquet"), ["b.jpg"]);
    for kind in ["table", "exact"] {
        dir.pokedex(&format!("index e.parquet --columns taken,lat,lon,keywords --kind {kind} -q -o i.parquet")).ok();
        for (condition, keys) in [
            ("taken >= '2025-01-01' and lat is not null", vec!["b.jpg"]),
            ("year(taken) = 2024 and hour(taken) = 7", vec!["a.jpg"]),
            ("'beach' in keywords", vec!["b.jpg"]),
            ("'a' in keywords", vec![]),
            ("near(lat, lon, 48.2, 16.4, 50)", vec!["a.jpg"]),
            ("taken is null", vec!["c.png"]),
        ] {
            assert_eq!(query(condition, "i.parquet"), keys, "{kind}: {condition}");
        }
    }
    let csv = dir.pokedex("export i.parquet --format csv --columns key,taken,keywords").ok().text();
    assert!(csv.contains("b.jpg,2025-06-07T23:00:00,\"[\"\"beach\"\",\"\"a, b\"\"]\""), "{csv}");
}
