//! Brightness and colours in planes of their own, as video codecs give them, and what they mean (ITU-T H.273).

use multiversion::multiversion;

/// What a picture's samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// `MatrixCoefficients` (H.273, table 4).
    pub(super) matrix: u16,
    /// Whether samples go from nothing to all, or leave room at both ends, as television does.
    pub(super) full_range: bool,
}

/// One plane of brightness, or three: brightness and two of colours, which may be coarser.
#[derive(Debug, Clone)]
pub(super) struct Planes {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Of a sample: 8, 10 or 12.
    pub(super) bits: u32,
    /// How many pixels share a sample of colour, across and down: one or two.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Whether colours that several pixels share are blended between neighbours: as libavif does it, and libheif does not.
    pub(super) blended: bool,
    /// Row by row.
    pub(super) samples: Vec<Vec<u16>>,
    pub(super) meaning: Meaning,
}

/// A plane of 8 bits.
#[derive(Debug)]
pub(super) struct Light {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixels: Vec<u8>,
}

impl Planes {
    /// How many pixels share a sample of this plane, across and down.
    fn shared(&self, plane: usize) -> (usize, usize) {
        if plane == 0 { (1, 1) } else { (self.across, self.down) }
    }

    /// Samples in a row of a plane, and its rows.
    fn size(&self, plane: usize) -> (usize, usize) {
        let (across, down) = self.shared(plane);
        (self.width.div_ceil(across), self.height.div_ceil(down))
    }

    /// Keeps the upper left. Whether there is so much.
    pub(super) fn crop(&mut self, width: u32, height: u32) -> bool {
        let before: Vec<_> = (0..self.samples.len()).map(|plane| self.size(plane)).collect();
        let (width, height) = (width as usize, height as usize);
        if width > self.width || height > self.height {
            return false;
        }
        (self.width, self.height) = (width, height);
        for (plane, (row, _)) in before.into_iter().enumerate() {
            let (kept, rows) = self.size(plane);
            let samples = &mut self.samples[plane];
            if kept < row {
                for at in 1..rows {
                    samples.copy_within(at * row..at * row + kept, at * kept);
                }
            }
            samples.truncate(kept * rows);
        }
        true
    }

    /// An empty picture of the same kind.
    pub(super) fn canvas(&self, width: usize, height: usize) -> Planes {
        let mut canvas = Planes { width, height, samples: Vec::new(), ..*self };
        for plane in 0..self.samples.len() {
            let (row, rows) = canvas.size(plane);
            canvas.samples.push(vec![0; row * rows]);
        }
        canvas
    }

    /// Puts a part at its place; what stands over the edge is left out. Whether it is of the same kind.
    pub(super) fn paste(&mut self, part: &Planes, left: usize, top: usize) -> bool {
        let kind = |planes: &Planes| (planes.bits, planes.across, planes.down, planes.samples.len(), planes.meaning);
        if kind(self) != kind(part) || !left.is_multiple_of(self.across) || !top.is_multiple_of(self.down) {
            return false;
        }
        for plane in 0..self.samples.len() {
            let (across, down) = self.shared(plane);
            let ((row, rows), (part_row, part_rows)) = (self.size(plane), part.size(plane));
            let (left, top) = (left / across, top / down);
            let width = part_row.min(row.saturating_sub(left));
            for at in 0..part_rows.min(rows.saturating_sub(top)) {
                let to = (top + at) * row + left;
                let from = &part.samples[plane][at * part_row..at * part_row + width];
                self.samples[plane][to..to + width].copy_from_slice(from);
            }
        }
        true
    }

    /// The plane of brightness in 8 bits.
    pub(super) fn light(&self) -> Light {
        let scale = Scale::of(self.bits, self.meaning.full_range);
        let step = |sample: &u16| scale.byte(scale.brightness(*sample));
        let pixels = self.samples[0].iter().map(step).collect();
        Light { width: self.width as u32, height: self.height as u32, pixels }
    }

    /// Three bytes a pixel. Where colours are blended, it is three parts of the nearer sample to one of the farther in each
    /// direction. `None`: a matrix that is not known.
    pub(super) fn rgb(&self) -> Option<Vec<u8>> {
        let scale = Scale::of(self.bits, self.meaning.full_range);
        let [brightness, blue, red] = match &self.samples[..] {
            [brightness, blue, red] => [brightness, blue, red],
            _ => return Some(self.light().pixels.into_iter().flat_map(|grey| [grey; 3]).collect()),
        };
        let mut pixels = vec![0; 3 * self.width * self.height];
        if self.meaning.matrix == 0 {
            // Green, blue and red as they are (H.273, table 4, value 0).
            if (self.across, self.down) != (1, 1) {
                return None;
            }
            for (pixel, ((g, b), r)) in pixels.as_chunks_mut().0.iter_mut().zip(brightness.iter().zip(blue).zip(red)) {
                *pixel = [r, g, b].map(|sample| scale.byte(scale.brightness(*sample)));
            }
            return Some(pixels);
        }
        let mixture = Mixture::of(self.meaning.matrix, &scale)?;
        let row = self.size(1).0;
        let (mut blues, mut reds) = (vec![0; self.width], vec![0; self.width]);
        let mut blend = vec![0; row];
        for (y, out) in pixels.chunks_exact_mut(3 * self.width).enumerate() {
            for (samples, wide) in [(blue, &mut blues), (red, &mut reds)] {
                let (near, far) = self.neighbours(y);
                let rows = [near, far].map(|at| &samples[at * row..(at + 1) * row]);
                blend_rows(rows, &mut blend);
                widen(&blend, self.across, self.blended, 16 * scale.middle, wide);
            }
            let light = &brightness[y * self.width..(y + 1) * self.width];
            mix(&scale, &mixture, light, [&blues, &reds], out);
        }
        Some(pixels)
    }

    /// The rows of colours that are nearest to a row of pixels.
    fn neighbours(&self, y: usize) -> (usize, usize) {
        if self.down == 1 || !self.blended {
            return (y / self.down, y / self.down);
        }
        let (near, last) = (y / 2, self.size(1).1 - 1);
        (near, if y.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(last) })
    }
}

/// From samples to bytes, in whole numbers of so many parts of a step.
#[derive(Debug, Clone, Copy)]
struct Scale {
    shift: u32,
    black: i32,
    /// Parts for a sample's step of brightness.
    light: i32,
    /// The sample that is no colour.
    middle: i32,
    /// All that samples of colour span.
    colours: f64,
}

impl Scale {
    fn of(bits: u32, full_range: bool) -> Scale {
        let (shift, deep) = (16 + bits - 8, f64::from(1 << (bits - 8)));
        let (black, lights, colours) = match full_range {
            true => (0, f64::from((1 << bits) - 1), f64::from((1 << bits) - 1)),
            false => (16 << (bits - 8), 219.0 * deep, 224.0 * deep),
        };
        let light = (255.0 / lights * f64::from(1 << shift)).round() as i32;
        Scale { shift, black, light, middle: 1 << (bits - 1), colours }
    }

    #[inline(always)]
    fn brightness(&self, sample: u16) -> i32 {
        (i32::from(sample) - self.black) * self.light
    }

    #[inline(always)]
    fn byte(&self, parts: i32) -> u8 {
        ((parts + (1 << (self.shift - 1))) >> self.shift).clamp(0, 255) as u8
    }
}

/// How much of the colours goes into each channel, in parts for a sixteenth of a step.
#[derive(Debug, Clone, Copy)]
struct Mixture {
    red: i32,
    green: [i32; 2],
    blue: i32,
}

impl Mixture {
    /// Of H.273's table 4: what red and blue weigh in the brightness.
    fn of(matrix: u16, scale: &Scale) -> Option<Mixture> {
        let (red, blue) = match matrix {
            1 => (0.2126, 0.0722),
            4 => (0.30, 0.11),
            // Where nothing is said, that of JPEG and of television before it.
            2 | 5 | 6 => (0.299, 0.114),
            7 => (0.212, 0.087),
            9 | 10 => (0.2627, 0.0593),
            _ => return None,
        };
        let green = 1.0 - red - blue;
        let parts = |share: f64| (255.0 * share / scale.colours / 16.0 * f64::from(1 << scale.shift)).round() as i32;
        let (of_red, of_blue) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
        Some(Mixture {
            red: parts(of_red),
            green: [parts(of_blue * blue / green), parts(of_red * red / green)],
            blue: parts(of_blue),
        })
    }
}

/// Three parts of a row and one of another: sums of four.
#[multiversion(targets("x86_64+avx2"))]
fn blend_rows(rows: [&[u16]; 2], blend: &mut [i32]) {
    for ((blend, near), far) in blend.iter_mut().zip(rows[0]).zip(rows[1]) {
        *blend = 3 * i32::from(*near) + i32::from(*far);
    }
}

/// As many as there are pixels: sums of sixteen, less the middle.
#[multiversion(targets("x86_64+avx2"))]
fn widen(blend: &[i32], across: usize, blended: bool, middle: i32, wide: &mut [i32]) {
    if across == 2 && !blended {
        for (pair, blend) in wide.chunks_mut(2).zip(blend) {
            pair.fill(4 * blend - middle);
        }
        return;
    }
    if across == 1 {
        for (wide, blend) in wide.iter_mut().zip(blend) {
            *wide = 4 * blend - middle;
        }
        return;
    }
    let last = blend.len() - 1;
    let value = |near: usize, far: usize| 3 * blend[near] + blend[far] - middle;
    for (pair, three) in wide[1..].chunks_exact_mut(2).zip(blend.windows(2)) {
        pair[0] = 3 * three[0] + three[1] - middle;
        pair[1] = 3 * three[1] + three[0] - middle;
    }
    wide[0] = value(0, 0);
    if let Some(end) = wide.get_mut(2 * last + 1) {
        *end = value(last, last);
    }
}

/// A row of pixels.
#[multiversion(targets("x86_64+avx2"))]
fn mix(scale: &Scale, mixture: &Mixture, light: &[u16], [blues, reds]: [&[i32]; 2], out: &mut [u8]) {
    // In strips: what works on one channel at a time is done for several pixels at once.
    const STRIP: usize = 64;
    let mut channels = [[0u8; STRIP]; 3];
    let strips = light.chunks(STRIP).zip(blues.chunks(STRIP)).zip(reds.chunks(STRIP)).zip(out.chunks_mut(3 * STRIP));
    for (((light, blues), reds), out) in strips {
        let [r, g, b] = &mut channels;
        for (at, ((light, blue), red)) in light.iter().zip(blues).zip(reds).enumerate() {
            let light = scale.brightness(*light);
            r[at] = scale.byte(light + mixture.red * red);
            g[at] = scale.byte(light - mixture.green[0] * blue - mixture.green[1] * red);
            b[at] = scale.byte(light + mixture.blue * blue);
        }
        for (at, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *pixel = [r[at], g[at], b[at]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(width: usize, height: usize, across: usize, down: usize, sample: impl Fn(usize, usize) -> u16) -> Planes {
        let meaning = Meaning { matrix: 6, full_range: true };
        let mut planes = Planes { width, height, bits: 8, across, down, blended: true, samples: Vec::new(), meaning };
        for plane in 0..3 {
            let (row, rows) = planes.size(plane);
            planes.samples.push((0..row * rows).map(|at| sample(plane, at)).collect());
        }
        planes
    }

    /// As H.273 writes it, in real numbers.
    fn slowly(y: f64, cb: f64, cr: f64, (kr, kb): (f64, f64)) -> [u8; 3] {
        let (r, b) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
        let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
        [r, g, b].map(|part| (255.0 * part).round().clamp(0.0, 255.0) as u8)
    }

    #[test]
    fn colours_are_those_of_the_standard_at_every_depth() {
        for (bits, full_range, matrix, weights) in [
            (8, true, 6, (0.299, 0.114)),
            (8, false, 1, (0.2126, 0.0722)),
            (10, true, 9, (0.2627, 0.0593)),
            (12, false, 9, (0.2627, 0.0593)),
        ] {
            let top = (1 << bits) - 1;
            let samples: Vec<_> =
                (0..6 * 6 * 6).map(|n| [n % 6, n / 6 % 6, n / 36].map(|level| (level * top / 5) as u16)).collect();
            let plane = |at: usize| samples.iter().map(|sample| sample[at]).collect();
            let meaning = Meaning { matrix, full_range };
            let (width, height) = (samples.len(), 1);
            let all = Planes {
                width,
                height,
                bits,
                across: 1,
                down: 1,
                blended: false,
                samples: (0..3).map(plane).collect(),
                meaning,
            };
            let deep = f64::from(1 << (bits - 8));
            let (black, lights, colours) = if full_range {
                (0.0, f64::from(top), f64::from(top))
            } else {
                (16.0 * deep, 219.0 * deep, 224.0 * deep)
            };
            let colour = |sample: u16| (f64::from(sample) - 128.0 * deep) / colours;
            for (pixel, [y, cb, cr]) in all.rgb().expect("known").as_chunks::<3>().0.iter().zip(&samples) {
                let expected = slowly((f64::from(*y) - black) / lights, colour(*cb), colour(*cr), weights);
                for (found, expected) in pixel.iter().zip(expected) {
                    assert!(found.abs_diff(expected) <= 1, "{bits} {y} {cb} {cr}: {pixel:?}");
                }
            }
        }
        let unknown = Planes { meaning: Meaning { matrix: 99, full_range: true }, ..planes(2, 2, 1, 1, |_, _| 0) };
        assert!(unknown.rgb().is_none());
    }

    #[test]
    fn shared_colours_are_blended_and_flat_ones_stay() {
        for (width, height, across, down) in [(1, 1, 2, 2), (5, 3, 2, 2), (6, 4, 2, 1), (7, 7, 1, 1), (200, 3, 2, 2)] {
            let flat = planes(width, height, across, down, |plane, _| [90, 100, 160][plane]).rgb().expect("known");
            let [pixel] = [slowly(90.0 / 255.0, -28.0 / 255.0, 32.0 / 255.0, (0.299, 0.114))];
            assert!(flat.as_chunks::<3>().0.iter().all(|found| *found == pixel), "{width}x{height}");
        }
        // From left to right, 128 to 168: three parts to one, and the ends as they are.
        let ramp = planes(4, 1, 2, 1, |plane, at| if plane == 2 { 128 + 40 * at as u16 } else { 128 }).rgb();
        let reds: Vec<u8> = ramp.expect("known").chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(reds, [128, 142, 170, 184]);
        let repeated =
            Planes { blended: false, ..planes(5, 3, 2, 2, |plane, at| if plane == 2 { 128 + at as u16 } else { 128 }) };
        let reds: Vec<u8> = repeated.rgb().expect("known").chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(reds, [128, 128, 129, 129, 131, 128, 128, 129, 129, 131, 132, 132, 134, 134, 135]);
    }

    #[test]
    fn tiles_lie_side_by_side_and_what_stands_over_is_left_out() {
        let tile = |value: u16| planes(4, 4, 2, 2, move |_, _| value);
        let mut whole = tile(0).canvas(7, 5);
        for (at, (left, top)) in [(0, 0), (4, 0), (0, 4), (4, 4)].into_iter().enumerate() {
            assert!(whole.paste(&tile(at as u16 + 1), left, top));
        }
        assert_eq!(whole.samples[0][..7], [1, 1, 1, 1, 2, 2, 2]);
        assert_eq!(whole.samples[0][4 * 7..], [3, 3, 3, 3, 4, 4, 4]);
        assert_eq!(whole.samples[1], [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4]);
        assert!(!whole.paste(&Planes { bits: 10, ..tile(1) }, 0, 0) && !whole.paste(&tile(1), 1, 0));
        assert!(whole.crop(5, 1) && !whole.crop(6, 1));
        assert_eq!((&whole.samples[0][..], &whole.samples[1][..]), (&[1, 1, 1, 1, 2][..], &[1, 1, 2][..]));
    }
}
