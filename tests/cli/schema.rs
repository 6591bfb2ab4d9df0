//! The columns, types and footers of every kind of table: what users' scripts depend on.

use pokedex::table::Table;

use crate::workdir::Workdir;

/// `column type` lines and the footer's keys; the values that name the model are left out.
fn describe(dir: &Workdir, name: &str) -> String {
    let table = Table::open(&dir.path(name)).expect("a table");
    let mut text = String::new();
    for field in table.schema.fields() {
        let required = if field.is_nullable() { "" } else { " required" };
        text.push_str(&format!("{} {}{required}\n", field.name(), field.data_type()));
    }
    for (key, value) in &table.provenance.0 {
        let value = if key.ends_with("model") { "NAME@DIGEST" } else { value };
        text.push_str(&format!("{key}={value}\n"));
    }
    text
}

#[test]
fn every_kind_of_table_has_the_columns_of_the_contract() {
    let dir = Workdir::new();
    dir.picture("in/0025_a.png", 1);
    dir.pokedex("scan in -o manifest.parquet").ok();
    dir.pokedex("convert-rgb manifest.parquet -o images.parquet").ok();
    dir.pokedex("convert-rgb in -o out/ --size 20").ok();
    dir.pokedex("split manifest.parquet -o split.parquet").ok();
    dir.pokedex("embed split.parquet -o embeddings.parquet").ok();
    dir.pokedex("embed embeddings.parquet --text label --as words -o words.parquet").ok();
    dir.pokedex("index embeddings.parquet -o index.parquet").ok();
    dir.shell("pokedex query pikachu -n 1 --format parquet > hits.parquet").ok();

    let row = "key Utf8 required\npath Utf8\nid Int32\nlabel Utf8\n";
    let size = "width UInt32\nheight UInt32\ncontent_hash FixedSizeBinary(32)\n";
    let vector = "FixedSizeList(256 x Float32)";
    let model = "Dictionary(Int32, Utf8)";
    let version = format!("pokedex.schema_version=1\npokedex.version={}\n", env!("CARGO_PKG_VERSION"));
    let about = |prefix: &str| {
        format!(
            "pokedex.{prefix}dimension=256\npokedex.{prefix}engine=rten\npokedex.{prefix}metric=cosine\npokedex.{prefix}model=NAME@DIGEST\n"
        )
    };
    let recipe = |size: &str| format!("pokedex.convert_rgb=background=#ffffff size={size} encode=png\n");
    let split = "pokedex.split=ratios=70/15/15 seed=0\n";
    let image = "image Struct(\"bytes\": Binary, \"path\": Utf8)\n";

    let expected = [
        ("manifest.parquet", format!("{row}{size}error Utf8\npokedex.schema=manifest\n{version}")),
        (
            "images.parquet",
            format!(
                "{row}{size}error Utf8\nsource_hash FixedSizeBinary(32)\n{image}{}pokedex.schema=manifest\n{version}",
                recipe("original")
            ),
        ),
        (
            "out/manifest.parquet",
            format!(
                "{row}{size}source_hash FixedSizeBinary(32)\nerror Utf8\n{}pokedex.schema=manifest\n{version}",
                recipe("20x20")
            ),
        ),
        (
            "split.parquet",
            format!("{row}{size}error Utf8\nsplit Utf8\npokedex.schema=manifest\n{}{split}{}", "", version),
        ),
        (
            "embeddings.parquet",
            format!(
                "{row}{size}error Utf8\nsplit Utf8\nembedding {vector}\nembedding_model {model}\n{}pokedex.schema=embeddings\n{split}{version}",
                about("")
            ),
        ),
        (
            "words.parquet",
            format!(
                "{row}{size}error Utf8\nsplit Utf8\nembedding {vector}\nembedding_model {model}\nwords {vector}\nwords_model {model}\n{}pokedex.schema=embeddings\n{split}{version}{}",
                about(""),
                about("words.")
            ),
        ),
        (
            "index.parquet",
            format!(
                "{row}embedding {vector}\nembedding_model {model}\npokedex.dimension=256\npokedex.metric=cosine\npokedex.model=NAME@DIGEST\npokedex.schema=index\n{version}"
            ),
        ),
        (
            "hits.parquet",
            format!(
                "rank UInt32\nscore Float32\nid Int32\nlabel Utf8\nkey Utf8 required\npath Utf8\npokedex.schema=hits\n{version}"
            ),
        ),
    ];
    for (name, expected) in expected {
        let sorted = |text: &str| {
            let (mut footer, columns): (Vec<_>, Vec<_>) =
                text.lines().map(str::to_string).partition(|l| l.starts_with("pokedex."));
            footer.sort();
            [columns, footer].concat().join("\n")
        };
        assert_eq!(sorted(&describe(&dir, name)), sorted(&expected), "{name}");
    }
}

#[test]
fn tables_of_earlier_versions_are_still_read() {
    let dir = Workdir::new();
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/embeddings-v1.parquet");
    dir.write("old.parquet", std::fs::read(golden).expect("a golden file"));
    let text = dir.pokedex("query key:a.png --index old.parquet").ok().text();
    assert!(text.starts_with("rank\tscore\tid\tlabel\tkey\n1\t") && text.contains("b.png"), "{text}");
    dir.pokedex("export old.parquet --format csv --columns key,content_hash,error").ok();
}
