//! The classes of a data set: their numbers and names.

use std::collections::HashMap;

use crate::species;

/// What the numbers of classes follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Every row has a Pokédex number: class = id − 1 where all 1025 classes are there.
    Pokedex,
    /// Sorted labels.
    Labels,
    /// Sorted ids of rows without labels.
    Ids,
}

/// Which classes there are to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All species where rows have Pokédex numbers, else those that have pictures.
    #[default]
    Usual,
    /// Those that have pictures.
    Present,
    /// All species, else all labels of the table, of rows that are left out too.
    All,
    /// These, in this order: so parts of a data set that are exported one by one have the same numbers.
    Named(Vec<String>),
}

/// Classes by number, from 0.
#[derive(Debug, Clone)]
pub(super) struct Classes {
    pub by: By,
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    /// The number at the beginning of a file's name, for each class.
    prefixes: Vec<u32>,
}

impl Classes {
    /// The 1025 species.
    pub(super) fn pokedex() -> Classes {
        Classes::new(By::Pokedex, species::names().map(str::to_string).collect())
    }

    /// Those of the species that `is_there`, in the order of the Pokédex.
    pub(super) fn species(is_there: impl Fn(&str) -> bool) -> Classes {
        Classes::new(By::Pokedex, species::names().filter(|name| is_there(name)).map(str::to_string).collect())
    }

    /// Classes of these names in this order.
    pub(super) fn named(by: By, names: Vec<String>) -> Classes {
        Classes::new(by, names)
    }

    /// Classes of these labels, in the order of their bytes.
    pub(super) fn labels(labels: impl IntoIterator<Item = String>) -> Classes {
        let mut names: Vec<String> = labels.into_iter().collect();
        names.sort();
        names.dedup();
        Classes::new(By::Labels, names)
    }

    /// Classes of these ids, in their order.
    pub(super) fn ids(ids: impl IntoIterator<Item = i32>) -> Classes {
        let mut ids: Vec<i32> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Classes::new(By::Ids, ids.iter().map(i32::to_string).collect())
    }

    fn new(by: By, names: Vec<String>) -> Classes {
        let numbers = (0..).zip(&names).map(|(number, name)| (name.clone(), number)).collect();
        let dex: HashMap<&str, u32> = species::names().zip(1..).collect();
        // The id, where there are ids of the Pokédex.
        let prefix = |(class, name): (u32, &String)| match by {
            By::Pokedex => dex.get(name.as_str()).copied().unwrap_or(class),
            By::Labels | By::Ids => class,
        };
        let prefixes = (0..).zip(&names).map(prefix).collect();
        Classes { by, names, numbers, prefixes }
    }

    /// The names in order of their numbers.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of the class of this name.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The number of the class of a row.
    pub(super) fn of(&self, id: Option<i32>, label: Option<&str>) -> Option<u32> {
        match self.by {
            By::Pokedex => self.number(species::name(id?)?).or_else(|| self.number(label?)),
            By::Ids => self.number(&id?.to_string()),
            By::Labels => self.number(label?),
        }
    }

    /// The number that stands at the beginning of a file's name: the id, where there are ids of the Pokédex.
    pub(super) fn prefix(&self, class: u32) -> u32 {
        self.prefixes[class as usize]
    }

    /// The names as lines of text.
    pub(super) fn lines(&self) -> String {
        lines(&self.names)
    }
}

/// The class of a box: by its label; that of the row only where the box has none.
pub(super) fn class_of(label: Option<&str>, row: Option<u32>, classes: &Classes) -> Option<u32> {
    label.map_or(row, |label| classes.number(label))
}

/// Names of classes, one a line: as the readers count lines, what would break one is a space.
pub(super) fn lines(names: &[String]) -> String {
    names.iter().map(|name| line(name) + "\n").collect()
}

/// A name as a line of text. Python ends lines at more characters than others do.
pub(super) fn line(name: &str) -> String {
    name.replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ")
}

/// A text as a YAML scalar in double quotes, in which nothing is read as anything else. JSON's quoting, and escapes for
/// what YAML calls unprintable (YAML 1.2, section 5.1).
pub(super) fn yaml_text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                quoted.push_str(&format!("\\u{:04x}", c as u32));
            }
            c if c.is_control() => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn species_are_numbered_from_0_in_the_order_of_the_pokedex() {
        let classes = Classes::pokedex();
        assert_eq!(classes.names().len(), 1025);
        assert_eq!(classes.of(Some(25), None), Some(24));
        assert_eq!(
            (classes.of(Some(0), None), classes.of(Some(1026), None), classes.of(None, Some("Mew"))),
            (None, None, None)
        );
        assert_eq!(classes.number("Pikachu"), Some(24));
        assert_eq!(classes.prefix(24), 25);
    }

    #[test]
    fn labels_are_sorted_whatever_their_order() {
        let classes = Classes::labels(["b", "a", "B", "a"].map(String::from));
        assert_eq!(classes.names(), ["B", "a", "b"]);
        assert_eq!(classes.of(Some(7), Some("a")), Some(1));
        let classes = Classes::ids([10, 9, 10]);
        assert_eq!(classes.names(), ["9", "10"]);
    }

    #[test]
    fn a_class_is_a_line_whatever_its_name() {
        let classes = Classes::labels(["a\nb", "c\r", "d\u{2028}e", "f\u{85}"].map(String::from));
        assert_eq!(classes.lines(), "a b\nc \nd e\nf \n");
    }

    #[test]
    fn yaml_reads_names_as_text() {
        assert_eq!(yaml_text("Type: Null"), "\"Type: Null\"");
        assert_eq!(yaml_text("a\"\\\u{7f}\u{85}\n"), "\"a\\\"\\\\\\x7f\\x85\\n\"");
    }
}
