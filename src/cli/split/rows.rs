//! The rows that are divided: some hundred bytes each, whatever they contain.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufWriter, Write};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::DataType;

use super::super::failure::Failure;
use crate::duplicates::{Groups, PerceptualHash, near, near_vectors};
use crate::index::Check;
use crate::split::{Item, Split};
use crate::table::column::{self, read_hashes};
use crate::table::{self, Error, Table};

/// What is looked at in every row.
pub struct Wanted {
    /// The column of the class; `None`: `id` where there is one, else `label`.
    pub by: Option<String>,
    pub group: Option<String>,
    /// Whether perceptual hashes are compared.
    pub hashes: bool,
    /// The column of the vectors that are compared.
    pub vectors: Option<String>,
    pub keep: Option<Keep>,
}

/// Which splits stay.
pub enum Keep {
    /// Those that the rows arrive with.
    Own,
    /// Those of an earlier table: contents with their splits, sorted.
    Earlier(Vec<(u64, Split)>),
}

impl Keep {
    /// The splits of a table's contents.
    ///
    /// # Errors
    /// The table cannot be read, lacks the columns, or has splits of other names.
    pub fn earlier(table: Table) -> Result<Keep, Failure> {
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
        Ok(Keep::Earlier(splits))
    }
}

/// The rows that get a split, in their order.
pub struct Rows {
    wanted: Wanted,
    contents: Vec<u64>,
    /// Of the column that was asked for, else of `id` and of `label`.
    classes: [Column; 2],
    groups: Column,
    kept: Vec<Option<Split>>,
    hashes: Vec<Option<PerceptualHash>>,
    vectors: Option<Vectors>,
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
#[derive(Debug, Default)]
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

impl Rows {
    pub fn new(wanted: Wanted, table: &str) -> Result<Rows, Failure> {
        let vectors = wanted.vectors.as_deref().map(|column| Vectors::new(table, column)).transpose()?;
        Ok(Rows {
            wanted,
            contents: Vec::new(),
            classes: Default::default(),
            groups: Column::default(),
            kept: Vec::new(),
            hashes: Vec::new(),
            vectors,
            excluded: 0,
        })
    }

    /// Takes what it needs of a batch.
    ///
    /// # Errors
    /// A column is of another type than it should be.
    pub fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let contents = contents(batch)?;
        let divided = divided(batch)?;
        let sound = contents.iter().filter(|content| content.is_some()).count();
        self.excluded += (sound - divided.iter().filter(|is| **is).count()) as u64;
        let places: Vec<usize> = (0..batch.num_rows()).filter(|&i| divided[i]).collect();

        let first = self.contents.len();
        self.contents.extend(places.iter().filter_map(|&i| contents[i]));
        let names = match &self.wanted.by {
            Some(by) => [Some(by.as_str()), None],
            None => [Some(column::ID), Some(column::LABEL)],
        };
        for (name, own) in names.into_iter().zip(&mut self.classes) {
            if let Some(values) = name.map(|name| values(batch, name)).transpose()?.flatten() {
                places.iter().for_each(|&i| own.push(values[i]));
            }
        }
        if let Some(values) = self.wanted.group.as_ref().map(|name| values(batch, name)).transpose()?.flatten() {
            places.iter().for_each(|&i| self.groups.push(values[i]));
        }
        match &self.wanted.keep {
            None => {}
            Some(Keep::Own) => {
                let splits = own_splits(batch)?;
                self.kept.extend(places.iter().map(|&i| splits[i]));
            }
            Some(Keep::Earlier(splits)) => self.kept.extend(self.contents[first..].iter().map(|content| {
                splits.binary_search_by_key(content, |(content, _)| *content).ok().map(|at| splits[at].1)
            })),
        }
        if self.wanted.hashes {
            let hashes = read_hashes(batch, column::PERCEPTUAL_HASH)?;
            self.hashes.extend(places.iter().map(|&i| hashes[i].map(PerceptualHash::from_bytes)));
        }
        if let Some(vectors) = &mut self.vectors {
            vectors.look(batch, &places, first)?;
        }
        Ok(())
    }

    /// Joins near copies in `groups`: those whose hashes are within `reach`, and those whose vectors have at least the
    /// cosine that `cosine` makes of the model's name.
    ///
    /// # Errors
    /// There is no room in `TMPDIR`.
    pub fn join_copies(
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
        let mut members: Vec<(u32, u64)> =
            (0..).zip(&self.contents).map(|(row, content)| (groups.root(row), *content)).collect();
        members.sort_unstable();
        let several = members.chunk_by(|a, b| a.0 == b.0).filter(|group| group[0].1 != group[group.len() - 1].1);
        let mut copies = Copies { cosine, ..Copies::default() };
        for group in several {
            let rows = group.len() as u64;
            copies.rows += rows;
            copies.groups += 1;
            copies.largest = copies.largest.max(rows);
        }
        Ok(copies)
    }

    /// Joins rows of one group, and says how many groups there are.
    pub fn join_groups(&mut self, groups: &mut Groups) -> usize {
        let column = std::mem::take(&mut self.groups);
        let mut first = vec![None; column.numbers.len() + 1];
        for (row, group) in (0..).zip(column.rows).filter(|(_, group)| *group > 0) {
            groups.join(*first[group as usize].get_or_insert(row), row);
        }
        column.numbers.len()
    }

    pub fn len(&self) -> usize {
        self.contents.len()
    }

    /// The rows with their classes.
    ///
    /// # Errors
    /// The column that was asked for is empty.
    pub fn into_items(self) -> Result<Vec<Item>, Failure> {
        let [first, second] = self.classes;
        if let Some(by) = self.wanted.by.filter(|_| first.numbers.is_empty()) {
            let hint = "without --by all images are one class; `pokedex scan --meta CSV` adds ids and labels";
            return Err(Failure::failed(format!("no row has a value in column `{by}`"), Some(hint.into())));
        }
        let classes = if first.numbers.is_empty() { second.rows } else { first.rows };
        let class = |row: usize| classes.get(row).copied().unwrap_or(0);
        let kept = |row: usize| self.kept.get(row).copied().flatten();
        let contents = self.contents.iter().enumerate();
        Ok(contents.map(|(row, &content)| Item { content, class: class(row), kept: kept(row) }).collect())
    }
}

/// Vectors of rows, in an unlinked temporary file.
struct Vectors {
    column: String,
    check: Check,
    file: BufWriter<File>,
    rows: Vec<u32>,
}

impl Vectors {
    fn new(table: &str, column: &str) -> Result<Vectors, Failure> {
        let file = tempfile::tempfile().map_err(crate::io::Error::temporary)?;
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(Vectors { column: column.into(), check: Check::new(table, column), file, rows: Vec::new() })
    }

    /// Keeps the vectors at these places of a batch, whose first is row `first`.
    fn look(&mut self, batch: &RecordBatch, places: &[usize], first: usize) -> Result<(), Failure> {
        self.check.look(batch)?;
        let vectors = column::vectors(batch, &self.column, "table")?;
        for (row, &i) in (first..).zip(places) {
            let Some(vector) = vectors.get(i) else { continue };
            for x in vector {
                self.file.write_all(&x.to_ne_bytes()).map_err(crate::io::Error::temporary)?;
            }
            self.rows.push(u32::try_from(row).expect("fewer than 2^32 rows"));
        }
        Ok(())
    }

    fn join(
        self,
        cosine: impl FnOnce(Option<&str>) -> Option<f32>,
        groups: &mut Groups,
    ) -> Result<Option<f32>, Failure> {
        let Some(at_least) = cosine(self.check.model()).filter(|_| !self.rows.is_empty()) else { return Ok(None) };
        let file = self.file.into_inner().map_err(|e| crate::io::Error::temporary(e.into_error()))?;
        let bytes = crate::io::map_file(&file).map_err(crate::io::Error::temporary)?;
        let numbers = ScalarBuffer::<f32>::new(Buffer::from(bytes), 0, self.rows.len() * self.check.dimension);
        near_vectors(&numbers, self.check.dimension, at_least, |a, b, _| {
            groups.join(self.rows[a as usize], self.rows[b as usize]);
        });
        Ok(Some(at_least))
    }
}

/// Which rows get a split: those without an error that are not excluded.
pub fn divided(batch: &RecordBatch) -> Result<Vec<bool>, Error> {
    let excluded = column::text(batch, column::EXCLUDED)?;
    let sound = contents(batch)?.into_iter().enumerate();
    Ok(sound.map(|(i, content)| content.is_some() && excluded.as_ref().is_none_or(|e| e.is_null(i))).collect())
}

/// The contents of sound rows, by the first bytes of their hashes.
fn contents(batch: &RecordBatch) -> Result<Vec<Option<u64>>, Error> {
    let errors = column::text(batch, column::ERROR)?;
    let sound = |i: usize| errors.as_ref().is_none_or(|e| e.is_null(i));
    let digests = read_hashes(batch, column::CONTENT_HASH)?.into_iter().enumerate();
    let start = |digest: [u8; 32]| u64::from_le_bytes(digest[..8].try_into().expect("a part of 32 bytes"));
    Ok(digests.map(|(i, digest)| digest.filter(|_| sound(i)).map(start)).collect())
}

/// The splits that rows have already.
fn own_splits(batch: &RecordBatch) -> Result<Vec<Option<Split>>, Failure> {
    let Some(names) = column::text(batch, column::SPLIT)? else { return Ok(vec![None; batch.num_rows()]) };
    let split = |name: Option<&str>| match name.map(|name| (name, Split::named(name))) {
        None => Ok(None),
        Some((_, Some(split))) => Ok(Some(split)),
        Some((name, None)) => Err(Failure::failed(
            format!("column `{}`: `{name}` is none of train, validation, test", column::SPLIT),
            Some("rename it, in DuckDB or pandas for example, or leave out --keep to divide anew".into()),
        )),
    };
    names.iter().map(split).collect()
}

/// A hash of each value of a column of text, numbers, or bytes; `None` where there is no such column.
fn values(batch: &RecordBatch, name: &str) -> Result<Option<Vec<Option<u64>>>, Error> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    let wrong = || {
        let found = column.data_type().to_string();
        table::Error::ColumnType { column: name.into(), expected: "text or whole numbers", found }
    };
    fn hash(value: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }
    if column.data_type().is_nested() {
        return Err(wrong());
    }
    if column.data_type().is_binary() {
        let bytes = arrow_cast::cast(column, &DataType::Binary).map_err(|_| wrong())?;
        return Ok(Some(bytes.as_binary::<i32>().iter().map(|value| value.map(hash)).collect()));
    }
    let text = arrow_cast::cast(column, &DataType::Utf8).map_err(|_| wrong())?;
    Ok(Some(text.as_string::<i32>().iter().map(|value| value.map(hash)).collect()))
}
