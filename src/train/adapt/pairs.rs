//! Row by row: vectors with their classes and captions, those to learn from and those to choose by.

use std::collections::{BTreeSet, HashMap};

use arrow_array::{Array, RecordBatch, StringArray};

use crate::duplicates::Groups;
use crate::failure::Failure;
use crate::head::{Rows, RowsBuilder};
use crate::model::normalise;
use crate::numbered::Numbered;
use crate::split::{Item, Ratios, Split, assign, shuffled};
use crate::table::column;
use crate::train::Target;
use crate::train::sample::{Facts, not_finite};

/// What a row lacks, in the place of a number of a class or of a caption.
const NONE: u32 = u32::MAX;

/// Rows of one side of a division, and what is known of each.
struct Side {
    rows: Rows,
    captions: Vec<u32>,
    contents: Vec<u64>,
}

/// Rows on their way.
pub(super) struct Gather {
    target: Target,
    columns: Vec<String>,
    captions: Option<String>,
    labels: Numbered,
    texts: Numbered,
    kept: [Option<RowsBuilder>; 2],
    captions_of: [Vec<u32>; 2],
    contents: [Vec<u64>; 2],
    /// Rows that had no vector, and rows that had neither a class nor a caption.
    pub without_vector: u64,
    pub without_name: u64,
}

/// What a map is learnt from, and what it is chosen by.
pub(super) struct Pairs {
    /// The classes of the rows to learn from, in order of their names.
    pub labels: Vec<String>,
    /// All captions.
    pub captions: Vec<String>,
    pub train: Half,
    pub validation: Half,
    /// Whether the validation was taken from the rows to learn from.
    pub set_aside: bool,
}

/// One side: rows with classes, and rows with captions in an order that is none.
pub(super) struct Half {
    pub labelled: Rows,
    pub captioned: Rows,
    /// Rows, with one or the other.
    pub count: u64,
}

impl Gather {
    pub(super) fn new(target: Target, column: &str, captions: Option<&str>) -> Gather {
        Gather {
            target,
            columns: vec![column.into()],
            captions: captions.map(String::from),
            labels: Numbered::default(),
            texts: Numbered::default(),
            kept: [None, None],
            captions_of: Default::default(),
            contents: Default::default(),
            without_vector: 0,
            without_name: 0,
        }
    }

    /// Takes up the rows of a batch.
    ///
    /// # Errors
    /// A split has a name that nobody knows, a vector holds what is no number, a column is of another type, or there is no
    /// room in `TMPDIR`.
    pub(super) fn batch(&mut self, batch: &RecordBatch, name: &str) -> Result<(), Failure> {
        let facts = Facts::of(batch, self.target, &self.columns, name)?;
        let texts = self.captions.as_ref().map(|captions| column::text(batch, captions)).transpose()?.flatten();
        let caption = |row: usize| texts.as_ref().and_then(|texts: &StringArray| said(texts, row));
        let mut vector = Vec::new();
        for row in 0..batch.num_rows() {
            let side = match facts.split(row, name)? {
                Some(Split::Train) => 0,
                Some(Split::Validation) => 1,
                Some(Split::Test) | None => continue,
            };
            if facts.has_failed(row) || !facts.features(row, &self.columns, &[], &mut vector)? {
                self.without_vector += 1;
                continue;
            }
            if vector.iter().any(|x| !x.is_finite()) {
                return Err(not_finite(name, facts.keys.value(row)));
            }
            // A map is taught one class a row.
            let label = facts.label(row).filter(|_| facts.shares(row).is_none());
            let label = label.map_or(NONE, |label| self.labels.number(label));
            let text = caption(row).map_or(NONE, |text| self.texts.number(text));
            if (label, text) == (NONE, NONE) || !normalise(&mut vector) {
                self.without_name += u64::from((label, text) == (NONE, NONE));
                self.without_vector += u64::from((label, text) != (NONE, NONE));
                continue;
            }
            if self.kept[side].is_none() {
                self.kept[side] = Some(RowsBuilder::new(vector.len())?);
            }
            self.kept[side].as_mut().expect("it was made above").push(&vector, label)?;
            self.captions_of[side].push(text);
            self.contents[side].push(facts.content(row));
        }
        Ok(())
    }

    /// Divides the rows, and puts their classes in order.
    ///
    /// # Errors
    /// There is nothing to learn from, or no room in `TMPDIR`.
    pub(super) fn finish(self, (share, seed): (f64, u64), name: &str) -> Result<Pairs, Failure> {
        let [train, validation] = self.kept;
        let Some(train) = train else {
            let what = format!("{name}: no row to learn from has a vector and a class or a caption");
            let hint = "`pokedex scan FOLDER --meta CSV` adds labels and captions; `pokedex embed` vectors";
            return Err(Failure::failed(what, Some(hint.into())));
        };
        let [captions, other_captions] = self.captions_of;
        let [contents, other_contents] = self.contents;
        let mut train = Side { rows: train.finish()?, captions, contents };
        let mut set_aside = false;
        let validation = match validation {
            Some(rows) => Side { rows: rows.finish()?, captions: other_captions, contents: other_contents },
            None => {
                set_aside = share > 0.0;
                let validation;
                (train, validation) = train.divided(share, seed)?;
                validation
            }
        };
        // Classes that no row to learn from has cannot be told from others by their rows.
        let known: BTreeSet<&str> = train.rows.classes.iter().filter_map(|&label| self.labels.name(label)).collect();
        let places: HashMap<&str, u32> = known.iter().copied().zip(0..).collect();
        let place = |label: u32| self.labels.name(label).and_then(|name| places.get(name)).copied().unwrap_or(NONE);
        Ok(Pairs {
            train: train.half(seed, place)?,
            validation: validation.half(seed, place)?,
            set_aside,
            labels: known.into_iter().map(String::from).collect(),
            captions: self.texts.into(),
        })
    }
}

impl Side {
    /// Rows to learn from, and so large a share of each class to choose by.
    fn divided(self, share: f64, seed: u64) -> Result<(Side, Side), Failure> {
        let items = self.contents.iter().zip(&self.rows.classes);
        let items: Vec<Item> = items.map(|(&content, &class)| Item { content, class, kept: None }).collect();
        let ratios: Ratios = format!("{}/{share}/0", 1.0 - share).parse().expect("three numbers");
        let splits = assign(&items, Groups::new(items.len()), ratios, seed).splits;
        let is_left = |row: usize| splits[row] == Split::Train;
        let (left, right) = self.rows.divide(is_left)?;
        let side = |rows: Rows, wanted: bool| {
            let of = |row: &usize| is_left(*row) == wanted;
            let numbers = || (0..splits.len()).filter(of);
            let captions = numbers().map(|row| self.captions[row]).collect();
            Side { rows, captions, contents: numbers().map(|row| self.contents[row]).collect() }
        };
        Ok((side(left, true), side(right, false)))
    }

    /// The rows with a class, by its place, and those with captions, by chance: neighbours in a table are often alike, and are
    /// not to be told from each other alone.
    fn half(self, seed: u64, place: impl Fn(u32) -> u32) -> Result<Half, Failure> {
        let classes: Vec<u32> = self.rows.classes.iter().map(|&label| place(label)).collect();
        let mut labelled = self.rows.chosen((0..classes.len()).filter(|&row| classes[row] != NONE))?;
        labelled.classes = classes.iter().copied().filter(|&class| class != NONE).collect();
        let mut order: Vec<usize> = (0..classes.len()).filter(|&row| self.captions[row] != NONE).collect();
        order.sort_by_cached_key(|&row| (shuffled(self.contents[row], seed), row));
        let mut captioned = self.rows.chosen(order.iter().copied())?;
        captioned.classes = order.iter().map(|&row| self.captions[row]).collect();
        Ok(Half { labelled, captioned, count: classes.len() as u64 })
    }
}

/// The text of a row, if it says anything.
fn said(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row).trim()).filter(|text| !text.is_empty())
}
