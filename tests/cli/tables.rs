//! Tables of all carriers and dialects, through all stages: the same rows give the same results.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, MapBuilder, StringBuilder};
use arrow_array::types::{Int8Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, DurationSecondArray, FixedSizeListArray, Float32Array,
    Float64Array, Int8Array, Int64Array, IntervalMonthDayNanoArray, LargeStringArray, ListArray, NullArray,
    RecordBatch, RunArray, StringArray, StringViewArray, StructArray, UInt16Array, UnionArray,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema, UnionFields};

use crate::workdir::Workdir;

const ROWS: usize = 12;
const DIMENSION: i32 = 4;
const LABELS: [&str; 3] = ["zebra", "ant", "mole"];

fn label(i: usize) -> &'static str {
    LABELS[i % 3]
}

fn keys() -> Vec<String> {
    (0..ROWS).map(|i| format!("{}/{i:02}.png", label(i))).collect()
}

/// Clouds around three directions.
fn numbers() -> Vec<f32> {
    let number = |i: usize, d: usize| if d == i % 3 { 1.0 } else { ((i * 7 + d * 3) % 11) as f32 / 40.0 };
    (0..ROWS).flat_map(|i| (0..DIMENSION as usize).map(move |d| number(i, d))).collect()
}

fn floats() -> ArrayRef {
    Arc::new(Float32Array::from(numbers()))
}

fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, true))
}

fn offsets() -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths(std::iter::repeat_n(DIMENSION as usize, ROWS))
}

fn fixed() -> ArrayRef {
    Arc::new(FixedSizeListArray::new(item(DataType::Float32), DIMENSION, floats(), None))
}

type Columns = Vec<(&'static str, ArrayRef)>;

fn plain() -> Columns {
    let splits: Vec<&str> = (0..ROWS).map(|i| ["train", "train", "test"][i / 4]).collect();
    vec![
        ("key", Arc::new(StringArray::from(keys()))),
        ("path", Arc::new(StringArray::from(keys().iter().map(|key| format!("in/{key}")).collect::<Vec<_>>()))),
        ("id", Arc::new(arrow_array::Int32Array::from((0..ROWS).map(|i| (i % 3) as i32 + 1).collect::<Vec<_>>()))),
        ("label", Arc::new(StringArray::from((0..ROWS).map(label).collect::<Vec<_>>()))),
        ("split", Arc::new(StringArray::from(splits))),
        ("error", Arc::new(StringArray::new_null(ROWS))),
        ("note", Arc::new(StringArray::from((0..ROWS).map(|i| format!("n{i}")).collect::<Vec<_>>()))),
        ("embedding", fixed()),
    ]
}

/// The plain columns with others in their place, or after them.
fn with(changes: Columns) -> Columns {
    let mut columns = plain();
    for (name, array) in changes {
        match columns.iter_mut().find(|(own, _)| *own == name) {
            Some(column) => column.1 = array,
            None => columns.push((name, array)),
        }
    }
    columns
}

fn texts(make: impl Fn(&StringArray) -> ArrayRef) -> Columns {
    let text = |array: &ArrayRef| array.as_any().downcast_ref::<StringArray>().map(&make);
    plain().into_iter().map(|(name, array)| (name, text(&array).unwrap_or(array))).collect()
}

/// A way to write the same rows: name, columns, whether they are required, metadata of the schema.
type Dialect = (&'static str, Columns, bool, Vec<(&'static str, String)>);

fn dialects() -> Vec<Dialect> {
    let large = texts(|t| Arc::new(LargeStringArray::from(t.iter().collect::<Vec<_>>())));
    let views = texts(|t| Arc::new(StringViewArray::from(t.iter().collect::<Vec<_>>())));
    let dictionaries = texts(|t| Arc::new(t.iter().collect::<DictionaryArray<Int8Type>>()));
    let enums = texts(|t| Arc::new(t.iter().collect::<DictionaryArray<UInt32Type>>()));
    let classes =
        with(vec![("label", Arc::new(Int64Array::from((0..ROWS).map(|i| (i % 3) as i64).collect::<Vec<_>>())))]);
    let features = serde_json::json!({"info": {"features": {"label": {"names": LABELS, "_type": "ClassLabel"}}}});
    let coded: DictionaryArray<Int8Type> = DictionaryArray::new(
        Int8Array::from((0..ROWS).map(|i| (i % 3) as i8).collect::<Vec<_>>()),
        Arc::new(Int64Array::from(vec![0, 1, 2])),
    );
    let numbers_as_ids =
        with(vec![("id", Arc::new(Float64Array::from((0..ROWS).map(|i| (i % 3) as f64 + 1.0).collect::<Vec<_>>())))]);
    let narrow =
        with(vec![("id", Arc::new(UInt16Array::from((0..ROWS).map(|i| (i % 3) as u16 + 1).collect::<Vec<_>>())))]);
    let doubles: ArrayRef = Arc::new(Float64Array::from(numbers().into_iter().map(f64::from).collect::<Vec<_>>()));
    let lists = with(vec![("embedding", Arc::new(ListArray::new(item(DataType::Float64), offsets(), doubles, None)))]);
    let cast = |to: DataType| arrow_cast::cast(&fixed(), &to).expect("a list");
    let large_lists = with(vec![("embedding", cast(DataType::LargeList(item(DataType::Float32))))]);
    let list_views = with(vec![("embedding", cast(DataType::ListView(item(DataType::Float32))))]);
    let data: ArrayRef = Arc::new(ListArray::new(item(DataType::Float32), offsets(), floats(), None));
    let shape: ArrayRef = Arc::new(ListArray::new(
        item(DataType::Int64),
        OffsetBuffer::from_lengths(std::iter::repeat_n(1, ROWS)),
        Arc::new(Int64Array::from(vec![i64::from(DIMENSION); ROWS])),
        None,
    ));
    let fields =
        [("data", &data), ("shape", &shape)].map(|(name, array)| Field::new(name, array.data_type().clone(), true));
    let tensors =
        with(vec![("embedding", Arc::new(StructArray::new(fields.to_vec().into(), vec![data.clone(), shape], None)))]);
    let inner: ArrayRef = Arc::new(ListArray::new(
        item(DataType::Float32),
        OffsetBuffer::from_lengths(std::iter::repeat_n(2, 2 * ROWS)),
        floats(),
        None,
    ));
    let outer = ListArray::new(
        item(inner.data_type().clone()),
        OffsetBuffer::from_lengths(std::iter::repeat_n(2, ROWS)),
        inner,
        None,
    );
    let arrays = with(vec![("embedding", Arc::new(outer))]);
    let nulls = with(vec![("error", Arc::new(NullArray::new(ROWS)))]);
    let mut turned = plain();
    turned.reverse();
    vec![
        ("plain", plain(), false, vec![]),
        (
            "required",
            plain().into_iter().filter(|(_, array)| array.null_count() == 0).chain([plain().remove(5)]).collect(),
            true,
            vec![],
        ),
        ("large text", large, false, vec![]),
        ("text views", views, false, vec![]),
        ("categories", dictionaries, false, vec![]),
        ("enums", enums, false, vec![]),
        ("classes", classes, false, vec![("huggingface", features.to_string())]),
        ("coded classes", with(vec![("label", Arc::new(coded))]), false, vec![("huggingface", features.to_string())]),
        ("fractions as ids", numbers_as_ids, false, vec![]),
        ("narrow ids", narrow, false, vec![]),
        ("lists of doubles", lists, false, vec![]),
        ("large lists", large_lists, false, vec![]),
        ("list views", list_views, false, vec![]),
        ("tensors", tensors, false, vec![]),
        ("arrays of two dimensions", arrays, false, vec![]),
        ("columns of nulls", nulls, false, vec![]),
        ("another order", turned, false, vec![]),
        ("foreign metadata", plain(), false, vec![("pandas", "{}".into()), ("x", "y".into())]),
    ]
}

fn batch(columns: Columns, required: bool, metadata: Vec<(&str, String)>) -> RecordBatch {
    let field = |(name, array): &(&str, ArrayRef)| {
        let extension = HashMap::from([("ARROW:extension:name".to_string(), format!("other.{name}"))]);
        Field::new(*name, array.data_type().clone(), !required || array.null_count() > 0).with_metadata(extension)
    };
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let metadata: HashMap<String, String> = metadata.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    let schema = Schema::new(fields).with_metadata(metadata);
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect()).expect("a batch")
}

fn stream(dir: &Workdir, name: &str, batch: &RecordBatch, compression: Option<CompressionType>) {
    let options = IpcWriteOptions::default().try_with_compression(compression).expect("a codec");
    let file = std::fs::File::create(dir.path(name)).expect("writable");
    let mut writer = StreamWriter::try_new_with_options(file, &batch.schema(), options).expect("a schema");
    writer.write(batch).expect("writable");
    writer.finish().expect("writable");
}

fn file(dir: &Workdir, name: &str, batch: &RecordBatch, compression: Option<CompressionType>) {
    let options = IpcWriteOptions::default().try_with_compression(compression).expect("a codec");
    let file = std::fs::File::create(dir.path(name)).expect("writable");
    let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).expect("a schema");
    writer.write(batch).expect("writable");
    writer.finish().expect("writable");
}

/// What every stage makes of a table; `TABLE` stands for it.
const STAGES: [&str; 8] = [
    "pokedex split TABLE --ids none --seed 3 -q | pokedex export - --format csv --columns key,path,id,label,split,note",
    "pokedex export TABLE --format csv --columns key,id,label,split,note",
    "pokedex index TABLE --model unknown --columns split",
    "pokedex query id:1 --index TABLE --model unknown --top 5 --format tsv",
    "pokedex export TABLE --format npy -o v.npy && cat v.npy v.npy.keys.csv",
    "pokedex check TABLE --format json; [ $? = 4 ] || [ $? = 0 ]",
    "pokedex train TABLE --method centroid -o h.parquet -q && pokedex export h.parquet --format csv",
    "pokedex classify TABLE --index TWIN --model unknown --format csv",
];

fn results(dir: &Workdir, table: &str, twin: &str) -> Vec<Vec<u8>> {
    STAGES
        .iter()
        .map(|stage| stage.replace("TABLE", table).replace("TWIN", twin))
        .map(|line| {
            let run = dir.shell(&format!("set -o pipefail; {line}"));
            assert_eq!(run.code, 0, "{line}\n{}", run.stderr);
            assert!(!run.stdout.is_empty(), "{line}: {}", run.stderr);
            run.stdout
        })
        .collect()
}

fn same(what: &str, found: &[Vec<u8>], expected: &[Vec<u8>], table: &str) {
    for ((found, expected), stage) in found.iter().zip(expected).zip(STAGES) {
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(table, "plain.parquet").replace("standard input", "plain.parquet")
        };
        assert!(text(found) == text(expected), "{what}: {stage}\n{}\n---\n{}", text(found), text(expected));
    }
}

#[test]
fn all_dialects_of_a_table_give_the_same_results_in_all_stages() {
    let dir = Workdir::new();
    (0..ROWS as u32).zip(keys()).for_each(|(number, key)| dir.picture(&format!("in/{key}"), number));
    dir.foreign("plain.parquet", &batch(plain(), false, vec![]));
    let expected = results(&dir, "plain.parquet", "plain.parquet");
    for (what, columns, required, metadata) in dialects() {
        let rows = batch(columns, required, metadata);
        dir.foreign("t.parquet", &rows);
        same(what, &results(&dir, "t.parquet", "plain.parquet"), &expected, "t.parquet");
        stream(&dir, "t.arrows", &rows, None);
        let table = "t.arrows";
        let index = dir.shell(&format!("pokedex index {table} --model unknown --columns split")).ok();
        assert!(index.stdout == expected[2], "{what}: an Arrow stream gives another index");
        dir.shell(
            "pokedex export plain.parquet t.parquet t.arrows --format csv --columns key | sort | uniq -c | head -1",
        )
        .ok();
        let both = dir.shell("pokedex split plain.parquet t.parquet --ids none -q -o both.parquet; pokedex split t.parquet plain.parquet --ids none -q -o both.parquet");
        // What tells a struct from a list beside it is for the user to say.
        let is_refused =
            ["tensors", "arrays of two dimensions"].contains(&what) && both.stderr.contains("its columns differ");
        assert!(
            both.stderr.contains("two rows have the key") || both.code == 0 || is_refused,
            "{what} beside plain: {}",
            both.stderr
        );
    }
}

#[test]
fn all_carriers_of_a_table_give_the_same_results_in_all_stages() {
    let dir = Workdir::new();
    (0..ROWS as u32).zip(keys()).for_each(|(number, key)| dir.picture(&format!("in/{key}"), number));
    let rows = batch(plain(), false, vec![]);
    dir.foreign("plain.parquet", &rows);
    let expected = results(&dir, "plain.parquet", "plain.parquet");
    let codecs = [("", None), ("lz4", Some(CompressionType::LZ4_FRAME)), ("zstd", Some(CompressionType::ZSTD))];
    for (name, codec) in codecs {
        stream(&dir, &format!("{name}t.arrows"), &rows, codec);
        file(&dir, &format!("{name}t.arrow"), &rows, codec);
    }
    for table in ["t.arrows", "lz4t.arrows", "zstdt.arrows", "t.arrow", "lz4t.arrow", "zstdt.arrow"] {
        same(table, &results(&dir, table, table), &expected, table);
    }
    for table in ["plain.parquet", "t.arrows", "zstdt.arrow"] {
        for (number, stage) in STAGES.iter().enumerate() {
            let stage = stage.replace("TWIN", "plain.parquet");
            let first = stage.split(['|', ';', '&']).next().unwrap_or_default();
            let rest = &stage[first.len()..];
            for line in [
                format!("{}{rest}", first.replace("TABLE", &format!("<(cat {table})"))),
                format!("cat {table} | {}{rest}", first.replace("TABLE", "-")),
                format!("cat {table} | {}{rest}", first.replace("TABLE", "/dev/stdin")),
                format!("rm -f fifo; mkfifo fifo; cat {table} > fifo & {}{rest}", first.replace("TABLE", "fifo")),
            ] {
                let run = dir.shell(&format!("set -o pipefail; {line}"));
                assert_eq!(run.code, 0, "{line}\n{}", run.stderr);
                // What a report calls its input differs, the rest does not.
                if number != 5 {
                    assert!(run.stdout == expected[number], "{line}\n{}", String::from_utf8_lossy(&run.stdout));
                }
            }
        }
    }
}

#[test]
fn columns_of_rare_types_stop_nobody_and_are_said_to_be_passed_over() {
    let dir = Workdir::new();
    (0..ROWS as u32).zip(keys()).for_each(|(number, key)| dir.picture(&format!("in/{key}"), number));
    dir.foreign("plain.parquet", &batch(plain(), false, vec![]));
    let expected = results(&dir, "plain.parquet", "plain.parquet");
    let run_ends = arrow_array::Int32Array::from(vec![5, ROWS as i32]);
    let runs: RunArray<arrow_array::types::Int32Type> =
        RunArray::try_new(&run_ends, &StringArray::from(vec!["a", "b"])).expect("two runs");
    let union_fields =
        UnionFields::try_new([0, 1], [Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)])
            .expect("a union");
    let union = UnionArray::try_new(
        union_fields,
        ScalarBuffer::from(vec![0i8; ROWS]),
        None,
        vec![Arc::new(Int64Array::from(vec![1; ROWS])), Arc::new(StringArray::from(vec!["x"; ROWS]))],
    );
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for i in 0..ROWS {
        map.keys().append_value("k");
        map.values().append_value(i as i32);
        map.append(true).expect("a pair");
    }
    let days = IntervalMonthDayNanoArray::from(vec![arrow_buffer::IntervalMonthDayNano::new(1, 2, 3); ROWS]);
    let rare: Columns = vec![
        ("runs", Arc::new(runs)),
        ("union", Arc::new(union.expect("a union"))),
        ("map", Arc::new(map.finish())),
        ("interval", Arc::new(days)),
        ("seconds", Arc::new(DurationSecondArray::from(vec![7; ROWS]))),
        ("wide", Arc::new(arrow_array::Decimal256Array::from(vec![arrow_buffer::i256::ONE; ROWS]))),
        ("nothing", Arc::new(NullArray::new(ROWS))),
        ("width", Arc::new(StringArray::from(vec!["a few"; ROWS]))),
        ("rejected", Arc::new(Float32Array::from(vec![0.5; ROWS]))),
        ("excluded", Arc::new(BooleanArray::from(vec![true; ROWS]))),
    ];
    stream(&dir, "t.arrows", &batch(with(rare), false, vec![]), None);
    same("rare types", &results(&dir, "t.arrows", "t.arrows"), &expected, "t.arrows");
    let run = dir.pokedex("split t.arrows -o s.parquet").ok();
    assert!(run.stderr.contains("passed over the column union"), "{}", run.stderr);
    assert!(run.stderr.contains("width (Utf8)") && run.stderr.contains("meta_"), "{}", run.stderr);
    assert_eq!(dir.texts("s.parquet", "runs")[4..6], [Some("a".into()), Some("b".into())]);
    assert_eq!(dir.texts("s.parquet", "meta_width")[0].as_deref(), Some("a few"));
    assert!(dir.table("s.parquet").column_by_name("map").is_some_and(|map| map.len() == ROWS));
}

#[test]
fn tables_are_read_as_one_where_their_values_are_of_one_kind() {
    let dir = Workdir::new();
    let part = |columns: Columns, name: &str| {
        let rows = batch(columns, false, vec![]);
        let at = if name == "a" { 0 } else { 6 };
        dir.foreign(&format!("{name}.parquet"), &rows.slice(at, 6));
    };
    part(with(vec![("note", Arc::new(NullArray::new(ROWS))), ("more", Arc::new(Int8Array::from(vec![1; ROWS])))]), "a");
    let mut turned = with(vec![("more", Arc::new(Float64Array::from(vec![0.5; ROWS])))]);
    turned.reverse();
    part(turned, "b");
    let csv = dir.pokedex("export a.parquet b.parquet --format csv --columns key,note,more").ok().text();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), ROWS + 1);
    assert!(lines[1].ends_with(",,1.0") && lines[12].ends_with(",n11,0.5"), "{csv}");
    part(with(vec![("more", Arc::new(StringArray::from(vec!["x"; ROWS])))]), "b");
    let said = dir.pokedex("export a.parquet b.parquet --format csv").failed(1);
    assert!(
        said.contains("b.parquet: its columns differ from those of a.parquet: `more` is Utf8 in it, and Int8 there"),
        "{said}"
    );
}

#[test]
fn a_vector_that_is_missing_leaves_a_table_that_old_readers_open() {
    let dir = Workdir::new();
    dir.pictures("in", 3);
    dir.pokedex("embed in -o whole.parquet").ok();
    dir.write("in/torn.png", "no picture");
    dir.pokedex("embed in -o torn.parquet").failed(3);
    // As pyarrow sees it: by the Arrow schema in the footer.
    let stored = |name: &str| {
        let file = std::fs::File::open(dir.path(name)).expect("a file");
        let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        builder.schema().field_with_name("embedding").expect("there").data_type().clone()
    };
    assert_eq!(stored("whole.parquet"), DataType::FixedSizeList(item(DataType::Float32), 256));
    assert_eq!(stored("torn.parquet"), DataType::List(item(DataType::Float32)));
    // Here it is what it was, and both are one table.
    assert_eq!(dir.table("torn.parquet")["embedding"].data_type(), dir.table("whole.parquet")["embedding"].data_type());
    dir.shell("sed s/torn/other/ whole.parquet > /dev/null; pokedex export whole.parquet --format csv --where \"key = '000.png'\"").ok();
    dir.pokedex("split torn.parquet --ids none -o again.parquet").ok();
    assert_eq!(stored("again.parquet"), DataType::List(item(DataType::Float32)));
    dir.pokedex("index torn.parquet -o i.parquet").ok();
    assert_eq!(stored("i.parquet"), DataType::FixedSizeList(item(DataType::Float32), 256));
}

#[test]
fn a_stream_that_was_cut_short_is_an_error_and_writes_nothing() {
    let dir = Workdir::new();
    let rows = batch(plain(), false, vec![]);
    stream(&dir, "t.arrows", &rows, None);
    let whole = dir.read("t.arrows");
    // Without its end mark, in a batch, and after the schema.
    for length in [whole.len() - 8, whole.len() - 4, whole.len() / 2, 1000] {
        dir.write("cut.arrows", &whole[..length]);
        for line in ["cat cut.arrows | pokedex split - -o s.parquet", "pokedex split cut.arrows -o s.parquet"] {
            let said = dir.shell(line).failed(1);
            assert!(said.contains("not a readable table"), "{length}: {said}");
            assert!(!dir.path("s.parquet").exists());
        }
    }
    dir.pictures("in", 2);
    dir.write("in/torn.png", "no picture");
    let line = "pokedex embed in --strict --no-cache --stdout-format arrow | pokedex index - -o i.parquet";
    assert_ne!(dir.shell(line).code, 0);
    assert!(!dir.path("i.parquet").exists());
}

#[test]
fn a_table_finds_its_pictures_from_its_own_folder() {
    let dir = Workdir::new();
    dir.pictures("set/pics", 3);
    dir.shell("cd set && pokedex scan pics -o t.parquet && mkdir deep && mv t.parquet deep/").ok();
    dir.shell("mkdir -p set/deep/pics && mv set/pics/* set/deep/pics/").ok();
    let run = dir.pokedex("embed set/deep/t.parquet -o e.parquet").ok();
    assert!(run.stderr.contains("the paths of 3 rows were found below set/deep"), "{}", run.stderr);
    assert_eq!(dir.texts("e.parquet", "path")[0].as_deref(), Some("set/deep/pics/000.png"));
    // An absolute path of another machine, of which the end is right.
    let paths: ArrayRef = Arc::new(StringArray::from(vec!["/home/ash/set/pics/000.png", "/home/ash/set/pics/001.png"]));
    let rows = RecordBatch::try_from_iter([("path", paths)]).expect("a batch");
    dir.foreign("set/deep/moved.parquet", &rows);
    dir.pokedex("embed set/deep/moved.parquet -o e.parquet").ok();
    dir.shell("cp set/deep/moved.parquet .").ok();
    let said = dir.pokedex("embed moved.parquet -o e.parquet").failed(3);
    assert!(said.contains("2 pictures are not where the table says") && said.contains("--root DIR"), "{said}");
    dir.pokedex("embed moved.parquet --root set/deep -o e.parquet").ok();
    // Paths of Windows, and URIs of files.
    let here = dir.path("set/deep/pics").canonicalize().expect("there");
    let uri = format!("file://{}/001.png", here.display());
    for paths in [
        vec!["pics\\000.png", "pics\\001.png"],
        vec!["C:\\Users\\ash\\set\\pics\\000.png", "C:\\Users\\ash\\set\\pics\\001.png"],
        vec![&uri, &uri.replace("file://", "file://localhost")],
    ] {
        let paths: ArrayRef = Arc::new(StringArray::from(paths));
        dir.foreign("set/deep/foreign.parquet", &RecordBatch::try_from_iter([("path", paths)]).expect("a batch"));
        dir.pokedex("embed set/deep/foreign.parquet -o e.parquet").ok();
        assert_eq!(dir.texts("e.parquet", "error"), [None, None]);
    }
    dir.shell("mv set/deep/pics/002.png 'set/deep/pics/a b.png'").ok();
    let list = format!("printf '{uri}\nfile://{}/a%%20b.png\n' | pokedex scan - --verify -o s.parquet", here.display());
    dir.shell(&list).ok();
    assert_eq!(dir.texts("s.parquet", "error"), [None, None]);
}

#[test]
fn images_are_bytes_or_paths_however_a_column_holds_them() {
    let dir = Workdir::new();
    dir.pictures("pics", 2);
    let names = ["pics/000.png", "pics/001.png"];
    let bytes: ArrayRef = Arc::new(arrow_array::BinaryArray::from_iter_values(names.map(|name| dir.read(name))));
    let paths: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
    let none: ArrayRef = Arc::new(arrow_array::LargeBinaryArray::new_null(2));
    let pair = |bytes: &ArrayRef, paths: &ArrayRef| -> ArrayRef {
        let fields = [("bytes", bytes), ("path", paths)].map(|(name, a)| Field::new(name, a.data_type().clone(), true));
        Arc::new(StructArray::new(fields.to_vec().into(), vec![bytes.clone(), paths.clone()], None))
    };
    for (what, image) in [
        ("bytes", bytes.clone()),
        ("paths", paths.clone()),
        ("both", pair(&bytes, &paths)),
        ("no bytes", pair(&none, &paths)),
    ] {
        dir.foreign("t.parquet", &RecordBatch::try_from_iter([("image", image)]).expect("a batch"));
        let run = dir.pokedex("embed t.parquet -o e.parquet").ok();
        assert_eq!(run.stderr, "", "{what}");
        let table = dir.table("e.parquet");
        assert_eq!(table["embedding"].null_count(), 0, "{what}");
        if what.contains("no") || what == "paths" {
            assert_eq!(dir.texts("e.parquet", "path"), names.map(|name| Some(name.to_string())), "{what}");
        }
    }
}

#[test]
fn files_of_other_programs_are_called_by_their_names_with_what_converts_them() {
    let dir = Workdir::new();
    dir.write("v.npz", b"PK\x03\x04 and so on");
    dir.write("v.safetensors", b"\x10\0\0\0\0\0\0\0{\"a\": 1}");
    dir.write("v.h5", b"\x89HDF\r\n\x1a\n");
    dir.write("v.csv", "key,label\na,b\n");
    for (file, said) in
        [("v.npz", "np.load"), ("v.safetensors", "safetensors"), ("v.h5", "h5py"), ("v.csv", "read_csv_auto")]
    {
        for line in [format!("index {file} -o i.parquet"), format!("query red --index {file}")] {
            let message = dir.pokedex(&line).failed(1);
            assert!(message.contains(said) && message.contains(file), "{line}: {message}");
        }
    }
}

#[test]
fn a_pipe_in_a_folder_is_never_waited_for() {
    let dir = Workdir::new();
    dir.pictures("ds", 2);
    dir.shell("mkfifo ds/manifest.parquet && timeout 20 pokedex scan ds -o o.parquet && rm ds/manifest.parquet").ok();
    dir.shell("mkfifo ds/a.tar; timeout 20 pokedex check ds; code=$?; rm ds/a.tar; [ $code != 124 ]").ok();
    dir.shell("mkdir o && mkfifo o/manifest.parquet; timeout 20 pokedex convert-rgb ds -o o/; [ $? != 124 ]").ok();
}

#[test]
fn damaged_and_lying_parquet_files_are_errors() {
    let dir = Workdir::new();
    dir.foreign("t.parquet", &batch(plain(), false, vec![]));
    let sound = dir.read("t.parquet");
    let footer = sound.len()
        - 8
        - u32::from_le_bytes(sound[sound.len() - 8..sound.len() - 4].try_into().expect("four")) as usize;
    // Every byte of the footer and some of the pages, one after the other.
    for at in (footer..sound.len()).step_by(7).chain((4..footer).step_by(61)) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0xff;
        dir.write("d.parquet", &bytes);
        let table = pokedex::table::Table::open(&dir.path("d.parquet"));
        if let Ok(table) = table {
            let _ = table.take_while(Result::is_ok).count();
        }
    }
}
