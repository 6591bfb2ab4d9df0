//! Where models are, and where package managers put what this program takes from other people's packages: ONNX Runtime's
//! library, models that read.

use std::path::{Path, PathBuf};

/// Where `--model NAME` looks: `$POKEDEX_MODELS`, else `pokedex/models` in the user's data folder.
pub fn models_folder() -> Option<PathBuf> {
    match std::env::var_os("POKEDEX_MODELS") {
        Some(folder) => Some(folder.into()),
        None => dirs::data_dir().map(|folder| folder.join("pokedex/models")),
    }
}

/// Where `pip install --target` is told to put packages for this program.
pub(super) fn own_folder() -> Option<PathBuf> {
    dirs::data_dir().map(|folder| folder.join("pokedex/lib"))
}

/// What a user says to it, for hints.
pub(super) fn own_folder_in_words() -> String {
    own_folder().map_or_else(|| "~/.local/share/pokedex/lib".into(), |folder| folder.display().to_string())
}

/// Where Pythons are that a user chose: an environment that is active, and the user's own.
pub(super) fn chosen() -> Vec<PathBuf> {
    let variables = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter();
    let mut prefixes: Vec<PathBuf> = variables.filter_map(std::env::var_os).map(PathBuf::from).collect();
    prefixes.extend(dirs::home_dir().map(|home| home.join(".local")));
    prefixes
}

/// Where systems and their package managers install.
pub(super) fn of_systems() -> [PathBuf; 4] {
    ["/usr/local", "/usr", "/opt/homebrew", "/opt/onnxruntime"].map(PathBuf::from)
}

/// Where the packages of all these Pythons lie.
pub(super) fn packages() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for prefix in chosen().into_iter().chain(of_systems()) {
        for python in entries(&prefix.join("lib")).filter(|path| file_name(path).starts_with("python3")) {
            folders.extend(["site-packages", "dist-packages"].map(|packages| python.join(packages)));
        }
    }
    folders
}

/// What is in a folder; nothing where there is none.
pub(super) fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
