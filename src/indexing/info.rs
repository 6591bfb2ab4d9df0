//! What an index is, and whether all that lies beside its table is sound.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::index::{Beside, Error, IDENTITY, KIND, Kind, RECALL, beside};
use crate::table::Source;

/// What an index is.
#[derive(Debug)]
pub struct Info {
    /// What makes searching it quick.
    pub kind: Kind,
    /// Number of rows, where it is known without reading them.
    pub rows: Option<u64>,
    /// Numbers of a vector.
    pub dimension: Option<u64>,
    /// The full identity of the model that made its vectors.
    pub model: Option<String>,
    /// How vectors are compared.
    pub metric: Option<String>,
    /// The columns of its table.
    pub columns: Vec<String>,
    /// The share of the ten nearest rows that it finds, where that was measured.
    pub recall: Option<f64>,
    /// The digest of its packed copy.
    pub identity: Option<String>,
    /// Its table, the files that should lie beside it, and how many bytes each has; `None`: it is missing.
    pub files: Vec<(PathBuf, Option<u64>)>,
    /// What of it cannot be used.
    pub problems: Vec<Error>,
}

impl Info {
    /// Of the index with this table. `verify`: every byte of the packed copy is read.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn of(index: &Path, verify: bool) -> Result<Info, Failure> {
        let source = Source::open(index, &format!("pokedex index {} -o INDEX.parquet", index.display()))?;
        let table = source.table(Some(&|_: &str| false))?;
        let whole = source.table(None)?;
        let footer = table.provenance;
        let (opened, mut problems) = Beside::open(index, &footer);
        if verify
            && let Some(opened) = &opened
            && !opened.packed.is_intact()
        {
            let name = opened.packed.name().to_string();
            problems
                .push(Error::Beside { name, problem: "is damaged: its contents are not those of its digest".into() });
        }
        let kind = footer.get(KIND).and_then(Kind::named).unwrap_or(Kind::Table);
        let files = kind.extensions().into_iter().map(|extension| beside(index, extension));
        let text = |key: &str| footer.get(key).map(str::to_string);
        Ok(Info {
            kind,
            rows: table.rows,
            dimension: footer.get("dimension").and_then(|dimension| dimension.parse().ok()),
            model: text("model"),
            metric: text("metric"),
            columns: whole.schema.fields().iter().map(|field| field.name().clone()).collect(),
            recall: footer.get(RECALL).and_then(|recall| recall.parse().ok()),
            identity: text(IDENTITY),
            files: std::iter::once(index.to_path_buf()).chain(files).map(|path| (path.clone(), size(&path))).collect(),
            problems,
        })
    }
}

fn size(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|about| about.len())
}
