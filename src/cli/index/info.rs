//! `index info`: what an index is, and whether all of it is sound.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::index::{Beside, Error, IDENTITY, KIND, Kind, PACKED, RECALL, beside};
use crate::io::Sink;
use crate::io::Target;
use crate::progress::Progress;
use crate::table::Source;
use crate::words;
use crate::words::printable;

/// Show what an index is, what lies beside it, and whether that belongs to it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex index info photos.parquet
  pokedex index info photos.parquet --verify
  pokedex index info photos.parquet --json | jq .recall")]
pub struct Info {
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
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let source = Source::open(&self.index, &format!("pokedex index {} -o INDEX.parquet", self.index.display()))?;
        let table = source.table(Some(&|_: &str| false))?;
        let whole = source.table(None)?;
        let footer = table.provenance.clone();
        let (opened, mut problems) = Beside::open(&self.index, &footer);
        if self.verify
            && let Some(opened) = &opened
            && !opened.packed.is_intact()
        {
            let name = opened.packed.name().to_string();
            problems
                .push(Error::Beside { name, problem: "is damaged: its contents are not those of its digest".into() });
        }
        let kind = footer.get(KIND).and_then(Kind::named).unwrap_or(Kind::Table);
        let extensions = [Some(PACKED).filter(|_| kind != Kind::Table), kind.approximate()];
        let files = extensions.into_iter().flatten().map(|extension| beside(&self.index, extension));
        let files: Vec<(PathBuf, Option<u64>)> =
            std::iter::once(self.index.clone()).chain(files).map(|path| (path.clone(), size(&path))).collect();
        let columns: Vec<String> = whole.schema.fields().iter().map(|field| field.name().clone()).collect();
        let (rows, recall) = (table.rows, footer.get(RECALL).and_then(|recall| recall.parse::<f64>().ok()));
        let dimension = footer.get("dimension").and_then(|dimension| dimension.parse::<u64>().ok());
        let mut sink = Sink::open(&Target::Stdout, false)?;
        let failed = |e| Failure::from(crate::io::Error::Stdout(e));
        if self.json {
            let object = json!({
                "index": self.index.display().to_string(),
                "kind": kind.name(),
                "rows": rows,
                "dimension": dimension,
                "model": footer.get("model"),
                "metric": footer.get("metric"),
                "columns": columns,
                "recall": recall,
                "identity": footer.get(IDENTITY),
                "files": files.iter().map(|(path, size)| json!({ "path": path.display().to_string(), "bytes": size })).collect::<Vec<_>>(),
                "problems": problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            });
            serde_json::to_writer_pretty(&mut sink, &object).map_err(|e| failed(e.into()))?;
            writeln!(sink).map_err(failed)?;
        } else {
            let mut lines = vec![("kind", kind.name().to_string())];
            lines.extend(rows.map(|rows| ("rows", rows.to_string())));
            lines.extend(dimension.map(|dimension| ("dimension", dimension.to_string())));
            lines
                .extend(["model", "metric"].into_iter().filter_map(|name| Some((name, footer.get(name)?.to_string()))));
            lines.push(("columns", columns.join(", ")));
            lines.extend(recall.map(|recall| ("recall", format!("{recall} of the ten nearest rows"))));
            for (path, size) in &files {
                let size = size.map_or("missing".to_string(), words::bytes);
                lines.push(("file", format!("{} ({size})", path.display())));
            }
            for (name, value) in lines {
                writeln!(sink, "{name:<10} {}", printable(&value)).map_err(failed)?;
            }
        }
        sink.finish()?;
        match problems.is_empty() {
            true => Ok(Exit::Done),
            false => {
                problems.iter().for_each(|problem| ui.warn(&problem.to_string()));
                let hint = "make the index again: pokedex index EMBEDDINGS -o INDEX.parquet".to_string();
                Err(Failure::failed(
                    format!("{}: not all that lies beside it can be used", self.index.display()),
                    Some(hint),
                ))
            }
        }
    }
}

fn size(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|about| about.len())
}
