//! The stage: rows with pictures, or with a text, to rows with vectors.

use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, SchemaRef};

use super::{Embedded, Embedder};
use crate::failure::Failure;
use crate::model::{self, Device, Model, TextTower, Use};
use crate::stage::{Done, Skipped, Stage};
use crate::table::Provenance;
use crate::table::column::{self, hashes};

/// Rows that one thread works on at a time, where pictures go through the model one by one: few, so that a handful of large ones
/// keeps all threads at work.
const SLICE_ROWS: usize = 2;

/// What is embedded, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The name of the new column.
    pub column: String,
    /// Embed this text column instead of pictures.
    pub text: Option<String>,
    /// Keep the pictures themselves in the table.
    pub keep_images: bool,
    /// Pictures that go through the model at once.
    pub batch: usize,
    /// Where the model runs.
    pub device: Device,
    /// Use and fill the cache of vectors.
    pub cache: bool,
}

impl Options {
    /// Pictures to the column `embedding`, with the cache, as suits the model.
    pub fn of(model: &Model) -> Options {
        Options {
            column: column::EMBEDDING.into(),
            text: None,
            keep_images: false,
            batch: Embedder::batch_of(model),
            device: Device::default(),
            cache: true,
        }
    }

    /// The columns that a table of these has afterwards.
    pub fn schema(&self, input: &SchemaRef, model: &Model) -> SchemaRef {
        let mut schema = match self.keep_images {
            true => input.clone(),
            false => column::drop_field(input, column::IMAGE),
        };
        if self.text.is_none() {
            schema = column::put_field(&schema, column::field(column::CONTENT_HASH, column::HASH_TYPE));
        }
        let fields = [
            column::vector_field(&self.column, model.dimension()),
            column::field(&column::model_column(&self.column), column::model_type()),
            column::field(column::ERROR, DataType::Utf8),
        ];
        fields.into_iter().fold(schema, |schema, field| column::put_field(&schema, field))
    }
}

/// Adds the vectors of a loaded model.
pub struct Embed {
    model: Model,
    options: Options,
    what: What,
}

enum What {
    Images(Box<Embedder>),
    Text { column: String, tower: TextTower },
}

impl Embed {
    /// Loads a model, for so many calls at once as `use_` says.
    ///
    /// # Errors
    /// It lacks the tower that is needed, or cannot be loaded.
    pub fn load(model: Model, options: Options, use_: Use) -> Result<Embed, model::Error> {
        let device = options.device;
        let what = match &options.text {
            Some(column) => What::Text { column: column.clone(), tower: model.text_tower(use_, device)? },
            None => What::Images(Box::new(Embedder::new(&model, options.batch, use_, device, options.cache)?)),
        };
        Ok(Embed { model, options, what })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The engine's name.
    pub fn engine(&self) -> String {
        match &self.what {
            What::Images(embedder) => embedder.engine(),
            What::Text { tower, .. } => tower.engine(),
        }
    }

    /// Ends the work; what the cache has to say.
    pub fn finish(&self) -> Vec<String> {
        match &self.what {
            What::Images(embedder) => embedder.finish(),
            What::Text { .. } => Vec::new(),
        }
    }

    /// How many vectors of pictures were computed, and how many came from the cache; `None` of texts.
    pub fn counts(&self) -> Option<(u64, u64)> {
        match &self.what {
            What::Images(embedder) => Some(embedder.counts()),
            What::Text { .. } => None,
        }
    }
}

impl Stage for Embed {
    const NAME: &'static str = "embed";

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        self.options.schema(input, &self.model)
    }

    fn describe(&self, footer: &mut Provenance) {
        footer.set("schema", "embeddings");
        // Of a second vector column the footer speaks under that column's name.
        let about = |what: &str| column::footer_key(&self.options.column, what);
        footer.set(&about("model"), self.model.id().full());
        footer.set(&about("dimension"), self.model.dimension().to_string());
        footer.set(&about("metric"), "cosine");
        footer.set(&about("engine"), self.engine());
    }

    fn slice(&self) -> usize {
        if self.options.batch == 1 { SLICE_ROWS } else { self.options.batch }
    }

    fn rows(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<Done, Failure> {
        let rows = match &self.what {
            What::Images(embedder) => embedder.rows(batch)?,
            What::Text { column, tower } => embed_texts(batch, column, tower)?,
        };
        let keys =
            column::text(batch, column::KEY)?.ok_or_else(|| column::missing(&batch.schema(), column::KEY, "table"))?;
        let mut numbers = Vec::with_capacity(rows.len() * self.model.dimension());
        let mut names = StringDictionaryBuilder::<Int32Type>::new();
        let model = self.model.id().to_string();
        let (mut skipped, mut flawed) = (Vec::new(), Vec::new());
        for (i, row) in rows.iter().enumerate() {
            match &row.vector {
                Ok(vector) => {
                    numbers.extend_from_slice(vector);
                    names.append_value(&model);
                    let problem = row.flaw.as_ref().map(ToString::to_string);
                    flawed.extend(problem.map(|problem| Skipped { key: keys.value(i).into(), problem }));
                }
                Err(problem) => {
                    numbers.resize(numbers.len() + self.model.dimension(), 0.0);
                    names.append_null();
                    if row.new {
                        skipped.push(Skipped { key: keys.value(i).into(), problem: problem.clone() });
                    }
                }
            }
        }
        let DataType::FixedSizeList(item, size) = column::vector_type(self.model.dimension()) else {
            unreachable!("it is a list")
        };
        let valid = NullBuffer::from_iter(rows.iter().map(|row| row.vector.is_ok()));
        let vectors = FixedSizeListArray::new(item, size, Arc::new(Float32Array::from(numbers)), Some(valid));
        let errors: StringArray = rows.iter().map(|row| row.vector.as_ref().err().cloned()).collect();
        let model_column = column::model_column(&self.options.column);
        let mut new: Vec<(&str, ArrayRef)> = vec![
            (&self.options.column, Arc::new(vectors)),
            (&model_column, Arc::new(names.finish())),
            (column::ERROR, Arc::new(errors)),
        ];
        if matches!(self.what, What::Images(_)) {
            new.push((column::CONTENT_HASH, hashes(&rows.iter().map(|row| row.content).collect::<Vec<_>>())));
        }
        Ok(Done { batch: column::put(batch, schema, &new), skipped, flawed })
    }
}

fn embed_texts(batch: &RecordBatch, column: &str, tower: &TextTower) -> Result<Vec<Embedded>, Failure> {
    let texts = column::text(batch, column)?.ok_or_else(|| column::missing(&batch.schema(), column, "table"))?;
    let errors = column::text(batch, column::ERROR)?;
    let error = |i: usize| errors.as_ref().filter(|e| e.is_valid(i)).map(|e| e.value(i).to_string());
    let rows = texts.iter().enumerate().map(|(i, text)| {
        Ok(match (error(i), text) {
            (Some(error), _) => Embedded { content: None, vector: Err(error), new: false, cached: false, flaw: None },
            (None, None) => Embedded {
                content: None,
                vector: Err(format!("column `{column}` is null")),
                new: true,
                cached: false,
                flaw: None,
            },
            (None, Some(text)) => {
                let vector = match tower.embed(text) {
                    Err(model::Error::NoDirection { problem, .. }) => {
                        Err(format!("the model's vector of it {problem}"))
                    }
                    vector => Ok(vector?),
                };
                Embedded { content: None, vector, new: true, cached: false, flaw: None }
            }
        })
    });
    rows.collect::<Result<_, model::Error>>().map_err(Failure::from)
}
