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
fn the_tables_of_an_evaluation_have_the_columns_of_the_contract() {
    let dir = Workdir::new();
    dir.write("p.csv", "key,label,prediction_1,score_1\na,x,x,0.5\nb,y,x,0.25\n");
    dir.shell("pokedex evaluate p.csv --report r --log runs.parquet --format parquet > figures.parquet").ok();
    let point =
        "\"iteration\": Int32, \"train_loss\": Float64, \"validation_loss\": Float64, \"validation_top1\": Float64";
    let expected = [
        (
            "r/classes.parquet",
            "label Utf8,precision Float64,recall Float64,f1 Float64,support Int64,predicted Int64".into(),
        ),
        ("r/confusion.parquet", "truth Utf8,prediction Utf8,count Int64".into()),
        ("r/reliability.parquet", "low Float64,high Float64,rows Int64,mean_score Float64,accuracy Float64".into()),
        ("r/risk_coverage.parquet", "score Float64,coverage Float64,risk Float64".into()),
        (
            "runs.parquet",
            format!(
                "run Int32,command Utf8,head Utf8,input Utf8,settings Utf8,figures Utf8,\
                 top1 Float64,top5 Float64,macro_f1 Float64,ece Float64,aurc Float64,\
                 loss Float64,seconds Float64,curve List(Struct({point}))"
            ),
        ),
        (
            "figures.parquet",
            "rows Int64,errors Int64,strangers Int64,strangers_accepted Float64,unknown_truth Int64,classes Int64,\
             top1 Float64,top1_low Float64,top1_high Float64,top5 Float64,top5_low Float64,top5_high Float64,\
             top1_known Float64,macro_precision Float64,macro_recall Float64,macro_f1 Float64,macro_f1_low Float64,\
             macro_f1_high Float64,weighted_precision Float64,weighted_recall Float64,weighted_f1 Float64,\
             balanced_accuracy Float64,kappa Float64,mcc Float64,ece Float64,ece_low Float64,ece_high Float64,\
             brier Float64,aurc Float64,aurc_low Float64,aurc_high Float64,eaurc Float64,coverage Float64,\
             accepted_accuracy Float64,latency_mean Float64,latency_p95 Float64,throughput Float64"
                .into(),
        ),
    ];
    for (name, columns) in expected {
        let schema = name.trim_start_matches("r/").trim_end_matches(".parquet");
        let version = env!("CARGO_PKG_VERSION");
        let footer = format!("pokedex.schema={schema},pokedex.schema_version=1,pokedex.version={version},");
        assert_eq!(describe(&dir, name).replace('\n', ","), format!("{columns},{footer}"), "{name}");
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

/// `pokedex schema`: the command line as JSON.
mod command {
    use serde_json::Value;

    use crate::workdir::Workdir;

    fn schema() -> Value {
        serde_json::from_str(&Workdir::new().pokedex("schema").ok().text()).expect("JSON")
    }

    /// The flags that a help text shows.
    fn shown(help: &str) -> Vec<String> {
        let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        let long = |line: &str| {
            let start = line.find("--")?;
            let name: String = line[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            Some(name)
        };
        lines.filter_map(long).collect()
    }

    #[test]
    fn it_says_what_the_help_says() {
        fn compare(path: &str, command: &Value) {
            let mut flags: Vec<String> = Vec::new();
            for flag in command["flags"].as_array().expect("flags") {
                flags.push(flag["long"].as_str().expect("every flag has a long name").into());
            }
            let help = Workdir::new().pokedex(&format!("{path} --help")).ok().text();
            let mut shown = shown(help.split("\nExamples:").next().expect("a part"));
            flags.sort();
            shown.sort();
            // A text that goes on in the next line may begin with a flag's name.
            shown.dedup();
            assert_eq!(flags, shown, "{path}");
            for argument in command["arguments"].as_array().expect("arguments") {
                for value in argument["values"].as_array().expect("names of values") {
                    assert!(help.contains(value.as_str().expect("a name")), "{path}: {value}");
                }
            }
            for nested in command["commands"].as_array().into_iter().flatten() {
                let name = nested["name"].as_str().expect("a name");
                if name != "help" {
                    compare(&format!("{path} {name}"), nested);
                }
            }
        }
        let schema = schema();
        let commands = schema["commands"].as_array().expect("commands");
        let names: Vec<&str> = commands.iter().filter_map(|command| command["name"].as_str()).collect();
        let all: Vec<String> = pokedex::cli::command().get_subcommands().map(|c| c.get_name().into()).collect();
        assert_eq!(names, all);
        commands.iter().for_each(|command| compare(command["name"].as_str().expect("a name"), command));
    }

    #[test]
    fn it_knows_exit_codes_and_columns() {
        let schema = schema();
        let codes: Vec<i64> =
            schema["exit_codes"].as_array().expect("codes").iter().filter_map(|code| code["code"].as_i64()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tables.md");
        let docs = std::fs::read_to_string(docs).expect("readable");
        let table = docs.split("\n## ").next().expect("a part");
        let mut told = Vec::new();
        for line in table.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches(['|', ' ']).splitn(3, " | ").collect();
            for name in cells[0].split(", ") {
                told.push((name.trim_matches('`').to_string(), cells[1].to_string(), cells[2].to_string()));
            }
        }
        let text = |column: &Value, name: &str| column[name].as_str().expect("a text").to_string();
        let columns = schema["columns"].as_array().expect("columns").iter();
        let columns: Vec<_> = columns.map(|c| (text(c, "name"), text(c, "type"), text(c, "meaning"))).collect();
        assert_eq!(columns, told);
        let one = Workdir::new().pokedex("schema --command query").ok().text();
        assert!(one.contains("\"--top\"") && !one.contains("\"--ratios\""));
        assert!(Workdir::new().pokedex("schema --command qurey").failed(2).contains("no such command"));
    }
}
