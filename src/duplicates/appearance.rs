//! The second look: whether two pictures whose hashes are near show the same thing.
//!
//! Signs of frequencies say how brightness is spread, and pictures of simple things agree in them by chance. So what they
//! were made of is kept small, and compared itself: brightness up to light and contrast, colours up to their strength.

use std::ops::Range;

use super::hash::{Frequencies, SQUARE, Sight, Views, unframed};
use super::{Orientation, PerceptualHash};
use crate::image::{Colour, Filter, Fit, Rgb};

/// Sides of the small pictures of brightness and of colours.
const SIDE: usize = SQUARE;
const COARSE: usize = 8;
const PIXELS: usize = SIDE * SIDE;
const COLOURS: usize = COARSE * COARSE;
const VIEW_BYTES: usize = PIXELS + 2 * COLOURS;

/// Copies correlate at least so much in their brightness.
const LEAST_CORRELATION: f64 = 0.96;
/// Of what is in a frame and a picture without one it is less: where a frame ends is known to a point only.
const LEAST_UNFRAMED: f64 = 0.93;
/// Where something is written across the picture near its upper or lower side, what is left without so many of the rows
/// correlates better than that, since nothing else is different.
const STRIP: usize = 5;
const NEAR_A_SIDE: usize = SIDE / 3;
const LEAST_BESIDE: f64 = 0.985;
/// And their colours are at most so far from each other, in steps of 255: on the average, and anywhere.
const MOST_COLOUR: (f64, f64) = (8.0, 30.0);

/// What a picture looks like, as far as copies are told by it.
pub(crate) struct Appearance {
    /// The hash of the picture as it is.
    pub hash: PerceptualHash,
    /// That of what is in the frame, where there is one.
    pub unframed: Option<PerceptualHash>,
    /// Hashes of which a mirrored or turned copy has one too.
    pub canonical: Vec<PerceptualHash>,
    /// For the second look.
    pub thumbnail: Thumbnail,
}

impl Appearance {
    /// Of a picture that was decoded over white, or `None` where it is all of one colour.
    pub(crate) fn of(picture: &Rgb) -> Option<Appearance> {
        let views = Views::of(picture);
        let frequencies = Frequencies::of(&views)?;
        let upright = Orientation::default();
        let inside = unframed(&views.whole.picture).map(|inside| Views::of(&inside));
        let inside = inside.and_then(|views| Some((Frequencies::of(&views)?, views)));
        let all = std::iter::once(&frequencies).chain(inside.as_ref().map(|(frequencies, _)| frequencies));
        Some(Appearance {
            hash: frequencies.hash(upright),
            unframed: inside.as_ref().map(|(frequencies, _)| frequencies.hash(upright)),
            canonical: all.flat_map(|all| all.canonical().map(|orientation| all.hash(orientation))).collect(),
            thumbnail: Thumbnail { whole: Seen::of(&views), unframed: inside.map(|(_, views)| Seen::of(&views)) },
        })
    }
}

/// A picture in little: with its frame, and without, where it has one.
#[derive(Clone, PartialEq)]
pub(crate) struct Thumbnail {
    whole: Seen,
    unframed: Option<Seen>,
}

/// All of it, and what stands before its background.
#[derive(Clone, PartialEq)]
struct Seen {
    all: View,
    content: Option<View>,
}

/// How two pictures are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeness {
    /// Whether one is a copy of the other.
    pub is_copy: bool,
    /// How the second is mirrored or turned.
    pub orientation: Orientation,
    /// Of their brightness, 1 at best.
    pub correlation: f64,
}

impl Likeness {
    fn better(self, other: Likeness) -> Likeness {
        let rank = |likeness: &Likeness| (likeness.is_copy, likeness.correlation);
        if rank(&other) > rank(&self) { other } else { self }
    }
}

impl Thumbnail {
    /// How many bytes it takes at most.
    pub(crate) const BYTES: usize = 4 * VIEW_BYTES + 1;

    /// How alike they are, as they are or, if wished, in the best of all orientations.
    pub(crate) fn likeness(&self, other: &Thumbnail, any_orientation: bool) -> Likeness {
        let orientations = if any_orientation { &Orientation::ALL[..] } else { &Orientation::ALL[..1] };
        let of = |&orientation: &Orientation| {
            let pairs = self.seen().zip(0..).flat_map(|own| other.seen().zip(0..).map(move |theirs| (own, theirs)));
            pairs.map(move |((own, place), (theirs, other))| {
                own.likeness(theirs, orientation, if place == other { LEAST_CORRELATION } else { LEAST_UNFRAMED })
            })
        };
        orientations.iter().flat_map(of).reduce(Likeness::better).expect("there is one orientation at least")
    }

    fn seen(&self) -> impl Iterator<Item = &Seen> {
        std::iter::once(&self.whole).chain(&self.unframed)
    }

    /// For a file of them.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0];
        for (place, seen) in self.seen().enumerate() {
            bytes[0] |= (1 | u8::from(seen.content.is_some()) << 1) << (2 * place);
            seen.all.write(&mut bytes);
            seen.content.iter().for_each(|content| content.write(&mut bytes));
        }
        bytes
    }

    /// What [`Thumbnail::to_bytes`] made these of; what follows them is passed over.
    pub(crate) fn from_bytes(bytes: &[u8; Thumbnail::BYTES]) -> Thumbnail {
        let mut views = bytes[1..].chunks_exact(VIEW_BYTES);
        let mut next = || View::read(views.next().expect("room for four of them"));
        let mut seen = |place: u32| Seen { all: next(), content: (bytes[0] >> (2 * place) & 2 != 0).then(&mut next) };
        let whole = seen(0);
        Thumbnail { whole, unframed: (bytes[0] & 4 != 0).then(|| seen(1)) }
    }
}

impl Seen {
    fn of(views: &Views) -> Seen {
        Seen { all: View::of(&views.whole), content: views.content.as_ref().map(View::of) }
    }

    fn likeness(&self, other: &Seen, orientation: Orientation, least: f64) -> Likeness {
        let all = self.all.likeness(&other.all, orientation, least);
        if self.content.is_none() && other.content.is_none() {
            return all;
        }
        let content = |seen: &'_ Seen| seen.content.as_ref().unwrap_or(&seen.all).clone();
        all.better(content(self).likeness(&content(other), orientation, least))
    }
}

/// Brightness, and the two differences of colour, row by row.
#[derive(Clone, PartialEq)]
struct View {
    brightness: Vec<u8>,
    colours: [Vec<u8>; 2],
}

impl View {
    fn of(sight: &Sight) -> View {
        let coarse = COARSE as u32;
        let coarse = sight.square.resize(coarse, coarse, Fit::Stretch, Filter::Bilinear, Colour::WHITE);
        // As JFIF has them.
        let mixed = |pixel: &[u8; 3], [r, g, b]: [f64; 3], middle: f64| {
            let [red, green, blue] = pixel.map(f64::from);
            (middle + r * red + g * green + b * blue).round().clamp(0.0, 255.0) as u8
        };
        let plane = |pixels: &[u8], weights, middle| -> Vec<u8> {
            pixels.as_chunks::<3>().0.iter().map(|pixel| mixed(pixel, weights, middle)).collect()
        };
        View {
            brightness: plane(&sight.square.pixels, [0.299, 0.587, 0.114], 0.0),
            colours: [
                plane(&coarse.pixels, [-0.168_736, -0.331_264, 0.5], 128.0),
                plane(&coarse.pixels, [0.5, -0.418_688, -0.081_312], 128.0),
            ],
        }
    }

    fn likeness(&self, other: &View, orientation: Orientation, least: f64) -> Likeness {
        let lines = Sums::of_rows(self, other, orientation);
        let all = lines.iter().fold(Sums::default(), |sum, row| sum.and(row));
        let (correlation, strip) = match all.correlation() {
            enough if enough >= least => (enough, 0..0),
            less => all.without_a_strip(&lines).filter(|(beside, _)| *beside >= LEAST_BESIDE).unwrap_or((less, 0..0)),
        };
        let is_compared =
            |row: usize| !(strip.start / (SIDE / COARSE)..strip.end.div_ceil(SIDE / COARSE)).contains(&row);
        let colour = self.colour(other, orientation, is_compared);
        let is_copy = correlation >= least && colour.0 <= MOST_COLOUR.0 && colour.1 <= MOST_COLOUR.1;
        Likeness { is_copy, orientation, correlation }
    }

    /// How far colours are from each other in these rows of the other, on the average and at most; the same whichever is the other.
    fn colour(&self, other: &View, orientation: Orientation, is_compared: impl Fn(usize) -> bool) -> (f64, f64) {
        // Less saturated colours are the same colours; none at all are others.
        let squares = |view: &View| {
            let sum: i64 = view.colours.iter().flatten().map(|&x| (i64::from(x) - 128).pow(2)).sum();
            (sum as f64 / COLOURS as f64).sqrt()
        };
        let (own, theirs) = (squares(self), squares(other));
        // Half way to each other, so that neither is the measure.
        let strength = if own.min(theirs) < 4.0 { 1.0 } else { (theirs / own).clamp(0.5, 2.0).sqrt() };
        let (mut sum, mut most) = (0.0, 0.0f64);
        for (place, at) in places(COARSE).zip(0..).filter(|((row, _), _)| is_compared(*row)) {
            let from = source(COARSE, place, orientation);
            let off = |channel: usize| {
                let centred = |value: u8| f64::from(value) - 128.0;
                centred(self.colours[channel][from]) * strength - centred(other.colours[channel][at]) / strength
            };
            let off = off(0).hypot(off(1));
            sum += off;
            most = most.max(off);
        }
        (sum / COLOURS as f64, most)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(&self.brightness);
        self.colours.iter().for_each(|plane| bytes.extend(plane));
    }

    fn read(bytes: &[u8]) -> View {
        let (brightness, colours) = bytes.split_at(PIXELS);
        let (one, other) = colours.split_at(COLOURS);
        View { brightness: brightness.into(), colours: [one.into(), other.into()] }
    }
}

/// All places of a square, row by row.
fn places(side: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..side * side).map(move |at| (at / side, at % side))
}

/// Where in a square of this side what stands at a place comes from.
fn source(side: usize, place: (usize, usize), orientation: Orientation) -> usize {
    let (row, column) = orientation.source(side, place);
    row * side + column
}

/// What a correlation is made of.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: i64,
    one: i64,
    other: i64,
    squares: [i64; 2],
    both: i64,
}

impl Sums {
    /// Those of the brightness, by the rows of the other.
    fn of_rows(view: &View, other: &View, orientation: Orientation) -> [Sums; SIDE] {
        let mut rows = [Sums::default(); SIDE];
        for (place, &y) in places(SIDE).zip(&other.brightness) {
            let (x, y) = (i64::from(view.brightness[source(SIDE, place, orientation)]), i64::from(y));
            let pair = Sums { count: 1, one: x, other: y, squares: [x * x, y * y], both: x * y };
            rows[place.0] = rows[place.0].and(&pair);
        }
        rows
    }

    fn and(&self, other: &Sums) -> Sums {
        self.with(other, 1)
    }

    fn with(&self, other: &Sums, times: i64) -> Sums {
        Sums {
            count: self.count + times * other.count,
            one: self.one + times * other.one,
            other: self.other + times * other.other,
            squares: [0, 1].map(|of| self.squares[of] + times * other.squares[of]),
            both: self.both + times * other.both,
        }
    }

    fn correlation(&self) -> f64 {
        let (n, [aa, bb]) = (self.count, self.squares);
        let (spread, others) = (n * aa - self.one * self.one, n * bb - self.other * self.other);
        (n * self.both - self.one * self.other) as f64 / ((spread as f64) * (others as f64)).sqrt().max(1.0)
    }

    /// The best correlation of these sums of all rows without some that lie together near the first or the last, and
    /// without which.
    fn without_a_strip(&self, rows: &[Sums; SIDE]) -> Option<(f64, Range<usize>)> {
        let near_a_side = (0..NEAR_A_SIDE - STRIP).chain(SIDE - NEAR_A_SIDE..SIDE - STRIP + 1);
        let without = near_a_side.map(|first| {
            let strip = first..first + STRIP;
            let left = rows[strip.clone()].iter().fold(*self, |sum, row| sum.with(row, -1));
            (left.correlation(), strip)
        });
        without.max_by(|a, b| a.0.total_cmp(&b.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves of several colours, others for every number.
    fn picture(number: u32, change: impl Fn([f64; 3]) -> [f64; 3]) -> Rgb {
        let (width, height) = (96, 72);
        let phase = |k: u32| f64::from((number * 31 + k * 17) % 23);
        let pixels = (0..width * height).flat_map(|at| {
            let (x, y) = (f64::from(at % width) / 96.0, f64::from(at / width) / 72.0);
            let wave = |k: u32| {
                let of = |scale: f64, k| (scale * (x * phase(k) / 4.0 + y * phase(k + 1) / 5.0) + phase(k + 2)).sin();
                128.0 + 50.0 * of(1.0, k) + 40.0 * of(1.7, k + 5)
            };
            change([wave(0), wave(1), wave(2)]).map(|value| value.clamp(0.0, 255.0) as u8)
        });
        Rgb { width, height, pixels: pixels.collect() }
    }

    fn likeness(a: &Rgb, b: &Rgb) -> Likeness {
        let thumbnail = |picture: &Rgb| {
            let thumbnail = Appearance::of(picture).expect("something to see").thumbnail;
            let mut bytes = thumbnail.to_bytes();
            bytes.resize(Thumbnail::BYTES, 7);
            assert!(Thumbnail::from_bytes(&bytes.try_into().expect("so many")) == thumbnail);
            thumbnail
        };
        thumbnail(a).likeness(&thumbnail(b), false)
    }

    #[test]
    fn light_and_strength_of_colours_are_no_difference_and_other_colours_are() {
        for number in 1..8 {
            let own = picture(number, |rgb| rgb);
            let grey = |[r, g, b]: [f64; 3]| 0.299 * r + 0.587 * g + 0.114 * b;
            let pale = picture(number, |rgb| rgb.map(|c| grey(rgb) + 0.7 * (c - grey(rgb))));
            let darker = picture(number, |rgb| rgb.map(|c| 0.8 * c));
            let without = picture(number, |rgb| [grey(rgb); 3]);
            let swapped = picture(number, |[r, g, b]| [b, r, g]);
            assert!(likeness(&own, &own).correlation > 0.9999);
            assert!(likeness(&own, &pale).is_copy && likeness(&own, &darker).is_copy, "{number}");
            assert!(!likeness(&own, &without).is_copy, "{number}: without its colours it is less");
            assert!(!likeness(&own, &swapped).is_copy, "{number}");
            assert!(!likeness(&own, &picture(number + 1, |rgb| rgb)).is_copy, "{number}");
        }
    }

    #[test]
    fn neither_is_the_measure_of_the_other() {
        let mut copies = 0;
        for (number, step) in (1..8).flat_map(|number| (0..24).map(move |step| (number, f64::from(step) / 24.0))) {
            let own = picture(number, |rgb| rgb);
            let grey = |[r, g, b]: [f64; 3]| 0.299 * r + 0.587 * g + 0.114 * b;
            let other = picture(number, |[r, g, b]| {
                let mixed = [r + step * (b - r), g + step * (r - g), b + step * (g - b)];
                mixed.map(|c| grey(mixed) + 0.6 * (c - grey(mixed)))
            });
            let (there, back) = (likeness(&own, &other), likeness(&other, &own));
            assert_eq!((there.is_copy, there.correlation), (back.is_copy, back.correlation), "{number}, {step}");
            copies += u32::from(there.is_copy);
        }
        assert!((20..148).contains(&copies), "{copies} of 168");
    }
}
