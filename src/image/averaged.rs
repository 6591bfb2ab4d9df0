//! Colours of a picture as a JPEG encoder wants them: a plane of brightness, and two planes of colour that are each the
//! mean of four pixels, as other programs (libjpeg, `jcsample.c`) write them. The encoder takes one pixel of four, which
//! costs 1.5 dB of the colours; so here both rows of a pair hold the mean, computed for a quarter of the pixels.

use jpeg_encoder::{ImageBuffer, JpegColorType};
use multiversion::multiversion;

use super::Rgb;

/// A picture whose colours are averaged on their way into the encoder, which then takes one of four.
pub(super) struct Averaged<'a> {
    image: &'a Rgb,
    width: u16,
    height: u16,
}

impl Averaged<'_> {
    /// `None` where a JPEG cannot be as large.
    pub(super) fn of(image: &Rgb) -> Option<Averaged<'_>> {
        Some(Averaged { image, width: image.width.try_into().ok()?, height: image.height.try_into().ok()? })
    }

    fn row(&self, y: usize) -> &[u8] {
        let length = usize::from(self.width) * 3;
        &self.image.pixels[y * length..][..length]
    }
}

impl ImageBuffer for Averaged<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    /// The encoder looks at the colours of even rows only, but repeats the last row, whichever it is.
    fn fill_buffers(&self, y: u16, [brightness, blue, red, _]: &mut [Vec<u8>; 4]) {
        let (y, last) = (usize::from(y), usize::from(self.height) - 1);
        let start = brightness.len();
        let end = start + usize::from(self.width);
        brightness.resize(end, 0);
        blue.resize(end, 128);
        red.resize(end, 128);
        to_brightness(self.row(y), &mut brightness[start..]);
        if y % 2 == 0 || y == last {
            to_colours(self.row(y), self.row(last.min(y + 1)), &mut blue[start..], &mut red[start..]);
        }
    }
}

/// JFIF's conversion (ITU-T T.871, section 7), times 2¹⁶.
#[multiversion(targets("x86_64+avx2"))]
fn to_brightness(row: &[u8], out: &mut [u8]) {
    for (out, &[r, g, b]) in out.iter_mut().zip(row.as_chunks::<3>().0) {
        *out = ((19595 * u32::from(r) + 38470 * u32::from(g) + 7471 * u32::from(b) + 0x7fff) >> 16) as u8;
    }
}

/// Both colours of two rows, twice each.
#[multiversion(targets("x86_64+avx2"))]
fn to_colours(above: &[u8], below: &[u8], blue: &mut [u8], red: &mut [u8]) {
    // Four pixels are added up, so what the sums are multiplied with is times 2¹⁸.
    let colours = |r: i32, g: i32, b: i32| {
        let half = (128 << 18) + 0x1_ffff;
        ((-11059 * r - 21709 * g + 32768 * b + half) >> 18, (32768 * r - 27439 * g - 5329 * b + half) >> 18)
    };
    let (above_pairs, above_rest) = above.as_chunks::<6>();
    let (below_pairs, below_rest) = below.as_chunks::<6>();
    let (blue_pairs, blue_rest) = blue.as_chunks_mut::<2>();
    let (red_pairs, red_rest) = red.as_chunks_mut::<2>();
    let pairs = above_pairs.iter().zip(below_pairs);
    for ((a, b), (blue, red)) in pairs.zip(blue_pairs.iter_mut().zip(red_pairs)) {
        let sum = |at: usize| i32::from(a[at]) + i32::from(a[at + 3]) + i32::from(b[at]) + i32::from(b[at + 3]);
        let (u, v) = colours(sum(0), sum(1), sum(2));
        (*blue, *red) = ([u as u8; 2], [v as u8; 2]);
    }
    // The last pixel of a row of odd length counts twice.
    if let (&[r, g, b], &[r2, g2, b2], [blue], [red]) = (above_rest, below_rest, blue_rest, red_rest) {
        let sum = |a: u8, b: u8| 2 * (i32::from(a) + i32::from(b));
        let (u, v) = colours(sum(r, r2), sum(g, g2), sum(b, b2));
        (*blue, *red) = (u as u8, v as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Colour, decode, encode_jpeg};

    #[test]
    fn a_jpeg_is_near_its_picture_whatever_its_shape() {
        for (width, height) in [(1, 1), (2, 3), (17, 16), (31, 33), (416, 417), (640, 15)] {
            let smooth = |x: u32, y: u32| [(x / 3) as u8, (y / 3) as u8, ((x + y) / 5 + 40) as u8];
            let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| smooth(x, y))).collect();
            let rgb = Rgb { width, height, pixels };
            let back = decode(&encode_jpeg(&rgb, 95).expect("a JPEG"), Colour::WHITE).expect("a picture");
            assert_eq!((back.width, back.height), (width, height));
            let squares = rgb.pixels.iter().zip(&back.pixels).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
            let error = (squares.sum::<f64>() / rgb.pixels.len() as f64).sqrt();
            assert!(error < 6.0, "{width} x {height}: {error}");
        }
    }

    #[test]
    fn colours_are_the_mean_of_four_pixels() {
        let pixels = [[255, 0, 0], [0, 0, 255], [255, 0, 0], [0, 0, 255]].concat();
        let (mut blue, mut red) = ([0; 2], [0; 2]);
        to_colours(&pixels[..6], &pixels[6..], &mut blue, &mut red);
        // Red has (85, 255.5), blue (255.5, 107.3): their means.
        assert_eq!((blue, red), ([170; 2], [181; 2]));
    }
}
