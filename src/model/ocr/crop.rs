//! Cutting a line out of a picture, level, and turning it.

use super::quads::Quad;
use crate::image::Rgb;

/// A line that is so many times higher than wide is read along its longer side.
const UPRIGHT: f64 = 1.5;

/// What lies within a quadrilateral, as a level rectangle; of a line that runs down, turned a quarter against the clock.
pub(super) fn crop(picture: &Rgb, quad: &Quad) -> Rgb {
    let side = |a: usize, b: usize| (quad[a][0] - quad[b][0]).hypot(quad[a][1] - quad[b][1]);
    let width = side(0, 1).max(side(2, 3)).floor().max(1.0);
    let height = side(0, 3).max(side(1, 2)).floor().max(1.0);
    let map = Projection::of(quad);
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height as u32 {
        for x in 0..width as u32 {
            let (x, y) = map.apply(f64::from(x) / width, f64::from(y) / height);
            pixels.extend(sample(picture, x, y));
        }
    }
    let cut = Rgb { width: width as u32, height: height as u32, pixels };
    if height / width >= UPRIGHT { quarter(&cut) } else { cut }
}

/// A quarter turn against the clock.
fn quarter(picture: &Rgb) -> Rgb {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let pixels = picture.pixels.as_chunks::<3>().0;
    let turned = (0..width).rev().flat_map(|x| (0..height).map(move |y| pixels[y * width + x]));
    Rgb { width: picture.height, height: picture.width, pixels: turned.flatten().collect() }
}

/// Half a turn.
pub(super) fn half_turn(picture: &Rgb) -> Rgb {
    let pixels = picture.pixels.as_chunks::<3>().0.iter().rev().flatten().copied().collect();
    Rgb { pixels, ..*picture }
}

/// From the unit square to a quadrilateral (Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, 2.2.3).
struct Projection([[f64; 3]; 3]);

impl Projection {
    fn of(&[[x0, y0], [x1, y1], [x2, y2], [x3, y3]]: &Quad) -> Projection {
        let (sum_x, sum_y) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
        let (dx1, dx2, dy1, dy2) = (x1 - x2, x3 - x2, y1 - y2, y3 - y2);
        let area = dx1 * dy2 - dx2 * dy1;
        let (g, h) = match (sum_x, sum_y) {
            (0.0, 0.0) => (0.0, 0.0),
            _ if area == 0.0 => (0.0, 0.0),
            _ => ((sum_x * dy2 - dx2 * sum_y) / area, (dx1 * sum_y - sum_x * dy1) / area),
        };
        Projection([[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1.0]])
    }

    fn apply(&self, u: f64, v: f64) -> (f64, f64) {
        let [x, y, w] = self.0.map(|[a, b, c]| a * u + b * v + c);
        (x / w, y / w)
    }
}

/// The picture between its pixels, by Keys' cubic with a = −0.75, as OpenCV has it; beyond its edges they go on.
fn sample(picture: &Rgb, x: f64, y: f64) -> [u8; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (right, bottom) = (i64::from(picture.width) - 1, i64::from(picture.height) - 1);
    let pixel = |x: i64, y: i64| -> [u8; 3] {
        let at = (y.clamp(0, bottom) * (right + 1) + x.clamp(0, right)) as usize * 3;
        [picture.pixels[at], picture.pixels[at + 1], picture.pixels[at + 2]]
    };
    let (across, down) = ((x - left) as f32, (y - top) as f32);
    let (left, top) = (left as i64, top as i64);
    if across == 0.0 && down == 0.0 {
        return pixel(left, top);
    }
    let (columns, rows) = (weights(across), weights(down));
    let mut sum = [0.0f32; 3];
    for (row, y) in rows.iter().zip(top - 1..) {
        for (column, x) in columns.iter().zip(left - 1..) {
            let weight = row * column;
            sum.iter_mut().zip(pixel(x, y)).for_each(|(sum, byte)| *sum += weight * f32::from(byte));
        }
    }
    sum.map(|sum| sum.round().clamp(0.0, 255.0) as u8)
}

fn weights(t: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let near = |t: f32| ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0;
    let far = |t: f32| ((A * t - 5.0 * A) * t + 8.0 * A) * t - 4.0 * A;
    let first = [far(t + 1.0), near(t), near(1.0 - t)];
    [first[0], first[1], first[2], 1.0 - first[0] - first[1] - first[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Rgb {
        let pixels = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 7]).collect();
        Rgb { width, height, pixels }
    }

    #[test]
    fn a_level_line_is_cut_out_as_it_is() {
        let cut = crop(&picture(60, 40), &[[10.0, 5.0], [30.0, 5.0], [30.0, 15.0], [10.0, 15.0]]);
        assert_eq!((cut.width, cut.height), (20, 10));
        assert_eq!(cut.pixels[..3], [10, 5, 7]);
        assert_eq!(cut.pixels[cut.pixels.len() - 3..], [29, 14, 7]);
    }

    #[test]
    fn a_line_that_runs_down_is_turned() {
        let cut = crop(&picture(60, 40), &[[10.0, 5.0], [20.0, 5.0], [20.0, 35.0], [10.0, 35.0]]);
        assert_eq!((cut.width, cut.height), (30, 10));
        assert_eq!(cut.pixels[..3], [19, 5, 7], "the upper right corner comes first");
        assert_eq!(half_turn(&cut).pixels[..3], [10, 34, 7]);
        assert_eq!(half_turn(&half_turn(&cut)), cut);
    }

    #[test]
    fn a_slanted_line_is_levelled() {
        // Along the diagonal x and y grow alike.
        let cut = crop(&picture(60, 60), &[[20.0, 10.0], [45.0, 35.0], [37.0, 43.0], [12.0, 18.0]]);
        assert_eq!((cut.width, cut.height), (35, 11));
        for pixel in cut.pixels.as_chunks::<3>().0[..35].iter() {
            assert!(pixel[0].abs_diff(pixel[1] + 10) <= 1, "{pixel:?}");
        }
        let corners = [[0.0, 0.0], [1000.0, -50.0], [900.0, 800.0], [-20.0, 700.0]];
        assert_eq!(crop(&picture(3, 3), &corners).pixels[2], 7, "beyond the edges");
        crop(&picture(3, 3), &[[1.0; 2]; 4]);
    }
}
