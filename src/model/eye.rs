//! The built-in image tower: one look at a picture, read twice, by who knows things and by who knows Pokémon.
//!
//! A pretrained EfficientNet-Lite0 (Tan and Le 2019) sees the picture. Its own last stages name ordinary things; the words
//! for these, weighted by how likely they are, are the vector of a photograph (ConSE, Norouzi et al. 2014), beside a little
//! of what it looks like. A branch with last stages of its own names species; the vectors of those, weighted alike, are the
//! vector of a Pokémon. How much the picture looks like any species decides between the two. `training/export.py` is
//! the same in Python, and golden values hold both together.
//!
//! Hides: the file, the layers, how they are computed. What engines for any graph do slowly is done here in the order
//! that suits it: pixel after pixel, each with its channels, so that a step that looks at neighbours takes channels at
//! once and all others are products of matrices.

use multiversion::multiversion;
use rayon::{ThreadPool, ThreadPoolBuilder};
use safetensors::{Dtype, SafeTensors};
use std::cell::RefCell;

use super::engine::{Batch, Lent, Output, Tower, Use};
use crate::matrix::{self, Packed};

/// What files of such a tower end with.
pub const FILES: &str = "safetensors";

/// Kernel, stride, expansion, channels, repeats of each stage.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
];
/// So many stages see for both.
const SHARED: usize = 5;
/// After these stages, but for the last, the branch looks at what was seen, too.
const FINE: usize = 2;
const MIDDLE: usize = 3;
const STEM: usize = 32;
/// Channels are worked on so many at once; all numbers of channels but three are multiples of it.
const LANES: usize = 16;

/// What is seen, or computed of it: rows of pixels of channels, square.
struct Map {
    side: usize,
    data: Vec<f32>,
}

/// So many maps that are done with are kept for the next ones.
const MOST_LEFT: usize = 8;

// What the system would have to clear again for each step of each picture, page by page.
thread_local! {
    static LEFT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Room for so many numbers, whatever is in it.
fn room(count: usize) -> Vec<f32> {
    let mut room = LEFT.with_borrow_mut(Vec::pop).unwrap_or_default();
    room.resize(count, 0.0);
    room
}

impl Drop for Map {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        LEFT.with_borrow_mut(|left| {
            if left.len() < MOST_LEFT {
                left.push(data);
            }
        });
    }
}

impl Map {
    fn channels(&self) -> usize {
        self.data.len() / (self.side * self.side)
    }

    /// The mean over all pixels.
    fn mean(&self) -> Vec<f32> {
        let mut sums = vec![0.0; self.channels()];
        for pixel in self.data.chunks_exact(sums.len()) {
            sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
        }
        let count = (self.side * self.side) as f32;
        sums.iter_mut().for_each(|sum| *sum /= count);
        sums
    }
}

/// A matrix [out, inner], or a convolution [out, kernel, kernel, in] as one, and what is added.
struct Layer {
    matrix: Packed,
    bias: Vec<f32>,
    kernel: usize,
    stride: usize,
    /// Is what comes out cut off below 0 and above 6?
    bounded: bool,
}

/// A convolution of each channel by itself, cut off below 0 and above 6; the weights of all channels for one neighbour lie
/// together.
struct Neighbours {
    weight: Vec<f32>,
    bias: Vec<f32>,
    kernel: usize,
    stride: usize,
}

/// Pixels before the picture's edge and outputs, of a step over neighbours: the odd pixel goes behind (TensorFlow's `SAME`).
fn padding(side: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let out = side.div_ceil(stride);
    (((out - 1) * stride + kernel).saturating_sub(side) / 2, out)
}

/// The neighbours of an output pixel that lie inside: which tap each is, and which pixel.
fn neighbours(
    side: usize,
    kernel: usize,
    stride: usize,
    (row, column): (usize, usize),
) -> impl Iterator<Item = (usize, usize)> {
    let before = padding(side, kernel, stride).0;
    let along = move |at: usize| {
        (0..kernel)
            .filter_map(move |tap| Some((tap, (at * stride + tap).checked_sub(before).filter(|place| *place < side)?)))
    };
    along(row).flat_map(move |(y, line)| along(column).map(move |(x, place)| (y * kernel + x, line * side + place)))
}

impl Layer {
    /// The matrix `weight` [out, inner] and what is added.
    fn new(weight: &[f32], inner: usize, bias: Vec<f32>) -> Layer {
        Layer { matrix: Packed::transposed(weight, inner), bias, kernel: 1, stride: 1, bounded: false }
    }

    /// Matrix of a vector.
    fn of_vector(&self, vector: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; self.bias.len()];
        self.matrix.product(vector, &self.bias, &mut out);
        out
    }

    /// Convolution; of one pixel or of neighbours, with all channels.
    fn of_map(&self, map: &Map) -> Map {
        let (channels, side) = (map.channels(), padding(map.side, self.kernel, self.stride).1);
        let inner = self.kernel * self.kernel * channels;
        let mut data = room(side * side * self.bias.len());
        if self.kernel == 1 {
            self.matrix.product(&map.data, &self.bias, &mut data);
        } else {
            let mut patches = Map { side, data: room(side * side * inner) };
            for (at, patch) in patches.data.chunks_exact_mut(inner).enumerate() {
                patch.fill(0.0);
                for (tap, pixel) in neighbours(map.side, self.kernel, self.stride, (at / side, at % side)) {
                    let from = &map.data[pixel * channels..][..channels];
                    patch[tap * channels..][..channels].copy_from_slice(from);
                }
            }
            self.matrix.product(&patches.data, &self.bias, &mut data);
        }
        if self.bounded {
            bound(&mut data);
        }
        Map { side, data }
    }
}

impl Neighbours {
    fn of_map(&self, map: &Map) -> Map {
        let (channels, side) = (map.channels(), padding(map.side, self.kernel, self.stride).1);
        let mut data = room(side * side * channels);
        for (at, out) in data.chunks_exact_mut(channels).enumerate() {
            out.copy_from_slice(&self.bias);
            let mut taps = [(0, 0); 25];
            let mut count = 0;
            for (tap, pixel) in neighbours(map.side, self.kernel, self.stride, (at / side, at % side)) {
                taps[count] = (tap * channels, pixel * channels);
                count += 1;
            }
            gather(out, &map.data, &self.weight, &taps[..count]);
        }
        Map { side, data }
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn bound(data: &mut [f32]) {
    data.iter_mut().for_each(|x| *x = x.clamp(0.0, 6.0));
}

/// Adds up the neighbours of a pixel, channel by channel, and bounds the sums.
#[multiversion(targets("x86_64+avx2"))]
fn gather(out: &mut [f32], seen: &[f32], weight: &[f32], taps: &[(usize, usize)]) {
    let (chunks, rest) = out.as_chunks_mut::<LANES>();
    for (chunk, sums) in chunks.iter_mut().enumerate() {
        let at = chunk * LANES;
        for &(tap, pixel) in taps {
            let weight = &weight[tap + at..][..LANES];
            let seen = &seen[pixel + at..][..LANES];
            for lane in 0..LANES {
                sums[lane] += seen[lane] * weight[lane];
            }
        }
        sums.iter_mut().for_each(|sum| *sum = sum.clamp(0.0, 6.0));
    }
    debug_assert!(rest.is_empty(), "channels come in whole lanes");
}

/// Widen, look at the neighbours, narrow; what came in is added where it has the shape of what goes out.
struct Block {
    widen: Option<Layer>,
    look: Neighbours,
    narrow: Layer,
    skip: bool,
}

impl Block {
    fn run(&self, map: &Map) -> Map {
        let wide = self.widen.as_ref().map(|widen| widen.of_map(map));
        let seen = self.look.of_map(wide.as_ref().unwrap_or(map));
        let mut out = self.narrow.of_map(&seen);
        if self.skip {
            out.data.iter_mut().zip(&map.data).for_each(|(x, before)| *x += before);
        }
        out
    }
}

/// The numbers beside the weights, by what `training/export.py` calls them.
struct Numbers {
    temperature: f32,
    classes: usize,
    look: f32,
    colours: f32,
    scene_doubt: f32,
    readout_scale: f32,
    readout_keep: f32,
    known: [f32; 3],
    sure: [f32; 4],
    sure_middle: f32,
    sure_step: f32,
}

/// The words of the basic colours, and what is usual of each.
struct Colours {
    lab: Vec<f32>,
    mean: Vec<f32>,
    spread: Vec<f32>,
    words: Layer,
}

/// A picture is averaged to so many cells along a side to see its colours,
const CELLS: usize = 24;
/// of which those in the middle count most: the deviation of a bell, in cells.
const MIDDLE_CELLS: f32 = 7.0;
/// Squared distance in Lab, lightness counting half, at which a colour is e times less likely.
const NEAR: f32 = 400.0;

/// CIE Lab (D65) of sRGB of 0 to 1.
fn lab(rgb: [f32; 3]) -> [f32; 3] {
    let linear = rgb.map(|x| if x > 0.04045 { ((x + 0.055) / 1.055).powf(2.4) } else { x / 12.92 });
    let of = |weights: [f32; 3]| {
        let x = linear[0] * weights[0] + linear[1] * weights[1] + linear[2] * weights[2];
        if x > 0.008856 { x.cbrt() } else { 7.787 * x + 16.0 / 116.0 }
    };
    let (x, y, z) = (of([0.4339, 0.3762, 0.1899]), of([0.2126, 0.7152, 0.0722]), of([0.0178, 0.1095, 0.8727]));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

impl Colours {
    /// What its colours add to a picture's vector.
    fn of(&self, picture: &Map) -> Vec<f32> {
        let (side, mut amounts) = (picture.side / CELLS, vec![0.0; self.mean.len()]);
        let along =
            |at: usize| (-(at as f32 - (CELLS as f32 - 1.0) / 2.0).powi(2) / (2.0 * MIDDLE_CELLS * MIDDLE_CELLS)).exp();
        let total: f32 = (0..CELLS).map(along).sum();
        for (row, column) in (0..CELLS).flat_map(|row| (0..CELLS).map(move |column| (row, column))) {
            let mut sums = [0.0; 3];
            for line in row * side..(row + 1) * side {
                let pixels = &picture.data[(line * picture.side + column * side) * 3..][..side * 3];
                pixels.as_chunks::<3>().0.iter().for_each(|pixel| (0..3).for_each(|c| sums[c] += pixel[c]));
            }
            // Back from (x - 127) / 128.
            let seen = lab(sums.map(|sum| ((sum / (side * side) as f32 * 128.0 + 127.0) / 255.0).clamp(0.0, 1.0)));
            let apart = self.lab.as_chunks::<3>().0.iter();
            let apart =
                apart.map(|c| (seen[0] - c[0]).powi(2) / 2.0 + (seen[1] - c[1]).powi(2) + (seen[2] - c[2]).powi(2));
            let mut likely: Vec<f32> = apart.map(|apart| -apart / NEAR).collect();
            matrix::softmax(&mut likely);
            add(&mut amounts, along(row) * along(column) / (total * total), &likely);
        }
        let usual = amounts.iter().zip(&self.mean).zip(&self.spread);
        let more: Vec<f32> =
            usual.map(|((amount, mean), spread)| ((amount.sqrt() - mean) / spread).clamp(-3.0, 3.0)).collect();
        self.words.of_vector(&more)
    }
}

struct Network {
    stem: Layer,
    shared: Vec<Block>,
    things: Vec<Block>,
    things_head: Layer,
    classes: Layer,
    words: Layer,
    look: Layer,
    look_out: Layer,
    colours: Colours,
    fine: Layer,
    middle: Layer,
    merge: Layer,
    creatures: Vec<Block>,
    creatures_head: Layer,
    creature: Layer,
    known: Layer,
    species: Layer,
    /// The species' vectors, one number of all after another.
    species_out: Layer,
    axis: Vec<f32>,
    numbers: Numbers,
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

fn add(to: &mut [f32], factor: f32, what: &[f32]) {
    to.iter_mut().zip(what).for_each(|(x, y)| *x += factor * y);
}

fn greatest(numbers: &[f32]) -> f32 {
    matrix::greatest(numbers).1
}

/// Runs blocks one after another.
///
/// # Panics
/// There is no block.
fn through(blocks: &[Block], map: &Map) -> Map {
    let (first, others) = blocks.split_first().expect("stages of one block at least");
    others.iter().fold(first.run(map), |map, block| block.run(&map))
}

impl Network {
    /// The vector of a picture, pixels after pixels.
    fn vector(&self, picture: Map) -> Vec<f32> {
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

/// The columns of a matrix, one after another.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}

/// The tensors of a file, taken one by one.
struct Weights<'a>(SafeTensors<'a>);

impl Weights<'_> {
    /// The numbers of a tensor of this shape.
    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.0.tensor(name).map_err(|_| format!("has no `{name}`"))?;
        if tensor.shape() != shape {
            return Err(format!("its `{name}` is of shape {:?}, not {shape:?}", tensor.shape()));
        }
        match tensor.dtype() {
            Dtype::F32 => Ok(tensor.data().as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect()),
            Dtype::I8 => Ok(tensor.data().iter().map(|x| f32::from(x.cast_signed())).collect()),
            other => Err(format!("its `{name}` is of {other:?}")),
        }
    }

    /// The matrix of a layer [out, inner], whole numbers times a scale for each output, and what is added.
    fn matrix(&self, name: &str, out: usize, inner: usize) -> Result<(Vec<f32>, Vec<f32>), String> {
        let mut weight = self.numbers(&format!("{name}.weight"), &[out, inner])?;
        let scale = self.numbers(&format!("{name}.scale"), &[out])?;
        weight
            .chunks_exact_mut(inner.max(1))
            .zip(&scale)
            .for_each(|(row, scale)| row.iter_mut().for_each(|x| *x *= scale));
        Ok((weight, self.numbers(&format!("{name}.bias"), &[out])?))
    }

    fn layer(&self, name: &str, out: usize, inner: usize) -> Result<Layer, String> {
        if out == 0 || inner == 0 {
            return Err(format!("its `{name}` is empty"));
        }
        let (weight, bias) = self.matrix(name, out, inner)?;
        Ok(Layer::new(&weight, inner, bias))
    }

    fn convolution(&self, name: &str, [cin, out, kernel, stride]: [usize; 4]) -> Result<Layer, String> {
        let layer = self.layer(name, out, cin * kernel * kernel)?;
        Ok(Layer { kernel, stride, bounded: true, ..layer })
    }

    fn neighbours(&self, name: &str, channels: usize, kernel: usize, stride: usize) -> Result<Neighbours, String> {
        let taps = kernel * kernel;
        let (weight, bias) = self.matrix(name, channels, taps)?;
        let weight = transposed(&weight, taps);
        Ok(Neighbours { weight, bias, kernel, stride })
    }

    /// The blocks of some stages, and how many channels come out of them.
    fn stages(
        &self,
        name: &str,
        stages: std::ops::Range<usize>,
        mut cin: usize,
    ) -> Result<(Vec<Block>, usize), String> {
        let mut blocks = Vec::new();
        for (kernel, stride, expansion, out, repeats) in STAGES[stages].iter().copied() {
            for i in 0..repeats {
                let name = format!("{name}.{}", blocks.len());
                let (wide, stride) = (cin * expansion, if i == 0 { stride } else { 1 });
                let widen = match expansion {
                    1 => None,
                    _ => Some(self.convolution(&format!("{name}.widen"), [cin, wide, 1, 1])?),
                };
                let look = self.neighbours(&format!("{name}.look"), wide, kernel, stride)?;
                let narrow = self.layer(&format!("{name}.narrow"), out, wide)?;
                blocks.push(Block { widen, look, narrow, skip: stride == 1 && cin == out });
                cin = out;
            }
        }
        Ok((blocks, cin))
    }

    fn network(&self) -> Result<Network, String> {
        let rows = |name: &str| self.0.tensor(name).map(|t| t.shape().first().copied().unwrap_or(0)).unwrap_or(0);
        let outputs = |layer: &str| rows(&format!("{layer}.bias"));
        let (dimension, features, read) = (outputs("words"), outputs("things.head"), outputs("creatures.head"));
        let [fine, middle, coarse] = [FINE, MIDDLE, SHARED].map(|stages| STAGES[stages - 1].3);
        let (narrow, wide) = (outputs("creatures.fine"), outputs("creatures.middle"));
        let (shared, _) = self.stages("shared", 0..SHARED, STEM)?;
        let (things, last) = self.stages("things", SHARED..STAGES.len(), coarse)?;
        let (creatures, _) = self.stages("creatures", SHARED..STAGES.len(), coarse)?;
        let (looks, species, classes) = (outputs("look"), outputs("species"), outputs("classes"));
        let hues = rows("colours.mean");
        let vectors = self.layer("species", species, dimension)?;
        let (anchors, _) = self.matrix("species", species, dimension)?;
        let species_out = Layer::new(&transposed(&anchors, dimension), species, vec![0.0; dimension]);
        let number = |name: &str| self.numbers(name, &[1]).map(|n| n[0]);
        Ok(Network {
            stem: self.convolution("stem", [3, STEM, 3, 2])?,
            shared,
            things,
            things_head: self.convolution("things.head", [last, features, 1, 1])?,
            classes: self.layer("classes", classes, features)?,
            words: self.layer("words", dimension, classes)?,
            look: self.layer("look", looks, features)?,
            look_out: self.layer("look.out", dimension, looks)?,
            colours: Colours {
                lab: self.numbers("colours.lab", &[hues, 3])?,
                mean: self.numbers("colours.mean", &[hues])?,
                spread: self.numbers("colours.spread", &[hues])?,
                words: self.layer("colours.words", dimension, hues)?,
            },
            fine: self.convolution("creatures.fine", [fine, narrow, 3, 2])?,
            middle: self.convolution("creatures.middle", [narrow + middle, wide, 3, 2])?,
            merge: self.layer("creatures.merge", coarse, wide)?,
            creatures,
            creatures_head: self.convolution("creatures.head", [last, read, 1, 1])?,
            creature: self.layer("creatures.out", dimension, read)?,
            known: self.layer("creatures.known", 1, read)?,
            species: vectors,
            species_out,
            axis: self.numbers("axis", &[dimension])?,
            numbers: Numbers {
                temperature: number("temperature")?,
                classes: number("classes.best")? as usize,
                look: number("look.share")?,
                colours: number("colours.share")?,
                scene_doubt: number("scene.doubt")?,
                readout_scale: number("readout.scale")?,
                readout_keep: number("readout.keep")?,
                known: [number("known.gain")?, number("known.slope")?, number("known.offset")?],
                sure: [number("sure.gain")?, number("sure.slope")?, number("sure.odds")?, number("sure.offset")?],
                sure_middle: number("sure.middle")?,
                sure_step: number("sure.step")?,
            },
        })
    }
}

struct Eye {
    network: Network,
    /// Pools of one thread; a single picture may take all processors.
    pools: Option<Lent<ThreadPool>>,
}

/// Loads the tower from the bytes of a file in the safetensors format.
///
/// # Errors
/// What is wrong with them, for a message.
pub fn load(bytes: &[u8], use_: Use) -> Result<Box<dyn Tower>, String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|_| "it is damaged")?;
    let network = Weights(tensors).network()?;
    Ok(Box::new(Eye { network, pools: (use_ != Use::Once).then(Lent::default) }))
}

impl Tower for Eye {
    fn run(&self, batch: Batch) -> Result<Output, String> {
        let Batch::Pixels { data, shape: [count, channels, side, width] } = batch else {
            return Err("takes pictures only".into());
        };
        if channels != 3 || side != width || data.len() != count * 3 * side * side || side < CELLS || side % CELLS > 0 {
            return Err("takes square pictures of three colours, of a side that 24 divides".into());
        }
        let run = || {
            let vectors = data.chunks_exact(3 * side * side).flat_map(|planes| {
                let (plane, mut pixels) = (side * side, vec![0.0; planes.len()]);
                for (at, pixel) in pixels.chunks_exact_mut(3).enumerate() {
                    pixel.copy_from_slice(&[planes[at], planes[plane + at], planes[2 * plane + at]]);
                }
                self.network.vector(Map { side, data: pixels })
            });
            vectors.collect::<Vec<f32>>()
        };
        let data = match &self.pools {
            None => run(),
            Some(pools) => {
                let pool = || ThreadPoolBuilder::new().num_threads(1).build().map_err(|e| e.to_string());
                pools.to(|pool| pool.install(run), pool)?
            }
        };
        Ok(Output { shape: vec![count, data.len() / count.max(1)], data })
    }

    fn engine(&self) -> String {
        "rten".into()
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    /// Numbers that differ.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 1000) as f32 / 500.0 - 1.0).collect()
    }

    #[test]
    fn the_odd_pixel_goes_behind() {
        // Before, and outputs: as TensorFlow pads.
        assert_eq!(
            [(192, 3, 2), (7, 3, 2), (96, 5, 2), (12, 5, 1), (6, 3, 1), (9, 1, 1)].map(|(s, k, by)| padding(s, k, by)),
            [(0, 96), (1, 4), (1, 48), (2, 12), (1, 6), (0, 9)]
        );
    }

    /// A convolution by its definition.
    fn by_definition(
        map: &Map,
        weight: &dyn Fn(usize, usize, usize) -> f32,
        (out, kernel, stride): (usize, usize, usize),
    ) -> Vec<f32> {
        let (channels, (before, side)) = (map.channels(), padding(map.side, kernel, stride));
        let mut sums = Vec::new();
        for (row, column, o) in (0..side * side * out).map(|i| (i / out / side, i / out % side, i % out)) {
            let mut sum = 0.0;
            for (y, x) in (0..kernel * kernel).map(|i| (i / kernel, i % kernel)) {
                let (line, place) =
                    ((row * stride + y).wrapping_sub(before), (column * stride + x).wrapping_sub(before));
                if line < map.side && place < map.side {
                    let pixel = &map.data[(line * map.side + place) * channels..][..channels];
                    sum += pixel.iter().enumerate().map(|(c, seen)| seen * weight(o, y * kernel + x, c)).sum::<f32>();
                }
            }
            sums.push(sum);
        }
        sums
    }

    #[test]
    fn convolutions_are_what_they_are_defined_to_be() {
        for (side, kernel, stride) in [(8, 3, 1), (8, 3, 2), (7, 5, 2), (6, 5, 1), (3, 5, 1), (5, 1, 1)] {
            let (channels, out) = (16, 24);
            let map = Map { side, data: numbers(side * side * channels, side) };
            let taps = kernel * kernel;
            let weight = numbers(out * taps * channels, kernel);
            let layer = Layer {
                matrix: Packed::transposed(&weight, taps * channels),
                bias: vec![0.0; out],
                kernel,
                stride,
                bounded: false,
            };
            let wanted =
                by_definition(&map, &|o, tap, c| weight[(o * taps + tap) * channels + c], (out, kernel, stride));
            let found = layer.of_map(&map);
            assert_eq!(found.data.len(), wanted.len());
            assert!(found.data.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-3), "{side} {kernel} {stride}");

            let weight = numbers(taps * channels, kernel);
            let layer = Neighbours { weight: weight.clone(), bias: vec![0.5; channels], kernel, stride };
            let own = |o: usize, tap: usize, c: usize| if o == c { weight[tap * channels + c] } else { 0.0 };
            let wanted = by_definition(&map, &own, (channels, kernel, stride));
            let found = layer.of_map(&map);
            let agree = |(a, b): (&f32, &f32)| (a - (b + 0.5).clamp(0.0, 6.0)).abs() < 1e-3;
            assert!(found.data.iter().zip(&wanted).all(agree), "{side} {kernel} {stride}");
        }
    }

    #[test]
    fn colours_are_those_of_the_standard() {
        let close = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.5);
        assert!(close(lab([1.0; 3]), [100.0, 0.0, 0.0]), "{:?}", lab([1.0; 3]));
        assert!(close(lab([1.0, 0.0, 0.0]), [53.2, 80.1, 67.2]), "{:?}", lab([1.0, 0.0, 0.0]));
        assert!(close(lab([0.0, 0.0, 1.0]), [32.3, 79.2, -107.9]), "{:?}", lab([0.0, 0.0, 1.0]));
    }

    #[test]
    fn files_that_are_none_or_lack_something_are_refused() {
        let problem = |bytes: &[u8]| load(bytes, Use::Once).err().expect("refused");
        assert_eq!(problem(b""), "it is damaged");
        assert_eq!(problem(&super::super::builtin::IMAGE[..5000]), "it is damaged");
        let none: [(&str, TensorView); 0] = [];
        let empty = safetensors::serialize(none, None).expect("a file");
        assert!(problem(&empty).starts_with("has no `"), "{}", problem(&empty));
        let zeros = [0; 4 * 32];
        let one = TensorView::new(Dtype::F32, vec![32], &zeros).expect("a tensor");
        let other = safetensors::serialize([("shared.0.look.weight", one)], None).expect("a file");
        assert!(problem(&other).contains("is of shape [32], not [32, 9]"), "{}", problem(&other));
    }

    #[test]
    fn a_picture_has_one_vector_whoever_computes_it() {
        let picture = numbers(2 * 3 * 192 * 192, 1);
        let run = |use_: Use| {
            let tower = load(super::super::builtin::IMAGE, use_).expect("the built-in tower");
            let run = |data: &[f32]| {
                tower.run(Batch::Pixels { shape: [data.len() / (3 * 192 * 192), 3, 192, 192], data: data.to_vec() })
            };
            let both = run(&picture).expect("vectors").data;
            let alone = run(&picture[3 * 192 * 192..]).expect("a vector").data;
            assert_eq!(both[both.len() / 2..], alone[..]);
            assert!(tower.run(Batch::Pixels { shape: [1, 3, 10, 10], data: vec![0.0; 300] }).is_err());
            both
        };
        assert_eq!(run(Use::Once), run(Use::Bulk { calls: 2 }));
    }
}
