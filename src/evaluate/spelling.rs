//! Classes that are whole numbers or truths, however they are spelled: pandas writes `1.0` where one cell of a column is
//! missing, and `True` where Arrow writes `true`.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::DataType;

use super::cells::names;
use crate::failure::Failure;
use crate::table::{Error, Source};

/// How classes are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelled {
    /// By their text.
    AsTheyAre,
    /// As numbers.
    Numbers,
    /// As truths: `True`, `true` and 1 are one.
    Truths,
}

impl Spelled {
    /// Names for cells; missing ones become null where spelling does not count.
    pub(super) fn names(self, names: StringArray) -> StringArray {
        match self {
            Spelled::AsTheyAre => names,
            _ => names.iter().map(|name| name.filter(|name| !is_missing(name)).map(|name| self.name(name))).collect(),
        }
    }

    /// A name, spelled in one way.
    pub(super) fn name(self, name: &str) -> String {
        let alike = match self {
            Spelled::AsTheyAre => None,
            Spelled::Numbers => canonical(name),
            Spelled::Truths => truth(name).map(|truth| truth.to_string()),
        };
        alike.unwrap_or_else(|| name.into())
    }
}

/// How classes are spelled in the columns that were looked at.
#[derive(Debug)]
pub(super) struct Spelling {
    /// Every cell is a number.
    numbers: bool,
    /// Some cells are spelled otherwise than whole numbers are: `1.0`, `1e3`, `+1`.
    odd: bool,
    /// Whether whole numbers begin with zeros in some column, and in some not.
    padded: bool,
    plain: bool,
    /// The spellings of truths, where every cell is one.
    truths: Option<BTreeSet<String>>,
}

impl Spelling {
    /// Looks at the columns of a table that hold classes, as far as need be: the first word ends it.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn of(source: &Source, columns: &[&str]) -> Result<Spelling, Failure> {
        let truths = Some(BTreeSet::new());
        let mut all = Spelling { numbers: true, odd: false, padded: false, plain: false, truths };
        let mut own = vec![(false, false); columns.len()];
        for batch in source.table(Some(&|name| columns.contains(&name)))? {
            let batch = batch?;
            for (column, (seen, padded)) in columns.iter().zip(&mut own) {
                let Some(cells) = texts(&batch, column)? else {
                    // Numbers by their type are spelled plainly.
                    *seen = true;
                    let truths = all.truths.take().filter(|_| are_bits(&batch[*column]));
                    all.truths = truths.map(|mut truths| {
                        truths.extend(["0", "1"].map(str::to_string));
                        truths
                    });
                    continue;
                };
                for cell in cells.iter().flatten().filter(|cell| !is_missing(cell)) {
                    match (&mut all.truths, truth(cell)) {
                        (Some(truths), Some(_)) if !truths.contains(cell) => drop(truths.insert(cell.into())),
                        (Some(_), None) => all.truths = None,
                        _ => {}
                    }
                    match canonical(cell) {
                        Some(number) => {
                            *seen = true;
                            let zeros = cell.bytes().all(|b| b.is_ascii_digit());
                            *padded |= cell != number && zeros;
                            all.odd |= cell != number && !zeros;
                        }
                        None => all.numbers = false,
                    }
                    if !all.numbers && all.truths.is_none() {
                        return Ok(all);
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
    pub(super) fn and(self, other: Spelling) -> Spelling {
        Spelling {
            numbers: self.numbers && other.numbers,
            odd: self.odd || other.odd,
            padded: self.padded || other.padded,
            plain: self.plain || other.plain,
            truths: self.truths.zip(other.truths).map(|(mut own, theirs)| {
                own.extend(theirs);
                own
            }),
        }
    }

    /// How classes have to be compared. Where all are spelled alike their text does, and is shown as it is.
    pub(super) fn compared(&self) -> Spelled {
        if self.numbers {
            let differ = self.odd || self.padded && self.plain;
            return if differ { Spelled::Numbers } else { Spelled::AsTheyAre };
        }
        let truths = self.truths.iter().flatten();
        let meant: BTreeSet<Option<bool>> = truths.clone().map(|cell| truth(cell)).collect();
        if meant.len() < truths.count() { Spelled::Truths } else { Spelled::AsTheyAre }
    }
}

/// The cells of a column, truths as words; `None` where it has numbers.
fn texts(batch: &RecordBatch, name: &str) -> Result<Option<StringArray>, Error> {
    let own = match batch[name].data_type() {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    if own.is_numeric() { Ok(None) } else { names(batch, name).map(Some) }
}

/// Whether all numbers of a column are 0 or 1.
fn are_bits(numbers: &ArrayRef) -> bool {
    let numbers = arrow_cast::cast(numbers, &DataType::Float64).expect("every number is one");
    numbers.as_primitive::<Float64Type>().iter().flatten().all(|x| x.is_nan() || x == 0.0 || x == 1.0)
}

/// The truth that a word or a number stands for.
fn truth(cell: &str) -> Option<bool> {
    let cell = cell.trim();
    match () {
        () if cell.eq_ignore_ascii_case("true") => Some(true),
        () if cell.eq_ignore_ascii_case("false") => Some(false),
        () => match &*canonical(cell)? {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        },
    }
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
    fn truths_are_words_of_any_case_and_the_numbers_0_and_1() {
        for (text, expected) in [("True", Some(true)), ("FALSE", Some(false)), ("1.0", Some(true)), ("0", Some(false))]
        {
            assert_eq!(truth(text), expected, "{text}");
        }
        assert_eq!((truth("2"), truth("yes"), truth("")), (None, None, None));
    }

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
