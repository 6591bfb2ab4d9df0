//! Products of matrices and the softmax of their rows: what training and classifying spend their time on.
//!
//! Hides: how a product is blocked, vectorised and spread over the threads of the current pool. Promises: a number of a
//! result depends only on its own row and column, not on how many threads there are, nor on how many other rows. Only
//! home of `rten-gemm`, `rten-simd` and `rten-vecmath`. A matrix is a slice, row after row.

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, QuantParams};
use rten_simd::SimdOp;
use rten_tensor::{Matrix, NdTensorView};
use rten_vecmath::Softmax;

/// A single row would go through another kernel, with other roundings.
const LEAST_ROWS: usize = 8;

fn view(numbers: &[f32], columns: usize) -> Matrix<'_, f32> {
    NdTensorView::from_data([numbers.len() / columns, columns], numbers)
}

fn product(a: Matrix<'_, f32>, b: Matrix<'_, f32>, beta: f32, out: &mut [f32]) {
    let options = GemmOptions { beta, ..GemmOptions::default() };
    GemmExecutor::<f32>::new()
        .gemm(out, GemmInputA::Unpacked(a), GemmInputB::Unpacked(b), options)
        .expect("the sizes were made to fit");
}

/// `a · bᵀ` of `a` [n, inner] and `b` [m, inner], as [n, m].
pub fn by_transposed(a: &[f32], b: &[f32], inner: usize, out: &mut [f32]) {
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

/// `(a - 128) · bᵀ` of bytes, `a` [n, inner] and `b` [m, inner], as [n, m] without rounding.
///
/// Exact where no number of `a` is further than [`byte_reach`] from 128.
pub fn bytes_by_transposed(a: &[u8], b: &[i8], inner: usize, out: &mut [i32]) {
    let (n, m) = (a.len() / inner, b.len() / inner);
    assert_eq!(out.len(), n * m, "an output of the product's size");
    let zeros = vec![128; n];
    let options = GemmOptions { a_quant: Some(QuantParams { zero_point: &zeros }), ..GemmOptions::default() };
    GemmExecutor::<u8, i8, i32>::new()
        .gemm(
            out,
            GemmInputA::Unpacked(NdTensorView::from_data([n, inner], a)),
            GemmInputB::Unpacked(NdTensorView::from_data([m, inner], b).transposed()),
            options,
        )
        .expect("the sizes were made to fit");
}

/// How far from 128 the bytes of [`bytes_by_transposed`] may be: less on processors whose sums of two products saturate.
pub fn byte_reach() -> i8 {
    if GemmExecutor::<u8, i8, i32>::new().may_saturate() { 63 } else { 127 }
}

/// Adds `aᵀ · b` of `a` [n, columns] and `b` [n, inner] to `out` [columns, inner].
pub fn add_transposed_by(a: &[f32], b: &[f32], columns: usize, inner: usize, out: &mut [f32]) {
    assert_eq!(a.len() / columns, b.len() / inner, "two matrices of as many rows");
    assert_eq!(out.len(), columns * inner, "an output of the product's size");
    if !a.is_empty() {
        product(view(a, columns).transposed(), view(b, inner), 1.0, out);
    }
}

/// Makes probabilities of logits, in place; those of one row sum to 1.
pub fn softmax(row: &mut [f32]) {
    Softmax::new_mut(row).dispatch();
}

/// The greatest number of a row and the first place where it stands.
pub fn greatest(row: &[f32]) -> (usize, f32) {
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
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
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
    fn the_greatest_is_the_first_of_equals() {
        assert_eq!(greatest(&[1.0, 3.0, 3.0, 2.0]), (1, 3.0));
        let mut long = vec![0.0; 100];
        (long[50], long[99]) = (7.0, 7.0);
        assert_eq!(greatest(&long), (50, 7.0));
    }
}
