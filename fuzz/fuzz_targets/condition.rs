//! `--where`: whatever is written is a condition or an error, and a condition suits a table or does not.
#![no_main]

use arrow_schema::{DataType, Field, Schema};
use libfuzzer_sys::fuzz_target;
use pokedex::filter::Filter;

fuzz_target!(|text: &str| {
    if let Ok(filter) = Filter::parse(text) {
        let columns = [
            ("key", DataType::Utf8),
            ("id", DataType::Int32),
            ("score", DataType::Float32),
            ("split", DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))),
            ("error", DataType::Utf8),
            ("rejected", DataType::Boolean),
        ];
        let fields: Vec<Field> = columns.into_iter().map(|(name, kind)| Field::new(name, kind, true)).collect();
        let _ = filter.bind(&Schema::new(fields));
    }
});
