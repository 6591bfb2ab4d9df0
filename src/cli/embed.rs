//! `embed`: adds a vector to every row.

use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, SchemaRef};
use clap::Args;

use super::args::{Engines, ImageInputs, TableOutput, Work};
use crate::cli::exit::Exit;
use crate::embed::{Embedded, Embedder};
use crate::failure::Failure;
use crate::model::{self, Model, ModelId, TextTower, Use};
use crate::output::ensure_whole_in_place;
use crate::progress::Progress;
use crate::stage::Origin;
use crate::stage::{Done, Skipped, slices};
use crate::table::column::{self, hashes};
use crate::table::{Error, Table};

/// Rows that one thread works on at a time.
const SLICE_ROWS: usize = 8;

/// Add the vectors of a model to images, or to a text column
///
/// Adds `embedding` (of length 1) and `embedding_model`. An image that cannot be read is named, and stays as a row
/// with an error and no vector. Vectors are kept in a cache by content and model: a run that was killed continues,
/// and files that were moved or renamed cost nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex embed photos/ -o embeddings.parquet
  pokedex embed photos/ --model clip-vit-b32 -o embeddings.parquet
  pokedex convert-rgb artwork/ | pokedex embed - -j 4 -o embeddings.parquet
  pokedex embed photos/ --model yolo11n.onnx --layer NAME --as yolo -o embeddings.parquet
  pokedex embed books.parquet --text title --as title_embedding -o books-embedded.parquet
  find . -name '*.png' | pokedex embed - --model ./my-model -o embeddings.parquet")]
pub struct Embed {
    #[command(flatten)]
    inputs: ImageInputs,

    /// A model's name, or its folder (with a slash), and perhaps a variant (clip:int8); or an .onnx file; see
    /// `pokedex model`
    #[arg(long, help_heading = "Model", default_value = "pokedex-mini", value_name = "NAME|DIR|FILE")]
    model: String,

    /// The output of an .onnx file, or a value inside its graph, that is the vector; the mean of one with a height and a
    /// width (the same as FILE.onnx#NAME)
    #[arg(long, help_heading = "Model", value_name = "NAME")]
    layer: Option<String>,

    /// Embed this text column instead of images
    #[arg(long, help_heading = "Input", value_name = "COLUMN")]
    text: Option<String>,

    /// Name of the new column
    #[arg(long = "as", help_heading = "Output", default_value = column::EMBEDDING, value_name = "NAME", value_parser = free_name)]
    name: String,

    /// Images that go through the model at once [default: 1 for small models, 4 for ONNX models]
    #[arg(long, help_heading = "Model", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: Option<u16>,

    #[command(flatten)]
    engines: Engines,

    /// Keep the images themselves in the table
    #[arg(long, help_heading = "Output")]
    keep_images: bool,

    /// Neither use nor fill the cache
    #[arg(long, help_heading = "Work")]
    no_cache: bool,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl Embed {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let model = self.model()?;
        let batch = self.batch_size(&model)?;
        if let Some(note) = model.note() {
            ui.warn(&format!("{}: {note}", model.id()));
        }
        let inputs = self.inputs.to_inputs();
        let table = match &self.text {
            None => inputs.images()?,
            Some(_) => inputs.rows(|_| "`--text` embeds a column of a table; without it images are embedded".into())?,
        };
        let table = table.with_unique_keys();
        let origin = Origin::of(&table);
        let sink = self.output.open()?;
        let schema = self.schema(&table, &model);
        ensure_whole_in_place(self.output.output.as_deref(), &inputs.paths, &table.schema, &schema)?;
        let mut provenance = table.provenance.clone();
        provenance.set("schema", "embeddings");
        // Of a second vector column the footer speaks under that column's name.
        let about = |what: &str| column::footer_key(&self.name, what);
        provenance.set(&about("model"), model.id().full());
        provenance.set(&about("dimension"), model.dimension().to_string());
        provenance.set(&about("metric"), "cosine");
        // No more calls at once than there are slices.
        let most = table.rows.map_or(usize::MAX, |rows| rows.div_ceil(batch as u64).try_into().unwrap_or(usize::MAX));
        let use_ = Use::Bulk { calls: self.work.threads().min(most) };
        let stage = self.stage(&model, schema.clone(), batch, use_)?;
        provenance.set(&about("engine"), stage.engine());
        let mut writer = self.output.start(sink, &schema, &provenance)?;
        ui.start("embed", table.rows);
        let items = slices(table, if batch == 1 { SLICE_ROWS } else { batch });
        let stage = Arc::new(stage);
        let worker = stage.clone();
        let work = move |batch: Result<RecordBatch, Error>| worker.embed(&batch?);
        let tally = self.work.work().drive(items, work, ui, |batch| Ok(writer.write(&batch)?))?;
        writer.finish()?;
        origin.report(ui);
        let counts = match &stage.what {
            What::Images(embedder) => {
                embedder.finish().iter().for_each(|trouble| ui.warn(trouble));
                let (computed, cached) = embedder.counts();
                format!("{computed} computed, {cached} from the cache")
            }
            What::Text { .. } => format!("{} computed", tally.rows - tally.skipped),
        };
        let how = format!("{counts}, by {}, {}", model.id(), stage.engine());
        ui.done(&format!("embed: {tally}, {how}"));
        Ok(self.work.exit(&tally))
    }

    fn model(&self) -> Result<Model, Failure> {
        let engine = self.engines.engine;
        match &self.layer {
            None => Ok(Model::find(&self.model, engine)?),
            Some(layer) if self.model.ends_with(".onnx") => {
                Ok(Model::find(&format!("{}#{layer}", self.model), engine)?)
            }
            Some(_) => Err(Failure::usage(
                "`--layer` names a value of an .onnx file, which `--model` is not",
                "--model FILE.onnx --layer NAME",
            )),
        }
    }

    fn schema(&self, table: &Table, model: &Model) -> SchemaRef {
        let mut schema = match self.keep_images {
            true => table.schema.clone(),
            false => column::drop_field(&table.schema, column::IMAGE),
        };
        if self.text.is_none() {
            schema = column::put_field(&schema, column::field(column::CONTENT_HASH, column::HASH_TYPE));
        }
        let fields = [
            column::vector_field(&self.name, model.dimension()),
            column::field(&column::model_column(&self.name), column::model_type()),
            column::field(column::ERROR, DataType::Utf8),
        ];
        fields.into_iter().fold(schema, |schema, field| column::put_field(&schema, field))
    }

    fn stage(&self, model: &Model, schema: SchemaRef, batch: usize, use_: Use) -> Result<Stage, Failure> {
        let device = self.engines.device;
        let what = match &self.text {
            Some(column) => What::Text { column: column.clone(), tower: model.text_tower(use_, device)? },
            None => What::Images(Box::new(Embedder::new(model, batch, use_, device, !self.no_cache)?)),
        };
        Ok(Stage { what, model: model.id().clone(), dimension: model.dimension(), column: self.name.clone(), schema })
    }

    /// How many images go through the model at once.
    fn batch_size(&self, model: &Model) -> Result<usize, Failure> {
        match (self.batch.map(usize::from), model.at_once()) {
            (Some(2..), _) if model.is_quantised() => Err(Failure::usage(
                "a model of 8-bit integers rounds a batch as a whole: an image's vector would depend on its neighbours",
                "--batch 1",
            )),
            (Some(batch), Some(fixed)) if batch != fixed => Err(Failure::usage(
                format!("the model's graph is made for {fixed} at once, not for {batch}"),
                format!("--batch {fixed}"),
            )),
            (Some(batch), _) => Ok(batch),
            (None, _) => Ok(Embedder::batch_of(model)),
        }
    }
}

/// A name for a vector column that means nothing else.
fn free_name(name: &str) -> Result<String, String> {
    match column::RESERVED.contains(&name) || name.is_empty() {
        true => Err("this column means something else; try another name".into()),
        false => Ok(name.into()),
    }
}

/// Everything that a thread needs to embed a slice of rows.
struct Stage {
    what: What,
    model: ModelId,
    dimension: usize,
    column: String,
    schema: SchemaRef,
}

enum What {
    Images(Box<Embedder>),
    Text { column: String, tower: TextTower },
}

impl Stage {
    fn engine(&self) -> String {
        match &self.what {
            What::Images(embedder) => embedder.engine(),
            What::Text { tower, .. } => tower.engine(),
        }
    }

    fn embed(&self, batch: &RecordBatch) -> Result<Done, Failure> {
        let rows = match &self.what {
            What::Images(embedder) => embedder.rows(batch)?,
            What::Text { column, tower } => embed_texts(batch, column, tower)?,
        };
        let keys =
            column::text(batch, column::KEY)?.ok_or_else(|| column::missing(&batch.schema(), column::KEY, "table"))?;
        let mut numbers = Vec::with_capacity(rows.len() * self.dimension);
        let mut names = StringDictionaryBuilder::<Int32Type>::new();
        let model = self.model.to_string();
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
                    numbers.resize(numbers.len() + self.dimension, 0.0);
                    names.append_null();
                    if row.new {
                        skipped.push(Skipped { key: keys.value(i).into(), problem: problem.clone() });
                    }
                }
            }
        }
        let DataType::FixedSizeList(item, size) = column::vector_type(self.dimension) else {
            unreachable!("it is a list")
        };
        let valid = NullBuffer::from_iter(rows.iter().map(|row| row.vector.is_ok()));
        let vectors = FixedSizeListArray::new(item, size, Arc::new(Float32Array::from(numbers)), Some(valid));
        let errors: StringArray = rows.iter().map(|row| row.vector.as_ref().err().cloned()).collect();
        let model_column = column::model_column(&self.column);
        let mut new: Vec<(&str, ArrayRef)> = vec![
            (&self.column, Arc::new(vectors)),
            (&model_column, Arc::new(names.finish())),
            (column::ERROR, Arc::new(errors)),
        ];
        if matches!(self.what, What::Images(_)) {
            new.push((column::CONTENT_HASH, hashes(&rows.iter().map(|row| row.content).collect::<Vec<_>>())));
        }
        Ok(Done { batch: column::put(batch, &self.schema, &new), skipped, flawed })
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
