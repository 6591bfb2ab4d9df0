//! `split`: adds train, validation or test to every row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};
use clap::Args;

use super::args::{ImageInputs, TableOutput, Tally, Work};
use super::failure::{Exit, Failure};
use crate::split::{Item, Ratios, SPLITS, Split, assign};
use crate::stage::{Done, Skipped, in_order, pool, slices};
use crate::table::column::{self, hashes, read_hashes};
use crate::table::{Error, Images, Table};
use crate::ui::Ui;

const SLICE_ROWS: usize = 32;

/// Which column holds the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Id,
    Label,
}

/// Divide images into train, validation and test
///
/// Every class is divided by itself, so that each is present in train: a class of one, two or three images gives
/// train the first, test the second, validation the third. The division depends on the seed and on what the images
/// contain, not on their order or names, and identical images are always on one side. Rows with an error get none.
#[derive(Debug, Args)]
#[command(
    name = "split",
    after_help = "\
Examples:
  pokedex split manifest.parquet -o split.parquet
  pokedex split artwork/ --ratios 80/10/10 --seed 7 --by label -o split.parquet
  pokedex scan photos/ | pokedex split - | pokedex embed - -o embeddings.parquet"
)]
pub struct SplitArgs {
    #[command(flatten)]
    inputs: ImageInputs,

    /// Shares of train, validation and test
    #[arg(long, default_value = "70/15/15", value_name = "T/V/T")]
    ratios: Ratios,

    /// Another number gives another division
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// The column that holds the class [default: id where there is one, else label]
    #[arg(long, value_enum, value_name = "COLUMN")]
    by: Option<By>,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl SplitArgs {
    pub fn run(self, ui: &mut Ui) -> Result<Exit, Failure> {
        let table = self.inputs.to_inputs().images()?.with_unique_keys();
        let sink = self.output.open()?;
        let failed: Arc<Mutex<Vec<Skipped>>> = Arc::default();
        ui.start("read", table.rows);
        let table = self.with_hashes(table, failed.clone())?;

        let mut classes = Classes::new(self.by);
        let mut tally = Tally::default();
        let table = table.spool(|batch| {
            let failed = std::mem::take(&mut *failed.lock().expect("no thread panics with this lock"));
            self.work.report(&failed, ui)?;
            tally.skipped += failed.len() as u64;
            ui.advance(batch.num_rows() as u64);
            classes.look(batch)
        })?;
        ui.finish();
        let splits = assign(classes.into_items()?, self.ratios, self.seed);

        let schema = column::put_field(&table.schema, column::field(column::SPLIT, DataType::Utf8));
        let mut provenance = table.provenance.clone();
        if provenance.get("schema").is_none() {
            provenance.set("schema", "manifest");
        }
        provenance.set("split", format!("ratios={} seed={}", self.ratios, self.seed));
        let mut writer = self.output.start(sink, &schema, &provenance)?;
        let mut counts: HashMap<Split, u64> = HashMap::new();
        for batch in table {
            let batch = batch?;
            let own: Vec<Option<Split>> = contents(&batch)?.iter().map(|c| c.and_then(|c| splits.get(c))).collect();
            own.iter().flatten().for_each(|split| *counts.entry(*split).or_default() += 1);
            let names: StringArray = own.iter().map(|split| split.map(Split::name)).collect();
            writer.write(&column::put(&batch, &schema, &[(column::SPLIT, Arc::new(names) as ArrayRef)]))?;
        }
        writer.finish()?;
        let counts = SPLITS.map(|split| format!("{} {}", counts.get(&split).unwrap_or(&0), split.name()));
        ui.note(&format!("split: {}", counts.join(", ")));
        Ok(self.work.exit(&tally))
    }

    /// The table with a content hash in every sound row; files are read only where it has none.
    fn with_hashes(&self, table: Table, failed: Arc<Mutex<Vec<Skipped>>>) -> Result<Table, Failure> {
        let hash = column::field(column::CONTENT_HASH, column::HASH_TYPE);
        let schema = column::put_field(&table.schema, hash);
        let schema = column::put_field(&schema, column::field(column::ERROR, DataType::Utf8));
        let (name, rows, provenance, hashed) =
            (table.name.clone(), table.rows, table.provenance.clone(), schema.clone());
        let work = move |batch: Result<RecordBatch, Error>| hash_rows(&batch?, &hashed);
        let batches = in_order(pool(self.work.threads())?, slices(table, SLICE_ROWS), work).map(move |done| {
            let done = done?;
            failed.lock().expect("no thread panics with this lock").extend(done.skipped);
            Ok(done.batch)
        });
        let mut table = Table::new(name, schema, rows, Box::new(batches));
        table.provenance = provenance;
        Ok(table)
    }
}

/// Adds the hash of every image in a slice that has none.
fn hash_rows(batch: &RecordBatch, schema: &SchemaRef) -> Result<Done, Error> {
    let images = Images::of(batch)?;
    let mut digests = read_hashes(batch, column::CONTENT_HASH)?;
    let mut skipped = Vec::new();
    let mut errors: Vec<Option<String>> = Vec::new();
    for (i, digest) in digests.iter_mut().enumerate() {
        let mut error = images.error(i).map(str::to_string);
        if error.is_none() && digest.is_none() {
            match images.read(i) {
                Ok(bytes) => *digest = Some(*blake3::hash(&bytes).as_bytes()),
                Err(problem) => {
                    skipped.push(Skipped { key: images.key(i).into(), problem: problem.clone() });
                    error = Some(problem);
                }
            }
        }
        errors.push(error);
    }
    let new: [(&str, ArrayRef); 2] =
        [(column::CONTENT_HASH, hashes(&digests)), (column::ERROR, Arc::new(StringArray::from(errors)))];
    Ok(Done { batch: column::put(batch, schema, &new), skipped })
}

/// Classes and contents of all rows: some thirty bytes a row.
struct Classes {
    by: Option<By>,
    ids: Vec<Option<i32>>,
    labels: Vec<Option<u32>>,
    numbers: HashMap<String, u32>,
    contents: Vec<Option<u64>>,
}

impl Classes {
    fn new(by: Option<By>) -> Classes {
        Classes { by, ids: Vec::new(), labels: Vec::new(), numbers: HashMap::new(), contents: Vec::new() }
    }

    fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let rows = batch.num_rows();
        let ids = if self.by == Some(By::Label) { None } else { column::ints(batch, column::ID)? };
        self.ids.extend(ids.map_or_else(|| vec![None; rows], |ids| ids.iter().collect()));
        let labels = if self.by == Some(By::Id) { None } else { column::text(batch, column::LABEL)? };
        match labels {
            None => self.labels.extend(std::iter::repeat_n(None, rows)),
            Some(labels) => {
                for label in &labels {
                    let next = u32::try_from(self.numbers.len()).expect("fewer than 2^32 labels");
                    self.labels.push(label.map(|label| *self.numbers.entry(label.into()).or_insert(next)));
                }
            }
        }
        self.contents.extend(contents(batch)?);
        Ok(())
    }

    /// The sound rows with their classes; numbers of labels follow their order in the alphabet, not in the table.
    fn into_items(self) -> Result<Vec<Item>, Failure> {
        let has = |by: By| match by {
            By::Id => self.ids.iter().any(Option::is_some),
            By::Label => self.labels.iter().any(Option::is_some),
        };
        if let Some(by) = self.by.filter(|&by| !has(by)) {
            let name = if by == By::Id { "id" } else { "label" };
            let hint = "without --by all images are one class; `pokedex scan --meta CSV` adds ids and labels";
            return Err(Failure::failed(format!("no row has a value in column `{name}`"), Some(hint.into())));
        }
        let by = self.by.or_else(|| [By::Id, By::Label].into_iter().find(|&by| has(by)));
        let mut names: Vec<(&String, u32)> = self.numbers.iter().map(|(name, number)| (name, *number)).collect();
        names.sort();
        let mut rank = vec![0; names.len()];
        (1..).zip(&names).for_each(|(place, (_, number))| rank[*number as usize] = place);
        let class = |i: usize| match by {
            Some(By::Id) => self.ids[i].map_or(0, i32::cast_unsigned),
            Some(By::Label) => self.labels[i].map_or(0, |label| rank[label as usize]),
            None => 0,
        };
        let items = self.contents.iter().enumerate();
        Ok(items.filter_map(|(i, content)| content.map(|content| Item { content, class: class(i) })).collect())
    }
}

/// The contents of sound rows, by the first bytes of their hashes.
fn contents(batch: &RecordBatch) -> Result<Vec<Option<u64>>, Error> {
    let errors = column::text(batch, column::ERROR)?;
    let sound = |i: usize| errors.as_ref().is_none_or(|e| e.is_null(i));
    let digests = read_hashes(batch, column::CONTENT_HASH)?.into_iter().enumerate();
    let start = |digest: [u8; 32]| u64::from_le_bytes(digest[..8].try_into().expect("a part of 32 bytes"));
    Ok(digests.map(|(i, digest)| digest.filter(|_| sound(i)).map(start)).collect())
}
