use super::super::recipe::DEFAULT_RECIPE;
use super::*;

fn augmenter(recipe: &str, size: Option<(u32, u32)>) -> Augmenter {
    Augmenter {
        recipe: Recipe::parse(recipe, "test").expect("a recipe"),
        seed: 7,
        strength: Strength::default(),
        size,
        background: Colour::WHITE,
        background_images: BackgroundImages::default(),
    }
}

fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Picture {
    let pixels: Vec<u8> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    let is_transparent = pixels.chunks(4).any(|pixel| pixel[3] < 255);
    Picture { rgba: Rgba { width, height, pixels }, full: (width, height), is_transparent, flaw: None }
}

fn chart(width: u32, height: u32) -> Picture {
    picture(width, height, |x, y| [(x * 5) as u8, (y * 7) as u8, (x * y) as u8, 255])
}

fn bounds(xyxy: [f32; 4]) -> Bounds {
    Bounds { label: None, class: Some(1), score: None, xyxy }
}

fn copies(augmenter: &Augmenter, picture: &Picture, content: u8, boxes: Option<&[Bounds]>) -> Vec<Made> {
    let content = [content; 32];
    let shown = Shown { content: &content, boxes, labels: &[] };
    (1..40).map(|copy| augmenter.copy(picture, shown, copy, &Partners::default())).collect()
}

#[test]
fn an_empty_recipe_changes_nothing() {
    let own = [bounds([3.0, 4.0, 20.0, 25.0])];
    let shown = Shown { content: &[1; 32], boxes: Some(&own), labels: &[] };
    let made = augmenter("", None).copy(&chart(30, 40), shown, 1, &Partners::default());
    let expected = over(&chart(30, 40).rgba, plain(Colour::WHITE, (30, 40)));
    assert_eq!((made.picture, made.boxes.as_deref()), (expected, Some(own.as_slice())));
    assert_eq!(made.draw, Draw { seed: 7, copy: 1, ..Draw::default() });
}

#[test]
fn a_copy_follows_from_seed_content_and_number_alone() {
    let mut first = augmenter(DEFAULT_RECIPE, Some((48, 48)));
    let picture = chart(60, 50);
    let make = |augmenter: &Augmenter, content: u8, copy: u32| {
        let shown = Shown { content: &[content; 32], boxes: None, labels: &[] };
        augmenter.copy(&picture, shown, copy, &Partners::default()).picture
    };
    let made = make(&first, 1, 3);
    assert_eq!(made, make(&augmenter(DEFAULT_RECIPE, Some((48, 48))), 1, 3));
    assert_ne!(made, make(&first, 2, 3));
    assert_ne!(made, make(&first, 1, 4));
    first.seed = 8;
    assert_ne!(made, make(&first, 1, 3));
}

#[test]
fn an_effect_that_is_added_leaves_the_draws_of_the_others_as_they_were() {
    let rotation = "[rotation]\nprobability = 0.5\ndegrees = [-90, 90]\n";
    let more = format!("{rotation}[grey]\nprobability = 0.5\n[flip]\nhorizontal = 0.5\nvertical = 0.5\n");
    let picture = chart(8, 8);
    let drawn = |recipe: &str| -> Vec<Option<f64>> {
        copies(&augmenter(recipe, None), &picture, 1, None).iter().map(|made| made.draw.geometry.rotation).collect()
    };
    let rotations = drawn(rotation);
    assert_eq!(rotations, drawn(&more));
    let happened = rotations.iter().flatten().count();
    assert!((10..30).contains(&happened), "{happened} of 39 at a probability of one half");
}

#[test]
fn what_was_drawn_can_be_written_down_and_read_again() {
    let glass = picture(24, 24, |x, _| if x < 12 { [90, 20, 20, 255] } else { [0; 4] });
    let every = DEFAULT_RECIPE.replace("probability = 0.0 ", "probability = 0.5 ");
    for made in copies(&augmenter(&every, None), &glass, 1, None) {
        let text = serde_json::to_string(&made.draw).expect("JSON");
        assert_eq!(serde_json::from_str::<Draw>(&text).expect("a draw"), made.draw, "{text}");
    }
}

#[test]
fn only_what_is_transparent_gets_another_background() {
    let recipe = "[background]\nprobability = 1\nkinds = [\"solid\", \"gradient\", \"noise\", \"picture\"]\n";
    let half = picture(10, 10, |x, _| if x < 5 { [200, 30, 30, 255] } else { [0; 4] });
    for made in copies(&augmenter(recipe, None), &half, 1, None) {
        let pixels: Vec<&[u8]> = made.picture.pixels.chunks(3).collect();
        assert!(pixels.chunks(10).all(|line| line[..5].iter().all(|pixel| *pixel == [200, 30, 30])));
        assert!(made.draw.background.is_some());
    }
    let opaque = chart(10, 10);
    for made in copies(&augmenter(recipe, None), &opaque, 1, None) {
        assert!(made.draw.background.is_none());
        assert_eq!(made.picture, over(&opaque.rgba, plain(Colour::WHITE, (10, 10))));
    }
}

#[test]
fn boxes_stay_around_what_they_bound() {
    let recipe = "\
[rotation]\nprobability = 1\ndegrees = [-180, 180]\n[flip]\nhorizontal = 0.5\nvertical = 0.5\n\
[translation]\nprobability = 1\nhorizontal = [-0.2, 0.2]\nvertical = [-0.2, 0.2]\n\
[scale]\nprobability = 1\nfactor = [0.5, 1.5]\n[shear]\nprobability = 1\nhorizontal = [-20, 20]\nvertical = [-20, 20]\n\
[perspective]\nprobability = 1\nhorizontal = [-0.3, 0.3]\nvertical = [-0.3, 0.3]\n";
    boxes_follow(recipe, 2.5);
    boxes_follow("[table]\nprobability = 1\ntilt = [0, 50]\nturn = [-40, 40]\nsize = [0.6, 1]\nmargin = [0, 0]\n", 2.5);
}

fn boxes_follow(recipe: &str, near: f32) {
    let inside = |x: u32, y: u32| (30..60).contains(&x) && (20..45).contains(&y);
    let marked = picture(100, 80, |x, y| if inside(x, y) { [0, 255, 0, 255] } else { [255; 4] });
    let own = [bounds([30.0, 20.0, 60.0, 45.0])];
    for made in copies(&augmenter(recipe, Some((90, 120))), &marked, 1, Some(&own)) {
        // Greener than any table.
        let is_green = |p: &[u8]| p[0] < 128 && p[1] > 200 && p[2] < 128;
        let green: Vec<(usize, usize)> =
            (0..90 * 120).filter(|&i| is_green(&made.picture.pixels[i * 3..][..3])).map(|i| (i % 90, i / 90)).collect();
        let boxes = made.boxes.expect("the picture has boxes");
        let Some(Bounds { xyxy: [x1, y1, x2, y2], .. }) = boxes.first() else {
            assert!(green.len() < 120, "{} green pixels and no box: {:?}", green.len(), made.draw);
            continue;
        };
        let span = |of: fn(&(usize, usize)) -> usize| {
            let values = || green.iter().map(of);
            (values().min().unwrap_or(0) as f32, values().max().unwrap_or(0) as f32 + 1.0)
        };
        let ((left, right), (top, bottom)) = (span(|p| p.0), span(|p| p.1));
        for (drawn, found) in [(x1, left), (x2, right), (y1, top), (y2, bottom)] {
            assert!((drawn - found).abs() <= near, "{boxes:?}, green from {left}, {top} to {right}, {bottom}");
        }
    }
}

#[test]
fn four_tiles_meet_in_a_point_and_cover_their_parts_of_the_frame() {
    let frame = (100, 80);
    for picture in [(50, 50), (300, 20), (20, 300)] {
        for place in 0..4 {
            let map = tile(picture, frame, [0.4, 0.7], place);
            let (left, top, _) = map.apply(0.0, 0.0);
            let (right, bottom, _) = map.apply(picture.0.into(), picture.1.into());
            let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
            match place % 2 {
                0 => assert!(near(right, 40.0) && left <= 1e-9),
                _ => assert!(near(left, 40.0) && right >= 100.0 - 1e-9),
            }
            match place / 2 {
                0 => assert!(near(bottom, 56.0) && top <= 1e-9),
                _ => assert!(near(top, 56.0) && bottom >= 80.0 - 1e-9),
            }
        }
    }
}

#[test]
fn tiles_count_by_what_the_frame_shows_of_them() {
    let still = Homography::IDENTITY;
    let near = |found: [f64; 4], expected: [f64; 4]| (0..4).all(|n| (found[n] - expected[n]).abs() < 0.03);
    let found = shares([0.25, 0.5], &still, (200, 100));
    assert!(near(found, [0.125, 0.375, 0.125, 0.375]), "{found:?}");
    let found = shares([0.25, 0.5], &Homography::translation(-50.0, 0.0), (200, 100));
    assert!(near(found, [0.0, 0.5, 0.0, 0.5]), "{found:?}");
}

#[test]
fn a_strength_of_nothing_changes_nothing_and_more_strength_changes_more() {
    let picture = chart(40, 40);
    let mut augmenter = augmenter(DEFAULT_RECIPE, None);
    let plain = over(&picture.rgba, plain(Colour::WHITE, (40, 40)));
    let mut apart = Vec::new();
    for strength in ["0", "0.3", "1"] {
        augmenter.strength = strength.parse().expect("a strength");
        let far = |made: &Made| -> u64 {
            made.picture.pixels.iter().zip(&plain.pixels).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
        };
        apart.push(copies(&augmenter, &picture, 1, None).iter().map(far).sum::<u64>());
    }
    assert!(apart[0] == 0 && apart[1] > 0 && apart[2] > 2 * apart[1], "{apart:?}");
}
