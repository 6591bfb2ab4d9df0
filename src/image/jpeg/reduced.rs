//! JPEGs at an eighth, a quarter or a half of their size, pixel for pixel as libjpeg-turbo makes them.
//!
//! It reads what cameras and programs write: Huffman codes, all components in one scan or progressive, the colours at
//! the resolution of the brightness or a half. Of all else, and of what is damaged or cut short, it makes nothing, so
//! that a decoder of everything may say what is wrong. Colours that are coarser than the brightness are not made finer
//! but decoded at twice the scale, as libjpeg does (`jdmaster.c`).

use std::ops::Range;

use super::dct;
use super::huffman::{Bits, Entropy, Table, extend};

/// Pixels of a picture that is reduced: one or three bytes each.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reduced {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) pixels: Vec<u8>,
}

/// From the order of the file to rows (T.81, figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

struct Component {
    id: u8,
    across: usize,
    down: usize,
    quantization: usize,
    /// Blocks that the picture covers.
    columns: usize,
    rows: usize,
    /// Blocks that are stored: whole MCUs.
    stored: usize,
    /// Samples of a block, across and down.
    size: usize,
    samples: Vec<u8>,
    /// Of a progressive picture, in the order of the file.
    coefficients: Vec<[i16; 64]>,
    /// Of a progressive picture: how many bits of each coefficient are still missing; at first all.
    missing: [u8; 64],
}

impl Component {
    fn stride(&self) -> usize {
        self.stored * self.size
    }
}

struct Frame {
    progressive: bool,
    width: usize,
    height: usize,
    components: Vec<Component>,
    mcus_across: usize,
    mcus_down: usize,
}

/// The part of a scan's header that says which coefficients it has (T.81, B.2.3).
struct Band {
    first: usize,
    last: usize,
    /// Bits that the scans before left out, and that this one leaves out.
    before: u8,
    after: u8,
}

#[derive(Default)]
struct Tables {
    quantization: [Option<[i32; 64]>; 4],
    means: [Option<Table>; 4],
    others: [Option<Table>; 4],
    restart: usize,
}

/// The picture with `size` samples where the whole one has 8: 1, 2 or 4. `None` where it is none of those that this
/// decodes, or is damaged in any way.
pub(super) fn decode(bytes: &[u8], size: usize) -> Option<Reduced> {
    let mut tables = Tables::default();
    let mut frame: Option<Frame> = None;
    let mut entropy = Entropy::default();
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    loop {
        rest = rest.strip_prefix(&[0xff])?;
        while let [0xff, after @ ..] = rest {
            rest = after;
        }
        let (&marker, after) = rest.split_first()?;
        if marker == 0xd9 {
            break;
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let segment = after.get(2..length)?;
        rest = &after[length..];
        match marker {
            0xc4 => tables.read_codes(segment)?,
            0xdb => tables.read_quantization(segment)?,
            0xdd => tables.restart = usize::from(u16::from_be_bytes(*segment.first_chunk()?)),
            0xc0..=0xc2 if frame.is_none() => frame = Some(Frame::read(segment, marker == 0xc2, size)?),
            0xda => {
                let frame = frame.as_mut()?;
                rest = entropy.read(rest)?;
                frame.scan(segment, &tables, &entropy)?;
            }
            0xe0..=0xef | 0xfe => {}
            _ => return None,
        }
    }
    let mut frame = frame?;
    if frame.progressive {
        frame.transform(&tables)?;
    }
    frame.picture(size)
}

impl Tables {
    fn read_codes(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&[place, ref counts @ ..], rest)) = segment.split_first_chunk::<17>() {
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let table = Table::new(*counts, rest.get(..symbols)?)?;
            let tables = if place >> 4 == 0 { &mut self.means } else { &mut self.others };
            *tables.get_mut(usize::from(place & 15)).filter(|_| place < 0x20)? = Some(table);
            segment = &rest[symbols..];
        }
        segment.is_empty().then_some(())
    }

    fn read_quantization(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&place, rest)) = segment.split_first() {
            let wide = usize::from(place >> 4);
            let steps = rest.get(..64 * (1 + wide)).filter(|_| wide < 2)?;
            let mut table = [0; 64];
            for (step, bytes) in table.iter_mut().zip(steps.chunks(1 + wide)) {
                *step = bytes.iter().fold(0, |step, &byte| step << 8 | i32::from(byte));
            }
            *self.quantization.get_mut(usize::from(place & 15))? = Some(table);
            segment = &rest[steps.len()..];
        }
        Some(())
    }
}

impl Frame {
    fn read(segment: &[u8], progressive: bool, size: usize) -> Option<Frame> {
        let &[precision, y1, y0, x1, x0, count] = segment.first_chunk()?;
        let (width, height) = (usize::from(u16::from_be_bytes([x1, x0])), usize::from(u16::from_be_bytes([y1, y0])));
        let given = segment[6..].as_chunks::<3>().0;
        if precision != 8 || ![1, 3].contains(&count) || given.len() != usize::from(count) || width == 0 || height == 0
        {
            return None;
        }
        // A single component has one block an MCU, whatever its sampling says.
        let sampling =
            |sampling: u8| if count == 1 { (1, 1) } else { (usize::from(sampling >> 4), usize::from(sampling & 15)) };
        let (across, down) = sampling(given[0][1]);
        let coarse = given[1..].iter().all(|&[_, factors, _]| sampling(factors) == (1, 1));
        if !coarse || !(1..=2).contains(&across) || !(1..=2).contains(&down) {
            return None;
        }
        let (mcus_across, mcus_down) = (width.div_ceil(8 * across), height.div_ceil(8 * down));
        let component = |&[id, factors, quantization]: &[u8; 3]| {
            let (h, v) = sampling(factors);
            let size = if (h, v) != (across, down) && (across, down) == (2, 2) { size * 2 } else { size };
            let (stored, high) = (mcus_across * h, mcus_down * v);
            let blocks = if progressive { stored * high } else { 0 };
            Component {
                id,
                across: h,
                down: v,
                quantization: quantization.into(),
                columns: (width * h).div_ceil(8 * across),
                rows: (height * v).div_ceil(8 * down),
                stored,
                size,
                samples: vec![0; stored * size * high * size],
                coefficients: vec![[0; 64]; blocks],
                missing: [u8::MAX; 64],
            }
        };
        let components = given.iter().map(component).collect();
        Some(Frame { progressive, width, height, components, mcus_across, mcus_down })
    }

    fn scan(&mut self, header: &[u8], tables: &Tables, entropy: &Entropy) -> Option<()> {
        let (&count, header) = header.split_first()?;
        let (chosen, band) = header.split_at_checked(2 * usize::from(count))?;
        let &[first, last, bits] = band.first_chunk()?;
        let band = Band { first: first.into(), last: last.into(), before: bits >> 4, after: bits & 15 };
        let mut scanned: Vec<(usize, usize, usize)> = Vec::with_capacity(chosen.len() / 2);
        for &[id, places] in chosen.as_chunks::<2>().0 {
            let component = self.components.iter().position(|component| component.id == id)?;
            if scanned.iter().any(|&(other, ..)| other >= component) || places & 15 > 3 || places >> 4 > 3 {
                return None;
            }
            scanned.push((component, usize::from(places >> 4), usize::from(places & 15)));
        }
        if !self.progressive {
            return self.sequential(&scanned, tables, entropy);
        }
        if band.last > 63 || band.first > band.last || band.after > 13 || (band.first == 0) != (band.last == 0) {
            return None;
        }
        if scanned.is_empty() || (band.first > 0 && scanned.len() > 1) {
            return None;
        }
        let before = if band.before == 0 { u8::MAX } else { band.before };
        for &(component, ..) in &scanned {
            for missing in &mut self.components[component].missing[band.first..=band.last] {
                if *missing != before || (band.before > 0 && band.before != band.after + 1) {
                    return None;
                }
                *missing = band.after;
            }
        }
        if band.first == 0 {
            self.means(&scanned, &band, tables, entropy)
        } else {
            self.others(scanned[0], &band, tables, entropy)
        }
    }

    /// The only scan of a picture that is not progressive.
    fn sequential(&mut self, scanned: &[(usize, usize, usize)], tables: &Tables, entropy: &Entropy) -> Option<()> {
        if scanned.len() != self.components.len() {
            return None;
        }
        let mut codes = Vec::with_capacity(scanned.len());
        for &(component, mean, other) in scanned {
            let quantization = *tables.quantization.get(self.components[component].quantization)?;
            codes.push((tables.means[mean].as_ref()?, tables.others[other].as_ref()?, quantization?));
        }
        let mcus = self.mcus_across * self.mcus_down;
        let (mut means, mut block) = ([0i32; 4], [0i32; 64]);
        let (mut at_x, mut at_y) = (0, 0);
        for (mut bits, end, length) in parts(entropy, tables.restart, mcus)? {
            means.fill(0);
            for _ in 0..length {
                for (k, (component, (mean_codes, other_codes, steps))) in
                    self.components.iter_mut().zip(&codes).enumerate()
                {
                    let (stride, size) = (component.stride(), component.size);
                    for y in at_y * component.down..(at_y + 1) * component.down {
                        for x in at_x * component.across..(at_x + 1) * component.across {
                            means[k] = means[k].wrapping_add(mean_codes.difference(&mut bits)?);
                            let mean = means[k].wrapping_mul(steps[0]);
                            let out = &mut component.samples[y * size * stride + x * size..];
                            if size == 1 {
                                other_codes.pass(&mut bits)?;
                                out[0] = dct::one(mean);
                                continue;
                            }
                            let mut used = 1;
                            other_codes.coefficients(&mut bits, |place, value| {
                                let natural = ZIGZAG[place & 63] & 63;
                                used |= 1 << natural;
                                block[usize::from(natural)] = value.wrapping_mul(steps[place & 63]);
                            })?;
                            if used == 1 {
                                dct::flat(mean, size, out, stride);
                                continue;
                            }
                            block[0] = mean;
                            transform(&block, used, size, out, stride);
                            block.fill(0);
                        }
                    }
                }
                at_x += 1;
                if at_x == self.mcus_across {
                    (at_x, at_y) = (0, at_y + 1);
                    if bits.position() > end * 8 {
                        return None;
                    }
                }
            }
            closed(&bits, end, &entropy.bytes)?;
        }
        Some(())
    }

    /// A progressive scan of the means, of one component or several.
    fn means(
        &mut self,
        scanned: &[(usize, usize, usize)],
        band: &Band,
        tables: &Tables,
        entropy: &Entropy,
    ) -> Option<()> {
        let alone = scanned.len() == 1;
        let across = if alone { self.components[scanned[0].0].columns } else { self.mcus_across };
        let down = if alone { self.components[scanned[0].0].rows } else { self.mcus_down };
        let mut means = [0i32; 4];
        let (mut at_x, mut at_y) = (0, 0);
        for (mut bits, end, length) in parts(entropy, tables.restart, across * down)? {
            means.fill(0);
            for _ in 0..length {
                for &(k, table, _) in scanned {
                    let component = &mut self.components[k];
                    let (h, v) = if alone { (1, 1) } else { (component.across, component.down) };
                    for y in at_y * v..(at_y + 1) * v {
                        for x in at_x * h..(at_x + 1) * h {
                            let coefficient = &mut component.coefficients[y * component.stored + x][0];
                            if band.before > 0 {
                                *coefficient |= (bits.number(1) << band.after) as i16;
                            } else {
                                means[k] = means[k].wrapping_add(tables.means[table].as_ref()?.difference(&mut bits)?);
                                *coefficient = (means[k] << band.after) as i16;
                            }
                        }
                    }
                }
                at_x += 1;
                if at_x == across {
                    (at_x, at_y) = (0, at_y + 1);
                    if bits.position() > end * 8 {
                        return None;
                    }
                }
            }
            closed(&bits, end, &entropy.bytes)?;
        }
        Some(())
    }

    /// A progressive scan of other coefficients of one component (T.81, G.1.2.2 and G.1.2.3).
    fn others(
        &mut self,
        (k, _, table): (usize, usize, usize),
        band: &Band,
        tables: &Tables,
        entropy: &Entropy,
    ) -> Option<()> {
        let component = &mut self.components[k];
        let codes = tables.others[table].as_ref()?;
        let (mut x, mut y) = (0, 0);
        for (mut bits, end, length) in parts(entropy, tables.restart, component.columns * component.rows)? {
            let mut ended = 0;
            for _ in 0..length {
                let block = &mut component.coefficients[y * component.stored + x];
                if band.before == 0 {
                    first_bits(block, band, codes, &mut bits, &mut ended)?;
                } else {
                    more_bits(block, band, codes, &mut bits, &mut ended)?;
                }
                x += 1;
                if x == component.columns {
                    (x, y) = (0, y + 1);
                    if bits.position() > end * 8 {
                        return None;
                    }
                }
            }
            if ended > 0 {
                return None;
            }
            closed(&bits, end, &entropy.bytes)?;
        }
        Some(())
    }

    /// Makes samples of a progressive picture's coefficients, when all are there.
    fn transform(&mut self, tables: &Tables) -> Option<()> {
        for component in &mut self.components {
            if component.missing != [0; 64] {
                return None;
            }
            let steps = tables.quantization.get(component.quantization)?.as_ref()?;
            let (size, stride) = (component.size, component.stride());
            for y in 0..component.rows {
                for x in 0..component.columns {
                    let given = &component.coefficients[y * component.stored + x];
                    let out = &mut component.samples[y * size * stride + x * size..];
                    if size == 1 {
                        out[0] = dct::one(i32::from(given[0]).wrapping_mul(steps[0]));
                        continue;
                    }
                    let (mut block, mut used) = ([0; 64], 0);
                    for place in 0..64 {
                        block[usize::from(ZIGZAG[place])] = i32::from(given[place]) * steps[place];
                        used |= u64::from(given[place] != 0) << ZIGZAG[place];
                    }
                    transform(&block, used, size, out, stride);
                }
            }
        }
        Some(())
    }

    /// The pixels, from the samples.
    fn picture(self, size: usize) -> Option<Reduced> {
        let (width, height) = ((self.width * size).div_ceil(8), (self.height * size).div_ceil(8));
        let [brightness, colours @ ..] = &self.components[..] else { return None };
        let rows = brightness.samples.chunks(brightness.stride().max(1)).take(height);
        let [blue, red] = colours else {
            let pixels = rows.flat_map(|row| &row[..width]).copied().collect();
            return Some(Reduced { width, height, channels: 1, pixels });
        };
        let mut pixels = Vec::with_capacity(width * height * 3);
        // A pixel more than there may be, where there are two for one.
        let (mut blues, mut reds) = (vec![0; width + 1], vec![0; width + 1]);
        let finer = if blue.size > size { (1, 1) } else { (brightness.across, brightness.down) };
        for (y, row) in rows.enumerate() {
            for (colour, out) in [(blue, &mut blues), (red, &mut reds)] {
                let columns = (self.width * size).div_ceil(8 * finer.0);
                let height = (self.height * size).div_ceil(8 * finer.1);
                enlarge(colour, columns, height, finer, y, size > 1, out);
            }
            for ((&y, &cb), &cr) in row[..width].iter().zip(&blues).zip(&reds) {
                pixels.extend(rgb(y, cb, cr));
            }
        }
        Some(Reduced { width, height, channels: 3, pixels })
    }
}

/// The bits of each part between restarts, the byte it ends at, and its number of MCUs. `None` where there are more
/// parts or fewer than there must be.
fn parts(entropy: &Entropy, restart: usize, mcus: usize) -> Option<impl Iterator<Item = (Bits<'_>, usize, usize)>> {
    let length = if restart == 0 { mcus } else { restart };
    if entropy.parts.len() != mcus.div_ceil(length) {
        return None;
    }
    let part = move |(k, part): (usize, &Range<usize>)| {
        (Bits::new(&entropy.bytes, part.start), part.end, length.min(mcus - k * length))
    };
    Some(entropy.parts.iter().enumerate().map(part))
}

/// Whether a part ends where its bytes do. Zeros that follow harm nobody.
fn closed(bits: &Bits, end: usize, bytes: &[u8]) -> Option<()> {
    let left = bytes.get(bits.position().div_ceil(8)..end)?;
    left.iter().all(|&byte| byte == 0).then_some(())
}

#[inline(always)]
fn transform(block: &[i32; 64], used: u64, size: usize, out: &mut [u8], stride: usize) {
    match size {
        2 => dct::two(block, used, out, stride),
        4 => dct::four(block, used, out, stride),
        _ => dct::eight(block, used, out, stride),
    }
}

fn first_bits(block: &mut [i16; 64], band: &Band, codes: &Table, bits: &mut Bits, ended: &mut u32) -> Option<()> {
    if *ended > 0 {
        *ended -= 1;
        return Some(());
    }
    let mut place = band.first;
    while place <= band.last {
        let symbol = codes.symbol(bits)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 && run < 15 {
            *ended = (1 << run) - 1 + bits.number(run as u32) as u32;
            return Some(());
        }
        place += run;
        if place > band.last {
            return None;
        }
        if size > 0 {
            block[place] = (extend(bits.number(size), size) << band.after) as i16;
        }
        place += 1;
    }
    Some(())
}

fn more_bits(block: &mut [i16; 64], band: &Band, codes: &Table, bits: &mut Bits, ended: &mut u32) -> Option<()> {
    let one = 1i16 << band.after;
    let refine = |coefficient: &mut i16, bits: &mut Bits| {
        if bits.number(1) == 1 && *coefficient & one == 0 {
            *coefficient = coefficient.wrapping_add(if *coefficient < 0 { -one } else { one });
        }
    };
    let mut place = band.first;
    if *ended == 0 {
        while place <= band.last {
            let symbol = codes.symbol(bits)?;
            let (mut run, size) = (symbol >> 4, symbol & 15);
            let value = match size {
                0 if run < 15 => {
                    *ended = (1 << run) + bits.number(run.into()) as u32;
                    break;
                }
                0 => 0,
                1 => {
                    if bits.number(1) == 1 {
                        one
                    } else {
                        -one
                    }
                }
                _ => return None,
            };
            while place <= band.last {
                let coefficient = &mut block[place];
                if *coefficient != 0 {
                    refine(coefficient, bits);
                } else if run == 0 {
                    *coefficient = value;
                    break;
                } else {
                    run -= 1;
                }
                place += 1;
            }
            if place > band.last && size > 0 {
                return None;
            }
            place += 1;
        }
    }
    if *ended > 0 {
        for coefficient in block[place..=band.last].iter_mut().filter(|coefficient| **coefficient != 0) {
            refine(coefficient, bits);
        }
        *ended -= 1;
    }
    Some(())
}

/// A row of a colour at the resolution of the brightness: as it is, twice as wide, or twice as high. Where `smooth`, a
/// sample is three quarters the nearer and one quarter the next (`jdsample.c`).
fn enlarge(
    colour: &Component,
    columns: usize,
    rows: usize,
    finer: (usize, usize),
    y: usize,
    smooth: bool,
    out: &mut [u8],
) {
    let row = |y: usize| &colour.samples[y * colour.stride()..][..columns];
    match finer {
        (2, _) => {
            let row = row(y);
            let last = columns - 1;
            for (x, out) in out.chunks_mut(2).take(columns).enumerate() {
                let this = u32::from(row[x]);
                let mixed = |other: usize, bias| ((3 * this + u32::from(row[other]) + bias) >> 2) as u8;
                let smooth = smooth && columns > 2;
                out[0] = if smooth && x > 0 { mixed(x - 1, 1) } else { row[x] };
                if let Some(out) = out.get_mut(1) {
                    *out = if smooth && x < last { mixed(x + 1, 2) } else { row[x] };
                }
            }
        }
        (_, 2) => {
            let near = row(y / 2);
            let (other, bias) =
                if y.is_multiple_of(2) { ((y / 2).saturating_sub(1), 1) } else { ((y / 2 + 1).min(rows - 1), 2) };
            for ((out, &near), &other) in out.iter_mut().zip(near).zip(row(other)) {
                *out = if smooth { ((3 * u32::from(near) + u32::from(other) + bias) >> 2) as u8 } else { near };
            }
        }
        _ => out[..columns].copy_from_slice(row(y)),
    }
}

/// As `jdcolor.c` rounds it.
#[inline(always)]
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((91_881 * cr + 32_768) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + 32_768) >> 16);
    let blue = y + ((116_130 * cb + 32_768) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests;
