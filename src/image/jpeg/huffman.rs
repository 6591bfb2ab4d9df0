//! The entropy-coded part of a JPEG: its bits, and the codes they are made of (T.81, annexes C and F).
//!
//! A table looks ten bits up at once and gives run, size and value of a coefficient where all of them lie within. Where
//! coefficients are not wanted, another looks twelve bits up and passes over as many of them as begin there.

use std::io::BufRead;
use std::ops::Range;

/// Bits without the stuffed zeros, the next one at the top of `ahead`.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Where the byte after those in `ahead` is.
    next: usize,
    ahead: u64,
    /// How many bits of `ahead` count. Those below are right already, but are read again.
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Bits<'a> {
        Bits { bytes, next: start, ahead: 0, count: 0 }
    }

    /// After it there are 56 bits; zeros where the bytes end.
    #[inline(always)]
    fn refill(&mut self) {
        let bytes = self.bytes.get(self.next..).and_then(<[u8]>::first_chunk::<8>);
        self.ahead |= u64::from_be_bytes(*bytes.unwrap_or(&[0; 8])) >> self.count;
        self.next += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    /// What a code and its value need at most: 16 and 15 bits.
    #[inline(always)]
    fn ensure(&mut self) {
        if self.count < 32 {
            self.refill();
        }
    }

    /// The next bits, of which there are 1 to 32.
    #[inline(always)]
    fn peek(&self, bits: u32) -> usize {
        (self.ahead >> (64 - bits)) as usize
    }

    #[inline(always)]
    fn skip(&mut self, bits: u32) {
        self.ahead <<= bits;
        self.count -= bits;
    }

    /// Up to 15 bits as a number, after [`Bits::ensure`].
    #[inline(always)]
    fn take(&mut self, bits: u32) -> i32 {
        // Two shifts, so that none is by 64.
        let value = (self.ahead >> 1 >> (63 - bits)) as i32;
        self.skip(bits);
        value
    }

    /// Up to 15 bits as a number.
    pub(super) fn number(&mut self, bits: u32) -> i32 {
        self.ensure();
        self.take(bits)
    }

    /// Where the next bit is, counted from the first byte.
    pub(super) fn position(&self) -> usize {
        self.next * 8 - self.count as usize
    }
}

/// A scan's bytes as they were before zeros were stuffed into them.
#[derive(Default)]
pub(super) struct Entropy {
    pub(super) bytes: Vec<u8>,
    /// What lies between the marks of restarts.
    pub(super) parts: Vec<Range<usize>>,
}

impl Entropy {
    /// Reads up to the marker that ends a scan, and gives what begins with it. `None`: there is none, or the marks of
    /// restarts do not count up.
    pub(super) fn read<'a>(&mut self, scan: &'a [u8]) -> Option<&'a [u8]> {
        self.bytes.clear();
        self.parts.clear();
        let (mut rest, mut start) = (scan, 0);
        loop {
            rest.read_until(0xff, &mut self.bytes).ok()?;
            match rest.first()? {
                0 => rest = &rest[1..],
                // Fill.
                0xff => _ = self.bytes.pop(),
                &mark => {
                    self.bytes.pop();
                    self.parts.push(start..self.bytes.len());
                    start = self.bytes.len();
                    if !(0xd0..=0xd7).contains(&mark) {
                        // Bits are read eight bytes at once.
                        self.bytes.extend([0; 8]);
                        return scan.get(scan.len() - rest.len() - 1..);
                    }
                    if usize::from(mark - 0xd0) != (self.parts.len() - 1) % 8 {
                        return None;
                    }
                    rest = &rest[1..];
                }
            }
        }
    }
}

const FAST: u32 = 10;
const FAR: u32 = 12;

/// Of an entry of [`Table::fast`]: the value is part of it.
const WHOLE: u32 = 1 << 7;
/// Of an entry of [`Table::far`]: the block ends there.
const END: u32 = 1 << 7;

/// A table of codes.
pub(super) struct Table {
    /// By the next ten bits: bits used (7), [`WHOLE`], symbol (8), value (16); 0 where the code is longer.
    fast: Box<[u32; 1 << FAST]>,
    /// By the next twelve bits: bits used (7), [`END`], coefficients passed (8); 0 where no code lies within.
    far: Box<[u16; 1 << FAR]>,
    /// The first code of each length, where it is the first of 16 bits, that no code of this length begins.
    limits: [u32; 18],
    /// From the code to its place in `symbols`.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

/// What a value of so many bits stands for (T.81, F.2.2.1).
#[inline(always)]
pub(super) fn extend(value: i32, size: u32) -> i32 {
    if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
}

impl Table {
    /// Of the number of codes of each length, and their symbols. `None`: they are no code.
    pub(super) fn new(counts: [u8; 16], given: &[u8]) -> Option<Table> {
        let mut symbols = [0; 256];
        symbols.get_mut(..given.len())?.copy_from_slice(given);
        let (mut limits, mut offsets) = ([0; 18], [0; 17]);
        let (mut code, mut place) = (0u32, 0);
        // Of ten and of twelve bits: symbol, and length of the code.
        let mut codes = vec![(0u8, 0u32); 1 << FAR];
        for length in 1..=16 {
            let count = u32::from(counts[length as usize - 1]);
            offsets[length as usize] = place as i32 - code as i32;
            for _ in 0..count {
                let symbol = *given.get(place)?;
                if code >= 1 << length {
                    return None;
                }
                if length <= FAR {
                    let first = (code << (FAR - length)) as usize;
                    codes[first..first + (1 << (FAR - length))].fill((symbol, length));
                }
                (code, place) = (code + 1, place + 1);
            }
            limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        limits[17] = u32::MAX;
        let mut fast = Box::new([0; 1 << FAST]);
        for (bits, entry) in (0u32..).zip(fast.iter_mut()) {
            let (symbol, length) = codes[(bits << (FAR - FAST)) as usize];
            if length == 0 || length > FAST {
                continue;
            }
            let size = u32::from(symbol & 15);
            let (used, value) = if length + size <= FAST {
                let value = bits >> (FAST - length - size) & ((1 << size) - 1);
                ((length + size) | WHOLE, extend(value as i32, size))
            } else {
                (length, 0)
            };
            *entry = used | u32::from(symbol) << 8 | (value as u32) << 16;
        }
        let mut far = Box::new([0; 1 << FAR]);
        for (bits, entry) in far.iter_mut().enumerate() {
            let (mut used, mut passed, mut end) = (0, 0, 0);
            while used < FAR && end == 0 {
                let (symbol, length) = codes[bits << used & ((1 << FAR) - 1)];
                if length == 0 || used + length > FAR {
                    break;
                }
                let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                if size == 0 && run < 15 {
                    end = END;
                } else if passed + run + 1 > 63 {
                    break;
                } else {
                    passed += run + 1;
                }
                used += length + size;
            }
            *entry = (used | end | passed << 8) as u16;
        }
        Some(Table { fast, far, limits, offsets, symbols })
    }

    /// A symbol whose code is longer than the tables are wide; after [`Bits::ensure`].
    #[cold]
    fn long(&self, bits: &mut Bits) -> Option<u8> {
        let next = bits.peek(16) as u32;
        let length = (1..=17).find(|&length| next < self.limits[length]).filter(|&length| length <= 16)?;
        bits.skip(length as u32);
        let place = (next >> (16 - length)) as i32 + self.offsets[length];
        self.symbols.get(place as usize).copied()
    }

    /// A symbol and the value that follows it.
    #[inline(always)]
    fn next(&self, bits: &mut Bits) -> Option<(u8, i32)> {
        bits.ensure();
        let entry = self.fast[bits.peek(FAST)];
        if entry & WHOLE != 0 {
            bits.skip(entry & 127);
            return Some(((entry >> 8) as u8, entry as i32 >> 16));
        }
        let symbol = if entry != 0 {
            bits.skip(entry & 127);
            (entry >> 8) as u8
        } else {
            self.long(bits)?
        };
        let size = u32::from(symbol & 15);
        Some((symbol, extend(bits.take(size), size)))
    }

    /// A symbol alone.
    pub(super) fn symbol(&self, bits: &mut Bits) -> Option<u8> {
        bits.ensure();
        let entry = self.fast[bits.peek(FAST)];
        if entry == 0 {
            return self.long(bits);
        }
        let symbol = (entry >> 8) as u8;
        let size = if entry & WHOLE != 0 { u32::from(symbol & 15) } else { 0 };
        bits.skip((entry & 127) - size);
        Some(symbol)
    }

    /// The difference to the last block's mean.
    #[inline(always)]
    pub(super) fn difference(&self, bits: &mut Bits) -> Option<i32> {
        let (symbol, value) = self.next(bits)?;
        (symbol < 16).then_some(value)
    }

    /// The coefficients after the first that are not 0, in the order of the file, with the place of each.
    #[inline(always)]
    pub(super) fn coefficients(&self, bits: &mut Bits, mut found: impl FnMut(usize, i32)) -> Option<()> {
        let mut place = 1;
        while place < 64 {
            let (symbol, value) = self.next(bits)?;
            let run = usize::from(symbol >> 4);
            if symbol & 15 != 0 {
                place += run;
                if place > 63 {
                    return None;
                }
                found(place, value);
                place += 1;
            } else if run == 15 {
                place += 16;
            } else {
                break;
            }
        }
        (place <= 64).then_some(())
    }

    /// Passes over a block's coefficients after the first.
    #[inline(always)]
    pub(super) fn pass(&self, bits: &mut Bits) -> Option<()> {
        let mut place = 1;
        while place < 64 {
            bits.ensure();
            let entry = u32::from(self.far[bits.peek(FAR)]);
            let after = place + (entry >> 8);
            if entry & END != 0 && after < 64 {
                bits.skip(entry & 127);
                return Some(());
            }
            if entry & END == 0 && entry != 0 && after <= 64 {
                bits.skip(entry & 127);
                place = after;
                continue;
            }
            // Here the block may be full before all codes are passed.
            let (symbol, _) = self.next(bits)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => place += 16,
                (_, 0) => return Some(()),
                (run, _) => place += u32::from(run) + 1,
            }
        }
        (place == 64).then_some(())
    }
}
