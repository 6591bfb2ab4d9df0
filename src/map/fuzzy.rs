//! The weighted graph of near rows that a layout follows: the fuzzy simplicial set of McInnes, Healy and Melville, "UMAP",
//! arXiv:1802.03426, sections 3.1 and 4.1.

use rayon::prelude::*;

use super::arithmetic::exp;
use super::neighbours::Near;

const ROUNDS: usize = 64;
const CLOSE_ENOUGH: f32 = 1e-5;
/// The least width, as a share of the mean distance.
const LEAST_WIDTH: f32 = 1e-3;

/// Edges from each row, both ways, with weights above 0 and up to 1.
pub(super) struct Fuzzy {
    /// Where the edges of each row begin, and the end.
    pub starts: Vec<usize>,
    pub to: Vec<u32>,
    pub weights: Vec<f32>,
}

impl Fuzzy {
    /// The union of what each row says of its neighbours.
    pub(super) fn of(near: &Near, rows: usize) -> Fuzzy {
        let mut starts = vec![0; rows + 1];
        if near.width == 0 {
            return Fuzzy { starts, to: Vec::new(), weights: Vec::new() };
        }
        let strengths = strengths(near);
        let mut edges: Vec<(u64, bool, f32)> = (0..)
            .zip(strengths.chunks_exact(near.width))
            .zip(near.rows.chunks_exact(near.width))
            .flat_map(|((row, strengths), others): ((u64, _), _)| {
                let both = move |(other, strength): (&u32, &f32)| {
                    let other = u64::from(*other);
                    [(row << 32 | other, false, *strength), (other << 32 | row, true, *strength)]
                };
                others.iter().zip(strengths).flat_map(both)
            })
            .collect();
        edges.par_sort_unstable_by_key(|edge| (edge.0, edge.1));
        let (mut to, mut weights) = (Vec::with_capacity(edges.len()), Vec::with_capacity(edges.len()));
        for edge in edges.chunk_by(|a, b| a.0 == b.0) {
            let (a, b) = (edge[0].2, edge.get(1).map_or(0.0, |edge| edge.2));
            let weight = a + b - a * b;
            if weight > 0.0 {
                starts[(edge[0].0 >> 32) as usize + 1] += 1;
                to.push(edge[0].0 as u32);
                weights.push(weight);
            }
        }
        (1..starts.len()).for_each(|at| starts[at] += starts[at - 1]);
        Fuzzy { starts, to, weights }
    }
}

/// How strongly each row is tied to each of its neighbours: 1 to the nearest, the others by an exponential whose width is
/// such that all sum up to the binary logarithm of their number, the row itself counted.
pub(super) fn strengths(near: &Near) -> Vec<f32> {
    let mean = |distances: &[f32]| {
        (distances.iter().map(|d| f64::from(*d)).sum::<f64>() / (distances.len() + 1) as f64) as f32
    };
    let overall = {
        let sum: f64 = near.distances.iter().map(|d| f64::from(*d)).sum();
        (sum / (near.distances.len() + near.distances.len() / near.width) as f64) as f32
    };
    let target = ((near.width + 1) as f64).log2() as f32;
    let of_row = |distances: &[f32]| {
        let nearest = distances.iter().copied().find(|d| *d > 0.0).unwrap_or(0.0);
        let strength = |distance: f32, width: f32| match distance - nearest {
            beyond if beyond > 0.0 => exp(-beyond / width),
            _ => 1.0,
        };
        let (mut low, mut high, mut width) = (0.0, f32::INFINITY, 1.0f32);
        for _ in 0..ROUNDS {
            let sum: f32 = distances.iter().map(|d| strength(*d, width)).sum();
            if (sum - target).abs() < CLOSE_ENOUGH {
                break;
            }
            if sum > target {
                high = width;
                width = (low + high) / 2.0;
            } else {
                low = width;
                width = if high.is_finite() { (low + high) / 2.0 } else { width * 2.0 };
            }
        }
        let least = LEAST_WIDTH * if nearest > 0.0 { mean(distances) } else { overall };
        let width = width.clamp(least.max(f32::MIN_POSITIVE), f32::MAX);
        distances.iter().map(|d| strength(*d, width)).collect::<Vec<f32>>()
    };
    near.distances.par_chunks(near.width).flat_map_iter(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_lead_both_ways_with_one_weight() {
        let near = Near {
            width: 2,
            rows: vec![1, 2, 0, 2, 1, 3, 2, 1],
            distances: vec![0.1, 0.3, 0.1, 0.2, 0.2, 0.4, 0.4, 0.5],
        };
        let fuzzy = Fuzzy::of(&near, 4);
        let weight = |a: usize, b: u32| {
            let span = fuzzy.starts[a]..fuzzy.starts[a + 1];
            span.clone().find(|at| fuzzy.to[*at] == b).map(|at| fuzzy.weights[at])
        };
        for (a, b) in [(0, 1), (0, 2), (1, 2), (2, 3), (1, 3)] {
            assert!(weight(a, b as u32).is_some_and(|w| w > 0.0 && w <= 1.0), "{a} {b}");
            assert_eq!(weight(a, b as u32), weight(b, a as u32));
        }
        assert_eq!((weight(0, 1), weight(0, 3)), (Some(1.0), None));
    }

    #[test]
    fn strengths_sum_up_to_the_logarithm() {
        let near = Near { width: 7, rows: (1..8).collect(), distances: vec![0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.9] };
        let strengths = strengths(&near);
        assert!((strengths.iter().sum::<f32>() - 3.0).abs() < 1e-3, "{strengths:?}");
        assert!(strengths.is_sorted_by(|a, b| a >= b) && strengths[0] == 1.0);
    }

    #[test]
    fn rows_at_one_place_are_tied_as_strongly_as_can_be() {
        let near = Near { width: 3, rows: vec![1, 2, 3], distances: vec![0.0; 3] };
        assert_eq!(strengths(&near), [1.0; 3]);
        assert!(Fuzzy::of(&Near { width: 0, rows: vec![], distances: vec![] }, 1).to.is_empty());
    }
}
