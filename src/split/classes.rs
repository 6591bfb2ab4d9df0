//! The classes by which images are divided: what they are called, and which of them are not as they should be.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::assign::Item;
use super::{Ratios, Split};
use crate::progress::Progress;
use crate::table::column;
use crate::words;

/// So many classes are named in a warning.
const NAMES: usize = 5;
/// A class's value, to be shown.
const NO_VALUE: &str = "(none)";

/// What the classes are.
pub(super) struct Classes {
    /// The column that holds them; `None`: all rows are of one class.
    pub column: Option<String>,
    /// How many rows have no value in it.
    pub nameless: u64,
    /// Whether there are labels, if the column is another.
    pub has_labels: bool,
}

impl Classes {
    /// The class of a row, to be shown.
    pub(super) fn name(&self, batch: &RecordBatch, row: usize) -> String {
        let column = self.column.as_ref().and_then(|name| batch.column_by_name(name));
        let text = column.and_then(|column| arrow_cast::cast(&column.slice(row, 1), &DataType::Utf8).ok());
        let text = text.filter(|text| text.is_valid(0));
        text.map_or_else(|| NO_VALUE.to_string(), |text| text.as_string::<i32>().value(0).to_string())
    }

    /// Says how many rows have no value in the column, and what can be done about it unless somebody chose that column.
    pub(super) fn warn_of_nameless(&self, is_chosen: bool, progress: &dyn Progress) {
        if let Some(column) = self.column.as_ref().filter(|_| self.nameless > 0) {
            let rows = words::rows(self.nameless);
            let (have, are) = if self.nameless == 1 { ("has", "is") } else { ("have", "are") };
            let advice = match column == column::ID && !is_chosen && self.has_labels {
                true => "; --by label divides by label",
                false => "",
            };
            progress.warn(&format!("split: {rows} {have} no value in column `{column}` and {are} one class{advice}"));
        }
    }
}

/// Classes of which nothing is in train, though there is one.
pub(super) struct Untrained {
    classes: HashSet<u32>,
    /// How many they are.
    count: usize,
    /// What some of them are called.
    names: Vec<String>,
}

impl Untrained {
    /// The classes of the first `rows` items, of which all have their splits.
    pub(super) fn of(items: &[Item], splits: &[Split], rows: usize, ratios: Ratios) -> Untrained {
        let mut classes = HashSet::new();
        if ratios.has(Split::Train) {
            classes.extend(items[..rows].iter().map(|item| item.class).filter(|&class| class > 0));
            for (item, split) in items.iter().zip(splits) {
                if *split == Split::Train {
                    classes.remove(&item.class);
                }
            }
        }
        Untrained { count: classes.len(), classes, names: Vec::new() }
    }

    /// Keeps the name of a row's class, if it is one of them and not too many are named.
    pub(super) fn look(&mut self, class: u32, name: impl FnOnce() -> String) {
        if self.names.len() < NAMES && self.classes.remove(&class) {
            self.names.push(name());
        }
    }

    /// Names them.
    pub(super) fn warn(&self, progress: &dyn Progress) {
        if self.count > 0 {
            let more = if self.count > self.names.len() { ", …" } else { "" };
            let (count, names) =
                (words::several(self.count as u64, "class has", "classes have"), self.names.join(", "));
            progress.warn(&format!("split: {count} no picture in train: {names}{more}"));
        }
    }
}
