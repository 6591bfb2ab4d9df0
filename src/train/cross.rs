//! What heads say of rows that they did not learn from: the rows are dealt into folds, and each fold is judged by a head that
//! learnt from the others.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, Int32Array, RecordBatch, StringArray, UInt16Array,
};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, SchemaRef};

use super::columns::{feature, keys};
use super::{Options, Target};
use crate::failure::Failure;
use crate::head::{Class, Feature, Head, Plan, Rows, RowsBuilder, train};
use crate::index::{Check, Unfit};
use crate::io;
use crate::numbered::Numbered;
use crate::progress::Progress;
use crate::split::shuffled;
use crate::stage::{self, Survey, Work};
use crate::table::column::{self, FOLD, LABEL_SCORE, PROBABILITIES, read_origins};
use crate::table::soft_labels::SoftLabels;
use crate::table::{Provenance, Table, Writer};
use crate::words::rows as count_of;

/// What came of it; shown as what is said of it at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossPredicted {
    /// Rows that were judged, and those of the table.
    pub judged: u64,
    /// All of the table.
    pub rows: u64,
    /// Heads that were learnt.
    pub folds: usize,
    /// The share of rows whose best class is their own.
    pub top1: f64,
    /// Rows whose class is in their own fold alone, so that no head that judges them has learnt it.
    pub alone: u64,
}

impl fmt::Display for CrossPredicted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (judged, folds) = (count_of(self.judged), self.folds);
        write!(
            f,
            "{judged} judged by {folds} heads that did not learn from them, {:.1} % as labelled",
            100.0 * self.top1
        )
    }
}

/// Judges every row of a table that has a class and vectors by a head that did not learn from it, whatever its split, and writes
/// the table with what the heads say to where `start` starts one. Copies are in one fold; penalty or neighbours, and the
/// temperature, are chosen once, by the first fold.
///
/// # Errors
/// As [`learn`](super::learn); or the options have no meaning here, or the output cannot be written.
pub fn cross_predict(
    table: Table,
    options: &Options,
    folds: usize,
    start: impl FnOnce(&SchemaRef, &Provenance) -> Result<Writer, Failure>,
    progress: &mut dyn Progress,
) -> Result<CrossPredicted, Failure> {
    if options.target == Target::Prediction || !options.with.is_empty() {
        let what = if options.with.is_empty() { "--by prediction" } else { "--with" };
        let message = format!("--cross-predict does not go together with {what}");
        return Err(Failure::usage(message, "name a column of classes, and one table"));
    }
    let name = table.name.clone();
    table.require(&options.target.column())?;
    options.columns.iter().try_for_each(|column| table.require(column))?;
    let mut footer = table.provenance.clone();
    let mut gather = Gather::new(options, &name);
    let work = Work { threads: options.threads, strict: false };
    let table = work.survey(table.with_unique_keys(), &mut gather, progress)?;
    let sample = gather.finish(folds, options.seed, &footer)?;

    progress.start("train", Some(folds as u64 + 1));
    let judged = stage::pool(options.threads)?.install(|| sample.judge(options, folds, progress))?;
    progress.finish();
    let done = CrossPredicted {
        judged: sample.rows.len() as u64,
        rows: sample.count,
        folds,
        top1: judged.right as f64 / sample.rows.len().max(1) as f64,
        alone: judged.alone,
    };
    if done.alone > 0 {
        let rows = count_of(done.alone);
        progress
            .warn(&format!("{name}: {rows} of classes that are in one fold alone: nothing could be learnt of them"));
    }
    let labels: Vec<&str> = sample.classes.iter().map(|class| class.label.as_str()).collect();
    footer.set(column::PROBABILITIES_CLASSES, serde_json::to_string(&labels).expect("text is JSON"));
    footer.set("cross_predict", format!("folds={folds} seed={} method={}", options.seed, options.plan.method.name()));
    write(table, &sample, &judged.probabilities, &footer, start)?;
    Ok(done)
}

/// Rows on their way into a sample.
struct Gather<'a> {
    options: &'a Options,
    name: String,
    checks: Vec<Check>,
    rows: Option<RowsBuilder>,
    /// The place in the table of each row that is kept.
    places: Vec<u64>,
    contents: Vec<u64>,
    names: Numbered,
    ids: Vec<Option<i32>>,
    count: u64,
}

impl<'a> Gather<'a> {
    fn new(options: &'a Options, name: &str) -> Gather<'a> {
        Gather {
            options,
            name: name.into(),
            checks: options.columns.iter().map(|column| Check::new(name, column)).collect(),
            rows: None,
            places: Vec::new(),
            contents: Vec::new(),
            names: Numbered::default(),
            ids: Vec::new(),
            count: 0,
        }
    }

    /// Puts the classes in order and deals the rows into folds.
    fn finish(self, folds: usize, seed: u64, footer: &Provenance) -> Result<Crossed, Failure> {
        let mut known: Vec<(Option<i32>, String, u32)> =
            self.names.iter().map(|(label, class)| (self.ids[class as usize], label.into(), class)).collect();
        known.sort();
        let Some(rows) = self.rows.filter(|_| known.len() > 1) else {
            let what = if known.is_empty() { "no row has a class and vectors" } else { "all rows are of one class" };
            let hint = "a head tells classes apart: give it rows of at least two";
            return Err(Failure::failed(format!("{}: {what}", self.name), Some(hint.into())));
        };
        let mut rows = rows.finish()?;
        let places: HashMap<u32, u32> = (0..).zip(&known).map(|(place, (_, _, class))| (*class, place)).collect();
        rows.classes.iter_mut().for_each(|class| *class = places[class]);
        let mut counts = vec![0; known.len()];
        rows.classes.iter().for_each(|&class| counts[class as usize] += 1);
        let classes = known.into_iter().zip(counts).map(|((id, label, _), rows)| Class { label, id, rows }).collect();
        let columns = self.options.columns.iter().zip(&self.checks);
        Ok(Crossed {
            features: columns.map(|(column, check)| feature(column, check, footer)).collect(),
            classes,
            folds: deal(&self.contents, &rows.classes, folds, seed),
            rows,
            places: self.places,
            count: self.count,
        })
    }
}

/// The fold of each row: copies in one, and the rows of a class in as many as there are.
fn deal(contents: &[u64], classes: &[u32], folds: usize, seed: u64) -> Vec<u16> {
    let mut units: BTreeMap<(u64, u64), u32> = BTreeMap::new();
    for (&content, &class) in contents.iter().zip(classes) {
        units.entry((shuffled(content, seed), content)).or_insert(class);
    }
    // Classes begin at different folds, so that those of few rows are not all in the first.
    let mut next: HashMap<u32, usize> = HashMap::new();
    let mut of: HashMap<u64, u16> = HashMap::new();
    for ((_, content), class) in units {
        let turn = next.entry(class).or_insert(class as usize);
        of.insert(content, (*turn % folds) as u16);
        *turn += 1;
    }
    contents.iter().map(|content| of[content]).collect()
}

impl Survey for Gather<'_> {
    const NAME: &'static str = "read";

    fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let keys = keys(batch)?;
        let errors = column::text(batch, column::ERROR)?;
        let ids = column::ints(batch, column::ID)?;
        let hashes = read_origins(batch)?;
        let soft = SoftLabels::of(batch)?;
        let labels = match (self.options.target, &ids) {
            (Target::Id, Some(ids)) => ids.iter().map(|id| id.map(|id| id.to_string())).collect(),
            _ => column::text(batch, &self.options.target.column())?
                .unwrap_or_else(|| StringArray::new_null(batch.num_rows())),
        };
        let columns = self.options.columns.iter();
        let vectors = columns.map(|name| column::vectors(batch, name, &self.name)).collect::<Result<Vec<_>, _>>()?;
        self.checks.iter_mut().try_for_each(|check| check.look(batch))?;
        for (row, content) in hashes.into_iter().enumerate() {
            self.count += 1;
            let parts = vectors.iter().map(|vectors| vectors.get(row)).collect::<Option<Vec<_>>>();
            let failed = column::cell(errors.as_ref(), row).is_some();
            let (Some(parts), Some(label)) = (parts, column::cell(Some(&labels), row)) else { continue };
            // Of a mixture no class is the right one.
            let is_mixture = soft.as_ref().is_some_and(|soft| soft.get(row).is_some());
            if failed || is_mixture || parts.iter().any(|part| Unfit::problem(part).is_some()) {
                continue;
            }
            let vector = parts.concat();
            let class = self.names.number(label);
            if class as usize == self.ids.len() {
                self.ids.push(ids.as_ref().and_then(|ids| value(ids, row)));
            }
            if self.rows.is_none() {
                self.rows = Some(RowsBuilder::new(vector.len())?);
            }
            self.rows.as_mut().expect("it was made above").push(&vector, class)?;
            self.places.push(self.count - 1);
            let content = content.unwrap_or_else(|| *blake3::hash(keys.value(row).as_bytes()).as_bytes());
            self.contents.push(u64::from_le_bytes(*content.first_chunk().expect("a digest is longer")));
        }
        Ok(())
    }
}

fn value(ids: &Int32Array, row: usize) -> Option<i32> {
    ids.is_valid(row).then(|| ids.value(row))
}

/// The rows that are judged, dealt into folds.
struct Crossed {
    features: Vec<Feature>,
    classes: Vec<Class>,
    rows: Rows,
    folds: Vec<u16>,
    places: Vec<u64>,
    count: u64,
}

/// The probabilities of all classes, row by row, and how many rows are right or could not be.
struct Judged {
    probabilities: ScalarBuffer<f32>,
    right: u64,
    alone: u64,
}

impl Crossed {
    fn judge(&self, options: &Options, folds: usize, progress: &mut dyn Progress) -> Result<Judged, Failure> {
        let (plan, temperature) = self.choose(options, progress)?;
        let width = self.classes.len();
        let file = tempfile::tempfile().map_err(io::Error::temporary)?;
        let (mut right, mut alone) = (0, 0);
        for fold in 0..folds as u16 {
            let (rest, own) = self.rows.divide(|row| self.folds[row] != fold)?;
            if own.is_empty() {
                progress.advance(1);
                continue;
            }
            let none = RowsBuilder::new(own.dimension)?.finish()?;
            let mut head = self.learn(&plan, &rest, &none, progress)?;
            head.doubt.temperature = temperature;
            let mut learnt = vec![false; width];
            rest.classes.iter().for_each(|&class| learnt[class as usize] = true);
            alone += own.classes.iter().filter(|&&class| !learnt[class as usize]).count() as u64;
            let numbers: Vec<usize> = (0..self.rows.len()).filter(|&row| self.folds[row] == fold).collect();
            own.blocks(|first, features| {
                for (at, verdict) in (first..).zip(head.judge(features, width)) {
                    let mut probabilities = vec![0.0f32; width];
                    for &(class, score) in verdict.best.iter().filter(|(class, _)| learnt[*class as usize]) {
                        probabilities[class as usize] = score;
                    }
                    let best = verdict.best.iter().find(|(class, _)| learnt[*class as usize]);
                    right += u64::from(best.is_some_and(|&(class, _)| class == own.classes[at]));
                    put(&file, numbers[at], &probabilities).map_err(io::Error::temporary)?;
                }
                Ok::<(), Failure>(())
            })?;
            progress.advance(1);
        }
        let bytes = io::map_file(&file).map_err(io::Error::temporary)?;
        let probabilities = ScalarBuffer::new(Buffer::from(bytes), 0, self.rows.len() * width);
        Ok(Judged { probabilities, right, alone })
    }

    /// What is chosen once: the plan with its settings, and the temperature.
    fn choose(&self, options: &Options, progress: &mut dyn Progress) -> Result<(Plan, f32), Failure> {
        let (rest, first) = self.rows.divide(|row| self.folds[row] != 0)?;
        let head = self.learn(&options.plan, &rest, &first, progress)?;
        progress.advance(1);
        let chosen = |name: &str| head.facts.get(name).and_then(serde_json::Value::as_f64);
        let plan = Plan {
            l2: options.plan.l2.or_else(|| chosen("l2")),
            neighbours: options.plan.neighbours.or_else(|| chosen("neighbours").map(|n| n as usize)),
            ..options.plan.clone()
        };
        Ok((plan, head.doubt.temperature))
    }

    fn learn(&self, plan: &Plan, rows: &Rows, validation: &Rows, progress: &mut dyn Progress) -> Result<Head, Failure> {
        let mut watch = |_: &_| if progress.is_cancelled() { Err(Failure::cancelled()) } else { Ok::<(), Failure>(()) };
        let what = ("label", self.features.clone(), self.classes.clone());
        Ok(train(plan, what, (rows, validation), None, &mut watch)?.0)
    }
}

fn put(file: &File, row: usize, numbers: &[f32]) -> std::io::Result<()> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
    file.write_all_at(&bytes, (row * bytes.len()) as u64)
}

/// The table, with what was said of its rows.
fn write(
    table: Table,
    sample: &Crossed,
    probabilities: &ScalarBuffer<f32>,
    footer: &Provenance,
    start: impl FnOnce(&SchemaRef, &Provenance) -> Result<Writer, Failure>,
) -> Result<(), Failure> {
    let width = sample.classes.len();
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let all = DataType::FixedSizeList(item.clone(), i32::try_from(width).expect("classes fit into memory"));
    let schema = [
        column::field(&column::prediction(1), DataType::Utf8),
        column::field(&column::score(1), DataType::Float32),
        column::field(&column::prediction(2), DataType::Utf8),
        column::field(&column::score(2), DataType::Float32),
        column::field(LABEL_SCORE, DataType::Float32),
        column::field(FOLD, DataType::UInt16),
        column::field(PROBABILITIES, all),
    ]
    .into_iter()
    .fold(table.schema.clone(), |schema, field| column::put_field(&schema, field));
    let mut writer = start(&schema, footer)?;
    let (mut first, mut next) = (0u64, 0usize);
    for batch in table {
        let batch = batch?;
        let end = first + batch.num_rows() as u64;
        let own: Vec<Option<usize>> = (first..end)
            .map(|place| {
                let row = next;
                let is_judged = sample.places.get(row) == Some(&place);
                next += usize::from(is_judged);
                is_judged.then_some(row)
            })
            .collect();
        first = end;
        let of = |row: usize| &probabilities[row * width..(row + 1) * width];
        let ranked: Vec<Option<[(usize, f32); 2]>> = own.iter().map(|row| row.map(|row| best_two(of(row)))).collect();
        let text = |place: usize| -> ArrayRef {
            let name = |best: &Option<[(usize, f32); 2]>| best.map(|best| sample.classes[best[place].0].label.as_str());
            Arc::new(ranked.iter().map(name).collect::<StringArray>())
        };
        let score = |place: usize| -> ArrayRef {
            Arc::new(ranked.iter().map(|best| best.map(|best| best[place].1)).collect::<Float32Array>())
        };
        let label_score = own.iter().map(|row| row.map(|row| of(row)[sample.rows.classes[row] as usize]));
        let folds = own.iter().map(|row| row.map(|row| sample.folds[row]));
        let none = vec![0.0; width];
        let numbers = own.iter().flat_map(|row| row.map_or(&none[..], of)).copied();
        let all = FixedSizeListArray::new(
            item.clone(),
            width as i32,
            Arc::new(Float32Array::from_iter_values(numbers)),
            Some(NullBuffer::from_iter(own.iter().map(Option::is_some))),
        );
        let columns: [(&str, ArrayRef); 7] = [
            (&column::prediction(1), text(0)),
            (&column::score(1), score(0)),
            (&column::prediction(2), text(1)),
            (&column::score(2), score(1)),
            (LABEL_SCORE, Arc::new(label_score.collect::<Float32Array>())),
            (FOLD, Arc::new(folds.collect::<UInt16Array>())),
            (PROBABILITIES, Arc::new(all)),
        ];
        writer.write(&column::put(&batch, &schema, &columns))?;
    }
    Ok(writer.finish()?)
}

/// The two greatest, and where they are; of equal ones the first.
fn best_two(scores: &[f32]) -> [(usize, f32); 2] {
    let mut best = [(0, f32::NEG_INFINITY); 2];
    for (at, &score) in scores.iter().enumerate() {
        if score > best[0].1 {
            best = [(at, score), best[0]];
        } else if score > best[1].1 {
            best[1] = (at, score);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_in_one_fold_and_classes_in_all() {
        let contents: Vec<u64> = (0..60).map(|row| if row >= 50 { row - 50 } else { row }).collect();
        let classes: Vec<u32> = (0..60).map(|row| row % 3).collect();
        let folds = deal(&contents, &classes, 5, 0);
        assert!((50..60).all(|row| folds[row] == folds[row - 50]));
        for class in 0..3 {
            let counts = (0..5).map(|fold| (0..50).filter(|&r| classes[r] == class && folds[r] == fold).count());
            assert!(counts.clone().all(|count| (3..=4).contains(&count)), "{:?}", counts.collect::<Vec<_>>());
        }
        assert_ne!(folds, deal(&contents, &classes, 5, 1));
        assert_eq!(best_two(&[0.1, 0.4, 0.4, 0.1]), [(1, 0.4), (2, 0.4)]);
    }
}
