//! The cosine of two vectors, to the same last bit on every machine.

/// Length of a vector, in double precision: the squares of large and small numbers leave the range of single.
#[multiversion::multiversion(targets("x86_64+avx2"))]
pub(super) fn norm(vector: &[f32]) -> f64 {
    let (chunks, rest) = vector.as_chunks::<8>();
    let mut sums = [0.0f64; 8];
    for chunk in chunks {
        for lane in 0..8 {
            sums[lane] += f64::from(chunk[lane]) * f64::from(chunk[lane]);
        }
    }
    let rest: f64 = rest.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    (sums.iter().sum::<f64>() + rest).sqrt()
}

/// Cosine of a query of length 1 and a vector of length `norm`.
pub(super) fn cosine(query: &[f32], vector: &[f32], norm: f64) -> f32 {
    let dot = if (1e-6..1e6).contains(&norm) {
        f64::from(dot(query, vector))
    } else {
        query.iter().zip(vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    ((dot / norm) as f32).clamp(-1.0, 1.0)
}

/// Dot product in sixteen running sums: the compiler makes vector instructions of it, and the order of additions,
/// so the result to the last bit, is the same on every machine.
#[multiversion::multiversion(targets("x86_64+avx2"))]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<16>();
    let (b_chunks, b_rest) = b.as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..16 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_products_agree_with_the_plain_sum() {
        for length in [0, 1, 15, 16, 17, 100, 512] {
            let a: Vec<f32> = (0..length).map(|i| (i as f32 * 0.37).sin()).collect();
            let b: Vec<f32> = (0..length).map(|i| (i as f32 * 0.91).cos()).collect();
            let plain: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            assert!((f64::from(dot(&a, &b)) - plain).abs() < 1e-4, "{length}");
        }
    }
}
