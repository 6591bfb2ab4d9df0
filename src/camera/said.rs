//! What one source says, whatever its language.

use std::collections::HashSet;

use super::moment::Moment;
use super::text::{MOST_TEXT, clean};

/// What a source says; `None` where it says nothing, or what cannot be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    /// When the picture was taken.
    pub original: Option<Moment>,
    /// When it became a file, which of a scan is another time.
    pub digitized: Option<Moment>,
    pub place: Option<(f64, f64)>,
    pub altitude: Option<f64>,
    pub make: Option<String>,
    pub model: Option<String>,
    pub lens: Option<String>,
    pub iso: Option<i32>,
    pub exposure: Option<f64>,
    pub f_number: Option<f64>,
    pub focal_length: Option<f64>,
    pub caption: Option<String>,
    pub keywords: Vec<String>,
    pub rating: Option<i32>,
}

impl Said {
    /// What it does not say itself, another says.
    pub(super) fn or(self, other: Said) -> Said {
        Said {
            original: self.original.or(other.original),
            digitized: self.digitized.or(other.digitized),
            place: self.place.or(other.place),
            altitude: self.altitude.or(other.altitude),
            make: self.make.or(other.make),
            model: self.model.or(other.model),
            lens: self.lens.or(other.lens),
            iso: self.iso.or(other.iso),
            exposure: self.exposure.or(other.exposure),
            f_number: self.f_number.or(other.f_number),
            focal_length: self.focal_length.or(other.focal_length),
            caption: self.caption.or(other.caption),
            keywords: if self.keywords.is_empty() { other.keywords } else { self.keywords },
            rating: self.rating.or(other.rating),
        }
    }

    /// Maker and model; the model alone where it begins with a word of the maker (`NIKON CORPORATION`, `NIKON D850`).
    pub(super) fn camera(&self) -> Option<String> {
        let (make, model) = match (&self.make, &self.model) {
            (Some(make), Some(model)) => (make, model),
            (one, other) => return one.as_ref().or(other.as_ref()).cloned(),
        };
        let begins = model.split_whitespace().next().unwrap_or_default();
        let repeats = make.split_whitespace().any(|word| word.eq_ignore_ascii_case(begins));
        Some(if repeats { model.clone() } else { format!("{make} {model}") })
    }
}

/// Degrees north and east, of which both must be there and on the earth.
pub(super) fn place(lat: Option<f64>, lon: Option<f64>) -> Option<(f64, f64)> {
    let (lat, lon) = (lat?, lon?);
    (lat.abs() <= 90.0 && lon.abs() <= 180.0).then_some((lat, lon))
}

/// What was measured, where it can be: finite and above zero, which stands for unknown.
pub(super) fn positive(number: f64) -> Option<f64> {
    (number.is_finite() && number > 0.0).then_some(number)
}

/// A sensitivity.
pub(super) fn iso(number: f64) -> Option<i32> {
    (number.fract() == 0.0 && number >= 1.0 && number <= f64::from(i32::MAX)).then_some(number as i32)
}

/// A rating, from -1 to 5; of one between two stars the lower.
pub(super) fn rating(number: f64) -> Option<i32> {
    (-1.0..=5.0).contains(&number).then_some(number as i32)
}

/// The name of a lens; cameras write dashes where they know none.
pub(super) fn lens(name: String) -> Option<String> {
    name.chars().any(char::is_alphanumeric).then_some(name)
}

/// Keywords as they come: blank ones left out, each once, as many as there is room for.
pub(super) fn keywords<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Vec<String> {
    let (mut seen, mut kept, mut room) = (HashSet::new(), Vec::new(), MOST_TEXT);
    for word in words.into_iter().filter_map(|word| clean(word.as_ref())) {
        if seen.contains(&word) {
            continue;
        }
        let Some(rest) = room.checked_sub(word.len()) else { break };
        room = rest;
        seen.insert(word.clone());
        kept.push(word);
    }
    kept
}
