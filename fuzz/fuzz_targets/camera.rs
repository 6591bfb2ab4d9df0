//! What cameras wrote, in files of any kind and in sidecars: whatever the bytes are, it is read or unknown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pokedex::camera;

fuzz_target!(|bytes: &[u8]| {
    camera::read(bytes, None);
    camera::read(b"", Some(bytes));
});
