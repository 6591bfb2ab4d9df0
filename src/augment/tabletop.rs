//! The picture as a card that lies on a table and is looked at from the side.

use super::backdrop::{self, BackgroundImages};
use super::draw::{Backdrop, Lying};
use super::effects::gaussian;
use super::geometry::Homography;
use super::random::Random;
use super::recipe::{BackgroundKind, Border, OnTable};
use super::warp::warp;
use crate::image::{Rgb, Rgba};

/// How far the camera is, in halves of the card's longer side.
const DISTANCE: f64 = 2.5;
/// Of a card's corners, share of its shorter side: 3 of 63 mm.
const ROUND: f64 = 0.045;
/// How soft a shadow is.
const BLUR: f64 = 0.012;

impl Lying {
    /// Draws how it lies, and on what: the pixels, where that is a picture.
    pub(super) fn draw(
        effect: &OnTable,
        images: &BackgroundImages,
        frame: (u32, u32),
        mut random: Random,
    ) -> Option<(Lying, Option<Rgba>)> {
        const SURFACES: [BackgroundKind; 5] = [
            BackgroundKind::Wood,
            BackgroundKind::Wood,
            BackgroundKind::Noise,
            BackgroundKind::Gradient,
            BackgroundKind::Picture,
        ];
        if !random.happens(effect.probability) {
            return None;
        }
        let mut lying = Lying {
            tilt: random.within(effect.tilt),
            turn: random.within(effect.turn),
            size: random.within(effect.size),
            at: [random.within([0.0, 1.0]), random.within([0.0, 1.0])],
            margin: random.within(effect.margin),
            edge: match random.below(4) {
                0 => [245, 245, 240],
                1 => [240, 205, 60],
                2 => [25, 25, 28],
                _ => random.colour(),
            },
            shadow: random.within([0.25, 0.65]),
            falls: [random.within([-0.03, 0.03]), random.within([0.0, 0.035])],
            surface: Backdrop::Solid { colour: [0; 3] },
        };
        let (surface, pixels) = backdrop::one_of(&SURFACES, images, frame, &mut random)?;
        lying.surface = match surface {
            Backdrop::Noise { from, to, cells } => {
                let from = muted(from);
                Backdrop::Noise { from, to: near(from, to), cells }
            }
            Backdrop::Gradient { from, to, degrees } => {
                let from = muted(from);
                Backdrop::Gradient { from, to: near(from, to), degrees }
            }
            other => other,
        };
        Some((lying, pixels))
    }

    /// From places in the picture, which has the frame's size, to where they are in the frame.
    pub(super) fn homography(&self, (width, height): (u32, u32)) -> Homography {
        let (wide, high) = (f64::from(width), f64::from(height));
        let margin = self.margin * wide.min(high);
        let unit = 2.0 / (wide.max(high) + 2.0 * margin);
        let (sin, cos) = self.tilt.to_radians().sin_cos();
        let leant = Homography([[1.0, 0.0, 0.0], [0.0, cos, 0.0], [0.0, -sin / DISTANCE, 1.0]]);
        let seen = Homography::translation(-wide / 2.0, -high / 2.0)
            .then(&Homography::scale(unit, unit))
            .then(&Homography::rotation(self.turn))
            .then(&leant);
        let (left, top, right, bottom) = (-margin, -margin, wide + margin, high + margin);
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)].map(|(x, y)| seen.apply(x, y));
        let span = |of: fn(&(f64, f64, f64)) -> f64| {
            corners.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)))
        };
        let ((x1, x2), (y1, y2)) = (span(|c| c.0), span(|c| c.1));
        let factor = self.size * (wide / (x2 - x1)).min(high / (y2 - y1));
        let (free_x, free_y) = (wide - (x2 - x1) * factor, high - (y2 - y1) * factor);
        seen.then(&Homography::scale(factor, factor))
            .then(&Homography::translation(self.at[0] * free_x - x1 * factor, self.at[1] * free_y - y1 * factor))
    }

    /// Lays the picture on its table. `behind` has the pixels of a picture that is the table.
    pub(super) fn apply(&self, picture: &Rgb, behind: Option<&Rgba>, random: Random) -> Rgb {
        let frame = (picture.width, picture.height);
        let shorter = f64::from(frame.0.min(frame.1));
        let margin = (self.margin * shorter).round() as u32;
        let map = Homography::translation(-f64::from(margin), -f64::from(margin)).then(&self.homography(frame));
        let card = card(picture, margin, self.edge);
        let empty = || Rgba { width: frame.0, height: frame.1, pixels: vec![0; picture.pixels.len() / 3 * 4] };

        let mut table = backdrop::paint(&self.surface, behind, frame, random);
        let falls = Homography::translation(self.falls[0] * shorter, self.falls[1] * shorter);
        let mut shadow = empty();
        warp(&card, &map.then(&falls), Border::Background, &mut shadow);
        let dark = shadow.pixels.as_chunks::<4>().0.iter().flat_map(|pixel| [pixel[3]; 3]).collect();
        let mut dark = Rgb { width: frame.0, height: frame.1, pixels: dark };
        gaussian(&mut dark, BLUR * shorter);
        for (byte, &dark) in table.pixels.iter_mut().zip(&dark.pixels) {
            *byte = (f64::from(*byte) * (1.0 - self.shadow * f64::from(dark) / 255.0)).round() as u8;
        }
        let mut shown = empty();
        warp(&card, &map, Border::Background, &mut shown);
        backdrop::over(&shown, table)
    }
}

/// Tables and cloths are seldom of bright colours: half way to grey.
fn muted(colour: [u8; 3]) -> [u8; 3] {
    let grey = colour.iter().map(|&byte| u32::from(byte)).sum::<u32>() / 3;
    colour.map(|byte| ((u32::from(byte) + grey) / 2) as u8)
}

/// A quarter of the way from one colour to the other.
fn near(from: [u8; 3], to: [u8; 3]) -> [u8; 3] {
    [0, 1, 2].map(|n| ((3 * u32::from(from[n]) + u32::from(to[n])) / 4) as u8)
}

/// The picture with an edge around it and round corners.
fn card(picture: &Rgb, margin: u32, edge: [u8; 3]) -> Rgba {
    let (width, height) = (picture.width + 2 * margin, picture.height + 2 * margin);
    let radius = ROUND * f64::from(width.min(height));
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 4);
    for y in 0..height {
        for x in 0..width {
            let inside = x.wrapping_sub(margin) < picture.width && y.wrapping_sub(margin) < picture.height;
            let colour = match inside {
                true => {
                    let at = ((y - margin) as usize * picture.width as usize + (x - margin) as usize) * 3;
                    [picture.pixels[at], picture.pixels[at + 1], picture.pixels[at + 2]]
                }
                false => edge,
            };
            // How far beyond the middle of a corner's circle.
            let beyond = |at: u32, side: u32| {
                let at = f64::from(at) + 0.5;
                (radius - at).max(at - (f64::from(side) - radius)).max(0.0)
            };
            let covered = (radius + 0.5 - beyond(x, width).hypot(beyond(y, height))).clamp(0.0, 1.0);
            pixels.extend(colour.map(|byte| (f64::from(byte) * covered).round() as u8));
            pixels.push((255.0 * covered).round() as u8);
        }
    }
    Rgba { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lying() -> Lying {
        Lying {
            tilt: 0.0,
            turn: 0.0,
            size: 0.5,
            at: [0.0, 1.0],
            margin: 0.0,
            edge: [0; 3],
            shadow: 0.5,
            falls: [0.1, 0.0],
            surface: Backdrop::Solid { colour: [200; 3] },
        }
    }

    fn red(width: u32, height: u32) -> Rgb {
        Rgb { width, height, pixels: [255, 0, 0].repeat((width * height) as usize) }
    }

    #[test]
    fn a_card_that_is_seen_from_above_fills_its_share_of_the_frame_and_casts_a_shadow() {
        let shown = lying().apply(&red(80, 60), None, Random::new(0, &[0; 32], 0, ""));
        let pixel = |x: usize, y: usize| &shown.pixels[(y * 80 + x) * 3..][..3];
        assert_eq!((pixel(20, 45), pixel(70, 10)), ([255, 0, 0].as_slice(), [200; 3].as_slice()));
        assert!(pixel(42, 45)[0] < 110, "the shadow: {:?}", pixel(42, 45));
    }

    #[test]
    fn a_tilted_card_is_lower_and_narrower_at_its_far_edge() {
        let lying = Lying { tilt: 60.0, size: 1.0, ..lying() };
        let map = lying.homography((100, 100));
        let (far_left, far, _) = map.apply(0.0, 0.0);
        let (far_right, ..) = map.apply(100.0, 0.0);
        let (near_left, near, _) = map.apply(0.0, 100.0);
        let (near_right, ..) = map.apply(100.0, 100.0);
        assert!(far_right - far_left < 0.7 * (near_right - near_left), "{far_left} {far_right}");
        assert!((near_right - near_left - 100.0).abs() < 1e-6 && near - far < 60.0, "{near} {far}");
    }

    #[test]
    fn a_card_lies_within_the_frame_however_it_is_turned() {
        for (tilt, turn, margin) in [(75.0, 45.0, 0.3), (20.0, -170.0, 0.05), (0.0, 90.0, 0.0)] {
            let lying = Lying { tilt, turn, size: 0.9, margin, ..lying() };
            let map = lying.homography((90, 40));
            for (x, y) in [(0.0, 0.0), (90.0, 0.0), (0.0, 40.0), (90.0, 40.0)] {
                let (x, y, depth) = map.apply(x, y);
                assert!(depth > 0.0 && (0.0..=90.0).contains(&x) && (0.0..=40.0).contains(&y), "{x} {y}");
            }
        }
    }
}
