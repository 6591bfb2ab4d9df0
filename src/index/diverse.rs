//! Results that do not repeat each other.

use super::Hit;
use super::cosine::dot;

/// Chooses `top` hits, best first, none of which is much like those before it: maximal marginal relevance (Carbonell and
/// Goldstein, SIGIR 1998), `(1 - diversity) * score - diversity * greatest cosine to those before it`. Needs the hits'
/// vectors; they come best first.
pub(crate) fn diverse(mut hits: Vec<Hit>, diversity: f32, top: usize) -> Vec<Hit> {
    let mut chosen: Vec<Hit> = Vec::new();
    let mut nearest = vec![f32::NEG_INFINITY; hits.len()];
    while chosen.len() < top && !hits.is_empty() {
        let repeats = |i: usize| if chosen.is_empty() { 0.0 } else { nearest[i] };
        let value = |i: usize| (1.0 - diversity) * hits[i].score - diversity * repeats(i);
        // The first of equals: hits are few enough to be looked through again and again.
        let best = (1..hits.len()).fold(0, |best, i| if value(i) > value(best) { i } else { best });
        let hit = hits.remove(best);
        nearest.remove(best);
        for (nearest, other) in nearest.iter_mut().zip(&hits) {
            *nearest = nearest.max(dot(&hit.vector, &other.vector));
        }
        chosen.push(hit);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(row: u64, score: f32, vector: [f32; 2]) -> Hit {
        Hit { row, score, vector: vector.to_vec(), ..Hit::default() }
    }

    #[test]
    fn what_repeats_an_earlier_hit_comes_later() {
        let hits = || vec![hit(0, 0.9, [1.0, 0.0]), hit(1, 0.89, [1.0, 0.0]), hit(2, 0.8, [0.0, 1.0])];
        let rows = |diversity| diverse(hits(), diversity, 3).iter().map(|hit| hit.row).collect::<Vec<_>>();
        assert_eq!(rows(0.0), [0, 1, 2]);
        assert_eq!(rows(0.5), [0, 2, 1]);
        assert_eq!(diverse(hits(), 0.5, 2).len(), 2);
        assert!(diverse(Vec::new(), 0.5, 2).is_empty());
    }
}
