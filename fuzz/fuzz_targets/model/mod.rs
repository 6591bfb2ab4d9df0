//! A folder in the temporary one that is a model but for the files that a target writes anew.

use std::path::PathBuf;
use std::sync::OnceLock;

use pokedex::model::{Engine, Model};

/// An ONNX graph: the mean colour of a picture of any size, from `pixel_values` to `image_embeds`.
const GRAPH: &[u8] = b"\x08\x08:\x9e\x01\n$\n\x0cpixel_values\x12\x01p\"\x11GlobalAveragePool\n\'\n\x01p\
    \x12\x0cimage_embeds\"\x07Flatten*\x0b\n\x04axis\x18\x01\xa0\x01\x02\x12\x01gZ)\n\x0cpixel_values\x12\x19\n\x17\
    \x08\x01\x12\x13\n\x03\x12\x01b\n\x02\x08\x03\n\x03\x12\x01h\n\x03\x12\x01wb\x1f\n\x0cimage_embeds\x12\x0f\n\r\
    \x08\x01\x12\t\n\x03\x12\x01b\n\x02\x08\x03B\x04\n\0\x10\r";

/// Writes these files beside the graph and stand-ins of the weights, and opens the folder: a model, or an error.
pub fn open(files: &[(&str, &[u8])]) {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        pokedex::guard::install(|| ());
        let folder = std::env::temp_dir().join(format!("pokedex-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("writable");
        let sound: [(&str, &[u8]); 4] =
            [("vision_model.onnx", GRAPH), ("image.rten", b"-"), ("text.rten", b"-"), ("vocab.txt", b"[PAD]\n[UNK]\n")];
        for (name, bytes) in sound {
            std::fs::write(folder.join(name), bytes).expect("writable");
        }
        folder
    });
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).expect("writable");
    }
    if let Ok(model) = Model::open(folder, None, Engine::Rten) {
        let info = model.info();
        assert!(!info.id.name.is_empty());
    }
}
