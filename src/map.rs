//! `map`: lays the vectors of a table out in the plane, so that near ones are near, and tells the clusters that can be seen.
//!
//! Hides: how neighbours are found, how places are optimised, where clusters begin and end and what they are called. Promises:
//! the same rows and options give the same places, whatever the number of threads and the order of the rows; rows of equal
//! vectors are at one place; a row that is placed into an earlier map moves none of that map's rows, and its place does not depend
//! on other new rows.
//!
//! The method is UMAP (McInnes, Healy and Melville, arXiv:1802.03426) or the two principal components.

mod arithmetic;
mod clusters;
mod fuzzy;
mod islands;
mod labels;
mod layout;
mod make;
mod neighbours;
mod old;
mod plane;
mod plot;
mod principal;
mod rows;
mod spectral;
mod view;

pub use make::{Made, Placed, map, place};
pub use plot::{Format, Group, Label, Plot};
pub use view::{Colours, Places, View};

use std::path::PathBuf;
use std::str::FromStr;

use crate::stage;
use crate::table::column;

/// The columns that a map adds.
pub const X: &str = "x";
/// See [`X`].
pub const Y: &str = "y";
/// The number of a row's cluster, the largest being 0; null where a row is in none.
pub const CLUSTER: &str = "cluster";
/// What a row's cluster is called, where something is found that tells it from others.
pub const CLUSTER_LABEL: &str = "cluster_label";

/// The footer's key of a map's settings.
const SETTINGS: &str = "map";

/// How vectors are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Method {
    /// Near rows near each other, whatever becomes of far ones
    Umap,
    /// Along the two directions in which the vectors differ most
    Pca,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Umap => "umap",
            Method::Pca => "pca",
        }
    }
}

/// Which clusters are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clusters {
    /// As many as stand out.
    Auto,
    /// So many, or as many as there are.
    Count(usize),
    /// None.
    None,
}

impl FromStr for Clusters {
    type Err = String;

    fn from_str(text: &str) -> Result<Clusters, String> {
        match text {
            "auto" => Ok(Clusters::Auto),
            "none" => Ok(Clusters::None),
            count => match count.parse() {
                Ok(count @ 1..=1000) => Ok(Clusters::Count(count)),
                _ => Err("expected auto, none or a number from 1 to 1000".into()),
            },
        }
    }
}

/// How a table is laid out.
#[derive(Debug, Clone)]
pub struct Options {
    /// The method.
    pub method: Method,
    /// How many rows a row's surroundings have, itself among them: fewer show what is fine, more what is large.
    pub neighbours: usize,
    /// How near places may be.
    pub min_dist: f64,
    /// Another number gives another map, as good.
    pub seed: u64,
    /// The column that holds the vectors.
    pub column: String,
    /// An earlier map, into which the rows are placed.
    pub into: Option<PathBuf>,
    /// Which clusters are told.
    pub clusters: Clusters,
    /// On so many threads; the map does not depend on it.
    pub threads: usize,
}

impl Default for Options {
    /// UMAP with the defaults of its authors.
    fn default() -> Options {
        Options {
            method: Method::Umap,
            neighbours: 15,
            min_dist: 0.1,
            seed: 0,
            column: column::EMBEDDING.into(),
            into: None,
            clusters: Clusters::Auto,
            threads: stage::processors(),
        }
    }
}

/// Places of distinct vectors, and their clusters.
struct Laid {
    places: Vec<layout::Place>,
    clusters: Vec<Option<u32>>,
    /// What each cluster is called.
    names: Vec<Option<String>>,
}
