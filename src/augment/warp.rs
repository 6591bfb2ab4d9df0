//! Sampling: a picture through a homography into a frame, once, antialiased.
//!
//! Where several pixels of the picture fall on one of the frame, the picture is scaled down first; then every pixel is
//! the bilinear mean of four. Edges of the picture cover the pixels that they cut in part, so that they are not jagged,
//! and a picture that fills the frame exactly has none.

use super::geometry::Homography;
use super::recipe::Border;
use crate::image::Rgba;

/// Up to so many pixels of the picture on one of the frame need no scaling.
const FINE: f64 = 1.15;

/// Adds the picture, moved by `map`, to what the frame shows. Colours are multiplied by alpha.
pub(super) fn warp(picture: &Rgba, map: &Homography, border: Border, frame: &mut Rgba) {
    let Some(back) = map.inverse() else { return };
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let steps = steps(map, &back, (width / 2.0, height / 2.0));
    if !steps.iter().all(|step| step.is_finite()) {
        return;
    }
    if steps.iter().all(|&step| step <= FINE) {
        return sample(picture, &back, steps, border, frame);
    }
    let side = |side: f64, step: f64| (side / step.max(1.0)).round().clamp(1.0, side);
    let (less_wide, less_high) = (side(width, steps[0]), side(height, steps[1]));
    let smaller = picture.scale(less_wide as u32, less_high as u32);
    let ratio = [less_wide / width, less_high / height];
    let back = back.then(&Homography::scale(ratio[0], ratio[1]));
    sample(&smaller, &back, [steps[0] * ratio[0], steps[1] * ratio[1]], border, frame);
}

/// How far apart in the picture, across and down, two neighbouring pixels of the frame are, in the picture's middle.
fn steps(map: &Homography, back: &Homography, (x, y): (f64, f64)) -> [f64; 2] {
    let (x, y, _) = map.apply(x, y);
    let apart = |dx: f64, dy: f64| {
        let ((u1, v1, _), (u2, v2, _)) = (back.apply(x - dx, y - dy), back.apply(x + dx, y + dy));
        (u2 - u1, v2 - v1)
    };
    let ((across_u, across_v), (down_u, down_v)) = (apart(0.5, 0.0), apart(0.0, 0.5));
    [across_u.hypot(down_u), across_v.hypot(down_v)].map(|step| step.max(1e-9))
}

fn sample(picture: &Rgba, back: &Homography, steps: [f64; 2], border: Border, frame: &mut Rgba) {
    let source = picture.pixels.as_chunks::<4>().0;
    let stride = picture.width as usize;
    let (width, height) = (picture.width as f32, picture.height as f32);
    let [across, down] = steps.map(|step| (1.0 / step) as f32);
    let [[ux, uy, u0], [vx, vy, v0], [wx, wy, w0]] = back.0;
    let lines = frame.pixels.as_chunks_mut::<4>().0.chunks_exact_mut(frame.width as usize);
    for (y, line) in lines.enumerate() {
        let y = y as f64 + 0.5;
        let (u_start, v_start, w_start) = (uy * y + u0, vy * y + v0, wy * y + w0);
        for (x, pixel) in line.iter_mut().enumerate() {
            let x = x as f64 + 0.5;
            let w = wx * x + w_start;
            if w <= 0.0 {
                continue;
            }
            let nearness = 1.0 / w;
            let mut u = ((ux * x + u_start) * nearness) as f32;
            let mut v = ((vx * x + v_start) * nearness) as f32;
            let covered = match border {
                Border::Mirror => {
                    (u, v) = (folded(u, width), folded(v, height));
                    1.0
                }
                // Distances from the edges in pixels of the frame: half a pixel inside, a pixel is all covered.
                Border::Background => {
                    let wide = (u.min(width - u) * across + 0.5).clamp(0.0, 1.0);
                    wide * (v.min(height - v) * down + 0.5).clamp(0.0, 1.0)
                }
            };
            let covered = (covered * 256.0 + 0.5) as u64;
            if covered == 0 {
                continue;
            }
            // In parts of 256 between the middles of pixels.
            let u = ((u - 0.5).clamp(0.0, width - 1.0) * 256.0 + 0.5) as usize;
            let v = ((v - 0.5).clamp(0.0, height - 1.0) * 256.0 + 0.5) as usize;
            let (left, upper) = (u >> 8, (v >> 8) * stride);
            let right = (left + 1).min(stride - 1);
            let lower = if v & 255 == 0 { upper } else { upper + stride };
            let (u, v) = ((u & 255) as u64, (v & 255) as u64);
            let above = mix(spread(source[upper + left]), spread(source[upper + right]), u);
            let below = mix(spread(source[lower + left]), spread(source[lower + right]), u);
            let mut colour = mix(above, below, v);
            if covered < 256 {
                colour = mix(0, colour, covered);
            }
            let [r, g, b, a] = [0, 16, 32, 48].map(|shift| (colour >> shift) as u8);
            let [red, green, blue, alpha] = pixel;
            *red = red.saturating_add(r);
            *green = green.saturating_add(g);
            *blue = blue.saturating_add(b);
            *alpha = alpha.saturating_add(a);
        }
    }
}

/// A coordinate in a room of mirrors.
fn folded(at: f32, side: f32) -> f32 {
    let at = at.rem_euclid(2.0 * side);
    if at > side { 2.0 * side - at } else { at }
}

/// Four bytes as four numbers of 16 bits.
fn spread(pixel: [u8; 4]) -> u64 {
    let pixel = u64::from(u32::from_le_bytes(pixel));
    let pixel = (pixel | pixel << 16) & 0x0000_ffff_0000_ffff;
    (pixel | pixel << 8) & 0x00ff_00ff_00ff_00ff
}

/// `weight` parts of 256 of `b`, the rest of `a`, of four numbers at once.
fn mix(a: u64, b: u64, weight: u64) -> u64 {
    const HALVES: u64 = 0x0080_0080_0080_0080;
    ((a * (256 - weight) + b * weight + HALVES) >> 8) & 0x00ff_00ff_00ff_00ff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pixel another colour.
    fn chart(width: u32, height: u32) -> Rgba {
        let pixel = |x: u32, y: u32| [(x * 11) as u8, (y * 13) as u8, (x * y) as u8, 255];
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
        Rgba { width, height, pixels }
    }

    fn warped(picture: &Rgba, map: &Homography, width: u32, height: u32, border: Border) -> Rgba {
        let mut frame = Rgba { width, height, pixels: vec![0; width as usize * height as usize * 4] };
        warp(picture, map, border, &mut frame);
        frame
    }

    fn about_centre(map: Homography, width: f64, height: f64) -> Homography {
        let there = Homography::translation(-width / 2.0, -height / 2.0);
        there.then(&map).then(&Homography::translation(width / 2.0, height / 2.0))
    }

    #[test]
    fn nothing_moved_is_nothing_changed() {
        let picture = chart(19, 7);
        assert_eq!(warped(&picture, &Homography::IDENTITY, 19, 7, Border::Background), picture);
        assert_eq!(warped(&picture, &Homography::IDENTITY, 19, 7, Border::Mirror), picture);
    }

    #[test]
    fn two_flips_give_the_picture_back() {
        let picture = chart(18, 9);
        for flip in [Homography::scale(-1.0, 1.0), Homography::scale(1.0, -1.0)] {
            let flip = about_centre(flip, 18.0, 9.0);
            let once = warped(&picture, &flip, 18, 9, Border::Background);
            assert_ne!(once, picture);
            assert_eq!(warped(&once, &flip, 18, 9, Border::Background), picture);
        }
    }

    #[test]
    fn a_quarter_turn_moves_a_marked_pixel_where_it_belongs() {
        let mut picture = Rgba { width: 20, height: 20, pixels: [9, 9, 9, 255].repeat(400) };
        picture.pixels[(3 * 20 + 1) * 4] = 200;
        let turned =
            warped(&picture, &about_centre(Homography::rotation(90.0), 20.0, 20.0), 20, 20, Border::Background);
        let marked: Vec<usize> = (0..400).filter(|i| turned.pixels[i * 4] == 200).collect();
        assert_eq!(marked, [20 + 16], "from x = 1, y = 3 to x = 16, y = 1");
        assert_eq!(turned.pixels.iter().filter(|&&byte| byte == 9).count(), 400 * 3 - 1);
    }

    #[test]
    fn a_picture_that_fills_the_frame_has_no_edge() {
        let picture = Rgba { width: 10, height: 10, pixels: vec![255; 400] };
        for (width, height) in [(37, 41), (10, 23), (3, 4)] {
            let fit = Homography::scale(f64::from(width) / 10.0, f64::from(height) / 10.0);
            let frame = warped(&picture, &fit, width, height, Border::Background);
            assert!(frame.pixels.iter().all(|&byte| byte == 255), "{width} x {height}");
        }
    }

    #[test]
    fn edges_cover_pixels_in_part_and_mirrors_leave_none_uncovered() {
        let picture = Rgba { width: 8, height: 8, pixels: vec![255; 256] };
        let half = Homography::translation(2.5, 0.0);
        let alpha = |frame: &Rgba| (0..8).map(|x| frame.pixels[x * 4 + 3]).collect::<Vec<_>>();
        let frame = warped(&picture, &half, 8, 8, Border::Background);
        assert_eq!(alpha(&frame), [0, 0, 128, 255, 255, 255, 255, 255]);
        assert_eq!(alpha(&warped(&picture, &half, 8, 8, Border::Mirror)), [255; 8]);
    }

    #[test]
    fn shrinking_takes_the_mean() {
        let checks = (0..64 * 64).flat_map(|i| if (i / 64 + i % 64) % 2 == 0 { [255; 4] } else { [0, 0, 0, 255] });
        let picture = Rgba { width: 64, height: 64, pixels: checks.collect() };
        let frame = warped(&picture, &Homography::scale(0.125, 0.125), 8, 8, Border::Background);
        assert!(frame.pixels.as_chunks::<4>().0.iter().all(|p| (120..136).contains(&p[0]) && p[3] == 255));
    }
}
