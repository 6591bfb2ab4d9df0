//! A map as an SVG, for papers and slides: dark on light, words as text.

use std::fmt::Write;

use htmlize::escape_all_quotes;

use super::palette::{GREY, Shape};
use super::place::{free, place};
use super::{Drawing, Place, bounds, grouped};
use crate::words::{printable, rows as say_rows, several};

/// Width of the picture, in its own units.
pub(super) const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 860.0;
const LEGEND: f64 = 210.0;
const MARGIN: f64 = 36.0;
const TOP: f64 = 86.0;
/// Height of a label's line, and how wide a letter is on average.
const LINE: f64 = 19.0;
const LETTER: f64 = 8.3;
/// The longer side of a picture.
const PICTURE: f64 = 34.0;
/// Longest words of a legend and of a label.
const LONGEST: usize = 24;

const FONT: &str = "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif";

/// The whole picture.
pub(super) fn svg(drawing: &Drawing) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         role=\"img\" font-family=\"{FONT}\"><title>{0}</title><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{MARGIN}\" y=\"46\" font-size=\"25\" font-weight=\"700\" fill=\"#1c1b1a\">{0}</text>\n",
        safe(&short(&drawing.title, 70))
    );
    let mut facts = vec![say_rows(drawing.points.len() as u64).replacen(
        &drawing.points.len().to_string(),
        &grouped(drawing.points.len()),
        1,
    )];
    if drawing.clusters > 0 {
        facts.push(several(drawing.clusters as u64, "cluster", "clusters"));
    }
    facts.push(format!("coloured by {}", drawing.by));
    let facts = safe(&facts.join(" · "));
    let _ = writeln!(svg, "<text x=\"{MARGIN}\" y=\"69\" font-size=\"14\" fill=\"#5c5852\">{facts}</text>");
    let frame = [MARGIN, TOP, WIDTH - LEGEND - MARGIN, HEIGHT - MARGIN];
    let to_frame = scale(drawing, frame);
    points(drawing, &to_frame, &mut svg);
    pictures(drawing, &to_frame, frame, &mut svg);
    labels(drawing, &to_frame, frame, &mut svg);
    legend(drawing, &mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn safe(text: &str) -> String {
    escape_all_quotes(printable(text)).into_owned()
}

/// A text of at most so many letters.
fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.into(),
    }
}

/// From places to the frame: as large as fits, the same both ways, y upwards.
fn scale(drawing: &Drawing, frame: [f64; 4]) -> impl Fn(Place) -> [f64; 2] {
    let [low, high] = bounds(drawing.points.iter().map(|point| &point.place).chain(drawing.behind));
    let extent = [0, 1].map(|axis| f64::from(high[axis] - low[axis]));
    let scale = ((frame[2] - frame[0]) / extent[0]).min((frame[3] - frame[1]) / extent[1]);
    let middle = [0, 1].map(|axis| f64::from(high[axis] + low[axis]) / 2.0);
    let centre = [(frame[0] + frame[2]) / 2.0, (frame[1] + frame[3]) / 2.0];
    move |place| {
        let off = [0, 1].map(|axis| (f64::from(place[axis]) - middle[axis]) * scale);
        [centre[0] + off[0], centre[1] - off[1]]
    }
}

/// How large points are, so that many do not cover each other.
fn radius(points: usize) -> f64 {
    (150.0 / (points.max(1) as f64).sqrt()).clamp(0.9, 5.0)
}

fn points(drawing: &Drawing, to_frame: &impl Fn(Place) -> [f64; 2], svg: &mut String) {
    let radius = radius(drawing.points.len());
    let mut paths = vec![String::new(); drawing.groups.len() + 2];
    for place in drawing.behind {
        mark(&mut paths[0], to_frame(*place), Shape::Disc, radius * 0.7);
    }
    for (point, group) in drawing.points.iter().zip(&drawing.of_point) {
        let group = group.filter(|group| (*group as usize) < drawing.groups.len());
        let shape = group.map_or(Shape::Disc, |group| drawing.groups[group as usize].paint.shape);
        mark(&mut paths[group.map_or(1, |group| group as usize + 2)], to_frame(point.place), shape, radius);
    }
    let opacity = if drawing.points.len() > 5000 { 0.6 } else { 0.82 };
    for (at, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        let (colour, shape) = match at {
            0 => ("#dcdad5", Shape::Disc),
            1 => (GREY, Shape::Disc),
            _ => (drawing.groups[at - 2].paint.colour, drawing.groups[at - 2].paint.shape),
        };
        let paint = match shape {
            Shape::Disc | Shape::Square => {
                let cap = if shape == Shape::Disc { "round" } else { "square" };
                let width =
                    if at == 0 { 1.4 * radius } else { 2.0 * radius * if shape == Shape::Disc { 1.0 } else { 0.85 } };
                format!(
                    "fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width:.2}\" stroke-linecap=\"{cap}\" stroke-opacity=\"{opacity}\""
                )
            }
            _ => format!("fill=\"{colour}\" fill-opacity=\"{opacity}\""),
        };
        let _ = writeln!(svg, "<path {paint} d=\"{path}\"/>");
    }
}

/// Pictures in the place of points, where there is room for them, framed in the colours of these.
fn pictures(drawing: &Drawing, to_frame: &impl Fn(Place) -> [f64; 2], frame: [f64; 4], svg: &mut String) {
    if drawing.pictures.is_empty() {
        return;
    }
    let pictures = drawing.points.iter().zip(&drawing.of_point).filter_map(|(point, group)| {
        let picture = drawing.pictures.get(point.row)?;
        let longer = f64::from(picture.width.max(picture.height));
        let size = [picture.width, picture.height].map(|side| PICTURE * f64::from(side) / longer);
        Some((to_frame(point.place), size, group, &picture.address))
    });
    let pictures: Vec<_> = pictures.collect();
    let boxes: Vec<_> = pictures.iter().map(|(at, size, ..)| (*at, size.map(|side| side + 3.0))).collect();
    for ((_, [width, height], group, address), place) in pictures.iter().zip(free(&boxes, frame)) {
        let Some([x, y]) = place else { continue };
        let paint = group.and_then(|group| drawing.groups.get(group as usize));
        let colour = paint.map_or(GREY, |group| group.paint.colour);
        let (left, top) = (x - width / 2.0, y - height / 2.0);
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"#fff\" stroke=\"{colour}\" \
             stroke-width=\"2.4\"/><image x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" href=\"{address}\"/>"
        );
    }
}

/// Adds a point to a path.
fn mark(path: &mut String, [x, y]: [f64; 2], shape: Shape, radius: f64) {
    let _ = match shape {
        Shape::Disc | Shape::Square => write!(path, "M{x:.1} {y:.1}h0"),
        Shape::Triangle => {
            let (half, high) = (radius * 1.1, radius * 2.0);
            write!(path, "M{x:.1} {:.1}l{half:.1} {high:.1}h-{:.1}z", y - radius * 1.25, half * 2.0)
        }
        Shape::Diamond => {
            let far = radius * 1.3;
            write!(path, "M{x:.1} {:.1}l{far:.1} {far:.1}l-{far:.1} {far:.1}l-{far:.1} -{far:.1}z", y - far)
        }
    };
}

fn labels(drawing: &Drawing, to_frame: &impl Fn(Place) -> [f64; 2], frame: [f64; 4], svg: &mut String) {
    let texts: Vec<String> = drawing.labels.iter().map(|label| short(&label.text, LONGEST)).collect();
    let sizes = drawing.labels.iter().zip(&texts).map(|(label, text)| {
        (to_frame(label.place), [unicode_width::UnicodeWidthStr::width(text.as_str()) as f64 * LETTER + 6.0, LINE])
    });
    let places = place(&sizes.collect::<Vec<_>>(), frame);
    svg.push_str("<g font-size=\"15\" font-weight=\"700\" text-anchor=\"middle\" fill=\"#1c1b1a\" stroke=\"#fff\" stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\">\n");
    for (text, place) in texts.iter().zip(places) {
        if let Some([x, y]) = place {
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\">{}</text>", y + 5.0, safe(text));
        }
    }
    svg.push_str("</g>\n");
}

fn legend(drawing: &Drawing, svg: &mut String) {
    let x = WIDTH - LEGEND;
    let most = ((HEIGHT - TOP - MARGIN) / 23.0) as usize;
    let grey = drawing.of_point.iter().filter(|group| group.is_none()).count();
    let shown = drawing.groups.len().min(most - 1);
    let mut lines: Vec<(String, usize, &str, Shape)> = drawing.groups[..shown]
        .iter()
        .map(|group| (group.name.clone(), group.points, group.paint.colour, group.paint.shape))
        .collect();
    if shown < drawing.groups.len() {
        let rest = drawing.groups[shown..].iter().map(|group| group.points).sum();
        lines.push((format!("{} more", drawing.groups.len() - shown), rest, "#d5d2cb", Shape::Disc));
    } else if grey > 0 {
        lines.push(("others".into(), grey, GREY, Shape::Disc));
    }
    svg.push_str("<g font-size=\"14\" fill=\"#1c1b1a\">\n");
    for (line, (name, count, colour, shape)) in lines.iter().enumerate() {
        let y = TOP + 12.0 + 23.0 * line as f64;
        let mut path = String::new();
        mark(&mut path, [x, y], *shape, 5.0);
        let paint = match shape {
            Shape::Disc | Shape::Square => {
                let cap = if *shape == Shape::Disc { "round" } else { "square" };
                format!("stroke=\"{colour}\" stroke-width=\"9\" stroke-linecap=\"{cap}\"")
            }
            _ => format!("fill=\"{colour}\""),
        };
        let _ = writeln!(
            svg,
            "<path {paint} d=\"{path}\"/><text x=\"{:.0}\" y=\"{:.0}\">{}</text>\
             <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" fill=\"#5c5852\">{}</text>",
            x + 16.0,
            y + 5.0,
            safe(&short(name, 18)),
            WIDTH - 24.0,
            y + 5.0,
            grouped(*count)
        );
    }
    svg.push_str("</g>\n");
}
