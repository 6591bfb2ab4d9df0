//! AV1, by `rav1d`: the first picture of a stream. Its Rust has a face for C alone, so that this is the one place that
//! speaks to a decoder through pointers.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use rav1d::include::dav1d::data::Dav1dData;
use rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dSettings};
use rav1d::include::dav1d::picture::Dav1dPicture;
use rav1d::src::lib::{
    dav1d_close, dav1d_data_create, dav1d_data_unref, dav1d_default_settings, dav1d_get_picture, dav1d_open,
    dav1d_picture_unref, dav1d_send_data,
};

use super::planes::{Meaning, Planes};
use crate::image::{Error, Format};

/// It wants more data before there is a picture, or has one to give before it takes more.
const AGAIN: c_int = -libc::EAGAIN;

/// The planes of the first picture of a stream, of at most so many pixels.
///
/// # Errors
/// The stream is damaged, larger, or of a kind that cannot be read.
pub(super) fn decode(stream: &[u8], pixels: u32) -> Result<Planes, Error> {
    if stream.is_empty() {
        return Err(damaged("it holds no picture"));
    }
    let decoder = Decoder::open(pixels)?;
    let mut data = Data::of(stream)?;
    loop {
        let sent = decoder.send(&mut data);
        if sent < 0 && sent != AGAIN {
            return Err(damaged("its AV1 is damaged"));
        }
        // At the end twice: the first call learns that there is no more.
        let mut found = decoder.picture();
        if found.is_none() && data.is_sent() {
            found = decoder.picture();
        }
        match found {
            Some(Ok(picture)) => return picture.planes(),
            Some(Err(())) => return Err(damaged("its AV1 is damaged")),
            None if data.is_sent() => return Err(damaged("it holds no picture")),
            None => {}
        }
    }
}

fn damaged(what: &str) -> Error {
    Error::damaged(Format::Avif, what)
}

struct Decoder(Option<Dav1dContext>);

#[expect(
    unsafe_code,
    reason = "rav1d has no other interface; every pointer is to a value of this frame that is initialised"
)]
impl Decoder {
    fn open(pixels: u32) -> Result<Decoder, Error> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        let mut decoder = Decoder(None);
        // SAFETY: `dav1d_default_settings` writes all of the settings, and both pointers are to values that live through the calls.
        let opened = unsafe {
            dav1d_default_settings(NonNull::from(&mut settings).cast());
            let settings = settings.assume_init_mut();
            settings.n_threads = 1;
            settings.max_frame_delay = 1;
            settings.all_layers = 0;
            settings.frame_size_limit = pixels;
            dav1d_open(Some(NonNull::from(&mut decoder.0)), Some(NonNull::from(settings)))
        };
        if opened.0 < 0 { Err(damaged("its decoder did not start")) } else { Ok(decoder) }
    }

    fn send(&self, data: &mut Data) -> c_int {
        if data.is_sent() {
            return 0;
        }
        // SAFETY: the decoder is open, and the data are `dav1d_data_create`'s.
        unsafe { dav1d_send_data(self.0, Some(NonNull::from(&mut data.0))).0 }
    }

    /// `None`: not yet.
    fn picture(&self) -> Option<Result<Picture, ()>> {
        let mut picture = MaybeUninit::<Dav1dPicture>::uninit();
        // SAFETY: the decoder is open; the picture is written whatever is returned, and an empty one may be released.
        let (found, picture) = unsafe {
            let found = dav1d_get_picture(self.0, Some(NonNull::from(&mut picture).cast())).0;
            (found, Picture(picture.assume_init()))
        };
        match found {
            0.. => Some(Ok(picture)),
            AGAIN => None,
            _ => Some(Err(())),
        }
    }
}

#[expect(unsafe_code, reason = "rav1d has no other interface")]
impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: it is open, or `None`, and closed once.
        unsafe { dav1d_close(Some(NonNull::from(&mut self.0))) };
    }
}

struct Data(Dav1dData);

#[expect(unsafe_code, reason = "rav1d has no other interface")]
impl Data {
    fn of(stream: &[u8]) -> Result<Data, Error> {
        let mut data = Data(Dav1dData::default());
        // SAFETY: the data are default ones, which may be written over; as many bytes are there as were asked for.
        unsafe {
            let place = dav1d_data_create(Some(NonNull::from(&mut data.0)), stream.len());
            if place.is_null() {
                return Err(damaged("there is not enough memory"));
            }
            std::ptr::copy_nonoverlapping(stream.as_ptr(), place, stream.len());
        }
        Ok(data)
    }

    fn is_sent(&self) -> bool {
        self.0.sz == 0
    }
}

#[expect(unsafe_code, reason = "rav1d has no other interface")]
impl Drop for Data {
    fn drop(&mut self) {
        // SAFETY: the data are `dav1d_data_create`'s, or what is left of them.
        unsafe { dav1d_data_unref(Some(NonNull::from(&mut self.0))) };
    }
}

struct Picture(Dav1dPicture);

impl Picture {
    #[expect(unsafe_code, reason = "rav1d has no other interface")]
    fn planes(&self) -> Result<Planes, Error> {
        let about = &self.0.p;
        let (width, height, bits) = (about.w as usize, about.h as usize, about.bpc as u32);
        let (count, across, down) = match about.layout {
            0 => (1, 1, 1),
            1 => (3, 2, 2),
            2 => (3, 2, 1),
            _ => (3, 1, 1),
        };
        let mut samples = Vec::new();
        for plane in 0..count {
            let (row, rows) =
                if plane == 0 { (width, height) } else { (width.div_ceil(across), height.div_ceil(down)) };
            let start = self.0.data[plane].ok_or_else(|| damaged("a plane is missing"))?.as_ptr().cast_const();
            let stride = self.0.stride[usize::from(plane > 0)];
            let mut all: Vec<u16> = Vec::with_capacity(row * rows);
            for y in 0..rows {
                // SAFETY: a plane has `rows` rows of `row` samples, `stride` bytes apart: bytes where there are 8 bits, else
                // numbers of 16 that are aligned as such.
                unsafe {
                    let at = start.cast::<u8>().offset(stride * y as isize);
                    if bits == 8 {
                        all.extend(std::slice::from_raw_parts(at, row).iter().map(|&sample| u16::from(sample)));
                    } else {
                        all.extend_from_slice(std::slice::from_raw_parts(at.cast::<u16>(), row));
                    }
                }
            }
            samples.push(all);
        }
        let sequence = self.0.seq_hdr.ok_or_else(|| damaged("it does not say how it is coded"))?;
        // SAFETY: the header lives as long as the picture.
        let (matrix, range) = unsafe { (sequence.as_ref().mtrx, sequence.as_ref().color_range) };
        let meaning = Meaning { matrix: u16::try_from(matrix).unwrap_or(u16::MAX), full_range: range != 0 };
        Ok(Planes { width, height, bits, across, down, blended: true, samples, meaning })
    }
}

#[expect(unsafe_code, reason = "rav1d has no other interface")]
impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the picture is `dav1d_get_picture`'s, and released once.
        unsafe { dav1d_picture_unref(Some(NonNull::from(&mut self.0))) };
    }
}
