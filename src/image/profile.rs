//! What a file's colours mean, and the way from there to sRGB, by `moxcms`: profiles (ICC.1), and code points (ITU-T H.273).
//!
//! Promises: a profile that is damaged, of another kind of colours than the picture's, of grey in lightness, or of light beyond
//! white (PQ, HLG) changes nothing.

use std::sync::LazyLock;

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, InterpolationMethod, Layout, MatrixCoefficients,
    ParsingOptions, TransferCharacteristics, Transform8BitExecutor, TransformOptions, Xyzd,
};

use super::Frame;
use super::colour::of_channels;

/// What a file says of its colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Space {
    /// The bytes of a profile.
    Profile(Vec<u8>),
    /// `ColourPrimaries` and `TransferCharacteristics` (H.273, tables 2 and 3).
    Coded { primaries: u8, transfer: u8 },
}

/// No profile is longer than this; those of printers have some megabytes.
pub(super) const LONGEST: u64 = 8 << 20;
/// Pixels that are brought over at a time.
const PART: usize = 1 << 14;

impl Space {
    fn profile(&self) -> Option<ColorProfile> {
        match self {
            Space::Profile(bytes) => {
                let limits = ParsingOptions { max_profile_size: LONGEST as usize, ..ParsingOptions::default() };
                let profile = ColorProfile::new_from_slice_with_options(bytes, limits).ok()?;
                let is_bright = profile.cicp.is_some_and(|coded| is_beyond_white(coded.transfer_characteristics));
                (!is_bright).then_some(profile)
            }
            &Space::Coded { primaries, transfer } => {
                let color_primaries = match primaries {
                    2 => CicpColorPrimaries::Bt709,
                    code => CicpColorPrimaries::try_from(code).ok()?,
                };
                let transfer_characteristics = match transfer {
                    // Television's curves are those of cameras; what is shown is meant for screens.
                    1 | 2 | 6 | 14 | 15 => TransferCharacteristics::Srgb,
                    code => TransferCharacteristics::try_from(code).ok()?,
                };
                let is_srgb = color_primaries == CicpColorPrimaries::Bt709
                    && transfer_characteristics == TransferCharacteristics::Srgb;
                if is_srgb || is_beyond_white(transfer_characteristics) {
                    return None;
                }
                let matrix_coefficients = MatrixCoefficients::Identity;
                let coded =
                    CicpProfile { color_primaries, transfer_characteristics, matrix_coefficients, full_range: true };
                // Without a curve where the codes are none.
                Some(ColorProfile::new_from_cicp(coded)).filter(|profile| profile.red_trc.is_some())
            }
        }
    }
}

fn is_beyond_white(transfer: TransferCharacteristics) -> bool {
    matches!(transfer, TransferCharacteristics::Smpte2084 | TransferCharacteristics::Hlg)
}

/// Brings the colours of a picture to sRGB, as far as the file says what they are.
pub(super) fn to_srgb(frame: Frame, space: &Space) -> Frame {
    let Some(profile) = space.profile() else { return frame };
    let from = match (profile.color_space, frame.inks, frame.image.color().channel_count()) {
        (DataColorSpace::Cmyk, true, _) => Layout::Rgba,
        // Where lightness is what a curve leads to, `moxcms` takes it for luminance.
        (DataColorSpace::Gray, ..) if profile.pcs != DataColorSpace::Xyz => return frame,
        (DataColorSpace::Gray, false, 1) => Layout::Gray,
        (DataColorSpace::Gray, false, 2) => Layout::GrayAlpha,
        (DataColorSpace::Rgb, false, 1 | 3) => Layout::Rgb,
        (DataColorSpace::Rgb, false, _) => Layout::Rgba,
        _ => return frame,
    };
    if frame.inks {
        return inks_to_srgb(frame, &profile);
    }
    let has_alpha = frame.image.color().has_alpha();
    let to = if has_alpha { Layout::Rgba } else { Layout::Rgb };
    let Ok(way) = profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, options()) else { return frame };
    let (width, height) = (frame.image.width(), frame.image.height());
    let mut pixels = match from {
        Layout::Rgb => frame.image.into_rgb8().into_raw(),
        Layout::Rgba => frame.image.into_rgba8().into_raw(),
        Layout::Gray => frame.image.into_luma8().into_raw(),
        _ => frame.image.into_luma_alpha8().into_raw(),
    };
    if has_alpha && frame.premultiplied {
        divided(&mut pixels, from.channels());
    }
    let pixels = brought(pixels, from.channels(), to.channels(), &*way);
    let image = of_channels(width, height, to.channels(), pixels);
    Frame { flaw: frame.flaw, ..Frame::of(image) }
}

/// As LittleCMS does it: tetrahedra, and the curves of the profile as they are.
fn options() -> TransformOptions {
    TransformOptions {
        interpolation_method: InterpolationMethod::Tetrahedral,
        prefer_fixed_point: false,
        ..TransformOptions::default()
    }
}

/// The darkest ink of a profile is not black; it becomes black, and what is lighter follows (black point compensation, ISO
/// 18619), as LittleCMS, Photoshop and printers' programs do it. `moxcms` does not, so that it leads no further than light.
fn inks_to_srgb(frame: Frame, profile: &ColorProfile) -> Frame {
    let Ok(way) = profile.create_transform_16bit(Layout::Rgba, &light(), Layout::Rgb, options()) else { return frame };
    let of = |inks: &[u8], out: &mut [u16]| {
        let inks: Vec<u16> = inks.iter().map(|&ink| u16::from(ink) * 257).collect();
        way.transform(&inks, out).expect("both parts have the same number of pixels");
    };
    let mut darkest = [0; 3];
    of(&[255; 4], &mut darkest);
    let black = f32::from(darkest[1]) / 65_535.0;
    // A profile that has no dark at all means something else.
    let black = if black < MOST_BLACK { black } else { 0.0 };
    let (width, height) = (frame.image.width(), frame.image.height());
    let mut pixels = frame.image.into_rgba8().into_raw();
    let count = pixels.len() / 4;
    let mut part = vec![0; PART.min(count) * 3];
    for start in (0..count).step_by(PART) {
        let end = count.min(start + PART);
        let part = &mut part[..(end - start) * 3];
        of(&pixels[start * 4..end * 4], part);
        for (out, light) in pixels[start * 3..end * 3].as_chunks_mut::<3>().0.iter_mut().zip(part.as_chunks::<3>().0) {
            let light = light.map(|v| (f32::from(v) / 65_535.0 - black) / (1.0 - black));
            *out = LIGHT_TO_SRGB.map(|row| {
                let sum = row[0] * light[0] + row[1] * light[1] + row[2] * light[2];
                CODES[(sum.clamp(0.0, 1.0) * 65_535.0).round() as usize]
            });
        }
    }
    pixels.truncate(count * 3);
    Frame { flaw: frame.flaw, ..Frame::of(of_channels(width, height, 3, pixels)) }
}

/// The luminance of a lightness of 50: what is lighter is no black (as LittleCMS has it).
const MOST_BLACK: f32 = 0.184_186_5;

/// The connection space of profiles as a space of colours: X, Y and Z, as parts of those of its white.
fn light() -> ColorProfile {
    let mut light = ColorProfile::new_aces_cg_linear();
    let axes = [&mut light.red_colorant, &mut light.green_colorant, &mut light.blue_colorant];
    for (axis, colorant) in axes.into_iter().enumerate() {
        let part = |of: usize| if of == axis { WHITE[of] } else { 0.0 };
        *colorant = Xyzd { x: part(0), y: part(1), z: part(2) };
    }
    light
}

/// The white of profiles (ICC.1, 7.2.16).
const WHITE: [f64; 3] = [0.9642, 1.0, 0.8249];

/// From there to linear sRGB: the inverse of the matrix that IEC 61966-2-1's profile has, times the white.
const LIGHT_TO_SRGB: [[f32; 3]; 3] =
    [[3.021_982, -1.617_209, -0.404_774], [-0.943_709, 1.916_13, 0.027_579], [0.069_388, -0.228_994, 1.159_606]];

/// What sRGB writes for so much light.
static CODES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let code = |light: f64| if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (0..=u16::MAX).map(|light| (code(f64::from(light) / 65_535.0) * 255.0).round() as u8).collect()
});

/// The colours without the transparency that they are multiplied by.
fn divided(pixels: &mut [u8], channels: usize) {
    for pixel in pixels.chunks_exact_mut(channels) {
        let (alpha, colours) = pixel.split_last_mut().expect("a pixel has channels");
        let alpha = u32::from(*alpha);
        let whole = |colour: u8| ((u32::from(colour) * 255 + alpha / 2) / alpha).min(255) as u8;
        if alpha > 0 {
            colours.iter_mut().for_each(|colour| *colour = whole(*colour));
        }
    }
}

/// Part by part, in the place of what there was where there is room for it: a second picture beside a large one is what the
/// memory has no room for.
fn brought(mut pixels: Vec<u8>, from: usize, to: usize, way: &Transform8BitExecutor) -> Vec<u8> {
    let fits = "both parts have the same number of pixels";
    let count = pixels.len() / from;
    if to > from {
        let mut out = vec![0; count * to];
        for (part, out) in pixels.chunks(PART * from).zip(out.chunks_mut(PART * to)) {
            way.transform(part, out).expect(fits);
        }
        return out;
    }
    let mut part = Vec::with_capacity(PART * from);
    for start in (0..count).step_by(PART) {
        let end = count.min(start + PART);
        part.clear();
        part.extend_from_slice(&pixels[start * from..end * from]);
        way.transform(&part, &mut pixels[start * to..end * to]).expect(fits);
    }
    pixels.truncate(count * to);
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Colour, Encoding, Rgb, decode, decode_srgb, encode};

    const P3: Space = Space::Coded { primaries: 12, transfer: 13 };

    fn frame(channels: usize, pixels: Vec<u8>, inks: bool) -> Frame {
        let width = (pixels.len() / channels) as u32;
        Frame { inks, ..Frame::of(of_channels(width, 1, channels, pixels)) }
    }

    fn bytes(frame: Frame) -> Vec<u8> {
        frame.image.into_bytes()
    }

    fn within(found: &[u8], expected: &[u8], steps: u8) {
        let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= steps;
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "{found:?}, not {expected:?}");
    }

    /// By the definitions: SMPTE EG 432-1 and IEC 61966-2-1 have the same white and the same curve.
    #[test]
    fn display_p3_comes_to_srgb_as_its_primaries_say() {
        let to_light = |v: f64| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
        let to_code = |v: f64| if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
        let matrix = [
            [1.224_940_2, -0.224_940_2, 0.0],
            [-0.042_056_9, 1.042_056_9, 0.0],
            [-0.019_637_6, -0.078_636_1, 1.098_273_7],
        ];
        let pixels: Vec<u8> =
            (0..90u32).flat_map(|i| [i * 37, i * 91 + 5, i * 13 + 90].map(|v| (v % 256) as u8)).collect();
        let expected = pixels.as_chunks::<3>().0.iter().flat_map(|rgb| {
            let light = rgb.map(|v| to_light(f64::from(v) / 255.0));
            matrix.map(|row| {
                let sum = row.iter().zip(light).map(|(weight, light)| weight * light).sum::<f64>();
                (to_code(sum.clamp(0.0, 1.0)) * 255.0).round() as u8
            })
        });
        within(&bytes(to_srgb(frame(3, pixels.clone(), false), &P3)), &expected.collect::<Vec<_>>(), 1);
    }

    #[test]
    fn transparency_stays_and_multiplied_colours_are_brought_over_whole() {
        let plain = bytes(to_srgb(frame(4, vec![200, 40, 90, 255, 200, 40, 90, 128], false), &P3));
        assert_eq!((plain[3], plain[7], &plain[..3]), (255, 128, &plain[4..7]));
        let multiplied = Frame { premultiplied: true, ..frame(4, vec![100, 20, 45, 128, 0, 0, 0, 0], false) };
        let found = to_srgb(multiplied, &P3);
        assert!(!found.premultiplied);
        within(&bytes(found)[..4], &plain[4..], 2);
    }

    #[test]
    fn grey_in_a_space_of_colours_stays_grey() {
        let found = bytes(to_srgb(frame(1, vec![0, 60, 128, 255], false), &P3));
        within(&found, &[0, 0, 0, 60, 60, 60, 128, 128, 128, 255, 255, 255], 1);
        let curve = ColorProfile::new_gray_with_gamma(1.0).encode().expect("a profile");
        let found = bytes(to_srgb(frame(2, vec![55, 9], false), &Space::Profile(curve)));
        within(&found, &[128, 128, 128, 9], 1);
    }

    #[test]
    fn what_no_profile_can_mean_changes_nothing() {
        let pixels = || vec![10, 200, 30, 90, 90, 91];
        let profile = |profile: ColorProfile| Space::Profile(profile.encode().expect("a profile"));
        for space in [
            Space::Profile(b"no profile".to_vec()),
            Space::Profile(vec![0xff; 4096]),
            profile(ColorProfile::new_gray_with_gamma(2.2)),
            profile(ColorProfile::new_bt2020_pq()),
            Space::Coded { primaries: 9, transfer: 16 },
            Space::Coded { primaries: 1, transfer: 1 },
            Space::Coded { primaries: 2, transfer: 2 },
            Space::Coded { primaries: 200, transfer: 13 },
            Space::Coded { primaries: 12, transfer: 99 },
        ] {
            assert_eq!(bytes(to_srgb(frame(3, pixels(), false), &space)), pixels(), "{space:?}");
        }
        let inks = bytes(to_srgb(frame(4, vec![1, 2, 3, 4], true), &P3));
        assert_eq!(inks, [1, 2, 3, 4]);
    }

    /// With a chunk before its pixels.
    fn png_with(name: &[u8; 4], data: &[u8], rgb: &Rgb) -> Vec<u8> {
        let png = encode(rgb, Encoding::Png).expect("a PNG");
        [&png[..33], &(data.len() as u32).to_be_bytes(), name, data, &[0; 4], &png[33..]].concat()
    }

    #[test]
    fn profiles_count_where_they_are_asked_for_and_nowhere_else() {
        let rgb = Rgb { width: 2, height: 1, pixels: vec![200, 40, 90, 12, 250, 3] };
        let expected = bytes(to_srgb(frame(3, rgb.pixels.clone(), false), &P3));
        assert_ne!(expected, rgb.pixels);
        let file = png_with(b"cICP", &[12, 13, 0, 1], &rgb);
        assert_eq!(decode(&file, Colour::WHITE).as_ref(), Ok(&rgb));
        let (found, flaw) = decode_srgb(&file, Colour::WHITE, None).expect("a picture");
        assert_eq!((found.pixels, flaw), (expected, None));
    }
}
