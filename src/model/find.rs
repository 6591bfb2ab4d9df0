//! Models by name: the built-in one, those in the models folder, folders and files.

use std::path::{Path, PathBuf};

use super::engine::Engine;
use super::error::{Error, is_parquet};
use super::identity::clean;
use super::places::models_folder;
use super::{Model, ocr, split_variant};
use crate::notes;

/// What says that a folder is an adapter, of which base, and how it was learnt.
pub(super) const ADAPTER: &str = "adapter.json";

impl Model {
    /// The model of this name (the built-in one, or a folder of the models folder), or in this folder where it
    /// contains a `/`. A variant may follow: `clip:int8`. What ends in `.onnx` is a file, and the name of one of its
    /// values may follow: `yolo.onnx#output0`.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn find(name: &str, engine: Engine) -> Result<Model, Error> {
        let builtin = Model::builtin();
        if name == builtin.id.name || name == "builtin" {
            return Ok(Model { engine, asked: engine, ..builtin });
        }
        if let Some((file, layer)) = split_layer(name) {
            return Model::open_file(Path::new(file), layer, engine);
        }
        let (name, variant) = split_variant(name);
        if name.contains('/') {
            return Model::open(Path::new(name), variant, engine);
        }
        match models_folder().map(|folder| folder.join(name)).filter(|folder| folder.is_dir()) {
            Some(folder) => Model::open(&folder, variant, engine),
            None => {
                let mut installed = vec![builtin.id.name];
                let opens = |folder: &&PathBuf| Model::open(folder, None, Engine::Auto).is_ok();
                installed.extend(installed_folders().iter().filter(opens).map(|folder| name_in(folder)));
                let file = Path::new(name);
                match is_parquet(file) && file.is_file() {
                    true => Err(Error::NotAModel { path: file.into(), problem: "it is a table".into() }),
                    false => Err(Error::Unknown { name: name.into(), installed }),
                }
            }
        }
    }

    /// The installed model of this short identity, whichever variant and engine made it.
    pub fn of(id: &str) -> Option<Model> {
        Model::installed(id, |_| true)
    }

    /// As [`Model::of`], but of models that can be the base of others.
    pub(super) fn unadapted(id: &str) -> Option<Model> {
        Model::installed(id, |folder| !is_adapter(folder))
    }

    fn installed(id: &str, which: impl Fn(&Path) -> bool) -> Option<Model> {
        // The built-in one is compared first, since others must be read to be known.
        let builtin = Model::builtin();
        if builtin.id.to_string() == id {
            return Some(builtin);
        }
        let (name, _) = id.split_once('@')?;
        let (_, variant) = split_variant(name);
        installed_folders().iter().filter(|folder| which(folder)).find_map(|folder| {
            let open = |engine| Model::open(folder, variant, engine).ok();
            let is_it = |model: &Model| model.id.to_string() == id;
            let model = open(Engine::Auto)?;
            // Only 8-bit models are another one in each engine.
            let quantised = model.is_quantised();
            let others = || [Engine::Rten, Engine::Ort].into_iter().filter_map(open).find(is_it);
            Some(model).filter(is_it).or_else(|| if quantised { others() } else { None })
        })
    }

    /// The built-in model and those in the models folder that can be opened.
    pub fn list() -> Vec<Model> {
        let mut models = vec![Model::builtin()];
        models.extend(installed_folders().iter().filter(|folder| !ocr::is_one(folder)).filter_map(|folder| {
            let broken = |error: Error| notes::say(&format!("model {}", folder.display()), error.to_string());
            Model::open(folder, None, Engine::Auto).map_err(broken).ok()
        }));
        models
    }
}

/// Whether a folder is an adapter.
pub fn is_adapter(folder: &Path) -> bool {
    folder.join(ADAPTER).is_file()
}

/// Whether a name is that of an ONNX file, and the value of its graph that is named after it: `yolo.onnx#output0`.
pub(super) fn split_layer(name: &str) -> Option<(&str, Option<&str>)> {
    match name.split_once(".onnx#") {
        Some((file, layer)) => Some((&name[..file.len() + ".onnx".len()], Some(layer))),
        None => name.ends_with(".onnx").then_some((name, None)),
    }
}

/// What a model in a folder is called: as the folder; in the hub's cache as the repository.
pub(super) fn name_of(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let mut names = folder.components().rev().map(|part| part.as_os_str().to_string_lossy());
    let repository = names.find_map(|name| name.strip_prefix("models--").map(str::to_string));
    match repository {
        Some(repository) => clean(repository.rsplit("--").next().unwrap_or_default()),
        None => clean(&name_in(&folder)),
    }
}

pub(super) fn name_in(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The folders of the models folder, by name.
fn installed_folders() -> Vec<PathBuf> {
    let entries = models_folder().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir() && !name_in(path).starts_with('.')).collect();
    folders.sort();
    folders
}
