//! Where a picture comes to lie in the frame that it is made to fill, so that what is marked in it can follow.

use super::resize::{Fit, padded};

/// Where an upright picture comes to lie in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Width and height.
    frame: (u32, u32),
    /// How a coordinate is scaled, and where the picture's corner comes to lie.
    x: (f64, f64),
    y: (f64, f64),
}

impl Placement {
    /// Of a picture of this width and height. Without a frame it stays as it is. How it fills the frame is
    /// [`Fit::Pad`], [`Fit::Crop`], or anything else that loses its shape.
    pub fn of((width, height): (u32, u32), frame: Option<(u32, u32)>, fit: Fit) -> Placement {
        let (frame_width, frame_height) = frame.unwrap_or((width, height));
        let (own_width, own_height) = (f64::from(width), f64::from(height));
        let (scale_x, scale_y) = (f64::from(frame_width) / own_width, f64::from(frame_height) / own_height);
        let (x, y) = match fit {
            _ if frame.is_none() => ((1.0, 0.0), (1.0, 0.0)),
            Fit::Pad => {
                let (inner_width, inner_height) = padded((width, height), (frame_width, frame_height));
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
        Placement { frame: (frame_width, frame_height), x, y }
    }

    /// Where a rectangle of the picture (left, top, right, bottom) comes to lie, cut off at the frame's edges; `None`
    /// where it is not seen any more.
    pub fn moved(&self, [left, top, right, bottom]: [f32; 4]) -> Option<[f32; 4]> {
        let (frame_width, frame_height) = self.frame;
        let moved = |at: f32, (scale, corner): (f64, f64), most: u32| {
            (f64::from(at) * scale + corner).clamp(0.0, f64::from(most)) as f32
        };
        let xyxy = [
            moved(left, self.x, frame_width),
            moved(top, self.y, frame_height),
            moved(right, self.x, frame_width),
            moved(bottom, self.y, frame_height),
        ];
        // False of what is no number, too.
        (xyxy[0] < xyxy[2] && xyxy[1] < xyxy[3]).then_some(xyxy)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Colour, Filter, Rgb};
    use super::*;

    fn moved(size: Option<(u32, u32)>, fit: Fit, from: (u32, u32), xyxy: [f32; 4]) -> Option<[f32; 4]> {
        Placement::of(from, size, fit).moved(xyxy)
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
                Rgb { width: from.0, height: from.1, pixels: vec![255; from.0 as usize * from.1 as usize * 3] };
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
