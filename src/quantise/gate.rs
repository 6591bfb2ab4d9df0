//! How far the vectors of a quantised model are from those of the model that it was made of.
//!
//! Hides: which pictures are compared with which, and which answers are asked for. Promises: figures that need no labels.

use crate::matrix::dot;

/// So many neighbours of a picture are looked at.
const NEIGHBOURS: usize = 10;

/// What pictures are asked to be: things that most photos and drawings have, and that are apart from one another.
pub(super) const LABELS: [&str; 32] = [
    "a person",
    "a face",
    "a child",
    "a crowd",
    "a dog",
    "a cat",
    "a bird",
    "a fish",
    "a horse",
    "an insect",
    "a snake",
    "a dragon",
    "a monster",
    "a robot",
    "a flower",
    "a tree",
    "a mountain",
    "the sea",
    "the sky",
    "a street",
    "a house",
    "a room",
    "a car",
    "an airplane",
    "a boat",
    "food",
    "fruit",
    "a tool",
    "clothes",
    "fire",
    "text",
    "a map",
];

/// What became of some pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// How many there are.
    pub pictures: usize,
    /// Of the ten nearest neighbours of each, among all pictures, the share that stays.
    pub overlap: f64,
    /// The share whose best word stays; `None` where the model reads none.
    pub answers: Option<f64>,
    /// The mean cosine of the two vectors of a picture.
    pub mean_cosine: f64,
    /// The least.
    pub least_cosine: f64,
}

/// Compares the vectors of the pictures at these places with those before; all pictures are each other's neighbours.
/// `words` are vectors of [`LABELS`]. A picture without a vector afterwards has the cosine 0 and no neighbour.
pub(super) fn figures(
    before: &[Vec<f32>],
    after: &[Option<Vec<f32>>],
    places: &[usize],
    words: Option<&[Vec<f32>]>,
) -> Figures {
    let after = |at: usize| after[at].as_deref();
    let cosines: Vec<f64> = places.iter().map(|&at| after(at).map_or(0.0, |own| dot(&before[at], own))).collect();
    let near = |at: usize, vector: &dyn Fn(usize) -> Option<Vec<f32>>| -> Vec<usize> {
        let Some(own) = vector(at) else { return Vec::new() };
        let others = (0..before.len()).filter(|&other| other != at);
        let mut scored: Vec<(f64, usize)> =
            others.filter_map(|other| Some((dot(&own, &vector(other)?), other))).collect();
        // Of equals the first, in both.
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.into_iter().take(NEIGHBOURS).map(|(_, other)| other).collect()
    };
    let stays = |at: usize| {
        let was = near(at, &|at| Some(before[at].clone()));
        let is = near(at, &|at| after(at).map(<[f32]>::to_vec));
        let both = was.iter().filter(|other| is.contains(other)).count();
        both as f64 / was.len().max(1) as f64
    };
    let best = |vector: &[f32], words: &[Vec<f32>]| {
        (0..words.len()).max_by(|&a, &b| dot(vector, &words[a]).total_cmp(&dot(vector, &words[b])).then(b.cmp(&a)))
    };
    let agrees = |at: usize, words: &[Vec<f32>]| {
        after(at).is_some_and(|own| best(own, words) == best(&before[at], words)) as usize as f64
    };
    let mean = |sum: f64| sum / places.len().max(1) as f64;
    Figures {
        pictures: places.len(),
        overlap: mean(places.iter().map(|&at| stays(at)).sum()),
        answers: words.map(|words| mean(places.iter().map(|&at| agrees(at, words)).sum())),
        mean_cosine: mean(cosines.iter().sum()),
        least_cosine: cosines.into_iter().fold(1.0, f64::min),
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "overlap of ten neighbours {:.3}, ", self.overlap)?;
        if let Some(answers) = self.answers {
            write!(f, "same answers {answers:.3}, ")?;
        }
        let Figures { pictures, mean_cosine, least_cosine, .. } = self;
        write!(f, "cosine {mean_cosine:.5} (least {least_cosine:.5}), {pictures} pictures")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directions around a circle, and a little beside it.
    fn around(count: usize, turn: f32) -> Vec<Vec<f32>> {
        let at = |i: usize| i as f32 / count as f32 * std::f32::consts::TAU + turn * (i % 7) as f32;
        (0..count).map(|i| vec![at(i).cos(), at(i).sin()]).collect()
    }

    #[test]
    fn what_did_not_change_is_all_there() {
        let before = around(40, 0.0);
        let after: Vec<Option<Vec<f32>>> = before.iter().cloned().map(Some).collect();
        let words = around(5, 0.3);
        let same = figures(&before, &after, &[0, 3, 39], Some(&words));
        assert_eq!((same.pictures, same.overlap, same.answers), (3, 1.0, Some(1.0)));
        assert!(same.least_cosine > 0.99999 && same.mean_cosine > 0.99999);
    }

    #[test]
    fn what_moved_and_what_is_gone_shows() {
        let before = around(40, 0.0);
        let places: Vec<usize> = (0..40).collect();
        let moved: Vec<Option<Vec<f32>>> = around(40, 0.2).into_iter().map(Some).collect();
        let figures_of = |after: &[Option<Vec<f32>>]| figures(&before, after, &places, None);
        let moved = figures_of(&moved);
        assert!(moved.overlap < 0.9 && moved.least_cosine < 0.4 && moved.answers.is_none(), "{moved}");
        let gone = figures_of(&vec![None; 40]);
        assert_eq!((gone.overlap, gone.mean_cosine, gone.least_cosine), (0.0, 0.0, 0.0));
    }
}
