//! Heaps that lie far from all others are brought nearer: between them there is nothing that a distance could mean (their graphs
//! are not connected, or hardly), and a map that is mostly empty shows little.

use super::layout::Place;
use super::plane::Plane;
use crate::duplicates::Groups;

/// Neighbours through which places belong together.
const NEIGHBOURS: usize = 8;
/// And how far these may be: so many times the distance of most places to their nearest.
const REACH: f32 = 12.0;
/// The widest gap that is left, as a part of the largest heap's size.
const WIDEST: f32 = 0.4;
/// Of more heaps than this none is moved.
const MOST: usize = 64;

/// Moves whole heaps towards the largest, until no gap between a heap and the rest is wider than a part of the largest's size.
/// Within a heap nothing changes.
pub(super) fn gather(places: &mut [Place]) {
    let heaps = heaps(places);
    let Some((largest, others)) = heaps.split_first().filter(|(_, others)| others.len() < MOST) else { return };
    let widest = WIDEST * size(places, largest);
    let mut gathered: Vec<Place> = largest.iter().map(|at| places[*at as usize]).collect();
    let plane = Plane::new(&gathered);
    let mut others: Vec<(f32, &Vec<u32>)> =
        others.iter().map(|heap| (apart(&plane, &gathered, heap, places).0, heap)).collect();
    others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1[0].cmp(&b.1[0])));
    for (_, heap) in others {
        let (gap, from, to) = apart(&Plane::new(&gathered), &gathered, heap, places);
        if gap > widest && gap.is_finite() {
            let part = (gap - widest) / gap;
            let shift = [part * (to[0] - from[0]), part * (to[1] - from[1])];
            for at in heap {
                let place = &mut places[*at as usize];
                *place = [place[0] + shift[0], place[1] + shift[1]];
            }
        }
        gathered.extend(heap.iter().map(|at| places[*at as usize]));
    }
}

/// Places that hang together, the most first.
fn heaps(places: &[Place]) -> Vec<Vec<u32>> {
    let plane = Plane::new(places);
    let near: Vec<Vec<(f32, u32)>> =
        (0u32..).zip(places).map(|(at, place)| plane.nearest(*place, NEIGHBOURS, Some(at))).collect();
    let mut nearest: Vec<f32> = near.iter().filter_map(|found| found.first()).map(|(square, _)| *square).collect();
    if nearest.is_empty() {
        return Vec::new();
    }
    let middle = nearest.len() / 2;
    let reach = *nearest.select_nth_unstable_by(middle, f32::total_cmp).1 * REACH * REACH;
    let mut groups = Groups::new(places.len());
    for (at, found) in (0u32..).zip(&near) {
        found.iter().filter(|(square, _)| *square <= reach).for_each(|(_, other)| groups.join(at, *other));
    }
    let mut heaps: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
    (0..places.len() as u32).for_each(|at| heaps.entry(groups.root(at)).or_default().push(at));
    let mut heaps: Vec<Vec<u32>> = heaps.into_values().collect();
    heaps.sort_by_key(|heap| (std::cmp::Reverse(heap.len()), heap[0]));
    heaps
}

/// The diagonal of the box around a heap.
fn size(places: &[Place], heap: &[u32]) -> f32 {
    let span = |axis: usize| {
        let values = heap.iter().map(|at| places[*at as usize][axis]);
        let (least, most) = values.fold((f32::MAX, f32::MIN), |(least, most), x| (least.min(x), most.max(x)));
        most - least
    };
    span(0).hypot(span(1))
}

/// How far a heap is from what is gathered, and the two places that are nearest to each other.
fn apart(plane: &Plane, gathered: &[Place], heap: &[u32], places: &[Place]) -> (f32, Place, Place) {
    let mut best = (f32::INFINITY, [0.0; 2], [0.0; 2]);
    for place in heap.iter().map(|at| places[*at as usize]) {
        if let Some((square, other)) = plane.nearest(place, 1, None).first()
            && *square < best.0
        {
            best = (*square, place, gathered[*other as usize]);
        }
    }
    (best.0.sqrt(), best.1, best.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(middle: Place, count: u32) -> impl Iterator<Item = Place> {
        (0..count).map(move |i| {
            let (angle, radius) = (i as f32 * 2.399_963, (i as f32 / count as f32).sqrt());
            [middle[0] + radius * angle.cos(), middle[1] + radius * angle.sin()]
        })
    }

    #[test]
    fn a_heap_far_away_comes_near_and_keeps_its_shape() {
        let before: Vec<Place> = heap([0.0, 0.0], 300).chain(heap([40.0, 9.0], 60)).collect();
        let mut places = before.clone();
        gather(&mut places);
        assert_eq!(places[..300], before[..300]);
        let moved = [places[300][0] - before[300][0], places[300][1] - before[300][1]];
        assert!(moved[0] < -30.0 && places[300][0] > 2.0, "{moved:?}");
        for (place, old) in places[300..].iter().zip(&before[300..]) {
            assert!((place[0] - old[0] - moved[0]).abs() < 1e-4 && (place[1] - old[1] - moved[1]).abs() < 1e-4);
        }
    }

    #[test]
    fn what_is_near_already_and_what_is_hardly_anything_stays() {
        let near: Vec<Place> = heap([0.0, 0.0], 300).chain(heap([2.8, 0.0], 60)).collect();
        for before in [near, Vec::new(), vec![[1.0, 2.0]], vec![[0.0; 2]; 9], heap([0.0; 2], 2).collect()] {
            let mut places = before.clone();
            gather(&mut places);
            assert_eq!(places, before);
        }
    }
}
