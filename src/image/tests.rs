//! Pictures of all formats, made here.

mod foreign;

use std::io::Cursor;

use ::image::ImageFormat;

use super::*;

fn png(image: &DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).expect("encodable");
    bytes.into_inner()
}

#[test]
fn transparency_is_composited_not_dropped() {
    let mut image = ::image::RgbaImage::new(3, 1);
    image.put_pixel(0, 0, ::image::Rgba([200, 0, 0, 255]));
    image.put_pixel(1, 0, ::image::Rgba([200, 0, 0, 0]));
    image.put_pixel(2, 0, ::image::Rgba([200, 0, 0, 128]));
    let rgb = decode(&png(&image.clone().into()), Colour::WHITE).expect("decoded");
    assert_eq!(rgb.pixels, [200, 0, 0, 255, 255, 255, 227, 127, 127]);
    let rgba = decode_rgba(&png(&image.into())).expect("decoded");
    assert_eq!(rgba.pixels, [200, 0, 0, 255, 0, 0, 0, 0, 100, 0, 0, 128], "multiplied by alpha");
}

#[test]
fn sixteen_bit_grey_with_alpha_becomes_rgb() {
    let image = ::image::ImageBuffer::from_pixel(2, 2, ::image::LumaA([0x8080u16, 0xffff]));
    let rgb = decode(&png(&DynamicImage::ImageLumaA16(image)), Colour::WHITE).expect("decoded");
    assert_eq!(rgb.pixels, [0x80; 12]);
}

#[test]
fn every_prefix_of_every_format_is_an_image_or_an_error() {
    let image =
        DynamicImage::ImageRgb8(::image::RgbImage::from_fn(9, 7, |x, y| ::image::Rgb([x as u8 * 20, y as u8 * 30, 7])));
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Pnm,
        ImageFormat::Qoi,
        ImageFormat::Ico,
        ImageFormat::Tga,
    ] {
        let mut bytes = Cursor::new(Vec::new());
        let picture =
            if format == ImageFormat::Ico { DynamicImage::ImageRgba8(image.to_rgba8()) } else { image.clone() };
        picture.write_to(&mut bytes, format).expect("encodable");
        let bytes = bytes.into_inner();
        assert_eq!(decode(&bytes, Colour::WHITE).map(|i| (i.width, i.height)), Ok((9, 7)), "{format:?}");
        for end in 0..bytes.len() {
            let _ = decode(&bytes[..end], Colour::WHITE);
        }
    }
}

#[test]
fn a_header_that_claims_too_much_is_refused() {
    let mut bytes = png(&DynamicImage::new_rgb8(1, 1));
    bytes[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
    // The CRC of the header no longer fits; either complaint will do, an allocation will not.
    assert!(decode(&bytes, Colour::WHITE).is_err());
}

#[test]
fn gifs_and_webps_that_end_early_are_named() {
    let image =
        DynamicImage::ImageRgb8(::image::RgbImage::from_fn(9, 7, |x, y| ::image::Rgb([x as u8 * 20, y as u8, 7])));
    for format in [ImageFormat::Gif, ImageFormat::WebP] {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).expect("encodable");
        let bytes = bytes.into_inner();
        assert!(!is_truncated(&bytes), "{format:?}");
        assert!(is_truncated(&bytes[..bytes.len() - 1]), "{format:?}");
        for end in 0..bytes.len() {
            let flaw = decode_with_flaw(&bytes[..end], Colour::WHITE, None).map(|(_, flaw)| flaw);
            assert_ne!(flaw, Ok(None), "{format:?} {end}");
        }
    }
}

#[test]
fn webp_is_turned_as_its_metadata_say() {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(6, 2).write_to(&mut bytes, ImageFormat::WebP).expect("encodable");
    let bytes = bytes.into_inner();
    let xmp = b"<x tiff:Orientation=\"6\"/> ";
    for (flags, expected) in [(4, (2, 6)), (0, (6, 2))] {
        let header = [b"VP8X\x0a\0\0\0", &[flags, 0, 0, 0, 5, 0, 0, 1, 0, 0][..]].concat();
        let length = (xmp.len() as u32).to_le_bytes();
        let body = [b"WEBP", &header[..], &bytes[12..], b"XMP ", &length, xmp].concat();
        let file = [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat();
        assert_eq!(dimensions(&file), Ok(expected), "{flags}");
    }
}
