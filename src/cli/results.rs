//! Ranked rows and numbers, as the library writes them.

pub use crate::query::results::{Format, number};
