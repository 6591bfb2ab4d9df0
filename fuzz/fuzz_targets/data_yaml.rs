//! `data.yaml`: whatever it holds, it is a data set or a finding.
#![no_main]

mod folder;

use libfuzzer_sys::fuzz_target;
use pokedex::table::layout::Profile;

fuzz_target!(|bytes: &[u8]| folder::read(Profile::Yolo, "data.yaml", bytes));
