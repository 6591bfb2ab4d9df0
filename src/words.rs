//! How counts are said.

pub(crate) use crate::io::{cell, printable};

/// `1 row`, `2 rows`.
pub(crate) fn rows(count: u64) -> String {
    several(count, "row", "rows")
}

/// `1 error`, `2 errors`.
pub(crate) fn several(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// `12 B`, `350.10 MB`.
pub fn bytes(count: u64) -> String {
    indicatif::DecimalBytes(count).to_string()
}

/// `1 row without a vector was left out`.
pub(crate) fn left_out(count: u64) -> String {
    format!("{} without a vector {} left out", rows(count), if count == 1 { "was" } else { "were" })
}
