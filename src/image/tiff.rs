//! TIFF (TIFF 6.0, its two supplements, BigTIFF): the first picture of a file, strips or tiles, in the kinds that Pillow
//! reads.
//!
//! The `tiff` crate reads grey and RGB; palettes, transparency beside grey, brightness and colours in two resolutions, and
//! fax it does not. So the pictures' layout is read here, and the crates that it stands on unpack.
//!
//! Numbers become bytes as Pillow has it: up to 16 bits are scaled, floating point and 32 bits of grey are cut off at 0
//! and 255. RGB in floating point, which Pillow does not read, is from 0 to 1.

mod unpack;

use std::borrow::Cow;
use std::collections::HashSet;

use ::image::metadata::Orientation;
use jpeg_decoder::ColorTransform;

use super::colour::of_channels;
use super::directory::Directory;
use super::profile::Space;
use super::{Error, Format, Frame, Header, MAX_BYTES, Opened, jpeg, orientation};

/// The fields (TIFF 6.0, appendix A).
mod tag {
    pub(super) const KIND: u16 = 254;
    pub(super) const WIDTH: u16 = 256;
    pub(super) const HEIGHT: u16 = 257;
    pub(super) const BITS: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC: u16 = 262;
    pub(super) const FILL_ORDER: u16 = 266;
    pub(super) const STRIP_OFFSETS: u16 = 273;
    pub(super) const SAMPLES: u16 = 277;
    pub(super) const ROWS_PER_STRIP: u16 = 278;
    pub(super) const STRIP_LENGTHS: u16 = 279;
    pub(super) const PLANAR: u16 = 284;
    pub(super) const T4_OPTIONS: u16 = 292;
    pub(super) const PREDICTOR: u16 = 317;
    pub(super) const COLOUR_MAP: u16 = 320;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const TILE_HEIGHT: u16 = 323;
    pub(super) const TILE_OFFSETS: u16 = 324;
    pub(super) const TILE_LENGTHS: u16 = 325;
    pub(super) const EXTRA_SAMPLES: u16 = 338;
    pub(super) const SAMPLE_FORMAT: u16 = 339;
    pub(super) const JPEG_TABLES: u16 = 347;
    pub(super) const COEFFICIENTS: u16 = 529;
    pub(super) const SUBSAMPLING: u16 = 530;
    pub(super) const BLACK_AND_WHITE: u16 = 532;
    pub(super) const XMP: u16 = 700;
    pub(super) const PROFILE: u16 = 34675;
}

const MODERN_JPEG: u64 = 7;

/// What the samples of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Grey { white_is_zero: bool },
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

impl Meaning {
    fn samples(self) -> usize {
        match self {
            Meaning::Grey { .. } | Meaning::Palette => 1,
            Meaning::Rgb | Meaning::YCbCr => 3,
            Meaning::Cmyk => 4,
        }
    }
}

/// What the sample after the colours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extra {
    /// Nothing, or nothing that shows.
    None,
    /// Transparency, and whether the colours are multiplied by it.
    Alpha { multiplied: bool },
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Unsigned,
    Signed,
    Float,
}

/// The directories of a file's pages, of which the first is always one; smaller copies of others, and masks, are none. At the end
/// `None` where the file has another directory and ends before it.
pub(super) fn pages(bytes: &[u8]) -> impl Iterator<Item = Option<Directory<'_>>> {
    const COPY_OR_MASK: u64 = 0b101;
    let mut met = HashSet::new();
    let mut next = Some(Directory::read(bytes));
    let all = std::iter::from_fn(move || {
        let own = next.take()?;
        if let Some(directory) = &own {
            // One that was met leads round in a circle.
            let start = directory.next().filter(|start| met.len() < MOST_PAGES && met.insert(*start));
            next = start.map(|start| directory.beginning_at(start));
        }
        Some(own)
    });
    let is_page = |directory: &Directory| {
        directory.whole(tag::KIND).and_then(|kind| kind.first().copied()).is_none_or(|kind| kind & COPY_OR_MASK == 0)
    };
    all.enumerate().filter(move |(at, own)| *at == 0 || own.as_ref().is_none_or(is_page)).map(|(_, own)| own)
}

/// Nobody scans more.
const MOST_PAGES: usize = 1 << 16;

/// A TIFF whose directory is read.
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    directory: Directory<'a>,
    width: u32,
    height: u32,
    /// Width and height of a strip or tile.
    part: (u32, u32),
    bits: usize,
    samples: usize,
    meaning: Meaning,
    extra: Extra,
    number: Number,
    compression: u64,
    predictor: u64,
    planar: bool,
    orientation: Orientation,
}

impl<'a> Tiff<'a> {
    /// Reads the directory.
    ///
    /// # Errors
    /// It is damaged, or says that the picture is of a kind that cannot be read.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Tiff<'a>, Error> {
        Tiff::of(bytes, Directory::read(bytes).ok_or_else(|| damaged("its directory is not there"))?)
    }

    /// The picture of one of its directories.
    ///
    /// # Errors
    /// As [`Tiff::open`].
    pub(super) fn of(bytes: &'a [u8], directory: Directory<'a>) -> Result<Tiff<'a>, Error> {
        let one = |tag| directory.whole(tag).and_then(|values| values.first().copied());
        let side = |tag| one(tag).and_then(|side| u32::try_from(side).ok());
        let (Some(width), Some(height)) = (side(tag::WIDTH), side(tag::HEIGHT)) else {
            return Err(damaged("it has no size"));
        };
        let compression = one(tag::COMPRESSION).unwrap_or(1);
        let meaning = match one(tag::PHOTOMETRIC).unwrap_or(0) {
            0 => Meaning::Grey { white_is_zero: true },
            1 => Meaning::Grey { white_is_zero: false },
            2 => Meaning::Rgb,
            3 => Meaning::Palette,
            5 => Meaning::Cmyk,
            6 => Meaning::YCbCr,
            other => return Err(unsupported(&format!("{} colours", photometric_name(other)))),
        };
        let samples = one(tag::SAMPLES).map_or(meaning.samples(), |samples| samples as usize);
        let bits = directory.whole(tag::BITS).unwrap_or_else(|| vec![1]);
        if bits.iter().any(|&each| each != bits[0]) {
            return Err(unsupported("channels of different depth"));
        }
        let number = match one(tag::SAMPLE_FORMAT).unwrap_or(1) {
            2 => Number::Signed,
            3 => Number::Float,
            1 | 4 => Number::Unsigned,
            _ => return Err(unsupported("complex numbers")),
        };
        let bits = bits[0] as usize;
        match (bits, number) {
            (1..=16 | 32, Number::Unsigned) | (8 | 16 | 32, Number::Signed) | (16 | 32 | 64, Number::Float) => {}
            _ => return Err(unsupported(&format!("{bits} bits a channel"))),
        }
        if samples < meaning.samples() {
            // Pillow takes it for grey.
            if meaning != Meaning::YCbCr || samples != 1 {
                return Err(damaged(&format!("its colours have {samples} channels")));
            }
        }
        let meaning =
            if samples == 1 && meaning == Meaning::YCbCr { Meaning::Grey { white_is_zero: false } } else { meaning };
        let extra = match (directory.whole(tag::EXTRA_SAMPLES).as_deref(), samples - meaning.samples()) {
            _ if meaning == Meaning::Cmyk => Extra::None,
            (Some([1, ..]), 1..) => Extra::Alpha { multiplied: true },
            (Some([2 | 999, ..]), 1..) => Extra::Alpha { multiplied: false },
            (None, 1) if meaning == Meaning::Rgb => Extra::Alpha { multiplied: false },
            _ => Extra::None,
        };
        if meaning == Meaning::Palette && (number != Number::Unsigned || bits > 8) {
            return Err(unsupported(&format!("a palette of {bits} bits")));
        }
        if meaning == Meaning::YCbCr && (number != Number::Unsigned || bits != 8) {
            return Err(unsupported(&format!("brightness and colours of {bits} bits")));
        }
        let part = if directory.has(tag::TILE_OFFSETS) {
            (side(tag::TILE_WIDTH).unwrap_or(0), side(tag::TILE_HEIGHT).unwrap_or(0))
        } else {
            (width, side(tag::ROWS_PER_STRIP).unwrap_or(u32::MAX).min(height))
        };
        if part.0 == 0 || part.1 == 0 {
            return Err(damaged("its strips or tiles have no size"));
        }
        let orientation = orientation::of_directory(Some(&directory), directory.bytes(tag::XMP));
        let predictor = one(tag::PREDICTOR).unwrap_or(1);
        let planar = one(tag::PLANAR) == Some(2) && samples > 1;
        let tiff = Tiff {
            bytes,
            directory,
            width,
            height,
            part,
            bits,
            samples,
            meaning,
            extra,
            number,
            compression,
            predictor,
            planar,
            orientation,
        };
        tiff.check_compression()?;
        Ok(tiff)
    }

    /// What of the combinations of compression and predictor cannot be read.
    fn check_compression(&self) -> Result<(), Error> {
        let name = match self.compression {
            1 | 5 | 8 | 32946 | 32773 | 50000 | MODERN_JPEG => None,
            2..=4 if self.bits != 1 || self.samples != 1 => return Err(damaged("a fax of more than one bit")),
            3 if self.flag(tag::T4_OPTIONS) & 1 != 0 => Some("two-dimensional fax (CCITT group 3)"),
            2..=4 => None,
            6 => Some("old-style JPEG"),
            34712 => Some("JPEG 2000"),
            34887 => Some("LERC"),
            34925 => Some("LZMA"),
            50001 => Some("WebP"),
            50002 | 52546 => Some("JPEG XL"),
            other => return Err(unsupported(&format!("compression {other}"))),
        };
        if let Some(name) = name {
            return Err(unsupported(&format!("{name} compression")));
        }
        if self.is_subsampled() && (self.planar || self.samples != 3 || self.predictor != 1) {
            return Err(unsupported("brightness and colours of different resolution in planes, or with a predictor"));
        }
        if self.planar && self.meaning == Meaning::YCbCr && self.compression == MODERN_JPEG {
            return Err(unsupported("JPEG in planes"));
        }
        match (self.predictor, self.number) {
            (1, _) => Ok(()),
            (2, _) if matches!(self.bits, 8 | 16 | 32 | 64) => Ok(()),
            (3, Number::Float) => Ok(()),
            (predictor, _) => Err(unsupported(&format!("predictor {predictor} of {} bits", self.bits))),
        }
    }

    fn flag(&self, tag: u16) -> u64 {
        self.directory.whole(tag).and_then(|values| values.first().copied()).unwrap_or(0)
    }

    /// How many of a pixel's samples are kept.
    fn kept(&self) -> usize {
        self.meaning.samples() + usize::from(self.extra != Extra::None)
    }

    /// The kept samples of all pixels, as bytes.
    fn samples(&self) -> Result<Vec<u8>, Error> {
        let (width, height) = (self.width as usize, self.height as usize);
        let (part_width, part_height) = (self.part.0 as usize, self.part.1 as usize);
        let kept = self.kept();
        let planes = if self.planar { kept } else { 1 };
        let (across, down) = (width.div_ceil(part_width), height.div_ceil(part_height));
        let (offsets, lengths) = self.places();
        if offsets.len() < across * down * planes {
            return Err(damaged(&format!("it has {} of its {} parts", offsets.len(), across * down * planes)));
        }
        let mut pixels = vec![0; width * height * kept];
        for (index, &offset) in offsets[..across * down * planes].iter().enumerate() {
            let (plane, index) = (index / (across * down), index % (across * down));
            let (left, top) = (index % across * part_width, index / across * part_height);
            let (columns, rows) = (part_width.min(width - left), part_height.min(height - top));
            let start = usize::try_from(offset).ok().and_then(|start| self.bytes.get(start..));
            let data = start.filter(|data| !data.is_empty()).ok_or_else(|| damaged("the file ends within it"))?;
            let data = match lengths.get(plane * across * down + index) {
                Some(&length) => &data[..data.len().min(length as usize)],
                None => data,
            };
            let part = self.part_samples(data, rows)?;
            // How the samples of a pixel lie in the part, and where they go.
            let (step, first) = if self.planar { (1, plane) } else { (self.samples, 0) };
            let taken = if self.planar { 1 } else { kept };
            for (y, row) in part.chunks_exact(part_width * step).take(rows).enumerate() {
                let start = (top + y) * width + left;
                let out = pixels[start * kept..(start + columns) * kept].chunks_exact_mut(kept);
                for (pixel, samples) in out.zip(row.chunks_exact(step)) {
                    pixel[first..first + taken].copy_from_slice(&samples[..taken]);
                }
            }
        }
        Ok(pixels)
    }

    /// Where the strips or tiles are, and how long.
    fn places(&self) -> (Vec<u64>, Vec<u64>) {
        let tiles = (tag::TILE_OFFSETS, tag::TILE_LENGTHS);
        let strips = (tag::STRIP_OFFSETS, tag::STRIP_LENGTHS);
        let (offsets, lengths) = if self.directory.has(tiles.0) { tiles } else { strips };
        let of = |tag| self.directory.whole(tag).unwrap_or_default();
        (of(offsets), of(lengths))
    }

    /// The samples of the first rows of a strip or tile, as bytes: all of a pixel's, or one where they lie apart.
    fn part_samples(&self, data: &[u8], rows: usize) -> Result<Vec<u8>, Error> {
        let width = self.part.0 as usize;
        let samples = if self.planar { 1 } else { self.samples };
        let row_bits = width as u64 * samples as u64 * self.bits as u64;
        let length = row_bits.div_ceil(8).checked_mul(rows as u64).filter(|&length| length <= MAX_BYTES);
        let length = length.ok_or_else(|| damaged("its strips or tiles are far too large"))? as usize;
        let row_length = row_bits.div_ceil(8) as usize;
        if self.compression == MODERN_JPEG {
            return self.jpeg_samples(data, rows, samples);
        }
        let data = match self.flag(tag::FILL_ORDER) {
            2 => Cow::Owned(data.iter().map(|byte| byte.reverse_bits()).collect()),
            _ => Cow::Borrowed(data),
        };
        if self.is_subsampled() {
            return self.brightness_and_colours(&data, rows);
        }
        let mut raw = self.unpack(&data, width, rows, length)?;
        if raw.len() < length {
            return Err(damaged("the data of a strip or tile end early"));
        }
        for row in raw.chunks_exact_mut(row_length) {
            match self.predictor {
                2 => unpack::add_up(row, samples, self.bits / 8, self.directory.big_endian),
                3 => unpack::add_up_floats(row, samples, self.bits / 8, self.directory.big_endian),
                _ => {}
            }
        }
        if self.bits == 8 && self.number == Number::Unsigned {
            return Ok(raw);
        }
        let mut bytes = Vec::with_capacity(width * samples * rows);
        for row in raw.chunks_exact(row_length) {
            self.to_bytes(row, width * samples, &mut bytes);
        }
        Ok(bytes)
    }

    fn unpack(&self, data: &[u8], width: usize, rows: usize, length: usize) -> Result<Vec<u8>, Error> {
        unpack::unpack(data, self.compression, (width, rows), length).map_err(|problem| damaged(&problem))
    }

    /// Numbers of a row to bytes.
    fn to_bytes(&self, row: &[u8], count: usize, out: &mut Vec<u8>) {
        let big_endian = self.directory.big_endian;
        let cut = |number: f64| number.clamp(0.0, 255.0) as u8;
        // What is no grey has its own white in every kind of number.
        let scaled = |number: f64, white: f64| (number.clamp(0.0, white) / white * 255.0).round() as u8;
        let is_grey = matches!(self.meaning, Meaning::Grey { .. });
        let number = |bytes: &[u8]| match big_endian {
            true => bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            false => bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        };
        match (self.number, self.bits) {
            (Number::Unsigned, 16) => {
                out.extend(row.chunks_exact(2).take(count).map(|bytes| ((number(bytes) + 128) / 257) as u8));
            }
            (Number::Unsigned, 32) => out.extend(row.chunks_exact(4).take(count).map(|bytes| match is_grey {
                true => number(bytes).min(255) as u8,
                false => (number(bytes) >> 24) as u8,
            })),
            (Number::Unsigned, bits) => {
                let most = (1u32 << bits) - 1;
                let is_index = self.meaning == Meaning::Palette;
                let mut reader = unpack::Bits::new(row);
                out.extend((0..count).map(|_| match reader.take(bits) {
                    index if is_index => index as u8,
                    number => ((number * 255 + most / 2) / most) as u8,
                }));
            }
            (Number::Signed, bits) => out.extend(row.chunks_exact(bits / 8).take(count).map(|bytes| {
                let unused = 64 - bits as u32;
                let number = (number(bytes) << unused).cast_signed() >> unused;
                // Pillow takes signed bytes for unsigned ones.
                if bits == 8 { number as u8 } else { number.clamp(0, 255) as u8 }
            })),
            (Number::Float, bits) => out.extend(row.chunks_exact(bits / 8).take(count).map(|bytes| {
                let number = match bits {
                    16 => half::f16::from_bits(number(bytes) as u16).into(),
                    32 => f64::from(f32::from_bits(number(bytes) as u32)),
                    _ => f64::from_bits(number(bytes)),
                };
                if is_grey { cut(number) } else { scaled(number, 1.0) }
            })),
        }
    }

    fn jpeg_samples(&self, data: &[u8], rows: usize, samples: usize) -> Result<Vec<u8>, Error> {
        let meaning = match (self.meaning, samples) {
            (_, 1) => ColorTransform::Grayscale,
            (Meaning::YCbCr, 3) => ColorTransform::YCbCr,
            (_, 3) => ColorTransform::RGB,
            (_, 4) => ColorTransform::CMYK,
            _ => return Err(unsupported(&format!("JPEG of {samples} channels"))),
        };
        let tables = self.directory.bytes(tag::JPEG_TABLES).unwrap_or_default();
        let (width, height, pixels) = jpeg::decode_in_tiff(tables, data, meaning)?;
        let fits = width == self.part.0 && height as usize >= rows && pixels.len() >= width as usize * rows * samples;
        if fits { Ok(pixels) } else { Err(damaged("a JPEG in it has another size than its strip or tile")) }
    }

    fn subsampling(&self) -> Vec<u64> {
        self.directory.whole(tag::SUBSAMPLING).unwrap_or_else(|| vec![2, 2])
    }

    /// Whether several pixels share a colour, and the file says so; in a JPEG it is the JPEG's affair.
    fn is_subsampled(&self) -> bool {
        self.meaning == Meaning::YCbCr && self.compression != MODERN_JPEG && self.subsampling() != [1, 1]
    }

    /// Brightness of several pixels, then their colour, as RGB (TIFF 6.0, section 21).
    fn brightness_and_colours(&self, data: &[u8], rows: usize) -> Result<Vec<u8>, Error> {
        let width = self.part.0 as usize;
        let [across @ (1 | 2 | 4), down @ (1 | 2 | 4)] = self.subsampling()[..] else {
            return Err(damaged("the sampling of its colours is none"));
        };
        let (across, down) = (across as usize, down as usize);
        let (units_across, units_down) = (width.div_ceil(across), rows.div_ceil(down));
        let unit = across * down + 2;
        let length = units_across * units_down * unit;
        let raw = self.unpack(data, width, rows, length)?;
        if raw.len() < length {
            return Err(damaged("the data of a strip or tile end early"));
        }
        let convert = self.conversion();
        let mut rgb = vec![0; width * rows * 3];
        for (index, unit) in raw.chunks_exact(unit).enumerate() {
            let (left, top) = (index % units_across * across, index / units_across * down);
            let (blue, red) = (unit[across * down], unit[across * down + 1]);
            for (place, &brightness) in unit[..across * down].iter().enumerate() {
                let (x, y) = (left + place % across, top + place / across);
                if x < width && y < rows {
                    rgb[(y * width + x) * 3..][..3].copy_from_slice(&convert(brightness, blue, red));
                }
            }
        }
        Ok(rgb)
    }

    /// From brightness and colours to RGB, by the coefficients and levels that the file has.
    fn conversion(&self) -> impl Fn(u8, u8, u8) -> [u8; 3] + use<> {
        let numbers = |tag, default: &[f64]| match self.directory.numbers(tag) {
            Some(numbers) if numbers.len() == default.len() && numbers.iter().all(|n| n.is_finite()) => numbers,
            _ => default.to_vec(),
        };
        let coefficients = numbers(tag::COEFFICIENTS, &[0.299, 0.587, 0.114]);
        let levels = numbers(tag::BLACK_AND_WHITE, &[0.0, 255.0, 128.0, 255.0, 128.0, 255.0]);
        move |brightness, blue, red| {
            let level = |byte: u8, at: usize, most: f64| {
                let range = levels[at + 1] - levels[at];
                (f64::from(byte) - levels[at]) * most / if range == 0.0 { 1.0 } else { range }
            };
            let (y, cb, cr) = (level(brightness, 0, 255.0), level(blue, 2, 127.0), level(red, 4, 127.0));
            let [red, green, blue] = coefficients[..] else { return [0; 3] };
            let r = cr * (2.0 - 2.0 * red) + y;
            let b = cb * (2.0 - 2.0 * blue) + y;
            let g = if green == 0.0 { y } else { (y - blue * b - red * r) / green };
            [r, g, b].map(|colour| colour.round().clamp(0.0, 255.0) as u8)
        }
    }

    /// Colours of indices, with the transparency that stands beside them.
    fn through_palette(&self, samples: &[u8]) -> Result<Vec<u8>, Error> {
        let map = self.directory.whole(tag::COLOUR_MAP).ok_or_else(|| damaged("its palette is not there"))?;
        let colours = map.len() / 3;
        // Of 16 bits Pillow takes the upper eight.
        let colour = |index: usize| [index, index + colours, index + 2 * colours].map(|at| (map[at] >> 8) as u8);
        let palette: Vec<[u8; 3]> = (0..colours).map(colour).collect();
        let colour = |index: u8| palette.get(usize::from(index)).copied().unwrap_or_default();
        Ok(match self.extra {
            Extra::None => samples.iter().flat_map(|&index| colour(index)).collect(),
            Extra::Alpha { .. } => {
                let with_alpha = |&[index, alpha]: &[u8; 2]| {
                    let [r, g, b] = colour(index);
                    [r, g, b, alpha]
                };
                samples.as_chunks().0.iter().flat_map(with_alpha).collect()
            }
        })
    }
}

impl Opened for Tiff<'_> {
    fn header(&self) -> Header {
        let decoded =
            if self.meaning == Meaning::Palette { 3 + usize::from(self.extra != Extra::None) } else { self.kept() };
        Header { width: self.width, height: self.height, pixel_bytes: decoded as u64, orientation: self.orientation }
    }

    fn space(&self) -> Option<Space> {
        self.directory.bytes(tag::PROFILE).map(|bytes| Space::Profile(bytes.into()))
    }

    fn frame(self: Box<Self>, _: Option<u32>) -> Result<Frame, Error> {
        let mut samples = self.samples()?;
        let (width, height) = (self.width, self.height);
        let kept = self.kept();
        let image = match self.meaning {
            Meaning::Palette => {
                let channels = if kept == 1 { 3 } else { 4 };
                of_channels(width, height, channels, self.through_palette(&samples)?)
            }
            Meaning::Grey { white_is_zero } => {
                if white_is_zero && self.number == Number::Unsigned {
                    samples.chunks_exact_mut(kept).for_each(|pixel| pixel[0] = 255 - pixel[0]);
                }
                of_channels(width, height, kept, samples)
            }
            Meaning::YCbCr if self.compression != MODERN_JPEG && !self.is_subsampled() => {
                let convert = self.conversion();
                for pixel in samples.chunks_exact_mut(kept) {
                    let rgb = convert(pixel[0], pixel[1], pixel[2]);
                    pixel[..3].copy_from_slice(&rgb);
                }
                of_channels(width, height, kept, samples)
            }
            Meaning::Rgb | Meaning::YCbCr | Meaning::Cmyk => of_channels(width, height, kept, samples),
        };
        let premultiplied = self.extra == Extra::Alpha { multiplied: true };
        Ok(Frame { premultiplied, inks: self.meaning == Meaning::Cmyk, ..Frame::of(image) })
    }
}

fn photometric_name(photometric: u64) -> String {
    match photometric {
        4 => "mask".into(),
        8..=10 => "CIELab".into(),
        32803 | 34892 => "raw sensor".into(),
        32844 | 32845 => "LogLuv".into(),
        other => format!("photometric {other}"),
    }
}

fn unsupported(kind: &str) -> Error {
    Error::Unsupported(format!("TIFF with {kind}"))
}

fn damaged(problem: &str) -> Error {
    Error::damaged(Format::Tiff, problem)
}

#[cfg(test)]
mod tests;
