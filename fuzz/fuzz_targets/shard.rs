//! A shard of WebDataset: whatever it holds, it is samples or findings.
#![no_main]

mod folder;

use libfuzzer_sys::fuzz_target;
use pokedex::table::layout::Profile;

fuzz_target!(|bytes: &[u8]| folder::read(Profile::Webdataset, "train-0.tar", bytes));
