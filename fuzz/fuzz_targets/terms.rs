//! The query language: whatever is written is a query or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pokedex::index::{parse_line, parse_terms};

fuzz_target!(|text: &str| {
    let _ = parse_line(text);
    let arguments: Vec<&str> = text.split('\n').collect();
    if let Ok(terms) = parse_terms(&arguments) {
        assert!(!terms.is_empty() && terms.iter().all(|term| term.weight.is_finite()));
    }
});
