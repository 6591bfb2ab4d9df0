//! Where names are written so that they do not cover each other: the most important first, as near to their places as is free.

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
        assert_eq!(place(&[([5.0, 5.0], [500.0, 10.0])], [0.0, 0.0, 100.0, 100.0]), [None]);
    }
}
