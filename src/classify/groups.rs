//! Groups of classes: where the class is in doubt, what it is a kind of may not be.
//!
//! A group's probability is the sum of those of its classes, so it is never lower than the best of them. Classes may be in
//! several groups of one level (a species of two types), which makes such groups overlap and changes no sum.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::DataType;

use crate::failure::Failure;
use crate::species;
use crate::table::{self, Source, Table, column};

/// The species that an evolution begins with, as a column of the built-in Pokédex.
const LINE: &str = "line";
/// Both of a species' types, as a column of the built-in Pokédex.
const TYPE: &str = "type";

/// What may be answered where the class is in doubt.
#[derive(Debug, Clone, PartialEq)]
pub struct RollUp {
    /// The levels of groups, the finest first: columns of the table of groups. Of the built-in species also `line`, what an
    /// evolution begins with, and `type`, both types.
    pub levels: Vec<String>,
    /// A table with a row or more a class (`label`) and a column a level; `None`: the table whose rows vote, or the Pokédex.
    pub groups: Option<PathBuf>,
    /// A group that is less likely is no answer.
    pub least: f32,
}

/// The groups of a judge's classes, level by level.
pub(super) struct Groups {
    levels: Vec<Level>,
    least: f32,
}

struct Level {
    name: String,
    /// By name.
    groups: Vec<String>,
    /// For each class the places of its groups, in order.
    of: Vec<Vec<u32>>,
}

/// A group that is likely enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Group {
    level: u32,
    place: u32,
    pub score: f32,
}

impl Groups {
    /// The groups of these classes; those of no other.
    ///
    /// # Errors
    /// The table cannot be read or lacks a level's column, no class is in it, or the rows of a class disagree.
    pub(super) fn read(wanted: &RollUp, table: &Path, labels: &[String]) -> Result<Groups, Failure> {
        let table = Source::open_or_csv(table, HINT)?.table(None)?;
        Ok(Groups { levels: levels(table, &wanted.levels, labels)?, least: wanted.least })
    }

    /// The first level's best group that is likely enough, for these probabilities of all classes; of equals the first by name.
    pub(super) fn best(&self, scores: &[f32]) -> Option<Group> {
        (0..).zip(&self.levels).find_map(|(at, level)| {
            let mut sums = vec![0.0f64; level.groups.len()];
            for (score, groups) in scores.iter().zip(&level.of) {
                groups.iter().for_each(|&group| sums[group as usize] += f64::from(*score));
            }
            let (place, sum) = (0..).zip(sums).reduce(|best, next| if next.1 > best.1 { next } else { best })?;
            // A sum of probabilities that were rounded may be above 1.
            let score = (sum as f32).min(1.0);
            (score >= self.least).then_some(Group { level: at, place, score })
        })
    }

    /// What a group is called, and its level.
    pub(super) fn name(&self, group: Group) -> (&str, &str) {
        let level = &self.levels[group.level as usize];
        (&level.groups[group.place as usize], &level.name)
    }
}

const HINT: &str = "--groups takes a table or a CSV with a column `label` and a column for each level";

/// Reads the groups of the classes, level by level.
fn levels(table: Table, names: &[String], labels: &[String]) -> Result<Vec<Level>, Failure> {
    let own = table.name == species::TABLE_NAME;
    let name = table.name.clone();
    table.require(column::LABEL)?;
    let made = |level: &String| own && [LINE, TYPE].contains(&level.as_str());
    names.iter().filter(|level| !made(level)).try_for_each(|level| table.require(level))?;
    // Of the built-in species every row must be seen before the first one's line is known; there are few.
    let (early, late) = match own {
        true => (table.collect::<Result<Vec<_>, _>>()?, None),
        false => (Vec::new(), Some(table)),
    };
    let lines = Lines::of(&early)?;
    let mut known = Known::new(names, labels);
    for batch in early.into_iter().map(Ok).chain(late.into_iter().flatten()) {
        let batch = batch?;
        let rows = column::text(&batch, column::LABEL)?.expect("it was looked for above");
        for (level, called) in names.iter().enumerate() {
            let cells = match made(called) {
                true if called == TYPE => vec![cells(&batch, "type1")?, cells(&batch, "type2")?],
                true => vec![Some(lines.column(&batch)?)],
                false => vec![cells(&batch, called)?],
            };
            for row in (0..batch.num_rows()).filter(|&row| rows.is_valid(row)) {
                let groups = cells.iter().filter_map(|cells| column::cell(cells.as_ref(), row));
                known.add(level, rows.value(row), groups.map(str::to_string).collect(), &name)?;
            }
        }
    }
    known.levels(&name)
}

/// What was read of the groups so far.
struct Known<'a> {
    names: &'a [String],
    labels: &'a [String],
    classes: HashMap<&'a str, usize>,
    /// By level, by class.
    groups: Vec<Vec<BTreeSet<String>>>,
    met: bool,
}

impl<'a> Known<'a> {
    fn new(names: &'a [String], labels: &'a [String]) -> Known<'a> {
        let classes = labels.iter().map(String::as_str).zip(0..).collect();
        Known { names, labels, classes, groups: vec![vec![BTreeSet::new(); labels.len()]; names.len()], met: false }
    }

    /// A row of this class is in these groups of a level; none: it does not say.
    fn add(&mut self, level: usize, label: &str, groups: BTreeSet<String>, table: &str) -> Result<(), Failure> {
        let Some(&class) = self.classes.get(label) else { return Ok(()) };
        self.met = true;
        let known = &mut self.groups[level][class];
        if let (Some(one), Some(other), true) = (known.first(), groups.first(), *known != groups) {
            let problem = format!(
                "{table}: `{label}` is of {} `{one}` in one row and of `{other}` in another",
                self.names[level]
            );
            return Err(Failure::failed(problem, Some("all rows of a class are in the same groups".into())));
        }
        known.extend(groups);
        Ok(())
    }

    fn levels(self, table: &str) -> Result<Vec<Level>, Failure> {
        if !self.met {
            let problem = format!("{table}: none of the classes stands in its column `label`");
            let hint = self.labels.first().map(|label| format!("a class is called, for example, `{label}`"));
            return Err(Failure::failed(problem, hint));
        }
        Ok(self.names.iter().zip(self.groups).map(|(name, of)| Level::of(name, &of)).collect())
    }
}

impl Level {
    fn of(name: &str, of: &[BTreeSet<String>]) -> Level {
        let groups: BTreeSet<&String> = of.iter().flatten().collect();
        let places: HashMap<&String, u32> = groups.iter().copied().zip(0..).collect();
        Level {
            name: name.into(),
            of: of.iter().map(|own| own.iter().map(|group| places[group]).collect()).collect(),
            groups: groups.into_iter().cloned().collect(),
        }
    }
}

/// What the evolution of each species begins with.
struct Lines {
    /// By number: what it evolves from, and its name.
    species: HashMap<i32, (Option<i32>, String)>,
}

impl Lines {
    fn of(batches: &[RecordBatch]) -> Result<Lines, Failure> {
        let mut species = HashMap::new();
        for batch in batches {
            let (ids, from) = (column::ints(batch, column::ID)?, column::ints(batch, "evolves_from_id")?);
            let labels = column::text(batch, column::LABEL)?;
            let (Some(ids), Some(from), Some(labels)) = (ids, from, labels) else { continue };
            for (row, id) in ids.iter().enumerate() {
                let Some(id) = id else { continue };
                let from = from.is_valid(row).then(|| from.value(row));
                species.insert(id, (from, labels.value(row).to_string()));
            }
        }
        Ok(Lines { species })
    }

    fn column(&self, batch: &RecordBatch) -> Result<StringArray, Failure> {
        let ids = column::ints(batch, column::ID)?.ok_or_else(|| column::missing(&batch.schema(), column::ID, LINE))?;
        Ok(ids.iter().map(|id| id.and_then(|id| self.first(id))).collect())
    }

    /// Nothing evolves from itself, by however many steps; if it did, so many steps are enough.
    fn first(&self, id: i32) -> Option<&str> {
        let steps = std::iter::successors(Some(id), |id| self.species.get(id)?.0).take(self.species.len());
        self.species.get(&steps.last()?).map(|(_, name)| name.as_str())
    }
}

/// A column's cells as text, numbers and truths as they are written; `None`: there is no such column.
fn cells(batch: &RecordBatch, name: &str) -> Result<Option<StringArray>, Failure> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    let kind = column.data_type();
    let plain = column::is_text(kind) || kind.is_integer() || *kind == DataType::Boolean;
    let text = plain.then(|| arrow_cast::cast(column, &DataType::Utf8).ok()).flatten();
    let text = text.ok_or_else(|| table::Error::ColumnType {
        column: name.into(),
        expected: "names of groups",
        found: kind.to_string(),
    })?;
    Ok(Some(text.as_string::<i32>().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(levels: &[&str], least: f32, labels: &[&str]) -> Groups {
        let labels: Vec<String> = labels.iter().map(|label| label.to_string()).collect();
        let wanted = RollUp { levels: levels.iter().map(|level| level.to_string()).collect(), groups: None, least };
        Groups::read(&wanted, Path::new(species::TABLE_NAME), &labels).expect("the Pokédex has groups")
    }

    #[test]
    fn a_line_is_called_after_what_it_begins_with_though_that_was_found_later() {
        let groups = groups(&["line", "type"], 0.5, &["Pikachu", "Raichu", "Vulpix", "Eevee", "Vaporeon"]);
        let said = |scores: &[f32]| {
            let group = groups.best(scores)?;
            let (name, level) = groups.name(group);
            Some((name.to_string(), level.to_string(), group.score))
        };
        assert_eq!(said(&[0.3, 0.25, 0.0, 0.1, 0.1]), Some(("Pichu".into(), "line".into(), 0.55)));
        assert_eq!(said(&[0.25, 0.0, 0.1, 0.25, 0.25]), Some(("Eevee".into(), "line".into(), 0.5)));
        assert_eq!(said(&[0.2, 0.2, 0.2, 0.0, 0.0]), None);
    }

    #[test]
    fn a_species_of_two_types_counts_for_both() {
        // Grass and poison, water and poison, water.
        let groups = groups(&["type"], 0.6, &["Bulbasaur", "Tentacool", "Squirtle"]);
        let group = groups.best(&[0.4, 0.3, 0.1]).expect("one is likely");
        assert_eq!(groups.name(group), ("poison", "type"));
        assert!((group.score - 0.7).abs() < 1e-6);
    }
}
