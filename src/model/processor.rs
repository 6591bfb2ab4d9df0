//! How pictures are prepared, as the files beside a model tell it: `transformers`' image processors (5.24), `timm`'s and
//! OpenCLIP's configurations.
//!
//! Hides: which class of processors takes what for granted, and what it does with its keys. Promises: a class that is not
//! in [`classes::CLASSES`] and a key that is not understood are refused, never guessed; what is left out means the default
//! of its class. The tests compare every class with the original.

mod classes;
mod open_clip;
mod timm;
mod transformers;
mod values;

use std::path::Path;

use serde_json::Value;

use super::configuration::json;
use super::preprocess::Preprocess;

pub(super) use open_clip::open_clip;
pub(super) use timm::timm;
pub(super) use values::frame;

const OPENAI_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const OPENAI_STD: [f32; 3] = [0.268_629_55, 0.261_302_6, 0.275_777_1];
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The files that `transformers` keeps a processor's configuration in.
pub(super) const FILES: [&str; 2] = ["preprocessor_config.json", "processor_config.json"];

/// `preprocessor_config.json` or `processor_config.json` of a folder; `model` is its `config.json`.
pub(super) fn preprocessor(folder: &Path, model: &Value) -> Result<Preprocess, String> {
    let [own, shared] = FILES;
    let nested = json(folder, shared)?;
    let (file, config) = match (nested, json(folder, own)?) {
        // As `transformers` has it: what the processor of words and pictures says goes first.
        (Some(Value::Object(mut config)), _) if config.contains_key("image_processor") => {
            (shared, config.remove("image_processor").expect("it is there"))
        }
        (_, Some(config)) => (own, config),
        (Some(config), None) => (shared, config),
        (None, None) => return Err(format!("{own} is missing, which tells what its image tower is fed")),
    };
    let Value::Object(config) = config else { return Err(format!("{file}: not an object")) };
    transformers::read(&config, model).map_err(|problem| format!("{file}: {problem}"))
}
