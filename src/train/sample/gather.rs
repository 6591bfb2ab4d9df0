//! Row by row: which are to be learnt from, which to choose by, and of which class they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::{Array, Int32Array, RecordBatch, StringArray};

use super::Sample;
use crate::duplicates::Groups;
use crate::failure::Failure;
use crate::head::{Class, Feature, RowsBuilder, STRANGER, UNSEEN};
use crate::split::{Item, Ratios, Split, assign};
use crate::table::column::{self, read_hashes};
use crate::train::Target;
use crate::train::beside::Beside;
use crate::train::columns::keys;
use crate::words::printable;

/// Rows on their way into a sample.
pub(super) struct Gather {
    target: Target,
    /// Classes by name, in the order in which they were met.
    names: HashMap<String, u32>,
    ids: Vec<Option<i32>>,
    /// Rows to learn from, and rows to choose by.
    kept: [Option<RowsBuilder>; 2],
    /// Of rows to learn from: what their place in a division follows from.
    contents: Vec<u64>,
    /// Classes met in rows of the test.
    tested: BTreeMap<String, u64>,
    without_vector: u64,
    without_class: u64,
    /// Rows of the table; those of them without a split, though others may have one; those to learn from or to choose by
    /// in vain; and of these those with an error.
    rows: u64,
    without_split: u64,
    meant: u64,
    failed: u64,
}

impl Gather {
    pub(super) fn new(target: Target) -> Gather {
        Gather {
            target,
            names: HashMap::new(),
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
    pub(super) fn batch(
        &mut self,
        batch: &RecordBatch,
        columns: &[String],
        beside: &[Beside],
        name: &str,
    ) -> Result<(), Failure> {
        let keys = keys(batch)?;
        let splits = column::text(batch, column::SPLIT)?;
        let errors = column::text(batch, column::ERROR)?;
        let ids = column::ints(batch, column::ID)?;
        let labels = self.labels(batch, ids.as_ref())?;
        let hashes = read_hashes(batch, column::CONTENT_HASH)?;
        let own =
            |column: &String| batch.column_by_name(column).map(|_| column::vectors(batch, column, name)).transpose();
        let own = columns.iter().map(own).collect::<Result<Vec<_>, _>>()?;
        let mut vector: Vec<f32> = Vec::new();
        for (row, hash) in hashes.iter().enumerate() {
            let key = keys.value(row);
            self.rows += 1;
            let split =
                splits.as_ref().filter(|s| s.is_valid(row)).map(|s| Split::named(s.value(row)).ok_or(s.value(row)));
            let label = labels.is_valid(row).then(|| labels.value(row));
            let side = match split {
                None if splits.is_some() => {
                    self.without_split += 1;
                    continue;
                }
                None => 0,
                Some(Ok(Split::Train)) => 0,
                Some(Ok(Split::Validation)) => 1,
                Some(Ok(Split::Test)) => {
                    label.into_iter().for_each(|label| *self.tested.entry(label.into()).or_default() += 1);
                    continue;
                }
                Some(Err(other)) => {
                    let hint = crate::table::split::KNOWN.to_string();
                    return Err(Failure::failed(format!("{name}: row {key}: split `{other}`"), Some(hint)));
                }
            };
            let failed = errors.as_ref().is_some_and(|errors| errors.is_valid(row));
            self.meant += 1;
            self.failed += u64::from(failed);
            vector.clear();
            let mut found = !failed;
            let others = beside.iter().map(|other| other.get(key)).collect::<Result<Vec<_>, _>>()?;
            for (column, own) in columns.iter().zip(&own) {
                match own {
                    Some(own) => match own.get(row) {
                        Some(own) => vector.extend_from_slice(own),
                        None => found = false,
                    },
                    None => match others.iter().flatten().find_map(|other| other.get(column.as_str())) {
                        Some(other) => vector.extend_from_slice(other),
                        None => found = false,
                    },
                }
            }
            if !found || vector.is_empty() {
                self.without_vector += 1;
                continue;
            }
            if vector.iter().any(|x| !x.is_finite()) {
                let what = format!("{name}: row {key}: its vector holds a number that is not finite");
                let sound = format!("key <> '{}'", key.replace('\'', "''"));
                let hint = format!("leave it out: pokedex export {name} --where \"{sound}\" -o sound.parquet");
                return Err(Failure::failed(what, Some(hint)));
            }
            let class = match label {
                None if (side == 0 && splits.is_some()) || self.target == Target::Prediction => {
                    self.without_class += 1;
                    continue;
                }
                None => STRANGER,
                Some(label) => {
                    let next = u32::try_from(self.names.len()).expect("fewer than 2^32 classes");
                    let class = *self.names.entry(label.into()).or_insert(next);
                    if class == next {
                        self.ids.push(ids.as_ref().filter(|ids| ids.is_valid(row)).map(|ids| ids.value(row)));
                    }
                    class
                }
            };
            if self.kept[side].is_none() {
                self.kept[side] = Some(RowsBuilder::new(vector.len())?);
            }
            self.kept[side].as_mut().expect("it was made above").push(&vector, class)?;
            if side == 0 {
                let content = hash.map(|h| u64::from_le_bytes(h[..8].try_into().expect("a part of 32 bytes")));
                // A hash that is the same in every build of the program.
                let of_key = || u64::from_le_bytes(blake3::hash(key.as_bytes()).as_bytes()[..8].try_into().expect("8"));
                self.contents.push(content.unwrap_or_else(of_key));
            }
        }
        Ok(())
    }

    fn labels(&self, batch: &RecordBatch, ids: Option<&Int32Array>) -> Result<StringArray, Failure> {
        let rows = batch.num_rows();
        Ok(match self.target {
            Target::Label => column::text(batch, column::LABEL)?.unwrap_or_else(|| StringArray::new_null(rows)),
            Target::Id => match ids {
                Some(ids) => ids.iter().map(|id| id.map(|id| id.to_string())).collect(),
                None => StringArray::new_null(rows),
            },
            Target::Prediction => {
                let labels =
                    column::text(batch, &column::prediction(1))?.unwrap_or_else(|| StringArray::new_null(rows));
                let rejected = batch.column_by_name(column::REJECTED).and_then(|column| column.as_boolean_opt());
                let believed = |row: usize| rejected.is_none_or(|r| r.is_valid(row) && !r.value(row));
                labels.iter().enumerate().map(|(row, label)| label.filter(|_| believed(row))).collect()
            }
        })
    }

    /// Divides the rows, and puts their classes in order.
    pub(super) fn finish(
        mut self,
        features: Vec<Feature>,
        has_split: bool,
        (share, seed): (f64, u64),
        name: &str,
    ) -> Result<Sample, Failure> {
        let Some(train) = self.kept[0].take() else {
            return Err(self.nothing(name, has_split));
        };
        let width = features.iter().map(|feature| feature.dimension).sum();
        let train = train.finish()?;
        let given = self.kept[1].take();
        let set_aside = given.is_none() && share > 0.0;
        let (mut train, mut validation) = match given {
            Some(validation) => (train, validation.finish()?),
            None if share == 0.0 => (train, RowsBuilder::new(width)?.finish()?),
            None => {
                let items = self.contents.iter().zip(&train.classes);
                let items: Vec<Item> = items.map(|(&content, &class)| Item { content, class, kept: None }).collect();
                let ratios: Ratios = format!("{}/{share}/0", 1.0 - share).parse().expect("three numbers");
                let splits = assign(&items, Groups::new(items.len()), ratios, seed).splits;
                let classes = &train.classes;
                // Rows without a class can only show what it is not to know.
                train.divide(|row| classes[row] != STRANGER && splits[row] == Split::Train)?
            }
        };

        // Classes in the order of their numbers, else of their names; those of train only.
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        train.classes.iter().for_each(|&class| *counts.entry(class).or_default() += 1);
        if counts.is_empty() {
            return Err(self.nothing(name, has_split));
        }
        let mut known: Vec<(Option<i32>, &String, u32)> = self
            .names
            .iter()
            .filter(|(_, class)| counts.contains_key(class))
            .map(|(label, &class)| (self.ids[class as usize], label, class))
            .collect();
        known.sort();
        if known.len() < 2 {
            let label = printable(known[0].1);
            let hint = "a head tells classes apart: give it rows of at least two";
            return Err(Failure::failed(format!("{name}: all rows of train are {label}"), Some(hint.into())));
        }
        let places: HashMap<u32, u32> = (0..).zip(&known).map(|(place, (_, _, class))| (*class, place)).collect();
        let classes: Vec<Class> = known
            .iter()
            .map(|(id, label, class)| Class { label: (*label).clone(), id: *id, rows: counts[class] })
            .collect();
        let mut unseen: BTreeMap<String, u64> = BTreeMap::new();
        let labels: HashMap<u32, &String> = self.names.iter().map(|(label, &class)| (class, label)).collect();
        let mut seen = 0;
        train.classes.iter_mut().for_each(|class| *class = places[class]);
        for class in validation.classes.iter_mut().filter(|class| **class != STRANGER) {
            match places.get(class) {
                Some(place) => {
                    seen += 1;
                    *class = *place;
                }
                None => {
                    *unseen.entry(labels[class].clone()).or_default() += 1;
                    *class = UNSEEN;
                }
            }
        }
        let known: BTreeSet<&String> = classes.iter().map(|class| &class.label).collect();
        for (label, count) in self.tested.iter() {
            match known.contains(label) {
                true => seen += count,
                false => *unseen.entry(label.clone()).or_default() += count,
            }
        }
        Ok(Sample {
            features,
            train,
            validation,
            unseen,
            seen,
            without_vector: self.without_vector,
            without_class: self.without_class,
            set_aside,
            classes,
        })
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
