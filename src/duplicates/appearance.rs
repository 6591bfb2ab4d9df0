//! The second look: whether two pictures whose hashes are near show the same thing.
//!
//! Signs of frequencies say how brightness is spread, and pictures of simple things agree in them by chance. So what they
//! were made of is kept small, and compared itself: brightness up to light and contrast, colours up to their strength.

use super::hash::{Frequencies, Views};
use super::{Orientation, PerceptualHash};
use crate::image::{Colour, Filter, Fit, Rgb};

/// Sides of the small pictures of brightness and of colours.
const SIDE: usize = 32;
const COARSE: usize = 8;
const PIXELS: usize = SIDE * SIDE;
const COLOURS: usize = COARSE * COARSE;
const VIEW_BYTES: usize = PIXELS + 2 * COLOURS;

/// Copies correlate at least so much in their brightness.
const LEAST_CORRELATION: f64 = 0.96;
/// And their colours are at most so far from each other, in steps of 255: on the average, and anywhere.
const MOST_COLOUR: (f64, f64) = (8.0, 30.0);

/// What a picture looks like, as far as copies are told by it.
pub(crate) struct Appearance {
    /// The hash of the picture as it is.
    pub hash: PerceptualHash,
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
        let hash = frequencies.hash(Orientation::default());
        let canonical = frequencies.canonical().map(|orientation| frequencies.hash(orientation)).collect();
        Some(Appearance { hash, canonical, thumbnail: Thumbnail::of(&views) })
    }
}

/// A picture in little: as a whole, and what stands before its background.
#[derive(Clone, PartialEq)]
pub(crate) struct Thumbnail {
    whole: View,
    content: Option<View>,
}

/// How two pictures are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeness {
    /// How the second is mirrored or turned.
    pub orientation: Orientation,
    /// Of their brightness, 1 at best.
    pub correlation: f64,
    /// How far their colours are from each other on the average, and at most.
    pub colour: (f64, f64),
}

impl Likeness {
    /// Whether one is a copy of the other.
    pub(crate) fn is_copy(&self) -> bool {
        self.correlation >= LEAST_CORRELATION && self.colour.0 <= MOST_COLOUR.0 && self.colour.1 <= MOST_COLOUR.1
    }
}

impl Thumbnail {
    /// How many bytes it takes.
    pub(crate) const BYTES: usize = 2 * VIEW_BYTES + 1;

    fn of(views: &Views) -> Thumbnail {
        Thumbnail { whole: View::of(&views.whole), content: views.content.as_ref().map(View::of) }
    }

    /// How alike they are, as they are or, if wished, in the best of all orientations.
    pub(crate) fn likeness(&self, other: &Thumbnail, any_orientation: bool) -> Likeness {
        let orientations = if any_orientation { &Orientation::ALL[..] } else { &Orientation::ALL[..1] };
        let content = |thumbnail: &'_ Thumbnail| thumbnail.content.clone().unwrap_or_else(|| thumbnail.whole.clone());
        let contents = (self.content.is_some() || other.content.is_some()).then(|| (content(self), content(other)));
        let better = |one: Likeness, other: Likeness| {
            let rank = |likeness: &Likeness| (likeness.is_copy(), likeness.correlation);
            if rank(&other) > rank(&one) { other } else { one }
        };
        let of = |&orientation: &Orientation| {
            let whole = self.whole.likeness(&other.whole, orientation);
            match &contents {
                Some((own, others)) => better(whole, own.likeness(others, orientation)),
                None => whole,
            }
        };
        orientations.iter().map(of).reduce(better).expect("there is one orientation at least")
    }

    /// For a file of them.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.content.is_some())];
        self.whole.write(&mut bytes);
        self.content.as_ref().unwrap_or(&self.whole).write(&mut bytes);
        bytes
    }

    /// What [`Thumbnail::to_bytes`] made these of.
    pub(crate) fn from_bytes(bytes: &[u8; Thumbnail::BYTES]) -> Thumbnail {
        let (whole, content) = bytes[1..].split_at(VIEW_BYTES);
        Thumbnail { whole: View::read(whole), content: (bytes[0] != 0).then(|| View::read(content)) }
    }
}

/// Brightness, and the two differences of colour, row by row.
#[derive(Clone, PartialEq)]
struct View {
    brightness: Vec<u8>,
    colours: [Vec<u8>; 2],
}

impl View {
    fn of(picture: &Rgb) -> View {
        let square = |side: usize| {
            picture.resize(side as u32, side as u32, Fit::Stretch, Filter::Bilinear, Colour::WHITE).pixels
        };
        // As JFIF has them.
        let mixed = |pixel: &[u8; 3], [r, g, b]: [f64; 3], middle: f64| {
            let [red, green, blue] = pixel.map(f64::from);
            (middle + r * red + g * green + b * blue).round().clamp(0.0, 255.0) as u8
        };
        let (fine, coarse) = (square(SIDE), square(COARSE));
        let plane = |pixels: &[u8], weights, middle| -> Vec<u8> {
            pixels.as_chunks::<3>().0.iter().map(|pixel| mixed(pixel, weights, middle)).collect()
        };
        View {
            brightness: plane(&fine, [0.299, 0.587, 0.114], 0.0),
            colours: [
                plane(&coarse, [-0.168_736, -0.331_264, 0.5], 128.0),
                plane(&coarse, [0.5, -0.418_688, -0.081_312], 128.0),
            ],
        }
    }

    fn likeness(&self, other: &View, orientation: Orientation) -> Likeness {
        let places = |side: usize| (0..side * side).map(move |at| (at / side, at % side));
        let source = |side: usize, place| {
            let (row, column) = orientation.source(side, place);
            row * side + column
        };
        let (mut a, mut b, mut aa, mut bb, mut ab) = (0i64, 0i64, 0i64, 0i64, 0i64);
        for ((row, column), &y) in places(SIDE).zip(&other.brightness) {
            let (x, y) = (i64::from(self.brightness[source(SIDE, (row, column))]), i64::from(y));
            (a, b, aa, bb, ab) = (a + x, b + y, aa + x * x, bb + y * y, ab + x * y);
        }
        let n = PIXELS as i64;
        let (spread, others, both) = (n * aa - a * a, n * bb - b * b, n * ab - a * b);
        let correlation = both as f64 / ((spread as f64) * (others as f64)).sqrt().max(1.0);
        // Less saturated colours are the same colours; none at all are others.
        let squares = |view: &View| {
            let sum: i64 = view.colours.iter().flatten().map(|&x| (i64::from(x) - 128).pow(2)).sum();
            (sum as f64 / COLOURS as f64).sqrt()
        };
        let (own, theirs) = (squares(self), squares(other));
        let strength = if own.min(theirs) < 4.0 { 1.0 } else { (theirs / own).clamp(0.5, 2.0) };
        let (mut sum, mut most) = (0.0, 0.0f64);
        for (place, at) in places(COARSE).zip(0..) {
            let from = source(COARSE, place);
            let off = |channel: usize| {
                let centred = |value: u8| f64::from(value) - 128.0;
                centred(self.colours[channel][from]) * strength - centred(other.colours[channel][at])
            };
            let off = off(0).hypot(off(1));
            sum += off;
            most = most.max(off);
        }
        Likeness { orientation, correlation, colour: (sum / COLOURS as f64, most) }
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
            let thumbnail = Thumbnail::of(&Views::of(picture));
            let bytes = thumbnail.to_bytes();
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
            assert!(likeness(&own, &pale).is_copy() && likeness(&own, &darker).is_copy(), "{number}");
            assert!(!likeness(&own, &without).is_copy(), "{number}: without its colours it is less");
            assert!(!likeness(&own, &swapped).is_copy(), "{number}");
            assert!(!likeness(&own, &picture(number + 1, |rgb| rgb)).is_copy(), "{number}");
        }
    }
}
