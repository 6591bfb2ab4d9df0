//! Vectors that somebody brings along as a NumPy file or a table: whatever it holds, it is vectors or an error.
#![no_main]

use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use pokedex::index::VectorFile;

/// Panics that the program turns into errors are none here either.
static GUARD: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    GUARD.call_once(|| pokedex::guard::install(|| ()));
    let file = || -> std::io::Result<File> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        file.rewind()?;
        Ok(file)
    };
    if let Ok(read) = VectorFile::read("fuzz", file().expect("a temporary file"), "embedding") {
        assert!(!read.rows.is_empty());
    }
});
