//! `train --method adapter`: from vectors with classes or captions to a model of one's own: the one that made the vectors, and a
//! linear map of what its pictures have.
//!
//! Hides: what a class is compared with, which captions are told apart. Promises: rows of the test are never looked at;
//! the same table and options make the same folder, whatever the number of threads.

mod pairs;

use std::fmt;
use std::path::Path;

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::Target;
use super::columns::feature;
use crate::failure::Failure;
use crate::head::{Course, Figures, Rows, RowsBuilder, Taught, Term, adapt as learn, means, suited};
use crate::index::{self, Check};
use crate::model::{self, Adapter, Device, Engine, Model, ModelId, TextTower, Use};
use crate::progress::Progress;
use crate::runs::{self, Run};
use crate::stage;
use crate::table::{Table, column};
use crate::words::{left_out, printable, rows};
use pairs::{Gather, Half, Pairs};

/// What an adapter is learnt from, and how.
#[derive(Debug, Clone)]
pub struct AdapterOptions {
    /// The column that holds the class.
    pub target: Target,
    /// The column that holds the vectors.
    pub column: String,
    /// The column that holds a caption of each picture.
    pub captions: Option<String>,
    /// The model that made the vectors, by name or folder; `None`: the installed one that the table names.
    pub model: Option<String>,
    /// The share of each class that is set aside to choose by, where the table has no validation; 0: none.
    pub validation: f64,
    /// Another number sets other rows aside.
    pub seed: u64,
    /// The penalty, and how long it is learnt.
    pub course: Course,
    /// Files of others in the folder may be replaced.
    pub force: bool,
    /// On so many threads; the model does not depend on it.
    pub threads: usize,
}

impl Default for AdapterOptions {
    /// From `label` and `embedding`, the penalty chosen by the validation, or by 15 % of each class.
    fn default() -> AdapterOptions {
        AdapterOptions {
            target: Target::Label,
            column: column::EMBEDDING.into(),
            captions: None,
            model: None,
            validation: 0.15,
            seed: 0,
            course: Course { l2: None, iterations: 500, tolerance: 3e-4 },
            force: false,
            threads: stage::processors(),
        }
    }
}

/// Learns an adapter from a table, and writes its folder to `out`.
///
/// # Errors
/// A column is missing, vectors are no good, of two models, of an adapter or of a model that is not here, nothing is there to
/// learn from or to choose by, the folder holds somebody's files, or nobody wants it any more.
pub fn adapt(
    table: Table,
    options: &AdapterOptions,
    out: &Path,
    progress: &mut dyn Progress,
) -> Result<Adapted, Failure> {
    if options.validation == 0.0 && options.course.l2.is_none() {
        return Err(Failure::usage(
            "--validation 0 leaves nothing to choose by",
            "say what is to be chosen: --l2 0.03",
        ));
    }
    table.require(&options.column)?;
    match &options.captions {
        Some(captions) => table.require(captions)?,
        None => table.require(&options.target.column())?,
    };
    let making = Adapter::place(out, options.force, options.threads)?;
    let pool = stage::pool(options.threads)?;
    let name = table.name.clone();
    let (base, pairs) = read(table, options, progress)?;
    progress.start("train", None);
    let lesson = pool.install(|| Lessons::of(pairs, &base, options, &name))?;
    let course = options.course;
    if course.l2.is_none() && lesson.validation.terms_of(&lesson).is_empty() {
        let what = format!("{name}: no row to choose the penalty by has a class that is learnt, or a caption");
        return Err(Failure::failed(what, Some("`pokedex split` divides every class; or say it: --l2 0.03".into())));
    }
    let terms = (lesson.train.terms_of(&lesson), lesson.validation.terms_of(&lesson));
    let taught = pool.install(|| {
        let mut watch = || {
            progress.advance(1);
            if progress.is_cancelled() { Err(Failure::cancelled()) } else { Ok(()) }
        };
        learn(base.dimension(), (&terms.0, &terms.1), course, &mut watch)
    })?;
    progress.finish();
    if taught.after.loss > taught.before.loss {
        progress.warn(&format!("{name}: no penalty makes the validation better: the base is as good as it gets"));
    }
    let facts = lesson.facts(&taught);
    let id = Adapter::write(making, base.id(), options.model.as_deref(), &taught.weights, facts.clone())?;
    Ok(Adapted { id, base: base.id().clone(), input: name, facts, taught })
}

/// Reads the table, and finds the model that made its vectors.
fn read(table: Table, options: &AdapterOptions, progress: &mut dyn Progress) -> Result<(Model, Pairs), Failure> {
    let (name, provenance) = (table.name.clone(), table.provenance.clone());
    let mut check = Check::new(&name, &options.column);
    let mut gather = Gather::new(options.target, &options.column, options.captions.as_deref());
    progress.start("read", table.rows);
    for batch in table.with_unique_keys() {
        let batch = batch?;
        if progress.is_cancelled() {
            return Err(Failure::cancelled());
        }
        check.look(&batch)?;
        gather.batch(&batch, &name)?;
        progress.advance(batch.num_rows() as u64);
    }
    progress.finish();
    if gather.without_vector > 0 {
        progress.warn(&format!("{name}: {}", left_out(gather.without_vector)));
    }
    if gather.without_name > 0 {
        let count = rows(gather.without_name);
        progress.warn(&format!("{name}: {count} without a class and a caption left out"));
    }
    let made_by = feature(&options.column, &check, &provenance).model;
    let base = base(options, made_by.as_deref(), &name)?;
    let pairs = gather.finish((options.validation, options.seed), &name)?;
    if base.dimension() != check.dimension {
        let (index, query, dimension) = (check.dimension, base.id().to_string(), base.dimension());
        return Err(index::Error::OtherDimension { name, index, query, dimension }.into());
    }
    if pairs.set_aside {
        let (train, validation) = (pairs.train.count, pairs.validation.count);
        let what = format!("learns from {train} rows and sets {validation} aside to choose by");
        progress.warn(&format!("{name}: has no validation rows; {what}"));
    }
    Ok((base, pairs))
}

/// The model that made the vectors.
fn base(options: &AdapterOptions, made_by: Option<&str>, name: &str) -> Result<Model, Failure> {
    let made_by = made_by.map(model::short_id);
    let model = match (&options.model, &made_by) {
        (Some(named), _) => Model::find(named, Engine::Auto)?,
        (None, Some(id)) => Model::of(id).ok_or_else(|| {
            let what = format!("{name}: its vectors were made by {id}, which is not installed");
            let folder = id.split('@').next().unwrap_or(id);
            Failure::failed(what, Some(format!("name its folder: --model ./{folder}")))
        })?,
        (None, None) => return Err(index::Error::NoModel { name: name.into() }.into()),
    };
    if let Some(adapter) = model.adapter() {
        let what = format!("{}: adapts {} already", model.id(), adapter.base);
        let hint = "learn from the vectors of that model, of all rows at once: an adapter is no base of another";
        return Err(Failure::failed(what, Some(hint.into())));
    }
    match made_by.filter(|id| *id != model.id().to_string()) {
        Some(id) => Err(index::other_model(name, &id, &model).into()),
        None => Ok(model),
    }
}

/// What is learnt from and chosen by, with the vectors of classes and captions.
struct Lessons {
    train: Side,
    validation: Side,
    labels: usize,
    /// A vector for each class; empty where classes are not learnt from.
    anchors: Vec<f32>,
    by_text: bool,
    scales: [f64; 2],
}

/// One side of a division.
struct Side {
    half: Half,
    /// The captions' vectors, side by side with the pictures'.
    captions: Rows,
}

impl Lessons {
    fn of(pairs: Pairs, base: &Model, options: &AdapterOptions, name: &str) -> Result<Lessons, Failure> {
        let dimension = base.dimension();
        let tower = || base.text_tower(Use::Bulk { calls: options.threads }, Device::Cpu);
        let Pairs { labels, captions, train, validation, .. } = pairs;
        let is_told = !captions.is_empty();
        if labels.len() < 2 && train.captioned.is_empty() {
            let what = match labels.first() {
                Some(label) => format!("{name}: all rows of train are {}", printable(label)),
                None => format!("{name}: no row of train has a class, and none a caption"),
            };
            let hint = "give it rows of at least two classes, or a column of texts: --captions COLUMN";
            return Err(Failure::failed(what, Some(hint.into())));
        }
        if is_told && !base.has_text() {
            let what = format!("model {}: reads no captions, having no text tower", base.id());
            return Err(Failure::failed(what, Some("leave --captions out, to learn from labels".into())));
        }
        let captions = if is_told { embed(&tower()?, &captions)? } else { Vec::new() };
        let captions = distinct(captions, dimension)?;
        let mut lessons = Lessons {
            train: Side::of(train, &captions)?,
            validation: Side::of(validation, &captions)?,
            labels: labels.len(),
            anchors: Vec::new(),
            by_text: false,
            scales: [1.0; 2],
        };
        // The scales suit what is chosen by, where there is something.
        let judged = |rows: fn(&Side) -> &Rows| {
            if rows(&lessons.validation).is_empty() { &lessons.train } else { &lessons.validation }
        };
        let (classes, texts) = (judged(|side| &side.half.labelled), judged(|side| &side.captions));
        let mut scales = [1.0; 2];
        if labels.len() > 1 {
            let rows = &classes.half.labelled;
            let means = means(&lessons.train.half.labelled, labels.len(), |_| ())?;
            let (scale, loss) = suited(dimension, Term::Labelled { rows, anchors: &means })?;
            let named = match base.has_text() && !lessons.validation.half.labelled.is_empty() {
                true => embed(&tower()?, &labels)?.into_iter().collect::<Option<Vec<_>>>(),
                false => None,
            };
            (lessons.anchors, scales[0]) = (means, scale);
            if let Some(named) = named.map(|named| named.concat()) {
                let (scale, by_names) = suited(dimension, Term::Labelled { rows, anchors: &named })?;
                if by_names < loss {
                    (lessons.anchors, scales[0], lessons.by_text) = (named, scale, true);
                }
            }
        }
        if !texts.captions.is_empty() {
            let (pictures, captions) = (&texts.half.captioned, &texts.captions);
            scales[1] = suited(dimension, Term::Captioned { pictures, captions })?.0;
        }
        lessons.scales = scales;
        Ok(lessons)
    }

    /// How it was learnt and what was measured, as the folder keeps it.
    fn facts(&self, taught: &Taught) -> Map<String, Value> {
        let mut facts = Map::new();
        let mut say = |name: &str, value: Option<Value>| facts.extend(value.map(|value| (name.to_string(), value)));
        let train = &self.train.half;
        if !self.anchors.is_empty() {
            say("classes", Some(self.labels.into()));
            say("classes_are", Some(if self.by_text { "texts" } else { "means of rows" }.into()));
            say("scale_of_classes", Some(self.scales[0].into()));
        }
        say("train_rows", Some(train.count.into()));
        if !train.captioned.is_empty() {
            say("train_captions", Some(train.captioned.len().into()));
            say("scale_of_captions", Some(self.scales[1].into()));
        }
        say("validation_rows", Some(self.validation.half.count.into()));
        say("l2", Some(taught.l2.into()));
        say("steps", Some(taught.steps.into()));
        say("objective", Some(rounded(taught.objective)));
        for (figures, when) in [(&taught.before, "_before"), (&taught.after, "")] {
            let measured = figures.top1.is_some() || figures.mrr.is_some();
            say(&format!("validation_loss{when}"), measured.then(|| rounded(figures.loss)));
            say(&format!("validation_top1{when}"), figures.top1.map(rounded));
            say(&format!("validation_mrr{when}"), figures.mrr.map(rounded));
        }
        facts
    }
}

impl Side {
    fn of(half: Half, captions: &(Rows, Vec<bool>)) -> Result<Side, Failure> {
        let (vectors, sound) = captions;
        let order: Vec<usize> =
            (0..half.captioned.len()).filter(|&row| sound[half.captioned.classes[row] as usize]).collect();
        let captioned = half.captioned.chosen(order)?;
        let captions = vectors.chosen(captioned.classes.iter().map(|&caption| caption as usize))?;
        Ok(Side { half: Half { captioned, ..half }, captions })
    }

    fn terms_of<'a>(&'a self, lessons: &'a Lessons) -> Vec<(Term<'a>, f64)> {
        let mut terms = Vec::new();
        if !lessons.anchors.is_empty() && !self.half.labelled.is_empty() {
            terms.push((Term::Labelled { rows: &self.half.labelled, anchors: &lessons.anchors }, lessons.scales[0]));
        }
        if !self.captions.is_empty() {
            let (pictures, captions) = (&self.half.captioned, &self.captions);
            terms.push((Term::Captioned { pictures, captions }, lessons.scales[1]));
        }
        terms
    }
}

/// Figures as people read them.
fn rounded(x: f64) -> Value {
    ((x * 1e6).round() / 1e6).into()
}

/// The vectors of texts; `None` of one that the model makes nothing of.
fn embed(tower: &TextTower, texts: &[String]) -> Result<Vec<Option<Vec<f32>>>, Failure> {
    let one = |text: &String| match tower.embed(text) {
        Err(model::Error::NoDirection { .. }) => Ok(None),
        vector => Ok(Some(vector?)),
    };
    texts.par_iter().map(one).collect()
}

/// Vectors in a temporary file, and which of them are there.
fn distinct(vectors: Vec<Option<Vec<f32>>>, dimension: usize) -> Result<(Rows, Vec<bool>), Failure> {
    let sound = vectors.iter().map(Option::is_some).collect();
    let mut rows = RowsBuilder::new(dimension)?;
    for (number, vector) in (0..).zip(vectors) {
        rows.push(&vector.unwrap_or_else(|| vec![0.0; dimension]), number)?;
    }
    Ok((rows.finish()?, sound))
}

/// A model that was made, and how that went; shown, it is a line for people.
pub struct Adapted {
    /// The new model.
    pub id: ModelId,
    /// The model that it adapts.
    pub base: ModelId,
    /// How it was learnt and what was measured, by name.
    pub facts: Map<String, Value>,
    /// What was read, as it was named.
    input: String,
    taught: Taught,
}

impl Adapted {
    /// A row for the log of runs.
    pub fn run(&self, options: &AdapterOptions, seconds: f64) -> Run {
        let settings = json!({
            "method": "adapter",
            "target": options.target.column(),
            "captions": options.captions,
            "features": [options.column],
            "models": [self.base.full()],
            "l2": options.course.l2,
            "steps": options.course.iterations,
            "tolerance": options.course.tolerance,
            "validation": options.validation,
            "seed": options.seed,
        });
        let point = |(iteration, train_loss, validation): &(usize, f64, Figures)| runs::Point {
            iteration: *iteration as i32,
            train_loss: Some(*train_loss),
            validation_loss: Some(validation.loss),
            validation_top1: validation.top1,
        };
        let after = &self.taught.after;
        Run {
            command: "train".into(),
            head: Some(self.id.to_string()),
            input: self.input.clone(),
            settings,
            figures: self.facts.clone().into(),
            top1: after.top1,
            loss: Some(after.loss),
            seconds: Some(seconds),
            curve: Some(self.taught.curve.iter().map(point).collect()),
            ..Run::default()
        }
    }
}

impl fmt::Display for Adapted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |name: &str| self.facts.get(name).and_then(Value::as_u64).unwrap_or(0);
        let Taught { l2, steps, before, after, .. } = &self.taught;
        write!(f, "{} adapts {}, from {}, l2 {l2}, {steps} steps", self.id, self.base, rows(count("train_rows")))?;
        if let (Some(before), Some(after)) = (before.top1, after.top1) {
            let (before, after) = (100.0 * before, 100.0 * after);
            write!(f, "; right in {after:.1} % of the validation, before {before:.1} %")?;
        }
        if let (Some(before), Some(after)) = (before.mrr, after.mrr) {
            write!(f, "; captions find their pictures, MRR {after:.3}, before {before:.3}")?;
        }
        Ok(())
    }
}
