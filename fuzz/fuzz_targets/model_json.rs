//! `model.json` of a model of this project: whatever it holds, the folder is a model or an error.
#![no_main]

mod model;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| model::open(&[("model.json", bytes)]));
