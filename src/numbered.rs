//! Texts and their numbers, in the order in which they are met.

use indexmap::IndexSet;

/// Texts, each once; the first has the number 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbered(IndexSet<String>);

impl Numbered {
    /// The number of a text, which becomes one of them if it is not.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        let at = self.0.get_index_of(text).unwrap_or_else(|| self.0.insert_full(text.into()).0);
        u32::try_from(at).expect("fewer than 2^32 texts")
    }

    /// The number of a text that is one of them.
    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        self.0.get_index_of(text).map(|at| at as u32)
    }

    /// The text of a number.
    pub(crate) fn name(&self, number: u32) -> Option<&str> {
        self.0.get_index(number as usize).map(String::as_str)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(String::as_str).zip(0..)
    }
}

impl std::ops::Index<u32> for Numbered {
    type Output = str;

    fn index(&self, number: u32) -> &str {
        &self.0[number as usize]
    }
}

impl From<Numbered> for Vec<String> {
    fn from(numbered: Numbered) -> Vec<String> {
        numbered.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let mut texts = Numbered::default();
        assert_eq!(["b", "a", "b", ""].map(|text| texts.number(text)), [0, 1, 0, 2]);
        assert_eq!((texts.get("a"), texts.get("c"), texts.name(2), texts.name(3)), (Some(1), None, Some(""), None));
        assert_eq!(&texts[1], "a");
        assert_eq!(texts.iter().collect::<Vec<_>>(), [("b", 0), ("a", 1), ("", 2)]);
        assert_eq!(Vec::from(texts), ["b", "a", ""]);
    }
}
