//! The rows that are divided: some hundred bytes each, whatever they contain.

use std::collections::{HashMap, HashSet};

use arrow_array::RecordBatch;

use super::Split;
use super::assign::Item;
use super::classes::Classes;
use super::columns::{contents, divided, own_splits, starts, values};
use super::vectors::Vectors;
use crate::duplicates::{Groups, PerceptualHash, near};
use crate::failure::Failure;
use crate::stage::Survey;
use crate::table::Table;
use crate::table::column::{self, read_hashes};

/// What is looked at in every row.
pub(super) struct Wanted {
    /// The column of the class; `None`: `id` where there is one, else `label`.
    pub by: Option<String>,
    /// The column whose values stay on one side.
    pub group: Option<String>,
    /// Whether perceptual hashes are compared.
    pub hashes: bool,
    /// The column of the vectors that are compared.
    pub vectors: Option<String>,
    /// Which of them have a split already, if that stays.
    pub keep: Option<Kept>,
}

/// Which splits stay.
pub(super) enum Kept {
    /// Those that the rows arrive with.
    Own,
    /// Those of an earlier table: contents with their splits, sorted.
    Earlier(Vec<(u64, Split)>),
}

impl Kept {
    /// The splits of a table's contents.
    ///
    /// # Errors
    /// The table cannot be read, lacks the columns, or has splits of other names.
    pub(super) fn earlier(table: Table) -> Result<Kept, Failure> {
        table.require(column::CONTENT_HASH)?;
        table.require(column::SPLIT)?;
        let mut splits = Vec::new();
        for batch in table {
            let batch = batch?;
            let rows = contents(&batch)?.into_iter().zip(own_splits(&batch)?);
            splits.extend(rows.filter_map(|(content, split)| content.zip(split)));
        }
        splits.sort_unstable();
        // Of a content with several splits, the first stands for all.
        splits.dedup_by_key(|(content, _)| *content);
        Ok(Kept::Earlier(splits))
    }
}

/// The rows that get a split, in their order.
pub(super) struct Rows {
    wanted: Wanted,
    contents: Vec<u64>,
    /// Of the column that was asked for, else of `id` and of `label`.
    classes: [Column; 2],
    groups: Column,
    kept: Vec<Option<Split>>,
    /// Rows that were drawn from another picture, with the content of that.
    copies: Vec<(u32, u64)>,
    /// How many rows are written: those behind them are of an earlier table, and only take part.
    written: usize,
    hashes: Vec<Option<PerceptualHash>>,
    vectors: Option<Vectors>,
    /// Sound rows that are excluded.
    pub excluded: u64,
}

/// Numbers for the values of a column; 0 for null.
#[derive(Default)]
struct Column {
    numbers: HashMap<u64, u32>,
    rows: Vec<u32>,
}

impl Column {
    fn push(&mut self, value: Option<u64>) {
        let next = u32::try_from(self.numbers.len() + 1).expect("fewer than 2^32 values");
        self.rows.push(value.map_or(0, |value| *self.numbers.entry(value).or_insert(next)));
    }
}

/// Which rows are near copies of others.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Copies {
    /// Rows that are a near copy of another.
    pub rows: u64,
    /// Groups that they are in.
    pub groups: u64,
    /// Rows of the largest group.
    pub largest: u64,
    /// The cosine from which on vectors made them so, if they were compared.
    pub cosine: Option<f32>,
}

impl Survey for Rows {
    const NAME: &'static str = "read";

    fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let contents = contents(batch)?;
        let divided = divided(batch)?;
        let sound = contents.iter().filter(|content| content.is_some()).count();
        self.excluded += (sound - divided.iter().filter(|is| **is).count()) as u64;
        let places: Vec<usize> = (0..batch.num_rows()).filter(|&i| divided[i]).collect();
        let first = self.contents.len();
        self.take(batch, &contents, &places)?;
        self.written = self.contents.len();
        match &self.wanted.keep {
            None => {}
            Some(Kept::Own) => {
                let splits = own_splits(batch)?;
                self.kept.extend(places.iter().map(|&i| splits[i]));
            }
            Some(Kept::Earlier(splits)) => self.kept.extend(self.contents[first..].iter().map(|content| {
                splits.binary_search_by_key(content, |(content, _)| *content).ok().map(|at| splits[at].1)
            })),
        }
        if let Some(vectors) = &mut self.vectors {
            vectors.look(batch, &places, first)?;
        }
        Ok(())
    }
}

impl Rows {
    /// None yet, of the table of this name.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub(super) fn new(wanted: Wanted, table: &str) -> Result<Rows, Failure> {
        let vectors = wanted.vectors.as_deref().map(|column| Vectors::new(table, column)).transpose()?;
        Ok(Rows {
            wanted,
            contents: Vec::new(),
            classes: Default::default(),
            groups: Column::default(),
            kept: Vec::new(),
            copies: Vec::new(),
            written: 0,
            hashes: Vec::new(),
            vectors,
            excluded: 0,
        })
    }

    /// Lets the rows of an earlier table take part whose contents are not among those looked at so far. They have splits
    /// and keep them.
    ///
    /// # Errors
    /// The table cannot be read, or a column is of another type than it should be.
    pub(super) fn look_at_earlier(&mut self, table: Table) -> Result<(), Failure> {
        let own: HashSet<u64> = self.contents.iter().copied().collect();
        for batch in table {
            let batch = batch?;
            let (contents, splits) = (contents(&batch)?, own_splits(&batch)?);
            let is_other = |i: &usize| contents[*i].is_some_and(|content| !own.contains(&content));
            let places: Vec<usize> = (0..batch.num_rows()).filter(|&i| splits[i].is_some()).filter(is_other).collect();
            self.take(&batch, &contents, &places)?;
            self.kept.extend(places.iter().map(|&i| splits[i]));
        }
        Ok(())
    }

    /// Takes all but splits and vectors of the rows at these places.
    fn take(&mut self, batch: &RecordBatch, contents: &[Option<u64>], places: &[usize]) -> Result<(), Failure> {
        let first = self.contents.len();
        self.contents.extend(places.iter().filter_map(|&i| contents[i]));
        let parents = starts(batch, column::PARENT_HASH)?;
        let row = |row: usize| u32::try_from(row).expect("fewer than 2^32 rows");
        self.copies.extend((first..).zip(places).filter_map(|(at, &i)| Some((row(at), parents[i]?))));
        let names = match &self.wanted.by {
            Some(by) => [Some(by.as_str()), None],
            None => [Some(column::ID), Some(column::LABEL)],
        };
        for (name, own) in names.into_iter().zip(&mut self.classes) {
            if let Some(values) = name.map(|name| values(batch, name)).transpose()?.flatten() {
                own.rows.resize(first, 0);
                places.iter().for_each(|&i| own.push(values[i]));
            }
        }
        if let Some(values) = self.wanted.group.as_ref().map(|name| values(batch, name)).transpose()?.flatten() {
            self.groups.rows.resize(first, 0);
            places.iter().for_each(|&i| self.groups.push(values[i]));
        }
        if self.wanted.hashes {
            let hashes = read_hashes(batch, column::PERCEPTUAL_HASH)?;
            self.hashes.extend(places.iter().map(|&i| hashes[i].map(PerceptualHash::from_bytes)));
        }
        Ok(())
    }

    /// Joins near copies in `groups`: those whose hashes are within `reach`, and those whose vectors have at least the
    /// cosine that `cosine` makes of the model's name.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub(super) fn join_copies(
        &mut self,
        reach: u32,
        cosine: impl FnOnce(Option<&str>) -> Option<f32>,
        groups: &mut Groups,
    ) -> Result<Copies, Failure> {
        near(&std::mem::take(&mut self.hashes), reach, |a, b, _| groups.join(a, b));
        let cosine = match self.vectors.take() {
            None => None,
            Some(vectors) => vectors.join(cosine, groups)?,
        };
        // Copies to the last byte are not only near.
        let mut members: Vec<(u32, u64, bool)> = (0..)
            .zip(&self.contents)
            .map(|(row, content)| (groups.root(row), *content, (row as usize) < self.written))
            .collect();
        members.sort_unstable();
        let several = members.chunk_by(|a, b| a.0 == b.0).filter(|group| group[0].1 != group[group.len() - 1].1);
        let mut copies = Copies { cosine, ..Copies::default() };
        for group in several {
            let written = group.iter().filter(|(.., is_written)| *is_written).count();
            if written > 0 {
                copies.rows += written as u64;
                copies.groups += 1;
                copies.largest = copies.largest.max(group.len() as u64);
            }
        }
        Ok(copies)
    }

    /// Joins rows of one group, and says how many groups there are.
    pub(super) fn join_groups(&mut self, groups: &mut Groups) -> usize {
        let column = std::mem::take(&mut self.groups);
        let mut first = vec![None; column.numbers.len() + 1];
        for (row, group) in (0..).zip(column.rows).filter(|(_, group)| *group > 0) {
            groups.join(*first[group as usize].get_or_insert(row), row);
        }
        first.iter().flatten().filter(|&&row| (row as usize) < self.written).count()
    }

    /// Joins copies that were drawn from a picture with that.
    pub(super) fn join_parents(&self, groups: &mut Groups) {
        let first: HashMap<u64, u32> = self.copies.iter().map(|&(row, parent)| (parent, row)).collect();
        for &(row, parent) in &self.copies {
            groups.join(first[&parent], row);
        }
        for (row, content) in (0..).zip(&self.contents).filter(|_| !self.copies.is_empty()) {
            if let Some(&copy) = first.get(content) {
                groups.join(copy, row);
            }
        }
    }

    /// How many take part: those that are written, and behind them those of an earlier table.
    pub(super) fn len(&self) -> usize {
        self.contents.len()
    }

    /// How many are written.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// The rows with their classes, and the column that these are of. Copies that were drawn from a picture are kept in
    /// train, and so is their parent, unless it keeps another split.
    ///
    /// # Errors
    /// The column that was asked for is empty.
    pub(super) fn into_items(self) -> Result<(Vec<Item>, Classes), Failure> {
        let [first, second] = self.classes;
        // Whether a row that is written has a value: an earlier table does not settle what the class is.
        let has = |column: &Column| column.rows.iter().take(self.written).any(|&number| number > 0);
        if let Some(by) = self.wanted.by.as_ref().filter(|_| !has(&first)) {
            let hint = "without --by all images are one class; `pokedex scan --meta CSV` adds ids and labels";
            return Err(Failure::failed(format!("no row has a value in column `{by}`"), Some(hint.into())));
        }
        let has_labels = has(&second);
        let (name, numbers) = match self.wanted.by {
            Some(by) => (Some(by), first.rows),
            None if has(&first) => (Some(column::ID.to_string()), first.rows),
            None => (has_labels.then(|| column::LABEL.to_string()), second.rows),
        };
        let class = |row: usize| numbers.get(row).copied().unwrap_or(0);
        let nameless = match name {
            Some(_) => (0..self.written).filter(|&row| class(row) == 0).count(),
            None => 0,
        };
        let mut forced = vec![false; if self.copies.is_empty() { 0 } else { self.contents.len() }];
        self.copies.iter().for_each(|(row, _)| forced[*row as usize] = true);
        let parents: HashSet<u64> = self.copies.iter().map(|(_, parent)| *parent).collect();
        let kept = |row: usize, content: u64| match self.kept.get(row).copied().flatten() {
            _ if forced.get(row) == Some(&true) => Some(Split::Train),
            None => parents.contains(&content).then_some(Split::Train),
            own => own,
        };
        let contents = self.contents.iter().enumerate();
        let items = contents.map(|(row, &content)| Item { content, class: class(row), kept: kept(row, content) });
        Ok((items.collect(), Classes { column: name, nameless: nameless as u64, has_labels }))
    }
}
