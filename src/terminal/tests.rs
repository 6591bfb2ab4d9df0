use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::drawing::nearest_indexed;
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
    let tmux = [("TERM", "tmux-256color"), ("TMUX", "/tmp/x"), ("KITTY_WINDOW_ID", "1"), ("COLORTERM", "truecolor")];
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
