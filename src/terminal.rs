//! Pictures as the bytes that make a terminal show them, side by side, each over a caption.
//!
//! Hides: the graphics protocols, colours and cells of terminals, and where the cursor must be for what. Promises: pure
//! functions; nothing is asked of the terminal and nothing is printed. What a terminal can do is read from the
//! environment only: asking it would mean to wait for an answer that many never give.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use color_quant::NeuQuant;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::image::{self, Encoding, Filter, Fit, Rgb};

/// How a terminal is given pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// <https://sw.kovidgoyal.net/kitty/graphics-protocol/>
    Kitty,
    /// <https://iterm2.com/documentation-images.html>
    Iterm2,
    /// VT330/VT340 Programmer Reference Manual, volume 2, chapter 14.
    Sixel,
    /// Half blocks: two pixels a character, on any terminal with colours.
    Blocks(Colours),
}

/// The colours that text can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// 24 bits.
    All,
    /// The 240 of xterm's 256 colours that are the same in every theme.
    Indexed,
}

/// The value of an environment variable.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Protocol {
    /// What the environment says that the terminal understands; half blocks where it does not say, and inside tmux and the
    /// like, which swallow pictures unless they are told not to.
    ///
    /// # Errors
    /// Why nothing should be drawn.
    pub fn guess(variable: Variable) -> Result<Protocol, &'static str> {
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let term = variable("TERM").unwrap_or_default();
        if term.is_empty() || term == "dumb" {
            return Err("the terminal cannot draw (TERM)");
        }
        let inside = ["TMUX", "STY", "ZELLIJ"].iter().any(|name| set(name));
        let graphics = match inside || term.starts_with("tmux") || term.starts_with("screen") {
            true => None,
            false => graphics(&term, variable),
        };
        match graphics {
            Some(protocol) => Ok(protocol),
            None if set("NO_COLOR") => Err("NO_COLOR is set"),
            None => Ok(Protocol::Blocks(Colours::guess(variable))),
        }
    }
}

/// The graphics protocol of a terminal that is known to have one. `TERM` and `TERM_PROGRAM` name the terminal itself; the
/// others may be left over from one that it was started in, so they count last.
fn graphics(term: &str, variable: Variable) -> Option<Protocol> {
    match variable("TERM_PROGRAM").unwrap_or_default().as_str() {
        "ghostty" => return Some(Protocol::Kitty),
        "iTerm.app" | "WezTerm" | "WarpTerminal" | "mintty" | "rio" => return Some(Protocol::Iterm2),
        "Apple_Terminal" | "vscode" => return None,
        _ => {}
    }
    match term {
        _ if term.contains("kitty") || term.contains("ghostty") => return Some(Protocol::Kitty),
        _ if term == "wezterm" => return Some(Protocol::Iterm2),
        _ if ["foot", "mlterm", "contour"].iter().any(|name| term.starts_with(name)) || term.contains("sixel") => {
            return Some(Protocol::Sixel);
        }
        _ if !term.starts_with("xterm") => return None,
        _ => {}
    }
    let konsole = variable("KONSOLE_VERSION").and_then(|version| version.parse::<u32>().ok());
    if variable("KITTY_WINDOW_ID").is_some() || konsole.is_some_and(|version| version >= 22_04_00) {
        return Some(Protocol::Kitty);
    }
    (variable("LC_TERMINAL").as_deref() == Some("iTerm2")).then_some(Protocol::Iterm2)
}

impl Colours {
    /// What the environment says.
    pub fn guess(variable: Variable) -> Colours {
        let is = |name: &str, values: &[&str]| variable(name).is_some_and(|value| values.contains(&value.as_str()));
        let term = variable("TERM").unwrap_or_default();
        let all = is("COLORTERM", &["truecolor", "24bit"])
            || is("TERM_PROGRAM", &["iTerm.app", "WezTerm", "vscode", "ghostty"])
            || variable("WT_SESSION").is_some()
            || term.ends_with("-direct")
            || ["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm"]
                .iter()
                .any(|name| term.starts_with(name));
        if all { Colours::All } else { Colours::Indexed }
    }

    /// The parameter of SGR that selects a colour: 38 (in front) or 48 (behind).
    fn select(self, ground: u8, [r, g, b]: [u8; 3]) -> String {
        match self {
            Colours::All => format!("{ground};2;{r};{g};{b}"),
            Colours::Indexed => format!("{ground};5;{}", nearest_indexed([r, g, b])),
        }
    }
}

/// The nearest of xterm's colours 16 to 255: a cube of six steps, and 24 greys.
fn nearest_indexed(colour: [u8; 3]) -> u8 {
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

/// The size of a terminal, in characters, and of a character, in pixels, where the terminal says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub columns: u32,
    pub lines: u32,
    pub cell: Option<(u32, u32)>,
}

/// A picture in a [`Grid`], at most as large as [`Grid::fit`] makes it, and what is said of it.
#[derive(Debug)]
pub struct Captioned {
    pub picture: Rgb,
    pub caption: String,
}

/// Fields of equal size beside each other.
#[derive(Debug)]
pub struct Grid {
    protocol: Protocol,
    /// Fields in a row.
    across: u32,
    /// Of a field without its caption, in characters.
    columns: u32,
    lines: u32,
    cell: (u32, u32),
}

/// Columns between two fields.
const GAP: u32 = 2;
/// A field is never wider.
const WIDEST: u32 = 40;
/// A character where the terminal does not say: rather too small, so that a picture never covers what is below it.
const USUAL_CELL: (u32, u32) = (8, 16);

impl Grid {
    /// As many fields beside each other as the screen has room for, and not more than there are pictures.
    pub fn new(protocol: Protocol, screen: Screen, pictures: usize) -> Grid {
        let (narrowest, cell) = match protocol {
            Protocol::Blocks(_) => (24, (1, 2)),
            _ => (18, screen.cell.unwrap_or(USUAL_CELL)),
        };
        let across = ((screen.columns + GAP) / (narrowest + GAP)).min(pictures.try_into().unwrap_or(u32::MAX)).max(1);
        let columns = (screen.columns.saturating_sub(GAP * (across - 1)) / across).clamp(1, WIDEST);
        // The row, its caption and the line that the cursor is on must fit on the screen.
        let lines = (columns * cell.0).div_ceil(cell.1).clamp(1, screen.lines.saturating_sub(2).max(1));
        Grid { protocol, across, columns, lines, cell }
    }

    /// How many pictures a row has room for.
    pub fn across(&self) -> usize {
        self.across as usize
    }

    /// The longer edge of a field, in pixels.
    pub fn edge(&self) -> u32 {
        (self.columns * self.cell.0).max(self.lines * self.cell.1)
    }

    /// The picture as large as a field.
    pub fn fit(&self, picture: &Rgb) -> Rgb {
        let field = (self.columns * self.cell.0, self.lines * self.cell.1);
        let (width, height) = image::letterboxed((picture.width, picture.height), field);
        picture.resize(width, height, Fit::Stretch, Filter::Bicubic, image::Colour::WHITE)
    }

    /// Draws a row where the cursor is, at the start of a line, and leaves it at the start of the line below the captions.
    pub fn row(&self, row: &[Captioned]) -> Vec<u8> {
        let mut out = Vec::new();
        match self.protocol {
            Protocol::Blocks(colours) => self.lines_of_blocks(row, colours, &mut out),
            _ => self.placed(row, &mut out),
        }
        let captions = row.iter().map(|captioned| pad(&captioned.caption, self.columns as usize));
        let captions: Vec<String> = captions.collect();
        out.extend(captions.join(&" ".repeat(GAP as usize)).trim_end().bytes());
        out.push(b'\n');
        out
    }

    fn lines_of_blocks(&self, row: &[Captioned], colours: Colours, out: &mut Vec<u8>) {
        let pictures: Vec<Vec<String>> = row.iter().map(|captioned| blocks(&captioned.picture, colours)).collect();
        for line in 0..pictures.iter().map(Vec::len).max().unwrap_or(0) {
            let mut text = String::new();
            // What is to be skipped before the next picture; at the end of a line it is not written.
            let mut skip = 0;
            for (picture, captioned) in pictures.iter().zip(row) {
                if let Some(blocks) = picture.get(line) {
                    text.push_str(&" ".repeat(skip));
                    text.push_str(blocks);
                    skip = 0;
                }
                let written = if picture.len() > line { captioned.picture.width } else { 0 };
                skip += (self.columns + GAP - written.min(self.columns)) as usize;
            }
            out.extend(text.bytes());
            out.push(b'\n');
        }
    }

    /// Terminals differ in where a picture leaves the cursor, and in what happens at the bottom of the screen. So the lines
    /// are made first, then the cursor is saved before each picture and taken back after it.
    fn placed(&self, row: &[Captioned], out: &mut Vec<u8>) {
        let height = row.iter().map(|captioned| captioned.picture.height).max().unwrap_or(0);
        let lines = height.div_ceil(self.cell.1).max(1);
        out.extend("\n".repeat(lines as usize).bytes());
        out.extend(format!("\x1b[{lines}A").bytes());
        for (place, captioned) in (0..).zip(row) {
            out.extend(b"\x1b7");
            if place > 0 {
                out.extend(format!("\x1b[{}C", place * (self.columns + GAP)).bytes());
            }
            let picture = &captioned.picture;
            // A terminal whose characters are of another size than is thought here keeps the shape if it scales by one edge.
            let by_width = picture.width >= self.columns * self.cell.0;
            match self.protocol {
                Protocol::Kitty => {
                    let (edge, cells) = if by_width { ('c', self.columns) } else { ('r', self.lines_of(picture)) };
                    kitty(picture, &format!("{edge}={cells}"), out);
                }
                Protocol::Iterm2 => iterm2(picture, self.columns, self.lines_of(picture), out),
                Protocol::Sixel | Protocol::Blocks(_) => sixel(picture, out),
            }
            out.extend(b"\x1b8");
        }
        out.extend(format!("\x1b[{lines}B").bytes());
    }

    fn lines_of(&self, picture: &Rgb) -> u32 {
        picture.height.div_ceil(self.cell.1).max(1)
    }
}

/// A text cut or filled to so many columns.
fn pad(text: &str, columns: usize) -> String {
    let mut out = String::new();
    let mut width = 0;
    let fits = text.width() <= columns;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if !fits && width + wide > columns.saturating_sub(1) {
            out.push('…');
            width += 1;
            break;
        }
        out.push(c);
        width += wide;
    }
    out + &" ".repeat(columns.saturating_sub(width))
}

/// A PNG in pieces of 4096 letters, shown at the cursor, which stays where it is (`C=1`); the terminal does not answer
/// (`q=2`), since nobody would read it.
fn kitty(picture: &Rgb, size: &str, out: &mut Vec<u8>) {
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
fn iterm2(picture: &Rgb, columns: u32, lines: u32, out: &mut Vec<u8>) {
    let text = png(picture);
    let size = text.len() / 4 * 3 - text.bytes().rev().take_while(|&letter| letter == b'=').count();
    let box_ = format!("width={columns};height={lines};preserveAspectRatio=1");
    out.extend(format!("\x1b]1337;File=inline=1;size={size};{box_}:{text}\x07").bytes());
}

fn png(picture: &Rgb) -> String {
    STANDARD.encode(image::encode(picture, Encoding::Png).expect("a PNG may have any size"))
}

/// One pixel of the picture is one of the screen; 256 colours, the picture's own where it has no more.
fn sixel(picture: &Rgb, out: &mut Vec<u8>) {
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
fn blocks(picture: &Rgb, colours: Colours) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, value: impl Fn(u32, u32) -> [u8; 3]) -> Rgb {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| value(x, y)).collect();
        Rgb { width, height, pixels }
    }

    /// As many colours as pixels.
    fn colourful(width: u32, height: u32) -> Rgb {
        picture(width, height, |x, y| [x * 255 / width, y * 255 / height, (x * 7 + y * 3) % 256].map(|v| v as u8))
    }

    fn guess(variables: &[(&str, &str)]) -> Result<Protocol, &'static str> {
        Protocol::guess(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string()))
    }

    #[test]
    fn terminals_are_known_by_their_environment_and_others_get_blocks() {
        let blocks = |colours| Ok(Protocol::Blocks(colours));
        let xterm = ("TERM", "xterm-256color");
        assert_eq!(guess(&[("TERM", "xterm-kitty")]), Ok(Protocol::Kitty));
        assert_eq!(guess(&[xterm, ("KITTY_WINDOW_ID", "1")]), Ok(Protocol::Kitty));
        assert_eq!(guess(&[xterm, ("KONSOLE_VERSION", "230805")]), Ok(Protocol::Kitty));
        assert_eq!(guess(&[xterm, ("KONSOLE_VERSION", "210400")]), blocks(Colours::Indexed));
        assert_eq!(guess(&[xterm, ("TERM_PROGRAM", "iTerm.app")]), Ok(Protocol::Iterm2));
        assert_eq!(guess(&[xterm, ("LC_TERMINAL", "iTerm2")]), Ok(Protocol::Iterm2));
        assert_eq!(guess(&[xterm, ("TERM_PROGRAM", "vscode"), ("LC_TERMINAL", "iTerm2")]), blocks(Colours::All));
        assert_eq!(guess(&[("TERM", "foot-extra")]), Ok(Protocol::Sixel));
        assert_eq!(guess(&[("TERM", "alacritty"), ("KITTY_WINDOW_ID", "1")]), blocks(Colours::All));
        assert_eq!(guess(&[xterm]), blocks(Colours::Indexed));
        assert_eq!(guess(&[xterm, ("COLORTERM", "truecolor")]), blocks(Colours::All));
        let tmux =
            [("TERM", "tmux-256color"), ("TMUX", "/tmp/x"), ("KITTY_WINDOW_ID", "1"), ("COLORTERM", "truecolor")];
        assert_eq!(guess(&tmux), blocks(Colours::All));
    }

    #[test]
    fn without_colours_there_are_no_blocks_but_graphics() {
        assert!(guess(&[]).is_err());
        assert!(guess(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]).is_err());
        assert_eq!(guess(&[("TERM", "xterm"), ("NO_COLOR", "1")]), Err("NO_COLOR is set"));
        assert_eq!(guess(&[("TERM", "xterm-kitty"), ("NO_COLOR", "1")]), Ok(Protocol::Kitty));
        assert!(guess(&[("TERM", "xterm"), ("NO_COLOR", "")]).is_ok());
    }

    #[test]
    fn indexed_colours_are_the_nearest_of_all() {
        let steps = [0u8, 95, 135, 175, 215, 255];
        let colour_of = |index: u8| match index {
            232.. => [8 + 10 * (index - 232); 3],
            _ => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(|i| steps[i as usize]),
        };
        for n in 0..4096u32 {
            let colour = [n % 16 * 17, n / 16 % 16 * 17, n / 256 * 17].map(|v| v as u8);
            let distance = |index: u8| -> u32 {
                colour.iter().zip(colour_of(index)).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
            };
            let best = (16..=255).map(distance).min().expect("colours");
            assert_eq!(distance(nearest_indexed(colour)), best, "{colour:?}");
        }
    }

    #[test]
    fn kitty_gets_a_png_in_pieces() {
        let noise = |n: u32| n.wrapping_mul(0x9e37_79b1).rotate_left(11).wrapping_mul(0x85eb_ca6b).to_be_bytes();
        let sent = picture(90, 60, |x, y| [0, 1, 2].map(|i| noise(x + 90 * y)[i]));
        let mut out = Vec::new();
        kitty(&sent, "c=9", &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        let pieces: Vec<&str> = text.split_terminator("\x1b\\").collect();
        assert!(pieces.len() > 1 && pieces[0].starts_with("\x1b_Ga=T,f=100,C=1,q=2,c=9,m=1;"), "{}", pieces[0]);
        let mut encoded = String::new();
        for (number, piece) in pieces.iter().enumerate() {
            let (keys, data) = piece.strip_prefix("\x1b_G").and_then(|p| p.split_once(';')).expect("keys; data");
            assert!(data.len() <= 4096);
            assert_eq!(keys.ends_with("m=0"), number + 1 == pieces.len());
            encoded += data;
        }
        let png = STANDARD.decode(encoded).expect("base64");
        assert_eq!(image::decode(&png, image::Colour::WHITE), Ok(sent));
    }

    #[test]
    fn iterm2_gets_a_png_and_its_length() {
        let sent = colourful(31, 7);
        let mut out = Vec::new();
        iterm2(&sent, 4, 1, &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        let inner = text.strip_prefix("\x1b]1337;File=inline=1;size=").and_then(|t| t.strip_suffix('\x07'));
        let (size, data) =
            inner.and_then(|inner| inner.split_once(";width=4;height=1;preserveAspectRatio=1:")).expect("form");
        let png = STANDARD.decode(data).expect("base64");
        assert_eq!(size, png.len().to_string());
        assert_eq!(image::decode(&png, image::Colour::WHITE), Ok(sent));
    }

    /// What a terminal makes of a sixel sequence of [`sixel`]'s form.
    fn from_sixel(bytes: &[u8]) -> Rgb {
        let text = std::str::from_utf8(bytes).expect("ASCII");
        let text = text.strip_prefix("\x1bP0;1;0q\"1;1;").and_then(|t| t.strip_suffix("\x1b\\")).expect("DCS … ST");
        let mut rest = text;
        let number = |rest: &mut &str| -> usize {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let value = rest[..end].parse().expect("a number");
            *rest = &rest[end..];
            value
        };
        let width = number(&mut rest);
        rest = &rest[1..];
        let height = number(&mut rest);
        let mut palette = vec![[0u8; 3]; 256];
        let mut pixels = vec![0u8; width * height * 3];
        let (mut x, mut y, mut colour, mut repeat) = (0, 0, 0, 1);
        while let Some(c) = rest.chars().next() {
            rest = &rest[1..];
            match c {
                '#' => {
                    colour = number(&mut rest);
                    if let Some(defined) = rest.strip_prefix(";2;") {
                        rest = defined;
                        for value in &mut palette[colour] {
                            *value = (number(&mut rest) * 255 / 100) as u8;
                            rest = rest.strip_prefix(';').unwrap_or(rest);
                        }
                    }
                }
                '!' => repeat = number(&mut rest),
                '$' => x = 0,
                '-' => (x, y) = (0, y + 6),
                '?'..='~' => {
                    for _ in 0..std::mem::replace(&mut repeat, 1) {
                        let bits = c as u8 - b'?';
                        for bit in (0..6).filter(|bit| bits >> bit & 1 == 1) {
                            let at = ((y + bit) * width + x) * 3;
                            pixels[at..at + 3].copy_from_slice(&palette[colour]);
                        }
                        x += 1;
                    }
                }
                other => panic!("{other:?} is no part of a sixel picture"),
            }
        }
        Rgb { width: width as u32, height: height as u32, pixels }
    }

    fn worst_and_mean(a: &Rgb, b: &Rgb) -> (u8, f64) {
        assert_eq!((a.width, a.height), (b.width, b.height));
        let differences = a.pixels.iter().zip(&b.pixels).map(|(a, b)| a.abs_diff(*b));
        let mean = differences.clone().map(f64::from).sum::<f64>() / a.pixels.len() as f64;
        (differences.max().expect("pixels"), mean)
    }

    #[test]
    fn sixel_keeps_few_colours_and_approximates_many() {
        let mut out = Vec::new();
        let few = picture(50, 17, |x, y| [(x / 10 * 60) as u8, (y / 4 * 60) as u8, 200]);
        sixel(&few, &mut out);
        let (worst, _) = worst_and_mean(&few, &from_sixel(&out));
        assert!(worst <= 3, "a colour is given in hundredths: {worst}");
        let many = colourful(120, 100);
        let mut out = Vec::new();
        sixel(&many, &mut out);
        let (_, mean) = worst_and_mean(&many, &from_sixel(&out));
        assert!(mean < 16.0, "{mean}");
    }

    /// The two pixels of each character of a line of blocks.
    fn from_blocks(line: &str) -> Vec<(String, String)> {
        let (mut front, mut back, mut cells) = (String::new(), String::new(), Vec::new());
        for part in line.split("\x1b[").skip(1) {
            let (codes, text) = part.split_once('m').expect("SGR");
            let codes: Vec<&str> = codes.split(';').collect();
            let mut rest = codes.as_slice();
            while let Some((&first, after)) = rest.split_first() {
                let count = match (first, after.first()) {
                    ("38" | "48", Some(&"2")) => 5,
                    ("38" | "48", Some(&"5")) => 3,
                    _ => 1,
                };
                let value = rest[1..count].join(";");
                match first {
                    "38" => front = value,
                    _ => back = value,
                }
                rest = &rest[count..];
            }
            cells.extend(text.chars().map(|c| {
                assert_eq!(c, '▀');
                (front.clone(), back.clone())
            }));
        }
        cells
    }

    #[test]
    fn blocks_show_two_pixels_each_in_either_depth() {
        let sent = colourful(9, 5);
        let pixel = |x: usize, y: usize| &sent.pixels[(y * 9 + x) * 3..][..3];
        let lines = blocks(&sent, Colours::All);
        assert_eq!(lines.len(), 3);
        for (y, line) in lines.iter().enumerate() {
            let cells = from_blocks(line);
            assert_eq!(cells.len(), 9);
            for (x, (front, back)) in cells.into_iter().enumerate() {
                let text = |y: usize| pixel(x, y).iter().fold("2".to_string(), |text, v| format!("{text};{v}"));
                assert_eq!(front, text(2 * y));
                assert_eq!(back, if y < 2 { text(2 * y + 1) } else { String::new() });
            }
            assert!(line.ends_with("\x1b[0m"));
        }
        let plain = picture(4, 2, |_, y| [0, 0, 255 * (1 - y as u8)]);
        assert_eq!(blocks(&plain, Colours::Indexed), ["\x1b[38;5;21;48;5;16m▀▀▀▀\x1b[0m"]);
    }

    const SCREEN: Screen = Screen { columns: 80, lines: 24, cell: Some((10, 20)) };

    fn captioned(grid: &Grid, captions: &[&str]) -> Vec<Captioned> {
        let picture = grid.fit(&colourful(300, 200));
        captions.iter().map(|caption| Captioned { picture: picture.clone(), caption: caption.to_string() }).collect()
    }

    #[test]
    fn captions_begin_below_their_pictures() {
        let grid = Grid::new(Protocol::Blocks(Colours::All), SCREEN, 10);
        assert_eq!((grid.across(), grid.columns), (3, 25));
        let row = captioned(&grid, &["1 0.9 a", "2 0.8 ピカチュウピカチュウピカチュウ", "3 0.7 c"]);
        let text = String::from_utf8(grid.row(&row)).expect("UTF-8");
        let caption = text.lines().last().expect("lines");
        assert_eq!(caption, "1 0.9 a                    2 0.8 ピカチュウピカチュ…  3 0.7 c");
        assert_eq!(caption.split("3 0.7").next().expect("a start").width(), 54);
        assert_eq!(text.lines().count(), 9 + 1, "25 × 17 pixels");
    }

    #[test]
    fn a_row_makes_its_lines_first_and_ends_below_them() {
        for protocol in [Protocol::Kitty, Protocol::Iterm2, Protocol::Sixel] {
            let grid = Grid::new(protocol, SCREEN, 2);
            assert_eq!((grid.across(), grid.columns, grid.lines), (2, 39, 20));
            let text = String::from_utf8(grid.row(&captioned(&grid, &["a", "b"]))).expect("UTF-8");
            // 390 × 260 pixels.
            assert!(text.starts_with(&format!("{}\x1b[13A\x1b7\x1b", "\n".repeat(13))), "{protocol:?}");
            assert!(text.contains("\x1b8\x1b7\x1b[41C\x1b"));
            assert!(text.ends_with(&format!("\x1b8\x1b[13Ba{}b\n", " ".repeat(40))));
        }
    }

    #[test]
    fn any_screen_and_any_picture_fit() {
        for protocol in [Protocol::Kitty, Protocol::Iterm2, Protocol::Sixel, Protocol::Blocks(Colours::Indexed)] {
            for screen in [(1, 1, None), (7, 2, Some((3, 6))), (300, 4, None), (60, 1000, Some((12, 3)))] {
                let grid = Grid::new(protocol, Screen { columns: screen.0, lines: screen.1, cell: screen.2 }, 3);
                for (width, height) in [(1, 1), (1, 500), (500, 1), (64, 64)] {
                    let picture = grid.fit(&colourful(width, height));
                    assert!(picture.width <= grid.columns * grid.cell.0 && picture.height <= grid.lines * grid.cell.1);
                    assert!(grid.lines <= screen.1 && grid.columns <= screen.0);
                    grid.row(&[Captioned { picture, caption: "caption".into() }]);
                }
            }
        }
    }
}
