//! From coefficients to 1, 4, 16 or 64 samples, in whole numbers as libjpeg rounds them (`jidctred.c`, `jidctint.c`).

/// 13 bits after the point.
const fn fixed(number: f64) -> i32 {
    (number * 8192.0 + 0.5) as i32
}

#[inline(always)]
fn round(value: i32, bits: u32) -> i32 {
    (value.wrapping_add(1 << (bits - 1))) >> bits
}

#[inline(always)]
fn sample(value: i32) -> u8 {
    value.saturating_add(128).clamp(0, 255) as u8
}

#[inline(always)]
fn times(value: i32, factor: i32) -> i32 {
    value.wrapping_mul(factor)
}

/// One sample: the mean.
#[inline(always)]
pub(super) fn one(mean: i32) -> u8 {
    sample(round(mean, 3))
}

/// A block of which all but the mean is 0.
pub(super) fn flat(mean: i32, size: usize, out: &mut [u8], stride: usize) {
    let value = sample(round(mean.wrapping_mul(4), 5));
    for row in out.chunks_mut(stride).take(size) {
        row[..size].fill(value);
    }
}

/// The sums of all and of the even ones less the odd ones, `shift` bits too large.
#[inline(always)]
fn two_of(at: impl Fn(usize) -> i32, shift: u32) -> [i32; 2] {
    let even = at(0) << 15;
    let odd = times(at(7), -fixed(0.720959822))
        .wrapping_add(times(at(5), fixed(0.850430095)))
        .wrapping_add(times(at(3), -fixed(1.272758580)))
        .wrapping_add(times(at(1), fixed(3.624509785)));
    [round(even.wrapping_add(odd), shift), round(even.wrapping_sub(odd), shift)]
}

/// Of the bits of a block's coefficients, those of its first column.
const COLUMN: u64 = 0x0101_0101_0101_0101;

/// Two by two samples. Of `used`, a bit is 0 only where the coefficient is.
pub(super) fn two(block: &[i32; 64], used: u64, out: &mut [u8], stride: usize) {
    let mut columns = [[0; 8]; 2];
    for x in [0, 1, 3, 5, 7] {
        if used >> x & COLUMN == 0 {
            continue;
        }
        let [top, bottom] = two_of(|y| block[y * 8 + x], 13);
        (columns[0][x], columns[1][x]) = (top, bottom);
    }
    for (row, out) in columns.iter().zip(out.chunks_mut(stride)) {
        out[..2].copy_from_slice(&two_of(|x| row[x], 20).map(sample));
    }
}

#[inline(always)]
fn four_of(at: impl Fn(usize) -> i32, shift: u32) -> [i32; 4] {
    let even = at(0) << 14;
    let turn = times(at(2), fixed(1.847759065)).wrapping_add(times(at(6), -fixed(0.765366865)));
    let (outer, inner) = (even.wrapping_add(turn), even.wrapping_sub(turn));
    let odd_inner = times(at(7), -fixed(0.211164243))
        .wrapping_add(times(at(5), fixed(1.451774981)))
        .wrapping_add(times(at(3), -fixed(2.172734803)))
        .wrapping_add(times(at(1), fixed(1.061594337)));
    let odd_outer = times(at(7), -fixed(0.509795579))
        .wrapping_add(times(at(5), -fixed(0.601344887)))
        .wrapping_add(times(at(3), fixed(0.899976223)))
        .wrapping_add(times(at(1), fixed(2.562915447)));
    [
        round(outer.wrapping_add(odd_outer), shift),
        round(inner.wrapping_add(odd_inner), shift),
        round(inner.wrapping_sub(odd_inner), shift),
        round(outer.wrapping_sub(odd_outer), shift),
    ]
}

/// Four by four samples, as [`two`].
pub(super) fn four(block: &[i32; 64], used: u64, out: &mut [u8], stride: usize) {
    let mut columns = [[0; 8]; 4];
    for x in [0, 1, 2, 3, 5, 6, 7] {
        if used >> x & COLUMN == 0 {
            continue;
        }
        let column = four_of(|y| block[y * 8 + x], 12);
        for y in 0..4 {
            columns[y][x] = column[y];
        }
    }
    for (row, out) in columns.iter().zip(out.chunks_mut(stride)) {
        out[..4].copy_from_slice(&four_of(|x| row[x], 19).map(sample));
    }
}

#[inline(always)]
fn eight_of(at: impl Fn(usize) -> i32, shift: u32) -> [i32; 8] {
    let turn = times(at(2).wrapping_add(at(6)), fixed(0.541196100));
    let (two, three) =
        (turn.wrapping_add(times(at(6), -fixed(1.847759065))), turn.wrapping_add(times(at(2), fixed(0.765366865))));
    let (sum, difference) = (at(0).wrapping_add(at(4)) << 13, at(0).wrapping_sub(at(4)) << 13);
    let even =
        [sum.wrapping_add(three), difference.wrapping_add(two), difference.wrapping_sub(two), sum.wrapping_sub(three)];
    let (z1, z2) = (at(7).wrapping_add(at(1)), at(5).wrapping_add(at(3)));
    let (z3, z4) = (at(7).wrapping_add(at(3)), at(5).wrapping_add(at(1)));
    let z5 = times(z3.wrapping_add(z4), fixed(1.175875602));
    let (z1, z2) = (times(z1, -fixed(0.899976223)), times(z2, -fixed(2.562915447)));
    let z3 = times(z3, -fixed(1.961570560)).wrapping_add(z5);
    let z4 = times(z4, -fixed(0.390180644)).wrapping_add(z5);
    let odd = [
        times(at(1), fixed(1.501321110)).wrapping_add(z1).wrapping_add(z4),
        times(at(3), fixed(3.072711026)).wrapping_add(z2).wrapping_add(z3),
        times(at(5), fixed(2.053119869)).wrapping_add(z2).wrapping_add(z4),
        times(at(7), fixed(0.298631336)).wrapping_add(z1).wrapping_add(z3),
    ];
    std::array::from_fn(|k| {
        let sum = if k < 4 { even[k].wrapping_add(odd[k]) } else { even[7 - k].wrapping_sub(odd[7 - k]) };
        round(sum, shift)
    })
}

/// Eight by eight samples, as [`two`].
pub(super) fn eight(block: &[i32; 64], used: u64, out: &mut [u8], stride: usize) {
    let mut columns = [[0; 8]; 8];
    for x in 0..8 {
        if used >> x & COLUMN == 0 {
            continue;
        }
        let column = eight_of(|y| block[y * 8 + x], 11);
        for y in 0..8 {
            columns[y][x] = column[y];
        }
    }
    for (row, out) in columns.iter().zip(out.chunks_mut(stride)) {
        out[..8].copy_from_slice(&eight_of(|x| row[x], 18).map(sample));
    }
}
