//! The 1025 species: their names by number, which say what a file called `0025_anything.png` shows, and the table
//! of all that is known of them, which `pokedex:` names on the command line.

/// Number of species; national Pokédex numbers run from 1 to this.
pub const COUNT: i32 = 1025;

/// The argument that stands for the built-in Pokédex where a table is expected.
pub const TABLE_NAME: &str = "pokedex:";

/// The built-in Pokédex, a Parquet file: one row a species, by number. Made by `training/`.
pub static TABLE: &[u8] = include_bytes!("../assets/model/pokedex.parquet");

static NAMES: &str = include_str!("../assets/species.txt");

/// The English name of a species, or `None` outside 1–1025.
pub fn name(id: i32) -> Option<&'static str> {
    let index = usize::try_from(id).ok()?.checked_sub(1)?;
    NAMES.lines().nth(index)
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
}
