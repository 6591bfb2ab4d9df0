//! Which rows are exported, to which split, class and name: decided from all rows before any picture is read.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use arrow_array::{Array, RecordBatch};

use super::Error;
use super::classes::{By, Classes, Wanted};
use crate::io::Within;
use crate::names;
use crate::species;
use crate::split::{SPLITS, Split};
use crate::table::boxes::Boxes;
use crate::table::{Images, column};

/// Why a row is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Error,
    Excluded,
    NoSplit,
    UnknownSplit,
    NoClass,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reason::Error => "with an error",
            Reason::Excluded => "excluded",
            Reason::NoSplit => "without a split",
            Reason::UnknownSplit => "of another split than train, validation and test",
            Reason::NoClass => "without a class",
        })
    }
}

/// Where a row goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub split: Split,
    pub class: Option<u32>,
    /// It judges what others calibrated.
    pub held_out: bool,
    /// The name of its picture, without folder and extension.
    pub name: Box<str>,
}

/// How a format calls pictures, and what it calls a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Naming {
    pub names: Names,
    /// Classes are those of boxes; of the whole picture where nobody has drawn any.
    pub boxes: bool,
    /// A picture needs a class.
    pub classified: bool,
}

/// What pictures are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// `{id:04}_{nnn}`: numbered within a class over all splits, in the order of their keys.
    Numbered,
    /// The name of their file, apart within their class.
    StemInClass,
    /// The name of their file, apart in the whole data set.
    Stem,
    /// As `Stem`, and without dots, at the first of which WebDataset divides a name.
    Dotless,
}

/// What all rows say, gathered batch by batch: some hundred bytes a row.
#[derive(Debug)]
pub(super) struct Survey {
    naming: Naming,
    keys: Vec<Box<str>>,
    rows: Vec<Result<Row, Reason>>,
    labels: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Of every label, whether something that is exported is called so.
    used: Vec<bool>,
    within: Within,
    /// Values of `split` that are none; a few will do.
    unknown: BTreeSet<String>,
}

/// So many unknown splits are told.
const MOST_UNKNOWN: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Row {
    split: Split,
    id: Option<i32>,
    label: Option<u32>,
    /// The whole picture is of the row's class.
    whole: bool,
}

impl Survey {
    /// `within` knows the folder that is to be written.
    pub(super) fn new(naming: Naming, within: Within) -> Survey {
        Survey {
            naming,
            keys: vec![],
            rows: vec![],
            labels: vec![],
            numbers: HashMap::new(),
            used: vec![],
            within,
            unknown: BTreeSet::new(),
        }
    }

    /// Takes the next rows. Where the table has no column `split`, all are for training.
    ///
    /// # Errors
    /// A column is of another type than it should be, or a picture that is to be read lies in the folder that is to be
    /// written.
    pub(super) fn look(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let text = |name| column::text(batch, name);
        let keys = text(column::KEY)?.ok_or_else(|| column::missing(&batch.schema(), column::KEY, "table"))?;
        let (labels, splits) = (text(column::LABEL)?, text(column::SPLIT)?);
        let (errors, excluded) = (text(column::ERROR)?, text(column::EXCLUDED)?);
        let ids = column::ints(batch, column::ID)?;
        let boxes = if self.naming.boxes { Boxes::of(batch)? } else { None };
        let images = Images::of(batch)?;
        let set = |column: &Option<arrow_array::StringArray>, i: usize| column.as_ref().is_some_and(|c| c.is_valid(i));
        for i in 0..batch.num_rows() {
            self.keys.push(keys.value(i).into());
            let split = match &splits {
                None => Ok(Split::Train),
                Some(splits) if splits.is_null(i) => Err(Reason::NoSplit),
                Some(splits) => Split::named(splits.value(i)).ok_or(Reason::UnknownSplit),
            };
            let split = match () {
                () if set(&errors, i) => Err(Reason::Error),
                () if set(&excluded, i) => Err(Reason::Excluded),
                () => split,
            };
            let label = labels.as_ref().filter(|l| l.is_valid(i)).map(|l| self.number(l.value(i)));
            let split = match split {
                Ok(split) => split,
                Err(reason) => {
                    if let (Reason::UnknownSplit, Some(splits)) = (reason, &splits)
                        && self.unknown.len() < MOST_UNKNOWN
                    {
                        self.unknown.insert(splits.value(i).into());
                    }
                    self.rows.push(Err(reason));
                    continue;
                }
            };
            if let (None, Some(path)) = (images.bytes(i), images.path(i)) {
                self.within.refuse_row(path)?;
            }
            let drawn = boxes.as_ref().and_then(|boxes| boxes.get(i));
            let whole = match &drawn {
                None => true,
                Some(drawn) => {
                    for name in drawn.iter().filter_map(|bounds| bounds.label.as_deref()) {
                        let number = self.number(name);
                        self.used[number as usize] = true;
                    }
                    drawn.iter().any(|bounds| bounds.label.is_none())
                }
            };
            if let (true, Some(label)) = (whole, label) {
                self.used[label as usize] = true;
            }
            let id = ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i));
            self.rows.push(Ok(Row { split, id, label, whole: drawn.is_none() }));
        }
        Ok(())
    }

    fn number(&mut self, label: &str) -> u32 {
        if let Some(&number) = self.numbers.get(label) {
            return number;
        }
        let number = u32::try_from(self.labels.len()).expect("fewer than 2^32 labels");
        self.labels.push(label.into());
        self.used.push(false);
        self.numbers.insert(label.into(), number);
        number
    }

    /// The classes: the 1025 species where every row has a Pokédex number, else sorted labels, else sorted ids.
    fn classes(&self, wanted: Wanted) -> Classes {
        let rows = || self.rows.iter().flatten();
        let ids = rows().map(|row| row.id);
        let is_species = |id: Option<i32>| id.is_some_and(|id| (1..=species::COUNT).contains(&id));
        let by_id = rows().next().is_some() && ids.clone().all(is_species);
        let present = |label: &u32| self.used[*label as usize];
        match wanted {
            Wanted::Named(names) => return Classes::named(if by_id { By::Pokedex } else { By::Labels }, names),
            Wanted::Usual | Wanted::All if by_id => return Classes::pokedex(),
            Wanted::Present if by_id => {
                let whole = rows().filter(|row| row.whole).filter_map(|row| species::name(row.id?));
                let whole: HashSet<&str> = whole.collect();
                let is_there = |name: &str| whole.contains(name) || self.numbers.get(name).is_some_and(present);
                return Classes::species(is_there);
            }
            Wanted::All => return Classes::labels(self.labels.iter().cloned()),
            Wanted::Usual | Wanted::Present => {}
        }
        let used = self.labels.iter().zip(&self.used).filter(|(_, used)| **used).map(|(label, _)| label.clone());
        let classes = Classes::labels(used);
        if classes.names().is_empty() && ids.clone().all(|id| id.is_some()) {
            return Classes::ids(ids.flatten());
        }
        classes
    }

    /// Decides.
    pub(super) fn plan(mut self, wanted: Wanted) -> Plan {
        let is_named = matches!(wanted, Wanted::Named(_));
        let classes = self.classes(wanted);
        // What is in no list of classes would be lost.
        let mut strange: Vec<String> = Vec::new();
        if is_named {
            let used = self.labels.iter().zip(&self.used).filter(|(_, used)| **used).map(|(label, _)| label);
            let ids =
                self.rows.iter().flatten().filter(|row| row.label.is_none() && row.whole).filter_map(|row| row.id);
            let of_ids = ids.filter_map(species::name).map(str::to_string);
            let is_strange = |name: &String| classes.number(name).is_none();
            strange = used.cloned().chain(of_ids).filter(is_strange).collect();
            strange.sort();
            strange.dedup();
        }
        let mut left: BTreeMap<Reason, u64> = BTreeMap::new();
        let naming = self.naming;
        let of: Vec<Option<u32>> = self
            .rows
            .iter_mut()
            .map(|row| {
                let Ok(found) = row else { return None };
                let label = found.label.map(|label| self.labels[label as usize].as_str());
                let class = classes.of(found.id, label);
                if class.is_none() && naming.classified && found.whole {
                    *row = Err(Reason::NoClass);
                }
                class
            })
            .collect();
        self.rows.iter().filter_map(|row| row.err()).for_each(|reason| *left.entry(reason).or_default() += 1);
        let exported: Vec<usize> = (0..self.rows.len()).filter(|&i| self.rows[i].is_ok()).collect();
        let keys = exported.iter().map(|&i| &*self.keys[i]);
        let names: Vec<Box<str>> = match naming.names {
            Names::Numbered => numbered(&self.keys, &exported, |i| of[i].map(|class| classes.prefix(class))),
            Names::Stem => names::apart(keys, names::stem),
            Names::Dotless => names::apart(keys, |key| names::stem(key).replace(['.', ' '], "_")),
            Names::StemInClass => in_classes(&self.keys, &exported, |i| of[i]),
        };
        let mut places: Vec<Option<Place>> = vec![None; self.rows.len()];
        for (&i, name) in exported.iter().zip(names) {
            let Ok(row) = self.rows[i] else { continue };
            places[i] = Some(Place { split: row.split, class: of[i], held_out: false, name });
        }
        let whole = exported.iter().filter(|&&i| of[i].is_some() && self.rows[i].is_ok_and(|row| row.whole)).count();
        let (exported, unknown) = (exported.len() as u64, std::mem::take(&mut self.unknown));
        Plan { classes, left, exported, places, unknown, strange, whole: whole as u64 }
    }
}

/// `{prefix:04}_{nnn}`, from 001, in the order of the keys.
fn numbered(keys: &[Box<str>], exported: &[usize], prefix: impl Fn(usize) -> Option<u32>) -> Vec<Box<str>> {
    let mut order: Vec<usize> = (0..exported.len()).collect();
    order.sort_by(|&a, &b| keys[exported[a]].cmp(&keys[exported[b]]));
    let mut counts: HashMap<Option<u32>, u32> = HashMap::new();
    let mut names = vec![Box::from(""); exported.len()];
    for at in order {
        let prefix = prefix(exported[at]);
        let count = counts.entry(prefix).or_default();
        *count += 1;
        names[at] = match prefix {
            Some(prefix) => format!("{prefix:04}_{count:03}"),
            None => format!("none_{count:03}"),
        }
        .into();
    }
    names
}

fn in_classes(keys: &[Box<str>], exported: &[usize], class: impl Fn(usize) -> Option<u32>) -> Vec<Box<str>> {
    let mut members: BTreeMap<Option<u32>, Vec<usize>> = BTreeMap::new();
    for (at, &i) in exported.iter().enumerate() {
        members.entry(class(i)).or_default().push(at);
    }
    let mut all = vec![Box::from(""); exported.len()];
    for members in members.into_values() {
        let own = names::apart(members.iter().map(|&at| &*keys[exported[at]]), names::stem);
        members.into_iter().zip(own).for_each(|(at, name)| all[at] = name);
    }
    all
}

/// What becomes of every row.
#[derive(Debug)]
pub(crate) struct Plan {
    pub classes: Classes,
    /// How many rows are left out, and why.
    pub left: BTreeMap<Reason, u64>,
    /// How many are not.
    pub exported: u64,
    /// Values of `split` that are none.
    pub unknown: BTreeSet<String>,
    /// What is called as no class that is wanted.
    pub strange: Vec<String>,
    /// How many of them show one class as a whole, since nobody has drawn boxes.
    pub whole: u64,
    places: Vec<Option<Place>>,
}

impl Plan {
    /// Where the row of this number goes, if it is exported.
    pub(super) fn place(&self, row: usize) -> Option<&Place> {
        self.places.get(row)?.as_ref()
    }

    /// All that is exported.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().flatten()
    }

    /// Number of rows that were looked at.
    pub(super) fn rows(&self) -> usize {
        self.places.len()
    }

    /// Keeps so many rows to calibrate with, of train (of the next split where train is empty), and so many that judge: of
    /// test, then of validation, and of train where there is neither. How many there are of both.
    pub(super) fn sample(&mut self, calibration: usize, held_out: usize) -> (usize, usize) {
        let split = self.places().map(|place| place.split).min().unwrap_or(Split::Train);
        let calibrate = self.in_turn(split);
        let (calibrate, rest) = calibrate.split_at(calibrate.len().min(calibration));
        let mut judge: Vec<usize> =
            SPLITS.into_iter().rev().filter(|&other| other > split).flat_map(|other| self.in_turn(other)).collect();
        if judge.is_empty() {
            judge = rest.to_vec();
        }
        judge.truncate(held_out);
        let mut places = vec![None; self.places.len()];
        calibrate.iter().for_each(|&row| places[row] = self.places[row].take());
        for &row in &judge {
            places[row] = self.places[row].take().map(|place| Place { held_out: true, ..place });
        }
        self.exported = places.iter().flatten().count() as u64;
        self.places = places;
        (calibrate.len(), judge.len())
    }

    /// The rows of a split, the classes in turn; their order follows from their names.
    fn in_turn(&self, split: Split) -> Vec<usize> {
        let rank = |place: &Place| *blake3::hash(place.name.as_bytes()).as_bytes();
        let mut classes: BTreeMap<Option<u32>, Vec<([u8; 32], usize)>> = BTreeMap::new();
        for (row, place) in self.places.iter().enumerate() {
            if let Some(place) = place.as_ref().filter(|place| place.split == split) {
                classes.entry(place.class).or_default().push((rank(place), row));
            }
        }
        // The first of every class, then the second of every class, …
        let mut order: Vec<(usize, [u8; 32], usize)> = Vec::new();
        for mut members in classes.into_values() {
            members.sort_unstable();
            order.extend(members.into_iter().enumerate().map(|(turn, (rank, row))| (turn, rank, row)));
        }
        order.sort_unstable();
        order.into_iter().map(|(_, _, row)| row).collect()
    }

    /// How many pictures each class has in each split.
    pub(super) fn counts(&self) -> BTreeMap<u32, [u64; 3]> {
        let mut counts: BTreeMap<u32, [u64; 3]> = BTreeMap::new();
        for place in self.places() {
            if let Some(class) = place.class {
                counts.entry(class).or_default()[place.split as usize] += 1;
            }
        }
        counts
    }
}
