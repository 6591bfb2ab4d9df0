use serde_json::json;

use super::*;
use crate::image::Rgb;
use crate::model::preprocess::Form;

/// As in `tests/data/processors/make.py`.
fn picture(width: u32, height: u32) -> Rgb {
    let at = |x: u32, y: u32, k: u32| (x * (3 + 2 * k) + y * (7 - k) + (x * y) % 11 * 9 + k * 40) as u8;
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Rgb { width, height, pixels: places.flat_map(|(x, y)| (0..3).map(move |k| at(x, y, k))).collect() }
}

fn reads(config: &Value) -> Result<Preprocess, String> {
    read(config.as_object().expect("an object"), config)
}

#[test]
fn every_class_gives_the_pixels_of_the_original() {
    let path = format!("{}/tests/data/processors/golden.json", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).expect("golden.json")).expect("JSON");
    let mut tried: Vec<&str> = Vec::new();
    for case in &cases {
        let mut config = case["config"].clone();
        let model = config.as_object_mut().and_then(|config| config.remove("model_type"));
        let given = config.as_object().expect("an object");
        let found = read(given, &json!({ "model_type": model }));
        let found = found.unwrap_or_else(|problem| panic!("{config}: {problem}"));
        assert_eq!(
            (json!(found.width), json!(found.height)),
            (case["width"].clone(), case["height"].clone()),
            "{config}"
        );
        tried.extend(
            CLASSES
                .iter()
                .map(|class| class.name)
                .find(|name| config["image_processor_type"].as_str() == Some(&format!("{name}ImageProcessor"))),
        );
        // A step of 255 is what Pillow's rounding and ours differ by now and then.
        let step = if found.float { 0.02 } else { 1.02 };
        let step = step * found.factor / found.std.iter().fold(f32::MAX, |least, std| least.min(*std)) * 1000.0 + 0.51;
        let (width, height) = (found.width as usize, found.height as usize);
        let (mut worst, mut sum, mut count) = (0f32, 0f32, 0f32);
        for ((width_of, height_of), wanted) in
            [(40, 30), (33, 47), (100, 20), (9, 14)].into_iter().zip(case["pictures"].as_array().expect("a list"))
        {
            let mut planes = vec![0.0; 3 * width * height];
            found.fill(Form::USUAL, &picture(width_of, height_of), &mut planes);
            let wanted: Vec<f32> =
                wanted.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number") as f32).collect();
            let places = wanted.len() / 3;
            for (i, wanted) in wanted.as_chunks::<3>().0.iter().enumerate() {
                let (y, x) = ((i * 7 % places) * (height - 1) / (places - 1), i * (width - 1) / (places - 1));
                for (k, wanted) in wanted.iter().enumerate() {
                    let is = planes[k * width * height + y * width + x] * 1000.0;
                    let differs = (is - wanted).abs();
                    assert!(differs <= step, "{config}, {width_of} x {height_of}, {x}, {y}, {k}: {is}, not {wanted}");
                    (worst, sum, count) = (worst.max(differs), sum + differs, count + 1.0);
                }
            }
        }
        // Golden numbers are rounded to whole thousandths.
        assert!(sum / count <= step / 5.0 + 0.3, "{config}: {} off on average, {worst} at most", sum / count);
    }
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried.len(), CLASSES.len(), "every class is tried: {tried:?}");
}

#[test]
fn what_is_not_known_is_refused_and_named() {
    let vit = |key: &str, value: Value| json!({ "image_processor_type": "ViTImageProcessor", key: value });
    let clip = |key: &str, value: Value| json!({ "image_processor_type": "CLIPImageProcessor", key: value });
    for (config, wanted) in [
        (
            json!({ "image_processor_type": "DonutImageProcessor" }),
            "`DonutImageProcessor` is not known; known are those of Beit,",
        ),
        (json!({ "image_processor_type": "Siglip2ImageProcessor" }), "cuts pictures of any shape into patches"),
        (json!({ "size": 24 }), "does not say `resample`"),
        (json!({ "resample": 2, "size": 24 }), "does not say `image_mean`"),
        (vit("crop_pct", json!(0.9)), "`crop_pct` is not supported"),
        (vit("do_thumbnail", json!(true)), "`do_thumbnail` is not supported"),
        (vit("data_format", json!("channels_last")), "`data_format` is not supported"),
        (vit("do_resize", json!(false)), "without do_resize"),
        (vit("size", json!("224")), "size: \"224\" is not a whole number from 1 to 4096"),
        (vit("size", json!({ "longest_edge": 224 })), "a size of longest_edge"),
        (vit("size", json!({ "shortest_edge": 224, "longest_edge": 300 })), "a size of shortest_edge and longest_edge"),
        (vit("size", json!([1, 2, 3])), "is not a height and a width"),
        (vit("size", json!(0)), "size: 0 is not"),
        (vit("size", json!(224.5)), "size: 224.5 is not"),
        (vit("resample", json!(9)), "resample: 9 is not a known filter"),
        (vit("resample", json!("sharp")), "resample: \"sharp\" is not a known filter"),
        (vit("image_mean", json!([0.5, 0.5])), "image_mean: [0.5,0.5] is not three numbers"),
        (vit("image_std", json!(0)), "image_std must not be 0"),
        (vit("do_center_crop", json!(true)), "does not say `crop_size`"),
        (vit("do_normalize", json!("no")), "do_normalize: \"no\" is not true or false"),
        (vit("rescale_factor", json!("1/255")), "rescale_factor: \"1/255\" is not a number"),
        (clip("do_center_crop", json!(false)), "gives pictures of different sizes"),
        (
            clip("crop_size", json!({ "shortest_edge": 224 })),
            "crop_size: {\"shortest_edge\":224} is not a height and a width",
        ),
    ] {
        let said = reads(&config).expect_err(&config.to_string());
        assert!(said.contains(wanted), "{config}: {said}");
    }
}

#[test]
fn keys_that_do_not_show_in_the_pixels_are_passed_over() {
    let plain = reads(&json!({ "image_processor_type": "ViTImageProcessor" }));
    let more = json!({
        "image_processor_type": "ViTImageProcessor", "_valid_processor_keys": ["images"], "processor_class": "X",
        "do_convert_rgb": true, "crop_pct": null, "do_flip_channel_order": false, "do_pad": false, "size": 224.0,
        "resample": "Bilinear", "image_mean": [0.5, 0.5, 0.5], "rescale_factor": null, "data_format": "channels_first",
    });
    assert_eq!(reads(&more), plain);
}
