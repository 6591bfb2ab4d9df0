//! Vectors of length 1.

/// Scales a vector to length 1; false where it is zero or not finite.
pub fn normalise(vector: &mut [f32]) -> bool {
    let norm = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    let usable = norm.is_finite() && norm > 1e-12;
    if usable {
        // Exactly 1 stays exactly what it is, so that normalising twice changes nothing.
        let scale = 1.0 / norm;
        if (norm - 1.0).abs() > 1e-7 {
            vector.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
        }
    }
    usable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalising_twice_changes_nothing() {
        let mut once = vec![3.0, 4.0, 1e-3];
        assert!(normalise(&mut once));
        let mut twice = once.clone();
        assert!(normalise(&mut twice));
        assert_eq!(once, twice);
        assert!(!normalise(&mut [0.0, 0.0]));
        assert!(!normalise(&mut [f32::NAN, 1.0]));
    }
}
