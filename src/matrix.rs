//! Products of matrices and the softmax of their rows: what training and classifying spend their time on.
//!
//! Hides: how a product is blocked, vectorised and spread over the threads of the current pool. Promises: a number of a
//! result depends only on its own row and column, not on how many threads there are, nor on how many other rows. Only
//! home of `rten-gemm`, `rten-simd` and `rten-vecmath`. A matrix is a slice, row after row.

use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix, QuantParams};
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};
use rten_tensor::{Matrix, NdTensorView};
use rten_vecmath::Softmax;

thread_local! {
    /// Which kernel suits the processor is asked once a thread: a virtual machine takes some ten microseconds to answer.
    static FLOATS: GemmExecutor<f32> = GemmExecutor::new();
    static BYTES: GemmExecutor<u8, i8, i32> = GemmExecutor::new();
}

/// A single row would go through another kernel, with other roundings.
const LEAST_ROWS: usize = 8;
/// Sums of a dot product in single precision.
const LANES: usize = 32;

fn view(numbers: &[f32], columns: usize) -> Matrix<'_, f32> {
    NdTensorView::from_data([numbers.len() / columns, columns], numbers)
}

fn product(a: Matrix<'_, f32>, b: Matrix<'_, f32>, beta: f32, out: &mut [f32]) {
    let options = GemmOptions { beta, ..GemmOptions::default() };
    FLOATS
        .with(|gemm| gemm.gemm(out, GemmInputA::Unpacked(a), GemmInputB::Unpacked(b), options))
        .expect("the sizes were made to fit");
}

/// `a · bᵀ` of `a` [n, inner] and `b` [m, inner], as [n, m].
pub(crate) fn by_transposed(a: &[f32], b: &[f32], inner: usize, out: &mut [f32]) {
    let (n, m) = (a.len() / inner, b.len() / inner);
    assert_eq!(out.len(), n * m, "an output of the product's size");
    if n == 0 || m == 0 {
        return;
    }
    if n >= LEAST_ROWS {
        return product(view(a, inner), view(b, inner).transposed(), 0.0, out);
    }
    let mut padded = a.to_vec();
    padded.resize(LEAST_ROWS * inner, 0.0);
    let mut whole = vec![0.0; LEAST_ROWS * m];
    product(view(&padded, inner), view(b, inner).transposed(), 0.0, &mut whole);
    out.copy_from_slice(&whole[..n * m]);
}

/// A matrix `bᵀ` that others are multiplied with many times, in the order in which that is read.
pub(crate) struct Packed {
    matrix: PackedBMatrix<f32>,
    inner: usize,
}

impl Packed {
    /// Of `b` [m, inner].
    pub(crate) fn transposed(b: &[f32], inner: usize) -> Packed {
        Packed { matrix: FLOATS.with(|gemm| gemm.prepack_b(view(b, inner).transposed())), inner }
    }

    /// `a · bᵀ + bias` of `a` [n, inner] and a `bias` of m numbers, as [n, m].
    ///
    /// # Panics
    /// `a` is empty, or a size does not fit.
    pub(crate) fn product(&self, a: &[f32], bias: &[f32], out: &mut [f32]) {
        let (n, m) = (a.len() / self.inner, bias.len());
        assert!(a.len() == n * self.inner && out.len() == n * m, "an output of the product's size");
        let product = |a: Matrix<'_, f32>, out: &mut [f32]| {
            let options = GemmOptions { bias: Some(BiasVector::Row(bias)), ..GemmOptions::default() };
            FLOATS
                .with(|gemm| gemm.gemm(out, GemmInputA::Unpacked(a), GemmInputB::Packed(&self.matrix), options))
                .expect("the sizes were made to fit");
        };
        if n >= LEAST_ROWS {
            return product(view(a, self.inner), out);
        }
        let mut padded = a.to_vec();
        padded.resize(LEAST_ROWS * self.inner, 0.0);
        let mut whole = vec![0.0; LEAST_ROWS * m];
        product(view(&padded, self.inner), &mut whole);
        out.copy_from_slice(&whole[..n * m]);
    }
}

/// Bytes `bᵀ` that others are multiplied with many times, in the order in which they are read.
pub(crate) struct PackedBytes {
    matrix: PackedBMatrix<i8>,
    inner: usize,
}

impl PackedBytes {
    /// Of `b` [m, inner].
    pub(crate) fn transposed(b: &[i8], inner: usize) -> PackedBytes {
        let b = NdTensorView::from_data([b.len() / inner, inner], b).transposed();
        PackedBytes { matrix: BYTES.with(|gemm| gemm.prepack_b(b)), inner }
    }

    /// `(a - zero) · bᵀ` of `a` [n, inner], as [n, m] without rounding, where the zero is that of [`byte_zero`].
    ///
    /// Exact where every byte of `a` is less than twice the zero, and none of `b` is -128.
    ///
    /// # Panics
    /// A size does not fit.
    pub(crate) fn product(&self, a: &[u8], out: &mut [i32]) {
        let n = a.len() / self.inner;
        assert!(a.len() == n * self.inner && out.len() == n * self.matrix.cols(), "an output of the product's size");
        let zeros = vec![byte_zero(); n];
        let options = GemmOptions { a_quant: Some(QuantParams { zero_point: &zeros }), ..GemmOptions::default() };
        let a = GemmInputA::Unpacked(NdTensorView::from_data([n, self.inner], a));
        BYTES
            .with(|gemm| gemm.gemm(out, a, GemmInputB::Packed(&self.matrix), options))
            .expect("the sizes were made to fit");
    }
}

/// Which byte stands for 0 in [`PackedBytes::product`]: 64 on processors that add two products of the bytes as they are in
/// 16 bits (those without VNNI): of bytes up to 127 the sum fits, of greater ones it is cut off. Else 128.
pub(crate) fn byte_zero() -> u8 {
    if bytes_are_exact() { 128 } else { 64 }
}

/// Whether products of bytes are exact whatever the bytes are.
pub fn bytes_are_exact() -> bool {
    !BYTES.with(GemmExecutor::may_saturate)
}

/// Adds `aᵀ · b` of `a` [n, columns] and `b` [n, inner] to `out` [columns, inner].
pub(crate) fn add_transposed_by(a: &[f32], b: &[f32], columns: usize, inner: usize, out: &mut [f32]) {
    assert_eq!(a.len() / columns, b.len() / inner, "two matrices of as many rows");
    assert_eq!(out.len(), columns * inner, "an output of the product's size");
    if !a.is_empty() {
        product(view(a, columns).transposed(), view(b, inner), 1.0, out);
    }
}

/// Makes probabilities of logits, in place; those of one row sum to 1.
pub(crate) fn softmax(row: &mut [f32]) {
    Softmax::new_mut(row).dispatch();
}

/// The greatest number of a row and the first place where it stands.
pub(crate) fn greatest(row: &[f32]) -> (usize, f32) {
    let (chunks, rest) = row.as_chunks::<16>();
    let mut lanes = [f32::NEG_INFINITY; 16];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    let most = lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    (row.iter().position(|&x| x == most).unwrap_or(0), most)
}

/// Dot product, summed in double precision in sixteen lanes: the same on every machine.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let (a_chunks, a_rest) = a.as_chunks::<16>();
    let (b_chunks, b_rest) = b.as_chunks::<16>();
    let mut sums = [0.0f64; 16];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..16 {
            sums[lane] += f64::from(x[lane]) * f64::from(y[lane]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
    sums.iter().sum::<f64>() + rest
}

/// Dot product in single precision, in 32 lanes: the same on every machine.
///
/// # Panics
/// The vectors have different lengths; the next functions panic then, too.
pub(crate) fn fast_dot(a: &[f32], b: &[f32]) -> f32 {
    let mut out = [0.0];
    fast_dots(a, &[b], &mut out);
    out[0]
}

/// The [`fast_dot`]s of a vector and others, several at once.
pub(crate) fn fast_dots(vector: &[f32], others: &[&[f32]], out: &mut [f32]) {
    SumsOfPairs { vector, others, out, squares: false }.dispatch();
}

/// Squared Euclidean distances of a vector from others, as [`fast_dots`].
pub(crate) fn fast_squared_distances(vector: &[f32], others: &[&[f32]], out: &mut [f32]) {
    SumsOfPairs { vector, others, out, squares: true }.dispatch();
}

/// Sets `a` to `keep * a + add * b`.
pub(crate) fn blend(a: &mut [f32], keep: f32, b: &[f32], add: f32) {
    Blend { a, keep, b, add }.dispatch();
}

/// Asks for numbers that are going to be read.
pub(crate) fn prefetch(numbers: &[f32]) {
    struct Prefetch<'a>(&'a [f32]);
    impl SimdOp for Prefetch<'_> {
        type Output = ();

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) {
            // As many as are in a cache line.
            for line in self.0.chunks(16) {
                isa.f32().prefetch(line.as_ptr());
            }
        }
    }
    Prefetch(numbers).dispatch();
}

/// Sums of products, or of squared differences. Written out, since the compiler vectorises a loop over lanes well or
/// badly as it pleases; without fused products, which not every machine has.
struct SumsOfPairs<'a> {
    vector: &'a [f32],
    others: &'a [&'a [f32]],
    out: &'a mut [f32],
    squares: bool,
}

impl SimdOp for SumsOfPairs<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        assert_eq!(self.others.len(), self.out.len(), "a sum for each of the others");
        // As many registers as hold the lanes, for as many others as leave no register idle.
        match isa.f32().len() {
            16 => self.sums::<I, 2, 4>(isa),
            8 => self.sums::<I, 4, 2>(isa),
            _ => self.sums::<I, 8, 1>(isa),
        }
    }
}

impl SumsOfPairs<'_> {
    #[inline(always)]
    fn sums<I: Isa, const REGISTERS: usize, const TOGETHER: usize>(self, isa: I) {
        let SumsOfPairs { vector, others, out, squares } = self;
        let (several, rest) = others.as_chunks::<TOGETHER>();
        let (out_several, out_rest) = out.as_chunks_mut::<TOGETHER>();
        for (others, out) in several.iter().zip(out_several) {
            *out = sum_of_pairs::<I, REGISTERS, TOGETHER>(isa, vector, others, squares);
        }
        for (other, out) in rest.iter().zip(out_rest) {
            [*out] = sum_of_pairs::<I, REGISTERS, 1>(isa, vector, &[other], squares);
        }
    }
}

#[inline(always)]
fn sum_of_pairs<I: Isa, const REGISTERS: usize, const TOGETHER: usize>(
    isa: I,
    vector: &[f32],
    others: &[&[f32]; TOGETHER],
    squares: bool,
) -> [f32; TOGETHER] {
    // Loops only: what closures do is not compiled for the instruction set.
    let ops = isa.f32();
    let (chunks, rest) = vector.as_chunks::<LANES>();
    let mut other_chunks = [&chunks[..0]; TOGETHER];
    for (chunks_of, other) in other_chunks.iter_mut().zip(others) {
        assert_eq!(vector.len(), other.len(), "vectors of one length");
        *chunks_of = &other.as_chunks::<LANES>().0[..chunks.len()];
    }
    let mut sums = [[ops.zero(); REGISTERS]; TOGETHER];
    for (i, chunk) in chunks.iter().enumerate() {
        for (sums, other) in sums.iter_mut().zip(&other_chunks) {
            add_pairs(ops, sums, chunk, &other[i], squares);
        }
    }
    if !rest.is_empty() {
        let (mut a, mut b) = ([0.0; LANES], [0.0; LANES]);
        a[..rest.len()].copy_from_slice(rest);
        for (sums, other) in sums.iter_mut().zip(others) {
            b[..rest.len()].copy_from_slice(&other[vector.len() - rest.len()..]);
            add_pairs(ops, sums, &a, &b, squares);
        }
    }
    // Lanes are added to those half of them away, whatever the width of a register.
    let mut out = [0.0; TOGETHER];
    for (mut sums, out) in sums.into_iter().zip(&mut out) {
        let mut half = REGISTERS / 2;
        while half > 0 {
            for i in 0..half {
                sums[i] = ops.add(sums[i], sums[i + half]);
            }
            half /= 2;
        }
        let mut lanes = [0.0; LANES];
        ops.store(sums[0], &mut lanes);
        let mut half = ops.len() / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
            half /= 2;
        }
        *out = lanes[0];
    }
    out
}

#[inline(always)]
fn add_pairs<O: NumOps<f32>, const REGISTERS: usize>(
    ops: O,
    sums: &mut [O::Simd; REGISTERS],
    a: &[f32; LANES],
    b: &[f32; LANES],
    squares: bool,
) {
    let (a, b) = (ops.load_many::<REGISTERS>(a), ops.load_many::<REGISTERS>(b));
    for (i, sum) in sums.iter_mut().enumerate() {
        let difference = ops.sub(a[i], b[i]);
        let term = if squares { ops.mul(difference, difference) } else { ops.mul(a[i], b[i]) };
        *sum = ops.add(*sum, term);
    }
}

struct Blend<'a> {
    a: &'a mut [f32],
    keep: f32,
    b: &'a [f32],
    add: f32,
}

impl SimdOp for Blend<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        assert_eq!(self.a.len(), self.b.len(), "two vectors of one length");
        let ops = isa.f32();
        let (keep, add) = (ops.splat(self.keep), ops.splat(self.add));
        let mut a = self.a.chunks_exact_mut(ops.len());
        let mut b = self.b.chunks_exact(ops.len());
        for (a, b) in a.by_ref().zip(b.by_ref()) {
            ops.store(ops.add(ops.mul(keep, ops.load(a)), ops.mul(add, ops.load(b))), a);
        }
        for (a, b) in a.into_remainder().iter_mut().zip(b.remainder()) {
            *a = self.keep * *a + self.add * b;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        (0..count).map(|i| ((i as f32 + 1.0) * (seed as f32 + 0.7)).sin()).collect()
    }

    #[test]
    fn products_agree_with_the_definition() {
        for (n, m, inner) in [(1, 2, 3), (7, 5, 16), (8, 1, 4), (33, 70, 129), (100, 17, 300)] {
            let (a, b) = (numbers(n * inner, 1), numbers(m * inner, 2));
            let mut out = vec![f32::NAN; n * m];
            by_transposed(&a, &b, inner, &mut out);
            for (i, row) in out.chunks_exact(m).enumerate() {
                for (j, x) in row.iter().enumerate() {
                    let exact = dot(&a[i * inner..(i + 1) * inner], &b[j * inner..(j + 1) * inner]);
                    assert!((f64::from(*x) - exact).abs() < 1e-4, "{n} {m} {inner}");
                }
            }
            let mut sum = vec![1.0; m * inner];
            add_transposed_by(&out, &a, m, inner, &mut sum);
            let exact: f64 = 1.0 + (0..n).map(|i| f64::from(out[i * m]) * f64::from(a[i * inner])).sum::<f64>();
            assert!((f64::from(sum[0]) - exact).abs() < 1e-2 * exact.abs().max(1.0));
        }
    }

    #[test]
    fn products_of_bytes_are_exact_on_every_processor() {
        let zero = byte_zero();
        for (n, m, inner) in [(1, 3, 4), (7, 33, 24), (40, 65, 129), (70, 300, 2100)] {
            // The greatest bytes, then all there are.
            for spread in [1, 7] {
                let a: Vec<u8> =
                    (0..n * inner).map(|i| zero - 1 + zero - (i % spread * 18 % zero as usize) as u8).collect();
                let b: Vec<i8> = (0..m * inner).map(|i| [127, -127, 127, 126][i / spread % 4]).collect();
                let mut out = vec![0; n * m];
                PackedBytes::transposed(&b, inner).product(&a, &mut out);
                for (i, row) in out.chunks_exact(m).enumerate() {
                    for (j, x) in row.iter().enumerate() {
                        let pairs = a[i * inner..(i + 1) * inner].iter().zip(&b[j * inner..(j + 1) * inner]);
                        let exact: i32 = pairs.map(|(a, b)| (i32::from(*a) - i32::from(zero)) * i32::from(*b)).sum();
                        assert_eq!(*x, exact, "{n} {m} {inner} {spread}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let (inner, m) = (257, 131);
        let (a, b) = (numbers(40 * inner, 3), numbers(m * inner, 4));
        let mut all = vec![0.0; 40 * m];
        by_transposed(&a, &b, inner, &mut all);
        for rows in [1, 2, 7, 8, 9, 31] {
            let mut some = vec![0.0; rows * m];
            by_transposed(&a[inner..(rows + 1) * inner], &b, inner, &mut some);
            assert_eq!(some, all[m..(rows + 1) * m], "{rows}");
        }
    }

    #[test]
    fn fast_sums_are_the_same_on_every_machine() {
        for length in [1, 5, 31, 32, 33, 100, 512] {
            let (a, b) = (numbers(length, 5), numbers(length * 7, 6));
            let others: Vec<&[f32]> = b.chunks(length).collect();
            let (mut products, mut squares) = (vec![0.0; 7], vec![0.0; 7]);
            fast_dots(&a, &others, &mut products);
            fast_squared_distances(&a, &others, &mut squares);
            for (other, (product, squared)) in others.into_iter().zip(products.into_iter().zip(squares)) {
                let sum = |term: fn(f32, f32) -> f32| {
                    let mut lanes = [0.0f32; LANES];
                    a.iter().zip(other).enumerate().for_each(|(i, (x, y))| lanes[i % LANES] += term(*x, *y));
                    for half in [16, 8, 4, 2, 1] {
                        (0..half).for_each(|lane| lanes[lane] += lanes[lane + half]);
                    }
                    lanes[0]
                };
                assert_eq!(product, sum(|x, y| x * y), "{length}");
                assert_eq!(squared, sum(|x, y| (x - y) * (x - y)), "{length}");
                assert_eq!(fast_dot(&a, other), product, "{length}");
            }
            let mut blended = a.clone();
            blend(&mut blended, 0.25, &b[..length], 3.0);
            assert!(blended.iter().zip(a.iter().zip(&b)).all(|(c, (a, b))| *c == 0.25 * a + 3.0 * b));
        }
        fast_dots(&[1.0], &[], &mut []);
    }

    #[test]
    fn the_greatest_is_the_first_of_equals() {
        assert_eq!(greatest(&[1.0, 3.0, 3.0, 2.0]), (1, 3.0));
        let mut long = vec![0.0; 100];
        (long[50], long[99]) = (7.0, 7.0);
        assert_eq!(greatest(&long), (50, 7.0));
    }
}
