//! AV1, by `re_rav1d`: the first picture of a stream.

use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{Decoder, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::planes::{Meaning, Planes};
use crate::image::{Error, Format};

/// The planes of the first picture of a stream, of at most so many pixels.
///
/// # Errors
/// The stream is damaged, larger, or of a kind that cannot be read.
pub(super) fn decode(stream: Vec<u8>, pixels: u32) -> Result<Planes, Error> {
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(pixels);
    let mut decoder = Decoder::with_settings(&settings).map_err(|_| damaged("its decoder did not start"))?;
    if stream.is_empty() {
        return Err(damaged("it holds no picture"));
    }
    let mut sent = decoder.send_data(stream, None, None, None);
    loop {
        match decoder.get_picture() {
            Ok(picture) => return planes(&picture),
            Err(e) if !e.is_again() => return Err(damaged("its AV1 is damaged")),
            Err(_) => {}
        }
        match sent {
            // At the end twice: the first call learns that there is no more.
            Ok(()) => {
                let picture = decoder.get_picture().map_err(|_| damaged("it holds no picture"))?;
                return planes(&picture);
            }
            Err(e) if !e.is_again() => return Err(damaged("its AV1 is damaged")),
            Err(_) => sent = decoder.send_pending_data(),
        }
    }
}

fn damaged(what: &str) -> Error {
    Error::damaged(Format::Avif, what)
}

fn planes(picture: &Picture) -> Result<Planes, Error> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let bits = picture.bits_per_component().ok_or_else(|| damaged("its depth is not known"))?.0;
    let (count, across, down) = match picture.pixel_layout() {
        PixelLayout::I400 => (1, 1, 1),
        PixelLayout::I420 => (3, 2, 2),
        PixelLayout::I422 => (3, 2, 1),
        PixelLayout::I444 => (3, 1, 1),
    };
    let mut samples = Vec::with_capacity(count);
    for plane in 0..count {
        let (row, rows) = if plane == 0 { (width, height) } else { (width.div_ceil(across), height.div_ceil(down)) };
        let component = PlanarImageComponent::from(plane);
        let (bytes, stride) = (picture.plane(component), picture.stride(component) as usize);
        let mut all = Vec::with_capacity(row * rows);
        for line in bytes.chunks(stride).take(rows) {
            match bits {
                8 => all.extend(line[..row].iter().map(|&sample| u16::from(sample))),
                _ => all.extend(line.as_chunks().0[..row].iter().map(|&sample| u16::from_ne_bytes(sample))),
            }
        }
        samples.push(all);
    }
    let matrix = match picture.matrix_coefficients() {
        MatrixCoefficients::Identity => 0,
        MatrixCoefficients::BT709 => 1,
        MatrixCoefficients::Unspecified => 2,
        MatrixCoefficients::BT470M => 4,
        MatrixCoefficients::BT470BG | MatrixCoefficients::ST170M => 6,
        MatrixCoefficients::ST240M => 7,
        MatrixCoefficients::BT2020NonConstantLuminance => 9,
        MatrixCoefficients::BT2020ConstantLuminance => 10,
        _ => u16::MAX,
    };
    let meaning = Meaning { matrix, full_range: picture.color_range() == YUVRange::Full };
    Ok(Planes { width, height, bits: bits as u32, across, down, blended: true, samples, meaning })
}
