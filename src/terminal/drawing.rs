//! The bytes that draw one picture where the cursor is, for each protocol.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use color_quant::NeuQuant;

use super::Colours;
use crate::image::{self, Encoding, Rgb};

/// A PNG in pieces of 4096 letters, shown at the cursor, which stays where it is (`C=1`); the terminal does not answer
/// (`q=2`), since nobody would read it.
pub(super) fn kitty(picture: &Rgb, size: &str, out: &mut Vec<u8>) {
    let text = png(picture);
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(4096).collect();
    for (number, piece) in pieces.iter().enumerate() {
        let first = if number == 0 { format!("a=T,f=100,C=1,q=2,{size},") } else { String::new() };
        let more = u8::from(number + 1 < pieces.len());
        out.extend(format!("\x1b_G{first}m={more};").bytes());
        out.extend_from_slice(piece);
        out.extend(b"\x1b\\");
    }
}

/// A PNG as large as the box of characters allows.
pub(super) fn iterm2(picture: &Rgb, columns: u32, lines: u32, out: &mut Vec<u8>) {
    let text = png(picture);
    let size = text.len() / 4 * 3 - text.bytes().rev().take_while(|&letter| letter == b'=').count();
    let box_ = format!("width={columns};height={lines};preserveAspectRatio=1");
    out.extend(format!("\x1b]1337;File=inline=1;size={size};{box_}:{text}\x07").bytes());
}

fn png(picture: &Rgb) -> String {
    STANDARD.encode(image::encode(picture, Encoding::Png).expect("a PNG may have any size"))
}

/// One pixel of the picture is one of the screen; 256 colours, the picture's own where it has no more.
pub(super) fn sixel(picture: &Rgb, out: &mut Vec<u8>) {
    let (palette, indices) = quantise(&picture.pixels);
    let width = picture.width as usize;
    let mut text = format!("\x1bP0;1;0q\"1;1;{};{}", picture.width, picture.height);
    for (number, colour) in palette.iter().enumerate() {
        let [r, g, b] = colour.map(|byte| (u32::from(byte) * 100 + 127) / 255);
        let _ = write!(text, "#{number};2;{r};{g};{b}");
    }
    for (number, band) in indices.chunks(width * 6).enumerate() {
        if number > 0 {
            text.push('-');
        }
        let mut colours = band.to_vec();
        colours.sort_unstable();
        colours.dedup();
        for (pass, colour) in colours.into_iter().enumerate() {
            let _ = write!(text, "{}#{colour}", if pass > 0 { "$" } else { "" });
            let column = |x: usize| {
                let lines = band.chunks(width).enumerate();
                lines.fold(0u8, |bits, (y, line)| bits | u8::from(line[x] == colour) << y)
            };
            let columns: Vec<u8> = (0..width).map(column).collect();
            for run in columns.chunk_by(|a, b| a == b) {
                let letter = char::from(b'?' + run[0]);
                match run.len() {
                    1..=3 => text.extend(std::iter::repeat_n(letter, run.len())),
                    length => {
                        let _ = write!(text, "!{length}{letter}");
                    }
                }
            }
        }
    }
    out.extend(text.bytes());
    out.extend(b"\x1b\\");
}

/// At most 256 colours, and which of them each pixel has.
fn quantise(pixels: &[u8]) -> (Vec<[u8; 3]>, Vec<u8>) {
    let pixels = pixels.as_chunks::<3>().0;
    let mut colours = pixels.to_vec();
    colours.sort_unstable();
    colours.dedup();
    if colours.len() <= 256 {
        let index = |pixel| colours.binary_search(pixel).expect("one of the colours") as u8;
        let indices = pixels.iter().map(index).collect();
        return (colours, indices);
    }
    let rgba: Vec<u8> = pixels.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    // Every third pixel is learnt from.
    let quantiser = NeuQuant::new(3, 256, &rgba);
    let indices = rgba.chunks(4).map(|pixel| quantiser.index_of(pixel) as u8).collect();
    (quantiser.color_map_rgb().as_chunks().0.to_vec(), indices)
}

/// Lines of half blocks, as many columns wide as the picture has pixels.
pub(super) fn blocks(picture: &Rgb, colours: Colours) -> Vec<String> {
    let pixels = picture.pixels.as_chunks::<3>().0;
    let lines: Vec<&[[u8; 3]]> = pixels.chunks(picture.width as usize).collect();
    let pair = |pair: &[&[[u8; 3]]]| {
        let mut text = String::new();
        let mut last = (String::new(), String::new());
        for (x, &top) in pair[0].iter().enumerate() {
            let front = colours.select(38, top);
            let back = pair.get(1).map_or("49".to_string(), |line| colours.select(48, line[x]));
            match (front == last.0, back == last.1) {
                (true, true) => {}
                (true, false) => text.push_str(&format!("\x1b[{back}m")),
                (false, true) => text.push_str(&format!("\x1b[{front}m")),
                (false, false) => text.push_str(&format!("\x1b[{front};{back}m")),
            }
            last = (front, back);
            text.push('▀');
        }
        text + "\x1b[0m"
    };
    lines.chunks(2).map(pair).collect()
}

impl Colours {
    /// The parameter of SGR that selects a colour: 38 (in front) or 48 (behind).
    fn select(self, ground: u8, [r, g, b]: [u8; 3]) -> String {
        match self {
            Colours::All => format!("{ground};2;{r};{g};{b}"),
            Colours::Indexed => format!("{ground};5;{}", nearest_indexed([r, g, b])),
        }
    }
}

/// The nearest of xterm's colours 16 to 255: a cube of six steps, and 24 greys.
pub(super) fn nearest_indexed(colour: [u8; 3]) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance =
        |other: [u8; 3]| -> u32 { colour.iter().zip(other).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let step = |byte: u8| (0..6u8).min_by_key(|&i| STEPS[i as usize].abs_diff(byte)).expect("six steps");
    let cube = colour.map(step);
    let mean = colour.iter().map(|&byte| u32::from(byte)).sum::<u32>() / 3;
    let grey = (mean.saturating_sub(3) / 10).min(23) as u8;
    match distance(cube.map(|i| STEPS[i as usize])) <= distance([8 + 10 * grey; 3]) {
        true => 16 + 36 * cube[0] + 6 * cube[1] + cube[2],
        false => 232 + grey,
    }
}
