//! What was found: the groups, and the table with a word on every row.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};

use super::keep::Keep;
use super::rows::Row;
use super::stars::{Again, Star};
use crate::stage::Tally;
use crate::table::{Table, column};
use crate::words::{bytes, rows, several};

/// The columns that are added.
pub(super) const GROUP: &str = "group";
pub(super) const KEEP: &str = "keep";
pub(super) const REASON: &str = "reason";
pub(super) const DISTANCE: &str = "distance";

/// What is said of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// From 1, by the first row of each; `None`: it means the same file as another row.
    pub group: Option<u32>,
    pub keep: Option<bool>,
    pub reason: String,
    pub distance: Option<u32>,
}

/// The copies of a table.
#[derive(Debug)]
pub struct Found {
    /// How many rows there were, and how many of them could not be looked at.
    pub tally: Tally,
    /// Rows that are no copies, because they mean one file.
    pub again: Again,
    pub(super) table: Table,
    pub(super) rows: Vec<Row>,
    pub(super) stars: Vec<Star>,
    pub(super) verdicts: BTreeMap<u32, Verdict>,
    /// By which rules some are kept.
    pub(super) keep: Keep,
}

impl Found {
    pub(super) fn new(
        table: Table,
        rows: Vec<Row>,
        stars: Vec<Star>,
        (others, again): (Vec<(u32, u32)>, Again),
        tally: Tally,
        keep: &Keep,
    ) -> Found {
        let mut verdicts = BTreeMap::new();
        for (group, star) in (1..).zip(&stars) {
            let kept = &rows[star.keeper as usize];
            let others = star.copies.iter().map(|(row, _)| &rows[*row as usize]);
            let next = others.min_by(|a, b| keep.order(a, b)).expect("a star has a copy at least");
            let better = keep.better(kept, next);
            // Against the rules, since others are parts of it.
            let why = if better.order == Ordering::Greater { "shows more" } else { &better.why };
            let reason = format!("kept: {why}");
            verdicts.insert(star.keeper, Verdict { group: Some(group), keep: Some(true), reason, distance: None });
            for (row, relation) in &star.copies {
                let (reason, distance) = (relation.reason(), relation.distance());
                let verdict = Verdict { group: Some(group), keep: Some(false), reason, distance };
                verdicts.insert(*row, verdict);
            }
        }
        for (row, best) in others {
            let reason = format!("same file as {}", rows[best as usize].key);
            verdicts.insert(row, Verdict { group: None, keep: None, reason, distance: None });
        }
        Found { tally, again, table, rows, stars, verdicts, keep: keep.clone() }
    }

    /// How many groups there are.
    pub fn groups(&self) -> u64 {
        self.stars.len() as u64
    }

    /// How many rows are copies of others.
    pub fn copies(&self) -> u64 {
        self.stars.iter().map(|star| star.copies.len() as u64).sum()
    }

    /// How many bytes these are.
    pub fn bytes(&self) -> u64 {
        let copies = self.stars.iter().flat_map(|star| &star.copies);
        copies.map(|(row, _)| self.rows[*row as usize].facts.bytes).sum()
    }

    /// The columns of `batches`.
    pub(super) fn schema(&self) -> SchemaRef {
        [
            column::field(GROUP, DataType::Int32),
            column::field(KEEP, DataType::Boolean),
            column::field(REASON, DataType::Utf8),
            column::field(DISTANCE, DataType::Int32),
        ]
        .into_iter()
        .fold(self.table.schema.clone(), |schema, field| column::put_field(&schema, field))
    }
}

impl fmt::Display for Found {
    /// `120 rows: 9 copies of 7 pictures (12.30 MB)`, and what was passed over.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", rows(self.tally.rows))?;
        match self.copies() {
            0 => write!(f, "no copies")?,
            copies => {
                let (copies, pictures) =
                    (several(copies, "copy", "copies"), several(self.groups(), "picture", "pictures"));
                write!(f, "{copies} of {pictures} ({})", bytes(self.bytes()))?;
            }
        }
        if self.again.hard_links > 0 {
            write!(f, ", {} not counted", several(self.again.hard_links, "hard link", "hard links"))?;
        }
        if self.again.named_again > 0 {
            write!(f, ", {} named again", several(self.again.named_again, "file", "files"))?;
        }
        match self.tally.skipped {
            0 => Ok(()),
            skipped => write!(f, ", {skipped} skipped"),
        }
    }
}

/// A batch that begins at the row of this number with what is said of its rows: of those in groups, or of `all`.
pub(super) fn with_verdicts(
    batch: &RecordBatch,
    first: u32,
    verdicts: &BTreeMap<u32, Verdict>,
    schema: &SchemaRef,
    all: bool,
) -> RecordBatch {
    let of: Vec<Option<&Verdict>> = (0..batch.num_rows() as u32).map(|i| verdicts.get(&(first + i))).collect();
    let number = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    let groups: Int32Array = of.iter().map(|v| number(v.and_then(|v| v.group))).collect();
    let keeps: BooleanArray = of.iter().map(|v| v.and_then(|v| v.keep)).collect();
    let reasons: StringArray = of.iter().map(|v| v.map(|v| v.reason.as_str())).collect();
    let distances: Int32Array = of.iter().map(|v| number(v.and_then(|v| v.distance))).collect();
    let new: [(&str, ArrayRef); 4] = [
        (GROUP, Arc::new(groups)),
        (KEEP, Arc::new(keeps)),
        (REASON, Arc::new(reasons)),
        (DISTANCE, Arc::new(distances)),
    ];
    let columns = schema.fields().iter().map(|field| match new.iter().find(|(name, _)| name == field.name()) {
        Some((_, column)) => column.clone(),
        None => batch.column_by_name(field.name()).expect("the schema was derived from the batch's").clone(),
    });
    let batch = RecordBatch::try_new(schema.clone(), columns.collect()).expect("columns of the schema above");
    let wanted: BooleanArray = of.iter().map(|v| Some(all || v.is_some_and(|v| v.group.is_some()))).collect();
    arrow_select::filter::filter_record_batch(&batch, &wanted).expect("a bit for each row")
}
