//! Pictures as the bytes that make a terminal show them, side by side, each over a caption.
//!
//! Hides: the graphics protocols, colours and cells of terminals, and where the cursor must be for what. Promises: pure
//! functions; nothing is asked of the terminal and nothing is printed. What a terminal can do is read from the
//! environment only: asking it would mean to wait for an answer that many never give.

mod drawing;
mod environment;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::image::{self, Filter, Fit, Rgb};
use drawing::{blocks, iterm2, kitty, sixel};

/// How a terminal is given pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
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
pub(crate) enum Colours {
    /// 24 bits.
    All,
    /// The 240 of xterm's 256 colours that are the same in every theme.
    Indexed,
}

/// The value of an environment variable.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The size of a terminal, in characters, and of a character, in pixels, where the terminal says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    pub columns: u32,
    pub lines: u32,
    pub cell: Option<(u32, u32)>,
}

/// A picture in a [`Grid`], at most as large as [`Grid::fit`] makes it, and what is said of it.
#[derive(Debug)]
pub(crate) struct Captioned {
    pub picture: Rgb,
    pub caption: String,
}

/// Fields of equal size beside each other.
#[derive(Debug)]
pub(crate) struct Grid {
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
    pub(crate) fn new(protocol: Protocol, screen: Screen, pictures: usize) -> Grid {
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
    pub(crate) fn across(&self) -> usize {
        self.across as usize
    }

    /// The longer edge of a field, in pixels.
    pub(crate) fn edge(&self) -> u32 {
        (self.columns * self.cell.0).max(self.lines * self.cell.1)
    }

    /// The picture as large as a field.
    pub(crate) fn fit(&self, picture: &Rgb) -> Rgb {
        let field = (self.columns * self.cell.0, self.lines * self.cell.1);
        let (width, height) = image::letterboxed((picture.width, picture.height), field);
        picture.resize(width, height, Fit::Stretch, Filter::Bicubic, image::Colour::WHITE)
    }

    /// Draws a row where the cursor is, at the start of a line, and leaves it at the start of the line below the captions.
    pub(crate) fn row(&self, row: &[Captioned]) -> Vec<u8> {
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

#[cfg(test)]
mod tests;
