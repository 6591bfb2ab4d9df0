//! Row by row: which are to be learnt from, which to choose by, and of which class they are.

use std::collections::{BTreeMap, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::{Array, Int32Array, RecordBatch, StringArray};

use super::Sample;
use crate::duplicates::Groups;
use crate::failure::Failure;
use crate::head::{Class, Feature, Rows, RowsBuilder, STRANGER, Shares, UNSEEN};
use crate::numbered::Numbered;
use crate::split::{Item, Ratios, Split, assign};
use crate::table::Vectors;
use crate::table::column::{self, read_origins};
use crate::table::soft_labels::{SoftLabel, SoftLabels, mixed};
use crate::train::Target;
use crate::train::beside::Beside;
use crate::train::columns::keys;
use crate::words::printable;

/// The sides of a division: rows to learn from, and rows to choose by.
const TRAIN: usize = 0;
const VALIDATION: usize = 1;

/// Rows on their way into a sample.
pub(super) struct Gather {
    target: Target,
    names: Numbered,
    ids: Vec<Option<i32>>,
    /// Rows to learn from, and rows to choose by.
    kept: [Option<RowsBuilder>; 2],
    /// Of rows to learn from: what their place in a division follows from.
    contents: Vec<u64>,
    /// Classes met in rows of the test.
    tested: BTreeMap<String, u64>,
    without_vector: u64,
    without_class: u64,
    /// Whether rows of several classes are learnt from; and how many were left out where not.
    learns_shares: bool,
    mixtures: u64,
    /// Rows a share of which is of a class that no row to learn from has.
    unknown_shares: u64,
    /// Rows of the table; those of them without a split, though others may have one; those to learn from or to choose by
    /// in vain; and of these those with an error.
    rows: u64,
    without_split: u64,
    meant: u64,
    failed: u64,
}

impl Gather {
    pub(super) fn new(target: Target, learns_shares: bool) -> Gather {
        Gather {
            target,
            learns_shares,
            mixtures: 0,
            unknown_shares: 0,
            names: Numbered::default(),
            ids: Vec::new(),
            kept: [None, None],
            contents: Vec::new(),
            tested: BTreeMap::new(),
            without_vector: 0,
            without_class: 0,
            rows: 0,
            without_split: 0,
            meant: 0,
            failed: 0,
        }
    }

    /// Takes up the rows of a batch.
    ///
    /// # Errors
    /// A split has a name that nobody knows, a vector holds what is no number, a column is of another type, or there is no
    /// room in `TMPDIR`.
    pub(super) fn batch(
        &mut self,
        batch: &RecordBatch,
        columns: &[String],
        beside: &[Beside],
        name: &str,
    ) -> Result<(), Failure> {
        let facts = Facts::of(batch, self.target, columns, name)?;
        let mut vector: Vec<f32> = Vec::new();
        for row in 0..batch.num_rows() {
            self.rows += 1;
            let Some(side) = self.side(&facts, row, name)? else { continue };
            self.meant += 1;
            let failed = facts.has_failed(row);
            self.failed += u64::from(failed);
            if failed || !facts.features(row, columns, beside, &mut vector)? {
                self.without_vector += 1;
                continue;
            }
            if vector.iter().any(|x| !x.is_finite()) {
                return Err(not_finite(name, facts.keys.value(row)));
            }
            let shares = facts.shares(row).filter(|_| side == TRAIN).unwrap_or_default();
            if !shares.is_empty() && !self.learns_shares {
                self.mixtures += 1;
                continue;
            }
            let most = shares.first().filter(|_| facts.label(row).is_none());
            let class = match most {
                Some((label, id, _)) => Some(self.number(label, *id)),
                None => self.class(&facts, row, side),
            };
            let Some(class) = class else {
                self.without_class += 1;
                continue;
            };
            if self.kept[side].is_none() {
                self.kept[side] = Some(RowsBuilder::new(vector.len())?);
            }
            self.kept[side].as_mut().expect("it was made above").push(&vector, class)?;
            if !shares.is_empty() {
                let shares = shares.into_iter().map(|(label, id, weight)| (self.number(&label, id), weight)).collect();
                self.kept[side].as_mut().expect("a row was added").soften(shares);
            }
            if side == TRAIN {
                self.contents.push(facts.content(row));
            }
        }
        Ok(())
    }

    /// On which side a row is; `None` where it is on neither.
    fn side(&mut self, facts: &Facts, row: usize, name: &str) -> Result<Option<usize>, Failure> {
        Ok(match facts.split(row, name)? {
            Some(Split::Train) => Some(TRAIN),
            Some(Split::Validation) => Some(VALIDATION),
            Some(Split::Test) => {
                facts.label(row).into_iter().for_each(|label| *self.tested.entry(label.into()).or_default() += 1);
                None
            }
            None => {
                self.without_split += 1;
                None
            }
        })
    }

    /// The class of a row, [`STRANGER`] where it can show what is none; `None` where it is of no use without one.
    fn class(&mut self, facts: &Facts, row: usize, side: usize) -> Option<u32> {
        let Some(label) = facts.label(row) else {
            let is_to_be_learnt = side == TRAIN && facts.splits.is_some();
            return (!is_to_be_learnt && self.target != Target::Prediction).then_some(STRANGER);
        };
        Some(self.number(label, facts.ids.as_ref().filter(|ids| ids.is_valid(row)).map(|ids| ids.value(row))))
    }

    /// The number of a class; `id` is its own, where it is a new one.
    fn number(&mut self, label: &str, id: Option<i32>) -> u32 {
        let class = self.names.number(label);
        if class as usize == self.ids.len() {
            self.ids.push(id);
        }
        class
    }

    /// Divides the rows, and puts their classes in order.
    ///
    /// # Errors
    /// There is nothing to learn from, or of one class only; or there is no room in `TMPDIR`.
    pub(super) fn finish(
        mut self,
        features: Vec<Feature>,
        has_split: bool,
        (share, seed): (f64, u64),
        name: &str,
    ) -> Result<Sample, Failure> {
        let Some(train) = self.kept[TRAIN].take() else {
            return Err(self.nothing(name, has_split));
        };
        let given = self.kept[VALIDATION].take();
        let set_aside = given.is_none() && share > 0.0;
        let (mut train, mut validation) = self.divided(train, given, (share, seed))?;
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        train.classes.iter().for_each(|&class| *counts.entry(class).or_default() += 1);
        if counts.is_empty() {
            return Err(self.nothing(name, has_split));
        }
        let known = self.known(&counts);
        if known.len() < 2 {
            let label = printable(&known[0].1);
            let hint = "a head tells classes apart: give it rows of at least two";
            return Err(Failure::failed(format!("{name}: all rows of train are {label}"), Some(hint.into())));
        }
        let places: HashMap<u32, u32> = (0..).zip(&known).map(|(place, (_, _, class))| (*class, place)).collect();
        train.classes.iter_mut().for_each(|class| *class = places[class]);
        for shares in train.soft.values_mut() {
            let known = shares.iter().filter_map(|&(class, weight)| Some((*places.get(&class)?, weight)));
            let known: Shares = known.collect();
            self.unknown_shares += u64::from(known.len() < shares.len());
            let sum: f32 = known.iter().map(|(_, weight)| weight).sum();
            *shares = known.into_iter().map(|(class, weight)| (class, weight / sum)).collect();
        }
        // What is left of nothing is the class that the row has anyway.
        train.soft.retain(|_, shares| !shares.is_empty());
        validation.soft.clear();
        let (seen, unseen) = self.met(&places, &mut validation.classes);
        let class = |(id, label, class)| Class { label, id, rows: counts[&class] };
        Ok(Sample {
            features,
            classes: known.into_iter().map(class).collect(),
            train,
            validation,
            unseen,
            seen,
            without_vector: self.without_vector,
            without_class: self.without_class,
            mixtures: self.mixtures,
            unknown_shares: self.unknown_shares,
            set_aside,
        })
    }

    /// The rows to learn from, each of a class, and those to choose by: those that are given, else a share of the others.
    fn divided(
        &mut self,
        train: RowsBuilder,
        given: Option<RowsBuilder>,
        (share, seed): (f64, u64),
    ) -> Result<(Rows, Rows), Failure> {
        let train = train.finish()?;
        let classes = &train.classes;
        match given {
            Some(validation) => Ok((train, validation.finish()?)),
            // Nobody looks at rows without a class where nothing is chosen.
            None if share == 0.0 => {
                let strangers = classes.iter().filter(|class| **class == STRANGER).count();
                self.without_class += strangers as u64;
                let none = RowsBuilder::new(train.dimension)?.finish()?;
                match strangers {
                    0 => Ok((train, none)),
                    _ => Ok((train.divide(|row| classes[row] != STRANGER)?.0, none)),
                }
            }
            None => {
                let items = self.contents.iter().zip(classes);
                let items: Vec<Item> = items.map(|(&content, &class)| Item { content, class, kept: None }).collect();
                let ratios: Ratios = format!("{}/{share}/0", 1.0 - share).parse().expect("three numbers");
                let splits = assign(&items, Groups::new(items.len()), ratios, seed).splits;
                // Rows without a class can only show what it is not to know, and mixtures only teach.
                let learns = |row: usize| splits[row] == Split::Train || train.soft.contains_key(&row);
                Ok(train.divide(|row| classes[row] != STRANGER && learns(row))?)
            }
        }
    }

    /// The classes that have rows to learn from, in the order of their numbers, else of their names.
    fn known(&self, counts: &BTreeMap<u32, u64>) -> Vec<(Option<i32>, String, u32)> {
        let own = self.names.iter().filter(|(_, class)| counts.contains_key(class));
        let mut known: Vec<(Option<i32>, String, u32)> =
            own.map(|(label, class)| (self.ids[class as usize], label.into(), class)).collect();
        known.sort();
        known
    }

    /// Gives rows to choose by the places of their classes, and says how many rows of them and of the test are of a class
    /// that is learnt, and which others there are.
    fn met(&self, places: &HashMap<u32, u32>, validation: &mut [u32]) -> (u64, BTreeMap<String, u64>) {
        let (mut seen, mut unseen): (u64, BTreeMap<String, u64>) = Default::default();
        for class in validation.iter_mut().filter(|class| **class != STRANGER) {
            match places.get(class) {
                Some(place) => {
                    seen += 1;
                    *class = *place;
                }
                None => {
                    *unseen.entry(self.names.name(*class).unwrap_or_default().into()).or_default() += 1;
                    *class = UNSEEN;
                }
            }
        }
        for (label, count) in &self.tested {
            match self.names.get(label).is_some_and(|class| places.contains_key(&class)) {
                true => seen += count,
                false => *unseen.entry(label.clone()).or_default() += count,
            }
        }
        (seen, unseen)
    }

    /// Why there is nothing to learn from.
    fn nothing(&self, name: &str, has_split: bool) -> Failure {
        let divide = "`pokedex split TABLE -o split.parquet` divides a table into train, validation and test";
        let (what, hint) = match () {
            () if self.rows == 0 => ("has no rows", "did the command that made it fail?"),
            () if self.without_split == self.rows => ("its column `split` is empty in every row", divide),
            () if has_split && self.meant == 0 => {
                ("no row of the split `train`: a head does not learn from the test", divide)
            }
            () if self.failed == self.meant => {
                ("every row has an error", "`pokedex export TABLE --format csv --columns key,error` shows them")
            }
            () if self.without_vector > 0 && self.without_class == 0 => (
                "no row has a vector in every column of --vector-column",
                "`pokedex embed INPUT -o embeddings.parquet`",
            ),
            () => (
                "no row to learn from has a class",
                "`pokedex scan FOLDER --meta CSV` adds ids and labels; folders are labels where there are several",
            ),
        };
        Failure::failed(format!("{name}: {what}"), Some(hint.into()))
    }
}

/// What the rows of a batch say.
pub(in crate::train) struct Facts {
    pub keys: StringArray,
    splits: Option<StringArray>,
    errors: Option<StringArray>,
    ids: Option<Int32Array>,
    labels: StringArray,
    /// What rows show of several classes, where those are what is learnt.
    soft: Option<SoftLabels>,
    by_id: bool,
    hashes: Vec<Option<[u8; 32]>>,
    /// The vectors of each column of features that the table has itself.
    vectors: Vec<Option<Vectors>>,
}

impl Facts {
    pub(in crate::train) fn of(
        batch: &RecordBatch,
        target: Target,
        columns: &[String],
        name: &str,
    ) -> Result<Facts, Failure> {
        let ids = column::ints(batch, column::ID)?;
        let own =
            |column: &String| batch.column_by_name(column).map(|_| column::vectors(batch, column, name)).transpose();
        Ok(Facts {
            keys: keys(batch)?,
            splits: column::text(batch, column::SPLIT)?,
            errors: column::text(batch, column::ERROR)?,
            labels: labels(batch, target, ids.as_ref())?,
            soft: if target == Target::Prediction { None } else { SoftLabels::of(batch)? },
            by_id: target == Target::Id,
            ids,
            hashes: read_origins(batch)?,
            vectors: columns.iter().map(own).collect::<Result<_, _>>()?,
        })
    }

    /// The part of a division that a row is in: where there is none, the one to learn from; `None`: a row that is left out.
    ///
    /// # Errors
    /// It has a name that nobody knows.
    pub(in crate::train) fn split(&self, row: usize, name: &str) -> Result<Option<Split>, Failure> {
        let Some(splits) = &self.splits else { return Ok(Some(Split::Train)) };
        if splits.is_null(row) {
            return Ok(None);
        }
        Split::named(splits.value(row)).map(Some).ok_or_else(|| {
            let what = format!("{name}: row {}: split `{}`", self.keys.value(row), splits.value(row));
            Failure::failed(what, Some(crate::table::split::KNOWN.to_string()))
        })
    }

    /// Whether an earlier stage failed with a row.
    pub(in crate::train) fn has_failed(&self, row: usize) -> bool {
        self.errors.as_ref().is_some_and(|errors| errors.is_valid(row))
    }

    pub(in crate::train) fn label(&self, row: usize) -> Option<&str> {
        self.labels.is_valid(row).then(|| self.labels.value(row))
    }

    /// The classes of a row that is of several, with their numbers and shares; `None` where it is of one.
    pub(in crate::train) fn shares(&self, row: usize) -> Option<Vec<(String, Option<i32>, f32)>> {
        let own = self.soft.as_ref()?.get(row)?;
        let name = |soft: &SoftLabel| match self.by_id {
            true => soft.id.map(|id| id.to_string()),
            false => soft.label.clone(),
        };
        let shares = mixed([(1.0, own.as_slice())])?;
        shares.into_iter().map(|soft| Some((name(&soft)?, soft.id, soft.weight))).collect()
    }

    /// Puts the features of a row side by side; whether it has all.
    pub(in crate::train) fn features(
        &self,
        row: usize,
        columns: &[String],
        beside: &[Beside],
        vector: &mut Vec<f32>,
    ) -> Result<bool, Failure> {
        vector.clear();
        let key = self.keys.value(row);
        let others = beside.iter().map(|other| other.get(key)).collect::<Result<Vec<_>, _>>()?;
        for (column, own) in columns.iter().zip(&self.vectors) {
            let found = match own {
                Some(own) => own.get(row),
                None => others.iter().flatten().find_map(|other| other.get(column.as_str())).map(Vec::as_slice),
            };
            match found {
                Some(found) => vector.extend_from_slice(found),
                None => return Ok(false),
            }
        }
        Ok(!vector.is_empty())
    }

    /// What a row's place in a division follows from: its content or that of the picture it was drawn from, else its key, hashed in the same way in every build.
    pub(in crate::train) fn content(&self, row: usize) -> u64 {
        let start = |hash: &[u8]| u64::from_le_bytes(hash[..8].try_into().expect("a part of 32 bytes"));
        match &self.hashes[row] {
            Some(hash) => start(hash),
            None => start(blake3::hash(self.keys.value(row).as_bytes()).as_bytes()),
        }
    }
}

/// The classes of the rows.
fn labels(batch: &RecordBatch, target: Target, ids: Option<&Int32Array>) -> Result<StringArray, Failure> {
    let rows = batch.num_rows();
    Ok(match target {
        Target::Label => column::text(batch, column::LABEL)?.unwrap_or_else(|| StringArray::new_null(rows)),
        Target::Id => match ids {
            Some(ids) => ids.iter().map(|id| id.map(|id| id.to_string())).collect(),
            None => StringArray::new_null(rows),
        },
        Target::Prediction => {
            let labels = column::text(batch, &column::prediction(1))?.unwrap_or_else(|| StringArray::new_null(rows));
            let rejected = batch.column_by_name(column::REJECTED).and_then(|column| column.as_boolean_opt());
            let believed = |row: usize| rejected.is_none_or(|r| r.is_valid(row) && !r.value(row));
            labels.iter().enumerate().map(|(row, label)| label.filter(|_| believed(row))).collect()
        }
    })
}

pub(in crate::train) fn not_finite(name: &str, key: &str) -> Failure {
    let what = format!("{name}: row {key}: its vector holds a number that is not finite");
    let sound = format!("key <> '{}'", key.replace('\'', "''"));
    let hint = format!("leave it out: pokedex export {name} --where \"{sound}\" -o sound.parquet");
    Failure::failed(what, Some(hint))
}
