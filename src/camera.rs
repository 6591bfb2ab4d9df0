//! What the camera wrote, and what people wrote since: EXIF, XMP and IPTC of a picture, and of the sidecar beside it.
//!
//! Hides: where each kind of file keeps them, three languages for the same things, and what is wrong in them. Promises: no
//! bytes are an error, a panic, much memory or much time; what is broken is `None`; the file is known by its first bytes.
//!
//! One rule says whose word counts. What was measured (time, place, exposure) is EXIF's, then the sidecar's, then that of XMP and
//! of IPTC within the file. What people wrote (caption, keywords, rating) is the sidecar's, where editors put it, then XMP's,
//! then IPTC's, then EXIF's. Each thing by itself: who says nothing of it is passed over. `docs/camera.md` has the details.

mod container;
mod exif;
mod iptc;
mod moment;
mod said;
mod text;
mod xmp;

use container::Parts;
use moment::Moment;
use said::Said;

/// What is known of how a picture was taken. All numbers are finite.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shot {
    /// When: the camera's wall clock, in microseconds since the start of 1970 on that clock.
    pub taken: Option<i64>,
    /// How many minutes that clock was ahead of UTC.
    pub taken_offset: Option<i16>,
    /// Degrees north and east.
    pub place: Option<(f64, f64)>,
    /// Metres above the level of the sea.
    pub altitude: Option<f64>,
    /// Maker and model.
    pub camera: Option<String>,
    /// The lens's model.
    pub lens: Option<String>,
    /// Sensitivity.
    pub iso: Option<i32>,
    /// Seconds.
    pub exposure: Option<f64>,
    /// The f-number.
    pub f_number: Option<f64>,
    /// Millimetres, of the lens itself.
    pub focal_length: Option<f64>,
    /// What the picture shows, in words.
    pub caption: Option<String>,
    /// Each once, in their order; none: nobody gave any.
    pub keywords: Vec<String>,
    /// -1 (rejected) to 5.
    pub rating: Option<i32>,
}

/// Reads what a picture's file says, and the text of the sidecar beside it (XMP).
pub fn read(bytes: &[u8], sidecar: Option<&[u8]>) -> Shot {
    let parts = container::parts(bytes);
    let exif = exif::read(&parts);
    let beside = sidecar.map(|xmp| xmp::read(xmp).said).unwrap_or_default();
    let xmp = xmp_of(&parts);
    let iptc = parts.iptc.as_deref().map(iptc::read).unwrap_or_default();
    Shot::of([&exif, &beside, &xmp, &iptc], [&beside, &xmp, &iptc, &exif])
}

/// What the XMP inside a file says, its extension included.
fn xmp_of(parts: &Parts) -> Said {
    let Some(xmp) = parts.xmp.as_deref() else { return Said::default() };
    let main = xmp::read(xmp);
    match main.extension.as_deref().and_then(|guid| parts.extension(guid)) {
        Some(more) => main.said.or(xmp::read(&more).said),
        None => main.said,
    }
}

/// The first that says it.
fn first<T>(order: [&Said; 4], of: impl Fn(&Said) -> Option<T>) -> Option<T> {
    order.into_iter().find_map(of)
}

impl Shot {
    fn of(measured: [&Said; 4], written: [&Said; 4]) -> Shot {
        let taken: Option<Moment> =
            first(measured, |said| said.original).or_else(|| first(measured, |said| said.digitized));
        // XMP may know how far the same clock was from UTC, for which EXIF has had fields since 2016 only.
        let alike =
            |moment: Option<Moment>| moment.filter(|m| taken.is_some_and(|taken| taken.is_second_of(*m)))?.offset;
        let offset = || first(measured, |said| alike(said.original).or_else(|| alike(said.digitized)));
        Shot {
            taken: taken.map(|moment| moment.micros),
            taken_offset: taken.and_then(|moment| moment.offset).or_else(offset),
            place: first(measured, |said| said.place),
            altitude: first(measured, |said| said.altitude),
            camera: first(measured, Said::camera),
            lens: first(measured, |said| said.lens.clone()),
            iso: first(measured, |said| said.iso),
            exposure: first(measured, |said| said.exposure),
            f_number: first(measured, |said| said.f_number),
            focal_length: first(measured, |said| said.focal_length),
            caption: first(written, |said| said.caption.clone()),
            keywords: first(written, |said| Some(said.keywords.clone()).filter(|words| !words.is_empty()))
                .unwrap_or_default(),
            rating: first(written, |said| said.rating),
        }
    }
}

#[cfg(test)]
mod tests;
