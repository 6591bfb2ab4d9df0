//! TIFFs of all kinds, made here by hand.

use super::*;
use crate::image::{Colour, decode, dimensions};

/// Writes a TIFF of one strip, in either byte order, of either kind.
fn file(fields: &[(u16, u16, &[u64])], strip: &[u8], big_endian: bool, big: bool) -> Vec<u8> {
    let number = |number: u64, size: usize| {
        let bytes = number.to_le_bytes();
        let mut bytes = bytes[..size].to_vec();
        if big_endian {
            bytes.reverse();
        }
        bytes
    };
    let wide = if big { 8 } else { 4 };
    let mut out = if big_endian { b"MM".to_vec() } else { b"II".to_vec() };
    out.extend(number(if big { 43 } else { 42 }, 2));
    if big {
        out.extend([number(8, 2), number(0, 2)].concat());
    }
    let directory = 16 + strip.len() + strip.len() % 2;
    out.extend(number(directory as u64, wide));
    out.resize(16, 0);
    let at = out.len() as u64;
    out.extend(strip);
    out.resize(directory, 0);
    let place = [at];
    let length = [strip.len() as u64];
    let mut fields = fields.to_vec();
    fields.push((tag::STRIP_OFFSETS, 4, &place));
    fields.push((tag::STRIP_LENGTHS, 4, &length));
    fields.sort_by_key(|field| field.0);
    let head = if big { 8 } else { 2 };
    let mut beyond = directory + head + fields.len() * (4 + 2 * wide) + wide;
    let mut values = Vec::new();
    out.extend(number(fields.len() as u64, head));
    for (tag, kind, numbers) in fields {
        let size = [0, 1, 1, 2, 4][usize::from(kind)];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|&n| number(n, size)).collect();
        out.extend([number(tag.into(), 2), number(kind.into(), 2), number(numbers.len() as u64, wide)].concat());
        if bytes.len() <= wide {
            bytes.resize(wide, 0);
            out.extend(bytes);
        } else {
            out.extend(number(beyond as u64, wide));
            beyond += bytes.len();
            values.extend(bytes);
        }
    }
    out.extend(number(0, wide));
    out.extend(values);
    out
}

const SHORT: u16 = 3;
const ORIENTATION: u16 = 274;

/// As [`file`] of little-endian numbers of 32 bits, with the fields that all have.
fn tiff(size: (u64, u64), photometric: u64, bits: &[u64], fields: &[(u16, u16, &[u64])], strip: &[u8]) -> Vec<u8> {
    let (width, height, colours, samples) = ([size.0], [size.1], [photometric], [bits.len() as u64]);
    let mut all: Vec<(u16, u16, &[u64])> = vec![
        (tag::WIDTH, SHORT, &width),
        (tag::HEIGHT, SHORT, &height),
        (tag::PHOTOMETRIC, SHORT, &colours),
        (tag::SAMPLES, SHORT, &samples),
        (tag::BITS, SHORT, bits),
    ];
    all.extend(fields);
    file(&all, strip, false, false)
}

fn pixels(bytes: &[u8]) -> Vec<u8> {
    decode(bytes, Colour::WHITE).expect("a picture").pixels
}

fn problem(bytes: &[u8]) -> String {
    decode(bytes, Colour::WHITE).expect_err("no picture").to_string()
}

#[test]
fn grey_of_few_bits_is_spread_over_all_of_them() {
    assert_eq!(pixels(&tiff((3, 1), 1, &[4], &[], &[0x08, 0xf0])), [[0; 3], [136; 3], [255; 3]].concat());
    assert_eq!(pixels(&tiff((4, 1), 1, &[2], &[], &[0b00_01_10_11])), [[0; 3], [85; 3], [170; 3], [255; 3]].concat());
    assert_eq!(pixels(&tiff((3, 1), 0, &[1], &[], &[0b0100_0000])), [[255; 3], [0; 3], [255; 3]].concat());
}

#[test]
fn a_palette_gives_the_colours() {
    let map: Vec<u64> = [[10, 20, 0, 0], [30, 40, 0, 0], [50, 60, 0, 0]].concat().iter().map(|c| c * 257).collect();
    let bytes = tiff((2, 1), 3, &[2], &[(tag::COLOUR_MAP, SHORT, &map)], &[0b00_01_00_00]);
    assert_eq!(pixels(&bytes), [10, 30, 50, 20, 40, 60]);
    assert!(problem(&tiff((2, 1), 3, &[2], &[], &[0])).contains("palette"));
}

#[test]
fn transparency_beside_grey_shows_the_background() {
    let strip = [100, 255, 100, 0];
    assert_eq!(
        pixels(&tiff((2, 1), 1, &[8, 8], &[(tag::EXTRA_SAMPLES, SHORT, &[2])], &strip)),
        [100, 100, 100, 255, 255, 255]
    );
    let nothing = tiff((2, 1), 1, &[8, 8], &[(tag::EXTRA_SAMPLES, SHORT, &[0])], &strip);
    assert_eq!(pixels(&nothing), [100; 6], "an extra sample that is none");
}

#[test]
fn floating_point_is_cut_off_where_pillow_cuts_it_off() {
    let strip: Vec<u8> = [-3.0f32, 12.9, 300.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    let bytes = tiff((3, 1), 1, &[32], &[(tag::SAMPLE_FORMAT, SHORT, &[3])], &strip);
    assert_eq!(pixels(&bytes), [[0; 3], [12; 3], [255; 3]].concat());
}

#[test]
fn big_tiffs_and_either_byte_order_are_read() {
    for (big_endian, big) in [(false, true), (true, true), (true, false)] {
        let fields: [(u16, u16, &[u64]); 5] = [
            (tag::WIDTH, SHORT, &[2]),
            (tag::HEIGHT, SHORT, &[1]),
            (tag::PHOTOMETRIC, SHORT, &[1]),
            (tag::BITS, SHORT, &[16]),
            (ORIENTATION, SHORT, &[6]),
        ];
        let strip = if big_endian { [0x01, 0x00, 0xff, 0xff] } else { [0x00, 0x01, 0xff, 0xff] };
        let bytes = file(&fields, &strip, big_endian, big);
        assert_eq!(dimensions(&bytes), Ok((1, 2)), "turned, once");
        assert_eq!(pixels(&bytes), [[1; 3], [255; 3]].concat());
    }
}

#[test]
fn a_fax_of_one_dimension_is_read_with_and_without_marks_between_the_lines() {
    // White 2 (0111), black 3 (10), white 3 (1000): eight pixels; twice, each row from a new byte.
    let row = [0b0111_1010, 0b0000_0000];
    let expected = [[255; 6].to_vec(), vec![0; 9], vec![255; 9]].concat().repeat(2);
    let bytes = tiff((8, 2), 0, &[1], &[(tag::COMPRESSION, SHORT, &[2])], &[row, row].concat());
    assert_eq!(pixels(&bytes), expected);
    // End of line (000000000001) before each.
    let marked = [0x00, 0x17, 0xa0, 0x00, 0x17, 0xa0, 0x00];
    let bytes = tiff((8, 2), 0, &[1], &[(tag::COMPRESSION, SHORT, &[3])], &marked);
    assert_eq!(pixels(&bytes), expected);
    let two = [(tag::COMPRESSION, SHORT, &[3u64][..]), (tag::T4_OPTIONS, SHORT, &[1])];
    assert!(
        problem(&tiff((8, 2), 0, &[1], &two, &marked)).starts_with("unsupported format: TIFF with two-dimensional fax")
    );
}

#[test]
fn differences_are_added_up_whatever_their_size() {
    let eight = tiff((3, 1), 1, &[8], &[(tag::PREDICTOR, SHORT, &[2])], &[10, 5, 251]);
    assert_eq!(pixels(&eight), [[10; 3], [15; 3], [10; 3]].concat());
    let sixteen = tiff((2, 1), 1, &[16], &[(tag::PREDICTOR, SHORT, &[2])], &[0xff, 0x00, 0x01, 0x80]);
    assert_eq!(pixels(&sixteen), [[1; 3], [128; 3]].concat());
    // 1.0 and 2.0, highest bytes first: 3f 40, 80 00, 00 00, 00 00, each the difference from the one before.
    let fields = [(tag::PREDICTOR, SHORT, &[3u64][..]), (tag::SAMPLE_FORMAT, SHORT, &[3])];
    let floats = tiff((2, 1), 1, &[32], &fields, &[0x3f, 0x01, 0x40, 0x80, 0x00, 0x00, 0x00, 0x00]);
    assert_eq!(pixels(&floats), [[1; 3], [2; 3]].concat());
}

#[test]
fn brightness_shares_its_colours() {
    // Four pixels, one colour: brightness 50, 100, 150, 200 and no colour at all.
    let fields = [(tag::SUBSAMPLING, SHORT, &[2u64, 2][..])];
    let bytes = tiff((2, 2), 6, &[8, 8, 8], &fields, &[50, 100, 150, 200, 128, 128]);
    assert_eq!(pixels(&bytes), [[50; 3], [100; 3], [150; 3], [200; 3]].concat());
}

#[test]
fn planes_that_stand_apart_are_put_together() {
    let offsets = [16, 18, 20];
    let fields: [(u16, u16, &[u64]); 6] = [
        (tag::WIDTH, SHORT, &[2]),
        (tag::HEIGHT, SHORT, &[1]),
        (tag::PHOTOMETRIC, SHORT, &[2]),
        (tag::BITS, SHORT, &[8, 8, 8]),
        (tag::PLANAR, SHORT, &[2]),
        // Where there are tiles, strips do not count.
        (tag::TILE_OFFSETS, 4, &offsets),
    ];
    let sizes: [(u16, u16, &[u64]); 3] =
        [(tag::TILE_WIDTH, SHORT, &[2]), (tag::TILE_HEIGHT, SHORT, &[1]), (tag::SAMPLES, SHORT, &[3])];
    let bytes = file(&[&fields[..], &sizes[..]].concat(), &[1, 2, 3, 4, 5, 6], false, false);
    assert_eq!(pixels(&bytes), [1, 3, 5, 2, 4, 6]);
}

#[test]
fn what_cannot_be_read_is_named_and_not_called_damaged() {
    for (fields, said) in [
        ([(tag::COMPRESSION, SHORT, &[6u64][..])], "old-style JPEG"),
        ([(tag::COMPRESSION, SHORT, &[34925])], "LZMA"),
        ([(tag::COMPRESSION, SHORT, &[50001])], "WebP"),
        ([(tag::COMPRESSION, SHORT, &[12345])], "12345"),
        ([(tag::SAMPLE_FORMAT, SHORT, &[6])], "complex"),
    ] {
        let problem = problem(&tiff((1, 1), 1, &[8], &fields, &[0]));
        assert!(problem.starts_with("unsupported format: TIFF with ") && problem.contains(said), "{problem}");
    }
    assert!(problem(&tiff((1, 1), 8, &[8, 8, 8], &[], &[0; 3])).contains("CIELab"));
    assert!(problem(&tiff((9, 9), 1, &[8], &[], &[0; 9])).starts_with("damaged TIFF"));
}

#[test]
fn tiles_far_larger_than_their_picture_take_no_memory() {
    let fields: [(u16, u16, &[u64]); 3] = [
        (tag::TILE_WIDTH, 4, &[4_000_000_000]),
        (tag::TILE_HEIGHT, 4, &[4_000_000_000]),
        (tag::TILE_OFFSETS, 4, &[16]),
    ];
    assert!(problem(&tiff((1, 1), 1, &[8], &fields, &[0])).starts_with("damaged TIFF"));
}
