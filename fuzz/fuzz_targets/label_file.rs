//! A label file of YOLO: whatever it holds, it is boxes or findings.
#![no_main]

mod folder;

use libfuzzer_sys::fuzz_target;
use pokedex::table::layout::Profile;

fuzz_target!(|bytes: &[u8]| folder::read(Profile::Yolo, "labels/train/a.txt", bytes));
