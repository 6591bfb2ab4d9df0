use super::*;

fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> u8) -> Rgb {
    let pixels =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| [pixel(x, y); 3]).collect();
    Rgb { width, height, pixels }
}

/// Blocks of many brightnesses, between 40 and 215.
fn scene(x: u32, y: u32) -> u8 {
    let block = (x / 7 * 31 + y / 5 * 17).wrapping_mul(0x9e37_79b1) ^ (x / 23).wrapping_mul(0x85eb_ca6b);
    (40 + (block >> 13) % 160 + (x + y) % 16) as u8
}

fn names(picture: &Rgb) -> Vec<&'static str> {
    Quality::of(picture).defects(&Limits::default()).into_iter().map(|(defect, ..)| defect.name()).collect()
}

#[test]
fn each_defect_is_found_and_a_sound_picture_has_none() {
    let sound = picture(200, 150, scene);
    assert_eq!(names(&sound), [""; 0], "{:?}", Quality::of(&sound));
    let blurred = picture(200, 150, |x, y| {
        let around = (0..31u32).flat_map(|dx| (0..31u32).map(move |dy| (dx, dy)));
        (around.map(|(dx, dy)| u32::from(scene(x + dx, y + dy))).sum::<u32>() / (31 * 31)) as u8
    });
    assert!(names(&blurred).contains(&"blurred"), "{:?}", Quality::of(&blurred));
    assert_eq!(names(&picture(200, 150, |x, y| scene(x, y) / 4)), ["dark"]);
    assert_eq!(names(&picture(200, 150, |x, y| 244 + scene(x, y) / 20)), ["pale"]);
    assert_eq!(names(&picture(200, 150, |_, _| 120)), ["empty"]);
    assert_eq!(names(&picture(600, 150, scene)), ["odd-aspect"]);
    assert_eq!(names(&picture(200, 150, |x, y| if (20..130).contains(&y) { scene(x, y) } else { 0 })), ["bars"]);
    let small = |x: u32, y: u32| (80..110).contains(&x) && (60..85).contains(&y);
    let found = names(&picture(200, 150, |x, y| if small(x, y) { scene(x, y) } else { 255 }));
    assert!(found.contains(&"tiny-subject") && !found.contains(&"pale"), "{found:?}");
}

#[test]
fn a_strip_has_writing_in_it_and_a_margin_has_none() {
    let under = |writing: fn(u32, u32) -> bool| {
        picture(200, 150, move |x, y| match (y, writing(x, y)) {
            (0..130, _) => scene(x, y),
            (_, true) => 20,
            _ => 240,
        })
    };
    let strip = Quality::of(&under(|x, y| (30..90).contains(&x) && (136..144).contains(&y) && x % 4 < 2)).strip;
    assert!((strip - 20.0 / 150.0).abs() < 0.02, "{strip}");
    // A margin, a margin with a ragged edge, and one with a line in it.
    for writing in
        [|_, _| false, |x: u32, y| y < 132 && x % 4 < 2, |x, y| (30..90).contains(&x) && (136..144).contains(&y)]
    {
        assert_eq!(Quality::of(&under(writing)).strip, 0.0);
    }
}

#[test]
fn a_thing_on_paper_has_no_bars_and_limits_can_be_moved() {
    let thing = picture(200, 150, |x, y| if x.abs_diff(100) + y.abs_diff(75) < 70 { scene(x, y) } else { 255 });
    let quality = Quality::of(&thing);
    assert_eq!(names(&thing), [""; 0], "{quality:?}");
    assert!(quality.bars == 0.0 && (0.6..0.8).contains(&quality.subject), "{quality:?}");
    let mut limits = Limits::default();
    assert!(limits.set("tiny-subject", 0.9) && !limits.set("ugly", 1.0));
    assert_eq!(quality.defects(&limits).len(), 1);
}

#[test]
fn figures_hardly_depend_on_the_size_and_are_numbers_for_any_picture() {
    let large = picture(1536, 1152, |x, y| scene(x / 4, y / 4));
    let small = large.resize_quickly(768, 576, Fit::Stretch, Filter::Bilinear, Colour::WHITE);
    for ((name, a), (_, b)) in Quality::of(&large).figures().into_iter().zip(Quality::of(&small).figures()) {
        assert!((a - b).abs() < 0.02, "{name}: {a} and {b}");
    }
    for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3000, 1), (1, 3000)] {
        for pixel in [0, 255] {
            let figures = Quality::of(&picture(width, height, |x, _| if x == 0 { pixel } else { 77 })).figures();
            assert!(figures.iter().all(|(_, figure)| (0.0..=1.0).contains(figure)), "{width} x {height}: {figures:?}");
        }
    }
}
