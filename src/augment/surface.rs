//! What is on a picture before a lens sees it: the dots of print, the shine of a lamp, the points of a screen.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::random::Random;
use super::recipe;
use crate::image::Rgb;

/// Dots of four inks: `period` is a share of the shorter side, `degrees` turns all screens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raster {
    period: f64,
    depth: f64,
    degrees: f64,
}

/// What shines; lengths are shares of the shorter side, `at` of width and height.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shine {
    kind: Lamp,
    at: [f64; 2],
    size: f64,
    /// Length by width.
    ratio: f64,
    degrees: f64,
    brightness: f64,
    /// Red, green and blue of the light.
    light: [u8; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Lamp {
    Spot,
    Tube,
    Window,
}

/// Points of a screen: `pitch` in pixels; `bend` is that of the lens at the corners, `lean` how much nearer one side is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Screen {
    pitch: f64,
    depth: f64,
    degrees: f64,
    bend: f64,
    lean: [f64; 2],
}

/// Steps of a period in the tables.
const STEPS: usize = 256;
const CELLS: usize = 64;

/// The order in which ink covers the places of a cell of a screen, from 0 (first) to 1: round dots, which meet at half.
static ORDER: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let wave = |n: usize| (n as f64 / CELLS as f64 * std::f64::consts::TAU).cos();
    let height = |at: usize| wave(at % CELLS) + wave(at / CELLS);
    let mut places: Vec<usize> = (0..CELLS * CELLS).collect();
    places.sort_by(|&a, &b| height(b).total_cmp(&height(a)).then(a.cmp(&b)));
    let mut order = vec![0.0; places.len()];
    for (turn, place) in places.into_iter().enumerate() {
        order[place] = (turn as f32 + 0.5) / (CELLS * CELLS) as f32;
    }
    order
});

static WAVE: LazyLock<Vec<f32>> =
    LazyLock::new(|| (0..STEPS).map(|n| (n as f64 / STEPS as f64 * std::f64::consts::TAU).cos() as f32).collect());

/// The part of a number behind the point, in so many steps.
fn phase(at: f64, steps: usize) -> usize {
    ((at - at.floor()) * steps as f64) as usize % steps
}

impl Raster {
    pub(super) fn draw(effect: &recipe::PrintRaster, mut random: Random) -> Option<Raster> {
        random.happens(effect.probability).then(|| Raster {
            period: random.within(effect.period),
            depth: random.within(effect.depth),
            degrees: random.within([-45.0, 45.0]),
        })
    }

    /// Prints the picture in cyan, magenta, yellow and black, whose screens are turned by 15, 75, 0 and 45 degrees as
    /// printers do. Two thirds of what is grey is black. Inks are ideal ones, so that what a dot covers is on the whole
    /// as much as the colour had.
    pub(super) fn apply(&self, picture: &mut Rgb) {
        const DEGREES: [f64; 4] = [15.0, 75.0, 0.0, 45.0];
        const BLACK: f32 = 0.67;
        // Below that no dot is seen, only noise.
        const LEAST: f64 = 1.5;
        let period = (self.period * shorter(picture)).max(LEAST);
        let order = &*ORDER;
        let turns = DEGREES.map(|own| {
            let (sin, cos) = (own + self.degrees).to_radians().sin_cos();
            (sin / period, cos / period)
        });
        // How far the order goes within a pixel: the edges of dots are as soft as that.
        let soft = (2.0 / period).min(1.0) as f32;
        let depth = self.depth as f32;
        let width = picture.width as usize;
        for (i, pixel) in picture.pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (x, y) = ((i % width) as f64, (i / width) as f64);
            let missing = pixel.map(|byte| 1.0 - f32::from(byte) / 255.0);
            let black = BLACK * missing[0].min(missing[1]).min(missing[2]);
            let under = |missing: f32| if black < 1.0 { (missing - black) / (1.0 - black) } else { 0.0 };
            let inks = [under(missing[0]), under(missing[1]), under(missing[2]), black];
            let left = [0, 1, 2, 3].map(|n: usize| {
                let (sin, cos) = turns[n];
                let place = phase(y * cos - x * sin, CELLS) * CELLS + phase(x * cos + y * sin, CELLS);
                1.0 - ((level(inks[n], soft) - order[place]) / soft + 0.5).clamp(0.0, 1.0)
            });
            for (n, byte) in pixel.iter_mut().enumerate() {
                let printed = left[n] * left[3] * 255.0;
                *byte = (f32::from(*byte) * (1.0 - depth) + printed * depth).round() as u8;
            }
        }
    }
}

/// Up to where in the order ink goes, so that dots with soft edges cover as much as the ink is: near paper and near full
/// ink a part of the edges is cut off.
fn level(ink: f32, soft: f32) -> f32 {
    let half = soft / 2.0;
    match ink {
        ink if ink < half => (2.0 * soft * ink).sqrt() - half,
        ink if ink > 1.0 - half => 1.0 + half - (2.0 * soft * (1.0 - ink).max(0.0)).sqrt(),
        ink => ink,
    }
}

impl Shine {
    pub(super) fn draw(effect: &recipe::Glare, mut random: Random) -> Option<Shine> {
        random.happens(effect.probability).then(|| Shine {
            kind: [Lamp::Spot, Lamp::Tube, Lamp::Window][random.below(3)],
            at: [random.within([0.05, 0.95]), random.within([0.05, 0.95])],
            size: random.within(effect.size),
            ratio: random.within([1.0, 2.5]),
            degrees: random.within([0.0, 180.0]),
            brightness: random.within(effect.brightness),
            light: {
                let warm = random.within([-1.0, 1.0]);
                [255 - (30.0 * (-warm).max(0.0)) as u8, 250, 255 - (60.0 * warm.max(0.0)) as u8]
            },
        })
    }

    /// Adds the light to what is there, as a screen of two slides does; a little of it lies over all.
    pub(super) fn apply(&self, picture: &mut Rgb) {
        const VEIL: f64 = 0.08;
        let side = self.size * shorter(picture);
        let (width, height) = (f64::from(picture.width), f64::from(picture.height));
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        let light = self.light.map(|byte| f64::from(byte) / 255.0);
        let stride = picture.width as usize;
        for (i, pixel) in picture.pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let x = ((i % stride) as f64 + 0.5 - self.at[0] * width) / side;
            let y = ((i / stride) as f64 + 0.5 - self.at[1] * height) / side;
            let (along, across) = ((x * cos + y * sin) / self.ratio, y * cos - x * sin);
            let strength = match self.kind {
                Lamp::Spot => soft(along.hypot(across), 2),
                // A tube is long, and its light is strongest along its middle.
                Lamp::Tube => soft(across * 2.0, 3) * soft(along / 4.0, 3),
                // A window has a cross in it.
                Lamp::Window => {
                    let bars = soft(along.abs().min(across.abs()) * 16.0, 4);
                    soft(along.abs().max(across.abs()), 10) * (1.0 - 0.6 * bars)
                }
            };
            let strength = self.brightness * (VEIL + (1.0 - VEIL) * strength);
            for (byte, light) in pixel.iter_mut().zip(light) {
                *byte = (255.0 - (255.0 - f64::from(*byte)) * (1.0 - strength * light)).round() as u8;
            }
        }
    }
}

/// 1 in the middle, one half at 1, nothing far away; the higher the power, the harder the edge.
fn soft(distance: f64, power: i32) -> f64 {
    1.0 / (1.0 + (distance * distance).powi(power))
}

impl Screen {
    pub(super) fn draw(effect: &recipe::Moire, mut random: Random) -> Option<Screen> {
        random.happens(effect.probability).then(|| Screen {
            pitch: random.within(effect.pitch),
            depth: random.within(effect.depth),
            degrees: random.within([-8.0, 8.0]),
            bend: random.within([-0.04, 0.04]),
            lean: [random.within([-0.06, 0.06]), random.within([-0.06, 0.06])],
        })
    }

    /// The first harmonics of a screen's points, caught at the middle of every pixel of the copy: three upright stripes
    /// a point, red, green and blue, and a gap below each. Pixels that lie nearly as close as points see waves, which is
    /// all that moiré is.
    pub(super) fn apply(&self, picture: &mut Rgb) {
        let wave = &*WAVE;
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        let (half_width, half_height) = (f64::from(picture.width) / 2.0, f64::from(picture.height) / 2.0);
        let reach = half_width.hypot(half_height);
        let depth = self.depth as f32;
        // Exposed so that what is white is not all beyond white.
        let dim = 1.0 + 0.6 * depth;
        let stride = picture.width as usize;
        for (i, pixel) in picture.pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let x = (i % stride) as f64 + 0.5 - half_width;
            let y = (i / stride) as f64 + 0.5 - half_height;
            let (right, down) = (x / reach, y / reach);
            let far = 1.0 + self.lean[0] * right + self.lean[1] * down;
            let moved = (1.0 + self.bend * (right * right + down * down)) / far / self.pitch;
            let (u, v) = ((x * cos + y * sin) * moved, (y * cos - x * sin) * moved);
            let row = (1.0 + 0.6 * depth * wave[phase(v, STEPS)]) / dim;
            for (n, byte) in pixel.iter_mut().enumerate() {
                let stripe = 1.0 + depth * wave[phase(u - n as f64 / 3.0, STEPS)];
                *byte = (f32::from(*byte) * stripe * row).round().min(255.0) as u8;
            }
        }
    }
}

fn shorter(picture: &Rgb) -> f64 {
    f64::from(picture.width.min(picture.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(side: u32, colour: [u8; 3]) -> Rgb {
        Rgb { width: side, height: side, pixels: colour.repeat((side * side) as usize) }
    }

    fn mean(picture: &Rgb) -> [f64; 3] {
        let pixels = picture.pixels.as_chunks::<3>().0;
        [0, 1, 2].map(|n: usize| pixels.iter().map(|p| f64::from(p[n])).sum::<f64>() / pixels.len() as f64)
    }

    #[test]
    fn print_has_dots_and_keeps_the_colour_on_the_whole() {
        for colour in [[200, 120, 60], [90, 90, 90], [250, 240, 30]] {
            let mut picture = flat(200, colour);
            Raster { period: 0.04, depth: 1.0, degrees: 7.0 }.apply(&mut picture);
            let found = mean(&picture);
            assert!((0..3).all(|n| (found[n] - f64::from(colour[n])).abs() < 8.0), "{colour:?}: {found:?}");
            let (least, most) = (picture.pixels.iter().min(), picture.pixels.iter().max());
            assert!(least < Some(&20) && most > Some(&235), "{colour:?}: {least:?} {most:?}");
        }
        for colour in [[255; 3], [0; 3]] {
            let mut picture = flat(50, colour);
            Raster { period: 0.05, depth: 1.0, degrees: 0.0 }.apply(&mut picture);
            assert!(mean(&picture).iter().all(|x| (x - f64::from(colour[0])).abs() < 30.0), "{:?}", mean(&picture));
        }
        let mut white = flat(50, [255; 3]);
        Raster { period: 0.05, depth: 1.0, degrees: 0.0 }.apply(&mut white);
        assert_eq!(white, flat(50, [255; 3]), "paper takes no ink");
    }

    #[test]
    fn glare_is_brightest_in_its_middle_and_darkens_nothing() {
        for kind in [Lamp::Spot, Lamp::Tube, Lamp::Window] {
            let mut picture = flat(101, [60, 90, 120]);
            let at = [0.3, 0.6];
            let light = [255, 250, 240];
            Shine { kind, at, size: 0.2, ratio: 1.5, degrees: 30.0, brightness: 0.8, light }.apply(&mut picture);
            let pixel = |x: usize, y: usize| picture.pixels[(y * 101 + x) * 3];
            assert!(picture.pixels.as_chunks::<3>().0.iter().all(|p| p[0] >= 60 && p[1] >= 90 && p[2] >= 120));
            assert!(pixel(34, 64) > 120 && pixel(100, 0) < 85, "{kind:?}: {} {}", pixel(34, 64), pixel(100, 0));
        }
    }

    #[test]
    fn points_as_wide_as_pixels_make_waves_that_are_far_wider() {
        let mut picture = flat(240, [128; 3]);
        let screen = Screen { pitch: 1.05, depth: 0.3, degrees: 0.0, bend: 0.0, lean: [0.0; 2] };
        screen.apply(&mut picture);
        // The waves' period is 1 / (1 - 1 / 1.05) = 21 pixels: some eleven maxima a line.
        let line: Vec<u8> = picture.pixels.chunks(3).take(240).map(|p| p[0]).collect();
        let turns = line.windows(3).filter(|w| w[1] > w[0] && w[1] >= w[2]).count();
        assert!((9..=14).contains(&turns), "{turns} maxima");
        let mut same = flat(40, [128; 3]);
        Screen { depth: 0.0, ..screen }.apply(&mut same);
        assert_eq!(same, flat(40, [128; 3]));
    }
}
