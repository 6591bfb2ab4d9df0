//! What is in the binary: a small model of our own. Made by `training/`.

pub(super) use pokedex_eye::IMAGE;

use crate::aligned::Aligned;

pub(super) static CONFIG: &[u8] = include_bytes!("../../assets/model/model.json");
pub(super) static IDENTITY: &str = include_str!("../../assets/model/identity");
pub(super) static VOCABULARY: &str = include_str!("../../assets/model/vocab.txt");
pub(super) static TEXT: &Aligned<[u8]> = &Aligned(*include_bytes!("../../assets/model/text.rten"));

/// A file's bytes by its name.
#[cfg(test)]
pub(super) fn bytes(file: &str) -> Option<&'static [u8]> {
    match file {
        "model.json" => Some(CONFIG),
        "image.safetensors" => Some(IMAGE),
        "text.rten" => Some(TEXT.bytes()),
        "vocab.txt" => Some(VOCABULARY.as_bytes()),
        _ => None,
    }
}

/// A file's size by its name.
pub(super) fn size(file: &str) -> Option<u64> {
    let length = match file {
        "model.json" => CONFIG.len(),
        "image.safetensors" => IMAGE.len(),
        "text.rten" => TEXT.bytes().len(),
        "vocab.txt" => VOCABULARY.len(),
        _ => return None,
    };
    Some(length as u64)
}
