//! A model that is another one and a linear map of its pictures' vectors: what `train --method adapter` makes.
//!
//! Hides: the two files of such a folder, and where its base is looked for. Promises: the vectors are those that `embed` has
//! from the base, mapped, whether they are made of pictures or of the base's vectors in a table; texts have the base's vectors;
//! a folder whose base is not there, or is another one, is no model.

use std::path::{Component, Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::find::{ADAPTER, is_adapter, name_in, split_layer};
use super::identity::{clean, digest_file};
use super::making::{self, Making};
use super::{Engine, Error, Model, ModelId, configuration, normalise};
use crate::failure::Failure;
use crate::io::map;
use crate::matrix;

/// The file of the map, and the matrix in it.
const WEIGHTS: &str = "adapter.safetensors";
const MATRIX: &str = "image.weight";

/// A linear map of vectors of a base.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// The model whose vectors are mapped.
    pub base: ModelId,
    /// How it was learnt, and what was measured then, by names of figures.
    pub facts: Map<String, Value>,
    /// Row after row.
    weights: Vec<f32>,
    /// Where it lies.
    folder: PathBuf,
}

impl Adapter {
    /// Maps vectors of the base, each of length 1, one after the other, in place; `false` where one is left without a direction.
    ///
    /// What becomes of a vector does not depend on the others.
    pub fn apply(&self, vectors: &mut [f32]) -> bool {
        let dimension = self.weights.len().isqrt();
        let before = vectors.to_vec();
        matrix::by_transposed(&before, &self.weights, dimension, vectors);
        let usable = |vector: &mut [f32]| normalise(vector);
        vectors.chunks_exact_mut(dimension).map(usable).filter(|usable| !usable).count() == 0
    }

    /// Its folder, as `--model` takes it.
    pub fn folder(&self) -> String {
        let folder = self.folder.display().to_string();
        if folder.contains('/') { folder } else { format!("./{folder}") }
    }

    /// Opens the folder of a new adapter before the work begins.
    ///
    /// # Errors
    /// It holds somebody's files (unless `force` says that they may be replaced), or cannot be written.
    pub fn place(path: &Path, force: bool, threads: usize) -> Result<Making, Failure> {
        Making::at(path, making::ADAPT, ADAPTER, force, threads)
    }

    /// Writes the folder of an adapter of `base`, which was named as `named` (`None`: it is found by its identity), and gives
    /// the new model's identity. `weights` is the matrix, row after row; it is multiplied with a vector from the left.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(
        making: Making,
        base: &ModelId,
        named: Option<&str>,
        weights: &[f32],
        facts: Map<String, Value>,
    ) -> Result<ModelId, Failure> {
        let folder = making.folder();
        let path = folder.join("");
        let name = clean(&name_in(&path.canonicalize().unwrap_or(path)));
        let dimension = weights.len().isqrt();
        let numbers: Vec<u8> = weights.iter().flat_map(|x| x.to_le_bytes()).collect();
        let matrix = TensorView::new(Dtype::F32, vec![dimension, dimension], &numbers).expect("a square of numbers");
        let bytes = safetensors::serialize([(MATRIX, matrix)], None).expect("one tensor");
        folder.write(WEIGHTS, &bytes)?;
        let at = named.and_then(|named| from_folder(&folder.join(""), named));
        let id = identity(name.clone(), base, &bytes);
        making.finish(&mut json!({
            "format": 1, "name": name, "base": base.full(), "base_at": at, "dimension": dimension, "facts": facts,
        }))?;
        Ok(id)
    }
}

impl Model {
    /// The adapter in a folder, with its base.
    pub(super) fn open_adapter(folder: &Path, engine: Engine) -> Result<Model, Error> {
        let fail = |problem: String| Error::NotAModel { path: folder.to_path_buf(), problem };
        let config = configuration::read(&folder.join(ADAPTER)).map_err(|e| fail(format!("{ADAPTER}: {e}")))?;
        let config: Config = serde_json::from_slice(&config).map_err(|e| fail(format!("{ADAPTER}: {e}")))?;
        let damaged = |what: &str| fail(format!("{ADAPTER}: {what}"));
        if config.format != 1 {
            return Err(damaged(&format!("format {} is not known to this version", config.format)));
        }
        if clean(&config.name) != config.name || config.name.is_empty() {
            let name = config.name.escape_debug();
            return Err(damaged(&format!("the name `{name}` has characters that no name of a model has")));
        }
        let base = ModelId::parse(&config.base).ok_or_else(|| damaged("`base` is no name with 64 hex digits"))?;
        let file = |problem: String| fail(format!("{WEIGHTS}: {problem}"));
        let bytes = map(&folder.join(WEIGHTS)).map_err(|e| file(e.to_string()))?;
        let weights = matrix_of(&bytes, config.dimension).map_err(file)?;
        let model = base_of(folder, &base, config.base_at.as_deref(), engine)?;
        if model.dimension() != config.dimension {
            let what = format!("maps vectors of {} numbers, and its base has {}", config.dimension, model.dimension());
            return Err(damaged(&what));
        }
        let id = identity(config.name, &base, &bytes);
        let adapter = Adapter { base, facts: config.facts, weights, folder: folder.to_path_buf() };
        Ok(Model { id, adapter: Some(adapter.into()), ..model })
    }
}

/// `adapter.json`.
#[derive(serde::Deserialize)]
struct Config {
    format: u32,
    name: String,
    base: String,
    /// The base as `--model` takes it, a path being one from the folder of the adapter.
    base_at: Option<String>,
    dimension: usize,
    #[serde(default)]
    facts: Map<String, Value>,
}

/// What could give other vectors: the base, and the map.
fn identity(name: String, base: &ModelId, weights: &[u8]) -> ModelId {
    let mut hasher = Sha256::new();
    digest_file(&mut hasher, "base", &base.digest);
    digest_file(&mut hasher, WEIGHTS, weights);
    ModelId { name, digest: hasher.finalize().into() }
}

fn matrix_of(bytes: &[u8], dimension: usize) -> Result<Vec<f32>, String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|_| "it is damaged")?;
    let tensor = tensors.tensor(MATRIX).map_err(|_| format!("has no `{MATRIX}`"))?;
    if dimension == 0 || tensor.shape() != [dimension, dimension] || tensor.dtype() != Dtype::F32 {
        let (shape, kind) = (tensor.shape(), tensor.dtype());
        return Err(format!("its `{MATRIX}` is {shape:?} of {kind:?}, not {dimension} by {dimension} of F32"));
    }
    let numbers: Vec<f32> = tensor.data().as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect();
    match numbers.iter().all(|x| x.is_finite()) {
        true => Ok(numbers),
        false => Err(format!("its `{MATRIX}` holds a number that is not finite")),
    }
}

/// The base: the built-in model, what is where the adapter says, else an installed model of that identity.
fn base_of(folder: &Path, base: &ModelId, at: Option<&str>, engine: Engine) -> Result<Model, Error> {
    let fail = |problem| Error::NoBase { path: folder.to_path_buf(), base: base.full(), problem };
    let there = at.map(|at| folder.join(at).to_string_lossy().into_owned());
    let mut problem = "is not here".to_string();
    if let Some(there) = &there {
        match find_as(there, base, engine) {
            Ok(Ok(model)) => return Ok(model),
            Ok(Err(other)) => problem = format!("is not what lies in {there}: that is {other}"),
            Err(error) => problem = format!("cannot be read: {error}"),
        }
    }
    Model::unadapted(&base.to_string()).filter(|model| model.id == *base).ok_or_else(|| fail(problem))
}

/// The model of this name, if it is the one that is wanted; else what it is. A model of 8-bit integers is another one in each
/// engine.
fn find_as(name: &str, wanted: &ModelId, engine: Engine) -> Result<Result<Model, ModelId>, Error> {
    if is_adapter(Path::new(name)) {
        return Err(Error::NotAModel { path: name.into(), problem: "it is an adapter itself".into() });
    }
    let model = Model::find(name, engine)?;
    if model.id == *wanted {
        return Ok(Ok(model));
    }
    let others = [Engine::Rten, Engine::Ort].into_iter().filter(|_| model.is_quantised());
    let other = others.filter_map(|engine| Model::find(name, engine).ok()).find(|model| model.id == *wanted);
    Ok(other.ok_or(model.id))
}

/// A model's path as it is seen from a folder; `None` of what is no path.
fn from_folder(folder: &Path, named: &str) -> Option<String> {
    let is_file = split_layer(named).is_some();
    if !is_file && !named.contains('/') {
        return None;
    }
    // What follows a name (`:fp16`, `#output`) is no part of what is on the disk.
    let place = Path::new(named);
    let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (from, to) = (folder.canonicalize().ok()?, parent.canonicalize().ok()?.join(place.file_name()?));
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(common)).collect();
    Some(path.to_string_lossy().into_owned())
}
