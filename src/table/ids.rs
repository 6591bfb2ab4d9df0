//! Class numbers from the names of files and folders: read only where they are meant.

use crate::io::{self, Listing};
use crate::notes;
use crate::species;
use crate::table::Error;

/// Where class numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum IdSource {
    /// From names, if every file or every folder begins with a Pokédex number of four digits (0001 to 1025)
    #[default]
    Auto,
    /// From the file's name: a number at its beginning, or the name of a species
    Name,
    /// From the folder's name: a number at its beginning, or the name of a species
    Dir,
    /// No class numbers
    None,
}

impl IdSource {
    /// Settles `Auto` by looking at every name, and says what a forced source does not find.
    pub(super) fn resolve(self, listing: &Listing) -> Result<IdSource, Error> {
        let entries = listing.entries();
        match self {
            IdSource::None => Ok(IdSource::None),
            IdSource::Auto => {
                let own = |source: IdSource, entry| {
                    let (folder, name) = listing.folder_and_name(entry);
                    four_digits(if source == IdSource::Dir { &folder } else { &name })
                };
                let all = |source: &IdSource| entries.iter().all(|entry| own(*source, entry).is_some());
                let found = [IdSource::Name, IdSource::Dir].into_iter().find(all);
                if found.is_none() {
                    say_what_hinders(listing);
                }
                Ok(found.unwrap_or(IdSource::None))
            }
            IdSource::Name | IdSource::Dir => {
                let without = || entries.iter().filter(|entry| self.of(listing, entry).is_none());
                let count = without().count();
                if count == entries.len()
                    && let Some(first) = entries.first()
                {
                    return Err(Error::NoId { file: listing.path(first).display().to_string() });
                }
                if count > 0 {
                    let named: Vec<String> = without().take(4).map(|entry| listing.key(entry)).collect();
                    let (files, have) =
                        if count == 1 { ("1 file", "has") } else { (&*format!("{count} files"), "have") };
                    let what = if self == IdSource::Dir { " in its folder's name" } else { " in its name" };
                    let line = format!(
                        "{files} of {} {have} no species' number or name{what}: {}; no id",
                        entries.len(),
                        notes::named(&named)
                    );
                    notes::say("ids", line);
                }
                Ok(self)
            }
        }
    }

    pub(super) fn of(self, listing: &Listing, entry: &io::Entry) -> Option<i32> {
        let (folder, name) = listing.folder_and_name(entry);
        let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_string();
        match self {
            IdSource::Name => number(&name).or_else(|| species::named(&stem(&name))),
            IdSource::Dir => number(&folder).or_else(|| species::named(&folder)),
            IdSource::Auto | IdSource::None => None,
        }
    }
}

/// Where most names begin with a number as people write species' (0025, 025), and no number is read from them: why, and
/// what reads them. Names that merely count, from 0 or past the last species, are not meant.
fn say_what_hinders(listing: &Listing) {
    let entries = listing.entries();
    for (source, option) in [(IdSource::Name, "--ids name"), (IdSource::Dir, "--ids dir")] {
        let name = |entry: &io::Entry| {
            let (folder, name) = listing.folder_and_name(entry);
            if source == IdSource::Dir { folder } else { name }
        };
        let has = |entry: &io::Entry| number(&name(entry)).is_some();
        let count = entries.iter().filter(|entry| has(entry)).count();
        let is_padded = |name: String| four_digits(&name).is_some() || name.starts_with('0') && number(&name).is_some();
        let merely_counts = |name: String| name.starts_with(|c: char| c.is_ascii_digit()) && number(&name).is_none();
        if count * 2 <= entries.len()
            || !entries.iter().map(name).any(is_padded)
            || entries.iter().map(name).any(merely_counts)
        {
            continue;
        }
        let others = entries.iter().filter(|entry| !has(entry)).take(4).map(|entry| listing.key(entry));
        let others: Vec<String> = others.collect();
        let why = match entries.len() - count {
            0 => "not all have four digits".to_string(),
            1 => format!("1 does not: {}", notes::named(&others)),
            without => format!("{without} do not: {}", notes::named(&others)),
        };
        let line = format!(
            "no ids are read from names: {count} of {} begin with a number from 1 to {}, but {why} ({option} reads them as species' numbers; --ids none is silent)",
            entries.len(),
            species::COUNT
        );
        return notes::say("ids", line);
    }
}

/// A number in 1–1025 of any width at the beginning, followed by what is no digit.
pub(super) fn number(name: &str) -> Option<i32> {
    let digits = name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    name[..digits].parse().ok().filter(|id| (1..=species::COUNT).contains(id))
}

/// As [`number`], of four digits: so few other names look like that, that it is meant.
fn four_digits(name: &str) -> Option<i32> {
    let is_digit = |at: usize| name.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    number(name).filter(|_| is_digit(3) && !is_digit(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_only_where_they_are_meant() {
        for (name, id) in
            [("0025_front.png", 25), ("1025", 1025), ("0001.png", 1), ("0001-a.png", 1), ("0201 it's.png", 201)]
        {
            assert_eq!(four_digits(name), Some(id), "{name}");
        }
        for name in ["2024_summer.jpg", "0000_x.png", "00251.png", "025.png", "é25.png", "25", "", "pikachu.png"] {
            assert_eq!(four_digits(name), None, "{name}");
        }
        for (name, id) in [("25.png", 25), ("025_x.png", 25), ("00025", 25), ("0025é.png", 25)] {
            assert_eq!(number(name), Some(id), "{name}");
        }
        for name in ["", "0", "99999999999999999999.png", "x25", "٣.png"] {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
