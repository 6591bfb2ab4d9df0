//! What can go wrong with a model, and what the user can do about it.

use std::path::{Path, PathBuf};

use super::{hub, places, split_variant};

/// What can go wrong with a model.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error("{name}: no such model")]
    Unknown { name: String, installed: Vec<String> },
    #[error("{}: not a model folder: {problem}", path.display())]
    NotAModel { path: PathBuf, problem: String },
    #[error("{}: not a model of pictures: {problem}", path.display())]
    File { path: PathBuf, problem: String },
    #[error("{}: which of its values is the vector? its outputs are {}", path.display(), outputs.join(", "))]
    NoVector { path: PathBuf, outputs: Vec<String> },
    #[error("no model that reads text was found on this machine")]
    NoOcr,
    #[error("{}: not a model that reads text: {problem}", path.display())]
    NotOcr { path: PathBuf, problem: String },
    #[error("{file}: cannot load: {problem}")]
    Load { file: String, problem: String },
    #[error("model {model}: has no {tower} tower")]
    NoTower { model: String, tower: &'static str },
    #[error("{}: its base {base} {problem}", path.display())]
    NoBase { path: PathBuf, base: String, problem: String },
    #[error("model {model}: {problem}")]
    Run { model: String, problem: String },
    #[error("model {model}: cannot be quantised: {problem}")]
    Quantise { model: String, problem: String },
    #[error("model {model}: its vector of {of} {problem}")]
    NoDirection { model: String, of: String, problem: &'static str },
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Unknown { name, installed } => Some(unknown_model(name, installed)),
            Error::NotAModel { path, .. } | Error::File { path, .. } if !path.exists() => {
                Some("check the spelling; `pokedex model list` shows the models that are installed by name".into())
            }
            Error::NotAModel { path, .. } | Error::File { path, .. } if is_parquet(path) => {
                Some("a table is no model; what `train` learnt is a head: pokedex classify photos/ --head HEAD".into())
            }
            Error::NotAModel { .. } => Some("`pokedex model --help` tells which folders are understood".into()),
            Error::NoBase { base, .. } => {
                let name = base.split('@').next().unwrap_or(base);
                Some(format!(
                    "put that model back, or where `pokedex model list` finds it (a link in the models folder will do); \
                     or adapt the one that is there: pokedex train EMBEDDINGS --method adapter --model {name} -o DIR"
                ))
            }
            Error::NoOcr => Some(format!("{}, or --model DIR of your own", how_to_read())),
            Error::NotOcr { .. } => {
                Some(format!("one is a folder with *det*.onnx and *rec*.onnx, as in: {}", how_to_read()))
            }
            Error::NoVector { path, .. } => {
                Some(format!("--model {}#NAME, of an output or of a value inside its graph", path.display()))
            }
            Error::NoTower { tower: "text", .. } => {
                Some("search by pictures: an argument that begins with ./ or img: is one".into())
            }
            _ => None,
        }
    }
}

/// How a user gets a model that reads text, in one command.
fn how_to_read() -> String {
    format!("pip install --no-deps --target {} rapidocr", places::own_folder_in_words())
}

/// Whether a file is called what heads are called.
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// What helps who named a model that is not here: how it comes here, or which one was probably meant.
fn unknown_model(name: &str, installed: &[String]) -> String {
    let (name, _) = split_variant(name);
    if let Some(known) = hub::short_name(name) {
        return format!("pokedex model pull {known}");
    }
    let folder = "a folder is given with a slash: --model ./FOLDER";
    let slips = |known: &str| strsim::osa_distance(&name.to_lowercase(), &known.to_lowercase());
    let near = installed.iter().map(String::as_str).min_by_key(|known| slips(known));
    let near = near.filter(|known| slips(known) <= known.len() / 4 + 1).map(|known| format!("--model {known}"));
    let near = near.or_else(|| hub::nearest_short_name(name).map(|known| format!("pokedex model pull {known}")));
    let near = near.map_or(String::new(), |near| format!("did you mean: {near}; "));
    format!("{near}installed models: {}; {folder}", installed.join(", "))
}
