//! What decides on a class: a head over vectors, which are in the table or are made of images, or a ready-made model.

use arrow_array::{Array, RecordBatch};
use rayon::prelude::*;

use super::groups::{Group, Groups};
use crate::embed::{Embedded, Embedder};
use crate::failure::Failure;
use crate::head::{Doubt, Feature, Head, Verdict};
use crate::image::{self, Flaw};
use crate::model::classifier::{self, Detection};
use crate::table::{Images, column};

/// What decides.
pub(super) enum Judge {
    Head {
        head: Box<Head>,
        labels: Vec<String>,
        identity: String,
        sources: Vec<Source>,
        batch: usize,
    },
    Ready {
        identity: String,
        labels: Vec<String>,
        classifier: Box<classifier::Loaded>,
        detects: bool,
        detection: Detection,
        doubt: Doubt,
    },
}

/// Where the vectors of a feature come from.
pub(crate) enum Source {
    /// A column of the table; all its rows are of this model, if it is known.
    Column {
        name: String,
        model: Option<String>,
    },
    Images(Box<Embedder>),
}

/// What was found for a row.
pub(crate) struct Found {
    pub verdict: Result<Verdict, String>,
    /// Whether it is this stage that failed, and not an earlier one.
    pub new: bool,
    pub boxes: Vec<classifier::Box>,
    /// What may be said where the class is in doubt.
    pub group: Option<Group>,
    /// What is wrong with the picture, though it was judged.
    pub flaw: Option<Flaw>,
}

impl Judge {
    pub(super) fn labels(&self) -> &[String] {
        match self {
            Judge::Head { labels, .. } | Judge::Ready { labels, .. } => labels,
        }
    }

    pub(super) fn identity(&self) -> &str {
        match self {
            Judge::Head { identity, .. } | Judge::Ready { identity, .. } => identity,
        }
    }

    pub(super) fn detects(&self) -> bool {
        matches!(self, Judge::Ready { detects: true, .. })
    }

    pub(super) fn doubt_mut(&mut self) -> &mut Doubt {
        match self {
            Judge::Head { head, .. } => &mut head.doubt,
            Judge::Ready { doubt, .. } => doubt,
        }
    }

    pub(super) fn looks_at_images(&self) -> bool {
        match self {
            Judge::Ready { .. } => true,
            Judge::Head { sources, .. } => sources.iter().any(|source| matches!(source, Source::Images(_))),
        }
    }

    /// Images that go through a model at once.
    pub(super) fn batch(&self) -> usize {
        if let Judge::Head { batch, .. } = self { *batch } else { 1 }
    }

    /// Ends the work; what the caches have to say.
    pub(super) fn finish(&self) -> Vec<String> {
        let Judge::Head { sources, .. } = self else { return Vec::new() };
        let troubles = sources.iter().filter_map(|source| match source {
            Source::Images(embedder) => Some(embedder.finish()),
            Source::Column { .. } => None,
        });
        troubles.flatten().collect()
    }

    /// Judges a batch's rows.
    pub(super) fn rows(
        &self,
        batch: &RecordBatch,
        (top, groups): (usize, Option<&Groups>),
        name: &str,
    ) -> Result<Vec<Found>, Failure> {
        match self {
            Judge::Head { head, sources, .. } => by_head(head, sources, batch, (top, groups), name),
            Judge::Ready { classifier, detection, doubt, .. } => {
                let images = Images::of(batch)?;
                let row = |i| by_model(classifier, detection, doubt, &images, i, (top, groups));
                (0..batch.num_rows()).map(row).collect()
            }
        }
    }
}

fn by_head(
    head: &Head,
    sources: &[Source],
    batch: &RecordBatch,
    (top, groups): (usize, Option<&Groups>),
    name: &str,
) -> Result<Vec<Found>, Failure> {
    let rows = batch.num_rows();
    let errors = column::text(batch, column::ERROR)?;
    let earlier = |row: usize| errors.as_ref().filter(|e| e.is_valid(row)).map(|e| (e.value(row).to_string(), false));
    let mut problems: Vec<Option<(String, bool)>> = (0..rows).map(earlier).collect();
    let mut flaws: Vec<Option<Flaw>> = vec![None; rows];
    // Column after column side by side, as the head was trained.
    let dimension = head.dimension();
    let mut features = vec![0.0f32; rows * dimension];
    let mut start = 0;
    for (source, feature) in sources.iter().zip(&head.features) {
        let end = start + feature.dimension;
        let vectors = source.vectors(batch, feature, name, &mut flaws)?.into_iter().zip(&mut problems);
        for ((vector, problem), features) in vectors.zip(features.chunks_exact_mut(dimension)) {
            match vector {
                Ok(vector) => features[start..end].copy_from_slice(&vector),
                Err(other) if problem.is_none() => *problem = Some(other),
                Err(_) => {}
            }
        }
        start = end;
    }
    let scores = head.probabilities(&mut features);
    let judged = scores.par_chunks_exact(head.classes.len());
    let judged: Vec<(Verdict, Option<Group>)> =
        judged.map(|row| (head.doubt.rank(row, top), groups.and_then(|groups| groups.best(row)))).collect();
    let found = judged.into_iter().zip(problems).zip(flaws).map(|(((verdict, group), problem), flaw)| {
        let (verdict, new) = match problem {
            Some((problem, new)) => (Err(problem), new),
            None if verdict.best.iter().any(|(_, score)| score.is_nan()) => {
                (Err("its vector holds numbers so great that the head has no answer".into()), true)
            }
            None => (Ok(verdict), true),
        };
        Found { verdict, new, boxes: Vec::new(), group, flaw }
    });
    Ok(found.collect())
}

impl Source {
    /// The vectors of a batch's rows; where there is none, why, and whether this stage is the first to say so. What is
    /// wrong with pictures that have one goes to `flaws`.
    fn vectors(
        &self,
        batch: &RecordBatch,
        feature: &Feature,
        name: &str,
        flaws: &mut [Option<Flaw>],
    ) -> Result<Vec<Vector>, Failure> {
        let (column, wanted) = match self {
            Source::Images(embedder) => {
                let rows = embedder.rows(batch)?.into_iter().zip(flaws);
                let vector = |(row, flaw): (Embedded, &mut Option<Flaw>)| {
                    *flaw = row.flaw;
                    row.vector.map_err(|problem| (problem, row.new))
                };
                return Ok(rows.map(vector).collect());
            }
            Source::Column { name, model } => (name, model),
        };
        let vectors = column::vectors(batch, column, name)?;
        let models = column::text(batch, &column::model_column(column))?;
        let one = |row: usize| -> Result<Vector, Failure> {
            let Some(vector) = vectors.get(row) else {
                return Ok(Err((format!("has no vector in column `{column}`"), true)));
            };
            if vector.len() != feature.dimension {
                let (first, other, column) = (feature.dimension, vector.len(), column.clone());
                return Err(crate::table::Error::RaggedVectors { column, first, other }.into());
            }
            if let (Some(wanted), Some(models)) = (wanted, &models) {
                let found = if models.is_valid(row) { models.value(row) } else { "unknown" };
                if found != wanted {
                    return Err(other_model(name, found.into(), wanted.clone()));
                }
            }
            Ok(match vector.iter().all(|x| x.is_finite()) {
                true => Ok(vector.to_vec()),
                false => Err((format!("its vector in column `{column}` holds a number that is not finite"), true)),
            })
        };
        (0..batch.num_rows()).map(one).collect()
    }
}

/// A row's vector, or why there is none and whether that is new.
type Vector = Result<Vec<f32>, (String, bool)>;

fn by_model(
    classifier: &classifier::Loaded,
    detection: &Detection,
    doubt: &Doubt,
    images: &Images,
    row: usize,
    (top, groups): (usize, Option<&Groups>),
) -> Result<Found, Failure> {
    let failed =
        |problem: String, new| Ok(Found { verdict: Err(problem), new, boxes: Vec::new(), group: None, flaw: None });
    if let Some(error) = images.error(row) {
        return failed(error.into(), false);
    }
    let bytes = match images.read(row) {
        Ok(bytes) => bytes,
        Err(problem) => return failed(problem, true),
    };
    let (rgb, flaw) = match image::decode_with_flaw(&bytes, classifier.background(), classifier.edge()) {
        Ok(decoded) => decoded,
        Err(e) => return failed(e.to_string(), true),
    };
    let seen = match classifier.classify(&rgb, detection)? {
        Ok(seen) => seen,
        Err(problem) => return failed(problem.into(), true),
    };
    let group = groups.and_then(|groups| groups.best(&seen.scores));
    Ok(Found { verdict: Ok(doubt.of_scores(&seen.scores, top)), new: true, boxes: seen.boxes, group, flaw })
}

/// Vectors of one model cannot be compared with those of another.
pub(super) fn other_model(name: &str, found: String, wanted: String) -> Failure {
    let model = wanted.split('@').next().unwrap_or(&wanted);
    let hint = format!("pokedex embed INPUT --model {model} -o embeddings.parquet, or classify the images themselves");
    Failure::failed(format!("{name}: its vectors were made by {found}, and the classes by {wanted}"), Some(hint))
}
