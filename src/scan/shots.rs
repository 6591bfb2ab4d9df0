//! What cameras and people wrote, as columns; and the sidecars beside pictures.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, Int16Array, Int32Array, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, TimeUnit};

use crate::camera::Shot;
use crate::io;
use crate::table::column;

/// The columns, in their order.
pub(super) fn fields() -> Vec<Field> {
    let item = Arc::new(column::field("item", DataType::Utf8));
    [
        (column::TAKEN, DataType::Timestamp(TimeUnit::Microsecond, None)),
        (column::TAKEN_OFFSET, DataType::Int16),
        (column::LAT, DataType::Float64),
        (column::LON, DataType::Float64),
        (column::ALTITUDE, DataType::Float64),
        (column::CAMERA, DataType::Utf8),
        (column::LENS, DataType::Utf8),
        (column::ISO, DataType::Int32),
        (column::EXPOSURE, DataType::Float64),
        (column::F_NUMBER, DataType::Float64),
        (column::FOCAL_LENGTH, DataType::Float64),
        (column::CAPTION, DataType::Utf8),
        (column::KEYWORDS, DataType::List(item)),
        (column::RATING, DataType::Int32),
    ]
    .into_iter()
    .map(|(name, data_type)| column::field(name, data_type))
    .collect()
}

/// Their values, a row a picture.
pub(super) fn columns(shots: &[Shot]) -> Vec<(&'static str, ArrayRef)> {
    let floats =
        |of: fn(&Shot) -> Option<f64>| -> ArrayRef { Arc::new(shots.iter().map(of).collect::<Float64Array>()) };
    let wholes = |of: fn(&Shot) -> Option<i32>| -> ArrayRef { Arc::new(shots.iter().map(of).collect::<Int32Array>()) };
    let texts = |of: fn(&Shot) -> Option<&str>| -> ArrayRef { Arc::new(shots.iter().map(of).collect::<StringArray>()) };
    let taken: TimestampMicrosecondArray = shots.iter().map(|shot| shot.taken).collect();
    let offsets: Int16Array = shots.iter().map(|shot| shot.taken_offset).collect();
    vec![
        (column::TAKEN, Arc::new(taken)),
        (column::TAKEN_OFFSET, Arc::new(offsets)),
        (column::LAT, floats(|shot| shot.place.map(|(lat, _)| lat))),
        (column::LON, floats(|shot| shot.place.map(|(_, lon)| lon))),
        (column::ALTITUDE, floats(|shot| shot.altitude)),
        (column::CAMERA, texts(|shot| shot.camera.as_deref())),
        (column::LENS, texts(|shot| shot.lens.as_deref())),
        (column::ISO, wholes(|shot| shot.iso)),
        (column::EXPOSURE, floats(|shot| shot.exposure)),
        (column::F_NUMBER, floats(|shot| shot.f_number)),
        (column::FOCAL_LENGTH, floats(|shot| shot.focal_length)),
        (column::CAPTION, texts(|shot| shot.caption.as_deref())),
        (column::KEYWORDS, keywords(shots)),
        (column::RATING, wholes(|shot| shot.rating)),
    ]
}

/// Lists of keywords; null where there are none.
fn keywords(shots: &[Shot]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for shot in shots {
        shot.keywords.iter().for_each(|word| lists.values().append_value(word));
        lists.append(!shot.keywords.is_empty());
    }
    Arc::new(lists.finish())
}

/// A longer sidecar is none.
const MOST_BYTES: u64 = 16 << 20;

/// The text of the sidecar beside a picture on this machine: `photo.jpg.xmp`, as darktable and digiKam name it, else
/// `photo.xmp`, as Adobe's programs do.
pub(super) fn sidecar(path: &str) -> Option<Vec<u8>> {
    let picture = io::local_file(path)?;
    let name = picture.file_name()?;
    let longer = |extension: &str| {
        let mut name = name.to_os_string();
        name.push(extension);
        picture.with_file_name(name)
    };
    let names = [longer(".xmp"), longer(".XMP"), picture.with_extension("xmp"), picture.with_extension("XMP")];
    names.iter().find_map(|name| read(name))
}

/// A regular file that is not too long: opening a pipe could block for ever.
fn read(path: &Path) -> Option<Vec<u8>> {
    let about = std::fs::metadata(path).ok().filter(|about| about.is_file() && about.len() <= MOST_BYTES)?;
    let mut bytes = Vec::with_capacity(about.len() as usize + 1);
    std::fs::File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
