//! Where rows begin: their places along the two directions in which they differ most, led towards the first two eigenvectors of
//! the graph (its Laplacian eigenmap, which McInnes et al. begin with) by some steps of subspace iteration. What hangs together
//! comes together, and parts of the graph that do not keep the places that the directions give them.

use rayon::prelude::*;

use super::fuzzy::Fuzzy;
use super::layout::Place;

/// Steps, and after how many of them the two columns are made orthogonal again.
const STEPS: usize = 120;
const APART: usize = 10;
/// The places that are farthest from the centre are as far as this in the end.
const REACH: f32 = 10.0;

/// Leads places along the edges.
pub(super) fn begin(fuzzy: &Fuzzy, places: &mut Vec<Place>) {
    let degrees: Vec<f32> =
        fuzzy.starts.windows(2).map(|span| fuzzy.weights[span[0]..span[1]].iter().sum::<f32>()).collect();
    apart(places, &degrees);
    for step in 1..=STEPS {
        let see = places.as_slice();
        let of = |row: usize| {
            let span = fuzzy.starts[row]..fuzzy.starts[row + 1];
            let mut sum = [0.0f32; 2];
            for (to, weight) in fuzzy.to[span.clone()].iter().zip(&fuzzy.weights[span]) {
                let other = see[*to as usize];
                sum = [sum[0] + weight * other[0], sum[1] + weight * other[1]];
            }
            let own = see[row];
            match degrees[row] {
                degree if degree > 0.0 => [0, 1].map(|axis| (own[axis] + sum[axis] / degree) / 2.0),
                _ => own,
            }
        };
        *places = (0..see.len()).into_par_iter().with_min_len(512).map(of).collect();
        if step % APART == 0 {
            apart(places, &degrees);
        }
    }
    let most = places.iter().flatten().fold(0.0f32, |most, x| most.max(x.abs()));
    let scale = if most > 0.0 { REACH / most } else { 0.0 };
    places.iter_mut().flatten().for_each(|x| *x *= scale);
}

/// Puts the centre of places at 0, each weighing as much as its edges, and makes their two coordinates uncorrelated and as great.
fn apart(places: &mut [Place], degrees: &[f32]) {
    let sum = |of: &dyn Fn(&Place) -> f64| -> f64 {
        places.iter().zip(degrees).map(|(place, degree)| f64::from(*degree) * of(place)).sum()
    };
    let total = sum(&|_| 1.0).max(f64::MIN_POSITIVE);
    let centre = [0, 1].map(|axis| sum(&|place| f64::from(place[axis])) / total);
    let off = |place: &Place, axis: usize| f64::from(place[axis]) - centre[axis];
    let first = sum(&|place| off(place, 0).powi(2));
    let along = if first > 0.0 { sum(&|place| off(place, 0) * off(place, 1)) / first } else { 0.0 };
    let second = sum(&|place| (off(place, 1) - along * off(place, 0)).powi(2));
    let scale = |square: f64| if square > 1e-12 * total { (total / square).sqrt() } else { 0.0 };
    let (across, down) = (scale(first), scale(second));
    for place in places {
        let (x, y) = (f64::from(place[0]) - centre[0], f64::from(place[1]) - centre[1]);
        *place = [(x * across) as f32, ((y - along * x) * down) as f32];
    }
}
