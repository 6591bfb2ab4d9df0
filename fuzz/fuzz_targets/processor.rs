//! `preprocessor_config.json` and `config.json`, parted by a zero byte, of a Hugging Face folder: whatever they hold, it
//! is a model or an error.
#![no_main]

mod model;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (processor, config) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    let config = config.strip_prefix(b"\0").unwrap_or(b"{}");
    model::open(&[("preprocessor_config.json", processor), ("config.json", config)]);
});
