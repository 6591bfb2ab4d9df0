//! What people and cameras wrote about copies, carried over to the row that is kept.
//!
//! Only what it lacks: nothing that it says is replaced. What belongs together comes from one copy, the best by the rules,
//! and what describes a file or its pixels is never taken from another.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Schema};
use arrow_select::filter::filter_record_batch;
use arrow_select::interleave::interleave;

use super::found::Found;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stage::go_on;
use crate::table::{Table, column, meanings};

/// Columns that come from one row, all or none.
const TOGETHER: [&[&str]; 4] = [
    &[column::ID, column::LABEL],
    &[column::TAKEN, column::TAKEN_OFFSET],
    &[column::LAT, column::LON, column::ALTITUDE],
    &[column::CAMERA, column::LENS, column::ISO, column::EXPOSURE, column::F_NUMBER, column::FOCAL_LENGTH],
];
/// Others that this program knows and that are said of a picture, however it is stored.
const SAID: [&str; 3] = [column::CAPTION, column::KEYWORDS, column::RATING];

/// How many cells were filled, of how many rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Cells that were null, and lists that grew.
    pub cells: u64,
    /// Rows of these.
    pub rows: u64,
}

/// Fills what kept rows lack from their copies, in the order in which they would be kept; lists of words are united. The
/// columns of rows in groups that may be carried over are in memory meanwhile.
///
/// # Errors
/// The temporary file with the rows cannot be read, or another written.
pub fn merge(mut found: Found, progress: &mut dyn Progress) -> Result<(Found, Merged), Failure> {
    let schema = found.table.schema.clone();
    let sets = sets(&schema);
    // Of the members only these are kept; a set names them by their places there.
    let columns: Vec<usize> = sets.iter().flatten().copied().collect();
    let mut places = 0..;
    let sets: Vec<Vec<usize>> = sets.iter().map(|set| places.by_ref().take(set.len()).collect()).collect();
    let (mut members, mut first) = (Members { parts: Vec::new(), places: BTreeMap::new() }, 0);
    let wanted = &found.verdicts;
    let table = found.table.spool(|batch| -> Result<(), Failure> {
        go_on(progress)?;
        let batch = batch.project(&columns).expect("columns of the table");
        members.push(&batch, first, |row| wanted.get(&row).is_some_and(|verdict| verdict.group.is_some()));
        first += batch.num_rows() as u32;
        Ok(())
    })?;
    let mut sources = Sources::new();
    for star in &found.stars {
        let mut copies: Vec<u32> = star.copies.iter().map(|(row, _)| *row).collect();
        copies.sort_by(|a, b| found.keep.order(&found.rows[*a as usize], &found.rows[*b as usize]));
        members.fill(&sets, star.keeper, &copies, &mut sources);
    }
    let rows: BTreeSet<u32> = sources.keys().map(|(row, _)| *row).collect();
    let merged = Merged { cells: sources.len() as u64, rows: rows.len() as u64 };
    found.table = filled(table, columns, members, sources);
    Ok((found, merged))
}

/// The columns that may be carried over: those of a set all or none.
fn sets(schema: &Schema) -> Vec<Vec<usize>> {
    let is_plain = |at: &usize| {
        let data_type = schema.field(*at).data_type();
        is_words(data_type) || !data_type.is_nested() && !column::holds_binary(data_type)
    };
    let place = |name: &&str| schema.index_of(name).ok().filter(is_plain);
    let mut sets: Vec<Vec<usize>> = TOGETHER.iter().map(|set| set.iter().filter_map(place).collect()).collect();
    let is_known = |name: &str| meanings::COLUMNS.iter().any(|(known, ..)| *known == name);
    for (at, field) in schema.fields().iter().enumerate() {
        let name = field.name().as_str();
        let is_said = SAID.contains(&name) || !is_known(name) && !name.ends_with("_model");
        if is_said && is_plain(&at) && field.is_nullable() {
            sets.push(vec![at]);
        }
    }
    sets.retain(|set| !set.is_empty());
    sets
}

/// Whether cells are lists of words.
fn is_words(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(of) if *of.data_type() == DataType::Utf8)
}

/// Where a cell of a kept row comes from.
enum Source {
    /// A member of its group.
    Row(u32),
    /// The words of several.
    Words(Vec<String>),
}

/// Cells that are filled, by their row and column.
type Sources = BTreeMap<(u32, usize), Source>;

/// The rows of groups, with the columns that may be carried over.
struct Members {
    parts: Vec<RecordBatch>,
    /// In which part each is, and where there.
    places: BTreeMap<u32, (usize, usize)>,
}

impl Members {
    fn push(&mut self, batch: &RecordBatch, first: u32, is_member: impl Fn(u32) -> bool) {
        let is_member: Vec<bool> = (first..first + batch.num_rows() as u32).map(is_member).collect();
        let rows = (first..).zip(&is_member).filter(|(_, is)| **is).map(|(row, _)| row);
        let part = self.parts.len();
        self.places.extend(rows.zip(0..).map(|(row, at)| (row, (part, at))));
        let members = filter_record_batch(batch, &BooleanArray::from(is_member)).expect("a bit for each row");
        self.parts.push(members);
    }

    fn column(&self, row: u32, column: usize) -> (&ArrayRef, usize) {
        let (part, at) = self.places[&row];
        (self.parts[part].column(column), at)
    }

    fn is_null(&self, row: u32, column: usize) -> bool {
        let (array, at) = self.column(row, column);
        array.is_null(at)
    }

    /// What a row is given by others, the first first.
    fn fill(&self, sets: &[Vec<usize>], row: u32, others: &[u32], sources: &mut Sources) {
        for set in sets {
            if let &[column] = &**set
                && let Some(words) = self.words(column, row, others)
            {
                sources.extend(words.map(|words| ((row, column), Source::Words(words))));
                continue;
            }
            let lacks_all = |of: u32| set.iter().all(|&column| self.is_null(of, column));
            if lacks_all(row)
                && let Some(&other) = others.iter().find(|other| !lacks_all(**other))
            {
                let has = set.iter().filter(|&&column| !self.is_null(other, column));
                sources.extend(has.map(|&column| ((row, column), Source::Row(other))));
            }
        }
    }

    /// Of a column of words those of all, if these are more than the row's own; `None`: it is no such column.
    fn words(&self, column: usize, row: u32, others: &[u32]) -> Option<Option<Vec<String>>> {
        if !is_words(self.column(row, column).0.data_type()) {
            return None;
        }
        let of = |row: u32| -> Vec<String> {
            let (array, at) = self.column(row, column);
            let list = array.as_list::<i32>();
            let words = list.is_valid(at).then(|| list.value(at));
            words.map(|words| words.as_string::<i32>().iter().flatten().map(String::from).collect()).unwrap_or_default()
        };
        let mut words = of(row);
        let own = words.len();
        for word in others.iter().flat_map(|other| of(*other)) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Some((words.len() > own).then_some(words))
    }
}

/// The table with these cells filled; `columns` are those of the table that members have.
fn filled(table: Table, columns: Vec<usize>, members: Members, sources: Sources) -> Table {
    let (name, schema, rows, provenance) =
        (table.name.clone(), table.schema.clone(), table.rows, table.provenance.clone());
    let mut first = 0;
    let batches = table.map(move |batch| {
        let batch = batch?;
        let rows = first..first + batch.num_rows() as u32;
        first = rows.end;
        let mut arrays = batch.columns().to_vec();
        for (column, &at) in columns.iter().enumerate() {
            let given: Vec<(usize, &Source)> = rows
                .clone()
                .zip(0..)
                .filter_map(|(row, i)| sources.get(&(row, column)).map(|source| (i, source)))
                .collect();
            if !given.is_empty() {
                arrays[at] = with_cells(&arrays[at], &given, |row| members.column(row, column));
            }
        }
        Ok(RecordBatch::try_new(batch.schema(), arrays).expect("columns of the same types"))
    });
    let mut table = Table::new(name, schema, rows, Box::new(batches));
    table.provenance = provenance;
    table
}

/// A column with some cells of others.
fn with_cells<'a>(
    own: &'a ArrayRef,
    given: &[(usize, &Source)],
    member: impl Fn(u32) -> (&'a ArrayRef, usize),
) -> ArrayRef {
    let mut words = ListBuilder::new(StringBuilder::new());
    if let DataType::List(field) = own.data_type() {
        words = words.with_field(field.clone());
    }
    let mut places: Vec<(usize, usize)> = (0..own.len()).map(|i| (0, i)).collect();
    let (mut arrays, mut lists): (Vec<&dyn Array>, usize) = (vec![own], 0);
    for &(i, source) in given {
        match source {
            Source::Row(row) => {
                let (array, at) = member(*row);
                places[i] = (arrays.len(), at);
                arrays.push(array);
            }
            Source::Words(list) => {
                words.append_value(list.iter().map(Some));
                places[i] = (usize::MAX, lists);
                lists += 1;
            }
        }
    }
    let words = words.finish();
    if lists > 0 {
        places.iter_mut().filter(|place| place.0 == usize::MAX).for_each(|place| place.0 = arrays.len());
        arrays.push(&words);
    }
    interleave(&arrays, &places).expect("arrays of one type")
}
