//! The report: tables, figures and a page, in one folder that holds nothing else.

mod page;
mod pairs;
mod plots;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field};
use serde_json::{Map, Value};

use super::formats::{self, write_table};
use super::{Evaluation, answers};
use crate::failure::Failure;
use crate::io::{self, Error, Sink};
use crate::metrics::{BINS, Class, RiskPoint, Sample};
use crate::output::ensure_folder;
use crate::progress::Progress;
use crate::runs::{Point, Run};
use crate::stage::go_on;
use crate::table::column;
use pairs::{Pair, Picker};

/// Rows of a table that are written at once.
const BLOCK: usize = 8192;

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
pub struct Report {
    folder: io::Folder,
    /// Files that are whole; they get their names together, the page last.
    whole: Vec<Sink>,
}

impl Report {
    /// Makes the folder where it is missing, before any work is done. `inputs` may not lie in it; `beside` are files that
    /// the same command keeps there.
    ///
    /// # Errors
    /// It holds something else, or cannot be made or written.
    pub fn open(path: &Path, inputs: &[&Path], beside: &[&Path]) -> Result<Report, Failure> {
        ensure_folder(path)?;
        let mut within = io::Within::new(path);
        inputs.iter().try_for_each(|input| within.refuse(input))?;
        let folder = io::Folder::open(path, "report", None, &mut Own)?;
        let is_beside = |file: &str| beside.iter().any(|own| **own == folder.join(file));
        folder.require_alone(is_beside, 1)?;
        folder.claim(&FILES, 1)?;
        folder.begin()?;
        Ok(Report { folder, whole: Vec::new() })
    }

    /// Writes every file of the report, the page last; the training curve is that of one of `runs`.
    ///
    /// # Errors
    /// The predictions cannot be read again, or a file cannot be written.
    pub fn write(
        mut self,
        evaluation: &Evaluation,
        runs: &[(i32, Run)],
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        self.figures(evaluation)?;
        self.classes(evaluation)?;
        self.confusion(evaluation)?;
        self.reliability(&evaluation.sample)?;
        self.risk_coverage(&evaluation.sample)?;
        let mut pairs = pairs::worst(&evaluation.sample);
        progress.start("report", Some(evaluation.sample.len() as u64));
        self.predictions(evaluation, &mut pairs, progress)?;
        progress.finish();
        pairs::read_pictures(evaluation, &mut pairs)?;
        let mut page = self.sink(PAGE)?;
        let html = page::html(evaluation, curve(runs, evaluation.head.as_deref()), &pairs);
        page.write_all(html.as_bytes()).map_err(page.failure())?;
        self.whole.push(page);
        let Report { folder, whole } = self;
        Sink::finish_all(whole)?;
        let digests = folder.others().into_iter();
        let digests: Map<String, Value> =
            digests.map(|(file, digest)| (file, blake3::Hash::from_bytes(digest).to_hex().as_str().into())).collect();
        let mut manifest = folder.create(MANIFEST)?;
        writeln!(manifest, "{:#}", serde_json::json!({ "report": digests })).map_err(manifest.failure())?;
        manifest.finish()?;
        folder.remove_stale()?;
        folder.complete();
        progress.warn(&format!("{}: the report, a page for the browser", folder.join(PAGE).display()));
        Ok(())
    }

    fn sink(&self, name: &str) -> Result<Sink, Failure> {
        Ok(self.folder.create(name)?)
    }

    fn lost<E: Into<std::io::Error>>(&self, name: &str) -> impl Fn(E) -> Failure + use<E> {
        let path = self.folder.join(name);
        move |e| Error::Write { path: path.clone(), source: e.into() }.into()
    }

    fn figures(&mut self, evaluation: &Evaluation) -> Result<(), Failure> {
        let object = formats::object(evaluation);
        let mut sink = self.sink("metrics.json")?;
        serde_json::to_writer_pretty(&mut sink, &object).map_err(self.lost("metrics.json"))?;
        writeln!(sink).map_err(self.lost("metrics.json"))?;
        self.whole.push(sink);
        Ok(())
    }

    fn classes(&mut self, evaluation: &Evaluation) -> Result<(), Failure> {
        let classes = evaluation.sample.classes();
        let name = |class: &Class| evaluation.classes[class.class as usize].as_str();
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

    fn confusion(&mut self, evaluation: &Evaluation) -> Result<(), Failure> {
        let confusion = evaluation.sample.confusion();
        let name = |class: u32| evaluation.classes.get(class as usize).map(String::as_str);
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
    fn predictions(
        &mut self,
        evaluation: &Evaluation,
        pairs: &mut [Pair],
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        let predictions = &evaluation.predictions;
        let mut picker = Picker::new(&evaluation.classes, pairs);
        let mut writer = csv::Writer::from_writer(self.sink("predictions.csv")?);
        let lost = self.lost::<csv::Error>("predictions.csv");
        writer.write_record(["file", "true", "predicted", "confidence", "correct"]).map_err(&lost)?;
        let table = predictions.source.table(Some(&|name| predictions.columns.wants(name)))?;
        let mut row = 0;
        answers::each(
            table,
            &predictions.columns,
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
            |rows| {
                progress.advance(rows);
                go_on(progress)
            },
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

/// The training curve of a log, and the number of its run: that of this head, else the latest.
fn curve<'a>(runs: &'a [(i32, Run)], head: Option<&str>) -> Option<(i32, &'a [Point])> {
    let curves = || runs.iter().rev().filter_map(|(number, run)| Some((*number, run, run.curve.as_deref()?)));
    let own = curves().find(|(_, run, _)| head.is_some() && run.head.as_deref() == head);
    own.or_else(|| curves().next()).map(|(number, _, points)| (number, points))
}
