//! Vectors in eight bits a number, for finding the few rows that can be among the nearest.
//!
//! Hides: scales, the bounds of what rounding can do, and the vector instructions. Promises: [`dot()`] is a whole
//! number, the same on every machine; with [`Query::bound`] added, a product of codes is never less than the true dot product, so
//! that rows below a threshold can be left out without looking at their vectors.
//!
//! A row v is stored as c, v ≈ s·c with s = max|v| / 127, and e = |v − s·c|. A query q is kept in 16 bits, q ≈ t·d. Then
//!
//! > q·v = t·s·(d·c) + t·d·(v − s·c) + (q − t·d)·v ≤ t·s·(d·c) + |t·d|·e + |q − t·d|·|v|
//!
//! by the inequality of Cauchy and Schwarz. For vectors of length 1 and 512 numbers e is about 0.007.

use multiversion::multiversion;

use super::Chunked;

/// The greatest absolute value of a code: -128 is left out, so that a vector and its negative have the same codes.
const MOST: f32 = 127.0;
/// What rounding in single precision may add to a score, with room to spare: sums of some thousand products of
/// numbers of vectors of length 1 are off by less than 1e-5.
const ROUNDING: f32 = 2e-5;

/// Writes the code of a vector, as long as the vector; gives its scale and the length of what rounding lost.
///
/// # Panics
/// `vector` and `code` have different lengths.
pub(super) fn encode(vector: &[f32], code: &mut [i8]) -> (f32, f32) {
    assert_eq!(vector.len(), code.len(), "a code for every number");
    let most = vector.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let scale = most / MOST;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let mut lost = 0.0f64;
    for (x, code) in vector.iter().zip(code) {
        *code = (x * inverse).round_ties_even().clamp(-MOST, MOST) as i8;
        lost += (f64::from(*x) - f64::from(scale) * f64::from(*code)).powi(2);
    }
    (scale, (lost.sqrt() as f32).next_up())
}

/// The codes of many vectors, borrowed from a mapped file.
#[derive(Debug, Clone)]
pub struct Codes<'a> {
    /// A row of codes a vector.
    pub codes: Chunked<'a, i8>,
    /// What a code of 1 stands for, one number a vector.
    pub scales: Chunked<'a, f32>,
    /// Length of what rounding lost, one number a vector.
    pub errors: Chunked<'a, f32>,
}

/// Rows whose codes lie together.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Number of the first row.
    pub first: usize,
    /// A row of codes a vector, one after the other.
    pub codes: &'a [i8],
    /// What a code of 1 stands for, one number a vector.
    pub scales: &'a [f32],
    /// Length of what rounding lost, one number a vector.
    pub errors: &'a [f32],
}

impl<'a> Chunk<'a> {
    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.scales.len()
    }

    /// Its rows, so many at a time.
    pub(super) fn tiles(self, rows: usize) -> impl Iterator<Item = Chunk<'a>> {
        let width = self.codes.len() / self.len();
        let parts = self.codes.chunks(rows * width).zip(self.scales.chunks(rows)).zip(self.errors.chunks(rows));
        let tile = move |(i, ((codes, scales), errors))| Chunk { first: self.first + i * rows, codes, scales, errors };
        parts.enumerate().map(tile)
    }
}

impl<'a> Codes<'a> {
    /// The rows, chunk by chunk.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + '_ {
        let numbers = self.scales.chunks().zip(self.errors.chunks());
        let chunk = |((first, codes), ((_, scales), (_, errors)))| Chunk { first, codes, scales, errors };
        self.codes.chunks().zip(numbers).map(chunk)
    }
}

/// A query in 16 bits a number.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// The numbers in units of `scale`.
    pub numbers: Vec<i16>,
    pub scale: f32,
    /// Length of what the numbers stand for.
    length: f32,
    /// Length of what rounding lost.
    error: f32,
}

impl Query {
    /// Rounds a query to 16 bits, or to fewer where sums of products with codes would not fit in 32.
    pub(super) fn new(query: &[f32]) -> Query {
        let most = query.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let sum: f64 = query.iter().map(|x| f64::from(x.abs())).sum();
        // Every number may be rounded up by a half.
        let room = (f64::from(i32::MAX) / f64::from(MOST) - query.len() as f64).max(1.0);
        Query::within(query, (f64::from(most) / f64::from(i16::MAX)).max(sum / room) as f32)
    }

    /// Rounds a query to whole numbers from `-reach` to `reach`, for kernels that take bytes.
    pub(super) fn in_bytes(query: &[f32], reach: i8) -> Query {
        let most = query.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        Query::within(query, most / f32::from(reach))
    }

    fn within(query: &[f32], scale: f32) -> Query {
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let mut numbers = vec![0; query.len()];
        round(query, inverse, &mut numbers);
        let (mut length, mut error) = (0.0f64, 0.0f64);
        for (x, n) in query.iter().zip(&numbers) {
            let kept = f64::from(scale) * f64::from(*n);
            length += kept * kept;
            error += (f64::from(*x) - kept).powi(2);
        }
        Query { numbers, scale, length: (length.sqrt() as f32).next_up(), error: (error.sqrt() as f32).next_up() }
    }

    /// How far the true dot product with a row of length 1 can be above or below the approximate one; `lost` is what
    /// rounding took from the row.
    pub(super) fn bound(&self, lost: f32) -> f32 {
        self.length * lost + self.error * (1.0 + ROUNDING) + ROUNDING
    }
}

/// Rounds every number times `inverse` to a whole one.
#[multiversion(targets("x86_64+avx2"))]
fn round(numbers: &[f32], inverse: f32, out: &mut [i16]) {
    for (x, out) in numbers.iter().zip(out) {
        *out = (x * inverse).round_ties_even() as i16;
    }
}

/// Dot product of a query and a code, without rounding.
// In this form the compiler sees that neighbouring products can be added in one instruction; running sums hide it.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
pub(super) fn dot(query: &[i16], code: &[i8]) -> i32 {
    query.iter().zip(code).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(seed: u32, length: usize) -> Vec<f32> {
        let mut vector: Vec<f32> = (0..length).map(|i| ((i as f32 + 1.3) * (seed as f32 + 0.7)).sin()).collect();
        crate::model::normalise(&mut vector);
        vector
    }

    #[test]
    fn the_bound_holds_whatever_the_vectors() {
        for length in [1, 2, 31, 32, 33, 512, 4096] {
            for seed in 0..50 {
                let (mut query, mut row) = (unit(seed, length), unit(seed * 7 + 3, length));
                if seed % 5 == 0 {
                    // One number that is much larger than all others, the worst case for one scale.
                    query[0] = 40.0;
                    row[length - 1] = -40.0;
                    crate::model::normalise(&mut query);
                    crate::model::normalise(&mut row);
                }
                let mut code = vec![0; length];
                let (scale, lost) = encode(&row, &mut code);
                let exact: f64 = query.iter().zip(&row).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                for coded in [Query::new(&query), Query::in_bytes(&query, 127), Query::in_bytes(&query, 63)] {
                    let rough = coded.scale * scale * dot(&coded.numbers, &code) as f32;
                    let off = (exact - f64::from(rough)).abs() as f32;
                    assert!(off <= coded.bound(lost), "{length} {seed}: off by {off}, bound {}", coded.bound(lost));
                }
            }
        }
    }

    #[test]
    fn sums_never_leave_32_bits() {
        for length in [512, 4096, 65536] {
            let query = Query::new(&vec![1.0 / (length as f32).sqrt(); length]);
            let code = vec![127i8; length];
            let exact: i64 = query.numbers.iter().map(|x| i64::from(*x) * 127).sum();
            assert_eq!(i64::from(dot(&query.numbers, &code)), exact, "{length}");
        }
    }

    #[test]
    fn a_zero_vector_has_a_code() {
        let mut code = [1; 3];
        assert_eq!(encode(&[0.0; 3], &mut code).0, 0.0);
        assert_eq!(code, [0; 3]);
    }
}
