//! Where names are written so that they do not cover each other: the most important first, as near to their places as is free.

use std::collections::HashMap;

/// A rectangle: left, top, right, bottom.
pub(super) type Rectangle = [f64; 4];

/// Directions and distances, in heights of a line, that are tried.
const AROUND: usize = 12;
const REACHES: [f64; 5] = [0.0, 1.0, 1.8, 2.8, 4.0];

/// The middle of each text that finds room within the frame; texts are given by the place they belong to and their size, the most
/// important first.
pub(super) fn place(texts: &[([f64; 2], [f64; 2])], frame: Rectangle) -> Vec<Option<[f64; 2]>> {
    let mut taken: Vec<Rectangle> = Vec::new();
    let mut places = Vec::with_capacity(texts.len());
    for (at, size) in texts {
        let free = tried(*at, *size).find(|middle| {
            let own = around(*middle, *size);
            let inside = own[0] >= frame[0] && own[1] >= frame[1] && own[2] <= frame[2] && own[3] <= frame[3];
            inside && !taken.iter().any(|other| overlap(&own, other))
        });
        taken.extend(free.map(|middle| around(middle, *size)));
        places.push(free);
    }
    places
}

/// The middle of each rectangle that covers no other before it, at its own place; given as [`place`] is.
pub(super) fn free(rectangles: &[([f64; 2], [f64; 2])], frame: Rectangle) -> Vec<Option<[f64; 2]>> {
    let widest = rectangles.iter().flat_map(|(_, size)| *size).fold(1.0, f64::max);
    // Only what is in the same part of the frame, or in one beside it, can be covered.
    let mut taken: HashMap<[i64; 2], Vec<Rectangle>> = HashMap::new();
    let part = |middle: &[f64; 2]| middle.map(|along| (along / widest).floor() as i64);
    let mut places = Vec::with_capacity(rectangles.len());
    for (middle, size) in rectangles {
        let (own, [across, down]) = (around(*middle, *size), part(middle));
        let inside = own[0] >= frame[0] && own[1] >= frame[1] && own[2] <= frame[2] && own[3] <= frame[3];
        let near = (-1..=1).flat_map(|x| (-1..=1).map(move |y| [across + x, down + y]));
        let mut near = near.filter_map(|part| taken.get(&part)).flatten();
        let is_free = inside && !near.any(|other| overlap(&own, other));
        if is_free {
            taken.entry([across, down]).or_default().push(own);
        }
        places.push(is_free.then_some(*middle));
    }
    places
}

/// Places around one, the nearest first.
fn tried(at: [f64; 2], size: [f64; 2]) -> impl Iterator<Item = [f64; 2]> {
    REACHES.into_iter().flat_map(move |reach| {
        let count = if reach == 0.0 { 1 } else { AROUND };
        (0..count).map(move |turn| {
            let angle = std::f64::consts::TAU * turn as f64 / AROUND as f64 - std::f64::consts::FRAC_PI_2;
            // Texts are wide: they move farther to the side than up.
            let across = size[1].max(size[0] / 2.0);
            [at[0] + reach * across * angle.cos(), at[1] + reach * size[1] * angle.sin()]
        })
    })
}

fn around([x, y]: [f64; 2], [width, height]: [f64; 2]) -> Rectangle {
    [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0]
}

fn overlap(a: &Rectangle, b: &Rectangle) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_do_not_cover_each_other_and_the_first_stays() {
        let texts = vec![([50.0, 50.0], [30.0, 10.0]); 12];
        let places = place(&texts, [0.0, 0.0, 100.0, 100.0]);
        assert_eq!(places[0], Some([50.0, 50.0]));
        let taken: Vec<Rectangle> = places.iter().flatten().map(|middle| around(*middle, [30.0, 10.0])).collect();
        assert!(taken.len() > 5);
        assert!(taken.iter().enumerate().all(|(at, own)| !taken[..at].iter().any(|other| overlap(own, other))));
        let rectangles: Vec<_> =
            (0..60).map(|n| ([f64::from(n * 7 % 90) + 5.0, f64::from(n * 13 % 90) + 5.0], [9.0, 6.0])).collect();
        let places = free(&rectangles, [0.0, 0.0, 100.0, 100.0]);
        let taken: Vec<Rectangle> = places.iter().flatten().map(|middle| around(*middle, [9.0, 6.0])).collect();
        assert!(taken.len() > 20 && places.contains(&None));
        assert!(taken.iter().enumerate().all(|(at, own)| !taken[..at].iter().any(|other| overlap(own, other))));
        assert_eq!(place(&[([5.0, 5.0], [500.0, 10.0])], [0.0, 0.0, 100.0, 100.0]), [None]);
    }
}
