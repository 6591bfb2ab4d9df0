//! EXIF (CIPA DC-008-2023): what the camera measured.

use super::container::Parts;
use super::moment::Moment;
use super::said::{Said, iso, lens, place, positive, rating};
use super::text::of_bytes;
use crate::image::directory::Directory;

/// Tags of the first directory.
mod tag {
    pub(super) const DESCRIPTION: u16 = 0x010e;
    pub(super) const MAKE: u16 = 0x010f;
    pub(super) const MODEL: u16 = 0x0110;
    pub(super) const RATING: u16 = 0x4746;
    pub(super) const EXIF: u16 = 0x8769;
    pub(super) const GPS: u16 = 0x8825;
    pub(super) const EXPOSURE: u16 = 0x829a;
    pub(super) const F_NUMBER: u16 = 0x829d;
    pub(super) const SENSITIVITY: u16 = 0x8827;
    /// Which of the next three 65535 stands for.
    pub(super) const SENSITIVITY_TYPE: u16 = 0x8830;
    pub(super) const STANDARD_OUTPUT: u16 = 0x8831;
    pub(super) const RECOMMENDED_INDEX: u16 = 0x8832;
    pub(super) const ISO_SPEED: u16 = 0x8833;
    /// Time, fraction, offset.
    pub(super) const ORIGINAL: [u16; 3] = [0x9003, 0x9291, 0x9011];
    pub(super) const DIGITIZED: [u16; 3] = [0x9004, 0x9292, 0x9012];
    pub(super) const FOCAL_LENGTH: u16 = 0x920a;
    pub(super) const LENS: u16 = 0xa434;
}

/// Tags of the directory of GPS.
mod gps {
    pub(super) const LAT_REF: u16 = 1;
    pub(super) const LAT: u16 = 2;
    pub(super) const LON_REF: u16 = 3;
    pub(super) const LON: u16 = 4;
    pub(super) const ALTITUDE_REF: u16 = 5;
    pub(super) const ALTITUDE: u16 = 6;
    pub(super) const STATUS: u16 = 9;
}

/// What the directories of a file say: the first, that of the camera, that of GPS.
pub(super) fn read(parts: &Parts) -> Said {
    let Some(main) = parts.tiff.as_deref().and_then(Directory::read_any) else { return Said::default() };
    let camera = parts.camera.map_or_else(|| main.inner(tag::EXIF), Directory::read_any);
    let gps = parts.gps.map_or_else(|| main.inner(tag::GPS), Directory::read_any);
    let text = |tag: u16| main.bytes(tag).and_then(of_bytes);
    let mut said = Said {
        make: text(tag::MAKE),
        model: text(tag::MODEL),
        caption: text(tag::DESCRIPTION),
        rating: number(&main, tag::RATING).and_then(rating),
        ..Said::default()
    };
    // Scanners and some programs put the camera's fields into the first directory.
    for camera in camera.iter().chain([&main]) {
        said = said.or(of_camera(camera));
    }
    if let Some(gps) = &gps {
        said.place = place_of(gps);
        said.altitude = altitude(gps);
    }
    said
}

fn of_camera(camera: &Directory) -> Said {
    let measured = |tag: u16| number(camera, tag).and_then(positive);
    Said {
        original: moment(camera, tag::ORIGINAL),
        digitized: moment(camera, tag::DIGITIZED),
        lens: camera.bytes(tag::LENS).and_then(of_bytes).and_then(lens),
        iso: sensitivity(camera),
        exposure: measured(tag::EXPOSURE),
        f_number: measured(tag::F_NUMBER),
        focal_length: measured(tag::FOCAL_LENGTH),
        ..Said::default()
    }
}

fn number(directory: &Directory, tag: u16) -> Option<f64> {
    directory.few(tag, 1)?.first().copied()
}

fn moment(directory: &Directory, [time, fraction, offset]: [u16; 3]) -> Option<Moment> {
    let text = |tag: u16| directory.bytes(tag).and_then(of_bytes);
    Some(Moment::read(&text(time)?)?.with(text(fraction).as_deref(), text(offset).as_deref()))
}

/// The sensitivity. 16 bits end at 65535, which stands for more (CIPA DC-008, 4.6.6.7): then another field has it.
fn sensitivity(camera: &Directory) -> Option<i32> {
    let number = |tag: u16| number(camera, tag);
    let short = number(tag::SENSITIVITY).filter(|&short| short != 65_535.0);
    let long = || {
        let tag = match number(tag::SENSITIVITY_TYPE)? as u8 {
            1 | 4 => tag::STANDARD_OUTPUT,
            2 | 5 | 6 | 7 => tag::RECOMMENDED_INDEX,
            3 => tag::ISO_SPEED,
            _ => return None,
        };
        number(tag)
    };
    short.or_else(long).and_then(iso)
}

/// Where; without a letter north and east, as ExifTool has it. A receiver without a fix (status `V`) says zero, zero.
fn place_of(gps: &Directory) -> Option<(f64, f64)> {
    let starts =
        |tag: u16, letter: u8| gps.bytes(tag).and_then(<[u8]>::first).is_some_and(|c| c.eq_ignore_ascii_case(&letter));
    let signed = |tag: u16, letter_tag: u16, negative: u8| {
        let degrees = degrees(&gps.few(tag, 3)?)?;
        Some(if starts(letter_tag, negative) { -degrees } else { degrees })
    };
    let lat = signed(gps::LAT, gps::LAT_REF, b'S');
    let found = place(lat, signed(gps::LON, gps::LON_REF, b'W'))?;
    (found != (0.0, 0.0) || !starts(gps::STATUS, b'V')).then_some(found)
}

/// Degrees, minutes and seconds, of which the last may be missing but not broken.
fn degrees(parts: &[f64]) -> Option<f64> {
    let degrees = parts.iter().zip([1.0, 60.0, 3600.0]).map(|(part, unit)| part / unit).sum::<f64>();
    (!parts.is_empty() && degrees.is_finite()).then_some(degrees)
}

/// Metres. The reference is 0 above the sea, 1 below; of EXIF 3.0 2 and 3 for the same above the ellipsoid.
fn altitude(gps: &Directory) -> Option<f64> {
    let metres = number(gps, gps::ALTITUDE).filter(|metres| metres.is_finite())?;
    let below = gps.bytes(gps::ALTITUDE_REF).and_then(<[u8]>::first).is_some_and(|place| [1, 3].contains(place));
    Some(if below { -metres } else { metres })
}
