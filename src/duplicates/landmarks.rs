//! Landmarks: places of a picture that are found again in a crop of it.
//!
//! Blobs of brightness, where they are brightest or darkest among their neighbours in place and size: extrema of differences of
//! Gaussians (Lowe, "Distinctive image features from scale-invariant keypoints", 2004), each with the signs of the lowest
//! frequencies around it instead of gradients, so that it can be found by equal bits as whole pictures are. Directions are
//! kept: crops are not turned.

use std::f32::consts::PI;
use std::sync::LazyLock;

use super::Orientation;
use crate::image::{Colour, Filter, Fit, Rgb};

/// The longer side of the picture that is searched.
const SIDE: u32 = 128;
/// Blurs of the picture, three to a doubling: the first, and how many there are.
const FINEST: f32 = 1.6;
const LEVELS: usize = 8;
/// Landmarks of a picture at most, the strongest.
pub(super) const MOST: usize = 40;
/// Less than so many of 255 steps of brightness is noise.
const LEAST: f32 = 0.7;
/// How much longer than wide a blob may be: what is longer is an edge, along which it has no place.
const LONGEST: f32 = 10.0;
/// The surroundings that are described reach so many blurs to each side, in so many points.
const REACH: f32 = 5.0;
const POINTS: usize = 16;
/// Frequencies of these along a side.
const FREQUENCIES: usize = 8;

/// A place of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Landmark {
    /// Across, down and the blur, as shares of the longer side, times [`Landmark::UNIT`].
    pub place: [u16; 3],
    /// Signs of the frequencies around it: bit `8 × down + across`.
    pub signs: u64,
}

impl Landmark {
    const UNIT: f32 = 32768.0;
    pub(super) const BYTES: usize = 14;

    /// For a file of them.
    pub(super) fn to_bytes(self) -> [u8; Landmark::BYTES] {
        let mut bytes = [0; Landmark::BYTES];
        bytes[..8].copy_from_slice(&self.signs.to_le_bytes());
        bytes[8..].as_chunks_mut().0.iter_mut().zip(self.place).for_each(|(to, value)| *to = value.to_le_bytes());
        bytes
    }

    /// What [`Landmark::to_bytes`] made these of.
    pub(super) fn from_bytes(bytes: &[u8; Landmark::BYTES]) -> Landmark {
        let (signs, place) = bytes.split_first_chunk().expect("eight bytes at least");
        let place = place.as_chunks().0;
        Landmark { place: [0, 1, 2].map(|of| u16::from_le_bytes(place[of])), signs: u64::from_le_bytes(*signs) }
    }

    pub(super) fn at(&self) -> [f32; 3] {
        self.place.map(|value| f32::from(value) / Landmark::UNIT)
    }

    /// As it is in the picture of these sides (as shares of the longer one), mirrored and turned.
    pub(super) fn oriented(&self, orientation: Orientation, (width, height): (f32, f32)) -> Landmark {
        let [x, y, blur] = self.at();
        let (x, y, width, height) = if orientation.transposed { (y, x, height, width) } else { (x, y, width, height) };
        let x = if orientation.mirrored { width - x } else { x };
        let y = if orientation.flipped { height - y } else { y };
        let place = [x, y, blur].map(|value| (value * Landmark::UNIT).round().clamp(0.0, 65535.0) as u16);
        Landmark { place, signs: oriented(self.signs, orientation) }
    }
}

/// The signs that a mirrored or turned place has.
pub(super) fn oriented(signs: u64, orientation: Orientation) -> u64 {
    let mut signs = signs;
    if orientation.transposed {
        let swapped = |bit: u32| bit % 8 * 8 + bit / 8;
        signs = (0..64).filter(|bit| signs >> bit & 1 != 0).map(|bit| 1u64 << swapped(bit)).sum();
    }
    // Odd waves have the other sign.
    if orientation.mirrored {
        signs ^= 0xaaaa_aaaa_aaaa_aaaa;
    }
    if orientation.flipped {
        signs ^= 0xff00_ff00_ff00_ff00;
    }
    signs & !1
}

/// The strongest landmarks of a picture, by their places.
pub(super) fn landmarks(picture: &Rgb) -> Vec<Landmark> {
    let grey = Grey::of(picture);
    let levels = grey.blurred();
    let differences: Vec<Vec<f32>> = levels
        .windows(2)
        .map(|pair| pair[1].values.iter().zip(&pair[0].values).map(|(a, b)| a - b).collect())
        .collect();
    let mut found: Vec<(f32, [f32; 3])> = Vec::new();
    for level in 1..differences.len() - 1 {
        for y in 1..grey.height.saturating_sub(1) {
            for x in 1..grey.width.saturating_sub(1) {
                let at = y * grey.width + x;
                if differences[level][at].abs() >= LEAST && is_extreme(&differences, level, at, grey.width) {
                    found.extend(refined(&differences, level, (x, y), grey.width));
                }
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let scale = Landmark::UNIT / grey.width.max(grey.height) as f32;
    let described = found.into_iter().filter_map(|(_, [x, y, level])| {
        let blur = FINEST * (level / 3.0).exp2();
        // The blur between two points of the surroundings, about.
        let from = &levels[((level - 1.5).round().max(0.0)) as usize];
        let signs = from.signs((x, y), REACH * blur)?;
        let place = [x + 0.5, y + 0.5, blur].map(|value| (value * scale).round().clamp(0.0, 65535.0) as u16);
        Some(Landmark { place, signs })
    });
    let mut strongest: Vec<Landmark> = described.take(MOST).collect();
    strongest.sort_by_key(|landmark| (landmark.place, landmark.signs));
    strongest
}

/// Whether a value is above all its neighbours, or below, in place and blur.
fn is_extreme(differences: &[Vec<f32>], level: usize, at: usize, width: usize) -> bool {
    let value = differences[level][at];
    let sign = value.signum();
    let rows = [at - width, at, at + width];
    differences[level - 1..=level + 1]
        .iter()
        .all(|plane| rows.iter().all(|&row| plane[row - 1..=row + 1].iter().all(|other| sign * other <= sign * value)))
}

/// The strength of an extremum and where it is between the pixels and levels; `None` where it is an edge.
fn refined(differences: &[Vec<f32>], level: usize, (x, y): (usize, usize), width: usize) -> Option<(f32, [f32; 3])> {
    let at = y * width + x;
    let plane = &differences[level];
    let value = plane[at];
    let (dxx, dyy) = (plane[at - 1] + plane[at + 1] - 2.0 * value, plane[at - width] + plane[at + width] - 2.0 * value);
    let dxy = (plane[at + width + 1] + plane[at - width - 1] - plane[at + width - 1] - plane[at - width + 1]) / 4.0;
    let (trace, determinant) = (dxx + dyy, dxx * dyy - dxy * dxy);
    if determinant <= 0.0 || trace * trace * LONGEST >= (LONGEST + 1.0) * (LONGEST + 1.0) * determinant {
        return None;
    }
    // The top of a parabola through three values, in each direction by itself.
    let top = |before: f32, after: f32| {
        let bend = before + after - 2.0 * value;
        if bend == 0.0 { 0.0 } else { ((before - after) / (2.0 * bend)).clamp(-0.5, 0.5) }
    };
    let dx = top(plane[at - 1], plane[at + 1]);
    let dy = top(plane[at - width], plane[at + width]);
    let dl = top(differences[level - 1][at], differences[level + 1][at]);
    Some((value.abs(), [x as f32 + dx, y as f32 + dy, level as f32 + dl]))
}

/// Brightness.
struct Grey {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Grey {
    fn of(picture: &Rgb) -> Grey {
        let longer = picture.width.max(picture.height);
        let scaled =
            |side: u32| ((f64::from(side) * f64::from(SIDE) / f64::from(longer)).round() as u32).clamp(1, SIDE);
        let (width, height) = (scaled(picture.width), scaled(picture.height));
        let small = picture.resize(width, height, Fit::Stretch, Filter::Bilinear, Colour::WHITE);
        let brightness = |&[r, g, b]: &[u8; 3]| 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
        let values = small.pixels.as_chunks::<3>().0.iter().map(brightness).collect();
        Grey { width: width as usize, height: height as usize, values }
    }

    /// More and more blurred, from [`FINEST`] on; the picture itself is taken to be blurred by half a pixel.
    fn blurred(&self) -> Vec<Grey> {
        let mut levels: Vec<Grey> = Vec::with_capacity(LEVELS);
        let mut blur = 0.5f32;
        for level in 0..LEVELS {
            let wanted = FINEST * (level as f32 / 3.0).exp2();
            let more = (wanted * wanted - blur * blur).sqrt();
            levels.push(levels.last().unwrap_or(self).blur(more));
            blur = wanted;
        }
        levels
    }

    /// The border's values go on outside.
    fn blur(&self, deviation: f32) -> Grey {
        let reach = (3.0 * deviation).ceil() as usize;
        let weights: Vec<f32> = (0..=2 * reach)
            .map(|i| {
                let off = i as f32 - reach as f32;
                (-off * off / (2.0 * deviation * deviation)).exp()
            })
            .collect();
        let sum: f32 = weights.iter().sum();
        let weights: Vec<f32> = weights.iter().map(|weight| weight / sum).collect();
        let (width, height) = (self.width, self.height);
        let mut across = vec![0.0; self.values.len()];
        let mut line = vec![0.0; width + 2 * reach];
        for (out, row) in across.chunks_exact_mut(width).zip(self.values.chunks_exact(width)) {
            line[..reach].fill(row[0]);
            line[reach..reach + width].copy_from_slice(row);
            line[reach + width..].fill(row[width - 1]);
            for (shift, weight) in weights.iter().enumerate() {
                out.iter_mut().zip(&line[shift..]).for_each(|(out, value)| *out += weight * value);
            }
        }
        let mut values = vec![0.0; self.values.len()];
        for (y, out) in values.chunks_exact_mut(width).enumerate() {
            for (shift, weight) in weights.iter().enumerate() {
                let from = (y + shift).saturating_sub(reach).min(height - 1) * width;
                out.iter_mut().zip(&across[from..from + width]).for_each(|(out, value)| *out += weight * value);
            }
        }
        Grey { width, height, values }
    }

    /// The signs of the lowest frequencies of the square around a place; `None` where it is not all inside.
    fn signs(&self, (x, y): (f32, f32), reach: f32) -> Option<u64> {
        let (right, bottom) = ((self.width - 1) as f32, (self.height - 1) as f32);
        if x - reach < 0.0 || y - reach < 0.0 || x + reach > right || y + reach > bottom {
            return None;
        }
        let step = 2.0 * reach / (POINTS - 1) as f32;
        let mut rows = [[0.0f32; FREQUENCIES]; POINTS];
        for (down, sums) in rows.iter_mut().enumerate() {
            let mut line = [0.0; POINTS];
            for (across, value) in line.iter_mut().enumerate() {
                *value = self.between(x - reach + step * across as f32, y - reach + step * down as f32);
            }
            for (sum, wave) in sums.iter_mut().zip(WAVES.iter()) {
                *sum = wave.iter().zip(line).map(|(wave, value)| wave * value).sum();
            }
        }
        let mut signs = 0;
        for (down, wave) in WAVES.iter().enumerate() {
            for across in 0..FREQUENCIES {
                let value: f32 = wave.iter().zip(&rows).map(|(wave, row)| wave * row[across]).sum();
                if value > 0.0 && (down, across) != (0, 0) {
                    signs |= 1 << (down * FREQUENCIES + across);
                }
            }
        }
        Some(signs)
    }

    /// The brightness between four pixels.
    fn between(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.max(0.0) as usize, y.max(0.0) as usize);
        let (left, top) = (left.min(self.width.saturating_sub(2)), top.min(self.height.saturating_sub(2)));
        let (dx, dy) = (x - left as f32, y - top as f32);
        let row = |y: usize| {
            let at = y.min(self.height - 1) * self.width + left;
            self.values[at] * (1.0 - dx) + self.values[(at + 1).min(self.values.len() - 1)] * dx
        };
        row(top) * (1.0 - dy) + row(top + 1) * dy
    }
}

/// Waves of a discrete cosine transform.
static WAVES: LazyLock<[[f32; POINTS]; FREQUENCIES]> = LazyLock::new(|| {
    let wave = |frequency: usize, at: usize| (PI * frequency as f32 * (at as f32 + 0.5) / POINTS as f32).cos();
    std::array::from_fn(|frequency| std::array::from_fn(|at| wave(frequency, at)))
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Blobs at some places, of these reaches.
    fn picture(width: u32, height: u32, blobs: &[(f32, f32, f32)]) -> Rgb {
        let value = |at: u32| {
            let (x, y) = ((at % width) as f32, (at / width) as f32);
            let of = |(across, down, reach): &(f32, f32, f32)| {
                200.0 * (-((x - across).powi(2) + (y - down).powi(2)) / (2.0 * reach * reach)).exp()
            };
            blobs.iter().map(of).sum::<f32>().min(255.0) as u8
        };
        Rgb { width, height, pixels: (0..width * height).flat_map(|at| [value(at); 3]).collect() }
    }

    #[test]
    fn blobs_are_where_they_are_and_as_large_as_they_are() {
        let found = landmarks(&picture(128, 96, &[(40.0, 30.0, 4.0), (90.0, 60.0, 3.0)]));
        for (x, y, reach) in [(40.5, 30.5, 4.0), (90.5, 60.5, 3.0)] {
            let is_it = |mark: &&Landmark| {
                let [across, down, _] = mark.at().map(|value| value * 128.0);
                (across - x).hypot(down - y) < 1.0
            };
            let mark = found.iter().find(is_it).unwrap_or_else(|| panic!("none at {x}, {y}: {found:?}"));
            let blur = mark.at()[2] * 128.0;
            assert!(blur > 0.6 * reach && blur < 1.2 * reach, "{blur} of {reach}");
            assert_eq!(Landmark::from_bytes(&mark.to_bytes()), *mark);
        }
    }

    #[test]
    fn landmarks_turn_with_their_picture() {
        let blobs = [(40.0, 30.0, 4.0), (45.0, 38.0, 2.0), (60.0, 50.0, 3.0), (90.0, 60.0, 3.0), (84.0, 66.0, 2.0)];
        let turned = blobs.map(|(x, y, reach)| (95.0 - y, x, reach));
        let [own, others] = [landmarks(&picture(128, 96, &blobs)), landmarks(&picture(96, 128, &turned))];
        let orientation = Orientation { transposed: true, flipped: false, mirrored: true };
        assert!(own.len() > 3, "{own:?}");
        for mark in own.iter().map(|mark| mark.oriented(orientation, (1.0, 0.75))) {
            let near = |other: &&Landmark| (0..2).all(|axis| (mark.at()[axis] - other.at()[axis]).abs() < 0.01);
            let differ = others.iter().filter(near).map(|other| (other.signs ^ mark.signs).count_ones()).min();
            assert!(differ.is_some_and(|bits| bits <= 8), "{mark:?} {differ:?}");
        }
    }
}
