//! Scaling and framing: `fast_image_resize` in Pillow's order, and what models want of a frame.

use std::borrow::Cow;
use std::cell::RefCell;

use fast_image_resize as resize;

use super::{Colour, Rgb, Rgba, linear};

/// How a picture is made to fill a frame of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Scaled as it is, its shape lost.
    Stretch,
    /// Scaled to lie inside, the rest is background.
    Pad,
    /// Between padding and cutting: of the longer side a quarter is cut away at most, as much as the frame's shape wants;
    /// the rest is background.
    Trim,
    /// As YOLO models are fed: scaled by OpenCV's `INTER_LINEAR` (whatever the filter) to lie inside, grey around it.
    #[serde(skip)]
    Letterbox,
    /// Scaled until its shorter edge has so many pixels; the frame is cut out of the middle. What the frame has more
    /// than the picture is black.
    #[serde(skip)]
    Cover {
        /// Pixels of the shorter edge.
        edge: u32,
        /// Where the frame lies.
        middle: Middle,
    },
    /// Scaled until it covers the frame, which is cut out of the middle, to a fraction of a pixel.
    #[serde(skip)]
    Crop,
    /// Scaled to so many pixels, its shape lost; the frame is cut out of the middle. What the frame has more is black.
    #[serde(skip)]
    StretchCut {
        /// Pixels across, before the frame is cut out.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The share that the frame is of so many pixels: so much of the shorter edge, in whole pixels, is cut out of the
    /// middle along both sides and stretched.
    #[serde(skip)]
    Share {
        /// Pixels across, of which the frame's width is a share.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

/// Where the middle is when an odd number of pixels is left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Middle {
    /// Rounded down, as Hugging Face's processors have it.
    Down,
    /// Rounded to the even number, as torchvision has it.
    Even,
}

/// A resampling filter, by the name that Pillow has for it; all but `Nearest` antialias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// The pixel that lies there.
    Nearest,
    /// The mean of the pixels that an output pixel covers.
    Box,
    /// A triangle, one pixel to each side.
    #[default]
    Bilinear,
    /// A windowed sinc, one pixel to each side.
    Hamming,
    /// Keys' cubic with a = −0.5, two pixels to each side.
    Bicubic,
    /// A windowed sinc, three pixels to each side.
    Lanczos,
}

/// More memory than this is not kept for the next picture.
const MOST_LEFT: usize = 1 << 22;

// What the system would have to clear again for each picture, page by page: what lies between the two passes of a
// resizer, and a picture that nobody needs any more.
thread_local! {
    static RESIZER: RefCell<resize::Resizer> = RefCell::default();
    static LEFT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What surrounds the picture in a letterbox.
const LETTERBOX_GREY: Colour = Colour([114; 3]);

/// Width and height of a picture in a letterbox: the scale in 64 bits, halves rounded to the even number, one pixel at
/// least (`LetterBox` of Ultralytics 8.4). Where an odd number of pixels is left over, the first side has one less.
pub fn letterboxed((width, height): (u32, u32), (frame_width, frame_height): (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(frame_height) / f64::from(height)).min(f64::from(frame_width) / f64::from(width));
    let scaled = |side: u32, most: u32| ((f64::from(side) * scale).round_ties_even() as u32).clamp(1, most);
    (scaled(width, frame_width), scaled(height, frame_height))
}

/// Width and height of a picture that lies in a frame with its shape kept; one pixel at least.
pub(super) fn padded((width, height): (u32, u32), (frame_width, frame_height): (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(frame_width) / f64::from(width)).min(f64::from(frame_height) / f64::from(height));
    let scaled = |side: u32, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
    (scaled(width, frame_width), scaled(height, frame_height))
}

/// The largest part (left, top, width, height) of a picture that has the shape of a frame, in its middle.
fn middle((width, height): (u32, u32), (frame_width, frame_height): (u32, u32)) -> (f64, f64, f64, f64) {
    let (width, height) = (f64::from(width), f64::from(height));
    let (frame_width, frame_height) = (f64::from(frame_width), f64::from(frame_height));
    let scale = (frame_width / width).max(frame_height / height);
    let (part_width, part_height) = ((frame_width / scale).min(width), (frame_height / scale).min(height));
    ((width - part_width) / 2.0, (height - part_height) / 2.0, part_width, part_height)
}

pub(super) fn algorithm(filter: Filter) -> resize::ResizeAlg {
    match filter {
        Filter::Nearest => resize::ResizeAlg::Nearest,
        Filter::Box => resize::ResizeAlg::Convolution(resize::FilterType::Box),
        Filter::Bilinear => resize::ResizeAlg::Convolution(resize::FilterType::Bilinear),
        Filter::Hamming => resize::ResizeAlg::Convolution(resize::FilterType::Hamming),
        Filter::Bicubic => resize::ResizeAlg::Convolution(resize::FilterType::CatmullRom),
        Filter::Lanczos => resize::ResizeAlg::Convolution(resize::FilterType::Lanczos3),
    }
}

/// What a frame shows: a part (left, top, width, height) of a picture, scaled to so many pixels, at a place (left, top).
pub(super) struct Cut {
    pub part: (f64, f64, f64, f64),
    pub width: u32,
    pub height: u32,
    pub place: (u32, u32),
}

/// Is a pixel of another colour than that of the background, but for noise?
fn differs(pixel: &[u8], background: &[u8]) -> bool {
    const NEARLY: u8 = 12;
    pixel.iter().zip(background).any(|(a, b)| a.abs_diff(*b) > NEARLY)
}

/// The part of the longer side that [`Fit::Trim`] keeps, at least.
const KEPT: f64 = 0.75;

impl Rgb {
    /// Whether all four corners have nearly one colour: that of what lies behind the thing that is shown.
    pub fn is_on_background(&self) -> bool {
        let (right, bottom) = (self.width as usize - 1, self.height as usize - 1);
        let pixel = |x: usize, y: usize| &self.pixels[(y * self.width as usize + x) * 3..][..3];
        [(right, 0), (0, bottom), (right, bottom)].iter().all(|&(x, y)| !differs(pixel(x, y), pixel(0, 0)))
    }

    /// Cuts away what is background: all around that is nearly of the one colour that all four corners have, but for a
    /// margin (a share of what remains' longer side). Unchanged where the corners differ or nothing else is there.
    pub fn crop_to_content(&self, margin: f32) -> Cow<'_, Rgb> {
        let (width, height) = (self.width as usize, self.height as usize);
        let pixel = |x: usize, y: usize| &self.pixels[(y * width + x) * 3..][..3];
        let corner = pixel(0, 0);
        let differs = |pixel: &[u8]| differs(pixel, corner);
        if !self.is_on_background() {
            return Cow::Borrowed(self);
        }
        let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
        for (y, line) in self.pixels.chunks_exact(width * 3).enumerate() {
            let mut columns = line.chunks_exact(3);
            if let Some(first) = columns.position(differs) {
                let last = first + 1 + columns.rposition(differs).map_or(0, |after| after + 1);
                (left, right) = (left.min(first), right.max(last));
                (top, bottom) = (top.min(y), y + 1);
            }
        }
        if right <= left {
            return Cow::Borrowed(self);
        }
        let margin = (margin * (right - left).max(bottom - top) as f32) as usize;
        let (left, top) = (left.saturating_sub(margin), top.saturating_sub(margin));
        let (right, bottom) = (right.saturating_add(margin).min(width), bottom.saturating_add(margin).min(height));
        if (right - left, bottom - top) == (width, height) {
            return Cow::Borrowed(self);
        }
        let lines = (top..bottom).flat_map(|y| &self.pixels[(y * width + left) * 3..(y * width + right) * 3]);
        let pixels = lines.copied().collect();
        Cow::Owned(Rgb { width: (right - left) as u32, height: (bottom - top) as u32, pixels })
    }

    /// The part (left, top, width, height) that [`Fit::Trim`] keeps for a frame of this width by height.
    fn trimmed(&self, frame: f64) -> (f64, f64, f64, f64) {
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        let (part_width, part_height) = match width > height * frame {
            true => ((height * frame).max(KEPT * width), height),
            false => (width, (width / frame).max(KEPT * height)),
        };
        ((width - part_width) / 2.0, (height - part_height) / 2.0, part_width, part_height)
    }

    /// Makes it `width × height`; what `fit` leaves free shows the background.
    pub fn resize(&self, width: u32, height: u32, fit: Fit, filter: Filter, background: Colour) -> Rgb {
        let all = (0.0, 0.0, f64::from(self.width), f64::from(self.height));
        match fit {
            Fit::Stretch => self.scale(all, width, height, filter),
            Fit::Pad => {
                let (inner_width, inner_height) = padded((self.width, self.height), (width, height));
                self.scale(all, inner_width, inner_height, filter).framed(width, height, background)
            }
            Fit::Trim => {
                let (left, top, part_width, part_height) = self.trimmed(f64::from(width) / f64::from(height));
                let part = (part_width.round().max(1.0) as u32, part_height.round().max(1.0) as u32);
                let (inner_width, inner_height) = padded(part, (width, height));
                let part = (left, top, part_width, part_height);
                self.scale(part, inner_width, inner_height, filter).framed(width, height, background)
            }
            Fit::Crop => self.scale(middle((self.width, self.height), (width, height)), width, height, filter),
            Fit::Letterbox => {
                let (inner_width, inner_height) = letterboxed((self.width, self.height), (width, height));
                linear::resize(self, inner_width, inner_height).framed(width, height, LETTERBOX_GREY)
            }
            Fit::Share { width: of_width, height: of_height } => {
                let part = self.share(width, height, (of_width, of_height));
                let all = (0.0, 0.0, f64::from(part.width), f64::from(part.height));
                part.scale(all, width, height, filter)
            }
            Fit::Cover { .. } | Fit::StretchCut { .. } => {
                let cut = self.cut(width, height, fit);
                let inner = self.scale(cut.part, cut.width, cut.height, filter);
                inner.placed(width, height, Colour([0; 3]), cut.place)
            }
        }
    }

    /// Stretched as OpenCV's `resize` does it, to the last bit: nothing is antialiased. No side may be 0.
    pub fn resize_as_opencv(&self, width: u32, height: u32) -> Rgb {
        linear::resize(self, width, height)
    }

    /// As [`Rgb::resize`], in a third of the time: one step of 255 off in a pixel of seven, which no JPEG keeps anyway.
    pub fn resize_quickly(&self, width: u32, height: u32, fit: Fit, filter: Filter, background: Colour) -> Rgb {
        let all = (0.0, 0.0, f64::from(self.width), f64::from(self.height));
        let (part, inner) = match fit {
            Fit::Stretch => (all, (width, height)),
            Fit::Pad => (all, padded((self.width, self.height), (width, height))),
            Fit::Crop => (middle((self.width, self.height), (width, height)), (width, height)),
            other => return self.resize(width, height, other, filter, background),
        };
        if part == all && inner == (self.width, self.height) {
            return self.clone().framed(width, height, background);
        }
        let options = resize::ResizeOptions::new().resize_alg(algorithm(filter)).crop(part.0, part.1, part.2, part.3);
        let kind = resize::PixelType::U8x3;
        let source = resize::images::ImageRef::new(self.width, self.height, &self.pixels, kind);
        let source = source.expect("three bytes a pixel");
        let mut pixels = LEFT.take();
        pixels.resize(inner.0 as usize * inner.1 as usize * 3, 0);
        let target = resize::images::Image::from_slice_u8(inner.0, inner.1, &mut pixels, kind);
        let mut target = target.expect("three bytes a pixel");
        let resized = RESIZER.with_borrow_mut(|resizer| resizer.resize(&source, &mut target, &options));
        resized.expect("the part lies in the picture");
        Rgb { width: inner.0, height: inner.1, pixels }.framed(width, height, background)
    }

    /// Keeps the memory for this thread's next [`Rgb::resize_quickly`].
    pub fn give_back(self) {
        if self.pixels.capacity() <= MOST_LEFT {
            LEFT.set(self.pixels);
        }
    }

    /// What a frame shows of a picture that is scaled and cut: only that is computed, or a picture of extreme shape would
    /// fill the memory.
    pub(super) fn cut(&self, width: u32, height: u32, fit: Fit) -> Cut {
        // The longer edge is cut off, not rounded, by both reference implementations.
        let longer = |edge: u32, long: u32, short: u32| u64::from(edge) * u64::from(long) / u64::from(short);
        let (full_width, full_height, middle) = match fit {
            Fit::Cover { edge, middle } if self.width < self.height => {
                (edge.into(), longer(edge, self.height, self.width), middle)
            }
            Fit::Cover { edge, middle } => (longer(edge, self.width, self.height), edge.into(), middle),
            Fit::StretchCut { width, height } => (width.into(), height.into(), Middle::Down),
            _ => (width.into(), height.into(), Middle::Down),
        };
        // Of one axis: how much is shown, which part of the picture that is, and where in the frame it stands.
        let part = |full: u64, shown: u32, side: u32| -> (u32, f64, f64, u32) {
            let free = full.saturating_sub(shown.into());
            let start = match middle {
                Middle::Even if free % 4 == 3 => free / 2 + 1,
                _ => free / 2,
            };
            let missing = u64::from(shown).saturating_sub(full) as u32;
            let before = if middle == Middle::Down { missing.div_ceil(2) } else { missing / 2 };
            let shown = full.min(shown.into()) as u32;
            let step = f64::from(side) / full as f64;
            let from = start as f64 * step;
            (shown, from, (f64::from(shown) * step).min(f64::from(side) - from), before)
        };
        let (inner_width, left, from_width, before) = part(full_width, width, self.width);
        let (inner_height, top, from_height, above) = part(full_height, height, self.height);
        let part = (left, top, from_width, from_height);
        Cut { part, width: inner_width, height: inner_height, place: (before, above) }
    }

    /// So much of the middle as a frame is of another one, whose sides are both the shorter edge.
    fn share(&self, width: u32, height: u32, (of_width, of_height): (u32, u32)) -> Rgb {
        // `int(size / crop * shorter)` in 64 bits, as the original has it.
        let shorter = f64::from(self.width.min(self.height));
        let share = |side: u32, of: u32| ((f64::from(side) / f64::from(of) * shorter) as u32).max(1);
        let (width, height) = (share(width, of_width), share(height, of_height));
        let (left, top) = ((self.width - width) / 2, (self.height - height) / 2);
        let line = self.width as usize * 3;
        let from = left as usize * 3;
        let lines = self.pixels.chunks_exact(line).skip(top as usize).take(height as usize);
        let pixels = lines.flat_map(|line| &line[from..from + width as usize * 3]).copied().collect();
        Rgb { width, height, pixels }
    }

    /// In the middle of a frame of one colour.
    fn framed(self, width: u32, height: u32, colour: Colour) -> Rgb {
        let place = ((width - self.width) / 2, (height - self.height) / 2);
        self.placed(width, height, colour, place)
    }

    /// At a place (left, top) in a frame of one colour.
    fn placed(self, width: u32, height: u32, colour: Colour, (left, top): (u32, u32)) -> Rgb {
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let mut framed = Rgb { width, height, pixels: colour.0.repeat(width as usize * height as usize) };
        let row = self.width as usize * 3;
        for (y, line) in self.pixels.chunks_exact(row).enumerate() {
            let start = ((top as usize + y) * width as usize + left as usize) * 3;
            framed.pixels[start..start + row].copy_from_slice(line);
        }
        framed
    }

    /// All three channels as bright as the picture is, as Pillow's mode `L` has it (ITU-R 601-2).
    pub fn grey(&self) -> Rgb {
        let brightness = |&[r, g, b]: &[u8; 3]| {
            let sum = u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000;
            [(sum >> 16) as u8; 3]
        };
        let pixels = self.pixels.as_chunks().0.iter().flat_map(brightness).collect();
        Rgb { width: self.width, height: self.height, pixels }
    }

    /// Scales a part (left, top, width, height) of it.
    fn scale(&self, part: (f64, f64, f64, f64), width: u32, height: u32, filter: Filter) -> Rgb {
        let (left, top, part_width, part_height) = part;
        if (0.0, 0.0, f64::from(width), f64::from(height)) == part && (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let options = resize::ResizeOptions::new().resize_alg(algorithm(filter));
        // Along the rows first, as Pillow does it (13 no longer always): what overshoots is cut off between the two passes, so their order
        // shows. The library begins with the columns, and of 8-bit pixels it computes with coefficients of 16 bits,
        // which shows in one pixel of seven; of 16-bit pixels it is exact.
        let rows = options.crop(left, 0.0, part_width, f64::from(self.height));
        let columns = options.crop(0.0, top, f64::from(width), part_height);
        let pass = |picture: &Rgb, width: u32, height: u32, options: &resize::ResizeOptions| {
            let kind = resize::PixelType::U16x3;
            let mut source = resize::images::Image::new(picture.width, picture.height, kind);
            // Of 8 bits to 16: times 257, which is the byte twice.
            let wide = source.buffer_mut().as_chunks_mut::<2>().0;
            wide.iter_mut().zip(&picture.pixels).for_each(|(wide, byte)| *wide = [*byte; 2]);
            let mut target = resize::images::Image::new(width, height, kind);
            resize::Resizer::new().resize(&source, &mut target, options).expect("the part lies in the picture");
            let byte = |wide: &[u8; 2]| ((u32::from(u16::from_ne_bytes(*wide)) + 128) / 257) as u8;
            Rgb { width, height, pixels: target.buffer().as_chunks().0.iter().map(byte).collect() }
        };
        pass(&pass(self, width, self.height, &rows), width, height, &columns)
    }

    /// Writes `(pixel × factor − mean) / deviation` as three planes of `width × height` numbers to `out`.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn to_planes(&self, factor: f32, mean: [f32; 3], deviation: [f32; 3], out: &mut [f32]) {
        let plane = self.width as usize * self.height as usize;
        assert_eq!(out.len(), 3 * plane, "three planes");
        // Divided, not multiplied: then the last bit too is that of the pipelines that do no more than this.
        let only_divides = factor == 1.0 / 255.0 && mean == [0.0; 3] && deviation == [1.0; 3];
        for channel in 0..3 {
            let (scale, shift) = (factor / deviation[channel], mean[channel] / deviation[channel]);
            let planes = out[channel * plane..(channel + 1) * plane].iter_mut();
            for (value, pixel) in planes.zip(self.pixels.as_chunks::<3>().0) {
                let byte = f32::from(pixel[channel]);
                *value = if only_divides { byte / 255.0 } else { byte * scale - shift };
            }
        }
    }
}

impl Rgba {
    /// Scaled to `width × height`, antialiased, its shape lost. No side may be 0.
    pub fn scale(&self, width: u32, height: u32) -> Rgba {
        let kind = resize::PixelType::U8x4;
        let source = resize::images::ImageRef::new(self.width, self.height, &self.pixels, kind);
        let mut target = resize::images::Image::new(width, height, kind);
        let filter = resize::ResizeAlg::Convolution(resize::FilterType::Bilinear);
        let options = resize::ResizeOptions::new().resize_alg(filter).use_alpha(false);
        let scaled = source.map_err(|e| e.to_string()).and_then(|source| {
            resize::Resizer::new().resize(&source, &mut target, &options).map_err(|e| e.to_string())
        });
        scaled.expect("four bytes a pixel, of both");
        Rgba { width, height, pixels: target.into_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trimmed_loses_a_quarter_of_its_longer_side_at_most() {
        let rows = |width: u32, height: u32| {
            let black = Rgb { width, height, pixels: vec![0; (width * height * 3) as usize] };
            let trimmed = black.resize(48, 48, Fit::Trim, Filter::Bilinear, Colour::WHITE);
            let dark = |at: usize| trimmed.pixels[at * 3] == 0;
            ((0..48).filter(|x| dark(24 * 48 + x)).count(), (0..48).filter(|y| dark(y * 48 + 24)).count())
        };
        assert_eq!(rows(160, 100), (48, 40));
        assert_eq!(rows(120, 100), (48, 48), "as much as the frame wants");
        assert_eq!(rows(100, 400), (16, 48));
        assert_eq!(rows(1, 1), (48, 48));
        let mut picture = Rgb { width: 20, height: 10, pixels: vec![7; 600] };
        assert!(picture.is_on_background());
        picture.pixels[597] = 100;
        assert!(!picture.is_on_background());
    }

    #[test]
    fn background_is_cut_away_but_for_a_margin() {
        let mut picture = Rgb { width: 50, height: 40, pixels: vec![250; 50 * 40 * 3] };
        let paint = |picture: &mut Rgb, x: usize, y: usize, value: u8| picture.pixels[(y * 50 + x) * 3 + 1] = value;
        assert!(matches!(picture.crop_to_content(0.1), Cow::Borrowed(_)), "nothing there");
        paint(&mut picture, 3, 3, 245);
        assert!(matches!(picture.crop_to_content(0.1), Cow::Borrowed(_)), "nearly background");
        paint(&mut picture, 10, 5, 0);
        paint(&mut picture, 29, 24, 0);
        let cut = picture.crop_to_content(0.0);
        assert_eq!((cut.width, cut.height), (20, 20));
        assert_eq!((cut.pixels[1], cut.pixels[20 * 20 * 3 - 2]), (0, 0));
        let cut = picture.crop_to_content(0.1);
        assert_eq!((cut.width, cut.height), (24, 24));
        assert_eq!(picture.crop_to_content(f32::INFINITY).width, 50, "no margin beyond the picture");
        paint(&mut picture, 49, 39, 0);
        assert!(matches!(picture.crop_to_content(0.1), Cow::Borrowed(_)), "corners differ");
        let dot = Rgb { width: 1, height: 1, pixels: vec![7; 3] };
        assert!(matches!(dot.crop_to_content(0.1), Cow::Borrowed(_)));
    }

    #[test]
    fn padding_centres_the_picture() {
        let image = Rgb { width: 4, height: 2, pixels: vec![0; 24] };
        let framed = image.resize(4, 4, Fit::Pad, Filter::Bilinear, Colour::WHITE);
        assert_eq!(&framed.pixels[..12], &[255; 12]);
        assert_eq!(&framed.pixels[12..36], &[0; 24]);
        assert_eq!(&framed.pixels[36..], &[255; 12]);
    }
}
