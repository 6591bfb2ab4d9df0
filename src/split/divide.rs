//! From a table to the same table with a split for every row that gets one.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};

use super::assign::{Assignment, Ratios, assign};
use super::classes::Untrained;
use super::columns::divided;
use super::look::Look;
use super::rows::{Copies, Kept, Rows, Wanted};
use super::{Keep, Options, SPLITS, Split};
use crate::duplicates::Groups;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stage::{Tally, Work, pool};
use crate::table::{Provenance, Source, Table, Writer, column};
use crate::words;

/// A division that can be made: the table has what the options name, and the splits that are kept were read.
pub struct Divider {
    options: Options,
    wanted: Wanted,
    /// The table that is kept.
    earlier: Option<Source>,
}

/// How a table was divided; shown as what is said of it at the end.
#[derive(Debug, Default)]
pub struct Division {
    /// Rows of each split, in the order of [`SPLITS`].
    pub splits: [u64; 3],
    /// Rows that are excluded; `None` where neither the table nor the options exclude any.
    pub excluded: Option<u64>,
    /// The column whose values stay on one side, and how many it has.
    pub groups: Option<(String, usize)>,
    /// Near copies, where they were looked for.
    pub copies: Option<Copies>,
    /// Rows that were read, and those that could not be.
    pub tally: Tally,
}

impl fmt::Display for Division {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = SPLITS.iter().zip(self.splits).map(|(s, n)| format!("{n} {}", s.name())).collect();
        parts.extend(self.excluded.map(|excluded| format!("{excluded} excluded")));
        parts.extend(self.groups.as_ref().map(|(column, groups)| format!("{groups} groups by {column}")));
        if let Some(Copies { rows, groups, largest, .. }) = self.copies {
            parts.push(format!("{rows} near copies in {groups} groups, of {largest} at most"));
        }
        f.write_str(&parts.join(", "))
    }
}

impl Divider {
    /// Looks whether a table can be divided so, before it is read.
    ///
    /// # Errors
    /// The table lacks a column that the options name, or the splits that are kept cannot be read.
    pub fn new(options: Options, table: &Table) -> Result<Divider, Failure> {
        let near = options.near_copies.as_ref();
        let vectors = near.and_then(|near| near.vector_column.as_ref());
        for name in [options.group.as_ref(), options.by.as_ref(), vectors].into_iter().flatten() {
            table.require(name)?;
        }
        let vectors = vectors.map_or(column::EMBEDDING, String::as_str);
        if near.is_some_and(|near| near.min_cosine.is_some()) {
            table.require(vectors)?;
        }
        let vectors = (near.is_some() && table.has(vectors)).then(|| vectors.to_string());
        let hint = "--keep=TABLE takes a table that `pokedex split` made";
        let (keep, earlier) = match &options.keep {
            None => (None, None),
            Some(Keep::Own) => (Some(Kept::Own), None),
            Some(Keep::Earlier(path)) => {
                let source = Source::open_or_csv(path, hint)?;
                let wanted = |name: &str| [column::CONTENT_HASH, column::SPLIT, column::ERROR].contains(&name);
                (Some(Kept::earlier(source.table(Some(&wanted))?)?), Some(source))
            }
        };
        let (by, group, hashes) = (options.by.clone(), options.group.clone(), near.is_some());
        Ok(Divider { options, wanted: Wanted { by, group, hashes, vectors, keep }, earlier })
    }

    /// The table that is kept.
    pub fn earlier(&self) -> Option<&Path> {
        match &self.options.keep {
            Some(Keep::Earlier(path)) => Some(path),
            _ => None,
        }
    }

    /// Divides the rows of the table, and writes them to where `start` starts a table of such a schema and footer.
    ///
    /// # Errors
    /// The table or the one that is kept cannot be read, a column is of another type than it should be, the column of the
    /// class is empty, an input is skipped that may not be, or the output cannot be written.
    pub fn divide(
        self,
        table: Table,
        work: &Work,
        start: impl FnOnce(&SchemaRef, &Provenance) -> Result<Writer, Failure>,
        progress: &mut dyn Progress,
    ) -> Result<Division, Failure> {
        let Divider { options, wanted, earlier } = self;
        let mut rows = Rows::new(wanted, &table.name)?;
        let look = Arc::new(Look::new(&options, &table));
        let (table, tally) = work.survey_through(table, &look, &mut rows, progress)?;
        look.warn_of_unseen(progress);
        if let Some(earlier) = &earlier {
            look_at_earlier(earlier, &options, &mut rows, progress)?;
        }

        let mut division = Division { tally, ..Division::default() };
        division.excluded = (options.min_size.is_some() || rows.excluded > 0).then_some(rows.excluded);
        let groups = division.join(&options, &mut rows, work, progress)?;
        let written = rows.written();
        let (items, classes) = rows.into_items()?;
        let assignment = assign(&items, groups, options.ratios, options.seed);
        let mut untrained = Untrained::of(&items, &assignment.splits, written, options.ratios);

        let mut footer = table.provenance.clone();
        footer.set("split", options.settings(division.copies.and_then(|copies| copies.cosine)));
        warn_of_empty(&assignment, options.ratios, progress);
        let schema = column::put_field(&table.schema, column::field(column::SPLIT, DataType::Utf8));
        let writer = start(&schema, &footer)?;
        let (splits, torn) = write(table, writer, &schema, &assignment, |batch, row, place| {
            untrained.look(items[place].class, || classes.name(batch, row));
        })?;
        division.splits = splits;
        classes.warn_of_nameless(options.by.is_some(), progress);
        untrained.warn(progress);
        warn_of_torn(&assignment, torn, written, earlier.as_ref().map_or("", |earlier| &earlier.name), progress);
        Ok(division)
    }
}

impl Division {
    /// Joins what belongs together, and counts it.
    fn join(
        &mut self,
        options: &Options,
        rows: &mut Rows,
        work: &Work,
        progress: &mut dyn Progress,
    ) -> Result<Groups, Failure> {
        let mut groups = Groups::new(rows.len());
        if let Some(near) = &options.near_copies {
            progress.start("compare", None);
            let cosine = |model: Option<&str>| near.cosine(model);
            let joined = pool(work.threads)?.install(|| rows.join_copies(near.hash_distance, cosine, &mut groups))?;
            self.copies = Some(joined);
            progress.finish();
        }
        let count = rows.join_groups(&mut groups);
        self.groups = options.group.clone().map(|column| (column, count));
        rows.join_parents(&mut groups);
        Ok(groups)
    }
}

/// Lets the rows of the table that is kept take part which are not among the new ones.
fn look_at_earlier(
    earlier: &Source,
    options: &Options,
    rows: &mut Rows,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let own = [&options.by, &options.group].map(|name| name.as_deref().unwrap_or(column::CONTENT_HASH));
    let known = [
        column::CONTENT_HASH,
        column::SPLIT,
        column::ERROR,
        column::PERCEPTUAL_HASH,
        column::PARENT_HASH,
        column::ID,
        column::LABEL,
    ];
    let table = earlier.table(Some(&|name: &str| known.contains(&name) || own.contains(&name)))?;
    let is_hashed = table.has(column::PERCEPTUAL_HASH);
    rows.look_at_earlier(table)?;
    if options.near_copies.is_some() && !is_hashed && rows.len() > rows.written() {
        let name = &earlier.name;
        progress
            .warn(&format!("{name}: has no column `perceptual_hash`, so near copies of its pictures are not found"));
        progress.hint(&format!("pokedex split {name} --keep --near-duplicates -o hashed.parquet"));
    }
    Ok(())
}

/// Writes the table with its splits; gives how many rows have each, and names the two that show what is torn. Shows every
/// row that gets one, by its place in the batch and among all such.
fn write(
    table: Table,
    mut writer: Writer,
    schema: &SchemaRef,
    assignment: &Assignment,
    mut look: impl FnMut(&RecordBatch, usize, usize),
) -> Result<([u64; 3], Vec<String>), Failure> {
    let (mut splits, mut torn) = ([0; 3], Vec::new());
    let mut next = 0;
    for batch in table {
        let batch = batch?;
        let keys = column::text(&batch, column::KEY)?;
        let mut own: Vec<Option<Split>> = Vec::with_capacity(batch.num_rows());
        for (i, divided) in divided(&batch)?.into_iter().enumerate() {
            if !divided {
                own.push(None);
                continue;
            }
            let split = assignment.splits[next];
            splits[split as usize] += 1;
            look(&batch, i, next);
            own.push(Some(split));
            let is_example = assignment.example.is_some_and(|(a, b)| a == next || b == next);
            if let Some(keys) = keys.as_ref().filter(|_| is_example) {
                torn.push(format!("{} in {}", keys.value(i), split.name()));
            }
            next += 1;
        }
        let names: StringArray = own.iter().map(|split| split.map(Split::name)).collect();
        writer.write(&column::put(&batch, schema, &[(column::SPLIT, Arc::new(names) as ArrayRef)]))?;
    }
    writer.finish()?;
    Ok((splits, torn))
}

/// Names the splits that got nothing, before whatever reads the output has a word.
fn warn_of_empty(assignment: &Assignment, ratios: Ratios, progress: &dyn Progress) {
    let wanted = SPLITS.into_iter().filter(|&split| ratios.has(split));
    if assignment.splits.len() >= wanted.clone().count() {
        for split in wanted.filter(|split| !assignment.splits.contains(split)) {
            progress.warn(&format!("split: no picture is in {}, though it has a share", split.name()));
        }
    }
}

/// Says how many units keep splits on several sides, and shows one by two of its rows: those of `named`, which were written,
/// or behind them rows of the earlier table.
fn warn_of_torn(
    assignment: &Assignment,
    mut named: Vec<String>,
    written: usize,
    earlier: &str,
    progress: &dyn Progress,
) {
    if assignment.torn > 0 {
        for place in assignment.example.iter().flat_map(|&(a, b)| [a, b]).filter(|&place| place >= written) {
            named.push(format!("one of {earlier} in {}", assignment.splits[place].name()));
        }
        let units = words::several(assignment.torn as u64, "group of rows or copies keeps", "groups or copies keep");
        let example = named.join(" and ");
        progress.warn(&format!("split: {units} splits on several sides, as {example}"));
    }
}
