//! What a picture looks like, in 256 bits.

use std::f64::consts::PI;
use std::sync::LazyLock;

use super::Orientation;
use crate::image::{Colour, Filter, Fit, Rgb};

/// The longer side of the picture that is looked at.
const SIDE: u32 = 256;
/// Sides of the square that frequencies are taken from.
pub(super) const SQUARE: usize = 32;
/// Frequencies along a side, of which a triangle is used.
const FREQUENCIES: usize = 16;
/// Bits of a half of a hash.
const BITS: usize = 128;
/// How far the channels of a background's pixels may be from its colour: more than JPEG makes of one colour.
const NEARLY: u8 = 32;
/// Less than this standard deviation of 255 steps of brightness is nothing to see.
const FLAT: f64 = 2.0;
/// Lines along a side are of a frame where so many of a hundred of their pixels are of its colour, which may be off by so much.
const OF_FRAME: usize = 97;
const FRAME_COLOUR: u8 = 24;
/// Frames around frames, at most, and what is inside them at least, as a part of a side.
const FRAMES: usize = 3;
const LEAST_INSIDE: usize = 3;
/// Frequencies that differ by less than this share of the picture's strength may change places in a copy.
const TIE: f64 = 0.08;

/// What a picture looks like: two halves of 128 bits, one of the whole picture and one of what stands before its
/// background, on white and cut out. Where there is no background of one colour, the halves are the same.
///
/// A bit is the sign of one of the lowest frequencies (of a discrete cosine transform) of the brightness, so that sizes,
/// compression and small changes hardly matter. Mirror images and turned ones have other hashes, other colours of the
/// same brightness have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PerceptualHash(pub [u64; 4]);

impl PerceptualHash {
    /// A bit of the whole picture counts as so many of the content: copies agree in almost all of them, and other
    /// drawings of the same size on the same background agree in many.
    pub(super) const WHOLE_WEIGHT: u32 = 2;

    /// The hash of a picture that was decoded over white, or `None` where it is all of one colour.
    pub(crate) fn of(picture: &Rgb) -> Option<PerceptualHash> {
        Some(Frequencies::of(&Views::of(picture))?.hash(Orientation::default()))
    }

    /// In how many bits the halves differ: of what stands before the background, or twice that of the whole picture,
    /// whichever is less. Copies are within [`REACH`](super::REACH).
    pub(crate) fn distance(self, other: PerceptualHash) -> u32 {
        let whole = (self.whole() ^ other.whole()).count_ones() * Self::WHOLE_WEIGHT;
        whole.min((self.content() ^ other.content()).count_ones())
    }

    /// The half of the whole picture.
    pub(super) fn whole(self) -> u128 {
        u128::from(self.0[0]) | u128::from(self.0[1]) << 64
    }

    /// The half of what stands before the background.
    pub(super) fn content(self) -> u128 {
        u128::from(self.0[2]) | u128::from(self.0[3]) << 64
    }

    /// The bytes of a table's column `perceptual_hash`.
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let words = bytes.as_chunks_mut::<8>().0.iter_mut();
        words.zip(self.0).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        bytes
    }

    /// The hash that [`PerceptualHash::to_bytes`] made these of.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> PerceptualHash {
        let words = bytes.as_chunks::<8>().0;
        PerceptualHash([0, 1, 2, 3].map(|word| u64::from_le_bytes(words[word])))
    }
}

/// What is looked at: the whole picture, made small, and what stands before its background, where there is one.
pub(super) struct Views {
    pub whole: Sight,
    pub content: Option<Sight>,
}

/// One of these, and the same in [`SQUARE`] × [`SQUARE`] points.
pub(super) struct Sight {
    pub picture: Rgb,
    pub square: Rgb,
}

impl Sight {
    fn of(picture: Rgb) -> Sight {
        let square = smaller(&picture, SQUARE as u32, SQUARE as u32);
        Sight { picture, square }
    }
}

/// A step more or less of 255 does not matter to what a picture looks like.
fn smaller(picture: &Rgb, width: u32, height: u32) -> Rgb {
    picture.resize_quickly(width, height, Fit::Stretch, Filter::Bilinear, Colour::WHITE)
}

impl Views {
    pub(super) fn of(picture: &Rgb) -> Views {
        let longer = f64::from(SIDE) / f64::from(picture.width.max(picture.height));
        let scaled = |side: u32| ((f64::from(side) * longer).round() as u32).clamp(1, SIDE);
        let (width, height) = (scaled(picture.width), scaled(picture.height));
        let whole = smaller(picture, width, height);
        let content = cut_out(whole.clone());
        Views { whole: Sight::of(whole), content: content.map(Sight::of) }
    }
}

/// The picture without the frame around it; `None` where there is none.
pub(super) fn unframed(picture: &Rgb) -> Option<Rgb> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let pixels = picture.pixels.as_chunks::<3>().0;
    // Left, top, and what is not inside any more.
    let [mut left, mut top, mut right, mut bottom] = [0, 0, width, height];
    let least = (width.div_ceil(LEAST_INSIDE), height.div_ceil(LEAST_INSIDE));
    for _ in 0..FRAMES {
        let before = [left, top, right, bottom];
        let rows = (top, bottom, right - left, least.1);
        let [above, below] = frame(rows, |line, at| pixels[line * width + before[0] + at]);
        (top, bottom) = (top + above, bottom - below);
        let columns = (left, right, bottom - top, least.0);
        let [before_it, after] = frame(columns, |line, at| pixels[(top + at) * width + line]);
        (left, right) = (left + before_it, right - after);
        if before == [left, top, right, bottom] {
            break;
        }
    }
    let inside = (top..bottom).flat_map(|y| &pixels[y * width + left..y * width + right]);
    ((left, top, right, bottom) != (0, 0, width, height)).then(|| Rgb {
        width: (right - left) as u32,
        height: (bottom - top) as u32,
        pixels: inside.flatten().copied().collect(),
    })
}

/// How many lines at the beginning and at the end are of one colour each, with one that is mixed with what is inside; none
/// where less than `least` would be left.
fn frame(
    (first, end, length, least): (usize, usize, usize, usize),
    pixel: impl Fn(usize, usize) -> [u8; 3],
) -> [usize; 2] {
    let lines = |outermost: usize, line: &dyn Fn(usize) -> usize| {
        let colour = [0, 1, 2].map(|channel| {
            let mut values: Vec<u8> = (0..length).map(|at| pixel(outermost, at)[channel]).collect();
            *values.select_nth_unstable(length / 2).1
        });
        let is_near = |pixel: [u8; 3]| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= FRAME_COLOUR);
        let is_of_frame =
            |i: &usize| (0..length).filter(|&at| is_near(pixel(line(*i), at))).count() * 100 >= length * OF_FRAME;
        let count = (0..end - first).take_while(is_of_frame).count();
        if count == 0 { 0 } else { count + 1 }
    };
    let both = [lines(first, &|i| first + i), lines(end - 1, &|i| end - 1 - i)];
    if both[0] + both[1] + least > end - first { [0, 0] } else { both }
}

/// The lowest frequencies of both views, of which any orientation's hash is made.
pub(super) struct Frequencies {
    whole: Spectrum,
    content: Option<Spectrum>,
}

impl Frequencies {
    /// `None` where there is nothing to see.
    pub(super) fn of(views: &Views) -> Option<Frequencies> {
        let whole = Spectrum::of(&views.whole)?;
        Some(Frequencies { whole, content: views.content.as_ref().and_then(Spectrum::of) })
    }

    /// The hash of the picture, mirrored and turned so.
    pub(super) fn hash(&self, orientation: Orientation) -> PerceptualHash {
        let whole = self.whole.signs(orientation);
        let content = self.content.as_ref().map_or(whole, |content| content.signs(orientation));
        let halves = |value: u128| [value as u64, (value >> 64) as u64];
        let ([a, b], [c, d]) = (halves(whole), halves(content));
        PerceptualHash([a, b, c, d])
    }

    /// The orientations of which all mirrored and turned copies share one: where the picture is darker above than below,
    /// to the left than to the right, and that more than above. What is nearly a tie goes either way.
    pub(super) fn canonical(&self) -> impl Iterator<Item = Orientation> {
        let at = |down: usize, across: usize| self.whole.values[down][across];
        let either = |value: f64, tie: f64| (value > -tie, value < tie);
        let (down, across) = (at(1, 0), at(0, 1));
        let tie = TIE * self.whole.strength;
        let stands = either(down.abs() - across.abs(), tie);
        Orientation::ALL.into_iter().filter(move |orientation| {
            let (down, across) = if orientation.transposed { (across, down) } else { (down, across) };
            let is = |(is, is_not): (bool, bool), wanted: bool| if wanted { is_not } else { is };
            is(stands, orientation.transposed)
                && is(either(down, tie), orientation.flipped)
                && is(either(across, tie), orientation.mirrored)
        })
    }
}

/// Frequencies of a view: down, across.
struct Spectrum {
    values: [[f64; FREQUENCIES]; FREQUENCIES],
    /// What is no more than this has no sign.
    least: f64,
    /// The standard deviation of the brightness, in the unit of the frequencies.
    strength: f64,
}

impl Spectrum {
    fn of(sight: &Sight) -> Option<Spectrum> {
        let brightness: Vec<f64> =
            sight.square.pixels.as_chunks::<3>().0.iter().map(|pixel| brightness(*pixel)).collect();
        let count = (SQUARE * SQUARE) as f64;
        let mean = brightness.iter().sum::<f64>() / count;
        let deviation = (brightness.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count).sqrt();
        if deviation < FLAT {
            return None;
        }
        // Along the rows, then along the columns.
        let mut rows = [[0.0; FREQUENCIES]; SQUARE];
        for (row, line) in rows.iter_mut().zip(brightness.chunks_exact(SQUARE)) {
            for (sum, wave) in row.iter_mut().zip(WAVES.iter()) {
                *sum = wave.iter().zip(line).map(|(w, x)| w * (x - mean)).sum();
            }
        }
        let mut values = [[0.0; FREQUENCIES]; FREQUENCIES];
        for (values, wave) in values.iter_mut().zip(WAVES.iter()) {
            for (across, value) in values.iter_mut().enumerate() {
                *value = wave.iter().zip(&rows).map(|(w, row)| w * row[across]).sum();
            }
        }
        let strength = deviation * SQUARE as f64;
        Some(Spectrum { values, least: 0.5 + 0.001 * strength, strength })
    }

    /// The signs of the lowest ones. A mirrored picture has the odd ones the other way round; a transposed one has them
    /// down that were across.
    fn signs(&self, orientation: Orientation) -> u128 {
        let mut bits = 0;
        for (place, &(down, across)) in LOWEST.iter().enumerate() {
            let value = match orientation.transposed {
                true => self.values[across][down],
                false => self.values[down][across],
            };
            let turned = (orientation.flipped && down % 2 == 1) != (orientation.mirrored && across % 2 == 1);
            if if turned { -value } else { value } > self.least {
                // Neighbours go to different words of 16 bits, so that each word tells as much as the others.
                bits |= 1 << (place % 8 * 16 + place / 8);
            }
        }
        bits
    }
}

/// As ITU-R BT.601 weighs the channels.
fn brightness([r, g, b]: [u8; 3]) -> f64 {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
}

/// Waves of an orthonormal discrete cosine transform.
static WAVES: LazyLock<[[f64; SQUARE]; FREQUENCIES]> = LazyLock::new(|| {
    let mut waves = [[0.0; SQUARE]; FREQUENCIES];
    for (frequency, wave) in waves.iter_mut().enumerate() {
        let scale = (if frequency == 0 { 1.0 } else { 2.0 } / SQUARE as f64).sqrt();
        for (at, value) in wave.iter_mut().enumerate() {
            *value = scale * (PI * frequency as f64 * (at as f64 + 0.5) / SQUARE as f64).cos();
        }
    }
    waves
});

/// The lowest frequencies down and across, but for the mean.
static LOWEST: LazyLock<[(usize, usize); BITS]> = LazyLock::new(|| {
    let all = (0..FREQUENCIES).flat_map(|down| (0..FREQUENCIES).map(move |across| (down, across)));
    let mut all: Vec<(usize, usize)> = all.skip(1).collect();
    all.sort_by_key(|&(down, across)| (down + across, down.abs_diff(across), down));
    std::array::from_fn(|i| all[i])
});

/// What stands before a background of one colour, on white and without the margins; `None` where there is no such
/// background, or nothing before it.
fn cut_out(mut picture: Rgb) -> Option<Rgb> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let pixels = picture.pixels.as_chunks_mut::<3>().0;
    let corners = [0, width - 1, (height - 1) * width, height * width - 1].map(|at| pixels[at]);
    let colour = [0, 1, 2].map(|channel| {
        let mut values = corners.map(|corner| u16::from(corner[channel]));
        values.sort_unstable();
        values[1].midpoint(values[2]) as u8
    });
    let is_near = |pixel: &[u8; 3]| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= NEARLY);
    if !corners.iter().all(is_near) {
        return None;
    }
    let border = (0..width)
        .flat_map(|x| [x, (height - 1) * width + x])
        .chain((0..height).flat_map(|y| [y * width, y * width + width - 1]));
    // The border is mostly background, and what is connected with that is background too.
    let mut waiting: Vec<usize> = border.clone().filter(|&at| is_near(&pixels[at])).collect();
    if waiting.len() * 10 < border.count() * 7 {
        return None;
    }
    let mut content = vec![true; pixels.len()];
    waiting.iter().for_each(|&at| content[at] = false);
    while let Some(at) = waiting.pop() {
        let (x, y) = (at % width, at / width);
        let mut spread = |inside: bool, next: usize| {
            if inside && content[next] && is_near(&pixels[next]) {
                content[next] = false;
                waiting.push(next);
            }
        };
        spread(x > 0, at.wrapping_sub(1));
        spread(x + 1 < width, at + 1);
        spread(y > 0, at.wrapping_sub(width));
        spread(y + 1 < height, at + width);
    }
    // Single specks, as JPEG strews them around edges, and rims that are mixed with the background are none of it.
    let mut beside = vec![0u8; content.len()];
    for (sums, row) in beside.chunks_exact_mut(width).zip(content.chunks_exact(width)) {
        for (x, sum) in sums.iter_mut().enumerate() {
            *sum = row[x.saturating_sub(1)..width.min(x + 2)].iter().map(|is| u8::from(*is)).sum();
        }
    }
    let solid = |x: usize, y: usize| {
        let around = (y.saturating_sub(1)..height.min(y + 2)).map(|y| beside[y * width + x]);
        content[y * width + x] && around.sum::<u8>() >= 6
    };
    let (mut left, mut right, mut top, mut bottom, mut count) = (width, 0, height, 0, 0);
    for y in 0..height {
        for x in 0..width {
            if solid(x, y) {
                (left, right) = (left.min(x), right.max(x + 1));
                (top, bottom) = (top.min(y), y + 1);
                count += 1;
            } else {
                pixels[y * width + x] = Colour::WHITE.0;
            }
        }
    }
    if count < 16 {
        return None;
    }
    let lines = (top..bottom).flat_map(|y| &pixels[y * width + left..y * width + right]);
    let pixels = lines.flatten().copied().collect();
    Some(Rgb { width: (right - left) as u32, height: (bottom - top) as u32, pixels })
}

#[cfg(test)]
mod tests {
    use super::super::{REACH, near};
    use super::*;
    use crate::image::{decode, encode_jpeg};

    /// Blobs of several colours, another drawing for every number, on a background.
    fn drawing(number: u32, background: [u8; 3], (width, height): (u32, u32)) -> Rgb {
        let value = |n: u32| {
            let x = (number * 97 + n).wrapping_mul(0x9e37_79b1);
            f64::from((x ^ (x >> 15)).wrapping_mul(0x85eb_ca6b) >> 8) / f64::from(1 << 24)
        };
        let blobs: Vec<[f64; 7]> = (0..9u32)
            .map(|b| {
                let of = |i| value(b * 7 + i);
                let colour = |i| 60.0 + 130.0 * of(i);
                let (x, y) = (0.25 + 0.5 * of(0), 0.25 + 0.5 * of(1));
                [x, y, 0.05 + 0.12 * of(2), 0.05 + 0.12 * of(3), colour(4), colour(5), colour(6)]
            })
            .collect();
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
                let inside = |b: &&[f64; 7]| ((u - b[0]) / b[2]).powi(2) + ((v - b[1]) / b[3]).powi(2) < 1.0;
                let colour = blobs.iter().rev().find(inside).map(|b| [b[4] as u8, b[5] as u8, b[6] as u8]);
                pixels.extend(colour.unwrap_or(background));
            }
        }
        Rgb { width, height, pixels }
    }

    fn hash(picture: &Rgb) -> PerceptualHash {
        PerceptualHash::of(picture).expect("something to see")
    }

    #[test]
    fn copies_are_near_and_other_drawings_are_not() {
        let white = [255; 3];
        let mut far = 0;
        let originals: Vec<PerceptualHash> = (0..60).map(|n| hash(&drawing(n, white, (200, 160)))).collect();
        for (n, original) in (0..).zip(&originals) {
            let picture = drawing(n, white, (200, 160));
            let half = picture.resize(100, 80, Fit::Stretch, Filter::Bilinear, Colour::WHITE);
            let larger = picture.resize(340, 272, Fit::Stretch, Filter::Bicubic, Colour::WHITE);
            let recompressed = decode(&encode_jpeg(&half, 50).expect("encodable"), Colour::WHITE).expect("a JPEG");
            let framed = picture.resize(300, 300, Fit::Pad, Filter::Bilinear, Colour::WHITE);
            for copy in [half, larger, recompressed, framed] {
                assert!(hash(&copy).distance(*original) <= REACH, "{n}");
            }
            for background in [[0; 3], [225, 228, 226], [250, 5, 250]] {
                far += u32::from(hash(&drawing(n, background, (200, 160))).distance(*original) > REACH);
            }
        }
        // What is thin is mixed with the background and may be lost.
        assert!(far <= 5, "{far} of 180 on other backgrounds");
        let hashes: Vec<_> = originals.into_iter().map(Some).collect();
        near(&hashes, REACH, |a, b, distance| panic!("{a} and {b} are {distance} from each other"));
    }

    /// The picture, mirrored and turned so.
    fn oriented(picture: &Rgb, orientation: Orientation) -> Rgb {
        let (width, height) = match orientation.transposed {
            true => (picture.height, picture.width),
            false => (picture.width, picture.height),
        };
        let mut pixels = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let y = if orientation.flipped { height - 1 - y } else { y };
            let x = if orientation.mirrored { width - 1 - x } else { x };
            let (y, x) = if orientation.transposed { (x, y) } else { (y, x) };
            let at = 3 * (y * picture.width + x) as usize;
            pixels.extend(&picture.pixels[at..at + 3]);
        }
        Rgb { width, height, pixels }
    }

    #[test]
    fn hashes_of_all_orientations_are_those_of_the_pictures() {
        for (number, background) in [(1, [255; 3]), (2, [90, 120, 60]), (3, [0; 3])] {
            let picture = drawing(number, background, (200, 160));
            let frequencies = Frequencies::of(&Views::of(&picture)).expect("something to see");
            let canonical: Vec<PerceptualHash> = frequencies.canonical().map(|o| frequencies.hash(o)).collect();
            for orientation in Orientation::ALL {
                let copy = oriented(&picture, orientation);
                let distance = hash(&copy).distance(frequencies.hash(orientation));
                assert!(distance <= 2, "{number} {orientation:?}: {distance}");
                let others = Frequencies::of(&Views::of(&copy)).expect("something to see");
                let near = others
                    .canonical()
                    .map(|o| others.hash(o))
                    .map(|hash| canonical.iter().map(|own| own.distance(hash)).min().expect("one at least"));
                assert!(near.min().is_some_and(|least| least <= 2), "{number} {orientation:?}");
            }
        }
    }

    #[test]
    fn one_colour_is_nothing_to_see() {
        for (width, height, value) in [(1, 1, 7), (50, 3, 255), (300, 300, 0)] {
            let pixels = vec![value; (width * height * 3) as usize];
            assert_eq!(PerceptualHash::of(&Rgb { width, height, pixels }), None);
        }
    }

    #[test]
    fn pictures_of_any_shape_have_a_hash() {
        for (width, height) in [(1, 2), (2, 1), (1, 5000), (5000, 1), (7, 3), (16, 16)] {
            let pixels =
                (0..width * height * 3).map(|i: u32| (i.wrapping_mul(i).wrapping_mul(31) % 251) as u8).collect();
            assert!(PerceptualHash::of(&Rgb { width, height, pixels }).is_some(), "{width} x {height}");
        }
    }

    #[test]
    fn bytes_give_the_hash_back() {
        let hash = PerceptualHash([1, u64::MAX, 3, 1 << 63]);
        assert_eq!(PerceptualHash::from_bytes(hash.to_bytes()), hash);
        assert_eq!(hash.to_bytes()[0], 1);
    }
}
