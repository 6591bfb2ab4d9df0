//! `index info`: what an index is, and whether all of it is sound.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::indexing;
use crate::io::{Sink, Target};
use crate::progress::Progress;
use crate::words::{self, printable};

/// Show what an index is, what lies beside it, and whether that belongs to it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex index info photos.parquet
  pokedex index info photos.parquet --verify
  pokedex index info photos.parquet --json | jq .recall")]
pub(super) struct Info {
    /// The index's table
    index: PathBuf,

    /// Look at every byte of the packed copy; takes a second for some gigabytes
    #[arg(long)]
    verify: bool,

    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Info {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let info = indexing::Info::of(&self.index, self.verify)?;
        let mut sink = Sink::open(&Target::Stdout, false)?;
        let failed = |e| Failure::from(crate::io::Error::Stdout(e));
        if self.json {
            serde_json::to_writer_pretty(&mut sink, &json(&self.index, &info)).map_err(|e| failed(e.into()))?;
            writeln!(sink).map_err(failed)?;
        } else {
            for (name, value) in lines(&info) {
                writeln!(sink, "{name:<10} {}", printable(&value)).map_err(failed)?;
            }
        }
        sink.finish()?;
        if info.problems.is_empty() {
            return Ok(Exit::Done);
        }
        info.problems.iter().for_each(|problem| ui.warn(&problem.to_string()));
        let hint = "make the index again: pokedex index EMBEDDINGS -o INDEX.parquet".to_string();
        Err(Failure::failed(format!("{}: not all that lies beside it can be used", self.index.display()), Some(hint)))
    }
}

fn json(index: &Path, info: &indexing::Info) -> Value {
    let files = info.files.iter().map(|(path, size)| json!({ "path": path.display().to_string(), "bytes": size }));
    json!({
        "index": index.display().to_string(),
        "kind": info.kind.name(),
        "rows": info.rows,
        "dimension": info.dimension,
        "model": info.model,
        "metric": info.metric,
        "columns": info.columns,
        "recall": info.recall,
        "identity": info.identity,
        "files": files.collect::<Vec<_>>(),
        "problems": info.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// What is known of an index, by what it is called.
fn lines(info: &indexing::Info) -> Vec<(&'static str, String)> {
    let mut lines = vec![("kind", info.kind.name().to_string())];
    lines.extend(info.rows.map(|rows| ("rows", rows.to_string())));
    lines.extend(info.dimension.map(|dimension| ("dimension", dimension.to_string())));
    lines.extend(info.model.clone().map(|model| ("model", model)));
    lines.extend(info.metric.clone().map(|metric| ("metric", metric)));
    lines.push(("columns", info.columns.join(", ")));
    lines.extend(info.recall.map(|recall| ("recall", format!("{recall} of the ten nearest rows"))));
    for (path, size) in &info.files {
        let size = size.map_or("missing".to_string(), words::bytes);
        lines.push(("file", format!("{} ({size})", path.display())));
    }
    lines
}
