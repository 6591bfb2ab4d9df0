//! Layers of a convolutional network, pixel after pixel, each with its channels.
//!
//! Hides: memory that is used again, and what processors do at once.

use std::cell::RefCell;

use multiversion::multiversion;

use crate::matrix::Packed;

/// Channels are worked on so many at once; all numbers of channels but three are multiples of it.
const LANES: usize = 16;

/// What is seen, or computed of it: rows of pixels of channels, square.
pub(super) struct Map {
    pub(super) side: usize,
    pub(super) data: Vec<f32>,
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
    pub(super) fn channels(&self) -> usize {
        self.data.len() / (self.side * self.side)
    }

    /// The mean over all pixels.
    pub(super) fn mean(&self) -> Vec<f32> {
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
pub(super) struct Layer {
    pub(super) matrix: Packed,
    pub(super) bias: Vec<f32>,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    /// Is what comes out cut off below 0 and above 6?
    pub(super) bounded: bool,
}

/// A convolution of each channel by itself, cut off below 0 and above 6; the weights of all channels for one neighbour lie
/// together.
pub(super) struct Neighbours {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) kernel: usize,
    pub(super) stride: usize,
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
    pub(super) fn new(weight: &[f32], inner: usize, bias: Vec<f32>) -> Layer {
        Layer { matrix: Packed::transposed(weight, inner), bias, kernel: 1, stride: 1, bounded: false }
    }

    /// Matrix of a vector.
    pub(super) fn of_vector(&self, vector: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; self.bias.len()];
        self.matrix.product(vector, &self.bias, &mut out);
        out
    }

    /// Convolution; of one pixel or of neighbours, with all channels.
    pub(super) fn of_map(&self, map: &Map) -> Map {
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
pub(super) struct Block {
    pub(super) widen: Option<Layer>,
    pub(super) look: Neighbours,
    pub(super) narrow: Layer,
    pub(super) skip: bool,
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

pub(super) fn add(to: &mut [f32], factor: f32, what: &[f32]) {
    to.iter_mut().zip(what).for_each(|(x, y)| *x += factor * y);
}

/// Runs blocks one after another.
///
/// # Panics
/// There is no block.
pub(super) fn through(blocks: &[Block], map: &Map) -> Map {
    let (first, others) = blocks.split_first().expect("stages of one block at least");
    others.iter().fold(first.run(map), |map, block| block.run(&map))
}

#[cfg(test)]
mod tests {
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
}
