//! `split`: adds train, validation or test to every row.

mod look;
mod rows;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::DataType;
use clap::Args;

use self::look::Look;
use self::rows::{Classes, Copies, Keep, Rows, Wanted, divided};
use super::args::{ImageInputs, TableOutput, Work, number};
use crate::cli::exit::Exit;
use crate::duplicates::{Groups, MAX_REACH, REACH};
use crate::failure::Failure;
use crate::io::Sink;
use crate::output::{ensure_no_input, ensure_whole_in_place};
use crate::progress::Progress;
use crate::split::{Assignment, Item, Ratios, SPLITS, Split, assign};
use crate::stage::{Origin, Tally};
use crate::stage::{Skipped, in_order, pool, slices};
use crate::table::{Error, Provenance, Source, Table, column};
use crate::words;

const SLICE_ROWS: usize = 32;
/// So many classes are named in a warning.
const NAMES: usize = 5;

/// The cosine that vectors of near copies have at least, where the built-in model made them. It sees what is shown more
/// than how: drawings of one species in two styles reach 0.99 and more.
const COSINE: f32 = 0.999;
const BUILTIN: &str = "pokedex-mini";

/// Divide images into train, validation and test
///
/// Every class is divided by itself, by the largest remainders, so that each is present in train: a class of one, two or
/// three images gives train the first, test the second, validation the third. The division depends on the seed and on
/// what the images contain, not on their order or names, and identical images are always on one side. Rows with an
/// error get no split, and neither do those with a reason in the column `excluded`.
///
/// --group and --near-duplicates keep more on one side. Such units go where their classes lack them most, the largest
/// first, so that a class can miss its ratio by what its units force. With --keep, what belongs to images that have a
/// split goes to their side; images that have one never move, even where they belong together. --keep=TABLE counts the
/// pictures of TABLE that are not among the new ones too, and knows near copies of them by its column `perceptual_hash`.
///
/// Pictures that `pokedex augment` made (rows with `parent_hash`) are always of train, and so are those they were made of.
///
/// Near copies are found by perceptual hashes of 256 bits, which go to the column `perceptual_hash`: resized, recompressed
/// and slightly changed pictures, and the same drawing on another background of one colour. Not found are crops, turned
/// and mirrored pictures, and other drawings or photographs of the same thing: --group keeps those together. Where the
/// table has vectors, images whose vectors nearly agree are near copies too; comparing them takes four times as long for
/// twice the rows.
#[derive(Debug, Args)]
#[command(
    name = "split",
    after_help = "\
Examples:
  pokedex split manifest.parquet -o split.parquet
  pokedex split artwork/ --ratios 80/10/10 --seed 7 --by label -o split.parquet
  pokedex split photos/ --near-duplicates --min-size 224 -o split.parquet
  pokedex split frames.parquet --group video -o split.parquet
  pokedex split more-photos/ --keep=split.parquet --near-duplicates -o split-2.parquet
  pokedex scan photos/ | pokedex split - | pokedex embed - -o embeddings.parquet"
)]
pub struct SplitArgs {
    #[command(flatten)]
    inputs: ImageInputs,

    /// Shares of train, validation and test
    #[arg(long, help_heading = "Division", default_value = "70/15/15", value_name = "T/V/T")]
    ratios: Ratios,

    /// Another number gives another division
    #[arg(long, help_heading = "Division", default_value_t = 0, value_name = "N")]
    seed: u64,

    /// The column that holds the class [default: id where there is one, else label]
    #[arg(long, help_heading = "Division", value_name = "COLUMN")]
    by: Option<String>,

    /// Keep rows with the same value in this column on one side
    #[arg(long, help_heading = "Division", value_name = "COLUMN")]
    group: Option<String>,

    /// Keep near copies on one side
    #[arg(long, help_heading = "Near copies")]
    near_duplicates: bool,

    /// Do not look for near copies, as it does not anyway
    #[arg(long, hide = true, overrides_with = "near_duplicates")]
    no_near_duplicates: bool,

    /// In how many bits of 256 the perceptual hashes of near copies may differ, from 0 to 31; half of it where the whole
    /// pictures are compared, background and all
    #[arg(long, help_heading = "Near copies", default_value_t = REACH, value_name = "N", requires = "near_duplicates",
        value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_REACH)))]
    hash_distance: u32,

    /// The cosine that the vectors of near copies have at least [default: 0.999 for vectors of the built-in model, to
    /// which another style is no other picture; those of others are compared only if this is given]
    #[arg(long, help_heading = "Near copies", value_name = "X", requires = "near_duplicates", value_parser = cosine)]
    min_cosine: Option<f32>,

    /// The column that holds the vectors, if there are any [default: embedding]
    #[arg(long, help_heading = "Near copies", value_name = "NAME", requires = "near_duplicates")]
    vector_column: Option<String>,

    /// Exclude images whose shorter side has fewer pixels; the column `excluded` says so
    #[arg(long, help_heading = "Division", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    min_size: Option<u32>,

    /// Images that have a split keep it, and new ones fill what their classes lack: the splits of the column `split`, or,
    /// by content, those of an earlier TABLE
    #[arg(long, help_heading = "Division", value_name = "TABLE", num_args = 0..=1, require_equals = true)]
    keep: Option<Option<PathBuf>>,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl SplitArgs {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let inputs = self.inputs.to_inputs();
        let table = inputs.images()?.with_unique_keys();
        let origin = Origin::of(&table);
        let wanted = self.wanted(&table)?;
        let sink = self.output.open()?;
        ensure_whole_in_place(self.output.output.as_deref(), &inputs.paths, &table.schema, &table.schema)?;
        if let Some(Some(earlier)) = &self.keep
            && !inputs.paths.contains(earlier)
        {
            ensure_no_input(self.output.output.as_deref(), [earlier.as_path()], "a table without its rows")?;
        }
        let mut provenance = table.provenance.clone();
        if provenance.get("schema").is_none() {
            provenance.set("schema", "manifest");
        }

        let mut tally = Tally::default();
        let (wanted, earlier) = wanted;
        let mut rows = Rows::new(wanted, &table.name)?;
        ui.start("read", table.rows);
        let failed: Arc<Mutex<Vec<Skipped>>> = Arc::default();
        let unseen: Arc<AtomicU64> = Arc::default();
        let table = self.looked_at(table, failed.clone(), unseen.clone())?.spool(|batch| {
            let failed = std::mem::take(&mut *failed.lock().expect("no thread panics with this lock"));
            self.work.work().report(&failed, ui)?;
            tally.skipped += failed.len() as u64;
            ui.advance(batch.num_rows() as u64);
            rows.look(batch)
        })?;
        ui.finish();
        origin.report(ui);
        let unseen = unseen.load(Ordering::Relaxed);
        if unseen > 0 {
            let rows = words::rows(unseen);
            ui.warn(&format!("split: no perceptual hash for {rows} that cannot be read: near copies are not found"));
        }
        if let Some(earlier) = &earlier {
            self.look_at_earlier(earlier, &mut rows, ui)?;
        }

        let mut done = Counts { excluded: rows.excluded, ..Counts::default() };
        let mut groups = Groups::new(rows.len());
        if self.near_duplicates {
            ui.start("compare", None);
            done.copies = pool(self.work.threads())?
                .install(|| rows.join_copies(self.hash_distance, |model| self.cosine(model), &mut groups))?;
            ui.finish();
        }
        done.groups = rows.join_groups(&mut groups);
        rows.join_parents(&mut groups);
        let written = rows.len() - rows.earlier();
        let (items, classes) = rows.into_items()?;
        let assignment = assign(&items, groups, self.ratios, self.seed);
        let mut untrained = self.untrained(&items, &assignment, written);
        let (lacking, mut names) = (untrained.len(), Vec::new());

        provenance.set("split", self.settings(done.copies.cosine));
        self.warn_of_empty(&assignment, ui);
        self.write(table, sink, &provenance, &assignment, &mut done, |batch, row, place| {
            if names.len() < NAMES && untrained.remove(&items[place].class) {
                names.push(classes.name(batch, row));
            }
        })?;
        self.warn(&classes, lacking, &names, ui);
        if assignment.torn > 0 {
            for place in assignment.example.iter().flat_map(|&(a, b)| [a, b]).filter(|&place| place >= written) {
                let name = earlier.as_ref().map_or("", |earlier| &earlier.name);
                done.torn.push(format!("one of {name} in {}", assignment.splits[place].name()));
            }
            let units =
                words::several(assignment.torn as u64, "group of rows or copies keeps", "groups or copies keep");
            let example = done.torn.join(" and ");
            ui.warn(&format!("split: {units} splits on several sides, as {example}"));
        }
        ui.done(&format!("split: {}", done.line(&self)));
        Ok(self.work.exit(&tally))
    }

    /// What is to be looked at in the rows, all of which the table has.
    fn wanted(&self, table: &Table) -> Result<(Wanted, Option<Source>), Failure> {
        for name in [&self.group, &self.by, &self.vector_column].into_iter().flatten() {
            table.require(name)?;
        }
        let vectors = self.vector_column.as_deref().unwrap_or(column::EMBEDDING);
        if self.min_cosine.is_some() {
            table.require(vectors)?;
        }
        let vectors = (self.near_duplicates && table.has(vectors)).then(|| vectors.to_string());
        let hint = "--keep=TABLE takes a table that `pokedex split` made";
        let (keep, earlier) = match &self.keep {
            None => (None, None),
            Some(None) => (Some(Keep::Own), None),
            Some(Some(path)) => {
                let source = Source::open_or_csv(path, hint)?;
                let wanted = |name: &str| [column::CONTENT_HASH, column::SPLIT, column::ERROR].contains(&name);
                (Some(Keep::earlier(source.table(Some(&wanted))?)?), Some(source))
            }
        };
        let (by, group) = (self.by.clone(), self.group.clone());
        Ok((Wanted { by, group, hashes: self.near_duplicates, vectors, keep }, earlier))
    }

    /// Lets the rows of the table that is kept take part which are not among the new ones.
    fn look_at_earlier(&self, earlier: &Source, rows: &mut Rows, ui: &dyn Progress) -> Result<(), Failure> {
        let own = [&self.by, &self.group].map(|name| name.as_deref().unwrap_or(column::CONTENT_HASH));
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
        if self.near_duplicates && !is_hashed && rows.earlier() > 0 {
            let name = &earlier.name;
            ui.warn(&format!("{name}: has no column `perceptual_hash`, so near copies of its pictures are not found"));
            ui.hint(&format!("pokedex split {name} --keep --near-duplicates -o hashed.parquet"));
        }
        Ok(())
    }

    /// The classes of the first rows of which nothing is in train, though there is one.
    fn untrained(&self, items: &[Item], assignment: &Assignment, rows: usize) -> HashSet<u32> {
        if !self.ratios.has(Split::Train) {
            return HashSet::new();
        }
        let mut classes: HashSet<u32> =
            items[..rows].iter().map(|item| item.class).filter(|&class| class > 0).collect();
        for (item, split) in items.iter().zip(&assignment.splits) {
            if *split == Split::Train {
                classes.remove(&item.class);
            }
        }
        classes
    }

    /// What about the classes is not as it should be.
    fn warn(&self, classes: &Classes, lacking: usize, names: &[String], ui: &dyn Progress) {
        if let Some(column) = classes.column.as_ref().filter(|_| classes.nameless > 0) {
            let rows = words::rows(classes.nameless);
            let (have, are) = if classes.nameless == 1 { ("has", "is") } else { ("have", "are") };
            let advice = match column == column::ID && self.by.is_none() && classes.has_labels {
                true => "; --by label divides by label",
                false => "",
            };
            ui.warn(&format!("split: {rows} {have} no value in column `{column}` and {are} one class{advice}"));
        }
        if lacking > 0 {
            let more = if lacking > names.len() { ", …" } else { "" };
            let (count, names) = (words::several(lacking as u64, "class has", "classes have"), names.join(", "));
            ui.warn(&format!("split: {count} no picture in train: {names}{more}"));
        }
    }

    /// Names the splits that got nothing, before whatever reads the output has a word.
    fn warn_of_empty(&self, assignment: &Assignment, ui: &dyn Progress) {
        let wanted = SPLITS.into_iter().filter(|&split| self.ratios.has(split));
        if assignment.splits.len() >= wanted.clone().count() {
            for split in wanted.filter(|split| !assignment.splits.contains(split)) {
                ui.warn(&format!("split: no picture is in {}, though it has a share", split.name()));
            }
        }
    }

    /// The table with what is wanted of every picture; files are read only where it does not say it.
    fn looked_at(
        &self,
        table: Table,
        failed: Arc<Mutex<Vec<Skipped>>>,
        unseen: Arc<AtomicU64>,
    ) -> Result<Table, Failure> {
        let is_hashed = table.has(column::PERCEPTUAL_HASH);
        let look = Look { least: self.min_size, perceptual: self.near_duplicates, is_hashed, unseen };
        let schema = look.schema(&table.schema);
        let (name, rows, provenance, looked) =
            (table.name.clone(), table.rows, table.provenance.clone(), schema.clone());
        let work = move |batch: Result<RecordBatch, Error>| look.rows(&batch?, &looked);
        let batches = in_order(pool(self.work.threads())?, slices(table, SLICE_ROWS), work).map(move |done| {
            let done = done?;
            failed.lock().expect("no thread panics with this lock").extend(done.skipped);
            Ok(done.batch)
        });
        let mut table = Table::new(name, schema, rows, Box::new(batches));
        table.provenance = provenance;
        Ok(table)
    }

    /// The cosine of near copies among the vectors of a model; without one they are not compared.
    fn cosine(&self, model: Option<&str>) -> Option<f32> {
        let builtin = model.is_some_and(|id| id.split('@').next() == Some(BUILTIN));
        self.min_cosine.or(builtin.then_some(COSINE))
    }

    /// All that the division depends on, for the footer.
    fn settings(&self, cosine: Option<f32>) -> String {
        let mut settings = format!("ratios={} seed={}", self.ratios, self.seed);
        let mut note = |what: &str, value: &dyn std::fmt::Display| settings += &format!(" {what}={value}");
        if let Some(by) = &self.by {
            note("by", by);
        }
        if let Some(group) = &self.group {
            note("group", group);
        }
        if self.near_duplicates {
            note("hash_distance", &self.hash_distance);
        }
        if let Some(cosine) = cosine {
            note("min_cosine", &cosine);
        }
        if let Some(least) = self.min_size {
            note("min_size", &least);
        }
        match &self.keep {
            None => {}
            Some(None) => note("keep", &"own"),
            Some(Some(_)) => note("keep", &"table"),
        }
        settings
    }

    /// Writes the table with its splits, and counts them; shows every row that gets one, by its place in the batch and
    /// among all such.
    fn write(
        &self,
        table: Table,
        sink: Sink,
        provenance: &Provenance,
        assignment: &Assignment,
        done: &mut Counts,
        mut look: impl FnMut(&RecordBatch, usize, usize),
    ) -> Result<(), Failure> {
        let schema = column::put_field(&table.schema, column::field(column::SPLIT, DataType::Utf8));
        let mut writer = self.output.start(sink, &schema, provenance)?;
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
                done.splits[split as usize] += 1;
                look(&batch, i, next);
                own.push(Some(split));
                let is_example = assignment.example.is_some_and(|(a, b)| a == next || b == next);
                if let Some(keys) = keys.as_ref().filter(|_| is_example) {
                    done.torn.push(format!("{} in {}", keys.value(i), split.name()));
                }
                next += 1;
            }
            let names: StringArray = own.iter().map(|split| split.map(Split::name)).collect();
            writer.write(&column::put(&batch, &schema, &[(column::SPLIT, Arc::new(names) as ArrayRef)]))?;
        }
        Ok(writer.finish()?)
    }
}

/// What was done.
#[derive(Debug, Default)]
struct Counts {
    splits: [u64; 3],
    excluded: u64,
    groups: usize,
    copies: Copies,
    /// Two rows that belong together and keep their splits.
    torn: Vec<String>,
}

impl Counts {
    fn line(&self, args: &SplitArgs) -> String {
        let mut parts: Vec<String> = SPLITS.iter().zip(self.splits).map(|(s, n)| format!("{n} {}", s.name())).collect();
        if args.min_size.is_some() || self.excluded > 0 {
            parts.push(format!("{} excluded", self.excluded));
        }
        if let Some(group) = &args.group {
            parts.push(format!("{} groups by {group}", self.groups));
        }
        if args.near_duplicates {
            let Copies { rows, groups, largest, .. } = self.copies;
            parts.push(format!("{rows} near copies in {groups} groups, of {largest} at most"));
        }
        parts.join(", ")
    }
}

/// A cosine, for clap.
fn cosine(text: &str) -> Result<f32, String> {
    number(text, |x: &f32| *x > 0.0 && *x <= 1.0, "a number above 0 and up to 1")
}
