//! A label file of YOLO: `class x y width height` in parts of the picture, a polygon, or a box with key points.
//!
//! What is wrong is what Ultralytics leaves a picture out for (`verify_image_label` in its data/utils.py, 8.4); what it
//! takes and a person would not is told apart.

use std::collections::HashSet;

use crate::table::findings::Fault;

/// How far Ultralytics lets a coordinate lie outside the picture, which covers sides rounded to two decimals.
const ALLOWED: f32 = 0.01;

/// One thing in a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    pub class: u32,
    /// Left, top, right and bottom, in parts of the picture.
    pub sides: [f64; 4],
}

/// Key points of every box: how many there are, and the numbers of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyPoints {
    pub count: usize,
    pub numbers: usize,
}

/// What a label file says. Lines that cannot be read are left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Labels {
    pub labels: Vec<Label>,
    pub faults: Vec<(Fault, String)>,
    /// Labels that are more than their boxes: polygons, and key points.
    pub outlined: u64,
}

/// Reads a label file; `classes` are so many, where that is known.
pub(super) fn parse(bytes: &[u8], classes: Option<usize>, points: Option<KeyPoints>) -> Labels {
    let mut read = Labels::default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => {
            read.faults.push((Fault::LabelSyntax, "is no UTF-8 text".into()));
            return read;
        }
    };
    if text.starts_with('\u{feff}') {
        let detail = "begins with a byte order mark, for which older releases of Ultralytics leave the picture out";
        read.faults.push((Fault::Misread, detail.into()));
    }
    let text = text.trim_start_matches('\u{feff}');
    // Python's lines.
    let lines =
        text.split(['\n', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']).flat_map(|line| line.split('\r'));
    let rows: Vec<(usize, &str)> = (1..).zip(lines).filter(|(_, line)| !line.trim().is_empty()).collect();
    // Beside polygons a point is one too.
    let are_polygons = points.is_none() && rows.iter().any(|(_, line)| line.split_whitespace().count() > 6);
    let mut kinds: [Option<usize>; 2] = [None, None];
    let mut known = HashSet::new();
    for (number, line) in rows {
        let wrong = |fault, detail: String| (fault, format!("line {number}: {detail}"));
        let row = match Row::parse(line, points, are_polygons) {
            Ok(row) => row,
            Err(problem) => {
                read.faults.push(wrong(Fault::LabelSyntax, problem));
                continue;
            }
        };
        kinds[usize::from(row.is_polygon)].get_or_insert(number);
        if !known.insert(row.bits()) {
            read.faults.push(wrong(Fault::LabelRepeated, format!("`{}` once more", line.trim())));
        }
        if let Some(classes) = classes.filter(|classes| row.class as usize >= *classes) {
            read.faults.push(wrong(Fault::LabelClass, format!("class {}, and there are {classes}", row.class)));
            continue;
        }
        match row.out_of_range() {
            Some(problem) => read.faults.push(wrong(Fault::LabelRange, problem)),
            None => read.faults.extend(row.beyond().map(|problem| wrong(Fault::LabelBeyond, problem))),
        }
        read.outlined += u64::from(row.is_polygon || row.points.is_some());
        read.labels.push(Label { class: row.class, sides: row.sides() });
    }
    if let [Some(one), Some(other)] = kinds {
        let detail = format!("line {one} is a box and line {other} a polygon; a file may hold only one kind");
        read.faults.push((Fault::LabelSyntax, detail));
    }
    read
}

/// A line.
struct Row {
    class: u32,
    numbers: Vec<f64>,
    is_polygon: bool,
    /// The numbers after the box are of key points.
    points: Option<KeyPoints>,
}

impl Row {
    fn parse(line: &str, points: Option<KeyPoints>, are_polygons: bool) -> Result<Row, String> {
        let mut cells = line.split_whitespace();
        let first = cells.next().unwrap_or_default();
        let class = number(first).filter(|class| class.fract() == 0.0 && (0.0..f64::from(u32::MAX)).contains(class));
        let class = class.ok_or_else(|| format!("the class `{first}` is no whole number"))? as u32;
        let finite = |cell: &str| number(cell).filter(|x| x.is_finite()).ok_or(format!("`{cell}` is no number"));
        let numbers = cells.map(finite).collect::<Result<Vec<f64>, String>>()?;
        let found = numbers.len();
        let is_polygon = match points {
            Some(KeyPoints { count, numbers: each }) if found != 4 + count * each => {
                let wanted = 4 + count * each;
                return Err(format!("a class and {found} numbers, where `kpt_shape` [{count}, {each}] wants {wanted}"));
            }
            Some(_) => false,
            None if found == 4 => false,
            None if found >= 6 && found.is_multiple_of(2) || found == 2 && are_polygons => true,
            None => {
                return Err(format!(
                    "a class and {found} numbers, where a box has 4 (x y w h) and a polygon 6 or more"
                ));
            }
        };
        Ok(Row { class, numbers, is_polygon, points })
    }

    /// Centre and size.
    fn centred(&self) -> [f64; 4] {
        if !self.is_polygon {
            return [0, 1, 2, 3].map(|at| self.numbers[at]);
        }
        let of = |from: usize| self.numbers.iter().skip(from).step_by(2).copied();
        let (least, most) =
            (|from| of(from).fold(f64::INFINITY, f64::min), |from| of(from).fold(-f64::INFINITY, f64::max));
        let (x1, y1, x2, y2) = (least(0), least(1), most(0), most(1));
        [(x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1]
    }

    /// Left, top, right and bottom, within the picture.
    fn sides(&self) -> [f64; 4] {
        let [x, y, w, h] = self.centred();
        [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0].map(|side| side.clamp(0.0, 1.0))
    }

    /// What makes Ultralytics leave the picture out.
    fn out_of_range(&self) -> Option<String> {
        let [x, y, w, h] = self.centred();
        let beyond = |x: f64| x as f32 > 1.0 + ALLOWED;
        let below = |x: f64| (x as f32) < -ALLOWED;
        let points = self.points.map_or(0, |points| points.numbers);
        let key_points = || self.numbers.get(4..).unwrap_or_default().chunks(points.max(1)).filter(|_| points > 0);
        // Of a box with key points only these are held against 1, and all against 0.
        let outside = match self.points {
            None => [x, y, w, h].into_iter().find(|&x| beyond(x) || below(x)),
            Some(_) => {
                let far = key_points().flat_map(|point| point.iter().take(2)).find(|x| beyond(**x)).copied();
                far.or_else(|| self.numbers.iter().find(|x| below(**x)).copied())
            }
        };
        match outside {
            Some(outside) => Some(format!("{outside} is not between 0 and 1")),
            None if w < 0.0 || h < 0.0 => Some(format!("a box of {w} x {h}")),
            None => None,
        }
    }

    /// What Ultralytics takes, and cuts at the picture's border or learns nothing from.
    fn beyond(&self) -> Option<String> {
        const MOST: f64 = ALLOWED as f64 + 1e-6;
        let [x, y, w, h] = self.centred();
        if w == 0.0 || h == 0.0 {
            return Some(format!("a box of {w} x {h}"));
        }
        let outside =
            [x - w / 2.0, y - h / 2.0, 1.0 - x - w / 2.0, 1.0 - y - h / 2.0].into_iter().any(|side| side < -MOST);
        outside.then(|| format!("the box {x} {y} {w} {h} leaves the picture"))
    }

    /// What makes two lines the same: their numbers as Ultralytics keeps them.
    fn bits(&self) -> Vec<u32> {
        // A zero of either sign is one.
        let bits = |x: &f64| (*x as f32 + 0.0).to_bits();
        std::iter::once(self.class).chain(self.numbers.iter().map(bits)).collect()
    }
}

/// A number as Python's `float` reads it.
fn number(cell: &str) -> Option<f64> {
    let is_digit = |at: usize| cell.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let apart = |(at, _): (usize, &str)| at > 0 && is_digit(at - 1) && is_digit(at + 1);
    if !cell.contains('_') {
        return cell.parse().ok();
    }
    cell.match_indices('_').all(apart).then(|| cell.replace('_', "").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<Fault> {
        parse(text.as_bytes(), Some(2), None).faults.into_iter().map(|(fault, _)| fault).collect()
    }

    #[test]
    fn what_ultralytics_takes_is_sound() {
        for text in [
            "",
            "\n \r\n",
            "0 0.5 0.5 1 1",
            "0.000000 0.500000 0.500000 0.500000 0.500000",
            "1e0 +.5 5e-1 1. 1_0e-1",
            "0 0.6667 0.5 0.6667 1.0\n",
            "0 0.33 0.5 0.67 1.0",
            "0 0.5 0.5 1.0000001 1.0",
            "0 0.5 0.5 1.005 1.005",
            "0 -0.001 0.5 0.01 0.5",
            "0 0.1 0.1 0.9 0.1 0.9 0.9",
            "0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9",
            "0 0.1 0.1 0.9 0.1 0.9 0.9\n1 0.5 0.5\n0 0.1 0.1 0.9 0.1 0.9 0.8",
            "0 0.5 0.5 0.5 0.5\r1 0.5 0.5 0.5 0.5\u{c}1 0.4 0.5 0.5 0.5",
        ] {
            let found: Vec<Fault> = faults(text).into_iter().filter(|fault| *fault != Fault::LabelBeyond).collect();
            assert_eq!(found, [], "{text:?}");
        }
        assert_eq!(parse(b"0 .5 .5 1 1\r1 0 0 1 0 1 .5", None, None).labels[1].sides, [0.0, 0.0, 1.0, 0.5]);
    }

    #[test]
    fn what_ultralytics_leaves_out_is_an_error() {
        for (text, fault) in [
            ("a 1 1 1 1", Fault::LabelSyntax),
            ("-1 0 0 1 1", Fault::LabelSyntax),
            ("1.5 0 0 1 1", Fault::LabelSyntax),
            ("0 0.5 0.5 1", Fault::LabelSyntax),
            ("0 0.5 0.5 1 1 0.9", Fault::LabelSyntax),
            ("0 x 0 0 0", Fault::LabelSyntax),
            ("0 0,5 0.5 1 1", Fault::LabelSyntax),
            ("0 nan 0 0 0", Fault::LabelSyntax),
            ("0 0.5 0.5 _1 1", Fault::LabelSyntax),
            ("0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.9 0.1 0.9 0.9", Fault::LabelSyntax),
            ("2 0.5 0.5 1 1", Fault::LabelClass),
            ("0 0.5 0.5 1.2 1", Fault::LabelRange),
            ("0 320 240 64 48", Fault::LabelRange),
            ("0 -0.1 0.5 0.1 0.1", Fault::LabelRange),
            ("0 0.5 0.5 -0.005 0.1", Fault::LabelRange),
            ("0 0.9 0.5 0.5 0.5", Fault::LabelBeyond),
            ("0 0.5 0.5 0 0.5", Fault::LabelBeyond),
            ("0 0.5 0.5 0.5 0.5\n0.0 0.50 0.500 5e-1 .5", Fault::LabelRepeated),
            ("\u{feff}0 0.5 0.5 0.5 0.5", Fault::Misread),
        ] {
            assert_eq!(faults(text), [fault], "{text:?}");
        }
        assert_eq!(parse(b"\xff\xfe0\0", None, None).faults[0].0, Fault::LabelSyntax);
    }

    #[test]
    fn key_points_follow_the_box() {
        let three = KeyPoints { count: 3, numbers: 3 };
        let of = |text: &str, points| parse(text.as_bytes(), Some(2), Some(points)).faults;
        assert_eq!(of("1 .5 .5 .2 .2 .5 .5 2 .4 .4 1 0 0 0", three), []);
        assert_eq!(of("1 .5 .5 .2 .2 .5 .5 .4 .4", KeyPoints { count: 2, numbers: 2 }), []);
        for (text, fault) in [
            ("1 .5 .5 .2 .2", Fault::LabelSyntax),
            ("1 .5 .5 .2 .2 .5 .5 2 .4 .4 1 0 0", Fault::LabelSyntax),
            ("1 .5 .5 .2 .2 1.5 .5 2 .4 .4 1 0 0 0", Fault::LabelRange),
            ("1 .5 .5 .2 .2 -.5 .5 2 .4 .4 1 0 0 0", Fault::LabelRange),
        ] {
            assert_eq!(of(text, three)[0].0, fault, "{text}");
        }
    }
}
