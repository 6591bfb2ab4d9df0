//! A graph of near rows: search of millions of vectors that looks at some thousand of them.
//!
//! Hides: how the graph is grown, walked, stored and mapped. Promises: the same rows and options give the same bytes
//! whatever the number of threads; opening costs some microseconds per 8192 rows; what a file contains never ends the
//! program; scores are those of [`Flat`], best first, the first of equals before the others.
//!
//! The graph is Vamana (Subramanya et al., DiskANN, NeurIPS 2019), grown in batches as ParlayANN (Manohar et al., PPoPP
//! 2024) does: the neighbours of a batch's rows are looked for in the graph as it stands, in parallel; then edges back
//! to them are added, grouped by the row that they leave from. Walks compare codes; what they find is ranked by vectors.

mod build;
mod file;
mod walk;

use arrow_buffer::ScalarBuffer;

use super::Error;
use super::codes::{Codes, Query, dot};
use super::flat::{Flat, Wanted};
use walk::{Ground, NONE, Walk, prefetch};

/// How a graph is grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// How many neighbours a row has at most.
    pub degree: usize,
    /// How many rows are kept in sight while a row's neighbours are looked for.
    pub beam: usize,
    /// A row is no neighbour where a nearer neighbour is this many times nearer to it, by 1 - cosine. At least 1; more
    /// than 1 keeps edges that lead far.
    pub alpha: f32,
}

impl Default for Growth {
    /// Measured on a million vectors, see `benches/peers/graph.py`.
    fn default() -> Growth {
        Growth { degree: 48, beam: 80, alpha: 1.1 }
    }
}

/// How many rows a search keeps in sight where nothing else is said.
pub const BEAM: usize = 64;

/// For each row of an index, some rows that are near it and lead on.
#[derive(Debug)]
pub struct Graph {
    /// What to call it in a message.
    name: String,
    /// Lists of `degree` neighbours, of 8192 rows each but for the last; [`NONE`] ends a list early.
    chunks: Vec<ScalarBuffer<u32>>,
    rows: usize,
    degree: usize,
    /// The rows at which a walk begins; none only where there are no rows.
    entries: Vec<u32>,
}

/// Binary logarithm of the rows of a chunk.
const SHIFT: usize = 13;
const CHUNK: usize = 1 << SHIFT;

/// How many rows beyond twice those asked for are ranked by their vectors: rounding to codes seldom moves a row farther.
const SPARE: usize = 16;

impl Graph {
    /// Grows a graph of all rows. `progress` is told how many rows are in it.
    ///
    /// # Panics
    /// There are more rows than fit in 32 bits.
    pub fn build(codes: &Codes, growth: Growth, progress: impl FnMut(usize)) -> Graph {
        build::build(codes, growth, progress)
    }

    fn new(lists: Vec<u32>, degree: usize, entries: Vec<u32>) -> Graph {
        let (rows, size) = (lists.len() / degree, CHUNK * degree);
        let all = ScalarBuffer::from(lists);
        let chunks = (0..all.len()).step_by(size).map(|at| all.slice(at, size.min(all.len() - at))).collect();
        Graph { name: "graph".into(), chunks, rows, degree, entries }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The `top` rows with the greatest cosine to a query, as far as they are found, best first. The more rows are kept in
    /// sight (`beam`), the more of them are found, and the longer it takes.
    ///
    /// # Errors
    /// The graph is of another table, or it or the vectors are damaged.
    pub fn search(&self, flat: &Flat, wanted: &Wanted, top: usize, beam: usize) -> Result<Vec<(u32, f32)>, Error> {
        if flat.vectors.len() != self.rows {
            let problem = format!("has {} rows, and the index {}", self.rows, flat.vectors.len());
            return Err(Error::Beside { name: self.name.clone(), problem });
        }
        let allowed = &wanted.allowed;
        let reach = top.saturating_add(allowed.without.len()).min(self.rows);
        let ground = From { graph: self, codes: &flat.codes, query: Query::new(wanted.vector) };
        let mut walk = Walk::default();
        let width = beam.max(reach);
        match allowed.filter {
            None => walk.run(&ground, &self.entries, width)?,
            Some(filter) => walk.run_filtered(&ground, &self.entries, width, |row| filter.value(row as usize))?,
        }
        walk.beam.truncate(reach.saturating_mul(2).saturating_add(SPARE));
        walk.beam.retain(|near| allowed.without.binary_search(&near.row()).is_err());
        walk.beam.iter().for_each(|near| prefetch(flat.vectors.row(near.row() as usize)));
        let rank = |row: u32| Ok((row, flat.cosine(wanted.vector, row as usize)?));
        let mut found = walk.beam.iter().map(|near| rank(near.row())).collect::<Result<Vec<(u32, f32)>, Error>>()?;
        found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(top);
        Ok(found)
    }
}

/// A query on its way.
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
            false => {
                let problem = format!("is damaged: a neighbour of row {row} does not exist");
                Err(Error::Beside { name: self.graph.name.clone(), problem })
            }
        }
    }

    fn prepare(&self, row: u32) {
        prefetch(self.codes.codes.row(row as usize));
    }

    fn score(&self, row: u32) -> f32 {
        // The query's own scale is the same for all.
        self.codes.scales.row(row as usize)[0] * dot(&self.query.numbers, self.codes.codes.row(row as usize)) as f32
    }
}
