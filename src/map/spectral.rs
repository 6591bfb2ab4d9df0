//! Where rows begin: their places along the two directions in which they differ most, led towards the first two eigenvectors of
//! the graph (its Laplacian eigenmap, which McInnes et al. begin with) by some steps of subspace iteration. What hangs together
//! comes together; parts of the graph that do not keep the middles that the directions give them, so that none drifts away.

use rayon::prelude::*;

use super::fuzzy::Fuzzy;
use super::layout::Place;

/// Steps, and after how many of them the two columns are made orthogonal again.
const STEPS: usize = 120;
const APART: usize = 10;
/// How far from the centre places are in the end.
const REACH: f32 = 10.0;

/// Leads places along the edges.
pub(super) fn begin(fuzzy: &Fuzzy, places: &mut Vec<Place>) {
    let degrees: Vec<f32> =
        fuzzy.starts.windows(2).map(|span| fuzzy.weights[span[0]..span[1]].iter().sum::<f32>()).collect();
    let (parts, count) = parts(fuzzy);
    let mut middles: Vec<Place> = middles(places, &parts, &vec![1.0; parts.len()], count);
    apart(places, &parts, &degrees, count);
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
            apart(places, &parts, &degrees, count);
        }
    }
    let (mut most, mut rows) = (vec![0.0f32; count], vec![0.0f32; count]);
    for (place, part) in places.iter().zip(&parts) {
        most[*part as usize] = most[*part as usize].max(place[0].abs()).max(place[1].abs());
        rows[*part as usize] += 1.0;
    }
    let farthest = middles.iter().flatten().fold(0.0f32, |most, x| most.max(x.abs()));
    let scale = if farthest > 0.0 && count > 1 { REACH / farthest } else { 0.0 };
    middles.iter_mut().flatten().for_each(|x| *x *= scale);
    for (place, part) in places.iter_mut().zip(&parts) {
        let part = *part as usize;
        // As large as its share of the rows.
        let reach = REACH * (rows[part] / parts.len() as f32).sqrt();
        let scale = if most[part] > 0.0 { reach / most[part] } else { 0.0 };
        *place = [0, 1].map(|axis| middles[part][axis] + scale * place[axis]);
    }
}

/// For each row the number of the part of the graph that hangs together in which it is, and how many parts there are.
fn parts(fuzzy: &Fuzzy) -> (Vec<u32>, usize) {
    let rows = fuzzy.starts.len() - 1;
    let (mut parts, mut count) = (vec![u32::MAX; rows], 0);
    let mut open = Vec::new();
    for row in 0..rows {
        if parts[row] != u32::MAX {
            continue;
        }
        parts[row] = count;
        open.push(row);
        while let Some(row) = open.pop() {
            for to in &fuzzy.to[fuzzy.starts[row]..fuzzy.starts[row + 1]] {
                if parts[*to as usize] == u32::MAX {
                    parts[*to as usize] = count;
                    open.push(*to as usize);
                }
            }
        }
        count += 1;
    }
    (parts, count as usize)
}

/// The weighted mean of the places of each part.
fn middles(places: &[Place], parts: &[u32], weights: &[f32], count: usize) -> Vec<Place> {
    let mut sums = vec![[0.0f64; 3]; count];
    for ((place, part), weight) in places.iter().zip(parts).zip(weights) {
        let (sum, weight) = (&mut sums[*part as usize], f64::from(*weight));
        *sum = [sum[0] + weight * f64::from(place[0]), sum[1] + weight * f64::from(place[1]), sum[2] + weight];
    }
    sums.iter().map(|sum| [0, 1].map(|axis| if sum[2] > 0.0 { (sum[axis] / sum[2]) as f32 } else { 0.0 })).collect()
}

/// Puts the middle of each part at 0, a row weighing as much as its edges, and makes its two coordinates uncorrelated and as
/// great.
fn apart(places: &mut [Place], parts: &[u32], degrees: &[f32], count: usize) {
    let middles = middles(places, parts, degrees, count);
    let mut sums = vec![[0.0f64; 4]; count];
    for ((place, part), degree) in places.iter_mut().zip(parts).zip(degrees) {
        let (middle, sum) = (middles[*part as usize], &mut sums[*part as usize]);
        *place = [place[0] - middle[0], place[1] - middle[1]];
        let ([x, y], degree) = (place.map(f64::from), f64::from(*degree));
        *sum = [sum[0] + degree * x * x, sum[1] + degree * x * y, sum[2] + degree * y * y, sum[3] + degree];
    }
    for (place, part) in places.iter_mut().zip(parts) {
        let [first, across, down, total] = sums[*part as usize];
        let along = if first > 0.0 { across / first } else { 0.0 };
        let second = down - along * across;
        let scale = |square: f64| if square > 1e-12 * total { (total / square).sqrt() } else { 0.0 };
        let [x, y] = place.map(f64::from);
        *place = [(x * scale(first)) as f32, ((y - along * x) * scale(second)) as f32];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_sides_and_are_as_large_as_their_rows() {
        // A path of ten rows, one of four, and a row alone.
        let mut fuzzy = Fuzzy { starts: vec![0], to: Vec::new(), weights: Vec::new() };
        for row in 0..15u32 {
            let within = |other: &u32| (row < 10) == (*other < 10) && row < 14 && *other < 14;
            let near = [row.wrapping_sub(1), row + 1].into_iter().filter(|other| *other < 14).filter(within);
            fuzzy.to.extend(near);
            fuzzy.weights.resize(fuzzy.to.len(), 1.0);
            fuzzy.starts.push(fuzzy.to.len());
        }
        assert_eq!(parts(&fuzzy).1, 3);
        let mut places: Vec<Place> =
            (0..15).map(|row| [if row < 10 { -3.0 } else { 5.0 } + (row % 3) as f32, (row * row % 7) as f32]).collect();
        begin(&fuzzy, &mut places);
        let middle = |rows: std::ops::Range<usize>| {
            let count = rows.len() as f32;
            places[rows].iter().map(|place| place[0]).sum::<f32>() / count
        };
        assert!(middle(0..10) < middle(10..14), "{places:?}");
        assert!(places.iter().flatten().all(|x| x.abs() <= 2.0 * REACH));
    }
}
