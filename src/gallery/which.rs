//! Which class a picture is of.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Schema, SchemaRef};
use serde::Serialize;

use super::Options;
use super::rows::Cells;
use crate::classify::{self, Classify};
use crate::failure::Failure;
use crate::output::format::number;
use crate::progress::Silent;
use crate::query::Session;
use crate::stage::Stage;
use crate::table::{Table, column};

/// What a picture may be of.
#[derive(Debug, Clone, Serialize)]
pub struct Classes {
    /// Whether none of them is to be believed.
    pub rejected: bool,
    /// The best, with their probabilities.
    pub predictions: Vec<Class>,
}

/// A class, and how probable it is.
#[derive(Debug, Clone, Serialize)]
pub struct Class {
    /// Its name.
    pub label: String,
    /// From 0 to 1.
    pub probability: serde_json::Value,
}

/// Classes that are kept of a picture.
const MOST: usize = 20;

pub(super) struct Which {
    classes: Option<classify::Classes>,
    options: classify::Options,
    stage: OnceLock<Arc<Classify>>,
    loading: Mutex<()>,
}

impl Which {
    /// By the head that the options name, by the labelled rows of an index, or by species.
    pub(super) fn of(options: &Options, index: Option<&Path>, session: &Session, cells: &Cells) -> Which {
        let labelled = || cells.columns().iter().any(|column| column.name == column::LABEL);
        let neighbours = |table: &Path| classify::Classes::Neighbours { table: PathBuf::from(table), count: 10 };
        let classes = match (&options.head, index) {
            (Some(head), _) => Some(classify::Classes::Head(head.clone())),
            (None, Some(table)) => labelled().then(|| neighbours(table)),
            (None, None) => session.is_pokedex().then_some(classify::Classes::Pokedex),
        };
        let own = classify::Options::default();
        let query = &options.query;
        let options = classify::Options {
            column: query.column.clone(),
            model: query.model.clone(),
            engine: query.engine,
            top: MOST,
            cache: false,
            threads: 1,
            ..own
        };
        Which { classes, options, stage: OnceLock::new(), loading: Mutex::default() }
    }

    /// Whether there are classes, and pictures can be seen.
    pub(super) fn is_there(&self, by_picture: bool) -> bool {
        self.classes.is_some() && by_picture
    }

    /// The classes of a picture, or why it is none.
    ///
    /// # Errors
    /// There are no classes, or they cannot be read.
    pub(super) fn classes(&self, picture: &[u8], top: usize) -> Result<Result<Classes, String>, Failure> {
        let stage = self.stage()?;
        let row = batch(picture);
        let done = stage.rows(&row, &stage.schema(row.schema_ref()))?;
        if let Some(skipped) = done.skipped.into_iter().next() {
            return Ok(Err(format!("the picture: {}", skipped.problem)));
        }
        let mut predictions = Vec::new();
        for place in 1..=top.min(MOST) {
            let labels = column::text(&done.batch, &column::prediction(place)).ok().flatten();
            let Some(label) = column::cell(labels.as_ref(), 0) else { break };
            let scores = done.batch.column_by_name(&column::score(place));
            let score = scores.and_then(|scores| scores.as_any().downcast_ref::<Float32Array>()).map(|s| s.value(0));
            predictions.push(Class { label: label.into(), probability: number(score.unwrap_or(0.0)) });
        }
        let rejected = done.batch.column_by_name(column::REJECTED);
        let rejected = rejected.and_then(|r| r.as_any().downcast_ref::<BooleanArray>()).is_none_or(|r| r.value(0));
        Ok(Ok(Classes { rejected, predictions }))
    }

    fn stage(&self) -> Result<Arc<Classify>, Failure> {
        if let Some(stage) = self.stage.get() {
            return Ok(stage.clone());
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = self.stage.get() {
            return Ok(stage.clone());
        }
        let classes = self.classes.as_ref().ok_or_else(|| {
            let hint = "serve an index whose rows have labels, or say --head HEAD.parquet";
            Failure::usage("nothing here tells classes apart", hint)
        })?;
        let table = Table::new("the picture", schema(), Some(0), Box::new(std::iter::empty()));
        let stage = Arc::new(Classify::load(classes, &table, None, &self.options, &Silent)?);
        Ok(self.stage.get_or_init(|| stage).clone())
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![column::key_field(), column::image_field()]))
}

/// A table of one row.
fn batch(picture: &[u8]) -> RecordBatch {
    let schema = schema();
    let DataType::Struct(fields) = schema.field(1).data_type() else { unreachable!("pictures are structs") };
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![Some(picture)]));
    let path: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    let image = StructArray::new(fields.clone(), vec![bytes, path], None);
    let key: ArrayRef = Arc::new(StringArray::from(vec!["the picture"]));
    RecordBatch::try_new(schema, vec![key, Arc::new(image)]).expect("a row of a key and a picture")
}
