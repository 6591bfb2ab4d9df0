//! What is put behind pictures with transparency.

use std::path::{Path, PathBuf};

use super::Error;
use super::draw::Backdrop;
use super::geometry::Homography;
use super::random::Random;
use super::recipe::{Background, BackgroundKind, Border};
use super::warp::warp;
use crate::image::{self, Colour, Filter, Fit, Rgb, Rgba};
use crate::io::{Listing, escape_bytes, read_image};

/// The pictures of a folder, none of which is in memory.
#[derive(Debug, Default)]
pub(super) struct BackgroundImages(Listing);

impl BackgroundImages {
    /// Lists the pictures of a folder, but for those in the folder `except`, which is being written.
    ///
    /// # Errors
    /// The folder cannot be read, or holds no picture.
    pub(super) fn of(folder: &Path, except: Option<&Path>) -> Result<BackgroundImages, Error> {
        let listing = Listing::of_all_but(&[PathBuf::from(folder)], except)?;
        if listing.is_empty() {
            return Err(Error::NoBackgrounds { folder: folder.into() });
        }
        Ok(BackgroundImages(listing))
    }

    /// Reads a picture, large enough for the frame; `None` where that is not possible.
    fn read(&self, at: usize, (width, height): (u32, u32)) -> Option<Rgba> {
        let path = self.0.path(&self.0.entries()[at]);
        let bytes = read_image(&escape_bytes(path.as_os_str().as_encoded_bytes())).ok()?;
        Some(image::decode_rgba_with_flaw(&bytes, Some(width.max(height))).ok()?.0)
    }

    /// Draws a picture: its name and its pixels. One that cannot be read gives way to the next.
    fn draw(&self, frame: (u32, u32), random: &mut Random) -> Option<(String, Rgba)> {
        const TRIES: usize = 8;
        let count = self.0.entries().len();
        let first = random.below(count.max(1));
        (0..count.min(TRIES)).find_map(|n| {
            let at = (first + n) % count;
            Some((self.0.key(&self.0.entries()[at]), self.read(at, frame)?))
        })
    }
}

/// Draws what is put behind, and the picture, where it is one.
pub(super) fn draw(
    recipe: &Background,
    images: &BackgroundImages,
    frame: (u32, u32),
    mut random: Random,
) -> Option<(Backdrop, Option<Rgba>)> {
    random.happens(recipe.probability).then(|| one_of(&recipe.kinds, images, frame, &mut random)).flatten()
}

/// Draws one of these kinds; `None` where only pictures would do and there are none.
pub(super) fn one_of(
    kinds: &[BackgroundKind],
    images: &BackgroundImages,
    frame: (u32, u32),
    random: &mut Random,
) -> Option<(Backdrop, Option<Rgba>)> {
    let has_pictures = !images.0.is_empty();
    let kinds = kinds.iter().filter(|&&kind| has_pictures || kind != BackgroundKind::Picture);
    let kinds: Vec<BackgroundKind> = kinds.copied().collect();
    if kinds.is_empty() {
        return None;
    }
    let plain = |random: &mut Random| Backdrop::Solid { colour: random.colour() };
    Some(match kinds[random.below(kinds.len())] {
        BackgroundKind::Solid => (plain(random), None),
        BackgroundKind::Wood => {
            // From pale birch to dark walnut; red falls off last.
            let red = random.within([70.0, 225.0]);
            let (green, blue) = (red * random.within([0.62, 0.84]), red * random.within([0.36, 0.62]));
            let boards = 1 + random.below(7) as u32;
            let colour = [red, green, blue].map(|byte| byte.round() as u8);
            (Backdrop::Wood { colour, boards, upright: random.happens(0.5) }, None)
        }
        BackgroundKind::Gradient => {
            let (from, to) = (random.colour(), random.colour());
            (Backdrop::Gradient { from, to, degrees: random.within([0.0, 360.0]) }, None)
        }
        BackgroundKind::Noise => {
            let (from, to) = (random.colour(), random.colour());
            // From a few clouds to a carpet, evenly on a scale of logarithms.
            let cells = random.within([3f64.ln(), 60f64.ln()]).exp().round() as u32;
            (Backdrop::Noise { from, to, cells }, None)
        }
        BackgroundKind::Picture => match images.draw(frame, random) {
            Some((picture, pixels)) => {
                let zoom = random.within([1.0, 1.5]);
                let at = [random.within([0.0, 1.0]), random.within([0.0, 1.0])];
                (Backdrop::Picture { picture, zoom, at, mirrored: random.happens(0.5) }, Some(pixels))
            }
            None => (plain(random), None),
        },
    })
}

/// Paints it, `picture` being the pixels of [`Backdrop::Picture`].
pub(super) fn paint(backdrop: &Backdrop, picture: Option<&Rgba>, (width, height): (u32, u32), random: Random) -> Rgb {
    match *backdrop {
        Backdrop::Solid { colour } => plain(Colour(colour), (width, height)),
        Backdrop::Gradient { from, to, degrees } => gradient(from, to, degrees, (width, height)),
        Backdrop::Noise { from, to, cells } => noise(from, to, cells, (width, height), random),
        Backdrop::Wood { colour, boards, upright } => wood(colour, boards, upright, (width, height), random),
        Backdrop::Picture { zoom, at, mirrored, .. } => {
            let mut frame = Rgba { width, height, pixels: vec![0; width as usize * height as usize * 4] };
            if let Some(picture) = picture {
                let (own_width, own_height) = (f64::from(picture.width), f64::from(picture.height));
                let (wide, high) = (f64::from(width), f64::from(height));
                let factor = (wide / own_width).max(high / own_height) * zoom;
                let (free_x, free_y) = (own_width * factor - wide, own_height * factor - high);
                let mut map =
                    Homography::scale(factor, factor).then(&Homography::translation(-at[0] * free_x, -at[1] * free_y));
                if mirrored {
                    map = map.then(&Homography::scale(-1.0, 1.0)).then(&Homography::translation(wide, 0.0));
                }
                warp(picture, &map, Border::Mirror, &mut frame);
            }
            over(&frame, plain(Colour::WHITE, (width, height)))
        }
    }
}

/// One colour.
pub(super) fn plain(colour: Colour, (width, height): (u32, u32)) -> Rgb {
    Rgb { width, height, pixels: colour.0.repeat(width as usize * height as usize) }
}

/// What lies before a background of the same size, on it.
pub(super) fn over(picture: &Rgba, mut background: Rgb) -> Rgb {
    let behind = background.pixels.as_chunks_mut::<3>().0.iter_mut();
    for (pixel, &[r, g, b, a]) in behind.zip(picture.pixels.as_chunks::<4>().0) {
        if a == 255 {
            *pixel = [r, g, b];
        } else if a > 0 {
            let [red, green, blue] = pixel.map(|byte| through(byte, a));
            *pixel = [r.saturating_add(red), g.saturating_add(green), b.saturating_add(blue)];
        }
    }
    background
}

/// What alpha lets through of a byte behind it, rounded.
fn through(byte: u8, alpha: u8) -> u8 {
    ((u32::from(byte) * u32::from(255 - alpha) + 127) / 255) as u8
}

fn blend(from: [u8; 3], to: [u8; 3], share: f64) -> [u8; 3] {
    [0, 1, 2].map(|k| (f64::from(from[k]) + (f64::from(to[k]) - f64::from(from[k])) * share).round() as u8)
}

fn gradient(from: [u8; 3], to: [u8; 3], degrees: f64, (width, height): (u32, u32)) -> Rgb {
    const STEPS: usize = 512;
    let table: Vec<[u8; 3]> = (0..=STEPS).map(|n| blend(from, to, n as f64 / STEPS as f64)).collect();
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (middle_x, middle_y) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
    let reach = (middle_x * cos).abs() + (middle_y * sin).abs();
    let step = |along: f64| ((along / reach + 1.0) * 0.5 * STEPS as f64) as usize;
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        let down = (f64::from(y) + 0.5 - middle_y) * sin;
        let line = (0..width).flat_map(|x| table[step((f64::from(x) + 0.5 - middle_x) * cos + down).min(STEPS)]);
        pixels.extend(line);
    }
    Rgb { width, height, pixels }
}

/// Colours between two, at random at the points of a grid and smooth between them.
fn noise(from: [u8; 3], to: [u8; 3], cells: u32, (width, height): (u32, u32), mut random: Random) -> Rgb {
    let across = (u64::from(cells) * u64::from(width) / u64::from(width.max(height))).max(2) as u32;
    let down = (u64::from(cells) * u64::from(height) / u64::from(width.max(height))).max(2) as u32;
    let points = (0..across * down).flat_map(|_| blend(from, to, random.unit())).collect();
    let grid = Rgb { width: across, height: down, pixels: points };
    grid.resize(width, height, Fit::Stretch, Filter::Bicubic, Colour::WHITE)
}

/// Boards with fine and coarse grain along them, each of its own brightness, and dark joints between.
fn wood(colour: [u8; 3], boards: u32, upright: bool, (width, height): (u32, u32), mut random: Random) -> Rgb {
    // Painted lying, with boards from left to right.
    let (wide, high) = if upright { (height, width) } else { (width, height) };
    let grain = |across: u32, down: u32, random: &mut Random| {
        let points = (0..across * down).flat_map(|_| [(random.unit() * 255.0) as u8; 3]).collect();
        let grid = Rgb { width: across, height: down, pixels: points };
        grid.resize(wide, high, Fit::Stretch, Filter::Bicubic, Colour::WHITE)
    };
    let lines = high.clamp(2, 160);
    let (fine, coarse) = (grain(5, lines, &mut random), grain(3, (lines / 6).max(2), &mut random));
    let shades: Vec<f32> = (0..boards).map(|_| 0.85 + 0.3 * random.unit() as f32).collect();
    let joint = (0.006 * high as f32).max(0.5);
    let mut pixels = vec![0; width as usize * height as usize * 3];
    for y in 0..high {
        let at = (y as f32 + 0.5) * boards as f32 / high as f32;
        let edge = (at - at.round()).abs() * high as f32 / boards as f32;
        let is_joint = !(at.round() as u32).is_multiple_of(boards) && edge < joint;
        let shade = shades[(at as usize).min(shades.len() - 1)] * if is_joint { 0.45 } else { 1.0 };
        for x in 0..wide {
            let from = (y as usize * wide as usize + x as usize) * 3;
            let of = |grain: &Rgb| f32::from(grain.pixels[from]) / 255.0 - 0.5;
            let light = shade * (1.0 + 0.22 * of(&fine) + 0.3 * of(&coarse));
            let (right, down) = if upright { (y, x) } else { (x, y) };
            let to = (down as usize * width as usize + right as usize) * 3;
            for (byte, own) in pixels[to..to + 3].iter_mut().zip(colour) {
                *byte = (f32::from(own) * light).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    Rgb { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random() -> Random {
        Random::new(0, &[0; 32], 0, "")
    }

    #[test]
    fn only_what_is_transparent_shows_the_background() {
        let pixels = vec![200, 0, 0, 255, 0, 0, 0, 0, 100, 0, 0, 128];
        let picture = Rgba { width: 3, height: 1, pixels };
        let shown = over(&picture, plain(Colour([0, 100, 200]), (3, 1)));
        assert_eq!(shown.pixels, [200, 0, 0, 0, 100, 200, 100, 50, 100]);
    }

    #[test]
    fn every_kind_fills_the_frame() {
        let picture = Rgba { width: 3, height: 9, pixels: [7, 7, 7, 255].repeat(27) };
        for frame in [(40, 20), (1, 1), (3, 50)] {
            for backdrop in [
                Backdrop::Gradient { from: [7; 3], to: [7; 3], degrees: 77.0 },
                Backdrop::Noise { from: [7; 3], to: [7; 3], cells: 9 },
                Backdrop::Picture { picture: String::new(), zoom: 1.3, at: [0.2, 1.0], mirrored: true },
                Backdrop::Solid { colour: [7; 3] },
            ] {
                let painted = paint(&backdrop, Some(&picture), frame, random());
                assert_eq!(painted, plain(Colour([7; 3]), frame), "{backdrop:?}");
            }
        }
    }

    #[test]
    fn boards_have_the_colour_of_their_wood_and_fill_any_frame() {
        for (frame, boards, upright) in
            [((120, 90), 4, false), ((90, 120), 7, true), ((1, 1), 3, false), ((2, 40), 1, true)]
        {
            let painted = paint(&Backdrop::Wood { colour: [180, 120, 80], boards, upright }, None, frame, random());
            assert_eq!(painted.pixels.len(), (frame.0 * frame.1 * 3) as usize);
            let mean = |n: usize| painted.pixels.iter().skip(n).step_by(3).map(|&b| f64::from(b)).sum::<f64>();
            assert!(mean(0) > mean(1) && mean(1) > mean(2), "{frame:?}");
        }
    }

    #[test]
    fn a_gradient_goes_from_one_colour_to_the_other() {
        let painted = gradient([0; 3], [255; 3], 0.0, (256, 2));
        assert!(painted.pixels[0] < 3 && painted.pixels[255 * 3] > 252);
        assert_eq!(painted.pixels[..768], painted.pixels[768..]);
    }
}
