//! Maps of tables that the tests make: heaps of vectors around some directions.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};

use crate::workdir::Workdir;

const WIDTH: usize = 16;
const HEAPS: usize = 5;

fn noise(n: u64) -> f32 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((n ^ (n >> 32)) as u32 >> 8) as f32 / (1 << 23) as f32 - 1.0
}

/// A vector near the direction of a heap.
fn vector(row: u64) -> Vec<f32> {
    let heap = row % HEAPS as u64;
    (0..WIDTH as u64).map(|i| noise(heap * 1000 + i + 1) + 0.25 * noise(1_000_000 + row * 100 + i)).collect()
}

/// A table of rows in this order; of rows with no number there is no vector. Keys are numbers, labels heaps.
fn table(rows: &[Option<u64>]) -> RecordBatch {
    let numbers: Vec<f32> = rows.iter().flat_map(|row| row.map_or(vec![0.0; WIDTH], vector)).collect();
    let valid: NullBuffer = rows.iter().map(Option::is_some).collect();
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vectors = FixedSizeListArray::new(item, WIDTH as i32, Arc::new(Float32Array::from(numbers)), Some(valid));
    let keys = rows.iter().enumerate().map(|(at, row)| row.map_or(format!("none{at}"), |row| format!("k{row:04}")));
    let labels = rows.iter().map(|row| row.map(|row| format!("heap {}", row % HEAPS as u64)));
    RecordBatch::try_from_iter_with_nullable([
        ("key", Arc::new(StringArray::from_iter_values(keys)) as ArrayRef, false),
        ("label", Arc::new(labels.collect::<StringArray>()), true),
        ("embedding", Arc::new(vectors), true),
    ])
    .expect("columns of one length")
}

/// Key, place and cluster of a row.
type Row = (String, Option<[f32; 2]>, Option<i32>);

/// The rows of a map, by key.
fn places(dir: &Workdir, name: &str) -> Vec<Row> {
    let batch = dir.table(name);
    let numbers = |name: &str| batch.column_by_name(name).expect("added").as_primitive::<Float32Type>().clone();
    let (x, y) = (numbers("x"), numbers("y"));
    let clusters = batch.column_by_name("cluster").expect("added").as_primitive::<Int32Type>().clone();
    let place = |row: usize| x.is_valid(row).then(|| [x.value(row), y.value(row)]);
    let cluster = |row: usize| clusters.is_valid(row).then(|| clusters.value(row));
    let mut rows: Vec<_> =
        dir.keys(name).into_iter().enumerate().map(|(row, key)| (key, place(row), cluster(row))).collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

#[test]
fn map_lays_heaps_out_apart_whatever_the_threads_and_the_order() {
    let dir = Workdir::new();
    let mut rows: Vec<Option<u64>> = (0..300).map(Some).collect();
    rows.push(None);
    dir.foreign("t.parquet", &table(&rows));
    let said = dir.pokedex("map t.parquet -o a.parquet -j 1").ok().stderr;
    assert!(said.contains("1 row without a vector was left out"), "{said}");
    dir.pokedex("map t.parquet -o b.parquet -j 3").ok();
    assert_eq!(dir.read("a.parquet"), dir.read("b.parquet"));
    rows.reverse();
    rows[..300].sort_by_key(|row| row.map(|row| row.wrapping_mul(0x9e37_79b9) % 301));
    dir.foreign("t2.parquet", &table(&rows));
    dir.pokedex("map t2.parquet -o c.parquet").ok();
    let (found, other) = (places(&dir, "a.parquet"), places(&dir, "c.parquet"));
    let placed = |rows: &[Row]| rows.iter().filter(|row| row.1.is_some()).cloned().collect::<Vec<_>>();
    assert_eq!(placed(&found), placed(&other));
    assert_eq!(found.iter().filter(|row| row.1.is_none()).count(), 1);
    let labels = dir.texts("a.parquet", "cluster_label");
    let own = dir.texts("a.parquet", "label");
    let right = labels.iter().zip(&own).filter(|(name, label)| name.is_some() && name == label).count();
    assert!(right > 280, "{right}");
    assert!(labels.iter().zip(&own).all(|(name, label)| name.is_none() || name == label));
    dir.pokedex("map a.parquet --seed 1 --clusters none -o d.parquet").ok();
    assert_ne!(placed(&places(&dir, "d.parquet")), placed(&found));
    assert!(places(&dir, "d.parquet").iter().all(|row| row.2.is_none()));
}

#[test]
fn map_takes_tables_of_any_size_and_equal_vectors() {
    let dir = Workdir::new();
    for count in [0, 1, 2, 3, 4, 9] {
        for method in ["umap", "pca"] {
            dir.foreign("t.parquet", &table(&(0..count).map(Some).collect::<Vec<_>>()));
            dir.pokedex(&format!("map t.parquet --method {method} --plot m.svg -o m.parquet")).ok();
            let found = places(&dir, "m.parquet");
            assert_eq!(found.len() as u64, count);
            assert!(found.iter().all(|row| row.1.is_some_and(|place| place.iter().all(|x| x.is_finite()))));
        }
    }
    let mut batch = table(&(0..40).map(Some).collect::<Vec<_>>());
    let one = table(&[Some(7); 40]).column(2).clone();
    batch =
        RecordBatch::try_new(batch.schema(), vec![batch.column(0).clone(), batch.column(1).clone(), one]).expect("one");
    dir.foreign("same.parquet", &batch);
    dir.pokedex("map same.parquet --plot m.html -o m.parquet").ok();
    let found = places(&dir, "m.parquet");
    assert!(found.iter().all(|row| row.1 == found[0].1 && row.1.is_some()));
    let none = table(&[None, None]);
    dir.foreign("none.parquet", &none);
    dir.pokedex("map none.parquet --plot m.html -o m.parquet").ok();
    assert!(places(&dir, "m.parquet").iter().all(|row| row.1.is_none()));
}

#[test]
fn new_rows_are_placed_into_a_map_which_does_not_move() {
    let dir = Workdir::new();
    dir.foreign("t.parquet", &table(&(0..250).map(Some).collect::<Vec<_>>()));
    for method in ["umap", "pca"] {
        dir.pokedex(&format!("map t.parquet --method {method} -o m.parquet")).ok();
        let old = places(&dir, "m.parquet");
        // Rows that the map knows, and others.
        dir.foreign("n.parquet", &table(&(240..290).map(Some).collect::<Vec<_>>()));
        dir.pokedex("map n.parquet --into m.parquet --plot n.svg -o n-map.parquet").ok();
        let new = places(&dir, "n-map.parquet");
        for (new, old) in new.iter().zip(&old[240..]) {
            let (a, b) = (new.1.expect("placed"), old.1.expect("placed"));
            assert!((a[0] - b[0]).abs() < 1e-3 && (a[1] - b[1]).abs() < 1e-3, "{method}: {a:?} {b:?}");
        }
        // A heap's rows go to the heap.
        let labels = dir.texts("n-map.parquet", "label");
        let names = dir.texts("n-map.parquet", "cluster_label");
        assert!(names.iter().zip(&labels).all(|(name, label)| name.is_none() || name == label));
        dir.foreign("one.parquet", &table(&[Some(270)]));
        dir.pokedex("map one.parquet --into m.parquet -o one-map.parquet").ok();
        assert_eq!(places(&dir, "one-map.parquet")[0], new[30]);
    }
    let said = dir.pokedex("map t.parquet --into t.parquet -o x.parquet").failed(1);
    assert!(said.contains("t.parquet: is no map"), "{said}");
    let said = dir.pokedex("map pokedex: --into m.parquet -o x.parquet").failed(1);
    assert!(said.contains("its vectors have 16 numbers"), "{said}");
    dir.pokedex("map t.parquet --into m.parquet --neighbours 9 -o x.parquet").failed(2);
}

#[test]
fn vectors_of_another_model_are_not_placed_into_a_map() {
    let dir = Workdir::new();
    let of = |model: &str| {
        let batch = table(&(0..30).map(Some).collect::<Vec<_>>());
        let mut columns: Vec<(String, ArrayRef)> =
            batch.schema().fields().iter().map(|f| f.name().clone()).zip(batch.columns().to_vec()).collect();
        columns.push(("embedding_model".into(), Arc::new(StringArray::from(vec![model; 30]))));
        RecordBatch::try_from_iter(columns).expect("columns of one length")
    };
    dir.foreign("a.parquet", &of("one@0123456789abcdef"));
    dir.foreign("b.parquet", &of("two@0123456789abcdef"));
    dir.pokedex("map a.parquet -o m.parquet").ok();
    let said = dir.pokedex("map b.parquet --into m.parquet -o x.parquet").failed(1);
    assert!(
        said.contains("were made by two@0123456789abcdef, and those of m.parquet by one@0123456789abcdef"),
        "{said}"
    );
}

#[test]
fn plots_need_nothing_from_elsewhere() {
    let dir = Workdir::new();
    dir.pokedex("map pokedex: --colour-by type1 --plot p.html").ok();
    dir.pokedex("map pokedex: --colour-by type1 --title <b>&amp; --plot p.svg").ok();
    let page = String::from_utf8(dir.read("p.html")).expect("UTF-8");
    assert!(page.contains("default-src 'none'") && page.contains("\"Bulbasaur\""), "{}", &page[..400]);
    assert!(!page.contains("http://") && !page.contains("https://"));
    let picture = String::from_utf8(dir.read("p.svg")).expect("UTF-8");
    assert!(picture.starts_with("<svg") && picture.contains("&lt;b&gt;&amp;amp;") && picture.contains(">water<"));
    assert!(dir.pokedex("map pokedex: --plot p.gif").failed(2).contains("none of .svg, .png and .html"));
    assert!(dir.pokedex("map pokedex: --colour-by type9 --plot q.svg").failed(1).contains("type9"));
    assert!(!dir.files(".").iter().any(|name| name == "q.svg"));
    dir.pokedex("map pokedex: --colour-by type1 -o m.parquet").failed(2);
}

#[test]
fn a_plot_of_pixels_is_the_same_for_any_number_of_threads_and_as_wide_as_it_is_wanted() {
    let dir = Workdir::new();
    dir.foreign("t.parquet", &table(&(0..60).map(Some).collect::<Vec<_>>()));
    dir.pokedex("map t.parquet --plot a.png -j 1").ok();
    dir.pokedex("map t.parquet --plot b.png -j 3").ok();
    assert_eq!(dir.read("a.png"), dir.read("b.png"));
    let size = |file: &str| image::load_from_memory(&dir.read(file)).expect("a picture").to_rgb8();
    assert_eq!(size("a.png").dimensions(), (2400, 1720));
    dir.pokedex("map t.parquet --plot c.png --plot-width 600").ok();
    let picture = size("c.png");
    assert_eq!(picture.dimensions(), (600, 430));
    // Some of it is in a colour: points of heaps.
    let coloured = picture
        .pixels()
        .filter(|pixel| pixel.0.iter().max() > pixel.0.iter().min().map(|least| least.saturating_add(60)).as_ref());
    assert!(coloured.count() > 200);
    assert!(dir.pokedex("map t.parquet --plot d.svg --plot-width 600").failed(2).contains("has no width in them"));
    dir.pokedex("map t.parquet --plot d.png --plot-width 9").failed(2);
    assert!(!dir.path("d.png").exists());
    dir.pokedex_args(&["map", "t.parquet", "--title", "\u{10abcd}", "--plot", "e.png"]).ok();
}

#[test]
fn pictures_stand_in_a_plot_where_there_is_room() {
    let dir = Workdir::new();
    dir.pictures("in", 12);
    dir.pokedex("embed in -o e.parquet").ok();
    for kind in ["html", "svg"] {
        for jobs in [1, 3] {
            dir.pokedex(&format!("map e.parquet --plot {jobs}.{kind} --thumbnails=32 -j {jobs} -o m.parquet")).ok();
        }
        assert_eq!(dir.read(&format!("1.{kind}")), dir.read(&format!("3.{kind}")), "{kind}");
    }
    let count =
        |file: &str| String::from_utf8(dir.read(file)).expect("UTF-8").matches("data:image/jpeg;base64,").count();
    assert_eq!(count("1.html"), 12, "a page has all, for who comes nearer");
    assert!((1..=12).contains(&count("1.svg")));
    dir.pokedex("map e.parquet --plot plain.html").ok();
    assert_eq!(count("plain.html"), 0);
    // Without the table nothing but the plot is made of it.
    std::fs::remove_file(dir.path("in/003.png")).expect("it was there");
    let said = dir.pokedex("map e.parquet --plot less.html --thumbnails").ok().stderr;
    assert!(said.contains("e.parquet: 1 picture cannot be read; points stand in their places"), "{said}");
    assert_eq!(count("less.html"), 11);
    let said = dir.pokedex("map pokedex: --plot p.html --thumbnails").failed(1);
    assert!(said.contains("has no pictures to show") && !dir.path("p.html").exists(), "{said}");
    dir.pokedex("map e.parquet --thumbnails").failed(2);
}
