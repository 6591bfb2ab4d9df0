//! A graph of near rows: search of millions of vectors that looks at some thousand of them.
//!
//! Hides: how the graph is grown, walked, stored and mapped. Promises: the same rows and options give the same bytes
//! whatever the number of threads; opening costs some microseconds per 8192 rows; what a file contains never ends the
//! program; scores are exact cosines, best first, the first of equals before the others.
//!
//! The graph is Vamana (Subramanya et al., DiskANN, NeurIPS 2019), grown in batches as ParlayANN (Manohar et al., PPoPP
//! 2024) does: the neighbours of a batch's rows are looked for in the graph as it stands, in parallel; then edges back
//! to them are added, grouped by the row that they leave from. Walks compare codes; what they find is ranked by vectors.
//!
//! Rows that are much alike, the stills of a film or a burst of photographs, know nobody but each other once there are
//! more of them than a row has neighbours: an island. So the graph is kept as it was when it held an eighth of its rows,
//! a 64th, and so on, in which an island has few rows: a walk of each of these levels finds where to begin in the next
//! (the levels of HNSW, Malkov and Yashunin, 2018). Where there are no islands there are no levels. Rows of one code are
//! one node, and a search whose best rows the codes cannot tell apart looks at more of them.

mod build;
mod file;
mod walk;

use arrow_buffer::{BooleanBuffer, ScalarBuffer};

use super::Chunked;
use super::codes::{Codes, Query, dot};
use super::cosine::{cosine, norm};
use walk::{Astray, Ground, NONE, Walk, prefetch};

/// What can go wrong with a graph.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error(transparent)]
    Io(#[from] crate::io::Error),
    #[error("cannot write the graph: {0}")]
    Write(#[from] arrow_schema::ArrowError),
    #[error("{name}: {problem}")]
    Damaged { name: String, problem: String },
    #[error("{name}: is the graph of another table")]
    OtherTable { name: String },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Io(e) => e.hint(),
            Error::Write(_) => None,
            Error::Damaged { .. } | Error::OtherTable { .. } => {
                Some("make it again: pokedex index EMBEDDINGS --kind graph -o INDEX".into())
            }
        }
    }
}

/// How a graph is grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Options {
    /// How many neighbours a row has at most.
    pub degree: usize,
    /// How many rows are kept in sight while a row's neighbours are looked for.
    pub beam: usize,
    /// A row is no neighbour where a nearer neighbour is this many times nearer to it, by 1 - cosine. At least 1; more
    /// than 1 keeps edges that lead far.
    pub alpha: f32,
}

impl Default for Options {
    /// Measured on 100,000 and on a million vectors of 512 numbers, see `benches/peers/graph.py`.
    fn default() -> Options {
        Options { degree: 48, beam: 80, alpha: 1.1 }
    }
}

/// For each row of an index, some rows that are near it and lead on.
#[derive(Debug)]
pub struct Graph {
    /// What to call it in a message.
    name: String,
    /// The neighbours of each row. Of rows of one code only the first has any, and only the first is a neighbour.
    rows: Lists,
    /// The next row of the same code, if any: always a later one.
    next: Lists,
    /// The graph as it was with ever fewer rows, the largest first. Their nodes are numbered in the order in which rows
    /// were added, so that a node of one is the same row in all.
    levels: Vec<Lists>,
    /// The row of each node of the largest level.
    order: Lists,
    /// The rows at which a walk begins where there are no levels; none only where there are no rows.
    entries: Vec<u32>,
}

/// Binary logarithm of the rows of a chunk.
const SHIFT: usize = 13;
const CHUNK: usize = 1 << SHIFT;

/// How many rows beyond twice those asked for are ranked by their vectors: rounding to codes seldom moves a row farther.
const SPARE: usize = 16;
/// How many nodes of a level are kept in sight.
const SIGHT: usize = 16;
/// How much farther a search looks at most, where codes cannot tell what is best.
const MUCH: usize = 32;
/// How far, in standard deviations, rounding to codes is taken to move a score.
const DEVIATIONS: f32 = 4.0;

/// As many numbers for each of some nodes, in chunks of 8192 nodes but for the last.
#[derive(Debug, Default)]
struct Lists {
    chunks: Vec<ScalarBuffer<u32>>,
    len: usize,
    width: usize,
    /// All numbers are less, or [`NONE`], which ends a list early.
    below: usize,
}

impl Lists {
    fn new(numbers: Vec<u32>, width: usize, below: usize) -> Lists {
        let (len, size) = (numbers.len() / width, CHUNK * width);
        let all = ScalarBuffer::from(numbers);
        let chunks = (0..all.len()).step_by(size).map(|at| all.slice(at, size.min(all.len() - at))).collect();
        Lists { chunks, len, width, below }
    }

    /// The list of a node; a file may hold anything.
    fn get(&self, node: u32) -> Result<&[u32], Astray> {
        let at = node as usize;
        let start = (at & (CHUNK - 1)) * self.width;
        let list = &self.chunks[at >> SHIFT][start..start + self.width];
        match list.iter().all(|to| (*to as usize) < self.below || *to == NONE) {
            true => Ok(list),
            false => Err(Astray(node)),
        }
    }

    /// The only number of a node.
    fn one(&self, node: u32) -> Result<Option<u32>, Astray> {
        Ok(Some(self.get(node)?[0]).filter(|number| *number != NONE))
    }
}

impl Graph {
    /// Grows a graph of all rows. `progress` is told how many rows were added, again and again.
    ///
    /// # Panics
    /// There are more rows than fit in 32 bits.
    pub(crate) fn build(codes: &Codes, options: Options, progress: impl FnMut(usize)) -> Graph {
        build::build(codes, options, progress)
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len
    }

    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.rows.len == 0
    }

    /// The `top` rows with the greatest cosine to a query of length 1, as far as they are found, best first, the first of
    /// equals before the others; with a filter, of the rows that pass it. The more rows are kept in sight (`beam`), the
    /// more of them are found, and the longer it takes.
    ///
    /// # Errors
    /// The codes or vectors are not those of the graph's table, or the graph is damaged.
    ///
    /// # Panics
    /// The filter has fewer bits than there are rows.
    pub(super) fn search(
        &self,
        codes: &Codes,
        vectors: &Chunked<f32>,
        query: &[f32],
        top: usize,
        beam: usize,
        filter: Option<&BooleanBuffer>,
    ) -> Result<Vec<(u32, f32)>, Error> {
        if codes.codes.len() != self.rows.len || vectors.len() != self.rows.len {
            return Err(Error::OtherTable { name: self.name.clone() });
        }
        if top == 0 || self.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.candidates(codes, query, top, beam.max(top), filter).map_err(|Astray(row)| {
            let problem = format!("is damaged: a neighbour of row {row} does not exist");
            Error::Damaged { name: self.name.clone(), problem }
        })?;
        rows.iter().for_each(|row| prefetch(vectors.row(*row as usize)));
        let ranked = rows.iter().map(|row| {
            let vector = vectors.row(*row as usize);
            (*row, cosine(query, vector, norm(vector)))
        });
        let mut found: Vec<(u32, f32)> = ranked.collect();
        found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(top);
        Ok(found)
    }

    /// The rows that can be among the best by their codes.
    fn candidates(
        &self,
        codes: &Codes,
        query: &[f32],
        top: usize,
        beam: usize,
        filter: Option<&BooleanBuffer>,
    ) -> Result<Vec<u32>, Astray> {
        let ground = From { graph: self, codes, query: Query::new(query) };
        let mut walk = Walk::default();
        let entries = match self.levels.is_empty() {
            true => self.entries.clone(),
            false => walk.descend(&ground, &self.levels, &self.order, SIGHT)?,
        };
        let passes = |row: u32| filter.is_none_or(|filter| filter.value(row as usize));
        let mut width = beam;
        loop {
            match filter {
                None => walk.run(&ground, &entries, width)?,
                Some(_) => walk.run_filtered(&ground, &entries, width, |node| {
                    self.alike(node).find(|row| row.map_or(true, passes)).transpose().map(|row| row.is_some())
                })?,
            }
            let Some(last) = walk.beam.last() else { return Ok(Vec::new()) };
            let least = walk.beam[top.min(walk.beam.len()) - 1];
            let unsure = least.similarity() - ground.rounding(least.row());
            if walk.beam.len() == width && last.similarity() > unsure && width < beam.saturating_mul(MUCH) {
                width *= 2;
                continue;
            }
            let enough = top.saturating_mul(2).saturating_add(SPARE);
            let mut rows = Vec::with_capacity(enough.min(walk.beam.len()));
            for near in &walk.beam {
                if rows.len() >= enough && near.similarity() <= unsure {
                    break;
                }
                for row in self.alike(near.row()) {
                    let row = row?;
                    if passes(row) {
                        rows.push(row);
                    }
                }
            }
            return Ok(rows);
        }
    }

    /// A row and all later ones of the same code.
    fn alike(&self, row: u32) -> impl Iterator<Item = Result<u32, Astray>> + '_ {
        std::iter::successors(Some(Ok(row)), |row| {
            let row = (*row).ok()?;
            match self.next.one(row) {
                // Else a damaged file could lead around for ever.
                Ok(next) => next.map(|next| if next > row { Ok(next) } else { Err(Astray(row)) }),
                Err(astray) => Some(Err(astray)),
            }
        })
    }
}

/// A query on its way.
struct From<'a> {
    graph: &'a Graph,
    codes: &'a Codes<'a>,
    query: Query,
}

impl From<'_> {
    /// What rounding to codes does to a score as [`Ground::score`] gives it: what it took from a row has no more to do
    /// with the query than a random direction has.
    fn rounding(&self, row: u32) -> f32 {
        let lost = self.codes.errors.row(row as usize)[0];
        DEVIATIONS * lost / (self.query.numbers.len() as f32).sqrt() / self.query.scale
    }
}

impl Ground for From<'_> {
    fn neighbours(&self, row: u32) -> Result<&[u32], Astray> {
        self.graph.rows.get(row)
    }

    fn prepare(&self, row: u32) {
        prefetch(self.codes.codes.row(row as usize));
    }

    fn score(&self, row: u32) -> f32 {
        // The query's own scale is the same for all.
        self.codes.scales.row(row as usize)[0] * dot(&self.query.numbers, self.codes.codes.row(row as usize)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::codes::encode;
    use super::super::cosine::dot as exact_dot;
    use super::*;

    const WIDTH: usize = 24;

    struct Table {
        vectors: Vec<f32>,
        codes: Vec<i8>,
        scales: Vec<f32>,
        errors: Vec<f32>,
    }

    impl Table {
        fn new(vectors: Vec<f32>) -> Table {
            let mut codes = vec![0; vectors.len()];
            let rows = vectors.chunks(WIDTH).zip(codes.chunks_mut(WIDTH));
            let (scales, errors) = rows.map(|(vector, code)| encode(vector, code)).unzip();
            Table { vectors, codes, scales, errors }
        }

        /// Rows in clusters of uneven size, of length 1.
        fn clustered(rows: usize, seed: u64) -> Table {
            let uniform = |n: u64| (build::mixed(n) >> 40) as f32 / (1 << 23) as f32 - 1.0;
            let normal = |n: u64| (0..4).map(|i| uniform(n * 4 + i)).sum::<f32>();
            let row = |row: u64| -> Vec<f32> {
                let draw = (uniform(seed ^ (row << 20)) + 1.0) / 2.0;
                let cluster = (draw * draw * 50.0) as u64;
                let number = |i| 2.0 * normal(cluster << 32 | i) + normal(seed << 48 | row << 8 | i);
                let mut vector: Vec<f32> = (0..WIDTH as u64).map(number).collect();
                let length = norm(&vector) as f32;
                vector.iter_mut().for_each(|x| *x /= length);
                vector
            };
            Table::new((0..rows as u64).flat_map(row).collect())
        }

        fn codes(&self) -> Codes<'_> {
            Codes {
                codes: chunks(&self.codes, WIDTH),
                scales: chunks(&self.scales, 1),
                errors: chunks(&self.errors, 1),
            }
        }

        fn vectors(&self) -> Chunked<'_, f32> {
            chunks(&self.vectors, WIDTH)
        }

        fn graph(&self) -> Graph {
            Graph::build(&self.codes(), Options::default(), |_| ())
        }

        fn search(&self, graph: &Graph, query: &[f32], top: usize, filter: Option<&BooleanBuffer>) -> Vec<(u32, f32)> {
            graph.search(&self.codes(), &self.vectors(), query, top, 64, filter).expect("a sound graph")
        }

        /// The true answer, by looking at all.
        fn nearest(&self, query: &[f32], top: usize, passes: impl Fn(usize) -> bool) -> Vec<u32> {
            let score = |(row, vector)| (row, exact_dot(query, vector));
            let mut all: Vec<(usize, f32)> = self.vectors.chunks(WIDTH).enumerate().map(score).collect();
            all.retain(|(row, _)| passes(*row));
            all.sort_by(|a, b| b.1.total_cmp(&a.1));
            all.iter().take(top).map(|(row, _)| *row as u32).collect()
        }
    }

    fn chunks<T>(numbers: &[T], width: usize) -> Chunked<'_, T> {
        Chunked::new(numbers.chunks(width << SHIFT).collect(), width, SHIFT as u32).expect("chunks of 8192 rows")
    }

    fn bytes(graph: &Graph) -> Vec<u8> {
        let mut out = Vec::new();
        graph.write(&mut out, "this").expect("memory takes all");
        out
    }

    fn read(bytes: Vec<u8>) -> Result<Graph, Error> {
        Graph::read("test.graph".into(), bytes.into(), "this")
    }

    #[test]
    fn most_of_the_nearest_rows_are_found() {
        let (table, asked) = (Table::clustered(9000, 1), Table::clustered(200, 2));
        let graph = read(bytes(&table.graph())).expect("a sound graph");
        let filter: BooleanBuffer = (0..9000).map(|row| build::mixed(row).is_multiple_of(20)).collect();
        for filter in [None, Some(&filter)] {
            let mut hits = 0;
            for query in asked.vectors.chunks(WIDTH) {
                let truth = table.nearest(query, 10, |row| filter.is_none_or(|filter| filter.value(row)));
                let found = table.search(&graph, query, 10, filter);
                let own = found.iter().filter(|(row, _)| truth.contains(row)).count();
                assert!(own > 0, "a query that finds nothing of what it should");
                assert!(found.is_sorted_by(|a, b| a.1 >= b.1), "best first");
                hits += own;
            }
            assert!(hits > 1950, "{hits} of 2000, filter: {}", filter.is_some());
        }
    }

    #[test]
    fn the_number_of_threads_does_not_show() {
        let table = Table::clustered(3000, 3);
        let built = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| bytes(&table.graph()))
        });
        assert!(built.iter().all(|bytes| *bytes == built[0]));
    }

    #[test]
    fn tables_of_any_size_are_searched() {
        for rows in [0, 1, 2, 3, 47, 48, 49, 100] {
            let table = Table::clustered(rows, 4);
            let graph = read(bytes(&table.graph())).expect("a sound graph");
            assert_eq!(graph.len(), rows);
            let asked = Table::clustered(1, 5);
            let found: Vec<u32> = table.search(&graph, &asked.vectors, 10, None).iter().map(|(row, _)| *row).collect();
            assert_eq!(found, table.nearest(&asked.vectors, 10, |_| true), "{rows}");
        }
    }

    /// Copies of some rows, moved by noise of this length, in an order that has nothing to do with what they are like;
    /// the last of them are queries.
    fn copies(of: usize, times: usize, noise: f32, seed: u64) -> (Table, Vec<f32>) {
        let uniform = |n: u64| (build::mixed(n) >> 40) as f32 / (1 << 23) as f32 - 1.0;
        let normal = |n: u64| (0..4).map(|i| uniform(n * 4 + i)).sum::<f32>();
        let number = |row: u64, i: u64| normal(seed << 50 | row << 8 | i);
        let mut rows: Vec<(u64, Vec<f32>)> = Vec::new();
        for row in 0..(of * times + 100) as u64 {
            let centre = build::mixed(row) % of as u64;
            let mut vector: Vec<f32> = (0..WIDTH as u64).map(|i| number(centre, i)).collect();
            let length = norm(&vector) as f32;
            vector.iter_mut().for_each(|x| *x /= length);
            let spread = noise / (WIDTH as f32 * 4.0 / 3.0).sqrt();
            vector.iter_mut().zip(0..).for_each(|(x, i)| *x += spread * number(1000 + row, i));
            let length = norm(&vector) as f32;
            vector.iter_mut().for_each(|x| *x /= length);
            rows.push((centre, vector));
        }
        let numbers: Vec<f32> = rows.into_iter().flat_map(|(_, vector)| vector).collect();
        let (base, asked) = numbers.split_at(of * times * WIDTH);
        (Table::new(base.to_vec()), asked.to_vec())
    }

    #[test]
    fn many_rows_that_are_nearly_alike_are_no_islands() {
        for (of, times, noise) in [(40, 80, 0.0), (40, 80, 0.001), (40, 80, 0.05), (80, 40, 0.01)] {
            let (table, asked) = copies(of, times, noise, 1);
            let graph = read(bytes(&table.graph())).expect("a sound graph");
            let third: BooleanBuffer = (0..of * times).map(|row| build::mixed(row as u64).is_multiple_of(3)).collect();
            for filter in [None, Some(&third)] {
                let mut hits = 0;
                for query in asked.chunks(WIDTH) {
                    let truth = table.nearest(query, 10, |row| filter.is_none_or(|filter| filter.value(row)));
                    // Rows as near as the tenth are as good.
                    let last = truth.last().expect("more than ten rows");
                    let least = exact_dot(query, table.vectors().row(*last as usize)) - 1e-6;
                    let found = table.search(&graph, query, 10, filter);
                    hits += found.iter().filter(|(_, score)| *score >= least).count();
                }
                assert!(hits >= 970, "{hits} of 1000: {of} x {times}, noise {noise}, filter {}", filter.is_some());
            }
        }
    }

    #[test]
    fn equal_rows_are_all_reached() {
        let one = Table::clustered(1, 6).vectors;
        let table = Table::new(one.repeat(1000));
        let graph = read(bytes(&table.graph())).expect("a sound graph");
        let rows =
            |top, filter| -> Vec<u32> { table.search(&graph, &one, top, filter).iter().map(|(row, _)| *row).collect() };
        // The first of equals before the others, as by an exact search.
        assert_eq!(rows(10, None), (0..10).collect::<Vec<_>>());
        assert_eq!(rows(1000, None), (0..1000).collect::<Vec<_>>());
        let even: BooleanBuffer = (0..1000).map(|row| row % 2 == 0).collect();
        assert_eq!(rows(3, Some(&even)), [0, 2, 4]);
        let zero = Table::new(vec![0.0; 200 * WIDTH]);
        assert_eq!(zero.graph().len(), 200);
    }

    #[test]
    fn a_graph_without_levels_is_still_read() {
        let table = Table::clustered(500, 10);
        let graph = table.graph();
        let graph = Graph { levels: Vec::new(), order: Lists::default(), ..graph };
        let graph = read(bytes(&graph)).expect("a sound graph");
        assert_eq!(table.search(&graph, table.vectors().row(7), 1, None)[0].0, 7);
    }

    #[test]
    fn rows_of_one_code_that_lead_around_are_found_out() {
        let table = Table::new(Table::clustered(1, 6).vectors.repeat(3));
        let graph = table.graph();
        assert_eq!(graph.next.chunks[0][..], [1, 2, NONE]);
        let graph = Graph { next: Lists::new(vec![1, 0, NONE], 1, 3), ..graph };
        let error = graph.search(&table.codes(), &table.vectors(), &table.vectors[..WIDTH], 3, 50, None);
        assert!(error.is_err());
    }

    #[test]
    fn a_damaged_file_is_an_error_and_never_a_panic() {
        let table = Table::clustered(300, 7);
        let sound = bytes(&table.graph());
        let attempt = |bytes: Vec<u8>| {
            if let Ok(graph) = read(bytes) {
                let query = &table.vectors[..WIDTH];
                let found = graph.search(&table.codes(), &table.vectors(), query, 5, 300, None);
                assert!(found.is_ok_and(|found| found.len() <= 5) || !graph.is_empty());
            }
        };
        for length in (0..sound.len()).step_by(97).chain(sound.len() - 20..sound.len()) {
            assert!(read(sound[..length].to_vec()).is_err(), "cut to {length} bytes");
        }
        for place in (0..sound.len()).filter(|i| *i < 600 || i + 1500 > sound.len() || i % 101 == 0) {
            for bit in [0x01, 0x80, 0xff] {
                let mut bytes = sound.clone();
                bytes[place] ^= bit;
                attempt(bytes);
            }
        }
    }

    #[test]
    fn a_neighbour_that_there_is_not_is_found_out() {
        let table = Table::clustered(300, 8);
        let graph = table.graph();
        let mut lists = graph.rows.chunks[0].to_vec();
        lists[graph.entries[0] as usize * graph.rows.width] = 300;
        let lists = Lists::new(lists, graph.rows.width, 300);
        let graph = read(bytes(&Graph { rows: lists, levels: Vec::new(), ..graph })).expect("lists are not looked at");
        let error = graph.search(&table.codes(), &table.vectors(), &table.vectors[..WIDTH], 5, 50, None);
        assert!(error.is_err_and(|e| e.to_string().contains("is damaged: a neighbour of row")));
    }

    #[test]
    fn the_graph_of_another_table_is_refused() {
        let (table, other) = (Table::clustered(300, 9), Table::clustered(299, 9));
        let graph = table.graph();
        let error = Graph::read("test.graph".into(), bytes(&graph).into(), "that").expect_err("another identity");
        assert_eq!(error.to_string(), "test.graph: is the graph of another table");
        assert!(graph.search(&other.codes(), &other.vectors(), &table.vectors[..WIDTH], 5, 50, None).is_err());
    }
}
