//! Colours and shapes that can be told apart, by people who see few colours, too.

use serde::Serialize;

use super::Place;

/// How a point is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(in crate::map) struct Paint {
    pub colour: &'static str,
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::map) enum Shape {
    Disc,
    Square,
    Triangle,
    Diamond,
}

const SHAPES: [Shape; 4] = [Shape::Disc, Shape::Triangle, Shape::Square, Shape::Diamond];

/// Of points in no group.
pub(super) const GREY: &str = "#9a9a9a";

/// The palette of Okabe and Ito (2008), its yellow darker so that it is seen on white, and a violet.
const COLOURS: [&str; 8] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a5bc7", "#b5a400"];

/// The colours of Pokémon types.
const TYPES: [(&str, &str); 18] = [
    ("bug", "#94a31c"),
    ("dark", "#5a4538"),
    ("dragon", "#6a3fe0"),
    ("electric", "#eebd0c"),
    ("fairy", "#e58fc4"),
    ("fighting", "#b3332a"),
    ("fire", "#e8662a"),
    ("flying", "#9a8be0"),
    ("ghost", "#6b5596"),
    ("grass", "#4f9e3d"),
    ("ground", "#cfa54a"),
    ("ice", "#6fcfcf"),
    ("normal", "#a3a37f"),
    ("poison", "#9a449a"),
    ("psychic", "#ea4c82"),
    ("rock", "#8f7b33"),
    ("steel", "#8a8aa6"),
    ("water", "#4a86e0"),
];

/// Paints for groups of these names, the most frequent first.
pub(super) fn of_words(names: &[&str]) -> Vec<Paint> {
    let of_type = |name: &&str| TYPES.iter().find(|(kind, _)| kind == name).map(|(_, colour)| *colour);
    let types: Vec<&str> = names.iter().filter_map(of_type).collect();
    // Types have colours that their friends know; shapes tell them from each other as well.
    let own = types.len() == names.len();
    let paint = |at: usize| {
        let shape = SHAPES[if own { at % SHAPES.len() } else { at / COLOURS.len() % SHAPES.len() }];
        Paint { colour: if own { types[at] } else { COLOURS[at % COLOURS.len()] }, shape }
    };
    (0..names.len()).map(paint).collect()
}

/// Paints for groups around these centres, the largest first: each gets the colour whose groups are farthest from it.
pub(super) fn of_centres(centres: &[Place]) -> Vec<Paint> {
    let mut paints: Vec<Paint> = Vec::new();
    let mut used = [0; COLOURS.len()];
    for (at, centre) in centres.iter().enumerate() {
        let room = |colour: usize| {
            let same = centres[..at].iter().zip(&paints).filter(|(_, paint)| paint.colour == COLOURS[colour]);
            let square = |(other, _): (&Place, &Paint)| (other[0] - centre[0]).powi(2) + (other[1] - centre[1]).powi(2);
            same.map(square).fold(f32::INFINITY, f32::min)
        };
        let fewest = used.iter().min().copied().unwrap_or(0);
        let free = (0..COLOURS.len()).filter(|colour| used[*colour] <= fewest);
        let best = free.max_by(|a, b| room(*a).total_cmp(&room(*b)).then(b.cmp(a))).unwrap_or(0);
        paints.push(Paint { colour: COLOURS[best], shape: SHAPES[used[best] % SHAPES.len()] });
        used[best] += 1;
    }
    paints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_differ_in_colour_or_shape() {
        let centres: Vec<Place> = (0..32).map(|at| [(at % 7) as f32, (at / 7) as f32]).collect();
        let names: Vec<String> = (0..32).map(|at| format!("name {at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for paints in [of_centres(&centres), of_words(&names), of_words(&TYPES.map(|(name, _)| name))] {
            assert!(paints.iter().enumerate().all(|(at, paint)| !paints[..at].contains(paint)), "{paints:?}");
        }
    }
}
