//! From a picture to the numbers that a tower is fed.
//!
//! Hides: the order of channels. Promises: a preparation that could give other numbers shows in [`Preprocess`]'s debug
//! text, which is part of a model's identity; one that could not does not.

use std::borrow::Cow;

use super::onnx::{Kind, Port};
use crate::image::{Colour, Filter, Fit, Rgb};

/// From pixels to numbers.
#[derive(Clone, Copy, PartialEq)]
pub struct Preprocess {
    /// Pixels of the frame across.
    pub width: u32,
    /// Pixels of the frame down.
    pub height: u32,
    /// How a picture fills the frame.
    pub fit: Fit,
    /// How it is scaled.
    pub filter: Filter,
    /// Is background cut away first, and but for which margin (a share of the longer side of what remains)?
    pub crop: Option<f32>,
    /// How a picture that has no background around it, whose corners differ, fills the frame, where otherwise.
    pub scene: Option<Fit>,
    /// What stands behind transparency and around the picture.
    pub background: Colour,
    /// `(pixel × factor − mean) / std`
    pub factor: f32,
    /// See `factor`; red, green and blue.
    pub mean: [f32; 3],
    /// See `factor`; red, green and blue.
    pub std: [f32; 3],
    /// Does blue come first? Mean and deviation are those of red, green and blue all the same.
    pub bgr: bool,
    /// Is the picture scaled in floating point, where others round to steps of 255?
    pub float: bool,
}

impl std::fmt::Debug for Preprocess {
    /// Part of a model's identity: what came later is named only where it is not as it always was.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut all = f.debug_struct("Preprocess");
        all.field("width", &self.width).field("height", &self.height).field("fit", &self.fit);
        all.field("filter", &self.filter).field("crop", &self.crop).field("background", &self.background);
        all.field("factor", &self.factor).field("mean", &self.mean).field("std", &self.std);
        if let Some(scene) = self.scene {
            all.field("scene", &scene);
        }
        for (name, is_so) in [("bgr", self.bgr), ("float", self.float)] {
            if is_so {
                all.field(name, &is_so);
            }
        }
        all.finish()
    }
}

impl Preprocess {
    /// Stretched to so many pixels of 0 to 1.
    pub(super) fn plain(height: u32, width: u32) -> Preprocess {
        Preprocess {
            width,
            height,
            fit: Fit::Stretch,
            filter: Filter::Bilinear,
            crop: None,
            scene: None,
            background: Colour::WHITE,
            factor: 1.0 / 255.0,
            mean: [0.0; 3],
            std: [1.0; 3],
            bgr: false,
            float: false,
        }
    }

    /// Prepares a picture for an input of this form.
    ///
    /// # Panics
    /// If `out` has another length.
    pub(super) fn fill(&self, form: Form, image: &Rgb, out: &mut [f32]) {
        let Preprocess { width, height, fit, filter, crop, scene, background, factor, mean, std, bgr, float } = *self;
        let fit = scene.filter(|_| !image.is_on_background()).unwrap_or(fit);
        let mut image = match crop {
            Some(margin) => image.crop_to_content(margin),
            None => Cow::Borrowed(image),
        };
        if form.channels == 1 {
            image = Cow::Owned(image.grey());
        }
        let planes = |out: &mut [f32]| match float {
            true => image.resize_in_floats(width, height, fit, filter).to_planes(factor, mean, std, out),
            false => image.resize(width, height, fit, filter, background).to_planes(factor, mean, std, out),
        };
        if form == Form::USUAL && !bgr {
            return planes(out);
        }
        let plane = width as usize * height as usize;
        let mut all = vec![0.0; 3 * plane];
        planes(&mut all);
        for channel in 0..form.channels {
            let source = if bgr { form.channels - 1 - channel } else { channel };
            let source = &all[source * plane..(source + 1) * plane];
            match form.channels_last {
                true => {
                    let places = out.iter_mut().skip(channel).step_by(form.channels);
                    places.zip(source).for_each(|(place, number)| *place = *number);
                }
                false => out[channel * plane..(channel + 1) * plane].copy_from_slice(source),
            }
        }
    }

    /// The shorter edge that a picture is scaled down to.
    pub(super) fn edge(&self) -> u32 {
        match self.fit {
            Fit::Cover { edge, .. } => edge,
            Fit::StretchCut { width, height } | Fit::Share { width, height } => width.max(height),
            Fit::Stretch | Fit::Pad | Fit::Trim | Fit::Letterbox | Fit::Crop => self.width.max(self.height),
        }
    }
}

impl std::fmt::Display for Preprocess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {} pixels", self.width, self.height)?;
        if self.crop.is_some() {
            write!(f, ", cropped to what is there")?;
        }
        match self.fit {
            Fit::Stretch => write!(f, ", stretched")?,
            Fit::Pad if self.scene == Some(Fit::Trim) => write!(f, ", padded, scenes trimmed")?,
            Fit::Pad => write!(f, ", padded")?,
            Fit::Trim => write!(f, ", trimmed")?,
            Fit::Crop => write!(f, ", the middle")?,
            Fit::Letterbox => write!(f, ", letterboxed")?,
            Fit::StretchCut { width, height } => write!(f, ", the middle of all, stretched to {width} x {height}")?,
            Fit::Share { width, height } => {
                let shares = [self.width, self.height].map(f64::from);
                let (across, down) = (shares[0] / f64::from(width), shares[1] / f64::from(height));
                write!(f, ", {across:.3} x {down:.3} of the shorter edge, from the middle")?;
            }
            Fit::Cover { edge, .. } if edge == self.width.min(self.height) => write!(f, ", the middle")?,
            Fit::Cover { edge, .. } => write!(f, ", the middle of {edge} along the shorter edge")?,
        }
        write!(f, ", {}, over {}", format!("{:?}", self.filter).to_lowercase(), self.background)?;
        if self.bgr {
            write!(f, ", blue first")?;
        }
        Ok(())
    }
}

/// In which order a graph takes the numbers of a picture: `[batch, channels, height, width]`, or the channels last; grey
/// has one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub channels: usize,
    pub channels_last: bool,
}

impl Form {
    /// As nearly all have it.
    pub(super) const USUAL: Form = Form { channels: 3, channels_last: false };

    /// The form of an input.
    ///
    /// # Errors
    /// It is not of pictures of colours or of grey.
    pub(super) fn of(port: &Port) -> Result<Form, String> {
        let fail =
            |what: String| Err(format!("its input `{}` {what}, not [batch, 3, height, width] pixels", port.name));
        let &[_, second, _, last] = &port.shape[..] else {
            return fail(format!("has {} axes", port.shape.len()));
        };
        if !port.kind.is_float() && port.kind != Kind::UInt8 {
            return fail(format!("is of {}", port.kind));
        }
        let is_colour = |axis: Option<usize>| matches!(axis, Some(1 | 3));
        match (second, last) {
            (Some(channels), _) if is_colour(second) => Ok(Form { channels, channels_last: false }),
            (_, Some(channels)) if is_colour(last) => Ok(Form { channels, channels_last: true }),
            (None, _) => Ok(Form::USUAL),
            (Some(channels), _) => fail(format!("has {channels} channels")),
        }
    }

    /// Height and width, where the graph tells them.
    pub(super) fn sides(self, port: &Port) -> [Option<usize>; 2] {
        let first = if self.channels_last { 1 } else { 2 };
        [first, first + 1].map(|axis| port.shape.get(axis).copied().flatten())
    }

    /// The shape of a batch.
    pub(super) fn shape(self, batch: usize, height: usize, width: usize) -> [usize; 4] {
        match self.channels_last {
            true => [batch, height, width, self.channels],
            false => [batch, self.channels, height, width],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_more_in_the_preparation_is_another_identity_and_nothing_else_is() {
        let plain = Preprocess::plain(4, 5);
        assert_eq!(
            format!("{plain:?}"),
            "Preprocess { width: 5, height: 4, fit: Stretch, filter: Bilinear, crop: None, background: Colour([255, 255, \
             255]), factor: 0.003921569, mean: [0.0, 0.0, 0.0], std: [1.0, 1.0, 1.0] }"
        );
        assert!(format!("{:?}", Preprocess { bgr: true, ..plain }).ends_with("std: [1.0, 1.0, 1.0], bgr: true }"));
    }
}
