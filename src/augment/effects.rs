//! What is done to the colours of a picture that lies in its frame.

use super::draw::{Blur, Effects, Fill, Jitter};
use super::random::Random;
use crate::image::{self, Colour, Filter, Fit, Rgb};

/// Applies the effects in the order in which light would have met them: lamp, what stands before the picture,
/// screen, lens, sensor, file. `random(purpose)` gives the numbers for a purpose.
pub(super) fn apply(picture: &mut Rgb, effects: &Effects, random: impl Fn(&str) -> Random) {
    if let Some(jitter) = &effects.colour {
        recolour(picture, jitter, effects.grey);
    } else if effects.grey {
        recolour(picture, &Jitter::NONE, true);
    }
    for (n, patch) in effects.erasing.iter().enumerate() {
        erase(picture, patch.area, &patch.fill, random(&format!("erasing {n}")));
    }
    if let Some(screen) = &effects.moire {
        screen.apply(picture);
    }
    match effects.blur {
        None => {}
        Some(Blur::Gaussian { deviation }) => gaussian(picture, deviation * shorter(picture)),
        Some(Blur::Motion { length, degrees }) => motion(picture, length * shorter(picture), degrees),
        Some(Blur::Defocus { radius }) => defocus(picture, radius * shorter(picture)),
    }
    if let Some(deviation) = effects.gaussian_noise {
        grain(picture, deviation * 255.0, random("grain"));
    }
    if let Some(share) = effects.salt_and_pepper {
        salt_and_pepper(picture, share, random("salt and pepper"));
    }
    // A picture too large for the format keeps its artefacts to itself.
    if let Some(decoded) = effects.jpeg.and_then(|quality| {
        let bytes = image::encode_jpeg(picture, quality).ok()?;
        image::decode(&bytes, Colour::WHITE).ok()
    }) {
        *picture = decoded;
    }
}

fn shorter(picture: &Rgb) -> f64 {
    f64::from(picture.width.min(picture.height))
}

/// Shares of red, green and blue in brightness (ITU-R BT.601, as Pillow and torchvision have it).
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// Brightness, contrast about the mean grey, saturation and hue, which are one matrix. Hue turns about the grey axis.
fn recolour(picture: &mut Rgb, jitter: &Jitter, grey: bool) {
    let saturation = if grey { 0.0 } else { jitter.saturation };
    let (sin, cos) = (jitter.hue * std::f64::consts::TAU).sin_cos();
    let turn = hue_matrix(sin, cos);
    let pixels = picture.pixels.as_chunks_mut::<3>().0;
    let mut sums = [0u64; 3];
    for pixel in pixels.iter() {
        sums.iter_mut().zip(pixel).for_each(|(sum, &byte)| *sum += u64::from(byte));
    }
    let mean: f64 = (0..3).map(|k| LUMA[k] * sums[k] as f64).sum::<f64>() / (pixels.len().max(1) as f64);
    let gain = jitter.brightness * jitter.contrast;
    let shift = mean * jitter.brightness * (1.0 - jitter.contrast);
    // In parts of 2^16, so that a pixel costs nine products of whole numbers.
    let fixed = |x: f64| (x * 65536.0).round() as i32;
    let matrix = [0, 1, 2].map(|row: usize| {
        [0, 1, 2]
            .map(|column: usize| fixed(gain * ((1.0 - saturation) * LUMA[column] + saturation * turn[row][column])))
    });
    let shift = fixed(shift) + (1 << 15);
    for pixel in pixels {
        let [r, g, b] = pixel.map(i32::from);
        *pixel = matrix.map(|row| ((row[0] * r + row[1] * g + row[2] * b + shift) >> 16).clamp(0, 255) as u8);
    }
}

/// A turn of hue that keeps brightness: around the grey axis in the plane of equal luma, as SVG's `hueRotate` has it
/// (Filter Effects, section 9.6), with the shares above: the row of green follows from them.
fn hue_matrix(sin: f64, cos: f64) -> [[f64; 3]; 3] {
    const S: [[f64; 3]; 3] = [[-0.299, -0.587, 0.886], [0.288_441, 0.185, -0.473_441], [-0.701, 0.587, 0.114]];
    [0, 1, 2].map(|row: usize| {
        [0, 1, 2].map(|column: usize| {
            let unit = if row == column { 1.0 } else { 0.0 };
            LUMA[column] + cos * (unit - LUMA[column]) + sin * S[row][column]
        })
    })
}

/// Fills a rectangle: left, top, width and height as shares of the frame.
fn erase(picture: &mut Rgb, [left, top, width, height]: [f64; 4], fill: &Fill, mut random: Random) {
    let pixel = |share: f64, side: u32| ((share * f64::from(side)).round() as usize).min(side as usize);
    let (x1, x2) = (pixel(left, picture.width), pixel(left + width, picture.width));
    let (y1, y2) = (pixel(top, picture.height), pixel(top + height, picture.height));
    let stride = picture.width as usize;
    let pixels = picture.pixels.as_chunks_mut::<3>().0;
    for line in pixels.chunks_exact_mut(stride).take(y2).skip(y1) {
        line[x1..x2].iter_mut().for_each(|pixel| {
            *pixel = match fill {
                Fill::Colour(colour) => *colour,
                Fill::Noise => random.colour(),
            }
        });
    }
}

/// Weights of 65536 parts in all, of whole numbers.
fn weighed(weights: &[f64]) -> Vec<u32> {
    let sum: f64 = weights.iter().sum();
    let mut parts: Vec<u32> = weights.iter().map(|weight| (weight / sum * 65536.0).round() as u32).collect();
    let middle = parts.len() / 2;
    let others: u32 = parts.iter().sum::<u32>() - parts[middle];
    parts[middle] = 65536u32.saturating_sub(others);
    parts
}

/// A tap of a blur: how far to the right and downward, and its weight of 65536 parts.
type Tap = (i32, i32, u32);

/// Every pixel the mean of its neighbours by weights; beyond the edges the picture's last pixels go on.
fn blur(picture: &mut Rgb, taps: &[Tap]) {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let reach = taps.iter().map(|tap| tap.0.unsigned_abs()).max().unwrap_or(0) as usize;
    let padded = (width + 2 * reach) * 3;
    let mut wide = Vec::with_capacity(padded * height);
    for line in picture.pixels.chunks_exact(width * 3) {
        (0..reach).for_each(|_| wide.extend_from_slice(&line[..3]));
        wide.extend_from_slice(line);
        (0..reach).for_each(|_| wide.extend_from_slice(&line[(width - 1) * 3..]));
    }
    let mut sums = vec![0u32; width * 3];
    for (y, line) in picture.pixels.chunks_exact_mut(width * 3).enumerate() {
        sums.fill(1 << 15);
        for &(right, down, weight) in taps {
            let row = (y as i64 + i64::from(down)).clamp(0, height as i64 - 1) as usize;
            let start = row * padded + (reach as i64 + i64::from(right)) as usize * 3;
            let source = &wide[start..start + width * 3];
            sums.iter_mut().zip(source).for_each(|(sum, &byte)| *sum += u32::from(byte) * weight);
        }
        line.iter_mut().zip(&sums).for_each(|(byte, sum)| *byte = (sum >> 16) as u8);
    }
}

/// A normal distribution of this deviation in pixels, across and then down.
pub(super) fn gaussian(picture: &mut Rgb, deviation: f64) {
    if deviation < 0.2 {
        return;
    }
    let reach = (deviation * 3.0).ceil() as i32;
    let weights: Vec<f64> = (-reach..=reach).map(|n| (-0.5 * (f64::from(n) / deviation).powi(2)).exp()).collect();
    let weights = weighed(&weights);
    let taps = |down: bool| -> Vec<Tap> {
        (-reach..=reach).zip(&weights).map(|(n, &w)| if down { (0, n, w) } else { (n, 0, w) }).collect()
    };
    blur(picture, &taps(false));
    blur(picture, &taps(true));
}

/// A straight line of this length in pixels.
fn motion(picture: &mut Rgb, length: f64, degrees: f64) {
    if length < 1.0 {
        return;
    }
    let (sin, cos) = degrees.to_radians().sin_cos();
    // Two points a pixel, each shared among the four pixels around it.
    let points = (length * 2.0).ceil() as i32;
    let mut weights = std::collections::BTreeMap::new();
    for n in 0..=points {
        let along = (f64::from(n) / f64::from(points) - 0.5) * length;
        let (x, y) = (along * cos, along * sin);
        let (left, top) = (x.floor(), y.floor());
        let (right, down) = (x - left, y - top);
        for (dx, dy, weight) in [
            (0, 0, (1.0 - right) * (1.0 - down)),
            (1, 0, right * (1.0 - down)),
            (0, 1, (1.0 - right) * down),
            (1, 1, right * down),
        ] {
            *weights.entry((left as i32 + dx, top as i32 + dy)).or_insert(0.0) += weight;
        }
    }
    weights.retain(|_, weight| *weight > 1e-6);
    blur_by(picture, &weights);
}

/// A disc of this radius in pixels. Of a large one the picture is blurred at a smaller size: it has no details left.
fn defocus(picture: &mut Rgb, radius: f64) {
    const MOST: f64 = 6.0;
    if radius < 0.5 {
        return;
    }
    if radius > MOST {
        let (width, height) = (picture.width, picture.height);
        let side = |side: u32| ((f64::from(side) * MOST / radius).round() as u32).max(1);
        let mut smaller = picture.resize(side(width), side(height), Fit::Stretch, Filter::Bilinear, Colour::WHITE);
        defocus(&mut smaller, MOST);
        *picture = smaller.resize(width, height, Fit::Stretch, Filter::Bilinear, Colour::WHITE);
        return;
    }
    let reach = radius.ceil() as i32;
    let mut weights = std::collections::BTreeMap::new();
    for (x, y) in (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| (x, y))) {
        // Pixels that the rim cuts count in part.
        let weight = (radius + 0.5 - f64::from(x).hypot(f64::from(y))).clamp(0.0, 1.0);
        if weight > 0.0 {
            weights.insert((x, y), weight);
        }
    }
    blur_by(picture, &weights);
}

fn blur_by(picture: &mut Rgb, weights: &std::collections::BTreeMap<(i32, i32), f64>) {
    let parts = weighed(&weights.values().copied().collect::<Vec<_>>());
    let taps: Vec<Tap> = weights.keys().zip(parts).map(|(&(x, y), part)| (x, y, part)).collect();
    blur(picture, &taps);
}

/// Adds numbers of a normal distribution of this deviation, in steps of a channel, to every channel of every pixel.
fn grain(picture: &mut Rgb, deviation: f64, mut random: Random) {
    // Drawn with replacement from a table: the numbers themselves are dear.
    const TABLE: usize = 4096;
    let table: Vec<i16> =
        (0..TABLE).map(|_| (random.normal() * deviation).round().clamp(-255.0, 255.0) as i16).collect();
    for bytes in picture.pixels.chunks_mut(5) {
        let bits = random.bits();
        for (n, byte) in bytes.iter_mut().enumerate() {
            let change = table[(bits >> (12 * n)) as usize % TABLE];
            *byte = (i16::from(*byte) + change).clamp(0, 255) as u8;
        }
    }
}

/// Makes this share of the pixels black or white.
fn salt_and_pepper(picture: &mut Rgb, share: f64, mut random: Random) {
    let pixels = picture.pixels.as_chunks_mut::<3>().0;
    for _ in 0..(share * pixels.len() as f64).round() as u64 {
        let at = random.below(pixels.len());
        pixels[at] = [if random.happens(0.5) { 255 } else { 0 }; 3];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::draw::Patch;

    fn flat(width: u32, height: u32, colour: [u8; 3]) -> Rgb {
        Rgb { width, height, pixels: colour.repeat(width as usize * height as usize) }
    }

    fn random(_: &str) -> Random {
        Random::new(0, &[0; 32], 0, "")
    }

    #[test]
    fn no_effect_changes_no_pixel() {
        let picture = flat(5, 4, [1, 200, 77]);
        let mut same = picture.clone();
        apply(&mut same, &Effects { colour: Some(Jitter::NONE), ..Effects::default() }, random);
        assert_eq!(same, picture);
    }

    #[test]
    fn grey_is_the_luma_and_half_a_turn_of_hue_keeps_it() {
        let mut grey = flat(3, 3, [200, 100, 50]);
        apply(&mut grey, &Effects { grey: true, ..Effects::default() }, random);
        assert_eq!(grey, flat(3, 3, [124; 3]));
        let mut turned = flat(3, 3, [140, 120, 110]);
        let colour = Some(Jitter { hue: 0.5, ..Jitter::NONE });
        apply(&mut turned, &Effects { colour, ..Effects::default() }, random);
        let luma = |pixel: &[u8]| (0..3).map(|k| LUMA[k] * f64::from(pixel[k])).sum::<f64>();
        assert!((luma(&turned.pixels) - luma(&[140, 120, 110])).abs() < 1.0, "{:?}", &turned.pixels[..3]);
        assert!(turned.pixels[0] < turned.pixels[2], "red has become blue: {:?}", &turned.pixels[..3]);
    }

    #[test]
    fn contrast_is_about_the_mean_and_brightness_is_a_factor() {
        let mut picture = Rgb { width: 2, height: 1, pixels: vec![50, 50, 50, 150, 150, 150] };
        let colour = Some(Jitter { contrast: 1.5, ..Jitter::NONE });
        apply(&mut picture, &Effects { colour, ..Effects::default() }, random);
        assert_eq!(picture.pixels, [25, 25, 25, 175, 175, 175]);
        let colour = Some(Jitter { brightness: 2.0, ..Jitter::NONE });
        apply(&mut picture, &Effects { colour, ..Effects::default() }, random);
        assert_eq!(picture.pixels, [50, 50, 50, 255, 255, 255]);
    }

    #[test]
    fn blurs_keep_a_flat_picture_and_spread_a_dot() {
        for blur in [
            Blur::Gaussian { deviation: 0.05 },
            Blur::Motion { length: 0.2, degrees: 30.0 },
            Blur::Defocus { radius: 0.08 },
            Blur::Defocus { radius: 0.25 },
        ] {
            let effects = Effects { blur: Some(blur.clone()), ..Effects::default() };
            let mut picture = flat(40, 50, [7, 99, 255]);
            apply(&mut picture, &effects, random);
            assert_eq!(picture, flat(40, 50, [7, 99, 255]), "{blur:?}");
            let mut dot = flat(41, 41, [0; 3]);
            dot.pixels[(20 * 41 + 20) * 3] = 255;
            apply(&mut dot, &effects, random);
            let lit = dot.pixels.iter().filter(|&&byte| byte > 0).count();
            let sum: u32 = dot.pixels.iter().map(|&byte| u32::from(byte)).sum();
            assert!(lit >= 8 && (170..340).contains(&sum), "{blur:?}: {lit} pixels, {sum}");
        }
    }

    #[test]
    fn a_patch_covers_its_rectangle_and_nothing_else() {
        let mut picture = flat(20, 10, [9; 3]);
        let patch = Patch { area: [0.5, 0.2, 0.25, 0.5], fill: Fill::Colour([1, 2, 3]) };
        apply(&mut picture, &Effects { erasing: vec![patch], ..Effects::default() }, random);
        for (i, pixel) in picture.pixels.chunks(3).enumerate() {
            let inside = (10..15).contains(&(i % 20)) && (2..7).contains(&(i / 20));
            assert_eq!(pixel, if inside { [1, 2, 3] } else { [9; 3] }, "{i}");
        }
    }

    #[test]
    fn noise_has_the_deviation_that_was_asked_for() {
        let mut picture = flat(100, 100, [128; 3]);
        apply(&mut picture, &Effects { gaussian_noise: Some(0.04), ..Effects::default() }, random);
        let square: f64 = picture.pixels.iter().map(|&byte| (f64::from(byte) - 128.0).powi(2)).sum();
        let deviation = (square / picture.pixels.len() as f64).sqrt();
        assert!((9.5..11.0).contains(&deviation), "{deviation}");
        let mut picture = flat(100, 100, [128; 3]);
        apply(&mut picture, &Effects { salt_and_pepper: Some(0.01), ..Effects::default() }, random);
        let changed = picture.pixels.chunks(3).filter(|pixel| pixel[0] != 128).count();
        assert!((95..=100).contains(&changed), "{changed}");
    }

    #[test]
    fn jpeg_leaves_its_artefacts() {
        let pixels = (0..64 * 64).flat_map(|i: u32| [(i * 7919 % 256) as u8, 0, (i % 256) as u8]).collect();
        let picture = Rgb { width: 64, height: 64, pixels };
        let mut worse = picture.clone();
        apply(&mut worse, &Effects { jpeg: Some(10), ..Effects::default() }, random);
        assert_eq!((worse.width, worse.height), (64, 64));
        assert_ne!(worse.pixels, picture.pixels);
    }
}
