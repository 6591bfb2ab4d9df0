//! Exact search over packed vectors: codes find the rows that can be among the best, vectors rank them.
//!
//! Promises: the rows and scores are those that looking at every vector gives, to the last bit, however many threads
//! there are; a row is left out only where the bound of [`super::codes`] proves that it is not among the best.

use arrow_buffer::BooleanBuffer;
use multiversion::multiversion;
use rayon::prelude::*;

use super::best::Best;
use super::codes::{Chunk, Codes, Query, dot};
use super::cosine::{cosine, norm};
use super::{Chunked, Error};
use crate::matrix;

/// From this many queries on, a product of matrices scores them all at once; fewer are scored row by row.
const MANY: usize = 16;
/// What the rows promise to so many queries at once may take, in numbers: 64 MB.
const ROOM: usize = 16 << 20;
/// Rows whose codes stay in a processor's nearest cache while every query looks at them.
const NEAR: usize = 32;
/// Queries that are scored at once: their scores for a chunk of 8192 rows take 8 MB.
const BLOCK: usize = 256;

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
        let blocks = queries.chunks(BLOCK).map(|block| self.search_block(block, top));
        Ok(blocks.collect::<Result<Vec<_>, _>>()?.concat())
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
            self.rank(chunk.first, &most, |_| f32::INFINITY, bar, query, &mut own)?;
            Ok(own)
        });
        for other in others.collect::<Result<Vec<_>, Error>>()? {
            best.merge(other);
        }
        Ok(best.into_rows())
    }

    /// Many queries: a product of matrices for every chunk of rows, then the threads share the queries.
    fn search_block(&self, queries: &[Wanted], top: usize) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let zero = matrix::byte_zero();
        let reach = (zero - 1) as i8;
        let coded: Vec<Query> = queries.par_iter().map(|query| Query::in_bytes(query.vector, reach)).collect();
        let fine: Vec<Query> = queries.par_iter().map(|query| Query::new(query.vector)).collect();
        let bytes: Vec<u8> =
            coded.iter().flat_map(|query| &query.numbers).map(|x| (x + i16::from(zero)) as u8).collect();
        let mut found: Vec<Best<()>> = queries.iter().map(|_| Best::new(top)).collect();
        let mut sums = Vec::new();
        for chunk in self.codes.chunks() {
            sums.resize(queries.len() * chunk.len(), 0);
            matrix::bytes_by_transposed(&bytes, chunk.codes, self.vectors.width(), &mut sums);
            let sums = sums.par_chunks_exact(chunk.len());
            let work = found.par_iter_mut().zip(sums).zip(queries.par_iter().zip(coded.par_iter().zip(&fine)));
            work.try_for_each(|((best, sums), (wanted, (query, fine)))| {
                let mut most = promises(&chunk, sums, query, &wanted.allowed);
                if best.worst().is_none() {
                    for row in foremost(&most, top) {
                        self.compare(chunk.first + row, wanted.vector, best)?;
                        most[row] = f32::NEG_INFINITY;
                    }
                }
                // Bytes promise much; what is left is asked again in 16 bits before its vector is looked at.
                let promise = |row: usize| chunk.most(row, fine);
                self.rank(chunk.first, &most, promise, LEAST, wanted.vector, best)
            })?;
        }
        Ok(found.into_iter().map(Best::into_rows).collect())
    }

    /// Compares those rows, from `first` on, that can be among the best and reach `bar`; `most` and `promise` are what the
    /// score of each can be at most.
    fn rank(
        &self,
        first: usize,
        most: &[f32],
        promise: impl Fn(usize) -> f32,
        bar: f32,
        query: &[f32],
        best: &mut Best<()>,
    ) -> Result<(), Error> {
        let (mut from, mut reach) = (0, best.worst().unwrap_or(bar).max(bar));
        while let Some(row) = next_that_reaches(most, from, reach) {
            if promise(row) >= reach {
                self.compare(first + row, query, best)?;
                reach = best.worst().unwrap_or(bar).max(bar);
            }
            from = row + 1;
        }
        Ok(())
    }

    /// Compares a row by its vector.
    fn compare(&self, row: usize, query: &[f32], best: &mut Best<()>) -> Result<(), Error> {
        let vector = self.vectors.row(row);
        let length = norm(vector);
        if !(0.99..1.01).contains(&length) {
            let problem = format!("is damaged: the vector of row {row} is not of length 1");
            return Err(Error::Beside { name: self.name.into(), problem });
        }
        best.offer(cosine(query, vector, length), row as u64, || ());
        Ok(())
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

    #[test]
    fn the_result_is_that_of_looking_at_every_vector() {
        let (rows, width) = (20_000, 40);
        let mut numbers = clustered(rows, width, 1);
        // Equal rows: the first of them must come first.
        numbers.copy_within(5 * width..6 * width, 9_000 * width);
        numbers.copy_within(5 * width..6 * width, 19_999 * width);
        let mut codes = vec![0; numbers.len()];
        let coded = numbers.chunks_exact(width).zip(codes.chunks_exact_mut(width)).map(|(v, c)| encode(v, c));
        let (scales, errors): (Vec<f32>, Vec<f32>) = coded.unzip();
        let chunk = 1 << 13;
        let flat = Flat {
            name: "test",
            vectors: Chunked::new(numbers.chunks(chunk * width).collect(), width, 13).expect("whole"),
            codes: Codes {
                codes: Chunked::new(codes.chunks(chunk * width).collect(), width, 13).expect("whole"),
                scales: Chunked::new(scales.chunks(chunk).collect(), 1, 13).expect("whole"),
                errors: Chunked::new(errors.chunks(chunk).collect(), 1, 13).expect("whole"),
            },
        };
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
}
