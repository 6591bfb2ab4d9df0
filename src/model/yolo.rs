//! YOLO models: what their exporters wrote about them, and how their numbers become boxes.
//!
//! Hides: the three layouts of their outputs, the suppression of boxes that overlap a better one, the way back from the
//! letterbox. Promises: the same boxes as `predict` of Ultralytics 8.4 (`non_max_suppression`, `scale_boxes`; for the
//! layout with objectness as YOLOv5's `detect.py`), to the rounding of 32-bit numbers; of equal scores the one that the
//! output has first comes first.

use std::collections::BTreeMap;

use serde_json::Value;

use super::engine::Output;
use super::literal;
use crate::image::letterboxed;

/// More boxes than this are not compared with each other: the best are.
const MOST_COMPARED: usize = 30_000;

/// Boxes of different classes do not compete: each class lies that many pixels apart. The sums are rounded to 32 bits
/// as they are in the original, which shows with many classes.
const CLASS_OFFSET: f32 = 7680.0;

/// What counts as a detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// A box must have a score above this.
    pub confidence: f32,
    /// Of two boxes of a class that share more than this (intersection over union), only the better one stays.
    pub iou: f32,
    /// So many boxes an image at most.
    pub most: usize,
}

impl Default for Detection {
    /// As `predict` of Ultralytics.
    fn default() -> Detection {
        Detection { confidence: 0.25, iou: 0.7, most: 300 }
    }
}

/// Something that was found in a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Box {
    /// Its place among the labels.
    pub class: usize,
    /// How sure the model is, from 0 to 1.
    pub score: f32,
    /// Left, top, right and bottom in pixels of the upright picture.
    pub xyxy: [f32; 4],
}

/// What an exporter wrote into `metadata_props`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    /// `detect`, `classify`, …; YOLOv5 does not tell it.
    pub task: Option<String>,
    /// Height and width of the input.
    pub size: Option<(u32, u32)>,
    /// Does the graph itself choose among overlapping boxes?
    pub end_to_end: bool,
    /// The kind of the last layer.
    pub head: Option<String>,
}

impl Told {
    /// What is told of a YOLO model; `None` where this is none.
    pub(super) fn read(metadata: &BTreeMap<String, String>) -> Option<Told> {
        // Both exporters write these two, and no other is known to.
        if !metadata.contains_key("stride") || !metadata.contains_key("names") {
            return None;
        }
        let value = |key: &str| metadata.get(key).and_then(|text| literal::parse(text));
        let is_true = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
        let side = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
        let size = value("imgsz").and_then(|size| match &size {
            Value::Array(sides) if sides.len() == 2 => side(&sides[0]).zip(side(&sides[1])),
            one => side(one).map(|side| (side, side)),
        });
        let suppresses = is_true(value("args").as_ref().and_then(|args| args.get("nms")));
        Some(Told {
            task: metadata.get("task").cloned(),
            size,
            end_to_end: is_true(value("end2end").as_ref()) || suppresses,
            head: metadata.get("head").cloned(),
        })
    }
}

/// The labels that exporters write: a list, or a dictionary from 0 on.
///
/// # Errors
/// It is neither.
pub(super) fn names(text: &str) -> Result<Vec<String>, String> {
    let not_understood = || "its metadata `names` is not understood".to_string();
    let text_of = |value: &Value| match value {
        Value::String(name) => name.clone(),
        other => other.to_string(),
    };
    match literal::parse(text).ok_or_else(not_understood)? {
        Value::Array(names) => Ok(names.iter().map(text_of).collect()),
        Value::Object(names) => by_number(names.iter().map(|(number, name)| (&**number, text_of(name))))
            .ok_or_else(|| "its metadata `names` does not number the classes from 0 on".into()),
        _ => Err(not_understood()),
    }
}

/// Names in the order of their numbers, which must be 0, 1, 2 and so on.
pub(super) fn by_number<'a>(names: impl Iterator<Item = (&'a str, String)>) -> Option<Vec<String>> {
    let names: BTreeMap<usize, String> =
        names.map(|(number, name)| Some((number.parse().ok()?, name))).collect::<Option<_>>()?;
    let are_all_there = names.keys().enumerate().all(|(i, &number)| i == number);
    are_all_there.then(|| names.into_values().collect())
}

/// How an output `[batch, rows, columns]` holds boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// A column a box: its middle, width and height, a score for each class, then what other tasks add (YOLOv8, 9, 11).
    Columns,
    /// A row a box: its middle, width and height, whether anything is there, a score for each class (YOLOv3, 5, 7).
    Rows,
    /// A row a box: two corners, the score, the class; overlapping ones are gone already (YOLOv10, 26, `nms=True`).
    EndToEnd,
}

impl Layout {
    /// What bundles for devices call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Layout::Columns => "columns",
            Layout::Rows => "rows",
            Layout::EndToEnd => "end-to-end",
        }
    }
}

/// The layout of an output as far as its shape is known, and the number of classes that it has.
///
/// # Errors
/// It fits none, or does not tell how many classes there are.
pub(super) fn layout(
    shape: &[Option<usize>],
    told: Option<&Told>,
    names: Option<usize>,
) -> Result<(Layout, usize), String> {
    let &[_, rows, columns] = shape else {
        return Err(format!("its output has {} axes; boxes have 3", shape.len()));
    };
    let task = told.and_then(|told| told.task.as_deref());
    if let Some(task) = task.filter(|task| !["detect", "segment", "pose"].contains(task)) {
        return Err(format!("its task is `{task}`: only detect, segment, pose and classify are understood"));
    }
    if told.is_some_and(|told| told.head.as_deref() == Some("RTDETRDecoder")) {
        return Err("RT-DETR is not understood".into());
    }
    let count = |size: Option<usize>, besides: usize| size.and_then(|n| n.checked_sub(besides)).filter(|&n| n > 0);
    let agrees = |classes: Option<usize>| names.is_none_or(|names| classes == Some(names));
    let untold = || "nothing tells how many classes it has".to_string();
    // One class with objectness has six columns too, and only the old exporter, which tells no task, writes those.
    let is_old_with_one = task.is_none() && names == Some(1) && columns == Some(6);
    if told.is_some_and(|told| told.end_to_end) || (columns == Some(6) && !is_old_with_one) {
        return Ok((Layout::EndToEnd, names.ok_or_else(untold)?));
    }
    let by_columns = || match task {
        // What comes after the classes are masks or key points.
        Some("segment" | "pose") => names.filter(|&names| count(rows, 4).is_none_or(|n| n >= names)),
        _ => count(rows, 4).or(names),
    };
    if task.is_some() {
        let classes = by_columns().ok_or_else(untold)?;
        return match agrees(Some(classes)) {
            true => Ok((Layout::Columns, classes)),
            false => {
                Err(format!("its output has {classes} classes, but there are {} labels", names.unwrap_or_default()))
            }
        };
    }
    match (names, count(columns, 5), count(rows, 4)) {
        (Some(names), by_rows, _) if by_rows == Some(names) => Ok((Layout::Rows, names)),
        (Some(names), _, by_columns) if by_columns == Some(names) => Ok((Layout::Columns, names)),
        (Some(names), ..) => Err(format!("its output of shape {shape:?} does not fit {names} classes")),
        // There are many more boxes than classes, or the graph leaves their number open.
        (None, Some(classes), _) if columns < rows || rows.is_none() => Ok((Layout::Rows, classes)),
        (None, _, Some(classes)) => Ok((Layout::Columns, classes)),
        _ => Err(untold()),
    }
}

/// The frame that pictures of one model are put into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub width: u32,
    pub height: u32,
}

/// The boxes in the first picture of an output, the best first (in the order of the graph where it chose), in pixels of
/// the picture of this size.
///
/// # Errors
/// The output is of another shape than the model said.
pub(super) fn boxes(
    output: &Output,
    (layout, classes): (Layout, usize),
    options: &Detection,
    frame: Frame,
    picture: (u32, u32),
) -> Result<Vec<Box>, String> {
    let Output { shape, data } = output;
    let &[_, rows, columns] = &shape[..] else {
        return Err(format!("gave an output of shape {shape:?}, not [batch, rows, columns]"));
    };
    let first = data.get(..rows * columns).ok_or("gave no picture")?;
    let fits = match layout {
        Layout::Columns => rows >= 4 + classes,
        Layout::Rows => columns == 5 + classes,
        Layout::EndToEnd => columns >= 6,
    };
    if !fits {
        return Err(format!("gave an output of shape {shape:?}, which does not fit {classes} classes"));
    }
    let found = match layout {
        Layout::Columns => suppress(of_columns(first, columns, classes, options.confidence), options),
        Layout::Rows => suppress(of_rows(first, columns, options.confidence), options),
        Layout::EndToEnd => end_to_end(first, columns, classes, options)?,
    };
    Ok(found.into_iter().map(|found| Box { xyxy: back(found.xyxy, frame, picture), ..found }).collect())
}

fn of_columns(data: &[f32], columns: usize, classes: usize, confidence: f32) -> Vec<Box> {
    if columns == 0 {
        return Vec::new();
    }
    let line = |row: usize| &data[row * columns..(row + 1) * columns];
    let mut best = vec![(0, f32::NEG_INFINITY); columns];
    for class in 0..classes {
        for (best, &score) in best.iter_mut().zip(line(4 + class)) {
            if score > best.1 {
                *best = (class, score);
            }
        }
    }
    let sides = [line(0), line(1), line(2), line(3)];
    let found = best.into_iter().enumerate().filter(|(_, (_, score))| *score > confidence);
    found.filter_map(|(i, (class, score))| candidate(sides.map(|side| side[i]), class, score)).collect()
}

fn of_rows(data: &[f32], columns: usize, confidence: f32) -> Vec<Box> {
    let found = data.chunks_exact(columns).filter_map(|row| {
        let [x, y, width, height, presence, scores @ ..] = row else { return None };
        let mut best = (0, f32::NEG_INFINITY);
        for (class, score) in scores.iter().map(|score| score * presence).enumerate() {
            if score > best.1 {
                best = (class, score);
            }
        }
        let (class, score) = best;
        let is_there = *presence > confidence && score > confidence;
        if is_there { candidate([*x, *y, *width, *height], class, score) } else { None }
    });
    found.collect()
}

/// A box from its middle, width and height; one that is nowhere is none.
fn candidate([x, y, width, height]: [f32; 4], class: usize, score: f32) -> Option<Box> {
    let (half_width, half_height) = (width / 2.0, height / 2.0);
    let xyxy = [x - half_width, y - half_height, x + half_width, y + half_height];
    xyxy.iter().all(|side| side.is_finite()).then_some(Box { class, score, xyxy })
}

fn end_to_end(data: &[f32], columns: usize, classes: usize, options: &Detection) -> Result<Vec<Box>, String> {
    let mut found = Vec::new();
    for row in data.chunks_exact(columns) {
        let &[left, top, right, bottom, score, class, ..] = row else { continue };
        let xyxy = [left, top, right, bottom];
        if found.len() >= options.most {
            break;
        }
        if score > options.confidence && xyxy.iter().all(|side| side.is_finite()) {
            if !(0.0..classes as f32).contains(&class) {
                return Err(format!("gave class {class} of {classes}"));
            }
            found.push(Box { class: class as usize, score, xyxy });
        }
    }
    Ok(found)
}

/// Greedy suppression: from the best box on, each takes away those of its class that it shares too much with.
fn suppress(mut found: Vec<Box>, options: &Detection) -> Vec<Box> {
    // A stable sort: equal scores stay in the order of the output.
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(MOST_COMPARED);
    let placed = |found: &Box| found.xyxy.map(|side| side + found.class as f32 * CLASS_OFFSET);
    let mut kept: Vec<(Box, [f32; 4])> = Vec::new();
    for candidate in found {
        if kept.len() >= options.most {
            break;
        }
        let place = placed(&candidate);
        if !kept.iter().any(|(_, better)| overlap(better, &place) > options.iou) {
            kept.push((candidate, place));
        }
    }
    kept.into_iter().map(|(found, _)| found).collect()
}

/// Intersection over union; not a number, and so never too much, of two boxes without area.
fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |sides: &[f32; 4]| (sides[2] - sides[0]) * (sides[3] - sides[1]);
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let shared = width * height;
    shared / (area(a) + area(b) - shared)
}

/// From the letterbox to the picture, where what lies outside is cut off.
fn back(xyxy: [f32; 4], frame: Frame, (width, height): (u32, u32)) -> [f32; 4] {
    let (inner_width, inner_height) = letterboxed((width, height), (frame.width, frame.height));
    let axis = |at: f32, frame: u32, inner: u32, side: u32| {
        let scale = (f64::from(inner) / f64::from(side)) as f32;
        ((at - ((frame - inner) / 2) as f32) / scale).clamp(0.0, side as f32)
    };
    let [left, top, right, bottom] = xyxy;
    [
        axis(left, frame.width, inner_width, width),
        axis(top, frame.height, inner_height, height),
        axis(right, frame.width, inner_width, width),
        axis(bottom, frame.height, inner_height, height),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(task: Option<&str>, end_to_end: bool) -> Told {
        Told { task: task.map(String::from), end_to_end, ..Told::default() }
    }

    #[test]
    fn layouts_are_told_by_metadata_and_shape() {
        let shape = |rows: usize, columns: usize| [Some(1), Some(rows), Some(columns)];
        let (new, old, chooses) = (told(Some("detect"), false), told(None, false), told(Some("detect"), true));
        let is = |shape: &[Option<usize>], told: Option<&Told>, names| layout(shape, told, names).ok();
        assert_eq!(is(&shape(84, 8400), Some(&new), Some(80)), Some((Layout::Columns, 80)));
        assert_eq!(is(&shape(84, 8400), Some(&new), None), Some((Layout::Columns, 80)));
        assert_eq!(is(&shape(1029, 525), Some(&new), Some(1025)), Some((Layout::Columns, 1025)));
        assert_eq!(is(&[None, Some(84), None], Some(&new), Some(80)), Some((Layout::Columns, 80)));
        assert_eq!(is(&shape(116, 8400), Some(&told(Some("segment"), false)), Some(80)), Some((Layout::Columns, 80)));
        assert_eq!(is(&shape(25200, 85), Some(&old), Some(80)), Some((Layout::Rows, 80)));
        assert_eq!(is(&shape(25200, 6), Some(&old), Some(1)), Some((Layout::Rows, 1)));
        assert_eq!(is(&shape(525, 1030), Some(&old), Some(1025)), Some((Layout::Rows, 1025)));
        assert_eq!(is(&shape(300, 6), Some(&new), Some(80)), Some((Layout::EndToEnd, 80)));
        assert_eq!(is(&shape(300, 38), Some(&chooses), Some(80)), Some((Layout::EndToEnd, 80)));
        assert_eq!(is(&shape(25200, 85), None, None), Some((Layout::Rows, 80)));
        assert_eq!(is(&shape(84, 8400), None, None), Some((Layout::Columns, 80)));
        assert_eq!(is(&[None, None, Some(85)], None, None), Some((Layout::Rows, 80)));
        let rotated = told(Some("obb"), false);
        let refused = |shape: &[Option<usize>], told, names| layout(shape, told, names).expect_err("no layout");
        assert!(refused(&shape(84, 8400), Some(&new), Some(79)).contains("80 classes, but there are 79 labels"));
        assert!(refused(&shape(84, 8400), Some(&rotated), Some(80)).contains("`obb`"));
        assert!(refused(&shape(300, 6), Some(&new), None).contains("how many classes"));
        assert!(refused(&shape(3, 2), None, None).contains("how many classes"));
        assert!(refused(&[None, None, None], Some(&old), None).contains("how many classes"));
        assert!(refused(&[Some(1), Some(80)], None, None).contains("2 axes"));
    }

    #[test]
    fn names_are_a_list_or_a_dictionary_from_0_on() {
        assert_eq!(names("['a', 'b']"), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(names("{1: 'b', 0: 'a'}"), Ok(vec!["a".into(), "b".into()]));
        for wrong in ["", "7", "{1: 'b'}", "{0: 'a', 2: 'c'}", "{'x': 'a'}", "{0: 'a'"] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_better_of_two_that_overlap_stays() {
        let found = |class, score, left: f32| Box { class, score, xyxy: [left, 0.0, left + 10.0, 10.0] };
        let options = Detection { confidence: 0.0, iou: 0.6, most: 10 };
        let all = vec![found(0, 0.5, 0.0), found(0, 0.9, 2.0), found(1, 0.4, 2.0), found(0, 0.5, 40.0)];
        let kept = suppress(all.clone(), &options);
        assert_eq!(kept, [all[1], all[3], all[2]]);
        // Eight pixels of twelve are two thirds, and exactly as much is not too much.
        assert_eq!(suppress(all.clone(), &Detection { iou: 0.66, ..options }).len(), 3);
        assert_eq!(suppress(all.clone(), &Detection { iou: 2.0 / 3.0, ..options }).len(), 4);
        assert_eq!(suppress(all.clone(), &Detection { iou: 0.67, ..options }).len(), 4);
        assert_eq!(suppress(all.clone(), &Detection { most: 1, ..options }), [all[1]]);
        assert!(suppress(all, &Detection { most: 0, ..options }).is_empty());
        assert_eq!(suppress(vec![found(0, 0.5, 0.0), found(0, 0.5, 80.0)], &options)[0].xyxy[0], 0.0);
    }

    #[test]
    fn whatever_the_numbers_are_there_is_a_result() {
        let frame = Frame { width: 64, height: 32 };
        let odd = [f32::NAN, f32::INFINITY, -1.0, 0.5, 1e38, 3.0];
        for (layout, rows, columns) in [(Layout::Columns, 6, 5), (Layout::Rows, 5, 7), (Layout::EndToEnd, 5, 6)] {
            for shift in 0..odd.len() {
                let data: Vec<f32> = (0..rows * columns).map(|i| odd[(i * i + shift) % odd.len()]).collect();
                let output = Output { shape: vec![1, rows, columns], data };
                for picture in [(1, 1), (1, 100_000), (100_000, 1), (640, 480)] {
                    let _ = boxes(&output, (layout, 2), &Detection::default(), frame, picture);
                }
            }
        }
        for shape in [vec![], vec![1, 6], vec![0, 6, 5], vec![1, 3, 9], vec![1, 6, 0], vec![1, 0, 7]] {
            let data = vec![1.0; shape.iter().product()];
            let output = Output { shape, data };
            for layout in [Layout::Columns, Layout::Rows, Layout::EndToEnd] {
                let _ = boxes(&output, (layout, 2), &Detection::default(), frame, (9, 9));
            }
        }
    }
}
