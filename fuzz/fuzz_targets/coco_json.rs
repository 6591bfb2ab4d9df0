//! Annotations of COCO: whatever they hold, they are boxes or findings.
#![no_main]

mod folder;

use libfuzzer_sys::fuzz_target;
use pokedex::table::layout::Profile;

fuzz_target!(|bytes: &[u8]| folder::read(Profile::Coco, "annotations/instances_train.json", bytes));
