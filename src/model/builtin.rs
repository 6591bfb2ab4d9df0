//! What is in the binary: a small model of our own. Made by `training/`.

pub(super) use pokedex_eye::IMAGE;

/// Bytes at an address that is a multiple of 64. `include_bytes!` promises no alignment, and rten silently copies
/// weights that are not aligned.
#[repr(C, align(64))]
pub(super) struct Aligned<T: ?Sized>(T);

impl Aligned<[u8]> {
    pub(super) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

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
