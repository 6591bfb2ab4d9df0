//! TIFF's directories (TIFF 6.0, section 2; BigTIFF with 64-bit offsets): those of TIFF files, and EXIF, which is one.

/// The type of a field, by TIFF's numbers, and how many bytes one value takes.
const SIZES: [usize; 19] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];
/// Text in UTF-8 (EXIF 3.0, 4.6.2).
const UTF_8: u16 = 129;
/// There are so many tags.
const MOST_FIELDS: u64 = 1 << 16;

/// How many bytes a value of this type takes; 0: there is no such type.
fn size(kind: u16) -> usize {
    if kind == UTF_8 { 1 } else { SIZES.get(usize::from(kind)).copied().unwrap_or(0) }
}

/// A value's bytes, of which the directory has seen that they are there.
#[derive(Debug, Clone, Copy)]
struct Field<'a> {
    tag: u16,
    kind: u16,
    data: &'a [u8],
}

/// A directory of a file.
#[derive(Debug)]
pub(crate) struct Directory<'a> {
    pub big_endian: bool,
    /// All bytes of the file, and how many of them an offset takes.
    bytes: &'a [u8],
    wide: usize,
    fields: Vec<Field<'a>>,
    /// Where the file's next directory begins; 0: this is the last. What lies behind the end of the file was cut off.
    next: u64,
}

impl<'a> Directory<'a> {
    /// Reads the first; fields that lie outside the bytes are left out, as Pillow does. `None`: these bytes are no TIFF.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Directory<'a>> {
        Directory::first(bytes, &[42])
    }

    /// Reads the first, also of what is TIFF but for its mark, as raw files of Olympus and Panasonic are.
    pub(crate) fn read_any(bytes: &'a [u8]) -> Option<Directory<'a>> {
        Directory::first(bytes, &[42, 0x4f52, 0x5352, 0x55])
    }

    fn first(bytes: &'a [u8], marks: &[u64]) -> Option<Directory<'a>> {
        let big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let number = |at: u64, size: usize| number(slice(bytes, at, size as u64)?, big_endian);
        // Offsets and counts of BigTIFF are wider.
        let (start, wide) = match number(2, 2)? {
            43 if number(4, 2)? == 8 => (number(8, 8)?, 8),
            mark if marks.contains(&mark) => (number(4, 4)?, 4),
            _ => return None,
        };
        Directory::at(bytes, big_endian, wide, start)
    }

    fn at(bytes: &'a [u8], big_endian: bool, wide: usize, start: u64) -> Option<Directory<'a>> {
        let number = |at: u64, size: usize| number(slice(bytes, at, size as u64)?, big_endian);
        let count_size = if wide == 8 { 8 } else { 2 };
        let (count, mut at) = (number(start, count_size)?, start.checked_add(count_size as u64)?);
        let mut fields = Vec::new();
        for _ in 0..count.min(MOST_FIELDS) {
            let (Some(tag), Some(kind)) = (number(at, 2), number(at + 2, 2)) else { break };
            let Some(values) = number(at + 4, wide) else { break };
            let place = at + 4 + wide as u64;
            at = place + wide as u64;
            let size = size(kind as u16) as u64;
            let Some(length) = values.checked_mul(size).filter(|&length| length > 0) else { continue };
            let from = if length <= wide as u64 { Some(place) } else { number(place, wide) };
            let Some(data) = from.and_then(|from| slice(bytes, from, length)) else { continue };
            fields.push(Field { tag: tag as u16, kind: kind as u16, data });
        }
        let size = count.checked_mul(4 + 2 * wide as u64).and_then(|size| size.checked_add(count_size as u64));
        let end = size.and_then(|size| start.checked_add(size));
        // Some writers leave out that there is no other, at the end of the file; else a file that does not say was cut short.
        let none = if end == Some(bytes.len() as u64) { 0 } else { u64::MAX };
        let next = end.and_then(|end| number(end, wide)).unwrap_or(none);
        Some(Directory { big_endian, bytes, wide, fields, next })
    }

    /// Where the file's next directory begins; `None`: this is the last.
    pub(super) fn next(&self) -> Option<u64> {
        (self.next != 0).then_some(self.next)
    }

    /// The directory of the same file that begins there.
    pub(super) fn beginning_at(&self, start: u64) -> Option<Directory<'a>> {
        Directory::at(self.bytes, self.big_endian, self.wide, start)
    }

    /// The directory that a field points to.
    pub(crate) fn inner(&self, tag: u16) -> Option<Directory<'a>> {
        let start = self.few(tag, 1)?.first().copied()?;
        Directory::at(self.bytes, self.big_endian, self.wide, start as u64)
    }

    /// The directories that a field points to; no file has many.
    pub(super) fn all_inner(&self, tag: u16) -> Vec<Directory<'a>> {
        let starts = self.few(tag, 16).unwrap_or_default().into_iter();
        starts.filter_map(|start| Directory::at(self.bytes, self.big_endian, self.wide, start as u64)).collect()
    }

    fn field(&self, tag: u16) -> Option<Field<'a>> {
        self.fields.iter().rfind(|field| field.tag == tag).copied()
    }

    /// Whether the field is there.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.field(tag).is_some()
    }

    /// The bytes of a field, whatever its type.
    pub(crate) fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        self.field(tag).map(|field| field.data)
    }

    /// The values of a field of numbers.
    pub(super) fn numbers(&self, tag: u16) -> Option<Vec<f64>> {
        self.few(tag, usize::MAX)
    }

    /// The first values of a field of numbers.
    pub(crate) fn few(&self, tag: u16, most: usize) -> Option<Vec<f64>> {
        let Field { kind, data, .. } = self.field(tag)?;
        let whole = |bytes: &[u8]| number(bytes, self.big_endian).unwrap_or(0);
        let signed = |bytes: &[u8]| {
            let unused = 64 - 8 * bytes.len() as u32;
            ((whole(bytes) << unused).cast_signed() >> unused) as f64
        };
        let value = |bytes: &[u8]| match kind {
            5 => whole(&bytes[..4]) as f64 / whole(&bytes[4..]) as f64,
            6 | 8 | 9 | 17 => signed(bytes),
            10 => signed(&bytes[..4]) / signed(&bytes[4..]),
            11 => f64::from(f32::from_bits(whole(bytes) as u32)),
            12 => f64::from_bits(whole(bytes)),
            _ => whole(bytes) as f64,
        };
        // Bytes and texts are no numbers to Pillow either.
        (![1, 2, 7, UTF_8].contains(&kind)).then(|| data.chunks_exact(size(kind)).take(most).map(value).collect())
    }

    /// The values of a field of whole numbers.
    pub(super) fn whole(&self, tag: u16) -> Option<Vec<u64>> {
        // What is no number, or below zero, becomes 0.
        self.numbers(tag).map(|numbers| numbers.into_iter().map(|number| number as u64).collect())
    }
}

fn slice(bytes: &[u8], at: u64, length: u64) -> Option<&[u8]> {
    let (at, end) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(length)?).ok()?);
    bytes.get(at..end)
}

/// A whole number of up to eight bytes.
fn number(bytes: &[u8], big_endian: bool) -> Option<u64> {
    let shifted = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    Some(if big_endian { bytes.iter().fold(0, shifted) } else { bytes.iter().rev().fold(0, shifted) })
}
