//! Making a judge: of the built-in species, of words, of a trained head, of somebody else's model.

use std::collections::HashSet;
use std::path::Path;

use rayon::prelude::*;

use super::judge::Judge;
use super::sources::Wishes;
use crate::failure::Failure;
use crate::head::{Class, Doubt, Feature, Head, Method};
use crate::model::classifier::{Classifier, Detection};
use crate::model::{Model, Use, normalise};
use crate::progress::Progress;
use crate::species;
use crate::table::column;

/// What a cosine of the built-in model and of other models is multiplied by. CLIP and its kin are trained with (nearly) a
/// hundred; the built-in model is not: with 20 its calibration error, of species' names as words,
/// is 0.018 (`benches/classify.py`).
const SCALE_OF_BUILTIN: f32 = 20.0;
const SCALE: f32 = 100.0;

/// How sure the built-in classes are: temperature and logit are those by which `training/export.py` makes a picture's best
/// score of how likely it is right, so the probability is that (`training/doubt.py` measures it); below three in ten
/// nothing is told.
const POKEDEX: Doubt = Doubt { temperature: 0.03, unknown: Some(0.5), min_score: 0.3, min_margin: 0.0 };

/// A file of labels is not longer.
const MOST_LABELS: usize = 1 << 20;

/// The 1025 species, by the built-in model, or by one that adapts it: its texts, and so what a species is, are the same.
pub(super) fn pokedex(wishes: &Wishes) -> Result<Judge, Failure> {
    let model = match wishes.options.model.as_deref().filter(|name| *name != "unknown") {
        Some(name) => Model::find(name, wishes.options.engine)?,
        None => Model::builtin(),
    };
    if model.base() != Model::builtin().id() {
        let hint = "--labels FILE says which words to compare pictures with; or train a head on its vectors";
        return Err(Failure::usage(format!("--model {}: has no classes of its own", model.id()), hint));
    }
    let table = crate::table::Source::own(species::TABLE_NAME, species::TABLE).table(None)?;
    let mut head = empty(Method::Centroid, feature(&wishes.options.column, &model), POKEDEX);
    for batch in table {
        let batch = batch?;
        let vectors = column::vectors(&batch, column::EMBEDDING, species::TABLE_NAME)?;
        let labels = column::text(&batch, column::LABEL)?;
        let ids = column::ints(&batch, column::ID)?;
        for row in 0..batch.num_rows() {
            head.weights.extend_from_slice(vectors.get(row).unwrap_or_default());
            let label = labels.as_ref().map(|labels| labels.value(row).to_string()).unwrap_or_default();
            head.classes.push(Class { label, id: ids.as_ref().map(|ids| ids.value(row)), rows: 1 });
        }
    }
    let identity = format!("pokedex/{}", model.id());
    wishes.judge(head, identity)
}

/// A head that was trained.
pub(super) fn trained(wishes: &Wishes, path: &Path) -> Result<Judge, Failure> {
    let head = Head::read(path)?;
    let identity = head.identity();
    wishes.judge(head, identity)
}

/// Words to compare images with.
pub(super) fn zero_shot(
    wishes: &Wishes,
    file: &Path,
    prompts: &[String],
    scale: Option<f32>,
) -> Result<Judge, Failure> {
    let labels = labels(file)?;
    if let Some(prompt) = prompts.iter().find(|prompt| !prompt.contains("{}")) {
        return Err(Failure::usage(format!("--prompt \"{prompt}\": has no {{}}"), "--prompt \"a photo of a {}\""));
    }
    let prompts = if prompts.is_empty() { vec!["{}".to_string()] } else { prompts.to_vec() };
    let model = match wishes.options.model.as_deref() {
        Some(name) => Model::find(name, wishes.options.engine)?,
        None => wishes.model_of_table()?,
    };
    let builtin = model.base() == Model::builtin().id();
    let scale = scale.unwrap_or(if builtin { SCALE_OF_BUILTIN } else { SCALE });
    let doubt = Doubt { temperature: 1.0 / scale, ..Doubt::NONE };
    let mut head = empty(Method::Centroid, feature(&wishes.options.column, &model), doubt);
    let tower = model.text_tower(Use::Bulk { calls: wishes.options.threads }, wishes.options.device)?;
    let pool = crate::stage::pool(wishes.options.threads)?;
    let vectors: Result<Vec<Vec<f32>>, Failure> = pool.install(|| {
        let of_label = |label: &String| {
            // The mean of normalised vectors: every prompt counts the same (Radford et al., 2021, section 3.1.4).
            let mut sum = vec![0.0; model.dimension()];
            for prompt in &prompts {
                let vector = tower.embed(&prompt.replace("{}", label))?;
                sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x);
            }
            normalise(&mut sum);
            Ok(sum)
        };
        labels.par_iter().map(of_label).collect()
    });
    head.weights = vectors?.concat();
    head.classes = labels.into_iter().map(|label| Class { label, id: None, rows: 0 }).collect();
    let identity = format!("zero-shot/{}", head.identity().rsplit('@').next().unwrap_or_default());
    wishes.judge(head, format!("{identity}/{}", model.id()))
}

/// A classifier or detector that somebody else trained.
pub(super) fn ready(
    wishes: &Wishes,
    file: &Path,
    names: Option<&Path>,
    detection: Detection,
    progress: &dyn Progress,
) -> Result<Judge, Failure> {
    let names = names.map(labels).transpose()?;
    let classifier = Classifier::open(file, wishes.options.engine, names)?;
    if let Some(note) = classifier.note() {
        progress.warn(&format!("{}: {note}", file.display()));
    }
    if !wishes.has_images() {
        let what = format!("{}: has no images, and a ready-made classifier looks at images", wishes.table.name);
        return Err(Failure::failed(what, Some("give it the images, or a table with a column path or image".into())));
    }
    let use_ = Use::Bulk { calls: wishes.options.threads };
    Ok(Judge::Ready {
        identity: classifier.id().to_string(),
        labels: classifier.labels().to_vec(),
        detects: classifier.detects(),
        classifier: Box::new(classifier.load(use_, wishes.options.device)?),
        detection,
        doubt: Doubt::NONE,
    })
}

/// A head of no classes yet.
pub(super) fn empty(method: Method, feature: Feature, doubt: Doubt) -> Head {
    Head {
        method,
        target: column::LABEL.into(),
        features: vec![feature],
        classes: Vec::new(),
        scaling: None,
        weights: Vec::new(),
        bias: Vec::new(),
        rows: Vec::new(),
        owners: Vec::new(),
        neighbours: 0,
        nearness: 1.0,
        doubt,
        facts: serde_json::Map::new(),
    }
}

fn feature(column: &str, model: &Model) -> Feature {
    Feature { column: column.into(), dimension: model.dimension(), model: Some(model.id().full()) }
}

/// The labels of a file, one a line.
fn labels(file: &Path) -> Result<Vec<String>, Failure> {
    let hint = || Some("one label a line, in UTF-8".to_string());
    let text = crate::io::read_text(file)?;
    let labels: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_string).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = labels.iter().find(|label| !seen.insert(label.as_str())) {
        let hint = format!("sort -u {} leaves each once", file.display());
        return Err(Failure::failed(format!("{}: the label `{twice}` stands there twice", file.display()), Some(hint)));
    }
    match labels.len() {
        0 => Err(Failure::failed(format!("{}: holds no label", file.display()), hint())),
        1..=MOST_LABELS => Ok(labels),
        more => Err(Failure::failed(format!("{}: {more} labels are too many", file.display()), hint())),
    }
}
