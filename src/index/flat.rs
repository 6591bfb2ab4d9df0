//! Exact search over packed vectors: codes find the rows that can be among the best, vectors rank them.
//!
//! Promises: the rows and scores are those that looking at every vector gives, to the last bit, however many threads
//! there are; a row is left out only where the bound of [`super::codes`] proves that it is not among the best.

use std::ops::Range;

use arrow_buffer::BooleanBuffer;
use multiversion::multiversion;
use rayon::prelude::*;

use super::best::Best;
use super::codes::{Chunk, Codes, Query, dot};
use super::cosine::{cosine, norm};
use super::promising::{Promising, Reaching};
use super::{Chunked, Error};
use crate::matrix::{self, PackedBytes};

/// From this many queries on, a product of matrices scores them all at once; fewer are scored row by row.
const MANY: usize = 16;
/// What the rows promise to so many queries at once may take, in numbers: 64 MB.
const ROOM: usize = 16 << 20;
/// Rows whose codes stay in a processor's nearest cache while every query looks at them.
const NEAR: usize = 32;
/// Of many queries, how many a thread scores at once, and for how many rows: the scores take 128 KB and stay in its cache.
const BLOCK: usize = 64;
const TILE: usize = 512;
/// Rows that a query looks at first, while it knows no score that others must reach.
const START: usize = 64;
/// What the codes that are packed at once may take, in bytes.
const PACKED: usize = 64 << 20;

/// What is searched.
pub(super) struct Flat<'a> {
    /// What to call it in a message.
    pub name: &'a str,
    pub vectors: Chunked<'a, f32>,
    pub codes: Codes<'a>,
}

/// Which rows may be found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Allowed<'a> {
    /// A bit a row.
    pub filter: Option<&'a BooleanBuffer>,
    /// Rows that are not to be found, few and in ascending order.
    pub without: &'a [u32],
}

/// A query of length 1 and the rows it may find.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub vector: &'a [f32],
    pub allowed: Allowed<'a>,
}

impl Allowed<'_> {
    /// Whether a row may be found.
    fn allows(&self, row: u32) -> bool {
        self.filter.is_none_or(|filter| filter.value(row as usize)) && self.without.binary_search(&row).is_err()
    }

    /// Whether some row of these may be found.
    fn allows_some(&self, rows: &Chunk) -> bool {
        self.filter.is_none_or(|filter| filter.slice(rows.first, rows.len()).count_set_bits() > 0)
    }
}

/// Queries that are scored at once.
struct Block<'a> {
    wanted: &'a [Wanted<'a>],
    coded: Vec<Query>,
    /// The numbers of all, as products take them.
    bytes: Vec<u8>,
}

impl<'a> Block<'a> {
    fn new(wanted: &'a [Wanted<'a>]) -> Block<'a> {
        let zero = matrix::byte_zero();
        let reach = (zero - 1) as i8;
        let coded: Vec<Query> = wanted.iter().map(|wanted| Query::in_bytes(wanted.vector, reach)).collect();
        let numbers = coded.iter().flat_map(|query| &query.numbers);
        let bytes = numbers.map(|x| (x + i16::from(zero)) as u8).collect();
        Block { wanted, coded, bytes }
    }
}

/// Rows whose codes are packed for products.
struct Tile<'a> {
    rows: Chunk<'a>,
    packed: PackedBytes,
}

impl<'a> Tile<'a> {
    fn new(rows: Chunk<'a>) -> Tile<'a> {
        Tile { rows, packed: PackedBytes::transposed(rows.codes, rows.codes.len() / rows.len()) }
    }
}

impl Flat<'_> {
    /// The `top` rows with the greatest cosine to each query, best first, the first of equals before the others.
    ///
    /// # Errors
    /// A vector is not of length 1: the file is damaged.
    pub(super) fn search(&self, queries: &[Wanted], top: usize) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        if top == 0 {
            return Ok(vec![Vec::new(); queries.len()]);
        }
        if queries.len() < MANY {
            let at_once = (ROOM / self.vectors.len().max(1)).clamp(1, MANY);
            let groups = queries.chunks(at_once).map(|few| self.search_few(few, top));
            return Ok(groups.collect::<Result<Vec<_>, _>>()?.concat());
        }
        self.search_many(queries, top)
    }

    /// Few queries: the threads share the chunks, whose codes are read once for all; then, for each query, of all rows those
    /// that promise most are compared first, so that as few as can be have to be.
    fn search_few(&self, wanted: &[Wanted], top: usize) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let queries: Vec<Query> = wanted.iter().map(|wanted| Query::new(wanted.vector)).collect();
        let chunks: Vec<Chunk> = self.codes.chunks().collect();
        let mut most: Vec<Vec<Vec<f32>>> = vec![Vec::with_capacity(chunks.len()); wanted.len()];
        let promised: Vec<Vec<Vec<f32>>> = chunks.par_iter().map(|chunk| promised(chunk, &queries, wanted)).collect();
        for of_chunk in promised {
            most.iter_mut().zip(of_chunk).for_each(|(most, promises)| most.push(promises));
        }
        wanted.iter().zip(most).map(|(wanted, most)| self.best_of(&chunks, most, wanted.vector, top)).collect()
    }

    /// The best rows for a query, of which is known what each can score at most.
    fn best_of(
        &self,
        chunks: &[Chunk],
        most: Vec<Vec<f32>>,
        query: &[f32],
        top: usize,
    ) -> Result<Vec<(u32, f32)>, Error> {
        // The rows that promise most, wherever they are, set what the others must reach.
        let pairs = |(chunk, most): (&Chunk, &Vec<f32>)| -> Vec<(f32, usize)> {
            foremost(most, top).into_iter().map(|row| (most[row], chunk.first + row)).collect()
        };
        let mut first: Vec<(f32, usize)> = chunks.par_iter().zip(&most).flat_map_iter(pairs).collect();
        first.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        first.truncate(top);
        let mut best = Best::new(top);
        first.iter().try_for_each(|(_, row)| self.compare(*row, query, &mut best))?;
        let bar = best.worst().unwrap_or(LEAST);
        let others = chunks.par_iter().zip(most).map(|(chunk, mut most)| {
            let mut own = Best::new(top);
            let done = first.iter().filter_map(|(_, row)| row.checked_sub(chunk.first));
            done.filter(|row| *row < chunk.len()).for_each(|row| most[row] = f32::NEG_INFINITY);
            self.rank(chunk.first, &most, bar, query, &mut own)?;
            Ok(own)
        });
        for other in others.collect::<Result<Vec<_>, Error>>()? {
            best.merge(other);
        }
        Ok(best.into_rows())
    }

    /// Many queries: the threads share blocks of queries and chunks of rows, so many chunks at a time that none is idle; what
    /// was found in those before sets what a row must reach.
    fn search_many(&self, queries: &[Wanted], top: usize) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let blocks: Vec<Block> = queries.par_chunks(BLOCK).map(Block::new).collect();
        let mut found: Vec<Vec<Best<()>>> =
            blocks.iter().map(|block| block.wanted.iter().map(|_| Best::new(top)).collect()).collect();
        let chunks: Vec<Chunk> = self.codes.chunks().collect();
        let room = PACKED / chunks.iter().map(|chunk| chunk.codes.len()).max().unwrap_or(1);
        let at_once = (2 * rayon::current_num_threads()).div_ceil(blocks.len()).min(room).max(1);
        for chunks in chunks.chunks(at_once) {
            // A product by codes in their own order would pack them for every block anew.
            let chunks: Vec<Vec<Tile>> =
                chunks.par_iter().map(|chunk| chunk.tiles(TILE).map(Tile::new).collect()).collect();
            let tasks: Vec<(usize, &Vec<Tile>)> =
                (0..blocks.len()).flat_map(|block| chunks.iter().map(move |tiles| (block, tiles))).collect();
            let search =
                |(block, tiles): &(usize, &Vec<Tile>)| self.search_tiles(tiles, &blocks[*block], &found[*block], top);
            let all = tasks.par_iter().map(search).collect::<Result<Vec<_>, Error>>()?;
            for ((block, _), all) in tasks.iter().zip(all) {
                found[*block].iter_mut().zip(all).for_each(|(found, best)| found.merge(best));
            }
        }
        Ok(found.into_iter().flatten().map(Best::into_rows).collect())
    }

    /// The best rows of these for each query of a block, as far as they are not worse than those `before`.
    fn search_tiles(
        &self,
        tiles: &[Tile],
        block: &Block,
        before: &[Best<()>],
        top: usize,
    ) -> Result<Vec<Best<()>>, Error> {
        let bars = before.iter().map(|best| best.worst().unwrap_or(LEAST));
        let mut found: Vec<Promising> = bars.map(|bar| Promising::new(top, bar)).collect();
        let (mut sums, mut reaching) = (Vec::new(), vec![Reaching::default(); TILE + 1]);
        for Tile { rows, packed } in tiles {
            let some = |wanted: &Wanted| wanted.allowed.allows_some(rows);
            if !block.wanted.iter().any(some) {
                continue;
            }
            sums.resize(block.wanted.len() * rows.len(), 0);
            packed.product(&block.bytes, &mut sums);
            let queries = block.wanted.iter().zip(&block.coded).zip(sums.chunks_exact(rows.len())).zip(&mut found);
            for (((wanted, query), sums), found) in queries.filter(|(((wanted, _), _), _)| some(wanted)) {
                let mut from = 0;
                while from < rows.len() {
                    let step = if found.bar() <= LEAST { START } else { TILE };
                    let part = from..rows.len().min(from + step);
                    from = part.end;
                    let count = that_reach(rows, part, sums, query, found.bar(), &mut reaching);
                    let offered = reaching[..count].iter().filter(|reaching| wanted.allowed.allows(reaching.row));
                    found.offer(offered.copied(), |row, next| self.score_before(row, next, wanted.vector))?;
                }
            }
        }
        let found = found.into_iter().zip(block.wanted);
        found.map(|(found, wanted)| found.finish(|row, next| self.score_before(row, next, wanted.vector))).collect()
    }

    /// Compares those rows, from `first` on, that can be among the best and reach `bar`; `most` is what the score of each can
    /// be at most.
    fn rank(&self, first: usize, most: &[f32], bar: f32, query: &[f32], best: &mut Best<()>) -> Result<(), Error> {
        let (mut from, mut reach) = (0, best.worst().unwrap_or(bar).max(bar));
        while let Some(row) = next_that_reaches(most, from, reach) {
            self.compare(first + row, query, best)?;
            reach = best.worst().unwrap_or(bar).max(bar);
            from = row + 1;
        }
        Ok(())
    }

    /// Compares a row by its vector.
    fn compare(&self, row: usize, query: &[f32], best: &mut Best<()>) -> Result<(), Error> {
        best.offer(self.score(row, query)?, row as u64, || ());
        Ok(())
    }

    /// The score of a row, of which another comes next.
    fn score_before(&self, row: u32, next: Option<u32>, query: &[f32]) -> Result<f32, Error> {
        if let Some(next) = next {
            matrix::prefetch(self.vectors.row(next as usize));
        }
        self.score(row as usize, query)
    }

    fn score(&self, row: usize, query: &[f32]) -> Result<f32, Error> {
        let vector = self.vectors.row(row);
        let length = norm(vector);
        if !(0.99..1.01).contains(&length) {
            let problem = format!("is damaged: the vector of row {row} is not of length 1");
            return Err(Error::Beside { name: self.name.into(), problem });
        }
        Ok(cosine(query, vector, length))
    }
}

/// What the score of each row of a chunk can be at most; less than [`LEAST`] of rows that may not be found.
fn promises(chunk: &Chunk, sums: &[i32], query: &Query, allowed: &Allowed) -> Vec<f32> {
    let mut most = vec![0.0; chunk.len()];
    bounds(sums, chunk.scales, chunk.errors, query, &mut most);
    if let Some(filter) = allowed.filter {
        let filter = filter.slice(chunk.first, chunk.len());
        most.iter_mut().zip(&filter).filter(|(_, passes)| !passes).for_each(|(most, _)| *most = f32::NEG_INFINITY);
    }
    let from = allowed.without.partition_point(|row| (*row as usize) < chunk.first);
    for row in &allowed.without[from..] {
        match most.get_mut(*row as usize - chunk.first) {
            Some(most) => *most = f32::NEG_INFINITY,
            None => break,
        }
    }
    most
}

/// Below every score, above what rows have that may not be found.
const LEAST: f32 = -2.0;

/// What each row of a chunk can score at most, for each of few queries.
fn promised(chunk: &Chunk, queries: &[Query], wanted: &[Wanted]) -> Vec<Vec<f32>> {
    if let [wanted] = wanted {
        return vec![match dots(chunk, &queries[0], wanted.allowed.filter) {
            Some(sums) => promises(chunk, &sums, &queries[0], &wanted.allowed),
            None => vec![f32::NEG_INFINITY; chunk.len()],
        }];
    }
    let width = chunk.codes.len() / chunk.len();
    let mut sums: Vec<Vec<i32>> = vec![Vec::with_capacity(chunk.len()); queries.len()];
    for rows in chunk.codes.chunks(NEAR * width) {
        for (query, sums) in queries.iter().zip(&mut sums) {
            sums.extend(rows.chunks_exact(width).map(|code| dot(&query.numbers, code)));
        }
    }
    let all = sums.iter().zip(queries).zip(wanted);
    all.map(|((sums, query), wanted)| promises(chunk, sums, query, &wanted.allowed)).collect()
}

/// The dot products of a chunk's codes with the query; only of rows that pass, where they are few, and `None` where
/// there are none.
fn dots(chunk: &Chunk, query: &Query, filter: Option<&BooleanBuffer>) -> Option<Vec<i32>> {
    let width = chunk.codes.len() / chunk.len();
    let filter = filter.map(|filter| filter.slice(chunk.first, chunk.len()));
    match filter.map(|filter| (filter.count_set_bits(), filter)) {
        Some((0, _)) => None,
        Some((few, filter)) if few * 8 < chunk.len() => {
            let mut sums = vec![0; chunk.len()];
            for row in filter.set_indices() {
                sums[row] = dot(&query.numbers, &chunk.codes[row * width..(row + 1) * width]);
            }
            Some(sums)
        }
        _ => Some(chunk.codes.chunks_exact(width).map(|code| dot(&query.numbers, code)).collect()),
    }
}

/// What the score of each row can be at most.
#[multiversion(targets("x86_64+avx2"))]
fn bounds(sums: &[i32], scales: &[f32], errors: &[f32], query: &Query, most: &mut [f32]) {
    let (length, constant) = (query.bound(1.0) - query.bound(0.0), query.bound(0.0));
    for (((most, sum), scale), error) in most.iter_mut().zip(sums).zip(scales).zip(errors) {
        *most = query.scale * scale * (*sum as f32) + length * error + constant;
    }
}

/// Writes those rows of a part of a tile that can score at least `bar`; gives how many there are.
///
/// `out` has room for one more than the part has rows.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn that_reach(rows: &Chunk, part: Range<usize>, sums: &[i32], query: &Query, bar: f32, out: &mut [Reaching]) -> usize {
    const LANES: usize = 16;
    let (scale, length, constant) = (query.scale, query.bound(1.0) - query.bound(0.0), query.bound(0.0));
    let (mut count, mut row) = (0, (rows.first + part.start) as u32);
    let (sums, last_sums) = sums[part.clone()].as_chunks::<LANES>();
    let (scales, last_scales) = rows.scales[part.clone()].as_chunks::<LANES>();
    let (errors, last_errors) = rows.errors[part].as_chunks::<LANES>();
    for ((sums, scales), errors) in sums.iter().zip(scales).zip(errors) {
        // All lanes are looked at, without a branch: so they become a few vector instructions.
        let (mut most, mut bound, mut any) = ([0.0; LANES], [0.0; LANES], false);
        for lane in 0..LANES {
            bound[lane] = length * errors[lane] + constant;
            most[lane] = scale * scales[lane] * sums[lane] as f32 + bound[lane];
            any |= most[lane] >= bar;
        }
        if any {
            // Which of them reach it cannot be foreseen: each is written, and the next one over it where it does not.
            for (most, bound) in most.into_iter().zip(bound) {
                out[count] = Reaching { row, most, least: most - 2.0 * bound };
                count += usize::from(most >= bar);
                row += 1;
            }
        } else {
            row += LANES as u32;
        }
    }
    for ((sum, of), error) in last_sums.iter().zip(last_scales).zip(last_errors) {
        let bound = length * error + constant;
        let most = scale * of * *sum as f32 + bound;
        out[count] = Reaching { row, most, least: most - 2.0 * bound };
        count += usize::from(most >= bar);
        row += 1;
    }
    count
}

/// The rows of the `top` greatest numbers; those that may not be found are not among them.
fn foremost(most: &[f32], top: usize) -> Vec<usize> {
    let mut best = Best::new(top);
    let mut from = 0;
    while let Some(row) = next_that_reaches(most, from, best.worst().unwrap_or(LEAST).max(LEAST)) {
        best.offer(most[row], row as u64, || ());
        from = row + 1;
    }
    best.into_rows().into_iter().map(|(row, _)| row as usize).collect()
}

/// The first row, from this one on, whose number is at least `bar`.
#[multiversion(targets("x86_64+avx2"))]
fn next_that_reaches(most: &[f32], from: usize, bar: f32) -> Option<usize> {
    const LANES: usize = 32;
    let mut start = from;
    while let Some(lanes) = most.get(start..).and_then(|rest| rest.first_chunk::<LANES>()) {
        // All lanes are looked at, without a branch: so they become a few vector instructions.
        if lanes.iter().fold(false, |any, x| any | (*x >= bar)) {
            break;
        }
        start += LANES;
    }
    (start..most.len()).find(|&row| most[row] >= bar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::codes::encode;

    /// Vectors in clusters, so that many scores are close to each other.
    fn clustered(rows: usize, width: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut random = move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 33) as f32 / (1u64 << 31) as f32) - 0.5
        };
        let centres: Vec<Vec<f32>> = (0..7).map(|_| (0..width).map(|_| random() * 4.0).collect()).collect();
        let mut all = Vec::new();
        for row in 0..rows {
            let mut vector: Vec<f32> = centres[row % 7].iter().map(|x| x + random()).collect();
            crate::model::normalise(&mut vector);
            all.extend(vector);
        }
        all
    }

    const CHUNK: usize = 1 << 13;

    /// The codes of vectors.
    struct Coded {
        codes: Vec<i8>,
        scales: Vec<f32>,
        errors: Vec<f32>,
    }

    impl Coded {
        fn new(numbers: &[f32], width: usize) -> Coded {
            let mut codes = vec![0; numbers.len()];
            let coded = numbers.chunks_exact(width).zip(codes.chunks_exact_mut(width)).map(|(v, c)| encode(v, c));
            let (scales, errors): (Vec<f32>, Vec<f32>) = coded.unzip();
            Coded { codes, scales, errors }
        }

        fn flat<'a>(&'a self, numbers: &'a [f32], width: usize) -> Flat<'a> {
            Flat {
                name: "test",
                vectors: Chunked::new(numbers.chunks(CHUNK * width).collect(), width, 13).expect("whole"),
                codes: Codes {
                    codes: Chunked::new(self.codes.chunks(CHUNK * width).collect(), width, 13).expect("whole"),
                    scales: Chunked::new(self.scales.chunks(CHUNK).collect(), 1, 13).expect("whole"),
                    errors: Chunked::new(self.errors.chunks(CHUNK).collect(), 1, 13).expect("whole"),
                },
            }
        }
    }

    #[test]
    fn the_result_is_that_of_looking_at_every_vector() {
        let (rows, width) = (20_000, 40);
        let mut numbers = clustered(rows, width, 1);
        // Equal rows: the first of them must come first.
        numbers.copy_within(5 * width..6 * width, 9_000 * width);
        numbers.copy_within(5 * width..6 * width, 19_999 * width);
        let coded = Coded::new(&numbers, width);
        let flat = coded.flat(&numbers, width);
        let third: BooleanBuffer = (0..rows).map(|row| row % 3 == 0).collect();
        let few: BooleanBuffer = (0..rows).map(|row| row % 997 == 5).collect();
        let none: BooleanBuffer = (0..rows).map(|_| false).collect();
        let queries = clustered(20, width, 2);
        let queries: Vec<&[f32]> =
            std::iter::once(&numbers[5 * width..6 * width]).chain(queries.chunks(width)).collect();
        for filter in [None, Some(&third), Some(&few), Some(&none)] {
            for without in [&[][..], &[0, 5, 6, 9_000]] {
                let allowed = Allowed { filter, without };
                for top in [1, 10, 300, 30_000] {
                    let wanted: Vec<Wanted> = queries.iter().map(|vector| Wanted { vector, allowed }).collect();
                    let plain: Vec<Vec<(u32, f32)>> = queries
                        .iter()
                        .map(|query| {
                            let score = |row: usize| {
                                let vector = flat.vectors.row(row);
                                (row as u32, cosine(query, vector, norm(vector)))
                            };
                            let may =
                                |row: &usize| filter.is_none_or(|f| f.value(*row)) && !without.contains(&(*row as u32));
                            let mut all: Vec<(u32, f32)> = (0..rows).filter(may).map(score).collect();
                            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                            all.truncate(top);
                            all
                        })
                        .collect();
                    assert_eq!(flat.search(&wanted, top).expect("sound"), plain);
                    for few in [1, 2, 7] {
                        assert_eq!(flat.search(&wanted[..few], top).expect("sound"), plain[..few]);
                    }
                }
            }
        }
    }

    #[test]
    fn many_queries_on_any_number_of_threads_find_what_few_do() {
        let width = 8;
        let (numbers, queries) = (clustered(17_001, width, 3), clustered(70, width, 4));
        let coded = Coded::new(&numbers, width);
        let flat = coded.flat(&numbers, width);
        let half: BooleanBuffer = (0..17_001).map(|row| row % 2 == 1 && row > 9_000).collect();
        for filter in [None, Some(&half)] {
            let allowed = Allowed { filter, without: &[7, 9_001] };
            let wanted: Vec<Wanted> = queries.chunks(width).map(|vector| Wanted { vector, allowed }).collect();
            let few: Vec<_> = wanted.chunks(7).flat_map(|few| flat.search(few, 10).expect("sound")).collect();
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                assert_eq!(pool.install(|| flat.search(&wanted, 10)).expect("sound"), few, "{threads} threads");
            }
        }
    }
}
