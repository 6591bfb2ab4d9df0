//! A picture of a data set: the original bytes where tools read them, else new ones; and where its boxes come to lie.

use std::borrow::Cow;

pub use crate::convert::Made;
use crate::image::{self, Colour, Encoding, Filter, Fit, Flaw, Format};
use crate::table::boxes::Bounds;

/// Where a PNG says the bits of a sample: in its first chunk, which is IHDR.
const PNG_DEPTH: usize = 24;

/// What is done to every picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Width and height of the frame; `None` keeps the size.
    pub size: Option<(u32, u32)>,
    /// How the frame is filled: [`Fit::Stretch`], [`Fit::Pad`] or [`Fit::Crop`].
    pub fit: Fit,
    /// How it is written; `None` keeps the bytes, where the size is kept and tools read them.
    pub encoding: Option<Encoding>,
    /// Of JPEGs, 1 to 100.
    pub quality: u8,
    pub background: Colour,
}

/// A picture that was made.
#[derive(Debug)]
pub struct Picture<'a> {
    pub made: Made,
    pub bytes: Cow<'a, [u8]>,
    /// Width and height of the upright original.
    pub from: (u32, u32),
    /// What is wrong with the original, though it shows a picture.
    pub flaw: Option<Flaw>,
}

impl Recipe {
    /// The extension of the file of a picture of these bytes.
    ///
    /// # Errors
    /// The bytes are no image.
    pub fn extension(&self, bytes: &[u8]) -> Result<&'static str, image::Error> {
        match self.encoding(bytes)? {
            Some(encoding) => Ok(encoding.extension()),
            None => Ok(image::format(bytes)?.extension()),
        }
    }

    /// Whether the bytes of this picture stay as they are.
    ///
    /// # Errors
    /// The bytes are no image.
    pub fn keeps(&self, bytes: &[u8]) -> Result<bool, image::Error> {
        Ok(self.encoding(bytes)?.is_none())
    }

    /// How a picture of these bytes is written; `None`: as it is. Bytes stay, but those of a picture that lies on its
    /// side until EXIF is heeded, which most training tools do not, of PNGs of 16 bits, which Pillow and torchvision clip
    /// to white, and of formats that one of them does not list. Else a JPEG stays one, and all others are written without
    /// loss, in 8 bits.
    fn encoding(&self, bytes: &[u8]) -> Result<Option<Encoding>, image::Error> {
        if self.encoding.is_some() {
            return Ok(self.encoding);
        }
        let format = image::format(bytes)?;
        let common = matches!(format, Format::Png | Format::Jpeg | Format::WebP | Format::Bmp);
        let deep = format == Format::Png && bytes.get(PNG_DEPTH) == Some(&16);
        if self.size.is_none() && common && !deep && image::is_upright(bytes)? {
            return Ok(None);
        }
        Ok(Some(if format == Format::Jpeg { Encoding::Jpeg } else { Encoding::Png }))
    }

    /// Makes the picture. It is decoded even where its bytes stay, so that no damaged one gets into a data set.
    ///
    /// # Errors
    /// The bytes are no sound image.
    pub fn apply<'a>(&self, bytes: &'a [u8], source: [u8; 32]) -> Result<Picture<'a>, image::Error> {
        let encoding = self.encoding(bytes)?;
        let (mut rgb, flaw) = image::decode_with_flaw(bytes, self.background, None)?;
        let from = (rgb.width, rgb.height);
        if let Some((width, height)) = self.size {
            rgb = rgb.resize_quickly(width, height, self.fit, Filter::Bilinear, self.background);
        }
        let new = match encoding {
            None => Cow::Borrowed(bytes),
            Some(Encoding::Jpeg) => Cow::Owned(image::encode_jpeg(&rgb, self.quality)?),
            Some(other) => Cow::Owned(image::encode(&rgb, other)?),
        };
        let content = if encoding.is_none() { source } else { *blake3::hash(&new).as_bytes() };
        let made = Made { source, content, width: rgb.width, height: rgb.height, length: new.len() as u64 };
        rgb.give_back();
        Ok(Picture { made, bytes: new, from, flaw })
    }

    /// Boxes of an upright picture of this size, moved along with it into the frame and cut off at its edges. Those
    /// that are not seen any more are left out.
    pub fn move_boxes(&self, (width, height): (u32, u32), boxes: &[Bounds]) -> Vec<Bounds> {
        let (frame_width, frame_height) = self.size.unwrap_or((width, height));
        let (own_width, own_height) = (f64::from(width), f64::from(height));
        let (scale_x, scale_y) = (f64::from(frame_width) / own_width, f64::from(frame_height) / own_height);
        // How a coordinate is scaled, and where the picture's corner comes to lie.
        let (x, y) = match self.fit {
            _ if self.size.is_none() => ((1.0, 0.0), (1.0, 0.0)),
            Fit::Pad => {
                let (inner_width, inner_height) = image::padded((width, height), (frame_width, frame_height));
                let (left, top) = ((frame_width - inner_width) / 2, (frame_height - inner_height) / 2);
                (
                    (f64::from(inner_width) / own_width, f64::from(left)),
                    (f64::from(inner_height) / own_height, f64::from(top)),
                )
            }
            Fit::Crop => {
                let scale = scale_x.max(scale_y);
                let corner = |frame: u32, own: f64| (f64::from(frame) - own * scale) / 2.0;
                ((scale, corner(frame_width, own_width)), (scale, corner(frame_height, own_height)))
            }
            _ => ((scale_x, 0.0), (scale_y, 0.0)),
        };
        let moved = |at: f32, (scale, corner): (f64, f64), most: u32| {
            (f64::from(at) * scale + corner).clamp(0.0, f64::from(most)) as f32
        };
        let in_frame = |bounds: &Bounds| {
            let [left, top, right, bottom] = bounds.xyxy;
            let xyxy = [
                moved(left, x, frame_width),
                moved(top, y, frame_height),
                moved(right, x, frame_width),
                moved(bottom, y, frame_height),
            ];
            // False of what is no number, too.
            (xyxy[0] < xyxy[2] && xyxy[1] < xyxy[3]).then(|| Bounds { xyxy, ..bounds.clone() })
        };
        boxes.iter().filter_map(in_frame).collect()
    }

    /// The recipe in words, for a footer.
    pub fn describe(&self) -> String {
        let Some(encoding) = self.encoding.map(Encoding::extension).or(self.size.map(|_| "own")) else {
            return format!("size=original encode=keep quality={} background={}", self.quality, self.background);
        };
        let size = self.size.map_or("original".into(), |(width, height)| format!("{width}x{height}"));
        let fit = match self.fit {
            Fit::Pad => "pad",
            Fit::Crop => "crop",
            _ => "stretch",
        };
        format!("size={size} fit={fit} encode={encoding} quality={} background={}", self.quality, self.background)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(size: Option<(u32, u32)>, fit: Fit) -> Recipe {
        Recipe { size, fit, encoding: None, quality: 90, background: Colour::WHITE }
    }

    fn bounds(xyxy: [f32; 4]) -> Bounds {
        Bounds { label: None, class: None, score: None, xyxy }
    }

    fn moved(size: Option<(u32, u32)>, fit: Fit, from: (u32, u32), xyxy: [f32; 4]) -> Option<[f32; 4]> {
        recipe(size, fit).move_boxes(from, &[bounds(xyxy)]).first().map(|bounds| bounds.xyxy)
    }

    #[test]
    fn boxes_follow_their_picture() {
        let (from, frame) = ((200, 100), Some((50, 50)));
        let all = [0.0, 0.0, 200.0, 100.0];
        assert_eq!(moved(None, Fit::Crop, from, [10.0, 10.0, 300.0, 20.0]), Some([10.0, 10.0, 200.0, 20.0]));
        assert_eq!(moved(frame, Fit::Stretch, from, all), Some([0.0, 0.0, 50.0, 50.0]));
        assert_eq!(moved(frame, Fit::Pad, from, all), Some([0.0, 12.0, 50.0, 37.0]));
        assert_eq!(moved(frame, Fit::Crop, from, all), Some([0.0, 0.0, 50.0, 50.0]));
        assert_eq!(moved(frame, Fit::Crop, from, [60.0, 20.0, 140.0, 60.0]), Some([5.0, 10.0, 45.0, 30.0]));
    }

    #[test]
    fn boxes_that_nobody_sees_are_left_out() {
        let frame = Some((50, 50));
        for xyxy in [[0.0, 0.0, 50.0, 100.0], [f32::NAN, 0.0, 9.0, 9.0], [90.0, 10.0, 80.0, 20.0], [90.0; 4]] {
            assert_eq!(moved(frame, Fit::Crop, (200, 100), xyxy), None, "{xyxy:?}");
        }
    }

    #[test]
    fn a_box_lies_where_its_pixels_are() {
        // A dark square in a light picture, of each shape: the box of the dark pixels is the box that was moved.
        for (fit, from) in
            [(Fit::Stretch, (120, 80)), (Fit::Pad, (120, 80)), (Fit::Crop, (120, 80)), (Fit::Crop, (80, 120))]
        {
            let mut rgb =
                image::Rgb { width: from.0, height: from.1, pixels: vec![255; from.0 as usize * from.1 as usize * 3] };
            let inside = |x: u32, y: u32| (40..60).contains(&x) && (44..64).contains(&y);
            for y in 0..from.1 {
                for x in (0..from.0).filter(|&x| inside(x, y)) {
                    let at = (y * from.0 + x) as usize * 3;
                    rgb.pixels[at..at + 3].fill(0);
                }
            }
            let frame = rgb.resize_quickly(200, 200, fit, Filter::Bilinear, Colour::WHITE);
            let dark: Vec<(u32, u32)> = (0..200u32)
                .flat_map(|y| (0..200u32).map(move |x| (x, y)))
                .filter(|&(x, y)| frame.pixels[(y * 200 + x) as usize * 3] < 128)
                .collect();
            let xs = dark.iter().map(|p| p.0);
            let ys = dark.iter().map(|p| p.1);
            let seen = [xs.clone().min(), ys.clone().min(), xs.max().map(|x| x + 1), ys.max().map(|y| y + 1)];
            let expected = moved(Some((200, 200)), fit, from, [40.0, 44.0, 60.0, 64.0]).expect("in the frame");
            for (seen, expected) in seen.into_iter().zip(expected) {
                let seen = seen.expect("dark pixels") as f32;
                assert!((seen - expected).abs() <= 1.0, "{fit:?} {from:?}: {seen} {expected}");
            }
        }
    }
}
