//! How the layers hang together, from a picture to its vector.

use super::colours::Colours;
use super::layers::{Block, Layer, Map, add, through};
use crate::matrix;

/// Kernel, stride, expansion, channels, repeats of each stage.
pub(super) const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
];
/// So many stages see for both.
pub(super) const SHARED: usize = 5;
/// After these stages, but for the last, the branch looks at what was seen, too.
pub(super) const FINE: usize = 2;
pub(super) const MIDDLE: usize = 3;

/// The numbers beside the weights, by what `training/export.py` calls them.
pub(super) struct Numbers {
    pub(super) temperature: f32,
    pub(super) classes: usize,
    pub(super) look: f32,
    pub(super) colours: f32,
    pub(super) scene_doubt: f32,
    pub(super) readout_scale: f32,
    pub(super) readout_keep: f32,
    pub(super) known: [f32; 3],
    pub(super) sure: [f32; 4],
    pub(super) sure_middle: f32,
    pub(super) sure_step: f32,
}

pub(super) struct Network {
    pub(super) stem: Layer,
    pub(super) shared: Vec<Block>,
    pub(super) things: Vec<Block>,
    pub(super) things_head: Layer,
    pub(super) classes: Layer,
    pub(super) words: Layer,
    pub(super) look: Layer,
    pub(super) look_out: Layer,
    pub(super) colours: Colours,
    pub(super) fine: Layer,
    pub(super) middle: Layer,
    pub(super) merge: Layer,
    pub(super) creatures: Vec<Block>,
    pub(super) creatures_head: Layer,
    pub(super) creature: Layer,
    pub(super) known: Layer,
    pub(super) species: Layer,
    /// The species' vectors, one number of all after another.
    pub(super) species_out: Layer,
    pub(super) axis: Vec<f32>,
    pub(super) numbers: Numbers,
}

/// Below this share of the one, only the other is computed.
const NEGLIGIBLE: f32 = 0.002;
/// No picture of a Pokémon scores less for its best species.
const LEAST: f32 = 0.2;

/// Makes it of length one.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

fn greatest(numbers: &[f32]) -> f32 {
    matrix::greatest(numbers).1
}

impl Network {
    /// The vector of a picture, pixels after pixels.
    pub(super) fn vector(&self, picture: Map) -> Vec<f32> {
        let blocks = |stages: usize| STAGES[..stages].iter().map(|stage| stage.4).sum::<usize>();
        let fine = through(&self.shared[..blocks(FINE)], &self.stem.of_map(&picture));
        let middle = through(&self.shared[blocks(FINE)..blocks(MIDDLE)], &fine);
        let coarse = through(&self.shared[blocks(MIDDLE)..], &middle);

        let (creature, known) = self.creature(&fine, &middle, &coarse);
        let scores = self.species.of_vector(&creature);
        let best = greatest(&scores);
        let [gain, slope, offset] = self.numbers.known;
        let share = 1.0 / (1.0 + (-(gain * known + slope * best + offset)).exp());

        let mut vector = vec![0.0; self.axis.len()];
        let mut doubt = 0.0;
        if share >= NEGLIGIBLE {
            let mut weights: Vec<f32> = scores.iter().map(|x| x * self.numbers.readout_scale).collect();
            matrix::softmax(&mut weights);
            let likeliest = greatest(&weights).clamp(1e-6, 1.0 - 1e-6);
            let mut found = self.species_out.of_vector(&weights);
            add(&mut found, self.numbers.readout_keep, &creature);
            let found = unit(found);
            // It turns away from the species until the best scores as much as it is likely to be right.
            let [gain, slope, by_odds, offset] = self.numbers.sure;
            let sure = gain * known + slope * best + by_odds * (likeliest / (1.0 - likeliest)).ln() + offset;
            let wanted = (self.numbers.sure_middle + self.numbers.sure_step * sure).clamp(LEAST, 1.0);
            let ratio = greatest(&self.species.of_vector(&found)) / wanted;
            doubt += share * (ratio * ratio - 1.0).max(0.0).sqrt();
            add(&mut vector, share, &found);
        }
        if 1.0 - share >= NEGLIGIBLE {
            doubt += (1.0 - share) * self.numbers.scene_doubt;
            add(&mut vector, 1.0 - share, &self.thing(&picture, &coarse));
        }
        let mut vector = unit(vector);
        add(&mut vector, doubt, &self.axis);
        unit(vector)
    }

    /// What the branch makes of it: a unit vector among the species', and how much it looks like any.
    fn creature(&self, fine: &Map, middle: &Map, coarse: &Map) -> (Vec<f32>, f32) {
        let fine = self.fine.of_map(fine);
        let (some, others) = (fine.channels(), middle.channels());
        let pixels = fine.data.chunks_exact(some).zip(middle.data.chunks_exact(others));
        let data = pixels.flat_map(|(fine, middle)| fine.iter().chain(middle).copied()).collect();
        let mut seen = self.merge.of_map(&self.middle.of_map(&Map { side: fine.side, data }));
        add(&mut seen.data, 1.0, &coarse.data);
        let features = self.creatures_head.of_map(&through(&self.creatures, &seen)).mean();
        (unit(self.creature.of_vector(&features)), self.known.of_vector(&features)[0])
    }

    /// The words of the likeliest things, and a little of the looks and of the colours.
    fn thing(&self, picture: &Map, coarse: &Map) -> Vec<f32> {
        let features = self.things_head.of_map(&through(&self.things, coarse)).mean();
        let logits = self.classes.of_vector(&features);
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
        let mut weights = vec![0.0; logits.len()];
        for &class in &order[..self.numbers.classes.min(order.len())] {
            weights[class] = ((logits[class] - logits[order[0]]) / self.numbers.temperature).exp();
        }
        let mut vector = unit(self.words.of_vector(&weights));
        let look = self.look_out.of_vector(&unit(self.look.of_vector(&features)));
        add(&mut vector, self.numbers.look, &look);
        add(&mut vector, self.numbers.colours, &self.colours.of(picture));
        unit(vector)
    }
}
