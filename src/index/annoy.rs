//! Annoy: a forest of random planes, in the file format of <https://github.com/spotify/annoy> 1.17.
//!
//! Hides: how nodes are laid out in the file, how trees are grown and how they are searched. Promises: spotify's Annoy
//! serves the files of [`build`], and [`Annoy`] serves the files of both; the same vectors and options give the same
//! bytes on any number of threads; no file makes a search panic, or take longer than a few passes over the file.
//!
//! The format: nodes of equally many 32-bit words. The items come first, in order; then the nodes of the trees, children
//! before their parents; last of all a copy of each tree's root. The first word of a node counts the items below it: 1 of
//! an item (0 where an item was left out), and of a root always the number of items. A node with more than fit into its
//! words is a plane with two children; else the words are the items' numbers.

mod build;
mod read;

pub use build::{Options, build};
pub use read::Annoy;

use std::path::PathBuf;

/// What is near; it decides how the nodes of a file are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Metric {
    /// The angle: `sqrt(2 - 2 cosine)`
    #[default]
    Angular,
    /// The distance
    Euclidean,
    /// The greatest inner product
    Dot,
}

impl Metric {
    /// A score, greater is nearer, for what [`Annoy::search`] gives: the cosine, the negative distance, the product.
    pub fn score(self, distance: f32) -> f32 {
        match self {
            Metric::Angular => 1.0 - distance * distance / 2.0,
            Metric::Euclidean => -distance,
            Metric::Dot => distance,
        }
    }

    /// Words of a node before its vector.
    fn head(self) -> usize {
        match self {
            // n_descendants, children[2]; an item has its squared norm where its first child would be.
            Metric::Angular => 3,
            // n_descendants, offset of the plane, children[2].
            Metric::Euclidean => 4,
            // n_descendants, children[2], what lifts an item to the greatest norm.
            Metric::Dot => 4,
        }
    }

    /// The word of the first child.
    fn children(self) -> usize {
        match self {
            Metric::Angular | Metric::Dot => 1,
            Metric::Euclidean => 2,
        }
    }

    /// How many items fit into a node.
    fn bucket(self, dimension: usize) -> usize {
        self.head() + dimension - self.children()
    }
}

/// What can go wrong with an Annoy index.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: cannot read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: is not an Annoy index of {dimension} numbers by this metric: {problem}", path.display())]
    NotAnIndex { path: PathBuf, dimension: usize, problem: &'static str },
    #[error("{}: is a damaged Annoy index: node {node} {problem}", path.display())]
    Damaged { path: PathBuf, node: u32, problem: &'static str },
    #[error("{}: its vectors have {dimension} numbers, the query has {query}", path.display())]
    OtherDimension { path: PathBuf, dimension: usize, query: usize },
    #[error("an Annoy index holds at most 2,147,483,647 nodes, and these vectors and trees need more")]
    TooMany,
    #[error("cannot write: {0}")]
    Write(#[from] std::io::Error),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Read { .. } => "check the spelling and the permissions; it must be a file".into(),
            Error::NotAnIndex { .. } => {
                "give the dimension and the metric (angular, euclidean, dot) that it was built with".into()
            }
            Error::Damaged { .. } => "build it again: pokedex index TABLE --kind annoy -o dex.parquet".into(),
            Error::OtherDimension { .. } => "embed the query by the model that made the index".into(),
            Error::TooMany => "build fewer trees".into(),
            Error::Write(_) => return None,
        })
    }
}
