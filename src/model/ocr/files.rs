//! The files of a model that reads text, wherever they are.

use std::path::{Path, PathBuf};

use crate::model::error::Error;
use crate::model::places::{self, entries, file_name, models_folder};

/// The Python package that brings such a model, and its folder of models.
const PACKAGE: &str = "rapidocr";
const WITHIN: &str = "models";

/// The files of one model; paths are relative to the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub folder: PathBuf,
    /// Finds lines.
    pub detector: PathBuf,
    /// Reads a line.
    pub recogniser: PathBuf,
    /// Tells whether a line stands on its head.
    pub classifier: Option<PathBuf>,
}

impl Files {
    /// The model of this name: a folder of the models folder, or with a slash any folder; without a name the first that is
    /// installed.
    ///
    /// # Errors
    /// There is none, or what is there is not one.
    pub(super) fn find(name: Option<&str>) -> Result<Files, Error> {
        let Some(name) = name else {
            return installed().iter().find_map(|folder| Files::of(folder).ok()).ok_or(Error::NoOcr);
        };
        let own = models_folder().map(|folder| folder.join(name)).filter(|folder| folder.is_dir());
        let folder = match own {
            Some(folder) if !name.contains('/') => folder,
            _ => PathBuf::from(name),
        };
        Files::of(&folder).map_err(|problem| Error::NotOcr { path: folder, problem })
    }

    /// The model in a folder, or in the folder of models within it.
    ///
    /// # Errors
    /// What is wrong with it, for a message.
    pub(super) fn of(folder: &Path) -> Result<Files, String> {
        if !folder.is_dir() {
            return Err("there is no such folder".into());
        }
        let inner = folder.join(WITHIN);
        let folder = if inner.is_dir() { &inner } else { folder };
        let mut files: Vec<PathBuf> = entries(folder).map(|path| PathBuf::from(file_name(&path))).collect();
        files.sort();
        let only = |what: &str| -> Result<Option<PathBuf>, String> {
            let mut found = files.iter().filter(|file| is_for(file, what));
            match (found.next(), found.next()) {
                (Some(first), Some(second)) => {
                    let (first, second) = (first.display(), second.display());
                    Err(format!("{first} and {second} are both there: make a folder with one of them"))
                }
                (first, _) => Ok(first.cloned()),
            }
        };
        Ok(Files {
            detector: only("det")?.ok_or("there is no *det*.onnx in it")?,
            recogniser: only("rec")?.ok_or("there is no *rec*.onnx in it")?,
            classifier: only("cls")?,
            folder: folder.to_path_buf(),
        })
    }
}

/// Whether a folder holds a model that reads text.
pub(in crate::model) fn is_one(folder: &Path) -> bool {
    Files::of(folder).is_ok()
}

/// Whether an ONNX file is for this, by a word of its name: `PP-OCRv6_rec_small.onnx` is for `rec`.
fn is_for(file: &Path, what: &str) -> bool {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_onnx = file.extension().is_some_and(|extension| extension == "onnx");
    is_onnx && stem.split(|c: char| !c.is_alphanumeric()).any(|word| word == what)
}

/// The folders of the models folder, by name.
pub(super) fn named() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = models_folder().iter().flat_map(|folder| entries(folder)).collect();
    folders.sort();
    folders
}

/// Folders in which a model may be: those of the models folder, then where Python packages lie.
fn installed() -> Vec<PathBuf> {
    let mut folders = named();
    let packages = places::own_folder().into_iter().chain(places::packages());
    folders.extend(packages.map(|packages| packages.join(PACKAGE)));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_told_by_the_words_of_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str| std::fs::write(folder.path().join(name), "").expect("writable");
        assert_eq!(Files::of(folder.path()).expect_err("none").to_string(), "there is no *det*.onnx in it");
        for name in ["PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx", "rec_dict.txt", "record.onnx"] {
            write(name);
        }
        let files = Files::of(folder.path()).expect("a model");
        assert_eq!(files.recogniser, Path::new("PP-OCRv6_rec_small.onnx"));
        assert_eq!(files.classifier, None);
        write("latin-rec.onnx");
        assert!(Files::of(folder.path()).expect_err("two").contains("make a folder with one"));
    }
}
