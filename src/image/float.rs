//! Scaling in floating point, where nothing is rounded to steps of 255, as `torchvision` scales tensors.

use fast_image_resize as resize;

use super::resize::{Cut, algorithm};
use super::{Filter, Fit, Rgb};

/// A picture whose channels are numbers from 0 to 255, a little more or less where a filter overshoots.
pub(crate) struct Floats {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 3]>,
}

impl Rgb {
    /// As [`Rgb::resize`], but rounds nothing. A letterbox and borders are not of this kind: they are stretched.
    pub(crate) fn resize_in_floats(&self, width: u32, height: u32, fit: Fit, filter: Filter) -> Floats {
        let all = (0.0, 0.0, f64::from(self.width), f64::from(self.height));
        let cut = match fit {
            Fit::Cover { .. } | Fit::StretchCut { .. } => self.cut(width, height, fit),
            _ => Cut { part: all, width, height, place: (0, 0) },
        };
        let kind = resize::PixelType::F32x3;
        let mut source = resize::images::Image::new(self.width, self.height, kind);
        let numbers = source.buffer_mut().as_chunks_mut::<4>().0;
        numbers.iter_mut().zip(&self.pixels).for_each(|(number, byte)| *number = f32::from(*byte).to_ne_bytes());
        let mut target = resize::images::Image::new(cut.width, cut.height, kind);
        let (left, top, part_width, part_height) = cut.part;
        let options =
            resize::ResizeOptions::new().resize_alg(algorithm(filter)).crop(left, top, part_width, part_height);
        resize::Resizer::new().resize(&source, &mut target, &options).expect("the part lies in the picture");
        let (width, height) = (width as usize, height as usize);
        let mut floats = Floats { width, height, pixels: vec![[0.0; 3]; width * height] };
        let lines = target.buffer().as_chunks::<4>().0.as_chunks::<3>().0.chunks_exact(cut.width as usize);
        for (y, line) in lines.enumerate() {
            let start = (cut.place.1 as usize + y) * width + cut.place.0 as usize;
            let places = floats.pixels[start..].iter_mut();
            places.zip(line).for_each(|(pixel, bytes)| *pixel = bytes.map(f32::from_ne_bytes));
        }
        floats
    }
}

impl Floats {
    /// As [`Rgb::to_planes`].
    pub(crate) fn to_planes(&self, factor: f32, mean: [f32; 3], deviation: [f32; 3], out: &mut [f32]) {
        let plane = self.width * self.height;
        assert_eq!(out.len(), 3 * plane, "three planes");
        for channel in 0..3 {
            let (scale, shift) = (factor / deviation[channel], mean[channel] / deviation[channel]);
            let planes = out[channel * plane..(channel + 1) * plane].iter_mut();
            planes.zip(&self.pixels).for_each(|(value, pixel)| *value = pixel[channel] * scale - shift);
        }
    }
}
