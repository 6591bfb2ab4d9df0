//! From the images of rows to their vectors: by the cache where it has them, else by the model.
//!
//! Hides: decoding, batches, the cache. Promises: a row's vector does not depend on its neighbours; an image that cannot
//! be read is a problem of its row.
//!
//! [`Embed`] is the stage, for tables; an [`Embedder`] gives the vectors of a batch of rows to whoever needs them, as `classify`
//! does.
//!
//! ```
//! use std::sync::Arc;
//!
//! use pokedex::embed::{Embed, Options};
//! use pokedex::image::{Encoding, Rgb, encode};
//! use pokedex::model::{Model, Use};
//! use pokedex::progress::Silent;
//! use pokedex::table::column;
//! use pokedex::{Inputs, Work};
//!
//! let folder = tempfile::tempdir()?;
//! let grey = Rgb { width: 40, height: 30, pixels: vec![128; 3 * 40 * 30] };
//! std::fs::write(folder.path().join("grey.png"), encode(&grey, Encoding::Png)?)?;
//!
//! let (work, model) = (Work::default(), Model::builtin());
//! let (options, dimension) = (Options { cache: false, ..Options::of(&model) }, model.dimension());
//! let stage = Arc::new(Embed::load(model, options, Use::Bulk { calls: work.threads })?);
//! let pictures = Inputs { paths: vec![folder.path().into()], ..Inputs::default() }.images()?;
//! let tally = work.run(pictures, &stage, &mut Silent, |rows| {
//!     let vectors = column::vectors(&rows, column::EMBEDDING, "pictures")?;
//!     assert_eq!(vectors.get(0).map(<[f32]>::len), Some(dimension));
//!     Ok(())
//! })?;
//! assert_eq!((tally.rows, tally.skipped), (1, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod stage;

pub use stage::{Embed, Options};

use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;

use crate::image::{self, Flaw};
use crate::model::{self, Cache, Device, ImageTower, Model, Use};
use crate::table::{self, Images};

/// Why no row of a batch could be embedded.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error(transparent)]
    Table(#[from] table::Error),
    #[error(transparent)]
    Model(#[from] model::Error),
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Table(e) => e.hint(),
            Error::Model(e) => e.hint(),
        }
    }
}

/// What became of a row: its content's hash and its vector, or why there is none.
#[derive(Debug)]
pub struct Embedded {
    /// BLAKE3 of the file's bytes; `None` where there are none.
    pub content: Option<[u8; 32]>,
    /// Of length 1; else why there is none.
    pub vector: Result<Vec<f32>, String>,
    /// Whether it is this stage that failed, and not an earlier one.
    pub new: bool,
    /// Whether the vector came from the cache.
    pub cached: bool,
    /// What is wrong with the picture, though it has a vector.
    pub flaw: Option<Flaw>,
}

/// A loaded model and its cache; several threads use one.
pub struct Embedder {
    tower: ImageTower,
    cache: Option<Cache>,
    batch: usize,
    /// Vectors that were made, and that were there already.
    computed: AtomicU64,
    cached: AtomicU64,
}

impl Embedder {
    /// Loads a model; `batch` images go through it at once.
    ///
    /// # Errors
    /// It has no image tower, or cannot be loaded.
    pub fn new(
        model: &Model,
        batch: usize,
        use_: Use,
        device: Device,
        with_cache: bool,
    ) -> Result<Embedder, model::Error> {
        let tower = model.image_tower(use_, device)?;
        let variant = variant(&tower.engine(), batch, device);
        let cache = if with_cache { Cache::open(model.base(), model.dimension(), &variant) } else { None };
        Ok(Embedder { tower, cache, batch, computed: AtomicU64::new(0), cached: AtomicU64::new(0) })
    }

    /// How many images go through a model at once, if nobody says otherwise.
    pub fn batch_of(model: &Model) -> usize {
        match model.at_once() {
            Some(fixed) => fixed,
            None if model.rounds_by_batch() || model.is_small() => 1,
            None => 4,
        }
    }

    /// The engine's name.
    pub fn engine(&self) -> String {
        self.tower.engine()
    }

    /// Ends the work; what the cache has to say.
    pub fn finish(&self) -> Vec<String> {
        self.cache.as_ref().map_or(Vec::new(), |cache| {
            cache.finish();
            cache.trouble()
        })
    }

    /// How many vectors were computed, and how many came from the cache.
    pub fn counts(&self) -> (u64, u64) {
        (self.computed.load(Ordering::Relaxed), self.cached.load(Ordering::Relaxed))
    }

    /// The vectors of a batch's rows.
    ///
    /// # Errors
    /// The batch holds no images, or the model fails.
    pub fn rows(&self, batch: &RecordBatch) -> Result<Vec<Embedded>, Error> {
        let mut rows = embed_images(batch, &self.tower, self.cache.as_ref(), self.batch)?;
        for row in &mut rows {
            // The cache keeps what the base sees, so that all who adapt it have it.
            row.vector = std::mem::replace(&mut row.vector, Ok(Vec::new()))
                .and_then(|vector| self.tower.adapt(vector).map_err(vector_problem));
        }
        for row in rows.iter().filter(|row| row.vector.is_ok()) {
            let count = if row.cached { &self.cached } else { &self.computed };
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(rows)
    }
}

fn vector_problem(problem: &str) -> String {
    format!("the model's vector of it {problem}")
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

fn embed_images(
    batch: &RecordBatch,
    tower: &ImageTower,
    cache: Option<&Cache>,
    size: usize,
) -> Result<Vec<Embedded>, Error> {
    let images = Images::of(batch)?;
    let mut queue = Queue { tower, pixels: vec![0.0; size * tower.input_len()], waiting: Vec::new() };
    let mut rows: Vec<Embedded> = Vec::with_capacity(batch.num_rows());
    for i in 0..batch.num_rows() {
        if let Some(error) = images.error(i) {
            rows.push(Embedded { content: None, vector: Err(error.into()), new: false, cached: false, flaw: None });
            continue;
        }
        let bytes = match images.read(i) {
            Ok(bytes) => bytes,
            Err(problem) => {
                rows.push(Embedded { content: None, vector: Err(problem), new: true, cached: false, flaw: None });
                continue;
            }
        };
        let content = *blake3::hash(&bytes).as_bytes();
        let cached = cache.and_then(|cache| cache.get(&content));
        let decoded = match &cached {
            Some(_) => None,
            None => Some(image::decode_with_flaw(&bytes, tower.background(), tower.edge()).map_err(|e| e.to_string())),
        };
        let vector = match &decoded {
            Some(Err(problem)) => Err(problem.clone()),
            _ => Ok(cached.unwrap_or_default()),
        };
        let cached = decoded.is_none();
        let flaw = decoded.as_ref().and_then(|decoded| decoded.as_ref().ok()?.1.clone());
        rows.push(Embedded { content: Some(content), vector, new: true, cached, flaw });
        if let Some(Ok((rgb, _))) = decoded {
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

    fn run(&mut self, rows: &mut [Embedded], cache: Option<&Cache>) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.pixels[self.waiting.len() * self.tower.input_len()..].fill(0.0);
        let vectors = self.tower.embed(self.pixels.clone(), self.waiting.len())?;
        if let Some(cache) = cache {
            // A flaw is told of every time, so such a picture is decoded every time.
            let made = self.waiting.iter().zip(&vectors).filter(|(row, _)| rows[**row].flaw.is_none());
            let made = made.filter_map(|(row, vector)| Some((rows[*row].content?, vector.as_deref().ok()?)));
            cache.put(&made.collect::<Vec<_>>());
        }
        for (row, vector) in self.waiting.drain(..).zip(vectors) {
            rows[row].vector = vector.map_err(vector_problem);
        }
        Ok(())
    }
}
