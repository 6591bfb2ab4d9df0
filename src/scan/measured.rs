//! The columns of what was measured of pictures.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array};
use arrow_schema::{DataType, Field};

use crate::quality::Quality;
use crate::table::column;

/// The figures' names: those of any picture.
fn names() -> [&'static str; Quality::FIGURES] {
    Quality::NOTHING.figures().map(|(name, _)| name)
}

/// Their fields.
pub(super) fn fields() -> Vec<Field> {
    names().into_iter().map(|name| column::field(name, DataType::Float32)).collect()
}

/// Their columns; null where a picture was not measured.
pub(super) fn columns(qualities: &[Option<Quality>]) -> Vec<(&'static str, ArrayRef)> {
    let column = |(at, name): (usize, &'static str)| {
        let figures = qualities.iter().map(|quality| quality.map(|quality| quality.figures()[at].1));
        (name, Arc::new(figures.collect::<Float32Array>()) as ArrayRef)
    };
    names().into_iter().enumerate().map(column).collect()
}
