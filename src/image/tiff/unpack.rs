//! How the bytes of a strip or tile are packed: compression (TIFF 6.0, sections 9 to 13), and what predictors left of the
//! samples (section 14; Adobe's TIFF technical note 3).

use std::io::Read;

use fax::decoder::{DecodeStatus, Group4Decoder};
use fax::maps::{black, white};
use fax::{BitReader, ByteReader};

/// The first `length` bytes of a strip or tile, or fewer where there are no more; `shape`: width and rows of a fax.
pub(super) fn unpack(data: &[u8], compression: u64, shape: (usize, usize), length: usize) -> Result<Vec<u8>, String> {
    match compression {
        2..=4 => fax(data, compression, shape),
        5 => lzw(data, length),
        8 | 32946 => read(flate2::read::ZlibDecoder::new(data), length),
        32773 => Ok(pack_bits(data, length)),
        50000 => read(zstd::stream::read::Decoder::new(data).map_err(|e| e.to_string())?, length),
        _ => Ok(data[..data.len().min(length)].to_vec()),
    }
}

/// Memory grows with what comes, not with what is claimed.
fn read(reader: impl Read, length: usize) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    reader.take(length as u64).read_to_end(&mut out).map_err(|e| e.to_string())?;
    Ok(out)
}

fn lzw(data: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let (mut out, mut from, mut to) = (vec![0; length], 0, 0);
    while to < length {
        let result = decoder.decode_bytes(&data[from..], &mut out[to..]);
        (from, to) = (from + result.consumed_in, to + result.consumed_out);
        match result.status {
            Ok(weezl::LzwStatus::Ok) => {}
            Ok(_) => break,
            Err(e) => return Err(e.to_string()),
        }
    }
    out.truncate(to);
    Ok(out)
}

fn pack_bits(mut data: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while let (true, Some((&count, rest))) = (out.len() < length, data.split_first()) {
        data = match (count, rest.split_first()) {
            (0..=127, _) => {
                let (literal, after) = rest.split_at(rest.len().min(usize::from(count) + 1));
                out.extend_from_slice(literal);
                after
            }
            (129.., Some((&byte, after))) => {
                out.resize(out.len() + 257 - usize::from(count), byte);
                after
            }
            _ => rest,
        };
    }
    out.truncate(length);
    out
}

/// Rows of a fax, black as 1.
fn fax(data: &[u8], compression: u64, (width, rows): (usize, usize)) -> Result<Vec<u8>, String> {
    let damaged = || "its fax is damaged".to_string();
    let columns = u16::try_from(width).map_err(|_| "a fax of more than 65535 pixels a row".to_string())?;
    let bytes = data.iter().map(|&byte| Ok::<u8, std::convert::Infallible>(byte));
    let mut out = vec![0; width.div_ceil(8) * rows];
    let lines = out.chunks_exact_mut(width.div_ceil(8));
    if compression == 4 {
        let mut decoder = Group4Decoder::new(bytes, columns).map_err(|_| damaged())?;
        for line in lines {
            // Some programs leave out white rows at the end.
            if decoder.advance().map_err(|_| damaged())? == DecodeStatus::End {
                break;
            }
            blacken(line, decoder.transition(), columns);
        }
        return Ok(out);
    }
    let mut reader = ByteReader::new(bytes).map_err(|_| damaged())?;
    for line in lines {
        // No run begins with nine zeros: it is the end of a line, of which there may be none, or fill before one.
        while compression == 3 && reader.peek(9) == Some(0) {
            while reader.peek(1) == Some(0) {
                let _ = reader.consume(1);
            }
            let _ = reader.consume(1);
        }
        blacken(line, &runs(&mut reader, columns).ok_or_else(damaged)?, columns);
        if compression == 2 {
            let _ = reader.consume(reader.bits_to_byte_boundary());
        }
    }
    Ok(out)
}

/// Where a row of runs, white first, changes its colour (ITU-T T.4, 4.1).
fn runs(reader: &mut impl BitReader, columns: u16) -> Option<Vec<u16>> {
    let (mut at, mut changes) = (0u16, Vec::new());
    while at < columns {
        loop {
            let run = if changes.len() % 2 == 0 { white::decode(reader)? } else { black::decode(reader)? };
            at = at.checked_add(run)?;
            if run < 64 {
                break;
            }
        }
        changes.push(at);
    }
    Some(changes)
}

fn blacken(line: &mut [u8], changes: &[u16], columns: u16) {
    for black in changes.chunks(2) {
        let end = black.get(1).copied().unwrap_or(columns).min(columns);
        (black[0]..end).for_each(|x| line[usize::from(x / 8)] |= 0x80 >> (x % 8));
    }
}

/// Differences of neighbours to numbers, in their own byte order.
pub(super) fn add_up(row: &mut [u8], samples: usize, size: usize, big_endian: bool) {
    let step = samples * size;
    for at in (step..row.len() - row.len() % size).step_by(size) {
        let mut carry = 0;
        for place in 0..size {
            // From the lowest byte up.
            let byte = at + if big_endian { size - 1 - place } else { place };
            let sum = u16::from(row[byte]) + u16::from(row[byte - step]) + carry;
            (row[byte], carry) = (sum as u8, sum >> 8);
        }
    }
}

/// Differences of bytes, all highest ones first, to floating point in the file's byte order.
pub(super) fn add_up_floats(row: &mut [u8], samples: usize, size: usize, big_endian: bool) {
    for at in samples..row.len() {
        row[at] = row[at].wrapping_add(row[at - samples]);
    }
    let (planes, count) = (row.to_vec(), row.len() / size);
    for (number, bytes) in row.chunks_exact_mut(size).enumerate() {
        for (place, byte) in bytes.iter_mut().enumerate() {
            let plane = if big_endian { place } else { size - 1 - place };
            *byte = planes[plane * count + number];
        }
    }
}

/// Numbers of a few bits, the highest bit first.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, at: 0 }
    }

    /// The next number of so many bits, 16 at most; zeros follow the last.
    pub(super) fn take(&mut self, bits: usize) -> u32 {
        let (byte, shift) = (self.at / 8, self.at % 8);
        let at = |place: usize| u32::from(self.bytes.get(byte + place).copied().unwrap_or(0));
        let wide = at(0) << 16 | at(1) << 8 | at(2);
        self.at += bits;
        wide >> (24 - shift - bits) & ((1 << bits) - 1)
    }
}
