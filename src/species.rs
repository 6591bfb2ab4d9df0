//! The 1025 species: their names by number, which say what a file called `0025_anything.png` shows, and the table
//! of all that is known of them, which `pokedex:` names on the command line.

mod written;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::aligned::Aligned;
pub use written::{Language, Meaning, fold, in_language, nearly, written};

/// Number of species; national Pokédex numbers run from 1 to this.
pub const COUNT: i32 = 1025;

/// The argument that stands for the built-in Pokédex where a table is expected.
pub const TABLE_NAME: &str = "pokedex:";

static ROWS: &Aligned<[u8]> = &Aligned(*include_bytes!("../assets/model/pokedex.arrow"));
static OTHER_ROWS: &Aligned<[u8]> = &Aligned(*include_bytes!("../assets/model/forms.arrow"));

/// The built-in Pokédex, an Arrow IPC file whose columns are read where they lie: one row a species, by number. Made by
/// `training/`.
pub static TABLE: &[u8] = ROWS.bytes();

/// The other forms of species, Megas and those of regions among them, in a table like [`TABLE`]: a form has the number of its
/// species, and in the column `form` what it is.
pub static FORMS: &[u8] = OTHER_ROWS.bytes();

static NAMES: &str = include_str!("../assets/species.txt");

/// The English name of a species, or `None` outside 1–1025.
pub fn name(id: i32) -> Option<&'static str> {
    let index = usize::try_from(id).ok()?.checked_sub(1)?;
    NAMES.lines().nth(index)
}

/// The number of the species that a file or folder is called after: `pikachu.png`, `Mr. Mime`, `nidoran♀ (2).jpg`.
pub fn named(text: &str) -> Option<i32> {
    static NUMBERS: LazyLock<HashMap<String, i32>> =
        LazyLock::new(|| (1..).zip(names()).map(|(id, name)| (letters(name), id)).collect());
    let own = letters(text);
    let find = |name: &str| NUMBERS.get(name).copied();
    // Several pictures of one are numbered.
    find(&own).or_else(|| find(own.trim_end_matches(|c: char| c.is_ascii_digit())))
}

/// The number of a species by its name in any language; the species of a form by the form's name.
pub fn number_of(text: &str) -> Option<i32> {
    let key = written(&fold(text)).find_map(|(meaning, _)| match meaning {
        Meaning::Name(key) => Some(key),
        _ => None,
    })?;
    let english = in_language(key, Language::of("en")?)?;
    named(english)
}

/// What tells names from each other, however they are spelt in files.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric() || "♀♂".contains(*c)).flat_map(char::to_lowercase);
    letters.map(|c| if c == 'é' { 'e' } else { c }).collect()
}

/// All names in order of their numbers.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        assert_eq!(names().count(), COUNT as usize);
        assert_eq!(name(25), Some("Pikachu"));
        assert_eq!(name(1025), Some("Pecharunt"));
        assert_eq!(name(0), None);
        assert_eq!(name(1026), None);
        assert_eq!(name(-1), None);
    }

    #[test]
    fn names_are_known_however_files_spell_them() {
        for (text, id) in [("pikachu", 25), ("mr. mime", 122), ("Mr_Mime", 122), ("farfetchd", 83), ("Flabebe", 669)] {
            assert_eq!(named(text), Some(id), "{text}");
        }
        assert_eq!(named("nidoran♀ (2)"), Some(29));
        assert_eq!(named("porygon2"), Some(233));
        assert_eq!(named("porygon 3"), Some(137));
        assert_eq!(named("holiday"), None);
        assert_eq!(named("25"), None);
    }
}
