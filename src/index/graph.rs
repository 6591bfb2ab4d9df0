//! A graph of near rows: search of millions of vectors that looks at some thousand of them.
//!
//! Hides: how the graph is grown, walked, stored and mapped. Promises: the same rows and options give the same bytes
//! whatever the number of threads; opening takes the same time whatever the number of rows; what a file contains never
//! ends the program; scores are exact cosines, ties in the order of the rows.
//!
//! The graph is Vamana (Subramanya et al., DiskANN, NeurIPS 2019), grown in batches as ParlayANN (Manohar et al., PPoPP
//! 2024) does: the rows of a batch are searched for in parallel in the graph as it stands, then edges back to them are
//! grouped by the row that they leave from. Walks compare 8-bit codes; what they find is compared by the vectors.

mod build;
mod file;
mod walk;

use arrow_buffer::{BooleanBuffer, ScalarBuffer};

use super::Chunked;
use super::codes::{Codes, Query};
use walk::{Ground, NONE, Walk};

/// What can go wrong with a graph.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Io(#[from] crate::io::Error),
    #[error("{name}: not a sound graph: {problem}")]
    Unsound { name: String, problem: String },
    #[error("{name}: is the graph of another table")]
    OtherTable { name: String },
}

/// How a graph is grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How many neighbours a row has at most.
    pub degree: usize,
    /// How many rows are kept in sight while a row's neighbours are looked for.
    pub beam: usize,
    /// A row is no neighbour where another neighbour is this many times nearer to it. 1 or more.
    pub alpha: f32,
    /// Number of rows at which a walk begins.
    pub entries: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { degree: 32, beam: 64, alpha: 1.2, entries: 1 }
    }
}

/// For each row of a table, some rows that are near it and lead further.
#[derive(Debug)]
pub struct Graph {
    /// What to call it in a message.
    name: String,
    /// `CHUNK` rows of `degree` numbers each; the last may have fewer. [`NONE`] ends a list early.
    chunks: Vec<ScalarBuffer<u32>>,
    rows: usize,
    degree: usize,
    /// The rows at which a walk begins.
    entries: Vec<u32>,
}

/// Binary logarithm of the rows of a chunk.
const SHIFT: usize = 13;
const CHUNK: usize = 1 << SHIFT;

impl Graph {
    /// Grows a graph of all rows.
    pub fn build(codes: &Codes, options: Options, progress: impl FnMut(usize)) -> Graph {
        build::build(codes, options, progress)
    }

    fn of(lists: Vec<u32>, rows: usize, options: Options, entries: Vec<u32>) -> Graph {
        let all = ScalarBuffer::from(lists);
        let size = CHUNK * options.degree;
        let chunks = (0..all.len()).step_by(size).map(|at| all.slice(at, size.min(all.len() - at))).collect();
        Graph { name: "graph".into(), chunks, rows, degree: options.degree, entries }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// The rows of greatest cosine to a query of length 1, at most `k`.
    pub fn search(
        &self,
        codes: &Codes,
        vectors: &Chunked<f32>,
        query: &[f32],
        k: usize,
        beam: usize,
        filter: Option<&BooleanBuffer>,
    ) -> Result<Vec<(u32, f32)>, Error> {
        let mut walk = Walk::new();
        let ground = From { graph: self, codes, query: Query::new(query) };
        let width = beam.max(k);
        match filter {
            None => walk.run(&ground, &self.entries, width)?,
            Some(filter) => walk.run_filtered(&ground, &self.entries, width, |row| filter.value(row as usize))?,
        }
        walk.beam.truncate(k * 2 + RERANKED);
        walk.beam.iter().for_each(|near| walk::prefetch(vectors.row(near.row() as usize)));
        let mut found: Vec<(u32, f32)> =
            walk.beam.iter().map(|near| (near.row(), dot(query, vectors.row(near.row() as usize)))).collect();
        found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(k);
        SCORED.fetch_add(walk.scored, std::sync::atomic::Ordering::Relaxed);
        Ok(found)
    }
}
pub static SCORED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

const RERANKED: usize = 16;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (a.as_chunks::<16>().0, b.as_chunks::<16>().0);
    let mut sums = [0f32; 16];
    for (x, y) in a.iter().zip(b) {
        for i in 0..16 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum()
}

struct From<'a> {
    graph: &'a Graph,
    codes: &'a Codes<'a>,
    query: Query,
}

impl Ground for From<'_> {
    type Error = Error;

    fn neighbours(&self, row: u32) -> Result<&[u32], Error> {
        let row = row as usize;
        let start = (row & (CHUNK - 1)) * self.graph.degree;
        let list = &self.graph.chunks[row >> SHIFT][start..start + self.graph.degree];
        match list.iter().all(|to| (*to as usize) < self.graph.rows || *to == NONE) {
            true => Ok(list),
            false => Err(Error::Unsound { name: self.graph.name.clone(), problem: format!("row {row} has a neighbour that there is not") }),
        }
    }

    fn prepare(&self, row: u32) {
        walk::prefetch(self.codes.codes.row(row as usize));
    }

    fn score(&self, row: u32) -> f32 {
        self.codes.dot(&self.query, row as usize)
    }
}
impl Graph {
    pub fn mean_degree(&self) -> f64 {
        self.chunks.iter().flat_map(|c| c.iter()).filter(|x| **x != NONE).count() as f64 / self.rows as f64
    }
}
