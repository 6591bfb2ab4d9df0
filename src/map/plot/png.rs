//! A map as a PNG: the SVG in pixels, so that both are one picture.
//!
//! Texts are drawn with a font that is in the program, the same everywhere. Letters that it lacks are drawn with the fonts of the
//! system, if one has them.

use std::collections::BTreeSet;
use std::sync::Arc;

use resvg::usvg::fontdb::{Database, Source, Style};
use resvg::usvg::{FontResolver, ImageHrefResolver, Options, Tree};
use resvg::{render, tiny_skia};

use super::svg::WIDTH;
use crate::failure::Failure;
use crate::guard;
use crate::image::{Encoding, Rgb, encode};

/// Latin, Greek and Cyrillic letters of Noto Sans; see `assets/fonts/subset.py`.
const REGULAR: &[u8] = include_bytes!("../../../assets/fonts/regular.ttf");
const BOLD: &[u8] = include_bytes!("../../../assets/fonts/bold.ttf");

/// From this weight on a text is bold.
const HEAVY: u16 = 600;

/// The picture of an SVG, so many pixels wide, and the letters that no font had, in whose places � stands.
///
/// # Errors
/// There is no room for its pixels, or it cannot be drawn.
pub(super) fn png(svg: &str, width: u32) -> Result<(Vec<u8>, BTreeSet<char>), Failure> {
    let drawn = guard::catch(|| pixels(svg, width));
    let picture = drawn.unwrap_or_else(|| Err("its drawing was too much".into()));
    let (picture, missing) =
        picture.map_err(|problem| Failure::failed(format!("the plot cannot be drawn: {problem}"), None))?;
    let bytes = encode(&picture, Encoding::Png);
    let bytes = bytes.map_err(|problem| Failure::failed(format!("the plot cannot be written: {problem}"), None))?;
    Ok((bytes, missing))
}

fn pixels(svg: &str, width: u32) -> Result<(Rgb, BTreeSet<char>), String> {
    let mut fonts = Database::new();
    let [regular, bold] = [REGULAR, BOLD].map(|font| fonts.load_font_source(Source::Binary(Arc::new(font)))[0]);
    let mut fonts = Arc::new(fonts);
    let find = FontResolver::default_fallback_selector();
    // Whether a font other than this one has a letter: ours have the same.
    let mut lacking: BTreeSet<char> = svg.chars().filter(|letter| !letter.is_ascii() && is_seen(*letter)).collect();
    lacking.retain(|letter| find(*letter, &[bold], &mut fonts).is_none());
    if !lacking.is_empty() {
        add_system_fonts(Arc::make_mut(&mut fonts));
        lacking.retain(|letter| find(*letter, &[bold], &mut fonts).is_none());
    }
    // After the first letter that no font has none is looked for in other fonts any more.
    let svg = svg.replace(|letter| lacking.contains(&letter), "\u{fffd}");
    let resolver = FontResolver {
        select_font: Box::new(move |font, _| Some(if font.weight() >= HEAVY { bold } else { regular })),
        select_fallback: find,
    };
    let options = Options {
        fontdb: fonts,
        font_resolver: resolver,
        // Pictures are in the text; no other file is looked at.
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_str(&svg, &options).map_err(|problem| problem.to_string())?;
    let scale = width as f32 / WIDTH as f32;
    let height = (tree.size().height() * scale).round() as u32;
    let mut pixmap = tiny_skia::Pixmap::new(width, height).ok_or("it is too large")?;
    render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    // The whole picture has a background.
    let pixels = pixmap.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    Ok((Rgb { width, height, pixels }, lacking))
}

/// Whether a letter is drawn; those that join others or choose between their forms are not.
fn is_seen(letter: char) -> bool {
    !matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// The fonts of the system, those first that go best with ours, in an order that depends on their files alone.
fn add_system_fonts(fonts: &mut Database) {
    let mut system = Database::new();
    system.load_system_fonts();
    let mut faces: Vec<_> = system.faces().cloned().collect();
    faces.sort_by_cached_key(|face| {
        let far = face.weight.0.abs_diff(400);
        (face.style != Style::Normal, face.monospaced, far, face.post_script_name.clone(), format!("{:?}", face.source))
    });
    faces.into_iter().for_each(|face| {
        fonts.push_face_info(face);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(inner: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 400\" width=\"{WIDTH}\" height=\"400\">\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>{inner}</svg>"
        )
    }

    fn dark(picture: &Rgb, [left, top, right, bottom]: [u32; 4]) -> usize {
        let at = |x: u32, y: u32| picture.pixels[3 * (y * picture.width + x) as usize];
        (top..bottom).map(|y| (left..right).filter(|x| at(*x, y) < 128).count()).sum()
    }

    #[test]
    fn what_the_svg_of_a_map_is_made_of_is_drawn() {
        // Points are lines of no length with round or square caps, of which there may be one alone.
        for (cap, area) in [("round", 314.0), ("square", 400.0)] {
            let stroke = format!("fill=\"none\" stroke=\"#000\" stroke-width=\"20\" stroke-linecap=\"{cap}\"");
            for points in ["M50 50h0", "M50 50h0M150 50h0"] {
                let text = svg(&format!("<path {stroke} d=\"{points}\"/>"));
                let (picture, _) = pixels(&text, WIDTH as u32).expect("it can be drawn");
                let found = dark(&picture, [30, 30, 70, 70]) as f64;
                assert!((found - area).abs() < 20.0, "{cap}, {points}: {found}");
            }
        }
    }

    #[test]
    fn every_letter_of_species_is_in_the_font_and_others_are_told() {
        let names: String = crate::species::names().collect::<Vec<_>>().join(" ");
        let text = |words: &str| svg(&format!("<text x=\"20\" y=\"60\" font-size=\"30\">{words}</text>"));
        let (picture, missing) = pixels(&text(&names), 600).expect("it can be drawn");
        assert!(dark(&picture, [0, 0, 600, 60]) > 100);
        assert!(missing.is_empty(), "{missing:?}");
        // Private letters, in whose places something is seen; one that chooses a form of another is no letter.
        let (picture, missing) = pixels(&text("\u{10abcd}\u{10abce}\u{fe0f}"), 1200).expect("it can be drawn");
        assert!(dark(&picture, [0, 0, 100, 80]) > 20);
        assert_eq!(missing.into_iter().collect::<Vec<_>>(), ['\u{10abcd}', '\u{10abce}']);
    }

    #[test]
    fn a_picture_is_as_wide_as_it_is_wanted_and_always_the_same() {
        let text = svg("<text x=\"20\" y=\"60\" font-size=\"30\" font-weight=\"700\">Flabébé</text>");
        let (first, _) = png(&text, 2400).expect("it can be drawn");
        assert_eq!(png(&text, 2400).expect("it can be drawn").0, first);
        let size = crate::image::dimensions(&first).expect("a picture");
        assert_eq!(size, (2400, 800));
        assert!(png("<svg", 10).is_err());
    }
}
