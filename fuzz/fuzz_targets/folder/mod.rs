//! A folder in the temporary one, of which a target writes one file anew and reads the whole.

use std::path::PathBuf;
use std::sync::OnceLock;

use pokedex::table::layout::{self, Profile};

/// A picture of one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82";

/// Writes `bytes` as `file` beside what a data set needs, and reads it: findings, an error, or rows.
pub fn read(profile: Profile, file: &str, bytes: &[u8]) {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        pokedex::guard::install(|| ());
        let folder = std::env::temp_dir().join(format!("pokedex-fuzz-{}", std::process::id()));
        let sound: [(&str, &[u8]); 3] = [
            ("images/train/a.png", PNG),
            ("labels/train/a.txt", b"0 0.5 0.5 1 1"),
            ("data.yaml", b"train: images/train\nval: images/train\nnames: [a, b]\n"),
        ];
        for (name, bytes) in sound {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
            std::fs::write(path, bytes).expect("writable");
        }
        folder
    });
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
    std::fs::write(&path, bytes).expect("writable");
    if let Ok(layout) = layout::open(folder, profile) {
        layout.table.for_each(drop);
        layout.findings.take();
    }
    if let Ok(Some(table)) = layout::find(folder, pokedex::table::IdSource::Auto, None, &Default::default()) {
        table.for_each(drop);
    }
}
