//! Search: from weighted terms and a table of vectors to the rows nearest to them.
//!
//! Hides: how vectors are scored and selected, and how the built-in Pokédex fuses pictures, facts and names.
//! Promises: hits come best first, ties in the order of the table; a row used as a query is never its own answer;
//! vectors of two models are never compared.

pub mod annoy;
mod arrow;
mod beside;
mod best;
mod chunked;
mod codes;
mod cosine;
mod diverse;
mod exact;
mod flat;
pub mod graph;
mod names;
mod nearest;
mod pack;
mod packed;
mod pokedex;
mod promising;
mod rows;
mod search;
mod terms;
mod texts;
mod unfit;
mod vectors;
mod wording;

pub use annoy::{Annoy, Metric};
pub use beside::Kind;
pub(crate) use beside::{
    ANNOY, Approximate, Beside, GRAPH, IDENTITY, KIND, PACKED, RECALL, TREES, beside, files_of, files_of_an_index,
    fingerprint, packed_beside,
};
pub use chunked::Chunked;
pub use codes::{Chunk, Codes};
pub(crate) use cosine::dot;
pub(crate) use diverse::diverse;
pub use exact::Index;
pub use graph::Graph;
pub(crate) use nearest::{Nearest, Neighbours};
pub(crate) use pack::{Check, Packer};
pub use packed::Packed;
pub(crate) use packed::PackedWriter;
pub use pokedex::{Among, Part, Pokedex};
pub use search::{Found, Hit, Order, QueryVector, Search, StillOf, Stored, Worded};
pub use terms::{Term, Weighted, parse_line, parse_terms};
pub use texts::{Reach, Sought, Text};
pub use unfit::Unfit;
pub(crate) use unfit::one_model;
pub use vectors::VectorFile;

use crate::model::{Model, short_id};
use crate::{filter, table};

/// What can go wrong while searching or building an index.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error(transparent)]
    Table(#[from] table::Error),
    #[error(transparent)]
    Filter(#[from] filter::Error),
    #[error(transparent)]
    Annoy(#[from] annoy::Error),
    #[error(transparent)]
    Graph(#[from] graph::Error),
    #[error("{name}: holds vectors of two models, {first} and {other}")]
    TwoModels { name: String, first: String, other: String },
    #[error("{name}: its vectors were made by {index}, and the query would be embedded by {query}")]
    OtherModel { name: String, index: String, query: String },
    /// The base's vectors, where those of an adapter of it are needed.
    #[error(
        "{name}: its vectors were made by {index}, and those of {query}, which adapts it, are not compared with them"
    )]
    NotAdapted { name: String, index: String, query: String, folder: String },
    #[error("{name}: does not say which model made its vectors, and {query} maps only those of {base}")]
    NotKnownToBeAdapted { name: String, query: String, base: String },
    #[error("{name}: does not say which model made its vectors")]
    NoModel { name: String },
    #[error("{name}: its vectors have {index} numbers, those of {query} have {dimension}")]
    OtherDimension { name: String, index: usize, query: String, dimension: usize },
    #[error("{name}: has no row with {what}")]
    NoSuchRow { name: String, what: String },
    #[error("--sort: rows have no order by column `{column}`: {problem}")]
    Order { column: String, problem: String },
    #[error("{name}: no row has a vector in column `{column}`")]
    NoVectors { name: String, column: String },
    #[error("{name}: {problem}")]
    Vectors { name: String, problem: String },
    /// A file beside an index, which makes searching it quicker, cannot be used.
    #[error("{name}: {problem}")]
    Beside { name: String, problem: String },
    #[error("the query is empty")]
    EmptyQuery,
    #[error("{term}: {problem}")]
    BadTerm { term: String, problem: &'static str },
    #[error("the terms of the query cancel each other out")]
    NullQuery,
}

impl crate::failure::Hinted for Error {
    fn hint(&self) -> Option<String> {
        Error::hint(self)
    }

    fn is_usage(&self) -> bool {
        match self {
            Error::EmptyQuery | Error::BadTerm { .. } | Error::NullQuery => true,
            Error::Filter(error) => error.is_usage(),
            _ => false,
        }
    }
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Table(e) => return e.hint(),
            Error::Filter(e) => return e.hint(),
            Error::Annoy(e) => return e.hint(),
            Error::Graph(e) => return e.hint(),
            Error::TwoModels { first, .. } => {
                let name = model_name(first);
                format!("embed all rows by one model: pokedex embed INPUT --model {name} -o embeddings.parquet")
            }
            Error::OtherModel { query, .. } => {
                let name = model_name(query);
                format!(
                    "pokedex embed INPUT --model {name} -o embeddings.parquet, then index it again; or query with --model of the index"
                )
            }
            Error::NotAdapted { name, folder, .. } => {
                format!("pokedex index {name} --model {folder} -o adapted.parquet, and no picture is embedded again")
            }
            Error::NotKnownToBeAdapted { name, base, .. } => {
                format!(
                    "where {} made them: pokedex index {name} --model {} -o index.parquet, then index that",
                    short_id(base),
                    model_name(base)
                )
            }
            Error::NoModel { .. } => {
                "say which it was with --model NAME, or --model unknown to search by stored rows only (id:N, key:NAME)"
                    .into()
            }
            Error::OtherDimension { .. } => {
                "embed the table by the model that embeds the query, or name the right one with --model".into()
            }
            Error::NoSuchRow { .. } => "`pokedex export INDEX --format csv` lists the rows".into(),
            Error::Order { .. } => "numbers, texts and times can be ordered: --sort speed:desc".into(),
            Error::NoVectors { .. } => "`pokedex embed INPUT -o embeddings.parquet` makes sound vectors".into(),
            Error::Vectors { .. } => {
                "vectors are a .npy file of float32 with a row each, or a table with a column of them".into()
            }
            Error::Beside { .. } => "make the index again: pokedex index EMBEDDINGS -o INDEX.parquet".into(),
            Error::EmptyQuery => "pokedex query \"fire dog\" --top 5".into(),
            Error::BadTerm { .. } => {
                "terms: words, ./picture.png, img:picture.png, id:25, key:NAME, joined by + or -, weighted as 2:words"
                    .into()
            }
            Error::NullQuery => "give one of them another weight: 2:words".into(),
        })
    }
}

/// Vectors of one model, where those of another are needed, both by their short identities.
pub(crate) fn other_model(name: &str, index: &str, query: &Model) -> Error {
    let (name, index, id) = (name.to_string(), index.to_string(), query.id().to_string());
    match query.adapter().filter(|adapter| adapter.base.to_string() == index) {
        Some(adapter) => Error::NotAdapted { name, index, query: id, folder: adapter.folder() },
        None => Error::OtherModel { name, index, query: id },
    }
}

fn model_name(id: &str) -> &str {
    id.split_once('@').map_or(id, |(name, _)| name)
}
