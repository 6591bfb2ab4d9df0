//! The words that are known to the grammar, and what they stand for: `lexicon.txt`, read once.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Columns with numbers that can be compared.
pub(super) const NUMBERS: [&str; 15] = [
    "hp",
    "attack",
    "defense",
    "special_attack",
    "special_defense",
    "speed",
    "total",
    "bulk",
    "height_m",
    "weight_kg",
    "capture_rate",
    "id",
    "generation",
    "weaknesses",
    "resistances",
];

pub(super) const TYPES: [&str; 18] = [
    "normal", "fire", "water", "grass", "electric", "ice", "fighting", "poison", "ground", "flying", "psychic", "bug",
    "rock", "ghost", "dragon", "dark", "steel", "fairy",
];

const COLORS: [&str; 10] = ["black", "blue", "brown", "gray", "green", "pink", "purple", "red", "white", "yellow"];

pub(super) const REGIONS: [&str; 10] =
    ["kanto", "johto", "hoenn", "sinnoh", "unova", "kalos", "alola", "galar", "hisui", "paldea"];

/// The condition for starters, and all that comes of them.
pub(super) const STARTER: &str = "has_item(groups, 'starter')";

/// A part of the lexicon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Table {
    Group,
    Condition,
    Stage,
    Form,
    Superlative,
    Comparative,
    Abroad,
    Stat,
    Unit,
    Sign,
    Habitat,
    Egg,
    Shape,
    Way,
    Ordinal,
    Adjective,
    Most,
    Least,
    More,
    Less,
    Filler,
    FillerAbroad,
    FormWord,
    NumberWord,
    Often,
}

impl Table {
    fn named(name: &str) -> Option<Table> {
        Some(match name {
            "group" => Table::Group,
            "condition" => Table::Condition,
            "stage" => Table::Stage,
            "form" => Table::Form,
            "superlative" => Table::Superlative,
            "comparative" => Table::Comparative,
            "abroad" => Table::Abroad,
            "stat" => Table::Stat,
            "unit" => Table::Unit,
            "sign" => Table::Sign,
            "habitat" => Table::Habitat,
            "egg" => Table::Egg,
            "shape" => Table::Shape,
            "way" => Table::Way,
            "ordinal" => Table::Ordinal,
            "adjective" => Table::Adjective,
            "most" => Table::Most,
            "least" => Table::Least,
            "more" => Table::More,
            "less" => Table::Less,
            "filler" => Table::Filler,
            "filler_abroad" => Table::FillerAbroad,
            "form_word" => Table::FormWord,
            "number_word" => Table::NumberWord,
            "often" => Table::Often,
            _ => return None,
        })
    }

    /// What a word, or several written in one, stands for.
    pub(super) fn find(self, word: &str) -> Option<&'static str> {
        LEXICON.get(&self)?.get(word).copied()
    }

    /// Whether it has a word.
    pub(super) fn has(self, word: &str) -> bool {
        self.find(word).is_some()
    }

    /// Whether one of its words stands for this.
    pub(super) fn means(self, meaning: &str) -> bool {
        LEXICON.get(&self).is_some_and(|words| words.values().any(|own| *own == meaning))
    }

    /// Its words.
    pub(super) fn words(self) -> impl Iterator<Item = &'static str> {
        LEXICON.get(&self).into_iter().flat_map(|words| words.keys().copied())
    }
}

type Words = HashMap<&'static str, &'static str>;

static LEXICON: LazyLock<HashMap<Table, Words>> = LazyLock::new(|| {
    let mut lexicon: HashMap<Table, Words> = HashMap::new();
    let mut table = None;
    for line in include_str!("lexicon.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = Some(Table::named(name).expect("a table of the lexicon"));
        } else if let (Some(table), Some((meaning, words))) = (table, line.split_once(": ")) {
            lexicon.entry(table).or_default().extend(words.split(", ").map(|word| (word, meaning)));
        }
    }
    lexicon
});

/// A column and whether its greatest comes first, as in `speed desc`.
pub(super) fn column_and_order(meaning: &'static str) -> (&'static str, bool) {
    let (column, order) = meaning.split_once(' ').unwrap_or((meaning, "asc"));
    (column, order == "desc")
}

/// What a unit measures, and how many of the column's own it is.
pub(super) fn unit(word: &str) -> Option<(&'static str, f64)> {
    let (column, factor) = Table::Unit.find(word)?.split_once(' ')?;
    Some((column, factor.parse().ok()?))
}

/// A type by its English name, in the singular or plural.
pub(super) fn type_named(word: &str) -> Option<&'static str> {
    let one = match word {
        "fairies" => "fairy",
        "electricity" => "electric",
        "poisonous" => "poison",
        "psychics" | "dragons" | "ghosts" | "bugs" | "rocks" | "steels" | "fires" | "normals" => {
            &word[..word.len() - 1]
        }
        word => word,
    };
    TYPES.into_iter().find(|name| *name == one)
}

/// A colour by its English name.
pub(super) fn color_named(word: &str) -> Option<&'static str> {
    let one = match word {
        "grey" => "gray",
        "violet" => "purple",
        word => word,
    };
    COLORS.into_iter().find(|name| *name == one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_there_and_every_word_is_folded() {
        let parts = include_str!("lexicon.txt").lines().filter(|line| line.starts_with('[')).count();
        assert_eq!((LEXICON.len(), parts), (25, 25));
        for (table, words) in LEXICON.iter() {
            for (word, meaning) in words {
                let word = word.trim_end_matches('-');
                let is_sign = *table == Table::Sign && !word.chars().all(char::is_alphanumeric);
                assert!(is_sign || crate::species::fold(word) == *word, "{table:?}: {word}");
                assert!(!meaning.is_empty(), "{table:?}: {word}");
            }
        }
    }

    #[test]
    fn words_stand_for_columns() {
        assert_eq!(Table::Superlative.find("tallest").map(column_and_order), Some(("height_m", true)));
        assert_eq!(Table::Comparative.find("lighter").map(column_and_order), Some(("weight_kg", false)));
        assert_eq!(unit("lbs"), Some(("weight_kg", 0.453_592_37)));
        assert_eq!((type_named("dragons"), color_named("grey")), (Some("dragon"), Some("gray")));
        for table in [Table::Superlative, Table::Comparative, Table::Abroad, Table::Stat] {
            for word in table.words() {
                let (column, _) = column_and_order(table.find(word).expect("its own word"));
                assert!(NUMBERS.contains(&column), "{word}: {column}");
            }
        }
    }
}
