//! The weights of the image tower that is built into `pokedex`, in the safetensors format.

/// The file's bytes.
pub static IMAGE: &[u8] = include_bytes!("../image.safetensors");
