//! `embed`: adds a vector to every row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, SchemaRef};
use clap::Args;

use super::args::{Engines, ImageInputs, TableOutput, Work};
use super::failure::{Exit, Failure};
use crate::image;
use crate::model::{self, Cache, Device, ImageTower, Model, ModelId, TextTower, Use};
use crate::stage::{Done, Skipped, slices};
use crate::table::column::{self, hashes};
use crate::table::{Error, Images, Table};
use crate::ui::Ui;

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
    #[arg(long, default_value = "pokedex-mini", value_name = "NAME|DIR|FILE")]
    model: String,

    /// The output of an .onnx file, or a value inside its graph, that is the vector; the mean of one with a height and a
    /// width (the same as FILE.onnx#NAME)
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,

    /// Embed this text column instead of images
    #[arg(long, value_name = "COLUMN")]
    text: Option<String>,

    /// Name of the new column
    #[arg(long = "as", default_value = column::EMBEDDING, value_name = "NAME", value_parser = free_name)]
    name: String,

    /// Images that go through the model at once [default: 1 for small models, 4 for ONNX models]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: Option<u16>,

    #[command(flatten)]
    engines: Engines,

    /// Keep the images themselves in the table
    #[arg(long)]
    keep_images: bool,

    /// Neither use nor fill the cache
    #[arg(long)]
    no_cache: bool,

    #[command(flatten)]
    output: TableOutput,

    #[command(flatten)]
    work: Work,
}

impl Embed {
    pub fn run(self, ui: &mut Ui) -> Result<Exit, Failure> {
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
        let sink = self.output.open()?;
        let schema = self.schema(&table, &model);
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
        let tally = self.work.drive(items, work, ui, |batch| Ok(writer.write(&batch)?))?;
        writer.finish()?;
        if let Some(cache) = &stage.cache {
            cache.finish();
            cache.trouble().iter().for_each(|trouble| ui.warn(trouble));
        }
        let (computed, cached) = (stage.computed.load(Ordering::Relaxed), stage.cached.load(Ordering::Relaxed));
        let how = format!("{computed} computed, {cached} from the cache, by {}, {}", model.id(), stage.engine());
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
        let mut cache = None;
        let what = match &self.text {
            Some(column) => What::Text { column: column.clone(), tower: model.text_tower(use_, device)? },
            None => {
                let tower = model.image_tower(use_, device)?;
                let variant = variant(&tower.engine(), batch, device);
                if !self.no_cache {
                    cache = Cache::open(model.id(), model.dimension(), &variant);
                }
                What::Images { tower, batch }
            }
        };
        Ok(Stage {
            what,
            cache,
            model: model.id().clone(),
            dimension: model.dimension(),
            column: self.name.clone(),
            schema,
            computed: AtomicU64::new(0),
            cached: AtomicU64::new(0),
        })
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
            (None, Some(fixed)) => Ok(fixed),
            (None, None) if model.is_quantised() || model.is_small() => Ok(1),
            (None, None) => Ok(4),
        }
    }
}

/// What shows in the last bits of a vector and is not part of the model's identity: the cache keeps them apart, so
/// that a table's bytes do not depend on what was computed before.
fn variant(engine: &str, batch: usize, device: Device) -> String {
    let mut variant = String::new();
    if engine != "rten" {
        variant.push_str(&format!("-{}", engine.replace(' ', "-")));
    }
    if device != Device::Cpu {
        variant.push_str("-cuda");
    }
    if batch > 1 {
        // A full batch goes through other kernels than a single image.
        variant.push_str("-batched");
    }
    variant
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
    cache: Option<Cache>,
    model: ModelId,
    dimension: usize,
    column: String,
    schema: SchemaRef,
    /// Vectors that were made, and that were there already.
    computed: AtomicU64,
    cached: AtomicU64,
}

enum What {
    Images { tower: ImageTower, batch: usize },
    Text { column: String, tower: TextTower },
}

/// What became of a row: its content's hash and its vector, or why there is none.
struct Embedded {
    content: Option<[u8; 32]>,
    vector: Result<Vec<f32>, String>,
    /// Whether it is this stage that failed, and not an earlier one.
    new: bool,
    cached: bool,
}

impl Stage {
    fn engine(&self) -> String {
        match &self.what {
            What::Images { tower, .. } => tower.engine(),
            What::Text { tower, .. } => tower.engine(),
        }
    }

    fn embed(&self, batch: &RecordBatch) -> Result<Done, Failure> {
        let rows = match &self.what {
            What::Images { tower, batch: size } => embed_images(batch, tower, self.cache.as_ref(), *size)?,
            What::Text { column, tower } => embed_texts(batch, column, tower)?,
        };
        let keys =
            column::text(batch, column::KEY)?.ok_or_else(|| column::missing(&batch.schema(), column::KEY, "table"))?;
        let mut numbers = Vec::with_capacity(rows.len() * self.dimension);
        let mut names = StringDictionaryBuilder::<Int32Type>::new();
        let model = self.model.to_string();
        let mut skipped = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            match &row.vector {
                Ok(vector) => {
                    let count = if row.cached { &self.cached } else { &self.computed };
                    count.fetch_add(1, Ordering::Relaxed);
                    numbers.extend_from_slice(vector);
                    names.append_value(&model);
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
        if matches!(self.what, What::Images { .. }) {
            new.push((column::CONTENT_HASH, hashes(&rows.iter().map(|row| row.content).collect::<Vec<_>>())));
        }
        Ok(Done { batch: column::put(batch, &self.schema, &new), skipped })
    }
}

fn embed_images(
    batch: &RecordBatch,
    tower: &ImageTower,
    cache: Option<&Cache>,
    size: usize,
) -> Result<Vec<Embedded>, Failure> {
    let images = Images::of(batch)?;
    let mut queue = Queue { tower, size, pixels: vec![0.0; size * tower.input_len()], waiting: Vec::new() };
    let mut rows: Vec<Embedded> = Vec::with_capacity(batch.num_rows());
    for i in 0..batch.num_rows() {
        if let Some(error) = images.error(i) {
            rows.push(Embedded { content: None, vector: Err(error.into()), new: false, cached: false });
            continue;
        }
        let bytes = match images.read(i) {
            Ok(bytes) => bytes,
            Err(problem) => {
                rows.push(Embedded { content: None, vector: Err(problem), new: true, cached: false });
                continue;
            }
        };
        let content = *blake3::hash(&bytes).as_bytes();
        let cached = cache.and_then(|cache| cache.get(&content));
        let decoded = match &cached {
            Some(_) => None,
            None => Some(image::decode_for(&bytes, tower.background(), tower.edge()).map_err(|e| e.to_string())),
        };
        let vector = match &decoded {
            Some(Err(problem)) => Err(problem.clone()),
            _ => Ok(cached.unwrap_or_default()),
        };
        let cached = decoded.is_none();
        rows.push(Embedded { content: Some(content), vector, new: true, cached });
        if let Some(Ok(rgb)) = decoded {
            queue.push(i, &rgb);
            if queue.waiting.len() == size {
                queue.run(&mut rows, cache)?;
            }
        }
    }
    queue.run(&mut rows, cache)?;
    Ok(rows)
}

/// Images on their way through the model. A batch is always full, of zeros where images are missing, so that a
/// row's vector cannot depend on how many neighbours it has.
struct Queue<'a> {
    tower: &'a ImageTower,
    size: usize,
    pixels: Vec<f32>,
    /// The rows that wait for their vectors.
    waiting: Vec<usize>,
}

impl Queue<'_> {
    fn push(&mut self, row: usize, image: &image::Rgb) {
        let slot = self.waiting.len() * self.tower.input_len();
        self.tower.preprocess(image, &mut self.pixels[slot..slot + self.tower.input_len()]);
        self.waiting.push(row);
    }

    fn run(&mut self, rows: &mut [Embedded], cache: Option<&Cache>) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.pixels[self.waiting.len() * self.tower.input_len()..].fill(0.0);
        let vectors = self.tower.embed(self.pixels.clone())?;
        let mut made = Vec::new();
        for (row, vector) in self.waiting.drain(..).zip(vectors.chunks_exact(vectors.len() / self.size)) {
            rows[row].vector = Ok(vector.to_vec());
            made.extend(rows[row].content.map(|content| (content, vector)));
        }
        if let Some(cache) = cache {
            cache.put(&made);
        }
        Ok(())
    }
}

fn embed_texts(batch: &RecordBatch, column: &str, tower: &TextTower) -> Result<Vec<Embedded>, Failure> {
    let texts = column::text(batch, column)?.ok_or_else(|| column::missing(&batch.schema(), column, "table"))?;
    let errors = column::text(batch, column::ERROR)?;
    let error = |i: usize| errors.as_ref().filter(|e| e.is_valid(i)).map(|e| e.value(i).to_string());
    let rows = texts.iter().enumerate().map(|(i, text)| {
        Ok(match (error(i), text) {
            (Some(error), _) => Embedded { content: None, vector: Err(error), new: false, cached: false },
            (None, None) => {
                Embedded { content: None, vector: Err(format!("column `{column}` is null")), new: true, cached: false }
            }
            (None, Some(text)) => Embedded { content: None, vector: Ok(tower.embed(text)?), new: true, cached: false },
        })
    });
    rows.collect::<Result<_, model::Error>>().map_err(Failure::from)
}
