//! `data.yaml`: whatever it holds, it is a data set or a finding.
#![no_main]

mod folder;

use libfuzzer_sys::fuzz_target;
use pokedex::table::layout::Profile;

fuzz_target!(|bytes: &[u8]| {
    // Folders elsewhere on the machine are read too, and take their time.
    let begins_path = |pair: &[u8]| pair[1] == b'/' && !pair[0].is_ascii_alphanumeric() && pair[0] != b'.';
    if !bytes.starts_with(b"/") && !bytes.windows(2).any(begins_path) {
        folder::read(Profile::Yolo, "data.yaml", bytes);
    }
});
