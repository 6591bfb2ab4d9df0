//! Classes that are whole numbers, however they are spelled: pandas writes `1.0` where one cell of a column is missing.

use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::DataType;

use super::answers::Columns;
use crate::cli::failure::Failure;
use crate::table::{Error, Source, column};

/// How classes are spelled in the columns that were looked at.
#[derive(Debug, Clone, Copy)]
pub struct Spelling {
    /// Every cell is a number.
    numbers: bool,
    /// Some cells are spelled otherwise than whole numbers are: `1.0`, `1e3`, `+1`.
    odd: bool,
    /// Whether whole numbers begin with zeros in some column, and in some not.
    padded: bool,
    plain: bool,
}

impl Spelling {
    /// Looks at the true classes and the predictions of a table, as far as need be: the first word ends it.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn of(source: &Source, columns: &Columns) -> Result<Spelling, Failure> {
        let mut all = Spelling { numbers: true, odd: false, padded: false, plain: false };
        let names: Vec<&str> = columns.classes().collect();
        let mut own = vec![(false, false); names.len()];
        for batch in source.table(Some(&|name| names.contains(&name)))? {
            let batch = batch?;
            for (name, (seen, padded)) in names.iter().zip(&mut own) {
                let Some(cells) = texts(&batch, name)? else {
                    // Numbers by their type are spelled plainly.
                    *seen = true;
                    continue;
                };
                for cell in cells.iter().flatten().filter(|cell| !is_missing(cell)) {
                    let Some(number) = canonical(cell) else { return Ok(Spelling { numbers: false, ..all }) };
                    *seen = true;
                    if cell != number {
                        let zeros = cell.bytes().all(|b| b.is_ascii_digit());
                        *padded |= zeros;
                        all.odd |= !zeros;
                    }
                }
            }
        }
        let seen = || own.iter().filter(|(seen, _)| *seen);
        all.padded = seen().any(|(_, padded)| *padded);
        all.plain = seen().any(|(_, padded)| !padded);
        Ok(all)
    }

    /// That of two tables.
    pub fn and(self, other: Spelling) -> Spelling {
        Spelling {
            numbers: self.numbers && other.numbers,
            odd: self.odd || other.odd,
            padded: self.padded || other.padded,
            plain: self.plain || other.plain,
        }
    }

    /// Whether classes have to be compared as numbers. Where all are spelled alike their text does, and is shown as it is.
    pub fn differs(self) -> bool {
        self.numbers && (self.odd || (self.padded && self.plain))
    }
}

/// The cells of a text column; `None` where it has numbers.
fn texts(batch: &RecordBatch, name: &str) -> Result<Option<StringArray>, Error> {
    let column = batch.column_by_name(name).expect("the columns were found");
    let own = match column.data_type() {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    if own.is_numeric() || *own == DataType::Boolean { Ok(None) } else { column::text(batch, name) }
}

/// Names for cells, of which numbers are spelled in one way and missing ones are null.
pub fn spelled_alike(names: &StringArray) -> StringArray {
    names.iter().map(|name| name.filter(|name| !is_missing(name)).map(alike)).collect()
}

/// A name, spelled in one way where it is a number.
pub fn alike(name: &str) -> String {
    canonical(name).unwrap_or_else(|| name.into())
}

fn is_missing(cell: &str) -> bool {
    cell.trim().is_empty() || cell.trim().eq_ignore_ascii_case("nan")
}

/// A decimal number as it is spelled where it is whole: without sign, zeros, fraction or exponent that need not be.
fn canonical(text: &str) -> Option<String> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let whole = match digits.split_once('.') {
        Some((whole, fraction)) if !whole.is_empty() && fraction.bytes().all(|b| b == b'0') => whole,
        _ => digits,
    };
    if whole.bytes().all(|b| b.is_ascii_digit()) {
        let whole = whole.trim_start_matches('0');
        return Some(if whole.is_empty() { "0".into() } else { format!("{sign}{whole}") });
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    Some(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for (text, expected) in [
            ("1", "1"),
            ("1.0", "1"),
            (" 1. ", "1"),
            ("+1", "1"),
            ("0001", "1"),
            ("-0.0", "0"),
            ("-3.00", "-3"),
            ("1e3", "1000"),
            ("0.50", "0.5"),
            (".5", "0.5"),
            ("12345678901234567890123.0", "12345678901234567890123"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "-", "cat", "1a", "inf", "NaN", "1,5", "0x10", "e3", "1e", "."] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
