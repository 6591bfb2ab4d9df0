//! The report: tables, figures and a page, in one folder that holds nothing else.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field};
use serde_json::{Map, Value};

use super::answers::{self, Columns};
use super::compare::Comparison;
use super::figures::{self, Figures, write_table};
use super::page;
use crate::failure::Failure;
use crate::image::{self, Colour, Encoding, Filter, Fit};
use crate::io::{self, Error, Sink};
use crate::metrics::{BINS, Class, NO_CLASS, RiskPoint, Sample};
use crate::output::ensure_folder;
use crate::progress::Progress;
use crate::runs::Point;
use crate::table::{Images, Source, column};

/// Confused pairs that the page shows, and the edge of their pictures in pixels.
const PAIRS: usize = 12;
const EDGE: u32 = 120;
/// Rows of a table that are written at once.
const BLOCK: usize = 8192;

/// All that a report is made of.
pub struct Contents<'a> {
    pub source: &'a Source,
    pub columns: &'a Columns,
    pub sample: &'a Sample,
    /// Names of the sample's classes by their numbers, in the order of their bytes.
    pub names: &'a [&'a str],
    pub figures: &'a Figures,
    /// The column whose values the groups are.
    pub by: Option<&'a str>,
    pub groups: &'a [(String, Figures)],
    pub comparison: Option<&'a Comparison>,
    /// The number of a run and how its training went.
    pub curve: Option<(i32, &'a [Point])>,
    pub head: Option<&'a str>,
}

/// A class taken for another, with a picture of each.
pub struct Pair {
    pub truth: u32,
    pub prediction: u32,
    pub count: u64,
    /// A row of the one class that was taken for the other, the surest of them.
    pub mistake: Option<Shown>,
    /// A row that is of the other class.
    pub example: Option<Shown>,
}

/// A row to show.
pub struct Shown {
    pub key: String,
    pub score: Option<f64>,
    /// A small JPEG, where the picture can be read.
    pub picture: Option<Vec<u8>>,
    row: u64,
    right: bool,
}

/// The file that names all others of a report with the BLAKE3 of their bytes: by it the next report knows its own.
const MANIFEST: &str = "files.json";
const PAGE: &str = "report.html";
const FILES: [&str; 8] = [
    "metrics.json",
    "classes.csv",
    "classes.parquet",
    "confusion.parquet",
    "reliability.parquet",
    "risk_coverage.parquet",
    "predictions.csv",
    PAGE,
];

/// How a report keeps its [`MANIFEST`].
struct Own;

impl io::Record for Own {
    fn manifest(&self) -> &'static str {
        MANIFEST
    }

    fn read(&mut self, manifest: &Path, made: &mut dyn FnMut(&str, io::Digest)) -> bool {
        let bytes = std::fs::read(manifest).unwrap_or_default();
        let object: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let Some(files) = object["report"].as_object() else { return false };
        for (file, digest) in files {
            if let Some(digest) = digest.as_str().and_then(|hex| blake3::Hash::from_hex(hex).ok()) {
                made(file, *digest.as_bytes());
            }
        }
        true
    }
}

/// The folder of a report: an empty one, or one with nothing but an earlier report.
pub struct Folder {
    folder: io::Folder,
    /// Files that are whole; they get their names together, the page last.
    whole: Vec<Sink>,
}

impl Folder {
    /// Makes the folder where it is missing, before any work is done. `inputs` may not lie in it; `beside` are files that
    /// the same command keeps there.
    ///
    /// # Errors
    /// It holds something else, or cannot be made or written.
    pub fn open(path: &Path, inputs: &[&Path], beside: &[&Path]) -> Result<Folder, Failure> {
        ensure_folder(path)?;
        let mut within = io::Within::new(path);
        inputs.iter().try_for_each(|input| within.refuse(input))?;
        let folder = io::Folder::open(path, "report", None, &mut Own)?;
        let is_beside = |file: &str| beside.iter().any(|own| **own == folder.join(file));
        folder.require_alone(is_beside, 1)?;
        folder.claim(&FILES, 1)?;
        folder.begin()?;
        Ok(Folder { folder, whole: Vec::new() })
    }

    /// Writes every file of the report, the page last.
    pub fn write(mut self, contents: &Contents, ui: &mut dyn Progress) -> Result<(), Failure> {
        self.figures(contents)?;
        self.classes(contents)?;
        self.confusion(contents)?;
        self.reliability(contents.sample)?;
        self.risk_coverage(contents.sample)?;
        let mut pairs = worst_pairs(contents.sample);
        ui.start("report", Some(contents.sample.len() as u64));
        self.predictions(contents, &mut pairs, ui)?;
        ui.finish();
        read_pictures(contents, &mut pairs)?;
        let mut page = self.sink(PAGE)?;
        page.write_all(page::html(contents, &pairs).as_bytes()).map_err(page.failure())?;
        self.whole.push(page);
        let Folder { folder, whole } = self;
        Sink::finish_all(whole)?;
        let digests = folder.others().into_iter();
        let digests: Map<String, Value> =
            digests.map(|(file, digest)| (file, blake3::Hash::from_bytes(digest).to_hex().as_str().into())).collect();
        let mut manifest = folder.create(MANIFEST)?;
        writeln!(manifest, "{:#}", serde_json::json!({ "report": digests })).map_err(manifest.failure())?;
        manifest.finish()?;
        folder.remove_stale()?;
        folder.complete();
        ui.warn(&format!("{}: the report, a page for the browser", folder.join(PAGE).display()));
        Ok(())
    }

    fn sink(&self, name: &str) -> Result<Sink, Failure> {
        Ok(self.folder.create(name)?)
    }

    fn lost<E: Into<std::io::Error>>(&self, name: &str) -> impl Fn(E) -> Failure + use<E> {
        let path = self.folder.join(name);
        move |e| Error::Write { path: path.clone(), source: e.into() }.into()
    }

    fn figures(&mut self, contents: &Contents) -> Result<(), Failure> {
        let object = figures::object(contents.by, contents.groups, contents.figures);
        let mut sink = self.sink("metrics.json")?;
        serde_json::to_writer_pretty(&mut sink, &object).map_err(self.lost("metrics.json"))?;
        writeln!(sink).map_err(self.lost("metrics.json"))?;
        self.whole.push(sink);
        Ok(())
    }

    fn classes(&mut self, contents: &Contents) -> Result<(), Failure> {
        let classes = contents.sample.classes();
        let name = |class: &Class| contents.names[class.class as usize];
        let mut writer = csv::Writer::from_writer(self.sink("classes.csv")?);
        let lost = self.lost::<csv::Error>("classes.csv");
        writer.write_record(["label", "precision", "recall", "f1", "support", "predicted"]).map_err(&lost)?;
        for class in &classes {
            let numbers = [class.precision(), class.recall(), class.f1()].map(|n| n.to_string());
            let counts = [class.support, class.predicted].map(|n| n.to_string());
            let cells = [name(class).to_string()].into_iter().chain(numbers).chain(counts);
            writer.write_record(cells).map_err(&lost)?;
        }
        let text = writer.into_inner().map_err(|e| self.lost("classes.csv")(e.into_error()))?;
        self.whole.push(text);

        let numbers = |of: fn(&Class) -> f64| float64(classes.iter().map(|c| Some(of(c))));
        let counts = |of: fn(&Class) -> u64| int64(classes.iter().map(of));
        let arrays = vec![
            Arc::new(StringArray::from_iter_values(classes.iter().map(name))) as ArrayRef,
            numbers(Class::precision),
            numbers(Class::recall),
            numbers(Class::f1),
            counts(|c| c.support),
            counts(|c| c.predicted),
        ];
        let mut fields = vec![column::field("label", DataType::Utf8)];
        fields.extend(["precision", "recall", "f1"].map(|name| column::field(name, DataType::Float64)));
        fields.extend(["support", "predicted"].map(|name| column::field(name, DataType::Int64)));
        let table = write_table(self.sink("classes.parquet")?, "classes", fields, vec![arrays])?;
        self.whole.push(table);
        Ok(())
    }

    fn confusion(&mut self, contents: &Contents) -> Result<(), Failure> {
        let confusion = contents.sample.confusion();
        let name = |class: u32| contents.names.get(class as usize).copied();
        let truths: StringArray = confusion.keys().map(|(truth, _)| name(*truth)).collect();
        let predictions: StringArray = confusion.keys().map(|(_, prediction)| name(*prediction)).collect();
        let counts = int64(confusion.values().copied());
        let mut fields = vec![column::field("truth", DataType::Utf8), column::field("prediction", DataType::Utf8)];
        fields.push(column::field("count", DataType::Int64));
        let arrays: Vec<ArrayRef> = vec![Arc::new(truths), Arc::new(predictions), counts];
        let table = write_table(self.sink("confusion.parquet")?, "confusion", fields, vec![arrays])?;
        self.whole.push(table);
        Ok(())
    }

    /// A row for each bin; none where there are no scores.
    fn reliability(&mut self, sample: &Sample) -> Result<(), Failure> {
        let bins = sample.reliability().map(Vec::from).unwrap_or_default();
        let edge = |i: usize| Some(i as f64 / BINS as f64);
        let arrays = vec![
            float64((0..bins.len()).map(edge)),
            float64((1..=bins.len()).map(edge)),
            int64(bins.iter().map(|bin| bin.rows)),
            float64(bins.iter().map(|bin| bin.mean_score())),
            float64(bins.iter().map(|bin| bin.accuracy())),
        ];
        let mut fields: Vec<Field> = ["low", "high"].map(|name| column::field(name, DataType::Float64)).into();
        fields.push(column::field("rows", DataType::Int64));
        fields.extend(["mean_score", "accuracy"].map(|name| column::field(name, DataType::Float64)));
        let table = write_table(self.sink("reliability.parquet")?, "reliability", fields, vec![arrays])?;
        self.whole.push(table);
        Ok(())
    }

    fn risk_coverage(&mut self, sample: &Sample) -> Result<(), Failure> {
        let points: Vec<RiskPoint> = sample.risk_coverage().collect();
        let block = |points: &[RiskPoint]| {
            let numbers = |of: fn(&RiskPoint) -> f64| float64(points.iter().map(|p| Some(of(p))));
            vec![numbers(|p| p.score), numbers(|p| p.coverage), numbers(|p| p.risk)]
        };
        let fields = ["score", "coverage", "risk"].map(|name| column::field(name, DataType::Float64));
        let blocks = points.chunks(BLOCK).map(block).collect();
        let table = write_table(self.sink("risk_coverage.parquet")?, "risk_coverage", fields.into(), blocks)?;
        self.whole.push(table);
        Ok(())
    }

    /// Writes every prediction that was looked at, and picks the rows that the page shows.
    fn predictions(&mut self, contents: &Contents, pairs: &mut [Pair], ui: &mut dyn Progress) -> Result<(), Failure> {
        let mut picker = Picker::new(contents.names, pairs);
        let mut writer = csv::Writer::from_writer(self.sink("predictions.csv")?);
        let lost = self.lost::<csv::Error>("predictions.csv");
        writer.write_record(["file", "true", "predicted", "confidence", "correct"]).map_err(&lost)?;
        let table = contents.source.table(Some(&|name| contents.columns.wants(name)))?;
        let mut row = 0;
        answers::each(
            table,
            contents.columns,
            |answer| {
                if !answer.failed {
                    let file = answer.path.unwrap_or(answer.key);
                    let correct = answer.truth.map(|truth| (Some(truth) == answer.best).to_string());
                    let confidence = answer.score.map(shortest).unwrap_or_default();
                    let (truth, best) = (answer.truth.unwrap_or_default(), answer.best.unwrap_or_default());
                    let correct = correct.unwrap_or_default();
                    writer.write_record([file, truth, best, &confidence, &correct]).map_err(&lost)?;
                    picker.look(row, &answer);
                }
                row += 1;
                Ok(())
            },
            |rows| ui.advance(rows),
        )?;
        let text = writer.into_inner().map_err(|e| self.lost("predictions.csv")(e.into_error()))?;
        self.whole.push(text);
        Ok(())
    }
}

/// A score as its 32 bits have it, if it came from so many: 0.7, not 0.699999988079071.
fn shortest(score: f64) -> String {
    let narrow = score as f32;
    if f64::from(narrow) == score { narrow.to_string() } else { score.to_string() }
}

fn float64(numbers: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(numbers.collect::<Float64Array>())
}

fn int64(counts: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(counts.map(|count| i64::try_from(count).ok()).collect::<Int64Array>())
}

/// The classes that were most often taken for others.
fn worst_pairs(sample: &Sample) -> Vec<Pair> {
    let wrong = |&((truth, prediction), _): &((u32, u32), u64)| truth != prediction && prediction != NO_CLASS;
    let mut worst: Vec<((u32, u32), u64)> = sample.confusion().into_iter().filter(wrong).collect();
    worst.sort_by_key(|&(pair, count)| (std::cmp::Reverse(count), pair));
    let pair = |((truth, prediction), count)| Pair { truth, prediction, count, mistake: None, example: None };
    worst.into_iter().take(PAIRS).map(pair).collect()
}

/// Picks a mistake of every pair, and an example of every class that something was taken for.
struct Picker<'a> {
    names: &'a [&'a str],
    pairs: &'a mut [Pair],
    /// Where a pair is, and which pairs end in a class.
    mistakes: HashMap<(u32, u32), usize>,
    examples: HashMap<u32, Vec<usize>>,
}

impl<'a> Picker<'a> {
    fn new(names: &'a [&'a str], pairs: &'a mut [Pair]) -> Picker<'a> {
        let mut mistakes = HashMap::new();
        let mut examples: HashMap<u32, Vec<usize>> = HashMap::new();
        for (at, pair) in pairs.iter().enumerate() {
            mistakes.insert((pair.truth, pair.prediction), at);
            examples.entry(pair.prediction).or_default().push(at);
        }
        Picker { names, pairs, mistakes, examples }
    }

    fn look(&mut self, row: u64, answer: &answers::Answer) {
        let number = |name: &str| self.names.binary_search(&name).ok().and_then(|at| u32::try_from(at).ok());
        let (Some(truth), best) = (answer.truth.and_then(number), answer.best.and_then(number)) else { return };
        let right = best == Some(truth);
        let score = answer.score;
        let shown = || Shown { key: answer.key.into(), score, picture: None, row, right };
        let better = |old: &Option<Shown>| old.as_ref().is_none_or(|old| (right, score) > (old.right, old.score));
        if let Some(&at) = best.and_then(|best| self.mistakes.get(&(truth, best)))
            && better(&self.pairs[at].mistake)
        {
            self.pairs[at].mistake = Some(shown());
        }
        for &at in self.examples.get(&truth).into_iter().flatten() {
            if better(&self.pairs[at].example) {
                self.pairs[at].example = Some(shown());
            }
        }
    }
}

/// Gives the rows that were picked their pictures; one that cannot be read goes without. Rows are numbered as they were
/// when they were picked: those of the split alone, where one was asked for.
fn read_pictures(contents: &Contents, pairs: &mut [Pair]) -> Result<(), Failure> {
    let mut wanted: HashMap<u64, Vec<&mut Shown>> = HashMap::new();
    for shown in pairs.iter_mut().flat_map(|pair| [&mut pair.mistake, &mut pair.example]).flatten() {
        wanted.entry(shown.row).or_default().push(shown);
    }
    let needed = [column::KEY, column::PATH, column::IMAGE, column::SPLIT];
    let table = contents.source.table(Some(&|name| needed.contains(&name)))?;
    if wanted.is_empty() || !(table.has(column::PATH) || table.has(column::IMAGE)) {
        return Ok(());
    }
    let mut first = 0;
    for batch in table.with_keys() {
        let batch = contents.columns.chosen(&batch?)?;
        for i in 0..batch.num_rows() {
            let Some(shown) = wanted.remove(&(first + i as u64)) else { continue };
            // A column `image` of another program may be anything.
            let Ok(images) = Images::of(&batch) else { return Ok(()) };
            let picture = images.read(i).ok().and_then(|bytes| thumbnail(&bytes));
            shown.into_iter().for_each(|shown| shown.picture = picture.clone());
        }
        first += batch.num_rows() as u64;
        if wanted.is_empty() {
            break;
        }
    }
    Ok(())
}

/// A picture made small, as JPEG.
fn thumbnail(bytes: &[u8]) -> Option<Vec<u8>> {
    let rgb = image::decode_for(bytes, Colour::WHITE, Some(EDGE)).ok()?;
    let small = rgb.resize(EDGE, EDGE, Fit::Pad, Filter::Lanczos, Colour::WHITE);
    image::encode(&small, Encoding::Jpeg).ok()
}
