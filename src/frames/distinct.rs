//! Whether a still looks like the last that was kept.

use crate::duplicates::PerceptualHash;
use crate::image::Rgb;

/// How far apart the colours of two pictures of one colour are for them to differ, of 255.
const COLOURS: i32 = 8;

/// What was kept last.
pub(super) struct Distinct {
    within: u32,
    last: Option<Look>,
}

#[derive(Clone, Copy)]
enum Look {
    Of(PerceptualHash),
    /// All of about one colour.
    Plain([i32; 3]),
}

impl Distinct {
    pub(super) fn new(within: u32) -> Distinct {
        Distinct { within, last: None }
    }

    /// Whether the picture differs from the last for which that was said.
    pub(super) fn is_new(&mut self, picture: &Rgb) -> bool {
        let look = PerceptualHash::of(picture).map_or_else(|| Look::Plain(mean(picture)), Look::Of);
        let is_same = match (self.last, look) {
            (Some(Look::Of(last)), Look::Of(own)) => last.distance(own) <= self.within,
            (Some(Look::Plain(last)), Look::Plain(own)) => last.iter().zip(own).all(|(a, b)| (a - b).abs() <= COLOURS),
            _ => false,
        };
        if !is_same {
            self.last = Some(look);
        }
        !is_same
    }
}

fn mean(picture: &Rgb) -> [i32; 3] {
    let pixels = picture.pixels.as_chunks::<3>().0;
    let sum = |channel: usize| pixels.iter().map(|pixel| u64::from(pixel[channel])).sum::<u64>();
    [0, 1, 2].map(|channel| (sum(channel) / pixels.len().max(1) as u64) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_pictures_differ_by_their_colour() {
        let plain = |colour: u8| Rgb { width: 40, height: 30, pixels: vec![colour; 3600] };
        let mut distinct = Distinct::new(10);
        let kept = [0, 3, 200, 202, 0].map(|colour| distinct.is_new(&plain(colour)));
        assert_eq!(kept, [true, false, true, false, true]);
    }
}
